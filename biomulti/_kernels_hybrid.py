"""Flowing and firing reactions together; with nothing firing it is the ODE method.

Between firings the flowing reactions are integrated with the hazard L of those that fire; the next firing is
where L has grown by an exponential random number, located on the cubic through the step, and is reaction j
with probability F_j / lambda there (Haseltine and Rawlings 2002, doi:10.1063/1.1505860; Salis and Kaznessis
2005, doi:10.1063/1.1835951). The state there is on the same cubic, and the next step keeps its size.

A step in which the trigger of an event changes is taken again so that it ends shortly before, and the moment is located
on the cubic of the short step across it, by halving, to the last bit of time.
"""

from __future__ import annotations

import math

import numpy as np
from numba import boolean, float64, int64, njit, prange, types, uint8, uint64, void

from biomulti._kernels_flow import (
    error_norm,
    explicit_step,
    hermite,
    locate,
    rosenbrock_step,
    slopes,
    tolerance,
)
from biomulti._kernels_past import recall, remember, shortest_lag
from biomulti._kernels_ssa import choose, fire, report
from biomulti._rng import exponential, uniform
from biomulti.compile import FUNCTION
from biomulti.outcome import EVENT, FINISHED, FRACTION, NEGATIVE_AMOUNT, NO_ROOM, STEP_TOO_SMALL, UNFINISHED
from tissue._jit import device, kernel

SAFETY, SHRINK, GROW = 0.9, 0.2, 5.0
STABLE = 2.2  # h |df/dx| up to which explicit steps are taken (their limit on the real axis is 2.5)
STIFF = 1.8  # h |df/dx| beyond which explicit steps are held back by stability
REACH = 1.5  # how far beyond the expected firing a step may go
PATIENCE = 6  # steps in a row that must agree before the kind of step changes
NEAR = 0.02  # of the way to an event, which the short step begins before it
SAMPLES = 4  # places of a step at which triggers are looked at
WHOLE = 1e-6  # how far a jump worked out by a formula may be from a whole number


@device
def sound(a, fires, dx, hazard):  # type: ignore[no-untyped-def]
    """False if a rate is not finite or the propensity of a firing reaction is negative."""
    total, least = hazard, 0.0
    for k in range(dx.shape[0]):
        total += abs(dx[k])
    for j in range(a.shape[0]):
        if fires[j]:
            least = min(least, a[j])
    return total < math.inf and least == 0.0


@device
def clamp(y, allowed, counted):  # type: ignore[no-untyped-def]
    """Set counted species that fell below zero by less than the tolerance to zero: 1 if there were any, else 0.

    2 if one fell further, which the step must not do.
    """
    found = 0
    for k in range(y.shape[0]):
        if counted[k] and y[k] < 0.0:
            found = 2 if found == 2 or y[k] < -allowed[k] else 1
            y[k] = 0.0
    return found


@device
def first_step(x, dx, hazard, peak, floor, longest):  # type: ignore[no-untyped-def]
    """A careful first step: a hundredth of the time in which something changes by its own size, or of all."""
    h = longest
    for k in range(x.shape[0]):
        size = max(abs(x[k]), peak[k], floor[k])
        if abs(dx[k]) > 0.0:
            h = min(h, 0.01 * size / abs(dx[k]) if size > 0.0 else 0.001 * longest)
    return min(h, 1.0 / hazard) if hazard > 0.0 else h


@device
def next_step(h, error, order):  # type: ignore[no-untyped-def]
    """The step size that would just meet the tolerance, within limits."""
    if not error < math.inf:
        return h * SHRINK
    return h * min(GROW, max(SHRINK, SAFETY * max(error, 1e-10) ** (-1.0 / order)))


@device
def between(s, x, work, mass, step, out):  # type: ignore[no-untyped-def]
    """The state after the share s of a step from x to work[4] into out [states]; what has no slope goes straight."""
    for m in range(x.shape[0]):
        if mass[m] > 0.0:
            out[m] = hermite(s, x[m], work[4, m], step * work[0, m], step * work[3, m])
        else:
            out[m] = x[m] + s * (work[4, m] - x[m])


@njit(error_model="numpy")
def differs(triggers, t, x, p, armed, i, now):  # type: ignore[no-untyped-def]
    """True if a trigger is not what it was when last looked at."""
    triggers(t, x.ctypes, p.ctypes, now.ctypes)
    changed = False
    for e in range(now.shape[0]):
        changed = changed or (now[e] != 0.0) != (armed[i, e] != 0)
    return changed


