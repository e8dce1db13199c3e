"""
Lateral inhibition of cells that touch: Delta and Notch.

    N_i' = D^k / (a + D^k) - N_i,   D_i' = 1 / (1 + b N_i^h) - D_i,   D the mean of D_j over the neighbours of i,

with a = .01, b = 100, k = h = 2. Molecules are OMEGA times N and D. The cells do not move.
Source: Collier, Monk, Maini and Lewis 1996, doi:10.1006/jtbi.1996.0233.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq

import biomulti as bm
import tissue

OMEGA = 1000.0
MODEL = f"""
model delta_notch()
  unit substance = item; unit extent = item; unit time_unit = second; unit volume = litre;
  compartment c = 1;
  substanceOnly species N in c, D in c;
  N = n0; D = d0;
  activate: => N; omega*near^2/(0.01*omega^2 + near^2);
  lose_n: N => ; N;
  inhibit: => D; omega/(1 + 100*(N/omega)^2);
  lose_d: D => ; D;
  near = 0; n0 = 0; d0 = 0; omega = {OMEGA};
end
"""


def f(d: float) -> float:
    return d**2 / (0.01 + d**2)


def g(n: float) -> float:
    return 1.0 / (1.0 + 100.0 * n**2)


DELTA = brentq(lambda d: g(f(d)) - d, 0.0, 1.0)  # of cells all alike
NOTCH = f(DELTA)
F_SLOPE = 0.02 * DELTA / (0.01 + DELTA**2) ** 2
G_SLOPE = -200.0 * NOTCH * g(NOTCH) ** 2


def hexagons(rows: int) -> tuple[tissue.Grid, np.ndarray]:
    """A periodic hexagonal lattice of rows by rows cells at a distance of 1."""
    grid = tissue.Grid((8, 8), (float(rows), rows * math.sqrt(0.75)))
    i, j = np.meshgrid(np.arange(rows), np.arange(rows), indexing="ij")
    return grid, np.stack([i + 0.5 * (j % 2) + 0.1, (j + 0.1) * math.sqrt(0.75)], axis=-1).reshape(-1, 2)


def sheet(
    grid: tissue.Grid, cells: int | np.ndarray, notch: np.ndarray | float, delta: np.ndarray | float, reduce: str
) -> bm.Tissue:
    embryo = bm.Tissue(MODEL, cells=cells, grid=grid, friction=0.1, seed=4, method="ode", tolerance=1e-9)
    embryo.set("n0", OMEGA * np.asarray(notch))
    embryo.set("d0", OMEGA * np.asarray(delta))
    embryo.couple(bm.Neighbours("D", reduce), to="near")
    return embryo


def rates(operator: float) -> tuple[np.ndarray, np.ndarray]:
    """Growth rates and vectors (N, D) of a mode of which the mean over neighbours makes `operator` times itself."""
    return np.linalg.eig(np.array([[-1.0, F_SLOPE * operator], [G_SLOPE, -1.0]]))


def test_the_state_of_cells_all_alike() -> None:
    product = F_SLOPE * G_SLOPE
    assert pytest.approx(0.07399, abs=5e-6) == DELTA
    assert product == pytest.approx(-2.394, abs=5e-4)


@pytest.mark.parametrize("reduce", ["mean", "contact"])
@pytest.mark.parametrize(
    ("q", "operator"), [(4.0 * math.pi / 3.0, -0.5), (math.pi, -1.0 / 3.0), (2.0 * math.pi / 3.0, 1.0 / 6.0)]
)
def test_modes_grow_and_decay_at_their_rates(q: float, operator: float, reduce: str) -> None:
    """
    The mean over neighbours ranges from -1/2, the fastest mode, to 1; below 1/(f'g') = -.418 modes grow, by
    -1 + sqrt(f'g' operator): +.0940 for the fastest, -.1067 at -1/3; beyond 0 they turn round as they decay.
    """
    grid, places = hexagons(6)
    assert (math.cos(q) + 2.0 * math.cos(q / 2.0)) / 3.0 == pytest.approx(operator)
    values, vectors = rates(operator)
    first = int(np.argmax(values.real))
    wave = np.cos(q * places[:, 0] + 0.3)
    small = 1e-5 * np.real(vectors[:, first])
    embryo = sheet(grid, places, NOTCH + small[0] * wave, DELTA + small[1] * wave, reduce)
    run = embryo.run(8.0, every=2.0, dt=0.1, progress=False).data
    found = np.stack([(run[n].to_numpy() / OMEGA - s) @ wave / (wave @ wave) for n, s in (("N", NOTCH), ("D", DELTA))])
    if operator > 0.0:
        start = np.linalg.solve(vectors, small.astype(complex))
        expected = np.real(vectors @ (start[:, None] * np.exp(values[:, None] * run["time"].to_numpy())))
        np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(small).max())
        return
    measured = np.log(found[:, -1] / found[:, 1]) / 6.0
    np.testing.assert_allclose(measured, values[first].real, rtol=5e-4)
    assert values[first] == pytest.approx({-0.5: 0.0940, -1.0 / 3.0: -0.1067}[operator], abs=1e-4)


def test_two_cells_become_one_of_each() -> None:
    grid = tissue.Grid((8, 8), (2.0, 2.0), ("no-slip", "no-slip"))
    run = sheet(grid, np.array([[0.5, 1.0], [1.5, 1.0]]), 0.3, np.array([0.11, 0.1]), "mean").run(
        60.0, every=60.0, progress=False
    )
    last = run.data.isel(time=-1)
    np.testing.assert_allclose(last["D"].to_numpy() / OMEGA, [0.98990, 0.01010], atol=1e-5)
    np.testing.assert_allclose(last["N"].to_numpy() / OMEGA, [0.01010, 0.98990], atol=1e-5)


def test_noise_becomes_a_pattern_of_cells_that_keep_each_other_down() -> None:
    """Of cells nearly alike, some make Delta; none of their neighbours does, and every other cell has one of them."""
    grid, places = hexagons(12)
    noise = np.random.default_rng(7).uniform(0.98, 1.02, (2, len(places)))
    run = sheet(grid, places, NOTCH * noise[0], DELTA * noise[1], "mean").run(120.0, every=60.0, dt=0.5, progress=False)
    delta = run.data["D"].isel(time=-1).to_numpy() / OMEGA
    high, near = delta > 0.5, tissue.contacts(grid, places)
    beside = np.bincount(near.owner, high[near.index], len(places))
    assert delta[high].min() > 0.9
    assert delta[~high].max() < 0.15
    assert (beside[high] == 0).all()
    assert (beside[~high] >= 1).all()
    # a third where they are packed most densely
    assert 0.2 < high.mean() <= 1.0 / 3.0


def test_an_irregular_tissue_makes_the_same_pattern_each_time() -> None:
    """Neighbours weigh by the sides they share: bit for bit, and across no long side do both make Delta."""
    grid = tissue.Grid((16, 16), (12.0, 12.0), ("periodic", "no-slip"))
    noise = np.random.default_rng(8).uniform(0.9, 1.1, (2, 150))
    ends = []
    for _ in range(2):
        run = sheet(grid, 150, NOTCH * noise[0], DELTA * noise[1], "contact").run(
            100.0, every=50.0, dt=0.5, progress=False
        )
        ends.append(run.data)
    for name in ends[0].data_vars:
        assert np.array_equal(ends[0][name].to_numpy(), ends[1][name].to_numpy()), name
    last = ends[0].isel(time=-1)
    delta = last["D"].to_numpy() / OMEGA
    near = tissue.contacts(grid, np.stack([last["x"], last["y"]], axis=1), longest=3.0 * math.sqrt(144.0 / 150.0))
    weight = near.side / np.bincount(near.owner, near.side, 150)[near.owner]
    both = (delta[near.owner] > 0.5) & (delta[near.index] > 0.5)
    assert 0.15 < (delta > 0.5).mean() < 0.5
    assert weight[both].max(initial=0.0) < 0.1
