"""Deposited BioModels, written and read again; run where the models are at hand."""

from __future__ import annotations

from conftest import DEPOSITED
from round_trip import round_trips


def test_deposited_models():
    from_sbml, from_antimony, wrong = round_trips(sorted(DEPOSITED.glob("*.xml")))
    # one writes a nanomole as 1e-9 mole, which Antimony turns into a nanomole
    assert [w for w in wrong if "unit='1e-09 mole'" not in w] == []
    assert from_sbml >= 52
    assert from_antimony >= 18
