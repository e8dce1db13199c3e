"""Settings of all tests, and where deposited models and the SBML Test Suite lie if they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

# two threads even on one core, so that the tests of reproducible bits have something to compare
os.environ.setdefault("NUMBA_NUM_THREADS", str(max(2, os.cpu_count() or 1)))

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("BIOMULTI_SHARED") or ROOT.parent / "shared")
DEPOSITED = SHARED / "biomodels"
SUITE = SHARED / "sbml-test-suite"

# tests that need files which are not part of the package: what they compare with, and where that should be
OUTSIDE = {
    "unit/test_deposited_models.py": ("deposited BioModels", DEPOSITED),
    "conformance/test_sample.py": ("the SBML Test Suite", SUITE),
}
collect_ignore = [test for test, (_, folder) in OUTSIDE.items() if not folder.is_dir()]


def pytest_terminal_summary(terminalreporter) -> None:
    for test in collect_ignore:
        what, folder = OUTSIDE[test]
        terminalreporter.write_line(
            f"Not run: the comparison with {what}, not found in {folder}. Say where with BIOMULTI_SHARED."
        )
