"""A mutation in an enhancer moves a boundary: from binding energy to bursts, protein, diffusion and position.

An activator falls off along the embryo as c = c0 e^(-x / l). An enhancer has m sites for it, filled all together or not
at all; a mutation that costs a site the energy ddG multiplies its dissociation constant by e^(ddG / RT). The share of
time for which all are filled, and with it where that is one half, is (Hill's law; boundaries follow the affinity of
sites: Driever, Thoma and Nuesslein-Volhard 1989, doi:10.1038/340363a0)

    P = w / (1 + w),    w = prod_k c / (K e^(ddG_k / RT)),    dx = -(l / m) sum_k ddG_k / RT.

So .25 kcal/mol in every site move the boundary by 42.2 um at 25 C, whatever m, and 1 kcal/mol in one of six by 28.1 um.

Every nucleus runs its own stochastic network. Its promoter opens at rate r P and closes at r (1 - P), is transcribed
while open (k_m), mRNA decays (d) and is translated (k_p), protein decays (e). Each mRNA makes two proteins: `Protein`
stays in its nucleus, the `Shared` one diffuses among nuclei (D), with lambda = sqrt(D / e). Their means are

    Protein = (k_m k_p / (d e)) P(x),    Shared = Protein convolved with e^(-|x| / lambda) / (2 lambda).

P depends on x and the boundary's place x_b by x - x_b alone, and so does what is convolved with anything: diffusion
leaves every shift as it is. P - 1/2 is odd about x_b and the kernel even: it leaves x_b too. What it changes is noise.
With q = P, R = d + r and M = k_m q / d the network's second moments are closed forms (Peccoud and Ycart 1995,
doi:10.1006/tpbi.1995.1027; Paulsson 2005, doi:10.1016/j.plrev.2005.03.003),

    var(mRNA) / M = 1 + k_m (1 - q) / R,
    CV^2(Protein) = 1 / <P> + (1 / M) e / (d + e) + (1 - q)/q  d/R  e/(e + r)  (d + e + r)/(d + e),

and as everything is linear, those of Shared follow from nuclei that are independent sources of a field (`covariance`).
That diffusion makes boundaries precise, and up to a point: Erdmann, Howard and ten Wolde 2009,
doi:10.1103/PhysRevLett.103.258101. With binding="MWC" sites fill one by one and an enhancer with filled sites tends to
be active, w = prod_k (1 + c / K_k) / L (Monod, Wyman and Changeux 1965, doi:10.1016/S0022-2836(65)80285-6): the same
mutations then move it by the same 42.2 um, and by less than 28.1 um.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import optimize, stats
from tqdm import tqdm

import biomulti as bm
import tissue

Floats = NDArray[np.float64]

GRADIENT = 100.0  # um, l
BOUNDARY = 240.0  # um, x_b of the wild type
SITES = 6  # m
RT = 1.987204e-3 * 298.15  # kcal/mol at 25 C
COLUMNS, SPACING = 80, 6.0  # nuclei along the embryo, um between them
SWITCHING = 0.5  # r, per minute: opens and closes every 4 minutes at the boundary
TRANSCRIBE, MRNA_DECAY = 4.0, math.log(2.0) / 10.0  # k_m, d per minute
TRANSLATE, PROTEIN_DECAY = 0.4, math.log(2.0) / 15.0  # k_p, e per minute
DIFFUSION = 12.0  # D, um2 per minute (.2 um2/s)
FULL = TRANSCRIBE * TRANSLATE / (MRNA_DECAY * PROTEIN_DECAY)  # proteins in a nucleus whose promoter never closes
WARM_UP, APART = 180.0, 90.0  # minutes until the first sample and between samples: 8.3 and 4.2 protein lifetimes
DT = 1.0  # minutes, between exchanges of nuclei and tissue
COOPERATIVITY = 2.0**SITES  # L of "MWC": half active where c = K
WHAT = ("boundary", "positional error", "scatter of rows", "width")
KINDS, SAYS = ("alone", "diffusing"), ("stays in its nucleus", "diffuses")
MUTANTS = {  # energy (kcal/mol) and in how many sites
    "wild type": (0.0, 0),
    "0.25 kcal/mol in all six sites": (0.25, SITES),
    "1 kcal/mol in one site": (1.0, 1),
    "1 kcal/mol in two sites": (1.0, 2),
    "-0.5 kcal/mol in two sites": (-0.5, 2),
}

WEIGHTS = {
    "all-or-none": " * ".join(f"(c / K) * exp(-ddG_{k} / RT)" for k in range(1, SITES + 1)),
    "MWC": " * ".join(f"(1 + (c / K) * exp(-ddG_{k} / RT))" for k in range(1, SITES + 1)) + f" / {COOPERATIVITY}",
}


def model(binding: str) -> str:
    """The network of a nucleus, in Antimony; `binding` is "all-or-none" or "MWC"."""
    energies = " ".join(f"ddG_{k} = 0;" for k in range(1, SITES + 1))
    return f"""
