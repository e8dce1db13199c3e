"""`biomulti.simulate`: many independent copies of one network."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from tqdm import tqdm

from biomulti import adjust, sets
from biomulti.cells import population
from biomulti.compile import compile_model
from biomulti.counts import AssumptionWarning, ConstraintWarning, molecules_per_unit, whole_starts
from biomulti.decide import decide
from biomulti.errors import SimulationError
from biomulti.load import load
from biomulti.network import Network
from biomulti.options import EXACT_METHODS, METHODS, check_first, check_options, check_size, chosen_seed, output_times
from biomulti.partition import Partition
from biomulti.result import DIMENSIONS, broken, dataset, outputs, provenance, recorded_as
from biomulti.sets import Sets
from biomulti.stepper import Stepper
from biomulti.system import System, system_of

TOLERANCE = {m: 1e-7 if m == "ode" else 1e-4 for m in METHODS}  # relative, of one step
PROGRESS_AFTER = 2.0  # seconds

Floats = NDArray[np.float64]


def simulate(
    network: Any,
    *,
    t_end: float,
    every: float | None = None,
    replicates: int = 1,
    method: str = "hybrid",
    seed: int | None = None,
    initial: Mapping[str, float | Sequence[float] | Floats] | None = None,
    parameters: Mapping[str, float | Sequence[float] | Floats] | None = None,
    quantity: str | None = None,
    tolerance: float | None = None,
    physical_scale: Mapping[str, str] | None = None,
    rates: bool = False,
    first_replicate: int = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Run independent replicates of a network, all in parallel.

    The same seed gives the same bits for any number of threads; replicate i does not depend on how many others
    there are.

    Args:
        network: a Network, or anything `load` takes.
        t_end: end of the run, in the model's unit of time, from 0.
        every: interval between outputs; None gives 101 of them.
        replicates: number of runs; where values are given one by one, as many as there are.
        method: "ssa" (exact, every reaction fires), "ode" (every reaction flows) or "hybrid"; "ssa" takes the fastest
            of "ssa-direct", "ssa-tree" and "ssa-rejection", which can be asked for too.
        seed: 0 to 2^64 - 1; None draws one. It is recorded.
        initial: amounts of species, in the model's unit, in place of the model's; a number for all replicates, or a
            sequence [replicates] that gives each its own.
        parameters: values of parameters and compartments in place of the model's, likewise.
        quantity: "molecules", "amount" (in the model's unit) or "concentration"; None gives molecules where
            reactions fire and amounts by "ode".
        tolerance: by "ode" the relative error of a step, 1e-7 if None. By "hybrid" what the estimated errors of means
            and variances may be at most, see `partition`: .05 if None, and infinity sets no bound. Steps of what flows
            beside firings have an error of 1e-4, or of a smaller bound.
        physical_scale: "fire" or "flow" for reactions by id; for "hybrid".
        rates: also write the rate of every reaction, by its name, in the model's unit per time.
        first_replicate: the number of the first one: with 1000, replicates 1000, 1001, ... of the run with this seed,
            as a run of all of them would have made them.
        progress: show a progress bar on anything that takes over two seconds.

    Returns:
        Dimensions (time, replicate), a variable for each species and each quantity that a rule moves; attributes
        hold seed, method, versions, the model's hash, values that were set, and the partition. What replicates have
        values of their own of is a coordinate along `replicate`: a parameter k by its name, the start of a species A
        as `A_initial`.

    Raises:
        OptionError: an argument out of its range, or the name of something the model does not have; sequences of
            different lengths, or one for what decides a stoichiometry or a conversion factor.
        UnitsError: reactions fire, and the model leaves open how many molecules its amounts are.
        SimulationError: a rate law went negative or not finite, or an amount below zero; `partial` is the Dataset
            until then.
    """
    network = load(network)
    times = output_times(t_end, every)
    check_options(replicates, method, quantity, tolerance, physical_scale)
    check_first(first_replicate)
    seed = chosen_seed(seed)
    start, values = sets.as_sets("initial", initial), sets.as_sets("parameters", parameters)
    replicates = sets.common_length(replicates, initial=start, parameters=values)
    quantity = quantity or ("amount" if method == "ode" else "molecules")
    counts = method != "ode" or quantity == "molecules"
    system = system_of(network, molecules_per_unit(network) if counts else 1.0, sets.row(values, 0))
    sets.refuse_structural(system, values)
    stepper, split = stepper_of(system, method, float(times[-1]), tolerance, physical_scale or {}, start, values)
    system = stepper.system
    check_size(replicates, len(times), len(system.states))
    warn_of_costs(network, split)
    # without chance one run is all of them
    varied = sets.varied(start) or sets.varied(values)
    rows = replicates if method != "ode" or system.chancy or varied else 1
    cells = population(system, rows, seed=seed, initial=start, parameters=values, first=first_replicate)
    cells.y[:] = cells.peak[:] = whole_starts(system, cells.y, stepper.counts)
    written = {recorded_as(n, DIMENSIONS) for n in outputs(system, quantity, rates)}
    along = sets.coordinates(system, values, start, {*written, *DIMENSIONS})
    alike = np.all((cells.p == cells.p[0]) | np.isnan(cells.p), axis=0)
    attributes = provenance(
        system, method=method, seed=str(seed), quantity=quantity, tolerance=stepper.tolerance,
        initial=sets.described(start), parameters=sets.described(values),
        parameter_values={n: v for n, v, one in zip(system.parameters, cells.p[0], alike, strict=True) if one},
        partition=str(split) if split else "", partition_tolerance=bound(split),
    )  # fmt: skip

    def finish(y: Floats) -> xr.Dataset:
        copies = replicates // cells.rows
        for message in broken(system, times, y, cells.p, first_replicate):
            warnings.warn(f"{network.source}, {message}", ConstraintWarning, stacklevel=3)
        found = dataset(system, quantity, times, y, cells.p, attributes, copies, rates)
        return found.assign_coords(replicate=found.replicate + first_replicate, **along)

    with tqdm(
        total=100, unit="%", desc=f"{network.id} ({method})", delay=PROGRESS_AFTER, disable=not progress,
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}",
    ) as bar:  # fmt: skip
        try:
            y = stepper.advance(cells, times, lambda done: _move(bar, done))
        except SimulationError as error:
            raise SimulationError(str(error), finish(error.partial)) from None
        _move(bar, 1.0)
    return finish(y)


