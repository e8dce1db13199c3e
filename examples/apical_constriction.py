"""Mesoderm cells of a fly embryo constrict in pulses: Snail starts them, Twist keeps what they gained.

A strip of the blastoderm, 104 um long and once round the embryo (533 um), periodic, of cells 6.5 um wide on a grid of
two by two places for each. Every cell runs its own stochastic network `ratchet`. With M pulsing and H held myosin (1 is
100,000 molecules), F Fog, T tension, A the cell's area and A0 its area of rest:

    pulses    M follows Rho, which RhoGEF clusters excite; they come one by one where there is Snail
    ratchet   dF/dt = (Twist - F) / t_fog,   dH/dt = k_hold F T^4 / (1 + T^4) - H / t_hold
    film      -div(2 eta dev e) - grad(eta_b div v) + gamma v = grad s,   s = z (M + H) + k ln(A / A0)

The last term is the elasticity of the cells, which brings their area back where no held myosin bears it. Area and
tension act back on the network: A, T and the rate of stretch are signals of the tissue.

Measured in embryos (Martin, Kaschube and Wieschaus 2009, doi:10.1038/nature07522): pulses 82.8 +- 48 s apart,
3.2 +- 1.2 of them in six minutes, each of 10 to 15 um2/min, mean rate about 5 um2/min, half of the area left when the
tissue folds, neighbours out of step; without Snail hardly any pulse, without Twist pulses whose gain is lost again.
docs/apical_constriction.md says which numbers were fitted to these, and what does not fit.

`python examples/apical_constriction.py` runs three genotypes, with the argument `scan` what the numbers depend on.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks
from tqdm import tqdm

import biomulti as bm
import tissue
from biomulti.measure import pulse_intervals

Floats = NDArray[np.float64]

WIDTH = 6.5  # um, of a cell
AROUND = 82  # cells round the embryo
BAND = 18 * WIDTH  # um, width of the mesoderm
BULK_VISCOSITY = 1.0  # in units of the viscosity
REACH = 60.0  # um, how far flow reaches: sqrt((eta + eta_b) / gamma)
OMEGA = 1e5  # molecules that make M or H equal to one
CONTRACTILITY = 0.042  # z, per second, in units of the viscosity
ELASTICITY = 0.055  # k, per second: an area alone comes back within (eta + eta_b) / k = 36 s
SUPPLY = 0.03  # per second, s_gef of the network
TENSION = 0.012  # per second: the tension that counts as T = 1
MINUTE = 60.0
T_END, EVERY, STEP = 6.0 * MINUTE, 3.0, 3.0  # s
SLOW = 2.0 * MINUTE  # the first minutes, in which constriction starts
SMOOTH = 6.0  # s, standard deviation of the window that areas are smoothed with
PULSE = 2.0  # um2/min, prominence of a pulse in the rate of constriction
MYOSIN_PULSE = 0.25 * 0.2976  # prominence of a pulse of M, as in docs/models.md
NEIGHBOUR = 9.0  # um, between the centres of cells that touch

GENOTYPES: dict[str, dict[str, float]] = {"wild type": {}, "twist": {"twist": 0.0}, "snail": {"snail": 0.0}}
EMBRYO = {
    "interval of pulses (s)": "82.8 (fitted)",
    "sd of intervals (s)": "48 (fitted)",
    "pulses in 6 min": "3.2 (in view)",
    "sd of pulses in 6 min": "1.2",
    "rate in a pulse (um2/min)": "10 to 15 (fitted)",
    "mean rate, fastest 4 min (um2/min)": "about 5",
    "area left (%)": "about 50 (fitted)",
    "neighbours' rates, correlation": "asynchronous",
}


def from_midline(y: Floats) -> Floats:
    """Distance of places y round the embryo from the ventral midline, um."""
    return np.abs(y - AROUND * WIDTH / 2.0)


def sheet(
    *,
    snail: float = 1.0,
    twist: float = 1.0,
    seed: int = 1,
    along: int = 16,
    fineness: float = 2.0,
    reach: float = REACH,
    contractility: float = CONTRACTILITY,
    elasticity: float = ELASTICITY,
    variety: float = 0.0,
    parameters: Mapping[str, float] | None = None,
) -> bm.Tissue:
    """The strip before it constricts.

    snail, twist: the genes in the mesoderm. along: cells along the strip; fineness: places of the grid across a cell.
    variety: coefficient of variation of s_gef between cells. parameters: of the network, in place of the model's.
    """
    cells, box = along * AROUND, (along * WIDTH, AROUND * WIDTH)
    strip = bm.Tissue(
        "ratchet",
        cells=cells,
        grid=tissue.Grid(shape=(round(along * fineness), round(AROUND * fineness)), size=box),
        friction=(1.0 + BULK_VISCOSITY) / reach**2,
        bulk_viscosity=BULK_VISCOSITY,
        seed=seed,
        tolerance=math.inf,  # clusters fire, the rest flows, as in docs/models.md
        parameters=parameters,
    )
    mesoderm = (from_midline(strip.positions[:, 1]) < BAND / 2.0).astype(float)
    strip.set("snail", snail * mesoderm)
    strip.set("twist", twist * mesoderm)
    if variety:
        own = np.random.default_rng(seed).lognormal(
            -0.5 * math.log1p(variety**2), math.sqrt(math.log1p(variety**2)), cells
        )
        strip.set("s_gef", SUPPLY * own)
    for species in ("Myosin", "Stable"):
        strip.couple(species, to=bm.Contractility(per_molecule=contractility / OMEGA))
    strip.couple("Recoil", to=bm.Contractility(per_molecule=elasticity))
    strip.couple(bm.Strain(), to="strain")
    strip.couple(bm.StrainRate(), to="stretch")
    strip.couple(bm.Stress(), to="tension", gain=1.0 / TENSION)
    return strip


def run(*, t_end: float = T_END, progress: bool = True, **changes: Any) -> xr.Dataset:
    """The strip over six minutes; changes: see `sheet`."""
    return sheet(**changes).run(t_end, every=EVERY, dt=STEP, progress=progress).data


def middle(data: xr.Dataset) -> NDArray[np.bool_]:
    """The cells that are measured: the inner two thirds of the mesoderm."""
    return np.asarray(from_midline(data["y"].isel(time=0).to_numpy()) < BAND / 3.0)


def areas(data: xr.Dataset) -> Floats:
    """Smoothed apical areas of the measured cells, [times, cells], um2."""
    area = data["area"].to_numpy()[:, middle(data)] * WIDTH**2
    return np.asarray(gaussian_filter1d(area, SMOOTH / EVERY, axis=0))


def constriction(data: xr.Dataset) -> Floats:
    """Rates at which the measured cells lose area, [times, cells], um2/min."""
    return -np.gradient(areas(data), data["time"].to_numpy(), axis=0) * MINUTE


def share_kept(area: Floats) -> float:
    """The share of all area that cells lost, each time they shrank, that was not regained; areas [times, cells]."""
    lost = -np.minimum(np.diff(area, axis=0), 0.0).sum()
    return float((area[0] - area[-1]).sum() / lost)


def _standard(x: Floats) -> Floats:
    """Every column with mean 0 and standard deviation 1."""
    return (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-300)


def neighbours_correlation(data: xr.Dataset, rate: Floats) -> float:
    """Mean correlation of the rates of constriction of cells that touch, taken over what all cells do together."""
    place = np.stack([data[n].isel(time=0).to_numpy()[middle(data)] for n in "xy"], axis=1)
    apart = np.hypot(*np.moveaxis(place[:, None] - place[None], 2, 0))
    i, j = np.where((apart > 0.0) & (apart < NEIGHBOUR))
    own = _standard(rate - rate.mean(axis=1, keepdims=True))
    return float(np.mean(own[:, i] * own[:, j]))


def fastest_mean_rate(time: Floats, area: Floats, *, over: float = 4.0 * MINUTE) -> float:
    """Largest mean rate at which the mean area falls over some time, um2/min."""
    mean, later = area.mean(axis=1), np.searchsorted(time, time + over)
    starts = np.flatnonzero(later < len(time))
    return float(np.max((mean[starts] - mean[later[starts]]) / (time[later[starts]] - time[starts])) * MINUTE)


def measured(data: xr.Dataset) -> dict[str, float]:
    """Numbers to hold against the embryo, of the cells in the middle of the mesoderm."""
    time, area, rate = data["time"].to_numpy(), areas(data), constriction(data)
    myosin = data["Myosin"].to_numpy()[:, middle(data)] / OMEGA
    peaks = [find_peaks(r, prominence=PULSE, height=0.0)[0] for r in rate.T]
    counts = np.array([len(p) for p in peaks]) * T_END / (time[-1] - time[0])
    intervals = np.concatenate([np.diff(time[p]) for p in peaks])
    heights = np.concatenate([r[p] for r, p in zip(rate.T, peaks, strict=True)])
    of_myosin = pulse_intervals(time, myosin, prominence=MYOSIN_PULSE)
    late = time >= SLOW
    return {
        "interval of pulses (s)": _mean(intervals),
        "sd of intervals (s)": _sd(intervals),
        "pulses in 6 min": float(np.mean(counts)),
        "sd of pulses in 6 min": float(np.std(counts)),
        "rate in a pulse (um2/min)": _mean(heights),
        "mean rate, fastest 4 min (um2/min)": fastest_mean_rate(time, area),
        "area left (%)": 100.0 * float(np.mean(area[-1])) / WIDTH**2,
        "of the area lost after 2 min, kept (%)": 100.0 * share_kept(area[late]),
        "neighbours' rates, correlation": neighbours_correlation(data, rate),
        "myosin and rate, correlation": float(np.mean(_standard(myosin) * _standard(rate))),
        "interval of myosin's pulses (s)": _mean(of_myosin),
        "their sd (s)": _sd(of_myosin),
        "held myosin at the end (H)": float(np.mean(data["Stable"].to_numpy()[-1, middle(data)])) / OMEGA,
    }


def _mean(x: Floats) -> float:
    return float(np.mean(x)) if len(x) else math.nan


def _sd(x: Floats) -> float:
    return float(np.std(x)) if len(x) else math.nan


def genotypes(*, seeds: tuple[int, ...] = (1, 2, 3), **changes: Any) -> dict[str, list[xr.Dataset]]:
    """Runs of each genotype, one for each seed."""
    jobs = [(name, seed) for name in GENOTYPES for seed in seeds]
    found: dict[str, list[xr.Dataset]] = {name: [] for name in GENOTYPES}
    for name, seed in tqdm(jobs, desc="genotypes"):
        found[name].append(run(seed=seed, progress=False, **GENOTYPES[name], **changes))
    return found


def summary(runs: list[xr.Dataset]) -> dict[str, tuple[float, float]]:
    """Mean and spread over runs of every number."""
    rows = [measured(data) for data in runs]
    spread = {name: float(np.std([r[name] for r in rows], ddof=1)) if len(rows) > 1 else math.nan for name in rows[0]}
    return {name: (float(np.mean([r[name] for r in rows])), spread[name]) for name in rows[0]}


# another fit, whose intervals spread as in embryos: Rho 12 % faster, more supply, clusters that stay for less long;
# myosin is held more slowly, so that half of the area is left again
NOISIER = {
    "a1": 0.33,
    "d0": 0.066,
    "d1": 0.66,
    "tau": 12.1,
    "k_off": 0.066,
    "S0": 0.0084,
    "s_gef": 0.0476,
    "t_gef": 60.0,
    "k_hold": 0.0042,
}

SCAN: dict[str, dict[str, Any]] = {
    "as it is": {},
    "noisier": {"parameters": NOISIER},
    "1 cluster": {"parameters": {"clusters": 1.0}},
    "2 clusters": {"parameters": {"clusters": 2.0}},
    "8 clusters": {"parameters": {"clusters": 8.0}},
    "32 clusters": {"parameters": {"clusters": 32.0}},
    "they stay 30 s": {"parameters": {"t_gef": 30.0}},
    "they stay 180 s": {"parameters": {"t_gef": 180.0}},
    "supply .8 s_gef": {"parameters": {"s_gef": 0.024}},
    "supply 1.3 s_gef": {"parameters": {"s_gef": 0.039}},
    "cells differ, cv .5 in s_gef": {"variety": 0.5},
    "Gap 20 % slower": {"parameters": {"tau": 16.3}},
    "no pull on recruitment": {"parameters": {"b_T": 0.0}},
    "contractility 1.2 z": {"contractility": 1.2 * CONTRACTILITY},
    "elasticity 0.7 k": {"elasticity": 0.7 * ELASTICITY},
    "elasticity 1.4 k": {"elasticity": 1.4 * ELASTICITY},
    "area of rest follows in 4 min": {"parameters": {"t_rest": 240.0}},
    "the same without twist": {"parameters": {"t_rest": 240.0}, "twist": 0.0},
    "flow reaches 30 um": {"reach": 30.0},
    "flow reaches 120 um": {"reach": 120.0},
    "1 place a cell": {"fineness": 1.0},
    "3 places a cell": {"fineness": 3.0},
}


def scan(*, seed: int = 1, **changes: Any) -> dict[str, dict[str, float]]:
    """What the numbers become when one thing at a time is changed."""
    rows = tqdm(SCAN.items(), desc="scan")
    return {name: measured(run(seed=seed, progress=False, **{**changes, **what})) for name, what in rows}


COLOURS = {"wild type": "#cb181d", "twist": "#2171b5", "snail": "#555555"}


def draw(found: Mapping[str, list[xr.Dataset]], path: Path) -> None:
    """The strip at three times, single cells, areas and held myosin in time, and the pulses' intervals and rates."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(12, 8.2), layout="constrained")
    axes = figure.subplot_mosaic("AABBCC;DDDEEE;FFGGHH", height_ratios=[1.25, 1, 1])
    wild, twist = found["wild type"][0], found["twist"][0]
    top = float(np.quantile(_myosin(wild)[-1], 0.995))
    for panel, minute in zip("ABC", (0.0, 3.0, 6.0), strict=True):
        drawn = _cells(axes[panel], wild, minute * MINUTE, top)
    figure.colorbar(drawn, ax=axes["C"], label="myosin M + H", shrink=0.9)
    for panel, name, data in (("D", "wild type", wild), ("E", "twist", twist)):
        _single_cells(axes[panel], data, name)
    for name, runs in found.items():
        time = runs[0]["time"].to_numpy() / MINUTE
        area = np.array([100.0 * areas(d).mean(axis=1) / WIDTH**2 for d in runs])
        axes["F"].plot(time, area.mean(axis=0), color=COLOURS[name], label=name)
        axes["F"].fill_between(time, area.min(axis=0), area.max(axis=0), color=COLOURS[name], alpha=0.25, lw=0)
    axes["F"].set(xlabel="time, min", ylabel="mean area, % of the start", ylim=(0, 105))
    axes["F"].axhline(50.0, color="grey", ls=":", lw=1)
    axes["F"].legend(frameon=False, loc="lower left", fontsize=9)
    _histograms(axes["G"], axes["H"], found)
    for panel in "DEFGH":
        axes[panel].spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _myosin(data: xr.Dataset) -> Floats:
    return np.asarray((data["Myosin"] + data["Stable"]).to_numpy() / OMEGA)


