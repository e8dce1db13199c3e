"""Fast reactions among scarce molecules whose average is exact: a promoter that flips, an mRNA that comes and goes.

Let X be the states that some reactions change. If the laws of these reactions are affine in X, and so is every other
law that reads X, replacing X by its mean given all else leaves out only the noise of X, and what this does to others
fades as one over how much faster these reactions are. Where anything is not affine in X, the mean of a law is not the
law of the mean, however fast X is, and the reactions have to fire.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomulti._kernels_partition import MANY
from biomulti.expression import Expression
from biomulti.pilot import Pilot
from biomulti.system import System, reads

Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class Average:
    """Reactions [fluxes] that may flow, the states [states] that they alone change, and how often they fire while what
    reads these changes."""

    fluxes: Booleans
    states: Booleans
    firings: float


def averages(system: System, free: Booleans, run: Pilot) -> list[Average]:
    """Groups of reactions, of those that are free [fluxes], that may flow because their average is exact.

    Only groups that fire MANY times while what reads their states changes.
    """
    if system.delays or system.reduced.unknowns:
        return []
    watched = frozenset[int]().union(
        *(reads(e) for o in system.occurrences for e in (o.trigger, o.delay, o.priority, *o.values) if e is not None),
        *(o.targets for o in system.occurrences),
    )
    found = []
    for fluxes, states in _groups(system, free):
        inside = frozenset(states)
        if inside & watched or not all(_affine(f.law, inside) for f in system.fluxes):
            continue
        firings = _firings(system, fluxes, inside, run)
        if firings >= MANY:
            marks = np.zeros(len(system.fluxes), dtype=bool), np.zeros(len(system.states), dtype=bool)
            marks[0][fluxes], marks[1][states] = True, True
            found.append(Average(*marks, firings))
    return found


def _groups(system: System, free: Booleans) -> list[tuple[list[int], list[int]]]:
    """Fluxes and states that belong together through what fluxes change, where all of them are free."""
    group: dict[int, int] = {}
    members: dict[int, tuple[set[int], set[int]]] = {}
    for j, flux in enumerate(system.fluxes):
        if not flux.change:
            continue
        joined = {group[k] for k in flux.change if k in group}
        fluxes, states = {j}, set(flux.change)
        for other in joined:
            more = members.pop(other)
            fluxes |= more[0]
            states |= more[1]
        members[j] = fluxes, states
        group |= dict.fromkeys(states, j)
    return [(sorted(f), sorted(s)) for f, s in members.values() if all(free[j] for j in f)]


def _affine(law: Expression, states: frozenset[int]) -> bool:
    return _degree(law, states) <= 1.0


def _degree(formula: Expression, states: frozenset[int]) -> float:
    """The degree in the states of a polynomial in them; infinite for what is none."""
    if not reads(formula) & states:
        return 0.0
    if formula.op == "y":
        return 1.0
    degrees = [_degree(child, states) for child in formula.children]
    if formula.op in ("add", "neg", "sub"):
        return max(degrees)
    if formula.op == "mul":
        return sum(degrees)
    if formula.op == "div" and degrees[1] == 0.0:
        return degrees[0]
    return np.inf


def _firings(system: System, fluxes: Sequence[int], states: frozenset[int], run: Pilot) -> float:
    """How often the slowest of the fluxes fires while the fastest of what reads the states changes, in the middle of
    the run; zero if nothing reads them."""
    readers = [j for j, f in enumerate(system.fluxes) if j not in fluxes and reads(f.law) & states]
    fed = sorted({k for j in readers for k in system.fluxes[j].change} - states)
    if not fed:
        return 0.0
    turnover = np.abs(run.rates) @ np.abs(system.stoichiometry[:, fed])
    with np.errstate(divide="ignore", invalid="ignore"):
        # what is scarce changes with every molecule
        scales = np.where(turnover > 0.0, 2.0 * np.maximum(np.abs(run.amounts[:, fed]), 1.0) / turnover, np.inf)
    fastest = np.min(scales, axis=1)
    rates = np.min(np.abs(run.rates[:, list(fluxes)]), axis=1)
    with np.errstate(invalid="ignore"):
        return float(np.median(np.nan_to_num(rates * fastest, nan=0.0, posinf=np.inf)))
