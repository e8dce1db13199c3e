"""One step of the flowing reactions, and of the integrated hazard of those that fire beside them.

With F the fluxes, S their stoichiometry and x the state, between two firings

    M dx/dt = sum over flowing j of S_j F_j(t, x),      dL/dt = lambda(t, x) = sum over firing j of F_j(t, x),

where M is diagonal, 0 for what an algebraic rule determines.

Explicit steps are the pair of Bogacki and Shampine (1989), doi:10.1016/0893-9659(89)90079-7, of order 3(2);
stiff steps are a Rosenbrock method given by its coefficients (see rosenbrock.py).
"""

from __future__ import annotations

import math

from numba import njit

from biomulti._kernels_past import recall
from tissue._jit import device

GUARD = 0.02  # of the difference to a rule of order 2, below which no error is believed
SECANT = 1e-4  # share of a step over which the past's dependence on time is taken


@device
def slopes(fluxes, t, x, p, a, dx, net, past, memory):  # type: ignore[no-untyped-def]
    """M dx/dt into dx [states]; returns lambda.

    `net` holds what reactions change and which of them fire. What x holds of the past is brought up to time t.
    """
    fires, start, species, change, limited, _, flow, source, counted, _ = net
    if past[2].shape[0] > 0:
        recall(past, memory, t, x, p)
    fluxes(t, x.ctypes, p.ctypes, a.ctypes)
    for m in range(flow.shape[0]):
        # nothing drains a counted species that is not there
        if counted[species[flow[m]]] and change[flow[m]] < 0.0 and x[species[flow[m]]] <= 0.0:
            a[source[m]] = 0.0
    for k in range(dx.shape[0]):
        dx[k] = 0.0
    for m in range(flow.shape[0]):
        dx[species[flow[m]]] += change[flow[m]] * a[source[m]]
    hazard = 0.0
    for j in range(a.shape[0]):
        if fires[j]:
            if limited[j] and lacks_reactant(x, j, start, species, change):
                a[j] = 0.0
            hazard += max(a[j], 0.0)
    return hazard


@device
def lacks_reactant(x, j, start, species, change):  # type: ignore[no-untyped-def]
    """True if one firing of reaction j takes more of a species than there is."""
    lacking = False
    for m in range(start[j], start[j + 1]):
        lacking = lacking or x[species[m]] + change[m] < 0.0
    return lacking


@device
def tolerance(t, x, y, dx, dy, peak, floor, from_zero, rtol, out):  # type: ignore[no-untyped-def]
    """Error a step may make in each state: relative to it, with a floor for what is small or starts at 0.

    What grows from zero as a high power of time has no relative accuracy at first, whatever the step.
    Never less than what the rounding of time does to a state of slopes dx and dy at the ends of the step.
    """
    largest = 0.0
    for k in range(x.shape[0]):
        largest = max(largest, peak[k])
    for k in range(x.shape[0]):
        size = max(abs(x[k]), abs(y[k]), floor[k], 1e-3 * peak[k])
        if from_zero[k]:
            size = max(size, 1e-12 * largest)
        rounding = 1e-15 * t * max(abs(dx[k]), abs(dy[k]))
        if largest > 0.0:
            # never so much that a solution without bound would pass
            rounding = min(rounding, rtol * largest)
        out[k] = rtol * max(size, 1e-300) + rounding


@device
def explicit_step(fluxes, t, h, x, p, a, net, past, memory, work, hazard):  # type: ignore[no-untyped-def]
    """From x to work[4] in a step h, error to work[5], slope at the end in work[3].

    work[0] holds the slope at the start and `hazard` is lambda there. Returns the hazard at the end, its
    integral, that integral's error, and an estimate of the stiffness h |df/dx|.
    """
    d1, d2, d3, d4, y, error, stage = work[0], work[1], work[2], work[3], work[4], work[5], work[6]
    n = x.shape[0]
    for k in range(n):
        stage[k] = x[k] + 0.5 * h * d1[k]
    hazard2 = slopes(fluxes, t + 0.5 * h, stage, p, a, d2, net, past, memory)
    for k in range(n):
        stage[k] = x[k] + 0.75 * h * d2[k]
    hazard3 = slopes(fluxes, t + 0.75 * h, stage, p, a, d3, net, past, memory)
    for k in range(n):
        y[k] = x[k] + h * (2.0 * d1[k] + 3.0 * d2[k] + 4.0 * d3[k]) / 9.0
    hazard4 = slopes(fluxes, t + h, y, p, a, d4, net, past, memory)
    rise, run = 0.0, 0.0
    for k in range(n):
        # the embedded error vanishes for a decay at rate 1 / h; the difference to the midpoint rule does not
        embedded = abs(h * (-5.0 * d1[k] + 6.0 * d2[k] + 8.0 * d3[k] - 9.0 * d4[k])) / 72.0
        error[k] = max(embedded, GUARD * abs(y[k] - x[k] - h * d2[k]))
        rise = max(rise, abs(d4[k] - d3[k]))
        run = max(run, abs(y[k] - stage[k]))
    integral = h * (2.0 * hazard + 3.0 * hazard2 + 4.0 * hazard3) / 9.0
    miss = h * (-5.0 * hazard + 6.0 * hazard2 + 8.0 * hazard3 - 9.0 * hazard4) / 72.0
    return hazard4, integral, miss, h * rise / run if run > 0.0 else 0.0


