"""Bad input: whatever is given, a network or an error of ours that says where; soon, and with the interpreter alive.

Texts are loaded in another process, so that one that kills or holds it up is a failed test and no more. A longer run
over more models: `make fuzz`.
"""

from __future__ import annotations

import gzip
import re
import sys
import zipfile
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import biomulti as bm

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fuzz.cases import LOADED, REFUSED
from fuzz.check import of_loading, of_running, prepare
from fuzz.child import Child
from fuzz.mutate import broken

SETTINGS = settings(max_examples=200, deadline=None, derandomize=True, database=None)
MODELS = Path(__file__).resolve().parents[2] / "sbml_models"
SEEDS = [path.read_text() for path in sorted(MODELS.glob("*.*")) if path.suffix in (".xml", ".ant")]
LOAD, RUN, COMPILE = 20.0, 60.0, 900.0  # seconds to wait for an answer
LOADS, RUNS, ROUND = 1_200, 12, 100


@pytest.fixture(scope="module")
def child():
    other = Child()
    yield other
    other.close()


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_hand(child, case):
    text, message = REFUSED[case]
    verdict = child.ask(of_loading, text, seconds=LOAD)
    assert not verdict.complaint
    assert verdict.refused.startswith(("ModelError: the model text", "UnsupportedError: the model text"))
    assert re.search(message, verdict.refused), verdict.refused


@pytest.mark.parametrize("case", LOADED)
def test_strange_and_good(child, case):
    text, species = LOADED[case]
    assert not child.ask(of_loading, text, seconds=LOAD).complaint
    run = bm.simulate(text, t_end=1.0, method="ode", progress=False)
    assert np.all(np.diff(run[species].to_numpy()[:, 0]) < 0.0)


@pytest.mark.parametrize("begin", range(0, LOADS, ROUND))
def test_models_broken_by_chance(child, begin):
    refused = 0
    for seed in range(begin, begin + ROUND):
        random = Random(seed)
        verdict = child.ask(of_loading, broken(random.choice(SEEDS), random), seconds=LOAD)
        assert not verdict.complaint, f"seed {seed}: {verdict.complaint}"
        refused += bool(verdict.refused)
    # changes that break nothing would test nothing
    assert refused > ROUND // 2


def test_broken_models_that_run(child):
    """What still loads after a change runs by every method, or says why not; no amount is lost without a word."""
    assert not child.ask(prepare, seconds=COMPILE).complaint
    for seed in range(RUNS):
        random = Random(10_000 + seed)
        text = next(t for t in iter(lambda r=random: broken(r.choice(SEEDS), r, 1), None) if loads(child, t))
        verdict = child.ask(of_running, text, seconds=RUN)
        assert not verdict.complaint, f"seed {seed}: {verdict.complaint}"


def loads(child: Child, text: str) -> bool:
    return not child.ask(of_loading, text, seconds=LOAD).refused


WORDS = """A B k -> => = := ' ; ( ) + * ^ -1 1e9 at model end m function species in is unit item delete piecewise sin
time : , $ ! {"""
words = st.sampled_from([*WORDS.split(), "\n"])


@SETTINGS
@given(text=st.lists(words, max_size=25).map(" ".join))
def test_any_words_of_antimony(child, text):
    verdict = child.ask(of_loading, f"{text}\n", seconds=LOAD)
    assert not verdict.complaint, verdict.complaint


marks = st.sampled_from(['"', "```", "/*", "*/", "//", "#", "\\", "\n", "\r", " ", "A is ", ";", "x", 'import "{}"'])


@SETTINGS
@given(parts=st.lists(marks, max_size=12))
def test_no_text_or_comment_hides_an_import(child, tmp_path_factory, parts):
    """The file that is imported is no Antimony, and Antimony's message would name it."""
    path = tmp_path_factory.getbasetemp() / "imported.ant"
    path.write_text("A -> -> B")
    verdict = child.ask(of_loading, "A -> ; A\n" + "".join(parts).replace("{}", str(path)), seconds=LOAD)
    assert not verdict.complaint, verdict.complaint
    assert "imported.ant', line" not in verdict.refused


@SETTINGS
@given(text=st.text(max_size=200))
def test_any_text(child, text):
    for begun in (text, f"{text}\n", f"<{text}", f"<sbml {text}"):
        verdict = child.ask(of_loading, begun, seconds=LOAD)
        assert not verdict.complaint, verdict.complaint


