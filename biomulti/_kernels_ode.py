"""Everything flows: rows side by side by a Rosenbrock method, as many in one step as the processor has lanes for.

The method is stiffly accurate: its last stage begins from a solution of lower order, of which that stage is the error.
Values between the ends of a step lie on a polynomial through it (see rosenbrock.py), so that steps are as long as
accuracy allows, whatever outputs are asked for. Lanes do not touch one another, and no sum is regrouped: a row has the
same bits in any lane, with any neighbours, alone too.

A step in which the trigger of an event changes is taken again so that it ends shortly before, and the moment is located
on the polynomial of the short step across it, by halving, to the last bit of time.
"""

from __future__ import annotations

import math

import numpy as np
from numba import boolean, float64, int64, njit, prange, types, uint8, void

from biomulti._kernels_ssa import report
from biomulti._lanes import finite_or_zero, larger, load, magnitude, rows_of_lanes, smaller, splat, store
from biomulti.compile import FUNCTION, LANES_FUNCTION
from biomulti.outcome import EVENT, FINISHED, STEP_TOO_SMALL, UNFINISHED
from tissue._jit import kernel

SAFETY, SHRINK, GROW = 0.9, 0.2, 5.0
SAMPLES = 4  # places of a step at which triggers are looked at
NEAR = 0.02  # of the way to an event, which the short step begins before it
FLOOR = 1e-12  # of the largest state, below which what starts at zero needs no accuracy
DEGREE = 3  # of the polynomial beside the straight line through a step


@njit(error_model="numpy")
def factorize(width, pattern, work, matrix):  # type: ignore[no-untyped-def]
    """The factors of matrix [entries, lanes] in place, with the reciprocals of pivots; see sparse.Elimination."""
    start, diagonal, columns = pattern
    for r in range(diagonal.shape[0]):
        middle, last = diagonal[r], start[r + 1]
        for q in range(start[r], last):
            store(work, columns[q], load(matrix, q, width))
        for q in range(start[r], middle):
            c = columns[q]
            pivot = diagonal[c]
            share = load(work, c, width) * load(matrix, pivot, width)
            store(matrix, q, share)
            for u in range(pivot + 1, start[c + 1]):
                store(work, columns[u], load(work, columns[u], width) - share * load(matrix, u, width))
        store(matrix, middle, splat(1.0, width) / load(work, r, width))
        for q in range(middle + 1, last):
            store(matrix, q, load(work, columns[q], width))


@njit(error_model="numpy")
def solve(width, pattern, matrix, b):  # type: ignore[no-untyped-def]
    """Solve in place for b [states, lanes] with the factors of `factorize`."""
    start, diagonal, columns = pattern
    n = diagonal.shape[0]
    for r in range(n):
        value = load(b, r, width)
        for q in range(start[r], diagonal[r]):
            value -= load(matrix, q, width) * load(b, columns[q], width)
        store(b, r, value)
    for r in range(n - 1, -1, -1):
        value = load(b, r, width)
        for q in range(diagonal[r] + 1, start[r + 1]):
            value -= load(matrix, q, width) * load(b, columns[q], width)
        store(b, r, value * load(matrix, diagonal[r], width))


@njit(error_model="numpy")
def stages_of_step(  # type: ignore[no-untyped-def]
    width, rhs, pattern, method, timely, t, step, x, p, slope, drift, matrix, argument, carried, b, k_all
):
    """The stages k_all [stages * states, lanes] of a step [1, lanes] from x, with the factors of its matrix.

    Leaves in `argument` that of the last stage, and in b the last stage, which is to be added to it.
    """
    ma, mc, alpha, gammas = method
    n = x.shape[0]
    h = load(step, 0, width)
    per_step = splat(1.0, width) / h
    for s in range(alpha.shape[0]):
        for r in range(n):
            value, memory = load(x, r, width), splat(0.0, width)
            for q in range(s):
                k = load(k_all, q * n + r, width)
                value += ma[s, q] * k
                memory += mc[s, q] * k
            store(argument, r, value)
            store(carried, r, memory * per_step)
        if s == 0:
            for r in range(n):
                store(b, r, load(slope, r, width))
        else:
            # the kernel's own time is where this stage is until it is set back
            begun = load(t, 0, width)
            store(t, 0, begun + alpha[s] * h)
            rhs(t.ctypes, argument.ctypes, p.ctypes, b.ctypes)
            store(t, 0, begun)
            for r in range(n):
                store(b, r, load(b, r, width) + load(carried, r, width))
        if timely:
            for r in range(n):
                store(b, r, load(b, r, width) + gammas[s] * h * load(drift, r, width))
        solve(width, pattern, matrix, b)
        for r in range(n):
            store(k_all, s * n + r, load(b, r, width))


