"""What cells do to the tissue and what the tissue does to them, as small frozen sentences.

`tissue.couple("Myosin", to=Contractility(per_molecule=...))` lets a species act on the tissue;
`tissue.couple(StrainRate(), to="stretch")` lets the tissue act on a parameter of every cell's network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from biomulti.errors import CouplingError

Floats = NDArray[np.float64]
AXES = {"x": 0.0, "y": math.pi / 2.0}
TENSOR_PARTS = ("trace", "mean", "xx", "yy", "xy", "magnitude")


@dataclass(frozen=True)
class Contractility:
    """A species pulls: active stress sigma = per_molecule n, over the area of the cell.

    per_molecule: stress per molecule (viscosity per time), positive where it contracts.
    axis: None pulls alike in all directions, sigma I; "x", "y" or an angle in radians from x pulls along that
        axis alone, sigma (a a^T).
    """

    per_molecule: float
    axis: str | float | None = None

    def __post_init__(self) -> None:
        _finite("Contractility(per_molecule=...)", self.per_molecule)
        if isinstance(self.axis, str) and self.axis not in AXES:
            raise CouplingError(
                f"Contractility(axis={self.axis!r}): the axis is None, 'x', 'y' or an angle in radians."
            )
        if self.axis is not None and not isinstance(self.axis, str):
            _finite("Contractility(axis=...)", self.axis)

    def tensor(self) -> tuple[float, float, float]:
        """Active stress of one molecule: xx, yy, xy."""
        if self.axis is None:
            return self.per_molecule, self.per_molecule, 0.0
        angle = AXES[self.axis] if isinstance(self.axis, str) else float(self.axis)
        c, s = round(math.cos(angle), 15), round(math.sin(angle), 15)
        return self.per_molecule * c * c, self.per_molecule * s * s, self.per_molecule * c * s


@dataclass(frozen=True)
class Secretion:
    """A species releases a morphogen: per_molecule n, amount of morphogen per time."""

    morphogen: str
    per_molecule: float

    def __post_init__(self) -> None:
        _finite("Secretion(per_molecule=...)", self.per_molecule)
        if self.per_molecule < 0.0:
            raise CouplingError(
                "Secretion(per_molecule=...) must not be negative: a cell cannot release less than nothing."
            )


@dataclass(frozen=True)
class Growth:
    """A species makes its cell grow: relative rate of area, per_molecule n, per time."""

    per_molecule: float

    def __post_init__(self) -> None:
        _finite("Growth(per_molecule=...)", self.per_molecule)


@dataclass(frozen=True)
class StrainRate:
    """Rate of strain e = sym grad v at the cell, per time.

    part: "trace" (rate of area, div v), "mean" (half of it), "xx", "yy", "xy", or "magnitude", sqrt(e : e).
    """

    part: str = "trace"

    def __post_init__(self) -> None:
        _part("StrainRate", self.part)


@dataclass(frozen=True)
class Stress:
    """Total stress at the cell: viscous, pressure and active.

    part: "mean" (tension, half the trace), "trace", "xx", "yy", "xy", or "magnitude", sqrt(s : s).
    """

    part: str = "mean"

    def __post_init__(self) -> None:
        _part("Stress", self.part)


@dataclass(frozen=True)
class Pressure:
    """Pressure at the cell."""


@dataclass(frozen=True)
class Concentration:
    """Concentration of a morphogen at the cell, amount per area."""

    morphogen: str


Output = Contractility | Secretion | Growth
Signal = StrainRate | Stress | Pressure | Concentration


@dataclass(frozen=True)
class OutputCoupling:
    """`species` drives `output`."""

    species: str
    output: Output

    def __str__(self) -> str:
        return f"{self.species} -> {_words(self.output)}"


@dataclass(frozen=True)
class SignalCoupling:
    """`parameter` = its own value + gain * `signal`."""

    signal: Signal
    parameter: str
    gain: float = 1.0

    def __post_init__(self) -> None:
        _finite("gain", self.gain)

    def __str__(self) -> str:
        gain = "" if self.gain == 1.0 else f"{self.gain:g} * "
        return f"{gain}{_words(self.signal)} -> {self.parameter}"


def tensor_part(tensor: Floats, part: str) -> Floats:
    """One number [n] from symmetric tensors [n, 3] (xx, yy, xy)."""
    if part in ("trace", "mean"):
        return np.asarray((tensor[:, 0] + tensor[:, 1]) * (1.0 if part == "trace" else 0.5))
    if part == "magnitude":
        return np.asarray(np.sqrt(tensor[:, 0] ** 2 + tensor[:, 1] ** 2 + 2.0 * tensor[:, 2] ** 2))
    return np.asarray(tensor[:, ("xx", "yy", "xy").index(part)])


def _words(thing: Output | Signal) -> str:
    """Contractility(per_molecule=2e-07, axis=None), with numbers of numpy written as numbers."""
    values = {f.name: getattr(thing, f.name) for f in fields(thing)}
    shown = (f"{k}={v!r}" if v is None or isinstance(v, str) else f"{k}={v:g}" for k, v in values.items())
    return f"{type(thing).__name__}({', '.join(shown)})"


def _part(name: str, part: str) -> None:
    if part not in TENSOR_PARTS:
        raise CouplingError(f"{name}(part={part!r}): the part is one of {', '.join(TENSOR_PARTS)}.")


def _finite(what: str, value: object) -> None:
    if not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
        raise CouplingError(f"{what} must be a finite number, not {value!r}.")
