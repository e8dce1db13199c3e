"""What was: the state of a row at moments it has passed, for the delays of a model.

Between moments the state is read on the cubic through states and slopes; before the first it is what it was then. A row
that jumped has two moments at the same time.
"""

from __future__ import annotations

from numba import njit


@njit(error_model="numpy")
def state_at(moment, t, x, memory, then):  # type: ignore[no-untyped-def]
    """The state at `moment` into then [states]; x is the state at t, not before the last moment kept."""
    i, counts, times, states = memory
    n, kept = x.shape[0], counts[i]
    if kept == 0:
        for k in range(n):
            then[k] = x[k]
        return
    low, high = 0, kept  # times[low] <= moment < times[high], as far as there are such
    while high - low > 1:
        middle = (low + high) // 2
        if times[i, middle] <= moment:
            low = middle
        else:
            high = middle
    if moment < times[i, 0]:
        for k in range(n):
            then[k] = states[i, 0, 0, k]
        return
    if high == kept:
        # within the step that is being taken
        h = t - times[i, low]
        s = min((moment - times[i, low]) / h, 1.0) if h > 0.0 else 0.0
        for k in range(n):
            then[k] = states[i, low, 0, k] + s * (x[k] - states[i, low, 0, k])
        return
    h = times[i, high] - times[i, low]
    s = (moment - times[i, low]) / h
    r = 1.0 - s
    for k in range(n):
        y0, y1 = states[i, low, 0, k], states[i, high, 0, k]
        d0, d1 = h * states[i, low, 1, k], h * states[i, high, 1, k]
        then[k] = y0 + (y1 - y0) * s * s * (3.0 - 2.0 * s) + s * r * (d0 * r - d1 * s)


@njit(error_model="numpy")
def recall(past, memory, t, x, p):  # type: ignore[no-untyped-def]
    """Bring the states `slots` of x, which hold what was some time ago, up to time t."""
    lags, what_was, slots, lag, value, _, then = past
    lags(t, x.ctypes, p.ctypes, lag.ctypes)
    for d in range(slots.shape[0]):
        state_at(t - lag[d], t, x, memory, then)
        what_was(t - lag[d], then.ctypes, p.ctypes, value.ctypes)
        x[slots[d]] = value[d]


@njit(error_model="numpy")
def remember(past, memory, t, step, x, dx, p):  # type: ignore[no-untyped-def]
    """Keep the moment t with the state x and its slope dx; what x holds of the past gets its slope over `step`."""
    i, counts, times, states = memory
    slots = past[2]
    kept, before = counts[i], 1e-3 * step
    for k in range(x.shape[0]):
        states[i, kept, 0, k] = x[k]
        states[i, kept, 1, k] = dx[k]
    if before > 0.0:
        lags, what_was, _, lag, value, _, then = past
        lags(t - before, x.ctypes, p.ctypes, lag.ctypes)
        for d in range(slots.shape[0]):
            moment = t - before - lag[d]
            state_at(moment, t, x, memory, then)
            what_was(moment, then.ctypes, p.ctypes, value.ctypes)
            states[i, kept, 1, slots[d]] = (x[slots[d]] - value[d]) / before
    times[i, kept] = t
    counts[i] = kept + 1


@njit(error_model="numpy")
def shortest_lag(past, t, x, p):  # type: ignore[no-untyped-def]
    """The shortest time that a value lies back and that is not zero; infinite if there is none."""
    lags, _, slots, lag, _, _, _ = past
    shortest = 1e300
    lags(t, x.ctypes, p.ctypes, lag.ctypes)
    for d in range(slots.shape[0]):
        if lag[d] > 0.0:
            shortest = min(shortest, lag[d])
    return shortest
