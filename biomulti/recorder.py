"""Frames of a coupled run, kept in memory or written to zarr as they come.

Where cells divide and die, a frame says which cells it holds. The Dataset then has one column for every cell that ever
lived, and a cell has no value while it does not live: NaN, -1 in a whole number, the greatest number in an unsigned
one, False in a truth value.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from biomulti.errors import OptionError
from biomulti.frame_store import FrameStore, Layout, no_value
from biomulti.storage import storing

FLUSH_SECONDS = 5.0  # frames wait at most this long in memory before they are written,
FLUSH_BYTES = 64 * 2**20  # and at most this many bytes of them
Integers = NDArray[np.int64]
Frame = Mapping[str, tuple[tuple[str, ...], NDArray[Any], dict[str, str]]]


@dataclass(frozen=True)
class Moment:
    """A frame that waits: values by name, and the cells they are of, if cells come and go; `seen` is how many ids
    there were until then."""

    time: float
    values: Mapping[str, NDArray[Any]]
    cells: Integers | None
    seen: int


class Recorder:
    """Takes frames (a name to dimensions, values and attributes) and gives them back as one Dataset.

    Args:
        folder: where `data.zarr` is written; None keeps the frames in memory.
        coordinates: of the dimensions that frames have beside time, as in xarray.
        attributes: of the Dataset, with `time_unit`.

    Raises:
        OptionError: the folder holds a run already.
        StorageError: the folder cannot be written to.
    """

    def __init__(self, folder: Path | None, coordinates: Mapping[str, Any], attributes: Mapping[str, Any]) -> None:
        self.coordinates = {str(n): c.variable for n, c in xr.Dataset(coords=coordinates).coords.items()}
        self.attributes = dict(attributes)
        self.path = None if folder is None else folder / "data.zarr"
        self.frames = self.seen = 0
        self.layout: dict[str, Layout] = {}
        self.growing: bool | None = None
        self.waiting: list[Moment] = []
        self.bytes = 0
        self.flushed = perf_counter()
        self.store: FrameStore | None = None
        if self.path is None:
            return
        with storing(self.path):
            if self.path.exists() and not FrameStore.unused(self.path):
                raise OptionError(
                    f"{self.path} exists already; go on with it by Tissue.resume('{folder}'), give another folder, or "
                    "remove it first."
                )
            self.store = FrameStore.created(self.path, self.coordinates, self.attributes)

    @classmethod
    def reopened(
        cls, folder: Path, frames: int, coordinates: Mapping[str, Any], attributes: Mapping[str, Any]
    ) -> Recorder:
        """Go on after the first `frames` frames of what is in the folder; what comes after them is cut away.

        Raises:
            StorageError: there is no such store, it has fewer frames, or it cannot be written to.
        """
        path = folder / "data.zarr"
        if frames == 0:
            with storing(path):
                if path.exists():
                    (path / "zarr.json").unlink(missing_ok=True)  # first, so that nobody reads what is half gone
                    shutil.rmtree(path)
            return cls(folder, coordinates, attributes)
        recorder = cls(None, coordinates, attributes)
        recorder.path = path
        with storing(path):
            recorder.store = FrameStore.cut(path, frames, recorder.coordinates, recorder.attributes)
        recorder.frames = frames
        recorder.layout = recorder.store.layout()
        recorder.growing, recorder.seen = recorder.store.growing, recorder.store.seen
        return recorder

    def add(self, time: float, frame: Frame, cells: Integers | None = None) -> None:
        """One more point in time; `cells` are the ids of the cells that the frame holds, if cells come and go.

        Raises:
            OptionError: the frame has other names, dimensions, sizes or kinds of numbers than those before.
            StorageError: frames that waited could not be written; they wait on.
        """
        layout = {n: Layout(tuple(dims), v.shape, v.dtype, about) for n, (dims, v, about) in frame.items()}
        if self.growing is None:
            self.layout, self.growing = layout, cells is not None
        self._check(layout, cells)
        if cells is not None:
            cells = np.array(cells, dtype=np.int64)
            self.seen = max(self.seen, int(cells.max(initial=-1)) + 1)
        values = {name: np.array(v) for name, (_, v, _) in frame.items()}
        self.waiting.append(Moment(time, values, cells, self.seen))
        self.frames += 1
        self.bytes += sum(v.nbytes for v in values.values())
        if perf_counter() - self.flushed > FLUSH_SECONDS or self.bytes > FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits in memory, if there is a folder.

        Raises:
            StorageError: the disk is full, or the folder cannot be written to.
        """
        if self.store is not None and self.waiting:
            with storing(self.store.path):
                self.store.open(self.layout, growing=bool(self.growing), seen=self.seen, flush_bytes=FLUSH_BYTES)
                for part in self._parts(self.store.frames, self.store.frames_per_chunk):
                    self.store.append(
                        np.array([m.time for m in part]),
                        {n: partial(self._block, n, part) for n in self.layout},
                        np.array([m.seen for m in part]),
                    )
                    del self.waiting[: len(part)]
        if self.store is not None:
            self.bytes = 0
        self.flushed = perf_counter()

    def dataset(self) -> xr.Dataset:
        """All frames so far, opened from disk where they are on disk."""
        self.flush()
        if self.store is not None:
            stored: xr.Dataset = xr.open_zarr(self.path)
            return stored
        data = {n: (("time", *v.dims), self._block(n, self.waiting), v.attributes) for n, v in self.layout.items()}
        times = [m.time for m in self.waiting]
        coordinates: dict[str, Any] = {"time": ("time", times, {"units": self.attributes["time_unit"]})}
        coordinates |= self.coordinates
        if self.growing:
            coordinates["cell"] = np.arange(self.seen)
        return xr.Dataset(data, coords=coordinates, attrs=self.attributes)

    def _parts(self, start: int, frames_per_chunk: int) -> list[list[Moment]]:
        """What waits, from frame `start` on, cut where chunks end, no variable's block much larger than FLUSH_BYTES."""
        cells = self.seen if self.growing else None
        widest = max((v.dtype.itemsize * v.numbers(cells) for v in self.layout.values()), default=1)
        step = frames_per_chunk * max(1, FLUSH_BYTES // max(1, frames_per_chunk * widest))
        end = start + len(self.waiting)
        cuts = [start, *range((start // step + 1) * step, end, step), end]
        return [self.waiting[a - start : b - start] for a, b in itertools.pairwise(cuts)]

    def _block(self, name: str, moments: Sequence[Moment]) -> NDArray[Any]:
        """One variable over several frames [frames, ...], without value where a cell does not live."""
        about = self.layout[name]
        if not self.growing or "cell" not in about.dims:
            return np.stack([m.values[name] for m in moments])
        axis = about.dims.index("cell")
        shape = list(about.shape)
        shape[axis] = moments[-1].seen
        block = np.full((len(moments), *shape), no_value(about.dtype), dtype=about.dtype)
        for row, moment in zip(block, moments, strict=True):
            np.moveaxis(row, axis, 0)[moment.cells] = np.moveaxis(moment.values[name], axis, 0)
        return block

    def _check(self, layout: Mapping[str, Layout], cells: Integers | None) -> None:
        """That a frame fits to those before."""
        growing = cells is not None
        where = f"frame {self.frames}"
        if growing != self.growing:
            raise OptionError(f"{where}: either every frame says which cells it holds, or none does.")
        if set(layout) != set(self.layout):
            odd = ", ".join(sorted(set(layout) ^ set(self.layout)))
            raise OptionError(f"{where}: every frame must have the same variables; {odd} is not in all of them.")
        if cells is not None:
            ids = np.sort(cells, axis=None)
            if np.ndim(cells) != 1 or ids.dtype.kind not in "iu" or np.any(np.diff(ids) <= 0) or np.any(ids[:1] < 0):
                raise OptionError(f"{where}: ids of cells must be whole numbers from 0 on, each once, in one row.")
        taken = {"time", "cell", *self.coordinates}
        for name, found in layout.items():
            if name in taken or "time" in found.dims or found.dtype.kind not in "biufc":
                raise OptionError(
                    f"{where}: '{name}' must hold numbers, have another name than a coordinate, and no dimension time."
                )
            if len(found.dims) != len(found.shape):
                raise OptionError(f"{where}: '{name}' has dimensions {found.dims} and the shape {found.shape}.")
            wanted = self.layout[name].sizes(None if cells is None else len(cells))
            if (found.dims, found.shape, found.dtype) != (self.layout[name].dims, wanted, self.layout[name].dtype):
                raise OptionError(
                    f"{where}: '{name}' has dimensions {found.dims}, shape {found.shape} and numbers {found.dtype}, "
                    f"but {self.layout[name].dims}, {wanted} and {self.layout[name].dtype} are expected."
                )


def described(values: tuple[Any, ...]) -> str:
    """A tuple as JSON, which attributes of every format can hold."""
    return json.dumps(list(values))
