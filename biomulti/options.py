"""Checks of what users pass: every mistake is an OptionError that names the argument."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from biomulti.errors import OptionError

EXACT_METHODS = ("ssa-direct", "ssa-tree", "ssa-rejection")  # what "ssa" chooses from
METHODS = ("ssa", "ode", "hybrid", *EXACT_METHODS)
QUANTITIES = ("molecules", "amount", "concentration")
STEP_ERROR = 0.1  # the largest that may be asked for
LARGEST_SEED = 2**64 - 1
LARGEST_RESULT = 64e9  # bytes

Floats = NDArray[np.float64]


def output_times(t_end: float, every: float | None) -> Floats:
    """0, every, 2 every, ... and t_end.

    Raises:
        OptionError: a time that is not positive and finite.
    """
    check_time("t_end", t_end)
    if every is not None:
        check_time("every", every)
    t_end = float(t_end)
    if every is None:
        return np.asarray(np.linspace(0.0, t_end, 101), dtype=np.float64)
    steps = t_end / every
    if steps > 1e8:
        raise OptionError(f"every={every:g} makes {steps:.2g} outputs until t_end={t_end:g}; record fewer.")
    times = float(every) * np.arange(math.floor(steps * (1.0 + 1e-12)) + 1)
    if t_end - times[-1] > 1e-9 * every:
        times = np.append(times, t_end)
    times[-1] = t_end
    return np.asarray(times, dtype=np.float64)


def check_time(name: str, value: object) -> None:
    """Raise OptionError for a time that is not a positive, finite number."""
    if not (is_number(value) and 0.0 < value < math.inf):
        raise OptionError(f"{name}={value!r} must be a positive, finite number in the model's unit of time.")


def check_options(
    replicates: int = 1,
    method: str = "hybrid",
    quantity: str | None = None,
    tolerance: float | None = None,
    physical_scale: Mapping[str, str] | None = None,
) -> None:
    """Raise OptionError for an argument out of its range."""
    if physical_scale and method != "hybrid":
        raise OptionError(f"physical_scale is for method='hybrid', not {method!r}.")
    if not isinstance(replicates, (int, np.integer)) or isinstance(replicates, bool) or replicates < 1:
        raise OptionError(f"replicates={replicates!r} must be a whole number, 1 or more.")
    if method not in METHODS:
        raise OptionError(f"method={method!r} is none of {', '.join(METHODS)}.")
    if quantity is not None and quantity not in QUANTITIES:
        raise OptionError(f"quantity={quantity!r} is none of {', '.join(QUANTITIES)}.")
    most = math.inf if method == "hybrid" else STEP_ERROR
    if tolerance is not None and not (is_number(tolerance) and 1e-13 <= tolerance <= most):
        below = "infinity, which is no bound" if most == math.inf else f"{most:g}"
        raise OptionError(f"tolerance={tolerance!r} must lie between 1e-13 and {below}.")


def check_first(replicate: int) -> None:
    """Raise OptionError for what cannot be the number of a replicate."""
    if not isinstance(replicate, (int, np.integer)) or isinstance(replicate, bool) or replicate < 0:
        raise OptionError(f"first_replicate={replicate!r} must be a whole number, 0 or more.")


def check_size(replicates: int, outputs: int, states: int) -> None:
    """Raise OptionError for results that would not fit into memory."""
    size = 8.0 * replicates * outputs * states
    if size > LARGEST_RESULT:
        raise OptionError(
            f"{replicates} replicates of {states} variables at {outputs} times make {size / 1e9:.3g} GB; take fewer "
            f"replicates, or record less often (every=)."
        )


def chosen_seed(seed: int | None) -> int:
    """The seed asked for, or a new one."""
    if seed is None:
        return secrets.randbits(63)
    if not isinstance(seed, (int, np.integer)) or not 0 <= seed <= LARGEST_SEED:
        raise OptionError(f"seed={seed!r} must be a whole number from 0 to 2^64 - 1.")
    return int(seed)


def as_values(name: str, values: Mapping[str, float] | None) -> dict[str, float]:
    """Values by name as a dictionary; OptionError for anything that is not one of finite numbers."""
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise OptionError(f"{name} is a dictionary of values by name, not {values!r}.")
    for key, value in values.items():
        if not (is_number(value) and math.isfinite(value)):
            raise OptionError(f"{name}[{key!r}]={value!r} must be a finite number.")
    return {str(key): float(value) for key, value in values.items()}


def is_number(value: object) -> TypeGuard[float]:
    """True for an int or a float of Python or numpy."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
