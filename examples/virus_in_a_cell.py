"""A virus in one cell: lost infections, burst sizes that come out of its network, and whether an infection takes hold.

The network of Srivastava, You, Summers and Yin 2002, doi:10.1006/jtbi.2002.3078, from one template (per day):

    gen -> tem .025,    tem -> 0 .25,    tem -> tem + gen 1,    gen + struct -> virion 7.5e-6,
    tem -> tem + struct 1000,    struct -> 0 1.99.

Structural proteins flow, the few templates and genomes fire one by one. Without assembly, which is rare early on, they
are a branching process, and a template is lost in the end with probability s = d/(d + r) + r/(d + r) s^2, s = d/r = .25
(`without_assembly`: by day t). With assembly, and proteins counted, `exact_extinction` solves the master equation.

A cell that dies after a time tau has made N = V(tau) virions. With the network's mean m and variance v at every time,

    var(N) = E[v(tau)] + var(m(tau)):    the network's noise, and that of lifetimes.

In a host where a virion infects with probability q = bT/(bT + c), R0 = q E[N], the line of one infected cell is lost
with probability s, the smallest root of s = E[(1 - q + q s)^N], that of one virion with 1 - q (1 - s). If cells release
at a constant rate until an exponential death, s = 1/R0; if N is Poisson, s = exp(-R0 (1 - s)). The distribution of N
counts, not when virions leave (Pearson, Krapivsky and Perelson 2011, doi:10.1371/journal.pcbi.1001058).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import integrate, sparse, stats
from tqdm import tqdm

import biomulti as bm

Floats = NDArray[np.float64]
Rates = Mapping[str, float] | None  # of the network, in place of its own: what a mutation or a drug changes
Hosts = dict[tuple[str, float], tuple[int, int, float]]  # by law and R0: lost, runs, probability

REFERENCE = {"tem": 19.91, "gen": 199.1, "struct": 10_000.0}  # ODE at rest
REFERENCE_LOST = (0.254, 0.008)  # by day 200, exact simulation
REFERENCE_TABLE = {  # R0: lines of one infected cell that are lost; N = 100
    1.5: {"continuous": 0.6667, "Poisson": 0.4172, "fixed": 0.4129},
    2.0: {"continuous": 0.5000, "Poisson": 0.2032, "fixed": 0.1988},
    5.0: {"continuous": 0.2000, "Poisson": 0.00698, "fixed": 0.00611},
    10.0: {"continuous": 0.1000, "Poisson": 4.5e-5, "fixed": 2.7e-5},
}
DAYS, EVERY = 800, 2  # how long cells are followed that do not die, and how often they are looked at
LIFETIME = 100.0  # days, mean of all laws of lifetimes
SHAPE = 4  # of gamma lifetimes: four stages, CV .5
LYSIS = {"lysis, 5000 proteins": "struct >= 5000", "lysis, 100 virions": "virion >= 100"}
RUNS = {1.5: 20_000, 2.0: 20_000, 5.0: 100_000, 10.0: 400_000}  # of the direct simulation of a host, for each R0
PARTS = {"lifetimes": "#969696", "lost or lasting": "#e6550d", "rest of the network": "#3182bd"}  # of a variance
CLASSIC = ("continuous", "Poisson", "fixed")
COLOURS = {
    "lost": "#e6550d", "lasting": "#3182bd",
    "exponential lifetime": "#cb181d", "gamma lifetime": "#fd8d3c", "fixed lifetime": "#6a51a3",
    "lysis, 5000 proteins": "#238b45", "lysis, 100 virions": "#74c476",
}  # fmt: skip


def network(*, lysis: str = "") -> bm.Network:
    """The shipped network with its virions counted; where the condition `lysis` becomes true the cell bursts."""
    text = bm.to_antimony(bm.load("srivastava_virus"))
    text = text.replace("assembly: gen + struct =>;", "assembly: gen + struct => virion;")
    more = "  substanceOnly species virion in cell; virion = 0;\n"
    if lysis:
        more += f"  burst = 0; bursting: at ({lysis}): tem = 0, gen = 0, struct = 0, burst = 1;\n"
    return bm.load(text.replace("end\n", more + "end\n", 1))


def infect(
    cells: int, days: float, *, every: float = EVERY, method: str = "hybrid", lysis: str = "", seed: int = 1,
    parameters: Rates = None,
) -> xr.Dataset:  # fmt: skip
    """Cells infected by one template each, looked at `every` so many days."""
    return bm.simulate(
        network(lysis=lysis), t_end=days, every=every, replicates=cells, method=method, seed=seed, parameters=parameters
    )


def rates(parameters: Rates = None) -> dict[str, float]:
    """Rates of the network, per day, with those of `parameters` in their place; ValueError for what is none of them."""
    shipped = {p.id: p.value for p in bm.load("srivastava_virus").parameters if p.value is not None}
    for name, value in (parameters or {}).items():
        if name not in shipped:
            raise ValueError(f"the network has no rate '{name}'; it has {', '.join(sorted(shipped))}.")
        if not 0.0 <= value < math.inf:
            raise ValueError(f"{name} = {value:g} must be a finite rate, 0 or more.")
    return shipped | dict(parameters or {})


def without_assembly(days: float, parameters: Rates = None) -> float:
    """Share of infections lost by then if no genome is assembled: the backward equations of a branching process.

    s' = d - (d + r) s + r s g of a template and g' = a (s - g) of a genome; for long times s = d/r. ValueError for days
    below 0.
    """
    if not 0.0 <= days < math.inf:
        raise ValueError(f"days = {days:g} must be finite, 0 or more.")
    k = rates(parameters)
    a, d, r = k["k_integrate"], k["d_template"], k["k_replicate"]
    found = integrate.solve_ivp(
        lambda t, y: [d - (d + r) * y[0] + r * y[0] * y[1], a * (y[0] - y[1])],
        (0.0, days), [0.0, 0.0], rtol=1e-9, atol=1e-12,
    )  # fmt: skip
    return float(found.y[0, -1])


def exact_extinction(times: Floats, *, most: int = 8, lump: int = 50, parameters: Rates = None) -> Floats:
    """Share of infections that are lost by `times` [n], days, from the master equation.

    u' = A u + e over states (tem, gen, proteins in lumps of `lump`), e what leads to no template and no genome. Where
    tem + gen reach `most` the infection counts as established, which misses about (d/r)^most; lumps make the
    proteins' noise larger and leave their mean. ValueError if times do not rise from 0 on, or `most` is below 2.
    """
    times = np.asarray(times, dtype=float)
    if not (times.size and times[0] >= 0.0 and np.isfinite(times).all() and (np.diff(times) > 0.0).all()):
        raise ValueError(f"times = {times} must be one or more finite days that rise, the first 0 or later.")
    if most < 2 or lump < 1:
        raise ValueError(f"most = {most} must be 2 or more, and lump = {lump} 1 or more.")
    k = rates(parameters)
    # proteins of `most` templates at rest, and half as many again
    levels: Any = np.arange(int(1.5 * most * k["k_translate"] / k["d_struct"] / lump) + 3)
    states = [(tem, gen) for tem in range(most) for gen in range(most) if 0 < tem + gen < most]
    place = {state: j * len(levels) for j, state in enumerate(states)}
    a = sparse.lil_array((len(states) * len(levels),) * 2)
    lost = np.zeros(a.shape[0])

    def change(here: int, state: tuple[int, int], rate: Any, step: int = 0) -> None:
        rows = here + levels
        a[rows, rows] -= rate
        if state in place:
            a[rows, place[state] + np.clip(levels + step, 0, levels[-1])] += rate
        elif sum(state) == 0:
            lost[rows] += rate

    one: Floats = np.ones(len(levels))
    for (tem, gen), here in place.items():
        change(here, (tem + 1, gen - 1), k["k_integrate"] * gen * one)
        change(here, (tem, gen - 1), k["k_assemble"] * gen * lump * levels)
        change(here, (tem - 1, gen), k["d_template"] * tem * one)
        change(here, (tem, gen + 1), k["k_replicate"] * tem * one)
        change(here, (tem, gen), k["k_translate"] * tem / lump * one, 1)
        change(here, (tem, gen), k["d_struct"] * levels, -1)
    matrix = a.tocsc()
    found = integrate.solve_ivp(
        lambda t, u: matrix @ u + lost, (0.0, times[-1]), np.zeros(len(lost)), method="BDF", jac=matrix,
        rtol=1e-6, atol=1e-9, t_eval=times,
    )  # fmt: skip
    return np.asarray(found.y[place[1, 0]])


def lifetimes(cells: int, *, mean: float = LIFETIME, seed: int = 1) -> dict[str, Floats]:
    """Days until death of so many cells, by each law that does not ask the virus; ValueError for no mean lifetime."""
    if not 0.0 < mean < math.inf:
        raise ValueError(f"a mean lifetime of {mean:g} days must be positive and finite.")
    rng = np.random.default_rng(seed)
    return {
        "exponential lifetime": rng.exponential(mean, cells),
        "gamma lifetime": rng.gamma(SHAPE, mean / SHAPE, cells),
        "fixed lifetime": np.full(cells, mean),
    }


def last_of(data: xr.Dataset) -> tuple[NDArray[np.bool_], xr.Dataset]:
    """Which cells have lost the infection at the end of `data`, [cells], and that end."""
    last = data.isel(time=-1)
    return (last.tem + last.gen == 0).to_numpy(), last


def moments_of_death(data: xr.Dataset, until_death: Floats) -> NDArray[np.int64]:
    """Index of the moment of `data` next to a cell's death, [cells]; the last one for cells that outlive it."""
    times = data["time"].to_numpy()
    return np.asarray(np.minimum(np.rint(until_death / times[1]), len(times) - 1), dtype=np.int64)


