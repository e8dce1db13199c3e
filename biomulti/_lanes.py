"""Several numbers side by side as one value inside kernels: the words of a processor's vector registers.

`load(array, r, width)` is row r of an array [any, len(width)], as a plain number where the width is one. Sums, products
and the functions below act on all lanes alike, and give to each what they would give to it alone.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

DOUBLE = ir.DoubleType()
BYTES = 8  # of a number
WORD = ir.IntType(32)


inside: Callable[[Callable[..., Any]], Callable[..., Any]] = intrinsic  # what its own type says of calls is untrue


class Lanes(types.Type):
    """`count` numbers of double precision."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(name=f"lanes{count}")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: Lanes) -> None:
        super().__init__(manager, lanes, ir.VectorType(DOUBLE, lanes.count))


def _value_type(width: Any) -> Any:
    return types.float64 if width.count == 1 else Lanes(width.count)


def _repeated(builder: Any, number: Any, count: int) -> Any:
    """A vector of `count` times a number."""
    kind = ir.VectorType(DOUBLE, count)
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.Constant(WORD, 0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(WORD, count), [0] * count))


def _both(act: Callable[..., Any]) -> Callable[..., Any]:
    """The lowering of an operation of two values, of which one may be a plain number."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        count = next(a.count for a in sig.args if isinstance(a, Lanes))
        wide = [
            value if isinstance(kind, Lanes) else _repeated(builder, value, count)
            for kind, value in zip(sig.args, args, strict=True)
        ]
        return act(builder, *wide)

    return lower


def _operator(symbol: Any, act: Callable[..., Any]) -> None:
    class Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            lanes = [a for a in args if isinstance(a, Lanes)]
            if len(args) == 2 and lanes and all(isinstance(a, Lanes) or a == types.float64 for a in args):
                return signature(lanes[0], *args)
            return None

    infer_global(symbol)(Template)
    for kinds in ((Lanes, Lanes), (Lanes, types.Float), (types.Float, Lanes)):
        lower_builtin(symbol, *kinds)(_both(act))


for _symbol, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_symbol, lambda builder, a, b, name=_instruction: getattr(builder, name)(a, b))
    if _symbol is not operator.truediv:
        in_place = {operator.add: operator.iadd, operator.sub: operator.isub, operator.mul: operator.imul}[_symbol]
        _operator(in_place, lambda builder, a, b, name=_instruction: getattr(builder, name)(a, b))


def _address(context: Any, builder: Any, array_type: Any, array: Any, row: Any, count: int) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [builder.mul(row, ir.Constant(row.type, count))])


@inside
def load(typing: Any, array: Any, row: Any, width: Any) -> Any:
    """Row `row` of `array` [any, lanes], contiguous."""
    kind = _value_type(width)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        at = _address(context, builder, sig.args[0], args[0], args[1], width.count)
        if width.count > 1:
            at = builder.bitcast(at, ir.VectorType(DOUBLE, width.count).as_pointer())
        return builder.load(at, align=BYTES)

    return kind(array, types.intp, width), lower


@inside
def store(typing: Any, array: Any, row: Any, value: Any) -> Any:
    """Write to row `row` of `array` [any, lanes], contiguous."""
    count = value.count if isinstance(value, Lanes) else 1

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        at = _address(context, builder, sig.args[0], args[0], args[1], count)
        if count > 1:
            at = builder.bitcast(at, ir.VectorType(DOUBLE, count).as_pointer())
        builder.store(args[2], at, align=BYTES)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), lower


@inside
def splat(typing: Any, number: Any, width: Any) -> Any:
    """A number in all lanes."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return args[0] if width.count == 1 else _repeated(builder, args[0], width.count)

    return _value_type(width)(types.float64, width), lower


@inside
def larger(typing: Any, a: Any, b: Any) -> Any:
    """The larger of two; b where they cannot be compared."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *args), *args)

    return a(a, a), lower


@inside
def smaller(typing: Any, a: Any, b: Any) -> Any:
    """The smaller of two; b where they cannot be compared."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *args), *args)

    return a(a, a), lower


@inside
def magnitude(typing: Any, a: Any) -> Any:
    """The absolute value."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        negative = builder.fneg(args[0])
        return builder.select(builder.fcmp_ordered(">", args[0], negative), args[0], negative)

    return a(a), lower


@inside
def finite_or_zero(typing: Any, a: Any) -> Any:
    """A value that is finite, and zero for one that is not."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value = args[0]
        nothing = builder.fsub(value, value)  # not a number where the value is not finite
        zero = ir.Constant(value.type, [0.0] * a.count if isinstance(a, Lanes) else 0.0)
        return builder.select(builder.fcmp_ordered("==", nothing, nothing), value, zero)

    return a(a), lower


@inside
def unless_zero(typing: Any, a: Any, b: Any) -> Any:
    """a, and b where a is zero."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        zero = ir.Constant(args[0].type, [0.0] * a.count if isinstance(a, Lanes) else 0.0)
        return builder.select(builder.fcmp_ordered("==", args[0], zero), args[1], args[0])

    return a(a, a), lower


@inside
def either(typing: Any, mask: Any, a: Any, b: Any) -> Any:
    """a, and b where the mask is zero."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        zero = ir.Constant(args[0].type, [0.0] * a.count if isinstance(a, Lanes) else 0.0)
        return builder.select(builder.fcmp_ordered("==", args[0], zero), args[2], args[1])

    return a(a, a, a), lower


def _compared(relation: str) -> Callable[..., Any]:
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        count = getattr(sig.return_type, "count", 1)
        one, zero = (ir.Constant(args[0].type, [number] * count if count > 1 else number) for number in (1.0, 0.0))
        return builder.select(builder.fcmp_ordered(relation, *args), one, zero)

    return lower


@inside
def less(typing: Any, a: Any, b: Any) -> Any:
    """1 where a < b, else 0."""
    return a(a, a), _compared("<")


@inside
def at_most(typing: Any, a: Any, b: Any) -> Any:
    """1 where a <= b, else 0."""
    return a(a, a), _compared("<=")


@inside
def total_of(typing: Any, a: Any) -> Any:
    """The sum over all lanes, a plain number, of counts."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if not isinstance(a, Lanes):
            return args[0]
        parts = [builder.extract_element(args[0], ir.Constant(WORD, k)) for k in range(a.count)]
        while len(parts) > 1:
            parts = [builder.fadd(left, right) for left, right in zip(parts[::2], parts[1::2], strict=True)]
        return parts[0]

    return types.float64(a), lower


@njit(error_model="numpy")
def rows_of_lanes(rows, width):  # type: ignore[no-untyped-def]
    """Zeros [rows, lanes] that begin where a line of the processor's cache does."""
    lanes = len(width)
    room = np.zeros((rows + 1) * lanes)
    skip = (-(room.ctypes.data // BYTES)) % lanes
    return room[skip : skip + rows * lanes].reshape(rows, lanes)
