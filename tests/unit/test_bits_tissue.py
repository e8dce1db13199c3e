"""A tissue large enough that every kernel shares its work out: the same bits for 1, 2 and 4 threads, and as many
processes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import biomulti as bm
import tissue
from tests.going_on import BIRTH

ROOT = Path(__file__).resolve().parents[2]


def crowd() -> bm.Tissue:
    """20,000 cells that pull along their axes, grow, talk to those near them, divide and die."""
    grid = tissue.Grid((128, 128), (160.0, 160.0), ("periodic", "no-slip"))
    sheet = bm.Tissue(BIRTH, cells=20_000, grid=grid, friction=0.01, bulk_viscosity=1.0, seed=11, method="hybrid")
    sheet.add(tissue.Morphogen("Wnt", diffusion=1.0, decay=0.1))
    sheet.couple("A", to=bm.Secretion("Wnt", per_molecule=0.1))
    sheet.couple("A", to=bm.Contractility(per_molecule=0.002, axis="polarity"))
    sheet.couple("A", to=bm.Growth(per_molecule=0.003))
    sheet.couple(bm.Neighbours("A", within=2.0), to="k", law=[bm.Hill(half=30.0, top=4.0)])
    sheet.live(bm.Division(when=bm.Age(), above=1.0, spread=0.5), bm.Death(rate=0.1))
    return sheet


def digest() -> str:
    """Of all that a run gives."""
    run = crowd().run(1.5, every=0.5, progress=False)
    found = hashlib.sha256(run.lineage.table.to_csv().encode())
    for name in sorted(map(str, run.data.variables)):
        found.update(np.ascontiguousarray(run.data[name].to_numpy()).tobytes())
    return f"{found.hexdigest()} {len(run.lineage.table)}"


def test_the_same_bits_for_one_two_and_four_threads() -> None:
    seen = []
    for threads in (1, 2, 4):
        environment = {**os.environ, "NUMBA_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
        script = "from tests.unit.test_bits_tissue import digest; print(digest())"
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        seen.append(done.stdout.split())
    assert seen[0] == seen[1] == seen[2]
    # some thousands were born
    assert int(seen[0][1]) > 22_000
