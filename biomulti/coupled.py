"""`biomulti.Tissue`: cells with gene networks in a flowing tissue, acting on each other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import tissue
from biomulti import options, simulation
from biomulti.cells import population
from biomulti.counts import molecules_per_unit, whole_starts
from biomulti.coupling import Concentration, Output, OutputCoupling, Secretion, Signal, SignalCoupling
from biomulti.errors import CouplingError, OptionError, SimulationError
from biomulti.exchange import RESERVED, Exchange, State
from biomulti.load import load
from biomulti.placement import placed
from biomulti.recorder import Recorder, described
from biomulti.result import outputs, provenance
from biomulti.run import Run
from biomulti.system import System, system_of

Floats = NDArray[np.float64]
FLOW_TOLERANCE = 1e-6  # of the residual of the flow, relative to what drives it


class Tissue:
    """Cells that each run their own copy of a network, moved by the flow they make.

    Args:
        network: a Network, or anything `load` takes.
        cells: how many, placed on a jittered lattice that fills the grid, or positions [n, 2].
        grid: where the tissue lives.
        viscosity, friction, bulk_viscosity: of the tissue, numbers or fields [nx, ny]; an infinite bulk viscosity
            is the incompressible tissue. With viscosity 1, stresses are in 1 / (unit of time).
        method: "hybrid", "ssa" or "ode", as in `simulate`, with `tolerance` and `physical_scale`.
        seed: of everything random; None draws one. It is recorded.
        initial, parameters: in place of the model's, the same in every cell; `set` gives each cell its own.
        length_unit: what lengths of the grid are in; written to results.
        warm_up: for how long the networks run alone before the tissue starts, so that cells are not in step.

    Raises:
        OptionError: an argument out of its range.
    """

    def __init__(
        self,
        network: Any,
        *,
        cells: int | Floats,
        grid: tissue.Grid,
        viscosity: float | Floats = 1.0,
        friction: float | Floats = 0.0,
        bulk_viscosity: float | Floats = math.inf,
        method: str = "hybrid",
        seed: int | None = None,
        initial: Mapping[str, float] | None = None,
        parameters: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        physical_scale: Mapping[str, str] | None = None,
        warm_up: float = 0.0,
        length_unit: str = "um",
    ) -> None:
        if not (options.is_number(warm_up) and 0.0 <= warm_up < math.inf):
            raise OptionError(f"warm_up={warm_up!r} must be 0 or a positive, finite time.")
        if not isinstance(grid, tissue.Grid):
            raise OptionError(f"grid={grid!r} must be a tissue.Grid.")
        if grid.dim != 2 or any(grid.open):
            raise OptionError(f"grid={grid!r}: cells live on a rectangle, its axes periodic or between closed walls.")
        options.check_options(method=method, tolerance=tolerance, physical_scale=physical_scale)
        self.network = load(network)
        self.grid = grid
        self.seed = options.chosen_seed(seed)
        self.method = method
        self.warm_up = warm_up
        self.length_unit = length_unit
        self.positions = placed(cells, grid, self.seed)
        self.stokes = tissue.Stokes(
            grid, viscosity=viscosity, friction=friction, bulk_viscosity=bulk_viscosity, tolerance=FLOW_TOLERANCE
        )
        self.initial = options.as_values("initial", initial)
        self.parameters = options.as_values("parameters", parameters)
        system = system_of(self.network, molecules_per_unit(self.network), self.parameters)
        self.stepper, self.partition = simulation.stepper_of(
            system, method, None, tolerance, physical_scale or {}, self.initial, self.parameters
        )
        self.system: System = self.stepper.system
        self.outputs: list[OutputCoupling] = []
        self.signals: list[SignalCoupling] = []
        self.morphogens: dict[str, tuple[tissue.Morphogen, Floats]] = {}
        self.own: dict[str, Floats] = {}

    @property
    def count(self) -> int:
        """Number of cells."""
        return len(self.positions)

    def add(self, morphogen: tissue.Morphogen, *, initial: float | Floats = 0.0) -> None:
        """Add a morphogen, with its concentration at the start (a number or [nx, ny], amount per area).

        Raises:
            CouplingError: the name is taken, by another morphogen, by the network or by what is recorded anyway; or the
                concentration has another shape, is negative or not finite.
        """
        if not isinstance(morphogen, tissue.Morphogen):
            raise CouplingError(f"add({morphogen!r}): add a tissue.Morphogen(name, diffusion=..., decay=...).")
        if morphogen.name in {*self.morphogens, *outputs(self.system, "molecules"), *self.system.parameters, *RESERVED}:
            raise CouplingError(f"'{morphogen.name}' is taken; give the morphogen a name of its own.")
        try:
            field = np.broadcast_to(np.asarray(initial, dtype=np.float64), self.grid.shape).copy()
        except (ValueError, TypeError):
            raise CouplingError(
                f"the concentration of '{morphogen.name}' is a number or an array of shape {self.grid.shape}."
            ) from None
        if not (np.isfinite(field).all() and (field >= 0.0).all()):
            raise CouplingError(f"the concentration of '{morphogen.name}' must be finite and not negative.")
        self.morphogens[morphogen.name] = (morphogen, field)

    def set(self, parameter: str, values: Floats | float) -> None:
        """Give every cell its own value of a parameter of the network, a number or [cells].

        Raises:
            CouplingError: the network has no such parameter, or the values are not one finite number a cell.
        """
        self._index(parameter)
        try:
            own = np.broadcast_to(np.asarray(values, dtype=np.float64), (self.count,)).copy()
        except (ValueError, TypeError):
            raise CouplingError(f"set('{parameter}'): give one value for each of the {self.count} cells.") from None
        if not np.isfinite(own).all():
            raise CouplingError(
                f"set('{parameter}'): the value of cell {int(np.argmin(np.isfinite(own)))} is not finite."
            )
        self.own[parameter] = own

    def couple(self, source: str | Signal, *, to: str | Output, gain: float = 1.0) -> None:
        """Let a species act on the tissue, or the tissue on a parameter of the network.

        Args:
            source: a species, by name, or a signal of the tissue.
            to: an output (Contractility, Secretion, Growth), or a parameter, by name.
            gain: with a signal: the parameter becomes its own value + gain * signal.

        Raises:
            CouplingError: a name that does not exist, a parameter that is driven already, or two things that
                cannot be coupled.
        """
        if isinstance(source, str) and isinstance(to, Output):
            if gain != 1.0:
                raise CouplingError("gain is for signals; give an output its strength with per_molecule.")
            self._check_species(source)
            if isinstance(to, Secretion):
                self._check_morphogen(to.morphogen)
            self.outputs.append(OutputCoupling(source, to))
        elif isinstance(source, Signal) and isinstance(to, str):
            self._index(to)
            if isinstance(source, Concentration):
                self._check_morphogen(source.morphogen)
            if any(c.parameter == to for c in self.signals):
                raise CouplingError(f"the parameter '{to}' is driven by a signal already.")
            self.signals.append(SignalCoupling(source, to, gain))
        else:
            raise CouplingError(
                f"cannot couple {source!r} to {to!r}: a species (by name) goes to Contractility, Secretion or Growth, "
                f"and a signal (StrainRate, Stress, Pressure, Concentration) to a parameter (by name)."
            )

    def describe(
        self,
        *,
        speed: float | None = None,
        length: float | None = None,
        density: float | None = None,
        diffusion: float | None = None,
    ) -> str:
        """Couplings, partition and dimensionless numbers, in words.

        speed, length, density, diffusion: typical ones, for the Reynolds number density speed length / viscosity and
        the Peclet number speed length / diffusion; a diffusion that is not given is the slowest morphogen's.
        """
        if diffusion is None:
            diffusion = min((m.diffusion for m, _ in self.morphogens.values()), default=None)
        numbers = tissue.dimensionless(
            self.grid,
            viscosity=self.stokes.viscosity,
            friction=self.stokes.friction,
            bulk_viscosity=self.stokes.bulk_viscosity,
            speed=speed,
            length=length,
            density=density,
            diffusion=diffusion,
            cells=self.count,
        )
        lines = [f"{self.count} cells, each with the network {self.network.id}, method {self.method}"]
        lines += [f"  {c}" for c in (*self.outputs, *self.signals)]
        if self.partition is not None:
            lines += ["", "Partition", str(self.partition)]
        return "\n".join([*lines, "", "Dimensionless numbers", str(numbers)])

    def run(
        self,
        t_end: float,
        *,
        every: float,
        dt: float | None = None,
        folder: str | Path | None = None,
        progress: bool = True,
    ) -> Run:
        """Run the tissue from its start.

        Args:
            t_end: end, in the network's unit of time.
            every: interval between recorded frames.
            dt: longest step between exchanges of genes and tissue; None takes `every`.
            folder: where to write `data.zarr` as the run goes; None keeps the frames in memory.
            progress: show a progress bar.

        Raises:
            OptionError: a time that is not positive and finite, or a folder that holds a run already.
            SimulationError: a network failed, or the flow could not be solved; `partial` is the Dataset until then.
        """
        dt = every if dt is None else dt
        for name, value in (("t_end", t_end), ("every", every), ("dt", dt)):
            options.check_time(name, value)
        dt = min(dt, every)
        times = options.output_times(t_end, every)
        where = None if folder is None else Path(folder)
        if where is not None:
            where.mkdir(parents=True, exist_ok=True)
        recorder = Recorder(where, self._coordinates(), self._attributes(dt))
        exchange, state = self._start()
        recorder.add(0.0, exchange.frame(state))
        with tqdm(total=len(times) - 1, desc="tissue", unit="frame", disable=not progress) as bar:
            try:
                for begin, end in itertools.pairwise(times):
                    steps = max(1, math.ceil((end - begin) / dt - 1e-9))
                    for k in range(1, steps + 1):
                        exchange.step(state, end if k == steps else begin + (end - begin) * k / steps)
                    recorder.add(float(end), exchange.frame(state))
                    bar.update(1)
            except (SimulationError, tissue.TissueError) as error:
                where_in_time = f"between {begin:g} and {end:g} {self.network.time_unit}: "
                raise SimulationError(where_in_time + str(error), recorder.dataset()) from error
            finally:
                recorder.flush()
        return Run(recorder.dataset(), where)

    def _start(self) -> tuple[Exchange, State]:
        # what a cell starts with may follow from its own parameters
        species = self.network.species_by_id
        own = {name: values for name, values in self.own.items() if name not in species}
        given = {**self.parameters, **own}
        cells = population(self.system, self.count, seed=self.seed, initial=self.initial, parameters=given)
        for name, values in self.own.items():
            cells.p[:, self._index(name)] = values
        cells.driven = frozenset(self._index(c.parameter) for c in self.signals)
        cells.y[:] = cells.peak[:] = whole_starts(self.system, cells.y, self.stepper.counts)
        cells.clock[:] = 0.0 - self.warm_up
        self.stepper.advance(cells, np.zeros(1))
        exchange = Exchange(
            stepper=self.stepper,
            stokes=self.stokes,
            outputs=tuple(self.outputs),
            signals=tuple(self.signals),
            morphogens={n: morphogen for n, (morphogen, _) in self.morphogens.items()},
            base=cells.p.copy(),
            length_unit=self.length_unit,
        )
        nothing = tissue.spread_stress(self.grid, self.positions, np.zeros((self.count, 3)))
        state = State(
            time=0.0,
            cells=cells,
            positions=self.positions.copy(),
            area=np.full(self.count, self.grid.area / self.count),
            flow=self.stokes.solve(active_stress=nothing),
            active=nothing,
            morphogens={n: field.copy() for n, (_, field) in self.morphogens.items()},
        )
        exchange.flow(state)
        exchange.sense(state)
        return exchange, state

    def _coordinates(self) -> dict[str, Any]:
        x, y = self.grid.centres()
        unit = {"units": self.length_unit}
        return {"cell": np.arange(self.count), "gx": ("gx", x.ravel(), unit), "gy": ("gy", y.ravel(), unit)}

    def _attributes(self, dt: float) -> dict[str, Any]:
        values = population(self.system, 1, seed=self.seed, initial=self.initial, parameters=self.parameters).p[0]
        return provenance(
            self.system,
            method=self.method,
            seed=str(self.seed),
            dt=dt,
            warm_up=self.warm_up,
            tolerance=self.stepper.tolerance,
            partition_tolerance=simulation.bound(self.partition),
            size=described(self.grid.size),
            boundary=described(self.grid.boundary),
            shape=described(self.grid.shape),
            initial=self.initial,
            parameters=self.parameters,
            parameter_values=dict(zip(self.system.parameters, values, strict=True)),
            couplings="; ".join(str(c) for c in (*self.outputs, *self.signals)),
            partition=str(self.partition) if self.partition else "",
        )

    def _index(self, parameter: str) -> int:
        if parameter in self.system.structural:
            raise CouplingError(
                f"'{parameter}' decides a stoichiometry or a conversion factor of the network {self.network.id}, which "
                f"is the same in all cells; give it a value with parameters={{'{parameter}': ...}}."
            )
        if parameter not in self.system.parameters:
            known = ", ".join(p.id for p in self.network.parameters if p.id in self.system.parameters)
            raise CouplingError(
                f"the network {self.network.id} has no parameter '{parameter}' that could be driven; it has {known}."
            )
        return self.system.parameters.index(parameter)

    def _check_species(self, name: str) -> None:
        known = [s.id for s in self.network.species]
        if name not in known:
            raise CouplingError(
                f"the network {self.network.id} has no species '{name}' to couple; it has {', '.join(known)}."
            )

    def _check_morphogen(self, name: str) -> None:
        if name not in self.morphogens:
            known = ", ".join(self.morphogens) or "none yet"
            raise CouplingError(
                f"there is no morphogen '{name}' (there are: {known}); add it first with add(Morphogen)."
            )
