"""The mesoderm of the fly folds in, in three dimensions: a whole egg of cells, each with its genes.

The cross-section of `ventral_furrow.py` made an ellipsoid: cells are prisms whose apical and basal faces are polygons
of two closed surfaces, round an incompressible yolk, inside the rigid vitelline membrane. Faces pull as soap films do,
lateral edges as threads, with the tensions of the cross-section,

    apical   A0 + A m + K (a/a0 - 1)            m apical myosin, a area of the face,
    basal    b (B + K (a/a0 - 1))               b basal myosin,
    lateral  (S0 + S l + K (L/L0 - 1)) a0/(2 w) l lateral myosin, L length of the edge, w width of a cell there,

so that where nothing changes along the egg the forces on a slice of it are those of the cross-section: there are two
lateral edges to a cell, which pull as hard on its a0 as walls do that are w apart. Cells, yolk and what is outside are
one viscous fluid (`tissue.Stokes`), and all faces and edges move with it, so that volumes are kept.

The network is `mesoderm`, with Dorsal a gradient round the egg, the same along it, and Huckebein, which keeps snail
shut, at both poles, so that the furrow ends before them.
Sources as in `ventral_furrow.py`; Heer et al. 2017, doi:10.1242/dev.146761 (a continuum model of the whole embryo).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from tqdm import tqdm

import biomulti as bm
import tissue
from biomulti.view.rendering import can_render

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

CELLS = 1500
HALF_LENGTH, MEMBRANE, GAP, HEIGHT = 250.0, 90.0, 1.0, 35.0  # um: half axes of the membrane, room below it, cells
CELL_WIDTH = 7.0  # um, w: between the walls of the cross-section, whose tensions these are
DORSAL_WIDTH, DORSAL_FLOOR = 0.15, 0.05  # of the gradient: over the half circumference; far from the midline
POLES, POLE_WIDTH = 0.7, 0.04  # where Huckebein is half on, over the half length; how sharply it begins
BOX = (540.0, 225.0, 225.0)  # um
THREAD = 10  # pieces of a lateral edge
FULL = 10_000.0  # myosin at a side that is fully active
APICAL, APICAL_REST = 90.0, 3.0  # A, A0, um/min in units of the viscosity
LATERAL, LATERAL_REST = 30.0, 1.5  # S, S0
BASAL, ELASTICITY = 3.0, 3.0  # B, K
WALL = 3.0  # pressure of the membrane over how far the surface is outside, per min and um
BEFORE, T_END, DT = 22.0, 28.0, 0.05  # min
CUTS = (0.0, 100.0, 160.0, 200.0)  # um from the middle, at which sections are drawn


@dataclass(frozen=True)
class Shell:
    """
    The faces and edges of all cells: apical, basal [triangles, 3] with normals outwards, owner [triangles] the cell of
    each, threads [edges, THREAD + 1] from apical to basal, meet [edges, 3] the cells round each.
    """

    apical: Integers
    basal: Integers
    owner: Integers
    threads: Integers
    meet: Integers

    @property
    def pieces(self) -> Integers:
        """Of all threads, [n, 2]."""
        return np.stack([self.threads[:, :-1], self.threads[:, 1:]], axis=-1).reshape(-1, 2)


def ellipsoid(unit: Floats, inwards: float) -> Floats:
    """Points of the unit sphere [n, 3] on the ellipsoid so far below the membrane along its axes."""
    return np.asarray(unit * (np.array([HALF_LENGTH, MEMBRANE, MEMBRANE]) - inwards))


def centres(cells: int) -> Floats:
    """Of cells evenly set on the ellipsoid, as points of the unit sphere, [cells, 3]: a golden spiral along the egg."""
    x = np.linspace(-1.0, 1.0, 4001)
    slope = (MEMBRANE / HALF_LENGTH) ** 2
    area = np.concatenate([[0.0], np.cumsum(np.sqrt(1.0 - (1.0 - slope) * (0.5 * (x[1:] + x[:-1])) ** 2))])
    along = np.interp((np.arange(cells) + 0.5) / cells, area / area[-1], x)
    angle = np.pi * (3.0 - np.sqrt(5.0)) * np.arange(cells)
    radius = np.sqrt(1.0 - along**2)
    return np.stack([along, radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def unit_vectors(points: Floats) -> Floats:
    return np.asarray(points / np.sqrt((points**2).sum(axis=1, keepdims=True)))


def shell(cells: int, refine: int) -> tuple[Floats, Shell, Floats]:
    """Points, what they make, and the centres of the cells [cells, 3]; every triangle of a face in 4^refine parts."""
    middle = centres(cells)
    hull = ConvexHull(ellipsoid(middle, 0.0))
    corners = np.asarray(hull.simplices, dtype=np.int64)
    first, second, third = (middle[corners[:, k]] for k in range(3))
    turned = (np.cross(second - first, third - first) * hull.equations[:, :3]).sum(axis=1) < 0.0
    corners[turned] = corners[turned][:, ::-1]
    vertices = unit_vectors(middle[corners].mean(axis=1))
    # a triangle for each pair of a cell and one of its sides: its middle, and the two corners that end the side
    sides = {}
    for face, (i, j, k) in enumerate(corners):
        sides[i, j] = sides[j, k] = sides[k, i] = face
    owner, triangles = [], []
    for (i, j), left in sides.items():
        right = sides[j, i]
        owner.append(i)
        triangles.append((i, cells + right, cells + left))
    unit = np.concatenate([middle, vertices])
    parts, owners = np.array(triangles), np.array(owner)
    for _ in range(refine):
        unit, parts = halved(unit, parts)
        owners = np.repeat(owners, 4)
    n = len(unit)
    inner = np.linspace(GAP, GAP + HEIGHT, THREAD + 1)[1:-1]
    between = np.stack([ellipsoid(vertices, depth) for depth in inner], axis=1).reshape(-1, 3)
    points = np.concatenate([ellipsoid(unit, GAP), ellipsoid(unit, GAP + HEIGHT), between])
    ends = cells + np.arange(len(vertices))
    inside = 2 * n + np.arange(len(between)).reshape(len(vertices), -1)
    threads = np.concatenate([ends[:, None], inside, n + ends[:, None]], axis=1)
    return points, Shell(parts, parts + n, owners, threads, corners), middle


def halved(unit: Floats, triangles: Integers) -> tuple[Floats, Integers]:
    """Every triangle in four, by the middles of its sides, on the unit sphere."""
    ends = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    sides, place = np.unique(ends, axis=0, return_inverse=True)
    between = (len(unit) + place.reshape(3, -1)).T
    a, b, c = triangles.T
    ab, bc, ca = between.T
    parts = np.stack([[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]], axis=1)
    # four parts of a triangle one after another
    return np.concatenate([unit, unit_vectors(unit[sides].mean(axis=1))]), parts.transpose(2, 1, 0).reshape(-1, 3)


def around(middle: Floats) -> Floats:
    """Distance of cells from the ventral midline, over the half circumference, [cells]; ventral is -z."""
    return np.asarray(np.abs(np.arctan2(middle[:, 1], -middle[:, 2])) / np.pi)


def inputs(middle: Floats) -> dict[str, Floats]:
    """Dorsal and Huckebein of every cell."""
    dorsal = DORSAL_FLOOR + (1.0 - DORSAL_FLOOR) * np.exp(-0.5 * (around(middle) / DORSAL_WIDTH) ** 2)
    huckebein = 1.0 / (1.0 + np.exp(-(np.abs(middle[:, 0]) - POLES) / POLE_WIDTH))
    return {"dorsal": dorsal, "huckebein": huckebein}


def face_areas(points: Floats, triangles: Integers, owner: Integers, cells: int) -> Floats:
    """Of the faces of all cells, [cells]."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    size = 0.5 * np.sqrt((np.cross(b - a, c - a) ** 2).sum(axis=1))
    return np.asarray(np.bincount(owner, size, cells))


