"""Stokes flow by finite elements: scikit-fem, with a direct solver, or with MINRES and algebraic multigrid of PyAMG."""

from __future__ import annotations

import numpy as np
import pyamg
import scipy.sparse as sp
import scipy.sparse.linalg as spla
import skfem as fem
from skfem.helpers import ddot, div, sym_grad


@fem.BilinearForm
def _viscous(u, v, w):  # type: ignore[no-untyped-def]
    return 2.0 * w.eta * ddot(sym_grad(u), sym_grad(v))


@fem.BilinearForm
def _divergence(u, q, w):  # type: ignore[no-untyped-def]
    return -div(u) * q


@fem.BilinearForm
def _mass(p, q, w):  # type: ignore[no-untyped-def]
    return p * q / w.eta


@fem.LinearForm
def _force(v, w):  # type: ignore[no-untyped-def]
    return np.sin(7.0 * w.x[0]) * np.cos(5.0 * w.x[1]) * sum(v)


class Elements:
    """
    Taylor-Hood elements (velocity biquadratic, pressure bilinear) on n cells a side between no-slip walls, assembled.

    -div(2 eta sym grad u) + grad p = f, div u = 0, eta [cells] drawn for every cell.
    """

    def __init__(self, n: int, dim: int, *, seed: int = 0) -> None:
        ticks = np.linspace(0.0, 1.0, n + 1)
        mesh = (fem.MeshQuad if dim == 2 else fem.MeshHex).init_tensor(*[ticks] * dim)
        second, first, flat = (
            (fem.ElementQuad2(), fem.ElementQuad1(), fem.ElementQuad0())
            if dim == 2
            else (fem.ElementHex2(), fem.ElementHex1(), fem.ElementHex0())
        )
        velocity = fem.Basis(mesh, fem.ElementVector(second), intorder=4)
        pressure = velocity.with_element(first)
        eta = np.exp(np.random.default_rng(seed).normal(0.0, 0.3, mesh.t.shape[1]))
        viscosity = velocity.with_element(flat).interpolate(eta)
        inner = velocity.complement_dofs(velocity.get_dofs())
        self.a = _viscous.assemble(velocity, eta=viscosity)[inner][:, inner].tocsr()
        self.b = _divergence.assemble(velocity, pressure)[:, inner].tocsr()
        self.mass = _mass.assemble(pressure, eta=viscosity).diagonal()
        self.f = np.concatenate([_force.assemble(velocity)[inner], np.zeros(self.b.shape[0])])
        self.matrix = sp.bmat([[self.a, self.b.T], [self.b, None]]).tocsr()

    @property
    def unknowns(self) -> int:
        """Velocities and pressures."""
        return self.f.size

    def error(self, x: np.ndarray) -> float:
        """The residual relative to the force."""
        return float(np.linalg.norm(self.f - self.matrix @ x) / np.linalg.norm(self.f))

    def direct(self) -> np.ndarray:
        """SuperLU; the pressure of the last corner is zero."""
        return np.append(spla.spsolve(self.matrix[:-1, :-1].tocsc(), self.f[:-1]), 0.0)

    def minres(self) -> np.ndarray:
        """MINRES to 1e-8, preconditioned by a V-cycle on the velocities and the mass of the pressure over viscosity."""
        n = self.a.shape[0]
        amg = pyamg.smoothed_aggregation_solver(self.a).aspreconditioner()
        apply = spla.LinearOperator(
            self.matrix.shape, lambda r: np.concatenate([amg @ r[:n], r[n:] / self.mass]), dtype=float
        )
        return np.asarray(spla.minres(self.matrix, self.f, rtol=1e-9, maxiter=3000, M=apply)[0])
