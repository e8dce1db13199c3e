"""Flowing and firing reactions together, several rows side by side; with nothing firing it is the ODE method.

Between firings the flowing reactions are integrated with the hazard L of those that fire; the next firing is where L
has grown by an exponential random number, located on the polynomial through the step, and is reaction j with
probability F_j / lambda there (Haseltine and Rawlings 2002, doi:10.1063/1.1505860; Salis and Kaznessis 2005,
doi:10.1063/1.1835951). The state there is on the same polynomial, and the next step keeps its size.

A step in which the trigger of an event changes is taken again so that it ends shortly before, and the moment is located
on the polynomial of the short step across it, by halving, to the last bit of time.
"""

from __future__ import annotations

import math

import numpy as np
from numba import boolean, float64, int64, njit, prange, types, uint8, uint64, void

from biomulti._kernels_partition import PLENTIFUL, decide, make_whole
from biomulti._kernels_ssa import choose, fire, report
from biomulti._kernels_steps import (
    DEGREE,
    FLOOR,
    GROW,
    between,
    error_of_step,
    explicit_step,
    factorize,
    fill_matrix,
    first_step,
    grown,
    interpolant,
    locate,
    next_step,
    stiff_step,
)
from biomulti._lanes import rows_of_lanes
from biomulti._rng import exponential, uniform
from biomulti.compile import FUNCTION, LANES_FUNCTION
from biomulti.outcome import EVENT, FINISHED, FRACTION, NEGATIVE_AMOUNT, NOT_FINITE, STEP_TOO_SMALL, SWITCH, UNFINISHED
from tissue._jit import arrays_counted, arrays_uncounted, device, kernel

REACH = 1.5  # how far beyond the expected firing a step may go
PATIENCE = 6  # steps in a row that must agree before the kind of step changes
STIFF = 0.8  # share of the stable h |df/dx| beyond which explicit steps are held back by stability
OFTEN = 0.8  # firings expected in the longest stable explicit step, beyond which stiff ones do not pay
MOST_LOOKS = 1_000  # changes of comparisons in one step
SAMPLES = 4  # places of a step at which triggers are looked at
LEAST = 1e-290  # of an exponential number, what is left by rounding
NEAR = 0.02  # of the way to an event, which the short step begins before it
LOOK = 64  # steps after which a row decides anew what fires
WHOLE = 1e-6  # how far a jump worked out by a formula may be from a whole number


@njit(error_model="numpy")
def differs(watched, t, x, p, armed, now):  # type: ignore[no-untyped-def]
    """True if a trigger is not what it was when last looked at, armed [events]."""
    watched(t, x.ctypes, p.ctypes, now.ctypes)
    changed = False
    for e in range(armed.shape[0]):
        changed = changed or (now[e] != 0.0) != (armed[e] != 0)
    return changed


@njit(error_model="numpy")
def first_change(  # type: ignore[no-untyped-def]
    watched, armed, before, now, t, h, reach, a, x, y, bend, order, counted, p, probe
):
    """The share of a step, up to `reach`, after which a trigger first changes, to the last bit of time; 2 if none does.

    watched writes the triggers, and after them the comparisons that triggers are made of: where one of these changes
    the triggers are looked at, so that of several comparisons none is missed that holds from one sample to the next. A
    comparison that turns twice between two samples is not seen. before, now [watched] are
    room to work in, and `probe` [states] takes the state there.
    """
    events, low, looks = armed.shape[0], 0.0, 0
    between(0.0, a, x, y, bend, order, counted, probe)
    watched(t, probe.ctypes, p.ctypes, before.ctypes)
    for e in range(events):
        before[e] = armed[e]
    sample = 1
    while sample <= SAMPLES:
        high = reach * sample / SAMPLES
        if not _changed(high, watched, before, now, t, h, a, x, y, bend, order, counted, p, probe):
            low = high
            sample += 1
            continue
        for _ in range(80):
            middle = 0.5 * (low + high)
            if not (t + low * h < t + middle * h < t + high * h):
                break
            if _changed(middle, watched, before, now, t, h, a, x, y, bend, order, counted, p, probe):
                high = middle
            else:
                low = middle
        _changed(high, watched, before, now, t, h, a, x, y, bend, order, counted, p, probe)
        for e in range(events):
            if (now[e] != 0.0) != (before[e] != 0.0):
                return high
        looks += 1
        if looks > MOST_LOOKS:
            return high
        low = high
        for e in range(now.shape[0]):
            before[e] = now[e]
    return 2.0


