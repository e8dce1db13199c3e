"""The state of a tissue at its start."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import tissue
from biomulti._rng import streams
from biomulti.cells import CellPopulation, population
from biomulti.counts import whole_starts
from biomulti.coupled import loop, mechanics
from biomulti.coupled.declared import Declared
from biomulti.coupled.division import BODY_STREAM, first_thresholds, soon
from biomulti.coupled.history import History
from biomulti.coupled.moment import Moment
from biomulti.coupled.setup import Setup, Stepping
from biomulti.coupled.state import Bodies, State, slices

Floats = NDArray[np.float64]
FIRST = 1.0 / 16.0  # step, over the interval between frames, where it is chosen; no more than twice the tolerance


def started(sheet: Declared, setup: Setup, stepping: Stepping) -> State:
    """Networks warmed up, the first flow, and what cells feel in it."""
    places = slices(sheet.counts)
    populations = [_networks(sheet, k, place.start) for k, place in enumerate(places)]
    n, dim = sheet.count, sheet.grid.dim
    ids = np.arange(n)
    bodies = Bodies(
        id=ids,
        parent=np.full(n, -1),
        generation=np.zeros(n, dtype=np.int64),
        born=0.0 - sheet.ages,
        position=sheet.positions.copy(),
        size=np.full(n, sheet.cell_size),
        axis=sheet.polarity.copy(),
        deformation=tissue.undeformed(n, dim),
        threshold=first_thresholds(
            setup.rules, streams(sheet.seed, np.uint64(BODY_STREAM) + ids.astype(np.uint64)), sheet.ages
        ),
    )
    own = [
        np.stack([cells.p[:, sheet.types[k].stepper.system.parameters.index(name)] for name in setup.driven(k)], axis=1)
        if setup.driven(k)
        else np.empty((cells.rows, 0))
        for k, cells in enumerate(populations)
    ]
    nothing = tissue.spread_stress(sheet.grid, bodies.position, np.zeros((n, dim * (dim + 1) // 2)))
    still = sheet.stokes.solve(active_stress=nothing)
    state = State(
        time=0.0,
        steps=0,
        bodies=bodies,
        networks=[setup.place(k, cells) for k, cells in enumerate(populations)],
        own=own,
        driving=[values.copy() for values in own],
        flow=still,
        active=nothing,
        growth=None,
        force=None,
        morphogens={n: field.copy() for n, (_, field) in sheet.morphogens.items()},
        histories=[History.begun(n) for _ in setup.signals],
        next_id=n,
        dt=min(stepping.every * min(FIRST, 2.0 * stepping.tolerance), soon(setup, stepping.tolerance))
        if stepping.dt is None
        else stepping.dt,
    )
    now = Moment(setup, state)
    mechanics.solve(setup, state, now)
    after = Moment(setup, state)
    loop.feel(setup, state, after, 0.0, stepping, of_flow=True)
    loop.feel(setup, state, after, 0.0, stepping)
    loop.feel(setup, state, after, 0.0, stepping, of_networks=True)
    loop.drive(setup, state, 0.0, stepping)
    return state


def _networks(sheet: Declared, k: int, first: int) -> CellPopulation:
    """The networks of a type, whose cells are numbered from `first` on, after their time alone."""
    kind, given = sheet.types[k], list(sheet.kinds.values())[k]
    system, species = kind.stepper.system, kind.network.species_by_id
    own = {name: values for (of, name), values in sheet.own.items() if of == k}
    # what a cell starts with may follow from its own parameters
    parameters = {**given.parameters, **{name: values for name, values in own.items() if name not in species}}
    cells = population(
        system, sheet.counts[k], first=first, seed=sheet.seed, initial=given.initial, parameters=parameters
    )
    for name, values in own.items():
        cells.p[:, system.parameters.index(name)] = values
    driven = {c.parameter for c in sheet.signals if k in c.types}
    cells.driven = frozenset(system.parameters.index(name) for name in driven)
    cells.y[:] = cells.peak[:] = whole_starts(system, cells.y, kind.stepper.counts)
    cells.clock[:] = 0.0 - sheet.warm_up
    kind.stepper.advance(cells, np.zeros(1))
    return cells
