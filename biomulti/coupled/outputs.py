"""What genes do to the tissue, as small frozen sentences: pull, push off, grow, release and take up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomulti.coupled.directions import Direction, as_direction, checked
from biomulti.coupled.words import finite, positive

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Contractility:
    """A species pulls: active stress sigma = per_molecule n, over the area of the cell.

    per_molecule: stress per molecule (viscosity per time), positive where it contracts.
    axis: None pulls alike in all directions, sigma I; a direction ("x", "y", "z", an angle in radians from x, a vector,
        or "polarity", each cell's own axis) pulls along that axis alone, sigma a a^T.
    """

    per_molecule: float
    axis: Direction | None = None

    def __post_init__(self) -> None:
        finite("Contractility(per_molecule=...)", self.per_molecule)
        if self.axis is not None:
            object.__setattr__(self, "axis", checked("Contractility(axis=...)", self.axis))

    def tensor(self, dim: int = 2, axes: Floats | None = None) -> Floats:
        """Active stress of one molecule, [dim (dim + 1) / 2], or [n, ...] along the cells' own axes [n, dim]."""
        if self.axis is None:
            return self.per_molecule * np.array([1.0] * dim + [0.0] * (dim * (dim - 1) // 2))
        a = as_direction(self.axis, dim, axes)
        pairs = [(i, i) for i in range(dim)] + [(i, j) for i in range(dim) for j in range(i + 1, dim)]
        return self.per_molecule * np.stack([a[..., i] * a[..., j] for i, j in pairs], axis=-1)


@dataclass(frozen=True)
class Force:
    """A force on the cell from what is not the tissue, such as a magnet or the ground it crawls on: per_molecule n a.

    per_molecule: force per molecule, viscosity times length per time (per depth; in blocks times length once more).
    axis: its direction a, "x", "y", "z", an angle in radians from x, a vector, or "polarity", each cell's own axis.
    """

    per_molecule: float
    axis: Direction

    def __post_init__(self) -> None:
        finite("Force(per_molecule=...)", self.per_molecule)
        object.__setattr__(self, "axis", checked("Force(axis=...)", self.axis))

    def vector(self, dim: int = 2, axes: Floats | None = None) -> Floats:
        """Force of one molecule, [dim], or [n, dim] along the cells' own axes [n, dim]."""
        return self.per_molecule * as_direction(self.axis, dim, axes)


@dataclass(frozen=True)
class Secretion:
    """A species releases a morphogen: per_molecule n, amount of morphogen per time."""

    morphogen: str
    per_molecule: float

    def __post_init__(self) -> None:
        positive("Secretion(per_molecule=...)", self.per_molecule, "a cell cannot release less than nothing")


@dataclass(frozen=True)
class Uptake:
    """A species takes up a morphogen: per_molecule n c, amount per time, c its concentration at the cell.

    per_molecule: area (volume) cleared per time and molecule.
    """

    morphogen: str
    per_molecule: float

    def __post_init__(self) -> None:
        positive("Uptake(per_molecule=...)", self.per_molecule, "a cell cannot take up less than nothing")


@dataclass(frozen=True)
class Growth:
    """A species makes its cell grow: relative rate of area (volume), per_molecule n, per time."""

    per_molecule: float

    def __post_init__(self) -> None:
        finite("Growth(per_molecule=...)", self.per_molecule)


Output = Contractility | Force | Secretion | Uptake | Growth
