"""Influenza within six volunteers: from one network to what can be known of a host, and of a host not seen.

Target cells T, cells in eclipse E, cells that release virus I, free virus V (the shipped network `within_host`):

    T' = -b T V,   E' = b T V - k E,   I' = k E - d I,   V' = p I - c V,   R0 = b p T0/(c d),

with the growth rate r of an infection that has used up few cells, the largest root of (r + k)(r + d)(r + c) = k b p T0.
Baccam and others 2006 (doi:10.1128/JVI.01623-05) fitted it to six volunteers who were given influenza A (H1N1).
Here the same titres are fitted by maximum likelihood and by a Bayesian model of all hosts (`within_host_fit.py`, where
it is written down), each host is predicted from the five others, and a drug that lowers p is held against a trial that
was not fitted (Hayden and others 1996, doi:10.1001/jama.1996.03530280047035).

`python examples/within_host.py` needs `pip install 'biomulti[inference]'`.
"""

from __future__ import annotations

import functools
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

import biomulti as bm
from biomulti.demos.scripts import example

Floats = NDArray[np.float64]

T0 = 4e8  # target cells
LIMIT = 0.5  # log10 TCID50/ml; a of the trial below, assumed here; a 0 says that it was not passed
# log10 TCID50 per ml of nasal wash, six volunteers, days 1 to 7 after inoculation (Baccam and others 2006, table 1)
TITRES = np.array(
    [
        [2.0, 5.5, 4.0, 5.5, 3.0, 0.0, 0.0],
        [1.0, 6.0, 3.0, 1.5, 3.5, 1.3, 0.0],
        [2.5, 5.0, 5.0, 3.0, 5.5, 3.5, 0.0],
        [3.5, 5.5, 6.5, 5.5, 3.5, 4.0, 0.0],
        [2.5, 3.0, 6.5, 6.5, 2.0, 0.8, 0.0],
        [4.0, 5.0, 5.5, 7.5, 5.5, 1.3, 0.0],
    ]
)
# average of the six and its 95 % interval, as published; no intervals are known to us of V0, c and d
BACCAM = {
    "V0": (7.5e-2, None),
    "b": (3.2e-5, (6e-6, 1.7e-4)),
    "p": (4.6e-2, (1.2e-2, 1.7e-1)),
    "k": (4.0, (3.0, 5.2)),
    "d": (5.2, None),
    "c": (5.2, None),
    "R0": (21.775, None),
}
REFERENCE = {"R0": 21.775, "growth rate": 8.517, "peak day": 2.33, "log10 peak": 5.888, "last day above 1": 6.33}
# Mean log10 titres of a trial of zanamivir, days 1 to 8 (figure 2 of Hayden and others 1996, digitised in the R package
# DSAIRM): another strain, none of it fitted. Hours when treatment began: 26 or 32, and 50.
TRIAL = {
    "placebo": (None, [0.97, 2.73, 2.72, 1.92, 0.85, 0.58, 0.42, 0.0]),
    "early": (29.0, [0.93, 1.20, 0.37, 0.02, 0.0, 0.0, 0.0, 0.0]),
    "late": (50.0, [0.80, 3.15, 1.49, 0.38, 0.09, 0.12, 0.0, 0.0]),
}
TRIAL_PEAK, TRIAL_DAYS = 2.0, 3.0  # how far early treatment lowered the peak (log10), and shortened shedding (abstract)
EFFICACIES = (0.9, 0.97, 1.0)
HOUR = 1.0 / 24.0
COLOURS = {"partial": "#1b6ca8", "complete": "#c8553d", "none": "#8a8a8a"}


@functools.lru_cache(maxsize=1)
def inference() -> ModuleType:
    """The fits, which need JAX, NumPyro and ArviZ."""
    return example("within_host_fit")


# --- the network ---


def growth_rate(*, b: float, p: float, k: float, d: float, c: float) -> float:
    """Largest root r of (r + k)(r + d)(r + c) = k b p T0, per day."""
    return float(np.linalg.eigvals([[-k, 0.0, b * T0], [k, -d, 0.0], [0.0, p, -c]]).real.max())


