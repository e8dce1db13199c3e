"""A model's own functions as machine code; everything else is compiled once for all models.

Functions of one signature f(t, y, p, out) are made from a system: the fluxes, the entries of their Jacobian, their
derivatives in time, the triggers of events, values of the past, and what is written to results. What the compiler reads
holds no name or text of the model's file, only t, y[k], p[k] and numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from biomulti.expression import Expression
from biomulti.instructions import Formulas, Instructions, index
from biomulti.machine_code import MachineFunction, machine_function
from biomulti.system import System

ARRAY = types.CPointer(types.float64)
SIGNATURE = types.void(types.float64, ARRAY, ARRAY, ARRAY)
FUNCTION = types.FunctionType(SIGNATURE)
LANES_SIGNATURE = types.void(ARRAY, ARRAY, ARRAY, ARRAY)
LANES_FUNCTION = types.FunctionType(LANES_SIGNATURE)
LARGE = 30_000  # characters of a function's text above which machine code is chosen in haste


@dataclass(frozen=True)
class CompiledModel:
    """Machine code of a system's functions, each made when it is first asked for."""

    system: System

    @cached_property
    def fluxes(self) -> Any:
        """F(t, y, p), [fluxes]."""
        return self._function([f.law for f in self.system.fluxes])

    @cached_property
    def jacobian(self) -> Any:
        """Entries of dF/dy, in the order of `rows` and `columns`."""
        return self._function([e for _, _, e in self.system.jacobian])

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        return np.array([j for j, _, _ in self.system.jacobian], dtype=np.int64)

    @cached_property
    def columns(self) -> NDArray[np.int64]:
        return np.array([k for _, k, _ in self.system.jacobian], dtype=np.int64)

    @cached_property
    def time_slopes(self) -> Any:
        """dF/dt at fixed y of the fluxes `slope_rows`."""
        return self._function([e for _, e in self.system.time_slopes])

    @cached_property
    def slope_rows(self) -> NDArray[np.int64]:
        return np.array([j for j, _ in self.system.time_slopes], dtype=np.int64)

    @cached_property
    def triggers(self) -> Any:
        """Not 0 where an event's trigger holds, [events]."""
        return self._function([o.trigger for o in self.system.occurrences])

    @cached_property
    def lags(self) -> Any:
        """How long ago the values are that `past` gives, [delays]."""
        return self._function([d.lag for d in self.system.delays])

    @cached_property
    def past(self) -> Any:
        """What was then, from the time and the state then, [delays]."""
        return self._function([d.value for d in self.system.delays])

    def _function(self, expressions: Sequence[Expression]) -> Any:
        return compile_function(expressions)


def compile_model(system: System) -> CompiledModel:
    """The functions of `system` that the kernels call."""
    return CompiledModel(system)


def compile_function(expressions: Sequence[Expression]) -> MachineFunction:
    """f(t, y, p, out) of SIGNATURE, which writes the values of `expressions`, [len(expressions)]."""
    return _compiled(expressions, 1, "double %t", SIGNATURE)


def compile_lanes(expressions: Sequence[Expression], lanes: int) -> MachineFunction:
    """f(t, y, p, out) of LANES_SIGNATURE, which works on `lanes` points at once.

    t [lanes], y [states, lanes], p [parameters, lanes] and out [len(expressions), lanes] hold one point in every lane.
    All lanes have the bits that `compile_function` gives.
    """
    return _compiled(expressions, lanes, "ptr noalias readonly %t", LANES_SIGNATURE)


def _compiled(expressions: Sequence[Expression], lanes: int, time: str, signature: Any) -> MachineFunction:
    out = Instructions(lanes)

    def leaf(node: Expression) -> str:
        if node.op == "time":
            return "%t" if time == "double %t" else out.load("%t", 0)
        return out.load(f"%{node.op}", index(node))

    formulas = Formulas(out, leaf)
    for k, expression in enumerate(expressions):
        out.store(formulas.number(expression), "%out", k)
        formulas.forget_leaves()
    head = f"define void @values({time}, ptr noalias readonly %y, ptr noalias readonly %p, ptr noalias %out) {{"
    text = "\n".join([*out.declarations(), head, *out.lines, "  ret void", "}"])
    return machine_function(text, "values", signature, level=2 if len(text) < LARGE else 0)
