"""
Kernels of diffusion between cells of different fractions, with decay of their own, in two and three dimensions.

    (A c)_i = sum over neighbours j of g m(phi_i, phi_j) (c_i / phi_i - c_j / phi_j)  +  k_i c_i

with the harmonic mean m, which is zero where either is. `share` is 1 / phi, zero where phi is. `g` holds the
conductances of the axes; its length is the dimension, known when the kernel is compiled. `wrap` is 1 where the
axis is periodic; nothing passes through other sides.
"""

from __future__ import annotations

import numba
import numpy as np

from tissue._jit import both
from tissue._kernels_transport import PARALLEL_CELLS

_device = numba.njit(error_model="numpy")
_inline = numba.njit(error_model="numpy", forceinline=True)
# less than any fraction but zero
LEAST = 1e-30


@_inline
def _beside(i, step, n, wrap):  # type: ignore[no-untyped-def]
    """The neighbour of cell i, itself where there is none."""
    k = i + step
    if 0 <= k < n:
        return k
    return (k % n) if wrap else i


@_inline
def _passes(c, fraction, share, at, other):  # type: ignore[no-untyped-def]
    a, b = fraction[at], fraction[other]
    return 2.0 * a * b / max(a + b, LEAST) * (c[at] * share[at] - c[other] * share[other])


@_inline
def _term_cell(g, c, older, total, fraction, share, decay, weight, first, at, down0, up0, down1, up1, low, high):  # type: ignore[no-untyped-def]
    """The next Chebyshev polynomial at one cell; the neighbours are that far away in memory."""
    left = g[0] * (_passes(c, fraction, share, at, at + down0) + _passes(c, fraction, share, at, at + up0))
    if len(g) == 3:
        left += g[1] * (_passes(c, fraction, share, at, at + down1) + _passes(c, fraction, share, at, at + up1))
    left += g[len(g) - 1] * (_passes(c, fraction, share, at, at + low) + _passes(c, fraction, share, at, at + high))
    new = left + (decay[at] - 1.0) * c[at]
    if not first:
        new = 2.0 * new - older[at]
    older[at] = new
    total[at] += weight * new


@_device
def _term_line(q, g, c, older, total, fraction, share, decay, shape, wrap, weight, first):  # type: ignore[no-untyped-def]
    """
    The next Chebyshev polynomial over `older`, for one line along the last axis; added to `total` with its weight.

    T_1 = A c - c the first time, T_(k+1) = 2 (A T_k - T_k) - T_(k-1) after that.
    """
    n, last = shape[len(g) - 1], wrap[len(g) - 1]
    if len(g) == 3:
        i, j = q // shape[1], q % shape[1]
        plane = shape[1] * n
        d1, u1 = (_beside(j, -1, shape[1], wrap[1]) - j) * n, (_beside(j, 1, shape[1], wrap[1]) - j) * n
    else:
        i, plane, d1, u1 = q, n, 0, 0
    d0, u0 = (_beside(i, -1, shape[0], wrap[0]) - i) * plane, (_beside(i, 1, shape[0], wrap[0]) - i) * plane
    at, around = q * n, n - 1 if last else 0
    _term_cell(g, c, older, total, fraction, share, decay, weight, first, at, d0, u0, d1, u1, around, 1)
    for k in range(at + 1, at + n - 1):
        _term_cell(g, c, older, total, fraction, share, decay, weight, first, k, d0, u0, d1, u1, -1, 1)
    _term_cell(g, c, older, total, fraction, share, decay, weight, first, at + n - 1, d0, u0, d1, u1, -1, -around)


@numba.njit(parallel=True, error_model="numpy")
def _term_parallel(g, c, older, total, fraction, share, decay, shape, wrap, weight, first):  # type: ignore[no-untyped-def]
    for q in numba.prange(c.size // shape[len(g) - 1]):
        _term_line(np.int64(q), g, c, older, total, fraction, share, decay, shape, wrap, weight, first)


@_device
def _term(g, c, older, total, fraction, share, decay, shape, wrap, weight, first):  # type: ignore[no-untyped-def]
    if c.size >= PARALLEL_CELLS:
        _term_parallel(g, c, older, total, fraction, share, decay, shape, wrap, weight, first)
    else:
        for q in range(c.size // shape[len(g) - 1]):
            _term_line(np.int64(q), g, c, older, total, fraction, share, decay, shape, wrap, weight, first)


def _series(g, c, other, total, fraction, share, decay, shape, wrap, weights):  # type: ignore[no-untyped-def]
    """
    total += sum of weights[k] T_k(A - 1) c, where A has been scaled so that its eigenvalues lie in 0 ... 2.

    c and other are overwritten.
    """
    for at in range(c.size):
        total[at] += weights[0] * c[at]
    for k in range(1, weights.size):
        if k % 2 == 1:
            _term(g, c, other, total, fraction, share, decay, shape, wrap, weights[k], k == 1)
        else:
            _term(g, other, c, total, fraction, share, decay, shape, wrap, weights[k], False)


series = both(_series, "f8[::1], f8[::1], f8[::1], f8[::1], f8[::1], f8[::1], {integers}, {integers}, f8[::1]")
