"""Text in LLVM's language made into a function in memory, which numba's kernels take as an argument.

LLVM comes with numba. Without a front end for Python a model's own functions are ready in milliseconds.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache, lru_cache
from typing import Any

import llvmlite.binding as llvm
from numba import types
from numba.core.typing.typeof import typeof_impl

C_FUNCTIONS = {
    "exp": 1, "log": 1, "pow": 2, "floor": 1, "ceil": 1, "tgamma": 1, "sin": 1, "cos": 1, "tan": 1, "asin": 1,
    "acos": 1, "atan": 1, "sinh": 1, "cosh": 1, "tanh": 1, "asinh": 1, "acosh": 1, "atanh": 1,
}  # fmt: skip
"""Of the C library's mathematics, with how many numbers they take.

They are called by names of our own: under its own name the compiler would take a function for what it knows, and turn
it into another one of other last bits.
"""
PREFIX = "biomulti_"
LIBRARIES = {"linux": "libm.so.6", "win32": "ucrtbase"}  # elsewhere they are part of the process
KEPT = 256  # functions kept ready for another use


@cache
def _function_type(signature: Any) -> Any:
    return types.FunctionType(signature)


class MachineFunction(types.WrapperAddressProtocol):
    """A function in memory, which lasts as long as this object."""

    def __init__(self, address: int, engine: Any, signature: Any) -> None:
        self._address, self._engine, self._signature = address, engine, signature
        self.type = _function_type(signature)

    def __wrapper_address__(self) -> int:
        return self._address

    def signature(self) -> Any:
        """numba's type of the function."""
        return self._signature


@typeof_impl.register(MachineFunction)
def _type_of(function: MachineFunction, context: Any) -> Any:
    # numba would make the type anew at every call of a kernel, which takes as long as many a kernel
    return function.type


@lru_cache(KEPT)
def machine_function(text: str, name: str, signature: Any, level: int = 2, passes: bool = False) -> MachineFunction:
    """The function `name` of the module `text`.

    Args:
        text: a module that calls nothing but C_FUNCTIONS, under PREFIX, and intrinsics which are instructions.
        name: a function of `signature` in it.
        signature: numba's type of it.
        level: how well machine code is chosen, 0 to 2; 0 takes a time in proportion to the text.
        passes: whether instructions are rearranged beforehand, as loops need.
    """
    _prepare()
    module = llvm.parse_assembly(text)
    # an engine frees its machine, so that no two can share one
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=level,
        jit=True,
    )
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    if passes:
        options = llvm.create_pipeline_tuning_options(speed_level=1)
        options.slp_vectorization = options.loop_vectorization = False
        builder = llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return MachineFunction(engine.get_function_address(name), engine, signature)


@cache
def _prepare() -> None:
    """Tell LLVM the processor and where the C library's functions are: it ends the process over one it misses."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    library = ctypes.CDLL(LIBRARIES.get(sys.platform))
    for name in C_FUNCTIONS:
        llvm.add_symbol(PREFIX + name, ctypes.cast(library[name], ctypes.c_void_p).value)
