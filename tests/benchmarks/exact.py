"""Exact simulation beside libRoadRunner's.

Both simulate the same time, from the same start and as often, so the expected number of firings is the same; it is
counted in our rows, and the ratio of speeds is the inverse ratio of times.
"""

from __future__ import annotations

import biomulti as bm
from tests.benchmarks.peer import Peer
from tests.benchmarks.rows import IMMIGRATION_DEATH, Rows
from tests.benchmarks.timing import alternate, table

PLENTY = {"tem": 20, "gen": 200, "struct": 10000}  # the virus at its steady state, where it does not die out
CASES = (
    ("immigration-death", IMMIGRATION_DEATH, 500.0, 1, None),
    ("vilar_oscillator", "vilar_oscillator", 300.0, 1, None),
    ("srivastava_virus", "srivastava_virus", 20.0, 1, PLENTY),
    ("telegraph", "telegraph", 5000.0, 20, None),
    ("repressilator", "repressilator", 400.0, 2, None),
)


def measure() -> str:
    """The table."""
    rows = []
    for name, model, t_end, copies, initial in CASES:
        ours = Rows(bm.load(model), "ssa", t_end, copies, initial=initial)
        peer = Peer(model, integrator="gillespie", t_end=t_end, rows=copies, initial=initial)
        seconds = alternate({"ours": ours, "peer": peer})
        speed = ours.firings / seconds["ours"] / 1e6, ours.firings / seconds["peer"] / 1e6
        rows.append([name, f"{ours.firings:.3g}", *speed, seconds["peer"] / seconds["ours"]])
    head = ["model", "firings", "biomulti, million/s", "libRoadRunner, million/s", "times as fast"]
    return table("Exact simulation, one thread", head, rows)
