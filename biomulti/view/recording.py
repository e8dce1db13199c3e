"""What of a run is drawn: positions, one quantity as colour, area and flow, checked and read once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from biomulti.errors import OptionError
from biomulti.view.marks import Marks, marks
from biomulti.view.voronoi import FEWEST, Outlines, tissue_outlines
from biomulti.view.words import units

Floats = NDArray[np.float64]

# Variables of every cell that say where it is and how it moves, not what is in it.
MOTION = ("x", "y", "vx", "vy", "area")
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
# Brightest colour: this percentile of all cells and frames, so that one cell does not darken the rest.
TOP = 99.5
# A point is among cells where one is nearer than so many times the median distance between nearest neighbours.
AMONG = 1.1


@dataclass(frozen=True)
class Clock:
    """Times [t] of the frames in the run's own unit, and how a figure writes them: value / per, in `unit`."""

    times: Floats
    own: str
    per: float
    unit: str

    @property
    def shown(self) -> Floats:
        """Times on an axis, [t]."""
        return self.times / self.per

    def stamp(self, frame: int) -> str:
        """The time of a frame in words."""
        if self.own not in SECONDS:
            return f"{self.times[frame]:.4g} {self.own}".strip()
        seconds = round(float(self.times[frame]) * SECONDS[self.own])
        sign, seconds = "−" if seconds < 0 else "", abs(seconds)
        minutes, rest = divmod(seconds, 60)
        if max(abs(self.times)) * SECONDS[self.own] < 6000:
            return f"{sign}{minutes} min {rest:02d} s"
        return f"{sign}{minutes // 60} h {minutes % 60:02d} min"


def clock(run: xr.Dataset) -> Clock:
    """The clock of a run; long runs in seconds are shown in minutes, and in minutes in hours."""
    times = np.asarray(run["time"].values, dtype=float)
    own = units(str(run["time"].attrs.get("units") or run.attrs.get("time_unit") or ""))
    if own in SECONDS:
        span = float(np.ptp(times)) * SECONDS[own]
        # the longest unit of which the run lasts at least three, but never shorter than the run's own
        unit = [u for u in SECONDS if u == own or (SECONDS[u] > SECONDS[own] and span > 3 * SECONDS[u])][-1]
        return Clock(times, own, SECONDS[unit] / SECONDS[own], unit)
    return Clock(times, own, 1.0, own)


@dataclass(frozen=True)
class Recording:
    """
    A run as it is drawn.

    ids: numbers of the cells, [cells].
    x, y, value: [t, cells], not finite where a cell does not exist; area: the same, over that when the cell was first
    seen, or None; flow: velocity (x, y) [t, nx, ny, 2] on the grid at gx [nx], gy [ny], or None; label: the name of
    value with its units; low, high: the ends of the colour scale, fixed for all frames; marks: cells with a colour of
    their own; lineage: who descends from whom, or None.
    """

    ids: NDArray[np.int64]
    x: Floats
    y: Floats
    value: Floats
    area: Floats | None
    flow: Floats | None
    gx: Floats
    gy: Floats
    clock: Clock
    size: tuple[float, float]
    boundary: tuple[str, str]
    name: str
    units: str
    length_unit: str
    low: float
    high: float
    marks: Marks
    lineage: pd.DataFrame | None

    @property
    def frames(self) -> int:
        """How many there are."""
        return len(self.clock.times)

    @property
    def label(self) -> str:
        """Name and units of what is shown as colour."""
        return f"{self.name} ({self.units})" if self.units else self.name

    def alive(self, frame: int) -> NDArray[np.bool_]:
        """Cells that exist in a frame, [cells]."""
        return np.asarray(np.isfinite(self.x[frame]) & np.isfinite(self.y[frame]))

    @property
    def changes(self) -> bool:
        """Whether cells come or go."""
        return not bool(np.isfinite(self.x).all())

    @property
    def counts(self) -> Floats:
        """Number of cells in each frame, [t]."""
        return np.asarray(np.isfinite(self.x).sum(axis=1), dtype=float)

    def outlines(self, frame: int) -> Outlines:
        """The polygons of the cells that exist in a frame."""
        alive = self.alive(frame)
        return tissue_outlines(self.x[frame, alive], self.y[frame, alive], self.size, self.boundary)

    def covers(self, frame: int, points: Floats) -> NDArray[np.bool_]:
        """Which points [..., 2] lie among the cells of a frame, as near to one as cells are to each other."""
        from scipy.spatial import cKDTree

        alive = self.alive(frame)
        if alive.sum() < FEWEST:
            return np.ones(points.shape[:-1], dtype=bool)
        box = np.array([length if b == "periodic" else 0.0 for length, b in zip(self.size, self.boundary, strict=True)])
        cells = np.stack([self.x[frame, alive], self.y[frame, alive]], axis=1)
        tree = cKDTree(np.where(box > 0.0, np.mod(cells, np.where(box > 0.0, box, 1.0)), cells), boxsize=box)
        nearest = float(np.median(tree.query(tree.data, k=2)[0][:, 1]))
        return np.asarray(tree.query(points)[0] < AMONG * nearest)

    def painted(self, frame: int, colours: Floats, marked: Floats) -> Floats:
        """Colour [n, 3] of each cell that exists in a frame: of 256 for its level, or of those of marks."""
        number = self.marks.number[frame, self.alive(frame)].astype(int)
        shade = colours[np.rint(255.0 * self.level(frame)).astype(int)]
        return np.asarray(np.where(number[:, None] > 0, marked[number - 1], shade))

    def level(self, frame: int) -> Floats:
        """Colour of each cell that exists in a frame, between 0 and 1."""
        value = self.value[frame, self.alive(frame)]
        return np.asarray(np.clip(np.nan_to_num((value - self.low) / (self.high - self.low)), 0.0, 1.0))


