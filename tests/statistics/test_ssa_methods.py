"""Every exact method beside closed forms and the master equation.

All seeds are fixed. False-alarm rates: 1e-6 for each p-value, 5.7e-7 for each mean and variance (five standard errors);
three methods with about ten comparisons each, so that a run with new seeds would raise a false alarm once in 30,000
times.
"""

from __future__ import annotations

import closed_forms as exact
import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm
from scipy.special import gammaln

import biomulti as bm
from biomulti.options import EXACT_METHODS

P_VALUE = 1e-6
HEAD = "unit substance = item; unit extent = item; unit time_unit = second; compartment cell = 1;"
pytestmark = pytest.mark.parametrize("method", EXACT_METHODS)


def at_end(model: str, method: str, replicates: int, t_end: float, **options: object):
    """The last of some outputs."""
    settings = {"every": t_end / 4, "seed": 71, "progress": False} | options
    return bm.simulate(model, t_end=t_end, replicates=replicates, method=method, **settings).isel(time=-1)


def test_telegraph_gene(method):
    """Stationary at t = 60: the whole law P(n) of Peccoud and Ycart."""
    sample = at_end("telegraph", method, 10_000, 60.0).mRNA.values
    law = exact.telegraph(0.1, 0.4, 20.0, 150)
    exact.assert_mean(sample, 4.0)
    assert exact.chi_square(sample, law) > P_VALUE


def test_michaelis_menten(method):
    """Mean and variance of P at t = 20 from the master equation."""
    mean, variance = exact.michaelis_menten(1.0, 20.0)
    sample = at_end("michaelis_menten", method, 8_000, 20.0, parameters={"k": 1.0}).P.values
    exact.assert_mean(sample, mean)
    exact.assert_variance(sample, variance)


def test_dimers(method):
    """2 X <-> D from N = 40 X in equilibrium: P(d) is proportional to (bind/(2 part))^d / (d! (N - 2 d)!)."""
    model = f"model m() {HEAD} substanceOnly species X in cell, D in cell; X = 40; D = 0; bind = 0.05; part = 1;"
    model += "binding: 2 X => D; bind*X*(X - 1)/2; parting: D => 2 X; part*D; end"
    d = np.arange(21)
    log = d * np.log(0.05 / 2.0) - gammaln(d + 1) - gammaln(41 - 2 * d)
    law = np.exp(log - log.max())
    sample = at_end(model, method, 10_000, 20.0).D.values
    assert exact.chi_square(sample, law / law.sum()) > P_VALUE


def test_gene_that_represses_itself(method):
    """X made at b/(1 + (X/K)^2), lost at X: P(n) is proportional to the product of b(k - 1)/k (detailed balance)."""
    model = f"model m() {HEAD} substanceOnly species X in cell; X = 0; b = 30; K = 8; n = 2;"
    model += "make: => X; b/(1 + (X/K)^n); lose: X => ; X; end"
    k = np.arange(1, 60)
    law = np.append(1.0, np.cumprod(30.0 / (1.0 + ((k - 1) / 8.0) ** 2) / k))
    sample = at_end(model, method, 10_000, 15.0).X.values
    assert exact.chi_square(sample, law / law.sum()) > P_VALUE


def chain(sites: int) -> tuple[str, np.ndarray, np.ndarray, np.ndarray]:
    """Hops between neighbouring sites, entry at the first, exit at the last, at rates over three orders of magnitude.

    Its text, A and b of m' = A m + b, and the start.
    """
    rng = np.random.default_rng(4)
    right, left = 10.0 ** rng.uniform(-2.0, 1.5, sites + 1), 10.0 ** rng.uniform(-2.0, 1.5, sites)
    start, last = np.arange(sites) % 7.0, sites - 1
    a, b = np.zeros((sites, sites)), np.zeros(sites)
    b[0], a[-1, -1] = right[0], -right[-1]
    lines = [f"substanceOnly species X{k} in cell; X{k} = {n:g};" for k, n in enumerate(start)]
    lines.append(f"in0: => X0; {right[0]}; out0: X{last} => ; {right[-1]}*X{last};")
    for k in range(last):
        lines.append(f"r{k}: X{k} => X{k + 1}; {right[k + 1]}*X{k}; l{k}: X{k + 1} => X{k}; {left[k]}*X{k + 1};")
        a[[k, k + 1], k] += [-right[k + 1], right[k + 1]]
        a[[k + 1, k], k + 1] += [-left[k], left[k]]
    return f"model m() {HEAD}\n" + "\n".join(lines) + "\nend", a, b, start


def test_chain_of_sites(method):
    """Linear chain of 40 sites, 80 reactions: from X_k = n_k the means follow m' = A m + b exactly.

    Amounts are sums of a Poisson and binomial numbers, with variance mean - sum_j n_j P_jk^2.
    """
    sites, t = 40, 2.0
    text, a, b, start = chain(sites)
    moves = expm(a * t)
    source = np.linalg.solve(a, (moves - np.eye(sites)) @ b)
    mean = moves @ start + source
    variance = mean - (moves**2) @ start
    run = at_end(text, method, 4_000, t)
    sample = np.stack([run[f"X{k}"].values for k in range(sites)])
    error = np.sqrt(variance / sample.shape[1])
    z = (sample.mean(axis=1) - mean) / error
    # the largest of 40 normal numbers passes 6 once in 13 million times
    assert np.abs(z).max() < 6.0
    exact.assert_variance(sample.sum(axis=0), mean.sum() - (moves.sum(axis=0) ** 2 @ start))


def test_counter_that_an_event_empties(method):
    """=> X at 30, emptied at 10: X and how often it was emptied are a Poisson number, N = 10 C + X."""
    model = f"model m() {HEAD} substanceOnly species X in cell; X = 0; C = 0; make: => X; 30;"
    model += "at X >= 10: X = 0, C = C + 1; end"
    run = at_end(model, method, 6_000, 3.0)
    total = 10.0 * run.C.values + run.X.values
    assert run.X.values.max() < 10
    assert exact.chi_square(total, stats.poisson(90.0).pmf(np.arange(200))) > P_VALUE


def test_delayed_event(method):
    """=> X at 2; at the first X, 1.5 later, a flag is set: P(not by t) = P(first after t - 1.5) = exp(-2 (t - 1.5))."""
    model = f"model m() {HEAD} substanceOnly species X in cell; X = 0; F = 0; make: => X; 2;"
    model += "at 1.5 after X >= 1: F = 1; end"
    run = at_end(model, method, 20_000, 2.0, every=0.25)
    exact.assert_mean(1.0 - run.F.values, np.exp(-1.0))
