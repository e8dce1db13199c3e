"""One moment of a run, and everything that can be read of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tissue
from biomulti.coupled import signals
from biomulti.coupled.directions import as_direction
from biomulti.coupled.distance import to_rim, to_side
from biomulti.coupled.setup import Setup
from biomulti.coupled.signals import Signal
from biomulti.coupled.state import Bodies, State

Floats = NDArray[np.float64]


class Moment:
    """The cells, the flow and the fields of a moment, to read; what takes work is worked out once, when asked for.

    time: to which the networks have come, in their unit; None is that of the state, to which all else has.
    Arrays over cells hold all types, one after another, and live only until the next step: copy what is kept.
    """

    def __init__(self, setup: Setup, state: State, bodies: Bodies | None = None, time: float | None = None) -> None:
        self.setup = setup
        self.state = state
        self.bodies = state.bodies if bodies is None else bodies
        self.time = state.time if time is None else time
        self._amounts: dict[str, Floats] = {}
        self._near: dict[float, tissue.Neighbours] = {}

    def at(self, bodies: Bodies) -> Moment:
        """The same moment of the networks with the cells elsewhere."""
        other = Moment(self.setup, self.state, bodies, self.time)
        other._amounts = self._amounts
        return other

    @property
    def grid(self) -> tissue.Grid:
        return self.setup.grid

    @property
    def flow(self) -> tissue.Flow:
        """The last flow that was solved."""
        return self.state.flow

    @property
    def ids(self) -> NDArray[np.int64]:
        """Numbers of the cells, [n]: founders come first, daughters are numbered as they are born."""
        return self.bodies.id

    @property
    def positions(self) -> Floats:
        """[n, dim]."""
        return self.bodies.position

    @cached_property
    def types(self) -> NDArray[np.int64]:
        """Which type each cell is of, [n]."""
        return np.repeat(np.arange(len(self.setup.types)), [n.rows for n in self.state.networks])

    def amount(self, species: str) -> Floats:
        """Molecules of a species in every cell, [n]; none in cells whose network lacks it."""
        if species not in self._amounts:
            self.read([species])
        return self._amounts[species]

    def read(self, species: Sequence[str]) -> None:
        """Work out several amounts at once."""
        wanted = [name for name in species if name not in self._amounts]
        found = {name: np.zeros(len(self.bodies)) for name in wanted}
        for kind, networks, place in zip(self.setup.types, self.state.networks, self.state.slices, strict=True):
            here = [name for name in wanted if name in kind.species]
            for name, column in networks.amounts(here).items():
                found[name][place] = column
        self._amounts |= found

    def feel(self, signal: Signal) -> Floats:
        """A signal at every cell, [n]."""
        felt: Callable[[Moment, Signal], Floats] = _FELT[type(signal)]
        return felt(self, signal)

    @cached_property
    def velocity(self) -> Floats:
        """[n, dim]."""
        return tissue.velocity(self.flow, self.positions)

    @cached_property
    def gradient(self) -> Floats:
        """L_ij = du_i / dx_j, [n, dim, dim]."""
        return tissue.velocity_gradient(self.flow, self.positions)

    @cached_property
    def strain_rate(self) -> Floats:
        """[n, 3 or 6]."""
        rate = tissue.strain_rate(self.gradient)
        both = [(i, i) for i in range(self.grid.dim)] + list(self.grid.pairs)
        return np.stack([rate[:, i, j] for i, j in both], axis=1)

    @cached_property
    def stress(self) -> Floats:
        """Total stress, [n, 3 or 6]."""
        stress = tissue.total_stress(self.fluid, self.flow, active_stress=self.state.active)
        return tissue.stress_at(stress, self.positions)

    @cached_property
    def strain(self) -> Floats:
        """Accumulated logarithmic strain, [n, 3 or 6]."""
        return tissue.logarithmic_strain(self.bodies.deformation)

    @cached_property
    def share(self) -> Floats:
        """How much of every place is tissue, [shape]."""
        return tissue.fraction(self.grid, self.positions, self.bodies.size)

    @cached_property
    def fluid(self) -> tissue.Stokes:
        """The fluid with the viscosity that it has now."""
        if self.setup.outside is None:
            return self.setup.stokes
        inside = self.setup.stokes.viscosity
        return self.setup.stokes.with_(viscosity=tissue.mixed_viscosity(self.share, inside, self.setup.outside))

    @cached_property
    def contacts(self) -> tissue.Neighbours:
        """Cells whose Voronoi cells touch, no further apart than three times the mean distance."""
        return tissue.contacts(self.grid, self.positions, longest=self._longest)

    def near(self, radius: float) -> tissue.Neighbours:
        """Cells no further apart than this."""
        if radius not in self._near:
            self._near[radius] = tissue.neighbours(self.grid, self.positions, radius)
        return self._near[radius]

    @property
    def _longest(self) -> float:
        return 3.0 * float(np.mean(self.bodies.size)) ** (1.0 / self.grid.dim) if len(self.bodies) else np.inf

    def reach(self, signal: signals.Neighbours) -> float:
        """How far away a neighbour may be."""
        return self._longest if signal.within is None else signal.within


def _strain_rate(now: Moment, signal: signals.StrainRate) -> Floats:
    return signals.tensor_part(now.strain_rate, signal.part, now.grid.dim, now.bodies.axis)


def _strain(now: Moment, signal: signals.Strain) -> Floats:
    return signals.tensor_part(now.strain, signal.part, now.grid.dim, now.bodies.axis)


def _stress(now: Moment, signal: signals.Stress) -> Floats:
    return signals.tensor_part(now.stress, signal.part, now.grid.dim, now.bodies.axis)


def _pressure(now: Moment, _: signals.Pressure) -> Floats:
    return tissue.sample(now.grid, now.flow.p, now.positions)


def _velocity(now: Moment, signal: signals.Velocity) -> Floats:
    if signal.part == "magnitude":
        return np.asarray(np.sqrt((now.velocity**2).sum(axis=1)))
    return np.asarray((now.velocity * as_direction(signal.part, now.grid.dim, now.bodies.axis)).sum(axis=1))


def _concentration(now: Moment, signal: signals.Concentration) -> Floats:
    return tissue.sample(now.grid, now.state.morphogens[signal.morphogen], now.positions)


def _density(now: Moment, _: signals.Density) -> Floats:
    return tissue.sample(now.grid, tissue.spread(now.grid, now.positions, 1.0), now.positions)


def _size(now: Moment, _: signals.Size) -> Floats:
    return now.bodies.size / now.setup.unit_size


def _age(now: Moment, _: signals.Age) -> Floats:
    return now.time - now.bodies.born


def _distance(now: Moment, signal: signals.Distance) -> Floats:
    if signal.to == "rim":
        return tissue.sample(now.grid, to_rim(now.grid, now.share), now.positions)
    return to_side(now.grid, now.positions, signal.to)


def _neighbours(now: Moment, signal: signals.Neighbours) -> Floats:
    near = now.contacts if signal.within is None else now.near(signal.within)
    amount = now.amount(signal.species)
    if signal.reduce == "mean":
        return near.mean(amount)
    if signal.reduce == "contact":
        return near.mean(amount, weights=near.side)
    return np.asarray(np.bincount(near.owner, amount[near.index], len(amount)), dtype=np.float64)


_FELT: dict[type, Callable[[Moment, Any], Floats]] = {
    signals.StrainRate: _strain_rate,
    signals.Strain: _strain,
    signals.Stress: _stress,
    signals.Pressure: _pressure,
    signals.Velocity: _velocity,
    signals.Concentration: _concentration,
    signals.Density: _density,
    signals.Size: _size,
    signals.Age: _age,
    signals.Distance: _distance,
    signals.Neighbours: _neighbours,
}
