"""Germ-band extension of the fly embryo: genes make myosin, myosin makes the embryo flow, the flow acts on myosin.

The surface of the embryo, unrolled: 452 um from head to tail (x), 533 um round it (y), ventral at both ends of y,
dorsal in the middle, and 80 um beyond either end for the poles, which the chart leaves out and where tissue glides
easily. Every cell runs its own network `germ_band`: receptors recruit myosin m to junctions that run round the embryo,
effectors take area out of the surface, and the law of myosin is that of Lefebvre, Colen and others 2023
(doi:10.1101/2023.12.22.573058), carried by cells, which the flow moves and turns:

    D_t m + [W, m] = (-k + s tr e + g_t a tr m) m + g_h h (tr m) G + genes,
    -div(2 eta dev e) + grad p = alpha div m,   div v + p / eta_b = -genes.

A cell reads where it lies from seven domains along the embryo and seven fates round it, which Dorsal sets, and a table
says how strongly each pair makes receptors and effectors, early, from the middle on, and late. In a twist mutant
ventral cells lack the first fate, and take the second; in Toll mutants all cells have the same lateral fate. The table
was fitted to the motion of tracers (`germ_band_fit.py`); docs/germ_band_extension.md says to which, and what it
predicts.

`python examples/germ_band_extension.py [folder of measurements]`
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import biomulti as bm
import tissue
from biomulti.demos.scripts import measurements
from biomulti.observe import Cells, Fields

Floats = NDArray[np.float64]

LENGTH, AROUND = 452.471, 533.8  # um, of the chart
VENTRAL = 3.2  # um, where the ventral midline lies round the embryo
POLE = 80.0  # um beyond either end
OMEGA, COPIES, AREA_FULL = 10000.0, 400.0, 0.1  # of the network germ_band
ALPHA = 3.0  # tension of myosin, over the viscosity, per minute
POLE_VISCOSITY = 10.0**-1.5  # over that of the rest
T_END, STEP, EVERY = 20.0, 0.25, 0.5  # min
DOMAINS, DOMAIN = np.linspace(40.0, 460.0, 7), 38.0  # um, middles and widths along the embryo
FATES, FATE = np.linspace(20.0, 260.0, 7), 24.0  # um from the ventral midline
LATERAL = 3  # the fate of all cells of a Toll mutant, counted from 0
PROGRAMMES = ("early", "middle", "late")
GENOTYPES = ("WT", "Twist", "Toll")
NAMES = {"WT": "wild type", "Twist": "twist", "Toll": "Toll"}
TABLE = Path(__file__).with_name("germ_band_extension.csv")
SOURCE = (
    "figures of Lefebvre, Colen and others 2023, doi:10.1101/2023.12.22.573058, from the vector graphics in the "
    "repository jcolen/drosophila_morphogenesis; give the folder with WT_trajectories.npz and the others"
)
SPEEDS = {"WT": (2.2528, 3.1841), "Twist": (1.4141, 2.1208), "Toll": (0.0038, 0.0358)}  # um/min, measured at 10, 20 min
SEEN = {name: f"in embryos {a:.2f} {b:.2f}" for name, (a, b) in SPEEDS.items()}


@dataclass(frozen=True)
class Regulation:
    """How genes act: strength [domains, fates, programmes] per minute of receptors and effectors, when, and the fluid.

    onset: of the three programmes, minutes. bulk_viscosity: over the viscosity.
    """

    junction: Floats
    area: Floats
    onset: tuple[float, float, float]
    bulk_viscosity: float
    parameters: Mapping[str, float] = field(default_factory=dict)


def regulation(fitted_to: str = "all", *, table: Path = TABLE) -> Regulation:
    """The fitted table: `fitted_to` "all" genotypes, or "without WT", "without Twist"."""
    strength = {"junction": np.zeros((7, 7, 3)), "area": np.zeros((7, 7, 3))}
    fluid = {}
    with table.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            value = float(row[fitted_to])
            if row["effect"] in strength:
                place = int(row["domain"]) - 1, int(row["fate"]) - 1, PROGRAMMES.index(row["programme"])
                strength[row["effect"]][place] = value
            else:
                fluid[row["effect"], row["programme"]] = value
    onset = tuple(fluid["onset", p] for p in PROGRAMMES)
    return Regulation(strength["junction"], strength["area"], onset, fluid["bulk viscosity", ""])  # type: ignore[arg-type]


def fates(genotype: str, x: Floats, y: Floats) -> Floats:
    """What cells at x, y [n] read: domain times fate, [n, 7, 7]. Raises ValueError for another genotype."""
    if genotype not in GENOTYPES:
        raise ValueError(f"genotype {genotype!r}: choose one of {', '.join(GENOTYPES)}.")
    around = np.abs((y - VENTRAL + AROUND / 2.0) % AROUND - AROUND / 2.0)
    domain = np.exp(-0.5 * ((x[:, None] - DOMAINS) / DOMAIN) ** 2)
    fate = np.exp(-0.5 * ((around[:, None] - FATES) / FATE) ** 2)
    fate /= fate.sum(axis=1, keepdims=True)
    if genotype == "Twist":
        fate[:, 1] += fate[:, 0]
        fate[:, 0] = 0.0
    if genotype == "Toll":
        fate[:] = np.eye(len(FATES))[LATERAL]
    return np.asarray(domain[:, :, None] * fate[:, None, :])


def embryo(
    genotype: str = "WT",
    *,
    genes: Regulation | None = None,
    viscosity: float | Floats = 1.0,
    cells: int = 7700,
    shape: tuple[int, int] = (60, 48),
    method: str = "hybrid",
    seed: int = 1,
) -> bm.Tissue:
    """The embryo at the start of germ-band extension; x of the tissue begins a pole before the chart.

    viscosity: over that of the wild type, a number or a field [shape]: a soft patch, a stiff one.
    """
    genes = regulation() if genes is None else genes
    grid = tissue.Grid(shape=shape, size=(LENGTH + 2.0 * POLE, AROUND))
    x = (np.arange(shape[0]) + 0.5) * grid.spacing[0] - POLE
    beyond = 1.0 / (1.0 + np.exp((LENGTH - x) / 6.0)) + 1.0 / (1.0 + np.exp(x / 6.0))
    sheet = bm.Tissue(
        "germ_band",
        cells=cells,
        grid=grid,
        viscosity=viscosity * np.repeat(POLE_VISCOSITY ** beyond[:, None], shape[1], axis=1),
        bulk_viscosity=genes.bulk_viscosity,
        method=method,
        tolerance=np.inf if method == "hybrid" else None,
        seed=seed,
        polarity="y",
        parameters={**{f"t_{p}": t - 1.0 for p, t in zip(PROGRAMMES, genes.onset, strict=True)}, **genes.parameters},
    )
    read = fates(genotype, sheet.positions[:, 0] - POLE, sheet.positions[:, 1])
    for k, programme in enumerate(PROGRAMMES):
        sheet.set(f"junction_{programme}", np.tensordot(read, genes.junction[:, :, k], 2))
        sheet.set(f"area_{programme}", np.tensordot(read, genes.area[:, :, k], 2))
    sheet.couple("Junctional", to=bm.Contractility(per_molecule=ALPHA / OMEGA, axis="polarity"))
    sheet.couple("Medial", to=bm.Contractility(per_molecule=ALPHA / OMEGA))
    sheet.couple("Effector", to=bm.Growth(per_molecule=-AREA_FULL / COPIES))
    sheet.couple(bm.StrainRate(), to="stretch")
    return sheet


def run(genotype: str = "WT", *, progress: bool = True, **options: Any) -> xr.Dataset:
    """Twenty minutes of an embryo: cells, and the flow on the grid."""
    sheet = embryo(genotype, **options)
    return sheet.run(T_END, every=EVERY, dt=STEP, observe=[Cells(), Fields()], progress=progress).data


def tracers(data: xr.Dataset, start: Floats, times: Floats) -> Floats:
    """Paths [times, n, 2] in the chart of points that start at [n, 2], um, and go with the flow; they stop at its ends.

    Runge and Kutta's fourth order in the recorded flow, as the measured paths were made from the measured flow.
    """
    from scipy.ndimage import map_coordinates

    moments = data["time"].to_numpy()
    every = moments[1] - moments[0]
    spacing = np.array([float(data["gx"][1] - data["gx"][0]), float(data["gy"][1] - data["gy"][0])])
    speeds = [data[name].to_numpy() for name in ("velocity_x", "velocity_y")]

    def velocity(place: Floats, t: float) -> Floats:
        k = min(int(t / every), len(moments) - 2)
        later = t / every - k
        at = ((place + np.array([POLE, 0.0])) / spacing - 0.5).T
        flow = [(1.0 - later) * v[k] + later * v[k + 1] for v in speeds]
        return np.stack([map_coordinates(v, at, order=3, mode="grid-wrap") for v in flow], axis=1)

    place, paths, t = start.copy(), [], 0.0
    for until in times:
        h = until - t
        first = velocity(place, t)
        second = velocity(place + 0.5 * h * first, t + 0.5 * h)
        third = velocity(place + 0.5 * h * second, t + 0.5 * h)
        fourth = velocity(place + h * third, until)
        place = place + h / 6.0 * (first + 2.0 * second + 2.0 * third + fourth)
        place = np.clip(place, [0.0, VENTRAL], [LENGTH, VENTRAL + AROUND])
        paths.append(place)
        t = until
    return np.array(paths)


def mean_speed(data: xr.Dataset) -> Floats:
    """Mean speed over the chart, um/min, [times]."""
    inside = (data["gx"] > POLE) & (data["gx"] < POLE + LENGTH)
    speed = np.hypot(data["velocity_x"], data["velocity_y"])
    return np.asarray(speed.where(inside, drop=True).mean(("gx", "gy")))


@dataclass(frozen=True)
class Measured:
    """One genotype: paths [99, 64, 2] of tracers in um at `times` [99], mean speed [21] at minutes 0 to 20.

    Both also as the published model has them; and myosin round the embryo at 20 min, rows of um from the ventral
    midline and level.
    """

    times: Floats
    paths: Floats
    speed: Floats
    published_paths: Floats
    published_speed: Floats
    myosin: Floats


def folder_of_measurements(given: str | None = None) -> Path | None:
    """The folder given, or where it lies beside the project; None where there is none."""
    return measurements("drosophila_flow", "WT_trajectories.npz", given)


def measured(folder: Path, genotype: str) -> Measured:
    """What was measured of one genotype."""
    paths = np.load(folder / f"{genotype}_trajectories.npz")
    speed = np.loadtxt(folder / f"{genotype}_mean_flow_exp_vs_ml.csv", delimiter=",", skiprows=1)
    level = np.loadtxt(folder / f"{genotype}_myosin_DVprofile_t20_exp.csv", delimiter=",")
    # the part that was shown: without the furrow, to the dorsal midline
    shown = level[(level[:, 0] > VENTRAL + 40.0) & (level[:, 0] < VENTRAL + AROUND / 2.0)]
    around = np.stack([shown[:, 0] - VENTRAL, shown[:, 1]], axis=1)
    return Measured(paths["time_min"], paths["exp"], speed[:, 1], paths["ml"], speed[:, 2], around)


def residual(u: Floats, v: Floats) -> float:
    """How unlike two flows [times, n, 2] are, 0 if proportional (Streichan and others 2018, doi:10.7554/eLife.27454).

    < U^2 |v|^2 + V^2 |u|^2 - 2 U V u.v > / (2 U^2 V^2),   U, V the root mean squares of |u|, |v|, mean over time.
    """
    size = [np.sqrt(np.mean(np.sum(w**2, axis=-1), axis=-1))[:, None] for w in (u, v)]
    with np.errstate(divide="ignore", invalid="ignore"):
        unlike = 1.0 - np.sum(u * v, axis=-1) / (size[0] * size[1])
    return float(np.mean(unlike))


def scores(paths: Floats, speed: Floats, found: Measured) -> dict[str, float]:
    """R2 of the mean speed [21], residual of the flow, and mean deviation at the end (um) of paths [99, 64, 2]."""
    off = np.sum((speed - found.speed) ** 2) / np.sum((found.speed - found.speed.mean()) ** 2)
    interval = np.diff(found.times)[:, None, None] * 5.0
    flows = [(p[5:] - p[:-5]) / interval[: len(p) - 5] for p in (paths, found.paths)]
    return {
        "R2 of the mean speed": float(1.0 - off),
        "residual of the flow": residual(*flows),
        "deviation at the end (um)": float(np.linalg.norm(paths[-1] - found.paths[-1], axis=1).mean()),
    }


def compared(data: xr.Dataset, found: Measured) -> dict[str, float]:
    """The scores of a run."""
    paths = tracers(data, found.paths[0], found.times)
    return {
        **scores(paths, np.interp(np.arange(21.0), data["time"], mean_speed(data)), found),
        "correlation with myosin round the embryo": float(
            np.corrcoef(found.myosin[:, 1], np.interp(found.myosin[:, 0], *profile(data)))[0, 1]
        ),
    }


def uncertainty(paths: Floats, found: Measured, *, draws: int = 2000) -> float:
    """Standard error of the mean deviation, um: tracers are drawn anew in pairs of left and right."""
    off = np.linalg.norm(paths[-1] - found.paths[-1], axis=1).reshape(8, 8)
    pairs = 0.5 * (off + off[::-1])[:4].ravel()
    drawn = np.random.default_rng(1).choice(pairs, (draws, len(pairs)))
    return float(drawn.mean(axis=1).std())


def profile(data: xr.Dataset) -> tuple[Floats, Floats]:
    """Myosin |m| at the end, of cells in the middle fifth of the chart, against um from the ventral midline."""
    last = data.isel(time=-1)
    x, y = last["x"].to_numpy() - POLE, last["y"].to_numpy()
    middle = np.abs(x / LENGTH - 0.5) < 0.1
    around = np.abs((y - VENTRAL + AROUND / 2.0) % AROUND - AROUND / 2.0)[middle]
    level = myosin(last)[middle]
    edges = np.linspace(0.0, AROUND / 2.0, 28)
    count = np.histogram(around, edges)[0]
    return 0.5 * (edges[1:] + edges[:-1]), np.histogram(around, edges, weights=level)[0] / np.maximum(count, 1)


def myosin(frame: xr.Dataset) -> Floats:
    """|m| of the cells: sqrt(m : m)."""
    medial, junctional = frame["Medial"].to_numpy() / OMEGA, frame["Junctional"].to_numpy() / OMEGA
    return np.hypot(medial, medial + junctional)


def draw(runs: Mapping[str, xr.Dataset], path: Path, folder: Path | None) -> None:
    """Myosin and paths at the end of each genotype, speeds and deviations in time, myosin round the embryo."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(12, 8.6), layout="constrained", height_ratios=[1.5, 1])
    for panel, (genotype, data) in zip(axes[0], runs.items(), strict=False):
        found = None if folder is None else measured(folder, genotype)
        drawn = _map(panel, data, found)
        panel.set_title(NAMES[genotype])
    figure.colorbar(drawn, ax=axes[0, -1], label="myosin |m|", shrink=0.8)
    for (genotype, data), colour in zip(runs.items(), ("#1b1b1b", "#2171b5", "#cb181d"), strict=False):
        axes[1, 0].plot(data["time"], mean_speed(data), color=colour, label=NAMES[genotype])
        if folder is not None:
            found = measured(folder, genotype)
            axes[1, 0].plot(np.arange(21.0), found.speed, "o", ms=3, color=colour)
            axes[1, 0].plot(np.arange(21.0), found.published_speed, ":", lw=1, color=colour)
            paths = tracers(data, found.paths[0], found.times)
            for other, style in ((paths, "-"), (found.published_paths, ":")):
                off = np.linalg.norm(other - found.paths, axis=2).mean(axis=1)
                axes[1, 1].plot(found.times, off, style, color=colour)
            scale = found.myosin[:, 1].mean() / np.interp(found.myosin[:, 0], *profile(data)).mean()
            axes[1, 2].plot(found.myosin[:, 0], found.myosin[:, 1] / scale, "o", ms=3, color=colour)
        axes[1, 2].plot(*profile(data), color=colour)
    axes[1, 0].legend(frameon=False)
    axes[1, 0].set(xlabel="time, min", ylabel="mean speed, um/min")
    axes[1, 1].set(xlabel="time, min", ylabel="mean deviation of tracers, um")
    axes[1, 2].set(xlabel="from the ventral midline, um", ylabel="myosin |m|, middle, 20 min")
    axes[1, 2].set_xlim(left=40.0)
    for panel in axes[1]:
        panel.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _map(panel: Any, data: xr.Dataset, found: Measured | None) -> Any:
    """Cells by their myosin at the end, with measured (black) and simulated paths of tracers."""
    last = data.isel(time=-1)
    drawn = panel.scatter(
        last["x"] - POLE, last["y"], c=myosin(last), s=7, cmap="viridis", vmin=0.05, vmax=0.45, linewidths=0
    )
    grid = np.stack(np.meshgrid(np.linspace(28.0, 430.0, 8), np.linspace(28.0, 512.0, 8)), axis=-1).reshape(-1, 2)
    times = np.arange(0.2, 20.0, 0.2) if found is None else found.times
    paths = tracers(data, grid if found is None else found.paths[0], times)
    if found is not None:
        panel.plot(*found.paths.transpose(2, 0, 1), color="black", lw=2.2)
    panel.plot(*paths.transpose(2, 0, 1), color="#ef3b2c", lw=1.1)
    panel.set(xlim=(0, LENGTH), ylim=(0, AROUND), aspect="equal", xticks=[0, LENGTH], xticklabels=["head", "tail"])
    panel.set(yticks=[VENTRAL, AROUND / 2.0, AROUND], yticklabels=["ventral", "dorsal", "ventral"])
    return drawn


