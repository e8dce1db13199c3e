"""ODE beside libRoadRunner's CVODE: at the same tolerance, and at the same error.

Errors are the largest over 100 outputs and all species, over the largest amount of that species, against our
own method at a tolerance of 1e-12. Time is that of the integration alone; what a call of `simulate` adds to it,
whatever the model does, is measured beside it.
"""

from __future__ import annotations

import numpy as np

import biomulti as bm
from tests.benchmarks.peer import Peer
from tests.benchmarks.rows import Rows
from tests.benchmarks.timing import alternate, table

CASES = (
    ("vilar_oscillator", 200.0),
    ("repressilator", 1000.0),
    ("toggle_switch", 1000.0),
    ("srivastava_virus", 200.0),
    ("rho_myosin", 600.0),
)
OUTPUTS = 100
SAME_ERROR = 1e-5
TOLERANCES = tuple(10.0**-k for k in range(3, 12))


def measure() -> str:
    """The table."""
    rows = [row for name, t_end in CASES for row in _compare(name, t_end)]
    head = ["model", "compared at", "error", "its error", "ms", "its ms", "times as slow", "simulate() adds, ms"]
    return table("ODE, one run, one thread, beside CVODE of libRoadRunner", head, rows)


def _compare(name: str, t_end: float) -> list[list[object]]:
    network = bm.load(name)

    def ours(tolerance: float) -> Rows:
        return Rows(network, "ode", t_end, 1, outputs=OUTPUTS, tolerance=tolerance)

    def peer(tolerance: float) -> Peer:
        return Peer(name, integrator="cvode", t_end=t_end, outputs=OUTPUTS, tolerance=tolerance)

    tight = ours(1e-12)
    tight()
    reference = tight.path[0]
    columns = [tight.system.states.index(s) for s in peer(1e-6).species]
    scale = np.max(np.abs(reference), axis=0)

    def our_error(job: Rows) -> float:
        job()
        return float(np.max(np.abs(job.path[0] - reference) / scale))

    def its_error(job: Peer) -> float:
        return float(np.max(np.abs(job() - reference[:, columns]) / scale[columns]))

    first = next(t for t in TOLERANCES if our_error(ours(t)) <= SAME_ERROR)
    second = next(t for t in TOLERANCES if its_error(peer(t)) <= SAME_ERROR)
    out: list[list[object]] = []
    for label, a, b in (("tolerance 1e-6", 1e-6, 1e-6), (f"error below {SAME_ERROR:g}", first, second)):
        one, two = ours(a), peer(b)
        seconds = alternate(
            {
                "ours": one,
                "peer": two,
                "nothing": lambda: bm.simulate(network, t_end=1e-9 * t_end, every=1e-9 * t_end, method="ode"),
            },
            rounds=11,
        )
        errors = f"{our_error(one):.0e}", f"{its_error(two):.0e}"
        mine, its = 1e3 * seconds["ours"], 1e3 * seconds["peer"]
        out.append([name, label, *errors, mine, its, mine / its, 1e3 * seconds["nothing"]])
    return out
