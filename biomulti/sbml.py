"""SBML documents, read by libSBML, into networks."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import libsbml

from biomulti import expression as ex
from biomulti import mathml, units
from biomulti.errors import ModelError, UnsupportedError
from biomulti.expression import Expression
from biomulti.mathml import Reader
from biomulti.network import Compartment, Constraint, Event, Network, Parameter, Reaction, Species
from biomulti.screen import screen
from biomulti.words import ELEMENT, NAMESPACE, WORDS, element

# a unit that is not there changes no number; what needs a unit of amount says so
ABOUT_UNITS = (10313,)  # the number of the rule 'dangling unit reference'
UNDERSTOOD = {"comp", "distrib", "l3v2extendedmath"}
# drawings misplaced by other programs are common, and nothing of them is read here
_ABOUT_LAYOUT = re.compile(r"[Pp]ackage '?(layout|render)")
VALUES = ("size", "initial_amount", "initial_concentration", "value")
ONE_LINE = str.maketrans("\t\r\n", "   ")  # what XML makes of line breaks where it keeps names
CHECKS_OFF = (libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, libsbml.LIBSBML_CAT_MODELING_PRACTICE)

# pairs of which one needs the other, directly or not: libSBML takes 6 s for 45,000 of them, a chain of 300 assignments,
# and 0.6 s for 1,000, a chain of 45 functions, growing as the third and the fifth power of its length
MOST_PAIRS = {"assignments": 45_000, "functions": 1_000}

Part = TypeVar("Part", Compartment, Species, Parameter)


def read(text: str, source: str, substance: str | None = None, folder: Path | None = None) -> Network:
    """The network that an SBML text of any level describes.

    Args:
        text: SBML.
        source: what to call it in messages, a file name for instance.
        substance: unit of amount to assume instead of the model's own: "item", "mole", "nanomole", ...
        folder: where files lie that the model names, as models of its parts.

    Raises:
        ModelError: not well-formed, not SBML, or invalid (undefined symbols among others), with the line.
        UnsupportedError: valid, but nothing that can be simulated, by name and line.
    """
    screen(text, source)
    document = libsbml.readSBMLFromString(text)
    _raise_first_error(document, source)
    if document.getModel() is None:
        raise ModelError(f"{source} is SBML without a model; put a <model> element into it.")
    for category in CHECKS_OFF:
        document.setConsistencyChecks(category, False)
    if folder is not None:
        document.setLocationURI(folder.joinpath("model.xml").resolve().as_uri())
    _refuse_long_chains(document.getModel(), source)
    document.checkConsistency()
    _raise_first_error(document, source)
    _refuse_packages(document, source)
    if document.isPackageEnabled("comp"):
        _flatten(document, source)
    _convert(document, "promoteLocalParameters", source)
    try:
        return _Model(document.getModel(), source).network(text, substance)
    except RecursionError:
        raise ModelError(f"{source}: a formula is nested too deeply to be read; split it into several rules.") from None


def _raise_first_error(document: Any, source: str) -> None:
    for k in range(document.getNumErrors()):
        error = document.getError(k)
        if error.getErrorId() in ABOUT_UNITS:
            continue
        if error.getSeverity() >= libsbml.LIBSBML_SEV_ERROR and not _ABOUT_LAYOUT.search(error.getMessage()):
            message = " ".join(error.getMessage().split())
            raise ModelError(f"{source}, line {error.getLine()}: not valid SBML: {message}")


def _refuse_long_chains(model: Any, source: str) -> None:
    """What libSBML's search for circles would not end with."""
    functions = {f.getId(): f for f in _all(model, "FunctionDefinitions")}
    assignments = {r.getVariable(): r for r in _all(model, "Rules") if r.isAssignment()}
    assignments |= {a.getSymbol(): a for a in _all(model, "InitialAssignments")}
    if assignments:
        assignments |= {r.getId(): r.getKineticLaw() for r in _all(model, "Reactions") if r.isSetKineticLaw()}
    for what, items in (("functions", functions), ("assignments", assignments)):
        most = MOST_PAIRS[what]
        if len(items) ** 2 < most:
            continue
        reads = {name: mathml.names(item.getMath()) & items.keys() for name, item in items.items() if item.isSetMath()}
        pairs = 0
        for name in reads:
            pairs += _needed(reads, name, most - pairs)
            if pairs > most:
                raise ModelError(
                    f"{source}: '{name}' and other {what} of the model build on one another in chains too long to be "
                    f"checked; write several in one."
                )


