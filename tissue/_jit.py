"""Kernels that are compiled when they are first called, once, and kept on disk."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numba

# Threads that spin while they wait are ruinous where other programs want the cores: beside busy processes on two
# cores a 256 x 256 flow took 4.2 s on two spinning threads, 0.8 s on one thread and 0.4 s on two that sleep. OpenMP
# reads this once, when the first parallel kernel starts it; whoever sets it beforehand is obeyed.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


class Kernel:
    """
    A numba function with one signature, compiled (or read from the disk cache) at its first call.

    An explicit signature compiles when numba's decorator runs, which at import would cost every user
    seconds for kernels they may never call; this holds the decorator back until the call.
    """

    def __init__(self, function: Callable[..., None], signature: str, options: dict[str, Any]) -> None:
        self.function = function
        self.signature = signature
        self.options = options
        self.__doc__ = function.__doc__
        self._compiled: Callable[..., Any] | None = None

    def __call__(self, *arguments: Any) -> Any:
        if self._compiled is None:
            self._compiled = numba.njit(self.signature, cache=True, **self.options)(self.function)
        return self._compiled(*arguments)


def kernel(signature: str, **options: Any) -> Callable[[Callable[..., Any]], Kernel]:
    """Decorator: `@kernel("void(f8[:], f8)", parallel=True)`; options are those of numba.njit."""

    def wrap(function: Callable[..., Any]) -> Kernel:
        return Kernel(function, signature, options)

    return wrap
