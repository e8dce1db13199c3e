"""
How much of every place is tissue, and the viscosity of what is mixed there: a tissue in a thin outer fluid.

    eta = eta_in^phi eta_out^(1 - phi),

the logarithmic mean, whose contrast from cell to cell is even across a smooth interface.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tissue.errors import FieldError
from tissue.fields import as_count, as_field, as_numbers, as_positions
from tissue.grid import Array, Grid
from tissue.particles import spread


def fraction(grid: Grid, positions: ArrayLike, volumes: ArrayLike, *, smoothing: int = 1) -> Array:
    """
    The share of every grid cell that points fill, between 0 and 1, [shape].

    positions: [n, dim]; volumes: one number or [n], areas in two dimensions. smoothing: how often the share is averaged
    over neighbours with weights 1, 2, 1 along each axis, which widens the interface to some 2 sqrt(smoothing) cells and
    keeps the sum. Points that overfill a cell fill it. It is what `transport` takes as its argument `fraction`.
    Raises FieldError as tissue.fields does.
    """
    times = as_count("smoothing", smoothing)
    points = as_positions(grid, positions)
    share = spread(grid, points, as_field("volumes", volumes, (len(points),), lowest=0.0))
    share = np.minimum(share, 1.0)
    for _ in range(times):
        for axis in range(grid.dim):
            rows = np.moveaxis(share, axis, 0)
            wrapped = grid.periodic[axis]
            before = np.concatenate([rows[-1:] if wrapped else rows[:1], rows[:-1]])
            after = np.concatenate([rows[1:], rows[:1] if wrapped else rows[-1:]])
            share = np.moveaxis(0.25 * (before + 2.0 * rows + after), 0, axis)
    return np.ascontiguousarray(share)


def mixed_viscosity(share: ArrayLike, inside: ArrayLike, outside: ArrayLike) -> Array:
    """
    eta_in^phi eta_out^(1 - phi) for a share phi of tissue, [shape]: the `viscosity` of `Stokes`.

    share: from `fraction`. inside, outside: one number or [shape], positive. Raises FieldError for other values.
    """
    given = as_numbers("share", share)
    phi = as_field("share", given, given.shape, lowest=0.0)
    if (phi > 1.0 + 1e-12).any():
        raise FieldError(f"share is {phi.max():g} somewhere; it lies between 0 and 1")
    within = as_field("inside viscosity", inside, phi.shape, above=0.0)
    beyond = as_field("outside viscosity", outside, phi.shape, above=0.0)
    return np.asarray(np.exp(phi * np.log(within) + (1.0 - phi) * np.log(beyond)))
