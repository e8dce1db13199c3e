"""The ODE method's own parts: sparse factors, lanes, the polynomial through a step, and rows that do not meet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from scipy.integrate import solve_ivp

import biomulti as bm
from biomulti._kernels_lanes import LANES as LANES_COMPILED
from biomulti._kernels_steps import factorize, solve
from biomulti._lanes import finite_or_zero, larger, load, magnitude, rows_of_lanes, smaller, splat, store, unless_zero
from biomulti.cells import population
from biomulti.flow import LANES, Flow
from biomulti.rosenbrock import RODAS5P
from biomulti.runge_kutta import BS3, DP5
from biomulti.simulation import stepper_of
from biomulti.sparse import elimination, minimum_degree
from biomulti.system import system_of

SWING = "x' = v; v' = -k*sin(x) - 0.1*v; x = 1; v = 0; k = 2"
PENDULUM = "x' = v; v' = -k*sin(x) - 0.1*v + 0.2*cos(3*time); x = 1; v = 0; k = 2"
RING = """
r1: -> A; 1/(1 + C^3); r2: A ->; k*A; r3: -> B; 1/(1 + A^3); r4: B ->; k*B; r5: -> C; 1/(1 + B^3); r6: C ->; k*C;
k = 0.3; A = 1; B = 0.5; C = 0; at A > 1.2: B = 0.1; at time >= jump: k = 0.35; jump = 4
"""


@given(
    st.integers(1, 12), st.sets(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=60), st.integers(0, 2**32)
)
@settings(deadline=None, max_examples=60)
def test_factors_solve_the_system(size, found, seed):
    pattern = [(r, c) for r, c in found if r < size and c < size]
    made = elimination(size, pattern)
    assert sorted(made.order) == list(range(size))
    generator = np.random.default_rng(seed)
    for lanes in (1, LANES):
        width, rank = (0,) * lanes, made.rank
        dense = np.zeros((size, size, lanes))
        for r, c in pattern:
            dense[r, c] = generator.normal(size=lanes)
        dense[np.arange(size), np.arange(size)] = 20.0 + generator.random((size, lanes))
        matrix = np.zeros((len(made.columns), lanes))
        for r, c in {*pattern, *((k, k) for k in range(size))}:
            matrix[made.entry(rank[r], rank[c])] = dense[r, c]
        right = generator.normal(size=(size, lanes))
        b = right[made.order].copy()
        parts = made.start, made.diagonal, made.columns
        factorize(width, parts, np.zeros((size, lanes)), matrix)
        solve(width, parts, matrix, b)
        x = np.empty_like(b)
        x[made.order] = b
        assert np.einsum("rca,ca->ra", dense, x) == pytest.approx(right, abs=1e-12)


def test_an_arrow_is_eliminated_from_its_points():
    """A hub that couples to all others comes last, so that nothing is filled in."""
    arrow = [(0, k) for k in range(1, 50)] + [(k, 0) for k in range(1, 50)]
    assert minimum_degree(50, arrow).index(0) >= 48
    assert len(elimination(50, arrow).columns) == 50 + 98


@njit(error_model="numpy")
def everything(a, b, width):  # type: ignore[no-untyped-def]
    out = rows_of_lanes(4 * a.shape[0], width)
    for r in range(a.shape[0]):
        x, y = load(a, r, width), load(b, r, width)
        total = splat(0.5, width)
        total += x * y
        total -= 2.0 * x / y
        store(out, 4 * r, total + 3.0)
        store(out, 4 * r + 1, larger(magnitude(x), y))
        store(out, 4 * r + 2, smaller(x, y))
        store(out, 4 * r + 3, unless_zero(finite_or_zero(x), splat(7.0, width)))
    return out


def test_lanes_have_the_bits_of_numbers_alone():
    generator = np.random.default_rng(4)
    a, b = generator.normal(size=(2, 6, LANES))
    a[1, :3] = np.inf, -np.inf, np.nan
    side_by_side = everything(a, b, (0,) * LANES)
    assert side_by_side.ctypes.data % (8 * LANES) == 0
    for lane in range(LANES):
        alone = everything(a[:, lane : lane + 1].copy(), b[:, lane : lane + 1].copy(), (0,))
        assert np.array_equal(alone[:, 0], side_by_side[:, lane], equal_nan=True)
    x, y = a[0], b[0]
    assert side_by_side[0] == pytest.approx(0.5 + x * y - 2.0 * x / y + 3.0)
    assert side_by_side[5:8].T[:3].tolist()[2][2] == 7.0  # what is no number


def flow_of(text: str, tolerance: float) -> Flow:
    system = system_of(bm.load(text), 1.0)
    stepper, _ = stepper_of(system, "ode", 1.0, tolerance, {}, {}, {})
    assert stepper.explicit
    return stepper._flow


def one_step(flow: Flow, h: float, times: np.ndarray, stiff: bool) -> np.ndarray:
    """The states at `times` of a single step h from the start, whatever its error."""
    cells = population(flow.system, 1, seed=0)
    cells.step[:], cells.mode[:, 0] = h, stiff
    out = np.full((1, len(times) + 1, len(flow.system.states)), np.nan)
    until = np.append(times, 2.0 * h)
    flow.advance(cells, np.array([np.inf]), until, out, np.zeros(1, np.int64), 1, np.zeros((1, 2), np.int64))
    return out[0, :-1]


@pytest.mark.parametrize("stiff", [False, True])
def test_the_polynomial_through_a_step_is_of_order_four(stiff):
    """Errors of a single step inside it fall as h^5."""
    flow = flow_of(SWING, 1e6)
    shares = np.array([0.15, 0.5, 0.85])

    def right(t, s):
        return [s[1], -2.0 * np.sin(s[0]) - 0.1 * s[1]]

    errors = []
    for h in (0.4, 0.2, 0.1):
        exact = solve_ivp(right, (0.0, h), [1.0, 0.0], method="DOP853", rtol=1e-13, atol=1e-15, t_eval=shares * h).y.T
        found = one_step(flow, h, shares * h, stiff)
        columns = [flow.system.states.index(n) for n in ("x", "v")]
        errors.append(np.abs(found[:, columns] - exact).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    print("errors", errors, "orders", orders)
    assert orders[-1] > 4.6


def test_outputs_do_not_change_the_steps():
    few = bm.simulate(RING, t_end=20.0, every=20.0, method="ode", progress=False)
    many = bm.simulate(RING, t_end=20.0, every=0.01, method="ode", progress=False)
    for name in "ABC":
        assert few[name].values[-1] == many[name].values[-1]


def test_a_row_has_the_same_bits_in_any_company():
    """Alone, in a lane beside others, and among more rows than lanes, with events and jumps of its own."""
    flow = flow_of(RING, 1e-7)
    place = flow.system.parameters.index("jump")
    times = np.linspace(0.0, 20.0, 41)
    jumps = np.random.default_rng(2).uniform(1.0, 9.0, 21)

    def paths(chosen: np.ndarray) -> np.ndarray:
        system = flow.system
        stepper, _ = stepper_of(system, "ode", 20.0, 1e-7, {}, {}, {})
        cells = population(system, len(chosen), seed=0)
        cells.p[:, place] = chosen
        return stepper.advance(cells, times)

    together = paths(jumps)
    for i in (0, 5, 13, 20):
        assert np.array_equal(paths(jumps[i : i + 1])[0], together[i])
    assert np.array_equal(paths(jumps[3:14]), together[3:14])


def test_coefficients_belong_to_a_stiffly_accurate_method():
    """The last stage begins from what all others give, and the step is that stage added to it."""
    assert sorted(LANES_COMPILED) == [1, LANES]
    assert np.array_equal(RODAS5P.a[-1, :-1], RODAS5P.m[:-1])
    assert RODAS5P.m[-1] == RODAS5P.e[-1] == 1.0


@pytest.mark.parametrize("pair", [BS3, DP5])
def test_explicit_pairs_meet_the_conditions_of_their_order(pair):
    """Quadrature to the order, by the step; to one order less, by what is left of it without its error."""
    assert pair.a.sum(axis=1) == pytest.approx(pair.alpha, abs=1e-14)
    assert pair.a[-1] == pytest.approx(pair.m, abs=1e-15)
    for weights, order in ((pair.m, pair.order), (pair.m - pair.e[0], pair.order - 1)):
        for q in range(order):
            assert weights @ pair.alpha**q == pytest.approx(1.0 / (q + 1), abs=1e-13)
    assert abs((pair.m - pair.e[0]) @ pair.alpha ** (pair.order - 1) - 1.0 / pair.order) > 1e-4


@pytest.mark.filterwarnings("ignore::biomulti.counts.AssumptionWarning")
def test_a_negative_hazard_beside_a_larger_one_is_seen():
    text = (
        "unit substance = item; unit extent = item; compartment cell = 1; substanceOnly species X in cell, M in cell, "
        "N in cell; X = 2000; M = 0; N = 0; d: X => ; X; c: => N; k*X; e: => M; 0.5; k = -2e-4"
    )
    words = {"d": "flow", "c": "fire", "e": "fire"}
    for seed in range(5):
        with pytest.raises(bm.SimulationError, match="propensity of 'c' is negative"):
            bm.simulate(text, t_end=1.0, method="hybrid", physical_scale=words, seed=seed, progress=False)


def test_the_clock_does_not_decide_steps(monkeypatch):
    """Budgets that end at any step, also one of those around an event, give the same bits."""
    text = "x' = 1 + 0.1*sin(x); x = 0; n = 0; at x > 2.5: n = n + 1, x = 0"
    common = {"t_end": 20.0, "every": 5.0, "method": "ode", "seed": 1, "progress": False}
    whole = bm.simulate(text, **common)
    for budget in range(1, 8):
        monkeypatch.setattr("biomulti.stepper.FIRST_BUDGET", budget)
        monkeypatch.setattr("biomulti.stepper.LARGEST_BUDGET", budget)
        assert whole.identical(bm.simulate(text, **common))


def test_outputs_are_looked_at_where_rates_follow_time():
    found = bm.simulate("x' = sin(time)^100; x = 0", t_end=100.0, every=0.5, method="ode", progress=False)
    exact = solve_ivp(lambda t, _: [np.sin(t) ** 100], (0.0, 100.0), [0.0], rtol=1e-10, atol=1e-12, max_step=0.01)
    assert found["x"].values[-1, 0] == pytest.approx(exact.y[0, -1], rel=1e-6)


@pytest.mark.parametrize(("stiff", "order"), [(False, 5), (True, 5)])
def test_order_of_many_steps(stiff, order):
    """Errors at the end of fixed steps fall as h to the order, with rates that depend on time."""
    flow = flow_of(PENDULUM, 1e6)
    exact = solve_ivp(
        lambda t, s: [s[1], -2.0 * np.sin(s[0]) - 0.1 * s[1] + 0.2 * np.cos(3.0 * t)],
        *((0.0, 2.0), [1.0, 0.0]), method="DOP853", rtol=1e-13, atol=1e-15,
    ).y[:, -1]  # fmt: skip
    errors = []
    for count in (10, 20, 40):
        cells = population(flow.system, 1, seed=0)
        times = np.linspace(0.0, 2.0, count + 1)[1:]
        for k in range(count):
            cells.step[:], cells.mode[:, :2] = 2.0 / count, (stiff, 0)
            out, cursor = np.empty((1, 1, 2)), np.zeros(1, np.int64)
            flow.advance(cells, np.array([np.inf]), times[k : k + 1], out, cursor, 1, np.zeros((1, 2), np.int64))
        errors.append(np.abs(cells.y[0] - [exact[("x", "v").index(n)] for n in flow.system.states]).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    print("errors", errors, "orders", orders)
    assert orders[-1] > order - 0.4


@pytest.mark.parametrize("stiff", [False, True])
def test_order_of_the_integrated_hazard(stiff):
    """What is left of the exponential number falls by the integral of a hazard that follows state and time."""
    system = system_of(bm.load("x' = -x + 0.5*x*cos(time); x = 1; fires: => N; 2 + x*x + sin(3*time); N = 0"), 1.0)
    fires = np.array([not f.is_rule for f in system.fluxes])
    nothing = np.zeros_like(fires)
    flow = Flow(system, ~nothing, fires, nothing, np.zeros(len(system.states), bool), 1e6)

    def right(t, s):
        return [-s[0] + 0.5 * s[0] * np.cos(t), 2.0 + s[0] ** 2 + np.sin(3.0 * t)]

    exact = solve_ivp(right, (0.0, 1.0), [1.0, 0.0], method="DOP853", rtol=1e-13, atol=1e-15).y[1, -1]
    errors = []
    for count in (5, 10, 20) if stiff else (20, 40, 80):
        cells = population(system, 1, seed=0)
        cells.left[:] = 9.0
        for k in range(count):
            cells.step[:], cells.mode[:, :2] = 1.0 / count, (stiff, 0)
            out, cursor, until = np.empty((1, 1, 2)), np.zeros(1, np.int64), np.array([(k + 1.0) / count])
            flow.advance(cells, np.array([np.inf]), until, out, cursor, 1, np.zeros((1, 2), np.int64))
        errors.append(abs(9.0 - cells.left[0] - exact))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    print("errors", errors, "orders", orders)
    assert orders[-1] > (4.5 if stiff else 2.8)
