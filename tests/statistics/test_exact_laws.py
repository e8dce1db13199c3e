"""Every stochastic method beside exact distributions and moments.

All seeds are fixed. False-alarm rates: 1e-6 for each p-value, 5.7e-7 for each mean and variance (five standard
errors); about sixty comparisons in all, so a run with new seeds would raise a false alarm once in 17,000 times.
"""

from __future__ import annotations

import closed_forms as exact
import numpy as np
import pytest
from scipy import stats

import biomulti as bm
from biomulti.options import EXACT_METHODS

METHODS = ("ssa", "hybrid")
FIRING = (*EXACT_METHODS, "hybrid")
P_VALUE = 1e-6
HEAD = """
  unit substance = item; unit extent = item; unit time_unit = second; compartment cell = 1;
"""
# a plentiful species that flows under "hybrid" and changes nothing else, so that laws stay exact on the way
# through the hybrid kernel; without it nothing would flow, and "hybrid" would be the direct method
COMPANION = "substanceOnly species Q in cell; Q = 1e6; makeQ: => Q; 2e6; loseQ: Q => ; 2*Q;"
TELEGRAPH = f"""
model telegraph_and_companion() {HEAD} {COMPANION}
  substanceOnly species gene_off in cell, gene_on in cell, mRNA in cell; gene_off = 1; gene_on = 0; mRNA = 0;
  switch_on: gene_off => gene_on; 0.1*gene_off;  switch_off: gene_on => gene_off; 0.4*gene_on;
  transcription: => mRNA; 20*gene_on;            decay: mRNA => ; mRNA;
end
"""


def runs(model: str, method: str, replicates: int, t_end: float, **options: object):
    """Values at the end, by the name of the species."""
    settings = {"every": t_end, "seed": 20, "progress": False} | options
    run = bm.simulate(model, t_end=t_end, replicates=replicates, method=method, **settings)
    return run if "every" in options else run.isel(time=-1)


@pytest.mark.parametrize(("model", "method"), [("telegraph", m) for m in FIRING] + [(TELEGRAPH, "hybrid")])
def test_telegraph_gene(model, method):
    """Stationary at t = 60 (slowest relaxation rate 0.5): mean 4, Fano factor 11.6667, and the whole law P(n)."""
    run = runs(model, method, 20_000, 60.0)
    flows = [line for line in run.attrs["partition"].splitlines() if " flows " in line]
    assert len(flows) == (2 if model is TELEGRAPH else 0)
    sample = run.mRNA.values
    law = exact.telegraph(0.1, 0.4, 20.0, 150)
    n = np.arange(len(law))
    mean, variance = law @ n, law @ n**2 - (law @ n) ** 2
    assert mean == pytest.approx(4.0, rel=1e-9)
    assert variance / mean == pytest.approx(35.0 / 3.0, rel=1e-9)
    exact.assert_mean(sample, mean)
    exact.assert_variance(sample, variance)
    p_value = exact.chi_square(sample, law)
    print(f"{method}: mean {sample.mean():.4f}, Fano {sample.var() / sample.mean():.4f}, p = {p_value:.3g}")
    assert p_value > P_VALUE


# mean and variance of P at t = 20, known to the digits written
MICHAELIS_MENTEN = {1: (8.8721, 8.0682), 10: (9.4514, 8.9082), 100: (9.5131, 9.0025)}


@pytest.mark.parametrize("k", MICHAELIS_MENTEN)
def test_master_equation_gives_the_known_moments(k):
    assert exact.michaelis_menten(k, 20.0) == pytest.approx(MICHAELIS_MENTEN[k], abs=6e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("k", "replicates"), [(1, 10_000), (10, 6_000), (100, 1_500)])
def test_michaelis_menten(method, k, replicates):
    mean, variance = MICHAELIS_MENTEN[k]
    sample = runs("michaelis_menten", method, replicates, 20.0, parameters={"k": k}).P.values
    print(f"{method} k = {k}: {sample.mean():.4f} for {mean}, {sample.var(ddof=1):.4f} for {variance}")
    exact.assert_mean(sample, mean)
    exact.assert_variance(sample, variance)


def test_michaelis_menten_with_flowing_binding():
    """What a user who lets few molecules flow gets: the complex follows its deterministic equilibrium.

    For infinite k that process is solved exactly: mean 9.4958 where the truth is 9.5200. At k = 100 either is
    within 1/k of its limit (the truth by 0.0069, so 0.01 is allowed here).
    """
    mean, variance = exact.michaelis_menten_with_flowing_complex(20.0)
    flow = {"binding": "flow", "unbinding": "flow"}
    run = runs("michaelis_menten", "hybrid", 10_000, 20.0, parameters={"k": 100}, physical_scale=flow)
    sample = run.P.values
    print(f"flowing binding: {sample.mean():.4f} for {mean:.4f}, {sample.var(ddof=1):.4f} for {variance:.4f}")
    exact.assert_mean(sample, mean, spread=0.01)
    exact.assert_variance(sample, variance)