def lengths(points: Floats, threads: Integers) -> Floats:
    """Of lateral edges, [edges]."""
    return np.asarray(np.sqrt((np.diff(points[threads], axis=1) ** 2).sum(axis=2)).sum(axis=1))


def outside(points: Floats) -> tuple[Floats, Floats]:
    """How far points are outside the membrane (inside: negative), to first order, and its unit normals there."""
    axes = np.array([HALF_LENGTH, MEMBRANE, MEMBRANE])
    level = np.sqrt(((points / axes) ** 2).sum(axis=1))
    gradient = points / axes**2 / level[:, None]
    steepness = np.sqrt((gradient**2).sum(axis=1))
    return np.asarray((level - 1.0) / steepness), np.asarray(gradient / steepness[:, None])


def run(
    *,
    genes: Mapping[str, float] | None = None,
    apical: float = APICAL,
    lateral: float = LATERAL,
    method: str = "hybrid",
    seed: int = 1,
    count: int = CELLS,
    refine: int = 1,
    shape: tuple[int, int, int] = (108, 45, 45),
    dt: float = DT,
    t_end: float = T_END,
    every: float = 1.0,
    name: str = "egg",
    progress: bool = True,
) -> dict[str, Any]:
    """One embryo; arguments as in `ventral_furrow.py`, count the number of cells, shape that of the grid."""
    points, faces, middle = shell(count, refine)
    grid = tissue.Grid(shape=shape, size=BOX)
    stokes, centre = tissue.Stokes(grid), 0.5 * np.array(BOX)
    cells = bm.Cells("mesoderm", count, method=method, seed=seed, parameters={**inputs(middle), **(genes or {})})
    cells.advance(BEFORE)
    top, bottom = (face_areas(points, part, faces.owner, count) for part in (faces.apical, faces.basal))
    tall, area, rest = lengths(points, faces.threads), top, top / (2.0 * CELL_WIDTH)
    surface = np.unique(faces.apical)
    weight = top.sum() / len(surface)
    ends = rest[faces.meet].mean(axis=1)
    frames: list[dict[str, Any]] = []
    steps, between = round(t_end / dt), round(every / dt)
    for step in tqdm(range(steps + 1), desc=name, unit="step", delay=2.0, disable=not progress):
        m, side, base = (cells[species] / FULL for species in ("Myosin", "Lateral", "Basal"))
        if step % between == 0:
            frames.append({"time": step * dt, "points": points.copy(), "myosin": m, "lateral": side, "basal": base})
        if step == steps:
            break
        own = face_areas(points, faces.basal, faces.owner, count)
        films = (
            np.maximum(APICAL_REST + apical * m + ELASTICITY * (area / top - 1.0), 0.0),
            np.maximum(base * (BASAL + ELASTICITY * (own / bottom - 1.0)), 0.0),
        )
        strain = lengths(points, faces.threads) / tall - 1.0
        pull = np.maximum(LATERAL_REST + lateral * side[faces.meet].mean(axis=1) + ELASTICITY * strain, 0.0) * ends
        inside = points + centre
        push = np.zeros_like(points)
        beyond, normal = outside(points[surface])
        push[surface] = -(WALL * weight * np.maximum(beyond, 0.0))[:, None] * normal
        forces = [
            *(tissue.spread_tension(grid, inside, part, film[faces.owner])
              for part, film in zip((faces.apical, faces.basal), films, strict=True)),
            tissue.spread_tension(grid, inside, faces.pieces, np.repeat(pull, THREAD)),
            tissue.spread_force(grid, inside, push),
        ]  # fmt: skip
        total: list[Any] = [sum(parts) for parts in zip(*forces, strict=True)]
        flow = stokes.solve(force=tuple(part - part.mean() for part in total))
        moved = tissue.advance(flow, inside, dt)
        if np.abs(moved - inside).max() > min(grid.spacing):
            raise bm.SimulationError(f"{name}: at {step * dt:g} min points cross a grid cell in dt={dt:g}; shorten it")
        points = moved - centre
        before, area = area, face_areas(points, faces.apical, faces.owner, count)
        cells.set("tension", films[0] / APICAL)
        # of a length, as in the cross-section
        cells.set("stretch", 0.5 * np.log(area / before) / dt)
        cells.advance(dt)
    return measured(frames, faces, grid)


