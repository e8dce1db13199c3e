"""How far two samples lie apart: mean, spread, distribution; tests for counts with ties as for real numbers.

If both samples are of one size and have one law, differences between them are symmetric about zero, whatever that law;
so the tests of two samples below need no normal law, and err towards too few alarms where it has heavy tails
(Efron 1969, doi:10.1080/01621459.1969.10501068).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SHARE = 0.05  # of both samples, from which on a value that is repeated is taken for one that was computed, not drawn
LARGEST_EXACT = 10_000  # values in both samples, of which the law of the largest distance is worked out exactly
BAND = 12.0  # standard deviations about the mean of a path, outside of which lie less than 1e-30 of all


class Difference(NamedTuple):
    """A difference, its standard error, how many of those it is, and the p value of the hypothesis that it is none."""

    value: float
    error: float
    z: float
    p: float


def moments(x: Floats) -> tuple[float, float]:
    """Mean and variance, with n - 1, of a sample [n]; the variance of equal values is exactly 0."""
    shifted = x - x[0]
    return float(x[0] + shifted.mean()), float(shifted.var(ddof=1))


def _standard_moment(x: Floats, order: int) -> float:
    """Skewness (3) or kurtosis (4, which is 3 for a normal law) of a sample [n] that varies."""
    shifted = x - x.mean()
    return float((shifted**order).mean() / (shifted**2).mean() ** (0.5 * order))


def mean_difference(x: Floats, y: Floats) -> Difference:
    """Difference of the means of two samples [n] and [m], by the test of Welch (1947, doi:10.1093/biomet/34.1-2.28).

    z = (<x> - <y>) / sqrt(s_x^2 / n + s_y^2 / m),   t with the degrees of freedom of Satterthwaite
    """
    # takes long to load, and only comparisons need it
    from scipy import special

    (mean_x, var_x), (mean_y, var_y) = moments(x), moments(y)
    a, b = var_x / len(x), var_y / len(y)
    difference, error = mean_x - mean_y, math.sqrt(a + b)
    if not error:
        # two numbers without noise, which counts could not be
        return Difference(difference, 0.0, _signed(difference), float(np.array_equal(*as_counts(x, y))))
    freedom = (a + b) ** 2 / (a**2 / (len(x) - 1) + b**2 / (len(y) - 1))
    z = difference / error
    return Difference(difference, error, z, float(2.0 * special.stdtr(freedom, -abs(z))))


def mean_against(value: float, y: Floats) -> Difference:
    """Difference of a number and the mean of a sample [m], by a t test without its bias for skewed laws.

        z = (value - <y>) / (s / sqrt(m)),   w = -z / sqrt(m),   g = w + c w^2 / 3 + c^2 w^3 / 27 + c / (6 m)

    with the skewness c; sqrt(m) g is close to normal. p is not a number where all of the sample is one value, since
    what is rare may then have been missed.
    Source: Hall 1992, Journal of the Royal Statistical Society B 54, 221.
    """
    # takes long to load, and only comparisons need it
    from scipy import special

    mean, variance = moments(y)
    m, difference = len(y), value - mean
    error = math.sqrt(variance / m)
    if not error:
        return Difference(difference, 0.0, _signed(difference), math.nan)
    w, skewness = -difference / math.sqrt(variance), _standard_moment(y, 3)
    g = w + skewness * w**2 / 3.0 + skewness**2 * w**3 / 27.0 + skewness / (6.0 * m)
    p = float(2.0 * special.stdtr(m - 1, -math.sqrt(m) * abs(g)))
    return Difference(difference, error, difference / error, p)


def _signed(difference: float) -> float:
    return math.copysign(math.inf, difference) if difference else 0.0


def spread_difference(x: Floats, y: Floats) -> Difference:
    """Difference of the mean distances from the median, the test of equal spread of Brown and Forsythe.

    It holds for any law, heavy tails included, where the F test of variances is off by far.
    Source: Brown & Forsythe 1974, doi:10.1080/01621459.1974.10482955, with Welch's error.
    """
    return mean_difference(np.abs(x - np.median(x)), np.abs(y - np.median(y)))


def log_variance_ratio(x: Floats, y: Floats) -> tuple[float, float]:
    """log(s_x^2 / s_y^2) and its standard error by the infinitesimal jackknife, for laws of any kurtosis.

        error^2 = (k_x - 1) / n + (k_y - 1) / m,   k = m_4 / m_2^2

    It is minus or plus infinity, with an error that is not a number, where one of the variances is 0.
    Source: Efron 1982, doi:10.1137/1.9781611970319, chapter 6; Miller 1968, doi:10.1214/aoms/1177698418.
    """
    variances = [moments(sample)[1] for sample in (x, y)]
    if 0.0 in variances:
        signs = [v > 0.0 for v in variances]
        return (math.nan if signs[0] == signs[1] else math.copysign(math.inf, signs[0] - signs[1])), math.nan
    inflation = sum(max(_standard_moment(s, 4) - 1.0, 0.0) / len(s) for s in (x, y))
    return math.log(variances[0] / variances[1]), math.sqrt(inflation)


def kolmogorov_smirnov(x: Floats, y: Floats) -> tuple[float, float]:
    """The largest distance of two samples' distribution functions, and its exact p value, ties or not.

        D = max_v |F_x(v) - F_y(v)|,   p = share of all ways to deal n + m values into n and m with such a D or more

    given the values and how often each came: the permutation test with every permutation counted. It raises false
    alarms at most as often as it says, less often where there are few different values. Beyond 10,000 values together
    the limit of Kolmogorov stands in, which is too large a p where there are ties.
    Source: Schroer & Trenkler 1995, doi:10.1016/0167-9473(94)00040-P.
    """
    # takes long to load, and only comparisons need it
    from scipy import special

    n, m = len(x), len(y)
    values, repeats = np.unique(np.concatenate([x, y]), return_counts=True)
    seen = np.cumsum(repeats)
    of_x = np.searchsorted(np.sort(x), values, side="right")
    largest = int(np.abs(of_x * m - (seen - of_x) * n).max())  # times n m, so that equal distances are equal
    distance = largest / (n * m)
    if n + m > LARGEST_EXACT:
        return distance, float(special.kolmogorov(math.sqrt(n * m / (n + m)) * distance))
    return distance, _share_of_paths(n, m, seen, largest)


def _share_of_paths(n: int, m: int, ends: NDArray[np.int64], distance: int) -> float:
    """The share of orders of n + m values that are at least `distance` / (n m) apart after one of the first `ends`.

    `inside[i]` is the share of those in which i of the values so far are of the first sample and which never were.
    """
    if distance == 0:
        return 1.0
    total = n + m
    is_end = np.zeros(total + 1, dtype=bool)
    is_end[ends] = True
    count = np.arange(n + 1)
    inside = np.zeros(n + 1)
    inside[0] = 1.0
    width = BAND * math.sqrt(n * m / total) / 2.0 + 2.0
    left, outside = 0, 0.0
    for k in range(total):
        right = min(n, math.ceil((k + 1) * n / total + width))
        i = count[left : right + 1]
        before = inside[left : right + 1]
        of_first = before * ((n - i) / (total - k))
        before -= of_first
        before[1:] += of_first[:-1]
        if is_end[k + 1]:
            out = np.abs(i * m - (k + 1 - i) * n) >= distance
            outside += float(before[out].sum())
            before[out] = 0.0
        lowest = max(0, math.floor((k + 1) * n / total - width))
        outside += float(inside[left:lowest].sum())
        left = max(left, lowest)
    return min(outside, 1.0)


def holm(p: Floats) -> Floats:
    """Holm's p values [tests]: those below a level are wrong, any of them, in at most that share of comparisons.

    p_(k) -> max over j <= k of (tests - j + 1) p_(j), whatever the tests have to do with each other.
    Source: Holm 1979, https://www.jstor.org/stable/4615733.
    """
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted


def settled(x: Floats, y: Floats, resolution: float) -> tuple[Floats, Floats]:
    """Both samples, values within `resolution` of one that many runs share put onto it.

    What no chance has reached yet is the same number in every run, but for the error of the integration, and that is no
    difference of laws.
    """
    pooled = np.concatenate([x, y])
    values, repeats = np.unique(pooled, return_counts=True)
    shared = values[repeats >= SHARE * len(pooled)]
    if not len(shared) or not resolution:
        return x, y
    group = np.concatenate([[0], np.cumsum(np.diff(shared) > resolution)])
    first = np.searchsorted(group, group)
    upper = np.clip(np.searchsorted(shared, pooled), 0, len(shared) - 1)
    lower = np.maximum(upper - 1, 0)
    nearest = np.where(np.abs(shared[upper] - pooled) < np.abs(pooled - shared[lower]), upper, lower)
    moved = np.where(np.abs(shared[nearest] - pooled) <= resolution, shared[first[nearest]], pooled)
    return moved[: len(x)], moved[len(x) :]


def as_counts(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Both samples rounded to whole numbers if one of them is made of these, else as they are."""
    if any(np.array_equal(sample, np.round(sample)) for sample in (x, y)):
        return np.round(x), np.round(y)
    return x, y
