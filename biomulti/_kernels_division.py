"""How the molecules of a cell are dealt to its daughters."""

from __future__ import annotations

import math

from numba import float64, int64, uint64, void

from biomulti._distributions import draw_binomial2, draw_gamma2, standard_normal
from tissue._jit import kernel

COPIED, DEALT, CUT = 0, 1, 2  # both get as much; each molecule by itself; by the share
MOST = 1e15  # molecules beyond which the parts of a cell differ by less than rounding


@kernel(void(int64[::1], float64[::1], float64[:, ::1], uint64[:, ::1], float64[:, ::1], float64[:, ::1]))
def deal(kind, share, amount, rng, first, second):  # type: ignore[no-untyped-def]
    """Amounts [cells, states] of parents to two daughters; share, rng [cells] of the first daughters."""
    for i in range(amount.shape[0]):
        for k in range(amount.shape[1]):
            n = amount[i, k]
            if kind[k] == COPIED:
                first[i, k] = n
                second[i, k] = n
                continue
            if kind[k] == DEALT and 0.0 <= n < MOST:
                whole = math.floor(n)
                # a part of a molecule, which flows, is cut as it is
                part = draw_binomial2(rng[i : i + 1], whole, share[i]) + share[i] * (n - whole)
            else:
                part = share[i] * n
            first[i, k] = part
            second[i, k] = n - part


@kernel(void(float64, float64, uint64[:, ::1], float64[::1]))
def thresholds(mean, spread, rng, out):  # type: ignore[no-untyped-def]
    """Numbers of gamma distributions with this mean, and this standard deviation over it, one from each stream."""
    shape = 1.0 / spread**2
    for i in range(out.shape[0]):
        out[i] = draw_gamma2(rng[i : i + 1], shape, mean / shape)


@kernel(void(float64, float64, uint64[:, ::1], float64[::1]))
def shares(mean, spread, rng, out):  # type: ignore[no-untyped-def]
    """Shares between 0 and 1 of this mean and standard deviation: beta distributions, one from each stream."""
    most = mean * (1.0 - mean)
    both = most / spread**2 - 1.0
    for i in range(out.shape[0]):
        x = draw_gamma2(rng[i : i + 1], mean * both, 1.0)
        out[i] = x / (x + draw_gamma2(rng[i : i + 1], (1.0 - mean) * both, 1.0))


@kernel(void(uint64[:, ::1], float64[::1]))
def normals(rng, out):  # type: ignore[no-untyped-def]
    """A number of the standard normal distribution from each stream."""
    for i in range(out.shape[0]):
        out[i] = standard_normal(rng[i : i + 1])
