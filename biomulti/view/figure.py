"""Pictures and movies of a tissue's run, as they are shown in a talk."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from biomulti.errors import OptionError
from biomulti.view.colours import FAINT, GROUND, INK, LINE, colour_map
from biomulti.view.panels import embryo_panels, flat_panels, needed, only_panel
from biomulti.view.recording import Recording, frame_of, read
from biomulti.view.rendering import PACKAGES, can_render
from biomulti.view.stage import EmbryoStage, FlatStage, Stage
from biomulti.view.words import number

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

Pixels = NDArray[np.uint8]
Surface = Literal["flat", "embryo"]

# A slide of 16:9; text is set in points of it, whatever the resolution.
INCHES = (12.8, 7.2)
PICTURE_DPI = 200
MOVIE_DPI = 100
FRAMES_PER_SECOND = 12.0
# x264's scale of quality in imageio-ffmpeg, of 10.
MOVIE_QUALITY = 7
# Of x264's presets: with the default one the encoder takes a core of its own.
SPEED = ["-preset", "veryfast"]
# At most so many steps on the colour bar.
TICKS = 5
PANELS = {
    3: tuple((0.735, bottom, 0.248, 0.22) for bottom in (0.71, 0.397, 0.085)),
    4: tuple((0.735, bottom, 0.248, 0.162) for bottom in (0.79, 0.555, 0.32, 0.085)),
}


def picture(
    run: xr.Dataset,
    path: str | Path,
    *,
    colour: str | None = None,
    time: int = -1,
    surface: Surface = "flat",
    ventral: float | None = None,
    marked: Mapping[str, float] | None = None,
    lineage: pd.DataFrame | None = None,
    sisters: bool = False,
) -> Path:
    """
    Draw one time of a tissue's run as a PNG of 2560 x 1440 pixels, and beside it the course of the whole run.

    Cells are the Voronoi polygons of their positions. surface "flat" shows the sheet as it lies with arrows for
    the flow; "embryo" wraps it on the shape of a fly embryo, x from the anterior to the posterior pole, y round
    it, seen from its ventral side and from beside it, and a cell that has lost apical area lies deeper:
        depth = 0.45 R (1 - area),   R = Ly / (2 pi),   smoothed over about two cells.
    Where three-dimensional drawing does not work the sheet is drawn flat, with a warning that says what to install.

    run: Dataset with x, y [time, cell], attributes size and boundary (JSON), and where there are area [time, cell]
        and velocity_x, velocity_y [time, gx, gy]; a cell that does not exist at a time has a position of NaN.
    path: the .png to write; its folder has to exist.
    colour: the variable [time, cell] shown as colour; None: the first that is not motion or area.
    time: index of the frame, -1 the last.
    ventral: y of the ventral midline, for surface "embryo"; None: the middle of the box.
    marked: variables [time, cell], three at most, and how much of each a cell has to exceed to get a colour of its own.
    lineage: the table of the run's lineage, from which trees of a few founders are drawn where cells divide.
    sisters: whether cells born by division have the colour of their pair.

    Raises OptionError when a variable, frame or surface does not exist, naming those that do.
    """
    target = _target(path, ".png")
    recording = read(run, colour, marked=marked, lineage=lineage, sisters=sisters)
    frame = frame_of(recording, time)
    with _board(recording, surface, ventral, dpi=PICTURE_DPI, sharpness=2) as board:
        pixels = board.draw(frame)
    from matplotlib.image import imsave

    imsave(target, pixels)
    return target


def movie(
    run: xr.Dataset,
    path: str | Path,
    *,
    colour: str | None = None,
    surface: Surface = "flat",
    ventral: float | None = None,
    marked: Mapping[str, float] | None = None,
    lineage: pd.DataFrame | None = None,
    sisters: bool = False,
    fps: float = FRAMES_PER_SECOND,
    progress: bool = True,
) -> Path:
    """
    Write all times of a tissue's run as an mp4 of 1280 x 720 pixels (H.264), with one colour scale for all.

    run, colour, surface, ventral, marked, lineage, sisters: as for `picture`; path: the .mp4 to write.
    fps: frames of the run shown in a second.
    progress: show a bar while frames are drawn.

    Raises OptionError when a variable or surface does not exist, naming those that do, or fps is not positive.
    """
    import imageio_ffmpeg
    from tqdm import tqdm

    if not fps > 0:
        raise OptionError(f"fps={fps!r}; give a positive number of frames a second")
    target = _target(path, ".mp4")
    recording = read(run, colour, marked=marked, lineage=lineage, sisters=sisters)
    with _board(recording, surface, ventral, dpi=MOVIE_DPI, sharpness=1) as board:
        writer = imageio_ffmpeg.write_frames(
            str(target), board.pixels, fps=fps, quality=MOVIE_QUALITY, output_params=SPEED
        )
        writer.send(None)
        try:
            for frame in tqdm(range(recording.frames), desc="movie", unit="frame", disable=not progress):
                writer.send(board.draw(frame))
        finally:
            writer.close()
    return target


def _target(path: str | Path, ending: str) -> Path:
    target = Path(path)
    if target.suffix.lower() != ending:
        raise OptionError(f"path={str(path)!r} has to end in {ending}")
    if not target.absolute().parent.is_dir():
        raise OptionError(f"path={str(path)!r}: the folder {target.parent} does not exist; make it first")
    return target


@dataclass(frozen=True)
class Board:
    """A figure whose still part is drawn once; `moving` are the artists drawn for each frame, in their order."""

    canvas: FigureCanvasAgg
    recording: Recording
    stage: Stage
    stamp: Any
    playheads: tuple[Any, ...]
    moving: tuple[Artist, ...]
    still: Any

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height."""
        return self.canvas.get_width_height()

    def draw(self, frame: int) -> Pixels:
        """The whole figure at one frame, [height, width, 3]."""
        self.canvas.restore_region(self.still)
        pixels = np.asarray(self.canvas.buffer_rgba())
        self.stage.show(frame, pixels)
        self.stamp.set_text(self.recording.clock.stamp(frame))
        for line in self.playheads:
            line.set_xdata([self.recording.clock.shown[frame]] * 2)
        for artist in self.moving:
            artist.draw(self.canvas.get_renderer())
        return pixels[..., :3].copy()


