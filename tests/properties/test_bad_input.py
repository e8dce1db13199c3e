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
