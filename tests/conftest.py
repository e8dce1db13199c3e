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

# tests that need files which are not part of the package: what they are, and where those should be
OUTSIDE = {
    "unit/test_deposited_models.py": ("the comparison with deposited BioModels", DEPOSITED),
    "conformance/test_sample.py": ("the comparison with the SBML Test Suite", SUITE),
    "properties/test_write_deposited.py": ("deposited BioModels, written and read again", DEPOSITED),
    "properties/test_write_suite.py": ("models of the SBML Test Suite, written and read again", SUITE),
}
collect_ignore = [test for test, (_, folder) in OUTSIDE.items() if not folder.is_dir()]


def pytest_terminal_summary(terminalreporter) -> None:
    for test in collect_ignore:
        what, folder = OUTSIDE[test]
        terminalreporter.write_line(f"Not run: {what}, not found in {folder}. Say where with BIOMULTI_SHARED.")
