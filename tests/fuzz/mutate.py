"""Changes that break a model's text in the ways in which files break, programs err, and attackers try."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

NUMBERS = (
    *("0", "-0", "-1", "1.5", "1e400", "-1e308", "1e-400", "INF", "-INF", "NaN", "nan", "0x10", "1,5", "1 2", "1_000"),
    *("99999999999999999999", "", " ", "true", "1e", "--1", "٣", "1e15", "2147483648"),
)
NAMES = (
    *("__import__", "os", "exec", "__class__", "None", "def", "time", "t", "y", "p", "out", "nan", "inf", "pi"),
    *("a b", 'a"b', "a'b", "a\nb", "a;b", "ä", "π", "", "0a", "../../etc/passwd", "%s%n", "{0}", "delay#0", "#", "\\"),
    *("x" * 5_000, "<!--", "]]>", "&amp;", "&#0;", "&undefined;", "import os", "y[0]", "__builtins__"),
)
SNIPPETS = (
    *(
        "<apply/>",
        "<apply><plus/></apply>",
        "<ci/>",
        "<cn/>",
        "<piecewise/>",
        "<infinity/>",
        "<notanumber/>",
        "<true/>",
    ),
    *("<lambda/>", "<bvar/>", "</model>", "<model>", "<!-- ", " -->", "<![CDATA[", "]]>", "<?xml version='1.0'?>"),
    "<csymbol encoding='text' definitionURL='http://www.sbml.org/sbml/symbols/rateOf'>r</csymbol>",
    "<csymbol encoding='text' definitionURL='http://www.sbml.org/sbml/symbols/delay'>d</csymbol>",
    "<csymbol encoding='text' definitionURL='http://www.sbml.org/sbml/symbols/time'>t</csymbol>",
    "<apply><divide/><cn>1</cn><cn>0</cn></apply>",
    "<apply><ln/><cn>-1</cn></apply>",
    "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>",
    "\x00",
    "\x08",
    "\ufeff",
    "\ud800",
)
LINES = (
    *("end", "model m()", "function f(x)", "  f(x)", "A := B; B := A", "A' = A", "at (A > 1): A = 0", "A -> ; 1/0"),
    *("import 'x'", 'import "x"', "/*", "*/", '"', "```", "((((", "}", "-> ->", "A is 'x'", "unit u = 1e400 item"),
    *("at (time > 0.1), t0 = false: A = -1", "A = nan", "A = 1e400", "const A", "species A in A", "x: m()", "delete A"),
    *("at -1 after (time > 0): A = 2", "0 = A - B", "A = normal(1, -1)", "-1 A -> 0.5 B; A", "$A -> ; delay(A, -1)"),
)


def broken(text: str, random: Random, changes: int = 2) -> str:
    """The text after a few random changes."""
    xml = text.lstrip().startswith("<")
    for _ in range(random.randint(1, changes)):
        change = random.choice(OF_ANY * 1 + (OF_XML if xml else OF_LINES) * 3)
        text = change(text, random)
    return text


def _spans(pattern: str, text: str) -> list[tuple[int, int]]:
    whole = pattern == ELEMENT
    return [m.span(0 if whole or not m.re.groups else m.lastindex or 1) for m in re.finditer(pattern, text)]


def _replace(text: str, pattern: str, random: Random, new: Callable[[str], str]) -> str:
    """One place that matches, chosen by chance, exchanged."""
    spans = _spans(pattern, text)
    if not spans:
        return text
    start, end = random.choice(spans)
    return text[:start] + new(text[start:end]) + text[end:]


def _cut_off(text: str, random: Random) -> str:
    return text[: random.randrange(len(text) + 1)]


def _without_part(text: str, random: Random) -> str:
    start = random.randrange(len(text) + 1)
    return text[:start] + text[start + random.randint(1, 80) :]


def _with_strange_character(text: str, random: Random) -> str:
    place = random.randrange(len(text) + 1)
    return text[:place] + random.choice("\x00\x01\x1b\ufffe\ud800é𝔸<>&\"';(){}[]\r\\") + text[place:]


def _element_gone(text: str, random: Random) -> str:
    return _replace(text, ELEMENT, random, lambda _: "")


def _element_twice(text: str, random: Random) -> str:
    return _replace(text, ELEMENT, random, lambda found: found * random.choice((2, 2, 3, 50)))


def _elements_swapped(text: str, random: Random) -> str:
    spans = _spans(ELEMENT, text)
    if len(spans) < 2:
        return text
    (a, b), (c, d) = sorted(random.sample(spans, 2))
    return text if b > c else text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]


def _tag_gone(text: str, random: Random) -> str:
    return _replace(text, r"</?\w[^>]*>", random, lambda _: "")


def _tag_renamed(text: str, random: Random) -> str:
    names = [text[a:b] for a, b in _spans(r"<(\w+)", text)]
    return _replace(text, r"</?(\w+)", random, lambda _: random.choice(names)) if names else text


def _operator_renamed(text: str, random: Random) -> str:
    operators = "plus minus times divide power root log ln exp factorial and or not xor eq lt max min piecewise ci"
    return _replace(text, r"<(\w+)/>", random, lambda _: random.choice(operators.split()))


def _attribute_gone(text: str, random: Random) -> str:
    return _replace(text, ATTRIBUTE, random, lambda _: "")


def _attribute_changed(text: str, random: Random) -> str:
    return _replace(text, r'\w="([^"<]*)"', random, lambda _: random.choice(NUMBERS + NAMES))


def _attributes_swapped(text: str, random: Random) -> str:
    values = [text[a:b] for a, b in _spans(r'\w="([^"<]*)"', text)]
    return _replace(text, r'\w="([^"<]*)"', random, lambda _: random.choice(values)) if values else text


def _number_changed(text: str, random: Random) -> str:
    return _replace(text, r"<cn[^>]*>([^<]*)</cn>", random, lambda _: random.choice(NUMBERS))


def _name_changed(text: str, random: Random) -> str:
    names = [text[a:b] for a, b in _spans(r'\bid="([^"<]*)"', text)]
    return _replace(text, r"<ci[^>]*>([^<]*)</ci>", random, lambda _: random.choice([*NAMES, *names * 3]))


def _snippet_added(text: str, random: Random) -> str:
    return _replace(text, r">()", random, lambda _: random.choice(SNIPPETS))


def _level_changed(text: str, random: Random) -> str:
    return _replace(text, r"level[/=\"]*(\d)|version[/=\"]*(\d)", random, lambda _: random.choice("0123459"))


def _nested(text: str, random: Random) -> str:
    depth = random.choice((10, 300, 20_000))
    return _replace(
        text, r"(<ci[^>]*>[^<]*</ci>)", random, lambda found: "<apply><minus/>" * depth + found + "</apply>" * depth
    )


def _line_gone(text: str, random: Random) -> str:
    lines = text.split("\n")
    del lines[random.randrange(len(lines))]
    return "\n".join(lines)


def _line_twice(text: str, random: Random) -> str:
    lines = text.split("\n")
    k = random.randrange(len(lines))
    return "\n".join(lines[:k] + [lines[k]] * random.choice((2, 2, 50)) + lines[k + 1 :])


def _lines_swapped(text: str, random: Random) -> str:
    lines = text.split("\n")
    a, b = random.randrange(len(lines)), random.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return "\n".join(lines)


def _line_added(text: str, random: Random) -> str:
    lines = text.split("\n")
    lines.insert(random.randrange(len(lines) + 1), random.choice(LINES))
    return "\n".join(lines)


def _word_changed(text: str, random: Random) -> str:
    words = [text[a:b] for a, b in _spans(r"\w+", text)]
    return _replace(text, r"\w+", random, lambda _: random.choice([*NAMES, *NUMBERS, *words]))


def _sign_changed(text: str, random: Random) -> str:
    signs = (
        "+",
        "-",
        "*",
        "/",
        "^",
        "(",
        ")",
        ";",
        ":",
        ":=",
        "=",
        "->",
        "=>",
        ",",
        "'",
        '"',
        "!",
        "&&",
        "<",
        "$",
        "#",
    )
    return _replace(text, r"[-+*/^();:=>,']", random, lambda _: random.choice(signs))


def _bracketed(text: str, random: Random) -> str:
    depth = random.choice((10, 300, 20_000))
    return _replace(text, r"\b[A-Za-z_]\w*", random, lambda found: "(" * depth + found + ")" * depth)


ELEMENT = r"(?s)<(?P<tag>\w+)[^>]*(?:/>|>.*?</(?P=tag)>)"
ATTRIBUTE = r' \w+="[^"<]*"'
Change = Callable[[str, Random], str]
OF_ANY: tuple[Change, ...] = (_cut_off, _without_part, _with_strange_character)
OF_XML: tuple[Change, ...] = (
    *(_element_gone, _element_twice, _elements_swapped, _tag_gone, _tag_renamed, _operator_renamed, _attribute_gone),
    *(_attribute_changed, _attributes_swapped, _number_changed, _name_changed, _snippet_added, _level_changed, _nested),
)
OF_LINES: tuple[Change, ...] = (
    *(_line_gone, _line_twice, _lines_swapped, _line_added, _word_changed, _sign_changed, _bracketed),
)
