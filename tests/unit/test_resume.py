"""A run that was interrupted anywhere and goes on is the run that was not, to the last bit."""

from __future__ import annotations

import signal

import numba
import numpy as np
import pytest
import xarray as xr
from going_on import BLOCK, WAITING, differ, embryo, killed_and_resumed, left, stopped

import biomulti as bm
from biomulti import checkpoint, observe
from biomulti.coupled.running import frame_times

LIE, FIXED, FULL = {"splitting": "lie"}, {"dt": 0.13}, {"outside": False}


@pytest.mark.parametrize(
    ("method", "made", "how"),
    [
        ("ssa", {"two": True}, {}),
        ("ssa", FULL, LIE | FIXED),
        ("hybrid", {}, LIE),
        ("hybrid", {"two": True} | FULL, FIXED),
        ("ode", {}, FIXED),
        ("ode", {"two": True}, LIE),
        ("hybrid", {"network": WAITING}, {}),
        ("ode", {"network": WAITING, "two": True}, LIE | FIXED),
        ("hybrid", {"grid": BLOCK, "radius": 3.0}, FIXED),
    ],
)
def test_a_run_in_pieces_is_the_run_made_at_once(tmp_path, method: str, made: dict, how: dict) -> None:
    times = {"t_end": 3.0, "every": 0.75} | how
    whole = embryo(method, **made).run(folder=tmp_path / "whole", progress=False, **times)
    assert whole.data.sizes["time"] == 5
    assert whole.data.sizes["cell"] > 30
    parts = tmp_path / "parts"
    reached, waiting = [], False
    for sheet, step in ((embryo(method, **made), 2), (None, 1), (None, 4)):
        stopped(sheet, parts, step, **(times if sheet else {}))
        _, document, arrays = checkpoint.latest(parts)
        reached.append(document["state"]["time"])
        waiting |= bool(np.isfinite(arrays["cells/0/agenda/due"]).any())
    # some of them between frames
    assert set(reached) - set(whole.data["time"].to_numpy())
    assert waiting is (made.get("network") == WAITING)
    resumed = bm.Tissue.resume(parts, progress=False)
    assert differ(left(tmp_path / "whole"), left(parts)) == []
    assert resumed.lineage.table.equals(whole.lineage.table)
    alone = embryo(method, **made).run(progress=False, **times).data
    assert alone.equals(resumed.data.compute())


def test_killed_again_and_again_it_comes_to_the_same_end(tmp_path) -> None:
    how = {"t_end": 5.0, "every": 0.25, "dt": 0.05, "progress": False}
    whole = embryo().run(folder=tmp_path / "whole", **how)
    stopped(embryo(), tmp_path / "parts", 1, t_end=5.0, every=0.25, dt=0.05)
    kills = killed_and_resumed(tmp_path / "parts", whole.data.compute(), kills=16, steps=4, seed=7)
    assert kills == 16
    assert differ(left(tmp_path / "whole"), left(tmp_path / "parts")) == []


def test_another_number_of_threads_goes_on_with_the_same_bits(tmp_path) -> None:
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        embryo(two=True).run(2.0, every=0.5, folder=tmp_path / "whole", progress=False)
        stopped(embryo(two=True), tmp_path / "parts", 3, t_end=2.0, every=0.5)
        numba.set_num_threads(2)
        bm.Tissue.resume(tmp_path / "parts", progress=False)
    finally:
        numba.set_num_threads(before)
    assert differ(left(tmp_path / "whole"), left(tmp_path / "parts")) == []


def test_steps_do_not_hang_on_how_often_checkpoints_are_written(tmp_path) -> None:
    for name, seconds in (("often", 1e-9), ("never", 1e9)):
        embryo().run(2.0, every=0.5, folder=tmp_path / name, checkpoint=seconds, progress=False)
    assert differ(left(tmp_path / "often"), left(tmp_path / "never")) == []


def test_a_checkpoint_comes_also_where_every_step_ends_with_a_frame(tmp_path) -> None:
    seen = []
    spy = observe.Function("n", lambda now: seen.append(checkpoint.numbers(tmp_path)) or 0)
    embryo().run(0.5, every=0.1, dt=0.1, folder=tmp_path, checkpoint=1e-9, progress=False, observe=spy)
    assert [last[-1] for last in seen] == [0, 0, 1, 2, 3, 4]


