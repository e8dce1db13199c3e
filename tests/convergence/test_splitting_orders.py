"""Orders of the splitting of genes, flow, morphogens and neighbours, on problems with known solutions.

Largest relative errors at t = 2, as measured, and the order between the last two:

    problem             splitting     dt = .4     .2       .1      order
    gene and morphogen  Lie           1.0e-1   5.0e-2   2.5e-2    1.00
                        Strang        4.7e-3   1.2e-3   2.9e-4    2.01
    neighbours          Lie           3.5e-2   1.8e-2   8.9e-3    0.99
                        Strang        6.6e-3   1.6e-3   3.9e-4    2.03
    wave in a film      Lie           4.2e-3   2.2e-3   1.1e-3    0.97
                        Strang        3.2e-4   7.6e-5   1.8e-5    2.07
    clock               Lie           8.5e-2   4.1e-2   2.0e-2    1.04
                        Strang        4.4e-3   1.1e-3   2.7e-4    2.00
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import expm

import biomulti as bm
import tissue

END = 2.0
STEPS = (0.4, 0.2, 0.1)
MODEL = """
model linear()
  unit substance = item; unit extent = item; unit time_unit = second; unit volume = litre;
  compartment c = 1;
  substanceOnly species A in c;
  A = start;
  make: => A; supply + felt;
  lose: A => ; loss*A;
  start = 100; supply = 50; loss = 0.5; felt = 0;
end
"""
CLOCK = """
model clock()
  unit substance = item; unit extent = item; unit time_unit = second; unit volume = litre;
  compartment c = 1;
  substanceOnly species A in c, B in c;
  A := 3 + 2*sin(1.5*time);
  B = 1;
  make: => B; felt;
  felt = 0;
