"""Types of cells: as they are declared, compiled, and written to a document of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomulti import options, simulation
from biomulti.counts import molecules_per_unit
from biomulti.coupled.kind import Kind
from biomulti.errors import CheckpointError
from biomulti.load import load
from biomulti.system import system_of
from biomulti.write_sbml import to_sbml

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CellType:
    """Cells of one type, as `Tissue` takes them: their network, how many or where, and how they run."""

    network: Any
    cells: int | Floats
    method: str = "hybrid"
    initial: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, float] = field(default_factory=dict)
    tolerance: float | None = None
    physical_scale: Mapping[str, str] = field(default_factory=dict)


def compiled(name: str, kind: CellType) -> Kind:
    """Compile a network and decide what fires."""
    options.check_options(method=kind.method, tolerance=kind.tolerance, physical_scale=kind.physical_scale)
    network = load(kind.network)
    system = system_of(network, molecules_per_unit(network), kind.parameters)
    stepper, partition = simulation.stepper_of(
        system, kind.method, None, kind.tolerance, kind.physical_scale, kind.initial, kind.parameters
    )
    return Kind(name, network, stepper, partition)


def kind_document(kind: Kind, given: CellType, count: int) -> dict[str, Any]:
    """A type of cell."""
    return {
        "name": kind.name,
        "sbml": _sbml(kind.network),
        "source": kind.network.source,
        "hash": kind.network.hash,
        "adjust": kind.network.adjust,
        "count": count,
        **{n: getattr(given, n) for n in ("method", "tolerance")},
        **{n: dict(getattr(given, n)) for n in ("initial", "parameters", "physical_scale")},
    }


def kind_of(document: Mapping[str, Any]) -> Kind:
    """The type of a document, compiled."""
    return compiled(document["name"], cell_type(document, 1))


def cell_type(document: Mapping[str, Any], cells: Any) -> CellType:
    network = replace(load(document["sbml"], adjust=document["adjust"]), source=document["source"])
    if network.hash != document["hash"]:
        raise CheckpointError(f"the network '{network.id}' does not read as it was written.")
    settings = {n: document[n] for n in ("method", "initial", "parameters", "tolerance", "physical_scale")}
    return CellType(network, cells, **settings)


_WRITTEN: dict[str, str] = {}


def _sbml(network: Any) -> str:
    """Writing is confirmed by reading, which takes longer than a step: once for each network."""
    if network.hash not in _WRITTEN:
        _WRITTEN[network.hash] = to_sbml(network)
    return _WRITTEN[network.hash]
