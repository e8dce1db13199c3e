"""Verdicts as tables, in Markdown, which is also what the terminal shows."""

from __future__ import annotations

import platform
import re
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from importlib.metadata import version

from .judge import CHANCE_POINTS, FAILED, MORE_RUNS, PASSED, REFUSED, Verdict
from .suite import KINDS

PACKAGES = ("biomulti", "python-libsbml", "numba", "numpy", "scipy")
LONGEST = 10  # cases of one reason that the page gives a line each
OUTCOMES = (PASSED, FAILED, REFUSED)
WRONG_NUMBER = re.compile(r"^wrong number")
WRONG_STATISTICS = re.compile(r"^wrong statistics")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown; all columns but the first to the right."""
    written = [[str(c) for c in row] for row in rows]
    widths = [max(len(row[k]) for row in [list(head), *written]) for k in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        padded = [c.rjust(w) if k else c.ljust(w) for k, (c, w) in enumerate(zip(cells, widths, strict=True))]
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join("-" * (w + 1) + (":" if k else "-") for k, w in enumerate(widths)) + "|"
    return "\n".join([line(head), rule, *map(line, written)])


def totals(verdicts: Sequence[Verdict]) -> str:
    """Cases by kind and outcome."""
    groups = [(kind, [v for v in verdicts if v.case.kind == kind]) for kind in KINDS]
    rows = [(kind, *_counts(group)) for kind, group in [*groups, ("all", list(verdicts))] if group]
    return table(("kind", *OUTCOMES, "total"), rows)


def by_tag(verdicts: Sequence[Verdict]) -> str:
    """Cases by component and test tag; a case counts for each of its tags."""
    groups: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        for tag in verdict.case.tags:
            groups[tag].append(verdict)
    rows = ((tag, *_counts(groups[tag])) for tag in sorted(groups, key=str.lower))
    return table(("tag", *OUTCOMES, "total"), rows)


def failures(verdicts: Sequence[Verdict], *, longest: int | None = None) -> str:
    """Failed cases, those with one reason together; of more than `longest` with one reason the numbers alone."""
    groups: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.outcome == FAILED:
            groups[reason_group(verdict.reason)].append(verdict)
    if not groups:
        return "No case fails."
    lines = []
    for group in sorted(groups, key=lambda g: -len(groups[g])):
        members = groups[group]
        lines += [f"**{group}** ({len(members)} case{'s' if len(members) > 1 else ''})", ""]
        if longest and len(members) > longest:
            for kind in KINDS:
                if numbers := [v.case.id for v in members if v.case.kind == kind]:
                    lines += textwrap.wrap(
                        f"{kind}: {', '.join(numbers)}", 118, initial_indent="- ", subsequent_indent="  "
                    )
        else:
            lines += [f"- {v.case.kind} {v.case.id}: {v.reason}" for v in members]
        lines.append("")
    return "\n".join(lines).rstrip()


def first_sight(verdicts: Sequence[Verdict]) -> str:
    """How many stochastic cases passed without being run again."""
    passed = [v for v in verdicts if v.case.kind == "stochastic" and v.outcome == PASSED]
    again = sum(v.note != "" for v in passed)
    barely = sum(v.barely for v in passed)
    return (
        f"{len(passed) - again} stochastic cases passed at first sight, {again} when run again, {barely} of these with "
        "a point outside that had been inside, or thanks to the kurtosis"
    )


def repeated(verdicts: Sequence[Verdict]) -> str:
    """Stochastic cases that passed when run again."""
    return "\n".join(f"- {v.case.id}: {v.note}" for v in verdicts if v.outcome == PASSED and v.note)


def reason_group(reason: str) -> str:
    """What a reason has in common with others: no names of files and things, no lines, no numbers."""
    if WRONG_NUMBER.match(reason):
        return "wrong number"
    if WRONG_STATISTICS.match(reason):
        return "wrong statistics"
    text = re.sub(r"\S*\.xml(, line \d+)?:? ?", "", reason)
    text = re.sub(r"line \d+: ?", "", text)
    text = re.sub(r"'[^']*'", "'...'", text)
    return re.sub(r"-?\b\d[\d.]*(e[+-]?\d+)?\b", "...", text)


def versions() -> str:
    """Versions of all that took part."""
    return ", ".join([f"Python {platform.python_version()}", *(f"{p} {version(p)}" for p in PACKAGES)])


def page(verdicts: Sequence[Verdict], *, suite: str, method: str, runs: int, limit: float) -> str:
    """docs/conformance.md."""
    counts = Counter(v.outcome for v in verdicts)
    judged = len(verdicts) - counts[REFUSED]
    return f"""# Conformance with SBML

Every case of the [SBML Test Suite](https://github.com/sbmlteam/sbml-test-suite) {suite}, semantic and stochastic, run
by `make conformance SUITE=path/to/sbml-test-suite`, which wrote this page: {counts[PASSED]} of {judged} pass.

{versions()}.

## What was run

- The file of the highest SBML level and version of each case.
- Semantic cases by `method="ode"` at its default tolerance: |difference| <= absolute + relative |expected| at every
  point of every variable, with the absolute and the relative tolerance of the case.
- Stochastic cases by `method="{method}"` with {runs:,} runs: Z = sqrt(n) (mean - mu) / sigma and
  Y = sqrt(n / 2) (s^2 / sigma^2 - 1) within the ranges of the case at every point; where sigma is 0 every run has to be
  mu exactly. (A Cauchy distribution has neither mean nor sigma: half of the runs have to be above its median, within
  the same range of Z; where one is cut off on both sides, and the suite gives no sigma, the runs' own serves.
  Logarithms are not judged where the value is 0 in every run and the suite writes 0.)
- Points beyond three sigma are to be expected by chance: a stochastic case with a point outside is run again, once,
  with another seed and {MORE_RUNS} times the runs. It fails if one of the same points is outside again, or more than
  {CHANCE_POINTS} points in all: the suite itself wants up to three points looked at a second time. In that second look
  Y is divided by its own standard deviation, sqrt((kurtosis - 1) / 2), where the runs' kurtosis is above 3: the suite's
  range takes the law to be normal, and in case 00003, of kurtosis 60, it rejects seven of eight exact simulations. All
  seeds are fixed.
- A case that takes more than {limit:g} s of one processor fails ({1 + MORE_RUNS} times that for stochastic ones).
- Flux balance is not simulation: its {counts[REFUSED]} cases are refused when they are loaded, by name, as they should
  be, and counted as refused.

## Totals

{totals(verdicts)}

## What fails, and why

{failures(verdicts, longest=LONGEST)}

## Run again

{first_sight(verdicts)}.

{repeated(verdicts)}

## By tag

A case counts for each of its tags.

{by_tag(verdicts)}
""".replace("\n\n\n", "\n\n")


def _counts(verdicts: Sequence[Verdict]) -> tuple[int, ...]:
    counts = Counter(v.outcome for v in verdicts)
    return (*(counts[o] for o in OUTCOMES), len(verdicts))
