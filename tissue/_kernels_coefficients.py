"""
The coefficients of the Stokes operator in double precision on every level, see tissue._kernels_stokes.

What a plane of the first axis needs of its neighbours was made by the stage before, so that the planes of a stage may
be shared among threads.
"""

from __future__ import annotations

import numba
import numpy as np

from tissue._jit import bare
from tissue._kernels_levels import PARALLEL_SLOTS
from tissue._kernels_lines import apart
from tissue._kernels_stokes import FREE_SLIP, NO_SLIP, TRACTION_FREE, both, rows

_device = bare(fastmath={"contract"})
_inline = bare(fastmath={"contract"}, forceinline=True)
OVERLAP = 0  # the table of transfers between cells of two levels
FIELDS, EDGES, FACES, CELLS = range(4)


@_inline
def _gathered(fine, a, index, weight, row0, row1, row2, s0, s1, three):  # type: ignore[no-untyped-def]
    """The mean over cells of row a of the finer level; the weights of a row of the table end with its first zero."""
    total = 0.0
    for k in range(4):
        w0 = weight[OVERLAP, row0, k]
        if w0 == 0.0:
            break
        c0 = index[OVERLAP, row0, k] * s0
        for m in range(4):
            w1 = w0 * weight[OVERLAP, row1, m]
            if w1 == 0.0:
                break
            c1 = c0 + index[OVERLAP, row1, m] * s1
            if three:
                for q in range(4):
                    w2 = w1 * weight[OVERLAP, row2, q]
                    if w2 == 0.0:
                        break
                    total += w2 * fine[a, c1 + index[OVERLAP, row2, q]]
            else:
                total += w1 * fine[a, c1]
    return total


@_inline
def level_rows(buffer, geometry, level, count):  # type: ignore[no-untyped-def]
    """Rows [count, slots] of one level in a flat buffer."""
    start, slots = geometry[level, 9], geometry[level, 10]
    return buffer[count * start : count * (start + slots)].reshape((count, slots))


@_inline
def _tuple_at(table, level, like):  # type: ignore[no-untyped-def]
    """Row `level` of a table as a tuple of the length of `like`."""
    if len(like) == 3:
        return table[level, 0], table[level, 1], table[level, 2]
    else:
        return table[level, 0], table[level, 1]


@_inline
def _edge_mean(low, high, wall):  # type: ignore[no-untyped-def]
    """Viscosity between two cells by their harmonic mean, or on a wall beside `low` by extrapolating logarithms."""
    if wall:
        return low * np.sqrt(low / high)
    return 2.0 * low * high / (low + high)


@_inline
def _log_mean(low, high, wall):  # type: ignore[no-untyped-def]
    if wall:
        return low * np.sqrt(low / high)
    return np.sqrt(low * high)


@_inline
def _between(i, n, periodic):  # type: ignore[no-untyped-def]
    """The two cells beside node i of an axis, and whether it lies on a wall; there the nearer cell comes first."""
    if 0 < i < n:
        return i - 1, i, False
    if periodic:
        return n - 1, 0, False
    return (0, 1, True) if i == 0 else (n - 1, n - 2, True)


@_inline
def _side(i, n, sides, axis):  # type: ignore[no-untyped-def]
    """What holds node i of an axis: 0 inside and where the axis wraps."""
    return sides[axis, 0] if i == 0 else (sides[axis, 1] if i == n else 0)


@_inline
def _hold(a, b):  # type: ignore[no-untyped-def]
    """How an edge counts between sides a and b: the difference to a no-slip wall is taken over half a cell."""
    if (a == TRACTION_FREE and b == NO_SLIP) or (a == NO_SLIP and b == TRACTION_FREE):
        return 1.0
    if a >= FREE_SLIP or b >= FREE_SLIP:
        return 0.0
    return (2.0 if a == NO_SLIP else 1.0) * (2.0 if b == NO_SLIP else 1.0)


@_device
def _edge(eta, c, i, j, ni, nj, si, sj, a, b, sides, low, high, level):  # type: ignore[no-untyped-def]
    """Viscosity on edge (i, j) between axes a and b, with strides si and sj; c is the slot of cell (0, 0) beside it."""
    hold = _hold(_side(i, ni, sides, a), _side(j, nj, sides, b))
    i0, i1, wall_i = _between(i, ni, sides[a, 0] == 0)
    j0, j1, wall_j = _between(j, nj, sides[b, 0] == 0)
    q00, q01 = eta[c + i0 * si + j0 * sj], eta[c + i0 * si + j1 * sj]
    q10, q11 = eta[c + i1 * si + j0 * sj], eta[c + i1 * si + j1 * sj]
    if level > 0:
        value = _log_mean(_log_mean(q00, q01, wall_j), _log_mean(q10, q11, wall_j), wall_i)
    elif wall_j and not wall_i:
        value = _edge_mean(_edge_mean(q00, q01, True), _edge_mean(q10, q11, True), False)
    else:
        value = _edge_mean(_edge_mean(q00, q10, wall_i), _edge_mean(q01, q11, wall_i), wall_j)
    return hold * min(max(value, low), high)


