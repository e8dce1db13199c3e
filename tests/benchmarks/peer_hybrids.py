"""The hybrid methods of COPASI and GillesPy2 on one network; a peer that cannot be loaded or fails says why.

All are given the partition that is right for the network: what is in `flows` flows, and the rest fires. COPASI's LSODA
and Runge-Kutta methods find it by themselves from numbers of molecules (their limits stay at 800 and 1,000), and so
would GillesPy2's with dynamic species, at up to 1.7 times the cost.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import biomulti as bm
from biomulti.expression import formula
from tests.benchmarks.peer import sbml

MOST_STEPS = 2_000_000_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """A network in Antimony, the species to look at, the reactions that flow, and when it is looked at."""

    text: str
    species: str
    flows: Collection[str]
    t_end: float
    outputs: int


class Hybrid(Protocol):
    """A network loaded once."""

    def set(self, parameter: str, value: float) -> None:
        """Another value of a parameter, from the next run on."""

    def runs(self, count: int) -> Floats:
        """Amounts of the species in that many runs, [runs, outputs]."""


class Copasi:
    """One of COPASI's hybrid methods, through basico."""

    def __init__(self, task: Task, method: str) -> None:
        self.basico, self.copasi = importlib.import_module("basico"), importlib.import_module("COPASI")
        logging.disable(logging.WARNING)  # basico warns of units it does not show
        self.data = self.basico.load_model_from_string(sbml(task.text))
        model = self.data.getModel()
        # a model read from SBML counts as deterministic, and its laws would be corrected
        model.setModelType(self.copasi.CModel.ModelType_stochastic)
        model.forceCompile()
        self.basico.set_task_settings(
            "Time-Course",
            {
                "problem": {"Duration": task.t_end, "StepNumber": task.outputs, "AutomaticStepSize": False},
                "method": {"name": method, "Max Internal Steps": MOST_STEPS, "Use Random Seed": True},
            },
            model=self.data,
        )
        self.task = self.data.getTask("Time-Course")
        self.task.getProblem().setTimeSeriesRequested(True)
        if method == "Hybrid (RK-45)":
            self._let_flow(model.getReactions(), task.flows)
        self.seed = self.task.getMethod().getParameter("Random Seed")
        self.species, self.outputs, self.calls = task.species, task.outputs, 0

    def _let_flow(self, reactions: Any, flows: Collection[str]) -> None:
        chosen = self.task.getMethod().getGroup("Deterministic Reactions")
        for reaction in map(reactions.get, range(reactions.size())):
            if reaction.getSBMLId() in flows:
                chosen.addParameter("Reaction", self.copasi.CCopasiParameter.Type_CN)
                chosen.getParameter(chosen.size() - 1).setCNValue(reaction.getCN())

    def set(self, parameter: str, value: float) -> None:
        """Another value of a parameter, from the next run on."""
        self.basico.set_parameters(parameter, exact=True, initial_value=value, model=self.data)

    def runs(self, count: int) -> Floats:
        """Amounts of the species in that many runs, [runs, outputs]."""
        out = np.empty((count, self.outputs))
        for run in range(count):
            self.calls += 1
            self.seed.setUIntValue(self.calls)
            if not self.task.process(True):
                raise RuntimeError(self.copasi.CCopasiMessage.getAllMessageText().strip().splitlines()[0])
            series = self.task.getTimeSeries()
            column = next(k for k in range(series.getNumVariables()) if series.getTitle(k) == self.species)
            out[run] = [series.getData(k, column) for k in range(1, self.outputs + 1)]
        return out


class GillesPy:
    """GillesPy2's hybrid solver, in C++ or in Python; what flowing reactions change is continuous."""

    def __init__(self, task: Task, solver: str) -> None:
        # the module looks for the compiler, and tells builds where SCons is
        importlib.import_module("tests.benchmarks.gillespy")
        gillespy2 = importlib.import_module("gillespy2")
        network = bm.load(task.text)
        flowing = {s for r in network.reactions if r.id in task.flows for s in {**r.reactants, **r.products}}
        model = gillespy2.Model(name=network.id)
        model.add_species(
            [
                gillespy2.Species(
                    name=s.id, initial_value=int(s.initial_amount or 0.0),
                    mode="continuous" if s.id in flowing else "discrete",
                )
                for s in network.species
            ]
        )  # fmt: skip
        model.add_parameter([gillespy2.Parameter(name=p.id, expression=repr(p.value)) for p in network.parameters])
        model.add_reaction(
            [
                gillespy2.Reaction(
                    name=r.id, reactants=_whole(r.reactants), products=_whole(r.products),
                    propensity_function=formula(r.law),
                )
                for r in network.reactions
            ]
        )  # fmt: skip
        model.timespan(gillespy2.TimeSpan(np.linspace(0.0, task.t_end, task.outputs + 1)))
        self.built = solver == "TauHybridCSolver"
        self.solver = getattr(gillespy2, solver)(model=model, **({"variable": True} if self.built else {}))
        self.species, self.calls, self.values = task.species, 0, {}

    def set(self, parameter: str, value: float) -> None:
        """Another value of a parameter, from the next run on."""
        if self.built:
            self.values[parameter] = value
        else:
            self.solver.model.listOfParameters[parameter].expression = repr(value)

    def runs(self, count: int) -> Floats:
        """Amounts of the species in that many runs, [runs, outputs]."""
        self.calls += 1
        options = {"variables": self.values} if self.values else {}
        found = self.solver.run(number_of_trajectories=count, seed=self.calls, **options)
        return np.array([run[self.species][1:] for run in found], dtype=float)


PEERS: Mapping[str, tuple[Any, str]] = {
    "COPASI, LSODA": (Copasi, "Hybrid (LSODA)"),
    "COPASI, Runge-Kutta": (Copasi, "Hybrid (Runge-Kutta)"),
    "COPASI, RK-45": (Copasi, "Hybrid (RK-45)"),
    "GillesPy2, C++": (GillesPy, "TauHybridCSolver"),
    "GillesPy2, Python": (GillesPy, "TauHybridSolver"),
}


def _whole(side: Mapping[str, object]) -> dict[str, int]:
    return {name: int(n) for name, n in side.items()}  # type: ignore[call-overload]
