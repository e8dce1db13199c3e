"""
Slow flow of an active viscous fluid, in two and three dimensions.

    -div(2 eta dev e) + grad p + gamma u = div s_active + f,    div u + p / eta_b = growth,

with e = sym grad u and dev e = e - tr(e) I / dim, so that the total stress is 2 eta dev e - p I + s_active. With
eta_b infinite the fluid is incompressible; otherwise p = eta_b (growth - div u), and without growth that is the
compressible film -div(2 eta dev e + eta_b div u I) + gamma u = div s_active + f.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from tissue import fourier, multigrid
from tissue.errors import CompatibilityError, FieldError, SolveError
from tissue.fields import StressField, as_field, as_grid, as_inverse_bulk, as_stress
from tissue.grid import AXES, Array, Grid, beyond, lower
from tissue.passes import differ, largest

MOST_CYCLES = 300
# Sums of forces and of growth that cancel leave rounding of about this size, relative to what was summed;
ROUNDING = 1e-10
# and a field that was uniform before its mean was taken off is nothing but rounding, of this size at most for values
# of up to some hundreds, or relative to everything that drives the flow.
NOTHING = 1e-13

Walls = Mapping[str, Sequence[ArrayLike]]


@dataclass(frozen=True, eq=False)
class Flow:
    """
    Velocity along each axis on the faces across it, `Grid.face_shape` each, pressure p in centres, and how they
    were found. The axes' names u, v, w are short for the entries of `velocity`. walls: by axis and end (0 low,
    1 high) the components of the velocity given on a side.
    """

    grid: Grid
    velocity: tuple[Array, ...]
    p: Array
    iterations: int = 0
    residual: float = 0.0
    walls: Mapping[tuple[int, int], Sequence[Array]] = field(default_factory=dict)

    @property
    def u(self) -> Array:
        """Velocity along x."""
        return self.velocity[0]

    @property
    def v(self) -> Array:
        """Velocity along y."""
        return self.velocity[1]

    @property
    def w(self) -> Array:
        """Velocity along z, in three dimensions."""
        return self.velocity[2]

    def at_centres(self) -> Array:
        """Velocity at the cell centres, [nx, ny, ..., dim]."""
        shape = self.grid.shape
        both = [0.5 * (lower(u, a, shape[a]) + beyond(u, a, shape[a])) for a, u in enumerate(self.velocity)]
        return np.stack(both, axis=-1)

    def divergence(self) -> Array:
        """div u in the cells."""
        grid, total = self.grid, np.zeros(self.grid.shape)
        for a, given in enumerate(self.velocity):
            u = np.require(given, np.float64, ["C", "W"])
            differ(beyond(u, a, grid.shape[a]), lower(u, a, grid.shape[a]), grid.spacing[a], total, add=True)
        return total


def check_finite(flow: Flow) -> None:
    """Raises FieldError where a flow given to carry something is NaN or infinite."""
    for a, u in enumerate(flow.velocity):
        as_field(f"velocity {'uvw'[a]} of the flow", u, flow.grid.face_shape(a))


@dataclass(frozen=True, eq=False)
class Stokes:
    """
    The fluid on a grid, ready to be driven.

    viscosity: eta > 0, a number or an array of the grid's shape at centres.
    friction: gamma >= 0, force per area (volume) and velocity, a number or an array.
    bulk_viscosity: eta_b > 0, a number or an array; infinity (the default) is incompressible.
    tolerance: the residual, relative to the driving, at which a solve stops.

    Second order in the spacing where viscosity is smooth, and where it jumps along faces of the grid.

    Raises FieldError for values outside these ranges, NaN or infinity.
    """

    grid: Grid
    viscosity: ArrayLike = 1.0
    friction: ArrayLike = 0.0
    bulk_viscosity: ArrayLike = np.inf
    tolerance: float = 1e-8
    operator: multigrid.Operator = field(init=False, repr=False)
    _uniform: tuple[float, float] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shape = as_grid(self.grid).shape
        viscosity = as_field("viscosity", self.viscosity, shape, above=0.0)
        friction = as_field("friction", self.friction, shape, lowest=0.0)
        inverse_bulk = as_inverse_bulk(self.bulk_viscosity, shape)
        as_field("tolerance", self.tolerance, ())
        if not 1e-13 <= self.tolerance < 1.0:
            raise FieldError(f"tolerance is {self.tolerance}; choose it between 1e-13 and 1")
        built = multigrid.operator(self.grid, viscosity=viscosity, friction=friction, inverse_bulk=inverse_bulk)
        object.__setattr__(self, "operator", built)
        same = all(self.grid.periodic) and all(np.ptp(a) == 0.0 for a in (viscosity, friction, inverse_bulk))
        object.__setattr__(self, "_uniform", (viscosity.flat[0], friction.flat[0]) if same else None)

    def with_(
        self,
        *,
        viscosity: ArrayLike | None = None,
        friction: ArrayLike | None = None,
        bulk_viscosity: ArrayLike | None = None,
        tolerance: float | None = None,
    ) -> Stokes:
        """The same fluid with some properties changed; cheap enough for every time step."""
        return replace(
            self,
            viscosity=self.viscosity if viscosity is None else viscosity,
            friction=self.friction if friction is None else friction,
            bulk_viscosity=self.bulk_viscosity if bulk_viscosity is None else bulk_viscosity,
            tolerance=self.tolerance if tolerance is None else tolerance,
        )

    def solve(
        self,
        active_stress: StressField | None = None,
        *,
        force: Sequence[ArrayLike] | None = None,
        growth: ArrayLike | None = None,
        walls: Walls | None = None,
        guess: Flow | None = None,
    ) -> Flow:
        """
        The flow that balances an active stress, a force density, growth and moving sides.

        active_stress: s_active. force: for each axis a number or an array of `Grid.face_shape`; entries on walls are
        not used. growth: rate of area (volume) made, per time. walls: the velocity of sides that are "moving" or
        "inflow", by name, "-x" the low and "+x" the high side of x: for each component a number or an array of the
        side's faces; what is not named is at rest. guess: a flow to start from, best the last one.

        The pressure has mean zero where the fluid is incompressible and no side is traction-free; translations and
        rotations that neither a side nor friction holds have mean zero.

        Raises FieldError for wrong shapes, NaN or infinity; CompatibilityError where no flow can balance what
        is asked (growth that does not fit into an incompressible box, a net force or torque nothing resists; a mean
        of less than 1e-13, in the units used, counts as rounding and is taken away); SolveError
        if the tolerance is missed. Source: tissue.multigrid.
        """
        f = self._right_hand_side(active_stress, force, growth)
        a, levels = self.operator, self.operator.hierarchy
        given = _given(self.grid, {} if walls is None else walls)
        held = np.zeros_like(f) if given else None
        if held is not None:
            _set_walls(a, given, held, f)
            driven = np.empty_like(f)
            multigrid.residual(a, held, f, driven)
            f = driven
        self._make_compatible(f)
        if self._uniform is not None:
            return self._exact(f)
        x = np.zeros_like(f)
        if guess is not None:
            if not isinstance(guess, Flow) or guess.grid != self.grid:
                raise FieldError("the guess is a flow on another grid; give a flow on this one, or none")
            self._load(guess, x)
            if held is not None:
                x -= held
            x[:-1][a.coefficients()[a.friction_row + a.dim + 1 : -1] == 0.0] = 0.0
        iterations, error = multigrid.solve(a, f, x=x, tolerance=self.tolerance, cycles=MOST_CYCLES)
        if not error <= self.tolerance:
            raise SolveError(self._missed(iterations, error))
        if held is not None:
            x += held
        slots = x.reshape(-1, *levels.shape)
        velocity = tuple(_faces(self.grid, slots[b], b) for b in range(self.grid.dim))
        flow = self._flow(velocity, slots[-1][_box(self.grid.shape)], iterations, error)
        return replace(flow, walls=given)

    def _flow(self, velocity: tuple[Array, ...], p: Array, iterations: int, error: float) -> Flow:
        """The flow with its pressure: what was counted to the viscous stress is taken back from the solver's."""
        flow = Flow(self.grid, velocity, p, iterations, error)
        p = p - self._moved() * flow.divergence()
        modes = self.operator.modes
        if modes.free_pressure and modes.softness == 0.0:
            p -= p.mean()
        return replace(flow, p=p)

    def _moved(self) -> Array:
        """The part of the isotropic stress per dilation that the solver counts to the viscous stress."""
        a, box = self.operator, _box(self.grid.shape)
        return np.asarray(a.row(0)[box] / a.dim + a.row(1)[box])

    def _exact(self, f: Array) -> Flow:
        """Uniform and periodic: one Fourier transform there and back."""
        a, grid = self.operator, self.grid
        assert self._uniform is not None
        eta, friction = self._uniform
        box = _box(grid.shape)
        driving = f.reshape(-1, *a.hierarchy.shape)[(slice(None), *box)]
        softness = float(a.row(a.friction_row + a.dim)[box].flat[0])
        lame = float(a.row(1)[box].flat[0])
        unit = multigrid.unit_of(a, f)
        x = fourier.solve(grid, driving / unit, eta=float(eta), lame=lame, friction=float(friction), softness=softness)
        x *= unit
        return self._flow(tuple(x[:-1]), x[-1], 0, 0.0)

    def _load(self, flow: Flow, x: Array) -> None:
        slots = x.reshape(-1, *self.operator.hierarchy.shape)
        for b, u in enumerate(flow.velocity):
            slots[b][_box(u.shape)] = u
        slots[-1][_box(self.grid.shape)] = flow.p + self._moved() * flow.divergence()

    def _right_hand_side(
        self,
        active_stress: StressField | None,
        force: Sequence[ArrayLike] | None,
        growth: ArrayLike | None,
    ) -> Array:
        """Forces and growth [dim + 1, slots]: half a cell's at traction-free sides, none where velocity is given."""
        grid, a = self.grid, self.operator
        f = np.zeros((grid.dim + 1, int(np.prod(a.hierarchy.shape))))
        slots = f.reshape(-1, *a.hierarchy.shape)
        parts = [slots[b][_box(grid.face_shape(b))] for b in range(grid.dim)]
        if active_stress is not None:
            if as_stress(active_stress).grid != grid:
                raise FieldError("the active stress lies on another grid; spread it on this one")
            active_stress.force_into(parts)
        if force is not None:
            along = _components("force", force, grid.dim)
            for b in range(grid.dim):
                parts[b] += as_field(f"force along {AXES[b]}", along[b], grid.face_shape(b))
        for b, part in enumerate(parts):
            ends = np.moveaxis(part, b, 0)
            for end, kind in ((0, grid.sides[b][0]), (-1, grid.sides[b][1])):
                if kind == "traction-free":
                    ends[end] *= 0.5
                elif kind != "periodic" and (end == 0 or grid.open[b]):
                    ends[end] = 0.0
        if growth is not None:
            grown = as_field("growth", growth, grid.shape)
            bulk = a.row(a.friction_row + a.dim)[_box(grid.shape)]
            slots[-1][_box(grid.shape)] = grown * (1.0 + bulk * self._moved())
        return f

    def _make_compatible(self, f: Array) -> None:
        """Refuse a mean that nothing resists; take away the rounding of one that cancels."""
        a = self.operator
        modes = a.modes
        driving = max(largest(f[:-1]), a.scale * largest(f[-1]))
        if modes.free_pressure and modes.softness == 0.0:
            grown = f[-1].reshape(a.hierarchy.shape)[_box(self.grid.shape)]
            mean = _without_mean(grown, driving / a.scale)
            if mean is not None:
                raise CompatibilityError(
                    f"mean growth is {mean:.3g} per time, but an incompressible fluid in a closed or periodic "
                    "box has nowhere to put it; subtract the mean of the growth, or give a finite bulk_viscosity"
                )
        if modes.resisted:
            return
        for mode in modes.motions:
            if not mode.uniform:
                continue
            part = mode.parts[0]
            mean = _without_mean(part.of(f, mode.shape), driving, part.mass)
            if mean is not None:
                raise CompatibilityError(
                    f"the mean {mode.name} is {mean:.3g}, and neither friction nor a wall resists it; subtract its "
                    "mean, give a friction > 0, or put no-slip walls on the other axis"
                )
        for mode in modes.motions:
            if mode.uniform:
                continue
            torque, size = mode.work(f), mode.work(f, absolute=True)
            if abs(torque) > ROUNDING * size + NOTHING * (1.0 + driving) * mode.length:
                raise CompatibilityError(
                    f"the net {mode.name} is {torque * self.grid.cell_area:.3g}, and neither friction nor a wall "
                    "resists it; give forces without one, a friction > 0, or a side that holds the fluid"
                )
            mode.add(f, -torque / mode.length, weighted=True)

    def _missed(self, iterations: int, error: float) -> str:
        eta = self.operator.row(0)[_box(self.grid.shape)]
        contrast = float(eta.max() / eta.min())
        return (
            f"the flow missed its tolerance: residual {error:.2e} of {self.tolerance:.0e} after {iterations} cycles "
            f"on a grid of {' x '.join(map(str, self.grid.shape))}, viscosity contrast {contrast:.3g}. Lower the "
            "contrast of viscosity, smooth its logarithm over a few grid cells (inclusions and layers with jumps of "
            "1e6 are solved, noise of 1e6 from cell to cell up to 32 cells a side in three dimensions), "
            "or raise the tolerance; one below about 1e-12 is beyond rounding"
        )


