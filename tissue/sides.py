"""How long the sides are that Voronoi cells share, from Delaunay's tessellation; in two dimensions."""

from __future__ import annotations

import numpy as np

from tissue.grid import Array
from tissue.levels import Integers


def shared(points: Array, triangles: Integers, beyond: Integers, reach: float) -> tuple[Integers, Array]:
    """
    The edges of a tessellation [m, 2], each once, and the length of the side between the cells of its ends [m].

    points: [n, 2]. triangles: [t, 3], corners; beyond: [t, 3], the triangle beyond the edge opposite to each corner, -1
    where there is none: there a side has no end. No side reaches further than `reach` from the middle of its edge.
    """
    middle = _centres(points, triangles)
    first, second = (
        triangles[:, [1, 2, 0]].ravel(),
        triangles[:, [2, 0, 1]].ravel(),
    )
    opposite, own, other = triangles.ravel(), np.repeat(np.arange(len(triangles)), 3), beyond.ravel()
    once = (other < 0) | (own < other)
    first, second, opposite, own, other = (a[once] for a in (first, second, opposite, own, other))
    edge = points[second] - points[first]
    across = np.stack([-edge[:, 1], edge[:, 0]], axis=1) / np.hypot(*edge.T)[:, None]
    half = 0.5 * (points[first] + points[second])

    def along(places: Array) -> Array:
        return np.asarray(np.clip(((places - half) * across).sum(axis=1), -reach, reach))

    outward = -np.sign(((points[opposite] - half) * across).sum(axis=1)) * reach
    there = np.where(other < 0, outward, along(middle[other]))
    return np.stack([first, second], axis=1), np.abs(there - along(middle[own]))


def _centres(points: Array, triangles: Integers) -> Array:
    """Centres of the circles through triangles, [t, 2]; far away where the corners lie on one line."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    u, v = b - a, c - a
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        twice = 2.0 * (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
        uu, vv = (u**2).sum(axis=1), (v**2).sum(axis=1)
        x = (v[:, 1] * uu - u[:, 1] * vv) / twice
        y = (u[:, 0] * vv - v[:, 0] * uu) / twice
    return np.asarray(a + np.nan_to_num(np.stack([x, y], axis=1), nan=0.0, posinf=1e150, neginf=-1e150))
