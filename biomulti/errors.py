"""What biomulti raises: every message says what is wrong, where, and what to do about it."""

from __future__ import annotations

from typing import Any


class BiomultiError(Exception):
    """Base of every error raised on purpose by this package."""


class ModelError(BiomultiError, ValueError):
    """The model text is not valid, or says something contradictory."""


class UnsupportedError(ModelError):
    """The model is valid SBML and uses a construct that is not supported; it is refused, never ignored."""


class UnitsError(ModelError):
    """A model's amounts cannot be turned into molecule numbers without a guess."""


class OptionError(BiomultiError, ValueError):
    """An argument is out of its range or names something that does not exist."""


class CouplingError(BiomultiError, ValueError):
    """A coupling between genes and tissue names something that does not exist or does not fit."""


class StorageError(BiomultiError, OSError):
    """A file of a run could not be written or read: the disk is full, the folder is read-only, or a file is missing."""


class CheckpointError(BiomultiError):
    """A checkpoint is damaged, missing, or of another format; it is never taken for what it is not."""


class SimulationError(BiomultiError, RuntimeError):
    """A run had to stop; `partial` holds what was computed until then (an xarray.Dataset, or None)."""

    def __init__(self, message: str, partial: Any = None) -> None:
        super().__init__(message)
        self.partial = partial


class EnsembleError(BiomultiError, RuntimeError):
    """Runs of an ensemble failed, or do not fit into one Dataset.

    partial: the Dataset of all that was finished, with gaps as NaN, or None; failures: what failed, one of
    `biomulti.ensemble.Failure` each; runs: pairs of a point and its Dataset, where these do not fit together.
    """

    def __init__(
        self, message: str, partial: Any = None, failures: tuple[Any, ...] = (), runs: tuple[Any, ...] = ()
    ) -> None:
        super().__init__(message)
        self.partial = partial
        self.failures = failures
        self.runs = runs