def _needed(reads: Mapping[str, set[str]], name: str, most: int) -> int:
    """How many things `name` needs, directly or not, counted no further than `most`."""
    needed: set[str] = set()
    stack = list(reads[name])
    while stack and len(needed) <= most:
        needs = stack.pop()
        if needs not in needed:
            needed.add(needs)
            stack += reads.get(needs, ())
    return len(needed)


def _convert(document: Any, option: str, source: str) -> None:
    properties = libsbml.ConversionProperties()
    properties.addOption(option, True)
    if document.convert(properties) != libsbml.LIBSBML_OPERATION_SUCCESS:
        raise ModelError(f"{source}: libSBML could not apply '{option}' to the model.")


def _flatten(document: Any, source: str) -> None:
    """Put a model together that is made of models."""
    properties = libsbml.ConversionProperties()
    properties.addOption("flatten comp", True)
    properties.addOption("performValidation", False)
    if document.convert(properties) != libsbml.LIBSBML_OPERATION_SUCCESS:
        _raise_first_error(document, source)
        raise ModelError(f"{source}: the models it is made of (package 'comp') do not fit together.")


def _refuse_packages(document: Any, source: str) -> None:
    if document.getLevel() < 3:  # older levels carry packages only as annotations
        return
    for k in range(document.getNumPlugins()):
        plugin = document.getPlugin(k)
        name = plugin.getPackageName()
        if name == "fbc" and any(not r.isSetKineticLaw() for r in _all(document.getModel(), "Reactions")):
            raise UnsupportedError(
                f"{source}: its reactions have bounds and objectives (package 'fbc') instead of rates; flux balance "
                f"is not simulation, so there is nothing to run in time."
            )
        if name not in UNDERSTOOD and document.getPackageRequired(name):
            raise UnsupportedError(
                f"{source}: it uses the SBML package '{name}', which changes what the model means and is not "
                f"supported; the model is refused rather than run wrong."
            )


def _all(model: Any, what: str) -> Iterator[Any]:
    for k in range(getattr(model, f"getNum{what}")()):
        yield getattr(model, f"get{what[:-1] if what.endswith('s') and what != 'Species' else what}")(k)


def _where(reaction: Any) -> str:
    return f"reaction '{reaction.getId()}'"


def _name(item: Any) -> str:
    """What an element is called in words, in one line; its id alone is none."""
    name = str(item.getName()).translate(ONE_LINE)
    return name if name != item.getId() else ""


def _float(value: float) -> float:
    """A number of the file; NaN is equal to itself only as one object."""
    return math.nan if math.isnan(value) else value


def _named(*parts: Any) -> set[str]:
    """Names that formulas, or what holds formulas, read or set."""
    names: set[str] = set()
    for part in parts:
        if isinstance(part, Expression):
            names |= ex.symbols(part)
        elif isinstance(part, Mapping):
            names |= {*part} | _named(*part.values())
        elif isinstance(part, (list, tuple)):
            names |= _named(*part)
        elif isinstance(part, Event):
            names |= _named(part.trigger, part.assignments, part.delay, part.priority)
        elif isinstance(part, Constraint):
            names |= _named(part.condition)
    return names


