"""How networks, flow and life take turns.

    Lie       networks dt with the signals of the start; flow dt with the amounts of the end; signals; life.
    Strang    networks dt/2; flow dt with the amounts and places of the middle; signals; networks dt/2; life.
              Signals are taken at the middle of what they act on, along the line through the last two of them.

What neighbours have is felt last, after life. Of the signals of its own body a daughter feels her own from her birth.

Lie is of first order in dt, Strang of second.
Sources: Strang 1968, doi:10.1137/0705041; the step is chosen as in Hairer, Norsett and Wanner 1993, section II.4.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from biomulti.coupled import division, mechanics
from biomulti.coupled.distance import within
from biomulti.coupled.lineage import Lineage
from biomulti.coupled.moment import Moment
from biomulti.coupled.setup import Setup, Stepping
from biomulti.coupled.signals import Age, Neighbours, Size, Strain, never_negative
from biomulti.coupled.state import Bodies, State

Floats = NDArray[np.float64]
SMALLEST = 1e-3  # step, over the interval between frames
SAFETY = 0.8  # of the step that would just meet the tolerance
OF_BODY = (Strain, Size, Age)  # signals that begin anew with a daughter
FEWER, MORE = 0.3, 2.0  # by what factors a step may change at once


def step(setup: Setup, stepping: Stepping, state: State, lineage: Lineage, end: float) -> None:
    """Advance everything to time `end`, in place, and choose the next step."""
    start, dt = state.time, end - state.time
    errors: list[float] = []
    chosen = stepping.dt is None
    amounts = [_driving(setup, Moment(setup, state))] if chosen else []
    if stepping.ahead:
        _networks(setup, state, start, 0.5 * (start + end), stepping)
        amounts += [_driving(setup, Moment(setup, state))] if chosen else []
        _flow(setup, stepping, state, end, dt, errors)
        _networks(setup, state, 0.5 * (start + end), end, stepping)
    else:
        _networks(setup, state, start, end, stepping)
        _flow(setup, stepping, state, end, dt, errors)
    now = Moment(setup, state)
    if chosen:
        errors += _bent([*amounts, _driving(setup, now)])
        errors.append(division.late(setup, now))
    known, before = state.next_id, state.bodies
    division.live(setup, state, lineage, now)
    after = Moment(setup, state)
    if state.bodies is not before:
        _begin_anew(setup, state, known)
    feel(setup, state, after, end, stepping, of_networks=True, errors=errors)
    if state.bodies is not before:
        _forget_jumps(setup, state, after, before, known)
    state.steps += 1
    if chosen:
        state.dt = min(_next(stepping, dt, max(errors, default=0.0)), division.soon(setup, stepping.tolerance))


def ends(state: State, until: float) -> float:
    """Where the next step ends, of equal ones until the time `until`."""
    steps = max(1, math.ceil((until - state.time) / state.dt - 1e-9))
    return until if steps == 1 else state.time + (until - state.time) / steps


def _networks(setup: Setup, state: State, start: float, end: float, stepping: Stepping) -> None:
    """Every cell's network, its parameters being what signals make of them in the middle of the interval."""
    drive(setup, state, 0.5 * (start + end), stepping)
    for k, networks in enumerate(state.networks):
        system = setup.types[k].stepper.system
        parameters = [system.parameters.index(name) for name in setup.driven(k)]
        networks.advance(parameters, state.driving[k], end)


def _flow(setup: Setup, stepping: Stepping, state: State, end: float, dt: float, errors: list[float]) -> None:
    state.time = end
    now, middle = mechanics.move(setup, state, stepping, dt)
    if stepping.ahead:
        feel(setup, state, now, middle, stepping, of_flow=True, errors=errors)
        feel(setup, state, Moment(setup, state), end, stepping, errors=errors)
    else:
        after = Moment(setup, state)
        feel(setup, state, after, end, stepping, of_flow=True, errors=errors)
        feel(setup, state, after, end, stepping, errors=errors)


