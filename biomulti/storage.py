"""Files that are whole or not there: what a run writes survives being killed at any moment."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from biomulti.errors import OptionError, StorageError

LOCK = ".lock"
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


class Lock:
    """That a folder belongs to this process until `release`, or until it ends in whatever way.

    Raises:
        OptionError: it belongs to another run that is on its way.
    """

    def __init__(self, folder: Path) -> None:
        with storing(folder):
            self._file = (folder / LOCK).open("ab")
        try:
            _lock(self._file.fileno())
        except OSError:
            self._file.close()
            raise OptionError(
                f"{folder} is being written to by another run that is on its way; let it end, or stop it first."
            ) from None

    def release(self) -> None:
        """Let others have it."""
        self._file.close()


def _lock(descriptor: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


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
