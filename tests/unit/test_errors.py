"""Wrong arguments and runs that cannot go on: named errors that say what to do."""

from __future__ import annotations

import numpy as np
import pytest

import biomulti as bm

HEAD = "unit substance = item; unit time_unit = second;"


def run(model: str = "telegraph", **options: object):
    return bm.simulate(model, **{"t_end": 1.0, "seed": 1, "progress": False} | options)


NOT_POSITIVE = "must be a positive, finite number in the model's unit of time"
# options, and what the message must say
OPTIONS = [
    *[({"t_end": x}, NOT_POSITIVE) for x in (-1.0, 0.0, np.nan, np.inf, "3", None)],
    *[({"every": x}, NOT_POSITIVE) for x in (-1.0, 0.0, np.nan)],
    ({"every": 1e-12}, "makes 1e[+]12 outputs .*record fewer"),
    *[({"replicates": x}, "must be a whole number, 1 or more") for x in (0, -3, 1.5, "2")],
    *[({"first_replicate": x}, "must be a whole number, 0 or more") for x in (-1, 0.5)],
    *[({"seed": x}, r"must be a whole number from 0 to 2\^64 - 1") for x in (-1, 2**64, 0.5, "x")],
    *[({"tolerance": x}, "must lie between 1e-13 and infinity") for x in (-1.0, 0.0, np.nan, "small")],
    *[({"tolerance": x, "method": "ode"}, "must lie between 1e-13 and 0.1") for x in (-1.0, 0.2)],
    ({"method": "euler"}, "'euler' is none of ssa, ode, hybrid"),
    ({"quantity": "grams"}, "'grams' is none of molecules, amount, concentration"),
    ({"initial": {"protein": 1}}, "the model has no species 'protein'; it has gene_off, gene_on, mRNA"),
    ({"initial": {"mRNA": "many"}}, r"initial\['mRNA'\].*'many'.* must be a finite number"),
    ({"initial": {"mRNA": np.nan}}, "must be a finite number"),
    ({"parameters": {"speed": 1}}, "the model has no parameter or compartment 'speed'; it has cell, d, k_off"),
    ({"parameters": {"d": None}}, r"parameters\['d'\].*None.* must be a finite number"),
    ({"parameters": {"d": np.inf}}, "must be a finite number"),
    ({"parameters": [1, 2]}, "parameters"),
    ({"physical_scale": {"decay": "flow"}, "method": "ssa"}, "physical_scale is for method='hybrid'"),
    ({"physical_scale": {"rot": "flow"}}, "there is no reaction 'rot'; there are decay, switch_off"),
    ({"physical_scale": {"decay": "walk"}}, "'fire' or 'flow', not 'walk'"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS, ids=lambda x: str(x) if isinstance(x, dict) else "")
def test_options(options, message):
    with pytest.raises(bm.OptionError, match=message):
        run(**options)


def test_what_a_rule_decides_cannot_be_set():
    with pytest.raises(bm.OptionError, match="'d_mRNA' is decided by a rule of the model and cannot be set"):
        run("repressilator", parameters={"d_mRNA": 1.0})


def test_fractions_of_a_molecule_cannot_fire():
    with pytest.raises(bm.UnsupportedError, match=r"fraction of a molecule.*physical_scale=\{'half': 'flow'\}"):
        run(f"{HEAD} half: 0.5 S => ; S; S = 3;", method="ssa")


FIRING = ("ssa", "hybrid")


@pytest.mark.parametrize("method", FIRING)
def test_negative_propensity(method):
    with pytest.raises(bm.SimulationError, match=r"propensity of 'make' is negative .*State: S = ") as caught:
        run(f"{HEAD} make: => S; 3 - S; also: => S; 0.5; S = 0;", t_end=100.0, method=method, replicates=3)
    assert "a rate law must not fall below zero" in str(caught.value)
    partial = caught.value.partial
    assert partial.sizes["replicate"] == 3
    assert np.all(partial.S.values[0] == 0.0)
    # what was not reached is NaN, never a made-up number
    assert np.isnan(partial.S.values[-1]).any()


def test_a_reversible_law_that_cannot_be_split_by_its_signs_is_caught():
    """k (A - B)^3 has one sign or the other, and no two parts that can fire."""
    with pytest.raises(bm.SimulationError, match="is negative"):
        run(f"{HEAD} A -> B; (A - B)^3; A = 0; B = 5;", method="ssa")


@pytest.mark.parametrize("method", FIRING)
def test_amount_below_zero(method):
    flowing = "=> Q; 1e4; Q => ; Q; Q = 1e4;"  # so that the hybrid kernel is the one that runs
    text = f"{HEAD} pair: 2 S => ; S; S = 3; {flowing if method == 'hybrid' else ''}"
    with pytest.raises(bm.SimulationError, match=r"pair.*\(replicate or cell \d+, time [0-9.]+ second") as caught:
        run(text, t_end=100.0, method=method)
    assert "law" in str(caught.value)


def test_amount_below_zero_names_the_cure():
    with pytest.raises(bm.SimulationError, match=r"more molecules than there are.*as k X \(X - 1\) does for two of X"):
        run(f"{HEAD} 2 S => ; S; S = 3;", t_end=100.0, method="ssa")
    # with such a law the same network runs
    assert float(run(f"{HEAD} 2 S => ; S*(S - 1); S = 3;", t_end=100.0, method="ssa").S[-1, 0]) == 1.0


@pytest.mark.parametrize("method", ["ssa", "hybrid", "ode"])
@pytest.mark.parametrize("law", ["S*ln(-k)", "S/(k - 1)", "S*(-k)^0.5"])
def test_rates_that_are_no_numbers(method, law):
    with pytest.raises(bm.SimulationError, match=r"rate of 'r' is not a finite number.*division by zero, a root"):
        run(f"{HEAD} r: S => ; {law}; S = 3; k = 1;", method=method)


NO_NUMBERS = [
    (
        "S => ; piecewise(S, k > 1, 2*S); S = 3; a = 0; k = a/a",
        r"'k' is nan at the start, and the rate of '_J0' reads it",
    ),
    ("S => ; S; a = -1; S = ln(a)", "'S' is nan at the start, and the rate of '_J0' reads it"),
    ("=> S; 1; a = -1; S = ln(a)", "'S' is nan at the start, and a rate changes it"),
    ("=> S; 1; S = inf", "'S' is inf at the start, and a rate changes it"),
    (
        "S => ; S; S = 3; a = 0; k = a/a; E: at S < k: S = 0",
        "'k' is nan at the start, and the trigger of event 'E' reads it",
    ),
    ("S => ; S; x' = y; x = 1; S = 3; a = 0; y = a/a; at time > 1: y = 1", "'y' is nan at the start, and the rate of"),
]


@pytest.mark.parametrize("method", ["ssa", "hybrid", "ode"])
@pytest.mark.parametrize(("model", "message"), NO_NUMBERS)
def test_values_that_the_model_makes_no_numbers(method, model, message):
    with pytest.raises(bm.ModelError, match=message):
        run(f"{HEAD} {model};", method=method)


@pytest.mark.parametrize("method", ["ssa", "hybrid", "ode"])
def test_what_may_be_infinite_or_no_number(method):
    """A time that never comes, a constant that never matters, and what nothing reads."""
    model = "S => ; S*(time < never)/(1 + S/K); S = 3; never = inf; K = inf; a = 0; nothing = a/a;"
    assert run(f"{HEAD} {model}", method=method, t_end=50.0).S.values[-1, 0] < 1e-3
    with pytest.raises(bm.SimulationError, match=r"rate of '_J0' is not a finite number.*'K' is infinite"):
        run(f"{HEAD} S => ; S*K; S = 3; K = inf;", method=method)


def test_a_rate_that_stops_being_a_number_on_the_way():
    with pytest.raises(bm.SimulationError, match="not a finite number") as caught:
        run(f"{HEAD} r: => S; 1/(2 - S); S = 0;", method="ssa", t_end=1000.0, every=0.5)
    values = caught.value.partial.S.values[:, 0]
    reached = ~np.isnan(values)
    assert np.all(values[reached] < 2.0)
    assert reached[0]
    assert not reached[-1]


def test_a_failed_row_does_not_hide_behind_others():
    """Of many replicates one failing is enough, and it is named."""
    with pytest.raises(bm.SimulationError, match=r"replicate or cell \d+"):
        run(f"{HEAD} r: => S; 1/(2 - S); S = 0;", method="ssa", t_end=0.5, replicates=300)


def test_every_error_is_ours():
    kinds = (bm.ModelError, bm.UnsupportedError, bm.UnitsError, bm.OptionError, bm.CouplingError, bm.SimulationError)
    assert all(issubclass(k, bm.BiomultiError) for k in kinds)
    assert issubclass(bm.EnsembleError, bm.BiomultiError)
    # so that users may catch what Python itself would have raised
    assert issubclass(bm.OptionError, ValueError)
    assert issubclass(bm.ModelError, ValueError)
    assert issubclass(bm.SimulationError, RuntimeError)
