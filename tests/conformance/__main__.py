"""`python -m tests.conformance [SUITE]`: run the SBML Test Suite, print what fails, and write docs/conformance.md."""

from __future__ import annotations

import sys
from collections import Counter
from functools import partial

from tqdm import tqdm

from . import report
from .judge import CHANCE_POINTS, FAILED, MORE_RUNS, PASSED, REFUSED, Verdict, judge, lost, prepare
from .options import LARGEST_STATUS, ROOT, chosen, is_complete, limit_of, parse
from .suite import find_cases, version
from .workers import run_jobs

PAGE = ROOT / "docs" / "conformance.md"


def main() -> int:
    """Run the cases asked for; the number of failures, 255 at most."""
    options = parse()
    try:
        cases = chosen(find_cases(options.suite), options)
    except FileNotFoundError as error:
        sys.exit(str(error))
    if not cases:
        sys.exit("no case is asked for; see --cases, --tag and --kind")
    suite = version(options.suite)
    print(f"SBML Test Suite {suite}: {len(cases)} cases; {report.versions()}", flush=True)
    limit = partial(limit_of, limit=options.limit)
    work = partial(judge, method=options.method, runs=options.runs)
    verdicts: list[Verdict] = []
    with tqdm(total=len(cases), unit=" cases", dynamic_ncols=True, file=sys.stdout) as bar:
        for verdict in run_jobs(cases, work, prepare=prepare, lost=lost, limit=limit, workers=options.jobs):
            verdicts.append(verdict)
            counts = Counter(v.outcome for v in verdicts)
            bar.set_postfix_str(", ".join(f"{counts[o]} {o}" for o in report.OUTCOMES), refresh=False)
            bar.update()
    verdicts.sort(key=lambda v: (v.case.kind, v.case.id))
    say(verdicts, options.method, options.runs)
    if is_complete(options) and not options.no_docs:
        text = report.page(verdicts, suite=suite, method=options.method, runs=options.runs, limit=options.limit)
        PAGE.write_text(text, encoding="utf-8")
        print(f"\nWritten: {PAGE.relative_to(ROOT)}")
    return min(LARGEST_STATUS, sum(v.outcome == FAILED for v in verdicts))


def say(verdicts: list[Verdict], method: str, runs: int) -> None:
    """Print tables, failures, and what was run twice."""
    print(f"\n{report.by_tag(verdicts)}\n\n{report.failures(verdicts)}\n")
    if any(v.case.kind == "stochastic" for v in verdicts):
        print(
            f"Stochastic cases: {method}, {runs:,} runs. One with a point outside its range was run again, once, "
            f"with another fixed seed and {MORE_RUNS} times the runs; it fails if one of the same points is outside "
            f"again, or more than {CHANCE_POINTS} points in all. {report.first_sight(verdicts)}.\n"
        )
        print(report.repeated(verdicts))
    counts = Counter(v.outcome for v in verdicts)
    print(f"\n{report.totals(verdicts)}\n")
    print(f"{counts[PASSED]} passed, {counts[FAILED]} failed, {counts[REFUSED]} refused as they should be.")
    slowest = max(verdicts, key=lambda v: v.seconds)
    print(f"Slowest: {slowest.case.kind} {slowest.case.id}, {slowest.seconds:.1f} s of one processor.")


if __name__ == "__main__":
    sys.exit(main())
