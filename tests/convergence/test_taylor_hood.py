"""Velocities beside those of another program on the same problem: Taylor-Hood elements of scikit-fem.

The elements are quadratic for velocity and linear for pressure on triangles, of third order in velocity, so that on the
fine mesh used here their error is a small part of the differences.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import skfem
from skfem.helpers import ddot, div, dot, grad, sym_grad

import tissue

PI = np.pi
ELEMENTS = 48  # along a side
Field = Callable[[np.ndarray, np.ndarray], np.ndarray]


def viscosity(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Between .3 and 3, and nowhere symmetric."""
    return 10.0 ** (0.5 * np.sin(2.1 * PI * x + 0.3) * np.cos(1.7 * PI * y - 0.2))


def active(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """xx, yy and xy of a stress that pulls along an oblique line and is strongest off the middle."""
    strength = np.exp(-12.0 * ((x - 0.4) ** 2 + (y - 0.55) ** 2))
    return 2.0 * strength, 0.5 * strength, 0.8 * strength * np.cos(3.0 * x)


def push(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.sin(3.0 * y) * (1.0 + x), np.cos(2.0 * x) * y


def elements(friction: float, inverse_bulk: float, slip: bool) -> tuple[Field, Field]:
    """u and v of the elements; walls hold them, or let them slip at the upper and lower side."""
    mesh = skfem.MeshTri.init_tensor(*(np.linspace(0.0, 1.0, ELEMENTS + 1),) * 2)
    velocity = skfem.Basis(mesh, skfem.ElementVector(skfem.ElementTriP2()), intorder=5)
    pressure = velocity.with_element(skfem.ElementTriP1())

    @skfem.BilinearForm
    def viscous(u, v, w):
        eta = viscosity(*w.x)
        return 2.0 * eta * ddot(sym_grad(u), sym_grad(v)) - eta * div(u) * div(v) + friction * dot(u, v)

    @skfem.BilinearForm
    def divergence(u, q, w):
        return -div(u) * q

    @skfem.BilinearForm
    def storage(p, q, w):
        # without any, what keeps the constant pressure from being free
        return -max(inverse_bulk, 1e-10) * p * q

    @skfem.LinearForm
    def load(v, w):
        xx, yy, xy = active(*w.x)
        fx, fy = push(*w.x)
        slope = grad(v)
        stress = xx * slope[0, 0] + yy * slope[1, 1] + xy * (slope[0, 1] + slope[1, 0])
        return fx * v[0] + fy * v[1] - stress

    a, b, c = viscous.assemble(velocity), divergence.assemble(velocity, pressure), storage.assemble(pressure)
    whole = skfem.bmat([[a, b.T], [b, c]], "csr")
    right = np.concatenate([load.assemble(velocity), np.zeros(pressure.N)])
    x, y = velocity.doflocs
    ends, walls = (x < 1e-9) | (x > 1.0 - 1e-9), (y < 1e-9) | (y > 1.0 - 1e-9)
    along = np.zeros(velocity.N, dtype=bool)
    along[[*velocity.nodal_dofs[0], *velocity.facet_dofs[0]]] = slip
    solved = skfem.solve(*skfem.condense(whole, right, D=np.flatnonzero(ends | (walls & ~along))))[: velocity.N]

    def component(k: int) -> Field:
        def read(x: np.ndarray, y: np.ndarray) -> np.ndarray:
            points = np.stack([a.ravel() for a in np.broadcast_arrays(x, y)])
            parts = velocity.probes(points) @ solved
            return parts.reshape(2, -1)[k].reshape(np.broadcast(x, y).shape)

        return read

    return component(0), component(1)


@pytest.mark.parametrize(
    ("friction", "inverse_bulk", "slip"),
    [(0.0, 0.0, False), (5.0, 0.5, False), (0.0, 0.0, True)],
    ids=["incompressible", "compressible with friction", "walls that let slip"],
)
def test_velocities_approach_those_of_taylor_hood_elements(friction, inverse_bulk, slip):
    """Their root mean square falls with the square of the spacing (largest: order 1.7 to 1.9, at walls)."""
    u, v = elements(friction, inverse_bulk, slip)
    differences = []
    for n in (32, 64, 128):
        grid = tissue.Grid((n, n), (1.0, 1.0), ("no-slip", "free-slip" if slip else "no-slip"))
        stokes = tissue.Stokes(
            grid,
            viscosity=viscosity(*grid.centres()),
            friction=friction,
            bulk_viscosity=1.0 / inverse_bulk if inverse_bulk else np.inf,
            tolerance=1e-9,
        )
        xx, yy, _ = active(*grid.centres())
        stress = tissue.StressField(grid, xx, yy, active(*grid.corners())[2])
        flow = stokes.solve(active_stress=stress, force=(push(*grid.x_faces())[0], push(*grid.y_faces())[1]))
        off = np.concatenate([flow.u - u(*grid.x_faces()), flow.v - v(*grid.y_faces())])
        differences.append(np.sqrt((off**2).mean()) / np.abs(flow.u).max())
    orders = np.log2(np.array(differences[:-1]) / differences[1:])
    assert orders.min() > 1.85
    assert differences[-1] < 1e-3
