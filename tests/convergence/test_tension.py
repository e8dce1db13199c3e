"""Tension along lines and surfaces: what it balances, how drops relax, and how a sheet bends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.legendre import Legendre
from scipy.spatial import ConvexHull

import tissue
from tissue.movement import carrier

PI = np.pi
SEEDS = st.integers(0, 2**31)
CASES = settings(max_examples=50, deadline=None, derandomize=True)


def sphere(divisions: int) -> tuple[np.ndarray, np.ndarray]:
    """Points on the unit sphere and triangles with normals outwards: an icosahedron, every triangle cut in four."""
    golden = (1.0 + np.sqrt(5.0)) / 2.0
    corners = np.array([[a, b * golden, 0.0] for a in (-1, 1) for b in (-1, 1)])
    points = np.concatenate([np.roll(corners, k, axis=1) for k in range(3)])
    faces = ConvexHull(points).simplices
    points /= np.linalg.norm(points, axis=1)[:, None]
    for _ in range(divisions):
        sides = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
        unique, where = np.unique(sides, axis=0, return_inverse=True)
        a, b, c = where.reshape(3, -1) + len(points)
        middle = points[unique].sum(axis=1)
        points = np.concatenate([points, middle / np.linalg.norm(middle, axis=1)[:, None]])
        i, j, k = faces.T
        faces = np.concatenate([np.stack(part, axis=1) for part in ((i, a, c), (j, b, a), (k, c, b), (a, b, c))])
    inwards = np.linalg.det(points[faces]) < 0.0
    faces[inwards] = faces[inwards][:, [0, 2, 1]]
    return points, faces


def circle(points: int) -> np.ndarray:
    angle = 2.0 * PI * np.arange(points) / points
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def extents(points: np.ndarray, elements: np.ndarray) -> np.ndarray:
    """Lengths of pieces of line, areas of triangles."""
    corners = points[elements]
    if elements.shape[1] == 2:
        return np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
    return 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)


@CASES
@given(seed=SEEDS, dim=st.integers(2, 3), corners=st.integers(2, 3))
def test_no_net_force_and_no_torque(seed: int, dim: int, corners: int) -> None:
    """Whatever pieces, each with a tension of its own, away from the sides."""
    rng = np.random.default_rng(seed)
    grid = tissue.Grid((10, 12, 9)[:dim], (2.0, 3.0, 1.0)[:dim], ("no-slip",) * dim)
    points = (0.25 + 0.5 * rng.random((12, dim))) * grid.size
    elements = rng.integers(0, 12, (20, min(corners, dim)))
    force = tissue.spread_tension(grid, points, elements, rng.normal(size=20))
    size = sum(np.abs(part).sum() for part in force)
    for a in range(dim):
        assert abs(force[a].sum()) < 1e-12 * size
        for b in range(a):
            x, y = grid.faces(b)[a], grid.faces(a)[b]
            assert abs((x * force[b]).sum() - (y * force[a]).sum()) < 1e-12 * size * max(grid.size)


def grid_places(grid: tissue.Grid, axis: int) -> np.ndarray:
    """The coordinates of the faces of an axis, [dim, ...]."""
    return np.stack(np.broadcast_arrays(*grid.faces(axis)))


@CASES
@given(seed=SEEDS, dim=st.integers(2, 3), corners=st.integers(2, 3))
def test_work_is_the_change_of_length_or_area(seed: int, dim: int, corners: int) -> None:
    """In a uniform gradient L the forces take up what tension times extent grows by."""
    rng = np.random.default_rng(seed)
    grid = tissue.Grid((10, 12, 9)[:dim], (2.0, 3.0, 1.0)[:dim], ("no-slip",) * dim)
    points = (0.25 + 0.5 * rng.random((12, dim))) * grid.size
    elements = np.array([rng.choice(12, min(corners, dim), replace=False) for _ in range(20)])
    tension, gradient = rng.normal(size=20), rng.normal(size=(dim, dim))
    force = tissue.spread_tension(grid, points, elements, tension)
    work = (
        sum((f * np.tensordot(gradient[a], grid_places(grid, a), 1)).sum() for a, f in enumerate(force))
        * grid.cell_area
    )
    h = 1e-6
    ends = [(tension * extents(points + s * h * points @ gradient.T, elements)).sum() for s in (-1, 1)]
    scale = np.abs(tension * extents(points, elements)).sum() * np.abs(gradient).sum()
    assert abs(work + (ends[1] - ends[0]) / (2 * h)) < 1e-8 * scale


def test_the_pressure_in_a_drop() -> None:
    """
    Laplace: sigma / R in two dimensions, 3e-5, 7e-6, 2e-6 off with 8, 16, 32 cells to R, and 2 sigma / R in three.

    The drop rests: flows of 1e-4, 5e-5, 2.6e-5 sigma / eta are left by the corners of its line.
    """
    for n in (32, 64, 128):
        grid = tissue.Grid((n, n), (4.0, 4.0))
        flow = tissue.Stokes(grid).solve(
            force=tissue.spread_tension(grid, 2.0 + circle(8 * n), tissue.line(8 * n), 3.0)
        )
        r = np.hypot(*(x - 2.0 for x in grid.centres()))
        inside, outside = (flow.p[part].mean() / 3.0 for part in (r < 0.7, r > 1.3))
        assert inside - outside == pytest.approx(1.0, abs=0.05 / n**2)
        assert max(np.abs(u).max() for u in flow.velocity) / 3.0 < 0.004 / n
    grid, (points, faces) = tissue.Grid((64,) * 3, (4.0,) * 3), sphere(5)
    flow = tissue.Stokes(grid).solve(force=tissue.spread_tension(grid, 2.0 + points, faces, 3.0))
    r = np.sqrt(sum((x - 2.0) ** 2 for x in grid.centres()))
    assert (flow.p[r < 0.6].mean() - flow.p[r > 1.4].mean()) / 6.0 == pytest.approx(1.0, abs=1e-3)
    assert max(np.abs(u).max() for u in flow.velocity) / 3.0 < 2e-3


def exact_rate(mode: int) -> float:
    """
    sigma / (eta R) = 1, one viscosity: (l - 1)(l + 2) of curvature times the flow outwards of such a force P_l there,

        (1 / 4) integral of (c / r - r / 4) P_l(c) dc from -1 to 1,    r^2 = 2 (1 - c),

    from Oseen's tensor; that is 2 l (l + 1) / ((2 l - 1)(2 l + 1)(2 l + 3)), 16 / 35 in all for l = 2 (Rallison 1984,
    doi:10.1146/annurev.fl.16.010184.000401).
    """
    return 2.0 * mode * (mode + 1) * (mode - 1) * (mode + 2) / ((2 * mode - 1) * (2 * mode + 1) * (2 * mode + 3))


@pytest.mark.parametrize("mode", [2, 3, 4, 7])
def test_the_closed_form_is_that_of_oseen(mode: int) -> None:
    # r as the variable takes the pole away: c = 1 - r^2 / 2, dc = -r dr
    r, weight = np.polynomial.legendre.leggauss(40)
    r += 1.0
    c = 1.0 - 0.5 * r**2
    flow = 0.25 * (weight * (c - 0.25 * r**2) * Legendre.basis(mode)(c)).sum()
    assert (mode - 1) * (mode + 2) * flow == pytest.approx(exact_rate(mode), rel=1e-12)


def relaxation(n: int, mode: int, divisions: int, *, box: float = 6.0, size: float = 0.005) -> float:
    """The rate at which r = 1 +- size P_l becomes round, sigma = 1, in a periodic box of the same fluid."""
    grid, (around, faces) = tissue.Grid((n,) * 3, (box,) * 3), sphere(divisions)
    wave = Legendre.basis(mode)(around[:, 2])
    weight = np.bincount(faces.ravel(), np.repeat(extents(around, faces), 3))
    rates = []
    # the mean of the two takes away what the grid does to a sphere
    for sign in (1.0, -1.0):
        points = 0.5 * box + (1.0 + sign * size * wave)[:, None] * around
        flow = tissue.Stokes(grid).solve(force=tissue.spread_tension(grid, points, faces, 1.0))
        radial = (carrier(flow)(points) * around).sum(axis=1)
        rates.append(-sign * (weight * radial * wave).sum() / (weight * wave * wave).sum() / size)
    return float(np.mean(rates))


@pytest.mark.parametrize("mode", [3, 4])
def test_modes_of_a_drop_in_three_dimensions(mode: int) -> None:
    """
    With 5.3, 11 and 16 cells to R modes 3 and 4 relax 9.3, 2.5, 1.1 and 15.1, 4.3, 2.0 % too slowly.

    Mode 2 is slowed by the images of the drop, 6 R apart: 6 to 10 %.
    """
    found = [relaxation(n, mode, divisions) for n, divisions in ((32, 4), (64, 5), (96, 6))]
    errors = 1.0 - np.array(found) / exact_rate(mode)
    assert 0.0 < errors[-1] < 0.025
    assert (errors[:-1] / errors[1:] > 1.8).all(), errors


def bent(apical: float, basal: float) -> float:
    """How far the middle of a sheet in a thin fluid sinks below its ends while the middle half of a side pulls."""
    grid = tissue.Grid((96, 48), (6.0, 3.0), ("free-slip", "free-slip"))
    along = np.linspace(1.5, 4.5, 201)
    top, bottom = (np.stack([along, np.full(201, y)], axis=1) for y in (1.65, 1.35))
    places = np.meshgrid(1.5 + 0.025 * (np.arange(120) + 0.5), 1.35 + 0.025 * (np.arange(12) + 0.5), indexing="ij")
    inside, flow, pieces = np.stack(places, axis=-1).reshape(-1, 2), None, tissue.line(201, closed=False)
    marked = np.abs(0.5 * (along[1:] + along[:-1]) - 3.0) < 0.75
    for _ in range(10):
        share = np.clip(tissue.spread(grid, inside, 0.025**2), 0.0, 1.0)
        pulls = (
            tissue.spread_tension(grid, *one)
            for one in ((top, pieces, apical * marked), (bottom, pieces, basal * marked))
        )
        force = [sum(parts) for parts in zip(*pulls, strict=True)]
        flow = tissue.Stokes(grid, viscosity=0.02 ** (1.0 - share)).solve(force=force, guess=flow)
        top, bottom, inside = (tissue.advance(flow, part, 0.05) for part in (top, bottom, inside))
    middle = 0.5 * (top + bottom)[:, 1]
    return float(0.5 * (middle[0] + middle[-1]) - middle[100])


def test_a_sheet_bends_towards_the_side_that_pulls() -> None:
    """Lines on the apical side of a sheet of 3 x .3 bend it by .57, on the basal side the other way, on both not."""
    up, down, both = bent(1.0, 0.0), bent(0.0, 1.0), bent(1.0, 1.0)
    assert 0.5 < up < 0.65
    assert abs(up + down) < 1e-5
    assert abs(both) < 1e-5


def test_a_patch_dimples_in_three_dimensions() -> None:
    """A disc of the upper side of a sheet that pulls sinks in its middle; on the lower side it rises as much."""
    grid = tissue.Grid((24, 24, 16), (4.0, 4.0, 3.0), ("free-slip",) * 3)
    h = grid.spacing[2]
    z = grid.centres()[2]
    viscosity = 0.02 ** np.clip((np.abs(z - 1.5) - 0.25) / h + 0.5, 0.0, 1.0) * np.ones(grid.shape)
    i, j = np.meshgrid(np.arange(60), np.arange(60), indexing="ij")
    corner = (60 * i + j)[:-1, :-1].ravel()
    faces = np.concatenate(
        [np.stack(part, axis=1) for part in ((corner, corner + 60, corner + 1), (corner + 61, corner + 1, corner + 60))]
    )
    found = []
    for side in (1.0, -1.0):
        sheet = np.stack([(i.ravel() + 0.5) / 15.0, (j.ravel() + 0.5) / 15.0, np.full(3600, 1.5 + 0.25 * side)], axis=1)
        marked = np.hypot(*(sheet[faces].mean(axis=1)[:, :2] - 2.0).T) < 1.0
        force = tissue.spread_tension(grid, sheet, faces, 1.0 * marked)
        flow = tissue.Stokes(grid, viscosity=viscosity).solve(force=force)
        middle, rim = carrier(flow)(np.array([[2.0, 2.0, 1.5], [3.0, 2.0, 1.5]]))[:, 2]
        found.append(side * (middle - rim))
    assert found[0] < -0.02
    assert found[0] == pytest.approx(found[1], rel=1e-5)


@pytest.mark.parametrize("boundary", ["periodic", "free-slip"])
def test_a_line_set_at_equal_distances(boundary: str) -> None:
    """Of an ellipse, over a periodic end or not: on it to fourth order in their distance, and even."""
    errors = []
    for n in (24, 48, 96):
        angle = 2.0 * PI * np.arange(n) / n
        angle += 0.4 * np.sin(angle)
        grid = tissue.Grid((8, 8), (6.0, 6.0), (boundary, "free-slip"))
        shift = np.array([0.3 if boundary == "periodic" else 3.0, 3.0])
        points = shift + np.stack([2.0 * np.cos(angle), np.sin(angle)], axis=1)
        even = tissue.resample(grid, points, points=2 * n)
        step = np.roll(even, -1, axis=0) - even
        step -= grid.size * np.rint(step / grid.size)
        assert np.ptp(np.linalg.norm(step, axis=1)) < 2e-3 * step.max()
        x, y = ((even - shift + 3.0) % 6.0 - 3.0).T
        errors.append(np.abs(np.hypot(x / 2.0, y) - 1.0).max())
        assert tissue.enclosed(grid, even, tissue.line(2 * n)) == pytest.approx(2.0 * PI, rel=8.0 / n**2)
    assert errors[-1] < 1e-5
    assert np.log2(errors[0] / errors[-1]) / 2 > 3.5, errors


def test_an_open_line_keeps_its_ends() -> None:
    grid = tissue.Grid((8, 8, 8), (4.0, 4.0, 4.0), ("periodic", "no-slip", "no-slip"))
    t = np.linspace(0.0, 1.0, 30) ** 2
    points = np.stack([3.0 + 2.0 * t, 1.0 + t, 1.0 + np.sin(t)], axis=1)
    even = tissue.resample(grid, points, closed=False)
    assert np.allclose(even[[0, -1]], [[3.0, 1.0, 1.0], [1.0, 2.0, 1.0 + np.sin(1.0)]])
    assert len(tissue.line(30, closed=False)) == 29
    step = np.diff(even, axis=0)
    step[:, 0] -= 4.0 * np.rint(step[:, 0] / 4.0)
    assert np.ptp(np.linalg.norm(step, axis=1)) < 1e-4


def test_what_is_enclosed() -> None:
    """A sphere over the corner of a periodic box, and a square."""
    grid, (points, faces) = tissue.Grid((8, 8, 8), (4.0,) * 3), sphere(4)
    assert tissue.enclosed(grid, points % 4.0, faces) == pytest.approx(4.0 / 3.0 * PI, rel=3e-3)
    flat = tissue.Grid((8, 8), (4.0, 4.0), ("no-slip", "no-slip"))
    square = np.array([[1.0, 1.0], [3.0, 1.0], [3.0, 2.5], [1.0, 2.5]])
    assert tissue.enclosed(flat, square, tissue.line(4)) == pytest.approx(3.0)
    assert tissue.enclosed(flat, square, np.empty((0, 2), int)) == 0.0


def test_refusals() -> None:
    grid = tissue.Grid((8, 8), (4.0, 4.0), ("periodic", "no-slip"))
    points = np.array([[1.0, 1.0], [2.0, 1.0], [2.0, 2.0], [1.0, 2.0]])
    with pytest.raises(tissue.FieldError, match=r"give integers of shape \[m, 2\]"):
        tissue.spread_tension(grid, points, [[0, 1, 2]], 1.0)
    with pytest.raises(tissue.FieldError, match=r"give integers of shape \[m, 2\]"):
        tissue.spread_tension(grid, points, [[0.0, 1.0]], 1.0)
    with pytest.raises(tissue.FieldError, match=r"elements\[1\] is \(1, 4\), but the points are 0 to 3"):
        tissue.spread_tension(grid, points, [[0, 1], [1, 4]], 1.0)
    with pytest.raises(tissue.FieldError, match="tension has shape"):
        tissue.spread_tension(grid, points, tissue.line(4), np.ones(3))
    with pytest.raises(tissue.FieldError, match="both must be 4 or more"):
        tissue.resample(grid, points[:3])
    with pytest.raises(tissue.FieldError, match="points 1 and 2 of the line lie on one spot"):
        tissue.resample(grid, points[[0, 1, 1, 2, 3]])
    round_ = np.stack([np.linspace(0.0, 4.0, 9)[:-1], np.full(8, 2.0)], axis=1)
    with pytest.raises(tissue.FieldError, match="all the way round"):
        tissue.resample(grid, round_)
    solid = tissue.Grid((8, 8, 8), (4.0, 4.0, 4.0))
    with pytest.raises(tissue.FieldError, match=r"what encloses has \[m, 3\]"):
        tissue.enclosed(solid, np.ones((4, 3)), tissue.line(4))
