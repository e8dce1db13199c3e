"""Hybrid stochastic-deterministic simulation of living tissue, from gene to cell to tissue."""

from importlib.metadata import version

from biomulti.compare import compare
from biomulti.comparison import Comparison
from biomulti.coupled import Tissue
from biomulti.coupling import Concentration, Contractility, Growth, Pressure, Secretion, StrainRate, Stress
from biomulti.decide import partition
from biomulti.ensemble import ensemble
from biomulti.errors import (
    BiomultiError,
    CouplingError,
    EnsembleError,
    ModelError,
    OptionError,
    SimulationError,
    UnitsError,
    UnsupportedError,
)
from biomulti.explain import report
from biomulti.load import load, shipped
from biomulti.network import Network
from biomulti.partition import Partition
from biomulti.report import Report
from biomulti.run import Run
from biomulti.save import save
from biomulti.simulation import simulate
from biomulti.write_antimony import to_antimony
from biomulti.write_sbml import to_sbml

__version__ = version("biomulti")

__all__ = [
    "BiomultiError",
    "Comparison",
    "Concentration",
    "Contractility",
    "CouplingError",
    "EnsembleError",
    "Growth",
    "ModelError",
    "Network",
    "OptionError",
    "Partition",
    "Pressure",
    "Report",
    "Run",
    "Secretion",
    "SimulationError",
    "StrainRate",
    "Stress",
    "Tissue",
    "UnitsError",
    "UnsupportedError",
    "compare",
    "ensemble",
    "load",
    "partition",
    "report",
    "save",
    "shipped",
    "simulate",
    "to_antimony",
    "to_sbml",
]
