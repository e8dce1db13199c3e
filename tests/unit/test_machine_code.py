"""A model's functions as machine code: every operation, lanes, bits, and what is kept."""

from __future__ import annotations

import math

import numpy as np
from numba import float64, njit, void
from numpy.typing import NDArray

from biomulti import expression as ex
from biomulti.compile import FUNCTION, LANES_FUNCTION, compile_function, compile_lanes
from biomulti.expression import Expression

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
    out = np.full(len(expressions), 77.0)
    call(compile_function(expressions), t, np.array(y), np.array(p), out)
    return out


def lane_values(expressions: list[Expression], t: Floats, y: Floats, p: Floats) -> Floats:
    """For t [lanes], y [states, lanes], p [parameters, lanes]: [expressions, lanes]."""
    out = np.full((len(expressions), len(t)), 77.0)
    # eight bytes past a boundary, for nothing is said of where arrays begin
    y = np.concatenate([[0.0], y.ravel()])[1:]
    call_lanes(compile_lanes(expressions, len(t)), t, y, np.ascontiguousarray(p).ravel(), out.reshape(-1))
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
    for at in np.split(points(), 2000 // 8, axis=1):
        eight = lane_values(EVERYTHING, at[0].copy(), at[1:3], at[3:])
        for a in range(8):
            t, *y, k = at[:, a].tolist()
            assert alike(eight[:, a], values(EVERYTHING, t, y, [k]))
            one = np.ascontiguousarray(at[:, a : a + 1])
            assert alike(eight[:, a], lane_values(EVERYTHING, one[0], one[1:3], one[3:])[:, 0])
