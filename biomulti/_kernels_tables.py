"""What the exact methods for large networks share: propensities from arrays, and the loop over firings and outputs."""

from __future__ import annotations

import math
from typing import Any

from numba import float64, int8, int32, int64, njit, types, uint8, uint64
from numba.core import cgutils
from numba.extending import intrinsic

from biomulti._kernels_direct import triggered
from biomulti._rng import exponential
from biomulti.compile import FUNCTION
from biomulti.outcome import EVENT, FINISHED, NEGATIVE_AMOUNT, NEGATIVE_PROPENSITY, NOT_FINITE, UNFINISHED
from biomulti.propensities import COMPUTED, GENERAL, LAW, MASS_ACTION
from tissue._jit import device

TABLES = types.Tuple(
    (
        *(int8[::1], int32[::1], int32[::1], float64[::1], float64[::1], int32[::1]),
        *(int64[::1], int64[::1], int64[::1], float64[::1]),
    )
)
NETWORK = types.Tuple((int64[::1], int32[::1], int64[::1], int64[::1], float64[::1]))
SIGNATURE = (
    LAW,
    TABLES,
    NETWORK,
    int64[::1],
    float64[:, ::1],
    float64[:, ::1],
    uint64[:, ::1],
    float64[::1],
    float64[::1],
    int64[::1],
    float64[::1],
    float64[:, :, ::1],
    int64,
    int64[:, ::1],
    int64[:, ::1],
    FUNCTION,
    uint8[:, ::1],
    float64[::1],
)


