"""
Kernels that read a velocity to move points by, and spread the forces of points by the transpose.

Both are quadratic along each component's own axis and linear along the others.

`fields` holds the components with what stands beyond the ends of each axis: along its own axis entry k is face k - 1,
along the others the centre of cell k - 1. `r` holds 1 / spacing. One kernel for each dimension.
"""

from __future__ import annotations

import numba
import numpy as np

from tissue._jit import device as _device
from tissue._jit import kernel

# For fewer points waking the threads costs more than the work.
PARALLEL_POINTS = 16384


@_device
def _quadratic(s):  # type: ignore[no-untyped-def]
    """The first of three faces around a coordinate in cells, and their weights (splines of order 2)."""
    k = int(np.floor(s + 0.5))
    t = s - k
    return k, 0.5 * (0.5 - t) ** 2, 0.75 - t * t, 0.5 * (0.5 + t) ** 2


@_device
def _linear(s):  # type: ignore[no-untyped-def]
    """The first of two centres around a coordinate in cells, and their weights."""
    j = int(np.floor(s + 0.5))
    return j, j + 0.5 - s, s - j + 0.5


@_device
def _read_2(r, fields, positions, q, out):  # type: ignore[no-untyped-def]
    s, t = positions[q, 0] * r[0], positions[q, 1] * r[1]
    i, a0, a1, a2 = _quadratic(s)
    j, d0, d1 = _linear(t)
    u = fields[0]
    low = a0 * u[i, j] + a1 * u[i + 1, j] + a2 * u[i + 2, j]
    out[q, 0] = d0 * low + d1 * (a0 * u[i, j + 1] + a1 * u[i + 1, j + 1] + a2 * u[i + 2, j + 1])
    j, b0, b1, b2 = _quadratic(t)
    i, c0, c1 = _linear(s)
    v = fields[1]
    low = b0 * v[i, j] + b1 * v[i, j + 1] + b2 * v[i, j + 2]
    out[q, 1] = c0 * low + c1 * (b0 * v[i + 1, j] + b1 * v[i + 1, j + 1] + b2 * v[i + 1, j + 2])


@_device
def _read_3(r, fields, positions, q, out):  # type: ignore[no-untyped-def]
    for axis in range(3):
        u = fields[axis]
        total = 0.0
        i, a0, a1, a2 = _weights(positions[q, 0] * r[0], axis == 0)
        j, b0, b1, b2 = _weights(positions[q, 1] * r[1], axis == 1)
        k, c0, c1, c2 = _weights(positions[q, 2] * r[2], axis == 2)
        for di in range(2 if axis != 0 else 3):
            a = a0 if di == 0 else (a1 if di == 1 else a2)
            for dj in range(2 if axis != 1 else 3):
                b = b0 if dj == 0 else (b1 if dj == 1 else b2)
                line = c0 * u[i + di, j + dj, k] + c1 * u[i + di, j + dj, k + 1]
                if axis == 2:
                    line += c2 * u[i + di, j + dj, k + 2]
                total += a * b * line
        out[q, axis] = total


@_device
def _weights(s, own):  # type: ignore[no-untyped-def]
    if own:
        return _quadratic(s)
    j, c0, c1 = _linear(s)
    return j, c0, c1, 0.0


@numba.njit(parallel=True, error_model="numpy")
def _carry_2_parallel(r, fields, positions, out):  # type: ignore[no-untyped-def]
    for q in numba.prange(positions.shape[0]):
        _read_2(r, fields, positions, q, out)


@numba.njit(parallel=True, error_model="numpy")
def _carry_3_parallel(r, fields, positions, out):  # type: ignore[no-untyped-def]
    for q in numba.prange(positions.shape[0]):
        _read_3(r, fields, positions, q, out)


@kernel("void(UniTuple(f8, 2), UniTuple(f8[:,::1], 2), f8[:,::1], f8[:,::1])", error_model="numpy")
def _carry_2(r, fields, positions, out):  # type: ignore[no-untyped-def]
    """out[n, 2] = the velocity at positions [n, 2]."""
    if positions.shape[0] >= PARALLEL_POINTS:
        _carry_2_parallel(r, fields, positions, out)
    else:
        for q in range(positions.shape[0]):
            _read_2(r, fields, positions, q, out)


@kernel("void(UniTuple(f8, 3), UniTuple(f8[:,:,::1], 3), f8[:,::1], f8[:,::1])", error_model="numpy")
def _carry_3(r, fields, positions, out):  # type: ignore[no-untyped-def]
    """out[n, 3] = the velocity at positions [n, 3]."""
    if positions.shape[0] >= PARALLEL_POINTS:
        _carry_3_parallel(r, fields, positions, out)
    else:
        for q in range(positions.shape[0]):
            _read_3(r, fields, positions, q, out)


@kernel("void(UniTuple(f8, 2), UniTuple(f8[:,::1], 2), f8[:,::1], f8[:,::1])", error_model="numpy")
def _shove_2(r, fields, positions, force):  # type: ignore[no-untyped-def]
    """Add forces [n, 2] at positions [n, 2] to the fields, in the points' order."""
    for q in range(positions.shape[0]):
        for axis in range(2):
            i, a0, a1, a2 = _weights(positions[q, 0] * r[0], axis == 0)
            j, b0, b1, b2 = _weights(positions[q, 1] * r[1], axis == 1)
            for di in range(2 if axis != 0 else 3):
                a = (a0 if di == 0 else (a1 if di == 1 else a2)) * force[q, axis]
                fields[axis][i + di, j] += a * b0
                fields[axis][i + di, j + 1] += a * b1
                if axis == 1:
                    fields[axis][i + di, j + 2] += a * b2


@kernel("void(UniTuple(f8, 3), UniTuple(f8[:,:,::1], 3), f8[:,::1], f8[:,::1])", error_model="numpy")
def _shove_3(r, fields, positions, force):  # type: ignore[no-untyped-def]
    """Add forces [n, 3] at positions [n, 3] to the fields, in the points' order."""
    for q in range(positions.shape[0]):
        for axis in range(3):
            i, a0, a1, a2 = _weights(positions[q, 0] * r[0], axis == 0)
            j, b0, b1, b2 = _weights(positions[q, 1] * r[1], axis == 1)
            k, c0, c1, c2 = _weights(positions[q, 2] * r[2], axis == 2)
            for di in range(2 if axis != 0 else 3):
                a = (a0 if di == 0 else (a1 if di == 1 else a2)) * force[q, axis]
                for dj in range(2 if axis != 1 else 3):
                    b = a * (b0 if dj == 0 else (b1 if dj == 1 else b2))
                    fields[axis][i + di, j + dj, k] += b * c0
                    fields[axis][i + di, j + dj, k + 1] += b * c1
                    if axis == 2:
                        fields[axis][i + di, j + dj, k + 2] += b * c2


carry = {2: _carry_2, 3: _carry_3}
shove = {2: _shove_2, 3: _shove_3}
