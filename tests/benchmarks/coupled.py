"""Gene, cell and tissue together: seconds and bytes a cell by size, where they go, one and two threads, and beside the
way others do it, one libRoadRunner object for each cell."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

import numba
import numpy as np

import biomulti as bm
import tissue
from biomulti.coupled import checks, division, loop, mechanics, start
from biomulti.coupled.lineage import Lineage
from biomulti.coupled.networks import Here
from biomulti.coupled.setup import Setup, Stepping
from biomulti.coupled.state import State
from biomulti.demos import morphogenesis as embryo
from tests.benchmarks.timing import table

SIZES = (1_000, 10_000, 100_000, 1_000_000)
ROADRUNNERS = 300
DT = 1.0  # s
PARTS: dict[str, list[tuple[Any, str]]] = {
    "networks": [(Here, "advance")],
    "amounts": [(Here, "amounts")],
    "spreading": [(mechanics, "averaged"), (tissue, "spread")],
    "Stokes": [(tissue.Stokes, "solve")],
    "transport": [(mechanics, "_predicted"), (mechanics, "_carry")],
    "signals": [(loop, "feel"), (loop, "drive")],
    "life": [(division, "live")],
}


def sheet(cells: int) -> bm.Tissue:
    """Cells of the embryo with Rho and myosin, a third of them stimulated, about one to each cell of the grid."""
    side = math.sqrt(cells * embryo.CELL_AREA)
    n = max(16, 2 ** round(math.log2(math.sqrt(cells))))
    grid = tissue.Grid((n, n), (side, side))
    tissue_ = bm.Tissue(
        "rho_myosin", cells=cells, grid=grid, friction=embryo.FRICTION, bulk_viscosity=embryo.BULK_VISCOSITY, seed=1,
        tolerance=math.inf, warm_up=60.0,
    )  # fmt: skip
    tissue_.set("fog", np.where(np.abs(tissue_.positions[:, 1] - 0.5 * side) < side / 6.0, 1.0, 0.0))
    tissue_.couple("Myosin", to=bm.Contractility(per_molecule=embryo.CONTRACTILITY))
    tissue_.couple(bm.StrainRate(), to="stretch")
    tissue_.couple(bm.Stress(), to="tension", gain=1.0 / embryo.TENSION)
    return tissue_


def begun(cells: int) -> tuple[Setup, Stepping, State]:
    """A run after its start."""
    chosen = sheet(cells)
    setup, stepping = chosen.setup(), checks.stepping(100.0 * DT, 100.0 * DT, DT, 0.05, "strang")
    return setup, stepping, start.started(chosen, setup, stepping)


def stepper(cells: int) -> Callable[[], None]:
    """What does one step more, each time."""
    setup, stepping, state = begun(cells)
    lineage = Lineage(None)
    return lambda: loop.step(setup, stepping, state, lineage, state.time + DT)


class Clock:
    """Processor seconds in functions by the name of their part, without those of the parts that they call."""

    def __init__(self) -> None:
        self.taken: dict[str, float] = defaultdict(float)
        self.inside: list[str] = []

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            began = process_time()
            self.inside.append(name)
            try:
                return function(*args, **options)
            finally:
                self.inside.pop()
                seconds = process_time() - began
                self.taken[name] += seconds
                if self.inside:
                    self.taken[self.inside[-1]] -= seconds

        return call


def parts(step: Callable[[], None], rounds: int) -> dict[str, float]:
    """Processor seconds of a step in each part; medians."""
    found: list[dict[str, float]] = []
    for _ in range(rounds + 1):
        clock = Clock()
        with ExitStack() as stack:
            for name, places in PARTS.items():
                for owner, method in places:
                    stack.enter_context(patch.object(owner, method, clock.timed(name, getattr(owner, method))))
            began = process_time()
            step()
        found.append({**clock.taken, "whole step": process_time() - began})
    return {name: median(run.get(name, 0.0) for run in found[1:]) for name in (*PARTS, "whole step")}


def bytes_a_cell(cells: int) -> float:
    """Largest memory of a process that runs so many cells, less that of one with few, for each cell."""
    # what `resource` says of a process begins with what the one that started it had
    script = (
        "import re, sys; from tests.benchmarks.coupled import stepper; step = stepper(int(sys.argv[1])); "
        "step(); step(); print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])"
    )
    most = []
    for n in (256, cells):
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", script, str(n)], capture_output=True, check=True)
        most.append(1024.0 * float(done.stdout))
    return (most[1] - most[0]) / cells


def by_size() -> str:
    """Seconds of a step by size, on one thread."""
    rows: list[list[object]] = []
    numba.set_num_threads(1)
    for cells in SIZES:
        taken = parts(stepper(cells), 3 if cells > 300_000 else 7)
        memory = bytes_a_cell(cells) if cells >= 100_000 else math.nan
        per = [1e6 * taken[name] / cells for name in PARTS]
        rest = 1e6 * taken["whole step"] / cells - sum(per)
        rows.append([f"{cells:,}", *per, rest, taken["whole step"], memory])
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    head = ["cells", *(f"{name}, us" for name in PARTS), "rest, us", "step, s", "bytes a cell"]
    return table(f"A step of {DT:g} s of cells with Rho and myosin, one thread, microseconds a cell", head, rows)


def by_threads() -> str:
    """Seconds on the clock on one and two threads."""
    rows: list[list[object]] = []
    for cells in (10_000, 100_000, 1_000_000):
        step = stepper(cells)
        least = [math.inf, math.inf]
        for turn in range(5):
            for k in (0, 1):
                numba.set_num_threads(k + 1)
                began = perf_counter()
                step()
                if turn:
                    least[k] = min(least[k], perf_counter() - began)
        rows.append([f"{cells:,}", *least, least[0] / least[1]])
    return table("One and two threads, seconds of a step by the clock", ["cells", "one", "two", "times as fast"], rows)


def beside_objects() -> str:
    """Networks alone, for each cell and second simulated: one call for all, and an object of libRoadRunner for each."""
    import roadrunner

    cells = 10_000
    setup, _, state = begun(cells)
    networks = state.networks[0]
    names = [setup.types[0].stepper.system.parameters.index(n) for n in setup.driven(0)]
    numba.set_num_threads(1)

    def ours() -> None:
        networks.advance(names, state.driving[0], float(networks.population().clock[0]) + DT)

    ours()
    began = process_time()
    for _ in range(5):
        ours()
    own = (process_time() - began) / 5.0 / cells
    text = bm.to_sbml(bm.load("rho_myosin"))
    began = process_time()
    objects = [roadrunner.RoadRunner(text) for _ in range(ROADRUNNERS)]
    made = (process_time() - began) / ROADRUNNERS
    for one in objects:
        one.setIntegrator("cvode")
        one.simulate(0.0, DT, 2)
    began = process_time()
    for turn in range(1, 6):
        for one in objects:
            one.simulate(turn * DT, (turn + 1) * DT, 2)
    theirs = (process_time() - began) / 5.0 / ROADRUNNERS
    rows = [
        ["biomulti, hybrid, 10,000 cells in one call", 1e6 * own, 1.0, 1e6 * own],
        [f"libRoadRunner by CVODE (no noise), {ROADRUNNERS} objects", 1e6 * theirs, theirs / own, 1e6 * theirs],
        ["making such an object", 1e6 * made, made / own, 1e6 * made],
    ]
    head = ["networks alone", "us a cell and step", "times ours", "s for 1e6 cells (extrapolated)"]
    return table(f"A step of {DT:g} s beside an object for each cell", head, rows)


def measure() -> str:
    """All tables."""
    # how many threads there may be is settled when numba is imported
    script = "from tests.benchmarks import coupled; print(coupled.by_threads())"
    started = [sys.executable, "-W", "ignore", "-c", script]
    threads = subprocess.run(
        started, env={**os.environ, "BENCH_THREADS": "2"}, capture_output=True, text=True, check=True
    )
    return "\n".join([by_size(), threads.stdout, beside_objects()])
