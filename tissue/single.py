"""
The Stokes operator and its multigrid cycle in single precision, in units of the fluid's own viscosity and spacing.

With eta0 the mean viscosity (of its logarithm) and h0 the spacing, forces are counted in eta0 / h0^2, pressures in
eta0 / h0 and growth in 1 / h0; velocities are as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from tissue import _kernels_cycle as kernels
from tissue import _kernels_levels as columns
from tissue import _kernels_vectors as vectors
from tissue._kernels_transfer import pack
from tissue.grid import Array
from tissue.krylov import room
from tissue.levels import COARSEST_SWEEPS, Hierarchy, Integers
from tissue.modes import Modes

DIRECTIONS = 25  # that may be kept around the cycle
MOST_KEPT_BYTES = 2**28
SEEN = 1e-4  # mean resistance of a free motion, over that of viscosity in a cell, that single precision can tell
Singles = NDArray[Any]  # of four bytes each


@dataclass(frozen=True, eq=False)
class Coefficients:
    """`co` of tissue._kernels_levels on every level, which of them there are, and the units eta0 and h0."""

    co: Singles
    present: Integers
    viscosity: float
    length: float


def coefficients(levels: Hierarchy, co: Array, fields: Array, *, viscosity: float, length: float) -> Coefficients:
    """From those in double precision on every level, and `fields` as tissue._kernels_stokes.set_up leaves them."""
    lines, dim = levels.lines, levels.grid.dim
    packed = np.zeros(lines.coefficients, np.float32)
    drag, pairs = length**2 / viscosity, dim * (dim - 1) // 2
    # 2 eta and the edges, friction, inverse diagonals, 1 / bulk modulus, the inverse of the cell, lambda
    factors = np.array(
        [1.0 / viscosity] * (1 + pairs) + [drag] + [1.0 / drag] * dim + [viscosity, 1.0 / viscosity, 1.0 / viscosity]
    )
    r = tuple(np.float32(v) for v in levels.r)
    pack[dim](r, levels.geometry, lines.table, co, fields, packed, factors, numba.get_num_threads())
    present = np.zeros((len(lines.table), 3), np.int64)
    finest = fields[: 3 * math.prod(levels.shape)].reshape(3, -1)
    present[:, columns.FRICTION], present[:, columns.BULK] = finest[1].any(), finest[2].any()
    for entry, line in zip(present, lines.table, strict=True):
        first = line[columns.COEFFICIENTS] + line[columns.WIDTH] + (columns.count(dim) - 1) * line[columns.SLOTS]
        entry[columns.LAMBDA] = packed[first : first + line[columns.SLOTS]].any()
    return Coefficients(packed, present, viscosity, length)


class Desk:
    """The buffers of a solve: vectors of all levels, scratch for every thread, and the outer iteration's directions."""

    def __init__(self, levels: Hierarchy, threads: int) -> None:
        lines, dim = levels.lines, levels.grid.dim
        self.levels, self.threads = levels, threads
        self.x, self.y, self.f, self.left = (np.zeros((dim + 1) * lines.slots, np.float32) for _ in range(4))
        # memory is taken only for what is used
        self.q = np.zeros((kernels.TOGETHER + 1) * lines.slots, np.float32)
        self.between = np.zeros((kernels.TOGETHER - 1) * (dim + 1) * lines.slots, np.float32)
        self.work = np.zeros(threads * kernels.TOGETHER * lines.scratch, np.float32)
        self.size = (dim + 1) * int(lines.table[0, columns.SLOTS])
        self.directions = room(self.size, np.float32, most=DIRECTIONS)


# Taking memory from the system and giving it back takes up to a fifth of a solve: the last desk waits for the next one.
_waiting: list[Desk] = []


def take_desk(levels: Hierarchy) -> Desk:
    """The desk that was put back last if it fits, or a new one; two threads that solve at once get two."""
    try:
        desk = _waiting.pop()
    except IndexError:
        return Desk(levels, numba.get_num_threads())
    return desk if desk.levels is levels and desk.threads == numba.get_num_threads() else take_desk(levels)


def put_back(desk: Desk, used: int) -> None:
    """Keep a desk, of which so many directions were used, for the next solve on its grid, unless it is large."""
    if desk.x.itemsize * (len(desk.directions) * used * desk.size + 4 * desk.x.size) <= MOST_KEPT_BYTES:
        _waiting[:] = [desk]


