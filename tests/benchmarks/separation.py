"""Hybrid over the separation of fast from slow, beside the ideal, exact runs, and the hybrids of other programs.

A gene goes on and off, and a scarce product P is made from plentiful molecules that change to and fro, A <-> B. The
separation is how often these fire for each firing of the rest. In one family the gene makes P, at a rate that reads B,
and the flow is at rest; in the other it turns the flow round, and P is a molecule of B, which comes back as A.

The ideal is the slow reactions fired alone, by the exact method with A and B held where they are, plus one step of the
fast ones flowing alone for each firing: an explicit one, or where stability asks for several of these between two
firings as many of them, or one stiff step, whatever costs less. All rates are linear while the gene stays as it is, so
that means and variances of P, and numbers of firings, have a closed form; see `moments`. Exact runs fire a few million
times, and their time is that of a firing times how many a whole run is to have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

import biomulti as bm
from biomulti.runge_kutta import BS3
from tests.benchmarks.peer_hybrids import PEERS, Hybrid, Task
from tests.benchmarks.rows import Rows
from tests.benchmarks.timing import alternate, processor_seconds, table

Floats = NDArray[np.float64]

HEAD = "unit substance = item; unit extent = item; unit volume = litre; unit time_unit = second; compartment cell = 1;"
T_END, OUTPUTS = 10.0, 20  # seconds; P lives for one, the gene stays on or off for one
PLENTY = 400_000  # molecules of each A and its B: a noise of .2 %
MADE = 20.0  # P, on average
SEPARATIONS = [10.0**e for e in range(7)]
PAIRS = (1, 3, 10, 30)
PAIRS_AT = 1e4  # separation at which the number of pairs is varied
EXACT_FIRINGS = 3e6
ROUNDS, SHARE, LONGEST = 3, 0.15, 1.0  # seconds of a peer's turn, and of its longest run
PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "separation.png"
OURS, IDEAL = "biomulti", "ideal"
GENE = {"on": ("H", "G", "H;"), "off": ("G", "H", "G;")}


@dataclass(frozen=True)
class Reaction:
    """left -> right at the rate `constant` times the sum of what it reads; the constant has a value for each state of
    the gene, off and on."""

    id: str
    left: str
    right: str
    constant: tuple[float, float]
    reads: tuple[str, ...]
    fast: bool = False

    @property
    def law(self) -> str:
        off, on = self.constant
        factor = f"{on!r}" if on == off else f"({off!r}*H + {on!r}*G)" if off else f"{on!r}*G"
        return f"{'k*' * self.fast}{factor}*({' + '.join(self.reads)})"


@dataclass(frozen=True)
class Family:
    """Networks that differ in k, the rate of the fast reactions, and in how many pairs of A and B there are."""

    name: str
    steered: bool

    def reactions(self, pairs: int = 1) -> list[Reaction]:
        """All but the gene's own."""
        forth, back = ((0.5, 1.5), (1.5, 0.5)) if self.steered else ((1.0, 1.0), (1.0, 1.0))
        rate = MADE / (0.5 * PLENTY * pairs)
        sums = tuple(f"B{i}" for i in range(pairs))
        made = (rate, rate) if self.steered else (0.0, 2.0 * rate)
        found = [
            Reaction("birth", "B0" if self.steered else "", "P", made, sums),
            Reaction("death", "P", "A0" if self.steered else "", (1.0, 1.0), ("P",)),
        ]
        for i in range(pairs):
            found += [
                Reaction(f"forth{i}", f"A{i}", f"B{i}", forth, (f"A{i}",), fast=True),
                Reaction(f"back{i}", f"B{i}", f"A{i}", back, (f"B{i}",), fast=True),
            ]
        return found

    def whole(self, k: float, pairs: int = 1) -> str:
        """The network in Antimony."""
        return _text(self.reactions(pairs), GENE, k, pairs)

    def slow(self) -> str:
        """What fires, with A and B held where they are."""
        return _text([r for r in self.reactions() if not r.fast], GENE, 1.0, 1)

    def flow(self, pairs: int) -> str:
        """What flows, from where nothing is B yet, and a reaction that may fire and never will."""
        flowing = [r for r in self.reactions(pairs) if r.fast]
        idle = {"idle": ("", "Z", "1e-12;  // biomulti: fire")}
        return _text(flowing, idle, 1.0, pairs, share=0.0, remark="  // biomulti: flow")