def _cells(panel: Any, data: xr.Dataset, time: float, top: float) -> Any:
    """Cells as polygons, by their myosin, round the midline."""
    from matplotlib.collections import PolyCollection

    from biomulti.view.voronoi import cell_outlines

    frame = int(np.argmin(np.abs(data["time"].to_numpy() - time)))
    place = data.isel(time=frame)
    size = (float(WIDTH * round(data.sizes["cell"] / AROUND)), AROUND * WIDTH)
    outlines = cell_outlines(place["x"].to_numpy(), place["y"].to_numpy(), size, ("periodic", "periodic"))
    shapes = [p[:, ::-1] - (AROUND * WIDTH / 2.0, 0.0) for p in outlines.polygons()]
    # a cell across the edge of the strip is seen at both ends
    shapes = [np.add(s, (0.0, shift)) for shift in (0.0, -size[0], size[0]) for s in shapes]
    drawn = PolyCollection(
        shapes, array=np.tile(_myosin(data)[frame], 3), cmap="magma", edgecolors="#888888", linewidths=0.3
    )
    drawn.set_clim(0.0, top)
    panel.add_collection(drawn)
    panel.set(xlim=(-90, 90), ylim=(0, size[0]), aspect="equal", xlabel="from the midline, um", yticks=[])
    panel.set_title(f"{time / MINUTE:.0f} min", loc="left", fontsize=10)
    return drawn


