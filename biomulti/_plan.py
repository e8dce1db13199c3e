"""What an ensemble is to do: the axes of its grid, the seeds of its runs, and how they are cut into jobs."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from reprlib import repr as shortened
from typing import Any

import numpy as np

from biomulti import sets
from biomulti._jobs import REPLICATE, FunctionWork, Job, NetworkWork, Work
from biomulti.errors import OptionError
from biomulti.load import load
from biomulti.network import Network
from biomulti.simulation import simulate

JOBS_PER_WORKER = 4  # at least, where replicates can be shared out, so that workers end at about the same time
TOGETHER = 8  # replicates that are integrated side by side, which a share should be a multiple of
OWN_ARGUMENTS = ("replicates", "seed", "first_replicate", "progress")  # of `simulate`, which an ensemble sets itself
RESERVED = (REPLICATE, *OWN_ARGUMENTS)

Axes = Mapping[str, Sequence[Any]]
Point = Mapping[str, Any]


def grid(over: Mapping[str, Any] | None) -> Axes:
    """Values by name, as Python's own; OptionError for what cannot be an axis."""
    if over is None:
        return {}
    if not isinstance(over, Mapping):
        raise OptionError(f"over is a dictionary of sequences by name, not {over!r}.")
    return {str(name): _axis(str(name), values) for name, values in over.items()}


def _axis(name: str, values: Any) -> Sequence[Any]:
    what = f"over[{name!r}]"
    if name in RESERVED:
        raise OptionError(f"{what}: '{name}' is an argument of the ensemble itself, and cannot be an axis of its grid.")
    array = None if isinstance(values, (str, bytes, Mapping)) else np.asarray(values)
    if array is None or array.ndim != 1 or not len(array) or array.dtype.kind not in "biufU":
        raise OptionError(f"{what}={shortened(values)} must be a sequence of numbers, of truth values or of texts.")
    out = array.tolist() if not isinstance(values, (list, tuple)) else [_plain(v) for v in values]
    if len({type(v) is str for v in out}) > 1 or any(v != v for v in out):
        raise OptionError(f"{what}={shortened(values)} must be a sequence of numbers, of truth values or of texts.")
    most, times = Counter(map(_canonical, out)).most_common(1)[0]
    if times > 1:
        twice = next(v for v in out if _canonical(v) == most)
        raise OptionError(f"{what} has {twice!r} more than once.")
    return list(out)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _canonical(value: Any) -> str:
    """The same text for the same number, whatever its type."""
    if isinstance(value, (bool, str)):
        return repr(value)
    number = float(value)
    return repr(value) if math.isfinite(number) and number != value else (number + 0.0).hex()


def derived_seed(seed: int, point: Point, replicate: int | None) -> int:
    """63 bits of SHA-256 of the ensemble's seed, the values of a point by name, and the replicate.

    Values, not their places along axes, so that a grid may grow and its former runs stay what they are.
    """
    said = [seed, sorted((name, _canonical(value)) for name, value in point.items()), replicate]
    return int.from_bytes(hashlib.sha256(json.dumps(said).encode()).digest()[:8], "big") >> 1


def function_work(function: Callable[..., Any], axes: Axes, settings: Mapping[str, Any]) -> FunctionWork:
    """The calls of a function; OptionError if it does not take what it would be given."""
    _refuse_both(axes, settings)
    try:
        inspect.signature(function).bind(seed=0, **dict.fromkeys(axes), **settings)
    except ValueError:  # a function that does not say what it takes
        pass
    except TypeError as error:
        names = ", ".join(["seed", *axes, *settings])
        raise OptionError(f"the function is called with {names}, by name, and does not take them: {error}.") from None
    return FunctionWork(function, dict(settings))


def network_work(what: Any, axes: Axes, settings: Mapping[str, Any]) -> NetworkWork:
    """The runs of a network; OptionError for a name that neither the network nor `simulate` has."""
    network = load(what)
    known = [n for n in inspect.signature(simulate).parameters if n not in ("network", *OWN_ARGUMENTS)]
    for name in settings:
        if name not in known:
            raise OptionError(f"'{name}' is no argument of ensemble() or simulate(), which has {', '.join(known)}.")
    _refuse_both(axes, settings)
    roles = {name: _role(name, network, known) for name in axes}
    for name, role in roles.items():
        if role and name in (settings.get(role) or {}):
            raise OptionError(f"'{name}' is given twice: in over and in {role}.")
    if "t_end" not in axes and "t_end" not in settings:
        raise OptionError("say how far the runs go: t_end=...")
    return NetworkWork(network, roles, dict(settings))


def _refuse_both(axes: Axes, settings: Mapping[str, Any]) -> None:
    for name in axes:
        if name in settings:
            raise OptionError(f"'{name}' is given twice: in over and as {name}={settings[name]!r}.")


def _role(name: str, network: Network, arguments: Sequence[str]) -> str:
    values = {t.id for t in (*network.parameters, *network.stoichiometries)} | {c.id for c in network.compartments}
    roles = ["parameters"] * (name in values) + ["initial"] * (name in network.species_by_id)
    roles += [""] * (name in arguments and name not in ("initial", "parameters", "physical_scale"))
    if len(roles) > 1:
        raise OptionError(f"over: '{name}' is an argument of simulate() and in the model; sweep it with a function.")
    if not roles:
        has = ", ".join(sorted({*values, *network.species_by_id})) or "none"
        raise OptionError(
            f"over: the model has no parameter, compartment or species '{name}'; it has {has}. Of simulate() an axis "
            f"may be {', '.join(n for n in arguments if n not in ('initial', 'parameters', 'physical_scale'))}."
        )
    return roles[0]


def replicates_of(work: Work, replicates: int) -> int:
    """How many there are: where replicates have values of their own, as many as values."""
    if not isinstance(work, NetworkWork):
        return replicates
    return sets.common_length(replicates, **_sets(work.settings))


def jobs_of(work: Work, axes: Axes, replicates: int, seed: int, workers: int) -> list[Job]:
    """All jobs, point by point.

    A call of a function is a job. A network's replicates are run together, or in several shares where there are more
    workers than points; each has the random stream of its own number, so that bits do not depend on the shares.
    """
    places = list(product(*(range(len(values)) for values in axes.values())))
    jobs = []
    for place in places:
        point = {name: values[k] for (name, values), k in zip(axes.items(), place, strict=True)}
        if isinstance(work, NetworkWork):
            size = _share(work.arguments(point), replicates, len(places), workers)
            common = derived_seed(seed, point, None)
            jobs += [Job(place, point, i, min(size, replicates - i), common) for i in range(0, replicates, size)]
        else:
            jobs += [Job(place, point, i, 1, derived_seed(seed, point, i)) for i in range(replicates)]
    return jobs


def _share(arguments: Mapping[str, Any], replicates: int, points: int, workers: int) -> int:
    """How many replicates a job has."""
    each_its_own = any(sets.varied(given) for given in _sets(arguments).values())
    # without chance one run is all of them; and what flows is decided from all values that replicates have
    if workers <= 1 or each_its_own or arguments.get("method") == "ode":
        return replicates
    shares = math.ceil(JOBS_PER_WORKER * workers / points)
    return TOGETHER * math.ceil(replicates / shares / TOGETHER)


def _sets(arguments: Mapping[str, Any]) -> dict[str, sets.Sets]:
    return {role: sets.as_sets(role, arguments.get(role)) for role in ("initial", "parameters")}
