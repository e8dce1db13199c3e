"""What both languages need of a network to write it: numbers, stoichiometries, and formulas that repeat themselves."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping

from biomulti import expression as ex
from biomulti.expression import Expression
from biomulti.network import Network

DIGITS = 15  # that libSBML writes of a number, and Antimony with it; seventeen tell all numbers apart
LARGEST = 500  # nodes of a formula, written out, above which what repeats itself becomes a function definition,
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
    drawn: set[Expression] = set()
    for node in nodes:
        if node.op == "draw" or any(c in drawn for c in node.children):
            drawn.add(node)
    return [n for n in nodes if parents[n] > 1 and (n in drawn or (large and n.children))]


Definition = tuple[str, list[str], Expression]  # a function's name, its arguments, and its body


def split(root: Expression, names: Iterator[str]) -> tuple[list[Definition], Expression]:
    """A formula that repeats nothing, by function definitions that name what would be repeated.

    The smallest part e(r, s) in which r stands several times, beside symbols s, becomes a call g(s, r) of a function
    g = x, y -> e(y, x) with the two as arguments. `names` gives names nothing else has.

    Returns:
        Definitions, none of which calls a later one, and the formula.
    """
    definitions: list[Definition] = []
    bound: list[Expression] = []
    while parts := repeated(root):
        whole = _holder(root, parts[0])
        given = _outside(whole, parts[0])
        bound += [ex.symbol(next(names)) for _ in given[len(bound) :]]
        known = {g: g if g.op == "sym" else x for g, x in zip(given, bound, strict=False)}
        arguments = [str(known[g].args[0]) for g in given]
        inner, body = split(_exchanged(whole, known), names)
        same = next((n for n, a, b in definitions if (a, b) == (arguments, body)), None)
        name = same or next(names)
        definitions += inner if same else [*inner, (name, arguments, body)]
        root = _exchanged(root, {whole: Expression("call", name, *given)})
    return definitions, root


def _holder(root: Expression, part: Expression) -> Expression:
    """The smallest part of `root` that holds all places of another: the part's immediate dominator."""
    nodes = list(reversed(list(ex.walk(root))))
    depth, above = {root: 0}, {root: root}
    for node in nodes:
        for child in node.children:
            if child not in above:
                above[child] = node
            one, other = above[child], node
            while one is not other:
                if depth[one] >= depth[other]:
                    one = above[one]
                else:
                    other = above[other]
            above[child], depth[child] = one, depth[one] + 1
    return above[part]


def _outside(whole: Expression, part: Expression) -> list[Expression]:
    """What a function that stands for `whole` has to be given: no function knows symbols, time, or what it draws."""
    found: list[Expression] = []
    seen: set[Expression] = set()
    stack = [whole]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        alone = node.op in ("sym", "time", "draw", "delay", "rate_of") and node is not whole
        if node is part or (alone and part not in ex.walk(node)):
            found.append(node)
        else:
            stack += node.children
    return found


def _exchanged(root: Expression, known: Mapping[Expression, Expression]) -> Expression:
    """`root` with parts of it exchanged, and nothing simplified."""
    done: dict[Expression, Expression] = {}
    for node in ex.walk(root):
        built = node
        if node.children:
            built = Expression(node.op, *(done[a] if isinstance(a, Expression) else a for a in node.args))
        done[node] = known.get(node, built)
    return done[root]


def unused_names(network: Network) -> Iterator[str]:
    """Names that nothing in a network has."""
    parts = (network.compartments, network.species, network.parameters, network.stoichiometries)
    taken = {network.id, *(p.id for part in (*parts, network.reactions, network.events) for p in part)}
    return (name for name in (f"part_{k}" for k in itertools.count(1)) if name not in taken)


def terms(stoichiometry: float | Expression) -> tuple[float | Expression, ...]:
    """One for each place where a species stands in a reaction: n + 1 is a species twice, n times and once."""
    if not isinstance(stoichiometry, Expression):
        return (stoichiometry,)
    if stoichiometry.op == "add":
        return tuple(part for term in stoichiometry.children for part in terms(term))
    return (stoichiometry,) if stoichiometry.value is None else (stoichiometry.value,)
