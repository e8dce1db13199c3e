"""Runs of a network without what `simulate` adds around them: the kernel's time and what it counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import biomulti as bm
from biomulti.cells import CellPopulation, population
from biomulti.counts import molecules_per_unit, whole_starts
from biomulti.simulation import stepper_of
from biomulti.stepper import Stepper
from biomulti.system import System, system_of

IMMIGRATION_DEATH = """model immigration_death()
  unit substance = item; unit extent = item; unit volume = litre; unit time_unit = second;
  compartment c = 1; substanceOnly species X in c; X = 1000; birth = 1000; death = 1;
  immigration: => X; birth; dying: X => ; death*X;
end"""

DIMERISATION = """model dimerisation()
  unit substance = item; unit extent = item; unit volume = litre; unit time_unit = second;
  compartment c = 1; substanceOnly species P in c, D in c; P = 1000; D = 0; bind = 0.001; part = 0.01;
  binding: 2 P => D; bind*P*(P - 1)/2; parting: D => 2 P; part*D;
end"""


@dataclass
class Rows:
    """A network ready to run: `rows` fresh copies to `t_end` at each call."""

    network: bm.Network
    method: str
    t_end: float
    rows: int
    outputs: int = 1
    tolerance: float | None = None
    initial: Mapping[str, float] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        scale = 1.0 if self.method == "ode" else molecules_per_unit(self.network)
        start = dict(self.initial or {})
        system = system_of(self.network, scale)
        self.stepper: Stepper = stepper_of(system, self.method, self.t_end, self.tolerance, {}, start, {})[0]
        self.system: System = self.stepper.system
        self.total, self.calls = np.zeros(2), 0

    def __call__(self) -> CellPopulation:
        """The rows at t_end, with another seed at each call; the states at the outputs are kept."""
        self.seed += 1
        cells = population(self.system, self.rows, seed=self.seed, initial=self.initial)
        cells.y[:] = cells.peak[:] = whole_starts(self.system, cells.y, self.stepper.counts)
        self.path = self.stepper.advance(cells, np.linspace(0.0, self.t_end, self.outputs + 1)[1:])
        self.total += cells.counts.sum(axis=0)
        self.calls += 1
        return cells

    def with_parameters(self, columns: Sequence[int], values: NDArray[np.float64]) -> CellPopulation:
        """As a call, each row with its own `values` [rows, columns] in these columns of the parameters."""
        cells = population(self.system, self.rows, seed=self.seed, initial=self.initial)
        cells.p[:, columns] = values
        self.path = self.stepper.advance(cells, np.linspace(0.0, self.t_end, self.outputs + 1)[1:])
        return cells

    @property
    def firings(self) -> float:
        """Firings of a call, on average."""
        return float(self.total[0] / self.calls)

    @property
    def steps(self) -> float:
        """Steps of a call, on average."""
        return float(self.total[1] / self.calls)
