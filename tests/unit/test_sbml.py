"""What each SBML construct means, on models small enough for a closed form; what is refused, and by which name."""

from __future__ import annotations

import numpy as np
import pytest

import biomulti as bm

MATH = 'xmlns="http://www.w3.org/1998/Math/MathML"'


def sbml(body: str, level: int = 3, version: int = 2, model: str = "", packages: str = "") -> str:
    names = f"http://www.sbml.org/sbml/level{level}/version{version}" + ("/core" if level == 3 else "")
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<sbml xmlns="{names}" level="{level}" version="{version}" '
        f'{packages}>\n<model id="m" {model}>{body}</model></sbml>'
    )


def ode(model, **options: object):
    """The run at t = 1 and, in front of it, at 0."""
    settings = {"t_end": 1.0, "every": 1.0, "method": "ode", "tolerance": 1e-10, "progress": False} | options
    return bm.simulate(model, **settings).isel(replicate=0)


def check(model: str, expected: dict[str, tuple[float, float]], **options: object) -> None:
    run = ode(model, **options)
    for name, values in expected.items():
        assert run[name].values == pytest.approx(values, rel=1e-7, abs=1e-9), name


E1 = float(np.exp(-1.0))
IN_FOUR = "compartment c = 4; species S in c; S = 3; "
# text, options, and values of what is named at t = 0 and t = 1
MEANINGS = {
    # a law is amount per time; a symbol is a concentration: S' (amount) = -c [S] = -amount
    "concentration in a law": (IN_FOUR + "S => ; c*S;", {}, {"S": (12.0, 12.0 * E1)}),
    "concentration as result": (IN_FOUR + "S => ; c*S;", {"quantity": "concentration"}, {"S": (3.0, 3.0 * E1)}),
    "law without the volume": (IN_FOUR + "S => ; S;", {}, {"S": (12.0, 12.0 * np.exp(-0.25))}),
    "only substance": (
        "compartment c = 4; substanceOnly species S in c; S = 12; S => ; S;",
        {},
        {"S": (12.0, 12.0 * E1)},
    ),
    "only substance as concentration": (
        "compartment c = 4; substanceOnly species S in c; S = 12; S => ; S;",
        {"quantity": "concentration"},
        {"S": (3.0, 3.0 * E1)},
    ),
    "between compartments": (
        "compartment a = 1, b = 5; species X in a, Y in b; X = 2; Y = 0; X => Y; a*X;",
        {"quantity": "concentration"},
        {"X": (2.0, 2.0 * E1), "Y": (0.0, 2.0 * (1.0 - E1) / 5.0)},
    ),
    "stoichiometry": ("2 A => 3 B; A; A = 1; B = 0;", {}, {"A": (1.0, E1**2), "B": (0.0, 1.5 * (1.0 - E1**2))}),
    "reactant and product": ("A => 2 A; A; A = 1;", {}, {"A": (1.0, 1.0 / E1)}),
    "reversible": ("A -> B; 2*A - 3*B; A = 1; B = 0;", {}, {"A": (1.0, 0.6 + 0.4 * np.exp(-5.0))}),
    "boundary species": (
        "species S, $B; S = 0; B = 2; B => S; B;",
        {},
        {"B": (2.0, 2.0), "S": (0.0, 2.0)},
    ),
    "constant species": ("species S; const species B; S = 0; B = 2; => S; B;", {}, {"S": (0.0, 2.0)}),
    "boundary species with a rate rule": ("species S, $B; S = 0; B = 1; B' = -B; B => S; B;", {}, {"S": (0.0, 1 - E1)}),
    "function": ("function f(x, y) x*y + 1; end\nmodel m()\n => S; f(2, 3); S = 0;\nend", {}, {"S": (0.0, 7.0)}),
    "function in a function": (
        "function g(x) 2*x; end\nfunction f(x) g(x) + 1; end\nmodel m()\n => S; f(3); S = 0;\nend",
        {},
        {"S": (0.0, 7.0)},
    ),
    "initial assignment": ("=> S; k; k = 2*j; j = 3; S = k;", {}, {"S": (6.0, 12.0)}),
    "initial assignment follows a new value": (
        "=> S; k; k = 2*j; j = 3; S = k;",
        {"parameters": {"j": 5}},
        {"S": (10.0, 20.0)},
    ),
    "assignment rule": ("S => ; k; S = 4; k := 2*S;", {}, {"S": (4.0, 4.0 * E1**2), "k": (8.0, 8.0 * E1**2)}),
    "assignment of a species": (
        "compartment c = 2; species S in c, T in c; S = 3; S => ; c*S; T := 2*S;",
        {},
        {"S": (6.0, 6.0 * E1), "T": (12.0, 12.0 * E1)},
    ),
    "assignment reads a law": ("S => ; S; S = 1; J := 3*_J0;", {}, {"J": (3.0, 3.0 * E1)}),
    "rate rule of a parameter": ("k' = -k; k = 2; => S; k; S = 0;", {}, {"k": (2.0, 2 * E1), "S": (0.0, 2 - 2 * E1)}),
    "rate rule of a concentration": (IN_FOUR + "S' = -S;", {}, {"S": (12.0, 12.0 * E1)}),
    "rate rule of a volume": (
        "compartment c = 4; c' = 1; species S in c; S = 3; S => ; 0*S;",
        {"quantity": "concentration"},
        {"S": (3.0, 2.4), "c": (4.0, 5.0)},
    ),
    "law in a volume that grows": (
        # the amount decays as n' = -[S] = -n/(4 + t), so n = 12 * 4/(4 + t)
        "compartment c = 4; c' = 1; species S in c; S = 3; S => ; S;",
        {},
        {"S": (12.0, 12.0 * 0.8)},
    ),
    "rate rules of concentration and volume": (
        "compartment c = 4; c' = 1; species S in c; S = 3; S' = -S;",
        {"quantity": "concentration"},
        {"S": (3.0, 3.0 * E1)},
    ),
    "assigned volume": (
        "compartment c := 4 + time; species S in c; S = 3; S => ; 0*S;",
        {"quantity": "concentration"},
        {"S": (3.0, 2.4), "c": (4.0, 5.0)},
    ),
    "time": ("=> S; 2*time; S = 0;", {}, {"S": (0.0, 1.0)}),
    "piecewise": ("=> S; piecewise(1, time < 0.25, 3); S = 0;", {}, {"S": (0.0, 2.5)}),
    "logic": ("=> S; piecewise(2, time >= 0.5 && time < 0.75, 0); S = 0;", {}, {"S": (0.0, 0.5)}),
    "new amount": (IN_FOUR + "S => ; c*S;", {"initial": {"S": 8}}, {"S": (8.0, 8.0 * E1)}),
    "new volume keeps a given concentration": (
        IN_FOUR + "S => ; c*S;",
        {"parameters": {"c": 8}},
        {"S": (24.0, 24.0 * E1)},
    ),
}


