"""Sets of values: for every replicate a value of its own of a parameter, or of the amount a species starts with."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomulti.errors import OptionError
from biomulti.options import is_number
from biomulti.partition import Partition
from biomulti.system import System

Floats = NDArray[np.float64]
Sets = Mapping[str, float | Floats]  # a number for all replicates, or [replicates]


def as_sets(name: str, values: Mapping[str, Any] | None) -> Sets:
    """Values by name, numbers and arrays [replicates]; OptionError for anything else, or what is not finite."""
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise OptionError(f"{name} is a dictionary of values by name, not {values!r}.")
    return {str(key): _one_or_each(f"{name}[{key!r}]", value) for key, value in values.items()}


def _one_or_each(what: str, value: Any) -> float | Floats:
    if is_number(value):
        if not math.isfinite(value):
            raise OptionError(f"{what}={value!r} must be a finite number.")
        return float(value)
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    if array.ndim != 1 or not len(array) or array.dtype.kind not in "iuf":
        raise OptionError(f"{what}={value!r} must be a finite number, or a sequence of them, one for each replicate.")
    wrong = np.flatnonzero(~np.isfinite(array))
    if len(wrong):
        raise OptionError(f"{what}[{wrong[0]}]={array[wrong[0]]} must be a finite number.")
    return array.astype(np.float64)


def common_length(replicates: int, **given: Sets) -> int:
    """How many replicates there are: as many as values in every sequence, which `replicates`, unless 1, must agree to.

    Raises:
        OptionError: sequences of different lengths; the message names the argument.
    """
    lengths = [
        (f"{name}[{k!r}]", len(v)) for name, sets in given.items() for k, v in sets.items() if isinstance(v, np.ndarray)
    ]
    if not lengths:
        return replicates
    first, expected = lengths[0] if replicates == 1 else ("replicates", replicates)
    for what, length in lengths:
        if length != expected:
            other = f"replicates={replicates}" if replicates != 1 else f"{first} has {expected}"
            raise OptionError(f"{what} has {length} values and {other}; give one value for each replicate.")
    return expected


def varied(sets: Sets) -> list[str]:
    """Names of which every replicate has its own value."""
    return [name for name, value in sets.items() if isinstance(value, np.ndarray)]


def row(sets: Sets, i: int) -> dict[str, float]:
    """The values of replicate `i`."""
    return {name: float(value[i]) if isinstance(value, np.ndarray) else value for name, value in sets.items()}


def extremes(*given: Sets) -> list[int]:
    """Replicates in which one of the values is the least or the greatest; the first where nothing varies."""
    arrays = [value for sets in given for value in sets.values() if isinstance(value, np.ndarray)]
    found = {int(place) for a in arrays for place in (np.argmin(a), np.argmax(a))}
    return sorted(found) or [0]


def refuse_structural(system: System, parameters: Sets) -> None:
    """Raise OptionError for what is part of the equations, which all replicates share."""
    for name in varied(parameters):
        if name in system.structural:
            raise OptionError(
                f"parameters[{name!r}]: '{name}' decides a stoichiometry or a conversion factor of "
                f"{system.network.source}, which is the same in all replicates; give one number and run once for each."
            )


def described(sets: Sets) -> dict[str, float | str]:
    """Values for attributes, which leave what varies to the coordinates."""
    return {k: "one for each replicate" if isinstance(v, np.ndarray) else v for k, v in sets.items()}


def coordinates(system: System, parameters: Sets, initial: Sets, taken: Collection[str]) -> dict[str, Any]:
    """What varies, as coordinates along `replicate`: a parameter by its name, the start of a species A as `A_initial`,
    where these names are free."""
    unit = system.network.substance.unit
    out: dict[str, Any] = {}
    for sets, attributes in ((parameters, {}), (initial, {"units": unit})):
        for name in varied(sets):
            wanted = name if sets is parameters else f"{name}_initial"
            if wanted in taken:
                wanted = f"{name}_initial"
            while wanted in taken or wanted in out:
                wanted += "_"
            out[wanted] = ("replicate", sets[name], {"long_name": f"{name} as set for each replicate", **attributes})
    return out


def together(splits: Sequence[Partition]) -> Partition:
    """One partition for all: a reaction fires if it does so in one of `splits`, and flows if it does so in all."""
    decisions = [
        min(of_one, key=lambda d: (d.flows or d.adaptive, d.flows and not d.adaptive))
        for of_one in zip(*(s.decisions for s in splits), strict=True)
    ]
    notes = dict.fromkeys(s.note for s in splits if s.note)
    return Partition(
        tuple(decisions), splits[0].time_unit, " ".join(notes), tolerance=max(s.tolerance for s in splits),
        averaged=tuple(n for n in splits[0].averaged if all(n in s.averaged for s in splits)),
    )  # fmt: skip
