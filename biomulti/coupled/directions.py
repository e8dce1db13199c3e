"""Directions in the tissue: axes of the grid, angles, vectors, and each cell's own polarity."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from biomulti.coupled.words import finite
from biomulti.errors import CouplingError

Floats = NDArray[np.float64]
Direction = str | float | tuple[float, ...]
AXES = ("x", "y", "z")
POLARITY = "polarity"


def checked(what: str, direction: object) -> Direction:
    """A direction in the form that is kept: a name, an angle, or a tuple of two or three numbers."""
    if isinstance(direction, str):
        if direction not in (*AXES, POLARITY):
            raise CouplingError(
                f"{what}: {direction!r} is no direction; take 'x', 'y', 'z', 'polarity', an angle in radians or a "
                f"vector."
            )
        return direction
    if isinstance(direction, (tuple, list, np.ndarray)):
        try:
            vector = tuple(float(v) for v in direction)
        except (TypeError, ValueError):
            raise CouplingError(f"{what}: {direction!r} is no vector of numbers.") from None
        if len(vector) not in (2, 3) or not all(map(math.isfinite, vector)) or not any(vector):
            raise CouplingError(f"{what}: {direction!r} must be two or three finite numbers, not all zero.")
        return vector
    finite(what, direction)
    return float(direction)  # type: ignore[arg-type]


def fits(what: str, direction: Direction, dim: int) -> None:
    """Raise CouplingError for a direction that a tissue of `dim` dimensions does not have."""
    if isinstance(direction, str):
        wrong = direction in AXES[dim:]
    else:
        wrong = dim != (len(direction) if isinstance(direction, tuple) else 2)
    if wrong:
        raise CouplingError(f"{what}: {direction!r} is no direction in {dim} dimensions.")


def as_direction(direction: Direction, dim: int, axes: Floats | None) -> Floats:
    """Unit vectors, [dim], or the cells' own, [n, dim]."""
    if direction == POLARITY:
        if axes is None:
            raise CouplingError("'polarity' is each cell's own axis, and there are no cells here.")
        return axes
    if isinstance(direction, str):
        return np.asarray(np.eye(dim)[AXES.index(direction)])
    if isinstance(direction, tuple):
        return np.array(direction) / math.hypot(*direction)
    # rounded, so that pi / 2 is y and no hair beside it
    return np.array([round(math.cos(direction), 15), round(math.sin(direction), 15)])
