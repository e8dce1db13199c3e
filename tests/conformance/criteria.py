"""When a result agrees with the SBML Test Suite.

Time courses: |result - expected| <= absolute + relative |expected| at every point.

Statistics of n runs, with expected mean mu and standard deviation sigma, at every point in time:

    Z = sqrt(n) (mean - mu) / sigma          in meanRange
    Y = sqrt(n / 2) (s^2 / sigma^2 - 1)      in sdRange

and where sigma = 0 every run has to be mu exactly. A column `ln(X)` is of the logarithm of X. Three Cauchy cases give
no sigma. In one of them the law is cut off on both sides, and the runs' own standard deviation serves. The others have
no mean, and what the suite gives in its place is the median: the runs above it are binomial, and

    Z = (above - n / 2) / (sqrt(n) / 2),     a tie counting one half,

stands in. Runs have no mean to speak of if their kurtosis is above sqrt(n): it grows like n without a variance.

Y has a standard deviation of 1 for the normal law alone, else one of sqrt((kurtosis - 1) / 2), whatever n is. In case
00003 (most families extinct, a few large) the kurtosis is 60, and an exact simulation leaves the range of 5 in seven
experiments of eight (60 experiments of 40,000 runs drawn from the closed law of the birth-death process). On a second
look Y is therefore divided by its standard deviation, where that is above 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .suite import Case

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outside:
    """A point of the statistics outside its range."""

    column: str  # as in the settings' output, X-mean for instance
    index: int  # of the time
    statistic: float  # Z or Y; infinite where the match had to be exact


def excess(result: Floats, expected: Floats, absolute: float, relative: float) -> Floats:
    """|result - expected| over what is allowed; 0 for the same infinity and for NaN twice, infinite for one of them."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.abs(result - expected) / (absolute + relative * np.abs(expected))
    same = (result == expected) | (np.isnan(result) & np.isnan(expected))
    finite = np.isfinite(result) & np.isfinite(expected)
    return np.where(same, 0.0, np.where(finite, ratio, np.inf))


def points_outside(
    case: Case, runs: Mapping[str, Floats], expected: Mapping[str, Floats], *, second_look: bool = False
) -> list[Outside]:
    """Points of a stochastic case outside their ranges.

    Args:
        case: says which columns are judged, and their ranges.
        runs: results of each variable, [times, runs].
        expected: columns of the results file, [times].
        second_look: take the kurtosis into account.
    """
    found = []
    for column in case.listed("output"):
        name, _, what = column.rpartition("-")
        if name.startswith("ln("):
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.log(runs[name[3:-1]])
        else:
            values = runs[name]
        sigma = expected.get(f"{name}-sd")
        low, high = case.span("meanRange" if what == "mean" else "sdRange")
        if sigma is None:
            statistic = _statistic_without_sigma(values, expected[column])
        elif what == "mean":
            statistic = _mean_statistic(values, expected[column], sigma)
        else:
            statistic = _sd_statistic(values, sigma) / (_sd_of_statistic(values) if second_look else 1.0)
        # at the start X is 0 in the logarithmic cases, and the suite writes 0 where ln X has no value
        has_value = np.isfinite(values).all(axis=1) if name.startswith("ln(") and sigma is not None else True
        judged = has_value | (sigma != 0.0) if sigma is not None else np.full(len(statistic), True)
        off = judged & ~((statistic >= low) & (statistic <= high))
        found += [Outside(column, int(k), float(statistic[k])) for k in np.flatnonzero(off)]
    return found


def _mean_statistic(values: Floats, mu: Floats, sigma: Floats) -> Floats:
    exact = np.where((values == mu[:, None]).all(axis=1), 0.0, np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.sqrt(values.shape[1]) * (values.mean(axis=1) - mu) / sigma
    return np.where(sigma == 0.0, exact, z)


def _sd_statistic(values: Floats, sigma: Floats) -> Floats:
    exact = np.where((values == values[:, :1]).all(axis=1), 0.0, np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.sqrt(values.shape[1] / 2.0) * (values.var(axis=1, ddof=1) / sigma**2 - 1.0)
    return np.where(sigma == 0.0, exact, y)


def _sd_of_statistic(values: Floats) -> Floats:
    """sqrt((kurtosis - 1) / 2), or 1 if that is larger or there is no spread."""
    kurtosis = _kurtosis(values)
    return np.sqrt(np.where(kurtosis > 3.0, kurtosis - 1.0, 2.0) / 2.0)


def _kurtosis(values: Floats) -> Floats:
    off = values - values.mean(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((off**4).mean(axis=1) / (off**2).mean(axis=1) ** 2)


def _statistic_without_sigma(values: Floats, mu: Floats) -> Floats:
    n = values.shape[1]
    above = (values > mu[:, None]).sum(axis=1) + 0.5 * (values == mu[:, None]).sum(axis=1)
    of_median = (above - 0.5 * n) / (0.5 * np.sqrt(n))
    with np.errstate(divide="ignore", invalid="ignore"):
        of_mean = np.sqrt(n) * (values.mean(axis=1) - mu) / values.std(axis=1)
    # the kurtosis of equal values is NaN, and the median right for them too
    statistic = np.where(_kurtosis(values) <= np.sqrt(n), of_mean, of_median)
    return np.where(np.isnan(values).any(axis=1), np.nan, statistic)
