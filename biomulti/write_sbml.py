"""`biomulti.to_sbml`: a network as an SBML document, written by libSBML."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from xml.dom import minidom

import libsbml

from biomulti import expression as ex
from biomulti import units, words
from biomulti.errors import UnsupportedError
from biomulti.expression import Expression
from biomulti.network import Constraint, Event, Network, Reaction, Species
from biomulti.reread import confirmed
from biomulti.write_mathml import function_tree, tree
from biomulti.written import is_short, split, terms, unused_names

XHTML = "http://www.w3.org/1999/xhtml"
MARK = "exact_number_"  # begins the marks of numbers in the text that libSBML writes
POWER = 300  # of ten, the largest that is written, since libSBML works it out by itself
SHIFTS = 12  # decimal places a mantissa is moved by in search of one that gives a number back bit for bit


def to_sbml(network: Network) -> str:
    """A network as SBML Level 3 Version 2; `load` makes an equal network of it.

    Function definitions and local parameters that a file had are part of its formulas by now. A network with fast
    reactions is written as Level 3 Version 1, since Version 2 has none.

    Raises:
        UnsupportedError: a network not made by `load` that no SBML describes, with what is different.
    """
    return confirmed(_Writer(network).text(), network, "SBML")


@dataclass(frozen=True)
class _Exact:
    """What libSBML does not write as it is, by marks put in its place: attributes, and numbers in formulas.

    Numbers of more than fifteen digits are such, and the names of stoichiometries.
    """

    attributes: dict[str, dict[str, str]]
    numbers: dict[str, float]

    def mark(self, value: float) -> str:
        name = f"{MARK}{len(self.numbers)}"
        self.numbers[name] = value
        return name


class _Writer:
    """One network on its way to a libSBML document."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.stoichiometries = {p.id: p for p in network.stoichiometries}
        self.exact = _Exact({}, {})
        self.names = unused_names(network)
        version = 1 if any(r.fast for r in network.reactions) else 2
        packages = ["l3v2extendedmath"] * (version == 1) + ["distrib"] * _draws(network)
        names = libsbml.SBMLNamespaces(3, version)
        for package in packages:
            names.addPackageNamespace(package, 1)
        self.document = libsbml.SBMLDocument(names)
        for package in packages:
            self.document.setPackageRequired(package, True)
        self.model = self.document.createModel()

    def text(self) -> str:
        network, model = self.network, self.model
        if network.id != "model":  # what a model without an id is called
            model.setId(network.id)
        model.setName(network.name)
        self._units()
        for compartment in network.compartments:
            item = self._named(model.createCompartment(), compartment)
            item.setConstant(compartment.constant)
            if not math.isnan(compartment.dimensions):
                self._set(item, "spatialDimensions", compartment.dimensions)
            self._set(item, "size", compartment.size)
        for species in network.species:
            self._species(species)
        for parameter in network.parameters:
            item = self._named(model.createParameter(), parameter)
            item.setConstant(parameter.constant)
            self._set(item, "value", parameter.value)
        for name, formula in network.initial_assignments.items():
            item = model.createInitialAssignment()
            item.setSymbol(name)
            self._math(item, formula)
        self._rules()
        for constraint in network.constraints:
            self._constraint(constraint)
        for reaction in network.reactions:
            self._reaction(reaction)
        for event in network.events:
            self._event(event)
        return _completed(libsbml.writeSBMLToString(self.document), self.exact)

    def _named(self, item: Any, part: Any) -> Any:
        item.setId(part.id)
        if part.name and item.setName(part.name) != libsbml.LIBSBML_OPERATION_SUCCESS:
            self._set_afterwards(item, "name", part.name)
        return item

    def _set(self, item: Any, attribute: str, value: float | None) -> None:
        """An attribute of an element that is a number."""
        if value is None:
            return
        getattr(item, f"set{attribute[0].upper()}{attribute[1:]}")(value)
        if not is_short(value):
            self._set_afterwards(item, attribute, repr(value))

    def _set_afterwards(self, item: Any, attribute: str, text: str) -> None:
        mark = item.getMetaId() or f"{MARK}{len(self.exact.attributes)}"
        item.setMetaId(mark)
        self.exact.attributes.setdefault(mark, {})[attribute] = text

    def _math(self, item: Any, formula: Expression) -> None:
        definitions, short = split(formula, self.names)
        for name, arguments, body in definitions:
            function = self.model.createFunctionDefinition()
            function.setId(name)
            function.setMath(function_tree(arguments, body, self.exact.mark))
        item.setMath(tree(short, self.exact.mark))

    def _units(self) -> None:
        substance, time = self.network.substance, self.network.time_unit
        if substance.unit != "unstated unit" or substance.molecules is not None:
            unit = self._unit("substance", substance.unit, units.of_substance(substance))
            self.model.setSubstanceUnits(unit)
            self.model.setExtentUnits(unit)
        self.model.setTimeUnits(self._unit("time", time, units.of_time(time)))

    def _unit(self, name: str, words: str, definition: units.Definition | str | None) -> str:
        """The id of a unit: one of SBML's own, one defined here, or one that is known by nothing but its name."""
        if isinstance(definition, str):
            return definition
        made = self.model.createUnitDefinition()
        made.setId(name)
        if definition is None:
            made.setName(words)
            return name
        unit = made.createUnit()
        unit.setKind(libsbml.UnitKind_forName(definition.kind))
        unit.setExponent(1.0)
        unit.setScale(definition.scale)
        self._set(unit, "multiplier", definition.multiplier)
        return name

    def _species(self, species: Species) -> None:
        item = self._named(self.model.createSpecies(), species)
        item.setCompartment(species.compartment)
        self._set(item, "initialAmount", species.initial_amount)
        self._set(item, "initialConcentration", species.initial_concentration)
        item.setHasOnlySubstanceUnits(species.only_substance)
        item.setBoundaryCondition(species.boundary)
        item.setConstant(species.constant)
        if species.conversion_factor:
            item.setConversionFactor(species.conversion_factor)

    def _rules(self) -> None:
        for name, formula in self.network.assignment_rules.items():
            item = self.model.createAssignmentRule()
            item.setVariable(name)
            self._math(item, formula)
        for name, formula in self.network.rate_rules.items():
            item = self.model.createRateRule()
            item.setVariable(name)
            self._math(item, formula)
        for formula in self.network.algebraic_rules:
            self._math(self.model.createAlgebraicRule(), formula)

    def _constraint(self, constraint: Constraint) -> None:
        item = self.model.createConstraint()
        self._math(item, constraint.condition)
        if constraint.message:
            paragraph = libsbml.XMLNode(
                libsbml.XMLTriple("p", XHTML, ""), libsbml.XMLAttributes(), libsbml.XMLNamespaces()
            )
            paragraph.addNamespace(XHTML)
            paragraph.addChild(libsbml.XMLNode(constraint.message))
            message = libsbml.XMLNode(libsbml.XMLTriple("message", "", ""), libsbml.XMLAttributes())
            message.addChild(paragraph)
            item.setMessage(message)

    def _reaction(self, reaction: Reaction) -> None:
        item = self._named(self.model.createReaction(), reaction)
        item.setReversible(reaction.reversible)
        if item.getVersion() < 2:
            item.setFast(reaction.fast)
        if reaction.physical_scale:
            item.setAnnotation(f"<annotation>{words.element(reaction.physical_scale)}</annotation>")
        for side, create in (
            (reaction.reactants, item.createReactant),
            (reaction.products, item.createProduct),
        ):
            for name, stoichiometry in side.items():
                for part in terms(stoichiometry):
                    self._reference(create(), name, part, reaction)
        read = ex.symbols(reaction.law) - {*reaction.reactants, *reaction.products}
        for species in self.network.species:
            if species.id in read:
                item.createModifier().setSpecies(species.id)
        self._math(item.createKineticLaw(), reaction.law)

    def _reference(self, item: Any, species: str, stoichiometry: float | Expression, reaction: Reaction) -> None:
        item.setSpecies(species)
        if not isinstance(stoichiometry, Expression):
            self._set(item, "stoichiometry", stoichiometry)
            item.setConstant(True)
            return
        # an id is given away once, so that the same name in another place is found out
        parameter = self.stoichiometries.pop(str(stoichiometry.args[0]), None) if stoichiometry.op == "sym" else None
        if parameter is None:
            raise UnsupportedError(
                f"reaction '{reaction.id}': the stoichiometry of species '{species}', {stoichiometry!r}, is none that "
                f"SBML has; make it a symbol of its own among the network's stoichiometries, with an assignment rule."
            )
        self._named(item, parameter)
        item.setConstant(parameter.constant)
        self._set(item, "stoichiometry", parameter.value)

    def _event(self, event: Event) -> None:
        item = self._named(self.model.createEvent(), event)
        item.setUseValuesFromTriggerTime(event.from_trigger)
        trigger = item.createTrigger()
        trigger.setInitialValue(event.initial)
        trigger.setPersistent(event.persistent)
        self._math(trigger, event.trigger)
        for name, formula in event.assignments.items():
            assignment = item.createEventAssignment()
            assignment.setVariable(name)
            self._math(assignment, formula)
        if event.delay is not None:
            self._math(item.createDelay(), event.delay)
        if event.priority is not None:
            self._math(item.createPriority(), event.priority)


