"""What the partition does at its edges: hopeless neighbours, averages that would be wrong, networks of nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

import biomulti as bm
from biomulti import expression as ex
from biomulti.averaging import degree
from biomulti.expression import Expression

pytestmark = pytest.mark.filterwarnings("ignore::biomulti.counts.AssumptionWarning")

ITEMS = "unit substance = item; unit extent = item; unit volume = litre; unit time_unit = second; compartment cell = 1;"
BESIDE = "Q = 1e6; mq: => Q; 2e6; lq: Q => ; 2*Q;"  # always flows, so that there is something to gain


def network(species: str, rest: str) -> str:
    return f"{ITEMS} substanceOnly species {', '.join(f'{n} in cell' for n in species)}; {rest}"


def flowing(text: str, **options: object) -> set[str]:
    return {d.reaction for d in bm.partition(text, t_end=10.0, **options).decisions if d.flows or d.adaptive}


@pytest.mark.parametrize("tolerance", [None, 0.05, math.inf])
@pytest.mark.parametrize(
    "text",
    [
        f"{ITEMS} k = 1;",
        network("A", "A = 3;"),
        f"{ITEMS} substanceOnly species $A in cell; A = 3; r: A => ; A;",
        f"{ITEMS} substanceOnly species $A in cell; A = 3; r: => ; A;",
    ],
)
def test_networks_in_which_nothing_moves(text, tolerance):
    assert isinstance(str(bm.partition(text, t_end=2.0, tolerance=tolerance)), str)
    assert bm.simulate(text, t_end=2.0, method="hybrid", tolerance=tolerance, progress=False).sizes["time"] == 101


def test_a_hopeless_neighbour_does_not_change_what_others_do():
    text = network("QX", "Q = 5000; X = 2000; mq: => Q; 5000; lq: Q => ; Q; mx: => X; 2000; lx: X => ; X;")
    told = {"mq": "flow", "lq": "flow"}
    assert flowing(text, physical_scale=told) == {"mq", "lq"}
    note = bm.partition(text, t_end=10.0, physical_scale=told).note
    assert "above the tolerance: 1 in Q." in note


PROMOTER = "O = 1; C = 1; o: C => O; 1000*C; c: O => C; 1000*O; P = 0; m: => P; 5*O; l: P => ; P;"


@pytest.mark.parametrize(
    ("more", "averaged"),
    [
        ("", True),
        ("twice := 2*O;", True),
        ("pairs := O*(O - 1);", False),
        ("V = 1; V' = O - V;", False),
        ("T = 0; at O > 1.5: T = 1;", False),
        ("T = 0; at P > 8: T = 1;", True),
    ],
)
def test_what_reads_a_promoter_decides_whether_it_is_averaged(more, averaged):
    found = flowing(network("OCPQ", f"{PROMOTER} {BESIDE} {more}")) - {"d V/dt"}
    assert found == {"mq", "lq", *(["o", "c"] if averaged else [])}


def test_shared_formulas_are_looked_at_once():
    """Each formula holds the one before it twice, sixty times over."""
    x = Expression("y", 0)
    for _ in range(60):
        x = ex.add(ex.multiply(ex.number(0.3), x), Expression("div", x, ex.number(2.0)))
    assert degree(x, frozenset({0})) == 1.0
    assert degree(ex.multiply(x, x), frozenset({0})) == 2.0
    assert degree(ex.multiply(x, x), frozenset({1})) == 0.0
    assert degree(Expression("exp", x), frozenset({0})) == math.inf


def test_a_table_does_not_contradict_itself():
    """The promoter could be averaged, and would not pay."""
    rest = f"{PROMOTER} R = 0; mr: => R; 5000; lr: R => ; 20*R;"
    split = bm.partition(network("OCPR", rest), t_end=10.0)
    assert not any(d.flows or d.adaptive for d in split.decisions)
    assert {d.reason for d in split.decisions[:2]} <= {"would flow, but too seldom to pay for it"}


def test_sets_say_what_all_of_them_do():
    text = network("XPQ", f"s = 1000; X = 2; b: => X; 2*s; d: X => ; s*X; P = 0; m: => P; 2*X; l: P => ; P; {BESIDE}")
    run = bm.simulate(text, t_end=5.0, parameters={"s": [1000.0, 1.0]}, seed=1, progress=False)
    assert "results hold the mean" not in run.attrs["partition"]
    assert np.array_equal(run.X.values, np.round(run.X.values))


def test_tolerances_that_are_none():
    for wrong in ("small", 0.0, -1.0, math.nan):
        with pytest.raises(bm.OptionError, match="tolerance="):
            bm.partition("telegraph", tolerance=wrong)
    found = bm.compare("telegraph", ["ssa", "hybrid"], t_end=5.0, replicates=50, tolerance=math.inf, progress=False)
    assert not found.failures


def test_a_network_too_large_for_an_estimate_says_so():
    names = [f"X{i}" for i in range(60)]
    rest = " ".join(f"{n} = 2000; m{n}: => {n}; 2000; l{n}: {n} => ; {n};" for n in names)
    text = f"{ITEMS} substanceOnly species {', '.join(f'{n} in cell' for n in names)}; {rest}"
    split = bm.partition(text, t_end=5.0)
    assert split.tolerance == math.inf
    assert "cannot be estimated: the network is too large" in split.note
    assert not bm.partition(text, t_end=5.0, tolerance=0.05).adaptive.any()
