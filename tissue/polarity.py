"""
Polarity: unit vectors that the flow turns, that align with their neighbours, and that pull on the fluid.

    dp/dt + v.grad p = (I - p p^T) (Omega + lambda E) p + h / gamma1,    h = K (I - p p^T) lap p,

    s = -zeta (p p^T - I / dim) - lambda / 2 (p h^T + h p^T) + 1/2 (p h^T - h p^T)
        + K (|grad p|^2 / 2 I - grad p_k grad p_k^T),    force = div s,    f_i = ds_ij / dx_j,

with E and Omega the symmetric and the antisymmetric part of L_ij = dv_i / dx_j, K the Frank constant (one for splay,
twist and bend), gamma1 the rotational viscosity, h the molecular field, zeta the activity (zeta < 0 contracts along p)
and lambda the alignment: that of Jeffery and of Ericksen and Leslie, which is -nu in the papers on active gels.
All but the active stress come from the energy K / 2 |grad p|^2: what it loses is what flow and rotation dissipate.
Sources: Jeffery 1922, doi:10.1098/rspa.1922.0078; Kruse et al. 2005, doi:10.1140/epje/e2005-00002-5; Voituriez,
Joanny and Prost 2005, doi:10.1209/epl/i2004-10501-2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from tissue import _kernels_deform as kernels
from tissue import diffusion
from tissue.deformation import _matrices
from tissue.errors import FieldError
from tissue.fields import StressField, as_field, as_numbers
from tissue.grid import AXES, Array, Grid
from tissue.movement import advance
from tissue.signals import spin, strain_rate, velocity_gradient
from tissue.stokes import Flow

MOST = 1e4  # radians, or logarithms of a stretch, in one step: a mistake in units or in dt
PIECE = 300.0  # whose exponential is a number
Beyond = Callable[[int, int, Array, Array], Array]


def turn(axes: ArrayLike, gradient: ArrayLike, dt: float, *, alignment: float) -> Array:
    """
    Unit vectors that points carry, turned by the flow for dt: dp/dt = (I - p p^T) (Omega + lambda E) p; [n, dim].

    axes: [n, dim], of any length but zero; p and -p turn alike. gradient: L [n, dim, dim], from `velocity_gradient`;
    of the middle of the step, the order is two. alignment: lambda, 1 for material lines (p along F p), 0 for
    co-rotation, -1 for normals of material surfaces, (r^2 - 1) / (r^2 + 1) for spheroids r times as long as wide;
    minus the nu of the papers on active gels. Exact for a gradient that is steady over dt: p along
    exp((Omega + lambda E) dt) p.
    Raises FieldError for shapes that do not fit, NaN, infinity, a zero vector, and more than 10,000 radians in dt.
    Source: Jeffery 1922, doi:10.1098/rspa.1922.0078; Bretherton 1962, doi:10.1017/S002211206200124X.
    """
    slopes = _matrices("gradient", gradient)
    given = _vectors("axes", axes, slopes.shape[:2])
    factor, step = (float(as_field(n, v, ())) for n, v in (("alignment", alignment), ("dt", dt)))
    return _turned(given, slopes, step, factor)


def _vectors(name: str, value: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Unit vectors along those given, [..., dim]. Raises FieldError where there is no direction."""
    found = as_numbers(name, value)
    if found.shape != shape:
        raise FieldError(f"{name} has shape {found.shape}; give an array of shape {shape}")
    vectors = as_field(name, found, shape)
    none = ~vectors.any(axis=-1)
    if none.any():
        place = tuple(int(i) for i in np.argwhere(none)[0])
        where = f"{name}[{', '.join(map(str, place))}]" if place else name
        raise FieldError(f"{where} is a zero vector; give it a direction")
    return _unit(vectors, vectors)


def _unit(vectors: Array, otherwise: Array) -> Array:
    """Vectors [..., dim] over their length; `otherwise` where they have none."""
    largest = np.abs(vectors[..., 0])
    for c in range(1, vectors.shape[-1]):
        largest = np.maximum(largest, np.abs(vectors[..., c]))
    # in two steps, so that no square leaves the range of numbers
    out = vectors / np.where(largest > 0.0, largest, 1.0)[..., None]
    length = np.sqrt(sum((out[..., c] ** 2 for c in range(out.shape[-1])), np.zeros(largest.shape)))
    out /= np.where(largest > 0.0, length, 1.0)[..., None]
    if not largest.all():
        out = np.where((largest > 0.0)[..., None], out, otherwise)
    return np.asarray(out)


