"""What is declared of a tissue, as a run and a checkpoint read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import tissue
from biomulti import options, simulation
from biomulti.counts import molecules_per_unit
from biomulti.coupled.couplings import OutputCoupling, SignalCoupling
from biomulti.coupled.kind import Kind
from biomulti.coupled.life import LifeRule
from biomulti.coupled.setup import Setup
from biomulti.load import load
from biomulti.network import Network
from biomulti.system import system_of

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


class Declared(Protocol):
    """A `biomulti.Tissue`, for what is beneath it."""

    grid: tissue.Grid
    stokes: tissue.Stokes
    seed: int
    warm_up: float
    cell_size: float
    kinds: dict[str, Any]
    types: tuple[Kind, ...]
    counts: tuple[int, ...]
    positions: Floats
    polarity: Floats
    ages: Floats
    own: dict[tuple[int, str], Floats]
    outputs: list[OutputCoupling]
    signals: list[SignalCoupling]
    rules: list[LifeRule]
    morphogens: dict[str, tuple[tissue.Morphogen, Floats]]
    confined: set[str]

    @property
    def count(self) -> int:
        """Number of cells at the start."""
        ...

    @property
    def network(self) -> Network:
        """Of the first type."""
        ...

    def setup(self, cluster: Any = None) -> Setup:
        """As it is declared now, for a run."""
        ...


def compiled(name: str, kind: CellType) -> Kind:
    """Compile a network and decide what fires."""
    options.check_options(method=kind.method, tolerance=kind.tolerance, physical_scale=kind.physical_scale)
    network = load(kind.network)
    system = system_of(network, molecules_per_unit(network), kind.parameters)
    stepper, partition = simulation.stepper_of(
        system, kind.method, None, kind.tolerance, kind.physical_scale, kind.initial, kind.parameters
    )
    return Kind(name, network, stepper, partition)
