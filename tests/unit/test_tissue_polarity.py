"""Refusals of polarity, and what it does where there is least to go by."""

from __future__ import annotations

import numpy as np
import pytest

import tissue

GRID = tissue.Grid((8, 6), (4.0, 3.0), ("periodic", "no-slip"))
POLAR = tissue.Polar(GRID, elasticity=1.0, anchoring={"-y": (1.0, 0.0)})
UP = np.tile([0.0, 1.0], (8, 6, 1))
FLAT = np.zeros((2, 2, 2))


def at_rest(grid: tissue.Grid) -> tissue.Flow:
    return tissue.Flow(grid, tuple(np.zeros(grid.face_shape(a)) for a in range(grid.dim)), np.zeros(grid.shape))


@pytest.mark.parametrize(
    ("do", "says"),
    [
        (lambda: tissue.turn([[1.0, 0.0]], np.zeros((1, 2, 3)), 0.1, alignment=1.0), r"gradient has shape \(1, 2, 3\)"),
        (lambda: tissue.turn([[1.0, 0.0]], FLAT, 0.1, alignment=1.0), r"axes has shape \(1, 2\)"),
        (lambda: tissue.turn(1.0, FLAT, 0.1, alignment=1.0), r"axes has shape \(\)"),
        (lambda: tissue.turn("up", FLAT, 0.1, alignment=1.0), "axes is not made of real numbers"),
        (lambda: tissue.turn([[1.0, 0.0], [0.0, 0.0]], FLAT, 0.1, alignment=1.0), r"axes\[1\] is a zero vector"),
        (lambda: tissue.turn([[1.0, 0.0], [np.nan, 0.0]], FLAT, 0.1, alignment=1.0), r"axes\[1, 0\] is nan"),
        (lambda: tissue.turn(np.ones((2, 2)), FLAT + np.inf, 0.1, alignment=1.0), r"gradient\[0, 0, 0\] is inf"),
        (lambda: tissue.turn(np.ones((2, 2)), FLAT, np.nan, alignment=1.0), "dt is nan"),
        (lambda: tissue.turn(np.ones((2, 2)), FLAT, 0.1, alignment=np.inf), "alignment is inf"),
        (lambda: tissue.turn([[1.0, 0.0]], [[[0.0, 1e6], [0.0, 0.0]]], 1.0, alignment=1.0), "point 0 would turn"),
        (lambda: tissue.turn(np.ones((1, 3)), np.full((1, 3, 3), 1e308), 10.0, alignment=1.0), "point 0 would turn"),
        (lambda: tissue.turn(np.ones((1, 2)), np.full((1, 2, 2), 1e308), 10.0, alignment=1.0), "point 0 would turn"),
        (lambda: tissue.Polar(GRID, elasticity=-1.0), "elasticity is -1"),
        (lambda: tissue.Polar(GRID, elasticity=1.0, rotational_viscosity=0.0), "rotational viscosity is 0"),
        (lambda: tissue.Polar(GRID, elasticity=1.0, alignment=np.nan), "alignment is nan"),
        (lambda: tissue.Polar(GRID, elasticity=1.0, activity=np.zeros((6, 8))), r"activity has shape \(6, 8\)"),
        (lambda: tissue.Polar(GRID, elasticity=1.0, anchoring={"-x": (1.0, 0.0)}), "'-x'; the sides are -y, [+]y"),
        (lambda: tissue.Polar(GRID, elasticity=1.0, anchoring={"+y": (0.0, 0.0)}), "anchoring at side [+]y is a zero"),
        (lambda: tissue.Polar(GRID, elasticity=1.0, anchoring={"+y": 1.0}), r"anchoring at side [+]y has shape \(\)"),
        (lambda: tissue.Polar(GRID, elasticity=1.0, anchoring={"+y": (1.0,)}), "anchoring at side [+]y has shape"),
        (lambda: POLAR.stress(np.ones((2, 8, 6))), r"axes has shape \(2, 8, 6\)"),
        (lambda: POLAR.force(0.0 * UP), r"axes\[0, 0\] is a zero vector"),
        (lambda: POLAR.molecular_field(UP * np.nan), r"axes\[0, 0, 0\] is nan"),
        (lambda: POLAR.relax(UP, -1.0), "dt is -1"),
        (lambda: POLAR.advance(UP, at_rest(GRID), np.inf), "dt is inf"),
        (lambda: POLAR.advance(UP, at_rest(tissue.Grid((8, 6), (1.0, 1.0))), 0.1), "another grid"),
    ],
)
def test_refusals(do, says) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(tissue.FieldError, match=says):
        do()


