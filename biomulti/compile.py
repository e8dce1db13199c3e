"""A model's own functions as machine code; everything else is compiled once for all models.

Functions of one signature f(t, y, p, out) are made from a system: the fluxes, the entries of their Jacobian, their
derivatives in time, the triggers of events, values of the past, and what is written to results. What the compiler reads
holds no name or text of the model's file, only t, y[k], p[k] and numbers.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from biomulti import expression as ex
from biomulti.expression import Expression
from biomulti.instructions import Formulas, Instructions
from biomulti.machine_code import MachineFunction, machine_function
from biomulti.system import System
from tissue._jit import cache_folder

ARRAY = types.CPointer(types.float64)
SIGNATURE = types.void(types.float64, ARRAY, ARRAY, ARRAY)
FUNCTION = types.FunctionType(SIGNATURE)
LANES_SIGNATURE = types.void(ARRAY, ARRAY, ARRAY, ARRAY)
LANES_FUNCTION = types.FunctionType(LANES_SIGNATURE)
DEEP = 12  # levels of nesting written into one line before a name is given to what is below

HEADER = '''"""Machine-made rate laws; safe to delete."""
from math import *
from numba import carray, cfunc, njit, types
from numpy import ceil, floor

ARRAY = types.CPointer(types.float64)
SIGNATURE = types.void(types.float64, ARRAY, ARRAY, ARRAY)
'''
SELECT = """

@njit
def select(condition, value, otherwise):
    return value if condition else otherwise
"""


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
    return machine_function(_source(expressions, 1, "double %t"), "values", SIGNATURE)


def compile_lanes(expressions: Sequence[Expression], lanes: int) -> MachineFunction:
    """f(t, y, p, out) of LANES_SIGNATURE, which works on `lanes` points at once.

    t [lanes], y [states, lanes], p [parameters, lanes] and out [len(expressions), lanes] hold one point in every lane.
    All lanes have the bits that `compile_function` gives.
    """
    return machine_function(_source(expressions, lanes, "ptr noalias readonly %t"), "values", LANES_SIGNATURE)


def _source(expressions: Sequence[Expression], lanes: int, time: str) -> str:
    out = Instructions(lanes)

    def leaf(node: Expression) -> str:
        if node.op == "time":
            return "%t" if time == "double %t" else out.load("%t", 0)
        if node.op not in ("y", "p"):
            raise AssertionError(f"no instruction for {node.op!r}")
        return out.load(f"%{node.op}", int(node.args[0]))  # type: ignore[arg-type]

    formulas = Formulas(out, leaf)
    for k, expression in enumerate(expressions):
        out.store(formulas.number(expression), "%out", k)
    head = f"define void @values({time}, ptr noalias readonly %y, ptr noalias readonly %p, ptr noalias %out) {{"
    return "\n".join([*out.declarations(), head, *out.lines, "ret void", "}"])


def _body(results: Sequence[Expression]) -> tuple[list[str], list[str]]:
    """Lines that name what is used more than once or lies deep, and the text of each result after them."""
    lines: list[str] = []
    uses: Counter[Expression] = Counter()
    nodes: dict[Expression, None] = {}
    for result in results:
        for node in ex.walk(result):
            if node not in nodes:
                nodes[node] = None
                uses.update(node.children)
    text: dict[Expression, str] = {}
    depth: dict[Expression, int] = {}
    for node in nodes:
        depth[node] = 1 + max((depth[c] for c in node.children), default=0)
        text[node] = _code(node, [text[c] for c in node.children])
        if node.children and (uses[node] > 1 or depth[node] > DEEP):
            lines.append(f"w{len(lines)} = {text[node]}")
            text[node], depth[node] = f"w{len(lines) - 1}", 1
    return lines, [text[r] for r in results]


def _code(node: Expression, args: list[str]) -> str:
    op = node.op
    if op == "num":
        return _number(float(node.args[0]))  # type: ignore[arg-type]
    if op in ("y", "p"):
        return f"{op}[{int(node.args[0])}]"  # type: ignore[arg-type]
    if op == "time":
        return "t"
    if op == "pow":
        return _power(node.children[1], *args)
    if op == "piecewise":
        out = args[-1]
        for value, condition in zip(args[-3::-2], args[-2::-2], strict=True):
            out = f"select({condition} != 0.0, {value}, {out})"
        return out
    # conditions are numbers made without branches, of which numba compiles only few in reasonable time
    if op in ex.RELATIONS:
        return f"(1.0 * ({args[0]} {ex.RELATIONS[op]} {args[1]}))"
    if op in BITWISE:
        return "(1.0 * (" + BITWISE[op].join(f"({a} != 0.0)" for a in args) + "))"
    if op == "not":
        return f"(1.0 * ({args[0]} == 0.0))"
    if op in INFIX:
        return "(" + INFIX[op].join(args) + ")"
    if op == "neg":
        return f"(-{args[0]})"
    if op == "factorial":
        return f"gamma({args[0]} + 1.0)"
    if op in ex.FUNCTIONS or op in ("min", "max"):
        return f"{'log' if op == 'ln' else op}({', '.join(args)})"
    raise AssertionError(f"no code for the operation {op!r}")


BITWISE = {"and": " & ", "or": " | ", "xor": " ^ "}
INFIX = {"add": " + ", "mul": " * ", "div": " / "}


def _number(x: float) -> str:
    if math.isnan(x):
        return "nan"
    if math.isinf(x):
        return "inf" if x > 0 else "(-inf)"
    return repr(x) if x >= 0 else f"({x!r})"


def _power(exponent: Expression, x: str, n: str) -> str:
    """Small whole powers by multiplication: a call of pow costs as much as twenty products."""
    if exponent.value in (2.0, 3.0, 4.0) and x.isidentifier():
        return "(" + " * ".join([x] * int(exponent.value)) + ")"
    if exponent.value is not None and exponent.value.is_integer() and abs(exponent.value) <= 64:
        positive = f"({x} ** {abs(int(exponent.value))})"
        # numba would raise an exception for 0 ** -1, whatever its error model; a division gives infinity
        return positive if exponent.value >= 0.0 else f"(1.0 / {positive})"
    if exponent.value == 0.5:
        return f"({x} ** 0.5)"
    return f"({x} ** {n})"


@cache
def _module(source: str) -> Any:
    """The generated module, imported from the cache folder."""
    if "select(" in source:
        source = source.replace(HEADER, HEADER + SELECT)
    digest = hashlib.sha256(source.encode()).hexdigest()[:24]
    name = f"_biomulti_model_{digest}"
    path = cache_folder() / f"{name}.py"
    if not path.is_file() or path.read_text() != source:
        partial = path.with_suffix(f".{os.getpid()}.tmp")
        partial.write_text(source)
        partial.replace(path)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # numba looks the module up by name when it loads cached machine code
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
