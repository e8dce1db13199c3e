"""The flow solver's bits, warm starts, conventions and refusals."""

from __future__ import annotations

import numba
import numpy as np
import pytest

import tissue
from tissue import levels

RNG = np.random.default_rng(11)


def cells_on(grid: tissue.Grid, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.uniform(0, 1, (n, 2)) * grid.size, rng.normal(size=(n, 3))


def gel(grid: tissue.Grid, **properties: object) -> tissue.Stokes:
    return tissue.Stokes(grid, **{"viscosity": 1.0, "friction": 0.5, "bulk_viscosity": 10.0, **properties})


@pytest.fixture
def small() -> tissue.Grid:
    return tissue.Grid((16, 12), (4.0, 3.0), ("periodic", "no-slip"))


def smooth_stress(grid: tissue.Grid) -> tissue.StressField:
    x, y = grid.centres()
    xx = np.exp(np.cos(2 * np.pi * x / grid.size[0]) * np.sin(np.pi * y / grid.size[1]))
    return tissue.StressField(grid, xx, -0.5 * xx, np.zeros(grid.corner_shape))


@pytest.mark.parametrize("shape", [(256, 160), (97, 64)])
def test_same_bits_for_any_number_of_threads(shape: tuple[int, int]) -> None:
    """On a grid large enough to be shared among threads, and on one that is not."""
    grid = tissue.Grid(shape, (shape[0] / 16, shape[1] / 16), ("periodic", "free-slip"))
    points, carried = cells_on(grid, 20_000)
    morphogen = RNG.uniform(0, 1, shape)
    found = []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        stress = tissue.spread_stress(grid, points, carried)
        flow = gel(grid, tolerance=1e-6).solve(stress)
        moved = tissue.advance(flow, points, 0.01)
        gradient = tissue.velocity_gradient(flow, points)
        c = tissue.transport(grid, morphogen, flow, 0.05, diffusion=0.1, decay=0.2)
        confined = tissue.transport(grid, morphogen, None, 0.05, diffusion=0.1, fraction=morphogen)
        found.append([stress.xx, stress.yy, stress.xy, flow.u, flow.v, flow.p, moved, gradient, c, confined])
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    for one, two in zip(*found, strict=True):
        assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize(
    ("shape", "boundary", "bulk", "contrast"),
    [
        ((200, 140), ("periodic", "periodic"), 0.1, 1.3),
        ((200, 140), (("traction-free", "no-slip"), "periodic"), 0.3, 1e3),
        ((192, 160), ("no-slip", "periodic"), np.inf, 1.3),
        ((104, 24, 20), ("periodic", "no-slip", "traction-free"), 0.2, 1.3),
    ],
)
def test_sweeps_shared_among_threads_have_the_same_bits(
    shape: tuple[int, ...], boundary: tuple[str, ...], bulk: float, contrast: float
) -> None:
    """Sweeps that follow one another plane by plane, set-up and passes: what wraps, ends, and is compressed."""
    grid = tissue.Grid(shape, tuple(n / 16 for n in shape), boundary)
    wave = sum(np.cos(2 * np.pi * c / length) for c, length in zip(grid.centres(), grid.size, strict=True))
    pull = tissue.spread_stress(
        grid, RNG.uniform(0, 1, (5000, grid.dim)) * grid.size, RNG.normal(size=(5000, len(grid.component_names)))
    )
    found = []
    for threads in (1, 2, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(threads)
        fluid = tissue.Stokes(
            grid, viscosity=contrast ** (wave / (2 * grid.dim)), friction=0.1, bulk_viscosity=bulk, tolerance=1e-6
        )
        flow = fluid.solve(pull)
        found.append([fluid.operator.co, fluid.operator.single.co, *flow.velocity, flow.p])
    for one, *others in zip(*found, strict=True):
        assert all(one.tobytes() == other.tobytes() for other in others)


def test_warm_start_takes_fewer_cycles() -> None:
    grid = tissue.Grid((64, 64), (4.0, 4.0), ("periodic", "no-slip"))
    stress = smooth_stress(grid)
    fluid = gel(grid)
    cold = fluid.solve(stress)
    assert fluid.solve(stress, guess=cold).iterations == 0
    changed = tissue.StressField(grid, 1.001 * stress.xx, stress.yy, stress.xy)
    assert fluid.solve(changed, guess=cold).iterations < fluid.solve(changed).iterations


@pytest.mark.parametrize("fall", [1e-6, 1e-9, 1e-12])
def test_warm_start_survives_a_driving_that_falls(fall: float) -> None:
    """A guess far larger than the solution costs no more than none."""
    grid = tissue.Grid((64, 64), (4.0, 4.0), ("periodic", "no-slip"))
    stress = smooth_stress(grid)
    weak = tissue.StressField(grid, fall * stress.xx, fall * stress.yy, stress.xy)
    fluid = gel(grid)
    cold, warm = fluid.solve(weak), fluid.solve(weak, guess=fluid.solve(stress))
    assert warm.iterations == cold.iterations
    assert np.abs(warm.u - cold.u).max() <= 1e-12 * np.abs(cold.u).max()


@pytest.mark.parametrize("kind", ["periodic", "no-slip"])
@pytest.mark.parametrize("exponent", [-1000, -600, 600, 900])
def test_driving_of_any_size(exponent: int, kind: str) -> None:
    """The flow is linear in what drives it, to the last bit for powers of two, with and without a guess."""
    grid = tissue.Grid((16, 16), (1.0, 1.0), ("periodic", kind))
    stress, factor = smooth_stress(grid), 2.0**exponent
    scaled = tissue.StressField(grid, factor * stress.xx, factor * stress.yy, stress.xy)
    flow, other = tissue.Stokes(grid).solve(stress), tissue.Stokes(grid).solve(scaled)
    assert np.abs(flow.u).max() > 1e-3
    assert (other.u == factor * flow.u).all()
    assert tissue.Stokes(grid).solve(scaled, guess=other).iterations == 0
    assert (tissue.Stokes(grid).solve(stress, guess=other).u == flow.u).all()


def test_with_changes_what_is_named_and_nothing_else(small: tissue.Grid) -> None:
    eta = RNG.uniform(1, 2, small.shape)
    changed = gel(small).with_(viscosity=eta)
    flow = changed.solve(smooth_stress(small))
    same = gel(small, viscosity=eta).solve(smooth_stress(small))
    assert flow.u.tobytes() == same.u.tobytes()
    assert gel(small).with_(friction=0.0, bulk_viscosity=np.inf, tolerance=1e-4).tolerance == 1e-4


def test_incompressible_pressure_has_mean_zero_and_no_divergence() -> None:
    grid = tissue.Grid((32, 24), (2.0, 1.0), ("no-slip", "free-slip"))
    growth = np.cos(np.pi * grid.centres()[0] / 2.0) + np.zeros(grid.shape)
    flow = tissue.Stokes(grid, viscosity=3.0).solve(smooth_stress(grid), growth=growth)
    assert abs(flow.p.mean()) < 1e-12 * np.abs(flow.p).max()
    assert np.abs(flow.divergence() - growth).max() < 1e-5
    assert not flow.u[0].any()
    assert not flow.v[:, 0].any()


def test_isotropic_stress_in_a_closed_incompressible_box_makes_pressure_only() -> None:
    grid = tissue.Grid((32, 32), (1.0, 1.0), ("no-slip", "no-slip"))
    xx = smooth_stress(grid).xx
    flow = tissue.Stokes(grid).solve(tissue.StressField(grid, xx, xx, np.zeros(grid.corner_shape)))
    assert np.abs(flow.p - (xx - xx.mean())).max() < 1e-7
    assert np.abs(flow.at_centres()).max() < 1e-7


def test_compressible_growth_finds_its_pressure() -> None:
    """Uniform growth g with nothing else: no flow in a closed box, and p = eta_b g."""
    grid = tissue.Grid((16, 16), (1.0, 1.0), ("no-slip", "no-slip"))
    flow = tissue.Stokes(grid, bulk_viscosity=1e6).solve(growth=0.3)
    assert np.allclose(flow.p, 0.3e6, rtol=1e-7)
    assert np.abs(flow.u).max() < 1e-7


def test_friction_alone_balances_a_uniform_force() -> None:
    grid = tissue.Grid((16, 16), (1.0, 1.0))
    flow = tissue.Stokes(grid, friction=1e-6).solve(force=(2.0, 0.0))
    assert np.allclose(flow.u, 2e6, rtol=1e-8)


def test_total_stress_balances_the_force(small: tissue.Grid) -> None:
    """div of the total stress is friction times velocity."""
    fluid, active = gel(small, tolerance=1e-11), smooth_stress(small)
    flow = fluid.solve(active)
    fx, fy = tissue.total_stress(fluid, flow, active_stress=active).force()
    assert np.abs(fx - 0.5 * flow.u).max() < 1e-8
    assert np.abs(fy - 0.5 * flow.v).max() < 1e-8
    passive = tissue.total_stress(fluid, flow)
    points = cells_on(small, 30)[0]
    parts = tissue.stress_at(passive, points) + tissue.stress_at(active, points)
    assert np.allclose(tissue.stress_at(tissue.total_stress(fluid, flow, active_stress=active), points), parts)


def test_signals_of_a_linear_flow() -> None:
    """In u = L x the gradient is L, and strain rate and spin are its parts."""
    grid = tissue.Grid((12, 16), (3.0, 4.0), ("no-slip", "no-slip"))
    gradient = np.array([[0.3, -1.0], [0.4, 0.2]])
    (xu, yu), (xv, yv) = grid.x_faces(), grid.y_faces()
    u, v = gradient[0, 0] * xu + gradient[0, 1] * yu, gradient[1, 0] * xv + gradient[1, 1] * yv
    flow = tissue.Flow(grid, (u, v), np.zeros(grid.shape))
    points = RNG.uniform([1, 1], [2, 3], (20, 2))
    assert np.allclose(tissue.velocity(flow, points), points @ gradient.T)
    found = tissue.velocity_gradient(flow, points)
    assert np.allclose(found, gradient)
    assert np.allclose(tissue.strain_rate(found), [[0.3, -0.3], [-0.3, 0.2]])
    assert np.allclose(tissue.spin(found), [[0.0, -0.7], [0.7, 0.0]])


def test_velocity_on_walls_is_what_the_wall_says() -> None:
    for kind, sticks in (("no-slip", True), ("free-slip", False)):
        grid = tissue.Grid((16, 16), (1.0, 1.0), ("periodic", kind))
        flow = gel(grid).solve(smooth_stress(grid))
        walls = np.array([[0.37, 0.0], [0.37, 1.0]])
        on_wall = tissue.velocity(flow, walls)
        assert np.abs(on_wall[:, 1]).max() == 0.0
        assert (np.abs(on_wall[:, 0]).max() < 1e-15) == sticks


def test_force_on_walls_is_ignored_and_zero_driving_is_no_flow(small: tissue.Grid) -> None:
    fy = np.zeros(small.shape)
    fy[:, 0] = 1.0
    assert not gel(small).solve(force=(0.0, fy)).v.any()
    assert gel(small).solve().iterations == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (((8,), (1.0, 1.0)), "two values"),
        (((8, 3), (1.0, 1.0)), "4 or more"),
        (((8, 8.5), (1.0, 1.0)), "integers"),
        (((8, 8), (1.0, -1.0)), "positive"),
        (((8, 8), (1.0, np.nan)), "finite"),
        (((8, 8), (1.0, 1.0), ("periodic", "sticky")), "'free-slip'"),
        (((8, 8), (1.0, 1.0), "periodic"), "two values"),
    ],
)
def test_bad_grids(arguments: tuple, said: str) -> None:
    with pytest.raises(tissue.GridError, match=said):
        tissue.Grid(*arguments)


