"""Outlines of cells, pictures and movies of a tissue."""

from __future__ import annotations

import json
import warnings

import imageio_ffmpeg
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.image import imread

from biomulti import view
from biomulti.errors import OptionError
from biomulti.view import figure, rendering
from biomulti.view.colours import colour_map, lab
from biomulti.view.embryo import FURROW, Relief, Shape, pole_caps, relief, wrapped
from biomulti.view.families import families
from biomulti.view.panels import ancestries, kymograph, midline_cells
from biomulti.view.recording import clock, read
from biomulti.view.voronoi import at_both_ends, cell_outlines, tissue_outlines

PERIODIC = ("periodic", "periodic")
KINDS = st.sampled_from(["periodic", "no-slip"])


def pulsing_embryo(*, cells: int = 300, frames: int = 5, t_end: float = 900.0, seed: int = 3) -> xr.Dataset:
    """A made-up run: a ventral band that pulses and contracts, and the sheet drifting after it."""
    rng = np.random.default_rng(seed)
    size = np.array([452.0, 533.0])
    across = int(np.sqrt(cells * size[0] / size[1]))
    start = np.stack(np.meshgrid(np.arange(across), np.arange(cells // across), indexing="ij"), axis=-1).reshape(-1, 2)
    start = (start + 0.5 + 0.5 * (start[:, ::-1] % 2) * [1, 0] + rng.normal(0, 0.14, start.shape)) * (
        size / [across, cells // across]
    )
    t = np.linspace(0.0, t_end, frames)
    dv = start[:, 1] - size[1] / 2
    strength = np.exp(-((dv / 42.0) ** 4))
    grip = 1.0 / (1.0 + np.exp(-(t - 420.0) / 110.0))
    phase = rng.uniform(0, 2 * np.pi, len(start)) + np.cumsum(rng.normal(0, 0.25, (frames, len(start))), axis=0)
    pulse = np.maximum(0.0, np.sin(2 * np.pi * t[:, None] / 83.0 + phase)) ** 2
    noise = rng.gamma(4.0, 6.0, len(start))
    myosin = noise + strength * (60.0 + 380.0 * grip[:, None]) * (0.35 + 1.4 * pulse)
    area = 1.0 - strength * grip[:, None] * (0.55 + 0.08 * np.sin(phase)) + 0.12 * grip[:, None] * (1 - strength)
    pull = 24.0 * grip[:, None] * np.tanh(dv / 50.0) * np.cos(np.pi * dv / size[1]) ** 2
    drift = 30.0 * (t[:, None] / t_end) ** 2 * np.cos(2 * np.pi * dv / size[1])
    gx = (np.arange(24) + 0.5) * size[0] / 24
    gy = (np.arange(28) + 0.5) * size[1] / 28
    wave = np.cos(2 * np.pi * (gy - size[1] / 2) / size[1])
    vx = np.broadcast_to((t / t_end)[:, None, None] * wave, (frames, 24, 28)) * 0.06
    vy = -np.broadcast_to((grip * (1 - grip))[:, None, None] * np.sin(2 * np.pi * (gy / size[1] - 0.5)), vx.shape) * 0.2
    return xr.Dataset(
        {
            "x": (("time", "cell"), np.mod(start[:, 0] - drift, size[0]), {"units": "um"}),
            "y": (("time", "cell"), np.mod(start[:, 1] - pull, size[1]), {"units": "um"}),
            "area": (("time", "cell"), area),
            "Myosin": (("time", "cell"), myosin, {"units": "item", "long_name": "Active myosin"}),
            "velocity_x": (("time", "gx", "gy"), vx, {"units": "um / second"}),
            "velocity_y": (("time", "gx", "gy"), vy, {"units": "um / second"}),
            "pressure": (("time", "gx", "gy"), np.zeros_like(vx)),
        },
        coords={
            "time": ("time", t, {"units": "second"}),
            "cell": np.arange(len(start)),
            "gx": ("gx", gx, {"units": "um"}),
            "gy": ("gy", gy, {"units": "um"}),
        },
        attrs={
            "size": json.dumps(size.tolist()),
            "boundary": json.dumps(["periodic", "periodic"]),
            "time_unit": "second",
            "model": "made up",
        },
    )


def owners(points, x, y, size, boundary):
    """The nearest cell of each point, found by measuring every distance."""
    apart = points[:, None, :] - np.stack([x, y], axis=1)
    for axis in range(2):
        if boundary[axis] == "periodic":
            apart[..., axis] -= size[axis] * np.round(apart[..., axis] / size[axis])
    return np.argmin(np.hypot(apart[..., 0], apart[..., 1]), axis=1)


def inside(polygon, point, size, boundary):
    """Whether a convex polygon or one of its periodic images contains a point."""
    shifts = [(-length, 0.0, length) if b == "periodic" else (0.0,) for length, b in zip(size, boundary, strict=True)]
    edge = np.roll(polygon, -1, axis=0) - polygon
    for sx in shifts[0]:
        for sy in shifts[1]:
            arm = point + np.array([sx, sy]) - polygon
            if (edge[:, 0] * arm[:, 1] - edge[:, 1] * arm[:, 0] > -1e-9).all():
                return True
    return False


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(1, 80),
    size=st.tuples(st.floats(0.1, 1000.0), st.floats(0.2, 5.0)),
    boundary=st.tuples(KINDS, KINDS),
    steps=st.sampled_from([0, 3, 8]),
)
def test_outlines_tile_the_box(seed, n, size, boundary, steps):
    """Scattered cells (steps 0), and cells on a lattice of that many steps, several in one place."""
    size = (size[0], size[0] * size[1])
    rng = np.random.default_rng(seed)
    points = (rng.integers(0, steps, (n, 2)) / steps if steps else rng.uniform(-1.0, 2.0, (n, 2))) * size
    outlines = cell_outlines(points[:, 0], points[:, 1], size, boundary)
    assert len(outlines.polygons()) == n
    assert (outlines.areas >= 0.0).all()
    assert outlines.areas.sum() == pytest.approx(size[0] * size[1], rel=1e-8)


@pytest.mark.parametrize("boundary", [PERIODIC, ("periodic", "no-slip"), ("free-slip", "no-slip")])
def test_every_point_lies_in_the_polygon_of_its_nearest_cell(boundary):
    rng = np.random.default_rng(5)
    size = (40.0, 70.0)
    x, y = rng.uniform(0, size[0], 60), rng.uniform(0, size[1], 60)
    polygons = cell_outlines(x, y, size, boundary).polygons()
    points = rng.uniform(0, 1, (400, 2)) * size
    for point, owner in zip(points, owners(points, x, y, size, boundary), strict=True):
        assert inside(polygons[owner], point, size, boundary)


def test_outlines_of_thousands_of_cells_with_some_in_one_place():
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0, 452, 6000), rng.uniform(0, 533, 6000)
    x[10:14], y[10:14] = x[9], y[9]
    areas = cell_outlines(x, y, (452.0, 533.0), PERIODIC).areas
    assert areas.sum() == pytest.approx(452.0 * 533.0, rel=1e-8)
    assert (areas > 0.0).all()


@pytest.mark.parametrize("bad", [[], [np.nan]])
def test_outlines_need_cells_with_positions(bad):
    with pytest.raises(OptionError, match="leave out cells"):
        cell_outlines(np.array(bad), np.array(bad), (1.0, 1.0), PERIODIC)


def test_a_gap_in_the_tissue_belongs_to_no_cell():
    lattice = np.stack(np.meshgrid(np.arange(40.0), np.arange(40.0)), axis=-1).reshape(-1, 2) * 2.5 + 1.25
    lattice = lattice + np.random.default_rng(1).normal(0, 0.2, lattice.shape)
    full = tissue_outlines(*lattice.T, (100.0, 100.0), PERIODIC)
    assert full.areas.sum() == pytest.approx(1e4, rel=1e-8)
    disc = lattice[np.hypot(*(lattice - 50.0).T) < 30.0]
    outlines = tissue_outlines(*disc.T, (100.0, 100.0), PERIODIC)
    assert len(outlines.centres) == len(disc)
    # the rim of half a cell to one cell round the disc is all that its cells may take
    assert np.pi * 29.0**2 < outlines.areas.sum() < np.pi * 33.0**2


def test_cells_across_the_edge_are_drawn_at_both_ends():
    x, y = np.array([0.1, 5.0]), np.array([2.0, 2.0])
    outlines = cell_outlines(x, y, (10.0, 4.0), PERIODIC)
    both, cell = at_both_ends(outlines, 0, 10.0)
    assert cell.tolist() == [0, 1, 0]
    assert both.centres[2] == pytest.approx([10.1, 2.0])
    assert both.areas == pytest.approx(outlines.areas[cell])


def test_colours_step_evenly_and_grow_lighter():
    rgb = colour_map()(np.linspace(0, 1, 256))[:, :3]
    steps = np.linalg.norm(np.diff(lab(rgb), axis=0), axis=1)
    assert steps.std() / steps.mean() < 0.05
    assert (np.diff(lab(rgb)[:, 0]) > 0).all()
    assert lab(np.array([1.0, 1.0, 1.0])) == pytest.approx([100.0, 0.0, 0.0], abs=0.02)


def test_normals_stand_on_the_embryo_and_the_furrow_is_as_deep_as_it_says():
    shape = Shape((452.0, 533.0), 266.5)
    run = pulsing_embryo(cells=4000, frames=1)
    outlines = cell_outlines(run["x"].values[0], run["y"].values[0], shape.size, PERIODIC)
    furrow = relief(shape, outlines.centres, np.full(len(outlines.centres), 0.6))
    assert furrow.depth == pytest.approx(FURROW * shape.radius * 0.4)
    mesh = wrapped(shape, outlines, furrow)
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(1.0)
    corner = mesh.points[mesh.triangles]
    across = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    whole = (np.abs(corner[..., 0]) < 215.0).all(axis=1)
    facing = (across * mesh.normals[mesh.triangles[:, 2]]).sum(axis=1)[whole]
    assert (facing > 0.0).mean() > 0.9999
    middle = np.abs(mesh.points[:, 0]) < 100.0
    radius = np.hypot(mesh.points[:, 1], mesh.points[:, 2])[middle & mesh.rim]
    expected = shape.profile(mesh.points[middle & mesh.rim, 0])[0] - FURROW * shape.radius * 0.4
    assert radius == pytest.approx(expected)


def test_depth_and_its_gradient_agree():
    grid = np.arange(64) + 0.5
    depth = np.sin(2 * np.pi * grid / 64)[:, None] * np.cos(2 * np.pi * grid / 64)
    field = Relief((64.0, 64.0), depth)
    points = np.random.default_rng(0).uniform(0, 64, (50, 2))
    for axis in range(2):
        step = 0.5 * np.eye(2)[axis]
        slope = field.at(points + step)[0] - field.at(points - step)[0]
        assert field.at(points)[1][:, axis] == pytest.approx(slope, abs=2e-3)


def test_the_poles_are_closed():
    shape = Shape((452.0, 533.0), 0.0)
    points, normals, triangles = pole_caps(shape)
    assert np.abs(points[:, 0]).max() == pytest.approx(shape.half_length)
    assert np.abs(points[:, 0]).min() < 226.0
    assert np.isfinite(normals).all()
    assert triangles.max() == len(points) - 1


@pytest.mark.parametrize(
    ("unit", "times", "shown", "stamp"),
    [
        ("second", [0.0, 750.0], "min", "12 min 30 s"),
        ("second", [0.0, 90.0], "s", "1 min 30 s"),
        ("minute", [-5.0, 200.0], "h", "3 h 20 min"),
        ("hour", [0.0, 48.5], "h", "48 h 30 min"),
        ("generations", [0.0, 12.0], "generations", "12 generations"),
    ],
)
def test_times_are_written_as_people_say_them(unit, times, shown, stamp):
    run = xr.Dataset(coords={"time": ("time", times, {"units": unit})})
    assert clock(run).unit == shown
    assert clock(run).stamp(1) == stamp


def test_the_kymograph_is_the_mean_across_the_band():
    run = pulsing_embryo(cells=3000, frames=2)
    run["Myosin"] = (run["Myosin"].dims, np.where(np.abs(run["y"] - 200.0) < 60.0, 7.0, 1.0))
    image = kymograph(read(run, "Myosin"), ventral=200.0)
    n = len(image)
    assert image[n // 2] == pytest.approx(7.0)
    assert image[[0, -1]] == pytest.approx(1.0)
    cells = midline_cells(read(run, "Myosin"), 200.0)
    assert np.abs(run["y"][0, cells] - 200.0).max() < 15.0


def test_a_missing_variable_frame_surface_or_folder_is_named(tmp_path):
    run = pulsing_embryo()
    with pytest.raises(OptionError, match=r"'Myosn' is not a variable.*area, Myosin"):
        view.picture(run, tmp_path / "a.png", colour="Myosn")
    with pytest.raises(OptionError, match=r"time=5 is not a frame.*it has 5.*at 900 s"):
        view.picture(run, tmp_path / "a.png", time=5)
    with pytest.raises(OptionError, match="there are 'flat' and 'embryo'"):
        view.picture(run, tmp_path / "a.png", surface="sphere")
    walls = run.assign_attrs(boundary='["periodic", "no-slip"]')
    with pytest.raises(OptionError, match="boundary in y is 'no-slip'"):
        view.picture(walls, tmp_path / "a.png", surface="embryo")
    with pytest.raises(OptionError, match=r"has to end in \.png"):
        view.picture(run, tmp_path / "a.gif")
    with pytest.raises(OptionError, match="does not exist; make it first"):
        view.movie(run, tmp_path / "nowhere" / "a.mp4")
    with pytest.raises(OptionError, match="fps=0"):
        view.movie(run, tmp_path / "a.mp4", fps=0)
    with pytest.raises(OptionError, match="only a run of a tissue"):
        view.picture(run.drop_vars("x"), tmp_path / "a.png")
    with pytest.raises(OptionError, match="attributes lack size"):
        view.picture(run.assign_attrs({}).drop_attrs(), tmp_path / "a.png")


def brightness(path):
    """Mean lightness (CIELAB) of the left part of a picture, where the cells are."""
    pixels = imread(path)[::4, ::4, :3].astype(float)
    return lab(pixels[30:310, : int(0.65 * pixels.shape[1])])[..., 0].mean()


@pytest.mark.parametrize("surface", ["flat", "embryo"])
def test_a_picture_shows_more_myosin_as_lighter(tmp_path, surface):
    run = pulsing_embryo(cells=400, frames=4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for frame in (0, 3):
            view.picture(run, tmp_path / f"{frame}.png", colour="Myosin", surface=surface, time=frame)
    assert imread(tmp_path / "0.png").shape[:2] == (1440, 2560)
    assert brightness(tmp_path / "3.png") > brightness(tmp_path / "0.png") + 1.0
    drawn_flat = any("drawn flat" in str(w.message) for w in caught)
    assert drawn_flat == (surface == "embryo" and not rendering.can_render())


def test_without_three_dimensional_drawing_the_sheet_is_drawn_flat(tmp_path, monkeypatch):
    monkeypatch.setattr(figure, "can_render", lambda: False)
    with pytest.warns(RuntimeWarning, match=r"drawn flat, since .* apt install libegl1") as caught:
        view.picture(pulsing_embryo(), tmp_path / "a.png", surface="embryo")
    assert caught[0].filename == __file__
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_a_run_without_area_flow_or_more_than_one_frame_with_cells_yet_unborn(tmp_path):
    run = pulsing_embryo(frames=1).drop_vars(["area", "velocity_x", "velocity_y", "pressure"])
    run["x"][0, :40] = np.nan
    run["Myosin"][0, :40] = np.nan
    view.picture(run, tmp_path / "a.png")
    assert brightness(tmp_path / "a.png") > 10.0


@pytest.mark.parametrize("surface", ["flat", "embryo"])
def test_a_movie_has_every_frame(tmp_path, surface):
    run = pulsing_embryo(frames=6)
    run.to_zarr(tmp_path / "run.zarr", consolidated=False)
    stored = xr.open_zarr(tmp_path / "run.zarr", chunks=None, consolidated=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        view.movie(stored, tmp_path / "a.mp4", colour="Myosin", surface=surface, fps=6, progress=False)
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(tmp_path / "a.mp4")
    assert frames == 6
    assert seconds == pytest.approx(1.0, abs=0.05)
    assert next(imageio_ffmpeg.read_frames(tmp_path / "a.mp4"))["size"] == (1280, 720)


def dividing(run: xr.Dataset) -> tuple[xr.Dataset, pd.DataFrame]:
    """The first 40 cells give way in frame 2 to pairs of daughters; cell 50 dies in frame 3."""
    n = run.sizes["cell"]
    mothers = run.isel(cell=slice(0, 40))
    daughters = [mothers.assign_coords(cell=n + k + 2 * np.arange(40)) for k in (0, 1)]
    for k, part in enumerate(daughters):
        part["x"] = part["x"] + (k - 0.5) * 3.0
        part["area"] = 0.5 * part["area"]
    late = xr.concat(daughters, "cell", data_vars="minimal").isel(time=slice(2, None)).sortby("cell")
    early = run.where((run["cell"] >= 40) | (run["time"] < run["time"][2]))
    early = early.where((early["cell"] != 50) | (early["time"] < early["time"][3]))
    both = xr.concat([early[["x", "y", "area", "Myosin"]], late[["x", "y", "area", "Myosin"]]], "cell", join="outer")
    both = both.assign({v: run[v] for v in ("velocity_x", "velocity_y")}).assign_attrs(run.attrs)
    for name in ("x", "y", "Myosin"):
        both[name].attrs = run[name].attrs
    t = run["time"].to_numpy()
    ids = np.arange(n + 80)
    table = pd.DataFrame(
        {
            "parent": np.where(ids < n, -1, (ids - n) // 2),
            "generation": (ids >= n).astype(int),
            "type": "cell",
            "born": np.where(ids < n, t[0], t[2]),
            "ended": np.where(ids < 40, t[2], np.where(ids == 50, t[3], np.inf)),
            "fate": np.where(ids < 40, "divided", np.where(ids == 50, "died", "alive")),
            "cause": "",
        },
        index=pd.Index(ids, name="cell"),
    )
    return both, table


@pytest.mark.parametrize("surface", ["flat", "embryo"])
def test_cells_that_divide_are_drawn_with_their_lineage_and_marks(tmp_path, surface):
    run, table = dividing(pulsing_embryo(frames=5))
    found = read(run, "Myosin", marked={"Myosin": 300.0}, lineage=table, sisters=True)
    assert found.changes
    assert found.counts.tolist() == [300, 300, 340, 339, 339]
    sisters = found.marks.number[2, 300:]
    assert (sisters[::2] == sisters[1::2]).all()
    assert set(sisters) <= set(range(4, 9)) | {1}
    # daughters have not lost area since they were first seen
    assert found.area is not None
    assert found.area[2, 300:] == pytest.approx(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        view.picture(run, tmp_path / "a.png", colour="Myosin", surface=surface, lineage=table, sisters=True)
        view.movie(run, tmp_path / "a.mp4", colour="Myosin", surface=surface, lineage=table, progress=False)
        view.picture(run, tmp_path / "b.png", colour="Myosin", surface=surface)
    with_sisters, without = (imread(tmp_path / f"{name}.png")[:, :1600, 2].mean() for name in "ab")
    assert with_sisters > without


def test_courses_of_single_cells_go_on_in_their_mothers():
    run, table = dividing(pulsing_embryo(frames=5))
    found = read(run, "Myosin", lineage=table)
    courses = ancestries(found)
    assert courses.shape == (5, 5)
    assert np.isfinite(courses).all()
    # the highest is a cell of the band; it is in the first frame, itself or its mother
    assert all(course[0] in found.value[0] for course in courses.T)


def test_families_are_few_and_known():
    _, table = dividing(pulsing_embryo(frames=5))
    chosen = families(table)
    assert len(chosen) == 6
    assert set(chosen) <= set(range(40))
    assert families(table[table["parent"] < 0].assign(fate="alive")) == []


def test_marks_that_cannot_be_drawn_are_refused(tmp_path):
    run = pulsing_embryo()
    with pytest.raises(OptionError, match=r"marked=\{'Sim': ...\} is not a variable.*Myosin"):
        view.picture(run, tmp_path / "a.png", marked={"Sim": 1.0})
    with pytest.raises(OptionError, match="3 variables can be told apart, not 4"):
        view.picture(run, tmp_path / "a.png", marked=dict.fromkeys("abcd", 1.0))
    with pytest.raises(OptionError, match=r"lineage=run\.lineage\.table"):
        view.picture(run, tmp_path / "a.png", sisters=True)


def test_arrows_are_where_cells_are():
    run = pulsing_embryo(cells=400, frames=2)
    whole = read(run, None)
    points = np.random.default_rng(0).uniform(0.0, 1.0, (500, 2)) * whole.size
    assert whole.covers(0, points).mean() > 0.97
    half = read(run.assign(x=run["x"].where(run["x"] < 226.0)), None)
    covered = half.covers(0, points)
    assert not covered[(points[:, 0] > 260.0) & (points[:, 0] < 410.0)].any()
    assert covered[(points[:, 0] > 20.0) & (points[:, 0] < 200.0)].mean() > 0.97


def test_a_crash_while_drawing_stays_in_its_own_process(monkeypatch):
    assert isinstance(rendering.can_render(), bool)
    monkeypatch.setattr(rendering, "PROBE", "import os; os.abort()")
    assert not rendering.can_render.__wrapped__()


@pytest.mark.parametrize(("species", "replicates"), [(1, 1), (5, 20), (14, 3)])
def test_traces_of_a_network(tmp_path, species, replicates):
    t = np.linspace(0, 500, 40)
    rng = np.random.default_rng(0)
    run = xr.Dataset(
        {f"s{k}": (("time", "replicate"), rng.poisson(9, (40, replicates)), {"units": "item"}) for k in range(species)},
        coords={"time": ("time", t, {"units": "second"})},
        attrs={"model": "noise"},
    )
    view.traces(run, tmp_path / "a.png")
    assert imread(tmp_path / "a.png")[..., :3].std() > 0.05


def test_traces_of_something_else_are_refused(tmp_path):
    with pytest.raises(OptionError, match="the run's variables are x"):
        view.traces(pulsing_embryo(), tmp_path / "a.png")