class _Model:
    """One libSBML model on its way to a network."""

    def __init__(self, model: Any, source: str) -> None:
        self.model = model
        self.source = source
        self.reader = Reader({f.getId(): f.getMath() for f in _all(model, "FunctionDefinitions")}, source)
        self.stoichiometries: list[Parameter] = []
        self.math_of_stoichiometry: dict[str, Expression] = {}
        self.named: set[str] = set()

    def network(self, text: str, substance: str | None) -> Network:
        model = self.model
        rules = list(_all(model, "Rules"))
        laws = [self._law(r) for r in _all(model, "Reactions")]
        initial = {a.getSymbol(): a for a in _all(model, "InitialAssignments")}
        initial_assignments = self._formulas(initial, "the initial assignment of")
        assigned = self._formulas({r.getVariable(): r for r in rules if r.isAssignment()}, "the rule of")
        rates = self._formulas({r.getVariable(): r for r in rules if r.isRate()}, "the rate rule of")
        algebraic = tuple(self._math(r, "the algebraic rule") for r in rules if r.isAlgebraic() and r.isSetMath())
        # what has no trigger never happens
        triggered = [e for e in _all(model, "Events") if e.isSetTrigger() and e.getTrigger().isSetMath()]
        events = tuple(self._event(e) for e in triggered)
        constraints = tuple(self._constraint(c) for c in _all(model, "Constraints") if c.isSetMath())
        self.named = _named(laws, initial_assignments, assigned, rates, algebraic, events, constraints)
        reactions = tuple(map(self._reaction, _all(model, "Reactions"), laws))
        assigned |= self.math_of_stoichiometry
        decided = {*initial_assignments, *assigned}
        return Network(
            id=model.getId() or "model",
            name=_name(model),
            compartments=tuple(_open(_compartment(c), decided) for c in _all(model, "Compartments")),
            species=tuple(_open(_species(s, model), decided) for s in _all(model, "Species")),
            parameters=tuple(_open(_parameter(p), decided) for p in _all(model, "Parameters")),
            reactions=reactions,
            initial_assignments=initial_assignments,
            assignment_rules=assigned,
            rate_rules=rates,
            substance=units.chosen(substance) if substance else units.substance(model),
            time_unit=units.time_unit(model),
            stoichiometries=tuple(_open(p, decided) for p in self.stoichiometries),
            algebraic_rules=algebraic,
            events=events,
            constraints=constraints,
            source=self.source,
            sbml=text,
        )

    def _math(self, item: Any, what: str) -> Expression:
        return self.reader.formula(item.getMath(), f"{self.source}, line {item.getLine()}: {what}")

    def _formulas(self, items: Mapping[str, Any], what: str) -> dict[str, Expression]:
        """By the name of what they set; an element without a formula is as good as none."""
        # in an order that is no matter of the file's, so that draws have the same numbers in every file
        read = {k: self._math(items[k], f"{what} '{k}'") for k in sorted(items) if items[k].isSetMath()}
        return {name: read[name] for name in items if name in read}

    def _law(self, item: Any) -> Expression:
        kinetics = item.getKineticLaw()
        # what has no law never happens
        return self._math(kinetics, _where(item)) if kinetics is not None and kinetics.isSetMath() else ex.ZERO

    def _reaction(self, item: Any, law: Expression) -> Reaction:
        reactants = self._side(_all(item, "Reactants"), _where(item))
        products = self._side(_all(item, "Products"), _where(item))
        return Reaction(
            id=item.getId(),
            reactants=reactants,
            products=products,
            law=law,
            reversible=item.getReversible() and _runs_backward(law, reactants, products),
            fast=item.getLevel() < 3 or item.getVersion() < 2 if item.isSetFast() and item.getFast() else False,
            physical_scale=self._physical_scale(item),
            name=_name(item),
            line=item.getLine(),
        )

    def _physical_scale(self, item: Any) -> str:
        """The user's word about a reaction; annotations of others are none of ours."""
        annotation = item.getAnnotation() if item.isSetAnnotation() else None
        parts = (annotation.getChild(k) for k in range(annotation.getNumChildren())) if annotation is not None else ()
        word = ""
        for part in parts:
            if part.getURI() != NAMESPACE:
                continue
            said = part.getChild(0).getCharacters().strip() if part.getNumChildren() == 1 else ""
            if part.getName() != ELEMENT or said not in WORDS or word not in ("", said):
                raise ModelError(
                    f"{self.source}, line {part.getLine()}: {_where(item)}: its annotation holds <{part.getName()}> "
                    f"'{said[:80]}' of namespace '{NAMESPACE}', where <{ELEMENT}> is 'fire' or 'flow', once; write "
                    f"{element('flow')}."
                )
            word = said
        return word

    def _side(self, references: Iterator[Any], where: str) -> dict[str, float | Expression]:
        out: dict[str, float | Expression] = {}
        for reference in references:
            name, value = reference.getSpecies(), self._stoichiometry(reference, where)
            if name in out:
                value = _sum(out[name], value)
            out[name] = value
        return out

    def _stoichiometry(self, reference: Any, where: str) -> float | Expression:
        value = _float(reference.getStoichiometry())
        if reference.getLevel() < 3:
            value /= reference.getDenominator()
        name = reference.getId()
        formula = reference.getStoichiometryMath()
        if formula is not None and formula.isSetMath():
            name = name or self._new_name(f"{where.split(chr(39))[1]}_{reference.getSpecies()}_stoichiometry")
            self.math_of_stoichiometry[name] = self._math(formula, f"{where}, stoichiometry")
            value = math.nan
        elif name not in self.named:
            if not math.isfinite(value):
                has = "no" if math.isnan(value) else "an infinite"
                raise ModelError(
                    f"{self.source}, line {reference.getLine()}: {where}: species '{reference.getSpecies()}' has {has} "
                    f"stoichiometry; give it one that is a number."
                )
            return float(value)
        constant = reference.getConstant() if reference.getLevel() >= 3 else formula is None
        self.stoichiometries.append(
            Parameter(name, None if math.isnan(value) else value, constant, _name(reference), reference.getLine())
        )
        return ex.symbol(name)

    def _new_name(self, wanted: str) -> str:
        while self.model.getElementBySId(wanted) is not None or wanted in self.math_of_stoichiometry:
            wanted += "_"
        return wanted

    def _event(self, item: Any) -> Event:
        where = f"event '{item.getId()}'"

        def optional(part: Any, what: str) -> Expression | None:
            return self._math(part, f"{where}, {what}") if part is not None and part.isSetMath() else None

        trigger = item.getTrigger()
        changes = {a.getVariable(): a for a in _all(item, "EventAssignments")}
        return Event(
            id=item.getId(),
            trigger=self._math(trigger, f"{where}, trigger"),
            assignments=self._formulas(changes, f"{where}, the new value of"),
            delay=optional(item.getDelay(), "delay"),
            priority=optional(item.getPriority(), "priority"),
            # before Level 3 nothing happens at the start, and what was triggered happens
            initial=trigger.getInitialValue() if item.getLevel() >= 3 else True,
            persistent=trigger.getPersistent() if item.getLevel() >= 3 else True,
            from_trigger=item.getUseValuesFromTriggerTime(),
            name=_name(item),
            line=item.getLine(),
        )

    def _constraint(self, item: Any) -> Constraint:
        message = re.sub(r"<[^>]*>", " ", item.getMessageString() if item.isSetMessage() else "")
        message = html.unescape(" ".join(message.split()))
        return Constraint(self._math(item, "constraint"), message, item.getLine())


