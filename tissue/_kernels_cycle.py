"""
The multigrid cycle in single precision, in two and three dimensions from one source.

A sweep solves for the pressure of every cell and the velocities on its faces together, all cells from the same state,
and takes the mean of what the two cells beside a face ask for (additive Vanka): whole lines are worked on at once, and
no order of cells or number of threads is to be seen in the bits. On its way through the planes of the first axis it
keeps two planes of what it needs twice.

Vectors hold [dim + 1, slots] of every level one after another, `co` a line of zeros and [rows, slots] of each: 2 eta,
the viscosity on the edges of every pair of axes, friction in cells, the inverse diagonals of the momentum equations,
1 / bulk modulus, the inverse of the cell's pressure equation, and lambda. Columns of `lines` are named below.
Source: Farrell, He and MacLachlan 2021, doi:10.1002/nla.2306.
"""

from __future__ import annotations

from typing import Any

import numba

from tissue._jit import Kernel, bare, kernel
from tissue._kernels_lines import (
    BYTES,
    ZERO,
    address,
    apart,
    continuity,
    converted,
    corrected,
    doubled,
    doubles,
    effective_pressure,
    halved,
    integers,
    momentum,
    picked,
    product,
    singles,
    weighted,
)

_device = bare(fastmath={"contract"})
_inline = bare(fastmath={"contract"}, forceinline=True)
# On smaller levels waking the threads costs more than the work.
PARALLEL_SLOTS = 16384
SMOOTH, FIRST, PRESSURE, RESIDUAL, IMAGE, RESTRICT, PROLONG = 0, 1, 2, 3, 4, 5, 6
DOWN, UP, COARSEST, ONLY_IMAGE = 0, 1, 2, 3
# columns of `lines`: slots of the planes and of the lines in one, those visited, slots visited in a line, cells in a
# line, whether it wraps, length, slots in all, first slot, first coefficient, whether the next level's lines are half
# as long, one, rows of the tables of the axes
PLANES, LINES, SEEN_PLANES, SEEN_LINES, SEEN, CELLS, WRAPS, WIDTH, SLOTS, START, COEFFICIENTS, HALVES, ONE = range(13)
TABLE = 13
# columns of `present`: whether a level has friction, a finite bulk modulus, lambda
FRICTION, BULK, LAMBDA = 0, 1, 2
# tables of transfers between levels
OVERLAP, HAT, TANGENT, SCALAR, FACE = 0, 1, 2, 3, 4
ENTRIES = 4


@_inline
def rows(dim):  # type: ignore[no-untyped-def]
    """Rows of `co` of friction, inverse diagonals, 1 / bulk modulus, the inverse of the cell, and lambda."""
    friction = 1 + dim * (dim - 1) // 2
    return friction, friction + 1, friction + 1 + dim, friction + 2 + dim, friction + 3 + dim


def count(dim: int) -> int:
    """The number of rows of `co`."""
    return dim * (dim - 1) // 2 + dim + 5


@_inline
def _ends(address, line):  # type: ignore[no-untyped-def]
    """Set what lies before and beyond the line whose first entry is at an address, where it wraps."""
    if line[WRAPS]:
        values, n = singles(address), line[CELLS]
        values[-1] = values[n - 1]
        values[n] = values[0]


@_inline
def _steps(line, near, i, j, r):  # type: ignore[no-untyped-def]
    """How far in memory the next and the last slot along each axis are."""
    # a step of one that the compiler knew would keep it from working on several slots at a time
    w, row, one = line[WIDTH], line[TABLE] + i, line[ONE]
    plane = line[LINES] * w
    if len(r) == 3:
        other = line[TABLE + 1] + j
        return (near[0, row] * plane, near[0, other] * w, one), (near[1, row] * plane, near[1, other] * w, -one)
    else:
        return (near[0, row] * plane, one), (near[1, row] * plane, -one)


