"""Neighbours beside a search through all pairs, on any box in two and three dimensions."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay, cKDTree

import tissue

KINDS = st.sampled_from(("periodic", "no-slip", ("inflow", "traction-free")))
GRIDS = st.integers(2, 3).flatmap(
    lambda dim: st.builds(
        tissue.Grid,
        st.tuples(*[st.integers(4, 9)] * dim),
        st.tuples(*[st.floats(0.5, 4.0)] * dim),
        st.tuples(*[KINDS] * dim),
    )
)
SEEDS = st.integers(0, 2**31)
CASES = settings(max_examples=60, deadline=None, derandomize=True)


def all_pairs(grid: tissue.Grid, points: np.ndarray, radius: float) -> list[list[int]]:
    """The plain twin: every pair, every image."""
    length = np.where(grid.periodic, grid.size, 0.0)
    found: list[list[int]] = [[] for _ in points]
    for i, j in itertools.permutations(range(len(points)), 2):
        images = (points[j] + np.array(step) * length for step in itertools.product((-1, 0, 1), repeat=grid.dim))
        if min(np.linalg.norm(image - points[i]) for image in images) <= radius:
            found[i].append(j)
    return found


@CASES
@given(grid=GRIDS, seed=SEEDS, n=st.integers(0, 25), share=st.floats(0.02, 1.5))
def test_neighbours_are_all_pairs_within_the_radius(grid: tissue.Grid, seed: int, n: int, share: float) -> None:
    points = np.random.default_rng(seed).uniform(0.0, 1.0, (n, grid.dim)) * grid.size
    points[:2] = 0.0
    radius = share * min(grid.size) / 2
    if any(grid.periodic):
        radius = min(radius, 0.499 * min(s for s, wraps in zip(grid.size, grid.periodic, strict=True) if wraps))
    found = tissue.neighbours(grid, points, radius)
    assert [found.of(i).tolist() for i in range(n)] == all_pairs(grid, points, radius)
    assert (found.distance <= radius * (1 + 1e-12)).all()
    assert found.count.sum() == len(found.index) == len(found.owner)


@pytest.mark.parametrize("dim", [2, 3])
def test_many_points_beside_a_tree(dim: int) -> None:
    """Enough points for threads, in a periodic box."""
    grid = tissue.Grid((16,) * dim, (1.0,) * dim)
    points = np.random.default_rng(1).uniform(0.0, 1.0, (20_000, dim))
    radius = 0.013 if dim == 2 else 0.05
    found = tissue.neighbours(grid, points, radius)
    pairs = cKDTree(points, boxsize=1.0).query_pairs(radius, output_type="ndarray")
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.lexsort((both[:, 1], both[:, 0]))]
    assert np.array_equal(np.stack([found.owner, found.index], axis=1), both)


@CASES
@given(grid=GRIDS, seed=SEEDS, n=st.integers(0, 200))
def test_order_sorts_by_grid_cell_and_keeps_the_order_within(grid: tissue.Grid, seed: int, n: int) -> None:
    points = np.random.default_rng(seed).uniform(0.0, 1.0, (n, grid.dim)) * grid.size
    points[:3] = grid.size
    inside = np.where(grid.periodic & (points == grid.size), 0.0, points)
    cell = np.minimum(np.floor(inside / grid.spacing), np.array(grid.shape) - 1).astype(int)
    flat = np.ravel_multi_index(tuple(cell.T), grid.shape)
    assert np.array_equal(tissue.order(grid, points), np.argsort(flat, kind="stable"))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(grid=GRIDS, seed=SEEDS, n=st.integers(1, 120))
def test_contacts_round_periodic_ends(grid: tissue.Grid, seed: int, n: int) -> None:
    """Beside the tessellation of all copies of the box next to it, two deep."""
    n += 5 * (not all(grid.periodic))
    points = np.random.default_rng(seed).uniform(0.0, 1.0, (n, grid.dim)) * grid.size
    reach = [range(-2, 3) if wraps else (0,) for wraps in grid.periodic]
    steps = sorted(itertools.product(*reach), key=lambda step: any(step))
    images = np.concatenate([points + np.array(step) * grid.size for step in steps])
    touching = set()
    for simplex in Delaunay(images).simplices:
        for a, b in itertools.permutations(simplex, 2):
            if a < n and a % n != b % n:
                touching |= {(a % n, b % n), (b % n, a % n)}
    found = tissue.contacts(grid, points)
    assert set(zip(found.owner.tolist(), found.index.tolist(), strict=True)) == touching
    assert (np.diff(found.owner * n + found.index) > 0).all()


def test_contacts_of_known_arrangements() -> None:
    """Six neighbours on average in a periodic plane (Euler), and of a hexagonal sheet every one has six."""
    grid = tissue.Grid((8, 8), (12.0, 6.0 * np.sqrt(3.0)))
    scattered = np.random.default_rng(2).uniform(0.0, 1.0, (300, 2)) * grid.size
    assert tissue.contacts(grid, scattered).count.mean() == 6.0
    i, j = np.meshgrid(np.arange(12), np.arange(12), indexing="ij")
    sheet = np.stack([i + 0.5 * (j % 2), j * np.sqrt(0.75)], axis=-1).reshape(-1, 2)
    hexagons = tissue.contacts(grid, sheet + 0.1)
    assert (hexagons.count == 6).all()
    assert np.allclose(hexagons.distance, 1.0)
    # Delta of the neighbours' mean: all alike feel what they have
    assert np.allclose(hexagons.mean(np.full(144, 3.0)), 3.0)


@pytest.mark.parametrize("sides", ["no-slip", "periodic"])
@pytest.mark.parametrize("longest", [1.2, np.inf])
@pytest.mark.parametrize("dim", [2, 3])
def test_points_on_a_line_touch_the_next(dim: int, longest: float, sides: str) -> None:
    """However few they are; across a periodic end the first touches the last, whose edge is longer than a step back."""
    grid = tissue.Grid((8,) * dim, (20.0,) * dim, (sides,) * dim)
    for count in range(6):
        points = 8.0 + np.arange(count)[:, None] * np.array([0.8, 0.6, 0.0])[:dim]
        expected = {(i, i + 1) for i in range(count - 1)} if longest < 2.0 or sides == "no-slip" else None
        found = tissue.contacts(grid, points, longest=longest)
        pairs = {(i, j) for i, j in zip(found.owner.tolist(), found.index.tolist(), strict=True) if i < j}
        assert expected is None or pairs == expected
        assert {(i, i + 1) for i in range(count - 1)} <= pairs
        if dim == 2 and longest < 2.0:
            assert np.allclose(found.side, longest)


def test_no_contact_is_longer_than_the_longest() -> None:
    """The outer two of three meet round the box, 18 away, and not the 2 that the middle one lies between."""
    grid = tissue.Grid((8, 8), (20.0, 20.0))
    found = tissue.contacts(grid, np.array([[9.0, 10.0], [10.0, 10.0], [11.0, 10.0]]), longest=3.0)
    assert found.count.tolist() == [1, 2, 1]


def test_contacts_end_where_the_tissue_does() -> None:
    """Two clusters far apart: no contact across where a longest one is given. A point on another one touches it."""
    grid = tissue.Grid((8, 8), (10.0, 10.0), ("no-slip", "no-slip"))
    rng = np.random.default_rng(3)
    points = np.concatenate([rng.uniform(1.0, 3.0, (40, 2)), rng.uniform(7.0, 9.0, (40, 2))])
    points[5] = points[6]
    near = tissue.contacts(grid, points, longest=2.0)
    assert ((near.owner < 40) == (near.index < 40)).all()
    assert ((tissue.contacts(grid, points).owner < 40) != (tissue.contacts(grid, points).index < 40)).any()
    assert 6 in near.of(5)


def test_refusals() -> None:
    grid = tissue.Grid((8, 8), (4.0, 6.0), ("periodic", "no-slip"))
    with pytest.raises(tissue.FieldError, match="half or more of periodic axis x, which is 4 long"):
        tissue.neighbours(grid, np.ones((3, 2)), 2.0)
    with pytest.raises(tissue.FieldError, match="radius is 0"):
        tissue.neighbours(grid, np.ones((3, 2)), 0.0)
    with pytest.raises(tissue.FieldError, match="longest is -1"):
        tissue.contacts(grid, np.ones((3, 2)), longest=-1.0)
    with pytest.raises(tissue.FieldError, match="values has shape"):
        tissue.neighbours(grid, np.ones((3, 2)), 1.0).mean(np.ones(2))


def test_the_same_neighbours_for_any_number_of_threads() -> None:
    code = (
        "import numpy as np, tissue, hashlib, numba, sys; numba.set_num_threads(int(sys.argv[1]));"
        "g = tissue.Grid((16, 16, 16), (1.0,) * 3); x = np.random.default_rng(0).uniform(0, 1, (30000, 3));"
        "n = tissue.neighbours(g, x, 0.05); print(hashlib.sha256(n.start.tobytes() + n.index.tobytes()).hexdigest())"
    )
    found = {subprocess.check_output([sys.executable, "-c", code, threads], timeout=300) for threads in "12"}
    assert len(found) == 1


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [(1.0, 10.0), (1.0, 4.0)])
def test_contacts_across_a_wide_gap_are_those_of_many_copies(size, seed):
    """A band in a long box, wherever it lies."""
    grid, rng = tissue.Grid((8, 8), size), np.random.default_rng(seed)
    band = np.stack([rng.uniform(0.0, 1.0, 12), rng.uniform(0.4 * size[1], 0.5 * size[1], 12)], axis=1)
    copies = [(i, j) for i in range(-24, 25) for j in (-2, -1, 0, 1, 2)]
    copies.sort(key=lambda c: c != (0, 0))
    for shift in (0.0, 0.5 * size[1]):
        points = (band + np.array([0.0, shift])) % size
        images = np.concatenate([points + np.multiply(c, size) for c in copies])
        expected = set()
        for simplex in Delaunay(images).simplices:
            for a in simplex[simplex < 12]:
                expected |= {(int(a), int(b) % 12) for b in simplex if int(b) % 12 != a}
        found = tissue.contacts(grid, points)
        assert set(zip(found.owner.tolist(), found.index.tolist(), strict=True)) == expected