def _box(shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(0, n) for n in shape)


def _faces(grid: Grid, slots: Array, axis: int) -> Array:
    return np.ascontiguousarray(slots[_box(grid.face_shape(axis))])


def _without_mean(view: Array, driving: float, mass: Array | float = 1.0) -> float | None:
    """Take its mean off; the mean if it is more than rounding."""
    if largest(view) == 0.0:
        return None
    # shares before sums, so that none is beyond the range of numbers
    whole = float(np.broadcast_to(mass, view.shape).sum())
    shares = view / whole
    mean, size = float(shares.sum()), float(np.abs(shares).sum())
    if abs(mean) > ROUNDING * size + NOTHING * (1.0 + driving):
        return mean
    view -= mean * mass
    view -= (view / whole).sum() * mass
    if np.abs(view).max() <= ROUNDING * abs(mean):
        # it was uniform, and what is left would be solved for as if it meant something
        view[:] = 0.0
    return None


def _components(name: str, value: object, dim: int) -> Sequence[ArrayLike]:
    """One for each axis. Raises FieldError for anything else."""
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    if not listed and not (isinstance(value, np.ndarray) and value.ndim):
        raise FieldError(f"{name} is of type {type(value).__name__}; give one component for each of {dim} axes")
    value = cast(Sequence[ArrayLike], value)
    if len(value) != dim:
        raise FieldError(f"{name} has {len(value)} components; give one for each of {dim} axes")
    return value


