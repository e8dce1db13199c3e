"""What a run carries from step to step: arrays over cells, fields, and the flow."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

import tissue
from biomulti.coupled.history import History
from biomulti.coupled.networks import Networks

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass
class Bodies:
    """The n cells of all types, one type after another, apart from their networks.

    id, parent [n], the parent of a founder is -1; generation [n], 0 of founders; born [n], time of birth; position
    [n, dim]; size [n], area or volume; axis [n, dim], the polarity, of length 1; deformation [n, dim, dim], gradient
    of all that a cell has gone through since its birth; threshold [n, rules of life].
    """

    id: Integers
    parent: Integers
    generation: Integers
    born: Floats
    position: Floats
    size: Floats
    axis: Floats
    deformation: Floats
    threshold: Floats

    def __len__(self) -> int:
        return len(self.id)

    def taken(self, index: Integers) -> Bodies:
        """Copies of the cells numbered `index`, in that order."""
        return Bodies(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


@dataclass
class State:
    """Everything that changes in a run; what it is made of is saved in a checkpoint and nothing else.

    networks, own, driving: for each type its networks, its cells' own values of driven parameters [cells, driven], and
    the values that signals have given these.
    flow, active, growth, force: the last flow that was solved, and the stress, growth and force that drove it.
    histories: what was felt of each signal coupling. next_id: of the next cell to be born; dt: length of the next step.
    """

    time: float
    steps: int
    bodies: Bodies
    networks: list[Networks]
    own: list[Floats]
    driving: list[Floats]
    flow: tissue.Flow
    active: tissue.StressField
    growth: Floats | None
    force: tuple[Floats, ...] | None
    morphogens: dict[str, Floats]
    histories: list[History]
    next_id: int
    dt: float

    @property
    def slices(self) -> list[slice]:
        """Where the cells of each type stand among all."""
        return slices([n.rows for n in self.networks])


def slices(counts: Sequence[int]) -> list[slice]:
    """Consecutive slices of so many."""
    ends = np.cumsum([0, *counts])
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(ends)]
