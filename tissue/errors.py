"""What goes wrong, by name; every message says where and what to do."""

from __future__ import annotations


class TissueError(Exception):
    """Base of every error this package raises on purpose."""


class GridError(TissueError, ValueError):
    """A grid that cannot be built: its shape, size or boundary kinds."""


class FieldError(TissueError, ValueError):
    """An argument with the wrong shape, sign or units, or with NaN or infinity in it."""


class CompatibilityError(TissueError, ValueError):
    """Forces or growth for which the equations have no solution."""


class SolveError(TissueError, RuntimeError):
    """The flow solver missed its tolerance; no flow is returned."""
