"""Antimony text into SBML text.

The library reads it. What would make it crash, run without end or open other files is found and refused before.
"""

from __future__ import annotations

import re

from biomulti import words
from biomulti.errors import ModelError

DEEPEST = 256  # brackets within one another
MOST_STATEMENTS = 10_000  # the library takes 11 s for 3,000 reactions of four statements, growing as their square
MOST_SYMBOLS = 3_000  # in one statement; the library takes 1.5 s for a sum of 3,000 terms, growing likewise
LONGEST_REASON = 600  # characters
TEXT_OR_COMMENT = re.compile(
    r'"(?:\\.|[^"\\\n])*"|```.*?```|/\*.*?(?:\*/|\Z)|(?://|#)[^\n\r]*',
    flags=re.DOTALL,
)
STRUCTURE = re.compile(r"\b(?:model|module|function)\s+\*?\s*(?P<begun>\w+)|(?P<end>\bend\b)|:\s*(?P<part>\w+)\s*\(")


def to_sbml(text: str, source: str) -> str:
    """SBML of an Antimony text.

    Raises:
        ModelError: not Antimony, or text that the library cannot be given, or a word about a reaction that is not
            understood, with the line.
    """
    import antimony

    if not text.strip():
        raise ModelError(f"{source} is empty; it should hold SBML or Antimony.")
    text = words.as_statements(text, _Code(text, source).code, TEXT_OR_COMMENT, source)
    _Code(text, source).screen()
    antimony.clearPreviousLoads()
    # an error leaves a valid, empty model behind, so the answer must be read
    if antimony.loadAntimonyString(text) < 0:
        reason = " ".join(antimony.getLastError().split())
        raise ModelError(f"{source} is neither SBML (no XML) nor valid Antimony: {reason[:LONGEST_REASON]}")
    return words.as_annotations(str(antimony.getSBMLString(antimony.getMainModuleName())))


class _Code:
    """An Antimony text without its comments and without what stands in quotes."""

    def __init__(self, text: str, source: str) -> None:
        self.code = TEXT_OR_COMMENT.sub(_blank, text)
        self.source = source

    def screen(self) -> None:
        strange = re.search(r"[^\x00-\x7f]", self.code)
        if strange:
            raise self._error(
                strange, f"{strange[0]!r} is no part of Antimony; names are of A to Z, a to z, 0 to 9 and _"
            )
        imported = re.search(r"\bimport\b", self.code)
        if imported:
            raise self._error(imported, "it imports another file; put the whole model into one text")
        depth = 0
        for bracket in re.finditer(r"[()]", self.code):
            depth += 1 if bracket[0] == "(" else -1
            if depth > DEEPEST:
                raise self._error(bracket, "brackets are nested too deeply to be read; split the formula into several")
        for statement in re.finditer(rf"[^;\n\r]{{{MOST_SYMBOLS},}}", self.code):
            if len(re.findall(r"\w+|[^\w\s]", statement[0])) > MOST_SYMBOLS:
                raise self._error(statement, f"a statement has more than {MOST_SYMBOLS} symbols; split it into several")
        self._count()

    def _error(self, at: re.Match[str], what: str) -> ModelError:
        return ModelError(f"{self.source}, line {self.code.count(chr(10), 0, at.start()) + 1}: {what}.")

    def _count(self) -> None:
        """Refuse more statements than the library reads in time, with those that models bring which are its parts."""
        sizes = {"": 0}
        model = ""
        for statement in re.finditer(r"[^;\n\r]+", self.code):
            sizes[model] += not statement[0].isspace()
            for found in STRUCTURE.finditer(statement[0]):
                begun, part = found["begun"], found["part"]
                if begun:
                    model = begun
                    sizes[model] = 1
                elif not part:
                    model = ""
                elif part == model:
                    raise self._error(statement, f"the model '{model}' contains itself")
                else:
                    sizes[model] += sizes.get(part, 0)
            if sizes[model] > MOST_STATEMENTS:
                raise self._error(statement, f"more than {MOST_STATEMENTS} statements are too many; write it as SBML")


def _blank(match: re.Match[str]) -> str:
    """What text and comments leave behind: a text, or nothing, of as many characters and lines."""
    blanks = re.sub(r"[^\n]", " ", match[0])
    return '""' + blanks[2:] if match[0][0] in '"`' else blanks
