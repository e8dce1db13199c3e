"""
Points in the fluid: what they carry is spread to the grid, what the grid carries is read at them.

A point's stress tensor goes to centres (normal parts) and edges (shear); its discrete divergence is then a force
density whose sum and torque vanish to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tissue import _kernels_box as boxes
from tissue import _kernels_particles as kernels
from tissue.errors import FieldError
from tissue.fields import StressField, as_field, as_grid, as_numbers, as_positions
from tissue.grid import AXES, Array, Grid
from tissue.levels import Integers
from tissue.stokes import Flow, check_finite


@dataclass(frozen=True, eq=False)
class _Places:
    """Where the entries of a field lie and what stands beyond its ends, as the kernels take it."""

    shape: tuple[int, ...]
    index: Integers
    factor: Array
    arguments: tuple[tuple[float, ...] | tuple[int, ...], ...]


@lru_cache(maxsize=256)
def _places(grid: Grid, nodes: tuple[int, ...], velocity: bool) -> _Places:
    """
    Of a field at centres along all axes but `nodes`, where it lies on faces or edges.

    Scalars end flat at a side, velocities as the side says.
    """
    shape = list(grid.shape)
    index = np.zeros((grid.dim, max(shape) + 2), np.int64)
    factor = np.ones((grid.dim, max(shape) + 2))
    for axis, n in enumerate(grid.shape):
        place = np.arange(-1, n + 1)
        if axis in nodes:
            own = grid.open[axis] if velocity else True
            shape[axis] = n + own
            # a last face or edge that is the first one again
            again = not own or grid.periodic[axis]
            index[axis, : n + 2] = np.where(again & (place == n), 0, np.clip(place, 0, n))
        elif grid.periodic[axis]:
            index[axis, : n + 2] = place % n
        else:
            index[axis, : n + 2] = np.clip(place, 0, n - 1)
            if velocity:
                factor[axis, 0], factor[axis, n + 1] = grid.wall_signs[axis]
    strides = tuple(math.prod(shape[axis + 1 :]) for axis in range(grid.dim))
    offset = tuple(0.0 if axis in nodes else 0.5 for axis in range(grid.dim))
    wrap = tuple(n if round_ else 0 for n, round_ in zip(grid.shape, grid.periodic, strict=True))
    last = tuple(n - 1 for n in grid.shape)
    return _Places(tuple(shape), index, factor, (offset, strides, wrap, last))


def _inverse_spacing(grid: Grid) -> tuple[float, ...]:
    return tuple(1.0 / h for h in grid.spacing)


def _gather(
    grid: Grid,
    field: Array,
    points: Array,
    *,
    nodes: tuple[int, ...] = (),
    velocity: bool = False,
    out: Array | None = None,
) -> Array:
    """A field at points, written to `out` [n] if that is given."""
    if out is None:
        out = np.empty(len(points))
    places = _places(grid, nodes, velocity)
    flat = np.ascontiguousarray(field).reshape(-1)
    kernels.gather[grid.dim](_inverse_spacing(grid), flat, points, *places.arguments, places.index, places.factor, out)
    return out


@lru_cache(maxsize=256)
def _fields(
    grid: Grid, nodes: tuple[tuple[int, ...], ...], widths: tuple[int, ...]
) -> tuple[tuple[tuple[int, ...], ...], Integers, Integers, tuple[Any, ...]]:
    """Of groups of fields: their shapes, first columns, where each begins, and what the kernels take of them."""
    places = [_places(grid, node, False) for node in nodes]
    start = np.cumsum([0, *(math.prod(place.shape) * width for place, width in zip(places, widths, strict=True))])
    column = np.cumsum([0, *widths])
    offset, strides = (np.array([place.arguments[k] for place in places]) for k in (0, 1))
    tables = (offset, strides, *places[0].arguments[2:], np.stack([place.index for place in places]), start)
    return tuple(place.shape for place in places), column, start, tables


def _scatter(
    grid: Grid, amounts: Array, points: Array, nodes: tuple[tuple[int, ...], ...], widths: tuple[int, ...]
) -> list[Array]:
    """
    Amounts [n, fields] per area of the grid's control volumes, which are halved on walls for edges.

    Groups of fields, each `widths` many, 1 or dim, with `nodes` as for `_places`.
    """
    shapes, column, start, tables = _fields(grid, nodes, widths)
    flat = np.zeros(start[-1])
    kernels.scatter[grid.dim](_inverse_spacing(grid), amounts, column, points, *tables, flat)
    flat /= grid.cell_area
    fields, ends_at = [], []
    for k, (shape, width) in enumerate(zip(shapes, widths, strict=True)):
        group = flat[start[k] : start[k + 1]].reshape(*shape, width)
        fields += [np.ascontiguousarray(group[..., m]) for m in range(width)]
        ends_at += [nodes[k]] * width
    for field, node in zip(fields, ends_at, strict=True):
        for axis in node:
            ends = np.moveaxis(field, axis, 0)
            if grid.periodic[axis]:
                ends[-1] = ends[0]
            else:
                ends[0] *= 2.0
                ends[-1] *= 2.0
    return fields


def as_flow(flow: object) -> Flow:
    """Raises FieldError if it is no flow, or not finite."""
    if not isinstance(flow, Flow):
        raise FieldError(f"flow is of type {type(flow).__name__}; give a tissue.Flow, from Stokes.solve")
    check_finite(flow)
    return flow


def spread(grid: Grid, positions: ArrayLike, amount: ArrayLike) -> Array:
    """
    Density at centres of what points carry; its sum times the cell's area is sum amount.

    positions: [n, dim]. amount: [n], or one number for all. Raises FieldError as tissue.fields does.
    """
    points = as_positions(grid, positions)
    return _scatter(grid, as_field("amount", amount, (len(points),))[:, None], points, ((),), (1,))[0]


def spread_stress(grid: Grid, positions: ArrayLike, stress: ArrayLike) -> StressField:
    """
    The stress field of points that each carry a stress tensor times an area.

    positions: [n, dim]. stress: [n, 3] or [n, 6], its components (`Grid.component_names`) integrated
    over the point's cell (stress x area, or volume; tension positive). Raises FieldError as tissue.fields does.
    """
    points = as_positions(grid, positions)
    carried, names = as_numbers("stress", stress), grid.component_names
    if carried.shape != (len(points), len(names)):
        raise FieldError(
            f"stress has shape {carried.shape}; give {', '.join(names)} for each point: ({len(points)}, {len(names)})"
        )
    parts = as_field("stress", carried, carried.shape)
    widths = (grid.dim, *[1] * len(grid.pairs))
    return StressField(grid, *_scatter(grid, parts, points, ((), *grid.pairs), widths))


def sample(grid: Grid, field: ArrayLike, positions: ArrayLike) -> Array:
    """
    A field at centres, read at points [n, dim] by interpolation linear in each axis; [n].

    Within half a cell of a wall it is flat towards the wall. The transpose of `spread`, times the cell area.
    Raises FieldError as tissue.fields does.
    """
    return _gather(grid, as_field("field", field, as_grid(grid).shape), as_positions(grid, positions))


def velocity(flow: Flow, positions: ArrayLike) -> Array:
    """
    Velocity at points, [n, dim]: each component linear in each axis between its faces, zero through walls.

    positions: [n, dim]. Raises FieldError as tissue.fields does, and for a flow that is not finite.
    """
    flow = as_flow(flow)
    return _velocity(flow, as_positions(flow.grid, positions))


def _velocity(flow: Flow, points: Array) -> Array:
    out = np.empty_like(points)
    for a, u in enumerate(flow.velocity):
        _gather(flow.grid, u, points, nodes=(a,), velocity=True, out=out[:, a])
    for (axis, end), given in flow.walls.items():
        _add_wall(flow.grid, points, axis, end, given, out)
    return out


def _add_wall(grid: Grid, points: Array, axis: int, end: int, given: Sequence[Array], out: Array) -> None:
    """Within half a cell of a side the velocities along it go over to those given there, at the nearest face."""
    away = np.abs(points[:, axis] - end * grid.size[axis]) / grid.spacing[axis]
    near = np.flatnonzero(away < 0.5)
    for b, part in enumerate(given):
        if b == axis:
            continue
        place: list[Integers] = []
        for c in range(grid.dim):
            if c != axis:
                n = part.shape[len(place)]
                s = points[near, c] / grid.spacing[c] - (0.0 if c == b else 0.5)
                k = np.rint(s).astype(np.int64)
                place.append(k % n if grid.periodic[c] else np.clip(k, 0, n - 1))
        out[near, b] += (1.0 - 2.0 * away[near]) * part[tuple(place)]


def into_box(grid: Grid, positions: Array) -> Array:
    """
    Positions wrapped on periodic axes, and put back on the wall where they crossed one.

    Raises FieldError for those that are not finite, and so far away that rounding exceeds the box.
    """
    out = np.empty_like(positions)
    lost = int(boxes.into_box(np.ascontiguousarray(positions), np.array(grid.size), np.array(grid.periodic), out))
    if lost < len(positions):
        axis = int(np.argmin((out[lost] >= 0.0) & (out[lost] <= np.array(grid.size))))
        raise FieldError(
            f"point {lost} is at {AXES[axis]} = {positions[lost, axis]:g}, which has no place in a box of "
            f"{grid.size[axis]:g}; take a smaller dt, or look at the flow that took it there"
        )
    return out