def measured(frames: list[dict[str, Any]], faces: Shell, grid: tissue.Grid) -> dict[str, Any]:
    """What is seen of an egg: depths over the height of cells; width of the furrow, um; volumes over the first."""
    surface = np.unique(faces.apical)
    along = np.arange(-HALF_LENGTH, HALF_LENGTH + 1.0, 10.0)
    profiles = np.array([depths(frame["points"][surface], along) for frame in frames]) / HEIGHT
    about = 0.5 * np.array(BOX)
    volumes = np.array(
        [
            [tissue.enclosed(grid, frame["points"] + about, part) for part in (faces.apical, faces.basal)]
            for frame in (frames[0], frames[-1])
        ]
    )
    between = 0.5 * (along[1:] + along[:-1])
    return {
        "frames": frames,
        "shell": faces,
        "time": np.array([frame["time"] for frame in frames]),
        "along": between,
        "profile": profiles,
        "depth": profiles[:, np.abs(between) < 60.0].max(axis=1),
        "length": 10.0 * float((profiles[-1] > 0.5).sum()),
        "width": width(frames[-1]["points"][surface]),
        "volume drift of egg": float(volumes[1, 0] / volumes[0, 0] - 1.0),
        "volume drift of yolk": float(volumes[1, 1] / volumes[0, 1] - 1.0),
    }


