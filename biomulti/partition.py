"""What a network's reactions do, as a user sees it: which fire, which flow, why, and what that costs."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

NEGLIGIBLE = 0.01  # of a mean: a standard deviation below it is measured against it


@dataclass(frozen=True)
class Decision:
    """What was decided about one reaction.

    One that is `adaptive` fires or flows in every row as its amounts are; `flows` is what it does for most of the pilot
    run, `share` for how much of it it flows. `rate` is the mean in the pilot run, `time_scale` the time in which the
    fastest of what it changes turns over. `mean_error` and `variance_error` are the largest errors that its flowing
    makes: of the mean of a species, relative to it, and the share of a variance that is missing, with the species; NaN
    without an estimate, 0 for one that fires.
    """

    reaction: str
    flows: bool
    reason: str
    rate: float
    adaptive: bool = False
    share: float = 0.0
    time_scale: float = np.inf
    mean_error: float = 0.0
    mean_of: str = ""
    variance_error: float = 0.0
    variance_of: str = ""

    @property
    def does(self) -> str:
        """What it does, in a word or two."""
        if self.adaptive and 0.0 < self.share < 1.0:
            return f"flows {100.0 * self.share:.0f} %"
        return "flows" if self.flows else "fires"


@dataclass(frozen=True)
class Partition:
    """The decisions about all fluxes of a network, in their order. Printing it gives a table.

    `mean_errors` and `variance_errors` are those of all that flows together, by species; empty without an estimate.
    `tolerance` is what they were to be at most. They are `rough` where noise is not small.
    """

    decisions: tuple[Decision, ...]
    time_unit: str
    note: str = ""
    mean_errors: tuple[tuple[str, float], ...] = ()
    variance_errors: tuple[tuple[str, float], ...] = ()
    tolerance: float = np.inf
    rough: bool = False

    @property
    def fires(self) -> NDArray[np.bool_]:
        """[fluxes], True where a reaction fires, or may."""
        return np.array([not d.flows or d.adaptive for d in self.decisions], dtype=bool)

    @property
    def adaptive(self) -> NDArray[np.bool_]:
        """[fluxes], True where a reaction fires or flows as amounts are."""
        return np.array([d.adaptive for d in self.decisions], dtype=bool)

    @property
    def table(self) -> pd.DataFrame:
        """A row for each reaction."""
        return pd.DataFrame(
            {
                "does": [d.does for d in self.decisions],
                f"rate (1/{self.time_unit})": [d.rate for d in self.decisions],
                f"time scale ({self.time_unit})": [d.time_scale for d in self.decisions],
                "error of mean": [d.mean_error for d in self.decisions],
                "of": [d.mean_of for d in self.decisions],
                "missing variance": [d.variance_error for d in self.decisions],
                "of ": [d.variance_of for d in self.decisions],
                "why": [d.reason for d in self.decisions],
            },
            index=pd.Index([d.reaction for d in self.decisions], name="reaction"),
        )

    @property
    def errors(self) -> pd.DataFrame:
        """A row for each species: what all that flows does to its mean and variance, at worst along the pilot run."""
        return pd.DataFrame(
            {"error of mean": dict(self.mean_errors), "missing variance": dict(self.variance_errors)}
        ).rename_axis("species")

    @property
    def worst(self) -> tuple[float, float]:
        """The largest errors of a mean and of a variance; NaN without an estimate."""
        if not self.mean_errors:
            return (0.0, 0.0) if self.fires.all() and not self.adaptive.any() else (np.nan, np.nan)
        return max(e for _, e in self.mean_errors), max(e for _, e in self.variance_errors)

    def _rows(self) -> list[tuple[str, ...]]:
        head = ("reaction", "", f"per {self.time_unit}", "changes in", "mean", "variance", "why")
        rows = [
            (d.reaction, d.does, f"{d.rate:.3g}", f"{d.time_scale:.2g}", _percent(d.mean_error, d.mean_of),
             _percent(d.variance_error, d.variance_of), d.reason)
            for d in self.decisions
        ]  # fmt: skip
        return [head, *rows]

    def _summary(self) -> str:
        if not self.mean_errors or (self.fires.all() and not self.adaptive.any()):
            return self.note
        mean = max(self.mean_errors, key=lambda e: e[1])
        variance = max(self.variance_errors, key=lambda e: e[1])
        text = "What flows makes no noise: "
        if variance[1] < 5e-4 and mean[1] < 5e-4:
            text += "no mean and no variance misses more than .05 % of itself."
        else:
            off = f"the mean of {mean[0]} is off by {_percent(mean[1])}"
            missing = f"{_percent(variance[1])} of the variance of {variance[0]}"
            missing += f" (or of a spread of {100 * NEGLIGIBLE:g} %) is missing"
            text += (f"{off}, and " if mean[1] >= 5e-4 else "") + f"{missing}."
        if self.rough:
            text += " Noise is not small here, so that these are rough estimates."
        return " ".join(filter(None, (text, self.note)))

    def __str__(self) -> str:
        rows = self._rows()
        widths = [max(len(r[c]) for r in rows) for c in range(len(rows[0]) - 1)]
        aligned = "<<>><<"
        lines = [
            "  ".join(f"{text:{side}{width}}" for text, side, width in zip(r, aligned, widths, strict=False))
            + "  "
            + r[-1]
            for r in rows
        ]
        return "\n".join([*lines, *([self._summary()] if self._summary() else [])])

    def _repr_html_(self) -> str:
        head, *rows = self._rows()
        body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        heads = "".join(f"<th>{html.escape(h)}</th>" for h in head)
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>{html.escape(self._summary())}"


def _percent(share: float, of: str = "") -> str:
    if np.isnan(share):
        return "?"
    if share == 0.0:
        return "0"
    if share > 1.0:
        return f"over 100 %{' ' + of if of else ''}"
    percent = 100.0 * share
    text = f"{percent:.0f}" if percent >= 10.0 else f"{percent:.2g}" if percent >= 1e-3 else "<0.001"
    return f"{text} %{' ' + of if of else ''}"
