"""The trees of a few founders of a tissue, in time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from biomulti.view.colours import FAINT, colour_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# How many founders are shown, and how many cells at the right end of their trees at most.
FOUNDERS, LEAVES = 6, 48


def families(lineage: pd.DataFrame) -> list[int]:
    """Founders from those whose first division was early to those where it was late, as many as can be read."""
    parent = lineage["parent"].to_numpy()
    divided = lineage[(parent < 0) & (lineage["fate"].to_numpy() == "divided")].sort_values("ended", kind="stable")
    if divided.empty:
        return []
    even = np.unique(((np.arange(FOUNDERS) + 0.5) / FOUNDERS * len(divided)).astype(int))
    daughters = _daughters(lineage)
    chosen: list[int] = []
    leaves = 0
    for founder in divided.index.to_numpy()[even]:
        leaves += _leaves(int(founder), daughters)
        if chosen and leaves > LEAVES:
            break
        chosen.append(int(founder))
    return chosen


def draw_families(ax: Axes, lineage: pd.DataFrame, end: float, per: float) -> None:
    """Draw them: a line for each cell from birth to end, a bar where it divides, a cross where it dies.

    end: of the lines of cells that live, in the run's own unit of time; per: of that unit in one of the axis.
    """
    from matplotlib.collections import LineCollection

    daughters = _daughters(lineage)
    born, ended = lineage["born"].to_dict(), lineage["ended"].to_dict()
    fate = lineage["fate"].to_dict()
    chosen = families(lineage)
    row, deaths = 0.0, []
    for k, founder in enumerate(chosen):
        place = _places(founder, daughters, row)
        lines = []
        for cell in place:
            stop = min(ended[cell], end) / per
            lines.append([(born[cell] / per, place[cell]), (stop, place[cell])])
            below = [place[d] for d in daughters.get(cell, [])]
            if below:
                lines.append([(stop, min(below)), (stop, max(below))])
            if fate[cell] == "died" and math.isfinite(ended[cell]):
                deaths.append((stop, place[cell]))
        colour = colour_map()(0.42 + 0.5 * k / max(1, FOUNDERS - 1))
        ax.add_collection(LineCollection(lines, colors=[colour], linewidths=1.3))
        row = max(place.values()) + 1.6
    if deaths:
        ax.plot(*np.array(deaths).T, "x", color=FAINT, markersize=4)
    ax.set_ylim(row - 0.6, -1.0)
    ax.set_yticks([])


def _daughters(lineage: pd.DataFrame) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for cell, mother in zip(lineage.index.to_numpy(), lineage["parent"].to_numpy(), strict=True):
        if mother >= 0:
            found.setdefault(int(mother), []).append(int(cell))
    return found


def _places(founder: int, daughters: dict[int, list[int]], top: float) -> dict[int, float]:
    """Rows of a founder and all that descend from it: leaves from `top` on, mothers between their daughters."""
    leaves, stack, order = 0, [founder], []
    place: dict[int, float] = {}
    while stack:
        cell = stack.pop()
        order.append(cell)
        below = daughters.get(cell, [])
        stack += reversed(below)
        if not below:
            place[cell], leaves = top + leaves, leaves + 1
    for cell in reversed(order):
        if cell not in place:
            place[cell] = float(np.mean([place[d] for d in daughters[cell]]))
    return place


def _leaves(founder: int, daughters: dict[int, list[int]]) -> int:
    below = daughters.get(founder, [])
    return sum(_leaves(d, daughters) for d in below) if below else 1
