"""A species that drives the tissue, and a signal that drives a parameter: two things named and joined."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from biomulti.coupled.laws import Delay, Law
from biomulti.coupled.outputs import Output
from biomulti.coupled.signals import Signal
from biomulti.coupled.words import in_words

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class OutputCoupling:
    """`species` drives `output`, in cells of the `types` (indices)."""

    species: str
    output: Output
    types: tuple[int, ...] = (0,)

    def __str__(self) -> str:
        return f"{self.species} -> {in_words(self.output)}"


@dataclass(frozen=True)
class SignalCoupling:
    """`parameter` = its own value + what `laws` make of `signal`, in cells of the `types` (indices)."""

    signal: Signal
    parameter: str
    laws: tuple[Law, ...] = ()
    types: tuple[int, ...] = (0,)

    @property
    def lag(self) -> float:
        """How long ago the signal is taken."""
        return self.laws[0].time if self.laws and isinstance(self.laws[0], Delay) else 0.0

    def response(self, x: Floats) -> Floats:
        """What is added to the parameter for signals x [n], which a delay has brought here."""
        return reduce(lambda value, law: value if isinstance(law, Delay) else law(value), self.laws, x)

    def __str__(self) -> str:
        return " -> ".join([in_words(self.signal), *map(in_words, self.laws), self.parameter])