@njit(error_model="numpy")
def _changed(share, watched, before, now, t, h, a, x, y, bend, order, counted, p, probe):  # type: ignore[no-untyped-def]
    between(share, a, x, y, bend, order, counted, probe)
    watched(t + share * h, probe.ctypes, p.ctypes, now.ctypes)
    changed = False
    for e in range(now.shape[0]):
        changed = changed or (now[e] != 0.0) != (before[e] != 0.0)
    return changed


@device
def one_firing(t, x, p, laws, rates, fires, net, followers, rng, status, i):  # type: ignore[no-untyped-def]
    """Let one reaction of row i fire in the state x [states], chosen by its rate, and say which; -1 if none could."""
    start, species, change = net
    first, follower, followed, sign = followers
    laws(t, x.ctypes, p.ctypes, rates.ctypes)
    total, least = 0.0, 0.0
    for j in range(rates.shape[0]):
        if fires[j]:
            total += max(rates[j], 0.0)
            least = min(least, rates[j])
    if not (total < math.inf and least == 0.0):
        status[i, 0], status[i, 1] = NOT_FINITE, 0
        report(rates, fires, status, i)
        return -1
    j = choose(rates, fires, total, uniform(rng, i))
    if j < 0:
        return j
    for m in range(first[j], first[j + 1]):
        jump = sign[m] * rates[follower[m]] / rates[j]
        if not abs(jump - round(jump)) <= WHOLE:
            status[i, 0], status[i, 1] = FRACTION, j
            return -1
        x[followed[m]] += round(jump)
        if x[followed[m]] < 0.0:
            status[i, 0], status[i, 1] = NEGATIVE_AMOUNT, j
    fire(x, j, start, species, change, status, i)
    return j


@arrays_counted
def look(t, x, p, laws, rates, fires, reference, adaptive, net, room, low, rng, i):  # type: ignore[no-untyped-def]
    """Decide anew which of row i's reactions fire; True if nothing flows any more.

    Amounts x [states] become whole where something no longer flows; low [states] takes those below which to look again.
    """
    candidates, whole_states, nothing_else_flows = adaptive
    turnover, becomes = room
    laws(t, x.ctypes, p.ctypes, rates.ctypes)
    if decide(x, rates, fires, candidates, net, turnover, becomes) >= 2:
        make_whole(x, reference, fires, candidates, whole_states, net, rng, i)
    flows = False
    for j in range(fires.shape[0]):
        fires[j] = becomes[j]
        flows = flows or (candidates[j] and not fires[j])
    watch_low(fires, candidates, net, low)
    return nothing_else_flows and not flows


@njit(error_model="numpy")
def watch_low(fires, candidates, net, low):  # type: ignore[no-untyped-def]
    """The amounts low [states] below which a row has to look which reactions fire."""
    start, states, _ = net
    for k in range(low.shape[0]):
        low[k] = -math.inf
    for j in range(fires.shape[0]):
        if candidates[j] and not fires[j]:
            for m in range(start[j], start[j + 1]):
                low[states[m]] = PLENTIFUL


