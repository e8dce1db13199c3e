"""The wave of an escape mutant: chains of cases from one import, and the renewal of two strains.

An import dies out with the chance s = (1 + R (1 - s) / k)^-k where secondary cases are negative binomial with mean R
and dispersion k (Lloyd-Smith et al. 2005, doi:10.1038/nature04153). Of type g of people (naive, or immune with one of
several titres) the renewal equation of strains s (wild type, mutant) is

    S_g' = -S_g sum_s P_gs h_s,   h_s(t) = sum_g integral K_gs(a) i_gs(t - a) da,   K_gs(a) = R0 b(V_gs(a)) / I0:

when a case infects others is what the network `within_host` says of its virus, and no other distribution is put in.
Who had the wild type is immune to it at once and meets the mutant by phi; who had the mutant is immune to both. Where
all are alike the share infected is the root of z = 1 - e^(-R z).

`python examples/viral_escape.py` prints and draws this with the rest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from biomulti.demos.scripts import example

chain = example("viral_escape")

Floats = NDArray[np.float64]

MANY = 1000  # cases that are called a wave


def fizzle(r: ArrayLike, k: float) -> Floats:
    """The chance s [n] that one import dies out: the least root of s = (1 + R (1 - s) / k)^-k."""
    chain.titres.checked("r", r, 0.0)
    chain.titres.checked("k", k, 0.0, above=True)
    return np.asarray(chain.least_root(np.atleast_1d(r)[:, None], np.ones((1, 1)), k))


def simulated_imports(means: Floats, weights: Floats, k: float, *, n: int, seed: int, many: int = MANY) -> Floats:
    """Cases before it ends, or at least `many`, [n]: chains of cases from one import, for types [types]."""
    rng = np.random.default_rng(seed)
    alive, total, running = np.ones(n, dtype=int), np.ones(n), np.arange(n)
    while len(running):
        kinds = rng.multinomial(alive[running], weights)
        drawn = rng.negative_binomial(k * np.maximum(kinds, 1e-9), k / (k + np.maximum(means, 1e-12)))
        alive[running] = np.where(kinds > 0, drawn, 0).sum(axis=1)
        total[running] += alive[running]
        running = running[(alive[running] > 0) & (total[running] < many)]
    return total


def final_size(r: float) -> float:
    """z = 1 - exp(-R z), the share infected where all are alike."""
    chain.titres.checked("r", r, 0.0)
    return float(brentq(lambda z: z + math.expm1(-r * z), 1e-9, 1.0)) if r > 1.0 else 0.0


def attack(found: Any, people: Any) -> float:
    """The share of all people that a wave infects: final size with the types of people of `found` (one value)."""
    shares, established, relative = (x[0] for x in found.types)

    def excess(exposure: float) -> float:
        caught = shares * -np.expm1(-established * exposure)
        return float(exposure - people.r0 * np.sum(relative * caught))

    if found.r_eff[0] <= 1.0:
        return 0.0
    exposure = brentq(excess, 1e-9, 2.0 * float(people.r0) + 2.0)
    return float(np.sum(shares * -np.expm1(-established * exposure)))


@dataclass(frozen=True)
class Wave:
    """Renewal of two strains: days [t], cases per person and day [2, t], naive [t], infected by each [2]."""

    days: Floats
    cases: Floats
    naive: Floats
    attack: Floats


def kernels(ddg: Any, people: Any, *, step: float, hosts: int = 12, **host: Any) -> tuple[Floats, Floats, Floats]:
    """K [types, ages] per day at ages step, 2 step, ... of an infection, P [types] and shares of people [types]."""
    shares, phi = chain.types_of_people(ddg, people, hosts)
    _, virus, _ = chain.course(phi[0], every=step, **host)
    root = np.sqrt(np.where(virus > chain.LEAST, virus, 0.0))
    b = root / (root + math.sqrt(chain.HALF))
    established = chain.founding(chain.reproduction(phi[0], **host))
    return people.r0 * b[:, 1:] / (b[0].sum() * step), established / established[0], shares[0]


def generation_interval(kernel: Floats, step: float) -> tuple[float, float]:
    """Mean and sd, days, of the age K [ages] at which a case infects others."""
    ages = np.arange(1, len(kernel) + 1) * step
    mean = float(np.sum(ages * kernel) / np.sum(kernel))
    return mean, math.sqrt(float(np.sum((ages - mean) ** 2 * kernel) / np.sum(kernel)))


def growth(kernel: Floats, step: float) -> float:
    """Per day, r of Euler and Lotka: 1 = sum of K e^(-r a) step, for K [ages] of all infected together."""
    ages = np.arange(1, len(kernel) + 1) * step
    return float(brentq(lambda r: np.sum(kernel * np.exp(-r * ages)) * step - 1.0, -2.0, 5.0))


def renewal(
    ddg: Any,
    people: Any = None,
    *,
    immune_at_start: float = 0.0,
    wild_from: float | None = 0.0,
    mutant_from: float = 120.0,
    until: float = 300.0,
    step: float = 0.1,
    imports: float = 1e-6,
    hosts: int = 12,
    **host: Any,
) -> Wave:
    """A wave of the wild type, then a mutant among those it has left immune.

    Of type g of people, S_g' = -sum over strains of P_gs h_s S_g; h_s(t) = sum_g integral of K_gs(a) i_gs(t - a) da,
    K_gs = R0 b(V_gs(a)) / I0. Who had the wild type becomes immune to it, and meets the mutant by phi; who had the
    mutant is immune to both. Raises ValueError for more than one mutant, and for what is out of its bounds.
    """
    people = chain.Population() if people is None else people
    for value in ddg.values() if isinstance(ddg, Mapping) else [ddg]:
        if chain.titres.checked("ddg", value).size > 1:
            raise ValueError(f"ddg = {ddg!r}: give one mutant, of which a wave is followed.")
    chain.titres.checked("immune_at_start", immune_at_start, 0.0, 1.0)
    chain.titres.checked("imports", imports, 0.0, 1.0)
    chain.titres.checked("mutant_from", mutant_from, 0.0, until)
    ddg = ddg if isinstance(ddg, Mapping) else np.asarray(ddg, dtype=float)
    wild = dict.fromkeys(ddg, 0.0) if isinstance(ddg, Mapping) else np.zeros(1)
    both = [kernels(strain, people, step=step, hosts=hosts, **host) for strain in (wild, ddg)]
    kernel, chance = np.array([k for k, _, _ in both]), np.array([c for _, c, _ in both])
    ages, types = kernel.shape[2], both[0][2][1:] / both[0][2][1:].sum()
    left = np.concatenate([[1.0 - immune_at_start], immune_at_start * types])
    n = round(until / step)
    new = np.zeros((2, len(left), n + ages))  # per step, `ages` steps of nothing before the first
    naive = np.empty(n)
    begins = [None if wild_from is None else round(wild_from / step), round(mutant_from / step)]
    reverse = kernel[:, :, ::-1]
    for now in range(n):
        force = np.einsum("sga,sga->s", reverse, new[:, :, now : now + ages])
        hazard = chance * force[:, None] * step
        total = hazard.sum(axis=0)
        caught = np.where(total > 0.0, hazard / np.where(total > 0.0, total, 1.0), 0.0) * -np.expm1(-total) * left
        left = left - caught.sum(axis=0)
        left[1:] += caught[0, 0] * types + caught[0, 1:]
        naive[now] = left[0]
        for strain, begin in enumerate(begins):
            if now == begin:
                caught[strain, 0] += imports
        new[:, :, now + ages] = caught
    cases = new[:, :, ages:].sum(axis=1)
    return Wave(np.arange(1.0, n + 1.0) * step, cases / step, naive, cases.sum(axis=1))


def run(*, imports: int = 20000, seed: int = 1) -> dict[str, Any]:
    """Waves of several mutants, and imports against their closed form, of few and of many secondary cases."""
    chances = {}
    for k in (1.0, 0.16):
        people = chain.Population(dispersion=k)
        found = chain.escape(np.array([2.0, 2.0]), people)
        means, weights = (x[0] for x in chain.offspring(found, people))
        cases = simulated_imports(means, weights, k, n=imports, seed=seed)
        chances[k] = (float(np.mean(cases >= MANY)), float(chain.chance_of_a_wave(found, people)[0]))
    people = chain.Population()
    after = renewal(2.0, immune_at_start=people.immune, wild_from=None, mutant_from=0.0, until=500.0)
    kernel, chance, shares = kernels(np.array(2.0), people, step=0.1)
    joined = np.sum((shares * chance)[:, None] * kernel, axis=0)
    rise = np.diff(np.log(after.cases[1, 300:401])).mean() / 0.1
    return {
        "waves": {ddg: renewal(ddg) for ddg in (1.8, 1.95, 2.0, 2.84)},
        "imports": chances,
        "attack": (float(after.attack[1]), attack(chain.escape(2.0), people)),
        "generation": generation_interval(kernel[0], 0.1),
        "growth": (float(rise), growth(joined, 0.1)),
    }


def summary(found: Mapping[str, Any]) -> str:
    """The numbers beside closed forms."""
    first = next(iter(found["waves"].values())).attack[0]
    mean, sd = found["generation"]
    return "\n".join(
        [
            f"wave of the wild type: {first:.4f} infected (z = 1 - exp(-2 z): {final_size(2.0):.4f})",
            "then a mutant: " + ", ".join(f"{d:g} kcal/mol {w.attack[1]:.3f}" for d, w in found["waves"].items()),
            "P(wave) from one import, 2 kcal/mol: "
            + ", ".join(f"k = {k:g} {s:.3f} ({x:.3f})" for k, (s, x) in found["imports"].items()),
            "80 % immune, 2 kcal/mol: {:.4f} infected ({:.4f})".format(*found["attack"]),
            "growth of that wave {:.4f} per day (Euler and Lotka: {:.4f})".format(*found["growth"]),
            f"generation interval {mean:.2f} +- {sd:.2f} d (serial interval 3.6 +- 1.6, mean 2.9 to 4.3, measured)",
        ]
    )


def draw_waves(axes: Any, waves: Mapping[float, Wave]) -> None:
    """Cases per 1,000 and day: the wild type's wave, and mutants that come in afterwards, by their ddG."""
    import matplotlib.pyplot as plt

    first = next(iter(waves.values()))
    axes.fill_between(first.days, 1000.0 * first.cases[0], color="0.8", lw=0, label="wild type")
    for (ddg, w), colour in zip(waves.items(), plt.get_cmap("plasma")(np.linspace(0.0, 0.8, len(waves))), strict=True):
        axes.plot(w.days, 1000.0 * w.cases[1], color=colour, label=f"{ddg:g} kcal/mol: {100.0 * w.attack[1]:.0f} %")
    axes.set(xlabel="days", ylabel="cases per 1,000 people and day", ylim=(0, 1600.0 * first.cases.max()))
    axes.legend(frameon=False, fontsize=7, title="infected by day 300", title_fontsize=7, loc="upper right")