@pytest.mark.parametrize(("k", "lost"), [(1, 0.06), (10, 0.015), (100, 0.01)])
def test_michaelis_menten_hybrid_at_three_separations(k, lost):
    """Catalysis fires, binding flows: against the exact moments of the whole, with the bias of flow stated.

    Ten enzymes that flow shift the mean by .3 % at every k (measured with 40,000 runs: 8.844, 9.424, 9.486) and lose
    the noise of binding, `lost` of the variance: 5.7 % at k = 1, .8 % at 10, .5 % at 100.
    """
    mean, variance = MICHAELIS_MENTEN[k]
    flow = {"binding": "flow", "unbinding": "flow"}
    run = runs("michaelis_menten", "hybrid", 10_000, 20.0, parameters={"k": k}, physical_scale=flow)
    assert [line.split()[1] for line in run.attrs["partition"].splitlines()[1:4]] == ["flows", "flows", "fires"]
    sample = run.P.values
    exact.assert_mean(sample, mean, spread=0.003 * mean)
    exact.assert_variance(sample, (1.0 - 0.9 * lost) * variance)


GENE = f"""
model gene_and_protein() {HEAD}
  substanceOnly species m in cell, P in cell; m = 5; P = 500;
  birth: => m; 5;  death: m => ; m;  make: => P; 50*m;  lose: P => ; 0.5*P;
end
"""


@pytest.mark.parametrize("method", METHODS)
def test_protein_that_flows_behind_a_gene_that_fires(method):
    """Stationary: <m> = 5 with Poisson law, <P> = 500, Var P/<P>^2 = (1/<m>) g/(g + d), plus 1/<P> where P fires.

    d = 1 and g = 0.5 are the decay rates (Paulsson 2004, Nature 427, 415).
    """
    run = runs(GENE, method, 4_000, 30.0, **({"tolerance": np.inf} if method == "hybrid" else {}))
    assert ("flows" in run.attrs["partition"]) == (method == "hybrid")
    exact.assert_mean(run.P.values, 500.0)
    exact.assert_variance(run.P.values, 500.0**2 * (0.5 / 1.5 / 5.0 + (1.0 / 500.0 if method == "ssa" else 0.0)))
    assert exact.chi_square(run.m.values, stats.poisson(5.0).pmf(np.arange(40))) > P_VALUE


HAZARDS = {
    "time": ("=> N; 2 + 1.5*sin(3*time);", lambda t: 2.0 * t + 0.5 * (1.0 - np.cos(3.0 * t))),
    "rate rule": ("x' = -0.5*x; x = 8; => N; x;", lambda t: 16.0 * (1.0 - np.exp(-0.5 * t))),
    "a jump": ("=> N; piecewise(0.5, time < 2.3, 3);", lambda t: 0.5 * min(t, 2.3) + 3.0 * max(t - 2.3, 0.0)),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", HAZARDS)
def test_hazard_that_varies_between_firings(method, name):
    """N is an inhomogeneous Poisson process: counts up to t, and independent increments after it."""
    text, integral = HAZARDS[name]
    model = f"model m() {HEAD} substanceOnly species N in cell; N = 0; {text} end"
    run = runs(model, method, 10_000, 4.0, every=1.0)
    counts = run.N.values
    for t in (1, 2, 4):
        law = stats.poisson(integral(float(t))).pmf(np.arange(60))
        assert exact.chi_square(counts[t], law) > P_VALUE
    law = stats.poisson(integral(4.0) - integral(1.0)).pmf(np.arange(60))
    assert exact.chi_square(counts[4] - counts[1], law) > P_VALUE
    r = np.corrcoef(counts[1], counts[4] - counts[1])[0, 1]
    assert abs(r) * np.sqrt(counts.shape[1]) < exact.Z


@pytest.mark.parametrize("method", FIRING)
def test_output_grid_changes_nothing(method):
    """A thousand outputs or one: the same exact law (peers that freeze hazards over a step fail this)."""
    for every in (0.004, 4.0):
        sample = runs("telegraph", method, 4_000, 4.0, every=every, seed=8).mRNA.values[-1]
        # mean mRNA of a gene that starts off: m'= 20 g - m, g = 0.2 (1 - e^(-t/2))
        exact.assert_mean(sample, 4.0 * (1.0 - 2.0 * np.exp(-2.0) + np.exp(-4.0)))


@pytest.mark.parametrize("method", FIRING)
def test_linear_birth_and_death(method):
    """b = 1, d = 1.1 from 100: mean, variance and extinction by t = 20 (Kendall 1948).

    <X> = n g, Var X = n g (g - 1) (b + d)/(b - d), P(extinct) = (d (g - 1)/(b g - d))^n, with g = e^((b - d) t).
    """
    birth, death, n, t = 1.0, 1.1, 100, 20.0
    model = f"model m() {HEAD} substanceOnly species X in cell; X = {n}; => X; X; X => ; 1.1*X; end"
    sample = runs(model, method, 10_000, t).X.values
    growth = np.exp((birth - death) * t)
    exact.assert_mean(sample, n * growth)
    exact.assert_variance(sample, n * growth * (growth - 1.0) * (birth + death) / (birth - death))
    extinct = (death * (growth - 1.0) / (birth * growth - death)) ** n
    print(f"{method}: extinct {np.mean(sample == 0.0):.5f} for {extinct:.5f}")
    exact.assert_mean((sample == 0.0).astype(float), extinct, spread=1e-9)