def made_until_death(data: xr.Dataset, until_death: Floats) -> Floats:
    """Virions that cells [n] have made when they die: all that they release, one by one or at once."""
    virions = np.rint(data["virion"].to_numpy())
    return np.asarray(virions[moments_of_death(data, until_death), np.arange(virions.shape[1])])


def variance_shares(data: xr.Dataset, until_death: Floats) -> dict[str, float]:
    """Variance of burst sizes, and its shares by lifetimes, by whether infections last, and by the rest of the noise.

    var(N) = var(m(tau)) + E[var of the means of lost and lasting cells at tau] + E[variance within these].
    """
    virions = np.rint(data["virion"].to_numpy())
    lost = last_of(data)[0]
    mean, variance = virions.mean(axis=1), virions.var(axis=1)
    between = sum(part.mean() * (virions[:, part].mean(axis=1) - mean) ** 2 for part in (lost, ~lost) if part.any())
    at = moments_of_death(data, until_death)
    parts = [float(mean[at].var()), float(between[at].mean()), float((variance - between)[at].mean())]
    return dict(zip(PARTS, np.array(parts) / sum(parts), strict=True)) | {"total": sum(parts)}


def burst_when_lysed(
    cells: int, trigger: str, *, days: float = DAYS, seed: int = 1, parameters: Rates = None
) -> Floats:
    """Virions that cells [n] release which burst by the network's own doing; those that never burst release none."""
    last = infect(cells, days, lysis=trigger, seed=seed, every=days, parameters=parameters).isel(time=-1)
    return np.asarray(np.rint(np.where(last["burst"] > 0.5, last["virion"], 0.0)))


