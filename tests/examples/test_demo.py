"""The morphogenesis demonstration at a small size, pinned to numbers."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest
from matplotlib.image import imread

from biomulti.demos import morphogenesis
from biomulti.demos.scripts import example
from biomulti.view import figure


@pytest.fixture(scope="module")
def small():
    sheet = morphogenesis.embryo(cells=1200, shape=(14, 80), seed=1)
    return sheet, sheet.run(360.0, every=3.0, dt=morphogenesis.STEP, progress=False)


def test_the_partition_lets_what_is_scarce_fire(small) -> None:
    sheet, _ = small
    fires = {d.reaction for d in sheet.partition.decisions if not d.flows}
    assert fires == {
        *("gef_arrival", "gef_departure", "sim_expression", "sim_loss", "string_expression", "string_loss")
    }
    assert "1200 cells" in sheet.describe(speed=0.03, density=1e-9, diffusion=1.0)
    assert "Reynolds number" in sheet.describe(speed=0.03, density=1e-9, diffusion=1.0)


def test_pulses_and_areas(small) -> None:
    """Bounds from the published embryo (doi:10.1038/nature07522), widened by this run's own sampling error.

    About 190 midline cells with an sd of 1.2 pulses each: their mean is known to .09, and four of those are allowed
    about what the network without a tissue gives (3.3 pulses, see docs/models.md): a false alarm in 10,000.
    """
    numbers = morphogenesis.summary(small[1])
    assert numbers["pulses in 6 min"] == pytest.approx(3.3, abs=0.4)
    assert 82.0 < numbers["pulse interval, mean (s)"] < 100.0
    assert 45.0 < numbers["ventral area left (%)"] < 62.0
    assert 102.0 < numbers["area of other cells (%)"] < 115.0


def test_cells_outside_the_band_are_quiet(small) -> None:
    run = small[1].data
    far = ~(morphogenesis.from_midline(run["y"].isel(time=0).to_numpy()) < morphogenesis.BAND)
    assert np.nanmax(run["Myosin"].to_numpy()[:, far] / morphogenesis.OMEGA) < 0.2


def test_neighbours_pulse_apart(small) -> None:
    """The mean correlation of two midline cells' myosin is small, as in the embryo, where neighbours alternate."""
    run = small[1].data
    middle = np.abs(run["y"].isel(time=0).to_numpy() - morphogenesis.CIRCUMFERENCE / 2.0) < morphogenesis.BAND / 4.0
    traces = run["Myosin"].to_numpy()[:, middle]
    assert np.isfinite(traces).all()
    correlation = np.corrcoef(traces.T)
    assert abs(np.mean(correlation[np.triu_indices_from(correlation, 1)])) < 0.1


def test_without_fog_nothing_contracts() -> None:
    """Resting cells pull alike, to the tolerance of their networks, so nothing moves."""
    sheet = morphogenesis.embryo(cells=1200, shape=(14, 80), seed=1)
    sheet.set("fog", 0.0)
    sheet.set("string", 0.0)
    run = sheet.run(60.0, every=10.0, progress=False).data
    np.testing.assert_allclose(run["area"].to_numpy(), 1.0, atol=1e-5)


def test_areas_add_up_to_the_embryo(small) -> None:
    assert float(small[1].data["area"].isel(time=-1).sum()) / 1200.0 == pytest.approx(1.0, abs=0.01)


def test_tension_and_stretch_recruit_myosin(small) -> None:
    """With both couplings cut there is less myosin: tension alone adds about a fifth to its recruitment in the band."""
    sheet = morphogenesis.embryo(cells=1200, shape=(14, 80), seed=1)
    sheet.signals[:] = [s for s in sheet.signals if s.parameter not in ("stretch", "tension")]
    alone = sheet.run(60.0, every=30.0, progress=False).data["Myosin"].isel(time=-1).mean()
    assert float(small[1].data["Myosin"].sel(time=60.0).mean()) > 1.02 * float(alone)


def test_one_row_of_cells_beside_the_mesoderm(small) -> None:
    """Cells that touch the mesoderm, and no others; a line across meets one, or two where it cuts a corner."""
    data = small[1].data
    beside, elsewhere = morphogenesis.touching(data)
    # one that has come to touch it late, or with a sliver of a side, may not have enough yet
    assert beside > 0.95
    assert elsewhere == 0.0
    met = morphogenesis.rows(data)
    assert met.min() == 1
    assert met.mean() == pytest.approx(1.1, abs=0.1)
    numbers = morphogenesis.summary(small[1])
    assert numbers["lines across it that meet one such cell (%)"] == 100.0 * np.mean(met == 1)


def test_without_snail_there_is_no_row() -> None:
    sheet = morphogenesis.embryo(cells=1200, shape=(14, 80), seed=1)
    sheet.set("snail", 0.0)
    run = sheet.run(120.0, every=60.0, dt=3.0, progress=False).data
    assert float(run["Sim"].max()) == 0.0


