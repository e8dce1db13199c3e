"""Numbers and units as they are written on a figure."""

from __future__ import annotations

SYMBOLS = {"um": "µm", "item": "molecules", "second": "s", "minute": "min", "hour": "h", "dimensionless": "", "1": ""}


def units(text: str) -> str:
    """Units as they are written on a figure."""
    words = [SYMBOLS.get(word, word) for word in text.split()]
    return " ".join(words).replace(" / ", "/").strip()


def number(value: float, _: float = 0.0) -> str:
    """A number as it is written on a figure, also as the formatter of an axis."""
    return f"{round(value, 10):,.10g}".replace("-", "−")
