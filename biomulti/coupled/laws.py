"""Laws through which a signal passes before it becomes a parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomulti.coupled.words import finite, positive
from biomulti.errors import CouplingError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Linear:
    """gain x + offset."""

    gain: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        finite("Linear(gain=...)", self.gain)
        finite("Linear(offset=...)", self.offset)

    def __call__(self, x: Floats) -> Floats:
        return self.gain * x + self.offset


@dataclass(frozen=True)
class Hill:
    """top x^power / (half^power + x^power), with x below zero taken as zero; a negative power falls from top to 0."""

    half: float
    power: float = 1.0
    top: float = 1.0

    def __post_init__(self) -> None:
        positive("Hill(half=...)", self.half, "it is the signal at which the response is half", zero=False)
        finite("Hill(power=...)", self.power)
        finite("Hill(top=...)", self.top)

    def __call__(self, x: Floats) -> Floats:
        with np.errstate(divide="ignore", over="ignore"):
            return np.asarray(self.top / (1.0 + (np.maximum(x, 0.0) / self.half) ** -self.power))


@dataclass(frozen=True)
class Threshold:
    """`above` where x > at, else `below`."""

    at: float
    below: float = 0.0
    above: float = 1.0

    def __post_init__(self) -> None:
        for name in ("at", "below", "above"):
            finite(f"Threshold({name}=...)", getattr(self, name))

    def __call__(self, x: Floats) -> Floats:
        return np.where(x > self.at, self.above, self.below)


@dataclass(frozen=True)
class Delay:
    """What the signal was `time` ago; before the start it was what it is there."""

    time: float

    def __post_init__(self) -> None:
        positive("Delay(time=...)", self.time, "the future is not known", zero=False)


Law = Linear | Hill | Threshold | Delay


def as_laws(law: Law | Sequence[Law] | None) -> tuple[Law, ...]:
    """Laws in the order in which a signal passes them; at most one delay, which comes first."""
    laws = () if law is None else tuple(law) if isinstance(law, Sequence) else (law,)
    for item in laws:
        if not isinstance(item, Law):
            raise CouplingError(f"{item!r} is no law; take Linear, Hill, Threshold or Delay, or several in a list.")
    delays = [item for item in laws if isinstance(item, Delay)]
    if len(delays) > 1 or (delays and laws[0] is not delays[0]):
        raise CouplingError("a signal passes at most one Delay, and that first.")
    return laws
