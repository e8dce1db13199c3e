"""Everything flows: the functions and the pattern that the kernel of the ODE method takes, made from a system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from biomulti import expression as ex
from biomulti._kernels_ode import advance_ode
from biomulti.cells import CellPopulation
from biomulti.compile import CompiledModel, compile_lanes
from biomulti.expression import Expression
from biomulti.rosenbrock import RODAS5P
from biomulti.sparse import Elimination, elimination
from biomulti.system import System

LANES = 8  # rows side by side, which fill the widest registers there are
ALONE_BELOW = 3  # rows for which lanes would rather stay empty
LARGEST_CHUNK = 64  # rows that a thread takes at a time

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Flow:
    """A system of which the fluxes `active` flow and nothing fires; no delays, no algebraic rules."""

    system: System
    model: CompiledModel
    active: NDArray[np.bool_]
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
        pattern, m = self._pattern, RODAS5P
        advance_ode[lanes](
            (0,) * lanes, chunk,
            *self._functions(lanes), self.model.fluxes,
            (pattern.order, pattern.start, pattern.diagonal, pattern.columns, self._places, len(self.system.fluxes)),
            (m.gamma, m.a, m.c, m.alpha, m.gammas, m.dense, float(m.order)),
            (self.tolerance, cells.from_zero, bool(self._drifts)),
            self.model.triggers, cells.agenda.armed, due,
            (cells.y, cells.p, cells.peak, cells.step, cells.clock, cursor, cells.counts, status),
            times, out, budget,
        )  # fmt: skip

    @cached_property
    def _moving(self) -> list[tuple[int, Mapping[int, float]]]:
        return [(j, f.change) for j, f in enumerate(self.system.fluxes) if self.active[j]]

    @cached_property
    def _slopes(self) -> dict[int, Expression]:
        """dy/dt of the states that move."""
        return _sums((k, n, self.system.fluxes[j].law) for j, change in self._moving for k, n in change.items())

    @cached_property
    def _jacobian(self) -> dict[tuple[int, int], Expression]:
        change = dict(self._moving)
        return _sums(((i, k), n, e) for j, k, e in self.system.jacobian if j in change for i, n in change[j].items())

    @cached_property
    def _drifts(self) -> dict[int, Expression]:
        """How dy/dt depends on time at fixed y."""
        change = dict(self._moving)
        return _sums((k, n, e) for j, e in self.system.time_slopes if j in change for k, n in change[j].items())

    @cached_property
    def _pattern(self) -> Elimination:
        return elimination(len(self.system.states), self._jacobian)

    @cached_property
    def _places(self) -> Integers:
        """Of each Jacobian entry, where it is in the matrix."""
        rank = self._pattern.rank
        return np.array([self._pattern.entry(rank[r], rank[c]) for r, c in self._jacobian], dtype=np.int64)

    @cached_property
    def _compiled(self) -> dict[int, tuple[Any, Any, Any]]:
        return {}

    def _functions(self, lanes: int) -> tuple[Any, Any, Any]:
        """Slopes, Jacobian entries and drifts of `lanes` rows, with states in the order of elimination."""
        if lanes not in self._compiled:
            order, states = self._pattern.order, [Expression("y", int(r)) for r in self._pattern.rank]

            def moved(leaf: Expression) -> Expression | None:
                return states[int(leaf.args[0])] if leaf.op == "y" else None  # type: ignore[arg-type]

            def function(formulas: list[Expression]) -> Any:
                return compile_lanes([ex.substitute(f, moved) for f in formulas], lanes)

            self._compiled[lanes] = (
                function([self._slopes.get(int(k), ex.ZERO) for k in order]),
                function(list(self._jacobian.values())),
                function([self._drifts.get(int(k), ex.ZERO) for k in order] if self._drifts else []),
            )
        return self._compiled[lanes]


def _sums(terms: Any) -> dict[Any, Expression]:
    """Of (key, number, expression), for each key the sum of number times expression."""
    found: dict[Any, list[Expression]] = {}
    for key, number, expression in terms:
        found.setdefault(key, []).append(ex.multiply(ex.number(number), expression))
    return {key: ex.add(*parts) for key, parts in found.items()}
