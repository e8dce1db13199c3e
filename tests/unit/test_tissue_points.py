"""Refusals of points, morphogens and dimensionless numbers, and small things about them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tissue

GRID = tissue.Grid((16, 12), (4.0, 3.0), ("periodic", "no-slip"))


def test_bad_points() -> None:
    with pytest.raises(tissue.FieldError, match=r"shape \(3,\); give one row"):
        tissue.spread(GRID, np.zeros(3), 1.0)
    with pytest.raises(tissue.FieldError, match=r"positions\[1\] is .*nan.* finite"):
        tissue.sample(GRID, np.zeros(GRID.shape), [[1.0, 1.0], [np.nan, 1.0]])
    with pytest.raises(tissue.FieldError, match=r"positions\[1\] .* beyond a wall: axis y runs from 0 to 3"):
        tissue.spread_stress(GRID, [[1.0, 1.0], [9.0, 3.1]], np.ones((2, 3)))
    with pytest.raises(tissue.FieldError, match="give xx, yy, xy for each point"):
        tissue.spread_stress(GRID, [[1.0, 1.0]], np.ones((2, 3)))
    with pytest.raises(tissue.FieldError, match=r"amount\[0\] is inf"):
        tissue.spread(GRID, [[1.0, 1.0]], [np.inf])
    flow = tissue.Flow(GRID, tuple(np.zeros((2, *GRID.shape))), np.zeros(GRID.shape))
    with pytest.raises(tissue.FieldError, match="dt is nan"):
        tissue.advance(flow, [[1.0, 1.0]], np.nan)


def test_points_wrap_and_read_only_arrays_are_welcome() -> None:
    field = np.random.default_rng(0).normal(size=GRID.shape)
    here, round_again = np.array([[0.3, 1.0]]), np.array([[0.3 - 8.0, 1.0]])
    field.setflags(write=False)
    here.setflags(write=False)
    assert np.allclose(tissue.sample(GRID, field, here), tissue.sample(GRID, field, round_again))
    assert tissue.sample(GRID, field, np.zeros((0, 2))).shape == (0,)


def test_bad_transport() -> None:
    c = np.ones(GRID.shape)
    negative = c.copy()
    negative[2, 5] = -1e-3
    with pytest.raises(tissue.FieldError, match=r"concentration\[2, 5\] is -0.001"):
        tissue.transport(GRID, negative, None, 1.0)
    with pytest.raises(tissue.FieldError, match=r"source\[2, 5\]"):
        tissue.transport(GRID, c, None, 1.0, source=negative)
    with pytest.raises(tissue.FieldError, match=r"dt is -1.0"):
        tissue.transport(GRID, c, None, -1.0)
    with pytest.raises(tissue.FieldError, match="diffusion of bicoid is -1"):
        tissue.Morphogen("bicoid", diffusion=-1.0)
    other = tissue.Grid((8, 8), (1.0, 1.0))
    with pytest.raises(tissue.FieldError, match="another grid"):
        tissue.transport(GRID, c, tissue.Flow(other, tuple(np.zeros((2, 8, 8))), np.zeros((8, 8))), 1.0)
    with pytest.raises(tissue.FieldError, match=r"decay\[2, 5\] is -0.001"):
        tissue.transport(GRID, c, None, 1.0, decay=negative)
    with pytest.raises(tissue.FieldError, match=r"fraction\[2, 5\] is 1.5"):
        tissue.transport(GRID, c, None, 1.0, fraction=np.where(negative < 0.0, 1.5, 0.5))
    with pytest.raises(tissue.FieldError, match="200000 terms"):
        tissue.transport(GRID, c, None, 1e20, diffusion=1.0, fraction=c)


@pytest.mark.parametrize(
    ("inflow", "message"),
    [({"+x": 1.0}, "nothing passes"), ({"left": 1.0}, "inflow names 'left'"), ({"-x": -1.0}, "inflow at side -x")],
)
def test_bad_inflow(inflow: dict[str, float], message: str) -> None:
    grid = tissue.Grid((8, 8), (1.0, 1.0), (("inflow", "no-slip"), "periodic"))
    flow = tissue.Flow(grid, (np.zeros((9, 8)), np.zeros((8, 8))), np.zeros((8, 8)))
    with pytest.raises(tissue.FieldError, match=message):
        tissue.transport(grid, 1.0, flow, 0.1, inflow=inflow)


def test_secreted_morphogen_reaches_its_exponential_gradient() -> None:
    """A line source: c = s / (2 sqrt(D k)) exp(-|x| / sqrt(D / k)), to the second order of the grid."""
    errors = []
    for n in (64, 128):
        grid = tissue.Grid((n, 4), (20.0, 1.0), ("no-slip", "periodic"))
        source = np.zeros(grid.shape)
        source[n // 2 - 1 : n // 2 + 1] = 0.5 / grid.spacing[0]
        c = tissue.transport(grid, np.zeros(grid.shape), None, 60.0, diffusion=1.0, decay=1.0, source=source)
        x = grid.centres()[0] - 10.0
        errors.append(np.abs(c - 0.5 * np.exp(-np.abs(x)))[np.abs(x[:, 0]) > 1.0].max())
    assert errors[1] < 0.002
    assert 3.5 < errors[0] / errors[1] < 4.5


def test_numbers_of_the_fly_embryo() -> None:
    """v = 10 um/min, L = 200 um, D = 1 um2/s: Pe = 33; water's density and 1000 times its viscosity: Re = 3e-8."""
    grid = tissue.Grid((96, 112), (452e-6, 533e-6))
    numbers = tissue.dimensionless(
        grid,
        viscosity=1.0,
        friction=1e9,
        bulk_viscosity=3.0,
        speed=10e-6 / 60,
        length=200e-6,
        density=1000.0,
        diffusion=1e-12,
        cells=6000,
    )
    assert numbers.reynolds == pytest.approx(3.3e-8, rel=0.02)
    assert numbers.peclet == pytest.approx(33.3, rel=0.01)
    assert numbers.hydrodynamic_length == pytest.approx(np.sqrt(4e-9) / 452e-6)
    assert numbers.cells_per_grid_cell == pytest.approx(6000 / 96 / 112)
    assert len(numbers.warnings) == 1
    assert "grainy" in str(numbers)
    assert "Peclet number                   33.3" in str(numbers)


