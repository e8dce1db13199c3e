"""Checking arrays at the door, and the stress field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tissue.errors import FieldError
from tissue.grid import Array, Grid


def as_numbers(name: str, value: ArrayLike) -> Array:
    """`value` as a float array of any shape. Raises FieldError if it is not made of real numbers."""
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise FieldError(f"{name} is not made of real numbers: {error}") from error


def as_field(
    name: str, value: ArrayLike, shape: tuple[int, ...], *, lowest: float = -np.inf, above: float = -np.inf
) -> Array:
    """
    `value` as a contiguous float array of `shape`; a single number is spread over it.

    Raises FieldError naming the field and the first bad index if an entry is not a number, NaN, infinite, less
    than `lowest`, or not greater than `above`.
    """
    array = as_numbers(name, value)
    if array.shape != shape and array.ndim:
        raise FieldError(f"{name} has shape {array.shape}; give an array of shape {shape}, or one number")
    good = np.isfinite(array) & (array >= lowest) & (array > above)
    if not good.all():
        place = tuple(int(i) for i in np.argwhere(~good)[0])
        where = f"{name}[{', '.join(map(str, place))}]" if place else name
        needed = "finite"
        if above > -np.inf:
            needed += f" and greater than {above:g}"
        elif lowest > -np.inf:
            needed += f" and at least {lowest:g}"
        raise FieldError(f"{where} is {array[place]}; it must be {needed} ({(~good).sum()} such entries)")
    # kernels are compiled for writable arrays, though they never write into what they are given
    return np.require(np.broadcast_to(array, shape) if array.shape != shape else array, requirements=["C", "W"])


def as_inverse_bulk(value: ArrayLike, shape: tuple[int, ...]) -> Array:
    """1 / bulk viscosity, 0 where that is infinite. Raises FieldError where it is neither positive nor infinity."""
    bulk = as_numbers("bulk viscosity", value)
    infinite = np.isposinf(bulk)
    return np.where(infinite, 0.0, 1.0 / as_field("bulk viscosity", np.where(infinite, 1.0, bulk), shape, above=0.0))


def as_positions(grid: Grid, positions: ArrayLike) -> Array:
    """
    Points [n, 2] as a contiguous array, finite, and inside the walls where the grid has walls.

    Raises FieldError with the first point that is not.
    """
    array = np.require(as_numbers("positions", positions), requirements=["C", "W"])
    if array.ndim != 2 or array.shape[1] != 2:
        raise FieldError(f"positions have shape {array.shape}; give one row of (x, y) for each point: [n, 2]")
    if not np.isfinite(array).all():
        k = int(np.argwhere(~np.isfinite(array))[0, 0])
        raise FieldError(f"positions[{k}] is {tuple(array[k])}; every coordinate must be finite")
    for axis in (0, 1):
        if grid.periodic[axis]:
            continue
        outside = (array[:, axis] < 0.0) | (array[:, axis] > grid.size[axis])
        if outside.any():
            k = int(np.argmax(outside))
            raise FieldError(
                f"positions[{k}] is {tuple(array[k])}, beyond a wall: axis {'xy'[axis]} runs from 0 to "
                f"{grid.size[axis]:g} ({int(outside.sum())} such points); move it inside or make the axis periodic"
            )
    return array


@dataclass(frozen=True, eq=False)
class StressField:
    """
    A symmetric stress tensor on the grid: xx, yy [nx, ny] at cell centres, xy [nx + 1, ny + 1] at corners.

    Tension is positive. On a periodic axis the last row or column of xy repeats the first.
    Raises FieldError for wrong shapes, NaN or infinity, or an xy that does not repeat.
    """

    grid: Grid
    xx: Array
    yy: Array
    xy: Array

    def __post_init__(self) -> None:
        shape, corners = self.grid.shape, self.grid.corner_shape
        for name, wanted in (("xx", shape), ("yy", shape), ("xy", corners)):
            object.__setattr__(self, name, as_field(f"stress {name}", getattr(self, name), wanted))
        for axis in (0, 1):
            first, last = np.take(self.xy, 0, axis), np.take(self.xy, -1, axis)
            if self.grid.periodic[axis] and not np.allclose(first, last, rtol=1e-9, atol=1e-12 * np.abs(self.xy).max()):
                raise FieldError(
                    f"stress xy differs between the two ends of periodic axis {'xy'[axis]}; "
                    "its last row of corners is the first again"
                )

    def force(self) -> tuple[Array, Array]:
        """div s on x-faces and y-faces, [nx, ny] each; zero on walls; a free-slip wall bears no shear."""
        hx, hy = self.grid.spacing
        xy = self.xy
        if "free-slip" in self.grid.boundary:
            xy = xy.copy()
            if self.grid.boundary[0] == "free-slip":
                xy[[0, -1], :] = 0.0
            if self.grid.boundary[1] == "free-slip":
                xy[:, [0, -1]] = 0.0
        fx = (self.xx - np.roll(self.xx, 1, axis=0)) / hx + (xy[:-1, 1:] - xy[:-1, :-1]) / hy
        fy = (self.yy - np.roll(self.yy, 1, axis=1)) / hy + (xy[1:, :-1] - xy[:-1, :-1]) / hx
        if not self.grid.periodic[0]:
            fx[0, :] = 0.0
        if not self.grid.periodic[1]:
            fy[:, 0] = 0.0
        return fx, fy
