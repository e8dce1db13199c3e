"""Rosenbrock methods: stiff one-step methods that solve linear systems only.

For y' = f(t, y) with J = df/dy, the stages k_i and the step are (Hairer and Wanner 1996, Solving Ordinary
Differential Equations II, section IV.7, doi:10.1007/978-3-642-05221-7)

    (I / (h gamma) - J) k_i = f(t + alpha_i h, y + sum_j a_ij k_j) + sum_j c_ij k_j / h + gamma_i h df/dt,
    y_new = y + sum_i m_i k_i,      error = sum_i e_i k_i.

A method may have a polynomial through the step: after the share s of it, from y_old to y_new,

    y(s) = (1 - s) y_old + s (y_new + (1 - s) (b_1 + s (b_2 + s b_3))),      b_d = sum_i dense_di k_i.
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
    dense: Floats | None = None


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

# L-stable, stiffly accurate, order 5(4), eight stages, a polynomial of order 4: Steinebach (2023), BIT Numerical
# Mathematics 63, 27, doi:10.1007/s10543-023-00967-x
_RODAS5P_LAST = [
    *(-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946),
]
_RODAS5P_A = [
    *(3.0, 2.849394379747939, 0.45842242204463923),
    *(-6.954028509809101, 2.489845061869568, -10.358996098473584),
    *(2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641),
    *_RODAS5P_LAST,
    *(*_RODAS5P_LAST, 1.0),
    *(*_RODAS5P_LAST, 1.0, 1.0),
]
_RODAS5P_C = [
    *(-14.155112264123755, -17.97296035885952, -2.859693295451294),
    *(147.12150275711716, -1.41221402718213, 71.68940251302358),
    *(165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306),
    *(24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471),
    *(30.91273214028599, -3.1208243349937974, 77.79954646070892, 34.28646028294783, -19.097331116725623),
    *(-28.087943162872662,),
    *(37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047, -40.06618937091002),
    *(-54.66780262877968, -9.48861652309627),
]
_RODAS5P_DENSE = [
    *(25.948786856663858, -2.5579724845846235, 10.433815404888879, -2.3679251022685204),
    *(0.524948541321073, 1.1241088310450404, 0.4272876194431874, -0.17202221070155493),
    *(-9.91568850695171, -0.9689944594115154, 3.0438037242978453, -24.495224566215796),
    *(20.176138334709044, 15.98066361424651, -6.789040303419874, -6.710236069923372),
    *(11.419903575922262, 2.8879645146136994, 72.92137995996029, 80.12511834622643),
    *(-52.072871366152654, -59.78993625266729, -0.15582684282751913, 4.883087185713722),
]
RODAS5P = Rosenbrock(
    name="RODAS5P",
    order=5,
    gamma=0.21193756319429014,
    a=_lower(8, _RODAS5P_A),
    c=_lower(8, _RODAS5P_C),
    m=np.array([*_RODAS5P_LAST, 1.0, 1.0, 1.0]),
    e=np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]),
    alpha=np.array(
        [0.0, 0.6358126895828704, 0.4095798393397535, 0.9769306725060716, 0.4288403609558664, 1.0, 1.0, 1.0]
    ),
    gammas=np.array(
        [0.21193756319429014, -0.42387512638858027, -0.3384627126235924, 1.8046452872882734, 2.325825639765069, 0, 0, 0]
    ),
    dense=np.array(_RODAS5P_DENSE).reshape(3, 8),
)
