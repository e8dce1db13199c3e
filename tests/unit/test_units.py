"""From a model's amounts to molecules: what is declared, what is assumed aloud, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import biomulti as bm
from biomulti.counts import AssumptionWarning, molecules_per_unit
from biomulti.network import AVOGADRO

DECAY = "compartment c = 1; species S in c; S = {start}; S => ; S;"


def model(unit: str = "", start: str = "3") -> str:
    return f"model m()\n{unit}\n{DECAY.format(start=start)}\nend\n"


DECLARED = {
    "item": ("unit substance = item;", 1.0, "item"),
    "dozen": ("unit substance = 12 item;", 12.0, "12 item"),
    "mole": ("unit substance = mole;", AVOGADRO, "mole"),
    "nanomole": ("unit substance = 1e-9 mole;", 1e-9 * AVOGADRO, "1e-09 mole"),
    "dimensionless": ("unit substance = dimensionless;", 1.0, "item"),
}


@pytest.mark.parametrize("case", DECLARED)
def test_declared_units(case):
    text, molecules, _ = DECLARED[case]
    network = bm.load(model(text))
    assert network.substance.molecules == pytest.approx(molecules, rel=1e-15)
    assert "declared by the model" in repr(network)
    assert molecules_per_unit(network) == network.substance.molecules


def level_2(unit: str) -> str:
    """An SBML Level 2 model of one species, with a definition of `substance` or none."""
    definition = f"<listOfUnitDefinitions>{unit}</listOfUnitDefinitions>" if unit else ""
    return (
        '<sbml xmlns="http://www.sbml.org/sbml/level2/version4" level="2" version="4"><model id="m">'
        f'{definition}<listOfCompartments><compartment id="c" size="1"/></listOfCompartments>'
        '<listOfSpecies><species id="S" compartment="c" initialAmount="3"/></listOfSpecies></model></sbml>'
    )


SUBSTANCE = '<unitDefinition id="substance"><listOfUnits>{}</listOfUnits></unitDefinition>'


@pytest.mark.parametrize(
    ("unit", "molecules", "name"),
    [
        ('<unit kind="item"/>', 1.0, "item"),
        ('<unit kind="mole" scale="-9"/>', 1e-9 * AVOGADRO, "nanomole"),
        ('<unit kind="mole" scale="-6"/>', 1e-6 * AVOGADRO, "micromole"),
        ('<unit kind="mole" multiplier="1e-15"/>', 1e-15 * AVOGADRO, "1e-15 mole"),
        ('<unit kind="gram"/>', None, "substance"),
    ],
)
def test_units_of_level_2(unit, molecules, name):
    substance = bm.load(level_2(SUBSTANCE.format(unit))).substance
    assert substance.unit == name
    assert substance.molecules == (None if molecules is None else pytest.approx(molecules, rel=1e-12))


def test_the_default_of_level_2_is_no_statement():
    """Moles by the standard, molecules in most files: not decided here, and the error says how to."""
    substance = bm.load(level_2("")).substance
    assert substance.molecules is None
    assert "the file states no unit of amount" in substance.reason


@pytest.mark.parametrize("method", ["ssa", "hybrid"])
def test_unstated_units_are_refused_where_they_matter(method):
    with pytest.raises(bm.UnitsError, match=r"states no unit of amount\. .*substance='item'.*method='ode'"):
        bm.simulate(model(start="3.5"), t_end=1.0, method=method, progress=False)
    # the ODE does not need them
    assert bm.simulate(model(start="3.5"), t_end=1.0, method="ode", progress=False).S.values[0, 0] == 3.5


def test_whole_numbers_are_taken_as_counts_aloud():
    with pytest.warns(AssumptionWarning, match=r"taken as numbers of molecules. Say so with .*substance='item'"):
        run = bm.simulate(model(), t_end=1.0, method="ssa", seed=1, progress=False)
    assert run.S.values[0, 0] == 3.0


def test_the_user_has_the_last_word():
    network = bm.load(model("unit substance = mole;"), substance="item")
    assert network.substance.molecules == 1.0
    assert "as asked for" in repr(network)
    with pytest.raises(bm.OptionError, match=r"'pound' is not a unit of amount; choose one of item, mole"):
        bm.load(model(), substance="pound")


def level_3(model: str = "", first: str = "", second: str = "") -> str:
    """Two species in SBML Level 3, with attributes of the model and units of their own."""
    species = ""
    for name, unit in (("S", first), ("T", second)):
        own = f'substanceUnits="{unit}"' if unit else ""
        species += f'<species id="{name}" compartment="c" initialAmount="3" hasOnlySubstanceUnits="true" {own} '
        species += 'boundaryCondition="false" constant="false"/>'
    return (
        '<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2">'
        f'<model id="m" {model}><listOfCompartments><compartment id="c" size="1" constant="true"/>'
        f"</listOfCompartments><listOfSpecies>{species}</listOfSpecies></model></sbml>"
    )


CLASHES = {
    "species and the model": (
        level_3("substanceUnits='item'", "", "mole"),
        r"'T' \(line \d+\) counts in mole and 'S' in item",
    ),
    "one stated, one not": (level_3("", "item", ""), r"'T' \(line \d+\) counts in unstated unit and 'S' in item"),
    "species and reactions": (
        level_3("substanceUnits='item' extentUnits='mole'"),
        "its reactions count in mole, not item",
    ),
}


@pytest.mark.parametrize("case", CLASHES)
def test_two_units_in_one_model(case):
    text, says = CLASHES[case]
    with pytest.raises(bm.UnitsError, match=says):
        bm.simulate(text, t_end=1.0, method="ssa", progress=False)


def test_one_unit_however_it_is_stated():
    for text in (level_3("substanceUnits='mole' extentUnits='mole'"), level_3("", "mole", "mole")):
        assert bm.load(text).substance.molecules == AVOGADRO
    assert bm.load(level_3("substanceUnits='item'", "", "dimensionless")).substance.molecules == 1.0


@pytest.mark.parametrize("unit", ["mole", "1e-9 mole"])
def test_too_many_to_count(unit):
    with pytest.raises(bm.UnitsError, match=r"'S' starts with 1.81e.* molecules, too many .*declared by the model"):
        bm.simulate(model(f"unit substance = {unit};"), t_end=1.0, method="ssa", progress=False)


def test_fractions_are_rounded_aloud():
    with pytest.warns(AssumptionWarning, match=r"'S' starts with 3.4 molecules, rounded to 3"):
        run = bm.simulate(model("unit substance = item;", "3.4"), t_end=1.0, method="ssa", seed=1, progress=False)
    assert run.S.values[0, 0] == 3.0


def test_below_zero():
    with pytest.raises(bm.ModelError, match=r"'S' starts with -2 molecules; a number of molecules is zero or more"):
        bm.simulate(model("unit substance = item;", "-2"), t_end=1.0, method="ssa", progress=False)


def test_firing_changes_one_molecule_whatever_the_unit():
    """In units of twelve, each firing takes one molecule, and the law is in units per time."""
    run = bm.simulate(
        model("unit substance = 12 item;", "100"), t_end=0.5, every=0.01, method="ssa", replicates=50, seed=3,
        progress=False,
    )  # fmt: skip
    assert np.all(run.S.values[0] == 1200.0)
    assert np.array_equal(run.S.values, np.round(run.S.values))
    # mean 1200 e^-0.5 of a binomial law; five standard errors: false-alarm rate 5.7e-7
    share = np.exp(-0.5)
    assert abs(run.S.values[-1].mean() - 1200 * share) < 5 * np.sqrt(1200 * share * (1 - share) / 50)
    amounts = bm.simulate(
        model("unit substance = 12 item;", "100"), t_end=0.5, every=0.01, method="ssa", replicates=50, seed=3,
        quantity="amount", progress=False,
    )  # fmt: skip
    assert np.allclose(12.0 * amounts.S.values, run.S.values, rtol=1e-14)


def test_molecules_by_ode():
    run = bm.simulate(
        model("unit substance = 1e-9 mole;"), t_end=1.0, method="ode", quantity="molecules", progress=False
    )
    assert run.S.attrs["units"] == "item"
    assert run.S.values[0, 0] == pytest.approx(3e-9 * AVOGADRO, rel=1e-12)


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("second", "second"),
        ("60 second", "minute"),
        ("3600 second", "hour"),
        ("86400 second", "day"),
        ("7 second", "7 second"),
    ],
)
def test_unit_of_time(unit, name):
    assert bm.load(model(f"unit time_unit = {unit};")).time_unit == name
