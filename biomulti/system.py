"""The equations of a network over a state vector: what moves it, and where every run starts.

A state y holds amounts of species (times `scale`, molecules per unit of amount where reactions fire) and
whatever else a rule, an event or an algebraic rule changes; p holds what stays constant. Every reaction, each direction
of a reversible one, and every rule is a *flux* F_j(t, y, p), and

    M dy/dt = S^T F(t, y, p)        [states] = [fluxes, states]^T [fluxes],

where M is diagonal: 0 for the variable that an algebraic rule determines, else 1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from biomulti import expression as ex
from biomulti.errors import ModelError
from biomulti.expression import Expression
from biomulti.network import Compartment, Event, Network, Parameter, Species
from biomulti.reduction import Rates, Reduced, moved_by_reactions, net_change, reads_as_amount, reduced
from biomulti.start import Draw, InitialValues, Value, in_order

WATCHED = "trigger#"  # begins the name of a difference that a trigger looks at, which no model can use
FAST = 1e9  # by what the law of a fast reaction is multiplied: what it leaves open of its equilibrium is a billionth

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Flux:
    """One column of motion: a reaction, one direction of a reversible one, or a rule.

    A reaction whose stoichiometry varies has, for each species changed so, one more flux that `follows` it: law times
    stoichiometry. When the reaction fires, the species changes by the ratio of the two. Where firing needs another law
    than the model's, `stated` is the model's.
    """

    name: str
    law: Expression
    change: Mapping[int, float]
    reaction: str = ""
    follows: int = -1
    fast: bool = False
    backward: bool = False
    stated: Expression | None = None

    @property
    def is_rule(self) -> bool:
        return not self.reaction


@dataclass(frozen=True)
class Delay:
    """State `state` holds what `value` was a time `lag` ago."""

    state: int
    value: Expression
    lag: Expression


@dataclass(frozen=True)
class Occurrence:
    """An event over the state: `targets` take `values` (over t, y, p), which `amounts` (over y, p and v, the values)
    turn into what the state holds."""

    event: Event
    trigger: Expression
    delay: Expression
    priority: Expression | None
    targets: tuple[int, ...]
    values: tuple[Expression, ...]
    amounts: tuple[Expression, ...]


@dataclass(frozen=True)
class System:
    """A network's equations; made by `system_of`."""

    network: Network
    reduced: Reduced
    scale: float
    states: tuple[str, ...]
    parameters: tuple[str, ...]
    fluxes: tuple[Flux, ...]
    lowered: Mapping[str, Expression]
    delays: tuple[Delay, ...]
    occurrences: tuple[Occurrence, ...]
    structural: frozenset[str]
    constraints: tuple[Expression, ...] = ()
    watched: Mapping[str, Expression] = dataclasses.field(default_factory=dict)

    @cached_property
    def stoichiometry(self) -> Floats:
        """S, [fluxes, states]."""
        out = np.zeros((len(self.fluxes), len(self.states)))
        for j, flux in enumerate(self.fluxes):
            for k, n in flux.change.items():
                out[j, k] = n
        return out

    @cached_property
    def mass(self) -> Floats:
        """The diagonal of M, [states]."""
        return np.array([0.0 if name in self.reduced.unknowns else 1.0 for name in self.states])

    @cached_property
    def jacobian(self) -> tuple[tuple[int, int, Expression], ...]:
        """dF_j/dy_k where it is not zero, as (j, k, expression)."""
        past = {d.state for d in self.delays}
        out = []
        for j, flux in enumerate(self.fluxes):
            for k in sorted(reads(flux.law) - past):
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
        """True if something besides firings changes rates, or what events wait for, at moments not known beforehand."""
        if self.delays or any(f.is_rule or ex.depends_on_time(f.law) for f in self.fluxes):
            return True
        return any(_follows_time(o.trigger) for o in self.occurrences)

    @cached_property
    def jumps(self) -> tuple[Expression, ...]:
        """Times, over the parameters, with which time is compared: a rate may jump there, an event happen."""
        found: dict[Expression, None] = {}
        for law in (*(f.law for f in self.fluxes), *(o.trigger for o in self.occurrences)):
            for node in ex.walk(law):
                if node.op in ex.RELATIONS and ex.TIME in node.children:
                    other = node.children[1] if node.children[0] == ex.TIME else node.children[0]
                    if not reads(other) and not ex.depends_on_time(other):
                        found[other] = None
        return tuple(found)

    @cached_property
    def draws_at_start(self) -> bool:
        """True if chance decides where a run starts."""
        return any(ex.contains(f, "draw") for f in self.reduced.network.initial_assignments.values())

    @cached_property
    def chancy(self) -> bool:
        """True if chance decides something even where every reaction flows."""
        formulas = [f for o in self.occurrences for f in (o.delay, o.priority or ex.ZERO, *o.values)]
        ranked = sum(o.priority is not None for o in self.occurrences)
        return self.draws_at_start or ranked > 1 or any(ex.contains(f, "draw") for f in formulas)

    def amount(self, species: Species) -> Expression:
        """A species' amount in the model's unit, over y and p."""
        value = self.lowered[species.id]
        if reads_as_amount(self.network, species):
            return value
        volume = self.lowered[species.compartment]
        if value.op == "div" and value.children[1] == volume:
            return value.children[0]
        return ex.multiply(value, volume)

    def start(
        self, initial: Mapping[str, float], parameters: Mapping[str, float], draw: Draw | None = None
    ) -> tuple[Floats, Floats]:
        """State y [states] and parameters p [parameters] at time 0: `starts` of one row."""
        y, p = self.starts(1, initial, parameters, draw)
        return y[0], p[0]

    def starts(
        self, rows: int, initial: Mapping[str, Value], parameters: Mapping[str, Value], draw: Draw | None = None
    ) -> tuple[Floats, Floats]:
        """States and parameters at time 0, with the user's values in place of the model's.

        Args:
            rows: how many.
            initial: amounts of species in the model's unit, numbers or arrays [rows].
            parameters: values of parameters and compartments, likewise.
            draw: numbers of distributions, where chance decides the start.

        Returns:
            y [rows, states], p [rows, parameters].

        Raises:
            OptionError: a name that the model does not have, or that a rule decides.
            ModelError: a value that is needed and not given, or assignments that need one another.
        """
        values = InitialValues(self.reduced, initial, parameters, draw)
        species = {s.id: s for s in self.network.species}

        def value(name: str, needed: bool) -> Value:
            # what no formula reads may lack a value, as the size of a compartment without dimensions does
            if not needed and not values.has(name):
                return np.nan
            return values.amount(species[name]) if name in species else values[name]

        read_y, read_p = self._read
        y, p = np.empty((rows, len(self.states))), np.empty((rows, len(self.parameters)))
        for k, n in enumerate(self.states):
            if n in self.watched:
                y[:, k] = values.evaluate(self.watched[n])
            elif n in self.reduced.delays:
                y[:, k] = values[n]
            else:
                y[:, k] = value(n, k in read_y) * (self.scale if n in species else 1.0)
        for k, n in enumerate(self.parameters):
            p[:, k] = value(n, k in read_p)
        if draw is not None or not self.draws_at_start:
            self._refuse_what_is_no_number(y, p)
        return y, p

    def _refuse_what_is_no_number(self, y: Floats, p: Floats) -> None:
        """An infinite parameter may have a meaning in a rate, as a time that never comes; NaN has none anywhere."""
        places = [("y", k, self._readers.get(("y", k), "a rate changes it"), True) for k in self._must_be_finite]
        places += [(op, k, who, False) for (op, k), who in self._readers.items()]
        for op, k, who, finite in places:
            column = (y if op == "y" else p)[:, k]
            wrong = column[~np.isfinite(column) if finite else np.isnan(column)]
            if len(wrong):
                name = (self.states if op == "y" else self.parameters)[k]
                named = "what a delay gives" if name in self.reduced.delays else f"'{name}'"
                raise ModelError(
                    f"{self.network.source}: {named} is {wrong[0]:g} at the start, and {who}; look for a division by "
                    f"zero, a root or a logarithm of a negative number in what the model says of it."
                )

    @cached_property
    def _readers(self) -> dict[tuple[str, int], str]:
        """Which rate or trigger of an event reads a state ("y", k) or a parameter ("p", k)."""
        places = [(f.law, f"the rate of '{f.name}' reads it") for f in self.fluxes]
        places += [(o.trigger, f"the trigger of event '{o.event.id}' reads it") for o in self.occurrences]
        found: dict[tuple[str, int], str] = {}
        for formula, who in places:
            for node in ex.walk(formula):
                if node.op in ("y", "p"):
                    found.setdefault((node.op, int(node.args[0])), who)  # type: ignore[arg-type]
        return found

    @cached_property
    def _must_be_finite(self) -> list[int]:
        """States of the model that rates change."""
        moved = {k for f in self.fluxes for k in f.change}
        return sorted(k for k in moved if self.states[k] not in self.watched)

    @cached_property
    def _read(self) -> tuple[frozenset[int], frozenset[int]]:
        """Indices of the states and of the parameters that a rate or an assigned value depends on."""
        formulas = [f.law for f in self.fluxes] + [self.lowered[n] for n in self.network.assignment_rules]
        nodes = [n for f in formulas for n in ex.walk(f) if n.op in ("y", "p")]
        moved = {k for f in self.fluxes for k in f.change}
        y, p = (frozenset(int(n.args[0]) for n in nodes if n.op == op) for op in ("y", "p"))  # type: ignore[arg-type]
        return y | moved, p