def _given(grid: Grid, walls: Walls) -> dict[tuple[int, int], list[Array]]:
    """Velocities of sides by axis and end, each component on the side's faces or the ends of its edges."""
    names = {sign + AXES[axis]: (axis, end) for axis in range(grid.dim) for end, sign in enumerate("-+")}
    given = {}
    if not isinstance(walls, Mapping):
        raise FieldError("walls gives velocities by side, as in {'-x': (1.0, 0.0)}")
    for name, velocity in walls.items():
        if name not in names:
            raise FieldError(f"walls names {name!r}; the sides are {', '.join(names)}")
        axis, end = names[name]
        kind = grid.sides[axis][end]
        if kind not in ("moving", "inflow"):
            raise FieldError(f"walls gives side {name} a velocity, but it is {kind!r}; make it 'moving' or 'inflow'")
        along = _components(f"the velocity of side {name}", velocity, grid.dim)
        parts = []
        for b in range(grid.dim):
            shape = tuple(n for c, n in enumerate(grid.face_shape(b)) if c != axis)
            parts.append(as_field(f"velocity {'uvw'[b]} of side {name}", along[b], shape))
        if kind == "moving" and parts[axis].any():
            raise FieldError(f"side {name} is a moving wall, and nothing flows through it; make it 'inflow'")
        given[axis, end] = parts
    return given


