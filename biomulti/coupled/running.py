"""A run on its way: steps, frames, lineage and checkpoints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import tissue
from biomulti import checkpoint as store
from biomulti import options
from biomulti.coupled import definition, kind_document, loop, packed, start
from biomulti.coupled.declared import Declared
from biomulti.coupled.lineage import Lineage
from biomulti.coupled.moment import Moment
from biomulti.coupled.observers import Cells, Observer, as_observers, recorded
from biomulti.coupled.setup import Setup, Stepping
from biomulti.coupled.state import State
from biomulti.coupled.stopping import Stopping
from biomulti.errors import CouplingError, OptionError, SimulationError
from biomulti.recorder import Recorder
from biomulti.run import Run
from biomulti.storage import Lock, storing

LINEAGE = "lineage.csv"
NEAR = 1e-9  # times the interval between frames: an end so near to a frame is that frame
Floats = NDArray[np.float64]


class Running:
    """What a run needs to go on, from its start or from a checkpoint."""

    def __init__(
        self,
        sheet: Declared,
        setup: Setup,
        stepping: Stepping,
        observers: tuple[Observer, ...],
        folder: Path | None,
        state: State,
        recorder: Recorder,
        lineage: Lineage,
        lock: Lock | None = None,
    ) -> None:
        self.sheet, self.setup, self.stepping, self.observers = sheet, setup, stepping, observers
        self.folder, self.state, self.recorder, self.lineage, self.lock = folder, state, recorder, lineage, lock

    @classmethod
    def begun(
        cls,
        sheet: Declared,
        stepping: Stepping,
        observe: Observer | Sequence[Observer] | None,
        folder: Path | None,
        cluster: Any = None,
    ) -> Running:
        """At the start."""
        observers, setup = as_observers(observe), setup_of(sheet, cluster)
        with ExitStack() as until_it_stands:
            lock = None
            if folder is not None:
                with storing(folder):
                    folder.mkdir(parents=True, exist_ok=True)
                lock = Lock(folder)
                until_it_stands.callback(lock.release)
            coordinates = _coordinates(sheet, setup, observers)
            recorder = Recorder(folder, coordinates, definition.attributes(sheet, stepping))
            lineage = Lineage(None if folder is None else folder / LINEAGE)
            try:
                state = start.started(sheet, setup, stepping)
            except tissue.TissueError as error:
                raise SimulationError(f"at the start: {error}") from error
            lineage.founders(state.bodies, setup.names, Moment(setup, state).types)
            until_it_stands.pop_all()
        return cls(sheet, setup, stepping, observers, folder, state, recorder, lineage, lock)

    @classmethod
    def resumed(
        cls,
        folder: Path,
        observe: Observer | Sequence[Observer] | None,
        make: Callable[..., Declared],
        *,
        t_end: float | None = None,
        number: int | None = None,
        cluster: Any = None,
    ) -> tuple[Running, float]:
        """From the last checkpoint in a folder, or that of a number, of a tissue made by `Tissue`, and its end."""
        with ExitStack() as until_it_stands:
            # before anything is read, so that nothing changes until it is cut
            lock = Lock(folder) if folder.is_dir() else None
            if lock is not None:
                until_it_stands.callback(lock.release)
            taken, document, arrays = store.latest(folder, number=number)
            sheet, stepping = definition.read(document["definition"], arrays, make)
            setup = setup_of(sheet, cluster)
            observers = definition.observers(document["observers"], observe, folder)
            state = packed.unpacked(setup, document["state"], arrays)
            end = float(document["t_end"] if t_end is None else t_end)
            _check_end(end, state.time, stepping.every)
            # from here on what comes after the checkpoint is cut away
            store.forget(folder, taken)
            lineage = Lineage(folder / LINEAGE, document["lineage"])
            recorder = Recorder.reopened(
                folder,
                document["frames"],
                _coordinates(sheet, setup, observers),
                definition.attributes(sheet, stepping),
            )
            until_it_stands.pop_all()
            return cls(sheet, setup, stepping, observers, folder, state, recorder, lineage, lock), end

    def run(self, t_end: float, *, checkpoint: float, progress: bool) -> Run:
        """Go on to the end."""
        try:
            return self._run(t_end, checkpoint, progress)
        finally:
            if self.lock is not None:
                self.lock.release()

    def _run(self, t_end: float, checkpoint: float, progress: bool) -> Run:
        times = frame_times(t_end, self.stepping.every, after=self.state.time)
        begins = not self.recorder.frames
        if self.folder is not None and (begins or len(times)):
            # before the first frame is on the disk, so that whatever lies there can be gone on with
            self._save(t_end)
        unit = self.sheet.network.time_unit
        with Stopping(self.folder) as stopping, tqdm(
            total=t_end, initial=self.state.time, desc="tissue", unit=f" {unit}", disable=not progress,
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {n:.4g}/{total:.4g}{unit} [{elapsed}<{remaining}{postfix}]",
        ) as bar:  # fmt: skip
            before = self.state.time
            try:
                if begins:
                    self._record()
                saved = monotonic()
                for reached in self._steps(times, bar):
                    before = reached
                    if self.folder is not None and (stopping.asked or monotonic() - saved > checkpoint):
                        self._save(t_end)
                        saved = monotonic()
                        stopping.stop(reached, unit)
            except (SimulationError, CouplingError, tissue.TissueError) as error:
                where = f"after {before:g} {unit}: "
                raise SimulationError(where + str(error), self.recorder.dataset()) from error
            finally:
                self.recorder.flush()
                self.lineage.flush()
        if self.folder is not None and len(times):
            self._save(t_end)
        return Run(self.recorder.dataset(), self.folder, self.lineage)

    def _steps(self, times: Floats, bar: Any) -> Iterator[float]:
        """Step after step to the last of the times, with its frames; gives the time that each one reached."""
        state = self.state
        for until in map(float, times):
            while state.time < until:
                before = state.time
                loop.step(self.setup, self.stepping, state, self.lineage, loop.ends(state, until))
                bar.update(state.time - before)
                if state.time >= until:
                    self._record()
                    bar.set_postfix_str(f"{len(state.bodies)} cells", refresh=False)
                yield state.time

    def _record(self) -> None:
        frame, ids = recorded(self.observers, Moment(self.setup, self.state))
        chosen = any(isinstance(o, Cells) and o.ids is not None for o in self.observers)
        comes_and_goes = bool(self.setup.rules) or chosen
        self.recorder.add(self.state.time, frame, ids if comes_and_goes else None)

    def _save(self, t_end: float) -> None:
        """A checkpoint of now, to which frames and lineage on disk belong."""
        assert self.folder is not None
        self.recorder.flush()
        self.lineage.flush()
        fixed, constants = definition.written(self.sheet, self.stepping)
        scalars, arrays = packed.packed(self.state)
        document = {
            "definition": fixed,
            "observers": definition.written_observers(self.observers),
            "state": scalars,
            "frames": self.recorder.frames,
            "lineage": self.lineage.length,
            "t_end": float(t_end),
        }
        store.save(self.folder, self.state.steps, document, {**constants, **arrays})


def setup_of(sheet: Declared, cluster: Any) -> Setup:
    """A declared tissue as it runs, its networks here or on the workers of a cluster."""
    if cluster is None:
        return sheet.setup()
    documents = kind_document.of(list(sheet.kinds.values()), sheet.types, sheet.counts)
    return sheet.setup(cluster, tuple(map(json.dumps, documents)))


def _coordinates(sheet: Declared, setup: Setup, observers: tuple[Observer, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for observer in observers:
        found |= observer.coordinates(setup)
        if isinstance(observer, Cells) and observer.ids is None and not setup.rules:
            found["cell"] = np.arange(sheet.count)
    return found


def frame_times(t_end: float, every: float, *, after: float) -> Floats:
    """Times of frames after `after`: multiples of `every`, and t_end.

    A multiple is the same number whatever the end, so that a run that goes on has the steps of one made at once; and
    the shortest number within its rounding, 0.3 and not 3 * 0.1.
    """
    times = options.output_times(t_end, every)
    multiples = every * np.arange(len(times))
    short = np.array([float(f"{time:.12g}") for time in multiples])
    multiples = np.where(np.abs(short - multiples) <= 2.0 * np.spacing(multiples), short, multiples)
    whole = np.abs(times - multiples) <= NEAR * every
    times[whole] = multiples[whole]
    return times[times > after]


def _check_end(t_end: float, reached: float, every: float) -> None:
    if t_end < reached - NEAR * every:
        raise OptionError(f"t_end={t_end:g}: the run has come to {reached:g} already.")
