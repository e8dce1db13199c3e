"""`bm.Cells`: networks taken along by mechanics of one's own do what `simulate` does, and follow what is set."""

from __future__ import annotations

import numpy as np
import pytest

import biomulti as bm
import tissue
from biomulti.counts import AssumptionWarning

FEEL = """
model feel()
  unit substance = item; unit extent = item; unit time_unit = second;
  substanceOnly species A;
  A = 100; felt = 0; k = 0.5;
  make: => A; 100*k*felt;
  lose: A => ; k*A;
end
"""


@pytest.mark.parametrize("method", ["ssa", "ssa-tree", "ode", "hybrid"])
def test_steps_are_one_run(method: str) -> None:
    cells = bm.Cells("toggle_switch", 7, method=method, seed=3)
    for _ in range(5):
        cells.advance(2.0)
    run = bm.simulate("toggle_switch", t_end=10.0, every=10.0, replicates=7, method=method, seed=3, progress=False)
    assert cells.time == pytest.approx(10.0, abs=1e-12)
    for name in ("LacI", "CI"):
        once = run[name].isel(time=-1).to_numpy()
        if method == "ode":
            # steps that end elsewhere: as accurate as asked for
            assert cells[name] == pytest.approx(once, rel=1e-4)
        else:
            assert np.array_equal(cells[name], once)


@pytest.mark.filterwarnings("ignore:mesoderm. What must flow")
def test_steps_are_one_run_where_some_flow_and_some_fire() -> None:
    """What fires is the same to the molecule; what flows is as accurate as asked for, steps ending elsewhere."""
    cells = bm.Cells("mesoderm", 7, method="hybrid", seed=3)
    for _ in range(5):
        cells.advance(2.0)
    run = bm.simulate("mesoderm", t_end=10.0, every=10.0, replicates=7, method="hybrid", seed=3, progress=False)
    once = {name: run[name].isel(time=-1).to_numpy() for name in ("SnailOpen", "SnailRna", "SignalRna")}
    for name, values in once.items():
        assert np.array_equal(cells[name], values), name
    assert once["SnailRna"].std() > 5.0
    for name in ("Twist", "Snail", "Signal"):
        # measured: 3e-6
        assert cells[name] == pytest.approx(run[name].isel(time=-1).to_numpy(), rel=1e-4), name


def test_every_cell_has_values_of_its_own() -> None:
    felt = np.array([0.0, 1.0, 3.0])
    cells = bm.Cells(
        FEEL, 3, method="ode", seed=1, parameters={"felt": felt}, initial={"A": np.array([0.0, 100.0, 50.0])}
    )
    cells.advance(2.0)
    left = np.exp(-1.0)
    assert cells["A"] == pytest.approx(100.0 * felt + (np.array([0.0, 100.0, 50.0]) - 100.0 * felt) * left, rel=1e-5)
    assert np.array_equal(cells["felt"], felt)
    assert len(cells) == 3
    assert cells.network.id == "feel"
    assert cells.partition is None


def test_a_loop_through_the_outside_is_of_first_order() -> None:
    """A' = 100 k f - k A with f = 1 - A/200, which something outside sets: A' = 50 - .75 A."""
    exact = 50.0 / 0.75 + (100.0 - 50.0 / 0.75) * np.exp(-0.75)
    errors = []
    for steps in (10, 20, 40):
        cells = bm.Cells(FEEL, 2, method="ode", seed=1)
        for _ in range(steps):
            cells.set("felt", 1.0 - cells["A"] / 200.0)
            cells.advance(1.0 / steps)
        errors.append(abs(cells["A"][0] - exact))
    # to first order the ratio is 2 + O(step): within 10 % with ten steps to a unit of time
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(2.0, rel=0.1)


def test_what_is_read_is_a_copy() -> None:
    cells = bm.Cells(FEEL, 2, method="ssa", seed=1)
    cells["A"][:] = -1.0
    cells["felt"][:] = -1.0
    cells.advance(0.1)
    assert (cells["A"] >= 0.0).all()
    assert (cells["felt"] == 0.0).all()