def numbers() -> dict[str, float]:
    """What the network as shipped does, beside its closed forms."""
    one = bm.simulate("within_host", t_end=8.0, every=0.005, method="ode", progress=False)
    t, V = one["time"].values, one["V"].values.squeeze()
    b, p, k, d, c = (BACCAM[name][0] for name in "bpkdc")
    above = np.flatnonzero(V > 1.0)[-1]
    share = np.log(V[above]) / np.log(V[above] / V[above + 1])
    return {
        "R0": b * p * T0 / (c * d),
        "growth rate": float(np.log(V[180] / V[160]) / (t[180] - t[160])),
        "growth rate, closed form": growth_rate(b=b, p=p, k=k, d=d, c=c),
        "peak day": float(t[V.argmax()]),
        "log10 peak": float(np.log10(V.max())),
        "last day above 1": float(t[above] + share * (t[above + 1] - t[above])),
    }


def simulate(theta: Floats, *, days: int = 7, efficacy: float = 0.0, start: float | None = None) -> Floats:
    """log10 V [hosts, days + 1] on days 0, 1, ... by the network, of theta [hosts, 6], log10 of (V0, b, R0, d, k, c).

    From `start` (days, whole hours) on a drug lowers the release of virus to p (1 - efficacy).
    ValueError for hosts, an efficacy or a start that cannot be.
    """
    if np.ndim(theta) != 2 or np.shape(theta)[1] != 6 or not np.isfinite(theta).all():
        raise ValueError(f"theta: [hosts, 6] finite numbers are needed; its shape is {list(np.shape(theta))}.")
    if not 0.0 <= efficacy <= 1.0:
        raise ValueError(f"efficacy {efficacy}: a number from 0 to 1 is needed.")
    if start is not None and not (0.0 <= start <= days and abs(start * 24 - round(start * 24)) < 1e-6):
        raise ValueError(f"start {start}: whole hours within the {days} days are needed, in days.")
    V0, b, R0, d, k, c = 10.0 ** np.asarray(theta).T
    rates = {"b": b, "k": k, "d": d, "c": c, "p": R0 * c * d / (b * T0)}
    state: dict[str, Any] = {"T": np.full(len(V0), T0), "E": np.zeros(len(V0)), "I": np.zeros(len(V0)), "V": V0}
    end = round((days if start is None else start) / HOUR)
    loads = []
    for hours, left in ((end, 1.0), (days * 24 - end, 1.0 - efficacy)):
        if hours:
            part = bm.simulate(
                "within_host",
                t_end=hours * HOUR,
                every=HOUR,
                method="ode",
                initial=state,
                parameters={**rates, "p": left * rates["p"]},
            )
            loads.append(part["V"].transpose("time", "replicate").values[bool(loads) :])
            state = {name: part[name].isel(time=-1).values for name in state}
    return np.log10(np.maximum(np.concatenate(loads)[::24].T, 1e-9))


def error_of_twin(theta: Floats) -> tuple[float, float]:
    """How far `within_host_fit.course` is from the network in log10 V, where V > .1: 99 % quantile, and most."""
    exact = simulate(theta)[:, 1:]
    error = np.abs(inference().courses(theta) - exact)[exact > -1.0]
    return float(np.quantile(error, 0.99)), float(error.max())


# --- a drug ---


def measured(loads: Floats, sigma: Floats, seed: int) -> Floats:
    """Titres as a trial reports them: with noise, and 0 where not above the limit."""
    noisy = loads + sigma[:, None] * np.random.default_rng(seed).normal(size=loads.shape)
    return np.where(noisy > LIMIT, noisy, 0.0)


def trial(theta: Floats, sigma: Floats, *, copies: int, efficacy: float, seed: int = 1) -> dict[str, Any]:
    """Three arms of hosts theta [n, 6] (`copies` of each draw): titres by day, and what a drug changes.

    Every value is [draws]: over them is what we do not know; within each, hosts are averaged.
    """
    arms = {}
    for arm, (hour, _) in TRIAL.items():
        start = None if hour is None else hour * HOUR
        loads = simulate(theta, days=8, efficacy=efficacy, start=start)[:, 1:]
        arms[arm] = measured(loads, sigma, seed).reshape(-1, copies, 8)
    mean = {arm: y.mean(axis=1) for arm, y in arms.items()}
    area = {arm: y.sum(axis=1) for arm, y in mean.items()}
    return {
        "mean": mean,
        "fall early": 1.0 - area["early"] / area["placebo"],
        "fall late": 1.0 - area["late"] / area["placebo"],
        "peak": (arms["placebo"].max(axis=2) - arms["early"].max(axis=2)).mean(axis=1),
        "days": np.median((arms["placebo"] > 0).sum(axis=2), axis=1)
        - np.median((arms["early"] > 0).sum(axis=2), axis=1),
    }


