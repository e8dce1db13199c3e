"""Deformation that points carry, and the share of every place that they fill."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

import tissue


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]), st.floats(0.01, 20.0))
def test_deformation_is_the_exponential_of_a_steady_gradient(seed, dim, dt):
    rng = np.random.default_rng(seed)
    gradient = rng.normal(size=(3, dim, dim))
    gradient -= np.trace(gradient, axis1=1, axis2=2)[:, None, None] * np.eye(dim) / dim
    once = tissue.deform(tissue.undeformed(3, dim), gradient, dt)
    for f, slope in zip(once, gradient, strict=True):
        exact = expm(slope * dt)
        assert f == pytest.approx(exact, abs=1e-9 * np.abs(exact).max())
    if dt < 2.0:
        assert np.linalg.det(once) == pytest.approx(np.ones(3), abs=1e-9 * np.abs(once).max() ** dim)


def test_strain_of_stretching_of_rotation_and_of_both():
    stretch = tissue.deform(tissue.undeformed(1, 2), np.diag([0.3, -0.1])[None], 2.0)
    assert tissue.logarithmic_strain(stretch) == pytest.approx(np.array([[0.6, -0.2, 0.0]]))
    turn = tissue.deform(stretch, np.array([[[0.0, -1.0], [1.0, 0.0]]]), np.pi / 2)
    assert tissue.logarithmic_strain(turn) == pytest.approx(np.array([[-0.2, 0.6, 0.0]]))
    solid = tissue.deform(tissue.undeformed(2, 3), np.array([np.diag([0.1, 0.2, 0.3]), np.zeros((3, 3))]), 1.0)
    assert tissue.logarithmic_strain(solid) == pytest.approx(np.array([[0.1, 0.2, 0.3, 0, 0, 0], [0.0] * 6]))


def test_many_steps_of_a_flow_follow_a_line_of_points():
    """A material line in a channel: F carries its first direction to where its two ends are."""
    grid = tissue.Grid((64, 64), (1.0, 1.0), ("periodic", "no-slip"))
    stokes = tissue.Stokes(grid, viscosity=1.0, tolerance=1e-10)
    x, y = grid.x_faces()
    flow = stokes.solve(force=(np.sin(2 * np.pi * x) + 8.0 + 0.0 * y, np.zeros(grid.face_shape(1))))
    ends = np.array([[0.5, 0.4], [0.5 + 1e-6, 0.4 + 1e-6]])
    f, first = tissue.undeformed(1, 2), ends[1] - ends[0]
    for _ in range(50):
        middle = tissue.advance(flow, ends, 0.005)
        f = tissue.deform(f, tissue.velocity_gradient(flow, middle[:1]), 0.01)
        ends = tissue.advance(flow, ends, 0.01)
    # gradients are read linearly between the places where they are, velocities too
    assert f[0] @ first == pytest.approx(ends[1] - ends[0], rel=0.02, abs=2e-8)


@pytest.mark.parametrize("boundary", ["periodic", "no-slip"])
def test_shares_keep_their_sum_and_lie_between_none_and_all(boundary):
    grid = tissue.Grid((24, 20), (12.0, 10.0), (boundary, boundary))
    rng = np.random.default_rng(3)
    points = rng.uniform([3.0, 3.0], [8.0, 7.0], (200, 2))
    volumes = rng.uniform(0.0, 0.05, 200)
    for smoothing in (0, 1, 5):
        share = tissue.fraction(grid, points, volumes, smoothing=smoothing)
        assert share.min() >= 0.0
        assert share.max() <= 1.0
        assert share.sum() * grid.cell_area == pytest.approx(volumes.sum(), rel=1e-12)
    assert tissue.fraction(grid, points, 10.0, smoothing=0).max() == 1.0


def test_mixed_viscosity_ends_at_that_of_each_fluid():
    assert tissue.mixed_viscosity(np.array([0.0, 0.5, 1.0]), 100.0, 0.01) == pytest.approx([0.01, 1.0, 100.0])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda g: tissue.fraction(g, [[1.0, 1.0]], -1.0), "at least 0"),
        (lambda g: tissue.fraction(g, [[1.0, 1.0]], 1.0, smoothing=-1), "smoothing is -1"),
        (lambda g: tissue.mixed_viscosity([0.5], 0.0, 1.0), "inside viscosity"),
        (lambda g: tissue.mixed_viscosity([1.5], 1.0, 1.0), "share is 1.5"),
        (lambda g: tissue.deform(np.eye(2), np.eye(2), 1.0), r"gradient has shape \(2, 2\)"),
        (lambda g: tissue.deform(tissue.undeformed(1, 3), tissue.undeformed(1, 2), 1.0), "deformation has shape"),
        (lambda g: tissue.logarithmic_strain([[[1.0, 0.0], [0.0, -1.0]]]), "determinant is not positive"),
        (lambda g: tissue.undeformed(1, 4), "dim is 4"),
        (lambda g: tissue.deform(tissue.undeformed(1, 2), [[[1000.0, 0.0], [0.0, -1000.0]]], 1.0), "point 0 grew"),
        (lambda g: tissue.deform(tissue.undeformed(1, 2), [[[1e308, 0.0], [0.0, 0.0]]], 10.0), "point 0 grew"),
    ],
)
def test_what_makes_no_sense_is_named(wrong, says):
    with pytest.raises(tissue.FieldError, match=says):
        wrong(tissue.Grid((8, 8), (4.0, 4.0), ("no-slip", "no-slip")))


def test_large_stretches_keep_their_trace():
    turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    f = (turn @ np.diag([1e4, 1e-4]))[None]
    strain = tissue.logarithmic_strain(f)
    assert strain[0, 0] + strain[0, 1] == pytest.approx(0.0, abs=1e-7)
    assert np.hypot(0.5 * (strain[0, 0] - strain[0, 1]), strain[0, 2]) == pytest.approx(np.log(1e4))


def test_points_beyond_what_rounding_leaves_are_refused():
    grid = tissue.Grid((8, 8), (0.3, 0.3))
    with pytest.raises(tissue.FieldError, match=r"point 0 is at x = 1e\+17"):
        tissue.spread_force(grid, [[1e17, 0.1]], [[1.0, 0.0]])


@pytest.mark.parametrize("places", [np.linspace(0.0, 1.0, 440, endpoint=False), np.linspace(0.0, 1.0, 440) ** 3])
def test_area_inside_a_line_does_not_depend_on_how_evenly_it_is_set(places):
    grid = tissue.Grid((8, 8), (1.0, 1.0))
    angle = 2.0 * np.pi * places[places < 1.0]
    for middle in (0.5, 0.1):
        points = (middle + 0.35 * np.stack([np.cos(angle), np.sin(angle)], axis=1)) % 1.0
        found = tissue.enclosed(grid, points, tissue.line(len(angle)))
        assert found == pytest.approx(np.pi * 0.35**2, rel=1e-3)


def test_cycles_do_not_depend_on_units():
    """Of tissue: a million pascal seconds and micrometres; in and out of the range of single precision."""
    shape = (32, 32)
    noise = np.random.default_rng(1).uniform(-1.0, 1.0, shape)
    found = []
    for viscosity, size in ((1.0, 1.0), (1e6, 1e-6), (1e12, 1e-6), (1e-12, 1e6)):
        grid = tissue.Grid(shape, (size, size), ("periodic", ("inflow", "traction-free")))
        flow = tissue.Stokes(grid, viscosity=viscosity * 10.0**noise).solve(growth=noise)
        found.append((flow.iterations, flow.velocity[0] / size))
    for iterations, u in found[1:]:
        assert abs(iterations - found[0][0]) <= 1
        assert u == pytest.approx(found[0][1], abs=1e-6 * np.abs(found[0][1]).max())


def test_two_surfaces_are_not_moved_as_one():
    grid = tissue.Grid((8, 8, 8), (1.0, 1.0, 1.0))
    flow = tissue.Flow(grid, tuple(np.zeros((3, 8, 8, 8))), np.zeros((8, 8, 8)))
    corners = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    faces = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])
    points = np.concatenate([0.25 + 0.1 * corners, 0.75 + 0.1 * corners])
    with pytest.raises(tissue.FieldError, match="2 surfaces"):
        tissue.advance_surface(flow, points, np.concatenate([faces, faces + 4]), 0.1)
