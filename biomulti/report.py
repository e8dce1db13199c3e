"""What `biomulti.report` answers: tables that print as text, and as HTML in a notebook."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

WIDTH = 120


@dataclass(frozen=True)
class SpeciesLine:
    """How a species became a number of molecules.

    reads: what its symbol is in formulas; start: its amount at the start and what that is made of; molecules: their
    number at the start where reactions fire, None where it is not known; note: whatever else decides about it.
    """

    id: str
    reads: str
    start: str
    molecules: float | None
    note: str = ""


@dataclass(frozen=True)
class Propensity:
    """One direction of a reaction.

    formula: firings per time, in which the name of a species is its number of molecules; empty where amounts cannot be
    counted; adjusted: True if it is not the model's law; why: the rule by which it was taken so; note: where it fails.
    """

    name: str
    formula: str
    adjusted: bool
    why: str
    note: str = ""


@dataclass(frozen=True)
class ReactionLine:
    """How a rate law became propensities; symbols: what each symbol of the law is; unit: of the law."""

    id: str
    equation: str
    law: str
    unit: str
    symbols: Mapping[str, str]
    propensities: tuple[Propensity, ...]

    @property
    def meaning(self) -> str:
        """What the species in the law are, in words."""
        kinds: dict[str, list[str]] = {}
        for name, kind in self.symbols.items():
            if kind.startswith(("amount", "concentration")):
                kinds.setdefault(kind, []).append(name)
        return "; ".join(f"{', '.join(names)}: {kind}" for kind, names in kinds.items())


@dataclass(frozen=True)
class MethodLine:
    """Whether a method can run the network, and what to know about it."""

    method: str
    possible: bool
    why: str


@dataclass(frozen=True)
class Report:
    """How a network's amounts became molecules and its laws propensities, and what was assumed on the way."""

    title: str
    species: tuple[SpeciesLine, ...]
    reactions: tuple[ReactionLine, ...]
    assumptions: tuple[str, ...]
    methods: tuple[MethodLine, ...]

    def __str__(self) -> str:
        lines = [self.title, "", "Species"]
        lines += _table(("", "in formulas", "at the start", "molecules", ""), self._species_rows())
        lines += ["", "Reactions (in a propensity the name of a species is its number of molecules)"]
        for r in self.reactions:
            lines += [f"  {r.id}: {r.equation}", *_wrapped(f"law         {r.law}   [{r.unit}]", 4)]
            lines += _wrapped(r.meaning, 16) if r.meaning else []
            for p in r.propensities:
                lines += _wrapped(f"{p.name}  {p.formula or 'unknown'}   ({p.why})", 4)
                lines += _wrapped(f"NOTE: {p.note}", 16) if p.note else []
        lines += ["", "Assumptions", *(line for a in self.assumptions for line in _wrapped(a, 2))]
        lines += [] if self.assumptions else ["  none"]
        lines += ["", "Methods", *_table((), ((m.method, _word(m), m.why) for m in self.methods))]
        return "\n".join(lines)

    __repr__ = __str__

    def _species_rows(self) -> Iterable[tuple[str, ...]]:
        for s in self.species:
            yield s.id, s.reads, s.start, "?" if s.molecules is None else f"{s.molecules:.10g}", s.note

    def _repr_html_(self) -> str:
        laws = [
            (r.id, r.equation, f"{r.law} [{r.unit}]", r.meaning, p.name, p.formula or "unknown", p.why, p.note)
            for r in self.reactions
            for p in r.propensities
        ]
        parts = [
            f"<p>{html.escape(self.title)}</p>",
            _html("species", ("", "in formulas", "at the start", "molecules", ""), self._species_rows()),
            _html("reactions", ("", "", "law", "in which", "", "molecules per time", "because", "note"), laws),
            _html("assumptions", (), ((a,) for a in self.assumptions)),
            _html("methods", (), ((m.method, _word(m), m.why) for m in self.methods)),
        ]
        return "".join(parts)


def _word(line: MethodLine) -> str:
    return "yes" if line.possible else "no"


def _wrapped(text: str, indent: int) -> list[str]:
    hanging = " " * max(indent, 16)
    return textwrap.wrap(
        text, WIDTH, initial_indent=" " * indent, subsequent_indent=hanging, break_long_words=False,
        break_on_hyphens=False, drop_whitespace=True,
    )  # fmt: skip


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Columns as wide as what is in them, the last one wrapped."""
    all_rows = [*([head] if head else []), *rows]
    widths = [max(len(r[c]) for r in all_rows) for c in range(len(all_rows[0]) - 1)] if all_rows else []
    lines = []
    for row in all_rows:
        start = "  " + "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=False)) + "  "
        room = max(WIDTH - len(start), 40)
        texts = textwrap.wrap(row[-1], room, break_long_words=False, break_on_hyphens=False) or [""]
        lines += [(start + texts[0]).rstrip(), *(" " * len(start) + text for text in texts[1:])]
    return lines


def _html(caption: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    titles = "".join(f"<th>{html.escape(h)}</th>" for h in head)
    return f"<table><caption>{caption}</caption><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"
