"""Orders of the flow solver on manufactured solutions, and exact flows of active fluids."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tissue

Field = Callable[[np.ndarray, np.ndarray], np.ndarray]
# First derivative, central, eighth order: its error here is below 1e-11 of the function.
STENCIL = ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280))
STEP = 2e-3
PI = np.pi


def derivative(f: Field, axis: int) -> Field:
    dx, dy = (STEP, 0.0) if axis == 0 else (0.0, STEP)

    def slope(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        total = 0.0
        for k, weight in STENCIL:
            total = total + weight * (f(x + k * dx, y + k * dy) - f(x - k * dx, y - k * dy))
        return total / STEP

    return slope


class Manufactured:
    """u, v, p, eta, gamma and 1 / eta_b as functions of the unit square; what drives them follows."""

    def __init__(self, boundary, u, v, p, eta, gamma=lambda x, y: 0 * x * y, kappa=lambda x, y: 0 * x * y):
        self.boundary, self.u, self.v, self.p = boundary, u, v, p
        self.eta, self.gamma, self.kappa = eta, gamma, kappa
        self.u_x, self.u_y = derivative(u, 0), derivative(u, 1)
        self.v_x, self.v_y = derivative(v, 0), derivative(v, 1)

    def normal(self, x, y):
        return self.eta(x, y) * (self.u_x(x, y) - self.v_y(x, y))

    def shear(self, x, y):
        return self.eta(x, y) * (self.u_y(x, y) + self.v_x(x, y))

    def force_x(self, x, y):
        viscous = derivative(lambda a, b: self.normal(a, b) - self.p(a, b), 0)(x, y) + derivative(self.shear, 1)(x, y)
        return self.gamma(x, y) * self.u(x, y) - viscous

    def force_y(self, x, y):
        viscous = derivative(self.shear, 0)(x, y) - derivative(lambda a, b: self.normal(a, b) + self.p(a, b), 1)(x, y)
        return self.gamma(x, y) * self.v(x, y) - viscous

    def growth(self, x, y):
        return self.u_x(x, y) + self.v_y(x, y) + self.kappa(x, y) * self.p(x, y)

    def errors(self, n: int) -> np.ndarray:
        """Largest velocity error, root mean square velocity error, root mean square pressure error."""
        grid = tissue.Grid((n, n), (1.0, 1.0), self.boundary)
        fx, fy = self.force_x(*grid.x_faces()), self.force_y(*grid.y_faces())
        growth = self.growth(*grid.centres())
        kappa = self.kappa(*grid.centres()) + np.zeros(grid.shape)
        if not kappa.any():
            # the integrals vanish, their sums on a coarse grid not quite
            growth = growth - growth.mean()
        if self.boundary == ("periodic", "periodic"):
            fx, fy = fx - fx.mean(), fy - fy.mean()
        with np.errstate(divide="ignore"):
            bulk = 1.0 / kappa
        stokes = tissue.Stokes(
            grid,
            viscosity=self.eta(*grid.centres()),
            friction=self.gamma(*grid.centres()) + np.zeros(grid.shape),
            bulk_viscosity=bulk,
            tolerance=1e-10,
        )
        flow = stokes.solve(force=(fx, fy), growth=growth)
        du, dv = flow.u - self.u(*grid.x_faces()), flow.v - self.v(*grid.y_faces())
        dp = flow.p - self.p(*grid.centres())
        both = np.concatenate([du, dv])
        return np.array([np.abs(both).max(), np.sqrt((both**2).mean()), np.sqrt((dp**2).mean())])


def contrast_100(x, y):
    return 100 ** ((np.sin(2 * PI * x) + np.sin(4 * PI * y)) / 4)


CASES = {
    "no-slip, incompressible": Manufactured(
        ("no-slip", "no-slip"),
        u=lambda x, y: np.sin(PI * x) ** 2 * np.sin(2 * PI * y),
        v=lambda x, y: -np.sin(2 * PI * x) * np.sin(PI * y) ** 2,
        p=lambda x, y: np.cos(PI * x) * np.exp(y),
        eta=contrast_100,
    ),
    "periodic, incompressible": Manufactured(
        ("periodic", "periodic"),
        u=lambda x, y: np.sin(2 * PI * x) * np.cos(2 * PI * y),
        v=lambda x, y: -np.cos(2 * PI * x) * np.sin(2 * PI * y),
        p=lambda x, y: np.sin(2 * PI * x) * np.cos(4 * PI * y),
        eta=contrast_100,
    ),
    "free-slip and periodic, incompressible": Manufactured(
        ("free-slip", "periodic"),
        u=lambda x, y: np.sin(PI * x) * np.cos(2 * PI * y),
        v=lambda x, y: -0.5 * np.cos(PI * x) * np.sin(2 * PI * y),
        p=lambda x, y: np.cos(PI * x) * np.sin(2 * PI * y),
        eta=contrast_100,
        gamma=lambda x, y: 1.0 + 0 * x * y,
    ),
    "channel, compressible, friction and growth": Manufactured(
        ("periodic", "no-slip"),
        u=lambda x, y: np.sin(2 * PI * x) * np.sin(PI * y),
        v=lambda x, y: 0.5 * np.cos(2 * PI * x + 1) * np.sin(2 * PI * y),
        p=lambda x, y: np.sin(2 * PI * x) * np.cos(3 * y) + y,
        eta=contrast_100,
        gamma=lambda x, y: 20.0 * (1.5 + np.sin(2 * PI * x) * np.cos(2 * y)),
        kappa=lambda x, y: 0.5 + 0.25 * np.cos(2 * PI * x) + y**2,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_second_order_in_velocity_and_pressure(name: str) -> None:
    errors = np.array([CASES[name].errors(n) for n in (32, 64, 128)])
    orders = np.log2(errors[:-1] / errors[1:])
    # measured between 64 and 128: 1.98 to 2.01 in all cases and norms
    assert (np.abs(orders[-1] - 2.0) < 0.05).all(), (errors, orders)


def strip(x: np.ndarray, *, box: float, half: float = 0.5) -> np.ndarray:
    """v of a strip |x| < half of contractile stress 1 in a gel with eta = gamma = 1, summed over periodic images."""
    images = box * np.arange(-3, 4)
    x = np.asarray(x)[..., None] - images
    return 0.5 * (np.exp(-np.abs(x + half)) - np.exp(-np.abs(x - half))).sum(-1)


def strip_flow(n: int, *, box: float = 16.0) -> tuple[tissue.Grid, tissue.Flow]:
    grid = tissue.Grid((n, 8), (box, box * 8 / n))
    xx = np.where(np.abs(grid.centres()[0] - box / 2) < 0.5, 1.0, 0.0) + np.zeros(grid.shape)
    stress = tissue.StressField(grid, xx, np.zeros(grid.shape), np.zeros(grid.corner_shape))
    fluid = tissue.Stokes(grid, viscosity=0.25, bulk_viscosity=0.75, friction=1.0, tolerance=1e-11)
    return grid, fluid.solve(stress)


def test_contractile_strip_in_a_gel_with_friction() -> None:
    """Velocity at the edge +0.316060 and strain rate in the middle -0.606531, reached with second order."""
    found = []
    for n in (64, 128, 256):
        grid, flow = strip_flow(n)
        middle = grid.size[0] / 2
        points = np.array([[middle - 0.5, 0.1], [middle, 0.1]])
        edge = tissue.velocity(flow, points)[0, 0]
        rate = tissue.velocity_gradient(flow, points)[1, 0, 0]
        profile = np.abs(flow.u[:, 0] - strip(grid.x_faces()[0][:, 0] - middle, box=16.0)).max()
        found.append([abs(edge - 0.5 * (1 - np.exp(-1.0))), abs(rate + np.exp(-0.5)), profile])
    errors = np.array(found)
    orders = np.log2(errors[:-1] / errors[1:])
    assert errors[-1].max() < 2e-4
    assert (np.abs(orders - 2.0) < 0.1).all()


def test_shear_stress_wave() -> None:
    """s_xy = S sin qy in a periodic box drives v_x = S cos(qy) / (eta q)."""
    errors = []
    for n in (16, 32, 64):
        grid = tissue.Grid((8, n), (1.0, 2.0))
        q, eta, size = 2 * PI / 2.0, 3.0, 0.7
        xy = size * np.sin(q * grid.corners()[1]) + np.zeros(grid.corner_shape)
        stress = tissue.StressField(grid, np.zeros(grid.shape), np.zeros(grid.shape), xy)
        flow = tissue.Stokes(grid, viscosity=eta, tolerance=1e-11).solve(stress)
        exact = size / (eta * q) * np.cos(q * grid.x_faces()[1])
        errors.append(np.abs(flow.u - exact).max() / (size / (eta * q)))
        assert np.abs(flow.v).max() < 1e-10
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (np.abs(orders - 2.0) < 0.05).all()


def test_normal_stress_wave() -> None:
    """s = M cos kx cos qy diag(1, -1): psi = -(2 M k q / (eta (k2 + q2)2)) sin kx sin qy, v = (psi_y, -psi_x)."""
    errors = []
    for n in (16, 32, 64):
        grid = tissue.Grid((n, n), (1.0, 1.5))
        k, q, eta, size = 2 * PI, 2 * PI / 1.5, 2.0, 1.3
        x, y = grid.centres()
        xx = size * np.cos(k * x) * np.cos(q * y)
        flow = tissue.Stokes(grid, viscosity=eta, tolerance=1e-11).solve(
            tissue.StressField(grid, xx, -xx, np.zeros(grid.corner_shape))
        )
        psi = -2 * size * k * q / (eta * (k * k + q * q) ** 2)
        x, y = grid.x_faces()
        du = flow.u - psi * q * np.sin(k * x) * np.cos(q * y)
        x, y = grid.y_faces()
        dv = flow.v + psi * k * np.cos(k * x) * np.sin(q * y)
        errors.append(max(np.abs(du).max(), np.abs(dv).max()) / abs(psi * k))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (np.abs(orders - 2.0) < 0.1).all()


def two_layers(n: int, *, contrast: float) -> float:
    """Largest error over largest speed in a channel of two fluids that meet in its middle, under a uniform force."""
    grid = tissue.Grid((8, n), (8 / n, 1.0), ("periodic", "no-slip"))
    eta = np.where(grid.centres()[1] < 0.5, 1.0, contrast) + np.zeros(grid.shape)
    flow = tissue.Stokes(grid, viscosity=eta, tolerance=1e-9).solve(force=(1.0, 0.0))
    y = grid.x_faces()[1]
    # the shear stress is c - y, and c is where the speed is back to zero at y = 1
    c = (0.125 + 0.375 / contrast) / (0.5 + 0.5 / contrast)
    exact = np.where(y < 0.5, c * y - 0.5 * y**2, (c * (y - 1.0) - 0.5 * (y**2 - 1.0)) / contrast)
    return float(np.abs(flow.u - exact).max() / exact.max())


@pytest.mark.parametrize("contrast", [1e3, 1e6])
def test_jump_of_viscosity_along_faces_is_second_order(contrast: float) -> None:
    errors = np.array([two_layers(n, contrast=contrast) for n in (32, 64, 128)])
    assert errors == pytest.approx((0.0039, 0.00098, 0.000244), rel=0.01)
    assert (np.abs(np.log2(errors[:-1] / errors[1:]) - 2.0) < 0.05).all()


@pytest.mark.parametrize("boundary", [("no-slip", "no-slip"), ("periodic", "periodic"), ("periodic", "free-slip")])
def test_cycles_do_not_grow_with_the_grid(boundary: tuple[str, str]) -> None:
    cycles = []
    for n in (32, 64, 128, 256):
        grid = tissue.Grid((n, n), (1.0, 1.0), boundary)
        x, y = grid.centres()
        bump = np.exp(-20 * (np.cos(PI * x) ** 2 + np.cos(PI * y - 0.3) ** 2))
        stress = tissue.StressField(grid, bump, -0.3 * bump, np.zeros(grid.corner_shape))
        cycles.append(tissue.Stokes(grid, viscosity=contrast_100(x, y)).solve(stress).iterations)
    assert max(cycles) <= 10
    assert max(cycles) - min(cycles) <= 2
