"""Hybrid beside our own exact simulation, on the virus of Srivastava et al. (2002).

Both runs are of the same 200 days from one template; extinct are rows without template and genome at the end.
"""

from __future__ import annotations

import math

import biomulti as bm
from biomulti.cells import CellPopulation
from tests.benchmarks.rows import Rows
from tests.benchmarks.timing import alternate, table

T_END = 200.0  # days
EXACT_ROWS, HYBRID_ROWS = 16, 400


class Counted:
    """Rows that remember how many of them died out."""

    def __init__(self, rows: Rows) -> None:
        self.rows, self.extinct, self.all = rows, 0, 0
        self.columns = [rows.system.states.index(name) for name in ("tem", "gen")]

    def __call__(self) -> None:
        cells: CellPopulation = self.rows()
        self.extinct += int((cells.y[:, self.columns] == 0.0).all(axis=1).sum())
        self.all += cells.rows

    def share(self) -> str:
        """Share of extinct rows with its standard error."""
        share = self.extinct / self.all
        return f"{share:.3f} +- {math.sqrt(share * (1.0 - share) / self.all):.3f}"


def measure() -> str:
    """The table."""
    network = bm.load("srivastava_virus")
    jobs = {"ssa": Counted(Rows(network, "ssa", T_END, EXACT_ROWS))}
    jobs["hybrid"] = Counted(Rows(network, "hybrid", T_END, HYBRID_ROWS, seed=1000))
    seconds = alternate(jobs)
    # rows die out at random, and one that does costs nothing: compare at equal numbers of survivors
    survived = {name: (job.all - job.extinct) / job.rows.calls for name, job in jobs.items()}
    exact = seconds["ssa"] / max(survived["ssa"], 1.0)
    lines = []
    for name, job in jobs.items():
        rows, taken = job.rows, seconds[name] / max(survived[name], 1.0)
        lines.append(
            [name, 1e3 * taken, exact / taken, rows.firings / survived[name], 1e9 * seconds[name] / rows.firings,
             rows.steps / rows.firings, job.share()]
        )  # fmt: skip
    head = [
        "method",
        "ms a surviving row",
        "times as fast",
        "firings a row",
        "ns a firing",
        "steps a firing",
        "extinct",
    ]
    return table("Hybrid beside exact simulation, srivastava_virus, 200 days, one thread", head, lines)
