"""The multigrid cycle in single precision, in two and three dimensions from one source: which operation when."""

from __future__ import annotations

import numba

from tissue._jit import bare
from tissue._kernels_levels import (
    COEFFICIENTS,
    ONE,
    PARALLEL_SLOTS,
    PLANES,
    SEEN_PLANES,
    SLOTS,
    START,
)
from tissue._kernels_lines import (
    BYTES,
    address,
    apart,
)
from tissue._kernels_sweep import residuals, smooth
from tissue._kernels_transfer import both, transfer

_device = bare(fastmath={"contract"})
_inline = bare(fastmath={"contract"}, forceinline=True)
SMOOTH, FIRST, RESIDUAL, IMAGE, RESTRICT, PROLONG = range(6)
DOWN, UP, COARSEST, ONLY_IMAGE = 0, 1, 2, 3
# Sweeps that follow one another plane by plane, where a level is large and has so many planes for each thread.
TOGETHER, PLANES_EACH = 4, 48


@_device
def _part(operation, places, index, weight, begin, end, line, other, has, near, r, damping, many):  # type: ignore[no-untyped-def]
    """One operation in planes begin ... end - 1."""
    apart()
    x, q, f, co, y, left, between, apart_by, work, _ = places
    sweep = operation in (SMOOTH, FIRST)
    if sweep:
        first = operation == FIRST
        smooth(
            x, q, f, co, y, left, between, apart_by, work, begin, end, line, has, near, r, damping, first, many, sweep
        )
    elif operation in (RESIDUAL, IMAGE):
        residuals(x, q, f, co, y, begin, end, line, has, near, r, operation == RESIDUAL, sweep)
    else:
        transfer(x, y, work, index, weight, begin, end, line, other, r, operation == RESTRICT)


@bare(parallel=True, fastmath={"contract"})
def _parts(operation, places, index, weight, parts, line, other, has, near, r, damping, many):  # type: ignore[no-untyped-def]
    n = line[SEEN_PLANES] if operation != RESTRICT else line[PLANES]
    for k in numba.prange(parts):
        begin, end = k * n // parts, (k + 1) * n // parts
        x, q, f, co, y, left, between, apart_by, work, share = places
        own = x, q, f, co, y, left, between, apart_by, work + k * share, share
        _part(operation, own, index, weight, begin, end, line, other, has, near, r, damping, many)


@_device
def _all(operation, places, index, weight, threads, line, other, has, near, r, damping, many):  # type: ignore[no-untyped-def]
    """One operation on a level, on all threads where it is worth it; `places` are addresses and the bytes of a desk."""
    apart()
    if threads > 1 and line[SLOTS] >= PARALLEL_SLOTS:
        _parts(operation, places, index, weight, threads, line, other, has, near, r, damping, many)
    else:
        n, none = line[SEEN_PLANES] if operation != RESTRICT else line[PLANES], 0 * line[ONE]
        _part(operation, places, index, weight, none, n, line, other, has, near, r, damping, many)


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
    between,
    work,
    damping,
    sweeps,
    coarsest,
    threads,
):
    """
    The visits that `schedule` lists: found = M given, or `left` = - A found.

    given, found: level 0; x, f: the coarser levels (their first entries, those of level 0, are not used); y, left, q,
    between: all levels, of q and between several; all but `given` begin as zeros.
    """
    dim = len(r0)
    n, apart_by = BYTES * (dim + 1), BYTES * (y.size // (dim + 1))
    desk, share = address(work), BYTES * (work.size // threads)
    for visit in range(schedule.shape[0]):
        task, level = schedule[visit, 0], schedule[visit, 1]
        r, line, has = _tuple_at(inverse_spacing, level, r0), lines[level], present[level]
        coarse = lines[min(level + 1, lines.shape[0] - 1)]
        here = address(found) if level == 0 else address(x) + n * line[START]
        f_here = address(given) if level == 0 else address(f) + n * line[START]
        there, rest = address(y) + n * line[START], address(left) + n * line[START]
        q_here, states = address(q) + BYTES * line[START], address(between) + n * line[START]
        own = address(co) + BYTES * line[COEFFICIENTS]
        times = 0 if task == ONLY_IMAGE else (coarsest if task == COARSEST else sweeps)
        together = line[SLOTS] >= PARALLEL_SLOTS and line[SEEN_PLANES] >= PLANES_EACH * threads
        depth = TOGETHER if together else 1
        groups = (times + depth - 1) // depth
        if task == UP and groups % 2 == 1:
            here, there = there, here
        # a transfer up, the sweeps, the residual, a transfer down; all through one call, which is long in machine code
        for step in range(-1, groups + 2):
            one, other, source, target, then, many = line, line, here, there, 0, 0
            if step == -1:
                operation, wanted = PROLONG, task == UP
                other, source, target = coarse, address(x) + n * coarse[START], here
            elif step < groups:
                operation, wanted = FIRST if step == 0 and schedule[visit, 2] == 1 else SMOOTH, True
                many = times * (step + 1) // groups - times * step // groups
                then = rest if together and task == DOWN and step == groups - 1 else 0
            elif step == groups:
                operation, wanted = IMAGE if task == ONLY_IMAGE else RESIDUAL, task in (DOWN, ONLY_IMAGE)
                wanted = wanted and not (together and task == DOWN)
                target = rest
            else:
                operation, wanted = RESTRICT, task == DOWN
                one, other, source, target = coarse, line, rest, address(f) + n * coarse[START]
            if wanted:
                places = source, q_here, f_here, own, target, then, states, apart_by, desk, share
                _all(operation, places, index, weight, threads, one, other, has, near, r, damping, many)
            if 0 <= step < groups:
                here, there = there, here


_V = "f4[::1]"
_TABLES = f"i8[:,::1], i8[:,::1], f4[:,::1], i8[:,::1], i8[::1], {_V}, {_V}"
cycle = both(_cycle, f"i8[:,::1], {_TABLES}, {', '.join([_V] * 9)}, f4, i8, i8, i8")
