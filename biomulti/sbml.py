"""SBML documents, read by libSBML, into networks."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import libsbml

from biomulti import expression as ex
from biomulti import mathml, units
from biomulti.errors import ModelError, UnsupportedError
from biomulti.expression import Expression
from biomulti.network import Compartment, Network, Parameter, Reaction, Species

# what these packages say does not change a time course
HARMLESS_PACKAGES = {"layout", "render", "groups", "l3v2extendedmath"}
# drawings misplaced by other programs are common, and nothing of them is read here
_ABOUT_LAYOUT = re.compile(r"[Pp]ackage '?(layout|render)")
CHECKS_OFF = (libsbml.LIBSBML_CAT_UNITS_CONSISTENCY, libsbml.LIBSBML_CAT_MODELING_PRACTICE)


def read(text: str, source: str, substance: str | None = None) -> Network:
    """The network that an SBML text of any level describes.

    Args:
        text: SBML.
        source: what to call it in messages, a file name for instance.
        substance: unit of amount to assume instead of the model's own: "item", "mole", "nanomole", ...

    Raises:
        ModelError: not well-formed, not SBML, or invalid (undefined symbols among others), with the line.
        UnsupportedError: valid, but with a construct that is not supported yet, by name and line.
    """
    document = libsbml.readSBMLFromString(text)
    _raise_first_error(document, source)
    model = document.getModel()
    if model is None:
        raise ModelError(f"{source} is SBML without a model; put a <model> element into it.")
    for category in CHECKS_OFF:
        document.setConsistencyChecks(category, False)
    document.checkConsistency()
    _raise_first_error(document, source)
    for found in _unsupported(document, model):
        raise UnsupportedError(f"{source}: {found}, not supported yet; the model is refused rather than run wrong.")
    _convert(document, "promoteLocalParameters", source)
    _convert(document, "expandFunctionDefinitions", source)
    try:
        return _network(document.getModel(), source, text, substance)
    except RecursionError:
        raise ModelError(f"{source}: a formula is nested too deeply to be read; split it into several rules.") from None


def _raise_first_error(document: Any, source: str) -> None:
    for k in range(document.getNumErrors()):
        error = document.getError(k)
        if error.getSeverity() >= libsbml.LIBSBML_SEV_ERROR and not _ABOUT_LAYOUT.search(error.getMessage()):
            message = " ".join(error.getMessage().split())
            raise ModelError(f"{source}, line {error.getLine()}: not valid SBML: {message}")


def _convert(document: Any, option: str, source: str) -> None:
    properties = libsbml.ConversionProperties()
    properties.addOption(option, True)
    if document.convert(properties) != libsbml.LIBSBML_OPERATION_SUCCESS:
        raise ModelError(f"{source}: libSBML could not apply '{option}' to the model.")


def _all(model: Any, what: str) -> Iterator[Any]:
    for k in range(getattr(model, f"getNum{what}")()):
        yield getattr(model, f"get{what[:-1] if what.endswith('s') and what != 'Species' else what}")(k)


def _unsupported(document: Any, model: Any) -> Iterator[str]:
    if document.getLevel() >= 3:  # older levels carry packages only as annotations
        for k in range(document.getNumPlugins()):
            name = document.getPlugin(k).getPackageName()
            if name not in HARMLESS_PACKAGES:
                yield f"it uses the SBML package '{name}'"
    for what, name in (("Events", "event"), ("Constraints", "constraint")):
        for item in _all(model, what):
            yield f"line {item.getLine()}: {name} '{item.getId()}'"
    for rule in _all(model, "Rules"):
        if rule.isAlgebraic():
            yield f"line {rule.getLine()}: an algebraic rule"
    if model.isSetConversionFactor():
        yield f"line {model.getLine()}: a conversion factor"
    for species in _all(model, "Species"):
        if species.isSetConversionFactor():
            yield f"line {species.getLine()}: a conversion factor of species '{species.getId()}'"
    references = set()
    for reaction in _all(model, "Reactions"):
        where = f"line {reaction.getLine()}: reaction '{reaction.getId()}'"
        if reaction.isSetFast() and reaction.getFast():
            yield f"{where} is marked fast"
        for reference in _references(reaction):
            if reference.isSetStoichiometryMath():
                yield f"{where} has a stoichiometry given by a formula"
            if reference.getId():
                references.add(reference.getId())
    ruled = {r.getVariable() for r in _all(model, "Rules")}
    ruled |= {a.getSymbol() for a in _all(model, "InitialAssignments")}
    for name in sorted(references & (ruled | _names_in_math(model))):
        yield f"the stoichiometry '{name}' is set or read by a formula"


def _references(reaction: Any) -> list[Any]:
    return [*_all(reaction, "Reactants"), *_all(reaction, "Products")]


def _names_in_math(model: Any) -> set[str]:
    nodes = [r.getKineticLaw() for r in _all(model, "Reactions")]
    nodes += [*_all(model, "Rules"), *_all(model, "InitialAssignments")]
    names: set[str] = set()
    stack = [n.getMath() for n in nodes if n is not None and n.getMath() is not None]
    while stack:
        node = stack.pop()
        if mathml.NODE.getType(node) == libsbml.AST_NAME:
            names.add(mathml.NODE.getName(node))
        stack += mathml.children(node)
    return names


def _network(model: Any, source: str, text: str, substance: str | None) -> Network:
    rules = list(_all(model, "Rules"))

    def math_of(item: Any, what: str) -> Expression:
        return mathml.required(item.getMath(), f"{source}, line {item.getLine()}: {what}")

    return Network(
        id=model.getId() or "model",
        name=model.getName(),
        compartments=tuple(_compartment(c) for c in _all(model, "Compartments")),
        species=tuple(_species(s) for s in _all(model, "Species")),
        parameters=tuple(
            Parameter(p.getId(), p.getValue() if p.isSetValue() else None, p.getConstant(), p.getName(), p.getLine())
            for p in _all(model, "Parameters")
        ),
        reactions=tuple(_reaction(r, source) for r in _all(model, "Reactions")),
        initial_assignments={
            a.getSymbol(): math_of(a, f"the initial assignment of '{a.getSymbol()}'")
            for a in _all(model, "InitialAssignments")
        },
        assignment_rules={
            r.getVariable(): math_of(r, f"the rule of '{r.getVariable()}'") for r in rules if r.isAssignment()
        },
        rate_rules={r.getVariable(): math_of(r, f"the rate rule of '{r.getVariable()}'") for r in rules if r.isRate()},
        substance=units.chosen(substance) if substance else units.substance(model),
        time_unit=units.time_unit(model),
        source=source,
        sbml=text,
    )


def _compartment(item: Any) -> Compartment:
    return Compartment(
        id=item.getId(),
        size=item.getSize() if item.isSetSize() else (1.0 if item.getLevel() == 1 else None),
        dimensions=item.getSpatialDimensionsAsDouble(),
        constant=item.getConstant(),
        name=item.getName(),
        line=item.getLine(),
    )


def _species(item: Any) -> Species:
    return Species(
        id=item.getId(),
        compartment=item.getCompartment(),
        initial_amount=item.getInitialAmount() if item.isSetInitialAmount() else None,
        initial_concentration=item.getInitialConcentration() if item.isSetInitialConcentration() else None,
        only_substance=item.getHasOnlySubstanceUnits(),
        boundary=item.getBoundaryCondition(),
        constant=item.getConstant(),
        name=item.getName(),
        line=item.getLine(),
    )


def _reaction(item: Any, source: str) -> Reaction:
    where = f"{source}, line {item.getLine()}: reaction '{item.getId()}'"
    kinetics = item.getKineticLaw()
    law = mathml.required(kinetics.getMath() if kinetics is not None else None, where)
    reactants = _stoichiometry(_all(item, "Reactants"), where)
    products = _stoichiometry(_all(item, "Products"), where)
    return Reaction(
        id=item.getId(),
        reactants=reactants,
        products=products,
        law=law,
        reversible=item.getReversible() and _runs_backward(law, reactants, products),
        name=item.getName(),
        line=item.getLine(),
    )


def _runs_backward(law: Expression, reactants: dict[str, float], products: dict[str, float]) -> bool:
    """True if what a law subtracts is a reaction backward: it needs a product, or nothing that is used up.

    SBML's default is to call every reaction reversible, and k X (X - 1) subtracts without running backward.
    """
    _, backward = ex.split_signs(law)
    if backward == ex.ZERO:
        return False
    made = [p for p, n in products.items() if n > reactants.get(p, 0.0)]
    if not made:
        return not ex.symbols(backward) & set(reactants)

    def without(product: str) -> Expression:
        return ex.substitute(backward, lambda n: ex.ZERO if n == ex.symbol(product) else None)

    return any(without(product) == ex.ZERO for product in made)


def _stoichiometry(references: Iterator[Any], where: str) -> dict[str, float]:
    out: dict[str, float] = {}
    for reference in references:
        value = reference.getStoichiometry()
        if reference.getLevel() < 3:
            value /= reference.getDenominator()
        if math.isnan(value):
            raise ModelError(f"{where}: species '{reference.getSpecies()}' has no stoichiometry; give it one.")
        out[reference.getSpecies()] = out.get(reference.getSpecies(), 0.0) + value
    return out
