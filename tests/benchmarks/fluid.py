"""The flow and its points beside what the machine's memory allows.

The limit is measured on arrays of the same size in the same turns: a triad a = b + s c moves three doubles an entry,
and a solver that read and wrote its three unknowns a cell once would take about two triads an unknown.
"""

from __future__ import annotations

from functools import partial

import numpy as np

import tissue
from tests.benchmarks.timing import alternate, table

SIZES = (128, 512, 1024)
CELLS = (10_000, 1_000_000)
WARM = 0.02  # how much the stress changes from one step to the next, relative


def measure() -> str:
    """Both tables."""
    return _stokes() + "\n" + _points()


def _stress(grid: tissue.Grid, seed: int, *, change: float = 0.0) -> tissue.StressField:
    """The stress of a cell for every four grid cells, contracting at random, a share of it anew."""
    random = np.random.default_rng(seed)
    cells = grid.shape[0] * grid.shape[1] // 4
    positions = random.uniform(0.0, grid.size, (cells, 2))
    pull = random.uniform(0.0, 1.0, (cells, 3)) * [1.0, 1.0, 0.2]
    pull += change * random.normal(size=pull.shape)
    return tissue.spread_stress(grid, positions, pull)


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
    for n in SIZES:
        grid = tissue.Grid(shape=(n, n), size=(1.0, 1.0), boundary=("periodic", "no-slip"))
        rate = np.exp(np.random.default_rng(0).normal(0.0, 0.3, grid.shape))
        stokes = tissue.Stokes(grid, viscosity=rate, tolerance=1e-8)
        first, second = _stress(grid, 1), _stress(grid, 1, change=WARM)
        guess = stokes.solve(active_stress=second)
        unknowns, triad = 3 * n * n, Triad(3 * n * n)
        cold = stokes.solve(active_stress=first)
        warm = stokes.solve(active_stress=first, guess=guess)
        seconds = alternate(
            {
                "cold": partial(stokes.solve, active_stress=first),
                "warm": partial(stokes.solve, active_stress=first, guess=guess),
                "triad": triad,
                "set-up": partial(stokes.with_, friction=0.1),
            },
            rounds=5 if n < 1024 else 3,
        )
        triads = seconds["triad"]
        for name, flow in (("cold", cold), ("warm", warm)):
            taken = seconds[name]
            each = [1e9 * taken / unknowns, 1e9 * triads / unknowns, taken / triads, taken / triads / flow.iterations]
            rows.append([f"{n} x {n}, {name}", flow.iterations, *each, 1e3 * seconds["set-up"]])
    head = ["solve to 1e-8", "cycles", "ns an unknown", "triad, ns", "triads", "triads a cycle", "set-up, ms"]
    return table("Stokes flow, variable viscosity, one thread", head, rows)


def _points() -> str:
    rows = []
    for cells in CELLS:
        n = round(np.sqrt(cells / 4.0))
        grid = tissue.Grid(shape=(n, n), size=(1.0, 1.0))
        flow = tissue.Stokes(grid, friction=1.0).solve(active_stress=_stress(grid, 1))
        random = np.random.default_rng(2).uniform(0.0, 1.0, (cells, 2))
        place = np.floor(random * n).astype(int)
        ordered = random[np.lexsort((place[:, 1], place[:, 0]))]
        stress = np.ones((cells, 3))
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
            rows.append([f"{cells:,}", name, *each])
    head = ["cells", "order", "spread stress, ns a cell", "read velocity", "read its gradient", "triad"]
    return table("Points, four to a grid cell, one thread", head, rows)
