"""Rosenbrock methods: stiff one-step methods that solve linear systems only.

For y' = f(t, y) with J = df/dy, the stages k_i and the step are (Hairer and Wanner 1996, Solving Ordinary
Differential Equations II, section IV.7, doi:10.1007/978-3-642-05221-7)

    (I / (h gamma) - J) k_i = f(t + alpha_i h, y + sum_j a_ij k_j) + sum_j c_ij k_j / h + gamma_i h df/dt,
    y_new = y + sum_i m_i k_i,      error = sum_i e_i k_i.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rosenbrock:
    """Coefficients of a method of order `order` whose error estimate is of one order less."""

    name: str
    order: int
    gamma: float
    a: Floats
    c: Floats
    m: Floats
    e: Floats
    alpha: Floats
    gammas: Floats


def _lower(stages: int, values: list[float]) -> Floats:
    """A strictly lower triangular matrix from its rows written one after another."""
    out = np.zeros((stages, stages))
    out[np.tril_indices(stages, -1)] = values
    return out


# L-stable, stiffly accurate, order 3(2), four stages: Sandu et al. (1997), Atmospheric Environment 31, 3459,
# doi:10.1016/S1352-2310(97)83212-8
RODAS3 = Rosenbrock(
    name="RODAS3",
    order=3,
    gamma=0.5,
    a=_lower(4, [0.0, 2.0, 0.0, 2.0, 0.0, 1.0]),
    c=_lower(4, [4.0, 1.0, -1.0, 1.0, -1.0, -8.0 / 3.0]),
    m=np.array([2.0, 0.0, 1.0, 1.0]),
    e=np.array([0.0, 0.0, 0.0, 1.0]),
    alpha=np.array([0.0, 0.0, 1.0, 1.0]),
    gammas=np.array([0.5, 1.5, 0.0, 0.0]),
)

# L-stable, stiffly accurate, order 4(3), six stages: Hairer and Wanner (1996), section IV.7, the code RODAS
_RODAS4_LAST = [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950]
_RODAS4_A = [
    *(1.544, 0.9466785280815826, 0.2557011698983284),
    *(3.314825187068521, 2.896124015972201, 0.9986419139977817),
    *_RODAS4_LAST,
    *(*_RODAS4_LAST, 1.0),
]
_RODAS4_C = [
    *(-5.6688, -2.430093356833875, -0.2063599157091915),
    *(-0.1073529058151375, -9.594562251023355, -20.47028614809616),
    *(7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160),
    *(8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054),
]
RODAS4 = Rosenbrock(
    name="RODAS4",
    order=4,
    gamma=0.25,
    a=_lower(6, _RODAS4_A),
    c=_lower(6, _RODAS4_C),
    m=np.array([*_RODAS4_LAST, 1.0, 1.0]),
    e=np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
    alpha=np.array([0.0, 0.386, 0.21, 0.63, 1.0, 1.0]),
    gammas=np.array([0.25, -0.1043, 0.1035, -0.0362, 0.0, 0.0]),
)
