"""Models at the edges, where a plausible program gives a plausible wrong number."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest

import biomulti as bm
from biomulti.counts import AssumptionWarning

HEAD = "unit substance=item; unit extent=item; unit time_unit=second; unit volume=litre; compartment cell=1;"


def run(body: str, t_end: float, **options: object):
    model = bm.load(f"model m()\n{HEAD}\n{body}\nend")
    return bm.simulate(model, t_end=t_end, **{"seed": 1, "progress": False, "replicates": 1} | options)


@pytest.mark.filterwarnings("ignore::biomulti.counts.AssumptionWarning")
@pytest.mark.parametrize("method", ["ssa", "hybrid", "ode"])
def test_a_short_pulse_is_not_stepped_over(method: str) -> None:
    """1000 per second for .3 s of 100 s: 300 molecules, within five standard errors (false alarms 6e-7)."""
    pulse = "substanceOnly species N in cell; N=0; => N; piecewise(1000, (time > 50.3) && (time < 50.6), 0);"
    end = run(pulse, 100.0, method=method, replicates=50)["N"].isel(time=-1).to_numpy()
    assert end.mean() == pytest.approx(300.0, abs=5.0 * np.sqrt(300.0 / 50.0) if method != "ode" else 1e-3)


def test_a_failure_after_a_jump_keeps_the_outputs_asked_for() -> None:
    """Stops at jumps are not outputs: what is left has the times that were asked for."""
    body = "substanceOnly species N in cell; N=0; => N; piecewise(5, time < 2.3, -1);"
    with pytest.raises(bm.SimulationError, match="is negative") as caught:
        run(body, 4.0, every=1.0, method="ssa")
    partial = caught.value.partial
    assert partial["time"].to_numpy().tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert np.isnan(partial["N"].to_numpy()[:, 0]).tolist() == [False, False, False, True, True]


@pytest.mark.parametrize("method", ["ssa", "hybrid", "ode"])
def test_what_a_rate_rule_moves_may_fall_below_zero(method: str) -> None:
    falling = run("V=1; V'=-1; substanceOnly species N in cell; N=0; => N; 1;", 10.0, method=method)
    np.testing.assert_allclose(falling["V"].to_numpy()[:, 0], 1.0 - falling["time"].to_numpy(), rtol=1e-6, atol=1e-6)


def test_a_law_that_subtracts_does_not_run_backward() -> None:
    """SBML calls reactions reversible by default; k X (X - 1) has no backward part."""
    pair = bm.load(
        f"model m()\n{HEAD}\nsubstanceOnly species X in cell, Y in cell; X=9; Y=0; r: 2 X -> Y; X*(X-1);\nend"
    )
    assert not pair.reactions[0].reversible
    assert "->" in pair.reactions[0].equation
    both = bm.load(f"model m()\n{HEAD}\nsubstanceOnly species A in cell, B in cell; A=9; B=0; r: A -> B; 2*A-B;\nend")
    assert both.reactions[0].reversible
    assert "<->" in both.reactions[0].equation
    # 2 X -> Y from 9 ends with one X left
    end = bm.simulate(pair, t_end=50.0, method="ssa", seed=1, replicates=20, progress=False).isel(time=-1)
    assert (end["X"] == 1).all()
    assert (end["Y"] == 4).all()


@pytest.mark.filterwarnings("ignore::biomulti.counts.AssumptionWarning")
def test_a_flow_stops_at_zero() -> None:
    drain = "substanceOnly species A in cell, B in cell; A=1000; B=0; J: A => ; 100; => B; 3; B => ; B;"
    found = run(drain, 40.0, method="hybrid", physical_scale={"J": "flow"}, replicates=3)["A"]
    assert float(found.min()) == 0.0
    assert float(found.sel(time=4.0).mean()) == pytest.approx(600.0, rel=1e-6)


@pytest.mark.filterwarnings("ignore::biomulti.counts.AssumptionWarning")
@pytest.mark.parametrize("method", ["ode", "hybrid"])
@pytest.mark.parametrize("neighbour", [1.0, 1e15, 1e18])
def test_an_abundant_neighbour_does_not_spoil_the_others(method: str, neighbour: float) -> None:
    """Predator and prey beside an inert species: their invariant is kept, whatever stands beside them."""
    lotka = (
        "substanceOnly species x in cell, y in cell, W in cell; x=2000; y=1000; => x; 10*x; x => y; 0.01*x*y; "
        f"y => ; 10*y; W={neighbour}; W => ; 1e-30*W;"
    )
    flows = {"physical_scale": {"_J3": "flow"}, "tolerance": np.inf} if method == "hybrid" else {}
    found = run(lotka, 2.0, method=method, **flows)
    x, y = found["x"].to_numpy()[:, 0], found["y"].to_numpy()[:, 0]
    invariant = 0.01 * (x + y) - 10.0 * np.log(x) - 10.0 * np.log(y)
    np.testing.assert_allclose(invariant, invariant[0], rtol=1e-5 if method == "ode" else 1e-2)


def test_a_chain_from_zero_starts() -> None:
    """Six steps from nothing: g grows as t^6, which no step resolves in relative terms at first."""
    names = "abcdefg"
    chain = f"substanceOnly species {', '.join(f'{n} in cell' for n in names)};"
    chain += " ".join(f"{n}={int(n == 'a')};" for n in names)
    chain += " ".join(f"{p} => {q}; {p};" for p, q in itertools.pairwise(names))
    exact = 1.0 - np.exp(-1.0) * sum(1.0 / np.prod(np.arange(1, k + 1)) for k in range(6))
    assert float(run(chain, 1.0, method="ode")["g"].isel(time=-1)[0]) == pytest.approx(exact, rel=1e-6)


def test_a_network_without_chance_says_so() -> None:
    with pytest.warns(AssumptionWarning, match="Nothing fires: all runs are alike"):
        run("substanceOnly species X in cell; X=1e6; => X; 1e6; X => ; X;", 1.0, method="hybrid")


def test_a_scarce_beginning_of_something_vast_is_told() -> None:
    with pytest.warns(AssumptionWarning, match="X starts scarce and grows vast"):
        run("substanceOnly species X in cell; X=1; X => 2 X; X; X => ; 0.5*X;", 80.0, method="hybrid")


def test_names_of_dimensions_give_way() -> None:
    found = run("substanceOnly species replicate in cell; replicate=3; => replicate; 1;", 1.0, method="ssa")
    assert "network_replicate" in found


def test_a_formula_nested_too_deeply_is_an_error_of_ours() -> None:
    with pytest.raises(bm.ModelError, match="nested too deeply"):
        bm.load("A -> B; " + "(" * 3000 + "A" + "+1)" * 3000 + "; A=1; B=0;")


def test_a_file_in_the_encoding_it_declares(tmp_path) -> None:
    text = bm.load("telegraph").sbml.replace('encoding="UTF-8"', 'encoding="ISO-8859-1"')
    path = tmp_path / "latin.xml"
    path.write_bytes(text.replace("Telegraph gene", "Télégraphe").encode("latin-1"))
    assert bm.load(path).name == "Télégraphe"


def test_a_comment_that_says_import_is_a_comment() -> None:
    assert bm.load("/*\nimport nothing\n*/\nA -> B; k*A; A=1; B=0; k=1;").reactions


def test_tellurium_may_be_imported_later() -> None:
    """It brings libraries that replace the classes libSBML answers with."""
    script = (
        "import biomulti as bm; bm.load('telegraph'); import tellurium as te; bm.load('rho_myosin'); "
        "print(bm.load(te.loada('A -> B; k*A; A = 10; B = 0; k = 1')).reactions[0].law)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("k * A")
