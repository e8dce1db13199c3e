"""ODE of deposited models of the BioModels database beside libRoadRunner's CVODE: one trajectory, and many sets.

The models lie in `biomodels` of the folder that $BIOMULTI_SHARED names, else of ../shared, and each runs to the last
time of its reference with 100 outputs. Both programs run at the largest of a row of tolerances at which their error is
below 1e-5, so that times are compared at the same error: the largest over all outputs and states, over the largest
amount of that state, against our own method at a tolerance of 1e-11. A model on which the two disagree by more than
1e-6 at their tightest, or in which nothing happens, is named and left out. Sets differ by up to 10 % in every parameter
that is a plain number.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import geometric_mean
from time import process_time

import numpy as np
from numpy.typing import NDArray

import biomulti as bm
from biomulti.expression import symbols, walk
from tests.benchmarks.peer import Peer
from tests.benchmarks.rows import Rows
from tests.benchmarks.timing import alternate, table

HERE = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("BIOMULTI_SHARED") or HERE.parent / "shared") / "biomodels"
OUTPUTS, SETS, SPREAD = 100, 1000, 0.1
SAME_ERROR, AGREEMENT = 1e-5, 1e-6
TIGHT, TIGHTEST = 1e-11, (1e-11, 1e-10, 1e-9)  # ours, and what the peer may take for agreement
TOLERANCES = tuple(10.0 ** -(k / 2) for k in range(6, 23))
LONGEST = 0.4  # seconds that the sets of a model may take; fewer are run where 1,000 would take longer

Floats = NDArray[np.float64]


def measure() -> str:
    """The tables, and what could not be compared."""
    if not SHARED.is_dir():
        return f"\nThere are no deposited models in {SHARED}; name their folder's parent in $BIOMULTI_SHARED."
    lines, sets, apart = [], [], []
    for path in sorted(SHARED.glob("*.xml")):
        model = Deposited(path)
        for measured, out in ((model.trajectory, lines), (model.sets, sets)):
            try:
                with quiet():
                    out.append([path.stem, *measured()])
            except (bm.BiomultiError, RuntimeError, StopIteration) as error:
                why = " ".join(str(error).split())[:160] or "no tolerance is small enough"
                apart.append(f"{path.stem}, {measured.__name__}: {why}")
                break
    head = ["model", "error", "its error", "ms", "its ms", "times as fast", "simulate() in all, ms"]
    text = table("ODE of deposited models, one trajectory, one thread", head, [*lines, *_sums(lines, 3)])
    head = ["model", "sets", "parameters", "ms a set", "its ms a set", "times as fast"]
    text += "\n" + table(f"{SETS:,} sets of parameters, one thread", head, [*sets, *_sums(sets, 3)])
    return "\n".join([text, "", *(f"Not compared: {a}" for a in apart)])


@contextmanager
def quiet() -> Iterator[None]:
    """Without the thousands of lines that CVODE writes about steps it repeats."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    nothing = os.open(os.devnull, os.O_WRONLY)
    for number in kept:
        os.dup2(nothing, number)
    try:
        yield
    finally:
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
        os.close(nothing)


def _sums(rows: list[list[object]], first: int) -> Iterator[list[object]]:
    """Rows of totals and geometric means; columns `first` and the next hold our time and its."""
    if rows:
        ours, its = (np.array([row[first + k] for row in rows], dtype=float) for k in (0, 1))
        before, after = [""] * (first - 1), [""] * (len(rows[0]) - first - 3)
        yield ["total", *before, ours.sum(), its.sum(), its.sum() / ours.sum(), *after]
        yield ["geometric mean", *before, "", "", geometric_mean(its / ours), *after]
        yield ["not slower", *before, "", "", f"{np.sum(its >= ours)} of {len(rows)}", *after]


