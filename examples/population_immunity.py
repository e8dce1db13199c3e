"""Selection between variants of SARS-CoV-2 from titres: what a population's immunity does to the next variant.

Of a population the share C_i^k is protected from variant i by immunity of kind k (`titre_immunity.py`). Variants differ
in fitness by

    s = s0 + sum_k gamma_k (C_old^k - C_new^k)                                       law "linear",
    s = s0 + b log((1 - sum_k C_new^k) / (1 - sum_k C_old^k))                        law "susceptible",

the first after Meijers and others 2023 (doi:10.1016/j.cell.2023.09.022), who measured s as the growth of
log(new / old) over 30 days in sequences of countries and states, in four shifts: wild type to alpha, to delta, to
omicron BA.1, to BA.2. They fitted gamma anew for omicron: law "epochs", where before gamma of infection is twice that
of vaccination. The other law says that each variant grows with those whom it can infect; b would be one over the
generation time. s0, what a variant gains in other ways, is its own: no titre knows it.

`python examples/population_immunity.py`
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomulti.demos.scripts import example

Floats = NDArray[np.float64]

titres = example("titre_immunity")
# days: behind R of Meijers' tables; they have none for BA.2, which is taken as omicron's
GENERATION = {"alpha": 6.0, "delta": 5.1, "omicron": 3.4, "BA.2": 3.4}
WINDOW = 30.0  # days over which a slope was measured
SHIFTS = ("alpha", "delta", "omicron", "BA.2")
LAWS = ("linear", "epochs", "susceptible", "none")
LATE = ("omicron", "BA.2")
OBSERVED = {"alpha": 0.077, "delta": 0.091, "omicron": 0.125, "BA.2": 0.078}  # per day, means of the tables of slopes
PUBLISHED = titres.PUBLISHED
TABLE = Path(__file__).with_name("population_immunity.csv")
COLUMNS = ("slope", "variance", "vac_old", "vac_new", "inf_old", "inf_new", "logit_start", "logit_end")


@dataclass(frozen=True)
class Windows:
    """What was measured in windows of 30 days: shift, country [n], day [n] of its middle (44196 is 1 January 2021).

    slope, variance: of log(new / old), per day. old, new: protection from either by vaccination and infection [n, 2].
    logit: of the new variant's share among the two at the start and the end [n, 2], nan where not given.
    """

    shift: NDArray[np.str_]
    country: NDArray[np.str_]
    day: Floats
    slope: Floats
    variance: Floats
    old: Floats
    new: Floats
    logit: Floats

    def where(self, mask: NDArray[np.bool_]) -> Windows:
        return Windows(*(getattr(self, name)[mask] for name in self.__dataclass_fields__))


def windows(rows: Iterable[Mapping[str, str]]) -> Windows:
    """The rows of the table beside this script, or of `titre_immunity.from_folder`."""
    rows = list(rows)
    v = {name: np.array([float(r[name] or "nan") for r in rows]) for name in ("day", *COLUMNS)}
    return Windows(
        np.array([r["shift"] for r in rows]),
        np.array([r["country"] for r in rows]),
        v["day"],
        v["slope"],
        v["variance"],
        np.stack([v["vac_old"], v["inf_old"]], axis=1),
        np.stack([v["vac_new"], v["inf_new"]], axis=1),
        np.stack([v["logit_start"], v["logit_end"]], axis=1),
    )


def carried(path: Path = TABLE) -> Windows:
    """The table that lies beside this script."""
    with path.open(encoding="utf-8", newline="") as lines:
        return windows(csv.DictReader(lines))


def effects(data: Windows, law: str) -> Floats:
    """What multiplies gamma (vaccination, infection) or b in each window, [n, 2], [n, 3], [n, 1] or [n, 0].

    Raises ValueError for another law.
    """
    if law == "linear":
        return data.old - data.new
    if law == "epochs":
        gain, late = data.old - data.new, np.isin(data.shift, LATE)
        return np.stack([~late * (gain @ [1.0, 2.0]), late * gain[:, 0], late * gain[:, 1]], axis=1)
    if law == "susceptible":
        return np.asarray(np.log((1.0 - data.new.sum(axis=1)) / (1.0 - data.old.sum(axis=1))))[:, None]
    if law == "none":
        return np.zeros((len(data.day), 0))
    raise ValueError(f"law {law!r}: choose one of {', '.join(LAWS)}.")


def design(data: Windows, law: str, shifts: tuple[str, ...]) -> Floats:
    """Columns of s0, one for each shift, and those of the effects."""
    return np.hstack([(data.shift[:, None] == np.array(shifts)).astype(float), effects(data, law)])


@dataclass(frozen=True)
class Fit:
    """s0 of each shift and gamma (or b), `value` [m]; standard deviations of countries and windows, per day.

    left, right: X' V^-1 X [countries, m, m] and X' V^-1 y [countries, m], to resample or leave out countries.
    """

    law: str
    shifts: tuple[str, ...]
    value: Floats
    spread: tuple[float, float]
    countries: tuple[str, ...]
    left: Floats
    right: Floats

    @property
    def s0(self) -> Floats:
        return self.value[: len(self.shifts)]

    @property
    def gamma(self) -> Floats:
        return self.value[len(self.shifts) :]

    def resampled(self, samples: int = 2000, seed: int = 1) -> Floats:
        """The value [samples, m] with whole countries, all their shifts, drawn anew with replacement."""
        n = len(self.countries)
        times = np.random.default_rng(seed).multinomial(n, np.full(n, 1.0 / n), samples).astype(float)
        return np.array([_solve(np.tensordot(w, self.left, 1), w @ self.right) for w in times])

    def without(self, country: str) -> Floats:
        """The value had this country not been seen, but for the two variances. Raises ValueError for one not known."""
        if country not in self.countries:
            raise ValueError(f"country {country!r}: choose one of {', '.join(self.countries)}.")
        keep = np.array(self.countries) != country
        return _solve(self.left[keep].sum(axis=0), self.right[keep].sum(axis=0))


def _solve(left: Floats, right: Floats) -> Floats:
    return np.asarray(np.linalg.pinv(left) @ right)


def _country(data: Windows, law: str, shifts: tuple[str, ...], spread: Floats) -> tuple[Floats, Floats, float, float]:
    """X' V^-1 X, X' V^-1 y, y' V^-1 y and log det V of one country.

    V: what sequencing leaves, what all windows of a country share in a shift, and what overlapping windows share.
    """
    apart = np.abs(data.day[:, None] - data.day)
    within = spread[0] ** 2 + spread[1] ** 2 * np.clip(1.0 - apart / WINDOW, 0.0, 1.0)
    cov = np.diag(data.variance) + within * (data.shift[:, None] == data.shift)
    low = np.linalg.cholesky(cov)
    x, y = np.linalg.solve(low, design(data, law, shifts)), np.linalg.solve(low, data.slope)
    return x.T @ x, x.T @ y, float(y @ y), 2.0 * float(np.log(np.diag(low)).sum())


def _known(shift: str, among: Iterable[str] = SHIFTS) -> None:
    if shift not in among:
        raise ValueError(f"shift {shift!r}: choose one of {', '.join(among)}.")


def fit(data: Windows, law: str = "linear", *, shifts: tuple[str, ...] = SHIFTS) -> Fit:
    """Generalised least squares, its two variances by restricted maximum likelihood.

    Raises ValueError for a law or a shift that there is not.
    """
    from scipy.optimize import minimize

    for shift in shifts:
        _known(shift)
    data = data.where(np.isin(data.shift, shifts))
    countries = tuple(sorted(set(data.country)))
    parts = [data.where(data.country == c) for c in countries]

    def normal(log_spread: Floats) -> list[Any]:
        found = [_country(p, law, shifts, np.exp(log_spread)) for p in parts]
        return [np.array(a) for a in zip(*found, strict=True)]

    def cost(log_spread: Floats) -> float:
        left, right, square, logdet = normal(log_spread)
        value = _solve(left.sum(axis=0), right.sum(axis=0))
        misfit = square.sum() - value @ right.sum(axis=0) + logdet.sum()
        return float(misfit + np.linalg.slogdet(left.sum(axis=0))[1])

    best = minimize(cost, np.log([0.012, 0.018]), method="Nelder-Mead", options={"xatol": 0.01, "fatol": 0.01}).x
    left, right, *_ = normal(best)
    sd = np.exp(best)
    return Fit(law, shifts, _solve(left.sum(0), right.sum(0)), (float(sd[0]), float(sd[1])), countries, left, right)


def as_published(data: Windows, shift: str) -> tuple[Floats, float]:
    """gamma and the mean s0 as Meijers and others fitted one shift: an s0 >= 0 for each country, weighted.

    For delta they held gamma of infection at twice that of vaccination. Raises ValueError for a shift they did not fit.
    """
    from scipy.optimize import lsq_linear

    _known(shift, PUBLISHED)
    data = data.where(data.shift == shift)
    countries = sorted(set(data.country))
    own = data.country[:, None] == np.array(countries)
    usual = np.median([data.variance[column].mean() for column in own.T])
    effect = effects(data, "linear")
    effect = effect @ np.array([[1.0], [2.0]]) if shift == "delta" else effect
    weight = 1.0 / np.sqrt(data.variance + usual)
    x = np.hstack([effect, own.astype(float)]) * weight[:, None]
    least = np.r_[np.full(effect.shape[1], -np.inf), np.zeros(len(countries))]
    value = lsq_linear(x, data.slope * weight, bounds=(least, np.inf)).x
    gamma = value[: effect.shape[1]]
    return np.r_[gamma, 2.0 * gamma] if shift == "delta" else gamma, float(value[effect.shape[1] :].mean())


@dataclass(frozen=True)
class Prediction:
    """Mean selection of a shift, per day: predicted, its half width (90 %), the antigenic part, its sd, observed."""

    predicted: float
    half_width: float
    antigenic: float
    antigenic_sd: float
    observed: float


def shift_left_out(data: Windows, law: str, shift: str) -> Prediction:
    """A shift predicted from the three others: gamma or b from them, and s0 the mean of theirs.

    Law "generation" is "susceptible" with b = 1 / generation time, nothing fitted but s0. s0 of a variant not yet seen
    has the spread of three others, so that half widths are those of t with two degrees of freedom.

    Raises ValueError for a shift that there is not, and for law "epochs", which has a gamma for omicron and BA.2 alone.
    """
    from scipy.stats import t

    _known(shift)
    if law == "epochs":
        raise ValueError("law 'epochs' says nothing of a shift that it has not seen: choose another.")
    others = tuple(s for s in SHIFTS if s != shift)
    here = data.where(data.shift == shift)
    if law == "generation":
        rate = {s: effects(data.where(data.shift == s), "susceptible").mean() / GENERATION[s] for s in SHIFTS}
        s0 = np.array([data.slope[data.shift == s].mean() - rate[s] for s in others])
        antigenic, sd = float(rate[shift]), 0.0
    else:
        found, effect = fit(data, law, shifts=others), effects(here, law).mean(axis=0)
        s0, antigenic = found.s0, float(found.gamma @ effect)
        sd = float((found.resampled()[:, 3:] @ effect).std())
    half = float(t.ppf(0.95, 2)) * np.sqrt(s0.var(ddof=1) * 4.0 / 3.0 + sd**2)
    return Prediction(float(s0.mean()) + antigenic, float(half), antigenic, sd, float(here.slope.mean()))


def country_left_out(data: Windows, found: Fit) -> Floats:
    """Selection in each window [n] predicted from all other countries; shifts and their s0 are known from those."""
    predicted = np.empty(len(data.day))
    for country in found.countries:
        here = data.country == country
        predicted[here] = design(data.where(here), found.law, found.shifts) @ found.without(country)
    return predicted


def ratio_of_errors(data: Windows, one: Floats, other: Floats, *, samples: int = 2000, seed: int = 1) -> Floats:
    """Root mean square error of prediction `one` over that of `other`: itself, and its 5 % and 95 % over countries."""
    countries = sorted(set(data.country))
    sums = np.array([[np.sum((data.slope - p)[data.country == c] ** 2) for p in (one, other)] for c in countries])
    n = len(countries)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1.0 / n), samples) @ sums
    whole, of_countries = sums[:, 0].sum() / sums[:, 1].sum(), drawn[:, 0] / drawn[:, 1]
    return np.asarray(np.sqrt(np.r_[whole, np.quantile(of_countries, [0.05, 0.95])]))


@dataclass(frozen=True)
class Trajectory:
    """Log odds of the new variant in a country that was left out: predicted with its sd, and observed, [days]."""

    country: str
    shift: str
    day: Floats
    predicted: Floats
    sd: Floats
    observed: Floats

    @property
    def half(self) -> tuple[float, float]:
        """Day on which the new variant reaches one half, predicted and observed; nan where it does not."""
        found = []
        for path in (self.predicted, self.observed):
            crosses = np.flatnonzero((path[:-1] < 0.0) & (path[1:] >= 0.0))
            k = crosses[0] if len(crosses) else None
            step = np.nan if k is None else -path[k] / (path[k + 1] - path[k]) * (self.day[k + 1] - self.day[k])
            found.append(float(np.nan if k is None else self.day[k] + step))
        return found[0], found[1]


def trajectories(data: Windows, found: Fit) -> list[Trajectory]:
    """From the first measured share on, with the selection predicted for each week from other countries.

    sd: what a country keeps throughout a shift, and what windows share for 30 days.
    """
    slopes, paths = country_left_out(data, found), []
    for country in found.countries:
        for shift in found.shifts:
            here = (data.country == country) & (data.shift == shift) & np.isfinite(data.logit[:, 0])
            if here.sum() < 2:
                continue
            order = np.argsort(data.day[here])
            middle, slope, logit = data.day[here][order], slopes[here][order], data.logit[here][order]
            seen = dict(zip(middle - WINDOW / 2.0, logit[:, 0], strict=True))
            seen |= dict(zip(middle + WINDOW / 2.0, logit[:, 1], strict=True))
            day = np.array(sorted(seen))
            speed = np.interp(day, middle, slope)
            path = logit[0, 0] + np.r_[0.0, np.cumsum(0.5 * (speed[1:] + speed[:-1]) * np.diff(day))]
            gone = day - day[0]
            sd = np.sqrt((found.spread[0] * gone) ** 2 + found.spread[1] ** 2 * gone * np.minimum(gone, WINDOW))
            paths.append(Trajectory(country, shift, day, path, sd, np.array([seen[t] for t in day])))
    return paths


def run(data: Windows | None = None) -> dict[str, Any]:
    """All fits and predictions, of the table beside the script unless given."""
    data = carried() if data is None else data
    fits = {law: fit(data, law) for law in LAWS}
    laws = ("linear", "susceptible", "generation", "none")
    return {
        "data": data,
        "fits": fits,
        "shifts": {law: {s: shift_left_out(data, law, s) for s in SHIFTS} for law in laws},
        "countries": {law: country_left_out(data, f) for law, f in fits.items()},
        "paths": {law: trajectories(data, fits[law]) for law in ("epochs", "none")},
        "published": {s: as_published(data, s) for s in PUBLISHED},
    }


def split(result: dict[str, Any], law: str = "epochs") -> dict[str, tuple[float, float, float]]:
    """Of each shift: mean s0, the antigenic part, and its standard deviation over countries resampled, per day."""
    found, data = result["fits"][law], result["data"]
    drawn, parts = found.resampled(), {}
    for k, s in enumerate(SHIFTS):
        effect = effects(data.where(data.shift == s), law).mean(axis=0)
        parts[s] = (float(found.s0[k]), float(found.gamma @ effect), float((drawn[:, 4:] @ effect).std()))
    return parts


def late_by(paths: list[Trajectory]) -> Floats:
    """Days by which the new variant reaches one half later than predicted, where both do [n]."""
    halves = np.array([p.half for p in paths])
    late = halves[:, 1] - halves[:, 0]
    return np.asarray(late[np.isfinite(late)])


def summary(result: dict[str, Any]) -> None:
    data, fits = result["data"], result["fits"]
    print("selection per day         alpha    delta  omicron     BA.2")
    means = {s: data.slope[data.shift == s].mean() for s in SHIFTS}
    print("observed                " + "".join(f"{means[s]:9.4f}" for s in SHIFTS))
    print("published               " + "".join(f"{OBSERVED[s]:9.3f}" for s in SHIFTS))
    for s, (gamma, s0) in result["published"].items():
        print(f"{s}, fitted as published: gamma {gamma.round(3)} (published {PUBLISHED[s]}), s0 {s0:.4f}")
    for law in LAWS[:3]:
        sd = fits[law].resampled().std(axis=0)[4:]
        print(f"{law}: gamma {fits[law].gamma.round(3)} +- {sd.round(3)}, s0 {fits[law].s0.round(4)}")
    for s, (s0, antigenic, sd) in split(result).items():
        print(f"  {s}: s0 {s0:.4f}, antigenic {antigenic:.4f} +- {sd:.4f}")
    print("one shift left out, s0 the mean of the others, 90 %:")
    for law, found in result["shifts"].items():
        error = np.sqrt(np.mean([(p.predicted - p.observed) ** 2 for p in found.values()]))
        shown = "  ".join(f"{p.predicted:.3f}+-{p.half_width:.3f}" for p in found.values())
        print(f"  {law:12s} {shown}  error {error:.4f}")
    print("one country left out, root mean square error, and over that of no immunity (90 % over countries):")
    for law, predicted in result["countries"].items():
        off = data.slope - predicted
        each = " ".join(f"{np.sqrt(np.mean(off[data.shift == s] ** 2)):.4f}" for s in SHIFTS)
        ratio = ratio_of_errors(data, predicted, result["countries"]["none"])
        print(f"  {law:12s} {np.sqrt(np.mean(off**2)):.4f} ({each})  {ratio[0]:.3f} [{ratio[1]:.3f}, {ratio[2]:.3f}]")
    for law, paths in result["paths"].items():
        late = late_by(paths)
        inside = np.mean([abs(p.observed[-1] - p.predicted[-1]) < 1.645 * p.sd[-1] for p in paths])
        print(
            f"{len(paths)} trajectories, {law}: one half is reached off by {np.sqrt(np.mean(late**2)):.1f} d (rms), "
            f"{np.median(abs(late)):.1f} d (median), of {len(late)}; the end lies in 90 % in {inside:.2f}"
        )


def panel(axes: Any, result: dict[str, Any], *, countries: tuple[str, ...] = ("USA", "JAPAN")) -> None:
    """The share of delta in countries that were left out, predicted (line, 90 %) and observed (points)."""
    found = [p for p in result["paths"]["epochs"] if p.shift == "delta" and p.country in countries]
    for k, path in enumerate(found):
        days, colour = path.day - 44195.0, f"C{k}"
        low, middle, high = (1.0 / (1.0 + np.exp(-path.predicted - z * path.sd)) for z in (-1.645, 0.0, 1.645))
        axes.fill_between(days, low, high, color=colour, alpha=0.15, lw=0)
        axes.plot(days, middle, color=colour, label=path.country if len(path.country) < 4 else path.country.title())
        axes.plot(days, 1.0 / (1.0 + np.exp(-path.observed)), "o", color=colour, ms=4)
    axes.set(xlabel="day of 2021", ylabel="delta / (alpha + delta)", title="Predicted from other countries")
    axes.legend(frameon=False, fontsize="small", loc="upper left")


def draw(result: dict[str, Any], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, ((a, b), (c, d)) = plt.subplots(2, 2, figsize=(11.0, 8.0), layout="constrained")
    values = np.geomspace(1.0, 2000.0, 200)
    a.semilogx(values, titres.protection(values), color="black")
    folds = titres.drops()
    for k, (kind, table) in enumerate((("vaccinated", "VAC"), ("boosted", "BOOST"))):
        for variant, mark in (("WT", "o"), ("ALPHA", "^"), ("DELTA", "s"), ("OMICRON", "D")):
            at = titres.titre(kind, 30.0, folds[table, variant])
            label = f"{kind}, {variant.lower()}" if variant != "WT" else f"{kind}, wild type"
            a.plot(at, titres.protection(at), mark, color=f"C{k}", label=label)
    a.set(
        xlabel="neutralising titre 30 days later", ylabel="protected", title="A drop of titre is a loss of protection"
    )
    a.legend(frameon=False, fontsize="small")
    x = np.arange(4)
    parts = split(result)
    s0, antigenic, sd = (np.array([parts[s][k] for s in SHIFTS]) for k in range(3))
    b.bar(x, s0, color="0.75", label="its own, s0")
    b.bar(x, antigenic, bottom=s0, yerr=sd, color="C3", capsize=3, label="antigenic, +- sd")
    b.plot(x, [result["data"].slope[result["data"].shift == s].mean() for s in SHIFTS], "k_", ms=40)
    b.plot([], [], "k-", label="observed")
    b.set(xticks=x, xticklabels=SHIFTS, ylabel="selection, per day", title="Fitted: two epochs")
    b.legend(frameon=False, fontsize="small", loc="upper left")
    for k, (law, found) in enumerate(result["shifts"].items()):
        value, half = np.array([(p.predicted, p.half_width) for p in found.values()]).T
        label = {"none": "no immunity", "generation": "1 / generation time"}.get(law, law)
        c.errorbar(x + 0.16 * (k - 1.5), value, half, fmt="o", color=f"C{k}", capsize=2, label=label)
    c.plot(x, [p.observed for p in found.values()], "k_", ms=45)
    c.plot([], [], "k-", label="observed")
    c.set(
        xticks=x, xticklabels=SHIFTS, ylabel="selection, per day", title="Predicted from the three other shifts, 90 %"
    )
    c.legend(frameon=False, fontsize="small", loc="upper left")
    panel(d, result)
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    results = Path("results")
    results.mkdir(exist_ok=True)
    everything = run()
    summary(everything)
    draw(everything, results / "population_immunity.png")
    print("results/population_immunity.png")