@njit(error_model="numpy")
def error_of_step(width, t, step, x, y, error, slope, peak, floor, rtol, found):  # type: ignore[no-untyped-def]
    """Largest error over what is allowed, of every lane, into found [1, lanes]; infinite if one is not finite.

    Allowed is an error relative to a state, or to a share of its peak, or to the floor of what starts at zero: what
    grows from zero as a high power of time has no relative accuracy at first, whatever the step. Never less than what
    the rounding of time does to the state, though never so much that a solution without bound would pass.
    """
    largest, worst, unsound = splat(0.0, width), splat(0.0, width), splat(0.0, width)
    n = x.shape[0]
    for r in range(n):
        largest = larger(load(peak, r, width), largest)
    rounding = 1e-15 * load(t, 0, width)
    per_step = splat(1.0, width) / load(step, 0, width)
    for r in range(n):
        start, end = load(x, r, width), load(y, r, width)
        size = larger(larger(magnitude(start), magnitude(end)), 1e-3 * load(peak, r, width))
        size = larger(larger(size, load(floor, r, width) * largest), splat(1e-300, width))
        steepest = larger(magnitude(load(slope, r, width)), magnitude(end - start) * per_step)
        allowed = rtol * size + smaller(rounding * steepest, rtol * largest)
        ratio = magnitude(load(error, r, width)) / allowed
        worst = larger(ratio, worst)
        unsound += 0.0 * ratio
    store(found, 0, worst + unsound)
    for a in range(len(width)):
        if not found[0, a] < math.inf:
            found[0, a] = math.inf


@njit(error_model="numpy")
def first_step(a, x, dx, peak, longest):  # type: ignore[no-untyped-def]
    """A careful first step of lane a: a hundredth of the time in which something changes by its own size, or of all."""
    h = longest
    for i in range(x.shape[0]):
        size = max(abs(x[i, a]), peak[i, a])
        if abs(dx[i, a]) > 0.0:
            h = min(h, 0.01 * size / abs(dx[i, a]) if size > 0.0 else 0.001 * longest)
    return h


@njit(error_model="numpy")
def next_step(h, error, order):  # type: ignore[no-untyped-def]
    """The step size that would just meet the tolerance, within limits."""
    if not error < math.inf:
        return h * SHRINK
    return h * min(GROW, max(SHRINK, SAFETY * max(error, 1e-10) ** (-1.0 / order)))


@njit(error_model="numpy")
def interpolant(a, dense, k_all, bend):  # type: ignore[no-untyped-def]
    """Coefficients bend [DEGREE, states] of the polynomial of lane a's step."""
    n = bend.shape[1]
    for d in range(DEGREE):
        for r in range(n):
            bend[d, r] = 0.0
            for s in range(dense.shape[1]):
                bend[d, r] += dense[d, s] * k_all[s * n + r, a]


@njit(error_model="numpy")
def between(share, a, x, y, bend, order, out):  # type: ignore[no-untyped-def]
    """The state of lane a after a share of its step from x to y, into out [states] in the model's order."""
    rest = 1.0 - share
    for i in range(x.shape[0]):
        curve = bend[0, i] + share * (bend[1, i] + share * bend[2, i])
        out[order[i]] = rest * x[i, a] + share * (y[i, a] + rest * curve)


@njit(error_model="numpy")
def differs(triggers, t, x, p, armed, now):  # type: ignore[no-untyped-def]
    """True if a trigger is not what it was when last looked at, armed [events]."""
    triggers(t, x.ctypes, p.ctypes, now.ctypes)
    changed = False
    for e in range(now.shape[0]):
        changed = changed or (now[e] != 0.0) != (armed[e] != 0)
    return changed


@njit(error_model="numpy")
def first_change(triggers, armed, now, t, h, a, x, y, bend, order, p, probe):  # type: ignore[no-untyped-def]
    """The share of a step after which a trigger first changes, to the last bit of time; 2 if none does.

    `probe` [states] takes the state there.
    """
    low = 0.0
    for sample in range(1, SAMPLES + 1):
        high = sample / SAMPLES
        between(high, a, x, y, bend, order, probe)
        if not differs(triggers, t + high * h, probe, p, armed, now):
            low = high
            continue
        for _ in range(80):
            middle = 0.5 * (low + high)
            if not (t + low * h < t + middle * h < t + high * h):
                break
            between(middle, a, x, y, bend, order, probe)
            if differs(triggers, t + middle * h, probe, p, armed, now):
                high = middle
            else:
                low = middle
        between(high, a, x, y, bend, order, probe)
        return high
    return 2.0


