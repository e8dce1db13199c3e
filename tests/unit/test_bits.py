"""One seed, the same bits: whatever the number of threads, of replicates or, where reactions fire, of pieces."""

from __future__ import annotations

import numba
import numpy as np
import pytest

import biomulti as bm
from biomulti.cells import population
from biomulti.options import EXACT_METHODS
from biomulti.simulation import stepper_of
from biomulti.system import system_of

METHODS = ("ssa", *EXACT_METHODS, "hybrid", "ode")
STOCHASTIC = ("ssa", *EXACT_METHODS, "hybrid")
# a gene that fires and a protein that flows under "hybrid"; the protein acts back on the gene
MODEL = """
model feedback()
  unit substance = item; unit extent = item; unit time_unit = second;
  compartment cell = 1; substanceOnly species off in cell, on in cell, P in cell;
  off = 1; on = 0; P = 2000;
  open: off => on; 0.5*off*1000/(1000 + P);  close: on => off; 0.3*on;
  make: => P; 1000 + 4000*on;                lose: P => ; P;
end
"""


def run(method: str, **options: object) -> np.ndarray:
    settings = {"t_end": 20.0, "every": 0.5, "replicates": 8, "seed": 5, "progress": False} | options
    return bm.simulate(MODEL, method=method, **settings).to_array().values


@pytest.mark.parametrize("method", METHODS)
def test_threads_do_not_change_bits(method):
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = run(method)
        numba.set_num_threads(2)
        two = run(method)
    finally:
        numba.set_num_threads(threads)
    assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_a_replicate_does_not_depend_on_the_others(method):
    few, many = run(method, replicates=3), run(method, replicates=40)
    assert few.tobytes() == np.ascontiguousarray(many[:, :, :3]).tobytes()


@pytest.mark.parametrize("method", METHODS)
def test_a_run_may_begin_with_any_replicate(method):
    later, all_of_them = run(method, replicates=7, first_replicate=5), run(method, replicates=12)
    assert later.tobytes() == np.ascontiguousarray(all_of_them[:, :, 5:]).tobytes()


@pytest.mark.parametrize("method", STOCHASTIC)
def test_seeds_and_replicates_differ(method):
    one = run(method)
    assert not np.array_equal(one, run(method, seed=6))
    last = one[:, -1]
    assert len(np.unique(last, axis=1).T) == last.shape[1]


def test_the_seed_is_recorded_and_makes_the_run_again():
    first = bm.simulate(MODEL, t_end=5.0, method="ssa", replicates=3, progress=False)
    again = bm.simulate(MODEL, t_end=5.0, method="ssa", replicates=3, progress=False, seed=int(first.attrs["seed"]))
    assert first.identical(again)


@pytest.mark.parametrize("method", METHODS)
def test_a_run_in_pieces_gives_the_bits_of_one_run(method):
    network = bm.load(MODEL)
    system = system_of(network, 1.0)
    times = np.linspace(0.0, 20.0, 41)
    whole, pieces = population(system, 4, seed=9), population(system, 4, seed=9)
    stepper, _ = stepper_of(system, method, 20.0, None, {}, {}, {})
    expected = stepper.advance(whole, times)
    found = np.concatenate([stepper.advance(pieces, part) for part in np.split(times, [7, 8, 30])], axis=1)
    if method == "ode":
        # the last step of a piece ends with it, where those of one run go on
        assert found == pytest.approx(expected, rel=1e-6)
    else:
        assert found.tobytes() == expected.tobytes()
