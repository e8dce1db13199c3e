"""From expressions to libSBML's syntax trees, so that reading them gives the same expressions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import libsbml

from biomulti import expression as ex
from biomulti import mathml
from biomulti.expression import Expression
from biomulti.written import is_short

KINDS = {
    "add": libsbml.AST_PLUS,
    "mul": libsbml.AST_TIMES,
    "neg": libsbml.AST_MINUS,
    "div": libsbml.AST_DIVIDE,
    "pow": libsbml.AST_POWER,
    "min": libsbml.AST_FUNCTION_MIN,
    "max": libsbml.AST_FUNCTION_MAX,
    "not": libsbml.AST_LOGICAL_NOT,
    "piecewise": libsbml.AST_FUNCTION_PIECEWISE,
    **{name: kind for kind, name in (mathml.UNARY | mathml.RELATIONAL | mathml.DISTRIBUTIONS).items()},
    **{name: kind for kind, (name, _) in mathml.LOGICAL.items()},
}
# kinds that a <csymbol> stands for, with what is written in it
CSYMBOLS = {
    "time": (libsbml.AST_NAME_TIME, "time"),
    "delay": (libsbml.AST_FUNCTION_DELAY, "delay"),
    "rate_of": (libsbml.AST_FUNCTION_RATE_OF, "rateOf"),
}
CONSTANTS = {math.pi: libsbml.AST_CONSTANT_PI, math.e: libsbml.AST_CONSTANT_E}


def function_tree(arguments: list[str], body: Expression, exact: Callable[[float], str]) -> Any:
    """The libSBML ASTNode of a function definition."""
    made = libsbml.ASTNode(libsbml.AST_LAMBDA)
    for name in arguments:
        argument = tree(ex.symbol(name), exact)
        libsbml.ASTNode.setBvar(argument)
        libsbml.ASTNode.addChild(made, argument)
    libsbml.ASTNode.addChild(made, tree(body, exact))
    return made


def tree(root: Expression, exact: Callable[[float], str]) -> Any:
    """The libSBML ASTNode of a formula; `exact` makes a mark for a number that takes more than fifteen digits."""
    done: dict[Expression, Any] = {}
    given: set[Expression] = set()
    for node in ex.walk(root):
        made = _leaf(node, exact)
        for child in node.children:
            # a node of a tree has one parent, and an expression may have many
            libsbml.ASTNode.addChild(made, libsbml.ASTNode.deepCopy(done[child]) if child in given else done[child])
            given.add(child)
        done[node] = made
    return done[root]


def _leaf(node: Expression, exact: Callable[[float], str]) -> Any:
    """The node without what is below it."""
    value = node.value
    if value is not None and value in CONSTANTS:
        return libsbml.ASTNode(CONSTANTS[value])
    if value is not None:
        made = libsbml.ASTNode(libsbml.AST_REAL)
        libsbml.ASTNode.setValue(made, value)
        if not is_short(value):
            libsbml.ASTNode.setId(made, exact(value))
        return made
    if node.op in CSYMBOLS or node.op == "sym":
        kind, name = CSYMBOLS.get(node.op) or (libsbml.AST_NAME, str(node.args[0]))
        made = libsbml.ASTNode(kind)
        libsbml.ASTNode.setName(made, name)
        return made
    if node.op == "call":
        made = libsbml.ASTNode(libsbml.AST_FUNCTION)
        libsbml.ASTNode.setName(made, str(node.args[0]))
        return made
    return libsbml.ASTNode(KINDS[str(node.args[0]) if node.op == "draw" else node.op])
