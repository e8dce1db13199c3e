"""A zarr store that grows in time and in cells, and is whole after a kill at any moment.

The `zarr.json` at the top lists the shapes of all arrays (zarr format 3 with consolidated metadata), and readers take
the shapes from there. Frames are appended in this order: arrays are made larger, chunks are written (zarr puts each
into place when it is whole), and last the new `zarr.json` takes the place of the old one. Until that moment readers
see the frames before, all of them and no more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

from biomulti.errors import OptionError, StorageError
from biomulti.storage import PARTIAL, replacing

FRAMES_PER_CHUNK = 32  # at most
CHUNK_BYTES = 4 * 2**20  # of a variable with one number in a cell
LEAST_CELLS = 4096  # in a chunk, where cells come and go
TIMES_PER_CHUNK = 4096
SEEN = "bookkeeping/seen"  # how many cells there had been at each time; not part of the Dataset
COMPRESSION = BloscCodec(cname="lz4", clevel=1, shuffle="shuffle")


@dataclass(frozen=True)
class Layout:
    """Dimensions, shape, kind of numbers and attributes of a variable in one frame."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attributes: Mapping[str, Any]

    def sizes(self, cells: int | None) -> tuple[int, ...]:
        """The shape with another number of cells, if one is given."""
        if cells is None:
            return self.shape
        return tuple(cells if d == "cell" else n for d, n in zip(self.dims, self.shape, strict=True))

    def numbers(self, cells: int | None) -> int:
        """How many numbers a frame holds."""
        return int(np.prod(self.sizes(cells), dtype=np.int64))


def no_value(dtype: np.dtype[Any]) -> Any:
    """What stands for a cell that does not live."""
    if dtype.kind == "u":
        return np.iinfo(dtype).max
    return {"f": np.nan, "c": complex(np.nan, np.nan), "i": -1, "b": False}[dtype.kind]


