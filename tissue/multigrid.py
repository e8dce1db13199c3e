"""
The discrete Stokes operator and the outer iteration that inverts it.

F-cycles of coupled (Vanka) smoothing precondition a flexible GCR, both in single precision, and what they miss is
found in double precision; V-cycles degrade as the grid is refined. Where the viscosity jumps so far that they stall,
`tissue.algebraic` takes over in double precision.
Source: Vanka 1986, doi:10.1016/0021-9991(86)90008-2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from tissue import _kernels_stokes as kernels
from tissue._kernels_coefficients import set_up
from tissue.algebraic import MOST_FACTORED, Direct, Preconditioner
from tissue.grid import Array, Grid
from tissue.krylov import Directions, remaining, room, squared
from tissue.levels import Hierarchy, hierarchy
from tissue.modes import Modes, free_modes
from tissue.passes import largest, scale
from tissue.patches import MOST_PATCHED, Patches
from tissue.single import Coefficients, Single, coefficients, put_back, take_desk

# Sweeps before and after each visit, their damping, and the directions that GCR keeps (more save fewer cycles than they
# cost): below a viscosity contrast of HARD_CONTRAST and above.
EASY, HARD, HARD_CONTRAST = (3, 0.9, 5), (8, 0.9, 25), 300.0
DIRECTIONS = 200  # that GCR keeps in double precision
# How many cycles may be to come at the rate of the last ones: of the multigrid, and of what is tried after it.
PATIENCE, SLOW_PATIENCE = 150.0, 70.0
# The residual is worked out anew in double precision after it has fallen so far in single precision, which is not
# trusted where that finds so many times as much.
REFRESH, MISTRUST = 1e-4, 30.0
SMALLEST_UNIT = -1000  # as a power of two, so that one over it is a number
FEW = 10  # a factorisation needs two or three


@dataclass(frozen=True, eq=False)
class Operator:
    """The discrete Stokes operator of one fluid: `co` of tissue._kernels_stokes, and the levels in single precision."""

    hierarchy: Hierarchy
    co: Array
    single: Coefficients
    scale: float
    sweeps: int
    damping: float
    kept: int
    modes: Modes

    @property
    def dim(self) -> int:
        """2 or 3."""
        return self.hierarchy.grid.dim

    def coefficients(self) -> Array:
        """`co` of level 0, [rows, slots]."""
        return self.co

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
    set_up[grid.dim](levels.r, *levels.tables, levels.sides, fields, co, numba.get_num_threads())
    # makes a residual of div u count as much as one of the forces
    mean, length = float(np.exp(log_viscosity.mean())), float(np.exp(np.log(grid.spacing).mean()))
    single = coefficients(levels, co, fields, viscosity=mean, length=length)
    contrast = float(np.exp(np.ptp(log_viscosity)))
    sweeps, damping, kept = EASY if contrast <= HARD_CONTRAST else HARD
    finest = co[: count * slots].reshape(count, slots)
    modes = free_modes(grid, levels.shape, finest[2 + grid.dim * (grid.dim - 1) // 2 :])
    return Operator(levels, finest, single, mean / length, sweeps, damping, kept, modes)


def residual(a: Operator, x: Array, f: Array, out: Array) -> None:
    """out = f - A x, each [dim + 1, slots]."""
    levels = a.hierarchy
    kernels.residual[a.dim](levels.r, levels.geometry[0], levels.steps, a.co, x, f, out)


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
    size = max(largest(f[:-1]), a.scale * largest(f[-1]))
    return float(np.ldexp(1.0, max(int(np.frexp(size)[1]) - 1, SMALLEST_UNIT))) if size > 0.0 else 1.0


def solve(a: Operator, f: Array, *, x: Array, tolerance: float, cycles: int) -> tuple[int, float]:
    """
    Solve A x = f, both [dim + 1, slots], from the guess in x and into it; (cycles used, relative residual).

    f is left divided by `unit_of`.

    A guess whose residual is larger than that of no flow is dropped. Raises nothing: what it missed is in the residual.
    """
    unit = unit_of(a, f)
    with np.errstate(over="ignore"):
        scale(x, 1.0 / unit, x)
        scale(f, 1.0 / unit, f)
    found = _solve(a, f, x=x, tolerance=tolerance, cycles=cycles)
    scale(x, unit, x)
    return found


def _solve(a: Operator, f: Array, *, x: Array, tolerance: float, cycles: int) -> tuple[int, float]:
    """With the cycle; where that stalls, from the start with the algebraic preconditioner; at last by factors."""
    start: Array | float = x.copy() if largest(x) > 0.0 else 0.0
    equations = _Equations(a, f)
    used, error, stalled = _refine(equations, x=x, tolerance=tolerance, cycles=cycles)
    if stalled:
        # what the cycle left behind is large where nothing resists, and would drown the rest
        x[:] = start
        algebraic = Preconditioner(a.hierarchy, a.coefficients())
        factored, patched = f.size <= MOST_FACTORED.get(a.dim, 0), f.size <= MOST_PATCHED[a.dim]
        patience = SLOW_PATIENCE if factored or patched else np.inf
        limits: dict[str, Any] = {"tolerance": tolerance, "cycles": cycles - used, "patience": patience}
        more, error, stalled = _descend(equations, algebraic, x=x, **limits)
        used += more
        if stalled:
            x[:] = start
            limits = {"tolerance": tolerance, "cycles": FEW if factored else cycles - used, "patience": np.inf}
            last = Direct(algebraic) if factored else Patches(a.hierarchy.grid, algebraic)
            more, error, _ = _descend(equations, last, x=x, **limits)
            used += more
    return used, error


class _Equations:
    """A x = f and the norm in which it is solved, that of `weights` relative to f."""

    def __init__(self, a: Operator, f: Array) -> None:
        self.a, self.f, self.weight = a, f, weights(a)
        self.target = squared(f, self.weight)
        self.r = np.empty_like(f)

    def error(self, x: Array) -> float:
        """The norm of f - A x, which is left in r, after the free motions of x are set."""
        self.a.modes.balance(x, self.f)
        residual(self.a, x, self.f, self.r)
        return float(np.sqrt(squared(self.r, self.weight) / self.target))

    def begin(self, x: Array) -> float:
        """The norm for a guess, or for no flow where that leaves less: rounding of a large guess drowns the rest."""
        if self.target == 0.0:
            x[:] = 0.0
            return 0.0
        error = self.error(x)
        if not error <= 1.0:
            x[:] = 0.0
            error = self.error(x)
        return error


def _descend(
    equations: _Equations,
    precondition: Callable[[Array], Array],
    *,
    x: Array,
    tolerance: float,
    cycles: int,
    patience: float,
) -> tuple[int, float, bool]:
    """
    GCR in double precision, until the error is below the tolerance.

    Returns cycles, relative residual, and True if it gave up because more cycles than `patience` were to come.
    """
    a, r = equations.a, equations.r
    errors, zero = [equations.begin(x)], np.zeros_like(x)
    directions = Directions(equations.weight, *room(x.size, np.float64, most=DIRECTIONS))
    while errors[-1] > tolerance and len(errors) <= cycles and np.isfinite(errors[-1]):
        if remaining(errors, tolerance) > patience:
            return len(errors) - 1, errors[-1], True
        step, image = directions.step.reshape(r.shape), directions.image.reshape(r.shape)
        step[:] = precondition(r)
        a.modes.balance(step, r)
        residual(a, step, zero, image)
        left = directions.descend(x.reshape(-1), r.reshape(-1))
        if left is None:
            break
        error = float(np.sqrt(left / equations.target))
        # the residual carried along drifts from the true one by rounding; only the true one counts
        errors.append(equations.error(x) if error <= tolerance else error)
    return len(errors) - 1, errors[-1], False


def _refine(equations: _Equations, *, x: Array, tolerance: float, cycles: int) -> tuple[int, float, bool]:
    """
    GCR and its cycles in single precision, for the residual of what was found before in double precision.

    Returns as `_descend`; it also gives up where the residual is far from what single precision makes believe.
    """
    a, errors = equations.a, [equations.begin(x)]
    if errors[0] <= tolerance or not np.isfinite(errors[0]):
        return 0, errors[0], False
    desk = take_desk(a.hierarchy)
    single = Single(desk, a.single, a.modes, equations.weight, sweeps=a.sweeps, damping=a.damping)
    found = _search(equations, single, x=x, errors=errors, tolerance=tolerance, cycles=cycles)
    if not found[2]:
        # one that overflowed is not used again
        put_back(desk, a.kept)
    return found


def _search(
    equations: _Equations, single: Single, *, x: Array, errors: list[float], tolerance: float, cycles: int
) -> tuple[int, float, bool]:
    directions = Directions(single.weight, *(v[: equations.a.kept] for v in single.desk.directions))
    while errors[-1] > tolerance and len(errors) <= cycles:
        # residuals of about one in its own units, whatever drives the flow
        unit = max(largest(row) / force for row, force in zip(equations.r, single.forces, strict=True))
        begun, wanted = errors[-1], max(tolerance, REFRESH * errors[-1])
        since, r = len(errors) - 1, single.pack(equations.r, 1.0 / (unit * single.forces))
        found = np.zeros_like(r)
        size = squared(r, single.weight)
        if not size > 0.0:
            return len(errors) - 1, errors[-1], True
        if directions.used:
            errors[-1] = begun * float(np.sqrt(directions.reuse(found, r) / size))
        while errors[-1] > wanted and len(errors) <= cycles:
            if not np.isfinite(errors[-1]) or remaining(errors[since:], tolerance) > PATIENCE:
                return len(errors) - 1, errors[-1], True
            single.cycle(r, directions.step)
            single.image(directions.step, directions.image)
            left = directions.descend(found, r)
            if left is None:
                return len(errors) - 1, errors[-1], True
            errors.append(begun * float(np.sqrt(left / size)))
        single.add(found, unit * single.unknowns, x)
        believed, errors[-1] = errors[-1], equations.error(x)
        if not errors[-1] <= max(MISTRUST * believed, tolerance):
            return len(errors) - 1, errors[-1], True
    return len(errors) - 1, errors[-1], False