model enhancer()
  unit substance = item; unit extent = item; unit volume = 1e-15 litre; unit time_unit = 60 second;
  compartment nucleus = 1;
  substanceOnly species closed in nucleus, opened in nucleus, mRNA in nucleus, Protein in nucleus;
  closed = 1; opened = 0; mRNA = 0; Protein = 0;
  c = 1;                     // activator at the nucleus, in units of K
  K = 1; RT = {RT}; {energies}
  shared = 0;                // of the protein that diffuses, at the nucleus
  w := {WEIGHTS[binding]};
  P := w / (1 + w);
  opening:       closed => opened;        {SWITCHING} * P * closed;
  closing:       opened => closed;        {SWITCHING} * (1 - P) * opened;
  transcription: => mRNA;                 {TRANSCRIBE} * opened;
  decay:         mRNA => ;                {MRNA_DECAY} * mRNA;
  translation:   mRNA => mRNA + Protein;  {TRANSLATE} * mRNA;
  degradation:   Protein => ;             {PROTEIN_DECAY} * Protein;
end
"""


def places() -> Floats:
    """x of the columns of nuclei, [COLUMNS]."""
    return SPACING * (np.arange(COLUMNS) + 0.5)


def occupancy(x: Floats, *, ddg: float = 0.0, sites: int = 0, binding: str = "all-or-none") -> Floats:
    """P at places x [n], `sites` of the sites having lost the energy `ddg` (kcal/mol)."""
    c, changed = np.exp((BOUNDARY - x) / GRADIENT), math.exp(-ddg / RT)
    if binding == "all-or-none":
        w = c**SITES * changed**sites
    else:
        w = (1.0 + c) ** (SITES - sites) * (1.0 + c * changed) ** sites / COOPERATIVITY
    return np.asarray(w / (1.0 + w))


def exact_boundary(*, ddg: float = 0.0, sites: int = 0, binding: str = "all-or-none") -> float:
    """Where P is one half, um."""
    if binding == "all-or-none":
        return BOUNDARY - GRADIENT * sites * ddg / (SITES * RT)

    def beyond(x: float) -> float:
        return float(occupancy(np.array([x]), ddg=ddg, sites=sites, binding=binding)[0]) - 0.5

    return float(optimize.brentq(beyond, -1000.0, 1500.0))


def modes() -> tuple[Floats, Floats]:
    """Waves [COLUMNS, waves] of a row of nuclei between ends that let nothing through, and their -laplacian [waves]."""
    k = np.arange(COLUMNS)
    wave = np.cos(np.pi * np.outer(k + 0.5, k) / COLUMNS) * np.sqrt(np.where(k == 0, 1.0, 2.0) / COLUMNS)
    return wave, (2.0 - 2.0 * np.cos(np.pi * k / COLUMNS)) / SPACING**2


def exact_mean(occupied: Floats, *, diffusion: float = DIFFUSION) -> Floats:
    """Mean of Shared over FULL in every column, of occupancies [COLUMNS]: a convolution, with images at the ends."""
    wave, laplacian = modes()
    return np.asarray(wave @ ((wave.T @ occupied) / (1.0 + diffusion / PROTEIN_DECAY * laplacian)))


def fano_mrna(occupied: Floats) -> Floats:
    """Fano factor of mRNA at occupancies [n]."""
    return 1.0 + TRANSCRIBE * (1.0 - occupied) / (MRNA_DECAY + SWITCHING)


def sd_alone(occupied: Floats) -> Floats:
    """Standard deviation of Protein over FULL at occupancies [n]."""
    q, d, e, r = np.maximum(occupied, 1e-12), MRNA_DECAY, PROTEIN_DECAY, SWITCHING
    promoter = (1.0 - q) / q * d / (d + r) * e / (e + r) * (d + e + r) / (d + e)
    squared = 1.0 / (FULL * q) + e / (d + e) * d / (TRANSCRIBE * q) + promoter
    return np.asarray(q * np.sqrt(squared))


def covariance(occupied: Floats, rows: int, *, diffusion: float = DIFFUSION) -> Floats:
    """Covariances of Shared over FULL in a row of nuclei, [COLUMNS, COLUMNS], of occupancies [COLUMNS].

    With p = sum of what sources j make, Lambda = e - D laplacian, o the promoter, m the mRNA of a nucleus:

        (Lambda + r) <p o_j> = k_p <m o>_j,    (Lambda + d) <p m_j> = k_p <m m>_j + k_m <p o_j>,
        Lambda X + X Lambda = k_p sum_j (<p m_j> of j's place + transposed),

    solved in waves along the embryo and round it, where it has `rows` rows.
    """
    q, d, e, r = occupied, MRNA_DECAY, PROTEIN_DECAY, SWITCHING
    with_promoter = TRANSCRIBE * q * (1.0 - q) / (d + r)
    alone = TRANSCRIBE * q / d * fano_mrna(q)
    wave, laplacian = modes()
    out = np.zeros((COLUMNS, COLUMNS))
    for turn in range(rows):
        rate = e + diffusion * (laplacian + (2.0 - 2.0 * math.cos(2.0 * math.pi * turn / rows)) / SPACING**2)
        # [wave, source]
        by_promoter = TRANSLATE * wave.T * with_promoter / (rate + r)[:, None]
        by_mrna = (TRANSLATE * wave.T * alone + TRANSCRIBE * by_promoter) / (rate + d)[:, None]
        made = TRANSLATE * by_mrna @ wave
        out += wave @ ((made + made.T) / (rate[:, None] + rate)) @ wave.T / rows
    return out / FULL**2


def scatter_of_rows(mean: Floats, covariances: Floats) -> float:
    """Standard deviation of where a row's nuclei stop being half on, um, for Gaussian levels [COLUMNS].

    A row's boundary is its number of nuclei above one half, times the spacing; its variance is that of a sum of
    indicators, of which two are on together with the probability of a bivariate normal (Owen 1956).
    """
    sd = np.sqrt(np.diag(covariances))
    z = (mean - 0.5) / sd
    near = np.flatnonzero(np.abs(z) < 5.0)
    total = 0.0
    for a in near:
        for b in near[near >= a]:
            rho = min(covariances[a, b] / (sd[a] * sd[b]), 1.0)
            once = stats.norm.cdf(z[a]) * stats.norm.cdf(z[b])
            both = stats.norm.cdf(min(z[a], z[b])) if a == b else _both(z[a], z[b], rho)
            total += (1.0 if a == b else 2.0) * (both - once)
    return SPACING * math.sqrt(total)


def _both(first: float, second: float, rho: float) -> float:
    """P(X < first, Y < second) of standard normals of correlation rho, by Plackett's integral over it."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    angle = 0.5 * math.asin(rho) * (nodes + 1.0)
    inside = (first**2 + second**2 - 2.0 * first * second * np.sin(angle)) / (2.0 * np.cos(angle) ** 2)
    part = 0.5 * math.asin(rho) * np.sum(weights * np.exp(-inside)) / (2.0 * math.pi)
    return float(stats.norm.cdf(first) * stats.norm.cdf(second) + part)


def embryo(
    *,
    ddg: float = 0.0,
    sites: int = 0,
    binding: str = "all-or-none",
    diffusion: float = DIFFUSION,
    rows: int = 24,
    seed: int = 1,
) -> bm.Tissue:
    """Nuclei on a square lattice, none of which has made anything yet; the last `sites` sites are mutated."""
    size = (COLUMNS * SPACING, rows * SPACING)
    grid = tissue.Grid(shape=(COLUMNS, rows), size=size, boundary=("free-slip", "periodic"))
    positions = np.stack([centre.ravel() for centre in np.broadcast_arrays(*grid.centres())], axis=1)
    energies = {f"ddG_{SITES - k}": ddg for k in range(sites)}
    sheet = bm.Tissue(model(binding), cells=positions, grid=grid, method="ssa", seed=seed, parameters=energies)
    sheet.set("c", np.exp((BOUNDARY - positions[:, 0]) / GRADIENT))
    sheet.add(tissue.Morphogen("Shared", diffusion=diffusion, decay=PROTEIN_DECAY))
    sheet.couple("mRNA", to=bm.Secretion("Shared", per_molecule=TRANSLATE))
    sheet.couple(bm.Concentration("Shared"), to="shared", gain=SPACING**2)  # per nucleus, not per um2
    return sheet


def measured(data: xr.Dataset) -> dict[str, Any]:
    """Levels in all samples [samples, COLUMNS, rows]: mRNA in molecules, proteins over FULL."""
    late = data.sel(time=slice(WARM_UP, None))
    shape = (late.sizes["time"], COLUMNS, -1)
    found = {name: late[name].to_numpy().reshape(shape) for name in ("mRNA", "Protein", "shared")}
    return {"mRNA": found["mRNA"], "alone": found["Protein"] / FULL, "diffusing": found["shared"] / FULL}


def boundary(profile: Floats) -> tuple[float, float]:
    """Where a profile [COLUMNS] crosses one half, um, and its slope there, per um: a line through 20 to 80 %."""
    inside = np.flatnonzero((profile < 0.8) & (profile > 0.2))
    near = np.arange(inside[0], inside[-1] + 1)
    slope, offset = np.polyfit(places()[near], profile[near], 1)
    return float((0.5 - offset) / slope), float(slope)


def width(profile: Floats) -> float:
    """From where a profile [COLUMNS] is 90 % on to where it is 10 % on, um."""
    return float(np.subtract(*np.interp([-0.1, -0.9], -profile, places())))


def statistics(levels: Floats) -> Floats:
    """Boundary, positional error (sd between nuclei over slope), scatter of rows and width, um, of levels [n, COLUMNS,
    rows]."""
    profile = levels.mean(axis=(0, 2))
    position, slope = boundary(profile)
    column = int(np.argmin(np.abs(places() - position)))
    near = slice(column - 1, column + 2)
    variance = levels[:, near].var(axis=(0, 2)).mean()
    stops = SPACING * (levels > 0.5).sum(axis=1)
    return np.array([position, math.sqrt(variance) / abs(slope), stops.std(), width(profile)])


def of_levels(levels: Floats) -> dict[str, Any]:
    """What levels [n, COLUMNS, rows] are, and `statistics` as (value, half of a 95 % confidence interval).

    Of the jackknife over the n moments, which are so far apart that they count as independent (Tukey 1958).
    """
    n = len(levels)
    left_out = np.array([statistics(np.delete(levels, k, axis=0)) for k in range(n)])
    error = np.sqrt((n - 1) / n * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))
    half = stats.t.ppf(0.975, n - 1) * error
    found = {what: (float(v), float(e)) for what, v, e in zip(WHAT, statistics(levels), half, strict=True)}
    return {"profile": levels.mean(axis=(0, 2)), "sd profile": np.sqrt(levels.var(axis=(0, 2))), **found}


