"""Delays of what jumps: firings that hang on how many molecules there were some time ago."""

from __future__ import annotations

import numpy as np
import pytest

import biomulti as bm

MEMORY = """
model memory()
  unit substance = item; unit extent = item; unit time_unit = second; unit volume = litre;
  compartment c = 1;
  substanceOnly species A in c;
  A = 0;
  make: => A; 4 + 0.15*delay(A, 0.4);
  lose: A => ; 0.2*A;
end
"""
ALARM = 4.0  # standard errors: one in 16,000 by chance, at a fixed seed and eight looks one in 2,000


@pytest.mark.parametrize("method", ["ssa", "hybrid"])
def test_the_mean_follows_the_linear_delay_equation(method: str) -> None:
    """m' = 4 + .15 m(t - .4) - .2 m, which is exact for means since all laws are linear."""
    settings = {"t_end": 12.0, "every": 1.5, "progress": False, "quantity": "molecules"}
    runs = bm.simulate(MEMORY, method=method, replicates=1500, seed=5, **settings)["A"].to_numpy()
    mean = bm.simulate(MEMORY, method="ode", **settings)["A"].to_numpy()[:, 0]
    error = np.std(runs, axis=1, ddof=1)[1:] / np.sqrt(1500)
    assert (np.abs(runs.mean(axis=1)[1:] - mean[1:]) < ALARM * error).all()
