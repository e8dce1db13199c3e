"""Mass action stated in concentrations, beside exact laws from the master equation.

Each model has one degree of freedom, the extent e of its reaction, so P(t) = exp(Q t) P(0) is a matrix exponential.
All seeds are fixed. False-alarm rates: 1e-6 for each p-value, 5.7e-7 for each mean and variance (five standard errors);
about forty comparisons in all, so a run with new seeds would raise a false alarm once in 25,000 times.
"""

from __future__ import annotations

from collections.abc import Callable

import closed_forms as exact
import numpy as np
import pytest
from scipy.linalg import expm

import biomulti as bm
from biomulti.counts import AssumptionWarning
from biomulti.network import AVOGADRO

P_VALUE = 1e-6
RUNS = 10_000
VOLUME, NANOMOLE = 2e-14, 1e-9 * AVOGADRO  # litres; molecules
SIZE = NANOMOLE * VOLUME  # molecules per unit of concentration
T = 0.7
# flows under "hybrid" and changes nothing else, so that laws stay exact on the way through the hybrid kernel
COMPANION = f"species Q in c; Q = {5000 / SIZE!r}; makeQ: => Q; {10000 / NANOMOLE!r}; loseQ: Q => ; 2*Q*c;"


def model(reaction: str, x: int, y: int = 0, more: str = "") -> str:
    """`reaction` of x molecules X, y molecules Y and no Z, rates per molecules and time k = .02, back .5."""
    return f"""
model m()
  unit substance = 1e-9 mole; unit time_unit = second; compartment c = {VOLUME};
  species X in c, Y in c, Z in c; X = {x / SIZE!r}; Y = {y / SIZE!r}; Z = 0;
  k2 = {0.02 * SIZE!r}; k3 = {0.02 * SIZE**2!r}; back = 0.5;
  r: {reaction};
  {more}
end
"""


def law(up: Callable[[float], float], down: Callable[[float], float], most: int, t: float) -> np.ndarray:
    """P(e) at time t, for e from 0 .. most that starts at 0."""
    generator = np.zeros((most + 1, most + 1))
    for e in range(most + 1):
        for to, rate in ((e + 1, up(e) if e < most else 0.0), (e - 1, down(e) if e else 0.0)):
            if rate:
                generator[to, e] += rate
                generator[e, e] -= rate
    return expm(generator * t)[:, 0]


def choices(x: float, m: int) -> float:
    """x (x - 1) ... (x - m + 1)."""
    return float(np.prod([x - i for i in range(m)]))


CASES = {
    "2 X -> Z": (
        model("2 X => Z; k2*X^2*c", 21),
        law(lambda e: 0.02 * choices(21 - 2 * e, 2), lambda e: 0.0, 10, T),
    ),
    "2 X -> Z, X twice": (
        model("2 X => Z; c*k2*X*X", 21),
        law(lambda e: 0.02 * choices(21 - 2 * e, 2), lambda e: 0.0, 10, T),
    ),
    "2 X <-> Z": (
        model("2 X -> Z; c*(k2*X^2 - back*Z)", 21),
        law(lambda e: 0.02 * choices(21 - 2 * e, 2), lambda e: 0.5 * e, 10, T),
    ),
    "Z + Z <-> X, backward": (
        model("X -> 2 Z; c*(back*X - k2*Z^2)", 12),
        law(lambda e: 0.5 * (12 - e), lambda e: 0.02 * choices(2 * e, 2), 12, T),
    ),
    "3 X -> Z": (
        model("3 X => Z; k3*X^3*c", 14),
        law(lambda e: 0.02 * choices(14 - 3 * e, 3), lambda e: 0.0, 4, T),
    ),
    "2 X + Y -> Z": (
        model("2 X + Y => Z; k3*X^2*Y*c", 9, 5),
        law(lambda e: 0.02 * choices(9 - 2 * e, 2) * (5 - e), lambda e: 0.0, 4, T),
    ),
    "2 X + 2 Y -> Z": (
        model(f"2 X + 2 Y => Z; {0.02 * SIZE**3!r}*X^2*Y^2*c", 7, 5),
        law(lambda e: 0.02 * choices(7 - 2 * e, 2) * choices(5 - 2 * e, 2), lambda e: 0.0, 2, T),
    ),
    "2 X -> X + Z": (
        model("2 X => X + Z; k2*X^2*c", 10),
        law(lambda e: 0.02 * choices(10 - e, 2), lambda e: 0.0, 9, T),
    ),
}