@arrays_uncounted
def march(  # type: ignore[no-untyped-def]
    width, begin, until, system, pattern, explicit, stiff, control, counted, net, followers, watched, armed, due, fires,
    adaptive, reference, rows, rng, left, times, out, budget, states, singles, numbers, integers, own,
):  # fmt: skip
    """The loop of `advance_rows`, whose rooms are the last five arguments."""
    lanes = len(width)
    rhs, jacobian, drifts, guard, laws = system
    order, start, diagonal, columns, place, row_of, weighted = pattern
    elimination = (start, diagonal, columns)
    _, _, _, _, dense_explicit, explicit_order, stable = explicit
    gamma, _, _, _, _, dense_stiff, stiff_order = stiff
    rtol, from_zero, timely, firing, guarded, clipping = control
    y_all, p_all, peak_all, h_all, clock, mode_all, cursor, counts, status = rows
    (
        x, y, slope, drift, y_stiff, miss_stiff, miss_explicit, peak, floor, argument, spare, b, work, p, entries,
        matrix, k_explicit, k_stiff, bend, bend_of_stiff,
    ) = states  # fmt: skip
    t, step, error, error_stiff, stiffness, least = singles
    h, goal, remaining, leap = numbers
    row, steps, firings, mode, patience, near, looked = integers
    probe, rates, before, now, lows, room = own
    outputs, n, parameters, event_count = times.shape[0], y_all.shape[1], p_all.shape[1], armed.shape[1]
    size, adapts = diagonal.shape[0], weighted.shape[0] > 0
    hazard = n  # place of the integrated hazard, which is eliminated last
    queue, stale, busy = begin, True, True
    while busy:
        # rows that wait take the lanes that are free
        for a in range(lanes):
            while row[a] < 0 and queue < until:
                i = queue
                queue += 1
                status[i, 0] = FINISHED
                if adapts and cursor[i] < outputs:
                    if mode_all[i, 2] < 0:
                        mode_all[i, 2] = 0
                        state, own = y_all[i], fires[i]
                        if look(
                            clock[i], state, p_all[i], laws, rates, own, reference[i], adaptive, net, room, lows[a],
                            rng, i,
                        ):  # fmt: skip
                            status[i, 0] = SWITCH
                            mode_all[i, 2] = -1
                    else:
                        watch_low(fires[i], adaptive[0], net, lows[a])
                if cursor[i] < outputs and status[i, 0] == FINISHED:
                    looked[a] = mode_all[i, 2]
                    row[a], t[0, a], h[a], steps[a], firings[a], near[a] = i, clock[i], h_all[i], 0, 0, 0
                    mode[a], patience[a], remaining[a] = mode_all[i, 0], mode_all[i, 1], left[i]
                    for r in range(n):
                        x[r, a], peak[r, a] = y_all[i, order[r]], peak_all[i, order[r]]
                        floor[r, a] = FLOOR if from_zero[i, order[r]] else 0.0
                    for q in range(parameters):
                        p[q, a] = p_all[i, q]
                    for q in range(weighted.shape[0]):
                        p[parameters + q, a] = 0.0 if fires[i, weighted[q]] else 1.0
                    stale = True
        explicit_lanes, stiff_lanes = False, False
        for a in range(lanes):
            if row[a] >= 0:
                explicit_lanes = explicit_lanes or mode[a] == 0
                stiff_lanes = stiff_lanes or mode[a] == 1
        if stale:
            rhs(t.ctypes, x.ctypes, p.ctypes, slope.ctypes)
            if guarded:
                guard(t.ctypes, x.ctypes, p.ctypes, least.ctypes)
            if stiff_lanes:
                jacobian(t.ctypes, x.ctypes, p.ctypes, entries.ctypes)
                if timely:
                    drifts(t.ctypes, x.ctypes, p.ctypes, drift.ctypes)
            stale = False
        busy = False
        for a in range(lanes):
            i = row[a]
            step[0, a] = 1.0
            if i < 0:
                continue
            total, rate = 0.0, slope[hazard, a] if firing else 0.0
            for r in range(size):
                total += abs(slope[r, a])
            ended = True
            if status[i, 0] != FINISHED:
                pass
            elif not total < math.inf or rate < 0.0 or least[0, a] < 0.0:
                for r in range(n):
                    probe[order[r]] = x[r, a]
                laws(t[0, a], probe.ctypes, p_all[i].ctypes, rates.ctypes)
                status[i, 0], status[i, 1] = NOT_FINITE, 0
                report(rates, fires[i], status, i)
            elif t[0, a] >= due[i]:
                status[i, 0] = EVENT
            else:
                while cursor[i] < outputs and t[0, a] >= times[cursor[i]]:
                    for r in range(n):
                        out[i, cursor[i], order[r]] = x[r, a]
                    cursor[i] += 1
                # steps near an event belong together, whenever the clock says that it is enough
                if cursor[i] < outputs and steps[a] >= budget and near[a] == 0:
                    status[i, 0] = UNFINISHED
                ended = cursor[i] == outputs or status[i, 0] != FINISHED
            if ended:
                clock[i], h_all[i], left[i] = t[0, a], h[a], remaining[a]
                mode_all[i, 0], mode_all[i, 1] = mode[a], patience[a]
                mode_all[i, 2] = -1 if status[i, 0] == SWITCH else looked[a]
                counts[i, 0] += firings[a]
                counts[i, 1] += steps[a]
                for r in range(n):
                    y_all[i, order[r]], peak_all[i, order[r]] = x[r, a], peak[r, a]
                row[a] = -1
                busy = busy or queue < until
                continue
            busy = True
            goal[a] = min(times[cursor[i] if clipping else outputs - 1], due[i])
            if not h[a] > 0.0:
                h[a] = first_step(a, x, slope, peak, counted, goal[a] - t[0, a])
                if rate > 0.0:
                    h[a] = min(h[a], 1.0 / rate)
            step[0, a] = min(h[a], goal[a] - t[0, a])
            if near[a] > 0:
                step[0, a] = min(step[0, a], leap[a])
            if step[0, a] * rate > REACH * remaining[a]:
                # what lies far beyond the next firing will not be used
                step[0, a] = REACH * max(remaining[a], LEAST) / rate
            steps[a] += 1
        if explicit_lanes:
            explicit_step(
                width, rhs, explicit, t, step, x, p, slope, peak, (argument, spare, b, miss_explicit), k_explicit, y,
                stiffness,
            )  # fmt: skip
            error_of_step(width, t, step, x, y, miss_explicit, slope, peak, floor, counted, rtol, error)
        if stiff_lanes:
            fill_matrix(width, elimination, place, row_of, n, gamma, step, entries, work, matrix)
            for a in range(lanes):
                if mode[a] == 1:
                    stiffness[0, a] = work[size, a] * step[0, a]
            factorize(width, elimination, work, matrix)
            stiff_step(
                width, rhs, elimination, stiff, timely, t, step, x, p, slope, drift, matrix,
                (argument, spare, b, miss_stiff), k_stiff, y_stiff,
            )  # fmt: skip
            error_of_step(width, t, step, x, y_stiff, miss_stiff, slope, peak, floor, counted, rtol, error_stiff)
        bent, bent_stiff = False, False
        for a in range(lanes):
            i = row[a]
            if i < 0:
                continue
            begun, taken, miss, rate_order = t[0, a], step[0, a], error[0, a], explicit_order
            if mode[a] == 1:
                miss, rate_order = error_stiff[0, a], stiff_order
                for r in range(size):
                    y[r, a] = y_stiff[r, a]
            grows = y[hazard, a] - x[hazard, a] if firing else 0.0
            if firing:
                off = miss_stiff[hazard, a] if mode[a] == 1 else miss_explicit[hazard, a]
                # the integrated hazard may be off by rtol of a firing, or of those the step holds if they are more
                hazard_miss = abs(off) / (rtol * max(1.0, grows))
                miss = max(miss, hazard_miss) if hazard_miss < math.inf else math.inf
            if not miss <= 1.0:
                h[a] = next_step(taken, max(miss, 4.0) if miss < math.inf else math.inf, rate_order)
                if not begun + h[a] > begun or h[a] < 1e-300:
                    status[i, 0] = STEP_TOO_SMALL
                continue
            fired = grows >= remaining[a] and grows > 0.0
            goes_on = event_count > 0 or fired
            if goes_on or (cursor[i] < outputs and times[cursor[i]] <= begun + taken and not clipping):
                # of all lanes at once, when the first of them asks
                if mode[a] == 1:
                    if not bent_stiff:
                        interpolant(width, dense_stiff, k_stiff, bend_of_stiff)
                        bent_stiff = True
                    for r in range(DEGREE * size):
                        bend[r, a] = bend_of_stiff[r, a]
                elif not bent:
                    interpolant(width, dense_explicit, k_explicit, bend)
                    bent = True
            s = locate(remaining[a], hazard, a, x, y, bend) if fired else 1.0
            happens = 2.0
            if event_count > 0:
                happens = first_change(
                    watched, armed[i], before, now, begun, taken, s, a, x, y, bend, order, counted, p_all[i], probe
                )
            if happens < 1.0 and near[a] != 2 and happens * taken > 64.0 * 2.3e-16 * max(abs(begun), taken):
                # once more, to shortly before the event; then a short step across it
                near[a], leap[a] = 1, (1.0 - NEAR) * happens * taken
                continue
            # a step that something else cut short says of longer ones that they may be taken, not that they must
            if taken >= h[a] or (GROW * taken > h[a] and miss < 0.1):
                wanted = next_step(taken, miss, rate_order)
                if mode[a] == 0 and stiffness[0, a] > 0.0:
                    wanted = min(wanted, taken * stable / stiffness[0, a])
                h[a] = max(h[a], wanted) if taken < h[a] else wanted
            # explicit steps are wrong where stability holds them back, unless firings end even these
            held_back = stiffness[0, a] > STIFF * stable
            expected = slope[hazard, a] * taken * stable / max(stiffness[0, a], 1e-300) if firing else 0.0
            if mode[a] == 1:
                wrong = stiffness[0, a] < 0.5 * STIFF * stable or expected > OFTEN
            else:
                wrong = held_back and expected < 0.5 * OFTEN
            if mode[a] == 1 or held_back or not fired:
                patience[a] = patience[a] + 1 if wrong else 0
            if patience[a] >= PATIENCE:
                mode[a], patience[a] = 1 - mode[a], 0
            stale = True
            end = goal[a] if taken >= goal[a] - begun else begun + taken
            if happens <= 1.0 and not (fired and happens >= s):
                status[i, 0] = EVENT
                fired = False
                s = happens
            near[a], leap[a] = (2, 2.0 * NEAR * leap[a] / (1.0 - NEAR)) if near[a] == 1 and not fired else (0, 0.0)
            if s < 1.0:
                end = begun + s * taken
            while cursor[i] < outputs and times[cursor[i]] < end:
                between((times[cursor[i]] - begun) / taken, a, x, y, bend, order, counted, out[i, cursor[i]])
                cursor[i] += 1
            if firing and not fired:
                remaining[a] -= grown(s, hazard, a, x, y, bend) if s < 1.0 else grows
            if s < 1.0:
                between(s, a, x, y, bend, order, counted, probe)
            else:
                for r in range(n):
                    probe[order[r]] = y[r, a]
            if fired:
                j = one_firing(end, probe, p_all[i], laws, rates, fires[i], net, followers, rng, status, i)
                if adapts and j >= 0:
                    for m in range(net[0][j], net[0][j + 1]):
                        reference[i, net[1][m]] += net[2][m]
                firings[a] += 1 if j >= 0 else 0
                remaining[a] = exponential(rng, i)
                going_on = event_count > 0 and status[i, 0] == FINISHED
                if going_on and differs(watched, end, probe, p_all[i], armed[i], now):
                    status[i, 0] = EVENT
            if adapts:
                looked[a] += 1
                scarce = looked[a] >= LOOK
                for k in range(n):
                    scarce = scarce or probe[k] < lows[a, k]
                if scarce and status[i, 0] == FINISHED:
                    looked[a] = 0
                    if look(
                        end, probe, p_all[i], laws, rates, fires[i], reference[i], adaptive, net, room, lows[a], rng, i
                    ):
                        status[i, 0] = SWITCH
                    for q in range(weighted.shape[0]):
                        p[parameters + q, a] = 0.0 if fires[i, weighted[q]] else 1.0
            t[0, a] = end
            for r in range(n):
                x[r, a] = probe[order[r]]
                peak[r, a] = max(peak[r, a], abs(x[r, a]))
            if firing:
                x[hazard, a] = 0.0


