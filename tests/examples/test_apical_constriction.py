"""Apical constriction on a strip half as long, pinned to numbers, and its mutants.

Numbers are those of the full strip, three seeds. Bounds are five standard errors of 93 measured cells, by resampling
them 400 times (two-sided, a false alarm in about 2 million, and the seed is fixed): interval 2.6 s, count .1, rate .23
um2/min, area .6 % (without twist .9), share kept 1.1 % (3.9).
"""

from __future__ import annotations

import numpy as np
import pytest

import biomulti as bm
from biomulti.demos.scripts import example


@pytest.fixture(scope="module")
def module():
    return example("apical_constriction")


@pytest.fixture(scope="module")
def found(module):
    return module.genotypes(seeds=(1,), along=8)


def test_pulses_ratchet_and_area_of_the_wild_type(module, found) -> None:
    numbers = module.measured(found["wild type"][0])
    assert numbers["interval of pulses (s)"] == pytest.approx(82.6, abs=13.0)
    assert numbers["pulses in 6 min"] == pytest.approx(3.47, abs=0.5)
    assert numbers["rate in a pulse (um2/min)"] == pytest.approx(12.2, abs=1.2)
    assert numbers["area left (%)"] == pytest.approx(50.3, abs=3.1)
    assert numbers["of the area lost after 2 min, kept (%)"] == pytest.approx(85.5, abs=5.5)
    # spread over six runs of twice as many cells: .015
    assert abs(numbers["neighbours' rates, correlation"]) < 0.12
    assert numbers["myosin and rate, correlation"] > 0.5


def test_without_twist_there_are_pulses_but_what_they_gain_is_lost(module, found) -> None:
    wild, twist = (module.measured(found[name][0]) for name in ("wild type", "twist"))
    assert twist["interval of pulses (s)"] == pytest.approx(wild["interval of pulses (s)"], abs=18.0)
    assert twist["pulses in 6 min"] > 2.8
    assert twist["of the area lost after 2 min, kept (%)"] == pytest.approx(45.0, abs=20.0)
    assert twist["area left (%)"] == pytest.approx(76.3, abs=4.7)
    assert twist["held myosin at the end (H)"] == 0.0


def test_without_snail_there_are_no_pulses_and_hardly_any_constriction(module, found) -> None:
    snail = module.measured(found["snail"][0])
    assert snail["pulses in 6 min"] == 0.0
    assert snail["area left (%)"] > 99.0


def test_area_goes_from_the_mesoderm_to_the_others(found) -> None:
    """A cell's own area is that of the flow at its centre; all together fill the box to 1 %."""
    assert float(found["wild type"][0]["area"].isel(time=-1).mean()) == pytest.approx(1.0, abs=0.01)


def test_numbers_of_hand_made_areas(module) -> None:
    area = np.array([[10.0], [8.0], [9.0], [6.0]])
    assert module.share_kept(area) == pytest.approx(4.0 / 5.0)
    time = np.arange(0.0, 360.1, 60.0)
    steady = np.repeat(40.0 - 4.0 * (time / 60.0)[:, None], 3, axis=1)
    assert module.fastest_mean_rate(time, steady) == pytest.approx(4.0)


def test_the_network_is_that_of_rho_myosin_with_snail_for_fog() -> None:
    """Its first ten reactions; and a paced clock, 1.25 times as fast."""
    part, whole = bm.load("rho_myosin"), bm.load("ratchet")
    assert [r.id for r in whole.reactions[:10]] == [r.id for r in part.reactions[:10]]
    old, new = ({p.id: p.value for p in n.parameters} for n in (part, whole))
    for rate in ("a1", "d0", "d1", "k_off", "S0"):
        assert new[rate] / old[rate] == pytest.approx(1.25, rel=1e-3)
    assert old["tau"] / new["tau"] == pytest.approx(1.25, rel=2e-3)


def test_changes_change_something(module) -> None:
    """Cells that differ have their own supply; every line of the scan names arguments that there are."""
    strip = module.sheet(along=8, variety=0.5)
    supply = strip.own[0, "s_gef"]
    assert np.mean(supply) == pytest.approx(0.03, rel=0.1)
    assert np.std(supply) / np.mean(supply) == pytest.approx(0.5, rel=0.2)
    for changes in module.SCAN.values():
        assert module.sheet(**{"along": 8, **changes}).count == 8 * 82


def test_picture_and_movie(module, found, tmp_path, capsys) -> None:
    module.draw(found, tmp_path / "new" / "picture.png")
    assert (tmp_path / "new" / "picture.png").stat().st_size > 50_000
    made = module.movie(tmp_path / "new" / "movie.mp4", along=8, t_end=15.0)
    assert made.stat().st_size > 5_000
    module.print_genotypes(found)
    module.print_scan({"as it is": module.measured(found["wild type"][0])})
    assert "pulses in 6 min" in capsys.readouterr().out
