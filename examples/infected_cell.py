"""What one infected cell sheds, and whether that starts an infection: the network of a cell alone, and closed forms.

A cell that one virion entered sheds N virions before it dies or calms; N is not assumed, it comes out of the network
`infected_cell` (docs/models.md). Where cells and virions mix, a virion enters one of the target cells (rho of them
per area) with the probability q = b rho / (b rho + c), before it decays at the rate c. The field of virions has no
grains, so that a cell infects a Poisson number of mean q N, and R0 = q <N>. What starts from one infected cell dies out
with the probability x, the least root of

    x = < exp(-q N (1 - x)) >        over N,

which is 1 / R0 where cells shed at a constant rate for an exponential time, and x = exp(-R0 (1 - x)) where all shed the
same. Each copy of a genome is a mutant with the probability mu: of n copies a binomial number, and a cell is free of
mutants with the probability < (1 - mu)^n >. What they leave behind is no Poisson number, as early ones are copied
(Luria and Delbrueck 1943, doi:10.1093/genetics/28.6.491).

A plaque of such cells grows at the speed of `front`; examples/infected_tissue.py measures it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

import biomulti as bm

Floats = NDArray[np.float64]

CELL = 10.0  # um, width of a cell; all times are in hours
AREA = CELL**2
VIRION_LOSS = 0.5  # c, per h
INFECTIVITY = 50.0  # b, um2/h: with one target cell in AREA, virions enter at .5 per h
SHED = 1.0  # per h, k_shed of the network
NOW = 1e4  # per h: an inoculum that enters at once
MANY = 50  # infected cells, of which some always go on

SIMPLE = """
model simple()
  unit substance = item; unit extent = item; unit volume = 1e-15 litre; unit time_unit = 3600 second;
  compartment cell = 1;
  substanceOnly species Target in cell, Ill in cell, virion in cell, Shed in cell;
  Target = 1; Ill = 0; virion = 0; Shed = 0;
  b = 50; virions = 0; inoculum = 0; k = 0.1;
  entry:    Target => {entered};   (b*virions + inoculum)*Target;
  shedding: {shedding}    // biomulti: flow
  death:    Ill => ;  k*Ill;
