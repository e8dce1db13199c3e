"""Gastrulation of a Drosophila embryo as it starts, from genes to flow and back.

The apical surface of the blastoderm, unrolled: 452 um along the anterior-posterior axis (x) and 533 um round the
embryo (y), both periodic, 5,700 cells 6.5 um wide. Every cell runs its own stochastic network (`gastrula`).

Pulses. RhoGEF clusters, brought to the apical cortex by Fog, arrive and leave one by one, and Rho, its inhibitor and
myosin follow in pulses. Fog acts in a ventral band 18 cells wide. Myosin contracts the apical cortex, an active viscous
film, and stretch and tension act back on the recruitment of myosin:

    -div(2 eta dev e) + grad p + gamma v = div s,   p = -eta_b div v,   s = z Myosin I.

Neighbours. Cells of the band have Snail, which lets them signal with Delta. Notch is active where Delta touches, and
single-minded is made where Notch is active and Snail is not: in the row of cells beside the band, the mesectoderm.

Lineage. In patches on the sides of the embryo string is on, and a cell that has 20 molecules of String divides. String
is on in the band too, where Tribbles takes it away: cells that fold in do not divide.

Measured in embryos: pulses 82.8 +- 48 s apart, 3.2 +- 1.2 of them in 6 minutes, and about half of the apical area left
when the tissue folds (Martin, Kaschube and Wieschaus 2009, doi:10.1038/nature07522); one row of cells on either side
(Morel and Schweisguth 2000, doi:10.1101/gad.14.3.377); divisions in domains (Foe 1989, doi:10.1242/dev.107.1.1), and
none in the band unless tribbles is lost (Seher and Leptin 2000, doi:10.1016/S0960-9822(00)00502-9). Contractility was
chosen so that half the area is left after 6 minutes; it is fitted. Places of the patches and the rates of Notch, Sim
and String were chosen for this demonstration; docs/morphogenesis.md says what follows from what.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from time import perf_counter

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial import cKDTree

import biomulti as bm
import tissue
from biomulti.demos.scripts import example
from biomulti.measure import mean_speed, pulse_intervals
from biomulti.run import Run

Floats = NDArray[np.float64]

LENGTH, CIRCUMFERENCE = 452.0, 533.0  # um
CELL_AREA = 42.3  # um2, of 5,700 cells
BAND = 18 * 6.5  # um, width of the ventral band
EDGE = 8.0  # um, over which Fog fades
BULK_VISCOSITY = 1.0  # in units of the viscosity
REACH = 60.0  # um, how far flow reaches: sqrt((eta + eta_b) / gamma)
FRICTION = (1.0 + BULK_VISCOSITY) / REACH**2  # per um2, in units of the viscosity
OMEGA = 1e5  # molecules that make the network's M equal to one
CONTRACTILITY = 0.019 / OMEGA  # per second and molecule, in units of the viscosity
TENSION = 0.01  # per second: the tension that counts as 1
DENSITY = 1e-9  # s / um2: of water, over a viscosity of 1 Pa s
DIFFUSION = 1.0  # um2 / s, of a protein in the embryo
MINUTE = 60.0
STEP = 3.0  # s, between exchanges of genes and tissue
PULSE = 0.25 * 0.2976  # prominence of a pulse: a quarter of the amplitude of the network's limit cycle
INTERPHASE = 65.0 * MINUTE  # how long ago the cells were born, in the thirteenth division
RIPE = 60.0 * MINUTE  # the age from which on string can be on
STRING = 20.0  # molecules of String with which a cell divides
SIM = 10.0  # molecules of Single-minded from which on a cell counts as mesectoderm
# Patches that divide, on both sides: place along the embryo (over its length), distance from the ventral midline (um),
# how strongly string is on.
DOMAINS = ((0.17, 150.0, 1.3), (0.33, 118.0, 1.0), (0.83, 165.0, 0.8))
DOMAIN = (24.0 / LENGTH, 21.0)  # half the length (over the embryo's) and half the width (um) of a patch


def from_midline(y: Floats) -> Floats:
    """Distance of places y round the embryo from the ventral midline."""
    return np.abs(y - CIRCUMFERENCE / 2.0)


def fog(y: Floats) -> Floats:
    """Fog signal at places y [n] round the embryo: 1 in the ventral band, 0 outside."""
    return 0.5 * (1.0 + np.tanh((BAND / 2.0 - from_midline(y)) / EDGE))


def in_band(y: Floats) -> NDArray[np.bool_]:
    """Which places y [n] round the embryo are mesoderm."""
    return from_midline(y) < BAND / 2.0


def string(x: Floats, y: Floats, *, length: float = LENGTH) -> Floats:
    """How strongly string is on at places x, y [n]: in the patches that divide, and in the ventral band."""
    on = np.where(in_band(y), 1.0, 0.0)
    for along, around, strength in DOMAINS:
        inside = ((x / length - along) / DOMAIN[0]) ** 2 + ((from_midline(y) - around) / DOMAIN[1]) ** 2 < 1.0
        on = np.where(inside, strength, on)
    return on


def embryo(*, cells: int = 5700, shape: tuple[int, int] = (64, 80), seed: int = 1) -> bm.Tissue:
    """The embryo before it starts to contract. A smaller one keeps its density if length is cut with `cells`."""
    length = LENGTH * cells / 5700.0
    sheet = bm.Tissue(
        "gastrula",
        cells=cells,
        grid=tissue.Grid(shape=shape, size=(length, CIRCUMFERENCE)),
        friction=FRICTION,
        bulk_viscosity=BULK_VISCOSITY,
        seed=seed,
        warm_up=10.0 * MINUTE,
        # the network's noise was chosen with Rho, its inhibitor and myosin flowing
        tolerance=math.inf,
        ages=INTERPHASE,
        # cells that contract come closer than evenly set ones
        keep_apart=0.0,
    )
    x, y = sheet.positions.T
    sheet.set("fog", fog(y))
    sheet.set("snail", in_band(y).astype(float))
    sheet.set("tribbles", in_band(y).astype(float))
    sheet.set("string", string(x, y, length=length))
    # what the tissue adds to these, it adds to nothing
    sheet.set("delta_around", 0.0)
    sheet.set("ripe", 0.0)
    sheet.couple("Myosin", to=bm.Contractility(per_molecule=CONTRACTILITY))
    sheet.couple(bm.StrainRate(), to="stretch")
    sheet.couple(bm.Stress(), to="tension", gain=1.0 / TENSION)
    sheet.couple(bm.Neighbours("Delta", reduce="contact"), to="delta_around")
    sheet.couple(bm.Age(), to="ripe", law=bm.Threshold(at=RIPE))
    sheet.live(bm.Division(when="String", above=STRING))
    return sheet


def rows(run: xr.Dataset, *, lines: int = 300) -> NDArray[np.int64]:
    """How many cells with Single-minded, at the end, a line across the embryo meets on each side, [2 lines].

    A cell is met where it is the nearest one, on the line from the ventral midline to half way round.
    """
    last = run.isel(time=-1).dropna("cell", subset=["x"])
    size = np.array(json.loads(run.attrs["size"]))
    tree = cKDTree(np.mod(last[["x", "y"]].to_array().T, size), boxsize=size)
    marked = last["Sim"].to_numpy() > SIM
    x = (np.arange(lines) + 0.5) / lines * size[0]
    out = np.arange(0.0, CIRCUMFERENCE / 2.0, 0.25)
    found = []
    for side in (-1.0, 1.0):
        y = CIRCUMFERENCE / 2.0 + side * out
        points = np.stack(np.meshgrid(x, np.mod(y, CIRCUMFERENCE), indexing="ij"), axis=-1)
        met = tree.query(points)[1]
        found += [len(np.unique(line[marked[line]])) for line in met]
    return np.array(found)


def touching(run: xr.Dataset) -> Floats:
    """Share of Single-minded cells among those that touch the mesoderm at the end, and among all others, [2]."""
    last = run.isel(time=-1).dropna("cell", subset=["x"])
    outside = last["Delta"].to_numpy() < 1.0
    marked, beside = last["Sim"].to_numpy() > SIM, last["delta_around"].to_numpy() > 0.0
    return np.array([np.mean(marked[outside & beside]), np.mean(marked[~(outside & beside)])])


def divided(run: Run) -> dict[str, float]:
    """What share of the cells divided (%), in the patches and in the ventral band, and how many divided in all."""
    start = run.data.isel(time=0).dropna("cell", subset=["x"])
    x, y = start["x"].to_numpy(), start["y"].to_numpy()
    fate = run.lineage.table["fate"].reindex(start["cell"].to_numpy()).to_numpy()
    done, band = fate == "divided", in_band(y)
    patches = (string(x, y, length=json.loads(run.data.attrs["size"])[0]) > 0.0) & ~band
    return {
        "divisions": float(np.sum(run.lineage.table["fate"] == "divided")),
        "cells of the patches that divided (%)": 100.0 * float(np.mean(done[patches])),
        "cells of the band that divided (%)": 100.0 * float(np.mean(done[band])),
    }


def founders(run: Run) -> NDArray[np.int64]:
    """The column in the data of the founder that each cell descends from, [cells]; founders come first."""
    parent = run.lineage.table["parent"].reindex(run.data["cell"].to_numpy()).to_numpy()
    column = {int(cell): k for k, cell in enumerate(run.data["cell"].to_numpy())}
    out = np.arange(len(parent))
    for k, mother in enumerate(parent):
        if mother >= 0:
            out[k] = out[column[int(mother)]]
    return out


def pulsing(run: Run, cells: NDArray[np.bool_]) -> dict[str, float]:
    """Pulses and rates of area of those of the `cells` that live all the time; not numbers where none does."""
    time, area = run.data["time"].to_numpy(), run.data["area"].to_numpy()
    there = cells & np.isfinite(area).all(axis=0)
    myosin = run.data["Myosin"].to_numpy()[:, there] / OMEGA
    intervals = pulse_intervals(time, myosin, prominence=PULSE)
    rates = np.diff(area[:, there], axis=0) * CELL_AREA / np.diff(time)[:, None] * MINUTE
    pulses = len(intervals) + np.sum(np.ptp(myosin, axis=0) > PULSE)
    minutes = float(time[-1] - time[0]) / MINUTE
    return {
        "pulse interval, mean (s)": float(np.mean(intervals)) if len(intervals) else np.nan,
        "pulse interval, sd (s)": float(np.std(intervals)) if len(intervals) else np.nan,
        "pulses in 6 min": float(pulses / np.sum(there) * 6.0 / minutes) if there.any() else np.nan,
        "fastest twentieth of area rates (um2/min)": float(np.quantile(rates, 0.05)) if there.any() else np.nan,
    }


def summary(run: Run) -> dict[str, float]:
    """Numbers to hold against the embryo; pulses and areas are of the cells in the middle of the ventral band."""
    data = run.data
    middle = from_midline(data["y"].isel(time=0).to_numpy()) < BAND / 3.0
    others = np.isfinite(data["y"].isel(time=0).to_numpy()) & ~middle
    # two daughters have the area of their mother
    area = np.bincount(founders(run), np.nan_to_num(data["area"].isel(time=-1).to_numpy()), len(middle))
    beside, elsewhere = touching(data)
    met = rows(data)
    return {
        **pulsing(run, middle),
        "ventral area left (%)": 100.0 * float(np.mean(area[middle])),
        "area of other cells (%)": 100.0 * float(np.mean(area[others])),
        "mean speed (um/min)": float(np.mean(mean_speed(data["vx"].to_numpy(), data["vy"].to_numpy()))) * MINUTE,
        "cells in the row of Single-minded": float(np.mean(met)),
        "lines across it that meet one such cell (%)": 100.0 * float(np.mean(met == 1)),
        "lines that meet none (%)": 100.0 * float(np.mean(met == 0)),
        "Single-minded in cells at the mesoderm (%)": 100.0 * beside,
        "and in all others (%)": 100.0 * elsewhere,
        **divided(run),
    }


MEASURED = {
    "pulse interval, mean (s)": "82.8",
    "pulse interval, sd (s)": "48",
    "pulses in 6 min": "3.2 +- 1.2",
    "ventral area left (%)": "about 50 (fitted)",
    "fastest twentieth of area rates (um2/min)": "-10 to -15 in single pulses",
    "cells in the row of Single-minded": "1",
    "cells of the band that divided (%)": "0",
}


def unused(folder: Path) -> Path:
    """`folder`, or the first of folder-2, folder-3, ... that holds no run yet."""
    number = 1
    chosen = folder
    while (chosen / "data.zarr").exists():
        number += 1
        chosen = folder.with_name(f"{folder.name}-{number}")
    return chosen


def trees(run: Run) -> str:
    """The trees of the cells that divided, in Newick's format, one a line."""
    until = float(run.data["time"][-1])
    return "".join(line + "\n" for line in run.lineage.newick(until=until).splitlines() if line.startswith("("))


