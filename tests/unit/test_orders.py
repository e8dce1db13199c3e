"""Orders of the one-step methods, of the integrated hazard, and of what they estimate as their error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import biomulti as bm
from biomulti._kernels_flow import explicit_step, rosenbrock_step, slopes
from biomulti.compile import compile_model
from biomulti.rosenbrock import RODAS3, RODAS4, RODAS5P
from biomulti.stepper import Stepper, _coefficients
from biomulti.system import system_of

# nonlinear, somewhat stiff (slopes of -1 and -20) and explicit in time; N counts firings of a hazard that
# varies with the state and with time
PROBLEM = """
x' = -x + 0.5*x*y*cos(time); y' = -20*(y - x^2) + sin(2*time); x = 1; y = 0.3;
fires: => N; 2 + x*y + sin(3*time); N = 0;
"""
T_END = 1.0
METHODS = {"explicit": (None, 3), "RODAS3": (RODAS3, 3), "RODAS4": (RODAS4, 4), "RODAS5P": (RODAS5P, 5)}


def exact() -> np.ndarray:
    """x, y and the integrated hazard at T_END."""

    def right(t, s):
        x, y, _ = s
        return [
            -x + 0.5 * x * y * np.cos(t),
            -20.0 * (y - x * x) + np.sin(2.0 * t),
            2.0 + x * y + np.sin(3.0 * t),
        ]

    return solve_ivp(right, (0.0, T_END), [1.0, 0.3, 0.0], method="DOP853", rtol=1e-13, atol=1e-14).y[:, -1]


def by_fixed_steps(method, steps: int) -> tuple[np.ndarray, float]:
    """x, y and the integrated hazard at T_END, and the mean of the error estimate over the steps."""
    network = bm.load(PROBLEM)
    system = system_of(network, 1.0)
    model = compile_model(system)
    fires = np.array([not f.is_rule for f in system.fluxes])
    net = Stepper(system, model, fires, 1e-4)._net
    state, par = system.start({}, {})
    n, h = len(state), T_END / steps
    a, work, hazards = np.empty(len(fires)), np.empty((9, n)), 0.0
    count = 0 if method is None else len(method.m)
    stages, hazard_stages = np.empty((count, n)), np.empty(count)
    matrix, pivots, entries = np.empty((n, n)), np.empty(n, np.int64), np.empty(len(model.rows) + len(fires))
    # the model has no delays
    nowhere = np.empty((1, 0))
    past = (model.lags, model.past, np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0), np.empty(n))
    memory = (0, np.zeros(1, np.int64), nowhere, nowhere[:, :, None, None])
    estimate = 0.0
    for k in range(steps):
        t = k * h
        hazard = slopes(model.fluxes, t, state, par, a, work[0], net, past, memory)
        if method is None:
            found = explicit_step(model.fluxes, t, h, state, par, a, net, past, memory, work, hazard)
        else:
            found = rosenbrock_step(
                (model.fluxes, model.jacobian, model.time_slopes, model.slope_rows), t, h, state, par, a, net, past,
                memory, (model.rows, model.columns), _coefficients(method), work, stages, hazard_stages, matrix, pivots,
                entries,
            )  # fmt: skip
        state, hazards = work[4].copy(), hazards + found[1]
        estimate += np.abs(work[5]).max() / steps
    x, y = (system.states.index(name) for name in ("x", "y"))
    return np.array([state[x], state[y], hazards]), estimate


@pytest.mark.filterwarnings("ignore:First-class function type")
@pytest.mark.parametrize("name", METHODS)
def test_order(name):
    """Errors of state and hazard fall as h to the declared order, and so does what a step estimates as its error."""
    method, order = METHODS[name]
    assert method is None or method.order == order
    steps = np.array([40, 80, 160, 320])
    runs = [by_fixed_steps(method, int(n)) for n in steps]
    errors = np.array([np.abs(found - exact()) for found, _ in runs])
    orders = np.log2(errors[:-1] / errors[1:])
    print(name, "errors", errors[-1], "orders", orders[-1])
    assert np.all(orders[-1] > order - 0.25)
    estimates = np.array([e for _, e in runs])
    assert np.log2(estimates[-2] / estimates[-1]) > order - 0.3


def test_stability_of_the_stiff_methods():
    """One step of 1 on y' = -1e8 (y - 3): an L-stable method lands on 3."""
    for method in (RODAS3, RODAS4, RODAS5P):
        z = -1e8
        # the stages of the method for y' = z y, in the form of rosenbrock.py
        k = np.zeros(len(method.m))
        for i in range(len(k)):
            right = z * (1.0 + method.a[i, :i] @ k[:i]) + method.c[i, :i] @ k[:i]
            k[i] = right / (1.0 / method.gamma - z)
        assert abs(1.0 + method.m @ k) < 1e-6
