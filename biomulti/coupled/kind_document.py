"""Types of cells as documents: for a checkpoint, and for workers elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from biomulti.coupled.kind import CellType, Kind, compiled
from biomulti.errors import CheckpointError
from biomulti.load import load
from biomulti.network import Network
from biomulti.write_sbml import to_sbml

SETTINGS = ("method", "initial", "parameters", "tolerance", "physical_scale")


def of(given: Sequence[CellType], kinds: Sequence[Kind], counts: Sequence[int]) -> list[dict[str, Any]]:
    """Types of cells, as they were given and compiled, and how many there are of each."""
    return [
        {
            "name": kind.name,
            "sbml": _sbml(kind.network),
            "source": kind.network.source,
            "hash": kind.network.hash,
            "adjust": kind.network.adjust,
            "count": count,
            **{n: _plain(getattr(cells, n)) for n in SETTINGS},
        }
        for cells, kind, count in zip(given, kinds, counts, strict=True)
    ]


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


def cell_type(document: Mapping[str, Any], cells: Any) -> CellType:
    """The type of a document, of so many cells or with these places."""
    if not str(document["sbml"]).lstrip().startswith("<"):
        raise CheckpointError("the network of the checkpoint is no SBML.")
    network = replace(load(document["sbml"], adjust=document["adjust"]), source=document["source"])
    if network.hash != document["hash"]:
        raise CheckpointError(f"the network '{network.id}' does not read as it was written.")
    return CellType(network, cells, **{n: document[n] for n in SETTINGS})


def kind_of(text: str) -> Kind:
    """The type of a document as JSON, compiled."""
    document = json.loads(text)
    return compiled(document["name"], cell_type(document, 1))


_WRITTEN: dict[str, str] = {}


def _sbml(network: Network) -> str:
    """Writing is confirmed by reading, which takes longer than a step: once for each network."""
    if network.hash not in _WRITTEN:
        _WRITTEN[network.hash] = to_sbml(network)
    return _WRITTEN[network.hash]
