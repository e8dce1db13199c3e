"""What must hold for any axes that the flow turns, and for any polarity on any grid."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

import tissue

SEEDS = st.integers(0, 2**31)
DIMS = st.sampled_from((2, 3))
TIMES = st.floats(-3.0, 3.0)
ALIGNMENTS = st.floats(-2.0, 2.0)
CASES = settings(max_examples=80, deadline=None, derandomize=True)
POINTS = 7


def any_axes(seed: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Axes and gradients; the last gradient is a shear, that before it nothing, and the one before a plain stretch."""
    rng = np.random.default_rng(seed)
    axes, gradient = rng.normal(size=(POINTS, dim)), rng.normal(size=(POINTS, dim, dim))
    gradient[-1] = gradient[-2] = 0.0
    gradient[-1, 0, 1] = 1.7
    gradient[-3] = np.diag([0.8, -0.5, -0.3][:dim])
    return axes / np.linalg.norm(axes, axis=1, keepdims=True), gradient


def along(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


@CASES
@given(seed=SEEDS, dim=DIMS, dt=TIMES, alignment=ALIGNMENTS)
def test_turned_axes_have_length_one_and_follow_jefferys_equation(
    seed: int, dim: int, dt: float, alignment: float
) -> None:
    """p along exp((Omega + lambda E) dt) p, whatever the length p was given with; -p turns like p."""
    axes, gradient = any_axes(seed, dim)
    turned = tissue.turn(axes, gradient, dt, alignment=alignment)
    assert np.abs(np.linalg.norm(turned, axis=1) - 1.0).max() < 1e-14
    for p, slopes, new in zip(axes, gradient, turned, strict=True):
        matrix = tissue.spin(slopes) + alignment * tissue.strain_rate(slopes)
        assert np.abs(new - along(expm(matrix * dt) @ p)).max() < 1e-7
    assert np.allclose(tissue.turn(-3.7 * axes, gradient, dt, alignment=alignment), -turned, atol=1e-13)


@CASES
@given(seed=SEEDS, dim=DIMS, dt=TIMES)
def test_no_alignment_is_co_rotation(seed: int, dim: int, dt: float) -> None:
    axes, gradient = any_axes(seed, dim)
    turned = tissue.turn(axes, gradient, dt, alignment=0.0)
    rows, columns = ([0, 1, 0], [0, 1, 1]) if dim == 2 else ([0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2])
    tensor = tissue.corotate(axes[:, rows] * axes[:, columns], gradient, dt)
    assert np.allclose(turned[:, rows] * turned[:, columns], tensor, atol=1e-12)


@CASES
@given(seed=SEEDS, dim=DIMS, dt=st.floats(-1.5, 1.5))
def test_material_lines_and_surfaces(seed: int, dim: int, dt: float) -> None:
    """Alignment 1 is along F p, and -1 along F^-T p; a line in a surface stays at right angles to its normal."""
    axes, gradient = any_axes(seed, dim)
    f = tissue.deform(tissue.undeformed(POINTS, dim), gradient, dt)
    line = tissue.turn(axes, gradient, dt, alignment=1.0)
    assert np.allclose(line, along((f @ axes[..., None])[..., 0]), atol=1e-9)
    normals = tissue.turn(axes, gradient, dt, alignment=-1.0)
    assert np.allclose(normals, along((np.linalg.inv(f).swapaxes(-1, -2) @ axes[..., None])[..., 0]), atol=1e-9)
    within = np.roll(axes, 1, axis=1)
    within -= (within * axes).sum(axis=1, keepdims=True) * axes
    moved = tissue.turn(along(within), gradient, dt, alignment=1.0)
    assert np.abs((moved * normals).sum(axis=1)).max() < 1e-9


@CASES
@given(seed=SEEDS, dim=DIMS, dt=st.floats(0.0, 1.5), share=st.floats(0.0, 1.0), alignment=ALIGNMENTS)
def test_steps_compose_and_turn_back(seed: int, dim: int, dt: float, share: float, alignment: float) -> None:
    axes, gradient = any_axes(seed, dim)
    once = tissue.turn(axes, gradient, dt, alignment=alignment)
    first = tissue.turn(axes, gradient, share * dt, alignment=alignment)
    assert np.allclose(tissue.turn(first, gradient, (1.0 - share) * dt, alignment=alignment), once, atol=1e-9)
    assert np.allclose(tissue.turn(once, gradient, -dt, alignment=alignment), axes, atol=1e-8)


@CASES
@given(seed=SEEDS, dt=st.floats(0.0, 5.0), alignment=ALIGNMENTS)
def test_the_plane_in_space_is_the_plane(seed: int, dt: float, alignment: float) -> None:
    axes, gradient = any_axes(seed, 2)
    wide, deep = np.zeros((POINTS, 3)), np.zeros((POINTS, 3, 3))
    wide[:, :2], deep[:, :2, :2] = axes, gradient
    # a third axis that is stretched as the mean of the two keeps the deviator in the plane
    deep[:, 2, 2] = 0.5 * (gradient[:, 0, 0] + gradient[:, 1, 1])
    flat = tissue.turn(axes, gradient, dt, alignment=alignment)
    assert np.allclose(tissue.turn(wide, deep, dt, alignment=alignment)[:, :2], flat, atol=1e-7)


KINDS = st.sampled_from(("periodic", "no-slip", "free-slip", "traction-free", ("no-slip", "traction-free")))
GRIDS = st.builds(
    lambda shape, size, kinds: tissue.Grid(shape[: len(kinds)], size[: len(kinds)], kinds),
    st.tuples(*[st.integers(4, 9)] * 3),
    st.tuples(*[st.floats(0.3, 20.0)] * 3),
    st.lists(KINDS, min_size=2, max_size=3).map(tuple),
)


@CASES
@given(grid=GRIDS, seed=SEEDS, dt=st.floats(0.0, 10.0))
def test_relaxed_polarity_has_length_one_and_uniform_polarity_rests(grid: tissue.Grid, seed: int, dt: float) -> None:
    rng = np.random.default_rng(seed)
    p = rng.normal(size=(*grid.shape, grid.dim))
    polar = tissue.Polar(grid, elasticity=0.3, rotational_viscosity=0.7, alignment=-0.4, activity=1.3)
    relaxed = polar.relax(p, dt)
    assert np.abs(np.linalg.norm(relaxed, axis=-1) - 1.0).max() < 1e-13
    same = np.broadcast_to(along(rng.normal(size=grid.dim)), p.shape)
    held = {
        name: 5.0 * same.reshape(-1, grid.dim)[0]
        for axis, kinds in enumerate(grid.sides)
        for name, kind in zip((f"-{'xyz'[axis]}", f"+{'xyz'[axis]}"), kinds, strict=True)
        if kind != "periodic"
    }
    anchored = tissue.Polar(grid, elasticity=0.3, anchoring=held)
    assert np.allclose(anchored.relax(same, dt), same, atol=1e-12)
    assert np.abs(anchored.molecular_field(same)).max() < 1e-12 / min(grid.spacing) ** 2
    quiet = tissue.Flow(grid, tuple(np.zeros(grid.face_shape(a)) for a in range(grid.dim)), np.zeros(grid.shape))
    assert np.allclose(anchored.advance(same, quiet, dt), same, atol=1e-12)


@CASES
@given(grid=GRIDS, seed=SEEDS)
def test_net_force_of_polarity_vanishes_between_periodic_and_free_sides(grid: tissue.Grid, seed: int) -> None:
    """All stress ends with the grid: forces add up to zero along axes that no side holds."""
    rng = np.random.default_rng(seed)
    p = rng.normal(size=(*grid.shape, grid.dim))
    polar = tissue.Polar(grid, elasticity=0.3, alignment=0.8, activity=rng.normal(size=grid.shape), anchoring={})
    for axis, (stress, torque) in enumerate(zip(polar.stress(p).force(), polar.force(p), strict=True)):
        free = ("periodic", "traction-free")
        others = [kind for a, kinds in enumerate(grid.sides) if a != axis for kind in kinds]
        if set(grid.sides[axis]) <= set(free) and set(others) <= {*free, "free-slip"}:
            for force in (stress, torque):
                weight = np.moveaxis(force.copy(), axis, 0)
                for end in (0, -1):
                    if grid.sides[axis][end] == "traction-free":
                        weight[end] *= 0.5
                assert abs(weight.sum()) < 1e-11 * max(np.abs(weight).sum(), 1.0)
