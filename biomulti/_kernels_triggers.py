"""When the trigger of an event changes within a step, on its polynomial."""

from __future__ import annotations

import math

from numba import njit

from biomulti._kernels_steps import between, grown
from biomulti.outcome import EVENT
from tissue._jit import device

MOST_LOOKS = 1_000  # changes of comparisons in one step
NEAR = 0.02  # of the way to an event, which the short step begins before it
SAMPLES = 4  # places of a step at which triggers are looked at


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
    comparison that turns twice between two samples is not seen. before, now [watched] are room to work in, and `probe`
    [states] takes the state there.
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
def watch(  # type: ignore[no-untyped-def]
    pattern, counted, watched, p_all, status, armed, x, y, bend, peak, t, step, h, h_before, remaining, left_before,
    share, took, fired, end, leap, halted, row, near, probe, before, now,
):  # fmt: skip
    """Steps in which the trigger of an event changes end there, or are taken again to end shortly before."""
    hazard, order = peak.shape[0], pattern[0]
    for a in range(row.shape[0]):
        if took[0, a] == 0.0:
            continue
        i, begun, length, s = row[a], t[0, a], step[0, a], share[0, a]
        happens = first_change(
            watched, armed[i], before, now, begun, length, s, a, x, y, bend, order, counted, p_all[i], probe
        )
        if happens < 1.0 and near[a] != 2 and happens * length > 64.0 * 2.3e-16 * max(abs(begun), length):
            # once more, to shortly before the event; then a short step across it
            near[a], leap[0, a] = 1, (1.0 - NEAR) * happens * length
            took[0, a], fired[0, a], end[0, a] = 0.0, 0.0, begun
            h[0, a], remaining[0, a] = h_before[0, a], left_before[0, a]
            continue
        if happens <= 1.0 and not (fired[0, a] != 0.0 and happens >= s):
            status[i, 0], halted[0, a], fired[0, a] = EVENT, 1.0, 0.0
            if happens < 1.0:
                share[0, a], end[0, a] = happens, begun + happens * length
                if hazard < y.shape[0]:
                    remaining[0, a] = left_before[0, a] - grown(happens, hazard, a, x, y, bend)
        across = near[a] == 1 and fired[0, a] == 0.0
        near[a], leap[0, a] = (2, 2.0 * NEAR * leap[0, a] / (1.0 - NEAR)) if across else (0, math.inf)
