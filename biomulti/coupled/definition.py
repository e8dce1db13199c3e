"""A declared tissue as a document of JSON and arrays, and back: what a checkpoint holds beside the state."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tissue
from biomulti import simulation
from biomulti.cells import population
from biomulti.coupled import kind_document, laws, life, outputs, signals
from biomulti.coupled import observers as observing
from biomulti.coupled.couplings import OutputCoupling, SignalCoupling
from biomulti.coupled.declared import Declared
from biomulti.coupled.life import LifeRule
from biomulti.coupled.observers import Observer, as_observers
from biomulti.coupled.setup import Stepping
from biomulti.errors import CheckpointError, OptionError
from biomulti.recorder import described
from biomulti.result import provenance

Arrays = Mapping[str, NDArray[Any]]
SENTENCES = {
    kind.__name__: kind
    for kind in (
        outputs.Contractility, outputs.Force, outputs.Secretion, outputs.Uptake, outputs.Growth,
        signals.StrainRate, signals.Strain, signals.Stress, signals.Pressure, signals.Velocity, signals.Concentration,
        signals.Density, signals.Size, signals.Age, signals.Distance, signals.Neighbours,
        laws.Linear, laws.Hill, laws.Threshold, laws.Delay,
        life.Division, life.Death, LifeRule, OutputCoupling, SignalCoupling,
        observing.Cells, observing.Fields, observing.Population,
    )
}  # fmt: skip
"""What a document may name; nothing else is made of it."""
OPTIONS = ("warm_up", "alignment", "outside", "keep_apart", "flow_tolerance", "length_unit", "cell_size")


def sentence(value: Any) -> Any:
    """Frozen sentences, tuples, numbers and texts as JSON."""
    if is_dataclass(value):
        return {"a": type(value).__name__, **{f.name: sentence(getattr(value, f.name)) for f in fields(value)}}
    if isinstance(value, tuple):
        return [sentence(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def understood(value: Any) -> Any:
    """What `sentence` wrote."""
    if isinstance(value, list):
        return tuple(understood(item) for item in value)
    if isinstance(value, dict):
        given = dict(value)
        name = given.pop("a", None)
        if name not in SENTENCES:
            raise CheckpointError(f"the checkpoint names '{name}', which this version of the program does not know.")
        return SENTENCES[name](**{key: understood(item) for key, item in given.items()})
    return value


def written(sheet: Declared, stepping: Stepping) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The document of a tissue and of how it is stepped, and its arrays."""
    arrays: dict[str, NDArray[Any]] = {"fixed/positions": sheet.positions, "fixed/polarity": sheet.polarity}
    arrays["fixed/ages"] = sheet.ages
    fluid = {n: getattr(sheet.stokes, n) for n in ("viscosity", "friction", "bulk_viscosity")}
    arrays |= {f"fixed/{n}": np.asarray(v, dtype=np.float64) for n, v in fluid.items()}
    for (k, name), values in sheet.own.items():
        arrays[f"fixed/own/{k}/{name}"] = values
    for name, (_, field) in sheet.morphogens.items():
        arrays[f"fixed/morphogen/{name}"] = field
    document = {
        "grid": {"shape": sheet.grid.shape, "size": sheet.grid.size, "boundary": sheet.grid.boundary},
        "seed": sheet.seed,
        "kinds": kind_document.of(list(sheet.kinds.values()), sheet.types, sheet.counts),
        "options": {name: getattr(sheet, name) for name in OPTIONS},
        "outputs": [sentence(c) for c in sheet.outputs],
        "signals": [sentence(c) for c in sheet.signals],
        "rules": [sentence(r) for r in sheet.rules],
        "morphogens": [{f.name: getattr(m, f.name) for f in fields(m)} for m, _ in sheet.morphogens.values()],
        "confined": sorted(sheet.confined),
        "stepping": {f.name: getattr(stepping, f.name) for f in fields(stepping)},
    }
    return document, arrays


