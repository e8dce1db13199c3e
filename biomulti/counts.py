"""From a model's amounts to whole numbers of molecules."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from biomulti.errors import ModelError, UnitsError
from biomulti.network import Network
from biomulti.system import System

COUNTABLE = 1e15  # beyond this a firing of one molecule is lost in rounding


class AssumptionWarning(UserWarning):
    """Something the model leaves open was taken in the only reasonable way; the text says which."""


class ConstraintWarning(UserWarning):
    """What a model says must hold for a run to be valid did not hold; the text says what, when and where."""


def molecules_per_unit(network: Network) -> float:
    """How many molecules one unit of the model's amounts is.

    A model that states no unit, in compartments of size 1 with whole initial amounts, is taken to count
    molecules, with an AssumptionWarning.

    Raises:
        UnitsError: the model leaves open what its amounts are, and the answer changes what fires.
    """
    stated = network.substance.molecules
    if stated is not None:
        return stated
    if network.substance.unit == "unstated unit" and _looks_like_counts(network):
        warnings.warn(
            f"{network.source}: {network.substance.reason}; its whole initial amounts in compartments of size "
            f"1 are taken as numbers of molecules. Say so with load(..., substance='item').",
            AssumptionWarning,
            stacklevel=3,
        )
        return 1.0
    raise UnitsError(
        f"{network.source}: reactions fire molecule by molecule, and {network.substance.reason}. Say what one "
        f"unit of amount is: load(..., substance='item') if amounts are numbers of molecules, 'mole', "
        f"'nanomole' and so on otherwise; or use method='ode'."
    )


def _looks_like_counts(network: Network) -> bool:
    amounts = [s.initial_amount if s.initial_amount is not None else s.initial_concentration for s in network.species]
    whole = all(a is None or float(a).is_integer() for a in amounts)
    return whole and all(c.size == 1.0 for c in network.compartments)


def whole_starts(system: System, y: NDArray[np.float64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The starts y [rows, states] with the `counted` states rounded to whole molecules; others stay as they are.

    Raises:
        UnitsError: a counted state holds more molecules than can be counted one by one.
        ModelError: a counted state is below zero.
    """
    out = y.copy()
    for k in np.flatnonzero(counted):
        out[:, k] = _whole(system, int(k), y[:, k])
    return out


def _whole(system: System, k: int, amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    name, source = system.states[k], system.network.source
    too_many = ~(np.abs(amounts) < COUNTABLE)
    if np.any(too_many):
        raise UnitsError(
            f"{source}: '{name}' starts with {amounts[too_many][0]:.3g} molecules, too many to fire one by "
            f"one (amounts in {system.network.substance.unit}, {system.network.substance.reason}). If the "
            f"model counts molecules, say load(..., substance='item'); otherwise use method='ode'."
        )
    if np.any(amounts < 0.0):
        raise ModelError(
            f"{source}: '{name}' starts with {np.min(amounts):.6g} molecules; a number of molecules is zero or more."
        )
    whole = np.round(amounts)
    off = np.abs(whole - amounts) > 1e-6 * np.maximum(1.0, np.abs(amounts))
    if np.any(off):
        warnings.warn(
            f"{source}: '{name}' starts with {amounts[off][0]:.6g} molecules, rounded to {whole[off][0]:.0f}.",
            AssumptionWarning,
            stacklevel=4,
        )
    return whole