def _turned(axes: Array, gradient: Array, dt: float, alignment: float) -> Array:
    """Along exp(M) p, M = (Omega + lambda dev E) dt."""
    if axes.shape[-1] == 3:
        return _turned_in_space(axes, gradient, dt, alignment)
    out = np.empty_like(axes)
    far = int(kernels.turn(gradient, dt, alignment, np.ascontiguousarray(axes), MOST, out))
    if far < len(axes):
        raise _too_far(far, dt)
    return out


def _too_far(point: int, dt: float) -> FieldError:
    return FieldError(
        f"point {point} would turn or stretch by more than {MOST:g} in dt = {dt:g}; take a smaller dt, or look at the "
        "gradient there"
    )


def _turned_in_space(axes: Array, gradient: Array, dt: float, alignment: float) -> Array:
    """In as many equal pieces as keep exp within range."""
    m = dt * (spin(gradient) + alignment * strain_rate(gradient))
    m -= np.trace(m, axis1=-2, axis2=-1)[:, None, None] * np.eye(3) / 3.0
    size = np.abs(m).sum(axis=-1).max(axis=-1, initial=0.0)
    if not (size <= MOST).all():
        raise _too_far(int(np.argmax(~(size <= MOST))), dt)
    pieces = max(1, int(np.ceil(size.max(initial=0.0) / PIECE)))
    once, new = np.empty_like(m), axes
    kernels.deform[3](m, 1.0 / pieces, np.tile(np.eye(3), (len(m), 1, 1)), once)
    for _ in range(pieces):
        # written out, as products of many small matrices are slow
        new = _unit(sum((once[:, :, k] * new[:, k, None] for k in range(3)), np.zeros(new.shape)), new)
    return new


