"""Transport keeps the total and the sign of any concentration in any flow, on any grid."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tissue

CLOSED = ("periodic", "no-slip", "free-slip", "moving")
OPEN = ("traction-free", "inflow")
ONE_SIDE = st.sampled_from((*CLOSED[1:], *OPEN))


def grids(axis: st.SearchStrategy) -> st.SearchStrategy:
    two = st.tuples(st.integers(4, 20), st.integers(4, 20)), st.tuples(axis, axis)
    three = st.tuples(*[st.integers(4, 9)] * 3), st.tuples(axis, axis, axis)
    return st.one_of(
        st.builds(
            lambda shape, size, kinds: tissue.Grid(shape, size[: len(shape)], kinds),
            shape,
            st.tuples(*[st.floats(0.5, 3.0)] * 3),
            kinds,
        )
        for shape, kinds in (two, three)
    )


GRIDS = grids(st.sampled_from(CLOSED))
OPEN_GRIDS = grids(st.one_of(st.just("periodic"), st.tuples(ONE_SIDE, ONE_SIDE)))
CASES = settings(max_examples=60, deadline=None, derandomize=True)
NUMBERS = st.sampled_from([0.0, 1e-4, 1.0, 1e4])


def any_flow(grid: tissue.Grid, rng: np.random.Generator, *, through: bool = True) -> tissue.Flow:
    """Random faces, none through walls, and none through open sides either where not `through`."""
    parts = []
    for axis in range(grid.dim):
        u = rng.normal(size=grid.face_shape(axis))
        ends = np.moveaxis(u, axis, 0)
        for end, kind in zip((0, -1), grid.sides[axis], strict=True):
            if kind != "periodic" and (end == 0 or grid.open[axis]) and not (through and kind in OPEN):
                ends[end] = 0.0
        parts.append(u)
    return tissue.Flow(grid, tuple(parts), np.zeros(grid.shape))


def spiky(grid: tissue.Grid, rng: np.random.Generator) -> np.ndarray:
    """Mostly nothing, here and there a lot."""
    return np.where(rng.random(grid.shape) < 0.1, 10.0 ** rng.uniform(-8, 3, grid.shape), 0.0)


def fractions(grid: tissue.Grid, rng: np.random.Generator) -> np.ndarray:
    """A third nothing, a third all, the rest between."""
    return np.clip(rng.uniform(-1.0, 2.0, grid.shape), 0.0, 1.0)


@CASES
@given(grid=GRIDS, seed=st.integers(0, 2**31), dt=st.floats(1e-4, 2.0), diffusion=NUMBERS, confined=st.booleans())
def test_total_is_kept_and_nothing_is_negative(
    grid: tissue.Grid, seed: int, dt: float, diffusion: float, confined: bool
) -> None:
    rng = np.random.default_rng(seed)
    start = spiky(grid, rng)
    phi = fractions(grid, rng) if confined else None
    end = tissue.transport(grid, start, any_flow(grid, rng), dt, diffusion=diffusion, fraction=phi)
    assert end.min() >= 0.0
    assert abs(end.sum() - start.sum()) <= 1e-13 * start.sum()


@CASES
@given(
    grid=GRIDS,
    seed=st.integers(0, 2**31),
    decay=st.sampled_from([0.0, 1e-9, 0.3, 40.0]),
    diffusion=st.sampled_from([0.0, 0.2]),
    confined=st.booleans(),
)
def test_total_follows_decay_and_source(
    grid: tissue.Grid, seed: int, decay: float, diffusion: float, confined: bool
) -> None:
    """M' = S - k M exactly, however the concentration moves."""
    rng = np.random.default_rng(seed)
    start, source, dt = spiky(grid, rng), spiky(grid, rng), 0.7
    phi = fractions(grid, rng) if confined else None
    end = tissue.transport(grid, start, None, dt, diffusion=diffusion, decay=decay, source=source, fraction=phi)
    kept = np.exp(-decay * dt)
    made = dt if decay == 0.0 else -np.expm1(-decay * dt) / decay
    exact = start.sum() * kept + source.sum() * made
    assert end.min() >= 0.0
    assert abs(end.sum() - exact) <= 1e-12 * exact


