"""Checks of what users declare of a tissue: every mistake names what is wrong and what there is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tissue
from biomulti import options
from biomulti.coupled import directions
from biomulti.coupled.directions import Direction
from biomulti.coupled.kind import Kind
from biomulti.coupled.life import LONG, RANDOM, Division, Rule
from biomulti.coupled.outputs import Contractility, Force, Output, Secretion, Uptake
from biomulti.coupled.setup import Stepping
from biomulti.coupled.signals import Concentration, Dimension, Distance, Neighbours, Signal, part_fits
from biomulti.coupled.words import in_words
from biomulti.dimensions import IN_METRES, dimension_of
from biomulti.errors import CouplingError, OptionError
from biomulti.network import Network

Floats = NDArray[np.float64]
Axes = Direction | Floats
SPLITTINGS = ("strang", "lie")


def not_negative(name: str, value: object) -> None:
    """Raise OptionError for what is not a finite number of 0 or more."""
    if not (options.is_number(value) and 0.0 <= value < math.inf):
        raise OptionError(f"{name}={value!r} must be 0 or a positive, finite number.")


def positive_or_none(name: str, value: object) -> None:
    """Raise OptionError for what is neither None nor a positive, finite number."""
    if value is not None and not (options.is_number(value) and 0.0 < value < math.inf):
        raise OptionError(f"{name}={value!r} must be a positive, finite number, or None.")


def kinds(found: Mapping[Any, Any], kind: type) -> dict[str, Any]:
    """Types of cells by name."""
    if not found:
        raise OptionError("a tissue has one type of cells or more: {'name': CellType(network, cells)}.")
    for name, value in found.items():
        if not isinstance(name, str) or not name or not isinstance(value, kind):
            raise OptionError(
                f"types of cells are given as {{'name': CellType(network, cells)}}, not {name!r}: {value!r}."
            )
    return {
        str(name): replace(
            value,
            initial=options.as_values("initial", value.initial),
            parameters=options.as_values("parameters", value.parameters),
            tolerance=float(value.tolerance) if options.is_number(value.tolerance) else value.tolerance,
        )
        for name, value in found.items()
    }


def one_time(types: tuple[Kind, ...]) -> None:
    """Raise OptionError for networks that count time in different units."""
    units = {kind.network.time_unit: kind.name for kind in types}
    if len(units) > 1:
        said = ", ".join(f"{name} in {unit}" for unit, name in units.items())
        raise OptionError(f"the networks of a tissue count time in one unit, not {said}; write one of them anew.")


def axes(polarity: Axes, count: int, dim: int) -> Floats:
    """Unit vectors [count, dim] of a direction for all, or of vectors."""
    if isinstance(polarity, np.ndarray) and polarity.ndim == 2:
        if polarity.shape != (count, dim) or not np.isfinite(polarity).all() or not polarity.any(axis=1).all():
            raise OptionError(f"polarity is a direction, or finite vectors [{count}, {dim}] that are not zero.")
        return np.ascontiguousarray(polarity / np.sqrt((polarity**2).sum(axis=1, keepdims=True)))
    try:
        one = directions.checked("polarity", polarity)
        directions.fits("polarity", one, dim)
    except CouplingError as error:
        raise OptionError(str(error)) from None
    if one == directions.POLARITY:
        raise OptionError("polarity='polarity' says nothing; give 'x', an angle, a vector, or vectors for all cells.")
    return np.tile(directions.as_direction(one, dim, None), (count, 1))


def ages(value: float | Floats, count: int) -> Floats:
    """Ages [count] at the start."""
    try:
        found = np.broadcast_to(np.asarray(value, dtype=np.float64), (count,)).copy()
    except (ValueError, TypeError):
        raise OptionError(f"ages is a number or one for each of the {count} cells.") from None
    if not (np.isfinite(found).all() and (found >= 0.0).all()):
        raise OptionError("ages must be finite and not negative.")
    return found


def concentration(name: str, initial: float | Floats, grid: tissue.Grid) -> Floats:
    """A morphogen at the start, [shape]."""
    try:
        field = np.broadcast_to(np.asarray(initial, dtype=np.float64), grid.shape).copy()
    except (ValueError, TypeError):
        raise CouplingError(f"the concentration of '{name}' is a number or an array of shape {grid.shape}.") from None
    if not (np.isfinite(field).all() and (field >= 0.0).all()):
        raise CouplingError(f"the concentration of '{name}' must be finite and not negative.")
    return field


def one_a_cell(what: str, values: Floats | float, count: int) -> Floats:
    """Finite values [count]."""
    try:
        own = np.broadcast_to(np.asarray(values, dtype=np.float64), (count,)).copy()
    except (ValueError, TypeError):
        raise CouplingError(f"{what}: give one value for each of the {count} cells.") from None
    if not np.isfinite(own).all():
        raise CouplingError(f"{what}: the value of cell {int(np.argmin(np.isfinite(own)))} is not finite.")
    return own


def stepping(t_end: float, every: float, dt: float | None, tolerance: float, splitting: str) -> Stepping:
    """How a run goes through time."""
    for name, value in (("t_end", t_end), ("every", every), ("dt", every if dt is None else dt)):
        options.check_time(name, value)
    if not (options.is_number(tolerance) and 0.0 < tolerance < math.inf):
        raise OptionError(f"tolerance={tolerance!r} must be a positive, finite number.")
    if splitting not in SPLITTINGS:
        raise OptionError(f"splitting={splitting!r} is none of {', '.join(SPLITTINGS)}.")
    return Stepping(splitting, None if dt is None else float(min(dt, every)), float(tolerance), float(every))


def _chosen(types: tuple[Kind, ...], of: str | None) -> list[int]:
    names = [kind.name for kind in types]
    if of is None:
        return list(range(len(types)))
    if of not in names:
        raise CouplingError(f"there is no type of cell '{of}'; there are {', '.join(names)}.")
    return [names.index(of)]


def types_with_species(
    types: tuple[Kind, ...], name: str, of: str | None, *, variables: bool = False
) -> tuple[int, ...]:
    """The types (indices) whose network has a species; `variables`: or something that a rule moves."""
    chosen = _chosen(types, of)
    found = tuple(
        k for k in chosen if name in types[k].network.species_by_id or (variables and name in types[k].species)
    )
    if not found:
        what = "species or variable" if variables else "species"
        there = [types[k].species if variables else [s.id for s in types[k].network.species] for k in chosen]
        known = "; ".join(
            f"the network {types[k].network.id} has no {what} '{name}' to couple; it has {', '.join(names) or 'none'}"
            for k, names in zip(chosen, there, strict=True)
        )
        raise CouplingError(f"{known}.")
    return found


def types_with_parameter(types: tuple[Kind, ...], name: str, of: str | None) -> tuple[int, ...]:
    """The types (indices) whose network has a parameter that may differ from cell to cell."""
    chosen = _chosen(types, of)
    for k in chosen:
        system = types[k].stepper.system
        if name in system.structural:
            raise CouplingError(
                f"'{name}' decides a stoichiometry or a conversion factor of the network {system.network.id}, which "
                f"is the same in all cells; give it a value with parameters={{'{name}': ...}}."
            )
    found = tuple(k for k in chosen if name in types[k].stepper.system.parameters)
    if not found:
        known = "; ".join(
            f"the network {types[k].network.id} has no parameter '{name}' that could be driven; it has "
            + (
                ", ".join(p.id for p in types[k].network.parameters if p.id in types[k].stepper.system.parameters)
                or "none"
            )
            for k in chosen
        )
        raise CouplingError(f"{known}.")
    return found


def _morphogen(name: str, morphogens: Mapping[str, Any]) -> None:
    if name not in morphogens:
        known = ", ".join(morphogens) or "none yet"
        raise CouplingError(f"there is no morphogen '{name}' (there are: {known}); add it first with add(Morphogen).")


def output(to: Output, grid: tissue.Grid, morphogens: Mapping[str, Any]) -> None:
    """Raise CouplingError for an output that this tissue cannot have."""
    if isinstance(to, Secretion | Uptake):
        _morphogen(to.morphogen, morphogens)
    if isinstance(to, Contractility | Force) and to.axis is not None:
        directions.fits(f"{type(to).__name__}(axis=...)", to.axis, grid.dim)


def signal(
    given: Signal, grid: tissue.Grid, morphogens: Mapping[str, Any], types: tuple[Kind, ...], outside: float | None
) -> None:
    """Raise CouplingError for a signal that this tissue does not have."""
    if isinstance(given, Concentration):
        _morphogen(given.morphogen, morphogens)
    if isinstance(given, Neighbours):
        if given.reduce == "contact" and grid.dim != 2:
            raise CouplingError("Neighbours(reduce='contact') weighs by the length of sides, in two dimensions only.")
        for axis, length in enumerate(grid.size):
            if given.within is not None and grid.periodic[axis] and not given.within < 0.5 * length:
                raise CouplingError(
                    f"{in_words(given)}: that is half or more of the periodic axis {directions.AXES[axis]}, which is "
                    f"{length:g} long; a cell would meet another one twice."
                )
        types_with_species(types, given.species, None, variables=True)
    part = getattr(given, "part", None)
    if part is not None and not part_fits(part, grid.dim):
        raise CouplingError(f"{in_words(given)}: there is no such part in {grid.dim} dimensions.")
    if isinstance(given, Distance):
        if given.to == "rim" and outside is None:
            raise CouplingError("Distance(to='rim') is for a tissue that does not fill its box: Tissue(outside=...).")
        if given.to != "rim":
            axis = directions.AXES.index(given.to[1])
            if axis >= grid.dim or grid.periodic[axis]:
                raise CouplingError(f"Distance(to='{given.to}'): the box has no such side.")


def rule(
    given: Rule,
    types: tuple[Kind, ...],
    of: str | None,
    grid: tissue.Grid,
    morphogens: Mapping[str, Any],
    outside: float | None,
) -> tuple[int, ...]:
    """The types (indices) that a rule of life is for."""
    found = tuple(_chosen(types, of))
    if isinstance(given.when, str):
        found = types_with_species(types, given.when, of, variables=True)
    elif given.when is not None:
        signal(given.when, grid, morphogens, types, outside)
    if isinstance(given, Division):
        if given.axis not in (LONG, RANDOM):
            directions.fits("Division(axis=...)", given.axis, grid.dim)
        for name in given.copied:
            types_with_species(tuple(types[k] for k in found), name, None)
    return found


def units_agree(given: Signal, parameter: str, network: Network, length_unit: str) -> None:
    """Raise CouplingError where a parameter has declared units that are not the signal's, which is taken as it is."""
    felt: Dimension = given.dimension
    declared = dimension_of(network, parameter)
    if felt is None or declared is None:
        return
    wanted, factor = declared
    if wanted != felt:
        raise CouplingError(
            f"{in_words(given)} is {_unit(felt)}, and the parameter '{parameter}' of {network.id} is declared as "
            f"{_unit(wanted)}; say what one is in the other, gain=..., or a law."
        )
    if "length" in felt:
        if length_unit not in IN_METRES:
            return
        factor /= IN_METRES[length_unit] ** felt["length"]
    if not math.isclose(factor, 1.0, rel_tol=1e-9):
        known = {"time": network.time_unit, "length": length_unit}
        own = _unit({known.get(name, name): power for name, power in felt.items()})
        raise CouplingError(
            f"{in_words(given)} is in units of {own}, and the parameter '{parameter}' of {network.id} is declared in "
            f"units {factor:g} times as large; give gain={1.0 / factor:g}, or a law."
        )


def _unit(dimension: Mapping[str, float]) -> str:
    parts = [f"{name}^{power:g}" if power != 1.0 else name for name, power in sorted(dimension.items())]
    return " ".join(parts) or "dimensionless"
