"""The documentation leads somewhere: relative links resolve, and names of the library that it uses exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import biomulti as bm
import tissue

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_resolve(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert link.startswith("http") or (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_code_uses_what_there_is(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in ("bm", "tissue")
            ):
                assert hasattr({"bm": bm, "tissue": tissue}[node.value.id], node.attr), node.attr


def test_every_shipped_network_has_a_section() -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## .*\(`(\w+)`", page, flags=re.MULTILINE)
    assert sorted(sections) == sorted(bm.shipped())
    assert sorted(sections) == sorted(path.stem for path in (ROOT / "sbml_models").glob("*.ant"))


def test_the_fluid_of_the_tissue_page_flows() -> None:
    page = (ROOT / "docs" / "tissue.md").read_text(encoding="utf-8")
    block = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)[0]
    names: dict[str, object] = {}
    exec(block, names)
    assert 0.0 < names["flow"].residual < 1e-8  # type: ignore[attr-defined]
