"""A band of cells pulls itself together: gene, cell and tissue against a closed form.

Cells with a signal (`fog`) carry myosin and pull with the stress P; the others do not. The tissue is a thin film of
viscosity eta and bulk viscosity eta_b that rubs against what lies below it with friction gamma. A band |x| < w that
reaches across the tissue makes the flow (Bois, Juelicher and Grill 2011, doi:10.1103/PhysRevLett.106.028103)

    (eta + eta_b) v'' - gamma v = -s',    s = P inside, 0 outside,    l = sqrt((eta + eta_b) / gamma),
    v(x) = V (e^(-|x + w| / l) - e^(-|x - w| / l)),                     V = P / (2 sqrt((eta + eta_b) gamma)).

Every cell keeps its myosin, so the stress stays P while the edges come in at dw/dt = v(w), and

    w(t) = (l / 2) ln(1 + (e^(2 w0 / l) - 1) e^(-2 V t / l)).

At the edge the stress jumps and the velocity has a kink. The grid rounds both, so that the error of w(t) is of first
order: half as large on a grid twice as fine, and nearly gone when two grids are extrapolated.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

import biomulti as bm
import tissue

LENGTH, WIDTH = 400.0, 40.0  # um
HALF_BAND = 40.0  # um, w at the start
VISCOSITY = BULK_VISCOSITY = 1.0
FRICTION = (VISCOSITY + BULK_VISCOSITY) / 40.0**2  # flow reaches l = 40 um
STRESS = 0.01  # P, per second in units of the viscosity
MYOSIN = 1000.0  # molecules in a cell of the band
T_END, DT = 240.0, 2.0  # s

MODEL = f"""
model pulling_cell()
  unit substance = item; unit extent = item; unit volume = 1e-15 litre; unit time_unit = second;
  compartment cell = 1;
  substanceOnly species Myosin in cell;
  Myosin = 0; fog = 0;
  assembly:    => Myosin;  0.1 * {MYOSIN} * fog;
  disassembly: Myosin => ; 0.1 * Myosin;
end
"""


def speed_scale() -> tuple[float, float]:
    """V and l of the closed form."""
    total = VISCOSITY + BULK_VISCOSITY
    return STRESS / (2.0 * math.sqrt(total * FRICTION)), math.sqrt(total / FRICTION)


def exact_velocity(x: np.ndarray, w: float) -> np.ndarray:
    """v at distances x [n] from the middle of a band of half width w, with the band's images in the periodic box."""
    scale, reach = speed_scale()
    edges = [(np.abs(x + image + w), np.abs(x + image - w)) for image in (-LENGTH, 0.0, LENGTH)]
    return np.asarray(scale * sum(np.exp(-left / reach) - np.exp(-right / reach) for left, right in edges))


def exact_half_width(t: np.ndarray) -> np.ndarray:
    """w at times t [n]."""
    scale, reach = speed_scale()
    gone = np.exp(-2.0 * scale * t / reach)
    return np.asarray(0.5 * reach * np.log1p(math.expm1(2.0 * HALF_BAND / reach) * gone))


def band(*, across: int = 160) -> bm.Tissue:
    """The tissue before it moves: `across` grid cells along it, two by two cells in each."""
    grid = tissue.Grid(shape=(across, across // 10), size=(LENGTH, WIDTH))
    spacing = grid.spacing[0] / 2.0
    x, y = np.meshgrid(np.arange(2 * across), np.arange(across // 5), indexing="ij")
    positions = spacing * (np.stack([x.ravel(), y.ravel()], axis=1) + 0.5)
    sheet = bm.Tissue(
        MODEL,
        cells=positions,
        grid=grid,
        viscosity=VISCOSITY,
        bulk_viscosity=BULK_VISCOSITY,
        friction=FRICTION,
        method="ode",
        seed=1,
        warm_up=200.0,  # myosin reaches its level before the tissue moves
    )
    sheet.set("fog", (np.abs(positions[:, 0] - LENGTH / 2.0) < HALF_BAND).astype(float))
    sheet.couple("Myosin", to=bm.Contractility(per_molecule=STRESS / MYOSIN))
    return sheet


def run(*, across: int = 160) -> dict[str, Any]:
    """Velocity along the tissue at the start, and the half width of the band in time, each beside its closed form."""
    data = band(across=across).run(T_END, every=20.0, dt=DT, progress=False).data
    start = data.isel(time=0)
    x = start["x"].to_numpy() - LENGTH / 2.0
    pulls = np.abs(x) < HALF_BAND
    # areas are in units of a cell's at the start, so their mean is by how much the band has shrunk
    half_width = HALF_BAND * data["area"].to_numpy()[:, pulls].mean(axis=1)
    return {
        "data": data,
        "x": x,
        "velocity": start["vx"].to_numpy(),
        "exact velocity": exact_velocity(x, HALF_BAND),
        "time": data["time"].to_numpy(),
        "half width": half_width,
        "exact half width": exact_half_width(data["time"].to_numpy()),
    }


def draw(found: dict[str, Any], path: Path) -> None:
    """The cells at the start and at the end, the velocity, and the width in time."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplot_mosaic("AA;BB;CD", figsize=(9, 7), layout="constrained", height_ratios=[1, 1, 2.4])
    data = found["data"]
    pulls = np.abs(found["x"]) < HALF_BAND
    for panel, k in (("A", 0), ("B", -1)):
        frame = data.isel(time=k)
        colours = np.where(pulls, "#cb181d", "#9ecae1")
        axes[panel].scatter(frame["x"] - LENGTH / 2.0, frame["y"], s=1.5, c=colours, linewidths=0)
        axes[panel].set(xlim=(-100, 100), ylim=(0, WIDTH), aspect="equal", yticks=[])
        axes[panel].set_title(f"{float(frame['time']):.0f} s", loc="left", fontsize=10)
    order = np.argsort(found["x"])
    axes["C"].plot(found["x"][order], found["velocity"][order], ".", ms=3, color="#6baed6", label="cells")
    axes["C"].plot(found["x"][order], found["exact velocity"][order], lw=1, color="black", label="closed form")
    axes["C"].set(xlabel="distance from the middle, um", ylabel="velocity at the start, um/s")
    axes["D"].plot(found["time"], found["half width"], "o", color="#cb181d", label="cells")
    axes["D"].plot(found["time"], found["exact half width"], lw=1, color="black", label="closed form")
    axes["D"].set(xlabel="time, s", ylabel="half width of the band, um", ylim=(0, None))
    for panel in "CD":
        axes[panel].legend(frameon=False)
        axes[panel].spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    print(band().describe(), "\n")
    coarse, found = run(across=80), run(across=160)
    worst = np.max(np.abs(found["velocity"] - found["exact velocity"])) / np.max(np.abs(found["exact velocity"]))
    print(f"velocity of the cells at the start: off by at most {100 * worst:.1f} % of the fastest, at the edges\n")
    print("half width of the band, um")
    print(f"{'time, s':>8}{'80 cells':>12}{'160 cells':>12}{'extrapolated':>14}{'closed form':>14}")
    columns = found["time"], coarse["half width"], found["half width"], found["exact half width"]
    for t, first, second, exact in zip(*columns, strict=True):
        print(f"{t:8.0f}{first:12.3f}{second:12.3f}{2.0 * second - first:14.3f}{exact:14.3f}")
    draw(found, Path("results/contracting_band.png"))