end
"""
LENGTH, FRICTION, BULK, PULL, RECRUIT = 16.0, 0.3, 1.5, 0.02, -120.0
FILM = tissue.Grid((16, 4), (LENGTH, 4.0))


def lattice(grid: tissue.Grid, across: int = 1) -> np.ndarray:
    """Cells in the middle of every grid cell, or a few of them across it."""
    axes = [(np.arange(n * across) + 0.5) * h / across for n, h in zip(grid.shape, grid.spacing, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, grid.dim)


def sheet(network: str, cells: np.ndarray, grid: tissue.Grid, **options: object) -> bm.Tissue:
    return bm.Tissue(network, cells=cells, grid=grid, seed=1, method="ode", tolerance=1e-10, **options)


def gene_and_morphogen(**stepping: object) -> float:
    """
    Cells all alike, one to an area of 1: A' = b - d A - g c, c' = s A - k c; error of A and c.

    Where all is uniform, nothing is transported.
    """
    grid, secreted, decay, gain = tissue.Grid((8, 8), (8.0, 8.0)), 0.8, 0.3, -0.5
    embryo = sheet(MODEL, lattice(grid), grid, friction=0.1)
    embryo.add(tissue.Morphogen("Wnt", diffusion=2.0, decay=decay), initial=20.0)
    embryo.couple("A", to=bm.Secretion("Wnt", per_molecule=secreted))
    embryo.couple(bm.Concentration("Wnt"), to="felt", gain=gain)
    run = embryo.run(END, every=END, progress=False, **stepping).data.isel(time=-1)
    rates = np.array([[-0.5, gain, 50.0], [secreted, -decay, 0.0], [0.0, 0.0, 0.0]])
    expected = expm(rates * END) @ np.array([100.0, 20.0, 1.0])
    found = np.array([float(run["A"].mean()), float(run["Wnt"].mean())])
    assert float(run["A"].std()) < 1e-9 * found[0]
    return float(np.abs(found / expected[:2] - 1.0).max())


def neighbours(**stepping: object) -> float:
    """
    A_i' = b - d A_i + g mean_j A_j on a hexagonal lattice, from a wave: the mean of its neighbours is l times a wave
    cos qx, l = (cos q + 2 cos(q/2)) / 3, so that the wave grows at the rate g l - d; error in every cell.
    """
    gain, rows = 0.4, 6
    grid = tissue.Grid((8, 8), (float(rows), rows * math.sqrt(0.75)))
    i, j = np.meshgrid(np.arange(rows), np.arange(rows), indexing="ij")
    places = np.stack([i + 0.5 * (j % 2) + 0.1, (j + 0.1) * math.sqrt(0.75)], axis=-1).reshape(-1, 2)
    q = 2.0 * math.pi / 3.0
    wave = np.cos(q * places[:, 0])
    embryo = sheet(MODEL, places, grid, friction=0.1)
    embryo.set("start", 100.0 + 50.0 * wave)
    embryo.couple(bm.Neighbours("A"), to="felt", gain=gain)
    found = embryo.run(END, every=END, progress=False, **stepping).data["A"].isel(time=-1).to_numpy()
    mean = expm(np.array([[gain - 0.5, 50.0], [0.0, 0.0]]) * END) @ np.array([100.0, 1.0])
    operator = (math.cos(q) + 2.0 * math.cos(q / 2.0)) / 3.0
    expected = mean[0] + 50.0 * math.exp((gain * operator - 0.5) * END) * wave
    return float(np.abs(found / expected - 1.0).max())


def film(amplitude: float = 1e-3, *, flow_tolerance: float = 0.0) -> bm.Tissue:
    """A film of cells whose molecules make a wave, contract it, and are made or lost where it is strained."""
    places = lattice(FILM, 2)
    embryo = sheet(
        MODEL, places, FILM, friction=FRICTION, bulk_viscosity=BULK, flow_tolerance=flow_tolerance
    )  # fmt: skip
    embryo.set("start", 100.0 * (1.0 + amplitude * np.cos(2.0 * math.pi / LENGTH * places[:, 0])))
    embryo.couple("A", to=bm.Contractility(per_molecule=PULL))
    embryo.couple(bm.StrainRate("xx"), to="felt", gain=RECRUIT)
    return embryo


def response() -> float:
    """
    Strain rate at the cells over molecules, of the wave k on this grid.

    e = -k^2 z a / (gamma + (eta + eta_b) k^2) in a film; spreading to the grid, differences on it and reading each
    take a little off, which is what is found here and not an error of steps.
    """
    embryo, k = film(), 2.0 * math.pi / LENGTH
    seen = bm.observe.Function("rate", lambda now: now.feel(bm.StrainRate("xx")), dims=("cell",))
    rate = embryo.run(1e-6, every=1e-6, progress=False, observe=seen).data["rate"].isel(time=0).to_numpy()
    wave = np.cos(k * embryo.positions[:, 0])
    found = float((rate * wave).sum() / (wave**2).sum()) / 0.1
    assert found == pytest.approx(-(k**2) * PULL / (FRICTION + (1.0 + BULK) * k**2), rel=0.06)
    return found


def wave_in_a_film(**stepping: object) -> float:
    """A wave of small amplitude grows at the rate r g - d, r the response of the film; error of its amplitude."""
    embryo, amplitude = film(), 0.1
    wave = np.cos(2.0 * math.pi / LENGTH * embryo.positions[:, 0])
    found = embryo.run(END, every=END, progress=False, **stepping).data["A"].isel(time=-1).to_numpy()
    expected = amplitude * math.exp((RECRUIT * response() - 0.5) * END)
    return abs(float((found * wave).sum() / (wave**2).sum()) / expected - 1.0)


def clock(**stepping: object) -> float:
    """What cells make after a rule of their own: c' = s (3 + 2 sin wt) - k c from c0, B' = c."""
    grid, secreted, decay, w = tissue.Grid((8, 8), (8.0, 8.0)), 0.8, 0.3, 1.5
    embryo = sheet(CLOCK, lattice(grid), grid, friction=0.1)
    embryo.add(tissue.Morphogen("Wnt", diffusion=2.0, decay=decay), initial=1.0)
    embryo.couple("A", to=bm.Secretion("Wnt", per_molecule=secreted))
    embryo.couple(bm.Concentration("Wnt"), to="felt")
    run = embryo.run(END, every=END, progress=False, **stepping).data.isel(time=-1)
    # c, its integral B, sin wt, cos wt, 1
    rates = np.zeros((5, 5))
    rates[0] = [-decay, 0.0, 2.0 * secreted, 0.0, 3.0 * secreted]
    rates[1, 0], rates[2, 3], rates[3, 2] = 1.0, w, -w
    expected = expm(rates * END) @ np.array([1.0, 1.0, 0.0, 1.0, 1.0])
    found = np.array([float(run["Wnt"].mean()), float(run["B"].mean())])
    return float(np.abs(found / expected[:2] - 1.0).max())


def delayed(**stepping: object) -> float:
    """A' = b - d A + g A(t - lag) of neighbours all alike, A(t) = A(0) before the start."""
    gain, lag, b, d, first = -0.4, 0.8, 50.0, 0.5, 100.0
    grid = tissue.Grid((8, 8), (8.0, 8.0))
    embryo = sheet(MODEL, lattice(grid), grid, friction=0.1)
    embryo.couple(bm.Neighbours("A"), to="felt", law=[bm.Delay(lag), bm.Linear(gain)])
    found = embryo.run(END, every=END, progress=False, **stepping).data["A"].isel(time=-1).mean().item()

    def amount(t: float) -> float:
        """By variation of constants, delay by delay."""
        if t <= 0.0:
            return first
        begin = max(0.0, math.ceil(t / lag - 1e-9) - 1.0) * lag
        made = quad(lambda s: math.exp(d * (s - t)) * (b + gain * amount(s - lag)), begin, t, epsabs=1e-10)[0]
        return amount(begin) * math.exp(-d * (t - begin)) + made

    return abs(found / amount(END) - 1.0)


