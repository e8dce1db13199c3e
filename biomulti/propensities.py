"""Propensities at any size: laws of mass action from arrays, other laws by their shape.

A law of mass action of at most two reactants,

    a = c(p) y_k (y_l + d),    c(p) = number  or  number p_q  or any formula over the parameters,

is a row of arrays, which one precompiled kernel evaluates. Any other law is a *shape*, the formula without its
numbers and indices, and the list of these: ten thousand Hill functions are one shape, compiled once.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from biomulti import expression as ex
from biomulti.compile import ARRAY
from biomulti.expression import Expression
from biomulti.instructions import Formulas, Instructions, constant
from biomulti.machine_code import MachineFunction, machine_function

LAW_SIGNATURE = types.float64(types.int64, types.int64, ARRAY, ARRAY, types.CPointer(types.int64), ARRAY)
LAW = types.FunctionType(LAW_SIGNATURE)
MASS_ACTION, COMPUTED, GENERAL = 0, 1, 2  # kinds: c is number p_q; c is a shape; the whole law is a shape
HIGHEST_POWER = 2  # reactants of a law that is read from arrays


@dataclass(frozen=True)
class MassAction:
    """number * coefficient(p) * product over `factors` of (y_k + d), d = 0 first."""

    number: float
    coefficient: Expression
    factors: tuple[tuple[int, float], ...]


def mass_action(law: Expression) -> MassAction | None:
    """`law` over ("y", k) and ("p", k) as a law of mass action, or None if it is none."""
    found = _Factors()
    if not found.take(law, 1):
        return None
    coefficient = ex.divide(ex.multiply(*found.over), ex.multiply(*found.under))
    return MassAction(found.number, coefficient, tuple(sorted(found.states, key=lambda f: f[1] != 0.0)))


def never_negative(law: MassAction, counts: Collection[int]) -> bool:
    """True if the law cannot be negative as long as its coefficient is not, and the states `counts` are whole amounts.

    It reads no other state, and of each the factors y, y - 1, ... y - m are all there, or none is subtracted from.
    """
    factors = set(law.factors)
    whole = all(k in counts for k, _ in factors)
    return (
        whole
        and law.number >= 0.0
        and all(d >= 0.0 or (d.is_integer() and (k, d + 1.0) in factors) for k, d in factors)
    )


def suffices(law: MassAction, change: Mapping[int, float]) -> bool:
    """True if the law vanishes wherever there is less than a firing takes: y (y - 1) ... for each amount taken."""
    factors = set(law.factors)
    return all((k, -float(m)) in factors for k, n in change.items() for m in range(int(max(-n, 0.0))))


class _Factors:
    """A product, taken apart."""

    def __init__(self) -> None:
        self.number = 1.0
        self.over: list[Expression] = []
        self.under: list[Expression] = []
        self.states: list[tuple[int, float]] = []

    def take(self, node: Expression, sign: int) -> bool:
        """Multiply by `node` (divide, if sign is -1); False if that leaves no law of mass action."""
        if node.value is not None:
            self.number = self.number * node.value if sign > 0 else self.number / node.value if node.value else np.nan
            return True
        if not any(n.op in ("y", "time") for n in ex.walk(node)):
            (self.over if sign > 0 else self.under).append(node)
            return True
        if node.op == "mul":
            return all(self.take(factor, sign) for factor in node.children)
        if node.op == "neg":
            self.number = -self.number
            return self.take(node.children[0], sign)
        if node.op == "div":
            return self.take(node.children[0], sign) and self.take(node.children[1], -sign)
        return sign > 0 and self._take_states(node)

    def _take_states(self, node: Expression) -> bool:
        if node.op == "pow":
            base, exponent = node.children
            powers = [n for n in range(1, HIGHEST_POWER + 1) if exponent.value == n]
            return bool(powers) and all(self.take(base, 1) for _ in range(powers[0]))
        line = _line(node)
        if line is None:
            return False
        slope, k, at_zero = line
        self.number *= slope
        self.states.append((k, at_zero / slope))
        return True


def _line(node: Expression) -> tuple[float, int, float] | None:
    """`node` as slope * y_k + at_zero with numbers only, or None."""
    if node.op == "y":
        return 1.0, int(node.args[0]), 0.0  # type: ignore[arg-type]
    if node.op == "neg":
        line = _line(node.children[0])
        return None if line is None else (-line[0], line[1], -line[2])
    if node.op == "mul" and len(node.children) == 2 and node.children[0].value:
        line, by = _line(node.children[1]), float(node.children[0].value)
        return None if line is None else (by * line[0], line[1], by * line[2])
    if node.op == "div" and node.children[1].value:
        line, by = _line(node.children[0]), float(node.children[1].value)
        return None if line is None else (line[0] / by, line[1], line[2] / by)
    if node.op == "add" and len(node.children) == 2:
        states = [c for c in node.children if c.value is None]
        line = _line(states[0]) if len(states) == 1 else None
        at_zero = sum(c.value for c in node.children if c.value is not None)
        return None if line is None else (line[0], line[1], line[2] + at_zero)
    return None


@dataclass(frozen=True)
class PropensityTables:
    """Arrays that a kernel evaluates propensities from.

    kind [reactions]; first, second [reactions]: the reactants k and l, or `states` where there is none, which the
    kernel holds a 1 for; offset [reactions]: d; number, parameter [reactions]: of c, with `parameters` for none;
    shape, leaf [reactions]: of what is not a law of mass action, or of its c; leaves, numbers: what shapes read.
    """

    kind: NDArray[np.int8]
    first: NDArray[np.int32]
    second: NDArray[np.int32]
    offset: NDArray[np.float64]
    number: NDArray[np.float64]
    parameter: NDArray[np.int32]
    shape: NDArray[np.int64]
    leaf: NDArray[np.int64]
    leaves: NDArray[np.int64]
    numbers: NDArray[np.float64]
    shapes: tuple[Expression, ...]

    @cached_property
    def laws(self) -> MachineFunction:
        """Machine code of the shapes: laws(shape, leaf, y, p, leaves, numbers)."""
        return machine_function(_laws_source(self.shapes), "laws", LAW_SIGNATURE)

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The arrays in the order that kernels take them."""
        return (
            self.kind, self.first, self.second, self.offset, self.number, self.parameter,
            self.shape, self.leaf, self.leaves, self.numbers,
        )  # fmt: skip


