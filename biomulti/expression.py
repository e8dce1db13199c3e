"""Mathematical expressions of a model: build, read, differentiate, evaluate.

Expressions are immutable, and equal ones are one and the same object, so that a formula which repeats itself, however
deeply, costs no more than what it says once. Building simplifies only what is always true (0 + x, 1 x, constants),
never what would change rounding of the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar
from weakref import WeakValueDictionary

import numpy as np

RELATIONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
LOGIC = {"and": " and ", "or": " or "}
FUNCTIONS: dict[str, Callable[[float], float]] = {
    "exp": math.exp,
    "ln": math.log,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "asin": math.asin,
    "acos": math.acos,
    "atan": math.atan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "asinh": math.asinh,
    "acosh": math.acosh,
    "atanh": math.atanh,
    "floor": lambda x: float(math.floor(x)),
    "ceil": lambda x: float(math.ceil(x)),
    "abs": abs,
    "factorial": lambda x: math.gamma(x + 1.0),
}


LONGEST_FLAT = 32  # terms or factors of a sum or product that becomes part of another
LONGEST_FORMULA = 4_000  # characters of a formula as shown


class Expression:
    """A node: `op` with `args`; a number or a symbol carries its value or name in `args[0]`.

    Beside arithmetic there are `delay` (expression, time ago), `rate_of` (a symbol), `draw` (a distribution's name, a
    serial number that tells one draw from the next, its arguments) and, in equations made for machine code, leaves `y`,
    `p` and `v` that carry an index.
    """

    __slots__ = ("__weakref__", "args", "op")
    op: str
    args: tuple[Expression | float | str | int, ...]
    _all: ClassVar[WeakValueDictionary[tuple[object, ...], Expression]] = WeakValueDictionary()

    def __new__(cls, op: str, *args: Expression | float | str | int) -> Expression:
        key = (op, *args)
        found = cls._all.get(key)
        if found is None:
            found = object.__new__(cls)
            found.op = op
            found.args = args
            cls._all[key] = found
        return found

    def __reduce__(self) -> tuple[object, ...]:
        return Expression, (self.op, *self.args)

    def __repr__(self) -> str:
        return formula(self)

    @property
    def children(self) -> tuple[Expression, ...]:
        return tuple(a for a in self.args if isinstance(a, Expression))

    @property
    def value(self) -> float | None:
        """The number this node is, or None."""
        return float(self.args[0]) if self.op == "num" else None  # type: ignore[arg-type]


def number(x: float) -> Expression:
    """The number x."""
    return Expression("num", math.nan if math.isnan(x) else float(x))  # NaN is equal to itself only as one object


def symbol(name: str) -> Expression:
    """The model's symbol `name`."""
    return Expression("sym", name)


ZERO, ONE = number(0.0), number(1.0)
TIME = Expression("time")


def _flat(part: Expression, op: str) -> tuple[Expression, ...]:
    """What a part of a sum or product brings to it; a long one stays whole, for it would grow where it is shared."""
    inner = part.children if part.op == op else ()
    return inner if 0 < len(inner) <= LONGEST_FLAT else (part,)


def add(*terms: Expression) -> Expression:
    """Sum of the terms, nested sums flattened and numbers added up."""
    flat: list[Expression] = []
    constant = 0.0
    for term in terms:
        for part in _flat(term, "add"):
            if part.value is not None:
                constant += part.value
            else:
                flat.append(part)
    if constant != 0.0:
        flat.append(number(constant))
    if not flat:
        return ZERO
    return flat[0] if len(flat) == 1 else Expression("add", *flat)


def multiply(*factors: Expression) -> Expression:
    """Product of the factors, nested products flattened and numbers multiplied."""
    flat: list[Expression] = []
    constant = 1.0
    for factor in factors:
        for part in _flat(factor, "mul"):
            if part.value is not None:
                constant *= part.value
            else:
                flat.append(part)
    if constant == 0.0:
        return ZERO
    if not flat:
        return number(constant)
    if constant == -1.0:
        return negate(flat[0] if len(flat) == 1 else Expression("mul", *flat))
    if constant != 1.0:
        flat.insert(0, number(constant))
    return flat[0] if len(flat) == 1 else Expression("mul", *flat)


def negate(x: Expression) -> Expression:
    """-x."""
    if x.value is not None:
        return number(-x.value)
    if x.op == "neg":
        return x.children[0]
    return Expression("neg", x)


