"""Composition and rejection: the cost of a firing does not grow with the number of reactions.

Slepoy, Thompson and Plimpton (2008), J. Chem. Phys. 128, 205101, doi:10.1063/1.2919546: a group holds the reactions
whose propensities lie between two powers of 2. A group is chosen by its share of the sum, then any of its members,
which is taken with the probability that its propensity is of the group's upper bound: more than one time in two.
"""

from __future__ import annotations

import numpy as np
from numba import int64, prange, void

from biomulti._kernels_tables import SIGNATURE, loop, propensity
from biomulti._rng import uniform
from tissue._jit import device, kernel

GROUPS = 32  # powers of 2 that have a group of their own; the last group holds all that is smaller, and is searched
ABOVE = 6  # of them above the largest propensity at the last rebuilding


@device
def _exponent(a):  # type: ignore[no-untyped-def]
    """e with 2^(e - 1) <= a < 2^e, for a > 0."""
    return ((np.float64(a).view(np.int64) >> 52) & 0x7FF) - 1022


@device
def _group(a, top):  # type: ignore[no-untyped-def]
    """The group of a propensity a, the largest first; -1 for 0."""
    if not a > 0.0:
        return -1
    return min(max(top - _exponent(a), 0), GROUPS - 1)


@device
def _insert(state, j, a, g):  # type: ignore[no-untyped-def]
    _, group, position, members, weight, size, _ = state
    group[j] = g
    if g >= 0:
        position[j] = size[g]
        members[g, size[g]] = j
        size[g] += 1
        weight[g] += a


@device
def _remove(state, j, a, g):  # type: ignore[no-untyped-def]
    _, _, position, members, weight, size, _ = state
    if g >= 0:
        size[g] -= 1
        last = members[g, size[g]]
        members[g, position[j]] = last
        position[last] = position[j]
        weight[g] = weight[g] - a if size[g] else 0.0


@device
def _total(state, bad):  # type: ignore[no-untyped-def]
    weight = state[4]
    total = 0.0
    for g in range(0, GROUPS, 4):
        total += (weight[g] + weight[g + 1]) + (weight[g + 2] + weight[g + 3])
    return np.nan if bad else total


@device
def rebuild(state, laws, tables, x, p, c):  # type: ignore[no-untyped-def]
    """Every propensity and the groups, members in the order of reactions; gives the sum of all."""
    a, _, _, _, weight, size, top = state
    largest, bad = 0.0, False
    for j in range(a.shape[0]):
        a[j] = propensity(j, laws, tables, x, p, c)
        bad |= not a[j] >= 0.0
        largest = max(largest, a[j])
    top[0] = _exponent(largest) + ABOVE if largest > 0.0 else 0
    for g in range(GROUPS):
        weight[g], size[g] = 0.0, 0
    if not bad:
        for j in range(a.shape[0]):
            _insert(state, j, a[j], _group(a[j], top[0]))
    return _total(state, bad)


@device
def select(state, rng, i, total):  # type: ignore[no-untyped-def]
    """A group by its share of the sum, then members of it at random until one is taken."""
    a, _, _, members, weight, size, top = state
    target, partial, g = uniform(rng, i) * total, 0.0, -1
    for h in range(GROUPS):
        if size[h] > 0:
            g = h
            partial += weight[h]
            if partial > target:
                break
    if g == GROUPS - 1:
        target, partial, j = uniform(rng, i) * weight[g], 0.0, -1
        for m in range(size[g]):
            j = members[g, m]
            partial += a[j]
            if partial > target:
                break
        return j
    bound = 2.0 ** float(top[0] - g)
    while True:
        j = members[g, int(uniform(rng, i) * size[g])]
        if uniform(rng, i) * bound < a[j]:
            return j


@device
def update(state, j, laws, tables, net, x, p, c):  # type: ignore[no-untyped-def]
    """The propensities that a firing of reaction j changes, and their places in the groups; gives the sum of all.

    Or True, if one is too large for the groups there are.
    """
    a, group, _, _, weight, _, top = state
    bad = False
    for m in range(net[0][j], net[0][j + 1]):
        i = net[1][m]
        new = propensity(i, laws, tables, x, p, c)
        if not new >= 0.0:
            bad = True
            break
        if new > 0.0 and _exponent(new) > top[0]:
            return 0.0, True
        old, g = a[i], _group(new, top[0])
        a[i] = new
        if g == group[i]:
            if g >= 0:
                weight[g] += new - old
        else:
            _remove(state, i, old, group[i])
            _insert(state, i, new, g)
    return _total(state, bad), False


run_row = loop(rebuild, select, update)


@kernel(void(int64, *SIGNATURE), parallel=True, error_model="numpy")
def advance_rejection(  # type: ignore[no-untyped-def]
    period, laws, tables, net, most, y, p, rng, left, clock, cursor, times, out, budget, counts, status,
    triggers, armed, due,
):  # fmt: skip
    """Advance every row through the output times, as `advance_tree`.

    period: the groups are made anew after so many firings, so that rounding does not pile up in their sums.
    """
    reactions = tables[0].shape[0]
    for i in prange(y.shape[0]):
        a, group, position = np.empty(reactions), np.empty(reactions, np.int32), np.empty(reactions, np.int32)
        members = np.empty((GROUPS, reactions), np.int32)
        weight, size, top = np.empty(GROUPS), np.empty(GROUPS, np.int64), np.empty(1, np.int64)
        room = np.empty(y.shape[1] + 1), np.empty(p.shape[1] + 1), np.empty(reactions), np.empty(armed.shape[1])
        state = a, group, position, members, weight, size, top
        run_row(
            state, room, laws, tables, net, np.int64(i), y, p, rng, left, clock, cursor,
            times, out, budget, counts, status, triggers, armed, due, period,
        )  # fmt: skip
