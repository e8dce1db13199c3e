"""A model's functions as machine code: every operation, lanes, bits, and what is kept."""

from __future__ import annotations

import gc
import math

import numpy as np
import pytest
from numba import float64, njit, void
from numpy.typing import NDArray

from biomulti import expression as ex
from biomulti.compile import FUNCTION, LANES_FUNCTION, compile_function, compile_lanes
from biomulti.expression import Expression
from biomulti.machine_code import MachineFunction, machine_function

Floats = NDArray[np.float64]
A, B, K = Expression("y", 0), Expression("y", 1), Expression("p", 0)
NUMBERS = (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 7.25, 170.0, 1e-300, -1e300, 700.0, math.inf, -math.inf, math.nan)
POWERS = (-65.0, -2.5, -2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 7.0, 64.0, 65.0, 1e3, math.nan, math.inf)
PLAIN = ("add", "mul", "div", "min", "max", "pow", *ex.RELATIONS, "and", "or", "xor")
EVERYTHING = [
    *(Expression(name, A) for name in ex.FUNCTIONS),
    *(Expression(name, A, B) for name in PLAIN),
    *(Expression(name, A, B, K) for name in ("add", "mul", "min", "max", "and", "or", "xor")),
    *(Expression("pow", A, ex.number(n)) for n in POWERS),
    Expression("neg", A),
    Expression("not", A),
    Expression("not", ex.compare("lt", A, B)),
    ex.add(ex.multiply(A, B), K),  # what a processor could round once instead of twice
    ex.subtract(K, ex.multiply(A, B)),
    ex.piecewise(A, ex.compare("lt", A, B), B, ex.compare("gt", K, ex.ONE), K),
    ex.piecewise(A, B),
    ex.multiply(ex.compare("ge", A, ex.TIME), B),
    ex.TIME,
    *(ex.number(x) for x in (0.1, -0.0, math.nan, math.inf, -math.inf)),
]


@njit(void(FUNCTION, float64, float64[::1], float64[::1], float64[::1]))
def call(function, t, y, p, out):
    function(t, y.ctypes, p.ctypes, out.ctypes)


@njit(void(LANES_FUNCTION, float64[::1], float64[::1], float64[::1], float64[::1]))
def call_lanes(function, t, y, p, out):
    function(t.ctypes, y.ctypes, p.ctypes, out.ctypes)


def values(expressions: list[Expression], t: float, y: list[float], p: list[float]) -> Floats:
    return written(compile_function(expressions), len(expressions), t, y, p)


def written(function: MachineFunction, count: int, t: float, y: list[float], p: list[float]) -> Floats:
    out = np.full(count, 77.0)
    call(function, t, np.array(y), np.array(p), out)
    return out


def lane_values(expressions: list[Expression], t: Floats, y: Floats, p: Floats) -> Floats:
    """For t [lanes], y [states, lanes], p [parameters, lanes]: [expressions, lanes]."""
    return written_lanes(compile_lanes(expressions, len(t)), len(expressions), t, y, p)


def written_lanes(function: MachineFunction, count: int, t: Floats, y: Floats, p: Floats) -> Floats:
    out = np.full((count, len(t)), 77.0)
    # eight bytes past a boundary, for nothing is said of where arrays begin
    y = np.concatenate([[0.0], y.ravel()])[1:]
    call_lanes(function, t, y, np.ascontiguousarray(p).ravel(), out.reshape(-1))
    return out


def alike(x: Floats, y: Floats) -> bool:
    """Equal to the bit, all NaN being one."""
    return np.where(np.isnan(x), math.nan, x).tobytes() == np.where(np.isnan(y), math.nan, y).tobytes()


def points() -> Floats:
    """t, A, B and K, [4, a multiple of 8]: all pairs of NUMBERS, and random numbers."""
    rng = np.random.default_rng(4)
    edges = np.array([(rng.choice(NUMBERS), a, b, rng.choice(NUMBERS)) for a in NUMBERS for b in NUMBERS])
    random = rng.normal(size=(2000 - len(edges), 4)) * 10.0 ** rng.integers(-3, 4, size=(2000 - len(edges), 4))
    return np.ascontiguousarray(np.concatenate([edges, random]).T)


