"""A larger run that is killed many times and goes on, by one thread and by two, beside the one that was let be.

python -m tests.soak [--kills 70] [--cells 150] [--seed 0]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from time import monotonic

os.environ.setdefault("NUMBA_NUM_THREADS", str(max(2, os.cpu_count() or 1)))

import numba

import tissue
from tests.going_on import differ, embryo, killed_and_resumed, left, stopped

STEPS = 4  # at most, between two kills
DT = 0.05


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=70)
    parser.add_argument("--cells", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    def sheet():  # type: ignore[no-untyped-def]
        grid = tissue.Grid((48, 48), (60.0, 60.0))
        return embryo(two=True, grid=grid, radius=12.0, cells=options.cells)

    # as many steps as the kills can need
    every = 5 * DT
    t_end = every * -(-options.kills * (STEPS + 1) // 5)
    how = {"t_end": t_end, "every": every, "dt": DT, "splitting": "lie"}
    numba.set_num_threads(1)
    with tempfile.TemporaryDirectory() as base:
        whole, parts = Path(base) / "whole", Path(base) / "parts"
        started = monotonic()
        run = sheet().run(folder=whole, progress=False, **how)
        print(f"at once: {monotonic() - started:.1f} s, {run.data.sizes['cell']} cells in all", flush=True)
        stopped(sheet(), parts, 1, **how)
        started = monotonic()
        kills = killed_and_resumed(
            parts, run.data.compute(), kills=options.kills, steps=STEPS, threads=(1, 2), seed=options.seed
        )
        odd = differ(left(whole), left(parts))
    print(f"{kills} kills in {monotonic() - started:.1f} s, by one thread and two in turn")
    print(f"differs: {', '.join(odd)}" if odd else "the same to the last bit: frames, lineage, checkpoint")
    return 1 if odd or kills < options.kills else 0


if __name__ == "__main__":
    sys.exit(main())
