"""The flow and its points beside what the machine's memory allows, and beside finite elements.

The limit is measured on arrays of the same size in the same turns: a triad a = b + s c moves three doubles an entry,
and a solver that read and wrote its three unknowns a cell once would take about two triads an unknown.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from importlib.util import find_spec

import numpy as np

import tissue
from tests.benchmarks.timing import alternate, table

SHAPES = ((128, 128), (256, 256), (512, 512), (1024, 1024), (32, 32, 32), (64, 64, 64), (128, 128, 128))
ELEMENTS = ((32, 32), (64, 64), (8, 8, 8))
CELLS = (10_000, 1_000_000)
WARM = 0.02  # how much the stress changes from one step to the next, relative


def measure() -> str:
    """All tables; one thread but where it says two."""
    return "\n".join([_stokes(), _threads(), _elements(), _points()])


def grid_of(shape: tuple[int, ...]) -> tissue.Grid:
    """Periodic in x, between walls in the rest."""
    return tissue.Grid(shape=shape, size=(1.0,) * len(shape), boundary=("periodic", *["no-slip"] * (len(shape) - 1)))


def stress_on(grid: tissue.Grid, seed: int, *, change: float = 0.0) -> tissue.StressField:
    """The stress of a cell for every four grid cells, contracting at random, a share of it anew."""
    random = np.random.default_rng(seed)
    cells = int(np.prod(grid.shape)) // 4
    positions = random.uniform(0.0, grid.size, (cells, grid.dim))
    normal = np.array([not set(name) - set(name[0]) for name in grid.component_names])
    pull = random.uniform(0.0, 1.0, (cells, len(normal))) * np.where(normal, 1.0, 0.2)
    pull += change * random.normal(size=pull.shape)
    return tissue.spread_stress(grid, positions, pull)


def fluid_on(grid: tissue.Grid) -> tissue.Stokes:
    rate = np.exp(np.random.default_rng(0).normal(0.0, 0.3, grid.shape))
    return tissue.Stokes(grid, viscosity=rate, tolerance=1e-8)


class Triad:
    """a = b + s c on arrays of n doubles, by numpy in pieces that leave no third pass over memory."""

    PIECE = 4096

    def __init__(self, n: int) -> None:
        self.a, self.b, self.c = np.zeros(n), np.ones(n), np.ones(n)

    def __call__(self) -> None:
        for k in range(0, len(self.a), self.PIECE):
            part = slice(k, k + self.PIECE)
            np.multiply(self.c[part], 3.0, out=self.a[part])
            self.a[part] += self.b[part]


def _stokes() -> str:
    rows = []
    for shape in SHAPES:
        stokes = fluid_on(grid_of(shape))
        first, second = stress_on(stokes.grid, 1), stress_on(stokes.grid, 1, change=WARM)
        guess = stokes.solve(active_stress=second)
        unknowns = (len(shape) + 1) * int(np.prod(shape))
        triad = Triad(unknowns)
        cold = stokes.solve(active_stress=first)
        warm = stokes.solve(active_stress=first, guess=guess)
        seconds = alternate(
            {
                "cold": partial(stokes.solve, active_stress=first),
                "warm": partial(stokes.solve, active_stress=first, guess=guess),
                "triad": triad,
                "set-up": partial(stokes.with_, friction=0.1),
            },
            rounds=5 if unknowns < 2_000_000 else 3,
        )
        triads, taken = seconds["triad"], seconds["cold"]
        rows.append(
            [
                " x ".join(map(str, shape)),
                f"{cold.iterations}, {warm.iterations}",
                1e-6 * unknowns / taken,
                1e-6 * unknowns / seconds["warm"],
                1e9 * triads / unknowns,
                taken / triads,
                taken / triads / cold.iterations,
                seconds["set-up"] / taken,
            ]
        )
    head = ["grid", "cycles, cold and warm", "million unknowns/s, cold", "warm", "a triad, ns an unknown"]
    head += ["triads", "triads a cycle", "set-up, of a cold solve"]
    return table("Stokes flow to 1e-8, viscosity that varies, one thread", head, rows)


def _threads() -> str:
    """In a process of its own, as numba asks only once how many threads there may be."""
    started = [sys.executable, "-c", "from tests.benchmarks import threads; print(threads.measure())"]
    found = subprocess.run(
        started, env={**os.environ, "BENCH_THREADS": "2"}, capture_output=True, text=True, check=True
    )
    return found.stdout.rstrip("\n")


def _elements() -> str:
    if find_spec("skfem") is None or find_spec("pyamg") is None:
        return "\nscikit-fem or PyAMG is not installed: left out."
    from tests.benchmarks.elements import Elements

    rows = []
    for shape in ELEMENTS:
        stokes = fluid_on(grid_of(shape))
        peer = Elements(shape[0], len(shape))
        jobs = {
            "ours": partial(stokes.solve, active_stress=stress_on(stokes.grid, 1)),
            "minres": peer.minres,
            "direct": peer.direct,
        }
        seconds = alternate(jobs, rounds=1)
        unknowns = (len(shape) + 1) * int(np.prod(shape))
        rates = [1e-6 * peer.unknowns / seconds[name] for name in ("direct", "minres")]
        missed = f"{peer.error(peer.minres()):.0e}"
        rows.append([" x ".join(map(str, shape)), 1e-6 * unknowns / seconds["ours"], *rates, missed])
    head = ["cells", "tissue", "scikit-fem, direct", "scikit-fem, MINRES and AMG", "residual MINRES leaves"]
    return table("Million unknowns a second, beside Taylor-Hood elements", head, rows)


def _points() -> str:
    rows = []
    for dim, cells in ((2, CELLS[0]), (2, CELLS[1]), (3, CELLS[1])):
        n = round((cells / 4.0) ** (1.0 / dim))
        grid = tissue.Grid(shape=(n,) * dim, size=(1.0,) * dim)
        flow = tissue.Stokes(grid, friction=1.0).solve(active_stress=stress_on(grid, 1))
        random = np.random.default_rng(2).uniform(0.0, 1.0, (cells, dim))
        place = np.floor(random * n).astype(int)
        ordered = random[np.lexsort(place.T[::-1])]
        stress = np.ones((cells, len(grid.component_names)))
        triad = Triad(cells)
        for name, points in (("sorted by grid cell", ordered), ("in random order", random)):
            seconds = alternate(
                {
                    "spread": partial(tissue.spread_stress, grid, points, stress),
                    "read": partial(tissue.velocity, flow, points),
                    "gradient": partial(tissue.velocity_gradient, flow, points),
                    "triad": triad,
                }
            )
            each = [1e9 * seconds[k] / cells for k in ("spread", "read", "gradient", "triad")]
            rows.append([f"{cells:,}, {dim}-D", name, *each])
    head = ["points", "order", "spread stress, ns a point", "read velocity", "read its gradient", "triad"]
    return table("Points, four to a grid cell, one thread", head, rows)
