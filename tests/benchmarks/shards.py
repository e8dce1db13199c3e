"""Networks of one tissue on the workers of a cluster: what a step costs beside one made here, and when it pays."""

from __future__ import annotations

import math
from time import perf_counter
from typing import Any

import numba

from biomulti._dask import connected
from biomulti.coupled import checks, loop, start
from biomulti.coupled.lineage import Lineage
from biomulti.coupled.running import setup_of
from tests.benchmarks.coupled import DT, sheet
from tests.benchmarks.timing import table

CELLS = (10_000, 100_000)
WORKERS = 2
STEPS = 5


def seconds(cells: int, factor: float, client: Any) -> tuple[float, float]:
    """Of a step and of its networks alone, by the clock; `factor` times as many reactions of Rho and myosin fire or
    flow in a step, since it is as much longer."""
    chosen = sheet(cells)
    setup, stepping = setup_of(chosen, client), checks.stepping(1e4, 1e4, DT * factor, 0.05, "lie")
    state = start.started(chosen, setup, stepping)
    lineage = Lineage(None)
    networks = state.networks[0]
    inside = 0.0
    plain = networks.advance

    def timed(*args: Any) -> None:
        nonlocal inside
        began = perf_counter()
        plain(*args)
        inside += perf_counter() - began

    networks.advance = timed  # type: ignore[method-assign]
    loop.step(setup, stepping, state, lineage, DT * factor)
    inside, began = 0.0, perf_counter()
    for k in range(STEPS):
        loop.step(setup, stepping, state, lineage, DT * factor * (k + 2))
    return (perf_counter() - began) / STEPS, inside / STEPS


def measure() -> str:
    """The table. What a step of networks costs on W workers is taken as a + b n + c n / W, with c from one process."""
    rows: list[list[object]] = []
    numba.set_num_threads(1)
    found: dict[tuple[int, float], tuple[float, float]] = {}
    with connected("local", WORKERS) as client:
        for cells in CELLS:
            for factor in (1.0, 30.0):
                alone, shared = seconds(cells, factor, None), seconds(cells, factor, client)
                found[cells, factor] = alone[1], shared[1]
                rows.append([f"{cells:,}", factor * DT, 1e3 * alone[1], 1e3 * shared[1], alone[1] / shared[1]])
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    # what is left once the work itself is shared out: a call, and what travels for each cell
    over = {n: found[n, 1.0][1] - found[n, 1.0][0] / WORKERS for n in CELLS}
    b = max(0.0, (over[CELLS[1]] - over[CELLS[0]]) / (CELLS[1] - CELLS[0]))
    a = max(0.0, over[CELLS[0]] - b * CELLS[0])
    limits = ", ".join(f"{1e6 * b / (1.0 - 1.0 / w):.2g} us with {w:g} workers" for w in (2, 4, 16, math.inf))
    said = (
        f"\nA call costs {1e3 * a:.2g} ms and a cell {1e6 * b:.2g} us to reach and to hear of. Shards pay in large "
        f"tissues whose networks take longer than that for a cell and step on one core: {limits}."
    )
    head = ["cells", "step, s", "here, ms", f"{WORKERS} workers, ms", "times as fast"]
    return table("Networks of a tissue here on one thread, and on the workers of a cluster", head, rows) + said