@_inline
def _axes(address, step, r):  # type: ignore[no-untyped-def]
    """Addresses as many bytes apart as axes, as lines."""
    if len(r) == 3:
        return singles(address), singles(address + step), singles(address + 2 * step)
    else:
        return singles(address), singles(address + step)


@_inline
def _edges(address, step, r):  # type: ignore[no-untyped-def]
    """2 eta and the viscosity on edges."""
    if len(r) == 3:
        return singles(address), singles(address + step), singles(address + 2 * step), singles(address + 3 * step)
    else:
        return singles(address), singles(address + step)


@_inline
def _none(line, r):  # type: ignore[no-untyped-def]
    """No steps; made of a number in memory, as functions are compiled anew for every literal number."""
    none = 0 * line[ONE]
    if len(r) == 3:
        return none, none, none
    else:
        return none, none


@_inline
def _place(line, i, j):  # type: ignore[no-untyped-def]
    """Bytes from a component to its first entry in line j of plane i, and bytes of a component."""
    return BYTES * ((i * line[LINES] + j) * line[WIDTH] + 1), BYTES * line[SLOTS]


@_device
def _momentum_line(x, q, f, co, out, apart_by, line, has, near, i, j, r, driven, scaled):  # type: ignore[no-untyped-def]
    """The momentum residuals of line j of plane i to address `out`, so many bytes apart from axis to axis."""
    friction, inverse, _, _, _ = rows(len(r))
    up, down = _steps(line, near, i, j, r)
    c, s = _place(line, i, j)
    own = co + BYTES * line[WIDTH] + c
    zeros = co + BYTES
    momentum(
        line[SEEN],
        _axes(x + c, s, r),
        singles(q + c),
        _axes(f + c, s, r) if driven else _axes(zeros, 0, r),
        _edges(own, s, r),
        singles(own + friction * s if has[FRICTION] else zeros),
        down if has[FRICTION] else _none(line, r),
        _axes(own + inverse * s, s, r),
        _axes(out, apart_by, r),
        up,
        down,
        r,
        scaled,
    )


@_device
def _continuity_line(  # type: ignore[no-untyped-def]
    x, change, apart_by, above, f, co, out, line, has, near, i, j, r, moving, driven, scaled
):
    """
    What the growth in line j of plane i lacks, to address `out`; see `continuity`. The lines of `change` are so many
    bytes apart from axis to axis, and those of the upper faces `above` away.
    """
    dim = len(r)
    _, _, bulk, cell, _ = rows(dim)
    up, _ = _steps(line, near, i, j, r)
    c, s = _place(line, i, j)
    own = co + BYTES * line[WIDTH] + c
    zeros = co + BYTES
    continuity(
        line[SEEN],
        _axes(x + c, s, r) if moving else _axes(zeros, 0, r),
        singles(x + c + dim * s if moving else zeros),
        up if moving else _none(line, r),
        _axes(change, apart_by, r),
        above,
        singles(f + c + dim * s if driven else zeros),
        singles(own + bulk * s if has[BULK] else zeros),
        singles(own + cell * s),
        singles(out),
        r,
        scaled,
    )


@_device
def _changes(x, q, f, co, change, line, has, near, i, r, first, scaled):  # type: ignore[no-untyped-def]
    """What the momentum equations of plane i ask for alone, into a plane at `change`; from rest if `first`."""
    dim = len(r)
    _, inverse, _, _, _ = rows(dim)
    width = BYTES * line[WIDTH]
    plane = line[LINES] * width
    for j in range(line[LINES]):
        to = change + j * width + BYTES
        if first:
            c, s = _place(line, i, j)
            for a in range(dim):
                own = co + width + c + (inverse + a) * s
                product(line[SEEN], singles(f + c + a * s), singles(own), singles(to + a * plane))
        else:
            _momentum_line(x, q, f, co, to, plane, line, has, near, i, j, r, scaled, scaled)
        last = to + (dim - 1) * plane
        singles(last)[line[SEEN]] = ZERO
        _ends(last, line)