def depths(points: Floats, along: Floats) -> Floats:
    """The largest distance of apical points below the membrane between places along the egg, um."""
    below = -outside(points)[0]
    place = np.digitize(points[:, 0], along) - 1
    out = np.zeros(len(along) - 1)
    known = (place >= 0) & (place < len(out))
    np.maximum.at(out, place[known], below[known])
    return out


def width(points: Floats) -> float:
    """Between the walls of the furrow, um, at half its depth in the middle of the egg; NaN where it is no 5 um deep."""
    slab = points[(np.abs(points[:, 0]) < 20.0) & (points[:, 2] < 0.0) & (np.abs(points[:, 1]) < 50.0)]
    below = -outside(slab)[0]
    deepest = float(below.max())
    if deepest < 5.0:
        return float("nan")
    bottom = float(slab[below > 0.9 * deepest, 1].mean())
    wall = slab[np.abs(below / deepest - 0.5) < 0.1, 1] - bottom
    if not (wall.max(initial=0.0) > 0.0 > wall.min(initial=0.0)):
        return float("nan")
    return float(wall[wall > 0.0].mean() - wall[wall < 0.0].mean())


def cut(points: Floats, triangles: Integers, at: float) -> tuple[Floats, Integers]:
    """Where the plane x = at cuts a surface: pieces of line [n, 2, (y, z)], and the triangle of each [n]."""
    corners = points[triangles]
    side = corners[:, :, 0] - at
    crossed = np.flatnonzero((side.min(axis=1) < 0.0) & (side.max(axis=1) >= 0.0))
    corners, side = corners[crossed], side[crossed]
    # the corner alone on its side, and the other two
    lone = np.argmax((side >= 0.0) == ((side >= 0.0).sum(axis=1) == 1)[:, None], axis=1)
    row = np.arange(len(crossed))
    ends = []
    for other in ((lone + 1) % 3, (lone + 2) % 3):
        share = side[row, lone] / (side[row, lone] - side[row, other])
        ends.append(corners[row, lone] + share[:, None] * (corners[row, other] - corners[row, lone]))
    return np.stack(ends, axis=1)[:, :, 1:], crossed


