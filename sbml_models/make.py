"""Make the shipped SBML anew from its Antimony sources: `python sbml_models/make.py`, or `make models`."""

import re
import sys
from pathlib import Path

import antimony


class AntimonyError(ValueError):
    """An Antimony source that could not be translated: the file, and Antimony's own message and line."""


def to_sbml(source: Path) -> str:
    """SBML text of one Antimony file; raises `AntimonyError` naming the file and what Antimony objects to."""
    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(source.read_text(encoding="utf-8")) < 0:
        raise AntimonyError(f"{source.name}: {antimony.getLastError()}")
    text: str = antimony.getSBMLString(source.stem)
    if not text:
        raise AntimonyError(f"{source.name}: it must define a model named {source.stem!r}, as the file is called")
    # Antimony signs its output with its version; without that the text depends on the source alone.
    return re.sub(r"<!-- Created by libAntimony.*?-->\n?", "", text)


def main() -> int:
    """Write an .xml beside every .ant of this directory; 1 if any of them could not be translated."""
    failed = 0
    for source in sorted(Path(__file__).parent.glob("*.ant")):
        try:
            source.with_suffix(".xml").write_text(to_sbml(source), encoding="utf-8", newline="\n")
            print(f"{source.name} -> {source.with_suffix('.xml').name}")
        except AntimonyError as error:
            print(error, file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
