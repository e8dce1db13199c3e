"""
Polar films beside their closed forms: growth rates, the threshold of spontaneous flow, the flow beyond it.

In a film of thickness L, anchored along x at both sides, one of which holds the fluid and the other bears no stress,
polarity (1, theta(y)) and velocity v(y) obey, with sigma_xy = 0 throughout and lambda the alignment (-nu there),

    0 = eta v' - zeta theta + (1 - lambda) / 2 K theta'',    theta_t = -(1 - lambda) / 2 v' + K / gamma1 theta'',

so that sin(q y), q = pi / L, grows at -(1 - lambda) zeta / (2 eta) - K q^2 (1 / gamma1 + (1 - lambda)^2 / (4 eta)) and
flow begins at L^2 = pi^2 K (4 eta / gamma1 + (1 - lambda)^2) / (-2 (1 - lambda) zeta).
Source: Voituriez, Joanny and Prost 2005, doi:10.1209/epl/i2004-10501-2.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import cumulative_simpson, solve_bvp

import tissue

Field = np.ndarray
Rate = Callable[[float, float, float, float], float]
ETA, ELASTICITY, GAMMA = 0.8, 1.3, 2.1
ALONG = {"-y": (1.0, 0.0), "+y": (1.0, 0.0)}


def threshold(alignment: float, zeta: float) -> float:
    """L_c."""
    slip = 1.0 - alignment
    return float(np.pi * np.sqrt(ELASTICITY * (4.0 * ETA / GAMMA + slip**2) / (-2.0 * slip * zeta)))


def film_rate(q: float, alignment: float, zeta: float) -> float:
    slip = 1.0 - alignment
    return -slip * zeta / (2.0 * ETA) - ELASTICITY * q**2 * (1.0 / GAMMA + slip**2 / (4.0 * ETA))


def film(n: int, length: float, alignment: float, zeta: float, free: str = "traction-free") -> tissue.Polar:
    grid = tissue.Grid((4, n), (4 * length / n, length), ("periodic", ("no-slip", free)))
    return tissue.Polar(
        grid,
        elasticity=ELASTICITY,
        rotational_viscosity=GAMMA,
        alignment=alignment,
        activity=zeta,
        anchoring=ALONG,
    )


def flow_of(polar: tissue.Polar, p: Field, guess: tissue.Flow | None = None) -> tissue.Flow:
    fluid = tissue.Stokes(polar.grid, viscosity=ETA, tolerance=1e-11)
    return fluid.solve(polar.stress(p), force=polar.force(p), guess=guess)


def step(polar: tissue.Polar, p: Field, dt: float) -> Field:
    half = polar.advance(p, flow_of(polar, p), 0.5 * dt)
    return polar.advance(p, flow_of(polar, half), dt)


def growth_rate(polar: tissue.Polar, wave: Field, across: int = 1, size: float = 1e-4, steps: int = 8) -> float:
    """log of the growth of a small wave [*grid.shape] of p across x over its time, from flows and steps of polarity."""
    p = np.zeros((*polar.grid.shape, polar.grid.dim))
    p[..., 0], p[..., across] = 1.0, size * wave
    dt = 0.2 * ETA * min(polar.grid.spacing) ** 2 / (ELASTICITY * (1.0 + abs(polar.alignment)) ** 2)
    amplitude = [(p[..., across] * wave).sum()]
    for _ in range(steps):
        p = step(polar, p, dt)
        amplitude.append((p[..., across] * wave).sum())
    return float(np.log(amplitude[-1] / amplitude[0]) / (steps * dt))


def film_wave(polar: tissue.Polar) -> Field:
    y = polar.grid.centres()[1]
    return np.sin(np.pi * y / polar.grid.size[1]) + np.zeros(polar.grid.shape)


CASES = [(0.4, -3.0, "traction-free"), (-1.5, -2.0, "free-slip"), (1.8, 2.0, "traction-free"), (0.0, -5.0, "free-slip")]


@pytest.mark.parametrize(("alignment", "zeta", "free"), CASES)
@pytest.mark.parametrize("share", [0.8, 1.4])
def test_growth_rates_of_a_film_are_of_second_order(share: float, alignment: float, zeta: float, free: str) -> None:
    """In films of .8 and 1.4 times the critical thickness, contractile and extensile."""
    length = share * threshold(alignment, zeta)
    exact, errors = film_rate(np.pi / length, alignment, zeta), []
    for n in (16, 32, 64):
        polar = film(n, length, alignment, zeta, free)
        errors.append(abs(growth_rate(polar, film_wave(polar)) - exact))
    assert (exact > 0.0) == (share > 1.0)
    assert errors[-1] < 0.002 * abs(exact)
    assert np.log2(errors[0] / errors[-1]) > 2 * 1.65


@pytest.mark.parametrize(("alignment", "zeta", "free"), CASES)
def test_threshold_of_spontaneous_flow(alignment: float, zeta: float, free: str) -> None:
    """L_c: where the measured growth rate passes zero, which goes with 1 / L^2."""
    exact = threshold(alignment, zeta)
    inverse, rates = [(share * exact) ** -2 for share in (1.1, 0.9)], []
    for there in inverse:
        polar = film(64, there**-0.5, alignment, zeta, free)
        rates.append(growth_rate(polar, film_wave(polar)))
    above, below = rates
    assert below < 0.0 < above
    found = (inverse[0] + above / (above - below) * (inverse[1] - inverse[0])) ** -0.5
    assert abs(found - exact) < 0.002 * exact


@pytest.mark.parametrize(("alignment", "zeta"), [(0.4, 3.0), (1.8, -2.0)])
def test_activity_of_the_other_sign_never_flows(alignment: float, zeta: float) -> None:
    polar = film(16, 3.0 * threshold(alignment, -zeta), alignment, zeta)
    assert growth_rate(polar, film_wave(polar)) < 0.0


def bent_film(length: float, alignment: float, zeta: float, y: Field) -> tuple[Field, Field]:
    """
    theta(y) and v(y) of the steady film beyond the threshold, p = (cos theta, sin theta), by collocation.

    0 = -c zeta sin(2 theta) / (4 eta) + K theta'' (1 / gamma1 + c^2 / (4 eta)), c = 1 - lambda cos(2 theta), and
    eta v' = zeta / 2 sin(2 theta) - c / 2 K theta''.
    """

    def bend(theta: Field) -> Field:
        c = 1.0 - alignment * np.cos(2.0 * theta)
        return c * zeta * np.sin(2.0 * theta) / (4.0 * ETA) / (1.0 / GAMMA + c**2 / (4.0 * ETA))

    def slopes(_: Field, f: Field) -> Field:
        c, curved = 1.0 - alignment * np.cos(2.0 * f[0]), bend(f[0])
        return np.stack([f[1], curved / ELASTICITY, (0.5 * zeta * np.sin(2.0 * f[0]) - 0.5 * c * curved) / ETA])

    start = np.linspace(0.0, length, 101)
    wave = np.sin(np.pi * start / length)
    guess = np.stack([wave, np.pi / length * np.cos(np.pi * start / length), 0.0 * wave])
    found = solve_bvp(slopes, lambda a, b: np.array([a[0], b[0], a[2]]), start, guess, tol=1e-10, max_nodes=20_000)
    assert found.success
    return found.sol(y)[0], found.sol(y)[2]


@pytest.mark.parametrize(("alignment", "zeta"), [(0.4, -3.0), (-0.6, -3.0)])
def test_flow_beyond_the_threshold(alignment: float, zeta: float) -> None:
    """Its steady tilt, of half a radian to more than one, and speed."""
    length, errors = 1.3 * threshold(alignment, zeta), []
    for n in (8, 16):
        polar = film(n, length, alignment, zeta)
        y = polar.grid.centres()[1][0]
        tilt, speed = bent_film(length, alignment, zeta, y)
        angle = tilt + np.zeros(polar.grid.shape)
        p, flow, before = np.stack([np.cos(angle), np.sin(angle)], axis=-1), None, np.array(np.inf)
        dt = ETA * polar.grid.spacing[1] ** 2 / (ELASTICITY * (1.0 + abs(alignment)) ** 2)
        while np.abs(p - before).max() > 1e-5 * dt:
            before = p
            flow = flow_of(polar, p, flow)
            p = polar.advance(p, flow, dt)
        assert flow is not None
        assert np.abs(p - p[0]).max() < 1e-8
        found = np.arctan2(p[0, :, 1], p[0, :, 0])
        wrong = [np.abs(found - tilt).max() / np.abs(tilt).max()]
        wrong.append(np.abs(flow.u[0] - speed).max() / np.abs(speed).max())
        errors.append(wrong)
    assert max(errors[1]) < 0.015
    assert min(np.divide(*errors)) > 2.0


def test_flow_of_a_bent_film_anchored_across_its_free_side() -> None:
    """theta = b y^2 drives eta v' = zeta / 2 sin(2 theta) - c / 2 K theta'', c = 1 - lambda cos(2 theta)."""
    errors, zeta, alignment, b = [], -2.0, 0.3, np.arctan2(0.8, 0.6)
    for n in (16, 32, 64):
        grid = tissue.Grid((4, n), (4 / n, 1.0), ("periodic", ("no-slip", "traction-free")))
        held = {"-y": (1.0, 0.0), "+y": (0.6, 0.8)}
        polar = tissue.Polar(grid, elasticity=ELASTICITY, alignment=alignment, activity=zeta, anchoring=held)
        y = grid.centres()[1][0]
        p = np.tile(np.stack([np.cos(b * y**2), np.sin(b * y**2)], axis=-1), (4, 1, 1))
        fine = np.linspace(0.0, 1.0, 20_001)
        twice = 2.0 * b * fine**2
        slope = (0.5 * zeta * np.sin(twice) - (1.0 - alignment * np.cos(twice)) * ELASTICITY * b) / ETA
        exact = np.interp(y, fine, cumulative_simpson(slope, x=fine, initial=0.0))
        errors.append(np.abs(flow_of(polar, p).u[0] - exact).max() / np.abs(exact).max())
    assert errors[-1] < 5e-4
    assert np.log2(errors[0] / errors[-1]) > 2 * 1.6


