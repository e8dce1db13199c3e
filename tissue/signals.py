"""What a point in the fluid feels: velocity gradient, strain rate, spin, stress."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tissue.errors import FieldError
from tissue.fields import StressField, as_field, as_numbers, as_positions, as_stress
from tissue.grid import Array, beyond, lower
from tissue.particles import _gather, as_flow
from tissue.stokes import Flow, Stokes

# Rows and columns of the components of a symmetric tensor, in the order of `Grid.component_names`.
PLACES = {2: ([0, 1, 0], [0, 1, 1]), 3: ([0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2])}


def _edge_difference(flow: Flow, along: int, axis: int) -> Array:
    """d u / d axis of the velocity along another axis, on the edges between the two."""
    grid, u = flow.grid, flow.velocity[along]
    n, (low, high) = grid.shape[along], grid.wall_signs[axis]
    rows = np.moveaxis(u, axis, 0)
    before = rows[-1:] if low == 0.0 else low * rows[:1]
    after = rows[:1] if high == 0.0 else high * rows[-1:]
    for (side, end), given in flow.walls.items():
        if side == axis and end:
            after = after + 2.0 * given[along][None]
        elif side == axis:
            before = before + 2.0 * given[along][None]
    extended = np.concatenate([before, rows, after])
    difference = np.moveaxis((extended[1:] - extended[:-1]) / grid.spacing[axis], 0, axis)
    return np.ascontiguousarray(np.take(difference, [*range(n), n if grid.open[along] else 0], axis=along))


def velocity_gradients(flow: Flow) -> dict[tuple[int, int], Array]:
    """du_i / dx_j by (i, j): where i = j at centres, else on the edges between the axes."""
    grid = flow.grid
    found = {}
    for i, u in enumerate(flow.velocity):
        n = grid.shape[i]
        found[i, i] = (beyond(u, i, n) - lower(u, i, n)) / grid.spacing[i]
        for j in range(grid.dim):
            if j != i:
                found[i, j] = _edge_difference(flow, i, j)
    return found


def velocity_gradient(flow: Flow, positions: ArrayLike) -> Array:
    """
    L_ij = du_i / dx_j at points, [n, dim, dim].

    positions: [n, dim]. Its trace is the rate of dilation. Raises FieldError as tissue.fields does.
    """
    points = as_positions(as_flow(flow).grid, positions)
    out = np.empty((len(points), flow.grid.dim, flow.grid.dim))
    for (i, j), part in velocity_gradients(flow).items():
        nodes = () if i == j else (min(i, j), max(i, j))
        _gather(flow.grid, part, points, nodes=nodes, out=out[:, i, j])
    return out


def _square(gradient: ArrayLike) -> Array:
    found = as_numbers("gradient", gradient)
    if found.ndim < 2 or found.shape[-2:] not in ((2, 2), (3, 3)):
        raise FieldError(f"gradient has shape {found.shape}; give [..., 2, 2] or [..., 3, 3]")
    return found


def strain_rate(gradient: ArrayLike) -> Array:
    """E = (L + L^T) / 2 of velocity gradients L [..., dim, dim]. Raises FieldError for other shapes."""
    gradient = _square(gradient)
    return 0.5 * (gradient + np.swapaxes(gradient, -1, -2))


def spin(gradient: ArrayLike) -> Array:
    """Omega = (L - L^T) / 2 of velocity gradients L [..., dim, dim]. Raises FieldError for other shapes."""
    gradient = _square(gradient)
    return 0.5 * (gradient - np.swapaxes(gradient, -1, -2))


def corotate(tensor: ArrayLike, gradient: ArrayLike, dt: float) -> Array:
    """
    Symmetric tensors that points carry, turned with the fluid for dt: dm/dt = Omega m - m Omega.

    tensor: [n, 3] or [n, 6], components in the order of `Grid.component_names`. gradient: [n, dim, dim], from
    `velocity_gradient`. Exact for a spin that is steady over dt; eigenvalues are kept to rounding.
    Raises FieldError for shapes that do not fit, NaN or infinity.
    """
    slopes = as_numbers("gradient", gradient)
    dim = slopes.shape[-1] if slopes.ndim == 3 else 0
    if dim not in (2, 3) or slopes.shape[1] != dim:
        raise FieldError(f"gradient has shape {slopes.shape}; give [n, 2, 2] or [n, 3, 3]")
    slopes = as_field("gradient", slopes, slopes.shape)
    parts = as_field("tensor", tensor, (len(slopes), dim * (dim + 1) // 2))
    rows, columns = PLACES[dim]
    matrix = np.empty_like(slopes)
    matrix[:, rows, columns] = matrix[:, columns, rows] = parts
    turn = _rotation(spin(slopes) * float(as_field("dt", dt, ())))
    return np.asarray((turn @ matrix @ np.swapaxes(turn, -1, -2))[:, rows, columns])


def _rotation(angles: Array) -> Array:
    """exp of antisymmetric matrices [n, dim, dim], by Rodrigues' formula."""
    angle = np.sqrt(0.5 * (angles**2).sum(axis=(-2, -1)))[:, None, None]
    half = 0.5 * angle
    # sinc of numpy is sin(pi x) / (pi x)
    once, twice = np.sinc(angle / np.pi), 0.5 * np.sinc(half / np.pi) ** 2
    return np.asarray(np.eye(angles.shape[-1]) + once * angles + twice * angles @ angles)


def total_stress(stokes: Stokes, flow: Flow, *, active_stress: StressField | None = None) -> StressField:
    """
    2 eta dev e - p I + s_active on the grid.

    flow: a solution of `stokes`; active_stress: what drove it. Raises FieldError if their grids differ.
    """
    if not isinstance(stokes, Stokes):
        raise FieldError(f"stokes is of type {type(stokes).__name__}; give the tissue.Stokes that solved the flow")
    if active_stress is not None:
        active_stress = as_stress(active_stress)
    if stokes.grid != as_flow(flow).grid or (active_stress is not None and active_stress.grid != flow.grid):
        raise FieldError("the fluid, the flow and the active stress lie on different grids; use one grid for all")
    grid, gradients = flow.grid, velocity_gradients(flow)
    eta = stokes.operator.viscosity()
    mean = sum(gradients[a, a] for a in range(grid.dim)) / grid.dim
    parts = [2.0 * eta * (gradients[a, a] - mean) - flow.p for a in range(grid.dim)]
    for k, (a, b) in enumerate(grid.pairs):
        parts.append(stokes.operator.edge_viscosity(k) * (gradients[a, b] + gradients[b, a]))
    if active_stress is not None:
        parts = [part + active for part, active in zip(parts, active_stress.components, strict=True)]
    return StressField(grid, *parts)


def stress_at(stress: StressField, positions: ArrayLike) -> Array:
    """
    The components of a stress field at points, [n, 3] or [n, 6] (`Grid.component_names`).

    stress: `total_stress(...)`, or one part of it. positions: [n, dim]. Raises FieldError as tissue.fields does.
    """
    grid, points = as_stress(stress).grid, as_positions(stress.grid, positions)
    parts = [_gather(grid, part, points) for part in stress.normal]
    parts += [_gather(grid, part, points, nodes=pair) for part, pair in zip(stress.shear, grid.pairs, strict=True)]
    return np.stack(parts, axis=-1)
