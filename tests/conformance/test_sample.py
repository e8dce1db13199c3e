"""A sample of the SBML Test Suite, spread over all its tags, by the criteria of `make conformance`."""

from __future__ import annotations

import pytest
from conftest import SUITE

from .judge import FAILED, judge
from .sample import TIMES, sample
from .suite import KINDS, Case, find_cases

CASES = {kind: find_cases(SUITE, [kind]) for kind in KINDS}
SAMPLE = [case for kind in KINDS for case in sample(CASES[kind])]


@pytest.mark.parametrize("case", SAMPLE, ids=lambda case: f"{case.kind}-{case.id}")
def test_case(case: Case) -> None:
    verdict = judge(case)
    assert verdict.outcome != FAILED, verdict.reason


def test_every_tag_is_in_the_sample() -> None:
    """Twice, unless the suite has it once."""
    for kind in KINDS:
        for tag in {tag for case in CASES[kind] for tag in case.tags}:
            wanted = min(TIMES, sum(tag in case.tags for case in CASES[kind]))
            assert sum(tag in case.tags for case in SAMPLE if case.kind == kind) >= wanted
