"""The report of how amounts become molecules and rate laws propensities."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import biomulti as bm
from biomulti import expression as ex
from biomulti.__main__ import main
from biomulti.adjust import adjusted, of_different, power_of
from biomulti.expression import Expression
from biomulti.network import AVOGADRO
from biomulti.report import Propensity
from biomulti.system import system_of
from biomulti.tidy import tidy

HEAD = "unit time_unit = second; compartment c = 2e-14; species X in c, Y in c; k = 3;"
NANOMOLES = f"unit substance = 1e-9 mole; {HEAD} X = 0.17; Y = 0;"


def report(text: str, **options: object) -> bm.Report:
    return bm.report(bm.load(f"model m()\n{text}\nend\n", **options))


def only(text: str, **options: object) -> Propensity:
    """The one propensity of the one reaction."""
    (reaction,) = report(text, **options).reactions
    (propensity,) = reaction.propensities
    return propensity


def test_species_in_words():
    found = report(
        f"{NANOMOLES} substanceOnly species W in c, $B in c; W = 5e-15; B = 2; r: X => Y; k*X*c; s: W => ; W;"
    )
    x, y, w, b = found.species
    per_unit = 1e-9 * AVOGADRO
    assert (x.reads, y.reads, w.reads, b.reads) == ("concentration", "concentration", "amount", "amount")
    assert x.start.startswith("0.17 x 2e-14 (size of c) = 3.4e-15 nanomole, x 6.02214179e+14 = 2.047528209")
    assert x.molecules == 2.0
    assert x.note == "rounded from 2.047528209"
    assert w.molecules == round(5e-15 * per_unit)
    assert w.note == "rounded from 3.011070895"
    assert b.molecules == pytest.approx(2 * per_unit)
    assert b.note == "boundary: read, never changed by reactions"
    assert any("'W' starts with 3.01107 molecules, rounded to 3" in a for a in found.assumptions)
    assert any("A mole is 6.02214179e+23 molecules" in a for a in found.assumptions)


@pytest.mark.parametrize(
    ("reaction", "formula"),
    [
        ("2 X => Y; k*X^2*c", "1.66054e-15 * k * X * (X - 1) / c"),
        ("2 X => Y; c*k*X*X", "1.66054e-15 * k * X * (X - 1) / c"),
        ("3 X => Y; k*X^3*c", "2.75739e-30 * k * X * (X - 1) * (X - 2) / c^2"),
        ("2 X + Y => ; k*X^2*Y*c", "2.75739e-30 * k * X * (X - 1) * Y / c^2"),
        ("2 X => X; c*k*X^2/(1 + Y)", "1.66054e-15 * k * X * (X - 1) / (c * (1.66054e-15 * Y / c + 1))"),
    ],
)
def test_adjusted_laws(reaction, formula):
    propensity = only(f"{NANOMOLES} r: {reaction};")
    assert propensity.adjusted
    assert propensity.formula == formula
    assert propensity.why.startswith("ADJUSTED where it fires")
    assert not propensity.note
    stands = only(f"{NANOMOLES} r: {reaction};", adjust=False)
    assert not stands.adjusted
    assert stands.why == "as it stands, as asked for"
    assert "a firing there stops the run with an error" in stands.note or reaction.endswith("+ Y)")


@pytest.mark.parametrize(
    ("reaction", "formula", "note"),
    [
        ("X => Y; k*X*c", "k * X", ""),
        ("X + Y => ; k*X*Y*c", "1.66054e-15 * k * X * Y / c", ""),
        ("X => Y; k*X^2*c", "1.66054e-15 * k * X^2 / c", "the reaction does not use 2 X: nothing is adjusted"),
        ("2 X => Y; k*X*c", "k * X", "a firing takes 2 X, and the law does not vanish where there is 1"),
        ("X => ; k*c", "6.02214e+14 * k * c", "a firing takes 1 X, and the law does not vanish where there are 0"),
        ("2 X => Y; k*X^2/(1 + X^2)", None, "a firing takes 2 X, and the law does not vanish where there is 1"),
        (f"2 X => Y; k*X*(X - {1 / (1e-9 * AVOGADRO * 2e-14)!r})*c", None, ""),
        ("2 X => Y; piecewise(k*X, X > 9.5e-5*1e3, 0)", None, ""),
    ],
)
def test_laws_that_stand(reaction, formula, note):
    propensity = only(f"{NANOMOLES} r: {reaction};")
    assert not propensity.adjusted
    assert formula is None or propensity.formula == formula
    assert note in propensity.note
    assert bool(propensity.note) == bool(note)


def test_a_law_over_amounts_stands():
    text = f"unit substance = item; {HEAD.replace('species', 'substanceOnly species')} X = 9; Y = 0;"
    assert only(f"{text} r: 2 X => Y; k*X*(X - 1)/2;").formula == "0.5 * k * X * (X - 1)"
    assert not only(f"{text} r: 2 X => Y; k*X*(X - 1)/2;").note
    squared = only(f"{text} r: 2 X => Y; k*X^2;")
    assert (squared.formula, squared.adjusted) == ("k * X^2", False)
    assert "does not vanish where there is 1" in squared.note
    with pytest.raises(bm.SimulationError, match="takes more molecules than there are"):
        bm.simulate(f"model m()\n{text} r: 2 X => Y; k*X^2;\nend", t_end=100.0, method="ssa", seed=1, progress=False)


def test_two_directions():
    (reaction,) = report(f"{NANOMOLES} r: 2 X -> 2 Y; c*(k*X^2 - 0.5*Y^2);").reactions
    forward, backward = reaction.propensities
    assert (forward.name, backward.name) == ("forward", "backward")
    assert forward.formula == "1.66054e-15 * k * X * (X - 1) / c"
    assert backward.formula == "8.30269e-16 * Y * (Y - 1) / c"
    assert reaction.law == "c * (k * X^2 - 0.5 * Y^2)"
    assert reaction.symbols["X"] == "concentration in nanomole / size of c"
    assert reaction.unit == "nanomole per second"


def test_what_never_happens_and_what_cannot_fire():
    found = report(f"{NANOMOLES} r: 2 X => Y; ; s: X => 0.5 Y; k*X*c;")
    never, half = (r.propensities[0] for r in found.reactions)
    assert "never happens" in never.note
    assert any("Reaction 'r' never happens" in a for a in found.assumptions)
    assert "changes Y by a fraction of a molecule" in half.note
    ssa, hybrid, ode = found.methods
    assert (ssa.method, ssa.possible) == ("ssa", False)
    assert "fraction of a molecule" in ssa.why
    assert hybrid.possible
    assert "always flowing: s" in hybrid.why
    assert ode.possible


def test_unknown_units():
    found = report(f"{HEAD} X = 1.7; Y = 0; r: 2 X => Y; k*X^2*c;")
    assert [m.possible for m in found.methods] == [False, False, True]
    assert [s.molecules for s in found.species] == [None, None]
    assert found.reactions[0].propensities[0].formula == ""
    assert any("Nothing is assumed about molecules" in a and "substance='item'" in a for a in found.assumptions)


def test_counts_are_assumed_aloud():
    found = report("compartment c = 1; species X in c; X = 3; r: X => ; X;")
    assert any("taken as numbers of molecules" in a for a in found.assumptions)
    assert found.methods[0].why == "every reaction fires, exactly"


def test_too_many_for_ssa_not_for_hybrid():
    found = report(f"{NANOMOLES.replace('0.17', '1e30')} r: X => Y; k*X*c;")
    ssa, hybrid, _ = found.methods
    assert not ssa.possible
    assert "too many to fire one by one" in ssa.why
    assert hybrid.possible
    assert found.species[0].note == "cannot be counted one by one"


def test_events_that_set_counts_are_rounded():
    found = report(f"{NANOMOLES} r: X => Y; k*X*c; at time > 3: Y = 2.5e-15;")
    assert any("sets Y, whose molecules are counted" in a for a in found.assumptions)
    assert found.methods[0].possible


def test_a_value_that_is_missing():
    found = report("unit substance = item; compartment c = 1; species X in c; X = 3; r: X => ; k*X;")
    assert all(not m.possible and "'k' has no value" in m.why for m in found.methods)


def test_text_and_html():
    found = report(f"{NANOMOLES} r: 2 X => Y; k*X^2*c;")
    text = str(found)
    for part in ("6.02214179e+14 molecules each", "ADJUSTED", "k * X^2 * c   [nanomole per second]", "Methods"):
        assert part in text
    assert all(len(line) <= 140 for line in text.splitlines())
    page = found._repr_html_()
    assert page.count("<table>") == 4
    assert "X * (X - 1)" in page
    assert repr(found) == text


def test_every_shipped_model_can_run_by_every_method():
    for name in bm.shipped():
        found = bm.report(name)
        assert all(m.possible for m in found.methods), name
        assert not any(p.adjusted or p.note for r in found.reactions for p in r.propensities), name


def test_command_line(tmp_path, capsys):
    model = tmp_path / "dimer.ant"
    model.write_text(f"model m()\n{NANOMOLES} r: 2 X => Y; k*X^2*c;\nend\n")
    assert main(["report", str(model)]) == 0
    assert "X * (X - 1)" in capsys.readouterr().out
    assert main(["report", str(model), "--no-adjust"]) == 0
    assert "as it stands, as asked for" in capsys.readouterr().out


def test_what_was_asked_for_stays_with_the_network():
    text = f"model m()\n{NANOMOLES} r: 2 X => Y; k*X^2*c;\nend\n"
    plain, stands = bm.load(text), bm.load(text, adjust=False)
    assert plain.adjust
    assert not bm.load(stands).adjust
    assert dataclasses.replace(stands, adjust=True) == plain
    assert plain.hash != stands.hash


def test_a_stoichiometry_that_varies_keeps_its_ratio():
    """What follows the adjusted law is adjusted with it, so that a firing changes by the stoichiometry."""
    text = "unit substance = item; compartment c = 1; species X in c, Y in c; X = 20; Y = 0; n := 1 + floor(time);"
    network = bm.load(f"model m()\n{text} r: 2 X => n Y; 0.1*X^2*c;\nend\n")
    system = adjusted(system_of(network), np.array([True, True]))
    leader, follower = (f.law for f in system.fluxes)
    assert system.fluxes[0].stated is not None
    values = {"y0": 7.0, "y1": 0.0}

    def at(law: Expression, time: float) -> float:
        named = ex.substitute(law, lambda n: ex.symbol(f"{n.op}{n.args[0]}") if n.op in ("y", "p") else None)
        return ex.evaluate(named, lambda name: values.get(name, 1.0), time)

    assert at(leader, 2.5) == pytest.approx(0.1 * 7 * 6)
    assert at(follower, 2.5) == pytest.approx(3.0 * 0.1 * 7 * 6)


Y0, Y1, P0 = Expression("y", 0), Expression("y", 1), Expression("p", 0)


@pytest.mark.parametrize(
    ("law", "power"),
    [
        (ex.multiply(P0, Y0, Y0), 2.0),
        (ex.divide(ex.power(Y0, ex.number(3.0)), Y0), 2.0),
        (ex.add(ex.multiply(Y0, Y0), ex.multiply(Y1, Y0, Y0)), 2.0),
        (ex.add(ex.multiply(Y0, Y0), Y0), None),
        (ex.multiply(Y0, ex.subtract(Y0, ex.ONE)), None),
        (ex.power(Y0, P0), None),
        (Y1, 0.0),
    ],
)
def test_powers(law, power):
    assert power_of(law, 0) == power


def test_different_molecules():
    law = of_different(ex.multiply(P0, Y0, Y0, ex.power(Y1, ex.number(3.0))), {0: 2, 1: 3})
    named = ex.substitute(law, lambda n: ex.symbol(f"{n.op}{n.args[0]}") if n.op in ("y", "p") else None)
    value = ex.evaluate(named, {"p0": 2.0, "y0": 5.0, "y1": 4.0}.__getitem__)
    assert value == 2.0 * (5 * 4) * (4 * 3 * 2)


def test_tidy():
    x, y = ex.symbol("x"), ex.symbol("y")
    assert tidy(ex.divide(ex.multiply(x, y, x), ex.multiply(ex.number(4.0), x))) == ex.multiply(ex.number(0.25), x, y)
    assert tidy(ex.multiply(x, y), last={"x"}) == ex.multiply(y, x)
    assert tidy(ex.divide(ex.ONE, ex.ZERO)) == ex.divide(ex.ONE, ex.ZERO)
    assert tidy(ex.negate(ex.negate(ex.function("exp", ex.divide(x, x))))) == ex.function("exp", ex.ONE)
