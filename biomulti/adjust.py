"""Laws of mass action in concentrations, made exact for whole molecules.

k X^m V, for a reaction that uses m of X, counts ordered choices of m molecules as if there were x of them each time.
There are x (x - 1) ... (x - m + 1) choices of different ones (Gillespie 1976, J. Comput. Phys. 22, 403,
doi:10.1016/0021-9991(76)90041-3), so where such a reaction fires,

    a = c x^m    becomes    a = c x (x - 1) ... (x - m + 1).

A law over amounts is a propensity as it stands, and so is one that is no power of x, as k X (X - 1/V) V.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from biomulti import expression as ex
from biomulti.expression import Expression
from biomulti.reduction import moved_by_reactions, reads_as_amount
from biomulti.system import Flux, System

# of which `power_of` an operation keeps, given those of its arguments
ALIKE = ("add", "neg")


def adjusted(system: System, fires: NDArray[np.bool_]) -> System:
    """The system with those laws exact that `fires` [fluxes] says fire; their fluxes keep the model's as `stated`.

    The system itself where nothing is to be adjusted, or the network was loaded with `adjust=False`.
    """
    if not system.network.adjust:
        return system
    choices = Choices(system)
    fluxes = list(system.fluxes)
    followers: dict[int, list[int]] = {}
    for j, flux in enumerate(fluxes):
        if flux.follows >= 0:
            followers.setdefault(flux.follows, []).append(j)
    for j, flux in enumerate(system.fluxes):
        powers = choices.of(flux) if fires[j] and flux.reaction and flux.follows < 0 else {}
        if not powers:
            continue
        together = [j, *followers.get(j, ())]
        # what follows a reaction is its law times a stoichiometry, which must not read the same species
        if all(power_of(fluxes[i].law, k) == m for i in together for k, m in powers.items()):
            for i in together:
                fluxes[i] = replace(fluxes[i], law=of_different(fluxes[i].law, powers), stated=fluxes[i].law)
    if all(f.stated is None for f in fluxes):
        return system
    return replace(system, fluxes=tuple(fluxes))


class Choices:
    """How many molecules of which states the reactions of a system choose from, where laws read concentrations."""

    def __init__(self, system: System) -> None:
        network = system.reduced.network
        moved = moved_by_reactions(network)
        self.reactions = {r.id: r for r in network.reactions}
        self.state = {name: k for k, name in enumerate(system.states)}
        self.concentrations = {s.id for s in network.species if s.id in moved and not reads_as_amount(network, s)}

    def of(self, flux: Flux) -> dict[int, int]:
        """By state, the number m of molecules, 2 or more, in whose power the law of `flux` is."""
        reaction = self.reactions[flux.reaction]
        used, made = reaction.reactants, reaction.products
        if flux.backward:
            used, made = made, used
        found = {}
        for name, m in used.items():
            other = made.get(name, 0.0)
            if name not in self.concentrations or isinstance(m, Expression) or isinstance(other, Expression):
                continue
            k = self.state[name]
            # a conversion factor other than 1 makes something else of m
            counted = m >= 2.0 and m == round(m) and flux.change.get(k, 0.0) == other - m
            if counted and power_of(flux.law, k) == m:
                found[k] = round(m)
        return found


def power_of(law: Expression, k: int) -> float | None:
    """m such that `law` = c y_k^m with a c that does not read y_k, or None if there is none that can be read off."""
    done: dict[Expression, float | None] = {}
    for node in ex.walk(law):
        found = [done[c] for c in node.children]
        done[node] = 1.0 if node == Expression("y", k) else _power(node, [m for m in found if m is not None], found)
    return done[law]


def _power(node: Expression, powers: list[float], found: list[float | None]) -> float | None:
    if len(powers) < len(found):
        return None
    if not any(powers):
        return 0.0
    if node.op == "mul":
        return sum(powers)
    if node.op == "div":
        return powers[0] - powers[1]
    if node.op == "pow" and node.children[1].value is not None:
        return powers[0] * node.children[1].value
    return powers[0] if node.op in ALIKE and len(set(powers)) == 1 else None


def of_different(law: Expression, powers: Mapping[int, int]) -> Expression:
    """c x^m with x (x - 1) ... (x - m + 1) in place of x^m, for every state x and its m."""
    coefficient = ex.substitute(law, lambda n: ex.ONE if n.op == "y" and n.args[0] in powers else None)
    numbers = [ex.add(Expression("y", k), ex.number(-float(taken))) for k, m in powers.items() for taken in range(m)]
    return ex.multiply(*numbers, coefficient)


def said(system: System) -> str:
    """What was adjusted in a system that `adjusted` made, in words."""
    names = [f"'{f.name}'" for f in system.fluxes if f.stated is not None and f.follows < 0]
    listed = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    return (
        f"{system.network.source}: mass action in concentrations is stated by {listed}; where it fires, x^2 of the law "
        f"is taken as x (x - 1), so that no molecule meets itself. biomulti.report shows the laws; "
        f"load(..., adjust=False) takes them as they stand."
    )


SHOWN = 5  # reactions that a message names before it says how many more there are
