"""The hybrid method beside the exact one where no closed form is known. Seeds are fixed.

False alarms: 5.7e-7 for each comparison (five standard errors), about fifteen of them.
"""

from __future__ import annotations

import math

import closed_forms as exact
import numpy as np
import pytest

import biomulti as bm

# a telegraph gene whose protein dimerises fast and reversibly; the dimer closes the gene
DIMER = """
model dimer()
  unit substance = item; unit extent = item; unit time_unit = second; compartment cell = 1;
  substanceOnly species off in cell, on in cell, M in cell, P in cell, D in cell;
  off = 0; on = 1; M = 6; P = 500; D = 250; k = 10;
  open: off => on; 0.5*off;  close: on => off; 0.005*on*D;
  transcribe: => M; 20*on;   decay_M: M => ; M;
  translate: => P; 50*M;     decay_P: P => ; 0.5*P;
  pair: 2 P => D; k*0.001*P*(P - 1);  unpair: D => 2 P; k*D;  decay_D: D => ; 0.1*D;
end
"""


def at_end(model: str, **options: object) -> bm.simulate:
    settings = {"seed": 4, "progress": False} | options
    return bm.simulate(model, **settings).isel(time=-1)


@pytest.fixture(scope="module")
def dimer_by_direct_method():
    return at_end(DIMER, method="ssa", replicates=400, t_end=20.0, every=20.0)


@pytest.mark.parametrize("every", [5.0, 0.1])
def test_fast_dimerisation_has_no_bias(every, dimer_by_direct_method):
    """Means of mRNA, protein and dimer at t = 20, whatever the output interval; nothing negative or fractional."""
    # without a bound, so that what is plentiful flows though its noise matters
    hybrid = at_end(DIMER, tolerance=math.inf, replicates=1_500, t_end=20.0, every=every, seed=5)
    flowing = [line.split()[0] for line in hybrid.attrs["partition"].splitlines() if " flows " in line]
    assert {"pair", "unpair", "translate"} <= set(flowing)
    for name in ("M", "P", "D"):
        direct = dimer_by_direct_method[name].values
        print(name, every, direct.mean(), direct.std() / 20.0, hybrid[name].values.mean())
        exact.assert_same_mean(direct, hybrid[name].values)
    check_whole_and_not_negative(hybrid, ("off", "on", "M"))


def check_whole_and_not_negative(run, counted: tuple[str, ...]) -> None:
    for name, values in run.items():
        assert float(values.min()) >= 0.0, name
    for name in counted:
        assert np.array_equal(run[name].values, np.round(run[name].values)), name


def test_virus_early():
    """By day 20 from one template: the share of lost infections and the mean numbers of templates and genomes."""
    direct = at_end("srivastava_virus", method="ssa", replicates=1_000, t_end=20.0)
    hybrid = at_end("srivastava_virus", method="hybrid", replicates=10_000, t_end=20.0, seed=6)
    for name in ("tem", "gen", "struct"):
        exact.assert_same_mean(direct[name].values, hybrid[name].values)
    lost = [(run.tem + run.gen == 0).values.astype(float) for run in (direct, hybrid)]
    print("lost by day 20:", lost[0].mean(), lost[1].mean())
    exact.assert_same_mean(*lost)


def test_virus_extinction():
    """From one template .254 +- .008 of infections are extinct by day 200, by exact simulation elsewhere."""
    run = bm.simulate(
        "srivastava_virus", t_end=200.0, every=10.0, replicates=1_000, method="hybrid", seed=3, progress=False
    )
    assert "translation" in [line.split()[0] for line in run.attrs["partition"].splitlines() if " flows " in line]
    end = run.isel(time=-1)
    extinct = (end.tem + end.gen == 0).values
    print("extinct by day 200:", extinct.mean())
    exact.assert_mean(extinct.astype(float), 0.254, spread=0.008)
    # gen flows while there are many
    check_whole_and_not_negative(run, ("tem",))


def test_virus_by_parts_that_fire_alone():
    """With the flow told to fire, "hybrid" is the direct method, to the bit."""
    fire = {"translation": "fire", "structural_decay": "fire"}
    common = {"t_end": 5.0, "replicates": 20, "seed": 2, "progress": False}
    hybrid = bm.simulate("srivastava_virus", method="hybrid", physical_scale=fire, **common)
    direct = bm.simulate("srivastava_virus", method="ssa", **common)
    assert np.array_equal(hybrid.to_array().values, direct.to_array().values)
