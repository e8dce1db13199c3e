"""A model's own functions as machine code; everything else is compiled once for all models.

Four functions with one signature f(t, y, p, out) are made from a system: the fluxes, the entries of their
Jacobian, their derivatives in time, and what is written to results. They are `numba.cfunc`s of a generated
module, which holds no name or text of the model's file, only t, y[k], p[k] and numbers. The module lies in a
cache folder under a hash of its source, so that a second process finds the machine code on disk.
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
from functools import cache
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from biomulti import expression as ex
from biomulti.expression import Expression
from biomulti.system import System
from tissue._jit import cache_folder

ARRAY = types.CPointer(types.float64)
SIGNATURE = types.void(types.float64, ARRAY, ARRAY, ARRAY)
FUNCTION = types.FunctionType(SIGNATURE)
DEEP = 12  # levels of nesting written into one line before a name is given to what is below

HEADER = '''"""Machine-made rate laws; safe to delete."""
from math import *
from numba import carray, cfunc, types
from numpy import ceil, floor

ARRAY = types.CPointer(types.float64)
SIGNATURE = types.void(types.float64, ARRAY, ARRAY, ARRAY)
'''


@dataclass(frozen=True)
class CompiledModel:
    """Machine code of a system's functions, with the sparse pattern of what they write."""

    fluxes: Any
    jacobian: Any
    time_slopes: Any
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    slope_rows: NDArray[np.int64]


def compile_model(system: System) -> CompiledModel:
    """The functions of `system` that the kernels call."""
    entries = system.jacobian
    slopes = system.time_slopes
    n = (len(system.states), len(system.parameters))
    module = _module(
        HEADER
        + _function("fluxes", [f.law for f in system.fluxes], *n)
        + _function("jacobian", [e for _, _, e in entries], *n)
        + _function("time_slopes", [e for _, e in slopes], *n)
    )
    return CompiledModel(
        fluxes=module.fluxes,
        jacobian=module.jacobian,
        time_slopes=module.time_slopes,
        rows=np.array([j for j, _, _ in entries], dtype=np.int64),
        columns=np.array([k for _, k, _ in entries], dtype=np.int64),
        slope_rows=np.array([j for j, _ in slopes], dtype=np.int64),
    )


def compile_function(expressions: Sequence[Expression], states: int, parameters: int) -> Any:
    """One function that writes the values of `expressions`, [len(expressions)]."""
    return _module(HEADER + _function("values", expressions, states, parameters)).values


def _function(name: str, results: Sequence[Expression], states: int, parameters: int) -> str:
    lines = ["", "", "@cfunc(SIGNATURE, cache=True, error_model='numpy')", f"def {name}(t, y, p, out):"]
    for array, size in (("y", states), ("p", parameters), ("out", len(results))):
        lines.append(f"    {array} = carray({array}, {max(size, 1)})")
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
            lines.append(f"    w{len(lines)} = {text[node]}")
            text[node], depth[node] = f"w{len(lines) - 1}", 1
    lines += [f"    out[{k}] = {text[r]}" for k, r in enumerate(results)]
    return "\n".join(lines) + "\n"


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
            out = f"({value} if {condition} != 0.0 else {out})"
        return out
    if op in ex.RELATIONS:
        return f"(1.0 if {args[0]} {ex.RELATIONS[op]} {args[1]} else 0.0)"
    if op in ex.LOGIC:
        return "(1.0 if " + ex.LOGIC[op].join(f"{a} != 0.0" for a in args) + " else 0.0)"
    if op == "xor":
        return "(1.0 if (" + " + ".join(f"({a} != 0.0)" for a in args) + ") % 2 else 0.0)"
    if op == "not":
        return f"(0.0 if {args[0]} != 0.0 else 1.0)"
    if op in INFIX:
        return "(" + INFIX[op].join(args) + ")"
    if op == "neg":
        return f"(-{args[0]})"
    if op == "factorial":
        return f"gamma({args[0]} + 1.0)"
    if op in ex.FUNCTIONS or op in ("min", "max"):
        return f"{'log' if op == 'ln' else op}({', '.join(args)})"
    raise AssertionError(f"no code for the operation {op!r}")


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
