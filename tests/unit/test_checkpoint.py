"""Checkpoints: what comes back is what was written, or an error that says what to do."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import resource
import signal
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from biomulti import checkpoint
from biomulti.checkpoint import VersionWarning, latest, numbers, save
from biomulti.errors import BiomultiError, CheckpointError, StorageError

DOCUMENT = {"time": 0.1 + 0.2, "seed": 2**80, "next": None, "names": ["α", "b"], "nested": {"nan": float("inf")}}
ARRAYS = {
    "y": np.arange(6.0).reshape(2, 3) / 7,
    "ids": np.array([3, 1, -1]),
    "streams": np.array([[2**64 - 1, 1]], dtype=np.uint64),
    "armed": np.array([True, False]),
    "bytes": np.arange(5, dtype=np.uint8),
    "names": np.array(["Notch", "δ"]),
    "empty": np.zeros((0, 3)),
    "scalar": np.array(-0.0),
}


def assert_same(found: dict, wanted: dict) -> None:
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


def state(number: int) -> dict:
    """Arrays that tell by any of their numbers of which checkpoint they are."""
    return {"a": np.full(20_000, number), "b": np.full((50, 3), float(number))}


def test_what_comes_back_is_what_was_written(tmp_path) -> None:
    path = save(tmp_path, 123, DOCUMENT, ARRAYS)
    assert path == tmp_path / "checkpoint-00000123.npz"
    number, document, arrays = latest(tmp_path)
    assert (number, document) == (123, DOCUMENT)
    assert_same(arrays, ARRAYS)
    with np.load(path, allow_pickle=False) as plain:
        np.testing.assert_array_equal(plain["y"], ARRAYS["y"])
    first = path.read_bytes()
    assert save(tmp_path, 123, DOCUMENT, ARRAYS).read_bytes() == first


@settings(max_examples=60, deadline=None)
@given(
    arrays_of.arrays(
        st.sampled_from(["f8", "f4", "i8", "i4", "u8", "u1", "?", "<U4", ">f8", "c16"]),
        arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
    st.sampled_from(["as it is", "reversed", "transposed", "every second"]),
)
def test_any_array_comes_back(tmp_path_factory, array, how) -> None:
    if array.ndim:
        array = {"reversed": array[::-1], "transposed": array.T, "every second": array[..., ::2]}.get(how, array)
    folder = tmp_path_factory.mktemp("any")
    save(folder, 0, {}, {"array": array})
    assert_same(latest(folder)[2], {"array": array})


def read_quietly(folder: Path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionWarning)
        return latest(folder)


@pytest.mark.parametrize("flip", [0x01, 0xFF])
def test_a_flipped_byte_is_an_error_or_changes_nothing(tmp_path, flip: int) -> None:
    path = save(tmp_path, 1, DOCUMENT, ARRAYS)
    good = path.read_bytes()
    noticed = 0
    for place in range(len(good)):
        damaged = bytearray(good)
        damaged[place] ^= flip
        path.write_bytes(damaged)
        try:
            number, document, arrays = read_quietly(tmp_path)
        except CheckpointError as error:
            noticed += str(path) in str(error)
            continue
        assert (number, document) == (1, DOCUMENT)
        assert_same(arrays, ARRAYS)
    assert noticed > 0.6 * len(good)  # the rest are dates and rights that the container has room for


def test_a_truncated_file_is_an_error(tmp_path) -> None:
    path = save(tmp_path, 1, DOCUMENT, ARRAYS)
    good = path.read_bytes()
    for length in range(len(good)):
        path.write_bytes(good[:length])
        with pytest.raises(CheckpointError, match=r"checkpoint-00000001\.npz is damaged.*start the run anew"):
            latest(tmp_path)


def test_values_changed_with_care_for_the_container_are_noticed(tmp_path) -> None:
    path = save(tmp_path, 1, DOCUMENT, ARRAYS)
    with np.load(path) as plain:
        content = {name: plain[name] for name in plain.files}
    np.savez(path, **{**content, "y": content["y"] + 1e-16})
    with pytest.raises(CheckpointError, match="SHA-256"):
        latest(tmp_path)
    np.savez(path, **{n: v for n, v in content.items() if n != "ids"})
    with pytest.raises(CheckpointError, match="SHA-256"):
        latest(tmp_path)
    np.savez(path, **content, more=np.zeros(1))
    with pytest.raises(CheckpointError, match="SHA-256"):
        latest(tmp_path)


def test_the_two_newest_are_kept_and_the_one_before_is_offered(tmp_path) -> None:
    for number in (1, 2, 3):
        path = save(tmp_path, number, {"number": number}, state(number))
    assert numbers(tmp_path) == [2, 3]
    damaged = bytearray(path.read_bytes())
    damaged[5000] ^= 1
    path.write_bytes(damaged)
    before = (tmp_path / "checkpoint-00000002.npz").read_bytes()
    with pytest.raises(CheckpointError, match=r"00000003\.npz is damaged.*00000002\.npz is whole: number=2"):
        latest(tmp_path)
    number, document, arrays = latest(tmp_path, number=2)
    assert (number, document["number"]) == (2, 2)
    assert_same(arrays, state(2))
    assert (tmp_path / "checkpoint-00000002.npz").read_bytes() == before
    (tmp_path / "checkpoint-00000004.npz").write_bytes(b"")
    save(tmp_path, 3, {"number": 3}, state(3))  # a run that went on from 2 gives up what came after
    assert numbers(tmp_path) == [2, 3]
    assert latest(tmp_path)[0] == 3


def test_what_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(CheckpointError, match="holds no checkpoint: start the run anew"):
        latest(tmp_path)
    save(tmp_path, 5, {}, {})
    with pytest.raises(CheckpointError, match="holds no checkpoint 4: only 5"):
        latest(tmp_path, number=4)
    with pytest.raises(StorageError, match="No such file"):
        latest(tmp_path / "nowhere")
    with pytest.raises(StorageError, match="No such file"):
        save(tmp_path / "nowhere", 1, {}, {})
    assert issubclass(CheckpointError, BiomultiError)


def test_another_format_says_which_version_wrote_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(checkpoint, "FORMAT", 7)
    monkeypatch.setattr(checkpoint, "version", lambda package: "9.8")
    path = save(tmp_path, 1, DOCUMENT, ARRAYS)
    written = path.read_bytes()
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"by biomulti 9\.8 in format 7.*pip install biomulti==9\.8"):
        latest(tmp_path)
    assert path.read_bytes() == written


def test_other_versions_are_warned_of(tmp_path, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_made_with", lambda: {**made, "numba": "0.1", "processor": "abacus"})
        made = {"biomulti": "0", "numpy": "1"}
        save(tmp_path, 1, DOCUMENT, ARRAYS)
    with pytest.warns(VersionWarning, match=r"numba 0\.1 then and .* now, .*processor abacus then.*last bits"):
        assert_same(latest(tmp_path)[2], ARRAYS)
    save(tmp_path, 2, DOCUMENT, ARRAYS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        latest(tmp_path)


@pytest.mark.parametrize(
    ("name", "array"), [("digest", np.zeros(1)), ("document", np.zeros(1)), ("a", np.array([None]))]
)
def test_what_a_checkpoint_cannot_hold_is_refused(tmp_path, name, array) -> None:
    with pytest.raises(CheckpointError, match=f"'{name}'"):
        save(tmp_path, 1, {}, {name: array})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("room", [0, 100, 1000, 100_000])
def test_a_full_disk_leaves_the_checkpoints_before(tmp_path, room: int) -> None:
    for number in (1, 2):
        save(tmp_path, number, {}, state(number))
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(StorageError, match=r"checkpoint-00000003\.npz.*Make room"):
            save(tmp_path, 3, {}, state(3))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_an_error_at_the_last_moment_leaves_the_checkpoints_before(tmp_path, monkeypatch, call: str) -> None:
    save(tmp_path, 1, {}, state(1))
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def fails(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fails)
        with pytest.raises(StorageError, match=r"checkpoint-00000002\.npz: Read-only file system\. Make the folder"):
            save(tmp_path, 2, {}, state(2))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def save_on(folder: Path, number: int, ready) -> None:
    """Save one checkpoint after the other until killed."""
    ready.set()
    while True:
        save(folder, number, {"number": number}, state(number))
        number += 1


def test_killed_at_any_moment_the_newest_is_whole(tmp_path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["biomulti.checkpoint"])
    draw = np.random.default_rng(8)
    save(tmp_path, 0, {"number": 0}, state(0))
    last = 0
    for _ in range(24):
        ready = context.Event()
        writer = context.Process(target=save_on, args=(tmp_path, last + 1, ready))
        writer.start()
        assert ready.wait(60)
        time.sleep(float(draw.uniform(0.0, 0.2)))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        number, document, arrays = latest(tmp_path)
        assert number >= last
        assert document == {"number": number}
        assert_same(arrays, state(number))
        last = number
    assert last > 24
    save(tmp_path, last + 1, {}, {})
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"checkpoint-{n:08d}.npz" for n in (last, last + 1)]


def test_the_document_is_plain_json(tmp_path) -> None:
    path = save(tmp_path, 1, {"a": (1, 2)}, {})
    with np.load(path) as plain:
        found = json.loads(plain["document"].tobytes())
    assert found["document"] == {"a": [1, 2]}
    assert found["format"] == checkpoint.FORMAT
