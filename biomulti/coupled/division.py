"""Cells that divide and die: who does, and what becomes of the arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from biomulti import _kernels_division as kernels
from biomulti._rng import exponentials, streams
from biomulti.cells import CellPopulation
from biomulti.coupled.directions import POLARITY, as_direction
from biomulti.coupled.kind import Kind
from biomulti.coupled.life import LONG, RANDOM, Death, Division, LifeRule
from biomulti.coupled.lineage import Lineage
from biomulti.coupled.moment import Moment
from biomulti.coupled.setup import Setup
from biomulti.coupled.signals import Age
from biomulti.coupled.state import State
from biomulti.stepper import Stepper
from tissue.particles import into_box

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
REDRAWN = 1000  # times that a threshold of age is drawn in search of one beyond a founder's age
BODY_STREAM = 1 << 63  # added to a cell's number: its stream for what is no reaction


def live(setup: Setup, state: State, lineage: Lineage, now: Moment) -> None:
    """Let die and divide those that have passed a threshold `now`, in place; a cell that would do both dies."""
    if not setup.rules:
        return
    dies, divides = (_chosen(setup, now, kind) for kind in (Death, Division))
    divides = np.where(dies >= 0, -1, divides)
    if (dies >= 0).any():
        lineage.ended(state.time, state.bodies.id, dies, setup.rules)
    if (divides >= 0).any():
        lineage.divided(state.time, state.bodies.id, divides)
    if (dies >= 0).any() or (divides >= 0).any():
        _rearrange(setup, state, now, dies >= 0, divides, lineage)


def late(setup: Setup, now: Moment) -> float:
    """How far those that now divide or die are beyond their thresholds, over these, root mean square."""
    off: list[Floats] = []
    for k, rule in enumerate(setup.rules):
        if rule.rule.when is not None and not isinstance(rule.rule.when, Age):
            threshold = now.bodies.threshold[:, k]
            watched = _watched(now, rule)
            passed = rule.passed(watched, threshold) & np.isin(now.types, rule.types)
            size = np.maximum(np.abs(watched[passed]), np.abs(threshold[passed]))
            off.append((watched[passed] - threshold[passed]) / np.where(size > 0.0, size, 1.0))
    together = np.concatenate([np.empty(0), *off])
    return math.sqrt(float((together**2).mean())) if len(together) else 0.0


def soon(setup: Setup, tolerance: float) -> float:
    """The longest step in which ages and rates of death are met within the tolerance."""
    ages = [r.threshold for r in setup.rules if r.rule.when is None or isinstance(r.rule.when, Age)]
    return tolerance * min((age for age in ages if age > 0.0), default=math.inf)


def _chosen(setup: Setup, now: Moment, kind: type) -> Integers:
    """The first rule of this kind that each cell has passed, -1 where none, [n]."""
    out = np.full(len(now.bodies), -1)
    for k in reversed(range(len(setup.rules))):
        rule = setup.rules[k]
        if isinstance(rule.rule, kind):
            passed = rule.passed(_watched(now, rule), now.bodies.threshold[:, k])
            out[passed & np.isin(now.types, rule.types)] = k
    return out


def _watched(now: Moment, rule: LifeRule) -> Floats:
    when = rule.rule.when
    if when is None:
        return now.time - now.bodies.born
    return now.amount(when) if isinstance(when, str) else now.feel(when)


def _rearrange(setup: Setup, state: State, now: Moment, dies: Booleans, divides: Integers, lineage: Lineage) -> None:
    """Survivors keep their order, a first daughter takes its parent's place, the second comes after all of its type."""
    bodies, places = state.bodies, state.slices
    changed: list[tuple[Integers, Integers, Integers]] = []
    sources: list[Integers] = []
    firsts: list[Integers] = []
    seconds: list[Integers] = []
    for place in places:
        stay = np.flatnonzero(~dies[place])
        mothers = np.flatnonzero(divides[place] >= 0)
        first = np.searchsorted(stay, mothers)
        begin = sum(len(s) for s in sources)
        sources.append(place.start + np.concatenate([stay, mothers]))
        firsts.append(begin + first)
        seconds.append(begin + len(stay) + np.arange(len(mothers)))
        changed.append((stay, mothers, first))
    source, first, second = np.concatenate(sources), np.concatenate(firsts), np.concatenate(seconds)
    mothers = source[first]
    rule = divides[mothers]
    born = state.next_id + np.arange(2 * len(mothers))
    state.next_id += len(born)
    rng = streams(setup.seed, np.uint64(BODY_STREAM) + born.astype(np.uint64))
    of_first = np.ascontiguousarray(rng[::2])
    share = _shares(setup, rule, of_first)
    axis = _axes(setup, now, mothers, rule, of_first)
    rng[::2] = of_first
    for k, (kind, (stay, own_mothers, own_first)) in enumerate(zip(setup.types, changed, strict=True)):
        if len(stay) == state.networks[k].rows and not len(own_mothers):
            continue
        found = state.networks[k].population().taken(np.concatenate([stay, own_mothers]))
        if len(own_mothers):
            of_type = (places[k].start <= mothers) & (mothers < places[k].stop)
            numbers = born.reshape(-1, 2)[of_type]
            own_second = len(stay) + np.arange(len(own_mothers))
            _deal(setup, kind, found, own_first, own_second, share[of_type], rule[of_type], numbers)
        state.networks[k] = setup.place(k, found)
        state.own[k] = state.own[k][np.concatenate([stay, own_mothers])]
        state.driving[k] = state.driving[k][np.concatenate([stay, own_mothers])]
    state.bodies = bodies.taken(source)
    state.histories = [h.taken(source) for h in state.histories]
    if len(mothers):
        _settle(setup, state, first, second, born, share, axis, rng)
        lineage.born(
            state.time, state.bodies, np.stack([first, second], axis=1).ravel(), setup.names, now.types[mothers]
        )


