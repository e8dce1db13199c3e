"""What is recorded of a run: observers, each of which turns a moment into named arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biomulti.coupled.moment import Moment
from biomulti.coupled.setup import Setup
from biomulti.errors import CouplingError, OptionError
from biomulti.result import outputs, recorded_as

Values = tuple[tuple[str, ...], NDArray[Any], dict[str, str]]
GRID = ("gx", "gy", "gz")
PLACE = ("x", "y", "z")
RESERVED = (
    *PLACE, "vx", "vy", "vz", "area", "volume", "type", "velocity_x", "velocity_y", "velocity_z", "pressure", "time",
    "cell", *GRID, "cells",
)  # fmt: skip
"""Names of what runs record; a network's own variable of such a name is recorded as network_NAME."""


class Observer(Protocol):
    """Anything that names what it records of a moment."""

    def frame(self, now: Moment) -> Mapping[str, Values]:
        """Dimensions beside time, values, and attributes, by name; the same names and dimensions every time."""
        ...

    def coordinates(self, setup: Setup) -> Mapping[str, Any]:
        """Coordinates of its dimensions, as in xarray."""
        ...


@dataclass(frozen=True)
class Cells:
    """Every cell, or some: places, velocities, sizes, species and driven parameters.

    species: names of what is recorded of the networks; None takes all.
    ids: numbers of the cells that are recorded, alive or not; None takes all.
    """

    species: tuple[str, ...] | None = None
    ids: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("species", "ids"):
            value = getattr(self, name)
            if value is not None:
                if isinstance(value, str):
                    raise OptionError(f"Cells({name}={value!r}) is a sequence, as in ({value!r},).")
                kept = tuple(value) if name == "species" else tuple(sorted({int(i) for i in value}))
                object.__setattr__(self, name, kept)

    def coordinates(self, setup: Setup) -> Mapping[str, Any]:
        return {}

    def chosen(self, now: Moment) -> NDArray[np.int64]:
        """Which of the cells that live are recorded."""
        return np.arange(len(now.ids)) if self.ids is None else np.flatnonzero(np.isin(now.ids, self.ids))

    def frame(self, now: Moment) -> Mapping[str, Values]:
        setup, rows, dim = now.setup, self.chosen(now), now.grid.dim
        frame: dict[str, Values] = {}
        described = {
            n: about for kind in setup.types for n, (_, about) in outputs(kind.stepper.system, "molecules").items()
        }
        names = list(described) if self.species is None else list(self.species)
        for name in names:
            if name not in described:
                raise CouplingError(f"Cells(species=...): no network has '{name}'; there are {', '.join(described)}.")
        now.read(names)
        for name in names:
            lacking = [k for k, kind in enumerate(setup.types) if name not in kind.species]
            column = now.amount(name)[rows]
            if lacking:
                column = np.where(np.isin(now.types[rows], lacking), np.nan, column)
            frame[recorded_as(name, RESERVED)] = (("cell",), column, described[name])
        length, time = setup.length_unit, setup.types[0].network.time_unit
        for axis in range(dim):
            where = PLACE[axis]
            frame[where] = _along("cell", now.positions[rows, axis], f"position along {where}", length)
            frame[f"v{where}"] = _along(
                "cell", now.velocity[rows, axis], f"velocity along {where}", f"{length} / {time}"
            )
        size = "area" if dim == 2 else "volume"
        share = now.bodies.size[rows] / setup.unit_size
        frame[size] = _along("cell", share, f"{size} over mean {size} at the start", "")
        if len(setup.types) > 1:
            known = ", ".join(f"{k} {kind.name}" for k, kind in enumerate(setup.types))
            frame["type"] = _along("cell", now.types[rows], f"type of the cell: {known}", "")
        return frame | _driven(now, rows, frame)


def _driven(now: Moment, rows: NDArray[np.int64], taken: Mapping[str, Values]) -> dict[str, Values]:
    """Driven parameters as the signals that were felt last make them; empty in types that have no such parameter."""
    columns: dict[str, NDArray[np.float64]] = {}
    said: dict[str, str] = {}
    position = [0] * len(now.setup.types)
    for coupling, history in zip(now.setup.signals, now.state.histories, strict=True):
        name = recorded_as(coupling.parameter, RESERVED)
        name = f"{name}_driven" if name in taken else name
        column = columns.setdefault(name, np.full(len(now.ids), np.nan))
        made = coupling.response(history.at(now.time - coupling.lag, ahead=False, lowest=-np.inf))
        for k in coupling.types:
            place = now.state.slices[k]
            column[place] = now.state.own[k][:, position[k]] + made[place]
            position[k] += 1
        said[name] = f"{said[name]}; {coupling}" if name in said else str(coupling)
    return {name: (("cell",), column[rows], {"long_name": said[name]}) for name, column in columns.items()}


