"""The furrow in three dimensions, with 400 cells for 11 minutes; bounds are twice the difference between seeds."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import tissue
from biomulti.demos.scripts import example

DRAW = """
import pickle
import sys
from pathlib import Path
from biomulti.demos.scripts import example

module = example("ventral_furrow_3d")
folder = Path(sys.argv[1])
found = pickle.loads((folder / "found.pickle").read_bytes())
module.draw(found, folder / "new" / "picture.png")
module.movie(found["wild type"], folder / "new" / "movie.mp4", progress=False)
"""
SMALL = {"count": 400, "shape": (60, 25, 25), "t_end": 11.0, "progress": False}


@pytest.fixture(scope="module")
def eggs() -> tuple[ModuleType, dict, dict]:
    module = example("ventral_furrow_3d")
    return module, module.run(**SMALL), module.run(**SMALL, apical=0.0)


def test_the_shell(eggs):
    module, *_ = eggs
    points, faces, middle = module.shell(300, 1)
    # a polyhedron whose corners are each shared by three of its faces (Euler)
    assert len(faces.threads) == 2 * 300 - 4
    assert len(np.unique(faces.meet)) == 300
    grid = tissue.Grid(shape=(8, 8, 8), size=module.BOX)
    for part, inwards in ((faces.apical, module.GAP), (faces.basal, module.GAP + module.HEIGHT)):
        axes = np.array([module.HALF_LENGTH, module.MEMBRANE, module.MEMBRANE]) - inwards
        volume = tissue.enclosed(grid, points + 0.5 * np.array(module.BOX), part)
        # flat triangles inside an ellipsoid: 1.3 % less
        assert volume == pytest.approx(4.0 / 3.0 * np.pi * axes.prod(), rel=0.03)
    sizes = module.face_areas(points, faces.apical, faces.owner, 300)
    # 14 % with so few cells, most of it at the poles
    assert sizes.std() / sizes.mean() < 0.2
    assert module.outside(points[np.unique(faces.apical)])[0] == pytest.approx(-module.GAP, abs=0.12)
    assert module.around(np.array([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])) == pytest.approx([0.0, 0.5])
    assert len(middle) == 300


def test_a_cut_is_a_circle(eggs):
    module, *_ = eggs
    points, faces, _ = module.shell(300, 1)
    lines, which = module.cut(points, faces.apical, 100.0)
    radius = np.sqrt((lines**2).sum(axis=2))
    axes = (module.HALF_LENGTH - module.GAP, module.MEMBRANE - module.GAP)
    assert radius == pytest.approx(axes[1] * np.sqrt(1.0 - (100.0 / axes[0]) ** 2), rel=0.02)
    around = np.sqrt((np.diff(lines, axis=1) ** 2).sum(axis=2)).sum()
    assert around == pytest.approx(2.0 * np.pi * radius.mean(), rel=0.01)
    assert len(which) == len(lines)


def test_a_furrow_along_the_midline_that_ends_before_the_poles(eggs):
    module, egg, smooth = eggs
    assert egg["depth"][-1] > 0.4
    assert smooth["depth"].max() < 0.25
    last = egg["profile"][-1]
    assert last[np.abs(egg["along"]) < 100.0].min() > 0.25
    assert last[np.abs(egg["along"]) > 215.0].max() < 0.15
    assert egg["width"] < 60.0
    # the deepest points lie at the midline
    points = egg["frames"][-1]["points"][np.unique(egg["shell"].apical)]
    deep = points[module.outside(points)[0] < -0.4 * module.HEIGHT]
    assert (deep[:, 2] < 0.0).all()
    assert np.abs(deep[:, 1]).max() < 25.0


def test_volumes_are_kept(eggs):
    _, egg, smooth = eggs
    for one in (egg, smooth):
        # measured at most .5 % of the egg, 1.5 % of the yolk, whose triangles are a grid cell long here
        assert abs(one["volume drift of egg"]) < 0.01
        assert abs(one["volume drift of yolk"]) < 0.03


def test_picture_and_movie(eggs, tmp_path):
    """Drawn by a process of its own: one that has drawn three dimensions cannot load libRoadRunner afterwards."""
    _, egg, smooth = eggs
    found = {"wild type": {**egg, "frames": egg["frames"][:2]}, "no apical constriction": smooth}
    (tmp_path / "found.pickle").write_bytes(pickle.dumps(found))
    subprocess.run([sys.executable, "-c", DRAW, str(tmp_path)], check=True, cwd=Path(__file__).parent)
    assert (tmp_path / "new" / "picture.png").stat().st_size > 100_000
    assert (tmp_path / "new" / "movie.mp4").stat().st_size > 10_000


def test_drawn_where_vtk_cannot(eggs, tmp_path, monkeypatch):
    module, egg, _ = eggs
    monkeypatch.setattr(module, "can_render", lambda: False)
    module.draw({"wild type": egg}, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 50_000
    pixels = module.Sections(400).draw(egg["frames"][-1], egg["shell"])
    assert pixels.shape == (352, 400, 3)
    assert pixels.std() > 10.0
    assert module.summary("wild type", egg).startswith("wild type")