@njit(error_model="numpy")
def advance_rows(  # type: ignore[no-untyped-def]
    width, first, last, system, pattern, method, control, triggers, armed, due, rows, times, out, budget
):
    """Advance rows first to last - 1, as `advance_ode` says, each in a lane that takes the next when it is through."""
    lanes = len(width)
    rhs, jacobian, drifts, fluxes = system
    order, start, diagonal, columns, place, flux_count = pattern
    gamma, ma, mc, alpha, gammas, dense, method_order = method
    rtol, from_zero, timely = control
    y_all, p_all, peak_all, h_all, clock, cursor, counts, status = rows
    outputs, n, parameters, event_count = times.shape[0], order.shape[0], p_all.shape[1], armed.shape[1]
    coefficients, elimination = (ma, mc, alpha, gammas), (start, diagonal, columns)
    x, y, p = rows_of_lanes(n, width), rows_of_lanes(n, width), rows_of_lanes(parameters, width)
    slope, drift, peak, floor = (
        rows_of_lanes(n, width), rows_of_lanes(n, width), rows_of_lanes(n, width), rows_of_lanes(n, width),
    )  # fmt: skip
    argument, carried, b, work = (
        rows_of_lanes(n, width), rows_of_lanes(n, width), rows_of_lanes(n, width), rows_of_lanes(n, width),
    )  # fmt: skip
    entries, matrix = rows_of_lanes(place.shape[0], width), rows_of_lanes(columns.shape[0], width)
    k_all = rows_of_lanes(alpha.shape[0] * n, width)
    t, step, error = rows_of_lanes(1, width), rows_of_lanes(1, width), rows_of_lanes(1, width)
    h, goal = np.ones(lanes), np.zeros(lanes)
    row, steps = np.full(lanes, -1), np.zeros(lanes, np.int64)
    # near an event: 1 while the step that ends before it is taken, 2 for the short one across it, of size leap
    near, leap = np.zeros(lanes, np.int64), np.zeros(lanes)
    bend, probe, now = np.empty((DEGREE, n)), np.empty(n), np.empty(event_count)
    queue, stale, busy = first, True, True
    while busy:
        # rows that wait take the lanes that are free
        for a in range(lanes):
            while row[a] < 0 and queue < last:
                i = queue
                queue += 1
                status[i, 0] = FINISHED
                if cursor[i] < outputs:
                    row[a], t[0, a], h[a], steps[a], near[a] = i, clock[i], h_all[i], 0, 0
                    for r in range(n):
                        x[r, a], peak[r, a] = y_all[i, order[r]], peak_all[i, order[r]]
                        floor[r, a] = FLOOR if from_zero[i, order[r]] else 0.0
                    for q in range(parameters):
                        p[q, a] = p_all[i, q]
                    stale = True
        if stale:
            rhs(t.ctypes, x.ctypes, p.ctypes, slope.ctypes)
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
            total = 0.0
            for r in range(n):
                total += abs(slope[r, a])
            ended = True
            if status[i, 0] != FINISHED:
                pass
            elif not total < math.inf:
                for r in range(n):
                    probe[order[r]] = x[r, a]
                rates = np.empty(flux_count)
                fluxes(t[0, a], probe.ctypes, p_all[i].ctypes, rates.ctypes)
                status[i, 1] = 0
                report(rates, np.zeros(flux_count, np.bool_), status, i)
            elif t[0, a] >= due[i]:
                status[i, 0] = EVENT
            else:
                while cursor[i] < outputs and t[0, a] >= times[cursor[i]]:
                    for r in range(n):
                        out[i, cursor[i], order[r]] = x[r, a]
                    cursor[i] += 1
                if cursor[i] < outputs and steps[a] == budget:
                    status[i, 0] = UNFINISHED
                ended = cursor[i] == outputs or status[i, 0] != FINISHED
            if ended:
                clock[i], h_all[i] = t[0, a], h[a]
                counts[i, 1] += steps[a]
                for r in range(n):
                    y_all[i, order[r]], peak_all[i, order[r]] = x[r, a], peak[r, a]
                row[a] = -1
                busy = busy or queue < last
                continue
            busy = True
            goal[a] = min(times[outputs - 1], due[i])
            if not h[a] > 0.0:
                h[a] = first_step(a, x, slope, peak, goal[a] - t[0, a])
            step[0, a] = min(h[a], goal[a] - t[0, a])
            if near[a] > 0:
                step[0, a] = min(step[0, a], leap[a])
            steps[a] += 1
        for q in range(columns.shape[0]):
            store(matrix, q, splat(0.0, width))
        for e in range(place.shape[0]):
            # without a slope that is no number the step is less accurate, which its error shows
            store(matrix, place[e], splat(0.0, width) - finite_or_zero(load(entries, e, width)))
        for r in range(n):
            store(
                matrix, diagonal[r], load(matrix, diagonal[r], width) + splat(1.0 / gamma, width) / load(step, 0, width)
            )
        factorize(width, elimination, work, matrix)
        stages_of_step(
            width,
            rhs,
            elimination,
            coefficients,
            timely,
            t,
            step,
            x,
            p,
            slope,
            drift,
            matrix,
            argument,
            carried,
            b,
            k_all,
        )
        for r in range(n):
            store(y, r, load(argument, r, width) + load(b, r, width))
        error_of_step(width, t, step, x, y, b, slope, peak, floor, rtol, error)
        for a in range(lanes):
            i = row[a]
            if i < 0:
                continue
            begun, taken, miss = t[0, a], step[0, a], error[0, a]
            if not miss <= 1.0:
                h[a] = next_step(taken, max(miss, 4.0), method_order)
                if not begun + h[a] > begun or h[a] < 1e-300:
                    status[i, 0] = STEP_TOO_SMALL
                continue
            happens = 2.0
            if event_count > 0 or (cursor[i] < outputs and times[cursor[i]] <= begun + taken):
                interpolant(a, dense, k_all, bend)
            if event_count > 0:
                happens = first_change(triggers, armed[i], now, begun, taken, a, x, y, bend, order, p_all[i], probe)
            if happens < 1.0 and near[a] != 2 and happens * taken > 64.0 * 2.3e-16 * max(abs(begun), taken):
                near[a], leap[a] = 1, (1.0 - NEAR) * happens * taken
                continue
            near[a], leap[a] = (2, 2.0 * NEAR * leap[a] / (1.0 - NEAR)) if near[a] == 1 else (0, 0.0)
            stale = True
            end = goal[a] if taken >= goal[a] - begun else begun + taken
            if happens < 1.0:
                end = begun + happens * taken
            while cursor[i] < outputs and times[cursor[i]] < end:
                between((times[cursor[i]] - begun) / taken, a, x, y, bend, order, out[i, cursor[i]])
                cursor[i] += 1
            wanted = next_step(taken, miss, method_order)
            h[a] = max(h[a], wanted) if taken < h[a] else wanted
            for r in range(n):
                x[r, a] = probe[order[r]] if happens < 1.0 else y[r, a]
                peak[r, a] = max(peak[r, a], abs(x[r, a]))
            t[0, a] = end
            if happens <= 1.0:
                status[i, 0] = EVENT


