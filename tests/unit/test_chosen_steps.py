"""What a step that is chosen by itself must follow, and what a line through the past must not."""

from __future__ import annotations

import numpy as np
import pytest

import biomulti as bm
import tissue
from biomulti import observe
from biomulti.coupled.history import AHEAD, History
from tests.going_on import BIRTH

HEAD = "unit substance = item; unit extent = item; unit time_unit = second; unit volume = litre; compartment c = 1;"
WAVES = f"""
model waves()
  {HEAD}
  substanceOnly species X in c, Y in c;
  X = 50; Y = 0;
  make: => X; 50*(1 + sin(time));
  lose: X => ; X;
  count: => Y; k;
  k = 0;
end
"""
STOCK = f"""
model stock()
  {HEAD}
  substanceOnly species E in c, X in c, $D in c;
  E = 64; X = 0; D = 8;
  make: => X; 0.1*E;
end
"""
BOX = tissue.Grid(shape=(16, 16), size=(20.0, 20.0))


def sheet(network: str, cells: int, **options: object) -> bm.Tissue:
    return bm.Tissue(network, cells=cells, grid=BOX, friction=0.1, bulk_viscosity=1.0, seed=3, **options)


def test_a_delayed_signal_is_followed_as_closely_as_one_without() -> None:
    ends = {}
    for dt in (None, 0.02):
        embryo = sheet(WAVES, 9, method="ode")
        embryo.couple(bm.Neighbours("X"), to="k", law=[bm.Delay(0.5)])
        run = embryo.run(40.0, every=20.0, dt=dt, tolerance=0.004, progress=False).data
        ends[dt] = run["Y"].mean("cell").to_numpy()
    np.testing.assert_allclose(ends[None], ends[0.02], rtol=0.01)


def test_what_drives_the_tissue_is_followed_where_nothing_is_felt() -> None:
    ends = {}
    for dt in (None, 0.05):
        embryo = sheet(WAVES, 64, method="ode")
        embryo.add(tissue.Morphogen("W", diffusion=1.0, decay=2.0))
        embryo.couple("X", to=bm.Secretion("W", per_molecule=0.1))
        ends[dt] = float(
            embryo.run(30.0, every=10.0, dt=dt, tolerance=0.01, progress=False).data["W"].isel(time=-1).mean()
        )
    assert ends[None] == pytest.approx(ends[0.05], rel=0.05)


def test_ages_are_met_within_the_tolerance() -> None:
    embryo = sheet(BIRTH, 4, method="ode", keep_apart=0.0)
    embryo.live(bm.Division(when=bm.Age(), above=5.0))
    run = embryo.run(39.0, every=13.0, progress=False, observe=observe.Population())
    born = run.lineage.table["born"].to_numpy()
    # seven divisions one after another, each at most a step late
    assert run.data["cells"].isel(time=-1).item() == 4 * 2**7
    assert born.max() <= 35.0 * 1.05


def test_a_rate_of_death_knows_no_ages() -> None:
    embryo = sheet(BIRTH, 400, method="ode", ages=1000.0)
    embryo.live(bm.Death(rate=0.001), bm.Division(when=bm.Age(), above=1050.0, spread=0.1))
    run = embryo.run(1.0, every=1.0, dt=1.0, progress=False, observe=observe.Population())
    assert (run.lineage.table["fate"] == "died").sum() <= 3
    # those who come to 1,000 have thresholds beyond it: few within one unit of time, of a spread of a hundred
    assert (run.lineage.table["fate"] == "divided").sum() < 20


def test_species_that_nothing_changes_are_dealt_too() -> None:
    embryo = sheet(STOCK, 8, method="ssa")
    embryo.live(bm.Division(when=bm.Age(), above=2.0))
    run = embryo.run(5.0, every=2.5, progress=False).data
    assert run["E"].sum("cell").to_numpy().tolist() == [512.0, 512.0, 512.0]
    # what is held from outside is the same in both
    assert np.nanmin(run["D"].to_numpy()) == np.nanmax(run["D"].to_numpy()) == 8.0


