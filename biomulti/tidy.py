"""Formulas for people to read: products with each factor once. Rounded, and so not for computing."""

from __future__ import annotations

from collections.abc import Collection

from biomulti import expression as ex
from biomulti.expression import Expression

DIGITS = 6  # of numbers that are put together from others

Product = tuple[float, dict[Expression, float]]  # a number, and exponents of what it is multiplied by


def tidy(root: Expression, last: Collection[str] = ()) -> Expression:
    """`root` with its products multiplied out and cancelled, factors that read a symbol of `last` after the others."""
    products: dict[Expression, Product] = {}
    for node in ex.walk(root):
        products[node] = _product(node, products, last)
    return _written(products[root], last)


def _product(node: Expression, products: dict[Expression, Product], last: Collection[str]) -> Product:
    if node.value is not None:
        return node.value, {}
    parts = [products[c] for c in node.children]
    if node.op == "mul":
        return _multiplied([(part, 1.0) for part in parts])
    if node.op == "div" and parts[1][0] != 0.0:
        return _multiplied([(parts[0], 1.0), (parts[1], -1.0)])
    if node.op == "neg":
        return -parts[0][0], parts[0][1]
    exponent = node.children[1].value if node.op == "pow" else None
    if exponent is not None and exponent.is_integer() and parts[0][0] != 0.0:
        return _multiplied([(parts[0], exponent)])
    written = ex.rebuild(node, tuple(_written(part, last) for part in parts)) if parts else node
    return (written.value, {}) if written.value is not None else (1.0, {written: 1.0})


def _multiplied(parts: list[tuple[Product, float]]) -> Product:
    number, powers = 1.0, dict[Expression, float]()
    for (factor, others), exponent in parts:
        number *= factor**exponent
        for base, power in others.items():
            powers[base] = powers.get(base, 0.0) + power * exponent
    return number, {base: power for base, power in powers.items() if power}


def _written(product: Product, last: Collection[str]) -> Expression:
    number, powers = product
    ordered = sorted(powers, key=lambda base: not ex.symbols(base).isdisjoint(last))
    over = [ex.power(base, ex.number(powers[base])) for base in ordered if powers[base] > 0.0]
    under = [ex.power(base, ex.number(-powers[base])) for base in ordered if powers[base] < 0.0]
    rounded = ex.number(float(f"{number:.{DIGITS}g}"))
    return ex.divide(ex.multiply(rounded, *over), ex.multiply(*under))
