"""What stays fixed while cells and tissue act on each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tissue
from biomulti.cells import CellPopulation
from biomulti.coupled.couplings import OutputCoupling, SignalCoupling
from biomulti.coupled.kind import Kind
from biomulti.coupled.life import LifeRule
from biomulti.coupled.networks import Here, Networks
from biomulti.coupled.signals import Neighbours


@dataclass(frozen=True)
class Stepping:
    """How time goes: see `Tissue.run`."""

    splitting: str
    dt: float | None
    tolerance: float
    every: float
    courant: float = 1.0

    @property
    def ahead(self) -> bool:
        """Whether signals are taken at the middle of what they act on, along their line."""
        return self.splitting == "strang"


@dataclass(frozen=True, eq=False)
class Setup:
    """A tissue as it was declared, ready to run; `stokes` has the viscosity of the tissue.

    confined: names of morphogens that stay in the tissue; outside: viscosity of the fluid around the tissue, None where
    the tissue fills the box; spacing: how far cells are kept apart, over the distance of evenly set ones, 0 for not at
    all; alignment: of polarity with strain, see `tissue.turn`; unit_size: area (volume) that counts as 1. cluster: the
    client of a Dask cluster over whose workers networks are shared out, None for none; documents: for these, what type
    each is, as text.
    """

    stokes: tissue.Stokes
    types: tuple[Kind, ...]
    outputs: tuple[OutputCoupling, ...]
    signals: tuple[SignalCoupling, ...]
    rules: tuple[LifeRule, ...]
    morphogens: Mapping[str, tissue.Morphogen]
    confined: frozenset[str]
    seed: int
    unit_size: float
    outside: float | None
    spacing: float
    alignment: float
    flow_tolerance: float
    length_unit: str
    cluster: Any = None
    documents: tuple[str, ...] = ()

    @property
    def grid(self) -> tissue.Grid:
        return self.stokes.grid

    @property
    def names(self) -> tuple[str, ...]:
        """Of the types of cells."""
        return tuple(kind.name for kind in self.types)

    def driven(self, kind: int) -> tuple[str, ...]:
        """Parameters of a type that signals drive, in the order of the couplings."""
        return tuple(c.parameter for c in self.signals if kind in c.types)

    def watched(self, kind: int) -> tuple[str, ...]:
        """What is read of the networks of a type in every step, by name."""
        names = [c.species for c in self.outputs]
        names += [c.signal.species for c in self.signals if isinstance(c.signal, Neighbours)]
        for rule in self.rules:
            when = rule.rule.when
            names += [when] if isinstance(when, str) else [when.species] if isinstance(when, Neighbours) else []
        return tuple(dict.fromkeys(n for n in names if n in self.types[kind].species))

    def place(self, kind: int, cells: CellPopulation) -> Networks:
        """Cells of a type where they run: here, or on the workers of the cluster."""
        if self.cluster is None:
            return Here(self.types[kind], cells)
        # a package that most do without
        from biomulti.coupled.sharded import Shards

        return Shards(self.cluster, self.documents[kind], cells, self.watched(kind))
