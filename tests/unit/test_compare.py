"""Methods side by side: statistics against their definitions, what is said, drawn and refused."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import biomulti as bm
from biomulti import distances
from biomulti.__main__ import main

BIRTH_DEATH = """
model birth_death()
  unit substance = item; unit extent = item; unit time_unit = second; compartment cell = 1;
  substanceOnly species X in cell, Y in cell; X = 0; Y = 0;
  make: => X; 2;  lose: X => ; X;  use: X => Y; 0.1*X;
  total := X + Y;
end
"""
# the rate of `more` falls below zero once chance has left fewer than two X; the value of the ode does not
FALLS_BELOW_ZERO = """
model falls()
  unit substance = item; unit extent = item; unit time_unit = second; compartment cell = 1;
  substanceOnly species X in cell, Y in cell; X = 5; Y = 0;
  lose: X => ; 0.3*X;  more: => Y; X - 1.5;
end
"""


@pytest.fixture(scope="module")
def compared() -> bm.Comparison:
    return bm.compare(BIRTH_DEATH, ["ssa", "ssa-tree", "ode"], t_end=2.0, replicates=200, seed=1, progress=False)


def flowing(**settings: object) -> bm.Comparison:
    given = {"replicates": 200, "seed": 1, "progress": False, "physical_scale": {"make": "flow", "lose": "flow"}}
    return bm.compare(BIRTH_DEATH, ["ssa", "hybrid"], t_end=2.0, **(given | settings))


def test_kolmogorov_smirnov_counts_every_permutation() -> None:
    """With ties, against all ways to deal the values; without, against scipy."""
    rng = np.random.default_rng(1)
    for n, m in ((2, 3), (4, 4), (5, 3), (5, 5)):
        pooled = rng.integers(0, 4, n + m).astype(float)
        distance, p = distances.kolmogorov_smirnov(pooled[:n], pooled[n:])
        deals = [set(deal) for deal in itertools.combinations(range(n + m), n)]
        larger = [
            max(
                abs(np.mean([pooled[i] <= v for i in deal]) - np.mean([pooled[i] <= v for i in {*range(n + m)} - deal]))
                > distance - 1e-12
                for v in pooled
            )
            for deal in deals
        ]
        assert p == pytest.approx(np.mean(larger), rel=1e-12)
    x, y = rng.normal(size=300), rng.normal(0.3, size=200)
    theirs = stats.ks_2samp(x, y, method="exact")
    assert distances.kolmogorov_smirnov(x, y) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)
    same = np.arange(5.0)
    assert distances.kolmogorov_smirnov(same, same) == (0.0, 1.0)


def test_many_values_take_the_limit_of_the_law() -> None:
    x = np.random.default_rng(2).normal(size=(2, 6_000))
    theirs = stats.ks_2samp(*x, method="exact")
    assert distances.kolmogorov_smirnov(*x) == pytest.approx((theirs.statistic, theirs.pvalue), rel=0.02)


def test_means_and_spreads_are_those_of_the_textbook() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.poisson(3.0, 50).astype(float), rng.poisson(4.0, 80).astype(float)
    welch = stats.ttest_ind(x, y, equal_var=False)
    assert distances.mean_difference(x, y)[2:] == pytest.approx((welch.statistic, welch.pvalue))
    levene = stats.ttest_ind(np.abs(x - np.median(x)), np.abs(y - np.median(y)), equal_var=False)
    assert distances.spread_difference(x, y).p == pytest.approx(levene.pvalue)
    symmetric = np.concatenate([x, -x]) + 1.0
    assert distances.mean_against(1.5, symmetric).p == pytest.approx(stats.ttest_1samp(symmetric, 1.5).pvalue, rel=1e-3)
    assert np.isnan(distances.mean_against(0.1, np.zeros(50)).p)


def test_error_of_the_variance_ratio() -> None:
    """Against its spread in 1,000 samples of a geometric law, within 12 %, five standard errors of a spread."""
    rng = np.random.default_rng(4)
    found = np.array(
        [distances.log_variance_ratio(*rng.geometric(0.3, (2, 1_000)).astype(float)) for _ in range(1_000)]
    )
    assert np.std(found[:, 0]) == pytest.approx(np.mean(found[:, 1]), rel=0.12)
    assert distances.log_variance_ratio(np.zeros(9), np.arange(9.0))[0] == -np.inf
    assert np.isnan(distances.log_variance_ratio(np.zeros(9), np.ones(9))[0])


def test_holm() -> None:
    assert distances.holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_errors_of_integration_are_no_differences() -> None:
    x, y = distances.settled(np.array([5.0] * 9 + [7.0]), np.array([5.0001] * 8 + [6.0, 9.0]), 1e-3)
    assert np.array_equal(x[:9], np.full(9, y[0]))
    assert (x[9], y[8], y[9]) == (7.0, 6.0, 9.0)
    drawn = np.random.default_rng(5).normal(size=(2, 100))
    assert np.array_equal(distances.settled(*drawn, 0.1), drawn)
    assert np.array_equal(distances.as_counts(np.array([1.0, 2.0]), np.array([1.4, 2.6])), [[1, 2], [1, 3]])
    assert distances.as_counts(np.array([1.5]), np.array([1.4]))[1] == 1.4


def test_the_table_says_what_the_data_say(compared) -> None:
    row = compared.table.loc["ssa-tree", "X", 2.0]
    x, y = (compared.data[m]["X"].to_numpy()[-1] for m in ("ssa-tree", "ssa"))
    assert row["mean_difference"] == pytest.approx(x.mean() - y.mean())
    assert row["variance_ratio"] == pytest.approx(x.var() / y.var())
    assert row["ks"] == pytest.approx(stats.ks_2samp(x, y).statistic)
    assert compared.table.shape[0] == 2 * 2 * 5
    assert row["mean_seen_from"] < row["mean_at_most"] + abs(row["mean_difference"]) + 2 * row["mean_se"]
    ode = compared.table.loc["ode", "X", 2.0]
    assert ode["mean_z"] == pytest.approx((2.0 / 1.1 * (1 - np.exp(-2.2)) - y.mean()) / (y.std(ddof=1) / np.sqrt(200)))
    assert np.isnan(ode[["spread_p", "distribution_p", "variance_ratio"]].astype(float)).all()


def test_what_is_recorded_makes_it_again(compared) -> None:
    assert len(set(compared.seeds.values())) == 3
    assert compared.seed == 1
    for method, seed in compared.seeds.items():
        again = bm.simulate(
            BIRTH_DEATH, t_end=2.0, method=method, replicates=200, seed=seed, quantity="molecules", progress=False
        )
        xr.testing.assert_identical(again, compared.data[method])
    assert "numba" in compared.versions
    assert all(seconds > 0.0 for seconds in compared.seconds.values())


def test_no_difference_is_said_with_what_it_is_worth(compared, tmp_path) -> None:
    text = str(compared)
    assert "ssa-tree and ssa: no difference found in 30 tests at 99 % confidence" in text
    assert "ode, which has no distribution" in text
    assert "mean seen from" in text
    assert not compared.differs
    assert "<img" in compared._repr_html_()
    for name in ("a.png", "a.pdf"):
        compared.plot(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 5_000
    with pytest.raises(bm.OptionError, match="there is no folder"):
        compared.plot(tmp_path / "nowhere" / "a.png")
    with pytest.raises(bm.OptionError, match="ends in"):
        compared.plot(tmp_path / "a.txt")


def test_lost_noise_is_found_and_said() -> None:
    """Everything but one rare reaction flows: X hardly has noise, its mean is right."""
    found = flowing(species=["X", "total"])
    text = str(found)
    assert found.differs
    assert "hybrid and ssa DIFFER" in text
    assert "X in spread and distribution" in text
    row = found.table.loc["hybrid", "X", 2.0]
    assert row["variance_ratio"] < 0.2
    assert row["spread_adjusted"] < 1e-6
    assert row["mean_adjusted"] > 0.01
    assert any("differs" in ax.get_title(loc="left") for ax in found.plot().axes)


def test_the_example_of_the_docs(tmp_path, monkeypatch) -> None:
    """By hybrid nothing of the toggle switch differs from exact runs; the ODE misses the mean of LacI."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "networks.md").read_text(encoding="utf-8")
    block = next(b for b in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL) if "bm.compare(" in b)
    monkeypatch.chdir(tmp_path)
    names: dict[str, bm.Comparison] = {}
    exec(block, names)
    text = str(names["comparison"])
    assert "hybrid and ssa: no difference found in 30 tests at 99 % confidence." in text
    assert "ode and ssa DIFFER in 5 of 10 tests at 99 % confidence: LacI in mean." in text
    assert (tmp_path / "compare.png").exists()


