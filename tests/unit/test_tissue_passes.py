"""Passes over arrays: what numpy finds, on views, and what is not a number."""

from __future__ import annotations

import numpy as np
import pytest

from tissue import passes

RNG = np.random.default_rng(3)


def views(kind: type) -> list[np.ndarray]:
    whole = RNG.normal(size=(7, 5, 40)).astype(kind)
    return [whole, whole[1:6, :3, 2:35], whole[2, :, 1:], whole[::2, 1], whole[3, 2], whole[:0]]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_sums_and_shifts(kind: type) -> None:
    for view in views(kind):
        assert passes.total(view) == pytest.approx(float(view.sum(dtype=float)), rel=1e-6, abs=1e-5)
        assert passes.product(view, view) == pytest.approx(float((view.astype(float) ** 2).sum()), rel=1e-6)
        expected = view + kind(0.25)
        passes.shift(view, 0.25)
        assert np.array_equal(view, expected)


def test_differences_and_multiples() -> None:
    for view in views(np.float64):
        out = RNG.normal(size=view.shape)
        before = out.copy()
        passes.differ(view, before, 0.3, out, add=True)
        assert out == pytest.approx(before + (view - before) / 0.3)
        passes.differ(view, before, 0.3, out)
        assert np.array_equal(out, (view - before) / 0.3)
        passes.scale(view, 3.0, out)
        assert np.array_equal(out, 3.0 * view)


def test_largest_sees_what_is_not_a_number() -> None:
    for view in views(np.float64):
        assert passes.largest(view) == (np.abs(view).max() if view.size else 0.0)
    line = np.array([1.0, -np.inf, 2.0])
    assert passes.largest(line) == np.inf
    line[0] = -np.nan
    assert np.isnan(passes.largest(line))
    assert passes.largest(np.array([-0.0])) == 0.0
