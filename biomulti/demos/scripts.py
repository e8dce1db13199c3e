"""The scripts of `examples/` as modules, in a checkout and in an installed package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def example(name: str) -> ModuleType:
    """One script of `examples/`, imported under the name example_NAME."""
    here = Path(__file__).resolve().parents[1]
    installed = here / "_examples"
    path = (installed if installed.is_dir() else here.parent / "examples") / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"example_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
