"""Jobs in processes of this machine, each of which is replaced when it is lost.

A process is a fresh interpreter that is told over pipes what to do. `multiprocessing` would run the user's script in it
once more, which a script without `if __name__ == "__main__"` does not survive.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from biomulti._jobs import Job, Outcome, Work, perform

PATIENCE = 5.0  # seconds for an idle process to end by itself
LOOK = 1.0  # seconds between two looks whether the process that started this one is there
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def here(work: Work, jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
    """The jobs' places in the list and their outcomes, worked on in this process."""
    for index, job in enumerate(jobs):
        yield index, perform(work, job)


def on_processes(payload: bytes, jobs: Sequence[Job], *, workers: int, retries: int) -> Iterator[tuple[int, Outcome]]:
    """The jobs' places in the list and their outcomes, as they come.

    Args:
        payload: the Work, pickled.
        jobs: what to work on.
        workers: number of processes, which share the cores.
        retries: how often a job whose process was lost is begun again.
    """
    waiting = deque(enumerate(jobs))
    done: queue.SimpleQueue[tuple[int, Outcome]] = queue.SimpleQueue()
    team = [_Worker(payload, waiting, done, retries, max(1, cores() // workers)) for _ in range(workers)]
    try:
        for worker in team:
            worker.thread.start()
        for _ in jobs:
            yield done.get()
    finally:
        for worker in team:
            worker.stop()
        for worker in team:
            worker.leave()


class _Worker:
    """A thread that feeds one process, or the one that follows it."""

    def __init__(
        self,
        payload: bytes,
        waiting: deque[tuple[int, Job]],
        done: queue.SimpleQueue[tuple[int, Outcome]],
        retries: int,
        threads: int,
    ) -> None:
        self.payload, self.waiting, self.done, self.retries, self.threads = payload, waiting, done, retries, threads
        self.process: subprocess.Popen[bytes] | None = None
        self.busy = False
        self.stopped = False
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        while not self.stopped:
            try:
                index, job = self.waiting.popleft()
            except IndexError:
                return
            try:
                outcome = self._outcome(job)
            except Exception as error:
                outcome = Outcome(None, f"it could not be sent, or its result read: {type(error).__name__}: {error}")
            self.done.put((index, outcome))

    def stop(self) -> None:
        """Let the process come to an end, at once if it is at work."""
        with self.lock:
            self.stopped = True
            process = self.process
        if process is None or process.stdin is None:
            return
        if self.busy:
            process.kill()
        else:
            with suppress(OSError):
                process.stdin.close()  # which an idle process takes as the end

    def leave(self) -> None:
        """Wait for the end, which does not last."""
        self.thread.join(PATIENCE)
        if self.process is not None:
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
            _close(self.process)

    def _outcome(self, job: Job) -> Outcome:
        ends = ""
        for restarts in range(self.retries + 1):
            self.busy = True
            try:
                return replace(self._ask(job), restarts=restarts)
            except (EOFError, OSError, pickle.UnpicklingError) as error:
                ends = self._end(error)
            finally:
                self.busy = False
            if self.stopped:
                break
        return Outcome(None, f"the process it ran in was lost {restarts + 1} times; the last {ends}", restarts=restarts)

    def _ask(self, job: Job) -> Outcome:
        process = self.process or self._started()
        _send(process.stdin, job)
        return _received(process.stdout)

    def _started(self) -> subprocess.Popen[bytes]:
        start = f"import sys; sys.path[:] = {sys.path!r}; from biomulti._workers import serve; serve()"
        threads = {"NUMBA_NUM_THREADS": str(self.threads), **dict.fromkeys(ONE_THREAD, "1")}
        with self.lock:
            if self.stopped:
                raise EOFError
            self.process = subprocess.Popen(
                [sys.executable, "-c", start],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **threads},
            )  # fmt: skip
        _send(self.process.stdin, self.payload)
        return self.process

    def _end(self, error: Exception) -> str:
        """Be done with a process; how it ended, in words."""
        process, self.process = self.process, None
        if process is None:
            return f"could not be started ({error})"
        try:
            code = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            return f"did not answer as it should ({error})"
        finally:
            _close(process)
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}, as the system does when memory is short"
        return f"ended with exit code {code}"


def _close(process: subprocess.Popen[bytes]) -> None:
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # of what was on its way to a process that is gone
            if pipe is not None:
                pipe.close()


def serve() -> None:
    """The life of a process: a Work, then jobs, from standard input; outcomes to what was standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started this process ends it
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what a user's function prints
    try:
        work, unfit = unpacked(pickle.load(questions))
        while True:
            job = pickle.load(questions)
            outcome = perform(work, job) if work else Outcome(None, unfit)
            try:
                text = pickle.dumps(outcome)
            except Exception as error:
                text = pickle.dumps(Outcome(None, f"its result cannot be sent from process to process: {error}"))
            _send(answers, text)
    except (EOFError, BrokenPipeError):
        return


def _end_with(parent: int) -> None:
    """End this process once the one that started it is gone, whatever it is doing."""
    while os.getppid() == parent:
        time.sleep(LOOK)
    os._exit(1)


def unpacked(payload: bytes) -> tuple[Work | None, str]:
    """The Work of a payload, or why it cannot be had."""
    try:
        return pickle.loads(payload), ""
    except Exception as error:
        cure = "; have its module on the workers, or carried along by cloudpickle.register_pickle_by_value(module)"
        missing = cure if isinstance(error, ImportError) else ""
        return None, f"a worker cannot load what to run: {type(error).__name__}: {error}{missing}"


def _send(pipe: Any, thing: Any) -> None:
    pipe.write(pickle.dumps(thing))
    pipe.flush()


def _received(pipe: Any) -> Outcome:
    # as bytes first, so that what cannot be loaded leaves nothing of itself in the pipe
    answer = pickle.loads(pickle.load(pipe))
    if not isinstance(answer, Outcome):
        raise EOFError("its answer is no outcome")
    return answer
