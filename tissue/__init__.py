"""
Mechanics and transport of an active viscous fluid that carries points, in two and three dimensions.

Importing it sets the environment variable OMP_WAIT_POLICY to PASSIVE unless it is set already.
"""

from tissue.deformation import deform, logarithmic_strain, undeformed
from tissue.elastic import Maxwell
from tissue.errors import CompatibilityError, FieldError, GridError, SolveError, TissueError
from tissue.fields import StressField
from tissue.grid import Grid
from tissue.mixture import fraction, mixed_viscosity
from tissue.movement import advance, spread_force
from tissue.neighbours import Neighbours, contacts, keep_apart, neighbours, order
from tissue.numbers import Numbers, dimensionless
from tissue.particles import sample, spread, spread_stress, velocity
from tissue.polarity import Polar, turn
from tissue.signals import corotate, spin, strain_rate, stress_at, total_stress, velocity_gradient
from tissue.stokes import Flow, Stokes
from tissue.surface import advance_surface
from tissue.tension import enclosed, line, resample, spread_tension
from tissue.transport import Morphogen, transport

__all__ = [
    "CompatibilityError",
    "FieldError",
    "Flow",
    "Grid",
    "GridError",
    "Maxwell",
    "Morphogen",
    "Neighbours",
    "Numbers",
    "Polar",
    "SolveError",
    "Stokes",
    "StressField",
    "TissueError",
    "advance",
    "advance_surface",
    "contacts",
    "corotate",
    "deform",
    "dimensionless",
    "enclosed",
    "fraction",
    "keep_apart",
    "line",
    "logarithmic_strain",
    "mixed_viscosity",
    "neighbours",
    "order",
    "resample",
    "sample",
    "spin",
    "spread",
    "spread_force",
    "spread_stress",
    "spread_tension",
    "strain_rate",
    "stress_at",
    "total_stress",
    "transport",
    "turn",
    "undeformed",
    "velocity",
    "velocity_gradient",
]
