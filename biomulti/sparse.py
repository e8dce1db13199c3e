"""Sparse linear systems of one pattern that are solved many times: the order of elimination and where entries lie.

The pattern of I / (h gamma) - J is the same for every step. Eliminating first what couples to the fewest others
(minimum degree; Tinney and Walker 1967, doi:10.1109/PROC.1967.6011) keeps the factors sparse. Kernels do not pivot: a
small enough step makes the diagonal dominate, and a step that is too large for that is refused by its error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Elimination:
    """Rows of a matrix and of its factors in the order of elimination, row by row in one array of entries.

    order [size]: which variable is eliminated when; start [size + 1]: first entry of each row; diagonal [size]: the
    entry on the diagonal, before which those of the lower factor stand; columns [entries]: of each entry, as a place
    in `order`, rising within a row.
    """

    order: Integers
    start: Integers
    diagonal: Integers
    columns: Integers

    @property
    def rank(self) -> Integers:
        """The place of each variable in `order`, [size]."""
        return np.argsort(self.order)

    def entry(self, row: int, column: int) -> int:
        """The entry at two places of `order` that are in the pattern."""
        first = int(self.start[row])
        return first + int(np.searchsorted(self.columns[first : self.start[row + 1]], column))


def elimination(size: int, pattern: Iterable[tuple[int, int]], last: int = 0) -> Elimination:
    """For matrices [size, size] that may differ from 0 at the (row, column) of `pattern` and on the diagonal.

    The `last` variables are eliminated last, in their order.
    """
    found = {(r, c) for r, c in pattern if r != c}
    free = size - last
    order = [*minimum_degree(free, [(r, c) for r, c in found if r < free and c < free]), *range(free, size)]
    rank = {variable: place for place, variable in enumerate(order)}
    rows = _filled(size, [(rank[r], rank[c]) for r, c in found])
    start = np.cumsum([0, *map(len, rows)])
    return Elimination(
        order=np.array(order, dtype=np.int64),
        start=start.astype(np.int64),
        diagonal=np.array([start[r] + row.index(r) for r, row in enumerate(rows)], dtype=np.int64),
        columns=np.array([c for row in rows for c in row], dtype=np.int64),
    )


def minimum_degree(size: int, pattern: Iterable[tuple[int, int]]) -> list[int]:
    """An order in which each variable, when its turn comes, couples to as few others as can be."""
    near: list[set[int]] = [set() for _ in range(size)]
    for r, c in pattern:
        near[r].add(c)
        near[c].add(r)
    waiting: list[dict[int, None]] = [{} for _ in range(max(size, 1))]
    for variable, others in enumerate(near):
        waiting[len(others)][variable] = None
    order: list[int] = []
    degree = 0
    while len(order) < size:
        if not waiting[degree]:
            degree += 1
            continue
        variable = next(iter(waiting[degree]))
        del waiting[degree][variable]
        order.append(variable)
        for other in near[variable]:
            del waiting[len(near[other])][other]
            near[other] |= near[variable]
            near[other] -= {other, variable}
            waiting[len(near[other])][other] = None
        degree = max(degree - 1, 0)  # neighbours couple to at least so many
    return order


def _filled(size: int, pattern: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Columns of each row that elimination, in the order of rows, makes differ from 0."""
    rows = [{r} for r in range(size)]
    for r, c in pattern:
        rows[r].add(c)
    right: list[list[int]] = []
    for r, row in enumerate(rows):
        for c in range(r):
            if c in row:
                row.update(right[c])
        right.append([c for c in row if c > r])
    return [sorted(row) for row in rows]