@njit(error_model="numpy")
def advance_rows(  # type: ignore[no-untyped-def]
    width, begin, until, system, pattern, explicit, stiff, control, counted, net, followers, watched, watching, armed,
    due, fires, adaptive, reference, rows, rng, left, times, out, budget,
):  # fmt: skip
    """Advance rows begin to until - 1 as `advance_lanes` says, each in a lane, which takes the next when it ends."""
    lanes, weighted = len(width), pattern[6]
    n, parameters = reference.shape[1], rows[1].shape[1]
    size = pattern[2].shape[0]
    explicit_stages, stiff_stages = explicit[3].shape[0], stiff[3].shape[0]
    states = (
        rows_of_lanes(size, width),  # x
        rows_of_lanes(size, width),  # y
        rows_of_lanes(size, width),  # slope
        rows_of_lanes(size, width),  # drift
        rows_of_lanes(size, width),  # y of a stiff step
        rows_of_lanes(size, width),  # its error
        rows_of_lanes(size, width),  # that of an explicit step
        rows_of_lanes(n, width),  # peak
        rows_of_lanes(n, width),  # floor
        rows_of_lanes(size, width),  # argument
        rows_of_lanes(size, width),  # spare
        rows_of_lanes(size, width),  # right-hand side of linear equations
        rows_of_lanes(size + 1, width),  # work
        rows_of_lanes(parameters + weighted.shape[0], width),  # p
        rows_of_lanes(pattern[4].shape[0], width),  # entries
        rows_of_lanes(pattern[3].shape[0], width),  # matrix
        rows_of_lanes(explicit_stages * size, width),
        rows_of_lanes(stiff_stages * size, width),
        rows_of_lanes(DEGREE * size, width),  # polynomials
        rows_of_lanes(DEGREE * size, width),  # and those of stiff steps
    )
    singles = (
        rows_of_lanes(1, width), rows_of_lanes(1, width), rows_of_lanes(1, width), rows_of_lanes(1, width),
        rows_of_lanes(1, width), rows_of_lanes(1, width),
    )  # fmt: skip
    # step size, next stop, what is left to the next firing, and size of the short step across an event
    numbers = np.ones(lanes), np.zeros(lanes), np.ones(lanes), np.zeros(lanes)
    integers = (
        np.full(lanes, -1),  # row in the lane
        np.zeros(lanes, np.int64),  # steps
        np.zeros(lanes, np.int64),  # firings
        np.zeros(lanes, np.int64),  # mode: 1 for stiff steps
        np.zeros(lanes, np.int64),  # patience: how many steps in a row asked for a change of mode
        np.zeros(lanes, np.int64),  # near an event: 1 while the step that ends before it is taken, 2 for the one across
        np.zeros(lanes, np.int64),  # steps since the last look which reactions fire
    )
    own = (
        np.empty(n), np.empty(fires.shape[1]), np.empty(watching), np.empty(watching),
        # amounts below which to look which reactions fire
        np.full((lanes, n), -math.inf),
        (np.empty(n), np.empty(fires.shape[1], np.bool_)),
    )  # fmt: skip
    march(
        width, begin, until, system, pattern, explicit, stiff, control, counted, net, followers, watched, armed, due,
        fires, adaptive, reference, rows, rng, left, times, out, budget, states, singles, numbers, integers, own,
    )  # fmt: skip


