"""
Sweeps and residuals of the Stokes operator in single precision, in two and three dimensions from one source.

A sweep solves for the pressure of every cell and the velocities on its faces together, all cells from the same state,
and takes the mean of what the two cells beside a face ask for (additive Vanka): whole lines are worked on at once, and
no order of cells or number of threads is to be seen in the bits. On its way through the planes of the first axis it
keeps two planes of what it needs twice.
Source: Farrell, He and MacLachlan 2021, doi:10.1002/nla.2306.
"""

from __future__ import annotations

from tissue._jit import bare
from tissue._kernels_levels import (
    BULK,
    FRICTION,
    LINES,
    SEEN,
    SEEN_LINES,
    TABLE,
    WIDTH,
    axes,
    edges,
    ends,
    place_of,
    rows,
    steps,
    still,
)
from tissue._kernels_lines import (
    BYTES,
    ZERO,
    apart,
    continuity,
    corrected,
    effective_pressure,
    momentum,
    product,
    singles,
)

_device = bare(fastmath={"contract"})
_inline = bare(fastmath={"contract"}, forceinline=True)


@_device
def _momentum_line(x, q, f, co, out, apart_by, line, has, near, i, j, r, driven, scaled):  # type: ignore[no-untyped-def]
    """The momentum residuals of line j of plane i to address `out`, so many bytes apart from axis to axis."""
    friction, inverse, _, _, _ = rows(len(r))
    up, down = steps(line, near, i, j, r)
    c, s = place_of(line, i, j)
    own = co + BYTES * line[WIDTH] + c
    zeros = co + BYTES
    momentum(
        line[SEEN],
        axes(x + c, s, r),
        singles(q + c),
        axes(f + c, s, r) if driven else axes(zeros, 0, r),
        edges(own, s, r),
        singles(own + friction * s if has[FRICTION] else zeros),
        down if has[FRICTION] else still(line, r),
        axes(own + inverse * s, s, r),
        axes(out, apart_by, r),
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
    up, _ = steps(line, near, i, j, r)
    c, s = place_of(line, i, j)
    own = co + BYTES * line[WIDTH] + c
    zeros = co + BYTES
    continuity(
        line[SEEN],
        axes(x + c, s, r) if moving else axes(zeros, 0, r),
        singles(x + c + dim * s if moving else zeros),
        up if moving else still(line, r),
        axes(change, apart_by, r),
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
            c, s = place_of(line, i, j)
            for a in range(dim):
                own = co + width + c + (inverse + a) * s
                product(line[SEEN], singles(f + c + a * s), singles(own), singles(to + a * plane))
        else:
            _momentum_line(x, q, f, co, to, plane, line, has, near, i, j, r, scaled, scaled)
        last = to + (dim - 1) * plane
        singles(last)[line[SEEN]] = ZERO
        ends(last, line)


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
        up, _ = steps(line, near, i, j, r)
        above, at, to = _above(other, up, r), change + j * width + BYTES, dp + j * width + BYTES
        _continuity_line(x, at, plane, above, f, co, to, line, has, near, i, j, r, not first, scaled, scaled)
        singles(to)[-1] = ZERO
        ends(to, line)


@_device
def _corrections(x, co, change, dp, other, y, line, near, i, r, damping, first):  # type: ignore[no-untyped-def]
    """The new state of plane i; the pressure steps of the plane before are `other` away."""
    dim = len(r)
    _, inverse, _, _, _ = rows(dim)
    width = BYTES * line[WIDTH]
    plane = line[LINES] * width
    for j in range(line[SEEN_LINES]):
        _, down = steps(line, near, i, j, r)
        c, s = place_of(line, i, j)
        own, zeros = co + width + c + inverse * s, co + BYTES
        at, p = change + j * width + BYTES, dp + j * width + BYTES
        corrected(
            line[SEEN],
            axes(zeros, 0, r) if first else axes(x + c, s, r),
            singles(zeros if first else x + c + dim * s),
            axes(at, plane, r),
            singles(p),
            _above(other, down, r),
            axes(own, s, r),
            axes(y + c, s, r),
            singles(y + c + dim * s),
            r,
            damping,
        )
        for a in range(dim + 1):
            ends(y + c + a * s, line)


@_device
def smooth(x, q, f, co, y, work, begin, end, line, has, near, r, damping, first, scaled):  # type: ignore[no-untyped-def]
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
def residuals(x, q, f, co, out, begin, end, line, has, near, r, driven, scaled):  # type: ignore[no-untyped-def]
    """out = f - A x, or - A x if not `driven`, in planes begin ... end - 1; zero where there is nothing to solve."""
    apart()
    zeros = co + BYTES
    for i in range(begin, end):
        for j in range(line[SEEN_LINES]):
            c, s = place_of(line, i, j)
            _momentum_line(x, q, f, co, out + c, s, line, has, near, i, j, r, driven, scaled)
            to = out + c + len(r) * s
            none = still(line, r)
            _continuity_line(x, zeros, none[0], none, f, co, to, line, has, near, i, j, r, not scaled, driven, scaled)
            # a transfer reads beyond the ends
            for a in range(len(r) + 1):
                ends(out + c + a * s, line)


@_device
def effective(x, co, q, begin, end, line, near, r):  # type: ignore[no-untyped-def]
    """q = p - lambda div u in planes begin ... end - 1."""
    apart()
    dim = len(r)
    for i in range(begin, end):
        for j in range(line[SEEN_LINES]):
            up, _ = steps(line, near, i, j, r)
            c, s = place_of(line, i, j)
            lam = co + BYTES * line[WIDTH] + c + rows(dim)[4] * s
            effective_pressure(
                line[SEEN], axes(x + c, s, r), singles(x + c + dim * s), up, singles(lam), singles(q + c), r
            )
            ends(q + c, line)
