"""Sets of values: every replicate with its own."""

from __future__ import annotations

import json

import numpy as np
import pytest

import biomulti as bm

DECAY = "unit substance = item; unit extent = item; substanceOnly species A; decay: A => ; k*A; A = 100; k = 1;"
RATES = np.linspace(0.1, 5.0, 50)


def run(model: str = DECAY, **options: object):
    return bm.simulate(model, **{"t_end": 1.0, "every": 0.25, "seed": 1, "progress": False} | options)


def test_closed_form_by_ode():
    found = run(method="ode", parameters={"k": RATES}, tolerance=1e-9)
    assert found.sizes["replicate"] == 50
    expected = 100.0 * np.exp(-np.outer(found.time.values, RATES))
    np.testing.assert_allclose(found.A.values, expected, rtol=1e-7)
    assert found.k.dims == ("replicate",)
    assert np.array_equal(found.k.values, RATES)
    # so that a set is found by its value
    assert float(found.swap_dims(replicate="k").A.sel(k=RATES[7], time=1.0)) == found.A.values[-1, 7]


def test_mean_by_ssa():
    """100 molecules each: a sum of 5,000 binomial numbers, within five standard errors (false alarms 6e-7)."""
    found = run(method="ssa", parameters={"k": RATES}).A.values[-1]
    p = np.exp(-RATES)
    assert abs(found.sum() - 100.0 * p.sum()) < 5.0 * np.sqrt(100.0 * (p * (1.0 - p)).sum())
    assert np.corrcoef(found, p)[0, 1] > 0.95


FORMULAS = """
compartment cell = 2; species A in cell, B in cell; A = 3; B := 2*A + s; k = 1; s = k^2 + exp(-k); const u = ln(k + 1);
A => C; u*A*cell; species C in cell; C = 5*k/7 + s; x = k*cell; x' = -x + time*k; at time > k/3: x = x + s;
"""
SETS = {"k": np.array([0.3, 1.0, 2.7, 0.9, 0.4]), "cell": [1.0, 2.0, 0.7, 1.1, 3.0]}


@pytest.mark.parametrize("method", ["ode", "hybrid", "ssa"])
@pytest.mark.filterwarnings("ignore::biomulti.counts.AssumptionWarning")
def test_a_set_has_the_bits_of_a_run_alone(method):
    model = bm.load(FORMULAS, substance="item")
    rates = method == "ode"
    every = run(model, method=method, parameters=SETS, initial={"A": [1, 2, 3, 4, 5]}, rates=rates)
    for i in range(5 if method == "ode" else 1):
        alone = {name: values[i] for name, values in SETS.items()}
        one = run(model, method=method, parameters=alone, initial={"A": i + 1}, rates=rates)
        assert set(one.data_vars) == set(every.data_vars)
        for name in one.data_vars:
            assert one[name].values.tobytes() == np.ascontiguousarray(every[name].values[:, i : i + 1]).tobytes(), name


def test_starts_that_follow_from_what_is_set():
    text = bm.load(f"{DECAY} m = 1;").sbml
    given = text.replace(
        "<listOfReactions>",
        '<listOfInitialAssignments><initialAssignment symbol="A"><math xmlns="http://www.w3.org/1998/Math/MathML">'
        "<apply><times/><ci>m</ci><cn>3</cn></apply></math></initialAssignment></listOfInitialAssignments>"
        "<listOfReactions>",
    )
    found = run(given, method="ode", parameters={"m": [1.0, 2.0, 4.0]})
    assert found.A.values[0].tolist() == [3.0, 6.0, 12.0]


def test_what_is_recorded():
    found = run(method="ode", parameters={"k": [1.0, 2.0]}, initial={"A": (5, 6)})
    assert json.loads(found.attrs["parameters"]) == {"k": "one for each replicate"}
    assert json.loads(found.attrs["initial"]) == {"A": "one for each replicate"}
    assert "k" not in json.loads(found.attrs["parameter_values"])
    assert found.A_initial.values.tolist() == [5.0, 6.0]
    assert found.A.values[0].tolist() == [5.0, 6.0]
    # what a rule moves is a variable already
    moved = run("x = 1; x' = -x;", method="ode", parameters={"x": [1.0, 2.0]})
    assert moved.x.values[0].tolist() == moved.x_initial.values.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parameters": {"k": [1, 2]}, "replicates": 3}, r"parameters\['k'\] has 2 values and replicates=3"),
        (
            {"parameters": {"k": [1, 2]}, "initial": {"A": [1]}},
            r"parameters\['k'\] has 2 values and initial\['A'\] has 1",
        ),
        ({"parameters": {"k": [1, np.nan]}}, r"parameters\['k'\]\[1\]=nan must be a finite number"),
        ({"parameters": {"k": []}}, r"parameters\['k'\].*one for each replicate"),
        ({"parameters": {"k": [[1, 2], [3, 4]]}}, r"parameters\['k'\].*one for each replicate"),
        ({"parameters": {"k": [[1, 2], [3]]}}, r"parameters\['k'\].*one for each replicate"),
        ({"parameters": {"k": ["1", "2"]}}, r"parameters\['k'\].*one for each replicate"),
        ({"parameters": {"K": [1, 2]}}, "no parameter or compartment 'K'"),
        ({"initial": {"A": [True, False]}}, r"initial\['A'\].*one for each replicate"),
    ],
)
def test_wrong_sets(options, message):
    with pytest.raises(bm.OptionError, match=message):
        run(**options)


def test_equations_are_the_same_in_all_replicates():
    text = "n = 2; m = n; species A; => m A; 1; A = 0;"
    with pytest.raises(bm.OptionError, match=r"parameters\['n'\].*stoichiometry.*the same in all replicates"):
        run(text, method="ode", parameters={"n": [1.0, 2.0]})


def test_a_broken_constraint_names_the_set():
    text = bm.load(DECAY).sbml.replace(
        "<listOfReactions>",
        '<listOfConstraints><constraint><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><lt/><ci>k</ci>'
        "<cn>3</cn></apply></math></constraint></listOfConstraints><listOfReactions>",
    )
    with pytest.warns(UserWarning, match=r"from time 0 on \(replicate 2\)"):
        run(text, method="ode", parameters={"k": [1.0, 2.0, 4.0]})


def test_a_reaction_fires_where_one_of_the_sets_makes_it_scarce():
    model = f"{DECAY} make: => A; s; s = 1e5;"
    plenty = run(model, t_end=10.0, parameters={"s": 1e6}, initial={"A": 1e6})
    both = run(model, t_end=10.0, parameters={"s": [1e6, 10.0]}, initial={"A": [1e6, 10.0]})
    assert "fires" not in plenty.attrs["partition"].split("Nothing")[0]
    assert "flows" not in both.attrs["partition"]


def test_starts_that_are_drawn_follow_what_is_set():
    """A normal number of mean m and standard deviation 1 in each: within six of them (false alarms 2e-9 each)."""
    text = f"{DECAY} m = 1; A = normal(m, 1);"
    means = np.array([20.0, 50.0, 90.0, 30.0])
    drawn = run(text, method="ode", parameters={"m": means}).A.values[0]
    assert np.abs(drawn - means).max() < 6.0
    alone = run(text, method="ode", parameters={"m": means[0]}).A.values[0]
    assert alone.tobytes() == drawn[:1].tobytes()
