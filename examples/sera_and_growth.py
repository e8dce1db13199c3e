"""H3N2 influenza in 2023: strains that more sera fail to neutralise grew faster.

Growth advantages of 12 strains over A/Massachusetts/18/2022 (a factor per 3.6 days) stand against titres of 95
sera, of children and of adults before vaccination, all from Kikawa and others 2025 (doi:10.1101/2025.03.04.641544).
Each strain has a mean log titre, a median, the titre of a pool of the sera, and the share of sera at or below a cutoff:

    share(cutoff) = #(titre <= cutoff) / #sera,      r = Pearson correlation over strains with the growth advantage.

The authors took the cutoff with the largest r of 100 from 40 to 1000, with the growth advantages seen. Here it is also
chosen anew in each permutation of strains, in each resampling of sera, and without the strain to be predicted.

`python examples/sera_and_growth.py`
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CUTOFFS = np.geomspace(40.0, 1000.0, 100)
SERA, POOL = r"^(SCH23|PENN23_.+_d0$)", "SCH_PennPreVax_pool"
TABLE = Path(__file__).with_name("sera_and_growth.csv")
# growth advantage; changes of nucleotides since the common ancestor
GROWTH = {
    "A/Bhutan/0845/2023": (1.07, 23),
    "A/Busan/1301/2023": (0.91, 11),
    "A/Finland/391/2023": (0.92, 11),
    "A/Georgia/40/2023": (1.09, 21),
    "A/Jeju/1047/2023": (0.89, 11),
    "A/Ontario/RV00796/2023": (1.14, 24),
    "A/SENDAI/45/2023": (0.91, 16),
    "A/Saint-Petersburg/RII-166/2023": (1.06, 26),
    "A/Schleswig-Holstein/4/2023": (0.91, 14),
    "A/Sydney/332/2023": (1.0, 21),
    "A/TECPAN/017FLU/2023": (0.94, 12),
    "A/Massachusetts/18/2022": (1.0, 20),
}
PUBLISHED = {"share below": 0.919, "mean": -0.864, "median": -0.887, "pool": -0.062, "changes": 0.893}


@dataclass(frozen=True)
class Sera:
    """titre [sera, strains], nan where not measured; pool [strains]; growth advantage and changes [strains]."""

    strain: tuple[str, ...]
    titre: Floats
    pool: Floats
    growth: Floats
    changes: Floats


def from_table(path: Path) -> list[dict[str, str]]:
    """The rows of the table beside this script, one for each serum and for the pool, from the published titres."""
    rows: dict[str, dict[str, str]] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for r in csv.DictReader(lines):
            if r["virus"] in GROWTH and (re.search(SERA, r["serum"]) or r["serum"] == POOL):
                rows.setdefault(r["serum"], {"serum": r["serum"], **dict.fromkeys(GROWTH, "")})[r["virus"]] = r["titer"]
    return [rows[serum] for serum in sorted(rows)]


def carried(path: Path = TABLE) -> Sera:
    """The titres of the table beside this script."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = {r["serum"]: [float(r[s] or "nan") for s in GROWTH] for r in csv.DictReader(lines)}
    pool = np.array(rows.pop(POOL))
    growth, changes = np.array(list(GROWTH.values()), dtype=float).T
    return Sera(tuple(GROWTH), np.array(list(rows.values())), pool, growth, changes)


def shares(titre: Floats) -> Floats:
    """Share of sera at or below each cutoff, [cutoffs, strains]."""
    below = titre[None] <= CUTOFFS[:, None, None]
    return np.asarray(below.sum(axis=1) / np.isfinite(titre).sum(axis=0))


def correlation(x: Floats, y: Floats) -> Floats:
    """Pearson correlation along the last axis; -1 where x does not vary."""
    x, y = x - x.mean(axis=-1, keepdims=True), y - y.mean(axis=-1, keepdims=True)
    size = np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
    return np.where(size > 1e-12, (x * y).sum(axis=-1) / np.maximum(size, 1e-12), -1.0)


def best_cutoff(share: Floats, growth: Floats) -> int:
    """The place of the cutoff with the largest correlation; share [cutoffs, strains]."""
    return int(np.argmax(correlation(share, growth)))


def statistics(sera: Sera) -> dict[str, Floats]:
    """What may go with growth, [strains]: all but the share as logs, as the authors have it."""
    share = shares(sera.titre)
    return {
        "share below": share[best_cutoff(share, sera.growth)],
        "mean": np.nanmean(np.log(sera.titre), axis=0),
        "median": np.log(np.nanmedian(sera.titre, axis=0)),
        "pool": np.log(sera.pool),
        "changes": sera.changes,
    }


