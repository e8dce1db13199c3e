"""The jobs of an ensemble, and what a worker does with one, wherever it is."""

from __future__ import annotations

import threading
import traceback
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import xarray as xr

from biomulti.errors import OptionError
from biomulti.network import Network
from biomulti.options import is_number
from biomulti.result import versions
from biomulti.run import Run
from biomulti.simulation import simulate

REPLICATE = "replicate"
VALUE = "value"  # the variable that a number without a name becomes

# kernels of one process share its threads, and some of numba's thread pools abort when entered twice
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Job:
    """Replicates `first` to `first + count - 1` of the `point` that stands at `place` along the axes of the grid."""

    place: tuple[int, ...]
    point: Mapping[str, Any]
    first: int
    count: int
    seed: int

    def __str__(self) -> str:
        last = self.first + self.count - 1
        which = f"replicate {self.first}" if self.count == 1 else f"replicates {self.first} to {last}"
        return ", ".join([*(f"{k} = {v!r}" for k, v in self.point.items()), f"{which} (seed {self.seed})"])


@dataclass(frozen=True)
class Outcome:
    """What came of a job: data, or why there are none. `remarks` are warnings; `restarts` counts lost workers."""

    data: xr.Dataset | None
    failure: str = ""
    trace: str = ""
    remarks: tuple[tuple[type[Warning], str], ...] = ()
    versions: str = ""
    restarts: int = 0


class Work(Protocol):
    """What is done with every job."""

    def __call__(self, job: Job) -> xr.Dataset:
        """The run, or the runs along a dimension `replicate`."""

    def alone(self, job: Job) -> str:
        """The call by which a user does this job alone."""


@dataclass(frozen=True)
class NetworkWork:
    """Runs of a network; `roles` says for each name of a point what of `simulate` it belongs to."""

    network: Network
    roles: Mapping[str, str]  # "parameters", "initial" or "" for an argument
    settings: Mapping[str, Any]

    def arguments(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """What `simulate` is called with at a point."""
        out = dict(self.settings)
        for name, value in point.items():
            role = self.roles[name]
            if role:
                out[role] = {**(out.get(role) or {}), name: value}
            else:
                out[name] = value
        return out

    def __call__(self, job: Job) -> xr.Dataset:
        return simulate(
            self.network, seed=job.seed, replicates=job.count, first_replicate=job.first, progress=False,
            **self.arguments(job.point),
        )  # fmt: skip

    def alone(self, job: Job) -> str:
        given = {**self.arguments(job.point), "seed": job.seed, "replicates": job.count, "first_replicate": job.first}
        return f"simulate(network, {', '.join(f'{k}={v!r}' for k, v in given.items())})"


@dataclass(frozen=True)
class FunctionWork:
    """Calls of a user's function."""

    function: Callable[..., Any]
    settings: Mapping[str, Any]

    def __call__(self, job: Job) -> xr.Dataset:
        return as_dataset(self.function(seed=job.seed, **job.point, **self.settings))

    def alone(self, job: Job) -> str:
        given = {**job.point, **self.settings, "seed": job.seed}
        name = getattr(self.function, "__name__", "function")
        return f"{name}({', '.join(f'{k}={v!r}' for k, v in given.items())})"


def as_dataset(result: Any) -> xr.Dataset:
    """What a function gave as a Dataset in memory.

    Raises:
        OptionError: it is no Dataset, DataArray, Run, number or mapping of numbers, or has a dimension `replicate`.
    """
    if isinstance(result, Run):
        result = result.data
    if isinstance(result, xr.DataArray):
        result = result.to_dataset(name=result.name or VALUE)
    if _is_value(result):
        result = {VALUE: result}
    if isinstance(result, Mapping) and not isinstance(result, xr.Dataset):
        wrong = [k for k, v in result.items() if not _is_value(v)]
        if wrong:
            raise OptionError(f"a mapping of numbers was expected, and {wrong[0]!r} is {result[wrong[0]]!r}.")
        result = xr.Dataset({str(k): v for k, v in result.items()})
    if not isinstance(result, xr.Dataset):
        raise OptionError(
            f"the function gave {type(result).__name__}; let it give an xarray Dataset or DataArray, a Run, a number "
            "or a dictionary of numbers."
        )
    if REPLICATE in result.variables or REPLICATE in result.dims:
        raise OptionError(f"the result of the function has its own '{REPLICATE}'; rename it.")
    return result.load()


def _is_value(value: Any) -> bool:
    return is_number(value) or isinstance(value, (bool, np.bool_, complex))


def perform(work: Work, job: Job) -> Outcome:
    """Do a job; what it raises and warns of is part of the outcome."""
    data, failure, trace = None, "", ""
    with _ONE_AT_A_TIME, warnings.catch_warnings(record=True) as said:
        try:
            data = work(job)
        except Exception as error:
            failure, trace = f"{type(error).__name__}: {error}", traceback.format_exc()
    remarks = dict.fromkeys((w.category, str(w.message)) for w in said)
    return Outcome(data, failure, trace, tuple(remarks), versions())
