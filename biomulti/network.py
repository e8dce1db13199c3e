"""The gene network as a user holds it: a frozen description, read from SBML and independent of any method."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from biomulti.expression import Expression, formula, walk

AVOGADRO = 6.02214179e23  # the value SBML gives to its avogadro symbol, so that a model agrees with itself


@dataclass(frozen=True)
class Compartment:
    """A volume, area or length; `size` is None where an assignment gives it."""

    id: str
    size: float | None
    dimensions: float = 3.0
    constant: bool = True
    name: str = ""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Species:
    """A chemical species. Its symbol in a formula is an amount if `only_substance`, else a concentration.

    A reaction changes its amount by stoichiometry times extent times the parameter `conversion_factor`, if it has one.
    """

    id: str
    compartment: str
    initial_amount: float | None = None
    initial_concentration: float | None = None
    only_substance: bool = False
    boundary: bool = False
    constant: bool = False
    conversion_factor: str = ""
    name: str = ""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Parameter:
    """A number of the model, or the stoichiometry of one species in one reaction; `value` is None where an assignment
    gives it."""

    id: str
    value: float | None
    constant: bool = True
    name: str = ""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Reaction:
    """`law` is extent per time; `reactants` and `products` map species to stoichiometry, a number or a formula.

    A `fast` reaction is always at its equilibrium, as if its law were multiplied by an infinite number. One whose
    `physical_scale` is "fire" or "flow" does so by method "hybrid", whatever its amounts are.
    """

    id: str
    reactants: Mapping[str, float | Expression]
    products: Mapping[str, float | Expression]
    law: Expression
    reversible: bool = False
    fast: bool = False
    physical_scale: str = ""
    name: str = ""
    line: int = field(default=0, compare=False)

    @property
    def equation(self) -> str:
        """`2 A + B -> C`, with <-> if the reaction is reversible."""
        arrow = "<->" if self.reversible else "->"
        return f"{_side(self.reactants)} {arrow} {_side(self.products)}"


@dataclass(frozen=True)
class Event:
    """When `trigger` becomes true, `assignments` give new values to what they name, `delay` later.

    initial: what the trigger is taken to have been before the start; persistent: happens even if the trigger is false
    again when the delay is over; from_trigger: new values are worked out when the trigger becomes true, not when the
    delay is over; priority: of events that happen at the same moment the highest comes first.
    """

    id: str
    trigger: Expression
    assignments: Mapping[str, Expression]
    delay: Expression | None = None
    priority: Expression | None = None
    initial: bool = True
    persistent: bool = True
    from_trigger: bool = True
    name: str = ""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Constraint:
    """What must hold for a run to be valid, and what to say where it does not."""

    condition: Expression
    message: str = ""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Substance:
    """What one unit of amount is. `molecules` per unit is None where the model does not say."""

    unit: str
    molecules: float | None
    reason: str = field(compare=False)


@dataclass(frozen=True)
class Network:
    """A gene network: compartments, species, parameters, reactions, rules and events, as the model states them.

    Expressions keep SBML's meaning (a species' symbol is its concentration unless it has only substance
    units); time is in `time_unit`, amounts in `substance.unit`; an algebraic rule is an expression that is zero at all
    times. Made by `biomulti.load`. Unless `adjust` is False, laws of mass action in concentrations are made exact for
    whole molecules where they fire.
    """

    id: str
    compartments: tuple[Compartment, ...]
    species: tuple[Species, ...]
    parameters: tuple[Parameter, ...]
    reactions: tuple[Reaction, ...]
    initial_assignments: Mapping[str, Expression]
    assignment_rules: Mapping[str, Expression]
    rate_rules: Mapping[str, Expression]
    substance: Substance
    time_unit: str
    stoichiometries: tuple[Parameter, ...] = ()
    algebraic_rules: tuple[Expression, ...] = ()
    events: tuple[Event, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    adjust: bool = True
    name: str = ""
    source: str = field(default="", compare=False)
    sbml: str = field(default="", repr=False, compare=False)

    @cached_property
    def species_by_id(self) -> Mapping[str, Species]:
        """The species by their ids."""
        return {s.id: s for s in self.species}

    @property
    def hash(self) -> str:
        """SHA-256 of everything that enters a simulation, the same for the same model whatever its layout."""
        parts = [
            self.compartments,
            self.species,
            self.parameters,
            self.reactions,
            sorted(self.initial_assignments.items()),
            sorted(self.assignment_rules.items()),
            sorted(self.rate_rules.items()),
            self.stoichiometries,
            self.algebraic_rules,
            self.events,
            (self.substance.unit, self.substance.molecules, self.time_unit, self.adjust),
        ]
        return hashlib.sha256(_canonical(parts).encode()).hexdigest()

    def __repr__(self) -> str:
        title = self.id + (f" ({self.name})" if self.name and self.name != self.id else "")
        rules = len(self.assignment_rules) + len(self.rate_rules)
        lines = [
            f"Network {title}: {len(self.species)} species, {len(self.reactions)} reactions, "
            f"{len(self.parameters)} parameters, {rules} rules",
            f"  amounts in {self.substance.unit} ({self.substance.reason}), time in {self.time_unit}",
        ]
        width = max((len(r.id) for r in self.reactions), default=0)
        equations = max((len(r.equation) for r in self.reactions), default=0)
        lines += [
            f"  {r.id:{width}}  {r.equation:{equations}}  {formula(r.law)}{_word(r)}" for r in self.reactions[:SHOWN]
        ]
        if len(self.reactions) > SHOWN:
            lines.append(f"  ... and {len(self.reactions) - SHOWN} more reactions")
        lines += [f"  {k} = {formula(e)}" for k, e in list(self.assignment_rules.items())[:SHOWN]]
        lines += [f"  d {k}/dt = {formula(e)}" for k, e in list(self.rate_rules.items())[:SHOWN]]
        lines += [f"  0 = {formula(e)}" for e in self.algebraic_rules[:SHOWN]]
        lines += [f"  {e.id or 'event'}: at {formula(e.trigger)}, {_effects(e)}" for e in self.events[:SHOWN]]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(r.id)}</td><td>{html.escape(r.equation)}</td>"
            f"<td><code>{html.escape(formula(r.law))}</code>{html.escape(_word(r))}</td></tr>"
            for r in self.reactions
        )
        rules = [(k, formula(e)) for k, e in self.assignment_rules.items()]
        rules += [(f"d {k}/dt", formula(e)) for k, e in self.rate_rules.items()]
        rules += [("0", formula(e)) for e in self.algebraic_rules]
        rules += [(f"at {formula(e.trigger)}", _effects(e)) for e in self.events]
        rows += "".join(
            f"<tr><td>{html.escape(k)}</td><td>=</td><td><code>{html.escape(e)}</code></td></tr>" for k, e in rules
        )
        head = html.escape(
            f"{self.id}: {len(self.species)} species, amounts in {self.substance.unit}, time in {self.time_unit}"
        )
        return (
            f"<table><caption>{head}</caption><thead><tr><th>reaction</th><th>equation</th><th>law</th>"
            f"</tr></thead><tbody>{rows}</tbody></table>"
        )


SHOWN = 40  # reactions and rules a text listing prints before it says how many more there are


def _side(species: Mapping[str, float | Expression]) -> str:
    terms = [_times(n) + s for s, n in species.items()]
    return " + ".join(terms) or "∅"


def _times(stoichiometry: float | Expression) -> str:
    if isinstance(stoichiometry, Expression):
        return f"({formula(stoichiometry)}) "
    return f"{stoichiometry:g} " if stoichiometry != 1 else ""


def _word(reaction: Reaction) -> str:
    return f"  (to {reaction.physical_scale})" if reaction.physical_scale else ""


def _effects(event: Event) -> str:
    text = ", ".join(f"{k} = {formula(e)}" for k, e in event.assignments.items()) or "nothing"
    return text if event.delay is None else f"{text} after {formula(event.delay)}"


def _digest(root: Expression) -> str:
    """As many digits for a formula of any size, whatever it shares."""
    done: dict[Expression, str] = {}
    for node in walk(root):
        args = [done[a] if isinstance(a, Expression) else repr(a) for a in node.args]
        done[node] = hashlib.sha256(f"({node.op} {' '.join(args)})".encode()).hexdigest()
    return done[root]


def _canonical(part: object) -> str:
    if isinstance(part, Expression):
        return _digest(part)
    if isinstance(part, (list, tuple)):
        return f"[{','.join(_canonical(p) for p in part)}]"
    if isinstance(part, Mapping):
        return _canonical(sorted(part.items()))
    if hasattr(part, "__dataclass_fields__"):
        fields = [f for f in part.__dataclass_fields__ if f not in ("line", "name")]
        return _canonical([getattr(part, f) for f in fields])
    return repr(part)
