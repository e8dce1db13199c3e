"""The direct method with a tree of partial sums: a firing costs the logarithm of the number of reactions.

Blue, Beichl and Sullivan (1995), Phys. Rev. E 51, R867, doi:10.1103/PhysRevE.51.R867: a node is the sum of its
children, here 8 of them. A firing changes few propensities (Gibson and Bruck 2000, doi:10.1021/jp993732q), and only the
sums above these are taken anew, from the children and always in the same order: no rounding piles up, and the tree is a
function of the state alone.
"""

from __future__ import annotations

import numpy as np
from numba import int64, prange, void

from biomulti._kernels_tables import SIGNATURE, loop, propensity
from biomulti._rng import uniform
from tissue._jit import device, kernel

CHILDREN = 8


@device
def _sum(sums, k):  # type: ignore[no-untyped-def]
    """Sum of the children from place k on."""
    low = (sums[k] + sums[k + 1]) + (sums[k + 2] + sums[k + 3])
    return low + ((sums[k + 4] + sums[k + 5]) + (sums[k + 6] + sums[k + 7]))


@device
def rebuild(state, laws, tables, x, p, c):  # type: ignore[no-untyped-def]
    """Every propensity and every sum; gives the sum of all."""
    sums, levels, _ = state
    for m in range(sums.shape[0]):
        sums[m] = 0.0
    for j in range(tables[0].shape[0]):
        sums[j] = propensity(j, laws, tables, x, p, c)
    for level in range(levels.shape[0] - 2):
        for b in range((levels[level + 1] - levels[level]) // CHILDREN):
            sums[levels[level + 1] + b] = _sum(sums, levels[level] + CHILDREN * b)
    return _sum(sums, levels[-2])


@device
def _larger(a, b):  # type: ignore[no-untyped-def]
    return a if a > b else b


@device
def _step(sums, k, target):  # type: ignore[no-untyped-def]
    """Which of the children from place k on holds the target, and the target within it, without a branch to foresee.

    The sums up to each are those of `_sum`, so that the last is the parent. What of the target is beyond it, by
    rounding, falls to the last child that is not 0.
    """
    a = sums[k]
    b = a + sums[k + 1]
    c, d = b + sums[k + 2], b + (sums[k + 2] + sums[k + 3])
    low = sums[k + 4] + sums[k + 5]
    e, f = d + sums[k + 4], d + low
    g, h = d + (low + sums[k + 6]), d + (low + (sums[k + 6] + sums[k + 7]))
    if not target < h:
        m = CHILDREN - 1
        while m > 0 and not sums[k + m] > 0.0:
            m -= 1
        return m, 0.0
    chosen = (
        ((a <= target) + (b <= target)) + ((c <= target) + (d <= target))
        + ((e <= target) + (f <= target)) + (g <= target)
    )  # fmt: skip
    below = _larger(
        _larger(_larger(a * (a <= target), b * (b <= target)), _larger(c * (c <= target), d * (d <= target))),
        _larger(_larger(e * (e <= target), f * (f <= target)), g * (g <= target)),
    )
    return chosen, target - below


@device
def select(state, rng, i, total):  # type: ignore[no-untyped-def]
    """The reaction whose share of the sum holds u * total, from the top of the tree down."""
    sums, levels, _ = state
    target, place = uniform(rng, i) * total, 0
    for level in range(levels.shape[0] - 2, -1, -1):
        chosen, target = _step(sums, levels[level] + CHILDREN * place, target)
        place = CHILDREN * place + chosen
    return place


@device
def update(state, j, laws, tables, net, x, p, c):  # type: ignore[no-untyped-def]
    """The propensities that a firing of reaction j changes and the sums above them; gives the sum of all, and False."""
    sums, levels, touched = state
    count, last = 0, -1
    for m in range(net[0][j], net[0][j + 1]):
        i = net[1][m]
        sums[i] = propensity(i, laws, tables, x, p, c)
        if i // CHILDREN != last:
            last = i // CHILDREN
            touched[count] = last
            count += 1
    for level in range(levels.shape[0] - 2):
        found, last = 0, -1
        for m in range(count):
            b = touched[m]
            sums[levels[level + 1] + b] = _sum(sums, levels[level] + CHILDREN * b)
            if b // CHILDREN != last:
                last = b // CHILDREN
                touched[found] = last
                found += 1
        count = found
    return _sum(sums, levels[-2]), False


run_row = loop(rebuild, select, update)


@kernel(void(int64[::1], *SIGNATURE), parallel=True, error_model="numpy")
def advance_tree(  # type: ignore[no-untyped-def]
    levels, laws, tables, net, most, y, p, rng, left, clock, cursor, times, out, budget, counts, status,
    triggers, armed, due,
):  # fmt: skip
    """Advance every row through the output times, as `advance_direct`.

    levels [levels + 1]: where each level of the tree begins, the propensities first; laws, tables: see
    `propensities`; net: start and affected of the dependencies, start, states and numbers of the changes, compressed;
    most [1]: the largest number of propensities a firing changes.
    """
    for i in prange(y.shape[0]):
        sums, touched = np.empty(levels[-1]), np.empty(most[0] + 1, np.int64)
        room = (
            np.empty(y.shape[1] + 1),
            np.empty(p.shape[1] + 1),
            np.empty(tables[0].shape[0]),
            np.empty(armed.shape[1]),
        )
        state = sums, levels, touched
        run_row(
            state, room, laws, tables, net, np.int64(i), y, p, rng, left, clock, cursor,
            times, out, budget, counts, status, triggers, armed, due, 0,
        )  # fmt: skip
