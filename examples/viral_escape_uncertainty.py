"""How sure is a wave? What is not known is kept apart from what is chance, and each factor gets its share.

Epistemic: ddG as measured and ten parameters, each with an interval (`FACTORS`). Aleatory: the titre of the person
infected, and how many people a case happens to infect. With theta for all that is not known,

    Var(Y) = E[Var(Y | theta)] + Var(E[Y | theta])         (aleatory + epistemic)

for Y = whether one import starts a wave, and Y = the secondary cases of one person. Outer samples are drawn of theta,
inner ones of chains of cases. Sobol's indices, the shares of Var(R_eff) due to a factor alone (first order) and with
all its interactions (total), are those of SALib (Iwanaga, Usher and Herman 2022, doi:10.18174/sesmo.18155) by
Saltelli's design (Saltelli et al. 2010, doi:10.1016/j.cpc.2009.09.018).

`python examples/viral_escape_uncertainty.py`
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from biomulti.demos.scripts import example

chain = example("viral_escape")
wave = example("viral_escape_wave")

checked = chain.titres.checked
Floats = NDArray[np.float64]

DDG = 2.0  # kcal/mol, the mutation that is asked about
ERROR = 0.4  # kcal/mol, sd of a measured ddG
SPREAD = 0.55  # sd of log10 titre over people: 95 of them, against 78 H3N2 strains of 2023 (see the page)
HOSTS = 8  # titres of the immune for each theta
EVERY = 0.1  # days between outputs
# 95 % intervals of log-normal factors. b, p, k: Baccam et al. 2006; R0: the spread of estimates for 1918, Biggerstaff
# et al. 2014, doi:10.1186/1471-2334-14-480, about 2; the others chosen
INTERVALS = {
    "b": (6e-6, 1.7e-4),
    "p": (1.2e-2, 1.7e-1),
    "k": (3.0, 5.2),
    "V": (7.5e-3, 7.5e-1),
    "titre": (25.0, 400.0),
    "R0": (1.064, 3.76),
    "kill_max": (4.0, 16.0),
    "half": (1e3, 1e5),
}
FACTORS: dict[str, tuple[str, list[float]]] = {
    "ddG": ("norm", [0.0, ERROR]),  # the error of its measurement
    "immune": ("unif", [0.7, 0.9]),
    "kill_from": ("unif", [3.0, 5.0]),
    **{
        name: ("lognorm", [0.5 * math.log(low * high), math.log(high / low) / (2.0 * norm.ppf(0.975))])
        for name, (low, high) in INTERVALS.items()
    },
}
NAMES = {
    "ddG": "ddG, as measured", "immune": "share immune", "kill_from": "first day of killing", "b": "infection rate b",
    "p": "release rate p", "k": "eclipse rate k", "V": "virus at the start", "titre": "median titre", "R0": "R0",
    "kill_max": "rate of killing", "half": "half-infectious load",
}  # fmt: skip


def salib() -> tuple[Any, Any]:
    """SALib's Sobol sampling and analysis. Raises ImportError, saying what to install, where it is missing."""
    try:
        from SALib.analyze import sobol as analysis  # type: ignore[import-untyped]
        from SALib.sample import sobol as sampling  # type: ignore[import-untyped]
    except ImportError as missing:
        raise ImportError("Sobol indices need SALib: pip install 'biomulti[inference]'") from missing
    return sampling, analysis


def problem(factors: Mapping[str, tuple[str, list[float]]]) -> dict[str, Any]:
    """The factors as SALib has them."""
    kinds, bounds = zip(*factors.values(), strict=True)
    return {"num_vars": len(factors), "names": list(factors), "dists": list(kinds), "bounds": list(bounds)}


def drawn(n: int, *, seed: int, correlation: float = 0.0, only: tuple[str, ...] = tuple(FACTORS)) -> Floats:
    """Values [n, factors] of what is not known; correlation: of ln b and ln p. All but `only` stay at the median."""
    checked("n", n, 1)
    checked("correlation", correlation, -1.0, 1.0)
    if unknown := set(only) - set(FACTORS):
        raise ValueError(f"no factor {', '.join(sorted(unknown))}; there are {', '.join(FACTORS)}.")
    z = np.random.default_rng(seed).standard_normal((n, len(FACTORS)))
    names = list(FACTORS)
    b, p = names.index("b"), names.index("p")
    z[:, p] = correlation * z[:, b] + math.sqrt(1.0 - correlation**2) * z[:, p]
    z *= [name in only for name in names]
    columns = []
    for k, (kind, (first, second)) in enumerate(FACTORS.values()):
        if kind == "unif":
            columns.append(first + (second - first) * norm.cdf(z[:, k]))
        else:
            normal = first + second * z[:, k]
            columns.append(np.exp(normal) if kind == "lognorm" else normal)
    return np.stack(columns, axis=1)