class Single:
    """Cycle and operator for vectors [(dim + 1) slots] of level 0."""

    def __init__(
        self, desk: Desk, built: Coefficients, modes: Modes, weight: Array, *, sweeps: int, damping: float
    ) -> None:
        self.desk, self.levels, self.built, self.sweeps, self.damping = desk, desk.levels, built, sweeps, damping
        levels, dim, self.size = desk.levels, desk.levels.grid.dim, desk.size
        self.spacing = (levels.inverse_spacing * built.length).astype(np.float32)
        # forces, pressures and growth in the units of double precision
        force = built.viscosity / built.length**2
        self.forces = np.array([force] * dim + [1.0 / built.length])
        self.unknowns = np.array([1.0] * dim + [built.viscosity / built.length])
        self.modes = _scaled(modes, levels, built)
        self.weight = self.pack(weight, self.weights())

    def weights(self) -> Array:
        """What takes the weights of tissue.multigrid to those of these units."""
        built, dim = self.built, self.levels.grid.dim
        return np.array([built.viscosity / built.length**2] * dim + [1.0 / built.viscosity])

    def view(self, vector: Singles) -> Singles:
        """The slots of level 0, [dim + 1, slots along each axis]."""
        shape = self.levels.shape
        return vector.reshape(len(shape) + 1, *shape[:-1], -1)[..., 1 : shape[-1] + 1]

    def pack(self, values: Array, factors: Array) -> Singles:
        """Values [dim + 1, slots], each component times a factor, in lines."""
        out = np.zeros(self.size, np.float32)
        vectors.into_lines(self._by_line(values), factors, self._by_line(out))
        return out

    def add(self, vector: Singles, factors: Array, out: Array) -> None:
        """Add the slots of a vector to `out` [dim + 1, slots], each component times a factor."""
        vectors.add_from_lines(self._by_line(vector), factors, self._by_line(out))

    def _by_line(self, values: Any) -> Any:
        return values.reshape(self.levels.grid.dim + 1, math.prod(self.levels.shape[:-1]), -1)

    def cycle(self, r: Singles, out: Singles) -> None:
        """A correction for the residual r, its free motions set."""
        self._run(self.levels.schedule, r, out)
        view = self.view(out)
        self.modes.balance(view, self.view(r))
        if self.modes.motions and self.levels.grid.periodic[-1]:
            n = self.levels.grid.shape[-1]
            whole = out.reshape(*view.shape[:-1], -1)
            whole[..., 0], whole[..., n + 1] = whole[..., n], whole[..., 1]

    def image(self, step: Singles, out: Singles) -> None:
        """out = - A step."""
        self._run(ONLY_IMAGE, step, step, out)

    def _run(self, schedule: Integers, r: Singles, x: Singles, left: Singles | None = None) -> None:
        lines, levels, built = self.levels.lines, self.levels, self.built
        kernels.cycle[levels.grid.dim](
            tuple(self.spacing[0]),
            schedule,
            lines.table,
            built.present,
            self.spacing,
            lines.near,
            lines.index,
            lines.weight,
            built.co,
            r,
            x,
            self.desk.x,
            self.desk.y,
            self.desk.f,
            self.desk.q,
            self.desk.left if left is None else left,
            self.desk.between,
            self.desk.work,
            np.float32(self.damping),
            self.sweeps,
            COARSEST_SWEEPS,
            self.desk.threads,
        )


ONLY_IMAGE = np.array([[kernels.ONLY_IMAGE, 0, 0]])


def _scaled(modes: Modes, levels: Hierarchy, built: Coefficients) -> Modes:
    """The free motions for vectors in lines and in these units."""
    drag = built.length**2 / built.viscosity
    # sums in single precision, divided by next to nothing, would be noise: such means are set in double precision
    if modes.motions and 0.0 < np.abs(modes.resistance).max() * drag < SEEN * math.prod(levels.shape):
        modes = replace(modes, resistance=0.0 * modes.resistance)
    if modes.bulk is not None and modes.softness * built.viscosity < SEEN * modes.bulk.size:
        modes = replace(modes, softness=0.0)
    friction: Singles | None = None
    if modes.friction is not None and modes.resisted:
        friction = (modes.friction.reshape(-1, *levels.shape) * drag).astype(np.float32)
    return replace(
        modes,
        friction=friction,
        resistance=modes.resistance * drag,
        softness=modes.softness * built.viscosity,
        bulk=None if modes.bulk is None else (modes.bulk * built.viscosity).astype(np.float32),
    )