def summary(name: str, found: dict[str, Any]) -> str:
    """A line of a table."""
    return (
        f"{name:<25}{found['depth'][-1]:>7.2f}{found['width']:>8.1f}{found['length']:>8.0f}"
        f"{100 * found['volume drift of egg']:>9.2f}{100 * found['volume drift of yolk']:>9.2f}"
    )


class View:
    """Draws eggs with pyvista, without a window: from the ventral side, and cut in the middle; close it after use."""

    def __init__(self, width: int) -> None:
        import pyvista as pv

        self.pv = pv
        self.whole, self.half = (
            pv.Plotter(off_screen=True, lighting="light kit", window_size=[width, round(width * tall)])
            for tall in (0.4, 0.48)
        )

    def draw(self, frame: dict[str, Any], faces: Shell) -> NDArray[np.uint8]:
        """Both views, one over the other, [height, width, 3]."""
        make: Any = self.pv.PolyData.from_regular_faces
        top, bottom = (make(frame["points"], part) for part in (faces.apical, faces.basal))
        top.cell_data["myosin"] = frame["myosin"][faces.owner]
        shown: dict[str, Any] = {"scalars": "myosin", "cmap": "OrRd", "clim": (-0.15, 1.0), "show_scalar_bar": False}
        for plotter in (self.whole, self.half):
            plotter.clear_actors()
            plotter.set_background("white")
        self.whole.add_mesh(top.copy(), smooth_shading=True, **shown)
        # the half beyond the cut, and the lines of the cut
        self.half.add_mesh(top.clip("x", origin=(0, 0, 0)), ambient=0.3, **shown)
        self.half.add_mesh(bottom.clip("x", origin=(0, 0, 0)), color="#fdf3d0", ambient=0.3)
        for surface, colour in ((top, "#7f0000"), (bottom, "#444444")):
            self.half.add_mesh(surface.slice("x", origin=(0, 0, 0)), color=colour, line_width=3)
        return np.concatenate(
            [
                self._seen(self.whole, (0.0, 250.0, -850.0), (0.0, 0.0, 0.0), (0.0, 1.0, 0.0), 110.0),
                self._seen(self.half, (900.0, 150.0, -330.0), (-30.0, 0.0, -12.0), (0.0, 0.0, 1.0), 112.0),
            ]
        )

    @staticmethod
    def _seen(plotter: Any, place: Any, middle: Any, up: Any, scale: float) -> NDArray[np.uint8]:
        plotter.camera_position = [place, middle, up]
        plotter.camera.parallel_projection = True
        plotter.camera.parallel_scale = scale
        plotter.renderer.reset_camera_clipping_range()
        return np.asarray(plotter.screenshot(return_img=True))

    def close(self) -> None:
        """Free the windows."""
        self.whole.close()
        self.half.close()


def section(axes: Any, frame: dict[str, Any], faces: Shell, at: float) -> None:
    """The cut x = at into axes: membrane, apical surface by its myosin, basal surface in grey."""
    from matplotlib.collections import LineCollection
    from matplotlib.patches import Circle

    radius = MEMBRANE * np.sqrt(1.0 - (at / HALF_LENGTH) ** 2)
    axes.add_patch(Circle((0.0, 0.0), radius, facecolor="#eef3f7", edgecolor="#44546a", linewidth=0.8))
    lines, _ = cut(frame["points"], faces.basal, at)
    axes.add_collection(LineCollection(list(lines), color="#777777", linewidth=1.4))
    lines, which = cut(frame["points"], faces.apical, at)
    coloured = LineCollection(list(lines), array=frame["myosin"][faces.owner[which]], cmap="OrRd", linewidth=2.4)
    coloured.set_clim(-0.5, 1.0)
    axes.add_collection(coloured)
    axes.set(xlim=(-94, 94), ylim=(-94, 94), aspect="equal")
    axes.axis("off")


