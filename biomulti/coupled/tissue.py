"""`biomulti.Tissue`: cells with gene networks in a flowing tissue, acting on each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tissue
from biomulti import options
from biomulti.coupled import checks
from biomulti.coupled.couplings import OutputCoupling, SignalCoupling
from biomulti.coupled.declared import Declared
from biomulti.coupled.kind import CellType, compiled
from biomulti.coupled.laws import Law, Linear, as_laws
from biomulti.coupled.life import Death, Division, LifeRule, Rule
from biomulti.coupled.observers import RESERVED, Observer
from biomulti.coupled.outputs import Output
from biomulti.coupled.placement import placed
from biomulti.coupled.running import Running
from biomulti.coupled.signals import Signal
from biomulti.coupled.words import plain
from biomulti.errors import CouplingError, OptionError
from biomulti.result import outputs
from biomulti.run import Run

Floats = NDArray[np.float64]
FLOW_TOLERANCE = 1e-6  # of the residual of the flow, relative to what drives it
SINGLE = "cell"  # the name of the only type of cell


class Tissue(Declared):
    """Cells that each run their own copy of a network, moved by the flow they make.

    Args:
        network: a Network, or anything `load` takes; or several types of cells, {"name": CellType(network, cells)}.
        cells: how many, placed on a jittered lattice that fills the grid, or positions [n, dim].
        grid: where the tissue lives, in two or three dimensions.
        viscosity, friction, bulk_viscosity: of the tissue, numbers or fields [shape]; an infinite bulk viscosity
            is the incompressible tissue. With viscosity 1, stresses are in 1 / (unit of time).
        outside: viscosity of a fluid around the tissue; None for a tissue that fills the box.
        cell_size: area (volume) of a cell at the start; None shares out the box.
        method: "hybrid", "ssa" or "ode", as in `simulate`, with `tolerance` and `physical_scale`.
        seed: of everything random; None draws one. It is recorded.
        initial, parameters: in place of the model's, the same in every cell; `set` gives each cell its own.
        polarity: direction of the cells' own axes at the start ("x", an angle, a vector), or vectors [n, dim].
        alignment: how strain turns them, see `tissue.turn`: 0 turns them with the fluid, 1 like lines drawn on it.
        ages: of the cells at the start, a number or [n].
        keep_apart: cells nearer to each other than so many times the distance of evenly set ones are moved apart; None
            is 0.9 where cells divide, else 0.
        flow_tolerance: the flow is solved again where what drives it has changed by more than so much of its largest.
        length_unit: what lengths of the grid are in; written to results, and held against the declared units of
            parameters that lengths and velocities drive where it is m, cm, mm, um or nm.
        warm_up: for how long the networks run alone before the tissue starts, so that cells are not in step.

    Raises:
        OptionError: an argument out of its range.
    """

    def __init__(
        self,
        network: Any,
        *,
        cells: int | Floats | None = None,
        grid: tissue.Grid,
        viscosity: float | Floats = 1.0,
        friction: float | Floats = 0.0,
        bulk_viscosity: float | Floats = math.inf,
        outside: float | None = None,
        cell_size: float | None = None,
        method: str = "hybrid",
        seed: int | None = None,
        initial: Mapping[str, float] | None = None,
        parameters: Mapping[str, float] | None = None,
        tolerance: float | None = None,
        physical_scale: Mapping[str, str] | None = None,
        polarity: checks.Axes = "x",
        alignment: float = 0.0,
        ages: float | Floats = 0.0,
        keep_apart: float | None = None,
        flow_tolerance: float = 1e-4,
        warm_up: float = 0.0,
        length_unit: str = "um",
    ) -> None:
        if not isinstance(grid, tissue.Grid):
            raise OptionError(f"grid={grid!r} must be a tissue.Grid.")
        checks.not_negative("warm_up", warm_up)
        checks.not_negative("flow_tolerance", flow_tolerance)
        for name, value in (("outside", outside), ("cell_size", cell_size)):
            checks.positive_or_none(name, value)
        if keep_apart is not None:
            checks.not_negative("keep_apart", keep_apart)
        if not (options.is_number(alignment) and math.isfinite(alignment)):
            raise OptionError(f"alignment={alignment!r} must be a finite number.")
        self.grid = grid
        self.seed = options.chosen_seed(seed)
        self.warm_up, self.alignment, self.flow_tolerance = float(warm_up), float(alignment), float(flow_tolerance)
        self.outside = None if outside is None else float(outside)
        self.keep_apart = None if keep_apart is None else float(keep_apart)
        self.length_unit = length_unit
        if isinstance(network, Mapping):
            if cells is not None or initial or parameters or tolerance is not None or physical_scale:
                raise OptionError("cells of several types: give each its own numbers, CellType(network, cells, ...).")
            kinds = dict(network)
        else:
            if cells is None:
                raise OptionError("cells is a number of cells or their positions [n, dim].")
            kinds = {
                SINGLE: CellType(
                    network, cells, method,
                    {} if initial is None else initial, {} if parameters is None else parameters,
                    tolerance, physical_scale or {},
                )
            }  # fmt: skip
        self.kinds = checks.kinds(kinds, CellType)
        self.types = tuple(compiled(name, kind) for name, kind in self.kinds.items())
        checks.one_time(self.types)
        where = [placed(kind.cells, grid, self.seed + k) for k, kind in enumerate(self.kinds.values())]
        self.positions = np.concatenate(where)
        self.counts = tuple(len(p) for p in where)
        if cell_size is None and outside is not None:
            raise OptionError("a tissue with a fluid outside does not fill the box: give cell_size.")
        self.cell_size = grid.area / self.count if cell_size is None else float(cell_size)
        self.polarity = checks.axes(polarity, self.count, grid.dim)
        self.ages = checks.ages(ages, self.count)
        self.stokes = tissue.Stokes(
            grid, viscosity=viscosity, friction=friction, bulk_viscosity=bulk_viscosity, tolerance=FLOW_TOLERANCE
        )
        self.outputs = []
        self.signals = []
        self.rules = []
        self.morphogens = {}
        self.confined = set()
        self.own = {}

    def add(self, morphogen: tissue.Morphogen, *, initial: float | Floats = 0.0, confined: bool = False) -> None:
        """Add a morphogen, with its concentration at the start (a number or [shape], amount per area or volume).

        confined: whether it stays in the tissue, where that does not fill its box; else it goes everywhere.

        Raises:
            CouplingError: the name is taken, by another morphogen, by the network or by what is recorded anyway; or the
                concentration has another shape, is negative or not finite.
        """
        if not isinstance(morphogen, tissue.Morphogen):
            raise CouplingError(f"add({morphogen!r}): add a tissue.Morphogen(name, diffusion=..., decay=...).")
        taken = {*self.morphogens, *RESERVED}
        for kind in self.types:
            taken |= {*outputs(kind.stepper.system, "molecules"), *kind.stepper.system.parameters}
        if morphogen.name in taken:
            raise CouplingError(f"'{morphogen.name}' is taken; give the morphogen a name of its own.")
        if confined and self.outside is None:
            raise CouplingError(f"'{morphogen.name}' is confined to a tissue that fills its box; give outside=.")
        self.morphogens[morphogen.name] = (morphogen, checks.concentration(morphogen.name, initial, self.grid))
        if confined:
            self.confined.add(morphogen.name)

    def set(self, parameter: str, values: Floats | float, *, of: str | None = None) -> None:
        """Give every cell its own value of a parameter of the network, a number or [cells].

        of: the type of cell; needed where several types have the parameter.

        Raises:
            CouplingError: the network has no such parameter, or the values are not one finite number a cell.
        """
        found = checks.types_with_parameter(self.types, parameter, of)
        if len(found) > 1:
            names = ", ".join(self.types[k].name for k in found)
            raise CouplingError(f"set('{parameter}'): say of which type, of= one of {names}.")
        self.own[found[0], parameter] = checks.one_a_cell(f"set('{parameter}')", values, self.counts[found[0]])

    def couple(
        self,
        source: str | Signal,
        *,
        to: str | Output,
        gain: float | None = None,
        law: Law | Sequence[Law] | None = None,
        of: str | None = None,
    ) -> None:
        """Let a species act on the tissue, or the tissue on a parameter of the network.

        Args:
            source: a species or what a rule of the network moves, by name, or a signal of the tissue.
            to: an output (Contractility, Force, Secretion, Uptake, Growth), or a parameter, by name.
            gain: with a signal: the parameter becomes its own value + gain * signal. Without gain and law it becomes
                its own value + the signal, if their units allow it.
            law: with a signal: what it passes before it becomes a parameter, one after another, such as
                [Delay(30.0), Hill(half=2.0)].
            of: a type of cell; None takes all that have the species or the parameter.

        Raises:
            CouplingError: a name that does not exist, a parameter that is driven already, units or dimensions that do
                not fit, or two things that cannot be coupled.
        """
        if isinstance(source, str) and isinstance(to, Output):
            if gain is not None or law is not None:
                raise CouplingError("gain and law are for signals; give an output its strength with per_molecule.")
            types = checks.types_with_species(self.types, source, of, variables=True)
            checks.output(to, self.grid, self.morphogens)
            self.outputs.append(plain(OutputCoupling(source, to, types)))
        elif isinstance(source, Signal) and isinstance(to, str):
            types = checks.types_with_parameter(self.types, to, of)
            checks.signal(source, self.grid, self.morphogens, self.types, self.outside)
            if any(c.parameter == to and set(c.types) & set(types) for c in self.signals):
                raise CouplingError(f"the parameter '{to}' is driven by a signal already.")
            if gain is not None and law is not None:
                raise CouplingError("give a gain or a law; Linear(gain=...) is a law.")
            laws = as_laws(law) if gain is None else (Linear(gain),)
            if not laws:
                for k in types:
                    checks.units_agree(source, to, self.types[k].network, self.length_unit)
            self.signals.append(plain(SignalCoupling(source, to, laws, types)))
        else:
            raise CouplingError(
                f"cannot couple {source!r} to {to!r}: a species (by name) goes to Contractility, Force, Secretion, "
                f"Uptake or Growth, and a signal (StrainRate, Stress, Concentration, Neighbours, ...) to a parameter "
                f"(by name)."
            )

    def live(self, *rules: Rule, of: str | None = None) -> None:
        """Let cells divide and die: `live(Division(when=Size(), above=2.0), Death(rate=0.01))`.

        of: a type of cell; None takes all, or those that have the species that a rule names.

        Raises:
            CouplingError: a name that does not exist, or what is no rule.
        """
        for rule in rules:
            if not isinstance(rule, (Division, Death)):
                raise CouplingError(f"live({rule!r}): give Division(...) or Death(...).")
            types = checks.rule(rule, self.types, of, self.grid, self.morphogens, self.outside)
            self.rules.append(plain(LifeRule(rule, types)))

    def describe(
        self,
        *,
        speed: float | None = None,
        length: float | None = None,
        density: float | None = None,
        diffusion: float | None = None,
    ) -> str:
        """Couplings, rules of life, partition and dimensionless numbers, in words.

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
            cells=round(self.grid.area / self.cell_size),
        )
        lines = [
            f"{count} cells, each with the network {kind.network.id}, method {self.kinds[kind.name].method}"
            for count, kind in zip(self.counts, self.types, strict=True)
        ]
        lines += [f"  {c}" for c in (*self.outputs, *self.signals, *self.rules)]
        for kind in self.types:
            if kind.partition is not None:
                lines += ["", "Partition" if len(self.types) == 1 else f"Partition of {kind.name}", str(kind.partition)]
        return "\n".join([*lines, "", "Dimensionless numbers", str(numbers)])

    def run(
        self,
        t_end: float,
        *,
        every: float,
        dt: float | None = None,
        tolerance: float = 0.05,
        splitting: str = "strang",
        observe: Observer | Sequence[Observer] | None = None,
        folder: str | Path | None = None,
        checkpoint: float = 60.0,
        client: Any = None,
        progress: bool = True,
    ) -> Run:
        """Run the tissue from its start.

        Args:
            t_end: end, in the network's unit of time.
            every: interval between recorded frames.
            dt: longest step between exchanges of genes and tissue; None chooses it.
            tolerance: where dt is None: how far driven parameters may be from what was expected when a step began, over
                their size, as root mean square over all cells.
            splitting: how networks and flow take turns: "strang", of second order in dt, or "lie", of first order and
                with one call of the networks in a step in place of two.
            observe: what is recorded, `observe.Cells()` and `observe.Fields()` if None.
            folder: where to write `data.zarr`, `lineage.csv` and checkpoints as the run goes; None keeps the frames in
                memory. A run that was interrupted goes on with `Tissue.resume(folder)`; Ctrl-C and SIGTERM let it
                finish its step and write a checkpoint, a second one stops it at once.
            checkpoint: seconds between checkpoints, by the clock.
            client: a Dask client, the address of a scheduler, or "local" for a cluster of processes on this machine:
                the networks then run on its workers. The bits are the same.
            progress: show a progress bar.

        Raises:
            OptionError: a time that is not positive and finite, or a folder that holds a run already.
            CouplingError: nothing holds the tissue against the forces on its cells at the start.
            SimulationError: a network failed, or the flow could not be solved; `partial` is the Dataset until then.
            StorageError: the folder cannot be written to.
        """
        stepping = checks.stepping(t_end, every, dt, tolerance, splitting)
        options.check_time("checkpoint", checkpoint)
        with _cluster(client) as cluster:
            running = Running.begun(self, stepping, observe, None if folder is None else Path(folder), cluster)
            return running.run(t_end, checkpoint=checkpoint, progress=progress)

    @staticmethod
    def resume(
        folder: str | Path,
        *,
        t_end: float | None = None,
        observe: Observer | Sequence[Observer] | None = None,
        checkpoint: float = 60.0,
        client: Any = None,
        number: int | None = None,
        progress: bool = True,
    ) -> Run:
        """Go on with a run from its last checkpoint, as if it had never stopped: the bits are the same.

        A run to a later end is that of one made at once, if its first end was a multiple of `every`; else the frame of
        that end, and a step that ends with it, stay in between. What came after the checkpoint is given up.

        Args:
            folder: of the run.
            t_end: a later end; None takes that of the run.
            observe: only where the run was observed by a `Function`, which no checkpoint can hold: the same observers.
            number: of the checkpoint to go on from; None takes the last.
            checkpoint, client, progress: as of `run`.

        Raises:
            CheckpointError: there is no checkpoint, it is damaged, of another version, or lineage.csv lacks what it
                goes on from.
            OptionError: an end before what is reached already, or observers that record something else.
            StorageError: data.zarr lacks frames, or the folder cannot be written to.
        """
        options.check_time("checkpoint", checkpoint)
        if t_end is not None:
            options.check_time("t_end", t_end)
        with _cluster(client) as cluster:
            running, end = Running.resumed(Path(folder), observe, Tissue, t_end=t_end, number=number, cluster=cluster)
            return running.run(end, checkpoint=checkpoint, progress=progress)


@contextmanager
def _cluster(client: Any) -> Iterator[Any]:
    """The client of a Dask cluster, or None."""
    if client is None:
        yield None
        return
    # a package that most do without
    from biomulti._dask import connected

    with connected(client, None) as cluster:
        yield cluster
