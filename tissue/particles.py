"""
Points in the fluid: what they carry is spread to the grid, what the grid carries is read at them.

A point's stress tensor goes to centres (xx, yy) and corners (xy); its discrete divergence is then a force
density whose sum and torque vanish to rounding.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tissue import _kernels_particles as kernels
from tissue.errors import FieldError
from tissue.fields import StressField, as_field, as_numbers, as_positions
from tissue.grid import Array, Grid
from tissue.multigrid import Integers
from tissue.stokes import Flow, check_finite


@lru_cache(maxsize=256)
def _axis(n: int, *, nodes: bool, last_node: int, wall_sign: float) -> tuple[Integers, Array]:
    """Entry and factor standing at places -1 ... n of an axis of n cells; nodes are faces or corners."""
    place = np.arange(-1, n + 1)
    factor = np.ones(n + 2)
    if nodes:
        index = np.clip(place, 0, n)
        index[index == n] = last_node
    elif wall_sign == 0.0:
        index = place % n
    else:
        index = np.clip(place, 0, n - 1)
        factor[[0, -1]] = wall_sign
    return index, factor


def _axes(grid: Grid, location: str) -> list[tuple[Integers, Array, float]]:
    """
    For both axes the entries, factors and offset of a field at "centre", "u", "v" or "corner".

    Scalars end flat at a wall, velocities as the wall says.
    """
    axes = []
    for axis, n in enumerate(grid.shape):
        nodes = location == "corner" or location == "uv"[axis]
        last = n if location == "corner" and not grid.periodic[axis] else 0
        sign = grid.wall_signs[axis]
        ghost = sign if location in "uv" else abs(sign)
        index, factor = _axis(n, nodes=nodes, last_node=last, wall_sign=ghost)
        axes.append((index, factor, 0.0 if nodes else 0.5))
    return axes


def _wraps(grid: Grid) -> tuple[int, int]:
    x, y = grid.periodic
    return grid.shape[0] if x else 0, grid.shape[1] if y else 0


def _gather(grid: Grid, location: str, field: Array, points: Array) -> Array:
    out = np.empty(len(points))
    hx, hy = grid.spacing
    (ix, fx, ox), (iy, fy, oy) = _axes(grid, location)
    entries: tuple[Any, ...] = (ox, oy, ix, fx, iy, fy, *_wraps(grid))
    kernels.gather(np.ascontiguousarray(field), points, 1.0 / hx, 1.0 / hy, *entries, out)
    return out


def _scatter(grid: Grid, location: str, amount: Array, points: Array) -> Array:
    """Amounts per area of the grid's control volumes, which are halved on walls for corners."""
    corner = location == "corner"
    out = np.zeros(grid.corner_shape if corner else grid.shape)
    hx, hy = grid.spacing
    (ix, _, ox), (iy, _, oy) = _axes(grid, location)
    kernels.scatter(amount, points, 1.0 / hx, 1.0 / hy, ox, oy, ix, iy, *_wraps(grid), out)
    out /= grid.cell_area
    if corner:
        for axis in (0, 1):
            ends = np.moveaxis(out, axis, 0)
            if grid.periodic[axis]:
                ends[-1] = ends[0]
            else:
                ends[0] *= 2.0
                ends[-1] *= 2.0
    return out


def spread(grid: Grid, positions: ArrayLike, amount: ArrayLike) -> Array:
    """
    Density [nx, ny] at centres of what points carry; sum density hx hy = sum amount.

    positions: [n, 2]. amount: [n], or one number for all. Raises FieldError as tissue.fields does.
    """
    points = as_positions(grid, positions)
    return _scatter(grid, "centre", as_field("amount", amount, (len(points),)), points)


def spread_stress(grid: Grid, positions: ArrayLike, stress: ArrayLike) -> StressField:
    """
    The stress field of points that each carry a stress tensor times an area.

    positions: [n, 2]. stress: [n, 3], its xx, yy and xy integrated over the point's cell (stress x area;
    tension positive). Raises FieldError as tissue.fields does.
    """
    points = as_positions(grid, positions)
    carried = as_numbers("stress", stress)
    if carried.shape != (len(points), 3):
        raise FieldError(f"stress has shape {carried.shape}; give xx, yy, xy for each point: ({len(points)}, 3)")
    carried = as_field("stress", carried, carried.shape)
    xx, yy, xy = np.ascontiguousarray(carried.T)
    return StressField(
        grid,
        _scatter(grid, "centre", xx, points),
        _scatter(grid, "centre", yy, points),
        _scatter(grid, "corner", xy, points),
    )


def sample(grid: Grid, field: ArrayLike, positions: ArrayLike) -> Array:
    """
    A field [nx, ny] at centres, read at points [n, 2] by bilinear interpolation; [n].

    Within half a cell of a wall it is flat towards the wall. The transpose of `spread`, times the cell area.
    Raises FieldError as tissue.fields does.
    """
    return _gather(grid, "centre", as_field("field", field, grid.shape), as_positions(grid, positions))


def velocity(flow: Flow, positions: ArrayLike) -> Array:
    """
    Velocity at points, [n, 2]: each component bilinear between its faces, zero through walls.

    positions: [n, 2]. Raises FieldError as tissue.fields does, and for a flow that is not finite.
    """
    check_finite(flow)
    return _velocity(flow, as_positions(flow.grid, positions))


def _velocity(flow: Flow, points: Array) -> Array:
    u = _gather(flow.grid, "u", flow.u, points)
    v = _gather(flow.grid, "v", flow.v, points)
    return np.stack([u, v], axis=-1)


def into_box(grid: Grid, positions: Array) -> Array:
    """Positions wrapped on periodic axes, and put back on the wall where they crossed one."""
    out = positions.copy()
    for axis in (0, 1):
        if grid.periodic[axis]:
            out[:, axis] -= grid.size[axis] * np.floor(out[:, axis] / grid.size[axis])
            # a tiny negative coordinate rounds to the far end, which is the near one
            out[out[:, axis] >= grid.size[axis], axis] = 0.0
        else:
            np.clip(out[:, axis], 0.0, grid.size[axis], out=out[:, axis])
    return out


def advance(flow: Flow, positions: ArrayLike, dt: float) -> Array:
    """
    Points after dt in a steady flow, by the midpoint rule (second order); [n, 2].

    x' = x + dt u(x + dt u(x) / 2), wrapped on periodic axes and kept inside walls.
    positions: [n, 2]. Raises FieldError as tissue.fields does, and for a dt or a flow that is not finite.
    """
    dt = float(as_field("dt", dt, ()))
    check_finite(flow)
    points = as_positions(flow.grid, positions)
    middle = into_box(flow.grid, points + 0.5 * dt * _velocity(flow, points))
    return into_box(flow.grid, points + dt * _velocity(flow, middle))