@_inline
def _above(other, up, r):  # type: ignore[no-untyped-def]
    if len(r) == 3:
        return other, up[1], up[2]
    else:
        return other, up[1]


@_device
def _pressures(x, f, co, change, other, dp, line, has, near, i, r, first, scaled):  # type: ignore[no-untyped-def]
    """The pressure steps of plane i from its plane at `change` and the next one, `other` away."""
    width = BYTES * line[WIDTH]
    plane = line[LINES] * width
    for j in range(line[LINES]):
        up, _ = _steps(line, near, i, j, r)
        above, at, to = _above(other, up, r), change + j * width + BYTES, dp + j * width + BYTES
        _continuity_line(x, at, plane, above, f, co, to, line, has, near, i, j, r, not first, scaled, scaled)
        singles(to)[-1] = ZERO
        _ends(to, line)


@_device
def _corrections(x, co, change, dp, other, y, line, near, i, r, damping, first):  # type: ignore[no-untyped-def]
    """The new state of plane i; the pressure steps of the plane before are `other` away."""
    dim = len(r)
    _, inverse, _, _, _ = rows(dim)
    width = BYTES * line[WIDTH]
    plane = line[LINES] * width
    for j in range(line[SEEN_LINES]):
        _, down = _steps(line, near, i, j, r)
        c, s = _place(line, i, j)
        own, zeros = co + width + c + inverse * s, co + BYTES
        at, p = change + j * width + BYTES, dp + j * width + BYTES
        corrected(
            line[SEEN],
            _axes(zeros, 0, r) if first else _axes(x + c, s, r),
            singles(zeros if first else x + c + dim * s),
            _axes(at, plane, r),
            singles(p),
            _above(other, down, r),
            _axes(own, s, r),
            _axes(y + c, s, r),
            singles(y + c + dim * s),
            r,
            damping,
        )
        for a in range(dim + 1):
            _ends(y + c + a * s, line)


@_device
def _smooth(x, q, f, co, y, work, begin, end, line, has, near, r, damping, first, scaled):  # type: ignore[no-untyped-def]
    """One sweep from x to y over planes begin ... end - 1; what the planes around them do is worked out again."""
    apart()
    dim = len(r)
    slots = line[LINES] * line[WIDTH]
    plane = BYTES * slots
    pressure = work + 2 * dim * plane
    before = begin + near[1, line[TABLE] + begin]
    _changes(x, q, f, co, work, line, has, near, before, r, first, scaled)
    _changes(x, q, f, co, work + dim * plane, line, has, near, begin, r, first, scaled)
    _pressures(x, f, co, work, dim * slots, pressure, line, has, near, before, r, first, scaled)
    for i in range(begin, end):
        # two planes take turns
        own, other = (i - begin + 1) % 2, (i - begin) % 2
        away = other - own
        change, following = work + own * dim * plane, work + other * dim * plane
        _changes(x, q, f, co, following, line, has, near, i + near[0, line[TABLE] + i], r, first, scaled)
        dp = pressure + own * plane
        _pressures(x, f, co, change, away * dim * slots, dp, line, has, near, i, r, first, scaled)
        _corrections(x, co, change, dp, away * slots, y, line, near, i, r, damping, first)


@_device
def _residuals(x, q, f, co, out, begin, end, line, has, near, r, driven, scaled):  # type: ignore[no-untyped-def]
    """out = f - A x, or - A x if not `driven`, in planes begin ... end - 1; zero where there is nothing to solve."""
    apart()
    zeros = co + BYTES
    for i in range(begin, end):
        for j in range(line[SEEN_LINES]):
            c, s = _place(line, i, j)
            _momentum_line(x, q, f, co, out + c, s, line, has, near, i, j, r, driven, scaled)
            to = out + c + len(r) * s
            still = _none(line, r)
            _continuity_line(x, zeros, still[0], still, f, co, to, line, has, near, i, j, r, not scaled, driven, scaled)
            # a transfer reads beyond the ends
            for a in range(len(r) + 1):
                _ends(out + c + a * s, line)


