"""The networks of all cells of one type, wherever they are: here, or shared out over workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from biomulti.cells import CellPopulation
from biomulti.coupled.kind import Kind

Floats = NDArray[np.float64]


class Networks(Protocol):
    """What a step asks of them."""

    @property
    def rows(self) -> int:
        """How many cells there are."""
        ...

    def advance(self, parameters: Sequence[int], values: Floats, end: float) -> None:
        """To time `end` with values [rows, parameters] of the parameters numbered so."""
        ...

    def amounts(self, names: Sequence[str]) -> dict[str, Floats]:
        """Molecules, or values of what rules move, [rows], by name."""
        ...

    def population(self) -> CellPopulation:
        """All that the networks are at this moment."""
        ...


class Here:
    """Networks in this process."""

    def __init__(self, kind: Kind, cells: CellPopulation) -> None:
        self.kind = kind
        self.cells = cells

    @property
    def rows(self) -> int:
        return self.cells.rows

    def advance(self, parameters: Sequence[int], values: Floats, end: float) -> None:
        advanced(self.kind, self.cells, parameters, values, end)

    def amounts(self, names: Sequence[str]) -> dict[str, Floats]:
        return self.kind.amounts(self.cells, names)

    def population(self) -> CellPopulation:
        return self.cells


def advanced(kind: Kind, cells: CellPopulation, parameters: Sequence[int], values: Floats, end: float) -> None:
    """Rows with these values of parameters, to time `end`, in place."""
    for column, index in enumerate(parameters):
        cells.p[:, index] = values[:, column]
    if cells.rows:
        kind.stepper.advance(cells, np.array([end]))