def test_lanes_have_the_bits_of_one():
    count = len(EVERYTHING)
    plain, one, eight = compile_function(EVERYTHING), compile_lanes(EVERYTHING, 1), compile_lanes(EVERYTHING, 8)
    for at in np.split(points(), 2000 // 8, axis=1):
        all_lanes = written_lanes(eight, count, at[0].copy(), at[1:3], at[3:])
        for a in range(8):
            t, *y, k = at[:, a].tolist()
            assert alike(all_lanes[:, a], written(plain, count, t, y, [k]))
            assert alike(all_lanes[:, a], written_lanes(one, count, *np.split(at[:, a].copy(), [1, 3]))[:, 0])


def test_every_operation_agrees_with_evaluation():
    """Where a number stands for something: NaN is told apart by none of the operations of `evaluate`."""
    used = {n.op for root in EVERYTHING for n in ex.walk(root)} - {"y", "p", "num", "time"}
    assert used == {*ex.FUNCTIONS, *ex.OPERATIONS}
    name = {A: ex.symbol("A"), B: ex.symbol("B"), K: ex.symbol("K")}
    named = [ex.substitute(root, name.get) for root in EVERYTHING]
    function, compared = compile_function(EVERYTHING), 0
    for t, a, b, k in points().T.tolist():
        if any(math.isnan(x) for x in (a, b, k)):
            continue
        for root, found in zip(named, written(function, len(named), t, [a, b], [k]), strict=True):
            expected = ex.evaluate(root, {"A": a, "B": b, "K": k}.__getitem__, t)
            if math.isfinite(expected):
                assert found == pytest.approx(expected, rel=1e-13, abs=1e-13 * (abs(a * b) + abs(k)))
                compared += 1
    assert compared > 50_000


def test_edges_of_operations():
    zero, nan, inf = 0.0, math.nan, math.inf

    def at(expression: Expression, a: float, b: float = 0.0) -> float:
        return float(values([expression], 0.0, [a, b], [0.0])[0])

    inverse, least, most = (Expression(op, A, x) for op, x in (("pow", ex.number(-1.0)), ("min", B), ("max", B)))
    assert at(inverse, zero) == at(Expression("div", ex.ONE, A), zero) == at(Expression("pow", A, B), zero, -1.0) == inf
    assert math.isnan(at(Expression("div", A, B), zero, zero))
    assert math.isnan(at(Expression("ln", A), -1.0))
    assert at(Expression("ln", A), zero) == -inf
    # as in Python, what compares with nothing does not replace what came first
    assert at(least, 2.0, nan) == at(most, 2.0, nan) == 2.0
    assert math.isnan(at(least, nan, 2.0))
    assert math.isnan(at(most, nan, 2.0))
    # as a condition NaN is not 0, and it is unequal to itself
    assert at(ex.piecewise(ex.ONE, A, ex.ZERO), nan) == 1.0
    assert at(ex.compare("ne", A, A), nan) == 1.0
    assert at(ex.compare("eq", A, A), nan) == at(ex.compare("le", A, A), nan) == 0.0


def test_a_large_function_has_the_same_bits():
    """Beyond LARGE machine code is chosen in another way."""
    many = [ex.add(root, Expression("p", k)) for k in range(40) for root in EVERYTHING]
    assert len(many) > 2000
    p = np.random.default_rng(2).random(40).tolist()
    for t, *y in points()[:3, ::100].T.tolist():
        whole = values(many, t, y, p)
        parts = [values(many[k : k + 50], t, y, p) for k in range(0, len(many), 50)]
        assert alike(whole, np.concatenate(parts))
        assert alike(whole, lane_values(many, np.full(8, t), *(np.repeat(np.array([x]).T, 8, 1) for x in (y, p)))[:, 3])


def test_functions_are_kept_and_outlast_their_place():
    formulas = [ex.add(A, ex.number(0.375)), ex.multiply(A, B)]
    function = compile_function(formulas)
    assert compile_function(list(formulas)) is function
    assert compile_lanes(formulas, 1) is not function
    machine_function.cache_clear()
    gc.collect()
    out = np.empty(2)
    call(function, 0.0, np.array([2.0, 3.0]), np.empty(0), out)
    assert out.tolist() == [2.375, 6.0]
    assert compile_function(formulas) is not function


def test_nothing_is_written_without_expressions():
    assert values([], 0.0, [], []).size == 0


def test_text_of_a_model_is_refused():
    for unknown in (ex.symbol("A"), Expression("draw", "normal", 1), Expression("v", 0)):
        with pytest.raises(AssertionError, match="no instruction"):
            compile_function([unknown])
