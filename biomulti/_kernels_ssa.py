"""The direct method: exact stochastic simulation of every row to the last output time.

Gillespie (1977), J. Phys. Chem. 81, 2340, doi:10.1021/j100540a008: the next firing comes after a time of
density a0 exp(-a0 t), a0 = sum a_j, and is reaction j with probability a_j / a0.

What is left of the exponential number drawn for the next firing stays in the row between calls.
"""

from __future__ import annotations

import math

import numpy as np
from numba import boolean, float64, int64, njit, prange, uint64, void

from biomulti._rng import exponential, uniform
from biomulti.compile import FUNCTION
from biomulti.outcome import (
    FINISHED,
    NEGATIVE_AMOUNT,
    NEGATIVE_PROPENSITY,
    NOT_FINITE,
    UNFINISHED,
)
from tissue._jit import device, kernel


@device
def total_propensity(a):  # type: ignore[no-untyped-def]
    """Sum of the propensities a [fluxes]; NaN if one of them is negative or not finite."""
    total, least = 0.0, 0.0
    for j in range(a.shape[0]):
        total += a[j]
        least = min(least, a[j])
    return total if least == 0.0 and total < math.inf else math.nan


@njit(error_model="numpy")
def report(a, fires, status, i):  # type: ignore[no-untyped-def]
    """Write to row i of `status` which flux is not finite, or which firing reaction has a negative propensity."""
    for j in range(a.shape[0]):
        if not abs(a[j]) < math.inf:
            status[i, 0] = NOT_FINITE
            status[i, 1] = j
        elif fires[j] and a[j] < 0.0:
            status[i, 0] = NEGATIVE_PROPENSITY
            status[i, 1] = j


@device
def choose(a, fires, total, u):  # type: ignore[no-untyped-def]
    """The reaction whose share of `total` holds u * total, among those that fire."""
    target, partial, chosen = u * total, 0.0, -1
    for j in range(a.shape[0]):
        if fires[j] and a[j] > 0.0:
            partial += a[j]
            chosen = j
            if partial > target:
                break
    return chosen


@device
def fire(x, j, start, species, change, status, i):  # type: ignore[no-untyped-def]
    """Apply one firing of reaction j to the state x [states]."""
    for m in range(start[j], start[j + 1]):
        x[species[m]] += change[m]
        if x[species[m]] < 0.0:
            status[i, 0] = NEGATIVE_AMOUNT
            status[i, 1] = j


@kernel(
    void(
        FUNCTION,
        boolean[::1],
        int64[::1],
        int64[::1],
        float64[::1],
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
    ),
    parallel=True,
    error_model="numpy",
)
def advance_ssa(  # type: ignore[no-untyped-def]
    fluxes, fires, start, species, change, y, p, rng, left, clock, cursor, times, out, budget, counts, status
):
    """Advance every row through the output times.

    fluxes(t, y, p, a): propensities; fires [fluxes]: all True; start [fluxes + 1], species, change: state
    changes of each reaction, compressed; y [rows, states], p [rows, parameters], rng [rows, 4]; left [rows]:
    what is left of the exponential number of the next firing; clock [rows], cursor [rows]: time reached and
    next output; times [outputs]; out [rows, outputs, states]; budget: firings a row may make in this call;
    counts [rows, 2]: firings and steps so far; status [rows, 2]: outcome and the reaction it concerns.
    """
    outputs = times.shape[0]
    for i in prange(y.shape[0]):
        x, par = y[i], p[i]
        a = np.empty(fires.shape[0])
        t, k, remaining, spent = clock[i], cursor[i], left[i], 0
        status[i, 0] = FINISHED
        while k < outputs:
            fluxes(t, x.ctypes, par.ctypes, a.ctypes)
            total = total_propensity(a)
            if not total >= 0.0:
                report(a, fires, status, i)
                break
            goal = times[k]
            if not remaining < total * (goal - t):
                # what is used up of the exponential number is taken off at every output, so that one long run
                # and many short ones give the same bits
                remaining -= total * (goal - t)
                t = goal
                out[i, k] = x
                k += 1
                continue
            if spent == budget:
                status[i, 0] = UNFINISHED
                break
            spent += 1
            t += remaining / total
            fire(x, choose(a, fires, total, uniform(rng, i)), start, species, change, status, i)
            remaining = exponential(rng, i)
            if status[i, 0] != FINISHED:
                break
        clock[i], cursor[i], left[i] = t, k, remaining
        counts[i, 0] += spent
