"""The flow solver beside exact flows: channels, moving walls, free bodies, and the benchmarks SolCx and SolKz."""

from __future__ import annotations

import numpy as np
import pytest

import tissue

PI = np.pi


def no_stress(grid: tissue.Grid) -> list[np.ndarray]:
    return [np.zeros(grid.shape)] * grid.dim + [np.zeros(grid.edge_shape(*pair)) for pair in grid.pairs]


def layered(eta: tuple[float, float], force: np.ndarray) -> tuple:
    """Coefficients of the stream function of SolCx in both halves; see `solcx`."""
    q = PI

    def basis(x: float, k: int) -> np.ndarray:
        """k-th derivatives of exp(qx), x exp(qx), exp(-qx), x exp(-qx)."""
        up, down = np.exp(q * x), np.exp(-q * x)
        return np.array(
            [
                q**k * up,
                (q**k * x + k * q ** (k - 1)) * up,
                (-q) ** k * down,
                ((-q) ** k * x + k * (-q) ** (k - 1)) * down,
            ]
        )

    def particular(side: int, x: float, k: int) -> float:
        return float(force / eta[side] * PI**k * np.sin(PI * x + k * PI / 2))

    rows, right = [], []

    def demand(parts: list[tuple[int, float, int, float]]) -> None:
        """sum of factor times k-th derivative in a half at x is zero."""
        row, known = np.zeros(8), 0.0
        for side, x, k, factor in parts:
            row[4 * side : 4 * side + 4] += factor * basis(x, k)
            known -= factor * particular(side, x, k)
        rows.append(row)
        right.append(known)

    for side, x in ((0, 0.0), (1, 1.0)):
        demand([(side, x, 0, 1.0)])
        demand([(side, x, 2, 1.0)])
    both = ((0, 1.0), (1, -1.0))
    demand([(s, 0.5, 0, sign) for s, sign in both])
    demand([(s, 0.5, 1, sign) for s, sign in both])
    demand([(s, 0.5, k, sign * eta[s] * c) for s, sign in both for k, c in ((0, q * q), (2, 1.0))])
    demand([(s, 0.5, k, sign * eta[s] * c) for s, sign in both for k, c in ((1, 3 * q * q), (3, -1.0))])
    found = np.linalg.solve(np.array(rows), np.array(right)).reshape(2, 4)
    return found, basis, particular


def solcx(n: int, jump: float) -> np.ndarray:
    """
    SolCx: viscosity 1 left of x = 1/2 and `jump` right of it, force sin(pi y) cos(pi x) along y, free slip.

    With u = d psi / dy, v = -d psi / dx, psi = Psi(x) sin(pi y), in each half eta (D^2 - pi^2)^2 Psi = -pi sin(pi x).
    Velocity, shear stress eta (pi^2 Psi + Psi'') and normal stress eta (3 pi^2 Psi' - Psi''') are continuous.
    Source: Zhong 1996, doi:10.1111/j.1365-246X.1996.tb06349.x; Duretz et al. 2011, doi:10.1029/2011GC003567.
    """
    eta, q = (1.0, jump), PI
    found, basis, particular = layered(eta, np.float64(-1.0 / (4 * PI**3)))

    def psi(x: np.ndarray, k: int) -> np.ndarray:
        flat = np.ravel(x)
        values = [
            found[side] @ basis(place, k) + particular(side, place, k)
            for place, side in ((place, int(place > 0.5)) for place in flat)
        ]
        return np.reshape(values, np.shape(x))

    grid = tissue.Grid((n, n), (1.0, 1.0), ("free-slip", "free-slip"))
    (xf, yf), (xg, yg), (xc, yc) = grid.x_faces(), grid.y_faces(), grid.centres()
    viscosity = np.where(xc < 0.5, 1.0, jump) + 0.0 * yc
    flow = tissue.Stokes(grid, viscosity=viscosity).solve(force=(0.0, np.sin(PI * yg) * np.cos(PI * xg)))
    p = -(viscosity * (q * q * psi(xc, 1) - psi(xc, 3)) + np.cos(PI * xc)) / q * np.cos(PI * yc)
    return rms(flow.u - psi(xf, 0) * q * np.cos(PI * yf), flow.v + psi(xg, 1) * np.sin(PI * yg), flow.p - p)


def rms(*parts: np.ndarray) -> np.ndarray:
    return np.array([np.sqrt((part**2).mean()) for part in parts])


