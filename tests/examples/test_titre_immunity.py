"""Titres and protection against closed forms, and the tables of shifts against made-up ones with known answers."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from biomulti.demos.scripts import example

titres = example("titre_immunity")


def test_protection_is_a_logistic_of_the_log_titre():
    """One half at a fifth of the convalescent titre, and three units of log odds for each decade."""
    assert float(titres.protection(0.2 * 94.0)) == pytest.approx(0.5)
    odds = [float(c / (1.0 - c)) for c in (titres.protection(188.0), titres.protection(18.8))]
    assert np.log(odds[0] / odds[1]) == pytest.approx(3.0)


def test_titres_wane_and_drop():
    assert float(titres.titre("infected", 0.0)) == 94.0
    assert float(titres.titre("boosted", 90.0, 6.7)) == pytest.approx(892.0 / np.e / 6.7)


@pytest.mark.parametrize(("fold", "energy"), [(1.8, 0.36), (3.2, 0.72), (6.7, 1.17), (47.0, 2.37)])
def test_fold_drops_as_energies(fold, energy):
    assert float(titres.ddg_of_drop(fold)) == pytest.approx(energy, abs=0.005)


def test_the_matrix_of_drops():
    """Ninety-nine pairs; sera of the wild type's infection are not among them, which the authors took as no drop."""
    folds = titres.drops()
    assert len(folds) == 99
    assert folds["VAC", "OMICRON"] == 47.0
    assert not any(immune == "WT" for immune, _ in folds)


def test_protection_of_a_population_is_a_sum_over_those_immunised():
    """Three tenths immunised in the second day: their protection nine days later, times .3."""
    found = titres.population_protection(
        np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.0, 0.3]), 11.0, kind="boosted", fold=5.0
    )
    assert found == pytest.approx(0.3 * float(titres.protection(titres.titre("boosted", 9.0, 5.0))))


def test_what_a_drop_is_worth():
    """Nothing where no titre changes, more the larger the drop, and nothing in a population that is not immune."""
    people = {"vaccinated": (0.5, 60.0)}
    same, small, large = (
        titres.advantage(people, old={"vaccinated": 3.2}, new={"vaccinated": fold}) for fold in (3.2, 6.0, 47.0)
    )
    assert same == 0.0
    assert 0.0 < small < large < 0.5 * titres.PUBLISHED["omicron"][0]
    assert titres.advantage({"vaccinated": (0.0, 60.0)}, old={"vaccinated": 1.0}, new={"vaccinated": 47.0}) == 0.0


def write(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def folder(tmp_path):
    """Two countries, three windows of each shift; protection of class k from variant i is a number made of both."""
    for immunity, slopes, old, new, vaccinated, infected in titres.FILES.values():
        data, counts = [], []
        for country in ("A", "B"):
            for week in range(3):
                day = 44300 + 7 * week
                row: dict[str, object] = {"country": country, "time": day, "s_hat": 0.1, "s_var": 1e-5}
                row |= {
                    f"C_{v}_{k}": 0.01 * (1 + n) + 0.001 * week
                    for n, v in enumerate((old, new))
                    for k in {*vaccinated, *infected}
                }
                data.append(row)
                shares = dict.fromkeys(("vaccinated", "alpha_recov", "boosted", "omi_recov"), 0.1 + 0.01 * week)
                odds = {f"{new}_count_t1": 10, f"{new}_count_t2": 40, f"{old}_count_t1": 100, f"{old}_count_t2": 20}
                counts.append({"country": country, "FLAI_time": day, "s_hat": 0.1, **shares, **odds})
        write(tmp_path / f"{immunity}.txt", data)
        write(tmp_path / f"{slopes}.txt", counts)
    return tmp_path


def test_rows_of_the_table_from_published_ones(folder):
    rows = titres.from_folder(folder)
    assert len(rows) == 4 * 6
    first = next(r for r in rows if r["shift"] == "omicron")
    assert float(first["vac_old"]) == pytest.approx(2 * 0.01)  # two classes
    assert float(first["inf_new"]) == pytest.approx(3 * 0.02)  # three
    assert float(first["logit_start"]) == pytest.approx(np.log(0.1), abs=1e-4)
    assert float(first["logit_end"]) == pytest.approx(np.log(2.0), abs=1e-4)


def test_protection_recomputed(folder, capsys):
    """Doses even from 17 January 2021 to the first week, then a hundredth of the people each week."""
    ours, theirs = titres.recomputed(folder)["delta: vaccinated, against DELTA"]
    ages = 44300.0 - np.arange(44213.0, 44301.0)
    by_hand = 0.1 * np.mean(titres.protection(titres.titre("vaccinated", ages, 3.2)))
    assert ours[0] == pytest.approx(by_hand)
    assert np.all(np.diff(ours[:3]) > 0.0)
    assert theirs == pytest.approx([0.02, 0.021, 0.022] * 2)
    titres.check_folder(folder)
    assert "alpha: observed selection 0.1000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: titres.titre("previously", 1.0), "choose one of infected"),
        (lambda: titres.titre("boosted", -1.0), "at least 0"),
        (lambda: titres.titre("boosted", 1.0, 0.0), "above 0"),
        (lambda: titres.protection(float("nan")), "finite"),
        (lambda: titres.protection("18.8"), "finite"),
        (lambda: titres.ddg_of_drop([]), "finite"),
        (lambda: titres.advantage({"boosted": (1.2, 9.0)}, old={"boosted": 1.0}, new={"boosted": 2.0}), "at most 1"),
        (lambda: titres.advantage({"boosted": (0.2, 9.0)}, old={}, new={"boosted": 2.0}), "no fold drop of boosted"),
    ],
)
def test_what_is_out_of_bounds_is_refused(call, said):
    with pytest.raises(ValueError, match=said):
        call()
