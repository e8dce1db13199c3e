"""Timing of jobs in turns, and tables."""

from __future__ import annotations

import resource
from collections.abc import Callable, Mapping, Sequence
from statistics import median

ROUNDS = 5


def processor_seconds() -> float:
    """Spent by this process and by the programs it has started and that have ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(s.ru_utime + s.ru_stime for s in spent)


def alternate(jobs: Mapping[str, Callable[[], object]], *, rounds: int = ROUNDS) -> dict[str, float]:
    """Median processor seconds of each job, run in turns after one warm-up each."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    for _ in range(rounds):
        for name, job in jobs.items():
            started = processor_seconds()
            job()
            taken[name].append(processor_seconds() - started)
    return {name: median(seconds) for name, seconds in taken.items()}


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown, floats to three figures."""
    written = [[f"{c:.3g}" if isinstance(c, float) else str(c) for c in row] for row in rows]
    widths = [max(len(row[k]) for row in [list(head), *written]) for k in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
    return "\n".join([f"\n### {title}", "", line(head), rule, *map(line, written)])
