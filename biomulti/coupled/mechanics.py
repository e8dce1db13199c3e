"""What cells do to the tissue in a step, and how the tissue carries them.

The flow is solved for what cells exert, -div(2 eta dev e) + grad p + gamma v = div s_active, div v + p / eta_b =
growth; with it move morphogens, cells, their sizes, axes and strains. A step in which cells would cross more than
`courant` grid cells is done in pieces, each with its own flow.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

import tissue
from biomulti.coupled.couplings import OutputCoupling
from biomulti.coupled.directions import POLARITY
from biomulti.coupled.moment import Moment
from biomulti.coupled.outputs import Contractility, Force, Growth, Secretion, Uptake
from biomulti.coupled.setup import Setup, Stepping
from biomulti.coupled.state import Bodies, State
from biomulti.errors import CouplingError, SimulationError

Floats = NDArray[np.float64]
Fields = tuple[Floats, ...]
Shares = tuple[Floats, ...] | None  # how much of every place is tissue, before and after
EMPTY = 1e-9  # share of a place that cells cover, below which there is no tissue
NEARLY_HALF = 0.49
TOO_FAR = 1.5  # times `courant`, beyond which a flow that was just solved has its step cut


def solve(setup: Setup, state: State, now: Moment) -> None:
    """The flow that the cells make now; kept as it is where what drives it has not changed by the tolerance.

    Raises CouplingError where nothing holds the tissue against the forces on its cells.
    """
    n, dim = len(now.bodies), setup.grid.dim
    stress = np.zeros((n, dim * (dim + 1) // 2))
    for coupling in setup.outputs:
        if isinstance(coupling.output, Contractility):
            axes = now.bodies.axis if coupling.output.axis == POLARITY else None
            stress += driven(now, coupling)[:, None] * coupling.output.tensor(dim, axes)
    share = None if setup.outside is None else now.share
    active = averaged(setup.grid, now.positions, now.bodies.size, stress, share)
    grown, force = _grown(setup, now), _force(setup, now)
    if setup.outside is None and not _changed(setup, state, active, grown, force):
        return
    try:
        state.flow = now.fluid.solve(active_stress=active, force=force, growth=grown, guess=state.flow)
    except tissue.CompatibilityError as error:
        if force is None:
            raise
        pushing = ", ".join(str(c) for c in setup.outputs if isinstance(c.output, Force))
        raise CouplingError(f"{pushing}: {error}. Forces that sum to zero need nothing to resist them.") from error
    state.active, state.growth, state.force = active, grown, force


def _force(setup: Setup, now: Moment) -> Fields | None:
    """Force density on the faces of the grid, of cells that are pulled from outside; None where none is."""
    force = np.zeros_like(now.positions)
    for coupling in setup.outputs:
        if isinstance(coupling.output, Force):
            axes = now.bodies.axis if coupling.output.axis == POLARITY else None
            force += driven(now, coupling)[:, None] * coupling.output.vector(setup.grid.dim, axes)
    return tissue.spread_force(setup.grid, now.positions, force) if force.any() else None


def growth(setup: Setup, now: Moment) -> Floats | None:
    """Relative rate at which each cell grows by itself, [n], None where none does."""
    rates = [driven(now, c) * c.output.per_molecule for c in setup.outputs if isinstance(c.output, Growth)]
    return np.sum(rates, axis=0) if rates else None


def _grown(setup: Setup, now: Moment) -> Floats | None:
    """Area (volume) made per area and time on the grid: what the cells there make, and where they fill the box the mean
    of their rates, as gaps between points are none of the tissue."""
    rate = growth(setup, now)
    if rate is None:
        return None
    made = tissue.spread(setup.grid, now.positions, rate * now.bodies.size)
    if setup.outside is not None:
        return made
    cover = tissue.spread(setup.grid, now.positions, now.bodies.size)
    return np.divide(made, cover, out=np.zeros_like(made), where=cover > EMPTY)


def _dilation(setup: Setup, state: State, now: Moment, gradient: Floats) -> Floats:
    """Relative rate of size of each cell [n]: its own growth, and what the flow dilates beyond what is made there."""
    rate = np.asarray(sum(gradient[:, axis, axis] for axis in range(setup.grid.dim)))
    own = growth(setup, now)
    if own is None or state.growth is None:
        return rate
    return rate + own - tissue.sample(setup.grid, state.growth, now.positions)


def _changed(
    setup: Setup, state: State, active: tissue.StressField, grown: Floats | None, force: Fields | None
) -> bool:
    drives: list[tuple[Fields | None, Fields | None]] = [
        (active.components, state.active.components),
        (None if grown is None else (grown,), None if state.growth is None else (state.growth,)),
        (force, state.force),
    ]
    return any(_differ(new, old, setup.flow_tolerance) for new, old in drives)


def _differ(new: Fields | None, old: Fields | None, tolerance: float) -> bool:
    """Whether fields differ by more than so much of the largest of all that is new."""
    if new is None or old is None:
        return (new is None) != (old is None)
    scale = max(float(np.abs(part).max()) for part in new)
    return any(float(np.abs(a - b).max()) > tolerance * scale for a, b in zip(new, old, strict=True))


def driven(now: Moment, coupling: OutputCoupling) -> Floats:
    """Molecules of what drives an output, in cells of its types, 0 in others, [n]; SimulationError unless finite."""
    amount, types = now.amount(coupling.species), coupling.types
    if len(types) != len(now.setup.types):
        amount = np.where(np.isin(now.types, types), amount, 0.0)
    if not np.isfinite(amount).all():
        _refuse(now, coupling, amount, int(np.argmin(np.isfinite(amount))), "is not finite")
    return amount


def _refuse(now: Moment, coupling: OutputCoupling, amount: Floats, cell: int, why: str) -> NoReturn:
    unit = now.setup.types[0].network.time_unit
    raise SimulationError(
        f"{coupling}: {coupling.species} is {amount[cell]:g} in cell {now.ids[cell]} at {now.time:g} {unit}, which "
        f"{why}; change the rule or the law that makes it, or the parameters of that cell."
    )


def move(setup: Setup, state: State, stepping: Stepping, dt: float) -> tuple[Moment, float]:
    """
    Everything that flows, over dt from `state.time - dt` on, the networks' amounts being those of now.

    Returns the moment at which the last flow was solved, and its time.
    """
    left, start = dt, state.time - dt
    reading = Moment(setup, state, time=start + 0.5 * dt if stepping.ahead else state.time)
    reading.read([c.species for c in setup.outputs])
    while True:
        pieces = max(1, math.ceil(_crossed(state.flow, left) / stepping.courant))
        piece = left / pieces
        now = reading if not stepping.ahead else reading.at(_predicted(setup, state, reading, 0.5 * piece))
        solve(setup, state, now)
        crossed = _crossed(state.flow, piece)
        if crossed > TOO_FAR * stepping.courant:
            again = math.ceil(crossed / stepping.courant)
            pieces, piece = pieces * again, piece / again
        middle = start + (0.5 * piece if stepping.ahead else piece)
        _carry(setup, state, now, piece)
        if pieces == 1:
            return now, middle
        left -= piece
        start += piece
        reading = reading.at(state.bodies)


def _crossed(flow: tissue.Flow, dt: float) -> float:
    """How many grid cells the fastest fluid crosses."""
    return max(float(np.abs(v).max()) / h for v, h in zip(flow.velocity, flow.grid.spacing, strict=True)) * dt


def _predicted(setup: Setup, state: State, now: Moment, dt: float) -> Bodies:
    """The cells after dt in the last flow."""
    here = now.bodies
    gradient = tissue.velocity_gradient(state.flow, here.position)
    return replace(
        here,
        position=tissue.advance(state.flow, here.position, dt),
        size=here.size * np.exp(_dilation(setup, state, now, gradient) * dt),
        axis=tissue.turn(here.axis, gradient, dt, alignment=setup.alignment),
    )


def _carry(setup: Setup, state: State, now: Moment, dt: float) -> None:
    """Morphogens and cells over dt in the flow; sources and gradients are those of where the cells are `now`."""
    here, gradient = state.bodies, now.gradient
    position = tissue.advance(state.flow, here.position, dt)
    if setup.spacing and len(here):
        position = tissue.keep_apart(setup.grid, position, _spacing(setup, here.size))
    after = replace(
        here,
        position=position,
        size=here.size * np.exp(_dilation(setup, state, now, gradient) * dt),
        axis=tissue.turn(here.axis, gradient, dt, alignment=setup.alignment),
        deformation=tissue.deform(here.deformation, gradient, dt),
    )
    shares = None
    if setup.confined:
        shares = tuple(tissue.fraction(setup.grid, b.position, b.size) for b in (here, after))
    for name in setup.morphogens:
        _transport(setup, state, now, name, dt, shares if name in setup.confined else None)
    state.bodies = after


def _spacing(setup: Setup, size: Floats) -> float:
    """How far cells are kept apart: a part of the distance of points set evenly, hexagonally and in close packing."""
    mean, grid = float(np.mean(size)), setup.grid
    even = math.sqrt(1.1547 * mean) if grid.dim == 2 else math.cbrt(math.sqrt(2.0) * mean)
    round_ = [length for length, wraps in zip(grid.size, grid.periodic, strict=True) if wraps]
    # a few cells in a small box would meet each other twice
    return min(setup.spacing * even, *(NEARLY_HALF * length for length in round_), math.inf)


def _transport(setup: Setup, state: State, now: Moment, name: str, dt: float, shares: Shares) -> None:
    """A morphogen over dt in the flow, released and taken up by cells where they are `now`."""
    morphogen = setup.morphogens[name]
    release, clear = np.zeros(len(now.bodies)), np.zeros(len(now.bodies))
    for coupling in setup.outputs:
        if isinstance(coupling.output, Secretion | Uptake) and coupling.output.morphogen == name:
            rate = driven(now, coupling) * coupling.output.per_molecule
            if isinstance(coupling.output, Secretion):
                release += rate
            else:
                clear += rate
    decay: float | Floats = morphogen.decay
    if clear.any():
        decay = decay + tissue.spread(setup.grid, now.positions, clear)
    try:
        state.morphogens[name] = tissue.transport(
            setup.grid,
            state.morphogens[name],
            state.flow,
            dt,
            diffusion=morphogen.diffusion,
            decay=decay,
            source=tissue.spread(setup.grid, now.positions, release) if release.any() else None,
            fraction=None if shares is None else shares[0],
            fraction_after=None if shares is None else shares[1],
        )
    except tissue.FieldError:
        _refuse_negative(setup, now, name)
        raise


def _refuse_negative(setup: Setup, now: Moment, name: str) -> None:
    """Name the cell that would release or take up less than nothing of a morphogen."""
    for coupling in setup.outputs:
        if isinstance(coupling.output, Secretion | Uptake) and coupling.output.morphogen == name:
            amount = driven(now, coupling)
            if amount.min(initial=0.0) < 0.0:
                does = "release" if isinstance(coupling.output, Secretion) else "take up"
                _refuse(now, coupling, amount, int(np.argmin(amount)), f"would {does} less than nothing")


def averaged(
    grid: tissue.Grid, positions: Floats, size: Floats, tensor: Floats, share: Floats | None = None
) -> tissue.StressField:
    """The field that is `tensor` [n, 3 or 6] in cells of the given sizes [n]: its mean over the cells near each place.

    With w the weights by which points are spread, sum w A s / sum w A. Cells that all pull alike so make a field that
    is uniform to rounding, however unevenly they stand. On a grid finer than cells, places between points take the mean
    of those beside them, up to the width of a cell away; beyond that it is zero. share [shape]: how much of each place
    is tissue, by which the mean is multiplied where it does not fill the box.
    """
    total = tissue.spread_stress(grid, positions, tensor * size[:, None])
    cover = tissue.spread_stress(grid, positions, np.repeat(size[:, None], tensor.shape[1], axis=1))
    width = float(np.mean(size)) ** (1.0 / grid.dim) if len(size) else 0.0
    gaps = max(0, round(width / max(grid.spacing)) - 1)
    parts = [
        _closed(grid, np.divide(whole, part, out=np.zeros_like(whole), where=part > EMPTY), part > EMPTY, gaps)
        for whole, part in zip(total.components, cover.components, strict=True)
    ]
    if share is not None:
        parts = [part * at_edges(grid, share, part.shape) for part in parts]
    return tissue.StressField(grid, *parts)


def _closed(grid: tissue.Grid, field: Floats, known: NDArray[np.bool_], steps: int) -> Floats:
    """A field whose unknown places, up to so many steps from known ones, are the mean of the known ones beside them."""
    if not steps or known.all():
        return field
    # the last row of edges repeats the first on a periodic axis
    repeats = [(0, int(grid.periodic[a] and n > grid.shape[a])) for a, n in enumerate(field.shape)]
    own = tuple(slice(0, n - last) for n, (_, last) in zip(field.shape, repeats, strict=True))
    field, known = field[own], known[own]
    for _ in range(steps):
        total, count = np.where(known, field, 0.0), known.astype(np.float64)
        for axis in range(grid.dim):
            total, count = _with_beside(grid, total, axis), _with_beside(grid, count, axis)
        field = np.where(known, field, total / np.maximum(count, 1.0))
        known = known | (count > 0.0)
    return np.pad(field, repeats, mode="wrap")


def _with_beside(grid: tissue.Grid, field: Floats, axis: int) -> Floats:
    """The sum of each place and what stands before and after it along an axis; nothing beyond a side."""
    wide = [(int(a == axis),) * 2 for a in range(grid.dim)]
    rows = np.moveaxis(np.pad(field, wide, mode="wrap" if grid.periodic[axis] else "constant"), axis, 0)
    return np.asarray(np.moveaxis(rows[:-2] + rows[1:-1] + rows[2:], 0, axis))


def at_edges(grid: tissue.Grid, field: Floats, shape: tuple[int, ...]) -> Floats:
    """A field at centres, averaged to where an array of this shape lies: centres, or edges along some axes."""
    for axis, n in enumerate(shape):
        if n != grid.shape[axis]:
            mode = "wrap" if grid.periodic[axis] else "edge"
            wide = np.moveaxis(np.pad(field, [(int(a == axis),) * 2 for a in range(grid.dim)], mode=mode), axis, 0)  # type: ignore[call-overload]
            field = np.moveaxis(0.5 * (wide[:-1] + wide[1:]), 0, axis)
    return field
