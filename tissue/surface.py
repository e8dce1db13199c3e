"""
Surfaces of triangles whose shape moves with the fluid, while their points stay spread over it.

In the frame of the whole surface points move along its normals alone, as fast as the fluid crosses the triangles around
them, so that the volume inside changes by the flux through all triangles. Points that move with the fluid (`advance`)
are swept to the rear of a drop within a few diameters, and its volume is lost with its shape.

With L the mean of the differences to the neighbours, points also move along the surface by L x / 2, and across it by
-L (L x . n) / 4, which takes away wrinkles as short as the triangles and leaves the shape: a fourth derivative.
Sources: Hirt, Amsden and Cook 1974, doi:10.1016/0021-9991(74)90051-5 (points that follow the fluid in part);
Kobbelt et al. 1998, doi:10.1145/280814.280831 (fairing by two Laplacians).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tissue.errors import FieldError
from tissue.fields import as_field, as_positions
from tissue.grid import Array, Grid
from tissue.levels import Integers
from tissue.movement import carrier
from tissue.neighbours import shortest
from tissue.particles import into_box
from tissue.stokes import Flow
from tissue.tension import about_middle, as_elements

# Newton's steps to the volume from before; each squares what is missing.
STEPS = 3


def advance_surface(flow: Flow, positions: ArrayLike, elements: ArrayLike, dt: float) -> Array:
    """
    A surface after dt in a steady flow, by the midpoint rule, even and smooth; [n, 3].

    Its shape moves as that of the fluid does; its points do not stay the same places in the fluid. Those on the rim of
    an open surface move with the fluid. Each call smooths it once, however short dt is, so that errors grow with the
    number of steps: take them as long as half a side of a triangle. Without flow an ellipsoid of 642 points, 2.4 by 1.6
    by 1, was 2.14 by 1.58 by 1.01 after 300 calls.
    positions: [n, 3]. elements: [m, 3], the points of each triangle, with normals to the same side.
    Raises FieldError as `advance` and `spread_tension` do, and for triangles of more than one surface.
    """
    read, grid = carrier(flow), flow.grid
    dt = float(as_field("dt", dt, ()))
    points = into_box(grid, as_positions(grid, positions))
    pieces = as_elements(points, elements)
    if pieces.shape[1] != 3:
        raise FieldError(f"elements have shape {pieces.shape}; a surface has [m, 3]")
    surfaces = _surfaces(pieces, len(points))
    if surfaces > 1:
        raise FieldError(f"the triangles are of {surfaces} surfaces that do not touch; move each by a call of its own")
    sides, rim = _sides(pieces, len(points))

    def speed(points: Array) -> Array:
        first, second, third = _corners(grid, points, pieces)
        # the middles of the sides: exact for velocities that are quadratic
        middles = 0.5 * np.concatenate([first + second, second + third, third + first])
        crossing = read(into_box(grid, middles)).reshape(3, -1, 3).mean(axis=0)
        found = _normal_speed(crossing, 0.5 * np.cross(second - first, third - first), pieces, len(points))
        found[rim] = read(points[rim])
        return found

    middle = into_box(grid, points + 0.5 * dt * speed(points))
    moved = into_box(grid, points + dt * speed(middle))
    return into_box(grid, moved + _fairing(grid, moved, pieces, sides, rim)) if dt else moved


def _surfaces(pieces: Integers, points: int) -> int:
    """How many surfaces there are, of triangles that share points."""
    ones = np.ones(2 * len(pieces), dtype=np.int8)
    sides = np.concatenate([pieces[:, :2], pieces[:, 1:]])
    labels = connected_components(coo_array((ones, sides.T), shape=(points, points)), directed=False)[1]
    return len(np.unique(labels[pieces[:, 0]]))


def _corners(grid: Grid, points: Array, pieces: Integers) -> tuple[Array, Array, Array]:
    """The three corners of each triangle, near one another."""
    first = points[pieces[:, 0]]
    second, third = (first + shortest(grid, points[pieces[:, k]] - first) for k in (1, 2))
    return first, second, third


def _normal_speed(crossing: Array, area: Array, pieces: Integers, points: int) -> Array:
    """Velocities of points from those of triangles [m, 3] and their areas times their normals."""
    # the frame in which least crosses the surface: its own
    size = np.sqrt((area**2).sum(axis=1))
    unit = area / np.where(size > 0.0, size, 1.0)[:, None]
    through = (area * crossing).sum(axis=1)
    drift = np.linalg.pinv((area[:, :, None] * unit[:, None, :]).sum(axis=0), rcond=1e-9) @ (through @ unit)
    # each gives a third of its area and of what crosses it to its points: the gradient of the volume, and its rate
    normal = _gathered(area, pieces, points)
    flux = _gathered((area * (crossing - drift)).sum(axis=1), pieces, points)
    square = (normal**2).sum(axis=1)
    return np.asarray(drift + (flux / np.where(square > 0.0, square, 1.0))[:, None] * normal)


def _gathered(values: Array, pieces: Integers, points: int) -> Array:
    """A third of what each triangle has to each of its points."""
    if values.ndim == 2:
        return np.stack([_gathered(part, pieces, points) for part in values.T], axis=1)
    return np.asarray(np.bincount(pieces.ravel(), np.repeat(values / 3.0, 3), points), np.float64)


def _sides(pieces: Integers, points: int) -> tuple[Integers, Integers]:
    """Sides of triangles, each from both of its ends; and the points of those that belong to one triangle alone."""
    turns = np.concatenate([pieces[:, [0, 1]], pieces[:, [1, 2]], pieces[:, [2, 0]]])
    ends = np.sort(turns, axis=1)
    unique, count = np.unique(ends[:, 0] * points + ends[:, 1], return_counts=True)
    sides = np.stack([unique // max(points, 1), unique % max(points, 1)], axis=1)
    return np.concatenate([sides, sides[:, ::-1]]), np.unique(sides[count != 2])


def _fairing(grid: Grid, points: Array, pieces: Integers, sides: Integers, rim: Integers) -> Array:
    """How points move to even triangles and smooth wrinkles; inside a closed surface the volume stays to rounding."""
    across = shortest(grid, points[sides[:, 1]] - points[sides[:, 0]])
    share = 1.0 / np.maximum(np.bincount(sides[:, 0], minlength=len(points)), 1)

    def mean(values: Array) -> Array:
        return np.asarray(np.bincount(sides[:, 0], values, len(points)) * share)

    normal, _ = _normals(grid, points, pieces)
    pull = np.stack([mean(part) for part in across.T], axis=1)
    bend = (pull * normal).sum(axis=1)
    move = 0.5 * (pull - bend[:, None] * normal) - 0.25 * mean(bend[sides[:, 1]] - bend[sides[:, 0]])[:, None] * normal
    move[rim] = 0.0
    about = about_middle(grid, points)
    # a sheet that goes round a periodic axis encloses nothing
    if len(rim) or not np.allclose(about[sides[:, 1]] - about[sides[:, 0]], across):
        return np.asarray(move)
    before = _volume(about, pieces)
    for _ in range(STEPS):
        normal, size = _normals(grid, about + move, pieces)
        shift = (before - _volume(about + move, pieces)) / max(float(size.sum()), np.finfo(float).tiny)
        move = move + shift * normal
    return np.asarray(move)


def _normals(grid: Grid, points: Array, pieces: Integers) -> tuple[Array, Array]:
    """Unit normals at points, and the areas they stand for."""
    first, second, third = _corners(grid, points, pieces)
    total = _gathered(0.5 * np.cross(second - first, third - first), pieces, points=len(points))
    size = np.sqrt((total**2).sum(axis=1))
    return np.asarray(total / np.where(size > 0.0, size, 1.0)[:, None]), size


def _volume(about: Array, pieces: Integers) -> float:
    return float(np.linalg.det(about[pieces]).sum() / 6.0)