@CASES
@given(grid=OPEN_GRIDS, seed=st.integers(0, 2**31), diffusion=NUMBERS, confined=st.booleans())
def test_nothing_passes_open_sides_unless_carried(
    grid: tissue.Grid, seed: int, diffusion: float, confined: bool
) -> None:
    rng = np.random.default_rng(seed)
    start, phi = spiky(grid, rng), fractions(grid, rng) if confined else None
    flow = any_flow(grid, rng, through=False)
    end = tissue.transport(grid, start, flow, 0.4, diffusion=diffusion, fraction=phi)
    assert end.min() >= 0.0
    assert abs(end.sum() - start.sum()) <= 1e-13 * start.sum()
    through = tissue.transport(grid, start, any_flow(grid, rng), 0.4, diffusion=diffusion, fraction=phi)
    assert through.min() >= 0.0
    assert np.isfinite(through).all()


@CASES
@given(grid=GRIDS, seed=st.integers(0, 2**31), diffusion=NUMBERS, dt=st.floats(1e-3, 2.0))
def test_confined_agrees_with_waves(grid: tissue.Grid, seed: int, diffusion: float, dt: float) -> None:
    """With all of each cell and one decay, the Chebyshev series is what the waves give."""
    rng = np.random.default_rng(seed)
    start, source = rng.uniform(0, 1, grid.shape), rng.uniform(0, 1, grid.shape)
    waves = tissue.transport(grid, start, None, dt, diffusion=diffusion, decay=0.3, source=source)
    series = tissue.transport(grid, start, None, dt, diffusion=diffusion, decay=np.full(grid.shape, 0.3), source=source)
    # rounding grows with the number of terms, up to 100,000 here
    assert np.abs(waves - series).max() < 1e-11 * waves.max()


