"""
What the kernels in single precision know of the levels: columns of their tables, and where lines begin.

Vectors hold [dim + 1, slots] of every level one after another, `co` a line of zeros and [rows, slots] of each: 2 eta,
the viscosity on the edges of every pair of axes, friction in cells, the inverse diagonals of the momentum equations,
1 / bulk modulus, the inverse of the cell's pressure equation, and lambda. Buffers are given as addresses.
"""

from __future__ import annotations

from tissue._jit import bare
from tissue._kernels_lines import BYTES, singles

_inline = bare(fastmath={"contract"}, forceinline=True)
# columns of `lines`: slots of the planes and of the lines in one, those visited, slots visited in a line, cells in a
# line, whether it wraps, length, slots in all, first slot, first coefficient, whether the next level's lines are half
# as long, one, rows of the tables of the axes
PLANES, LINES, SEEN_PLANES, SEEN_LINES, SEEN, CELLS, WRAPS, WIDTH, SLOTS, START, COEFFICIENTS, HALVES, ONE = range(13)
TABLE = 13
# columns of `present`: whether a level has friction, a finite bulk modulus, lambda
FRICTION, BULK, LAMBDA = 0, 1, 2
# tables of transfers between levels
OVERLAP, HAT, TANGENT, SCALAR, FACE = 0, 1, 2, 3, 4
ENTRIES = 4
# On smaller levels waking the threads costs more than the work.
PARALLEL_SLOTS = 16384


@_inline
def rows(dim):  # type: ignore[no-untyped-def]
    """Rows of `co` of friction, inverse diagonals, 1 / bulk modulus, the inverse of the cell, and lambda."""
    friction = 1 + dim * (dim - 1) // 2
    return friction, friction + 1, friction + 1 + dim, friction + 2 + dim, friction + 3 + dim


def count(dim: int) -> int:
    """The number of rows of `co`."""
    return dim * (dim - 1) // 2 + dim + 5


@_inline
def ends(address, line):  # type: ignore[no-untyped-def]
    """Set what lies before and beyond the line whose first entry is at an address, where it wraps."""
    if line[WRAPS]:
        values, n = singles(address), line[CELLS]
        values[-1] = values[n - 1]
        values[n] = values[0]


@_inline
def steps(line, near, i, j, r):  # type: ignore[no-untyped-def]
    """How far in memory the next and the last slot along each axis are."""
    # a step of one that the compiler knew would keep it from working on several slots at a time
    w, row, one = line[WIDTH], line[TABLE] + i, line[ONE]
    plane = line[LINES] * w
    if len(r) == 3:
        other = line[TABLE + 1] + j
        return (near[0, row] * plane, near[0, other] * w, one), (near[1, row] * plane, near[1, other] * w, -one)
    else:
        return (near[0, row] * plane, one), (near[1, row] * plane, -one)


@_inline
def wraps(line, near):  # type: ignore[no-untyped-def]
    """Whether the plane after the last one is the first."""
    return near[0, line[TABLE] + line[SEEN_PLANES] - 1] < 0


@_inline
def axes(address, step, r):  # type: ignore[no-untyped-def]
    """Addresses as many bytes apart as axes, as lines."""
    if len(r) == 3:
        return singles(address), singles(address + step), singles(address + 2 * step)
    else:
        return singles(address), singles(address + step)


@_inline
def edges(address, step, r):  # type: ignore[no-untyped-def]
    """2 eta and the viscosity on edges."""
    if len(r) == 3:
        return singles(address), singles(address + step), singles(address + 2 * step), singles(address + 3 * step)
    else:
        return singles(address), singles(address + step)


@_inline
def still(line, r):  # type: ignore[no-untyped-def]
    """No steps; made of a number in memory, as functions are compiled anew for every literal number."""
    none = 0 * line[ONE]
    if len(r) == 3:
        return none, none, none
    else:
        return none, none


@_inline
def place_of(line, i, j):  # type: ignore[no-untyped-def]
    """Bytes from a component to its first entry in line j of plane i, and bytes of a component."""
    return BYTES * ((i * line[LINES] + j) * line[WIDTH] + 1), BYTES * line[SLOTS]