@lru_cache
def exact(
    *, ddg: float = 0.0, sites: int = 0, binding: str = "all-or-none", diffusion: float = DIFFUSION, rows: int = 24
) -> dict[str, dict[str, Any]]:
    """What `of_levels` should find, of the protein that stays ("alone") and of that which diffuses ("diffusing")."""
    occupied = occupancy(places(), ddg=ddg, sites=sites, binding=binding)
    alone = np.diag(sd_alone(occupied) ** 2)
    found: dict[str, dict[str, Any]] = {}
    shared = exact_mean(occupied, diffusion=diffusion), covariance(occupied, rows, diffusion=diffusion)
    for name, (mean, matrix) in {"alone": (occupied, alone), "diffusing": shared}.items():
        position, slope = boundary(mean)
        column = int(np.argmin(np.abs(places() - position)))
        variance = np.diag(matrix)
        found[name] = {
            "profile": mean,
            "sd profile": np.sqrt(variance),
            "boundary": position,
            "positional error": math.sqrt(variance[column - 1 : column + 2].mean()) / abs(slope),
            "scatter of rows": scatter_of_rows(mean, matrix),
            "width": width(mean),
        }
    return found


def run(
    *,
    ddg: float = 0.0,
    sites: int = 0,
    binding: str = "all-or-none",
    diffusion: float = DIFFUSION,
    rows: int = 24,
    samples: int = 10,
    seed: int = 1,
    progress: bool = True,
) -> dict[str, Any]:
    """One embryo, looked at `samples` times after it has settled; measured numbers and their closed forms."""
    sheet = embryo(ddg=ddg, sites=sites, binding=binding, diffusion=diffusion, rows=rows, seed=seed)
    observe = bm.observe.Cells(species=("mRNA", "Protein"))
    end = WARM_UP + (samples - 1) * APART
    result = sheet.run(end, every=APART, dt=DT, observe=observe, progress=progress)
    levels = measured(result.data)
    mrna = levels["mRNA"]
    return {
        "data": result.data,
        "levels": levels,
        "mutation": (ddg, sites),
        "Fano factor of mRNA": mrna.var(axis=(0, 2)) / np.maximum(mrna.mean(axis=(0, 2)), 1e-9),
        "closed form": exact_boundary(ddg=ddg, sites=sites, binding=binding),
        "measured": {name: of_levels(levels[name]) for name in ("alone", "diffusing")},
        "exact": exact(ddg=ddg, sites=sites, binding=binding, diffusion=diffusion, rows=rows),
    }


