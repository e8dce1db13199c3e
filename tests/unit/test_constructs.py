"""Events, delays, algebraic rules and the other constructs of SBML, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

import biomulti as bm
from biomulti.cells import population
from biomulti.errors import SimulationError
from biomulti.simulation import stepper_of
from biomulti.system import system_of


def run(model: str, t_end: float, method: str = "ode", **options):
    network = bm.load(f"model m\n{model}\nend", substance="item")
    return bm.simulate(network, t_end=t_end, method=method, progress=False, seed=5, **options)


def last(result, name: str) -> float:
    return float(result[name].values[-1, 0])


DECAY = "S = 10; k = 1; J: S -> ; k*S; mark = 0"


@pytest.mark.parametrize("tolerance", [1e-4, 1e-7, 1e-10])
def test_event_is_located_to_the_tolerance(tolerance):
    result = run(f"{DECAY}; at S < 2: mark = time", 3.0, tolerance=tolerance)
    assert last(result, "mark") == pytest.approx(math.log(5.0), abs=0.1 * tolerance)


def test_event_between_outputs_and_at_an_output():
    result = run("k = 0; x = 0; x' = 1; at time >= 2: k = x; at x > 1.25: x = 5", 4.0, every=1.0)
    assert result["x"].values[:, 0] == pytest.approx([0.0, 1.0, 5.75, 6.75, 7.75])
    assert result["k"].values[:, 0] == pytest.approx([0.0, 0.0, 5.75, 5.75, 5.75])


def test_short_window_of_time_is_not_stepped_over():
    result = run("k = 0; x = 0; x' = 1e-6; at (time > 5) && (time < 5.001): k = k + 1", 100.0)
    assert last(result, "k") == 1.0


def test_bouncing_ball_stops_where_geometry_says():
    # each flight lasts r times the one before: heights r^2 h
    result = run("y = 1; v = 0; n = 0; y' = v; v' = -2; at y < 0: y = 0, v = -0.5*v, n = n + 1; t5 = 0; "
                 "at n >= 5: t5 = time", 3.0)  # fmt: skip
    fifth = 1.0 + 2.0 * sum(0.5**k for k in range(1, 5))
    assert last(result, "t5") == pytest.approx(fifth, abs=1e-6)


@pytest.mark.parametrize("method", ["ode", "ssa", "hybrid"])
def test_delay_and_values_from_trigger_time(method):
    model = "x = 1; x' = 1; a = 0; b = 0; at 1.5 after time >= 1, t0=false: a = x; "
    model += "at 1.5 after time >= 1, t0=false, fromTrigger=false: b = x"
    result = run(model, 4.0, method=method)
    assert last(result, "a") == pytest.approx(2.0, rel=1e-6)
    assert last(result, "b") == pytest.approx(3.5, rel=1e-6)


@pytest.mark.parametrize("method", ["ode", "ssa", "hybrid"])
def test_persistence_and_initial_value(method):
    model = "a = 0; b = 0; c = 0; "
    model += "at 1 after (time > 1) && (time < 1.5), persistent=false: a = 1; "
    model += "at 1 after (time > 1) && (time < 1.5), persistent=true: b = 1; "
    model += "at time >= 0, t0=false: c = 1; d = 0; at time >= 0, t0=true: d = 1"
    result = run(model, 4.0, method=method)
    assert [last(result, n) for n in "abcd"] == [0.0, 1.0, 1.0, 0.0]
    assert result["c"].values[0, 0] == 1.0


def test_priorities_decide_and_ties_fall_by_lot():
    model = "x = 0; y = 0; z = 0; at time > 1, priority=2: x = 1, y = 10; "
    model += "at time > 1, priority=1, fromTrigger=false: y = x + 1; "
    model += "at time > 1, priority=5: z = 1; at time > 1, priority=5: z = 2"
    result = run(model, 2.0, replicates=400)
    assert set(result["y"].values[-1]) == {2.0}
    second = np.sum(result["z"].values[-1] == 2.0)
    # 400 fair draws stay within 100 of the middle in all but one case of 1e23
    assert 100 < second < 300


def test_an_event_may_trigger_another_at_the_same_moment():
    result = run("a = 0; b = 0; c = 0; at time > 1: a = 1; at a > 0: b = a + 1; at b > 1: c = a + b", 2.0)
    assert [last(result, n) for n in "abc"] == [1.0, 2.0, 3.0]


def test_a_new_concentration_makes_an_amount_in_the_volume_before_the_event():
    result = run("compartment V = 2; species S in V; S = 1; V has volume; at time > 1: S = 3, V = 6", 2.0)
    assert last(result, "S") == pytest.approx(6.0)
    assert last(run("compartment V = 2; species S in V; S = 1; at time > 1: S = 3, V = 6", 2.0,
                    quantity="concentration"), "S") == pytest.approx(1.0)  # fmt: skip


def test_events_in_exact_simulation_happen_at_the_firing():
    # the fifth birth of a Poisson process: its time is Erlang distributed
    result = run("species X = 0; mark = 0; J: -> X; 2; at X >= 5: mark = time", 40.0, "ssa", replicates=4000)
    marks = result["mark"].values[-1]
    # mean 5/2, variance 5/4; four standard errors, passed in all but 6e-5 of seeds
    assert abs(marks.mean() - 2.5) < 4.0 * math.sqrt(1.25 / 4000)
    assert abs(marks.var() - 1.25) < 4.0 * 1.25 * math.sqrt((2.0 + 6.0 / 5.0) / 4000)


@pytest.mark.parametrize("method", ["ode", "hybrid"])
def test_delay_differential_equation(method):
    # x' = -x(t - 1), x = 1 before the start: sum over k of (-1)^k (t - k + 1)^k / k!
    tolerance, error = (1e-8, 1e-6) if method == "ode" else (1e-5, 1e-3)
    result = run("x = 1; x' = -delay(x, 1)", 4.0, method=method, every=0.5, tolerance=tolerance)
    for t, x in zip(result["time"].values, result["x"].values[:, 0], strict=True):
        terms = [(-1.0) ** k * max(t - k + 1.0, 0.0) ** k / math.factorial(k) for k in range(6)]
        assert x == pytest.approx(sum(terms), abs=error)


def test_delay_of_a_delay_and_of_what_jumps():
    result = run("x = 0; x' = 1; y := delay(delay(x, 0.5), 0.25); at time > 2: x = 100", 3.0, every=0.25)
    assert result["y"].values[:, 0] == pytest.approx([0, 0, 0, 0, *(0.25 * k for k in range(1, 5)),
                                                      *(1.25, 1.5, 1.75), 2.0, 100.25], abs=1e-6)  # fmt: skip


def test_history_outgrows_its_first_room():
    result = run("x = 1; y = 0; x' = y; y' = -400*x; z := delay(x, 3)", 30.0, every=10.0)
    assert last(result, "z") == pytest.approx(math.cos(20.0 * 27.0), abs=1e-3)


@pytest.mark.parametrize("method", ["ode", "ssa", "hybrid"])
def test_linear_algebraic_rule(method):
    text = bm.load("model m\nspecies A=30, B=0; J: A -> B; 0.5*A; T := A + B; k = 2\nend", substance="item").sbml
    rule = (
        '<algebraicRule><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><minus/><apply><times/><cn>2</cn>'
        "<ci>q</ci></apply><ci>A</ci></apply></math></algebraicRule></listOfRules>"
    )
    text = text.replace("</listOfRules>", rule)
    text = text.replace("</listOfParameters>", '<parameter id="q" constant="false"/></listOfParameters>')
    result = bm.simulate(
        bm.load(text, substance="item"), t_end=1.0, method=method, progress=False, seed=1, quantity="amount"
    )
    assert result["q"].values[:, 0] == pytest.approx(result["A"].values[:, 0] / 2.0)


def test_nonlinear_algebraic_rule_keeps_the_order_of_the_method():
    text = bm.load("model m\nx = 1; x' = -x; d := 1; q = 1\nend").sbml
    # q^3 + q = 2 x
    cube = "<apply><power/><ci>q</ci><cn>3</cn></apply>"
    rule = (
        '<algebraicRule><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><minus/><apply><plus/>'
        f"{cube}<ci>q</ci></apply><apply><times/><cn>2</cn><ci>x</ci></apply></apply></math></algebraicRule></listOfRules>"
    )
    text = text.replace("</listOfRules>", rule).replace('id="q" value="1" constant="true"', 'id="q" constant="false"')
    result = bm.simulate(text, t_end=2.0, every=0.5, method="ode", progress=False, parameters={"q": 0.3})
    q, x = result["q"].values[:, 0], np.exp(-result["time"].values)
    assert q**3 + q == pytest.approx(2.0 * x, rel=1e-6)


def test_rate_of_what_moves():
    result = run("S = 10; k = 0.5; J: S -> ; k*S; r := rateOf(S); c = 1; z := rateOf(c)", 2.0)
    assert last(result, "r") == pytest.approx(-5.0 * math.exp(-1.0), rel=1e-6)
    assert last(result, "z") == 0.0


READ = "species S = 1000; k = 0.5; J: S -> ; k*S; M: -> S; 1000"


@pytest.mark.parametrize(
    ("reader", "place"),
    [
        ("r := rateOf(S)", r"assignment rule of 'r' reads rateOf\(S\)"),
        ("species Q = 0; L: -> Q; piecewise(1, rateOf(S) < 0, 2)", r"law of reaction 'L' reads rateOf\(S\)"),
        ("e = 0; E: at rateOf(S) < 0: e = 1", r"event 'E' reads rateOf\(S\)"),
        ("x = 0; x' = rateOf(S)", r"rate rule of 'x' reads rateOf\(S\)"),
    ],
)
def test_rate_of_what_jumps_is_refused(reader, place):
    with pytest.raises(bm.UnsupportedError, match=rf"{place}, and 'S' jumps .* use method='ode'"):
        run(f"{READ}; {reader}", 1.0, "ssa")
    flow = {"J": "flow", "M": "flow"}
    with pytest.raises(bm.UnsupportedError, match=place):
        run(f"{READ}; {reader}", 1.0, "hybrid", physical_scale=flow | {"J": "fire"})
    flows = run(f"{READ}; {reader}", 1.0, "hybrid", physical_scale=flow)
    assert last(flows, "S") == pytest.approx(last(run(f"{READ}; {reader}", 1.0), "S"), rel=1e-3)


def test_a_report_says_what_rate_of_needs():
    text = str(bm.report(bm.load(f"model m\n{READ}; r := rateOf(S)\nend", substance="item")))
    assert "reads rateOf of what it changes (S), so it must flow" in text
    assert "refused unless these flow, see physical_scale: J, M" in " ".join(text.split())


@pytest.mark.parametrize("method", ["ssa", "hybrid", "ode"])
def test_rate_of_what_a_rate_rule_moves(method):
    result = run(f"{READ}; x = 1; x' = -x; r := rateOf(x)", 1.0, method)
    assert last(result, "r") == pytest.approx(-math.exp(-1.0), rel=1e-3)


@pytest.mark.parametrize(("lag", "kept"), [("tau", True), ("2*tau", True), ("tau + 0*time", True), ("wait", False)])
def test_the_past_is_forgotten_once_nothing_asks_for_it(lag, kept):
    """20 units of past, of 2,000: what is kept does not grow with the run, unless an event may change the lag."""
    text = f"model m\nx = 1; y = 0; x' = y; y' = -400*x; tau = 10; wait = 20; z := delay(x, {lag})"
    system = system_of(bm.load(f"{text}; at time > 1e9: wait = 1\nend"))
    stepper, _ = stepper_of(system, "ode", 200.0, 1e-3, {}, {}, {})
    cells = population(system, 2, seed=1, parameters={"tau": np.array([5.0, 10.0])})
    room = []
    for t in (50.0, 100.0, 200.0):
        stepper.advance(cells, np.array([t]))
        room.append(cells.past.time.shape[1])
    assert (room[-1] == room[0]) == kept
    driven = population(system, 2, seed=1)
    driven.driven = frozenset([system.parameters.index("tau")])
    assert (stepper._longest_lag(driven) == math.inf).all() == (not kept or "tau" in lag)


def test_rates_of_reactions_on_request():
    result = run(DECAY, 1.0, rates=True)
    assert last(result, "J") == pytest.approx(10.0 * math.exp(-1.0), rel=1e-6)


def sbml(body: str, level: int = 3, version: int = 1) -> str:
    core = "" if level == 2 else f"/version{version}/core"
    tail = f"/version{version}" if level == 2 else core
    return (
        f'<sbml xmlns="http://www.sbml.org/sbml/level{level}{tail}" level="{level}" version="{version}">'
        f'<model id="m" substanceUnits="item" extentUnits="item">{body}</model></sbml>'
    )


SPECIES = (
    '<listOfCompartments><compartment id="C" size="1" constant="true" spatialDimensions="3"/></listOfCompartments>'
    '<listOfSpecies><species id="A" compartment="C" initialAmount="6" hasOnlySubstanceUnits="true" '
    'boundaryCondition="false" constant="false" {a}/><species id="B" compartment="C" initialAmount="0" '
    'hasOnlySubstanceUnits="true" boundaryCondition="false" constant="false"/></listOfSpecies>'
    '<listOfParameters><parameter id="k" value="2" constant="true"/><parameter id="n" value="3" constant="true"/>'
    "</listOfParameters>{rules}<listOfReactions>"
    '<reaction id="J" reversible="{reversible}" fast="{fast}"><listOfReactants><speciesReference species="A" '
    'stoichiometry="1" constant="true"/></listOfReactants><listOfProducts><speciesReference species="B" {b}/>'
    '</listOfProducts><kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML">{law}</math></kineticLaw></reaction>'
    "</listOfReactions>"
)
LAW = "<apply><times/><ci>k</ci><ci>A</ci></apply>"
ONE = 'stoichiometry="1" constant="true"'


def two(
    a: str = "", b: str = ONE, fast: str = "false", law: str = LAW, rules: str = "", reversible: str = "false"
) -> str:
    return sbml(SPECIES.format(a=a, b=b, fast=fast, law=law, rules=rules, reversible=reversible))


@pytest.mark.parametrize("method", ["ode", "ssa"])
def test_conversion_factor(method):
    result = bm.simulate(two(b=ONE, a='conversionFactor="n"'), t_end=50.0, method=method, progress=False, seed=2)
    # each firing takes three A and makes one B
    assert last(result, "A") == pytest.approx(0.0, abs=1e-4)
    assert last(result, "B") == pytest.approx(2.0, rel=1e-4)


def test_conversion_factor_given_by_the_user():
    result = bm.simulate(two(a='conversionFactor="n"'), t_end=50.0, method="ssa", progress=False, parameters={"n": 2.0})
    assert last(result, "B") == 3.0


STOICHIOMETRY = (
    '<listOfRules><assignmentRule variable="s"><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><minus/>'
    "<cn>7</cn><ci>A</ci></apply></math></assignmentRule></listOfRules>"
)


def test_varying_stoichiometry_is_taken_at_the_firing():
    text = two(b='id="s" constant="false"', rules=STOICHIOMETRY)
    result = bm.simulate(text, t_end=50.0, method="ssa", progress=False, seed=3)
    # B gains 1, 2, ... 6 as A falls from 6 to 1
    assert last(result, "B") == 21.0
    flow = bm.simulate(text, t_end=50.0, method="ode", progress=False)
    # dB = -(7 - A) dA
    assert last(flow, "B") == pytest.approx(7.0 * 6.0 - 18.0, rel=1e-5)


REVERSIBLE = (
    "<apply><minus/><apply><times/><ci>k</ci><ci>A</ci></apply><apply><times/><ci>n</ci><ci>B</ci></apply></apply>"
)


def test_fast_reaction_is_at_its_equilibrium():
    result = bm.simulate(two(fast="true", law=REVERSIBLE, reversible="true"), t_end=1.0, method="ode", progress=False)
    assert result["A"].values[:, 0] == pytest.approx(6.0 * 3.0 / 5.0, rel=1e-6)
    with pytest.raises(bm.UnsupportedError, match="marked fast"):
        bm.simulate(two(fast="true"), t_end=1.0, method="ssa", progress=False)


def test_endless_events_stop():
    with pytest.raises(SimulationError, match="without end"):
        run("a = 0; b = 0; at time > 1: a = 1; at a > b: b = a + 1; at b > a: a = b + 1", 2.0)


def test_negative_delay_of_an_event():
    with pytest.raises(SimulationError, match="negative or not finite"):
        run("a = 0; d = -1; at d after time > 1: a = 1", 2.0)


def test_an_unknown_without_a_start_is_asked_for():
    text = bm.load("model m\nx = 1; x' = -x; d := 1; q = 1\nend").sbml
    square = "<apply><power/><ci>q</ci><cn>2</cn></apply>"
    rule = (
        '<algebraicRule><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><minus/>'
        f"{square}<ci>x</ci></apply></math></algebraicRule></listOfRules>"
    )
    text = text.replace("</listOfRules>", rule).replace('id="q" value="1" constant="true"', 'id="q" constant="false"')
    with pytest.raises(bm.ModelError, match=r"'q' has no value; .*parameters=\{'q': ...\}"):
        bm.simulate(text, t_end=2.0, method="ode", progress=False)
    # which of the two solutions is found is a matter of where the search begins
    for start in (0.3, -0.3):
        found = bm.simulate(text, t_end=2.0, method="ode", progress=False, parameters={"q": start})
        assert last(found, "q") == pytest.approx(math.copysign(math.exp(-1.0), start), rel=1e-5)


def test_algebraic_rule_without_a_solution():
    text = bm.load("model m\nx = 1; x' = -x; d := 1; q = 1\nend").sbml
    square = "<apply><power/><ci>q</ci><cn>2</cn></apply>"
    rule = (
        '<algebraicRule><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><plus/>'
        f"{square}<ci>x</ci></apply></math></algebraicRule></listOfRules>"
    )
    text = text.replace("</listOfRules>", rule).replace('id="q" value="1" constant="true"', 'id="q" constant="false"')
    with pytest.raises(SimulationError, match="no solution"):
        bm.simulate(text, t_end=2.0, method="ode", progress=False, parameters={"q": 1.0})


def test_events_keep_bits_for_any_budget_and_many_calls():
    model = "species X = 0; n = 0; J: -> X; 3; D: X -> ; 0.1*X; at X > 10: X = 2, n = n + 1; at time > 5: n = n + 100"
    one = run(model, 20.0, "ssa", replicates=5)
    few = run(model, 20.0, "ssa", replicates=5, every=20.0)
    assert np.array_equal(one["n"].values[-1], few["n"].values[-1])
    assert np.array_equal(one["X"].values[-1], few["X"].values[-1])


def test_a_broken_constraint_is_said():
    rule = (
        '<listOfConstraints><constraint><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><gt/><ci>A</ci>'
        '<cn>1</cn></apply></math><message><p xmlns="http://www.w3.org/1999/xhtml">too few</p></message></constraint>'
        "</listOfConstraints>"
    )
    with pytest.warns(UserWarning, match=r"A > 1 does not hold from time 1 on \(replicate 0\): too few"):
        bm.simulate(two(rules=rule), t_end=2.0, every=0.5, method="ode", progress=False)


@pytest.mark.parametrize("method", ["ode", "ssa", "hybrid"])
def test_a_trigger_that_oscillates_in_time_is_followed(method):
    model = "c = 0; at sin(6.283185307179586*time) > 0.5: c = c + 1; S = 0; J: -> S; 0.01"
    assert last(run(model, 50.3, method=method, every=50.3), "c") == 51.0


def test_an_event_just_after_the_start():
    result = run("p = 0; species S = 0; J: -> S; 50*p; at time > 0: p = 1", 4.0, "ssa", every=1.0, replicates=100)
    # Poisson of mean 50 (t - 0): four standard errors
    assert np.all(np.abs(result["S"].values.mean(axis=1) - 50.0 * result["time"].values) < 4.0 * np.sqrt(2.0))


def test_steps_are_careful_from_zero_and_after_events():
    model = "species S = 0; J: -> S; 1000; K: S -> ; S"
    flow = {"J": "flow", "K": "flow"}
    result = run(model, 3.0, "hybrid", every=1.0, physical_scale=flow)
    assert result["S"].values[:, 0] == pytest.approx(1000.0 * (1.0 - np.exp(-np.arange(4.0))), rel=1e-3)
    model = "species S = 1000; k = 1000; J: -> S; k; K: S -> ; S; at time >= 10: k = 5000"
    result = run(model, 13.0, "hybrid", every=1.0, physical_scale=flow)
    exact = 5000.0 - 4000.0 * np.exp(-np.arange(1.0, 4.0))
    assert result["S"].values[-3:, 0] == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("method", ["ssa", "hybrid"])
def test_bursts_of_varying_size(method):
    text = "species S = 0; n = 10; J: -> n S; 1; n' = 0"
    result = run(text, 10.0, method, replicates=2000, every=10.0)
    final = result["S"].values[-1]
    # ten times a Poisson number of mean 10: mean 100, variance 1000; five standard errors
    assert abs(final.mean() - 100.0) < 5.0 * math.sqrt(1000.0 / 2000.0)
    assert abs(final.var() - 1000.0) < 5.0 * 1000.0 * math.sqrt(2.1 / 2000.0)


def test_varying_stoichiometry_of_a_reactant():
    result = run("species T = 100; n = 1; K: n T -> ; 3; n := 1 + floor(time)", 5.0, "ssa", replicates=500, every=5.0)
    # rate 3, one molecule more each unit of time: 3 (1 + 2 + 3 + 4 + 5), variance 3 (1 + 4 + 9 + 16 + 25)
    assert abs(result["T"].values[-1].mean() - 55.0) < 5.0 * math.sqrt(165.0 / 500.0)