def depends_on_time(network: Network, formula: Expression) -> bool:
    """True if a formula reads time, itself or through assignment rules."""
    names: set[str] = set()
    stack = [formula]
    while stack:
        root = stack.pop()
        if ex.depends_on_time(root):
            return True
        new = ex.symbols(root) - names
        names |= new
        stack += [network.assignment_rules[n] for n in new if n in network.assignment_rules]
    return False


def _follows_time(trigger: Expression) -> bool:
    """True if time enters a trigger otherwise than by comparison with what stays constant."""

    def without_jump(node: Expression) -> bool:
        if node.op in ex.RELATIONS and ex.TIME in node.children:
            other = node.children[1] if node.children[0] == ex.TIME else node.children[0]
            return not reads(other) and not ex.depends_on_time(other)
        return False

    stack, seen = [trigger], set()
    while stack:
        node = stack.pop()
        if node == ex.TIME:
            return True
        if node not in seen and not without_jump(node):
            seen.add(node)
            stack += node.children
    return False


def reads(law: Expression) -> frozenset[int]:
    """Indices of the states that a lowered expression reads."""
    return frozenset(int(n.args[0]) for n in ex.walk(law) if n.op == "y")  # type: ignore[arg-type]


def evaluate_at(lowered: Expression, p: Floats) -> float:
    """The value of a lowered expression that reads nothing but parameters p [parameters]."""
    named = ex.substitute(lowered, lambda n: ex.symbol(str(n.args[0])) if n.op == "p" else None)
    return float(ex.evaluate(named, lambda k: float(p[int(k)])))