def bulk_rate(q: float, angle: float, alignment: float, zeta: float) -> float:
    """
    Of a wave q at an angle to uniform p, with p and q turning in one plane, c = cos(2 angle):

    s = (1 + lambda c) (2 zeta c - (1 + lambda c) K q^2) / (4 eta) - K q^2 / gamma1.
    Source: Simha and Ramaswamy 2002, doi:10.1103/PhysRevLett.89.058101, for the fluid without inertia.
    """
    c, stiff = np.cos(2.0 * angle), ELASTICITY * q**2
    return (1.0 + alignment * c) * (2.0 * zeta * c - (1.0 + alignment * c) * stiff) / (4.0 * ETA) - stiff / GAMMA


def twist_rate(q: float, angle: float, alignment: float, zeta: float) -> float:
    """Of a wave of p along z, with q and uniform p in the plane of x and y."""
    stiff, slip = ELASTICITY * q**2, 1.0 + alignment
    return slip * np.cos(angle) ** 2 * (2.0 * zeta - slip * stiff) / (4.0 * ETA) - stiff / GAMMA


@pytest.mark.parametrize("zeta", [-6.0, 6.0])
@pytest.mark.parametrize("modes", [(1, 0), (0, 1), (1, 1), (2, 1), (1, 2)])
def test_oblique_waves_in_the_plane(modes: tuple[int, int], zeta: float) -> None:
    exact = bulk_rate(np.hypot(*modes), np.arctan2(modes[1], modes[0]), 0.6, zeta)
    errors = [abs(wave_rate((n, n), modes, 1, zeta) - exact) for n in (32, 64)]
    assert errors[1] < 0.015 * max(abs(exact), 1.0)
    assert errors[0] > 3.5 * errors[1]


