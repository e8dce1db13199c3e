"""What cannot be gone on with is named, and what is there is left as it is."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from going_on import ctrl_c, differ, embryo, frames_equal, left, stopped

import biomulti as bm
from biomulti import checkpoint, observe
from biomulti.__main__ import main
from biomulti.coupled import running

TIMES = {"t_end": 1.0, "every": 0.25, "dt": 0.1, "splitting": "lie"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    embryo().run(folder=folder, progress=False, **TIMES)
    return folder


@pytest.fixture(scope="module")
def begun(tmp_path_factory) -> Path:
    """A run that came to the middle, with two checkpoints."""
    folder = tmp_path_factory.mktemp("runs") / "parts"
    stopped(embryo(), folder, 5, checkpoint=1e-9, **TIMES)
    return folder


@pytest.fixture
def parts(begun, tmp_path) -> Path:
    return Path(shutil.copytree(begun, tmp_path / "parts"))


def files(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def same_end(whole: Path, parts: Path, **options: object) -> None:
    bm.Tissue.resume(parts, progress=False, **options)
    assert differ(left(whole), left(parts)) == []


def test_a_folder_without_a_checkpoint(tmp_path) -> None:
    with pytest.raises(bm.CheckpointError, match="holds no checkpoint: start the run anew"):
        bm.Tissue.resume(tmp_path)
    with pytest.raises(bm.StorageError, match="No such file"):
        bm.Tissue.resume(tmp_path / "nowhere")


def test_a_damaged_checkpoint_is_named_and_the_one_before_goes_on(whole, parts) -> None:
    old, new = checkpoint.numbers(parts)
    path = parts / f"checkpoint-{new:08d}.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    before = files(parts)
    with pytest.raises(bm.CheckpointError, match=rf"{path.name}.*is damaged.*number={old} goes on with it"):
        bm.Tissue.resume(parts)
    assert files(parts) == before
    with pytest.raises(bm.CheckpointError, match="holds no checkpoint 77: only"):
        bm.Tissue.resume(parts, number=77)
    same_end(whole, parts, number=old)


def test_another_format(parts, monkeypatch) -> None:
    monkeypatch.setattr(checkpoint, "FORMAT", 99)
    with pytest.raises(bm.CheckpointError, match="format"):
        bm.Tissue.resume(parts)


def test_an_end_before_what_is_reached(whole, parts) -> None:
    before = files(parts)
    with pytest.raises(bm.OptionError, match=r"t_end=0\.1: the run has come to 0\.\d+ already"):
        bm.Tissue.resume(parts, t_end=0.1)
    for wrong in (-1.0, float("nan"), "soon"):
        with pytest.raises(bm.OptionError, match=r"t_end=.* must be a positive, finite number"):
            bm.Tissue.resume(parts, t_end=wrong)
    assert files(parts) == before


def test_frames_that_are_gone(parts) -> None:
    document = parts / "data.zarr" / "zarr.json"
    text = document.read_text()
    root = json.loads(text)
    root["consolidated_metadata"]["metadata"]["time"]["shape"] = [1]
    document.write_text(json.dumps(root))
    with pytest.raises(bm.StorageError, match=r"holds 1 frames, of which \d cannot be kept"):
        bm.Tissue.resume(parts)
    document.write_text("{}")
    with pytest.raises(bm.StorageError, match="not a store of frames"):
        bm.Tissue.resume(parts)
    shutil.rmtree(parts / "data.zarr")
    with pytest.raises(bm.StorageError, match=r"data\.zarr"):
        bm.Tissue.resume(parts)


def test_a_lineage_that_is_too_short_is_never_filled_up(parts) -> None:
    path = parts / "lineage.csv"
    content = path.read_bytes()
    path.write_bytes(content[:100])
    with pytest.raises(bm.CheckpointError, match=r"lineage\.csv has 100 bytes, of which the checkpoint needs"):
        bm.Tissue.resume(parts)
    assert path.read_bytes() == content[:100]
    path.unlink()
    with pytest.raises(bm.CheckpointError, match=r"lineage\.csv is missing, of which"):
        bm.Tissue.resume(parts)


def test_a_lineage_with_more_than_belongs_to_the_checkpoint_is_cut(whole, parts) -> None:
    with (parts / "lineage.csv").open("ab") as file:
        file.write(b"0.5,born,77,")
    same_end(whole, parts)


def test_observers_that_are_not_those_of_the_run(tmp_path) -> None:
    mine = observe.Function("n", lambda now: float(len(now.ids)))
    embryo().run(0.5, every=0.25, folder=tmp_path, observe=[observe.Fields(), mine], progress=False)
    with pytest.raises(bm.OptionError, match=r"observed by a function.*observe=\[\.\.\.\]"):
        bm.Tissue.resume(tmp_path, t_end=1.0)
    for wrong in (mine, [mine, observe.Fields()], [observe.Population(), mine], [observe.Cells()]):
        with pytest.raises(bm.OptionError, match=r"observed by Fields\(\), one of your own; give the same again"):
            bm.Tissue.resume(tmp_path, t_end=1.0, observe=wrong)
    run = bm.Tissue.resume(tmp_path, t_end=1.0, observe=[observe.Fields(), mine], progress=False)
    assert run.data["n"].sizes["time"] == 5


def test_an_observer_of_the_users_own_named_like_ours(tmp_path) -> None:
    class Cells:
        def frame(self, now):
            return {"mine": ((), np.array(len(now.ids)), {})}

        def coordinates(self, setup):
            return {}

    embryo().run(0.25, every=0.25, folder=tmp_path, observe=Cells(), progress=False)
    with pytest.raises(bm.OptionError, match="observed by a function"):
        bm.Tissue.resume(tmp_path, t_end=0.5)


def test_a_folder_that_holds_a_run(whole) -> None:
    with pytest.raises(bm.OptionError, match=r"exists already; go on with it by Tissue\.resume"):
        embryo().run(folder=whole, progress=False, **TIMES)


def test_a_run_given_up_before_its_first_frame_is_no_obstacle(whole, tmp_path, monkeypatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(running.start, "started", killed)
        with pytest.raises(KeyboardInterrupt):
            embryo().run(folder=tmp_path, progress=False, **TIMES)
    assert (tmp_path / "data.zarr").exists()
    embryo().run(folder=tmp_path, progress=False, **TIMES)
    assert differ(left(whole), left(tmp_path)) == []


@pytest.mark.parametrize(
    ("what", "passes"),
    [("chunk", 0), ("chunk", 30), ("zarr.json", 0), ("zarr.json", 20), ("lineage.csv", 0), ("checkpoint", 0),
     ("checkpoint", 3)],
)  # fmt: skip
def test_a_full_disk_is_named_and_with_room_again_the_run_goes_on(
    whole, parts, monkeypatch, what: str, passes: int
) -> None:
    """Files of one kind fail after some: chunks, what says how far they reach, the lineage, checkpoints."""
    replace, sync, seen = os.replace, os.fsync, []

    def full(path: str) -> None:
        name = path.rpartition("/")[2]
        if what in name or (what == "chunk" and name.startswith("c.")):
            seen.append(path)
            if len(seen) > passes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    def replaced(one, two, **_: object) -> Path:
        full(str(two))
        replace(one, two)
        return Path(two)

    def synced(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        if path.endswith("lineage.csv"):
            full(path)
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replaced)
        patch.setattr(Path, "replace", replaced)
        patch.setattr(os, "fsync", synced)
        with pytest.raises(bm.StorageError, match=r"No space left on device.*Make room there"):
            bm.Tissue.resume(parts, checkpoint=1e-9, progress=False)
    assert len(seen) > passes
    with xr.open_zarr(parts / "data.zarr") as data:
        assert frames_equal(parts, xr.open_zarr(whole / "data.zarr").compute())
        assert data.sizes["time"] >= 2
    same_end(whole, parts)


@pytest.mark.parametrize("room", [100, 10_000, 40_000])
def test_a_disk_full_to_a_limit_of_the_system(whole, parts, room: int) -> None:
    before = checkpoint.numbers(parts)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(bm.StorageError, match=r"File too large\. Make room there"):
            bm.Tissue.resume(parts, progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert checkpoint.numbers(parts) == before
    same_end(whole, parts)


def test_a_read_only_folder_is_named(begun) -> None:
    base = Path(tempfile.mkdtemp())
    base.chmod(0o755)
    folder = Path(shutil.copytree(begun, base / "run"))
    before = files(folder)
    for place in (folder, *folder.rglob("*")):
        place.chmod(0o555 if place.is_dir() else 0o444)
    sheet, user = embryo(), os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(bm.StorageError, match=r"Permission denied.*Make the folder writable"):
            bm.Tissue.resume(folder)
        with pytest.raises(bm.StorageError, match="Permission denied"):
            sheet.run(folder=folder / "new", progress=False, **TIMES)
    finally:
        os.seteuid(user)
    assert files(folder) == before
    for place in (folder, *folder.rglob("*")):
        place.chmod(0o755)
    shutil.rmtree(base)


def test_the_command_line_goes_on(whole, parts, capsys) -> None:
    assert main(["resume", str(parts), "--checkpoint", "0.001"]) == 0
    said = capsys.readouterr().out
    assert "At time 1 second there are " in said
    assert "5 frames are recorded" in said
    assert "lineage.csv" in said
    assert differ(left(whole), left(parts)) == []
    assert main(["resume", str(parts), "--t-end", "1.5"]) == 0
    assert "7 frames" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--t-end", "0.1"], "the run has come to"),
        (["--number", "77"], "holds no checkpoint 77"),
        (["--t-end", "-1"], "not a positive number"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_and_status_2(parts, capsys, more: list[str], says: str) -> None:
    try:
        status = main(["resume", str(parts), *more])
    except SystemExit as stopping:
        status = stopping.code
    assert status == 2
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error


def test_ctrl_c_on_the_command_line_says_how_to_go_on(whole, parts, capsys) -> None:
    with ctrl_c(2):
        assert main(["resume", str(parts)]) == 130
    assert f"go on with Tissue.resume('{parts}') or `biomulti resume {parts}`" in capsys.readouterr().err
    same_end(whole, parts)