@njit(error_model="numpy")
def first_change(watch, past, memory, t, step, reach, x, p, work, mass, probe):  # type: ignore[no-untyped-def]
    """The share of a step, up to `reach`, after which a trigger first changes; 2 if none does."""
    low = 0.0
    for sample in range(1, SAMPLES + 1):
        high = reach * sample / SAMPLES
        if not _changed_at(high, watch, past, memory, t, step, x, p, work, mass, probe):
            low = high
            continue
        for _ in range(80):
            middle = 0.5 * (low + high)
            if not (t + low * step < t + middle * step < t + high * step):
                break
            if _changed_at(middle, watch, past, memory, t, step, x, p, work, mass, probe):
                high = middle
            else:
                low = middle
        return high
    return 2.0


@njit(error_model="numpy")
def _changed_at(s, watch, past, memory, t, step, x, p, work, mass, probe):  # type: ignore[no-untyped-def]
    triggers, armed, now = watch
    if s == 1.0:
        for m in range(x.shape[0]):
            probe[m] = work[4, m]
    else:
        between(s, x, work, mass, step, probe)
        if past[2].shape[0] > 0:
            recall(past, memory, t + s * step, probe, p)
    return differs(triggers, t + s * step, probe, p, armed, memory[0], now)


@device
def follow(x, j, a, followers, status, i):  # type: ignore[no-untyped-def]
    """Apply what a firing of reaction j changes by a formula: the ratio of a follower's flux to its own."""
    start, flux, species, sign = followers
    for m in range(start[j], start[j + 1]):
        jump = sign[m] * a[flux[m]] / a[j]
        if not abs(jump - round(jump)) <= WHOLE:
            status[i, 0] = FRACTION
            status[i, 1] = j
        else:
            x[species[m]] += round(jump)
            if x[species[m]] < 0.0:
                status[i, 0] = NEGATIVE_AMOUNT
                status[i, 1] = j


