"""
Kernels between grid and points: linear in each axis, on centres, faces and edges alike, in two and three dimensions.

Along each axis a field's entries lie at (k + offset) h. Rows of `index` and `factor`, one for each axis, say for
k = -1 ... n which entry stands there and with what factor, so that walls and periodic ends need no branches; `last`
is the row's last k. `wrap` is the number of cells of a periodic axis, 0 between walls. Fields are flat, with
`strides`. `r` holds 1 / spacing; its length is the dimension, known when the kernel is compiled.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from tissue._jit import Kernel, bare, kernel

_device = bare()
# For fewer points waking the threads costs more than the work.
PARALLEL_POINTS = 16384


@_device
def _place(position, inverse_spacing, offset, wrap, last):  # type: ignore[no-untyped-def]
    """Entry of the index table below a coordinate, and how far the coordinate is beyond it, 0 to 1."""
    s = position * inverse_spacing
    if wrap > 0:
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
def _spread_last(out, start, amount, place, part, stride, index, axis):  # type: ignore[no-untyped-def]
    out[start + stride * index[axis, place]] += amount * (1.0 - part)
    out[start + stride * index[axis, place + 1]] += amount * part


@_device
def _scatter_one(r, amount, positions, offset, strides, wrap, last, index, out):  # type: ignore[no-untyped-def]
    for q in range(positions.shape[0]):
        i, a = _place(positions[q, 0], r[0], offset[0], wrap[0], last[0])
        j, b = _place(positions[q, 1], r[1], offset[1], wrap[1], last[1])
        i0, i1 = strides[0] * index[0, i], strides[0] * index[0, i + 1]
        low, high = amount[q] * (1.0 - a), amount[q] * a
        if len(r) == 3:
            k, c = _place(positions[q, 2], r[2], offset[2], wrap[2], last[2])
            j0, j1 = strides[1] * index[1, j], strides[1] * index[1, j + 1]
            _spread_last(out, i0 + j0, low * (1.0 - b), k, c, strides[2], index, 2)
            _spread_last(out, i0 + j1, low * b, k, c, strides[2], index, 2)
            _spread_last(out, i1 + j0, high * (1.0 - b), k, c, strides[2], index, 2)
            _spread_last(out, i1 + j1, high * b, k, c, strides[2], index, 2)
        else:
            _spread_last(out, i0, low, j, b, strides[1], index, 1)
            _spread_last(out, i1, high, j, b, strides[1], index, 1)


@bare(parallel=True)
def _scatter_parallel(r, amounts, positions, offset, strides, wrap, last, index, start, out):  # type: ignore[no-untyped-def]
    for k in numba.prange(amounts.shape[1]):
        own = out[start[k] : start[k + 1]]
        _scatter_one(r, amounts[:, k], positions, offset[k], strides[k], wrap, last, index[k], own)


def _scatter(r, amounts, positions, offset, strides, wrap, last, index, start, out):  # type: ignore[no-untyped-def]
    """
    Add amounts [n, fields] at positions [n, dim] to fields one after another in `out`, the transpose of gather.

    Every field is summed in the points' order by one thread, so that bits do not depend on how many there are.
    """
    if amounts.shape[0] >= PARALLEL_POINTS and amounts.shape[1] > 1:
        _scatter_parallel(r, amounts, positions, offset, strides, wrap, last, index, start, out)
    else:
        for k in range(amounts.shape[1]):
            own = out[start[k] : start[k + 1]]
            _scatter_one(r, amounts[:, k], positions, offset[k], strides[k], wrap, last, index[k], own)


def _both(function: Any, signature: str) -> dict[int, Kernel]:
    """`function` in two and in three dimensions, by dimension; its first argument tells which."""

    def build(dim: int) -> Kernel:
        reals, integers = f"UniTuple(f8, {dim})", f"UniTuple(i8, {dim})"
        arguments = signature.format(reals=reals, integers=integers)
        return kernel(f"void({reals}, {arguments})", error_model="numpy")(function)

    return {dim: build(dim) for dim in (2, 3)}


_PLACES = "f8[:,::1], {reals}, {integers}, {integers}, {integers}, i8[:,::1]"
gather = _both(_gather, f"f8[::1], {_PLACES}, f8[:,::1], f8[::1]")
_FIELDS = "f8[:,::1], i8[:,::1], {integers}, {integers}, i8[:,:,::1], i8[::1]"
scatter = _both(_scatter, f"f8[:,::1], f8[:,::1], {_FIELDS}, f8[::1]")
