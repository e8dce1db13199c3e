"""Elastic memory beside its closed forms: shear, extension, rotation, and waves in a fluid that carries it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tissue

TAU, MODULUS = 0.7, 2.5
MAXWELL = tissue.Maxwell(TAU, MODULUS)
SEEDS = st.integers(0, 2**31)
CASES = settings(max_examples=60, deadline=None, derandomize=True)


def shear(rate: float, dim: int) -> np.ndarray:
    gradient = np.zeros((1, dim, dim))
    gradient[0, 0, 1] = rate
    return gradient


def full(components: np.ndarray, dim: int) -> np.ndarray:
    """Symmetric matrices [n, dim, dim] from components in the grid's order."""
    out = np.empty((len(components), dim, dim))
    names = tissue.Grid((4,) * dim, (1.0,) * dim).component_names
    for part, name in zip(components.T, names, strict=True):
        a, b = ("xyz".index(letter) for letter in name)
        out[:, a, b] = out[:, b, a] = part
    return out


def parts(matrix: np.ndarray) -> np.ndarray:
    dim = matrix.shape[-1]
    places = ([0, 1, 0], [0, 1, 1]) if dim == 2 else ([0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2])
    return matrix[:, places[0], places[1]]


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("dt", [0.01, 0.5, 100.0])
def test_shear_starts_and_ceases(dim: int, dt: float) -> None:
    """Start-up of shear, s_xy = G tau g (1 - e), s_xx - s_yy = 2 G (tau g)^2 (1 - e (1 + t / tau)); then e of both."""
    rate, t = 1.8, min(6 * dt, 100.0)
    conformation = MAXWELL.rest(1, dim)
    for _ in range(round(t / dt)):
        conformation = MAXWELL.advance(conformation, shear(rate, dim), dt)
    stress, left = full(MAXWELL.stress(conformation), dim)[0], np.exp(-t / TAU)
    strain = TAU * rate
    assert stress[0, 1] == pytest.approx(MODULUS * strain * (1 - left), rel=1e-11)
    difference = 2 * MODULUS * strain**2 * (1 - left * (1 + t / TAU))
    assert stress[0, 0] - stress[1, 1] == pytest.approx(difference, rel=1e-10)
    assert abs(stress[1, 1]) < 1e-12
    later = full(MAXWELL.stress(MAXWELL.advance(conformation, shear(0.0, dim), 0.4)), dim)[0]
    assert np.allclose(later, stress * np.exp(-0.4 / TAU), atol=1e-12)


@pytest.mark.parametrize("stretch", [-3.0, 0.3, 0.45, 0.7])
def test_uniaxial_extension(stretch: float) -> None:
    """A_xx = (1 - 2 w exp(-(1 - 2 w) t / tau)) / (1 - 2 w), w = tau rate; without end from w = 1/2 on."""
    t, gradient = 2.0, stretch / TAU * np.diag([1.0, -0.5, -0.5])[None]
    conformation = MAXWELL.rest(1, 3)
    for _ in range(4):
        conformation = MAXWELL.advance(conformation, gradient, t / 4)

    def closed(w: float) -> float:
        return (1 - 2 * w * np.exp(-(1 - 2 * w) * t / TAU)) / (1 - 2 * w)

    assert conformation[0, :3] == pytest.approx([closed(stretch), *[closed(-0.5 * stretch)] * 2], rel=1e-11)
    assert not conformation[0, 3:].any()


def test_oscillating_shear_is_of_second_order() -> None:
    """s_xy = G tau w (cos wt + w tau sin wt - exp(-t / tau)) / (1 + (w tau)^2) for a strain sin wt."""
    w, t = 3.0, 2.0
    exact = (np.cos(w * t) + w * TAU * np.sin(w * t) - np.exp(-t / TAU)) * TAU * w / (1 + (w * TAU) ** 2)
    errors = []
    for steps in (16, 32, 64):
        conformation, dt = MAXWELL.rest(1, 2), t / steps
        for k in range(steps):
            conformation = MAXWELL.advance(conformation, shear(w * np.cos(w * (k + 0.5) * dt), 2), dt)
        errors.append(abs(conformation[0, 2] - exact))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[-1] < 1e-3
    assert (abs(orders - 2.0) < 0.05).all(), orders