@njit(error_model="numpy")
def advance_row(  # type: ignore[no-untyped-def]
    i,
    fluxes,
    jacobian,
    time_slopes,
    net,
    followers,
    patterns,
    method,
    control,
    triggers,
    armed,
    due,
    lags,
    what_was,
    slots,
    past_count,
    past_time,
    past_state,
    moving,
    h_all,
    p,
    rng,
    left,
    clock,
    cursor,
    times,
    out,
    budget,
    counts,
    status,
):
    """Advance row i as `advance_hybrid` says."""
    fires, start, species, change, _, _, _, _, _, mass = net
    rtol, floor, from_zero, order, explicit_allowed = control
    y_all, peak_all, mode_all = moving
    outputs, n, events = times.shape[0], floor.shape[0], armed.shape[1]
    pattern = (patterns[0], patterns[1])
    model = (fluxes, jacobian, time_slopes, patterns[2])
    count = method[3].shape[0]
    unknowns = n > 0 and np.min(mass) == 0.0
    x, peak, par, mode = y_all[i], peak_all[i], p[i], mode_all[i]
    a = np.empty(fires.shape[0])
    work = np.empty((9, n))
    allowed, probe, now = np.empty(n), np.empty(n), np.empty(events)
    stages, hazard_stages = np.empty((count, n)), np.empty(count)
    matrix, pivots = np.empty((n, n)), np.empty(n, np.int64)
    entries = np.empty(max(patterns[0].shape[0], patterns[2].shape[0], 1))
    d = slots.shape[0]
    past = (lags, what_was, slots, np.empty(d), np.empty(d), np.empty(a.shape[0] if d > 0 else 0), np.empty(n))
    memory = (i, past_count, past_time, past_state)
    watch = (triggers, armed, now)
    t, h = clock[i], h_all[i]
    status[i, 0] = FINISHED
    # fluxes and slopes at x have to be worked out, and kept for delays
    stale, jumped = True, True
    hazard = 0.0
    # near an event: 1 while the step that ends before it is taken, 2 for the short one across it
    near, leap = 0, 0.0
    firings, steps, k, remaining = 0, 0, cursor[i], left[i]
    while status[i, 0] == FINISHED and k < outputs:
        if d > 0 and past_count[i] >= past_time.shape[1]:
            status[i, 0] = NO_ROOM
            break
        if stale:
            stale = False
            hazard = slopes(fluxes, t, x, par, a, work[0], net, past, memory)
            if not sound(a, fires, work[0], hazard):
                report(a, fires, status, i)
                break
            if jumped and d > 0:
                remember(past, memory, t, 0.0, x, work[0], par)
                jumped = False
                continue
        if t >= due[i]:
            status[i, 0] = EVENT
            break
        if t >= times[k]:
            out[i, k] = x
            k += 1
            continue
        goal = min(times[k], due[i])
        if steps == budget:
            status[i, 0] = UNFINISHED
            break
        if not h > 0.0:
            h = first_step(x, work[0], hazard, peak, floor, goal - t)
        steps += 1
        step = h
        if near > 0:
            step = min(step, leap)
        if d > 0:
            step = min(step, shortest_lag(past, t, x, par))
        clipped = step >= goal - t
        if clipped:
            step = goal - t
        if step * hazard > REACH * remaining:
            # what lies far beyond the next firing will not be used
            step, clipped = REACH * remaining / hazard, False
        stiff = mode[0] == 1 or not explicit_allowed
        if stiff:
            end, integral, miss, stiffness = rosenbrock_step(
                model, t, step, x, par, a, net, past, memory, pattern, method, work, stages, hazard_stages,
                matrix, pivots, entries,
            )  # fmt: skip
        else:
            end, integral, miss, stiffness = explicit_step(fluxes, t, step, x, par, a, net, past, memory, work, hazard)
        tolerance(t, x, work[4], work[0], work[3], peak, floor, from_zero[i], rtol, allowed)
        for m in range(d):
            # what was is known, also where it jumps; what it does to others shows in theirs
            allowed[slots[m]] = math.inf
        error = error_norm(work[5], allowed, integral, miss, rtol)
        clamped = clamp(work[4], allowed, net[8])
        if error > 1.0 or clamped == 2:
            h = next_step(step, max(error, 4.0), order)
            if not t + h > t or h < 1e-300:
                status[i, 0] = STEP_TOO_SMALL
            stale = True
            continue
        wanted = next_step(step, error, order)
        if not stiff and stiffness > 0.0:
            wanted = min(wanted, step * STABLE / stiffness)
        fired = integral >= remaining and integral > 0.0
        s = locate(remaining, integral, hazard, end, step) if fired else 1.0
        happens = 2.0
        if events > 0:
            happens = first_change(watch, past, memory, t, step, s, x, par, work, mass, probe)
        if happens < 1.0 and near != 2 and happens * step > 64.0 * 2.3e-16 * max(abs(t), step):
            # once more, to shortly before the event; then a short step across it
            near, leap = 1, (1.0 - NEAR) * happens * step
            stale = True
            continue
        h = max(h, wanted) if step < h else wanted
        if explicit_allowed:
            # explicit steps are wrong where stability holds them back, stiff ones where a firing ends them anyway
            wrong = (fired or stiffness < 0.5 * STIFF) if stiff else (stiffness > STIFF and not fired)
            mode[1] = mode[1] + 1 if wrong else 0
            if mode[1] >= PATIENCE:
                mode[0], mode[1] = 1 - mode[0], 0
        if happens <= 1.0 and not (fired and happens >= s):
            status[i, 0] = EVENT
            fired = False
        if fired or happens < 1.0:
            s = min(s, happens)
            if not fired:
                remaining -= hermite(s, 0.0, integral, step * hazard, step * end)
            between(s, x, work, mass, step, probe)
            for m in range(n):
                x[m] = probe[m]
            clamp(x, allowed, net[8])
            t += s * step
            hazard = slopes(fluxes, t, x, par, a, work[0], net, past, memory)
        else:
            remaining -= integral
            t = goal if clipped else t + step
            for m in range(n):
                x[m] = work[4, m]
                work[0, m] = work[3, m]
            hazard, stale = end, clamped > 0
        near, leap = (2, 2.0 * NEAR * leap / (1.0 - NEAR)) if near == 1 and not fired else (0, 0.0)
        if d > 0:
            remember(past, memory, t, step, x, work[0], par)
        if fired:
            j = choose(a, fires, hazard, uniform(rng, i)) if sound(a, fires, work[0], hazard) else -1
            if j >= 0:
                follow(x, j, a, followers, status, i)
                fire(x, j, start, species, change, status, i)
                firings += 1
            remaining = exponential(rng, i)
            stale = jumped = True
            if status[i, 0] == FINISHED and (unknowns or (events > 0 and differs(triggers, t, x, par, armed, i, now))):
                status[i, 0] = EVENT
        elif not sound(a, fires, work[0], hazard):
            report(a, fires, status, i)
        for m in range(n):
            peak[m] = max(peak[m], abs(x[m]))
    clock[i], h_all[i], cursor[i], left[i] = t, h, k, remaining
    counts[i, 0] += firings
    counts[i, 1] += steps