def _text(
    reactions: list[Reaction],
    more: Mapping[str, tuple[str, str, str]],
    k: float,
    pairs: int,
    *,
    share: float = 0.5,
    remark: str = "",
) -> str:
    """Antimony of these reactions and `more`; what none of them changes is a parameter."""
    amounts = {"G": 1, "H": 0, "P": round(MADE), "Z": 0}
    for i in range(pairs):
        amounts |= {f"A{i}": round((1.0 - share) * PLENTY), f"B{i}": round(share * PLENTY)}
    written = {r.id: (r.left, r.right, f"{r.law};{remark}") for r in reactions} | dict(more)
    changed = {s for left, right, _ in written.values() for s in (left, right)}
    lines = [
        HEAD,
        *(f"substanceOnly species {s} in cell;" for s in amounts if s in changed),
        *(f"{s} = {n};" for s, n in amounts.items()),
        f"k = {k!r};",
        *(f"{name}: {left} => {right}; {law}" for name, (left, right, law) in written.items()),
    ]
    return "model separation()\n" + "\n".join(lines) + "\nend"


@dataclass(frozen=True)
class Moments:
    """Of P at each output, and the expected numbers of firings in a run, of fast and of slow reactions."""

    mean: Floats
    variance: Floats
    fast: float
    slow: float


def moments(family: Family, k: float, pairs: int = 1) -> Moments:
    """
    Means and variances of P by the master equation.

    With A and B the sums over all pairs, n = (A, B, P) and 1_g that the gene is in state g, E[1_g], E[n_i 1_g] and
    E[n_i n_j 1_g] obey linear equations of their own: each rate reads one sum, with a constant c_r(g),

        d E[n_i 1_g]/dt     = sum_r c_r(g) nu_ri E[n_s 1_g] + E[n_i 1_h] - E[n_i 1_g],
        d E[n_i n_j 1_g]/dt = sum_r c_r(g) (nu_ri E[n_s n_j 1_g] + nu_rj E[n_i n_s 1_g] + nu_ri nu_rj E[n_s 1_g]) + ...,

    and so do the expected numbers of firings, whose derivatives are the expected rates.
    """
    names, size = "ABP", 1 + 3 + 9
    fast, slow = 2 * size, 2 * size + 1
    q = np.zeros((slow + 1, slow + 1))
    for g in range(2):
        here, there = g * size, (1 - g) * size
        for m in range(size):  # the gene's own firings, one a second
            q[here + m, here + m] -= 1.0
            q[here + m, there + m] += 1.0
        q[slow, here] += 1.0
        for r in family.reactions():
            c = r.constant[g] * (k if r.fast else 1.0 / pairs if r.id == "birth" else 1.0)
            s = names.index(r.reads[0][0])
            change = {names.index(name[0]): n for name, n in ((r.left, -1.0), (r.right, 1.0)) if name}
            q[fast if r.fast else slow, here + 1 + s] += c
            for i, n in change.items():
                q[here + 1 + i, here + 1 + s] += n * c
                for j in range(3):
                    q[here + 4 + 3 * i + j, here + 4 + 3 * s + j] += n * c
                    q[here + 4 + 3 * j + i, here + 4 + 3 * j + s] += n * c
                for j, other in change.items():
                    q[here + 4 + 3 * i + j, here + 1 + s] += n * other * c
    start = np.array([0.5 * PLENTY * pairs, 0.5 * PLENTY * pairs, round(MADE)])
    state = np.zeros(slow + 1)
    state[size : 2 * size] = np.concatenate([[1.0], start, np.outer(start, start).ravel()])  # it is on
    step, path = expm(q * T_END / OUTPUTS), []
    for _ in range(OUTPUTS):
        state = step @ state
        path.append(state)
    both = np.array(path)[:, :size] + np.array(path)[:, size : 2 * size]
    return Moments(both[:, 3], both[:, 12] - both[:, 3] ** 2, float(state[fast]), float(state[slow]))


def rate_for(family: Family, separation: float, pairs: int = 1) -> float:
    """The k at which the expected firings have this separation."""
    k = 1.0
    for _ in range(20):
        expected = moments(family, k, pairs)
        k *= separation * expected.slow / expected.fast
    return k


@dataclass
class Sampled:
    """A program's runs; amounts of P in all of them are kept, [runs, outputs]."""

    program: Rows | Hybrid
    count: int

    def __post_init__(self) -> None:
        self.kept: list[Floats] = []

    def __call__(self) -> None:
        if isinstance(self.program, Rows):
            self.program()
            self.kept.append(self.program.path[:, :, self.program.system.states.index("P")])
        else:
            self.kept.append(self.program.runs(self.count))

    def errors(self, exact: Moments) -> tuple[tuple[float, float], tuple[float, float]]:
        """By how much mean and variance over all outputs are off, relative to the exact ones, and standard errors."""
        paths = np.concatenate(self.kept)
        found = []
        for values, right in ((paths, exact.mean), ((paths - exact.mean) ** 2, exact.variance)):
            each, true = values.mean(axis=1), right.mean()
            found.append((float(each.mean() / true - 1.0), float(each.std(ddof=1) / np.sqrt(len(each)) / true)))
        return found[0], found[1]


