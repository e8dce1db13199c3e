"""Frames of a coupled run, kept in memory or written to zarr as they come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from biomulti.errors import OptionError

FRAMES_PER_CHUNK = 32
FLUSH_SECONDS = 5.0  # frames wait this long in memory before they are written
Floats = NDArray[np.float64]
Frame = Mapping[str, tuple[tuple[str, ...], Floats, dict[str, str]]]


class Recorder:
    """Takes frames (a name to dimensions, values and attributes) and gives them back as one Dataset."""

    def __init__(self, folder: Path | None, coordinates: Mapping[str, Any], attributes: Mapping[str, Any]) -> None:
        self.path = None if folder is None else folder / "data.zarr"
        self.coordinates = coordinates
        self.attributes = dict(attributes)
        self.waiting: list[xr.Dataset] = []
        self.kept: list[xr.Dataset] = []
        self.flushed = perf_counter()
        if self.path is not None and self.path.exists():
            raise OptionError(f"{self.path} exists already; give another folder, or remove it first.")

    def add(self, time: float, frame: Frame) -> None:
        """One more point in time."""
        data = {n: (("time", *dims), values[None].copy(), about) for n, (dims, values, about) in frame.items()}
        coordinates = {"time": ("time", [time], {"units": self.attributes["time_unit"]}), **self.coordinates}
        self.waiting.append(xr.Dataset(data, coords=coordinates, attrs=self.attributes))
        if perf_counter() - self.flushed > FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what waits in memory."""
        if not self.waiting:
            return
        block = xr.concat(self.waiting, "time", data_vars="all", combine_attrs="override")
        self.waiting = []
        if self.path is None:
            self.kept.append(block)
        elif self.path.exists():
            block.drop_vars([n for n in block.coords if n != "time"]).to_zarr(
                self.path, append_dim="time", consolidated=False
            )
        else:
            chunks = {n: {"chunks": (FRAMES_PER_CHUNK, *v.shape[1:])} for n, v in block.data_vars.items()}
            block.to_zarr(self.path, mode="w-", consolidated=False, encoding=chunks)
        self.flushed = perf_counter()

    def dataset(self) -> xr.Dataset:
        """All frames so far, opened from disk where they are on disk."""
        self.flush()
        if self.path is not None:
            stored: xr.Dataset = xr.open_zarr(self.path, consolidated=False)
            return stored
        kept: xr.Dataset = xr.concat(self.kept, "time", data_vars="all", combine_attrs="override")
        return kept


def described(values: tuple[Any, ...]) -> str:
    """A tuple as JSON, which attributes of every format can hold."""
    return json.dumps(list(values))
