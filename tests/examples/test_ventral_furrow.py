"""The ventral furrow folds in, what must fail fails, and nothing leaks; at half the fineness.

Between seeds the depth at the end varies by a standard deviation of .023 (eight seeds: 1.024 to 1.096); the bound of 1
is three of them from the mean, which one seed in 700 would miss, and the seed is fixed. All other bounds are five or
more standard deviations, or twice the measured error, away.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

import biomulti as bm
from biomulti.demos.scripts import example

HALF = {"fineness": 0.5, "every": 1.0, "progress": False}


@pytest.fixture(scope="module")
def furrow() -> tuple[ModuleType, dict]:
    module = example("ventral_furrow")
    return module, {name: module.run(name=name, **HALF, **changed) for name, changed in module.CASES.items()}


def test_the_ring(furrow):
    module, _ = furrow
    points, edges = module.ring(4, 6)
    top, bottom = module.MEMBRANE - module.GAP, module.MEMBRANE - module.GAP - module.HEIGHT
    n = 4 * module.CELLS
    # a polygon of n sides in a circle, and as many slices of the ring between two as there are cells
    share = 0.5 * np.sin(2.0 * np.pi / n) * n / module.CELLS
    assert module.areas(points, edges.outlines) == pytest.approx(share * (top**2 - bottom**2))
    assert module.lengths(points, edges.lateral) == pytest.approx(module.HEIGHT)
    assert module.lengths(points, edges.apical) == pytest.approx(8.0 * top * np.sin(np.pi / n))
    middle = points[edges.lateral[module.CELLS // 2, 0]]
    assert middle == pytest.approx([0.0, -top], abs=1e-12)
    assert module.depth(points, edges) == pytest.approx((module.GAP, module.GAP))
    assert np.isnan(module.width(points, edges))


def test_the_width_of_a_notch(furrow):
    module, _ = furrow
    points, edges = module.ring(16, 4)
    row = edges.surface
    along = module.MEMBRANE * (np.arange(len(row)) - len(row) // 2) * 2.0 * np.pi / len(row)
    sunk = np.maximum(20.0 - np.abs(along), 0.0)  # a triangle, 20 um deep and at half of that 20 um wide
    points[row] *= (1.0 - sunk / (module.MEMBRANE - module.GAP))[:, None]
    assert module.depth(points, edges)[0] == pytest.approx(21.0, abs=0.01)
    # to within the pieces on both sides, .44 um each, on the circle 10 um below the membrane
    assert module.width(points, edges) == pytest.approx(20.0 * 79.5 / 90.0, abs=2.0)


def test_the_wild_type_folds_in(furrow):
    _, found = furrow
    wild = found["wild type"]
    assert 1.0 < wild["depth"][-1] < 1.2
    assert wild["depth"][-1] == wild["depth"].max()
    # 2.3 to 7 min and .38 to .61 between seeds
    assert 2.0 < wild["onset"] < 10.0
    assert 0.3 < wild["central width at onset"] < 0.7
    # they lengthen by 5 to 10 % and then shorten by a third; those beside them are drawn out two- or threefold
    assert 1.03 < wild["central height"].max() < 1.15
    assert wild["central height"][-1] < 0.85
    assert 2.0 < wild["peripheral width"].max() < 4.0
    assert wild["width"] < 25.0


@pytest.mark.parametrize(
    ("name", "documented", "off"),
    [
        ("uniform myosin", 0.0, 0.02),
        ("no gradient in the band", 0.68, 0.1),
        ("no apical constriction", 0.14, 0.1),
        ("no radial shortening", 0.5, 0.1),
        ("snail", 0.04, 0.02),
        ("twist", 0.04, 0.02),
    ],
)
def test_what_must_fail_fails(furrow, name, documented, off):
    """None is internalised, and depths are those of docs/ventral_furrow.md, of the same seed at full fineness.

    At half of it they are .00, .64, .09, .49, .03, .03; seeds 2 and 3 have .53 and .57 without a gradient.
    """
    _, found = furrow
    assert found[name]["depth"].max() < 1.0
    assert found[name]["depth"][-1] == pytest.approx(documented, abs=off)


def test_without_shortening_there_is_a_dent(furrow):
    _, found = furrow
    one = found["no radial shortening"]
    assert one["depth"][-1] > 0.3
    assert one["central width"][-1] < 0.4
    assert one["central height"].min() > 0.99


def test_areas_are_kept(furrow):
    _, found = furrow
    for one in found.values():
        # measured: 2.5 % of one cell, .2 % on average, .1 % of the yolk
        assert one["area drift of cells"] < 0.06
        assert one["mean area drift of cells"] < 0.005
        assert one["area drift of yolk"] < 0.003


def test_genes_are_graded_and_banded(furrow):
    module, found = furrow
    near = module.distance() * module.CELLS / 2.0
    last = found["wild type"]["frames"][-1]
    myosin = [last["myosin"][(near >= low) & (near < low + 2.0)].mean() for low in (0.0, 3.0, 6.0, 9.0)]
    assert myosin == sorted(myosin, reverse=True)
    assert myosin[0] > 0.8
    assert myosin[-1] < 0.02
    # lateral myosin in the 18 cells of Snail, basal myosin outside; promoters fire at random, .05 to .4 in border cells
    assert (last["lateral"][near < 8.0] > 0.3).all()
    assert (last["lateral"][near > 10.0] < 0.1).all()
    assert (last["basal"][near < 8.0] < 0.7).all()
    assert (last["basal"][near > 10.0] > 0.9).all()
    for mutant in ("snail", "twist"):
        assert found[mutant]["frames"][-1]["myosin"].max() < 1e-3


def test_half_the_step_and_no_noise(furrow):
    module, _ = furrow
    still = {**HALF, "method": "ode", "t_end": 18.0}
    coarse = module.run(**still)
    fine = module.run(**{**still, "dt": 0.025})
    # measured: .002 of 1.08; without noise the furrow is symmetric
    assert fine["depth"] == pytest.approx(coarse["depth"], abs=0.01)
    points = fine["frames"][-1]["points"][fine["edges"].lateral[1:, 0]]
    assert points[:, 0] == pytest.approx(-points[::-1, 0], abs=0.5)


def test_too_long_a_step_is_refused(furrow):
    module, _ = furrow
    with pytest.raises(bm.SimulationError, match=r"dt=0\.2"):
        module.run(**{**HALF, "dt": 0.2})


def test_the_tissue_acts_on_genes(furrow):
    module, found = furrow
    deaf = module.run(**HALF, feedback=0.0)
    with_it, without = (one["frames"][-1]["myosin"].sum() for one in (found["wild type"], deaf))
    # tension at the end is near its reference, and raises recruitment by up to 28 %
    assert 1.05 < with_it / without < 1.35


def test_picture_and_movie(furrow, tmp_path):
    module, found = furrow
    module.draw(found, tmp_path / "new" / "picture.png")
    assert (tmp_path / "new" / "picture.png").stat().st_size > 100_000
    short = {name: {**one, "frames": one["frames"][:3]} for name, one in list(found.items())[:2]}
    module.movie(short, tmp_path / "new" / "movie.mp4", progress=False)
    assert (tmp_path / "new" / "movie.mp4").stat().st_size > 10_000
    assert len(module.summary("wild type", found["wild type"])) > 80