@pytest.mark.parametrize(("across", "rate"), [(1, bulk_rate), (2, twist_rate)])
@pytest.mark.parametrize("modes", [(1, 0, 0), (0, 1, 0), (1, 1, 0)])
def test_oblique_waves_in_space(modes: tuple[int, int, int], across: int, rate: Rate) -> None:
    exact = rate(float(np.linalg.norm(modes)), np.arctan2(modes[1], modes[0]), 0.6, -6.0)
    errors = [abs(wave_rate((n, n, 4), modes, across, -6.0) - exact) for n in (12, 24)]
    assert errors[1] < 0.03 * max(abs(exact), 1.0)
    assert errors[0] > 3.5 * errors[1]


def wave_rate(shape: tuple[int, ...], modes: tuple[int, ...], across: int, zeta: float) -> float:
    grid = tissue.Grid(shape, (2 * np.pi, 2 * np.pi, 1.0)[: len(shape)])
    polar = tissue.Polar(grid, elasticity=ELASTICITY, rotational_viscosity=GAMMA, alignment=0.6, activity=zeta)
    wave = np.cos(sum(m * x for m, x in zip(modes, grid.centres(), strict=True)))
    return growth_rate(polar, wave, across, size=1e-5, steps=3)


def smooth(grid: tissue.Grid) -> Field:
    """Unit vectors that splay, bend and twist along every axis, in a box of 2 pi."""
    x, y, *rest = grid.centres()
    z = rest[0] if rest else np.zeros(())
    angle, height = np.sin(x + 0.4) + 0.7 * np.cos(y) * np.sin(z + x), 0.6 * np.sin(y + z)
    if grid.dim == 2:
        height = np.zeros(())
    parts = [np.cos(angle) * np.cos(height), np.sin(angle) * np.cos(height), np.sin(height)]
    return np.stack(np.broadcast_arrays(*parts[: grid.dim], np.zeros(grid.shape))[:-1], axis=-1)


