"""What one unit of amount of a model is, in molecules."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import libsbml

from biomulti.errors import OptionError
from biomulti.network import AVOGADRO, Substance

COUNTS = {libsbml.UNIT_KIND_ITEM, libsbml.UNIT_KIND_DIMENSIONLESS}
NAMED = {"item": 1.0, "mole": AVOGADRO, "millimole": 1e-3 * AVOGADRO, "micromole": 1e-6 * AVOGADRO}
NAMED |= {"nanomole": 1e-9 * AVOGADRO, "picomole": 1e-12 * AVOGADRO, "femtomole": 1e-15 * AVOGADRO}
PREFIX = {0: "", -3: "milli", -6: "micro", -9: "nano", -12: "pico", -15: "femto", -18: "atto", 3: "kilo"}
SECONDS = {60.0: "minute", 3600.0: "hour", 86400.0: "day", 604800.0: "week", 31536000.0: "year"}

NUMBER = re.compile(r"[0-9.]+(e[+-]?[0-9]+)?")


def chosen(unit: str) -> Substance:
    """The unit of amount a user names in `load(..., substance=...)`."""
    if unit not in NAMED:
        raise OptionError(f"substance={unit!r} is not a unit of amount; choose one of {', '.join(NAMED)}.")
    return Substance(unit, NAMED[unit], "as asked for when the model was loaded")


def substance(model: Any) -> Substance:
    """The model's unit of amount, with the reason why it is taken so."""
    if model.getLevel() < 3:
        definition = model.getUnitDefinition("substance")
        if definition is None:
            reason = f"the default of SBML Level {model.getLevel()}; the file states no unit of amount"
            default = Substance("mole", None, reason)
        else:
            default = _of_definition(definition, "declared by the model")
    else:
        default = _of_name(model, model.getSubstanceUnits())
    return _one_of(model, default)


def _one_of(model: Any, default: Substance) -> Substance:
    """The unit that all species and reactions count in; without `molecules` where they do not agree."""
    species = [model.getSpecies(k) for k in range(model.getNumSpecies())]
    used = [(_of_name(model, s.getSubstanceUnits()) if s.isSetSubstanceUnits() else default, s) for s in species]
    first = used[0][0] if used else default
    for own, item in used:
        if not _alike(own, first):
            clash = f"species '{item.getId()}' (line {item.getLine()}) counts in {own.unit}"
            other = f"'{species[0].getId()}' in {first.unit}"
            return Substance(first.unit, None, f"{clash} and {other}, which are not converted into each other")
    extent = model.getExtentUnits() if model.getLevel() >= 3 else ""
    if extent and not _alike(_of_name(model, extent), first):
        return Substance(first.unit, None, f"its reactions count in {_of_name(model, extent).unit}, not {first.unit}")
    return default if _alike(first, default) else first


def _alike(one: Substance, other: Substance) -> bool:
    if one.molecules is None or other.molecules is None:
        return one.molecules == other.molecules and one.unit == other.unit
    return math.isclose(one.molecules, other.molecules, rel_tol=1e-12)


def time_unit(model: Any) -> str:
    """The model's unit of time, in words."""
    name = model.getTimeUnits() if model.getLevel() >= 3 else "time"
    definition = model.getUnitDefinition(name) if name else None
    if definition is None:
        return name if name and name != "time" else "second"
    if definition.getNumUnits() == 0:
        return _name(definition)
    size = 1.0
    for k in range(definition.getNumUnits()):
        unit = definition.getUnit(k)
        if unit.getKind() == libsbml.UNIT_KIND_DIMENSIONLESS:
            continue
        if unit.getKind() != libsbml.UNIT_KIND_SECOND or unit.getExponentAsDouble() != 1.0:
            return _name(definition)
        size *= _size(unit)
    return "second" if size == 1.0 else SECONDS.get(size, f"{size:g} second")


@dataclass(frozen=True)
class Definition:
    """One unit of a kind that SBML knows: multiplier times ten to the power of scale."""

    kind: str
    multiplier: float
    scale: int = 0