@contextmanager
def _board(recording: Recording, surface: str, ventral: float | None, *, dpi: int, sharpness: int) -> Iterator[Board]:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if surface not in ("flat", "embryo"):
        raise OptionError(f"surface={surface!r}; there are 'flat' and 'embryo'")
    if surface == "embryo" and recording.boundary[1] != "periodic":
        raise OptionError(
            f"surface='embryo' wraps y round the embryo, and the run's boundary in y is {recording.boundary[1]!r}; "
            "use surface='flat'"
        )
    midline = recording.size[1] / 2 if ventral is None else float(ventral)
    with matplotlib.rc_context({"font.family": "sans-serif", "font.size": 10, "axes.unicode_minus": True}):
        figure = Figure(figsize=INCHES, dpi=dpi, facecolor=GROUND)
        canvas = FigureCanvasAgg(figure)
        stage = _stage(figure, recording, surface, midline, sharpness)
        try:
            yield _composed(figure, canvas, recording, stage, midline if surface == "embryo" else None)
        finally:
            stage.close()


def _stage(figure: Figure, recording: Recording, surface: str, midline: float, sharpness: int) -> Stage:
    if surface == "flat":
        return FlatStage(figure, recording)
    if can_render():
        return EmbryoStage(figure, recording, midline, sharpness)
    reason = f"three-dimensional drawing does not work here; on Debian: apt install {PACKAGES}"
    warnings.warn(f"the sheet is drawn flat, since {reason}", RuntimeWarning, stacklevel=5)
    return FlatStage(figure, recording)


def _composed(
    figure: Figure, canvas: FigureCanvasAgg, recording: Recording, stage: Stage, midline: float | None
) -> Board:
    axes = _panels(figure, recording, midline)
    _colour_bar(figure, recording)
    _legend(figure, recording)
    playheads = tuple(ax.axvline(0.0, color=INK, linewidth=1.0, alpha=0.8, zorder=40) for ax in axes)
    stamp = figure.text(0.022, 0.965, "", fontsize=20, weight="bold", color=INK, va="top")
    moving = (*stage.artists, *playheads, stamp)
    for artist in moving:
        artist.set_animated(True)
    canvas.draw()
    return Board(canvas, recording, stage, stamp, playheads, moving, canvas.copy_from_bbox(figure.bbox))


def _panels(figure: Figure, recording: Recording, midline: float | None) -> list[Axes]:
    """The curves beside the cells; those that have time along x."""
    if recording.frames == 1:
        only_panel(figure.add_axes(PANELS[3][0]), recording)
        return []
    axes = [figure.add_axes(place) for place in PANELS[needed(recording, "flat" if midline is None else "embryo")]]
    if midline is None:
        flat_panels(axes, recording)
    else:
        embryo_panels(axes, recording, midline)
    axes[-1].set_xlabel(f"time ({recording.clock.unit})" if recording.clock.unit else "time")
    for ax in axes[:-1]:
        ax.set_xticklabels([])
    return axes


def _legend(figure: Figure, recording: Recording) -> None:
    """What colours of marked cells mean, one line each, at the upper right of the cells."""
    from matplotlib.patches import Rectangle

    width, height, gap = 0.0085, 0.0085 * INCHES[0] / INCHES[1], 0.0015
    for line, (text, colours) in enumerate(recording.marks.legend):
        y = 0.952 - 0.034 * line
        left = 0.655 - len(colours) * (width + gap)
        figure.text(left - 2.0 * gap, y, text, ha="right", va="center", fontsize=10, color=INK)
        for k, colour in enumerate(colours):
            x = left + k * (width + gap)
            figure.add_artist(Rectangle((x, y - height / 2), width, height, color=colour, linewidth=0))


def _colour_bar(figure: Figure, recording: Recording) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    place = figure.add_axes((0.022, 0.058, 0.25, 0.02))
    norm = Normalize(recording.low, recording.high)
    bar = figure.colorbar(ScalarMappable(norm, colour_map()), cax=place, orientation="horizontal", extend="max")
    bar.locator = MaxNLocator(TICKS, steps=[1, 2, 5, 10])
    bar.formatter = FuncFormatter(number)
    bar.update_ticks()
    bar.outline.set_visible(False)
    place.set_title(recording.label, loc="left", fontsize=10, color=INK, pad=5)
    place.tick_params(colors=FAINT, labelsize=9, length=2, color=LINE)
