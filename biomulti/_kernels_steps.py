"""One step of a system of rates for several rows side by side, explicit or stiff, and what lies between its ends.

Arrays are [rows, lanes]: the states that move in the order of elimination (see sparse.py), the hazard, and where a
whole state is meant those that only jump. Lanes do not touch one another, and no sum is regrouped: a row has the same
bits in any lane, with any neighbours, alone too.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from biomulti._lanes import either, finite_or_zero, larger, load, magnitude, smaller, splat, store, unless_zero
from tissue._jit import device

SAFETY, SHRINK, GROW = 0.9, 0.2, 5.0
FLOOR = 1e-12  # of the largest state that moves, below which what starts at zero needs no accuracy
MINUTE = 1e-4  # error of a step after which the next grows as much as it may, by a method of any order up to five
NEARLY = 1e-9  # share of what a state is to rise by, at which it is there: far below the error of a step
BITS_OF_ONE, ROOT_BITS = 4607182418800017408.0, 2e14  # the latter makes the first guess of a root good on average
NEWTON = 3  # steps to a firing, of all lanes at once; few need more
DEGREE = 3  # of the polynomial beside the straight line through a step


@njit(error_model="numpy")
def factorize(width, pattern, work, matrix):  # type: ignore[no-untyped-def]
    """The factors of matrix [entries, lanes] in place, with the reciprocals of pivots; see sparse.Elimination."""
    start, diagonal, columns = pattern
    for r in range(diagonal.shape[0]):
        middle, last = diagonal[r], start[r + 1]
        for q in range(start[r], last):
            store(work, columns[q], load(matrix, q, width))
        for q in range(start[r], middle):
            c = columns[q]
            pivot = diagonal[c]
            share = load(work, c, width) * load(matrix, pivot, width)
            store(matrix, q, share)
            for u in range(pivot + 1, start[c + 1]):
                store(work, columns[u], load(work, columns[u], width) - share * load(matrix, u, width))
        store(matrix, middle, splat(1.0, width) / load(work, r, width))
        for q in range(middle + 1, last):
            store(matrix, q, load(work, columns[q], width))


@njit(error_model="numpy")
def solve(width, pattern, matrix, b):  # type: ignore[no-untyped-def]
    """Solve in place for b [states, lanes] with the factors of `factorize`."""
    start, diagonal, columns = pattern
    n = diagonal.shape[0]
    for r in range(n):
        value = load(b, r, width)
        for q in range(start[r], diagonal[r]):
            value -= load(matrix, q, width) * load(b, columns[q], width)
        store(b, r, value)
    for r in range(n - 1, -1, -1):
        value = load(b, r, width)
        for q in range(diagonal[r] + 1, start[r + 1]):
            value -= load(matrix, q, width) * load(b, columns[q], width)
        store(b, r, value * load(matrix, diagonal[r], width))


@njit(error_model="numpy")
def fill_matrix(  # type: ignore[no-untyped-def]
    width, pattern, place, row_of, states, gamma, step, entries, sums, matrix
):
    """I / (h gamma) - J into matrix; the largest sum of |J| over a row, of the first `states`, at the end of `sums`."""
    _, diagonal, columns = pattern
    n = diagonal.shape[0]
    for q in range(columns.shape[0]):
        store(matrix, q, splat(0.0, width))
    for r in range(n + 1):
        store(sums, r, splat(0.0, width))
    for e in range(place.shape[0]):
        # without a slope that is no number the step is less accurate, which its error shows
        entry = finite_or_zero(load(entries, e, width))
        store(matrix, place[e], splat(0.0, width) - entry)
        store(sums, row_of[e], load(sums, row_of[e], width) + magnitude(entry))
    for r in range(n):
        q = diagonal[r]
        store(matrix, q, load(matrix, q, width) + splat(1.0 / gamma, width) / load(step, 0, width))
    for r in range(states):
        store(sums, n, larger(load(sums, r, width), load(sums, n, width)))


@njit(error_model="numpy")
def stiff_step(width, rhs, pattern, method, timely, t, step, x, p, slope, drift, matrix, room, k_all, y):  # type: ignore[no-untyped-def]
    """From x to y in a step [1, lanes] by a stiffly accurate Rosenbrock method, with the factors of its matrix.

    Stages go to k_all [stages * states, lanes], the last of which is the error, and that of lower order is where the
    last begins.
    """
    _, ma, mc, alpha, gammas, _, _ = method
    argument, carried, b, miss = room
    n = slope.shape[0]
    for r in range(n, x.shape[0]):
        store(argument, r, load(x, r, width))
    h = load(step, 0, width)
    per_step = splat(1.0, width) / h
    begun = load(t, 0, width)
    for s in range(alpha.shape[0]):
        for r in range(n):
            value, memory = load(x, r, width), splat(0.0, width)
            for q in range(s):
                k = load(k_all, q * n + r, width)
                value += ma[s, q] * k
                memory += mc[s, q] * k
            store(argument, r, value)
            store(carried, r, memory * per_step)
        if s == 0:
            for r in range(n):
                store(b, r, load(slope, r, width))
        else:
            store(t, 0, begun + alpha[s] * h)
            rhs(t.ctypes, argument.ctypes, p.ctypes, b.ctypes)
            for r in range(n):
                store(b, r, load(b, r, width) + load(carried, r, width))
        if timely:
            for r in range(n):
                store(b, r, load(b, r, width) + gammas[s] * h * load(drift, r, width))
        solve(width, pattern, matrix, b)
        for r in range(n):
            store(k_all, s * n + r, load(b, r, width))
    store(t, 0, begun)
    for r in range(n):
        store(y, r, load(argument, r, width) + load(b, r, width))
        store(miss, r, load(b, r, width))


@device
def explicit_step(width, rhs, method, t, step, x, p, slope, peak, room, k_all, y, stiffness):  # type: ignore[no-untyped-def]
    """As `stiff_step` by a Runge-Kutta pair; `stiffness` [1, lanes] is about h |df/dx|, where every state
    that has a peak [states, lanes] is measured by its size."""
    ma, mm, errors, alpha, _, _, _ = method
    argument, before, b, miss = room
    n, stages = slope.shape[0], alpha.shape[0]
    for r in range(n, x.shape[0]):
        store(argument, r, load(x, r, width))
    h = load(step, 0, width)
    begun = load(t, 0, width)
    for r in range(n):
        store(k_all, r, h * load(slope, r, width))
    for s in range(1, stages):
        for r in range(n):
            value = load(x, r, width)
            for q in range(s):
                value += ma[s, q] * load(k_all, q * n + r, width)
            if s == stages - 1:
                store(before, r, load(argument, r, width))
            store(argument, r, value)
        store(t, 0, begun + alpha[s] * h)
        rhs(t.ctypes, argument.ctypes, p.ctypes, b.ctypes)
        for r in range(n):
            store(k_all, s * n + r, h * load(b, r, width))
    store(t, 0, begun)
    states = peak.shape[0]
    largest = splat(1e-300, width)
    for r in range(states):
        largest = larger(load(peak, r, width), largest)
    rise, run = splat(0.0, width), splat(1e-300, width)
    for r in range(n):
        value, worst = load(x, r, width), splat(0.0, width)
        for s in range(stages):
            value += mm[s] * load(k_all, s * n + r, width)
        store(y, r, value)
        for e in range(errors.shape[0]):
            error = splat(0.0, width)
            for s in range(stages):
                error += errors[e, s] * load(k_all, s * n + r, width)
            worst = larger(magnitude(error), worst) + 0.0 * error  # what is no number stays so
        store(miss, r, worst)
        if r < states:
            change = load(k_all, (stages - 1) * n + r, width) - load(k_all, (stages - 2) * n + r, width)
            size = larger(larger(magnitude(value), 1e-3 * load(peak, r, width)), FLOOR * largest)
            rise = larger(magnitude(change) / size, rise)
            run = larger(magnitude(value - load(before, r, width)) / size, run)
    store(stiffness, 0, rise / run)


@device
def error_of_step(width, t, step, x, y, miss, slope, peak, floor, counted, rtol, found):  # type: ignore[no-untyped-def]
    """Largest error over what is allowed, of every lane, into found [1, lanes]; infinite if one is not finite.

    Allowed is an error relative to a state, to a share of its peak, to one molecule of what is counted, or to the floor
    of what starts at zero: what grows from zero as a high power of time has no relative accuracy at first, whatever
    the step. A step as small as the rounding of time is always allowed, unless a solution without bound would pass.

    What is counted and fell below zero by less than that is set to zero.
    """
    n = floor.shape[0]
    largest, worst, unsound = splat(0.0, width), splat(0.0, width), splat(0.0, width)
    for r in range(n):
        largest = larger(load(peak, r, width), largest)
    per_step = splat(1.0, width) / load(step, 0, width)
    rounding = 1e-15 * magnitude(load(t, 0, width)) * per_step
    most = unless_zero(rtol * largest, splat(1e300, width))
    for r in range(n):
        start, end, error = load(x, r, width), load(y, r, width), magnitude(load(miss, r, width))
        size = larger(larger(magnitude(start), magnitude(end)), 1e-3 * load(peak, r, width))
        size = larger(larger(size, load(floor, r, width) * largest), splat(1e-300, width))
        if counted[r]:
            size = larger(size, splat(1.0, width))
        moved = larger(larger(magnitude(load(slope, r, width) * load(step, 0, width)), magnitude(end - start)), error)
        allowed = rtol * size + smaller(rounding * moved, most)
        ratio = error / allowed
        if counted[r]:
            ratio = larger((splat(0.0, width) - end) / allowed, ratio)
            store(y, r, larger(end, splat(0.0, width)))
        worst = larger(ratio, worst)
        unsound += 0.0 * ratio
    store(found, 0, worst + unsound)


@njit(error_model="numpy")
def first_step(a, x, dx, peak, counted, longest):  # type: ignore[no-untyped-def]
    """A careful first step of lane a: a hundredth of the time in which something changes by its own size, or of all."""
    h = longest
    for r in range(counted.shape[0]):
        size = max(abs(x[r, a]), peak[r, a], 1.0 if counted[r] else 0.0)
        if abs(dx[r, a]) > 0.0:
            h = min(h, 0.01 * size / abs(dx[r, a]) if size > 0.0 else 0.001 * longest)
    return h


@device
def interpolant(width, dense, k_all, bend):  # type: ignore[no-untyped-def]
    """Coefficients bend [DEGREE * moving, lanes] of the polynomials of a step."""
    n, known, stages = bend.shape[0] // DEGREE, dense.shape[0], dense.shape[1]
    for r in range(n):
        for d in range(DEGREE):
            total = splat(0.0, width)
            if d < known:
                for s in range(stages):
                    total += dense[d, s] * load(k_all, s * n + r, width)
            store(bend, d * n + r, total)


@device
def risen(share, change, b1, b2, b3):  # type: ignore[no-untyped-def]
    """By how much a state has changed after a share of a step in which it changes by `change`."""
    return share * (change + (1.0 - share) * (b1 + share * (b2 + share * b3)))


@device
def grown(share, r, a, x, y, bend):  # type: ignore[no-untyped-def]
    """By how much state r of lane a has changed after a share of its step from x to y."""
    n = bend.shape[0] // DEGREE
    return risen(share, y[r, a] - x[r, a], bend[r, a], bend[n + r, a], bend[2 * n + r, a])


@device
def unpack(a, x, order, states, moving, out):  # type: ignore[no-untyped-def]
    """The states of lane a into out [states], in the model's order, of which the first `states` rows of x and those
    from `moving` on are."""
    for r in range(states):
        out[order[r]] = x[r, a]
    for r in range(moving, x.shape[0]):
        out[order[r]] = x[r, a]


@device
def between(share, a, x, y, bend, order, counted, out):  # type: ignore[no-untyped-def]
    """The state of lane a after a share of its step into out [states], in the model's order; counts keep their bits."""
    for r in range(counted.shape[0]):
        value = x[r, a] + grown(share, r, a, x, y, bend)
        out[order[r]] = 0.0 if counted[r] and value < 0.0 else value
    for r in range(bend.shape[0] // DEGREE, x.shape[0]):
        out[order[r]] = x[r, a]


@device
def land(width, took, share, x, y, bend, bent, counted, landed):  # type: ignore[no-untyped-def]
    """As `between` of all lanes into landed [rows, lanes]: y where the share is one, x where a step was not taken."""
    taken, part = load(took, 0, width), load(share, 0, width)
    rest, moving = 1.0 - part, bend.shape[0] // DEGREE
    for r in range(moving):
        start, end = load(x, r, width), load(y, r, width)
        if bent:
            b1, b2, b3 = load(bend, r, width), load(bend, moving + r, width), load(bend, 2 * moving + r, width)
            value = start + risen(part, end - start, b1, b2, b3)
            if r < counted.shape[0] and counted[r]:
                value = larger(value, splat(0.0, width))
            end = either(rest, value, end)
        store(landed, r, either(taken, end, start))
    for r in range(moving, x.shape[0]):
        store(landed, r, load(x, r, width))


@device
def locate(width, remaining, r, x, y, bend, share, miss):  # type: ignore[no-untyped-def]
    """The share of a step after which state r, that rises, has risen by `remaining`, all [1, lanes].

    A few steps of Newton's method; `miss` takes how far from there they end, relative to `remaining`.
    """
    n, goal, one = bend.shape[0] // DEGREE, load(remaining, 0, width), splat(1.0, width)
    change, b1, b2, b3 = (
        load(y, r, width) - load(x, r, width),
        load(bend, r, width),
        load(bend, n + r, width),
        load(bend, 2 * n + r, width),
    )
    s = smaller(larger(goal / change, splat(0.0, width)), one)
    for _ in range(NEWTON):
        rest = 1.0 - s
        curve = b1 + s * (b2 + s * b3)
        slope = change + (rest - s) * curve + s * rest * (b2 + 2.0 * s * b3)
        s = s - (s * (change + rest * curve) - goal) / slope
        s = smaller(larger(s, splat(0.0, width)), one)
    store(share, 0, s)
    store(miss, 0, magnitude(risen(s, change, b1, b2, b3) - goal) / goal)


@njit(error_model="numpy")
def locate_by_halving(remaining, r, a, x, y, bend):  # type: ignore[no-untyped-def]
    """As `locate` of lane a: Newton's method inside a bracket that is halved where Newton leaves it."""
    n = bend.shape[0] // DEGREE
    change, b1, b2, b3 = y[r, a] - x[r, a], bend[r, a], bend[n + r, a], bend[2 * n + r, a]
    low, high = 0.0, 1.0
    s = remaining / change
    for _ in range(60):
        rest = 1.0 - s
        curve = b1 + s * (b2 + s * b3)
        value = s * (change + rest * curve) - remaining
        if abs(value) <= NEARLY * remaining or high - low <= 1e-15:
            break
        if value > 0.0:
            high = s
        else:
            low = s
        slope = change + (rest - s) * curve + s * rest * (b2 + 2.0 * s * b3)
        s = s - value / slope
        if not low < s < high:
            s = 0.5 * (low + high)
    return s


@device
def growth(error, order):  # type: ignore[no-untyped-def]
    """By how much the next step is to be longer that would just meet the tolerance, within limits; order: 3 to 5.

    SAFETY error^(-1 / order) by Newton's method from the bits of the number, which hold its logarithm: one of the C
    library's powers takes five times as long, and other libraries give other last bits.
    """
    share = 1.0 / order
    bits = float(np.float64(error).view(np.int64))
    y = np.int64(BITS_OF_ONE * (1.0 + share) - ROOT_BITS - bits * share).view(np.float64)
    for _ in range(3):
        power = y * y * y
        power = power * y if order > 3.5 else power
        power = power * y if order > 4.5 else power
        y = y * ((order + 1.0) - error * power) * share
    longer = min(GROW, max(SHRINK, SAFETY * y))
    # the bits of zero are no logarithm
    longer = GROW if error < MINUTE else longer
    return longer if error < math.inf else SHRINK
