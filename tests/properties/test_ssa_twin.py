"""The kernels of the exact methods beside their plain-Python twins, on random mass-action networks."""

from __future__ import annotations

import numpy as np
import pytest
from twins import Stream, composition_rejection, direct_method

import biomulti as bm
from biomulti import exact
from biomulti.options import EXACT_METHODS

# no, one, two different, or two equal reactants
ORDERS = (0, 1, 1, 2, 3)


def random_network(number: int) -> tuple[str, list, list, list[float]]:
    """Antimony text, propensities, changes and start of a network drawn from `number`."""
    rng = np.random.default_rng(number)
    species, reactions = int(rng.integers(2, 5)), int(rng.integers(3, 8))
    start = [float(n) for n in rng.integers(0, 30, species)]
    names = [f"X{k}" for k in range(species)]
    lines = [f"substanceOnly species {n} in cell; {n} = {int(x)};" for n, x in zip(names, start, strict=True)]
    laws, changes = [], []
    for j in range(reactions):
        order = int(rng.choice(ORDERS))
        rate = round(float(rng.uniform(0.2, 1.0)) * (5.0, 1.0, 0.02, 0.02)[order], 4)
        first, second = (int(k) for k in rng.permutation(species)[:2])
        product = int(rng.integers(species)) if rng.random() < 0.6 else None
        left = ["", names[first], f"{names[first]} + {names[second]}", f"2 {names[first]}"][order]
        law = [
            f"{rate!r}",
            f"{rate!r}*{names[first]}",
            f"{rate!r}*{names[first]}*{names[second]}",
            f"{rate!r}*{names[first]}*({names[first]} - 1)",
        ][order]
        lines.append(f"R{j}: {left} => {names[product] if product is not None else ''}; {law};")
        laws.append(_law(order, rate, first, second))
        taken = ({}, {first: 1}, {first: 1, second: 1}, {first: 2})[order]
        change = {k: -n for k, n in taken.items()}
        if product is not None:
            change[product] = change.get(product, 0) + 1
        changes.append({k: n for k, n in change.items() if n})
    head = "unit substance = item; unit extent = item; unit time_unit = second; compartment cell = 1;\n"
    return "model m()\n" + head + "\n".join(lines) + "\nend\n", laws, changes, start


def _law(order: int, rate: float, first: int, second: int):
    """With the products taken in the order of the text, so that they round alike."""
    return (
        lambda x: rate,
        lambda x: rate * x[first],
        lambda x: rate * x[first] * x[second],
        lambda x: rate * x[first] * (x[first] - 1.0),
    )[order]


def expected(method: str, laws: list, changes: list, start: list[float], times: np.ndarray, stream: Stream) -> list:
    if method == "ssa-rejection":
        return composition_rejection(laws, changes, start, times, stream, PERIOD)
    # the tree finds what a search from the first reaction on finds
    return direct_method(laws, changes, start, times, stream)


PERIOD = 37  # firings between two rebuildings of groups, few enough to happen here


@pytest.mark.parametrize("method", EXACT_METHODS)
@pytest.mark.parametrize("number", range(12))
def test_the_kernel_takes_the_same_way(number, method, monkeypatch):
    monkeypatch.setattr(exact, "PERIOD", PERIOD)
    text, laws, changes, start = random_network(number)
    run = bm.simulate(text, t_end=4.0, every=0.25, method=method, replicates=3, seed=number, progress=False)
    names = [f"X{k}" for k in range(len(start))]
    for row in range(3):
        way = expected(method, laws, changes, start, run.time.values, Stream.of(number, row))
        found = np.stack([run[n].values[:, row] for n in names], axis=1)
        assert np.array_equal(found, np.array(way))


def test_the_networks_do_something():
    """Firings of the twelve networks above: enough that agreement is not an accident."""
    moved = 0
    for number in range(12):
        text, *_ = random_network(number)
        run = bm.simulate(text, t_end=4.0, every=0.25, method="ssa", seed=number, progress=False)
        moved += int((run.to_array().diff("time") != 0).sum())
    assert moved > 200