@pytest.mark.parametrize("case", MEANINGS)
def test_meaning(case):
    text, options, expected = MEANINGS[case]
    check(text, expected, **options)


FUNCTIONS = {
    "sin(x)": np.sin, "cos(x)": np.cos, "tan(x)": np.tan, "exp(x)": np.exp, "ln(x)": np.log, "log10(x)": np.log10,
    "sqrt(x)": np.sqrt, "abs(-x)": np.abs, "floor(3*x)": lambda x: np.floor(3 * x), "arctan(x)": np.arctan,
    "ceil(3*x)": lambda x: np.ceil(3 * x), "sec(x)": lambda x: 1 / np.cos(x), "coth(x)": lambda x: 1 / np.tanh(x),
    "arccsch(x)": lambda x: np.arcsinh(1 / x), "x^-2": lambda x: x**-2.0, "root(3, x)": np.cbrt,
    "log(2, x)": np.log2, "max(x, 0.5, 0.2)": lambda x: max(x, 0.5), "min(x, 0.5)": lambda x: min(x, 0.5),
    "factorial(3)": lambda x: 6.0, "quotient(-7, 2)": lambda x: -3.0, "rem(-7, 2)": lambda x: -1.0,
    "piecewise(1, implies(x < 0, x > 9), 2)": lambda x: 1.0, "pi + 0*x": lambda x: np.pi,
    "exponentiale*x": lambda x: np.e * x, "avogadro/6.02214179e23": lambda x: 1.0, "x^x": lambda x: x**x,
}  # fmt: skip


