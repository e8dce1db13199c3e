"""
Kernels between grid and points: linear in each axis, on centres, faces and edges alike, in two and three dimensions.

Along each axis a field's entries lie at (k + offset) h. Rows of `index` and `factor`, one for each axis, say for
k = -1 ... n which entry stands there and with what factor, so that walls and periodic ends need no branches; `last`
is the row's last k. `wrap` is the number of cells of a periodic axis, 0 between walls. Fields are flat, with
`strides`. `r` holds 1 / spacing; its length is the dimension, known when the kernel is compiled.
"""

from __future__ import annotations

import numba
import numpy as np

from tissue._jit import bare, both

_device = bare(forceinline=True)
# For fewer points waking the threads costs more than the work.
PARALLEL_POINTS = 16384


@_device
def _place(position, inverse_spacing, offset, wrap, last):  # type: ignore[no-untyped-def]
    """Entry of the index table below a coordinate, and how far the coordinate is beyond it, 0 to 1."""
    s = position * inverse_spacing
    # most lie in the box, and a division takes as long as all the rest
    if wrap > 0 and not 0.0 <= s < wrap:
        s -= wrap * np.floor(s / wrap)
    s -= offset
    k = int(np.floor(s))
    k = min(max(k, -1), last)
    return k + 1, s - k


@_device
def _along_last(field, start, place, part, stride, index, factor, axis):  # type: ignore[no-untyped-def]
    low = (1.0 - part) * factor[axis, place] * field[start + stride * index[axis, place]]
    return low + part * factor[axis, place + 1] * field[start + stride * index[axis, place + 1]]


@_device
def _read(r, field, positions, q, offset, strides, wrap, last, index, factor):  # type: ignore[no-untyped-def]
    i, a = _place(positions[q, 0], r[0], offset[0], wrap[0], last[0])
    j, b = _place(positions[q, 1], r[1], offset[1], wrap[1], last[1])
    i0, i1 = strides[0] * index[0, i], strides[0] * index[0, i + 1]
    a0, a1 = (1.0 - a) * factor[0, i], a * factor[0, i + 1]
    if len(r) == 3:
        k, c = _place(positions[q, 2], r[2], offset[2], wrap[2], last[2])
        j0, j1 = strides[1] * index[1, j], strides[1] * index[1, j + 1]
        b0, b1 = (1.0 - b) * factor[1, j], b * factor[1, j + 1]
        low = b0 * _along_last(field, i0 + j0, k, c, strides[2], index, factor, 2)
        low += b1 * _along_last(field, i0 + j1, k, c, strides[2], index, factor, 2)
        high = b0 * _along_last(field, i1 + j0, k, c, strides[2], index, factor, 2)
        high += b1 * _along_last(field, i1 + j1, k, c, strides[2], index, factor, 2)
        return a0 * low + a1 * high
    else:
        low = _along_last(field, i0, j, b, strides[1], index, factor, 1)
        return a0 * low + a1 * _along_last(field, i1, j, b, strides[1], index, factor, 1)


@bare(parallel=True)
def _gather_parallel(r, field, positions, offset, strides, wrap, last, index, factor, out):  # type: ignore[no-untyped-def]
    for q in numba.prange(out.size):
        out[q] = _read(r, field, positions, q, offset, strides, wrap, last, index, factor)


def _gather(r, field, positions, offset, strides, wrap, last, index, factor, out):  # type: ignore[no-untyped-def]
    """out[n] = the field at positions [n, dim]."""
    if out.size >= PARALLEL_POINTS:
        _gather_parallel(r, field, positions, offset, strides, wrap, last, index, factor, out)
    else:
        for q in range(out.size):
            out[q] = _read(r, field, positions, q, offset, strides, wrap, last, index, factor)


@_device
def _add(out, at, amounts, q, column, width, weight):  # type: ignore[no-untyped-def]
    """What a point has in some columns, to fields that lie beside each other."""
    if width == 1:
        out[at] += weight * amounts[q, column]
    else:
        for m in range(width):
            out[at * width + m] += weight * amounts[q, column + m]


