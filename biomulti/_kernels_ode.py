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
from biomulti.compile import FUNCTION, LANES_FUNCTION
from biomulti.outcome import EVENT, FINISHED, STEP_TOO_SMALL, UNFINISHED
from tissue._jit import kernel

SAFETY, SHRINK, GROW = 0.9, 0.2, 5.0
SAMPLES = 4  # places of a step at which triggers are looked at
NEAR = 0.02  # of the way to an event, which the short step begins before it
DEGREE = 3  # of the polynomial beside the straight line through a step


@njit(error_model="numpy")
def factorize(width, start, diagonal, columns, work, matrix):  # type: ignore[no-untyped-def]
    """The factors of matrix [entries, lanes] in place, with the reciprocals of pivots; see sparse.Elimination."""
    lanes = len(width)
    share = np.empty(lanes)
    for r in range(diagonal.shape[0]):
        middle = diagonal[r]
        for q in range(start[r], start[r + 1]):
            for a in range(lanes):
                work[columns[q], a] = matrix[q, a]
        for q in range(start[r], middle):
            c = columns[q]
            pivot = diagonal[c]
            for a in range(lanes):
                share[a] = work[c, a] * matrix[pivot, a]
                matrix[q, a] = share[a]
            for u in range(pivot + 1, start[c + 1]):
                k = columns[u]
                for a in range(lanes):
                    work[k, a] -= share[a] * matrix[u, a]
        for a in range(lanes):
            matrix[middle, a] = 1.0 / work[r, a]
        for q in range(middle + 1, start[r + 1]):
            for a in range(lanes):
                matrix[q, a] = work[columns[q], a]


@njit(error_model="numpy")
def solve(width, start, diagonal, columns, matrix, b):  # type: ignore[no-untyped-def]
    """Solve in place for b [states, lanes] with the factors of `factorize`."""
    lanes = len(width)
    n = diagonal.shape[0]
    for r in range(n):
        for q in range(start[r], diagonal[r]):
            for a in range(lanes):
                b[r, a] -= matrix[q, a] * b[columns[q], a]
    for r in range(n - 1, -1, -1):
        for q in range(diagonal[r] + 1, start[r + 1]):
            for a in range(lanes):
                b[r, a] -= matrix[q, a] * b[columns[q], a]
        for a in range(lanes):
            b[r, a] *= matrix[diagonal[r], a]


@njit(error_model="numpy")
def stage_values(width, method, system, timely, t, h, x, p, room, k_all):  # type: ignore[no-untyped-def]
    """The stages k_all [stages, states, lanes] of a step h [lanes] from x; `room` holds the factors and slope at x.

    Leaves in room the argument of the last stage, to which the last stage is to be added.
    """
    lanes = len(width)
    rhs = system
    ma, mc, alpha, gammas = method
    start, diagonal, columns, matrix, slope, drift, argument, b, moment = room
    stages, n = alpha.shape[0], x.shape[0]
    for s in range(stages):
        if s == 0:
            for i in range(n):
                for a in range(lanes):
                    b[i, a] = slope[i, a]
        else:
            for i in range(n):
                for a in range(lanes):
                    argument[i, a] = x[i, a]
                for q in range(s):
                    if ma[s, q] != 0.0:
                        for a in range(lanes):
                            argument[i, a] += ma[s, q] * k_all[q, i, a]
            for a in range(lanes):
                moment[a] = t[a] + alpha[s] * h[a]
            rhs(moment.ctypes, argument.ctypes, p.ctypes, b.ctypes)
            for i in range(n):
                for a in range(lanes):
                    moment[a] = 0.0
                for q in range(s):
                    for a in range(lanes):
                        moment[a] += mc[s, q] * k_all[q, i, a]
                for a in range(lanes):
                    b[i, a] += moment[a] / h[a]
        if timely:
            for i in range(n):
                for a in range(lanes):
                    b[i, a] += h[a] * gammas[s] * drift[i, a]
        solve(width, start, diagonal, columns, matrix, b)
        for i in range(n):
            for a in range(lanes):
                k_all[s, i, a] = b[i, a]