@_device
def _edges(row, eta, co, begin, end, cells, at, a, b, dim, sides, low, high, level):  # type: ignore[no-untyped-def]
    """Row `row` of co: the edges between axes a and b; those in the middle of cells of the third axis."""
    strides = (at[3], at[4], 1)
    third = 3 - a - b if dim == 3 else 2
    depth = cells[third] if dim == 3 else 1
    wrapped_a, wrapped_b = sides[a, 0] == 0, sides[b, 0] == 0
    sa, sb, sc = strides[a], strides[b], strides[third]
    last, farthest = cells[a] + (0 if wrapped_a else 1), depth
    first, nearest = 0, 0
    if a == 0:
        first, last = begin, min(end, last)
    else:
        nearest, farthest = begin, min(end, depth)
    for i in range(first, last):
        for j in range(cells[b] + (0 if wrapped_b else 1)):
            for k in range(nearest, farthest):
                c = k * sc
                value = _edge(eta, c, i, j, cells[a], cells[b], sa, sb, a, b, sides, low, high, level)
                co[row, c + i * sa + j * sb] = value


@_inline
def _index_of(c, i, at, dim):  # type: ignore[no-untyped-def]
    """Slot c of plane i as places along the axes; the last is 0 in two dimensions."""
    within = c - i * at[3]
    if dim == 2:
        return i, within, 0
    j = within // at[4]
    return i, j, within - j * at[4]


@_device
def _moduli(begin, end, eta, fields, co, dim):  # type: ignore[no-untyped-def]
    """
    2 eta, lambda and 1 / bulk modulus in every slot; see tissue.stokes for what the pressure means here.

    The part m div u of the pressure is moved into the viscous stress: m = 2 eta / dim where the bulk viscosity
    leaves room for that, and half the bulk viscosity where it does not.
    """
    bulk = rows(dim)[1]
    for c in range(begin, end):
        deviator, softness = 2.0 * eta[c] / dim, fields[2, c]
        moved = min(deviator, 0.5 / softness) if softness > 0.0 else deviator
        co[0, c] = 2.0 * eta[c]
        co[1, c] = moved - deviator
        co[bulk, c] = softness / (1.0 - softness * moved)


@_device
def _faces(i, fields, co, cells, at, a, steps, sides, r):  # type: ignore[no-untyped-def]
    """Friction on the faces of axis a in plane i, and the inverse diagonals of their equations."""
    dim = len(r)
    friction, _, inverse, _ = rows(dim)
    for c in range(i * at[3], (i + 1) * at[3]):
        place = _index_of(c, i, at, dim)
        inside = True
        for b in range(dim):
            if b != a and place[b] >= cells[b]:
                inside = False
        end = place[a] == cells[a]
        if not inside or (end and sides[a, 1] != TRACTION_FREE) or (place[a] == 0 and 0 < sides[a, 0] < TRACTION_FREE):
            continue
        below = c + steps[1, at[a] + place[a]]
        co[friction + a, c] = 0.5 * (fields[1, below] + fields[1, c])
        # lambda is never positive: without it a sweep does not overshoot
        d = (co[0, c] + co[0, below]) * r[a] ** 2 + co[friction + a, c]
        for b in range(dim):
            if b != a:
                row = 2 if dim == 2 else a + b + 1
                d += (co[row, c] + co[row, c + steps[0, at[b] + place[b]]]) * r[b] ** 2
        co[inverse + a, c] = 1.0 / d


@_device
def _cells(i, co, cells, at, steps, r):  # type: ignore[no-untyped-def]
    """The inverse of the equation of each cell of plane i for its pressure."""
    dim = len(r)
    _, bulk, inverse, cell = rows(dim)
    for c in range(i * at[3], (i + 1) * at[3]):
        place = _index_of(c, i, at, dim)
        s, inside = co[bulk, c], True
        for a in range(dim):
            if place[a] >= cells[a]:
                inside = False
            else:
                s += (co[inverse + a, c] + co[inverse + a, c + steps[0, at[a] + place[a]]]) * r[a] ** 2
        co[cell, c] = 1.0 / s if inside and s > 0.0 else 0.0


