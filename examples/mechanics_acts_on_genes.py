"""Forces from outside act on genes: pulses rescue a mutant, and compression turns a gene on.

A force on the cells moves the tissue, the tissue's stress and strain are felt by the networks of its cells, and these
answer. Nothing is written into the networks by hand. With the argument `pulses`: how many pulses a rescue takes.

1. Rescue (Mitrossilis et al. 2017, doi:10.1038/ncomms13883). Without Snail mesoderm cells make no pulses and do not
constrict. Magnets that pull to and fro on them in place of pulses bring back the held myosin and the constriction, but
only where there is Fog. The cells are those of `apical_constriction.py`, network `ratchet`, and each is pulled along
the embryo by a force of density

    f(x, t) = f0 sin(q x) sin(2 pi t / P)        for some periods P, then none.

The tissue's tension T rises and falls, and held myosin H comes where Fog F meets tension, and makes tension in turn:

    dH/dt = k_hold F T^4 / (1 + T^4) - H / t_hold.

2. Induction (Farge 2003, doi:10.1016/S0960-9822(03)00576-1). A lateral compression s turns on twist,

    dTw/dt = b + b_m s^4 / (s^4 + s0^4) - d Tw,        s0 = 10 %,

molecule by molecule, so that Tw is Poisson with the mean of the steady state. A sheet is pushed together in its middle
and drawn apart elsewhere by forces f0 sin(q X) on cells that were at X. Where the stress of the sheet is k times the
logarithm e of the cells' area, it comes to rest with

    e(X) = a cos(q X) - ln I0(a),        a = f0 / (k q),        I0 the modified Bessel function,

whose constant keeps the sheet as long as its box. So one sheet has cells of all compressions up to 20 %.
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
from scipy.special import i0
from tqdm import tqdm

import biomulti as bm
import tissue

Floats = NDArray[np.float64]

# both sheets
WIDTH = 6.5  # um, of a cell
BULK_VISCOSITY = 1.0  # in units of the viscosity
REACH = 60.0  # um, how far flow reaches
FRICTION = (1.0 + BULK_VISCOSITY) / REACH**2
ELASTICITY = 0.055  # k, per second, in units of the viscosity
MINUTE = 60.0

# the rescue, with the numbers of apical_constriction.py
AROUND, ALONG = 82, 8  # cells round the embryo, and along the strip
BAND = 18 * WIDTH  # um, width of the mesoderm
OMEGA = 1e5  # molecules that make M or H equal to one
CONTRACTILITY = 0.042  # per second
TENSION = 0.012  # per second: the tension that counts as T = 1
PERIOD = 80.0  # s, P: as fast as a cell's own pulses
PULSES = 5  # periods of the magnets
ONSET = 2.0 * MINUTE  # when the magnets start; Fog has come by then
WAVE = 8 * WIDTH  # um, 2 pi / q
PULL = 0.0033  # f0, per second and um: strains as large as those of a cell's own pulses
RESCUE_END = 20.0 * MINUTE
STEP = 3.0  # s

# the induction
LIFETIME = 10.0 * MINUTE  # 1 / d
BASAL, INDUCED = 15.0, 300.0  # molecules of Twist, b / d and b_m / d
HALF = 0.10  # s0
LARGEST = 0.22  # a: compressions of up to a fifth
SHEET = (40, 10)  # cells
INDUCTION_END = 90.0 * MINUTE

MAGNET = f"""
  magnet = 0; pulses = {PULSES}; period = {PERIOD}; onset = {ONSET};
  during := piecewise(1, (time > onset) && (time < onset + pulses*period), 0);
  Pull := magnet*during*sin(6.283185307179586*(time - onset)/period);
"""

TWIST = f"""
model induction()
  unit substance = item; unit extent = item; unit volume = 1e-15 litre; unit time_unit = second;
  compartment cell = 1;
  substanceOnly species Twist in cell;
  Twist = {BASAL}; strain = 0; compression = 0; push = 0; beta_catenin = 1;
  Recoil := strain;
  Push := push;
  s := (compression + abs(compression))/2;
  made:    => Twist;  {BASAL}*d;
  induced: => Twist;  {INDUCED}*d*beta_catenin*s^4/(s^4 + {HALF}^4);
  lost:    Twist => ; d*Twist;
  d = 1/{LIFETIME};
