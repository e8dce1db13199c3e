"""`biomulti.load`: a network from whatever the user has."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from biomulti import sbml
from biomulti.errors import ModelError, OptionError
from biomulti.network import Network

TEXT = "the model text"  # what a model that came as a text is called in messages
LONGEST_NAME = 120  # characters of a path that is not there, in the message


def load(model: Any, *, substance: str | None = None, adjust: bool = True) -> Network:
    """Read a gene network from SBML or Antimony.

    Args:
        model: a path to an SBML or Antimony file; SBML or Antimony text; the name of a shipped model (see
            `shipped`); or a loaded tellurium/roadrunner model.
        substance: take amounts in this unit ("item", "mole", "nanomole", ...) whatever the model says.
        adjust: where reactions fire, take x^2 of a law of mass action in concentrations as x (x - 1), and so on; False
            takes every law as it stands. `biomulti.report` shows what that changes.

    Raises:
        ModelError: a missing file, a text that is neither SBML nor Antimony, or an invalid model.
        UnsupportedError: a valid model with a construct that is not supported yet; its name is in the text.
    """
    network = model if isinstance(model, Network) else _read(model, substance)
    return network if adjust else replace(network, adjust=False)


def _read(model: Any, substance: str | None) -> Network:
    if hasattr(model, "getCurrentSBML"):
        return sbml.read(model.getCurrentSBML(), "the loaded roadrunner model", substance)
    if not isinstance(model, (str, Path)):
        raise OptionError(
            f"load() takes a path, a text, a shipped model's name or a roadrunner model, not {type(model)}."
        )
    text, source = _text(model)
    if not _looks_like_xml(text):
        text = _antimony_to_sbml(text, source)
    folder = Path(model).parent if source != TEXT and os.path.isfile(model) else None
    return sbml.read(text, source, substance, folder)


def shipped() -> tuple[str, ...]:
    """Names of the models that come with the package."""
    return tuple(sorted(p.stem for p in _shipped_folder().glob("*.xml")))


def _shipped_folder() -> Path:
    here = Path(__file__).resolve().parent
    installed = here / "_models"
    return installed if installed.is_dir() else here.parent / "sbml_models"


def _text(model: str | Path) -> tuple[str, str]:
    """The model's text, and what to call it."""
    if isinstance(model, str) and (_looks_like_xml(model) or "\n" in model or "->" in model or ";" in model):
        return model, TEXT
    source = str(model)
    if isinstance(model, str) and not model.strip():
        raise ModelError("load() was given an empty text; it takes a path, SBML, Antimony or a shipped model's name.")
    # os.path answers False where pathlib raises, for a text too long to be a path for instance
    if not os.path.isfile(model) and str(model) in shipped():
        model = _shipped_folder() / f"{model}.xml"
    if os.path.isdir(model):
        raise ModelError(f"{model} is a folder; give the SBML or Antimony file in it.")
    if not os.path.isfile(model):
        raise ModelError(
            f"there is no file '{str(model)[:LONGEST_NAME]}' and no shipped model of that name. Shipped models: "
            f"{', '.join(shipped())}. Antimony text is known by a line break, a semicolon or an arrow."
        )
    path = Path(model)
    try:
        return _decoded(path.read_bytes()), source
    except (UnicodeDecodeError, LookupError):
        raise ModelError(f"{path} is not a text file; SBML and Antimony are UTF-8 text.") from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from None


def _decoded(data: bytes) -> str:
    """Text of a file: UTF-8, or what the XML declares."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16")
    else:
        declared = re.match(rb"""\s*<\?xml[^>]*encoding=["']([\w.-]+)["']""", data)
        text = data.decode(declared[1].decode() if declared and declared[1].lower() != b"utf-8" else "utf-8-sig")
    return re.sub(r"""(<\?xml[^>]*encoding=["'])[\w.-]+""", r"\1UTF-8", text, count=1)


def _looks_like_xml(text: str) -> bool:
    return text.lstrip("\ufeff \t\r\n").startswith("<")


def _antimony_to_sbml(text: str, source: str) -> str:
    import antimony

    if not text.strip():
        raise ModelError(f"{source} is empty; it should hold SBML or Antimony.")
    antimony.clearPreviousLoads()
    # Antimony follows `import` statements to other files; a model is one text here
    code = re.sub(r"/\*.*?\*/|(//|#)[^\n]*", "", text, flags=re.DOTALL)
    if re.search(r"^\s*import\s", code, flags=re.MULTILINE):
        raise ModelError(f"{source} imports another file; put the whole model into one text.")
    # an error leaves a valid, empty model behind, so the answer must be read
    if antimony.loadAntimonyString(text) < 0:
        reason = " ".join(antimony.getLastError().split())
        raise ModelError(f"{source} is neither SBML (no XML) nor valid Antimony: {reason}")
    return str(antimony.getSBMLString(antimony.getMainModuleName()))