def of_substance(substance: Substance) -> Definition | str | None:
    """What a model says to have this unit of amount: SBML's name for it, a definition, or nothing but a name."""
    unit, molecules = substance.unit, substance.molecules
    if molecules is None:
        return None
    if (unit, molecules) in (("item", 1.0), ("dimensionless", 1.0), ("mole", AVOGADRO), ("avogadro", AVOGADRO)):
        return unit
    if not unit.endswith("mole"):
        return Definition("item", molecules)
    scale = {f"{prefix}mole": power for power, prefix in PREFIX.items()}.get(unit, 0)
    near = molecules / AVOGADRO / 10.0**scale
    around = (near, 1.0, math.nextafter(near, 0.0), math.nextafter(near, math.inf))
    exact = [m for m in around if m * 10.0**scale * AVOGADRO == molecules]
    return Definition("mole", exact[0] if exact else near, scale)


def of_time(unit: str) -> Definition | str | None:
    """What a model says to have this unit of time: SBML's name for it, a definition, or nothing but a name."""
    if unit in ("second", "dimensionless"):
        return unit
    sizes = {name: size for size, name in SECONDS.items()}
    if unit in sizes:
        return Definition("second", sizes[unit])
    size, _, rest = unit.partition(" ")
    if rest != "second" or not NUMBER.fullmatch(size):
        return None
    return Definition("second", float(size))


def _of_name(model: Any, name: str) -> Substance:
    if not name:
        return Substance("unstated unit", None, "the model states no unit of amount")
    if name in ("item", "dimensionless", "mole"):
        return Substance(name, AVOGADRO if name == "mole" else 1.0, "declared by the model")
    if name == "avogadro":
        return Substance(name, AVOGADRO, "declared by the model")
    definition = model.getUnitDefinition(name)
    if definition is None and name == "substance":
        return Substance("mole", None, "SBML's default; the file states no unit of amount")
    if definition is None:
        return Substance(name, None, f"'{name}' is not a unit of amount")
    return _of_definition(definition, "declared by the model")


def _of_definition(definition: Any, reason: str) -> Substance:
    units = [definition.getUnit(k) for k in range(definition.getNumUnits())]
    if not units or not all(_size(unit) > 0.0 for unit in units):
        return Substance(_name(definition), None, f"the model does not say what '{_name(definition)}' is")
    factor, kinds = 1.0, []
    for unit in units:
        factor *= _size(unit)
        if unit.getKind() != libsbml.UNIT_KIND_DIMENSIONLESS:
            kinds.append((unit.getKind(), unit.getExponentAsDouble()))
    if not kinds or kinds == [(libsbml.UNIT_KIND_ITEM, 1.0)]:
        return Substance("item" if factor == 1.0 else f"{factor:g} item", factor, reason)
    if kinds in ([(libsbml.UNIT_KIND_MOLE, 1.0)], [(libsbml.UNIT_KIND_AVOGADRO, 1.0)]):
        return Substance(_mole_name(units, factor), factor * AVOGADRO, reason)
    name = _name(definition)
    return Substance(name, None, f"'{name}' does not count molecules")


def _name(definition: Any) -> str:
    return " ".join((definition.getName() or definition.getId()).split())


def _size(unit: Any) -> float:
    """How many of its kind a unit is; NaN for one that is no number of them."""
    try:
        size = (unit.getMultiplier() * 10.0 ** unit.getScale()) ** unit.getExponentAsDouble()
    except (OverflowError, ZeroDivisionError):
        return math.nan
    return size if isinstance(size, float) and 0.0 < size < math.inf else math.nan


def _mole_name(units: list[Any], factor: float) -> str:
    scale = sum(u.getScale() for u in units)
    if scale in PREFIX and abs(factor / 10.0**scale - 1.0) < 1e-12:
        return f"{PREFIX[scale]}mole"
    return f"{factor:g} mole"
