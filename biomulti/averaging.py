"""Fast reactions among scarce molecules whose average is exact: a promoter that flips, an mRNA that comes and goes.

Let X be the states that some reactions change. If the laws of these reactions are affine in X, and so is every other
law that reads X, replacing X by its mean given all else leaves out only the noise of X, and what this does to others
fades as one over how much faster these reactions are. Where anything is not affine in X, the mean of a law is not the
law of the mean, however fast X is, and the reactions have to fire; and so have they where an event, a constraint or a
rate rule reads X, since thresholds and small noise are what these may be about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomulti import expression as ex
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
        *(reads(c) for c in system.constraints),
        *(reads(f.law) for f in system.fluxes if f.is_rule),
    )
    laws = [f.law for f in system.fluxes] + [system.lowered[n] for n in system.network.assignment_rules]
    readers: dict[int, list[int]] = {}
    for number, law in enumerate(laws):
        for k in reads(law):
            readers.setdefault(k, []).append(number)
    found = []
    for fluxes, states in _groups(system, free):
        inside = frozenset(states)
        reading = sorted({number for k in states for number in readers.get(k, ())})
        if inside & watched or any(degree(laws[number], inside) > 1.0 for number in reading):
            continue
        others = [j for j in reading if j < len(system.fluxes) and j not in fluxes]
        firings = _firings(system, fluxes, others, inside, run)
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


def degree(formula: Expression, states: frozenset[int]) -> float:
    """The degree in the states of a polynomial in them; infinite for what is none."""
    done: dict[Expression, float] = {}
    for node in ex.walk(formula):
        degrees = [done[child] for child in node.children]
        if node.op == "y":
            done[node] = float(node.args[0] in states)
        elif not any(degrees):
            done[node] = 0.0
        elif node.op in ("add", "neg"):
            done[node] = max(degrees)
        elif node.op == "mul":
            done[node] = sum(degrees)
        elif node.op == "div" and degrees[1] == 0.0:
            done[node] = degrees[0]
        else:
            done[node] = np.inf
    return done[formula]


def _firings(
    system: System, fluxes: Sequence[int], readers: Sequence[int], states: frozenset[int], run: Pilot
) -> float:
    """How often the slowest of the fluxes fires while the fastest of what `readers` change does, in the middle of the
    run; zero if there is nothing of that."""
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