def _signature(lanes: int):  # type: ignore[no-untyped-def]
    matrix, vector, integers, flags = float64[:, ::1], float64[::1], int64[::1], boolean[::1]
    return void(
        types.UniTuple(int64, lanes),
        int64,
        LANES_FUNCTION,
        LANES_FUNCTION,
        LANES_FUNCTION,
        LANES_FUNCTION,
        FUNCTION,
        types.UniTuple(integers, 7),
        types.Tuple((matrix, vector, matrix, vector, matrix, float64, float64)),
        types.Tuple((float64, matrix, matrix, vector, vector, matrix, float64)),
        types.Tuple((float64, boolean[:, ::1], boolean, boolean, boolean, boolean)),
        flags,
        types.Tuple((integers, integers, vector)),
        types.Tuple((integers, integers, integers, vector)),
        FUNCTION,
        int64,
        uint8[:, ::1],
        vector,
        boolean[:, ::1],
        types.Tuple((flags, flags, boolean)),
        matrix,
        types.Tuple(
            (matrix, matrix, matrix, vector, vector, int64[:, ::1], integers, int64[:, ::1], int64[:, ::1]),
        ),
        uint64[:, ::1],
        vector,
        vector,
        float64[:, :, ::1],
        int64,
    )


def _advance(  # type: ignore[no-untyped-def]
    width, chunk, rhs, jacobian, drifts, guard, laws, pattern, explicit, stiff, control, counted, net, followers,
    watched, watching, armed, due, fires, adaptive, reference, rows, rng, left, times, out, budget,
):  # fmt: skip
    """Advance every row through the output times, or to its next event, `len(width)` rows side by side.

    chunk: rows a thread takes at a time. Functions of the lanes, with states in the order of elimination, write rhs:
    dx/dt and lambda; jacobian: the entries of their Jacobian; drifts: their dependence on time; guard: the least law of
    those that fire; laws: of one row writes the fluxes. pattern: of sparse.Elimination the order, start, diagonal and
    columns, of each Jacobian entry its place among them and its row, fluxes whose weights (1 while they flow, else 0)
    follow the parameters. explicit: a, m, e, alpha, dense, order, stable (see runge_kutta.py); stiff: gamma, a, c,
    alpha, gammas, dense, order (see rosenbrock.py). control: relative tolerance, from_zero [rows, states], whether
    rates depend on time, anything fires, the guard has something to say, steps end at outputs. counted [states]:
    in the order of elimination, what reactions that fire count. net: start [fluxes + 1], species and change of a
    firing; followers: of each reaction that fires, start [fluxes + 1], fluxes, species and signs of what it changes by
    a formula. watched: triggers of events and the comparisons they are made of, `watching` in number; armed [rows,
    events]; due [rows]: a moment at which to stop. fires [rows, fluxes], changed as rows change; adaptive: which fluxes
    may do either, which states are whole while these fire, whether nothing else flows; reference [rows, states]: see
    `make_whole`. rows: y [rows, states], p [rows, parameters], peak [rows, states], size of the next step [rows], clock
    [rows], mode [rows, 3], cursor [rows]: next output, counts [rows, 2]: firings and steps so far, status [rows, 2]:
    outcome and the flux it concerns. rng [rows, 4]; left [rows]: what is left of the exponential number of the next
    firing; times [outputs]; out [rows, outputs, states]; budget: steps a row may take.

    A row of which nothing flows any more ends with SWITCH. A row ends with EVENT at the moment when a trigger differs
    from `armed`, or at the time `due`; outputs at that time are not written yet.
    """
    count = due.shape[0]
    system = (rhs, jacobian, drifts, guard, laws)
    for block in prange((count + chunk - 1) // chunk):
        begin = block * chunk
        until = min(begin + chunk, count)
        advance_rows(
            width, begin, until, system, pattern, explicit, stiff, control, counted, net, followers, watched, watching,
            armed, due, fires, adaptive, reference, rows, rng, left, times, out, budget,
        )  # fmt: skip


LANES = (1, 8)
advance_lanes = {lanes: kernel(_signature(lanes), parallel=True, error_model="numpy")(_advance) for lanes in LANES}
