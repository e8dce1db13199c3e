"""One step of cells and tissue together.

A step of length dt runs, in this order (Lie splitting, first order in dt):

    networks     every cell's network to t + dt, its parameters fixed
    outputs      species -> active stress, growth, secretion
    flow         -div(2 eta dev e) + grad p + gamma v = div s_active,  div v + p / eta_b = growth
    transport    morphogens and cells move with v, areas change by div v
    signals      strain rate, stress, pressure, morphogens at each cell -> parameters
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import tissue
from biomulti.cells import CellPopulation
from biomulti.coupling import (
    Contractility,
    Growth,
    OutputCoupling,
    Pressure,
    Secretion,
    Signal,
    SignalCoupling,
    StrainRate,
    Stress,
    tensor_part,
)
from biomulti.recorder import Frame
from biomulti.result import outputs, recorded_as, values
from biomulti.stepper import Stepper

Floats = NDArray[np.float64]
RESERVED = ("x", "y", "vx", "vy", "area", "velocity_x", "velocity_y", "pressure", "time", "cell", "gx", "gy")
"""Names of what every run records; a network's own variable of such a name is recorded as network_NAME."""
EMPTY = 1e-9  # share of a place that cells cover, below which there is no tissue


@dataclass
class State:
    """What a run carries from step to step: n cells, their places [n, 2] and areas [n], the flow and the fields."""

    time: float
    cells: CellPopulation
    positions: Floats
    area: Floats
    flow: tissue.Flow
    active: tissue.StressField
    morphogens: dict[str, Floats]


