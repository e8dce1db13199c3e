"""Transfers between levels in single precision, and coefficients on their way into it."""

from __future__ import annotations

from typing import Any

import numba

from tissue._jit import Kernel, bare, kernel
from tissue._kernels_levels import (
    CELLS,
    COEFFICIENTS,
    ENTRIES,
    FACE,
    HALVES,
    HAT,
    LINES,
    OVERLAP,
    PARALLEL_SLOTS,
    PLANES,
    SCALAR,
    SEEN,
    SEEN_LINES,
    SLOTS,
    TABLE,
    TANGENT,
    WIDTH,
    WRAPS,
    ends,
    place_of,
    rows,
)
from tissue._kernels_lines import (
    BYTES,
    ZERO,
    address,
    apart,
    converted,
    doubled,
    doubles,
    halved,
    integers,
    picked,
    singles,
    weighted,
)

_device = bare(fastmath={"contract"})


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
def transfer(source, target, work, index, weight, begin, end, line, other, r, down):  # type: ignore[no-untyped-def]
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
            c, s = place_of(line, i, j)
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
                    ends(target + c + a * s, line)


@_device
def _pack_row(source, factor, out, begin, end, geometry, line):  # type: ignore[no-untyped-def]
    """A row of coefficients in planes begin ... end - 1, in lines, with what repeats it where lines wrap."""
    n = line[CELLS] + (0 if line[WRAPS] else 1)
    for i in range(begin, end):
        for j in range(line[LINES]):
            c, _ = place_of(line, i, j)
            own = source + 8 * (i * geometry[14] + (j * geometry[15] if line[LINES] > 1 else 0))
            converted(n, doubles(own), factor, singles(out + c))
            ends(out + c, line)


@_device
def _pack_level(begin, end, r0, geometry, line, source, fields, co, factors):  # type: ignore[no-untyped-def]
    """All rows of a level; addresses of all levels, and `geometry` and `line` of the one."""
    dim = len(r0)
    pairs = dim * (dim - 1) // 2
    friction, _, bulk, _, lam = rows(dim)
    slots, first = geometry[10], geometry[9]
    given = source + 8 * (2 * dim + 4 + pairs) * first
    out = co + BYTES * (line[COEFFICIENTS] + line[WIDTH])
    for row in range(lam + 1):
        if row == friction:
            own = fields + 8 * (3 * first + slots)
        else:
            # of 2 eta, lambda, edges, friction on faces, 1 / bulk modulus, inverse diagonals, inverse of the cell
            at = 1 if row == lam else (0 if row == 0 else row + 1)
            if friction < row < lam:
                at = 2 + pairs + dim + (0 if row == bulk else row - friction - (0 if row < bulk else 1))
            own = given + 8 * at * slots
        _pack_row(own, factors[row], out + BYTES * row * line[SLOTS], begin, end, geometry, line)


@bare(parallel=True, fastmath={"contract"})
def _pack_parts(parts, r0, geometry, line, source, fields, co, factors):  # type: ignore[no-untyped-def]
    for k in numba.prange(parts):
        begin, end = k * line[PLANES] // parts, (k + 1) * line[PLANES] // parts
        _pack_level(begin, end, r0, geometry, line, source, fields, co, factors)


def _pack(r0, geometry, lines, source, fields, co, factors, threads):  # type: ignore[no-untyped-def]
    """
    `co` times the factor of each row, from `source` [rows, slots] of every level and `fields` [3, slots] of every level
    with friction in the second row; see tissue._kernels_stokes.
    """
    given, own, out = address(source), address(fields), address(co)
    for level in range(lines.shape[0]):
        line, at = lines[level], geometry[level]
        if threads > 1 and line[SLOTS] >= PARALLEL_SLOTS:
            _pack_parts(threads, r0, at, line, given, own, out, factors)
        else:
            _pack_level(0 * line[PLANES], line[PLANES], r0, at, line, given, own, out, factors)


def both(function: Any, signature: str) -> dict[int, Kernel]:
    """`function` in two and in three dimensions, by dimension; its first argument tells which."""
    options = {"fastmath": {"contract"}, "error_model": "numpy"}
    return {dim: kernel(f"void(UniTuple(f4, {dim}), {signature})", **options)(function) for dim in (2, 3)}


pack = both(_pack, "i8[:,::1], i8[:,::1], f8[::1], f8[::1], f4[::1], f8[::1], i8")