def test_warnings_outside_the_range() -> None:
    eta = np.ones(GRID.shape)
    eta[0] = 1e-7
    numbers = tissue.dimensionless(GRID, viscosity=eta, friction=1e3, speed=1.0, density=1.0)
    assert [text.split()[0] for text in numbers.warnings] == ["Reynolds", "the", "viscosity"]
    assert tissue.dimensionless(GRID, viscosity=1.0).warnings == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("speed", v) for v in (np.nan, -1.0)),
        *(("length", v) for v in (0.0, np.inf)),
        *(("density", v) for v in (-1.0, "heavy")),
        *(("diffusion", v) for v in (np.nan, -1.0)),
        *(("cells", v) for v in (-3, np.inf)),
        *(("bulk viscosity", v) for v in (np.nan, 0.0)),
    ],
)
def test_numbers_out_of_range(name: str, value: object) -> None:
    with pytest.raises(tissue.FieldError, match=f"^{name} is "):
        tissue.dimensionless(GRID, viscosity=1.0, **{name.replace(" ", "_"): value})


def test_what_is_no_number_is_named() -> None:
    with pytest.raises(tissue.FieldError, match="decay of m is not made of real numbers"):
        tissue.Morphogen("m", decay="x")
    with pytest.raises(tissue.FieldError, match="positions is not made of real numbers"):
        tissue.sample(GRID, 1.0, [["a", "b"]])
    with pytest.raises(tissue.FieldError, match="stress is not made of real numbers"):
        tissue.spread_stress(GRID, np.ones((1, 2)), [["a", "b", "c"]])


def uniform_flow(speed: float) -> tissue.Flow:
    u = np.full(GRID.shape, speed)
    return tissue.Flow(GRID, (u, 0 * u), 0 * u)


@pytest.mark.parametrize("speed", [1e7, 1e308])
def test_a_flow_that_is_too_fast_for_dt(speed: float) -> None:
    with pytest.raises(tissue.FieldError, match=r"the flow crosses .* grid cells in dt = 100.* take a smaller dt"):
        tissue.transport(GRID, 1.0, uniform_flow(speed), 100.0)