# --- all of it ---


def two_peaks(titres: Floats) -> Floats:
    """Whether titres [..., days] fall by one log10 and rise by one again."""
    before = np.maximum.accumulate(titres, axis=-1)
    after = np.maximum.accumulate(titres[..., ::-1], axis=-1)[..., ::-1]
    return np.asarray((titres <= np.minimum(before, after) - 1.0).any(axis=-1))


def checks(replicated: Floats, titres: Floats = TITRES) -> dict[str, tuple[float, float, float, float]]:
    """Observed value, 5 and 95 % of replicated titres [draws, hosts, days], and the share of these not below it."""
    statistics = {
        "highest titre": lambda y: y.max(axis=(-2, -1)),
        "titres not above the limit": lambda y: (y <= LIMIT).sum(axis=(-2, -1)),
        "not above it on day 7": lambda y: (y[..., 6] <= LIMIT).sum(axis=-1),
        "hosts with two peaks": lambda y: two_peaks(y).sum(axis=-1),
    }
    found = {}
    for name, of in statistics.items():
        again, seen = of(replicated), of(np.maximum(titres, LIMIT))
        found[name] = (
            float(seen),
            *(float(q) for q in np.quantile(again, [0.05, 0.95])),
            float(np.mean(again >= seen)),
        )
    return found


def average(data: Any) -> dict[str, Floats]:
    """The middle host of each draw: V0, b, p, k, d, c, R0 [draws], c = d."""
    mean = data.posterior["mean"].stack(sample=("chain", "draw")).transpose("parameter", "sample").values
    V0, b, R0, d = 10.0**mean
    k = 10.0 ** data.posterior["log10 k"].values.ravel()
    return {"V0": V0, "b": b, "p": R0 * d * d / (b * T0), "k": k, "d": d, "c": d, "R0": R0}


def run(
    titres: Floats = TITRES, *, draws: int = 300, folds: bool = True, seed: int = 1, progress: bool = True
) -> dict[str, Any]:
    """Every fit and prediction; without `folds` no hosts left out, likelihood profiles and trial."""
    fit = inference()
    result: dict[str, Any] = {"titres": titres, "numbers": numbers(), "seed": seed}
    bar = tqdm(total=1 + folds * len(fit.POOLING) * len(titres), desc="Bayesian fits", disable=not progress)
    result["data"] = data = fit.sample(titres, LIMIT, draws=draws, seed=seed)
    bar.update()
    result["diagnostics"], result["average"] = fit.diagnostics(data), average(data)
    theta, sigma = fit.prior_hosts(1000, copies=6, seed=seed)
    prior = fit.courses(theta) + sigma[:, None] * np.random.default_rng(seed).normal(size=(6000, 7))
    result["prior checks"] = checks(np.maximum(prior, LIMIT).reshape(1000, 6, 7), titres)
    again = data.posterior_predictive["titre"].stack(sample=("chain", "draw")).transpose("sample", "host", "day").values
    result["checks"] = checks(again, titres)
    theta, sigma = fit.new_hosts(data, copies=4, seed=seed)
    result["unseen"] = fit.predict(fit.courses(theta), sigma, titres[0], LIMIT, seed=seed)["quantiles"]
    if folds:
        result["alone"] = fit.best_of_each(titres, LIMIT)
        result["as one"] = fit.best_of_all(titres, LIMIT, T0)
        result["left out"] = fit.leave_one_out(titres, LIMIT, draws=draws, seed=seed, fitted=bar.update)
        theta, sigma = fit.new_hosts(data, copies=10, draws=200, seed=seed)
        result["error of twin"] = error_of_twin(theta)
        result["trial"] = {e: trial(theta, sigma, copies=10, efficacy=e, seed=seed) for e in EFFICACIES}
    bar.close()
    return result


def span(x: Floats, form: str = ".3g") -> str:
    """Median and 95 % interval."""
    low, middle, high = np.quantile(x, [0.025, 0.5, 0.975])
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


def told(values: Floats) -> str:
    return ", ".join(f"{name} {x:.3g}" for name, x in zip(inference().NAMES, values, strict=True))


