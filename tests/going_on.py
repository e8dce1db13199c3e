"""Tissues that use everything, what is left of their runs in folders, and runs that are killed again and again."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
import numpy as np
import xarray as xr

import biomulti as bm
import tissue
from biomulti import checkpoint
from biomulti.coupled import running

BIRTH = """
model birth_and_death()
  unit substance = item; unit extent = item; unit time_unit = second; unit volume = litre;
  compartment c = 1;
  substanceOnly species A in c;
  A = 30;
  make: => A; k;
  lose: A => ; 0.1*A;
  k = 4;
end
"""
# an event that waits in most cells at any time, a rate that reads what was, and a gene that fires beside what flows
WAITING = """
model waiting()
  unit substance = item; unit extent = item; unit time_unit = second; unit volume = litre;
  compartment c = 1;
  substanceOnly species A in c, B in c, G in c, H in c;
  A = 30; B = 5; G = 1; H = 0;
  make: => A; k + 2*delay(wave, 0.4) + 0.1*B;
  lose: A => ; 0.2*A;
  fade: B => ; 0.5*B;
  open: G => H; G;
  close: H => G; H;
  k = 4; clock = 0; clock' = 1; wave = 1; wave' = 0.2*(A/30 - wave);
  ring: at 0.5 after clock > 0.6: clock = 0, B = B + 3 + H;