def feel(
    setup: Setup,
    state: State,
    now: Moment,
    time: float,
    stepping: Stepping,
    *,
    of_flow: bool = False,
    of_networks: bool = False,
    errors: list[float] | None = None,
) -> None:
    """Remember what is felt of some signals: those of the flow, those of neighbours' networks, or all others."""
    for k, coupling in enumerate(setup.signals):
        networks = isinstance(coupling.signal, Neighbours)
        if networks is not of_networks or coupling.signal.moves_with_flow is not of_flow:
            continue
        history, felt = state.histories[k], now.feel(coupling.signal)
        if errors is not None:
            # also where there is a delay, since what is remembered must follow the signal
            expected = history.at(time, ahead=stepping.ahead, lowest=_lowest(coupling.signal))
            errors.append(_error(setup, state, k, coupling.response(felt), coupling.response(expected)))
        history.add(time, felt, coupling.lag)


def _begin_anew(setup: Setup, state: State, known: int) -> None:
    """Daughters, numbered from `known` on, feel their own bodies; a delay still brings what their parent felt."""
    now, born = Moment(setup, state), state.bodies.id >= known
    for coupling, history in zip(setup.signals, state.histories, strict=True):
        if isinstance(coupling.signal, OF_BODY):
            jump = np.where(born, now.feel(coupling.signal) - history.value[-1], 0.0)
            # all moments alike, so that the line through them goes on from the new one
            history.value[-1 if coupling.lag else 0 :] += jump


def _driving(setup: Setup, now: Moment) -> list[Floats]:
    """Amounts of the species that act on the tissue, [n] each."""
    names = list(dict.fromkeys(c.species for c in setup.outputs))
    now.read(names)
    return [now.amount(name) for name in names]


def _bent(amounts: list[list[Floats]]) -> list[float]:
    """How far amounts at the start, (the middle) and the end of a step are from what the step took them for, over
    their size, root mean squares over cells: a line (by Strang's rule), or what they are at its end."""
    found = []
    for course in zip(*amounts, strict=True):
        off = course[0] - course[-1] if len(course) == 2 else 0.5 * (course[0] + course[2]) - course[1]
        size = float((np.maximum(np.abs(course[0]), np.abs(course[-1])) ** 2).sum())
        found.append(math.sqrt(float((off**2).sum()) / size) if size > 0.0 else 0.0)
    return found


def _forget_jumps(setup: Setup, state: State, now: Moment, before: Bodies, known: int) -> None:
    """Cells beside which one was born or died feel what is there now, and no line leads there from what was."""
    born, dead = state.bodies.id >= known, ~np.isin(before.id, state.bodies.id)
    places = np.concatenate([state.bodies.position[born], before.position[dead]])
    for coupling, history in zip(setup.signals, state.histories, strict=True):
        if isinstance(coupling.signal, Neighbours) and len(history.time) > 1 and len(places) and len(now.bodies):
            near = within(setup.grid, now.positions, places, now.reach(coupling.signal))
            history.value[-1 if coupling.lag else 0 :, near] = history.value[-1, near]


def drive(setup: Setup, state: State, time: float, stepping: Stepping) -> None:
    """Parameters of all networks as signals make them at a time."""
    column = [0] * len(setup.types)
    places = state.slices
    for coupling, history in zip(setup.signals, state.histories, strict=True):
        value = coupling.response(
            history.at(time - coupling.lag, ahead=stepping.ahead, lowest=_lowest(coupling.signal))
        )
        for k in coupling.types:
            state.driving[k][:, column[k]] = state.own[k][:, column[k]] + value[places[k]]
            column[k] += 1


def _lowest(signal: object) -> float:
    return 0.0 if never_negative(signal) else -math.inf  # type: ignore[arg-type]


def _error(setup: Setup, state: State, k: int, found: Floats, expected: Floats) -> float:
    """How far a driven parameter is from what was expected, over its size, root mean squares over all cells."""
    coupling, places = setup.signals[k], state.slices
    scale = difference = 0.0
    for kind in coupling.types:
        own = state.own[kind][:, setup.driven(kind).index(coupling.parameter)]
        here = places[kind]
        scale += float(((np.abs(own) + np.abs(found[here])) ** 2).sum())
        difference += float(((found[here] - expected[here]) ** 2).sum())
    return math.sqrt(difference / scale) if scale > 0.0 else 0.0


def _next(stepping: Stepping, dt: float, error: float) -> float:
    """The next step: errors of what is expected grow with dt^order."""
    order = 2 if stepping.ahead else 1
    factor = MORE if error == 0.0 else SAFETY * (stepping.tolerance / error) ** (1.0 / order)
    return min(stepping.every, max(SMALLEST * stepping.every, dt * min(MORE, max(FEWER, factor))))
