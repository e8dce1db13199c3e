"""One case run, and the verdict on it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import process_time

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import biomulti as bm

from .criteria import Outside, excess, points_outside
from .suite import Case

PASSED, FAILED, REFUSED = "passed", "failed", "refused"
RUNS = 10_000
FEWEST_RUNS = 1_000  # what the suite asks for at least
MORE_RUNS = 4  # times as many when a case is run again
FRESH = 1_000_000  # added to the case's number, which is the first seed
# the suite finds up to three points outside in need of a second look, and four or more beyond chance
CHANCE_POINTS = 3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """What became of a case."""

    case: Case
    outcome: str  # passed, failed, or refused (as it should be)
    reason: str = ""
    note: str = ""  # of a case run twice
    barely: bool = False  # passed, though not with every point of the second run inside, as the statistics stand
    seconds: float = 0.0  # of processor time


class Missing(Exception):
    """The result lacks a variable that the case asks for."""


def prepare() -> None:
    """Import everything and compile the kernels, before the first case's time counts."""
    network = bm.load("S1 -> S2; k*S1; S1 = 10; S2 = 0; k = 1; at S1 < 5: S1 = 10", substance="item")
    for method in ("ode", "ssa", "hybrid"):
        bm.simulate(network, t_end=1.0, method=method, seed=1, progress=False)


def lost(case: Case, reason: str) -> Verdict:
    """The verdict on a case whose process ran over the limit or died."""
    return Verdict(case, FAILED, reason)


def judge(case: Case, *, method: str = "ssa", runs: int = RUNS) -> Verdict:
    """Run a case and compare; any exception is a failure, and its first line the reason."""
    started = process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            verdict = _judge(case, method, runs)
    except Exception as error:
        verdict = Verdict(case, FAILED, failure_of(error, case))
    return replace(verdict, seconds=process_time() - started)


def failure_of(error: BaseException, case: Case) -> str:
    """The first line of an exception, without the folder."""
    line = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {line}".replace(f"{case.folder}/", "")


def _judge(case: Case, method: str, runs: int) -> Verdict:
    try:
        network = bm.load(case.model)
    except bm.UnsupportedError as error:
        if case.is_flux_balance:
            return Verdict(case, REFUSED, failure_of(error, case))
        raise
    if case.is_flux_balance:
        return Verdict(case, FAILED, "loaded, though a flux balance is no simulation")
    if case.kind == "semantic":
        return _time_course(case, network)
    return _statistics(case, network, method, runs)


def _time_course(case: Case, network: bm.Network) -> Verdict:
    times, expected = case.expected()
    columns = _columns(case, network, times, method="ode")
    absolute, relative = float(case.settings["absolute"]), float(case.settings["relative"])
    worst, reason = 1.0, ""
    for name, values in columns.items():
        ratio = excess(values[:, 0], expected[name], absolute, relative)
        k = int(ratio.argmax())
        if ratio[k] > worst:
            worst = ratio[k]
            reason = (
                f"wrong number: {name} at time {times[k]:g} is {values[k, 0]:.6g}, not {expected[name][k]:.6g}: "
                f"{ratio[k]:.3g} times what is allowed"
            )
    return Verdict(case, FAILED if reason else PASSED, reason)


def _statistics(case: Case, network: bm.Network, method: str, runs: int) -> Verdict:
    times, expected = case.expected()

    def columns(seed: int, n: int) -> dict[str, Floats]:
        return _columns(case, network, times, method=method, seed=seed, replicates=n)

    first = points_outside(case, columns(int(case.id), runs), expected)
    if not first:
        return Verdict(case, PASSED)
    fresh = columns(int(case.id) + FRESH, MORE_RUNS * runs)
    second = points_outside(case, fresh, expected, second_look=True)
    by_kurtosis = len(points_outside(case, fresh, expected)) - len(second)
    places = {(p.column, p.index) for p in first}
    again = [p for p in second if (p.column, p.index) in places or not np.isfinite(p.statistic)]
    note = f"{_said(first, times)}; then, with {MORE_RUNS * runs:,} runs, {_said(second, times)}"
    if by_kurtosis:
        note += f", and {by_kurtosis} more within the range only by their kurtosis"
    if again or len(second) > CHANCE_POINTS:
        return Verdict(case, FAILED, f"wrong statistics: {note}")
    return Verdict(case, PASSED, note=note, barely=bool(second or by_kurtosis))


def _said(points: Sequence[Outside], times: Floats) -> str:
    """How many points are outside, and the worst of them."""
    if not points:
        return "no point outside"
    worst = max(points, key=lambda p: np.inf if np.isnan(p.statistic) else abs(p.statistic))
    return (
        f"{len(points)} point{'s' if len(points) > 1 else ''} outside, worst {worst.column} at time "
        f"{times[worst.index]:g} ({worst.statistic:.3g})"
    )


def _columns(
    case: Case,
    network: bm.Network,
    times: Floats,
    *,
    method: str,
    seed: int = 0,
    replicates: int = 1,
) -> dict[str, Floats]:
    """The case's variables, each [times, replicates], as amounts or concentrations as its settings say.

    Raises:
        Missing: a variable, or a time, that the result does not have.
    """
    species = {s.id: s for s in network.species}
    wanted: dict[str, list[str]] = {}
    for name in case.listed("variables"):
        concentration = name in case.listed("concentration")
        if name in species and not concentration and name not in case.listed("amount"):
            concentration = not species[name].only_substance
        wanted.setdefault("concentration" if concentration else "amount", []).append(name)
    out = {}
    for quantity, variables in wanted.items():
        result = bm.simulate(
            network, t_end=case.duration, every=case.duration / case.steps, method=method, seed=seed,
            replicates=replicates, quantity=quantity, rates=True, progress=False,
        )  # fmt: skip
        if not _same_times(result["time"].values, times):
            raise Missing(f"the result has {result.sizes['time']} times, which are not the case's {len(times)}")
        constants = json.loads(result.attrs["parameter_values"])
        out.update({name: _values(result, constants, name) for name in variables})
    return out


def _values(result: xr.Dataset, constants: Mapping[str, float], name: str) -> Floats:
    recorded = f"network_{name}" if name in result.dims else name
    if recorded in result:
        return np.asarray(result[recorded].values, dtype=float)
    if name in constants:
        return np.full((result.sizes["time"], result.sizes["replicate"]), constants[name])
    raise Missing(f"the result has no '{name}'")


def _same_times(times: Floats, expected: Floats) -> bool:
    return len(times) == len(expected) and np.allclose(times, expected, rtol=1e-6, atol=1e-9 * abs(expected[-1]))
