"""Transport keeps the total and the sign of any concentration in any flow."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tissue

KINDS = st.sampled_from(("periodic", "no-slip", "free-slip"))
GRIDS = st.builds(
    lambda shape, size, kinds: tissue.Grid(shape, size, kinds),
    st.tuples(st.integers(4, 20), st.integers(4, 20)),
    st.tuples(st.floats(0.5, 3.0), st.floats(0.5, 3.0)),
    st.tuples(KINDS, KINDS),
)
CASES = settings(max_examples=60, deadline=None, derandomize=True)


def any_flow(grid: tissue.Grid, rng: np.random.Generator) -> tissue.Flow:
    u, v = rng.normal(size=(2, *grid.shape))
    if not grid.periodic[0]:
        u[0, :] = 0.0
    if not grid.periodic[1]:
        v[:, 0] = 0.0
    return tissue.Flow(grid, (u, v), np.zeros(grid.shape))


def spiky(grid: tissue.Grid, rng: np.random.Generator) -> np.ndarray:
    """Mostly nothing, here and there a lot."""
    return np.where(rng.random(grid.shape) < 0.1, 10.0 ** rng.uniform(-8, 3, grid.shape), 0.0)


@CASES
@given(
    grid=GRIDS,
    seed=st.integers(0, 2**31),
    dt=st.floats(1e-4, 2.0),
    diffusion=st.sampled_from([0.0, 1e-4, 1.0, 1e4]),
)
def test_total_is_kept_and_nothing_is_negative(grid: tissue.Grid, seed: int, dt: float, diffusion: float) -> None:
    rng = np.random.default_rng(seed)
    start = spiky(grid, rng)
    end = tissue.transport(grid, start, any_flow(grid, rng), dt, diffusion=diffusion)
    assert end.min() >= 0.0
    assert abs(end.sum() - start.sum()) <= 1e-13 * start.sum()


@CASES
@given(
    grid=GRIDS,
    seed=st.integers(0, 2**31),
    decay=st.sampled_from([0.0, 1e-9, 0.3, 40.0]),
    diffusion=st.sampled_from([0.0, 0.2]),
)
def test_total_follows_decay_and_source(grid: tissue.Grid, seed: int, decay: float, diffusion: float) -> None:
    """M' = S - k M exactly, however the concentration moves."""
    rng = np.random.default_rng(seed)
    start, source, dt = spiky(grid, rng), spiky(grid, rng), 0.7
    end = tissue.transport(grid, start, None, dt, diffusion=diffusion, decay=decay, source=source)
    kept = np.exp(-decay * dt)
    made = dt if decay == 0.0 else -np.expm1(-decay * dt) / decay
    exact = start.sum() * kept + source.sum() * made
    assert end.min() >= 0.0
    assert abs(end.sum() - exact) <= 1e-12 * exact


@CASES
@given(grid=GRIDS, seed=st.integers(0, 2**31))
def test_a_uniform_concentration_stays_uniform_without_divergence(grid: tissue.Grid, seed: int) -> None:
    rng = np.random.default_rng(seed)
    psi = rng.normal(size=grid.corner_shape)
    for axis in (0, 1):
        ends = np.moveaxis(psi, axis, 0)
        ends[-1] = ends[0] if grid.periodic[axis] else 0.0
        if not grid.periodic[axis]:
            ends[0] = 0.0
    hx, hy = grid.spacing
    u, v = (psi[:-1, 1:] - psi[:-1, :-1]) / hy, -(psi[1:, :-1] - psi[:-1, :-1]) / hx
    flow = tissue.Flow(grid, (u, v), np.zeros(grid.shape))
    end = tissue.transport(grid, np.ones(grid.shape), flow, 0.3, diffusion=0.1)
    assert np.abs(end - 1.0).max() < 1e-11


def plain_advection(grid: tissue.Grid, c: np.ndarray, flow: tissue.Flow, dt: float) -> np.ndarray:
    """One Heun step of limited finite volumes, cell by cell, as the paper says it."""
    nx, ny = grid.shape

    def at(a, i, j):
        place = (
            k % n if wraps else min(max(k, 0), n - 1)
            for k, n, wraps in zip((i, j), grid.shape, grid.periodic, strict=True)
        )
        return a[tuple(place)]

    def end_of_cell(a, i, j, di, dj, side):
        here = at(a, i, j)
        left, right = here - at(a, i - di, j - dj), at(a, i + di, j + dj) - here
        slope = 0.0
        if left * right > 0:
            slope = np.sign(left) * min(abs(left + right) / 2, 2 * abs(left), 2 * abs(right))
        return here + side * slope / 2

    def flux(a, velocity, i, j, di, dj):
        if velocity > 0:
            return velocity * end_of_cell(a, i - di, j - dj, di, dj, +1)
        return velocity * end_of_cell(a, i, j, di, dj, -1)

    def step(a):
        new = a.copy()
        for i in range(nx):
            for j in range(ny):
                east, north = flow.u[(i + 1) % nx, j], flow.v[i, (j + 1) % ny]
                out_x = flux(a, east, i + 1, j, 1, 0) - flux(a, flow.u[i, j], i, j, 1, 0)
                out_y = flux(a, north, i, j + 1, 0, 1) - flux(a, flow.v[i, j], i, j, 0, 1)
                new[i, j] -= dt * (out_x / grid.spacing[0] + out_y / grid.spacing[1])
        return new

    return 0.5 * c + 0.5 * step(step(c))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(grid=GRIDS, seed=st.integers(0, 2**31))
def test_advection_is_its_plain_twin(grid: tissue.Grid, seed: int) -> None:
    rng = np.random.default_rng(seed)
    start, flow = rng.uniform(0, 1, grid.shape), any_flow(grid, rng)
    # one step short enough to be taken whole
    fastest = np.abs(flow.u).max() / grid.spacing[0] + np.abs(flow.v).max() / grid.spacing[1]
    dt = 0.4 / fastest
    twin = plain_advection(grid, start, flow, dt)
    assert np.abs(tissue.transport(grid, start, flow, dt) - twin).max() < 1e-13
