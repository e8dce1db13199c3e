"""What stays fixed while cells and tissue act on each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tissue
from biomulti._kernels_evaluate import evaluate_rows
from biomulti.cells import CellPopulation
from biomulti.compile import compile_function
from biomulti.coupled.couplings import OutputCoupling, SignalCoupling
from biomulti.coupled.life import LifeRule
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

    def amounts(self, cells: CellPopulation, names: Sequence[str], time: float) -> dict[str, Floats]:
        """Molecules of species, or the values of what rules move, in every cell [n], by name."""
        system = self.stepper.system
        column = {n: k for k, n in enumerate(system.states)}
        direct = {s.id for s in system.network.species} & column.keys()
        found = {n: np.ascontiguousarray(cells.y[:, column[n]]) for n in names if n in direct}
        computed = tuple(n for n in names if n not in direct)
        if computed:
            out = np.empty((cells.rows, 1, len(computed)))
            evaluate_rows(self._function(computed), np.array([time]), cells.y[:, None], cells.p, out)
            found |= {n: out[:, 0, k] for k, n in enumerate(computed)}
        return {n: found[n] for n in names}

    def _function(self, names: tuple[str, ...]) -> Any:
        if names not in self._functions:
            wanted = outputs(self.stepper.system, "molecules")
            self._functions[names] = compile_function([wanted[n][0] for n in names])
        return self._functions[names]

    @cached_property
    def _functions(self) -> dict[tuple[str, ...], Any]:
        return {}


@dataclass(frozen=True)
class Stepping:
    """How time goes: see `Tissue.run`."""

    splitting: str
    dt: float | None
    tolerance: float
    every: float
    courant: float = 1.0

    @property
    def ahead(self) -> bool:
        """Whether signals are taken at the middle of what they act on, along their line."""
        return self.splitting == "strang"


@dataclass(frozen=True, eq=False)
class Setup:
    """A tissue as it was declared, ready to run; `stokes` has the viscosity of the tissue.

    outside: viscosity of the fluid around the tissue, None where the tissue fills the box; spacing: distance at which
    cells are kept apart, 0 for none; alignment: of polarity with strain, see `tissue.turn`; unit_size: area (volume)
    that counts as 1.
    """

    stokes: tissue.Stokes
    types: tuple[Kind, ...]
    outputs: tuple[OutputCoupling, ...]
    signals: tuple[SignalCoupling, ...]
    rules: tuple[LifeRule, ...]
    morphogens: Mapping[str, tissue.Morphogen]
    seed: int
    unit_size: float
    outside: float | None
    spacing: float
    alignment: float
    flow_tolerance: float
    length_unit: str

    @property
    def grid(self) -> tissue.Grid:
        return self.stokes.grid

    def driven(self, kind: int) -> tuple[str, ...]:
        """Parameters of a type that signals drive, in the order of the couplings."""
        return tuple(c.parameter for c in self.signals if kind in c.types)
