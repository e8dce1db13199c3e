"""Many copies of one network: a struct of arrays, one row per cell, nothing per cell in Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomulti import _distributions
from biomulti._rng import exponentials, streams
from biomulti.start import Draw, Value
from biomulti.system import System

FIRST_PLACES = 4  # events that may wait in a row before more room is made
FIRST_MOMENTS = 256  # moments of the past a row holds before more room is made

PER_ROW = (
    "y",
    "p",
    "rng",
    "left",
    "clock",
    "peak",
    "step",
    "mode",
    "counts",
    "from_zero",
    "fires",
    "reference",
    "number",
)

Floats = NDArray[np.float64]


@dataclass
class Agenda:
    """What is known of events in every row.

    armed [rows, events] whether a trigger held when last looked at; due [rows] time of the next event that waits, else
    infinite; time, event [rows, places] of those that wait, event -1 where a place is free; values [rows, places,
    targets] that they will set.
    """

    armed: NDArray[np.uint8]
    due: Floats
    time: Floats
    event: NDArray[np.int64]
    values: Floats

    def widen(self) -> None:
        """Make room for twice as many waiting events."""
        self.time = np.concatenate([self.time, np.full_like(self.time, np.inf)], axis=1)
        self.event = np.concatenate([self.event, np.full_like(self.event, -1)], axis=1)
        self.values = np.concatenate([self.values, np.zeros_like(self.values)], axis=1)


@dataclass
class Past:
    """Moments a row has passed, for delays: count [rows]; time [rows, places]; state [rows, places, 2, states], which
    holds amounts and their slopes."""

    count: NDArray[np.int64]
    time: Floats
    state: Floats

    def make_room(self, before: Floats) -> None:
        """Forget what lies before the times `before` [rows], and make room for twice as much if that is not enough."""
        for i, n in enumerate(self.count):
            # the last moment before is needed to interpolate from
            first = max(0, int(np.searchsorted(self.time[i, :n], before[i], side="right")) - 1)
            if first > n // 2:
                self.time[i, : n - first] = self.time[i, first:n].copy()
                self.state[i, : n - first] = self.state[i, first:n].copy()
                self.count[i] = n - first
        if np.any(self.count > self.time.shape[1] // 2):
            self.time = np.concatenate([self.time, np.zeros_like(self.time)], axis=1)
            self.state = np.concatenate([self.state, np.zeros_like(self.state)], axis=1)


@dataclass
class CellPopulation:
    """State of every row; kernels advance it in place.

    y [rows, states] amounts; p [rows, parameters]; rng [rows, 4] random streams; left [rows] what is left of the
    exponential number that decides each row's next firing; clock [rows] time reached; peak [rows, states] largest
    amount so far of what flows; step [rows] size of the next step, 0 before the first; mode [rows, 3] kind of step;
    counts [rows, 2] firings and steps so far; from_zero [rows, states] whether a state starts at zero; fires [rows,
    fluxes] what fires now; reference [rows, states] see `_kernels_partition`; begun: whether what happens at the start
    has happened; driven: parameters that something outside changes as a run goes; number [rows], by which a row is
    called in messages.
    """

    y: Floats
    p: Floats
    rng: NDArray[np.uint64]
    left: Floats
    clock: Floats
    peak: Floats
    step: Floats
    mode: NDArray[np.int64]
    counts: NDArray[np.int64]
    from_zero: NDArray[np.bool_]
    fires: NDArray[np.bool_]
    reference: Floats
    number: NDArray[np.int64]
    agenda: Agenda
    past: Past
    begun: bool = field(default=False)
    driven: frozenset[int] = frozenset()

    @property
    def rows(self) -> int:
        return len(self.clock)

    def taken(self, index: NDArray[np.int64]) -> CellPopulation:
        """Copies of the rows numbered `index`, in that order, with all that waits in them."""
        own = {name: getattr(self, name)[index] for name in PER_ROW}
        agenda = Agenda(**{f.name: getattr(self.agenda, f.name)[index] for f in fields(Agenda)})
        past = Past(**{f.name: getattr(self.past, f.name)[index] for f in fields(Past)})
        return replace(self, **own, agenda=agenda, past=past)

    def without_events(self, rows: slice) -> CellPopulation:
        """A copy of some rows without their events, as they are now."""
        return replace(
            self,
            **{f.name: getattr(self, f.name)[rows].copy() for f in fields(self) if f.name in PER_ROW},
            agenda=replace(
                self.agenda,
                armed=np.empty((len(self.clock[rows]), 0), np.uint8),
                due=np.full(len(self.clock[rows]), np.inf),
            ),
            past=Past(self.past.count[rows].copy(), self.past.time[rows].copy(), self.past.state[rows].copy()),
            begun=True,
        )


def joined(parts: Sequence[CellPopulation]) -> CellPopulation:
    """The rows of several populations of one network, one after another."""

    def both(of: Sequence[Any], names: Iterable[str]) -> dict[str, Any]:
        return {n: np.concatenate([getattr(part, n) for part in of]) for n in names}

    waiting = [_as_wide([part.agenda for part in parts]), _as_wide([part.past for part in parts])]
    agenda = Agenda(**both(waiting[0], (f.name for f in fields(Agenda))))
    past = Past(**both(waiting[1], (f.name for f in fields(Past))))
    return replace(parts[0], **both(parts, PER_ROW), agenda=agenda, past=past)


def _as_wide(parts: Sequence[Any]) -> list[Any]:
    """Agendas or pasts with as many places as the widest, the others' being free."""
    free = {"time": np.inf, "event": -1, "values": 0.0} if isinstance(parts[0], Agenda) else {"time": 0.0, "state": 0.0}
    places = max(part.time.shape[1] for part in parts)
    out = []
    for part in parts:
        more = places - part.time.shape[1]
        wide = {
            name: np.pad(
                getattr(part, name), [(0, 0), (0, more)] + [(0, 0)] * (getattr(part, name).ndim - 2),
                constant_values=value,
            )
            for name, value in free.items()
        }  # fmt: skip
        out.append(replace(part, **wide))
    return out