def solkz(n: int, contrast: float) -> np.ndarray:
    """
    SolKz: viscosity exp(2 B y) with exp(2 B) the contrast, force sin(2 pi y) cos(3 pi x) along y, free slip.

    psi = Psi(y) sin(kx): Psi'''' + 4B Psi''' + (4B^2 - 2k^2) Psi'' - 4B k^2 Psi' + (4B^2 + k^2) k^2 Psi
    = -k exp(-2By) sin(my). Source: Revenaugh and Parsons 1987, doi:10.1111/j.1365-246X.1987.tb01373.x.
    """
    b, k, m = 0.5 * np.log(contrast), 3 * PI, 2 * PI
    polynomial = np.array([1.0, 4 * b, 4 * b * b - 2 * k * k, -4 * b * k * k, (4 * b * b + k * k) * k * k])
    roots, forced = np.roots(polynomial).astype(complex), -2 * b + 1j * m
    amplitude = -k / np.polyval(polynomial, forced)
    # exponentials are taken from the end where they are largest, so that none overflows
    base = np.where(roots.real > 0, 1.0, 0.0)
    ends = [(y, order) for y in (0.0, 1.0) for order in (0, 2)]
    matrix = np.array([[r**o * np.exp(r * (y - y0)) for r, y0 in zip(roots, base, strict=True)] for y, o in ends])
    right = np.array([-(amplitude * forced**o * np.exp(forced * y)).imag for y, o in ends])
    weights = np.linalg.solve(matrix, right)

    def psi(y: np.ndarray, order: int) -> np.ndarray:
        total = (amplitude * forced**order * np.exp(forced * y)).imag
        return total + sum(
            (w * r**order * np.exp(r * (y - y0))).real for w, r, y0 in zip(weights, roots, base, strict=True)
        )

    grid = tissue.Grid((n, n), (1.0, 1.0), ("free-slip", "free-slip"))
    (xf, yf), (xg, yg), (xc, yc) = grid.x_faces(), grid.y_faces(), grid.centres()
    eta = np.exp(2 * b * yc) + 0.0 * xc
    flow = tissue.Stokes(grid, viscosity=eta).solve(force=(0.0, np.sin(m * yg) * np.cos(k * xg)))
    bend = psi(yc, 3) + k * k * psi(yc, 1) + 2 * b * (psi(yc, 2) + k * k * psi(yc, 0))
    p = -eta / k * (bend - 2 * k * k * psi(yc, 1)) * np.cos(k * xc)
    return rms(flow.u - psi(yf, 1) * np.sin(k * xf), flow.v + k * psi(yg, 0) * np.cos(k * xg), flow.p - p)


@pytest.mark.parametrize("benchmark", [solcx, solkz])
def test_benchmarks_of_contrast_1e6(benchmark) -> None:
    errors = np.array([benchmark(n, 1e6) for n in (32, 64)])
    orders = np.log2(errors[0] / errors[1])
    assert (orders > 1.9).all(), (errors, orders)


@pytest.mark.parametrize("dim", [2, 3])
def test_couette_is_exact(dim: int) -> None:
    """A moving wall drags a linear profile, whatever the (uniform) viscosity."""
    grid = tissue.Grid((8, 16, 4)[:dim], (1.0, 2.0, 0.5)[:dim], ("periodic", ("no-slip", "moving"), "periodic")[:dim])
    wall = [3.0, *[0.0] * (dim - 1)]
    flow = tissue.Stokes(grid, viscosity=7.0, tolerance=1e-12).solve(walls={"+y": wall})
    assert np.abs(flow.u - 1.5 * grid.x_faces()[1]).max() < 1e-10
    assert max(np.abs(part).max() for part in flow.velocity[1:]) < 1e-10


def test_poiseuille_from_given_inflow() -> None:
    """A parabola that flows in and out pushes the pressure down by 8 eta L u_max / h^2 on its way."""
    found = []
    for n in (16, 32):
        grid = tissue.Grid((2 * n, n), (2.0, 1.0), ("inflow", "no-slip"))
        y = grid.centres()[1][0]
        parabola = 4.0 * y * (1.0 - y)
        flow = tissue.Stokes(grid, viscosity=3.0).solve(walls={"-x": (parabola, 0.0), "+x": (parabola, 0.0)})
        drop = -24.0 * (grid.centres()[0] - 1.0) + 0.0 * grid.centres()[1]
        found.append([np.abs(flow.u - 4.0 * grid.x_faces()[1] * (1 - grid.x_faces()[1])).max(), *rms(flow.p - drop)])
    assert (np.log2(np.array(found[0]) / found[1]) > 1.8).all()


