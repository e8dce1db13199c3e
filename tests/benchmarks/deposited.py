"""ODE of deposited models of the BioModels database beside libRoadRunner's CVODE: one trajectory, and many sets.

The models lie in `biomodels` of the folder that $BIOMULTI_SHARED names, else of ../shared, and each runs to the last
time of its reference with 100 outputs. Both programs run at the largest of a row of tolerances at which their error is
below 1e-5, so that times are compared at the same error: the largest over all outputs and states, over the largest
amount of that state, against our own method at a tolerance of 1e-11. A model on which the two disagree by more than
1e-6 at their tightest is named and left out. Sets differ by up to 10 % in every parameter that is a plain number.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import geometric_mean
from time import process_time

import numpy as np
from numpy.typing import NDArray

import biomulti as bm
from biomulti.expression import symbols
from tests.benchmarks.peer import Peer
from tests.benchmarks.rows import Rows
from tests.benchmarks.timing import alternate, table

HERE = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("BIOMULTI_SHARED") or HERE.parent / "shared") / "biomodels"
OUTPUTS, SETS, SPREAD = 100, 1000, 0.1
SAME_ERROR, AGREEMENT, TIGHT = 1e-5, 1e-6, 1e-11
TOLERANCES = tuple(10.0 ** -(k / 2) for k in range(6, 23))
LONGEST = 2.0  # seconds that the sets of a model may take; fewer are run where 1,000 would take longer

Floats = NDArray[np.float64]


def measure() -> str:
    """The tables, and what could not be compared."""
    if not SHARED.is_dir():
        return f"\nThere are no deposited models in {SHARED}; name their folder's parent in $BIOMULTI_SHARED."
    lines, sets, apart = [], [], []
    for path in sorted(SHARED.glob("*.xml")):
        try:
            model = Deposited(path)
            one, many = model.trajectory(), model.sets()
        except (bm.BiomultiError, RuntimeError, StopIteration) as error:
            apart.append(f"{path.stem}: {' '.join(str(error).split())[:160] or 'neither tolerance is tight enough'}")
            continue
        lines.append([path.stem, len(model.network.reactions), *one])
        sets.append([path.stem, *many])
    head = ["model", "reactions", "error", "its error", "ms", "its ms", "times as fast", "simulate() in all, ms"]
    text = table("ODE of deposited models, one trajectory, one thread", head, [*lines, *_sums(lines, 4)])
    head = ["model", "sets", "parameters", "ms a set", "its ms a set", "times as fast"]
    text += "\n" + table(f"{SETS:,} sets of parameters, one thread", head, [*sets, *_sums(sets, 3)])
    return "\n".join([text, "", *(f"Not compared: {a}" for a in apart)])


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
        return Exact(names, [n for n in names if n in known], tight.path[0])

    @cached_property
    def tolerances(self) -> tuple[float, float]:
        """Ours and its, the largest at which the error is small enough."""
        apart = self.exact.error(self.peer(1e-11)(), its=True)
        if not apart <= AGREEMENT:
            raise RuntimeError(f"the two differ by {apart:.0e} at their tightest")

        def ours(tolerance: float) -> float:
            job = self.ours(tolerance)
            job()
            return self.exact.error(job.path[0])

        return _first(ours), _first(lambda t: self.exact.error(self.peer(t)(), its=True))

    def trajectory(self) -> list[object]:
        """Errors, milliseconds, ratio, and milliseconds of a call of `simulate`."""
        ours, peer = self.ours(self.tolerances[0]), self.peer(self.tolerances[1])
        seconds = alternate({"ours": ours, "peer": peer, "all": lambda: self.simulate()}, rounds=7)
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
            for row in values:
                peer.set_values(plain, row)
                peer.one()

        seconds = alternate({"ours": lambda: ours.with_parameters(columns, values), "peer": its}, rounds=3)
        a, b = (1e3 * seconds[k] / count for k in ("ours", "peer"))
        return [count, len(plain), a, b, b / a]

    def plain_parameters(self) -> dict[str, float]:
        """Constant parameters other than zero that neither a rule nor an initial assignment gives or reads."""
        network = self.network
        return {
            p.id: p.value
            for p in network.parameters
            if p.value and p.constant and p.id not in network.initial_assignments
            and not any(p.id in symbols(e) for e in network.initial_assignments.values())
        }  # fmt: skip


@dataclass(frozen=True)
class Exact:
    """States by name, which of them are compared, and their values [outputs, states]."""

    names: list[str]
    compared: list[str]
    values: Floats

    def error(self, path: Floats, *, its: bool = False) -> float:
        """Largest error of `path`, whose columns are the states, or those that are compared."""
        columns = [self.names.index(n) for n in self.compared]
        exact = self.values[:, columns]
        scale = np.maximum(np.max(np.abs(exact), axis=0), 1e-300)
        return float(np.max(np.abs((path if its else path[:, columns]) - exact) / scale))


def _first(error: Callable[[float], float]) -> float:
    return next(t for t in TOLERANCES if error(t) <= SAME_ERROR)