@_device
def _effective(x, co, q, begin, end, line, near, r):  # type: ignore[no-untyped-def]
    """q = p - lambda div u in planes begin ... end - 1."""
    apart()
    dim = len(r)
    for i in range(begin, end):
        for j in range(line[SEEN_LINES]):
            up, _ = _steps(line, near, i, j, r)
            c, s = _place(line, i, j)
            lam = co + BYTES * line[WIDTH] + c + rows(dim)[4] * s
            effective_pressure(
                line[SEEN], _axes(x + c, s, r), singles(x + c + dim * s), up, singles(lam), singles(q + c), r
            )
            _ends(q + c, line)


@_device
def _gather(source, work, index, weight, tables, places, most, other, r):  # type: ignore[no-untyped-def]
    """The weighted sum of the lines of another level that a line stands for, into `work`; False if there are none."""
    w, total, n = BYTES * other[WIDTH], index.size // (5 * ENTRIES), other[WIDTH]
    out, kept, kept_weight, held, fresh = singles(work), source, ZERO, False, True
    for k in range(most):
        entry = (ENTRIES * tables[0] + k) * total + places[0]
        w0 = weight[entry]
        if w0 == ZERO:
            continue
        plane = source + index[entry] * other[LINES] * w
        for m in range(most if len(r) == 3 else 1):
            across, w1 = 0, w0
            if len(r) == 3:
                entry = (ENTRIES * tables[1] + m) * total + places[1]
                across, w1 = index[entry] * w, w0 * weight[entry]
            if w1 == ZERO:
                continue
            if held:
                weighted(n, singles(kept), kept_weight, singles(plane + across), w1, out, fresh)
                fresh = False
            else:
                kept, kept_weight = plane + across, w1
            held = not held
    if held:
        weighted(n, singles(kept), kept_weight, singles(kept), ZERO, out, fresh)
    return held or not fresh


