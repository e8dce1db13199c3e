"""
Morphogens: carried by the flow, diffusing, decaying, secreted and taken up.

    dc/dt + div(u c) = D div(phi grad(c / phi)) - k c + s

phi is the fraction of each place in which the substance may be, one unless given. Strang splitting: half a step of
diffusion, decay and source, exact in time (tissue.diffusion), a step of advection, half a step of the former.
Advection is a limited finite-volume scheme of second order in conservative form, cut into as many steps as
positivity needs.
Sources: Strang 1968, doi:10.1137/0705041; van Leer 1979, doi:10.1016/0021-9991(79)90145-1.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tissue import _kernels_transport as kernels
from tissue import confined
from tissue import diffusion as diffusing
from tissue.errors import FieldError
from tissue.fields import as_field, as_grid, as_numbers
from tissue.grid import AXES, OPEN, Array, Grid, beyond, lower
from tissue.levels import Integers
from tissue.particles import as_flow
from tissue.stokes import Flow

Inflow = Mapping[tuple[int, int], Array]

# Limited linear reconstruction with Heun's method keeps c >= 0 up to one half.
LARGEST_COURANT = 0.45  # half of it where two are reconstructed
# A flow that takes more is a mistake in units or in dt, and would run for hours.
MOST_STEPS = 10_000
# Decay by more than exp(-this) within a step is as good as this, and no number overflows.
MOST_DECAY = 50.0
# Less of a cell than this is none of it.
SMALLEST_FRACTION = 1e-6


@dataclass(frozen=True)
class Morphogen:
    """
    A substance in the tissue: its name, diffusion D >= 0 (length^2 per time) and decay k >= 0 (per time).

    Raises FieldError for a negative, NaN or infinite rate.
    """

    name: str
    diffusion: float = 0.0
    decay: float = 0.0

    def __post_init__(self) -> None:
        for rate in ("diffusion", "decay"):
            object.__setattr__(
                self, rate, float(as_field(f"{rate} of {self.name}", getattr(self, rate), (), lowest=0.0))
            )


def _as_inflow(grid: Grid, inflow: Mapping[str, ArrayLike]) -> Inflow:
    """Concentrations beyond sides by axis and end."""
    names = {sign + AXES[axis]: (axis, end) for axis in range(grid.dim) for end, sign in enumerate("-+")}
    if not isinstance(inflow, Mapping):
        raise FieldError(f"inflow is of type {type(inflow).__name__}; give concentrations by side, as {{'-x': 1.0}}")
    given = {}
    for name, concentration in inflow.items():
        if name not in names:
            raise FieldError(f"inflow names {name!r}; the sides are {', '.join(names)}")
        axis, end = names[name]
        if grid.sides[axis][end] not in OPEN:
            raise FieldError(
                f"inflow gives side {name} a concentration, but it is {grid.sides[axis][end]!r} and nothing passes "
                "it; make it 'inflow' or 'traction-free'"
            )
        shape = tuple(n for a, n in enumerate(grid.shape) if a != axis)
        given[axis, end] = as_field(f"inflow at side {name}", concentration, shape, lowest=0.0)
    return given


def _entering(flow: Flow, axis: int, end: int) -> Array:
    """Velocity into the box through a side."""
    through = np.take(flow.velocity[axis], -1 if end else 0, axis=axis)
    return np.asarray(-through if end else through)


def _shared(grid: Grid, c: Array, flow: Flow, dt: float, diffusion: float, inflow: Inflow) -> tuple[Inflow, Array]:
    """
    What of an inflow advection brings, as concentrations, and what comes with diffusion, as a source near the side.

    Were all brought by advection, each step would build a layer at the side for diffusion to take away. The part
    above what is there already comes as a source, unless the flow is too fast for diffusion to spread it in a step.
    Source: Einkemmer and Ostermann 2015, doi:10.1137/140994204.
    """
    source, left = np.zeros(grid.shape), {}
    for (axis, end), given in inflow.items():
        layers, added = np.moveaxis(c, axis, 0), np.moveaxis(source, axis, 0)
        near, next_ = (layers[-1], layers[-2]) if end else (layers[0], layers[1])
        above = given - np.clip(1.5 * near - 0.5 * next_, 0.0, given)
        speed = np.maximum(_entering(flow, axis, end), 0.0)
        above *= diffusion / np.maximum(speed**2 * dt, diffusion)
        left[axis, end] = given - above
        added[-1 if end else 0] += above * speed / grid.spacing[axis]
    return left, source


def _sides(grid: Grid, flow: Flow, inflow: Inflow) -> tuple[Array, Integers]:
    """For every face of every side what flows in there, see the kernels; and where each side's faces begin."""
    parts, starts = [], [0]
    for axis in range(grid.dim):
        for end in (0, 1):
            shape = tuple(n for a, n in enumerate(grid.shape) if a != axis)
            part = np.full(shape, kernels.CLOSED)
            if grid.sides[axis][end] in OPEN:
                brought = inflow.get((axis, end), np.zeros(shape))
                part = np.where(_entering(flow, axis, end) > 0.0, brought, kernels.OUT)
            parts.append(part.ravel())
            starts.append(starts[-1] + part.size)
    return np.concatenate(parts), np.array(starts[:-1], np.int64)


