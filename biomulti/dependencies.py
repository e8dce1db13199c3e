"""Which propensities change when a reaction fires.

Gibson and Bruck (2000), J. Phys. Chem. A 104, 1876, doi:10.1021/jp993732q: reaction i depends on reaction j if
a firing of j changes a state that the law of i reads.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Integers = NDArray[np.int64]
Numbers = NDArray[np.int32]


@dataclass(frozen=True)
class Dependencies:
    """affected[start[j] : start[j + 1]]: the reactions, rising, whose propensities a firing of j changes."""

    start: Integers
    affected: Numbers

    def of(self, j: int) -> list[int]:
        """The reactions that depend on reaction j."""
        return [int(i) for i in self.affected[self.start[j] : self.start[j + 1]]]


def dependencies(reads: Sequence[Collection[int]], changes: Sequence[Collection[int]], states: int) -> Dependencies:
    """The graph for laws that read the states `reads` [reactions] and firings that change `changes` [reactions]."""
    graph = (_incidence(changes, states) @ _incidence(reads, states).T).tocsr()
    graph.sort_indices()
    return Dependencies(graph.indptr.astype(np.int64), graph.indices.astype(np.int32))


def _incidence(lists: Sequence[Collection[int]], states: int) -> sparse.csr_array:
    start = np.cumsum([0, *(len(found) for found in lists)])
    columns = np.array([k for found in lists for k in sorted(found)], dtype=np.int64)
    return sparse.csr_array((np.ones(len(columns), dtype=np.int8), columns, start), shape=(len(lists), states))
