"""From libSBML's syntax trees to expressions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import libsbml

from biomulti import expression as ex
from biomulti.errors import ModelError, UnsupportedError
from biomulti.expression import Expression
from biomulti.network import AVOGADRO

UNARY = {
    libsbml.AST_FUNCTION_ABS: "abs",
    libsbml.AST_FUNCTION_EXP: "exp",
    libsbml.AST_FUNCTION_LN: "ln",
    libsbml.AST_FUNCTION_FLOOR: "floor",
    libsbml.AST_FUNCTION_CEILING: "ceil",
    libsbml.AST_FUNCTION_FACTORIAL: "factorial",
    libsbml.AST_FUNCTION_SIN: "sin",
    libsbml.AST_FUNCTION_COS: "cos",
    libsbml.AST_FUNCTION_TAN: "tan",
    libsbml.AST_FUNCTION_ARCSIN: "asin",
    libsbml.AST_FUNCTION_ARCCOS: "acos",
    libsbml.AST_FUNCTION_ARCTAN: "atan",
    libsbml.AST_FUNCTION_SINH: "sinh",
    libsbml.AST_FUNCTION_COSH: "cosh",
    libsbml.AST_FUNCTION_TANH: "tanh",
    libsbml.AST_FUNCTION_ARCSINH: "asinh",
    libsbml.AST_FUNCTION_ARCCOSH: "acosh",
    libsbml.AST_FUNCTION_ARCTANH: "atanh",
}
# sec, csc, cot and their relatives: f(x) = 1 / g(x), and arcf(x) = arcg(1 / x)
RECIPROCAL = {
    libsbml.AST_FUNCTION_SEC: "cos",
    libsbml.AST_FUNCTION_CSC: "sin",
    libsbml.AST_FUNCTION_COT: "tan",
    libsbml.AST_FUNCTION_SECH: "cosh",
    libsbml.AST_FUNCTION_CSCH: "sinh",
    libsbml.AST_FUNCTION_COTH: "tanh",
}
OF_RECIPROCAL = {
    libsbml.AST_FUNCTION_ARCSEC: "acos",
    libsbml.AST_FUNCTION_ARCCSC: "asin",
    libsbml.AST_FUNCTION_ARCCOT: "atan",
    libsbml.AST_FUNCTION_ARCSECH: "acosh",
    libsbml.AST_FUNCTION_ARCCSCH: "asinh",
    libsbml.AST_FUNCTION_ARCCOTH: "atanh",
}
RELATIONAL = {
    libsbml.AST_RELATIONAL_LT: "lt",
    libsbml.AST_RELATIONAL_LEQ: "le",
    libsbml.AST_RELATIONAL_GT: "gt",
    libsbml.AST_RELATIONAL_GEQ: "ge",
    libsbml.AST_RELATIONAL_EQ: "eq",
    libsbml.AST_RELATIONAL_NEQ: "ne",
}
LOGICAL = {
    libsbml.AST_LOGICAL_AND: ("and", 1.0),
    libsbml.AST_LOGICAL_OR: ("or", 0.0),
    libsbml.AST_LOGICAL_XOR: ("xor", 0.0),
}
CONSTANTS = {
    libsbml.AST_CONSTANT_E: math.e,
    libsbml.AST_CONSTANT_PI: math.pi,
    libsbml.AST_CONSTANT_TRUE: 1.0,
    libsbml.AST_CONSTANT_FALSE: 0.0,
    libsbml.AST_NAME_AVOGADRO: AVOGADRO,
}
DISTRIBUTIONS = {
    getattr(libsbml, f"AST_DISTRIB_FUNCTION_{name.upper()}"): name
    for name in (
        *("bernoulli", "binomial", "cauchy", "chisquare", "exponential", "gamma"),
        *("laplace", "lognormal", "normal", "poisson", "rayleigh", "uniform"),
    )
}
LONGEST = 1_000  # characters of a formula in a message
MOST_OPERATIONS = 20_000  # in a function written out where it is called
MOST_IN_ALL = 1_000_000

# location and scale come first in these; with the scale alone the location is zero
LOCATED = ("cauchy", "laplace")
OF_ONE = ("bernoulli", "chisquare", "exponential", "poisson", "rayleigh")  # parameter; the others are of two
NEVER_CUT_OFF = ("bernoulli", "uniform")


# Other libraries on the same foundation (tellurium brings two) replace the class by which nodes come out, and its
# methods with it; libSBML's own class still reads them.
NODE = libsbml.ASTNode


def children(node: Any) -> list[Any]:
    """The nodes below a libSBML ASTNode."""
    return [NODE.getChild(node, i) for i in range(NODE.getNumChildren(node))]


def names(node: Any) -> set[str]:
    """Names that a libSBML ASTNode reads, and of functions that it calls."""
    found: set[str] = set()
    stack = [node]
    while stack:
        below = stack.pop()
        if NODE.getType(below) in (libsbml.AST_NAME, libsbml.AST_FUNCTION):
            found.add(NODE.getName(below))
        stack += children(below)
    return found


class Reader:
    """Reads formulas of one model, whose function definitions it knows by id.

    A definition is read once, and its body shared by all who call it.
    """

    def __init__(self, definitions: Mapping[str, Any], source: str) -> None:
        self.definitions = definitions
        self.source = source
        self.bodies: dict[str, tuple[list[str], Expression]] = {}
        self.open: list[str] = []
        self.draws = itertools.count()
        self.numbered = itertools.count()
        self.operations = 0

    def formula(self, node: Any, where: str) -> Expression:
        """As `read`, with draws numbered as they stand, whatever the way to write them."""
        root = self.read(node, where)
        return self._renumbered(root, self.numbered) if ex.contains(root, "draw") else root

    def read(self, node: Any, where: str) -> Expression:
        """The expression of a libSBML ASTNode.

        Raises:
            ModelError: a function of the model that calls itself, or is called with too many or too few arguments.
            UnsupportedError: a function that neither core SBML nor the model has; `where` is in the text.
        """
        try:
            return self._read(node, where)
        except (IndexError, TypeError):
            text = str(libsbml.formulaToL3String(node))[:LONGEST]
            raise ModelError(f"{where}: a function has too few or too many arguments in {text}.") from None

    def _read(self, node: Any, where: str) -> Expression:
        kind = NODE.getType(node)
        args = [self._read(child, where) for child in children(node)]
        if kind == libsbml.AST_REAL_E:  # libSBML multiplies by a power of ten, which rounds once more
            return ex.number(float(f"{NODE.getMantissa(node)!r}e{NODE.getExponent(node)}"))
        if NODE.isNumber(node):
            return ex.number(NODE.getValue(node))
        if kind in CONSTANTS:
            return ex.number(CONSTANTS[kind])
        if kind == libsbml.AST_NAME_TIME:
            return ex.TIME
        if kind == libsbml.AST_NAME:
            return ex.symbol(self._name(node, where))
        if kind == libsbml.AST_UNKNOWN:
            raise ModelError(f"{where} has an empty formula; give it one.")
        if kind == libsbml.AST_FUNCTION and NODE.getName(node) in self.definitions:
            return self._call(NODE.getName(node), args, where)
        if kind in DISTRIBUTIONS:
            return self._draw(DISTRIBUTIONS[kind], args, where)
        result = _arithmetic(kind, args) or _function(kind, args) or _logic(kind, args)
        if result is None:
            name = NODE.getName(node) or libsbml.formulaToL3String(node)
            raise UnsupportedError(f"{where} uses '{name}', a function that neither core SBML nor the model defines.")
        return result

    def _name(self, node: Any, where: str) -> str:
        name = str(NODE.getName(node) or "").strip()
        if not name:
            raise ModelError(f"{where}: a <ci> is empty; it holds the name of something.")
        return name

    def _call(self, name: str, args: list[Expression], where: str) -> Expression:
        if name in self.open:
            loop = " -> ".join([*self.open[self.open.index(name) :], name])
            raise ModelError(f"{self.source}: functions of the model call one another in a circle: {loop}.")
        if name not in self.bodies:
            self.open.append(name)
            self.bodies[name] = self._definition(name)
            self.open.pop()
        names, body = self.bodies[name]
        if ex.contains(body, "draw"):  # each call draws its own numbers
            body = self._renumbered(body, self.draws)
        if len(names) != len(args):
            raise ModelError(f"{where} calls '{name}' with {len(args)} arguments; it takes {len(names)}.")
        given = dict(zip(names, args, strict=True))
        result = ex.substitute(body, lambda n: given.get(str(n.args[0])) if n.op == "sym" else None)
        operations = sum(1 for _ in ex.walk(result))
        self.operations += operations
        if operations > MOST_OPERATIONS or self.operations > MOST_IN_ALL:
            raise ModelError(
                f"{where} calls '{name}', which has too many operations when it is written out ({operations}, and "
                f"{self.operations} in all calls so far); let functions call one another less often."
            )
        return result

    def _renumbered(self, root: Expression, serial: Iterator[int]) -> Expression:
        return ex.exchange(root, "draw", lambda n: Expression("draw", str(n.args[0]), next(serial), *n.children))

    def _definition(self, name: str) -> tuple[list[str], Expression]:
        parts = children(self.definitions[name])
        where = f"{self.source}: the function definition '{name}'"
        if not parts:
            raise ModelError(f"{where} has no formula; give it one, or remove it.")
        names = [NODE.getName(a) for a in parts[:-1]]
        if len(set(names)) < len(names):
            raise ModelError(f"{where} has two arguments of one name; give them different ones.")
        return names, self.read(parts[-1], where)

    def _draw(self, name: str, args: list[Expression], where: str) -> Expression:
        if name in LOCATED and len(args) in (1, 3):
            args = [ex.ZERO, *args]
        needed = 1 if name in OF_ONE else 2
        if len(args) != needed and (len(args) != needed + 2 or name in NEVER_CUT_OFF):
            raise ModelError(f"{where} draws from '{name}' with {len(args)} arguments; it takes {needed}.")
        return Expression("draw", name, next(self.draws), *args)


def _arithmetic(kind: int, args: list[Expression]) -> Expression | None:
    if kind == libsbml.AST_PLUS:
        return ex.add(*args)
    if kind == libsbml.AST_TIMES:
        return ex.multiply(*args)
    if kind == libsbml.AST_MINUS:
        return ex.negate(args[0]) if len(args) == 1 else ex.subtract(args[0], args[1])
    if kind == libsbml.AST_DIVIDE:
        return ex.divide(args[0], args[1])
    if kind in (libsbml.AST_POWER, libsbml.AST_FUNCTION_POWER):
        return ex.power(args[0], args[1])
    if kind == libsbml.AST_FUNCTION_ROOT:
        degree, radicand = args if len(args) == 2 else (ex.number(2.0), args[0])
        return ex.power(radicand, ex.divide(ex.ONE, degree))
    if kind == libsbml.AST_FUNCTION_LOG:
        base, x = args if len(args) == 2 else (ex.number(10.0), args[0])
        return ex.divide(ex.function("ln", x), _log_of_base(base))
    return None


def _log_of_base(base: Expression) -> Expression:
    if base.value is not None and base.value > 0.0:
        return ex.number(math.log(base.value))
    return ex.function("ln", base)


def _function(kind: int, args: list[Expression]) -> Expression | None:
    if kind in UNARY:
        return ex.function(UNARY[kind], args[0])
    if kind in RECIPROCAL:
        return ex.divide(ex.ONE, ex.function(RECIPROCAL[kind], args[0]))
    if kind in OF_RECIPROCAL:
        return ex.function(OF_RECIPROCAL[kind], ex.divide(ex.ONE, args[0]))
    if kind in (libsbml.AST_FUNCTION_MIN, libsbml.AST_FUNCTION_MAX):
        name = "min" if kind == libsbml.AST_FUNCTION_MIN else "max"
        out = args[0]
        for arg in args[1:]:
            out = Expression(name, out, arg)
        return out
    if kind == libsbml.AST_FUNCTION_QUOTIENT:
        return _quotient(args[0], args[1])
    if kind == libsbml.AST_FUNCTION_REM:
        return ex.subtract(args[0], ex.multiply(args[1], _quotient(args[0], args[1])))
    if kind == libsbml.AST_FUNCTION_PIECEWISE:
        return ex.piecewise(*args)
    if kind == libsbml.AST_FUNCTION_DELAY:
        return ex.delay(*args)
    if kind == libsbml.AST_FUNCTION_RATE_OF:
        return Expression("rate_of", *args)
    return None


def _quotient(x: Expression, y: Expression) -> Expression:
    ratio = ex.divide(x, y)
    toward_zero = ex.compare("lt", ratio, ex.ZERO)
    return ex.piecewise(ex.function("ceil", ratio), toward_zero, ex.function("floor", ratio))


def _logic(kind: int, args: list[Expression]) -> Expression | None:
    if kind in RELATIONAL:
        pairs = [ex.compare(RELATIONAL[kind], a, b) for a, b in itertools.pairwise(args)]
        return pairs[0] if len(pairs) == 1 else Expression("and", *pairs)
    if kind in LOGICAL:
        name, empty = LOGICAL[kind]
        return Expression(name, *args) if args else ex.number(empty)
    if kind == libsbml.AST_LOGICAL_NOT:
        return Expression("not", args[0])
    if kind == libsbml.AST_LOGICAL_IMPLIES:
        return Expression("or", Expression("not", args[0]), args[1])
    return None