@CASES
@given(grid=GRIDS, seed=st.integers(0, 2**31), diffusion=st.sampled_from([0.3, 1e3]))
def test_a_mask_is_not_passed(grid: tissue.Grid, seed: int, diffusion: float) -> None:
    """A wall of nothing across the box: each half keeps its own."""
    rng = np.random.default_rng(seed)
    phi = np.ones(grid.shape)
    phi[grid.shape[0] // 2] = phi[0] = 0.0
    start = np.where(phi > 0.0, spiky(grid, rng), 0.0)
    end = tissue.transport(grid, start, None, 0.5, diffusion=diffusion, fraction=phi)
    assert not end[phi == 0.0].any()
    left = slice(1, grid.shape[0] // 2)
    assert abs(end[left].sum() - start[left].sum()) <= 1e-11 * start.sum()


@CASES
@given(grid=OPEN_GRIDS, seed=st.integers(0, 2**31), confined=st.booleans())
def test_a_uniform_concentration_stays_uniform_without_divergence(grid: tissue.Grid, seed: int, confined: bool) -> None:
    """With a flow from stream functions on the edges, that also comes and goes through open sides."""
    rng = np.random.default_rng(seed)
    flow = [np.zeros(grid.face_shape(axis)) for axis in range(grid.dim)]
    for a, b in grid.pairs:
        psi = rng.normal(size=grid.edge_shape(a, b))
        for axis in (a, b):
            ends = np.moveaxis(psi, axis, 0)
            if grid.periodic[axis]:
                ends[-1] = ends[0]
            else:
                for end, kind in zip((0, -1), grid.sides[axis], strict=True):
                    if kind not in OPEN:
                        ends[end] = 0.0
        for along, across, sign in ((a, b, 1.0), (b, a, -1.0)):
            slope = np.diff(psi, axis=across) / grid.spacing[across]
            flow[along] += sign * np.take(slope, range(grid.face_shape(along)[along]), axis=along)
    inflow = {
        sign + "xyz"[axis]: 1.0
        for axis, sides in enumerate(grid.sides)
        for sign, kind in zip("-+", sides, strict=True)
        if kind in OPEN
    }
    carried = tissue.Flow(grid, tuple(flow), np.zeros(grid.shape))
    assert np.abs(carried.divergence()).max() < 1e-10
    phi = np.ones(grid.shape) if confined else None
    end = tissue.transport(grid, np.ones(grid.shape), carried, 0.3, diffusion=0.1, inflow=inflow, fraction=phi)
    assert np.abs(end - 1.0).max() < 1e-11


@CASES
@given(grid=GRIDS, seed=st.integers(0, 2**31))
def test_points_take_up_what_they_see(grid: tissue.Grid, seed: int) -> None:
    """A short time of uptake takes sum k_i c(x_i) dt, c read at the points as they read it."""
    rng = np.random.default_rng(seed)
    points, rates = rng.uniform(0, 1, (30, grid.dim)) * grid.size, rng.uniform(0, 1, 30)
    start, dt = rng.uniform(0, 1, grid.shape), 1e-6
    end = tissue.transport(grid, start, None, dt, diffusion=1e-3, decay=tissue.spread(grid, points, rates))
    taken = (start.sum() - end.sum()) * grid.cell_area / dt
    seen = (rates * tissue.sample(grid, start, points)).sum()
    assert abs(taken / seen - 1.0) < 1e-3


def plain_advection(
    grid: tissue.Grid, c: np.ndarray, flow: tissue.Flow, dt: float, inflow: dict[str, float]
) -> np.ndarray:
    """One Heun step of limited finite volumes, cell by cell, as the paper says it."""

    def side(axis, place):
        """Kind of side beyond which a place lies, what would flow in there, and whether it does."""
        end = 0 if place[axis] < 0 else 1
        face = list(place)
        face[axis] = 0 if end == 0 else grid.face_shape(axis)[axis] - 1
        speed = flow.velocity[axis][tuple(face)] * (1 if end == 0 else -1)
        return grid.sides[axis][end], inflow.get("-+"[end] + "xyz"[axis], 0.0), speed > 0

    def at(a, place, axis, towards):
        """The concentration at a place, which may lie beyond a side, as its neighbour `towards` the inside sees it."""
        place = list(place)
        if grid.periodic[axis]:
            place[axis] %= grid.shape[axis]
        if 0 <= place[axis] < grid.shape[axis]:
            return a[tuple(place)]
        inside = list(place)
        inside[axis] += towards
        here = a[tuple(inside)]
        inside[axis] += towards
        kind, brought, enters = side(axis, place)
        if kind not in OPEN:
            return here
        if not enters:
            return max(0.0, 2 * here - a[tuple(inside)])
        slopes = (here - a[tuple(inside)], 2 * (brought - here))
        return here + (np.sign(slopes[0]) * min(map(abs, slopes)) if slopes[0] * slopes[1] > 0 else 0.0)

    def moved(place, axis, by):
        return tuple(k + by if b == axis else k for b, k in enumerate(place))

    def end_of_cell(a, place, axis, direction):
        here = at(a, place, axis, 0)
        left = here - at(a, moved(place, axis, -1), axis, 1)
        right = at(a, moved(place, axis, 1), axis, -1) - here
        slope = 0.0
        if left * right > 0:
            slope = np.sign(left) * min(abs(left + right) / 2, 2 * abs(left), 2 * abs(right))
        return here + direction * slope / 2

    def flux(a, place, axis):
        """Through the lower face of a place."""
        stored = flow.velocity[axis]
        velocity = stored[tuple(k % n for k, n in zip(place, stored.shape, strict=True))]
        donor = moved(place, axis, -1) if velocity > 0 else place
        if not grid.periodic[axis] and not 0 <= donor[axis] < grid.shape[axis]:
            return velocity * side(axis, donor)[1] if velocity else 0.0
        if grid.periodic[axis]:
            donor = tuple(k % n for k, n in zip(donor, grid.shape, strict=True))
        return velocity * end_of_cell(a, donor, axis, 1 if velocity > 0 else -1)

    def step(a):
        new = a.copy()
        for place in itertools.product(*map(range, grid.shape)):
            for axis in range(grid.dim):
                out = flux(a, moved(place, axis, 1), axis) - flux(a, place, axis)
                new[place] -= dt * out / grid.spacing[axis]
        return new

    return 0.5 * c + 0.5 * step(step(c))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(grid=OPEN_GRIDS, seed=st.integers(0, 2**31))
def test_advection_is_its_plain_twin(grid: tissue.Grid, seed: int) -> None:
    rng = np.random.default_rng(seed)
    start, flow = rng.uniform(0, 1, grid.shape), any_flow(grid, rng)
    inflow = {
        sign + "xyz"[axis]: float(rng.uniform(0, 2))
        for axis, sides in enumerate(grid.sides)
        for sign, kind in zip("-+", sides, strict=True)
        if kind in OPEN and rng.random() < 0.7
    }
    # one step short enough to be taken whole
    dt = 0.4 / sum(np.abs(u).max() / h for u, h in zip(flow.velocity, grid.spacing, strict=True))
    twin = plain_advection(grid, start, flow, dt, inflow)
    assert np.abs(tissue.transport(grid, start, flow, dt, inflow=inflow) - twin).max() < 1e-13


def left_beside_some(grid: tissue.Grid, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Cells without tissue after a step, to which pieces of tissue reach that have some."""
    number = np.where((before > 0.0) | (after > 0.0), np.arange(before.size).reshape(grid.shape) + 1, 0)
    while True:
        old = number.copy()
        for axis in range(grid.dim):
            for by, end in ((1, 0), (-1, -1)):
                other = np.roll(number, by, axis=axis)
                if not grid.periodic[axis]:
                    np.moveaxis(other, axis, 0)[end] = 0
                number = np.where(number > 0, np.maximum(number, other), 0)
        if (number == old).all():
            return (after == 0.0) & np.isin(number, number[after > 0.0])


@CASES
@given(
    grid=OPEN_GRIDS,
    seed=st.integers(0, 2**31),
    dt=st.floats(1e-3, 1.0),
    diffusion=st.sampled_from([0.0, 0.1]),
    through=st.booleans(),
)
def test_a_moving_fraction_keeps_what_it_holds(
    grid: tissue.Grid, seed: int, dt: float, diffusion: float, through: bool
) -> None:
    """Whatever the flow and the fractions before and after: nothing negative, nothing where there never was any."""
    rng = np.random.default_rng(seed)
    before, after = fractions(grid, rng), fractions(grid, rng)
    start, flow = np.where(before > 0.0, spiky(grid, rng), 0.0), any_flow(grid, rng, through=through)
    end = tissue.transport(grid, start, flow, dt, diffusion=diffusion, fraction=before, fraction_after=after)
    assert end.min() >= 0.0
    assert not end[(before == 0.0) & (after == 0.0)].any()
    if not through:
        assert abs(end.sum() - start.sum()) <= 1e-13 * start.sum()
        assert not end[left_beside_some(grid, before, after)].any()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), dim=st.sampled_from([2, 3]), smoothing=st.integers(0, 2))
def test_uniform_within_a_tissue_of_moving_points_stays_uniform(seed: int, dim: int, smoothing: int) -> None:
    """In a flow without divergence; some of the cells are left and others entered in every step."""
    rng = np.random.default_rng(seed)
    grid = tissue.Grid((20, 16, 12)[:dim], (1.0, 0.8, 0.6)[:dim])
    flow = tissue.Flow(grid, tuple(np.full(grid.shape, u) for u in rng.normal(size=dim)), np.zeros(grid.shape))
    points = 0.3 + rng.uniform(-0.2, 0.2, ((3000, 6000)[dim - 2], dim))
    volumes = rng.uniform(0.0, (0.02, 0.08)[dim - 2], len(points)) * grid.cell_area
    phi = tissue.fraction(grid, points, volumes, smoothing=smoothing)
    # less counts as none
    c = np.where(phi < 1e-6, 0.0, 3.0 * phi)
    total = c.sum()
    for _ in range(4):
        points = tissue.advance(flow, points, 0.03)
        after = tissue.fraction(grid, points, volumes, smoothing=smoothing)
        c, phi = tissue.transport(grid, c, flow, 0.03, fraction=phi, fraction_after=after), after
    assert not c[phi == 0.0].any()
    assert abs(c.sum() - total) < 1e-12 * total
    # crowded cells lose what they cannot hold, so that the sum of phi differs from step to step, and c / phi with it
    assert np.abs(c - phi * (total / phi.sum())).sum() < 1e-5 * total


@CASES
@given(
    grid=GRIDS,
    seed=st.integers(0, 2**31),
    diffusion=NUMBERS,
    decay=st.sampled_from([0.0, 1e-9, 0.3, 40.0, None]),
    confined=st.booleans(),
    at_rest=st.booleans(),
)
def test_exposure_accounts_for_what_decays(
    grid: tissue.Grid, seed: int, diffusion: float, decay: float | None, confined: bool, at_rest: bool
) -> None:
    """Before + source - decay * exposure = after; shared over points it is what they take up."""
    rng = np.random.default_rng(seed)
    start, source, dt = spiky(grid, rng), spiky(grid, rng), 0.7
    points, rates = rng.uniform(0, 1, (30, grid.dim)) * grid.size, rng.uniform(0, 1, 30)
    decays = tissue.spread(grid, points, rates) if decay is None else decay
    phi = fractions(grid, rng) if confined else None
    flow = None if at_rest else any_flow(grid, rng)
    exposure = np.zeros(grid.shape)
    given_ = {"diffusion": diffusion, "decay": decays, "source": source, "fraction": phi}
    end = tissue.transport(grid, start, flow, dt, exposure=exposure, **given_)
    removed = decays * exposure
    most = start.sum() + dt * source.sum()
    assert abs(most - removed.sum() - end.sum()) <= 1e-12 * most
    assert exposure.min() >= 0.0
    assert np.abs(end - tissue.transport(grid, start, flow, dt, **given_)).max() <= 1e-10 * most
    if decay is None:
        taken = rates * tissue.sample(grid, exposure, points)
        assert abs(taken.sum() - removed.sum() * grid.cell_area) <= 1e-12 * most * grid.cell_area
