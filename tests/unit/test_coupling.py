"""Cells and tissue acting on each other, against closed forms and against networks that run alone."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest
import xarray as xr

import biomulti as bm
import tissue
from biomulti.coupled.networks import Here

GENE = """
model expression_of_a_gene()
  unit substance = item; unit extent = item; unit time_unit = second; unit volume = litre;
  compartment c = 1;
  substanceOnly species M in c, P in c;
  M = 3; P = 400;
  make: => M; k_m;
  decay: M => ; M;
  translate: => P; 500*M;
  lose: P => ; P*(1 + load);
  k_m = 4; load = 0;
end
"""
CONSTANT = """
model constant()
  unit substance = item; unit extent = item; unit time_unit = second; unit volume = litre;
  compartment c = 1;
  substanceOnly species A in c; A = 10;
  none: => A; 0*k;
  k = 1; felt = 0;
end
"""
BOX = tissue.Grid(shape=(16, 16), size=(40.0, 40.0))


def sheet(network: str = GENE, **options: object) -> bm.Tissue:
    return bm.Tissue(network, cells=60, grid=BOX, friction=0.01, bulk_viscosity=1.0, seed=3, **options)


@pytest.mark.parametrize("method", ["ssa", "hybrid", "ode"])
def test_without_feedback_cells_are_the_uncoupled_networks(method: str) -> None:
    """Cells that push but do not feel run as replicates of `simulate` do, and bit for bit where reactions fire."""
    embryo = sheet(method=method)
    embryo.couple("P", to=bm.Contractility(per_molecule=1e-4))
    embryo.couple(bm.StrainRate(), to="load", gain=0.0)
    coupled = embryo.run(4.0, every=0.5, dt=0.5, splitting="lie", progress=False).data
    alone = bm.simulate(
        GENE, t_end=4.0, every=0.5, replicates=60, method=method, seed=3, quantity="molecules", progress=False
    )
    for name in ("M", "P"):
        if method == "ode":
            # steps end with every step of the tissue
            assert coupled[name].to_numpy() == pytest.approx(alone[name].to_numpy(), rel=1e-6)
        else:
            assert np.array_equal(coupled[name].to_numpy(), alone[name].to_numpy())
    fastest = float(np.abs(coupled["vx"]).max())
    # without noise all cells pull alike, which moves nothing
    assert fastest < 1e-12 if method == "ode" else fastest > 1e-4


def test_feedback_changes_the_networks() -> None:
    embryo = sheet()
    embryo.couple("P", to=bm.Contractility(per_molecule=1e-4))
    embryo.couple(bm.StrainRate("magnitude"), to="load", gain=10.0)
    run = embryo.run(4.0, every=0.5, progress=False).data
    alone = bm.simulate(GENE, t_end=4.0, every=0.5, replicates=60, seed=3, progress=False)
    assert float(run["P"].isel(time=-1).mean()) < float(alone["P"].isel(time=-1).mean())


def test_same_bits_for_one_and_two_threads() -> None:
    runs = []
    before = numba.get_num_threads()
    try:
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            embryo = sheet()
            embryo.add(tissue.Morphogen("Wnt", diffusion=1.0, decay=0.1))
            embryo.couple("P", to=bm.Contractility(per_molecule=1e-4, axis="x"))
            embryo.couple("M", to=bm.Secretion("Wnt", per_molecule=1.0))
            embryo.couple(bm.Concentration("Wnt"), to="k_m")
            embryo.couple(bm.Stress(), to="load", gain=0.1)
            runs.append(embryo.run(2.0, every=0.5, progress=False).data)
    finally:
        numba.set_num_threads(before)
    assert set(runs[0].data_vars) >= {"M", "P", "Wnt", "x", "area", "pressure"}
    for name in runs[0].data_vars:
        assert np.array_equal(runs[0][name].to_numpy(), runs[1][name].to_numpy()), name


def test_secretion_fills_the_tissue_as_the_closed_form_says() -> None:
    """N cells of n molecules, each releasing s per molecule: total N n s (1 - e^(-k t)) / k."""
    embryo = sheet(CONSTANT)
    embryo.add(tissue.Morphogen("Wnt", diffusion=3.0, decay=0.2))
    embryo.couple("A", to=bm.Secretion("Wnt", per_molecule=0.5))
    run = embryo.run(8.0, every=1.0, progress=False).data
    total = run["Wnt"].sum(("gx", "gy")).to_numpy() * BOX.cell_area
    expected = 60 * 10 * 0.5 * (1.0 - np.exp(-0.2 * run["time"].to_numpy())) / 0.2
    np.testing.assert_allclose(total, expected, rtol=1e-10)


def test_uptake_clears_the_tissue_as_the_closed_form_says() -> None:
    """Cells of n molecules, one to an area of 6.25, that clear u per molecule: c0 exp(-(k + n u / 6.25) t)."""
    places = np.stack(np.meshgrid(*[(np.arange(16) + 0.5) * 2.5] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    embryo = bm.Tissue(CONSTANT, cells=places, grid=BOX, friction=0.01, seed=3)
    embryo.add(tissue.Morphogen("Wnt", diffusion=3.0, decay=0.2), initial=7.0)
    embryo.couple("A", to=bm.Uptake("Wnt", per_molecule=0.125))
    run = embryo.run(4.0, every=1.0, progress=False).data
    expected = 7.0 * np.exp(-(0.2 + 10.0 * 0.125 / 6.25) * run["time"].to_numpy())
    np.testing.assert_allclose(run["Wnt"].to_numpy(), np.tile(expected[:, None, None], (16, 16)), rtol=1e-9)


def test_growth_in_a_closed_box_becomes_pressure() -> None:
    """Growth g everywhere, nowhere to go: nothing moves, and p = eta_b g."""
    embryo = bm.Tissue(CONSTANT, cells=600, grid=BOX, friction=0.01, bulk_viscosity=2.0, seed=3)
    embryo.couple("A", to=bm.Growth(per_molecule=0.01))
    embryo.couple(bm.Pressure(), to="felt")
    run = embryo.run(1.0, every=1.0, progress=False).data
    np.testing.assert_allclose(run["pressure"].to_numpy(), 0.2, rtol=1e-6)
    np.testing.assert_allclose(run["felt"].to_numpy(), 0.2, rtol=1e-6)
    np.testing.assert_allclose(run["area"].to_numpy(), 1.0, atol=1e-6)


@pytest.mark.parametrize("per_grid_cell", [0.8, 1.0, 4.0])
def test_cells_that_pull_alike_do_not_move(per_grid_cell: float) -> None:
    """However unevenly they stand: equal stress is a uniform field, whose divergence is zero."""
    embryo = bm.Tissue(CONSTANT, cells=round(256 * per_grid_cell), grid=BOX, friction=0.01, bulk_viscosity=1.0, seed=3)
    embryo.couple("A", to=bm.Contractility(per_molecule=0.1))
    embryo.couple(bm.Stress(), to="felt")
    run = embryo.run(5.0, every=1.0, progress=False).data
    np.testing.assert_allclose(run["area"].to_numpy(), 1.0, atol=1e-9)
    np.testing.assert_allclose(run["felt"].to_numpy(), 1.0, rtol=1e-9)


def test_names_of_the_network_give_way_to_names_of_the_tissue() -> None:
    clash = CONSTANT.replace("species A in c; A = 10;", "species x in c; x = 7;").replace("=> A;", "=> x;")
    run = sheet(clash).run(1.0, every=1.0, progress=False).data
    assert (run["network_x"].to_numpy() == 7.0).all()
    assert float(run["x"].max()) > 7.0


def test_a_start_that_follows_from_a_parameter_follows_each_cells_own() -> None:
    embryo = sheet(CONSTANT.replace("A = 10;", "A = 10*k;"))
    embryo.set("k", np.arange(60.0))
    run = embryo.run(1.0, every=1.0, progress=False).data
    assert np.array_equal(run["A"].isel(time=0).to_numpy(), 10.0 * np.arange(60.0))


def test_a_concentration_at_the_start_is_of_each_cells_own_volume() -> None:
    embryo = sheet(CONSTANT.replace("substanceOnly species A", "species A"))
    embryo.set("c", np.arange(1.0, 61.0))
    run = embryo.run(1.0, every=1.0, progress=False).data
    assert np.array_equal(run["A"].isel(time=0).to_numpy(), 10.0 * np.arange(1.0, 61.0))


@pytest.mark.parametrize(("splitting", "order"), [("lie", 1), ("strang", 2)])
def test_a_step_is_of_its_order(splitting: str, order: int) -> None:
    """Halving dt halves, or quarters, the distance to a run of much smaller steps."""
    ends = []
    for dt in (0.2, 0.1, 0.0125):
        embryo = bm.Tissue(GENE, cells=300, grid=BOX, friction=0.01, bulk_viscosity=1.0, seed=3, method="ode")
        embryo.set("k_m", 4.0 + 4.0 * (embryo.positions[:, 0] > 20.0))
        embryo.couple("P", to=bm.Contractility(per_molecule=2e-4))
        embryo.couple(bm.Stress(), to="load", gain=1.0)
        ends.append(
            embryo.run(2.0, every=1.0, dt=dt, splitting=splitting, progress=False).data["P"].isel(time=-1).to_numpy()
        )
    coarse, fine = (np.abs(end - ends[2]).mean() for end in ends[:2])
    # the reference has an error of its own: (.2 - .0125) / (.1 - .0125) = 2.14 for exactly first order
    exact = (0.2**order - 0.0125**order) / (0.1**order - 0.0125**order)
    assert np.log2(coarse / fine) == pytest.approx(np.log2(exact), abs=0.15)


def test_a_morphogen_is_felt_as_value_plus_gain_times_concentration() -> None:
    embryo = sheet(CONSTANT)
    embryo.add(tissue.Morphogen("Wnt", diffusion=1.0, decay=0.0), initial=2.5)
    own = np.linspace(0.0, 1.0, 60)
    embryo.set("felt", own)
    embryo.couple(bm.Concentration("Wnt"), to="felt", gain=2.0)
    run = embryo.run(3.0, every=1.0, progress=False).data
    np.testing.assert_allclose(run["felt"].to_numpy(), np.tile(own + 5.0, (4, 1)), rtol=1e-12)


@pytest.mark.parametrize(
    ("axis", "expected"),
    [(None, (2.0, 2.0, 0.0)), ("x", (2.0, 0.0, 0.0)), ("y", (0.0, 2.0, 0.0)), (math.pi / 4.0, (1.0, 1.0, 1.0))],
)
def test_contractility_is_a_dipole_along_its_axis(axis: str | float | None, expected: tuple[float, ...]) -> None:
    np.testing.assert_allclose(bm.Contractility(per_molecule=2.0, axis=axis).tensor(), expected, atol=1e-14)


def test_areas_follow_the_divergence_and_fill_the_box() -> None:
    """Contracting cells gather and others stretch; the mean area stays the box over the number of cells."""
    grid = tissue.Grid(shape=(24, 24), size=(60.0, 60.0))
    embryo = bm.Tissue(CONSTANT, cells=1200, grid=grid, friction=0.01, bulk_viscosity=1.0, seed=1, method="ode")
    x = embryo.positions[:, 0]
    inside = np.abs(x - 30.0) < 10.0
    # the network is the same in every cell, so who pulls is told by who is asked
    embryo.couple("A", to=bm.Contractility(per_molecule=0.0))
    still = embryo.run(1.0, every=1.0, progress=False).data
    np.testing.assert_allclose(still["area"].to_numpy(), 1.0, rtol=1e-12)
    pull = bm.Tissue(
        CONSTANT.replace("A = 10;", "A = 0;").replace("none: => A; 0*k;", "none: => A; k - A;"),
        cells=1200,
        grid=grid,
        friction=0.01,
        bulk_viscosity=1.0,
        seed=1,
        method="ode",
    )
    pull.set("k", np.where(inside, 1.0, 0.0))
    pull.couple("A", to=bm.Contractility(per_molecule=0.2))
    run = pull.run(5.0, every=1.0, dt=0.25, progress=False).data
    area = run["area"].isel(time=-1).to_numpy()
    assert area[inside].mean() < 0.85
    assert area[~inside].mean() > 1.05
    assert area.mean() == pytest.approx(1.0, abs=0.01)


def test_results_lie_in_zarr_and_say_how_they_were_made(tmp_path) -> None:
    embryo = sheet()
    embryo.couple("P", to=bm.Contractility(per_molecule=1e-4))
    run = embryo.run(2.0, every=0.5, folder=tmp_path / "run", progress=False)
    stored = xr.open_zarr(tmp_path / "run" / "data.zarr", consolidated=False)
    assert stored.sizes == {"time": 5, "cell": 60, "gx": 16, "gy": 16}
    xr.testing.assert_identical(stored.load(), run.data.load())
    for name in ("seed", "model_hash", "versions", "partition", "couplings", "dt"):
        assert str(stored.attrs[name])
    with pytest.raises(bm.OptionError, match="exists already"):
        embryo.run(1.0, every=0.5, folder=tmp_path / "run", progress=False)


def test_a_run_that_fails_keeps_what_was_computed(tmp_path) -> None:
    bad = CONSTANT.replace("0*k", "piecewise(1, time < 1.2, -1)")
    embryo = sheet(bad, method="ssa")
    with pytest.raises(bm.SimulationError, match="propensity of 'none' is negative") as caught:
        embryo.run(4.0, every=0.5, folder=tmp_path / "run", progress=False)
    assert caught.value.partial.sizes["time"] == 3
    assert xr.open_zarr(tmp_path / "run" / "data.zarr", consolidated=False).sizes["time"] == 3


@pytest.mark.parametrize(
    ("couple", "says"),
    [
        (
            lambda e: e.couple("Myosin", to=bm.Contractility(per_molecule=1.0)),
            "no species or variable 'Myosin' to couple; it has M, P",
        ),
        (lambda e: e.couple(bm.StrainRate(), to="stretch"), "no parameter 'stretch' .* it has k_m, load"),
        (lambda e: e.couple("P", to=bm.Secretion("Wnt", per_molecule=1.0)), "no morphogen 'Wnt' .* add it first"),
        (lambda e: e.couple(bm.Concentration("Wnt"), to="load"), "no morphogen 'Wnt'"),
        (lambda e: e.couple("P", to="load"), "cannot couple 'P' to 'load'"),
        (lambda e: e.set("nothing", 1.0), "no parameter 'nothing'"),
        (lambda e: e.set("load", np.ones(7)), "one value for each of the 60 cells"),
        (lambda e: e.set("load", np.nan), "not finite"),
        (lambda e: e.couple("P", to=bm.Contractility(per_molecule=math.nan)), "finite number"),
        (
            lambda e: e.couple("P", to=bm.Contractility(per_molecule=1.0, axis="z")),
            "'z' is no direction in 2 dimensions",
        ),
        (lambda e: e.couple(bm.StrainRate("zz"), to="load"), "no such part in 2 dimensions"),
        (lambda e: e.couple(bm.StrainRate("up"), to="load"), "the part is one of"),
        (lambda e: e.add(tissue.Morphogen("P", diffusion=1.0, decay=0.0)), "'P' is taken"),
    ],
)
def test_a_wrong_coupling_says_what_is_there(couple, says: str) -> None:
    with pytest.raises(bm.CouplingError, match=says):
        couple(sheet())


def test_a_parameter_is_driven_once() -> None:
    embryo = sheet()
    embryo.couple(bm.StrainRate(), to="load")
    with pytest.raises(bm.CouplingError, match="driven by a signal already"):
        embryo.couple(bm.Pressure(), to="load")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"t_end": -1.0, "every": 1.0}, "t_end=-1.0 must be a positive"),
        ({"t_end": 1.0, "every": 0.0}, "every=0.0 must be a positive"),
        ({"t_end": 1.0, "every": 0.5, "dt": -1.0}, "must be a positive"),
    ],
)
def test_times_must_be_positive(options: dict[str, float], says: str) -> None:
    with pytest.raises(bm.OptionError, match=says):
        sheet().run(progress=False, **options)


def test_cells_must_stand_in_the_grid() -> None:
    with pytest.raises(bm.OptionError, match=r"cell 1 stands at .* outside the grid"):
        bm.Tissue(GENE, cells=np.array([[1.0, 1.0], [50.0, 1.0]]), grid=BOX)
    with pytest.raises(bm.OptionError, match="one cell or more"):
        bm.Tissue(GENE, cells=0, grid=BOX)


def test_slow_networks_are_called_once_for_several_flows(monkeypatch) -> None:
    """Cells that cross several grid cells in a step do it in pieces, each with a flow of its own."""
    calls = {"networks": 0, "flows": 0}
    plain, solved = Here.advance, tissue.Stokes.solve

    def advance(self, *args):
        calls["networks"] += 1
        return plain(self, *args)

    def solve(self, *args, **options):
        calls["flows"] += 1
        return solved(self, *args, **options)

    monkeypatch.setattr(Here, "advance", advance)
    monkeypatch.setattr(tissue.Stokes, "solve", solve)
    embryo = sheet(method="ode")
    embryo.set("k_m", 4.0 + 4.0 * (embryo.positions[:, 0] > 20.0))
    embryo.couple("P", to=bm.Contractility(per_molecule=5e-3))
    run = embryo.run(2.0, every=1.0, dt=1.0, progress=False).data
    fastest = float(np.hypot(run["vx"], run["vy"]).max())
    assert fastest > 2.0 * BOX.spacing[0]
    assert calls["networks"] == 4
    assert calls["flows"] > 6


def test_a_flow_is_solved_again_only_when_what_drives_it_has_changed(monkeypatch) -> None:
    solved, calls = tissue.Stokes.solve, []
    monkeypatch.setattr(tissue.Stokes, "solve", lambda self, **options: calls.append(1) or solved(self, **options))
    embryo = bm.Tissue(CONSTANT, cells=600, grid=BOX, friction=0.01, bulk_viscosity=1.0, seed=3)
    embryo.couple("A", to=bm.Contractility(per_molecule=0.1))
    embryo.run(5.0, every=1.0, dt=0.5, progress=False)
    # the flow at rest that a run begins with, and that of the first stress
    assert len(calls) == 2
