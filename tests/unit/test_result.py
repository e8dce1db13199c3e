"""Results: their shape, their units, and everything needed to make them again."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

import biomulti as bm


def test_shape_names_and_attributes(tmp_path):
    run = bm.simulate(
        "repressilator", t_end=10.0, every=2.5, replicates=3, method="ssa", seed=7, initial={"LacI": 4},
        parameters={"K": 50}, progress=False,
    )  # fmt: skip
    assert run.sizes == {"time": 5, "replicate": 3}
    assert run.LacI.dims == ("time", "replicate")
    assert run.time.values.tolist() == [0.0, 2.5, 5.0, 7.5, 10.0]
    assert run.time.attrs["units"] == "minute"
    assert run.LacI.attrs["units"] == "item"
    assert run.m_LacI.attrs["long_name"] == "mRNA of LacI"
    assert np.all(run.LacI.values[0] == 4.0)
    assert run.attrs["model"] == "repressilator"
    assert run.attrs["model_hash"] == bm.load("repressilator").hash
    assert (run.attrs["method"], run.attrs["seed"]) == ("ssa", "7")
    assert json.loads(run.attrs["parameters"]) == {"K": 50.0}
    assert json.loads(run.attrs["initial"]) == {"LacI": 4.0}
    assert set(json.loads(run.attrs["versions"])) >= {"python", "biomulti", "numpy", "numba"}
    run.to_zarr(tmp_path / "run.zarr", consolidated=False)
    assert xr.open_zarr(tmp_path / "run.zarr", consolidated=False).load().identical(run)


@pytest.mark.parametrize(
    ("t_end", "every", "times"),
    [
        (1.0, 0.25, [0.0, 0.25, 0.5, 0.75, 1.0]),
        (1.0, 0.4, [0.0, 0.4, 0.8, 1.0]),
        (1.0, 5.0, [0.0, 1.0]),
        (0.3, 0.1, [0.0, 0.1, 0.2, 0.3]),
    ],
)
def test_output_times(t_end, every, times):
    run = bm.simulate("telegraph", t_end=t_end, every=every, method="ode", progress=False)
    assert run.time.values == pytest.approx(times, rel=1e-15)
    assert run.time.values[-1] == t_end


@pytest.mark.filterwarnings("ignore:.*rounded to 7227")
def test_quantities_are_one_run_in_three_units():
    text = "unit substance = 1e-21 mole; compartment c = 4; species S in c; S = 3; S => ; c*S;"
    runs = {
        q: bm.simulate(text, t_end=1.0, method="ssa", seed=2, quantity=q, progress=False)
        for q in ("molecules", "amount", "concentration")
    }
    molecules = runs["molecules"].S.values
    assert molecules[0, 0] == round(12e-21 * 6.02214179e23)
    assert np.array_equal(molecules, np.round(molecules))
    assert np.allclose(runs["amount"].S.values * 602.214179, molecules, rtol=1e-12)
    assert np.allclose(runs["concentration"].S.values * 4.0, runs["amount"].S.values, rtol=1e-12)
    assert runs["concentration"].S.attrs["units"].endswith("/ size of c")


def test_what_varies_or_is_assigned_is_written_and_what_does_not_is_not():
    text = "S => ; k*S; S = 3; k := 1 + 0.1*S; j = 2; x' = -x; x = 1; fixed := 2*j;"
    run = bm.simulate(text, t_end=1.0, method="ode", progress=False)
    assert set(run.data_vars) == {"S", "k", "x", "fixed"}
    assert np.allclose(run.k.values, 1.0 + 0.1 * run.S.values)


def test_partition_is_recorded_with_a_hybrid_run():
    run = bm.simulate("srivastava_virus", t_end=50.0, every=50.0, seed=1, progress=False)
    table = run.attrs["partition"].splitlines()
    assert len(table) == 1 + 6
    assert "flows" in next(line for line in table if line.startswith("translation"))
    assert "fires" in next(line for line in table if line.startswith("template_decay"))


def test_partition_explains_itself():
    split = bm.partition(bm.load("srivastava_virus"), t_end=200.0)
    assert "why" in str(split).splitlines()[0]
    assert "changes tem, of which there are" in str(split)
    assert split._repr_html_().count("<tr>") == 1 + 6
    assert [d.flows for d in split.decisions] == [False, False, False, False, True, True]
    assert split.adaptive.tolist() == [False, False, False, False, True, True]
    forced = bm.partition(bm.load("srivastava_virus"), t_end=200.0, physical_scale={"translation": "fire"})
    assert "as asked for" in str(forced)
    # what is left to flow fires less often than what fires, so that flow would save nothing
    assert forced.fires.tolist() == [True] * 6
    assert "Everything fires" in str(forced)