def draw(found: dict[str, dict[str, Any]], path: Path) -> None:
    """Nuclei of the first two embryos, gradient and occupancy, profiles with their noise, noise, and shifts."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = list(found)
    mosaic = [["wild, alone", "wild, diffusing"], ["other, alone", "other, diffusing"], ["P", "level"], ["sd", "shift"]]
    heights = [1, 1, 1.7, 1.7]
    figure, axes = plt.subplot_mosaic(mosaic, figsize=(11, 11), layout="constrained", height_ratios=heights)
    colours = dict(zip(names, ["black", "#cb181d", "#2171b5", "#6a51a3", "#238b45"], strict=False))
    for row, name in (("wild", names[0]), ("other", names[1])):
        for kind, says in zip(KINDS, SAYS, strict=True):
            panel = axes[f"{row}, {kind}"]
            _nuclei(panel, found[name]["levels"][kind][-1], found[name]["closed form"])
            panel.set_title(f"{name}: protein that {says}", fontsize=9.5, loc="left")
    x, fine = places(), np.linspace(0.0, COLUMNS * SPACING, 400)
    axes["P"].plot(fine, np.exp(-fine / GRADIENT), color="#fd8d3c", label="activator, over $c_0$")
    for name in names:
        ddg, sites = found[name]["mutation"]
        axes["P"].plot(fine, occupancy(fine, ddg=ddg, sites=sites), color=colours[name], lw=1.5, label=name)
    axes["P"].set(xlabel="x, µm", ylabel="share of time with all sites filled")
    for name in names[:2]:
        part, colour = found[name]["measured"], colours[name]
        low, high = (part["alone"]["profile"] + sign * part["alone"]["sd profile"] for sign in (-1.0, 1.0))
        axes["level"].fill_between(x, low, high, alpha=0.2, lw=0, color=colour)
        axes["level"].plot(x, part["diffusing"]["profile"], ".", ms=4, color=colour, label=name)
        axes["level"].plot(x, found[name]["exact"]["diffusing"]["profile"], lw=1, color=colour)
        axes["level"].axvline(found[name]["closed form"], ls=":", lw=1, color=colour)
    axes["level"].set(xlabel="x, µm", ylabel="dots: protein that diffuses\nband: protein that stays, ± 1 sd")
    for kind, colour, says in zip(KINDS, ("#e6550d", "#3182bd"), SAYS, strict=True):
        part = found[names[0]]
        axes["sd"].plot(x, part["measured"][kind]["sd profile"], ".", ms=4, color=colour, label=f"protein that {says}")
        axes["sd"].plot(x, part["exact"][kind]["sd profile"], lw=1, color=colour)
    axes["sd"].set(xlabel="x, µm", ylabel="sd between nuclei, over full level", ylim=(0, None))
    _shifts(axes["shift"], found, colours)
    for panel in ("P", "level", "sd", "shift"):
        axes[panel].spines[["top", "right"]].set_visible(False)
        axes[panel].legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _nuclei(axes: Any, level: Floats, position: float) -> Any:
    """Nuclei [COLUMNS, rows] by their level, and the boundary."""
    x, y = np.meshgrid(places(), SPACING * (np.arange(level.shape[1]) + 0.5), indexing="ij")
    dots = axes.scatter(x, y, c=level.ravel(), s=11, cmap="magma", vmin=0.0, vmax=1.0, linewidths=0)
    line = axes.axvline(position, color="#41b6c4", lw=1.5)
    axes.set(xlim=(0, COLUMNS * SPACING), ylim=(0, level.shape[1] * SPACING), aspect="equal", yticks=[])
    return dots, line


def _shifts(axes: Any, found: dict[str, dict[str, Any]], colours: dict[str, str]) -> None:
    """By how much the measured shifts of both proteins are off the closed form."""
    wild = next(iter(found.values()))
    axes.axhline(0.0, lw=1, color="grey")
    for kind, marker, away, says in zip(KINDS, "so", (-0.8, 0.8), SAYS, strict=True):
        for name, part in list(found.items())[1:]:
            shift, error = moved(part, wild, kind)
            expected = part["closed form"] - BOUNDARY
            style = {"fmt": marker, "ms": 5, "capsize": 3, "color": colours[name]}
            axes.errorbar(expected + away, shift - expected, error, **style)
        axes.plot([], [], marker, color="grey", label=f"protein that {says}")
    axes.set(xlabel="shift of the boundary, closed form, µm", ylabel="measured − closed form, µm", ylim=(-3, 3))


def moved(part: dict[str, Any], wild: dict[str, Any], kind: str) -> tuple[float, float]:
    """How far a boundary lies from the wild type's, um, and half its 95 % confidence interval."""
    (here, error), (there, other) = (p["measured"][kind]["boundary"] for p in (part, wild))
    return here - there, math.hypot(error, other)


