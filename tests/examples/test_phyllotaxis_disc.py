"""A growing disc of cells that drain auxin, at reduced size, and the points it is compared with."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pytest
from scipy.sparse import diags
from scipy.spatial import cKDTree

from biomulti.demos.scripts import example

SMALL = {"radius": 22.0, "reach": 10.0, "rho": (4.0, 6.0), "ramp": 2.0, "width": 1.5, "progress": False}


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return example("phyllotaxis_disc")


@pytest.fixture(scope="module")
def small(module) -> dict:
    return module.run(born=8, every=5, seed=1, **SMALL)


def test_points_on_a_circle_come_to_the_golden_angle(module):
    angle, time = module.inhibition(born=55)
    turns, one_way = module.divergence(angle)
    assert one_way == 1.0
    # of Douady and Couder: alternate at first, golden at the end, where it still depends a little on d0
    assert turns[0] == pytest.approx(180.0, abs=1.0)
    assert turns[-10:].mean() == pytest.approx(module.GOLDEN, abs=2.0)
    assert turns[-10:].std() < 1.5
    assert (np.diff(time) > 0.0).all()


def test_divergence_is_taken_the_way_that_most_go(module):
    step = np.array([100.0, 130.0, -20.0, 120.0])
    for sign in (1.0, -1.0):
        turns, one_way = module.divergence(sign * np.concatenate([[0.0], np.cumsum(step)]))
        assert turns == pytest.approx([100.0, 130.0, 340.0, 120.0])
        assert one_way == 0.75


def test_walls_make_a_laplacian_that_is_exact_for_slopes(module):
    points = module.sheet(10.0, np.random.default_rng(1))
    wall = module.walls(points)
    assert abs(wall - wall.T).max() < 1e-12
    inside = np.hypot(*points.T) < 7.0
    laplacian = wall - diags(np.asarray(wall.sum(axis=1)).ravel())
    # cotangents are exact for linear fields, but where a weight was cut off, which few are
    assert np.median(np.abs((laplacian @ points)[inside])) < 1e-9


def test_density_stays_even_while_all_grows(module, small):
    points = small["frames"][-1]["points"]
    assert len(points) == int(math.pi * SMALL["radius"] ** 2)
    nearest = cKDTree(points).query(points, 2)[0][:, 1]
    assert nearest.min() > 0.3  # daughters begin .6 apart
    for low, high in ((0.0, 8.0), (8.0, 14.0), (14.0, 18.0)):
        far = np.hypot(*points.T)
        count = int(((far > low) & (far < high)).sum())
        assert count / (math.pi * (high**2 - low**2)) == pytest.approx(1.0, abs=0.15)


def test_primordia_come_at_the_ring_and_start_on_opposite_sides(module, small):
    assert len(small["angle"]) == 8
    assert small["far"] == pytest.approx(small["rho"], abs=2.5 * SMALL["width"])
    assert (np.diff(small["time"]) >= 0.0).all()


def test_founders_keep_others_away(module, small):
    """Places at birth, carried outwards by growth: with a drain none is born within 5 cells of one that is there."""
    angle, time, far = np.radians(small["angle"]), small["time"], small["far"]
    for n in range(1, len(angle)):
        carried = far[:n] * np.exp(time[n] - time[:n])
        other = carried * np.exp(1j * angle[:n])
        assert np.abs(far[n] * np.exp(1j * angle[n]) - other).min() > 5.0


def test_a_level_that_auxin_does_not_reach_makes_no_primordia(module):
    none = module.run(born=1, level=1.5, longest=20, seed=1, **SMALL)
    assert len(none["angle"]) == 0


def test_summary_picture_and_movie(module, small, tmp_path):
    points = module.inhibition(born=20)
    assert "golden" in module.summary({"disc": small}, points)
    module.draw({"disc": small}, points, tmp_path / "new" / "picture.png")
    assert (tmp_path / "new" / "picture.png").stat().st_size > 50_000
    module.movie({**small, "frames": small["frames"][:3]}, tmp_path / "movie.mp4")
    assert (tmp_path / "movie.mp4").stat().st_size > 3_000


def test_longest_spiral(module):
    steps = np.array([100.0, -140.0, -130.0, -120.0, 90.0])
    angle = np.concatenate([[0.0], np.cumsum(steps)])
    assert module.longest_spiral(angle) == pytest.approx([140.0, 130.0, 120.0])
    assert module.folded(angle) == pytest.approx(np.abs(steps))