class Sections:
    """Four cuts side by side, where pyvista cannot draw; as `View`."""

    def __init__(self, width: int) -> None:
        self.size = (width, round(width * 0.88))

    def draw(self, frame: dict[str, Any], faces: Shell) -> NDArray[np.uint8]:
        """All cuts, [height, width, 3]."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(self.size[0] / 100.0, self.size[1] / 100.0), dpi=100)
        canvas: Any = FigureCanvasAgg(figure)
        for at, axes in zip(CUTS, figure.subplots(2, 2).ravel(), strict=True):
            section(axes, frame, faces, at)
        canvas.draw()
        return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])

    def close(self) -> None:
        """Nothing is held."""


def draw(found: Mapping[str, dict[str, Any]], path: Path) -> None:
    """The first egg at three times, from its ventral side and cut; sections along it; depths along it and in time."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    first = next(iter(found.values()))
    last = len(first["frames"]) - 1
    chosen = [round(share * last) for share in (0.3, 0.55, 1.0)]
    figure = plt.figure(figsize=(13, 9.0))
    outer = figure.add_gridspec(
        2, 1, height_ratios=[1.1, 1.0], hspace=0.1, left=0.02, right=0.985, top=0.96, bottom=0.06
    )
    top = outer[0].subgridspec(1, 3, wspace=0.02)
    view = View(880) if can_render() else Sections(880)
    for column, k in enumerate(chosen):
        axes = figure.add_subplot(top[column])
        axes.imshow(view.draw(first["frames"][k], first["shell"]))
        axes.axis("off")
        axes.set_title(f"{first['time'][k]:.0f} min", fontsize=12)
    view.close()
    low = outer[1].subgridspec(1, 3, wspace=0.22, width_ratios=[1.2, 1.0, 1.0])
    places = low[0].subgridspec(2, 2, wspace=0.0, hspace=0.12)
    for at, place in zip(CUTS, (places[0, 0], places[0, 1], places[1, 0], places[1, 1]), strict=True):
        axes = figure.add_subplot(place)
        section(axes, first["frames"][-1], first["shell"], at)
        axes.set_title(f"{at:.0f} um from the middle", fontsize=9)
    axes = figure.add_subplot(low[1])
    for k, colour in zip(chosen, ("#fdbb84", "#ef6548", "#7f0000"), strict=True):
        axes.plot(first["along"], first["profile"][k], color=colour, label=f"{first['time'][k]:.0f} min")
    axes.set(xlabel="along the egg, um", ylabel="depth over cell height", ylim=(0, None))
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes = figure.add_subplot(low[2])
    for name, one in found.items():
        axes.plot(one["time"], one["depth"], label=name)
    axes.axhline(1.0, color="#999999", linewidth=0.8, linestyle=":")
    axes.set(xlabel="time, min", ylabel="depth in the middle over cell height", xlim=(0, None), ylim=(0, None))
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def movie(found: dict[str, Any], path: Path, *, progress: bool = True) -> None:
    """One egg in time, 960 pixels wide."""
    import imageio_ffmpeg

    path.parent.mkdir(parents=True, exist_ok=True)
    view = View(960) if can_render() else Sections(960)
    size = (960, view.draw(found["frames"][0], found["shell"]).shape[0])
    writer = imageio_ffmpeg.write_frames(str(path), size, fps=6.0, quality=7, output_params=["-preset", "veryfast"])
    writer.send(None)
    try:
        for frame in tqdm(found["frames"], desc="movie", unit="frame", disable=not progress):
            writer.send(np.ascontiguousarray(view.draw(frame, found["shell"])))
    finally:
        writer.close()
        view.close()


if __name__ == "__main__":
    cases: dict[str, dict[str, Any]] = {"wild type": {}, "no radial shortening": {"lateral": 0.0}}
    found = {name: run(name=name, **changed) for name, changed in cases.items()}
    print("depth in the middle over the height of cells; width at half depth, length, um; change of volumes, %\n")
    print(f"{'':<25}{'depth':>7}{'width':>8}{'length':>8}{'egg':>9}{'yolk':>9}")
    for name, one in found.items():
        print(summary(name, one))
    draw(found, Path("results/ventral_furrow_3d.png"))
    movie(found["wild type"], Path("results/ventral_furrow_3d.mp4"))
