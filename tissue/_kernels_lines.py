"""
Loops over lines of slots along the last axis, the work of the multigrid in single precision.

Every line begins and ends with slots that repeat the other end where the axis wraps and hold zero where it does not,
so that neighbours along the last axis are one slot away, and neighbours along the other axes are whole lines away:
all reads run along memory, and the compiler makes them eight or sixteen at a time.

Lines are given as addresses of their first entries, because arrays as arguments cost as much as a short line.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from tissue._jit import bare

ONE, HALF, ZERO = np.float32(1.0), np.float32(0.5), np.float32(0.0)
# what single precision holds, with room for products
LARGEST = 1e15
BYTES = 4


def _pointer(kind: Any) -> Any:
    def made(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.intp), generate

    return intrinsic(made)


singles, doubles, integers = _pointer(types.float32), _pointer(types.float64), _pointer(types.int64)


def _line_of(typing_context: Any, array: Any, i: Any, j: Any) -> Any:
    """The address of line j of plane i of an array of three axes, as a line."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        given = context.make_array(signature.args[0])(context, builder, arguments[0])
        strides = cgutils.unpack_tuple(builder, given.strides)
        away = builder.add(builder.mul(arguments[1], strides[0]), builder.mul(arguments[2], strides[1]))
        return cgutils.pointer_add(builder, given.data, away)

    return types.CPointer(array.dtype)(array, types.intp, types.intp), generate


line_of: Any = intrinsic(_line_of)


