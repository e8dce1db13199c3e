"""Curves beside the picture of a tissue: what its cells did in time."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from biomulti.view.colours import BAND, FAINT, INK, LINE, PANEL, REST, colour_map
from biomulti.view.families import draw_families
from biomulti.view.recording import Recording
from biomulti.view.words import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

# Half width of the ventral band, over the circumference: 18 of 82 cells, the prospective mesoderm of the fly.
BAND_WIDTH = 0.11
# How far from the ventral midline the kymograph reaches, over the circumference.
REACH = 0.25
TRACES = 5
# Letters, beyond which a title runs out of the figure.
LONGEST_TITLE = 52
# Most stripes of the kymograph, and how wide they are at least, in cells.
STRIPES, STRIPE_WIDTH = 41, 1.5


def embryo_panels(axes: list[Axes], recording: Recording, ventral: float) -> None:
    """Kymograph of the ventral side, apical area inside and outside the band, single cells of the midline, lineage."""
    start = recording.alive(0)
    band = in_band(recording, ventral) & start
    rest = ~band & start
    _kymograph(axes[0], recording, ventral)
    if recording.area is not None:
        groups = (
            (100.0 * recording.area[:, band], "ventral band: mean, 10–90 % of cells", BAND),
            (100.0 * recording.area[:, rest], "rest", REST),
        )
        _courses(axes[1], recording, groups, "Apical area (% of start)")
    else:
        groups = (
            (recording.value[:, band], "ventral band: mean, 10–90 % of cells", BAND),
            (recording.value[:, rest], "rest", REST),
        )
        _courses(axes[1], recording, groups, recording.label)
    singles = recording.value[:, midline_cells(recording, ventral)]
    _singles(axes[2], recording, singles, f"{recording.name} in single midline cells")
    if len(axes) > 3:
        _lineage(axes[3], recording)


def flat_panels(axes: list[Axes], recording: Recording) -> None:
    """The colour's course over all cells, single cells, the speed of the flow where it is known, and the lineage."""
    _courses(axes[0], recording, ((recording.value, "mean, 10–90 % of cells", BAND),), recording.label)
    if recording.lineage is None:
        _singles(axes[1], recording, recording.value[:, typical_cells(recording)], _short(recording, "single cells"))
    else:
        singles = ancestries(recording)
        _singles(axes[1], recording, singles, _short(recording, "cells and their mothers"))
    if recording.flow is not None:
        speed = np.sqrt((recording.flow**2).sum(axis=-1).mean(axis=(1, 2)))
        _line(axes[2], recording, speed, f"Root mean square flow ({recording.length_unit}/{recording.clock.own})")
    if recording.flow is None or len(axes) > 3:
        _lineage(axes[-1], recording)


def only_panel(ax: Axes, recording: Recording) -> None:
    """How the colour is distributed over the cells of a run's only frame."""
    values = recording.value[0][np.isfinite(recording.value[0])]
    _dress(ax, recording, f"Cells by {recording.label}")
    count, edges, bars = ax.hist(values, bins=40, range=(recording.low, max(recording.high, float(values.max()))))
    for left, right, bar in zip(edges[:-1], edges[1:], bars.patches, strict=True):  # type: ignore[union-attr]
        level = ((left + right) / 2 - recording.low) / (recording.high - recording.low)
        bar.set_facecolor(colour_map()(float(level)))
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(0.0, 1.1 * float(np.max(count)))


def needed(recording: Recording, surface: str) -> int:
    """How many panels there are: one more where cells come and go, if something else takes the last of three."""
    return 3 + int(recording.changes and (surface == "embryo" or recording.flow is not None))


def in_band(recording: Recording, ventral: float) -> NDArray[np.bool_]:
    """Cells [cells] that were within the ventral band when they were first seen."""
    first = np.argmax(np.isfinite(recording.y), axis=0)
    y = recording.y[first, np.arange(recording.y.shape[1])]
    return np.asarray(np.abs(_around(y - ventral, recording.size[1])) < BAND_WIDTH * recording.size[1])