def of_sizes(sizes: Floats) -> dict[str, float]:
    """Mean, coefficient of variation, share of cells that release none, quantiles of the others; of burst sizes [n]."""
    some, mean = sizes[sizes > 0], sizes.mean()
    quantiles = np.quantile(some, [0.025, 0.5, 0.975]) if len(some) else np.full(3, math.nan)
    numbers = (mean, sizes.std() / mean if mean > 0.0 else math.nan, (sizes == 0).mean(), *quantiles)
    return dict(zip(("mean", "CV", "none", "2.5 %", "median", "97.5 %"), map(float, numbers), strict=True))


def generating(bursts: Floats | str, mean: float) -> Callable[[float], tuple[float, float]]:
    """x -> E[x^N] and its derivative, of sampled burst sizes [n] or of "continuous", "Poisson" or "fixed" ones."""
    if not isinstance(bursts, str):
        sizes, count = np.unique(np.asarray(bursts, dtype=float), return_counts=True)
        weight = count / count.sum()
        return lambda x: (float(weight @ x**sizes), float(weight @ (sizes * x ** np.maximum(sizes - 1.0, 0.0))))
    if bursts == "continuous":
        return lambda x: (1.0 / (1.0 + mean * (1.0 - x)), mean / (1.0 + mean * (1.0 - x)) ** 2)
    if bursts == "Poisson":
        return lambda x: (math.exp(-mean * (1.0 - x)), mean * math.exp(-mean * (1.0 - x)))
    if bursts == "fixed":
        return lambda x: (x**mean, mean * x ** (mean - 1.0))
    raise ValueError(f"there is no law '{bursts}' of burst sizes; there are continuous, Poisson and fixed.")