end
"""

CONDITIONS: dict[str, dict[str, float]] = {
    "snail": {"snail": 0.0, "pull": 0.0},
    "snail + pulses": {"snail": 0.0},
    "snail + pulses - Fog": {"snail": 0.0, "fog": 0.0},
    "wild type": {"pull": 0.0},
}


def with_magnet() -> str:
    """The network `ratchet` with a magnet in every cell, as Antimony."""
    head, end, tail = bm.to_antimony(bm.load("ratchet")).rpartition("\nend")
    return head + MAGNET + end + tail


def from_midline(y: Floats) -> Floats:
    """Distance of places y round the embryo from the ventral midline, um."""
    return np.abs(y - AROUND * WIDTH / 2.0)


def mesoderm(
    *, snail: float = 1.0, fog: float = 1.0, pull: float = PULL, pulses: int = PULSES, seed: int = 1
) -> bm.Tissue:
    """A strip of the embryo; snail, fog: its genes; pull: f0 of the magnets; pulses: for how many periods they pull."""
    box = (ALONG * WIDTH, AROUND * WIDTH)
    strip = bm.Tissue(
        with_magnet(),
        cells=ALONG * AROUND,
        grid=tissue.Grid(shape=(2 * ALONG, 2 * AROUND), size=box),
        friction=FRICTION,
        bulk_viscosity=BULK_VISCOSITY,
        seed=seed,
        tolerance=math.inf,
        parameters={"pulses": float(pulses)},
    )
    x, y = strip.positions.T
    ventral = (from_midline(y) < BAND / 2.0).astype(float)
    for gene, level in (("snail", snail), ("twist", 1.0), ("fog", fog)):
        strip.set(gene, level * ventral)
    strip.set("magnet", pull * ventral * np.sin(2.0 * np.pi * x / WAVE))
    for species in ("Myosin", "Stable"):
        strip.couple(species, to=bm.Contractility(per_molecule=CONTRACTILITY / OMEGA))
    strip.couple("Recoil", to=bm.Contractility(per_molecule=ELASTICITY))
    strip.couple("Pull", to=bm.Force(per_molecule=WIDTH**2, axis="x"))
    strip.couple(bm.Strain(), to="strain")
    strip.couple(bm.StrainRate(), to="stretch")
    strip.couple(bm.Stress(), to="tension", gain=1.0 / TENSION)
    return strip


def rescue(
    *, seeds: tuple[int, ...] = (1, 2, 3), t_end: float = RESCUE_END, **changes: Any
) -> dict[str, list[xr.Dataset]]:
    """Runs of the four conditions, one for each seed; changes: see `mesoderm`."""
    jobs = [(name, seed) for name in CONDITIONS for seed in seeds]
    found: dict[str, list[xr.Dataset]] = {name: [] for name in CONDITIONS}
    for name, seed in tqdm(jobs, desc="rescue"):
        sheet = mesoderm(seed=seed, **{**changes, **CONDITIONS[name]})
        found[name].append(sheet.run(t_end, every=10.0, dt=STEP, progress=False).data)
    return found


def doses(
    *, pulses: tuple[int, ...] = (1, 2, 3, 4, 5, 6), seed: int = 1, t_end: float = RESCUE_END
) -> dict[int, Floats]:
    """Held myosin in time after so many pulses, without Snail."""
    runs = tqdm(pulses, desc="pulses")
    found = {
        n: mesoderm(snail=0.0, pulses=n, seed=seed).run(t_end, every=10.0, dt=STEP, progress=False).data for n in runs
    }
    return {n: courses(data)["held myosin"] for n, data in found.items()}


def courses(data: xr.Dataset) -> dict[str, Floats]:
    """Mean held and pulsing myosin (H, M) and area (%) of the inner two thirds of the mesoderm in time."""
    inner = from_midline(data["y"].isel(time=0).to_numpy()) < BAND / 3.0
    names = {"held myosin": ("Stable", 1.0 / OMEGA), "pulsing myosin": ("Myosin", 1.0 / OMEGA), "area": ("area", 100.0)}
    return {name: factor * data[of].to_numpy()[:, inner].mean(axis=1) for name, (of, factor) in names.items()}


def strain_of_pulses(data: xr.Dataset) -> float:
    """Standard deviation of ln(area) over the mesoderm at the height of the first pulse, times sqrt 2: an amplitude."""
    inner = from_midline(data["y"].isel(time=0).to_numpy()) < BAND / 3.0
    first = (data["time"].to_numpy() > ONSET) & (data["time"].to_numpy() <= ONSET + PERIOD)
    return float(np.max(np.std(np.log(data["area"].to_numpy()[first][:, inner]), axis=1)) * math.sqrt(2.0))


def compressed(*, largest: float = LARGEST, beta_catenin: float = 1.0, seed: int = 1) -> bm.Tissue:
    """The sheet that is pushed together in its middle; beta_catenin = 0 blocks the way from strain to twist."""
    box = (SHEET[0] * WIDTH, SHEET[1] * WIDTH)
    grid = tissue.Grid(shape=SHEET, size=box)
    # one cell in each place of the grid: cells resist no shear for long, and an uneven push would stir them
    x, y = np.meshgrid(*((np.arange(n) + 0.5) * WIDTH for n in SHEET), indexing="ij")
    cells = np.stack([x.ravel(), y.ravel()], axis=1)
    sheet = bm.Tissue(
        TWIST,
        cells=cells,
        grid=grid,
        friction=FRICTION,
        bulk_viscosity=BULK_VISCOSITY,
        seed=seed,
        parameters={"beta_catenin": beta_catenin},
    )
    q = 2.0 * np.pi / box[0]
    sheet.set("push", largest * ELASTICITY * q * np.sin(q * sheet.positions[:, 0]))
    sheet.couple("Recoil", to=bm.Contractility(per_molecule=ELASTICITY))
    sheet.couple("Push", to=bm.Force(per_molecule=WIDTH**2, axis="x"))
    sheet.couple(bm.Strain(), to="strain")
    sheet.couple(bm.Strain("x"), to="compression", gain=-1.0)
    return sheet


def exact_strain(x: Floats, *, largest: float = LARGEST) -> Floats:
    """Logarithmic strain at rest of cells that were at x [n]."""
    return np.asarray(largest * np.cos(2.0 * np.pi * x / (SHEET[0] * WIDTH)) - math.log(i0(largest)))


def exact_twist(compression: Floats, *, beta_catenin: float = 1.0) -> Floats:
    """Mean molecules of Twist in the steady state of cells compressed so far [n]."""
    s4 = np.maximum(compression, 0.0) ** 4
    return np.asarray(BASAL + beta_catenin * INDUCED * s4 / (s4 + HALF**4))


def induction(
    *, seed: int = 1, t_end: float = INDUCTION_END, progress: bool = True, **changes: Any
) -> dict[str, Floats]:
    """Compression and Twist of each cell at the end, beside their closed forms; changes: see `compressed`."""
    sheet = compressed(seed=seed, **changes)
    data = sheet.run(t_end, every=5.0 * MINUTE, dt=10.0, progress=progress).data
    compression = data["compression"].isel(time=-1).to_numpy()
    largest = changes.get("largest", LARGEST)
    return {
        "x": sheet.positions[:, 0],
        "compression": compression,
        "exact compression": -exact_strain(sheet.positions[:, 0], largest=largest),
        "Twist": data["Twist"].isel(time=-1).to_numpy(),
        "exact Twist": exact_twist(compression, beta_catenin=changes.get("beta_catenin", 1.0)),
    }


def binned(found: Mapping[str, Floats], edges: Floats) -> dict[str, Floats]:
    """Cells by their compression: how many, mean Twist, its standard error, and the closed form."""
    place = np.digitize(found["compression"], edges) - 1
    groups = [place == k for k in range(len(edges) - 1)]
    mean = np.array([found["Twist"][g].mean() if g.any() else math.nan for g in groups])
    exact = np.array([found["exact Twist"][g].mean() if g.any() else math.nan for g in groups])
    count = np.array([np.sum(g) for g in groups])
    return {"count": count, "Twist": mean, "exact": exact, "error": np.sqrt(exact / np.maximum(count, 1))}


COLOURS = {"snail": "#555555", "snail + pulses": "#cb181d", "snail + pulses - Fog": "#2171b5", "wild type": "#238b45"}


def draw(found: Mapping[str, list[xr.Dataset]], sheets: Mapping[str, Mapping[str, Floats]], path: Path) -> None:
    """Held myosin and area of the four conditions in time; compression along the sheet; Twist against compression."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(11, 7.6), layout="constrained")
    for panel, what, label in (
        (axes[0, 0], "held myosin", "held myosin H"),
        (axes[0, 1], "area", "area, % of the start"),
    ):
        for name, runs in found.items():
            time = runs[0]["time"].to_numpy() / MINUTE
            values = np.array([courses(d)[what] for d in runs])
            panel.plot(time, values.mean(axis=0), color=COLOURS[name], label=name)
            panel.fill_between(time, values.min(axis=0), values.max(axis=0), color=COLOURS[name], alpha=0.25, lw=0)
        panel.axvspan(ONSET / MINUTE, (ONSET + PULSES * PERIOD) / MINUTE, color="grey", alpha=0.15, lw=0)
        panel.set(xlabel="time, min", ylabel=label, ylim=(0, None))
    axes[0, 0].legend(frameon=False, fontsize=9, loc="upper left")
    axes[0, 1].text((ONSET + PULSES * PERIOD / 2) / MINUTE, 6, "magnets", ha="center", color="grey")
    one = next(iter(sheets.values()))
    order = np.argsort(one["x"])
    axes[1, 0].plot(one["x"], 100.0 * one["compression"], ".", ms=3, color="#6baed6", label="cells")
    axes[1, 0].plot(one["x"][order], 100.0 * one["exact compression"][order], color="black", lw=1, label="closed form")
    axes[1, 0].set(xlabel="place of the cell before, um", ylabel="compression along x, %")
    axes[1, 0].legend(frameon=False, fontsize=9)
    for (name, sheet), colour in zip(sheets.items(), ("#cb181d", "#2171b5"), strict=True):
        axes[1, 1].plot(100.0 * sheet["compression"], sheet["Twist"], ".", ms=3, color=colour, label=name)
        order = np.argsort(sheet["compression"])
        axes[1, 1].plot(100.0 * sheet["compression"][order], sheet["exact Twist"][order], color="black", lw=1)
    axes[1, 1].set(xlabel="compression, %", ylabel="Twist, molecules in a cell", xlim=(0, None), ylim=(0, None))
    axes[1, 1].axvline(100.0 * HALF, color="grey", ls=":", lw=1)
    axes[1, 1].legend(frameon=False, fontsize=9, loc="upper left")
    for panel in axes.flat:
        panel.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def movie(path: Path, *, t_end: float = RESCUE_END, **changes: Any) -> Path:
    """The strip without Snail that magnets pull, coloured by held myosin."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = mesoderm(**{"snail": 0.0, **changes}).run(t_end, every=12.0, dt=STEP)
    return done.movie(path.resolve(), colour="Stable")


def print_rescue(found: Mapping[str, list[xr.Dataset]]) -> None:
    """Held myosin and area at the end of all conditions, mean and spread over runs."""
    print(f"{'':24}{'held myosin H':>18}{'area left, %':>18}{'strain of pulses':>18}")
    for name, runs in found.items():
        held = np.array([courses(d)["held myosin"][-1] for d in runs])
        area = np.array([courses(d)["area"][-1] for d in runs])
        strain = np.mean([strain_of_pulses(d) for d in runs])
        print(f"{name:24}{held.mean():9.3f} +- {held.std():.3f}{area.mean():10.1f} +- {area.std():.1f}{strain:16.3f}")


def print_induction(sheet: Mapping[str, Floats]) -> None:
    """Twist by compression beside the closed form."""
    edges = np.array([-1.0, 0.0, 0.04, 0.08, 0.12, 0.16, 0.20, 0.25])
    rows = binned(sheet, edges)
    print(f"{'compression, %':>16}{'cells':>8}{'Twist':>10}{'closed form':>14}{'its error':>11}")
    for k, count in enumerate(rows["count"]):
        name = f"{100 * edges[k]:.0f} to {100 * edges[k + 1]:.0f}" if k else "stretched"
        print(f"{name:>16}{count:8d}{rows['Twist'][k]:10.1f}{rows['exact'][k]:14.1f}{rows['error'][k]:11.1f}")


def print_doses(found: Mapping[int, Floats]) -> None:
    """Held myosin at the end of the pulses and of the run."""
    print(f"{'pulses':>8}{'H after them':>14}{'H at the end':>14}")
    for n, held in found.items():
        print(f"{n:8d}{held[round((ONSET + n * PERIOD) / 10.0)]:14.3f}{held[-1]:14.3f}")


if __name__ == "__main__" and "pulses" in sys.argv[1:]:
    print_doses(doses())
elif __name__ == "__main__":
    rescued = rescue()
    print_rescue(rescued)
    pushed = {"twist": induction(), "without beta-catenin": induction(beta_catenin=0.0)}
    for title, one_sheet in pushed.items():
        print(f"\n{title}")
        print_induction(one_sheet)
    draw(rescued, pushed, Path("results/mechanics_acts_on_genes.png"))
    print("\n", movie(Path("results/mechanics_acts_on_genes.mp4")))
