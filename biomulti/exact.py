"""Exact stochastic simulation of a system whose fluxes all fire: which methods there are, and which one to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomulti._kernels_direct import advance_direct
from biomulti._kernels_rejection import advance_rejection
from biomulti._kernels_tree import CHILDREN, advance_tree
from biomulti.cells import CellPopulation
from biomulti.compile import compile_function
from biomulti.dependencies import Dependencies, dependencies
from biomulti.direct import direct_row
from biomulti.errors import OptionError
from biomulti.options import EXACT_METHODS
from biomulti.propensities import PropensityTables, tables
from biomulti.system import System, reads

DIRECT_UP_TO = 40  # reactions; with 30 a program of its own is the fastest for a network, with 50 the tree
LARGEST_DIRECT = 200  # reactions; with so many the tree is three times as fast, and its start a hundred times
TREE_UP_TO = 3_000  # reactions; composition and rejection is ahead from 1,000 to 10,000 on, by little
PERIOD = 10_000  # firings after which sums of groups are taken anew, or the number of reactions if that is larger

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def choice(reactions: int) -> str:
    """The fastest of the exact methods for so many reactions (measured in `tests/benchmarks/ssa_size.py`)."""
    if reactions <= DIRECT_UP_TO:
        return "ssa-direct"
    return "ssa-tree" if reactions <= TREE_UP_TO else "ssa-rejection"


@dataclass(frozen=True)
class Exact:
    """A system with one of the EXACT_METHODS.

    Raises:
        OptionError: a method that is none of them, or the direct one for a network that is too large for it.
    """

    system: System
    method: str

    def __post_init__(self) -> None:
        if self.method not in EXACT_METHODS:
            raise OptionError(f"method={self.method!r} is none of {', '.join(EXACT_METHODS)}.")
        reactions = len(self.system.fluxes)
        if self.method == "ssa-direct" and reactions > LARGEST_DIRECT:
            raise OptionError(
                f"method='ssa-direct' compiles a program that looks at every reaction, too many here with {reactions}; "
                f"take 'ssa', which chooses another method beyond {DIRECT_UP_TO}."
            )

    @cached_property
    def tables(self) -> PropensityTables:
        """What propensities are read from."""
        return tables([f.law for f in self.system.fluxes], len(self.system.states), len(self.system.parameters))

    @cached_property
    def dependencies(self) -> Dependencies:
        """Which propensities change when a reaction fires."""
        fluxes = self.system.fluxes
        return dependencies([reads(f.law) for f in fluxes], [f.change.keys() for f in fluxes], len(self.system.states))

    def advance(
        self,
        cells: CellPopulation,
        times: Floats,
        out: Floats,
        cursor: Integers,
        budget: int,
        status: Integers,
        *,
        triggers: Any = None,
        armed: NDArray[np.uint8] | None = None,
        due: Floats | None = None,
    ) -> None:
        """Bring every row to the last of `times`, or as far as `budget` firings of it, an event or a failure let it.

        Args:
            cells: changed in place.
            times: [outputs], rising.
            out: [rows, outputs, states], written as far as rows get.
            cursor: [rows], the next output of each row; changed in place.
            budget: firings a row may make, roughly.
            status: [rows, 2], how each row ended (see `outcome`) and the flux it concerns.
            triggers: machine code that writes 1 or 0 for every event, whether its trigger holds.
            armed: [rows, events], whether triggers held when they were last looked at.
            due: [rows], when the next delayed event of a row is due; infinity if none is.

        A row with an event stops with outcome.EVENT after the firing, at the output time or at the time `due` at
        which a trigger differs from `armed` or an event is due. Its clock is there, and outputs at that time are not
        written yet. The caller settles the event, which changes y, p, armed and due, and calls again.
        """
        if armed is None:
            armed = np.zeros((cells.rows, 0), dtype=np.uint8)
        if due is None:
            due = np.full(cells.rows, np.inf)
        rows = cells.y, cells.p, cells.rng, cells.left, cells.clock
        rest = times, out, budget, cells.counts, status, triggers or self._nothing, armed, due
        if self.method == "ssa-direct":
            advance_direct(self._row, *rows, cursor, *rest)
        elif self.method == "ssa-tree":
            advance_tree(self._levels, *self._network, *rows, cursor, *rest)
        else:
            advance_rejection(max(PERIOD, len(self.system.fluxes)), *self._network, *rows, cursor, *rest)

    @cached_property
    def _row(self) -> Any:
        return direct_row(self.system)

    @cached_property
    def _nothing(self) -> Any:
        return compile_function(())

    @cached_property
    def _network(self) -> tuple[Any, ...]:
        graph, fluxes = self.dependencies, self.system.fluxes
        changes = [f.change for f in fluxes]
        most = int(np.max(np.diff(graph.start), initial=0))
        net = graph.start, graph.affected, *compressed(changes)
        return self.tables.laws, self.tables.arrays, net, np.array([most])

    @cached_property
    def _levels(self) -> Integers:
        return tree_levels(len(self.system.fluxes))


def compressed(changes: Sequence[Any]) -> tuple[Integers, Integers, Floats]:
    """State changes of each reaction: where they start [reactions + 1], their states and their numbers."""
    start = np.cumsum([0, *(len(change) for change in changes)])
    states = np.array([k for change in changes for k in change], dtype=np.int64)
    return start, states, np.array([n for change in changes for n in change.values()], dtype=np.float64)


def tree_levels(reactions: int) -> Integers:
    """Where the levels of the tree of partial sums begin, and where the last of them ends."""
    begin, width = [0], reactions
    while True:
        blocks = max(-(-width // CHILDREN), 1)
        begin.append(begin[-1] + CHILDREN * blocks)
        if blocks == 1:
            return np.array(begin, dtype=np.int64)
        width = blocks