def warn_of_costs(network: Network, split: Partition | None) -> None:
    """Warn, where the caller was called, of what flowing costs beyond the tolerance, and of what is averaged."""
    if split and split.remarks and (split.adaptive.any() or not split.fires.all()):
        warnings.warn(f"{network.source}: {split.remarks}", AssumptionWarning, stacklevel=3)


def bound(split: Partition | None) -> float | str:
    """What the errors of a partition were to be at most, as results record it."""
    return "none" if split is None or split.tolerance == math.inf else split.tolerance


def stepper_of(
    system: System,
    method: str,
    t_end: float | None,
    tolerance: float | None,
    physical_scale: Mapping[str, str],
    initial: Sets,
    parameters: Sets,
) -> tuple[Stepper, Partition | None]:
    """The stepper of a method, with laws made exact where they fire, and its partition if it has one.

    Where replicates have values of their own, a reaction flows if it does so with the least and with the greatest of
    each.
    """
    model = compile_model(system)
    split = None
    if method == "hybrid":
        split = sets.together(
            [
                decide(system, model, t_end, physical_scale, sets.row(initial, i), sets.row(parameters, i), tolerance)
                for i in sets.extremes(initial, parameters)
            ]
        )
        fires, adaptive = split.fires, split.adaptive
    else:
        fires = np.array([method != "ode" and not f.is_rule for f in system.fluxes], dtype=bool)
        adaptive = np.zeros_like(fires)
    exact = adjust.adjusted(system, fires)
    if exact is not system:
        warnings.warn(adjust.said(exact), AssumptionWarning, stacklevel=3)
        model = compile_model(exact)
    chosen = method if method in EXACT_METHODS else None
    accuracy = TOLERANCE[method]
    if tolerance is not None:
        accuracy = min(accuracy, tolerance) if method == "hybrid" else tolerance
    return Stepper(exact, model, fires, accuracy, method == "ode", exact_method=chosen, adaptive=adaptive), split


def _move(bar: Any, done: float) -> None:
    bar.update(max(0.0, 100.0 * done - bar.n))
