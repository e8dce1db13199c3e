"""Points that are kept apart: pairs, walls, means, and a tissue that grows and stays even."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import tissue


@pytest.mark.parametrize("dim", [2, 3])
def test_a_pair_parts_to_the_distance(dim: int) -> None:
    """Round a periodic end too, and where both lie on one spot; whoever has room stays."""
    grid = tissue.Grid((8,) * dim, (4.0,) * dim)
    points = np.full((7, dim), 2.0)
    points[:, 1] = [0.02, 3.98, 1.0, 1.0, 2.0, 2.3, 3.2]
    moved = tissue.keep_apart(grid, points, 0.1)
    gap = moved - points
    assert np.allclose(moved[:2, 1], [0.05, 3.95])
    assert np.linalg.norm(moved[2] - moved[3]) == pytest.approx(0.1)
    assert not gap[4:].any()
    assert np.abs((gap - grid.size * np.rint(gap / grid.size)).sum(axis=0)).max() < 1e-14


@pytest.mark.parametrize("dim", [2, 3])
def test_the_mean_stays_and_no_point_moves_far(dim: int) -> None:
    grid = tissue.Grid((8,) * dim, (1.0, 2.0, 1.5)[:dim])
    points = np.random.default_rng(1).uniform(0.0, 1.0, (5000, dim)) ** 2 * grid.size
    step = tissue.keep_apart(grid, points, 0.05) - points
    step -= grid.size * np.rint(step / grid.size)
    assert np.abs(step.mean(axis=0)).max() < 1e-16
    assert 0.01 < np.linalg.norm(step, axis=1).max() <= 0.025


def test_points_stay_inside_walls() -> None:
    grid = tissue.Grid((8, 8), (1.0, 1.0), ("no-slip", ("no-slip", "traction-free")))
    points = np.random.default_rng(2).uniform(0.0, 1.0, (150, 2)) ** 2
    for _ in range(400):
        points = tissue.keep_apart(grid, points, 0.05)
    assert points.min() >= 0.0
    assert points.max() <= 1.0
    assert tissue.neighbours(grid, points, 0.03).count.max() == 0


def grown(sweeps: int) -> tuple[int, float, float]:
    """
    Points in a disc grow and divide until there are twenty times as many: how many, variance over mean of their numbers
    in 8 x 8 squares of its inside (1 if they lie at random), and root mean square distance over that of an even disc.
    """
    rng = np.random.default_rng(0)
    grid = tissue.Grid((64, 64), (20.0, 20.0), ("traction-free", "traction-free"))
    stokes, flow = tissue.Stokes(grid, friction=0.01), None
    angle, radius = 2.0 * np.pi * rng.random(60), 1.5 * np.sqrt(rng.random(60))
    points = 10.0 + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    full = np.pi * 1.5**2 / 60 * 4.0 / 3.0
    area, steps = rng.uniform(0.4, 1.0, 60) * full, 120
    for _ in range(steps):
        flow = stokes.solve(growth=tissue.spread(grid, points, area), guess=flow)
        points = tissue.advance(flow, points, 3.0 / steps)
        area *= np.exp(3.0 / steps)
        ready = area > full
        area[ready] /= 2.0
        turn = 2.0 * np.pi * rng.random(ready.sum())
        axis = 0.1 * np.sqrt(full) * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        points = np.concatenate([points, points[ready] + axis])
        points[: len(ready)][ready] -= axis
        area = np.concatenate([area, area[ready]])
        for _ in range(sweeps):
            points = tissue.keep_apart(grid, points, 0.9 * 1.07 * np.sqrt(area.mean()))
    edge = np.sqrt(area.sum() / np.pi)
    found = np.histogram2d(*(points - 10.0).T, bins=8, range=[[-0.6 * edge, 0.6 * edge]] * 2)[0]
    spread = np.sqrt(2.0 * ((points - 10.0) ** 2).sum(axis=1).mean()) / edge
    return len(points), float(found.var() / found.mean()), float(spread)


def test_a_growing_tissue_stays_even() -> None:
    """
    Daughters lie beside each other, so that growth alone leaves points in clumps (variance over mean 1.4, more than at
    random), and with a sweep of each step even (below .4), in a disc of the same size.
    """
    number, clumped, _ = grown(0)
    assert number > 1000
    assert clumped > 1.1
    number, even, size = grown(1)
    assert number > 1000
    assert even < 0.5
    assert abs(size - 1.0) < 0.02


def test_the_same_bits_for_any_number_of_threads() -> None:
    code = (
        "import numpy as np, tissue, hashlib, numba, sys; numba.set_num_threads(int(sys.argv[1]));"
        "g = tissue.Grid((16, 16), (1.0, 1.0)); x = np.random.default_rng(0).uniform(0, 1, (30000, 2));"
        "print(hashlib.sha256(tissue.keep_apart(g, x, 0.005).tobytes()).hexdigest())"
    )
    found = {subprocess.check_output([sys.executable, "-c", code, threads], timeout=300) for threads in "12"}
    assert len(found) == 1


def test_points_at_one_place_part_in_all_directions() -> None:
    """In three dimensions too; the same points part alike."""
    grid = tissue.Grid((8, 8, 8), (1.0, 1.0, 1.0))
    points = np.full((50, 3), 0.5)
    for _ in range(30):
        points = tissue.keep_apart(grid, points, 0.1)
    assert (np.ptp(points, axis=0) > 0.25).all()
    assert np.array_equal(tissue.keep_apart(grid, points, 0.1), tissue.keep_apart(grid, points, 0.1))
    pair = tissue.keep_apart(grid, np.full((2, 3), 0.5), 0.1)
    assert (np.abs(pair[0] - pair[1]) > 0.01).all()
    assert np.linalg.norm(pair[0] - pair[1]) == pytest.approx(0.1)


@pytest.mark.parametrize("boundary", [("periodic", "periodic"), ("no-slip", "free-slip")])
def test_contacts_of_points_at_one_place(boundary: tuple[str, str]) -> None:
    """The first has all the contacts around, the others it alone; both ways."""
    grid = tissue.Grid((8, 8), (1.0, 1.0), boundary)
    points = np.random.default_rng(0).uniform(0.0, 1.0, (60, 2))
    once = tissue.contacts(grid, points)
    found = tissue.contacts(grid, np.concatenate([points, points[:5], points[:2]]))
    more = {k: [60 + k] + ([65 + k] if k < 2 else []) for k in range(5)}
    for k in range(60):
        assert list(found.of(k)) == [*once.of(k), *more.get(k, [])]
    assert [list(found.of(k)) for k in range(60, 67)] == [[0], [1], [2], [3], [4], [0], [1]]