def permuted(sera: Sera, *, samples: int = 20000, seed: int = 1) -> dict[str, float]:
    """One-sided probability of as large a correlation (as low, of titres) when growth is dealt to strains at random.

    The cutoff of "share below" is chosen anew each time; "share below, cutoff held" holds it.
    """
    dealt = np.random.default_rng(seed).permuted(np.tile(sera.growth, (samples, 1)), axis=1)
    share, found = shares(sera.titre), statistics(sera)

    def probability(by_chance: Floats, seen: float) -> float:
        return float((1 + np.sum(by_chance >= seen - 1e-12)) / (1 + samples))

    best = float(correlation(found["share below"], sera.growth))
    p = {"share below": probability(np.max([correlation(row, dealt) for row in share], axis=0), best)}
    p["share below, cutoff held"] = probability(correlation(found["share below"], dealt), best)
    for name, sign in (("mean", -1.0), ("median", -1.0), ("pool", -1.0), ("changes", 1.0)):
        seen = float(sign * correlation(found[name], sera.growth))
        p[name] = probability(sign * correlation(found[name], dealt), seen)
    return p


def resampled(sera: Sera, *, samples: int = 1000, seed: int = 1) -> dict[str, Floats]:
    """5 % and 95 % of the correlations with sera drawn anew; the cutoff held, or chosen anew."""
    rng, n = np.random.default_rng(seed), len(sera.titre)
    held = best_cutoff(shares(sera.titre), sera.growth)
    found: dict[str, list[float]] = {name: [] for name in ("share below", "share below, cutoff held", "mean", "median")}
    for _ in range(samples):
        titre = sera.titre[rng.integers(0, n, n)]
        r = correlation(shares(titre), sera.growth)
        found["share below"].append(float(r.max()))
        found["share below, cutoff held"].append(float(r[held]))
        found["mean"].append(float(correlation(np.nanmean(np.log(titre), axis=0), sera.growth)))
        found["median"].append(float(correlation(np.log(np.nanmedian(titre, axis=0)), sera.growth)))
    return {name: np.quantile(values, [0.05, 0.95]) for name, values in found.items()}


def strain_left_out(sera: Sera, statistic: Callable[[NDArray[np.bool_]], Floats]) -> Floats:
    """Growth of each strain [strains] from a line through the others; statistic(of which strains) is [all strains]."""
    predicted = np.empty(len(sera.growth))
    for k in range(len(predicted)):
        others = np.arange(len(predicted)) != k
        x = statistic(others)
        slope, level = np.polyfit(x[others], sera.growth[others], 1)
        predicted[k] = level + slope * x[k]
    return predicted


def left_out(sera: Sera) -> dict[str, Floats]:
    """Growth predicted with each statistic, and with none: the mean of the others.

    "share below" chooses its cutoff without the strain; "cutoff held" has one that was chosen with it.
    """
    share, found = shares(sera.titre), statistics(sera)

    def chosen(others: NDArray[np.bool_]) -> Floats:
        return np.asarray(share[best_cutoff(share[:, others], sera.growth[others])])

    result = {"share below": strain_left_out(sera, chosen)}
    result["share below, cutoff held"] = strain_left_out(sera, lambda others: found["share below"])
    for name in ("mean", "median", "pool", "changes"):
        result[name] = strain_left_out(sera, lambda others, x=found[name]: x)  # type: ignore[misc]
    result["nothing"] = (sera.growth.sum() - sera.growth) / (len(sera.growth) - 1)
    return result


def run(sera: Sera | None = None) -> dict[str, Any]:
    """All of it, of the table beside the script unless given."""
    sera = carried() if sera is None else sera
    share = shares(sera.titre)
    return {
        "sera": sera,
        "cutoff": float(CUTOFFS[best_cutoff(share, sera.growth)]),
        "by cutoff": correlation(share, sera.growth),
        "statistics": statistics(sera),
        "permuted": permuted(sera),
        "resampled": resampled(sera),
        "left out": left_out(sera),
    }


def beyond_changes(result: dict[str, Any]) -> float:
    """Correlation of growth with the share of sera once what the number of changes explains is taken from both."""
    sera = result["sera"]
    rest = [
        y - np.polyval(np.polyfit(sera.changes, y, 1), sera.changes)
        for y in (result["statistics"]["share below"], sera.growth)
    ]
    return float(correlation(*rest))


