"""Growth of H3N2 against titres: the published correlations from the titres themselves, and honest predictions."""

from __future__ import annotations

import csv
import dataclasses
import itertools

import matplotlib as mpl
import numpy as np
import pytest

from biomulti.demos.scripts import example

mpl.use("Agg")
module = example("sera_and_growth")


@pytest.fixture(scope="module")
def result():
    return module.run()


@pytest.mark.parametrize(
    ("name", "published"),
    [("share below", 0.9189), ("mean", -0.8635), ("median", -0.8872), ("pool", -0.06225), ("changes", 0.8932)],
)
def test_published_correlations(result, name, published):
    """To the digits that were published."""
    found = module.correlation(result["statistics"][name], result["sera"].growth)
    assert float(found) == pytest.approx(published, abs=6e-5)


def test_the_cutoff_is_the_published_one(result):
    """The share of sera at or below it is the published column: 58 or 59 of 93 to 95 sera for the fastest strain."""
    assert result["cutoff"] == pytest.approx(137.6, abs=0.1)
    assert result["statistics"]["share below"][5] == pytest.approx(0.6211, abs=1e-4)


def test_correlation_is_pearsons():
    x, y = np.random.default_rng(1).normal(size=(2, 12))
    assert float(module.correlation(x, y)) == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert float(module.correlation(np.ones(12), y)) == -1.0


def test_probability_by_enumeration():
    """Seven strains: 20,000 random orders against all 5,040, to four standard errors: a false alarm in 16,000."""
    sera = module.carried()
    few = module.Sera(
        sera.strain[:7], sera.titre[:, :7], sera.pool[:7], sera.growth[:7] + 0.001 * np.arange(7), sera.changes[:7]
    )
    x = module.statistics(few)["mean"]
    orders = np.array(list(itertools.permutations(few.growth)))
    exact = np.mean(module.correlation(x, orders) <= module.correlation(x, few.growth) + 1e-12)
    assert module.permuted(few)["mean"] == pytest.approx(exact, abs=4.0 * np.sqrt(exact / 20000.0) + 1e-4)


def test_choosing_the_cutoff_is_counted(result):
    """By chance the best of a hundred cutoffs is as good more often than one that is held."""
    p = result["permuted"]
    assert p["share below, cutoff held"] < p["share below"] < 0.005
    assert 0.3 < p["pool"] < 0.55


def test_the_strain_left_out_is_not_seen():
    """Its growth does not matter to what is predicted for it, but for the cutoff that was held."""
    sera = module.carried()
    growth = sera.growth.copy()
    growth[5] = 0.5
    other = dataclasses.replace(sera, growth=growth)
    one, two = module.left_out(sera), module.left_out(other)
    for name in ("share below", "mean", "median", "changes", "nothing"):
        assert one[name][5] == pytest.approx(two[name][5])


def test_predictions(result):
    """The mean titre predicts strains better than the share below a cutoff that they had no part in choosing."""
    growth, left = result["sera"].growth, result["left out"]
    error = {name: float(np.sqrt(np.mean((growth - p) ** 2))) for name, p in left.items()}
    assert error["share below"] == pytest.approx(0.0757, abs=5e-4)
    assert error["mean"] == pytest.approx(0.0483, abs=5e-4)
    assert error["share below, cutoff held"] < error["mean"] < error["share below"] < error["nothing"] < error["pool"]


def test_rows_of_the_table(tmp_path):
    rows = [
        {"serum": "SCH23_y2009_s001", "virus": "A/Sydney/332/2023", "titer": "80.5"},
        {"serum": "PENN23_y1_s2_d28", "virus": "A/Sydney/332/2023", "titer": "70"},
        {"serum": "SCH23_y2009_s001", "virus": "A/Other/1/2023", "titer": "60"},
        {"serum": "SCH_PennPreVax_pool", "virus": "A/Sydney/332/2023", "titer": "50"},
    ]
    with (tmp_path / "titres.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    found = module.from_table(tmp_path / "titres.csv")
    assert [r["serum"] for r in found] == ["SCH23_y2009_s001", "SCH_PennPreVax_pool"]
    assert found[0]["A/Sydney/332/2023"] == "80.5"


def test_it_is_printed_and_drawn(result, tmp_path, capsys):
    module.summary(result)
    assert "one strain left out" in capsys.readouterr().out
    module.draw(result, tmp_path / "sera.png")
    assert (tmp_path / "sera.png").stat().st_size > 20_000
