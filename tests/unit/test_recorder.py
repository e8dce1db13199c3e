"""Frames on disk: the same as in memory, whole after a kill at any moment, and the same again after going on."""

from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import shutil
import signal
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import biomulti.recorder
from biomulti import storage
from biomulti.errors import BiomultiError, OptionError, StorageError
from biomulti.recorder import Recorder

FRAMES = 45  # more than one chunk holds
COORDINATES = {
    "gx": ("gx", np.arange(4.0), {"units": "m"}),
    "gy": ("gy", np.arange(3.0), {"units": "m"}),
    "bin": ["small", "large"],
    "depth": (("gx", "gy"), np.arange(12.0).reshape(4, 3)),
}
ATTRIBUTES = {"time_unit": "s", "model": "test", "dt": np.float64(0.5), "size": np.array([1, 2])}


def cells_at(k: int) -> np.ndarray:
    """A cell divides at every frame and the first of all dies at every third; in an order of no meaning."""
    return np.random.default_rng(k).permutation(np.arange(k // 3, 5 + k))


def frame_at(k: int, cells: np.ndarray) -> dict:
    draw = np.random.default_rng([k, 1])
    n = len(cells)
    return {
        "x": (("cell",), cells + 0.25 * k, {"units": "m"}),
        "count": (("cell",), draw.integers(0, 99, n), {}),
        "kind": (("cell",), draw.integers(0, 9, n).astype(np.uint8), {}),
        "alive": (("cell",), np.ones(n, dtype=bool), {}),
        "sizes": (("bin", "cell"), draw.random((2, n)).astype(np.float32), {}),
        "pressure": (("gx", "gy"), draw.random((4, 3)), {"long_name": "pressure"}),
        "total": ((), np.array(float(n)), {}),
    }


def add(recorder: Recorder, k: int) -> None:
    cells = cells_at(k)
    recorder.add(0.5 * k, frame_at(k, cells), cells)


def memory(frames: int) -> xr.Dataset:
    recorder = Recorder(None, COORDINATES, ATTRIBUTES)
    for k in range(frames):
        add(recorder, k)
    return recorder.dataset()


def opened(folder: Path) -> xr.Dataset:
    """What any reader sees, who must not be warned of anything."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return xr.open_zarr(folder / "data.zarr").compute()


@pytest.mark.parametrize("every", [1, 7, 32, 100])
def test_what_is_on_disk_is_what_was_in_memory(tmp_path, every: int) -> None:
    recorder = Recorder(tmp_path, COORDINATES, ATTRIBUTES)
    for k in range(FRAMES):
        add(recorder, k)
        if (k + 1) % every == 0:
            recorder.flush()
            xr.testing.assert_identical(opened(tmp_path), memory(k + 1))
    xr.testing.assert_identical(recorder.dataset().compute(), memory(FRAMES))
    assert recorder.frames == FRAMES
    with xr.open_dataset(tmp_path / "data.zarr", engine="zarr") as plain:
        xr.testing.assert_identical(plain.compute(), memory(FRAMES))
    with xr.open_zarr(tmp_path / "data.zarr", consolidated=False) as apart:
        xr.testing.assert_identical(apart.compute(), memory(FRAMES))


def test_a_cell_has_values_exactly_while_it_lives() -> None:
    data = memory(10)
    assert list(data.cell.values) == list(range(14))
    for k in range(10):
        lives = np.isin(np.arange(14), cells_at(k))
        now = data.isel(time=k)
        np.testing.assert_array_equal(now.x.values, np.where(lives, np.arange(14) + 0.25 * k, np.nan))
        assert (now["count"].values[~lives] == -1).all()
        assert (now["kind"].values[~lives] == 255).all()
        np.testing.assert_array_equal(now.alive.values, lives)
        assert np.isnan(now["sizes"].values[:, ~lives]).all()
        assert now.total == lives.sum()


def test_columns_of_cells_pass_from_one_chunk_to_the_next(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("biomulti.frame_store.LEAST_CELLS", 4)
    monkeypatch.setattr("biomulti.frame_store.CHUNK_BYTES", 1)
    recorder = Recorder(tmp_path, COORDINATES, ATTRIBUTES)
    for k in range(FRAMES):
        add(recorder, k)
        if k % 5 == 0:
            recorder.flush()
    recorder.flush()
    xr.testing.assert_identical(opened(tmp_path), memory(FRAMES))
    again = Recorder.reopened(tmp_path, 20, COORDINATES, ATTRIBUTES)
    xr.testing.assert_identical(opened(tmp_path), memory(20))
    for k in range(20, 30):
        add(again, k)
    xr.testing.assert_identical(again.dataset().compute(), memory(30))


def test_without_division_there_are_as_many_columns_as_cells(tmp_path) -> None:
    coordinates = {"cell": np.arange(6), "gx": COORDINATES["gx"], "gy": COORDINATES["gy"], "bin": COORDINATES["bin"]}
    found = []
    for folder in (tmp_path, None):
        recorder = Recorder(folder, coordinates, ATTRIBUTES)
        for k in range(40):
            recorder.add(k, frame_at(k, np.arange(6)))
        found.append(recorder.dataset().compute())
    xr.testing.assert_identical(*found)
    assert found[0]["count"].shape == (40, 6)
    assert found[0]["count"].dims == ("time", "cell")
    assert not (tmp_path / "data.zarr" / "bookkeeping").exists()
    again = Recorder.reopened(tmp_path, 33, coordinates, ATTRIBUTES)
    for k in range(33, 40):
        again.add(k, frame_at(k, np.arange(6)))
    xr.testing.assert_identical(again.dataset().compute(), found[1])


def test_a_run_that_goes_on_from_any_frame_is_the_uninterrupted_one(tmp_path) -> None:
    whole = memory(FRAMES)
    recorder = Recorder(tmp_path / "whole", COORDINATES, ATTRIBUTES)
    for k in range(FRAMES):
        add(recorder, k)
    recorder.flush()
    for kept in range(FRAMES + 1):
        shutil.rmtree(tmp_path / "again", ignore_errors=True)
        shutil.copytree(tmp_path / "whole", tmp_path / "again")
        again = Recorder.reopened(tmp_path / "again", kept, COORDINATES, ATTRIBUTES)
        assert again.frames == kept
        if kept:
            xr.testing.assert_identical(opened(tmp_path / "again"), memory(kept))
        for k in range(kept, FRAMES):
            add(again, k)
            if kept % 5 == 0 and k == kept + 1:  # where what was cut away could shine through
                again.flush()
                xr.testing.assert_identical(opened(tmp_path / "again"), memory(k + 1))
        xr.testing.assert_identical(again.dataset().compute(), whole)


def test_a_run_that_goes_on_otherwise_shows_nothing_of_what_was_cut_away(tmp_path) -> None:
    recorder = Recorder(tmp_path, COORDINATES, ATTRIBUTES)
    for k in range(20):
        add(recorder, k)
    recorder.flush()
    again = Recorder.reopened(tmp_path, 5, COORDINATES, ATTRIBUTES)
    plain = Recorder(None, COORDINATES, ATTRIBUTES)
    for k in range(5):
        add(plain, k)
    for k in range(5, 30):  # no cell divides now until the last frame
        cells = cells_at(4) if k < 29 else np.arange(30)
        for r in (again, plain):
            r.add(k, frame_at(k, cells), cells)
        again.flush()
    xr.testing.assert_identical(again.dataset().compute(), plain.dataset())


def write_on(folder: Path, kept: int, ready) -> None:
    """Write frames from `kept` on, each at once, until killed."""
    biomulti.recorder.FLUSH_SECONDS = 0.0
    ready.set()
    recorder = Recorder.reopened(folder, kept, COORDINATES, ATTRIBUTES)
    for k in range(kept, 100_000):
        add(recorder, k)


def test_killed_at_any_moment_every_frame_seen_is_whole(tmp_path) -> None:
    """Killed 24 times, each time going on from some frame that was there, in a store that so becomes one long run."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["biomulti.recorder"])
    draw = np.random.default_rng(5)
    kept, most = 0, 0
    for _ in range(24):
        ready = context.Event()
        writer = context.Process(target=write_on, args=(tmp_path, kept, ready))
        writer.start()
        assert ready.wait(60)
        time.sleep(float(draw.uniform(0.0, 0.8)))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        assert writer.exitcode == -signal.SIGKILL
        frames = 0
        if (tmp_path / "data.zarr" / "zarr.json").exists():
            data = opened(tmp_path)
            frames = data.sizes.get("time", 0)
        assert frames >= kept
        if frames:
            xr.testing.assert_identical(data, memory(frames))
        most = max(most, frames)
        kept = int(draw.integers(max(0, frames - 2), frames + 1))
    assert most > 10
    again = Recorder.reopened(tmp_path, kept, COORDINATES, ATTRIBUTES)
    for k in range(kept, most + 3):
        add(again, k)
    xr.testing.assert_identical(again.dataset().compute(), memory(most + 3))
    assert not list(tmp_path.rglob("*.partial"))


def test_a_full_disk_is_named_and_what_was_there_stays(tmp_path) -> None:
    recorder = Recorder(tmp_path, COORDINATES, ATTRIBUTES)
    for k in range(3):
        add(recorder, k)
    recorder.flush()
    for k in range(3, 6):
        add(recorder, k)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256, hard))
    try:
        with pytest.raises(StorageError, match=r"data\.zarr.*Make room") as caught:
            recorder.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG
    xr.testing.assert_identical(opened(tmp_path), memory(3))
    xr.testing.assert_identical(recorder.dataset().compute(), memory(6))  # what waited was not lost


