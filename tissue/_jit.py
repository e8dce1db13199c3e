"""Kernels that are compiled at their first call, for one signature, and kept on disk.

numba checks a cached kernel only against the file it stands in, not against the files of the functions it
calls. The cache therefore lies in a folder named by a hash of the file and of all kernel files it imports.
"""

from __future__ import annotations

import ast
import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba import njit
from numba.core import config
from numba.core.errors import NumbaExperimentalFeatureWarning

# Threads that spin while they wait are ruinous where another program wants the cores: a 256 x 256 solve took
# 4.2 s instead of 0.4 s beside two busy processes on two cores. OpenMP reads this once, when the first parallel
# kernel starts it; whoever sets it beforehand is obeyed.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


CONSTANTS = ("outcome",)  # files of numbers that kernels read, beside those whose names begin with _


@contextmanager
def _functions_as_arguments() -> Iterator[None]:
    """They are how a model's machine code reaches the kernels; numba warns of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NumbaExperimentalFeatureWarning)
        yield


class Kernel:
    """A function that numba compiles when it is first called, never at import."""

    def __init__(self, function: Callable[..., Any], signature: Any, options: dict[str, Any]) -> None:
        self.function = function
        self.signature = signature
        self.options = options
        self.__doc__ = function.__doc__
        self._compiled: Callable[..., Any] | None = None

    def __call__(self, *args: Any) -> Any:
        if self._compiled is not None:
            return self._compiled(*args)
        with _functions_as_arguments():
            return self.compiled(*args)

    @property
    def compiled(self) -> Any:
        """numba's own object for the function."""
        if self._compiled is None:
            with _functions_as_arguments():
                self._compiled = self._compile()
        return self._compiled

    @property
    def address(self) -> int:
        """Where the machine code is that other kernels may be given as a function of `signature`.

        What it raises when called there is lost, and it returns at once.
        """
        found = self.compiled.get_compile_result(self.signature)
        return int(found.library.get_pointer_to_function(found.fndesc.llvm_cfunc_wrapper_name))

    def _compile(self) -> Callable[..., Any]:
        source = Path(self.function.__code__.co_filename)
        before = config.CACHE_DIR  # type: ignore[attr-defined]
        config.CACHE_DIR = str(_kernel_cache(source))  # type: ignore[attr-defined]
        try:
            compiled: Callable[..., Any] = njit(self.signature, cache=True, **self.options)(self.function)
        finally:
            config.CACHE_DIR = before  # type: ignore[attr-defined]
        return compiled


def kernel(signature: Any, **options: Any) -> Callable[[Callable[..., Any]], Kernel]:
    """Decorator: `@kernel("void(f8[:], f8)", parallel=True)`; options are those of `numba.njit`."""
    return lambda function: Kernel(function, signature, options)


def both(function: Any, signature: str) -> dict[int, Kernel]:
    """`function` in two and in three dimensions, by dimension; its first argument tells which."""

    def build(dim: int) -> Kernel:
        reals, integers, arrays = (f"UniTuple({kind}, {dim})" for kind in ("f8", "i8", "f8[::1]"))
        arguments = signature.format(reals=reals, integers=integers, arrays=arrays)
        return kernel(f"void({reals}, {arguments})", error_model="numpy")(function)

    return {dim: build(dim) for dim in (2, 3)}


device = njit(error_model="numpy", forceinline=True)
"""Decorator of functions that only kernels call: a division by zero gives infinity there, as in numpy.

They become part of the kernel: arrays are passed as seven words each, which costs more than most of them do.
"""


def bare(**options: Any) -> Any:
    """Decorator of functions that only kernels call: nothing is compiled that Python would call them through."""
    decorator: Callable[..., Any] = njit
    return decorator(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)


def _references(counted: bool) -> Callable[[Callable[..., Any]], Any]:
    options: dict[str, Any] = {"_nrt": counted}
    decorator: Callable[..., Any] = njit(error_model="numpy", **options)
    return decorator


arrays_uncounted = _references(False)
"""Decorator of loops that make no array: who holds the arrays they are given, and rows of these, is not counted.

To count it takes as long as a short step of such a loop. What they call is compiled likewise, unless it is
`arrays_counted`.
"""

arrays_counted = _references(True)
"""Decorator of what an `arrays_uncounted` loop calls and that makes arrays."""


@cache
def cache_folder() -> Path:
    """Where machine code is kept: $BIOMULTI_CACHE, else the user's cache folder, else a new temporary one."""
    chosen = os.environ.get("BIOMULTI_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "biomulti"
    folder = Path(chosen) if chosen else base
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = folder / f".{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="biomulti-"))
    return folder


@cache
def _kernel_cache(source: Path) -> Path:
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(_kernel_files(source)):
        digest.update(path.read_bytes())
    folder = cache_folder() / f"kernels-{source.stem.strip('_')}-{digest.hexdigest()[:16]}"
    folder.mkdir(exist_ok=True)
    return folder


def _kernel_files(source: Path) -> set[Path]:
    """`source` and the files of kernels and their constants that it imports, directly or not."""
    found: set[Path] = set()
    stack = [source]
    while stack:
        path = stack.pop()
        if path in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                for dotted in (node.module, *(f"{node.module}.{a.name}" for a in node.names)):
                    file = source.parent.parent.joinpath(*dotted.split(".")).with_suffix(".py")
                    if (file.stem.startswith("_") or file.stem in CONSTANTS) and file.is_file():
                        stack.append(file)
    return found