def tables(laws: Sequence[Expression], states: int, parameters: int) -> PropensityTables:
    """Tables of the laws, over ("y", k) and ("p", k), of a network with so many states and parameters."""
    made = _Tables(len(laws), states, parameters)
    for j, law in enumerate(laws):
        made.add(j, law)
    return PropensityTables(
        made.kind, made.first, made.second, made.offset, made.number, made.parameter, made.shape, made.leaf,
        np.array([*made.leaves, 0], dtype=np.int64), np.array([*made.numbers, 0.0]), tuple(made.shapes),
    )  # fmt: skip


class _Tables:
    """Tables being filled."""

    def __init__(self, reactions: int, states: int, parameters: int) -> None:
        self.kind = np.full(reactions, MASS_ACTION, dtype=np.int8)
        self.first = np.full(reactions, states, dtype=np.int32)
        self.second = np.full(reactions, states, dtype=np.int32)
        self.offset = np.zeros(reactions)
        self.number = np.ones(reactions)
        self.parameter = np.full(reactions, parameters, dtype=np.int32)
        self.shape = np.zeros(reactions, dtype=np.int64)
        self.leaf = np.zeros(reactions, dtype=np.int64)
        self.leaves: list[int] = []
        self.numbers: list[float] = []
        self.shapes: dict[Expression, int] = {}

    def add(self, j: int, law: Expression) -> None:
        found = mass_action(law)
        shifted = [d for _, d in found.factors if d != 0.0] if found is not None else []
        if found is None or len(found.factors) > HIGHEST_POWER or len(shifted) > (len(found.factors) > 1):
            self.kind[j] = GENERAL
            self._describe(j, law)
            return
        for column, (k, d) in zip((self.first, self.second), found.factors, strict=False):
            column[j] = k
            self.offset[j] = d
        if found.coefficient == ex.ONE:
            self.number[j] = found.number
        elif found.coefficient.op == "p":
            self.number[j], self.parameter[j] = found.number, int(found.coefficient.args[0])  # type: ignore[arg-type]
        else:
            self.kind[j] = COMPUTED
            self._describe(j, ex.multiply(ex.number(found.number), found.coefficient))

    def _describe(self, j: int, formula: Expression) -> None:
        shape, leaves = shape_of(formula)
        self.shape[j] = self.shapes.setdefault(shape, len(self.shapes))
        self.leaf[j] = len(self.leaves)
        for leaf in leaves:
            if leaf.value is not None:
                self.leaves.append(len(self.numbers))
                self.numbers.append(leaf.value)
            else:
                self.leaves.append(int(leaf.args[0]))  # type: ignore[arg-type]


def shape_of(formula: Expression) -> tuple[Expression, list[Expression]]:
    """The formula with its leaves numbered as they come, and the leaves; numbers in exponents stay in the shape."""
    done: dict[Expression, Expression] = {}
    leaves: list[Expression] = []
    for node in ex.walk(formula):
        if node.children:
            children = [done[c] for c in node.children]
            if node.op == "pow" and node.children[1].value is not None:
                children[1] = node.children[1]
            done[node] = Expression(node.op, *children)
        else:
            done[node] = Expression(f"{node.op} leaf", len(leaves))
            leaves.append(node)
    return done[formula], leaves


def _laws_source(shapes: Sequence[Expression]) -> str:
    out = Instructions()

    def leaf(node: Expression) -> str:
        place = out.value(f"add i64 %start, {int(node.args[0])}")  # type: ignore[arg-type]
        at = out.value(f"getelementptr i64, ptr %leaves, i64 {place}")
        element = out.value(f"load i64, ptr {at}")
        return out.value(f"load double, ptr {out.value(f'getelementptr double, ptr {ARRAYS[node.op]}, i64 {element}')}")

    cases = " ".join(f"i64 {number}, label %shape{number}" for number in range(len(shapes)))
    out.line(f"switch i64 %shape, label %none [{cases}]")
    for number, shape in enumerate(shapes):
        out.line(f"shape{number}:")
        out.line(f"ret double {Formulas(out, leaf).number(shape)}")
    out.line("none:")
    out.line(f"ret double {constant(math.nan)}")
    head = "define double @laws(i64 %shape, i64 %start, ptr %y, ptr %p, ptr %leaves, ptr %numbers) {"
    return "\n".join([*out.declarations(), head, *out.lines, "}"])


ARRAYS = {"y leaf": "%y", "p leaf": "%p", "num leaf": "%numbers"}