def test_channel_with_friction() -> None:
    """eta u'' - gamma u = -f between walls: u = f / gamma (1 - cosh(y / l) / cosh(1 / 2 l)), l = sqrt(eta / gamma)."""
    errors = []
    for n in (16, 32, 64):
        grid = tissue.Grid((8, n), (8 / n, 1.0), ("periodic", "no-slip"))
        flow = tissue.Stokes(grid, viscosity=0.5, friction=20.0, tolerance=1e-10).solve(force=(3.0, 0.0))
        y, length = grid.x_faces()[1] - 0.5, np.sqrt(0.5 / 20.0)
        errors.append(np.abs(flow.u - 0.15 * (1 - np.cosh(y / length) / np.cosh(0.5 / length))).max())
    # measured 1.78 and 1.90: the layer at the wall is 5 to 10 cells thick
    assert (np.log2(np.array(errors[:-1]) / errors[1:]) > (1.75, 1.85)).all()


@pytest.mark.parametrize("shape", [(24, 16), (8, 12, 10)])
def test_a_free_body_neither_moves_nor_turns(shape: tuple[int, ...]) -> None:
    """Active stress inside a body that nothing holds: no net force or torque, no net motion or spin."""
    dim = len(shape)
    grid = tissue.Grid(shape, tuple(n / 16 for n in shape), ("traction-free",) * dim)
    rng = np.random.default_rng(4)
    parts = [rng.normal(size=part.shape) for part in no_stress(grid)]
    fluid = tissue.Stokes(grid, viscosity=np.exp(rng.normal(size=shape)), tolerance=1e-10)
    stress = tissue.StressField(grid, *parts)
    flow = fluid.solve(stress)
    left = tissue.total_stress(fluid, flow, active_stress=stress).force()
    assert max(np.abs(part).max() for part in left) < 1e-6 * max(np.abs(part).max() for part in stress.force())
    centred = flow.at_centres()
    assert np.abs(flow.divergence()).max() < 1e-7 * np.abs(centred).max()
    weight = np.ones(shape[0] + 1)
    weight[[0, -1]] = 0.5
    assert abs(np.tensordot(weight, flow.u, 1).sum()) < 1e-9 * np.abs(flow.u).sum()
    turning = np.zeros(grid.face_shape(0)), np.zeros(grid.face_shape(1))
    push = (turning[0] - (grid.faces(0)[1] - 0.5 * grid.size[1]), turning[1] + grid.faces(1)[0] - 0.5 * grid.size[0])
    with pytest.raises(tissue.CompatibilityError, match="net torque"):
        fluid.solve(force=(*push, 0.0)[:dim])
    with pytest.raises(tissue.CompatibilityError, match="mean force along y"):
        fluid.solve(force=(0.0, 1.0, 0.0)[:dim])
    held = fluid.with_(friction=0.01).solve(force=(*push, 0.0)[:dim])
    assert np.allclose(held.u, 100.0 * push[0], rtol=1e-6, atol=1e-6 * np.abs(held.u).max())


@pytest.mark.parametrize("shape", [(12, 16), (8, 6, 10)])
@pytest.mark.parametrize("friction", [0.0, 3.0])
@pytest.mark.parametrize("bulk", [np.inf, 5.0, 0.5])
def test_fourier_and_multigrid_agree(shape: tuple[int, ...], friction: float, bulk: float) -> None:
    """A uniform periodic fluid is solved exactly; one that is uniform but for rounding, by cycles."""
    grid = tissue.Grid(shape, tuple(n / 10 for n in shape))
    rng = np.random.default_rng(1)
    stress = tissue.StressField(grid, *[rng.normal(size=shape) for _ in shape], *no_stress(grid)[grid.dim :])
    growth = rng.normal(size=shape)
    growth -= growth.mean()
    uniform = tissue.Stokes(grid, viscosity=2.0, friction=friction, bulk_viscosity=bulk, tolerance=1e-11)
    eta = np.full(shape, 2.0)
    eta.flat[0] *= 1.0 + 1e-13
    exact, found = uniform.solve(stress, growth=growth), uniform.with_(viscosity=eta).solve(stress, growth=growth)
    assert exact.iterations == 0
    assert found.iterations > 3
    for a, b in zip((*exact.velocity, exact.p), (*found.velocity, found.p), strict=True):
        assert np.abs(a - b).max() < 1e-8 * np.abs(a).max()
