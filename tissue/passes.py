"""
Passes over views of up to three axes whose last one runs along memory, without arrays in between.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tissue import _kernels_passes as kernels

View = NDArray[Any]


def _of_three_axes(view: View) -> View:
    if view.ndim == 3:
        return view
    return view.reshape(1, 1, -1) if view.ndim == 1 else view[:, None, :]


def _pass(operation: int, a: View, b: View, out: View, factor: float = 0.0) -> float:
    given, other, target = _of_three_axes(a), _of_three_axes(b), _of_three_axes(out)
    return float(kernels.whole[out.itemsize](operation, given, other, target, out.dtype.type(factor)))


def total(a: View) -> float:
    """The sum."""
    return _pass(kernels.TOTAL, a, a, a)


def product(a: View, b: View) -> float:
    """The sum of a b."""
    return _pass(kernels.PRODUCT, a, b, a)


def shift(out: View, amount: float) -> None:
    """Add a number."""
    _pass(kernels.SHIFT, out, out, out, amount)


def differ(a: View, b: View, divisor: float, out: View, *, add: bool = False) -> None:
    """out = (a - b) / divisor, or added to what is there."""
    _pass(kernels.ADD_DIFFERENCE if add else kernels.DIFFER, a, b, out, divisor)


def scale(a: View, factor: float, out: View) -> None:
    """out = factor a."""
    _pass(kernels.SCALE, a, a, out, factor)


def largest(a: View) -> float:
    """The largest |a|; NaN where one is NaN."""
    return float(np.int64(kernels.largest(_of_three_axes(a).view(np.int64))).view(np.float64))
