"""The mesoderm of the fly folds in: genes make tensions, tensions move a cross-section of the embryo, and pull back.

80 columnar cells stand round an incompressible yolk, inside the rigid vitelline membrane. Every cell runs the network
`mesoderm`: Dorsal -> Twist -> Snail and the signals Fog and T48 -> apical myosin, graded from the ventral midline
outwards; and later, by Snail, lateral myosin up and basal myosin down. An edge of length L pulls with the tension

    apical   A0 + A m + K (L/L0 - 1),           m apical,
    lateral  S0 + S l + K (L/L0 - 1),           l lateral (mean of the two cells that share the edge),
    basal    b (B + K (L/L0 - 1)),              b basal myosin, each over what a fully active side has,

and with none where that is negative: a membrane cannot push. Cells, yolk and what lies outside are a viscous fluid,

    -eta lap v + grad p = forces of all edges, and of the membrane on apical points that would leave it,   div v = 0,

and all edges move with it (an immersed-boundary vertex model; Peskin 2002, doi:10.1017/S0962492902000077), so that
cells and yolk keep their areas without being told to. Tensions are in units of viscosity times um/min: only their ratio
to the viscosity matters. Apical tension keeps myosin at the cortex, and stretching brings more.

Who pulls: Heer et al. 2017, doi:10.1242/dev.146761 (the gradient of myosin bends, not myosin); Conte et al. 2012,
doi:10.1371/journal.pone.0034473 (apical constriction and radial shortening); He et al. 2014, doi:10.1038/nature13070
(cytoplasm and membranes flow as a viscous fluid); Gracia et al. 2019, doi:10.1038/s41467-019-10720-0 (without
apico-basal force no invagination).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import biomulti as bm
import tissue

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CELLS = 80
MEMBRANE, GAP, HEIGHT = 90.0, 1.0, 35.0  # um: radius of the vitelline membrane, room below it, height of cells
DORSAL_WIDTH, DORSAL_FLOOR = 0.15, 0.05  # of the gradient: over the half circumference; far from the midline
BOX, GRID = 216.0, 144  # um; grid cells to that
ALONG, ACROSS = 16, 72  # pieces of an apical or basal edge, and of a lateral one
FULL = 10_000.0  # myosin at a side that is fully active
APICAL, APICAL_REST = 90.0, 3.0  # A, A0, um/min in units of the viscosity, as all tensions
LATERAL, LATERAL_REST = 30.0, 1.5  # S, S0
BASAL = 3.0  # B
ELASTICITY = 3.0  # K
WALL = 5.0  # pressure of the membrane over how far the surface is outside, per min and um
BEFORE, T_END, DT = 22.0, 28.0, 0.05  # min: genes alone while cells form, the run, a step
ONSET = 5.0  # um below the membrane, at which invagination is said to start

Spread = Literal["graded", "round", "band"]
CASES: dict[str, dict[str, Any]] = {
    "wild type": {},
    "uniform myosin": {"myosin": "round"},
    "no gradient in the band": {"myosin": "band"},
    "no apical constriction": {"apical": 0.0},
    "no radial shortening": {"lateral": 0.0},
    "snail": {"genes": {"snail": 0.0}},
    "twist": {"genes": {"twist": 0.0}},
}


@dataclass(frozen=True)
class Ring:
    """Which points make which edges: apical and basal ones of cells, and lateral ones, the side that a cell shares with
    the one before it, [cells, points]; elements: the pieces of all of them, for `tissue.spread_tension`."""

    apical: Integers
    basal: Integers
    lateral: Integers
    elements: Integers

    @property
    def outlines(self) -> Integers:
        """The points around each cell, counterclockwise, [cells, points]."""
        after = np.roll(self.lateral, -1, axis=0)
        parts = [self.apical, after[:, 1:], self.basal[:, -2::-1], self.lateral[:, -2:0:-1]]
        return np.concatenate(parts, axis=1)

    @property
    def surface(self) -> Integers:
        """The apical points in their order, from dorsal by way of ventral to dorsal."""
        return self.apical[:, :-1].ravel()


def ring(along: int = ALONG, across: int = ACROSS) -> tuple[Floats, Ring]:
    """Cells side by side just below the membrane; the ventral midline, at the bottom, is between the middle two."""
    n = CELLS * along
    angle = -0.5 * np.pi + 2.0 * np.pi * (np.arange(n) / n - 0.5)
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    top, bottom = MEMBRANE - GAP, MEMBRANE - GAP - HEIGHT
    inner = np.linspace(top, bottom, across + 1)[1:-1]
    inside = (inner[None, :, None] * around[::along, None]).reshape(-1, 2)
    points = np.concatenate([top * around, bottom * around, inside])
    first = np.arange(n).reshape(CELLS, along)
    apical = np.concatenate([first, np.roll(first[:, :1], -1, axis=0)], axis=1)
    between = 2 * n + np.arange(len(inside)).reshape(CELLS, -1)
    lateral = np.concatenate([first[:, :1], between, n + first[:, :1]], axis=1)
    rows = (apical, apical + n, lateral)
    elements = np.concatenate([np.stack([row[:, :-1], row[:, 1:]], axis=-1).reshape(-1, 2) for row in rows])
    return points, Ring(apical, apical + n, lateral, elements)


def distance() -> Floats:
    """Of every cell from the ventral midline, over the half circumference, [cells]."""
    return np.asarray(np.abs(np.arange(CELLS) + 0.5 - CELLS / 2.0) / (CELLS / 2.0))


def dorsal_gradient() -> Floats:
    """Nuclear Dorsal of every cell, over that at the midline, [cells]."""
    gaussian = np.exp(-0.5 * (distance() / DORSAL_WIDTH) ** 2)
    return np.asarray(DORSAL_FLOOR + (1.0 - DORSAL_FLOOR) * gaussian)


def lengths(points: Floats, rows: Integers) -> Floats:
    """Of edges, the points of which are `rows` [edges, points]."""
    sides = np.diff(points[rows], axis=1)
    return np.asarray(np.sqrt((sides**2).sum(axis=2)).sum(axis=1))


def areas(points: Floats, rows: Integers) -> Floats:
    """Inside closed lines, the points of which are `rows` [lines, points]."""
    x, y = np.moveaxis(points[rows], -1, 0)
    return np.asarray(0.5 * (x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1))


def apical_myosin(cells: bm.Cells, spread: Spread) -> Floats:
    """Of every cell over that of a fully active side: its own, or what the midline has all round, or the same in all of
    the mesoderm."""
    own = cells["Myosin"] / FULL
    near = distance() * CELLS / 2.0
    if spread == "round":
        return np.full(CELLS, own[near < 2.0].mean())
    if spread == "band":
        return np.where(near < 9.0, own[near < 9.0].mean(), 0.0)
    return own


def wall(points: Floats, surface: Integers) -> Floats:
    """The force of the membrane on points, [n, 2]: inwards on those of the apical surface that lie outside."""
    out = np.zeros_like(points)
    radius = np.sqrt((points[surface] ** 2).sum(axis=1))
    share = 2.0 * np.pi * MEMBRANE / len(surface)
    out[surface] = -(WALL * share * np.maximum(radius - MEMBRANE, 0.0) / radius)[:, None] * points[surface]
    return out


def depth(points: Floats, edges: Ring) -> tuple[float, float]:
    """How far the apical surface is below the membrane, um: at most in the six middle cells, and anywhere."""
    below = MEMBRANE - np.sqrt((points**2).sum(axis=1))
    middle = CELLS // 2
    return float(below[edges.apical[middle - 3 : middle + 3]].max()), float(below[edges.surface].max())


def width(points: Floats, edges: Ring) -> float:
    """Between the walls of the furrow at half its depth, um; NaN where there is none that is 5 um deep."""
    below = MEMBRANE - np.sqrt((points[edges.surface] ** 2).sum(axis=1))
    middle, near = len(below) // 2, 3 * len(below) // CELLS
    start = middle - near + int(np.argmax(below[middle - near : middle + near + 1]))
    if below[start] < ONSET:
        return float("nan")
    ends = []
    for step in (-1, 1):
        k = start
        while below[k] > 0.5 * below[start]:
            k = (k + step) % len(below)
        ends.append(points[edges.surface[k]])
    return float(np.hypot(*(ends[1] - ends[0])))


def run(
    *,
    genes: Mapping[str, float] | None = None,
    apical: float = APICAL,
    lateral: float = LATERAL,
    myosin: Spread = "graded",
    feedback: float = 1.0,
    method: str = "hybrid",
    seed: int = 1,
    fineness: float = 1.0,
    dt: float = DT,
    t_end: float = T_END,
    every: float = 0.5,
    name: str = "embryo",
    progress: bool = True,
) -> dict[str, Any]:
    """
    One embryo.

    genes: parameters of the network in place of its own, {"snail": 0.0} is a mutant. apical, lateral: tension of a
    fully active side. myosin: how apical myosin is spread, see `apical_myosin`. feedback: 0 for none on genes.
    fineness: of the grid and of edges, 2.0 is twice as fine; dt, t_end, every: a step, the end, frames kept, min.
    """
    points, edges = ring(round(fineness * ALONG), round(fineness * ACROSS))
    grid = tissue.Grid(shape=(round(fineness * GRID),) * 2, size=(BOX, BOX))
    stokes, centre = tissue.Stokes(grid), 0.5 * BOX
    cells = bm.Cells(
        "mesoderm", CELLS, method=method, seed=seed, parameters={"dorsal": dorsal_gradient(), **(genes or {})}
    )
    cells.advance(BEFORE)
    rows = (edges.apical, edges.basal, edges.lateral)
    start = [lengths(points, row) for row in rows]
    now = start
    frames: list[dict[str, Any]] = []
    steps, between = round(t_end / dt), round(every / dt)
    for step in tqdm(range(steps + 1), desc=name, unit="step", delay=2.0, disable=not progress):
        m, side = apical_myosin(cells, myosin), cells["Lateral"] / FULL
        base = cells["Basal"] / FULL
        strain = [new / old - 1.0 for new, old in zip(now, start, strict=True)]
        pull = [
            APICAL_REST + apical * m + ELASTICITY * strain[0],
            base * (BASAL + ELASTICITY * strain[1]),
            LATERAL_REST + 0.5 * lateral * (side + np.roll(side, 1)) + ELASTICITY * strain[2],
        ]
        tension = [np.maximum(each, 0.0) for each in pull]
        if step % between == 0:
            frames.append({"time": step * dt, "points": points.copy(), "myosin": m, "lateral": side, "basal": base})
        if step == steps:
            break
        pieces = np.concatenate([np.repeat(each, row.shape[1] - 1) for each, row in zip(tension, rows, strict=True)])
        inside = points + centre
        cables = tissue.spread_tension(grid, inside, edges.elements, pieces)
        held = tissue.spread_force(grid, inside, wall(points, edges.surface))
        # what the membrane does to the embryo as a whole it does to the box
        forces = [a + b for a, b in zip(cables, held, strict=True)]
        flow = stokes.solve(force=tuple(part - part.mean() for part in forces))
        moved = tissue.advance(flow, inside, dt)
        if np.abs(moved - inside).max() > grid.spacing[0]:
            raise bm.SimulationError(f"{name}: at {step * dt:g} min points cross a grid cell in dt={dt:g}; shorten it")
        points = moved - centre
        before, now = now, [lengths(points, row) for row in rows]
        cells.set("tension", feedback * tension[0] / APICAL)
        cells.set("stretch", feedback * np.log(now[0] / before[0]) / dt)
        cells.advance(dt)
    return measured(frames, edges)


def measured(frames: list[dict[str, Any]], edges: Ring) -> dict[str, Any]:
    """What is seen of an embryo in time: see the keys."""
    first, outlines, yolk = frames[0]["points"], edges.outlines, edges.basal[None, :, :-1].reshape(1, -1)
    near = distance() * CELLS / 2.0
    central, peripheral = near < 3.0, (near > 6.0) & (near < 9.0)
    time = np.array([frame["time"] for frame in frames])
    depths = np.array([depth(frame["points"], edges) for frame in frames])
    wide = np.array([lengths(frame["points"], edges.apical) for frame in frames]) / lengths(first, edges.apical)
    tall = np.array([lengths(frame["points"], edges.lateral) for frame in frames]) / HEIGHT
    size = np.array([areas(frame["points"], outlines) for frame in frames]) / areas(first, outlines)
    within = np.array([areas(frame["points"], yolk)[0] for frame in frames]) / areas(first, yolk)[0]
    deep = np.flatnonzero(depths[:, 0] > ONSET)
    onset = int(deep[0]) if len(deep) else -1
    middle = CELLS // 2
    return {
        "frames": frames,
        "edges": edges,
        "time": time,
        "depth": depths[:, 0] / HEIGHT,
        "deepest": depths[:, 1] / HEIGHT,
        "width": width(frames[-1]["points"], edges),
        "onset": float(time[onset]) if onset >= 0 else float("nan"),
        "central width": wide[:, central].mean(axis=1),
        "central width at onset": float(wide[onset, central].mean()) if onset >= 0 else float("nan"),
        "peripheral width": wide[:, peripheral].mean(axis=1),
        "central height": tall[:, middle - 2 : middle + 3].mean(axis=1),
        "area drift of cells": float(np.abs(size - 1.0).max()),
        "mean area drift of cells": float(np.abs(size[-1] - 1.0).mean()),
        "area drift of yolk": float(np.abs(within - 1.0).max()),
    }


def summary(name: str, found: dict[str, Any]) -> str:
    """A line of a table."""
    return (
        f"{name:<25}{found['depth'][-1]:>7.2f}{found['deepest'][-1]:>9.2f}{found['width']:>8.1f}{found['onset']:>8.1f}"
        f"{found['central width at onset']:>9.2f}{found['peripheral width'].max():>9.2f}"
        f"{found['central height'].max():>8.2f}{found['central height'][-1]:>7.2f}"
    )


def section(axes: Any, frame: dict[str, Any], edges: Ring, *, line: float = 0.4) -> None:
    """A cross-section into axes: the membrane, the yolk, and cells by their apical myosin."""
    from matplotlib.collections import PolyCollection
    from matplotlib.patches import Circle, Polygon

    axes.add_patch(Circle((0.0, 0.0), MEMBRANE, facecolor="#eef3f7", edgecolor="#44546a", linewidth=1.2))
    axes.add_patch(Polygon(frame["points"][edges.basal[:, :-1].ravel()], facecolor="#fdf3d0", edgecolor="none"))
    shapes = PolyCollection(
        list(frame["points"][edges.outlines]), array=frame["myosin"], cmap="OrRd", edgecolor="#4d4d4d", linewidth=line
    )
    shapes.set_clim(-0.15, 1.0)
    axes.add_collection(shapes)
    axes.set(xlim=(-94, 94), ylim=(-94, 94), aspect="equal")
    axes.axis("off")


def curves(axes: Any, found: Mapping[str, dict[str, Any]], until: float = np.inf) -> None:
    """Depth in time, of several embryos."""
    for name, one in found.items():
        shown = one["time"] <= until
        style = {"color": "#b30000", "linewidth": 2.2} if name == "wild type" else {"linewidth": 1.2}
        axes.plot(one["time"][shown], one["depth"][shown], label=name, **style)
    axes.axhline(1.0, color="#999999", linewidth=0.8, linestyle=":")
    axes.set(xlabel="time, min", ylabel="depth over cell height", xlim=(0, T_END), ylim=(-0.05, 1.7))
    axes.spines[["top", "right"]].set_visible(False)


def draw(found: Mapping[str, dict[str, Any]], path: Path) -> None:
    """The wild type at four times, the others at the end, and curves."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(13, 9.8))
    outer = figure.add_gridspec(
        3, 1, height_ratios=[1.35, 1.0, 1.05], hspace=0.16, left=0.06, right=0.985, top=0.97, bottom=0.055
    )
    wild = found["wild type"]
    last = len(wild["frames"]) - 1
    top = outer[0].subgridspec(1, 4, wspace=0.02)
    for column, share in enumerate((0.2, 0.45, 0.7, 1.0)):
        frame = wild["frames"][round(share * last)]
        axes = figure.add_subplot(top[column])
        section(axes, frame, wild["edges"])
        axes.set_title(f"wild type, {frame['time']:.0f} min", fontsize=11)
    others = [name for name in found if name != "wild type"]
    if others:
        row = outer[1].subgridspec(1, len(others), wspace=0.02)
        for column, name in enumerate(others):
            axes = figure.add_subplot(row[column])
            section(axes, found[name]["frames"][-1], found[name]["edges"], line=0.3)
            mutant = " mutant" if name in ("snail", "twist") else ""
            axes.set_title(f"{name}{mutant}", fontsize=10)
    low = outer[2].subgridspec(1, 3, wspace=0.24)
    axes = figure.add_subplot(low[0])
    curves(axes, found)
    axes.legend(frameon=False, fontsize=8, loc="upper left", ncols=2)
    axes = figure.add_subplot(low[1])
    for key, colour in (("central width", "#b30000"), ("peripheral width", "#fc8d59"), ("central height", "#225ea8")):
        label = {"width": "apical width, ", "height": "height, "}[key.split()[1]] + key.split()[0] + " cells"
        axes.plot(wild["time"], wild[key], color=colour, label=label)
    axes.axvline(wild["onset"], ymax=0.78, color="#999999", linewidth=0.8, linestyle=":")
    axes.set(xlabel="time, min", ylabel="over that at the start", xlim=(0, wild["time"][-1]), ylim=(0, 4.2))
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
    axes = figure.add_subplot(low[2])
    from_midline = np.arange(CELLS) + 0.5 - CELLS / 2.0
    for share, colour in ((0.2, "#fdbb84"), (0.45, "#ef6548"), (1.0, "#7f0000")):
        frame = wild["frames"][round(share * last)]
        axes.plot(
            from_midline, frame["myosin"], ".-", color=colour, linewidth=1, label=f"apical, {frame['time']:.0f} min"
        )
    axes.plot(from_midline, frame["lateral"], color="#225ea8", linewidth=1, label=f"lateral, {frame['time']:.0f} min")
    axes.plot(from_midline, frame["basal"], color="#777777", linewidth=1, label=f"basal, {frame['time']:.0f} min")
    axes.set(xlabel="cells from the ventral midline", ylabel="myosin, over a full side", xlim=(-16, 16), ylim=(0, 1.6))
    axes.legend(frameon=False, fontsize=8, loc="upper right", ncols=2)
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def movie(found: Mapping[str, dict[str, Any]], path: Path, *, progress: bool = True) -> None:
    """The wild type in time, with one that fails, and both curves; 1280 x 720."""
    import imageio_ffmpeg
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    path.parent.mkdir(parents=True, exist_ok=True)
    names = list(found)[:2]
    writer = imageio_ffmpeg.write_frames(
        str(path), (1280, 720), fps=12.0, quality=7, output_params=["-preset", "veryfast"]
    )
    writer.send(None)
    try:
        for k in tqdm(range(len(found[names[0]]["frames"])), desc="movie", unit="frame", disable=not progress):
            figure = Figure(figsize=(12.8, 7.2), dpi=100)
            canvas: Any = FigureCanvasAgg(figure)
            for j, name in enumerate(names):
                axes = figure.add_axes((0.005 + 0.36 * j, 0.16, 0.355, 0.72))
                section(axes, found[name]["frames"][k], found[name]["edges"])
                axes.set_title(name, fontsize=14)
            now = float(found[names[0]]["time"][k])
            figure.text(0.02, 0.05, f"{now:.1f} min", fontsize=16)
            axes = figure.add_axes((0.775, 0.2, 0.21, 0.6))
            curves(axes, {name: found[name] for name in names}, until=now)
            writer.send(
                np.ascontiguousarray(np.asarray(canvas.buffer_rgba() if canvas.draw() is None else None)[..., :3])
            )
    finally:
        writer.close()


if __name__ == "__main__":
    found = {name: run(name=name, **changed) for name, changed in CASES.items()}
    print("depth of the middle, and anywhere, over the height of cells; width at half depth, um; onset, min; apical")
    print("width of central cells at onset, largest of peripheral cells, tallest and last height of central cells,")
    print("each over that at the start\n")
    columns = ("depth", "deepest", "width", "onset", "at onset", "edge", "tallest", "last")
    print(" " * 25 + "".join(f"{name:>{w}}" for name, w in zip(columns, (7, 9, 8, 8, 9, 9, 8, 7), strict=True)))
    for name, one in found.items():
        print(summary(name, one))
    drift, yolk = (100.0 * found["wild type"][key] for key in ("area drift of cells", "area drift of yolk"))
    print(f"\nareas of cells are kept within {drift:.1f} %, that of the yolk within {yolk:.2f} %")
    print(
        "in embryos the wild type folds in, the others do not; half of the apical area is left as invagination starts"
    )
    draw(found, Path("results/ventral_furrow.png"))
    movie(found, Path("results/ventral_furrow.mp4"))
