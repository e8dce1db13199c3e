"""The state of a run as named arrays and a few numbers, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from numpy.typing import NDArray

import tissue
from biomulti.cells import PER_ROW, Agenda, CellPopulation, Past
from biomulti.coupled.history import History
from biomulti.coupled.setup import Setup
from biomulti.coupled.state import Bodies, State

Arrays = dict[str, NDArray[Any]]
WAITING = ("agenda", "past")


def packed(state: State) -> tuple[dict[str, Any], Arrays]:
    """Numbers by name, and arrays by name."""
    arrays: Arrays = {f"bodies/{f.name}": getattr(state.bodies, f.name) for f in fields(Bodies)}
    populations = [networks.population() for networks in state.networks]
    for k, cells in enumerate(populations):
        arrays |= {f"cells/{k}/{name}": getattr(cells, name) for name in PER_ROW}
        for part in WAITING:
            held = getattr(cells, part)
            arrays |= {f"cells/{k}/{part}/{f.name}": getattr(held, f.name) for f in fields(held)}
        arrays[f"own/{k}"], arrays[f"driving/{k}"] = state.own[k], state.driving[k]
    for k, history in enumerate(state.histories):
        arrays[f"history/{k}/time"], arrays[f"history/{k}/value"] = history.time, history.value
    arrays |= {f"flow/{axis}": part for axis, part in enumerate(state.flow.velocity)}
    arrays["flow/p"] = state.flow.p
    arrays |= {f"active/{k}": part for k, part in enumerate(state.active.components)}
    if state.growth is not None:
        arrays["growth"] = state.growth
    if state.force is not None:
        arrays |= {f"force/{axis}": part for axis, part in enumerate(state.force)}
    arrays |= {f"morphogen/{name}": field for name, field in state.morphogens.items()}
    numbers = {
        "time": state.time,
        "steps": state.steps,
        "next_id": state.next_id,
        "dt": state.dt,
        "iterations": state.flow.iterations,
        "residual": float(state.flow.residual),
        "begun": [cells.begun for cells in populations],
        "driven": [sorted(cells.driven) for cells in populations],
    }
    return numbers, arrays


def unpacked(setup: Setup, numbers: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> State:
    """The state that was packed."""
    grid = setup.grid

    def population(k: int) -> CellPopulation:
        of = f"cells/{k}/"
        return CellPopulation(
            **{name: arrays[of + name] for name in PER_ROW},
            agenda=Agenda(**{f.name: arrays[f"{of}agenda/{f.name}"] for f in fields(Agenda)}),
            past=Past(**{f.name: arrays[f"{of}past/{f.name}"] for f in fields(Past)}),
            begun=numbers["begun"][k],
            driven=frozenset(numbers["driven"][k]),
        )

    velocity = tuple(arrays[f"flow/{axis}"] for axis in range(grid.dim))
    parts = [arrays[f"active/{k}"] for k in range(grid.dim * (grid.dim + 1) // 2)]
    return State(
        time=numbers["time"],
        steps=numbers["steps"],
        bodies=Bodies(**{f.name: arrays[f"bodies/{f.name}"] for f in fields(Bodies)}),
        networks=[setup.place(k, population(k)) for k in range(len(setup.types))],
        own=[arrays[f"own/{k}"] for k in range(len(setup.types))],
        driving=[arrays[f"driving/{k}"] for k in range(len(setup.types))],
        flow=tissue.Flow(grid, velocity, arrays["flow/p"], numbers["iterations"], numbers["residual"]),
        active=tissue.StressField(grid, *parts),
        growth=arrays.get("growth"),
        force=tuple(arrays[f"force/{axis}"] for axis in range(grid.dim)) if "force/0" in arrays else None,
        morphogens={name: arrays[f"morphogen/{name}"] for name in setup.morphogens},
        histories=[
            History(arrays[f"history/{k}/time"], arrays[f"history/{k}/value"]) for k in range(len(setup.signals))
        ],
        next_id=numbers["next_id"],
        dt=numbers["dt"],
    )