@dataclass(frozen=True)
class Point:
    """What was measured on one network: processor seconds of a run by every program, expected firings that are not of
    the flow, steps of ours, and how far programs are off."""

    separation: float
    pairs: int
    seconds: Mapping[str, float]
    exact: float
    firings: float
    steps: float
    errors: Mapping[str, tuple[tuple[float, float], tuple[float, float]]]

    def ns(self, name: str) -> float:
        """A firing of a slow reaction, in nanoseconds."""
        return 1e9 * self.seconds[name] / self.firings


def measure() -> str:
    """All tables; the picture goes to docs/images."""
    families = (Family("flow at rest", steered=False), Family("flow steered and taken from", steered=True))
    notes: dict[str, str] = {}
    parts, curves = [], {}
    for family in families:
        peers = Peers(family, 1)
        points = [_point(family, s, 1, peers) for s in SEPARATIONS]
        curves[family.name] = points
        parts.append(_tables(f"{family.name}", "separation", [f"{p.separation:,.0f}" for p in points], points))
        notes |= {f"{family.name}: {name}": why for name, why in peers.left_out.items()}
    family, lost = families[1], peers.left_out
    points = []
    for pairs in PAIRS:
        peers = Peers(family, pairs, lost)
        points.append(_point(family, PAIRS_AT, pairs, peers))
        lost = peers.left_out
    curves["pairs"] = points
    title = f"{family.name}, separation {PAIRS_AT:,.0f}"
    parts.append(_tables(title, "fast reactions", [str(2 * p.pairs) for p in points], points))
    draw(curves, PICTURE)
    return "\n".join([*parts, "", *(f"{name} left out {why}." for name, why in notes.items())])


class Peers:
    """The other programs, loaded with a family's network; those that fail or take too long are left out from there."""

    def __init__(self, family: Family, pairs: int, left_out: Mapping[str, str] | None = None) -> None:
        self.left_out = dict(left_out or {})
        self.loaded: dict[str, Hybrid] = {}
        flows = [r.id for r in family.reactions(pairs) if r.fast]
        for name, (kind, option) in PEERS.items():
            if name in self.left_out:
                continue
            task = Task(family.whole(1.0, pairs), "P", flows, T_END, OUTPUTS)
            try:
                self.loaded[name] = kind(task, option)
            except ImportError as error:
                self.left_out[name] = f"throughout: {error}"

    def ready(self, k: float, separation: float) -> dict[str, Sampled]:
        """Those that can take this k, each with so many runs a turn as it has the time for."""
        jobs = {}
        for name, peer in list(self.loaded.items()):
            try:
                peer.set("k", k)
                peer.runs(1)  # the first builds what is to be built
                started = processor_seconds()
                peer.runs(1)
                taken = processor_seconds() - started
            except Exception as error:
                self._drop(name, f"from separation {separation:,.0f} on: {error}")
                continue
            if taken > LONGEST:
                self._drop(name, f"from separation {separation:,.0f} on, where a run takes {taken:.1f} s")
                continue
            jobs[name] = Sampled(peer, int(max(1, min(400, SHARE / max(taken, 1e-4)))))
        return jobs

    def _drop(self, name: str, why: str) -> None:
        self.left_out[name] = why
        del self.loaded[name]


