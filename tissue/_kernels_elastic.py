"""
Kernels of elastic memory: one small matrix for each point, stretched and relaxed over a step.

With N = L - I / (2 tau), E(t) = exp(N t) and Q(t) the integral of E(s) E(s)^T / tau from 0 to t, a conformation becomes
E A E^T + Q. Over a small part of the step both are power series; then E(2 t) = E(t)^2 and Q(2 t) = Q(t) + E(t) Q(t)
E(t)^T double it.
"""

from __future__ import annotations

import numba
import numpy as np

from tissue._jit import kernel

# Called and not copied in: compiling takes 3 s instead of 40.
_device = numba.njit(error_model="numpy")

# Points to a piece of work, which has its own scratch.
PIECE = 256
# The series are summed where |N| t is at most SMALL; what TERMS terms leave is then below rounding.
SMALL = 0.0625
TERMS = 10


@_device
def _product(a, b, out, dim):  # type: ignore[no-untyped-def]
    for i in range(dim):
        for j in range(dim):
            total = 0.0
            for k in range(dim):
                total += a[i, k] * b[k, j]
            out[i, j] = total


@_device
def _copy(a, out, dim):  # type: ignore[no-untyped-def]
    for i in range(dim):
        for j in range(dim):
            out[i, j] = a[i, j]


@_device
def _add_turned(e, a, out, scratch, dim):  # type: ignore[no-untyped-def]
    """out += e a e^T, symmetric to the last bit."""
    _product(e, a, scratch, dim)
    for i in range(dim):
        for j in range(i + 1):
            total = 0.0
            for k in range(dim):
                total += scratch[i, k] * e[j, k]
            out[i, j] += total
            if j < i:
                out[j, i] = out[i, j]


@_device
def _series(n, t, inverse_time, e, q, power, sums, scratch, dim):  # type: ignore[no-untyped-def]
    """E and Q over a small time: E as powers of N, E E^T as powers of the map C -> N C + C N^T."""
    for i in range(dim):
        for j in range(dim):
            e[i, j] = power[i, j] = sums[i, j] = 1.0 if i == j else 0.0
            q[i, j] = t * inverse_time * sums[i, j]
    factor, share = 1.0, t * inverse_time
    for term in range(1, TERMS + 1):
        factor *= t / term
        _product(n, power, scratch, dim)
        _copy(scratch, power, dim)
        _product(n, sums, scratch, dim)
        for i in range(dim):
            for j in range(dim):
                e[i, j] += factor * power[i, j]
                sums[i, j] = scratch[i, j] + scratch[j, i]
                q[i, j] += share * factor / (term + 1) * sums[i, j]


@_device
def _stretch(a, gradient, dt, inverse_time, work, dim):  # type: ignore[no-untyped-def]
    """The conformation a [dim, dim] after dt, in place."""
    n, e, q, power, sums, scratch = work[0], work[1], work[2], work[3], work[4], work[5]
    size = 0.0
    for i in range(dim):
        row = 0.0
        for j in range(dim):
            n[i, j] = gradient[i, j] - (0.5 * inverse_time if i == j else 0.0)
            row += abs(n[i, j])
        size = max(size, row)
    doublings, t = 0, dt
    while size * t > SMALL:
        t *= 0.5
        doublings += 1
    _series(n, t, inverse_time, e, q, power, sums, scratch, dim)
    for _ in range(doublings):
        _copy(q, power, dim)
        _add_turned(e, power, q, scratch, dim)
        _product(e, e, scratch, dim)
        _copy(scratch, e, dim)
    _add_turned(e, a, q, scratch, dim)
    _copy(q, a, dim)


@kernel("void(f8[:,:,::1], f8, f8[::1], f8[:,:,::1])", parallel=True, error_model="numpy")
def advance(gradient, dt, inverse_time, conformation):  # type: ignore[no-untyped-def]
    """conformation [n, dim, dim] after dt in a steady gradient [n, dim, dim]; inverse_time [n]."""
    total = conformation.shape[0]
    for piece in numba.prange((total + PIECE - 1) // PIECE):
        work = np.empty((6, gradient.shape[1], gradient.shape[1]))
        for q in range(piece * PIECE, min((piece + 1) * PIECE, total)):
            _stretch(conformation[q], gradient[q], dt, inverse_time[q], work, gradient.shape[1])
