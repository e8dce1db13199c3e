"""XML that would harm whoever reads it is stopped before libSBML sees it.

libSBML descends into elements by recursion, and overruns the stack where they lie deep; entities grow without bound
and reach for files; of a number such as 1,5 it takes what it understands, the 1. One pass of expat finds all of these.
"""

from __future__ import annotations

import re
from xml.parsers import expat

from biomulti.errors import ModelError

DEEPEST = 256  # elements within one another; of 1589 deposited and test models none has more than 19
MOST_ELEMENTS = 5_000_000
# arguments of one operation, over which libSBML takes a second or more, growing as their square
WIDEST = {"apply": 10_000, "piecewise": 2_000}
LONGEST_FORMULA = 20_000  # characters of a formula of Level 1, by the same measure
REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
WHOLE = re.compile(r"[+-]?[0-9]+")
SPECIAL = ("INF", "-INF", "NaN")
NUMBERS = {"value", "size", "volume", "initialAmount", "initialConcentration", "stoichiometry", "multiplier"}
SHAPES = {"integer": (WHOLE,), "rational": (WHOLE, WHOLE), "e-notation": (REAL, WHOLE)}  # of a <cn>; else one REAL
SBML = "http://www.sbml.org/sbml/level"
VERSIONS = {"1": ("1", "2"), "2": ("1", "2", "3", "4", "5"), "3": ("1", "2")}  # by level
NOT_READ = ("annotation", "notes", "message")


def screen(text: str, source: str) -> None:
    """Raise ModelError, with the line, for XML that libSBML cannot be given."""
    _Screen(source).read(text)


class _Screen:
    def __init__(self, source: str) -> None:
        self.source = source
        self.open: list[str] = []
        self.width: list[int] = []  # how many elements lie in each that is open
        self.unread = 0  # the depth at which an annotation or notes began
        self.elements = 0
        self.shape: tuple[re.Pattern[str], ...] = ()
        self.number: list[str] = []
        self.otherwise: dict[int, int] = {}
        self.rate_at = 0  # the depth at which rateOf waits for its argument
        self.parser = parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end

    def read(self, text: str) -> None:
        try:
            self.parser.Parse(text.encode(), True)
        except expat.ExpatError as error:
            raise self._error(f"{expat.errors.messages[error.code]}; the XML is broken there, or cut off") from None

    def _error(self, what: str) -> ModelError:
        return ModelError(f"{self.source}, line {self.parser.CurrentLineNumber}: not valid SBML: {what}.")

    def _doctype(self, *_: object) -> None:
        raise self._error("it has a document type with entities of its own (<!DOCTYPE ...>); remove it")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        self.elements += 1
        if len(self.open) >= DEEPEST:
            raise self._error(
                f"<{local}> lies within more than {DEEPEST} others, nested too deeply to be read; split the formula "
                f"into several rules"
            )
        if self.elements > MOST_ELEMENTS:
            raise self._error(f"it has more than {MOST_ELEMENTS} elements, too many to be read")
        if self.open:
            self.width[-1] += 1
            if self.width[-1] > WIDEST.get(self.open[-1], MOST_ELEMENTS):
                raise self._error(f"an <{self.open[-1]}> has too many arguments; split the formula into several rules")
        if not self.unread:
            self._look(local, attributes)
        self.open.append(local)
        self.width.append(0)

    def _look(self, local: str, attributes: dict[str, str]) -> None:
        if not self.open:
            self._root(attributes)
        if local in NOT_READ:
            self.unread = len(self.open) + 1
        elif local == "cn":
            self.shape = SHAPES.get(attributes.get("type", "real").strip(), (REAL,))
            if attributes.get("base", "10").strip() != "10":
                raise self._error(f"a <cn> is to base {attributes['base']}; write the number to base 10")
            self.number = [""]
            self.parser.CharacterDataHandler = self._digits
        elif local == "sep":
            self.number.append("")
        elif local == "otherwise":
            self._count_otherwise()
        if self.rate_at and (self.rate_at == len(self.open)):
            if local != "ci":
                raise self._error("rateOf takes the name of a variable in a <ci>")
            self.rate_at = 0
        if local == "csymbol" and attributes.get("definitionURL", "").strip().endswith("/rateOf"):
            if self.open[-1:] != ["apply"] or self.width[-1] > 1:
                raise self._error("rateOf stands where no function can; write <apply>, rateOf, and a <ci>")
            self.rate_at = len(self.open)
        if len(attributes.get("formula", "")) > LONGEST_FORMULA:
            raise self._error(f"a formula has more than {LONGEST_FORMULA} characters; split it into several rules")
        for key in NUMBERS & attributes.keys():
            number = attributes[key].strip()
            if number not in SPECIAL and not REAL.fullmatch(number):
                raise self._error(f'{key}="{number[:80]}" of <{local}> is not a number')

    def _root(self, attributes: dict[str, str]) -> None:
        """libSBML aborts where the level, the version and the namespace do not fit together."""
        level, version = (attributes.get(key, "").strip() for key in ("level", "version"))
        if not level or not version:
            if any(value.startswith(SBML) for value in attributes.values()):
                raise self._error("<sbml> must state its level and version")
            return
        if version not in VERSIONS.get(level, ()):
            raise self._error(f"there is no SBML Level {level[:20]} Version {version[:20]}")
        place = f"{SBML}{level}"
        if (level, version) > ("2", "1"):
            place += f"/version{version}" + ("/core" if level == "3" else "")
        if place not in [value for key, value in attributes.items() if key.startswith("xmlns")]:
            raise self._error(
                f"SBML Level {level} Version {version} must declare the XML Namespace {place}, which <sbml> does not"
            )

    def _count_otherwise(self) -> None:
        depth = len(self.open)
        self.otherwise[depth] = self.otherwise.get(depth, 0) + 1
        if self.otherwise[depth] > 1:
            raise self._error("a <piecewise> has more than one <otherwise>")

    def _digits(self, data: str) -> None:
        self.number[-1] += data

    def _end(self, name: str) -> None:
        local = self.open.pop()
        self.width.pop()
        if self.unread:
            if len(self.open) < self.unread:
                self.unread = 0
            return
        if local == "cn" and self.shape:
            self._finish_number()
        elif local == "piecewise":
            self.otherwise.pop(len(self.open) + 1, None)
        if self.rate_at > len(self.open):
            raise self._error("rateOf has no argument; it takes the name of a variable in a <ci>")

    def _finish_number(self) -> None:
        parts = [part.strip() for part in self.number]
        good = len(parts) == len(self.shape) and all(
            shape.fullmatch(part) for shape, part in zip(self.shape, parts, strict=True)
        )
        if not good:
            raise self._error(f"<cn>{'<sep/>'.join(parts)[:80]}</cn> is not a number of its type")
        self.shape = ()
        self.parser.CharacterDataHandler = None
