"""Settings of all tests, and where deposited models lie if they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

# two threads even on one core, so that the tests of reproducible bits have something to compare
os.environ.setdefault("NUMBA_NUM_THREADS", str(max(2, os.cpu_count() or 1)))

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("BIOMULTI_SHARED") or ROOT.parent / "shared")
DEPOSITED = SHARED / "biomodels"

collect_ignore = [] if DEPOSITED.is_dir() else ["unit/test_deposited_models.py"]


def pytest_terminal_summary(terminalreporter) -> None:
    if collect_ignore:
        terminalreporter.write_line(
            f"Not run: the comparison with deposited BioModels, which are not in {DEPOSITED}. Say where they are "
            f"with BIOMULTI_SHARED."
        )
