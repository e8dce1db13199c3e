"""Cells' outlines: the Voronoi polygons of their positions in a box that wraps round or has walls.

Every axis is closed with images of the cells: shifted by a period where the axis wraps, mirrored at a wall,
so that the bisector of a cell and its mirror image is the wall itself and no polygon needs clipping. The
corners are the circumcentres of the Delaunay triangles (Qhull: Barber, Dobkin and Huhdanpaa 1996,
doi:10.1145/235815.235821).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomulti.errors import OptionError

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

# Relative error of the summed areas above which images were missing or triangles too flat.
AREA_TOLERANCE = 1e-8
# Width of the border of images, in mean distances between cells, that is tried first.
BORDER = 6.0
# By how much, in mean distances between cells, coincident cells are moved apart: the first that suffices.
NUDGES = (1e-4, 1e-3, 1e-2)
# A polygon that reaches this many cell sizes from its cell lies at a gap, a point this many away from all cells in it.
GAP, MARGIN = 3.0, 1.2
# With fewer cells than this there is no telling gaps from cells.
FEWEST = 8
# Golden angle: directions that never repeat.
TURN = np.pi * (3.0 - np.sqrt(5.0))


@dataclass(frozen=True)
class Outlines:
    """
    One convex polygon for each of n cells, anticlockwise: cell i has corners[start[i]:start[i + 1]].

    centres [n, 2] cells' positions inside the box; corners [m, 2], beyond the box where a cell lies across its
    periodic edge; start [n + 1].
    """

    centres: Floats
    corners: Floats
    start: Indices

    @property
    def owner(self) -> Indices:
        """The cell of each corner, [m]."""
        return np.repeat(np.arange(len(self.centres)), np.diff(self.start))

    @property
    def following(self) -> Indices:
        """The corner after each corner, going round its polygon, [m]."""
        out = np.arange(1, len(self.corners) + 1)
        out[self.start[1:] - 1] = self.start[:-1]
        return out

    @property
    def areas(self) -> Floats:
        """Area of each polygon, [n], in the unit of length squared."""
        arm = self.corners - self.centres[self.owner]
        after = arm[self.following]
        twice = arm[:, 0] * after[:, 1] - arm[:, 1] * after[:, 0]
        return np.asarray(0.5 * np.add.reduceat(twice, self.start[:-1]))

    def polygons(self) -> list[Floats]:
        """The polygons one by one, each [corners, 2]."""
        return np.split(self.corners, self.start[1:-1])


def cell_outlines(x: Floats, y: Floats, size: Sequence[float], boundary: Sequence[str]) -> Outlines:
    """
    Voronoi polygons of cells in a box: each point of the box belongs to the cell nearest to it.

    x, y: [n] positions, n of 1 or more; outside the box they are wrapped on a periodic axis and put on the wall
        on the others. Cells that coincide share their place.
    size: (Lx, Ly) of the box, in the unit of x and y.
    boundary: for each axis "periodic", or the name of a wall.

    Raises OptionError when there is no cell or a position is not finite.
    """
    points = np.stack([np.asarray(x, dtype=float), np.asarray(y, dtype=float)], axis=1)
    if len(points) == 0 or not np.isfinite(points).all():
        raise OptionError("outlines need at least one cell, and finite positions; leave out cells that have none")
    box = np.asarray(size, dtype=float)
    periodic = np.array([b == "periodic" for b in boundary])
    spacing = float(np.sqrt(box.prod() / len(points)))
    angle = TURN * np.arange(len(points))
    aside = spacing * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for border, nudge in ((BORDER * spacing, 0.0), (np.inf, 0.0), *((np.inf, nudge) for nudge in NUDGES)):
        # Coincident cells make Qhull drop one of them, cells on a lattice may make triangles without area.
        inside = _inside(points, box, periodic, spacing * max(nudge, NUDGES[0]))
        moved = inside + nudge * aside
        found = _tessellate(np.where(periodic, np.mod(moved, box), moved), box, periodic, border)
        if found is not None and abs(found.areas.sum() / box.prod() - 1.0) < AREA_TOLERANCE:
            return found
    raise OptionError(f"the outlines of {len(points)} cells could not be found; are their positions nearly all equal?")


def tissue_outlines(x: Floats, y: Floats, size: Sequence[float], boundary: Sequence[str]) -> Outlines:
    """As `cell_outlines`, but where cells leave a gap it belongs to none of them: a tissue that does not fill its box.

    There is a gap where a polygon reaches further than GAP times the size (square root of the median area) of the
    polygons. It is filled with points a cell's size apart, whose polygons are left out.
    """
    from scipy.spatial import cKDTree

    whole = cell_outlines(x, y, size, boundary)
    cell = float(np.sqrt(np.median(whole.areas)))
    reach = np.hypot(*(whole.corners - whole.centres[whole.owner]).T).max()
    if reach < GAP * cell or len(whole.centres) < FEWEST:
        return whole
    periodic = np.array([b == "periodic" for b in boundary])
    box = np.asarray(size, dtype=float)
    axes = [(np.arange(n) + 0.5) * length / n for length, n in zip(box, np.ceil(box / cell).astype(int), strict=True)]
    free = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    centres = np.mod(whole.centres, box)
    distance, _ = cKDTree(centres, boxsize=np.where(periodic, box, 0.0)).query(free)
    every = np.concatenate([centres, free[distance > MARGIN * cell]])
    n = len(centres)
    found = cell_outlines(every[:, 0], every[:, 1], size, boundary)
    return Outlines(found.centres[:n], found.corners[: found.start[n]], found.start[: n + 1])


def _inside(points: Floats, box: Floats, periodic: NDArray[np.bool_], gap: float) -> Floats:
    """Positions in the box, on axes with walls a gap away from them, so that none meets its mirror image."""
    wrapped = np.mod(points, box)
    gap = min(gap, 1e-3 * float(box.min()))
    return np.asarray(np.where(periodic, wrapped, np.clip(points, 2.0 * gap, box - 2.0 * gap)))


def _tessellate(points: Floats, box: Floats, periodic: NDArray[np.bool_], border: float) -> Outlines | None:
    """The outlines with images up to `border` away from the box; None where a cell got no polygon."""
    from scipy.spatial import Delaunay, QhullError

    every, cell = points, np.arange(len(points))
    for axis in range(2):
        every, cell = _with_images(every, cell, axis, float(box[axis]), bool(periodic[axis]), border)
    cell[len(points) :] = -1
    try:
        triangles = Delaunay(every).simplices
    except QhullError:
        return None
    corners = _circumcentres(every[triangles])
    owner = cell[triangles].ravel()
    corners = np.repeat(corners, 3, axis=0)
    real = (owner >= 0) & np.isfinite(corners).all(axis=1)
    owner, corners = owner[real], corners[real]
    arm = corners - points[owner]
    order = np.lexsort((np.arctan2(arm[:, 1], arm[:, 0]), owner))
    count = np.bincount(owner, minlength=len(points))
    if count.min() < 3:
        return None
    return Outlines(points, corners[order], np.concatenate([[0], np.cumsum(count)]))


def _with_images(
    points: Floats, cell: Indices, axis: int, length: float, periodic: bool, border: float
) -> tuple[Floats, Indices]:
    """Points and their images beyond both ends of one axis, as far as `border`."""
    along = points[:, axis]
    images = [along - length, along + length] if periodic else [-along, 2.0 * length - along]
    kept, of = [points], [cell]
    for image in images:
        near = (image > -border) & (image < length + border)
        copy = points[near].copy()
        copy[:, axis] = image[near]
        kept.append(copy)
        of.append(cell[near])
    return np.concatenate(kept), np.concatenate(of)


def _circumcentres(triangle: Floats) -> Floats:
    """Circumcentres [n, 2] of triangles [n, 3, 2], not finite where a triangle has no area."""
    origin = triangle[:, 0]
    b, c = triangle[:, 1] - origin, triangle[:, 2] - origin
    b2, c2 = (b * b).sum(axis=1), (c * c).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 0.5 / (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
        centre = np.stack([c[:, 1] * b2 - b[:, 1] * c2, b[:, 0] * c2 - c[:, 0] * b2], axis=1) * scale[:, None]
    return np.asarray(origin + centre)


def at_both_ends(outlines: Outlines, axis: int, length: float) -> tuple[Outlines, Indices]:
    """Outlines with those that cross an end of a periodic axis drawn at its other end too; the cell of each."""
    cells = np.arange(len(outlines.centres))
    along = outlines.corners[:, axis]
    low, high = (f.reduceat(along, outlines.start[:-1]) for f in (np.minimum, np.maximum))
    centres, corners, of = [outlines.centres], [outlines.corners], [cells]
    count = [np.diff(outlines.start)]
    for crossing, shift in ((low < 0.0, length), (high > length, -length)):
        step = shift * np.eye(2)[axis]
        centres.append(outlines.centres[crossing] + step)
        corners.append(outlines.corners[crossing[outlines.owner]] + step)
        count.append(count[0][crossing])
        of.append(cells[crossing])
    start = np.concatenate([[0], np.cumsum(np.concatenate(count))])
    return Outlines(np.concatenate(centres), np.concatenate(corners), start), np.concatenate(of)
