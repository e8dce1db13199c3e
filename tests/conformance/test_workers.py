"""Worker processes: results come back, a job that never ends or kills its process loses itself alone, all work."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from .options import parse
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
    found = run_jobs(
        range(8), double, prepare=nothing, lost=lambda job, reason: (job, reason), limit=lambda _: 0.2, workers=2
    )
    assert sorted(found) == sorted(
        [(2 * k, "1") for k in range(8) if k not in (2, 3, 5)]
        + [
            (2, "not done within the limit of processor time"),
            (3, "not done within 2 s by the clock"),
            (5, "its process died (exit code 7)"),
        ]
    )


def meet(job: tuple[int, str]) -> int:
    """Wait until all four jobs are under way, each in a process of its own."""
    number, folder = job
    (Path(folder) / str(os.getpid())).touch()
    while len(os.listdir(folder)) < 4:
        time.sleep(0.01)
    return number


def test_all_workers_work_at_once(tmp_path: Path) -> None:
    jobs = [(k, str(tmp_path)) for k in range(4)]
    found = run_jobs(
        jobs, meet, prepare=nothing, lost=lambda _, reason: reason, limit=lambda _: 60.0, by_clock=True, workers=4
    )
    assert sorted(found) == [0, 1, 2, 3]


def test_the_number_of_processes_is_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse([]).jobs == os.cpu_count()
    assert parse(["--jobs", "16"]).jobs == 16
    with pytest.raises(SystemExit):
        parse(["--jobs", "0"])
    assert "at least one process" in capsys.readouterr().err
