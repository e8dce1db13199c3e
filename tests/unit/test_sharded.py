"""One tissue whose networks run on the workers of a cluster: the same bits as here, also when a worker is lost."""

from __future__ import annotations

import os
import signal

import distributed
import numpy as np
import pytest

import biomulti as bm
from biomulti import _dask, observe
from tests.unit.test_life import lively


@pytest.fixture(scope="module")
def client():
    with (
        distributed.SubprocessCluster(n_workers=3, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as own,
    ):
        own.wait_for_workers(3)
        yield own


def assert_same(one: bm.Run, two: bm.Run) -> None:
    assert one.lineage.table.equals(two.lineage.table)
    assert set(one.data.variables) == set(two.data.variables)
    for name in one.data.variables:
        first, second = one.data[name].to_numpy(), two.data[name].to_numpy()
        assert np.array_equal(first, second, equal_nan=first.dtype.kind == "f"), name


def test_the_same_bits_on_workers_also_when_one_is_killed(client) -> None:
    alone = lively().run(4.0, every=1.0, progress=False)
    pids = list(client.run(os.getpid).values())

    def kill(now: observe.Moment) -> float:
        if now.time == 2.0:
            os.kill(pids[0], signal.SIGKILL)
        return now.time

    watched = [observe.Cells(), observe.Fields(), observe.Function("clock", kill)]
    shared = lively().run(4.0, every=1.0, progress=False, client=client, observe=watched)
    assert float(shared.data["clock"][-1]) == 4.0
    assert_same(alone, bm.Run(shared.data.drop_vars("clock"), None, shared.log))
    assert alone.lineage.table["fate"].value_counts()["divided"] > 10


def test_a_run_begun_here_goes_on_on_workers(client, tmp_path) -> None:
    alone = lively().run(4.0, every=1.0, folder=tmp_path / "alone", progress=False)
    lively().run(2.0, every=1.0, folder=tmp_path / "parts", progress=False)
    assert_same(alone, bm.Tissue.resume(tmp_path / "parts", t_end=4.0, client=client, progress=False))


def test_no_cluster_is_a_named_error(monkeypatch) -> None:
    monkeypatch.setattr(_dask, "ANSWER_WITHIN", 1)
    with pytest.raises(bm.OptionError, match="no Dask scheduler answers"):
        lively().run(1.0, every=1.0, progress=False, client="tcp://127.0.0.1:1")