def draw(run: Run) -> None:
    """A picture and a movie in the folder of the run."""
    for write, name in ((run.picture, "morphogenesis.png"), (run.movie, "morphogenesis.mp4")):
        write(name, colour="Myosin", surface="embryo", marked={"Sim": SIM}, sisters=True)


def main(folder: Path, *, seed: int = 1) -> None:
    """The surface of the embryo, the furrow in cross-section and the flow of the germ band; all goes into `folder`."""
    started = perf_counter()
    folder = unused(folder)
    surface(folder, seed)
    furrow(folder, seed)
    germ_band(folder, seed)
    print(
        f"\n{folder}: data.zarr, lineage.csv and lineage.newick of the surface, and a picture and a movie each, "
        f"morphogenesis, ventral_furrow and germ_band_extension ({perf_counter() - started:.0f} s, seed {seed})"
    )


def surface(folder: Path, seed: int) -> None:
    """Run the surface of the embryo for 6 minutes and write data, lineage, a picture and a movie."""
    print("Compiling (the first time takes half a minute) and placing the cells ...", flush=True)
    sheet = embryo(seed=seed)
    print(sheet.describe(speed=2.0 / MINUTE, length=BAND, density=DENSITY, diffusion=DIFFUSION), "\n", flush=True)
    run = sheet.run(6.0 * MINUTE, every=3.0, dt=STEP, folder=folder)
    (folder / "lineage.newick").write_text(trees(run), encoding="utf-8")
    print(f"\n{'':44} {'simulated':>10}   embryo")
    for name, value in summary(run).items():
        print(f"{name:44} {value:10.3g}   {MEASURED.get(name, '')}")
    print("\nDrawing ...", flush=True)
    draw(run)


