"""
Slow flow of an active viscous fluid.

    -div(2 eta dev e) + grad p + gamma u = div s_active + f,    div u + p / eta_b = growth,

with e = sym grad u and dev e = e - tr(e)/2 I, so that the total stress is 2 eta dev e - p I + s_active. With
eta_b infinite the fluid is incompressible; otherwise the effective viscosity of a one-dimensional flow is
eta + eta_b.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from tissue import multigrid
from tissue.errors import CompatibilityError, FieldError, SolveError
from tissue.fields import StressField, as_field, as_inverse_bulk
from tissue.grid import Array, Grid

MOST_CYCLES = 60
# Sums of forces and of growth that cancel leave rounding of about this size, relative to what was summed;
ROUNDING = 1e-10
# and a field that was uniform before its mean was taken off is nothing but rounding, of this size at most for values
# of up to some hundreds, or relative to everything that drives the flow.
NOTHING = 1e-13


@dataclass(frozen=True, eq=False)
class Flow:
    """Velocity u on x-faces, v on y-faces and pressure p in centres, [nx, ny] each, and how they were found."""

    grid: Grid
    u: Array
    v: Array
    p: Array
    iterations: int
    residual: float

    def at_centres(self) -> Array:
        """Velocity at the cell centres, [nx, ny, 2]."""
        u = 0.5 * (self.u + np.roll(self.u, -1, axis=0))
        v = 0.5 * (self.v + np.roll(self.v, -1, axis=1))
        return np.stack([u, v], axis=-1)

    def divergence(self) -> Array:
        """div u in the cells, [nx, ny]."""
        hx, hy = self.grid.spacing
        return (np.roll(self.u, -1, axis=0) - self.u) / hx + (np.roll(self.v, -1, axis=1) - self.v) / hy


def check_finite(flow: Flow) -> None:
    """Raises FieldError where a flow given to carry something is NaN or infinite."""
    as_field("velocity u of the flow", flow.u, flow.grid.shape)
    as_field("velocity v of the flow", flow.v, flow.grid.shape)


@dataclass(frozen=True, eq=False)
class Stokes:
    """
    The fluid on a grid, ready to be driven.

    viscosity: eta > 0, a number or [nx, ny] at centres.
    friction: gamma >= 0, force per area and velocity, a number or [nx, ny].
    bulk_viscosity: eta_b > 0, a number or [nx, ny]; infinity (the default) is incompressible.
    tolerance: the residual, relative to the driving, at which a solve stops.

    Second order in the spacing where viscosity is smooth, first order where it jumps, for at a jump the shear stress
    sees the logarithmic mean: 11, 5.7 and 2.9 % of the largest speed for two layers of contrast 1000 in a channel of
    32, 64 and 128 cells. Harmonic means are exact there, but the solver then fails on discs of that contrast.

    Raises FieldError for values outside these ranges, NaN or infinity.
    """

    grid: Grid
    viscosity: ArrayLike = 1.0
    friction: ArrayLike = 0.0
    bulk_viscosity: ArrayLike = np.inf
    tolerance: float = 1e-8
    operator: multigrid.Operator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shape = self.grid.shape
        viscosity = as_field("viscosity", self.viscosity, shape, above=0.0)
        friction = as_field("friction", self.friction, shape, lowest=0.0)
        inverse_bulk = as_inverse_bulk(self.bulk_viscosity, shape)
        as_field("tolerance", self.tolerance, ())
        if not 1e-13 <= self.tolerance < 1.0:
            raise FieldError(f"tolerance is {self.tolerance}; choose it between 1e-13 and 1")
        built = multigrid.operator(self.grid, viscosity=viscosity, friction=friction, inverse_bulk=inverse_bulk)
        object.__setattr__(self, "operator", built)

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
        force: tuple[ArrayLike, ArrayLike] | None = None,
        growth: ArrayLike | None = None,
        guess: Flow | None = None,
    ) -> Flow:
        """
        The flow that balances an active stress, a force density and growth.

        active_stress: s_active. force: (fx [nx, ny] on x-faces, fy [nx, ny] on y-faces); entries on walls are
        not used. growth: rate of area made, [nx, ny] per time. guess: a flow to start from, best the last one.

        The pressure has mean zero where the fluid is incompressible, and so has a velocity that neither wall
        nor friction holds.

        Raises FieldError for wrong shapes, NaN or infinity; CompatibilityError where no flow can balance what
        is asked (growth that does not fit into an incompressible box, a net force nothing resists; a mean of less
        than 1e-13, in the units used, counts as rounding and is taken away); SolveError
        if the tolerance is missed. Source: tissue.multigrid.
        """
        f = self._right_hand_side(active_stress, force, growth)
        self._make_compatible(f)
        x = np.zeros_like(f)
        if guess is not None:
            if guess.grid != self.grid:
                raise FieldError("the guess is a flow on another grid; give a flow on this one, or none")
            x[0], x[1], x[2] = guess.u, guess.v, guess.p
        iterations, error = multigrid.solve(self.operator, f, x=x, tolerance=self.tolerance, cycles=MOST_CYCLES)
        if not error <= self.tolerance:
            raise SolveError(self._missed(iterations, error))
        return Flow(self.grid, x[0], x[1], x[2], iterations, error)

    def _right_hand_side(
        self,
        active_stress: StressField | None,
        force: tuple[ArrayLike, ArrayLike] | None,
        growth: ArrayLike | None,
    ) -> Array:
        grid = self.grid
        f = np.zeros((3, *grid.shape))
        if force is not None:
            f[0] = as_field("force along x", force[0], grid.shape)
            f[1] = as_field("force along y", force[1], grid.shape)
            for axis in (0, 1):
                if not grid.periodic[axis]:
                    np.moveaxis(f[axis], axis, 0)[0] = 0.0
        if active_stress is not None:
            if active_stress.grid != grid:
                raise FieldError("the active stress lies on another grid; spread it on this one")
            fx, fy = active_stress.force()
            f[0] += fx
            f[1] += fy
        if growth is not None:
            f[2] = as_field("growth", growth, grid.shape)
        return f

    def _make_compatible(self, f: Array) -> None:
        """Refuse a mean that nothing resists; take away the rounding of one that cancels."""
        unit = np.array([1.0, 1.0, self.operator.scale])
        driving = float((np.abs(f).max(axis=(1, 2)) * unit).max())
        for component, resistance in multigrid.uniform_modes(self.operator):
            if resistance > 0.0:
                continue
            # shares before sums, so that none is beyond the range of numbers
            shares = f[component] / f[component].size
            mean, size = shares.sum(), np.abs(shares).sum()
            if abs(mean) > ROUNDING * size + NOTHING * (1.0 + driving / unit[component]):
                if component == 2:
                    raise CompatibilityError(
                        f"mean growth is {mean:.3g} per time, but an incompressible fluid in a closed or periodic "
                        "box has nowhere to put it; subtract the mean of the growth, or give a finite bulk_viscosity"
                    )
                raise CompatibilityError(
                    f"the mean force along {'xy'[component]} is {mean:.3g}, and neither friction nor a wall resists "
                    "it; subtract its mean, give a friction > 0, or put no-slip walls on the other axis"
                )
            f[component] -= mean
            f[component] -= f[component].mean()
            if np.abs(f[component]).max() <= ROUNDING * abs(mean):
                # it was uniform, and what is left would be solved for as if it meant something
                f[component] = 0.0

    def _missed(self, iterations: int, error: float) -> str:
        eta = self.operator.level_zero()[0]
        contrast = float(eta.max() / eta.min())
        return (
            f"the flow missed its tolerance: residual {error:.2e} of {self.tolerance:.0e} after {iterations} cycles "
            f"on a grid of {self.grid.shape[0]} x {self.grid.shape[1]}, viscosity contrast {contrast:.3g}. Lower the "
            "contrast of viscosity (most jumps of 1e3 are solved), smooth its logarithm over a few grid cells, "
            "or raise the tolerance; one below about 1e-12 is beyond rounding"
        )
