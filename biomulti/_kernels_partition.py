"""Which reactions of a row fire and which flow, as its amounts change, and whole molecules for those that fire again.

A reaction flows while there are many of everything it changes and it fires many times while the fastest of these
changes. With n_k an amount, a_j a rate and nu_jk a stoichiometry,

    tau_k = 2 n_k / sum_j |nu_jk| a_j        firings while k changes: a_j tau_k.

What has flowed leaves fractions. Let e_j be how often each reaction that flowed would have fired since all amounts were
whole: n = m + sum_j e_j nu_j, with m whole. Each e_j is rounded up or down by chance, so that its mean is kept; amounts
are whole then, and every total that reactions conserve is what it was.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from biomulti._rng import uniform

PLENTIFUL = 100.0  # molecules: relative noise of a tenth
MANY = 10.0  # firings while what a reaction changes changes
VAST = 1e6  # molecules: a firing is noise of a millionth, and nobody waits for so many of them
RISE = 1.5  # by how much more there must be of both before what fires flows
PIVOT = 1e-9  # below which a number made of whole ones is taken for zero
ATTEMPTS = 50  # at rounding so that nothing falls below zero


@njit(error_model="numpy")
def decide(x, rates, fires, candidates, net, turnover, becomes):  # type: ignore[no-untyped-def]
    """Into becomes [fluxes] whether each is to fire; 1 if something is to flow that fired, plus 2 for the reverse.

    x [states], rates [fluxes], fires [fluxes] as it is now; candidates [fluxes] may do either; net: start [fluxes + 1],
    states and numbers of what each changes; turnover [states] is room to work in.
    """
    start, states, change = net
    for k in range(turnover.shape[0]):
        turnover[k] = 0.0
    for j in range(rates.shape[0]):
        for m in range(start[j], start[j + 1]):
            turnover[states[m]] += abs(change[m]) * abs(rates[j])
    found = 0
    for j in range(rates.shape[0]):
        becomes[j] = fires[j]
        if not candidates[j]:
            continue
        fewest, firings = math.inf, math.inf
        for m in range(start[j], start[j + 1]):
            k = states[m]
            fewest = min(fewest, x[k])
            if turnover[k] > 0.0:
                firings = min(firings, 2.0 * x[k] * rates[j] / turnover[k])  # below zero is a mistake, which fires
        margin = RISE if fires[j] else 1.0
        # what does not happen at all goes on as it is
        often = firings >= MANY * margin if rates[j] != 0.0 else not fires[j]
        vast = fewest >= VAST * margin and rates[j] >= 0.0
        becomes[j] = not (vast or (fewest >= PLENTIFUL * margin and often))
        if becomes[j] != fires[j]:
            found |= 2 if becomes[j] else 1
    return found


@njit(error_model="numpy")
def make_whole(x, reference, fires, candidates, whole_states, net, rng, i):  # type: ignore[no-untyped-def]
    """Round the amounts x [states] of row i, and let `reference` [states] be these; see above.

    Where `reference` is no number an event has set the state since, and it is rounded by itself. What flows for other
    reasons too, not of whole_states [states], moves along and stays a fraction.
    """
    start, states, change = net
    n = x.shape[0]
    flowing = np.empty(fires.shape[0], np.int64)
    count = 0
    for j in range(fires.shape[0]):
        if candidates[j] and not fires[j]:
            flowing[count] = j
            count += 1
    touched = np.zeros(n, np.bool_)
    table = np.zeros((n, count + 1))
    for c in range(count):
        for m in range(start[flowing[c]], start[flowing[c] + 1]):
            touched[states[m]] = True
            if whole_states[states[m]] and not math.isnan(reference[states[m]]):
                table[states[m], c] = change[m]
    for k in range(n):
        if touched[k] and whole_states[k] and not math.isnan(reference[k]):
            table[k, count] = x[k] - reference[k]
    extents = solve_extents(table)
    whole = np.empty(n)
    for _ in range(ATTEMPTS):
        for k in range(n):
            known = touched[k] and whole_states[k] and not math.isnan(reference[k])
            whole[k] = reference[k] if known else x[k]
        for c in range(count):
            floor = math.floor(extents[c])
            part = extents[c] - floor
            # what is off by rounding alone is not left to chance
            up = part > 1e-9 and (part > 1.0 - 1e-9 or uniform(rng, i) < part)
            firings = floor + 1.0 if up else floor
            for m in range(start[flowing[c]], start[flowing[c] + 1]):
                k = states[m]
                known = whole_states[k] and not math.isnan(reference[k])
                whole[k] += change[m] * (firings if known else firings - extents[c])
        least = 0.0
        for k in range(n):
            if touched[k]:
                if whole_states[k] and math.isnan(reference[k]):
                    floor = math.floor(whole[k])
                    whole[k] = floor + 1.0 if uniform(rng, i) < whole[k] - floor else floor
                least = min(least, whole[k])
        if least >= 0.0:
            break
    for k in range(n):
        if touched[k]:
            x[k] = max(whole[k], 0.0)
        reference[k] = x[k]


@njit(error_model="numpy")
def solve_extents(table):  # type: ignore[no-untyped-def]
    """A solution e [columns] of A e = b for table [rows, columns + 1] of A and b, which has one; what is free is 0."""
    rows, columns = table.shape[0], table.shape[1] - 1
    extents = np.zeros(columns)
    pivots = np.full(columns, -1)
    used = np.zeros(rows, np.bool_)
    for c in range(columns):
        best, largest = -1, PIVOT
        for r in range(rows):
            if not used[r] and abs(table[r, c]) > largest:
                best, largest = r, abs(table[r, c])
        if best < 0:
            continue
        used[best] = True
        pivots[c] = best
        for r in range(rows):
            if r != best and table[r, c] != 0.0:
                share = table[r, c] / table[best, c]
                for q in range(c, columns + 1):
                    table[r, q] -= share * table[best, q]
                table[r, c] = 0.0
    for c in range(columns):
        if pivots[c] >= 0:
            extents[c] = table[pivots[c], columns] / table[pivots[c], c]
    return extents
