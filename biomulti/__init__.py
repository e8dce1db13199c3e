"""Hybrid stochastic-deterministic simulation of living tissue, from gene to cell to tissue."""

from biomulti.errors import (
    BiomultiError,
    CouplingError,
    ModelError,
    OptionError,
    SimulationError,
    UnitsError,
    UnsupportedError,
)
from biomulti.load import load, shipped
from biomulti.network import Network
from biomulti.partition import Partition, partition
from biomulti.simulation import simulate

__all__ = [
    "BiomultiError",
    "CouplingError",
    "ModelError",
    "Network",
    "OptionError",
    "Partition",
    "SimulationError",
    "UnitsError",
    "UnsupportedError",
    "load",
    "partition",
    "shipped",
    "simulate",
]
