"""Phyllotaxis on a growing disc of dividing cells: primordia that drain auxin, and the angle from each to the next.

The shoot from above. Every cell makes auxin in a ring around the central zone (the peripheral zone), loses it, faster
in the central zone, and exchanges it with its neighbours. A primordium is a cell that drains auxin into the vein below
it, and so keeps others away (Reinhardt et al. 2003, doi:10.1038/nature02081):

    a_i' = m (z_i - (1 + k c_i) a_i) - s p_i a_i + D sum_j w_ij (a_j - a_i)
    z = exp(-(r - rho)^2 / 2 b^2),   c = 1 / (1 + exp((r - rho + 2) / .7)),   p = 1 in primordia and 0 elsewhere

with a in units of what the ring would have without primordia, r from the middle in cells, w the walls between cells
over the distances of their middles, range of depletion sqrt(D / m). Where a is above `LEVEL` in the ring, the highest
cell becomes a primordium, one a step; when it divides, one daughter goes on. All grows by the same rate g, cells divide
so that as many are on an area as before, and those that come to the rim are dropped. rho grows slowly from its first to
its last value: the range of inhibition over the size of the apex falls.

Networks are `bm.Cells`; positions, neighbours and growth are this script's. Beside it stands the model of Douady and
Couder (1992, doi:10.1103/PhysRevLett.68.2098) with a threshold: points that leave a circle of radius 1 at a speed that
is their distance from its middle, and a new one on it where and as soon as the sum of (d0 / distance)^3 is below 1,
while d0 falls.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import splu
from scipy.spatial import Delaunay, cKDTree
from tqdm import tqdm

import biomulti as bm

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

GOLDEN = 180.0 * (3.0 - math.sqrt(5.0))  # degrees
RADIUS = 50.0  # of the disc, in cells (square roots of a cell's area)
RANGE = 20.0  # of depletion, sqrt(D / m); D is 1, all times are in units of 1 / D
RHO = (6.0, 8.5)  # of the ring that makes auxin, at the start and at the end, cells
RAMP = 2.2  # over which it grows, in units of 1 / g
WIDTH = 2.6  # b of the ring
LEVEL = 0.9  # of auxin, from which a cell becomes a primordium
SLOW = 0.03  # g / m
STEP = 0.025  # g dt
APART = 5.0  # cells that begin nearer to a founder are of the same primordium
REST = 100.0  # molecules of auxin in the ring without primordia
LAST = 15  # angles that are looked at

CELL = f"""
model disc_cell()
  unit substance = item; unit extent = item; unit volume = 1e-15 litre; unit time_unit = 60 second;
  compartment cell = 1;
  substanceOnly species Auxin in cell;
  rest = {REST}; Auxin = 0.3*rest; m = {1.0 / RANGE**2};
  k = 8; s = 10;              // faster turnover in the central zone; drain
  zone = 0; centre = 0; primordium = 0;   // where the cell is, and what it is
  arriving = 0; leaving = 0;  // from and to neighbours: molecules, and a share of its own
  production: => Auxin; m*zone*rest;
  turnover:   Auxin => ; m*(1 + k*centre)*Auxin;
  drain:      Auxin => ; s*primordium*Auxin;
  gain:       => Auxin; arriving;
  loss:       Auxin => ; leaving*Auxin;