def summary(result: dict[str, Any]) -> str:
    """The numbers, beside those published."""
    lines = ["the network                    simulated   reference"]
    for name, value in result["numbers"].items():
        lines.append(f"  {name:28} {value:9.3f}   {REFERENCE.get(name, REFERENCE['growth rate']):9.3f}")
    lines.append(f"sampling: {result['diagnostics']}")
    lines.append("average host: posterior median (95 %) | all hosts as one, likelihood | Baccam and others")
    for name, x in result["average"].items():
        best, low, high = (10.0**v for v in result["as one"][name]) if "as one" in result else (np.nan,) * 3
        value, interval = BACCAM[name]
        theirs = "" if interval is None else f" ({interval[0]:.2g} to {interval[1]:.2g})"
        lines.append(f"  {name:3} {span(x):28} | {best:.3g} ({low:.2g} to {high:.2g}) | {value:.3g}{theirs}")
    posterior = result["data"].posterior
    lines.append(f"noise of log10 titres {span(posterior['sigma'].values)}; spread over hosts, log10:")
    lines += [f"  {name:3} {span(posterior['spread'].sel(parameter=name).values)}" for name in inference().NAMES]
    drawn = {name: np.log10(result["average"][name]) for name in ("V0", "b", "p", "R0")}
    for one, other in (("b", "p"), ("V0", "R0")):
        lines.append(f"correlation of log10 {one}, {other}: {np.corrcoef(drawn[one], drawn[other])[0, 1]:.2f}")
    apart = posterior["theta"].mean(("chain", "draw")).std("host").values
    lines.append("sd over hosts of what each is, on average: " + told(apart))
    fall = (posterior["load"].sel(day=6) - posterior["load"].sel(day=7)).values
    lines.append(f"fall of log10 V from day 6 to 7 {span(fall)}")
    for kind in ("prior checks", "checks"):
        lines.append(f"{kind}: seen; 5 to 95 % of new titres; share not below")
        lines += [f"  {n:28} {s:.1f}; {a:.1f} to {b:.1f}; {p:.2f}" for n, (s, a, b, p) in result[kind].items()]
    if "left out" not in result:
        return "\n".join(lines)
    usual, most = result["error of twin"]
    lines.append(f"twin against network, log10 V: {usual:.3f} (99 %), {most:.2f} (most)")
    lines.append("sd over hosts of what each is alone: " + told(result["alone"]["theta"].std(axis=0)))
    lines.append(f"each host alone, likelihood: sigma {result['alone']['sigma']:.2f}; log10 of V0, b, R0, d (95 %)")
    for j, (best, interval) in enumerate(zip(result["alone"]["theta"], result["alone"]["interval"], strict=True)):
        cells = [f"{x:6.2f} ({a:.2f} to {b:.2f})" for x, (a, b) in zip(best, interval, strict=True)]
        lines.append(f"  {j + 1}  " + "  ".join(cells))
    lines.append("hosts left out: log density, coverage of 50 and 90 % intervals, mean absolute error, effective draws")
    for pooling, found in result["left out"].items():
        for when in ("before", "after"):
            s = found[when]
            lines.append(
                f"  {pooling:9} {when:7} {s['log_density']:7.1f}  {s['within_50']:.2f}  {s['within_90']:.2f}  "
                f"{s['error']:.2f}  {s['effective']:.0f}"
                + (f"  (R-hat {found['r_hat']:.3f}, divergent {found['divergences']})" if found["r_hat"] else "")
            )
    for one, other in (("partial", "complete"), ("partial", "none")):
        for when in ("before", "after"):
            ahead = result["left out"][one][when]["each"] - result["left out"][other][when]["each"]
            error = ahead.std(ddof=1) * np.sqrt(len(ahead))
            lines.append(f"  {one} ahead of {other}, {when}: {ahead.sum():.1f}, standard error {error:.1f}")
    area = {arm: sum(y) for arm, (_, y) in TRIAL.items()}
    lines.append(
        f"zanamivir, measured: titres fall by {1 - area['early'] / area['placebo']:.2f} (early), "
        f"{1 - area['late'] / area['placebo']:.2f} (late); peak by {TRIAL_PEAK}, days of shedding by {TRIAL_DAYS:.0f}"
    )
    highest = result["trial"][EFFICACIES[0]]["mean"]["placebo"].max(axis=1)
    lines.append(f"  highest mean titre without a drug: {max(TRIAL['placebo'][1])}; predicted {span(highest, '.1f')}")
    for efficacy, t in result["trial"].items():
        cells = [f"{name} {span(t[name], '.2f')}" for name in ("fall early", "fall late", "peak", "days")]
        lines.append(f"  efficacy {efficacy}: {'; '.join(cells)}")
    return "\n".join(lines)