def movie(data: xr.Dataset, path: Path) -> Path:
    """The embryo in motion, cells by their myosin, every fourth cell's place at the start as a stripe."""
    import matplotlib

    matplotlib.use("Agg")
    import imageio_ffmpeg
    import matplotlib.pyplot as plt
    from tqdm import tqdm

    figure, panel = plt.subplots(figsize=(6.4, 7.2), dpi=100, layout="constrained")
    start = data.isel(time=0)
    striped = ((start["x"].to_numpy() - POLE) // 14.0) % 4 == 0
    drawn = panel.scatter(
        start["x"], start["y"], c=myosin(start), s=9, cmap="viridis", vmin=0.05, vmax=0.45, linewidths=0
    )
    marks = panel.scatter(start["x"][striped], start["y"][striped], c="#ef3b2c", s=3, linewidths=0)
    panel.set(xlim=(POLE, POLE + LENGTH), ylim=(0, AROUND), aspect="equal", xticks=[], yticks=[])
    title = panel.set_title("")
    figure.colorbar(drawn, ax=panel, label="myosin |m|", shrink=0.8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.canvas.draw()
    size = figure.canvas.get_width_height()
    out = imageio_ffmpeg.write_frames(str(path), size, fps=8, macro_block_size=1, output_params=["-pix_fmt", "yuv420p"])
    out.send(None)
    try:
        for k in tqdm(range(data.sizes["time"]), desc="movie", leave=False):
            frame = data.isel(time=k)
            places = np.stack([frame["x"], frame["y"]], axis=1)
            drawn.set_offsets(places)
            drawn.set_array(myosin(frame))
            marks.set_offsets(places[striped])
            title.set_text(f"{float(frame['time']):.1f} min")
            figure.canvas.draw()
            out.send(np.ascontiguousarray(np.asarray(figure.canvas.buffer_rgba())[..., :3]))
    finally:
        out.close()
        plt.close(figure)
    return path


def table_of_scores(folder: Path, runs: Mapping[str, xr.Dataset], held_out: Mapping[str, xr.Dataset]) -> str:
    """Scores of the fit and of predictions beside those of the published model, computed from the data at hand."""
    lines = [f"{'':28}{'R2 of speed':>14}{'residual':>12}{'deviation, um':>18}{'myosin':>10}"]
    for genotype, data in runs.items():
        found = measured(folder, genotype)
        rows = {f"{NAMES[genotype]}, fit to all": data}
        if genotype in held_out:
            rows[f"{NAMES[genotype]}, not fitted to it"] = held_out[genotype]
        for name, run_ in rows.items():
            paths = tracers(run_, found.paths[0], found.times)
            lines.append(_row(name, compared(run_, found), uncertainty(paths, found)))
        published = scores(found.published_paths, found.published_speed, found)
        lines.append(_row(f"{NAMES[genotype]}, published", published, uncertainty(found.published_paths, found)))
        still = np.repeat(found.paths[:1], len(found.paths), axis=0)
        lines.append(f"{NAMES[genotype]}, if nothing moved".ljust(54) + _off(still, found))
    return "\n".join(lines)


def _row(name: str, found: Mapping[str, float], error: float) -> str:
    speed, unlike, off, *rest = found.values()
    return f"{name:28}{speed:14.3f}{unlike:12.3f}{off:12.2f} +- {error:.2f}" + "".join(f"{r:10.3f}" for r in rest)


def _off(paths: Floats, found: Measured) -> str:
    return f"{np.linalg.norm(paths[-1] - found.paths[-1], axis=1).mean():12.2f} +- {uncertainty(paths, found):.2f}"


def main() -> None:
    """Three genotypes, what is predicted of each from the others, pictures and a movie in results/."""
    folder = folder_of_measurements(*sys.argv[1:2])
    print(embryo().describe(speed=3.0, length=200.0, density=1e-9 / 60.0, diffusion=60.0), "\n")
    runs = {genotype: run(genotype) for genotype in GENOTYPES}
    if folder is None:
        print(f"No measurements here to compare with. They are {SOURCE}.")
    else:
        held_out = {
            "WT": run("WT", genes=regulation("without WT")),
            "Twist": run("Twist", genes=regulation("without Twist")),
        }
        print(table_of_scores(folder, runs, held_out))
    draw(runs, Path("results/germ_band_extension.png"), folder)
    print("\n", movie(runs["WT"], Path("results/germ_band_extension.mp4")))


if __name__ == "__main__":
    main()