def summary(result: dict[str, Any]) -> None:
    sera = result["sera"]
    print(f"{sera.titre.shape[0]} sera, {len(sera.strain)} strains, {np.isnan(sera.titre).sum()} titres missing")
    for name, x in result["statistics"].items():
        r, p = float(correlation(x, sera.growth)), result["permuted"][name]
        span = result["resampled"].get(name)
        over = "" if span is None else f", sera resampled [{span[0]:.3f}, {span[1]:.3f}]"
        print(f"{name:12s} r = {r:+.4f} (published {PUBLISHED[name]:+.3f}), p = {p:.5f}{over}")
    share = shares(sera.titre)
    held, span = "share below, cutoff held", result["resampled"]["share below, cutoff held"]
    print(f"cutoff {result['cutoff']:.1f}; held: p = {result['permuted'][held]:.5f}, [{span[0]:.3f}, {span[1]:.3f}]")
    for low, high in ((40.0, 200.0), (200.0, 1000.0)):
        part = result["by cutoff"][(low * 1.05 < CUTOFFS) & (high * 1.001 > CUTOFFS)]
        print(f"r for cutoffs {low:.0f} to {high:.0f}: {part.min():.2f} to {part.max():.2f}")
    moved = [CUTOFFS[best_cutoff(share[:, o], sera.growth[o])] for o in ~np.eye(len(sera.growth), dtype=bool)]
    print("cutoff chosen without each strain:", " ".join(f"{c:.0f}" for c in moved))
    print(f"share below beyond what the number of changes explains: r = {beyond_changes(result):.2f}")
    for name, predicted in result["left out"].items():
        off = sera.growth - predicted
        plain = sera.growth - result["left out"]["nothing"]
        score = 1.0 - np.sum(off**2) / np.sum(plain**2)
        print(f"one strain left out, {name:24s} error {np.sqrt(np.mean(off**2)):.4f}, less squared error {score:+.3f}")


def panel(axes: Any, result: dict[str, Any]) -> None:
    """Growth against the share of sera that a strain is not neutralised by."""
    sera, x = result["sera"], result["statistics"]["share below"]
    axes.plot(x, sera.growth, "o", color="C0")
    line = np.array([x.min(), x.max()])
    axes.plot(line, np.polyval(np.polyfit(x, sera.growth, 1), line), color="0.5", lw=1.0)
    r = float(correlation(x, sera.growth))
    axes.set(xlabel=f"share of sera with titre <= {result['cutoff']:.0f}", ylabel="growth, per 3.6 days")
    axes.set(title=f"H3N2, 2023: r = {r:+.2f}")


def draw(result: dict[str, Any], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 4, figsize=(14.0, 3.6), layout="constrained")
    sera = result["sera"]
    panel(axes[0], result)
    mean = result["statistics"]["mean"]
    axes[1].semilogx(np.exp(mean), sera.growth, "o", color="C1")
    axes[1].semilogx(sera.pool, sera.growth, "x", color="0.5")
    axes[1].set(xlabel="titre: mean (o), of the pool (x)", ylabel="growth, per 3.6 days")
    axes[1].set(title=f"mean r = {correlation(mean, sera.growth):+.2f}", xticks=[150, 200, 300])
    axes[1].set_xticks([150, 200, 300], ["150", "200", "300"])
    axes[1].minorticks_off()
    varies = result["by cutoff"] > -0.99
    axes[2].semilogx(CUTOFFS[varies], result["by cutoff"][varies], color="C0")
    axes[2].set_xticks([40, 100, 200, 500, 1000], ["40", "100", "200", "500", "1000"])
    axes[2].minorticks_off()
    axes[2].axvline(result["cutoff"], color="0.5", lw=0.8)
    axes[2].set(xlabel="cutoff, titre", ylabel="correlation with growth", title="The cutoff matters", ylim=(0.0, 1.0))
    for k, name in enumerate(("share below", "mean", "pool")):
        axes[3].plot(result["left out"][name], sera.growth, "o", color=("C0", "C1", "0.6")[k], label=name)
    span = [sera.growth.min() - 0.02, sera.growth.max() + 0.02]
    axes[3].plot(span, span, color="0.5", lw=0.8)
    axes[3].set(xlabel="predicted without the strain", ylabel="growth, per 3.6 days", title="One strain left out")
    axes[3].legend(frameon=False, fontsize="small")
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    results = Path("results")
    results.mkdir(exist_ok=True)
    everything = run()
    summary(everything)
    draw(everything, results / "sera_and_growth.png")
    print("results/sera_and_growth.png")
