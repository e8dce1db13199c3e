"""Distances of places and cells to where the tissue ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import tissue
from biomulti.coupled.directions import AXES

Floats = NDArray[np.float64]
HALF = 0.5  # of a grid cell, from which on it counts as tissue


def to_side(grid: tissue.Grid, positions: Floats, side: str) -> Floats:
    """Distances [n] of points [n, dim] to "-x", the side at x = 0, "+x" and so on."""
    axis = AXES.index(side[1])
    return positions[:, axis].copy() if side[0] == "-" else grid.size[axis] - positions[:, axis]


def within(grid: tissue.Grid, positions: Floats, places: Floats, reach: float) -> NDArray[np.bool_]:
    """Which of the points [n, dim] have one of the places [m, dim] within reach, round periodic axes too, [n]."""
    # it takes longer to import than all else that a step needs
    from scipy.spatial import cKDTree

    round_ = [length if wraps else 0.0 for length, wraps in zip(grid.size, grid.periodic, strict=True)]
    tree = cKDTree(places, boxsize=round_)
    return np.asarray(np.isfinite(tree.query(positions, distance_upper_bound=reach)[0]))


def to_rim(grid: tissue.Grid, share: Floats) -> Floats:
    """
    Distance of the centre of each grid cell to the next one that is not tissue, round periodic axes too, [shape].

    Less half a cell, as the rim lies between the two; 0 outside. Infinite distances, where all is tissue, are the
    longest side of the box.
    """
    # it takes longer to import than all else that a step needs
    from scipy.ndimage import distance_transform_edt

    inside = share >= HALF
    if inside.all():
        return np.full(grid.shape, max(grid.size))
    # a distance round a periodic axis is at most half of it
    half = [n // 2 + 1 if wraps else 0 for n, wraps in zip(grid.shape, grid.periodic, strict=True)]
    wide = np.pad(inside, [(k, k) for k in half], mode="wrap")
    found = distance_transform_edt(wide, sampling=grid.spacing)
    own = found[tuple(slice(k, k + n) for k, n in zip(half, grid.shape, strict=True))]
    return np.ascontiguousarray(np.maximum(own - 0.5 * min(grid.spacing), 0.0))
