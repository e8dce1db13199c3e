"""Deposited BioModels by method "ode", beside their reference trajectories; run where the models are at hand."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from conftest import DEPOSITED

import biomulti as bm

AGREEMENT = 1e-5  # of the largest value of each species; the worst measured is 7.4e-6 (BIOMD0000000005)
# below a billionth of the model's largest value a species is zero, and its reference the noise of another integrator:
# in BIOMD0000000786 nothing happens before an event that lies ten times beyond the reference's end
NOISE = 1e-9
REFERENCES = sorted((DEPOSITED / "reference").glob("*.csv"))


def table(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Times, and the concentration of each species; the columns are named time, [A], [B], ..."""
    with path.open() as file:
        names, *rows = csv.reader(file)
    values = np.array(rows, dtype=float).T
    return values[0], {n.strip("[]"): v for n, v in zip(names[1:], values[1:], strict=True)}


def test_references_were_found():
    assert len(REFERENCES) >= 50


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda path: path.stem)
def test_agrees_with_the_reference(reference, record_property):
    times, expected = table(reference)
    network = bm.load(DEPOSITED / f"{reference.stem}.xml")
    run = bm.simulate(network, t_end=times[-1], every=times[1], method="ode", quantity="concentration", progress=False)
    errors = {}
    overall = max(np.abs(values).max() for values in expected.values())
    for name, values in expected.items():
        largest = np.abs(values).max()
        size = largest if largest > NOISE * overall else overall or 1.0
        errors[name] = np.abs(run[name].values[:, 0] - values).max() / size
    worst = max(errors, key=errors.__getitem__)
    record_property("worst", f"{worst} {errors[worst]:.2g}")
    print(f"{reference.stem}: {errors[worst]:.2g} ({worst})")
    assert errors[worst] < AGREEMENT