@dataclass(frozen=True, eq=False, kw_only=True)
class Polar:
    """
    A polar fluid on a grid: what its polarity p [*grid.shape, dim] at centres does to the flow, and the flow to it.

    elasticity: K >= 0, force (in two dimensions times length per depth). rotational_viscosity: gamma1 > 0.
    alignment: lambda, see `turn`; -nu in the papers on active gels. activity: zeta, stress, a number or an array of
    the grid's shape; the fluid contracts along p where it is negative. anchoring: p at sides that hold it, by name,
    "-x" the low and "+x" the high side of x, one vector [dim] each; sides not named bear no torque, whatever
    they do to the flow.

    p is a vector that differs little from cell to cell: where it is to mean the same as -p, choose signs so.
    `dataclasses.replace` changes a property. Raises FieldError for values outside these ranges, NaN or infinity.
    """

    grid: Grid = field(kw_only=False)
    elasticity: float
    rotational_viscosity: float = 1.0
    alignment: float = 0.0
    activity: ArrayLike = 0.0
    anchoring: Mapping[str, ArrayLike] = field(default_factory=dict)

    def __post_init__(self) -> None:
        viscosity = as_field("rotational viscosity", self.rotational_viscosity, (), above=0.0)
        object.__setattr__(self, "elasticity", float(as_field("elasticity", self.elasticity, (), lowest=0.0)))
        object.__setattr__(self, "rotational_viscosity", float(viscosity))
        object.__setattr__(self, "alignment", float(as_field("alignment", self.alignment, ())))
        object.__setattr__(self, "activity", as_field("activity", self.activity, self.grid.shape))
        names = {sign + AXES[axis]: axis for axis in range(self.grid.dim) for sign in "-+"}
        held = {}
        for name, vector in self.anchoring.items():
            if name not in names or self.grid.periodic[names[name]]:
                sides = [side for side, axis in names.items() if not self.grid.periodic[axis]]
                raise FieldError(f"anchoring names {name!r}; the sides are {', '.join(sides) or 'none, all periodic'}")
            held[name] = _vectors(f"anchoring at side {name}", vector, (self.grid.dim,))
        object.__setattr__(self, "anchoring", held)

    def molecular_field(self, axes: ArrayLike) -> Array:
        """h = K (I - p p^T) lap p at centres, [*grid.shape, dim]. axes: p. Raises FieldError as `stress` does."""
        return self._pull(self._checked(axes))

    def stress(self, axes: ArrayLike) -> StressField:
        """
        The symmetric stress that the fluid feels: active, of alignment, and of distortion (see tissue.polarity).

        axes: p [*grid.shape, dim]. Drive the fluid by `stokes.solve(polar.stress(p), force=polar.force(p))`.
        Raises FieldError for another shape, NaN, infinity and zero vectors.
        """
        p, grid = self._checked(axes), self.grid
        wide, pull = self._extended(p), self._pull(p)
        wide_pull = _extend(grid, pull, _straight)
        zeta = _extend(grid, np.asarray(self.activity)[..., None], _straight)[..., 0]
        slopes = [_slope(grid, wide, a) for a in range(grid.dim)]
        energy = 0.5 * self.elasticity * sum(((slope**2).sum(axis=-1) for slope in slopes), np.zeros(grid.shape))
        parts = []
        for a, slope in enumerate(slopes):
            active = -np.asarray(self.activity) * (p[..., a] ** 2 - 1.0 / grid.dim)
            aligned = -self.alignment * p[..., a] * pull[..., a]
            parts.append(active + aligned + energy - self.elasticity * (slope**2).sum(axis=-1))
        for a, b in grid.pairs:
            q, h = _on_edges(grid, wide, a, b), _on_edges(grid, wide_pull, a, b)
            active = -_on_edges(grid, zeta, a, b) * q[..., a] * q[..., b]
            aligned = -0.5 * self.alignment * (q[..., a] * h[..., b] + q[..., b] * h[..., a])
            distorted = _edge_slope(grid, wide, a, b, a) * _edge_slope(grid, wide, a, b, b)
            parts.append(active + aligned - self.elasticity * distorted.sum(axis=-1))
        return StressField(grid, *parts)

    def force(self, axes: ArrayLike) -> tuple[Array, ...]:
        """
        The force density of the torque between polarity and fluid, div (p h^T - h p^T) / 2, on the faces of each axis.

        axes: p [*grid.shape, dim]. It is the `force` of `Stokes.solve`. Raises FieldError as `stress` does.
        """
        p, grid = self._checked(axes), self.grid
        wide, wide_pull = self._extended(p), _extend(grid, self._pull(p), _straight)
        forces = [np.zeros(grid.face_shape(a)) for a in range(grid.dim)]
        none = [np.zeros(grid.shape)] * grid.dim + [np.zeros(grid.edge_shape(a, b)) for a, b in grid.pairs]
        for k, (a, b) in enumerate(grid.pairs):
            q, h = _on_edges(grid, wide, a, b), _on_edges(grid, wide_pull, a, b)
            parts = list(none)
            parts[grid.dim + k] = 0.5 * (q[..., a] * h[..., b] - h[..., a] * q[..., b])
            found = StressField(grid, *parts).force()
            # s_ba = -s_ab
            forces[a] += found[a]
            forces[b] -= found[b]
        return tuple(forces)

    def relax(self, axes: ArrayLike, dt: float) -> Array:
        """
        Polarity after dt >= 0 of alignment between neighbours alone, dp/dt = h / gamma1; [*grid.shape, dim].

        Diffusion, exact in time, and back to length one: two half steps, extrapolated by a whole one. Stable for any
        dt; of second order, and of order 1.5 beside anchored sides where axes differ much from one cell to the next.
        Raises FieldError as `stress` does, and for dt < 0.
        """
        return self._relaxed(self._checked(axes), float(as_field("dt", dt, (), lowest=0.0)))

    def advance(self, axes: ArrayLike, flow: Flow, dt: float) -> Array:
        """
        Polarity after dt >= 0 in a steady flow: carried, turned and relaxed; [*grid.shape, dim].

        Half a step of `relax`, one of carrying (each centre asks where it came from; cubic interpolation) and `turn`,
        half a step of `relax` (Strang): of second order in dt and the spacing h together, with the flow of the middle
        of the step. Stable for any dt in a flow that is given; where p drives it, for dt K (1 + |lambda|)^2 < 2 eta h^2
        and |lambda| <= 2.
        Raises FieldError as `stress` does, for a flow on another grid, and for dt < 0.
        """
        if flow.grid != self.grid:
            raise FieldError("the flow lies on another grid than the polarity; use one grid for both")
        step = float(as_field("dt", dt, (), lowest=0.0))
        p = self._relaxed(self._checked(axes), 0.5 * step)
        return self._relaxed(self._carried(p, flow, step), 0.5 * step)

    def _checked(self, axes: ArrayLike) -> Array:
        return _vectors("axes", axes, (*self.grid.shape, self.grid.dim))

    def _sides(self) -> dict[tuple[int, int], Array]:
        """Directions at sides by axis and end."""
        return {(AXES.index(name[1]), int(name[0] == "+")): np.asarray(v) for name, v in self.anchoring.items()}

    def _extended(self, p: Array) -> Array:
        """p with one more cell beyond each end: on the parabola through an anchored side, flat at others."""
        held = self._sides()

        def beyond(axis: int, end: int, first: Array, second: Array) -> Array:
            if (axis, end) not in held:
                return first
            return np.asarray((8.0 * held[axis, end] - 6.0 * first + second) / 3.0)

        return _extend(self.grid, p, beyond)

    def _pull(self, p: Array) -> Array:
        wide, total = self._extended(p), np.zeros_like(p)
        for axis in range(self.grid.dim):
            rows = np.moveaxis(_within(self.grid, wide, axis), axis, 0)
            second = (rows[2:] - 2.0 * rows[1:-1] + rows[:-2]) / self.grid.spacing[axis] ** 2
            total += np.moveaxis(second, 0, axis)
        total -= (total * p).sum(axis=-1, keepdims=True) * p
        return np.asarray(self.elasticity * total)

    def _relaxed(self, p: Array, dt: float) -> Array:
        if dt * self.elasticity == 0.0:
            return p
        twice = self._diffused(self._diffused(p, 0.5 * dt), 0.5 * dt)
        return _unit(2.0 * twice - self._diffused(p, dt), twice)

    def _diffused(self, p: Array, dt: float) -> Array:
        rate, held, new = self.elasticity / self.rotational_viscosity, self._sides(), np.empty_like(p)
        for c in range(self.grid.dim):
            values = {side: float(vector[c]) for side, vector in held.items()}
            new[..., c] = diffusion.held(self.grid, p[..., c], dt, diffusion=rate, values=values)
        return _unit(new, p)

    def _carried(self, p: Array, flow: Flow, dt: float) -> Array:
        grid = self.grid
        centres = np.stack(np.broadcast_arrays(*grid.centres()), axis=-1).reshape(-1, grid.dim)
        came = _interpolated(grid, p, advance(flow, centres, -dt))
        gradient = velocity_gradient(flow, advance(flow, centres, -0.5 * dt))
        return _turned(_unit(came, p.reshape(came.shape)), gradient, dt, self.alignment).reshape(p.shape)


