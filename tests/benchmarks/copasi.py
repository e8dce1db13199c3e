"""COPASI's direct method on one network, through basico."""

from __future__ import annotations

from collections.abc import Mapping

import basico
import COPASI
import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.peer import sbml


class Copasi:
    """A model loaded once; `ends` runs it `rows` times from its start to t_end, with one output."""

    def __init__(self, model: str, *, t_end: float, rows: int, initial: Mapping[str, float] | None = None) -> None:
        data = basico.load_model_from_string(sbml(model))
        self.model = data.getModel()
        # a model read from SBML counts as deterministic, and each law that takes two of a species is corrected by
        # (X - 1)/X; these laws are propensities already
        self.model.setModelType(COPASI.CModel.ModelType_stochastic)
        self.model.forceCompile()
        metabolites = self.model.getMetabolites()
        self.metabolites = [metabolites.get(k) for k in range(metabolites.size())]
        self.species = [m.getSBMLId() for m in self.metabolites]
        for species, amount in (initial or {}).items():
            name = self.metabolites[self.species.index(species)].getObjectName()
            basico.set_species(name, exact=True, initial_particle_number=amount, model=data)
        basico.run_time_course(
            0.0, t_end, 1, method="directMethod", use_initial_values=True, use_seed=True, seed=1,
            max_steps=2_000_000_000, model=data,
        )  # fmt: skip
        self.task = data.getTask("Time-Course")
        self.seed = self.task.getMethod().getParameter("Random Seed")
        self.rows, self.calls = rows, 1

    def ends(self) -> NDArray[np.float64]:
        """Amounts at the end of every run, [rows, species]."""
        out = []
        for _ in range(self.rows):
            self.calls += 1
            self.seed.setUIntValue(self.calls)
            if not self.task.process(True):
                raise RuntimeError("COPASI stopped: " + COPASI.CCopasiMessage.getAllMessageText())
            out.append([m.getValue() for m in self.metabolites])
        return np.array(out)