@pytest.mark.parametrize(("dim", "sizes"), [(2, (16, 32, 64)), (3, (12, 24, 48))])
def test_what_the_fluid_gains_the_distortion_loses(dim: int, sizes: tuple[int, ...]) -> None:
    """Power of all passive stress = -dF/dt, F = K / 2 |grad p|^2, in a given flow and without rotational friction."""
    gaps = []
    for n in sizes:
        grid = tissue.Grid((n,) * dim, (2 * np.pi,) * dim)
        polar = tissue.Polar(grid, elasticity=ELASTICITY, rotational_viscosity=1e12, alignment=0.7)
        p = smooth(grid)
        x, y = grid.x_faces(), grid.y_faces()
        velocity = [np.sin(x[0]) * np.cos(x[1] + 0.3), -np.cos(y[0]) * np.sin(y[1] + 0.3)]
        if dim == 3:
            velocity[0] = velocity[0] + np.sin(x[2])
            z = grid.faces(2)
            velocity.append(np.cos(z[0] - z[1]))
        spread = tuple(np.broadcast_to(u, grid.face_shape(a)).copy() for a, u in enumerate(velocity))
        flow, dt = tissue.Flow(grid, spread, np.zeros(grid.shape)), 1e-4
        forces = zip(polar.stress(p).force(), polar.force(p), spread, strict=True)
        powers = [(s + f) * u * grid.cell_area for s, f, u in forces]

        def energy(p: Field, grid: tissue.Grid = grid) -> float:
            slopes = ((np.roll(p, -1, a) - p) / h for a, h in enumerate(grid.spacing))
            return 0.5 * ELASTICITY * sum((slope**2).sum() for slope in slopes) * grid.cell_area

        change = (energy(polar.advance(p, flow, dt)) - energy(p)) / dt
        gaps.append(abs(sum(part.sum() for part in powers) + change) / sum(np.abs(part).sum() for part in powers))
    assert gaps[-1] < 0.02
    assert np.log2(gaps[0] / gaps[-1]) > 2 * 1.6


def coarser(fine: Field) -> Field:
    """A periodic field in the plane at the centres of cells twice as wide, by cubics."""
    for axis in (0, 1):
        near = [np.roll(fine, shift, axis) for shift in (1, 0, -1, -2)]
        fine = (9.0 * (near[1] + near[2]) - near[0] - near[3]) / 16.0
        fine = np.take(fine, range(0, fine.shape[axis], 2), axis=axis)
    return fine


