"""A deterministic run that shows beforehand what a network does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomulti._kernels_evaluate import evaluate_rows
from biomulti.cells import population
from biomulti.compile import CompiledModel
from biomulti.stepper import Stepper
from biomulti.system import System

POINTS = 400
TOLERANCE = 1e-4

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pilot:
    """times [points], amounts [points, states] and rates [points, fluxes] of a run with parameters [1, parameters]."""

    times: Floats
    amounts: Floats
    rates: Floats
    parameters: Floats


def pilot(
    system: System,
    model: CompiledModel,
    t_end: float | None,
    initial: Mapping[str, float],
    parameters: Mapping[str, float],
) -> Pilot:
    """The run to `t_end`, or to the `horizon`, with every reaction flowing.

    Raises:
        SimulationError: a rate is not finite, or grows without bound.
    """
    cells = population(system, 1, seed=0, initial=initial, parameters=parameters)
    if t_end is None:
        t_end = horizon(system, model, initial, parameters)
    times = np.linspace(0.0, t_end, POINTS)
    nothing_fires = np.zeros(len(system.fluxes), dtype=bool)
    started = cells.p.copy()
    out = Stepper(system, model, nothing_fires, TOLERANCE, accurate=True).advance(cells, times)
    return Pilot(times, out[0], _rates(model, times, out, cells.p, len(system.fluxes)), started)


def horizon(
    system: System, model: CompiledModel, initial: Mapping[str, float], parameters: Mapping[str, float]
) -> float:
    """Ten times the slowest turnover at the start: how far a run goes when nobody says."""
    start = population(system, 1, seed=0, initial=initial, parameters=parameters)
    y, p = start.y[0], start.p[0]
    first = _rates(model, np.zeros(1), y[None, None], p[None], len(system.fluxes))
    turnover = (np.abs(first) @ np.abs(system.stoichiometry))[0] / 2.0
    moving = np.isfinite(turnover) & (turnover > 0.0)
    size = np.maximum(np.abs(y), 1.0 if system.scale != 1.0 else 1e-3 * np.max(np.abs(y), initial=0.0))
    slowest = float(np.max(size[moving] / turnover[moving], initial=0.0))
    return 10.0 * slowest if slowest > 0.0 else 1.0


def _rates(model: CompiledModel, times: Floats, y: Floats, p: Floats, count: int) -> Floats:
    """Fluxes of one row, [times, fluxes]."""
    out = np.empty((1, len(times), count))
    evaluate_rows(model.fluxes, times, y, p, out)
    return np.asarray(out[0])
