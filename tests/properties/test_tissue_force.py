"""What moves points and what spreads their forces: transposes of each other, exact for linear flows up to the sides."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tissue
from tissue.movement import carrier
from tissue.particles import into_box

SIDES = ("periodic", "no-slip", "free-slip", "traction-free", ("free-slip", "traction-free"), ("inflow", "no-slip"))
GRIDS = st.integers(2, 3).flatmap(
    lambda dim: st.builds(
        tissue.Grid,
        st.tuples(*[st.integers(4, 8)] * dim),
        st.tuples(*[st.floats(0.5, 4.0)] * dim),
        st.tuples(*[st.sampled_from(SIDES)] * dim),
    )
)
SEEDS = st.integers(0, 2**31)
CASES = settings(max_examples=80, deadline=None, derandomize=True)


def at_sides(grid: tissue.Grid, field: np.ndarray, axis: int, *, factor: dict[str, float]) -> None:
    """Multiply a field on faces by a factor on the first and last face, by what the side is."""
    ends = np.moveaxis(field, axis, 0)
    for end, kind in ((0, grid.sides[axis][0]), (-1, grid.sides[axis][1])):
        if kind != "periodic" and (end == 0 or grid.open[axis]):
            ends[end] *= factor.get(kind, factor["held"])


@CASES
@given(grid=GRIDS, seed=SEEDS)
def test_power_of_forces_is_that_of_the_points(grid: tissue.Grid, seed: int) -> None:
    """sum f . u over faces, half cells at open sides, is sum F . u over points, on sides and corners too."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0.0, 1.0, (30, grid.dim)) * grid.size
    points[0], points[1], points[2, 0] = 0.0, grid.size, grid.size[0]
    force = rng.normal(size=points.shape)
    velocity = tuple(rng.normal(size=grid.face_shape(a)) for a in range(grid.dim))
    for a, u in enumerate(velocity):
        at_sides(grid, u, a, factor={"traction-free": 1.0, "held": 0.0})
    flow = tissue.Flow(grid, velocity, np.zeros(grid.shape))
    of_points = force * carrier(flow)(into_box(grid, points))
    power = 0.0
    for a, (f, u) in enumerate(zip(tissue.spread_force(grid, points, force), velocity, strict=True)):
        work = f * u
        at_sides(grid, work, a, factor={"traction-free": 0.5, "held": 0.0})
        power += work.sum() * grid.cell_area
    assert abs(power - of_points.sum()) < 1e-12 * np.abs(of_points).sum()


@CASES
@given(grid=GRIDS.filter(lambda grid: min(grid.shape) >= 6), seed=SEEDS)
def test_forces_and_torques_are_those_of_the_points(grid: tissue.Grid, seed: int) -> None:
    rng = np.random.default_rng(seed)
    h = np.array(grid.spacing)
    points = rng.uniform(1.5 * h, grid.size - 1.5 * h, (20, grid.dim))
    force = rng.normal(size=points.shape)
    found = tissue.spread_force(grid, points, force)
    for a in range(grid.dim):
        assert abs(found[a].sum() * grid.cell_area - force[:, a].sum()) < 1e-12 * np.abs(force).sum()
        for b in range(a):
            torque = (grid.faces(b)[a] * found[b]).sum() - (grid.faces(a)[b] * found[a]).sum()
            exact = (points[:, a] * force[:, b] - points[:, b] * force[:, a]).sum()
            assert abs(torque * grid.cell_area - exact) < 1e-11 * np.abs(force).sum() * max(grid.size)


@pytest.mark.parametrize("dim", [2, 3])
def test_points_move_exactly_up_to_moving_walls(dim: int) -> None:
    """A shear between a wall at rest and a moving one, and a shear that is given at inflow sides."""
    for low, high in (("no-slip", "moving"), ("inflow", "inflow")):
        grid = tissue.Grid((8, 12, 4)[:dim], (1.0, 1.5, 0.5)[:dim], ("periodic", (low, high), "periodic")[:dim])
        walls = {"+y": [3.0, *[0.0] * (dim - 1)]}
        flow = tissue.Stokes(grid, tolerance=1e-12).solve(walls=walls)
        points = np.random.default_rng(3).uniform(0.0, 1.0, (50, dim)) * grid.size
        step = tissue.advance(flow, points, 0.01) - points
        step -= grid.size * np.rint(step / grid.size)
        assert np.allclose(step[:, 0], 0.02 * points[:, 1], atol=1e-10)
        assert np.abs(step[:, 1:]).max() < 1e-10


def test_refusals() -> None:
    grid = tissue.Grid((8, 8), (1.0, 1.0))
    with pytest.raises(tissue.FieldError, match=r"force has shape \(3,\)"):
        tissue.spread_force(grid, np.ones((3, 2)), np.ones(3))
    with pytest.raises(tissue.FieldError, match=r"force\[1, 0\] is nan"):
        tissue.spread_force(grid, np.ones((3, 2)), [[0.0, 0.0], [np.nan, 0.0], [0.0, 0.0]])


def test_the_same_bits_for_any_number_of_threads() -> None:
    """Points that move and stretch, enough of them for threads."""
    code = (
        "import numpy as np, tissue, hashlib, numba, sys; numba.set_num_threads(int(sys.argv[1]));"
        "r = np.random.default_rng(0); g = tissue.Grid((8, 8, 8), (1.0,) * 3); x = r.uniform(0, 1, (20000, 3));"
        "f = tissue.Flow(g, tuple(r.normal(size=(3, 8, 8, 8))), np.zeros(g.shape)); m = tissue.Maxwell(0.5);"
        "a = m.advance(m.rest(20000, 3), tissue.velocity_gradient(f, x), 0.1);"
        "print(hashlib.sha256(tissue.advance(f, x, 0.1).tobytes() + a.tobytes()).hexdigest())"
    )
    found = {subprocess.check_output([sys.executable, "-c", code, threads], timeout=300) for threads in "12"}
    assert len(found) == 1