def test_a_method_without_any_noise_is_compared_and_drawn() -> None:
    found = flowing(species=["X"], physical_scale={"make": "flow", "lose": "flow", "use": "flow"})
    assert found.table.loc["hybrid", "X", 2.0]["variance_ratio"] < 1e-12
    assert found.differs
    assert found.plot().axes


def test_a_method_that_fails_is_named_and_nothing_is_lost() -> None:
    found = bm.compare(FALLS_BELOW_ZERO, ["ode", "ssa"], t_end=6.0, replicates=50, seed=1, progress=False)
    assert found.methods == ("ode",)
    assert "the propensity of 'more' is negative" in found.failures["ssa"]
    assert found.partial["ssa"].sizes["replicate"] == 50
    assert found.table.empty
    assert not found.differs
    assert "ssa FAILED: the model text: the propensity of 'more'" in str(found)
    assert "only ode ran" in str(found)
    assert found.plot().axes


def test_the_next_method_is_the_reference_where_the_first_fails() -> None:
    half = BIRTH_DEATH.replace("use: X => Y", "use: X => 0.5 Y")
    found = bm.compare(half, ["ssa", "hybrid", "ode"], t_end=1.0, replicates=50, seed=1, progress=False)
    assert found.reference == "hybrid"
    assert "fraction of a molecule" in found.failures["ssa"]
    assert set(found.table.index.get_level_values("method")) == {"ode"}


