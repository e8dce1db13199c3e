"""A virus in an epithelium: plaques and their speed, interferon, mutants that escape it, one founder in a sheet.

Every cell of a sheet runs its own copy of the network `infected_cell` (docs/models.md): virions around it enter at the
rate b V, once; the virus copies itself, is assembled and shed, is sensed, and in the end the cell dies. Virions V,
those of a mutant, and interferon I are fields in the tissue, in which they diffuse and by which they are carried,

    dV/dt + div(u V) = D lap V - c V - b rho V + k sum n        dI/dt + div(u I) = D_I lap I - l I + s sum m

with rho target cells per area, less what shields them, n virions in cells that live, which shed them at the rate k, and
m cells that call. Interferon makes antiviral protein, which shields cells: from entry, copying and translation.

Closed forms. The speed of a plaque is that of the linear front ahead of it, from what a cell sheds at each age of its
infection (`front` in examples/infected_cell.py; Yin and McCaskill 1992, doi:10.1016/S0006-3495(92)81958-6, for the
rates of a phage). Around a row of cells that makes s of interferon per length and time, and around one that makes s,

    I = s / (2 sqrt(D_I l)) exp(-abs(x) / sqrt(D_I / l)),        I = s / (2 pi D_I) K0(r / sqrt(D_I / l)).

A force W sin(q y) along x moves the sheet at u = W sin(q y) / (1 + q^2 / g), g its friction over its viscosity. Virions
that a cell there sheds at the time a are at u a; those of all rows mix, and of their means the part A sin(q y) is at T

    A / u = < a e^(-k (T - a)) + (1 - e^(-k (T - a))) / k >,    k = D q^2,    over a, with r(a) e^(-c (T - a)).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import k0

import biomulti as bm
import tissue
from biomulti.demos.scripts import example

one_cell = example("infected_cell")
AREA, CELL, NOW, SHED = one_cell.AREA, one_cell.CELL, one_cell.NOW, one_cell.SHED
INFECTIVITY, VIRION_LOSS = one_cell.INFECTIVITY, one_cell.VIRION_LOSS

Floats = NDArray[np.float64]

VIRION_DIFFUSION = 400.0  # um2/h, 60 times slower than in water at 37 C: the apical side is covered
INTERFERON_DIFFUSION = 1e4  # um2/h
INTERFERON_LOSS = 1.0  # l, per h
REACH = math.sqrt(INTERFERON_DIFFUSION / INTERFERON_LOSS)  # 100 um
INTERFERON_MADE = 1000.0  # by a cell that calls, per h
FRICTION = 1e-4  # per um2, in units of the viscosity: what moves a cell moves those within 100 um
SHIELDED = 10.0  # molecules of antiviral protein, K_isg of the network: copying is half
T_END, EVERY, STEP = 36.0, 1.0, 0.25  # h
STRIP_END = 60.0  # h, of a front in a strip
RECORDED = ("Target", "Alive", "Alarm", "Isg", "gen", "tem", "gen_m", "tem_m", "Shed", "Shed_m", "Copies", "Mutations")
WATCHED = (bm.observe.Cells(species=RECORDED), bm.observe.Fields())


def sheet(
    *,
    cells: tuple[int, int] = (80, 80),
    interferon: float = 0.0,
    mutation: float = 0.0,
    resistance: float = 1.0,
    cost: float = 0.0,
    drug: float = 0.0,
    diffusion: float = VIRION_DIFFUSION,
    infectivity: float = INFECTIVITY,
    wind: float = 0.0,
    finer: int = 1,
    walls: bool = False,
    method: str = "hybrid",
    seed: int = 1,
) -> bm.Tissue:
    """
    Cells without virus; `infect` founders then.

    interferon: its potency, times the concentration that cells feel, 0 for none; mutation: probability in each copy of
    a genome; resistance: part of the shield that the mutant ignores; cost: part of its copying that it loses; drug:
    part of all copying that it takes away; wind: a force on every cell, as the speed (um/h) that friction leaves the
    sheet; finer: grid cells to a cell; walls: closed at both ends of x, in place of periodic. ValueError if interferon
    is below 0 or not finite, or one of mutation, resistance, cost, and drug is not from 0 to 1.
    """
    if not 0.0 <= interferon < math.inf:
        raise ValueError(f"interferon = {interferon:g} must be a finite potency, 0 or more.")
    for name, part in {"mutation": mutation, "resistance": resistance, "cost": cost, "drug": drug}.items():
        if not 0.0 <= part <= 1.0:
            raise ValueError(f"{name} = {part:g} must be from 0 to 1.")
    size = (cells[0] * CELL, cells[1] * CELL)
    shape = (cells[0] * finer, cells[1] * finer)
    grid = tissue.Grid(shape=shape, size=size, boundary=("free-slip" if walls else "periodic", "periodic"))
    numbers = {"mu": mutation, "resistance": resistance, "cost": cost, "drug": drug, "b": infectivity, "drag": wind}
    made = bm.Tissue(
        "infected_cell",
        cells=math.prod(cells),
        grid=grid,
        friction=FRICTION,
        method=method,
        seed=seed,
        parameters=numbers,
    )
    for name, kind, felt in (("Virions", "", "virions"), ("Mutant", "_m", "mutants")):
        if name == "Virions" or mutation > 0.0:
            made.add(tissue.Morphogen(name, diffusion=diffusion, decay=VIRION_LOSS))
            made.couple(f"Shedding{kind}", to=bm.Secretion(name, per_molecule=SHED))
            made.couple(f"Receptor{kind}", to=bm.Uptake(name, per_molecule=infectivity))
            made.couple(bm.Concentration(name), to=felt)
    if interferon > 0.0:
        made.add(tissue.Morphogen("Interferon", diffusion=INTERFERON_DIFFUSION, decay=INTERFERON_LOSS))
        made.couple("Calling", to=bm.Secretion("Interferon", per_molecule=INTERFERON_MADE))
        made.couple(bm.Concentration("Interferon"), to="interferon", gain=interferon)
    if wind:
        made.couple("Drag", to=bm.Force(per_molecule=AREA * FRICTION, axis="x"))
    return made


def infect(made: bm.Tissue, founders: NDArray[np.bool_]) -> bm.Tissue:
    """One virion enters each of the founders [cells] at once."""
    made.set("inoculum", NOW * founders)
    return made


def nearest(made: bm.Tissue, *places: tuple[float, float]) -> NDArray[np.bool_]:
    """Which cells [cells] lie nearest to the places."""
    out = np.zeros(len(made.positions), dtype=bool)
    for place in places:
        out[np.argmin(((made.positions - place) ** 2).sum(axis=1))] = True
    return out


def run(
    *, t_end: float = T_END, every: float = EVERY, dt: float = STEP, progress: bool = True, **changed: Any
) -> xr.Dataset:
    """A plaque from one infected cell in the middle; `changed` are arguments of `sheet`."""
    made = sheet(**changed)
    infect(made, nearest(made, (0.5 * made.grid.size[0], 0.5 * made.grid.size[1])))
    return made.run(t_end, every=every, dt=dt, observe=WATCHED, progress=progress).data


def infected(data: xr.Dataset) -> NDArray[np.int64]:
    """How many cells a virion has entered so far, [times]."""
    return np.asarray((data["Target"] < 0.5).sum("cell").to_numpy())


def by_mutant(data: xr.Dataset) -> NDArray[np.bool_]:
    """Which cells [(times,) cells] hold, or shed, more of the mutant."""
    more = data["gen_m"] + data["tem_m"] + data["Shed_m"] > data["gen"] + data["tem"] + data["Shed"]
    return np.asarray(more.transpose(..., "cell").to_numpy())


def radius(data: xr.Dataset) -> Floats:
    """Of the disc of as many cells as are infected, um, [times]."""
    return np.asarray(np.sqrt(infected(data) * AREA / math.pi))


# A front along a strip


def strip_speed(
    *, length: int = 120, width: int = 16, t_end: float = STRIP_END, dt: float = STEP, **changed: Any
) -> dict[str, Any]:
    """Speed (um/h) of the front that starts at one end of a strip of length x width cells, over the last half."""
    made = sheet(cells=(length, width), walls=True, **changed)
    infect(made, made.positions[:, 0] < 2.0 * CELL)
    data = made.run(t_end, every=1.0, dt=dt, observe=bm.observe.Cells(species=("Target",)), progress=False).data
    reached = infected(data) * AREA / (width * CELL)
    time = data["time"].to_numpy()
    late = (time >= 0.5 * t_end) & (reached < (length - 8) * CELL)
    slope = float(np.polyfit(time[late], reached[late], 1)[0]) if late.sum() > 3 else math.nan
    return {"time": time, "reached": reached, "speed": slope}


# One infected cell


def alone(*, across: int = 20, until: float = 70.0, dt: float = 1.0, seed: int = 1, **changed: Any) -> dict[str, float]:
    """Whether the virus of one founder is gone from a small sheet in the end (1 or 0); cells that it entered."""
    made = sheet(cells=(across, across), seed=seed, **changed)
    infect(made, nearest(made, (0.5 * across * CELL,) * 2))
    watched = bm.observe.Cells(species=("Target", "Alive", "gen", "tem", "virion"))
    data = made.run(until, every=until, dt=dt, observe=watched, progress=False).data
    last = data.isel(time=-1)
    virus = float((last["Alive"] * (last["gen"] + last["tem"] + last["virion"])).sum())
    # a sheet that was all infected has no virus in living cells either
    few = infected(data)[-1] < 0.2 * across**2
    return {"extinct": float(virus == 0.0 and few), "infected": float(infected(data)[-1])}


def escapes(mutation: float, *, seeds: range = range(11, 31), t_end: float = 36.0) -> tuple[Floats, NDArray[np.bool_]]:
    """Copies of the first virus in 40 x 40 cells with interferon 1, and whether mutants took 20 cells or more, [seeds].

    Escape is due with the probability 1 - exp(-mu n P): n copies where there are no mutants, P the chance of a mutant.
    """
    copies, taken = [], []
    for seed in seeds:
        data = run(
            cells=(40, 40), interferon=1.0, mutation=mutation, t_end=t_end, every=t_end, seed=seed, progress=False
        ).isel(time=-1)
        copies.append(float(data["Copies"].sum()))
        taken.append(int(by_mutant(data).sum()) >= 20)
    return np.array(copies), np.array(taken)


# What else has a closed form


def sheared(cycles: xr.Dataset, *, wind: float = 20.0, t_end: float = 12.0, seed: int = 1) -> dict[str, float]:
    """A in um, and that of the places of cells: eight columns shed while rows of the sheet slide past each other.

    Virions enter no cell here, so that all is linear; `cycles` say when cells shed.
    """
    places, moved = {}, {}
    for force in (0.0, wind):
        made = sheet(cells=(96, 64), infectivity=0.0, wind=wind, seed=seed)
        (width, height), start = made.grid.size, made.positions.copy()
        q = 2.0 * math.pi / height
        made.set("drag", force * np.sin(q * start[:, 1]))
        infect(made, np.abs(start[:, 0] - 0.5 * width) < 4.0 * CELL)
        data = made.run(t_end, every=t_end, dt=STEP, observe=WATCHED, progress=False).data.isel(time=-1)
        field = data["Virions"]
        places[force] = (field * data["gx"]).sum("gx") / field.sum("gx")
        # cells that leave at one end come in at the other
        way = (data["x"].to_numpy() - start[:, 0] + 0.5 * width) % width - 0.5 * width
        moved[force] = 2.0 * float((way * np.sin(q * start[:, 1])).mean())
    speed, mixed = wind / (1.0 + q**2 / FRICTION), VIRION_DIFFUSION * q**2
    age = cycles["time"].to_numpy()
    age = age[age <= t_end]
    shed = cycles["Shedding"].mean("replicate").to_numpy()[: len(age)] * np.exp(-VIRION_LOSS * (t_end - age))
    since = t_end - age
    lag = age * np.exp(-mixed * since) + (1.0 - np.exp(-mixed * since)) / mixed
    return {
        "cells": moved[wind] - moved[0.0],
        "cells, due": speed * t_end,
        "virions": float(2.0 * ((places[wind] - places[0.0]) * np.sin(q * data["gy"])).mean()),
        "virions, due": speed * float(np.trapezoid(shed * lag, age) / np.trapezoid(shed, age)),
    }


def _felt(made: bm.Tissue, calling: NDArray[np.bool_]) -> Floats:
    """Interferon in cells [cells] round some that make it, when it is steady."""
    made.set("primed", calling.astype(float))
    data = made.run(12.0, every=12.0, dt=STEP, observe=bm.observe.Cells(species=("Isg",)), progress=False).data
    return np.asarray(data["interferon"].isel(time=-1).to_numpy())


def interferon_profile() -> tuple[Floats, Floats, Floats]:
    """Distances [n] from a row of cells that make interferon, its concentration in cells there, and the closed form."""
    made = sheet(cells=(100, 6), interferon=1.0, walls=True)
    far = made.positions[:, 0] - 500.0
    row = np.abs(far) < 0.5 * CELL
    made_here = INTERFERON_MADE * row.sum() / made.grid.size[1]
    exact = made_here / (2.0 * math.sqrt(INTERFERON_DIFFUSION * INTERFERON_LOSS)) * np.exp(-np.abs(far) / REACH)
    return far, _felt(made, row), exact


def interferon_round_a_cell() -> tuple[Floats, Floats, Floats]:
    """The same round one cell."""
    made = sheet(cells=(100, 100), interferon=1.0)
    one = nearest(made, (500.0, 500.0))
    far = np.linalg.norm(made.positions - made.positions[one], axis=1)
    # the cell itself stands where K0 has no value
    exact = INTERFERON_MADE / (2.0 * math.pi * INTERFERON_DIFFUSION) * k0(np.maximum(far, 1.0) / REACH)
    return far, _felt(made, one), exact


# Pictures

STATES = ("not infected", "shielded by interferon", "infected", "infected, mutant", "dead")
COLOURS = ("#e8e4d8", "#74a9cf", "#e6550d", "#7a0177", "#252525")


def states(data: xr.Dataset) -> NDArray[np.int64]:
    """Which of STATES each cell is in, [(times,) cells]."""
    cells = data[["Isg", "Target", "Alive"]].transpose(..., "cell")
    out = (cells["Isg"] > SHIELDED).to_numpy().astype(np.int64)
    entered = (cells["Target"] < 0.5).to_numpy()
    out[entered] = 2
    out[entered & by_mutant(data)] = 3
    out[(cells["Alive"] < 0.5).to_numpy()] = 4
    return out


def _across(data: xr.Dataset) -> float:
    """The side of the sheet, um."""
    return float(data["gx"][-1] + data["gx"][0])


def _raster(data: xr.Dataset, frame: int, *, pixels: int = 400) -> NDArray[np.int64]:
    """The state of the cell nearest to each pixel, [pixels, pixels]."""
    from scipy.spatial import cKDTree

    now, size = data.isel(time=frame), _across(data)
    tree = cKDTree(np.stack([now["x"] % size, now["y"] % size], axis=1), boxsize=size)
    along = (np.arange(pixels) + 0.5) / pixels * size
    places = np.stack(np.meshgrid(along, along, indexing="xy"), axis=-1)
    return np.asarray(states(now)[tree.query(places)[1]])


def _cells(axes: Any, data: xr.Dataset, frame: int) -> Any:
    from matplotlib.colors import ListedColormap

    drawn = axes.imshow(
        _raster(data, frame), origin="lower", cmap=ListedColormap(COLOURS), vmin=-0.5, vmax=4.5, interpolation="none"
    )
    axes.set(xticks=[], yticks=[], xlabel=f"{_across(data):.0f} um across")
    return drawn


def _legend(where: Any, seen: Any, **options: Any) -> None:
    from matplotlib.patches import Patch

    where.legend(handles=[Patch(color=COLOURS[k], label=STATES[k]) for k in seen], **options)


def panel(axes: Any, result: xr.Dataset) -> None:
    """The sheet at the end of a `run`: cells by their state."""
    _cells(axes, result, -1)
    _legend(axes, np.unique(states(result.isel(time=-1))), fontsize=7, loc="upper right")
    axes.set_title(f"an epithelium {float(result['time'][-1]):.0f} h after one virion", fontsize=9)


def draw(found: dict[str, Any], path: Path) -> None:
    """A plaque at several times, its fields, its radius, what interferon makes of it, and mutants."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(13, 11), layout="constrained")
    upper, lower = np.asarray(figure.subfigures(2, 1, height_ratios=[1, 2.05]))
    data = found["runs"]["interferon 1, mutants"]
    last = len(data["time"]) - 1
    for axes, frame in zip(upper.subplots(1, 4), np.linspace(last / 4, last, 4).astype(int), strict=True):
        _cells(axes, data, int(frame))
        axes.set_title(f"{float(data['time'][frame]):.0f} h")
    _legend(upper, range(5), loc="outside lower center", ncols=5, frameon=False)
    panels = lower.subplots(2, 3)
    for axes, (name, colours, frame) in zip(
        panels[0], (("Virions", "YlOrBr", last // 2), ("Mutant", "RdPu", last), ("Interferon", "Blues", last // 2)),
        strict=True,
    ):  # fmt: skip
        _field(axes, data, name, colours, frame)
    _curves(panels[1], found)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _field(axes: Any, data: xr.Dataset, name: str, colours: str, frame: int) -> None:
    from matplotlib.colors import LogNorm

    field = data[name].isel(time=frame).transpose("gy", "gx").to_numpy()
    norm = LogNorm(1e-4, max(field.max(), 1e-3))
    image = axes.imshow(np.maximum(field, 1e-4), origin="lower", cmap=colours, norm=norm)
    axes.set(title=f"{name}, {float(data['time'][frame]):.0f} h", xticks=[], yticks=[])
    axes.figure.colorbar(image, ax=axes, label="per um2", shrink=0.85)


def _curves(panels: Any, found: dict[str, Any]) -> None:
    """Radius against time, area against potency, what the mutant takes."""
    colours = ("#252525", "#2171b5", "#7a0177")
    for (name, data), colour in zip(found["runs"].items(), colours, strict=True):
        panels[0].plot(data["time"], radius(data), color=colour, label=name)
    first = next(iter(found["runs"].values()))
    half = len(first["time"]) // 2
    time, start = first["time"].to_numpy()[half:], radius(first)[half]
    label = f"predicted front, {found['front']:.1f} um/h"
    panels[0].plot(time, start + found["front"] * (time - time[0]), ":", color=colours[0], label=label)
    panels[0].set(xlabel="time, h", ylabel="radius of the infected, um", ylim=(0, 1.3 * radius(first)[-1]))
    potency, area = np.array(found["area"]).T
    panels[1].semilogy(np.arange(len(potency)), area, "o-", color=colours[1])
    panels[1].set(xticks=np.arange(len(potency)), xticklabels=[f"{p:g}" for p in potency])
    panels[1].set(xlabel="potency of interferon", ylabel=f"cells infected in {T_END:.0f} h")
    data = found["runs"]["interferon 1, mutants"]
    for name, part, colour in zip(
        ("all", "mutant"), (infected(data), by_mutant(data).sum(axis=1)), colours[1:], strict=True
    ):
        panels[2].semilogy(data["time"], np.maximum(part, 0.5), color=colour, label=name)
    panels[2].set(xlabel="time, h", ylabel="cells infected so far", ylim=(0.7, None))
    for axes in (panels[0], panels[2]):
        axes.legend(frameon=False, fontsize=8)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)


def movie(data: xr.Dataset, path: Path) -> Path:
    """Cells by their state, and the virions of both kinds, as time goes."""
    import matplotlib

    matplotlib.use("Agg")
    import imageio_ffmpeg
    import matplotlib.pyplot as plt
    from tqdm import tqdm

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 5.2), dpi=100, layout="constrained")
    drawn = _cells(left, data, 0)
    _legend(figure, range(5), loc="outside lower center", ncols=5, frameon=False, fontsize=8)
    total = data["Virions"] + data.get("Mutant", 0.0)
    field = np.log10(np.maximum(total.transpose("time", "gy", "gx").to_numpy(), 1e-4))
    image = right.imshow(field[0], origin="lower", cmap="inferno", vmin=-4.0, vmax=field.max())
    figure.colorbar(image, ax=right, label="log10 of virions per um2", shrink=0.8)
    right.set(xticks=[], yticks=[])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.canvas.draw()
    size = figure.canvas.get_width_height()
    out = imageio_ffmpeg.write_frames(str(path), size, fps=8, macro_block_size=1)
    out.send(None)
    try:
        for k in tqdm(range(data.sizes["time"]), desc="movie", leave=False):
            drawn.set_data(_raster(data, k))
            image.set_data(field[k])
            left.set_title(f"{float(data['time'][k]):.0f} h")
            figure.canvas.draw()
            out.send(np.ascontiguousarray(np.asarray(figure.canvas.buffer_rgba())[..., :3]))  # type: ignore[attr-defined]
    finally:
        out.close()
        plt.close(figure)
    return path


