"""What is written is read again before it is given away, so that nothing is written that means something else."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from biomulti.errors import ModelError, UnsupportedError
from biomulti.load import load
from biomulti.network import Network


def confirmed(text: str, network: Network, language: str) -> str:
    """The text, if `load` makes a network of it that equals this one.

    Raises:
        UnsupportedError: it does not; the first difference is in the text.
    """
    try:
        found = load(text, adjust=network.adjust)
    except ModelError as error:
        raise UnsupportedError(f"{network.source}: it cannot be written as {language}: {error}") from None
    if found != network:
        raise UnsupportedError(f"{network.source}: {language} does not say all of it: {_difference(network, found)}.")
    return text


def _difference(network: Network, found: Network) -> str:
    for field in fields(Network):
        wanted, there = getattr(network, field.name), getattr(found, field.name)
        if field.compare and wanted != there:
            return f"{field.name}, {_first(wanted, there)}"
    return "nothing"


def _first(wanted: Any, there: Any) -> str:
    """The first element in which two values of a field differ."""
    if isinstance(wanted, tuple) and len(wanted) == len(there):
        return next(_first(a, b) for a, b in zip(wanted, there, strict=True) if a != b)
    if isinstance(wanted, dict) and wanted.keys() == there.keys():
        return next(f"'{k}': {_first(wanted[k], there[k])}" for k in wanted if wanted[k] != there[k])
    return f"{wanted!r} would be read as {there!r}"
