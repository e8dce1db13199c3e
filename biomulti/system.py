"""The equations of a network over a state vector: what moves it, and where every run starts.

A state y holds amounts of species (times `scale`, molecules per unit of amount where reactions fire) and
whatever a rate rule moves; p holds what stays constant. Every reaction, each direction of a reversible one,
and every rate rule is a *flux* F_j(t, y, p), and

    dy/dt = S^T F(t, y, p)        [states] = [fluxes, states]^T [fluxes].
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from biomulti import expression as ex
from biomulti.errors import ModelError, OptionError, UnsupportedError
from biomulti.expression import Expression
from biomulti.network import Compartment, Network, Parameter, Species

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Flux:
    """One column of motion: a reaction, one direction of a reversible one, or a rate rule."""

    name: str
    law: Expression
    change: Mapping[int, float]
    reaction: str = ""

    @property
    def is_rule(self) -> bool:
        return not self.reaction


@dataclass(frozen=True)
class System:
    """A network's equations; made by `system_of`."""

    network: Network
    scale: float
    states: tuple[str, ...]
    parameters: tuple[str, ...]
    fluxes: tuple[Flux, ...]
    lowered: Mapping[str, Expression]

    @cached_property
    def stoichiometry(self) -> Floats:
        """S, [fluxes, states]."""
        out = np.zeros((len(self.fluxes), len(self.states)))
        for j, flux in enumerate(self.fluxes):
            for k, n in flux.change.items():
                out[j, k] = n
        return out

    @cached_property
    def jacobian(self) -> tuple[tuple[int, int, Expression], ...]:
        """dF_j/dy_k where it is not zero, as (j, k, expression)."""
        out = []
        for j, flux in enumerate(self.fluxes):
            for k in sorted(reads(flux.law)):
                slope = ex.derivative(flux.law, Expression("y", k))
                if slope != ex.ZERO:
                    out.append((j, k, slope))
        return tuple(out)

    @cached_property
    def time_slopes(self) -> tuple[tuple[int, Expression], ...]:
        """dF_j/dt at fixed y where it is not zero, as (j, expression)."""
        slopes = [(j, ex.derivative(f.law, ex.TIME)) for j, f in enumerate(self.fluxes)]
        return tuple((j, s) for j, s in slopes if s != ex.ZERO)

    @cached_property
    def varies_between_firings(self) -> bool:
        """True if time or a rate rule changes the state although no reaction fires."""
        return any(f.is_rule or ex.depends_on_time(f.law) for f in self.fluxes)

    @cached_property
    def jumps(self) -> tuple[Expression, ...]:
        """Times, over the parameters, with which time is compared in a flux: a rate may jump there."""
        found: dict[Expression, None] = {}
        for flux in self.fluxes:
            for node in ex.walk(flux.law):
                if node.op in ex.RELATIONS and ex.TIME in node.children:
                    other = node.children[1] if node.children[0] == ex.TIME else node.children[0]
                    if not reads(other) and not ex.depends_on_time(other):
                        found[other] = None
        return tuple(found)

    def amount(self, species: Species) -> Expression:
        """A species' amount in the model's unit, over y and p."""
        value = self.lowered[species.id]
        if _reads_as_amount(self.network, species):
            return value
        return ex.multiply(value, self.lowered[species.compartment])

    def start(self, initial: Mapping[str, float], parameters: Mapping[str, float]) -> tuple[Floats, Floats]:
        """State and parameters at time 0, with the user's values in place of the model's.

        Args:
            initial: amounts of species in the model's unit.
            parameters: values of parameters and compartments.

        Returns:
            y [states], p [parameters].

        Raises:
            OptionError: a name that the model does not have, or that a rule decides.
            ModelError: a value that is needed and not given, or assignments that need one another.
        """
        values = _InitialValues(self.network, initial, parameters)
        species = {s.id: s for s in self.network.species}

        def value(name: str) -> float:
            return values.amount(species[name]) if name in species else values[name]

        y = np.array([value(n) * (self.scale if n in species else 1.0) for n in self.states])
        # what no formula reads may lack a value, as the size of a compartment without dimensions does
        p = [value(n) if k in self._read or values.has(n) else np.nan for k, n in enumerate(self.parameters)]
        return y, np.array(p, dtype=np.float64)

    @cached_property
    def _read(self) -> frozenset[int]:
        """Indices of the parameters that a rate or an assigned value depends on."""
        formulas = [f.law for f in self.fluxes] + [self.lowered[n] for n in self.network.assignment_rules]
        return frozenset(int(n.args[0]) for f in formulas for n in ex.walk(f) if n.op == "p")  # type: ignore[arg-type]


