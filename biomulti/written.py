"""What both languages need of a network to write it: numbers, stoichiometries, and formulas that repeat themselves."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from biomulti import expression as ex
from biomulti.expression import Expression

DIGITS = 15  # that libSBML writes of a number, and Antimony with it; seventeen tell all numbers apart
LARGEST = 20_000  # nodes of a formula, written out, above which what repeats itself becomes a function definition,
REPETITION = 10  # if that many times the nodes of the formula written once


def is_short(value: float) -> bool:
    """True for a number that fifteen digits tell from all others."""
    return not math.isfinite(value) or float(f"{value:.{DIGITS}g}") == value


def repeated(root: Expression) -> list[Expression]:
    """What stands several times in a formula and must not be written out each time, innermost first.

    That is a random number, which would be drawn anew at each place, and everything in a formula that would be very
    large.
    """
    nodes = list(ex.walk(root))
    places = Counter({root: 1})
    parents: Counter[Expression] = Counter()
    for node in reversed(nodes):
        for child in node.children:
            places[child] += places[node]
            parents[child] += 1
    large = places.total() > max(LARGEST, REPETITION * len(nodes))
    return [
        n
        for n in nodes
        if (n.op == "draw" and places[n] > 1 and not large) or (large and n.children and parents[n] > 1)
    ]


def split(root: Expression, names: Iterator[str]) -> tuple[list[tuple[str, list[str], Expression]], Expression]:
    """A formula that repeats nothing, by function definitions that name what would be repeated.

    With r repeated in e(r), e becomes a call g(r) of g = x -> e(x); with several, the innermost first, each call holds
    the next: g(r), g = x -> h(x, s(x)), h = x, y -> e(x, y).

    Args:
        names: names nothing else has.

    Returns:
        Definitions (name, arguments, body), none of which calls a later one, and the formula.
    """
    parts = repeated(root)
    if parts and ex.depends_on_time(root):  # a function definition has no time but what it is given
        parts = [ex.TIME, *parts]
    variables = sorted(ex.symbols(root))
    bound = [next(names) for _ in parts]
    symbols = {part: ex.symbol(name) for part, name in zip(parts, bound, strict=True)}
    definitions: list[tuple[str, list[str], Expression]] = []
    inner = _with_symbols(root, symbols)
    for i in reversed(range(len(parts))):
        arguments, name = [*variables, *bound[: i + 1]], next(names)
        definitions.append((name, arguments, inner))
        inner = Expression("call", name, *map(ex.symbol, arguments[:-1]), _with_symbols(parts[i], symbols))
    return definitions, inner


def _with_symbols(root: Expression, symbols: Mapping[Expression, Expression]) -> Expression:
    """`root` with symbols for parts of it, and nothing simplified."""
    done: dict[Expression, Expression] = {}
    for node in ex.walk(root):
        done[node] = node
        if node.children:
            done[node] = Expression(node.op, *(done[a] if isinstance(a, Expression) else a for a in node.args))
        if node is not root:
            done[node] = symbols.get(node, done[node])
    return done[root]


def terms(stoichiometry: float | Expression) -> tuple[float | Expression, ...]:
    """One for each place where a species stands in a reaction: n + 1 is a species twice, n times and once."""
    if not isinstance(stoichiometry, Expression):
        return (stoichiometry,)
    if stoichiometry.op == "add":
        return tuple(part for term in stoichiometry.children for part in terms(term))
    return (stoichiometry,) if stoichiometry.value is None else (stoichiometry.value,)