end
"""


def spread(points: Floats, times: int) -> None:
    """Pushes points [n, 2] that are nearer than 1.12 apart, in place."""
    for _ in range(times):
        one, other = cKDTree(points).query_pairs(1.12, output_type="ndarray").T
        away = points[one] - points[other]
        length = np.maximum(np.hypot(*away.T), 1e-6)
        push = (0.25 * (1.12 - length) / length)[:, None] * away
        for axis in (0, 1):
            points[:, axis] += np.bincount(one, push[:, axis], len(points))
            points[:, axis] -= np.bincount(other, push[:, axis], len(points))


def sheet(radius: float, rng: np.random.Generator) -> Floats:
    """Cells of area 1 all over a disc, without order, [n, 2]."""
    count = int(math.pi * radius**2)
    far, angle = radius * np.sqrt(rng.random(count)), 2.0 * np.pi * rng.random(count)
    points = np.stack([far * np.cos(angle), far * np.sin(angle)], axis=1)
    spread(points, 60)
    return points


def walls(points: Floats) -> csr_matrix:
    """Between neighbours, over the distances of their middles [n, n]: the cotangents of the triangles between them."""
    corners = Delaunay(points).simplices
    rows, columns, weights = [], [], []
    for k in range(3):
        i, j, opposite = corners[:, k], corners[:, (k + 1) % 3], corners[:, (k + 2) % 3]
        u, v = points[i] - points[opposite], points[j] - points[opposite]
        area = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
        half = 0.5 * (u * v).sum(axis=1) / np.maximum(area, 1e-9)
        near = np.hypot(*(points[i] - points[j]).T) < 1.9  # long ones are at the rim only
        rows += [i[near], j[near]]
        columns += [j[near], i[near]]
        weights += [half[near]] * 2
    size = (len(points), len(points))
    matrix = csr_matrix((np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))), shape=size)
    matrix.data = np.clip(matrix.data, 0.02, 2.0)
    return matrix


def solved(matrix: Any, right: Floats) -> Floats:
    """Of a symmetric positive matrix."""
    factors = splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
    return np.asarray(factors.solve(right))


def grow(points: Floats, by: float, radius: float, rng: np.random.Generator) -> tuple[Integers, Integers]:
    """All moves outwards by a factor, in place; cells that leave the disc, and those that divide into their places."""
    points *= by
    far = np.hypot(*points.T)
    gone = np.flatnonzero(far >= radius)
    room = cKDTree(points).query(points, 7)[0][:, 1:].mean(axis=1) * rng.uniform(0.9, 1.1, len(points))
    room[far > radius - 1.5] = 0.0
    dividing = np.argsort(room)[len(points) - len(gone) :]
    angle = 2.0 * np.pi * rng.random(len(gone))
    half = 0.3 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points[gone] = points[dividing] + half
    points[dividing] -= half
    spread(points, 4)
    return gone, dividing


def run(
    *,
    born: int = 36,
    radius: float = RADIUS,
    rho: tuple[float, float] = RHO,
    ramp: float = RAMP,
    reach: float = RANGE,
    level: float = LEVEL,
    drain: float = 10.0,
    width: float = WIDTH,
    every: int | None = None,
    longest: int = 1500,
    seed: int = 1,
    progress: bool = True,
) -> dict[str, Any]:
    """
    A disc until `born` primordia or for `longest` steps.

    rho: of the ring that makes auxin, first and last; ramp: over which it grows, 1 / g; reach: of depletion; every:
    steps between frames that are kept, None for the last alone. Of primordia, in order: `angle` (degrees), `time`
    (1 / g), `rho`, and the distance from the middle at birth, `far`.
    """
    rng = np.random.default_rng(seed)
    points = sheet(radius, rng)
    turnover = 1.0 / reach**2
    rate = SLOW * turnover
    dt = STEP / rate
    cells = bm.Cells(CELL, len(points), method="ode", seed=seed, parameters={"m": turnover, "s": drain})
    founder = np.full(len(points), -1)
    births: list[tuple[float, float, float, float]] = []
    frames: list[dict[str, Any]] = []
    scale, auxin = 1.0, cells["Auxin"] / REST
    bar = tqdm(total=born, desc="primordia", disable=not progress)
    for step in range(longest):
        gone, dividing = grow(points, math.exp(STEP), radius, rng)
        auxin[gone], founder[gone] = auxin[dividing], -1
        now = rho[0] + (rho[1] - rho[0]) * min(1.0, step * STEP / ramp)
        far = np.hypot(*points.T)
        ring = np.exp(-0.5 * ((far - now) / width) ** 2)
        centre = 1.0 / (1.0 + np.exp(np.clip((far - now + 2.0) / 0.7, -50.0, 50.0)))
        wall = walls(points)
        exchange = diags(np.asarray(wall.sum(axis=1)).ravel()) - wall
        losing = turnover * (1.0 + 8.0 * centre)
        if step % 10 == 0:
            scale = 1.0 / float(solved(exchange + diags(losing), turnover * ring)[np.abs(far - now) < 0.7].mean())
        auxin = advance(cells, auxin, exchange, dt, scale * ring, centre, losing + drain * (founder >= 0), turnover)
        ready = (np.abs(far - now) < 2.5 * width) & (founder < 0) & (auxin > level)
        if ready.any():
            first = int(np.argmax(np.where(ready, auxin, -1.0)))
            apart = np.where(founder >= 0, np.hypot(*(points - points[first]).T), np.inf)
            nearest = int(np.argmin(apart))
            if apart[nearest] < APART:
                founder[first] = founder[nearest]
            else:
                founder[first] = len(births)
                x, y = points[first]
                births.append((math.degrees(math.atan2(y, x)), step * STEP, now, far[first]))
                bar.update()
        if every is not None and step % every == 0:
            frames.append(frame(points, auxin, founder, now, step * STEP))
        if len(births) >= born:
            break
    bar.close()
    frames.append(frame(points, auxin, founder, now, step * STEP))
    angle, time, ring_at, far_at = np.array(births).reshape(-1, 4).T
    return {"angle": angle, "time": time, "rho": ring_at, "far": far_at, "frames": frames, "radius": radius}


def advance(
    cells: bm.Cells,
    auxin: Floats,
    exchange: Any,
    dt: float,
    zone: Floats,
    centre: Floats,
    loss: Floats,
    turnover: float,
) -> Floats:
    """Auxin of all cells [n] after dt; what passes between cells is that of the end of the step, an implicit one.

    Of what a cell exchanges, 30 / dt of its own and as much of its neighbours' pass in the network, so that it ends
    within a thirtieth of where the implicit step does, and one in the row of a cell that left forgets what that had.
    """
    ahead = solved(exchange + diags(loss + 1.0 / dt), auxin / dt + turnover * zone)
    net = -(exchange @ ahead)
    cells.set("zone", zone)
    cells.set("centre", centre)
    cells.set("primordium", (loss > turnover * (1.0 + 8.0 * centre) + 1e-12).astype(float))
    cells.set("arriving", REST * np.maximum(net + 30.0 / dt * ahead, 0.0))
    cells.set("leaving", 30.0 / dt)
    cells.advance(dt)
    return cells["Auxin"] / REST


def frame(points: Floats, auxin: Floats, founder: Integers, rho: float, time: float) -> dict[str, Any]:
    """What is kept of a moment; `primordia` is a number and the place of each founder, [n, 3]."""
    rows = np.flatnonzero(founder >= 0)
    primordia = np.column_stack([founder[rows], points[rows]])
    return {"points": points.copy(), "auxin": auxin.copy(), "primordia": primordia, "rho": rho, "time": time}


def divergence(angle: Floats, last: int = LAST) -> tuple[Floats, float]:
    """From each primordium to the next (degrees), the way round in which most of the last are below 180, and what share
    of these are."""
    turns = np.mod(np.diff(angle), 360.0)
    one_way = float(np.mean(turns[-last:] < 180.0))
    return (turns, one_way) if one_way >= 0.5 else (360.0 - turns, 1.0 - one_way)


def longest_spiral(angle: Floats) -> Floats:
    """The longest stretch of angles (degrees, 0 to 180) that all go one way; of 35 random ones it is 5.4 on average."""
    turns = np.mod(np.diff(angle), 360.0)
    parts = np.split(turns, np.flatnonzero(np.diff(turns < 180.0)) + 1)
    longest = max(parts, key=len)
    return np.asarray(np.minimum(longest, 360.0 - longest))


def inhibition(*, born: int = 60, d0: tuple[float, float] = (2.0, 0.8), ramp: int = 40) -> tuple[Floats, Floats]:
    """Angles (degrees) and times of points of the model of Douady and Couder; d0 falls over `ramp` points."""
    around = 2.0 * np.pi * np.arange(720) / 720
    circle = np.exp(1j * around)
    points, angle, time, now, dt = np.array([1.0 + 0.0j]), [0.0], [0.0], 0.0, 0.005
    while len(angle) < born:
        now += dt
        points = points * math.exp(dt)
        points = points[np.abs(points) < 15.0]
        reach = d0[0] + (d0[1] - d0[0]) * min(1.0, len(angle) / ramp)
        field = ((reach / np.maximum(np.abs(circle[:, None] - points), 1e-9)) ** 3).sum(axis=1)
        lowest = int(np.argmin(field))
        if field[lowest] < 1.0:
            points = np.append(points, circle[lowest])
            angle.append(math.degrees(around[lowest]))
            time.append(now)
    return np.array(angle), np.array(time)


def summary(discs: dict[str, dict[str, Any]], points: tuple[Floats, Floats]) -> str:
    """Angles beside the golden one."""
    lines = [f"{'':28}{'primordia':>10}{'mean':>8}{'sd':>7}{'rms off 137.5':>15}{'one way':>9}{'ln ratio':>10}"]
    rows = {name: (found["angle"], found["time"]) for name, found in discs.items()} | {"points on a circle": points}
    for name, (angle, time) in rows.items():
        turns, one_way = divergence(angle)
        turns = turns[-LAST:]
        off = math.sqrt(float(np.mean((turns - GOLDEN) ** 2)))
        lines.append(
            f"{name:28}{len(angle):10}{turns.mean():8.1f}{turns.std():7.1f}{off:15.1f}{100 * one_way:8.0f}%"
            f"{np.diff(time)[-LAST:].mean():10.2f}"
        )
    lines.append(f"(the last {LAST} angles; golden {GOLDEN:.1f}; angles at random: rms off 112, one way 50 to 60 %)")
    for name, (angle, _) in rows.items():
        spiral = longest_spiral(angle)
        lines.append(f"{name}: {len(spiral)} one after another go one way, {spiral.mean():.1f} +- {spiral.std():.1f}")
    for name, found in discs.items():
        lines.append(f"{name}: " + " ".join(f"{turn:.0f}" for turn in divergence(found["angle"])[0]))
    return "\n".join(lines)


def _disc(axes: Any, moment: dict[str, Any], radius: float, seen: float) -> None:
    """A moment from above, primordia in their order."""
    from matplotlib.patches import Circle

    axes.scatter(*moment["points"].T, c=moment["auxin"], s=9, cmap="viridis", vmin=0.0, vmax=1.0, linewidths=0)
    axes.add_patch(Circle((0.0, 0.0), moment["rho"], fill=False, ls=":", color="white"))
    for number, x, y in moment["primordia"]:
        if math.hypot(x, y) < seen:
            axes.text(x, y, f"{number + 1:.0f}", color="#ff5a4d", fontsize=9, ha="center", va="center", weight="bold")
    axes.set(xlim=(-radius, radius), ylim=(-radius, radius), aspect="equal", xticks=[], yticks=[])


def folded(angle: Floats) -> Floats:
    """From each to the next, the shorter way round, degrees."""
    turns = np.mod(np.diff(angle), 360.0)
    return np.asarray(np.minimum(turns, 360.0 - turns))


def draw(discs: dict[str, dict[str, Any]], points: tuple[Floats, Floats], path: Path) -> None:
    """The first disc from above, angles in order of birth, and how they are spread."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplot_mosaic([["disc", "order"], ["disc", "spread"]], figsize=(12, 6.4), layout="constrained")
    found = next(iter(discs.values()))
    _disc(axes["disc"], found["frames"][-1], found["radius"], found["radius"] - 1.0)
    axes["disc"].set(title="auxin, and primordia in order of birth")
    reference = folded(points[0])
    axes["order"].plot(np.arange(2, len(reference) + 2), reference, color="black", lw=1, label="points on a circle")
    everything = []
    for name, one in discs.items():
        turns = folded(one["angle"])
        everything.append(turns)
        axes["order"].plot(np.arange(2, len(turns) + 2), turns, "o", ms=3.5, label=name)
    axes["order"].axhline(GOLDEN, lw=0.8, ls="--", color="grey")
    longest = max(len(one["angle"]) for one in discs.values())
    axes["order"].set(
        xlim=(1, longest + 1), ylim=(0, 225), xlabel="primordium", ylabel="angle from the one before, degrees"
    )
    axes["order"].legend(frameon=False, fontsize=8, ncols=3, loc="upper right")
    axes["spread"].hist(np.concatenate(everything), np.arange(0.0, 181.0, 7.5), color="#9ecae1")
    axes["spread"].axvline(GOLDEN, lw=1, color="black", label="golden, 137.5°")
    axes["spread"].set(xlabel="angle, degrees, either way round", ylabel="primordia")
    axes["spread"].legend(frameon=False)
    for name in ("order", "spread"):
        axes[name].spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def movie(found: dict[str, Any], path: Path) -> None:
    """A disc in time."""
    import imageio_ffmpeg
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(6.4, 6.4), layout="constrained", dpi=100)
    writer = imageio_ffmpeg.write_frames(str(path), (640, 640), fps=12, codec="libx264", quality=7)
    writer.send(None)
    for moment in found["frames"]:
        axes.clear()
        _disc(axes, moment, found["radius"], found["radius"] - 1.0)
        figure.canvas.draw()
        writer.send(np.ascontiguousarray(np.asarray(figure.canvas.buffer_rgba())[..., :3]))  # type: ignore[attr-defined]
    writer.close()
    plt.close(figure)


if __name__ == "__main__":
    discs = {f"disc, seed {seed}": run(seed=seed, every=4 if seed == 1 else None) for seed in (1, 2)}
    points = inhibition()
    print(summary(discs, points))
    draw(discs, points, Path("results/phyllotaxis_disc.png"))
    movie(discs["disc, seed 1"], Path("results/phyllotaxis_disc.mp4"))
