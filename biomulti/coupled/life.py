"""When cells divide and die, as small frozen sentences."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomulti.coupled.directions import Direction, checked
from biomulti.coupled.signals import Signal
from biomulti.coupled.words import finite, in_words, positive
from biomulti.errors import CouplingError

Floats = NDArray[np.float64]
LONG = "long"
RANDOM = "random"


@dataclass(frozen=True)
class Division:
    """A cell divides into two as soon as something passes a threshold.

    when: a species by name (molecules), or a signal of the tissue: `Size()`, `Age()`, `Pressure()`, ...
    above, below: the threshold, one of them; looked at after every step.
    spread: standard deviation of the threshold over its mean, drawn for each cell at birth (from a gamma
        distribution, so that none is negative).
    axis: where the daughters come to lie: "long", the longest axis of the strain accumulated since birth; "random"; or
        a direction: "polarity", "x", an angle, a vector.
    share: mean part of volume and molecules that goes to the first daughter; `share_spread` is its standard deviation.
    copied: species of which both daughters get as many as the parent had, such as genes.

    A molecule goes to the first daughter with the probability `share`, so that totals are kept; where amounts flow by
    method "ode", they are cut by the share. What is no amount (a variable of a rate rule) is copied.
    """

    when: str | Signal
    above: float | None = None
    below: float | None = None
    spread: float = 0.0
    axis: Direction = LONG
    share: float = 0.5
    share_spread: float = 0.0
    copied: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _condition(self)
        if not (isinstance(self.axis, str) and self.axis in (LONG, RANDOM)):
            try:
                object.__setattr__(self, "axis", checked("Division(axis=...)", self.axis))
            except CouplingError as error:
                raise CouplingError(f"{error} Or 'long', or 'random'.") from None
        finite("Division(share=...)", self.share)
        if not 0.0 < self.share < 1.0:
            raise CouplingError(f"Division(share={self.share!r}) must lie between 0 and 1.")
        positive("Division(share_spread=...)", self.share_spread, "it is a standard deviation")
        if not self.share_spread**2 < self.share * (1.0 - self.share):
            raise CouplingError(f"Division(share_spread={self.share_spread!r}) is more than shares can spread.")
        if isinstance(self.copied, str):
            raise CouplingError(f"Division(copied={self.copied!r}) is a sequence of names, as in copied=('Gene',).")
        object.__setattr__(self, "copied", tuple(self.copied))


@dataclass(frozen=True)
class Death:
    """A cell dies and is taken away as soon as something passes a threshold, or at a constant rate.

    when, above, below, spread: as of `Division`.
    rate: deaths per time and cell, in place of a threshold.
    """

    when: str | Signal | None = None
    above: float | None = None
    below: float | None = None
    spread: float = 0.0
    rate: float | None = None

    def __post_init__(self) -> None:
        if self.rate is None:
            _condition(self)
            return
        positive("Death(rate=...)", self.rate, "it is a number of deaths per time")
        if self.when is not None or self.above is not None or self.below is not None or self.spread:
            raise CouplingError("Death takes a rate, or what passes a threshold, and not both.")


Rule = Division | Death


@dataclass(frozen=True)
class LifeRule:
    """A rule of life of the cells of `types` (indices)."""

    rule: Rule
    types: tuple[int, ...] = (0,)

    def __str__(self) -> str:
        return in_words(self.rule)

    @property
    def threshold(self) -> float:
        """The mean threshold; the mean age at death where a rate is given."""
        rule = self.rule
        if isinstance(rule, Death) and rule.rate is not None:
            return 1.0 / rule.rate if rule.rate else math.inf
        threshold = rule.above if rule.above is not None else rule.below
        assert threshold is not None
        return threshold

    @property
    def spread(self) -> float:
        """Standard deviation of thresholds over their mean; ages at death at a constant rate have 1."""
        return 1.0 if isinstance(self.rule, Death) and self.rule.rate is not None else self.rule.spread

    def passed(self, value: Floats, threshold: Floats) -> NDArray[np.bool_]:
        """Where values [n] have passed the cells' thresholds [n]."""
        falling = self.rule.below is not None
        return np.asarray(value <= threshold if falling else value >= threshold)


def _condition(rule: Division | Death) -> None:
    name = type(rule).__name__
    if not isinstance(rule.when, (str, Signal)):
        raise CouplingError(f"{name}(when={rule.when!r}): give a species by name, or a signal such as Size() or Age().")
    if (rule.above is None) == (rule.below is None):
        raise CouplingError(f"{name}(when=...) takes one threshold, above= or below=.")
    threshold = rule.above if rule.above is not None else rule.below
    finite(f"{name}(above=... or below=...)", threshold)
    positive(f"{name}(spread=...)", rule.spread, "it is a standard deviation over a mean")
    if rule.spread and not threshold > 0.0:  # type: ignore[operator]
        raise CouplingError(f"{name}(spread={rule.spread!r}) is over the threshold, which must then be positive.")