@njit(error_model="numpy")
def allowed_error(t, h, x, y, dx, peak, from_zero, largest, rtol):  # type: ignore[no-untyped-def]
    """Error a step h to y may make in one state: relative to it, with a floor for what is small or starts at 0.

    What grows from zero as a high power of time has no relative accuracy at first, whatever the step.
    Never less than what the rounding of time does to it.
    """
    size = max(abs(x), abs(y), 1e-3 * peak)
    if from_zero:
        size = max(size, 1e-12 * largest)
    rounding = 1e-15 * t * max(abs(dx), abs(y - x) / h)
    if largest > 0.0:
        # never so much that a solution without bound would pass
        rounding = min(rounding, rtol * largest)
    return rtol * max(size, 1e-300) + rounding


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
    for d in range(DEGREE):
        for i in range(bend.shape[1]):
            bend[d, i] = 0.0
            for s in range(k_all.shape[0]):
                bend[d, i] += dense[d, s] * k_all[s, i, a]


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
    coefficients = (ma, mc, alpha, gammas)
    zeros = np.zeros((6, n, lanes))
    x, slope, drift, argument, b, peak = zeros[0], zeros[1], zeros[2], zeros[3], zeros[4], zeros[5]
    y, work = np.zeros((n, lanes)), np.zeros((n, lanes))
    p = np.zeros((parameters, lanes))
    entries, matrix = np.zeros((max(place.shape[0], 1), lanes)), np.zeros((columns.shape[0], lanes))
    k_all = np.zeros((alpha.shape[0], n, lanes))
    moment, error, largest = np.zeros(lanes), np.zeros(lanes), np.zeros(lanes)
    t, h, step, goal = np.zeros(lanes), np.ones(lanes), np.ones(lanes), np.zeros(lanes)
    row, steps = np.full(lanes, -1), np.zeros(lanes, np.int64)
    # near an event: 1 while the step that ends before it is taken, 2 for the short one across it, of size leap
    near, leap = np.zeros(lanes, np.int64), np.zeros(lanes)
    bend, probe, now = np.empty((DEGREE, n)), np.empty(n), np.empty(event_count)
    room = (start, diagonal, columns, matrix, slope, drift, argument, b, moment)
    queue, stale, busy = first, True, True
    while busy:
        # rows that wait take the lanes that are free
        for a in range(lanes):
            while row[a] < 0 and queue < last:
                i = queue
                queue += 1
                status[i, 0] = FINISHED
                if cursor[i] < outputs:
                    row[a], t[a], h[a], steps[a], largest[a], near[a] = i, clock[i], h_all[i], 0, 0.0, 0
                    for r in range(n):
                        x[r, a], peak[r, a] = y_all[i, order[r]], peak_all[i, order[r]]
                        largest[a] = max(largest[a], peak[r, a])
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
            step[a] = 1.0
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
                fluxes(t[a], probe.ctypes, p_all[i].ctypes, rates.ctypes)
                status[i, 1] = 0
                report(rates, np.zeros(flux_count, np.bool_), status, i)
            elif t[a] >= due[i]:
                status[i, 0] = EVENT
            else:
                while cursor[i] < outputs and t[a] >= times[cursor[i]]:
                    for r in range(n):
                        out[i, cursor[i], order[r]] = x[r, a]
                    cursor[i] += 1
                if cursor[i] < outputs and steps[a] == budget:
                    status[i, 0] = UNFINISHED
                ended = cursor[i] == outputs or steps[a] == budget or status[i, 0] != FINISHED
            if ended:
                clock[i], h_all[i] = t[a], h[a]
                counts[i, 1] += steps[a]
                for r in range(n):
                    y_all[i, order[r]], peak_all[i, order[r]] = x[r, a], peak[r, a]
                row[a] = -1
                busy = busy or queue < last
                continue
            busy = True
            goal[a] = min(times[outputs - 1], due[i])
            if not h[a] > 0.0:
                h[a] = first_step(a, x, slope, peak, goal[a] - t[a])
            step[a] = min(h[a], goal[a] - t[a])
            if near[a] > 0:
                step[a] = min(step[a], leap[a])
            steps[a] += 1
        for q in range(columns.shape[0]):
            for a in range(lanes):
                matrix[q, a] = 0.0
        for e in range(place.shape[0]):
            for a in range(lanes):
                # without a slope that is no number the step is less accurate, which its error shows
                matrix[place[e], a] = -entries[e, a] if abs(entries[e, a]) < math.inf else 0.0
        for r in range(n):
            for a in range(lanes):
                matrix[diagonal[r], a] += 1.0 / (step[a] * gamma)
        factorize(width, start, diagonal, columns, work, matrix)
        stage_values(width, coefficients, rhs, timely, t, step, x, p, room, k_all)
        for a in range(lanes):
            error[a] = 0.0
        for r in range(n):
            for a in range(lanes):
                y[r, a] = argument[r, a] + b[r, a]
                permitted = allowed_error(
                    t[a], step[a], x[r, a], y[r, a], slope[r, a], peak[r, a], from_zero[row[a], order[r]], largest[a], rtol
                )
                ratio = abs(b[r, a]) / permitted
                error[a] = ratio if ratio > error[a] or not ratio < math.inf else error[a]
        for a in range(lanes):
            i = row[a]
            if i < 0:
                continue
            if not error[a] <= 1.0:
                h[a] = next_step(step[a], max(error[a], 4.0) if error[a] < math.inf else math.inf, method_order)
                if not t[a] + h[a] > t[a] or h[a] < 1e-300:
                    status[i, 0] = STEP_TOO_SMALL
                continue
            happens = 2.0
            if event_count > 0 or (cursor[i] < outputs and times[cursor[i]] <= t[a] + step[a]):
                interpolant(a, dense, k_all, bend)
            if event_count > 0:
                happens = first_change(triggers, armed[i], now, t[a], step[a], a, x, y, bend, order, p_all[i], probe)
            if happens < 1.0 and near[a] != 2 and happens * step[a] > 64.0 * 2.3e-16 * max(abs(t[a]), step[a]):
                near[a], leap[a] = 1, (1.0 - NEAR) * happens * step[a]
                continue
            near[a], leap[a] = (2, 2.0 * NEAR * leap[a] / (1.0 - NEAR)) if near[a] == 1 else (0, 0.0)
            stale = True
            end = goal[a] if step[a] >= goal[a] - t[a] else t[a] + step[a]
            if happens < 1.0:
                end = t[a] + happens * step[a]
            while cursor[i] < outputs and times[cursor[i]] < end:
                between((times[cursor[i]] - t[a]) / step[a], a, x, y, bend, order, out[i, cursor[i]])
                cursor[i] += 1
            wanted = next_step(step[a], error[a], method_order)
            h[a] = max(h[a], wanted) if step[a] < h[a] else wanted
            for r in range(n):
                x[r, a] = probe[order[r]] if happens < 1.0 else y[r, a]
                peak[r, a] = max(peak[r, a], abs(x[r, a]))
                largest[a] = max(largest[a], peak[r, a])
            t[a] = end
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
    the order of elimination), the entries of its Jacobian and its dependence on time; fluxes: of one row; pattern: of sparse.Elimination the order, start, diagonal and columns, of each Jacobian entry its place among them, number of
    fluxes; method: gamma, a, c, alpha, gammas, dense and order of the error (see rosenbrock.py); control: relative
    tolerance, from_zero [rows, states], whether rates depend on time; triggers of events, armed [rows, events]; due [rows]: a
    moment at which to stop; rows: y [rows, states], p [rows, parameters], peak [rows,
    states], size of the next step [rows], clock [rows], cursor [rows]: next output, counts [rows, 2]: firings and steps
    so far, status [rows, 2]: outcome and the flux it concerns; times [outputs]; out [rows, outputs, states]; budget:
    steps a row may take.

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
