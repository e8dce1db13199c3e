"""
Who is near whom: points within a distance, by boxes of that width, and points that touch, by Delaunay's tessellation.

Sources: Hockney and Eastwood 1988, Computer Simulation Using Particles, doi:10.1201/9780367806934 (boxes);
Barber, Dobkin and Huhdanpaa 1996, doi:10.1145/235815.235821 (tessellation).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from tissue import _kernels_neighbours as kernels
from tissue.errors import FieldError
from tissue.fields import as_count, as_field, as_grid, as_numbers, as_positions
from tissue.grid import Array, Grid
from tissue.levels import Integers
from tissue.particles import into_box
from tissue.sides import shared

FAR = 100.0  # times the box, where nothing reaches


@dataclass(frozen=True, eq=False)
class Neighbours:
    """
    The neighbours of n points, in compressed rows: those of point i are index[start[i] : start[i + 1]], ascending.

    If j is a neighbour of i, i is one of j; no point is its own. positions: [n, dim], wrapped on periodic axes. side:
    length of the side that the Voronoi cells of two points share, in the order of `index`; of `contacts` in two
    dimensions.
    """

    grid: Grid
    positions: Array
    start: Integers
    index: Integers
    side: Array | None = None

    def of(self, point: int) -> Integers:
        """The neighbours of one point, 0 to n - 1. Raises FieldError for others."""
        if as_count("point", point) >= len(self.start) - 1:
            raise FieldError(f"point is {point}; there are {len(self.start) - 1}, from 0")
        return self.index[self.start[point] : self.start[point + 1]]

    @property
    def count(self) -> Integers:
        """How many each has, [n]."""
        return np.diff(self.start)

    @cached_property
    def owner(self) -> Integers:
        """Whose neighbour each entry of `index` is, in the same order."""
        return np.repeat(np.arange(len(self.positions)), self.count)

    @cached_property
    def offset(self) -> Array:
        """From each point to each neighbour, the shortest way round, in the order of `index`, [m, dim]."""
        return shortest(self.grid, self.positions[self.index] - self.positions[self.owner])

    @property
    def distance(self) -> Array:
        """Lengths of `offset`, [m]."""
        return np.asarray(np.sqrt((self.offset**2).sum(axis=1)))

    def mean(self, values: ArrayLike, *, weights: ArrayLike | None = None) -> Array:
        """
        The mean over each point's neighbours of values [n], 0 where there are none.

        weights: [m], not negative, in the order of `index`, such as `side`. FieldError as tissue.fields.
        """
        own = as_field("values", values, (len(self.positions),))[self.index]
        count = len(self.positions)
        if weights is None:
            return np.asarray(np.bincount(self.owner, own, count) / np.maximum(self.count, 1))
        weight = as_field("weights", weights, self.index.shape, lowest=0.0)
        total = np.bincount(self.owner, weight, count)
        sums = np.bincount(self.owner, weight * own, count)
        return np.asarray(np.divide(sums, total, out=np.zeros(count), where=total > 0.0))


def shortest(grid: Grid, difference: Array) -> Array:
    """Differences of wrapped positions [m, dim], the shortest way round periodic axes."""
    out = difference.copy()
    for axis, length in enumerate(grid.size):
        if grid.periodic[axis]:
            part = out[:, axis]
            part[part > 0.5 * length] -= length
            part[part < -0.5 * length] += length
    return out


def _sorted(grid: Grid, points: Array, boxes: tuple[int, ...]) -> tuple[tuple[float, ...], Integers, Integers]:
    wide = tuple(n / length for n, length in zip(boxes, grid.size, strict=True))
    start, order = np.empty(math.prod(boxes) + 1, np.int64), np.empty(len(points), np.int64)
    kernels.sort[grid.dim](wide, points, boxes, start, order)
    return wide, start, order


def order(grid: Grid, positions: ArrayLike) -> Integers:
    """
    The permutation that sorts points by grid cell; points of one cell keep their order, [n].

    Points sorted like this, `positions[order]` and all that they carry, are spread and read with what they need near
    in memory. positions: [n, dim]. Raises FieldError as tissue.fields does.
    """
    return _sorted(grid, into_box(grid, as_positions(grid, positions)), grid.shape)[2]


def neighbours(grid: Grid, positions: ArrayLike, radius: float) -> Neighbours:
    """
    All pairs of points at most `radius` apart, round periodic axes too.

    positions: [n, dim]. The same for any number of threads. Raises FieldError as tissue.fields does, and for a radius
    that is not positive, or not less than half of a periodic axis.
    """
    radius = float(as_field("radius", radius, (), above=0.0))
    for axis in range(as_grid(grid).dim):
        if grid.periodic[axis] and not radius < 0.5 * grid.size[axis]:
            raise FieldError(
                f"radius is {radius:g}, half or more of periodic axis {'xyz'[axis]}, which is {grid.size[axis]:g} "
                "long; a point would meet another one twice. Take a larger box or a smaller radius"
            )
    points = into_box(grid, as_positions(grid, positions))
    boxes = _boxes(grid, len(points), radius)
    wide, begin, order_ = _sorted(grid, points, boxes)
    wrap = _wrap(grid)
    start = np.zeros(len(points) + 1, np.int64)
    arguments = (wide, np.ascontiguousarray(points[order_].T), boxes, begin, order_, wrap, radius**2, start)
    kernels.rows[grid.dim](*arguments, np.empty(0, np.int64))
    np.cumsum(start, out=start)
    index = np.empty(start[-1], np.int64)
    if len(index):
        kernels.rows[grid.dim](*arguments, index)
    return Neighbours(grid, points, start, index)


def _wrap(grid: Grid) -> tuple[float, ...]:
    return tuple(length if round_ else 0.0 for length, round_ in zip(grid.size, grid.periodic, strict=True))


def _boxes(grid: Grid, points: int, radius: float) -> tuple[int, ...]:
    """Boxes along each axis, no narrower than the radius and not many more than points."""
    most = max(4 * points, 64)
    # a box is wider than the radius by more than the rounding of where points lie
    boxes = [max(1, int(min(length / radius * (1.0 - 1e-12), most))) for length in grid.size]
    while math.prod(boxes) > most:
        widest = int(np.argmax(boxes))
        boxes[widest] = (boxes[widest] + 1) // 2
    return tuple(boxes)


def contacts(grid: Grid, positions: ArrayLike, *, longest: float = np.inf) -> Neighbours:
    """
    Points whose Voronoi cells touch: the edges of Delaunay's tessellation, round periodic axes too.

    positions: [n, dim]. longest: no contact is longer; without it points at the rim of a tissue meet across its
    hollows, and no side is taken for longer. Where several points lie on one circle (sphere) that holds no other, as
    on lattices, some of them meet. Of points on a line each touches the next. Of points at one place the first meets
    the others around, and all those at its place meet it alone, with no side.
    Raises FieldError as tissue.fields does.
    """
    given = as_numbers("longest", longest)
    infinite = given.ndim == 0 and given == math.inf
    longest = math.inf if infinite else float(as_field("longest", given, (), above=0.0))
    points = into_box(grid, as_positions(grid, positions))
    _, first, place = np.unique(points, axis=0, return_index=True, return_inverse=True)
    places = np.sort(first)
    pairs, sides = _tessellation(grid, points[places], longest)
    again = np.setdiff1d(np.arange(len(points)), places)
    pairs = np.concatenate([places[pairs], np.stack([again, first[place.ravel()[again]]], axis=1)])
    sides = np.concatenate([sides, np.zeros(len(again))])
    both = np.concatenate([pairs, pairs[:, ::-1]])
    keys, own = np.unique(both[:, 0] * len(points) + both[:, 1], return_inverse=True)
    # in a small periodic box two points may share several sides
    side = np.bincount(own, np.tile(sides, 2), len(keys)).astype(np.float64) if grid.dim == 2 else None
    start = np.searchsorted(keys, np.arange(len(points) + 1) * len(points))
    return Neighbours(grid, points, start.astype(np.int64), keys % max(len(points), 1), side)


def _tessellation(grid: Grid, points: Array, longest_edge: float) -> tuple[Integers, Array]:
    """
    Pairs that share an edge, once for each of its images, and the sides of their cells, in three dimensions 0.

    Copies lie beyond periodic ends, as far out as the circles through the points reach.
    """
    # it takes longer to import than all of this package, and few runs ask for contacts
    from scipy.spatial import Delaunay, QhullError

    wrapped = [axis for axis in range(grid.dim) if grid.periodic[axis]]
    longest = max((grid.size[axis] for axis in wrapped), default=0.0)
    reach = 4.0 * (grid.area / max(len(points), 1)) ** (1.0 / grid.dim) if wrapped else 0.0
    # no circle would show that there is something beyond a gap
    reach = max([reach, *(1.1 * _widest_gap(points[:, axis], grid.size[axis]) for axis in wrapped)])
    while True:
        images, owner = _copies(grid, points, wrapped, min(reach, longest))
        try:
            found = Delaunay(images)
        except (QhullError, ValueError):
            if wrapped and reach < longest:
                reach *= 2.0
                continue
            # points on a line (in a plane) have a tessellation once there is something else, however far away
            images, owner = np.concatenate([images, _corners(grid)]), np.append(owner, [-1] * 2**grid.dim)
            found = Delaunay(images)
        own = found.simplices[(found.simplices < len(points)).any(axis=1)]
        if not wrapped or reach >= longest or _settled(grid, images[own], wrapped, reach):
            break
        reach *= 2.0
    if grid.dim == 2:
        pairs, sides = shared(images, found.simplices, found.neighbors, 0.5 * min(longest_edge, max(grid.size)))
    else:
        corners = list(itertools.combinations(range(grid.dim + 1), 2))
        pairs = np.concatenate([own[:, pair] for pair in corners]) if len(own) else np.empty((0, 2), np.int64)
        sides = np.zeros(len(pairs))
    # a point that lies on another has no simplex of its own
    alone = found.coplanar[:, [0, 2]]
    pairs = np.concatenate([pairs, alone]).astype(np.int64)
    sides = np.concatenate([sides, np.zeros(len(alone))])
    # of an edge across a periodic end there are two images, of which one begins at a point and not at a copy
    lower = np.where(owner[pairs[:, 0]] <= owner[pairs[:, 1]], pairs[:, 0], pairs[:, 1])
    here = (lower < len(points)) & (owner[pairs[:, 0]] != owner[pairs[:, 1]])
    # the edge itself, which need not be the shortest way round
    here &= np.sqrt(((images[pairs[:, 1]] - images[pairs[:, 0]]) ** 2).sum(axis=1)) <= longest_edge
    return np.asarray(owner[pairs[here]]), sides[here]


def _copies(grid: Grid, points: Array, wrapped: list[int], reach: float) -> tuple[Array, Integers]:
    """The points, then their copies up to `reach` beyond the ends of periodic axes; and whose copies they are."""
    images, owner = points, np.arange(len(points))
    for axis in wrapped:
        length = grid.size[axis]
        step = np.zeros(grid.dim)
        step[axis] = length
        places, owners = [images], [owner]
        for k in range(1, math.ceil(reach / length) + 1):
            low = np.flatnonzero(images[:, axis] > k * length - reach)
            high = np.flatnonzero(images[:, axis] < reach - (k - 1) * length)
            places += [images[low] - k * step, images[high] + k * step]
            owners += [owner[low], owner[high]]
        images, owner = np.concatenate(places), np.concatenate(owners)
    return images, owner


def _corners(grid: Grid) -> Array:
    """Of a box far larger than the grid, and with no two sides alike, [2^dim, dim]."""
    away = [(-FAR * (a + 1.0) * max(grid.size), FAR * (a + 1.5) * max(grid.size)) for a in range(grid.dim)]
    return np.array(list(itertools.product(*away)))


def _widest_gap(places: Array, length: float) -> float:
    """Between points along a periodic axis."""
    sorted_places = np.sort(places)
    return float(np.diff(sorted_places, append=sorted_places[:1] + length).max(initial=0.0))


def _settled(grid: Grid, simplices: Array, wrapped: list[int], reach: float) -> bool:
    """Whether the circles (spheres) through simplices [m, dim + 1, dim] lie within the copies, along periodic axes."""
    sides = simplices[:, 1:] - simplices[:, :1]
    with np.errstate(all="ignore"):
        try:
            centre = np.linalg.solve(sides, 0.5 * (sides**2).sum(axis=2)[..., None])[..., 0]
        except np.linalg.LinAlgError:
            return False
        radius = np.sqrt((centre**2).sum(axis=1))
        middle = simplices[:, 0] + centre
        return all(
            bool(((middle[:, axis] - radius > -reach) & (middle[:, axis] + radius < grid.size[axis] + reach)).all())
            for axis in wrapped
        )


def keep_apart(grid: Grid, positions: ArrayLike, distance: float) -> Array:
    """
    Points after one sweep that parts those nearer than `distance`; [n, dim].

        x_i' = x_i - sum_j (distance - r_ij) / (2 max(c_i, c_j)) (x_j - x_i) / r_ij,    r_ij < distance,

    c_i the number of points nearer to i than that. A pair by itself is `distance` apart afterwards; no point moves by
    more than half of it, and none where there is room. Both of a pair move alike, so that the mean of all positions
    stays where no side stops them. Points of density n lie evenly at a distance of 1.07 / n^(1/2) in two and 1.12 /
    n^(1/3) in three dimensions (hexagons, close packing); after a step of growth one to three sweeps with 0.8 to
    1 times that keep them even.
    positions: [n, dim]; points at sides stay inside. The same bits for any number of threads.
    Raises FieldError as `neighbours` does.
    Source: averaged position-based constraints, Macklin et al. 2014, doi:10.1145/2601097.2601152.
    """
    near = neighbours(grid, positions, float(as_field("distance", distance, (), above=0.0)))
    moved = np.empty_like(near.positions)
    kernels.part[grid.dim](_wrap(grid), near.positions, near.start, near.index, float(distance), moved)
    return into_box(grid, moved)