def subtract(x: Expression, y: Expression) -> Expression:
    """x - y."""
    return add(x, negate(y))


def divide(x: Expression, y: Expression) -> Expression:
    """x / y."""
    if x.value == 0.0 and y.value != 0.0:
        return ZERO
    if y.value == 1.0:
        return x
    if x.value is not None and y.value:
        return number(x.value / y.value)
    return Expression("div", x, y)


def power(x: Expression, y: Expression) -> Expression:
    """x to the power of y."""
    if y.value == 1.0:
        return x
    if y.value == 0.0:
        return ONE
    if x.value is not None and y.value is not None and (x.value > 0.0 or (x.value == 0.0 and y.value > 0.0)):
        try:
            return number(math.pow(x.value, y.value))
        except OverflowError:
            return number(math.inf)
    return Expression("pow", x, y)


def function(name: str, x: Expression) -> Expression:
    """One of FUNCTIONS, of x."""
    return Expression(name, x)


def compare(name: str, x: Expression, y: Expression) -> Expression:
    """One of RELATIONS between x and y: 1 where it holds, else 0."""
    return Expression(name, x, y)


def piecewise(*parts: Expression) -> Expression:
    """`piecewise(value, condition, value, condition, ..., otherwise)`; without otherwise it is NaN there."""
    if len(parts) % 2 == 0:
        parts = (*parts, number(math.nan))
    return parts[0] if len(parts) == 1 else Expression("piecewise", *parts)


def delay(x: Expression, lag: Expression) -> Expression:
    """What x was `lag` ago."""
    return x if lag == ZERO else Expression("delay", x, lag)


def walk(root: Expression) -> Iterator[Expression]:
    """Every distinct node below `root`, itself included, children first."""
    seen: set[Expression] = set()
    stack: list[tuple[Expression, bool]] = [(root, False)]
    while stack:
        node, expanded = stack.pop()
        if node in seen:
            continue
        if expanded:
            seen.add(node)
            yield node
            continue
        stack.append((node, True))
        stack.extend((child, False) for child in node.children if child not in seen)


def symbols(root: Expression) -> frozenset[str]:
    """Names that `root` reads."""
    return frozenset(str(n.args[0]) for n in walk(root) if n.op == "sym")


def depends_on_time(root: Expression) -> bool:
    """True if `root` reads time."""
    return any(n.op == "time" for n in walk(root))


def rebuild(node: Expression, children: tuple[Expression, ...]) -> Expression:
    """The node with other children, simplified anew."""
    if node.op == "add":
        return add(*children)
    if node.op == "mul":
        return multiply(*children)
    if node.op == "neg":
        return negate(*children)
    if node.op == "div":
        return divide(*children)
    if node.op == "pow":
        return power(*children)
    if node.op == "delay":
        return delay(*children)
    if not node.children:
        return node
    return Expression(node.op, *(a for a in node.args if not isinstance(a, Expression)), *children)


def substitute(root: Expression, replace: Callable[[Expression], Expression | None]) -> Expression:
    """`root` with every leaf for which `replace` gives an expression exchanged for it."""
    done: dict[Expression, Expression] = {}
    for node in walk(root):
        if node.children:
            done[node] = rebuild(node, tuple(done[c] for c in node.children))
        else:
            done[node] = replace(node) or node
    return done[root]


def exchange(root: Expression, op: str, replace: Callable[[Expression], Expression]) -> Expression:
    """`root` with every node of one kind, innermost first, exchanged for what `replace` makes of it."""
    done: dict[Expression, Expression] = {}
    for node in walk(root):
        built = rebuild(node, tuple(done[c] for c in node.children)) if node.children else node
        done[node] = replace(built) if built.op == op else built
    return done[root]


def contains(root: Expression, op: str) -> bool:
    """True if a node of this kind is in `root`."""
    return any(n.op == op for n in walk(root))


def derivative(root: Expression, variable: Expression) -> Expression:
    """d root / d variable, for a leaf `variable`; zero across jumps of piecewise, floor and ceil."""
    done: dict[Expression, Expression] = {}
    for node in walk(root):
        done[node] = ONE if node == variable else _derivative(node, done)
    return done[root]


