"""What must hold for any points on any grid: conservation, work, balance of forces and torques."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tissue

KINDS = st.sampled_from(("periodic", "no-slip", "free-slip"))
GRIDS = st.builds(
    lambda shape, size, kinds: tissue.Grid(shape, size, kinds),
    st.tuples(st.integers(4, 20), st.integers(4, 20)),
    st.tuples(st.floats(0.1, 50.0), st.floats(0.1, 50.0)),
    st.tuples(KINDS, KINDS),
)
SEEDS = st.integers(0, 2**31)
CASES = settings(max_examples=60, deadline=None, derandomize=True)


def points_in(grid: tissue.Grid, rng: np.random.Generator, n: int) -> np.ndarray:
    """Uniform points, a few of them exactly on the ends of the axes."""
    points = rng.uniform(0, 1, (n, 2)) * grid.size
    points[0], points[1], points[2, 0] = (0.0, 0.0), grid.size, grid.size[0]
    return points


def any_flow(grid: tissue.Grid, rng: np.random.Generator) -> tissue.Flow:
    u, v = rng.normal(size=(2, *grid.shape))
    if not grid.periodic[0]:
        u[0, :] = 0.0
    if not grid.periodic[1]:
        v[:, 0] = 0.0
    return tissue.Flow(grid, (u, v), rng.normal(size=grid.shape))


@CASES
@given(grid=GRIDS, seed=SEEDS)
def test_spread_keeps_the_total_and_is_the_transpose_of_sample(grid: tissue.Grid, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, amount, field = points_in(grid, rng, 37), rng.uniform(0, 1, 37), rng.normal(size=grid.shape)
    density = tissue.spread(grid, points, amount)
    assert density.min() >= 0.0
    assert abs(density.sum() * grid.cell_area - amount.sum()) < 1e-13 * amount.sum()
    work = (density * field).sum() * grid.cell_area
    size = (density * np.abs(field)).sum() * grid.cell_area
    assert abs(work - (amount * tissue.sample(grid, field, points)).sum()) < 1e-12 * size


@CASES
@given(grid=GRIDS, seed=SEEDS)
def test_work_of_spread_stress_is_that_of_the_points(grid: tissue.Grid, seed: int) -> None:
    """For any flow, sum f . u over faces = - sum S : E over points; walls included."""
    rng = np.random.default_rng(seed)
    points, stress, flow = points_in(grid, rng, 29), rng.normal(size=(29, 3)), any_flow(grid, rng)
    fx, fy = tissue.spread_stress(grid, points, stress).force()
    rate = tissue.strain_rate(tissue.velocity_gradient(flow, points))
    terms = stress * np.stack([rate[:, 0, 0], rate[:, 1, 1], 2 * rate[:, 0, 1]], axis=1)
    power = ((fx * flow.u).sum() + (fy * flow.v).sum()) * grid.cell_area
    assert abs(power + terms.sum()) < 1e-11 * np.abs(terms).sum()


@CASES
@given(grid=GRIDS.filter(lambda g: min(g.shape) >= 8), seed=SEEDS)
def test_spread_stress_has_no_net_force_and_no_torque(grid: tissue.Grid, seed: int) -> None:
    rng = np.random.default_rng(seed)
    h = np.array(grid.spacing)
    points = rng.uniform(2 * h, np.array(grid.size) - 2 * h, (50, 2))
    fx, fy = tissue.spread_stress(grid, points, rng.normal(size=(50, 3))).force()
    size = np.abs(fx).sum() + np.abs(fy).sum()
    assert abs(fx.sum()) < 1e-12 * size
    assert abs(fy.sum()) < 1e-12 * size
    torque = (grid.y_faces()[0] * fy).sum() - (grid.x_faces()[1] * fx).sum()
    assert abs(torque) < 1e-12 * size * max(grid.size)


@CASES
@given(grid=GRIDS, seed=SEEDS, dt=st.floats(-3.0, 3.0))
def test_advanced_points_stay_in_the_box(grid: tissue.Grid, seed: int, dt: float) -> None:
    rng = np.random.default_rng(seed)
    moved = tissue.advance(any_flow(grid, rng), points_in(grid, rng, 20), dt)
    assert (moved >= 0.0).all()
    assert (moved <= grid.size).all()


@CASES
@given(grid=GRIDS, seed=SEEDS)
def test_trace_of_the_gradient_is_the_divergence(grid: tissue.Grid, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, flow = points_in(grid, rng, 20), any_flow(grid, rng)
    trace = np.trace(tissue.velocity_gradient(flow, points), axis1=1, axis2=2)
    divergence = tissue.sample(grid, flow.divergence(), points)
    assert np.abs(trace - divergence).max() < 1e-12 * np.abs(flow.divergence()).max()


def bilinear(grid: tissue.Grid, field: np.ndarray, point: np.ndarray) -> float:
    """The plain twin of `sample`: weights of the four nearest centres, one point at a time."""
    total = 0.0
    for i in range(-1, grid.shape[0] + 1):
        for j in range(-1, grid.shape[1] + 1):
            weight = 1.0
            for k, x, h in ((i, point[0], grid.spacing[0]), (j, point[1], grid.spacing[1])):
                weight *= max(0.0, 1.0 - abs(x / h - (k + 0.5)))
            if weight > 0.0:
                ends = zip((i, j), grid.shape, grid.periodic, strict=True)
                a, b = (k % n if wraps else min(max(k, 0), n - 1) for k, n, wraps in ends)
                total += weight * field[a, b]
    return total


@settings(max_examples=25, deadline=None, derandomize=True)
@given(grid=GRIDS, seed=SEEDS)
def test_sample_is_its_plain_twin(grid: tissue.Grid, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, field = points_in(grid, rng, 6), rng.normal(size=grid.shape)
    twin = [bilinear(grid, field, p) for p in points]
    assert np.allclose(tissue.sample(grid, field, points), twin, rtol=0, atol=1e-12 * np.abs(field).max())