def _single_cells(panel: Any, data: xr.Dataset, name: str) -> None:
    """The areas of three cells, one after another those whose loss is nearest to the mean."""
    time, area = data["time"].to_numpy() / MINUTE, areas(data)
    typical = np.argsort(np.abs(area[-1] - area[-1].mean()))[:3]
    for k, (cell, colour) in enumerate(zip(typical, ("#67000d", "#ef3b2c", "#fc9272"), strict=True)):
        panel.plot(
            time, area[:, cell], lw=1.4, color=colour if name == "wild type" else ("#08306b", "#4292c6", "#9ecae1")[k]
        )
    panel.set(xlabel="time, min", ylabel="area, um2", ylim=(0, 60))
    panel.set_title(f"{name}: three cells", loc="left", fontsize=10)


def _histograms(left: Any, right: Any, found: Mapping[str, list[xr.Dataset]]) -> None:
    """Intervals between pulses, and their rates, in the wild type and without twist."""
    for name in ("wild type", "twist"):
        intervals, heights = [], []
        for data in found[name]:
            time, rate = data["time"].to_numpy(), constriction(data)
            for r in rate.T:
                peaks = find_peaks(r, prominence=PULSE, height=0.0)[0]
                intervals.append(np.diff(time[peaks]))
                heights.append(r[peaks])
        style = {"histtype": "step", "density": True, "color": COLOURS[name], "label": name, "lw": 1.4}
        left.hist(np.concatenate(intervals), bins=np.arange(0, 270, 15), **style)
        right.hist(np.concatenate(heights), bins=np.arange(0, 32, 2), **style)
    left.axvline(82.8, color="grey", ls=":", lw=1)
    left.set(xlabel="interval between pulses, s", yticks=[], ylabel="share of pulses")
    right.axvspan(10.0, 15.0, color="grey", alpha=0.2, lw=0)
    right.set(xlabel="rate in a pulse, um2/min", yticks=[])
    left.legend(frameon=False, fontsize=9)