def read(document: Mapping[str, Any], arrays: Arrays, make: Callable[..., Declared]) -> tuple[Declared, Stepping]:
    """The tissue of a document, and how it is stepped."""
    grid = tissue.Grid(
        tuple(document["grid"]["shape"]),
        tuple(document["grid"]["size"]),
        tuple(b if isinstance(b, str) else tuple(b) for b in document["grid"]["boundary"]),
    )
    positions, first, kinds = arrays["fixed/positions"], 0, {}
    for kind in document["kinds"]:
        kinds[kind["name"]] = kind_document.cell_type(kind, positions[first : first + kind["count"]])
        first += kind["count"]
    sheet = make(
        kinds,
        grid=grid,
        seed=document["seed"],
        polarity=arrays["fixed/polarity"],
        ages=arrays["fixed/ages"],
        **{n: _number(arrays[f"fixed/{n}"]) for n in ("viscosity", "friction", "bulk_viscosity")},
        **document["options"],
    )
    # normalised once already
    sheet.polarity = arrays["fixed/polarity"]
    for given in document["morphogens"]:
        morphogen = tissue.Morphogen(**given)
        sheet.morphogens[morphogen.name] = (morphogen, arrays[f"fixed/morphogen/{morphogen.name}"])
    sheet.confined = set(document["confined"])
    sheet.outputs = [understood(c) for c in document["outputs"]]
    sheet.signals = [understood(c) for c in document["signals"]]
    sheet.rules = [understood(r) for r in document["rules"]]
    for name, values in arrays.items():
        if name.startswith("fixed/own/"):
            k, parameter = name.removeprefix("fixed/own/").split("/", 1)
            sheet.own[int(k), parameter] = values
    return sheet, Stepping(**document["stepping"])


def _number(value: NDArray[Any]) -> Any:
    return float(value) if value.ndim == 0 else value


def written_observers(observers: Sequence[Observer]) -> list[Any]:
    """Observers as JSON, None for those that are functions."""
    return [sentence(o) if _is_sentence(o) else None for o in observers]


def _is_sentence(observer: Observer) -> bool:
    # a class of the user's own may have a name of ours
    return SENTENCES.get(type(observer).__name__) is type(observer)


def observers(
    document: Sequence[Any], given: Observer | Sequence[Observer] | None, folder: Path
) -> tuple[Observer, ...]:
    """The observers of a run that goes on, from its checkpoint or as they are given again."""
    if given is not None:
        chosen = as_observers(given)
        # what JSON holds has lists for tuples
        if json.loads(json.dumps(written_observers(chosen))) != list(document):
            were = ", ".join("one of your own" if item is None else str(understood(item)) for item in document)
            raise OptionError(f"the run in {folder} is observed by {were}; give the same again, in that order.")
        return chosen
    if None in document:
        raise OptionError(
            f"the run in {folder} is observed by a function, which a checkpoint cannot hold; give the same observers "
            f"again: Tissue.resume('{folder}', observe=[...])."
        )
    return tuple(understood(item) for item in document)


def attributes(sheet: Declared, stepping: Stepping) -> dict[str, Any]:
    """What is recorded of how a run was made."""
    kind, given = sheet.types[0], next(iter(sheet.kinds.values()))
    system = kind.stepper.system
    values = population(system, 1, seed=sheet.seed, initial=given.initial, parameters=given.parameters).p[0]
    return provenance(
        system,
        method=given.method,
        seed=str(sheet.seed),
        dt="chosen" if stepping.dt is None else stepping.dt,
        step_tolerance=stepping.tolerance,
        splitting=stepping.splitting,
        warm_up=sheet.warm_up,
        tolerance=kind.stepper.tolerance,
        partition_tolerance=simulation.bound(kind.partition),
        size=described(sheet.grid.size),
        boundary=described(sheet.grid.boundary),
        shape=described(sheet.grid.shape),
        initial=given.initial,
        parameters=given.parameters,
        parameter_values=dict(zip(system.parameters, values, strict=True)),
        couplings="; ".join(str(c) for c in (*sheet.outputs, *sheet.signals)),
        life="; ".join(str(r) for r in sheet.rules),
        cell_types=", ".join(f"{k.name}: {k.network.id} ({k.network.hash[:12]})" for k in sheet.types),
        partition=str(kind.partition) if kind.partition else "",
    )
