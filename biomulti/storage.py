"""Files that are whole or not there: what a run writes survives being killed at any moment."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from biomulti.errors import StorageError

PARTIAL = ".partial"  # how the name of a file ends while it is being written
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextlib.contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn what the system says about writing and reading at `path` into a StorageError that says what to do."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        said = StorageError(
            f"{error.filename or path}: {error.strerror or error}. {_advice(error.errno)} "
            f"What was written to {path.parent} before is whole."
        )
        said.errno = error.errno
        raise said from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` once it is whole and on the disk; after any error `path` is as before."""
    partial = path.with_name(f".{path.name}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        _sync(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    """Bring a change of names in a folder to the disk, where the system knows such a thing."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _advice(number: int | None) -> str:
    if number in FULL:
        return "Make room there, then go on with the run, or give a folder on another disk."
    if number in FORBIDDEN:
        return "Make the folder writable, or give another one."
    return "Check that the folder exists and is a folder, and that its disk is there."