# --- pictures ---


def band(axes: Axes, quantiles: Floats, colour: str, label: str | None = None) -> None:
    """50 and 90 % intervals and the median of the last days of the week."""
    days = np.arange(8 - quantiles.shape[1], 8)
    axes.fill_between(days, quantiles[0], quantiles[4], color=colour, alpha=0.18, lw=0)
    axes.fill_between(days, quantiles[1], quantiles[3], color=colour, alpha=0.3, lw=0)
    axes.plot(days, quantiles[2], color=colour, lw=1.8, label=label)


def titre_axes(axes: Axes) -> None:
    axes.axhline(LIMIT, color="0.5", lw=0.8, ls=":")
    axes.set(xlim=(0.8, 7.2), ylim=(0.0, 9.0), xlabel="days after inoculation", ylabel="log10 TCID50/ml")


def panel(axes: Axes, result: dict[str, Any]) -> None:
    """The one picture: what the six showed, and the titres of a host not yet seen."""
    band(axes, result["unseen"], COLOURS["partial"], "a host not seen: 50, 90 %")
    for j, y in enumerate(result["titres"]):
        axes.plot(
            np.arange(1, 8),
            np.maximum(y, LIMIT),
            "o-",
            ms=3,
            lw=0.6,
            color="k",
            alpha=0.55,
            label=None if j else "six volunteers",
        )
    titre_axes(axes)
    axes.legend(frameon=False, fontsize=8, loc="upper right")


def draw(result: dict[str, Any], path: Path | None = None) -> Figure:
    """Hosts and their forecasts, the average host beside the published one, what can be told apart, and the trial."""
    figure, grid = plt.subplots(3, 4, figsize=(16, 11), constrained_layout=True)
    forecasts = result["left out"]["partial"]["forecasts"]
    for j, axes in enumerate(grid[:2, :3].ravel()):
        band(axes, forecasts[j]["quantiles"], COLOURS["partial"], "from its days 1, 2 and the others")
        axes.plot(
            np.arange(3, 8),
            result["left out"]["complete"]["forecasts"][j]["quantiles"][2],
            "--",
            color=COLOURS["complete"],
            label="complete pooling",
        )
        axes.plot(
            np.arange(3, 8),
            result["left out"]["none"]["forecasts"][j]["quantiles"][2],
            ":",
            color=COLOURS["none"],
            lw=2,
            label="no pooling",
        )
        y = result["titres"][j]
        for shown, face in ((y > LIMIT, "k"), (y <= LIMIT, "w")):
            axes.plot(np.arange(1, 8)[shown], np.maximum(y, LIMIT)[shown], "o", mec="k", mfc=face, ms=5)
        titre_axes(axes)
        axes.set_title(f"volunteer {j + 1}, left out", fontsize=10)
    grid[0, 0].legend(frameon=False, fontsize=8, loc="upper right")
    draw_average(grid[0, 3], result)
    draws = result["average"]
    grid[1, 3].loglog(draws["b"], draws["p"], ".", ms=2, color=COLOURS["partial"], alpha=0.5)
    grid[1, 3].loglog(BACCAM["b"][0], BACCAM["p"][0], "k*", ms=10)
    r = np.corrcoef(np.log(draws["b"]), np.log(draws["p"]))[0, 1]
    grid[1, 3].set(xlabel="b, ml/TCID50/day", ylabel="p, TCID50/ml/day")
    grid[1, 3].set_title(f"b and p of the average host, correlation {r:.2f}", fontsize=10)
    panel(grid[2, 0], result)
    grid[2, 0].set_title("before any data of a host", fontsize=10)
    draw_scores(grid[2, 1], result)
    draw_trial(grid[2, 2:], result)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=110)
    return figure