def _sum(a: float | Expression, b: float | Expression) -> float | Expression:
    if isinstance(a, float) and isinstance(b, float):
        return a + b
    return ex.add(*(x if isinstance(x, Expression) else ex.number(x) for x in (a, b)))


def _open(part: Part, decided: set[str]) -> Part:
    """The part, without a value of its own if an assignment decides it."""
    values: Any = {name: None for name in VALUES if hasattr(part, name)}
    return replace(part, **values) if part.id in decided else part


def _parameter(item: Any) -> Parameter:
    value = _float(item.getValue()) if item.isSetValue() else None
    return Parameter(item.getId(), value, item.getConstant(), _name(item), item.getLine())


def _compartment(item: Any) -> Compartment:
    return Compartment(
        id=item.getId(),
        size=_float(item.getSize()) if item.isSetSize() else (1.0 if item.getLevel() == 1 else None),
        dimensions=_float(item.getSpatialDimensionsAsDouble()),
        constant=item.getConstant(),
        name=_name(item),
        line=item.getLine(),
    )


def _species(item: Any, model: Any) -> Species:
    factor = item.getConversionFactor() if item.getLevel() >= 3 else ""
    return Species(
        id=item.getId(),
        compartment=item.getCompartment(),
        initial_amount=_float(item.getInitialAmount()) if item.isSetInitialAmount() else None,
        initial_concentration=_float(item.getInitialConcentration()) if item.isSetInitialConcentration() else None,
        only_substance=item.getHasOnlySubstanceUnits(),
        boundary=item.getBoundaryCondition(),
        constant=item.getConstant(),
        conversion_factor=factor or (model.getConversionFactor() if item.getLevel() >= 3 else ""),
        name=_name(item),
        line=item.getLine(),
    )


def _runs_backward(law: Expression, reactants: Mapping[str, Any], products: Mapping[str, Any]) -> bool:
    """True if what a law subtracts is a reaction backward: it needs a product, or nothing that is used up.

    SBML's default is to call every reaction reversible, and k X (X - 1) subtracts without running backward.
    """
    _, backward = ex.split_signs(law)
    if backward == ex.ZERO:
        return False
    made = [p for p in products if p not in reactants or _more(products[p], reactants[p])]
    if not made:
        return not ex.symbols(backward) & set(reactants)

    def without(product: str) -> Expression:
        return ex.substitute(backward, lambda n: ex.ZERO if n == ex.symbol(product) else None)

    return any(without(product) == ex.ZERO for product in made)


def _more(made: float | Expression, used: float | Expression) -> bool:
    return isinstance(made, Expression) or isinstance(used, Expression) or made > used
