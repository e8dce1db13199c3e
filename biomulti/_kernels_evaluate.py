"""A model's function at many points in time of many rows."""

from __future__ import annotations

from numba import float64, prange, void

from biomulti.compile import FUNCTION
from tissue._jit import kernel


@kernel(void(FUNCTION, float64[::1], float64[:, :, ::1], float64[:, ::1], float64[:, :, ::1]), parallel=True)
def evaluate_rows(function, times, y, p, out):  # type: ignore[no-untyped-def]
    """out[i, k] = function(times[k], y[i, k], p[i]), for y [rows, times, states] and p [rows, parameters]."""
    for i in prange(y.shape[0]):
        par = p[i]
        for k in range(times.shape[0]):
            state, result = y[i, k], out[i, k]
            function(times[k], state.ctypes, par.ctypes, result.ctypes)
