"""A network in the form its equations need: no rateOf, no delay, and algebraic rules solved where a formula can be.

An algebraic rule 0 = g determines one variable that nothing else determines (SBML Level 3 Version 2 Core, section
4.9.5). Where g = a u + b is linear in it, u = -b / a becomes an assignment rule, which every method can use; where
it is not, u stays an unknown that is solved with the state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from biomulti import expression as ex
from biomulti.errors import ModelError
from biomulti.expression import Expression
from biomulti.network import Compartment, Event, Network, Parameter, Reaction, Species

DELAYED = "delay#"  # begins the name of the value of something some time ago, which no model can use


@dataclass(frozen=True)
class RateRead:
    """`place`, a formula of the model in words, reads rateOf(`symbol`), to which reactions contribute by changing
    `species`."""

    place: str
    symbol: str
    species: frozenset[str]


@dataclass(frozen=True)
class Reduced:
    """`network` without rateOf, delay and solved algebraic rules.

    unknowns: what is left of the algebraic rules, by the variable each determines; delays: value and time ago, by the
    symbol that stands for them. Before time 0 things were what initial assignments say of that time, and at rest.
    rates_read: where the model reads rates of change of what reactions change.
    """

    network: Network
    unknowns: Mapping[str, Expression]
    delays: Mapping[str, tuple[Expression, Expression]]
    rates_read: tuple[RateRead, ...] = ()


def reduced(network: Network) -> Reduced:
    """The network in the form its equations need.

    Raises:
        ModelError: an algebraic rule that determines nothing, or a rate that needs itself.
    """
    delays: dict[tuple[Expression, Expression], str] = {}
    original = network

    def without_delay(root: Expression) -> Expression:
        def name(node: Expression) -> Expression:
            value, lag = node.children
            return ex.symbol(delays.setdefault((value, lag), f"{DELAYED}{len(delays)}"))

        return ex.exchange(root, "delay", name)

    network = _each_formula(network, without_delay)
    network, unknowns = _solved(network)
    rates = Rates(network)
    past = {name: (_with_beginning(value, network, rates), lag) for (value, lag), name in delays.items()}
    network = _each_formula(network, rates.eliminate)
    return Reduced(
        network,
        {name: rates.eliminate(rule) for name, rule in unknowns.items()},
        {name: (value, rates.eliminate(lag)) for name, (value, lag) in past.items()},
        _rates_read(original, network),
    )


def _rates_read(original: Network, network: Network) -> tuple[RateRead, ...]:
    """Rates in the formulas of `original`; `network` has its algebraic rules solved."""
    moved, rules = moved_by_reactions(network), network.assignment_rules
    found = []
    for place, formula in _places(original):
        for node in ex.walk(formula):
            if node.op == "rate_of":
                below = _names_below(node.children[0], rules)
                # the rate of a concentration has the rate of its volume in it
                volumes = [ex.symbol(s.compartment) for s in network.species if s.id in below]
                species = frozenset(below.union(*(_names_below(v, rules) for v in volumes)) & moved)
                if species:
                    found.append(RateRead(place, str(node.children[0].args[0]), species))
    return tuple(found)


def _places(network: Network) -> Iterator[tuple[str, Expression]]:
    """Every formula of a network, and what it is."""
    for reaction in network.reactions:
        yield f"the law of reaction '{reaction.id}'", reaction.law
        for n in (*reaction.reactants.values(), *reaction.products.values()):
            if isinstance(n, Expression):
                yield f"a stoichiometry of reaction '{reaction.id}'", n
    for what, formulas in (
        ("initial assignment", network.initial_assignments),
        ("assignment rule", network.assignment_rules),
        ("rate rule", network.rate_rules),
    ):
        for name, formula in formulas.items():
            yield f"the {what} of '{name}'", formula
    for rule in network.algebraic_rules:
        yield f"the algebraic rule 0 = {rule!r}", rule
    for event in network.events:
        parts = (event.trigger, event.delay, event.priority, *event.assignments.values())
        yield from ((f"event '{event.id}'", part) for part in parts if part is not None)
    for constraint in network.constraints:
        yield f"the constraint on line {constraint.line}", constraint.condition


def _with_beginning(value: Expression, network: Network, rates: Rates) -> Expression:
    """What is delayed, with what it was before the start in place of what it is after."""

    def before(root: Expression, chain: tuple[str, ...]) -> Expression:
        def initial(node: Expression) -> Expression | None:
            name = str(node.args[0]) if node.op == "sym" else ""
            for formulas in (network.assignment_rules, network.initial_assignments):
                if name in formulas and name not in chain:
                    return before(formulas[name], (*chain, name))
            return None

        return ex.substitute(ex.exchange(root, "rate_of", lambda _: ex.ZERO), initial)

    after, beginning = rates.eliminate(value), before(value, ())
    if after == beginning:
        return after
    return ex.piecewise(beginning, ex.compare("lt", ex.TIME, ex.ZERO), after)


def reads_as_amount(network: Network, species: Species) -> bool:
    """True if the species' symbol is an amount in formulas, not a concentration."""
    dimensions = {c.id: c.dimensions for c in network.compartments}
    return species.only_substance or dimensions[species.compartment] == 0.0


