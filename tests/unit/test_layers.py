"""Imports run one way: `tissue` never reaches into `biomulti`, and no package imports in a circle."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("tissue", "biomulti")


def modules(package: str) -> dict[str, Path]:
    """Dotted names of a package's modules; the package itself for its __init__."""
    found = {}
    for path in (ROOT / package).rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path) -> set[str]:
    """Every dotted name that a module imports, wherever in the file, relative ones aside (there are none)."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import by the full name"
            names |= {node.module or "", *(f"{node.module}.{a.name}" for a in node.names)}
    return names


def test_tissue_knows_nothing_of_genes():
    for name, path in modules("tissue").items():
        assert not [i for i in imports(path) if i.split(".")[0] == "biomulti"], name


@pytest.mark.parametrize("package", PACKAGES)
def test_no_circles(package):
    known = modules(package)
    inner = {name: {i for i in imports(path) if i in known and i != package} for name, path in known.items()}
    # raises CycleError, which names the modules
    assert len(list(TopologicalSorter(inner).static_order())) == len(known)


def test_only_readers_and_writers_know_sbml():
    expected = {f"biomulti.{name}" for name in ("sbml", "mathml", "units", "dimensions", "write_sbml", "write_mathml")}
    users = {name for name, path in modules("biomulti").items() if "libsbml" in imports(path)}
    assert users == expected


@pytest.mark.parametrize(
    "heavy", ["tellurium", "roadrunner", "pyvista", "matplotlib", "dask", "distributed", "antimony"]
)
def test_heavy_packages_are_imported_where_they_are_used(heavy):
    for package in PACKAGES:
        for name, path in modules(package).items():
            top = ast.parse(path.read_text(encoding="utf-8")).body
            found = [a.name for n in top if isinstance(n, ast.Import) for a in n.names]
            found += [n.module or "" for n in top if isinstance(n, ast.ImportFrom)]
            assert not [i for i in found if i.split(".")[0] == heavy], f"{name} imports {heavy} at the top"