def one_bad(shape: tuple[int, ...], value: float) -> np.ndarray:
    field = np.ones(shape)
    field[3, 4] = value
    return field


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"viscosity": one_bad((16, 12), np.nan)}, r"viscosity\[3, 4\] is nan; it must be finite and greater than 0"),
        ({"viscosity": one_bad((16, 12), 0.0)}, r"viscosity\[3, 4\] is 0"),
        ({"viscosity": np.ones((12, 16))}, r"shape \(12, 16\); give an array of shape \(16, 12\)"),
        ({"friction": one_bad((16, 12), -1.0)}, r"friction\[3, 4\] is -1.0; it must be finite and at least 0"),
        ({"friction": np.inf}, "friction is inf"),
        ({"bulk_viscosity": one_bad((16, 12), -np.inf)}, r"bulk viscosity\[3, 4\] is -inf"),
        ({"bulk_viscosity": 0.0}, "bulk viscosity is 0"),
        ({"tolerance": 0.0}, "between 1e-13 and 1"),
        ({"viscosity": "a"}, "viscosity is not made of real numbers"),
        ({"bulk_viscosity": [1.0, None, {}]}, "bulk viscosity is not made of real numbers"),
        ({"tolerance": "small"}, "tolerance is not made of real numbers"),
    ],
)
def test_bad_fluids(small: tissue.Grid, properties: dict[str, object], said: str) -> None:
    with pytest.raises(tissue.FieldError, match=said):
        gel(small, **properties)


