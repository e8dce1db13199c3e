"""Hybrid stochastic-deterministic simulation of living tissue, from gene to cell to tissue."""

from importlib.metadata import version

from biomulti import observe
from biomulti.compare import compare
from biomulti.comparison import Comparison
from biomulti.coupled.copies import Cells
from biomulti.coupled.kind import CellType
from biomulti.coupled.laws import Delay, Hill, Linear, Threshold
from biomulti.coupled.life import Death, Division
from biomulti.coupled.outputs import Contractility, Force, Growth, Secretion, Uptake
from biomulti.coupled.signals import (
    Age,
    Concentration,
    Density,
    Distance,
    Neighbours,
    Pressure,
    Size,
    Strain,
    StrainRate,
    Stress,
    Velocity,
)
from biomulti.coupled.tissue import Tissue
from biomulti.decide import partition
from biomulti.ensemble import ensemble
from biomulti.errors import (
    BiomultiError,
    CheckpointError,
    CouplingError,
    EnsembleError,
    ModelError,
    OptionError,
    SimulationError,
    StorageError,
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
    "Age",
    "BiomultiError",
    "CellType",
    "Cells",
    "CheckpointError",
    "Comparison",
    "Concentration",
    "Contractility",
    "CouplingError",
    "Death",
    "Delay",
    "Density",
    "Distance",
    "Division",
    "EnsembleError",
    "Force",
    "Growth",
    "Hill",
    "Linear",
    "ModelError",
    "Neighbours",
    "Network",
    "OptionError",
    "Partition",
    "Pressure",
    "Report",
    "Run",
    "Secretion",
    "SimulationError",
    "Size",
    "StorageError",
    "Strain",
    "StrainRate",
    "Stress",
    "Threshold",
    "Tissue",
    "UnitsError",
    "UnsupportedError",
    "Uptake",
    "Velocity",
    "compare",
    "ensemble",
    "load",
    "observe",
    "partition",
    "report",
    "save",
    "shipped",
    "simulate",
    "to_antimony",
    "to_sbml",
]
