"""`biomulti.compare`: methods side by side, and whether their distributions differ."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from biomulti import distances, options
from biomulti.comparison import TESTS, Comparison
from biomulti.errors import OptionError, SimulationError
from biomulti.load import load
from biomulti.network import Network
from biomulti.result import DIMENSIONS, outputs, recorded_as
from biomulti.simulation import simulate
from biomulti.system import system_of

TIMES = 5  # at most, at which methods are compared
FEWEST_REPLICATES = 20
ERRORS = 10.0  # of one step, that a whole run may have
POWER = 0.9  # how often a difference is seen that is as large as `mean_seen_from`

Floats = NDArray[np.float64]


def compare(
    network: Any,
    methods: Sequence[str] = ("ssa", "hybrid"),
    *,
    t_end: float,
    every: float | None = None,
    replicates: int = 1000,
    seed: int | None = None,
    species: Sequence[str] | None = None,
    confidence: float = 0.99,
    initial: Mapping[str, float | Sequence[float] | Floats] | None = None,
    parameters: Mapping[str, float | Sequence[float] | Floats] | None = None,
    tolerance: float | None = None,
    physical_scale: Mapping[str, str] | None = None,
    progress: bool = True,
) -> Comparison:
    """Run a network by several methods and test whether what they make differs from what the first makes.

    At up to five times, evenly spread over the outputs and with the last among them, each species is put to three
    tests:

        mean          Welch's t test                                               doi:10.1093/biomet/34.1-2.28
        spread        Brown and Forsythe's test of distances from the median       doi:10.1080/01621459.1974.10482955
        distribution  exact two-sample Kolmogorov-Smirnov test, whatever the ties  doi:10.1016/0167-9473(94)00040-P

    and all p values together are adjusted by Holm's method, so that a comparison of methods that do not differ finds a
    difference, anywhere, with a probability of at most 1 - confidence. Where one of two methods makes whole numbers,
    the other's are rounded for the test of distributions. "ode" has no distribution: its value is compared with the
    mean.

    Args:
        network: a Network, or anything `load` takes.
        methods: two or more methods of `simulate`; the first is the reference.
        t_end, every: end of the runs and interval between outputs, as for `simulate`.
        replicates: runs of each method, 20 or more.
        seed: 0 to 2^64 - 1; None draws one. The seed of each method is drawn from it.
        species: names of species, or other variables of the result, that are compared; None compares all species.
        confidence: that no difference is found where there is none.
        initial, parameters, tolerance: as for `simulate`, for all methods; every replicate may have its own values.
        physical_scale: "fire" or "flow" for reactions by id; for "hybrid", which has to be among the methods.
        progress: show a progress bar on anything that takes over two seconds.

    Returns:
        A Comparison, which prints as a verdict. A method that fails is named there with its error, and the others are
        compared; the first that did not fail is the reference.

    Raises:
        OptionError: an argument out of its range, or a name that is no variable of the result.
        BiomultiError: what the first method raised, if all of them fail.
    """
    network = load(network)
    methods = _checked(methods, replicates, confidence, physical_scale)
    options.output_times(t_end, every)
    options.check_options(replicates, "hybrid" if "hybrid" in methods else methods[0], tolerance=tolerance)
    wanted = _wanted(network, species)
    seed = options.chosen_seed(seed)
    states = np.random.SeedSequence(seed).generate_state(len(methods), np.uint64)
    seeds = {method: int(state) for method, state in zip(methods, states, strict=True)}
    seconds: dict[str, float] = {}
    said: dict[str, tuple[str, ...]] = {}
    data: dict[str, xr.Dataset] = {}
    failed: dict[str, Exception] = {}
    for method in methods:
        started = time.process_time()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                data[method] = simulate(
                    network, t_end=t_end, every=every, replicates=replicates, method=method, seed=seeds[method],
                    initial=initial, parameters=parameters, quantity="molecules",
                    tolerance=tolerance if method == "hybrid" or (tolerance or 1.0) <= options.STEP_ERROR else None,
                    physical_scale=physical_scale if method == "hybrid" else None, progress=progress,
                )  # fmt: skip
            except Exception as error:  # the other methods have to be heard
                failed[method] = error
        seconds[method] = time.process_time() - started
        said[method] = tuple(dict.fromkeys(str(w.message) for w in caught))
    if not data:
        raise failed[methods[0]]
    return Comparison(
        model=network.id,
        methods=tuple(data),
        replicates=replicates,
        confidence=confidence,
        table=table(data, wanted, confidence),
        data=data,
        seed=seed,
        seeds=seeds,
        seconds=seconds,
        warnings=said,
        failures={m: str(e) or type(e).__name__ for m, e in failed.items()},
        partial={m: e.partial for m, e in failed.items() if isinstance(e, SimulationError) and e.partial is not None},
    )


def table(data: Mapping[str, xr.Dataset], names: Sequence[str], confidence: float) -> pd.DataFrame:
    """Every method against the first: a row for each method, variable and time; `Comparison.table` has the columns."""
    reference, *others = data
    times = data[reference]["time"].to_numpy()
    last = len(times) - 1
    chosen = sorted({round(last * k / TIMES) for k in range(1, TIMES + 1)} - {0})
    rows: dict[tuple[str, str, float], dict[str, float]] = {}
    for method in others:
        tolerance = max(float(data[m].attrs["tolerance"]) for m in (method, reference))
        for name in names:
            for k in chosen:
                pair = [data[m][name].to_numpy()[k] for m in (method, reference)]
                largest = max(float(np.abs(sample).max()) for sample in pair)
                x, y = distances.settled(pair[0], pair[1], ERRORS * tolerance * largest)
                rows[method, name, float(times[k])] = _differences(x, y, *(m == "ode" for m in (method, reference)))
    index = pd.MultiIndex.from_tuples(list(rows), names=["method", "species", "time"])
    found = pd.DataFrame(list(rows.values()), index=index, columns=[*_differences(np.zeros(2), np.zeros(2))])
    return _adjusted(found.astype(float), confidence)


def _differences(x: Floats, y: Floats, x_is_ode: bool = False, y_is_ode: bool = False) -> dict[str, float]:
    """What the samples of a method and of the reference have between them; p values of what can be tested."""
    points = [ode and not np.ptp(sample) for sample, ode in ((x, x_is_ode), (y, y_is_ode))]
    means = [distances.moments(sample) for sample in (x, y)]
    out = {
        "mean_reference": means[1][0], "mean_difference": math.nan, "mean_se": math.nan, "mean_z": math.nan,
        "mean_p": math.nan, "sd_reference": math.sqrt(means[1][1]), "variance_ratio": math.nan,
        "log_variance_ratio_se": math.nan, "spread_z": math.nan, "spread_p": math.nan, "ks": math.nan,
        "distribution_p": math.nan,
    }  # fmt: skip
    if points[1]:
        opposite = distances.mean_against(float(y[0]), x)
        mean = opposite._replace(value=-opposite.value, z=-opposite.z)
    else:
        mean = distances.mean_against(float(x[0]), y) if points[0] else distances.mean_difference(x, y)
    out |= {"mean_difference": mean.value, "mean_se": mean.error, "mean_z": mean.z}
    if not mean.value and not mean.error:
        return out  # one and the same value, about which there is nothing to test
    out["mean_p"] = mean.p
    if any(points):
        return out
    ratio, out["log_variance_ratio_se"] = distances.log_variance_ratio(x, y)
    spread = distances.spread_difference(x, y)
    out |= {"variance_ratio": math.exp(ratio), "spread_z": spread.z}
    if spread.error:
        out["spread_p"] = spread.p
    counts = distances.as_counts(x, y)
    if np.ptp(np.concatenate(counts)):
        out["ks"], out["distribution_p"] = distances.kolmogorov_smirnov(*counts)
    return out


def _adjusted(found: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """With p values adjusted for their number, bounds that hold together, and what the runs are too few to show."""
    # takes long to load, and only comparisons need it
    from scipy import special

    columns = [f"{test}_p" for test in TESTS]
    p = found[columns].to_numpy()
    tested = np.isfinite(p)
    adjusted = np.full(p.shape, np.nan)
    adjusted[tested] = distances.holm(p[tested])
    alarm = 1.0 - confidence
    critical = float(-special.ndtri(alarm / (2.0 * max(int(tested.sum()), 1))))
    scale = found["mean_reference"].abs()
    with np.errstate(divide="ignore"):
        log_ratio = np.log(found["variance_ratio"]).abs()
    return found.assign(
        **{f"{test}_adjusted": adjusted[:, k] for k, test in enumerate(TESTS)},
        differs=np.asarray((adjusted < alarm).any(axis=1)),
        mean_at_most=(found["mean_difference"].abs() + critical * found["mean_se"]) / scale,
        sd_at_most=np.expm1(0.5 * (log_ratio + critical * found["log_variance_ratio_se"])),
        mean_seen_from=(critical + float(special.ndtri(POWER))) * found["mean_se"] / scale,
    )


def _checked(
    methods: Sequence[str], replicates: int, confidence: float, physical_scale: Mapping[str, str] | None
) -> tuple[str, ...]:
    if isinstance(methods, str) or not isinstance(methods, Sequence) or len(methods) < 2:
        raise OptionError(f"methods={methods!r} must be a sequence of two methods or more, the first the reference.")
    for method in methods:
        options.check_options(replicates, method)
    if len(set(methods)) < len(methods):
        raise OptionError(f"methods={list(methods)!r} has a method twice; each is run once.")
    if physical_scale and "hybrid" not in methods:
        raise OptionError(f"physical_scale is for 'hybrid', which is not among methods={list(methods)!r}.")
    if replicates < FEWEST_REPLICATES:
        raise OptionError(f"replicates={replicates} show no distribution; take {FEWEST_REPLICATES} or more.")
    if not (options.is_number(confidence) and 0.5 <= confidence < 1.0):
        raise OptionError(f"confidence={confidence!r} must lie between 0.5 and 1, 0.99 for instance.")
    return tuple(methods)


def _wanted(network: Network, species: Sequence[str] | None) -> list[str]:
    """Names in results of what is compared."""
    known = [recorded_as(n, DIMENSIONS) for n in outputs(system_of(network, 1.0), "molecules")]
    if species is None:
        species = known[: len(network.species)]
        if not species:
            raise OptionError(f"{network.source} has no species; name other variables with species=[...].")
    if isinstance(species, str) or not isinstance(species, Sequence) or not species:
        raise OptionError(f"species={species!r} must be a sequence of names.")
    for name in species:
        if name not in known:
            raise OptionError(f"species: results of {network.source} have no {name!r}; they have {', '.join(known)}.")
    return list(dict.fromkeys(species))
