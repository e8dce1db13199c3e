"""What a network conserves, every method conserves: sums of molecules, exactly or to rounding."""

from __future__ import annotations

import numpy as np
import pytest

import biomulti as bm

FLOW = {"binding": "flow", "unbinding": "flow"}
METHODS = {
    "ssa": ({"method": "ssa"}, 0.0),
    "hybrid": ({"method": "hybrid"}, 0.0),
    "hybrid with flow": ({"method": "hybrid", "physical_scale": FLOW}, 1e-10),
    "ode": ({"method": "ode"}, 1e-12),
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("k", [1.0, 1000.0])
def test_michaelis_menten_keeps_enzyme_and_substrate(name, k):
    options, allowed = METHODS[name]
    run = bm.simulate(
        "michaelis_menten", t_end=5.0, replicates=5, seed=1, parameters={"k": k}, progress=False, **options
    )
    assert np.abs(run.E + run.ES - 10.0).max() <= 10.0 * allowed
    assert np.abs(run.S + run.ES + run.P - 100.0).max() <= 100.0 * allowed
    assert float(run.to_array().min()) >= 0.0
    if "ode" not in name:
        assert np.array_equal(run.P.values, np.round(run.P.values))


@pytest.mark.parametrize("seed", range(3))
def test_what_is_counted_stays_whole_beside_what_flows(seed):
    """A promoter with three states and its mRNA fire; the protein flows and acts back on the promoter."""
    text = """
      unit substance = item; unit extent = item; compartment cell = 1;
      substanceOnly species free in cell, on in cell, shut in cell, m in cell, P in cell;
      free = 2; on = 0; shut = 0; m = 5; P = 3000;
      a: free => on; 0.3*free;  b: on => free; 0.2*on;
      c: free + P => shut; 1e-4*free*P;  d: shut => free + P; 0.4*shut;
      e: => m; 4*on;  f: m => ; m;  g: => P; 300*m;  h: P => ; 0.5*P;
    """
    run = bm.simulate(text, t_end=60.0, every=0.5, replicates=20, seed=seed, progress=False)
    flows = [line.split()[0] for line in run.attrs["partition"].splitlines() if " flows " in line]
    assert flows == ["g", "h"]
    for name in ("free", "on", "shut", "m"):
        assert np.array_equal(run[name].values, np.round(run[name].values)), name
    assert np.all(run.free + run.on + run.shut == 2.0)
    assert float(run.to_array().min()) >= 0.0