def _settle(
    setup: Setup, state: State, first: Integers, second: Integers, born: Integers, share: Floats, axis: Floats,
    rng: NDArray[np.uint64],
) -> None:  # fmt: skip
    """What is new of the bodies of daughters."""
    bodies, dim = state.bodies, setup.grid.dim
    apart = distance(bodies.size[first], dim)
    mother, centre, size = bodies.id[first], bodies.position[first], bodies.size[first]
    for index, number, part, away in (
        (first, born[::2], share, (1.0 - share) * apart),
        (second, born[1::2], 1.0 - share, -share * apart),
    ):
        bodies.id[index], bodies.parent[index], bodies.born[index] = number, mother, state.time
        bodies.generation[index] += 1
        bodies.size[index] = part * size
        bodies.position[index] = into_box(setup.grid, centre + away[:, None] * axis)
        bodies.deformation[index] = np.eye(dim)
    daughters = np.stack([first, second], axis=1).ravel()
    bodies.threshold[daughters] = thresholds(setup.rules, rng)


def distance(size: Floats, dim: int) -> Floats:
    """Between the centres of the halves of discs (balls) of these areas (volumes), [n]."""
    if dim == 2:
        return np.asarray(8.0 / (3.0 * math.pi) * np.sqrt(size / math.pi))
    return np.asarray(0.75 * np.cbrt(0.75 * size / math.pi))


def first_thresholds(rules: tuple[LifeRule, ...], rng: NDArray[np.uint64], ages: Floats) -> Floats:
    """As `thresholds`, of cells that have come to the ages [n] without passing any of age."""
    out = thresholds(rules, rng)
    for k, rule in enumerate(rules):
        if rule.rule.when is None:
            # without memory
            out[:, k] += ages
        elif isinstance(rule.rule.when, Age) and rule.rule.above is not None and rule.spread:
            for _ in range(REDRAWN):
                passed = np.flatnonzero(out[:, k] <= ages)
                if not len(passed):
                    break
                own = np.ascontiguousarray(rng[passed])
                out[passed, k] = thresholds((rule,), own)[:, 0]
                rng[passed] = own
    return out


def thresholds(rules: tuple[LifeRule, ...], rng: NDArray[np.uint64]) -> Floats:
    """The thresholds of new cells, [n, rules], drawn from their streams [n, 4]."""
    out = np.empty((len(rng), len(rules)))
    for k, rule in enumerate(rules):
        out[:, k] = rule.threshold
        if rule.spread and math.isfinite(rule.threshold):
            column = np.empty(len(rng))
            kernels.thresholds(rule.threshold, rule.spread, rng, column)
            out[:, k] = column
    return out


def _shares(setup: Setup, rule: Integers, rng: NDArray[np.uint64]) -> Floats:
    """What part of each mother goes to her first daughter."""
    out = np.empty(len(rule))
    for k in np.unique(rule):
        of_rule, division = rule == k, setup.rules[k].rule
        assert isinstance(division, Division)
        out[of_rule] = division.share
        if division.share_spread:
            own, column = rng[of_rule], np.empty(int(of_rule.sum()))
            kernels.shares(division.share, division.share_spread, own, column)
            rng[of_rule], out[of_rule] = own, column
    return out