@njit(error_model="numpy")
def jacobian_of_flow(jacobian, t, x, p, a, entries, pattern, net, matrix, hazard_slope):  # type: ignore[no-untyped-def]
    """d(dx/dt)/dx into matrix [states, states] and dlambda/dx into hazard_slope [states].

    `a` holds the fluxes at x; `entries` takes what `jacobian` writes for `pattern` (fluxes, states).
    """
    fires, start, species, change, _, _, _, _, _, _ = net
    rows, columns = pattern
    jacobian(t, x.ctypes, p.ctypes, entries.ctypes)
    matrix[:] = 0.0
    hazard_slope[:] = 0.0
    for e in range(rows.shape[0]):
        if not abs(entries[e]) < math.inf:
            continue  # a fractional power at zero; the error control makes up for what is left out
        j, k = rows[e], columns[e]
        if fires[j]:
            if a[j] > 0.0:
                hazard_slope[k] += entries[e]
        else:
            for m in range(start[j], start[j + 1]):
                matrix[species[m], k] += change[m] * entries[e]


@njit(error_model="numpy")
def factorize(matrix, pivots):  # type: ignore[no-untyped-def]
    """LU with row exchanges, in place; False if the matrix is singular."""
    n = matrix.shape[0]
    for c in range(n):
        best = c
        for r in range(c + 1, n):
            if abs(matrix[r, c]) > abs(matrix[best, c]):
                best = r
        pivots[c] = best
        if not abs(matrix[best, c]) > 0.0:
            return False
        if best != c:
            for k in range(n):
                matrix[c, k], matrix[best, k] = matrix[best, k], matrix[c, k]
        for r in range(c + 1, n):
            if matrix[r, c] != 0.0:
                factor = matrix[r, c] / matrix[c, c]
                matrix[r, c] = factor
                for k in range(c + 1, n):
                    matrix[r, k] -= factor * matrix[c, k]
    return True


@njit(error_model="numpy")
def back_substitute(matrix, pivots, b):  # type: ignore[no-untyped-def]
    """Solve in place with the factors of `factorize`."""
    n = matrix.shape[0]
    for c in range(n):
        if pivots[c] != c:
            b[c], b[pivots[c]] = b[pivots[c]], b[c]
    for r in range(1, n):
        for k in range(r):
            b[r] -= matrix[r, k] * b[k]
    for r in range(n - 1, -1, -1):
        for k in range(r + 1, n):
            b[r] -= matrix[r, k] * b[k]
        b[r] /= matrix[r, r]


