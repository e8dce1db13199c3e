"""`python -m tests.conformance.biomodels [MODELS]`: deposited models by ode, beside their references and libRoadRunner.

MODELS holds SBML files (BIOMD0000000005.xml) and a folder `reference` of trajectories (BIOMD0000000005.csv, of the
columns time, [A], [B], ...: concentrations). The exit status counts models that fail.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
import roadrunner
from numpy.typing import NDArray
from tqdm import tqdm

import biomulti as bm

from .judge import prepare
from .options import LARGEST_STATUS, shared
from .report import table, versions
from .workers import run_jobs

AGREEMENT = 1e-5  # largest error, of the largest value of each species
# below this share of the model's largest value a species is zero, and its reference the noise of another integrator:
# in BIOMD0000000786 nothing happens before an event that lies ten times beyond the reference's end
NOISE = 1e-9
TOLERANCE = 1e-7  # relative, of both programs; libRoadRunner's absolute one is its default, 1e-12
ROUNDS = 5
LIMIT = 1200.0  # seconds for a model by the clock, which is shared with whatever else runs

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """One model: worst errors, seconds of a trajectory and of the first call, of ours and of libRoadRunner."""

    model: str
    reason: str = ""  # of a failure
    worst: str = ""  # column
    errors: tuple[float, float] = (np.nan, np.nan)
    seconds: tuple[float, float] = (np.nan, np.nan)
    first: tuple[float, float] = (np.nan, np.nan)


def read_reference(path: Path) -> tuple[Floats, dict[str, Floats]]:
    """Times, and columns as they are named: [A] is the concentration of A, and k the parameter k."""
    with path.open(newline="") as file:
        names, *rows = csv.reader(file)
    values = np.array(rows, dtype=float).T
    return values[0], dict(zip(names[1:], values[1:], strict=True))


def errors_of(found: Mapping[str, Floats], expected: Mapping[str, Floats]) -> dict[str, float]:
    """Largest error of each column over its largest value, or over the model's if it stays below NOISE of that."""
    largest = {name: float(np.abs(values).max()) for name, values in expected.items()}
    overall = max(largest.values(), default=0.0) or 1.0
    sizes = {n: size if size > NOISE * overall else overall for n, size in largest.items()}
    return {n: float(np.abs(found[n] - v).max()) / sizes[n] for n, v in expected.items()}


def our_run(network: bm.Network, times: Floats, columns: Sequence[str]) -> dict[str, Floats]:
    """Concentrations by `simulate`."""
    run = bm.simulate(
        network, t_end=times[-1], every=times[1], method="ode", quantity="concentration", tolerance=TOLERANCE,
        progress=False,
    )  # fmt: skip
    return {name: run[name.strip("[]")].values[:, 0] for name in columns}


def their_runner(path: Path, columns: Sequence[str]) -> Any:
    """The model loaded by libRoadRunner."""
    load: Any = roadrunner.RoadRunner
    runner = load(str(path))
    runner.integrator.relative_tolerance = TOLERANCE
    runner.timeCourseSelections = list(columns)
    return runner


def their_run(runner: Any, times: Floats, columns: Sequence[str]) -> dict[str, Floats]:
    """Concentrations by libRoadRunner's CVODE."""
    runner.resetAll()
    return dict(zip(columns, np.array(runner.simulate(times[0], times[-1], len(times))).T, strict=True))


def measure(path: Path) -> Measured:
    """Run one model in both programs, in turns after a first call each."""
    warnings.simplefilter("ignore")
    times, expected = read_reference(path.parent / "reference" / f"{path.stem}.csv")
    columns = list(expected)
    started = perf_counter()
    try:
        network = bm.load(path)
        errors = errors_of(our_run(network, times, columns), expected)
    except Exception as error:
        line = (str(error).splitlines() or [""])[0].replace(f"{path.parent}/", "")
        return Measured(path.stem, f"{type(error).__name__}: {line}")
    between = perf_counter()
    runner = their_runner(path, columns)
    others = errors_of(their_run(runner, times, columns), expected)
    firsts = (between - started, perf_counter() - between)
    worst = max(errors, key=lambda n: np.inf if np.isnan(errors[n]) else errors[n])
    agrees = errors[worst] < AGREEMENT
    reason = "" if agrees else f"{worst} differs from the reference by {errors[worst]:.2g} of its largest value"
    seconds = in_turns(lambda: our_run(network, times, columns), lambda: their_run(runner, times, columns))
    return Measured(path.stem, reason, worst, (errors[worst], max(others.values())), seconds, firsts)


def in_turns(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """Median processor seconds of each."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for job, seconds in zip((one, other), taken, strict=True):
            started = process_time()
            job()
            seconds.append(process_time() - started)
    return median(taken[0]), median(taken[1])


def lost(path: Path, reason: str) -> Measured:
    """What is known of a model whose process ran over the limit or died."""
    return Measured(path.stem, reason)


def main(arguments: list[str]) -> int:
    """Measure all models; the number that fail."""
    folder = Path(arguments[0]) if arguments else shared() / "biomodels"
    paths = [folder / f"{p.stem}.xml" for p in sorted((folder / "reference").glob("*.csv"))]
    if not paths:
        sys.exit(
            f"no trajectories in {folder / 'reference'}; MODELS is a folder of SBML files with a folder 'reference'"
        )
    print(f"{len(paths)} deposited models by ode; {versions()}, libRoadRunner {roadrunner.__version__}", flush=True)
    with tempfile.TemporaryDirectory() as empty:
        os.environ["BIOMULTI_CACHE"] = empty  # so that the first call compiles the model
        found = run_jobs(paths, measure, prepare=prepare, lost=lost, limit=lambda _: LIMIT, by_clock=True, workers=1)
        results = list(tqdm(found, total=len(paths), unit=" models", dynamic_ncols=True, file=sys.stdout))
    print("\n" + say(sorted(results, key=lambda m: m.model)))
    failed = [m for m in results if m.reason]
    print(f"\n{len(results) - len(failed)} of {len(results)} agree with their references within {AGREEMENT:g}.")
    for m in failed:
        print(f"- {m.model}: {m.reason}")
    return min(LARGEST_STATUS, len(failed))


def say(results: list[Measured]) -> str:
    """The table; the ratio of times is above 1 where ours takes longer."""
    rows = [
        (
            m.model, m.worst, *(f"{e:.1e}" for e in m.errors), *(f"{1e3 * s:.2f}" for s in m.seconds),
            f"{m.seconds[0] / m.seconds[1]:.1f}", *(f"{s:.2f}" for s in m.first),
        )
        for m in results
        if m.worst
    ]  # fmt: skip
    head = ("model", "worst", "error", "theirs", "ms", "theirs", "ratio", "first call, s", "theirs")
    note = (
        "Errors are of the reference, over each species' largest value; 'theirs' is libRoadRunner, both at a relative "
        f"tolerance of {TOLERANCE:g}.\nMilliseconds are processor time of one whole call, median of {ROUNDS}, in "
        "turns; the first call, with loading and compiling, is apart."
    )
    return f"{table(head, rows)}\n\n{note}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