@dataclass(frozen=True)
class Exchange:
    """Everything that stays fixed while cells and tissue act on each other; `base` [n, parameters] are the cells'
    own parameters, to which signals are added."""

    stepper: Stepper
    stokes: tissue.Stokes
    outputs: tuple[OutputCoupling, ...]
    signals: tuple[SignalCoupling, ...]
    morphogens: Mapping[str, tissue.Morphogen]
    base: Floats
    length_unit: str

    def step(self, state: State, end: float) -> None:
        """Advance everything to time `end`, in place."""
        dt = end - state.time
        self.stepper.advance(state.cells, np.array([end]))
        state.time = end
        self.flow(state)
        self._transport(state, dt)
        self.sense(state)

    def flow(self, state: State) -> None:
        """The flow that the cells make now."""
        n = len(state.area)
        stress, growth = np.zeros((n, 3)), np.zeros(n)
        amounts = self._amounts(state)
        for coupling in self.outputs:
            if isinstance(coupling.output, Contractility):
                stress += amounts[coupling.species][:, None] * np.array(coupling.output.tensor())
            elif isinstance(coupling.output, Growth):
                growth += amounts[coupling.species] * coupling.output.per_molecule
        state.active = averaged(self.stokes.grid, state.positions, state.area, stress)
        grown = None
        if any(isinstance(c.output, Growth) for c in self.outputs):
            spread = averaged(self.stokes.grid, state.positions, state.area, np.outer(growth, [1.0, 1.0, 0.0]))
            grown = spread.xx
        state.flow = self.stokes.solve(active_stress=state.active, growth=grown, guess=state.flow)

    def sense(self, state: State) -> None:
        """What each cell feels now, into the parameters of its network."""
        for coupling in self.signals:
            k = self.stepper.system.parameters.index(coupling.parameter)
            state.cells.p[:, k] = self.base[:, k] + coupling.gain * self._signal(state, coupling.signal)

    def frame(self, state: State) -> Frame:
        """What is recorded of one moment, by name."""
        velocity = tissue.velocity(state.flow, state.positions)
        mean_area = self.stokes.grid.area / len(state.area)
        described = outputs(self.stepper.system, "molecules")
        frame: dict[str, tuple[tuple[str, ...], Floats, dict[str, str]]] = {
            recorded_as(name, RESERVED): (("cell",), amount, described[name][1])
            for name, amount in self._amounts(state).items()
        }
        speed = f"{self.length_unit} / {self.stepper.system.network.time_unit}"
        for name, column, meaning, unit in (
            ("x", state.positions[:, 0], "position along x", self.length_unit),
            ("y", state.positions[:, 1], "position along y", self.length_unit),
            ("vx", velocity[:, 0], "velocity along x", speed),
            ("vy", velocity[:, 1], "velocity along y", speed),
            ("area", state.area / mean_area, "area over mean area at the start", ""),
        ):
            frame[name] = (("cell",), column, {"long_name": meaning, "units": unit})
        for coupling in self.signals:
            k = self.stepper.system.parameters.index(coupling.parameter)
            frame[recorded_as(coupling.parameter, RESERVED)] = (
                ("cell",),
                state.cells.p[:, k],
                {"long_name": str(coupling)},
            )
        centre = state.flow.at_centres()
        for name, field in (
            *state.morphogens.items(),
            ("velocity_x", centre[..., 0]),
            ("velocity_y", centre[..., 1]),
            ("pressure", state.flow.p),
        ):
            frame[name] = (("gx", "gy"), field, {})
        return frame

    def _transport(self, state: State, dt: float) -> None:
        """Morphogens and cells over one step, in the flow of that step."""
        grid = self.stokes.grid
        amounts = self._amounts(state)
        for name, morphogen in self.morphogens.items():
            release = np.zeros(len(state.area))
            for coupling in self.outputs:
                if isinstance(coupling.output, Secretion) and coupling.output.morphogen == name:
                    release += amounts[coupling.species] * coupling.output.per_molecule
            state.morphogens[name] = tissue.transport(
                grid,
                state.morphogens[name],
                state.flow,
                dt,
                diffusion=morphogen.diffusion,
                decay=morphogen.decay,
                source=tissue.spread(grid, state.positions, release),
            )
        # a point reads its velocity where it is, so it must not cross more than a grid cell at once
        fastest = [np.max(np.abs(v)) / h for v, h in zip((state.flow.u, state.flow.v), grid.spacing, strict=True)]
        pieces = max(1, math.ceil(float(max(fastest)) * dt))
        for _ in range(pieces):
            gradient = tissue.velocity_gradient(state.flow, state.positions)
            state.area *= np.exp((gradient[:, 0, 0] + gradient[:, 1, 1]) * dt / pieces)
            state.positions = tissue.advance(state.flow, state.positions, dt / pieces)

    def _signal(self, state: State, signal: Signal) -> Floats:
        if isinstance(signal, StrainRate):
            rate = tissue.strain_rate(tissue.velocity_gradient(state.flow, state.positions))
            return tensor_part(np.stack([rate[:, 0, 0], rate[:, 1, 1], rate[:, 0, 1]], axis=1), signal.part)
        if isinstance(signal, Stress):
            stress = tissue.total_stress(self.stokes, state.flow, active_stress=state.active)
            return tensor_part(tissue.stress_at(stress, state.positions), signal.part)
        field = state.flow.p if isinstance(signal, Pressure) else state.morphogens[signal.morphogen]
        return tissue.sample(self.stokes.grid, field, state.positions)

    def _amounts(self, state: State) -> dict[str, Floats]:
        """Molecules of each species, and whatever rules move, in every cell [n]."""
        cells = state.cells
        found = values(self.stepper.system, "molecules", np.array([state.time]), cells.y[:, None], cells.p)
        return {name: column[:, 0] for name, column in found.items()}


def averaged(grid: tissue.Grid, positions: Floats, area: Floats, tensor: Floats) -> tissue.StressField:
    """The field that is `tensor` [n, 3] in cells of the given areas [n]: its mean over the cells near each place.

    With w the weights by which points are spread, sum w A s / sum w A, and zero where there is no cell. Cells that all
    pull alike so make a field that is uniform to rounding, however unevenly they stand.
    """
    total = tissue.spread_stress(grid, positions, tensor * area[:, None])
    cover = tissue.spread_stress(grid, positions, np.repeat(area[:, None], 3, axis=1))
    parts = [
        np.divide(whole, part, out=np.zeros_like(whole), where=part > EMPTY)
        for whole, part in ((total.xx, cover.xx), (total.yy, cover.yy), (total.xy, cover.xy))
    ]
    return tissue.StressField(grid, *parts)
