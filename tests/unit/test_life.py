"""Cells that grow, divide and die: what is kept, how molecules are dealt, who descends from whom."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest
from scipy import stats

import biomulti as bm
import tissue
from biomulti import observe
from tests.going_on import BIRTH

# one in a million by design, at fixed seeds
RARE = 1e-6
STILL = """
model still()
  unit substance = item; unit extent = item; unit time_unit = second; unit volume = litre;
  compartment c = 1;
  substanceOnly species A in c, Gene in c, Bound in c;
  A = 60; Gene = 1; Bound = 7;
  none: => A; 0*k;
  bind: Gene => Bound; 0*k*Gene;
  k = 1; felt = 0;
end
"""
BOX = tissue.Grid(shape=(32, 32), size=(40.0, 40.0))


def disc(cells: int, radius: float) -> np.ndarray:
    """Points of a sunflower, evenly spread over a disc in the middle of the box."""
    k = np.arange(cells) + 0.5
    angle, away = math.pi * (1.0 + math.sqrt(5.0)) * k, radius * np.sqrt(k / cells)
    return 20.0 + np.stack([away * np.cos(angle), away * np.sin(angle)], axis=1)


def sheet(network: str = STILL, cells: int = 200, **options: object) -> bm.Tissue:
    return bm.Tissue(network, cells=cells, grid=BOX, friction=0.01, bulk_viscosity=1.0, seed=3, method="ssa", **options)


def test_totals_are_kept_and_genes_are_copied() -> None:
    embryo = sheet()
    embryo.live(bm.Division(when=bm.Age(), above=1.0, copied=("Gene",)))
    run = embryo.run(2.5, every=0.5, progress=False).data
    assert run["A"].sum("cell").to_numpy() == pytest.approx(200 * 60, abs=0)
    assert run["Bound"].sum("cell").to_numpy() == pytest.approx(200 * 7, abs=0)
    last = run.isel(time=-1).dropna("cell", subset=["x"])
    assert last.sizes["cell"] == 800
    assert (last["Gene"].to_numpy() == 1.0).all()
    # sizes are shared as molecules are: halves of halves of a cell of 1
    assert last["area"].to_numpy() == pytest.approx(0.25)


def test_molecules_are_dealt_one_by_one() -> None:
    """Numbers in first daughters against the binomial law, chi-square at one in a million."""
    embryo = sheet(cells=2000)
    embryo.live(bm.Division(when=bm.Age(), above=1.0, share=0.3))
    run = embryo.run(1.5, every=1.5, progress=False).data.isel(time=-1).dropna("cell", subset=["x"])
    first = run["A"].to_numpy()[::2]
    assert len(first) == 2000
    edges = np.arange(10, 27)
    seen = np.histogram(first, [-1, *(edges - 0.5), 61])[0]
    expected = 2000 * np.diff(stats.binom.cdf([-1, *(edges - 0.5), 61], 60, 0.3))
    assert stats.chisquare(seen, expected).pvalue > RARE
    # the two daughters of a cell together have what it had
    assert (first + run["A"].to_numpy()[1::2] == 60).all()
    assert run["area"].to_numpy()[::2] == pytest.approx(0.3)


def test_amounts_that_flow_are_cut_by_the_share() -> None:
    embryo = bm.Tissue(STILL, cells=50, grid=BOX, friction=0.01, bulk_viscosity=1.0, seed=3, method="ode")
    embryo.live(bm.Division(when=bm.Age(), above=1.0, share=0.25))
    run = embryo.run(1.5, every=1.5, progress=False).data.isel(time=-1).dropna("cell", subset=["x"])
    assert run["A"].to_numpy()[::2] == pytest.approx(15.0)
    assert run["A"].to_numpy()[1::2] == pytest.approx(45.0)


def test_shares_and_thresholds_spread_as_they_should() -> None:
    """Mean and standard deviation of 4,000 shares, and of ages at division, within five standard errors."""
    embryo = sheet(cells=4000)
    embryo.live(bm.Division(when=bm.Age(), above=2.0, spread=0.2, share_spread=0.1))
    run = embryo.run(3.99, every=3.99, dt=0.01, splitting="lie", progress=False, observe=observe.Population())
    table = run.lineage.table
    ages = (table["ended"] - table["born"])[(table["parent"] < 0) & (table["fate"] == "divided")].to_numpy()
    law = stats.gamma(1.0 / 0.2**2, scale=2.0 * 0.2**2)
    assert stats.kstest(ages - 0.005, law.cdf).pvalue > RARE


def test_a_rate_of_death_is_a_rate() -> None:
    embryo = sheet(cells=3000)
    embryo.live(bm.Death(rate=0.5))
    run = embryo.run(2.0, every=1.0, dt=0.1, splitting="lie", progress=False, observe=observe.Population())
    for moment in (1.0, 2.0):
        alive = int(run.data["cells"].sel(time=moment).item())
        # looked at after every step, ages of death are rounded up to its end
        assert stats.binomtest(alive, 3000, math.exp(-0.5 * moment)).pvalue > RARE
    assert set(run.lineage.table["fate"]) == {"died", "alive"}
    assert set(run.lineage.table["cause"]) == {"Death(rate=0.5)", ""}


def test_a_species_decides_who_divides_and_who_dies() -> None:
    embryo = sheet(BIRTH)
    embryo.live(bm.Division(when="A", above=40.0), bm.Death(when="A", below=8.0))
    run = embryo.run(6.0, every=0.5, dt=0.1, progress=False)
    table = run.lineage.table
    assert (table["fate"] == "divided").sum() > 20
    last = run.data.isel(time=-1)
    alive = table.index[table["fate"] == "alive"]
    assert np.array_equal(np.flatnonzero(np.isfinite(last["x"].to_numpy())), alive)
    values = last["A"].to_numpy()[alive]
    assert values.min() > 8.0
    assert values.max() < 40.0


def test_all_cells_may_die() -> None:
    embryo = sheet(cells=20)
    embryo.add(tissue.Morphogen("Wnt", diffusion=1.0, decay=0.1), initial=1.0)
    embryo.couple("A", to=bm.Secretion("Wnt", per_molecule=1.0))
    embryo.couple("A", to=bm.Contractility(per_molecule=0.01))
    embryo.couple(bm.Stress(), to="felt", gain=1.0)
    embryo.live(bm.Death(when=bm.Age(), above=1.0))
    run = embryo.run(3.0, every=1.0, progress=False).data
    assert np.isnan(run["x"].isel(time=-1)).all()
    assert float(run["Wnt"].isel(time=-1).min()) > 0.0


def test_a_disc_that_grows_and_divides_stays_even_and_round() -> None:
    """Relative growth g doubles the area in log 2 / g; cells divide at twice their size."""
    embryo = bm.Tissue(
        STILL, cells=disc(60, 4.0), grid=tissue.Grid((32, 32), (40.0, 40.0), ("traction-free",) * 2), outside=0.05,
        cell_size=16.0 * math.pi / 60.0, bulk_viscosity=10.0, seed=3, method="ssa",
    )  # fmt: skip
    embryo.couple("Gene", to=bm.Growth(per_molecule=0.1))
    embryo.live(bm.Division(when=bm.Size(), above=2.0, spread=0.1, axis="random", copied=("Gene",)))
    run = embryo.run(20.0, every=2.0, progress=False)
    last = run.data.isel(time=-1).dropna("cell", subset=["x"])
    total = float(last["area"].sum()) / 60.0
    assert total == pytest.approx(math.exp(2.0), rel=0.1)
    x, y = last["x"].to_numpy() - 20.0, last["y"].to_numpy() - 20.0
    spread = np.linalg.eigvalsh(np.cov(np.stack([x, y])))
    assert spread[1] / spread[0] < 1.3
    # sunflower of the same density: no clumps, no holes
    nearest = np.sort(np.hypot(x[:, None] - x, y[:, None] - y), axis=1)[:, 1]
    assert nearest.min() > 0.4 * np.median(nearest)
    generations = run.lineage.table["generation"]
    assert generations.max() >= 2


@pytest.mark.parametrize("axis", ["x", "polarity", math.pi / 2.0, (0.0, 1.0)])
def test_daughters_lie_along_the_axis(axis: object) -> None:
    embryo = sheet(cells=np.array([[20.0, 20.0]]), polarity=0.5, cell_size=2.0 * math.pi, keep_apart=0.0)
    embryo.live(bm.Division(when=bm.Age(), above=1.0, axis=axis))
    run = embryo.run(1.5, every=0.5, progress=False).data.isel(time=-1)
    one, two = (np.array([run["x"][k].item(), run["y"][k].item()]) for k in (1, 2))
    direction = {"x": (1.0, 0.0), "polarity": (math.cos(0.5), math.sin(0.5))}.get(axis, (0.0, 1.0))  # type: ignore[call-overload]
    # centres of two half discs of radius sqrt 2
    np.testing.assert_allclose(one - two, 8.0 / (3.0 * math.pi) * math.sqrt(2.0) * np.array(direction), atol=1e-9)
    np.testing.assert_allclose(0.5 * (one + two), [20.0, 20.0], atol=1e-9)


@pytest.mark.parametrize("splitting", ["lie", "strang"])
def test_a_daughter_feels_her_own_body_from_her_birth(splitting: str) -> None:
    """A' = age (or size): a founder of age .5 divides at 1; what a lineage has made is the integral of its ages."""
    sums = {}
    for signal in (bm.Age(), bm.Size()):
        embryo = bm.Tissue(
            STILL.replace("A = 60;", "A = 0;").replace("0*k;", "felt;", 1), cells=16, grid=BOX, friction=0.01, seed=1,
            method="ode", ages=0.5,
        )  # fmt: skip
        embryo.couple(signal, to="felt")
        embryo.live(bm.Division(when=bm.Age(), above=1.0, copied=("A",)))
        run = embryo.run(1.5, every=0.1, dt=0.1, splitting=splitting, progress=False).data
        sums[type(signal)] = run["A"].isel(time=-2).mean("cell").item()
    # Lie takes ages at the start of each step; Strang knows no slope in the first half of its first
    short = 0.05 * 1.4 if splitting == "lie" else 0.5 * 0.05**2
    assert sums[bm.Age] == pytest.approx(0.5 * (1.0 - 0.25) + 0.5 * 0.81 - short, abs=1.5e-3)
    assert sums[bm.Size] == pytest.approx(0.5 + 0.9 * 0.5, abs=1e-6)