@dataclass(frozen=True)
class Deposited:
    """A deposited model, to the last time of its reference."""

    path: Path

    @cached_property
    def network(self) -> bm.Network:
        return bm.load(self.path)

    @cached_property
    def t_end(self) -> float:
        reference = SHARED / "reference" / f"{self.path.stem}.csv"
        return float(reference.read_text().split("\n")[-2].split(",")[0]) if reference.is_file() else 100.0

    def ours(self, tolerance: float, rows: int = 1) -> Rows:
        return Rows(self.network, "ode", self.t_end, rows, outputs=OUTPUTS, tolerance=tolerance)

    def peer(self, tolerance: float) -> Peer:
        names = [n for n in self.exact.names if n in self.exact.compared]
        text = self.path.read_text(encoding="utf-8")
        return Peer(text, integrator="cvode", t_end=self.t_end, outputs=OUTPUTS, tolerance=tolerance, columns=names)

    @cached_property
    def exact(self) -> Exact:
        tight = self.ours(TIGHT)
        tight()
        names = list(tight.system.states)
        known = {s.id for s in self.network.species} | set(self.network.rate_rules)
        return Exact(names, [n for n in names if n in known], tight.system.start({}, {})[0], tight.path[0])

    @cached_property
    def tolerances(self) -> tuple[float, float]:
        """Ours and its, the largest at which the error is small enough."""
        if np.array_equal(self.exact.values[-1], self.exact.start):
            raise RuntimeError("nothing happens in it")
        apart = min(self.its_error(t) for t in TIGHTEST)
        if apart == np.inf:
            raise RuntimeError("libRoadRunner does not run it")
        if not apart <= AGREEMENT:
            raise RuntimeError(f"the two differ by {apart:.0e} at their tightest")

        def ours(tolerance: float) -> float:
            job = self.ours(tolerance)
            job()
            return self.exact.error(job.path[0])

        return _first(ours), _first(self.its_error)

    def its_error(self, tolerance: float) -> float:
        """The peer's error, infinite where it fails, as it may for a tolerance that is very large or very small."""
        try:
            return self.exact.error(self.peer(tolerance)(), its=True)
        except RuntimeError:
            return np.inf

    def trajectory(self) -> list[object]:
        """Errors, milliseconds, ratio, and milliseconds of a call of `simulate`."""
        ours, peer = self.ours(self.tolerances[0]), self.peer(self.tolerances[1])
        seconds = alternate({"ours": ours, "peer": peer, "all": self.simulate}, rounds=7)
        errors = self.exact.error(ours.path[0]), self.exact.error(peer(), its=True)
        a, b = 1e3 * seconds["ours"], 1e3 * seconds["peer"]
        return [*(f"{e:.0e}" for e in errors), a, b, b / a, 1e3 * seconds["all"]]

    def simulate(self) -> object:
        step = self.t_end / OUTPUTS
        return bm.simulate(
            self.network, t_end=self.t_end, every=step, method="ode", tolerance=self.tolerances[0], progress=False
        )

    def sets(self) -> list[object]:
        """Number of sets, of parameters, milliseconds a set and their ratio."""
        plain = self.plain_parameters()
        ready = self.peer(self.tolerances[1])
        ready()
        started = process_time()
        ready()
        count = int(np.clip(LONGEST / max(process_time() - started, 1e-6), 20, SETS))
        factors = 1.0 + np.random.default_rng(1).uniform(-SPREAD, SPREAD, (count, len(plain)))
        values = factors * [plain[n] for n in plain]
        ours, peer = self.ours(self.tolerances[0], count), self.peer(self.tolerances[1])
        columns = [ours.system.parameters.index(n) for n in plain]

        def its() -> None:
            for row in values.tolist():
                peer.one(dict(zip(plain, row, strict=True)))

        seconds = alternate({"ours": lambda: ours.with_parameters(columns, values), "peer": its}, rounds=3)
        a, b = (1e3 * seconds[k] / count for k in ("ours", "peer"))
        return [count, len(plain), a, b, b / a]

    def plain_parameters(self) -> dict[str, float]:
        """Constant parameters other than zero, but for exponents and what initial assignments give or read."""
        network = self.network
        assigned = network.initial_assignments
        laws = [*(r.law for r in network.reactions), *network.assignment_rules.values(), *network.rate_rules.values()]
        kept = set(assigned).union(*(symbols(e) for e in assigned.values()))
        kept |= {n for law in laws for node in walk(law) if node.op == "pow" for n in symbols(node.children[1])}
        return {p.id: p.value for p in network.parameters if p.value and p.constant and p.id not in kept}


@dataclass(frozen=True)
class Exact:
    """States by name, which of them are compared, and their values at the start and [outputs, states]."""

    names: list[str]
    compared: list[str]
    start: Floats
    values: Floats

    def error(self, path: Floats, *, its: bool = False) -> float:
        """Largest error of `path`, whose columns are the states, or those that are compared."""
        columns = [self.names.index(n) for n in self.compared]
        exact = self.values[:, columns]
        largest = np.max(np.abs(exact), axis=0)
        # what stays at zero but for rounding has no relative error
        scale = np.maximum(largest, max(1e-12 * np.max(largest), 1e-300))
        return float(np.max(np.abs((path if its else path[:, columns]) - exact) / scale))


def _first(error: Callable[[float], float]) -> float:
    return next(t for t in TOLERANCES if error(t) <= SAME_ERROR)
