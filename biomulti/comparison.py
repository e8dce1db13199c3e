"""What `biomulti.compare` answers: a verdict to print, the table behind it, and a picture."""

from __future__ import annotations

import base64
import html
import io
import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TESTS = ("mean", "spread", "distribution")
SHOWN = 20  # rows of a printed table
WIDTH = 110
POINT = "ode"  # the method without a distribution


@dataclass(frozen=True, eq=False)
class Comparison:
    """Methods side by side; the first is the reference.

    Attributes:
        model: name of the network.
        methods: those that ran.
        replicates: runs of each.
        confidence: that no difference is found where there is none.
        table: a row for each method, species and time, with columns
            mean_reference, mean_difference (method minus reference, in the results' unit), mean_se, mean_z, mean_p;
            sd_reference, variance_ratio (method over reference), log_variance_ratio_se, spread_z, spread_p;
            ks (the Kolmogorov-Smirnov distance), distribution_p;
            mean_adjusted, spread_adjusted, distribution_adjusted: the p values by Holm's method, for all tests at once;
            differs: True if one of these is below 1 - confidence;
            mean_at_most, sd_at_most: bounds of the relative difference of means and standard deviations, which all hold
            together with the confidence;
            mean_seen_from: the relative difference of means that such runs would show nine times in ten.
            What was not tested, or cannot be, is NaN.
        data: results of `simulate` by method.
        seed: that all others were drawn from; seeds: those of the methods.
        seconds: processor seconds of each method, those for compiling the model among them.
        warnings: what each method warned of.
        failures: the errors of methods that failed; partial: what they had computed until then.
    """

    model: str
    methods: tuple[str, ...]
    replicates: int
    confidence: float
    table: pd.DataFrame
    data: Mapping[str, xr.Dataset]
    seed: int
    seeds: Mapping[str, int]
    seconds: Mapping[str, float]
    warnings: Mapping[str, tuple[str, ...]]
    failures: Mapping[str, str]
    partial: Mapping[str, xr.Dataset]

    @property
    def reference(self) -> str:
        """The method that the others are compared with."""
        return self.methods[0]

    @property
    def differs(self) -> bool:
        """Whether any method was found to differ from the reference."""
        return bool(self.table["differs"].any())

    @property
    def versions(self) -> dict[str, str]:
        """Versions of everything that took part."""
        return dict(json.loads(self.data[self.reference].attrs["versions"]))

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw mean +- sd of each species in time and its distribution at the end, by every method.

        Args:
            path: where to write the picture, if anywhere; its ending decides the format (.png, .pdf, .svg).

        Raises:
            OptionError: a folder that does not exist, or an ending that is not known.
        """
        from biomulti.view.compared import compared

        return compared(self.data, self.table, path)

    def of(self, method: str) -> pd.DataFrame:
        """The rows of the table for one method."""
        return self.table[self.table.index.get_level_values("method") == method]

    def __str__(self) -> str:
        run = self.data[self.reference]
        end = f"{float(run['time'][-1]):g} {run.attrs['time_unit']}"
        lines = [f"{self.model} to {end}, {self.replicates:,} runs of each method; reference: {self.reference}", ""]
        for method in self.methods[1:]:
            lines += [*_verdict(self, method), ""]
        if len(self.methods) == 1:
            lines += [f"Nothing was compared: only {self.reference} ran.", ""]
        for method, message in self.failures.items():
            lines += [*_wrapped(f"{method} FAILED: {message}"), ""]
        width = max(len(m) for m in self.seeds)
        for method, seed in self.seeds.items():
            lines.append(f"  {method:{width}}  {self.seconds[method]:.3g} processor seconds, seed {seed}")
            for message in self.warnings[method]:
                lines += _wrapped(f"note: {message}", width + 4)
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        picture = io.BytesIO()
        figure = self.plot()
        figure.savefig(picture, format="png")
        inside = base64.b64encode(picture.getvalue()).decode()
        width = round(70 * figure.get_figwidth())
        return f'<pre>{html.escape(str(self))}</pre><img width="{width}" src="data:image/png;base64,{inside}">'


def _verdict(comparison: Comparison, method: str) -> list[str]:
    """A sentence about a method, what differs, and how much else may differ."""
    rows = comparison.of(method)
    tests = int(rows[[f"{test}_p" for test in TESTS]].notna().to_numpy().sum())
    sure = f"at {100 * comparison.confidence:.10g} % confidence"
    pair = f"{method} and {comparison.reference}"
    if not tests:
        return _wrapped(f"{pair}: nothing to test, since no run differs from another.")
    found = {test: rows.index[rows[f"{test}_adjusted"] < 1.0 - comparison.confidence] for test in TESTS}
    if rows["differs"].any():
        number = sum(len(index) for index in found.values())
        lines = _wrapped(f"{pair} DIFFER in {number} of {tests} tests {sure}: {_where(found)}.")
        lines += _differences(rows, comparison.confidence)
    else:
        lines = _wrapped(f"{pair}: no difference found in {tests} tests {sure}.")
    if POINT in (method, comparison.reference):
        lines += _wrapped(f"Of {POINT}, which has no distribution, the value is compared with the mean of the other.")
    differing = set(rows.index[rows["differs"]].get_level_values("species"))
    rest = rows[[name not in differing for name in rows.index.get_level_values("species")]]
    return lines + _bounds(rest, sure)


def _where(found: Mapping[str, pd.Index[Any]]) -> str:
    """Species, and in what they differ."""
    kinds: dict[str, list[str]] = {}
    for test, index in found.items():
        for name in dict.fromkeys(index.get_level_values("species")):
            kinds.setdefault(name, []).append(test)
    shown = [f"{name} in {' and '.join(kinds[name])}" for name in list(kinds)[:SHOWN]]
    more = [f"and {len(kinds) - SHOWN} more species"] if len(kinds) > SHOWN else []
    return "; ".join(shown + more)


def _differences(rows: pd.DataFrame, confidence: float) -> list[str]:
    """What differs, the surest first; a star marks what was found."""
    alarm = 1.0 - confidence
    smallest = rows[[f"{test}_adjusted" for test in TESTS]].min(axis=1)
    chosen = rows[rows["differs"]].assign(smallest=smallest).sort_values("smallest", kind="stable")
    lines: list[tuple[str, ...]] = [("species", "time", "mean", "difference", "(z)", "sd", "distance", "adjusted p")]
    for index, row in list(chosen.iterrows())[:SHOWN]:
        _, name, time = cast(tuple[str, str, float], index)
        star = {test: "*" if row[f"{test}_adjusted"] < alarm else "" for test in TESTS}
        change = row["mean_difference"] / abs(row["mean_reference"]) if row["mean_reference"] else np.nan
        lines.append(
            (
                name, f"{time:g}", f"{row['mean_reference']:.4g}", _percent(change, "+") + star["mean"],
                f"{row['mean_z']:+.1f}", _percent(np.sqrt(row["variance_ratio"]) - 1.0, "+") + star["spread"],
                "" if np.isnan(row["ks"]) else f"{row['ks']:.3f}{star['distribution']}", f"{row['smallest']:.1g}",
            )
        )  # fmt: skip
    more = [f"  and {len(chosen) - SHOWN} more rows of .table"] if len(chosen) > SHOWN else []
    return _columns(lines) + more


def _bounds(rows: pd.DataFrame, sure: str) -> list[str]:
    """For each species, the most that it may differ at any of the times, and what would have been seen."""
    largest = rows[["mean_at_most", "sd_at_most", "mean_seen_from"]].groupby(level="species", sort=False).max()
    largest = largest[np.isfinite(largest["mean_at_most"]) & (largest["mean_seen_from"] > 0.0)]
    if largest.empty:
        return []
    largest = largest.sort_values("mean_at_most", ascending=False, kind="stable")
    lines: list[tuple[str, ...]] = [("species", "mean at most", "sd at most", "mean seen from")]
    for name, row in list(largest.iterrows())[:SHOWN]:
        lines.append((str(name), *(_percent(row[c]) for c in ("mean_at_most", "sd_at_most", "mean_seen_from"))))
    said = f"What may still differ {sure}; in the last column, from where 9 of 10 such comparisons see it:"
    more = [f"  and {len(largest) - SHOWN} more species, by less"] if len(largest) > SHOWN else []
    return [said, *_columns(lines), *more]


def _percent(share: float, sign: str = "") -> str:
    if not np.isfinite(share):
        return "" if np.isnan(share) else "any"
    text = f"{100.0 * share:{sign}.2g}" if abs(share) < 0.995 else f"{100.0 * share:{sign}.0f}"
    return f"{text} %"


def _columns(lines: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(line[c]) for line in lines) for c in range(len(lines[0]))]
    return ["  " + "  ".join(f"{cell:{w}}" for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines]


def _wrapped(text: str, indent: int = 0) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent or 2))
