"""`biomulti.Cells`: networks of many cells, taken along in steps by mechanics of your own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomulti import options, sets
from biomulti.cells import population
from biomulti.counts import molecules_per_unit, whole_starts
from biomulti.coupled import checks
from biomulti.coupled.kind import Kind
from biomulti.errors import CouplingError, OptionError
from biomulti.load import load
from biomulti.network import Network
from biomulti.partition import Partition
from biomulti.simulation import stepper_of, warn_of_costs
from biomulti.system import system_of

Floats = NDArray[np.float64]


class Cells:
    """
    Cells that each run their own copy of a network, in steps that something outside takes.

        cells.set("tension", felt); cells.advance(dt); pull = cells["Myosin"]

    For mechanics that `Tissue` does not have: whatever moves the cells sets parameters and reads molecules between
    steps. Parameters stay what they were set to during a step, so that the error is of first order in dt. What fires
    and what flows is decided by the parameters given here. A seed gives the same bits for any number of threads.

    Args:
        network: a Network, or anything `load` takes.
        cells: how many.
        method: "hybrid", "ssa" or "ode", as in `simulate`, with `tolerance` and `physical_scale`.
        seed: of everything random; None draws one.
        initial, parameters: in place of the model's, numbers or [cells].

    Raises:
        OptionError: an argument out of its range, or values of another length.
        ModelError, UnitsError: as `simulate`.
    """

    def __init__(
        self,
        network: Any,
        cells: int,
        *,
        method: str = "hybrid",
        seed: int | None = None,
        initial: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        tolerance: float | None = None,
        physical_scale: Mapping[str, str] | None = None,
    ) -> None:
        if not isinstance(cells, (int, np.integer)) or isinstance(cells, bool) or cells < 1:
            raise OptionError(f"cells={cells!r} must be a whole number, 1 or more.")
        options.check_options(method=method, tolerance=tolerance, physical_scale=physical_scale)
        self.seed = options.chosen_seed(seed)
        start, values = sets.as_sets("initial", initial), sets.as_sets("parameters", parameters)
        for name, given in [*start.items(), *values.items()]:
            if isinstance(given, np.ndarray) and len(given) != cells:
                raise OptionError(f"'{name}' has {len(given)} values; give one for each of the {cells} cells.")
        model = load(network)
        system = system_of(model, molecules_per_unit(model), sets.row(values, 0))
        sets.refuse_structural(system, values)
        stepper, split = stepper_of(system, method, None, tolerance, physical_scale or {}, start, values)
        warn_of_costs(model, split)
        self._kind = Kind(model.id, model, stepper, split)
        self._cells = population(stepper.system, int(cells), seed=self.seed, initial=start, parameters=values)
        self._cells.y[:] = self._cells.peak[:] = whole_starts(stepper.system, self._cells.y, stepper.counts)
        # any of them may be set between steps
        self._cells.driven = frozenset(range(len(stepper.system.parameters)))

    # else Python would ask for cells[0], cells[1], ... where only names are known
    __iter__ = None

    def __len__(self) -> int:
        return self._cells.rows

    @property
    def network(self) -> Network:
        """What every cell runs."""
        return self._kind.network

    @property
    def partition(self) -> Partition | None:
        """What fires and what flows, by method "hybrid"; None by others."""
        return self._kind.partition

    @property
    def time(self) -> float:
        """Reached so far, in the network's unit."""
        return float(self._cells.clock[0])

    def set(self, parameter: str, values: Floats | float) -> None:
        """Give every cell its own value of a parameter from now on, a number or [cells].

        Raises:
            CouplingError: the network has no such parameter, or the values are not one finite number a cell.
        """
        checks.types_with_parameter((self._kind,), parameter, None)
        index = self._kind.stepper.system.parameters.index(parameter)
        self._cells.p[:, index] = checks.one_a_cell(f"set('{parameter}')", values, len(self))

    def advance(self, dt: float) -> None:
        """All cells by dt, in the network's unit of time; where one fails or is interrupted, all stay where they were.

        Raises:
            OptionError: dt is not positive and finite.
            SimulationError: as `simulate`, with the cell, the time and the state.
        """
        options.check_time("dt", dt)
        before = self._cells.taken(np.arange(len(self)))
        try:
            self._kind.stepper.advance(self._cells, np.array([self.time + float(dt)]))
        except BaseException:
            self._cells = before
            raise

    def __getitem__(self, name: str) -> Floats:
        """Molecules of a species, what a rule makes of them, or the values of a parameter, [cells]."""
        parameters = self._kind.stepper.system.parameters
        if name in self._kind.species:
            return self._kind.amounts(self._cells, [name])[name].copy()
        if name not in parameters:
            known = ", ".join(dict.fromkeys([*self._kind.species, *parameters]))
            raise CouplingError(f"the network {self.network.id} has no '{name}'; it has {known}.")
        return np.ascontiguousarray(self._cells.p[:, parameters.index(name)])
