"""Physical dimensions of a network's parameters, as its SBML declares them."""

from __future__ import annotations

from functools import lru_cache

import libsbml

from biomulti.network import AVOGADRO, Network
from biomulti.units import SECONDS

KINDS = {
    libsbml.UNIT_KIND_SECOND: "time",
    libsbml.UNIT_KIND_METRE: "length",
    libsbml.UNIT_KIND_ITEM: "item",
    libsbml.UNIT_KIND_MOLE: "item",
    libsbml.UNIT_KIND_KILOGRAM: "mass",
}
IN_METRES = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6, "\u00b5m": 1e-6, "\u03bcm": 1e-6, "nm": 1e-9}


@lru_cache(maxsize=1024)
def _declared(sbml: str, parameter: str) -> tuple[tuple[tuple[str, float], ...], float] | None:
    # the model lives no longer than its document
    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    found = model.getParameter(parameter) if model is not None else None
    if found is None or not found.isSetUnits():
        return None
    definition = libsbml.UnitDefinition.convertToSI(found.getDerivedUnitDefinition())
    if definition is None:
        return None
    powers: dict[str, float] = {}
    factor = 1.0
    for k in range(definition.getNumUnits()):
        unit = definition.getUnit(k)
        power = unit.getExponentAsDouble()
        factor *= (unit.getMultiplier() * 10.0 ** unit.getScale()) ** power
        if unit.getKind() == libsbml.UNIT_KIND_MOLE:
            factor *= AVOGADRO**power
        if unit.getKind() == libsbml.UNIT_KIND_DIMENSIONLESS:
            continue
        if unit.getKind() not in KINDS:
            return None
        name = KINDS[unit.getKind()]
        powers[name] = powers.get(name, 0.0) + power
    return tuple(sorted((n, p) for n, p in powers.items() if p)), factor


def dimension_of(network: Network, parameter: str) -> tuple[dict[str, float], float] | None:
    """Exponents of time, length, mass and number of items, and how large the unit is in the network's units of time
    (metres, kilograms, items); None where nothing is declared, or something else such as a charge."""
    found = _declared(network.sbml, parameter) if network.sbml else None
    if found is None:
        return None
    powers, factor = dict(found[0]), found[1]
    words = network.time_unit.split(" ")
    sizes = {name: size for size, name in SECONDS.items()} | {"second": 1.0}
    second = sizes.get(network.time_unit) or (float(words[0]) if len(words) == 2 and words[1] == "second" else None)
    if "time" in powers:
        if second is None:
            return None
        factor *= second ** -powers["time"]
    return powers, factor