def midline_cells(recording: Recording, ventral: float) -> NDArray[np.int64]:
    """The cells that start nearest to evenly spaced points of the ventral midline."""
    x, y = recording.x[0], _around(recording.y[0] - ventral, recording.size[1])
    targets = (np.arange(TRACES) + 0.5) / TRACES * recording.size[0]
    distance = np.hypot(x - targets[:, None], y)
    return np.unique(np.argmin(np.where(np.isfinite(distance), distance, np.inf), axis=1))


def typical_cells(recording: Recording) -> NDArray[np.int64]:
    """Cells seen half as long as the longest or more, from the lowest to the highest mean in even steps of it."""
    seen = np.isfinite(recording.value).sum(axis=0)
    there = np.flatnonzero(seen >= max(2.0, 0.5 * float(seen.max(initial=0))))
    if not len(there):
        return there
    return there[in_even_steps(np.nanmean(recording.value[:, there], axis=0))]


def in_even_steps(values: Floats) -> NDArray[np.int64]:
    """Which of the values [n], n of 1 or more, are nearest to even steps from the lowest to the highest of them."""
    order = np.argsort(values, kind="stable")
    steps = np.linspace(values.min(), values.max(), TRACES)
    nearest = np.argmin(np.abs(values[order] - steps[:, None]), axis=1)
    return np.asarray(order[np.unique(nearest)])


def ancestries(recording: Recording) -> Floats:
    """Courses [t, n] of cells that live at the end, and before their birth of their mothers, from low to high."""
    assert recording.lineage is not None
    column = {int(cell): k for k, cell in enumerate(recording.ids)}
    parent = recording.lineage["parent"].to_dict()
    alive = np.flatnonzero(np.isfinite(recording.value[-1]))
    chosen = alive[in_even_steps(recording.value[-1, alive])] if len(alive) else alive
    courses = recording.value[:, chosen].copy()
    for k, cell in enumerate(recording.ids[chosen]):
        mother = parent.get(int(cell), -1)
        while mother in column:
            before = recording.value[:, column[mother]]
            courses[:, k] = np.where(np.isfinite(before), before, courses[:, k])
            mother = parent.get(mother, -1)
    return courses


def kymograph(recording: Recording, ventral: float) -> Floats:
    """Mean of the colour in stripes along the embryo, [stripes, t], from -REACH to REACH round the ventral midline."""
    edge = REACH * recording.size[1]
    cell = np.sqrt(recording.size[0] * recording.size[1] / max(1.0, recording.counts.max()))
    stripes = max(3, min(STRIPES, int(2 * edge / (STRIPE_WIDTH * cell))))
    out = np.empty((stripes, recording.frames))
    for t in range(recording.frames):
        alive = recording.alive(t) & np.isfinite(recording.value[t])
        y = _around(recording.y[t, alive] - ventral, recording.size[1])
        stripe = np.floor((y + edge) / (2 * edge) * stripes).astype(int)
        inside = (stripe >= 0) & (stripe < stripes)
        total = np.bincount(stripe[inside], recording.value[t, alive][inside], minlength=stripes)
        count = np.bincount(stripe[inside], minlength=stripes)
        out[:, t] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return out


def _kymograph(ax: Axes, recording: Recording, ventral: float) -> None:
    _dress(ax, recording, f"{recording.name}, mean along the embryo")
    edge = REACH * recording.size[1]
    t = recording.clock.shown
    image = np.ma.masked_invalid(kymograph(recording, ventral))
    middles = np.linspace(-edge, edge, len(image) + 1)
    middles = (middles[1:] + middles[:-1]) / 2
    ax.pcolormesh(t, middles, image, cmap=colour_map(), vmin=recording.low, vmax=recording.high, shading="nearest")
    ax.set_ylim(-edge, edge)
    ax.set_yticks([-100, 0, 100] if 100 < edge < 300 else [0])
    ax.set_ylabel(f"from ventral\nmidline ({recording.length_unit})")