def furrow(folder: Path, seed: int) -> None:
    """The mesoderm folds in, and does not where myosin is uniform, and so on: `examples/ventral_furrow.py`."""
    script = example("ventral_furrow")
    print("\nThe furrow in cross-section: depth of the midline after 28 min, over a cell's height", flush=True)
    found = {name: script.run(name=name, seed=seed, **changed) for name, changed in script.CASES.items()}
    for name, one in found.items():
        print(f"{name:44} {one['depth'][-1]:10.2f}")
    script.draw(found, folder / "ventral_furrow.png")
    script.movie(found, folder / "ventral_furrow.mp4")


def germ_band(folder: Path, seed: int) -> None:
    """The flow of the germ band in three genotypes: `examples/germ_band_extension.py`."""
    script = example("germ_band_extension")
    print("\nThe germ band: mean speed of the tissue after 10 and 20 min, um/min", flush=True)
    runs = {genotype: script.run(genotype, seed=seed) for genotype in script.GENOTYPES}
    for genotype, run in runs.items():
        speed = np.interp([10.0, 20.0], run["time"], script.mean_speed(run))
        print(f"{script.NAMES[genotype]:44} {speed[0]:10.2f} {speed[1]:10.2f}   {script.SEEN[genotype]}")
    script.draw(runs, folder / "germ_band_extension.png", script.folder_of_measurements())
    script.movie(runs["WT"], folder / "germ_band_extension.mp4")
