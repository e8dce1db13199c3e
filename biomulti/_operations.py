"""The operations of programs, and the kernel function that executes one."""

from __future__ import annotations

import math

from numba import njit

from biomulti import _distributions as draws

NAMES = (
    *("num", "y", "p", "v", "time", "add", "mul", "neg", "div", "pow", "exp", "ln", "sin", "cos", "tan"),
    *("asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "floor", "ceil", "abs", "factorial"),
    *("min", "max", "lt", "le", "gt", "ge", "eq", "ne", "and", "or", "xor", "not", "select"),
    *("draw_bernoulli1", "draw_binomial2", "draw_binomial4", "draw_cauchy2", "draw_cauchy4", "draw_chisquare1"),
    *("draw_chisquare3", "draw_exponential1", "draw_exponential3", "draw_gamma2", "draw_gamma4", "draw_laplace2"),
    *("draw_laplace4", "draw_lognormal2", "draw_lognormal4", "draw_normal2", "draw_normal4", "draw_poisson1"),
    *("draw_poisson3", "draw_rayleigh1", "draw_rayleigh3", "draw_uniform2"),
)
CODES = {name: code for code, name in enumerate(NAMES)}

# each code under its name: kernels read globals as constants
NUM = CODES["num"]
Y = CODES["y"]
P = CODES["p"]
V = CODES["v"]
TIME = CODES["time"]
ADD = CODES["add"]
MUL = CODES["mul"]
NEG = CODES["neg"]
DIV = CODES["div"]
POW = CODES["pow"]
EXP = CODES["exp"]
LN = CODES["ln"]
SIN = CODES["sin"]
COS = CODES["cos"]
TAN = CODES["tan"]
ASIN = CODES["asin"]
ACOS = CODES["acos"]
ATAN = CODES["atan"]
SINH = CODES["sinh"]
COSH = CODES["cosh"]
TANH = CODES["tanh"]
ASINH = CODES["asinh"]
ACOSH = CODES["acosh"]
ATANH = CODES["atanh"]
FLOOR = CODES["floor"]
CEIL = CODES["ceil"]
ABS = CODES["abs"]
FACTORIAL = CODES["factorial"]
MIN = CODES["min"]
MAX = CODES["max"]
LT = CODES["lt"]
LE = CODES["le"]
GT = CODES["gt"]
GE = CODES["ge"]
EQ = CODES["eq"]
NE = CODES["ne"]
AND = CODES["and"]
OR = CODES["or"]
XOR = CODES["xor"]
NOT = CODES["not"]
SELECT = CODES["select"]
DRAW_BERNOULLI1 = CODES["draw_bernoulli1"]
DRAW_BINOMIAL2 = CODES["draw_binomial2"]
DRAW_BINOMIAL4 = CODES["draw_binomial4"]
DRAW_CAUCHY2 = CODES["draw_cauchy2"]
DRAW_CAUCHY4 = CODES["draw_cauchy4"]
DRAW_CHISQUARE1 = CODES["draw_chisquare1"]
DRAW_CHISQUARE3 = CODES["draw_chisquare3"]
DRAW_EXPONENTIAL1 = CODES["draw_exponential1"]
DRAW_EXPONENTIAL3 = CODES["draw_exponential3"]
DRAW_GAMMA2 = CODES["draw_gamma2"]
DRAW_GAMMA4 = CODES["draw_gamma4"]
DRAW_LAPLACE2 = CODES["draw_laplace2"]
DRAW_LAPLACE4 = CODES["draw_laplace4"]
DRAW_LOGNORMAL2 = CODES["draw_lognormal2"]
DRAW_LOGNORMAL4 = CODES["draw_lognormal4"]
DRAW_NORMAL2 = CODES["draw_normal2"]
DRAW_NORMAL4 = CODES["draw_normal4"]
DRAW_POISSON1 = CODES["draw_poisson1"]
DRAW_POISSON3 = CODES["draw_poisson3"]
DRAW_RAYLEIGH1 = CODES["draw_rayleigh1"]
DRAW_RAYLEIGH3 = CODES["draw_rayleigh3"]
DRAW_UNIFORM2 = CODES["draw_uniform2"]


@njit(error_model="numpy")
def compute(operation, a, b, c, w, numbers, t, y, p, v):  # type: ignore[no-untyped-def]
    """The result of one operation on the numbers w computed so far."""
    if operation == NUM:
        return numbers[a]
    if operation == Y:
        return y[a]
    if operation == P:
        return p[a]
    if operation == V:
        return v[a]
    if operation == TIME:
        return t
    if operation == ADD:
        return w[a] + w[b]
    if operation == MUL:
        return w[a] * w[b]
    if operation == NEG:
        return -w[a]
    if operation == DIV:
        return w[a] / w[b]
    if operation == POW:
        return w[a] ** w[b]
    if operation == EXP:
        return math.exp(w[a])
    if operation == LN:
        return math.log(w[a])
    if operation == SIN:
        return math.sin(w[a])
    if operation == COS:
        return math.cos(w[a])
    if operation == TAN:
        return math.tan(w[a])
    if operation == ASIN:
        return math.asin(w[a])
    if operation == ACOS:
        return math.acos(w[a])
    if operation == ATAN:
        return math.atan(w[a])
    if operation == SINH:
        return math.sinh(w[a])
    if operation == COSH:
        return math.cosh(w[a])
    if operation == TANH:
        return math.tanh(w[a])
    if operation == ASINH:
        return math.asinh(w[a])
    if operation == ACOSH:
        return math.acosh(w[a])
    if operation == ATANH:
        return math.atanh(w[a])
    if operation == FLOOR:
        return math.floor(w[a])
    if operation == CEIL:
        return math.ceil(w[a])
    if operation == ABS:
        return abs(w[a])
    if operation == FACTORIAL:
        return math.gamma(w[a] + 1.0)
    if operation == MIN:
        return min(w[a], w[b])
    if operation == MAX:
        return max(w[a], w[b])
    if operation == LT:
        return 1.0 if w[a] < w[b] else 0.0
    if operation == LE:
        return 1.0 if w[a] <= w[b] else 0.0
    if operation == GT:
        return 1.0 if w[a] > w[b] else 0.0
    if operation == GE:
        return 1.0 if w[a] >= w[b] else 0.0
    if operation == EQ:
        return 1.0 if w[a] == w[b] else 0.0
    if operation == NE:
        return 1.0 if w[a] != w[b] else 0.0
    if operation == AND:
        return 1.0 if w[a] != 0.0 and w[b] != 0.0 else 0.0
    if operation == OR:
        return 1.0 if w[a] != 0.0 or w[b] != 0.0 else 0.0
    if operation == XOR:
        return 1.0 if (w[a] != 0.0) != (w[b] != 0.0) else 0.0
    if operation == NOT:
        return 1.0 if w[a] == 0.0 else 0.0
    if operation == SELECT:
        return w[b] if w[a] != 0.0 else w[c]
    return math.nan


@njit(error_model="numpy")
def drawn(operation, a, b, c, d, w, rng):  # type: ignore[no-untyped-def]
    """A number of the distribution that the operation names."""
    if operation == DRAW_BERNOULLI1:
        return draws.draw_bernoulli1(rng, w[a])
    if operation == DRAW_BINOMIAL2:
        return draws.draw_binomial2(rng, w[a], w[b])
    if operation == DRAW_BINOMIAL4:
        return draws.draw_binomial4(rng, w[a], w[b], w[c], w[d])
    if operation == DRAW_CAUCHY2:
        return draws.draw_cauchy2(rng, w[a], w[b])
    if operation == DRAW_CAUCHY4:
        return draws.draw_cauchy4(rng, w[a], w[b], w[c], w[d])
    if operation == DRAW_CHISQUARE1:
        return draws.draw_chisquare1(rng, w[a])
    if operation == DRAW_CHISQUARE3:
        return draws.draw_chisquare3(rng, w[a], w[b], w[c])
    if operation == DRAW_EXPONENTIAL1:
        return draws.draw_exponential1(rng, w[a])
    if operation == DRAW_EXPONENTIAL3:
        return draws.draw_exponential3(rng, w[a], w[b], w[c])
    if operation == DRAW_GAMMA2:
        return draws.draw_gamma2(rng, w[a], w[b])
    if operation == DRAW_GAMMA4:
        return draws.draw_gamma4(rng, w[a], w[b], w[c], w[d])
    if operation == DRAW_LAPLACE2:
        return draws.draw_laplace2(rng, w[a], w[b])
    if operation == DRAW_LAPLACE4:
        return draws.draw_laplace4(rng, w[a], w[b], w[c], w[d])
    if operation == DRAW_LOGNORMAL2:
        return draws.draw_lognormal2(rng, w[a], w[b])
    if operation == DRAW_LOGNORMAL4:
        return draws.draw_lognormal4(rng, w[a], w[b], w[c], w[d])
    if operation == DRAW_NORMAL2:
        return draws.draw_normal2(rng, w[a], w[b])
    if operation == DRAW_NORMAL4:
        return draws.draw_normal4(rng, w[a], w[b], w[c], w[d])
    if operation == DRAW_POISSON1:
        return draws.draw_poisson1(rng, w[a])
    if operation == DRAW_POISSON3:
        return draws.draw_poisson3(rng, w[a], w[b], w[c])
    if operation == DRAW_RAYLEIGH1:
        return draws.draw_rayleigh1(rng, w[a])
    if operation == DRAW_RAYLEIGH3:
        return draws.draw_rayleigh3(rng, w[a], w[b], w[c])
    if operation == DRAW_UNIFORM2:
        return draws.draw_uniform2(rng, w[a], w[b])
    return math.nan


@njit(error_model="numpy")
def execute(which, program, t, y, p, v, rng, w, out):  # type: ignore[no-untyped-def]
    """The results of program `which` into out; w takes the numbers computed on the way, rng [1, 4] is the stream."""
    code, numbers, start, first_result, results = program
    first = start[which]
    for step in range(first, start[which + 1]):
        operation, a, b, c, d = code[step, 0], code[step, 1], code[step, 2], code[step, 3], code[step, 4]
        if operation < DRAW_BERNOULLI1:
            w[step - first] = compute(operation, a, b, c, w, numbers, t, y, p, v)
        else:
            w[step - first] = drawn(operation, a, b, c, d, w, rng)
    for r in range(first_result[which], first_result[which + 1]):
        out[r - first_result[which]] = w[results[r]]