@dataclass(frozen=True)
class Fields:
    """Morphogens, velocity and pressure on the grid."""

    def coordinates(self, setup: Setup) -> Mapping[str, Any]:
        centres = setup.grid.centres()
        return {n: (n, c.ravel(), {"units": setup.length_unit}) for n, c in zip(GRID, centres, strict=False)}

    def frame(self, now: Moment) -> Mapping[str, Values]:
        dims, centre = GRID[: now.grid.dim], now.flow.at_centres()
        frame: dict[str, Values] = {name: (dims, field, {}) for name, field in now.state.morphogens.items()}
        for axis in range(now.grid.dim):
            frame[f"velocity_{PLACE[axis]}"] = (dims, centre[..., axis], {})
        frame["pressure"] = (dims, now.flow.p, {})
        return frame


@dataclass(frozen=True)
class Population:
    """Statistics of the cells of each type: how many, their mean size, and mean and standard deviation of species."""

    def coordinates(self, setup: Setup) -> Mapping[str, Any]:
        return {"cell_type": ("cell_type", [kind.name for kind in setup.types])}

    def frame(self, now: Moment) -> Mapping[str, Values]:
        setup, places = now.setup, now.state.slices
        size = now.bodies.size / setup.unit_size
        columns: dict[str, list[float]] = {"cells": [], "mean_size": []}
        names = {n: None for kind in setup.types for n in kind.species}
        now.read(list(names))
        for name in names:
            columns[f"{name}_mean"], columns[f"{name}_sd"] = [], []
        for kind, place in zip(setup.types, places, strict=True):
            count = place.stop - place.start
            columns["cells"].append(float(count))
            columns["mean_size"].append(_mean(size[place]))
            for name in names:
                own = now.amount(name)[place] if name in kind.species else np.empty(0)
                columns[f"{name}_mean"].append(_mean(own))
                columns[f"{name}_sd"].append(float(np.std(own)) if len(own) else np.nan)
        return {name: (("cell_type",), np.array(column), {}) for name, column in columns.items()}


@dataclass(frozen=True)
class Function:
    """What a function of yours makes of a moment.

    name: of the variable. call: takes a `Moment` and returns a number or an array of the same shape every time.
    dims: names of the array's dimensions, none of them those of other observers unless as long.
    """

    name: str
    call: Callable[[Moment], ArrayLike]
    dims: tuple[str, ...] = ()
    units: str = ""

    def coordinates(self, setup: Setup) -> Mapping[str, Any]:
        return {}

    def frame(self, now: Moment) -> Mapping[str, Values]:
        values = np.asarray(self.call(now))
        if values.ndim != len(self.dims):
            raise CouplingError(
                f"Function('{self.name}') gave an array of shape {values.shape} for the dimensions {self.dims}; name "
                f"one for each axis with dims=."
            )
        return {self.name: (self.dims, values, {"units": self.units})}


EVERYTHING: tuple[Observer, ...] = (Cells(), Fields())


def as_observers(observe: Observer | Sequence[Observer] | None) -> tuple[Observer, ...]:
    """What a run records; None is everything."""
    if observe is None:
        return EVERYTHING
    chosen = tuple(observe) if isinstance(observe, Sequence) else (observe,)
    for item in chosen:
        if isinstance(item, type) or not callable(getattr(item, "frame", None)):
            raise OptionError(f"observe={item!r}: give Cells(), Fields(), Population(), Function(...), or several.")
    if sum(isinstance(item, Cells) for item in chosen) > 1:
        raise OptionError("observe takes Cells(...) once; name all species and cells in it.")
    return chosen


def recorded(observers: tuple[Observer, ...], now: Moment) -> tuple[dict[str, Values], NDArray[np.int64] | None]:
    """The frame of a moment, and the numbers of the cells in it, None where cells are not recorded."""
    frame: dict[str, Values] = {}
    ids = None
    for observer in observers:
        for name, values in observer.frame(now).items():
            if name in frame:
                raise CouplingError(f"two observers record '{name}'; give one of them another name.")
            frame[name] = values
        if isinstance(observer, Cells):
            ids = now.ids[observer.chosen(now)]
    return frame, ids


def _along(dim: str, column: NDArray[Any], meaning: str, unit: str) -> Values:
    return (dim,), column, {"long_name": meaning, "units": unit}


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.mean(values)) if len(values) else np.nan