def test_bad_driving(small: tissue.Grid) -> None:
    other = tissue.Grid((8, 8), (1.0, 1.0))
    with pytest.raises(tissue.FieldError, match=r"force along y\[3, 4\] is inf"):
        gel(small).solve(force=(0.0, one_bad(small.shape, np.inf)))
    with pytest.raises(tissue.FieldError, match=r"growth\[3, 4\] is nan"):
        gel(small).solve(growth=one_bad(small.shape, np.nan))
    with pytest.raises(tissue.FieldError, match="another grid"):
        gel(small).solve(smooth_stress(other))
    with pytest.raises(tissue.FieldError, match="another grid"):
        gel(small).solve(smooth_stress(small), guess=gel(other).solve(smooth_stress(other)))
    with pytest.raises(tissue.FieldError, match="different grids"):
        tissue.total_stress(gel(small), gel(other).solve(smooth_stress(other)))
    xy = np.zeros(small.corner_shape)
    xy[0] = 1.0
    with pytest.raises(tissue.FieldError, match="periodic axis x"):
        tissue.StressField(small, np.zeros(small.shape), np.zeros(small.shape), xy)


def test_driving_no_flow_can_balance() -> None:
    box = tissue.Grid((16, 16), (1.0, 1.0), ("periodic", "free-slip"))
    with pytest.raises(tissue.CompatibilityError, match="subtract the mean of the growth, or give a finite bulk"):
        tissue.Stokes(box).solve(growth=1.0)
    with pytest.raises(tissue.CompatibilityError, match=r"mean force along x is 1.*friction > 0"):
        tissue.Stokes(box).solve(force=(1.0, 0.0))
    tissue.Stokes(box).solve(force=(0.0, 1.0))
    tissue.Stokes(tissue.Grid((16, 16), (1.0, 1.0), ("periodic", "no-slip"))).solve(force=(1.0, 0.0))


