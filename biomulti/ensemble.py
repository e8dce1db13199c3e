"""`biomulti.ensemble`: replicates and grids of values of any run, over processes or a Dask cluster."""

from __future__ import annotations

import importlib
import inspect
import json
import pickle
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from tqdm import tqdm

from biomulti import _dask, _workers
from biomulti._jobs import REPLICATE, FunctionWork, Job, Outcome, Work
from biomulti._plan import Axes, function_work, grid, jobs_of, network_work, replicates_of
from biomulti.combine import Misfit, combined, labels
from biomulti.errors import EnsembleError, OptionError
from biomulti.options import check_options, chosen_seed
from biomulti.result import versions
from biomulti.simulation import PROGRESS_AFTER

MOST_FAILURES = 10  # after which nobody waits for the others
SHOWN_FAILURES = 3
SEEDS = "run_seed"  # the coordinate that holds the seed of every run


@dataclass(frozen=True)
class Failure:
    """A run that gave no result: the values of its point, its replicates and seed, why, and Python's traceback."""

    point: Mapping[str, Any]
    replicates: range
    seed: int
    reason: str
    trace: str


def ensemble(
    what: Any,
    *,
    over: Mapping[str, Sequence[Any] | NDArray[Any]] | None = None,
    replicates: int = 1,
    seed: int | None = None,
    workers: int | None = None,
    client: Any = None,
    retries: int = 2,
    progress: bool = True,
    **settings: Any,
) -> xr.Dataset:
    """Run anything many times: replicates of every point of a grid of values.

    Every run has a seed of its own, which follows from `seed`, the values of its point and, for a function, the number
    of the replicate. Results are the same bits for any number of workers, and stay what they are when replicates, or
    values along an axis, are added.

    Args:
        what: a Network or anything `load` takes; or a function f(seed=..., ...) of the names in `over` that gives an
            xarray Dataset or DataArray, a `Run`, a number or a dictionary of numbers.
        over: values by name, the axes of the grid. For a network these are parameters or compartments, species (the
            amounts they start with), or arguments of `simulate` such as `method`; for a function its arguments.
        replicates: runs of every point.
        seed: 0 to 2^64 - 1; None draws one. It is recorded.
        workers: processes; None takes one for each core, 0 works in this process.
        client: in place of processes of this machine, a distributed.Client, the address of a Dask scheduler, or True
            for a Dask cluster on this machine.
        retries: how often a run whose worker was lost is begun again.
        progress: show a progress bar on anything that takes over two seconds.
        settings: further arguments, of `simulate` or of the function, the same for all runs.

    Returns:
        Dimensions (those of the grid, replicate, those of the run). The coordinate `run_seed` holds seeds: of a
        function [grid, replicate], of a network [grid], with which `simulate` makes all replicates of the point.

    Raises:
        OptionError: an argument out of its range, or the name of something that there is not.
        EnsembleError: runs failed, or do not fit into one Dataset; it names them, and holds what was finished.
    """
    check_options(replicates)
    _check_whole(workers=workers, retries=retries)
    seed, axes = chosen_seed(seed), grid(over)
    work: Work = function_work(what, axes, settings) if callable(what) else network_work(what, axes, settings)
    replicates = replicates_of(work, replicates)
    with _team(client, workers) as (connection, team):
        jobs = jobs_of(work, axes, replicates, seed, team)
        if connection is not None:
            stream = _dask.on_dask(_pickled(work), jobs, connection, retries=retries)
        elif team == 0 or (workers is None and min(team, len(jobs)) == 1):
            stream = _workers.here(work, jobs)
        else:
            stream = _workers.on_processes(_pickled(work), jobs, workers=min(team, len(jobs)), retries=retries)
        outcomes, trouble = _collected(stream, len(jobs), progress)
    attributes = {"seed": str(seed), **_described(work, settings), **_told(outcomes)}
    return _result(work, axes, replicates, jobs, outcomes, trouble, attributes)


def _check_whole(**given: int | None) -> None:
    for name, value in given.items():
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise OptionError(f"{name}={value!r} must be a whole number, 0 or more.")


@contextmanager
def _team(client: Any, workers: int | None) -> Iterator[tuple[Any, int]]:
    """The cluster, if there is one, and how many workers there are."""
    if client is None or client is False:
        yield None, _workers.cores() if workers is None else workers
    else:
        with _dask.connected(client, workers) as connection:
            yield connection, _dask.worker_count(connection)


def _pickled(work: Work) -> bytes:
    """What a worker is sent; of a script's or notebook's own functions the code, not the name."""
    tool = importlib.import_module("cloudpickle") if isinstance(work, FunctionWork) else pickle
    try:
        return bytes(tool.dumps(work))
    except Exception as error:
        raise OptionError(
            f"what is to run cannot be sent to other processes ({error}); make what it uses inside the function, or "
            "take workers=0."
        ) from None


