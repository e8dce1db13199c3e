"""What flows and what fires, for the kernel that advances them: functions, patterns and tables made from a system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from biomulti import expression as ex
from biomulti._kernels_lanes import advance_lanes
from biomulti.cells import CellPopulation
from biomulti.compile import compile_function, compile_lanes
from biomulti.expression import Expression
from biomulti.propensities import MassAction, mass_action, never_negative
from biomulti.rosenbrock import RODAS5P
from biomulti.runge_kutta import BS3, DP5
from biomulti.sparse import Elimination, elimination
from biomulti.system import System, reads

LANES = 8  # rows side by side, which fill the widest registers there are
ALONE_BELOW = 3  # rows for which lanes would rather stay empty
LARGEST_CHUNK = 512  # rows that a thread takes at a time: at the end of each lanes wait for the slowest
FLOWING, FIRING = "flowing", "firing"
SHARE = 0.1  # of the tolerance that a step of what flows alone may use: the errors of many steps add up

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Flow:
    """A system of which the fluxes `active` flow, or fire where `fires` says so; no delays, no algebraic rules.

    fires, adaptive [fluxes]: those that fire, and of these those that flow where a row's amounts allow it; counted
    [states]: amounts of what reactions that fire count, which stay whole or positive.
    """

    system: System
    active: Booleans
    fires: Booleans
    adaptive: Booleans
    counted: Booleans
    tolerance: float

    def advance(
        self,
        cells: CellPopulation,
        due: Floats,
        times: Floats,
        out: Floats,
        cursor: Integers,
        budget: int,
        status: Integers,
    ) -> None:
        """Bring every row to the last of `times`, or as far as `budget` steps of it, an event or a failure let it.

        due: [rows], a moment at which a row stops with EVENT; the rest as in `Exact.advance`.
        """
        lanes = 1 if cells.rows < ALONE_BELOW else LANES
        share = -(-cells.rows // numba.get_num_threads())
        chunk = max(1, min(LARGEST_CHUNK, lanes * -(-share // lanes)))
        e, s, pattern, tolerance = self._explicit, RODAS5P, self._pattern, self.tolerance
        advance_lanes(lanes)(
            chunk,
            (*self._functions(lanes), self._laws),
            (self._order, self._rank, pattern.start, pattern.diagonal,
             pattern.columns, *self._places, np.flatnonzero(self.adaptive)),
            (e.a, e.m, e.e, e.alpha, e.dense, float(e.order), e.stable),
            (s.gamma, s.a, s.c, s.alpha, s.gammas, s.dense, float(s.order)),
            (tolerance if self._firing else SHARE * tolerance, cells.from_zero, bool(self._drifts), self._firing,
             bool(self._guarded), self._firing or bool(self._drifts)),
            self.counted[self._order[: len(self._flowing)]],
            self._net, self._followers_of_lanes,
            self._watched, len(self._watches), cells.agenda.armed, due,
            cells.fires if self.adaptive.any() else np.tile(self.fires & self.active, (cells.rows, 1)),
            (self.adaptive, self._whole, self._may_stop), cells.reference,
            (cells.y, cells.p, cells.peak, cells.step, cells.clock, cells.mode, cursor, cells.counts, status),
            cells.rng, cells.left, times, out, budget,
        )  # fmt: skip

    @property
    def _explicit(self) -> Any:
        # where firings end steps, a cheap one is better than an accurate one
        return BS3 if self._firing else DP5

    @cached_property
    def _firing(self) -> bool:
        return bool(np.any(self.fires | self.adaptive))

    @cached_property
    def _shapes(self) -> list[MassAction | None]:
        return [mass_action(f.law) for f in self.system.fluxes]

    @cached_property
    def _rates(self) -> list[Expression]:
        """The fluxes, which are 0 where what they would take of a counted state is not there.

        What flows out of less than a molecule fades with it: a rate that jumped to 0 there would hold the state at the
        jump, which costs steps without end.
        """
        out = []
        for j, flux in enumerate(self.system.fluxes):
            law, shape = flux.law, self._shapes[j]
            taken = {k: n for k, n in flux.change.items() if n < 0.0 and self.counted[k]}
            if self.fires[j] or self.adaptive[j]:
                law = _while_there(law, {k: -n for k, n in taken.items() if k in self._flowing})
            elif self.active[j] and not (shape and all((k, 0.0) in shape.factors for k in taken)):
                law = ex.multiply(law, *(Expression("min", ex.ONE, Expression("y", k)) for k in taken))
            out.append(law)
        return out

    @cached_property
    def _flowing(self) -> set[int]:
        """States that something which may flow changes."""
        flows = np.flatnonzero(self.active & (~self.fires | self.adaptive))
        return {k for j in flows for k in self.system.fluxes[j].change}

    @cached_property
    def _terms(self) -> list[tuple[int, int, float, str]]:
        """Of what flows and of the hazard, which is one more state: flux, state, number, and while it does what."""
        hazard = len(self.system.states)
        terms = []
        for j, flux in enumerate(self.system.fluxes):
            if not self.active[j]:
                continue
            if self.adaptive[j] or not self.fires[j]:
                terms += [(j, k, n, FLOWING) for k, n in flux.change.items()]
            if (self.adaptive[j] or self.fires[j]) and flux.follows < 0:
                terms.append((j, hazard, 1.0, FIRING))
        return terms

    def _weighted(self, j: int, doing: str, formula: Expression) -> Expression:
        """`formula` while flux j fires, or flows, else 0: weights of what does either follow the parameters."""
        if not self.adaptive[j]:
            return formula
        place = len(self.system.parameters) + int(np.sum(self.adaptive[:j]))
        weight = Expression("p", place)
        if doing == FIRING:
            weight = ex.subtract(ex.ONE, weight)
        return ex.multiply(weight, formula)

    @cached_property
    def _static_flows(self) -> Booleans:
        return self.active & ~self.fires & ~self.adaptive

    @cached_property
    def _may_stop(self) -> bool:
        """True if nothing changes between firings in a row where all that is adaptive fires."""
        return not self._static_flows.any() and not self.system.varies_between_firings

    @cached_property
    def _whole(self) -> Booleans:
        """States that hold whole molecules where all that is adaptive fires, [states]."""
        whole = np.ones(len(self.system.states), dtype=bool)
        whole[[k for j in np.flatnonzero(self._static_flows) for k in self.system.fluxes[j].change]] = False
        return whole

    @cached_property
    def _slopes(self) -> dict[int, Expression]:
        return _sums((k, n, self._weighted(j, doing, self._rates[j])) for j, k, n, doing in self._terms)

    @cached_property
    def _derivatives(self) -> dict[int, dict[int, Expression]]:
        """Of each flux by each state it reads, where that is not 0."""
        known: dict[int, dict[int, Expression]] = {}
        for j, k, slope in self.system.jacobian:
            known.setdefault(j, {})[k] = slope
        for j, rate in enumerate(self._rates):
            if rate is not self.system.fluxes[j].law:
                found = {k: ex.derivative(rate, Expression("y", k)) for k in sorted(reads(rate))}
                known[j] = {k: slope for k, slope in found.items() if slope != ex.ZERO}
        return known

    @cached_property
    def _jacobian(self) -> dict[tuple[int, int], Expression]:
        """Entries by the states, or hazard, that move."""
        return _sums(
            ((i, k), n, self._weighted(j, doing, slope))
            for j, i, n, doing in self._terms
            for k, slope in self._derivatives.get(j, {}).items()
            if k in self._flowing
        )

    @cached_property
    def _drifts(self) -> dict[int, Expression]:
        """How slopes depend on time at fixed y."""
        found = {j: ex.derivative(self._rates[j], ex.TIME) for j in {term[0] for term in self._terms}}
        return _sums(
            (k, n, self._weighted(j, doing, found[j])) for j, k, n, doing in self._terms if found[j] != ex.ZERO
        )

    @cached_property
    def _guarded(self) -> list[Expression]:
        """Laws of what fires that may be negative."""
        whole = [k for k in range(len(self.system.states)) if self.counted[k] and k not in self._flowing]
        return [
            self._weighted(int(j), FIRING, self._rates[j])
            for j in np.flatnonzero((self.fires | self.adaptive) & self.active)
            if not ((shape := self._shapes[j]) and shape.coefficient.value is not None and never_negative(shape, whole))
        ]

    @cached_property
    def _moving(self) -> list[int]:
        """States that something which may flow changes, and where something may fire the hazard."""
        states = len(self.system.states)
        return [*sorted(self._flowing), *([states] if self._firing else [])]

    @cached_property
    def _pattern(self) -> Elimination:
        place = {k: r for r, k in enumerate(self._moving)}
        return elimination(len(place), [(place[r], place[c]) for r, c in self._jacobian], last=int(self._firing))

    @cached_property
    def _order(self) -> Integers:
        """Where states are in lanes: those that move in the order of elimination, -1 for the hazard, the others."""
        states = len(self.system.states)
        first = [self._moving[r] for r in self._pattern.order]
        still = [k for k in range(states) if k not in self._flowing]
        return np.array([k if k < states else -1 for k in [*first, *still]], dtype=np.int64)

    @cached_property
    def _rank(self) -> Integers:
        """Where each state is in lanes, [states]."""
        return np.argsort(self._order)[int(self._firing) :]

    @cached_property
    def _places(self) -> tuple[Integers, Integers]:
        """Of each Jacobian entry, where it is in the matrix, and its row."""
        rank = dict(zip(self._moving, map(int, self._pattern.rank), strict=True))
        places = [self._pattern.entry(rank[r], rank[c]) for r, c in self._jacobian]
        return np.array(places, dtype=np.int64), np.array([rank[r] for r, _ in self._jacobian], dtype=np.int64)

    @cached_property
    def _laws(self) -> Any:
        return compile_function(self._rates)

    @cached_property
    def _watches(self) -> list[Expression]:
        """Triggers of events, and the comparisons of those that have several."""
        triggers = [o.trigger for o in self.system.occurrences]
        parts: dict[Expression, None] = {}
        for trigger in triggers:
            compared = [n for n in ex.walk(trigger) if n.op in ex.RELATIONS]
            parts |= dict.fromkeys(compared if len(compared) > 1 else ())
        return [*triggers, *(p for p in parts if p not in triggers)]

    @cached_property
    def _watched(self) -> Any:
        return compile_function(self._watches)

    @cached_property
    def _compiled(self) -> dict[int, tuple[Any, ...]]:
        return {}

    def _functions(self, lanes: int) -> tuple[Any, ...]:
        """Slopes, Jacobian entries, drifts, guard and rates of what fires, of `lanes` rows, with states in `_order`."""
        if lanes not in self._compiled:
            states, order = (
                [Expression("y", int(r)) for r in self._rank],
                [self._moving[r] for r in self._pattern.order],
            )

            def moved(leaf: Expression) -> Expression | None:
                return states[int(leaf.args[0])] if leaf.op == "y" else None  # type: ignore[arg-type]

            def function(formulas: Iterable[Expression]) -> Any:
                return compile_lanes([ex.substitute(f, moved) for f in formulas], lanes)

            self._compiled[lanes] = (
                function(self._slopes.get(int(k), ex.ZERO) for k in order),
                function(self._jacobian.values()),
                function(self._drifts.get(int(k), ex.ZERO) for k in order) if self._drifts else function(()),
                function([Expression("min", ex.ZERO, *self._guarded)] if self._guarded else ()),
                function(self._rates[j] for j in [*self._may_fire, *self._followers[1]]),
            )
        return self._compiled[lanes]

    @cached_property
    def _may_fire(self) -> Integers:
        return np.flatnonzero((self.fires | self.adaptive) & self.active)

    @cached_property
    def _net(self) -> tuple[Integers, Integers, Floats, Integers]:
        """What firings change: start [fluxes + 1], states and numbers; and what may fire."""
        changes = [f.change if j in self._may_fire else {} for j, f in enumerate(self.system.fluxes)]
        start = np.cumsum([0, *map(len, changes)]).astype(np.int64)
        states = np.array([k for change in changes for k in change], dtype=np.int64)
        numbers = np.array([n for change in changes for n in change.values()], dtype=np.float64)
        return start, states, numbers, self._may_fire

    @cached_property
    def _followers(self) -> tuple[Integers, Integers, Integers, Floats]:
        return followers(self.system, self.fires)

    @cached_property
    def _followers_of_lanes(self) -> tuple[Integers, Integers, Integers, Floats]:
        """As `followers`, with places among the rates of what fires instead of fluxes."""
        start, fluxes, states, signs = self._followers
        return start, len(self._may_fire) + np.arange(len(fluxes)), states, signs


def followers(system: System, fires: Booleans) -> tuple[Integers, Integers, Integers, Floats]:
    """Of each flux that fires, those that follow it: start [fluxes + 1], fluxes, states and signs."""
    fluxes = system.fluxes
    found = sorted((f.follows, j) for j, f in enumerate(fluxes) if f.follows >= 0 and fires[f.follows])
    changes = [next(iter(fluxes[j].change.items())) for _, j in found]
    return (
        np.searchsorted([leader for leader, _ in found], np.arange(len(fluxes) + 1)).astype(np.int64),
        np.array([j for _, j in found], dtype=np.int64),
        np.array([k for k, _ in changes], dtype=np.int64),
        np.array([sign for _, sign in changes], dtype=np.float64),
    )


def _while_there(law: Expression, needed: Mapping[int, float]) -> Expression:
    """`law` where there is as much of every state as is needed, else 0."""
    conditions = [Expression("ge", Expression("y", k), ex.number(n)) for k, n in needed.items()]
    if not conditions:
        return law
    condition = conditions[0] if len(conditions) == 1 else Expression("and", *conditions)
    return Expression("piecewise", law, condition, ex.ZERO)


def _sums(terms: Iterable[tuple[Any, float, Expression]]) -> dict[Any, Expression]:
    """Of (key, number, expression), for each key the sum of number times expression."""
    found: dict[Any, list[Expression]] = {}
    for key, number, expression in terms:
        found.setdefault(key, []).append(ex.multiply(ex.number(number), expression))
    return {key: ex.add(*parts) for key, parts in found.items()}