def test_all_together_is_of_second_order() -> None:
    """Carried, turned, relaxed and pulling: halving cells and steps together changes a quarter each time."""
    ends = []
    for n in (16, 32, 64, 128):
        grid = tissue.Grid((n, n), (2 * np.pi, 2 * np.pi))
        polar = tissue.Polar(grid, elasticity=0.1, rotational_viscosity=0.5, alignment=0.7, activity=-2.0)
        p = smooth(grid)
        for _ in range(n // 4):
            p = step(polar, p, 0.6 / (n // 4))
        ends.append(p)
    gaps = [np.abs(coarser(fine) - coarse).max() for coarse, fine in pairwise(ends)]
    assert np.log2(gaps[1] / gaps[2]) > 1.8


def test_carried_and_turned_in_shear_is_of_second_order() -> None:
    """Without elasticity p(x, y, t) is along F p(x - g y t, y, 0) for material lines, F = I + g t e_x e_y^T."""
    errors, rate, time = [], 0.9, 1.5
    for n in (16, 32, 64):
        grid = tissue.Grid((n, n), (2 * np.pi, 2 * np.pi), ("periodic", "moving"))
        flow = tissue.Stokes(grid).solve(walls={"+y": (rate * 2 * np.pi, 0.0)})
        polar = tissue.Polar(grid, elasticity=0.0, alignment=1.0)
        x, y = grid.centres()

        def at(x: Field, y: Field) -> Field:
            return np.stack(np.broadcast_arrays(np.cos(np.sin(x) + y), np.sin(np.sin(x) + y)), axis=-1)

        p = at(x, y)
        for _ in range(n // 4):
            p = polar.advance(p, flow, time / (n // 4))
        exact = at(x - rate * y * time, y)
        exact[..., 0] += rate * time * exact[..., 1]
        exact /= np.linalg.norm(exact, axis=-1, keepdims=True)
        errors.append(np.abs(p - exact).max())
    assert errors[-1] < 0.01
    assert np.log2(errors[1] / errors[-1]) > 1.8


@pytest.mark.parametrize("sides", [(), ("-y",), ("+y",), ("-y", "+y")])
def test_relaxation_between_sides(sides: tuple[str, ...]) -> None:
    """
    Angles diffuse, theta_t = K / gamma1 theta'': waves decay on top of the twist that sides force.

    Of second order in space; in time of second between free sides and of order 1.5 beside anchored ones.
    """
    ends, time = {"-y": 0.2, "+y": 1.4}, 0.3
    held = {side: (np.cos(ends[side]), np.sin(ends[side])) for side in sides}

    def relaxed(n: int, steps: int) -> tuple[Field, Field]:
        """theta, and what it should be."""
        grid = tissue.Grid((4, n), (1.0, 2.0), ("periodic", "no-slip"))
        polar = tissue.Polar(grid, elasticity=ELASTICITY, rotational_viscosity=GAMMA, anchoring=held)
        y = grid.centres()[1][0]
        rest = 0.2 + 0.6 * y if len(sides) == 2 else np.full(n, ends[sides[0]] if sides else 0.0)
        q = 0.25 * np.pi if len(sides) == 1 else 0.5 * np.pi
        wave = 0.8 * (np.sin(q * y) if "-y" in sides else np.cos(q * y))
        p = np.tile(np.stack([np.cos(rest + wave), np.sin(rest + wave)], axis=-1), (4, 1, 1))
        for _ in range(steps):
            p = polar.relax(p, time / steps)
        return np.arctan2(p[0, :, 1], p[0, :, 0]), rest + wave * np.exp(-ELASTICITY / GAMMA * q**2 * time)

    in_space = [np.abs(np.subtract(*relaxed(n, 256))).max() for n in (8, 32)]
    assert np.log2(in_space[0] / in_space[1]) > 2 * 1.8
    fine = relaxed(32, 256)[0]
    in_time = [np.abs(relaxed(32, steps)[0] - fine).max() for steps in (8, 32)]
    assert np.log2(in_time[0] / in_time[1]) > 2 * (1.3 if sides else 1.9)
