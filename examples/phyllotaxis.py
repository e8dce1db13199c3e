"""Phyllotaxis from auxin that is pumped up its own gradient: a ring of cells, then the flank of a growing shoot.

Every cell makes auxin (r), loses it (m), lets it leak to its neighbours (D) and pumps it (T) into those neighbours that
have most of it, to which its PIN turns (Jonsson et al. 2006, doi:10.1073/pnas.0509839103; Smith et al. 2006,
doi:10.1073/pnas.0510457103):

    a_i' = r - m a_i + D sum_j (a_j - a_i) + sum_j (J_ji - J_ij),    J_ij = T a_i a_j / sum_n a_n,   n next to i.

In a ring a wave of q radians a cell grows at the rate s, there are patterns if and only if one grows, and the fastest
has the length L (in cells):

    s(q) = -m + (1 - cos q)(T cos q - 2 D),    T (1/2 - D / T)^2 > m,    L = 2 pi / arccos(1/2 + D / T).

In a lattice in which every cell has z neighbours the same holds with the mean of cos over them, and z D for 2 D.

The shoot. Peaks of auxin become primordia. At the tip, in the central zone, no PIN turns and nothing forms. The tip
grows away from its flank at the speed v, so that in the tissue the margin of the central zone moves by at v, and the
flank, of circumference C, is what it leaves behind. Peaks crystallise behind the margin, and a crystal packs: hexagons
with the spacing d fit round a flank only if C = d sqrt(j^2 + j k + k^2) with whole j and k (van Iterson 1907):

    j, k = 0, n    whorls of n, each turned by 180/n degrees                       C/d = 2, 3, 4
    j, k = 1, 2    a spiral, 128.57 degrees from one primordium to the next        C/d = sqrt(7) = 2.65
    j, k = 1, 3    the spiral of Lucas, 96.92 degrees                              C/d = sqrt(13) = 3.61
    j, k = 2, 3    142.11 degrees                                                  C/d = sqrt(19) = 4.36

and between j, k = 1, 2 and ever larger Fibonacci numbers lies 137.51 degrees (Douady and Couder 1992,
doi:10.1103/PhysRevLett.68.2098). `run` says which of these the auxin makes.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import biomulti as bm
import tissue

Floats = NDArray[np.float64]

GOLDEN = 180.0 * (3.0 - math.sqrt(5.0))  # degrees
TURNOVER = 0.05  # m of the ring, in units of T; all times are in units of 1 / T
SIDE = math.sqrt(2.0 / math.sqrt(3.0))  # between cells of area 1 on a hexagonal lattice
LEAK = 0.11  # D of the shoot, in units of T
SHOOT_TURNOVER = 0.01  # m of the shoot
SPEED = 0.04  # v, cells (square roots of a cell's area) per time
AROUND = 20  # cells round the flank
MARGIN = 4.0  # from the lower end of the tissue to the margin of the central zone at the start
BEYOND = 6.0  # from the margin to the tip end of the tissue at the end
EDGE = 0.4  # over which PIN turns on at the margin
DT = 0.25  # between exchanges of cells
LAST = 12  # primordia that are looked at
VIEW = 24.0  # radius of what is seen from the tip
PEAK = 2.0  # times the mean, above which a maximum of auxin is a primordium
UNLIKE = 0.001  # by how much cells differ in what they make
CELLS = 100.0  # molecules of auxin in a cell at rest, where molecules count


def growth_rate(q: Floats, *, leak: float, turnover: float = TURNOVER) -> Floats:
    """s of waves of q [n] radians a cell, in units of T."""
    return np.asarray(-turnover + (1.0 - np.cos(q)) * (np.cos(q) - 2.0 * leak))


def threshold(leak: float) -> float:
    """The turnover m, in units of T, above which a ring stays uniform."""
    return (0.5 - leak) ** 2


def wavelength(leak: float) -> float:
    """Of the fastest wave in a ring, in cells."""
    return 2.0 * math.pi / math.acos(0.5 + leak)


def hexagonal(j: int, k: int) -> tuple[float, float]:
    """C / d and the divergence (degrees, 0 to 180) of hexagons round a flank; whorls of n are (0, n).

    With u, v the sides of a hexagon, 60 degrees apart, the flank closes along j u + k v. The next point up is the one
    at a u + b v whose height, a k - b j in units, is the greatest common divisor of j and k.
    """
    size, common = j * j + j * k + k * k, math.gcd(j, k)
    a, b = next((a, b) for a in range(-k, k + 1) for b in range(-k, k + 1) if a * k - b * j == common)
    along = (a * j + b * k + 0.5 * (a * k + b * j)) / size  # of the way round
    turn = (360.0 * along) % (360.0 / common)
    return math.sqrt(size), min(turn, 360.0 / common - turn)


def ring_text(cells: int) -> str:
    """A ring as one network, in which every molecule that leaves a cell arrives in a neighbour; in Antimony."""
    lines = [
        "model ring()",
        "unit substance = item; unit extent = item; unit volume = 1e-15 litre; unit time_unit = 60 second;",
        f"compartment c = 1; T = 1; D = 0.1; m = {TURNOVER}; rest = {CELLS};",
        "substanceOnly species " + ", ".join(f"a_{i} in c" for i in range(cells)) + ";",
        " ".join(f"a_{i} = {CELLS};" for i in range(cells)),
        " ".join(f"n_{i} := a_{(i - 1) % cells} + a_{(i + 1) % cells};" for i in range(cells)),
    ]
    for i in range(cells):
        lines += [f"make_{i}: => a_{i}; m*rest;", f"lose_{i}: a_{i} => ; m*a_{i};"]
        for name, j in (("up", (i + 1) % cells), ("down", (i - 1) % cells)):
            # nothing to turn to, nothing to divide by
            lines += [f"{name}_{i}: a_{i} => a_{j}; D*a_{i} + T*a_{i}*a_{j}/(n_{i} + 1e-9);"]
    return "\n".join([*lines, "end"])


def ring_courses(
    waves: Floats, *, cells: int, leak: float, turnover: float = TURNOVER, t_end: float = 2.0, small: float = 1e-3
) -> tuple[Floats, Floats]:
    """Amplitudes in time [t, waves], and the times, of rings that start with one wave each (its number [waves])."""
    place = 2.0 * np.pi * np.arange(cells) / cells
    start = {f"a_{i}": CELLS * (1.0 + small * np.cos(waves * place[i])) for i in range(cells)}
    run = bm.simulate(
        bm.load(ring_text(cells)), t_end=t_end, every=t_end / 10.0, replicates=len(waves), method="ode", initial=start,
        parameters={"D": leak, "m": turnover}, seed=1,
    )  # fmt: skip
    # [waves, t, cells]
    auxin = np.stack([run[f"a_{i}"].transpose("replicate", "time").to_numpy() for i in range(cells)], axis=-1)
    shape = np.cos(waves[:, None] * place)
    amplitude = (auxin * shape[:, None]).sum(axis=-1) / (shape**2).sum(axis=1)[:, None] / CELLS
    return amplitude.T, run["time"].to_numpy()


def measured_rates(waves: Floats, *, cells: int, leak: float, turnover: float = TURNOVER) -> Floats:
    """Growth rates of waves (numbers [n] of them round the ring), from courses in time."""
    amplitude, time = ring_courses(waves, cells=cells, leak=leak, turnover=turnover)
    return np.asarray(np.log(amplitude[-1] / amplitude[0]) / time[-1])


def measured_threshold(*, cells: int, wave: int, leak: float, steps: int = 12) -> float:
    """The turnover at which a wave neither grows nor decays, by bisection of simulations."""
    low, high = 0.0, 0.5
    for _ in range(steps):
        middle = 0.5 * (low + high)
        grows = measured_rates(np.array([float(wave)]), cells=cells, leak=leak, turnover=middle)[0] > 0.0
        low, high = (middle, high) if grows else (low, middle)
    return 0.5 * (low + high)


def peaks_of_rings(*, cells: int, leak: float, method: str, replicates: int, seed: int, t_end: float) -> dict[str, Any]:
    """Rings from random starts: cells per peak at the end of each [replicates], and the auxin of the first in time."""
    rng = np.random.default_rng(seed)
    start = {f"a_{i}": np.round(CELLS * (1.0 + 0.02 * rng.standard_normal(replicates))) for i in range(cells)}
    run = bm.simulate(
        bm.load(ring_text(cells)), t_end=t_end, every=t_end / 40.0, replicates=replicates, method=method, initial=start,
        parameters={"D": leak}, seed=seed,
    )  # fmt: skip
    auxin = np.stack([run[f"a_{i}"].transpose("replicate", "time").to_numpy() for i in range(cells)], axis=-1)
    last = auxin[:, -1]
    peak = (last > np.roll(last, 1, axis=1)) & (last >= np.roll(last, -1, axis=1)) & (last > 1.5 * CELLS)
    return {"cells per peak": cells / peak.sum(axis=1), "auxin": auxin[0], "time": run["time"].to_numpy()}


CELL = f"""
model auxin_cell()
  unit substance = item; unit extent = item; unit volume = 1e-15 litre; unit time_unit = 60 second;
  compartment cell = 1;
  substanceOnly species Auxin in cell;
  Auxin = rest; rest = {CELLS};
  T = 1; D = {LEAK}; m = {SHOOT_TURNOVER}; v = {SPEED};
  height = 0;                 // of the cell, from the lower end of the tissue
  contacts = 6;               // neighbours
  sought = 0; offered = 0; near = 0;   // from neighbours: their weights, their offers, their auxin
  turns := 1 / (1 + exp((height - {MARGIN} - v*time) / {EDGE}));   // PIN: not in the central zone
  Weight := 0.01*rest + turns*Auxin;   // by which neighbours' PIN turns to this cell
  Offer := piecewise(T*Auxin/sought, sought > 0, 0);                // what it pumps for each unit of their weight
  production: => Auxin;  m*rest;
  turnover:   Auxin => ; m*Auxin;
  leaving:    Auxin => ; (T + D*contacts)*Auxin;
  arriving:   => Auxin;  Weight*offered + D*near;
