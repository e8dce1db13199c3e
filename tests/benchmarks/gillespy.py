"""GillesPy2's exact solver in C++ on one network; it needs a C++ compiler."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Mapping

import gillespy2
import numpy as np
from numpy.typing import NDArray

import biomulti as bm
from biomulti.expression import formula

if shutil.which("g++") is None:
    raise ImportError("there is no C++ compiler (g++)")
os.environ["PYTHONPATH"] = sysconfig.get_path("purelib")  # where the solver's builds look for SCons


class GillesPy:
    """A model compiled once; `ends` runs it `rows` times from its start to t_end, with one output."""

    def __init__(self, model: str, *, t_end: float, rows: int, initial: Mapping[str, float] | None = None) -> None:
        network = bm.load(model)
        copy = gillespy2.Model(name=network.id)
        start = {s.id: s.initial_amount for s in network.species} | dict(initial or {})
        copy.add_species([gillespy2.Species(name=n, initial_value=int(x or 0.0)) for n, x in start.items()])
        copy.add_parameter([gillespy2.Parameter(name=p.id, expression=repr(p.value)) for p in network.parameters])
        copy.add_reaction(
            [
                gillespy2.Reaction(
                    name=r.id, reactants=_whole(r.reactants), products=_whole(r.products),
                    propensity_function=formula(r.law),
                )
                for r in network.reactions
            ]
        )  # fmt: skip
        copy.timespan(gillespy2.TimeSpan(np.linspace(0.0, t_end, 2)))
        self.solver = gillespy2.SSACSolver(model=copy)
        self.species = list(start)
        self.rows, self.calls = rows, 0

    def ends(self) -> NDArray[np.float64]:
        """Amounts at the end of every run, [rows, species]."""
        self.calls += 1
        runs = self.solver.run(number_of_trajectories=self.rows, seed=self.calls)
        return np.array([[run[name][-1] for name in self.species] for run in runs])


def _whole(side: Mapping[str, object]) -> dict[str, int]:
    return {name: int(n) for name, n in side.items()}  # type: ignore[call-overload]