def system_of(network: Network, scale: float = 1.0, parameters: Mapping[str, float] | None = None) -> System:
    """The equations of `network`, its species counted in 1/scale of the model's unit of amount.

    parameters: values in place of the model's, for those that decide stoichiometries and conversion factors; these
    become part of the equations (`System.structural`).
    """
    try:
        return _Builder(network, scale, parameters or {}).system()
    except RecursionError:
        raise ModelError(f"{network.source}: rates of change need one another in too long a chain.") from None


class _Builder:
    """Puts a network's equations together."""

    def __init__(self, network: Network, scale: float, parameters: Mapping[str, float]) -> None:
        self.original = network
        self.reduced = reduced(network)
        self.network = self.reduced.network
        self.scale = scale
        self.overrides = parameters
        self.moved = moved_by_reactions(self.network)
        self.ruled = set(self.network.assignment_rules)
        self.structural: set[str] = set()
        self._refuse_contradictions()
        self.things: list[Compartment | Parameter | Species] = [
            *self.network.compartments,
            *self.network.parameters,
            *self.network.stoichiometries,
            *self.network.species,
        ]
        self.watched = self._watched()
        self.states = self._states()
        not_constant = self.ruled | set(self.states)
        self.parameters = [t.id for t in self.things if t.id not in not_constant]
        self.lower = _Lowering(self.reduced, scale, self.states, self.parameters)

    def _states(self) -> list[str]:
        network = self.network
        changed = {name for e in network.events for name in e.assignments} - self.ruled
        rated, moved = network.rate_rules, self.moved - self.ruled
        states = [s.id for s in network.species if s.id in rated or s.id in moved]
        states += [n for n in rated if n not in states]
        states += [n for n in self.reduced.unknowns if n not in states]
        states += [t.id for t in self.things if t.id in changed and t.id not in states]
        return states + list(self.reduced.delays) + list(self.watched)

    def _watched(self) -> dict[str, Expression]:
        """What triggers that follow time compare: integrated as states, so that steps are short where these move."""
        network = self.network
        found: dict[Expression, str] = {}
        for event in network.events:
            for node in ex.walk(event.trigger):
                sides = node.children
                if node.op in ex.RELATIONS and any(depends_on_time(network, side) for side in sides):
                    other = sides[1] if sides[0] == ex.TIME else sides[0]
                    if ex.TIME not in sides or depends_on_time(network, other):
                        found.setdefault(ex.subtract(*sides), f"{WATCHED}{len(found)}")
        return {name: difference for difference, name in found.items()}

    def _refuse_contradictions(self) -> None:
        for name in sorted(self.moved & (self.ruled | set(self.network.rate_rules))):
            raise ModelError(
                f"{self.network.source}: species '{name}' is changed by reactions and by a rule; make it a boundary "
                f"species, or remove the rule."
            )

    def system(self) -> System:
        fluxes = self._reactions() + self._rules()
        place = {n: k for k, n in enumerate(self.states)}
        delays = tuple(
            Delay(place[name], self.lower.expression(value), self.lower.expression(lag))
            for name, (value, lag) in self.reduced.delays.items()
        )
        names = [*(t.id for t in self.things), *(r.id for r in self.network.reactions)]
        lowered = {name: self.lower.symbol(name) for name in names}
        occurrences = tuple(self._occurrence(e, place) for e in self.network.events)
        self._refuse_chance(fluxes, delays, occurrences)
        return System(
            network=self.original,
            reduced=self.reduced,
            scale=self.scale,
            states=tuple(self.states),
            parameters=tuple(self.parameters),
            fluxes=tuple(fluxes),
            lowered=lowered,
            delays=delays,
            occurrences=occurrences,
            structural=frozenset(self.structural),
            watched=self.watched,
            constraints=tuple(self.lower.expression(c.condition) for c in self.network.constraints),
        )

    def _reactions(self) -> list[Flux]:
        fluxes: list[Flux] = []
        place = {n: k for k, n in enumerate(self.states)}
        for reaction in self.network.reactions:
            fixed: dict[int, float] = {}
            varying: dict[int, Expression] = {}
            for name in dict.fromkeys((*reaction.reactants, *reaction.products)):
                if name not in place or name not in self.moved:
                    continue
                change = net_change(self.network, reaction, name)
                value = self._constant(change)
                if value is None:
                    varying[place[name]] = self.lower.expression(change)
                elif value:
                    fixed[place[name]] = value
            parts = ex.split_signs(reaction.law) if reaction.reversible else (reaction.law,)
            speed = ex.number(self.scale * (FAST if reaction.fast else 1.0))
            for part, sign, label in zip(parts, (1.0, -1.0), ("", " (reverse)"), strict=False):
                law = ex.multiply(speed, self.lower.expression(part))
                signed = {k: sign * n for k, n in fixed.items()}
                leader = len(fluxes)
                backward = sign < 0.0
                flux = Flux(reaction.id + label, law, signed, reaction.id, fast=reaction.fast, backward=backward)
                fluxes.append(flux)
                for k, change in varying.items():
                    name = f"{flux.name}, {self.states[k]}"
                    fluxes.append(
                        dataclasses.replace(
                            flux, name=name, law=ex.multiply(change, law), change={k: sign}, follows=leader
                        )
                    )
        return fluxes

    def _constant(self, change: Expression) -> float | None:
        """The value of a stoichiometry that nothing changes in time, else None."""
        if change.value is not None:
            return change.value
        set_later = {n for e in self.network.events for n in e.assignments}
        set_later |= {*self.network.rate_rules, *self.reduced.unknowns, *self.moved, *self.reduced.delays}
        names: set[str] = set()
        stack = [change]
        while stack:
            formula = stack.pop()
            if ex.depends_on_time(formula) or ex.contains(formula, "draw"):
                return None
            for name in ex.symbols(formula) - names:
                names.add(name)
                stack += [
                    formulas[name]
                    for formulas in (self.network.assignment_rules, self.network.initial_assignments)
                    if name in formulas
                ]
                if name in self.lower.laws:
                    return None
        if names & (set_later | set(self.lower.species)):
            return None
        self.structural |= names
        known = {t.id for t in self.things} - set(self.lower.species) - self.ruled
        overrides = {n: v for n, v in self.overrides.items() if n in known}
        return float(InitialValues(self.reduced, {}, overrides).evaluate(change))

    def _rules(self) -> list[Flux]:
        place = {n: k for k, n in enumerate(self.states)}
        rates = [(n, f"d {n}/dt", self.lower.rate(n)) for n in self.network.rate_rules]
        unknowns = [(n, f"rule of {n}", self.lower.expression(f)) for n, f in self.reduced.unknowns.items()]
        watched = [
            (n, "the trigger of an event", self.lower.expression(self.lower.rates.along(difference)))
            for n, difference in self.watched.items()
        ]
        return [Flux(label, law, {place[name]: 1.0}) for name, label, law in (*rates, *unknowns, *watched)]

    def _occurrence(self, event: Event, place: Mapping[str, int]) -> Occurrence:
        names = [n for n in event.assignments if n in place]
        values = tuple(self.lower.expression(event.assignments[n]) for n in names)
        # a new concentration makes an amount in the volume as it is before the event
        amounts = tuple(self._held(n, Expression("v", i)) for i, n in enumerate(names))
        return Occurrence(
            event=event,
            trigger=self.lower.expression(event.trigger),
            delay=ex.ZERO if event.delay is None else self.lower.expression(event.delay),
            priority=None if event.priority is None else self.lower.expression(event.priority),
            targets=tuple(place[n] for n in names),
            values=values,
            amounts=amounts,
        )

    def _held(self, name: str, value: Expression) -> Expression:
        """What the state holds where formulas read `value`."""
        species = self.lower.species.get(name)
        if species is None:
            return value
        held = ex.multiply(ex.number(self.scale), value)
        if reads_as_amount(self.network, species):
            return held
        return ex.multiply(held, self.lower.symbol(species.compartment))

    def _refuse_chance(
        self, fluxes: list[Flux], delays: tuple[Delay, ...], occurrences: tuple[Occurrence, ...]
    ) -> None:
        """Chance has a meaning at one moment, not in a rate that is read as often as the method likes."""
        places = [(f"the rate of '{f.name}'", f.law) for f in fluxes]
        places += [(f"the trigger of event '{o.event.id}'", o.trigger) for o in occurrences]
        places += [("a delay", e) for d in delays for e in (d.value, d.lag)]
        places += [(f"the rule of '{n}'", f) for n, f in self.network.assignment_rules.items()]
        for where, formula in places:
            if ex.contains(formula, "draw"):
                raise ModelError(
                    f"{self.network.source}: {where} draws a random number, which has no meaning in what is read at "
                    f"every moment; draw it in an initial assignment or in an event."
                )


