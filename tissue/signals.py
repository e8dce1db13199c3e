"""What a point in the fluid feels: velocity gradient, strain rate, spin, stress."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tissue.errors import FieldError
from tissue.fields import StressField, as_positions
from tissue.grid import Array, Grid
from tissue.particles import _gather
from tissue.stokes import Flow, Stokes


def _corner_difference(grid: Grid, a: Array, axis: int) -> Array:
    """d a / d axis on corners, [nx + 1, ny + 1], of a velocity along the other axis."""
    sign, h = grid.wall_signs[axis], grid.spacing[axis]
    rows = np.moveaxis(a, axis, 0)
    before = rows[-1:] if sign == 0.0 else sign * rows[:1]
    after = rows[:1] if sign == 0.0 else sign * rows[-1:]
    extended = np.concatenate([before, rows, after])
    difference = np.moveaxis((extended[1:] - extended[:-1]) / h, 0, axis)
    other = np.take(difference, [*range(grid.shape[1 - axis]), 0], axis=1 - axis)
    return np.ascontiguousarray(other)


def velocity_gradients(flow: Flow) -> tuple[Array, Array, Array, Array]:
    """du/dx and dv/dy at centres [nx, ny], du/dy and dv/dx at corners [nx + 1, ny + 1]."""
    hx, hy = flow.grid.spacing
    return (
        (np.roll(flow.u, -1, axis=0) - flow.u) / hx,
        (np.roll(flow.v, -1, axis=1) - flow.v) / hy,
        _corner_difference(flow.grid, flow.u, 1),
        _corner_difference(flow.grid, flow.v, 0),
    )


def velocity_gradient(flow: Flow, positions: ArrayLike) -> Array:
    """
    L_ij = du_i / dx_j at points, [n, 2, 2].

    positions: [n, 2]. Its trace is the rate of dilation. Raises FieldError as tissue.fields does.
    """
    points = as_positions(flow.grid, positions)
    xx, yy, xy, yx = velocity_gradients(flow)
    out = np.empty((len(points), 2, 2))
    out[:, 0, 0] = _gather(flow.grid, "centre", xx, points)
    out[:, 1, 1] = _gather(flow.grid, "centre", yy, points)
    out[:, 0, 1] = _gather(flow.grid, "corner", xy, points)
    out[:, 1, 0] = _gather(flow.grid, "corner", yx, points)
    return out


def strain_rate(gradient: Array) -> Array:
    """E = (L + L^T) / 2 of velocity gradients L [..., 2, 2]."""
    return 0.5 * (gradient + np.swapaxes(gradient, -1, -2))


def spin(gradient: Array) -> Array:
    """Omega = (L - L^T) / 2 of velocity gradients L [..., 2, 2]."""
    return 0.5 * (gradient - np.swapaxes(gradient, -1, -2))


def total_stress(stokes: Stokes, flow: Flow, *, active_stress: StressField | None = None) -> StressField:
    """
    2 eta dev e - p I + s_active on the grid.

    flow: a solution of `stokes`; active_stress: what drove it. Raises FieldError if their grids differ.
    """
    if stokes.grid != flow.grid or (active_stress is not None and active_stress.grid != flow.grid):
        raise FieldError("the fluid, the flow and the active stress lie on different grids; use one grid for all")
    centre, corner, _ = stokes.operator.level_zero()
    xx, yy, xy, yx = velocity_gradients(flow)
    normal, shear = centre * (xx - yy), corner * (xy + yx)
    if active_stress is None:
        return StressField(flow.grid, normal - flow.p, -normal - flow.p, shear)
    return StressField(
        flow.grid,
        normal - flow.p + active_stress.xx,
        -normal - flow.p + active_stress.yy,
        shear + active_stress.xy,
    )


def stress_at(stress: StressField, positions: ArrayLike) -> Array:
    """
    xx, yy, xy of a stress field at points, [n, 3].

    stress: `total_stress(...)`, or one part of it. positions: [n, 2]. Raises FieldError as tissue.fields does.
    """
    points = as_positions(stress.grid, positions)
    parts = [
        _gather(stress.grid, "centre", stress.xx, points),
        _gather(stress.grid, "centre", stress.yy, points),
        _gather(stress.grid, "corner", stress.xy, points),
    ]
    return np.stack(parts, axis=-1)
