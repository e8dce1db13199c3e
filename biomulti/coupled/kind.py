"""Cells of one type: the network that each of them runs, compiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomulti._kernels_evaluate import evaluate_rows
from biomulti.cells import CellPopulation
from biomulti.compile import compile_function
from biomulti.network import Network
from biomulti.partition import Partition
from biomulti.result import outputs
from biomulti.stepper import Stepper

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Kind:
    """Cells that run copies of one network."""

    name: str
    network: Network
    stepper: Stepper
    partition: Partition | None

    @cached_property
    def species(self) -> tuple[str, ...]:
        """What can be read of a cell, by name: species in molecules, and what rules move."""
        return tuple(outputs(self.stepper.system, "molecules"))

    def amounts(self, cells: CellPopulation, names: Sequence[str]) -> dict[str, Floats]:
        """Molecules of species, or the values of what rules move, in every cell [n], by name."""
        system = self.stepper.system
        column = {n: k for k, n in enumerate(system.states)}
        direct = {s.id for s in system.network.species} & column.keys()
        found = {n: np.ascontiguousarray(cells.y[:, column[n]]) for n in names if n in direct}
        computed = tuple(n for n in names if n not in direct)
        if computed and cells.rows:
            out = np.empty((cells.rows, 1, len(computed)))
            # all cells of a type have come equally far
            evaluate_rows(self._function(computed), cells.clock[:1], cells.y[:, None], cells.p, out)
            found |= {n: out[:, 0, k] for k, n in enumerate(computed)}
        return {n: found.get(n, np.empty(0)) for n in names}

    def _function(self, names: tuple[str, ...]) -> Any:
        if names not in self._functions:
            wanted = outputs(self.stepper.system, "molecules")
            self._functions[names] = compile_function([wanted[n][0] for n in names])
        return self._functions[names]

    @cached_property
    def _functions(self) -> dict[tuple[str, ...], Any]:
        return {}