@CASES
@given(seed=SEEDS, dim=st.integers(2, 3), dt=st.floats(0.0, 3.0))
def test_who_looks_from_another_side_sees_the_same(seed: int, dim: int, dt: float) -> None:
    """A turned world gives the turned answer; a rigid rotation turns what is left of the stress, no more."""
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    gradient = rng.normal(size=(5, dim, dim))
    root = rng.normal(size=(5, dim, dim))
    start = root @ np.swapaxes(root, 1, 2)
    after = full(MAXWELL.advance(parts(start), gradient, dt), dim)
    turned = full(MAXWELL.advance(parts(q @ start @ q.T), q @ gradient @ q.T, dt), dim)
    assert np.abs(turned - q @ after @ q.T).max() <= 1e-12 * np.abs(after).max()
    spin = tissue.spin(gradient)
    stress = MAXWELL.stress(MAXWELL.advance(parts(start), spin, dt))
    rest = np.exp(-dt / TAU) * tissue.corotate(MAXWELL.stress(parts(start)), spin, dt)
    assert np.abs(stress - rest).max() <= 1e-11 * np.abs(start).max() * MODULUS


@CASES
@given(seed=SEEDS, dim=st.integers(2, 3), dt=st.floats(0.0, 50.0), size=st.floats(0.0, 2.0))
def test_conformations_stay_positive_definite(seed: int, dim: int, dt: float, size: float) -> None:
    """Whatever the step and the flow, and two steps are one of twice the length."""
    rng = np.random.default_rng(seed)
    gradient = size * rng.normal(size=(5, dim, dim))
    gradient -= np.eye(dim) * np.trace(gradient, axis1=1, axis2=2)[:, None, None] / dim
    once = MAXWELL.advance(MAXWELL.rest(5, dim), gradient, dt)
    # as far as numbers can tell: rounding is relative to the largest eigenvalue
    values = np.linalg.eigvalsh(full(once, dim))
    assert (values[:, 0] > -1e-14 * values[:, -1]).all()
    twice = MAXWELL.advance(MAXWELL.advance(MAXWELL.rest(5, dim), gradient, 0.5 * dt), gradient, 0.5 * dt)
    assert (np.abs(twice - once).max(axis=1) <= 1e-10 * np.abs(once).max(axis=1)).all()