def test_seeds() -> None:
    def ended(seed: int | None) -> list[float]:
        cells = bm.Cells(FEEL, 20, method="hybrid", seed=seed)
        cells.set("felt", np.linspace(0.0, 2.0, 20))
        cells.advance(5.0)
        return list(cells["A"])

    assert ended(5) == ended(5)
    assert ended(5) != ended(6)
    assert bm.Cells(FEEL, 1).seed != bm.Cells(FEEL, 1).seed


@pytest.mark.parametrize("method", ["ssa", "hybrid"])
def test_a_step_that_fails_leaves_all_cells_where_they_were(method: str) -> None:
    def begun() -> bm.Cells:
        cells = bm.Cells(FEEL, 3, method=method, seed=1, parameters={"felt": 1.0})
        cells.advance(1.0)
        return cells

    cells, other = begun(), begun()
    before = cells["A"]
    cells.set("felt", np.array([1.0, -1.0, 1.0]))
    with pytest.raises(bm.SimulationError):
        cells.advance(500.0)
    assert cells.time == 1.0
    assert np.array_equal(cells["A"], before)
    cells.set("felt", 1.0)
    for each in (cells, other):
        each.advance(1.0)
    assert np.array_equal(cells["A"], other["A"])


def test_a_failed_start_is_begun_again() -> None:
    cells = bm.Cells(FEEL, 2, method="ssa", seed=1, parameters={"felt": -1.0})
    for _ in range(2):
        with pytest.raises(bm.SimulationError, match="propensity"):
            cells.advance(1.0)
        assert cells.time == 0.0
    cells.set("felt", 1.0)
    cells.advance(1.0)
    assert cells.time == 1.0


DEAR = """
model dear()
  unit substance = item; unit extent = item; unit time_unit = second;
  substanceOnly species A, B;
  A = 4000; B = 10;
  make: => A; 4000; lose: A => ; A;
  copy: A => A + B; 0.05*A*A; drop: B => ; B;
end
"""


def test_what_flowing_costs_is_said() -> None:
    """`simulate` and `Cells` say alike that what must flow makes larger errors than the tolerance allows."""
    forced = {"physical_scale": {"make": "flow", "lose": "flow"}, "seed": 1}
    says = "What must flow makes estimated errors above the tolerance"
    with pytest.warns(AssumptionWarning, match=says) as run:
        bm.simulate(DEAR, t_end=0.1, progress=False, **forced)
    with pytest.warns(AssumptionWarning, match=says) as made:
        bm.Cells(DEAR, 2, **forced)
    assert run[0].filename == made[0].filename == __file__
    sheet = bm.Tissue(DEAR, cells=4, grid=tissue.Grid((8, 8), (8.0, 8.0)), friction=0.1, **forced)
    assert says in sheet.describe()


def test_mistakes_are_named() -> None:
    with pytest.raises(bm.CouplingError, match="no parameter 'n' that could be driven; it has none"):
        bm.Cells(FEEL.replace("felt = 0; k = 0.5;", "").replace("100*k*felt", "1").replace("k*A", "A"), 1).set("n", 1.0)
    with pytest.raises(TypeError, match="not iterable"):
        iter(bm.Cells(FEEL, 1))
    with pytest.raises(bm.OptionError, match="cells=0 must be a whole number"):
        bm.Cells(FEEL, 0)
    with pytest.raises(bm.OptionError, match="'felt' has 2 values; give one for each of the 3 cells"):
        bm.Cells(FEEL, 3, parameters={"felt": [1.0, 2.0]})
    with pytest.raises(bm.OptionError, match="method"):
        bm.Cells(FEEL, 3, method="euler")
    cells = bm.Cells(FEEL, 3, seed=1)
    with pytest.raises(bm.CouplingError, match="no parameter 'fealt' that could be driven; it has felt, k"):
        cells.set("fealt", 1.0)
    with pytest.raises(bm.CouplingError, match="one value for each of the 3 cells"):
        cells.set("felt", np.ones(2))
    with pytest.raises(bm.CouplingError, match="the value of cell 1 is not finite"):
        cells.set("felt", np.array([1.0, np.nan, 1.0]))
    with pytest.raises(bm.CouplingError, match=r"has no 'B'; it has A, .*felt, k"):
        _ = cells["B"]
    with pytest.raises(bm.OptionError, match="dt=0"):
        cells.advance(0.0)
    cells.set("felt", -1.0)
    with pytest.raises(bm.SimulationError, match="propensity"):
        cells.advance(1.0)