def _point(family: Family, separation: float, pairs: int, peers: Peers) -> Point:
    k = rate_for(family, separation, pairs)
    expected = moments(family, k, pairs)
    network = bm.load(family.whole(k, pairs))
    rows = 8 * max(8, 128 // pairs)
    seed = round(1000 * np.log10(separation)) + 100_000 * pairs
    hybrid = Rows(network, "hybrid", T_END, rows, outputs=OUTPUTS, seed=seed)
    ours = Sampled(hybrid, rows)
    slow = Rows(bm.load(family.slow()), "ssa", T_END, rows, outputs=OUTPUTS)
    flow = Rows(bm.load(family.flow(pairs)), "hybrid", 5.0, max(8, 256 // pairs // 8 * 8))
    # steps that its accuracy decides, and not what fires or stability
    flow.stepper = replace(flow.stepper, tolerance=1e-9)
    # at rest, with outputs further apart than an explicit step may be
    stiff = Rows(bm.load(family.flow(pairs)), "hybrid", 2_000.0, max(8, 128 // pairs // 8 * 8), outputs=200)
    each = (expected.fast + expected.slow) / T_END
    short = min(T_END, EXACT_FIRINGS / 8.0 / each)
    exact = Rows(network, "ssa", short, max(8, round(EXACT_FIRINGS / each / short)))
    others = peers.ready(k, separation)
    seconds = alternate(
        {OURS: ours, "slow": slow, "flow": flow, "stiff": stiff, "exact": exact, **others},
        rounds=ROUNDS,
    )
    between = 2.0 * k * T_END / expected.slow  # relaxation times of A and B from one firing to the next
    explicit = max(1.0, between / BS3.stable) * seconds["flow"] / flow.steps
    step = min(explicit, seconds["stiff"] / stiff.steps)
    fired = seconds["slow"] / slow.firings
    taken = {OURS: seconds[OURS] / rows, IDEAL: (fired + step) * expected.slow}
    taken |= {name: seconds[name] / job.count for name, job in others.items()}
    errors = {name: job.errors(expected) for name, job in {OURS: ours, **others}.items()}
    whole = seconds["exact"] / exact.firings * (expected.fast + expected.slow)
    return Point(separation, pairs, taken, whole, expected.slow, hybrid.steps / rows / expected.slow, errors)


def _tables(title: str, what: str, labels: list[str], points: list[Point]) -> str:
    lines = [
        [label, 1e3 * p.exact, 1e3 * p.seconds[OURS], p.exact / p.seconds[OURS], p.exact / p.seconds[IDEAL], p.ns(OURS),
         p.ns(IDEAL), p.seconds[OURS] / p.seconds[IDEAL], p.steps]
        for label, p in zip(labels, points, strict=True)
    ]  # fmt: skip
    head = [
        *(what, "exact, ms a run", "hybrid, ms a run", "times as fast", "the ideal's", "ns a firing", "the ideal's"),
        *("over the ideal", "steps a firing"),
    ]
    first = table(f"Hybrid beside the ideal, {title}, one thread", head, lines)
    names = list(PEERS)
    lines = [
        [label, 1e3 * p.seconds[OURS], *(_time(p, name) for name in names)]
        for label, p in zip(labels, points, strict=True)
    ]
    second = table(f"ms a run of every hybrid (over biomulti's), {title}", [what, OURS, *names], lines)
    lines = [[label, *(_off(p, name) for name in (OURS, *names))] for label, p in zip(labels, points, strict=True)]
    third = table(f"Mean; variance of P, off by % (standard error), {title}", [what, OURS, *names], lines)
    return "\n".join([first, second, third])


def _time(p: Point, name: str) -> str:
    if name not in p.seconds:
        return "-"
    return f"{1e3 * p.seconds[name]:.3g} ({p.seconds[name] / p.seconds[OURS]:.3g})"


def _off(p: Point, name: str) -> str:
    if name not in p.errors:
        return "-"
    return "; ".join(f"{100 * off:+.1f} ({100 * error:.1f})" for off, error in p.errors[name])


STYLES = {
    OURS: ("#8a2a6b", "o", "-"),
    IDEAL: ("0.45", "", "--"),
    "COPASI, LSODA": ("#1f6f8b", "s", "-"),
    "COPASI, Runge-Kutta": ("#58a5b8", "^", "-"),
    "COPASI, RK-45": ("#a9cfd6", "D", "-"),
    "GillesPy2, C++": ("#c98a1b", "v", "-"),
    "GillesPy2, Python": ("#e3be74", "P", "-"),
}


def draw(curves: Mapping[str, list[Point]], path: Path) -> None:
    """Times as fast as exact runs over the separation, and time over the number of fast reactions."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 4.4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(curves))
    for ax, (title, points) in zip(axes, curves.items(), strict=True):
        varied = title == "pairs"
        for name, (colour, marker, line) in STYLES.items():
            known = [p for p in points if name in p.seconds]
            x = [2 * p.pairs if varied else p.separation for p in known]
            y = [1e-3 * p.ns(name) if varied else p.exact / p.seconds[name] for p in known]
            ax.plot(x, y, line, color=colour, marker=marker, markersize=4.5, linewidth=1.6, label=name)
        ax.set(xscale="log", yscale="log")
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8.5)
        ax.grid(True, which="major", color="0.92", linewidth=0.8)
        if varied:
            ax.plot(
                [2 * p.pairs for p in points], [1e6 * p.exact / p.firings for p in points], ":", color="0.2",
                linewidth=1.4, label="exact",
            )  # fmt: skip
            ax.set_xlabel("fast reactions")
            ax.set_xticks([2 * p.pairs for p in points], [str(2 * p.pairs) for p in points])
            ax.minorticks_off()
            ax.set_ylabel("time per slow firing (µs)")
            ax.set_title(f"separation {points[0].separation:,.0f}", fontsize=10, loc="left")
        else:
            ax.axhline(1.0, color="0.2", linewidth=1.4, linestyle=":")
            ax.set_xlabel("fast firings for each slow one")
            ax.set_ylabel("times as fast as exact")
            ax.set_title(title, fontsize=10, loc="left")
    handles, labels = axes[-1].get_legend_handles_labels()
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            if label not in labels:
                handles.append(handle)
                labels.append(label)
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8.5, frameon=False)
    figure.savefig(path)
