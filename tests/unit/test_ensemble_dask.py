"""Ensembles on a real Dask cluster of several processes on this machine, some of which are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import cloudpickle
import distributed
import numpy as np
import pytest
import xarray as xr

import biomulti as bm

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the workers do not have this file
ALLOWED = 1  # workers that this cluster lets a task lose before it gives it up


@pytest.fixture(scope="module")
def client():
    options = {"threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.SubprocessCluster(
            n_workers=2, scheduler_kwargs={"allowed_failures": ALLOWED}, silence_logs=50, **options
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def gene(seed: int, d: float) -> xr.Dataset:
    settings = {"t_end": 5.0, "every": 1.0, "progress": False}
    return bm.simulate("telegraph", replicates=3, seed=seed, parameters={"d": d}, **settings).rename(replicate="copy")


def mortal(folder: Path, times: int):
    """`gene`, which at d = 1 ends the process it runs in, so many times."""

    def run(seed: int, d: float) -> xr.Dataset:
        if d == 1.0:
            for k in range(times):
                marker = folder / f"killed-{k}"
                if not marker.exists():
                    marker.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
        return gene(seed, d)

    return run


def spread(function, client, **options: object) -> xr.Dataset:
    return bm.ensemble(
        function,
        **{"over": {"d": [0.5, 1.0, 2.0]}, "replicates": 3, "seed": 4, "client": client, "progress": False} | options,
    )


@pytest.fixture(scope="module")
def serial() -> xr.Dataset:
    return spread(gene, None, workers=0)


def test_a_network_gives_the_same_bits(client):
    options = {"over": {"d": [0.5, 1.0], "mRNA": [0, 3]}, "t_end": 5.0, "every": 1.0, "replicates": 20, "seed": 1}
    here = bm.ensemble("telegraph", workers=0, progress=False, **options)
    there = bm.ensemble("telegraph", client=client.scheduler.address, progress=False, **options)
    assert here.identical(there)


def test_a_killed_worker_does_not_change_bits(client, serial, tmp_path):
    run = spread(mortal(tmp_path, 1), client)
    assert len(list(tmp_path.iterdir())) == 1
    assert run.drop_attrs().identical(serial.drop_attrs())


def test_what_dask_gives_up_is_begun_again(client, serial, tmp_path):
    # of the three runs at d = 1 each may have to be begun again; none has to more than twice
    run = spread(mortal(tmp_path, ALLOWED + 1), client, retries=2)
    assert len(list(tmp_path.iterdir())) == ALLOWED + 1
    assert run.drop_attrs().identical(serial.drop_attrs())


def test_what_is_given_up_leaves_the_others(client, serial, tmp_path):
    """Dask holds every run that waits on a lost worker against that run, so that one beside may be given up too."""
    with pytest.raises(bm.EnsembleError, match="Dask gave it up: KilledWorker") as caught:
        spread(mortal(tmp_path, 100), client, over={"d": [0.25, 0.5, 1.0, 2.0, 4.0]}, replicates=1, retries=0)
    given_up = {f.point["d"] for f in caught.value.failures}
    assert 1.0 in given_up
    found = caught.value.partial["mRNA"]
    assert {float(d) for d in found["d"][np.isnan(found).all(("replicate", "time", "copy"))]} == given_up
    for d in {0.5, 2.0} - given_up:
        assert np.array_equal(found.sel(d=d)[0], serial["mRNA"].sel(d=d)[0])


def test_failures_are_told_as_elsewhere(client):
    with pytest.raises(bm.EnsembleError, match="1 of 2 jobs failed") as caught:
        bm.ensemble(lambda seed, k: 1 / k, over={"k": [0, 2]}, client=client, progress=False)
    assert caught.value.failures[0].reason == "ZeroDivisionError: division by zero"
    assert float(caught.value.partial["value"].sel(k=2)[0]) == 0.5


def test_a_module_that_workers_lack_is_named_with_the_cure(client, tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("def f(seed): return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    import only_here

    with pytest.raises(bm.EnsembleError, match=r"No module named 'only_here'; have its module on the workers, or"):
        bm.ensemble(only_here.f, client=client, progress=False)


def test_many_small_jobs(client):
    run = bm.ensemble(lambda seed, k: seed % k, over={"k": range(1, 1001)}, client=client, seed=1, progress=False)
    assert np.array_equal(run["value"][:, 0], run["run_seed"][:, 0] % run["k"])


def test_no_scheduler_and_no_client(monkeypatch):
    monkeypatch.setattr("biomulti._dask.ANSWER_WITHIN", 1)
    with pytest.raises(bm.OptionError, match="no Dask scheduler answers there"):
        spread(gene, "tcp://127.0.0.1:1")
    with pytest.raises(bm.OptionError, match=r"client=3 is no distributed.Client, no scheduler's address"):
        spread(gene, 3)


def test_without_dask_the_cure_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(bm.OptionError, match=r'pip install "biomulti\[cluster\]"'):
        spread(gene, True)


def test_a_script_may_have_a_cluster_of_its_own(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import biomulti as bm\nprint('begins')\ndef f(seed, k): return 2 * k\n"
        "print(bm.ensemble(f, over={'k': [1, 2]}, workers=1, client=True)['value'].values.ravel().tolist())\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert done.stdout.split("\n") == ["begins", "[2, 4]", ""], done.stderr
