"""libRoadRunner on one network: exact simulation by its `gillespie`, ODE by its CVODE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import antimony
import libsbml
import numpy as np
import roadrunner

MODELS = Path(__file__).resolve().parents[2] / "sbml_models"


def sbml(model: str) -> str:
    """SBML text of a shipped model's name or of Antimony text; SBML with its local parameters made global ones."""
    if "<sbml" in model:
        document = libsbml.readSBMLFromString(model)
        properties = libsbml.ConversionProperties()
        properties.addOption("promoteLocalParameters", True)
        document.convert(properties)
        return str(libsbml.writeSBMLToString(document))
    if "\n" not in model:
        return (MODELS / f"{model}.xml").read_text(encoding="utf-8")
    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(model) < 0:
        raise ValueError(antimony.getLastError())
    return str(antimony.getSBMLString(antimony.getMainModuleName()))


class Peer:
    """A model loaded once; each call runs it `rows` times from its start to t_end."""

    def __init__(
        self,
        model: str,
        *,
        integrator: str,
        t_end: float,
        rows: int = 1,
        outputs: int = 1,
        initial: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        self.runner = roadrunner.RoadRunner(sbml(model))
        self.runner.setIntegrator(integrator)
        if integrator == "gillespie":
            self.runner.integrator.seed = 1
            self.runner.integrator.variable_step_size = False
        if tolerance is not None:
            self.runner.integrator.relative_tolerance = tolerance
            self.runner.integrator.absolute_tolerance = 0.01 * tolerance
            self.runner.integrator.maximum_num_steps = 10_000_000
        for species, amount in (initial or {}).items():
            self.runner.setValue(f"init({species})", amount)
        self.t_end, self.rows, self.outputs = t_end, rows, outputs
        self.runner.timeCourseSelections = list(columns or self.runner.model.getFloatingSpeciesIds())

    @property
    def species(self) -> list[str]:
        """Columns of what a call returns."""
        return list(self.runner.timeCourseSelections)

    def __call__(self) -> np.ndarray:
        """Amounts of the last run, [outputs, species]."""
        for _ in range(self.rows):
            path = self.one()
        return path

    def one(self, values: Mapping[str, float] | None = None) -> np.ndarray:
        """Amounts of a run with these values of parameters, [outputs, species]."""
        # events may have changed parameters, which a plain reset leaves as they are
        if self.runner.model.getNumEvents():
            self.runner.resetAll()
        else:
            self.runner.reset()
        for name, value in (values or {}).items():
            self.runner.setValue(name, value)
        return np.array(self.runner.simulate(0.0, self.t_end, self.outputs + 1))[1:]

    def ends(self) -> np.ndarray:
        """Amounts at the end of every run, [rows, species]."""
        return np.array([self.one()[-1] for _ in range(self.rows)])
