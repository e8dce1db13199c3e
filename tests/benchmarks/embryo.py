"""Where the time of the coupled embryo goes, step by step; a part that is called by another is taken off it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median
from time import process_time
from typing import Any
from unittest.mock import patch

import tissue
from biomulti.demos.morphogenesis import embryo
from biomulti.exchange import Exchange
from biomulti.stepper import Stepper
from tests.benchmarks.timing import table

STEPS, ROUNDS = 60, 5
PARTS: dict[str, tuple[type, str]] = {
    "networks": (Stepper, "advance"),
    "amounts of species": (Exchange, "_amounts"),
    "solving for the flow": (tissue.Stokes, "solve"),
    "spreading stress": (Exchange, "flow"),
    "transport of cells": (Exchange, "_transport"),
    "signals": (Exchange, "sense"),
    "the rest": (Exchange, "step"),
}


def measure() -> str:
    """The table."""
    _seconds()
    runs = [_seconds() for _ in range(ROUNDS)]
    whole = median(sum(run.values()) for run in runs)
    rows: list[list[object]] = []
    for name in PARTS:
        taken = median(run[name] for run in runs)
        rows.append([name, 1e3 * taken / STEPS, f"{100.0 * taken / whole:.0f} %"])
    rows.append(["whole step", 1e3 * whole / STEPS, "100 %"])
    sheet = embryo()
    cells, shape = sheet.count, sheet.grid.shape
    head = ["part", "ms a step of 1 s", "share"]
    return table(f"The embryo, {cells:,} cells on {shape[0]} x {shape[1]}, one thread", head, rows)


def _seconds() -> dict[str, float]:
    """Processor seconds of each part within the steps of a run, without those of the parts it calls."""
    taken: dict[str, float] = defaultdict(float)
    open_parts: list[str] = []

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if not open_parts and name != "the rest":
                return function(*args, **options)  # before the first step, or while recording
            started = process_time()
            open_parts.append(name)
            try:
                return function(*args, **options)
            finally:
                open_parts.pop()
                seconds = process_time() - started
                taken[name] += seconds
                if open_parts:
                    taken[open_parts[-1]] -= seconds

        return call

    with ExitStack() as stack:
        for name, (owner, method) in PARTS.items():
            stack.enter_context(patch.object(owner, method, timed(name, getattr(owner, method))))
        embryo().run(float(STEPS), every=float(STEPS), dt=1.0, progress=False)
    return taken