def moved_by_reactions(network: Network) -> frozenset[str]:
    """Species that reactions change."""
    free = {s.id for s in network.species if not s.boundary and not s.constant}
    return frozenset(name for r in network.reactions for name in (*r.reactants, *r.products) if name in free)


def factor(network: Network, name: str) -> Expression:
    """By what a reaction's extent is multiplied in the amount of a species."""
    conversion = network.species_by_id[name].conversion_factor
    return ex.symbol(conversion) if conversion else ex.ONE


def net_change(network: Network, reaction: Reaction, name: str) -> Expression:
    """Amount of a species that one unit of a reaction's extent makes."""
    sides = [side.get(name, 0.0) for side in (reaction.products, reaction.reactants)]
    made, used = (n if isinstance(n, Expression) else ex.number(n) for n in sides)
    return ex.multiply(ex.subtract(made, used), factor(network, name))


def _each_formula(network: Network, change: Callable[[Expression], Expression]) -> Network:
    def optional(root: Expression | None) -> Expression | None:
        return None if root is None else change(root)

    def event(e: Event) -> Event:
        return replace(
            e,
            trigger=change(e.trigger),
            delay=optional(e.delay),
            priority=optional(e.priority),
            assignments={k: change(f) for k, f in e.assignments.items()},
        )

    return replace(
        network,
        reactions=tuple(replace(r, law=change(r.law)) for r in network.reactions),
        initial_assignments={k: change(f) for k, f in network.initial_assignments.items()},
        assignment_rules={k: change(f) for k, f in network.assignment_rules.items()},
        rate_rules={k: change(f) for k, f in network.rate_rules.items()},
        algebraic_rules=tuple(change(f) for f in network.algebraic_rules),
        events=tuple(event(e) for e in network.events),
        constraints=tuple(replace(c, condition=change(c.condition)) for c in network.constraints),
    )


