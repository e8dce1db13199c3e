"""Cases of the SBML Test Suite, read from its folders.

Source: SBML Test Suite 3.3.0, cases/semantic/README.md and cases/stochastic/README.md; the stochastic cases 1 to 39
are those of Evans, Gillespie and Wilkinson, Bioinformatics 24:285 (2008), doi:10.1093/bioinformatics/btm566.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

KINDS = ("semantic", "stochastic")
FLUX_BALANCE = "FluxBalanceSteadyState"
_MODEL = re.compile(r"-sbml-l(\d)v(\d)\.xml$")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One case: what to run, and what its settings say of the comparison."""

    id: str
    kind: str  # semantic or stochastic
    folder: Path
    test_type: str
    tags: tuple[str, ...]  # of components and of tests
    settings: dict[str, str]

    @property
    def model(self) -> Path:
        """The file of the highest level and version."""
        return max((p for p in self.folder.iterdir() if _MODEL.search(p.name)), key=_level)

    @property
    def duration(self) -> float:
        return float(self.settings["duration"])

    @property
    def steps(self) -> int:
        return int(self.settings["steps"])

    @property
    def is_flux_balance(self) -> bool:
        return self.test_type == FLUX_BALANCE

    def listed(self, setting: str) -> tuple[str, ...]:
        """The names in a setting, such as variables, amount, concentration and output."""
        return names(self.settings.get(setting, ""))

    def span(self, setting: str) -> tuple[float, float]:
        """The ends of a setting such as meanRange: (-3, 3)."""
        low, high = self.settings[setting].strip("() ").split(",")
        return float(low), float(high)

    def expected(self) -> tuple[Floats, dict[str, Floats]]:
        """Times, which are the first column of the results file, and the others by their titles."""
        with (self.folder / f"{self.id}-results.csv").open(newline="") as file:
            head, *rows = [row for row in csv.reader(file) if row]
        table = np.array(rows, dtype=float).reshape(len(rows), -1)
        return table[:, 0], {name.strip(): table[:, k] for k, name in enumerate(head) if k}


def names(text: str) -> tuple[str, ...]:
    """Names between commas."""
    return tuple(n.strip() for n in text.split(",") if n.strip())


def read_case(folder: Path) -> Case:
    """The case in a folder, say cases/semantic/00001."""
    lines = (folder / f"{folder.name}-settings.txt").read_text(encoding="utf-8").splitlines()
    described = (folder / f"{folder.name}-model.m").read_text(encoding="utf-8", errors="replace")

    def field(name: str) -> str:
        found = re.search(rf"^[ \t]*{name}:[ \t]*(.*)$", described, flags=re.MULTILINE)
        return found[1].strip() if found else ""

    return Case(
        id=folder.name,
        kind=folder.parent.name,
        folder=folder,
        test_type=field("testType"),
        tags=tuple(dict.fromkeys(names(field("componentTags")) + names(field("testTags")))),
        settings={
            key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip()
        },
    )


def find_cases(suite: Path, kinds: Sequence[str] = KINDS) -> list[Case]:
    """All cases of a suite, semantic ones first, by number.

    Raises:
        FileNotFoundError: no folder cases/semantic or cases/stochastic.
    """
    found = []
    for kind in kinds:
        folder = suite / "cases" / kind
        if not folder.is_dir():
            raise FileNotFoundError(f"no {folder}; SUITE is the folder of the SBML Test Suite that holds 'cases'")
        found += [read_case(f) for f in sorted(folder.iterdir()) if f.is_dir()]
    return found


def version(suite: Path) -> str:
    """The suite's own version."""
    file = suite / "VERSION.txt"
    return file.read_text().split()[0] if file.is_file() else "of unknown version"


def _level(path: Path) -> tuple[int, int]:
    found = _MODEL.search(path.name)
    return (int(found[1]), int(found[2])) if found else (0, 0)
