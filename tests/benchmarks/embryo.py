"""Where the time of the coupled embryo goes, step by step."""

from __future__ import annotations

import cProfile
import pstats
from statistics import median
from time import process_time

from biomulti.demos.morphogenesis import embryo
from tests.benchmarks.timing import table

STEPS, ROUNDS = 60, 3
PARTS = {
    "networks": ("stepper.py", "advance", "step"),
    "spreading and flow": ("exchange.py", "flow", "step"),
    "transport of cells": ("exchange.py", "_transport", "step"),
    "signals": ("exchange.py", "sense", "step"),
    "whole step": ("exchange.py", "step", "run"),
}


def measure() -> str:
    """The table."""
    sheet = embryo()
    sheet.run(1.0, every=1.0, progress=False)
    runs = [_profile() for _ in range(ROUNDS)]
    whole = median(run["whole step"] for run in runs)
    rows = []
    for name in PARTS:
        taken = median(run[name] for run in runs)
        rows.append([name, 1e3 * taken, f"{100.0 * taken / whole:.0f} %"])
    cells, shape = sheet.count, sheet.grid.shape
    head = ["part", "ms a step of 1 s", "share"]
    return table(f"The embryo, {cells:,} cells on {shape[0]} x {shape[1]}, one thread", head, rows)


def _profile() -> dict[str, float]:
    """Processor seconds a step of each part, called from where steps are made; the warm-up is called from elsewhere."""
    sheet = embryo()
    profile = cProfile.Profile(process_time)
    profile.enable()
    sheet.run(float(STEPS), every=float(STEPS), dt=1.0, progress=False)
    profile.disable()
    found = {}
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    for (path, _, function), (*_, callers) in stats.items():
        for (_, _, caller), (_, _, _, cumulative) in callers.items():
            for name, (file, wanted, asked_by) in PARTS.items():
                if path.endswith(file) and (function, caller) == (wanted, asked_by):
                    found[name] = cumulative / STEPS
    missing = set(PARTS) - set(found)
    if missing:
        raise RuntimeError(f"the profile holds nothing of {', '.join(sorted(missing))}; were functions renamed?")
    return found