@_device
def _transfer(source, target, work, index, weight, begin, end, line, other, r, down):  # type: ignore[no-untyped-def]
    """
    From the residual of the fine level, of `other`, the driving of the coarse one, of `line`; or, if not `down`, add
    the coarse correction, of `other`, to the fine level, of `line`, linear in each axis.
    """
    apart()
    dim, total = len(r), index.size // (5 * ENTRIES)
    fine, most, n = (other, ENTRIES, line[CELLS] + 1) if down else (line, 2, line[SEEN])
    step, out_of = BYTES * total, BYTES * other[SLOTS]
    for i in range(begin, end):
        for j in range(line[LINES] if down else line[SEEN_LINES]):
            c, s = _place(line, i, j)
            for a in range(dim + 1):
                along, across = (HAT, OVERLAP) if down else ((FACE, TANGENT) if a < dim else (SCALAR, SCALAR))
                tables = along if a == 0 else across, along if a == 1 else across, along if a == 2 else across
                places = fine[TABLE] + i, fine[TABLE + 1] + j
                out = singles(target + c + a * s)
                if not _gather(source + a * out_of, work, index, weight, tables, places, most, other, r):
                    if down:
                        for k in range(n):
                            out[k] = ZERO
                    continue
                at = ENTRIES * tables[dim - 1] * total + fine[TABLE + dim - 1]
                w = address(weight) + BYTES * at
                w0, w1, w2, w3 = singles(w), singles(w + step), singles(w + 2 * step), singles(w + 3 * step)
                if not fine[HALVES]:
                    picked(n, singles(work), integers(address(index) + 8 * at), w0, total, most, out, down)
                elif down:
                    halved(n, singles(work + BYTES), w0, w1, w2, w3, out)
                else:
                    doubled((n + 1) // 2, singles(work + BYTES), w0, w1, w2, out)
                if not down:
                    _ends(target + c + a * s, line)


@_device
def _part(operation, x, q, f, co, y, work, index, weight, begin, end, line, other, has, near, r, damping):  # type: ignore[no-untyped-def]
    """One operation in planes begin ... end - 1."""
    apart()
    sweep = operation in (SMOOTH, FIRST)
    if sweep:
        _smooth(x, q, f, co, y, work, begin, end, line, has, near, r, damping, operation == FIRST, sweep)
    elif operation == PRESSURE:
        _effective(x, co, y, begin, end, line, near, r)
    elif operation in (RESIDUAL, IMAGE):
        _residuals(x, q, f, co, y, begin, end, line, has, near, r, operation == RESIDUAL, sweep)
    else:
        _transfer(x, y, work, index, weight, begin, end, line, other, r, operation == RESTRICT)


@bare(parallel=True, fastmath={"contract"})
def _parts(operation, x, q, f, co, y, work, share, index, weight, parts, line, other, has, near, r, damping):  # type: ignore[no-untyped-def]
    n = line[SEEN_PLANES] if operation != RESTRICT else line[PLANES]
    for k in numba.prange(parts):
        begin, end = k * n // parts, (k + 1) * n // parts
        _part(
            operation, x, q, f, co, y, work + k * share, index, weight, begin, end, line, other, has, near, r, damping
        )


@_device
def _all(operation, places, index, weight, threads, line, other, has, near, r, damping):  # type: ignore[no-untyped-def]
    """One operation on a level, on all threads where it is worth it; `places` are addresses and the bytes of a desk."""
    apart()
    x, q, f, co, y, work, share = places
    if threads > 1 and line[SLOTS] >= PARALLEL_SLOTS:
        _parts(operation, x, q, f, co, y, work, share, index, weight, threads, line, other, has, near, r, damping)
    else:
        n, none = line[SEEN_PLANES] if operation != RESTRICT else line[PLANES], 0 * line[ONE]
        _part(operation, x, q, f, co, y, work, index, weight, none, n, line, other, has, near, r, damping)


@_inline
def _tuple_at(table, level, like):  # type: ignore[no-untyped-def]
    """Row `level` of a table as a tuple of the length of `like`."""
    if len(like) == 3:
        return table[level, 0], table[level, 1], table[level, 2]
    else:
        return table[level, 0], table[level, 1]


def _cycle(  # type: ignore[no-untyped-def]
    r0,
    schedule,
    lines,
    present,
    inverse_spacing,
    near,
    index,
    weight,
    co,
    given,
    found,
    x,
    y,
    f,
    q,
    left,
    work,
    damping,
    sweeps,
    coarsest,
    threads,
):
    """
    The visits that `schedule` lists: found = M given, or `left` = - A found.

    given, found: level 0; x, f: the coarser levels (their first entries, those of level 0, are not used); y, left, q:
    all levels; all but `given` begin as zeros.
    """
    dim = len(r0)
    n = BYTES * (dim + 1)
    desk, share = address(work), BYTES * (work.size // threads)
    for visit in range(schedule.shape[0]):
        task, level = schedule[visit, 0], schedule[visit, 1]
        r, line, has = _tuple_at(inverse_spacing, level, r0), lines[level], present[level]
        coarse = lines[min(level + 1, lines.shape[0] - 1)]
        here = address(found) if level == 0 else address(x) + n * line[START]
        f_here = address(given) if level == 0 else address(f) + n * line[START]
        there, rest = address(y) + n * line[START], address(left) + n * line[START]
        p_here = address(q) + BYTES * line[START]
        own = address(co) + BYTES * line[COEFFICIENTS]
        times = 0 if task == ONLY_IMAGE else (coarsest if task == COARSEST else sweeps)
        if task == UP and times % 2 == 1:
            here, there = there, here
        # a transfer up, the sweeps, the residual, a transfer down; all through one call, which is long in machine code
        for step in range(-1, times + 2):
            one, other, source, target = line, line, here, there
            first = step == 0 and schedule[visit, 2] == 1
            if step == -1:
                operation, wanted = PROLONG, task == UP
                other, source, target = coarse, address(x) + n * coarse[START], here
            elif step < times:
                operation, wanted = FIRST if first else SMOOTH, True
            elif step == times:
                operation, wanted = IMAGE if task == ONLY_IMAGE else RESIDUAL, task in (DOWN, ONLY_IMAGE)
                target = rest
            else:
                operation, wanted = RESTRICT, task == DOWN
                one, other, source, target = coarse, line, rest, address(f) + n * coarse[START]
            effective = has[LAMBDA] and 0 <= step <= times and not first
            p = p_here if effective else here + BYTES * dim * line[SLOTS]
            for turn in range(2 if effective else 1):
                kind, to = (PRESSURE, p_here) if effective and turn == 0 else (operation, target)
                if wanted:
                    places = source, p, f_here, own, to, desk, share
                    _all(kind, places, index, weight, threads, one, other, has, near, r, damping)
            if 0 <= step < times:
                here, there = there, here


@_device
def _pack_row(source, factor, out, geometry, line):  # type: ignore[no-untyped-def]
    """A row of coefficients of a level, or of a component, in lines, with what repeats it where lines wrap."""
    n = line[CELLS] + (0 if line[WRAPS] else 1)
    for i in range(line[PLANES]):
        for j in range(line[LINES]):
            c, _ = _place(line, i, j)
            own = source + 8 * (i * geometry[14] + (j * geometry[15] if line[LINES] > 1 else 0))
            converted(n, doubles(own), factor, singles(out + c))
            _ends(out + c, line)


def _pack(r0, geometry, lines, source, fields, co, factors):  # type: ignore[no-untyped-def]
    """
    `co` times the factor of each row, from `source` [rows, slots] of every level and `fields` [3, slots] of every level
    with friction in the second row; see tissue._kernels_stokes.
    """
    dim = len(r0)
    pairs = dim * (dim - 1) // 2
    friction, _, bulk, _, lam = rows(dim)
    for level in range(lines.shape[0]):
        line, slots, first = lines[level], geometry[level, 10], geometry[level, 9]
        given = address(source) + 8 * (2 * dim + 4 + pairs) * first
        out = address(co) + BYTES * (line[COEFFICIENTS] + line[WIDTH])
        for row in range(lam + 1):
            if row == friction:
                own = address(fields) + 8 * (3 * first + slots)
            else:
                # of 2 eta, lambda, edges, friction on faces, 1 / bulk modulus, inverse diagonals, inverse of the cell
                at = 1 if row == lam else (0 if row == 0 else row + 1)
                if friction < row < lam:
                    at = 2 + pairs + dim + (0 if row == bulk else row - friction - (0 if row < bulk else 1))
                own = given + 8 * at * slots
            _pack_row(own, factors[row], out + BYTES * row * line[SLOTS], geometry[level], line)


def _both(function: Any, signature: str) -> dict[int, Kernel]:
    """`function` in two and in three dimensions, by dimension; its first argument tells which."""
    options = {"fastmath": {"contract"}, "error_model": "numpy"}
    return {dim: kernel(f"void(UniTuple(f4, {dim}), {signature})", **options)(function) for dim in (2, 3)}


_V = "f4[::1]"
_TABLES = f"i8[:,::1], i8[:,::1], f4[:,::1], i8[:,::1], i8[::1], {_V}, {_V}"
cycle = _both(_cycle, f"i8[:,::1], {_TABLES}, {', '.join([_V] * 8)}, f4, i8, i8, i8")
pack = _both(_pack, f"i8[:,::1], i8[:,::1], f8[::1], f8[::1], {_V}, f8[::1]")
