"""The user's word whether a reaction fires or flows, in the model's text: where it may stand, and what it does."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import biomulti as bm
import tissue
from biomulti.counts import AssumptionWarning

PAGE = Path(__file__).resolve().parents[2] / "docs" / "networks.md"
NAMESPACE = "urn:biomulti:physical-scale"
HEAD = "unit substance = item; unit extent = item; unit time_unit = second;\n"
# make and lose would fire: there are about 20 S; bind would flow
FEW = f"""model few()
  {HEAD}
  compartment c = 1; substanceOnly species S in c, P in c, Q in c;
  make: => S; 20  // biomulti: flow
  lose: S => ; S; # biomulti: flow
  bind: P => Q; P  // biomulti: fire
  back: Q => P; Q
  S = 20; P = 50000; Q = 50000;
end
"""


def words(model: object) -> dict[str, str]:
    return {r.id: r.physical_scale for r in bm.load(model).reactions}


LAW = "A + B => C; k*A*B"
REST = "\nA = 1; B = 1; C = 0; k = 1;"
# an Antimony text, and the words of its reactions
ANTIMONY = {
    "at the end of the line": (f"b: {LAW}  // biomulti: flow", {"b": "flow"}),
    "after other statements": (f"x = 2; b: {LAW}; y = 3  # biomulti: fire", {"b": "fire"}),
    "in a comment that ends": (f"b: {LAW} /* biomulti: flow */;", {"b": "flow"}),
    "written another way": (f"b: {LAW};//BioMulti:flow  \r", {"b": "flow"}),
    "in a compartment": (f"compartment c; b in c: {LAW} // biomulti: flow", {"b": "flow"}),
    "beside an annotation": (f'b: {LAW} // biomulti: flow\nb identity "http://identifiers.org/go/GO:1"', {"b": "flow"}),
    "of one of several": (f"b: {LAW} // biomulti: flow\nd: C => ; C // slow", {"b": "flow", "d": ""}),
    "in other comments": (f"b: {LAW} // by biomulti: flow\n// e: {LAW} // biomulti: flow\n// biomulti", {"b": ""}),
    "in a text": (f'b: {LAW}; A is "// biomulti: walk"', {"b": ""}),
    "of a part": (
        f"model part()\n b: {LAW} // biomulti: flow{REST}\nend\nmodel m()\n x: part(); y: part(); z: part()\n"
        " x.b is q; delete y.b\nend",
        {"q": "flow", "z_b": "flow"},
    ),
    "about a part": (f"model part()\n b: {LAW}{REST}\nend\nmodel m()\n x: part(); y: part()\n x.b: => {LAW[9:]} // "
                     "biomulti: flow\n k = 1; A = 1; B = 1\nend", {"x_b": "flow", "y_b": ""}),
}  # fmt: skip


@pytest.mark.parametrize("case", ANTIMONY)
def test_in_antimony(case):
    text, expected = ANTIMONY[case]
    assert words(text if "model" in text else text + REST) == expected


# a comment that is not understood, and what the message says
MISUNDERSTOOD = {
    "another word": (
        f"{REST}\nb: {LAW} // biomulti: walk",
        "line 3: the comment '// biomulti: walk' is none that is un",
    ),
    "more than a word": (
        f"b: {LAW} // biomulti: flow, as ever",
        "line 1: .* they are '// biomulti: fire' and '// biom",
    ),
    "no word": (f"b: {LAW} // biomulti:", "is none that is understood"),
    "no label": (f"{LAW} // biomulti: flow", "needs a label of the reaction, .*Antimony gives names of its own"),
    "no reaction": (f"b: {LAW}\n// biomulti: flow", "line 2: .* end of the line of one reaction, and there is none in"),
    "two reactions": (f"b: {LAW}; c: C => ; C // biomulti: flow", "and there are several in this line"),
    "two words": (f"b: {LAW} /* biomulti: flow */ // biomulti: flow", "is the second one of reaction 'b'; leave one"),
}


@pytest.mark.parametrize("case", MISUNDERSTOOD)
def test_comments_that_are_not_understood(case):
    text, message = MISUNDERSTOOD[case]
    with pytest.raises(bm.ModelError, match=message):
        bm.load(text + REST)


def annotated(annotation: str, level: int = 3, version: int = 2, more: str = "") -> str:
    """S decays, and its reaction, in line 5 and after, is annotated."""
    text = bm.load("r: S => ; S; S = 1").sbml
    import libsbml

    document = libsbml.readSBMLFromString(text)
    assert document.setLevelAndVersion(level, version, False)
    text = libsbml.writeSBMLToString(document)
    start = text.index(">", text.index("<reaction ")) + 1
    text = text[:start] + f"<annotation>\n\n{annotation}</annotation>" + text[start:]
    return text.replace("<sbml ", f"<sbml {more} ", 1)


def word(text: str, namespace: str = NAMESPACE) -> str:
    return f'<physicalScale xmlns="{namespace}">{text}</physicalScale>'


@pytest.mark.parametrize(("level", "version"), [(1, 2), (2, 1), (2, 4), (3, 1), (3, 2)])
def test_in_sbml_of_any_level(level, version):
    assert words(annotated(word("\n flow "), level, version)) == {"r": "flow"}
    with pytest.raises(bm.ModelError, match=r"line \d+: reaction 'r': .*<physicalScale> 'walk' of namespace 'urn:bio"):
        bm.load(annotated(word("walk"), level, version))


OURS = f'xmlns:b="{NAMESPACE}"'


def test_annotations_of_others_are_none_of_ours():
    assert words(annotated(word("walk", "urn:of:others") + "<b:physicalScale>fire</b:physicalScale>", more=OURS)) == {
        "r": "fire"
    }
    many = "".join(f'<x xmlns="urn:{k}"><physicalScale>{k}</physicalScale></x>' for k in range(1000))
    assert words(annotated(many)) == {"r": ""}


@pytest.mark.parametrize(
    "annotation", ["<b:scale>flow</b:scale>", "<b:physicalScale/>", "<b:physicalScale><b:flow/></b:physicalScale>"]
)
def test_our_namespace_holds_nothing_else(annotation):
    text = annotated(annotation, more=OURS)
    line = text[: text.index(annotation)].count("\n") + 1
    with pytest.raises(
        bm.ModelError, match=f"line {line}: reaction 'r': its annotation holds .*; write <physicalScale"
    ):
        bm.load(text)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_two_words(level):
    with pytest.raises(bm.ModelError, match=r"reaction.* 'r'"):
        bm.load(annotated(word("flow") + word("fire"), level, 2))


def test_in_a_model_of_models():
    """The word of a part's reaction is that of every copy."""
    part = annotated(word("flow"), 3, 1)
    comp = "http://www.sbml.org/sbml/level3/version1/comp/version1"
    start, end = part.index("<model "), part.index("</sbml>")
    copies = "".join(f'<comp:submodel comp:id="{k}" comp:modelRef="part"/>' for k in ("one", "two"))
    inner = part[start:end].replace("<model ", "<comp:modelDefinition ").replace("</model>", "</comp:modelDefinition>")
    whole = (
        part[:start].replace("<sbml ", f'<sbml xmlns:comp="{comp}" comp:required="true" ')
        + f'<model id="whole"><comp:listOfSubmodels>{copies}</comp:listOfSubmodels></model>'
        + f"<comp:listOfModelDefinitions>{inner.replace('__main', 'part')}</comp:listOfModelDefinitions></sbml>"
    )
    assert words(whole) == {"one__r": "flow", "two__r": "flow"}
    line = whole[: whole.index("<physicalScale")].count("\n") + 1
    with pytest.raises(bm.ModelError, match=f"line {line}: reaction 'one__r': .*'walk'"):
        bm.load(whole.replace(">flow<", ">walk<"))


