"""The multigrid solution beside a direct solve of the same discrete equations, assembled slowly and differently."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from hypothesis import given, settings
from hypothesis import strategies as st

import tissue

KINDS = ("periodic", "no-slip", "free-slip")
GHOST = {"no-slip": -1.0, "free-slip": 1.0}


def axis_matrices(n: int, h: float, kind: str) -> tuple[sp.csr_matrix, ...]:
    """
    Of one axis: D, faces to centres; T, tangential velocity at centres to its derivative at corners; C, corners
    to the difference across a cell; E, unknown faces into corners.
    """
    corners = n if kind == "periodic" else n + 1
    d, t, c = np.zeros((n, corners)), np.zeros((corners, n)), np.zeros((n, corners))
    for i in range(n):
        d[i, (i + 1) % corners] += 1 / h
        d[i, i] -= 1 / h
    c[:] = d
    for k in range(corners):
        if kind == "periodic" or 0 < k < n:
            t[k, k % n] += 1 / h
            t[k, k - 1] -= 1 / h
        elif k == 0:
            t[k, 0] = (1 - GHOST[kind]) / h
        else:
            t[k, n - 1] = (GHOST[kind] - 1) / h
    free = np.arange(corners) if kind == "periodic" else np.arange(1, n)
    e = np.zeros((corners, len(free)))
    e[free, np.arange(len(free))] = 1.0
    return tuple(sp.csr_matrix(m) for m in (d[:, free], t, c, e))


def corner_mean(eta: np.ndarray, kinds: tuple[str, str]) -> np.ndarray:
    """Harmonic mean of viscosity at corners; on walls its logarithm is extrapolated; within the range in the cells."""
    found = eta
    # what is extrapolated to walls is averaged along them afterwards
    for axis in sorted((0, 1), key=lambda axis: kinds[axis] == "periodic"):
        a = np.moveaxis(found, axis, 0)
        inside = 2.0 / (1.0 / a + 1.0 / np.roll(a, 1, axis=0))
        if kinds[axis] != "periodic":
            ends = (a[:1] ** 1.5 / a[1:2] ** 0.5, a[-1:] ** 1.5 / a[-2:-1] ** 0.5)
            inside = np.concatenate([ends[0], inside[1:], ends[1]])
        found = np.moveaxis(inside, 0, axis)
    if kinds[0] != "periodic" and kinds[1] != "periodic":
        # on the low and high y walls inside x the order is the other way round
        for k, near in ((0, 1), (-1, -2)):
            wall = eta[:, k] ** 1.5 / eta[:, near] ** 0.5
            found[1:-1, k] = 2.0 / (1.0 / wall[1:] + 1.0 / wall[:-1])
    return np.clip(found, eta.min(), eta.max())


def unknown_faces(grid: tissue.Grid, axis: int) -> tuple[slice, slice]:
    inner = slice(0 if grid.periodic[axis] else 1, None)
    return (inner, slice(None)) if axis == 0 else (slice(None), inner)


def direct(grid, eta, gamma, kappa, fx, fy, growth):
    """u, v, p [nx, ny] from one sparse least-squares-free direct solve; free means are pinned to zero."""
    (nx, ny), (hx, hy) = grid.shape, grid.spacing
    dx, tx, cx, ex = axis_matrices(nx, hx, grid.boundary[0])
    dy, ty, cy, ey = axis_matrices(ny, hy, grid.boundary[1])
    one_x, one_y = sp.identity(nx), sp.identity(ny)
    div_u, div_v = sp.kron(dx, one_y), sp.kron(one_x, dy)
    centre, corner = sp.diags(eta.ravel()), sp.diags(corner_mean(eta, grid.boundary).ravel())
    shear_u, shear_v = corner @ sp.kron(ex, ty), corner @ sp.kron(tx, ey)
    normal_u, normal_v = centre @ div_u, -centre @ div_v
    back_u, back_v = sp.kron(ex.T, cy), sp.kron(cx, ey.T)
    su, sv = unknown_faces(grid, 0), unknown_faces(grid, 1)
    gx = (0.5 * (gamma + np.roll(gamma, 1, axis=0)))[su].ravel()
    gy = (0.5 * (gamma + np.roll(gamma, 1, axis=1)))[sv].ravel()
    a = sp.bmat(
        [
            [div_u.T @ normal_u - back_u @ shear_u + sp.diags(gx), div_u.T @ normal_v - back_u @ shear_v, -div_u.T],
            [-div_v.T @ normal_u - back_v @ shear_u, -div_v.T @ normal_v - back_v @ shear_v + sp.diags(gy), -div_v.T],
            [div_u, div_v, sp.diags(kappa.ravel())],
        ]
    ).tocsc()
    b = np.concatenate([fx[su].ravel(), fy[sv].ravel(), growth.ravel()])
    pins = []
    for column in (slice(0, gx.size), slice(gx.size, gx.size + gy.size), slice(gx.size + gy.size, b.size)):
        constant = np.zeros(b.size)
        constant[column] = 1.0
        if np.abs(a @ constant).max() < 1e-9 * np.abs(a).max():
            pins.append(constant)
    if pins:
        p = sp.csc_matrix(np.array(pins).T)
        a = sp.bmat([[a, p], [p.T, None]]).tocsc()
        b = np.concatenate([b, np.zeros(len(pins))])
    x = spla.spsolve(a, b)
    u, v = np.zeros(grid.shape), np.zeros(grid.shape)
    u[su] = x[: gx.size].reshape(u[su].shape)
    v[sv] = x[gx.size : gx.size + gy.size].reshape(v[sv].shape)
    return u, v, x[gx.size + gy.size :][: nx * ny].reshape(nx, ny)


def without_mean(grid: tissue.Grid, f: np.ndarray, axis: int) -> np.ndarray:
    inner = unknown_faces(grid, axis)
    out = np.zeros_like(f)
    out[inner] = f[inner] - f[inner].mean()
    return out


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    shape=st.tuples(st.integers(4, 21), st.integers(4, 21)),
    aspect=st.floats(0.5, 2.0),
    kinds=st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)),
    contrast=st.sampled_from([1.0, 10.0, 100.0]),
    friction=st.sampled_from([0.0, 0.01, 30.0]),
    bulk=st.sampled_from([np.inf, 1e4, 50.0, 1.0]),
    seed=st.integers(0, 2**31),
)
def test_multigrid_is_the_direct_solution(shape, aspect, kinds, contrast, friction, bulk, seed):
    grid = tissue.Grid(shape, (shape[0] * aspect / 16, shape[1] / 16), kinds)
    rng = np.random.default_rng(seed)
    x, y = grid.centres()
    wave = np.sin(2 * np.pi * x / grid.size[0] + rng.uniform(0, 6)) * np.sin(2 * np.pi * y / grid.size[1] + 1.0)
    eta = contrast ** (0.5 * wave)
    gamma = friction * rng.uniform(0.5, 1.5, shape)
    bulk_field = bulk * rng.uniform(0.5, 1.5, shape)
    fx, fy = (without_mean(grid, rng.normal(size=shape), axis) for axis in (0, 1))
    growth = rng.normal(size=shape)
    growth -= growth.mean()
    stokes = tissue.Stokes(grid, viscosity=eta, friction=gamma, bulk_viscosity=bulk_field, tolerance=1e-11)
    flow = stokes.solve(force=(fx, fy), growth=growth)
    kappa = np.zeros(shape) if bulk == np.inf else 1.0 / bulk_field
    u, v, p = direct(grid, eta, gamma, kappa, fx, fy, growth)
    speed = max(np.abs(u).max(), np.abs(v).max())
    assert np.abs(flow.u - u).max() < 1e-7 * speed
    assert np.abs(flow.v - v).max() < 1e-7 * speed
    assert np.abs(flow.p - p).max() < 1e-7 * np.abs(p).max()


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_that_halve_badly(kind):
    grid = tissue.Grid((17, 26), (0.7, 1.3), (kind, "no-slip"))
    rng = np.random.default_rng(3)
    fx, fy = rng.normal(size=(2, 17, 26))
    fx, fy = without_mean(grid, fx, 0), without_mean(grid, fy, 1)
    zero, one = np.zeros(grid.shape), np.ones(grid.shape)
    flow = tissue.Stokes(grid, tolerance=1e-11).solve(force=(fx, fy))
    u, v, _ = direct(grid, one, zero, zero, fx, fy, zero)
    assert np.abs(flow.u - u).max() < 1e-8 * np.abs(u).max()
    assert np.abs(flow.v - v).max() < 1e-8 * np.abs(v).max()
