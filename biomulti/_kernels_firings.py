"""Firings of the reactions of all lanes: when, which, and what they change."""

from __future__ import annotations

import math

from numba import njit

from biomulti._kernels_rows import fail
from biomulti._kernels_steps import NEARLY, locate_by_halving
from biomulti._rng import minus_log, uniform
from biomulti.outcome import FINISHED, FRACTION, NEGATIVE_AMOUNT
from tissue._jit import device

WHOLE = 1e-6  # how far a jump worked out by a formula may be from a whole number


@device
def locate_again(hazard, x, y, bend, remaining, fired, astray, share):  # type: ignore[no-untyped-def]
    """Where a few of Newton's steps were not enough."""
    for a in range(fired.shape[1]):
        if fired[0, a] != 0.0 and not astray[0, a] <= NEARLY:
            share[0, a] = locate_by_halving(remaining[0, a], hazard, a, x, y, bend)


@device
def fire_reactions(  # type: ignore[no-untyped-def]
    width, functions, pattern, net, followers, p_all, status, fires, reference, rng, landed, slope, p, peak, speeds,
    end, remaining, chance, fired, halted, row, firings, probe, rates,
):  # fmt: skip
    """Let one reaction fire in each lane that is to, chosen by its rate where the lane has landed."""
    _, _, _, _, write_speeds, _ = functions
    rank, may_fire = pattern[1], net[3]
    first, follower, followed, sign = followers
    start, species, change, _ = net
    adapts = pattern[-1].shape[0] > 0
    write_speeds(end.ctypes, landed.ctypes, p.ctypes, speeds.ctypes)
    for a in range(row.shape[0]):
        if fired[0, a] == 0.0:
            continue
        i = row[a]
        total, lowest = 0.0, 0.0
        for c in range(may_fire.shape[0]):
            if fires[i, may_fire[c]]:
                total += max(speeds[c, a], 0.0)
                lowest = min(lowest, speeds[c, a])
        if not (total < math.inf and lowest == 0.0):
            fail(a, i, end[0, a], landed, functions, pattern, p_all, status, fires, slope, peak, probe, rates)
            halted[0, a] = 1.0
            continue
        target, partial, chosen = uniform(rng, i) * total, 0.0, -1
        for c in range(may_fire.shape[0]):
            if fires[i, may_fire[c]] and speeds[c, a] > 0.0:
                partial += speeds[c, a]
                chosen = c
                if partial > target:
                    break
        chance[0, a] = 1.0 - uniform(rng, i)
        if chosen < 0:
            continue
        j = may_fire[chosen]
        for m in range(first[j], first[j + 1]):
            jump = sign[m] * speeds[follower[m], a] / speeds[chosen, a]
            if not abs(jump - round(jump)) <= WHOLE:
                status[i, 0], status[i, 1] = FRACTION, j
                break
            landed[rank[followed[m]], a] += round(jump)
            if landed[rank[followed[m]], a] < 0.0:
                status[i, 0], status[i, 1] = NEGATIVE_AMOUNT, j
                break
        if status[i, 0] != FINISHED:
            halted[0, a] = 1.0
            continue
        for m in range(start[j], start[j + 1]):
            r = rank[species[m]]
            landed[r, a] += change[m]
            if landed[r, a] < 0.0:
                status[i, 0], status[i, 1], halted[0, a] = NEGATIVE_AMOUNT, j, 1.0
            if adapts:
                reference[i, species[m]] += change[m]
        firings[a] += 1
    next_firings(fired, chance, remaining)


@njit(error_model="numpy")
def next_firings(fired, chance, remaining):  # type: ignore[no-untyped-def]
    """An exponential number for every lane that has fired, all [1, lanes]."""
    for a in range(fired.shape[1]):
        number = minus_log(chance[0, a])
        remaining[0, a] = number if fired[0, a] != 0.0 else remaining[0, a]