class Rates:
    """d/dt of the symbols of a network without delays."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.species = {s.id: s for s in network.species}
        self.moved = moved_by_reactions(network)
        self.done: dict[str, Expression] = {}
        self.open: list[str] = []

    def eliminate(self, root: Expression) -> Expression:
        """`root` with rates written out."""

        def written_out(node: Expression) -> Expression:
            target = node.children[0]
            if target.op != "sym":
                raise ModelError(f"{self.network.source}: rateOf takes the name of a variable, not {target!r}.")
            return self.of(str(target.args[0]))

        return ex.exchange(root, "rate_of", written_out)

    def of(self, name: str) -> Expression:
        """d name / dt, in the terms in which formulas read it."""
        if name not in self.done:
            if name in self.open:
                loop = " -> ".join([*self.open[self.open.index(name) :], name])
                raise ModelError(f"{self.network.source}: these rates of change need one another: {loop}.")
            self.open.append(name)
            self.done[name] = self._of(name)
            self.open.pop()
        return self.done[name]

    def _of(self, name: str) -> Expression:
        if name in self.network.assignment_rules:
            return self.along(self.eliminate(self.network.assignment_rules[name]))
        if name in self.network.rate_rules:
            return self.eliminate(self.network.rate_rules[name])
        if name not in self.species:
            return ex.ZERO
        species = self.species[name]
        amount = ex.ZERO
        for reaction in self.network.reactions:
            if name in self.moved and (name in reaction.reactants or name in reaction.products):
                change = net_change(self.network, reaction, name)
                amount = ex.add(amount, ex.multiply(change, self.eliminate(reaction.law)))
        if reads_as_amount(self.network, species):
            return amount
        dilution = ex.multiply(ex.symbol(name), self.of(species.compartment))
        return ex.divide(ex.subtract(amount, dilution), ex.symbol(species.compartment))

    def along(self, root: Expression) -> Expression:
        """d root / dt as everything it reads changes."""
        out = ex.derivative(root, ex.TIME)
        for name in sorted(ex.symbols(root)):
            slope = ex.derivative(root, ex.symbol(name))
            if slope != ex.ZERO:
                out = ex.add(out, ex.multiply(slope, self.of(name)))
        return out


def _solved(network: Network) -> tuple[Network, dict[str, Expression]]:
    """Algebraic rules turned into assignments as far as possible, and what is left of them."""
    if not network.algebraic_rules:
        return network, {}
    determined = _matching(network)
    solved: dict[str, Expression] = {}
    unknowns: dict[str, Expression] = {}
    for name, rule in determined.items():
        answer = _linear(rule, name, {**network.assignment_rules, **solved})
        if answer is None or _needs_itself(name, answer, {**network.assignment_rules, **solved}):
            unknowns[name] = rule
        else:
            solved[name] = answer
    rules = dict(network.assignment_rules) | solved
    return replace(network, assignment_rules=rules, algebraic_rules=tuple(unknowns.values())), unknowns


def _matching(network: Network) -> dict[str, Expression]:
    """Which variable each algebraic rule determines."""
    fixed = set(network.assignment_rules) | set(network.rate_rules) | moved_by_reactions(network)
    fixed |= {name for e in network.events for name in e.assignments}
    things: list[Compartment | Species | Parameter]
    things = [*network.compartments, *network.species, *network.parameters, *network.stoichiometries]
    free = [t.id for t in things if not t.constant and t.id not in fixed]
    rules = network.algebraic_rules
    can = np.zeros((len(rules), max(len(free), 1)), dtype=bool)
    for r, rule in enumerate(rules):
        names = _names_below(rule, network.assignment_rules)
        can[r, : len(free)] = [name in names for name in free]
    matched = maximum_bipartite_matching(csr_array(can), perm_type="column")
    for r, rule in enumerate(rules):
        if matched[r] < 0:
            raise ModelError(
                f"{network.source}: the algebraic rule 0 = {rule!r} determines nothing: all that it reads is constant "
                f"or determined elsewhere. Let one of its variables be free, or remove the rule."
            )
    return {free[matched[r]]: rule for r, rule in enumerate(rules)}


def _names_below(root: Expression, rules: Mapping[str, Expression]) -> set[str]:
    names: set[str] = set()
    stack = list(ex.symbols(root))
    while stack:
        name = stack.pop()
        if name not in names:
            names.add(name)
            if name in rules:
                stack += ex.symbols(rules[name])
    return names


def _linear(rule: Expression, name: str, rules: Mapping[str, Expression]) -> Expression | None:
    """`name` as a formula, if 0 = rule is linear in it."""
    target = ex.symbol(name)
    for _ in range(len(rules)):
        hidden = [n for n in ex.symbols(rule) if n in rules and name in _names_below(ex.symbol(n), rules)]
        if not hidden:
            break
        rule = ex.substitute(rule, lambda n: rules[str(n.args[0])] if n.op == "sym" and n.args[0] in hidden else None)  # noqa: B023
    if any(n.op in ("piecewise", "rate_of", *ex.RELATIONS) and target in ex.walk(n) for n in ex.walk(rule)):
        return None
    slope = ex.derivative(rule, target)
    if slope == ex.ZERO or name in ex.symbols(slope):
        return None
    rest = ex.substitute(rule, lambda n: ex.ZERO if n == target else None)
    return ex.negate(ex.divide(rest, slope))


def _needs_itself(name: str, formula: Expression, rules: Mapping[str, Expression]) -> bool:
    return name in _names_below(formula, {**rules, name: formula})
