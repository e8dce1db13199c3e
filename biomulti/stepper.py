"""Advances a population by one of the methods: compiled model, partition and kernel, put together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomulti import outcome
from biomulti._kernels_events import settle
from biomulti._kernels_hybrid import advance_hybrid
from biomulti.cells import CellPopulation
from biomulti.compile import CompiledModel
from biomulti.errors import OptionError, SimulationError, UnsupportedError
from biomulti.exact import Exact, choice
from biomulti.expression import Expression, depends_on_time, number, walk
from biomulti.flow import Flow, followers
from biomulti.program import program
from biomulti.rosenbrock import RODAS3, RODAS4, Rosenbrock
from biomulti.system import Flux, System, evaluate_at, reads

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]
FIRST_BUDGET, LARGEST_BUDGET = 2_000, 2_000_000  # steps of a row between two looks at the clock
LOWEST = number(-math.inf)  # priority of an event that has none
BURST = 2_000  # firings of a row in which nothing flows before it looks again
CAUTION = 0.2  # share of the last step that the first after an event is
RELAXATION = 1.0  # time in which fast reactions come to rest, a billion times as fast as their laws say
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
    outcome.FRACTION: (
        "a firing of '{flux}' would change a species by a fraction of a molecule",
        "its stoichiometry must be a whole number whenever it fires; let it flow otherwise",
    ),
    outcome.BAD_DELAY: (
        "the delay of {event} is negative or not finite",
        "an event happens when its trigger becomes true, or later",
    ),
    outcome.ENDLESS_EVENTS: (
        "{event} triggers events without end at one moment",
        "an event whose effect makes its own trigger false and true again never comes to rest",
    ),
    outcome.NO_SOLUTION: (
        "the algebraic rule '{flux}' has no solution near the state",
        "give what it determines an initial value near the solution, or look whether there is one",
    ),
    outcome.NOT_BEGUN: (
        "there was no memory left to work in",
        "run fewer replicates or cells at once, or fewer threads (NUMBA_NUM_THREADS)",
    ),
}


@dataclass(frozen=True)
class Stepper:
    """A system, its machine code, which fluxes fire, and how accurately the others flow; `only` these move at all.

    Those that are `adaptive` fire or flow, as a row's amounts are.

    Where nothing flows `exact_method` is the way, or else the fastest for the size of the network.
    """

    system: System
    model: CompiledModel
    fires: Booleans
    tolerance: float
    accurate: bool = False

    only: Booleans | None = None
    exact_method: str | None = None
    adaptive: Booleans | None = None

    def __post_init__(self) -> None:
        if self.exact_method is not None and not self.exact:
            raise OptionError(
                f"method={self.exact_method!r} is for rates that change by firings and events alone; in "
                f"{self.system.network.source} they change between them, which method='ssa' follows."
            )
        for j in np.flatnonzero(self.fires):
            flux = self.system.fluxes[j]
            if any(n != round(n) for n in flux.change.values()):
                raise UnsupportedError(
                    f"reaction '{flux.reaction}' changes a species by a fraction of a molecule, so it cannot fire; "
                    f"let it flow with method='hybrid' and physical_scale={{'{flux.reaction}': 'flow'}}."
                )
            if flux.fast:
                raise UnsupportedError(
                    f"reaction '{flux.reaction}' is marked fast: it is always at its equilibrium, so that it has no "
                    f"firings to follow; let it flow with method='hybrid', or use method='ode'."
                )

        self._refuse_rates_of_what_jumps()

    def _refuse_rates_of_what_jumps(self) -> None:
        """What changes by firings has no derivative."""
        if not self.system.reduced.rates_read:
            return
        for read in self.system.reduced.rates_read:
            jumping = sorted(name for name in read.species if self._firing_into([name]))
            if jumping:
                moving = sorted({f.reaction for f in self._firing_into(jumping)})
                flows = ", ".join(f"'{name}': 'flow'" for name in moving)
                raise UnsupportedError(
                    f"{self.system.network.source}: {read.place} reads rateOf({read.symbol}), and '{jumping[0]}' jumps "
                    f"where reactions fire, so that it has no rate of change; use method='ode', or let flow what "
                    f"changes it, with method='hybrid' and physical_scale={{{flows}}}."
                )

    def _firing_into(self, species: Sequence[str]) -> list[Flux]:
        """Reactions that fire and change one of `species`."""
        places = {k for k, name in enumerate(self.system.states) if name in species}
        firing = [f for j, f in enumerate(self.system.fluxes) if self.fires[f.follows if f.follows >= 0 else j]]
        return [f for f in firing if any(n for k, n in f.change.items() if k in places)]

    @property
    def active(self) -> Booleans:
        """Fluxes that move the state by themselves: not what follows a reaction that fires, [fluxes]."""
        leaders = np.array([f.follows for f in self.system.fluxes], dtype=np.int64)
        active = np.asarray((leaders < 0) | ~self.fires[leaders], dtype=bool)
        return active if self.only is None else active & self.only

    @property
    def exact(self) -> bool:
        """True if nothing flows, so that the direct method does it all."""
        system = self.system
        moves = system.varies_between_firings or system.reduced.unknowns or any(f.follows >= 0 for f in system.fluxes)
        return bool(np.all(self.fires)) and not moves and not self._adapts

    @property
    def _adapts(self) -> bool:
        return self.adaptive is not None and bool(np.any(self.adaptive))

    @property
    def explicit(self) -> bool:
        """True if slopes follow from the state alone."""
        return not (self.system.delays or self.system.reduced.unknowns)

    @cached_property
    def continuous(self) -> Booleans:
        """States that a flowing flux changes, [states]."""
        return self._changed(~self.fires & self.active)

    def _changed(self, by: Booleans) -> Booleans:
        """States that the fluxes chosen change, [states]."""
        changed = np.zeros(len(self.system.states), dtype=bool)
        changed[[k for j in np.flatnonzero(by) for k, n in self.system.fluxes[j].change.items() if n]] = True
        return changed

    @cached_property
    def _exact(self) -> Exact:
        return Exact(self.system, self.exact_method or choice(len(self.system.fluxes)))

    @cached_property
    def _flow(self) -> Flow:
        adaptive = np.zeros_like(self.fires) if self.adaptive is None else self.adaptive
        return Flow(self.system, self.active, self.fires, adaptive, self._floor > 0.0, self.tolerance)

    @cached_property
    def _net(self) -> tuple[Any, ...]:
        stoichiometry = np.where(self.active[:, None], self.system.stoichiometry, 0.0)
        rows, columns = np.nonzero(stoichiometry)
        start = np.searchsorted(rows, np.arange(len(stoichiometry) + 1))
        limited = np.any((stoichiometry < 0.0) & self.continuous, axis=1) & self.fires
        return (
            self.fires & self.active,
            start.astype(np.int64),
            columns.astype(np.int64),
            np.ascontiguousarray(stoichiometry[rows, columns]),
            limited,
            self.continuous,
            np.flatnonzero(~self.fires[rows]).astype(np.int64),
            rows[~self.fires[rows]].astype(np.int64),
            self._floor > 0.0,
            self.system.mass,
        )

    @cached_property
    def _followers(self) -> tuple[Any, ...]:
        return followers(self.system, self.fires)

    @cached_property
    def counts(self) -> Booleans:
        """States that change by firings alone, which therefore hold whole molecules, [states]."""
        changed = self._changed(self.fires)
        changed[self._followers[2]] = True
        return np.asarray(changed & ~self.continuous)

    @cached_property
    def _programs(self) -> tuple[Any, ...]:
        """Delay, priority, new values and new amounts of each event, for `settle`."""
        blocks: list[Sequence[Expression]] = []
        for o in self.system.occurrences:
            blocks += [(o.delay,), (o.priority or LOWEST,), o.values, o.amounts]
        made = program(blocks)
        return made.code, made.numbers, made.start, made.first_result, made.results, made.longest

    @cached_property
    def _event_table(self) -> tuple[Any, ...]:
        found = self.system.occurrences
        start = np.cumsum([0, *(len(o.targets) for o in found)])
        return (
            np.array([o.event.from_trigger for o in found], dtype=bool),
            np.array([o.event.persistent for o in found], dtype=bool),
            start.astype(np.int64),
            np.array([k for o in found for k in o.targets], dtype=np.int64),
            self.counts,
        )

    @cached_property
    def _algebra(self) -> tuple[Any, ...]:
        unknown = np.flatnonzero(self.system.mass == 0.0)
        fluxes = [j for k in unknown for j, f in enumerate(self.system.fluxes) if k in f.change]
        rows, columns = (self.model.rows, self.model.columns) if len(unknown) else (np.empty(0, np.int64),) * 2
        return unknown.astype(np.int64), np.array(fluxes, dtype=np.int64), rows, columns, len(self.system.fluxes)

    @cached_property
    def _fast(self) -> Stepper | None:
        """What brings fast reactions to their equilibrium while nothing else moves."""
        fast = np.array([f.fast for f in self.system.fluxes], dtype=bool)
        if not np.any(fast) or self.only is not None:
            return None
        nothing_fires = np.zeros_like(fast)
        return Stepper(self.system, self.model, nothing_fires, self.tolerance, accurate=True, only=fast)

    @cached_property
    def _floor(self) -> Floats:
        """Amounts below which relative accuracy is not asked for: one molecule, of what reactions count."""
        counted = np.zeros(len(self.system.states))
        if not self.accurate:
            changed = self._changed(np.array([not f.is_rule for f in self.system.fluxes], dtype=bool))
            ruled = {*self.system.network.rate_rules, *self.system.reduced.unknowns}
            species = {s.id for s in self.system.network.species} - ruled
            counted[[k for k, name in enumerate(self.system.states) if changed[k] and name in species]] = 1.0
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
        if not cells.begun:
            cells.begun = True
            try:
                self._begin(cells)
            except SimulationError as error:
                nothing = np.full((cells.rows, len(times), len(self.system.states)), np.nan)
                raise SimulationError(str(error), nothing) from None
        return self._advance(cells, times, report)

    def _begin(self, cells: CellPopulation) -> None:
        """What happens at the start: equilibria of fast reactions, algebraic rules, events."""
        everywhere = np.ones(cells.rows, dtype=bool)
        if self.system.delays:
            # before the start things were as they are before anything happens
            cells.past.count[:] = 1
            cells.past.time[:, 0] = cells.clock
            cells.past.state[:, 0, 0] = cells.y
        if self._adapts:
            cells.fires[:] = self.fires & self.active
            cells.reference[:] = cells.y
        self._relax(cells, everywhere)
        status = np.zeros((cells.rows, 2), dtype=np.int64)
        self._settle(cells, everywhere, status)
        failed = np.flatnonzero(outcome.FAILED[status[:, 0]])
        if len(failed):
            raise SimulationError(self._explain(cells, int(failed[0]), status[failed[0]]))

    def changed(self, cells: CellPopulation, chosen: Booleans) -> None:
        """Rows [rows] whose amounts something outside has set go on from there: events may follow, fast reactions come
        to rest, and what fires is decided anew.

        Raises:
            SimulationError: events follow each other without end, or set what cannot be.
        """
        if not cells.begun:
            return
        status = np.zeros((cells.rows, 2), dtype=np.int64)
        cells.reference[chosen] = np.nan
        self._settle(cells, chosen, status)
        self._after_event(cells, chosen, status)
        failed = np.flatnonzero(outcome.FAILED[status[:, 0]])
        if len(failed):
            raise SimulationError(self._explain(cells, int(failed[0]), status[failed[0]]))

    def _advance(self, cells: CellPopulation, times: Floats, report: Callable[[float], None] | None = None) -> Floats:
        """As `advance`, of rows that have begun."""
        out = np.full((cells.rows, len(times), len(self.system.states)), np.nan)
        cursor = np.zeros(cells.rows, dtype=np.int64)
        status = np.zeros((cells.rows, 2), dtype=np.int64)
        started = cells.clock.copy()
        call = self._direct if self.exact else self._lanes if self.explicit else self._flowing
        meter = _Budget()
        lag: Floats | None = None
        stops = self._stops(cells, float(times[-1]))
        due = cells.agenda.due
        while True:
            if stops.shape[1]:
                ahead = np.where(stops > cells.clock[:, None], stops, np.inf)
                due = np.minimum(cells.agenda.due, np.min(ahead, axis=1))
            with meter:
                call(cells, due, times, out, cursor, meter.budget, status)
            codes = status[:, 0]
            if codes.any():
                happening = codes == outcome.EVENT
                if happening.any():
                    self._settle(cells, happening, status)
                    try:
                        self._after_event(cells, happening, status)
                    except SimulationError as error:
                        raise SimulationError(str(error), out) from None
                if (codes == outcome.NO_ROOM).any():
                    lag = self._longest_lag(cells) if lag is None else lag
                    cells.past.make_room(cells.clock - lag)
                    codes[codes == outcome.NO_ROOM] = outcome.UNFINISHED
                failed = np.flatnonzero(outcome.FAILED[codes])
                if len(failed):
                    raise SimulationError(self._explain(cells, int(failed[0]), status[failed[0]]), out)
            if report is not None:
                way = times[-1] - started
                report(float(np.mean((cells.clock - started) / np.where(way > 0.0, way, 1.0))))
            if not codes.any():
                return out

    def _settle(self, cells: CellPopulation, chosen: Booleans, status: NDArray[np.int64]) -> None:
        """Let events happen in the chosen rows; their status says how that ended."""
        if not self.system.occurrences and not self.system.reduced.unknowns:
            # it was a moment at which a rate may jump
            status[chosen, 0] = outcome.FINISHED
            return
        model, agenda = self.model, cells.agenda
        happening, before = chosen.copy(), cells.y.copy()
        while np.any(happening):
            settle(
                model.fluxes, model.jacobian if len(self._algebra[0]) else model.fluxes, self._algebra,
                model.triggers, self._programs, self._event_table, happening, cells.y, cells.p, cells.rng, cells.clock,
                agenda.armed, agenda.due, agenda.time, agenda.event, agenda.values, cells.peak, status,
            )  # fmt: skip
            happening &= status[:, 0] == outcome.NO_ROOM
            if np.any(happening):
                agenda.widen()
        # what an event has set was not reached by firing or flowing
        cells.reference[cells.y != before] = np.nan
        cells.mode[chosen, 2] = -1

    def _after_event(self, cells: CellPopulation, happened: Booleans, status: NDArray[np.int64]) -> None:
        """The rows in which something has happened go on: with short steps first, fast reactions come to rest."""
        settled = happened & (status[:, 0] == outcome.FINISHED)
        self._relax(cells, settled)
        cells.step[settled] *= CAUTION
        status[settled, 0] = outcome.UNFINISHED

    def _relax(self, cells: CellPopulation, chosen: Booleans) -> None:
        """Bring fast reactions to their equilibrium in the chosen rows, at the time they are at."""
        if self._fast is None:
            return
        for i in np.flatnonzero(chosen):
            alone = cells.without_events(slice(i, i + 1))
            alone.clock[:] -= RELAXATION
            self._fast.advance(alone, alone.clock + RELAXATION)
            cells.y[i] = alone.y[0]

    def _longest_lag(self, cells: CellPopulation) -> Floats:
        """The longest time ago that a value is asked for, [rows]; infinite where a state, time or a parameter decides
        that something changes on the way."""
        longest = np.zeros(cells.rows)
        for lag in (d.lag for d in self.system.delays):
            read = {int(n.args[0]) for n in walk(lag) if n.op == "p"}  # type: ignore[arg-type]
            if reads(lag) or depends_on_time(lag) or read & cells.driven:
                return np.full(cells.rows, np.inf)
            longest = np.maximum(longest, [evaluate_at(lag, p) for p in (cells.p if read else cells.p[:1])])
        return np.where(np.isnan(longest), np.inf, longest)

    def _stops(self, cells: CellPopulation, t_end: float) -> Floats:
        """Moments at which a rate may jump, and the numbers just after them, across which no step goes, [rows, any]."""
        jumps = self.system.jumps
        if not jumps or self.only is not None or (self.exact and not self.system.occurrences):
            return np.empty((cells.rows, 0))
        read = sorted({int(n.args[0]) for e in jumps for n in walk(e) if n.op == "p"})  # type: ignore[arg-type]
        _, alike, which = np.unique(cells.p[:, read], axis=0, return_index=True, return_inverse=True)
        found = np.array([[evaluate_at(e, cells.p[i]) for e in jumps] for i in alike])[which.reshape(-1)]
        found = np.where((cells.clock[:, None] <= found) & (found <= t_end), found, np.inf)
        # after time 0 the next number is too small to step by
        return np.concatenate([found, np.maximum(np.nextafter(found, np.inf), found + 1e-15 * t_end)], axis=1)

    def _direct(
        self, cells: CellPopulation, due: Floats, times: Floats, out: Floats, cursor: Any, budget: int, status: Any
    ) -> None:
        if self.system.occurrences:
            events = {"triggers": self.model.triggers, "armed": cells.agenda.armed, "due": due}
            self._exact.advance(cells, times, out, cursor, budget, status, **events)
        else:
            self._exact.advance(cells, times, out, cursor, budget, status)

    def _lanes(
        self, cells: CellPopulation, due: Floats, times: Floats, out: Floats, cursor: Any, budget: int, status: Any
    ) -> None:
        self._flow.advance(cells, due, times, out, cursor, budget, status)
        still = status[:, 0] == outcome.SWITCH
        if still.any():
            self._fire_for_a_while(cells, still, due, times, out, cursor, status)

    def _fire_for_a_while(
        self, cells: CellPopulation, chosen: Booleans, due: Floats, times: Floats, out: Floats, cursor: Any, status: Any
    ) -> None:
        """Rows in which nothing flows, by the exact method for BURST firings; then they look again what may flow."""
        others = np.where(chosen, cursor, len(times))
        ended = np.zeros_like(status)
        self._direct(cells, due, times, out, others, BURST, ended)
        cursor[chosen], status[chosen] = others[chosen], ended[chosen]
        cells.reference[chosen] = cells.y[chosen]
        cells.peak[chosen] = np.maximum(cells.peak[chosen], np.abs(cells.y[chosen]))

    def _flowing(
        self, cells: CellPopulation, due: Floats, times: Floats, out: Floats, cursor: Any, budget: int, status: Any
    ) -> None:
        model = self.model
        method = RODAS4 if self.accurate else RODAS3
        advance_hybrid(
            model.fluxes, model.jacobian, model.time_slopes, self._net, self._followers,
            (model.rows, model.columns, model.slope_rows),
            _coefficients(method),
            (self.tolerance, self._floor, cells.from_zero, method.order, not (self.accurate or len(self._algebra[0]))),
            model.triggers, cells.agenda.armed, due,
            model.lags, model.past, np.array([d.state for d in self.system.delays], dtype=np.int64),
            cells.past.count, cells.past.time, cells.past.state,
            (cells.y, cells.peak, cells.mode), cells.step,
            cells.p, cells.rng, cells.left, cells.clock, cursor, times, out, budget, cells.counts, status,
        )  # fmt: skip

    def _explain(self, cells: CellPopulation, row: int, status: NDArray[np.int64]) -> str:
        code, which = int(status[0]), int(status[1])
        what, cure = EXPLANATIONS[code]
        flux, event = "", ""
        if which < 0 or code in (outcome.BAD_DELAY, outcome.ENDLESS_EVENTS):
            which = which if which >= 0 else -1 - which
            event = f"event '{self.system.occurrences[which].event.id or which + 1}'"
            if code == outcome.NEGATIVE_AMOUNT:
                what, cure = "{event} sets a number of molecules below zero", "correct what it sets"
            elif code == outcome.NOT_FINITE:
                what = "{event} sets what is no number, or more molecules than can be counted"
                cure = "correct what it sets"
        else:
            flux = self.system.fluxes[which].name
            if code == outcome.NOT_FINITE:
                infinite = self._infinite_parameters(cells, row, which)
                cure += f" ({', '.join(infinite)} is infinite)" if infinite else ""
        state = ", ".join(f"{n} = {v:g}" for n, v in zip(self.system.states, cells.y[row], strict=True))
        unit = self.system.network.time_unit
        where = f"replicate or cell {cells.number[row]}, time {cells.clock[row]:.9g} {unit}"
        what = what.format(flux=flux, event=event)
        return f"{self.system.network.source}: {what} ({where}); {cure}. State: {state[:2000]}."

    def _infinite_parameters(self, cells: CellPopulation, row: int, flux: int) -> list[str]:
        """Names of those that a flux reads and that are infinite in a row."""
        leaves = {int(n.args[0]) for n in walk(self.system.fluxes[flux].law) if n.op == "p"}  # type: ignore[arg-type]
        return [f"'{self.system.parameters[k]}'" for k in sorted(leaves) if np.isinf(cells.p[row, k])]


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