ARRAYS = types.Tuple(
    (
        *(boolean[::1], int64[::1], int64[::1], float64[::1]),
        *(boolean[::1], boolean[::1], int64[::1], int64[::1], boolean[::1], float64[::1]),
    )
)


@kernel(
    void(
        FUNCTION,
        FUNCTION,
        FUNCTION,
        ARRAYS,
        types.Tuple((int64[::1], int64[::1], int64[::1], float64[::1])),
        types.UniTuple(int64[::1], 3),
        types.Tuple(
            (float64, float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], float64[::1], float64[::1])
        ),
        types.Tuple((float64, float64[::1], boolean[:, ::1], int64, boolean)),
        FUNCTION,
        uint8[:, ::1],
        float64[::1],
        FUNCTION,
        FUNCTION,
        int64[::1],
        int64[::1],
        float64[:, ::1],
        float64[:, :, :, ::1],
        types.Tuple((float64[:, ::1], float64[:, ::1], int64[:, ::1])),
        float64[::1],
        float64[:, ::1],
        uint64[:, ::1],
        float64[::1],
        float64[::1],
        int64[::1],
        float64[::1],
        float64[:, :, ::1],
        int64,
        int64[:, ::1],
        int64[:, ::1],
    ),
    parallel=True,
    error_model="numpy",
)
def advance_hybrid(  # type: ignore[no-untyped-def]
    fluxes,
    jacobian,
    time_slopes,
    net,
    followers,
    patterns,
    method,
    control,
    triggers,
    armed,
    due,
    lags,
    what_was,
    slots,
    past_count,
    past_time,
    past_state,
    moving,
    h_all,
    p,
    rng,
    left,
    clock,
    cursor,
    times,
    out,
    budget,
    counts,
    status,
):
    """Advance every row through the output times, or to its next event.

    fluxes, jacobian (its entries), time_slopes: the model; net: fires [fluxes], start [fluxes + 1], species,
    change, limited [fluxes] (a firing may find too little of a flowing reactant), flowing [states], of the changes
    that flow their places and their fluxes, counted [states] (never below zero), mass [states]; followers: of each
    reaction that fires, start [fluxes + 1], fluxes, species and signs of what it changes by a formula; patterns: rows
    and columns of the Jacobian entries, rows of the time slopes; method: coefficients of a Rosenbrock method; control:
    relative tolerance, floor [states], from_zero [rows, states], order of the method, whether explicit steps are
    allowed; triggers of events, armed [rows, events]; due [rows]: a moment at which to stop; lags, what_was: how long
    ago and what was, slots: states that hold it; past_...: see `cells.Past`; moving: y [rows, states], peak [rows,
    states], mode [rows, 2] (1 for stiff steps, and how many steps in a row asked for a change); h_all [rows]: size of
    the next step; rng [rows, 4], left [rows]: what is left of the exponential number of the next firing; clock [rows],
    cursor [rows]: time reached and next output; times [outputs]; out [rows, outputs, states]; budget: steps a row may
    take; counts [rows, 2]: firings and steps so far; status [rows, 2]: outcome and the flux it concerns.
    """
    # the loop of a row is a function of its own: numba takes four times as long over it inside a prange
    for i in prange(clock.shape[0]):
        advance_row(
            i,
            fluxes,
            jacobian,
            time_slopes,
            net,
            followers,
            patterns,
            method,
            control,
            triggers,
            armed,
            due,
            lags,
            what_was,
            slots,
            past_count,
            past_time,
            past_state,
            moving,
            h_all,
            p,
            rng,
            left,
            clock,
            cursor,
            times,
            out,
            budget,
            counts,
            status,
        )
