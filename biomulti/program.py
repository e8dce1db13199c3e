"""Formulas as programs: arrays that a kernel executes, where machine code would cost more to make than it saves.

What an event does is worked out at moments that are rare; a program is ready at once, and is executed by a kernel that
is compiled once for all models. A program computes one number after another, each by an operation from numbers computed
before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomulti import expression as ex
from biomulti._operations import CODES
from biomulti.expression import Expression

FOLDED = ("add", "mul", "and", "or", "xor")  # taken two by two, from the left


@dataclass(frozen=True)
class Program:
    """code [steps, 6]: operation and what it takes, numbers of earlier steps or an index; numbers [constants]; start
    [programs + 1]: where each program begins; results, where the results of each begin: [programs + 1] and steps."""

    code: NDArray[np.int64]
    numbers: NDArray[np.float64]
    start: NDArray[np.int64]
    first_result: NDArray[np.int64]
    results: NDArray[np.int64]

    @property
    def longest(self) -> int:
        """Steps of the longest program, 1 at least."""
        return int(max(1, np.max(np.diff(self.start), initial=0)))


def program(blocks: Sequence[Sequence[Expression]]) -> Program:
    """A program for each block of formulas over y, p, v and time."""
    code: list[list[int]] = []
    numbers: list[float] = []
    results: list[int] = []
    start, first_result = [0], [0]
    for block in blocks:
        writer = _Writer(numbers)
        results += [writer.step(formula) for formula in block]
        code += writer.code
        start.append(len(code))
        first_result.append(len(results))
    return Program(
        code=np.array(code, dtype=np.int64).reshape(-1, 6),
        numbers=np.array(numbers or [0.0]),
        start=np.array(start, dtype=np.int64),
        first_result=np.array(first_result, dtype=np.int64),
        results=np.array(results, dtype=np.int64),
    )


class _Writer:
    """Writes the steps of one program."""

    def __init__(self, numbers: list[float]) -> None:
        self.numbers = numbers
        self.code: list[list[int]] = []
        self.done: dict[Expression, int] = {}

    def step(self, root: Expression) -> int:
        """The step that computes `root`."""
        for node in ex.walk(root):
            if node not in self.done:
                self.done[node] = self._write(node, [self.done[c] for c in node.children])
        return self.done[root]

    def _append(self, name: str, *taken: int) -> int:
        self.code.append([CODES[name], *taken, *([0] * (5 - len(taken)))])
        return len(self.code) - 1

    def _write(self, node: Expression, args: list[int]) -> int:
        if node.op == "num":
            self.numbers.append(float(node.args[0]))  # type: ignore[arg-type]
            return self._append("num", len(self.numbers) - 1)
        if node.op in ("y", "p", "v"):
            return self._append(node.op, int(node.args[0]))  # type: ignore[arg-type]
        if node.op == "draw":
            return self._append(f"draw_{node.args[0]}{len(args)}", *args)
        if node.op in FOLDED:
            out = args[0]
            for arg in args[1:]:
                out = self._append(node.op, out, arg)
            return out if len(args) > 1 or node.op in ("add", "mul") else self._append("or", out, out)
        if node.op == "piecewise":
            out = args[-1]
            for value, condition in zip(args[-3::-2], args[-2::-2], strict=True):
                out = self._append("select", condition, value, out)
            return out
        return self._append(node.op, *args)
