"""Where the time of the coupled embryo goes, step by step."""

from __future__ import annotations

import cProfile
import pstats
from statistics import median

from biomulti.demos.morphogenesis import embryo
from tests.benchmarks.timing import table

STEPS, ROUNDS = 60, 3
PARTS = {
    "networks": ("stepper.py", "advance"),
    "spreading and flow": ("exchange.py", "flow"),
    "transport of cells": ("exchange.py", "_transport"),
    "signals": ("exchange.py", "sense"),
    "recording": ("recorder.py", "add"),
}


def measure() -> str:
    """The table."""
    sheet = embryo()
    sheet.run(1.0, every=1.0, progress=False)
    runs = [_profile() for _ in range(ROUNDS)]
    steps = [run["whole step"] for run in runs]
    whole = median(steps)
    rows = []
    for name in runs[0]:
        taken = median(run[name] for run in runs)
        rows.append([name, 1e3 * taken, f"{100.0 * taken / whole:.0f} %"])
    cells, shape = sheet.count, sheet.grid.shape
    head = ["part", "ms a step of 1 s", "share"]
    return table(f"The embryo, {cells:,} cells on {shape[0]} x {shape[1]}, one thread", head, rows)


def _profile() -> dict[str, float]:
    """Seconds a step that each part takes; the time before the first step, with its warm-up, is left out."""
    sheet = embryo()
    sheet.warm_up = 0.0
    profile = cProfile.Profile()
    profile.enable()
    sheet.run(float(STEPS), every=10.0, dt=1.0, progress=False)
    profile.disable()
    found = {}
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    for (path, _, function), (_, calls, _, cumulative, _) in stats.items():
        for name, (file, wanted) in {**PARTS, "whole step": ("exchange.py", "step")}.items():
            if path.endswith(file) and function == wanted:
                found[name] = cumulative / (calls if name != "recording" else STEPS)
    missing = set(PARTS) - set(found)
    if missing:
        raise RuntimeError(f"the profile holds nothing of {', '.join(sorted(missing))}; were functions renamed?")
    return {name: found[name] for name in [*PARTS, "whole step"]}
