"""Scripts of `examples/` as modules: a name that is none, and one that fails, leave nothing behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from biomulti.demos import scripts


def test_a_wrong_name_is_named() -> None:
    with pytest.raises(ImportError, match=r"no example 'furrow' in .*there are .*ventral_furrow"):
        scripts.example("furrow")
    assert "example_furrow" not in sys.modules


def test_a_script_that_fails_is_no_module(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "_examples").mkdir()
    (tmp_path / "_examples" / "failing.py").write_text("raise KeyError('failing')")
    monkeypatch.setattr(scripts, "__file__", str(tmp_path / "demos" / "scripts.py"))
    with pytest.raises(KeyError):
        scripts.example("failing")
    assert "example_failing" not in sys.modules


def test_measurements_are_found_given_or_absent(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("BIOMULTI_SHARED", str(tmp_path))
    assert scripts.measurements("flow", "paths.csv") is None
    with pytest.raises(FileNotFoundError, match=r"holds no paths\.csv: give the folder with the tables of flow"):
        scripts.measurements("flow", "paths.csv", str(tmp_path))
    folder = tmp_path / "data" / "flow"
    folder.mkdir(parents=True)
    (folder / "paths.csv").touch()
    assert scripts.measurements("flow", "paths.csv") == folder
    assert scripts.measurements("flow", "paths.csv", str(folder)) == folder