def _decayed(grid: Grid, beyond: Array, decay: Array, dt: float, steps: int) -> tuple[Array, Array]:
    """
    What flows in at the start of advection between two half steps of decay, and its growth in each of its steps.

    What enters at time s of dt has not decayed before s, but will as if it had been there from the start: it counts
    exp(k (s - dt / 2)) times, and all of it as much as without.
    """
    parts = []
    for axis, end in itertools.product(range(grid.dim), (0, 1)):
        shape = tuple(n for a, n in enumerate(grid.shape) if a != axis)
        parts.append(np.broadcast_to(np.take(decay, -end, axis=axis) if decay.ndim else decay, shape).ravel())
    exponent = np.minimum(dt * np.concatenate(parts), MOST_DECAY) / steps
    growth = np.where(beyond > 0.0, np.exp(exponent), 1.0)
    # the trapezoidal rule, as Heun's method takes it, over all steps
    mean = sum(0.5 * (1.0 + growth) * np.exp(step * exponent) for step in range(steps)) / steps
    return np.where(beyond > 0.0, beyond / mean, beyond), growth


def _steps(flow: Flow, dt: float, courant: float) -> int:
    """How many steps of advection dt takes."""
    grid = flow.grid
    turnover = np.zeros(grid.shape)
    with np.errstate(over="ignore"):
        for a, u in enumerate(flow.velocity):
            speed, n = np.abs(u), grid.shape[a]
            turnover += np.maximum(lower(speed, a, n), beyond(speed, a, n)) / grid.spacing[a]
    crossed = dt * float(turnover.max())
    if not crossed <= MOST_STEPS * courant:
        raise FieldError(
            f"the flow crosses {crossed:.3g} grid cells in dt = {dt:g}, which would take more than {MOST_STEPS} "
            "steps of advection; take a smaller dt"
        )
    return int(np.ceil(crossed / courant))


