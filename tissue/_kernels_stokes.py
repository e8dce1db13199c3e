"""
The Stokes operator on the staggered grid in double precision: its coefficients on every level, and the residual.

Every level lives on n + 1 slots an axis: cells and lower faces in slots 0 ... n - 1, the upper faces of the last
cells in slot n where the axis does not wrap round. Whatever a slot does not stand for holds zero, so that what
lies beyond a wall is read as zero and no kernel asks where it is: the boundary is in the coefficients.

`x` and `f` [dim + 1, slots] hold the velocity components and the pressure. The rows of `co` [rows, slots], see
`rows`: 2 eta, lambda, the viscosity on the edges of every pair of axes (doubled on walls that hold the fluid,
zero on those that do not), friction on the faces, 1 / bulk modulus, the inverse diagonals of the momentum
equations (zero where the velocity is given) and the inverse of the cell's pressure equation.

u0, u1, u2 and d0, d1, d2 are the distances in memory to the next and the last slot along each axis. `r` holds
1 / spacing; its length is the dimension, known when the kernel is compiled, and what belongs to the third axis is
then left out.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from tissue._jit import Kernel, bare, kernel

_device = bare(fastmath={"contract"})
_inline = bare(fastmath={"contract"}, forceinline=True)
OVERLAP = 0  # the table of transfers between cells of two levels
NO_SLIP, FREE_SLIP, TRACTION_FREE = 1, 2, 3


@_inline
def rows(dim):  # type: ignore[no-untyped-def]
    """Rows of `co` where friction, 1 / bulk modulus, inverse diagonals and the inverse of the cell begin."""
    friction = 2 + dim * (dim - 1) // 2
    return friction, friction + dim, friction + dim + 1, friction + 2 * dim + 1


@_inline
def _dilation(x, c, u0, u1, u2, r):  # type: ignore[no-untyped-def]
    """div u in cell c."""
    total = (x[0, c + u0] - x[0, c]) * r[0] + (x[1, c + u1] - x[1, c]) * r[1]
    if len(r) == 3:
        total += (x[2, c + u2] - x[2, c]) * r[2]
    return total


@_inline
def _tension(x, co, a, c, u, dilation, r):  # type: ignore[no-untyped-def]
    """2 eta e_aa + lambda div u - p in cell c, u to its upper face along a."""
    return co[0, c] * ((x[a, c + u] - x[a, c]) * r[a]) + co[1, c] * dilation - x[len(r), c]


@_inline
def _shear(x, co, row, a, b, c, da, db, r):  # type: ignore[no-untyped-def]
    """eta (d u_a / d b + d u_b / d a) on the lower edge of cell c."""
    return co[row, c] * ((x[a, c] - x[a, c + db]) * r[b] + (x[b, c] - x[b, c + da]) * r[a])


@_inline
def _store(x, f, out, co, a, c, force, dim):  # type: ignore[no-untyped-def]
    friction, _, inverse, _ = rows(dim)
    left = f[a, c] - co[friction + a, c] * x[a, c] + force
    out[a, c] = left if co[inverse + a, c] != 0.0 else 0.0


@_inline
def _residual_cell(x, f, out, co, c, u0, u1, u2, d0, d1, d2, r):  # type: ignore[no-untyped-def]
    """out = f - A x at the lower faces of slot c and in its cell; zero where there is nothing to solve."""
    dim = len(r)
    _, bulk, _, cell = rows(dim)
    here = _dilation(x, c, u0, u1, u2, r)
    force0 = _tension(x, co, 0, c, u0, here, r)
    force0 = (force0 - _tension(x, co, 0, c + d0, -d0, _dilation(x, c + d0, -d0, u1, u2, r), r)) * r[0]
    force1 = _tension(x, co, 1, c, u1, here, r)
    force1 = (force1 - _tension(x, co, 1, c + d1, -d1, _dilation(x, c + d1, u0, -d1, u2, r), r)) * r[1]
    s = _shear(x, co, 2, 0, 1, c, d0, d1, r)
    force0 += (_shear(x, co, 2, 0, 1, c + u1, d0, -u1, r) - s) * r[1]
    force1 += (_shear(x, co, 2, 0, 1, c + u0, -u0, d1, r) - s) * r[0]
    if len(r) == 3:
        force2 = _tension(x, co, 2, c, u2, here, r)
        force2 = (force2 - _tension(x, co, 2, c + d2, -d2, _dilation(x, c + d2, u0, u1, -d2, r), r)) * r[2]
        s = _shear(x, co, 3, 0, 2, c, d0, d2, r)
        force0 += (_shear(x, co, 3, 0, 2, c + u2, d0, -u2, r) - s) * r[2]
        force2 += (_shear(x, co, 3, 0, 2, c + u0, -u0, d2, r) - s) * r[0]
        s = _shear(x, co, 4, 1, 2, c, d1, d2, r)
        force1 += (_shear(x, co, 4, 1, 2, c + u2, d1, -u2, r) - s) * r[2]
        force2 += (_shear(x, co, 4, 1, 2, c + u1, -u1, d2, r) - s) * r[1]
        _store(x, f, out, co, 2, c, force2, dim)
    _store(x, f, out, co, 0, c, force0, dim)
    _store(x, f, out, co, 1, c, force1, dim)
    left = f[dim, c] - here - co[bulk, c] * x[dim, c]
    out[dim, c] = left if co[cell, c] != 0.0 else 0.0


@_device
def _residual_plane(i, x, f, out, co, shape, steps, at, r):  # type: ignore[no-untyped-def]
    u0, d0 = steps[0, at[0] + i], steps[1, at[0] + i]
    last = len(r) - 1
    for j in range(shape[1] if len(r) == 3 else 1):
        u1, d1 = steps[0, at[1] + j], steps[1, at[1] + j]
        start = i * at[3] + j * at[4]
        for k in range(shape[last]):
            u, d = steps[0, at[last] + k], steps[1, at[last] + k]
            if len(r) == 3:
                _residual_cell(x, f, out, co, start + k, u0, u1, u, d0, d1, d, r)
            else:
                _residual_cell(x, f, out, co, start + k, u0, u, u, d0, d, d, r)


def _residual(r, geometry, steps, co, x, f, out):  # type: ignore[no-untyped-def]
    """out = f - A x on level 0, each [dim + 1, slots]."""
    shape, at = geometry[3:6], geometry[11:16]
    for i in numba.prange(shape[0]):
        _residual_plane(i, x, f, out, co, shape, steps, at, r)


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
def _edges(row, eta, co, cells, slots, at, a, b, dim, sides, low, high, level):  # type: ignore[no-untyped-def]
    """Row `row` of co: the edges between axes a and b; those in the middle of cells of the third axis."""
    strides = (at[3], at[4], 1)
    third = 3 - a - b if dim == 3 else 2
    depth = cells[third] if dim == 3 else 1
    wrapped_a, wrapped_b = sides[a, 0] == 0, sides[b, 0] == 0
    sa, sb, sc = strides[a], strides[b], strides[third]
    for i in range(cells[a] + (0 if wrapped_a else 1)):
        for j in range(cells[b] + (0 if wrapped_b else 1)):
            for k in range(depth):
                c = k * sc
                value = _edge(eta, c, i, j, cells[a], cells[b], sa, sb, a, b, sides, low, high, level)
                co[row, c + i * sa + j * sb] = value


@_inline
def _index_of(c, at, dim):  # type: ignore[no-untyped-def]
    """Slot c as places along the axes; the last is 0 in two dimensions."""
    i = c // at[3]
    j = (c - i * at[3]) // at[4]
    return i, j, (c - i * at[3] - j * at[4]) if dim == 3 else 0


@_device
def _moduli(eta, fields, co, dim):  # type: ignore[no-untyped-def]
    """
    2 eta, lambda and 1 / bulk modulus in every slot; see tissue.stokes for what the pressure means here.

    The part m div u of the pressure is moved into the viscous stress: m = 2 eta / dim where the bulk viscosity
    leaves room for that, and half the bulk viscosity where it does not.
    """
    bulk = rows(dim)[1]
    for c in range(eta.size):
        deviator, softness = 2.0 * eta[c] / dim, fields[2, c]
        moved = min(deviator, 0.5 / softness) if softness > 0.0 else deviator
        co[0, c] = 2.0 * eta[c]
        co[1, c] = moved - deviator
        co[bulk, c] = softness / (1.0 - softness * moved)


@_device
def _faces(fields, co, cells, slots, at, a, steps, sides, r):  # type: ignore[no-untyped-def]
    """Friction on the faces of axis a and the inverse diagonals of their equations."""
    dim = len(r)
    friction, _, inverse, _ = rows(dim)
    for c in range(co.shape[1]):
        place = _index_of(c, at, dim)
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
def _cells(co, cells, at, steps, r):  # type: ignore[no-untyped-def]
    """The inverse of each cell's equation for its pressure."""
    dim = len(r)
    _, bulk, inverse, cell = rows(dim)
    for c in range(co.shape[1]):
        place = _index_of(c, at, dim)
        s, inside = co[bulk, c], True
        for a in range(dim):
            if place[a] >= cells[a]:
                inside = False
            else:
                s += (co[inverse + a, c] + co[inverse + a, c + steps[0, at[a] + place[a]]]) * r[a] ** 2
        co[cell, c] = 1.0 / s if inside and s > 0.0 else 0.0