def _signature(lanes: int):  # type: ignore[no-untyped-def]
    return void(
        types.UniTuple(int64, lanes),
        int64,
        LANES_FUNCTION,
        LANES_FUNCTION,
        LANES_FUNCTION,
        FUNCTION,
        types.Tuple((int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64)),
        types.Tuple((float64, float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], float64[:, ::1], float64)),
        types.Tuple((float64, boolean[:, ::1], boolean)),
        FUNCTION,
        uint8[:, ::1],
        float64[::1],
        types.Tuple(
            (
                *(float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], int64[::1]),
                *(int64[:, ::1], int64[:, ::1]),
            )
        ),
        float64[::1],
        float64[:, :, ::1],
        int64,
    )


def _advance(  # type: ignore[no-untyped-def]
    width,
    chunk,
    rhs,
    jacobian,
    drifts,
    fluxes,
    pattern,
    method,
    control,
    triggers,
    armed,
    due,
    rows,
    times,
    out,
    budget,
):
    """Advance every row through the output times, or to its next event, `len(width)` rows side by side.

    chunk: rows a thread takes at a time; rhs, jacobian, drifts: functions of the lanes that write dx/dt (with states in
    the order of elimination), the entries of its Jacobian and its dependence on time; fluxes: of one row; pattern: of
    sparse.Elimination the order, start, diagonal and columns, of each Jacobian entry its place among them, number of
    fluxes; method: gamma, a, c, alpha, gammas, dense and order of the error (see rosenbrock.py); control: relative
    tolerance, from_zero [rows, states], whether rates depend on time; triggers of events, armed [rows, events]; due
    [rows]: a moment at which to stop; rows: y [rows, states], p [rows, parameters], peak [rows, states], size of the
    next step [rows], clock [rows], cursor [rows]: next output, counts [rows, 2]: firings and steps so far, status
    [rows, 2]: outcome and the flux it concerns; times [outputs]; out [rows, outputs, states]; budget: steps a row may
    take.

    A row ends with EVENT at the moment when a trigger differs from `armed`, or at the time `due`; outputs at that time
    are not written yet.
    """
    count = rows[4].shape[0]
    system = (rhs, jacobian, drifts, fluxes)
    for block in prange((count + chunk - 1) // chunk):
        first = block * chunk
        last = min(first + chunk, count)
        advance_rows(
            width, first, last, system, pattern, method, control, triggers, armed, due, rows, times, out, budget
        )


LANES = (1, 8)
advance_ode = {lanes: kernel(_signature(lanes), parallel=True, error_model="numpy")(_advance) for lanes in LANES}