def main() -> None:
    """All numbers beside their closed forms, a picture and a movie in results/."""
    print(sheet(interferon=1.0, mutation=1e-3).describe().split("\n\n")[0], "\n")
    cycles = one_cell.life_cycles()
    speed, steep = one_cell.front(cycles, diffusion=VIRION_DIFFUSION)
    strips = [strip_speed(seed=seed)["speed"] for seed in (1, 2, 3)]
    due = one_cell.front_after(speed, steep, 0.5 * STRIP_END, STRIP_END)
    error = np.std(strips) / math.sqrt(2.0)
    print(
        f"front of a strip, {0.5 * STRIP_END:.0f} to {STRIP_END:.0f} h: {np.mean(strips):.2f} +- {error:.2f} um/h,",
        end=" ",
    )
    print(f"{due:.2f} due, {speed:.2f} in the end")
    slid = sheared(cycles)
    for name in ("cells", "virions"):
        print(f"{name} of a sheet that is sheared: {slid[name]:.1f} um, {slid[f'{name}, due']:.1f} due")
    for name, source in (("row", interferon_profile), ("cell", interferon_round_a_cell)):
        far, felt, exact = source()
        off = np.abs(felt / exact - 1.0)[(np.abs(far) > 2.0 * CELL) & (np.abs(far) < 250.0)]
        print(f"interferon around a {name}: at most {100 * off.max():.1f} % from the closed form")
    runs = {
        "no interferon": run(),
        "interferon 1": run(interferon=1.0, t_end=48.0),
        "interferon 1, mutants": run(interferon=1.0, mutation=1e-3, t_end=48.0),
    }
    for name, data in runs.items():
        copies, made = (float(data[n].isel(time=-1).sum()) for n in ("Copies", "Mutations"))
        print(f"{name}: {infected(data)[-1]} cells infected in {data['time'][-1]:.0f} h,", end=" ")
        print(
            f"{by_mutant(data)[-1].sum()} by mutants; {made:.0f} made of {copies + made:.0f} copies of the first virus"
        )
    area = [(p, float(infected(run(interferon=p))[-1])) for p in (0.0, 0.03, 0.1, 0.3, 1.0, 10.0)]
    print("potency of interferon, cells infected in 36 h: " + ", ".join(f"{p:g} {int(n)}" for p, n in area))
    shed = one_cell.released(cycles)
    infectivity = one_cell.infectivity_for(2.0, shed.mean())
    slow = {"diffusion": 5.0, "finer": 2, "infectivity": infectivity}
    gone = bm.ensemble(alone, replicates=40, seed=1, workers=0, **slow)["extinct"].to_numpy()
    mixed = one_cell.extinction(shed, 2.0 / shed.mean())
    print(
        f"one infected cell starts nothing, R0 = 2, D = 5: {gone.mean():.2f} +- {gone.std() / math.sqrt(40):.2f},",
        end=" ",
    )
    print(f"{mixed:.3f} where virions mix")
    draw({"runs": runs, "front": speed, "area": area}, Path("results/infected_tissue.png"))
    print(movie(runs["interferon 1, mutants"], Path("results/infected_tissue.mp4")))


if __name__ == "__main__":
    main()
