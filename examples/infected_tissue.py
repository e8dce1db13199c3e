"""A virus in an epithelium: plaques, their speed, interferon, mutants, and whether one infected cell starts anything.

Every cell of a sheet runs its own copy of the network `infected_cell` (docs/models.md): virions around it enter at the
rate b V, once; the virus copies itself, is assembled and shed, is sensed, and in the end the cell dies. Virions V, those
of a mutant, and interferon I are fields in the tissue, which they diffuse in and are carried by (rho: target cells per
area that are not shielded, n: virions in a cell that lives, k: the rate at which they are shed, m: cells that call):

    dV/dt + div(u V) = D lap V - c V - b rho V + k sum n        dI/dt + div(u I) = D_I lap I - l I + s sum m

Interferon makes antiviral protein, which shields cells: from entry, copying and translation.

Closed forms. Ahead of a plaque V = exp(s t - lambda x) with

    s = D lambda^2 - c - b rho + b rho int r(a) e^(-s a) da,     speed = min over lambda of s / lambda,

r(a) the mean rate at which a cell sheds at the age a of its infection, from the network alone (Yin and McCaskill 1992,
doi:10.1016/S0006-3495(92)81958-6, for the rates of a phage). One infected cell of many that are mixed starts nothing
with the probability x = < exp(-q N (1 - x)) > over what cells shed, N, with q = b rho / (b rho + c); that is 1 / R0
where cells shed at a constant rate for an exponential time, and x = exp(-R0 (1 - x)) where all shed the same. A row of cells
that makes s of interferon per length and time holds s / (2 sqrt(D_I l)) exp(-abs(x) / sqrt(D_I / l)) around it.
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
import tissue

Floats = NDArray[np.float64]

CELL = 10.0  # um, width of a cell; all times are in hours
AREA = CELL**2
VIRION_DIFFUSION = 400.0  # um2/h, 40 times slower than freely: the apical side is covered
VIRION_LOSS = 0.5  # c, per h
INFECTIVITY = 50.0  # b, um2/h: with one target cell in AREA, half a virion in an hour
SHED = 1.0  # k, per h, k_shed of the network
INTERFERON_DIFFUSION = 1e4  # um2/h
INTERFERON_LOSS = 1.0  # l, per h: reaches 100 um
INTERFERON_MADE = 1000.0  # by a cell that calls, per h
T_END, EVERY, STEP = 36.0, 1.0, 0.25  # h
NOW = 1e4  # per h: an inoculum that enters at once
RECORDED = ("Target", "Alive", "Alarm", "Isg", "gen", "tem", "gen_m", "tem_m", "Shed", "Shed_m", "Copies", "Mutations")


def sheet(
    *,
    cells: tuple[int, int] = (80, 80),
    interferon: float = 0.0,
    mutation: float = 0.0,
    resistance: float = 1.0,
    cost: float = 0.0,
    drug: float = 0.0,
    diffusion: float = VIRION_DIFFUSION,
    infectivity: float = INFECTIVITY,
    wind: float = 0.0,
    finer: int = 1,
    walls: bool = False,
    method: str = "hybrid",
    seed: int = 1,
) -> bm.Tissue:
    """
    Cells without virus; `infect` founders then.

    interferon: its potency, times the concentration that cells feel, 0 for none; mutation: probability in each copy of
    a genome; resistance: part of the shield that the mutant ignores; cost: part of its copying that it loses; drug:
    part of all copying that it takes away; wind: a force on every cell, over what friction makes of it the speed of the
    sheet (um/h); finer: grid cells to a cell; walls: closed at both ends of x, in place of periodic.
    """
    size = (cells[0] * CELL, cells[1] * CELL)
    shape = (cells[0] * finer, cells[1] * finer)
    grid = tissue.Grid(shape=shape, size=size, boundary=("free-slip" if walls else "periodic", "periodic"))
    numbers = {"mu": mutation, "resistance": resistance, "cost": cost, "drug": drug, "b": infectivity, "drag": wind}
    made = bm.Tissue(
        "infected_cell", cells=math.prod(cells), grid=grid, friction=1.0, method=method, seed=seed, parameters=numbers
    )
    for name, kind, felt in (("Virions", "", "virions"), ("Mutant", "_m", "mutants")):
        if name == "Virions" or mutation > 0.0:
            made.add(tissue.Morphogen(name, diffusion=diffusion, decay=VIRION_LOSS))
            made.couple(f"Shedding{kind}", to=bm.Secretion(name, per_molecule=SHED))
            made.couple(f"Receptor{kind}", to=bm.Uptake(name, per_molecule=infectivity))
            made.couple(bm.Concentration(name), to=felt)
    made.add(tissue.Morphogen("Interferon", diffusion=INTERFERON_DIFFUSION, decay=INTERFERON_LOSS))
    made.couple("Calling", to=bm.Secretion("Interferon", per_molecule=INTERFERON_MADE))
    made.couple(bm.Concentration("Interferon"), to="interferon", gain=interferon)
    if wind:
        made.couple("Drag", to=bm.Force(per_molecule=AREA, axis="x"))
    return made


def infect(made: bm.Tissue, founders: NDArray[np.bool_]) -> bm.Tissue:
    """One virion enters each of the founders [cells] at once."""
    made.set("inoculum", NOW * founders)
    return made


def nearest(made: bm.Tissue, *places: tuple[float, float]) -> NDArray[np.bool_]:
    """Which cells [cells] lie nearest to the places."""
    out = np.zeros(len(made.positions), dtype=bool)
    for place in places:
        out[np.argmin(((made.positions - place) ** 2).sum(axis=1))] = True
    return out


def run(*, t_end: float = T_END, every: float = EVERY, dt: float = STEP, progress: bool = True, **changed: Any) -> xr.Dataset:
    """A plaque from one infected cell in the middle; `changed` are arguments of `sheet`."""
    made = sheet(**changed)
    infect(made, nearest(made, (0.5 * made.grid.size[0], 0.5 * made.grid.size[1])))
    watched = [bm.observe.Cells(species=RECORDED), bm.observe.Fields()]
    return made.run(t_end, every=every, dt=dt, observe=watched, progress=progress).data


def infected(data: xr.Dataset) -> NDArray[np.int64]:
    """How many cells a virion has entered so far, [times]."""
    return np.asarray((data["Target"] < 0.5).sum("cell").to_numpy())


def by_mutant(data: xr.Dataset) -> NDArray[np.bool_]:
    """Which cells [times, cells] hold, or shed, more of the mutant."""
    more = data["gen_m"] + data["tem_m"] + data["Shed_m"] > data["gen"] + data["tem"] + data["Shed"]
    return np.asarray(more.transpose("time", "cell").to_numpy())


def radius(data: xr.Dataset) -> Floats:
    """Of the disc of as many cells as are infected, um, [times]."""
    return np.sqrt(infected(data) * AREA / math.pi)


# What cells shed, and what follows from it


def life_cycles(*, count: int = 2000, until: float = 72.0, every: float = 0.25, seed: int = 1, **numbers: float) -> xr.Dataset:
    """Cells that a virion entered at time 0, without tissue."""
    return bm.simulate(
        "infected_cell", t_end=until, every=every, replicates=count, seed=seed, method="ssa",
        parameters={"inoculum": NOW, **numbers}, progress=False,
    ).transpose("replicate", "time")  # fmt: skip


def shed(cycles: xr.Dataset) -> Floats:
    """What the field gets of each cell [replicates]: the integral of k n."""
    return SHED * np.trapezoid(cycles["Shedding"].to_numpy(), cycles["time"].to_numpy(), axis=1)


def front(cycles: xr.Dataset, *, diffusion: float = VIRION_DIFFUSION, infectivity: float = INFECTIVITY) -> tuple[float, float]:
    """Speed of the front, um/h, and its steepness lambda, per um, from what cells shed at each age."""
    age, rate = cycles["time"].to_numpy(), SHED * cycles["Shedding"].mean("replicate").to_numpy()
    enter = infectivity / AREA

    def growth(steep: float) -> float:
        def off(s: float) -> float:
            made = enter * np.trapezoid(rate * np.exp(-s * age), age)
            return float(diffusion * steep**2 - VIRION_LOSS - enter + made - s)

        return float(brentq(off, 0.0, 10.0 + diffusion * steep**2))

    length = math.sqrt(diffusion / (VIRION_LOSS + enter))
    found = minimize_scalar(lambda z: growth(z / length) * length / z, bounds=(0.02, 20.0), method="bounded")
    return float(found.fun), float(found.x) / length


def extinction(released: Floats, caught: float) -> float:
    """The least root of x = < exp(-q N (1 - x)) >, over N [n]; q = `caught`."""
    x = 0.0
    for _ in range(5000):
        x = float(np.mean(np.exp(-caught * released * (1.0 - x))))
    return x


def infectivity_for(reproduction: float, mean_shed: float) -> float:
    """b with which R0 = q N."""
    q = reproduction / mean_shed
    return AREA * VIRION_LOSS * q / (1.0 - q)


# A front along a strip


def strip_speed(*, length: int = 120, width: int = 16, t_end: float = 48.0, dt: float = STEP, **changed: Any) -> dict[str, Any]:
    """Speed (um/h) of the front that starts at one end of a strip of length x width cells, over the last half."""
    made = sheet(cells=(length, width), walls=True, **changed)
    infect(made, made.positions[:, 0] < 2.0 * CELL)
    data = made.run(t_end, every=1.0, dt=dt, observe=bm.observe.Cells(species=("Target",)), progress=False).data
    reached = infected(data) * AREA / (width * CELL)
    time = data["time"].to_numpy()
    late = (time >= 0.5 * t_end) & (reached < (length - 8) * CELL)
    slope = float(np.polyfit(time[late], reached[late], 1)[0]) if late.sum() > 3 else math.nan
    return {"time": time, "reached": reached, "speed": slope}
