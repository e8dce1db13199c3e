"""Many copies of one network: a struct of arrays, one row per cell, nothing per cell in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomulti._rng import exponentials, streams
from biomulti.system import System

Floats = NDArray[np.float64]


@dataclass
class CellPopulation:
    """State of every row; kernels advance it in place.

    y [rows, states] amounts; p [rows, parameters]; rng [rows, 4] random streams; left [rows] what is left of
    the exponential number that decides each row's next firing; clock [rows] time reached; peak [rows, states]
    largest amount so far; step [rows] size of the next step, 0 before the
    first; mode [rows, 2] kind of step; counts [rows, 2]
    firings and steps so far; from_zero [states] whether a state starts at zero.
    """

    y: Floats
    p: Floats
    rng: NDArray[np.uint64]
    left: Floats
    clock: Floats
    peak: Floats
    step: Floats
    mode: NDArray[np.int64]
    counts: NDArray[np.int64]
    from_zero: NDArray[np.bool_]

    @property
    def rows(self) -> int:
        return len(self.clock)


def population(
    system: System,
    rows: int,
    *,
    seed: int,
    initial: Mapping[str, float] | None = None,
    parameters: Mapping[str, float] | None = None,
) -> CellPopulation:
    """`rows` cells at the start of `system`, each with the random stream of (seed, row)."""
    y, p = system.start(initial or {}, parameters or {})
    rng = streams(seed, np.arange(rows, dtype=np.uint64))
    return CellPopulation(
        y=np.tile(y, (rows, 1)),
        p=np.tile(p, (rows, 1)),
        rng=rng,
        left=exponentials(rng),
        clock=np.zeros(rows),
        peak=np.tile(np.abs(y), (rows, 1)),
        step=np.zeros(rows),
        mode=np.zeros((rows, 2), dtype=np.int64),
        counts=np.zeros((rows, 2), dtype=np.int64),
        from_zero=y == 0.0,
    )
