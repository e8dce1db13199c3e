"""Germ-band extension at a small size (1,500 cells, no noise), pinned to what it gave.

The measurements are not needed: their mean speeds after 10 and 20 min stand in the script, and the paths that are
compared are the model's own.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import xarray as xr

from biomulti.demos.scripts import example

SMALL = {"cells": 1500, "shape": (48, 40), "method": "ode", "progress": False}


@pytest.fixture(scope="module")
def embryos() -> tuple[ModuleType, dict[str, xr.Dataset]]:
    module = example("germ_band_extension")
    return module, {genotype: module.run(genotype, **SMALL) for genotype in module.GENOTYPES}


@pytest.mark.parametrize(("genotype", "bound"), [("WT", 0.2), ("Twist", 0.2)])
def test_mean_speeds(embryos, genotype, bound):
    """Within a fifth of the measured ones after 10 and 20 min, to which they were fitted."""
    module, runs = embryos
    found = np.interp([10.0, 20.0], runs[genotype]["time"], module.mean_speed(runs[genotype]))
    assert found == pytest.approx(module.SPEEDS[genotype], rel=bound)


def test_an_embryo_without_a_back_and_a_belly_does_not_move(embryos):
    """In Toll mutants stress varies along the embryo alone, and pulls across it: without noise nothing flows.

    What is left is the unevenness of cells on a coarse grid, a tenth of what the wild type does.
    """
    module, runs = embryos
    assert module.mean_speed(runs["Toll"]).max() < 0.1 * module.mean_speed(runs["WT"]).max()


def test_the_germ_band_extends(embryos):
    """Lateral tissue narrows round the embryo and lengthens along it, and the dorsal side comes forward."""
    module, runs = embryos
    times = np.arange(1.0, 20.5, 1.0)
    start = np.array([[300.0, 110.0], [300.0, 423.8], [200.0, 110.0], [380.0, 270.0]])
    end = module.tracers(runs["WT"], start, times)[-1]
    assert end[0, 1] < start[0, 1] - 10.0  # towards the ventral side, from both
    assert end[1, 1] > start[1, 1] + 10.0
    assert end[0, 0] - end[2, 0] > 100.0 + 15.0  # lengthened
    assert end[3, 0] < start[3, 0] - 15.0  # forward on the back


def test_twist_mutants_have_no_furrow(embryos):
    """Cells at the ventral midline lose area in the wild type alone."""
    module, runs = embryos
    lost = {}
    for genotype, data in runs.items():
        around = np.abs(data["y"][0] - module.VENTRAL)
        middle = (np.minimum(around, module.AROUND - around) < 15.0) & (abs(data["x"][0] - 300.0) < 80.0)
        lost[genotype] = 1.0 - float(data["area"][-1].where(middle).mean())
    assert lost["WT"] > 0.4
    assert abs(lost["Twist"]) < 0.25
    assert abs(lost["Toll"]) < 0.05


def test_the_two_sides_are_alike(embryos):
    """Genes are the same on both sides, so tracers that start at mirrored places end at mirrored places.

    Cells are placed at random, by a tenth of their distance, which late makes the whole chart drift round by some um:
    both sides differ by twice that, 5.4 um here and 3.7 um with 7,700 cells, where they move by 30.
    """
    module, runs = embryos
    start = np.stack(np.meshgrid(np.linspace(60.0, 400.0, 6), np.linspace(40.0, 230.0, 5)), axis=-1).reshape(-1, 2)
    middle = module.VENTRAL + module.AROUND / 2.0
    mirrored = start * [1.0, -1.0] + [0.0, 2.0 * middle]
    times = np.arange(0.5, 20.5, 0.5)
    one, other = (module.tracers(runs["WT"], at, times)[-1] for at in (start, mirrored))
    off = np.linalg.norm(one - (other * [1.0, -1.0] + [0.0, 2.0 * middle]), axis=1)
    assert off.mean() < 8.0
    assert np.linalg.norm(one - start, axis=1).mean() > 25.0


def test_myosin_of_single_cells_follows_the_published_law(embryos):
    """Without flow dm/dt = genes - k m, and receptors lag by their lifetime: a closed form in the middle programme."""
    module, _ = embryos
    import biomulti as bm

    alone = bm.load("germ_band")
    found = bm.simulate(alone, t_end=20.0, every=0.5, method="ode", parameters={"w_middle": 0.01, "t_middle": 0.0})
    t = found["time"].to_numpy()
    k, tau, drive = 0.110, 1.0, 0.01
    grown = drive * ((1.0 - np.exp(-k * t)) / k - (np.exp(-t / tau) - np.exp(-k * t)) / (k - 1.0 / tau))
    # the programme is on from the start but for the logistic's half at t = 0, over .01 min
    assert found["Junctional"].to_numpy().ravel() / module.OMEGA == pytest.approx(grown, abs=2e-4)


def test_residual_and_scores():
    module = example("germ_band_extension")
    rng = np.random.default_rng(1)
    u = rng.normal(size=(5, 64, 2))
    assert module.residual(u, 3.0 * u) == pytest.approx(0.0, abs=1e-12)
    assert module.residual(u, -u) == pytest.approx(2.0)
    turned = np.stack([-u[..., 1], u[..., 0]], axis=-1)
    assert module.residual(u, turned) == pytest.approx(1.0)


def test_another_genotype_is_refused():
    with pytest.raises(ValueError, match="choose one of WT, Twist, Toll"):
        example("germ_band_extension").embryo("toll", cells=100, shape=(12, 10))


def test_noise_keeps_the_flow():
    """Receptors that come one by one change the last mean speed of the wild type by less than .15 of it."""
    module = example("germ_band_extension")
    small = {**SMALL, "cells": 1500}
    smooth = module.mean_speed(module.run("WT", **small))
    noisy = module.mean_speed(module.run("WT", **{**small, "method": "hybrid"}))
    assert noisy[-1] == pytest.approx(smooth[-1], rel=0.15)


def test_runs_without_measurements(embryos, tmp_path, monkeypatch):
    module, runs = embryos
    monkeypatch.setenv("BIOMULTI_SHARED", str(tmp_path))
    assert module.folder_of_measurements() is None
    module.draw(runs, tmp_path / "new" / "picture.png", None)
    assert (tmp_path / "new" / "picture.png").stat().st_size > 50_000
    module.movie(runs["WT"].isel(time=slice(0, 3)), tmp_path / "new" / "movie.mp4")
    assert (tmp_path / "new" / "movie.mp4").stat().st_size > 5_000