@_device
def _spread_last(out, start, weight, place, part, stride, index, axis, amounts, q, column, width):  # type: ignore[no-untyped-def]
    _add(out, start + stride * index[axis, place], amounts, q, column, width, weight * (1.0 - part))
    _add(out, start + stride * index[axis, place + 1], amounts, q, column, width, weight * part)


@_device
def _scatter_one(r, amounts, column, width, positions, offset, strides, wrap, last, index, out):  # type: ignore[no-untyped-def]
    for q in range(positions.shape[0]):
        i, a = _place(positions[q, 0], r[0], offset[0], wrap[0], last[0])
        j, b = _place(positions[q, 1], r[1], offset[1], wrap[1], last[1])
        i0, i1 = strides[0] * index[0, i], strides[0] * index[0, i + 1]
        if len(r) == 3:
            k, c = _place(positions[q, 2], r[2], offset[2], wrap[2], last[2])
            j0, j1 = strides[1] * index[1, j], strides[1] * index[1, j + 1]
            low, high = (1.0 - a) * (1.0 - b), (1.0 - a) * b
            _spread_last(out, i0 + j0, low, k, c, strides[2], index, 2, amounts, q, column, width)
            _spread_last(out, i0 + j1, high, k, c, strides[2], index, 2, amounts, q, column, width)
            low, high = a * (1.0 - b), a * b
            _spread_last(out, i1 + j0, low, k, c, strides[2], index, 2, amounts, q, column, width)
            _spread_last(out, i1 + j1, high, k, c, strides[2], index, 2, amounts, q, column, width)
        else:
            _spread_last(out, i0, 1.0 - a, j, b, strides[1], index, 1, amounts, q, column, width)
            _spread_last(out, i1, a, j, b, strides[1], index, 1, amounts, q, column, width)


@bare()
def _scatter_group(r, amounts, column, positions, offset, strides, wrap, last, index, start, out, k):  # type: ignore[no-untyped-def]
    own = out[start[k] : start[k + 1]]
    # widths that are known when this is compiled
    if column[k + 1] - column[k] == 1:
        _scatter_one(r, amounts, column[k], 1, positions, offset[k], strides[k], wrap, last, index[k], own)
    else:
        _scatter_one(r, amounts, column[k], len(r), positions, offset[k], strides[k], wrap, last, index[k], own)


@bare(parallel=True)
def _scatter_parallel(r, amounts, column, positions, offset, strides, wrap, last, index, start, out):  # type: ignore[no-untyped-def]
    for k in numba.prange(column.size - 1):
        _scatter_group(r, amounts, column, positions, offset, strides, wrap, last, index, start, out, k)


def _scatter(r, amounts, column, positions, offset, strides, wrap, last, index, start, out):  # type: ignore[no-untyped-def]
    """
    Add amounts [n, columns] at positions [n, dim] to fields, the transpose of gather.

    Group k of the fields has the columns from column[k] on, 1 or dim of them; it begins at start[k] of `out`, and the
    entries of its fields lie beside each other. Every group is summed in the points' order by one thread, so that
    bits do not depend on how many there are.
    """
    if amounts.shape[0] >= PARALLEL_POINTS and column.size > 2:
        _scatter_parallel(r, amounts, column, positions, offset, strides, wrap, last, index, start, out)
    else:
        for k in range(column.size - 1):
            _scatter_group(r, amounts, column, positions, offset, strides, wrap, last, index, start, out, k)


_PLACES = "f8[:,::1], {reals}, {integers}, {integers}, {integers}, i8[:,::1]"
gather = both(_gather, f"f8[::1], {_PLACES}, f8[:,::1], f8[:]")
_FIELDS = "f8[:,::1], i8[:,::1], {integers}, {integers}, i8[:,:,::1], i8[::1]"
scatter = both(_scatter, f"f8[:,::1], i8[::1], f8[:,::1], {_FIELDS}, f8[::1]")
