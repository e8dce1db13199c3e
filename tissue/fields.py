"""Checking arrays at the door, and the stress field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tissue.errors import FieldError
from tissue.grid import AXES, Array, Grid
from tissue.passes import differ

MOST = 10**9


def as_numbers(name: str, value: ArrayLike) -> Array:
    """`value` as a float array of any shape. Raises FieldError if it is not made of real numbers."""
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
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
    if not _within(array, lowest, above):
        good = np.isfinite(array) & (array >= lowest) & (array > above)
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


def _within(array: Array, lowest: float = -np.inf, above: float = -np.inf) -> bool:
    """Whether all are finite, at least `lowest` and greater than `above`; in as few passes as that takes."""
    if not np.isfinite(array).all():
        return False
    if max(lowest, above) == -np.inf or not array.size:
        return True
    least = array.min()
    return bool(least >= lowest and least > above)


def as_count(name: str, value: object, *, lowest: int = 0) -> int:
    """`value` as an int. Raises FieldError if it is no whole number from `lowest` to a thousand millions."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not lowest <= value <= MOST:
        raise FieldError(f"{name} is {_shown(value)}; give a whole number, {lowest} or more and {MOST:.0e} at most")
    return int(value)


def as_dim(value: object) -> int:
    """`value` as 2 or 3. Raises FieldError if it is not one of them."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value not in (2, 3):
        raise FieldError(f"dim is {_shown(value)}; it is 2 or 3")
    return int(value)


def as_flag(name: str, value: object) -> bool:
    """`value` as a bool. Raises FieldError if it is not True or False."""
    if not isinstance(value, bool | np.bool_):
        raise FieldError(f"{name} is {_shown(value)}; give True or False")
    return bool(value)


def as_grid(grid: object) -> Grid:
    """Raises FieldError if it is no Grid."""
    if not isinstance(grid, Grid):
        raise FieldError(f"grid is {_shown(grid)}; give a tissue.Grid")
    return grid


def _shown(value: object) -> str:
    """What a value is, in few words."""
    if isinstance(value, int) and abs(value) > MOST:
        return "an integer of " + str(value.bit_length()) + " bits"
    if isinstance(value, str | int | float | complex | None | np.generic):
        return repr(value)
    return f"of type {type(value).__name__}"


def as_inverse_bulk(value: ArrayLike, shape: tuple[int, ...]) -> Array:
    """1 / bulk viscosity, 0 where that is infinite. Raises FieldError where it is neither positive nor infinity."""
    bulk = as_numbers("bulk viscosity", value)
    infinite = np.isposinf(bulk)
    return np.where(infinite, 0.0, 1.0 / as_field("bulk viscosity", np.where(infinite, 1.0, bulk), shape, above=0.0))


def as_positions(grid: Grid, positions: ArrayLike) -> Array:
    """
    Points [n, dim] as a contiguous array, finite, and inside the sides where the grid has sides.

    Raises FieldError with the first point that is not.
    """
    grid = as_grid(grid)
    array = np.require(as_numbers("positions", positions), requirements=["C", "W"])
    if array.ndim != 2 or array.shape[1] != grid.dim:
        row = ", ".join(AXES[: grid.dim])
        raise FieldError(f"positions have shape {array.shape}; give one row of ({row}) for each point: [n, {grid.dim}]")
    if not _within(array):
        k = int(np.argwhere(~np.isfinite(array))[0, 0])
        raise FieldError(f"positions[{k}] is {tuple(array[k])}; every coordinate must be finite")
    for axis in range(grid.dim):
        if grid.periodic[axis]:
            continue
        outside = (array[:, axis] < 0.0) | (array[:, axis] > grid.size[axis])
        if outside.any():
            k = int(np.argmax(outside))
            raise FieldError(
                f"positions[{k}] is {tuple(array[k])}, beyond a wall: axis {AXES[axis]} runs from 0 to "
                f"{grid.size[axis]:g} ({int(outside.sum())} such points); move it inside or make the axis periodic"
            )
    return array


@dataclass(frozen=True, eq=False, init=False)
class StressField:
    """
    A symmetric stress tensor on the grid: normal parts at cell centres, shear parts on edges (corners).

    components: xx, yy, xy in two dimensions, xx, yy, zz, xy, xz, yz in three (`Grid.component_names`): normal ones
    of the grid's shape, shear ones of `Grid.edge_shape` of their axes. Tension is positive. On a periodic axis the
    last row of edges repeats the first.
    Raises FieldError for a wrong number or shape, NaN or infinity, or a shear that does not repeat.
    """

    grid: Grid
    components: tuple[Array, ...]

    def __init__(self, grid: Grid, *components: ArrayLike) -> None:
        names = as_grid(grid).component_names
        if len(components) != len(names):
            raise FieldError(f"a stress has the components {', '.join(names)}; {len(components)} were given")
        shapes = [grid.shape] * grid.dim + [grid.edge_shape(a, b) for a, b in grid.pairs]
        checked = tuple(
            as_field(f"stress {name}", part, shape) for name, part, shape in zip(names, components, shapes, strict=True)
        )
        object.__setattr__(self, "grid", grid)
        object.__setattr__(self, "components", checked)
        for (a, b), name, part in zip(grid.pairs, names[grid.dim :], self.shear, strict=True):
            for axis in (a, b):
                first, last = np.take(part, 0, axis), np.take(part, -1, axis)
                near = np.allclose(first, last, rtol=1e-9, atol=1e-12 * np.abs(part).max())
                if grid.periodic[axis] and not near:
                    raise FieldError(
                        f"stress {name} differs between the two ends of periodic axis {AXES[axis]}; "
                        "its last row of corners is the first again"
                    )

    @property
    def normal(self) -> tuple[Array, ...]:
        """xx, yy, ... at cell centres."""
        return self.components[: self.grid.dim]

    @property
    def shear(self) -> tuple[Array, ...]:
        """xy, or xy, xz, yz, on edges."""
        return self.components[self.grid.dim :]

    @property
    def xx(self) -> Array:
        """Pull along x across faces of x."""
        return self.components[0]

    @property
    def yy(self) -> Array:
        """Pull along y across faces of y."""
        return self.components[1]

    @property
    def xy(self) -> Array:
        """Shear between x and y."""
        return self.shear[0]

    def force(self) -> tuple[Array, ...]:
        """
        div s on the faces of every axis, `Grid.face_shape` each.

        Zero on walls; sides that hold nothing along themselves bear no shear, and at a traction-free one the stress
        ends, so that what it pulls there is the force on half a cell.
        """
        forces = tuple(np.empty(self.grid.face_shape(a)) for a in range(self.grid.dim))
        self.force_into(forces)
        return forces

    def force_into(self, forces: Sequence[Array]) -> None:
        """Write `force` into arrays of `Grid.face_shape`."""
        grid = self.grid
        for a, (part, force) in enumerate(zip(self.normal, forces, strict=True)):
            _along(grid, part, a, force)
        for (a, b), part in zip(grid.pairs, self.shear, strict=True):
            borne = _borne(grid, part, a, b)
            _across(grid, borne, a, b, forces[a])
            _across(grid, borne, b, a, forces[b])
        for a, force in enumerate(forces):
            ends = np.moveaxis(force, a, 0)
            for end, kind in ((0, grid.sides[a][0]), (-1, grid.sides[a][1])):
                if kind == "traction-free":
                    ends[end] *= 2.0
                elif kind != "periodic" and (end == 0 or grid.open[a]):
                    ends[end] = 0.0


def as_stress(stress: object) -> StressField:
    """Raises FieldError if it is no StressField."""
    if not isinstance(stress, StressField):
        raise FieldError(f"a stress is of type {type(stress).__name__}; give a tissue.StressField")
    return stress


def _along(grid: Grid, normal: Array, a: int, out: Array) -> None:
    """Difference of a normal stress over the faces of its axis; the stress ends with the grid."""
    n = grid.shape[a]
    differ(_cut(normal, a, 1, n), _cut(normal, a, 0, n - 1), grid.spacing[a], _cut(out, a, 1, n))
    rows, ends = np.moveaxis(normal, a, 0), np.moveaxis(out, a, 0)
    ends[0] = (rows[0] if grid.open[a] else rows[0] - rows[-1]) / grid.spacing[a]
    if grid.open[a]:
        ends[-1] = -rows[-1] / grid.spacing[a]


def _borne(grid: Grid, shear: Array, a: int, b: int) -> Array:
    """Shear without what lies on sides along which nothing is held."""
    out = shear
    for axis in (a, b):
        for end, kind in ((0, grid.sides[axis][0]), (-1, grid.sides[axis][1])):
            if kind in ("free-slip", "traction-free"):
                if out is shear:
                    out = shear.copy()
                np.moveaxis(out, axis, 0)[end] = 0.0
    return out


def _across(grid: Grid, shear: Array, a: int, b: int, out: Array) -> None:
    """Add the difference of a shear stress along b at the faces of axis a."""
    borne, n = _cut(shear, a, 0, grid.face_shape(a)[a]), grid.shape[b]
    differ(_cut(borne, b, 1, n + 1), _cut(borne, b, 0, n), grid.spacing[b], out, add=True)


def _cut(values: Array, axis: int, first: int, last: int) -> Array:
    return values[(slice(None),) * axis + (slice(first, last),)]