def lattice(grid: tissue.Grid) -> tuple[np.ndarray, float]:
    """Two points a cell along each axis, and the area of each."""
    axes = [(np.arange(2 * n) + 0.5) * 0.5 * h for n, h in zip(grid.shape, grid.spacing, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, grid.dim)
    return points, grid.cell_area / 2**grid.dim


def driven(n: int, dt: float, w: float, periods: float, solvent: float) -> tuple[np.ndarray, np.ndarray]:
    """
    A fluid of Maxwell points in a periodic box under the force cos(k y) cos(w t): times and amplitudes of its velocity.

    Midpoint rule: half a step with the flow of its beginning, a step with the flow of its middle.
    """
    grid = tissue.Grid((4, n), (1.0, 2.0 * np.pi))
    stokes, model = tissue.Stokes(grid, viscosity=solvent), tissue.Maxwell(TAU, MODULUS)
    points, area = lattice(grid)
    conformation = model.rest(len(points), 2)
    wave = np.cos(grid.x_faces()[1]) * np.ones((4, 1))

    def flow(points: np.ndarray, conformation: np.ndarray, t: float) -> tissue.Flow:
        carried = tissue.spread_stress(grid, points, area * model.stress(conformation))
        return stokes.solve(carried, force=(np.cos(w * t) * wave, 0.0))

    times, found = [], []
    for step in range(round(periods * 2.0 * np.pi / (w * dt))):
        t = step * dt
        start = flow(points, conformation, t)
        times.append(t)
        found.append(2.0 * (start.u * wave).mean())
        middle = tissue.advance(start, points, 0.5 * dt)
        half = model.advance(conformation, tissue.velocity_gradient(start, points), 0.5 * dt)
        flow_ = flow(middle, half, t + 0.5 * dt)
        conformation = model.advance(conformation, tissue.velocity_gradient(flow_, middle), dt)
        points = tissue.advance(flow_, points, dt)
    return np.array(times), np.array(found)


@pytest.mark.parametrize("w", [0.5, 2.0, 6.0])
def test_moduli_of_an_oscillating_wave(w: float) -> None:
    """
    u = Re(exp(iwt) / (eta_s + G tau / (1 + i w tau))): storage and loss modulus within .2 % of |G*|.

    G* = i w / u^ = i w eta_s + G i w tau / (1 + i w tau), on 64 cells a wave and 60 steps a period.
    """
    solvent, dt = 1.3, 2.0 * np.pi / w / 60
    times, found = driven(64, dt, w, periods=4.0, solvent=solvent)
    last = slice(-60, None)
    amplitude = 2.0 * (found[last] * np.exp(-1j * w * times[last])).mean()
    measured = 1j * w / amplitude
    exact = 1j * w * solvent + MODULUS * 1j * w * TAU / (1 + 1j * w * TAU)
    assert abs(measured.real - exact.real) < 0.002 * abs(exact)
    assert abs(measured.imag - exact.imag) < 0.002 * abs(exact)


@pytest.mark.parametrize("solvent", [0.4, 4.0])
def test_a_wave_of_stress_decays(solvent: float) -> None:
    """
    Without a force s_xy = a cos(k y) drives -s / eta_s of shear, and decays at 1 / tau + G / eta_s.

    Steps of a thirtieth of that time: order two, and within .2 % on 64 cells a wave.
    """
    grid = tissue.Grid((4, 64), (1.0, 2.0 * np.pi))
    stokes, model = tissue.Stokes(grid, viscosity=solvent), tissue.Maxwell(TAU, MODULUS)
    rate = 1.0 / TAU + MODULUS / solvent
    found = []
    for steps in (8, 16, 32):
        points, area = lattice(grid)
        conformation, dt = model.rest(len(points), 2), 1.0 / rate / steps
        conformation[:, 2] = 0.01 * np.cos(points[:, 1])
        before = np.abs(conformation[:, 2]).max()
        for _ in range(steps):
            flow = stokes.solve(tissue.spread_stress(grid, points, area * model.stress(conformation)))
            middle = tissue.advance(flow, points, 0.5 * dt)
            half = model.advance(conformation, tissue.velocity_gradient(flow, points), 0.5 * dt)
            flow = stokes.solve(tissue.spread_stress(grid, middle, area * model.stress(half)))
            conformation = model.advance(conformation, tissue.velocity_gradient(flow, middle), dt)
            points = tissue.advance(flow, points, dt)
        found.append(-np.log(np.abs(conformation[:, 2]).max() / before))
    assert found[-1] == pytest.approx(1.0, rel=0.002)
    first, second = np.diff(found)
    assert np.log2(first / second) == pytest.approx(2.0, abs=0.2)


def decayed(steps: int, *, modulus: float, time: float) -> float:
    """What is left of a wave of stress in a solvent of viscosity 1, by the stress at the end of every step."""
    grid = tissue.Grid((4, 64), (1.0, 2.0 * np.pi))
    model, dt = tissue.Maxwell(TAU, modulus), time / steps
    points, area = lattice(grid)
    conformation = model.rest(len(points), 2)
    conformation[:, 2] = 0.01 * np.cos(points[:, 1])
    for _ in range(steps):
        left, added = model.after(conformation, dt)
        stokes = tissue.Stokes(grid, viscosity=1.0 + tissue.spread(grid, points, area * added))
        flow = stokes.solve(tissue.spread_stress(grid, points, area * left))
        conformation = model.advance(conformation, tissue.velocity_gradient(flow, points), dt)
        points = tissue.advance(flow, points, dt)
    return float(np.abs(conformation[:, 2]).max() / 0.01)


def test_the_stress_at_the_end_of_a_step() -> None:
    """Of first order; and springs a thousand times too stiff for the step come to rest, where they would blow up."""
    rate = 1.0 / TAU + MODULUS
    errors = [decayed(steps, modulus=MODULUS, time=1.0 / rate) / np.exp(-1.0) - 1.0 for steps in (16, 32, 64)]
    assert abs(errors[-1]) < 0.01
    assert (np.abs(np.array(errors[:-1]) / errors[1:] - 2.0) < 0.3).all(), errors
    assert decayed(10, modulus=2e4, time=1.0) < 1e-4


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: MAXWELL.advance(np.ones((2, 3)), np.zeros((2, 2)), 0.1), "gradient has shape"),
        (lambda: MAXWELL.advance(np.ones((2, 3)), np.zeros((2, 3, 3)), 0.1), "conformation has shape"),
        (lambda: MAXWELL.advance(np.ones((2, 3)), np.zeros((2, 2, 2)), -0.1), "dt is -0.1"),
        (lambda: tissue.Maxwell(0.0).advance(np.ones((2, 3)), np.zeros((2, 2, 2)), 0.1), "relaxation time is 0"),
        (lambda: MAXWELL.advance(np.ones((1, 3)), np.diag([9.0, -9.0])[None], 1e3), "point 0 grew beyond the range"),
        (lambda: tissue.Maxwell(1.0, -1.0).stress(np.ones((2, 3))), "modulus is -1"),
        (lambda: MAXWELL.stress(np.ones((2, 4))), r"give \[n, 3\] or \[n, 6\]"),
        (lambda: MAXWELL.rest(2, 4), "dim is 4"),
    ],
)
def test_refusals(use, message: str) -> None:
    with pytest.raises(tissue.FieldError, match=message):
        use()