def extinction(
    bursts: Floats | str, r0: float, *, mean: float = 100.0, infected: int | None = None, virions: int = 0
) -> float:
    """Probability that an infection dies out which starts from so many infected cells and virions.

    s^infected (1 - q (1 - s))^virions, with q = r0 / E[N] and s the smallest root of s = E[(1 - q + q s)^N].

    Args:
        bursts: sampled burst sizes [n], or a law: "continuous" (geometric), "Poisson" or "fixed", of mean `mean`.
        r0: cells that one infected cell infects on average, where all cells are susceptible.
        infected: one cell, if nothing else is said and no virions are.

    Raises:
        ValueError: r0 is above the mean burst size, so that a virion would infect more than once; no such law; sizes
            that are none, negative or not finite; fewer than no cells or virions.
    """
    if not isinstance(bursts, str) and not (np.size(bursts) and np.isfinite(bursts).all() and np.min(bursts) >= 0.0):
        raise ValueError("burst sizes must be one or more finite numbers, none below 0.")
    cells = int(virions == 0) if infected is None else infected
    if cells < 0 or virions < 0:
        raise ValueError(f"an infection cannot start from {cells} infected cells and {virions} virions.")
    size = mean if isinstance(bursts, str) else float(np.mean(bursts))
    law = generating(bursts, size)
    if not 0.0 <= r0 <= size:
        raise ValueError(f"R0 = {r0:g} is not between 0 and the mean burst size, {size:g}.")
    if r0 <= 1.0:
        return 1.0
    q = r0 / size
    # from below, Newton's steps on a convex function never pass the smallest root
    s = 0.0
    for _ in range(200):
        value, slope = law(1.0 - q + q * s)
        step = (value - s) / (1.0 - q * slope)
        s += step
        if step < 1e-13:
            break
    return s**cells * (1.0 - q * (1.0 - s)) ** virions


def extinction_error(sizes: Floats, r0: float) -> float:
    """Standard error of `extinction` of one infected cell, of burst sizes [n] that are a sample (delta method)."""
    s, mean = extinction(sizes, r0), float(sizes.mean())
    q = r0 / mean
    x = 1.0 - q + q * s
    slope = generating(sizes, mean)(x)[1]
    # every size moves E[x^N] and, by way of the mean, q
    moves = x**sizes + slope * (1.0 - s) * q / mean * (sizes - mean)
    return float(moves.std() / (1.0 - q * slope) / math.sqrt(len(sizes)))


def established(s: float) -> int:
    """So many infected cells that their lines all die out in less than one of a million cases."""
    if s >= 1.0:
        raise ValueError("the infection dies out whatever its size; R0 must be above 1.")
    return max(1, math.ceil(math.log(1e-6) / math.log(s)))


def host(burst: str, *, mean: int = 100) -> str:
    """A well-mixed host in Antimony; virions leave one by one ("continuous") or `mean` at a time ("fixed").

    A virion infects with probability q; all stops where `enough` cells are infected. Time is in lifetimes of a cell.
    """
    if burst not in ("continuous", "fixed"):
        raise ValueError(f"there is no host for the law '{burst}' of burst sizes; there are continuous and fixed.")
    death, release = (f"I => {mean} V", 0) if burst == "fixed" else ("I => ", mean)
    return f"""
model host()
  unit substance = item; unit extent = item; unit time_unit = 86400 second; compartment body = 1;
  substanceOnly species V in body, I in body; V = 0; I = 1;
  q = 0.5; enough = 100; on = 1; stop: at (I >= enough): on = 0;
  infection: V => I;  on * 10 * q * V;      clearance: V => ;       on * 10 * (1 - q) * V;
  death:     {death};  on * I;              release:   I => I + V;  on * {release} * I;
end
"""