@pytest.mark.parametrize("fails", range(1, 20, 2))
def test_a_disk_that_is_full_at_any_file_loses_nothing(tmp_path, monkeypatch, fails: int) -> None:
    """The n-th file that is put into place fails; the frames wait on, and go to the disk when there is room."""
    recorder = Recorder(tmp_path, COORDINATES, ATTRIBUTES)
    add(recorder, 0)
    recorder.flush()
    add(recorder, 1)
    count = 0
    real = Path.replace, os.replace

    def full(*_):
        nonlocal count
        count += 1
        if count >= fails:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "some file")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda a, b: full() or real[0](a, b))
        patch.setattr(storage.os, "replace", lambda a, b: full() or real[1](a, b))
        with pytest.raises(StorageError, match="some file: No space left on device"):
            recorder.flush()
    xr.testing.assert_identical(opened(tmp_path), memory(1))
    add(recorder, 2)
    xr.testing.assert_identical(recorder.dataset().compute(), memory(3))


@pytest.fixture
def forbidden():
    """A folder with three frames, in which nobody may write: read-only, and root becomes nobody."""
    base = Path(tempfile.mkdtemp())
    recorder = Recorder(base, COORDINATES, ATTRIBUTES)
    for k in range(3):
        add(recorder, k)
    recorder.flush()
    for place in (base, *base.rglob("*")):
        place.chmod(0o555 if place.is_dir() else 0o444)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield base, recorder
    os.seteuid(user)
    for place in (base, *base.rglob("*")):
        place.chmod(0o755)
    shutil.rmtree(base)


