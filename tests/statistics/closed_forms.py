"""Exact distributions and moments, and the tests that compare samples with them."""

from __future__ import annotations

import numpy as np
from scipy import sparse, special, stats
from scipy.sparse.linalg import expm_multiply

Z = 5.0  # standard errors; a normal variable goes beyond in 5.7e-7 of all cases


def assert_mean(sample: np.ndarray, expected: float, *, spread: float = 0.0) -> None:
    """The mean is `expected` (itself known with a standard error `spread`); false alarms: 5.7e-7."""
    error = np.hypot(sample.std(ddof=1) / np.sqrt(len(sample)), spread)
    assert abs(sample.mean() - expected) < Z * error, (sample.mean(), expected, error)


def assert_variance(sample: np.ndarray, expected: float) -> None:
    """The variance is `expected`; its standard error is taken from the fourth moment; false alarms: 5.7e-7."""
    n, variance = len(sample), sample.var(ddof=1)
    fourth = np.mean((sample - sample.mean()) ** 4)
    error = np.sqrt((fourth - variance**2 * (n - 3) / (n - 1)) / n)
    assert abs(variance - expected) < Z * error, (variance, expected, error)


def assert_same_mean(one: np.ndarray, two: np.ndarray) -> None:
    """Two samples have one mean; false alarms: 5.7e-7."""
    error = np.sqrt(one.var(ddof=1) / len(one) + two.var(ddof=1) / len(two))
    assert abs(one.mean() - two.mean()) < Z * error, (one.mean(), two.mean(), error)


def chi_square(sample: np.ndarray, probabilities: np.ndarray) -> float:
    """p-value of whole numbers against P(n) [n], bins of fewer than 10 expected joined."""
    n = len(sample)
    observed = np.bincount(sample.astype(int), minlength=len(probabilities)).astype(float)
    expected = np.append(probabilities, max(0.0, 1.0 - probabilities.sum())) * n
    observed = np.append(observed[: len(probabilities)], observed[len(probabilities) :].sum())
    seen, due, o, e = [], [], 0.0, 0.0
    for a, b in zip(observed, expected, strict=True):
        o, e = o + a, e + b
        if e >= 10.0:
            seen.append(o)
            due.append(e)
            o, e = 0.0, 0.0
    seen[-1] += o
    due[-1] += e
    return float(stats.chisquare(seen, due).pvalue)


def telegraph(a: float, b: float, rate: float, largest: int) -> np.ndarray:
    """P(0 .. largest) of the telegraph gene, rates per decay (Peccoud and Ycart 1995, doi:10.1006/tpbi.1995.1027).

    P(n) = l^n / n! (a)_n / (a + b)_n 1F1(a + n; a + b + n; -l), with Kummer's exp(-l) 1F1(b; a + b + n; l).
    """
    n = np.arange(largest + 1)
    log = n * np.log(rate) - special.gammaln(n + 1) - rate
    log += special.gammaln(a + n) - special.gammaln(a) - special.gammaln(a + b + n) + special.gammaln(a + b)
    return np.exp(log) * special.hyp1f1(b, a + b + n, rate)


def michaelis_menten(k: float, t: float) -> tuple[float, float]:
    """Mean and variance of P from the master equation on (S + ES, ES): E0 = 10, S0 = 100, P = 100 - S - ES."""
    enzymes, substrate = 10, 100
    index = {(p, c): i for i, (p, c) in enumerate((p, c) for p in range(61) for c in range(enzymes + 1))}
    rows, columns, rates = [], [], []
    for (p, c), i in index.items():
        free = substrate - p - c
        moves = {
            (p, c + 1): 0.01 * k * (enzymes - c) * free,
            (p, c - 1): k * c,
            (p + 1, c - 1): 0.1 * c,
        }
        for to, rate in moves.items():
            if to in index and rate > 0.0:
                rows += [index[to], i]
                columns += [i, i]
                rates += [rate, -rate]
    generator = sparse.csr_array((rates, (rows, columns)), shape=(len(index), len(index)))
    start = np.zeros(len(index))
    start[index[0, 0]] = 1.0
    final = expm_multiply(generator * t, start)
    products = np.array([p for p, _ in index])
    return _moments(products, final)


def michaelis_menten_with_flowing_complex(t: float) -> tuple[float, float]:
    """The same for infinitely fast binding that flows: catalysis fires at 0.1 C, C the deterministic equilibrium.

    (10 - C) (S - C) = 100 C with S = 100 - P.
    """
    largest = 60
    s = 100.0 - np.arange(largest + 1)
    b = 10.0 + s + 100.0
    rate = 0.1 * (b - np.sqrt(b * b - 40.0 * s)) / 2.0
    generator = sparse.diags_array([-rate, rate[:-1]], offsets=[0, -1]).tocsr()
    start = np.zeros(largest + 1)
    start[0] = 1.0
    return _moments(np.arange(largest + 1), expm_multiply(generator * t, start))


def _moments(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    mean = float(values @ weights)
    return mean, float((values - mean) ** 2 @ weights)
