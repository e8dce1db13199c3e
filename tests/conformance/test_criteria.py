"""The criteria themselves: right results pass, and results a little wrong do not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from .criteria import Floats, excess, points_outside
from .report import reason_group
from .suite import Case

RUNS = 10_000
TIMES = 20


def case(output: str) -> Case:
    settings = {"output": output, "meanRange": "(-3, 3)", "sdRange": "(-5, 5)"}
    return Case("00001", "stochastic", Path(), "StochasticTimeCourse", (), settings)


def columns(name: str, mean: float, sd: float) -> Mapping[str, Floats]:
    return {f"{name}-mean": np.full(TIMES, mean), f"{name}-sd": np.full(TIMES, sd)}


@pytest.mark.parametrize(
    ("result", "expected", "ratio"),
    [
        (1.0, 1.0, 0.0),
        (2.02, 2.0, 0.02 / 0.03),
        (0.01, 0.0, 1.0),
        (np.nan, np.nan, 0.0),
        (-np.inf, -np.inf, 0.0),
        (np.inf, -np.inf, np.inf),
        (np.nan, 1.0, np.inf),
        (1.0, np.inf, np.inf),
    ],
)
def test_excess(result: float, expected: float, ratio: float) -> None:
    found = excess(np.array([result]), np.array([expected]), absolute=0.01, relative=0.01)
    np.testing.assert_allclose(found, ratio, rtol=1e-12)


@pytest.mark.parametrize(
    ("shift", "stretch", "columns_outside"), [(0.0, 1.0, set()), (0.1, 1.0, {"X-mean"}), (0.0, 1.1, {"X-sd"})]
)
def test_normal_law(shift: float, stretch: float, columns_outside: set[str]) -> None:
    """Z = 10 and Y = 15 are outside; one of the 40 points of the right law is by chance in 1 seed of 19."""
    runs = {"X": 5.0 + shift + stretch * np.random.default_rng(1).standard_normal((TIMES, RUNS))}
    found = points_outside(case("X-mean, X-sd"), runs, columns("X", 5.0, 1.0))
    assert {p.column for p in found} == columns_outside
    assert len(found) == TIMES * len(columns_outside)


def test_without_spread_every_run_has_to_match() -> None:
    runs = {"X": np.full((TIMES, RUNS), 100.0)}
    assert not points_outside(case("X-mean, X-sd"), runs, columns("X", 100.0, 0.0))
    runs["X"][3, 7] = 101.0
    found = points_outside(case("X-mean, X-sd"), runs, columns("X", 100.0, 0.0))
    assert {(p.column, p.index) for p in found} == {("X-mean", 3), ("X-sd", 3)}


def test_logarithm_of_a_start_at_zero_is_not_judged() -> None:
    runs = {"X": np.exp(np.random.default_rng(2).standard_normal((TIMES, RUNS)))}
    runs["X"][0] = 0.0
    expected = {"ln(X)-mean": np.zeros(TIMES), "ln(X)-sd": np.r_[0.0, np.ones(TIMES - 1)]}
    assert not points_outside(case("ln(X)-mean, ln(X)-sd"), runs, expected)


def test_a_law_without_mean_is_judged_by_its_median() -> None:
    draws = np.random.default_rng(3).standard_cauchy((TIMES, RUNS))
    draws[0] = 0.0
    expected = {"X-mean": np.zeros(TIMES)}
    assert not points_outside(case("X-mean"), {"X": draws}, expected)
    assert len(points_outside(case("X-mean"), {"X": draws + 0.2}, expected)) == TIMES


def test_a_law_cut_off_is_judged_by_its_mean() -> None:
    """The Cauchy law of scale 2 about 1, from 1.1 to 10, as in case 00059; there the median is 2.7."""
    low, high = np.arctan((np.array([1.1, 10.0]) - 1.0) / 2.0)
    draws = 1.0 + 2.0 * np.tan(np.random.default_rng(5).uniform(low, high, (TIMES, RUNS)))
    mean = 1.0 + np.log((4.0 + 9.0**2) / (4.0 + 0.1**2)) / (high - low)
    assert not points_outside(case("X-mean"), {"X": draws}, {"X-mean": np.full(TIMES, mean)})
    assert len(points_outside(case("X-mean"), {"X": draws + 0.2}, {"X-mean": np.full(TIMES, mean)})) == TIMES


def test_second_look_takes_the_kurtosis_into_account() -> None:
    """Families rare and geometric: Y is outside in 2 of 5 samples (standard deviation 6), divided by that in none."""
    rng = np.random.default_rng(4)
    families = rng.poisson(0.08, (TIMES, RUNS))
    draws = families + rng.negative_binomial(np.maximum(families, 1), 1.0 / 11.0) * (families > 0)
    variance = 0.08 * (11.0 * 10.0 + 11.0**2)
    expected = columns("X", 0.08 * 11.0, float(np.sqrt(variance)))
    assert points_outside(case("X-sd"), {"X": draws.astype(float)}, expected)
    assert not points_outside(case("X-sd"), {"X": draws.astype(float)}, expected, second_look=True)


def test_reasons_group_by_what_they_have_in_common() -> None:
    one = "UnsupportedError: 00026-sbml-l3v2.xml: line 52: event 'event1', not supported yet"
    other = "UnsupportedError: 00041-sbml-l3v2.xml: line 7: event 'E', not supported yet"
    assert reason_group(one) == reason_group(other) == "UnsupportedError: event '...', not supported yet"