def _derivative(node: Expression, done: dict[Expression, Expression]) -> Expression:
    args = node.children
    slopes = tuple(done[a] for a in args)
    if node.op == "piecewise":
        # conditions keep their place; only values are differentiated
        parts = [slopes[i] if i % 2 == 0 else args[i] for i in range(len(args))]
        return ZERO if all(p == ZERO for p in parts[::2]) else piecewise(*parts)
    if all(s == ZERO for s in slopes):
        return ZERO
    if node.op == "add":
        return add(*slopes)
    if node.op == "neg":
        return negate(slopes[0])
    if node.op == "mul":
        return add(*(multiply(*args[:i], slopes[i], *args[i + 1 :]) for i in range(len(args))))
    if node.op == "div":
        numerator = divide(slopes[0], args[1])
        return subtract(numerator, divide(multiply(args[0], slopes[1]), multiply(args[1], args[1])))
    if node.op == "pow":
        return _power_rule(args[0], args[1], slopes[0], slopes[1])
    if node.op in ("min", "max"):
        relation = "le" if node.op == "min" else "ge"
        return piecewise(slopes[0], compare(relation, args[0], args[1]), slopes[1])
    if node.op in SLOPES:
        return multiply(SLOPES[node.op](args[0]), slopes[0])
    return ZERO  # floor, ceil, factorial, relations and logic: flat wherever they are smooth


def _power_rule(x: Expression, n: Expression, dx: Expression, dn: Expression) -> Expression:
    out = ZERO
    if dx != ZERO:
        out = multiply(n, power(x, subtract(n, ONE)), dx)
    if dn != ZERO:
        out = add(out, multiply(power(x, n), function("ln", x), dn))
    return out


def _root_of_one_minus_square(x: Expression, sign: float) -> Expression:
    return power(add(ONE, multiply(number(sign), x, x)), number(0.5))


SLOPES: dict[str, Callable[[Expression], Expression]] = {
    "exp": lambda x: function("exp", x),
    "ln": lambda x: divide(ONE, x),
    "sin": lambda x: function("cos", x),
    "cos": lambda x: negate(function("sin", x)),
    "tan": lambda x: add(ONE, power(function("tan", x), number(2.0))),
    "asin": lambda x: divide(ONE, _root_of_one_minus_square(x, -1.0)),
    "acos": lambda x: negate(divide(ONE, _root_of_one_minus_square(x, -1.0))),
    "atan": lambda x: divide(ONE, add(ONE, multiply(x, x))),
    "sinh": lambda x: function("cosh", x),
    "cosh": lambda x: function("sinh", x),
    "tanh": lambda x: subtract(ONE, power(function("tanh", x), number(2.0))),
    "asinh": lambda x: divide(ONE, _root_of_one_minus_square(x, 1.0)),
    "acosh": lambda x: divide(ONE, power(subtract(multiply(x, x), ONE), number(0.5))),
    "atanh": lambda x: divide(ONE, subtract(ONE, multiply(x, x))),
    "abs": lambda x: piecewise(number(-1.0), compare("lt", x, ZERO), ONE),
}


def split_signs(root: Expression) -> tuple[Expression, Expression]:
    """`root` as `forward - backward`, read off its signs: products are multiplied out over sums.

    A reversible law `c (kf A - kr B)` becomes (c kf A, c kr B). Both parts are non-negative as long as every
    symbol and every function in it is.
    """
    done: dict[Expression, tuple[Expression, Expression]] = {}
    for node in walk(root):
        done[node] = _split_signs(node, [done[c] for c in node.children])
    return done[root]


def _split_signs(node: Expression, args: list[tuple[Expression, Expression]]) -> tuple[Expression, Expression]:
    if node.value is not None:
        return (node, ZERO) if node.value >= 0.0 else (ZERO, number(-node.value))
    if node.op == "add":
        return add(*(p for p, _ in args)), add(*(n for _, n in args))
    if node.op == "neg":
        plus, minus = args[0]
        return minus, plus
    if node.op == "mul":
        plus, minus = ONE, ZERO
        for p, n in args:
            plus, minus = (
                add(multiply(plus, p), multiply(minus, n)),
                add(multiply(plus, n), multiply(minus, p)),
            )
        return plus, minus
    if node.op == "div":
        plus, minus = args[0]
        return divide(plus, node.children[1]), divide(minus, node.children[1])
    return node, ZERO