class _Lowering:
    """Symbols of the model to expressions over ("y", k), ("p", k) and time."""

    def __init__(self, reduced: Reduced, scale: float, states: list[str], parameters: list[str]) -> None:
        self.network = reduced.network
        self.delays = reduced.delays
        self.scale = scale
        self.rates = Rates(self.network)
        self.y = {n: Expression("y", k) for k, n in enumerate(states)}
        self.p = {n: Expression("p", k) for k, n in enumerate(parameters)}
        self.species = {s.id: s for s in self.network.species}
        self.laws = {r.id: r.law for r in self.network.reactions}
        self.done: dict[str, Expression] = {}

    def expression(self, root: Expression) -> Expression:
        return ex.substitute(root, lambda n: self.symbol(str(n.args[0])) if n.op == "sym" else None)

    def symbol(self, name: str) -> Expression:
        for needed in in_order(name, self._needs, self.done, self.network.source):
            self.done[needed] = self._symbol(needed)
        return self.done[name]

    def _needs(self, name: str) -> list[str]:
        formula = self.network.assignment_rules.get(name) or self.laws.get(name)
        if formula is not None:
            return sorted(ex.symbols(formula))
        species = self.species.get(name)
        return [] if species is None or reads_as_amount(self.network, species) else [species.compartment]

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
        if reads_as_amount(self.network, species):
            return amount
        return ex.divide(amount, self.symbol(species.compartment))

    def rate(self, name: str) -> Expression:
        """dy/dt of a state moved by a rate rule; of a concentration c in a volume V, c' V + c V'."""
        rate = self.network.rate_rules[name]
        species = self.species.get(name)
        if species is None:
            return self.expression(rate)
        if not reads_as_amount(self.network, species):
            volume = species.compartment
            growth = ex.multiply(ex.symbol(name), self.rates.of(volume))
            rate = ex.add(ex.multiply(rate, ex.symbol(volume)), growth)
        return ex.multiply(ex.number(self.scale), self.expression(rate))