def test_what_roadrunner_hands_on():
    import roadrunner

    assert words(roadrunner.RoadRunner(bm.load(FEW).sbml)) == words(FEW)


def test_a_word_is_part_of_the_model():
    network = bm.load(FEW)
    assert words(network) == {"make": "flow", "lose": "flow", "bind": "fire", "back": ""}
    silent = replace(network, reactions=tuple(replace(r, physical_scale="") for r in network.reactions))
    assert network != silent
    assert network.hash != silent.hash
    assert silent == bm.load(FEW.replace("biomulti", ""))
    assert repr(network).count("(to flow)") == network._repr_html_().count("(to flow)") == 2
    for write in (bm.to_sbml, bm.to_antimony):
        assert words(write(network)) == words(network)


def test_it_decides():
    split = bm.partition(FEW, t_end=5.0)
    does = {d.reaction: (d.does, d.adaptive, d.reason) for d in split.decisions}
    assert does["make"] == does["lose"] == ("flows", False, "as the model asks")
    assert does["bind"] == ("fires", False, "as the model asks")
    assert "as the model asks" not in does["back"][2]
    silent = bm.partition(FEW.replace("biomulti", ""), t_end=5.0)
    assert [d.flows for d in silent.decisions[:2]] == [False, False]


def test_what_is_asked_for_stands_above_it():
    split = bm.partition(FEW, t_end=5.0, physical_scale={"lose": "fire", "back": "fire"})
    does = {d.reaction: (d.does, d.reason) for d in split.decisions}
    assert does["lose"] == does["back"] == ("fires", "as asked for")
    assert does["make"] == ("flows", "as the model asks")