def population(
    system: System,
    rows: int,
    *,
    seed: int,
    initial: Mapping[str, Value] | None = None,
    parameters: Mapping[str, Value] | None = None,
    first: int = 0,
) -> CellPopulation:
    """`rows` cells at the start of `system`, each with the random stream of (seed, first + row).

    initial, parameters: numbers, or arrays [rows], in place of the model's; first: the number of the first row.
    """
    rng = streams(seed, np.arange(first, first + rows, dtype=np.uint64))
    y, p = _start(system, rng, initial or {}, parameters or {})
    events = system.occurrences
    targets = max((len(o.targets) for o in events), default=0)
    moments = FIRST_MOMENTS if system.delays else 0
    return CellPopulation(
        y=y,
        p=p,
        rng=rng,
        left=exponentials(rng),
        clock=np.zeros(rows),
        peak=np.abs(y),
        step=np.zeros(rows),
        mode=np.tile(np.array([0, 0, -1]), (rows, 1)),
        counts=np.zeros((rows, 2), dtype=np.int64),
        from_zero=y == 0.0,
        fires=np.zeros((rows, len(system.fluxes)), dtype=bool),
        reference=y.copy(),
        number=np.arange(first, first + rows),
        agenda=Agenda(
            armed=np.tile(np.array([o.event.initial for o in events], dtype=np.uint8), (rows, 1)),
            due=np.full(rows, np.inf),
            time=np.full((rows, FIRST_PLACES), np.inf),
            event=np.full((rows, FIRST_PLACES), -1, dtype=np.int64),
            values=np.zeros((rows, FIRST_PLACES, targets)),
        ),
        past=Past(
            count=np.zeros(rows, dtype=np.int64),
            time=np.zeros((rows, moments)),
            state=np.zeros((rows, moments, 2, len(system.states))),
        ),
    )


def _start(
    system: System, rng: NDArray[np.uint64], initial: Mapping[str, Value], parameters: Mapping[str, Value]
) -> tuple[Floats, Floats]:
    """y [rows, states] and p [rows, parameters] at the start; each row draws its own numbers where chance decides."""
    rows = len(rng)
    if not system.draws_at_start:
        return system.starts(rows, initial, parameters)
    starts = [system.start(_of_row(initial, i), _of_row(parameters, i), draw_from(rng[i : i + 1])) for i in range(rows)]
    return np.array([y for y, _ in starts]), np.array([p for _, p in starts])


def _of_row(values: Mapping[str, Value], i: int) -> dict[str, float]:
    return {name: float(v[i]) if isinstance(v, np.ndarray) else v for name, v in values.items()}


def draw_from(stream: NDArray[np.uint64]) -> Draw:
    """Numbers of named distributions from one stream, [1, 4]."""

    def draw(name: str, args: list[float]) -> float:
        return float(getattr(_distributions, f"draw_{name}{len(args)}")(stream, *args))

    return draw
