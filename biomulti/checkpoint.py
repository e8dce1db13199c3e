"""Everything a run needs to go on, in one file that is whole or not there.

A checkpoint is an uncompressed .npz: the arrays by their names, the document as JSON text in bytes, and the SHA-256 of
all names, kinds of numbers, shapes and bytes. It takes its place only when it lies on the disk from end to end.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import binding
from numpy.typing import NDArray

from biomulti.errors import CheckpointError
from biomulti.storage import PARTIAL, replacing, storing

FORMAT = 1
PACKAGES = ("biomulti", "numpy", "numba", "llvmlite")  # what decides the bits of a run, beside the processor
KEPT = 2
RESERVED = ("document", "digest")
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # so that equal content makes an equal file


class VersionWarning(UserWarning):
    """A run goes on with other versions or another processor than it began with."""


def save(folder: Path, number: int, document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Path:
    """Write `checkpoint-NUMBER.npz`; it and the one before it are kept, all others removed.

    Args:
        folder: where checkpoints lie.
        number: grows with every checkpoint of a run; those of greater number belong to a future that is given up.
        document: what JSON can hold; tuples come back as lists.
        arrays: numbers, truth values or strings of fixed length, of any shape; named other than document and digest.

    Raises:
        CheckpointError: an array has a reserved name, or holds Python objects.
        StorageError: the disk is full or the folder cannot be written to; the checkpoints there are as before.
    """
    for name, array in arrays.items():
        if name in RESERVED or np.asarray(array).dtype.hasobject:
            raise CheckpointError(f"the array '{name}' holds Python objects, or has a name that a checkpoint needs.")
    header = {"format": FORMAT, "made_with": _made_with(), "document": document}
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    content = {"document": text, **{n: np.asarray(a) for n, a in arrays.items()}}
    path = _path(folder, number)
    with storing(path):
        for left in folder.glob(f".checkpoint-*{PARTIAL}"):
            left.unlink(missing_ok=True)
        with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name, array in {**content, "digest": _digest(content)}.items():
                with archive.open(zipfile.ZipInfo(f"{name}.npy", LONG_AGO), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
        keep = {number, *[n for n in numbers(folder) if n < number][-(KEPT - 1) :]}
        for other in numbers(folder):
            if other not in keep:
                _path(folder, other).unlink(missing_ok=True)
    return path


def latest(folder: Path, *, number: int | None = None) -> tuple[int, dict[str, Any], dict[str, NDArray[Any]]]:
    """Number, document and arrays of the newest checkpoint in a folder, or of the one with the given number.

    Raises:
        CheckpointError: there is none, it is damaged, or it was written in another format; the message says which
            other checkpoint is whole.
        StorageError: it cannot be read.

    Warns:
        VersionWarning: it was written with other versions or on another processor, so that bits may differ.
    """
    with storing(folder):
        found = numbers(folder)
    if not found or (number is not None and number not in found):
        which = "no checkpoint" if number is None else f"no checkpoint {number}"
        there = f"only {', '.join(map(str, found))}; take one of these" if found else "start the run anew"
        raise CheckpointError(f"{folder} holds {which}: {there}.")
    taken = found[-1] if number is None else number
    try:
        header, arrays = _read(_path(folder, taken))
    except CheckpointError as error:
        raise CheckpointError(f"{error} {_instead(folder, [n for n in found if n != taken])}") from error
    now, then = _made_with(), header["made_with"]
    if now != then:
        odd = ", ".join(f"{k} {then.get(k)} then and {v} now" for k, v in now.items() if then.get(k) != v)
        warnings.warn(
            f"{_path(folder, taken)} goes on with {odd}: results may differ in the last bits from those of a run "
            "that was not interrupted.",
            VersionWarning,
            stacklevel=2,
        )
    return taken, header["document"], arrays


def forget(folder: Path, after: int) -> None:
    """Remove checkpoints of what comes after one that is gone back to."""
    with storing(folder):
        for number in numbers(folder):
            if number > after:
                _path(folder, number).unlink(missing_ok=True)


def numbers(folder: Path) -> list[int]:
    """Of the checkpoints in a folder, ascending."""
    names = (re.fullmatch(r"checkpoint-(\d{8,})\.npz", p.name) for p in folder.iterdir())
    return sorted(int(m[1]) for m in names if m)


def _path(folder: Path, number: int) -> Path:
    return folder / f"checkpoint-{number:08d}.npz"


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays of one file, known to be what was written."""
    with storing(path), path.open("rb") as file:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with np.load(file, allow_pickle=False) as archive:
                    content = {name: archive[name] for name in archive.files}
            digest = content.pop("digest")
            header = json.loads(content["document"].tobytes())
            made = header["format"], header["made_with"]["biomulti"]
            whole = np.array_equal(digest, _digest(content))
        except Exception as error:  # damaged bytes raise what they like, from deep inside
            raise CheckpointError(f"{path} is damaged: {type(error).__name__}, {error}.") from error
    if made[0] != FORMAT:
        raise CheckpointError(
            f"{path} was written by biomulti {made[1]} in format {made[0]}, and biomulti {version('biomulti')} reads "
            f"format {FORMAT}: go on with it by that version (pip install biomulti=={made[1]}), or start the run anew."
        )
    if not whole:
        raise CheckpointError(f"{path} is damaged: its content is not that of which it holds the SHA-256.")
    del content["document"]
    return header, content


def _instead(folder: Path, others: list[int]) -> str:
    """Which other checkpoint can be taken."""
    for other in reversed(others):
        try:
            _read(_path(folder, other))
        except (CheckpointError, OSError):
            continue
        return f"{_path(folder, other).name} is whole: number={other} goes on with it."
    return "No other checkpoint is whole: start the run anew."


def _digest(content: Mapping[str, NDArray[Any]]) -> NDArray[np.uint8]:
    """SHA-256 of names, kinds of numbers, shapes and bytes [32]."""
    found = hashlib.sha256()
    for name in sorted(content):
        array = content[name]
        found.update(json.dumps([name, array.dtype.str, array.shape]).encode() + b"\n")
        if array.size:
            found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return np.frombuffer(found.digest(), dtype=np.uint8)


def _made_with() -> dict[str, str]:
    return {**{name: version(name) for name in PACKAGES}, "processor": str(binding.get_host_cpu_name())}
