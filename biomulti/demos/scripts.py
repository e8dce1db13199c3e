"""The scripts of `examples/` as modules, in a checkout and in an installed package, and the data beside them."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType


def example(name: str) -> ModuleType:
    """One script of `examples/`, imported under the name example_NAME.

    Raises ImportError where there is no such script.
    """
    here = Path(__file__).resolve().parents[1]
    installed = here / "_examples"
    folder = installed if installed.is_dir() else here.parent / "examples"
    path = folder / f"{name}.py"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in folder.glob("*.py"))) or "none"
        raise ImportError(f"there is no example '{name}' in {folder}; there are {known}.")
    spec = importlib.util.spec_from_file_location(f"example_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(spec.name, None)
        raise
    return module


def measurements(name: str, needed: str, given: str | None = None) -> Path | None:
    """The folder `given`, or data/`name` in $BIOMULTI_SHARED or in `shared` beside the project; None where neither is.

    Raises FileNotFoundError where a folder was given that does not hold the file that is needed.
    """
    shared = Path(os.environ.get("BIOMULTI_SHARED") or Path(__file__).resolve().parents[3] / "shared")
    folder = shared / "data" / name if given is None else Path(given)
    if (folder / needed).exists():
        return folder
    if given is not None:
        raise FileNotFoundError(f"{folder} holds no {needed}: give the folder with the tables of {name}.")
    return None