@pytest.mark.parametrize("value", [0.1, 0.3, 0.7, 1 / 3, 10 / 3, 123.4])
def test_rounding_of_a_mean_taken_off_is_no_driving(value: float) -> None:
    box = tissue.Grid((12, 20), (1.0, 1.0))
    rest = np.full(box.shape, value)
    rest -= rest.mean()
    flow = tissue.Stokes(box).solve(growth=rest, force=(rest, -rest))
    assert np.abs(flow.at_centres()).max() < 1e-12
    # beside a strong force the rounding may be larger; a mean that is none is refused at any size of the rest
    stress = smooth_stress(box)
    strong = tissue.StressField(box, 1e6 * stress.xx, 1e6 * stress.yy, stress.xy)
    tissue.Stokes(box).solve(strong, growth=1e3 * rest)
    with pytest.raises(tissue.CompatibilityError, match="mean growth is 1e-09"):
        tissue.Stokes(box).solve(stress, growth=rest + 1e-9)
    with pytest.raises(tissue.CompatibilityError, match="mean force along y is 1e-09"):
        tissue.Stokes(box).solve(force=(0.0, rest + 1e-9))


def test_missed_tolerance_is_an_error(small: tissue.Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    """A solve that runs out of cycles says what it reached and what to try."""
    monkeypatch.setattr(tissue.stokes, "MOST_CYCLES", 3)
    eta = 100.0 ** np.linspace(0.0, 1.0, 16)[:, None] + np.zeros(small.shape)
    with pytest.raises(
        tissue.SolveError, match=r"residual .* after 3 cycles on a grid of 16 x 12, .* contrast 100.*smooth"
    ):
        tissue.Stokes(small, viscosity=eta).solve(smooth_stress(small))


@pytest.mark.parametrize("contrast", [1e4, 1e6, 1e8])
def test_noise_of_viscosity_from_cell_to_cell(contrast: float) -> None:
    grid = tissue.Grid((32, 32), (1.0, 1.0), ("no-slip", "periodic"))
    eta = contrast ** np.random.default_rng(1).random(grid.shape)
    fluid, stress = tissue.Stokes(grid, viscosity=eta), smooth_stress(grid)
    flow = fluid.solve(stress)
    left = tissue.total_stress(fluid, flow, active_stress=stress).force()
    assert max(np.abs(part).max() for part in left) < 1e-3 * max(np.abs(part).max() for part in stress.force())


@pytest.mark.parametrize(
    "boundary",
    [("no-slip",) * 3, ("periodic",) * 3, (("inflow", "traction-free"), "free-slip", "periodic")],
    ids=["walls", "periodic", "ends"],
)
def test_noise_of_viscosity_in_a_block(boundary: tuple[str | tuple[str, str], ...]) -> None:
    """Contrast 1e6 on a grid of several patches, which overlap round periodic axes too; 49 to 73 cycles measured."""
    grid = tissue.Grid((13, 12, 14), (1.0, 0.9, 1.1), boundary)
    rng = np.random.default_rng(2)
    eta = 1e6 ** rng.random(grid.shape)
    force = [rng.normal(size=grid.face_shape(axis)) for axis in range(3)]
    if all(grid.periodic):
        force = [part - part.mean() for part in force]
    flow = tissue.Stokes(grid, viscosity=eta).solve(force=force)
    assert flow.residual <= 1e-8
    assert flow.iterations <= 90


@pytest.mark.parametrize("stiff", [True, False])
@pytest.mark.parametrize("contrast", [1e2, 1e4, 1e6])
def test_discs_of_any_contrast(contrast: float, stiff: bool) -> None:
    """Sharp jumps that the error message promises; 23 to 60 cycles measured."""
    grid = tissue.Grid((64, 64), (1.0, 1.0), ("no-slip", "no-slip"))
    rng = np.random.default_rng(3)
    x, y = grid.centres()
    inside = np.zeros(grid.shape, bool)
    for a, b, r in zip(rng.random(20), rng.random(20), 0.03 + 0.04 * rng.random(20), strict=True):
        inside |= (x - a) ** 2 + (y - b) ** 2 < r * r
    eta = np.where(inside, contrast if stiff else 1.0 / contrast, 1.0)
    fluid, stress = tissue.Stokes(grid, viscosity=eta), smooth_stress(grid)
    flow = fluid.solve(stress)
    assert flow.iterations <= 75
    fx, fy = tissue.total_stress(fluid, flow, active_stress=stress).force()
    assert np.abs(flow.divergence()).max() < 1e-6 * 64 * max(np.abs(u).max() for u in flow.velocity)
    assert max(np.abs(fx).max(), np.abs(fy).max()) < 1e-3 * max(np.abs(f).max() for f in stress.force())


@pytest.mark.parametrize(("n", "m"), [(8, 4), (5, 3), (7, 4), (31, 16), (12, 12)])
def test_restriction_keeps_sums(n: int, m: int) -> None:
    """Every fine entry is given away with total weight m / n, and a row's weights end with its first zero."""
    for table in (levels.overlaps(n, m), levels.hats(n, m, ("periodic", "periodic"))):
        index, weight = table.index, table.weight
        given = np.bincount(index.ravel(), weights=weight.ravel(), minlength=n)
        assert np.allclose(given, m / n)
        for row in weight:
            assert not row[np.argmin(row != 0.0) :].any() or row.all()
