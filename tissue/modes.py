"""Motions that no viscous stress and no side resists, and the pressure that nothing fixes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import cast

import numpy as np

from tissue.grid import AXES, Array, Grid
from tissue.passes import product, shift, total

HELD = ("no-slip", "moving", "inflow")


@dataclass(frozen=True, eq=False)
class Part:
    """One component of a mode: where its unknowns lie, its value there, and how much of a cell each stands for."""

    component: int
    where: tuple[slice, ...]
    value: Array
    mass: Array
    even: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "even", bool((self.mass == 1.0).all()))

    def of(self, x: Array, shape: tuple[int, ...]) -> Array:
        """View of the unknowns [dim + 1, slots] that this part moves."""
        return cast(Array, x[self.component].reshape(shape)[self.where])


@dataclass(frozen=True, eq=False)
class Mode:
    """A translation along an axis or a rotation about the middle of the box."""

    name: str
    shape: tuple[int, ...]
    parts: tuple[Part, ...]
    length: float = field(init=False)

    def __post_init__(self) -> None:
        # np.broadcast_to lets the sum run over every unknown
        length = sum(
            float((np.broadcast_to(p.value**2 * p.mass, _extent(p.where, self.shape))).sum()) for p in self.parts
        )
        object.__setattr__(self, "length", length)

    @property
    def uniform(self) -> bool:
        """True for a translation."""
        return len(self.parts) == 1

    def work(self, f: Array, *, absolute: bool = False) -> float:
        """Sum of f times the mode, the net force along it or the torque; or of the absolute values."""
        works = (part.of(f, self.shape) * part.value for part in self.parts)
        return sum(float((np.abs(work) if absolute else work).sum()) for work in works)

    def left(self, f: Array, friction: Array, x: Array) -> float:
        """`work` of f - friction x."""
        if not self.uniform:
            return self.work(f[:-1] - friction * x[:-1])
        driven, drag, moved = (self.parts[0].of(v, self.shape) for v in (f, friction, x))
        return total(driven) - product(drag, moved)

    def mean(self, x: Array) -> float:
        """How much of the mode is in x."""
        if self.uniform and self.parts[0].even:
            return total(self.parts[0].of(x, self.shape)) / self.length
        return (
            sum(float((part.of(x, self.shape) * (part.value * part.mass)).sum()) for part in self.parts) / self.length
        )

    def add(self, x: Array, amount: float, *, weighted: bool = False) -> None:
        """Add the mode to x; `weighted` as a force density on the unknowns, halves on the ends."""
        for part in self.parts:
            view = part.of(x, self.shape)
            if self.uniform and (part.even or not weighted):
                shift(view, amount)
                continue
            view += amount * part.value * (part.mass if weighted else 1.0)


@dataclass(frozen=True, eq=False)
class Modes:
    """
    The free motions of one fluid and its free pressure, with what resists them.

    resistance [modes, modes]: friction between the motions; pressure_resistance: the sum of 1 / bulk modulus, or
    None where the pressure is not free.
    """

    motions: tuple[Mode, ...]
    friction: Array | None
    resistance: Array
    softness: float
    bulk: Array | None = None
    cells: tuple[slice, ...] = ()
    shape: tuple[int, ...] = ()

    @property
    def free_pressure(self) -> bool:
        """True where a constant pressure is no force."""
        return self.bulk is not None

    @property
    def resisted(self) -> bool:
        """True where friction resists the motions."""
        return bool(self.resistance.any())

    def balance(self, x: Array, f: Array) -> None:
        """Shift the free components of x to where the sum of their equations holds; to mean zero if nothing resists."""
        if self.motions:
            if self.resisted:
                assert self.friction is not None
                work = np.array([mode.left(f, self.friction, x) for mode in self.motions])
                amounts = np.linalg.lstsq(self.resistance, work, rcond=None)[0]
            else:
                amounts = np.array([-mode.mean(x) for mode in self.motions])
            for mode, amount in zip(self.motions, amounts, strict=True):
                mode.add(x, float(amount))
        if self.bulk is not None:
            p, wanted = x[-1].reshape(self.shape)[self.cells], f[-1].reshape(self.shape)[self.cells]
            if self.softness > 0.0:
                shift(p, (total(wanted) - product(self.bulk, p)) / self.softness)
            else:
                shift(p, -total(p) / p.size)


def _extent(where: tuple[slice, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(len(range(*s.indices(n))) for s, n in zip(where, shape, strict=True))


def _part(grid: Grid, component: int, along: int | None, sign: float) -> Part:
    """The component of a mode that grows along an axis, or is constant."""
    last = grid.sides[component][1] == "traction-free"
    where = tuple(slice(0, n + (1 if last and a == component else 0)) for a, n in enumerate(grid.shape))
    mass = np.ones([w.stop if a == component else 1 for a, w in enumerate(where)])
    if last:
        mass.reshape(-1)[[0, -1]] = 0.5
    if along is None:
        return Part(component, where, np.full((1,) * grid.dim, sign), mass)
    place = grid.centres()[along] - 0.5 * grid.size[along]
    return Part(component, where, sign * place, mass)


@lru_cache(maxsize=32)
def _motions(grid: Grid) -> tuple[Mode, ...]:
    shape = tuple(n + 1 for n in grid.shape)
    free = [all(side in ("periodic", "traction-free") for side in sides) for sides in grid.sides]
    sticks = [any(side in HELD for side in sides) for sides in grid.sides]
    found = []
    for a in range(grid.dim):
        if free[a] and not any(sticks[b] for b in range(grid.dim) if b != a):
            found.append(Mode(f"force along {AXES[a]}", shape, (_part(grid, a, None, 1.0),)))
    for a, b in grid.pairs:
        ends = all(side == "traction-free" for c in (a, b) for side in grid.sides[c])
        if ends and not any(sticks[c] for c in range(grid.dim) if c not in (a, b)):
            about = "" if grid.dim == 2 else f" about {AXES[3 - a - b]}"
            parts = (_part(grid, a, b, -1.0), _part(grid, b, a, 1.0))
            found.append(Mode(f"torque{about}", shape, parts))
    return tuple(found)


def free_modes(grid: Grid, shape: tuple[int, ...], held: Array) -> Modes:
    """The modes of a fluid whose friction and 1 / bulk modulus are the first rows of `held` [.., slots]."""
    motions = _motions(grid)
    friction = held[: grid.dim]
    resistance = np.zeros((len(motions), len(motions)))
    if friction.any():
        for k, mode in enumerate(motions):
            pull = np.zeros_like(friction)
            mode.add(pull, 1.0)
            pull *= friction
            resistance[:, k] = [other.work(pull) for other in motions]
    cells = tuple(slice(0, n) for n in grid.shape)
    bulk = held[grid.dim].reshape(shape)[cells]
    pinned = any("traction-free" in sides for sides in grid.sides)
    return Modes(motions, friction, resistance, float(bulk.sum()), None if pinned else bulk, cells, shape)
