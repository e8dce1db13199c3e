"""What happens at the moments when triggers of events become true, or delayed events are due.

SBML Level 3 Version 2 Core, section 4.12: an event whose trigger turns from false to true happens after its delay. Of
those due at one moment that of the highest priority comes first, one of several alike by lot, without priority the
first in the model; what it sets may trigger others and, where a trigger is not persistent, call off those that wait.
"""

from __future__ import annotations

import math

import numpy as np
from numba import boolean, float64, int64, njit, prange, types, uint8, uint64, void

from biomulti._kernels_flow import back_substitute, factorize
from biomulti._operations import execute
from biomulti._rng import uniform
from biomulti.compile import FUNCTION
from biomulti.outcome import BAD_DELAY, ENDLESS_EVENTS, FINISHED, NEGATIVE_AMOUNT, NO_ROOM, NO_SOLUTION, NOT_FINITE
from tissue._jit import kernel

COUNTABLE = 1e15  # molecules; beyond this one is lost in rounding
MOST_AT_ONCE = 100_000  # events of one moment, before they are taken to trigger one another for ever
MOST_ITERATIONS = 50


@njit(error_model="numpy")
def solve_unknowns(fluxes, jacobian, algebra, t, x, p, status, i):  # type: ignore[no-untyped-def]
    """Newton's method for what algebraic rules determine, from where it is."""
    unknown_states, unknown_fluxes, rows, columns, flux_count = algebra
    m = unknown_states.shape[0]
    a, entries = np.empty(flux_count), np.empty(max(rows.shape[0], 1))
    matrix, pivots, b = np.empty((m, m)), np.empty(m, np.int64), np.empty(m)
    for _ in range(MOST_ITERATIONS):
        fluxes(t, x.ctypes, p.ctypes, a.ctypes)
        jacobian(t, x.ctypes, p.ctypes, entries.ctypes)
        matrix[:] = 0.0
        for e in range(rows.shape[0]):
            for r in range(m):
                for c in range(m):
                    if rows[e] == unknown_fluxes[r] and columns[e] == unknown_states[c]:
                        matrix[r, c] += entries[e]
        for r in range(m):
            b[r] = -a[unknown_fluxes[r]]
        if not factorize(matrix, pivots):
            break
        back_substitute(matrix, pivots, b)
        largest = 0.0
        for c in range(m):
            k = unknown_states[c]
            x[k] += b[c]
            largest = max(largest, abs(b[c]) / max(abs(x[k]), 1e-12))
            if not abs(b[c]) < math.inf:
                largest = math.inf
        if largest <= 1e-13:
            return
        if not largest < math.inf:
            break
    else:
        if largest <= 1e-8:
            return
    status[i, 0] = NO_SOLUTION
    status[i, 1] = unknown_fluxes[0]


@njit(error_model="numpy")
def next_due(t, x, p, rng, i, events, times, waiting, w, v):  # type: ignore[no-untyped-def]
    """The place of the event that happens next at time t, -1 if none is due."""
    best, rank, alike = -1, 0.0, 0
    for q in range(times.shape[1]):
        e = waiting[i, q]
        if e < 0 or times[i, q] > t:
            continue
        execute(4 * e + 1, events, t, x, p, v, rng[i : i + 1], w, v)
        priority = v[0]
        if best < 0 or priority > rank:
            best, rank, alike = q, priority, 1
        elif priority == rank and priority == -math.inf:
            if e < waiting[i, best]:
                best = q
        elif priority == rank:
            alike += 1
            if uniform(rng, i) * alike < 1.0:
                best = q
    return best


