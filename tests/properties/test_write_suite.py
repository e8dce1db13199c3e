"""The models of the SBML Test Suite, written and read again; run where the suite is at hand."""

from __future__ import annotations

import pytest
from conftest import SUITE
from round_trip import round_trips

# how many of release 3.3.0 come back from SBML and from Antimony: all that are networks, and 63 in a hundred
LEAST = {"semantic": (1430, 920), "stochastic": (80, 34)}


@pytest.mark.parametrize("kind", LEAST)
def test_suite(kind):
    from_sbml, from_antimony, wrong = round_trips(sorted(SUITE.glob(f"cases/{kind}/*/*-sbml-l?v?.xml")))
    assert wrong == []
    assert from_sbml >= LEAST[kind][0]
    assert from_antimony >= LEAST[kind][1]