def draw_average(axes: Axes, result: dict[str, Any]) -> None:
    """Ratios to the published average, so that all fit on one axis."""
    for row, name in enumerate(BACCAM):
        value, interval = BACCAM[name]
        low, middle, high = np.quantile(result["average"][name], [0.025, 0.5, 0.975]) / value
        axes.plot([low, high], [row, row], color=COLOURS["partial"], lw=3, label=None if row else "posterior")
        axes.plot(middle, row, "o", color=COLOURS["partial"])
        best, low, high = (10.0**v / value for v in result["as one"][name])
        axes.plot(
            np.clip([low, high], 1e-4, 1e4),
            [row + 0.25] * 2,
            color=COLOURS["complete"],
            lw=2,
            label=None if row else "likelihood, as one",
        )
        axes.plot(best, row + 0.25, "s", ms=4, color=COLOURS["complete"])
        if interval is not None:
            axes.plot(
                np.array(interval) / value,
                [row - 0.25] * 2,
                color="k",
                lw=2,
                label="Baccam 2006" if name == "b" else None,
            )
        axes.plot(1.0, row - 0.25, "k*", ms=6)
    axes.set(xscale="log", xlim=(1e-3, 1e3), ylim=(len(BACCAM) + 0.4, -0.6), xlabel="over the published average")
    axes.set_yticks(range(len(BACCAM)), list(BACCAM))
    axes.legend(frameon=False, fontsize=7, loc="lower right")
    axes.set_title("average host, 95 %", fontsize=10)


def draw_scores(axes: Axes, result: dict[str, Any]) -> None:
    names = {"none": "no pooling", "partial": "partial", "complete": "complete"}
    for row, when in enumerate(("before", "after")):
        for n, (pooling, name) in enumerate(names.items()):
            s = result["left out"][pooling][when]
            place = row + 0.26 * (n - 1)
            axes.bar(place, -s["log_density"], 0.24, color=COLOURS[pooling], label=None if row else name)
            axes.text(place, -s["log_density"] + 1.0, f"{s['error']:.2f}", ha="center", fontsize=8)
    axes.set_xticks([0, 1], ["all days, none seen", "days 3 to 7, two seen"])
    axes.set(ylabel="- log density of the titres left out", ylim=(0, 1.25 * axes.get_ylim()[1]))
    axes.legend(frameon=False, fontsize=8)
    axes.set_title("hosts left out (above bars: mean error, log10)", fontsize=10)


def draw_trial(grid: Any, result: dict[str, Any]) -> None:
    """Mean titres of the arms at efficacy .97, and the fall for each efficacy."""
    days, shades = np.arange(1, 9), {"placebo": "0.35", "early": "#2a9d5c", "late": "#d99a1c"}
    for arm, (_, y) in TRIAL.items():
        low, high = np.quantile(result["trial"][0.97]["mean"][arm], [0.05, 0.95], axis=0)
        grid[0].fill_between(days, low, high, color=shades[arm], alpha=0.3, lw=0)
        grid[0].plot(days, y, "o-", ms=4, lw=1, color=shades[arm], label=arm)
    grid[0].set(xlabel="days after inoculation", ylabel="mean log10 titre (not found: 0)")
    grid[0].legend(frameon=False, fontsize=8)
    grid[0].set_title("zanamivir: bands predicted (efficacy .97), dots measured", fontsize=9)
    area = {arm: sum(y) for arm, (_, y) in TRIAL.items()}
    for aside, arm in ((-0.08, "early"), (0.08, "late")):
        for n, efficacy in zip(np.arange(len(EFFICACIES)) + aside, EFFICACIES, strict=True):
            low, middle, high = np.quantile(result["trial"][efficacy][f"fall {arm}"], [0.025, 0.5, 0.975])
            grid[1].plot([n, n], [low, high], color=shades[arm], lw=3)
            grid[1].plot(n, middle, "o", color=shades[arm])
        grid[1].axhline(1.0 - area[arm] / area["placebo"], color=shades[arm], ls="--", label=f"{arm}, measured")
    grid[1].set_xticks(range(len(EFFICACIES)), [f"{e:g}" for e in EFFICACIES])
    grid[1].set(xlabel="efficacy", ylabel="fall of the summed log10 titre", ylim=(-0.3, 1))
    grid[1].legend(frameon=False, fontsize=8, loc="upper left")
    grid[1].set_title("a trial that was not fitted", fontsize=10)


def save(data: Any, folder: Path) -> Path:
    """The posterior for ArviZ: netCDF, or zarr where nothing writes netCDF."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return Path(data.to_netcdf(str(folder / "within_host.nc")))
    except (ImportError, ValueError):
        data.to_zarr(str(folder / "within_host.zarr"))
        return folder / "within_host.zarr"


if __name__ == "__main__":
    found = run()
    print(summary(found))
    draw(found, Path("results/within_host.png"))
    print("results/within_host.png, and the draws in", save(found["data"], Path("results")))
