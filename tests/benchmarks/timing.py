"""Timing of jobs in turns, and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import process_time

ROUNDS = 5


def alternate(jobs: Mapping[str, Callable[[], object]], *, rounds: int = ROUNDS) -> dict[str, float]:
    """Median processor seconds of each job, run in turns after one warm-up each."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    for _ in range(rounds):
        for name, job in jobs.items():
            started = process_time()
            job()
            taken[name].append(process_time() - started)
    return {name: median(seconds) for name, seconds in taken.items()}


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown, floats to three figures."""
    written = [[f"{c:.3g}" if isinstance(c, float) else str(c) for c in row] for row in rows]
    widths = [max(len(row[k]) for row in [list(head), *written]) for k in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
    return "\n".join([f"\n### {title}", "", line(head), rule, *map(line, written)])