def _layout(flow: Flow) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Of the grid, as the kernels take it: cells, stored faces, and which axes wrap round."""
    grid = flow.grid
    faces = tuple(grid.face_shape(a)[a] for a in range(grid.dim))
    return grid.shape, faces, tuple(int(wraps) for wraps in grid.periodic)


def _flat(flow: Flow) -> tuple[Array, ...]:
    return tuple(np.require(u, requirements=["C", "W"]).reshape(-1) for u in flow.velocity)


def _advect(grid: Grid, c: Array, flow: Flow, dt: float, inflow: Inflow, decay: Array) -> Array:
    steps = _steps(flow, dt, LARGEST_COURANT)
    if steps == 0:
        return c
    sides, starts = _sides(grid, flow, inflow)
    sides, growth = _decayed(grid, sides, decay, dt, steps)
    out, first, second = c.flatten(), np.empty(c.size), np.empty(c.size)
    r = tuple(1.0 / h for h in grid.spacing)
    kernels.advect[grid.dim](
        r, out, first, second, _flat(flow), sides, growth, starts, *_layout(flow), dt / steps, steps
    )
    return out.reshape(c.shape)


def _advect_confined(
    grid: Grid, c: Array, flow: Flow, dt: float, inflow: Inflow, decay: Array, before: Array, after: Array
) -> Array:
    """Advection of what is confined to a fraction, `before` and `after` it."""
    alive = (before > 0.0) | (after > 0.0)
    inner = confined.within(flow, alive)
    out, volume = c.flatten(), before.flatten()
    steps = _steps(inner, dt, 0.5 * LARGEST_COURANT)
    if steps:
        beside, within = {}, {}
        for axis, end in itertools.product(range(grid.dim), (0, 1)):
            # as much tissue flows in as there is at the side
            near = np.take(np.maximum(before, after), -end, axis=axis)
            beside[axis, end] = near
            brought = inflow.get((axis, end), np.zeros_like(near))
            within[axis, end] = np.divide(brought, near, out=np.zeros_like(near), where=near > 0.0)
        (sides, starts), (sides_within, _) = _sides(grid, inner, beside), _sides(grid, inner, within)
        sides_within, growth = _decayed(grid, sides_within, decay, dt, steps)
        work, flux = np.empty((4, c.size)), tuple(np.empty(u.size) for u in inner.velocity)
        r = tuple(1.0 / h for h in grid.spacing)
        kernels.advect_confined[grid.dim](
            r,
            out,
            volume,
            work,
            flux,
            _flat(inner),
            sides,
            sides_within,
            growth,
            starts,
            *_layout(flow),
            dt / steps,
            steps,
        )
    carried = volume.reshape(grid.shape)
    grown = carried * np.exp(np.minimum(dt * flow.divergence(), 1.0))
    return confined.settled(grid, out.reshape(grid.shape), alive, carried, grown, after)


def _as_fraction(grid: Grid, name: str, fraction: ArrayLike) -> Array:
    phi = as_field(name, fraction, grid.shape, lowest=0.0)
    if phi.max() > 1.0:
        place = tuple(int(i) for i in np.unravel_index(np.argmax(phi), phi.shape))
        raise FieldError(f"{name}[{', '.join(map(str, place))}] is {phi[place]}; a fraction lies between 0 and 1")
    return np.where(phi < SMALLEST_FRACTION, 0.0, phi)


def _as_exposure(grid: Grid, exposure: object) -> Array:
    if not isinstance(exposure, np.ndarray) or exposure.dtype != np.float64 or not exposure.flags.writeable:
        raise FieldError("exposure is no array to write into; give np.zeros(grid.shape)")
    if exposure.shape != grid.shape:
        raise FieldError(f"exposure has shape {exposure.shape}; give an array of shape {grid.shape}")
    return exposure


def transport(
    grid: Grid,
    concentration: ArrayLike,
    flow: Flow | None,
    dt: float,
    *,
    diffusion: float = 0.0,
    decay: ArrayLike = 0.0,
    source: ArrayLike | None = None,
    fraction: ArrayLike | None = None,
    fraction_after: ArrayLike | None = None,
    inflow: Mapping[str, ArrayLike] | None = None,
    exposure: Array | None = None,
) -> Array:
    """
    A concentration after dt of dc/dt + div(u c) = D div(phi grad(c / phi)) - k c + s, in two or three dimensions.

    concentration: amount per area (volume) of the grid, of the grid's shape at centres, not negative. flow: steady
    over dt, or None for a fluid at rest. diffusion: D, length^2 per time. decay: k, per time, a number or an array;
    points that take up k_i (area per time) each decay the substance by spread(grid, positions, k_i). source: s,
    amount per area and time, not negative. inflow: concentration of what the flow brings in through open sides, by
    name ("-x" the low, "+x" the high side of x), a number or an array of the side's cells; nothing if not named. No
    side is passed by diffusion, so that inflow c at speed u brings u c.

    fraction: phi [grid's shape], 0 to 1, the part of each place in which the substance may be, a mask for one.
    Less than 1e-6 counts as none. Diffusion strives for one c / phi; nothing enters places without any.
    fraction_after: phi at the end of the step, of points that moved with the flow; phi stays as it is if not given, as
    that of a vessel does. What is one c / phi everywhere stays so where the flow does not diverge. Take steps in which
    nothing moves by more than its own width: where tissue is gone and none is left beside it, what it held stays.

    exposure: an array [grid's shape] to which c over time is added, its integral over dt. decay * exposure is what
    decay took away, and uptake * sample(grid, exposure, positions) what points with decay=spread(grid, positions,
    uptake) took up, each of them.

    The total changes by source, decay and what the flow takes through open sides alone, to rounding; the result is
    not negative, whatever the step. Where decay varies or a fraction is given, the work grows as the root of
    dt D / h^2.

    Raises FieldError for negative, NaN or infinite input, a fraction above 1, a flow on another grid, inflow through
    a closed side, a flow that would take more than 10,000 steps of advection within dt, and diffusion or decay that
    would take more than 200,000 terms.
    """
    c = as_field("concentration", concentration, as_grid(grid).shape, lowest=0.0)
    dt, diffusion = (float(as_field(n, v, (), lowest=0.0)) for n, v in (("dt", dt), ("diffusion", diffusion)))
    rate = as_numbers("decay", decay)
    rate = as_field("decay", rate, rate.shape and grid.shape, lowest=0.0)
    secreted = None if source is None else as_field("source", source, grid.shape, lowest=0.0)
    if fraction is None and fraction_after is not None:
        raise FieldError("fraction_after is given without fraction; give that of the start of the step too")
    phi = None if fraction is None else _as_fraction(grid, "fraction", fraction)
    later = phi if fraction_after is None else _as_fraction(grid, "fraction_after", fraction_after)
    over = None if exposure is None else _as_exposure(grid, exposure)
    entering = _as_inflow(grid, {} if inflow is None else inflow)

    def react(c: Array, dt: float, phi: Array | None) -> Array:
        if rate.ndim or phi is not None:
            spread = np.require(np.broadcast_to(rate, grid.shape), requirements="C")
            return diffusing.confined(
                grid, c, dt, diffusion=diffusion, decay=spread, source=secreted, fraction=phi, exposure=over
            )
        return diffusing.uniform(grid, c, dt, diffusion=diffusion, decay=float(rate), source=secreted, exposure=over)

    if flow is None:
        if fraction_after is not None:
            raise FieldError("fraction_after is given without a flow; only what moves changes its fraction")
        return react(c, dt, phi)
    if as_flow(flow).grid != grid:
        raise FieldError("the flow lies on another grid than the concentration; use one grid for both")
    if phi is not None:
        # nothing enters where there is no tissue
        alive = phi if later is None else phi + later
        entering = {(a, end): c * (np.take(alive, -end, axis=a) > 0.0) for (a, end), c in entering.items()}
    if entering and diffusion * dt > 0.0:
        entering, brought = _shared(grid, c, flow, dt, diffusion, entering)
        secreted = brought if secreted is None else secreted + brought
    half = react(c, 0.5 * dt, phi)
    if phi is None or later is None:
        return react(_advect(grid, half, flow, dt, entering, rate), 0.5 * dt, phi)
    return react(_advect_confined(grid, half, flow, dt, entering, rate, phi, later), 0.5 * dt, later)
