"""
Tension along lines and surfaces of points, and what they enclose.

    F_i = - sum sigma d a / d x_i,

over the pieces around a point, a the length of a piece of line or the area of a triangle: the forces of a piece and
their torques cancel to rounding.
Sources: Peskin 2002, doi:10.1017/S0962492902000077 (forces of a surface in a fluid); tissue.movement (their spreading).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tissue.errors import FieldError
from tissue.fields import as_count, as_field, as_flag, as_positions
from tissue.grid import Array, Grid
from tissue.levels import Integers
from tissue.movement import spread_force
from tissue.neighbours import shortest
from tissue.particles import into_box

# Rounds of setting points along a spline; each leaves a hundredth of the last one's unevenness or less.
ROUNDS = 3


def line(points: int, *, closed: bool = True) -> Integers:
    """
    The pieces of a line of points in their order, [n, 2], or [n - 1, 2] where it is open.

    Raises FieldError for points that are no whole number.
    """
    n = as_count("points", points)
    start = np.arange(n if as_flag("closed", closed) else max(n - 1, 0))
    return np.stack([start, (start + 1) % max(n, 1)], axis=1)


def spread_tension(grid: Grid, positions: ArrayLike, elements: ArrayLike, tension: ArrayLike) -> tuple[Array, ...]:
    """
    The force density of lines, or in three dimensions surfaces, that pull together: the `force` of `Stokes.solve`.

    positions: [n, dim]. elements: [m, 2], the points at the two ends of each piece of line, from `line`, or [m, 3],
    those of each triangle. tension: sigma, one number or [m], so that some pieces may pull and others not: a force for
    a line (per depth in two dimensions), force per length for a surface. Pieces of half a grid cell or less make a
    smooth pull; a piece takes the shorter way round periodic axes.
    Raises FieldError as tissue.fields does, and for elements that are not made of points.
    """
    points = into_box(grid, as_positions(grid, positions))
    pieces = as_elements(points, elements)
    sigma = as_field("tension", tension, (len(pieces),))
    first = points[pieces[:, 0]]
    sides = [shortest(grid, points[other] - first) for other in pieces.T[1:]]
    force = np.zeros_like(points)
    for corner, gradient in enumerate(_gradients(sides)):
        for axis in range(grid.dim):
            force[:, axis] -= np.bincount(pieces[:, corner], sigma * gradient[:, axis], len(points))
    return spread_force(grid, points, force)


def enclosed(grid: Grid, positions: ArrayLike, elements: ArrayLike) -> float:
    """
    The area inside a closed line (counterclockwise), the volume inside a closed surface (normals outwards).

    Arguments as for `spread_tension`. A periodic axis is cut in the widest gap between points. Raises FieldError as
    that does, for a piece across that gap, and for lines and surfaces that are open, or whose pieces do not all go
    round the same way.
    """
    points = as_positions(grid, positions)
    pieces = as_elements(points, elements)
    if pieces.shape[1] != grid.dim:
        raise FieldError(f"elements have shape {pieces.shape}; what encloses has [m, {grid.dim}]")
    corners = about_middle(grid, points)[pieces]
    reach = np.ptp(corners, axis=1) if len(corners) else np.zeros((0, grid.dim))
    torn = (reach > 0.5 * np.array(grid.size)) & np.array(grid.periodic)
    if torn.any():
        k = int(np.argwhere(torn)[0, 0])
        raise FieldError(f"elements[{k}] reaches across a periodic side: what goes all the way round encloses nothing")
    _closed(pieces)
    parts = np.linalg.det(corners)
    return float(parts.sum() / (2.0 if grid.dim == 2 else 6.0))


def _closed(pieces: Integers) -> None:
    """Raises FieldError where a piece ends without another that goes on from there."""
    if pieces.shape[1] == 2:
        ends = np.unique(pieces)
        leave = np.bincount(pieces[:, 0], minlength=int(pieces.max(initial=0)) + 1)[ends]
        arrive = np.bincount(pieces[:, 1], minlength=int(pieces.max(initial=0)) + 1)[ends]
        if (leave != arrive).any():
            k = int(np.argmax(leave != arrive))
            raise FieldError(
                f"the line is open at point {ends[k]}, where {arrive[k]} of its pieces end and {leave[k]} begin; as "
                "many must end as begin at every point, which tissue.line(n) gives"
            )
        return
    sides = np.concatenate([pieces[:, [0, 1]], pieces[:, [1, 2]], pieces[:, [2, 0]]])
    ways = np.where(sides[:, 0] < sides[:, 1], 1, -1)
    unique, place = np.unique(np.sort(sides, axis=1), axis=0, return_inverse=True)
    turned = np.bincount(place.ravel(), ways, len(unique))
    if turned.any():
        k = int(np.argmax(turned != 0.0))
        raise FieldError(
            f"the surface is open, or its triangles do not all turn the same way, between points {unique[k, 0]} and "
            f"{unique[k, 1]}; the triangles on both sides of every side must pass it in opposite directions"
        )


def resample(grid: Grid, positions: ArrayLike, *, points: int | None = None, closed: bool = True) -> Array:
    """
    The same line through points at equal distances along it, [points, dim], as many as before unless given.

    positions: [n, dim] in their order, n > 3. The line is the cubic spline through them, of fourth order in their
    distance; open lines keep their ends. Raises FieldError as tissue.fields does, and where points follow one
    another that lie on one spot.
    """
    # imported here because it takes as long as all of this package
    from scipy.interpolate import CubicSpline

    given = into_box(grid, as_positions(grid, positions))
    number = len(given) if points is None else as_count("points", points)
    closed = as_flag("closed", closed)
    if min(len(given), number) < 4:
        raise FieldError(f"a line of {len(given)} points resampled by {number}; both must be 4 or more")
    steps = shortest(grid, np.roll(given, -1, axis=0) - given)
    path = given[0] + np.concatenate([np.zeros((1, grid.dim)), np.cumsum(steps, axis=0)])
    if not closed:
        path = path[:-1]
    elif (np.abs(path[-1] - path[0]) > 0.5 * np.array(grid.size)).any():
        raise FieldError("a closed line goes all the way round a periodic axis; resample it as an open one")
    else:
        path[-1] = path[0]
    for _ in range(ROUNDS):
        along = np.concatenate([[0.0], np.cumsum(np.sqrt((np.diff(path, axis=0) ** 2).sum(axis=1)))])
        if not (np.diff(along) > 0.0).all():
            k = int(np.argmin(np.diff(along)))
            raise FieldError(f"points {k} and {k + 1} of the line lie on one spot; take one away")
        spline = CubicSpline(along, path, bc_type="periodic" if closed else "not-a-knot")
        path = spline(np.linspace(0.0, along[-1], number + 1 if closed else number))
        if closed:
            path[-1] = path[0]
    return into_box(grid, path[:number])


def about_middle(grid: Grid, points: Array) -> Array:
    """Points of one body in one piece, near the origin: periodic axes are cut in the widest gap between points."""
    out = into_box(grid, points)
    if not len(out):
        return out
    for axis in np.flatnonzero(grid.periodic):
        size = grid.size[axis]
        places = np.sort(out[:, axis])
        gaps = np.diff(places, append=places[:1] + size)
        cut = places[np.argmax(gaps)] + 0.5 * gaps.max()
        out[:, axis] = (out[:, axis] - cut) % size
    return np.asarray(out - out.mean(axis=0))


def as_elements(points: Array, elements: ArrayLike) -> Integers:
    """Elements as integers [m, corners]. Raises FieldError where they are none, or name points that are not there."""
    try:
        pieces = np.asarray(elements)
    except ValueError as error:
        raise FieldError(f"elements are no array: {error}") from error
    shapes = {2: "[m, 2]", 3: "[m, 2] or [m, 3]"}[points.shape[1]]
    if pieces.ndim != 2 or not 2 <= pieces.shape[1] <= points.shape[1] or not np.issubdtype(pieces.dtype, np.integer):
        raise FieldError(f"elements have shape {pieces.shape} and are {pieces.dtype}; give integers of shape {shapes}")
    bad = (pieces < 0) | (pieces >= len(points))
    if bad.any():
        k = int(np.argwhere(bad)[0, 0])
        raise FieldError(f"elements[{k}] is {tuple(map(int, pieces[k]))}, but the points are 0 to {len(points) - 1}")
    return np.asarray(pieces, np.int64)


def _gradients(sides: list[Array]) -> list[Array]:
    """Of the lengths of pieces, or the areas of triangles, by each of their points; none where they have no extent."""
    if len(sides) == 1:
        tangent = _unit(sides[0])
        return [-tangent, tangent]
    normal = _unit(np.cross(sides[0], sides[1]))
    second, third = 0.5 * np.cross(sides[1], normal), -0.5 * np.cross(sides[0], normal)
    return [-second - third, second, third]


def _unit(vectors: Array) -> Array:
    size = np.sqrt((vectors**2).sum(axis=1))
    return np.asarray(vectors * np.divide(1.0, size, out=np.zeros_like(size), where=size > 0.0)[:, None])