end
"""


def lattice(around: int, length: float, *, irregular: float, seed: int) -> tuple[tissue.Grid, Floats]:
    """A box round which `around` cells fit and cells on hexagons in it [n, 2], each displaced by `irregular` (sd)."""
    rows = round(length / (SIDE * math.sqrt(0.75)))
    size = (around * SIDE, rows * SIDE * math.sqrt(0.75))
    row, column = np.divmod(np.arange(rows * around), around)
    x = SIDE * (column + 0.25 + 0.5 * (row % 2))
    y = SIDE * math.sqrt(0.75) * (row + 0.5)
    moved = irregular * np.random.default_rng([seed, 1]).standard_normal((rows * around, 2))
    points = np.stack([x, y], axis=1) + moved
    points[:, 0] %= size[0]
    points[:, 1] = np.clip(points[:, 1], 0.01, size[1] - 0.01)
    shape = (max(4, around // 2), max(4, rows // 2))
    return tissue.Grid(shape=shape, size=size, boundary=("periodic", "free-slip")), points


def shoot(
    *,
    around: int = AROUND,
    t_end: float = 1500.0,
    leak: float = LEAK,
    speed: float = SPEED,
    irregular: float = 0.0,
    molecules: float | None = None,
    seed: int = 1,
) -> bm.Tissue:
    """The flank and what the tip will leave of itself until `t_end`; `molecules` in a cell at rest make it random."""
    grid, positions = lattice(around, MARGIN + speed * t_end + BEYOND, irregular=irregular, seed=seed)
    rest = CELLS if molecules is None else molecules
    sheet = bm.Tissue(
        CELL, cells=positions, grid=grid, method="ode" if molecules is None else "ssa", seed=seed, keep_apart=0.0,
        parameters={"rest": rest, "D": leak, "v": speed},
    )  # fmt: skip
    reach = 1.4 * SIDE
    noise = np.random.default_rng([seed, 2]).standard_normal(len(positions))
    sheet.set("rest", rest * (1.0 + UNLIKE * noise))
    sheet.set("height", positions[:, 1])
    sheet.set("contacts", tissue.neighbours(grid, positions, reach).count.astype(float))
    for parameter, variable in (("sought", "Weight"), ("offered", "Offer"), ("near", "Auxin")):
        sheet.couple(bm.Neighbours(variable, reduce="sum", within=reach), to=parameter, gain=1.0)
    return sheet


def primordia(sheet: bm.Tissue, auxin: Floats) -> Floats:
    """Places [n, 2] of the maxima of auxin [cells], in order of birth: the centre of a cell and its neighbours."""
    near = tissue.neighbours(sheet.grid, sheet.positions, 1.4 * SIDE)
    here, there = auxin[near.owner], auxin[near.index]
    highest = np.bincount(near.owner, there > here, len(auxin)) == 0
    weight = auxin + np.bincount(near.owner, there, len(auxin))
    away = [np.bincount(near.owner, there * near.offset[:, axis], len(auxin)) / weight for axis in (0, 1)]
    places = (sheet.positions + np.stack(away, axis=1))[highest & (auxin > PEAK * np.mean(auxin))]
    return np.asarray(places[np.argsort(places[:, 1])])


def divergence(places: Floats, circumference: float) -> tuple[Floats, float]:
    """Angles (degrees) from each primordium [n, 2] to the next, taken the way round in which most are below 180, and
    what share of them are."""
    turns = np.mod(360.0 * np.diff(places[:, 0]) / circumference, 360.0)
    one_way = float(np.mean(turns < 180.0))
    return (turns, one_way) if one_way >= 0.5 else (360.0 - turns, 1.0 - one_way)


def run(
    *,
    around: int = AROUND,
    t_end: float = 2400.0,
    every: float | None = None,
    seed: int = 1,
    progress: bool = True,
    **changed: Any,
) -> dict[str, Any]:
    """A shoot, its primordia, and the angles between the last of them; other arguments as of `shoot`."""
    sheet = shoot(around=around, t_end=t_end, seed=seed, **changed)
    observe = bm.observe.Cells(species=("Auxin",))
    every = t_end if every is None else every
    data = sheet.run(t_end, every=every, dt=DT, observe=observe, progress=progress).data
    auxin = data["Auxin"].to_numpy() * CELLS / (changed.get("molecules") or CELLS)
    course = [primordia(sheet, moment) for moment in auxin]
    places = course[-1]
    circumference = sheet.grid.size[0]
    settled = places[-LAST:]
    few = len(settled) < 3
    angles, one_way = (np.empty(0), math.nan) if few else divergence(settled, circumference)
    rise = math.nan if few else float(np.ptp(settled[:, 1])) / (len(settled) - 1)
    return {
        "positions": sheet.positions,
        "circumference": circumference,
        "time": data["time"].to_numpy(),
        "auxin": auxin,
        "speed": changed.get("speed", SPEED),
        "primordia": places,
        "course": course,
        "angles": angles,
        "same way": one_way,
        "rise": rise,
        # of hexagons that have as many primordia for their area
        "C/d": math.sqrt(math.sqrt(0.75) * circumference / rise),
    }


def pattern(found: dict[str, Any]) -> str:
    """What a shoot has: whorls where primordia come at once, a spiral where angles go one way and differ little."""
    if not len(found["angles"]):
        return "none"
    rises = np.diff(found["primordia"][-LAST:, 1])
    together = rises < 0.25 * np.quantile(rises, 0.9)
    if 0.4 < np.mean(together) < 0.85:
        # whole ones: between two gaps
        gaps = np.flatnonzero(~together)
        return f"whorls of {round(float(np.mean(np.diff(gaps))))}" if len(gaps) > 1 else "whorls"
    if np.abs(found["angles"] - 180.0).mean() < 20.0:
        return "distichous"
    if found["same way"] > 0.9 and np.std(found["angles"]) < 30.0:
        return "spiral"
    return "irregular"


def apex(found: dict[str, Any], frame: int) -> tuple[Floats, Floats]:
    """The shoot seen from its tip at a frame: places [n, 2] of cells, and their auxin [n]."""
    margin = MARGIN + found["speed"] * found["time"][frame]
    radius = found["circumference"] / (2.0 * math.pi) + margin - found["positions"][:, 1]
    angle = 2.0 * math.pi * found["positions"][:, 0] / found["circumference"]
    seen = (radius > 0.0) & (radius < VIEW)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)[seen], found["auxin"][frame][seen]


def draw(rings: dict[str, Any], found: dict[str, Any], path: Path) -> None:
    """Rings: growth rates, and one in time. The shoot: unrolled, from its tip, and its angles."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplot_mosaic(
        [["rates", "ring", "angles"], ["flank", "flank", "apex"]], figsize=(13, 8.6), layout="constrained"
    )
    fine = np.linspace(0.0, math.pi, 300)
    for leak, colour in zip(rings["leaks"], ("#e6550d", "#3182bd"), strict=False):
        axes["rates"].plot(fine, growth_rate(fine, leak=leak), color=colour, lw=1)
        q, rate = rings[leak]["q"], rings[leak]["rates"]
        axes["rates"].plot(q, rate, "o", ms=4, color=colour, label=f"D/T = {leak:g}")
    axes["rates"].axhline(0.0, lw=0.7, color="grey")
    axes["rates"].set(
        ylim=(-0.5, 0.2),
        xlabel="q, radians a cell",
        ylabel="growth rate s, T",
        title="ring: dots simulated, lines closed form",
    )
    axes["rates"].legend(frameon=False)
    one = rings["random"]["auxin"]
    axes["ring"].imshow(
        one / CELLS,
        aspect="auto",
        origin="lower",
        cmap="viridis",
        vmax=4.0,
        extent=(0, one.shape[1], 0, rings["random"]["time"][-1]),
    )
    axes["ring"].set(xlabel="cell of the ring", ylabel="time, 1/T", title="ring, molecule by molecule")
    axes["angles"].hist(found["angles"], np.arange(0.0, 361.0, 7.5), color="#9ecae1")
    for value, style, label in ((GOLDEN, "-", "golden, 137.5°"), (hexagonal(1, 2)[1], "--", "hexagons 1, 2: 128.6°")):
        axes["angles"].axvline(value, color="black", ls=style, lw=1, label=label)
    axes["angles"].set(
        xlim=(60, 220), xlabel="divergence, degrees", ylabel="primordia", title="shoot: from one primordium to the next"
    )
    axes["angles"].legend(frameon=False, fontsize=8)
    x, y = found["positions"].T
    axes["flank"].scatter(y, x, c=found["auxin"][-1] / CELLS, s=13, cmap="viridis", vmin=0.0, vmax=5.0, linewidths=0)
    for number, (along, up) in enumerate(found["primordia"], start=1):
        axes["flank"].text(up, along, str(number), color="#cb181d", fontsize=8, ha="center", va="center", weight="bold")
    axes["flank"].axvline(MARGIN + found["speed"] * found["time"][-1], color="black", ls=":", lw=1)
    axes["flank"].set(
        xlim=(0, y.max()),
        ylim=(0, found["circumference"]),
        aspect="equal",
        xlabel="from the first cells to the tip, cell sizes",
        ylabel="round the flank",
        title="shoot, unrolled: primordia in order of birth; dotted: margin of the central zone",
    )
    _apex(axes["apex"], found, len(found["time"]) - 1)
    for panel in ("rates", "angles"):
        axes[panel].spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _apex(axes: Any, found: dict[str, Any], frame: int) -> None:
    """The shoot from its tip at a frame, with the primordia of that frame numbered."""
    from matplotlib.patches import Circle

    places, auxin = apex(found, frame)
    size = 2.0 * np.hypot(*places.T)
    axes.scatter(*places.T, c=auxin / CELLS, s=size, cmap="viridis", vmin=0.0, vmax=5.0, linewidths=0)
    middle = found["circumference"] / (2.0 * math.pi)
    margin = MARGIN + found["speed"] * found["time"][frame]
    axes.add_patch(Circle((0.0, 0.0), middle, fill=False, ls=":"))
    for number, (along, up) in enumerate(found["course"][frame], start=1):
        radius, angle = middle + margin - up, 2.0 * math.pi * along / found["circumference"]
        if middle + 2.0 < radius < VIEW - 0.5:
            spot = radius * math.cos(angle), radius * math.sin(angle)
            axes.text(*spot, str(number), color="#cb181d", fontsize=9, ha="center", va="center", weight="bold")
    axes.set(xlim=(-VIEW, VIEW), ylim=(-VIEW, VIEW), aspect="equal", xticks=[], yticks=[], title="shoot from its tip")