def reads(law: Expression) -> frozenset[int]:
    """Indices of the states that a lowered expression reads."""
    return frozenset(int(n.args[0]) for n in ex.walk(law) if n.op == "y")  # type: ignore[arg-type]


def evaluate_at(lowered: Expression, p: Floats) -> float:
    """The value of a lowered expression that reads nothing but parameters p [parameters]."""
    named = ex.substitute(lowered, lambda n: ex.symbol(str(n.args[0])) if n.op == "p" else None)
    return ex.evaluate(named, lambda k: float(p[int(k)]))


def system_of(network: Network, scale: float = 1.0) -> System:
    """The equations of `network`, its species counted in 1/scale of the model's unit of amount."""
    moved = {name for r in network.reactions for name in (*r.reactants, *r.products)}
    free = {s.id for s in network.species if not s.boundary and not s.constant}
    ruled = set(network.assignment_rules)
    _refuse_contradictions(network, moved, free)
    states = [s.id for s in network.species if s.id in network.rate_rules or s.id in moved & free - ruled]
    states += [n for n in network.rate_rules if n not in states]
    things: list[Compartment | Parameter | Species] = [
        *network.compartments,
        *network.parameters,
        *network.species,
    ]
    parameters = [t.id for t in things if t.id not in ruled and t.id not in states]
    lower = _Lowering(network, scale, states, parameters)
    fluxes: list[Flux] = []
    for reaction in network.reactions:
        change = {}
        for name in (*reaction.reactants, *reaction.products):
            net = reaction.products.get(name, 0.0) - reaction.reactants.get(name, 0.0)
            if name in states and name in free and name not in network.rate_rules and net:
                change[states.index(name)] = net
        parts = ex.split_signs(reaction.law) if reaction.reversible else (reaction.law,)
        for part, sign, label in zip(parts, (1.0, -1.0), ("", " (reverse)"), strict=False):
            law = ex.multiply(ex.number(scale), lower.expression(part))
            signed = {k: sign * n for k, n in change.items()}
            fluxes.append(Flux(reaction.id + label, law, signed, reaction.id))
    for name in network.rate_rules:
        fluxes.append(Flux(f"d {name}/dt", lower.rate(name), {states.index(name): 1.0}))
    lowered = {t.id: lower.symbol(t.id) for t in things}
    return System(network, scale, tuple(states), tuple(parameters), tuple(fluxes), lowered)


def _refuse_contradictions(network: Network, moved: set[str], free: set[str]) -> None:
    for name in sorted(moved & free & (set(network.assignment_rules) | set(network.rate_rules))):
        raise ModelError(
            f"{network.source}: species '{name}' is changed by reactions and by a rule; make it a boundary "
            f"species, or remove the rule."
        )
    for species in network.species:
        if species.compartment in network.assignment_rules and species.id in network.rate_rules:
            raise UnsupportedError(
                f"{network.source}: species '{species.id}' has a rate rule inside the compartment "
                f"'{species.compartment}', whose size is assigned; this is not supported yet."
            )


def _reads_as_amount(network: Network, species: Species) -> bool:
    dimensions = {c.id: c.dimensions for c in network.compartments}
    return species.only_substance or dimensions[species.compartment] == 0.0


class _Lowering:
    """Symbols of the model to expressions over ("y", k), ("p", k) and time."""

    def __init__(self, network: Network, scale: float, states: list[str], parameters: list[str]) -> None:
        self.network = network
        self.scale = scale
        self.y = {n: Expression("y", k) for k, n in enumerate(states)}
        self.p = {n: Expression("p", k) for k, n in enumerate(parameters)}
        self.species = {s.id: s for s in network.species}
        self.laws = {r.id: r.law for r in network.reactions}
        self.done: dict[str, Expression] = {}
        self.open: list[str] = []

    def expression(self, root: Expression) -> Expression:
        return ex.substitute(root, lambda n: self.symbol(str(n.args[0])) if n.op == "sym" else None)

    def symbol(self, name: str) -> Expression:
        if name not in self.done:
            if name in self.open:
                raise ModelError(_cycle(self.network, self.open, name))
            self.open.append(name)
            self.done[name] = self._symbol(name)
            self.open.pop()
        return self.done[name]

    def _symbol(self, name: str) -> Expression:
        if name in self.network.assignment_rules:
            return self.expression(self.network.assignment_rules[name])
        if name in self.laws:
            return self.expression(self.laws[name])
        base = self.y.get(name) or self.p.get(name)
        if base is None:
            raise ModelError(f"{self.network.source}: the symbol '{name}' is not defined.")
        if name not in self.species:
            return base
        amount = ex.divide(base, ex.number(self.scale)) if name in self.y else base
        species = self.species[name]
        if _reads_as_amount(self.network, species):
            return amount
        return ex.divide(amount, self.symbol(species.compartment))

    def rate(self, name: str) -> Expression:
        """dy/dt of a state moved by a rate rule; of a concentration c in a volume V, c' V + c V'."""
        rate = self.expression(self.network.rate_rules[name])
        species = self.species.get(name)
        if species is None:
            return rate
        if not _reads_as_amount(self.network, species):
            volume = species.compartment
            rate = ex.multiply(rate, self.symbol(volume))
            if volume in self.network.rate_rules:
                rate = ex.add(rate, ex.multiply(self.symbol(name), self.rate(volume)))
        return ex.multiply(ex.number(self.scale), rate)


