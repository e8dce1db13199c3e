"""What a network writes loads to an equal network: random networks, both languages; shipped models; what is refused."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import biomulti as bm
from biomulti import expression as ex
from biomulti.antimony_formula import CANNOT_BE_NAMES
from biomulti.expression import Expression
from biomulti.network import AVOGADRO, Compartment, Constraint, Event, Network, Parameter, Reaction, Species, Substance

SETTINGS = settings(max_examples=150, deadline=None, derandomize=True, database=None)
CONSTANT, VARIABLE = ("k1", "k2", "factor"), ("v1", "v2")
STOICHIOMETRIES = ("n1", "n2", "n3")
ASSIGNED, RATED, FREE = ("r1", "r2"), ("y1",), "u"
SUBSTANCES = [
    *(Substance("item", 1.0, ""), Substance("mole", AVOGADRO, ""), Substance("nanomole", 1e-9 * AVOGADRO, "")),
    *(Substance("12 item", 12.0, ""), Substance("unstated unit", None, "")),
]
RARE_SUBSTANCES = [
    *(Substance("mole", None, ""), Substance('a "strange" <unit>', None, ""), Substance("dimensionless", 1.0, "")),
    *(Substance("1e-09 mole", 1e-9 * AVOGADRO, ""), Substance("0.333333 item", 1.0 / 3.0, "")),
]

short = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 3.0, 1e-7, -2.5e21, 123456.789, math.inf]) | st.floats(-9, 9).map(
    lambda x: round(x, 6)
)
values = short | st.floats(allow_nan=False, allow_subnormal=False) | st.just(math.nan)  # libSBML reads no subnormal
MESSAGES = st.lists(st.sampled_from(["", "S1 < 3 & more", 'a "quoted" word']), max_size=2)
names = st.text(st.sampled_from("abé γ\"<>&\\'1;/*"), max_size=6)


@cache
def formulas(symbols: tuple[str, ...], *, antimony: bool, full: bool) -> st.SearchStrategy[Expression]:
    """Formulas that read these symbols; in `full` everything that Level 3 Version 2 has, else arithmetic alone."""
    numbers = short | st.sampled_from([math.pi, math.e, 1.0 / 3.0, 0.1 + 0.2]) if antimony else values
    leaves = st.sampled_from(symbols).map(ex.symbol) | numbers.map(ex.number)
    if full:
        leaves |= st.just(ex.TIME)
    if full and "S1" in symbols:  # not in a rate itself
        leaves |= st.just(Expression("rate_of", ex.symbol(*RATED)))

    def grow(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        some, pair = st.lists(inner, min_size=2, max_size=4), st.tuples(inner, inner)
        out = st.one_of(
            some.map(lambda x: ex.add(*x)),
            some.map(lambda x: ex.multiply(*x)),
            inner.map(ex.negate),
            pair.map(lambda x: ex.divide(*x)),
            pair.map(lambda x: ex.power(*x)),
            st.tuples(st.sampled_from(sorted(ex.FUNCTIONS)), inner).map(lambda x: ex.function(*x)),
            inner.map(lambda x: ex.divide(ex.function("ln", x), ex.number(math.log(10.0)))),
        )
        if not full:
            return out
        relation = st.tuples(st.sampled_from(sorted(ex.RELATIONS)), inner, inner).map(lambda x: ex.compare(*x))
        logic = st.tuples(st.sampled_from(["and", "or", "xor"]), st.lists(inner | relation, min_size=1, max_size=3))
        draw = st.tuples(st.sampled_from(["normal", "uniform", "cauchy"]), inner, inner)
        return st.one_of(
            out,
            relation,
            logic.map(lambda x: Expression(x[0], *x[1])),
            inner.map(lambda x: Expression("not", x)),
            st.lists(inner, min_size=2, max_size=5).map(lambda x: ex.piecewise(*x)),
            st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda x: Expression(*x)),
            # no function is called in which a delay could repeat what is drawn
            pair.filter(lambda x: not any(ex.contains(f, "draw") for f in x)).map(lambda x: ex.delay(*x)),
            draw.map(lambda x: Expression("draw", x[0], 0, *x[1:])),
            inner.map(lambda x: Expression("draw", "poisson", 0, x)),
        )

    return st.recursive(leaves, grow, max_leaves=8)


@cache
def relations(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return inner.map(lambda f: ex.compare("gt", f, ex.ONE))


def numbered(network: Network) -> Network:
    """Each random number with a number of its own, in the order of the formulas, as reading gives it."""
    serials = itertools.count()

    def formula(root: Expression) -> Expression:
        return ex.exchange(root, "draw", lambda n: Expression("draw", str(n.args[0]), next(serials), *n.children))

    def each(named: Mapping[str, Expression]) -> dict[str, Expression]:
        return {k: formula(named[k]) for k in sorted(named)}

    def event(e: Event) -> Event:
        trigger, changes = formula(e.trigger), each(e.assignments)
        delay = None if e.delay is None else formula(e.delay)
        priority = None if e.priority is None else formula(e.priority)
        return replace(e, trigger=trigger, assignments=changes, delay=delay, priority=priority)

    return replace(
        network,
        reactions=tuple(replace(r, law=formula(r.law)) for r in network.reactions),
        initial_assignments=each(network.initial_assignments),
        assignment_rules=each(network.assignment_rules),
        rate_rules=each(network.rate_rules),
        algebraic_rules=tuple(formula(f) for f in network.algebraic_rules),
        events=tuple(event(e) for e in network.events),
        constraints=tuple(replace(c, condition=formula(c.condition)) for c in network.constraints),
    )


@st.composite
def networks(draw: st.DrawFn, *, antimony: bool) -> Network:
    """Networks of everything there is, or of what Antimony can say."""
    fast = not antimony and draw(st.integers(0, 4)) == 0
    number, flag = short if antimony else values, st.booleans()
    size = st.none() | number
    reading = formulas((*CONSTANT, *VARIABLE, "S1"), antimony=antimony, full=not fast)
    # fast reactions are written in Version 1, where a condition is no number and no reaction is without species
    condition = relations(reading) if fast else reading
    deciding = formulas(CONSTANT[:1], antimony=antimony, full=not fast)
    moving = formulas(CONSTANT[:1], antimony=antimony, full=not fast and not antimony)

    def parameter(name: str, constant: bool, value: float | None) -> Parameter:
        called = "" if antimony and name in STOICHIOMETRIES else draw(names)
        return Parameter(name, value, constant, called)

    def start(only_substance: bool) -> dict[str, float]:
        kinds = ["amount"] if antimony and only_substance else ["amount", "concentration"]
        return {f"initial_{kind}": draw(number) for kind in draw(st.lists(st.sampled_from(kinds), max_size=1))}

    def species(name: str, compartment: str, constant: bool) -> Species:
        only_substance, boundary = draw(flag), constant or draw(flag)
        factor = "" if antimony else draw(st.sampled_from(["", "factor"]))
        return Species(
            name,
            compartment,
            only_substance=only_substance,
            boundary=boundary,
            constant=constant,
            conversion_factor=factor,
            name=draw(names),
            **start(only_substance),
        )

    def reaction(k: int) -> Reaction:
        sides = []
        for _ in range(2):
            side: dict[str, float | Expression] = {}
            for name in draw(st.lists(st.sampled_from(["S1", "S2", "S3"]), unique=True, max_size=2)):
                side[name] = draw(st.sampled_from([1.0, 2.0, 0.5]) | number.filter(math.isfinite))
                if left and draw(flag):
                    symbol = ex.symbol(left.pop())
                    side[name] = symbol if draw(flag) else ex.add(symbol, ex.number(draw(st.sampled_from([1.0, 2.0]))))
            sides.append(side)
        law = draw(reading)
        if draw(flag) or (fast and not any(sides)):
            sides, law = [{"S1": 1.0}, {"S2": 1.0}], draw(st.sampled_from([there_and_back, law]))
        backward = law == there_and_back
        word = draw(st.sampled_from(["", "fire", "flow"]))
        return Reaction(f"R{k}", *sides, law, backward, fast and draw(flag), word, draw(names))

    def event(k: int) -> Event:
        options = {key: draw(st.none() | reading) for key in ("delay", "priority")}
        flags = {key: draw(flag) for key in ("initial", "persistent", "from_trigger")}
        changed = draw(st.lists(st.sampled_from([*VARIABLE, "S1"]), unique=True, max_size=2))
        name = f"E{k}" if antimony or draw(flag) else ""
        return Event(
            name,
            draw(condition),
            {v: draw(reading) for v in changed},
            **options,
            **flags,
            name=draw(names) if name else "",
        )

    left = list(STOICHIOMETRIES)
    there_and_back = ex.subtract(*(ex.multiply(ex.symbol(k), ex.symbol(s)) for k, s in (("k1", "S1"), ("k2", "S2"))))
    reactions = tuple(reaction(k) for k in range(draw(st.integers(0, 3))))
    used = [n for r in reactions for side in (r.reactants, r.products) for v in side.values() for n in _symbols(v)]
    initial = {"v2": draw(deciding)} if draw(flag) else {}
    assigned = {name: draw(reading) for name in draw(st.lists(st.sampled_from(ASSIGNED), unique=True))}
    for name in used:
        (assigned if name == "n1" else initial)[name] = draw(deciding)
    dimensions = st.just(3.0) if antimony else st.sampled_from([3.0, 2.0, 1.5, math.nan])
    network = Network(
        id=draw(st.sampled_from(["model_1", "abc"] + ["model"] * (not antimony))),
        compartments=tuple(
            Compartment(c, draw(size), draw(dimensions), constant, draw(names))
            for c, constant in (("c", True), ("d", False))
        ),
        species=(
            species("S1", "c", False),
            species("S2", "d", False),
            species("S3", draw(st.sampled_from("cd")), not antimony and draw(flag)),
        ),
        parameters=(
            *(parameter(k, True, draw(size)) for k in CONSTANT),
            *(parameter(k, False, None if k in initial else draw(size)) for k in VARIABLE),
            *(parameter(k, False, None if k in assigned else draw(size)) for k in (*ASSIGNED, *RATED, FREE)),
        ),
        reactions=reactions,
        initial_assignments=initial,
        assignment_rules=assigned,
        rate_rules={k: draw(moving) for k in RATED},
        substance=draw(st.sampled_from(SUBSTANCES + RARE_SUBSTANCES * (not antimony))),
        time_unit=draw(st.sampled_from(["second", "hour", "day", "0.001 second"] + ["moon"] * (not antimony))),
        stoichiometries=tuple(parameter(n, draw(flag) and n != "n1", None) for n in used),
        algebraic_rules=(ex.add(ex.symbol(FREE), draw(deciding)),) if draw(flag) else (),
        events=tuple(event(k) for k in range(draw(st.integers(0, 2)))),
        constraints=() if antimony else tuple(Constraint(draw(condition), m) for m in draw(MESSAGES)),
        name=draw(names),
    )
    return numbered(network)


def _symbols(stoichiometry: float | Expression) -> frozenset[str]:
    return ex.symbols(stoichiometry) if isinstance(stoichiometry, Expression) else frozenset()


def check(network: Network, text: str) -> None:
    found = bm.load(text)
    assert found == network
    assert found.hash == network.hash


@SETTINGS
@given(networks(antimony=False))
def test_sbml_of_random_networks(network):
    check(network, bm.to_sbml(network))


@SETTINGS
@given(networks(antimony=True))
def test_antimony_of_random_networks(network):
    check(network, bm.to_antimony(network))


@pytest.mark.parametrize("name", bm.shipped())
def test_shipped_models(name):
    network = bm.load(name)
    check(network, bm.to_sbml(network))
    check(network, bm.to_antimony(network))


RUNS = {"telegraph": "ssa", "toggle_switch": "ode", "repressilator": "hybrid"}


@pytest.mark.parametrize("name", RUNS)
def test_what_was_written_runs_to_the_same_bits(name, tmp_path):
    network = bm.load(name)
    paths = [tmp_path / "model.xml", tmp_path / "model.ant"]
    for path in paths:
        bm.save(network, path)
    options = {"t_end": 5.0, "method": RUNS[name], "seed": 3, "progress": False}
    runs = [bm.simulate(model, **options) for model in (network, *paths)]
    for run in runs[1:]:
        assert all(np.array_equal(run[k].values, runs[0][k].values) for k in runs[0].data_vars)
        assert run.attrs["model_hash"] == runs[0].attrs["model_hash"]


def small(**parts: object) -> Network:
    """One species that decays, and what else is given."""
    base = Network(
        id="small",
        compartments=(Compartment("c", 1.0),),
        species=(Species("S", "c", initial_amount=1.0),),
        parameters=(Parameter("k", 1.0), Parameter("v", None, constant=False)),
        reactions=(Reaction("decay", {"S": 1.0}, {}, ex.multiply(ex.symbol("k"), ex.symbol("S"))),),
        initial_assignments={},
        assignment_rules={},
        rate_rules={},
        substance=Substance("item", 1.0, ""),
        time_unit="second",
    )
    return replace(base, **parts)


@settings(max_examples=20, deadline=None, derandomize=True, database=None)
@given(st.lists(st.floats(allow_subnormal=False, allow_nan=False), min_size=50, max_size=50))
def test_every_number_to_the_last_bit(numbers):
    """In attributes and in formulas; Antimony keeps all digits in formulas alone."""
    values = tuple(Parameter(f"p{i}", x) for i, x in enumerate(numbers))
    formulas = {p.id: ex.multiply(ex.number(x), ex.symbol("S")) for p, x in zip(values, numbers, strict=True)}
    check(network := small(parameters=values + small().parameters), bm.to_sbml(network))
    network = small(
        parameters=(*(Parameter(k, None) for k in formulas), *small().parameters), initial_assignments=formulas
    )
    check(network, bm.to_sbml(network))
    check(network, bm.to_antimony(network))


def test_one_random_number_in_several_places():
    """A function that reads its argument twice reads one number, and two calls draw two."""
    head = "function twice(x) x*x; end\nfunction noise() normal(0, 1); end\n"
    network = bm.load(
        head + "model m()\nv := twice(normal(0, k)) + noise() - noise() + quotient(poisson(k), 2); k = 1;\nend"
    )
    rule = network.assignment_rules["v"]
    assert len({n for n in ex.walk(rule) if n.op == "draw"}) == 4
    check(network, bm.to_sbml(network))
    check(network, bm.to_antimony(network))


def doubling(steps: int) -> Expression:
    """x -> sin(x) + x time: a tree of 2^steps leaves."""
    root = ex.symbol("k")
    for _ in range(steps):
        root = ex.add(ex.function("sin", root), ex.multiply(root, ex.TIME))
    return root


def fibonacci(steps: int) -> Expression:
    """x, y -> y, sin(y) + x S: a tree of 1.6^steps leaves, where only the whole holds all places of a part."""
    before, root = ex.symbol("k"), ex.function("exp", ex.symbol("k"))
    for _ in range(steps):
        before, root = root, ex.add(ex.function("sin", root), ex.multiply(before, ex.symbol("S")))
    return root


@pytest.mark.parametrize("root", [doubling(40), fibonacci(30)], ids=["doubling", "fibonacci"])
def test_a_formula_too_large_to_be_written_out(root):
    """10^12 and 10^6 leaves, and 160 and 90 nodes."""
    network = small(assignment_rules={"v": root})
    for text, longest in ((bm.to_sbml(network), 500_000), (bm.to_antimony(network), 50_000)):
        check(network, text)
        assert len(text) < longest


# a part of a network, and how Antimony refuses it
WITHOUT_WORDS = {
    "constraint": (
        {"constraints": (Constraint(ex.compare("lt", ex.symbol("S"), ex.ONE)),)},
        "the constraint S < 1; write SBML",
    ),
    "constant species": (
        {"species": (Species("S", "c", 1.0, boundary=True, constant=True),)},
        "species 'S', which is constant",
    ),
    "conversion factor": (
        {"species": (Species("S", "c", 1.0, conversion_factor="k"),)},
        "species 'S', .* conversion factor",
    ),
    "concentration of an amount": (
        {"species": (Species("S", "c", initial_concentration=1.0, only_substance=True),)},
        "species 'S', an amount whose concentration is given",
    ),
    "area": ({"compartments": (Compartment("c", 1.0, 2.0),)}, "compartment 'c', which has not three dimensions"),
    "fast": ({"reactions": (Reaction("r", {"S": 1.0}, {}, ex.symbol("k"), fast=True),)}, "reaction 'r', which is fast"),
    "noise": (
        {"rate_rules": {"v": Expression("draw", "poisson", 0, ex.ONE)}},
        "random numbers in the rate rule of 'v'",
    ),
    "event": ({"events": (Event("", ex.symbol("k"), {}),)}, "the event at k, which has no id"),
    "word": ({"parameters": (Parameter("gamma", 1.0), *small().parameters)}, "'gamma', which has a meaning of its own"),
    "model": ({"id": "model"}, "'model', which has a meaning of its own"),
    "digits": (
        {"parameters": (Parameter("k", 0.1 + 0.2), Parameter("v", None))},
        "all digits of the value of 'k', 0.30000000000000004",
    ),
    "unit": ({"substance": Substance("mole", None, "")}, "the unit 'mole', of which nothing but its name"),
    "time": ({"time_unit": "moon"}, "the unit 'moon', of which nothing but its name"),
}


@pytest.mark.parametrize("case", WITHOUT_WORDS)
def test_what_antimony_has_no_words_for(case):
    parts, words = WITHOUT_WORDS[case]
    network = small(**parts)
    check(network, bm.to_sbml(network))
    with pytest.raises(bm.UnsupportedError, match=words):
        bm.to_antimony(network)


def test_the_name_of_a_stoichiometry():
    reaction = Reaction("r", {"S": ex.symbol("n")}, {}, ex.symbol("n"))
    network = small(reactions=(reaction,), stoichiometries=(Parameter("n", 2.0, name="two of them"),))
    check(network, bm.to_sbml(network))
    with pytest.raises(bm.UnsupportedError, match="the name of stoichiometry 'n', 'two of them'"):
        bm.to_antimony(network)
    assert "2 n" not in bm.to_antimony(replace(network, stoichiometries=(Parameter("n", 2.0),)))


@pytest.mark.parametrize("word", sorted(CANNOT_BE_NAMES))
def test_words_that_antimony_takes_for_its_own(word):
    """Each is refused by the library, or stands for something else."""
    text = f"model *m()\n  const formula {word} = 2.5;\n  var formula v;\n  v := {word} + 1.5;\nend\n"
    try:
        found = bm.load(text)
    except bm.ModelError:
        return
    assert ex.symbols(found.assignment_rules.get("v", ex.ZERO)) != {word} or found.parameters[0].id != word


# networks that no file describes
IMPOSSIBLE = {
    "stoichiometry": (
        {"reactions": (Reaction("r", {"S": ex.multiply(ex.number(2.0), ex.symbol("k"))}, {}, ex.symbol("k")),)},
        r"reaction 'r': the stoichiometry of species 'S', 2 \* k, .*assignment rule",
    ),
    "undefined": ({"assignment_rules": {"v": ex.symbol("nobody")}}, "it cannot be written as SBML: .*'nobody'"),
    "not as read": (
        {"assignment_rules": {"v": Expression("add", ex.ONE, ex.symbol("k"))}},
        r"SBML does not say all of it: assignment_rules, 'v': 1 \+ k would be read as k \+ 1",
    ),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_no_file_describes(case):
    parts, words = IMPOSSIBLE[case]
    with pytest.raises(bm.UnsupportedError, match=words):
        bm.to_sbml(small(**parts))


def test_save_by_suffix(tmp_path):
    network = bm.load("telegraph")
    for name in ("a.xml", "a.SBML", "a.ant", "a.txt"):
        bm.save(network, tmp_path / name)
        assert bm.load(tmp_path / name) == network
    with pytest.raises(bm.OptionError, match=r"'a.json' should end in one of \.xml, \.sbml, \.ant, \.txt"):
        bm.save(network, tmp_path / "a.json")
    with pytest.raises(bm.OptionError, match="cannot be written: No such file or directory"):
        bm.save(network, tmp_path / "nowhere" / "a.xml")


def test_a_loaded_network_equals_itself_whatever_its_layout():
    one = bm.load("telegraph")
    text = bm.to_sbml(one)
    two, other = bm.load(text.replace("\n", "\n\n")), bm.load(text.replace('value="20"', 'value="21"'))
    assert one.reactions[0].line != two.reactions[0].line
    assert one == two
    assert one != other
