"""
Kernels on points sorted into boxes: which come after one another in memory, and which lie near each other.

Boxes are numbered with the last axis fastest. `wide` holds 1 / width of a box along each axis, `wrap` the length of
a periodic axis and 0 elsewhere; the length of `wide` is the dimension, known when the kernel is compiled.
"""

from __future__ import annotations

import numba
import numpy as np

from tissue._jit import both
from tissue._jit import device as _device

# For fewer points waking the threads costs more than the work.
PARALLEL_POINTS = 4096


@_device
def _along(position, wide, boxes):  # type: ignore[no-untyped-def]
    return min(max(int(position * wide), 0), boxes - 1)


@_device
def _box(wide, positions, q, boxes):  # type: ignore[no-untyped-def]
    box = _along(positions[q, 0], wide[0], boxes[0]) * boxes[1] + _along(positions[q, 1], wide[1], boxes[1])
    if len(wide) == 3:
        box = box * boxes[2] + _along(positions[q, 2], wide[2], boxes[2])
    return box


def _sort(wide, positions, boxes, start, order):  # type: ignore[no-untyped-def]
    """
    order[n]: the points box by box, in each as they came; start[boxes + 1]: where each box begins.

    Counting twice costs less than keeping the boxes.
    """
    start[:] = 0
    for q in range(positions.shape[0]):
        start[_box(wide, positions, q, boxes) + 1] += 1
    for box in range(1, start.size):
        start[box] += start[box - 1]
    # each box's begin walks to its end while it is filled, which is the next one's begin
    for q in range(positions.shape[0]):
        box = _box(wide, positions, q, boxes)
        order[start[box]] = q
        start[box] += 1
    for box in range(start.size - 1, 0, -1):
        start[box] = start[box - 1]
    start[0] = 0


@_device
def _range(position, wide, boxes, wrap):  # type: ignore[no-untyped-def]
    """The first of the boxes to look into along an axis, and the one after the last; beyond the ends are images."""
    box = _along(position, wide, boxes)
    if wrap > 0.0:
        # a radius beyond a third of the axis: everything, once for each image
        return (box - 1, box + 2) if boxes >= 3 else (-boxes, 2 * boxes)
    return max(box - 1, 0), min(box + 2, boxes)


@_device
def _image(box, boxes, wrap):  # type: ignore[no-untyped-def]
    """The box that stands here, and how far its points are moved."""
    if box < 0:
        return box + boxes, -wrap
    if box >= boxes:
        return box - boxes, wrap
    return box, 0.0


@_device
def _apart(positions, here, b, shift):  # type: ignore[no-untyped-def]
    # differences first: seen from the other end they are the same but for their sign
    d0 = positions[0, b] - here[0] + shift[0]
    d1 = positions[1, b] - here[1] + shift[1]
    square = d0 * d0 + d1 * d1
    if len(shift) == 3:
        d2 = positions[2, b] - here[2] + shift[2]
        square += d2 * d2
    return square


@_device
def _run(positions, a, here, first, end, shift, square, order, index, place, full):  # type: ignore[no-untyped-def]
    """Of a run of sorted points: how many more there are, or where to go on writing."""
    if index.size:
        # without a branch on the distance, which no processor could predict
        for b in range(first, end):
            if place == full:
                break
            index[place] = order[b]
            place += (_apart(positions, here, b, shift) <= square) & (b != a)
    else:
        for b in range(first, end):
            place += _apart(positions, here, b, shift) <= square
    return place


@_device
def _shifts(row, shift, box, boxes, wrap):  # type: ignore[no-untyped-def]
    """Where a row of boxes along the last axis begins, and how far its points are moved, at its ends too."""
    last = len(wrap) - 1
    if len(wrap) == 3:
        row1, shift1 = _image(box, boxes[1], wrap[1])
        begin = (row * boxes[1] + row1) * boxes[last]
        return begin, (shift, shift1, 0.0), (shift, shift1, -wrap[last]), (shift, shift1, wrap[last])
    else:
        return row * boxes[last], (shift, 0.0), (shift, -wrap[last]), (shift, wrap[last])


@_device
def _row(wide, positions, a, boxes, begin, wrap, square, order, index, place, full):  # type: ignore[no-untyped-def]
    """Point a of the sorted ones beside all boxes around it."""
    last = len(wide) - 1
    low, high = _range(positions[last, a], wide[last], boxes[last], wrap[last])
    low0, high0 = _range(positions[0, a], wide[0], boxes[0], wrap[0])
    low1, high1 = 0, 1
    if len(wide) == 3:
        low1, high1 = _range(positions[1, a], wide[1], boxes[1], wrap[1])
    n = boxes[last]
    here = (positions[0, a], positions[1, a], positions[last, a])
    for i in range(low0, high0):
        row0, shift0 = _image(i, boxes[0], wrap[0])
        for j in range(low1, high1):
            row, shift, far, near = _shifts(row0, shift0, j, boxes, wrap)
            for piece in range(3):
                if piece == 0:
                    first, end, moved = begin[row + max(low, 0)], begin[row + min(high, n)], shift
                elif piece == 1 and low < 0:
                    first, end, moved = begin[row + n + low], begin[row + n], far
                elif piece == 2 and high > n:
                    first, end, moved = begin[row], begin[row + high - n], near
                else:
                    continue
                place = _run(positions, a, here, first, end, moved, square, order, index, place, full)
    return place