def test_functions_of_mathml():
    """Each as the law of a reaction of its own, at x = 0.7."""
    lines = "".join(f"=> S{k}; {text}; S{k} = 0;\n" for k, text in enumerate(FUNCTIONS))
    run = ode(f"model m()\nx = 0.7;\n{lines}end\n").isel(time=-1)
    for k, (text, function) in enumerate(FUNCTIONS.items()):
        assert float(run[f"S{k}"]) == pytest.approx(float(function(0.7)), rel=1e-9), text


def test_stoichiometry_of_half_and_level_1():
    half = """<listOfCompartments><compartment name="c" volume="2"/></listOfCompartments>
      <listOfSpecies><specie name="S" compartment="c" initialAmount="4"/></listOfSpecies>
      <listOfReactions><reaction name="r" reversible="false"><listOfReactants>
      <specieReference specie="S" stoichiometry="1" denominator="2"/></listOfReactants>
      <kineticLaw formula="2 * c * S"/></reaction></listOfReactions>"""
    text = sbml(half, 1, 1).replace("/version1", "").replace('id="m"', 'name="m"')
    check(text, {"S": (4.0, 4.0 * E1)})


def test_local_parameter_hides_a_global_one():
    local = '</math><listOfLocalParameters><localParameter id="k" value="3"/></listOfLocalParameters>'
    law = "<apply><times/><ci>k</ci><ci>S</ci></apply>"
    check(sbml(body(law=law)), {"S": (2.0, 2.0 * E1)})
    check(sbml(body(law=law).replace("</math>", local)), {"S": (2.0, 2.0 * E1**3)})


def test_a_size_nobody_reads_may_be_missing():
    """A compartment without dimensions has no size; its species are amounts."""
    body = f"""<listOfCompartments><compartment id="c" spatialDimensions="0" constant="true"/></listOfCompartments>
      <listOfSpecies><species id="S" compartment="c" initialAmount="2" hasOnlySubstanceUnits="false"
      boundaryCondition="false" constant="false"/></listOfSpecies><listOfReactions><reaction id="r" reversible="false">
      <listOfReactants><speciesReference species="S" stoichiometry="1" constant="true"/></listOfReactants>
      <kineticLaw><math {MATH}><ci>S</ci></math></kineticLaw></reaction></listOfReactions>"""
    check(sbml(body), {"S": (2.0, 2.0 * E1)})


COMPARTMENT = '<listOfCompartments><compartment id="c" size="1" constant="true"/></listOfCompartments>'
SPECIES = (
    '<listOfSpecies><species id="S" compartment="c" initialAmount="2" hasOnlySubstanceUnits="true" '
    'boundaryCondition="false" constant="false" {more}/></listOfSpecies>'
)
PARAMETER = '<listOfParameters><parameter id="k" value="1" constant="false"/></listOfParameters>'


def reaction(law: str = "<ci>S</ci>", reactant: str = "", more: str = "") -> str:
    return (
        f'<listOfReactions><reaction id="r" reversible="false" {more}><listOfReactants>'
        f'<speciesReference species="S" {reactant or "stoichiometry=@1@ constant=@true@/>".replace("@", chr(34))}'
        f"</listOfReactants><kineticLaw><math {MATH}>{law}</math></kineticLaw></reaction></listOfReactions>"
    )


def body(*, species: str = "", parts: str = "", **options: str) -> str:
    return COMPARTMENT + SPECIES.format(more=species) + PARAMETER + parts + reaction(**options)


