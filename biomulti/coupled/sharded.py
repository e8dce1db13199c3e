"""The networks of one tissue shared out over the workers of a Dask cluster, with the flow on one machine.

Each worker keeps rows of cells from step to step; driven parameters travel there and the amounts that drive the tissue
back. A step of a shard follows from the one before, so that what a lost worker held is worked out again from the last
rows that were here; these are fetched every ANCHOR steps, so that nothing has to be worked out for long.
"""

from __future__ import annotations

import itertools
import json
import pickle
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from biomulti._dask import worker_count
from biomulti.cells import CellPopulation, joined
from biomulti.coupled.kind import Kind
from biomulti.coupled.networks import advanced
from biomulti.errors import BiomultiError, SimulationError

if TYPE_CHECKING:
    from distributed import Client

Floats = NDArray[np.float64]
ANCHOR = 32  # steps after which rows are fetched, so that a worker that is lost costs no more than these
RETRIES = 3  # of a step whose worker was lost


class Shards:
    """Networks on the workers of a cluster; `document` says of what type they are, as `definition` writes it."""

    def __init__(self, client: Client, document: str, cells: CellPopulation, names: Sequence[str]) -> None:
        self.client = client
        self.document = document
        self.names = tuple(names)
        self._known: dict[str, Floats] = {}
        self._place(cells)

    def _place(self, cells: CellPopulation) -> None:
        """Rows to workers, as evenly as they can be dealt."""
        self._rows = cells.rows
        workers = worker_count(self.client)
        ends = np.round(np.linspace(0, cells.rows, workers + 1)).astype(int)
        self.parts = [slice(int(a), int(b)) for a, b in itertools.pairwise(ends) if b > a]
        pieces = [cells.taken(np.arange(part.start, part.stop)) for part in self.parts]
        with warnings.catch_warnings():
            # Dask advises to scatter large data, which it could not make anew
            warnings.filterwarnings("ignore", "Sending large graph")
            self.states: list[Any] = [self.client.submit(_opened, pickle.dumps(p, 5), pure=False) for p in pieces]
        self.steps = 0
        # of no rows there is nothing to send
        self._empty = cells if not pieces else None

    @property
    def rows(self) -> int:
        return self._rows

    def advance(self, parameters: Sequence[int], values: Floats, end: float) -> None:
        if self.steps >= ANCHOR:
            self._place(self.population())
        self.steps += 1
        given = {"pure": False, "retries": RETRIES}
        self.states = [
            self.client.submit(
                _advance, self.document, state, tuple(parameters), np.ascontiguousarray(values[part]), end, **given
            )
            for state, part in zip(self.states, self.parts, strict=True)
        ]
        self._known = self._asked(self.names)

    def amounts(self, names: Sequence[str]) -> dict[str, Floats]:
        missing = tuple(n for n in names if n not in self._known)
        if missing:
            self._known |= self._asked(missing)
        return {n: self._known[n] for n in names}

    def _asked(self, names: tuple[str, ...]) -> dict[str, Floats]:
        if not self.states:
            return {n: np.empty(0) for n in names}
        answers = self._gathered(
            [self.client.submit(_amounts, self.document, s, names, pure=False, retries=RETRIES) for s in self.states]
        )
        return {n: np.concatenate([answer[n] for answer in answers]) for n in names}

    def population(self) -> CellPopulation:
        if self._empty is not None:
            return self._empty
        return joined(self._gathered(self.states))

    def _gathered(self, futures: list[Any]) -> list[Any]:
        try:
            found: list[Any] = self.client.gather(futures)
        except BiomultiError:
            raise
        except Exception as error:
            raise SimulationError(
                f"the workers of the cluster did not bring the cells forward ({type(error).__name__}: {error}); go on "
                f"from the last checkpoint with Tissue.resume, once there are workers again."
            ) from error
        return found


@lru_cache(maxsize=16)
def _kind(document: str) -> Kind:
    """The type of cell of a document; compiled once in each worker."""
    from biomulti.coupled.cell_type import kind_of

    return kind_of(json.loads(document))


def _opened(rows: bytes) -> CellPopulation:
    found: CellPopulation = pickle.loads(rows)
    return found


def _advance(
    document: str, cells: CellPopulation, parameters: tuple[int, ...], values: Floats, end: float
) -> CellPopulation:
    # what a task is given belongs to the cluster, which may ask for it again
    own = cells.taken(np.arange(cells.rows))
    advanced(_kind(document), own, parameters, values, end)
    return own


def _amounts(document: str, cells: CellPopulation, names: tuple[str, ...]) -> dict[str, Floats]:
    return _kind(document).amounts(cells, names)
