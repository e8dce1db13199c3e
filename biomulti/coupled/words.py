"""Checks and words that the sentences of a tissue share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from biomulti.errors import CouplingError


def finite(what: str, value: object) -> None:
    """Raise CouplingError for anything but a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
        raise CouplingError(f"{what} must be a finite number, not {value!r}.")


def positive(what: str, value: object, why: str, *, zero: bool = True) -> None:
    """Raise CouplingError for what is not a finite number of 0 or more (more than 0 unless `zero`)."""
    finite(what, value)
    if not (float(value) >= 0.0 if zero else float(value) > 0.0):  # type: ignore[arg-type]
        raise CouplingError(f"{what} must {'not be negative' if zero else 'be positive'}: {why}.")


def one_of(what: str, value: object, known: Sequence[str]) -> None:
    """Raise CouplingError for a word that is not known."""
    if value not in known:
        raise CouplingError(f"{what}={value!r} is none of {', '.join(known)}.")


def in_words(thing: Any) -> str:
    """Contractility(per_molecule=2e-07), with numbers of numpy written as numbers and what is not set left out."""
    shown = []
    for f in fields(thing):
        value = getattr(thing, f.name)
        if value is None or value == f.default:
            continue
        shown.append(f"{f.name}={value:g}" if isinstance(value, (float, np.floating)) else f"{f.name}={value!r}")
    return f"{type(thing).__name__}({', '.join(shown)})"


def plain(thing: Any) -> Any:
    """A sentence with numbers and texts of Python in place of numpy's, which may calculate in another precision."""
    if is_dataclass(thing) and not isinstance(thing, type):
        return replace(thing, **{f.name: plain(getattr(thing, f.name)) for f in fields(thing)})
    if isinstance(thing, tuple):
        return tuple(plain(item) for item in thing)
    return thing.item() if isinstance(thing, np.generic) else thing
