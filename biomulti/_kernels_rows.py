"""How rows come into lanes and leave them, and what is seen to row by row before a step."""

from __future__ import annotations

import math

from numba import njit

from biomulti._kernels_partition import PLENTIFUL, decide, make_whole
from biomulti._kernels_ssa import report
from biomulti._kernels_steps import FLOOR, first_step, unpack
from biomulti._lanes import at_most, less, load, splat, store, total_of
from biomulti.outcome import EVENT, FINISHED, NOT_FINITE, SWITCH, UNFINISHED
from tissue._jit import arrays_counted, device


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


@device
def weigh(a, i, pattern, p_all, fires, p, low, lows):  # type: ignore[no-untyped-def]
    """Tell lane a which of row i's reactions flow, and which amounts it has to watch."""
    order, weighted = pattern[0], pattern[-1]
    parameters = p_all.shape[1]
    for q in range(weighted.shape[0]):
        p[parameters + q, a] = 0.0 if fires[i, weighted[q]] else 1.0
    for r in range(low.shape[0]):
        low[r, a] = lows[order[r]]


@device
def take_rows(  # type: ignore[no-untyped-def]
    queue, until, functions, pattern, control, net, adaptive, y_all, p_all, peak_all, h_all, clock, mode_all,
    cursor, status, due, fires, reference, rng, left, times, x, slope, p, peak, floor, low, t, remaining, stiffly,
    h, goal, leap, stop, upcoming, steps_taken, patience, busy, halted, row, firings, near, looked, rates, lows, room,
):  # fmt: skip
    """Rows from `queue` on take the lanes that are free; the first row that still waits."""
    order, adapts = pattern[0], pattern[-1].shape[0] > 0
    laws, states, moving = functions[5], peak.shape[0], slope.shape[0]
    for a in range(row.shape[0]):
        while row[a] < 0 and queue < until:
            i = queue
            queue += 1
            status[i, 0] = FINISHED
            if cursor[i] >= times.shape[0]:
                continue
            if adapts:
                if mode_all[i, 2] < 0:
                    mode_all[i, 2] = 0
                    if look(
                        clock[i], y_all[i], p_all[i], laws, rates, fires[i], reference[i],
                        adaptive, net[:3], room, lows, rng, i,
                    ):  # fmt: skip
                        status[i, 0] = SWITCH
                        mode_all[i, 2] = -1
                        continue
                else:
                    watch_low(fires[i], adaptive[0], net[:3], lows)
            row[a], firings[a], near[a], looked[a] = i, 0, 0, mode_all[i, 2]
            h[0, a], steps_taken[0, a], patience[0, a], busy[0, a], halted[0, a] = (
                h_all[i],
                0.0,
                mode_all[i, 1],
                1.0,
                0.0,
            )
            upcoming[0, a], stop[0, a], leap[0, a] = times[cursor[i]], due[i], math.inf
            goal[0, a] = min(times[cursor[i] if control[5] else times.shape[0] - 1], due[i])
            t[0, a], stiffly[0, a], remaining[0, a] = clock[i], mode_all[i, 0], left[i]
            for r in range(states):
                x[r, a], peak[r, a] = y_all[i, order[r]], peak_all[i, order[r]]
                floor[r, a] = FLOOR if control[1][i, order[r]] else 0.0
            for r in range(states, moving):
                x[r, a] = 0.0
            for r in range(moving, x.shape[0]):
                x[r, a] = y_all[i, order[r]]
            for q in range(p_all.shape[1]):
                p[q, a] = p_all[i, q]
            weigh(a, i, pattern, p_all, fires, p, low, lows)
    return queue


@device
def leave(  # type: ignore[no-untyped-def]
    a, i, pattern, y_all, peak_all, h_all, clock, mode_all, counts, status, left, x, slope, peak, t, remaining,
    stiffly, h, steps_taken, patience, busy, row, firings, looked,
):  # fmt: skip
    """Row i, which has ended, leaves lane a."""
    order, states, moving = pattern[0], peak.shape[0], slope.shape[0]
    clock[i], h_all[i], left[i] = t[0, a], h[0, a], remaining[0, a]
    mode_all[i, 0], mode_all[i, 1] = int(stiffly[0, a]), int(patience[0, a])
    mode_all[i, 2] = -1 if status[i, 0] == SWITCH else looked[a]
    counts[i, 0] += firings[a]
    counts[i, 1] += int(steps_taken[0, a])
    for r in range(states):
        y_all[i, order[r]], peak_all[i, order[r]] = x[r, a], peak[r, a]
    for r in range(moving, x.shape[0]):
        k = order[r]
        y_all[i, k], peak_all[i, k] = x[r, a], max(peak_all[i, k], abs(x[r, a]))
    row[a], busy[0, a] = -1, 0.0