def extents(text: str, **options: object) -> np.ndarray:
    """The number of Z at time T; of the backward case, half of it."""
    with pytest.warns(AssumptionWarning, match="mass action in concentrations is stated by 'r"):
        run = bm.simulate(text, t_end=T, every=T, replicates=RUNS, seed=5, progress=False, **options)
    assert run.attrs["adjusted_laws"] in ("r", "r (reverse)")
    made = run.Z.values[-1]
    return made / 2.0 if run.attrs["adjusted_laws"] == "r (reverse)" else made


@pytest.mark.parametrize("case", CASES)
def test_law_of_extents(case):
    text, probabilities = CASES[case]
    sample, e = extents(text, method="ssa"), np.arange(len(probabilities))
    mean = probabilities @ e
    p_value = exact.chi_square(sample, probabilities)
    print(f"{case}: mean {sample.mean():.4f} for {mean:.4f}, p = {p_value:.3g}")
    exact.assert_mean(sample, mean)
    exact.assert_variance(sample, probabilities @ e**2 - mean**2)
    assert p_value > P_VALUE


def test_beside_something_that_flows():
    """The hybrid kernel's hazard is of the adjusted law too."""
    text = model("2 X -> Z; c*(k2*X^2 - back*Z)", 21, more=COMPANION)
    sample = extents(text, method="hybrid")
    assert exact.chi_square(sample, CASES["2 X <-> Z"][1]) > P_VALUE


def test_what_flows_keeps_its_law():
    """dX/dt = -2 k X^2, so 1/X = 1/X(0) + 2 k t with k = .02 per molecule, by "ode" and where a reaction flows."""
    text, expected = model("2 X => Z; k2*X^2*c", 500, more=COMPANION), 1.0 / (1.0 / 500.0 + 2.0 * 0.02 * T)
    flow = {"method": "hybrid", "physical_scale": {"r": "flow"}, "tolerance": 1e-7}
    for options in ({"method": "ode", "quantity": "molecules"}, flow):
        run = bm.simulate(text, t_end=T, seed=1, progress=False, **options)
        assert run.attrs["adjusted_laws"] == ""
        assert run.X.values[-1, 0] == pytest.approx(expected, rel=1e-5)


def test_laws_as_they_stand():
    """Without adjustment the law is that of x^2; an even number of X never meets the end where that cannot fire."""
    text = model("2 X => Z; k2*X^2*c", 20)
    network = bm.load(text, adjust=False)
    sample = bm.simulate(network, t_end=T, every=T, replicates=RUNS, method="ssa", seed=5, progress=False).Z.values[-1]
    assert exact.chi_square(sample, law(lambda e: 0.02 * (20 - 2 * e) ** 2, lambda e: 0.0, 10, T)) > P_VALUE
    # the two laws are far enough apart to be told by so many runs
    assert exact.chi_square(sample, law(lambda e: 0.02 * choices(20 - 2 * e, 2), lambda e: 0.0, 10, T)) < P_VALUE


@pytest.mark.parametrize("kind", ["concentration", "amount"])
def test_corrected_by_hand(kind):
    """A law that is exact already is not corrected a second time, whether over concentrations or amounts."""
    text = model(f"2 X => Z; k2*X*(X - {1.0 / SIZE!r})*c", 21)
    if kind == "amount":
        text = model(f"2 X => Z; {0.02 * NANOMOLE}*X*(X - {1.0 / NANOMOLE!r})", 21).replace(
            "species", "substanceOnly species"
        )
        text = text.replace(f"X = {21 / SIZE!r}", f"X = {21 / NANOMOLE!r}")
    run = bm.simulate(text, t_end=T, every=T, replicates=RUNS, method="ssa", seed=5, progress=False)
    assert run.attrs["adjusted_laws"] == ""
    assert exact.chi_square(run.Z.values[-1], CASES["2 X -> Z"][1]) > P_VALUE