def movie(path: Path, *, t_end: float = T_END, **changes: Any) -> Path:
    """The strip in motion, coloured by pulsing myosin."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = sheet(**changes).run(t_end, every=EVERY, dt=STEP)
    return done.movie(path.resolve(), colour="Myosin")


def print_genotypes(found: Mapping[str, list[xr.Dataset]]) -> None:
    """The numbers of all genotypes beside those of embryos."""
    columns = {name: summary(runs) for name, runs in found.items()}
    print(f"{'':40}" + "".join(f"{name:>18}" for name in columns) + "    embryo, wild type")
    for number in columns["wild type"]:
        cells = [
            f"{c[number][0]:.3g} +- {c[number][1]:.2g}" if np.isfinite(c[number][0]) else "-" for c in columns.values()
        ]
        print(f"{number:40}" + "".join(f"{c:>18}" for c in cells) + f"    {EMBRYO.get(number, '')}")


def print_scan(rows: Mapping[str, Mapping[str, float]]) -> None:
    """One line for each change."""
    shown = list(next(iter(rows.values())))[:9]
    heads = ("interval", "sd", "pulses", "sd", "peak", "mean", "left %", "kept %", "beside")
    print(f"{'':32}" + "".join(f"{h:>9}" for h in heads))
    for name, numbers in rows.items():
        print(f"{name:32}" + "".join(f"{numbers[n]:9.3g}" for n in shown))


if __name__ == "__main__":
    if "scan" in sys.argv[1:]:
        print_scan(scan())
    else:
        print(sheet().describe(), "\n")
        results = genotypes()
        print_genotypes(results)
        draw(results, Path("results/apical_constriction.png"))
        print("\n", movie(Path("results/apical_constriction.mp4")))
