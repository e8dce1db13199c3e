"""
The levels of the multigrid over a grid and the transfers between them, before anything is known of the fluid.

The two sides of every axis are known here: what beyond a side is zero, repeats or is its own unknown is in the
weights of the transfers and in the distances between slots, and no kernel asks again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tissue import _kernels_cycle as cycle
from tissue import _kernels_levels as columns
from tissue import _kernels_stokes as kernels
from tissue.grid import Array, Grid

Integers = NDArray[np.int64]

COARSEST_SWEEPS = 32  # an even number
# Point smoothing fails where cells get long, so an axis waits until the others have caught up.
LARGEST_ASPECT = 1.5
HOLDS = {
    "periodic": 0,
    "no-slip": kernels.NO_SLIP,
    "moving": kernels.NO_SLIP,
    "inflow": kernels.NO_SLIP,
    "free-slip": kernels.FREE_SLIP,
    "traction-free": kernels.TRACTION_FREE,
}
# columns of `geometry`
CELLS, SLOTS, TABLES, START, COUNT, AT = slice(0, 3), slice(3, 6), slice(6, 9), 9, 10, slice(11, 16)


@dataclass(frozen=True, eq=False)
class Lines:
    """
    The levels as the cycle in single precision knows them; see tissue._kernels_levels for `table` and `near`.

    index, weight: the transfers, [5, 4, rows] flat, with indices that count the slot before each line.
    """

    table: Integers
    near: Integers
    index: Integers
    weight: NDArray[np.float32]
    slots: int
    coefficients: int
    scratch: int


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """
    Levels, transfers and the order of visits.

    geometry [levels, 16]: cells, slots and first table row of the three axes, first slot and number of slots, and
    again the table rows with the strides of the first two axes. steps [2, rows]: distances in memory to the next
    and last slot. index, weight [5, rows, 4]: the transfers. schedule: rows of `_visits`.
    """

    grid: Grid
    geometry: Integers
    inverse_spacing: Array
    steps: Integers
    index: Integers
    weight: Array
    schedule: Integers
    sides: Integers
    slots: int
    lines: Lines

    @property
    def tables(self) -> tuple[Integers, Array, Integers, Integers, Array]:
        """What kernels of several levels take."""
        return self.geometry, self.inverse_spacing, self.steps, self.index, self.weight

    @property
    def shape(self) -> tuple[int, ...]:
        """Slots of level 0 along each axis."""
        return tuple(n + 1 for n in self.grid.shape)

    @property
    def r(self) -> tuple[float, ...]:
        """1 / spacing."""
        return tuple(float(v) for v in self.inverse_spacing[0])


def level_shapes(grid: Grid) -> list[tuple[int, ...]]:
    """Shapes of all levels; each axis is halved, rounding up, until about four cells are left."""
    shapes = [grid.shape]
    while True:
        shape = shapes[-1]
        spacing = [length / n for length, n in zip(grid.size, shape, strict=True)]
        able = [d for d in range(grid.dim) if shape[d] > 4]
        if not able:
            return shapes
        finest = min(spacing[d] for d in able)
        chosen = [d for d in able if spacing[d] <= LARGEST_ASPECT * finest]
        shapes.append(tuple((n + 1) // 2 if d in chosen else n for d, n in enumerate(shape)))


class _Table:
    """Rows of up to four pairs of index and weight, filled without gaps."""

    def __init__(self, rows: int) -> None:
        self.index, self.weight = np.zeros((rows, 4), np.int64), np.zeros((rows, 4))
        self.used = np.zeros(rows, np.int64)

    def add(self, row: int, index: int, weight: float) -> None:
        if abs(weight) > 1e-9:
            k = self.used[row]
            self.index[row, k], self.weight[row, k] = index, weight
            self.used[row] += 1


def overlaps(n: int, m: int) -> _Table:
    """Fine cells and their share of each of m coarse cells."""
    table, ratio = _Table(n + 1), n / m
    for i in range(m):
        first = math.floor(i * ratio + 1e-9)
        for k in range(first, min(first + 4, n)):
            table.add(i, k, max(0.0, min(k + 1, (i + 1) * ratio) - max(k, i * ratio)) / ratio)
    return table


def hats(n: int, m: int, sides: tuple[str, str]) -> _Table:
    """Fine faces and their weights in each coarse face: a hat of the coarse spacing; none where velocity is given."""
    table, ratio = _Table(n + 1), n / m
    for i in _free_faces(m, sides):
        first = math.floor((i - 1) * ratio + 1e-9) + 1
        for k in range(first, first + 4):
            height = max(0.0, 1.0 - abs(k - i * ratio) / ratio) / ratio
            if sides[0] == "periodic":
                table.add(i, k % n, height)
            elif 0 <= k <= n:
                table.add(i, k, height)
    return table


def linear(n: int, m: int, signs: tuple[float, float]) -> _Table:
    """The two coarse centres each of n fine ones is read from; beyond a side, its sign times the inner one."""
    table = _Table(n + 1)
    for i in range(n):
        place = (i + 0.5) * m / n - 0.5
        first = math.floor(place + 1e-9)
        for j, share in ((first, 1.0 - (place - first)), (first + 1, place - first)):
            if j < 0:
                table.add(i, 0 if signs[0] else m - 1, (signs[0] or 1.0) * share)
            elif j >= m:
                table.add(i, m - 1 if signs[1] else 0, (signs[1] or 1.0) * share)
            else:
                table.add(i, j, share)
    return table


def linear_faces(n: int, m: int, sides: tuple[str, str]) -> _Table:
    """The two coarse faces each fine face is read from; none where the velocity is given."""
    table = _Table(n + 1)
    for i in _free_faces(n, sides):
        place = i * m / n
        first = math.floor(place + 1e-9)
        for j, share in ((first, 1.0 - (place - first)), (first + 1, place - first)):
            table.add(i, j % m if sides[0] == "periodic" else j, share)
    return table


def _free_faces(n: int, sides: tuple[str, str]) -> range:
    """Places of the faces of an axis of n cells where the velocity through them is unknown."""
    if sides[0] == "periodic":
        return range(n)
    return range(0 if sides[0] == "traction-free" else 1, n + 1 if sides[1] == "traction-free" else n)


def _steps(n: int, stride: int, periodic: bool) -> Integers:
    """Distances in memory from slots 0 ... n to the next and to the last."""
    following = np.arange(n + 1) + 1
    following[n] = n
    before = np.arange(n + 1) - 1
    before[0] = n
    if periodic:
        following[n - 1], before[0] = 0, n - 1
    place = np.arange(n + 1)
    return np.stack([following - place, before - place]) * stride


def _visits(level: int, last: int, *, full: bool = True, first: int = 1) -> list[tuple[int, int, int]]:
    """
    An F-cycle, or a V-cycle if not `full`: operation, level, and whether the level begins at rest.

    On every level an F-cycle is one of the coarser level followed by a V-cycle of it.
    """
    if level == last:
        return [(cycle.COARSEST, level, first)]
    below = _visits(level + 1, last, full=full)
    if full and level + 1 < last:
        below += _visits(level + 1, last, full=False, first=0)
    return [(cycle.DOWN, level, first), *below, (cycle.UP, level, 0)]


def _lines(grid: Grid, geometry: Integers, steps: Integers, index: Integers, weight: Array) -> Lines:
    """The same levels, lines padded to an odd multiple of eight slots so that they do not compete for the cache."""
    dim = grid.dim
    table = np.zeros((len(geometry), columns.TABLE + 3), np.int64)
    near = np.zeros_like(steps)
    start = coefficients = 0
    for entry, line in zip(geometry, table, strict=True):
        shape, slots = entry[CELLS][:dim], entry[SLOTS][:dim]
        seen = [int(n) + (sides[1] == "traction-free") for n, sides in zip(shape, grid.sides, strict=True)]
        width = 8 * ((int(shape[-1]) + 3 + 7) // 8 | 1)
        planes, rows = int(slots[0]), int(slots[1]) if dim == 3 else 1
        line[columns.PLANES], line[columns.LINES] = planes, rows
        line[columns.SEEN_PLANES], line[columns.SEEN] = seen[0], seen[-1]
        line[columns.SEEN_LINES] = seen[1] if dim == 3 else 1
        line[columns.CELLS], line[columns.WRAPS], line[columns.WIDTH] = shape[-1], grid.periodic[-1], width
        line[columns.SLOTS], line[columns.START] = planes * rows * width, start
        line[columns.COEFFICIENTS], line[columns.ONE] = coefficients, 1
        # the kernels' second table is that of the last axis in two dimensions
        line[columns.TABLE :] = entry[TABLES]
        start += planes * rows * width
        coefficients += width + columns.count(dim) * planes * rows * width
        for axis in range(dim):
            row, n = int(entry[TABLES][axis]), int(shape[axis])
            stride = math.prod(int(m) for m in slots[axis + 1 :])
            near[:, row : row + n + 1] = steps[:, row : row + n + 1] // stride
    finest = table[0]
    scratch = (2 * dim + 2) * int(finest[columns.LINES] * finest[columns.WIDTH])
    # along the last axis a line begins with the slot before its first
    places, weights = index.transpose(0, 2, 1).copy(), weight.transpose(0, 2, 1).astype(np.float32)
    for entry, following, line in zip(geometry, geometry[1:], table, strict=False):
        row, n, m = int(entry[TABLES][dim - 1]), int(entry[CELLS][dim - 1]), int(following[CELLS][dim - 1])
        if 2 * m == n:
            line[columns.HALVES] = 1
            weights[:, :, row : row + n + 1] = _halves(index[:, row : row + n + 1], weight[:, row : row + n + 1], n)
        places[:, :, row : row + n + 1] += 1
    return Lines(table, near, places.reshape(-1), weights.reshape(-1), start, coefficients, scratch)


def _halves(index: Integers, weight: Array, n: int) -> Array:
    """
    The weights [5, 4, n + 1] of the entries around 2 k, from the one before, for transfers down, and around k // 2 for
    transfers up, where one level has half the cells of the other and the slots around a line repeat its other end.
    """
    out = np.zeros((5, 4, n + 1))
    for table in range(5):
        down = table in (columns.OVERLAP, columns.HAT)
        count = n if down else n // 2
        for k in range(n + 1):
            for place, share in zip(index[table, k], weight[table, k], strict=True):
                if share != 0.0:
                    away = place - (2 * k if down else k // 2)
                    # a neighbour across the ends of an axis that wraps
                    away += count if away < -1 else (-count if away > (2 if down else 1) else 0)
                    out[table, 1 + away, k] += share
    return out


@lru_cache(maxsize=32)
def hierarchy(grid: Grid) -> Hierarchy:
    """Levels, transfers and the order of visits for `grid`."""
    shapes, dim = level_shapes(grid), grid.dim
    geometry = np.zeros((len(shapes), 16), np.int64)
    spacing = np.zeros((len(shapes), dim))
    total = sum(sum(shape) + dim for shape in shapes)
    steps = np.zeros((2, total), np.int64)
    index, weight = np.zeros((5, total, 4), np.int64), np.zeros((5, total, 4))
    row = start = 0
    for level, shape in enumerate(shapes):
        slots = [n + 1 for n in shape]
        strides = [math.prod(slots[a + 1 :]) for a in range(dim)]
        entry = geometry[level]
        entry[CELLS][:dim], entry[SLOTS][:dim] = shape, slots
        entry[START], entry[COUNT] = start, math.prod(slots)
        entry[AT][3:5] = strides[:2]
        spacing[level] = [n / length for n, length in zip(shape, grid.size, strict=True)]
        start += math.prod(slots)
        for axis, n in enumerate(shape):
            entry[TABLES][axis] = entry[AT][axis] = row
            steps[:, row : row + n + 1] = _steps(n, strides[axis], grid.periodic[axis])
            if level + 1 < len(shapes):
                m = shapes[level + 1][axis]
                for table, filled in enumerate(_transfers(n, m, grid.sides[axis], grid.wall_signs[axis])):
                    index[table, row : row + n + 1] = filled.index
                    weight[table, row : row + n + 1] = filled.weight
            row += n + 1
    return Hierarchy(
        grid=grid,
        geometry=geometry,
        inverse_spacing=spacing,
        steps=steps,
        index=index,
        weight=weight,
        schedule=np.array(_visits(0, len(shapes) - 1), np.int64),
        sides=np.array([[HOLDS[kind] for kind in sides] for sides in grid.sides], np.int64),
        slots=start,
        lines=_lines(grid, geometry, steps, index, weight),
    )


def _transfers(n: int, m: int, sides: tuple[str, str], signs: tuple[float, float]) -> list[_Table]:
    """The tables of one axis between n fine and m coarse cells, in the order of the kernels' names for them."""
    flat = (abs(signs[0]), abs(signs[1]))
    return [
        overlaps(n, m),
        hats(n, m, sides),
        linear(n, m, signs),
        linear(n, m, flat),
        linear_faces(n, m, sides),
    ]
