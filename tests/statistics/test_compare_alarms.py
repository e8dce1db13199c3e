"""How often `compare` sees a difference where there is none, and where there is one. Seeds are fixed.

False alarms: at most 1e-6 for each bound below, if the rates are what they are said to be.
"""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import biomulti as bm
from biomulti import distances
from biomulti.compare import table

CHANCE = 1e-6
BIRTH_DEATH = """
model birth_death()
  unit substance = item; unit extent = item; unit time_unit = second; compartment cell = 1;
  substanceOnly species X in cell; X = 0;
  make: => X; 2;  lose: X => ; X;
end
"""
LAWS = {
    "few counts": lambda rng, n: rng.poisson(0.5, n),
    "rare": lambda rng, n: rng.random(n) < 0.02,
    "bursts": lambda rng, n: rng.negative_binomial(0.2, 0.05, n),
    "real numbers, heavy tail": lambda rng, n: np.exp(1.5 * rng.normal(size=n)),
}


def most(tests: int, rate: float) -> int:
    """More than this number of alarms has a chance of 1e-6."""
    return int(stats.binom.isf(CHANCE, tests, rate))


def as_run(*samples: np.ndarray) -> dict[str, xr.Dataset]:
    """Samples at one time, as if two methods had made them."""
    return {
        name: xr.Dataset(
            {"X": (("time", "replicate"), np.array([sample, sample], dtype=float))},
            coords={"time": [0.0, 1.0]},
            attrs={"tolerance": 1e-4},
        )
        for name, sample in zip(("one", "other"), samples, strict=True)
    }


def test_exact_methods_rarely_differ() -> None:
    """200 comparisons of 200 runs, six tests each, at 90 % confidence: 9 differ where 20 may."""
    network = bm.load(BIRTH_DEATH)
    found = [
        bm.compare(
            network, ["ssa-direct", "ssa-tree"], t_end=2.0, every=1.0, replicates=200, seed=seed, confidence=0.9,
            progress=False,
        )
        for seed in range(200)
    ]  # fmt: skip
    alarms = sum(one.differs for one in found)
    print(alarms)
    assert alarms <= most(200, 0.1)
    last = np.array([one.table.loc["ssa-tree", "X", 2.0][["mean_p", "spread_p", "distribution_p"]] for one in found])
    # each test by itself sees something now and then, or it would see nothing at all
    seen = (last.astype(float) < 0.2).sum(axis=0)
    print(seen)
    assert (seen <= most(200, 0.2)).all()
    assert (seen[:2] >= stats.binom.ppf(CHANCE, 200, 0.2)).all()


@pytest.mark.parametrize("law", LAWS)
def test_no_law_raises_alarms(law: str) -> None:
    """500 pairs of samples of 100, three tests together at 95 %: 25 alarms may be, 2 to 14 are."""
    rng = np.random.default_rng(6)
    alarms = 0
    for _ in range(500):
        x, y = (np.asarray(LAWS[law](rng, 100), dtype=float) for _ in range(2))
        p = [distances.mean_difference(x, y).p, distances.spread_difference(x, y).p]
        p.append(distances.kolmogorov_smirnov(x, y)[1])
        alarms += bool((distances.holm(np.array(p)) < 0.05).any())
    print(law, alarms)
    assert alarms <= most(500, 0.05)


def test_a_number_is_compared_with_the_mean_of_a_skewed_law() -> None:
    """The true mean of bursts (skewness 4.5) beside 1,000 samples of 500: below 1 % in 12, by Student's test in 20."""
    rng = np.random.default_rng(7)
    p = [
        distances.mean_against(3.8, rng.negative_binomial(0.2, 0.05, 500).astype(float)).p for _ in range(1_000)
    ]  # fmt: skip
    alarms = int((np.array(p) < 0.01).sum())
    print(alarms)
    assert alarms <= most(1_000, 0.01)


def test_what_is_said_to_be_seen_is_seen() -> None:
    """A shift of the mean by `mean_seen_from` is found in nine of ten comparisons."""
    rng = np.random.default_rng(8)
    first = table(as_run(rng.normal(100.0, 10.0, 300), rng.normal(100.0, 10.0, 300)), ["X"], 0.99)
    shift = 100.0 * (1.0 + float(first["mean_seen_from"].iloc[0]))
    seen = 0
    for _ in range(100):
        found = table(as_run(rng.normal(100.0, 10.0, 300), rng.normal(shift, 10.0, 300)), ["X"], 0.99)
        seen += bool(found["mean_adjusted"].iloc[0] < 0.01)
    print(seen)
    assert stats.binom.ppf(CHANCE, 100, 0.88) <= seen <= most(100, 0.92)


def test_bounds_hold() -> None:
    """|difference| lies below `mean_at_most`, and that of standard deviations below `sd_at_most`, in 90 % or more."""
    rng = np.random.default_rng(9)
    broken = 0
    for _ in range(150):
        found = table(as_run(rng.poisson(10.0, 200), rng.poisson(11.0, 200)), ["X"], 0.9)
        broken += bool((found["mean_at_most"] < 0.1).any() or (found["sd_at_most"] < np.sqrt(1.1) - 1.0).any())
    print(broken)
    assert broken <= most(150, 0.1)


def test_a_gene_whose_noise_is_lost_is_found_every_time() -> None:
    """mRNA of a telegraph gene made to flow altogether, 10 comparisons of 100 runs."""
    flow = dict.fromkeys(("switch_on", "switch_off", "transcription", "decay"), "flow")
    network = bm.load("telegraph")
    for seed in range(10):
        found = bm.compare(
            network, t_end=20.0, every=10.0, replicates=100, seed=seed, species=["mRNA"], physical_scale=flow,
            progress=False,
        )  # fmt: skip
        end = found.table.loc["hybrid", "mRNA", 20.0]
        assert end["spread_adjusted"] < 0.01
        assert end["distribution_adjusted"] < 0.01
