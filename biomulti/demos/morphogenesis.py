"""Pulsed contraction of the ventral cells of a Drosophila embryo, from genes to flow and back.

The apical surface of the blastoderm, unrolled: 452 um along the anterior-posterior axis (x) and 533 um round the
embryo (y), both periodic, 5,700 cells 6.5 um wide. Every cell runs its own stochastic network of Rho and myosin
(`rho_myosin`): RhoGEF clusters, brought to the apical cortex by Fog, arrive and leave one by one, and Rho, its
inhibitor and myosin follow in pulses. Fog acts in a ventral band 18 cells wide. Myosin contracts the apical cortex, an
active viscous film:

    -div(2 eta dev e) + grad p + gamma v = div s,   p = -eta_b div v,   s = z Myosin I.

Stretch and tension act back on the recruitment of myosin. Measured in embryos (Martin, Kaschube and Wieschaus 2009,
doi:10.1038/nature07522): pulses 82.8 +- 48 s apart, 3.2 +- 1.2 of them in 6 minutes, and about half of the apical area
left when the tissue folds. Contractility was chosen so that half the area is left after 6 minutes; it is fitted.
"""

from __future__ import annotations

import math
from pathlib import Path
from time import perf_counter

import numpy as np
import xarray as xr

import biomulti as bm
import tissue
from biomulti.measure import mean_speed, pulse_intervals

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
PULSE = 0.25 * 0.2976  # prominence of a pulse: a quarter of the amplitude of the network's limit cycle


def fog(y: np.ndarray, *, centre: float = CIRCUMFERENCE / 2.0) -> np.ndarray:
    """Fog signal at places y [n] round the embryo: 1 in the ventral band, 0 outside."""
    return 0.5 * (1.0 + np.tanh((BAND / 2.0 - np.abs(y - centre)) / EDGE))


def embryo(*, cells: int = 5700, shape: tuple[int, int] = (64, 80), seed: int = 1) -> bm.Tissue:
    """The embryo before it starts to contract. A smaller one keeps its density if length is cut with `cells`."""
    grid = tissue.Grid(shape=shape, size=(LENGTH * cells / 5700.0, CIRCUMFERENCE))
    sheet = bm.Tissue(
        "rho_myosin",
        cells=cells,
        grid=grid,
        friction=FRICTION,
        bulk_viscosity=BULK_VISCOSITY,
        seed=seed,
        warm_up=10.0 * MINUTE,
        # the network's noise was chosen with Rho, its inhibitor and myosin flowing
        tolerance=math.inf,
    )
    sheet.set("fog", fog(sheet.positions[:, 1]))
    sheet.couple("Myosin", to=bm.Contractility(per_molecule=CONTRACTILITY))
    sheet.couple(bm.StrainRate(), to="stretch")
    sheet.couple(bm.Stress(), to="tension", gain=1.0 / TENSION)
    return sheet


def summary(run: xr.Dataset) -> dict[str, float]:
    """Numbers to hold against the embryo, of the cells in the middle of the ventral band."""
    ventral = np.abs(run["y"].isel(time=0).to_numpy() - CIRCUMFERENCE / 2.0) < BAND / 3.0
    time, myosin = run["time"].to_numpy(), run["Myosin"].to_numpy() / OMEGA
    area = run["area"].to_numpy()
    intervals = pulse_intervals(time, myosin[:, ventral], prominence=PULSE)
    pulses = (len(intervals) + np.sum(np.ptp(myosin[:, ventral], axis=0) > PULSE)) / np.sum(ventral)
    minutes = float(time[-1] - time[0]) / MINUTE
    rates = np.diff(area[:, ventral], axis=0) * CELL_AREA / np.diff(time)[:, None] * MINUTE
    return {
        "pulse interval, mean (s)": float(np.mean(intervals)) if len(intervals) else np.nan,
        "pulse interval, sd (s)": float(np.std(intervals)) if len(intervals) else np.nan,
        "pulses in 6 min": float(pulses * 6.0 / minutes),
        "ventral area left (%)": 100.0 * float(np.mean(area[-1, ventral])),
        "area of other cells (%)": 100.0 * float(np.mean(area[-1, ~ventral])),
        "fastest twentieth of area rates (um2/min)": float(np.quantile(rates, 0.05)),
        "mean speed (um/min)": float(np.mean(mean_speed(run["vx"].to_numpy(), run["vy"].to_numpy()))) * MINUTE,
    }


MEASURED = {
    "pulse interval, mean (s)": "82.8",
    "pulse interval, sd (s)": "48",
    "pulses in 6 min": "3.2 +- 1.2",
    "ventral area left (%)": "about 50 (fitted)",
    "fastest twentieth of area rates (um2/min)": "-10 to -15 in single pulses",
}


def unused(folder: Path) -> Path:
    """`folder`, or the first of folder-2, folder-3, ... that holds no run yet."""
    number = 1
    chosen = folder
    while (chosen / "data.zarr").exists():
        number += 1
        chosen = folder.with_name(f"{folder.name}-{number}")
    return chosen


def main(folder: Path, *, seed: int = 1) -> None:
    """Run the embryo for 6 minutes and write data, a picture and a movie into `folder`."""
    started = perf_counter()
    folder = unused(folder)
    print("Compiling (the first time takes half a minute) and placing the cells ...", flush=True)
    sheet = embryo(seed=seed)
    print(sheet.describe(speed=2.0 / MINUTE, length=BAND, density=DENSITY, diffusion=DIFFUSION), "\n", flush=True)
    run = sheet.run(6.0 * MINUTE, every=3.0, dt=1.0, folder=folder)
    numbers = summary(run.data)
    print(f"\n{'ventral cells':44} {'simulated':>10}   embryo")
    for name, value in numbers.items():
        print(f"{name:44} {value:10.3g}   {MEASURED.get(name, '')}")
    print("\nDrawing ...", flush=True)
    run.picture("morphogenesis.png", colour="Myosin", surface="embryo")
    run.movie("morphogenesis.mp4", colour="Myosin", surface="embryo")
    print(
        f"\n{folder}: data.zarr, morphogenesis.png, morphogenesis.mp4 ({perf_counter() - started:.0f} s, seed {seed})"
    )
