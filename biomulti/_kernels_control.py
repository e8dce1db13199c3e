"""Whether steps hold, and how long they and the next are, of all lanes at once."""

from __future__ import annotations

from numba import njit

from biomulti._kernels_steps import growth
from biomulti._lanes import at_most, either, larger, less, load, magnitude, smaller, splat, store
from biomulti.outcome import STEP_TOO_SMALL
from tissue._jit import device

REACH = 1.5  # how far beyond the expected firing a step may go
PATIENCE = 6.0  # steps in a row that must agree before the kind of step changes
STIFF = 0.8  # share of the stable h |df/dx| beyond which explicit steps are held back by stability
OFTEN = 0.8  # firings expected in the longest stable explicit step, beyond which stiff ones do not pay
LEAST = 1e-290  # of an exponential number, what is left by rounding


@device
def begin_steps(  # type: ignore[no-untyped-def]
    width, firing, hazard, slope, h, goal, leap, t, remaining, busy, steps_taken, step,
):  # fmt: skip
    """The size of the steps of all lanes."""
    length = smaller(load(h, 0, width), load(goal, 0, width) - load(t, 0, width))
    length = smaller(length, load(leap, 0, width))
    if firing:
        # what lies far beyond the next firing will not be used
        rate, left = load(slope, hazard, width), load(remaining, 0, width)
        enough = REACH * larger(left, splat(LEAST, width)) / rate
        length = either(less(REACH * left, length * rate), enough, length)
    working = load(busy, 0, width)
    store(step, 0, either(working, length, splat(1.0, width)))
    store(steps_taken, 0, load(steps_taken, 0, width) + working)


@device
def judge(  # type: ignore[no-untyped-def]
    width, rtol, firing, hazard, explicit_order, stiff_order, y, miss_explicit, error, remaining, busy, stiffly, took,
    fired, factor,
):  # fmt: skip
    """Which steps hold, which of these end with a firing, and by how much the next are to be longer."""
    miss, working, kind = load(error, 0, width), load(busy, 0, width), load(stiffly, 0, width)
    one, fires_now = splat(1.0, width), splat(0.0, width)
    if firing:
        grows = load(y, hazard, width)
        # the integrated hazard may be off by rtol of a firing, or of those the step holds if they are more
        hazard_miss = magnitude(load(miss_explicit, hazard, width)) / (rtol * larger(grows, one))
        miss = larger(hazard_miss, miss) + 0.0 * hazard_miss
        fires_now = at_most(load(remaining, 0, width), grows) * less(fires_now, grows)
    holds = working * at_most(miss, one)
    store(took, 0, holds)
    store(fired, 0, holds * fires_now)
    # a step that failed makes a difference to the next
    store(error, 0, either(holds, miss, larger(splat(4.0, width), miss)))
    store(factor, 0, either(kind, splat(stiff_order, width), splat(explicit_order, width)))
    growths(error, factor)


@njit(error_model="numpy")
def growths(error, factor):  # type: ignore[no-untyped-def]
    """By how much steps are to grow into factor [1, lanes], which holds the orders of their methods."""
    for a in range(error.shape[1]):
        factor[0, a] = growth(error[0, a], factor[0, a])


@device
def plan(  # type: ignore[no-untyped-def]
    width, firing, hazard, stable, slope, step, stiffness, took, fired, factor, stiffly, patience, h,
):  # fmt: skip
    """The size of the next steps, and their kind."""
    length, holds, kind, wished = load(step, 0, width), load(took, 0, width), load(stiffly, 0, width), load(h, 0, width)
    stiff_by, waits = load(stiffness, 0, width), load(patience, 0, width)
    zero, one = splat(0.0, width), splat(1.0, width)
    wanted = length * load(factor, 0, width)
    steady = either(kind, wanted, smaller(length * stable / stiff_by, wanted))
    # a step that something else cut short says of longer ones that they may be taken, not that they must
    longer = either(less(length, wished), larger(steady, wished), steady)
    store(h, 0, either(holds, longer, wanted))
    # explicit steps are wrong where stability holds them back, unless firings end even these
    expected = zero
    if firing:
        expected = load(slope, hazard, width) * length * stable / larger(stiff_by, splat(1e-300, width))
    held_back = less(splat(STIFF * stable, width), stiff_by)
    wrong_stiff = less(stiff_by, splat(0.5 * STIFF * stable, width)) + less(splat(OFTEN, width), expected)
    wrong = either(kind, wrong_stiff, held_back * less(expected, splat(0.5 * OFTEN, width)))
    asked = holds * (kind + held_back + one - load(fired, 0, width))
    waits = either(asked, either(wrong, waits + 1.0, zero), waits)
    changes = at_most(splat(PATIENCE, width), waits)
    store(stiffly, 0, either(changes, one - kind, kind))
    store(patience, 0, either(changes, zero, waits))


@device
def end_steps(  # type: ignore[no-untyped-def]
    width, firing, hazard, y, t, step, goal, took, fired, share, remaining, end,
):  # fmt: skip
    """When steps end, which those do that have a firing after a `share` of them, and what remains to the others'."""
    begun, length, holds = load(t, 0, width), load(step, 0, width), load(took, 0, width)
    fires_now, last, part = load(fired, 0, width), load(goal, 0, width), splat(1.0, width)
    until = either(at_most(last - begun, length), last, begun + length)
    if firing:
        part = either(fires_now, load(share, 0, width), part)
        until = either(1.0 - part, begun + part * length, until)
        left = load(remaining, 0, width)
        store(remaining, 0, either(holds - fires_now, left - load(y, hazard, width), left))
    store(share, 0, part)
    store(end, 0, either(holds, until, begun))


@device
def too_small(width, t, h, busy, took, halted, status, row):  # type: ignore[no-untyped-def]
    """Halt rows whose steps fail however short they are."""
    for a in range(row.shape[0]):
        if busy[0, a] > took[0, a] and (not t[0, a] + h[0, a] > t[0, a] or h[0, a] < 1e-300):
            status[row[a], 0], halted[0, a] = STEP_TOO_SMALL, 1.0