def answers(
    values: Floats,
    ddg: float | Floats | Mapping[str, Floats] = DDG,
    *,
    shares: Mapping[str, float] | None = None,
    spread: float = SPREAD,
    progress: bool = False,
    **options: Any,
) -> tuple[Any, Any]:
    """The chain for values [n, factors]: an Escape of n, and the populations.

    ddg: of every class, or by class; its error is the same for all. shares: of classes of antibody, one unless given.
    """
    given = dict(zip(FACTORS, values.T, strict=True))
    level, error = given.pop("titre") / chain.TITRE, given.pop("ddG")
    titre = {name: a * level for name, a in chain.serum(shares or {"antibody": 1.0}).items()}
    people = chain.Population(r0=given.pop("R0"), immune=given.pop("immune"), titre=titre, spread=spread)
    energies = {c: e + error for c, e in ddg.items()} if isinstance(ddg, Mapping) else ddg + error
    return chain.escape(energies, people, hosts=HOSTS, every=EVERY, progress=progress, **given, **options), people


def mutated(
    mutations: Sequence[str], n: int = 400, *, error: float = ERROR, seed: int = 1, **options: Any
) -> dict[str, float]:
    """R_eff and P(wave) of named mutations, given that the wild type is held (its R_eff < 1 in the same population).

    For each theta the antibodies of each class of the scans are drawn anew. error: sd of ddG, kcal/mol, the same in all
    classes. "held": the share of theta for which the wild type is.
    """
    checked("error", error, 0.0)
    values, shares = drawn(n, seed=seed), chain.scans.weights()
    known = values.copy()
    known[:, list(FACTORS).index("ddG")] = 0.0
    values[:, list(FACTORS).index("ddG")] *= error / ERROR
    held = answers(known, dict.fromkeys(shares, np.zeros(n)), shares=shares, **options)[0].r_eff < 1.0
    ddg = chain.scans.ddg_samples(mutations, samples=n, seed=seed)
    found, people = answers(values, ddg, shares=shares, **options)
    low, median, high = np.quantile(found.r_eff[held], [0.025, 0.5, 0.975])
    return {
        "R_eff, 2.5 %": float(low),
        "R_eff, median": float(median),
        "R_eff, 97.5 %": float(high),
        "P(R_eff > 1)": float(np.mean(found.r_eff[held] > 1.0)),
        "P(wave)": float(chain.chance_of_a_wave(found, people)[held].mean()),
        "held": float(held.mean()),
    }


def band(
    grid: Floats, n: int = 200, *, seed: int = 1, progress: bool = True, **options: Any
) -> tuple[Floats, Floats, Floats]:
    """Chance of a wave [n, ddG] for each theta, R_eff [n, ddG], and the chance [n, ddG] if only ddG is not known."""
    values = drawn(n, seed=seed)
    found, people = answers(np.repeat(values, len(grid), axis=0), np.tile(grid, n), progress=progress, **options)
    chances = chain.chance_of_a_wave(found, people).reshape(n, len(grid))
    fine = np.linspace(grid[0] - 1.5, grid[-1] + 1.5, 161)
    best, others = answers(drawn(len(fine), seed=1, only=()), fine, **options)
    error = drawn(n, seed=seed, only=("ddG",))[:, 0]
    alone = np.interp(grid + error[:, None], fine, chain.chance_of_a_wave(best, others))
    return chances, found.r_eff.reshape(n, len(grid)), alone


def nested(
    ddg: float = DDG, *, outer: int = 400, inner: int = 400, seed: int = 1, correlation: float = 0.0, **options: Any
) -> dict[str, float]:
    """Aleatory and epistemic parts of the variance, by outer samples of theta and inner chains of cases.

    The variance of a mean of `inner` is taken off that between outer samples, so that both parts are unbiased.
    """
    checked("outer", outer, 2)
    checked("inner", inner, 2)
    values = drawn(outer, seed=seed, correlation=correlation)
    found, people = answers(values, ddg, **options)
    wild = answers(np.where(np.array(list(FACTORS)) == "ddG", 0.0, values), 0.0, **options)[0]
    means, weights = chain.offspring(found, people)
    cases = np.array(
        [
            wave.simulated_imports(m, w, people.dispersion, n=inner, seed=seed * 1_000_003 + i) >= wave.MANY
            if r > 0.0
            else np.zeros(inner, dtype=bool)
            for i, (m, w, r) in enumerate(zip(means, weights, found.r_eff, strict=True))
        ]
    )
    share = cases.mean(axis=1)
    aleatory = float(np.mean(share * (1.0 - share)) * inner / (inner - 1))
    epistemic = float(share.var(ddof=1) - aleatory / inner)
    exact = chain.chance_of_a_wave(found, people)
    mean = np.sum(weights * means, axis=1)
    between = np.sum(weights * (means - mean[:, None]) ** 2, axis=1)
    branching = np.sum(weights * (means + means**2 / people.dispersion), axis=1)
    low, median, high = np.quantile(found.r_eff, [0.025, 0.5, 0.975])
    return {
        "R_eff, 2.5 %": float(low),
        "R_eff, median": float(median),
        "R_eff, 97.5 %": float(high),
        "P(R_eff > 1)": float(np.mean(found.r_eff > 1.0)),
        "wild type not held": float(np.mean(wild.r_eff >= 1.0)),
        "no infectious host": float(np.mean(found.naive == 0.0)),
        "P(wave)": float(share.mean()),
        "P(wave), closed form": float(exact.mean()),
        "wave: aleatory variance": aleatory,
        "wave: epistemic variance": epistemic,
        "wave: aleatory, closed form": float(np.mean(exact * (1.0 - exact))),
        "wave: epistemic, closed form": float(exact.var(ddof=1)),
        "cases: chance of the number infected": float(branching.mean()),
        "cases: titre of the person": float(between.mean()),
        "cases: epistemic variance": float(mean.var(ddof=1)),
    }