def read(
    run: xr.Dataset,
    colour: str | None,
    *,
    marked: Mapping[str, float] | None = None,
    lineage: pd.DataFrame | None = None,
    sisters: bool = False,
) -> Recording:
    """Check a run of a tissue and read what is drawn of it; OptionError says what is missing and what there is."""
    if not {"time", "cell"} <= set(run.sizes) or not {"x", "y"} <= set(run.data_vars):
        raise OptionError(
            "only a run of a tissue can be drawn: it has the dimensions time and cell and the variables x and y, and "
            f"this dataset has the dimensions {_listed(run.sizes)}; curves of a network alone: biomulti.view.traces"
        )
    if not run.sizes["time"] or not run.sizes["cell"]:
        raise OptionError(f"there is nothing to draw: the run has {run.sizes['time']} times, {run.sizes['cell']} cells")
    missing = [name for name in ("size", "boundary") if name not in run.attrs]
    if missing:
        raise OptionError(f"the run's attributes lack {_listed(missing)}; it has {_listed(run.attrs)}")
    name = _colour(run, colour)
    value = _cells(run, name)
    low, high = _scale(value)
    size = json.loads(run.attrs["size"])
    boundary = json.loads(run.attrs["boundary"])
    return Recording(
        ids=run["cell"].to_numpy().astype(np.int64),
        x=_cells(run, "x"),
        y=_cells(run, "y"),
        value=value,
        area=_since_first(_cells(run, "area")) if "area" in run else None,
        flow=_flow(run),
        gx=np.asarray(run["gx"].values, dtype=float) if "gx" in run else np.zeros(0),
        gy=np.asarray(run["gy"].values, dtype=float) if "gy" in run else np.zeros(0),
        clock=clock(run),
        size=(float(size[0]), float(size[1])),
        boundary=(str(boundary[0]), str(boundary[1])),
        name=str(run[name].attrs.get("long_name", name)),
        units=units(str(run[name].attrs.get("units", ""))),
        length_unit=units(str(run["x"].attrs.get("units", "um"))),
        low=low,
        high=high,
        marks=marks(run, marked, lineage, sisters),
        lineage=lineage,
    )


def frame_of(recording: Recording, time: int) -> int:
    """The frame that an index means, the last being -1."""
    n = recording.frames
    if not -n <= time < n:
        first, last = recording.clock.times[[0, -1]]
        raise OptionError(
            f"time={time} is not a frame of the run: it has {n}, from 0 (or {-n}) at {first:g} {recording.clock.own} "
            f"to {n - 1} (or -1) at {last:g} {recording.clock.own}"
        )
    return time % n


def _colour(run: xr.Dataset, colour: str | None) -> str:
    known = [str(n) for n, v in run.data_vars.items() if set(v.dims) == {"time", "cell"} and n not in ("x", "y")]
    if colour is None:
        return next((n for n in known if n not in MOTION), known[0] if known else "x")
    if colour not in known:
        raise OptionError(f"colour={colour!r} is not a variable of the run's cells; there are {_listed(known)}")
    return colour


def _cells(run: xr.Dataset, name: str) -> Floats:
    return np.asarray(run[name].transpose("time", "cell").values, dtype=float)


def _since_first(area: Floats) -> Floats:
    """Areas [t, cells] over those in the first frame in which each cell exists."""
    first = np.argmax(np.isfinite(area), axis=0)
    return np.asarray(area / area[first, np.arange(area.shape[1])])


def _flow(run: xr.Dataset) -> Floats | None:
    if not {"velocity_x", "velocity_y"} <= set(run.data_vars):
        return None
    parts = [run[n].transpose("time", "gx", "gy").values for n in ("velocity_x", "velocity_y")]
    return np.asarray(np.stack(parts, axis=-1), dtype=float)


def _scale(value: Floats) -> tuple[float, float]:
    finite = value[np.isfinite(value)]
    if not len(finite):
        return 0.0, 1.0
    high = float(np.percentile(finite, TOP))
    low = 0.0 if finite.min() >= 0.0 else float(np.percentile(finite, 100.0 - TOP))
    return (low, high) if high > low else (low, low + 1.0)


def _listed(names: object) -> str:
    return ", ".join(str(n) for n in names) or "none"  # type: ignore[attr-defined]
