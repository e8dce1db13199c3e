"""Curves of a network's runs in time."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from biomulti.errors import OptionError
from biomulti.view.recording import clock
from biomulti.view.words import number, units

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More small pictures than this cannot be read on one page.
SHOWN = 12
SINGLE_RUNS = 3
DPI = 160
COURSE, SINGLE = "#8a2a6b", "#e9586f"


def traces(run: xr.Dataset, path: str | Path) -> Path:
    """
    Draw every species of a network's run in time: mean, the band of 10 to 90 % of the runs, and a few single runs.

    run: Dataset whose variables have the dimensions time and replicate, as `biomulti.simulate` returns; of more
        than 12 variables the first 12 are drawn and the others named.
    path: the .png to write; its folder has to exist.

    Raises OptionError when there is no variable of those dimensions.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [str(n) for n, v in run.data_vars.items() if set(v.dims) == {"time", "replicate"}]
    if not names:
        found = ", ".join(f"{n} {tuple(map(str, v.dims))}" for n, v in run.data_vars.items()) or "none"
        raise OptionError(f"no variable has the dimensions time and replicate; the run's variables are {found}")
    shown, rest = names[:SHOWN], names[SHOWN:]
    columns = _columns(len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(1.0 + 3.4 * columns, 0.9 + 2.3 * rows), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    for ax, name in zip(axes, shown, strict=False):
        _course(ax, run, name)
    for ax in axes[len(shown) :]:
        ax.set_visible(False)
    unit = clock(run).unit
    for ax in axes[max(0, len(shown) - columns) : len(shown)]:
        ax.set_xlabel(f"time ({unit})" if unit else "time")
        ax.tick_params(labelbottom=True)
    figure.suptitle(_title(run), fontsize=11, x=0.01, ha="left")
    if rest:
        text = "\n".join(textwrap.wrap(f"not drawn: {', '.join(rest)}", 45 * columns))
        figure.supxlabel(text, fontsize=8, color="0.35", x=0.01, ha="left")
    figure.savefig(path)
    return Path(path)


def _course(ax: Axes, run: xr.Dataset, name: str) -> None:
    values = np.asarray(run[name].transpose("time", "replicate").values, dtype=float)
    t = clock(run).shown
    if values.shape[1] > 1:
        low, high = np.percentile(values, [10, 90], axis=1)
        ax.fill_between(t, low, high, color=COURSE, alpha=0.16, linewidth=0)
        ax.plot(t, values[:, :SINGLE_RUNS], color=SINGLE, linewidth=0.6, alpha=0.75)
    ax.plot(t, values.mean(axis=1), color=COURSE, linewidth=1.8)
    unit = units(str(run[name].attrs.get("units", "")))
    label = str(run[name].attrs.get("long_name", name))
    ax.set_title(f"{label} ({unit})" if unit else label, fontsize=10, loc="left")
    ax.margins(x=0.0)
    if np.nanmin(values) >= 0.0:
        ax.set_ylim(bottom=0.0)
    ax.spines[["top", "right"]].set_visible(False)
    ax.yaxis.set_major_formatter(number)
    ax.tick_params(labelsize=8)


def _columns(n: int) -> int:
    """How many stand side by side: all up to three, else the number that leaves fewest places empty."""
    return n if n <= 3 else min((4, 3) if n > 4 else (2,), key=lambda columns: -n % columns)


def _title(run: xr.Dataset) -> str:
    n = run.sizes["replicate"]
    what = "one run" if n == 1 else f"{n:,} runs: mean, band of 10–90 %, {min(n, SINGLE_RUNS)} single runs"
    model = str(run.attrs.get("model", "")).replace("_", " ")
    return f"{model}   ({what})" if model else what
