"""The operator and the cycle in single precision beside those in double precision."""

from __future__ import annotations

import numpy as np
import pytest

import tissue
from tissue import multigrid
from tissue.single import Single, put_back, take_desk

GRIDS = {
    "periodic": tissue.Grid(shape=(12, 18), size=(1.0, 1.0), boundary=("periodic", "periodic")),
    "periodic, odd": tissue.Grid(shape=(11, 13), size=(1.0, 1.3), boundary=("periodic", "periodic")),
    "walls": tissue.Grid(shape=(16, 10), size=(1.0, 1.0), boundary=("no-slip", "free-slip")),
    "ends": tissue.Grid(shape=(9, 16), size=(1.0, 2.0), boundary=(("inflow", "traction-free"), "traction-free")),
    "block": tissue.Grid(shape=(8, 7, 6), size=(1.0, 1.0, 1.0), boundary=("periodic", "no-slip", "traction-free")),
    "block, round": tissue.Grid(shape=(6, 9, 8), size=(1.0, 1.0, 1.0), boundary=("free-slip", "periodic", "periodic")),
}


def single_of(grid: tissue.Grid, **fluid: float) -> tuple[multigrid.Operator, Single]:
    random = np.random.default_rng(3)
    viscosity = 1e-3 * np.exp(random.uniform(0.0, 3.0, grid.shape))
    a = tissue.Stokes(grid, viscosity=viscosity, friction=random.uniform(0.0, 1.0, grid.shape), **fluid).operator
    single = Single(take_desk(a.hierarchy), a.single, a.modes, multigrid.weights(a), sweeps=3, damping=0.9)
    return a, single


def unknowns_of(a: multigrid.Operator) -> np.ndarray:
    """Random numbers [dim + 1, slots] where there is something to solve for."""
    co = a.coefficients()
    x = np.random.default_rng(4).normal(size=(a.dim + 1, co.shape[1]))
    x[:-1][co[a.friction_row + a.dim + 1 : -1] == 0.0] = 0.0
    x[-1][co[-1] == 0.0] = 0.0
    return x


@pytest.mark.parametrize("bulk", [np.inf, 1e-3])
@pytest.mark.parametrize("name", GRIDS)
def test_image_is_that_of_the_operator(name: str, bulk: float) -> None:
    a, single = single_of(GRIDS[name], bulk_viscosity=bulk)
    x = unknowns_of(a)
    wanted = np.zeros_like(x)
    multigrid.residual(a, x, np.zeros_like(x), wanted)
    step = single.pack(x, 1.0 / single.unknowns)
    if a.hierarchy.grid.periodic[-1]:
        # lines repeat their other end
        whole, n = step.reshape(*single.view(step).shape[:-1], -1), a.hierarchy.grid.shape[-1]
        whole[..., 0], whole[..., n + 1] = whole[..., n], whole[..., 1]
    image, found = np.zeros_like(step), np.zeros_like(x)
    single.image(step, image)
    single.add(image, single.forces, found)
    box = tuple(slice(0, n) for n in a.hierarchy.grid.shape)
    for got, right in zip(found, wanted, strict=True):
        got, right = got.reshape(a.hierarchy.shape)[box], right.reshape(a.hierarchy.shape)[box]
        assert np.abs(got - right).max() <= 1e-5 * np.abs(right).max()


@pytest.mark.parametrize("name", GRIDS)
def test_a_cycle_leaves_little(name: str) -> None:
    a, single = single_of(GRIDS[name])
    f = np.zeros((a.dim + 1, a.coefficients().shape[1]))
    driving = np.zeros_like(f)
    multigrid.residual(a, unknowns_of(a), f, driving)
    r = single.pack(driving, 1.0 / single.forces)
    step, image = np.zeros_like(r), np.zeros_like(r)
    before = multigrid.squared(r, single.weight)
    single.cycle(r, step)
    single.image(step, image)
    assert multigrid.squared(r + image, single.weight) <= 0.3**2 * before


def test_desks_are_used_again_by_one_solve_at_a_time() -> None:
    levels = tissue.Stokes(GRIDS["walls"]).operator.hierarchy
    first, second = take_desk(levels), take_desk(levels)
    assert first is not second
    put_back(first, 5)
    assert take_desk(levels) is first
    put_back(first, 5)
    assert take_desk(tissue.Stokes(GRIDS["block"]).operator.hierarchy) is not first


def test_a_desk_carries_nothing_over() -> None:
    grid = GRIDS["block"]
    random = np.random.default_rng(5)
    viscosity = np.exp(random.normal(size=grid.shape))
    forces = [[random.normal(size=grid.face_shape(axis)) for axis in range(3)] for _ in range(2)]
    alone = tissue.Stokes(grid, viscosity=viscosity).solve(force=forces[0])
    tissue.Stokes(grid, viscosity=viscosity**3, bulk_viscosity=0.1).solve(force=forces[1])
    again = tissue.Stokes(grid, viscosity=viscosity).solve(force=forces[0])
    assert all(np.array_equal(u, v) for u, v in zip(alone.velocity, again.velocity, strict=True))
    assert np.array_equal(alone.p, again.p)
