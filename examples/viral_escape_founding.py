"""Chance within a host: whether a first cell founds an infection, and whether a mutant arises and is founded.

The early infection molecule by molecule, by the exact method: cells in eclipse, cells that release virions until they
die, virions that enter a cell or are cleared, and an error mu at entry that makes the cell a mutant's. Cells infected
by one cell are geometric in number, with mean R, and

    a first cell founds an infection with 1 - 1/R,
    a mutant arises among N infections of cells and is founded with 1 - exp(-mu N (1 - 1/R)).

`python examples/viral_escape.py` prints this with the rest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

import biomulti as bm
from biomulti.demos.scripts import example

chain = example("viral_escape")

MUTATION = 8e-5  # per genome copied, of one given substitution: a third of 2.5e-4, doi:10.7554/eLife.26437
VIRIONS = 100.0  # that an infected cell makes in all; 1/R does not depend on it

# First cells of mutant (M in eclipse, J) or wild type (E, I), virions one by one; ends when the mutant has `enough`.
FOUNDER = """
model founder()
  unit substance = item; unit extent = item; unit volume = litre; unit time_unit = 86400 second;
  compartment lining = 1;
  substanceOnly species E in lining, I in lining, V in lining, M in lining, J in lining, W in lining;
  E = 0; I = 0; V = 0; M = 1; J = 0; W = 0;
  eclipse: E -> I; going*k*E;           mutant_eclipse: M -> J; going*k*M;
  death: I -> ; going*d*I;              mutant_death: J -> ; going*d*J;
  release: I -> I + V; going*p*I;       mutant_release: J -> J + W; going*p*J;
  entry: V -> E; going*(1 - mu)*q*c*V;  mutant_entry: W -> M; going*q_mutant*c*W;
  error: V -> M; going*mu*q*c*V;
  loss: V -> ; going*(1 - q)*c*V;       mutant_loss: W -> ; going*(1 - q_mutant)*c*W;
  k = 4; d = 5.2; p = 520; c = 5.2; q = 0; q_mutant = 0; mu = 0; going = 1; enough = 200;
  at (M + J >= enough): going = 0;
end
"""


def founded(
    r: float,
    *,
    runs: int = 2000,
    seed: int = 1,
    method: str = "ssa",
    initial: Mapping[str, float] | None = None,
    **parameters: float,
) -> float:
    """The share of first cells that found an infection of 200 cells, molecule by molecule (network FOUNDER)."""
    chain.titres.checked("r", r, 0.0, VIRIONS)
    run = bm.simulate(
        FOUNDER, t_end=40.0, every=40.0, replicates=runs, method=method, seed=seed, progress=False, initial=initial,
        parameters={"q_mutant": r / VIRIONS, **parameters},
    )  # fmt: skip
    last = run.isel(time=-1)
    return float(np.mean((last["M"] + last["J"]).to_numpy() > 0))


def escape_within(cells: float, r: float, mutation: float = MUTATION) -> float:
    """1 - exp(-mu N (1 - 1/R)): that a mutant arises among N infections of cells, and is founded."""
    chain.titres.checked("cells", cells, 0.0)
    chain.titres.checked("mutation", mutation, 0.0, 1.0)
    return float(-np.expm1(-mutation * cells * chain.founding(r)))


def run(*, runs: int = 2000, seed: int = 1) -> dict[str, Any]:
    """First cells for three R, and the chance of a mutant of 2 kcal/mol in hosts of several titres, by A / K.

    "simulated": of a mutant from 100 cells of a wild type that dies out, with mu = .003 so that it is seen at all.
    """
    levels = (0.0, 3.0, 10.0, chain.TITRE)
    wild = chain.infections(1.0 / (1.0 + np.array(levels)))[2]
    mutant = float(chain.reproduction(chain.infective(2.0, chain.Population().titre)))
    held, many = float(chain.reproduction(1.0 / (1.0 + chain.TITRE))), 0.003
    arisen = founded(mutant, runs=runs, seed=seed, initial={"M": 0.0, "E": 100.0}, q=held / VIRIONS, mu=many)
    return {
        "simulated": (arisen, escape_within(100.0 * held / (1.0 - held), mutant, many), runs),
        "founders": {r: founded(r, runs=runs, seed=seed) for r in (1.98, 2.97, 4.45)},
        "arising": {a: (n, escape_within(n, mutant)) for a, n in zip(levels, wild, strict=True)},
    }


def summary(found: Mapping[str, Any]) -> str:
    """The numbers beside the closed form."""
    first = ", ".join(f"R {r:g}: {x:.3f} ({chain.founding(r):.3f})" for r, x in found["founders"].items())
    rest = ", ".join(f"A/K {a:g}: {p:.2g} ({n:.2g} cells infected)" for a, (n, p) in found["arising"].items())
    share, exact, runs = found["simulated"]
    error = math.sqrt(exact * (1.0 - exact) / runs)
    return (
        f"first cells that found an infection (1 - 1/R): {first}\nP(a mutant of 2 kcal/mol is founded): {rest}\n"
        f"the same from 100 cells of the wild type, mu = .003: {share:.4f} +- {error:.4f} ({exact:.4f})"
    )
