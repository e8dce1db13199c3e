"""`biomulti.to_antimony`: a network as Antimony text (Smith et al. 2009, doi:10.1093/bioinformatics/btp401)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from biomulti import expression as ex
from biomulti import units
from biomulti.antimony_formula import CANNOT_BE_NAMES, formula, number
from biomulti.errors import UnsupportedError
from biomulti.expression import Expression
from biomulti.network import Event, Network, Reaction, Species
from biomulti.reread import confirmed
from biomulti.words import comment
from biomulti.written import DIGITS, is_short, split, terms, unused_names

UNNAMED = "__main"  # Antimony's name for a model without one


def to_antimony(network: Network) -> str:
    """A network as Antimony text; `load` makes an equal network of it.

    Raises:
        UnsupportedError: Antimony has no words for a part of the network, which the message names; `to_sbml` has.
    """
    return confirmed(_Writer(network).text(), network, "Antimony")


class _Writer:
    """One network on its way to lines of text."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.names = unused_names(network)
        self.functions: list[str] = []

    def text(self) -> str:
        self._check_names()
        self._check_parts()
        model = list(self._model())
        return "\n".join([*self.functions, *model]) + "\n"

    def _model(self) -> Iterator[str]:
        network = self.network
        indent = "" if network.id == UNNAMED else "  "
        if indent:
            yield f"model *{network.id}()"
        for part in (self._units, self._declarations, self._reactions, self._starts, self._rules, self._events):
            for line in part():
                statement, mark, word = line.partition("  //")
                yield f"{indent}{statement};{mark}{word}"
        yield from self._names(indent)
        if indent:
            yield "end"
        if network.name:
            yield f"{network.id} is {_quoted(network.name)}"

    def _refusal(self, what: str) -> UnsupportedError:
        return UnsupportedError(f"{self.network.source}: Antimony has no words for {what}; write SBML instead.")

    def _check_names(self) -> None:
        network = self.network
        places = (network.compartments, network.species, network.parameters, network.stoichiometries)
        for part in (network, *(p for place in places for p in place), *network.reactions, *network.events):
            if part.id in CANNOT_BE_NAMES:
                raise self._refusal(f"something of the name '{part.id}', which has a meaning of its own there")

    def _check_parts(self) -> None:
        network = self.network
        for constraint in network.constraints:
            raise self._refusal(f"the constraint {constraint.condition!r}")
        for compartment in network.compartments:
            if compartment.dimensions != 3.0:
                raise self._refusal(f"compartment '{compartment.id}', which has not three dimensions")
        for species in network.species:
            if species.constant:
                raise self._refusal(f"species '{species.id}', which is constant")
            if species.conversion_factor:
                raise self._refusal(f"species '{species.id}', which has a conversion factor")
            if species.only_substance and species.initial_concentration is not None:
                raise self._refusal(f"species '{species.id}', an amount whose concentration is given")
        for reaction in network.reactions:
            if reaction.fast:
                raise self._refusal(f"reaction '{reaction.id}', which is fast")
        for parameter in network.stoichiometries:
            if parameter.name:
                raise self._refusal(f"the name of stoichiometry '{parameter.id}', {parameter.name!r}")
        for name, rule in network.rate_rules.items():
            if ex.contains(rule, "draw"):
                raise self._refusal(f"random numbers in the rate rule of '{name}'")
        for event in network.events:
            if not event.id:
                raise self._refusal(f"the event at {event.trigger!r}, which has no id")

    def _units(self) -> Iterator[str]:
        substance, time = self.network.substance, self.network.time_unit
        if substance.unit != "unstated unit":
            yield f"unit substance = {self._unit(substance.unit, units.of_substance(substance))}"
        if time != "second":
            yield f"unit time_unit = {self._unit(time, units.of_time(time))}"

    def _unit(self, words: str, definition: units.Definition | str | None) -> str:
        if definition is None:
            raise self._refusal(f"the unit '{words}', of which nothing but its name is known")
        if isinstance(definition, str):
            return definition
        return f"{definition.multiplier * 10.0**definition.scale:.{DIGITS}g} {definition.kind}"

    def _declarations(self) -> Iterator[str]:
        """Everything in the model's order, which Antimony keeps."""
        for compartment in self.network.compartments:
            size = self._assigned(compartment.size, f"the size of compartment '{compartment.id}'")
            yield f"{_kind(compartment.constant)} compartment {compartment.id}{size}"
        for species in self.network.species:
            substance_only = "substanceOnly " if species.only_substance else ""
            yield f"{substance_only}species {'$' * species.boundary}{species.id} in {species.compartment}"
        for parameter in self.network.parameters:
            value = self._assigned(parameter.value, f"the value of '{parameter.id}'")
            yield f"{_kind(parameter.constant)} formula {parameter.id}{value}"

    def _reactions(self) -> Iterator[str]:
        for reaction in self.network.reactions:
            arrow = "->" if reaction.reversible else "=>"
            sides = (self._side(reaction, reaction.reactants), arrow, self._side(reaction, reaction.products))
            word = f"  {comment(reaction.physical_scale)}" if reaction.physical_scale else ""
            yield f"{reaction.id}: {' '.join(filter(None, sides))}; {self._formula(reaction.law)}{word}"
        for parameter in self.network.stoichiometries:
            value = self._assigned(parameter.value, f"the value of '{parameter.id}'")
            yield f"{_kind(parameter.constant)} {parameter.id}{value}"

    def _side(self, reaction: Reaction, side: Mapping[str, float | Expression]) -> str:
        return " + ".join(self._term(reaction, part) + name for name, n in side.items() for part in terms(n))

    def _term(self, reaction: Reaction, stoichiometry: float | Expression) -> str:
        if isinstance(stoichiometry, Expression):
            if stoichiometry.op != "sym":
                raise self._refusal(f"the stoichiometry {stoichiometry!r} of reaction '{reaction.id}'")
            return f"{stoichiometry.args[0]} "
        if stoichiometry == 1.0:
            return ""
        return self._number(stoichiometry, f"a stoichiometry of reaction '{reaction.id}'") + " "

    def _assigned(self, value: float | None, what: str) -> str:
        return "" if value is None else f" = {self._number(value, what)}"

    def _starts(self) -> Iterator[str]:
        network = self.network
        for species in network.species:
            yield from self._start(species)
        for name, start in network.initial_assignments.items():
            # a number, or a number divided by a volume, would be taken for a value in place of an assignment
            alone = start.value is not None or (start.op == "div" and start.children[0].value is not None)
            yield f"{name} = {self._formula(start)}{' + 0' * alone}"

    def _start(self, species: Species) -> Iterator[str]:
        what = f"the start of species '{species.id}'"
        if species.initial_amount is not None:
            volume = "" if species.only_substance else f" / {species.compartment}"
            yield f"{species.id} = {self._number(species.initial_amount, what)}{volume}"
        if species.initial_concentration is not None:
            yield f"{species.id} = {self._number(species.initial_concentration, what)}"

    def _rules(self) -> Iterator[str]:
        for name, rule in self.network.assignment_rules.items():
            yield f"{name} := {self._formula(rule)}"
        for name, rule in self.network.rate_rules.items():
            yield f"{name}' = {self._formula(rule)}"
        for rule in self.network.algebraic_rules:
            yield f"0 = {self._formula(rule)}"

    def _events(self) -> Iterator[str]:
        for event in self.network.events:
            yield self._event(event)

    def _event(self, event: Event) -> str:
        delay = "" if event.delay is None else f"({self._formula(event.delay)}) after "
        options = [] if event.priority is None else [f"priority = {self._formula(event.priority)}"]
        for name, value in (
            ("t0", event.initial),
            ("persistent", event.persistent),
            ("fromTrigger", event.from_trigger),
        ):
            options += [] if value else [f"{name} = false"]
        head = ", ".join([f"{delay}({self._formula(event.trigger)})", *options])
        changes = ", ".join(f"{name} = {self._formula(f)}" for name, f in event.assignments.items())
        return f"{event.id}: at {head}: {changes}"

    def _names(self, indent: str) -> Iterator[str]:
        network = self.network
        places = (network.compartments, network.species, network.parameters, network.reactions, network.events)
        for part in (p for place in places for p in place):
            if part.name:
                yield f"{indent}{part.id} is {_quoted(part.name)};"

    def _formula(self, root: Expression) -> str:
        definitions, short = split(root, self.names)
        for name, arguments, body in definitions:
            self.functions += [f"function {name}({', '.join(arguments)})", f"  {formula(body)};", "end"]
        return formula(short)

    def _number(self, x: float, what: str) -> str:
        if not is_short(x):
            raise self._refusal(f"all digits of {what}, {x!r} (it keeps {DIGITS})")
        return number(x)


def _kind(constant: bool) -> str:
    return "const" if constant else "var"


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