@intrinsic
def borrowed(typingctx, arrays):  # type: ignore[no-untyped-def]
    """The array, or tuple of arrays, without the count of its references, which costs a kernel a third of its time.

    The arrays themselves must outlive this view of them.
    """

    def lend(context, builder, kind, value):  # type: ignore[no-untyped-def]
        if isinstance(kind, types.BaseTuple):
            parts = zip(kind.types, cgutils.unpack_tuple(builder, value), strict=True)  # type: ignore[attr-defined]
            return context.make_tuple(builder, kind, [lend(context, builder, *part) for part in parts])
        view = context.make_array(kind)(context, builder, value)
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        view.parent = cgutils.get_null_value(view.parent.type)
        return view._getvalue()

    def code(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return lend(context, builder, signature.args[0], args[0])

    return arrays(arrays), code


@device
def coefficients(laws, tables, x, p, c):  # type: ignore[no-untyped-def]
    """The coefficient c(p) of every law of mass action; p [parameters + 1] ends in 1."""
    kind, _, _, _, number, parameter, shape, leaf, leaves, numbers = tables
    for j in range(kind.shape[0]):
        if kind[j] == MASS_ACTION:
            c[j] = number[j] * p[parameter[j]]
        elif kind[j] == COMPUTED:
            c[j] = laws(shape[j], leaf[j], x.ctypes, p.ctypes, leaves.ctypes, numbers.ctypes)


@device
def propensity(j, laws, tables, x, p, c):  # type: ignore[no-untyped-def]
    """Propensity of reaction j; x [states + 1] ends in 1. NaN if it is negative or infinite."""
    kind, first, second, offset, _, _, shape, leaf, leaves, numbers = tables
    if kind[j] == GENERAL:
        a = laws(shape[j], leaf[j], x.ctypes, p.ctypes, leaves.ctypes, numbers.ctypes)
    else:
        a = c[j] * x[first[j]] * (x[second[j]] + offset[j])
    return a if 0.0 <= a < math.inf else math.nan


@njit(error_model="numpy")
def blame(laws, tables, x, p, c, status, i):  # type: ignore[no-untyped-def]
    """Write to row i of `status` which propensity is negative or not finite."""
    kind, first, second, offset, _, _, shape, leaf, leaves, numbers = tables
    for j in range(kind.shape[0]):
        if kind[j] == GENERAL:
            a = laws(shape[j], leaf[j], x.ctypes, p.ctypes, leaves.ctypes, numbers.ctypes)
        else:
            a = c[j] * x[first[j]] * (x[second[j]] + offset[j])
        if not abs(a) < math.inf:
            status[i, 0], status[i, 1] = NOT_FINITE, j
        elif a < 0.0:
            status[i, 0], status[i, 1] = NEGATIVE_PROPENSITY, j


@device
def fire(x, j, net, status, i):  # type: ignore[no-untyped-def]
    """Apply one firing of reaction j to the state x [states + 1]."""
    for m in range(net[2][j], net[2][j + 1]):
        k = net[3][m]
        x[k] += net[4][m]
        if x[k] < 0.0:
            status[i, 0], status[i, 1] = NEGATIVE_AMOUNT, j


def loop(rebuild: Any, select: Any, update: Any) -> Any:
    """The loop over firings and outputs of one row, by a method's three functions and the `state` they share.

    rebuild(state, laws, tables, x, p, c): all propensities and what is kept of them, gives their sum; select(state,
    rng, i, total): a reaction at random; update(state, j, ...): the sum after a firing of reaction j, and whether it
    has to be rebuilt instead. With a `period` the state is rebuilt at every output and every so many firings, and only
    then a call may end for want of budget, so that what happens does not depend on it; with 0 the state is what
    `rebuild` would give at any time. `room`: x [states + 1], p [parameters + 1], c [reactions], values [events].
    """

    @njit(error_model="numpy")
    def run_row(  # type: ignore[no-untyped-def]
        state, room, laws, tables, net, i, y, p, rng, left, clock, cursor,
        times, out, budget, counts, status, triggers, armed, due, period,
    ):  # fmt: skip
        """Row i through the output times."""
        outputs, states, events = times.shape[0], y.shape[1], armed.shape[1]
        state, tables, net, room, rng = borrowed((state, tables, net, room, rng))  # type: ignore[call-arg]
        x, par, c, values = room
        for m in range(states):
            x[m] = y[i, m]
        for m in range(p.shape[1]):
            par[m] = p[i, m]
        x[states], par[p.shape[1]] = 1.0, 1.0
        t, k, remaining, spent = clock[i], cursor[i], left[i], 0
        until = period - counts[i, 0] % period if period else -1
        status[i, 0] = FINISHED
        coefficients(laws, tables, x, par, c)
        total, stale = 0.0, True
        while k < outputs:
            if stale:
                total, stale = rebuild(state, laws, tables, x, par, c), False
            goal = min(times[k], due[i]) if events else times[k]
            if events and not t < due[i]:
                status[i, 0] = EVENT
                break
            if not total < math.inf:
                blame(laws, tables, x, par, c, status, i)
                break
            if not remaining < total * (goal - t):
                # what is used up of the exponential number is taken off at every output, so that one long run and many
                # short ones give the same bits
                remaining -= total * (goal - t)
                moved, t = t < goal, goal
                if events and moved and (not t < due[i] or triggered(triggers, t, x, par, armed, values, i)):
                    status[i, 0] = EVENT
                    break
                if not t < times[k]:
                    for m in range(states):
                        out[i, k, m] = x[m]
                    k += 1
                    stale = period > 0
                continue
            if spent >= budget and (until == period or not period):
                status[i, 0] = UNFINISHED
                break
            spent += 1
            t += remaining / total
            j = select(state, rng, i, total)
            fire(x, j, net, status, i)
            remaining = exponential(rng, i)
            if status[i, 0] != FINISHED:
                break
            until -= 1
            if until == 0:
                stale, until = True, period
            else:
                total, stale = update(state, j, laws, tables, net, x, par, c)
            if events and triggered(triggers, t, x, par, armed, values, i):
                status[i, 0] = EVENT
                break
        for m in range(states):
            y[i, m] = x[m]
        clock[i], cursor[i], left[i] = t, k, remaining
        counts[i, 0] += spent

    return run_row