def _set_up(r0, geometry, inverse_spacing, steps, index, weight, sides, fields, co):  # type: ignore[no-untyped-def]
    """
    Coefficients on every level from `fields` [3, slots] per level: log viscosity, friction and 1 / bulk
    viscosity, given on level 0, with log viscosity -inf where there is no cell.

    Coarse levels average viscosity in the logarithm: a plain mean of a sharp jump makes the cycle diverge.
    """
    dim = len(r0)
    low, high = np.inf, 0.0
    for level in range(geometry.shape[0]):
        cells, slots, at = geometry[level, 0:3], geometry[level, 3:6], geometry[level, 11:16]
        here = level_rows(fields, geometry, level, 3)
        if level > 0:
            above, table = geometry[level - 1, 11:16], geometry[level - 1, 6:9]
            fine = level_rows(fields, geometry, level - 1, 3)
            for c in range(here.shape[1]):
                i, j, k = _index_of(c, at, dim)
                row0, row1, row2 = table[0] + i, table[1] + j, table[2] + k
                for a in range(3):
                    here[a, c] = _gathered(fine, a, index, weight, row0, row1, row2, above[3], above[4], dim == 3)
        col = level_rows(co, geometry, level, rows(dim)[3] + 1)
        col[:] = 0.0
        eta = np.zeros(here.shape[1])
        for c in range(here.shape[1]):
            i, j, k = _index_of(c, at, dim)
            if i < cells[0] and j < cells[1] and (dim == 2 or k < cells[2]):
                eta[c] = np.exp(here[0, c])
                if level == 0:
                    low, high = min(low, eta[c]), max(high, eta[c])
        r = _tuple_at(inverse_spacing, level, r0)
        _moduli(eta, here, col, dim)
        _edges(2, eta, col, cells, slots, at, 0, 1, dim, sides, low, high, level)
        if len(r0) == 3:
            _edges(3, eta, col, cells, slots, at, 0, 2, dim, sides, low, high, level)
            _edges(4, eta, col, cells, slots, at, 1, 2, dim, sides, low, high, level)
        for a in range(dim):
            _faces(here, col, cells, slots, at, a, steps, sides, r)
        _cells(col, cells, at, steps, r)


def _both(function: Any, signature: str, **more: bool) -> dict[int, Kernel]:
    """`function` in two and in three dimensions, by dimension; its first argument tells which."""
    options = {"fastmath": {"contract"}, "error_model": "numpy", **more}
    return {dim: kernel(f"void(UniTuple(f8, {dim}), {signature})", **options)(function) for dim in (2, 3)}


_TABLES = "i8[:,::1], f8[:,::1], i8[:,::1], i8[:,:,::1], f8[:,:,::1]"
_V = "f8[:,::1]"
residual = _both(_residual, f"i8[::1], i8[:,::1], {_V}, {_V}, {_V}, {_V}", parallel=True)
set_up = _both(_set_up, f"{_TABLES}, i8[:,::1], f8[::1], f8[::1]")