def _collected(
    stream: Iterator[tuple[int, Outcome]], count: int, progress: bool
) -> tuple[list[Outcome | None], Exception | None]:
    """The outcome of every job, None where there is none; and what brought all to an end, if anything did."""
    outcomes: list[Outcome | None] = [None] * count
    said = set()
    failed = 0
    try:
        with closing(stream), tqdm(total=count, desc="ensemble", delay=PROGRESS_AFTER, disable=not progress) as bar:  # type: ignore[type-var]
            for index, outcome in stream:
                outcomes[index] = outcome
                bar.update()
                for category, message in outcome.remarks:
                    if (category, message) not in said:
                        said.add((category, message))
                        warnings.warn(message, category, stacklevel=3)
                failed += outcome.data is None
                if failed == MOST_FAILURES:
                    break
    except Warning:
        raise
    except Exception as error:
        return outcomes, error
    return outcomes, None


def _described(work: Work, settings: Mapping[str, Any]) -> dict[str, str]:
    """What was run, for attributes."""
    out = {"settings": json.dumps(dict(settings), default=repr)}
    if isinstance(work, FunctionWork):
        out["function"] = getattr(work.function, "__qualname__", repr(work.function))
        try:
            out["function_source"] = inspect.getsource(work.function)
        except (OSError, TypeError):
            out["function_source"] = ""
    return out


def _told(outcomes: Sequence[Outcome | None]) -> dict[str, Any]:
    """What the workers tell of themselves, for attributes."""
    done = [o for o in outcomes if o is not None]
    found = sorted({o.versions for o in done if o.versions}) or [versions()]
    if len(found) > 1:
        warnings.warn(
            f"workers have different versions, and may give other last bits: {'; '.join(found)}", stacklevel=3
        )
    return {"versions": found[0] if len(found) == 1 else json.dumps(found), "restarts": sum(o.restarts for o in done)}


def _result(
    work: Work,
    axes: Axes,
    replicates: int,
    jobs: Sequence[Job],
    outcomes: Sequence[Outcome | None],
    trouble: Exception | None,
    attributes: Mapping[str, Any],
) -> xr.Dataset:
    """All runs as one Dataset, or the error that says what is amiss."""
    runs = tuple((j, o.data) for j, o in zip(jobs, outcomes, strict=True) if o is not None and o.data is not None)
    data = None
    if runs:
        try:
            data = combined({n: np.array(v) for n, v in axes.items()}, replicates, runs)
        except Misfit as misfit:
            raise EnsembleError(
                f"the runs do not fit into one Dataset: {misfit}. They are in `runs`, each with its point.",
                runs=runs, failures=_failures(jobs, outcomes),
            ) from None  # fmt: skip
        dims = tuple(labels(axes, runs[0][1]).values())
        seeds = _seeds(dims, jobs, replicates, each=isinstance(work, FunctionWork))
        data = data.assign_coords({_free(SEEDS, data): seeds}).assign_attrs(attributes)
    if len(runs) < len(jobs):
        raise _error(work, jobs, outcomes, trouble, data)
    assert data is not None
    return data


def _free(name: str, data: xr.Dataset) -> str:
    while name in data.variables or name in data.dims:
        name += "_"
    return name


def _seeds(dims: Sequence[str], jobs: Sequence[Job], replicates: int, each: bool) -> xr.Variable:
    """Of a function's runs [grid, replicate], of a network's [grid]."""
    shape = tuple(1 + max(j.place[k] for j in jobs) for k in range(len(dims)))
    out = np.empty((*shape, replicates) if each else shape, dtype=np.int64)
    for job in jobs:
        out[(*job.place, job.first) if each else job.place] = job.seed
    return xr.Variable((*dims, REPLICATE) if each else dims, out)


def _failures(jobs: Sequence[Job], outcomes: Sequence[Outcome | None]) -> tuple[Failure, ...]:
    return tuple(
        Failure(j.point, range(j.first, j.first + j.count), j.seed, o.failure, o.trace)
        for j, o in zip(jobs, outcomes, strict=True)
        if o is not None and o.data is None
    )


def _error(
    work: Work,
    jobs: Sequence[Job],
    outcomes: Sequence[Outcome | None],
    trouble: Exception | None,
    partial: xr.Dataset | None,
) -> EnsembleError:
    failures = _failures(jobs, outcomes)
    failed = [(j, o) for j, o in zip(jobs, outcomes, strict=True) if o is not None and o.data is None]
    missing = sum(o is None for o in outcomes)
    lines = [f"{len(failed)} of {len(jobs)} jobs failed" + (f", and {missing} were not finished." if missing else ".")]
    if trouble is not None:
        lines.append(f"All came to an end by {type(trouble).__name__}: {trouble}")
    for job, outcome in failed[:SHOWN_FAILURES]:
        lines += [f"At {job}: {outcome.failure}", f"  alone: {work.alone(job)}"]
    lines.append("What was finished is in `partial`, and each failure with its traceback in `failures`.")
    error = EnsembleError("\n".join(lines), partial, failures)
    if failures and failures[0].trace:
        error.add_note(failures[0].trace)
    error.__cause__ = trouble
    return error
