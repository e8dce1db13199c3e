"""The table of germ_band_extension.py, fitted to the motion of tracers: `python examples/germ_band_fit.py [folder]`.

First step. Cells are moved along the measured paths, so that what each entry of the table would make by itself is
known, and the flow of all entries is their sum. With u_k the flow of entry k at the tracers and v the measured one,

    minimise  sum (v - sum w_k u_k)^2 + penalty sum (w_k U_k)^2,   w_k >= 0,   U_k the root mean square of u_k.

Second step. The entries that are not zero, the onsets of the programmes and the bulk viscosity are improved by the
method of Levenberg and Marquardt, through runs of the whole model (method "ode", the loop closed), against paths and
mean speeds.

Three fits are made: to all genotypes (Toll mutants do not move whatever the table says, so they count for nothing, and
their score is a prediction), without twist mutants, and without the wild type. The last one knows nothing of the
mesoderm, which is then given what the next fate does, and a rate of area that halves it in six minutes
(docs/apical_constriction.md).
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import germ_band_extension as model
import numpy as np
from germ_band_extension import ALPHA, AROUND, LATERAL, LENGTH, POLE, PROGRAMMES, TABLE, VENTRAL, Measured, Regulation
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.optimize import nnls
from tqdm import tqdm

import tissue

Floats = NDArray[np.float64]

SHAPE, CELLS, STEP = (40, 32), 1200, 1.0  # of the first step: grid, cells, minutes
ONSET, WIDTH = (-3.0, 5.0, 10.0), (1.0, 1.0, 1.5)  # min, of the programmes at the start of the fit
BULK_VISCOSITY = 8.0
DETACHMENT, STRAIN = 0.110, 0.708  # per minute, and without unit: the law of myosin without cadherin
PENALTY = 100.0
MESODERM = math.log(2.0) / 6.0  # per minute
MOMENTS = (20, 40, 60, 80, 98)  # of the paths that the second step looks at
FITS = {"all": ("WT", "Twist"), "without Twist": ("WT",), "without WT": ("Twist",)}
ROUNDS = {"all": 4, "without Twist": 2, "without WT": 2}  # of the second step


def motion(found: Measured, start: Floats) -> tuple[list[Floats], list[Floats], list[Floats]]:
    """Positions [n, 2] of cells that go with the tracers, angles by which they turned [n], their areas [n], in steps.

    Velocities of tracers, made even between left and right, with a smooth surface through them; the pole does not move.
    """
    middle = VENTRAL + AROUND / 2.0
    mirrored = found.paths.reshape(99, 8, 8, 2)[:, ::-1].copy()
    mirrored[..., 1] = 2.0 * middle - mirrored[..., 1]
    paths = 0.5 * (found.paths + mirrored.reshape(99, 64, 2))
    head = np.stack([np.full(8, -POLE), np.linspace(0.0, AROUND, 8, endpoint=False)], axis=1)
    place, turned, area = start.copy(), np.zeros(len(start)), np.ones(len(start))
    places, turns, areas = [], [], []
    for t in np.arange(0.0, 20.0, STEP):
        k = min(round(t / 0.2), 98)
        first, last = max(k - 4, 0), min(k + 4, 98)
        speed = (paths[last] - paths[first]) / (found.times[last] - found.times[first])
        x, once = paths[k], np.array([0.0, AROUND])
        points = np.concatenate([x, x + once, x - once, head])
        values = np.concatenate([speed, speed, speed, np.zeros_like(head)])
        near = (points[:, 1] > -120.0) & (points[:, 1] < AROUND + 120.0)
        surface = RBFInterpolator(points[near], values[near], kernel="thin_plate_spline", smoothing=5.0)
        at = np.stack([np.clip(place[:, 0], -60.0, LENGTH + 18.0), place[:, 1] % AROUND], axis=1)
        along, around = (
            (surface(at + step) - surface(at - step)) / 6.0 for step in (np.array([3.0, 0.0]), np.array([0.0, 3.0]))
        )
        places.append(place.copy())
        turns.append(turned.copy())
        areas.append(area.copy())
        place = place + STEP * surface(at)
        place = np.stack([np.clip(place[:, 0], 1.0 - POLE, LENGTH + POLE - 1.0), place[:, 1] % AROUND], axis=1)
        turned = turned + STEP * 0.5 * (along[:, 1] - around[:, 0])
        area = area * np.exp(STEP * np.clip(along[:, 0] + around[:, 1], -0.2, 0.2))
    return places, turns, areas


def programme(k: int, t: float) -> float:
    """How far the programme has come on at time t, min."""
    return 1.0 / (1.0 + math.exp(-(t - ONSET[k]) / WIDTH[k]))


def columns(genotype: str, found: Measured) -> tuple[Floats, Floats]:
    """Flow at the tracers that each entry of the table makes by itself, [values, entries], and the measured one."""
    fluid = model.embryo(genotype, genes=blank(), cells=CELLS, shape=SHAPE, method="ode")
    grid, start = fluid.grid, fluid.positions - [POLE, 0.0]
    size = np.full(len(start), fluid.cell_size)
    read = model.fates(genotype, start[:, 0], start[:, 1]).reshape(len(start), -1)
    places, turns, areas = motion(found, start)
    made = np.zeros((len(PROGRAMMES), len(start)))  # myosin that a programme of strength 1 has made
    rows, measured = [], []
    for step in tqdm(range(len(places)), desc=f"flows of single entries, {model.NAMES[genotype]}"):
        t = step * STEP
        k = min(round(t / 0.2), 98)
        first, last = max(k - 4, 0), min(k + 4, 98)
        speed = (found.paths[last] - found.paths[first]) / (found.times[last] - found.times[first])
        inside = found.paths[k, :, 0] < LENGTH - 2.0
        at, now = found.paths[k, inside] + [POLE, 0.0], places[step] + [POLE, 0.0]
        axis = np.stack([-np.sin(turns[step]), np.cos(turns[step])], axis=1)
        pull = np.stack([axis[:, 0] ** 2, axis[:, 1] ** 2, axis[:, 0] * axis[:, 1]], axis=1)
        entries = []
        for pattern in read.T:
            for k in range(len(PROGRAMMES)):
                weight = ALPHA * pattern * made[k] * size * areas[step]
                entries.append(
                    _flow(fluid.stokes, grid, at, stress=tissue.spread_stress(grid, now, pull * weight[:, None]))
                )
        for pattern in read.T:
            taken = _flow(fluid.stokes, grid, at, growth=-tissue.spread(grid, now, pattern * size * areas[step]))
            entries += [taken * programme(p, t) for p in range(len(PROGRAMMES))]
        rows.append(np.array(entries).T)
        measured.append(speed[inside].T.ravel())
        stretch = np.log(areas[min(step + 1, len(places) - 1)] / areas[step]) / STEP
        for p, level in enumerate(made):
            level += STEP * (programme(p, t) + (STRAIN * stretch - DETACHMENT) * level)
    return np.concatenate(rows), np.concatenate(measured)


def _flow(
    fluid: tissue.Stokes,
    grid: tissue.Grid,
    at: Floats,
    *,
    stress: tissue.StressField | None = None,
    growth: Floats | None = None,
) -> Floats:
    """Velocity at points [n, 2] that a stress or a growth makes, x of all and then y, [2 n]."""
    if (growth is None or not np.any(growth)) and (stress is None or not any(np.any(c) for c in stress.components)):
        return np.zeros(2 * len(at))
    flow = fluid.solve(active_stress=stress, growth=growth)
    return np.asarray(tissue.velocity(flow, at).T.ravel())


def blank(bulk_viscosity: float = BULK_VISCOSITY) -> Regulation:
    """Genes that do nothing."""
    zero = np.zeros((len(model.DOMAINS), len(model.FATES), len(PROGRAMMES)))
    return Regulation(zero, zero, ONSET, bulk_viscosity)


def least_squares(parts: Sequence[tuple[Floats, Floats]]) -> Regulation:
    """The first step, from columns and measured values of each genotype."""
    flows, measured = np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
    n, shape = blank().junction.size, blank().junction.shape
    fate = np.tile(np.repeat(np.arange(shape[1]), shape[2]), shape[0])
    scale = np.sqrt(np.mean(flows**2, axis=0))
    # cells of the lateral fate keep their area; and what moves nothing is left at zero
    free = (scale > 1e-6) & np.concatenate([np.full(n, True), fate != LATERAL])
    basis = flows[:, free] / scale[free]
    root = np.linalg.cholesky(basis.T @ basis + PENALTY * np.eye(basis.shape[1]))
    entries = np.zeros(2 * n)
    entries[free] = nnls(root.T, np.linalg.solve(root, basis.T @ measured), maxiter=10000)[0] / scale[free]
    return replace(blank(), junction=entries[:n].reshape(shape), area=entries[n:].reshape(shape))


def with_mesoderm(genes: Regulation) -> Regulation:
    """A first fate that nothing is known of does what the second does, and loses half its area in six minutes."""
    junction, area = genes.junction.copy(), genes.area.copy()
    junction[:, 0], area[:, 0] = junction[:, 1], area[:, 1]
    area[1:6, 0, PROGRAMMES.index("middle")] += MESODERM
    return replace(genes, junction=junction, area=area)


def vector(genes: Regulation) -> tuple[Floats, NDArray[np.bool_]]:
    """Entries of the table in a row, and which of them are not zero."""
    entries = np.concatenate([genes.junction.ravel(), genes.area.ravel()])
    return entries, entries > 1e-4


def changed(genes: Regulation, z: Floats) -> Regulation:
    """Genes whose entries are exp(z) times those given; the last four of z are onsets (in 2 min) and bulk viscosity."""
    entries, used = vector(genes)
    entries = np.where(used, entries, 0.0)
    entries[used] *= np.exp(np.clip(z[:-4], -6.0, 3.0))
    n, shape = genes.junction.size, genes.junction.shape
    onset = tuple(t + 2.0 * dz for t, dz in zip(genes.onset, z[-4:-1], strict=True))
    bulk = genes.bulk_viscosity * math.exp(z[-1])
    return replace(
        genes, junction=entries[:n].reshape(shape), area=entries[n:].reshape(shape), onset=onset, bulk_viscosity=bulk
    )  # type: ignore[arg-type]


def misfit(genes: Regulation, genotype: str, folder: Path) -> Floats:
    """Paths and mean speeds of a run of the whole model, less the measured ones, each over a size that counts as 1."""
    found = model.measured(folder, genotype)
    sheet = model.embryo(genotype, genes=genes, cells=1500, shape=(48, 40), method="ode")
    observed = [model.Cells(), model.Fields()]
    data = sheet.run(model.T_END, every=1.0, dt=0.5, observe=observed, progress=False).data
    paths = model.tracers(data, found.paths[0], found.times)
    speed = np.interp(np.arange(21.0), data["time"], model.mean_speed(data))
    near = np.array([2.5, 4.0, 5.0, 6.0, 7.0])[:, None, None] * 4.0 * math.sqrt(len(MOMENTS))
    off = ((paths - found.paths)[list(MOMENTS)] / near).ravel()
    return np.concatenate([off, (speed - found.speed) / (0.17 * math.sqrt(21.0))])


def _all(task: tuple[Regulation, Floats, Sequence[str], Path]) -> Floats:
    genes, z, genotypes, folder = task
    return np.concatenate([*(misfit(changed(genes, z), g, folder) for g in genotypes), 0.03 * z])


def improve(genes: Regulation, genotypes: Sequence[str], folder: Path, *, rounds: int, workers: int = 2) -> Regulation:
    """The second step."""
    z, step = np.zeros(int(vector(genes)[1].sum()) + 4), 0.03
    damping = 0.1
    # the pool of threads of compiled code does not survive a fork
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        now = _all((genes, z, genotypes, folder))
        for _ in range(rounds):
            shifted = [(genes, z + step * np.eye(len(z))[k], genotypes, folder) for k in range(len(z))]
            there = list(tqdm(pool.map(_all, shifted), total=len(z), desc=f"misfit {now @ now:.2f}"))
            slope = (np.array(there).T - now[:, None]) / step
            tries = [damping * 10.0**e for e in (-1, 0, 1, 2)]
            square = slope.T @ slope
            moves = [z - np.linalg.solve(square + d * np.eye(len(z)), slope.T @ now) for d in tries]
            moves = [np.where(np.abs(m - z) > 1.5, z + 1.5 * np.sign(m - z), m) for m in moves]
            ends = list(pool.map(_all, [(genes, m, genotypes, folder) for m in moves]))
            best = int(np.argmin([np.nan_to_num(e @ e, nan=np.inf) for e in ends]))
            if not ends[best] @ ends[best] < now @ now:
                break
            z, now, damping = moves[best], ends[best], tries[best]
    return changed(genes, z)


def write(fits: dict[str, Regulation], path: Path = TABLE) -> None:
    """The table of all fits; entries that are zero in all of them are left out."""
    with path.open("w", encoding="utf-8", newline="\n") as lines:
        out = csv.writer(lines, lineterminator="\n")
        out.writerow(["effect", "domain", "fate", "programme", *fits])
        for k, name in enumerate(PROGRAMMES):
            out.writerow(["onset", "", "", name, *(f"{f.onset[k]:.4g}" for f in fits.values())])
        out.writerow(["bulk viscosity", "", "", "", *(f"{f.bulk_viscosity:.4g}" for f in fits.values())])
        for effect in ("junction", "area"):
            for place in np.ndindex(blank().junction.shape):
                values = [getattr(f, effect)[place] for f in fits.values()]
                if max(values) > 1e-4:
                    out.writerow(
                        [effect, place[0] + 1, place[1] + 1, PROGRAMMES[place[2]], *(f"{v:.3g}" for v in values)]
                    )


def main(folder: Path) -> None:
    """All fits; each round of the second step took one to three minutes on two cores."""
    parts = {g: columns(g, model.measured(folder, g)) for g in ("WT", "Twist")}
    fits = {}
    for name, genotypes in FITS.items():
        genes = improve(least_squares([parts[g] for g in genotypes]), genotypes, folder, rounds=ROUNDS[name])
        fits[name] = genes if "WT" in genotypes else with_mesoderm(genes)
        write(fits)


if __name__ == "__main__":
    folder = model.folder_of_measurements(*sys.argv[1:2])
    if folder is None:
        sys.exit(f"nothing to fit to: {model.SOURCE}")
    main(folder)
