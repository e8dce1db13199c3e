"""Forces on cells from outside, what rules move as an output, and stress on grids finer than cells."""

from __future__ import annotations

import numpy as np
import pytest

import biomulti as bm
import tissue
from biomulti.coupled.mechanics import averaged

PULLED = """
model pulled()
  unit substance = item; unit extent = item; unit volume = litre; unit time_unit = second;
  compartment c = 1; substanceOnly species P in c; P = 1;
  make: => P; 0*P;
  push = 0; felt = 0;
  Push := push*cos(0*time);
end
"""
N, LENGTH = 32, 64.0


def sheet(**options: object) -> bm.Tissue:
    grid = tissue.Grid(shape=(N, 4), size=(LENGTH, 8.0))
    x, y = np.meshgrid(2.0 * np.arange(N) + 1.0, 2.0 * np.arange(4) + 1.0, indexing="ij")
    positions = np.stack([x.ravel(), y.ravel()], axis=1)
    made = bm.Tissue(PULLED, cells=positions, grid=grid, friction=0.02, bulk_viscosity=3.0, seed=1, **options)
    made.set("push", np.sin(2.0 * np.pi * positions[:, 0] / LENGTH))
    return made


def test_a_wave_of_forces_moves_the_tissue() -> None:
    """gamma v - (eta + eta_b) v'' = f sin(q x): v = f sin(q x) / (gamma + (eta + eta_b) q^2)."""
    pushed = sheet()
    pushed.couple("Push", to=bm.Force(per_molecule=4.0 * 1e-3, axis="x"))
    run = pushed.run(0.01, every=0.01, dt=0.01, progress=False).data.isel(time=0)
    q = 2.0 * np.pi / LENGTH
    exact = 1e-3 * np.sin(q * run["x"].to_numpy()) / (0.02 + 4.0 * q**2)
    # second order: (q h)^2 / 12 = .3 % for the operator, twice that for spreading and for reading
    assert run["vx"].to_numpy() == pytest.approx(exact, abs=0.02 * np.abs(exact).max())
    assert np.abs(run["vy"].to_numpy()).max() < 1e-12


def test_forces_along_other_axes() -> None:
    for axis, direction in (("y", (0.0, 1.0)), (np.pi, (-1.0, 0.0)), ("polarity", (0.6, 0.8))):
        pushed = sheet(polarity=(3.0, 4.0))
        pushed.set("push", 1.0)
        pushed.couple("Push", to=bm.Force(per_molecule=4.0 * 1e-3, axis=axis))
        run = pushed.run(0.01, every=0.01, dt=0.01, progress=False).data.isel(time=0)
        # all alike: friction alone bears it
        for name, part in zip(("vx", "vy"), direction, strict=True):
            assert run[name].to_numpy() == pytest.approx(1e-3 * part / 0.02, abs=1e-9)


def test_a_run_with_forces_goes_on_from_a_checkpoint(tmp_path) -> None:
    def start() -> bm.Tissue:
        pushed = sheet()
        pushed.couple("Push", to=bm.Force(per_molecule=0.01, axis="x"))
        pushed.couple(bm.Strain(), to="felt")
        return pushed

    once = start().run(4.0, every=1.0, dt=0.5, progress=False).data
    start().run(2.0, every=1.0, dt=0.5, folder=tmp_path / "run", progress=False)
    resumed = bm.Tissue.resume(tmp_path / "run", t_end=4.0, progress=False).data
    for name in ("x", "vx", "felt"):
        assert np.array_equal(once[name].to_numpy(), resumed[name].to_numpy())
    assert "Force(per_molecule=0.01, axis='x')" in start().describe()


def test_the_flow_is_solved_again_only_when_forces_change(monkeypatch) -> None:
    solve, calls = tissue.Stokes.solve, []
    monkeypatch.setattr(tissue.Stokes, "solve", lambda *a, **k: calls.append(1) or solve(*a, **k))

    def solves(push: float, steps: int) -> int:
        pushed = sheet()
        pushed.set("push", push)
        pushed.couple("Push", to=bm.Force(per_molecule=0.01, axis="x"))
        calls.clear()
        pushed.run(0.5 * steps, every=0.5 * steps, dt=0.5, progress=False)
        return len(calls)

    assert solves(0.0, 2) == solves(0.0, 8)
    # alike in all cells: uniform to rounding wherever they go
    assert solves(1.0, 2) == solves(1.0, 8) == solves(0.0, 2) + 1


def test_a_resumed_run_knows_the_force_that_its_flow_was_solved_for(tmp_path) -> None:
    def start() -> bm.Tissue:
        pushed = bm.Tissue(
            PULLED.replace("0*time", "0.05*time"), cells=20, friction=0.02, bulk_viscosity=3.0, seed=1,
            grid=tissue.Grid(shape=(8, 8), size=(8.0, 8.0)), flow_tolerance=0.5,
        )  # fmt: skip
        pushed.couple("Push", to=bm.Force(per_molecule=0.01, axis="x"))
        pushed.set("push", np.linspace(-1.0, 1.0, 20))
        return pushed

    once = start().run(20.0, every=1.0, dt=0.5, progress=False).data
    start().run(13.0, every=1.0, dt=0.5, folder=tmp_path / "run", progress=False)
    resumed = bm.Tissue.resume(tmp_path / "run", t_end=20.0, progress=False).data
    for name in ("x", "y", "vx"):
        assert np.array_equal(once[name].to_numpy(), resumed[name].to_numpy())