def movie(found: dict[str, Any], path: Path) -> None:
    """The shoot from its tip in time."""
    import imageio_ffmpeg
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(6.4, 6.4), layout="constrained", dpi=100)
    writer = imageio_ffmpeg.write_frames(str(path), (640, 640), fps=15, codec="libx264", quality=7)
    writer.send(None)
    for frame in range(len(found["time"])):
        axes.clear()
        _apex(axes, found, frame)
        figure.canvas.draw()
        writer.send(np.ascontiguousarray(np.asarray(figure.canvas.buffer_rgba())[..., :3]))  # type: ignore[attr-defined]
    writer.close()
    plt.close(figure)


def run_rings(*, cells: int = 61, replicates: int = 8, leaks: tuple[float, ...] = (0.1, 0.2)) -> dict[str, Any]:
    """Growth rates, thresholds, and peaks of rings from random starts, deterministic and molecule by molecule."""
    found: dict[str, Any] = {"leaks": leaks}
    waves = np.arange(1.0, cells // 2 + 1)
    for leak in leaks:
        fastest = round(cells / wavelength(leak))
        found[leak] = {
            "q": 2.0 * np.pi * waves / cells,
            "rates": measured_rates(waves, cells=cells, leak=leak),
            "threshold": measured_threshold(cells=cells, wave=fastest, leak=leak),
            "allowed": (growth_rate(np.array([2.0 * np.pi * fastest / cells]), leak=leak, turnover=0.0))[0],
        }
        for method in ("ode", "ssa"):
            t_end = 6.0 / (threshold(leak) - TURNOVER) if threshold(leak) > TURNOVER else 200.0
            one = peaks_of_rings(cells=cells, leak=leak, method=method, replicates=replicates, seed=1, t_end=t_end)
            found[leak][method] = one["cells per peak"]
            if leak == leaks[0]:
                found["random"] = one
    return found


def summary(rings: dict[str, Any], shoots: dict[str, dict[str, Any]]) -> str:
    """Numbers beside their closed forms."""
    lines = [f"{'ring':44}{'simulated':>22}{'closed form':>13}"]
    for leak in rings["leaks"]:
        part = rings[leak]
        off = np.abs(part["rates"] - growth_rate(part["q"], leak=leak)).max()
        lines.append(f"D/T = {leak:g}: growth rates of all waves, off by at most {off:.1g}")
        text = f"{'  largest turnover with patterns':44}{part['threshold']:22.5f}{part['allowed']:13.5f}"
        lines.append(f"{text} (of any wave {threshold(leak):.5f})")
        for method in ("ode", "ssa"):
            mean, error = np.mean(part[method]), np.std(part[method], ddof=1) / math.sqrt(len(part[method]))
            text = f"{'  cells per peak from random starts, ' + method:44}{mean:15.2f} ± {error:4.2f}"
            lines.append(f"{text}{wavelength(leak):13.2f}")
    lines += ["", f"{'shoot':24}{'primordia':>10}{'divergence':>12}{'sd':>6}{'same way':>10}{'C/d':>7}  pattern"]
    for name, found in shoots.items():
        angles = found["angles"]
        lines.append(
            f"{name:24}{len(found['primordia']):10}{np.mean(angles):12.1f}{np.std(angles):6.1f}"
            f"{100.0 * found['same way']:9.0f}%{found['C/d']:7.2f}  {pattern(found)}"
        )
    lines.append(
        f"hexagons 1, 2: {hexagonal(1, 2)[1]:.1f} degrees, C/d {hexagonal(1, 2)[0]:.2f}; golden: {GOLDEN:.1f} degrees"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    print(shoot(t_end=100.0).describe(), "\n")
    rings = run_rings()
    found = run(every=12.0)
    print(summary(rings, {"wild type": found}))
    draw(rings, found, Path("results/phyllotaxis.png"))
    movie(found, Path("results/phyllotaxis.mp4"))
