"""The multigrid cycle in single precision, in two and three dimensions from one source: which operation when."""

from __future__ import annotations

import numba

from tissue._jit import bare
from tissue._kernels_levels import (
    COEFFICIENTS,
    LAMBDA,
    ONE,
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
from tissue._kernels_sweep import effective, residuals, smooth
from tissue._kernels_transfer import both, transfer

_device = bare(fastmath={"contract"})
_inline = bare(fastmath={"contract"}, forceinline=True)
# On smaller levels waking the threads costs more than the work.
PARALLEL_SLOTS = 16384
SMOOTH, FIRST, PRESSURE, RESIDUAL, IMAGE, RESTRICT, PROLONG = 0, 1, 2, 3, 4, 5, 6
DOWN, UP, COARSEST, ONLY_IMAGE = 0, 1, 2, 3


@_device
def _part(operation, x, q, f, co, y, work, index, weight, begin, end, line, other, has, near, r, damping):  # type: ignore[no-untyped-def]
    """One operation in planes begin ... end - 1."""
    apart()
    sweep = operation in (SMOOTH, FIRST)
    if sweep:
        smooth(x, q, f, co, y, work, begin, end, line, has, near, r, damping, operation == FIRST, sweep)
    elif operation == PRESSURE:
        effective(x, co, y, begin, end, line, near, r)
    elif operation in (RESIDUAL, IMAGE):
        residuals(x, q, f, co, y, begin, end, line, has, near, r, operation == RESIDUAL, sweep)
    else:
        transfer(x, y, work, index, weight, begin, end, line, other, r, operation == RESTRICT)


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


_V = "f4[::1]"
_TABLES = f"i8[:,::1], i8[:,::1], f4[:,::1], i8[:,::1], i8[::1], {_V}, {_V}"
cycle = both(_cycle, f"i8[:,::1], {_TABLES}, {', '.join([_V] * 8)}, f4, i8, i8, i8")
