"""
Geometric multigrid for staggered Stokes: the levels, the transfers between them, and the outer iteration.

W-cycles of coupled (Vanka) smoothing precondition a flexible GCR. V-cycles degrade as the grid is refined.
Sources: Vanka 1986, doi:10.1016/0021-9991(86)90008-2; Eisenstat, Elman and Schultz 1983, doi:10.1137/0720023.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tissue import _kernels_stokes as kernels
from tissue.grid import Array, Grid

Integers = NDArray[np.int64]

# Sweeps before and after each visit, and their damping: below a viscosity contrast of HARD_CONTRAST and above.
# Discs of contrast 1e3 with sharp edges do not converge with the former, and take 22 to 26 cycles with the latter;
# those of 1e4 do not converge reliably with either.
EASY, HARD, HARD_CONTRAST = (2, 0.9), (4, 0.6), 300.0
COARSEST_SWEEPS = 8
# Memory is taken only for directions that are used.
DIRECTIONS = 20
# Point smoothing fails where cells get long, so an axis waits until the other has caught up.
LARGEST_ASPECT = 1.5


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """What the levels of a grid are, before anything is known of the fluid."""

    grid: Grid
    geometry: Integers
    spacing: Array
    index: Integers
    weight: Array
    schedule: Integers
    cells: int
    corners: int
    coarsest_sweeps: int


@dataclass(frozen=True, eq=False)
class Operator:
    """The discrete Stokes operator of one fluid on every level."""

    hierarchy: Hierarchy
    ec: Array
    es: Array
    co: Array
    scale: float
    sweeps: int
    damping: float

    def level_zero(self) -> tuple[Array, Array, Array]:
        """Viscosity at centres [nx, ny], at corners [nx + 1, ny + 1], and `co` [6, nx, ny]."""
        nx, ny = self.hierarchy.grid.shape
        corners = (nx + 1) * (ny + 1)
        return (
            self.ec[: nx * ny].reshape(nx, ny),
            self.es[:corners].reshape(nx + 1, ny + 1),
            self.co[: 6 * nx * ny].reshape(6, nx, ny),
        )


def level_shapes(grid: Grid) -> list[tuple[int, int]]:
    """Shapes of all levels; each axis is halved, rounding up, until about four cells are left."""
    shapes = [grid.shape]
    while True:
        shape = shapes[-1]
        spacing = [grid.size[d] / shape[d] for d in (0, 1)]
        able = [d for d in (0, 1) if shape[d] > 4]
        if not able:
            return shapes
        finest = min(spacing[d] for d in able)
        chosen = [d for d in able if spacing[d] <= LARGEST_ASPECT * finest]
        halved = [(n + 1) // 2 if d in chosen else n for d, n in enumerate(shape)]
        shapes.append((halved[0], halved[1]))


def _overlaps(n: int, m: int) -> tuple[Integers, Array]:
    """Fine cells and their share of each of m coarse cells; [m, 4]."""
    index, weight = np.zeros((m, 4), np.int64), np.zeros((m, 4))
    ratio = n / m
    for i in range(m):
        first = int(np.floor(i * ratio + 1e-9))
        for k in range(4):
            share = min(first + k + 1, (i + 1) * ratio) - max(first + k, i * ratio)
            if share > 1e-9 and first + k < n:
                index[i, k], weight[i, k] = first + k, share / ratio
    return index, weight


def _hats(n: int, m: int) -> tuple[Integers, Array]:
    """Fine faces and their weights in each of m coarse faces: a hat of the coarse spacing; [m, 4]."""
    index, weight = np.zeros((m, 4), np.int64), np.zeros((m, 4))
    ratio = n / m
    for i in range(m):
        first = int(np.floor((i - 1) * ratio + 1e-9)) + 1
        for k in range(4):
            height = 1.0 - abs(first + k - i * ratio) / ratio
            if height > 1e-9:
                index[i, k], weight[i, k] = (first + k) % n, height / ratio
    return index, weight


def _linear(n: int, m: int, *, offset: float, sign: float) -> tuple[Integers, Array]:
    """The two coarse points each of n fine points is read from; beyond a wall, `sign` times the inner one."""
    index, weight = np.zeros((n, 4), np.int64), np.zeros((n, 4))
    for i in range(n):
        place = (i + offset) * m / n - offset
        first = int(np.floor(place + 1e-9))
        for k, share in enumerate((1.0 - (place - first), place - first)):
            j = first + k
            beyond = j < 0 or j >= m
            if beyond and sign != 0.0:
                index[i, k], weight[i, k] = (0 if j < 0 else m - 1), sign * share
            else:
                index[i, k], weight[i, k] = j % m, share
    return index, weight


def _transfers(n: int, m: int, wall_sign: float) -> tuple[list[Integers], list[Array], int]:
    """Rows of the transfer tables between n fine and m coarse cells of one axis."""
    # through a wall the velocity is zero, and so is the coarse face stored in place of the one beyond
    tables = [
        _overlaps(n, m),
        _hats(n, m),
        _linear(n, m, offset=0.5, sign=wall_sign),
        _linear(n, m, offset=0.5, sign=abs(wall_sign)),
        _linear(n, m, offset=0.0, sign=0.0),
    ]
    return [t[0] for t in tables], [t[1] for t in tables], n


def _visits(level: int, last: int) -> list[tuple[int, int]]:
    if level == last:
        return [(kernels.COARSEST, level)]
    below = _visits(level + 1, last)
    return [(kernels.DOWN, level), *below * (2 if level + 1 < last else 1), (kernels.UP, level)]


@lru_cache(maxsize=32)
def hierarchy(grid: Grid) -> Hierarchy:
    """Levels, transfers and the order of visits for `grid`."""
    shapes = level_shapes(grid)
    count = len(shapes)
    geometry, spacing = np.zeros((count, 6), np.int64), np.zeros((count, 2))
    pieces: list[tuple[list[Integers], list[Array], int]] = []
    cells = corners = rows = 0
    for level, (nx, ny) in enumerate(shapes):
        geometry[level] = nx, ny, cells, corners, 0, 0
        spacing[level] = grid.size[0] / nx, grid.size[1] / ny
        cells += nx * ny
        corners += (nx + 1) * (ny + 1)
    # a level's rows hold the transfers to the next coarser one; restriction reads them from there
    for level in range(count - 1):
        for axis in (0, 1):
            n, m = shapes[level][axis], shapes[level + 1][axis]
            piece = _transfers(n, m, grid.wall_signs[axis])
            geometry[level, 4 + axis] = rows
            pieces.append(piece)
            rows += n
    index, weight = np.zeros((5, rows, 4), np.int64), np.zeros((5, rows, 4))
    start = 0
    for indices, weights, n in pieces:
        for table in range(5):
            length = len(indices[table])
            index[table, start : start + length] = indices[table]
            weight[table, start : start + length] = weights[table]
        start += n
    widest = max(shapes[-1])
    return Hierarchy(
        grid=grid,
        geometry=geometry,
        spacing=spacing,
        index=index,
        weight=weight,
        schedule=np.array(_visits(0, count - 1), np.int64),
        cells=cells,
        corners=corners,
        coarsest_sweeps=max(COARSEST_SWEEPS, widest * widest // 2),
    )


def operator(grid: Grid, *, viscosity: Array, friction: Array, inverse_bulk: Array) -> Operator:
    """The operator on every level from fields at cell centres, [nx, ny] each."""
    levels = hierarchy(grid)
    n = viscosity.size
    fields = np.empty((3, levels.cells))
    np.log(viscosity.ravel(), out=fields[0, :n])
    fields[1, :n] = friction.ravel()
    fields[2, :n] = inverse_bulk.ravel()
    ec, es, co = np.empty(levels.cells), np.empty(levels.corners), np.empty(6 * levels.cells)
    tables = (levels.geometry, levels.spacing, levels.index, levels.weight)
    kernels.set_up(*tables, fields, ec, es, co, *grid.wall_signs)
    # makes a residual of div u count as much as one of the forces
    scale = float(np.exp(fields[0, :n].mean()) / np.sqrt(grid.cell_area))
    contrast = float(np.exp(np.ptp(fields[0, :n])))
    return Operator(levels, ec, es, co, scale, *(EASY if contrast <= HARD_CONTRAST else HARD))


def residual(a: Operator, x: Array, f: Array, out: Array) -> None:
    """out = f - A x, each [3, nx, ny]."""
    grid = a.hierarchy.grid
    hx, hy = grid.spacing
    kernels.residual(x, f, out, *a.level_zero(), 1.0 / hx, 1.0 / hy, *grid.wall_signs)


class _Inner:
    """Inner products of [3, nx, ny] arrays in which all three equations count alike."""

    def __init__(self, size: int, scale: float) -> None:
        self.split = 2 * (size // 3)
        self.weight = scale * scale
        self.chunks = -(-size // kernels.CHUNK)

    def __call__(self, vectors: Array, vector: Array) -> Array:
        out = np.empty(len(vectors))
        partial = np.empty((self.chunks, len(vectors)))
        kernels.inner_products(vectors, vector, self.split, self.weight, partial, out)
        return out

    def norm(self, vector: Array) -> float:
        return float(np.sqrt(self(vector[None, :], vector)[0]))


def uniform_modes(a: Operator) -> list[tuple[int, float]]:
    """
    Components that may be shifted by a constant without any viscous stress, with what resists the shift.

    The pressure always (resisted by 1 / bulk viscosity), a velocity along a periodic axis if no wall holds it
    (resisted by friction): pairs of component and the sum of its resistance, 0 where nothing resists.
    """
    grid = a.hierarchy.grid
    co = a.level_zero()[2]
    modes = [(2, float(co[2].sum()))]
    for axis in (0, 1):
        if grid.periodic[axis] and grid.boundary[1 - axis] != "no-slip":
            modes.append((axis, float(co[axis].sum())))
    return modes


def _set_uniform(a: Operator, modes: list[tuple[int, float]], x: Array, f: Array) -> None:
    """Shift the free components of x to where the sum of their equation holds; to mean zero if nothing resists."""
    co = a.level_zero()[2]
    for component, resistance in modes:
        if resistance > 0.0:
            held = co[component if component < 2 else 2]
            x[component] += (f[component].sum() - (held * x[component]).sum()) / resistance
        else:
            x[component] -= x[component].mean()


def solve(a: Operator, f: Array, *, x: Array, tolerance: float, cycles: int) -> tuple[int, float]:
    """
    Solve A x = f, both [3, nx, ny], from the guess in x and into it; (cycles used, relative residual).

    A guess whose residual is larger than that of no flow is dropped. Raises nothing: what it missed is in the residual.
    """
    largest = max(float(np.abs(f[:2]).max()), a.scale * float(np.abs(f[2]).max()))
    # squares in the norms stay in range, and a power of two leaves the bits alone
    unit = np.ldexp(1.0, int(np.frexp(largest)[1]) - 1) if largest > 0.0 else 1.0
    with np.errstate(over="ignore"):
        x /= unit
    found = _solve(a, f / unit, x=x, tolerance=tolerance, cycles=cycles)
    x *= unit
    return found


def _solve(a: Operator, f: Array, *, x: Array, tolerance: float, cycles: int) -> tuple[int, float]:
    """Flexible GCR with the last directions kept; stops at |f - A x| <= tolerance |f|."""
    size = f.size
    inner = _Inner(size, a.scale)
    modes = uniform_modes(a)
    target = inner.norm(f.ravel())
    if target == 0.0:
        x[:] = 0.0
        return 0, 0.0
    _set_uniform(a, modes, x, f)
    r, z, work = np.empty_like(f), np.empty_like(f), _Workspace(a)
    residual(a, x, f, r)
    steps, images = np.empty((DIRECTIONS, size)), np.empty((DIRECTIONS, size))
    error, used, kept, zero = inner.norm(r.ravel()) / target, 0, 0, np.zeros_like(f)
    if not error <= 1.0:
        # rounding of a large guess would drown a small solution
        x[:] = 0.0
        _set_uniform(a, modes, x, f)
        residual(a, x, f, r)
        error = inner.norm(r.ravel()) / target
    while error > tolerance and used < cycles and np.isfinite(error):
        z = work.cycle(r)
        _set_uniform(a, modes, z, r)
        step, image = z.ravel(), np.empty(size)
        residual(a, z, zero, image.reshape(f.shape))
        np.negative(image, out=image)
        if kept:
            factors = -inner(images[:kept], image)
            kernels.combine(images[:kept], factors, image)
            kernels.combine(steps[:kept], factors, step)
        length = inner.norm(image)
        if not length > 0.0:
            break
        slot = used % DIRECTIONS
        np.divide(image, length, out=images[slot])
        np.divide(step, length, out=steps[slot])
        along = inner(images[slot : slot + 1], r.ravel())
        kernels.combine(steps[slot : slot + 1], along, x.reshape(-1))
        kernels.combine(images[slot : slot + 1], -along, r.reshape(-1))
        used, kept = used + 1, min(kept + 1, DIRECTIONS)
        error = inner.norm(r.ravel()) / target
        if error <= tolerance:
            # the residual carried along drifts from the true one by rounding; only the true one counts
            _set_uniform(a, modes, x, f)
            residual(a, x, f, r)
            error = inner.norm(r.ravel()) / target
    return used, error


class _Workspace:
    """Buffers for the levels during one solve."""

    def __init__(self, a: Operator) -> None:
        self.a = a
        self.x, self.f, self.r = (np.empty(3 * a.hierarchy.cells) for _ in range(3))

    def cycle(self, r: Array) -> Array:
        """One multigrid cycle for the residual r [3, nx, ny]; returns a correction."""
        a, levels = self.a, self.a.hierarchy
        self.f[: r.size] = r.ravel()
        buffers: tuple[Any, ...] = (a.ec, a.es, a.co, self.x, self.f, self.r)
        tables = (levels.schedule, levels.geometry, levels.spacing, levels.index, levels.weight)
        signs = levels.grid.wall_signs
        kernels.cycle(*tables, *buffers, *signs, a.damping, a.sweeps, levels.coarsest_sweeps)
        return self.x[: r.size].reshape(r.shape).copy()
