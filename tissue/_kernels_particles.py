"""
Kernels between grid and points: bilinear, on centres, faces and corners alike.

Along each axis a field's entries lie at (k + offset) h. `index` and `factor`, both [n + 2], say for
k = -1 ... n which entry stands there and with what factor, so that walls and periodic ends need no branches.
`wrap` is the number of cells of a periodic axis, 0 between walls.
"""

from __future__ import annotations

import numba
import numpy as np

from tissue._jit import kernel

_device = numba.njit(error_model="numpy")
# For fewer points waking the threads costs more than the work.
PARALLEL_POINTS = 16384


@_device
def _place(position, inverse_spacing, offset, wrap, last):  # type: ignore[no-untyped-def]
    """Row of the index table below a coordinate, and how far the coordinate is beyond it, 0 to 1."""
    s = position * inverse_spacing
    if wrap > 0:
        s -= wrap * np.floor(s / wrap)
    s -= offset
    k = int(np.floor(s))
    k = min(max(k, -1), last)
    return k + 1, s - k


@_device
def _read(field, positions, q, rx, ry, ox, oy, index_x, factor_x, index_y, factor_y, wrap_x, wrap_y):  # type: ignore[no-untyped-def]
    i, a = _place(positions[q, 0], rx, ox, wrap_x, index_x.size - 3)
    j, b = _place(positions[q, 1], ry, oy, wrap_y, index_y.size - 3)
    i0, i1, a0, a1 = index_x[i], index_x[i + 1], (1.0 - a) * factor_x[i], a * factor_x[i + 1]
    j0, j1, b0, b1 = index_y[j], index_y[j + 1], (1.0 - b) * factor_y[j], b * factor_y[j + 1]
    low = b0 * field[i0, j0] + b1 * field[i0, j1]
    return a0 * low + a1 * (b0 * field[i1, j0] + b1 * field[i1, j1])


@numba.njit(parallel=True, error_model="numpy")
def _gather_parallel(  # type: ignore[no-untyped-def]
    field, positions, rx, ry, ox, oy, index_x, factor_x, index_y, factor_y, wrap_x, wrap_y, out
):
    for q in numba.prange(out.size):
        out[q] = _read(field, positions, q, rx, ry, ox, oy, index_x, factor_x, index_y, factor_y, wrap_x, wrap_y)


@kernel(
    "void(f8[:,::1], f8[:,::1], f8, f8, f8, f8, i8[::1], f8[::1], i8[::1], f8[::1], i8, i8, f8[::1])",
    error_model="numpy",
)
def gather(  # type: ignore[no-untyped-def]
    field, positions, rx, ry, ox, oy, index_x, factor_x, index_y, factor_y, wrap_x, wrap_y, out
):
    """out[n] = the field [.., ..] at positions [n, 2]."""
    if out.size >= PARALLEL_POINTS:
        _gather_parallel(field, positions, rx, ry, ox, oy, index_x, factor_x, index_y, factor_y, wrap_x, wrap_y, out)
    else:
        for q in range(out.size):
            out[q] = _read(field, positions, q, rx, ry, ox, oy, index_x, factor_x, index_y, factor_y, wrap_x, wrap_y)


@kernel("void(f8[::1], f8[:,::1], f8, f8, f8, f8, i8[::1], i8[::1], i8, i8, f8[:,::1])")
def scatter(amount, positions, rx, ry, ox, oy, index_x, index_y, wrap_x, wrap_y, out):  # type: ignore[no-untyped-def]
    """Add amounts [n] at positions [n, 2] to the field, in the points' order; the transpose of gather."""
    last_x, last_y = index_x.size - 3, index_y.size - 3
    for q in range(positions.shape[0]):
        i, a = _place(positions[q, 0], rx, ox, wrap_x, last_x)
        j, b = _place(positions[q, 1], ry, oy, wrap_y, last_y)
        i0, i1, j0, j1 = index_x[i], index_x[i + 1], index_y[j], index_y[j + 1]
        s = amount[q]
        out[i0, j0] += s * (1.0 - a) * (1.0 - b)
        out[i0, j1] += s * (1.0 - a) * b
        out[i1, j0] += s * a * (1.0 - b)
        out[i1, j1] += s * a * b