@kernel(
    void(
        FUNCTION,
        FUNCTION,
        types.Tuple((int64[::1], int64[::1], int64[::1], int64[::1], int64)),
        FUNCTION,
        types.Tuple((int64[:, ::1], float64[::1], int64[::1], int64[::1], int64[::1], int64)),
        types.Tuple((boolean[::1], boolean[::1], int64[::1], int64[::1], boolean[::1])),
        boolean[::1],
        float64[:, ::1],
        float64[:, ::1],
        uint64[:, ::1],
        float64[::1],
        uint8[:, ::1],
        float64[::1],
        float64[:, ::1],
        int64[:, ::1],
        float64[:, :, ::1],
        float64[:, ::1],
        int64[:, ::1],
    ),
    parallel=True,
    error_model="numpy",
)
def settle(  # type: ignore[no-untyped-def]
    fluxes, jacobian, algebra, triggers, programs, table, chosen, y, p, rng, clock, armed, due, times, waiting, values,
    peak, status,
):  # fmt: skip
    """Let happen what happens at the time of every chosen row.

    fluxes, jacobian: the model; algebra: states and fluxes of algebraic rules, rows and columns of the Jacobian's
    entries, number of fluxes; triggers(t, y, p, out): of the events; programs: arrays of a `program.Program` and the
    length of its longest, with at 4 e the delay of event e, at 4 e + 1 its priority, at 4 e + 2 new values of its
    targets, as formulas read them, at 4 e + 3 what the state holds for these values; table: whether each event takes
    its values when triggered, whether it is persistent, start [events + 1] and state of its targets, which states are
    counts; chosen [rows]; y, p, rng, clock: of every row; armed, due, times, waiting, values: see `cells.Agenda`; peak
    [rows, states]; status [rows, 2].
    """
    from_trigger, persistent, start, target, counted = table
    count = from_trigger.shape[0]
    code, numbers, begins, first_result, results, longest = programs
    events = (code, numbers, begins, first_result, results)
    for i in prange(y.shape[0]):
        if not chosen[i]:
            continue
        x, par, t = y[i], p[i], clock[i]
        now = np.empty(max(count, 1))
        v, w = np.empty(max(values.shape[2], 1)), np.empty(longest)
        status[i, 0] = FINISHED
        if algebra[0].shape[0] > 0:
            solve_unknowns(fluxes, jacobian, algebra, t, x, par, status, i)
        happened = 0
        while count > 0 and status[i, 0] == FINISHED:
            triggers(t, x.ctypes, par.ctypes, now.ctypes)
            for e in range(count):
                if now[e] == 0.0:
                    if armed[i, e] != 0 and not persistent[e]:
                        for q in range(times.shape[1]):
                            if waiting[i, q] == e:
                                waiting[i, q] = -1
                    armed[i, e] = 0
                elif armed[i, e] == 0:
                    place = -1
                    for q in range(times.shape[1]):
                        if waiting[i, q] < 0:
                            place = q
                            break
                    if place < 0:
                        status[i, 0] = NO_ROOM
                        break
                    execute(4 * e, events, t, x, par, v, rng[i : i + 1], w, v)
                    if not 0.0 <= v[0] < math.inf:
                        status[i, 0] = BAD_DELAY
                        status[i, 1] = e
                        break
                    armed[i, e] = 1
                    times[i, place], waiting[i, place] = t + v[0], e
                    if from_trigger[e]:
                        execute(4 * e + 2, events, t, x, par, v, rng[i : i + 1], w, v)
                        for m in range(start[e + 1] - start[e]):
                            values[i, place, m] = v[m]
            if status[i, 0] != FINISHED:
                break
            place = next_due(t, x, par, rng, i, events, times, waiting, w, v)
            if place < 0:
                break
            e = waiting[i, place]
            waiting[i, place] = -1
            if from_trigger[e]:
                for m in range(start[e + 1] - start[e]):
                    v[m] = values[i, place, m]
            else:
                execute(4 * e + 2, events, t, x, par, v, rng[i : i + 1], w, v)
            execute(4 * e + 3, events, t, x, par, v, rng[i : i + 1], w, v)
            for m in range(start[e], start[e + 1]):
                new, k = v[m - start[e]], target[m]
                # infinity is as good as any other value of a parameter
                if math.isnan(new) or (counted[k] and not abs(new) < COUNTABLE):
                    status[i, 0] = NOT_FINITE
                    status[i, 1] = -1 - e
                    continue
                x[k] = round(new) if counted[k] else new
                peak[i, k] = max(peak[i, k], abs(x[k]))
                if counted[k] and not new >= 0.0:
                    status[i, 0] = NEGATIVE_AMOUNT
                    status[i, 1] = -1 - e
            if algebra[0].shape[0] > 0:
                solve_unknowns(fluxes, jacobian, algebra, t, x, par, status, i)
            happened += 1
            if happened > MOST_AT_ONCE:
                status[i, 0] = ENDLESS_EVENTS
                status[i, 1] = e
        due[i] = math.inf
        for q in range(times.shape[1]):
            if waiting[i, q] >= 0:
                due[i] = min(due[i], times[i, q])