def test_it_runs_as_if_asked_for():
    """Bit for bit; the exact method lets everything fire all the same."""
    common = {"t_end": 1.0, "every": 0.5, "replicates": 5, "seed": 4, "progress": False}
    silent = FEW.replace("biomulti", "")
    asked = {name: said for name, said in words(FEW).items() if said}
    stated, told = bm.simulate(FEW, **common), bm.simulate(silent, physical_scale=asked, **common)
    assert all(np.array_equal(stated[k].values, told[k].values) for k in "SPQ")
    assert stated.attrs["partition"].count("as the model asks") == told.attrs["partition"].count("as asked for") == 3
    exact, plain = (bm.simulate(text, **common | {"t_end": 0.1, "every": 0.1}, method="ssa") for text in (FEW, silent))
    assert np.array_equal(exact.S.values, plain.S.values)


def test_what_cannot_fire():
    half = f"{HEAD} half: 0.5 S => ; S // biomulti: fire\nS = 3"
    with pytest.raises(bm.UnsupportedError, match=r"fraction of a molecule.*physical_scale=\{'half': 'flow'\}"):
        bm.simulate(half, t_end=1.0, progress=False)
    with pytest.warns(AssumptionWarning, match="Nothing fires"):
        run = bm.simulate(half, t_end=1.0, physical_scale={"half": "flow"}, progress=False)
    assert run.S.values[-1, 0] == pytest.approx(3.0 * np.exp(-0.5), rel=1e-3)
    hybrid = bm.report(half).methods[1]
    assert (hybrid.method, hybrid.possible) == ("hybrid", False)
    assert "the model asks these to fire, which they cannot: half" in hybrid.why


def test_fast_reactions_cannot_fire():
    text = annotated(word("fire"), 3, 1).replace('fast="false"', 'fast="true"')
    with pytest.raises(bm.UnsupportedError, match="reaction 'r' is marked fast"):
        bm.simulate(bm.load(text, substance="item"), t_end=1.0, progress=False)


def test_the_report_lists_words():
    why = bm.report(FEW).methods[1].why
    assert "as the model asks, these fire: bind; as the model asks, these flow: make, lose" in why


def test_a_word_of_a_network_made_by_hand():
    network = bm.load(FEW)
    wrong = replace(network, reactions=tuple(replace(r, physical_scale="walk") for r in network.reactions))
    with pytest.raises(bm.ModelError, match="the physical_scale of reaction 'make' is 'fire' or 'flow', not 'walk'"):
        bm.partition(wrong)
    for write in (bm.to_sbml, bm.to_antimony):
        with pytest.raises(bm.UnsupportedError, match="cannot be written as"):
            write(wrong)


def test_cells_of_a_tissue_follow_it():
    grid = tissue.Grid(shape=(16, 16), size=(40.0, 40.0))
    options = {"cells": 4, "grid": grid, "friction": 0.01, "bulk_viscosity": 1.0, "seed": 3}
    for scale, reason in ((None, "as the model asks"), ({"make": "fire"}, "as asked for")):
        split = bm.Tissue(FEW, physical_scale=scale, **options).partition
        assert (split.decisions[0].does, split.decisions[0].reason) == ("flows" if scale is None else "fires", reason)


def test_the_example_of_the_page_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(next(b for b in blocks if "// biomulti:" in b), names)
    assert words(names["network"]) == {"binding": "flow", "leaving": "fire"}
    said = capsys.readouterr().out
    assert (said.count("as the model asks"), said.count("as asked for")) == (3, 1)