end
"""
SCALES = {BIRTH: {"make": "fire"}, WAITING: {"make": "flow", "lose": "flow", "fade": "flow", "open": "fire"}}
PLANE = tissue.Grid((16, 16), (20.0, 20.0))
PAUSE = 0.08  # seconds, about as long as a step and its checkpoint
BLOCK = tissue.Grid((8, 8, 8), (10.0, 10.0, 10.0))


def embryo(
    method: str = "hybrid",
    *,
    network: str = BIRTH,
    two: bool = False,
    grid: tissue.Grid = PLANE,
    outside: bool = True,
    radius: float = 5.0,
    cells: int = 30,
) -> bm.Tissue:
    """Growth, division, death, a morphogen, neighbours, delays, polarity and own parameters, of one type or two."""
    draw = np.random.default_rng(3)
    middle = np.array(grid.size) / 2.0
    away = draw.normal(size=(cells, grid.dim))
    away *= (radius * draw.random((cells, 1)) ** (1.0 / grid.dim)) / np.sqrt((away**2).sum(axis=1, keepdims=True))
    places = middle + away if outside else draw.random((cells, grid.dim)) * grid.size
    scale = SCALES[network] if method == "hybrid" else {}
    kinds: Any = network
    if two:
        half = cells // 2
        kinds = {
            "one": bm.CellType(network, places[:half], method, physical_scale=scale),
            "two": bm.CellType(network, places[half:], method, {"A": 25}, {"k": 3.0}, physical_scale=scale),
        }
    alone: dict[str, Any] = {} if two else {"cells": places, "method": method, "physical_scale": scale}
    box = {"outside": 0.1, "cell_size": (ball(grid.dim) * radius**grid.dim) / cells} if outside else {}
    sheet = bm.Tissue(
        kinds, grid=grid, friction=0.01, bulk_viscosity=1.0, seed=2**64 - 1, alignment=1.0, warm_up=0.5,
        ages=draw.random(cells), polarity=draw.normal(size=(cells, grid.dim)), **alone, **box,
    )  # fmt: skip
    sheet.add(tissue.Morphogen("Wnt", diffusion=1.0, decay=0.1), initial=0.1)
    if two:
        sheet.set("k", draw.uniform(3.0, 5.0, half), of="one")
    else:
        sheet.set("k", draw.uniform(3.0, 5.0, cells))
    sheet.couple("A", to=bm.Secretion("Wnt", per_molecule=0.1))
    sheet.couple("A", to=bm.Uptake("Wnt", per_molecule=0.01))
    sheet.couple("A", to=bm.Contractility(per_molecule=0.002, axis="polarity"))
    sheet.couple("A", to=bm.Growth(per_molecule=0.005))
    sheet.couple(bm.Concentration("Wnt"), to="k", law=[bm.Delay(0.7), bm.Hill(half=1.0, top=2.0)])
    sheet.live(
        bm.Division(when=bm.Size(), above=1.4, spread=0.1, share_spread=0.05),
        bm.Division(when=bm.Age(), above=3.0, spread=0.3, axis="random"),
        bm.Death(rate=0.05),
        bm.Death(when="A", below=6.0),
    )
    return sheet


def ball(dim: int) -> float:
    """Area (volume) of the disc (ball) of radius 1."""
    return float(np.pi * (1.0 if dim == 2 else 4.0 / 3.0))


def left(folder: Path) -> dict[str, bytes]:
    """Everything that a run left in its folder, to the last bit: lineage, last checkpoint, and frames."""
    with xr.open_zarr(folder / "data.zarr") as data:
        found = {f"data/{n}": np.ascontiguousarray(v.to_numpy()).tobytes() for n, v in data.variables.items()}
    last = checkpoint.numbers(folder)[-1]
    return found | {name: (folder / name).read_bytes() for name in ("lineage.csv", f"checkpoint-{last:08d}.npz")}


def differ(one: dict[str, bytes], two: dict[str, bytes]) -> list[str]:
    """Names of what is not the same."""
    return sorted(n for n in {*one, *two} if one.get(n) != two.get(n))


def frames_equal(folder: Path, whole: xr.Dataset) -> bool:
    """Whether the frames that any reader sees now are the first ones of the whole run."""
    with xr.open_zarr(folder / "data.zarr") as data:
        found = data.compute()
    if "time" not in found.sizes:
        return True
    wanted = whole.isel(time=slice(found.sizes["time"]))
    if "cell" in found.sizes:
        wanted = wanted.isel(cell=slice(found.sizes["cell"]))
    return bool(found.equals(wanted))


@contextmanager
def ctrl_c(step: int) -> Iterator[None]:
    """Ctrl-C comes in so many steps, of any run."""
    real, done = running.loop.step, 0

    def counted(*args: Any) -> None:
        nonlocal done
        done += 1
        if done == step:
            signal.raise_signal(signal.SIGINT)
        real(*args)

    running.loop.step = counted
    try:
        yield
    finally:
        running.loop.step = real


def stopped(sheet: bm.Tissue | None, folder: Path, step: int, **options: Any) -> None:
    """Run a tissue, or go on with a run where there is none, until Ctrl-C comes in so many steps."""
    run = bm.Tissue.resume if sheet is None else sheet.run
    with ctrl_c(step):
        try:
            run(folder=folder, progress=False, **options)
        except KeyboardInterrupt:
            return
    raise RuntimeError("the run was over before")


def go_on(folder: Path, every: float, threads: int) -> None:
    """Resume a run, in a process of its own."""
    numba.set_num_threads(threads)
    bm.Tissue.resume(folder, checkpoint=every, progress=False)


def killed_and_resumed(
    folder: Path, whole: xr.Dataset, *, kills: int, steps: int, threads: tuple[int, ...] = (1,), seed: int = 0
) -> int:
    """Go on with a run until it is done, killed so many times on the way, each time in a new process; returns how many
    kills hit it. After each, its frames are compared with those of the whole run.

    steps: at most so many, each with a checkpoint, go by from the start of a process to its end, at a random moment.
    threads: of one process after the other.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["biomulti"])
    draw, hit = random.Random(seed), 0
    while True:
        child = context.Process(target=go_on, args=(folder, 1e-9, threads[hit % len(threads)]))
        seen = newest(folder)
        child.start()
        left_to_go = draw.randint(1, steps) if hit < kills else -1
        while child.is_alive() and left_to_go:
            time.sleep(0.001)
            now = newest(folder)
            left_to_go -= now != seen
            seen = now
        child.join(draw.uniform(0.0, PAUSE) if hit < kills else None)
        if child.is_alive():
            os.kill(child.pid, signal.SIGKILL)
            child.join()
        if child.exitcode == 0:
            return hit
        if child.exitcode != -signal.SIGKILL:
            raise RuntimeError(f"the run ended with {child.exitcode}")
        hit += 1
        if not frames_equal(folder, whole):
            raise RuntimeError(f"after {hit} kills the frames are not those of the whole run")


def newest(folder: Path) -> tuple[str, int]:
    """Name and time of the last checkpoint."""
    while True:
        try:
            last = max(folder.glob("checkpoint-*.npz"))
            return last.name, last.stat().st_mtime_ns
        except FileNotFoundError:
            continue  # it was replaced between two looks