def _apart(typing_context: Any) -> Any:
    """
    Make of the function that calls this a place of its own in the machine code, whose pointers lead to memory that
    overlaps nowhere where it writes.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.function.attributes.add("noinline")
        for argument in builder.function.args:
            if isinstance(argument.type, ir.PointerType) and argument.name.startswith("arg."):
                argument.add_attribute("noalias")
        return context.get_dummy_value()

    return types.void(), generate


apart: Any = intrinsic(_apart)
_line = bare(fastmath={"contract"})
_inline = bare(fastmath={"contract"}, forceinline=True)


@_inline
def address(array):  # type: ignore[no-untyped-def]
    """Of its first entry, as a signed number."""
    return np.intp(array.ctypes.data)


@_inline
def _tension(e2, q, u, c, up, r):  # type: ignore[no-untyped-def]
    """2 eta e_aa - q in a cell, `up` to its upper face along a."""
    return e2[c] * ((u[c + up] - u[c]) * r) - q[c]


@_inline
def _shear(e, u, v, c, du, dv, ru, rv):  # type: ignore[no-untyped-def]
    """eta (d u / d b + d v / d a) on the lower edge of a cell; dv, du lead to the last slot along a and along b."""
    return e[c] * ((u[c] - u[c + dv]) * rv + (v[c] - v[c + du]) * ru)


@_inline
def _left(f, force, drag, u, inverse, c, scaled):  # type: ignore[no-untyped-def]
    scale = inverse[c]
    return (f[c] - drag * u[c] + force) * (scale if scaled else (ONE if scale != ZERO else ZERO))


@_line
def momentum(n, x, q, f, e, fr, dfr, inverse, out, up, down, r, scaled):  # type: ignore[no-untyped-def]
    """
    The residual of the momentum equations on n lower faces of each axis, times their inverse diagonals if `scaled`.

    x, f, inverse, out: one line for each axis; e: 2 eta and the viscosity on the edges of each pair of axes; q: the
    pressure; fr: friction, and dfr how far that of the cells before is; up, down: how far the next and the last slot
    are.
    """
    apart()
    (x0, x1), (f0, f1), (i0, i1), (out0, out1) = x[:2], f[:2], inverse[:2], out[:2]
    (u0, u1), (d0, d1), (r0, r1) = up[:2], down[:2], r[:2]
    for c in range(n):
        t = _tension(e[0], q, x0, c, u0, r0) - _tension(e[0], q, x0, c + d0, -d0, r0)
        force0 = t * r0
        t = _tension(e[0], q, x1, c, u1, r1) - _tension(e[0], q, x1, c + d1, -d1, r1)
        force1 = t * r1
        s = _shear(e[1], x0, x1, c, d0, d1, r0, r1)
        force0 += (_shear(e[1], x0, x1, c + u1, d0, -u1, r0, r1) - s) * r1
        force1 += (_shear(e[1], x0, x1, c + u0, -u0, d1, r0, r1) - s) * r0
        if len(r) == 3:
            x2, u2, d2, r2 = x[2], up[2], down[2], r[2]
            t = _tension(e[0], q, x2, c, u2, r2) - _tension(e[0], q, x2, c + d2, -d2, r2)
            force2 = t * r2
            s = _shear(e[2], x0, x2, c, d0, d2, r0, r2)
            force0 += (_shear(e[2], x0, x2, c + u2, d0, -u2, r0, r2) - s) * r2
            force2 += (_shear(e[2], x0, x2, c + u0, -u0, d2, r0, r2) - s) * r0
            s = _shear(e[3], x1, x2, c, d1, d2, r1, r2)
            force1 += (_shear(e[3], x1, x2, c + u2, d1, -u2, r1, r2) - s) * r2
            force2 += (_shear(e[3], x1, x2, c + u1, -u1, d2, r1, r2) - s) * r1
            drag = HALF * (fr[c] + fr[c + dfr[2]])
            out[2][c] = _left(f[2], force2, drag, x2, inverse[2], c, scaled)
        here = fr[c]
        out0[c] = _left(f0, force0, HALF * (here + fr[c + dfr[0]]), x0, i0, c, scaled)
        out1[c] = _left(f1, force1, HALF * (here + fr[c + dfr[1]]), x1, i1, c, scaled)


@_line
def product(n, f, factor, out):  # type: ignore[no-untyped-def]
    """out = f factor."""
    apart()
    for c in range(n):
        out[c] = f[c] * factor[c]


@_line
def continuity(n, x, p, up, change, above, f, bulk, cell, out, r, scaled):  # type: ignore[no-untyped-def]
    """
    What the growth of n cells lacks once the velocities x have changed by `change`, times `cell` if `scaled`.

    x, change: one line for each axis; up, above: how far the upper faces are.
    """
    apart()
    (x0, x1), (y0, y1), (u0, u1), (v0, v1), (r0, r1) = x[:2], change[:2], up[:2], above[:2], r[:2]
    for c in range(n):
        total = (x0[c + u0] - x0[c] + y0[c + v0] - y0[c]) * r0 + (x1[c + u1] - x1[c] + y1[c + v1] - y1[c]) * r1
        if len(r) == 3:
            x2, y2 = x[2], change[2]
            total += (x2[c + up[2]] - x2[c] + y2[c + above[2]] - y2[c]) * r[2]
        scale = cell[c]
        out[c] = (f[c] - bulk[c] * p[c] - total) * (scale if scaled else (ONE if scale != ZERO else ZERO))


@_line
def corrected(n, x, p, change, dp, down, inverse, y, yp, r, damping):  # type: ignore[no-untyped-def]
    """The new state of n cells: of a face what its own equation asks for, and half of what the cells beside it do."""
    apart()
    (x0, x1), (c0, c1), (i0, i1), (y0, y1), (d0, d1) = x[:2], change[:2], inverse[:2], y[:2], down[:2]
    h0, h1, half = HALF * r[0], HALF * r[1], HALF * damping
    for c in range(n):
        step = dp[c]
        y0[c] = x0[c] + damping * (c0[c] + h0 * i0[c] * (dp[c + d0] - step))
        y1[c] = x1[c] + damping * (c1[c] + h1 * i1[c] * (dp[c + d1] - step))
        if len(r) == 3:
            y[2][c] = x[2][c] + damping * (change[2][c] + HALF * r[2] * inverse[2][c] * (dp[c + down[2]] - step))
        yp[c] = p[c] + half * step


@_line
def effective_pressure(n, x, p, up, lam, out, r):  # type: ignore[no-untyped-def]
    """out = p - lambda div u."""
    apart()
    for c in range(n):
        total = (x[0][c + up[0]] - x[0][c]) * r[0] + (x[1][c + up[1]] - x[1][c]) * r[1]
        if len(r) == 3:
            total += (x[2][c + up[2]] - x[2][c]) * r[2]
        out[c] = p[c] - lam[c] * total


@_line
def weighted(n, a, weight, b, other, out, fresh):  # type: ignore[no-untyped-def]
    """out = weight a + other b, or added to what is there."""
    apart()
    for c in range(n):
        out[c] = weight * a[c] + other * b[c] + (ZERO if fresh else out[c])


@_line
def picked(n, source, index, weight, apart_by, count, out, fresh):  # type: ignore[no-untyped-def]
    """out = `count` entries of a line, as a table of so many rows of indices and weights says; or added."""
    apart()
    for c in range(n):
        total = ZERO if fresh else out[c]
        for k in range(count):
            total += weight[c + k * apart_by] * source[index[c + k * apart_by]]
        out[c] = total


@_line
def halved(n, source, w0, w1, w2, w3, out):  # type: ignore[no-untyped-def]
    """out = the four entries around two of a line twice as fine, the first of them at `source`."""
    apart()
    for c in range(n):
        even = w1[c] * source[2 * c] + w3[c] * source[2 * c + 2]
        out[c] = w0[c] * source[2 * c - 1] + w2[c] * source[2 * c + 1] + even


@_line
def doubled(n, source, w0, w1, w2, out):  # type: ignore[no-untyped-def]
    """Add the three entries of a line half as fine around each of 2 n slots."""
    apart()
    for c in range(n):
        low, here, high = source[c - 1], source[c], source[c + 1]
        out[2 * c] += w0[2 * c] * low + w1[2 * c] * here + w2[2 * c] * high
        out[2 * c + 1] += w0[2 * c + 1] * low + w1[2 * c + 1] * here + w2[2 * c + 1] * high


@_line
def converted(n, source, factor, out):  # type: ignore[no-untyped-def]
    """out = factor source in single precision, held within LARGEST."""
    apart()
    for c in range(n):
        out[c] = min(max(factor * source[c], -LARGEST), LARGEST)