def lost_in_host(burst: str, r0: float, *, runs: int, mean: int = 100, seed: int = 1) -> int:
    """How many of so many infections from one infected cell are lost, every event simulated."""
    chances = {"q": r0 / mean, "enough": float(established(extinction(burst, r0, mean=mean)))}
    options: dict[str, Any] = {"replicates": runs, "parameters": chances, "method": "ssa", "seed": seed}
    last = bm.simulate(host(burst, mean=mean), t_end=1e3, every=1e3, **options).isel(time=-1)
    lost = ((last.V + last.I) == 0).to_numpy()
    if not (lost | (last["on"] < 0.5).to_numpy()).all():
        raise RuntimeError("an infection was still undecided after a thousand lifetimes of a cell.")
    return int(lost.sum())


def lost_by_generations(bursts: Floats | str, r0: float, *, runs: int, mean: float = 100.0, seed: int = 1) -> int:
    """The same by generations of infected cells, whose bursts are drawn: "Poisson" ones, or from sampled sizes [n]."""
    if isinstance(bursts, str) and bursts != "Poisson":
        raise ValueError(f"only Poisson bursts and sampled sizes are drawn by generations, not '{bursts}' ones.")
    rng = np.random.default_rng(seed)
    q = r0 / (mean if isinstance(bursts, str) else float(np.mean(bursts)))
    enough = established(extinction(bursts, r0, mean=mean))
    infected = np.ones(runs, dtype=np.int64)
    lost = 0
    while len(infected):
        if isinstance(bursts, str):
            virions = rng.poisson(mean * infected)
        else:
            each = rng.choice(bursts, (len(infected), int(infected.max()))).astype(np.int64)
            virions = np.where(np.arange(each.shape[1]) < infected[:, None], each, 0).sum(axis=1)
        infected = rng.binomial(virions, q)
        lost += int((infected == 0).sum())
        infected = infected[(infected > 0) & (infected < enough)]
    return lost


def processor_seconds(method: str, cells: int, *, seed: int) -> tuple[float, xr.Dataset]:
    """Processor time of a cell's 200 days by a method, without compiling, and the runs."""
    infect(1, 200.0, method=method, every=200.0)
    began = time.process_time()
    data = infect(cells, 200.0, method=method, every=200.0, seed=seed)
    return (time.process_time() - began) / cells, data


def run(
    *, cells: int = 10_000, days: int = DAYS, lifetime: float = LIFETIME, seed: int = 1, parameters: Rates = None
) -> dict[str, Any]:
    """Infected cells, what became of them by day 200, and their burst sizes by every law of death.

    `parameters` are rates of the network that a mutation or a drug changes: {"k_replicate": 0.5}. Cells that would live
    longer than `days` die then. ValueError if these are fewer than 200.
    """
    if not days >= 200:
        raise ValueError(f"days = {days} must be 200 or more, as lost infections are counted on day 200.")
    data = infect(cells, days, seed=seed, parameters=parameters)
    ode = infect(1, days, method="ode", parameters=parameters).isel(replicate=0)
    until = lifetimes(cells, mean=lifetime, seed=seed)
    sizes = {name: made_until_death(data, tau) for name, tau in until.items()}
    for number, (name, trigger) in enumerate(LYSIS.items(), start=1):
        sizes[name] = burst_when_lysed(cells, trigger, days=days, seed=seed + number, parameters=parameters)
    lost, day = last_of(data.sel(time=slice(0, 200)))
    return {
        "data": data,
        "ode": ode,
        "partition": data.attrs["partition"],
        "extinct": lost.mean(),
        "means": {name: [float(value.mean()) for value in (ode[name].sel(time=day.time), day[name], day[name][~lost])]
                  for name in REFERENCE},
        "sizes": sizes,
        "ODE sizes": {name: float(ode.virion.to_numpy()[moments_of_death(data, tau)].mean())
                      for name, tau in until.items()},
        "shares": {name: variance_shares(data, tau) for name, tau in until.items()},
        "parameters": parameters,
    }  # fmt: skip