def test_lineage_is_a_tree() -> None:
    embryo = sheet(cells=5)
    embryo.live(bm.Division(when=bm.Age(), above=1.0), bm.Death(when=bm.Age(), above=3.5))
    run = embryo.run(2.5, every=0.5, dt=0.25, progress=False)
    tree = run.lineage
    assert len(tree.table) == 5 * 7
    assert sorted(tree.table["generation"].value_counts().to_dict().items()) == [(0, 5), (1, 10), (2, 20)]
    assert len(tree.descendants(0)) == 6
    line = tree.newick().splitlines()[0]
    assert line.endswith("0:1;")
    assert line.count("(") == line.count(")") == 3
    first, second = tree.table.index[tree.table["parent"] == 0]
    assert f"){first}:1" in line
    assert f"){second}:1" in line
    assert tree.newick(until=2.5).splitlines()[0].count(":0.5") == 4


def test_types_of_cells_live_side_by_side() -> None:
    embryo = bm.Tissue(
        {"quiet": bm.CellType(STILL, 40, method="ssa"), "busy": bm.CellType(BIRTH, 60, method="ssa")},
        grid=BOX, friction=0.01, bulk_viscosity=1.0, seed=3,
    )  # fmt: skip
    embryo.couple("A", to=bm.Contractility(per_molecule=0.001))
    embryo.couple(bm.Neighbours("A"), to="felt", gain=1.0)
    embryo.live(bm.Division(when="A", above=40.0), of="busy")
    run = embryo.run(4.0, every=1.0, progress=False, observe=[observe.Cells(), observe.Population()]).data
    assert list(run["cell_type"].to_numpy()) == ["quiet", "busy"]
    last = run.isel(time=-1)
    assert last["cells"].to_numpy()[0] == 40
    assert last["cells"].to_numpy()[1] > 60
    quiet = last["type"].to_numpy() == 0
    assert np.isfinite(last["felt"].to_numpy()[quiet]).all()
    assert np.isnan(last["felt"].to_numpy()[~quiet]).all()
    assert (last["A"].to_numpy()[quiet] == 60.0).all()
    slow = BIRTH.replace("time_unit = second", "time_unit = 60 second")
    with pytest.raises(bm.OptionError, match="one unit, not quiet in second, slow in minute"):
        bm.Tissue({"quiet": bm.CellType(STILL, 4), "slow": bm.CellType(slow, 4)}, grid=BOX)
    with pytest.raises(bm.CouplingError, match="no type of cell 'loud'; there are quiet, busy"):
        embryo.couple("A", to=bm.Growth(per_molecule=1.0), of="loud")


