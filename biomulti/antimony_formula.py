"""Formulas and numbers in Antimony's words."""

from __future__ import annotations

import math
from fractions import Fraction

from biomulti import expression as ex
from biomulti.expression import LOGIC, RELATIONS, Expression
from biomulti.written import DIGITS, is_short

INFIX = {"add": "+", "mul": "*", "div": "/", "pow": "^", "and": "&&", "or": "||", **RELATIONS}
# functions of other names; the rest are called as here
NAMES = {
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "le": "leq",
    "ge": "geq",
    "ne": "neq",
    "rate_of": "rateOf",
}
NAMES |= {f"a{name}": f"arc{name}" for name in ("sinh", "cosh", "tanh")}
CONSTANTS = {math.pi: "pi", math.e: "exponentiale"}
LN_10 = math.log(10.0)
SMALL = 1000  # the largest denominator, and thousandth of a numerator, of numbers that are written as a fraction
# words with a meaning of their own, found by giving each as a name to libAntimony 3.3
WORDS = """
    DNA after at compartment const constraint delete end event ext formula function gene has import in is maximize
    minimize model module operator reaction species substanceOnly unit var
    area extent length substance time_unit volume
    False INF NaN TRUE True avogadro exponentiale false inf infinity nan notanumber pi time true
    abs acos acosh acot acoth acsc acsch and arccos arccosh arccot arccoth arccsc arccsch arcsec arcsech arcsin arcsinh
    arctan arctanh asec asech asin atan atanh bernoulli binomial cauchy ceil ceiling chisquare cos cosh cot coth
    csc csch delay divide eq exp exponential factorial floor gamma geq gt implies laplace leq ln log log10 lognormal lt
    max min minus neq normal not or piecewise plus poisson pow power quotient rateOf rayleigh rem root sec sech sin
    sinh sqr sqrt tan tanh times truncatedExponential truncatedGamma truncatedNormal truncatedPoisson uniform xor
"""
CANNOT_BE_NAMES = frozenset(WORDS.split())


def number(x: float) -> str:
    """A number of at most fifteen digits."""
    whole = x.is_integer() and abs(x) < 1e15 and (x != 0.0 or math.copysign(1.0, x) > 0.0)
    return str(int(x)) if whole else repr(x)


def formula(root: Expression) -> str:
    """A formula; every operation within another stands in brackets, so that nothing rests on precedence."""
    done: dict[Expression, str] = {}
    for node in ex.walk(root):
        done[node] = _text(node, done)
    return done[root]


def _text(node: Expression, done: dict[Expression, str]) -> str:
    op, args = node.op, node.children
    if node.value is not None:
        return _constant(node.value)
    if not args:
        return str(node.args[0]) if op == "sym" else op
    if op == "div" and args[0].op == "ln" and args[1].value == LN_10:
        return f"log10({done[args[0].children[0]]})"
    if op == "div" and args[0].value is not None and args[1].value is not None:
        return f"divide({done[args[0]]}, {done[args[1]]})"  # (0 / 0) would be a rational number
    if op == "add":
        signed = [("-", a.children[0]) if a.op == "neg" else ("+", a) for a in args[1:]]
        return _bracketed(args[0], done) + "".join(f" {sign} {_bracketed(a, done)}" for sign, a in signed)
    # what begins with such an operation would become a part of it, a < b < c for (a < b) < c, brackets or not
    joined = args[0].op in (RELATIONS if op in RELATIONS else LOGIC.keys() & {op})
    if op in INFIX and len(args) > 1 and not joined:
        return f" {INFIX[op]} ".join(_bracketed(a, done) for a in args)
    if op == "neg":
        return f"-{_bracketed(args[0], done)}"
    if op == "piecewise" and args[-1].value is not None and math.isnan(args[-1].value):
        args = args[:-1]
    name = str(node.args[0]) if op in ("draw", "call") else NAMES.get(op, op)
    return f"{name}({', '.join(done[a] for a in args)})"


def _bracketed(node: Expression, done: dict[Expression, str]) -> str:
    plain = node.op not in INFIX and node.op != "neg" and done[node][0] != "-"
    return done[node] if plain else f"({done[node]})"


def _constant(x: float) -> str:
    """A number, of any number of digits: a quotient or a sum of short ones gives it back to the last bit."""
    if x in CONSTANTS:
        return CONSTANTS[x]
    if is_short(x):
        return number(x)
    ratio = Fraction(x).limit_denominator(SMALL)
    if abs(ratio.numerator) < 1000 * SMALL and ratio.numerator / ratio.denominator == x:
        return f"({ratio.numerator} / {ratio.denominator})"
    begin = float(f"{x:.{DIGITS - 1}g}")
    return f"({begin!r} + {x - begin:.{DIGITS}g})"
