"""What `load` takes, what it makes of it, and what it answers to what it cannot take."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import biomulti as bm

ROOT = Path(__file__).resolve().parents[2]
ANTIMONY = "model decay()\n  S => ; k*S;  S = 10; k = 0.5;\nend\n"


def test_the_same_model_however_it_comes(tmp_path):
    from_text = bm.load(ANTIMONY)
    (tmp_path / "decay.ant").write_text(ANTIMONY)
    (tmp_path / "decay.xml").write_text(from_text.sbml)
    (tmp_path / "bom.xml").write_text("\ufeff" + from_text.sbml)
    import roadrunner

    others = [
        bm.load(tmp_path / "decay.ant"),
        bm.load(str(tmp_path / "decay.xml")),
        bm.load(tmp_path / "bom.xml"),
        bm.load(from_text.sbml),
        bm.load(roadrunner.RoadRunner(from_text.sbml)),
        bm.load(from_text),
    ]
    assert {n.hash for n in others} == {from_text.hash}
    assert str(tmp_path / "decay.xml") == others[1].source


def test_shipped_models_by_name():
    assert {"telegraph", "toggle_switch", "repressilator", "vilar_oscillator"} <= set(bm.shipped())
    for name in bm.shipped():
        network = bm.load(name)
        assert network.id == name
        assert network.source == name
        assert network.reactions
        # counts, so that any method runs without an assumption
        assert network.substance.molecules == 1.0


def test_the_shipped_sbml_is_made_from_its_antimony():
    for name in bm.shipped():
        assert bm.load((ROOT / "sbml_models" / f"{name}.ant").read_text()).hash == bm.load(name).hash


def test_gastrula_pulses_as_rho_myosin_does():
    part, whole = bm.load("rho_myosin"), bm.load("gastrula")
    assert all(r in whole.reactions for r in part.reactions)
    values = {p.id: p.value for p in whole.parameters}
    assert all(values[p.id] == p.value for p in part.parameters)
    assert all(whole.assignment_rules[name] == rule for name, rule in part.assignment_rules.items())
    assert all(whole.species_by_id[s.id] == s for s in part.species)


def test_hash_is_of_the_meaning():
    one = bm.load(ANTIMONY)
    assert bm.load(ANTIMONY.replace("  ", "\n\n   ")).hash == one.hash
    assert bm.load(ANTIMONY.replace("0.5", "0.6")).hash != one.hash
    assert bm.load(ANTIMONY.replace("k*S", "k*S^2")).hash != one.hash
    assert bm.load(ANTIMONY, substance="item").hash != one.hash


def test_repr_shows_reactions_rules_and_units():
    text = repr(bm.load("repressilator"))
    assert "Network repressilator (Repressilator): 6 species, 12 reactions" in text
    assert "amounts in item (declared by the model), time in minute" in text
    assert "decay_m_CI" in text
    assert "m_CI -> ∅" in text
    assert "d_mRNA = " in text
    html = bm.load("repressilator")._repr_html_()
    assert html.startswith("<table>")
    assert html.count("<tr>") == 1 + 12 + 3
    assert "&lt;" not in text


def test_repr_is_cut_short_and_escaped():
    lines = "".join(f"R{k}: => S; {k};\n" for k in range(60))
    network = bm.load(f"model many()\nS = 0; a = 1; b := piecewise(1, a < 2, 3);\n{lines}end\n")
    assert "... and 20 more reactions" in repr(network)
    assert "a &lt; 2" in network._repr_html_()


# what is given, the kind of error, and what its text must say
BAD = {
    "missing file": ("no_such_model.xml", bm.ModelError, r"no file 'no_such_model.xml'.*Shipped models: .*telegraph"),
    "missing path": (Path("nowhere") / "x.ant", bm.ModelError, "there is no file"),
    "nothing": ("", bm.ModelError, "empty text; it takes a path"),
    "blanks": ("  \n ", bm.ModelError, "empty"),
    "a number": (42, bm.OptionError, r"takes a path, a text, a shipped model's name or a roadrunner model"),
    "bytes": (b"S -> ; 1", bm.OptionError, "takes a path"),
    "no text of anything": ("Dear reader,\nthis is not a model.", bm.ModelError, "neither SBML .* nor valid Antimony"),
    "far too long": ("x" * 5000, bm.ModelError, "there is no file"),
    "no XML": ("<sbml", bm.ModelError, "not valid SBML"),
    "other XML": ("<html><body/></html>", bm.ModelError, r"line \d+: not valid SBML"),
    "imports": (
        'import "other.ant"\nS => ; 1',
        bm.ModelError,
        "imports another file; put the whole model into one text",
    ),
    "Antimony's error": ("S => ; k*(S;", bm.ModelError, "line 1: syntax error"),
    "circle": ("a := b; b := a; S => ; a*S; S = 1", bm.ModelError, "Loop detected"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    given, kind, text = BAD[case]
    with pytest.raises(kind, match=text):
        bm.load(given)


FILES = {
    "binary.xml": (bytes(range(256)), "is not a text file; SBML and Antimony are UTF-8 text"),
    "utf16.xml": ("<sbml/>".encode("utf-16"), "must declare the XML Namespace"),
    "empty.xml": (b"", "is empty; it should hold SBML or Antimony"),
    "table.csv": (b"a,b\n1,2\n", "is neither SBML .* nor valid Antimony"),
    "cut.xml": (b"<?xml version='1.0'?>\n<sbml xmlns='http://www.sbml.org/sbml/level3/version2/core'>\n<model", "line"),
}


@pytest.mark.parametrize("name", FILES)
def test_bad_files(name, tmp_path):
    content, text = FILES[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(bm.ModelError, match=text) as caught:
        bm.load(path)
    assert str(path) in str(caught.value)


def test_a_folder(tmp_path):
    with pytest.raises(bm.ModelError, match="is a folder; give the SBML or Antimony file in it"):
        bm.load(tmp_path)


def test_a_file_wins_over_a_shipped_name(tmp_path, monkeypatch):
    (tmp_path / "telegraph").write_text(ANTIMONY)
    monkeypatch.chdir(tmp_path)
    assert bm.load("telegraph").id == "decay"
    os.remove("telegraph")
    assert bm.load("telegraph").id == "telegraph"


def test_loading_after_an_error_is_not_disturbed():
    with pytest.raises(bm.ModelError):
        bm.load("S => ; k*(S;")
    assert bm.load(ANTIMONY).id == "decay"