end
"""
SHED_BY_SIMPLE = 100.0  # on average, and in all
CONTINUOUS = SIMPLE.format(entered="Ill", shedding=f"=> Shed; k*{SHED_BY_SIMPLE}*Ill;")
FIXED = SIMPLE.format(entered=f"Ill + {SHED_BY_SIMPLE:.0f} virion", shedding="virion => Shed; virion;")


def life_cycles(
    *, count: int = 2000, until: float = 72.0, every: float = 0.25, seed: int = 1, **numbers: float
) -> xr.Dataset:
    """Cells that a virion entered at time 0; `numbers` are parameters of the network."""
    given = {"inoculum": NOW, **numbers}
    found = bm.simulate(
        "infected_cell", t_end=until, every=every, replicates=count, seed=seed, parameters=given, progress=False
    )
    return found.transpose("replicate", "time", ...)


def released(cycles: xr.Dataset) -> Floats:
    """Virions that each cell shed until the end, [replicates]."""
    return np.asarray(cycles["Shed"].isel(time=-1).to_numpy(), dtype=float)


def front(cycles: xr.Dataset, *, diffusion: float, infectivity: float = INFECTIVITY) -> tuple[float, float]:
    """Speed of the front of a plaque, um/h, and how steep it is, per um.

    Ahead of it V = exp(s t - lambda x), with r(a) the mean rate at which a cell sheds at the age a of its infection,

        s = D lambda^2 - c - b rho + b rho int r(a) e^(-s a) da,     speed = min over lambda of s / lambda.

    ValueError if virions do not diffuse, or R0 is not above 1, so that there is no front.
    """
    age = cycles["time"].to_numpy()
    rate = SHED * cycles["Shedding"].mean("replicate").to_numpy()
    enter = infectivity / AREA
    r0 = enter * np.trapezoid(rate, age) / (enter + VIRION_LOSS)
    if not (0.0 < diffusion < math.inf and 1.0 < r0 < math.inf):
        raise ValueError(f"there is no front with D = {diffusion:g} and R0 = {r0:.3g}; D must be positive, R0 above 1.")
    # of s - D lambda^2, as the integral is below max(r) / s
    most = math.sqrt(enter * rate.max())

    def growth(steep: float) -> float:
        def off(s: float) -> float:
            made = enter * np.trapezoid(rate * np.exp(-s * age), age)
            return float(diffusion * steep**2 - VIRION_LOSS - enter + made - s)

        return float(brentq(off, 0.0, most + diffusion * steep**2))

    length = math.sqrt(diffusion / (VIRION_LOSS + enter))
    found = minimize_scalar(lambda z: growth(z / length) * length / z, bounds=(0.02, 20.0), method="bounded")
    return float(found.fun), float(found.x) / length


def front_after(speed: float, steep: float, start: float, end: float) -> float:
    """Mean speed from `start` to `end`: such fronts are still slower by 3 / (2 lambda t) at the time t.

    Ebert and van Saarloos 2000, doi:10.1016/S0167-2789(00)00068-3.
    """
    return speed - 1.5 / steep * math.log(end / start) / (end - start)


def extinction(shed: Floats, caught: float) -> float:
    """The least root of x = < exp(-q N (1 - x)) > over what cells shed, N [n]; q = `caught`.

    ValueError if N are none, negative or not finite, or q is no probability.
    """
    if not (np.size(shed) and np.isfinite(shed).all() and np.min(shed) >= 0.0 and 0.0 <= caught <= 1.0):
        raise ValueError(f"cells must shed finite numbers, none below 0, and q = {caught:g} must be from 0 to 1.")
    if caught * np.mean(shed) <= 1.0:
        return 1.0
    x, before = 0.0, -1.0
    while x - before > 1e-9:  # grows towards the root
        x, before = float(np.mean(np.exp(-caught * shed * (1.0 - x)))), x
    return x


def infectivity_for(reproduction: float, mean_shed: float) -> float:
    """b with which R0 = q <N>; ValueError if that takes more virions than are shed."""
    if not 0.0 < reproduction < mean_shed < math.inf:
        raise ValueError(
            f"R0 = {reproduction:g} must be above 0 and below the {mean_shed:g} virions that a cell sheds."
        )
    q = reproduction / mean_shed
    return AREA * VIRION_LOSS * q / (1.0 - q)


def wells(
    network: str, *, infectivity: float, count: int = 300, size: int = 300, until: float = 160.0, seed: int = 1
) -> NDArray[np.int64]:
    """How many cells were infected in each of `count` wells of `size` cells whose virions mix; one is so at the start.

    What is shed in a step of 2 h goes into the field of the next, which decays and is taken up exactly; when it comes
    makes no difference to whether the infection dies out. Target cells that are left also meet the virions of those
    that are gone, as if there were cells without end.
    """
    cells, dt = bm.Cells(network, count * size, seed=seed, parameters={"b": infectivity}), 2.0
    founders = np.zeros(count * size)
    founders[::size] = NOW
    cells.set("inoculum", founders)
    field, before, loss = np.zeros(count), np.zeros(count), VIRION_LOSS + infectivity / AREA
    for _ in range(round(until / dt)):
        cells.advance(dt)
        now = cells["Shed"].reshape(count, size).sum(axis=1)
        field, before = field + (now - before) / (size * AREA), now
        targets = cells["Target"].reshape(count, size).sum(axis=1)
        field[targets < size - MANY] = 0.0  # has started, and need not go on
        met = field * (1.0 - math.exp(-loss * dt)) / (loss * dt) * size / np.maximum(targets, 1)
        cells.set("virions", np.repeat(met, size))
        field = field * math.exp(-loss * dt)
    return np.asarray(size - cells["Target"].reshape(count, size).sum(axis=1), dtype=np.int64)


def starts_nothing(shed: Floats, *, reproduction: float = 2.0, **options: Any) -> dict[str, tuple[float, float, float]]:
    """For each way to shed: closed form, share of `wells` in which one cell started nothing, standard error."""
    same = np.array([SHED_BY_SIMPLE])
    ways: dict[str, tuple[str, Floats | None]] = {
        "constant rate": (CONTINUOUS, None),
        "all the same": (FIXED, same),
        "network": ("infected_cell", shed),
    }
    out = {}
    for name, (network, virions) in ways.items():
        mean = float((same if virions is None else virions).mean())
        exact = 1.0 / reproduction if virions is None else extinction(virions, reproduction / mean)
        found = wells(network, infectivity=infectivity_for(reproduction, mean), **options) <= MANY
        out[name] = exact, float(found.mean()), math.sqrt(exact * (1.0 - exact) / len(found))
    return out


def mutants(mu: float, *, count: int = 2000, seed: int = 1) -> dict[str, float]:
    """Mutants made in cells that one virion entered, beside what is due by the copies of genomes."""
    last = life_cycles(count=count, seed=seed, mu=mu).isel(time=-1)
    without = life_cycles(count=count, seed=seed + 1).isel(time=-1)
    made, copies, shed_m = float(last["Mutations"].sum()), float(last["Copies"].sum()), last["Shed_m"].to_numpy()
    return {
        "made": made,
        "made, due": mu * (copies + made),
        "made, sd": math.sqrt(mu * (1.0 - mu) * (copies + made)),
        "free": float((last["Mutations"] == 0).mean()),
        "free, due": float(((1.0 - mu) ** without["Copies"]).mean()),
        "shed by a cell": float(shed_m.mean()),
        "variance over mean": float(shed_m.var() / shed_m.mean()),
    }


def draw(cycles: xr.Dataset, found: dict[float, dict[str, tuple[float, float, float]]], path: Path) -> None:
    """What cells shed, when, and extinction against R0; `found` are tables of `starts_nothing` by R0."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    shed = released(cycles)
    left.hist(shed, bins=40, color="#e6550d")
    left.set(xlabel="virions shed by a cell", ylabel="cells")
    middle.plot(cycles["time"], SHED * cycles["Shedding"].mean("replicate"), color="#252525", label="mean of all")
    for one in cycles["Shedding"].to_numpy()[:4]:
        middle.plot(cycles["time"], SHED * one, lw=0.7)
    middle.set(xlim=(0, 48), xlabel="h after a virion entered", ylabel="virions shed per h")
    middle.legend(frameon=False)
    r0 = np.linspace(1.05, 6.0, 40)
    forms = {
        "constant rate": 1.0 / r0,
        "all the same": [extinction(np.array([SHED_BY_SIMPLE]), r / SHED_BY_SIMPLE) for r in r0],
        "network": [extinction(shed, r / shed.mean()) for r in r0],
    }
    for (name, form), colour in zip(forms.items(), ("#3182bd", "#31a354", "#e6550d"), strict=True):
        right.plot(r0, form, color=colour, label=name)
        for reproduction, table in found.items():
            if name in table:
                right.errorbar(reproduction, table[name][1], 1.96 * table[name][2], fmt="o", color=colour, capsize=3)
    right.set(xlabel="R0", ylabel="one infected cell starts nothing", ylim=(0, 1))
    right.legend(frameon=False)
    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    """Numbers beside their closed forms, and a picture in results/."""
    cycles = life_cycles()
    shed = released(cycles)
    print(
        f"a cell sheds {shed.mean():.0f} +- {shed.std():.0f} virions, {100 * np.mean(shed < 1):.0f} % of cells none; "
        f"without interferon R0 = {shed.mean() * INFECTIVITY / (INFECTIVITY + AREA * VIRION_LOSS):.0f}"
    )
    found = {reproduction: starts_nothing(shed, reproduction=reproduction) for reproduction in (1.5, 2.0, 5.0)}
    print("\none infected cell starts nothing, of 300 wells")
    for reproduction, table in found.items():
        for name, (exact, share, error) in table.items():
            print(f"R0 = {reproduction:g}, {name:16}{share:8.3f} +- {error:.3f}, closed form {exact:.4f}")
    made = mutants(1e-3)
    print(f"\nmutants made in 2000 cells {made['made']:.0f}, {made['made, due']:.0f} +- {made['made, sd']:.0f} due")
    print(f"cells free of them {made['free']:.3f}, {made['free, due']:.3f} due")
    print(f"mutants shed by a cell {made['shed by a cell']:.2f}, variance over mean {made['variance over mean']:.0f}")
    draw(cycles, found, Path("results/infected_cell.png"))


if __name__ == "__main__":
    main()
