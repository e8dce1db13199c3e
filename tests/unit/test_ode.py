"""Method "ode" beside libRoadRunner, and beside closed forms."""

from __future__ import annotations

import numpy as np
import pytest

import biomulti as bm

# long enough for every model to do what it is known for; another model is run for 100 units of its time
T_END = {"telegraph": 50.0, "toggle_switch": 500.0, "repressilator": 500.0, "vilar_oscillator": 60.0}
T_END |= {"srivastava_virus": 200.0, "michaelis_menten": 20.0, "rho_myosin": 300.0, "gastrula": 300.0, "ratchet": 300.0}


def by_roadrunner(network: bm.Network, names: list[str], times: np.ndarray) -> np.ndarray:
    import roadrunner

    model = roadrunner.RoadRunner(network.sbml)
    model.integrator.relative_tolerance = 1e-12
    model.integrator.absolute_tolerance = 1e-12
    model.integrator.maximum_num_steps = 10**6
    return np.asarray(model.simulate(0.0, times[-1], len(times), ["time", *names]))[:, 1:]


@pytest.mark.parametrize("name", bm.shipped())
def test_shipped_models_agree_with_roadrunner(name):
    network = bm.load(name)
    t_end = T_END.get(name, 100.0)
    run = bm.simulate(network, t_end=t_end, method="ode", tolerance=1e-9, progress=False)
    names = [s.id for s in network.species]
    expected = by_roadrunner(network, names, run.time.values)
    found = np.stack([run[n].values[:, 0] for n in names], axis=1)
    error = np.abs(found - expected).max(axis=0) / np.maximum(np.abs(expected).max(axis=0), 1e-9)
    print(f"{name}: {error.max():.2g} ({names[int(error.argmax())]})")
    assert error.max() < 1e-6


def test_the_default_tolerance_holds_what_it_says():
    """x' = -x: the error of one step is 1e-7 of x, and steps a few hundred at most."""
    run = bm.simulate("S => ; S; S = 1;", t_end=5.0, method="ode", progress=False)
    assert np.abs(run.S.values[:, 0] / np.exp(-run.time.values) - 1.0).max() < 1e-6


def test_one_run_is_copied_to_all_replicates():
    run = bm.simulate("telegraph", t_end=5.0, method="ode", replicates=3, progress=False)
    assert run.sizes["replicate"] == 3
    assert np.array_equal(run.mRNA.values[:, 0], run.mRNA.values[:, 2])


def test_a_fractional_power_of_zero():
    """x' = sqrt(y), y' = 1 from 0: the slope of the root is infinite at the start; x = (2/3) t^1.5."""
    run = bm.simulate("x' = y^0.5; y' = 1; x = 0; y = 0;", t_end=2.0, method="ode", progress=False)
    t = run.time.values
    assert np.allclose(run.x.values[:, 0], 2.0 / 3.0 * t**1.5, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("others", ["", "=> Big; 0*Big; Big = 100;", "=> Small; 0*Small; Small = 1e-4;"])
def test_a_rate_that_jumps_in_time(others):
    """Nothing until t = 40, then production of 18, alone or beside other species: S = 18 (t - 40)."""
    run = bm.simulate(
        f"=> S; piecewise(0, time < 40, 18); S = 0; {others}", t_end=50.0, every=0.5, method="ode", progress=False
    )
    t = run.time.values
    assert np.allclose(run.S.values[:, 0], 18.0 * np.maximum(t - 40.0, 0.0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("model", ["x' = x^2; x = 1;", "x' = x^2; x = 1; B' = 0; B = 1e10;", "=> S; S^2; S = 1;"])
def test_a_solution_without_bound_stops(model):
    """x = 1/(1 - t): an error at t = 1 with what was found before it, and nothing made up after it."""
    with pytest.raises(bm.SimulationError, match=r"time 1.* a rate grows without bound") as caught:
        bm.simulate(model, t_end=2.0, every=0.1, method="ode", progress=False)
    partial = caught.value.partial
    values = partial["S" if "S" in partial else "x"].values[:, 0]
    t = partial.time.values
    assert np.allclose(values[t < 0.95], 1.0 / (1.0 - t[t < 0.95]), rtol=1e-5)
    assert np.isnan(values[t > 1.05]).all()


def test_a_stiff_problem():
    """Robertson's problem; at t = 40 (y1, y2, y3) of Hairer and Wanner (1996), doi:10.1007/978-3-642-05221-7."""
    text = "A -> B; 0.04*A; 2 B -> B + C; 3e7*B^2; B + C -> A + C; 1e4*B*C; A = 1; B = 0; C = 0;"
    run = bm.simulate(text, t_end=40.0, method="ode", tolerance=1e-9, progress=False).isel(time=-1, replicate=0)
    expected = {"A": 0.7158270688, "B": 9.185534765e-6, "C": 0.2841637457}
    for name, value in expected.items():
        assert abs(float(run[name]) / value - 1.0) < 1e-6