def movie(path: Path, *, ddg: float = 0.25, sites: int = SITES, minutes: float = 120.0, rows: int = 16) -> None:
    """The first two hours of a wild type and of a mutant, both proteins, drawn every two minutes."""
    import imageio_ffmpeg
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    observe = bm.observe.Cells(species=("Protein",))
    kinds = {"wild type": (0.0, 0), f"{ddg:g} kcal/mol in {sites} of {SITES} sites": (ddg, sites)}
    figure, axes = plt.subplots(4, 1, figsize=(8, 8.96), layout="constrained")
    drawn = []
    for k, (name, (energy, number)) in enumerate(kinds.items()):
        sheet = embryo(ddg=energy, sites=number, rows=rows)
        data = sheet.run(minutes, every=2.0, dt=DT, observe=observe, progress=False).data
        for j, (kind, says) in enumerate(zip(("Protein", "shared"), SAYS, strict=True)):
            levels = data[kind].to_numpy().reshape(-1, COLUMNS, rows) / FULL
            dots, _ = _nuclei(axes[2 * k + j], levels[0], exact_boundary(ddg=energy, sites=number))
            axes[2 * k + j].set_title(f"{name}: protein that {says}", loc="left", fontsize=10)
            drawn.append((dots, levels))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.set_dpi(100)
    writer = imageio_ffmpeg.write_frames(str(path), (800, 896), fps=12, codec="libx264", quality=7)
    writer.send(None)
    try:
        for frame, time in enumerate(data["time"].to_numpy()):
            for dots, levels in drawn:
                dots.set_array(levels[frame].ravel())
            figure.suptitle(f"{time:.0f} min", fontsize=11)
            figure.canvas.draw()
            pixels = np.asarray(figure.canvas.buffer_rgba())  # type: ignore[attr-defined]
            writer.send(np.ascontiguousarray(pixels[..., :3]))
    finally:
        writer.close()
        plt.close(figure)