def test_no_points_and_read_only_arrays() -> None:
    assert tissue.turn(np.zeros((0, 2)), np.zeros((0, 2, 2)), 0.1, alignment=1.0).shape == (0, 2)
    assert tissue.turn(np.zeros((0, 3)), np.zeros((0, 3, 3)), 0.1, alignment=1.0).shape == (0, 3)
    frozen = UP.copy()
    frozen.setflags(write=False)
    assert np.allclose(POLAR.advance(frozen, at_rest(GRID), 0.0), UP)


@pytest.mark.parametrize("dim", [2, 3])
def test_lengths_at_the_ends_of_the_range_of_numbers(dim: int) -> None:
    axes = np.tile(np.arange(1.0, dim + 1), (3, 1)) * np.array([1e-300, 1.0, 1e300])[:, None]
    turned = tissue.turn(
        axes, np.random.default_rng(0).normal(size=(1, dim, dim)).repeat(3, axis=0), 0.3, alignment=0.5
    )
    assert np.allclose(turned, turned[1], atol=1e-14)


@pytest.mark.parametrize("dim", [2, 3])
def test_what_is_stretched_without_end_lies_along_the_stretch(dim: int) -> None:
    """Extension at 2,000 strains; an axis exactly across has no side to turn to, and stays."""
    gradient = np.zeros((2, dim, dim))
    gradient[:, 0, 0], gradient[:, 1, 1] = 1000.0, -1000.0
    turned = tissue.turn(np.eye(dim)[[0, 1]] + [[0.0] * dim, [1e-3] + [0.0] * (dim - 1)], gradient, 2.0, alignment=1.0)
    assert np.allclose(turned, np.eye(dim)[0])
    assert np.allclose(tissue.turn(np.eye(dim)[[1, 1]], gradient, 2.0, alignment=1.0), np.eye(dim)[1])


@pytest.mark.parametrize(("ratio", "alignment"), [(1.0, 0.0), (3.0, 0.8), (0.5, -0.6)])
def test_spheroids_tumble_with_jefferys_period(ratio: float, alignment: float) -> None:
    """In shear of rate g a spheroid of aspect ratio r turns round in 2 pi (r + 1 / r) / g."""
    rate = 1.3
    period = 2.0 * np.pi * (ratio + 1.0 / ratio) / rate
    shear = np.array([[[0.0, rate], [0.0, 0.0]]])
    start = np.array([[0.6, 0.8]])
    halfway = start
    for _ in range(50):
        halfway = tissue.turn(halfway, shear, period / 100, alignment=alignment)
    assert np.allclose(halfway, -start, atol=1e-12)
    assert np.allclose(tissue.turn(start, shear, period, alignment=alignment), start, atol=1e-12)


def test_rods_that_overalign_come_to_rest_at_leslies_angle() -> None:
    """For lambda > 1 cos(2 angle) = 1 / lambda, above the flow of a shear."""
    shear = np.array([[[0.0, 1.0], [0.0, 0.0]]])
    x, y = tissue.turn([[0.6, 0.8]], shear, 100.0, alignment=1.25)[0]
    assert np.cos(2.0 * np.arctan2(y, x)) == pytest.approx(0.8, rel=1e-12)
    assert y / x > 0.0


def test_contraction_along_polarity_pulls_the_ends_in() -> None:
    """A contractile patch draws fluid in along p and drives it out across."""
    grid = tissue.Grid((32, 32), (2.0, 2.0), ("no-slip", "no-slip"))
    x, y = grid.centres()
    patch = np.exp(-((x - 1.0) ** 2 + (y - 1.0) ** 2) / 0.1)
    polar = tissue.Polar(grid, elasticity=0.0, activity=-patch)
    p = np.tile([1.0, 0.0], (32, 32, 1))
    flow = tissue.Stokes(grid).solve(polar.stress(p), force=polar.force(p))
    assert flow.u[10, 16] > 0.01
    assert flow.v[16, 10] < -0.01
