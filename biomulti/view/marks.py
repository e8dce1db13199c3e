"""Cells that are set apart by a colour of their own: those that have much of something, and sisters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from biomulti.errors import OptionError
from biomulti.view.words import number, units

# Cool colours, which the colour map of the other cells does not have: for what is marked, and for pairs of sisters.
MARKED = ("#35e0a1", "#c3f73a", "#00c2c7")
SISTERS = ("#3d8bfd", "#9ad1ff", "#22c7f0", "#8f9bff", "#d3e3ff")
SCATTER = 2654435761  # Knuth, The Art of Computer Programming 3, section 6.4: multiplicative hashing
COLOURS = (*MARKED, *SISTERS)


@dataclass(frozen=True)
class Marks:
    """number [t, cells] is 1 + the index in COLOURS of a cell's own colour, or 0; legend: what colours mean."""

    number: NDArray[np.int8]
    legend: tuple[tuple[str, tuple[str, ...]], ...] = ()


def marks(run: xr.Dataset, marked: Mapping[str, float] | None, lineage: pd.DataFrame | None, sisters: bool) -> Marks:
    """
    The colours of cells that are set apart; what is marked goes before sisters.

    marked: variables [time, cell], and what a cell has more of than others; three at most.
    lineage: the table of `Run.lineage`, of which `sisters` takes the cells that were born by division.

    Raises OptionError for a variable that does not exist, too many of them, or sisters without a lineage.
    """
    number_of = np.zeros((run.sizes["time"], run.sizes["cell"]), dtype=np.int8)
    legend: list[tuple[str, tuple[str, ...]]] = []
    if sisters:
        if lineage is None:
            raise OptionError("sisters=True needs to know who descends from whom: lineage=run.lineage.table")
        pair = pairs(run, lineage)
        # pairs that were born one after the other often lie beside each other
        number_of[:] = np.where(pair >= 0, 1 + len(MARKED) + (pair * SCATTER >> 16) % len(SISTERS), 0)
        if (pair >= 0).any():
            legend.append(("sisters, a colour for each pair", SISTERS))
    wanted = dict(marked or {})
    if len(wanted) > len(MARKED):
        raise OptionError(f"marked={wanted!r}: {len(MARKED)} variables can be told apart, not {len(wanted)}")
    for k, (name, least) in reversed(list(enumerate(wanted.items()))):
        if name not in run or set(run[name].dims) != {"time", "cell"}:
            known = ", ".join(str(n) for n, v in run.data_vars.items() if set(v.dims) == {"time", "cell"})
            raise OptionError(f"marked={{{name!r}: ...}} is not a variable of the run's cells; there are {known}")
        values = run[name].transpose("time", "cell")
        number_of[values.to_numpy() > least] = 1 + k
        what, unit = str(values.attrs.get("long_name", name)), units(str(values.attrs.get("units", "")))
        legend.insert(0, (f"{what} over {number(least)} {unit}".rstrip(), (MARKED[k],)))
    return Marks(number_of, tuple(legend))


def pairs(run: xr.Dataset, lineage: pd.DataFrame) -> NDArray[np.int64]:
    """The pair that each cell of a run belongs to, counted in the order of birth, -1 for those without sister."""
    parent = lineage["parent"].reindex(run["cell"].to_numpy()).fillna(-1).to_numpy().astype(np.int64)
    mothers, of = np.unique(parent, return_inverse=True)
    return np.where(parent >= 0, of - int(mothers[0] < 0), -1)
