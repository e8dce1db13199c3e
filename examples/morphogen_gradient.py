"""A gradient that cells read: where a gene's boundary falls, and how sharp noisy cells make it.

A row of cells in the middle secretes a morphogen that diffuses (D) and decays (k). With s made per time and length of
the row, its concentration settles to

    c(x) = c0 e^(-|x| / l),    c0 = s / (2 sqrt(D k)),    l = sqrt(D / k).

Every cell reads it with a promoter of Hill's law and answers, molecule by molecule, with

    0 -> Target at rate b c^n / (K^n + c^n),    Target -> 0 at rate d Target,

so that Target is half on where c = K, at x = l ln(c0 / K), whatever n (Wolpert 1969, doi:10.1016/S0022-5193(69)80016-0;
Gregor et al. 2007, doi:10.1016/j.cell.2007.05.025), and in each cell it is a Poisson number.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

import biomulti as bm
import tissue

LENGTH, WIDTH = 480.0, 60.0  # um
DIFFUSION, DECAY = 10.0, 0.00625  # um2/s, per s: l = 40 um
HILL, TARGETS = 6.0, 100.0  # n, and b / d: molecules where fully on
PEAK = 1.0  # c0, per um2
THRESHOLD = PEAK * math.exp(-1.5)  # K
MAKERS = 50.0  # molecules of the secreting machinery in a source cell
T_END, DT = 2000.0, 20.0  # s

MODEL = f"""
model reader()
  unit substance = item; unit extent = item; unit volume = 1e-15 litre; unit time_unit = second;
  compartment cell = 1;
  substanceOnly species Maker in cell, Target in cell;
  Maker = 0; Target = 0;
  source = 0;                                  // 1 in cells that secrete
  c = 0;                                       // morphogen at the cell, from the tissue
  making:     => Maker;   0.1 * {MAKERS} * source;
  unmaking:   Maker => ;  0.1 * Maker;
  expression: => Target;  0.01 * {TARGETS} * c^{HILL} / ({THRESHOLD}^{HILL} + c^{HILL});
  decay:      Target => ; 0.01 * Target;
end
"""


def gradient_length() -> float:
    """l = sqrt(D / k)."""
    return math.sqrt(DIFFUSION / DECAY)


def exact_concentration(x: np.ndarray) -> np.ndarray:
    """c at distances x [n] from the source."""
    return np.asarray(PEAK * np.exp(-np.abs(x) / gradient_length()))


def exact_target(x: np.ndarray) -> np.ndarray:
    """Mean number of Target at distances x [n] from the source."""
    c = exact_concentration(x)
    return np.asarray(TARGETS * c**HILL / (THRESHOLD**HILL + c**HILL))


def field_of_cells(*, seed: int = 1) -> bm.Tissue:
    """Cells 5 um apart on a grid twice as fine; the row of sources stands in the middle of the tissue."""
    grid = tissue.Grid(shape=(192, 24), size=(LENGTH, WIDTH), boundary=("free-slip", "periodic"))
    x, y = np.meshgrid(np.arange(96), np.arange(12), indexing="ij")
    positions = 5.0 * np.stack([x.ravel(), y.ravel()], axis=1) + [1.25, 1.25]
    sheet = bm.Tissue(MODEL, cells=positions, grid=grid, method="ssa", seed=seed, warm_up=100.0)
    sources = positions[:, 0] == source_position(positions)
    sheet.set("source", sources.astype(float))
    per_length = 2.0 * math.sqrt(DIFFUSION * DECAY) * PEAK
    sheet.add(tissue.Morphogen("Morphogen", diffusion=DIFFUSION, decay=DECAY))
    release = per_length * WIDTH / (sources.sum() * MAKERS)
    sheet.couple("Maker", to=bm.Secretion("Morphogen", per_molecule=release))
    sheet.couple(bm.Concentration("Morphogen"), to="c")
    return sheet


def source_position(positions: np.ndarray) -> float:
    """x of the row of cells nearest to the middle."""
    return float(positions[np.argmin(np.abs(positions[:, 0] - LENGTH / 2.0)), 0])


def run(*, seed: int = 1) -> dict[str, Any]:
    """The gradient and the boundary, averaged over the last half of the run."""
    sheet = field_of_cells(seed=seed)
    data = sheet.run(T_END, every=100.0, dt=DT, progress=False).data
    late = data.sel(time=slice(0.5 * T_END, None))
    x = data["x"].isel(time=0).to_numpy() - source_position(sheet.positions)
    c, target = (late[name].to_numpy() for name in ("c", "Target"))
    distance = np.unique(np.abs(x))
    rows = [np.abs(x) == r for r in distance]
    profile = np.array([target[:, row].mean() for row in rows])
    concentration = np.array([c[:, row].mean() for row in rows])
    steep = (distance > 10.0) & (distance < 120.0)
    slope = np.polyfit(distance[steep], np.log(concentration[steep]), 1)[0]
    return {
        "data": data,
        "distance": distance,
        "concentration": concentration,
        "target": profile,
        "gradient length": float(-1.0 / slope),
        "boundary": float(np.interp(-0.5 * TARGETS, -profile, distance)),
        "exact boundary": gradient_length() * math.log(PEAK / THRESHOLD),
    }


def draw(found: dict[str, Any], path: Path) -> None:
    """The cells at the end, and both profiles beside their closed forms."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (top, bottom) = plt.subplots(2, 1, figsize=(9, 5.4), layout="constrained", height_ratios=[1, 2.2])
    last = found["data"].isel(time=-1)
    middle = float(last["x"].to_numpy()[np.argmax(last["Maker"].to_numpy())])
    dots = top.scatter(last["x"] - middle, last["y"], c=last["Target"], s=26, cmap="magma", linewidths=0)
    top.set(xlim=(-160, 160), ylim=(-2, WIDTH), aspect="equal", yticks=[])
    figure.colorbar(dots, ax=top, label="Target")
    x, fine = found["distance"], np.linspace(0.0, 160.0, 400)
    bottom.plot(fine, exact_concentration(fine) * TARGETS, color="#3182bd", lw=1, label="closed forms")
    bottom.plot(x, found["concentration"] * TARGETS, "o", ms=4, color="#3182bd", label="morphogen, percent of c0")
    bottom.plot(fine, exact_target(fine), color="#e6550d", lw=1)
    bottom.plot(x, found["target"], "o", ms=4, color="#e6550d", label="Target, molecules in a cell")
    bottom.axvline(found["exact boundary"], color="grey", ls=":", lw=1)
    bottom.set(xlim=(0, 160), ylim=(0, None), xlabel="distance from the source, um")
    bottom.legend(frameon=False)
    bottom.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    print(field_of_cells().describe(), "\n")
    found = run()
    print(f"gradient length {found['gradient length']:.2f} um, closed form {gradient_length():.2f} um")
    print(f"boundary at {found['boundary']:.2f} um, closed form {found['exact boundary']:.2f} um")
    draw(found, Path("results/morphogen_gradient.png"))