@_device
def _ascending(index, first, end):  # type: ignore[no-untyped-def]
    for k in range(first + 1, end):
        value, j = index[k], k
        while j > first and index[j - 1] > value:
            index[j] = index[j - 1]
            j -= 1
        index[j] = value


@numba.njit(error_model="numpy")
def _point(wide, positions, a, boxes, begin, order, wrap, square, start, index):  # type: ignore[no-untyped-def]
    q = order[a]
    if index.size:
        _row(wide, positions, a, boxes, begin, wrap, square, order, index, start[q], start[q + 1])
        _ascending(index, start[q], start[q + 1])
    else:
        # each has itself among those it finds
        start[q + 1] = _row(wide, positions, a, boxes, begin, wrap, square, order, index, 0, 0) - 1


@numba.njit(parallel=True, error_model="numpy")
def _rows_parallel(wide, positions, boxes, begin, order, wrap, square, start, index):  # type: ignore[no-untyped-def]
    for a in numba.prange(order.size):
        _point(wide, positions, a, boxes, begin, order, wrap, square, start, index)


def _rows(wide, positions, boxes, begin, order, wrap, square, start, index):  # type: ignore[no-untyped-def]
    """
    Points no further apart than the root of `square`; positions[dim, n] sorted, `begin` and `order` those of `sort`.

    An empty index: start[q + 1] = how many point q has. Else index[start[q] : start[q + 1]] = who they are, ascending.
    """
    if order.size >= PARALLEL_POINTS:
        _rows_parallel(wide, positions, boxes, begin, order, wrap, square, start, index)
    else:
        for a in range(order.size):
            _point(wide, positions, a, boxes, begin, order, wrap, square, start, index)


# A turn by the golden angle, and a rise by the root of two: directions for points that lie on one another and have
# none of their own.
TURN, RISE = 2.399963229728653, 1.4142135623730951


@_device
def _push(wrap, positions, start, index, distance, q, out):  # type: ignore[no-untyped-def]
    own = start[q + 1] - start[q]
    s0, s1, s2 = 0.0, 0.0, 0.0
    for place in range(start[q], start[q + 1]):
        j = index[place]
        d0 = shortest(positions[j, 0] - positions[q, 0], wrap[0])
        d1 = shortest(positions[j, 1] - positions[q, 1], wrap[1])
        d2 = 0.0
        if len(wrap) == 3:
            d2 = shortest(positions[j, 2] - positions[q, 2], wrap[2])
        r = np.sqrt(d0 * d0 + d1 * d1 + d2 * d2)
        if r == 0.0:
            r = 1.0 if q < j else -1.0
            angle = TURN * (q + j)
            d0, d1 = np.cos(angle), np.sin(angle)
            if len(wrap) == 3:
                turns = RISE * (q + j)
                d2 = 2.0 * (turns - np.floor(turns)) - 1.0
                across = np.sqrt(1.0 - d2 * d2)
                d0, d1 = across * d0, across * d1
            size = distance
        else:
            size = max(distance - abs(r), 0.0)
        # the same for both, so that they part alike; and no more than half a distance for all together
        push = 0.5 * size / max(own, start[j + 1] - start[j]) / r
        s0 -= push * d0
        s1 -= push * d1
        s2 -= push * d2
    out[q, 0], out[q, 1] = positions[q, 0] + s0, positions[q, 1] + s1
    if len(wrap) == 3:
        out[q, 2] = positions[q, 2] + s2


@_device
def shortest(d, wrap):  # type: ignore[no-untyped-def]
    if wrap > 0.0:
        if d > 0.5 * wrap:
            return d - wrap
        if d < -0.5 * wrap:
            return d + wrap
    return d


@numba.njit(parallel=True, error_model="numpy")
def _part_parallel(wrap, positions, start, index, distance, out):  # type: ignore[no-untyped-def]
    for q in numba.prange(start.size - 1):
        _push(wrap, positions, start, index, distance, q, out)


def _part(wrap, positions, start, index, distance, out):  # type: ignore[no-untyped-def]
    """out[n, dim]: points pushed away from neighbours that are nearer than `distance`."""
    if start.size > PARALLEL_POINTS:
        _part_parallel(wrap, positions, start, index, distance, out)
    else:
        for q in range(start.size - 1):
            _push(wrap, positions, start, index, distance, q, out)


sort = both(_sort, "f8[:,::1], {integers}, i8[::1], i8[::1]")
rows = both(_rows, "f8[:,::1], {integers}, i8[::1], i8[::1], {reals}, f8, i8[::1], i8[::1]")
part = both(_part, "f8[:,::1], i8[::1], i8[::1], f8, f8[:,::1]")
