"""What the command line takes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from .judge import FEWEST_RUNS, MORE_RUNS, RUNS
from .suite import KINDS, Case

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 120.0  # seconds of processor time
LARGEST_STATUS = 255  # an exit status is a byte


def shared() -> Path:
    """Where the suite and the deposited models lie: $BIOMULTI_SHARED, or `shared` beside the checkout."""
    return Path(os.environ.get("BIOMULTI_SHARED") or ROOT.parent / "shared")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Options of `python -m tests.conformance`."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance", description="Run the SBML Test Suite; the exit status counts failures."
    )
    default = shared() / "sbml-test-suite"
    parser.add_argument("suite", type=Path, nargs="?", default=default, help=f"folder that holds 'cases' ({default})")
    parser.add_argument("--cases", default="", help="only these, as in 00001-00100,00950")
    parser.add_argument("--tag", default="", help="only cases with this component or test tag")
    parser.add_argument("--kind", choices=KINDS, help="only cases of this kind")
    parser.add_argument("--method", choices=("ssa", "hybrid"), default="ssa", help="for stochastic cases (ssa)")
    parser.add_argument("--runs", type=_runs, default=RUNS, help=f"of a stochastic case ({RUNS})")
    parser.add_argument(
        "--limit",
        type=float,
        default=LIMIT,
        help=f"seconds of processor time for a case ({LIMIT:g}); stochastic ones have more",
    )
    cores = os.cpu_count() or 1
    parser.add_argument("--jobs", type=_jobs, default=cores, help=f"processes, of one thread each ({cores})")
    parser.add_argument("--no-docs", action="store_true", help="leave docs/conformance.md as it is")
    return parser.parse_args(arguments)


def chosen(cases: Sequence[Case], options: argparse.Namespace) -> list[Case]:
    """The cases that the options ask for."""
    ranges = [part.strip().partition("-") for part in options.cases.split(",") if part.strip()]
    numbers = [(int(first), int(last or first)) for first, _, last in ranges]

    def asked_for(case: Case) -> bool:
        return (
            (not numbers or any(first <= int(case.id) <= last for first, last in numbers))
            and (not options.tag or options.tag.lower() in (t.lower() for t in case.tags))
            and options.kind in (None, case.kind)
        )

    return [c for c in cases if asked_for(c)]


def limit_of(case: Case, limit: float) -> float:
    """Seconds for a case: a stochastic one may have to be run again, with more runs."""
    return limit * (1 + MORE_RUNS) if case.kind == "stochastic" else limit


def is_complete(options: argparse.Namespace) -> bool:
    """True if nothing was left out, so that docs/conformance.md may be written anew."""
    return not (options.cases or options.tag or options.kind or options.method != "ssa" or options.runs < RUNS)


def _jobs(text: str) -> int:
    jobs = int(text)
    if jobs < 1:
        raise argparse.ArgumentTypeError("at least one process has to do the work")
    return jobs


def _runs(text: str) -> int:
    runs = int(text)
    if runs < FEWEST_RUNS:
        raise argparse.ArgumentTypeError(f"the suite's statistics want {FEWEST_RUNS} runs or more")
    return runs
