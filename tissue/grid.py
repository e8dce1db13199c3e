"""The box on which the fluid lives, a rectangle or a block, cut into equal cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tissue.errors import GridError

Array = NDArray[np.float64]

# The value beyond a side of a velocity along it, as a multiple of the value inside; 0 means the axis wraps round.
WALL_SIGN = {
    "periodic": 0.0,
    "no-slip": -1.0,
    "moving": -1.0,
    "inflow": -1.0,
    "free-slip": 1.0,
    "traction-free": 1.0,
}
# What may pass: here the last face of an axis is not the first one again.
OPEN = ("traction-free", "inflow")
SMALLEST_AXIS = 4
AXES = "xyz"


@dataclass(frozen=True)
class Grid:
    """
    A staggered (marker-and-cell) grid on [0, Lx] x [0, Ly] (x [0, Lz]) with nx x ny (x nz) equal cells.

    Scalars live in cell centres, [nx, ny, ...]; the velocity along an axis on the faces across it, `face_shape`,
    face i of the x axis at x = i hx; shear stress of two axes on the edges (in two dimensions corners) between
    them, `edge_shape`. An axis of n cells has n faces where the face beyond the last is face 0 again: on a
    periodic axis it is the same face, and between walls both are walls, where the velocity through them is zero.
    Where something may pass a side of the axis, it has n + 1.

    shape: (nx, ny) or (nx, ny, nz), at least 4 each; sizes with many factors of two solve fastest.
    size: (Lx, Ly) or (Lx, Ly, Lz), any unit of length.
    boundary: for each axis what its two sides are, one name for both or a pair of names (low side, high side):
        "periodic" (both), "no-slip" (the fluid sticks), "free-slip" (no flow through it, no traction along it),
        "traction-free" (the fluid ends there, and nothing pulls or pushes), "moving" (a wall whose velocity along
        itself is given to `Stokes.solve`), "inflow" (the whole velocity is given, in or out). Periodic in every
        axis if not given.

    Raises GridError for anything else.
    Source: Harlow and Welch 1965, doi:10.1063/1.1761178.
    """

    shape: tuple[int, ...]
    size: tuple[float, ...]
    boundary: tuple[str | tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        shape = _sequence("shape", self.shape)
        if len(shape) not in (2, 3):
            raise GridError(f"grid shape is {self.shape!r}; give two values, one for each axis, or three")
        for n in shape:
            if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < SMALLEST_AXIS:
                raise GridError(f"grid shape is {self.shape!r}; all must be integers of {SMALLEST_AXIS} or more")
        dim = len(shape)
        size = _sequence("size", self.size, dim)
        for length in size:
            if not isinstance(length, int | float | np.number) or not (0.0 < float(length) < math.inf):
                raise GridError(f"grid size is {self.size!r}; all lengths must be positive and finite")
        boundary = (
            ("periodic",) * dim
            if isinstance(self.boundary, tuple) and not self.boundary
            else _sequence("boundary", self.boundary, dim)
        )
        object.__setattr__(self, "shape", tuple(map(int, shape)))
        object.__setattr__(self, "size", tuple(map(float, size)))
        object.__setattr__(self, "boundary", tuple(self._checked(kinds) for kinds in boundary))

    def _checked(self, kinds: object) -> str | tuple[str, str]:
        pair = (kinds, kinds) if isinstance(kinds, str) else kinds
        if not isinstance(pair, Sequence) or len(pair) != 2 or any(kind not in WALL_SIGN for kind in pair):
            known = ", ".join(repr(k) for k in WALL_SIGN)
            raise GridError(f"grid boundary is {self.boundary!r}; each axis takes one or a pair of {known}")
        if "periodic" in pair and pair[0] != pair[1]:
            raise GridError(f"grid boundary is {self.boundary!r}; an axis is periodic at both ends or at neither")
        return str(pair[0]) if pair[0] == pair[1] else (str(pair[0]), str(pair[1]))

    @property
    def dim(self) -> int:
        """2 or 3."""
        return len(self.shape)

    @cached_property
    def sides(self) -> tuple[tuple[str, str], ...]:
        """For each axis what its low and its high side are."""
        return tuple((kind, kind) if isinstance(kind, str) else kind for kind in self.boundary)

    @cached_property
    def spacing(self) -> tuple[float, ...]:
        """(hx, hy, ...), the sides of a cell."""
        return tuple(length / n for length, n in zip(self.size, self.shape, strict=True))

    @property
    def cell_area(self) -> float:
        """The area of a cell, its volume in three dimensions."""
        return math.prod(self.spacing)

    @property
    def area(self) -> float:
        """The area of the box, its volume in three dimensions."""
        return math.prod(self.size)

    @cached_property
    def periodic(self) -> tuple[bool, ...]:
        """Which axes wrap round."""
        return tuple(side[0] == "periodic" for side in self.sides)

    @cached_property
    def open(self) -> tuple[bool, ...]:
        """Which axes have a side that something may pass, and so a last face of its own."""
        return tuple(side[0] in OPEN or side[1] in OPEN for side in self.sides)

    @cached_property
    def wall_signs(self) -> tuple[tuple[float, float], ...]:
        """For each side the ghost factor of a velocity along it: -1 where it is held, +1 where not, 0 periodic."""
        return tuple((WALL_SIGN[low], WALL_SIGN[high]) for low, high in self.sides)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs of axes, in the order in which shear stresses come: xy; xy, xz, yz."""
        return tuple((a, b) for a in range(self.dim) for b in range(a + 1, self.dim))

    @property
    def component_names(self) -> tuple[str, ...]:
        """The components of a symmetric tensor in their order: xx, yy, xy; xx, yy, zz, xy, xz, yz."""
        normal = tuple(2 * AXES[a] for a in range(self.dim))
        return normal + tuple(AXES[a] + AXES[b] for a, b in self.pairs)

    def face_shape(self, axis: int) -> tuple[int, ...]:
        """Shape of the velocity along `axis`."""
        return tuple(n + (1 if a == axis and self.open[a] else 0) for a, n in enumerate(self.shape))

    def edge_shape(self, first: int, second: int) -> tuple[int, ...]:
        """Shape of the shear stress of two axes: one more along both than there are cells."""
        return tuple(n + (1 if a in (first, second) else 0) for a, n in enumerate(self.shape))

    @property
    def corner_shape(self) -> tuple[int, ...]:
        """(nx + 1, ny + 1): `edge_shape` of the first two axes."""
        return self.edge_shape(0, 1)

    def centres(self) -> tuple[Array, ...]:
        """x [nx, 1], y [1, ny], ... of the cell centres."""
        return self._points(self.shape, ())

    def faces(self, axis: int) -> tuple[Array, ...]:
        """x, y, ... of the faces across `axis`, which carry the velocity along it."""
        return self._points(self.face_shape(axis), (axis,))

    def edges(self, first: int, second: int) -> tuple[Array, ...]:
        """x, y, ... of the edges between two axes, which carry their shear stress."""
        return self._points(self.edge_shape(first, second), (first, second))

    def x_faces(self) -> tuple[Array, ...]:
        """x [nx, 1] and y [1, ny] of the faces that carry u."""
        return self.faces(0)

    def y_faces(self) -> tuple[Array, ...]:
        """x [nx, 1] and y [1, ny] of the faces that carry v."""
        return self.faces(1)

    def corners(self) -> tuple[Array, ...]:
        """x [nx + 1, 1] and y [1, ny + 1] of the cell corners."""
        return self.edges(0, 1)

    def _points(self, shape: tuple[int, ...], nodes: tuple[int, ...]) -> tuple[Array, ...]:
        points = []
        for axis, n in enumerate(shape):
            place = (np.arange(n) + (0.0 if axis in nodes else 0.5)) * self.spacing[axis]
            points.append(cast(Array, place.reshape([-1 if a == axis else 1 for a in range(self.dim)])))
        return tuple(points)


def _sequence(name: str, value: object, length: int | None = None) -> Sequence[Any]:
    counted = {None: "two values, one for each axis, or three", 2: "two values, one for each axis"}
    if (
        isinstance(value, str)
        or not isinstance(value, Sequence | np.ndarray)
        or (length is not None and len(value) != length)
    ):
        wanted = counted.get(length, f"{length} values, one for each axis")
        raise GridError(f"grid {name} is {value!r}; give {wanted}")
    return cast(Sequence[Any], value)


def beyond(a: Array, axis: int, n: int) -> Array:
    """The upper faces of n cells along `axis`: the rest of n + 1 faces, or n faces rolled round."""
    if a.shape[axis] == n:
        return np.asarray(np.roll(a, -1, axis=axis))
    return np.asarray(np.moveaxis(np.moveaxis(a, axis, 0)[1:], 0, axis))


def lower(a: Array, axis: int, n: int) -> Array:
    """The lower faces of n cells along `axis`."""
    return np.asarray(np.moveaxis(np.moveaxis(a, axis, 0)[:n], 0, axis))
