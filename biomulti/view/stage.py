"""What stands on the left of a picture: the cells, as a flat sheet or wrapped on the embryo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from biomulti.view.colours import BODY, FAINT, GROUND, INK, colour_map
from biomulti.view.embryo import Shape, relief, wrapped
from biomulti.view.marks import COLOURS
from biomulti.view.panels import round_down
from biomulti.view.recording import Recording
from biomulti.view.rendering import Pixels, Scene
from biomulti.view.voronoi import at_both_ends
from biomulti.view.words import number

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

# Left, bottom, width, height of the stage, over the figure's.
PLACE = (0.012, 0.115, 0.645, 0.775)
# How dark a cell's outline is, over its colour.
OUTLINE = 0.5
# How wide it is on a flat sheet, over the cell's width.
OUTLINE_WIDTH = 0.07
# and at most, in points.
WIDEST = 1.2
# Arrows of the flow along the longer side of the box, and how long the fastest is, in distances between them.
ARROWS = 16
LONGEST = 1.1
# Slower than this, over the fastest, is drawn as nothing.
STILL = 0.02
FASTEST = 99.5


class Stage(Protocol):
    """The part of a picture that shows the cells."""

    artists: list[Artist]

    def show(self, frame: int, figure: Pixels) -> None:
        """Set the artists to a frame, or draw straight into the pixels [height, width, 4] of the figure so far."""

    def close(self) -> None:
        """Free what the stage holds."""


class EmbryoStage:
    """The sheet on the embryo, from its ventral side and from beside it; `sharpness` pixels are drawn for one shown."""

    def __init__(self, figure: Figure, recording: Recording, ventral: float, sharpness: int) -> None:
        self.recording = recording
        self.sharpness = sharpness
        self.shape = Shape(recording.size, ventral)
        width, height = figure.canvas.get_width_height()
        left, bottom = round(PLACE[0] * width), round(PLACE[1] * height)
        pixels = (round(PLACE[2] * width), 2 * round(PLACE[3] * height / 2))
        self.scene = Scene(self.shape, (sharpness * pixels[0], sharpness * pixels[1]), GROUND, BODY)
        self.colours, self.marked = (255.0 * table for table in tables())
        self.rows = slice(height - bottom - pixels[1], height - bottom)
        self.columns = slice(left, left + pixels[0])
        self.artists: list[Artist] = []
        middle = bottom + pixels[1] / 2
        for text, x, y, align in (
            ("ventral", left, bottom + pixels[1] - 4, ("left", "top")),
            ("ventrolateral", left, middle - 14, ("left", "top")),
            ("anterior", left, middle + 8, ("left", "bottom")),
            ("posterior", left + pixels[0], middle + 8, ("right", "bottom")),
        ):
            strong = text.startswith("ventr")
            self.artists.append(
                figure.text(
                    x / width,
                    y / height,
                    text,
                    ha=align[0],
                    va=align[1],
                    fontsize=12 if strong else 10,
                    color=INK if strong else FAINT,
                    weight="bold" if strong else "normal",
                )
            )
        per_pixel = self.scene.pixel * sharpness
        self.artists += scale_bar(figure, recording, per_pixel, ((left + pixels[0]) / width, bottom / height))

    def show(self, frame: int, figure: Pixels) -> None:
        """Draw both views of a frame."""
        recording = self.recording
        outlines = recording.outlines(frame)
        area = None if recording.area is None else np.nan_to_num(recording.area[frame, recording.alive(frame)], nan=1.0)
        mesh = wrapped(self.shape, outlines, relief(self.shape, outlines.centres, area))
        colour = recording.painted(frame, self.colours, self.marked)[mesh.owner]
        colour[mesh.rim] *= OUTLINE
        pixels = self.scene.draw(mesh, np.rint(colour).astype(np.uint8))
        if self.sharpness > 1:
            k = self.sharpness
            height, width = pixels.shape[0] // k, pixels.shape[1] // k
            fine = pixels.reshape(height, k, width, k, 3)
            pixels = np.rint(fine.mean(axis=(1, 3))).astype(np.uint8)
        figure[self.rows, self.columns, :3] = pixels

    def close(self) -> None:
        """Free the window that was drawn in."""
        self.scene.close()


class FlatStage:
    """The sheet as it lies, with the flow as arrows where the run has one, and where cells are."""

    def __init__(self, figure: Figure, recording: Recording) -> None:
        from matplotlib.collections import PolyCollection

        self.recording = recording
        width, height = figure.canvas.get_width_height()
        lx, ly = recording.size
        per_pixel = max(lx / (PLACE[2] * width), ly / (PLACE[3] * height))
        w, h = lx / per_pixel / width, ly / per_pixel / height
        left, bottom = PLACE[0] + (PLACE[2] - w) / 2, PLACE[1] + (PLACE[3] - h) / 2
        self.axes = figure.add_axes((left, bottom, w, h), xlim=(0.0, lx), ylim=(0.0, ly), facecolor=GROUND)
        self.axes.set(xticks=[], yticks=[])
        for side, spine in self.axes.spines.items():
            wall = recording.boundary[0 if side in ("left", "right") else 1] != "periodic"
            spine.set(color=FAINT, linewidth=1.0, visible=wall)
        self.colours, self.marked = tables()
        self.cells = PolyCollection([], edgecolors=GROUND)
        self.point = per_pixel * figure.dpi / 72.0
        self.axes.add_collection(self.cells, autolim=False)
        self.artists: list[Artist] = [self.cells]
        self.arrows: Any = None
        if recording.flow is not None and np.nanmax(np.abs(recording.flow)) > 0.0:
            self._add_arrows(recording, recording.flow)
        self.artists += scale_bar(figure, recording, per_pixel, (PLACE[0] + PLACE[2], 0.075))

    def _add_arrows(self, recording: Recording, flow: Floats) -> None:
        apart = max(recording.size) / ARROWS
        every = [max(1, round(apart / float(g[1] - g[0]))) if len(g) > 1 else 1 for g in (recording.gx, recording.gy)]
        self.pick = tuple(slice(e // 2, None, e) for e in every)
        x, y = np.meshgrid(recording.gx[self.pick[0]], recording.gy[self.pick[1]], indexing="ij")
        at = np.stack([x, y], axis=-1)
        self.inside = np.stack([recording.covers(frame, at) for frame in range(recording.frames)])
        speed = np.hypot(*np.moveaxis(flow[:, self.pick[0], self.pick[1]], -1, 0))
        speed = speed[self.inside] if self.inside.any() else speed
        fastest = float(np.nanpercentile(speed, FASTEST)) or float(np.nanmax(speed)) or 1.0
        self.fastest = fastest
        self.arrows = self.axes.quiver(
            x,
            y,
            np.zeros_like(x),
            np.zeros_like(y),
            color=INK,
            edgecolor=GROUND,
            linewidth=0.5,
            angles="xy",
            scale_units="xy",
            scale=fastest / (LONGEST * apart),
            width=0.0046,
            headwidth=3.6,
            headlength=3.8,
            headaxislength=3.4,
            minlength=0.4,
            clip_on=False,
        )
        self.artists.append(self.arrows)
        key = round_down(fastest)
        unit = f"{recording.length_unit}/{recording.clock.own}"
        self.artists.append(
            self.axes.quiverkey(
                self.arrows,
                0.40,
                0.08,
                key,
                f"{number(key)} {unit}",
                coordinates="figure",
                labelpos="E",
                color=INK,
                labelcolor=INK,
                fontproperties={"size": 10},
            )
        )

    def show(self, frame: int, figure: Pixels) -> None:
        """Set the polygons and arrows of a frame."""
        recording = self.recording
        outlines = recording.outlines(frame)
        cell = np.arange(len(outlines.centres))
        for axis in range(2):
            if recording.boundary[axis] == "periodic":
                outlines, of = at_both_ends(outlines, axis, recording.size[axis])
                cell = cell[of]
        width = OUTLINE_WIDTH * float(np.sqrt(np.median(outlines.areas))) / self.point
        self.cells.set_linewidth(min(WIDEST, width))
        self.cells.set_verts(outlines.polygons())
        self.cells.set_facecolor(recording.painted(frame, self.colours, self.marked)[cell].tolist())
        if self.arrows is not None and recording.flow is not None:
            flow = recording.flow[frame, self.pick[0], self.pick[1]]
            left_out = np.hypot(flow[..., 0], flow[..., 1]) < STILL * self.fastest
            left_out |= ~self.inside[frame]
            self.arrows.set_UVC(*np.where(left_out, np.nan, np.moveaxis(flow, -1, 0)))

    def close(self) -> None:
        """Nothing is held."""


def tables() -> tuple[Floats, Floats]:
    """Colours of 256 levels and of marks, [256, 3] and [marks, 3], between 0 and 1."""
    from matplotlib.colors import to_rgb

    return np.asarray(colour_map()(np.linspace(0.0, 1.0, 256))[:, :3]), np.array([to_rgb(c) for c in COLOURS])


def scale_bar(figure: Figure, recording: Recording, per_pixel: float, end: tuple[float, float]) -> list[Artist]:
    """A bar of a round length that ends at `end`, over the figure, and its length above it."""
    from matplotlib.lines import Line2D

    length = round_down(0.14 * recording.size[0])
    start = end[0] - length / per_pixel / figure.canvas.get_width_height()[0]
    y = end[1]
    bar = Line2D((start, end[0]), (y, y), transform=figure.transFigure, color=INK, linewidth=3, solid_capstyle="butt")
    figure.add_artist(bar)
    label = f"{number(length)} {recording.length_unit}"
    text = figure.text((start + end[0]) / 2, y + 0.01, label, ha="center", va="bottom", color=INK, fontsize=10)
    return [bar, text]