def _axes(setup: Setup, now: Moment, mothers: Integers, rule: Integers, rng: NDArray[np.uint64]) -> Floats:
    """Unit vectors along which daughters come to lie, [mothers, dim]."""
    dim = setup.grid.dim
    random = np.empty((len(mothers), dim))
    for column in range(dim):
        normal = np.empty(len(mothers))
        kernels.normals(rng, normal)
        random[:, column] = normal
    random /= np.sqrt((random**2).sum(axis=1, keepdims=True))
    out = random.copy()
    for k in np.unique(rule):
        of_rule, division = rule == k, setup.rules[k].rule
        assert isinstance(division, Division)
        if division.axis == LONG:
            out[of_rule] = long_axes(now.bodies.deformation[mothers[of_rule]], random[of_rule])
        elif division.axis != RANDOM:
            own = now.bodies.axis[mothers[of_rule]] if division.axis == POLARITY else None
            out[of_rule] = as_direction(division.axis, dim, own)
    return out


def long_axes(deformation: Floats, otherwise: Floats) -> Floats:
    """The longest axes of deformed cells [n, dim, dim], and vectors [n, dim] where they are round."""
    values, vectors = np.linalg.eigh(deformation @ np.swapaxes(deformation, 1, 2))
    round_ = values[:, -1] - values[:, -2] <= 1e-9 * values[:, -1]
    return np.where(round_[:, None], otherwise, vectors[:, :, -1])


def _deal(
    setup: Setup, kind: Kind, cells: CellPopulation, first: Integers, second: Integers, share: Floats,
    rule: Integers, numbers: Integers,
) -> None:  # fmt: skip
    """The networks of daughters, which are copies of their mothers' so far; numbers [mothers, 2] are their ids."""
    index = np.stack([first, second], axis=1).ravel()
    rng = streams(setup.seed, numbers.ravel().astype(np.uint64))
    for k in np.unique(rule):
        of_rule, division = rule == k, setup.rules[k].rule
        assert isinstance(division, Division)
        sort = kinds(kind.stepper, division.copied, kind.stepper.system.states)
        one, two, own = first[of_rule], second[of_rule], np.ascontiguousarray(rng.reshape(-1, 2, 4)[of_rule, 0])
        before = np.ascontiguousarray(cells.y[one])
        parts = np.empty_like(before), np.empty_like(before)
        kernels.deal(sort, share[of_rule], before, own, *parts)
        cells.y[one], cells.y[two] = parts
        _deal_unchanging(kind, cells, one, two, share[of_rule], own, division.copied)
        rng.reshape(-1, 2, 4)[of_rule, 0] = own
        cut = np.flatnonzero(sort != kernels.COPIED)
        for daughters, part in ((one, share[of_rule]), (two, 1.0 - share[of_rule])):
            if cells.past.state.size:
                past = cells.past.state[daughters]
                past[..., cut] *= part[:, None, None, None]
                cells.past.state[daughters] = past
    cells.left[index] = exponentials(rng)
    cells.number[index] = numbers.ravel()
    cells.rng[index] = rng
    changed = np.zeros(cells.rows, dtype=bool)
    changed[index] = True
    kind.stepper.changed(cells, changed)


def _deal_unchanging(
    kind: Kind, cells: CellPopulation, first: Integers, second: Integers, share: Floats, rng: NDArray[np.uint64],
    copied: tuple[str, ...],
) -> None:  # fmt: skip
    """Species that no reaction and no event changes, whose amounts are parameters of a row."""
    system = kind.stepper.system
    sort = kinds(kind.stepper, copied, system.parameters)
    columns = np.flatnonzero(sort != kernels.COPIED)
    if len(columns):
        before = cells.p[np.ix_(first, columns)] * system.scale
        whole = np.round(before)
        # what was whole in the model's unit is whole in molecules but for rounding
        before = np.where(np.abs(before - whole) <= 1e-9 * whole, whole, before)
        parts = np.empty_like(before), np.empty_like(before)
        kernels.deal(sort[columns], share, before, rng, *parts)
        for daughters, part in zip((first, second), parts, strict=True):
            cells.p[np.ix_(daughters, columns)] = part / system.scale


def kinds(stepper: Stepper, copied: tuple[str, ...], names: Sequence[str]) -> Integers:
    """How the variables of these names are dealt: what is no amount, what is held from outside (boundary species) and
    what is copied goes to both as it is."""
    species = stepper.system.network.species_by_id
    out = np.full(len(names), kernels.COPIED)
    for k, name in enumerate(names):
        if name in species and name not in copied and not (species[name].constant or species[name].boundary):
            out[k] = kernels.CUT if stepper.accurate else kernels.DEALT
    return out