def _straight(axis: int, end: int, first: Array, second: Array) -> Array:
    return np.asarray(2.0 * first - second)


def _extend(grid: Grid, values: Array, beyond: Beyond) -> Array:
    """Values [*grid.shape, components] with one more cell beyond each end: `beyond` sides of the cells next to them."""
    out = values
    for axis in range(grid.dim):
        rows = np.moveaxis(out, axis, 0)
        if grid.periodic[axis]:
            low, high = rows[-1], rows[0]
        else:
            low, high = beyond(axis, 0, rows[0], rows[1]), beyond(axis, 1, rows[-1], rows[-2])
        out = np.moveaxis(np.concatenate([low[None], rows, high[None]]), 0, axis)
    return out


def _within(grid: Grid, wide: Array, *kept: int) -> Array:
    """Extended values without what lies beyond the ends of axes, but those kept."""
    return wide[tuple(slice(None) if a in kept else slice(1, -1) for a in range(grid.dim))]


def _on_edges(grid: Grid, wide: Array, a: int, b: int) -> Array:
    """Means of extended values on the edges between two axes."""
    out = _within(grid, wide, a, b)
    for axis in (a, b):
        rows = np.moveaxis(out, axis, 0)
        out = np.moveaxis(0.5 * (rows[1:] + rows[:-1]), 0, axis)
    return out


def _slope(grid: Grid, wide: Array, axis: int) -> Array:
    """The derivative along an axis of extended values, at centres."""
    rows = np.moveaxis(_within(grid, wide, axis), axis, 0)
    return np.moveaxis((rows[2:] - rows[:-2]) / (2.0 * grid.spacing[axis]), 0, axis)


def _edge_slope(grid: Grid, wide: Array, a: int, b: int, along: int) -> Array:
    """The derivative along one of two axes of extended values, on the edges between the two."""
    out = _within(grid, wide, a, b)
    for axis in (a, b):
        rows = np.moveaxis(out, axis, 0)
        part = (rows[1:] - rows[:-1]) / grid.spacing[axis] if axis == along else 0.5 * (rows[1:] + rows[:-1])
        out = np.moveaxis(part, 0, axis)
    return out


def _interpolated(grid: Grid, values: Array, points: Array) -> Array:
    """Values [*grid.shape, components] at points, by cubics through four centres along each axis; [n, components]."""
    places, weights = [], []
    for axis, n in enumerate(grid.shape):
        s = points[:, axis] / grid.spacing[axis] - 0.5
        first = np.floor(s).astype(np.int64) - 1
        if not grid.periodic[axis]:
            first = np.clip(first, 0, n - 4)
        t = s - first
        places.append([(first + k) % n for k in range(4)])
        factors = []
        for k in range(4):
            others = [(t - j) / (k - j) for j in range(4) if j != k]
            factors.append(others[0] * others[1] * others[2])
        weights.append(factors)
    out = np.zeros((len(points), values.shape[-1]))
    for corner in np.ndindex(*(4,) * grid.dim):
        weight = np.ones(len(points))
        for axis, k in enumerate(corner):
            weight = weight * weights[axis][k]
        out += weight[:, None] * values[tuple(places[axis][k] for axis, k in enumerate(corner))]
    return out