class _InitialValues:
    """The value of every symbol at time 0, each worked out once."""

    def __init__(self, network: Network, initial: Mapping[str, float], parameters: Mapping[str, float]) -> None:
        self.network = network
        self.species = {s.id: s for s in network.species}
        self.given: dict[str, float | None] = {c.id: c.size for c in network.compartments}
        self.given |= {p.id: p.value for p in network.parameters}
        self.laws = {r.id: r.law for r in network.reactions}
        self._check(initial, self.species, "species", "initial")
        self._check(parameters, self.given, "parameter or compartment", "parameters")
        self.initial = {k: _number(v, f"initial['{k}']") for k, v in initial.items()}
        self.parameters = {k: _number(v, f"parameters['{k}']") for k, v in parameters.items()}
        self.done: dict[str, float] = {}
        self.open: list[str] = []

    def _check(self, chosen: Mapping[str, float], known: Mapping[str, object], what: str, where: str) -> None:
        for name in chosen:
            if name not in known:
                raise OptionError(
                    f"{where}: the model has no {what} '{name}'; it has {', '.join(sorted(known)) or 'none'}."
                )
            if name in self.network.assignment_rules:
                raise OptionError(f"{where}: '{name}' is decided by a rule of the model and cannot be set.")

    def __getitem__(self, name: str) -> float:
        if name not in self.done:
            if name in self.open:
                raise ModelError(_cycle(self.network, self.open, name))
            self.open.append(name)
            self.done[name] = self._value(name)
            self.open.pop()
        return self.done[name]

    def has(self, name: str) -> bool:
        """True unless nothing says what the parameter, compartment or species `name` is."""
        said = (self.parameters, self.network.initial_assignments, self.laws, self.species)
        return self.given.get(name) is not None or any(name in place for place in said)

    def amount(self, species: Species) -> float:
        value = self[species.id]
        if _reads_as_amount(self.network, species):
            return value
        return value * self[species.compartment]

    def _value(self, name: str) -> float:
        if name in self.parameters:
            return self.parameters[name]
        if name in self.initial:
            return self._in_its_own_terms(self.species[name], self.initial[name])
        for formulas in (self.network.assignment_rules, self.network.initial_assignments, self.laws):
            if name in formulas:
                return ex.evaluate(formulas[name], self.__getitem__)
        if name in self.species:
            return self._of_species(self.species[name])
        value = self.given.get(name)
        if value is None:
            raise ModelError(
                f"{self.network.source}: '{name}' has no value; give it one in the model or with "
                f"parameters={{'{name}': ...}}."
            )
        return value

    def _in_its_own_terms(self, species: Species, amount: float) -> float:
        return amount if _reads_as_amount(self.network, species) else amount / self[species.compartment]

    def _of_species(self, species: Species) -> float:
        if species.initial_amount is not None:
            return self._in_its_own_terms(species, species.initial_amount)
        if species.initial_concentration is None:
            raise ModelError(
                f"{self.network.source}: species '{species.id}' has no initial amount; give it one in the "
                f"model or with initial={{'{species.id}': ...}}."
            )
        if _reads_as_amount(self.network, species):
            return species.initial_concentration * self[species.compartment]
        return species.initial_concentration


def _number(value: object, what: str) -> float:
    try:
        out = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        out = math.nan
    if not math.isfinite(out):
        raise OptionError(f"{what} is {value!r}; it must be a finite number.")
    return out


def _cycle(network: Network, chain: list[str], name: str) -> str:
    loop = " -> ".join([*chain[chain.index(name) :], name])
    return f"{network.source}: these assignments need one another: {loop}; break the cycle."
