"""Expressions: derivatives, machine code and the split into forward and backward, on random formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from biomulti import expression as ex
from biomulti._kernels_evaluate import evaluate_rows
from biomulti.compile import compile_function
from biomulti.expression import Expression

SETTINGS = settings(max_examples=300, deadline=None, derandomize=True, database=None)
NAMES = ("A", "B", "k")
SMOOTH = ("exp", "sin", "cos", "tan", "atan", "sinh", "tanh", "asinh")
PARTIAL = ("ln", "asin", "acos", "acosh", "atanh")
KINKED = ("abs", "floor", "ceil")

constants = st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5, -3.0]) | st.floats(-4.0, 4.0).map(lambda x: round(x, 3))
leaves = st.sampled_from(NAMES).map(ex.symbol) | constants.map(ex.number) | st.just(ex.TIME)
points = st.tuples(*[st.floats(0.1, 3.0)] * 4).map(lambda x: dict(zip((*NAMES, "time"), x, strict=True)))


def formulas(functions: tuple[str, ...], *, choices: bool = False) -> st.SearchStrategy[Expression]:
    def grow(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        pair = st.tuples(inner, inner)
        exponents = st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 7.0]).map(ex.number) | inner
        out = st.one_of(
            st.lists(inner, min_size=2, max_size=4).map(lambda x: ex.add(*x)),
            st.lists(inner, min_size=2, max_size=4).map(lambda x: ex.multiply(*x)),
            pair.map(lambda x: ex.subtract(*x)),
            pair.map(lambda x: ex.divide(*x)),
            st.tuples(inner, exponents).map(lambda x: ex.power(*x)),
            st.tuples(st.sampled_from(functions), inner).map(lambda x: ex.function(*x)),
        )
        if not choices:
            return out
        relation = st.tuples(st.sampled_from(sorted(ex.RELATIONS)), inner, inner).map(lambda x: ex.compare(*x))
        logic = st.tuples(st.sampled_from(["and", "or", "xor"]), relation, relation).map(lambda x: Expression(*x))
        condition = relation | logic | relation.map(lambda x: Expression("not", x))
        choice = st.tuples(inner, condition, inner, condition, inner).map(lambda x: ex.piecewise(*x))
        extreme = st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda x: Expression(*x))
        return out | choice | extreme

    return st.recursive(leaves, grow, max_leaves=12)


def at(root: Expression, point: dict[str, float]) -> float:
    return ex.evaluate(root, point.__getitem__, point["time"])


@SETTINGS
@given(formulas(SMOOTH + PARTIAL + ("abs",), choices=True), points, st.sampled_from((*NAMES, "time")))
def test_derivative_is_the_limit_of_differences(root, point, name):
    variable = ex.TIME if name == "time" else ex.symbol(name)
    x = point[name]

    def difference(forward: float, backward: float) -> float:
        high, low = (at(root, point | {name: x + d}) for d in (forward, -backward))
        return (high - low) / (forward + backward)

    h = 1e-5 * x
    ahead, behind, narrow = difference(h, 0.0), difference(0.0, h), difference(h, h)
    size = abs(at(root, point))
    # where differences themselves have not settled (kinks, poles, huge values) they judge nothing
    assume(math.isfinite(ahead) and math.isfinite(behind) and size < 1e6 and abs(narrow) < 1e6)
    assume(abs(ahead - behind) <= 1e-3 * max(abs(narrow), 1.0))
    slope = at(ex.derivative(root, variable), point)
    # powers of zero may have no slope; the integrator leaves such entries out
    assume(math.isfinite(slope))
    assert abs(slope - narrow) <= 1e-4 * max(abs(narrow), 1.0, size)


@pytest.mark.parametrize("name", sorted(set(ex.FUNCTIONS) - {"factorial", "floor", "ceil"}))
def test_derivative_of_each_function(name):
    """Complex-step free and exact enough: a central difference of step 1e-5 errs by 1e-10 times f'''."""
    x0 = 1.7 if name == "acosh" else 0.6
    root = ex.function(name, ex.multiply(ex.symbol("x"), ex.symbol("x")))
    slope = ex.evaluate(ex.derivative(root, ex.symbol("x")), lambda _: x0)
    high, low = (ex.evaluate(root, lambda _, s=s: x0 + s * 1e-5) for s in (1.0, -1.0))
    assert slope == pytest.approx((high - low) / 2e-5, rel=1e-7)


# every example is compiled, so a failing one is shown as it is found
@settings(max_examples=4, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
@given(
    st.lists(formulas(SMOOTH + PARTIAL + KINKED, choices=True), min_size=60, max_size=60),
    st.lists(points, min_size=20, max_size=20),
)
def test_machine_code_agrees_with_evaluation(roots, where):
    index = {name: Expression("y", 0) if name == "A" else Expression("p", NAMES.index(name) - 1) for name in NAMES}
    lowered = [ex.substitute(r, lambda n: index[str(n.args[0])] if n.op == "sym" else None) for r in roots]
    code = compile_function(lowered)
    for point in where:
        out = np.empty((1, 1, len(roots)))
        y, p = np.array([[[point["A"]]]]), np.array([[point["B"], point["k"]]])
        evaluate_rows(code, np.array([point["time"]]), y, p, out)
        for root, found in zip(roots, out[0, 0], strict=True):
            expected, steps = at(root, point), [at(n, point) for n in ex.walk(root)]
            # rounding is judged where no step of the way overflows or is undefined
            if all(math.isfinite(s) and abs(s) < 1e4 for s in steps):
                assert found == pytest.approx(expected, rel=1e-7, abs=1e-7)


@SETTINGS
@given(formulas(("exp", "sin")), points)
def test_split_signs_adds_up(root, point):
    plus, minus = ex.split_signs(root)
    whole, parts = at(root, point), (at(plus, point), at(minus, point))
    assume(all(math.isfinite(x) and abs(x) < 1e8 for x in (whole, *parts)))
    assert parts[0] - parts[1] == pytest.approx(whole, rel=1e-6, abs=1e-6 * max(map(abs, parts), default=0.0) + 1e-9)


positive = st.sampled_from(NAMES).map(ex.symbol) | st.floats(0.1, 4.0).map(lambda x: ex.number(round(x, 3)))


@SETTINGS
@given(
    st.recursive(
        positive,
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=3).map(lambda x: ex.multiply(*x)),
            st.lists(inner, min_size=2, max_size=3).map(lambda x: ex.add(*x)),
            st.tuples(inner, inner).map(lambda x: ex.subtract(*x)),
        ),
        max_leaves=8,
    ),
    points,
)
def test_split_signs_gives_two_rates_that_are_not_negative(root, point):
    plus, minus = ex.split_signs(root)
    assert at(plus, point) >= 0.0
    assert at(minus, point) >= 0.0


def test_split_of_a_reversible_law():
    c, kf, kr, a, b = (ex.symbol(n) for n in ("c", "kf", "kr", "A", "B"))
    plus, minus = ex.split_signs(ex.multiply(c, ex.subtract(ex.multiply(kf, a), ex.multiply(kr, b))))
    assert plus == ex.multiply(c, kf, a)
    assert minus == ex.multiply(c, kr, b)


@SETTINGS
@given(formulas(SMOOTH, choices=True), points)
def test_substitution_keeps_the_value(root, point):
    """Rebuilding simplifies, and never changes what a formula is worth where it is worth something."""
    expected = at(root, point)
    numbers = ex.substitute(root, lambda n: ex.number(point[str(n.args[0])]) if n.op == "sym" else None)
    assume(math.isfinite(expected) and all(abs(at(n, point)) < 1e6 for n in ex.walk(root)))
    assert at(numbers, point) == pytest.approx(expected, rel=1e-7, abs=1e-7)


def test_equal_formulas_are_one_key():
    one, two = (ex.add(ex.symbol("A"), ex.number(2.0)) for _ in range(2))
    assert one == two
    assert hash(one) == hash(two)
    assert len({one, two}) == 1
    assert one != ex.add(ex.symbol("A"), ex.number(3.0))


def test_formula_reads_as_written():
    a, b = ex.symbol("A"), ex.symbol("B")
    cases = {
        ex.multiply(ex.number(2.0), ex.add(a, b)): "2 * (A + B)",
        ex.subtract(a, ex.add(a, b)): "A - (A + B)",
        ex.divide(a, ex.multiply(a, b)): "A / (A * B)",
        ex.power(ex.negate(a), ex.number(2.0)): "(-A)^2",
        ex.piecewise(a, ex.compare("lt", a, b), b): "piecewise(A, A < B, B)",
    }
    for root, text in cases.items():
        assert ex.formula(root) == text
