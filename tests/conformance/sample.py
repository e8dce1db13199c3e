"""A sample of the suite by rule: the first cases that together have every tag twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .suite import Case

TIMES = 2
# tags, and packages before a colon, of what is refused when a model is loaded; a case with one is not in the sample
NOT_SUPPORTED = frozenset(
    {
        "AlgebraicRule",
        "AssignedConstantStoichiometry",
        "AssignedVariableStoichiometry",
        "comp",
        "ConversionFactor",
        "ConversionFactors",
        "CSymbolAvogadro",
        "CSymbolDelay",
        "CSymbolRateOf",
        "DefaultValue",
        "EventNoDelay",
        "EventWithDelay",
        "ExtentConversionFactor",
        "FastReaction",
        "L3v2MathML",
        "NoMathML",
        "SpeciesReferenceInMath",
        "StoichiometryMath",
        "TimeConversionFactor",
        "UncommonMathML",
    }
)


def is_supported(case: Case) -> bool:
    """True if no tag of the case, and no package a tag is of, is refused."""
    return NOT_SUPPORTED.isdisjoint(case.tags) and NOT_SUPPORTED.isdisjoint(t.partition(":")[0] for t in case.tags)


def sample(cases: Sequence[Case]) -> list[Case]:
    """In order, each case that has a tag which fewer than two cases before it have."""
    taken, seen = [], Counter[str]()
    for case in cases:
        if is_supported(case) and any(seen[tag] < TIMES for tag in case.tags):
            taken.append(case)
            seen.update(case.tags)
    return taken