def _set_walls(a: multigrid.Operator, given: dict[tuple[int, int], list[Array]], held: Array, f: Array) -> None:
    """Given velocities through sides into `held`, and what given velocities along them pull into f."""
    grid = a.hierarchy.grid
    for (axis, end), parts in given.items():
        place = held[axis].reshape(a.hierarchy.shape)
        layer = np.moveaxis(place, axis, 0)[grid.shape[axis] if end else 0]
        layer[_box(parts[axis].shape)] = parts[axis]
    for (axis, end), parts in given.items():
        for b in range(grid.dim):
            if b != axis:
                _drag(a, axis, end, b, parts, f)


def _drag(a: multigrid.Operator, axis: int, end: int, along: int, parts: list[Array], f: Array) -> None:
    """
    Add to f what a side pulls along another axis.

    The operator sees the stress eta (2 u / h + 2 d u_n / d along) of a side at rest, u the velocity half a cell
    inside; the stress is eta (2 (u - u_side) / h + d u_n / d along).
    """
    grid = a.hierarchy.grid
    first, second = min(axis, along), max(axis, along)
    edges = np.moveaxis(a.edge(grid.pairs.index((first, second))), axis, 0)[grid.shape[axis] if end else 0]
    rest = along - (1 if along > axis else 0)
    shape = parts[along].shape
    through = np.moveaxis(parts[axis], rest, 0)
    slope = np.zeros((shape[rest], *through.shape[1:]))
    slope[1 : len(through)] = through[1:] - through[:-1]
    if grid.periodic[along]:
        slope[0] = through[0] - through[-1]
    slope = np.moveaxis(slope, 0, rest) / grid.spacing[along]
    sign = -1.0 if end else 1.0
    pull = edges[_box(shape)] * (parts[along] / grid.spacing[axis] + sign * 0.5 * slope) / grid.spacing[axis]
    target = np.moveaxis(f[along].reshape(a.hierarchy.shape), axis, 0)[grid.shape[axis] - 1 if end else 0]
    target[_box(shape)] += pull
