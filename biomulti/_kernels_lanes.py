"""Flowing and firing reactions together, several rows side by side; with nothing firing it is the ODE method.

Between firings the flowing reactions are integrated with the hazard L of those that fire; the next firing is where L
has grown by an exponential random number, located on the polynomial through the step, and is reaction j with
probability F_j / lambda there (Haseltine and Rawlings 2002, doi:10.1063/1.1505860; Salis and Kaznessis 2005,
doi:10.1063/1.1835951). The state there is on the same polynomial, and the next step keeps its size.

A step in which the trigger of an event changes is taken again so that it ends shortly before, and the moment is located
on the polynomial of the short step across it, by halving, to the last bit of time.

What all lanes do alike is done with vectors, and the rest lane by lane in between:

    take_rows, see_to, begin_steps, take_steps, judge, plan, locate, end_steps, land, fire_reactions, finish_steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numba import boolean, float64, int64, prange, types, uint8, uint64, void

from biomulti._kernels_control import begin_steps, end_steps, judge, plan, too_small
from biomulti._kernels_firings import fire_reactions, locate_again
from biomulti._kernels_rows import call_on, look, see_to, take_rows, weigh
from biomulti._kernels_steps import (
    DEGREE,
    between,
    error_of_step,
    explicit_step,
    factorize,
    fill_matrix,
    interpolant,
    land,
    locate,
    stiff_step,
    unpack,
)
from biomulti._kernels_triggers import differs, watch
from biomulti._lanes import (
    at_most,
    either,
    larger,
    load,
    magnitude,
    rows_of_lanes,
    smaller,
    splat,
    store,
    total_of,
)
from biomulti.compile import FUNCTION, LANES_FUNCTION
from biomulti.machine_code import MachineFunction
from biomulti.outcome import EVENT, FINISHED, SWITCH
from tissue._jit import arrays_uncounted, device, kernel

LOOK = 64  # steps after which a row decides anew what fires


@device
def slopes(  # type: ignore[no-untyped-def]
    width, functions, control, x, slope, drift, p, entries, t, least, total, stiff_lanes,
):  # fmt: skip
    """Slopes of all lanes, and for stiff steps the Jacobian."""
    rhs, jacobian, drifts, guard = functions[0], functions[1], functions[2], functions[3]
    timely, guarded = control[2], control[4]
    rhs(t.ctypes, x.ctypes, p.ctypes, slope.ctypes)
    if guarded:
        guard(t.ctypes, x.ctypes, p.ctypes, least.ctypes)
    if stiff_lanes:
        jacobian(t.ctypes, x.ctypes, p.ctypes, entries.ctypes)
        if timely:
            drifts(t.ctypes, x.ctypes, p.ctypes, drift.ctypes)
    size = splat(0.0, width)
    for r in range(slope.shape[0]):
        size += magnitude(load(slope, r, width))
    store(total, 0, size)


@device
def take_steps(  # type: ignore[no-untyped-def]
    width, functions, pattern, explicit, stiff, control, counted, x, y, slope, drift, y_stiff, miss_stiff,
    miss_explicit, argument, spare, b, work, p, entries, matrix, k_explicit, k_stiff, peak, floor, t, step, error,
    error_stiff, stiffness, stiffly, explicit_lanes, stiff_lanes,
):  # fmt: skip
    """A step of all lanes, of each kind that one of them asks for, into y, with its error and stiffness."""
    rhs, rtol, timely = functions[0], control[0], control[2]
    _, _, start, diagonal, columns, place, row_of, _ = pattern
    elimination = (start, diagonal, columns)
    if explicit_lanes:
        explicit_step(
            width, rhs, explicit, t, step, x, p, slope, peak,
            (argument, spare, b, miss_explicit), k_explicit, y, stiffness,
        )  # fmt: skip
        error_of_step(
            width, t, step, x, y, miss_explicit, slope, peak, floor,
            counted, rtol, error,
        )  # fmt: skip
    if stiff_lanes:
        fill_matrix(
            width, elimination, place, row_of, peak.shape[0], stiff[0], step, entries, work,
            matrix,
        )  # fmt: skip
        stiff_share = load(work, diagonal.shape[0], width) * load(step, 0, width)
        factorize(width, elimination, work, matrix)
        stiff_step(
            width, rhs, elimination, stiff, timely, t, step, x, p, slope, drift,
            matrix, (argument, spare, b, miss_stiff), k_stiff, y_stiff,
        )  # fmt: skip
        error_of_step(
            width, t, step, x, y_stiff, miss_stiff, slope, peak, floor,
            counted, rtol, error_stiff,
        )  # fmt: skip
        kind = load(stiffly, 0, width)
        store(error, 0, either(kind, load(error_stiff, 0, width), load(error, 0, width)))
        store(stiffness, 0, either(kind, stiff_share, load(stiffness, 0, width)))
        for r in range(slope.shape[0]):
            store(y, r, either(kind, load(y_stiff, r, width), load(y, r, width)))
            miss = either(kind, load(miss_stiff, r, width), load(miss_explicit, r, width))
            store(miss_explicit, r, miss)


@device
def polynomials(  # type: ignore[no-untyped-def]
    width, explicit, stiff, k_explicit, k_stiff, bend, bend_stiff, stiffly, explicit_lanes, stiff_lanes,
):  # fmt: skip
    """Polynomials of the steps of all lanes."""
    if explicit_lanes:
        interpolant(width, explicit[4], k_explicit, bend)
    if stiff_lanes:
        interpolant(width, stiff[5], k_stiff, bend_stiff)
        kind = load(stiffly, 0, width)
        for r in range(bend.shape[0]):
            store(bend, r, either(kind, load(bend_stiff, r, width), load(bend, r, width)))


@device
def write_outputs(  # type: ignore[no-untyped-def]
    pattern, counted, cursor, times, out, x, y, bend, t, step, end, took, upcoming, row,
):  # fmt: skip
    """States at outputs within the steps."""
    outputs = times.shape[0]
    for a in range(row.shape[0]):
        i = row[a]
        while took[0, a] != 0.0 and cursor[i] < outputs and times[cursor[i]] < end[0, a]:
            part = (times[cursor[i]] - t[0, a]) / step[0, a]
            between(part, a, x, y, bend, pattern[0], counted, out[i, cursor[i]])
            cursor[i] += 1
            upcoming[0, a] = times[min(cursor[i], outputs - 1)]


@device
def finish_steps(  # type: ignore[no-untyped-def]
    width, functions, pattern, net, watched, adaptive, p_all, status, armed, fires, reference, rng, x, landed,
    slope, p, peak, low, t, end, took, fired, scarce, halted, row, looked, probe, rates, now, lows, room,
):  # fmt: skip
    """The lanes go to where they have landed; rows look whether events happen and what is to fire."""
    order, rank, adapts = pattern[0], pattern[1], pattern[-1].shape[0] > 0
    laws, states, moving = functions[5], peak.shape[0], slope.shape[0]
    eventful = armed.shape[1] > 0
    if adapts:
        least = splat(math.inf, width)
        for r in range(states):
            least = smaller(load(landed, r, width) - load(low, r, width), least)
        store(scarce, 0, least)
    if adapts or eventful:
        for a in range(row.shape[0]):
            if took[0, a] == 0.0:
                continue
            i = row[a]
            if status[i, 0] == FINISHED and eventful and fired[0, a] != 0.0:
                unpack(a, landed, order, states, moving, probe)
                if differs(watched, end[0, a], probe, p_all[i], armed[i], now):
                    status[i, 0], halted[0, a] = EVENT, 1.0
            if adapts:
                looked[a] += 1
                if (looked[a] >= LOOK or scarce[0, a] < 0.0) and status[i, 0] == FINISHED:
                    looked[a] = 0
                    unpack(a, landed, order, states, moving, probe)
                    if look(
                        end[0, a], probe, p_all[i], laws, rates, fires[i], reference[i],
                        adaptive, net[:3], room, lows, rng, i,
                    ):  # fmt: skip
                        status[i, 0], halted[0, a] = SWITCH, 1.0
                    for k in range(rank.shape[0]):
                        landed[rank[k], a] = probe[k]
                    weigh(a, i, pattern, p_all, fires, p, low, lows)
    store(t, 0, load(end, 0, width))
    for r in range(landed.shape[0]):
        value = load(landed, r, width)
        if r < states:
            store(peak, r, larger(magnitude(value), load(peak, r, width)))
        elif r < moving:
            value = splat(0.0, width)  # of the hazard, what has grown is taken from what remains
        store(x, r, value)


@arrays_uncounted
def march(  # type: ignore[no-untyped-def]
    width, begin, until, functions, pattern, explicit, stiff, control, counted, net, followers, watched, armed, due,
    fires, adaptive, reference, rows, rng, left, times, out, budget, states, singles, integers, own,
):  # fmt: skip
    """The loop of `advance_rows`, whose rooms are the last four arguments."""
    y_all, p_all, peak_all, h_all, clock, mode_all, cursor, counts, status = rows
    (
        x, landed, y, slope, drift, y_stiff, miss_stiff, miss_explicit, argument, spare, b, work, p, entries, matrix,
        k_explicit, k_stiff, bend, bend_stiff, peak, floor, low, speeds,
    ) = states  # fmt: skip
    (
        t, step, end, h, h_before, factor, error, error_stiff, stiffness, stiffly, patience, least, total, took, fired,
        share, astray, remaining, left_before, chance, goal, leap, stop, upcoming, steps_taken, busy, halted, calls,
        scarce,
    ) = singles  # fmt: skip
    row, firings, near, looked = integers
    probe, rates, before, now, lows, room = own
    rtol, _, _, firing, _, clipping = control
    explicit_order, stiff_order, stable = explicit[5], stiff[6], explicit[6]
    hazard, eventful = peak.shape[0], armed.shape[1] > 0
    queue, stale, working = begin, True, 1.0
    while working > 0.0 or queue < until:
        if queue < until:
            waiting = queue
            queue = take_rows(
                queue, until, functions, pattern, control, net, adaptive, y_all, p_all, peak_all, h_all, clock,
                mode_all, cursor, status, due, fires, reference, rng, left, times, x, slope, p, peak, floor, low, t,
                remaining, stiffly, h, goal, leap, stop, upcoming, steps_taken, patience, busy, halted, row, firings,
                near, looked, rates, lows, room,
            )  # fmt: skip
            stale = stale or queue > waiting
        stiff_lanes = total_of(load(busy, 0, width) * load(stiffly, 0, width))
        if stale:
            slopes(width, functions, control, x, slope, drift, p, entries, t, least, total, stiff_lanes > 0.0)
        if call_on(
            width, budget, firing, hazard, slope, h, t, stop, upcoming, least, total, steps_taken, busy, halted, calls
        ) > 0.0:  # fmt: skip
            see_to(
                budget, functions, pattern, control, counted, y_all, p_all, peak_all, h_all, clock, mode_all, cursor,
                counts, status, due, fires, left, times, out, x, slope, peak, t, least, total, remaining, stiffly, h,
                goal, upcoming, steps_taken, patience, busy, calls, row, firings, near, looked, probe, rates,
            )  # fmt: skip
        working = total_of(load(busy, 0, width))
        if working == 0.0:
            continue
        begin_steps(width, firing, hazard, slope, h, goal, leap, t, remaining, busy, steps_taken, step)
        stiff_lanes = total_of(load(busy, 0, width) * load(stiffly, 0, width))
        explicit_lanes = working > stiff_lanes
        take_steps(
            width, functions, pattern, explicit, stiff, control, counted, x, y, slope, drift, y_stiff, miss_stiff,
            miss_explicit, argument, spare, b, work, p, entries, matrix, k_explicit, k_stiff, peak, floor, t, step,
            error, error_stiff, stiffness, stiffly, explicit_lanes, stiff_lanes > 0.0,
        )  # fmt: skip
        judge(
            width, rtol, firing, hazard, explicit_order, stiff_order, y, miss_explicit, error, remaining, busy, stiffly,
            took, fired, factor,
        )  # fmt: skip
        holding, firing_now = total_of(load(took, 0, width)), total_of(load(fired, 0, width))
        passed = load(took, 0, width) * at_most(load(upcoming, 0, width), load(t, 0, width) + load(step, 0, width))
        writes = not clipping and total_of(passed) > 0.0
        stale = holding > 0.0
        if firing_now > 0.0 or writes or (eventful and stale):
            polynomials(
                width, explicit, stiff, k_explicit, k_stiff, bend, bend_stiff, stiffly, explicit_lanes,
                stiff_lanes > 0.0,
            )  # fmt: skip
        store(h_before, 0, load(h, 0, width))
        plan(width, firing, hazard, stable, slope, step, stiffness, took, fired, factor, stiffly, patience, h)
        if holding < working:
            too_small(width, t, h, busy, took, halted, status, row)
        if not stale:
            continue
        if firing_now > 0.0:
            locate(width, remaining, hazard, x, y, bend, share, astray)
            locate_again(hazard, x, y, bend, remaining, fired, astray, share)
        store(left_before, 0, load(remaining, 0, width))
        end_steps(width, firing, hazard, y, t, step, goal, took, fired, share, remaining, end)
        if eventful:
            watch(
                pattern, counted, watched, p_all, status, armed, x, y, bend, peak, t, step, h, h_before, remaining,
                left_before, share, took, fired, end, leap, halted, row, near, probe, before, now,
            )  # fmt: skip
        if writes:
            write_outputs(pattern, counted, cursor, times, out, x, y, bend, t, step, end, took, upcoming, row)
        land(width, took, share, x, y, bend, firing_now > 0.0 or eventful, counted, landed)
        if firing_now > 0.0:
            fire_reactions(
                width, functions, pattern, net, followers, p_all, status, fires, reference, rng, landed, slope,
                p, peak, speeds, end, remaining, chance, fired, halted, row, firings, probe, rates,
            )  # fmt: skip
        finish_steps(
            width, functions, pattern, net, watched, adaptive, p_all, status, armed, fires, reference, rng, x, landed,
            slope, p, peak, low, t, end, took, fired, scarce, halted, row, looked, probe, rates, now, lows, room,
        )  # fmt: skip


def _advance_rows(  # type: ignore[no-untyped-def]
    width, begin, until, functions, pattern, explicit, stiff, control, counted, net, followers, watched, watching,
    armed, due, fires, adaptive, reference, rows, rng, left, times, out, budget,
):  # fmt: skip
    """Advance rows begin to until - 1 through the output times, or to its next event, `len(width)` rows side by side.

    Functions of the lanes, with states in the order of `pattern`, write rhs: dx/dt of the states that move, and lambda;
    jacobian: the entries of their Jacobian; drifts: their dependence on time; guard: the least law of those that fire;
    speeds: the laws of those that may fire; laws: of one row writes the fluxes. pattern: the states that move in the
    order of elimination, -1 for the hazard if anything fires, and the other states; where each state is in that order;
    of sparse.Elimination the start, diagonal and columns; of each Jacobian entry its place among them and its row;
    fluxes whose weights (1 while they flow, else 0) follow the parameters. explicit: a, m, e, alpha, dense, order,
    stable (see runge_kutta.py); stiff: gamma, a, c, alpha, gammas, dense, order (see rosenbrock.py). control: relative
    tolerance, from_zero [rows, states], whether rates depend on time, anything fires, the guard has something to say,
    steps end at outputs. counted: of the states that move, in that order, what reactions that fire count. net: start
    [fluxes + 1], species and change of a firing, and the fluxes that may fire, as in `speeds`; followers: of each
    reaction that fires, start [fluxes + 1], places in `speeds`, species and signs of what it changes by a formula.
    watched: triggers of events and the comparisons they are made of, `watching` in number; armed [rows, events]; due
    [rows]: a moment at which to stop. fires [rows, fluxes], changed as rows change; adaptive: which fluxes may do
    either, which states are whole while these fire, whether nothing else flows; reference [rows, states]: see
    `make_whole`. rows: y [rows, states], p [rows, parameters], peak [rows, states], size of the next step [rows], clock
    [rows], mode [rows, 3], cursor [rows]: next output, counts [rows, 2]: firings and steps so far, status [rows, 2]:
    outcome and the flux it concerns. rng [rows, 4]; left [rows]: what is left of the exponential number of the next
    firing; times [outputs]; out [rows, outputs, states]; budget: steps a row may take.

    A row of which nothing flows any more ends with SWITCH. A row ends with EVENT at the moment when a trigger differs
    from `armed`, or at the time `due`; outputs at that time are not written yet.
    """
    lanes, entries, inverse, weights = len(width), pattern[5].shape[0], pattern[4].shape[0], pattern[7].shape[0]
    n, parameters, everything = reference.shape[1], rows[1].shape[1], pattern[0].shape[0]
    size, moving = pattern[3].shape[0], counted.shape[0]
    # the states that move, the hazard, and where a state is whole those that only jump
    states = (
        rows_of_lanes(everything, width),  # x
        rows_of_lanes(everything, width),  # where a step, or the part of it that is used, has landed
        rows_of_lanes(size, width),  # y, where a step ends
        rows_of_lanes(size, width),  # slope
        rows_of_lanes(size, width),  # drift
        rows_of_lanes(size, width),  # y of a stiff step
        rows_of_lanes(size, width),  # its error
        rows_of_lanes(size, width),  # that of an explicit step
        rows_of_lanes(everything, width),  # argument
        rows_of_lanes(size, width),  # spare
        rows_of_lanes(size, width),  # right-hand side of linear equations
        rows_of_lanes(size + 1, width),  # work
        rows_of_lanes(parameters + weights, width),  # p
        rows_of_lanes(entries, width),
        rows_of_lanes(inverse, width),  # matrix
        rows_of_lanes(explicit[3].shape[0] * size, width),  # stages
        rows_of_lanes(stiff[3].shape[0] * size, width),
        rows_of_lanes(DEGREE * size, width),  # polynomials
        rows_of_lanes(DEGREE * size, width),  # and those of stiff steps
        rows_of_lanes(moving, width),  # peak
        rows_of_lanes(moving, width),  # floor
        rows_of_lanes(moving, width),  # amounts below which to look which reactions fire
        rows_of_lanes(net[3].shape[0] + followers[1].shape[0], width),  # rates of what may fire
    )
    singles = (
        rows_of_lanes(1, width),  # t
        rows_of_lanes(1, width),  # step
        rows_of_lanes(1, width),  # where it ends
        rows_of_lanes(1, width),  # size of the next
        rows_of_lanes(1, width),  # that before it
        rows_of_lanes(1, width),  # by how much it grows
        rows_of_lanes(1, width),  # error
        rows_of_lanes(1, width),  # that of a stiff step
        rows_of_lanes(1, width),  # stiffness
        rows_of_lanes(1, width),  # 1 where steps are stiff
        rows_of_lanes(1, width),  # steps in a row that asked for the other kind
        rows_of_lanes(1, width),  # the least law of what fires
        rows_of_lanes(1, width),  # sum of slopes, finite if all are
        rows_of_lanes(1, width),  # 1 where a step holds
        rows_of_lanes(1, width),  # 1 where something fires
        rows_of_lanes(1, width),  # share of the step that is used
        rows_of_lanes(1, width),  # how far from a firing that is
        rows_of_lanes(1, width),  # what remains to the next firing
        rows_of_lanes(1, width),  # that before the step
        rows_of_lanes(1, width),  # a number on (0, 1]
        rows_of_lanes(1, width),  # next stop
        rows_of_lanes(1, width),  # longest step near an event
        rows_of_lanes(1, width),  # moment at which to stop
        rows_of_lanes(1, width),  # next output
        rows_of_lanes(1, width),  # steps taken
        rows_of_lanes(1, width),  # 1 where a row is at work
        rows_of_lanes(1, width),  # 1 where its status says that it ends
        rows_of_lanes(1, width),  # not 0 where a lane is to be seen to
        rows_of_lanes(1, width),  # below zero where a row has to look
    )
    integers = (
        np.full(lanes, -1),  # row in the lane
        np.zeros(lanes, np.int64),  # firings
        np.zeros(lanes, np.int64),  # near an event: 1 while the step that ends before it is taken, 2 for the one across
        np.zeros(lanes, np.int64),  # steps since the last look which reactions fire
    )
    own = (
        np.empty(n), np.empty(fires.shape[1]), np.empty(watching), np.empty(watching),
        # amounts below which to look, in the model's order
        np.full(n, -math.inf),
        (np.empty(n), np.empty(fires.shape[1], np.bool_)),
    )  # fmt: skip
    march(
        width, begin, until, functions, pattern, explicit, stiff, control, counted, net, followers, watched,
        armed, due, fires, adaptive, reference, rows, rng, left, times, out, budget, states, singles, integers,
        own,
    )  # fmt: skip


def _signature(lanes: int):  # type: ignore[no-untyped-def]
    matrix, vector, integers, flags = float64[:, ::1], float64[::1], int64[::1], boolean[::1]
    return void(
        types.UniTuple(int64, lanes),
        int64,
        int64,
        types.Tuple((*(LANES_FUNCTION,) * 5, FUNCTION)),
        types.UniTuple(integers, 8),
        types.Tuple((matrix, vector, matrix, vector, matrix, float64, float64)),
        types.Tuple((float64, matrix, matrix, vector, vector, matrix, float64)),
        types.Tuple((float64, boolean[:, ::1], boolean, boolean, boolean, boolean)),
        flags,
        types.Tuple((integers, integers, vector, integers)),
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
    advance_rows, width, chunk, functions, pattern, explicit, stiff, control, counted, net, followers, watched,
    watching, armed, due, fires, adaptive, reference, rows, rng, left, times, out, budget,
):  # fmt: skip
    """As `advance_rows` of all rows, `chunk` at a time by every thread."""
    count = due.shape[0]
    for block in prange((count + chunk - 1) // chunk):
        begin = block * chunk
        until = min(begin + chunk, count)
        advance_rows(
            width, begin, until, functions, pattern, explicit, stiff, control, counted, net, followers, watched,
            watching, armed, due, fires, adaptive, reference, rows, rng, left, times, out, budget,
        )  # fmt: skip


LANES = (1, 8)
_rows = {lanes: kernel(_signature(lanes), error_model="numpy")(_advance_rows) for lanes in LANES}


def _parallel(lanes: int):  # type: ignore[no-untyped-def]
    width, begin, _, *others = _signature(lanes).args
    signature = void(types.FunctionType(_signature(lanes)), width, begin, *others)
    return kernel(signature, parallel=True, error_model="numpy")(_advance)


_every_row = {lanes: _parallel(lanes) for lanes in LANES}


@cache
def advance_lanes(lanes: int) -> Callable[..., None]:
    """`_advance` with `lanes` rows side by side, without its first two arguments.

    Rows are advanced by a function of its own, given as an address: as a part of the parallel kernel it would be
    compiled three times.
    """
    rows = _rows[lanes]
    return partial(_every_row[lanes], MachineFunction(rows.address, rows, rows.signature), (0,) * lanes)
