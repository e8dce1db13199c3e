"""`biomulti.load`: a network from whatever the user has."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from biomulti import read_antimony, sbml
from biomulti.errors import ModelError, OptionError
from biomulti.network import Network

TEXT = "the model text"  # what a model that came as a text is called in messages
LONGEST_NAME = 120  # characters of a path that is not there, in the message
LARGEST = 500_000_000  # bytes
PACKED = {b"PK": "a ZIP archive, perhaps a COMBINE archive", b"\x1f\x8b": "packed by gzip", b"BZh": "packed by bzip2"}
DECLARED = re.compile(r"""^(\s*<\?xml[^>]*encoding=["'])([\w.-]+)""")


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
    _refuse_no_text(text, source)
    if not _looks_like_xml(text):
        text = read_antimony.to_sbml(text, source)
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
        return DECLARED.sub(r"\1UTF-8", model), TEXT
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
    return _content(Path(model)), source


def _content(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise ModelError(f"{path} has {path.stat().st_size:.3g} bytes, too many for a model; is it the right file?")
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from None
    for start, what in PACKED.items():
        if data.startswith(start):
            raise ModelError(f"{path} is {what}; unpack it, and give the SBML or Antimony file in it.")
    try:
        return _decoded(data)
    except (UnicodeError, LookupError):
        raise ModelError(f"{path} is not a text file; SBML and Antimony are UTF-8 text.") from None


def _decoded(data: bytes) -> str:
    """Text of a file: UTF-8, or what the XML declares."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16")
    else:
        declared = DECLARED.match(data[:200].decode("latin-1"))
        text = data.decode(declared[2] if declared and declared[2].lower() != "utf-8" else "utf-8-sig")
    return DECLARED.sub(r"\1UTF-8", text)


def _refuse_no_text(text: str, source: str) -> None:
    """What no reader can be given: it would see another text, or none."""
    strange = re.search(r"[\x00\ud800-\udfff]", text)
    if strange:
        line = text.count("\n", 0, strange.start()) + 1
        raise ModelError(
            f"{source}, line {line}: {strange[0]!r} is no character of a text; SBML and Antimony are text."
        )


def _looks_like_xml(text: str) -> bool:
    return text.lstrip("\ufeff \t\r\n").startswith("<")