@_device
def _fields(i, level, geometry, index, weight, fields, col, eta, bounds, dim):  # type: ignore[no-untyped-def]
    """The fields of plane i from those of the finer level, the viscosity and what is made of it alone."""
    cells, at = geometry[level, 0:3], geometry[level, 11:16]
    here, begin, end = level_rows(fields, geometry, level, 3), i * at[3], (i + 1) * at[3]
    if level > 0:
        above, table = geometry[level - 1, 11:16], geometry[level - 1, 6:9]
        fine = level_rows(fields, geometry, level - 1, 3)
        for c in range(begin, end):
            _, j, k = _index_of(c, i, at, dim)
            row0, row1, row2 = table[0] + i, table[1] + j, table[2] + k
            for a in range(3):
                here[a, c] = _gathered(fine, a, index, weight, row0, row1, row2, above[3], above[4], dim == 3)
    for row in range(col.shape[0]):
        col[row, begin:end] = 0.0
    low, high = np.inf, 0.0
    for c in range(begin, end):
        _, j, k = _index_of(c, i, at, dim)
        if i < cells[0] and j < cells[1] and (dim == 2 or k < cells[2]):
            eta[c] = np.exp(here[0, c])
            low, high = min(low, eta[c]), max(high, eta[c])
        else:
            eta[c] = 0.0
    if level == 0:
        bounds[0, i], bounds[1, i] = low, high
    _moduli(begin, end, eta, here, col, dim)


@_device
def _stage(  # type: ignore[no-untyped-def]
    stage, begin, end, level, r, geometry, steps, index, weight, sides, fields, co, eta, bounds, low, high
):
    """One stage of a level in planes begin ... end - 1."""
    apart()
    dim = len(r)
    cells, at = geometry[level, 0:3], geometry[level, 11:16]
    col = level_rows(co, geometry, level, rows(dim)[3] + 1)
    if stage == EDGES:
        _edges(2, eta, col, begin, end, cells, at, 0, 1, dim, sides, low, high, level)
        if len(r) == 3:
            _edges(3, eta, col, begin, end, cells, at, 0, 2, dim, sides, low, high, level)
            _edges(4, eta, col, begin, end, cells, at, 1, 2, dim, sides, low, high, level)
        return
    here = level_rows(fields, geometry, level, 3)
    for i in range(begin, end):
        if stage == FIELDS:
            _fields(i, level, geometry, index, weight, fields, col, eta, bounds, dim)
        elif stage == FACES:
            for a in range(dim):
                _faces(i, here, col, cells, at, a, steps, sides, r)
        else:
            _cells(i, col, cells, at, steps, r)


@bare(parallel=True, fastmath={"contract"})
def _stages(  # type: ignore[no-untyped-def]
    stage, parts, n, level, r, geometry, steps, index, weight, sides, fields, co, eta, bounds, low, high
):
    for k in numba.prange(parts):
        begin, end = k * n // parts, (k + 1) * n // parts
        _stage(stage, begin, end, level, r, geometry, steps, index, weight, sides, fields, co, eta, bounds, low, high)


def _set_up(r0, geometry, inverse_spacing, steps, index, weight, sides, fields, co, threads):  # type: ignore[no-untyped-def]
    """
    Coefficients on every level from `fields` [3, slots] per level: log viscosity, friction and 1 / bulk
    viscosity, given on level 0, with log viscosity -inf where there is no cell.

    Coarse levels average viscosity in the logarithm: a plain mean of a sharp jump makes the cycle diverge.
    """
    low, high = 0.0, np.inf
    whole, bounds = np.empty(geometry[0, 10]), np.empty((2, geometry[0, 3]))
    for level in range(geometry.shape[0]):
        # functions are compiled anew for every literal number
        n, none, eta = geometry[level, 3], 0 * geometry[level, 3], whole[: geometry[level, 10]]
        r = _tuple_at(inverse_spacing, level, r0)
        parts = threads if eta.size >= PARALLEL_SLOTS else 1
        for stage in range(4):
            if parts > 1:
                _stages(
                    stage, parts, n, level, r, geometry, steps, index, weight, sides, fields, co, eta, bounds, low, high
                )
            else:
                _stage(
                    stage, none, n, level, r, geometry, steps, index, weight, sides, fields, co, eta, bounds, low, high
                )
            if stage == FIELDS and level == 0:
                low, high = np.inf, 0.0
                for i in range(n):
                    low, high = min(low, bounds[0, i]), max(high, bounds[1, i])


_TABLES = "i8[:,::1], f8[:,::1], i8[:,::1], i8[:,:,::1], f8[:,:,::1]"
set_up = both(_set_up, f"{_TABLES}, i8[:,::1], f8[::1], f8[::1], i8")
