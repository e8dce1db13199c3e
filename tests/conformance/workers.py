"""Jobs in worker processes, each with a time limit; a worker that runs over it or dies is replaced."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from time import monotonic
from typing import Any, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")
START_LIMIT = 1800.0  # seconds to import and compile, before a worker's first job
CLOCK = 10.0  # times the limit by the clock, for a job that hangs, or a machine that others use
RETIRE_AFTER = 250  # jobs of one process, whose memory holds every model it compiled


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    job: int | None = None  # its place among the jobs
    ready: bool = False
    jobs: int = 0
    started: float = 0.0
    deadline: float = 0.0


def run_jobs(
    jobs: Sequence[Job],
    work: Callable[[Job], Result],
    *,
    prepare: Callable[[], None],
    lost: Callable[[Job, str], Result],
    limit: Callable[[Job], float],
    by_clock: bool = False,
    workers: int,
) -> Iterator[Result]:
    """Results in the order in which they come.

    Args:
        jobs: what to work on; as `work` and `prepare`, it has to be picklable.
        work: called with each job, in another process.
        prepare: called in each process before its first job, outside the limit.
        lost: makes the result of a job that ran over the limit, or whose process died, from the reason.
        limit: seconds of processor time for a job, which may depend on it; by the clock it has `CLOCK` times that.
        by_clock: the limit is by the clock alone, which leaves `process_time` fine: under a timer of processor time
            it moves in steps of 4 ms.
        workers: number of processes, each with one thread.
    """
    waiting = list(range(len(jobs)))[::-1]
    team: list[_Worker] = []
    try:
        while waiting or team:
            # the first alone, so that what it compiles the others find
            while _wants_one(team, len(waiting), workers):
                team.append(_start(work, prepare))
            wait([w.pipe for w in team], timeout=max(0.0, min(w.deadline for w in team) - monotonic()))
            for worker in list(team):
                job = worker.job
                if worker.pipe.poll():
                    answer, reason = _receive(worker)
                elif monotonic() >= worker.deadline:
                    answer, reason = None, f"not done within {worker.deadline - worker.started:.0f} s by the clock"
                else:
                    continue
                if reason:
                    _end(worker, team)
                    if job is None:
                        raise RuntimeError(f"a worker could not start: {reason}")
                    yield lost(jobs[job], reason)
                    continue
                if job is not None:
                    yield answer
                worker.ready, worker.job = True, None
                if not waiting or worker.jobs >= RETIRE_AFTER:
                    _end(worker, team)
                    continue
                worker.job = waiting.pop()
                worker.jobs += 1
                seconds = limit(jobs[worker.job])
                worker.started = monotonic()
                worker.deadline = worker.started + (seconds if by_clock else CLOCK * seconds)
                worker.pipe.send((jobs[worker.job], 0.0 if by_clock else seconds))
    finally:
        for worker in list(team):
            _end(worker, team)


def _wants_one(team: Sequence[_Worker], waiting: int, workers: int) -> bool:
    """True if another worker would find a job, and a first one has compiled what it needs."""
    free = sum(w.job is None for w in team)
    return len(team) < workers and free < waiting and (not team or any(w.ready for w in team))


def _start(work: Callable[[Any], Any], prepare: Callable[[], None]) -> _Worker:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    threads = os.environ.get("NUMBA_NUM_THREADS")
    os.environ["NUMBA_NUM_THREADS"] = "1"  # read by the new process when it imports numba
    try:
        process = context.Process(target=_serve, args=(there, work, prepare), daemon=True)
        process.start()
    finally:
        if threads is None:
            del os.environ["NUMBA_NUM_THREADS"]
        else:
            os.environ["NUMBA_NUM_THREADS"] = threads
    there.close()
    now = monotonic()
    return _Worker(process, here, started=now, deadline=now + START_LIMIT)


def _serve(pipe: Connection, work: Callable[[Any], Any], prepare: Callable[[], None]) -> None:
    prepare()
    pipe.send(None)
    try:
        while True:
            job, seconds = pipe.recv()
            signal.setitimer(signal.ITIMER_PROF, seconds)  # which ends the process, whatever it is at; 0 is no timer
            answer = work(job)
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            pipe.send(answer)
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return


def _receive(worker: _Worker) -> tuple[Any, str]:
    """The answer, or why there is none."""
    try:
        return worker.pipe.recv(), ""
    except (EOFError, ConnectionError):
        worker.process.join(5.0)
        if worker.process.exitcode == -signal.SIGPROF:
            return None, "not done within the limit of processor time"
        return None, f"its process died (exit code {worker.process.exitcode})"


def _end(worker: _Worker, team: list[_Worker]) -> None:
    team.remove(worker)
    worker.pipe.close()  # which an idle worker takes as the end
    if worker.job is None and worker.ready:
        worker.process.join(60.0)
    worker.process.terminate()
    worker.process.join(5.0)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
