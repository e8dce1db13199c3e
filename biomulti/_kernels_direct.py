"""The direct method for small networks: every row by its model's own program, from output to output."""

from __future__ import annotations

import numpy as np
from numba import float64, int64, njit, prange, types, uint8, uint64, void

from biomulti.compile import FUNCTION
from biomulti.outcome import EVENT, FINISHED, UNFINISHED
from tissue._jit import kernel

FLOATS, INTEGERS, WORDS = types.CPointer(float64), types.CPointer(int64), types.CPointer(uint64)
ROW_SIGNATURE = void(FLOATS, FLOATS, WORDS, FLOATS, FLOATS, INTEGERS, INTEGERS, float64, int64)
ROW = types.FunctionType(ROW_SIGNATURE)


@njit(error_model="numpy")
def triggered(triggers, t, x, p, armed, values, i):  # type: ignore[no-untyped-def]
    """True if the trigger of an event is not as row i last saw it; `values` [events] is room to work in."""
    triggers(t, x.ctypes, p.ctypes, values.ctypes)
    changed = False
    for e in range(values.shape[0]):
        changed |= (values[e] != 0.0) != (armed[i, e] != 0)
    return changed


@kernel(
    void(
        ROW,
        float64[:, ::1],
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
        FUNCTION,
        uint8[:, ::1],
        float64[::1],
    ),
    parallel=True,
    error_model="numpy",
)
def advance_direct(  # type: ignore[no-untyped-def]
    row, y, p, rng, left, clock, cursor, times, out, budget, counts, status, triggers, armed, due
):
    """Advance every row through the output times.

    row: the model's program (see `direct`); y [rows, states], p [rows, parameters], rng [rows, 4]; left [rows]: what
    is left of the exponential number of the next firing; clock [rows], cursor [rows]: time reached and next output;
    times [outputs]; out [rows, outputs, states]; budget: firings a row may make in this call; counts [rows, 2]: firings
    and steps so far; status [rows, 2]: outcome and the reaction it concerns; triggers(t, y, p, values), armed [rows,
    events]: whether the triggers of events hold now, and held when last seen; due [rows]: when a delayed event is due.

    A row stops with EVENT where triggers differ from `armed` after a firing, at an output time or where an event is
    due, before it writes that output. Called again, it goes on from there; triggers are looked at again only after the
    next firing, output time or due event.
    """
    outputs, events = times.shape[0], armed.shape[1]
    for i in prange(y.shape[0]):
        status[i, 0] = FINISHED
        k, last = cursor[i], counts[i, 0] + budget
        values = np.empty(events)
        while k < outputs:
            goal = min(times[k], due[i]) if events else times[k]
            before = clock[i]
            if before < goal:
                allowed = last - counts[i, 0]
                row(
                    y[i].ctypes, p[i].ctypes, rng[i].ctypes, clock[i:].ctypes, left[i:].ctypes, counts[i].ctypes,
                    status[i].ctypes, goal, min(allowed, 1) if events else allowed,
                )  # fmt: skip
                if status[i, 0] > UNFINISHED or (status[i, 0] == UNFINISHED and allowed == 0):
                    break
                if events and triggered(triggers, clock[i], y[i], p[i], armed, values, i):
                    status[i, 0] = EVENT
            if events and not clock[i] < due[i]:
                status[i, 0] = EVENT
            if status[i, 0] == EVENT or (status[i, 0] == UNFINISHED and not events):
                break
            if clock[i] >= times[k]:
                for m in range(y.shape[1]):
                    out[i, k, m] = y[i, m]
                k += 1
        cursor[i] = k