@pytest.mark.parametrize("every", [0.1, 1.0 / 3.0, 0.7])
def test_a_later_end_gives_the_run_that_had_it_from_the_start(tmp_path, every: float) -> None:
    embryo().run(6 * every, every=every, folder=tmp_path / "whole", progress=False)
    for k in (3, 5):
        if k == 3:
            embryo().run(3 * every, every=every, folder=tmp_path / "parts", progress=False)
        bm.Tissue.resume(tmp_path / "parts", t_end=(k + 1) * every, progress=False)
    assert differ(left(tmp_path / "whole"), left(tmp_path / "parts")) == []


def test_an_end_between_frames_is_a_frame_of_its_own(tmp_path) -> None:
    embryo().run(0.5, every=0.2, folder=tmp_path, progress=False)
    run = bm.Tissue.resume(tmp_path, t_end=0.9, progress=False)
    assert list(run.data["time"].to_numpy()) == [0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 0.9]


def test_times_of_frames_are_short_and_do_not_hang_on_the_end() -> None:
    assert list(frame_times(0.7, 0.1, after=-1.0)) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    draw = np.random.default_rng(2)
    for every in (*draw.uniform(1e-3, 1e3, 30), 1.0 / 3.0, 0.1, 0.7, 1e-5):
        longest = frame_times(60 * every, every, after=-1.0)
        assert len(longest) == 61
        for k in range(1, 60):
            assert np.array_equal(frame_times(k * every, every, after=-1.0), longest[: k + 1])
            assert len(frame_times(k * every, every, after=longest[k])) == 0


def test_a_finished_run_comes_back_as_it_is(tmp_path) -> None:
    run = embryo().run(1.0, every=0.5, folder=tmp_path, progress=False)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    again = bm.Tissue.resume(tmp_path, progress=False)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    xr.testing.assert_identical(again.data, run.data)
    assert again.lineage.table.equals(run.lineage.table)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_interrupted_by_an_observer_it_goes_on(tmp_path, at: int) -> None:
    """An exception from within a frame, the first one too, before anything of it is recorded."""

    def mean(now) -> float:
        if interrupt and now.time == 0.5 * at:
            raise KeyboardInterrupt
        return float(now.amount("A").mean())

    interrupt = False
    watch = [observe.Cells(species=("A",)), observe.Function("mean", mean)]
    embryo().run(1.5, every=0.5, folder=tmp_path / "whole", observe=watch, progress=False)
    interrupt = True
    with pytest.raises(KeyboardInterrupt):
        embryo().run(1.5, every=0.5, folder=tmp_path / "parts", observe=watch, checkpoint=1e-9, progress=False)
    interrupt = False
    bm.Tissue.resume(tmp_path / "parts", observe=watch, progress=False)
    assert differ(left(tmp_path / "whole"), left(tmp_path / "parts")) == []


def ask(number: int, times: int, at: float) -> observe.Function:
    """Raise a signal so many times at a moment."""

    def call(now) -> float:
        if now.time == at:
            for _ in range(times):
                signal.raise_signal(number)
        return now.time

    return observe.Function("moment", call)


def test_ctrl_c_ends_the_step_and_says_how_to_go_on(tmp_path) -> None:
    with pytest.raises(KeyboardInterrupt, match=r"stopped at 0\.5 second; go on with Tissue\.resume\('.*`biomulti res"):
        embryo().run(1.5, every=0.5, folder=tmp_path, observe=ask(signal.SIGINT, 1, 0.5), progress=False)
    _, document, _ = checkpoint.latest(tmp_path)
    assert document["state"]["time"] == 0.5
    assert document["frames"] == 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_ctrl_c_twice_stops_at_once(tmp_path) -> None:
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        embryo().run(1.5, every=0.5, folder=tmp_path, observe=ask(signal.SIGINT, 2, 0.5), progress=False)
    assert checkpoint.numbers(tmp_path) == [0]


def test_a_scheduler_that_ends_a_job_finds_a_checkpoint(tmp_path, capsys) -> None:
    with pytest.raises(SystemExit) as stopping:
        embryo().run(1.5, every=0.5, folder=tmp_path, observe=ask(signal.SIGTERM, 1, 0.5), progress=False)
    assert stopping.value.code == 143
    assert "stopped at 0.5 second; go on with" in capsys.readouterr().err
    assert checkpoint.latest(tmp_path)[1]["state"]["time"] == 0.5


def test_a_handler_of_the_users_own_is_left_alone(tmp_path) -> None:
    caught = []
    signal.signal(signal.SIGINT, lambda *_: caught.append(True))
    try:
        embryo().run(1.0, every=0.5, folder=tmp_path, observe=ask(signal.SIGINT, 1, 0.5), progress=False)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    assert caught == [True]
