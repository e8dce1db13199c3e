"""Orders of moving points and of transporting concentrations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

import tissue


def flow_from(grid: tissue.Grid, u, v) -> tissue.Flow:
    """A flow whose faces carry the given functions."""
    zero = np.zeros(grid.shape)
    return tissue.Flow(grid, (u(*grid.x_faces()) + zero, v(*grid.y_faces()) + zero), zero)


def cellular_flow(n: int) -> tissue.Flow:
    """Exactly divergence-free on the grid: from psi = sin 2 pi x sin 2 pi y / 2 pi at corners."""
    grid = tissue.Grid((n, n), (1.0, 1.0))
    x, y = grid.corners()
    psi = np.sin(2 * np.pi * x) * np.sin(2 * np.pi * y) / (2 * np.pi)
    u = (psi[:-1, 1:] - psi[:-1, :-1]) * n
    v = -(psi[1:, :-1] - psi[:-1, :-1]) * n
    return tissue.Flow(grid, (u, v), np.zeros(grid.shape))


def test_midpoint_rule_is_second_order_in_time() -> None:
    """In a linear flow, which the grid carries exactly, against the matrix exponential."""
    gradient = np.array([[0.3, -1.0], [0.8, -0.3]])
    grid = tissue.Grid((16, 16), (4.0, 4.0), ("no-slip", "no-slip"))
    flow = flow_from(
        grid,
        lambda x, y: gradient[0, 0] * (x - 2) + gradient[0, 1] * (y - 2),
        lambda x, y: gradient[1, 0] * (x - 2) + gradient[1, 1] * (y - 2),
    )
    start = 2.0 + np.random.default_rng(1).uniform(-0.7, 0.7, (50, 2))
    exact = 2.0 + (start - 2.0) @ expm(gradient).T
    errors = []
    for steps in (10, 20, 40):
        points = start
        for _ in range(steps):
            points = tissue.advance(flow, points, 1.0 / steps)
        errors.append(np.abs(points - exact).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (np.abs(orders - 2.0) < 0.1).all(), (errors, orders)


def test_points_keep_their_streamline_to_second_order() -> None:
    start = np.random.default_rng(2).uniform(0, 1, (4000, 2))
    psi = lambda q: np.sin(2 * np.pi * q[:, 0]) * np.sin(2 * np.pi * q[:, 1]) / (2 * np.pi)  # noqa: E731
    errors = []
    for n in (16, 32, 64):
        flow, points, dt = cellular_flow(n), start, 0.32 / n
        for _ in range(round(1.0 / dt)):
            points = tissue.advance(flow, points, dt)
        errors.append(np.sqrt(np.mean((psi(points) - psi(start)) ** 2)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (orders > 1.8).all(), (errors, orders)


def test_points_do_not_cluster() -> None:
    """
    Independent uniform points stay so in a divergence-free flow: counts in 400 boxes keep Poisson variance.

    Their chi-square statistic, 399 degrees of freedom, stays below its 1 - 1e-6 quantile (546); seed fixed.
    """
    points = np.random.default_rng(3).uniform(0, 1, (20000, 2))
    flow = cellular_flow(64)
    for _ in range(400):
        points = tissue.advance(flow, points, 0.01)
    counts = np.histogram2d(*points.T, bins=20, range=[[0, 1], [0, 1]])[0]
    assert ((counts - 50) ** 2 / 50).sum() < 546


@pytest.mark.parametrize("speed", [(1.0, 0.6), (-0.7, 1.0)])
def test_advection_is_second_order_where_smooth(speed: tuple[float, float]) -> None:
    """
    A wave carried across half the box. The median error falls with order 2.0; the mean, in which count the maxima
    that the limiter flattens, with 1.84, 1.89, 1.92 and rising.
    """
    errors = []
    for n in (32, 64, 128, 256):
        grid = tissue.Grid((n, n), (1.0, 1.0))
        x, y = grid.centres()
        wave = 1.5 + np.sin(2 * np.pi * x) * np.cos(2 * np.pi * y)
        flow = flow_from(grid, lambda x, y: speed[0], lambda x, y: speed[1])
        moved = tissue.transport(grid, wave, flow, 0.5)
        x, y = x - 0.5 * speed[0], y - 0.5 * speed[1]
        error = np.abs(moved - 1.5 - np.sin(2 * np.pi * x) * np.cos(2 * np.pi * y))
        errors.append([np.median(error), error.mean()])
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert abs(orders[-1, 0] - 2.0) < 0.1, (errors, orders)
    assert orders[-1, 1] > 1.88, (errors, orders)


def test_splitting_is_second_order_in_time() -> None:
    """Advection, diffusion, decay and source that do not commute, in a fixed grid, against many small steps."""
    flow = cellular_flow(32)
    x, y = flow.grid.centres()
    start = 1.0 + 0.5 * np.sin(2 * np.pi * x) * np.sin(2 * np.pi * (y + 0.1))
    source = 2.0 + np.cos(2 * np.pi * x) + np.zeros(flow.grid.shape)

    def after(steps: int) -> np.ndarray:
        c = start
        for _ in range(steps):
            c = tissue.transport(flow.grid, c, flow, 0.4 / steps, diffusion=0.02, decay=1.0, source=source)
        return c

    # small steps are no shorter than those positivity asks for, so advection itself is the same in all
    reference = after(256)
    errors = [np.abs(after(k) - reference).mean() for k in (4, 8, 16)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (orders > 1.7).all(), (errors, orders)


@pytest.mark.parametrize("boundary", [("periodic", "periodic"), ("periodic", "no-slip"), ("free-slip", "no-slip")])
def test_diffusion_of_a_gaussian(boundary: tuple[str, str]) -> None:
    """exp(-r2 / (2 (s2 + 2 D t))) / (2 pi (s2 + 2 D t)), far from the ends: second order in h, exact in t."""
    errors = []
    for n in (32, 64, 128):
        grid = tissue.Grid((n, n), (2.0, 2.0), boundary)
        x, y = grid.centres()
        r2 = (x - 1) ** 2 + (y - 0.9) ** 2
        gaussian = lambda s2, r2=r2: np.exp(-r2 / (2 * s2)) / (2 * np.pi * s2)  # noqa: E731
        c = tissue.transport(grid, gaussian(0.01), None, 0.5, diffusion=0.01)
        errors.append(np.abs(c - gaussian(0.02)).max() / gaussian(0.02).max())
        stepped = gaussian(0.01)
        for _ in range(5):
            stepped = tissue.transport(grid, stepped, None, 0.1, diffusion=0.01)
        assert np.abs(stepped - c).max() < 1e-12 * c.max()
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (np.abs(orders - 2.0) < 0.15).all(), (errors, orders)