def _draws(network: Network) -> bool:
    """True if chance decides something."""
    formulas = [r.law for r in network.reactions]
    for part in (network.initial_assignments, network.assignment_rules, network.rate_rules):
        formulas += part.values()
    for event in network.events:
        formulas += [f for f in (event.trigger, event.delay, event.priority) if f is not None]
        formulas += event.assignments.values()
    formulas += [*network.algebraic_rules, *(c.condition for c in network.constraints)]
    return any(ex.contains(f, "draw") for f in formulas)


def _completed(text: str, exact: _Exact) -> str:
    """The text with what belongs in the places that are marked."""
    if not exact.attributes and not exact.numbers:
        return text
    document = minidom.parseString(text.encode())
    for element in document.getElementsByTagName("*"):
        attributes = exact.attributes.get(element.getAttribute("metaid"))
        if attributes is not None:
            element.removeAttribute("metaid")
            for name, value in attributes.items():
                element.setAttribute(name, value)
        if element.tagName == "cn" and element.getAttribute("id") in exact.numbers:
            _write_number(document, element, exact.numbers[element.getAttribute("id")])
    return str(document.toxml(encoding="UTF-8").decode()) + "\n"


def _write_number(document: minidom.Document, element: minidom.Element, value: float) -> None:
    """A number of a formula into its <cn>."""
    for node in list(element.childNodes):
        element.removeChild(node)
    for name in ("id", "type"):
        if element.hasAttribute(name):
            element.removeAttribute(name)
    digits, exponent = _mantissa(value)
    element.appendChild(document.createTextNode(f" {digits} "))
    if exponent:
        element.setAttribute("type", "e-notation")
        element.appendChild(document.createElement("sep"))
        element.appendChild(document.createTextNode(f" {exponent} "))


def _mantissa(value: float) -> tuple[str, int]:
    """Digits, and a power of ten, that are read as this number, though the digits alone are rounded first."""
    if "e" not in repr(value):
        return repr(value), 0
    exponent = int(repr(value).partition("e")[2])
    for shift in sorted(range(-SHIFTS, SHIFTS), key=abs):
        digits, power = repr(float(Decimal(value).scaleb(shift - exponent))), exponent - shift
        if "e" not in digits and abs(power) <= POWER and float(f"{digits}e{power}") == value:
            return digits, power
    return f"{Decimal(value):f}", 0
