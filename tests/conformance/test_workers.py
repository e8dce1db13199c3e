"""Worker processes: results come back, and a job that never ends or kills its process loses itself alone."""

from __future__ import annotations

import os
import time

from .workers import run_jobs


def nothing() -> None:
    pass


def double(job: int) -> tuple[int, str]:
    if job == 2:
        while True:
            pass
    if job == 3:
        time.sleep(600.0)
    if job == 5:
        os._exit(7)
    return 2 * job, os.environ["NUMBA_NUM_THREADS"]


def test_a_lost_job_loses_nothing_else() -> None:
    found = run_jobs(range(8), double, prepare=nothing, lost=lambda job, reason: (job, reason), limit=lambda _: 0.2)
    assert sorted(found) == sorted(
        [(2 * k, "1") for k in range(8) if k not in (2, 3, 5)]
        + [
            (2, "not done within the limit of processor time"),
            (3, "not done within 2 s by the clock"),
            (5, "its process died (exit code 7)"),
        ]
    )