class FrameStore:
    """The arrays at `path` and the one document that says how far they reach."""

    def __init__(self, path: Path, coordinates: Mapping[str, xr.Variable], attributes: Mapping[str, Any]) -> None:
        self.path = path
        self.coordinates = coordinates
        self.attributes = attributes
        self.growing = False
        self.frames = self.seen = 0
        self.frames_per_chunk = FRAMES_PER_CHUNK
        self.arrays: dict[str, Any] = {}
        self.documents: dict[str, dict[str, Any]] = {}

    @classmethod
    def created(cls, path: Path, coordinates: Mapping[str, xr.Variable], attributes: Mapping[str, Any]) -> FrameStore:
        """A new store, which opens as an empty Dataset until frames come."""
        store = cls(path, coordinates, attributes)
        path.mkdir(parents=True, exist_ok=True)
        store._commit()
        return store

    @staticmethod
    def unused(path: Path) -> bool:
        """Whether a store at `path` was given up before its first frame came."""
        known = {"zarr.json", f".zarr.json{PARTIAL}"}
        try:
            found = {p.name for p in path.iterdir()}
            return found <= known and ("zarr.json" not in found or not _arrays_of(path))
        except (ValueError, KeyError):
            return False

    @classmethod
    def cut(
        cls, path: Path, frames: int, coordinates: Mapping[str, xr.Variable], attributes: Mapping[str, Any]
    ) -> FrameStore:
        """The store at `path` with its first `frames` frames and the cells that had been seen by then."""
        store = cls(path, coordinates, attributes)
        try:
            store.documents = _arrays_of(path)
            found = store.documents["time"]["shape"][0] if store.documents else 0
        except (ValueError, KeyError) as error:
            raise StorageError(f"{path} is not a store of frames ({error!r}); start the run anew.") from error
        if found < frames:
            raise StorageError(f"{path} holds {found} frames, of which {frames} cannot be kept; start the run anew.")
        store.growing = (path / SEEN / "zarr.json").exists()
        names = [*store.documents, *([SEEN] if store.growing else [])]
        store.arrays = {n: zarr.open_array(store=str(path), path=n, mode="r+") for n in names}
        store.seen = int(store.arrays[SEEN][frames - 1]) if store.growing else 0
        store.frames = frames
        store._check_coordinates()
        store._commit()  # from here on nobody reads what is cut away
        for array in store.arrays.values():
            store._clear(array)
        for left in path.rglob(f"*{PARTIAL}"):
            left.unlink(missing_ok=True)
        store.frames_per_chunk = min(
            (a.chunks[0] for n, a in store.arrays.items() if n in store.layout()), default=FRAMES_PER_CHUNK
        )
        return store

    def layout(self) -> dict[str, Layout]:
        """Of each variable."""
        return {
            name: Layout(array.metadata.dimension_names[1:], array.shape[1:], array.dtype, dict(array.attrs))
            for name, array in self.arrays.items()
            if name not in self.coordinates and name not in ("time", "cell", SEEN)
        }

    def open(self, layout: Mapping[str, Layout], *, growing: bool, seen: int, flush_bytes: int) -> None:
        """Make the arrays, if they are not there yet."""
        if self.documents:
            return
        self.growing = growing
        cells = seen if growing else None
        size = sum(v.dtype.itemsize * v.numbers(cells) for v in layout.values())
        self.frames_per_chunk = max(1, min(FRAMES_PER_CHUNK, flush_bytes // max(1, size)))
        most = max(LEAST_CELLS, CHUNK_BYTES // (8 * self.frames_per_chunk))
        arrays = {}
        arrays["time"] = self._new("time", Layout((), (), np.dtype(float), {"units": self.attributes["time_unit"]}))
        for name, about in layout.items():
            arrays[name] = self._new(name, about, most)
        if growing:
            arrays[SEEN] = self._new(SEEN, Layout((), (), np.dtype(np.int64), {}))
            arrays["cell"] = zarr.create_array(
                store=str(self.path), name="cell", shape=(0,), chunks=(65536,), dtype=np.int64, fill_value=0,
                dimension_names=("cell",), compressors=COMPRESSION, overwrite=True,
            )  # fmt: skip
        for name, variable in self.coordinates.items():
            if growing and name == "cell":
                continue
            labels = variable.dtype.kind in "UO"
            arrays[name] = zarr.create_array(
                store=str(self.path), name=name, shape=variable.shape, dtype=str if labels else variable.dtype,
                dimension_names=[str(d) for d in variable.dims], attributes=_plain(variable.attrs), overwrite=True,
            )  # fmt: skip
            arrays[name][...] = variable.values.astype(object) if labels else variable.values
        self.arrays = arrays
        self.documents = {n: self._document(n) for n in arrays if n != SEEN}

    def append(
        self, times: NDArray[np.float64], blocks: Mapping[str, Callable[[], NDArray[Any]]], seen: NDArray[np.int64]
    ) -> None:
        """Frames [frames] of each variable, made one after the other, and how many cells had been seen at each."""
        begin, end = self.frames, self.frames + len(times)
        cells = int(seen[-1])
        self._extend("time", begin, end, times)
        if self.growing:
            self._extend(SEEN, begin, end, seen)
            if cells > self.seen:
                self.arrays["cell"].resize((cells,))
                self.arrays["cell"][self.seen :] = np.arange(self.seen, cells)
        for name, make in blocks.items():
            self._extend(name, begin, end, make())
        before = self.frames, self.seen
        self.frames, self.seen = end, cells
        try:
            self._commit()
        except OSError:
            self.frames, self.seen = before
            raise

    def _extend(self, name: str, begin: int, end: int, values: NDArray[Any]) -> None:
        array = self.arrays[name]
        array.resize((end, *values.shape[1:]))
        array[begin:end] = values

    def _new(self, name: str, about: Layout, cells: int = 1) -> Any:
        """An array for a variable with no frames yet."""
        per_chunk = self.frames_per_chunk if about.dims else TIMES_PER_CHUNK
        if "cell" in about.dims:
            n = about.shape[about.dims.index("cell")]
            grown = max(LEAST_CELLS, 1 << max(0, n - 1).bit_length())
            cells = min(cells, grown if self.growing else n)
        return zarr.create_array(
            store=str(self.path),
            name=name,
            shape=(0, *about.shape),
            chunks=(per_chunk, *(max(1, n) for n in about.sizes(cells))),
            dtype=about.dtype,
            fill_value=no_value(about.dtype),
            dimension_names=("time", *about.dims),
            attributes=_plain(about.attributes),
            compressors=COMPRESSION,
            chunk_key_encoding={"name": "default", "separator": "."},
            config={"write_empty_chunks": False},
            overwrite=True,
        )

    def _clear(self, array: Any) -> None:
        """Take away what an array holds beyond the frames and cells of this store."""
        dims = array.metadata.dimension_names
        if "time" in dims:
            # rows of a chunk that is kept in part would otherwise show again where later frames have no value
            last = -(-self.frames // array.chunks[0]) * array.chunks[0]
            array[self.frames : min(last, array.shape[0])] = array.fill_value
        array.resize(self._shape(dims, array.shape))

    def _shape(self, dims: tuple[str, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape with as many frames, and cells where they come and go, as this store has."""
        sizes = {"time": self.frames, **({"cell": self.seen} if self.growing else {})}
        return tuple(sizes.get(d, n) for d, n in zip(dims, shape, strict=True))

    def _check_coordinates(self) -> None:
        """That the arrays here are of the same grid and cells as what is to be added."""
        for name, variable in self.coordinates.items():
            if (name != "cell" or not self.growing) and not np.array_equal(self.arrays[name][...], variable.values):
                raise OptionError(f"{self.path} has other coordinates '{name}' than the frames to be added.")

    def _document(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.path / name / "zarr.json").read_text(encoding="utf-8"))
        return found

    def _commit(self) -> None:
        """Let readers see as many frames and cells as this store has now."""
        for document in self.documents.values():
            document["shape"] = list(self._shape(document["dimension_names"], document["shape"]))
        attributes = _plain(self.attributes)
        others = [n for n, v in self.coordinates.items() if v.dims != (n,)]
        if others:
            attributes["coordinates"] = " ".join(others)
        root = {
            "zarr_format": 3,
            "node_type": "group",
            "attributes": attributes,
            "consolidated_metadata": {"kind": "inline", "must_understand": False, "metadata": self.documents},
        }
        with replacing(self.path / "zarr.json") as file:
            file.write(json.dumps(root).encode())


def _arrays_of(path: Path) -> dict[str, dict[str, Any]]:
    """Documents of the arrays of a store."""
    root = json.loads((path / "zarr.json").read_text(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = root["consolidated_metadata"]["metadata"]
    return found


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as JSON can hold them."""
    return {n: v.tolist() if isinstance(v, np.generic | np.ndarray) else v for n, v in attributes.items()}
