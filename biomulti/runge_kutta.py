"""Explicit Runge-Kutta pairs, for flows that are not stiff.

For y' = f(t, y) and a step h, with k_i = h f(t + alpha_i h, y + sum_j a_ij k_j),

    y_new = y + sum_i m_i k_i,      error = max over rows e of |sum_i e_i k_i|.

The last stage begins where the step ends, so that it is the first of the next. The polynomial through a step is that of
rosenbrock.py. `stable` is a little below the h |df/dy| up to which steps are stable on the
negative real axis, which is 2.5 and 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biomulti.rosenbrock import _lower

Floats = NDArray[np.float64]
GUARD = 0.02  # of the difference to a rule of order 2, below which no error is believed


@dataclass(frozen=True)
class RungeKutta:
    """Coefficients of a pair of order `order` whose error estimate is of one order less; e is [any, stages]."""

    name: str
    order: int
    stable: float
    a: Floats
    m: Floats
    e: Floats
    alpha: Floats
    dense: Floats


def _hermite(m: Floats) -> Floats:
    """The cubic that has the slopes of the first and the last stage at the ends."""
    first, last = np.eye(len(m))[0], np.eye(len(m))[-1]
    return np.array([first - m, 2.0 * m - first - last])


# Bogacki and Shampine (1989), doi:10.1016/0893-9659(89)90079-7. The embedded error vanishes for a decay at rate 1 / h;
# the difference to the midpoint rule does not.
_BS3_M = np.array([2.0, 3.0, 4.0, 0.0]) / 9.0
BS3 = RungeKutta(
    name="BS3",
    order=3,
    stable=2.2,
    a=_lower(4, [0.5, 0.0, 0.75, 2.0 / 9.0, 3.0 / 9.0, 4.0 / 9.0]),
    m=_BS3_M,
    e=np.array([np.array([-5.0, 6.0, 8.0, -9.0]) / 72.0, GUARD * (_BS3_M - np.array([0.0, 1.0, 0.0, 0.0]))]),
    alpha=np.array([0.0, 0.5, 0.75, 1.0]),
    dense=_hermite(_BS3_M),
)

# Dormand and Prince (1980), doi:10.1016/0771-050X(80)90013-3, with the polynomial of order 4 by Shampine that the code
# DOPRI5 uses: Hairer, Norsett and Wanner (1993), Solving Ordinary Differential Equations I, section II.6
_DP5_M = np.array([35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0, 0.0])
_DP5_LOWER = np.array(
    [5179.0 / 57600.0, 0.0, 7571.0 / 16695.0, 393.0 / 640.0, -92097.0 / 339200.0, 187.0 / 2100.0, 1.0 / 40.0]
)
_DP5_BEND = np.array(
    [
        *(-12715105075.0 / 11282082432.0, 0.0, 87487479700.0 / 32700410799.0, -10690763975.0 / 1880347072.0),
        *(701980252875.0 / 199316789632.0, -1453857185.0 / 822651844.0, 69997945.0 / 29380423.0),
    ]
)
DP5 = RungeKutta(
    name="DP5",
    order=5,
    stable=3.0,
    a=_lower(
        7,
        [
            *(1.0 / 5.0, 3.0 / 40.0, 9.0 / 40.0, 44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0),
            *(19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0),
            *(9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0),
            *_DP5_M[:6],
        ],
    ),
    m=_DP5_M,
    e=np.array([_DP5_M - _DP5_LOWER]),
    alpha=np.array([0.0, 1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0, 1.0]),
    dense=np.vstack([_hermite(_DP5_M), 0.0 * _DP5_BEND]) + np.array([0.0 * _DP5_BEND, _DP5_BEND, -_DP5_BEND]),
)