@pytest.mark.parametrize("time", [0.0, 2.0])
def test_a_force_that_nothing_resists_is_named(time: float) -> None:
    made = bm.Tissue(
        PULLED.replace("push*cos(0*time)", f"piecewise(push, time >= {time:g}, 0)"), cells=20, seed=1,
        grid=tissue.Grid(shape=(8, 8), size=(8.0, 8.0)),
    )  # fmt: skip
    made.set("push", 1.0)
    made.couple("Push", to=bm.Force(per_molecule=0.01, axis="x"))
    with pytest.raises(bm.SimulationError if time else bm.CouplingError, match=r"Push -> Force.*friction > 0.*sum to"):
        made.run(4.0, every=1.0, dt=1.0, progress=False)


def test_infinite_forces_and_negative_sources_are_named() -> None:
    made = sheet()
    made.set("push", 0.0)
    made.add(tissue.Morphogen("Wnt", diffusion=1.0, decay=0.1))
    made.couple("Push", to=bm.Secretion("Wnt", per_molecule=1.0))
    made.set("push", np.where(np.arange(4 * N) == 5, -3.0, 0.0))
    with pytest.raises(bm.SimulationError, match=r"Push -> Secretion\(.*Push is -3 in cell 5 at .* release less than"):
        made.run(1.0, every=1.0, dt=1.0, progress=False)
    made = bm.Tissue(
        PULLED.replace("push*cos(0*time)", "1/push"), cells=20, seed=1, friction=1.0,
        grid=tissue.Grid(shape=(8, 8), size=(8.0, 8.0)), parameters={"push": 1.0},
    )  # fmt: skip
    made.set("push", np.where(np.arange(20) == 7, 0.0, 1.0))
    made.couple("Push", to=bm.Force(per_molecule=0.01, axis="x"))
    with pytest.raises(bm.SimulationError, match=r"Push -> Force\(.*Push is inf in cell 7 at 0 second.*not finite"):
        made.run(1.0, every=1.0, dt=1.0, progress=False)


def test_wrong_forces_are_named() -> None:
    with pytest.raises(bm.CouplingError, match="Force"):
        bm.Force(per_molecule=float("nan"), axis="x")
    with pytest.raises(bm.CouplingError, match="Force"):
        bm.Force(per_molecule=1.0, axis="up")
    with pytest.raises(bm.CouplingError, match="2 dimensions"):
        sheet().couple("Push", to=bm.Force(per_molecule=1.0, axis="z"))
    with pytest.raises(bm.CouplingError, match="no species or variable 'Pushing' to couple; it has P, Push"):
        sheet().couple("Pushing", to=bm.Force(per_molecule=1.0, axis="x"))


@pytest.mark.parametrize("fineness", [1, 2, 3])
@pytest.mark.parametrize("boundary", [("periodic", "periodic"), ("no-slip", "periodic"), ("free-slip", "no-slip")])
def test_cells_that_pull_alike_make_a_uniform_stress(fineness: int, boundary: tuple[str, str]) -> None:
    """Also where the grid is finer than cells, and for a shear, which lies on edges."""
    grid = tissue.Grid(shape=(10 * fineness, 12 * fineness), size=(10.0, 12.0), boundary=boundary)
    rng = np.random.default_rng(1)
    x, y = np.meshgrid(np.arange(10) + 0.5, np.arange(12) + 0.5, indexing="ij")
    positions = np.stack([x.ravel(), y.ravel()], axis=1) + rng.uniform(-0.1, 0.1, (120, 2))
    stress = averaged(grid, positions, np.ones(120), np.tile([2.0, 2.0, 1.0], (120, 1)))
    for part, value in zip(stress.components, (2.0, 2.0, 1.0), strict=True):
        assert part == pytest.approx(value, rel=1e-12)


def test_a_patch_ends_a_cell_beyond_its_last_cells() -> None:
    """What is filled is gaps between cells and not the empty box around them."""
    grid = tissue.Grid(shape=(40, 40), size=(20.0, 20.0))
    x, y = np.meshgrid(np.arange(7.5, 13.0), np.arange(7.5, 13.0), indexing="ij")
    positions = np.stack([x.ravel(), y.ravel()], axis=1)
    xx = averaged(grid, positions, np.ones(len(positions)), np.tile([1.0, 1.0, 0.0], (len(positions), 1))).components[0]
    filled = np.argwhere(xx > 0.0)
    assert 0.5 * (filled.min() + 0.5) >= 6.5 - 0.25
    assert 0.5 * (filled.max() + 0.5) <= 13.5 + 0.25
    assert xx[14:26, 14:26] == pytest.approx(1.0, rel=1e-12)
