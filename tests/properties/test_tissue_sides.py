"""Lengths of the sides that Voronoi cells share, beside Voronoi's tessellation of all copies."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Voronoi

import tissue

KINDS = st.sampled_from(("periodic", "no-slip", "traction-free"))
GRIDS = st.builds(
    tissue.Grid,
    st.tuples(st.integers(4, 9), st.integers(4, 9)),
    st.tuples(st.floats(0.5, 4.0), st.floats(0.5, 4.0)),
    st.tuples(KINDS, KINDS),
)


def clipped(one: np.ndarray, other: np.ndarray, first: np.ndarray, second: np.ndarray, reach: float) -> float:
    """Length of the side from `one` to `other`, as far as it lies within `reach` of the middle of its edge."""
    edge = second - first
    across = np.array([-edge[1], edge[0]]) / np.hypot(*edge)
    ends = [float(np.clip((end - 0.5 * (first + second)) @ across, -reach, reach)) for end in (one, other)]
    return abs(ends[0] - ends[1])


def sides(grid: tissue.Grid, points: np.ndarray, longest: float) -> dict[tuple[int, int], float]:
    """The plain twin: the tessellation of the box and of copies two deep, ridge by ridge."""
    reach = [range(-2, 3) if wraps else (0,) for wraps in grid.periodic]
    steps = sorted(itertools.product(*reach), key=lambda step: any(step))
    images = np.concatenate([points + np.array(step) * grid.size for step in steps])
    n, half = len(points), 0.5 * min(longest, max(grid.size))
    found: dict[tuple[int, int], float] = {}
    voronoi = Voronoi(images)
    centre = images.mean(axis=0)
    for (a, b), (u, v) in zip(voronoi.ridge_points, voronoi.ridge_vertices, strict=True):
        first, second = images[a], images[b]
        if min(a, b) >= n or a % n == b % n or np.linalg.norm(second - first) > longest:
            continue
        if min(u, v) < 0:
            # a side that goes on for ever, away from the middle of all
            start, edge = voronoi.vertices[max(u, v)], second - first
            away = np.array([-edge[1], edge[0]]) / np.hypot(*edge)
            away *= np.sign((0.5 * (first + second) - centre) @ away)
            length = clipped(start, start + 1e6 * away, first, second, half)
        else:
            length = clipped(voronoi.vertices[u], voronoi.vertices[v], first, second, half)
        # of a side across a periodic end there are two images
        for i, j in {(a, b), (b, a)}:
            if i < n:
                found[i, j % n] = found.get((i, j % n), 0.0) + length
    return found


@settings(max_examples=80, deadline=None, derandomize=True)
@given(grid=GRIDS, seed=st.integers(0, 2**31), n=st.integers(6, 60), share=st.floats(0.3, 1.5))
def test_sides_are_those_of_voronoi_cells(grid: tissue.Grid, seed: int, n: int, share: float) -> None:
    points = np.random.default_rng(seed).uniform(0.0, 1.0, (n, 2)) * grid.size
    for longest in (np.inf, share * max(grid.size)):
        found = tissue.contacts(grid, points, longest=longest)
        expected = sides(grid, points, longest)
        assert found.side is not None
        seen = dict(zip(zip(found.owner.tolist(), found.index.tolist(), strict=True), found.side, strict=True))
        scale = max(grid.size)
        for pair in seen.keys() | expected.keys():
            assert abs(seen.get(pair, 0.0) - expected.get(pair, 0.0)) < 1e-7 * scale, pair
        for i, j in seen:
            assert seen[i, j] == seen[j, i]
