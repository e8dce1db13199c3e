"""`biomulti.save`: a network into a file."""

from __future__ import annotations

from pathlib import Path

from biomulti.errors import OptionError
from biomulti.network import Network
from biomulti.write_antimony import to_antimony
from biomulti.write_sbml import to_sbml

WRITERS = {".xml": to_sbml, ".sbml": to_sbml, ".ant": to_antimony, ".txt": to_antimony}


def save(network: Network, path: str | Path) -> None:
    """Write a network to a file, as SBML (.xml, .sbml) or Antimony (.ant, .txt).

    Raises:
        OptionError: another suffix, or a path that cannot be written to.
        UnsupportedError: see `to_sbml` and `to_antimony`; nothing is written then.
    """
    target = Path(path)
    writer = WRITERS.get(target.suffix.lower())
    if writer is None:
        raise OptionError(f"save(): '{target.name}' should end in one of {', '.join(WRITERS)}.")
    text = writer(network)
    try:
        target.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OptionError(f"save(): {target} cannot be written: {error.strerror}.") from None
