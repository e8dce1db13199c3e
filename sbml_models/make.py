"""Make the shipped SBML anew from its Antimony sources: `python sbml_models/make.py`, or `make models`."""

import re
import sys
from pathlib import Path

from biomulti.errors import ModelError
from biomulti.read_antimony import to_sbml as translated


def to_sbml(source: Path) -> str:
    """SBML text of one Antimony file, with its words about reactions; raises `ModelError` naming the file and why."""
    text = translated(source.read_text(encoding="utf-8"), source.name)
    if f'<model id="{source.stem}"' not in re.sub(r'metaid="[^"]*" ', "", text):
        raise ModelError(f"{source.name}: it must define a model named {source.stem!r}, as the file is called")
    # Antimony signs its output with its version; without that the text depends on the source alone.
    return re.sub(r"<!-- Created by libAntimony.*?-->\n?", "", text)


def main() -> int:
    """Write an .xml beside every .ant of this directory; 1 if any of them could not be translated."""
    failed = 0
    for source in sorted(Path(__file__).parent.glob("*.ant")):
        try:
            source.with_suffix(".xml").write_text(to_sbml(source), encoding="utf-8", newline="\n")
            print(f"{source.name} -> {source.with_suffix('.xml').name}")
        except ModelError as error:
            print(error, file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