def evaluate(
    root: Expression,
    value_of: Callable[[str], Any],
    time: Any = 0.0,
    draw: Callable[[str, list[float]], float] | None = None,
) -> Any:
    """The number `root` stands for, NaN where it has none.

    `value_of` gives the value of a symbol, `draw` a number of a distribution with these arguments. Where values are
    arrays [rows], so is the answer, and every row has the bits that it has alone.
    """
    done: dict[Expression, Any] = {}
    for node in walk(root):
        values = [done[c] for c in node.children]
        if node.op == "draw":
            done[node] = draw(str(node.args[0]), values) if draw is not None else math.nan
        elif any(isinstance(v, np.ndarray) for v in values):
            rows = zip(*(v.tolist() for v in np.broadcast_arrays(*values)), strict=True)
            done[node] = np.array([_evaluate(node, list(row), value_of, time) for row in rows], dtype=np.float64)
        else:
            done[node] = _evaluate(node, values, value_of, time)
    return done[root]


def _evaluate(node: Expression, x: list[float], value_of: Callable[[str], Any], time: Any) -> Any:
    op = node.op
    if op == "num":
        return float(node.args[0])  # type: ignore[arg-type]
    if op == "sym":
        return value_of(str(node.args[0]))
    if op == "time":
        return time
    try:
        if op in FUNCTIONS:
            return FUNCTIONS[op](x[0])
        return OPERATIONS[op](x)
    except (ValueError, ZeroDivisionError, OverflowError):
        return math.nan


def _choose(x: list[float]) -> float:
    for value, condition in zip(x[:-1:2], x[1::2], strict=True):
        if condition:
            return value
    return x[-1]


OPERATIONS: dict[str, Callable[[list[float]], float]] = {
    "add": math.fsum,
    "mul": math.prod,
    "neg": lambda x: -x[0],
    "div": lambda x: x[0] / x[1],
    "pow": lambda x: math.pow(x[0], x[1]),
    "min": min,
    "max": max,
    "lt": lambda x: float(x[0] < x[1]),
    "le": lambda x: float(x[0] <= x[1]),
    "gt": lambda x: float(x[0] > x[1]),
    "ge": lambda x: float(x[0] >= x[1]),
    "eq": lambda x: float(x[0] == x[1]),
    "ne": lambda x: float(x[0] != x[1]),
    "and": lambda x: float(all(x)),
    "or": lambda x: float(any(x)),
    "xor": lambda x: float(sum(map(bool, x)) % 2),
    "not": lambda x: float(not x[0]),
    "piecewise": _choose,
}


def formula(root: Expression) -> str:
    """`root` as a person would write it, cut off where it is very long."""
    done: dict[Expression, tuple[str, int]] = {}
    for node in walk(root):
        text, binding = _formula(node, done)
        done[node] = (text if len(text) <= LONGEST_FORMULA else f"{text[:LONGEST_FORMULA]} ...", binding)
    return done[root][0]


# how strongly what is written holds together: a part is put in brackets where more is asked for
RELATION, SUM, PRODUCT, POWER, WHOLE = range(5)


def _formula(node: Expression, done: dict[Expression, tuple[str, int]]) -> tuple[str, int]:
    def part(arg: Expression, binding: int) -> str:
        text, has = done[arg]
        return text if has >= binding else f"({text})"

    op, args = node.op, node.children
    if op == "num":
        return f"{node.value:.12g}", WHOLE
    if op in ("sym", "time"):
        return str(node.args[0]) if op == "sym" else "time", WHOLE
    if op in ("y", "p", "v"):
        return f"{op}[{node.args[0]}]", WHOLE
    if op == "add":
        text = part(args[0], SUM)
        for arg in args[1:]:
            if arg.value is not None and arg.value < 0.0:
                text += f" - {-arg.value:.12g}"
            else:
                text += f" - {part(arg.children[0], PRODUCT)}" if arg.op == "neg" else f" + {part(arg, SUM)}"
        return text, SUM
    if op == "neg":
        return f"-{part(args[0], POWER)}", PRODUCT
    if op == "mul":
        return " * ".join(part(a, PRODUCT) for a in args), PRODUCT
    if op == "div":
        return f"{part(args[0], PRODUCT)} / {part(args[1], POWER)}", PRODUCT
    if op == "pow":
        return f"{part(args[0], WHOLE)}^{part(args[1], WHOLE)}", POWER
    if op in RELATIONS:
        return f"{part(args[0], SUM)} {RELATIONS[op]} {part(args[1], SUM)}", RELATION
    name = {"draw": node.args[0], "rate_of": "rateOf"}.get(op, op)
    return f"{name}({', '.join(part(a, RELATION) for a in args)})", WHOLE
