"""What cells feel, part by part, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import expm

import biomulti as bm
import tissue
from biomulti.coupled import checks
from biomulti.coupled.moment import Moment
from biomulti.coupled.running import Running

STILL = """
model still()
  unit substance = item; unit extent = item; unit time_unit = second; unit volume = litre;
  compartment c = 1;
  substanceOnly species A in c; A = 10;
  none: => A; 0*k;
  k = 1; felt = 0;
end
"""
OWN = STILL.replace("A = 10;", "A = k;")
OTHER = STILL.replace("species A in c; A", "species B in c; B").replace("=> A", "=> B")
SIDE = 40.0
OPEN = {dim: tissue.Grid((8,) * dim, (SIDE,) * dim, ("traction-free",) * dim) for dim in (2, 3)}
GRADIENT = {
    2: np.array([[0.3, -0.4], [0.1, 0.2]]),
    3: np.array([[0.3, -0.4, 0.2], [0.1, 0.2, -0.5], [0.6, 0.05, -0.1]]),
}
DRIFT = np.array([1.0, -2.0, 0.5])
DIAGONAL = {2: (1.0, 2.0), 3: (1.0, 2.0, -2.0)}


def begun(sheet: bm.Tissue, *, every: float = 0.5, dt: float | None = 0.125, splitting: str = "strang") -> Running:
    stepping = checks.stepping(every, every, dt, 0.05, splitting)
    return Running.begun(sheet, stepping, bm.observe.Population(), None)


def now_of(running: Running) -> Moment:
    return Moment(running.setup, running.state)


def linear_flow(grid: tissue.Grid, gradient: np.ndarray, drift: np.ndarray, p: float = 0.0) -> tissue.Flow:
    """u = drift + L (x - middle), on every face."""
    middle = np.array(grid.size) / 2.0
    velocity = []
    for axis in range(grid.dim):
        places = np.stack(np.broadcast_arrays(*grid.faces(axis)), axis=-1) - middle
        velocity.append(np.ascontiguousarray(drift[axis] + places @ gradient[axis]))
    return tissue.Flow(grid, tuple(velocity), np.full(grid.shape, p))


def inside(dim: int, cells: int = 20) -> np.ndarray:
    """Places no nearer to a side than one and a half grid cells, where linear fields are read exactly."""
    return np.random.default_rng(1).uniform(0.2 * SIDE, 0.8 * SIDE, (cells, dim))


def in_a_linear_flow(dim: int, **options: object) -> Running:
    own = np.random.default_rng(2).normal(size=(20, dim))
    options = {"polarity": own, "cell_size": 1.0} | options
    sheet = bm.Tissue(STILL, cells=inside(dim), grid=OPEN[dim], friction=0.01, seed=1, method="ode", **options)
    running = begun(sheet)
    running.state.flow = linear_flow(OPEN[dim], GRADIENT[dim], DRIFT[:dim], p=0.7)
    return running


def parts(tensor: np.ndarray, axes: np.ndarray) -> dict[object, np.ndarray]:
    """Every part of one tensor that signals may name, for cells with their own axes [n, dim]."""
    dim, ones = len(tensor), np.ones(len(axes))
    along = np.array(DIAGONAL[dim]) / math.hypot(*DIAGONAL[dim])
    found: dict[object, np.ndarray] = {
        "trace": np.trace(tensor) * ones,
        "mean": np.trace(tensor) / dim * ones,
        "magnitude": np.sqrt((tensor * tensor).sum()) * ones,
        "polarity": np.einsum("ni,ij,nj->n", axes, tensor, axes),
        DIAGONAL[dim]: along @ tensor @ along * ones,
    }
    for i, name in enumerate("xyz"[:dim]):
        found[name] = tensor[i, i] * ones
        for j in range(i, dim):
            found["xyz"[i] + "xyz"[j]] = tensor[i, j] * ones
    if dim == 2:
        a = np.array([math.cos(0.7), math.sin(0.7)])
        found[0.7] = a @ tensor @ a * ones
    return found


@pytest.mark.parametrize("dim", [2, 3])
def test_parts_of_tensors_in_a_linear_flow(dim: int) -> None:
    """Strain rate sym L; total stress 2 eta dev sym L - p I with viscosity 1."""
    running = in_a_linear_flow(dim)
    now, axes = now_of(running), running.state.bodies.axis
    rate = 0.5 * (GRADIENT[dim] + GRADIENT[dim].T)
    stress = 2.0 * (rate - np.trace(rate) / dim * np.eye(dim)) - 0.7 * np.eye(dim)
    for part, expected in parts(rate, axes).items():
        np.testing.assert_allclose(now.feel(bm.StrainRate(part)), expected, atol=1e-12, err_msg=f"{part}")
    for part, expected in parts(stress, axes).items():
        np.testing.assert_allclose(now.feel(bm.Stress(part)), expected, atol=1e-12, err_msg=f"{part}")
    np.testing.assert_allclose(now.feel(bm.Pressure()), 0.7, atol=1e-12)


@pytest.mark.parametrize("dim", [2, 3])
def test_velocity_in_a_linear_flow(dim: int) -> None:
    running = in_a_linear_flow(dim)
    now, axes = now_of(running), running.state.bodies.axis
    expected = DRIFT[:dim] + (inside(dim) - SIDE / 2.0) @ GRADIENT[dim].T
    np.testing.assert_allclose(now.feel(bm.Velocity()), np.linalg.norm(expected, axis=1), atol=1e-12)
    np.testing.assert_allclose(now.feel(bm.Velocity("polarity")), (axes * expected).sum(axis=1), atol=1e-12)
    along = np.array(DIAGONAL[dim]) / math.hypot(*DIAGONAL[dim])
    np.testing.assert_allclose(now.feel(bm.Velocity(DIAGONAL[dim])), expected @ along, atol=1e-12)
    for axis, name in enumerate("xyz"[:dim]):
        np.testing.assert_allclose(now.feel(bm.Velocity(name)), expected[:, axis], atol=1e-12)
    if dim == 2:
        turned = expected @ np.array([math.cos(-2.1), math.sin(-2.1)])
        np.testing.assert_allclose(now.feel(bm.Velocity(-2.1)), turned, atol=1e-12)


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("splitting", ["strang", "lie"])
def test_strain_in_a_steady_flow(dim: int, splitting: str) -> None:
    """F = exp(L t) of a steady linear flow, whatever the steps; sizes follow its determinant."""
    rate = 0.2 * (GRADIENT[dim] - np.trace(GRADIENT[dim]) / dim * np.eye(dim)) + 0.02 * np.eye(dim)
    at = SIDE / 2.0 + 0.05 * (inside(dim) - SIDE / 2.0)
    sheet = bm.Tissue(STILL, cells=at, grid=OPEN[dim], friction=0.01, seed=1, method="ode", cell_size=1.0)
    running = begun(sheet, splitting=splitting)
    running.state.flow = linear_flow(OPEN[dim], rate, np.zeros(3))
    running.run(0.5, checkpoint=60.0, progress=False)
    deformed = expm(0.5 * rate)
    values, vectors = np.linalg.eigh(deformed @ deformed.T)
    strain = vectors @ np.diag(0.5 * np.log(values)) @ vectors.T
    now = now_of(running)
    for part, expected in parts(strain, running.state.bodies.axis).items():
        np.testing.assert_allclose(now.feel(bm.Strain(part)), expected, atol=1e-12, err_msg=f"{part}")
    np.testing.assert_allclose(now.feel(bm.Size()), math.exp(0.5 * np.trace(rate)), rtol=1e-12)


def test_strain_size_and_age_begin_anew_with_a_daughter() -> None:
    """Extension at the rate e until division at age 1, and for .5 more: strain .5 e, age .5; areas were halved."""
    at = SIDE / 2.0 + 0.1 * (inside(2) - SIDE / 2.0)
    sheet = bm.Tissue(
        STILL, cells=at, grid=OPEN[2], friction=0.01, seed=1, method="ode", cell_size=0.01, ages=0.25, keep_apart=0.0
    )
    sheet.live(bm.Division(when=bm.Age(), above=1.0))
    running = begun(sheet, every=1.25)
    running.state.flow = linear_flow(OPEN[2], np.diag([0.2, -0.1]), np.zeros(2))
    before = now_of(running)
    np.testing.assert_allclose(before.feel(bm.Age()), 0.25)
    running.run(1.25, checkpoint=60.0, progress=False)
    now = now_of(running)
    assert len(now.ids) == 40
    np.testing.assert_allclose(now.feel(bm.Strain("xx")), 0.2 * 0.5, atol=1e-12)
    np.testing.assert_allclose(now.feel(bm.Strain("yy")), -0.1 * 0.5, atol=1e-12)
    np.testing.assert_allclose(now.feel(bm.Strain("xy")), 0.0, atol=1e-12)
    np.testing.assert_allclose(now.feel(bm.Age()), 0.5, atol=1e-12)
    np.testing.assert_allclose(now.feel(bm.Size()), 0.5 * math.exp(0.1 * 1.25), rtol=1e-12)


def test_a_wave_of_contractility_in_a_film() -> None:
    """
    s = s0 + s1 cos kx in a film of viscosities eta, eta_b and friction gamma, incompressible along nothing:
    v = -k s1 sin(kx) / (gamma + (eta + eta_b) k^2), e_xx = dv/dx, p = -eta_b e_xx; forces balance what friction takes.
    """
    length, gamma, bulk, s0, s1 = 64.0, 0.02, 3.0, 2.0, 1.0
    grid = tissue.Grid((64, 4), (length, 4.0))
    lattice = np.stack(np.meshgrid(np.arange(128) + 0.5, np.arange(8) + 0.5, indexing="ij"), axis=-1).reshape(-1, 2) / 2
    sheet = bm.Tissue(OWN, cells=lattice, grid=grid, friction=gamma, bulk_viscosity=bulk, seed=1, method="ode")
    k, x = 2.0 * math.pi / length, lattice[:, 0]
    sheet.set("k", 100.0 * (s0 + s1 * np.cos(k * x)))
    sheet.couple("A", to=bm.Contractility(per_molecule=0.01))
    now = now_of(begun(sheet))
    speed = -k * s1 / (gamma + (1.0 + bulk) * k**2)
    rate = k * speed * np.cos(k * x)
    close = {"rtol": 0.0, "atol": 4e-3}  # (k h)^2 / 3, h the width of a grid cell
    np.testing.assert_allclose(now.feel(bm.Velocity("x")) / speed, np.sin(k * x), **close)
    np.testing.assert_allclose(now.feel(bm.StrainRate("xx")) / (k * speed), np.cos(k * x), **close)
    np.testing.assert_allclose(now.feel(bm.StrainRate("yy")), 0.0, atol=1e-9)
    np.testing.assert_allclose(now.feel(bm.Pressure()), -bulk * rate, atol=4e-3)
    pull = s0 + s1 * np.cos(k * x)
    np.testing.assert_allclose(now.feel(bm.Stress("xx")), (1.0 + bulk) * rate + pull, atol=4e-3)
    np.testing.assert_allclose(now.feel(bm.Stress("yy")), (bulk - 1.0) * rate + pull, atol=4e-3)
    np.testing.assert_allclose(now.feel(bm.Stress()), bulk * rate + pull, atol=4e-3)


def still(positions: np.ndarray, grid: tissue.Grid, network: object = STILL, **options: object) -> Moment:
    kinds = {"cells": positions} if not isinstance(network, dict) else {}
    return now_of(begun(bm.Tissue(network, grid=grid, friction=0.01, seed=1, method="ode", **kinds, **options)))


@pytest.mark.parametrize("dim", [2, 3])
def test_density_of_a_lattice(dim: int) -> None:
    """Two cells along each side of a grid cell, 2.5 wide: .64 per area, .512 per volume."""
    grid = tissue.Grid((8,) * dim, (20.0,) * dim)
    lattice = np.stack(np.meshgrid(*[(np.arange(16) + 0.5) * 1.25] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    now = still(lattice, grid)
    np.testing.assert_allclose(now.feel(bm.Density()), 0.8**dim, rtol=1e-12)
    np.testing.assert_allclose(now.feel(bm.Size()), 1.0)


@pytest.mark.parametrize("dim", [2, 3])
def test_distance_to_sides(dim: int) -> None:
    grid = tissue.Grid((8,) * dim, (10.0, 20.0, 30.0)[:dim], ("periodic", "no-slip", "free-slip")[:dim])
    at = np.random.default_rng(0).uniform(0.0, 1.0, (9, dim)) * grid.size
    now = still(at, grid)
    for axis in range(1, dim):
        np.testing.assert_allclose(now.feel(bm.Distance("-" + "xyz"[axis])), at[:, axis])
        np.testing.assert_allclose(now.feel(bm.Distance("+" + "xyz"[axis])), grid.size[axis] - at[:, axis])


@pytest.mark.parametrize("dim", [2, 3])
def test_distance_to_the_rim_of_a_ball(dim: int) -> None:
    """R - r, to within a grid cell."""
    n, radius = (48, 14.0) if dim == 2 else (24, 8.0)
    grid = tissue.Grid((n,) * dim, (float(n),) * dim)
    lattice = np.stack(np.meshgrid(*[np.arange(2 * n) / 2.0 + 0.25] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    away = np.linalg.norm(lattice - n / 2.0, axis=1)
    now = still(lattice[away < radius], grid, outside=0.1, cell_size=0.5**dim)
    expected = radius - away[away < radius]
    assert np.abs(now.feel(bm.Distance()) - expected).max() < 1.0
    assert abs(float(np.mean(now.feel(bm.Distance()) - expected))) < 0.25


@pytest.mark.parametrize("across", [0.0, 20.0])
def test_distance_to_the_rim_of_a_band_wherever_it_lies(across: float) -> None:
    """A band 12 wide, round the periodic ends too: its distance is half its width less that to its middle."""
    grid = tissue.Grid((8, 40), (8.0, 40.0))
    lattice = np.stack(np.meshgrid(np.arange(16) / 2 + 0.25, np.arange(80) / 2 + 0.25, indexing="ij"), -1).reshape(
        -1, 2
    )
    off = np.abs((lattice[:, 1] - across + 20.0) % 40.0 - 20.0)
    band = off < 6.0
    now = still(lattice[band], grid, outside=0.1, cell_size=0.25)
    assert np.abs(now.feel(bm.Distance("rim")) - (6.0 - off[band])).max() < 0.5


def test_a_tissue_that_is_everywhere_is_far_from_any_rim() -> None:
    grid = tissue.Grid((8, 8), (8.0, 8.0))
    lattice = np.stack(np.meshgrid(np.arange(16) / 2 + 0.25, np.arange(16) / 2 + 0.25, indexing="ij"), -1).reshape(
        -1, 2
    )
    assert (still(lattice, grid, outside=0.1, cell_size=0.25).feel(bm.Distance()) == 8.0).all()


@pytest.mark.parametrize("dim", [2, 3])
def test_concentration_is_read_between_grid_cells(dim: int) -> None:
    """A field linear in places is read exactly away from the sides."""
    grid, slope = OPEN[dim], np.array([0.1, 0.2, 0.3])[:dim]
    field = 1.0 + sum(s * c for s, c in zip(slope, grid.centres(), strict=True))
    sheet = bm.Tissue(STILL, cells=inside(dim), grid=grid, friction=0.01, seed=1, method="ode", cell_size=1.0)
    sheet.add(tissue.Morphogen("Wnt", diffusion=1.0), initial=field)
    found = now_of(begun(sheet)).feel(bm.Concentration("Wnt"))
    np.testing.assert_allclose(found, 1.0 + inside(dim) @ slope, rtol=1e-12)


def hexagons(rows: int) -> tuple[tissue.Grid, np.ndarray]:
    """A periodic hexagonal lattice of rows by rows cells at a distance of 1."""
    grid = tissue.Grid((8, 8), (float(rows), rows * math.sqrt(0.75)))
    i, j = np.meshgrid(np.arange(rows), np.arange(rows), indexing="ij")
    return grid, np.stack([i + 0.5 * (j % 2) + 0.1, (j + 0.1) * math.sqrt(0.75)], axis=-1).reshape(-1, 2)


def test_neighbours_on_a_hexagonal_lattice() -> None:
    """A wave cos qx: the mean of six neighbours is (cos q + 2 cos(q/2)) / 3 of it."""
    grid, lattice = hexagons(12)
    sheet = bm.Tissue(OWN, cells=lattice, grid=grid, friction=0.01, seed=1, method="ode")
    q = 2.0 * math.pi / 6.0
    wave = np.cos(q * lattice[:, 0])
    sheet.set("k", 10.0 + wave)
    now = now_of(begun(sheet))
    mean = 10.0 + wave * (math.cos(q) + 2.0 * math.cos(q / 2.0)) / 3.0
    np.testing.assert_allclose(now.feel(bm.Neighbours("A")), mean, rtol=1e-12)
    np.testing.assert_allclose(now.feel(bm.Neighbours("A", "contact")), mean, rtol=1e-9)
    np.testing.assert_allclose(now.feel(bm.Neighbours("A", "sum")), 6.0 * mean, rtol=1e-12)
    np.testing.assert_allclose(now.feel(bm.Neighbours("A", within=1.1)), mean, rtol=1e-12)
    np.testing.assert_allclose(now.feel(bm.Neighbours("A", "sum", within=1.1)), 6.0 * mean, rtol=1e-12)
    # the second ring, at sqrt 3: two at a right angle to the wave, four at 3/2
    ring = 2.0 * 10.0 + 4.0 * 10.0 + wave * (2.0 + 4.0 * math.cos(1.5 * q))
    np.testing.assert_allclose(now.feel(bm.Neighbours("A", "sum", within=1.8)), 6.0 * mean + ring, rtol=1e-12)


def test_neighbours_in_a_crowd_against_all_pairs() -> None:
    """Within a radius, two types of cells of which one lacks the species, in three dimensions."""
    grid = tissue.Grid((8, 8, 8), (5.0, 6.0, 7.0), ("periodic", "no-slip", "periodic"))
    at = np.random.default_rng(5).uniform(0.0, 1.0, (60, 3)) * grid.size
    sheet = bm.Tissue({"a": bm.CellType(OWN, at[:40]), "b": bm.CellType(OTHER, at[40:])}, grid=grid, seed=1)
    values = np.arange(1.0, 41.0)
    sheet.set("k", values, of="a")
    now = now_of(begun(sheet))
    difference = at[:, None] - at[None]
    for axis in (0, 2):
        difference[..., axis] -= grid.size[axis] * np.round(difference[..., axis] / grid.size[axis])
    near = (np.linalg.norm(difference, axis=-1) <= 1.5) & ~np.eye(60, dtype=bool)
    amount = np.concatenate([values, np.zeros(20)])
    np.testing.assert_allclose(now.feel(bm.Neighbours("A", "sum", within=1.5)), near @ amount)
    mean = near @ amount / np.maximum(near.sum(axis=1), 1)
    np.testing.assert_allclose(now.feel(bm.Neighbours("A", within=1.5)), mean)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("boundary", ["periodic", "no-slip"])
def test_a_few_cells_have_the_neighbours_that_they_touch(count: int, boundary: str) -> None:
    """Cells on a line, 1 apart, in a large box: each touches the next; one alone has none and feels 0."""
    grid = tissue.Grid((8, 8), (20.0, 20.0), (boundary, boundary))
    at = np.stack([9.0 + np.arange(count), np.full(count, 10.0)], axis=1)
    now = still(at, grid, outside=0.1, cell_size=1.0)
    own = {1: [0.0], 2: [1.0, 1.0], 3: [1.0, 2.0, 1.0]}[count]
    np.testing.assert_allclose(now.feel(bm.Neighbours("A")), 10.0 * (np.array(own) > 0))
    np.testing.assert_allclose(now.feel(bm.Neighbours("A", "contact")), 10.0 * (np.array(own) > 0))
    np.testing.assert_allclose(now.feel(bm.Neighbours("A", "sum")), 10.0 * np.array(own))


@pytest.mark.parametrize("reduce", ["mean", "sum", "contact"])
def test_cells_may_die_until_none_has_a_neighbour(reduce: str) -> None:
    sheet = bm.Tissue(STILL, cells=20, grid=tissue.Grid((8, 8), (20.0, 20.0)), friction=0.01, seed=1, method="ode")
    sheet.couple(bm.Neighbours("A", reduce), to="felt")
    sheet.live(bm.Death(when=bm.Age(), above=1.0, spread=0.3))
    run = sheet.run(4.0, every=0.5, dt=0.05, progress=False).data
    assert int(np.isfinite(run["x"].to_numpy()).sum(axis=1)[-1]) == 0
    assert (run["felt"].isel(time=0) >= 10.0 - 1e-9).all()


@pytest.mark.parametrize(
    ("signal", "dim", "says"),
    [
        (bm.StrainRate("z"), 2, "no such part in 2"),
        (bm.StrainRate("xz"), 2, "no such part in 2"),
        (bm.Stress((1.0, 0.0, 0.0)), 2, "no such part in 2"),
        (bm.Stress(0.3), 3, "no such part in 3"),
        (bm.Velocity((1.0, 0.0)), 3, "no such part in 3"),
        (bm.Velocity("z"), 2, "no such part in 2"),
        (bm.Strain("zz"), 2, "no such part in 2"),
        (bm.Distance("rim"), 2, "does not fill its box"),
        (bm.Distance("-x"), 2, "no such side"),
        (bm.Distance("+z"), 2, "no such side"),
        (bm.Concentration("Wnt"), 2, "no morphogen 'Wnt'"),
        (bm.Neighbours("Z"), 2, "no species or variable 'Z'"),
        (bm.Neighbours("A", "contact"), 3, "two dimensions only"),
        (bm.Neighbours("A", within=10.0), 2, "half or more of the periodic axis x"),
    ],
)
def test_a_signal_that_this_tissue_lacks_is_refused(signal: object, dim: int, says: str) -> None:
    sheet = bm.Tissue(STILL, cells=10, grid=tissue.Grid((8,) * dim, (20.0,) * dim), friction=0.01, seed=1)
    with pytest.raises(bm.CouplingError, match=says):
        sheet.couple(signal, to="felt")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: bm.StrainRate("up"), "one of trace, mean"),
        (lambda: bm.Stress((0.0, 0.0)), "one of trace, mean"),
        (lambda: bm.Strain(math.nan), "one of trace, mean"),
        (lambda: bm.Velocity("trace"), "no direction"),
        (lambda: bm.Velocity((1.0, 2.0, 3.0, 4.0)), "two or three finite numbers"),
        (lambda: bm.Distance("x"), "none of rim"),
        (lambda: bm.Neighbours("A", "median"), "none of mean, sum, contact"),
        (lambda: bm.Neighbours("A", within=0.0), "must be positive"),
        (lambda: bm.Neighbours("A", "contact", within=1.0), "leave `within` out"),
    ],
)
def test_a_signal_that_makes_no_sense_is_refused(make, says: str) -> None:
    with pytest.raises(bm.CouplingError, match=says):
        make()
