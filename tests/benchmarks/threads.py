"""The flow on one and on two threads, which shows on the clock only where both cores are idle."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numba
import numpy as np

from tests.benchmarks.fluid import fluid_on, grid_of, stress_on
from tests.benchmarks.timing import table

SHAPES = ((256, 256), (512, 512), (1024, 1024), (64, 64, 64))
ROUNDS = 7


def least(job: Callable[[], object]) -> list[tuple[float, float]]:
    """Least seconds on one and on two threads: on the clock, and of the processor in the thread that calls."""
    found = [[np.inf, np.inf], [np.inf, np.inf]]
    for turn in range(ROUNDS + 1):
        for threads, best in enumerate(found, start=1):
            numba.set_num_threads(threads)
            clock, own = time.perf_counter(), time.thread_time()
            job()
            taken = time.perf_counter() - clock, time.thread_time() - own
            if turn:
                best[:] = [min(pair) for pair in zip(best, taken, strict=True)]
    return [(clock, own) for clock, own in found]


def measure() -> str:
    """
    The table; its last column is what the clock would show if both cores were idle and waiting cost nothing, as the
    thread that calls does what is done by one and its half of the rest.
    """
    rows = []
    for shape in SHAPES:
        stokes = fluid_on(grid_of(shape))
        one, two = least(partial(stokes.solve, active_stress=stress_on(stokes.grid, 1)))
        name = " x ".join(map(str, shape))
        rows.append([name, 1e3 * one[0], 1e3 * two[0], one[0] / two[0], one[1] / two[1]])
    head = ["grid", "one, ms", "two, ms", "times as fast", "by the work of the calling thread"]
    return table("One and two threads", head, rows)
