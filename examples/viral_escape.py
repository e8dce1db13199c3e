"""Viral escape: from the binding energy that one mutation costs antibodies to a new wave, scale by scale.

    molecule    K = K0 e^(ddG / RT) for each class of antibody, phi = prod 1 / (1 + A / K): what is left to infect
    host        the network `within_host` (Baccam et al. 2006, doi:10.1128/JVI.01623-05) with phi: virus V(t);
                from day 4 on infected cells are killed at 8 (1 - e^-(t - 4)) per day
    founding    a first infected cell starts an infection with 1 - 1/R, R = phi b p T0 / (c d); over that of a naive
                host, in whom R = 21.8:  P = (1 - 1/R) / (1 - 1/21.8)
    person      infectiousness I = integral of sqrt(V) / (sqrt(V) + sqrt(1e4)) over the days with V > 1 TCID50/ml
    population  R_eff = R0 [(1 - f) + f P I / I0], f immune, I0 a naive host's
    wave        1 - s from one import, s = (1 + R (1 - s) / k)^-k (Lloyd-Smith et al. 2005, doi:10.1038/nature04153);
                renewal of two strains, i(t) = S(t) P integral of K(a) i(t - a) da, with K from V(t) of the network.

What if: `escape(2.0, Population(immune=0.9))`, `escape(2.0, drug=0.9)`, `mutated(["K417N", "E484K"])`.
docs/viral_escape.md says what was chosen and what comes out; viral_escape_uncertainty.py how sure one can be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import norm
from tqdm import tqdm

import biomulti as bm
from biomulti.demos.scripts import example

titres = example("titre_immunity")
scans = example("antibody_escape")

Floats = NDArray[np.float64]

RT = titres.RT  # kcal/mol at 37 C
TITRE = 100.0  # A / K of the wild type
KILLING = 8.0  # per day, of infected cells, from day 4 on
HALF = 1e4  # TCID50/ml at which a host is half as infectious as can be
LEAST = 1.0  # TCID50/ml below which a host is not infectious
DAYS = 20.0  # of an infection
CHUNK = 4000  # infections simulated at once
# titre drops after Meijers et al. 2023, doi:10.1016/j.cell.2023.09.022
DROPS = {
    "Alpha": ("VAC", "ALPHA"),
    "Delta": ("VAC", "DELTA"),
    "Omicron, boosted": ("BOOST", "OMICRON"),
    "Omicron": ("VAC", "OMICRON"),
}
# mutations, or names in antibody_escape.NAMED
SHOWN = {"E484K": "E484K", "Beta": "BETA", "BA.1": "BA.1", "XBB.1.5": "XBB.1.5"}
# ddG (kcal/mol), R within, log10 of the peak, P, R_eff to be met
REFERENCE = (
    (0.0, 0.216, None, 0.0, 0.400),
    (1.42, 1.98, 0.58, 0.519, 0.412),
    (1.70, 2.97, 2.24, 0.695, 0.553),
    (2.00, 4.45, 4.25, 0.812, 1.607),
    (2.84, 10.9, 5.84, 0.952, 2.008),
)
WITHIN_HOST = bm.load("within_host")
BACCAM: dict[str, Any] = {p.id: p.value for p in WITHIN_HOST.parameters}
HOST = set(BACCAM) - {"phi", "killing"} | {"V", "half"}  # what an infection may be given
BACCAM |= {s.id: s.initial_amount for s in WITHIN_HOST.species}


@dataclass(frozen=True)
class Population:
    """The people a mutant meets.

    r0: secondary cases where nobody is immune. immune: share with antibodies. titre: A / K of the wild type for each
    class of antibody. spread: sd of log10 of the titre over people (all classes alike). dispersion: k of the number of
    secondary cases, small where few infect many. Raises ValueError where one of them is out of its bounds.
    """

    r0: float | Floats = 2.0
    immune: float | Floats = 0.8
    titre: Mapping[str, float | Floats] = field(default_factory=lambda: {"antibody": TITRE})
    spread: float = 0.0
    dispersion: float = 1.0

    def __post_init__(self) -> None:
        titres.checked("r0", self.r0, 0.0)
        titres.checked("immune", self.immune, 0.0, 1.0)
        titres.checked("spread", self.spread, 0.0)
        titres.checked("dispersion", self.dispersion, 0.0, above=True)
        if not self.titre:
            raise ValueError("titre names no class of antibody: give one, or immune=0.")
        for name, value in self.titre.items():
            titres.checked(f"titre of {name}", value, 0.0)


@dataclass(frozen=True)
class Escape:
    """What follows from n mutations, or values of parameters; all arrays [n] unless it says otherwise.

    Of the immune with the median titre: phi, reproduction (within the host), peak (log10 TCID50/ml; -inf where no
    infection is founded), established (P, relative to a naive host) and infectiousness (days). naive: I0, days.
    r_eff: secondary cases. types: share of people, P and I / I0 of the naive [:, 0] and of the immune by their titre.
    """

    phi: Floats
    reproduction: Floats
    peak: Floats
    established: Floats
    infectiousness: Floats
    naive: Floats
    r_eff: Floats
    types: tuple[Floats, Floats, Floats]


def serum(shares: Mapping[str, float], *, against: float = TITRE) -> dict[str, float]:
    """A / K by class, in proportion to `shares`, that together neutralise as one class with A / K = `against`.

    Their sum is far below `against`, as each class neutralises by itself: prod (1 + A / K) = 1 + `against`.
    """
    titres.checked("shares", list(shares.values()), 0.0)
    titres.checked("against", against, 0.0, above=True)

    def excess(scale: float) -> float:
        return math.fsum(math.log1p(scale * share) for share in shares.values()) - math.log1p(against)

    scale = brentq(excess, 0.0, against / math.fsum(shares.values()))
    return {name: float(scale * share) for name, share in shares.items()}


def infective(ddg: float | Floats | Mapping[str, Any], titre: Mapping[str, Any]) -> Floats:
    """phi = prod over classes of 1 / (1 + A / K e^(-ddG / RT)); a single ddG is that of every class.

    Raises ValueError where ddg names a class that nobody has antibodies of, or is no finite number.
    """
    by_class = dict(ddg) if isinstance(ddg, Mapping) else dict.fromkeys(titre, ddg)
    for name, energy in by_class.items():
        titres.checked(f"ddG of {name}", energy)
    if unknown := set(by_class) - set(titre):
        raise ValueError(f"no antibodies of {', '.join(sorted(unknown))}; there are {', '.join(titre)}.")
    terms = [1.0 / (1.0 + a * np.exp(-np.asarray(by_class.get(c, 0.0)) / RT)) for c, a in titre.items()]
    return np.asarray(math.prod(terms))


def reproduction(phi: ArrayLike, **host: Any) -> Floats:
    """R within = phi b p T0 / (c d): cells infected by one infected cell at the start."""
    b, p, c, d, cells = (host.get(name, BACCAM[name]) for name in ("b", "p", "c", "d", "T"))
    return np.asarray(np.asarray(phi) * b * p * cells / (c * d))


def founding(r: ArrayLike) -> Floats:
    """1 - 1/R: an infected cell that releases virus until it dies starts an infection (0 where R < 1)."""
    return 1.0 - 1.0 / np.maximum(r, 1.0)


def course(phi: Floats, *, every: float = 0.05, last: float = DAYS, **host: Any) -> tuple[Floats, Floats, Floats]:
    """Times [t] in days, virus [n, t] and cells infected so far [n] of infections phi [n]: numbers, or arrays [n].

    host: parameters of the network, and V, the virus at the start.
    """
    given = {name: np.broadcast_to(value, phi.shape) for name, value in ({"kill_max": KILLING} | host).items()}
    initial = {"V": given.pop("V")} if "V" in given else None
    run = bm.simulate(
        WITHIN_HOST, t_end=last, every=every, method="ode", parameters={"phi": phi, **given}, initial=initial,
        progress=False,
    )  # fmt: skip
    run = run.transpose("replicate", "time")
    return run["time"].to_numpy(), run["V"].to_numpy(), BACCAM["T"] - run["T"].to_numpy()[:, -1]


def infectiousness(times: Floats, virus: Floats, half: float | Floats = HALF) -> Floats:
    """Days [n], integral of b = sqrt(V) / (sqrt(V) + sqrt(half)) while V [n, t] > 1; half a number or [n].

    ln V is taken as a straight line between outputs, for which the integral of b is exact.
    """
    half = np.broadcast_to(half, virus.shape[:1])[:, None]
    x = 0.5 * np.log(np.maximum(virus, 1e-30) / half)
    least = 0.5 * np.log(LEAST / half)
    slope = np.diff(x, axis=1) / np.diff(times)
    rise = np.diff(np.logaddexp(0.0, np.maximum(x, least)), axis=1)
    middle = 0.5 * (x[:, 1:] + x[:, :-1])
    flat = np.abs(slope) < 1e-7
    level = np.where(middle > least, np.diff(times) / (1.0 + np.exp(-middle)), 0.0)
    return np.asarray(np.where(flat, level, rise / np.where(flat, 1.0, slope)).sum(axis=1))


def infections(
    phi: Floats, *, every: float = 0.05, last: float = DAYS, half: Any = HALF, progress: bool = False, **host: Any
) -> Floats:
    """Infectiousness, log10 of the peak and cells infected, [3, n], of infections phi [n], chunk by chunk."""
    n = len(phi)
    host = {name: np.broadcast_to(value, n) for name, value in {**host, "half": half}.items()}
    parts = [np.empty((3, 0))]
    for first in tqdm(range(0, n, CHUNK), desc="infections", delay=2.0, disable=not progress):
        some = slice(first, first + CHUNK)
        given = {name: value[some] for name, value in host.items()}
        half_here = given.pop("half")
        times, virus, infected = course(phi[some], every=every, last=last, **given)
        peak = np.log10(virus[:, 1:].max(axis=1))
        parts.append(np.stack([infectiousness(times, virus, half_here), peak, infected]))
    return np.concatenate(parts, axis=1)


def types_of_people(ddg: Any, people: Population, hosts: int) -> tuple[Floats, Floats]:
    """Shares and phi of the naive and of `hosts` equally frequent titres, each [..., 1 + hosts]."""
    level = 10.0 ** (people.spread * norm.ppf((np.arange(hosts) + 0.5) / hosts)) if people.spread else np.ones(1)
    titre = {c: np.asarray(a)[..., None] * level for c, a in people.titre.items()}
    widened = {c: np.asarray(e)[..., None] for c, e in ddg.items()} if isinstance(ddg, Mapping) else ddg[..., None]
    phi = np.atleast_2d(infective(widened, titre))
    immune = np.broadcast_to(people.immune, phi.shape[:1])[:, None]
    shares = np.concatenate([1.0 - immune, np.broadcast_to(immune / len(level), phi.shape)], axis=1)
    return shares, np.concatenate([np.ones((len(phi), 1)), phi], axis=1)


def escape(
    ddg: float | Floats | Mapping[str, Any],
    people: Population | None = None,
    *,
    drug: float = 0.0,
    hosts: int = 12,
    every: float = 0.05,
    last: float = DAYS,
    progress: bool = False,
    **host: Any,
) -> Escape:
    """The chain from ddG (kcal/mol; of every class, or by class) to R_eff.

    Numbers, or arrays [n] for ddg, the population's and the host's parameters (those of `within_host`, V at the start,
    half of the infectiousness). drug: share of the release of virus that a drug given to everybody stops. hosts:
    titres taken for each value where they are spread. last: days of an infection that are looked at. Raises ValueError
    for what is out of its bounds, and for a parameter that the network has not.
    """
    people = Population() if people is None else people
    titres.checked("drug", drug, 0.0, 1.0)
    titres.checked("hosts", hosts, 1)
    if unknown := set(host) - HOST:
        raise ValueError(f"no parameter {', '.join(sorted(unknown))} of a host; there are {', '.join(sorted(HOST))}.")
    for name, value in host.items():
        titres.checked(name, value, 0.0, above=name in ("c", "d", "V", "half", "kill_time"))
    ddg = ddg if isinstance(ddg, Mapping) else titres.checked("ddg", ddg)
    shares, phi = types_of_people(ddg, people, hosts)
    median = infective(ddg, people.titre)
    n = np.broadcast_shapes(phi.shape[:1], np.shape(people.r0), *(np.shape(v) for v in host.values()), (1,))[0]
    host = {name: np.broadcast_to(value, n)[:, None] for name, value in host.items()}
    shares, phi = (np.broadcast_to(x, (n, x.shape[1])) for x in (shares, phi))
    # columns: naive without drug, naive, immune of the median titre, immune of each titre
    columns = np.concatenate([phi[:, :1], phi[:, :1], np.broadcast_to(median, n)[:, None], phi[:, 1:]], axis=1)
    untreated = np.array([1.0] + [1.0 - drug] * (columns.shape[1] - 1))
    host["p"] = host.get("p", BACCAM["p"]) * untreated
    r = reproduction(columns, **host)
    grows = r > 1.0
    here = {name: np.broadcast_to(value, r.shape)[grows] for name, value in host.items()}
    days, peak = np.zeros(r.shape), np.full(r.shape, -np.inf)
    days[grows], peak[grows], _ = infections(columns[grows], every=every, last=last, progress=progress, **here)
    chance = founding(r)
    # where not even a naive host can be infected there is no virus that could escape
    established = chance / np.where(chance[:, :1] > 0.0, chance[:, :1], np.inf)
    relative = days / np.where(days[:, :1] > 0.0, days[:, :1], np.inf)
    types = (shares, np.delete(established, [0, 2], axis=1), np.delete(relative, [0, 2], axis=1))
    r_eff = people.r0 * np.sum(types[0] * types[1] * types[2], axis=1)
    return Escape(columns[:, 2], r[:, 2], peak[:, 2], established[:, 2], days[:, 2], days[:, 0], r_eff, types)


def threshold(
    people: Population | None = None, *, reach: float = 8.0, classes: Sequence[str] = (), **options: Any
) -> float:
    """The ddG, kcal/mol, at which R_eff = 1, of every class or of `classes`.

    Infinite where none up to `reach` is; 0 where the wild type is not held either.
    """

    def above(x: float) -> float:
        ddg = dict.fromkeys(classes, x) if classes else x
        return float(escape(ddg, people, **options).r_eff[0]) - 1.0

    if above(0.0) >= 0.0:
        return 0.0
    return float(brentq(above, 0.0, reach, xtol=1e-5)) if above(reach) > 0.0 else math.inf


def least_root(means: Floats, weights: Floats, k: float) -> Floats:
    """s [n] = sum of weights (1 + means (1 - s) / k)^-k, by bisection on 1 - s."""

    def missing(alive: Floats) -> Floats:
        return np.asarray(1.0 - alive - np.sum(weights * (1.0 + means * alive[:, None] / k) ** -k, axis=1))

    low, high = np.full(len(means), 1e-12), np.ones(len(means))
    none = np.sum(weights * means, axis=1) <= 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        up = missing(middle) > 0.0
        low, high = np.where(up, middle, low), np.where(up, high, middle)
    return np.asarray(np.where(none, 1.0, 1.0 - low))


def offspring(found: Escape, people: Population) -> tuple[Floats, Floats]:
    """Mean secondary cases of each type of infected person, and how frequent they are among cases, [n, types]."""
    shares, established, relative = found.types
    met = shares * established
    total = met.sum(axis=1, keepdims=True)
    means = np.asarray(people.r0).reshape(-1, 1) * relative * total
    return means, met / np.where(total > 0.0, total, 1.0)


def chance_of_a_wave(found: Escape, people: Population, *, imports: int = 1) -> Floats:
    """1 - s^imports [n]: that imports, drawn as cases are, do not all die out; secondary cases negative binomial."""
    titres.checked("imports", imports, 1)
    means, weights = offspring(found, people)
    return 1.0 - least_root(means, weights, people.dispersion) ** imports


def mutated(mutations: Sequence[str], *, people: Population | None = None, **options: Any) -> Escape:
    """The chain for mutations such as E484K of the SARS-CoV-2 receptor-binding domain, ddG from deep mutational scans.

    people: with antibodies of the classes A to F of `antibody_escape`; unless given, in its proportions.
    """
    people = Population(titre=serum(scans.weights())) if people is None else people
    return escape(scans.ddg(mutations), people, **options)


def curves(points: int = 41, *, people: Population | None = None, **options: Any) -> dict[str, Floats]:
    """R_eff and P(wave) of one import against ddG, and R_eff without killing (the trap)."""
    people = Population() if people is None else people
    ddg = np.linspace(0.0, 4.0, points)
    found = escape(ddg, people, **options)
    trap = escape(ddg, people, **{**options, "kill_max": 0.0, "last": 60.0})
    return {"ddG": ddg, "R_eff": found.r_eff, "P(wave)": chance_of_a_wave(found, people), "trap": trap.r_eff}


def run() -> dict[str, Any]:
    """The table of the reference, thresholds, curves, named mutations and what-ifs."""
    energies = np.array([row[0] for row in REFERENCE])
    many = Population(titre=serum(dict.fromkeys(("class 1", "class 2", "class 3"), 1.0)))
    six = Population(titre=serum(scans.weights()))
    potent = Population(titre={c: TITRE * share for c, share in scans.weights().items()})
    hit = [list(many.titre)[:k] for k in (1, 2, 3)]
    grid = np.linspace(0.0, 4.0, 41)
    folds = titres.drops()
    drops = {name: float(titres.ddg_of_drop(folds[pair])) for name, pair in DROPS.items()}
    return {
        "table": escape(energies, every=0.02),
        "threshold": threshold(every=0.02),
        "curves": curves(),
        "spread": threshold(Population(spread=0.55)),
        "classes": [(len(c), threshold(many, classes=c), escape(dict.fromkeys(c, grid), many).r_eff) for c in hit],
        "drops": {name: (ddg, escape(ddg).r_eff[0]) for name, ddg in drops.items()},
        "scans": {name: mutated(scans.NAMED.get(key, key).split()).r_eff[0] for name, key in SHOWN.items()},
        "IC50": {name: escape(scans.measured_ddg(name), six).r_eff[0] for name in ("Beta", "Omicron")},
        "potent": {
            name: escape(energies, potent).r_eff[0]
            for name, energies in {
                "XBB.1.5": scans.ddg(scans.NAMED["XBB.1.5"].split()),
                "Omicron, IC50s": scans.measured_ddg("Omicron"),
            }.items()
        },
        "what if": {
            "as it is": escape(2.0).r_eff[0],
            "titres three times as high": escape(2.0, Population(titre={"antibody": 3.0 * TITRE})).r_eff[0],
            "90 % immune": escape(2.0, Population(immune=0.9)).r_eff[0],
            "R0 = 1.5": escape(2.0, Population(r0=1.5)).r_eff[0],
            "a drug stops half of the release": escape(2.0, drug=0.5).r_eff[0],
        },
    }


def summary(found: Mapping[str, Any]) -> str:
    """The numbers beside those to be met."""
    table = found["table"]
    lines = ["ddG     phi    R within         log10 peak     P              R_eff"]
    for k, (ddg, r, peak, chance, r_eff) in enumerate(REFERENCE):
        top = "   -  (  -  )" if peak is None else f"{table.peak[k]:6.2f} ({peak:.2f})"
        lines.append(
            f"{ddg:4.2f}  {table.phi[k]:.4f}  {table.reproduction[k]:6.3f} ({r:.4g})  {top}  "
            f"{table.established[k]:.3f} ({chance:.3f})  {table.r_eff[k]:.3f} ({r_eff:.3f})"
        )
    one = RT * math.log(TITRE / (float(reproduction(1.0)) - 1.0))
    worst = int(np.argmax(found["curves"]["trap"]))
    lines += [
        f"R within = 1 at {one:.3f} kcal/mol (.969), R_eff = 1 at {found['threshold']:.3f} (1.877), "
        f"I0 {table.naive[0]:.4f} d (2.3457)",
        f"without killing R_eff passes R0 and reaches {found['curves']['trap'][worst]:.2f} "
        f"at {found['curves']['ddG'][worst]:.1f} kcal/mol",
        f"titres spread over people by .55 in log10: R_eff = 1 at {found['spread']:.3f} kcal/mol",
        "three classes of antibody, R_eff = 1: "
        + ", ".join(
            f"{n} escaped at {x:.3f}" if x < math.inf else f"{n} escaped: never" for n, x, _ in found["classes"]
        ),
        "titre drops: "
        + ", ".join(f"{name} {d:.2f} kcal/mol, R_eff {r:.2f}" for name, (d, r) in found["drops"].items()),
        "mutations of SARS-CoV-2, ddG from scans, R_eff: "
        + ", ".join(f"{name} {r:.2f}" for name, r in found["scans"].items())
        + "; from IC50s: "
        + ", ".join(f"{name} {r:.2f}" for name, r in found["IC50"].items())
        + "; were the sum of A/K 100: "
        + ", ".join(f"{name} {r:.2f}" for name, r in found["potent"].items()),
        "2 kcal/mol, R_eff: " + ", ".join(f"{name} {r:.2f}" for name, r in found["what if"].items()),
    ]
    return "\n".join(lines)


def panel(axes: Any, result: Mapping[str, Floats]) -> None:
    """The chain in one picture, of `curves()`: R_eff and P(wave) against the energy that a mutation costs."""
    ddg = result["ddG"]
    axes.plot(ddg, result["R_eff"], color="#08306b", label="R_eff")
    axes.plot(ddg, result["P(wave)"], color="#cb181d", label="P(wave), one import")
    axes.axhline(1.0, color="0.5", lw=0.8, ls="--")
    if (result["R_eff"] > 1.0).any():
        last = max(int(np.argmax(result["R_eff"] > 1.0)), 1)
        crossing = np.interp(1.0, result["R_eff"][last - 1 : last + 1], ddg[last - 1 : last + 1])
        axes.axvspan(crossing, ddg[-1], color="#fcae91", alpha=0.3, lw=0)
    axes.set(xlabel="ddG, kcal/mol", ylabel="R_eff, P(wave)", xlim=(ddg[0], ddg[-1]), ylim=(0, None))
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def draw_courses(axes: Any) -> None:
    """Virus within immune hosts for several ddG, with killing and without (dashed)."""
    import matplotlib.pyplot as plt

    energies = np.array([1.42, 1.7, 2.0, 2.84, 50.0])
    phi = infective(energies, Population().titre)
    colours = plt.get_cmap("viridis")(np.linspace(0.0, 0.85, len(energies)))
    for killing, style in ((KILLING, "-"), (0.0, "--")):
        times, virus, _ = course(phi, kill_max=killing)
        for v, ddg, colour in zip(virus, energies, colours, strict=True):
            name = "naive" if ddg > 10.0 else f"{ddg:g}"
            axes.semilogy(times, v, style, color=colour, lw=1.2, label=name if killing else None)
    axes.axhline(LEAST, color="0.6", lw=0.8)
    axes.set(xlabel="days", ylabel="virus, TCID50/ml", ylim=(0.05, 1e10), xlim=(0, 16))
    axes.legend(frameon=False, fontsize=8, ncols=3, title="ddG, kcal/mol; dashed: without killing", loc="upper center")


def draw(found: Mapping[str, Any], waves: Mapping[float, Any], unsure: Mapping[str, Any], path: Path) -> None:
    """All scales: the host, R_eff and the trap, classes of antibody, waves, P(wave) with its band, Sobol indices."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    wave, uncertainty = example("viral_escape_wave"), example("viral_escape_uncertainty")
    figure, axes = plt.subplots(2, 3, figsize=(13, 8), layout="constrained")
    draw_courses(axes[0, 0])
    panel(axes[0, 1], found["curves"])
    axes[0, 1].plot(found["curves"]["ddG"], found["curves"]["trap"], ":", color="k", label="R_eff without killing")
    axes[0, 1].plot([r[0] for r in REFERENCE], [r[4] for r in REFERENCE], "o", ms=4, color="#08306b", mfc="none")
    axes[0, 1].set_ylim(0.0, 4.2)
    axes[0, 1].legend(frameon=False, fontsize=8, loc="upper right")
    axes[0, 2].plot(found["curves"]["ddG"], found["curves"]["R_eff"], color="k", label="one class of antibody")
    for (n, _, r_eff), colour in zip(found["classes"], ("#c6dbef", "#6baed6", "#2171b5"), strict=True):
        axes[0, 2].plot(np.linspace(0.0, 4.0, len(r_eff)), r_eff, color=colour, label=f"three, {n} escaped")
    axes[0, 2].axhline(1.0, color="0.5", lw=0.8, ls="--")
    axes[0, 2].set(xlabel="ddG of each, kcal/mol", ylabel="R_eff")
    axes[0, 2].legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 0.06))
    wave.draw_waves(axes[1, 0], waves)
    uncertainty.draw_band(axes[1, 1], unsure["ddG"], unsure["band"][0], unsure["band"][2])
    uncertainty.draw_indices(axes[1, 2], unsure["Sobol"])
    titles = ("Within immune hosts", "Between hosts", "Several classes of antibody")
    lower = ("A second wave?", "What is known of it", "What it depends on")
    for ax, title in zip(axes.flat, titles + lower, strict=True):
        ax.set_title(title, fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main() -> None:
    """Everything, with the waves and the uncertainty."""
    wave, uncertainty = example("viral_escape_wave"), example("viral_escape_uncertainty")
    founding_cells = example("viral_escape_founding")
    uncertainty.salib()
    found = run()
    print(summary(found))
    print(founding_cells.summary(founding_cells.run()))
    print(wave.summary(waves := wave.run()))
    print(uncertainty.summary(unsure := uncertainty.run()))
    draw(found, waves["waves"], unsure, Path("results/viral_escape.png"))


if __name__ == "__main__":
    main()
