"""What was felt, remembered: beside a list that forgets nothing."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from biomulti.coupled.history import AHEAD, History

STEPS = st.lists(st.tuples(st.floats(0.01, 3.0), st.floats(-5.0, 5.0), st.floats(-5.0, 5.0)), min_size=1, max_size=25)


def plain(moments: list[tuple[float, np.ndarray]], time: float, ahead: bool, lowest: float) -> np.ndarray:
    """By two neighbours in a list of all moments."""
    if time <= moments[0][0] or len(moments) == 1:
        return moments[0][1]
    for (t0, x0), (t1, x1) in itertools.pairwise(moments):
        if t0 <= time < t1:
            return x0 + (time - t0) / (t1 - t0) * (x1 - x0)
    if not ahead:
        return moments[-1][1]
    (t0, x0), (t1, x1) = moments[-2:]
    return np.maximum(x1 + min((time - t1) / (t1 - t0), AHEAD) * (x1 - x0), lowest)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(steps=STEPS, lag=st.floats(0.0, 5.0), part=st.floats(0.0, 1.0), ahead=st.booleans(), bounded=st.booleans())
def test_history_forgets_only_what_no_delay_asks_for(
    steps: list[tuple[float, float, float]], lag: float, part: float, ahead: bool, bounded: bool
) -> None:
    """After every moment, for times from the one before on, less the delay, and a bound that no value is below."""
    history, moments, time = History.begun(2), [], 0.0
    lowest = min(min(a, b) for _, a, b in steps) if bounded else -math.inf
    for k, (step, a, b) in enumerate(steps):
        value = np.array([a, b])
        time += step
        history.add(time, value, lag)
        moments.append((time, value))
        following = steps[k + 1][0] if k + 1 < len(steps) else 1.0
        for asked in (time - step, time - part * step, time, time + part * following, time + following):
            found = history.at(asked - lag, ahead=ahead, lowest=lowest)
            np.testing.assert_allclose(found, plain(moments, asked - lag, ahead, lowest), atol=1e-9)
        needed = [t for t, _ in moments if t > time - step - lag]
        assert len(history.time) <= max(len(needed) + 1, 2)
        turned = history.taken(np.array([1, 0, 1]))
        assert np.array_equal(turned.value, history.value[:, [1, 0, 1]])


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    steps=st.lists(st.floats(0.01, 3.0), min_size=1, max_size=20), lag=st.floats(0.0, 5.0), slope=st.floats(-3.0, 3.0),
    part=st.floats(0.0, 1.0),
)  # fmt: skip
def test_lines_are_remembered_and_continued_exactly(steps: list[float], lag: float, slope: float, part: float) -> None:
    history, time = History.begun(1), 0.0
    history.add(0.0, np.zeros(1), lag)
    for step in steps:
        time += step
        history.add(time, np.array([slope * time]), lag)
        asked = time + part * step - lag
        found = history.at(asked, ahead=True, lowest=-math.inf)
        np.testing.assert_allclose(found, slope * max(asked, 0.0), atol=1e-9)
