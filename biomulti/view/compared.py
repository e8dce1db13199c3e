"""The picture of a comparison of methods: courses in time, and distributions at the end."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from biomulti.errors import OptionError
from biomulti.view.recording import clock
from biomulti.view.words import number, units

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


Floats = NDArray[np.float64]
Runs = Mapping[str, xr.Dataset]  # by method, the reference first

SHOWN = 8  # species; more cannot be read on one page
BINS = 40
DPI = 160
# black for the reference, then colours that colour-blind people can tell apart: Okabe & Ito 2008,
# https://jfly.uni-koeln.de/color/
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
BAND = "0.85"
ENDINGS = (".png", ".pdf", ".svg", ".jpg")


def check_path(path: str | Path) -> Path:
    """The path of a picture; OptionError for a folder that does not exist or an ending that is not known."""
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise OptionError(f"{path}: a picture's name ends in {', '.join(ENDINGS)}.")
    if not path.parent.is_dir():
        raise OptionError(f"{path}: there is no folder {path.parent}.")
    return path


def compared(runs: Runs, table: pd.DataFrame, path: str | Path | None = None) -> Figure:
    """
    Draw every species that was compared: mean +- sd in time on the left, the distribution at the end on the right.

    runs: results by method, the reference first; table: that of a `biomulti.Comparison`, which says what differs.
    path: the picture to write, or None; of more than 8 species those that differ most surely are drawn and the others
        named.

    Raises OptionError for a folder that does not exist, or an ending that is not known.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if path is not None:
        check_path(path)
    names, rest = _chosen(runs, table)
    across = 1 if len(names) <= 3 else 2
    down = -(-len(names) // across)
    figure = Figure(figsize=(0.4 + 7.6 * across, 1.0 + 2.5 * down), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(down, 2 * across, squeeze=False, width_ratios=[3, 2] * across).reshape(-1, 2)
    for (left, right), name in zip(axes, names, strict=False):
        _course(left, runs, table, name)
        _distribution(right, runs, name)
    for ax in axes[len(names) :].ravel():
        ax.set_visible(False)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper left", ncols=4 * across, frameon=False, fontsize=9, columnspacing=1.2
    )
    if rest:
        text = "\n".join(textwrap.wrap(f"not drawn: {', '.join(rest)}", 100 * across))
        figure.supxlabel(text, fontsize=8, color="0.35", x=0.01, ha="left")
    if path is not None:
        figure.savefig(path)
    return figure


def _reference(runs: Runs) -> xr.Dataset:
    return next(iter(runs.values()))


def _chosen(runs: Runs, table: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Species that are drawn, and the others."""
    names = list(dict.fromkeys(table.index.get_level_values("species")))
    if not names:
        names = [str(n) for n in _reference(runs).data_vars]
    if len(names) <= SHOWN:
        return names, []
    columns = [c for c in table if str(c).endswith("_adjusted")]
    surest = table[columns].min(axis=1).groupby(level="species", sort=False).min().fillna(1.0)
    order = [str(n) for n in surest.sort_values(kind="stable").index] if len(table) else names
    shown = set(order[:SHOWN])
    return [n for n in names if n in shown], [n for n in names if n not in shown]


def _course(ax: Axes, runs: Runs, table: pd.DataFrame, name: str) -> None:
    """Mean and standard deviation in time; triangles where a difference was found."""
    time = clock(_reference(runs))
    least = np.inf
    for k, (method, run) in enumerate(runs.items()):
        values = run[name].transpose("time", "replicate").to_numpy()
        mean, sd, varies = values.mean(axis=1), values.std(axis=1), bool(np.ptp(values, axis=1).any())
        least = min(least, float(values.min()))
        colour, dash = COLOURS[k % len(COLOURS)], DASHES[k % len(DASHES)]
        if k == 0 and varies:
            ax.fill_between(time.shown, mean - sd, mean + sd, color=BAND, linewidth=0)
        elif varies:
            for edge in (mean - sd, mean + sd):
                ax.plot(time.shown, edge, color=colour, linestyle=dash, linewidth=0.9)
        label = f"{method}: mean ± sd" if varies else f"{method}: every run"
        ax.plot(time.shown, mean, color=colour, linestyle=dash, linewidth=2.0 if k == 0 else 1.7, label=label)
    found = _differing_times(list(runs), table, name)
    for j, (k, times) in enumerate(found.items()):
        ax.plot(
            np.asarray(times) / time.per, np.full(len(times), 0.03 + 0.06 * j), "^", color=COLOURS[k % len(COLOURS)],
            transform=ax.get_xaxis_transform(), markersize=6, clip_on=False, zorder=5,
        )  # fmt: skip
    unit = units(str(_reference(runs)[name].attrs.get("units", "")))
    ax.set_ylabel(unit or "value", fontsize=9)
    ax.set_xlabel(f"time ({time.unit})" if time.unit else "time", fontsize=9)
    ax.set_title(_title(runs, name, found), fontsize=10, loc="left")
    ax.margins(x=0.0)
    if least >= 0.0 > ax.get_ylim()[0]:
        ax.set_ylim(bottom=0.0)
    _plain(ax)


def _differing_times(methods: list[str], table: pd.DataFrame, name: str) -> dict[int, list[float]]:
    """Times at which a method, by its place, was found to differ."""
    out: dict[int, list[float]] = {}
    for method, species, time in table.index[table["differs"]]:
        if species == name:
            out.setdefault(methods.index(method), []).append(float(time))
    return out


def _title(runs: Runs, name: str, found: dict[int, list[float]]) -> str:
    label = str(_reference(runs)[name].attrs.get("long_name", name))
    if len(runs) == 1:
        return label
    differing = [list(runs)[k] for k in found]
    if not differing:
        return f"{label}: no difference found"
    return f"{label}: ▲ {' and '.join(differing)} differ{'s' if len(differing) == 1 else ''}"


def _distribution(ax: Axes, runs: Runs, name: str) -> None:
    """Shares of runs at the end; a method whose runs all agree is a line."""
    from matplotlib.ticker import MaxNLocator

    reference = _reference(runs)
    samples = [run[name].isel(time=-1).to_numpy() for run in runs.values()]
    edges = _bins([s for s in samples if np.ptp(s)] or samples)
    for k, sample in enumerate(samples):
        colour, dash = COLOURS[k % len(COLOURS)], DASHES[k % len(DASHES)]
        if not np.ptp(sample):
            ax.axvline(sample[0], color=colour, linestyle=dash, linewidth=1.7)
            continue
        share = np.histogram(sample, edges)[0] / len(sample)
        ax.stairs(share, edges, fill=k == 0, color=BAND if k == 0 else colour, linestyle=dash, linewidth=1.5)
        if k == 0:
            ax.stairs(share, edges, color=colour, linewidth=1.0)
    unit = units(str(reference[name].attrs.get("units", "")))
    time = clock(reference)
    ax.set_xlabel(unit or "value", fontsize=9)
    ax.set_ylabel("share of runs", fontsize=9)
    ax.set_title(f"at {time.shown[-1]:.6g} {time.unit}".rstrip(), fontsize=10, loc="left")
    ax.set_ylim(bottom=0.0)
    _plain(ax)
    if all(_is_whole(s) for s in samples if np.ptp(s)):
        ax.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))


def _is_whole(sample: Floats) -> bool:
    return np.array_equal(sample, np.round(sample))


def _bins(samples: list[Floats]) -> Floats:
    """Edges of the bins for all samples: each a whole number of counts wide where these are whole."""
    pooled = np.concatenate(samples)
    low, high = float(pooled.min()), float(pooled.max())
    if any(_is_whole(s) for s in samples):
        low, high = np.floor(low + 0.5), np.floor(high + 0.5)
        width = max(1.0, np.ceil((high - low + 1.0) / BINS))
        return np.asarray(np.arange(low - 0.5, high + 0.5 + width, width))
    return np.asarray(np.linspace(low, high, BINS + 1) if high > low else np.array([low - 0.5, low + 0.5]))


def _plain(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.yaxis.set_major_formatter(number)
    ax.xaxis.set_major_formatter(number)
    ax.tick_params(labelsize=8)