def test_a_confined_morphogen_stays_in_its_tissue() -> None:
    """Released by a disc that grows; what is not confined goes everywhere, and both have what was released."""
    embryo = bm.Tissue(
        STILL, cells=disc(80, 8.0), grid=BOX, bulk_viscosity=5.0, friction=0.01, outside=0.1, cell_size=2.5, seed=3,
        method="ssa",
    )  # fmt: skip
    for name in ("Inner", "Outer"):
        embryo.add(tissue.Morphogen(name, diffusion=2.0, decay=0.0), confined=name == "Inner")
        embryo.couple("A", to=bm.Secretion(name, per_molecule=0.1))
    embryo.couple("A", to=bm.Growth(per_molecule=0.001))
    run = embryo.run(5.0, every=1.0, progress=False).data.isel(time=-1)
    released = 80 * 60 * 0.1 * 5.0
    away = np.hypot(run["gx"] - 20.0, run["gy"] - 20.0)
    for name, share in (("Inner", 0.0), ("Outer", 0.05)):
        assert float(run[name].sum()) * BOX.cell_area == pytest.approx(released, rel=1e-9)
        beyond = float(run[name].where(away > 13.0).sum()) * BOX.cell_area / released
        assert beyond == pytest.approx(0.0, abs=1e-12) if name == "Inner" else beyond > share
    with pytest.raises(bm.CouplingError, match="fills its box"):
        sheet().add(tissue.Morphogen("Wnt", diffusion=1.0, decay=0.0), confined=True)


