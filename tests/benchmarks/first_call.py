"""What the first call costs: seconds from starting Python to the first result, with empty and with filled caches."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from time import perf_counter

from tests.benchmarks.timing import table

CALLS = {
    "import biomulti": "import biomulti",
    "simulate, ssa": "import biomulti as bm; bm.simulate('telegraph', t_end=1, method='ssa', seed=1)",
    "simulate, ode": "import biomulti as bm; bm.simulate('telegraph', t_end=1, method='ode')",
    "simulate, hybrid": "import biomulti as bm; bm.simulate('srivastava_virus', t_end=1, seed=1)",
    "simulate, hybrid, 8 runs": "import biomulti as bm; bm.simulate('srivastava_virus', t_end=1, replicates=8, seed=1)",
    "Tissue, one step": (
        "import biomulti as bm, tissue; grid = tissue.Grid(shape=(32, 32), size=(100.0, 100.0)); "
        "sheet = bm.Tissue('rho_myosin', cells=200, grid=grid, friction=1.0, bulk_viscosity=1.0, seed=1); "
        "sheet.couple('Myosin', to=bm.Contractility(per_molecule=1e-7)); "
        "sheet.couple(bm.StrainRate(), to='stretch'); sheet.run(1, every=1, progress=False)"
    ),
}


def measure() -> str:
    """The table."""
    rows = []
    for name, code in CALLS.items():
        with tempfile.TemporaryDirectory() as folder:
            cold = _seconds(code, folder)
            warm = _seconds(code, folder)
        rows.append([name, *cold, *warm])
    head = ["from nothing to", "empty cache, s", "of processor", "filled cache, s", "of processor"]
    return table("First call, a new process each", head, rows)


def _seconds(code: str, cache: str) -> tuple[float, float]:
    """Seconds by the clock, and of the processor, of a new Python process."""
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    environment |= {"BIOMULTI_CACHE": cache, "NUMBA_CACHE_DIR": os.path.join(cache, "numba")}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, env=environment, capture_output=True)
    passed, after = perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return passed, (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