def _courses(ax: Axes, recording: Recording, groups: tuple[tuple[Floats, str, str], ...], title: str) -> None:
    _dress(ax, recording, title)
    t = recording.clock.shown
    for values, name, colour in groups:
        if not values.shape[1]:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            low, high = np.nanpercentile(values, [10, 90], axis=1)
            mean = np.nanmean(values, axis=1)
        ax.fill_between(t, low, high, color=colour, alpha=0.22, linewidth=0)
        ax.plot(t, mean, color=colour, linewidth=1.8, label=name)
    ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    ax.margins(y=0.1)
    ax.legend(loc="best", frameon=False, labelcolor="linecolor", handlelength=0, handletextpad=0, fontsize=9)


def _short(recording: Recording, what: str) -> str:
    """A title that fits."""
    title = f"{recording.name} in {what}, low to high"
    return title if len(title) <= LONGEST_TITLE else f"In {what}, low to high"


def _singles(ax: Axes, recording: Recording, values: Floats, title: str) -> None:
    """Curves [t, n] one above the other, with a bar for their scale instead of five axes."""
    _dress(ax, recording, title)
    if not values.size or not np.isfinite(values).any():
        return
    step = float(np.nanmax(values) - min(0.0, float(np.nanmin(values)))) or 1.0
    t = recording.clock.shown
    for k, course in enumerate(values.T):
        base = 0.8 * k * step
        ax.fill_between(t, base, base + course, color=PANEL, linewidth=0, zorder=2 * (10 - k))
        ax.plot(t, base + course, color=colour_map()(0.42 + 0.1 * k), linewidth=1.3, zorder=2 * (10 - k) + 1)
    low, high = min(0.0, float(np.nanmin(values))), (0.8 * (values.shape[1] - 1) + 1.08) * step
    ax.set_ylim(low, high)
    ax.set_yticks([])
    bar, middle = round_down(step), 0.5 * (low + high)
    side = ax.get_yaxis_transform()
    ax.plot([-0.025] * 2, [middle - bar / 2, middle + bar / 2], color=FAINT, linewidth=2, transform=side, clip_on=False)
    text = f"{number(bar)} {recording.units}".strip()
    ax.text(-0.045, middle, text, color=FAINT, rotation=90, ha="right", va="center", transform=side)


def _lineage(ax: Axes, recording: Recording) -> None:
    """Number of cells in time, and over it the trees of a few founders where it is known who descends from whom."""
    count = recording.counts
    if recording.lineage is None:
        _line(ax, recording, count, "Cells")
        return
    title = f"Cells: {number(count[0])} to {number(count[-1])}; lineages of a few"
    _dress(ax, recording, title)
    behind = ax.twinx()
    behind.fill_between(recording.clock.shown, count, count.min(), color=LINE, linewidth=0, alpha=0.7)
    behind.set_ylim(count.min(), count.max() + 0.08 * max(1.0, float(np.ptp(count))))
    behind.axis("off")
    ax.set_zorder(behind.get_zorder() + 1)
    ax.set_facecolor("none")
    draw_families(ax, recording.lineage, float(recording.clock.times[-1]), recording.clock.per)


def _line(ax: Axes, recording: Recording, values: Floats, title: str) -> None:
    _dress(ax, recording, title)
    ax.plot(recording.clock.shown, values, color=REST, linewidth=1.8)
    ax.set_ylim(0.0, 1.15 * float(np.nanmax(values)) or 1.0)


def _dress(ax: Axes, recording: Recording, title: str) -> None:
    t = recording.clock.shown
    ax.set_title(title, loc="left", fontsize=10, color=INK, pad=5)
    ax.set_xlim(t[0], t[-1] if len(t) > 1 else t[0] + 1.0)
    ax.set_facecolor(PANEL)
    ax.yaxis.set_major_formatter(number)
    ax.tick_params(colors=FAINT, length=3, labelsize=9)
    ax.xaxis.label.set_color(FAINT)
    ax.yaxis.label.set_color(FAINT)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(LINE)


def _around(distance: Floats, period: float) -> Floats:
    return np.asarray(np.mod(distance + period / 2, period) - period / 2)


def round_down(value: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is not above value."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * max(m for m in (1.0, 2.0, 5.0) if m * power <= value * (1 + 1e-9)))