# a valid model, and the name by which it is refused
FBC = 'xmlns:fbc="http://www.sbml.org/sbml/level3/version1/fbc/version2" fbc:required="false"'
LAW = reaction()[reaction().index("<kineticLaw>") : reaction().index("</reaction>")]
QUAL = 'xmlns:qual="http://www.sbml.org/sbml/level3/version1/qual/version1" qual:required="true"'
REFUSED = {
    "flux balance": (
        sbml(body(more='fast="false"'), version=1, packages=FBC, model='fbc:strict="false"').replace(LAW, ""),
        "flux balance is not simulation",
    ),
    "qual": (sbml(body(more='fast="false"'), version=1, packages=QUAL), "the SBML package 'qual'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_name(case):
    text, name = REFUSED[case]
    with pytest.raises(bm.UnsupportedError, match=name):
        bm.load(text)


def test_flux_bounds_beside_rates_are_no_reason_to_refuse():
    assert bm.load(REFUSED["flux balance"][0].replace("</reaction>", f"{LAW}</reaction>")).reactions[0].id == "r"


def test_the_refused_models_differ_from_one_that_loads():
    assert bm.load(sbml(body())).reactions[0].id == "r"


def test_a_reaction_without_a_law_never_happens():
    result = bm.simulate(sbml(body().replace(LAW, "")), t_end=1.0, method="ode", progress=False)
    assert np.ptp(result["S"].values) == 0.0


def test_layout_is_no_reason_to_refuse():
    package = 'xmlns:layout="http://www.sbml.org/sbml/level3/version1/layout/version1" layout:required="false"'
    assert bm.load(sbml(body(more='fast="false"'), version=1, packages=package)).id == "m"


# a model, the call that needs what is wrong, and what the error must say
INVALID = {
    "undefined symbol": (sbml(body(law="<ci>foo</ci>")), "line .*'?foo'?"),
    "no stoichiometry": (sbml(body(reactant='constant="true"/>')), "species 'S' has no stoichiometry; give it one"),
    "no model": (sbml("").split("<model")[0] + "</sbml>", "without a model"),
}  # fmt: skip


@pytest.mark.parametrize("case", INVALID)
def test_invalid_models(case):
    text, message = INVALID[case]
    with pytest.raises(bm.ModelError, match=message):
        bm.load(text)


def test_circle_of_assignments():
    circle = (
        f'<listOfInitialAssignments><initialAssignment symbol="k"><math {MATH}><ci>j</ci></math></initialAssignment>'
        f'<initialAssignment symbol="j"><math {MATH}><ci>k</ci></math></initialAssignment></listOfInitialAssignments>'
    )
    two = PARAMETER.replace("</listOf", '<parameter id="j" value="1" constant="false"/></listOf')
    with pytest.raises(bm.ModelError, match=r"(?i)circular|cycle|need one another"):
        ode(sbml(body(parts=circle).replace(PARAMETER, two)))


def test_species_without_an_initial_amount():
    text = sbml(body().replace('initialAmount="2"', ""))
    with pytest.raises(bm.ModelError, match=r"species 'S' has no initial amount; .*initial=\{'S': \.\.\.\}"):
        ode(text)
    check(text, {"S": (5.0, 5.0 * E1)}, initial={"S": 5.0})


def test_parameter_without_a_value():
    with pytest.raises(bm.ModelError, match=r"'k' has no value; .*parameters=\{'k': \.\.\.\}"):
        ode("S => ; k*S; S = 1;")
    check("S => ; k*S; S = 1;", {"S": (1.0, E1)}, parameters={"k": 1.0})


def test_species_moved_by_a_rule_and_by_reactions():
    rule = f'<listOfRules><rateRule variable="S"><math {MATH}><cn>1</cn></math></rateRule></listOfRules>'
    with pytest.raises(bm.ModelError, match=r"(?i)species"):
        ode(sbml(body(parts=rule)))
