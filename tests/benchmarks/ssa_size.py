"""Exact methods over the size of the network, and where the time to the first firing of a large one goes.

Two families: sparse mass-action networks made at random, and a row of sites between which molecules hop.
"""

from __future__ import annotations

from itertools import pairwise
from time import process_time

import numpy as np

import biomulti as bm
from biomulti.cells import population
from biomulti.exact import LARGEST_DIRECT, Exact
from biomulti.options import EXACT_METHODS
from biomulti.system import System, system_of
from tests.benchmarks.timing import alternate, table

SIZES = (10, 30, 50, 100, 300, 1_000, 3_000, 10_000)
FIRINGS = 300_000
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2">
<model id="m" substanceUnits="item" extentUnits="item" timeUnits="second"><listOfCompartments>
<compartment id="c" spatialDimensions="3" size="1" constant="true"/></listOfCompartments>"""
MATH = "http://www.w3.org/1998/Math/MathML"

Reaction = tuple[list[int], list[int], float]  # reactants, products, rate constant


def random_network(reactions: int, seed: int = 1) -> tuple[list[int], list[Reaction]]:
    """Start and reactions: of ten, four make a species, four destroy one, one turns one into another, one binds two."""
    rng = np.random.default_rng(seed)
    count = max(reactions * 4 // 10, 3)
    made: list[Reaction] = []
    for k in range(count):
        turnover = 10.0 ** rng.uniform(-1.0, 1.0)
        made += [([], [k], 100.0 * turnover), ([k], [], turnover)]
    while len(made) < reactions:
        a, b, c = (int(k) for k in rng.choice(count, 3, replace=False))
        spread = 10.0 ** rng.uniform(-1.0, 1.0)
        made.append(([a, b], [c], 1e-3 * spread) if len(made) % 2 else ([a], [b], 0.1 * spread))
    return rng.integers(50, 150, count).tolist(), made[:reactions]


def row_of_sites(reactions: int) -> tuple[list[int], list[Reaction]]:
    """Molecules that hop between neighbouring sites, enter at the first and leave at the last."""
    sites = reactions // 2
    hops: list[Reaction] = [([], [0], 20.0), ([sites - 1], [], 1.0)]
    for k in range(sites - 1):
        hops += [([k], [k + 1], 1.0), ([k + 1], [k], 1.0)]
    return [20] * sites, hops


FAMILIES = {"random mass action": random_network, "row of sites": row_of_sites}


def sbml(start: list[int], reactions: list[Reaction]) -> str:
    """The network as SBML; Antimony takes a minute for ten thousand reactions."""
    species = "".join(
        f'<species id="S{k}" compartment="c" initialAmount="{n}" hasOnlySubstanceUnits="true" '
        f'boundaryCondition="false" constant="false"/>'
        for k, n in enumerate(start)
    )
    constants = "".join(
        f'<parameter id="k{j}" value="{k!r}" constant="true"/>' for j, (_, _, k) in enumerate(reactions)
    )

    def side(name: str, found: list[int]) -> str:
        items = "".join(f'<speciesReference species="S{k}" stoichiometry="1" constant="true"/>' for k in found)
        return f"<listOf{name}>{items}</listOf{name}>" if found else ""

    def reaction(j: int, left: list[int], right: list[int]) -> str:
        law = "".join(f"<ci>{name}</ci>" for name in (f"k{j}", *(f"S{k}" for k in left)))
        law = f"<apply><times/>{law}</apply>" if left else law
        return (
            f'<reaction id="R{j}" reversible="false">{side("Reactants", left)}{side("Products", right)}'
            f'<kineticLaw><math xmlns="{MATH}">{law}</math></kineticLaw></reaction>'
        )

    body = "".join(reaction(j, left, right) for j, (left, right, _) in enumerate(reactions))
    return (
        f"{HEAD}<listOfSpecies>{species}</listOfSpecies><listOfParameters>{constants}</listOfParameters>"
        f"<listOfReactions>{body}</listOfReactions></model></sbml>"
    )


class Job:
    """A method on a system; each call goes on for about FIRINGS firings."""

    def __init__(self, system: System, method: str) -> None:
        self.exact = Exact(system, method)
        self.cells = population(system, 1, seed=1)
        self.out = np.empty((1, 1, len(system.states)))
        self.step = 1e-9
        self._run(1e-9)
        while self.cells.counts[0, 0] < FIRINGS // 10:
            self._run(self.step)
            self.step *= 2.0
        self.step = FIRINGS * self.cells.clock[0] / self.cells.counts[0, 0]
        self.before, self.calls = self.cells.counts[0, 0], 0

    def _run(self, duration: float) -> None:
        cursor, status = np.zeros(1, dtype=np.int64), np.zeros((1, 2), dtype=np.int64)
        self.exact.advance(self.cells, self.cells.clock + duration, self.out, cursor, 10**9, status)

    def __call__(self) -> None:
        self._run(self.step)
        self.calls += 1

    @property
    def firings(self) -> float:
        """Of a call, on average."""
        return float(self.cells.counts[0, 0] - self.before) / self.calls


def measure() -> str:
    """The tables."""
    parts = []
    for family, make in FAMILIES.items():
        rows = []
        for size in SIZES:
            system = system_of(bm.load(sbml(*make(size))), 1.0)
            jobs = {m: Job(system, m) for m in EXACT_METHODS if m != "ssa-direct" or size <= LARGEST_DIRECT}
            seconds = alternate(jobs, rounds=7)
            speeds = [jobs[m].firings / seconds[m] / 1e6 if m in jobs else "-" for m in EXACT_METHODS]
            graph = jobs["ssa-tree"].exact.dependencies
            rows.append([f"{size:,}", len(graph.affected) / size, *speeds])
        head = ["reactions", "propensities a firing changes", *(f"{m}, million/s" for m in EXACT_METHODS)]
        parts.append(table(f"Exact methods over size: {family}", head, rows))
    return "\n".join([*parts, first_firing(10_000)])


def first_firing(size: int) -> str:
    """Seconds of the processor from SBML text to the first firing."""
    text = sbml(*random_network(size))
    marks = [("", process_time())]

    def mark(name: str) -> None:
        marks.append((name, process_time()))

    network = bm.load(text)
    mark("reading and checking the SBML")
    system = system_of(network, 1.0)
    mark("equations")
    cells = population(system, 1, seed=1)
    mark("start")
    method = Exact(system, "ssa-tree")
    _ = method.tables
    mark("tables of propensities")
    _ = method.dependencies
    mark("dependencies")
    cursor, status = np.zeros(1, dtype=np.int64), np.zeros((1, 2), dtype=np.int64)
    method.advance(cells, np.array([1e6]), np.empty((1, 1, len(system.states))), cursor, 1, status)
    mark("first firing")
    rows = [[name, f"{now - before:.2f}"] for (_, before), (name, now) in pairwise(marks)]
    return table(f"To the first firing of {size:,} reactions, kernels on disk", ["", "s"], rows)


if __name__ == "__main__":
    print(measure())
