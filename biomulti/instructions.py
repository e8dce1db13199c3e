"""Expressions as instructions in LLVM's language, on one number or on several, the lanes, at once.

Nothing may change what is rounded: no instruction is marked as one that may be contracted or reordered, and lanes call
the C library one by one, so that every lane has the bits it would have alone.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from biomulti import expression as ex
from biomulti.expression import Expression
from biomulti.machine_code import C_FUNCTIONS, PREFIX

Leaf = Callable[[Expression], str]

FUNCTIONS = {name: name for name in ex.FUNCTIONS} | {"ln": "log"}  # but abs and factorial
RELATIONS = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}  # false for NaN, but ne
LOGIC = ("and", "or", "xor")
INTRINSICS = ("fabs", "sqrt")  # one instruction everywhere, rounded as IEEE 754 says
MOST_PRODUCTS = 64  # exponent up to which a power is products: a call of pow costs as much as twenty


def constant(x: float) -> str:
    """A number to the bit."""
    return "0x" + struct.pack(">d", x).hex()


def index(leaf: Expression) -> int:
    """k of y[k] or p[k]."""
    if leaf.op not in ("y", "p"):
        raise AssertionError(f"no instruction for {leaf.op!r}")
    return int(leaf.args[0])  # type: ignore[arg-type]


class Instructions:
    """The instructions of a function, as far as they are written."""

    def __init__(self, lanes: int = 1) -> None:
        self.lines: list[str] = []
        self.lanes = lanes
        self.called: set[str] = set()
        self.number = "double" if lanes == 1 else f"<{lanes} x double>"
        self.flag = "i1" if lanes == 1 else f"<{lanes} x i1>"

    def line(self, text: str) -> None:
        """Something without a value, or a label."""
        self.lines.append(text if text.endswith(":") else f"  {text}")

    def value(self, text: str) -> str:
        """The name of what an instruction gives."""
        name = f"%v{len(self.lines)}"
        self.lines.append(f"  {name} = {text}")
        return name

    def constant(self, x: float) -> str:
        """A number in every lane."""
        if self.lanes == 1:
            return constant(x)
        return "<" + ", ".join([f"double {constant(x)}"] * self.lanes) + ">"

    def load(self, array: str, index: int) -> str:
        """Element `index` of an array, [elements, lanes]."""
        return self.value(f"load {self.number}, ptr {self._place(array, index)}, align 8")

    def store(self, value: str, array: str, index: int) -> None:
        """Write element `index` of an array, [elements, lanes]."""
        place = self._place(array, index)
        self.line(f"store {self.number} {value}, ptr {place}, align 8")

    def _place(self, array: str, index: int) -> str:
        return self.value(f"getelementptr double, ptr {array}, i64 {index * self.lanes}")

    def arithmetic(self, op: str, *args: str) -> str:
        """fadd, fmul ... from left to right."""
        out = args[0]
        for arg in args[1:]:
            out = self.value(f"{op} {self.number} {out}, {arg}")
        return out

    def compare(self, relation: str, x: str, y: str) -> str:
        """A flag."""
        return self.value(f"fcmp {relation} {self.number} {x}, {y}")

    def select(self, flag: str, x: str, y: str) -> str:
        """x where the flag is set, else y."""
        return self.value(f"select {self.flag} {flag}, {self.number} {x}, {self.number} {y}")

    def intrinsic(self, name: str, x: str) -> str:
        """One of INTRINSICS."""
        kind = "f64" if self.lanes == 1 else f"v{self.lanes}f64"
        return self.value(f"call {self.number} @llvm.{name}.{kind}({self.number} {x})")

    def call(self, function: str, *args: str) -> str:
        """One of C_FUNCTIONS."""
        self.called.add(function)
        name = PREFIX + function + ("" if self.lanes == 1 else "_lanes")
        return self.value(f"call {self.number} @{name}({', '.join(f'{self.number} {a}' for a in args)})")

    def declarations(self) -> list[str]:
        """Of everything that is called, after the last call."""
        kind = "f64" if self.lanes == 1 else f"v{self.lanes}f64"
        lines = [f"declare {self.number} @llvm.{name}.{kind}({self.number})" for name in INTRINSICS]
        for name in sorted(self.called):
            count = C_FUNCTIONS[name]
            pure = "nounwind willreturn memory(none)"
            lines.append(f"declare double @{PREFIX}{name}({', '.join(['double'] * count)}) {pure}")
            if self.lanes > 1:
                lines += self._one_by_one(name, count)
        return lines

    def _one_by_one(self, function: str, count: int) -> list[str]:
        """A function of its own that calls a C function for every lane, its numbers in memory meanwhile.

        A call spares no vector register: with all the values of a model at hand each would be saved and read back for
        every lane, which took three times as long.
        """
        names, room = "xz"[:count], f"[{self.lanes} x double]"
        lines = [
            f"define internal {self.number} @{PREFIX}{function}_lanes("
            + ", ".join(f"{self.number} %{n}" for n in names)
            + ") noinline nounwind willreturn memory(none) {",
            *(f"  %{n}_all = alloca {room}, align 64" for n in (*names, "f")),
            *(f"  store {self.number} %{n}, ptr %{n}_all, align 64" for n in names),
        ]
        for lane in range(self.lanes):
            lines += [f"  %{n}_at{lane} = getelementptr {room}, ptr %{n}_all, i64 0, i64 {lane}" for n in (*names, "f")]
            lines += [f"  %{n}{lane} = load double, ptr %{n}_at{lane}" for n in names]
            args = ", ".join(f"double %{n}{lane}" for n in names)
            lines.append(f"  %f{lane} = call double @{PREFIX}{function}({args})")
            lines.append(f"  store double %f{lane}, ptr %f_at{lane}")
        return [*lines, f"  %f = load {self.number}, ptr %f_all, align 64", f"  ret {self.number} %f", "}"]


class Formulas:
    """Expressions written as instructions, each part of them once; `leaf` gives the value of y, p or time."""

    def __init__(self, out: Instructions, leaf: Leaf) -> None:
        self.out = out
        self.leaf = leaf
        self._leaves: dict[Expression, str] = {}
        self._numbers: dict[Expression, str] = {}
        self._flags: dict[Expression, str] = {}

    def number(self, root: Expression) -> str:
        """The value of `root`."""
        stack = [root]
        while stack:
            missing = [c for c in stack[-1].children if not self._written(c)]
            if missing:
                stack += reversed(missing)
                continue
            node = stack.pop()
            if not self._written(node):
                self._write(node)
        return self._number(root)

    def forget_leaves(self) -> None:
        """Have leaves read anew: what is kept for long needs a place of its own in the processor."""
        self._leaves.clear()

    def _written(self, node: Expression) -> bool:
        return not node.children or node in self._numbers or node in self._flags

    def _write(self, node: Expression) -> None:
        op, args, out = node.op, node.children, self.out
        if op in RELATIONS:
            self._flags[node] = out.compare(RELATIONS[op], *map(self._number, args))
        elif op in LOGIC:
            flag = self._flag(args[0])
            for arg in args[1:]:
                flag = out.value(f"{op} {out.flag} {flag}, {self._flag(arg)}")
            self._flags[node] = flag
        elif op == "not":
            self._flags[node] = out.compare("oeq", self._number(args[0]), out.constant(0.0))
        elif op == "piecewise":
            value = self._number(args[-1])
            for chosen, condition in zip(args[-3::-2], args[-2::-2], strict=True):
                value = out.select(self._flag(condition), self._number(chosen), value)
            self._numbers[node] = value
        else:
            self._numbers[node] = self._arithmetic(node)

    def _number(self, node: Expression) -> str:
        if node.value is not None:
            return self.out.constant(node.value)
        if not node.children:
            if node not in self._leaves:
                self._leaves[node] = self.leaf(node)
            return self._leaves[node]
        if node not in self._numbers:
            one, zero = self.out.constant(1.0), self.out.constant(0.0)
            self._numbers[node] = self.out.select(self._flags[node], one, zero)
        return self._numbers[node]

    def _flag(self, node: Expression) -> str:
        if node not in self._flags:
            self._flags[node] = self.out.compare("une", self._number(node), self.out.constant(0.0))
        return self._flags[node]

    def _arithmetic(self, node: Expression) -> str:
        op, out = node.op, self.out
        args = [self._number(c) for c in node.children]
        if op in ("add", "mul", "div"):
            return out.arithmetic(f"f{op}", *args)
        if op == "neg":
            return out.value(f"fneg {out.number} {args[0]}")
        if op == "pow":
            return self._power(args[0], args[1], node.children[1].value)
        if op in ("min", "max"):
            value = args[0]
            for arg in args[1:]:
                value = out.select(out.compare("olt" if op == "min" else "ogt", arg, value), arg, value)
            return value
        if op == "abs":
            return out.intrinsic("fabs", args[0])
        if op == "factorial":
            return out.call("tgamma", out.arithmetic("fadd", args[0], out.constant(1.0)))
        if op in FUNCTIONS:
            return out.call(FUNCTIONS[op], args[0])
        raise AssertionError(f"no instruction for the operation {op!r}")

    def _power(self, x: str, exponent: str, n: float | None) -> str:
        out, one = self.out, self.out.constant(1.0)
        if n == 0.5:
            return out.intrinsic("sqrt", x)
        if n is None or not n.is_integer() or abs(n) > MOST_PRODUCTS:
            return out.call("pow", x, exponent)
        product, square, rest = one, x, int(abs(n))
        while rest:
            if rest & 1:
                product = square if product == one else out.arithmetic("fmul", product, square)
            rest >>= 1
            if rest:
                square = out.arithmetic("fmul", square, square)
        return product if n >= 0.0 else out.arithmetic("fdiv", one, product)