def test_a_read_only_folder_is_named(forbidden) -> None:
    base, recorder = forbidden
    with pytest.raises(StorageError, match=r"Permission denied.*Make the folder writable"):
        Recorder(base / "new", COORDINATES, ATTRIBUTES)
    with pytest.raises(StorageError, match="Permission denied"):
        Recorder.reopened(base, 2, COORDINATES, ATTRIBUTES)
    with pytest.raises(StorageError, match="Permission denied"):
        Recorder.reopened(base, 0, COORDINATES, ATTRIBUTES)
    add(recorder, 3)
    with pytest.raises(StorageError, match="Permission denied"):
        recorder.flush()
    xr.testing.assert_identical(opened(base), memory(3))


def test_a_folder_that_is_a_file_is_named(tmp_path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(StorageError, match=r"Not a directory.*is a folder"):
        Recorder(tmp_path / "run", COORDINATES, ATTRIBUTES)
    assert issubclass(StorageError, OSError)
    assert issubclass(StorageError, BiomultiError)


def test_a_folder_that_holds_a_run_is_not_written_over(tmp_path) -> None:
    Recorder(tmp_path, COORDINATES, ATTRIBUTES)
    recorder = Recorder(tmp_path, COORDINATES, ATTRIBUTES)  # what has no frame yet is no run
    add(recorder, 0)
    recorder.flush()
    with pytest.raises(OptionError, match=r"exists already; go on with it by Tissue\.resume"):
        Recorder(tmp_path, COORDINATES, ATTRIBUTES)


def test_what_cannot_be_gone_on_with_is_named(tmp_path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        Recorder.reopened(tmp_path, 1, COORDINATES, ATTRIBUTES)
    recorder = Recorder(tmp_path, COORDINATES, ATTRIBUTES)
    with pytest.raises(StorageError, match="holds 0 frames"):
        Recorder.reopened(tmp_path, 1, COORDINATES, ATTRIBUTES)
    add(recorder, 0)
    recorder.flush()
    with pytest.raises(StorageError, match="holds 1 frames"):
        Recorder.reopened(tmp_path, 2, COORDINATES, ATTRIBUTES)
    with pytest.raises(OptionError, match="other coordinates 'gx'"):
        Recorder.reopened(tmp_path, 1, {**COORDINATES, "gx": np.arange(4.0) + 1}, ATTRIBUTES)
    (tmp_path / "data.zarr" / "zarr.json").write_text("{")
    with pytest.raises(StorageError, match="not a store of frames"):
        Recorder.reopened(tmp_path, 1, COORDINATES, ATTRIBUTES)


def without(frame: dict, name: str) -> dict:
    return {n: v for n, v in frame.items() if n != name}


@pytest.mark.parametrize(
    ("change", "cells", "said"),
    [
        (lambda f: without(f, "x"), [0, 1], "same variables; x"),
        (lambda f: f | {"y": f["x"]}, [0, 1], "same variables; y"),
        (lambda f: f | {"pressure": (("gx", "gy"), np.zeros((3, 4)), {})}, [0, 1], "'pressure' has dimensions"),
        (lambda f: f | {"count": (("cell",), np.zeros(2), {})}, [0, 1], "'count' has dimensions"),
        (lambda f: f | {"x": (("cell",), np.zeros(3), {})}, [0, 1], "'x' has dimensions"),
        (lambda f: f | {"x": (("cell",), np.zeros((2, 2)), {})}, [0, 1], "'x' has dimensions"),
        (lambda f: f | {"x": (("cell",), np.array(["a", "b"]), {})}, [0, 1], "'x' must hold numbers"),
        (lambda f: f, None, "either every frame"),
        (lambda f: f, [1, 1], "each once"),
        (lambda f: f, [-1, 1], "each once"),
        (lambda f: f, [0.0, 1.0], "each once"),
    ],
)
def test_a_frame_that_does_not_fit_is_named(tmp_path, change, cells, said) -> None:
    for recorder in (Recorder(None, COORDINATES, ATTRIBUTES), Recorder(tmp_path, COORDINATES, ATTRIBUTES)):
        frame = frame_at(0, np.arange(2))
        recorder.add(0.0, frame, np.arange(2))
        with pytest.raises(OptionError, match=f"frame 1: .*{said}"):
            recorder.add(1.0, change(frame), None if cells is None else np.array(cells))
        assert recorder.dataset().sizes["time"] == 1


@pytest.mark.parametrize("name", ["time", "cell", "gx"])
def test_a_variable_named_like_a_coordinate_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match="another name than a coordinate"):
        Recorder(None, COORDINATES, ATTRIBUTES).add(0.0, {name: (("cell",), np.zeros(2), {})}, np.arange(2))


def test_frames_do_not_pile_up_in_memory(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("biomulti.recorder.FLUSH_BYTES", 10_000)
    recorder = Recorder(tmp_path, COORDINATES, ATTRIBUTES)
    most = 0
    for k in range(FRAMES):
        add(recorder, k)
        most = max(most, recorder.bytes)
        assert len(recorder.waiting) < 30
    assert 5_000 < most <= 10_000
    xr.testing.assert_identical(recorder.dataset().compute(), memory(FRAMES))


def test_all_cells_may_die(tmp_path) -> None:
    for folder in (tmp_path, None):
        recorder = Recorder(folder, COORDINATES, ATTRIBUTES)
        for k, cells in enumerate(([0, 1], [], [2])):
            recorder.add(k, frame_at(k, np.array(cells, dtype=int)), np.array(cells, dtype=int))
        data = recorder.dataset()
        assert data.x.notnull().sum("cell").values.tolist() == [2, 0, 1]


def test_arguments_may_change_after_they_were_given() -> None:
    recorder = Recorder(None, COORDINATES, ATTRIBUTES)
    cells, values = np.arange(2), np.ones(2)
    recorder.add(0.0, {"x": (("cell",), values, {})}, cells)
    values[:] = cells[:] = 7
    assert recorder.dataset().x.values.tolist() == [[1.0, 1.0]]
