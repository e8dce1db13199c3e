"""What a user has declared of a tissue, before it runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import tissue
from biomulti.coupled.couplings import OutputCoupling, SignalCoupling
from biomulti.coupled.kind import CellType, Kind
from biomulti.coupled.life import Division, LifeRule
from biomulti.coupled.setup import Setup
from biomulti.network import Network
from biomulti.partition import Partition

Floats = NDArray[np.float64]
EVEN = 0.9  # of the distance of evenly set cells, at which those that divide are kept apart


class Declared:
    """The attributes of a `Tissue`: kinds and types are what was given and what was compiled of each type of cell,
    counts how many there are of each; positions, polarity and ages are of all cells, one type after another."""

    grid: tissue.Grid
    stokes: tissue.Stokes
    seed: int
    kinds: dict[str, CellType]
    types: tuple[Kind, ...]
    counts: tuple[int, ...]
    positions: Floats
    polarity: Floats
    ages: Floats
    cell_size: float
    outside: float | None
    keep_apart: float | None
    alignment: float
    flow_tolerance: float
    warm_up: float
    length_unit: str
    outputs: list[OutputCoupling]
    signals: list[SignalCoupling]
    rules: list[LifeRule]
    morphogens: dict[str, tuple[tissue.Morphogen, Floats]]
    confined: set[str]
    own: dict[tuple[int, str], Floats]

    @property
    def count(self) -> int:
        """Number of cells at the start."""
        return len(self.positions)

    @property
    def partition(self) -> Partition | None:
        """What fires and what flows in the cells, of the first type if there are several."""
        return self.types[0].partition

    @property
    def network(self) -> Network:
        """The network of the cells, of the first type if there are several."""
        return self.types[0].network

    def setup(self, cluster: Any = None, documents: tuple[str, ...] = ()) -> Setup:
        """The tissue as it is declared now, for a run; cluster and documents: see `Setup`."""
        divides = any(isinstance(r.rule, Division) for r in self.rules)
        close = self.keep_apart if self.keep_apart is not None else EVEN * divides
        return Setup(
            stokes=self.stokes,
            types=self.types,
            outputs=tuple(self.outputs),
            signals=tuple(self.signals),
            rules=tuple(self.rules),
            morphogens={n: morphogen for n, (morphogen, _) in self.morphogens.items()},
            confined=frozenset(self.confined),
            seed=self.seed,
            unit_size=self.cell_size,
            outside=self.outside,
            spacing=close,
            alignment=self.alignment,
            flow_tolerance=self.flow_tolerance,
            length_unit=self.length_unit,
            cluster=cluster,
            documents=documents,
        )
