"""
Active films: growth rates and thresholds of patterns, steps of active stress, ends, beside their closed forms.

A film of (longitudinal) viscosity eta and friction gamma is a compressible fluid whose shear and bulk viscosity add
up to eta along one direction: eta_s + eta_b in two, 4/3 eta_s + eta_b in three dimensions.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tissue

PI = np.pi
Field = np.ndarray


def film(grid: tissue.Grid, *, eta: float, gamma: float) -> tissue.Stokes:
    shear = 0.25 * eta
    bulk = eta - shear * (1.0 if grid.dim == 2 else 4.0 / 3.0)
    return tissue.Stokes(grid, viscosity=shear, bulk_viscosity=bulk, friction=gamma, tolerance=1e-11)


def isotropic(grid: tissue.Grid, tension: Field) -> tissue.StressField:
    shear = [np.zeros(grid.edge_shape(*pair)) for pair in grid.pairs]
    return tissue.StressField(grid, *[tension] * grid.dim, *shear)


def growth_rate(
    grid: tissue.Grid,
    wave: Field,
    *,
    eta: float,
    gamma: float,
    diffusion: float,
    tension: Callable[[Field], Field],
    level: float = 1.0,
    turnover: float = 0.0,
    by_strain: float = 0.0,
    by_tension: float = 0.0,
    size: float = 1e-6,
    steps: int = 20,
    dt: float = 0.01,
) -> float:
    """
    log of the growth of a small wave of a substance over its time, from transport and flow step by step.

        m_t = D m_xx - (m v)_x - (m - m0) / tau + alpha v_x + beta (sigma - sigma_0),   sigma = eta v_x + tension(m)

    wave: an eigenfunction of the Laplacian with mean zero. alpha is `by_strain`, beta `by_tension`. A step takes the
    flow at its middle.
    """
    fluid = film(grid, eta=eta, gamma=gamma)

    def moved(m: Field, of: Field, time: float) -> Field:
        flow = fluid.solve(isotropic(grid, tension(of)))
        stretch = flow.divergence()
        pull = eta * stretch + tension(of) - tension(np.array(level))
        source = level * turnover + by_strain * stretch + by_tension * pull
        return tissue.transport(grid, m, flow, time, diffusion=diffusion, decay=turnover, source=source)

    m = level + size * wave
    amplitude = [(m * wave).sum()]
    for _ in range(steps):
        m = moved(m, moved(m, m, 0.5 * dt), dt)
        amplitude.append((m * wave).sum())
    return float(np.log(amplitude[-1] / amplitude[0]) / (steps * dt))


def line(modes: int, *, length: float, n: int = 64) -> tuple[tissue.Grid, Field, float]:
    """A periodic film along x, a wave of so many periods, and its wave number."""
    grid = tissue.Grid((n * modes, 4), (length, 4 * length / (n * modes)))
    k = 2 * PI * modes / length
    return grid, np.cos(k * grid.centres()[0]) + np.zeros(grid.shape), k


def hill(zeta: float) -> Callable[[Field], Field]:
    """zeta c / (1 + c), whose slope at 1 is zeta / 4."""
    return lambda c: zeta * c / (1.0 + c)


def bois(k: float, *, eta: float, gamma: float, diffusion: float, drive: float) -> float:
    """
    s(k) = k^2 (-D + c0 zeta f' / (gamma + eta k^2)); drive is c0 zeta f'.

    Source: Bois, Juelicher and Grill 2011, doi:10.1103/PhysRevLett.106.028103.
    """
    return k**2 * (-diffusion + drive / (gamma + eta * k**2))


@pytest.mark.parametrize("peclet", [2.0, 9.0])
def test_growth_rates_of_an_active_fluid(peclet: float) -> None:
    """s(k) on both sides of the threshold, and the fastest wave where (k l)^2 = sqrt(Pe) - 1."""
    eta, gamma, diffusion = 1.0, 4.0, 0.5
    drive = peclet * gamma * diffusion
    fastest = np.sqrt(np.sqrt(peclet) - 1.0) * np.sqrt(gamma / eta)
    found = []
    for share in (0.5, 0.8, 1.0, 1.25, 2.2):
        grid, wave, k = line(1, length=2 * PI / (share * fastest))
        exact = bois(k, eta=eta, gamma=gamma, diffusion=diffusion, drive=drive)
        rate = growth_rate(grid, wave, eta=eta, gamma=gamma, diffusion=diffusion, tension=hill(4.0 * drive))
        found.append(rate)
        assert abs(rate - exact) < 0.01 * abs(exact)
    assert max(found) == found[2]


@pytest.mark.parametrize(("dim", "modes"), [(2, (1, 1)), (2, (1, 2)), (3, (1, 1, 1))])
def test_growth_rates_of_oblique_waves(dim: int, modes: tuple[int, ...]) -> None:
    """An isotropic stress drives waves of every direction alike."""
    grid = tissue.Grid((48 if dim == 2 else 32,) * dim, (2 * PI,) * dim)
    phase = sum(m * x for m, x in zip(modes, grid.centres(), strict=True))
    k = np.sqrt(sum(m**2 for m in modes))
    exact = bois(k, eta=1.0, gamma=4.0, diffusion=0.5, drive=9.0)
    rate = growth_rate(grid, np.cos(phase), eta=1.0, gamma=4.0, diffusion=0.5, tension=hill(36.0), steps=5)
    assert abs(rate - exact) < 0.01 * abs(exact)


def test_threshold_of_an_active_fluid() -> None:
    """Pe_c = 1 + (k l)^2: where the measured growth rate passes zero."""
    eta, gamma, diffusion = 1.0, 4.0, 0.5
    for share in (0.5, 1.0, 2.0):
        grid, wave, _ = line(1, length=2 * PI / (share * np.sqrt(gamma / eta)))
        exact = 1.0 + share**2
        near = [exact * factor for factor in (0.9, 1.1)]
        low, high = (
            growth_rate(
                grid, wave, eta=eta, gamma=gamma, diffusion=diffusion, tension=hill(4.0 * pe * gamma * diffusion)
            )
            for pe in near
        )
        assert low < 0.0 < high
        found = near[0] - low * (near[1] - near[0]) / (high - low)
        assert abs(found - exact) < 0.01 * exact


def feedback(
    q: float, *, eta: float, gamma: float, diffusion: float, zeta: float, turnover: float, alpha: float, beta: float
) -> float:
    """s(q) = -1/tau - D q^2 + ((m0 - alpha) zeta q^2 + beta gamma zeta) / (gamma + eta q^2), m0 = 1."""
    driven = ((1.0 - alpha) * zeta * q**2 + beta * gamma * zeta) / (gamma + eta * q**2)
    return -turnover - diffusion * q**2 + driven


@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 0.0), (0.3, 0.0), (-0.5, 0.0), (0.0, 0.4), (0.3, 0.4)])
def test_growth_rates_with_turnover_and_feedback(alpha: float, beta: float) -> None:
    """Recruitment by strain rate (alpha) and by tension (beta) beside turnover, for three wave lengths."""
    film_ = {"eta": 1.0, "gamma": 4.0, "diffusion": 0.5}
    for q in (0.7, np.sqrt(2.0), 3.0):
        grid, wave, _ = line(1, length=2 * PI / q, n=128)
        exact = feedback(q, **film_, zeta=6.0, turnover=0.5, alpha=alpha, beta=beta)
        rate = growth_rate(
            grid, wave, **film_, tension=lambda m: 6.0 * m, turnover=0.5, by_strain=alpha, by_tension=beta
        )
        assert abs(rate - exact) < 0.01 * abs(exact)


def test_threshold_with_turnover() -> None:
    """zeta_c = (sqrt(gamma D) + sqrt(eta / tau))^2 = 4.5 at q* = (gamma / (tau eta D))^(1/4) = sqrt 2."""
    film_ = {"eta": 1.0, "gamma": 4.0, "diffusion": 0.5}
    thresholds = []
    for q in np.sqrt(2.0) * np.array([0.8, 1.0, 1.25]):
        grid, wave, _ = line(1, length=2 * PI / q)
        low, high = (
            growth_rate(grid, wave, **film_, tension=lambda m, zeta=zeta: zeta * m, turnover=0.5) for zeta in (4.0, 5.0)
        )
        thresholds.append(4.0 - low / (high - low))
    assert min(thresholds) == thresholds[1]
    assert abs(thresholds[1] - 4.5) < 0.01 * 4.5


@pytest.mark.parametrize("dim", [2, 3])
def test_step_of_active_stress(dim: int) -> None:
    """v = P / (2 sqrt(eta gamma)) exp(-|x| / l) about a step of P, l = sqrt(eta / gamma); two steps far apart."""
    eta, gamma, step, box = 2.0, 0.5, 3.0, 64.0
    length = np.sqrt(eta / gamma)
    errors = []
    for n in (128, 256, 512):
        grid = tissue.Grid((n, *(4,) * (dim - 1)), (box, *(4 * box / n,) * (dim - 1)))
        x = grid.centres()[0]
        tension = np.where(x > 0.5 * box, step, 0.0) + np.zeros(grid.shape)
        flow = film(grid, eta=eta, gamma=gamma).solve(isotropic(grid, tension))
        x = grid.faces(0)[0] - 0.5 * box
        exact = step / (2.0 * np.sqrt(eta * gamma)) * np.exp(-np.abs(x) / length)
        near = np.abs(x[:, *(0,) * (dim - 1)]) < 0.25 * box
        errors.append(np.abs(flow.u - exact)[near].max() / exact.max())
    assert errors[-1] < 1e-3
    assert (np.abs(np.log2(np.array(errors[:-1]) / errors[1:]) - 2.0) < 0.1).all()


@pytest.mark.parametrize("dim", [2, 3])
def test_active_film_with_free_ends(dim: int) -> None:
    """A film between traction-free ends x = +-w: v = -P sinh(x / l) / (sqrt(eta gamma) cosh(w / l))."""
    eta, gamma, pull, half = 2.0, 0.5, 3.0, 5.0
    length, errors = np.sqrt(eta / gamma), []
    for n in (32, 64, 128)[: 5 - dim]:
        grid = tissue.Grid(
            (n, *(4,) * (dim - 1)),
            (2 * half, *(8 * half / n,) * (dim - 1)),
            ("traction-free", *("periodic",) * (dim - 1)),
        )
        flow = film(grid, eta=eta, gamma=gamma).solve(isotropic(grid, np.full(grid.shape, pull)))
        x = grid.faces(0)[0] - half
        exact = -pull / np.sqrt(eta * gamma) * np.sinh(x / length) / np.cosh(half / length)
        errors.append(np.abs(flow.u - exact).max() / exact.max())
    assert (np.abs(np.log2(np.array(errors[:-1]) / errors[1:]) - 2.0) < 0.1).all()
