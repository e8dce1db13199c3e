"""
The discrete Stokes operator and the outer iteration that inverts it.

W-cycles of coupled (Vanka) smoothing precondition a flexible GCR; V-cycles degrade as the grid is refined. Where
the viscosity jumps so far that they stall, `tissue.algebraic` takes over in the same iteration.
Sources: Vanka 1986, doi:10.1016/0021-9991(86)90008-2; Eisenstat, Elman and Schultz 1983, doi:10.1137/0720023.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tissue import _kernels_stokes as kernels
from tissue.algebraic import MOST_FACTORED, Direct, Preconditioner
from tissue.grid import Array, Grid
from tissue.levels import Hierarchy, hierarchy
from tissue.modes import Modes, free_modes

# Sweeps before and after each visit, and their damping: below a viscosity contrast of HARD_CONTRAST and above.
EASY, HARD, HARD_CONTRAST = (2, 0.9), (4, 1.0), 300.0
# Directions that GCR keeps, and the memory that they may take.
DIRECTIONS, MOST_BYTES = 200, 2**30
# After so many cycles the rate of the last ones says whether the rest is worth trying.
TRIAL, PATIENCE = 10, 70.0
FEW = 10  # a factorisation needs two or three
ONLY_RESIDUAL = np.array([[kernels.ONLY_RESIDUAL, 0]])


@dataclass(frozen=True, eq=False)
class Operator:
    """The discrete Stokes operator of one fluid on every level: `co` of tissue._kernels_stokes, one after another."""

    hierarchy: Hierarchy
    co: Array
    scale: float
    sweeps: int
    damping: float
    modes: Modes

    @property
    def dim(self) -> int:
        """2 or 3."""
        return self.hierarchy.grid.dim

    def coefficients(self) -> Array:
        """`co` of level 0, [rows, slots]."""
        count = 2 + self.dim * (self.dim - 1) // 2 + 2 * self.dim + 2
        return np.asarray(self.co[: count * int(np.prod(self.hierarchy.shape))].reshape(count, -1))

    def row(self, k: int) -> Array:
        """Row k of `co` on level 0 in the shape of the slots."""
        return np.asarray(self.coefficients()[k].reshape(self.hierarchy.shape))

    def edge(self, k: int) -> Array:
        """Viscosity on the edges of the k-th pair of axes as the operator counts it, in the shape of the slots."""
        return self.row(2 + k)

    def viscosity(self) -> Array:
        """eta in the cells."""
        return np.asarray(0.5 * self.row(0)[tuple(slice(0, n) for n in self.hierarchy.grid.shape)])

    def edge_viscosity(self, k: int) -> Array:
        """eta on the edges of the k-th pair of axes, `Grid.edge_shape`; 0 on sides that hold nothing along them."""
        grid = self.hierarchy.grid
        pair = grid.pairs[k]
        whole = self.edge(k)[tuple(slice(0, n) for n in grid.edge_shape(*pair))].copy()
        for axis in pair:
            ends = np.moveaxis(whole, axis, 0)
            if grid.periodic[axis]:
                ends[-1] = ends[0]
                continue
            for end in (0, 1):
                if self.hierarchy.sides[axis, end] == kernels.NO_SLIP:
                    ends[-end] *= 0.5
        return np.asarray(whole)

    @property
    def friction_row(self) -> int:
        """Row of `co` where the friction on faces begins; see `_kernels_stokes.rows` for what follows it."""
        return 2 + self.dim * (self.dim - 1) // 2


def operator(grid: Grid, *, viscosity: Array, friction: Array, inverse_bulk: Array) -> Operator:
    """The operator on every level from fields at cell centres, of the grid's shape each."""
    levels = hierarchy(grid)
    slots = int(np.prod(levels.shape))
    cells = (slice(None), *(slice(0, n) for n in grid.shape))
    fields = np.zeros(3 * levels.slots)
    finest = fields[: 3 * slots].reshape(3, *levels.shape)[cells]
    log_viscosity = np.log(viscosity)
    finest[0], finest[1], finest[2] = log_viscosity, friction, inverse_bulk
    count = 2 + grid.dim * (grid.dim - 1) // 2 + 2 * grid.dim + 2
    co = np.empty(count * levels.slots)
    kernels.set_up[grid.dim](levels.r, *levels.tables, levels.sides, fields, co)
    # makes a residual of div u count as much as one of the forces
    scale = float(np.exp(log_viscosity.mean()) / np.exp(np.log(grid.spacing).mean()))
    contrast = float(np.exp(np.ptp(log_viscosity)))
    sweeps, damping = EASY if contrast <= HARD_CONTRAST else HARD
    built = Operator(levels, co, scale, sweeps, damping, Modes((), None, np.zeros((0, 0)), 0.0))
    modes = free_modes(grid, levels.shape, built.coefficients()[built.friction_row :])
    return Operator(levels, co, scale, sweeps, damping, modes)