def test_where_every_method_fails_the_first_error_is_raised() -> None:
    with pytest.raises(bm.UnitsError):
        bm.compare("A -> B; k*A; A = 2.5; B = 0; k = 1;", ["ssa", "ode"], t_end=1.0)


def test_nothing_happens() -> None:
    still = "model q() unit substance = item; compartment c = 1; substanceOnly species X in c; X = 3; end"
    found = bm.compare(still, ["ssa", "ssa-tree"], t_end=1.0, replicates=50, progress=False)
    assert not found.differs
    assert "nothing to test" in str(found)
    assert found.plot().axes


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"species": ["Z"]}, "have no 'Z'; they have X, Y, total"),
        ({"species": "X"}, "must be a sequence of names"),
        ({"methods": ["ssa", "tau"]}, "method='tau' is none of"),
        ({"methods": ["ssa"]}, "two methods or more"),
        ({"methods": "ssa"}, "two methods or more"),
        ({"methods": ["ssa", "ssa"]}, "has a method twice"),
        ({"replicates": 5}, "take 20 or more"),
        ({"confidence": 99}, "must lie between 0.5 and 1"),
        ({"physical_scale": {"make": "flow"}, "methods": ["ssa", "ode"]}, "physical_scale is for 'hybrid'"),
        ({"tolerance": 2.0}, "tolerance=2.0 must lie"),
        ({"t_end": -1.0}, "t_end=-1.0 must be"),
        ({"parameters": {"nothing": 1.0}}, "nothing"),
    ],
)
def test_mistakes_are_named(settings, says) -> None:
    with pytest.raises(bm.OptionError, match=says):
        bm.compare(BIRTH_DEATH, **({"methods": ["ssa", "ssa-tree"], "t_end": 1.0, "progress": False} | settings))


def test_the_command_line(tmp_path, capsys) -> None:
    model, picture = tmp_path / "m.ant", tmp_path / "compare.png"
    model.write_text(BIRTH_DEATH)
    command = ["compare", str(model), "--methods", "ssa", "ssa-tree", "--replicates", "100", "--seed", "1"]
    assert main([*command, "--t-end", "2", "--out", str(picture)]) == 0
    assert "no difference found" in capsys.readouterr().out
    assert picture.stat().st_size > 10_000
    assert main([*command, "--species", "X"]) == 0
    assert "ten times the slowest turnover" in capsys.readouterr().out
    assert main([*command, "--out", str(tmp_path / "no" / "a.png")]) == 2
    assert "there is no folder" in capsys.readouterr().err