@njit(error_model="numpy")
def rosenbrock_step(  # type: ignore[no-untyped-def]
    model, t, h, x, p, a, net, past, memory, pattern, method, work, stages, hazard_stages, matrix, pivots, entries
):
    """As `explicit_step`, by a Rosenbrock method; the hazard is one more state that nothing depends on.

    What an algebraic rule determines (mass 0) is solved with the stages: for such variables the method keeps its order
    (Hairer and Wanner, section VI.4).

    Returns the hazard at the end, its integral, that integral's error, and h |df/dx|; the error is infinite
    where the linear system is singular.
    """
    fluxes, jacobian, time_slopes, slope_rows = model
    gamma, ma, mc, mm, me, alpha, gammas = method
    fires, start, species, change, _, flowing, _, _, _, mass = net
    n, count = x.shape[0], mm.shape[0]
    y, error, stage, drift, hazard_slope = work[4], work[5], work[6], work[7], work[8]
    jacobian_of_flow(jacobian, t, x, p, a, entries, pattern, net, matrix, hazard_slope)
    # explicit dependence on time, along the flow and along the hazard
    drift[:] = 0.0
    hazard_drift = 0.0
    timely = slope_rows.shape[0]
    if past[2].shape[0] > 0:
        later = past[5]
        for k in range(n):
            stage[k] = x[k]
        recall(past, memory, t + SECANT * h, stage, p)
        fluxes(t + SECANT * h, stage.ctypes, p.ctypes, later.ctypes)
        timely = a.shape[0]
        for j in range(timely):
            later[j] = (later[j] - a[j]) / (SECANT * h)
    elif timely > 0:
        time_slopes(t, x.ctypes, p.ctypes, entries.ctypes)
    for e in range(timely):
        j = e if past[2].shape[0] > 0 else slope_rows[e]
        slope = past[5][e] if past[2].shape[0] > 0 else entries[e]
        if fires[j]:
            hazard_drift += slope
        else:
            for m in range(start[j], start[j + 1]):
                drift[species[m]] += change[m] * slope
    norm = 0.0
    for r in range(n):
        row = 0.0
        for k in range(n):
            row += abs(matrix[r, k])
            matrix[r, k] = -matrix[r, k]
        matrix[r, r] += mass[r] / (h * gamma)
        norm = max(norm, row)
    if not factorize(matrix, pivots):
        return 0.0, 0.0, math.inf, h * norm
    for s in range(count):
        for k in range(n):
            stage[k] = x[k]
            for q in range(s):
                stage[k] += ma[s, q] * stages[q, k]
        rate = slopes(fluxes, t + alpha[s] * h, stage, p, a, stages[s], net, past, memory)
        for k in range(n):
            stages[s, k] += h * gammas[s] * drift[k]
            for q in range(s):
                stages[s, k] += mass[k] * mc[s, q] / h * stages[q, k]
        back_substitute(matrix, pivots, stages[s])
        for k in range(n):
            if not flowing[k]:  # counts stay whole to the bit
                stages[s, k] = 0.0
        rate += h * gammas[s] * hazard_drift
        for q in range(s):
            rate += mc[s, q] / h * hazard_stages[q]
        for k in range(n):
            rate += hazard_slope[k] * stages[s, k]
        hazard_stages[s] = h * gamma * rate
    integral, miss = 0.0, 0.0
    for k in range(n):
        y[k], error[k] = x[k], 0.0
    for s in range(count):
        for k in range(n):
            y[k] += mm[s] * stages[s, k]
            error[k] += me[s] * stages[s, k]
        integral += mm[s] * hazard_stages[s]
        miss += me[s] * hazard_stages[s]
    end = slopes(fluxes, t + h, y, p, a, work[3], net, past, memory)
    return end, integral, miss, h * norm


@device
def hermite(s, start_value, end_value, start_slope, end_slope):  # type: ignore[no-untyped-def]
    """The cubic with these ends at 0 and 1 (slopes per unit of s), at s; exact for what does not change."""
    r = 1.0 - s
    return start_value + (end_value - start_value) * s * s * (3.0 - 2.0 * s) + s * r * (start_slope * r - end_slope * s)


@device
def locate(left, integral, start_hazard, end_hazard, h):  # type: ignore[no-untyped-def]
    """The share of a step h after which the integrated hazard reaches `left`, on its cubic.

    Newton's method inside a bracket that is halved where Newton leaves it.
    """
    low, high = 0.0, 1.0
    s = min(left / integral, 1.0)
    for _ in range(60):
        value = hermite(s, 0.0, integral, h * start_hazard, h * end_hazard) - left
        if value > 0.0:
            high = s
        else:
            low = s
        if abs(value) <= 1e-12 * integral or high - low <= 1e-15:
            break
        slope = (
            6.0 * s * (1.0 - s) * integral
            + h * start_hazard * (1.0 - s) * (1.0 - 3.0 * s)
            + h * end_hazard * s * (3.0 * s - 2.0)
        )
        s = s - value / slope if slope > 0.0 else -1.0
        if not (low < s < high):
            s = 0.5 * (low + high)
    return s


@device
def error_norm(error, allowed, integral, miss, rtol):  # type: ignore[no-untyped-def]
    """Largest error over what is allowed; infinite if a number is not finite.

    The integrated hazard may be off by `rtol` of a firing, or of the firings the step holds if they are more.
    """
    worst = abs(miss) / (rtol * max(1.0, integral))
    for k in range(error.shape[0]):
        ratio = abs(error[k]) / allowed[k]
        if not ratio < math.inf:
            return math.inf
        worst = max(worst, ratio)
    return worst if worst < math.inf else math.inf
