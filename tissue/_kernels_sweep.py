"""
Sweeps and residuals of the Stokes operator in single precision, in two and three dimensions from one source.

A sweep solves for the pressure of every cell and the velocities on its faces together, all cells from the same state,
and takes the mean of what the two cells beside a face ask for (additive Vanka): whole lines are worked on at once, and
no order of cells or number of threads is to be seen in the bits. On its way through the planes of the first axis it
keeps two planes of what it needs twice, and the next sweep may follow at once.
Source: Farrell, He and MacLachlan 2021, doi:10.1002/nla.2306.
"""

from __future__ import annotations

from tissue._jit import bare
from tissue._kernels_levels import (
    BULK,
    FRICTION,
    LAMBDA,
    LINES,
    SEEN,
    SEEN_LINES,
    SEEN_PLANES,
    SLOTS,
    TABLE,
    WIDTH,
    axes,
    edges,
    ends,
    place_of,
    rows,
    steps,
    still,
    wraps,
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
    apart()
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
    apart()
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
def _effective(x, co, q, i, line, near, r):  # type: ignore[no-untyped-def]
    """q = p - lambda div u in plane i."""
    apart()
    dim = len(r)
    for j in range(line[SEEN_LINES]):
        up, _ = steps(line, near, i, j, r)
        c, s = place_of(line, i, j)
        lam = co + BYTES * line[WIDTH] + c + rows(dim)[4] * s
        effective_pressure(line[SEEN], axes(x + c, s, r), singles(x + c + dim * s), up, singles(lam), singles(q + c), r)
        ends(q + c, line)


@_device
def _residual(x, q, f, co, out, i, line, has, near, r, driven, scaled):  # type: ignore[no-untyped-def]
    """out = f - A x, or - A x if not `driven`, in plane i; zero where there is nothing to solve."""
    apart()
    zeros = co + BYTES
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
def _begin(x, q, f, co, work, i, line, has, near, r, first, moved, scaled):  # type: ignore[no-untyped-def]
    """What a sweep that begins with plane i keeps of the plane before; q is worked out first if `moved`."""
    dim = len(r)
    slots = line[LINES] * line[WIDTH]
    plane = BYTES * slots
    pressure = work + 2 * dim * plane
    before = i + near[1, line[TABLE] + i]
    if before == i - 1 or wraps(line, near):
        if moved:
            _effective(x, co, q, before + near[1, line[TABLE] + before], line, near, r)
            _effective(x, co, q, before, line, near, r)
            _effective(x, co, q, i, line, near, r)
        _changes(x, q, f, co, work, line, has, near, before, r, first, scaled)
        _changes(x, q, f, co, work + dim * plane, line, has, near, i, r, first, scaled)
        _pressures(x, f, co, work, dim * slots, pressure, line, has, near, before, r, first, scaled)
    else:
        # nothing is before the first plane
        if moved:
            _effective(x, co, q, i, line, near, r)
        _changes(x, q, f, co, work + dim * plane, line, has, near, i, r, first, scaled)
        none = singles(pressure)
        for c in range(slots):
            none[c] = ZERO


@_device
def _sweep(x, q, f, co, y, work, turn, i, line, has, near, r, damping, first, moved, scaled):  # type: ignore[no-untyped-def]
    """Plane i of a sweep from x to y, in which it is the `turn`-th."""
    dim = len(r)
    slots = line[LINES] * line[WIDTH]
    plane = BYTES * slots
    # two planes take turns
    own, other = (turn + 1) % 2, turn % 2
    away = other - own
    change, following = work + own * dim * plane, work + other * dim * plane
    coming = i + near[0, line[TABLE] + i]
    if moved:
        _effective(x, co, q, coming, line, near, r)
    _changes(x, q, f, co, following, line, has, near, coming, r, first, scaled)
    dp = work + 2 * dim * plane + own * plane
    _pressures(x, f, co, change, away * dim * slots, dp, line, has, near, i, r, first, scaled)
    _corrections(x, co, change, dp, away * slots, y, line, near, i, r, damping, first)


@_device
def smooth(  # type: ignore[no-untyped-def]
    x, q, f, co, y, left, between, apart_by, work, begin, end, line, has, near, r, damping, first, many, scaled
):
    """
    `many` sweeps from x to y over planes begin ... end - 1, and the residual of y into `left` unless that is 0.

    Each follows two planes behind the one before, so that what it reads is still in the cache. What the planes around
    begin ... end - 1 do is worked out again: two threads may write there, and they write the same. States between
    sweeps are at `between`, and `apart_by` are the bytes of one component on all levels, of which q has one for each
    sweep and one for the residual.
    """
    apart()
    dim = len(r)
    n, share = line[SEEN_PLANES], BYTES * (2 * dim + 2) * line[LINES] * line[WIDTH]
    around = wraps(line, near)
    margin = 2 * (many - 1) + (1 if left != 0 else 0)
    start = begin - margin if around else max(begin - margin, 0)
    for t in range(start, end + margin + 2 * (many - 1)):
        for k in range(many):
            reach = margin - 2 * k
            i, first_plane, last_plane = t - 2 * k, begin - reach, end + reach
            if not around:
                first_plane, last_plane = max(first_plane, 0), min(last_plane, n)
            if i < first_plane or i >= last_plane:
                continue
            plane = i + n if i < 0 else (i - n if i >= n else i)
            source = x if k == 0 else between + (k - 1) * (dim + 1) * apart_by
            target = y if k == many - 1 else between + k * (dim + 1) * apart_by
            rest = first and k == 0
            moved = has[LAMBDA] and not rest
            p = q + k * apart_by if moved else source + BYTES * dim * line[SLOTS]
            own = work + k * share
            if i == first_plane:
                _begin(source, p, f, co, own, plane, line, has, near, r, rest, moved, scaled)
            turn = i - first_plane
            _sweep(source, p, f, co, target, own, turn, plane, line, has, near, r, damping, rest, moved, scaled)
        if left != 0:
            i = t - 2 * (many - 1) - 1
            if begin <= i < end:
                residuals(y, q + many * apart_by, f, co, left, i, i + 1, line, has, near, r, scaled, not scaled)


@_device
def residuals(x, q, f, co, out, begin, end, line, has, near, r, driven, scaled):  # type: ignore[no-untyped-def]
    """out = f - A x, or - A x if not `driven`, in planes begin ... end - 1; zero where there is nothing to solve."""
    apart()
    moved = has[LAMBDA]
    p = q if moved else x + BYTES * len(r) * line[SLOTS]
    before = begin + near[1, line[TABLE] + begin]
    if moved and (before == begin - 1 or wraps(line, near)):
        _effective(x, co, p, before, line, near, r)
    for i in range(begin, end):
        if moved:
            _effective(x, co, p, i, line, near, r)
        _residual(x, p, f, co, out, i, line, has, near, r, driven, scaled)
