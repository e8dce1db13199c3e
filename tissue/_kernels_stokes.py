"""
The Stokes operator on the staggered grid in double precision: its coefficients on every level, and the residual.

Every level lives on n + 1 slots an axis: cells and lower faces in slots 0 ... n - 1, the upper faces of the last
cells in slot n where the axis does not wrap round. Whatever a slot does not stand for holds zero, so that what
lies beyond a wall is read as zero and no kernel asks where it is: the boundary is in the coefficients.

`x` and `f` [dim + 1, slots] hold the velocity components and the pressure. The rows of `co` [rows, slots], see
`rows`: 2 eta, lambda, the viscosity on the edges of every pair of axes (doubled on walls that hold the fluid,
zero on those that do not), friction on the faces, 1 / bulk modulus, the inverse diagonals of the momentum
equations (zero where the velocity is given) and the inverse of the cell's pressure equation.

u0, u1, u2 and d0, d1, d2 are the distances in memory to the next and the last slot along each axis. `r` holds
1 / spacing; its length is the dimension, known when the kernel is compiled, and what belongs to the third axis is
then left out.
"""

from __future__ import annotations

from typing import Any

import numba

from tissue._jit import Kernel, bare, kernel

_device = bare(fastmath={"contract"})
_inline = bare(fastmath={"contract"}, forceinline=True)
NO_SLIP, FREE_SLIP, TRACTION_FREE = 1, 2, 3


@_inline
def rows(dim):  # type: ignore[no-untyped-def]
    """Rows of `co` where friction, 1 / bulk modulus, inverse diagonals and the inverse of the cell begin."""
    friction = 2 + dim * (dim - 1) // 2
    return friction, friction + dim, friction + dim + 1, friction + 2 * dim + 1


@_inline
def _dilation(x, c, u0, u1, u2, r):  # type: ignore[no-untyped-def]
    """div u in cell c."""
    total = (x[0, c + u0] - x[0, c]) * r[0] + (x[1, c + u1] - x[1, c]) * r[1]
    if len(r) == 3:
        total += (x[2, c + u2] - x[2, c]) * r[2]
    return total


@_inline
def _tension(x, co, a, c, u, dilation, r):  # type: ignore[no-untyped-def]
    """2 eta e_aa + lambda div u - p in cell c, u to its upper face along a."""
    return co[0, c] * ((x[a, c + u] - x[a, c]) * r[a]) + co[1, c] * dilation - x[len(r), c]


@_inline
def _shear(x, co, row, a, b, c, da, db, r):  # type: ignore[no-untyped-def]
    """eta (d u_a / d b + d u_b / d a) on the lower edge of cell c."""
    return co[row, c] * ((x[a, c] - x[a, c + db]) * r[b] + (x[b, c] - x[b, c + da]) * r[a])


@_inline
def _store(x, f, out, co, a, c, force, dim):  # type: ignore[no-untyped-def]
    friction, _, inverse, _ = rows(dim)
    left = f[a, c] - co[friction + a, c] * x[a, c] + force
    out[a, c] = left if co[inverse + a, c] != 0.0 else 0.0


@_inline
def _residual_cell(x, f, out, co, c, u0, u1, u2, d0, d1, d2, r):  # type: ignore[no-untyped-def]
    """out = f - A x at the lower faces of slot c and in its cell; zero where there is nothing to solve."""
    dim = len(r)
    _, bulk, _, cell = rows(dim)
    here = _dilation(x, c, u0, u1, u2, r)
    force0 = _tension(x, co, 0, c, u0, here, r)
    force0 = (force0 - _tension(x, co, 0, c + d0, -d0, _dilation(x, c + d0, -d0, u1, u2, r), r)) * r[0]
    force1 = _tension(x, co, 1, c, u1, here, r)
    force1 = (force1 - _tension(x, co, 1, c + d1, -d1, _dilation(x, c + d1, u0, -d1, u2, r), r)) * r[1]
    s = _shear(x, co, 2, 0, 1, c, d0, d1, r)
    force0 += (_shear(x, co, 2, 0, 1, c + u1, d0, -u1, r) - s) * r[1]
    force1 += (_shear(x, co, 2, 0, 1, c + u0, -u0, d1, r) - s) * r[0]
    if len(r) == 3:
        force2 = _tension(x, co, 2, c, u2, here, r)
        force2 = (force2 - _tension(x, co, 2, c + d2, -d2, _dilation(x, c + d2, u0, u1, -d2, r), r)) * r[2]
        s = _shear(x, co, 3, 0, 2, c, d0, d2, r)
        force0 += (_shear(x, co, 3, 0, 2, c + u2, d0, -u2, r) - s) * r[2]
        force2 += (_shear(x, co, 3, 0, 2, c + u0, -u0, d2, r) - s) * r[0]
        s = _shear(x, co, 4, 1, 2, c, d1, d2, r)
        force1 += (_shear(x, co, 4, 1, 2, c + u2, d1, -u2, r) - s) * r[2]
        force2 += (_shear(x, co, 4, 1, 2, c + u1, -u1, d2, r) - s) * r[1]
        _store(x, f, out, co, 2, c, force2, dim)
    _store(x, f, out, co, 0, c, force0, dim)
    _store(x, f, out, co, 1, c, force1, dim)
    left = f[dim, c] - here - co[bulk, c] * x[dim, c]
    out[dim, c] = left if co[cell, c] != 0.0 else 0.0


@_device
def _residual_plane(i, x, f, out, co, shape, steps, at, r):  # type: ignore[no-untyped-def]
    u0, d0 = steps[0, at[0] + i], steps[1, at[0] + i]
    last = len(r) - 1
    for j in range(shape[1] if len(r) == 3 else 1):
        u1, d1 = steps[0, at[1] + j], steps[1, at[1] + j]
        start = i * at[3] + j * at[4]
        for k in range(shape[last]):
            u, d = steps[0, at[last] + k], steps[1, at[last] + k]
            if len(r) == 3:
                _residual_cell(x, f, out, co, start + k, u0, u1, u, d0, d1, d, r)
            else:
                _residual_cell(x, f, out, co, start + k, u0, u, u, d0, d, d, r)


def _residual(r, geometry, steps, co, x, f, out):  # type: ignore[no-untyped-def]
    """out = f - A x on level 0, each [dim + 1, slots]."""
    shape, at = geometry[3:6], geometry[11:16]
    for i in numba.prange(shape[0]):
        _residual_plane(i, x, f, out, co, shape, steps, at, r)


def both(function: Any, signature: str, **more: bool) -> dict[int, Kernel]:
    """`function` in two and in three dimensions, by dimension; its first argument tells which."""
    options = {"fastmath": {"contract"}, "error_model": "numpy", **more}
    return {dim: kernel(f"void(UniTuple(f8, {dim}), {signature})", **options)(function) for dim in (2, 3)}


_V = "f8[:,::1]"
residual = both(_residual, f"i8[::1], i8[:,::1], {_V}, {_V}, {_V}, {_V}", parallel=True)