def over_seeds(seeds: Sequence[int] = (1, 2, 3, 4), **options: Any) -> dict[str, tuple[float, float]]:
    """`nested` for several seeds: the mean of each figure and its standard deviation over seeds."""
    found = [nested(seed=seed, **options) for seed in seeds]
    return {k: (float(np.mean(x)), float(np.std(x, ddof=1))) for k in found[0] for x in [[f[k] for f in found]]}


def if_known(n: int = 2000, *, seed: int = 1) -> dict[str, float]:
    """R_eff and P(wave) with everything at its median, and R_eff were only ddG unsure."""
    found, people = answers(drawn(1, seed=seed, only=()))
    unsure = answers(drawn(n, seed=seed, only=("ddG",)))[0].r_eff
    return {
        "R_eff": float(found.r_eff[0]),
        "P(wave)": float(chain.chance_of_a_wave(found, people)[0]),
        "low": float(np.quantile(unsure, 0.025)),
        "high": float(np.quantile(unsure, 0.975)),
        "P(R_eff > 1)": float(np.mean(unsure > 1.0)),
    }


def indices(
    model: Callable[[Floats], Floats], factors: Mapping[str, tuple[str, list[float]]], n: int, *, seed: int = 1
) -> list[tuple[int, dict[str, Floats]]]:
    """Sobol's indices of a model of values [rows, factors], from n / 8, n / 4, n / 2 and n base samples.

    Each is SALib's answer: S1, ST and half the width of their 95 % intervals, S1_conf and ST_conf, all [factors].
    Raises ValueError unless n is a power of 2, 32 or more.
    """
    if n < 32 or n & (n - 1):
        raise ValueError(f"n = {n}: give a power of 2, 32 or more, of base samples.")
    sampling, analysis = salib()
    what = problem(factors)
    rows = sampling.sample(what, n, calc_second_order=False, scramble=True, seed=seed)
    y = model(rows)
    steps = [n // 8, n // 4, n // 2, n]
    each = len(factors) + 2
    return [(m, analysis.analyze(what, y[: m * each], calc_second_order=False, seed=seed)) for m in steps]


def sensitivity(n: int = 1024, *, ddg: float = DDG, seed: int = 1, progress: bool = True) -> list[Any]:
    """Sobol's indices of R_eff."""
    return indices(lambda rows: answers(rows, ddg, progress=progress)[0].r_eff, FACTORS, n, seed=seed)


def run(*, n: int = 200, outer: int = 400, base: int = 1024, seed: int = 1, progress: bool = True) -> dict[str, Any]:
    """All of it."""
    grid = np.linspace(0.0, 4.0, 21)
    named = {name: chain.scans.NAMED.get(key, key).split() for name, key in chain.SHOWN.items()}
    # what scans got wrong where IC50s are known
    wrong = math.sqrt(np.mean([chain.scans.error_of_ddg(variant) ** 2 for variant in chain.scans.MEASURED]))
    return {
        "ddG": grid,
        "band": band(grid, n, seed=seed, progress=progress),
        "nested": over_seeds(outer=outer),
        "correlated": over_seeds(outer=outer, correlation=-0.9),
        "known": if_known(seed=seed),
        "named": {name: mutated(m) for name, m in named.items()},
        "as IC50s": {name: mutated(m, error=wrong)["P(wave)"] for name, m in named.items()},
        "wrong": wrong,
        "Sobol": sensitivity(base, seed=seed, progress=progress),
    }


def summary(found: Mapping[str, Any]) -> str:
    """Variances and indices as text."""
    known = found["known"]
    lines = [f"{'2 kcal/mol, four seeds':38} {'b, p independent':>17} {'b, p at r = -.9':>17}"]
    for name, (mean, sd) in found["nested"].items():
        lines.append(f"{name:38} {mean:8.3f} +- {sd:.3f} {{:8.3f}} +- {{:.3f}}".format(*found["correlated"][name]))
    lines += [
        f"everything at its median: R_eff {known['R_eff']:.2f}, P(wave) {known['P(wave)']:.3f}; only ddG unsure: R_eff "
        f"{known['low']:.2f} to {known['high']:.2f}, above 1 with {known['P(R_eff > 1)']:.2f}",
        f"of named mutations, where the wild type is held, as it is with {found['named']['E484K']['held']:.2f}:",
    ]
    lines += [
        f"{name}: R_eff {x['R_eff, median']:.2f} ({x['R_eff, 2.5 %']:.2f} to {x['R_eff, 97.5 %']:.2f}), above 1 with "
        f"{x['P(R_eff > 1)']:.2f}, P(wave) {x['P(wave)']:.3f} (ddG's error {found['wrong']:.2f}: "
        f"{found['as IC50s'][name]:.3f})"
        for name, x in found["named"].items()
    ]
    lines += ["", f"{'Sobol indices of R_eff':24} {'first order':>16} {'total':>16}   total with n/8, n/4, n/2, n"]
    last = found["Sobol"][-1][1]
    for k in np.argsort(-np.asarray(last["ST"])):
        name = list(FACTORS)[k]
        lines.append(
            f"{NAMES[name]:24} {last['S1'][k]:7.3f} +- {last['S1_conf'][k]:.3f} {last['ST'][k]:7.3f} +- "
            f"{last['ST_conf'][k]:.3f}   " + " ".join(f"{s['ST'][k]:.3f}" for _, s in found["Sobol"])
        )
    return "\n".join(lines)


def draw_band(axes: Any, grid: Floats, chances: Floats, alone: Floats) -> None:
    """P(wave) from one import against ddG: the mean, 50 % and 90 % of theta, and ddG's error alone."""
    for tail, shade in ((0.05, 0.15), (0.25, 0.3)):
        axes.fill_between(
            grid, *np.quantile(chances, [tail, 1.0 - tail], axis=0), color="#2171b5", alpha=shade, lw=0,
            label=f"{100 * (1 - 2 * tail):.0f} % of parameter sets",
        )  # fmt: skip
    axes.plot(grid, chances.mean(axis=0), color="#08306b", label="mean: P(wave)")
    for edge in np.quantile(alone, [0.05, 0.95], axis=0):
        axes.plot(grid, edge, ":", color="#cb181d")
    axes.plot([], [], ":", color="#cb181d", label="90 %, only ddG unsure")
    axes.set(xlabel="ddG, kcal/mol", ylabel="P(wave) from one import", ylim=(0, 1))
    axes.legend(frameon=False, fontsize=7, loc="upper left")


def draw_indices(axes: Any, steps: list[Any]) -> None:
    """Total and first-order indices with their 95 % intervals."""
    last = steps[-1][1]
    order = np.argsort(np.asarray(last["ST"]))
    at = np.arange(len(order))
    for what, shift, colour in (("S1", 0.2, "#6baed6"), ("ST", -0.2, "#08519c")):
        axes.barh(
            at + shift, np.asarray(last[what])[order], 0.38, xerr=np.asarray(last[f"{what}_conf"])[order], color=colour,
            error_kw={"lw": 0.8}, label={"S1": "first order", "ST": "total"}[what],
        )  # fmt: skip
    axes.set_yticks(at, [NAMES[list(FACTORS)[k]] for k in order], fontsize=7)
    axes.set(xlabel="Sobol index of R_eff")
    axes.legend(frameon=False, fontsize=8, loc="lower right")


def draw_convergence(axes: Any, steps: list[Any]) -> None:
    """The largest indices against the number of base samples."""
    last = steps[-1][1]
    for k in np.argsort(-np.asarray(last["ST"]))[:5]:
        axes.errorbar(
            [n for n, _ in steps], [s["ST"][k] for _, s in steps], yerr=[s["ST_conf"][k] for _, s in steps],
            marker="o", ms=3, lw=1, capsize=2, label=NAMES[list(FACTORS)[k]],
        )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set(xlabel="base samples", ylabel="total index", ylim=(0, 0.8))
    axes.legend(frameon=False, fontsize=7)


def draw(found: Mapping[str, Any], path: Path) -> None:
    """P(wave) against ddG, indices, their convergence."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    chances, _, alone = found["band"]
    draw_band(axes[0], found["ddG"], chances, alone)
    draw_indices(axes[1], found["Sobol"])
    draw_convergence(axes[2], found["Sobol"])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    salib()
    result = run()
    print(summary(result))
    draw(result, Path("results/viral_escape_uncertainty.png"))