def lively(method: str = "hybrid") -> bm.Tissue:
    """Everything at once: growth, division, death, morphogens, neighbours, delays, polarity."""
    embryo = bm.Tissue(
        BIRTH, cells=disc(80, 8.0), grid=BOX, friction=0.01, bulk_viscosity=1.0, outside=0.1, cell_size=2.0, seed=5,
        method=method, alignment=1.0, physical_scale={"make": "fire"} if method == "hybrid" else None,
    )  # fmt: skip
    embryo.add(tissue.Morphogen("Wnt", diffusion=1.0, decay=0.1))
    embryo.couple("A", to=bm.Secretion("Wnt", per_molecule=0.1))
    embryo.couple("A", to=bm.Uptake("Wnt", per_molecule=0.01))
    embryo.couple("A", to=bm.Contractility(per_molecule=0.001, axis="polarity"))
    embryo.couple("A", to=bm.Growth(per_molecule=0.005))
    embryo.couple(bm.Concentration("Wnt"), to="k", law=[bm.Delay(0.7), bm.Hill(half=1.0, top=2.0)])
    embryo.live(
        bm.Division(when=bm.Size(), above=1.6, spread=0.1, share_spread=0.05),
        bm.Death(rate=0.05),
        bm.Death(when="A", below=6.0),
    )
    return embryo


@pytest.mark.parametrize("method", ["ssa", "hybrid"])
def test_the_same_bits_for_one_and_two_threads(method: str) -> None:
    runs = []
    before = numba.get_num_threads()
    try:
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            runs.append(lively(method).run(6.0, every=1.0, progress=False))
    finally:
        numba.set_num_threads(before)
    one, two = (run.data for run in runs)
    assert runs[0].lineage.table["fate"].value_counts()["divided"] > 10
    assert runs[0].lineage.table["fate"].value_counts()["died"] > 5
    assert runs[0].lineage.table.equals(runs[1].lineage.table)
    for name in one.data_vars:
        assert np.array_equal(one[name].to_numpy(), two[name].to_numpy(), equal_nan=True), name


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (lambda: bm.Division(when="A"), "one threshold"),
        (lambda: bm.Division(when="A", above=1.0, below=2.0), "one threshold"),
        (lambda: bm.Division(when=3.0, above=1.0), "a species by name, or a signal"),
        (lambda: bm.Division(when="A", above=1.0, share=1.0), "between 0 and 1"),
        (lambda: bm.Division(when="A", above=1.0, share_spread=0.5), "more than shares can spread"),
        (lambda: bm.Division(when="A", above=1.0, axis="up"), "Or 'long', or 'random'"),
        (lambda: bm.Division(when="A", above=1.0, copied="Gene"), "copied=\\('Gene',\\)"),
        (lambda: bm.Division(when="A", above=math.nan), "finite number"),
        (lambda: bm.Division(when="A", above=-1.0, spread=0.1), "must then be positive"),
        (lambda: bm.Death(rate=-1.0), "must not be negative"),
        (lambda: bm.Death(rate=1.0, above=2.0, when="A"), "not both"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule, says: str) -> None:
    with pytest.raises(bm.CouplingError, match=says):
        rule()


def test_rules_name_what_there_is() -> None:
    with pytest.raises(bm.CouplingError, match="no species or variable 'Cyclin'"):
        sheet().live(bm.Division(when="Cyclin", above=1.0))
    with pytest.raises(bm.CouplingError, match="no species 'DNA'"):
        sheet().live(bm.Division(when="A", above=1.0, copied=("DNA",)))
    with pytest.raises(bm.CouplingError, match="give Division"):
        sheet().live("A")
