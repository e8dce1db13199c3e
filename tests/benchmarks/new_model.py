"""The first result on a model that this machine has never seen, in a new process with the kernels on disk.

Each round makes a ring of five genes, 20 reactions, with other constants, so that nothing of it is in a cache. The
clock starts after the import of the program and stops when `simulate` returns.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from statistics import median

from tests.benchmarks.generated import gene_circuit
from tests.benchmarks.peer import sbml
from tests.benchmarks.timing import table

ROUNDS = 5
TIMED = """
import json, sys, warnings
from time import perf_counter, process_time
warnings.simplefilter("ignore")
text = sys.stdin.read()
before = perf_counter(), process_time()
{imports}
started = perf_counter(), process_time()
{code}
ended = perf_counter(), process_time()
print(json.dumps([started[0] - before[0], started[1] - before[1], ended[0] - started[0], ended[1] - started[1]]))
"""
OURS = "bm.simulate(text, t_end=10.0, every=0.1, method='{}', seed=1, progress=False)"
THEIRS = "r = roadrunner.RoadRunner(text); r.setIntegrator('{}'); r.simulate(0.0, 10.0, 101)"
PROGRAMS = {
    "biomulti, ssa": ("import biomulti as bm", OURS.format("ssa")),
    "libRoadRunner, gillespie": ("import roadrunner", THEIRS.format("gillespie")),
    "biomulti, ode": ("import biomulti as bm", OURS.format("ode")),
    "libRoadRunner, cvode": ("import roadrunner", THEIRS.format("cvode")),
    "biomulti, hybrid": ("import biomulti as bm", OURS.format("hybrid")),
}


def measure() -> str:
    """The table."""
    taken: dict[str, list[list[float]]] = {name: [] for name in PROGRAMS}
    for turn in range(ROUNDS + 1):
        for name in PROGRAMS:
            seconds = _seconds(name, sbml(gene_circuit(secrets.randbits(48))))
            if turn:  # the first may compile kernels
                taken[name].append(seconds)
    rows = [[name, *(median(s[k] for s in seconds) for k in range(4))] for name, seconds in taken.items()]
    title = "The first result on a new model of 20 reactions, a new process each, kernels on disk"
    return table(title, ["program", "import, s", "of processor", "from import to result, s", "of processor"], rows)


def _seconds(name: str, text: str) -> list[float]:
    """Seconds by the clock and of the processor of the import, and the same from there to the result."""
    imports, code = PROGRAMS[name]
    script = TIMED.format(imports=imports, code=code)
    run = subprocess.run([sys.executable, "-c", script], input=text, check=True, capture_output=True, text=True)
    return [float(x) for x in json.loads(run.stdout.splitlines()[-1])]
