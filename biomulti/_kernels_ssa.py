"""Firings one by one: what the hybrid kernel needs of the direct method (Gillespie 1977, doi:10.1021/j100540a008)."""

from __future__ import annotations

import math

from numba import njit

from biomulti.outcome import (
    NEGATIVE_AMOUNT,
    NEGATIVE_PROPENSITY,
    NOT_FINITE,
)
from tissue._jit import device


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
