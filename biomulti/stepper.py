"""Advances a population by one of the methods: compiled model, partition and kernel, put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomulti import outcome
from biomulti._kernels_hybrid import advance_hybrid
from biomulti._kernels_ssa import advance_ssa
from biomulti.cells import CellPopulation
from biomulti.compile import CompiledModel
from biomulti.errors import SimulationError, UnsupportedError
from biomulti.rosenbrock import RODAS3, RODAS4, Rosenbrock
from biomulti.system import System, evaluate_at

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
FIRST_BUDGET, LARGEST_BUDGET = 2_000, 2_000_000  # steps of a row between two looks at the clock
LARGEST_STOPS = 1_000  # different sets of parameters whose jumps are looked for
CALL_SECONDS = 0.5  # how long one call of a kernel should take, so that progress moves and Ctrl-C is heard

EXPLANATIONS = {
    outcome.NEGATIVE_PROPENSITY: (
        "the propensity of '{flux}' is negative",
        "a rate law must not fall below zero; mark a reaction that runs both ways reversible, or write two",
    ),
    outcome.NOT_FINITE: (
        "the rate of '{flux}' is not a finite number",
        "look for a division by zero, a root or a logarithm of a negative number in its law",
    ),
    outcome.NEGATIVE_AMOUNT: (
        "a firing of '{flux}' takes more molecules than there are",
        "its law must vanish where its reactants do not suffice, as k X (X - 1) does for two of X",
    ),
    outcome.STEP_TOO_SMALL: (
        "the step size fell below what time can resolve",
        "a rate grows without bound there; look at the state, or ask for less accuracy with tolerance=",
    ),
}


@dataclass(frozen=True)
class Stepper:
    """A system, its machine code, which fluxes fire, and how accurately the others flow."""

    system: System
    model: CompiledModel
    fires: Booleans
    tolerance: float
    accurate: bool = False

    def __post_init__(self) -> None:
        stoichiometry = self.system.stoichiometry
        for j in np.flatnonzero(self.fires):
            if np.any(stoichiometry[j] != np.round(stoichiometry[j])):
                name = self.system.fluxes[j].reaction
                raise UnsupportedError(
                    f"reaction '{name}' changes a species by a fraction of a molecule, so it cannot fire; "
                    f"let it flow with method='hybrid' and physical_scale={{'{name}': 'flow'}}."
                )

    @property
    def exact(self) -> bool:
        """True if nothing flows, so that the direct method does it all."""
        return bool(np.all(self.fires)) and not self.system.varies_between_firings

    @cached_property
    def continuous(self) -> Booleans:
        """States that a flowing flux changes, [states]."""
        return np.asarray(np.any(self.system.stoichiometry[~self.fires] != 0.0, axis=0))

    @cached_property
    def _net(self) -> tuple[Any, ...]:
        stoichiometry = self.system.stoichiometry
        rows, columns = np.nonzero(stoichiometry)
        start = np.searchsorted(rows, np.arange(len(stoichiometry) + 1))
        limited = np.any((stoichiometry < 0.0) & self.continuous, axis=1) & self.fires
        return (
            self.fires,
            start.astype(np.int64),
            columns.astype(np.int64),
            np.ascontiguousarray(stoichiometry[rows, columns]),
            limited,
            self.continuous,
            np.flatnonzero(~self.fires[rows]).astype(np.int64),
            rows[~self.fires[rows]].astype(np.int64),
            self._floor > 0.0,
        )

    @cached_property
    def _floor(self) -> Floats:
        """Amounts below which relative accuracy is not asked for: one molecule, of what reactions count."""
        counted = np.zeros(len(self.system.states))
        if np.any(self.fires):
            species = {s.id for s in self.system.network.species} - set(self.system.network.rate_rules)
            counted[[k for k, name in enumerate(self.system.states) if name in species]] = 1.0
        return counted

    def advance(self, cells: CellPopulation, times: Floats, report: Callable[[float], None] | None = None) -> Floats:
        """Bring every row of `cells` to the last of `times`.

        Args:
            cells: changed in place.
            times: [outputs], rising, none before the cells' clock.
            report: called with the share of the way done, about twice a second.

        Returns:
            The state at each time, [rows, outputs, states].

        Raises:
            SimulationError: a propensity is negative or not finite, an amount would fall below zero, or the
                step size vanished; with the reaction, the row, the time and the state. Its `partial` is the
                array above, NaN where it was not reached.
        """
        stops = self._stops(cells, times)
        if len(stops):
            everything = np.union1d(times, stops)
            asked = np.searchsorted(everything, times)
            try:
                return self._advance(cells, everything, report)[:, asked]
            except SimulationError as error:
                raise SimulationError(str(error), error.partial[:, asked]) from None
        return self._advance(cells, times, report)

    def _advance(self, cells: CellPopulation, times: Floats, report: Callable[[float], None] | None = None) -> Floats:
        """As `advance`, without looking for moments at which rates jump."""
        out = np.full((cells.rows, len(times), len(self.system.states)), np.nan)
        cursor = np.zeros(cells.rows, dtype=np.int64)
        status = np.zeros((cells.rows, 2), dtype=np.int64)
        started = cells.clock.copy()
        call = self._direct if self.exact else self._flowing
        meter = _Budget()
        while True:
            with meter:
                call(cells, times, out, cursor, meter.budget, status)
            failed = np.flatnonzero(status[:, 0] > outcome.UNFINISHED)
            if len(failed):
                raise SimulationError(self._explain(cells, int(failed[0]), status[failed[0]]), out)
            if report is not None:
                way = times[-1] - started
                report(float(np.mean((cells.clock - started) / np.where(way > 0.0, way, 1.0))))
            if not status[:, 0].any():
                return out

    def _stops(self, cells: CellPopulation, times: Floats) -> Floats:
        """Moments at which a rate may jump, and the numbers just after them, so that no step goes across one."""
        if not self.system.jumps or self.exact:
            return np.empty(0)
        rows = np.unique(cells.p, axis=0)[:LARGEST_STOPS]
        found = [evaluate_at(e, row) for e in self.system.jumps for row in rows]
        inside = np.array([t for t in found if np.min(cells.clock) < t < times[-1]])
        return np.union1d(inside, np.nextafter(inside, np.inf))

    def _direct(self, cells: CellPopulation, times: Floats, out: Floats, cursor: Any, budget: int, status: Any) -> None:
        advance_ssa(
            self.model.fluxes, *self._net[:4], cells.y, cells.p, cells.rng, cells.left, cells.clock, cursor,
            times, out, budget, cells.counts, status,
        )  # fmt: skip

    def _flowing(
        self, cells: CellPopulation, times: Floats, out: Floats, cursor: Any, budget: int, status: Any
    ) -> None:
        model = self.model
        method = RODAS4 if self.accurate else RODAS3
        advance_hybrid(
            model.fluxes, model.jacobian, model.time_slopes, self._net,
            (model.rows, model.columns, model.slope_rows),
            _coefficients(method),
            (self.tolerance, self._floor, cells.from_zero, method.order, not self.accurate),
            (cells.y, cells.peak, cells.mode), cells.step,
            cells.p, cells.rng, cells.left, cells.clock, cursor, times, out, budget, cells.counts, status,
        )  # fmt: skip

    def _explain(self, cells: CellPopulation, row: int, status: NDArray[np.int64]) -> str:
        flux = self.system.fluxes[int(status[1])].name
        what, cure = EXPLANATIONS[int(status[0])]
        state = ", ".join(f"{n} = {v:g}" for n, v in zip(self.system.states, cells.y[row], strict=True))
        unit = self.system.network.time_unit
        where = f"replicate or cell {row}, time {cells.clock[row]:.9g} {unit}"
        what = what.format(flux=flux)
        return f"{self.system.network.source}: {what} ({where}); {cure}. State: {state[:2000]}."


class _Budget:
    """Adapts how many steps a row takes per call to how long calls last."""

    def __init__(self) -> None:
        self.budget = FIRST_BUDGET
        self._started = 0.0

    def __enter__(self) -> None:
        self._started = perf_counter()

    def __exit__(self, *_: object) -> None:
        seconds = max(perf_counter() - self._started, 1e-6)
        growth = min(10.0, max(0.1, CALL_SECONDS / seconds))
        self.budget = int(min(LARGEST_BUDGET, max(FIRST_BUDGET, self.budget * growth)))


def _coefficients(m: Rosenbrock) -> tuple[Any, ...]:
    return m.gamma, m.a, m.c, m.m, m.e, m.alpha, m.gammas