def hosts(runs: Mapping[float, int] = RUNS, *, seed: int = 1) -> Hosts:
    """Lost infections, runs and the closed form, for each R0 and classic law, by direct simulation."""
    found = {}
    for r0, count in tqdm(runs.items(), "hosts", delay=2.0):
        for law in CLASSIC:
            lose = lost_by_generations if law == "Poisson" else lost_in_host
            found[law, r0] = (lose(law, r0, runs=count, seed=seed), count, extinction(law, r0))
    return found


def panel(axes: Any, result: dict[str, Any], *, cells: int = 60) -> None:
    """Virions made by each of some cells, lost infections apart from lasting ones, beside the ODE."""
    data, (lost, _) = result["data"].isel(replicate=slice(cells)), last_of(result["data"])
    for one, gone in zip(data.virion.to_numpy().T, lost, strict=False):
        axes.plot(data.time, 1.0 + one, lw=0.7, color=COLOURS["lost" if gone else "lasting"], alpha=0.7)
    for name, share in (("lost", lost.mean()), ("lasting", 1.0 - lost.mean())):
        axes.plot([], [], color=COLOURS[name], label=f"{name}, {100 * share:.0f} % of cells")
    axes.plot(data.time, 1.0 + result["ode"].virion, "k--", label="ODE")
    axes.set(yscale="log", xlabel="days after infection", ylabel="1 + virions made by a cell")
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def draw(found: dict[str, Any], in_hosts: Hosts, path: Path) -> None:
    """Templates, lost infections, virions; burst sizes, what their variance is made of, and extinction in a host."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, ((many, loss, made), (bursts, parts, lines)) = plt.subplots(2, 3, figsize=(14, 8), layout="constrained")
    early, ode = found["data"].sel(time=slice(0, 200)), found["ode"].sel(time=slice(0, 200))
    for one, gone in zip(early.tem.to_numpy().T[:40], last_of(early)[0], strict=False):
        many.plot(early.time, one, lw=0.6, color=COLOURS["lost" if gone else "lasting"], alpha=0.6)
    many.plot(early.time, early.tem.mean("replicate"), "k", lw=2, label="mean of all cells")
    many.plot(ode.time, ode.tem, "k--", lw=2, label="ODE")
    many.set(xlabel="days after infection", ylabel="templates in a cell", ylim=(0, 40))
    share = (early.tem + early.gen == 0).mean("replicate")
    half = 1.96 * np.sqrt(share * (1.0 - share) / early.sizes["replicate"])
    loss.fill_between(early.time, share - half, share + half, color=COLOURS["lost"], alpha=0.35, lw=0)
    loss.plot(early.time, share, color=COLOURS["lost"], label="hybrid, 95 % interval")
    times = 200.0 * np.linspace(0.1, 1.0, 50) ** 2
    loss.plot(times, exact_extinction(times, parameters=found["parameters"]), "k", lw=1, label="master equation")
    loss.plot(times, [without_assembly(t, found["parameters"]) for t in times], "k:", label="without assembly")
    loss.set(xlabel="days after infection", ylabel="share of infections lost", ylim=(0.6 * float(share[-1]), None))
    panel(made, {name: found[name].sel(time=slice(0, 400)) for name in ("data", "ode")})
    for name, sizes in found["sizes"].items():
        bursts.step(np.sort(sizes), 1.0 - np.arange(len(sizes)) / len(sizes), color=COLOURS[name], label=name)
    says = "share of cells that release N or more"
    bursts.set(xscale="log", xlim=(0.8, 1e4), ylim=(0, 1), xlabel="virions N", ylabel=says)
    bottom = np.zeros(len(found["shares"]))
    for part, colour in PARTS.items():
        height = np.array([shares[part] for shares in found["shares"].values()])
        parts.bar(
            [name.replace(" ", "\n") for name in found["shares"]], height, bottom=bottom, color=colour, label=part
        )
        bottom += height
    parts.set(ylabel="share of the variance of burst sizes", ylim=(0, 1.3))
    r0 = np.linspace(1.05, 10.0, 60)
    for law, style in {**dict.fromkeys(found["sizes"], "-"), "continuous": "-", "Poisson": "--", "fixed": ":"}.items():
        chances = [extinction(found["sizes"].get(law, law), r) for r in r0]
        lines.plot(r0, chances, style, color=COLOURS.get(law, "black"), label=law)
    points = [(r, lost / count) for (_, r), (lost, count, _) in in_hosts.items() if lost]
    lines.plot(*zip(*points, strict=True), "o", ms=4, color="black", mfc="white", label="simulated hosts")
    lines.set(yscale="log", ylim=(1e-5, 1.3), xlabel="$R_0$", ylabel="infection of one cell dies out")
    for one in figure.axes:
        one.spines[["top", "right"]].set_visible(False)
        one.legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _row(name: str, values: Iterable[Any], width: int) -> str:
    return f"{name:23}" + "".join(f"{v if isinstance(v, str) else format(v, '.4g'):>{width}}" for v in values)


def summary(found: dict[str, Any], in_hosts: Hosts) -> str:
    """Every number beside the reference or closed one."""
    lost, k, days = found["extinct"], rates(found["parameters"]), np.array([20.0, 200.0])
    half = 1.96 * math.sqrt(lost * (1.0 - lost) / found["data"].sizes["replicate"])
    early, exact = exact_extinction(days, parameters=found["parameters"])
    linear = without_assembly(200.0, found["parameters"])
    cells = found["data"].sizes["replicate"]
    lines = [
        f"{found['partition']}\n",
        f"Lost by day 200: {lost:.4f} ± {half:.4f} of {cells} cells by hybrid (reference"
        f" {REFERENCE_LOST[0]} ± {REFERENCE_LOST[1]}), master equation {exact:.4f} (by day 20 {early:.4f});",
        f"    without assembly {linear:.4f}, and in the end {k['d_template'] / k['k_replicate']:.4f}\n",
        _row("day 200", ("ODE", "reference", "all cells", "lasting", "ODE / all"), 11),
    ]
    for name, (ode, every, lasting) in found["means"].items():
        lines.append(_row(name, (ode, REFERENCE[name], every, lasting, ode / every), 11))
    lines += ["", _row("burst sizes", (*of_sizes(np.ones(2)), "ODE"), 11)]
    for name, sizes in found["sizes"].items():
        lines.append(_row(name, (*of_sizes(sizes).values(), found["ODE sizes"].get(name, "-")), 11))
    lines += ["", _row("variance from", (*PARTS, "total"), 21)]
    for name, shares in found["shares"].items():
        lines.append(_row(name, (*(f"{shares[part]:.3f}" for part in PARTS), shares["total"]), 21))
    lines += ["", _row("one cell dies out", (f"R0 = {r0:g}" for r0 in REFERENCE_TABLE), 20)]
    for law in CLASSIC:
        hits = [values for (of, _), values in in_hosts.items() if of == law]
        lines += [
            _row(law, (extinction(law, r0) for r0 in REFERENCE_TABLE), 20),
            _row("    reference", (values[law] for values in REFERENCE_TABLE.values()), 20),
            _row("    simulated", (f"{n} of {runs}" for n, runs, _ in hits), 20),
            _row("    p", (f"{stats.binomtest(*values).pvalue:.2f}" for values in hits), 20),
        ]
    for name, sizes in found["sizes"].items():
        row = (f"{extinction(sizes, r):.3f} ± {1.96 * extinction_error(sizes, r):.3f}" for r in REFERENCE_TABLE)
        lines.append(_row(name, row, 20))
    return "\n".join(lines)


if __name__ == "__main__":
    found, in_hosts = run(), hosts()
    print(summary(found, in_hosts), "\n")
    seconds = {method: processor_seconds(method, cells, seed=9) for method, cells in (("hybrid", 2000), ("ssa", 200))}
    share = {method: float(last_of(data)[0].mean()) for method, (_, data) in seconds.items()}
    hybrid, ssa = (1e3 * seconds[method][0] for method in ("hybrid", "ssa"))
    print(f"A cell's 200 days: hybrid {hybrid:.3f} ms, ssa {ssa:.1f} ms, {ssa / hybrid:.0f} times as long; lost", share)
    draw(found, in_hosts, Path("results/virus_in_a_cell.png"))
