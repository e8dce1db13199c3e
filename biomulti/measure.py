"""Numbers read off a run, each a pure function of arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

Floats = NDArray[np.float64]


def pulse_times(times: Floats, trace: Floats, *, prominence: float) -> Floats:
    """When a trace [times] pulses: its local maxima that stand out by `prominence`, in the units of the trace."""
    peaks, _ = find_peaks(trace, prominence=prominence)
    return np.asarray(times[peaks])


def pulse_intervals(times: Floats, traces: Floats, *, prominence: float) -> Floats:
    """Intervals between the pulses of every trace [times, cells], all in one array."""
    found = [np.diff(pulse_times(times, traces[:, k], prominence=prominence)) for k in range(traces.shape[1])]
    return np.concatenate(found) if found else np.empty(0)


def mean_speed(vx: Floats, vy: Floats) -> Floats:
    """Mean speed at each time of the cells that live then, from velocities [times, cells]."""
    return np.asarray(np.nanmean(np.hypot(vx, vy), axis=1))
