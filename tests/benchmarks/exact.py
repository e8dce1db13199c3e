"""Exact simulation beside other programs', and beside a program written out for the model by hand.

All simulate the same time, from the same start and as often, so the expected number of firings is the same; it is
counted in our rows, and the ratio of speeds is the inverse ratio of times. That all simulate the same thing is seen
in the mean amounts at the end: the largest difference from ours, in standard errors, stands beside the speed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

import biomulti as bm
from tests.benchmarks.generated import sparse_mass_action
from tests.benchmarks.inlined import Inlined
from tests.benchmarks.peer import Peer
from tests.benchmarks.rows import DIMERISATION, IMMIGRATION_DEATH, Rows
from tests.benchmarks.timing import alternate, table

PLENTY = {"tem": 20, "gen": 200, "struct": 10000}  # the virus at its steady state, where it does not die out
CASES = (
    ("immigration-death", IMMIGRATION_DEATH, 50.0, 20, None),
    ("dimerisation", DIMERISATION, 5000.0, 40, None),
    ("vilar_oscillator", "vilar_oscillator", 100.0, 3, None),
    ("srivastava_virus", "srivastava_virus", 20.0, 3, PLENTY),
    ("telegraph", "telegraph", 5000.0, 40, None),
    ("1,000 reactions, seed 1", sparse_mass_action(1000, 1), 0.1, 3, None),
)
PEERS = {
    "libRoadRunner": ("peer", "Peer"),
    "GillesPy2, C++": ("gillespy", "GillesPy"),
    "COPASI, direct": ("copasi", "Copasi"),
}
OTHERS = ("by hand", *PEERS)


def measure() -> str:
    """The table."""
    rows, different = [], []
    for name, model, t_end, copies, initial in CASES:
        jobs = _jobs(model, t_end, copies, initial)
        seconds = alternate(jobs)
        ours = jobs["biomulti"]
        firings = ours.job.firings
        others = [
            f"{firings / seconds[n] / 1e6:.3g} ({seconds[n] / seconds['biomulti']:.3g})" if n in jobs else "-"
            for n in OTHERS
        ]
        rows.append([name, f"{firings / copies:,.0f}", firings / seconds["biomulti"] / 1e6, *others])
        different.append([name, *(ours.distance(jobs[n]) if n in jobs else "-" for n in OTHERS)])
    speed = table(
        "Exact simulation, one thread: million firings/s (biomulti's over it)",
        ["model", "firings a run", "biomulti", *OTHERS],
        rows,
    )
    check = table("Largest difference of a mean amount from ours, in standard errors", ["model", *OTHERS], different)
    return "\n".join([speed, check, *(f"\n{n} left out: {why}." for n in PEERS if (why := _loaded(n)[1]))])


@cache
def _loaded(name: str) -> tuple[Any, str]:
    """The class that runs a peer, or why there is none."""
    module, kind = PEERS[name]
    try:
        return getattr(importlib.import_module(f"tests.benchmarks.{module}"), kind), ""
    except ImportError as error:
        return None, f"{error}"


class _Job:
    """A job that keeps the amounts at the end of its runs."""

    def __init__(self, job: Any, species: list[str], ends: Callable[[], np.ndarray]) -> None:
        self.job, self.species, self.ends = job, species, ends
        self.kept: list[np.ndarray] = []

    def __call__(self) -> None:
        self.kept.append(self.ends())

    def distance(self, other: _Job) -> float:
        """The largest difference of means, in its standard error."""
        shared = [s for s in self.species if s in other.species]
        mine, its = (
            np.concatenate(job.kept)[:, [job.species.index(s) for s in shared]].astype(float) for job in (self, other)
        )
        error = np.sqrt(mine.var(axis=0, ddof=1) / len(mine) + its.var(axis=0, ddof=1) / len(its))
        return float(np.max(np.abs(mine.mean(axis=0) - its.mean(axis=0))[error > 0.0] / error[error > 0.0]))


def _jobs(model: str, t_end: float, rows: int, initial: Mapping[str, float] | None) -> dict[str, _Job]:
    network = bm.load(model)
    ours = Rows(network, "ssa", t_end, rows, initial=initial)
    hand = Inlined(network, t_end=t_end, rows=rows, initial=initial, seed=1_000_000)
    jobs = {
        "biomulti": _Job(ours, list(ours.system.states), lambda: ours().y),
        "by hand": _Job(hand, hand.species, hand),
    }
    for name in PEERS:
        kind, missing = _loaded(name)
        if missing:
            continue
        options = {"integrator": "gillespie"} if kind is Peer else {}
        peer = kind(model, t_end=t_end, rows=rows, initial=initial, **options)
        jobs[name] = _Job(peer, peer.species, peer.ends)
    return jobs
