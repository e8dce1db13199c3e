"""What is declared of a tissue, as a run and a checkpoint read it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import tissue
from biomulti.coupled.couplings import OutputCoupling, SignalCoupling
from biomulti.coupled.kind import Kind
from biomulti.coupled.life import LifeRule
from biomulti.coupled.setup import Setup
from biomulti.network import Network

Floats = NDArray[np.float64]


class Declared(Protocol):
    """A `biomulti.Tissue`, for what is beneath it."""

    grid: tissue.Grid
    stokes: tissue.Stokes
    seed: int
    warm_up: float
    cell_size: float
    kinds: dict[str, Any]
    types: tuple[Kind, ...]
    counts: tuple[int, ...]
    positions: Floats
    polarity: Floats
    ages: Floats
    own: dict[tuple[int, str], Floats]
    outputs: list[OutputCoupling]
    signals: list[SignalCoupling]
    rules: list[LifeRule]
    morphogens: dict[str, tuple[tissue.Morphogen, Floats]]
    confined: set[str]

    @property
    def count(self) -> int:
        """Number of cells at the start."""
        ...

    @property
    def network(self) -> Network:
        """Of the first type."""
        ...

    def setup(self, cluster: Any = None) -> Setup:
        """As it is declared now, for a run."""
        ...
