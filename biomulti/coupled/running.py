"""A run on its way: steps, frames, lineage and checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

import tissue
from biomulti import checkpoint as store
from biomulti import options
from biomulti.coupled import definition, loop, packed, start
from biomulti.coupled.lineage import Lineage
from biomulti.coupled.moment import Moment
from biomulti.coupled.observers import Cells, Observer, as_observers, recorded
from biomulti.coupled.setup import Setup, Stepping
from biomulti.coupled.state import State
from biomulti.errors import OptionError, SimulationError
from biomulti.recorder import Recorder
from biomulti.run import Run

if TYPE_CHECKING:
    from biomulti.coupled.tissue import Tissue

LINEAGE = "lineage.csv"


class Running:
    """What a run needs to go on, from its start or from a checkpoint."""

    def __init__(
        self,
        sheet: Tissue,
        setup: Setup,
        stepping: Stepping,
        observers: tuple[Observer, ...],
        folder: Path | None,
        state: State,
        recorder: Recorder,
        lineage: Lineage,
    ) -> None:
        self.sheet, self.setup, self.stepping, self.observers = sheet, setup, stepping, observers
        self.folder, self.state, self.recorder, self.lineage = folder, state, recorder, lineage

    @classmethod
    def begun(
        cls,
        sheet: Tissue,
        stepping: Stepping,
        observe: Observer | Sequence[Observer] | None,
        folder: Path | None,
        cluster: Any = None,
    ) -> Running:
        """At the start, with the first frame."""
        observers, setup = as_observers(observe), sheet.setup(cluster)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        coordinates = _coordinates(sheet, setup, observers)
        recorder = Recorder(folder, coordinates, definition.attributes(sheet, stepping))
        lineage = Lineage(None if folder is None else folder / LINEAGE)
        state = start.started(sheet, setup, stepping)
        lineage.founders(state.bodies, setup, Moment(setup, state).types)
        running = cls(sheet, setup, stepping, observers, folder, state, recorder, lineage)
        running._record()
        return running

    @classmethod
    def resumed(
        cls, folder: Path, observe: Observer | Sequence[Observer] | None, cluster: Any = None
    ) -> tuple[Running, float]:
        """From the last checkpoint in a folder, and the end that was asked for."""
        _, document, arrays = store.latest(folder)
        sheet, stepping = definition.read(document["definition"], arrays)
        setup = sheet.setup(cluster)
        observers = definition.observers(document["observers"], observe, folder)
        state = packed.unpacked(setup, document["state"], arrays)
        recorder = Recorder.reopened(
            folder, document["frames"], _coordinates(sheet, setup, observers), definition.attributes(sheet, stepping)
        )
        lineage = Lineage(folder / LINEAGE, document["lineage"])
        return cls(sheet, setup, stepping, observers, folder, state, recorder, lineage), float(document["t_end"])

    def run(self, t_end: float, *, checkpoint: float, progress: bool) -> Run:
        """Go on to the end."""
        state = self.state
        if t_end < state.time:
            raise OptionError(f"t_end={t_end:g}: the run has come to {state.time:g} already.")
        times = options.output_times(t_end, self.stepping.every)
        times = times[times > state.time]
        if self.folder is not None:
            self._save(t_end)
        saved, unit = monotonic(), self.sheet.network.time_unit
        with tqdm(
            total=t_end, initial=state.time, desc="tissue", unit=f" {unit}", disable=not progress,
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {n:.4g}/{total:.4g}{unit} [{elapsed}<{remaining}{postfix}]",
        ) as bar:  # fmt: skip
            try:
                for until in map(float, times):
                    while state.time < until:
                        before = state.time
                        loop.step(self.setup, self.stepping, state, self.lineage, loop.ends(state, until))
                        bar.update(state.time - before)
                        if self.folder is not None and monotonic() - saved > checkpoint and state.time < until:
                            self._save(t_end)
                            saved = monotonic()
                    self._record()
                    bar.set_postfix_str(f"{len(state.bodies)} cells", refresh=False)
            except (SimulationError, tissue.TissueError) as error:
                where = f"after {before:g} {unit}: "
                raise SimulationError(where + str(error), self.recorder.dataset()) from error
            finally:
                self.recorder.flush()
                self.lineage.flush()
        if self.folder is not None:
            self._save(t_end)
        return Run(self.recorder.dataset(), self.folder, self.lineage)

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


def _coordinates(sheet: Tissue, setup: Setup, observers: tuple[Observer, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for observer in observers:
        found |= observer.coordinates(setup)
        if isinstance(observer, Cells) and observer.ids is None and not setup.rules:
            found["cell"] = np.arange(sheet.count)
    return found
