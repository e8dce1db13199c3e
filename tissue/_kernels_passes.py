"""
One pass over arrays of three axes whose last one runs along memory: sums, differences and the like.

They run on one thread: at the speed of memory they take so little of a solve that a second one hardly counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tissue._jit import Kernel, bare, kernel
from tissue._kernels_lines import apart, line_of

_sum = bare(fastmath={"contract", "reassoc"})
_device = bare(fastmath={"contract"})
TOTAL, PRODUCT, SHIFT, DIFFER, ADD_DIFFERENCE, SCALE = range(6)
WITHOUT_SIGN = np.int64(2**63 - 1)


@_sum
def _total(n, a):  # type: ignore[no-untyped-def]
    total = 0.0
    for c in range(n):
        total += a[c]
    return total


@_sum
def _product(n, a, b):  # type: ignore[no-untyped-def]
    total = 0.0
    for c in range(n):
        total += a[c] * b[c]
    return total


@_device
def _shift(n, factor, out):  # type: ignore[no-untyped-def]
    apart()
    for c in range(n):
        out[c] += factor


@_device
def _differ(n, a, b, factor, out, fresh):  # type: ignore[no-untyped-def]
    apart()
    if fresh:
        for c in range(n):
            out[c] = (a[c] - b[c]) / factor
    else:
        for c in range(n):
            out[c] += (a[c] - b[c]) / factor


@_device
def _scale(n, a, factor, out):  # type: ignore[no-untyped-def]
    apart()
    for c in range(n):
        out[c] = a[c] * factor


def _whole(operation, a, b, out, factor):  # type: ignore[no-untyped-def]
    """
    One operation on views of one shape: the sum of a, or of a times b; or into `out` it and a number, a less b over a
    number, also added to what is there, or a times a number.
    """
    planes, lines, n = out.shape
    found = 0.0
    for i in range(planes):
        for j in range(lines):
            if operation == TOTAL:
                found += _total(n, line_of(a, i, j))
            elif operation == PRODUCT:
                found += _product(n, line_of(a, i, j), line_of(b, i, j))
            elif operation == SHIFT:
                _shift(n, factor, line_of(out, i, j))
            elif operation in (DIFFER, ADD_DIFFERENCE):
                here, other = line_of(a, i, j), line_of(b, i, j)
                _differ(n, here, other, factor, line_of(out, i, j), operation == DIFFER)
            else:
                _scale(n, line_of(a, i, j), factor, line_of(out, i, j))
    return found


@_device
def _largest_line(n, a):  # type: ignore[no-untyped-def]
    top = np.int64(0)
    for c in range(n):
        top = max(top, a[c] & WITHOUT_SIGN)
    return top


_OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}}


@kernel("i8(i8[:,:,:])", **_OPTIONS)
def largest(a):  # type: ignore[no-untyped-def]
    """
    The largest size of numbers of eight bytes, from their bits and as such.

    But for the sign these are in the order of the numbers, with NaN beyond infinity.
    """
    top = np.int64(0)
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            top = max(top, _largest_line(a.shape[2], line_of(a, i, j)))
    return top


def _of(size: int) -> Kernel:
    views = ", ".join([f"f{size}[:,:,:]"] * 3)
    return kernel(f"f8(i8, {views}, f{size})", **_OPTIONS)(_whole)


whole = {size: _of(size) for size in (4, 8)}