PROBLEMS = [gene_and_morphogen, neighbours, wave_in_a_film, clock]


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize(("splitting", "order"), [("lie", 1), ("strang", 2)])
def test_splitting_is_of_its_order(problem: Callable[..., float], splitting: str, order: int) -> None:
    errors = np.array([problem(dt=dt, splitting=splitting) for dt in STEPS])
    orders = np.log2(errors[:-1] / errors[1:])
    assert orders[-1] > order - 0.2
    assert orders[-1] < order + 0.5


@pytest.mark.parametrize("splitting", ["lie", "strang"])
def test_what_is_delayed_by_more_than_a_step_is_of_second_order(splitting: str) -> None:
    """It is known when it is needed, in either splitting, and lies between moments: 1.7e-4 and 1.2e-4 at dt = .1."""
    errors = np.array([delayed(dt=dt, splitting=splitting) for dt in STEPS])
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("splitting", ["lie", "strang"])
def test_chosen_steps_are_more_exact_for_a_smaller_tolerance(problem: Callable[..., float], splitting: str) -> None:
    """The tolerance is of what is expected in a step, which is at most what is got wrong over all of them."""
    tolerances = np.array([0.1, 0.02, 0.004])
    errors = np.array([problem(tolerance=t, splitting=splitting) for t in tolerances])
    # a wave in a film is much closer than its tolerance, which then does not shorten steps
    assert errors[2] < max(0.35 * errors[0], 0.1 * tolerances[2])
    assert (errors < tolerances).all()


def test_a_flow_that_is_kept_changes_results_by_no_more_than_its_tolerance() -> None:
    """`flow_tolerance` beside solving at every step: the wave of molecules, of the largest of which it is a part."""
    ends = {
        skip: film(0.3, flow_tolerance=skip).run(END, every=END, dt=0.05, progress=False).data["A"].isel(time=-1)
        for skip in (0.0, 1e-4, 1e-3, 1e-2)
    }
    size = float(np.abs(ends[0.0]).max())
    changed = {skip: float(np.abs(end - ends[0.0]).max()) / size for skip, end in ends.items()}
    assert 0.0 < changed[1e-2] < 1e-2
    assert changed[1e-3] < 1e-3
    assert changed[1e-4] < 1e-4
