"""Mechanics and transport of an active viscous fluid that carries points."""

from tissue.errors import CompatibilityError, FieldError, GridError, SolveError, TissueError
from tissue.fields import StressField
from tissue.grid import Grid
from tissue.particles import advance, sample, spread, spread_stress, velocity
from tissue.signals import spin, strain_rate, stress_at, total_stress, velocity_gradient
from tissue.stokes import Flow, Stokes

__all__ = [
    "CompatibilityError",
    "FieldError",
    "Flow",
    "Grid",
    "GridError",
    "SolveError",
    "Stokes",
    "StressField",
    "TissueError",
    "advance",
    "sample",
    "spin",
    "spread",
    "spread_stress",
    "strain_rate",
    "stress_at",
    "total_stress",
    "velocity",
    "velocity_gradient",
]
