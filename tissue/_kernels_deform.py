"""
Kernels of what the velocity gradient does to points: exponentials of small matrices, applied to matrices and vectors.

In two dimensions exp(t I + M) = exp(t) (cosh(r) I + sinh(r) / r M) with M without trace and r^2 = -det M, of which cosh
and sinh are cos and sin where det M is positive. In three by the exponential's series after halving, and squaring.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from tissue._jit import Kernel, bare, kernel

_device = bare()
PARALLEL_POINTS = 16384  # for fewer, waking the threads costs more than the work
CHUNK = 1024  # points that share room to work in
TERMS = 12  # of the series, of matrices of at most 1/4: what is left out is below rounding
SMALL = 0.25
MOST_HALVINGS = 64  # beyond which the exponential is no number


@_device
def _waves(square):  # type: ignore[no-untyped-def]
    """cosh(r) and sinh(r) / r of r^2, which may be negative."""
    if square > 0.0:
        r = math.sqrt(square)
        # near zero the difference of two exponentials would lose digits
        return math.cosh(r), math.sinh(r) / r
    if square < 0.0:
        r = math.sqrt(-square)
        return math.cos(r), math.sin(r) / r
    return 1.0, 1.0


@_device
def _deform_2(gradient, dt, before, q, after):  # type: ignore[no-untyped-def]
    half = 0.5 * dt
    a, d = half * (gradient[q, 0, 0] - gradient[q, 1, 1]), half * (gradient[q, 0, 0] + gradient[q, 1, 1])
    b, c = dt * gradient[q, 0, 1], dt * gradient[q, 1, 0]
    along, across = _waves(a * a + b * c)
    grown = math.exp(d)
    along, across = grown * along, grown * across
    for k in range(2):
        x, y = before[q, 0, k], before[q, 1, k]
        after[q, 0, k] = along * x + across * (a * x + b * y)
        after[q, 1, k] = along * y + across * (c * x - a * y)


@_device
def _product(a, b, out):  # type: ignore[no-untyped-def]
    for i in range(3):
        for j in range(3):
            out[i, j] = a[i, 0] * b[0, j] + a[i, 1] * b[1, j] + a[i, 2] * b[2, j]


@_device
def _exponential_3(m, total, work):  # type: ignore[no-untyped-def]
    """total = exp(m), [3, 3]; m is changed."""
    largest = 0.0
    for i in range(3):
        largest = max(largest, abs(m[i, 0]) + abs(m[i, 1]) + abs(m[i, 2]))
    halvings = 0
    # written so that NaN stops it too
    while largest > SMALL and halvings < MOST_HALVINGS:
        largest *= 0.5
        halvings += 1
    scale = 0.5**halvings
    for i in range(3):
        for j in range(3):
            m[i, j] *= scale
            total[i, j] = m[i, j] / TERMS + (1.0 if i == j else 0.0)
    for k in range(TERMS - 1, 0, -1):
        _product(m, total, work)
        for i in range(3):
            for j in range(3):
                total[i, j] = work[i, j] / k + (1.0 if i == j else 0.0)
    for _ in range(halvings):
        _product(total, total, work)
        total[:] = work


@_device
def _deform_3(gradient, dt, before, first, last, after):  # type: ignore[no-untyped-def]
    m, total, work = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    for q in range(first, last):
        for i in range(3):
            for j in range(3):
                m[i, j] = dt * gradient[q, i, j]
        _exponential_3(m, total, work)
        _product(total, before[q], after[q])


@bare(parallel=True)
def _parallel_2(gradient, dt, before, after):  # type: ignore[no-untyped-def]
    for q in numba.prange(gradient.shape[0]):
        _deform_2(gradient, dt, before, q, after)


@bare(parallel=True)
def _parallel_3(gradient, dt, before, after):  # type: ignore[no-untyped-def]
    n = gradient.shape[0]
    for chunk in numba.prange((n + CHUNK - 1) // CHUNK):
        _deform_3(gradient, dt, before, chunk * CHUNK, min(n, (chunk + 1) * CHUNK), after)


def _in_plane(gradient, dt, before, after):  # type: ignore[no-untyped-def]
    """after = exp(gradient dt) before, [n, 2, 2]."""
    if gradient.shape[0] >= PARALLEL_POINTS:
        _parallel_2(gradient, dt, before, after)
    else:
        for q in range(gradient.shape[0]):
            _deform_2(gradient, dt, before, q, after)


def _in_space(gradient, dt, before, after):  # type: ignore[no-untyped-def]
    """after = exp(gradient dt) before, [n, 3, 3]."""
    if gradient.shape[0] >= PARALLEL_POINTS:
        _parallel_3(gradient, dt, before, after)
    else:
        _deform_3(gradient, dt, before, 0, gradient.shape[0], after)


_signature = "void(f8[:,:,::1], f8, f8[:,:,::1], f8[:,:,::1])"
deform: dict[int, Kernel] = {
    2: kernel(_signature, error_model="numpy")(_in_plane),
    3: kernel(_signature, error_model="numpy")(_in_space),
}


@_device
def _turn_2(gradient, dt, alignment, axes, q, out):  # type: ignore[no-untyped-def]
    """Over exp(r), so that no stretch is too large. Returns the largest of what is in M."""
    half = 0.5 * dt
    a = half * alignment * (gradient[q, 0, 0] - gradient[q, 1, 1])
    b = half * alignment * (gradient[q, 0, 1] + gradient[q, 1, 0])
    w = half * (gradient[q, 1, 0] - gradient[q, 0, 1])
    square = a * a + b * b - w * w
    along, across = 1.0, 1.0
    if square > 0.0:
        r = math.sqrt(square)
        left = math.expm1(-2.0 * r)
        along, across = 1.0 + 0.5 * left, -0.5 * left / r
    elif square < 0.0:
        r = math.sqrt(-square)
        along, across = math.cos(r), math.sin(r) / r
    x, y = axes[q, 0], axes[q, 1]
    u = along * x + across * (a * x + (b - w) * y)
    v = along * y + across * ((b + w) * x - a * y)
    length = math.hypot(u, v)
    if length > 0.0:
        out[q, 0], out[q, 1] = u / length, v / length
    else:
        out[q, 0], out[q, 1] = x, y
    return max(abs(a), max(abs(b), abs(w)))


@bare(parallel=True)
def _turn_parallel(gradient, dt, alignment, axes, most, out):  # type: ignore[no-untyped-def]
    n = gradient.shape[0]
    bad = np.full((n + CHUNK - 1) // CHUNK, n)
    for chunk in numba.prange(bad.size):
        for q in range(chunk * CHUNK, min(n, (chunk + 1) * CHUNK)):
            if not _turn_2(gradient, dt, alignment, axes, q, out) <= most and bad[chunk] == n:
                bad[chunk] = q
    return bad.min()


@kernel("i8(f8[:,:,::1], f8, f8, f8[:,::1], f8, f8[:,::1])", error_model="numpy")
def turn(gradient, dt, alignment, axes, most, out):  # type: ignore[no-untyped-def]
    """Unit vectors [n, 2] after dt; returns the first point that would turn or stretch by more than `most`, or n."""
    n = gradient.shape[0]
    if n >= PARALLEL_POINTS:
        return _turn_parallel(gradient, dt, alignment, axes, most, out)
    first = n
    for q in range(n):
        if not _turn_2(gradient, dt, alignment, axes, q, out) <= most and first == n:
            first = q
    return first


__all__: list[Any] = ["deform", "turn"]