def test_a_flow_that_is_not_finite() -> None:
    flow, points = uniform_flow(1.0), np.ones((3, 2))
    flow.u[2, 1] = np.nan
    for use in (
        lambda: tissue.advance(flow, points, 0.1),
        lambda: tissue.velocity(flow, points),
        lambda: tissue.transport(GRID, 1.0, flow, 0.1),
    ):
        with pytest.raises(tissue.FieldError, match=r"velocity u of the flow\[2, 1\] is nan"):
            use()
    with pytest.raises(tissue.FieldError, match="dt is not made of"):
        tissue.advance(uniform_flow(1.0), points, "soon")


def test_tissue_knows_nothing_of_genes() -> None:
    """No file of the package imports the other package."""
    for path in Path(tissue.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "biomulti" for name in names), path


def test_nothing_is_compiled_at_import() -> None:
    code = (
        "import tissue, gc; from tissue._jit import Kernel; "
        "found = [k for k in gc.get_objects() if isinstance(k, Kernel)]; "
        "assert len(found) >= 8 and all(k._compiled is None for k in found)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_points_in_three_dimensions() -> None:
    """Spreading keeps amounts, net force and torque; reading is its transpose, and exact for linear flows."""
    grid = tissue.Grid((8, 6, 10), (4.0, 3.0, 5.0), ("no-slip", "periodic", "free-slip"))
    rng = np.random.default_rng(2)
    points = rng.uniform(0.5, 1.0, (40, 3)) * [3.0, 3.0, 4.0]
    amount, field = rng.normal(size=40), rng.normal(size=grid.shape)
    density = tissue.spread(grid, points, amount)
    assert np.isclose(density.sum() * grid.cell_area, amount.sum())
    work = (density * field).sum() * grid.cell_area
    assert np.isclose(work, (amount * tissue.sample(grid, field, points)).sum())
    force = tissue.spread_stress(grid, points, rng.normal(size=(40, 6))).force()
    assert max(abs(part.sum()) for part in force) < 1e-10 * max(np.abs(part).sum() for part in force)
    gradient = rng.normal(size=(3, 3))
    velocity = tuple(sum(gradient[a, b] * x for b, x in enumerate(grid.faces(a))) for a in range(3))
    flow = tissue.Flow(grid, velocity, np.zeros(grid.shape))
    inside = rng.uniform(1.0, 2.0, (20, 3))
    assert np.allclose(tissue.velocity(flow, inside), inside @ gradient.T)
    assert np.allclose(tissue.velocity_gradient(flow, inside), gradient)
    assert np.allclose(tissue.advance(flow, inside, 1e-3), inside + 1e-3 * inside @ gradient.T, atol=1e-5)


def test_points_beside_a_moving_wall() -> None:
    """A shear between a wall at rest and a moving one is read without error up to both."""
    grid = tissue.Grid((8, 16), (1.0, 2.0), ("periodic", ("no-slip", "moving")))
    flow = tissue.Stokes(grid, tolerance=1e-12).solve(walls={"+y": (3.0, 0.0)})
    points = np.random.default_rng(3).uniform(0.0, 1.0, (50, 2)) * grid.size
    assert np.allclose(tissue.velocity(flow, points)[:, 0], 1.5 * points[:, 1], atol=1e-9)
    assert np.allclose(tissue.velocity_gradient(flow, points)[:, 0, 1], 1.5)
    with pytest.raises(tissue.FieldError, match=r"walls gives side -y a velocity, but it is 'no-slip'"):
        tissue.Stokes(grid).solve(walls={"-y": (1.0, 0.0)})
    with pytest.raises(tissue.FieldError, match="nothing flows through it"):
        tissue.Stokes(grid).solve(walls={"+y": (1.0, 1.0)})
    with pytest.raises(tissue.FieldError, match=r"the sides are -x, \+x, -y, \+y"):
        tissue.Stokes(grid).solve(walls={"top": (1.0, 1.0)})


@pytest.mark.parametrize(
    ("tensor", "gradient", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 2)), "gradient has shape"),
        (np.zeros((2, 3)), np.zeros((2, 3, 3)), "tensor has shape"),
        (np.zeros((1, 3)), np.full((1, 2, 2), np.nan), r"gradient\[0, 0, 0\] is nan"),
    ],
)
def test_bad_tensors_to_turn(tensor: np.ndarray, gradient: np.ndarray, message: str) -> None:
    with pytest.raises(tissue.FieldError, match=message):
        tissue.corotate(tensor, gradient, 0.1)