def summary(found: dict[str, dict[str, Any]]) -> str:
    """Shifts and noise of every embryo beside their closed forms."""
    wild = next(iter(found.values()))
    lines = [f"{'shift of the boundary, um':34}{'closed form':>12}{'protein stays':>18}{'protein diffuses':>18}"]
    for name, part in list(found.items())[1:]:
        text = "".join(f"{shift:+11.2f} ± {error:4.2f}" for shift, error in (moved(part, wild, k) for k in KINDS))
        lines.append(f"{name:34}{part['closed form'] - wild['closed form']:12.2f}{text}")
    lines += ["", f"{'um':34}{'stays':>17}{'exact':>8}{'diffuses':>18}{'exact':>8}"]
    for name, part in found.items():
        for what in WHAT:
            text = ""
            for kind in KINDS:
                value, error = part["measured"][kind][what]
                text += f"{value:11.2f} ± {error:4.2f}{part['exact'][kind][what]:8.2f}"
            lines.append(f"{(name + ': ' if what == 'boundary' else '    ') + what:34.46}{text}")
    column = int(np.argmin(np.abs(places() - BOUNDARY)))
    fano = fano_mrna(occupancy(places()))[column]
    lines += [
        "",
        f"Fano factor of mRNA at the boundary {wild['Fano factor of mRNA'][column]:.2f}, closed form {fano:.2f}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(embryo().describe(), "\n")
    found = {
        name: run(ddg=ddg, sites=sites, seed=seed, progress=False)
        for seed, (name, (ddg, sites)) in enumerate(tqdm(MUTANTS.items(), "embryos"), start=1)
    }
    print(summary(found), "\n")
    print("Sites that fill one by one (MWC): shift of the boundary, closed form, um")
    for name, (ddg, sites) in list(MUTANTS.items())[1:]:
        here, there = (exact_boundary(ddg=ddg, sites=n, binding="MWC") for n in (sites, 0))
        print(f"{name:34}{here - there:12.2f}")
    draw(found, Path("results/enhancer_boundary.png"))
    movie(Path("results/enhancer_boundary.mp4"))