@SETTINGS
@given(data=st.binary(max_size=200), head=st.sampled_from([b"", b"\xff\xfe", b"\xef\xbb\xbf", b"<sbml", b"PK\x03\x04"]))
def test_any_bytes(child, tmp_path_factory, data, head):
    path = tmp_path_factory.getbasetemp() / "any.xml"
    path.write_bytes(head + data)
    verdict = child.ask(of_loading, path, seconds=LOAD)
    assert not verdict.complaint, verdict.complaint


def test_files_of_other_kinds(tmp_path):
    text = bm.load("telegraph").sbml.encode()
    packed = tmp_path / "model.xml.gz"
    packed.write_bytes(gzip.compress(text))
    archive = tmp_path / "model.omex"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("model.xml", text)
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    for path, message in (
        (packed, "gzip; unpack it"),
        (archive, "ZIP archive.*unpack it"),
        (picture, "not a text file"),
    ):
        with pytest.raises(bm.ModelError, match=message) as caught:
            bm.load(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1", "cp1252", "shift_jis"])
def test_encodings(tmp_path, encoding):
    declared = "UTF-8" if encoding.startswith("utf-8") else encoding
    path = tmp_path / "model.xml"
    path.write_bytes(bm.load("telegraph").sbml.replace('"UTF-8"', f'"{declared}"').encode(encoding))
    assert bm.load(path).hash == bm.load("telegraph").hash


@pytest.mark.parametrize("encoding", ["idna", "punycode", "zip", "hex", "no-such", "undefined", "utf-7", "utf-16"])
def test_encodings_that_are_not_so(tmp_path, encoding):
    path = tmp_path / "model.xml"
    path.write_bytes(bm.load("telegraph").sbml.replace('"UTF-8"', f'"{encoding}"').replace("Telegraph", "é").encode())
    with pytest.raises(bm.ModelError, match=r"model\.xml"):
        bm.load(path)


HEAD = "unit substance = item; "
NO_NUMBER = "event 'E' sets what is no|the rate of '_J0' is not a finite number"
# a model, and what its run must say
FAILING = {
    "an event sets NaN": ("k = 1; E: at (time > 0.1): k = nan; S -> ; S; S = 5", NO_NUMBER),
    "an event sets infinity": ("E: at (time > 0.1): S = inf; S -> ; S; S = 5", NO_NUMBER),
    "an event at the start": ("E: at (S > 1), t0 = false: S = inf; S -> ; S; S = 5", NO_NUMBER),
    "an event in the past": (
        "E: at -1 after (time > 0.1): k = 1; k = 0; S -> ; S; S = 5",
        "delay of event 'E' is negative",
    ),
    "events without end": (
        "k = 0; E: at (k < 1), t0 = false: k = 1; F: at (k >= 1), t0 = false: k = 0; S -> ; S; S = 5",
        "without end",
    ),
    "no otherwise": ("S -> ; piecewise(1, S > 9); S = 5", "is not a finite number"),
    "no solution": ("0 = k^2 + 1; var k = 1; S -> ; S; S = 5", "has no solution"),
}


@pytest.mark.parametrize("method", ["ssa", "hybrid", "ode"])
@pytest.mark.parametrize("case", FAILING)
def test_runs_that_fail_say_so(case, method):
    text, message = FAILING[case]
    with pytest.raises(bm.SimulationError, match=message) as caught:
        bm.simulate(HEAD + text, t_end=0.5, every=0.25, method=method, replicates=2, seed=1, progress=False)
    assert caught.value.partial.sizes["time"] == 3


def test_an_equilibrium_that_cannot_be_reached_says_so():
    text = bm.load(f"{HEAD} r: S -> ; 1/(S - S); S = 5").sbml
    fast = re.sub(r'(<reaction id="r"[^>]*)>', r'\1 fast="true">', text).replace("level3/version2", "level3/version1")
    with pytest.raises(bm.SimulationError, match="'r' is not a finite number") as caught:
        bm.simulate(fast.replace('version="2"', 'version="1"'), t_end=0.5, every=0.25, method="ode", progress=False)
    assert caught.value.partial.sizes["time"] == 3


@pytest.mark.parametrize("size", ["", 'size="0"', 'size="0.7"'])
def test_an_amount_needs_no_volume(size):
    text = bm.load(f"{HEAD} compartment c = 1; species S in c; S = 1; k = 3; => S; k").sbml
    text = re.sub(r'(<compartment id="c"[^>]*) size="1"', rf"\1 {size}", text)
    text = text.replace('initialConcentration="1"', 'initialAmount="3"')
    run = bm.simulate(text, t_end=1.0, every=1.0, method="ode", progress=False)
    assert run["S"].to_numpy()[:, 0] == pytest.approx([3.0, 6.0], rel=1e-12)
