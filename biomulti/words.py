"""The user's word in a model's text: whether a reaction fires or flows.

In SBML it is an annotation of the reaction, in Antimony a comment at the end of the reaction's line:

    <annotation><physicalScale xmlns="urn:biomulti:physical-scale">flow</physicalScale></annotation>
    binding: A + B -> C; k*A*B  // biomulti: flow
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right

from biomulti.errors import ModelError

WORDS = ("fire", "flow")
NAMESPACE = "urn:biomulti:physical-scale"
ELEMENT = "physicalScale"
PREFIX = "biomulti:"
COMMENT = re.compile(r"(?://|#|/\*)\s*biomulti\s*:\s*(?P<word>.*?)\s*(?:\*/)?", flags=re.DOTALL | re.IGNORECASE)
ARROW = re.compile(r"[-=]>")
LABEL = re.compile(r"(?P<label>[A-Za-z_][\w.]*)(?:\s+in\s+[\w.]+)?\s*:[^:;]*?[-=]>")
ANNOTATION = re.compile(r"(?P<inside><annotation>.*?)(?P<end>\s*</annotation>)", flags=re.DOTALL)
PROPERTY = re.compile(rf'rdf:resource="{NAMESPACE}:(\w+)"')


def element(word: str) -> str:
    """The word in SBML, what an annotation holds."""
    return f'<{ELEMENT} xmlns="{NAMESPACE}">{word}</{ELEMENT}>'


def comment(word: str) -> str:
    """The word in Antimony."""
    return f"// {PREFIX} {word}"


def as_statements(text: str, code: str, comments: re.Pattern[str], source: str) -> str:
    """An Antimony text in which each word is a statement about its reaction, in the same line.

    The library drops comments, and takes a property of a reaction to wherever the reaction goes in a model of models.

    Args:
        text: Antimony.
        code: the same with blanks for its comments, character by character.
        comments: what matches them.
        source: what to call the text in messages.

    Raises:
        ModelError: a comment with the prefix that says something else, or where there is not one reaction with a label.
    """
    if "biomulti" not in text.lower():
        return text
    starts = [0, *(m.end() for m in re.finditer(r"[\n\r]", code))]
    statements: dict[int, str] = {}
    for any_comment in comments.finditer(text):
        found = COMMENT.fullmatch(any_comment[0])
        if found is None:
            continue
        at, said = any_comment.start(), " ".join(any_comment[0].split())
        where = f"{source}, line {text.count(chr(10), 0, at) + 1}: the comment '{said}'"
        if found["word"] not in WORDS:
            raise ModelError(
                f"{where} is none that is understood; they are '{comment('fire')}' and '{comment('flow')}'."
            )
        begin = starts[bisect_right(starts, at) - 1]
        place, label = _reaction(code[begin:at], where)
        if begin + place in statements:
            raise ModelError(f"{where} is the second one of reaction '{label}'; leave one.")
        statements[begin + place] = f'{label} hasProperty "{NAMESPACE}:{found["word"]}"; '
    places = [0, *statements, len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(places)]
    return "".join(s + piece for s, piece in zip(["", *statements.values()], pieces, strict=True))


def _reaction(line: str, where: str) -> tuple[int, str]:
    """Where the one reaction of a line begins, and its label."""
    arrows = len(ARROW.findall(line))
    if arrows != 1:
        there = "are several" if arrows else "is none"
        raise ModelError(f"{where} belongs at the end of the line of one reaction, and there {there} in this line.")
    found = LABEL.search(line)
    if found is None:
        raise ModelError(
            f"{where} needs a label of the reaction, in the same line, since Antimony gives names of its own to those "
            f"without; write 'binding: A + B -> C; k*A*B  {comment('flow')}'."
        )
    return found.start(), found["label"]


def as_annotations(sbml: str) -> str:
    """SBML by the Antimony library, with words where it has properties."""
    if NAMESPACE not in sbml:
        return sbml

    def annotated(match: re.Match[str]) -> str:
        words = dict.fromkeys(PROPERTY.findall(match["inside"]))
        return match["inside"] + "".join(map(element, words)) + match["end"]

    return ANNOTATION.sub(annotated, sbml)
