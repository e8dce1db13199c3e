"""A sample of the suite by rule: the first cases that together have every tag twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .suite import Case

TIMES = 2


def sample(cases: Sequence[Case]) -> list[Case]:
    """In order, each case that has a tag which fewer than two cases before it have."""
    taken, seen = [], Counter[str]()
    for case in cases:
        if any(seen[tag] < TIMES for tag in case.tags):
            taken.append(case)
            seen.update(case.tags)
    return taken
