"""What a cell feels of its tissue, as small frozen sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from biomulti.coupled.directions import AXES, POLARITY, Direction, as_direction, checked
from biomulti.coupled.words import one_of, positive
from biomulti.errors import CouplingError

Floats = NDArray[np.float64]
TENSOR_PARTS = ("trace", "mean", "magnitude", "xx", "yy", "zz", "xy", "xz", "yz")
Part = Direction

# Dimensions of what is felt, as exponents of the units of a network; None where a scale is the user's own.
Dimension = dict[str, float] | None


@dataclass(frozen=True)
class StrainRate:
    """Rate of strain e = sym grad v at the cell, per time.

    part: "trace" (rate of area or volume, div v), "mean" (the trace over the dimension), "magnitude", sqrt(e : e),
        a component ("xx", "xy", ...), or along a direction a, a e a: "x", "polarity", an angle, a vector.
    """

    part: Part = "trace"
    dimension: ClassVar[Dimension] = {"time": -1.0}
    moves_with_flow: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _part(self)


@dataclass(frozen=True)
class Strain:
    """Strain the cell has accumulated since the start, or since its birth: log(F F^T) / 2.

    part: as of `StrainRate`; the trace is the logarithm of its area (volume) over what it would be unstrained.
    """

    part: Part = "trace"
    dimension: ClassVar[Dimension] = {}
    moves_with_flow: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _part(self)


@dataclass(frozen=True)
class Stress:
    """Total stress at the cell: viscous, pressure and active; in viscosity per time.

    part: "mean" (tension, the trace over the dimension), or as of `StrainRate`.
    """

    part: Part = "mean"
    dimension: ClassVar[Dimension] = None
    moves_with_flow: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _part(self)


@dataclass(frozen=True)
class Pressure:
    """Pressure at the cell, in viscosity per time."""

    dimension: ClassVar[Dimension] = None
    moves_with_flow: ClassVar[bool] = True


@dataclass(frozen=True)
class Velocity:
    """Velocity of the cell, length per time.

    part: "magnitude", or along a direction: "x", "polarity", an angle, a vector.
    """

    part: Part = "magnitude"
    dimension: ClassVar[Dimension] = {"length": 1.0, "time": -1.0}
    moves_with_flow: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.part != "magnitude":
            object.__setattr__(self, "part", checked("Velocity(part=...)", self.part))


@dataclass(frozen=True)
class Concentration:
    """Concentration of a morphogen at the cell, amount per area (volume)."""

    morphogen: str
    dimension: ClassVar[Dimension] = None
    moves_with_flow: ClassVar[bool] = False


@dataclass(frozen=True)
class Density:
    """Cells per area (volume) at the cell, over the grid cells around it."""

    dimension: ClassVar[Dimension] = None
    moves_with_flow: ClassVar[bool] = False


@dataclass(frozen=True)
class Size:
    """Area (volume) of the cell over the mean at the start."""

    dimension: ClassVar[Dimension] = {}
    moves_with_flow: ClassVar[bool] = False


@dataclass(frozen=True)
class Age:
    """Time since the cell was born."""

    dimension: ClassVar[Dimension] = {"time": 1.0}
    moves_with_flow: ClassVar[bool] = False


@dataclass(frozen=True)
class Distance:
    """Distance of the cell to a side of the box, or to the rim of the tissue.

    to: "-x", "+x", "-y", ... for a side of the box that is not periodic, or "rim", the nearest place that is not
        tissue, to within a grid cell; for a tissue with a fluid `outside`.
    """

    to: str = "rim"
    dimension: ClassVar[Dimension] = {"length": 1.0}
    moves_with_flow: ClassVar[bool] = False

    def __post_init__(self) -> None:
        one_of("Distance(to=...)", self.to, ("rim", *(sign + axis for axis in AXES for sign in "-+")))


@dataclass(frozen=True)
class Neighbours:
    """Molecules of a species in the neighbours of the cell.

    species: of any type of cell that has it; other types count with none.
    reduce: "mean" over neighbours, "sum", or "contact": mean weighted by the length (area) of the side shared.
    within: a radius; None takes the cells whose Voronoi cells touch it.
    """

    species: str
    reduce: str = "mean"
    within: float | None = None
    dimension: ClassVar[Dimension] = {"item": 1.0}
    moves_with_flow: ClassVar[bool] = False

    def __post_init__(self) -> None:
        one_of("Neighbours(reduce=...)", self.reduce, ("mean", "sum", "contact"))
        if self.within is not None:
            positive("Neighbours(within=...)", self.within, "it is a radius", zero=False)
            if self.reduce == "contact":
                raise CouplingError("Neighbours(reduce='contact') weighs by the sides shared; leave `within` out.")


Signal = (
    StrainRate | Strain | Stress | Pressure | Velocity | Concentration | Density | Size | Age | Distance | Neighbours
)


def tensor_part(tensor: Floats, part: Part, dim: int, axes: Floats | None = None) -> Floats:
    """One number [n] from symmetric tensors [n, 3 or 6], in the order xx, yy, (zz,) xy, (xz, yz)."""
    if part in ("trace", "mean"):
        return np.asarray(tensor[:, :dim].sum(axis=1) * (1.0 if part == "trace" else 1.0 / dim))
    if part == "magnitude":
        return np.asarray(np.sqrt((tensor[:, :dim] ** 2).sum(axis=1) + 2.0 * (tensor[:, dim:] ** 2).sum(axis=1)))
    pairs = [(i, i) for i in range(dim)] + [(i, j) for i in range(dim) for j in range(i + 1, dim)]
    names = [AXES[i] + AXES[j] for i, j in pairs]
    if part in names:
        return np.asarray(tensor[:, names.index(str(part))])
    a = np.broadcast_to(as_direction(part, dim, axes), (len(tensor), dim))
    return np.asarray(
        sum((1.0 if i == j else 2.0) * tensor[:, k] * a[:, i] * a[:, j] for k, (i, j) in enumerate(pairs))
    )


def part_fits(part: Part, dim: int) -> bool:
    """Whether a tissue of `dim` dimensions has this part of a tensor or vector."""
    if isinstance(part, str):
        return part == POLARITY or not set(part) & set(AXES[dim:]) or len(part) > 2
    return dim == (len(part) if isinstance(part, tuple) else 2)


def never_negative(signal: Signal) -> bool:
    """Whether values below zero make no sense, also where they are extrapolated."""
    return isinstance(signal, (Concentration, Density, Size, Age, Distance, Neighbours)) or (
        getattr(signal, "part", "") == "magnitude"
    )


def _part(signal: StrainRate | Strain | Stress) -> None:
    if not isinstance(signal.part, str) or signal.part not in TENSOR_PARTS:
        try:
            object.__setattr__(signal, "part", checked("", signal.part))
        except CouplingError:
            raise CouplingError(
                f"{type(signal).__name__}(part={signal.part!r}): the part is one of {', '.join(TENSOR_PARTS)}, or a "
                f"direction: 'x', 'polarity', an angle in radians, a vector."
            ) from None