def test_cells_divide_in_the_patches_alone_and_share_what_they_have(small) -> None:
    """20 molecules of String come at .08 a second and more: a gamma law of which 96 % or more lie before the end.

    The binomial 5e-5 quantile of 48 cells that divide with the probability .96 is 39.
    """
    numbers, table = morphogenesis.summary(small[1]), small[1].lineage.table
    assert numbers["cells of the band that divided (%)"] == 0.0
    assert 39.0 / 48.0 < numbers["cells of the patches that divided (%)"] / 100.0 <= 1.0
    assert (table["generation"] <= 1).all()
    data = small[1].data
    assert data.sizes["cell"] == 1200 + 2 * numbers["divisions"]
    trees = morphogenesis.trees(small[1]).splitlines()
    assert len(trees) == numbers["divisions"]
    assert all(tree.count(",") == 1 and tree.endswith(";") for tree in trees)


def test_without_tribbles_the_band_divides() -> None:
    sheet = morphogenesis.embryo(cells=1200, shape=(14, 80), seed=1)
    sheet.set("tribbles", 0.0)
    run = sheet.run(300.0, every=60.0, dt=3.0, progress=False)
    assert morphogenesis.divided(run)["cells of the band that divided (%)"] > 75.0
    assert np.isfinite(morphogenesis.summary(run)["ventral area left (%)"])


def test_picture_and_movie_of_dividing_cells(small, tmp_path, monkeypatch) -> None:
    """Drawn flat: a process that has drawn three dimensions cannot load libRoadRunner afterwards, as other tests do."""
    monkeypatch.setattr(figure, "can_render", lambda: False)
    run = dataclasses.replace(small[1], data=small[1].data.isel(time=slice(None, None, 40)), folder=tmp_path)
    with pytest.warns(RuntimeWarning, match="drawn flat"):
        morphogenesis.draw(run)
    shown = imread(tmp_path / "morphogenesis.png")[:, : 2560 * 65 // 100, :3]
    # the row of Single-minded is the only green
    green = (shown[..., 1] > shown[..., 0] + 0.25) & (shown[..., 1] > shown[..., 2] + 0.1)
    assert 0.001 < green.mean() < 0.05
    assert (tmp_path / "morphogenesis.mp4").stat().st_size > 10_000


def test_the_furrow_of_the_demonstration(tmp_path, monkeypatch, capsys) -> None:
    """Two of its embryos, for three minutes at half the fineness."""
    script = example("ventral_furrow")
    monkeypatch.setattr(script, "run", partial(script.run, fineness=0.5, t_end=3.0, every=1.0, progress=False))
    monkeypatch.setattr(script, "CASES", dict(list(script.CASES.items())[:2]))
    monkeypatch.setattr(morphogenesis, "example", {"ventral_furrow": script}.get)
    morphogenesis.furrow(tmp_path, 1)
    printed = capsys.readouterr().out.splitlines()
    for name in script.CASES:
        line = next(line for line in printed if line.startswith(name))
        assert 0.0 < float(line.removeprefix(name)) < 0.3
    assert (tmp_path / "ventral_furrow.png").stat().st_size > 50_000
    assert (tmp_path / "ventral_furrow.mp4").stat().st_size > 5_000


def test_the_germ_band_of_the_demonstration(tmp_path, monkeypatch, capsys) -> None:
    """600 cells a genotype, without noise; the wild type flows, and Toll mutants do not."""
    script = example("germ_band_extension")
    small = partial(script.run, method="ode", cells=600, shape=(24, 20), progress=False)
    # every fourth frame, which the movie and the paths are made of
    monkeypatch.setattr(
        script, "run", lambda genotype, *, seed: small(genotype, seed=seed).isel(time=slice(None, None, 4))
    )
    monkeypatch.setattr(morphogenesis, "example", {"germ_band_extension": script}.get)
    monkeypatch.setenv("BIOMULTI_SHARED", str(tmp_path))
    morphogenesis.germ_band(tmp_path, 1)
    printed = capsys.readouterr().out.splitlines()
    speeds = {}
    for genotype, name in script.NAMES.items():
        line = next(line for line in printed if line.startswith(name))
        assert line.endswith(script.SEEN[genotype])
        speeds[genotype] = [float(word) for word in line.removeprefix(name).split()[:2]]
    assert min(speeds["WT"]) > 1.0
    assert max(speeds["Toll"]) < 0.5
    assert (tmp_path / "germ_band_extension.png").stat().st_size > 50_000
    assert (tmp_path / "germ_band_extension.mp4").stat().st_size > 5_000


def test_a_second_run_gets_a_folder_of_its_own(tmp_path) -> None:
    assert morphogenesis.unused(tmp_path / "run") == tmp_path / "run"
    (tmp_path / "run" / "data.zarr").mkdir(parents=True)
    assert morphogenesis.unused(tmp_path / "run") == tmp_path / "run-2"
