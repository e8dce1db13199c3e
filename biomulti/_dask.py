"""Jobs on a Dask cluster, which begins those of a lost worker again by itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numba
from numba.core import config

from biomulti._jobs import Job, Outcome, perform
from biomulti._workers import cores, unpacked
from biomulti.errors import OptionError

ANSWER_WITHIN = 30  # seconds, for a scheduler
BATCH = 1000  # jobs that are sent to the scheduler at once

_unpacked = lru_cache(4)(unpacked)


@contextmanager
def connected(client: Any, workers: int | None) -> Iterator[Any]:
    """A distributed.Client, from itself, a scheduler's address, or True or "local" for a cluster on this machine.

    Raises:
        OptionError: Dask is not installed, nobody answers at the address, or it is none of these.
    """
    try:
        import distributed
    except ImportError:
        raise OptionError(f'client={client!r} needs Dask: pip install "biomulti[cluster]".') from None
    if isinstance(client, distributed.Client):
        if client.asynchronous:
            raise OptionError("client is an asynchronous one; give one made with asynchronous=False.")
        yield client
    elif client is True or client == "local":
        with _local(workers or cores()) as cluster, distributed.Client(cluster) as own:
            yield own
    elif isinstance(client, str):
        try:
            own = distributed.Client(client, timeout=ANSWER_WITHIN, set_as_default=False)
        except (OSError, ValueError) as error:
            raise OptionError(f"client={client!r}: no Dask scheduler answers there ({error}).") from None
        with own:
            yield own
    else:
        raise OptionError(f'client={client!r} is no distributed.Client, no scheduler\'s address and not "local".')


def _local(workers: int) -> Any:
    import distributed

    # these start workers without running the user's script in them, but not on Windows
    kind = distributed.LocalCluster if sys.platform == "win32" else distributed.SubprocessCluster
    return kind(n_workers=workers, threads_per_worker=1, dashboard_address=None)  # type: ignore[arg-type]


def worker_count(client: Any) -> int:
    """Worker processes of a cluster, 1 while there is none yet."""
    return max(1, len(client.nthreads()))


def on_dask(payload: bytes, jobs: Sequence[Job], client: Any, *, retries: int) -> Iterator[tuple[int, Outcome]]:
    """The jobs' places in the list and their outcomes, as they come.

    Args:
        payload: the Work, pickled.
        jobs: what to work on.
        client: a distributed.Client.
        retries: how often a job that the cluster has given up is begun again.
    """
    from distributed import as_completed

    # the result of a task, unlike scattered data, is made anew when the workers that hold it are lost
    shared = client.submit(bytes, payload, pure=False)
    futures = client.map(_perform, jobs, payload=shared, pure=False, batch_size=BATCH, key="biomulti-run")
    places = {future.key: (index, 0) for index, future in enumerate(futures)}
    coming = as_completed(futures, loop=client.loop, with_results=True, raise_errors=False)
    del futures  # so that each is forgotten, here and on the cluster, once it is done
    try:
        for future, result in coming:
            index, restarts = places.pop(future.key)
            if isinstance(result, Outcome):
                yield index, replace(result, restarts=restarts)
            elif _lost(future, result) and restarts < retries:
                again = client.submit(_perform, jobs[index], payload=shared, pure=False)
                places[again.key] = (index, restarts + 1)
                coming.add(again)
            else:
                yield index, Outcome(None, f"Dask gave it up: {_reason(result)}", restarts=restarts)
    finally:
        client.cancel(list(coming.futures), force=True)


def _perform(job: Job, payload: bytes) -> Outcome:
    from distributed import get_worker

    # of jobs that a worker's threads hold only one runs, with all its threads
    numba.set_num_threads(min(get_worker().state.nthreads, config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    work, unfit = _unpacked(payload)
    return perform(work, job) if work else Outcome(None, unfit)


def _lost(future: Any, result: Any) -> bool:
    from distributed import KilledWorker

    return future.status in ("cancelled", "lost") or isinstance(_error(result), KilledWorker)


def _error(result: Any) -> Any:
    return result[1] if isinstance(result, tuple) and len(result) == 3 else result


def _reason(result: Any) -> str:
    error = _error(result)
    return f"{type(error).__name__}: {error}"