@device
def fail(  # type: ignore[no-untyped-def]
    a, i, moment, where, functions, pattern, p_all, status, fires, slope, peak, probe, rates,
):  # fmt: skip
    """Write to the status of row i which law is no number, or below zero, in the state that lane a of `where` holds."""
    unpack(a, where, pattern[0], peak.shape[0], slope.shape[0], probe)
    functions[5](moment, probe.ctypes, p_all[i].ctypes, rates.ctypes)
    status[i, 0], status[i, 1] = NOT_FINITE, 0
    report(rates, fires[i], status, i)


@device
def call_on(  # type: ignore[no-untyped-def]
    width, budget, firing, hazard, slope, h, t, stop, upcoming, least, total, steps_taken, busy, halted, calls,
):  # fmt: skip
    """Which lanes are to be seen to before they take a step; how many these are."""
    zero, now = splat(0.0, width), load(t, 0, width)
    found = load(halted, 0, width) + at_most(load(stop, 0, width), now) + at_most(load(upcoming, 0, width), now)
    found += at_most(splat(float(budget), width), load(steps_taken, 0, width)) + at_most(load(h, 0, width), zero)
    found += less(load(least, 0, width), zero) + 1.0 - less(load(total, 0, width), splat(math.inf, width))
    if firing:
        found += less(load(slope, hazard, width), zero)
    found *= load(busy, 0, width)
    store(calls, 0, found)
    return total_of(found)


@device
def see_to(  # type: ignore[no-untyped-def]
    budget, functions, pattern, control, counted, y_all, p_all, peak_all, h_all, clock, mode_all, cursor, counts,
    status, due, fires, left, times, out, x, slope, peak, t, least, total, remaining, stiffly, h, goal, upcoming,
    steps_taken, patience, busy, calls, row, firings, near, looked, probe, rates,
):  # fmt: skip
    """Rows that have ended leave their lanes, outputs at the present are written, and new rows take a first step."""
    firing, clipping = control[3], control[5]
    order, outputs, hazard, moving = pattern[0], times.shape[0], peak.shape[0], slope.shape[0]
    for a in range(row.shape[0]):
        if calls[0, a] == 0.0:
            continue
        i, begun, rate = row[a], t[0, a], slope[hazard, a] if firing else 0.0
        ended = True
        if status[i, 0] != FINISHED:
            pass
        elif not total[0, a] < math.inf or rate < 0.0 or least[0, a] < 0.0:
            fail(a, i, begun, x, functions, pattern, p_all, status, fires, slope, peak, probe, rates)
        elif begun >= due[i]:
            status[i, 0] = EVENT
        else:
            while cursor[i] < outputs and begun >= times[cursor[i]]:
                unpack(a, x, order, hazard, moving, out[i, cursor[i]])
                cursor[i] += 1
            # steps near an event belong together, whenever the clock says that it is enough
            if cursor[i] < outputs and steps_taken[0, a] >= budget and near[a] == 0:
                status[i, 0] = UNFINISHED
            ended = cursor[i] == outputs or status[i, 0] != FINISHED
        if ended:
            leave(
                a, i, pattern, y_all, peak_all, h_all, clock, mode_all, counts, status, left, x, slope, peak, t,
                remaining, stiffly, h, steps_taken, patience, busy, row, firings, looked,
            )  # fmt: skip
            continue
        upcoming[0, a] = times[cursor[i]]
        goal[0, a] = min(times[cursor[i] if clipping else outputs - 1], due[i])
        if not h[0, a] > 0.0:
            h[0, a] = first_step(a, x, slope, peak, counted, goal[0, a] - begun)
            if rate > 0.0:
                h[0, a] = min(h[0, a], 1.0 / rate)
