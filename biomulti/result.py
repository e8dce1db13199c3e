"""Results as xarray, with everything needed to make them again."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from biomulti import expression as ex
from biomulti._kernels_evaluate import evaluate_rows
from biomulti.compile import compile_function
from biomulti.expression import Expression
from biomulti.network import Compartment, Parameter
from biomulti.system import System, reads

Floats = NDArray[np.float64]
DIMENSIONS = ("time", "replicate")
PACKAGES = ("biomulti", "numpy", "scipy", "numba", "python-libsbml", "xarray")


def recorded_as(name: str, reserved: Sequence[str]) -> str:
    """The name in results of a variable of the network, which gives way to names of dimensions and the like."""
    return f"network_{name}" if name in reserved else name


def outputs(system: System, quantity: str, rates: bool = False) -> dict[str, tuple[Expression, dict[str, str]]]:
    """What is written for each name: species in the given quantity, all else that rules or events decide, and, if asked
    for, the rates of reactions."""
    network = system.network
    unit = "item" if quantity == "molecules" else network.substance.unit
    out: dict[str, tuple[Expression, dict[str, str]]] = {}
    for species in network.species:
        value = system.amount(species)
        attributes = {"units": unit, "long_name": species.name or species.id}
        if quantity == "molecules":
            value = ex.multiply(ex.number(system.scale), value)
        if quantity == "concentration":
            value = ex.divide(value, system.lowered[species.compartment])
            attributes["units"] = f"{unit} / size of {species.compartment}"
        out[species.id] = (value, attributes)
    things: list[Compartment | Parameter] = [*network.compartments, *network.parameters, *network.stoichiometries]
    for thing in things:
        value = system.lowered[thing.id]
        if thing.id in system.reduced.network.assignment_rules or reads(value) or ex.depends_on_time(value):
            out[thing.id] = (value, {"units": "", "long_name": thing.name or thing.id})
    for reaction in network.reactions if rates else ():
        per_time = f"{network.substance.unit} / {network.time_unit}"
        out[reaction.id] = (system.lowered[reaction.id], {"units": per_time, "long_name": f"rate of {reaction.id}"})
    return out


def values(
    system: System, quantity: str, times: Floats, y: Floats, p: Floats, rates: bool = False
) -> dict[str, Floats]:
    """The written quantities, each [rows, times], from states y [rows, times, states] and p [rows, parameters]."""
    wanted = outputs(system, quantity, rates)
    column = {n: k for k, n in enumerate(system.states)}
    species = {s.id for s in system.network.species}
    direct = [n for n in wanted if n in column and n in species and quantity == "molecules"]
    computed = [n for n in wanted if n not in direct]
    found = {n: y[:, :, column[n]] for n in direct}
    if computed:
        function = compile_function([wanted[n][0] for n in computed])
        out = np.empty((*y.shape[:2], len(computed)))
        evaluate_rows(function, times, np.ascontiguousarray(y), p, out)
        found |= {n: out[:, :, k] for k, n in enumerate(computed)}
    return {n: found[n] for n in wanted}


def broken(system: System, times: Floats, y: Floats, p: Floats, first: int = 0) -> list[str]:
    """Which constraints of the model do not hold, from which time on and in which row, counted from `first`."""
    if not system.constraints:
        return []
    function = compile_function(system.constraints)
    out = np.empty((*y.shape[:2], len(system.constraints)))
    evaluate_rows(function, times, np.ascontiguousarray(y), p, out)
    messages = []
    for constraint, holds in zip(system.network.constraints, np.moveaxis(out != 0.0, 2, 0), strict=True):
        if not holds.all():
            k, row = (int(i) for i in np.argwhere(~holds.T)[0])
            said = f": {constraint.message}" if constraint.message else ""
            messages.append(
                f"line {constraint.line}: the constraint {constraint.condition!r} does not hold from time {times[k]:g} "
                f"on (replicate {first + row}){said}"
            )
    return messages


def dataset(
    system: System,
    quantity: str,
    times: Floats,
    y: Floats,
    p: Floats,
    attributes: Mapping[str, Any],
    copies: int = 1,
    rates: bool = False,
) -> xr.Dataset:
    """A run as a Dataset of dimensions (time, replicate), each row of y written `copies` times."""
    described = outputs(system, quantity, rates)
    found = values(system, quantity, times, y, p, rates)
    return xr.Dataset(
        {
            recorded_as(n, DIMENSIONS): (
                DIMENSIONS,
                np.repeat(np.ascontiguousarray(v.T), copies, axis=1),
                described[n][1],
            )
            for n, v in found.items()
        },
        coords={
            "time": ("time", times, {"units": system.network.time_unit}),
            "replicate": ("replicate", np.arange(len(y) * copies)),
        },
        attrs=dict(attributes),
    )


def provenance(system: System, **settings: Any) -> dict[str, Any]:
    """Attributes that say how a result was made: model, settings, versions; texts and numbers only."""
    network = system.network
    out: dict[str, Any] = {
        "model": network.id,
        "model_source": network.source,
        "model_hash": network.hash,
        "amounts": f"{network.substance.unit} ({network.substance.reason})",
        "time_unit": network.time_unit,
        "adjusted_laws": ", ".join(f.name for f in system.fluxes if f.stated is not None and f.follows < 0),
    }
    for name, value in settings.items():
        if isinstance(value, Mapping):
            value = json.dumps({k: float(v) if not isinstance(v, str) else v for k, v in value.items()})
        out[name] = value
    out["versions"] = versions()
    return out


@cache
def versions() -> str:
    """Of Python and of what results depend on, as JSON."""
    return json.dumps({"python": platform.python_version(), **{p: version(p) for p in PACKAGES}})