def test_a_parameter_is_recorded_as_it_is_felt_at_the_time() -> None:
    embryo = sheet(WAVES, 4, method="ode")
    embryo.couple(bm.Age(), to="k")
    embryo.live(bm.Division(when=bm.Age(), above=4.0))
    for splitting in ("strang", "lie"):
        run = embryo.run(6.0, every=2.0, dt=1.0, splitting=splitting, progress=False).data
        assert run["k"].isel(time=1).dropna("cell").to_numpy() == pytest.approx(2.0)
        assert run["k"].isel(time=2).dropna("cell").to_numpy() == pytest.approx(0.0)
        assert run["k"].isel(time=3).dropna("cell").to_numpy() == pytest.approx(2.0)


def test_two_types_record_one_parameter_in_one_variable() -> None:
    one = WAVES.replace("model waves", "model one")
    embryo = bm.Tissue(
        {"a": bm.CellType(one, 5, method="ode"), "b": bm.CellType(WAVES, 7, method="ode")},
        grid=BOX, friction=0.1, bulk_viscosity=1.0, seed=3,
    )  # fmt: skip
    embryo.couple(bm.Size(), to="k", of="a")
    embryo.couple(bm.Age(), to="k", of="b")
    last = embryo.run(2.0, every=1.0, progress=False).data["k"].isel(time=-1).to_numpy()
    assert last == pytest.approx([1.0] * 5 + [2.0] * 7)


def test_divisions_are_no_trend_of_what_neighbours_have() -> None:
    """X = 100 in all, halved at 2: what is felt in the half unit of time after that is 50, whatever the step."""
    still = WAVES.replace("50*(1 + sin(time))", "0*X").replace("lose: X => ; X;", "").replace("X = 50", "X = 100")
    for dt in (0.5, 0.25, 0.125):
        embryo = sheet(still, 16, method="ode", keep_apart=0.0)
        embryo.couple(bm.Neighbours("X"), to="k", gain=1.0)
        embryo.live(bm.Division(when=bm.Age(), above=2.0))
        count = embryo.run(2.5, every=0.5, dt=dt, progress=False).data["Y"]
        before, after = (float(count.isel(time=k).sum()) for k in (4, 5))
        assert after - before == pytest.approx(32 * 25.0, rel=1e-9)


@pytest.mark.parametrize("cells", [1, 2, 3])
def test_a_few_cells_in_a_small_box_divide(cells: int) -> None:
    embryo = sheet(BIRTH, cells, method="ssa")
    embryo.live(bm.Division(when=bm.Age(), above=1.0))
    assert embryo.run(2.5, every=2.5, progress=False, observe=observe.Population()).data["cells"][-1] == 4 * cells


def test_a_short_step_is_not_followed_far() -> None:
    history = History.begun(1)
    for time, value in ((0.0, 0.0), (1.0, 1.0), (1.001, 2.0)):
        history.add(time, np.array([value]), 0.0)
    assert history.at(3.0, ahead=True, lowest=-np.inf)[0] == pytest.approx(2.0 + AHEAD)


def test_a_folder_belongs_to_one_run_at_a_time(tmp_path) -> None:
    def again(now: observe.Moment) -> float:
        if now.time == 1.0:
            for other in (
                lambda: bm.Tissue.resume(tmp_path, progress=False),
                lambda: sheet(BIRTH, 4).run(1.0, every=1.0, folder=tmp_path),
            ):
                with pytest.raises(bm.OptionError, match="another run that is on its way"):
                    other()
        return now.time

    watched = [observe.Cells(), observe.Function("again", again)]
    run = sheet(BIRTH, 4).run(2.0, every=1.0, folder=tmp_path, observe=watched, progress=False)
    assert run.data["again"].to_numpy().tolist() == [0.0, 1.0, 2.0]
    bm.Tissue.resume(tmp_path, t_end=3.0, observe=watched, progress=False)


def test_going_back_to_an_older_checkpoint_leaves_a_folder_that_goes_on(tmp_path) -> None:
    from biomulti import checkpoint

    sheet(BIRTH, 4).run(5.0, every=1.0, dt=1.0, folder=tmp_path, checkpoint=1e-4, progress=False)
    older, _ = checkpoint.numbers(tmp_path)[-2:]
    bm.Tissue.resume(tmp_path, number=older, t_end=4.0, progress=False)
    assert bm.Tissue.resume(tmp_path, t_end=6.0, progress=False).data.sizes["time"] == 7