def residual(a: Operator, x: Array, f: Array, out: Array) -> None:
    """out = f - A x, each [dim + 1, slots]."""
    levels = a.hierarchy
    kernels.cycle[a.dim](
        levels.r, ONLY_RESIDUAL, *levels.tables, a.co, x.reshape(-1), f.reshape(-1), out.reshape(-1), 1.0, 0, 0
    )


def inner(vectors: Array, vector: Array, weight: Array) -> Array:
    """Inner products of vectors [k, n] with one [n], every entry counted with its weight [n]."""
    out = np.empty(len(vectors))
    partial = np.empty((-(-vector.size // kernels.CHUNK), len(vectors)))
    kernels.inner_products(vectors, vector, weight, partial, out)
    return out


def squared(vector: Array, weight: Array) -> float:
    """The weighted square of an array of any shape, the same for any number of threads."""
    flat = vector.reshape(-1)
    return float(inner(flat[None, :], flat, weight)[0])


def weights(a: Operator) -> Array:
    """
    What the square of every equation counts, flat: 1 / diagonal for forces, eta for growth.

    This is about the power that a residual would dissipate, so that stiff regions do not drown soft ones.
    """
    co = a.coefficients()
    out = np.empty((a.dim + 1, co.shape[1]))
    out[:-1] = co[a.friction_row + a.dim + 1 : -1]
    np.multiply(co[0], 0.5, out=out[-1])
    return out.reshape(-1)


def unit_of(a: Operator, f: Array) -> float:
    """A power of two about the size of f: squares in norms stay in range, and the bits are left alone."""
    largest = max(float(np.abs(f[:-1]).max()), a.scale * float(np.abs(f[-1]).max()))
    return float(np.ldexp(1.0, int(np.frexp(largest)[1]) - 1)) if largest > 0.0 else 1.0


def solve(a: Operator, f: Array, *, x: Array, tolerance: float, cycles: int) -> tuple[int, float]:
    """
    Solve A x = f, both [dim + 1, slots], from the guess in x and into it; (cycles used, relative residual).

    A guess whose residual is larger than that of no flow is dropped. Raises nothing: what it missed is in the residual.
    """
    unit = unit_of(a, f)
    with np.errstate(over="ignore"):
        x /= unit
    found = _solve(a, f / unit, x=x, tolerance=tolerance, cycles=cycles)
    x *= unit
    return found


def _solve(a: Operator, f: Array, *, x: Array, tolerance: float, cycles: int) -> tuple[int, float]:
    """With the cycle; where that stalls, from the start with the algebraic preconditioner; at last a factorisation."""
    start = x.copy()
    used, error, stalled = _descend(a, f, _Cycle(a), x=x, tolerance=tolerance, cycles=cycles, patience=PATIENCE)
    if stalled:
        # what the cycle left behind is large where nothing resists, and would drown the rest
        x[:] = start
        algebraic = Preconditioner(a.hierarchy, a.coefficients())
        small = f.size <= MOST_FACTORED[a.dim]
        limits: dict[str, Any] = {"tolerance": tolerance, "patience": PATIENCE if small else np.inf}
        more, error, stalled = _descend(a, f, algebraic, x=x, cycles=cycles - used, **limits)
        used += more
        if stalled:
            x[:] = start
            limits["patience"] = np.inf
            more, error, _ = _descend(a, f, Direct(algebraic), x=x, cycles=FEW, **limits)
            used += more
    return used, error


def _descend(
    a: Operator,
    f: Array,
    precondition: Callable[[Array], Array],
    *,
    x: Array,
    tolerance: float,
    cycles: int,
    patience: float,
) -> tuple[int, float, bool]:
    """
    Flexible GCR with the last directions kept, until |f - A x| <= tolerance |f| in the norm of `weights`.

    Returns cycles, relative residual, and True if it gave up because more cycles than `patience` were to come.
    """
    weight = weights(a)
    target = squared(f, weight)
    if target == 0.0:
        x[:] = 0.0
        return 0, 0.0, False
    r, zero = np.empty_like(f), np.zeros_like(f)

    def begin() -> float:
        a.modes.balance(x, f)
        residual(a, x, f, r)
        return squared(r, weight)

    left = begin()
    if not left <= target:
        # rounding of a large guess would drown a small solution
        x[:] = 0.0
        left = begin()
    directions, errors = _Directions(a, weight), [float(np.sqrt(left / target))]
    while errors[-1] > tolerance and len(errors) <= cycles and np.isfinite(errors[-1]):
        if _remaining(errors, tolerance) > patience:
            return len(errors) - 1, errors[-1], True
        step = directions.place()
        step[:] = precondition(r)
        a.modes.balance(step, r)
        if not directions.descend(zero, x, r):
            break
        left = squared(r, weight)
        if left <= tolerance**2 * target:
            # the residual carried along drifts from the true one by rounding; only the true one counts
            left = begin()
        errors.append(float(np.sqrt(left / target)))
    return len(errors) - 1, errors[-1], False


def _remaining(errors: list[float], tolerance: float) -> float:
    """Cycles to come at the rate of the last ones."""
    if len(errors) <= TRIAL:
        return 0.0
    rate = np.log(errors[-1] / errors[-1 - TRIAL // 2]) / (TRIAL // 2)
    return float(np.log(tolerance / errors[-1]) / rate) if rate < 0.0 else np.inf


class _Directions:
    """Steps and what they add to the residual, the latter orthogonal; the oldest give way when no place is left."""

    def __init__(self, a: Operator, weight: Array) -> None:
        self.a, self.weight = a, weight
        places = max(20, min(DIRECTIONS, MOST_BYTES // (16 * weight.size)))
        # memory is taken only for directions that are used
        self.steps, self.images = np.empty((places, weight.size)), np.empty((places, weight.size))
        self.lengths, self.used = np.zeros(places), 0

    def place(self) -> Array:
        """Where the next step is to be written, [dim + 1, slots]."""
        return np.asarray(self.steps[self.used % len(self.steps)].reshape(self.a.dim + 1, -1))

    def descend(self, zero: Array, x: Array, r: Array) -> bool:
        """Take from r all that the step in `place` can take; False if it can take nothing."""
        kept, slot = min(self.used, len(self.steps)), self.used % len(self.steps)
        step, image = self.steps[slot], self.images[slot]
        residual(self.a, step.reshape(x.shape), zero, image.reshape(x.shape))
        if kept:
            # the place of this step among the old ones, once they are all taken, counts nothing
            lengths = np.where(np.arange(kept) == slot, np.inf, self.lengths[:kept])
            factors = -inner(self.images[:kept], image, self.weight) / lengths
            kernels.combine(self.images[:kept], factors, image)
            kernels.combine(self.steps[:kept], factors, step)
        self.lengths[slot] = length = squared(image, self.weight)
        if not length > 0.0:
            return False
        along = -inner(image[None, :], r.reshape(-1), self.weight) / length
        # an image is what the step adds to the residual
        kernels.combine(image[None, :], along, r.reshape(-1))
        kernels.combine(step[None, :], along, x.reshape(-1))
        self.used += 1
        return True


class _Cycle:
    """One multigrid cycle for a residual; holds the buffers of the levels."""

    def __init__(self, a: Operator) -> None:
        self.a = a
        self.buffers = tuple(np.empty((a.dim + 1) * a.hierarchy.slots) for _ in range(3))

    def __call__(self, r: Array) -> Array:
        a, levels = self.a, self.a.hierarchy
        x, f, left = self.buffers
        f[: r.size], x[: r.size] = r.ravel(), 0.0
        buffers: tuple[Any, ...] = (a.co, x, f, left, a.damping, a.sweeps, levels.coarsest_sweeps)
        kernels.cycle[a.dim](levels.r, levels.schedule, *levels.tables, *buffers)
        return np.asarray(x[: r.size].reshape(r.shape))
