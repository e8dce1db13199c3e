"""Ensembles in this process and over several: the same bits, what is recorded, and what happens on failure."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import biomulti as bm
from biomulti._jobs import FunctionWork, Job, perform
from biomulti._plan import derived_seed, jobs_of, network_work
from biomulti.combine import Misfit, combined

GENE = {"over": {"d": [0.5, 1.0], "mRNA": [0, 3]}, "t_end": 5.0, "every": 1.0, "progress": False}


def series(seed: int, k: float, length: int = 3) -> xr.Dataset:
    """A small run whose numbers follow from its seed."""
    rng = np.random.default_rng(seed)
    return xr.Dataset({"x": ("time", k + rng.random(length))}, {"time": np.arange(length) * 0.5}, {"model": "series"})


def sums(seed: int, k: int, shift: float = 0.0) -> dict[str, float]:
    """Two numbers."""
    return {"sum": k + shift, "chance": np.random.default_rng(seed).random()}


def here(what=series, **options: object) -> xr.Dataset:
    return bm.ensemble(what, **{"workers": 0, "seed": 1, "progress": False} | options)


# what it gives


def test_a_network_over_a_grid():
    run = here("telegraph", replicates=3, **GENE)
    assert run["mRNA"].dims == ("d", "mRNA_initial", "replicate", "time")
    assert list(run["mRNA_initial"].values) == [0, 3]
    assert np.all(run["mRNA"].sel(mRNA_initial=3, time=0.0) == 3.0)
    assert run.attrs["seed"] == "1"
    assert "numba" in json.loads(run.attrs["versions"])
    assert json.loads(run.attrs["settings"]) == {"t_end": 5.0, "every": 1.0}
    assert run.attrs["model"] == "telegraph"


def test_a_point_of_a_network_is_a_run_that_can_be_made_alone():
    run = here("telegraph", replicates=4, **GENE)
    point = run.sel(d=1.0, mRNA_initial=3)
    alone = bm.simulate(
        "telegraph", t_end=5.0, every=1.0, replicates=4, seed=int(point["run_seed"]), parameters={"d": 1.0},
        initial={"mRNA": 3}, progress=False,
    )  # fmt: skip
    assert np.array_equal(point["mRNA"].values, alone["mRNA"].values.T)


def test_arguments_of_simulate_can_be_swept():
    run = here("telegraph", over={"method": ["ssa", "ode"]}, t_end=5.0, every=1.0)
    assert list(run["method"].values) == ["ssa", "ode"]
    assert np.any(run["mRNA"].sel({"method": "ode"}) % 1.0)
    assert not np.any(run["mRNA"].sel({"method": "ssa"}) % 1.0)


def test_a_function_over_a_grid():
    run = here(over={"k": [1, 2]}, replicates=3, length=4)
    assert run["x"].dims == ("k", "replicate", "time")
    seed = int(run["run_seed"].sel(k=2)[1])
    assert np.array_equal(run["x"].sel(k=2)[1], series(seed, k=2, length=4)["x"])
    assert run.attrs["function"] == "series"
    assert "default_rng(seed)" in run.attrs["function_source"]


@pytest.mark.parametrize(
    ("result", "name"),
    [(2.5, "value"), (xr.DataArray(2.5, name="y"), "y"), (xr.DataArray(2.5), "value"), ({"z": np.float32(2.5)}, "z")],
)
def test_what_a_function_may_give(result, name):
    assert here(lambda seed: result)[name].values.tolist() == [2.5]


def test_a_tissue_can_be_swept():
    import tissue

    def strip(seed: int, friction: float) -> bm.Run:
        cells = bm.Tissue(
            "telegraph", cells=9, grid=tissue.Grid((8, 8), (8.0, 8.0)), seed=seed, friction=friction, method="ssa"
        )
        return cells.run(t_end=2.0, every=1.0, progress=False)

    run = here(strip, over={"friction": [0.1, 1.0]}, replicates=2)
    assert run["mRNA"].dims == ("friction", "replicate", "time", "cell")
    assert np.isfinite(run["mRNA"]).all()


# seeds


def test_more_replicates_and_values_leave_former_runs_as_they_are():
    few = here(over={"k": [1, 2]}, replicates=2)
    many = here(over={"k": np.array([3.0, 2.0, 1.0])}, replicates=5)
    assert np.array_equal(few["x"], many["x"].sel(k=[1, 2])[:, :2])
    network = here("telegraph", replicates=9, **GENE)
    more = here("telegraph", replicates=17, **GENE | {"over": {"mRNA": [3, 5, 0], "d": [0.25, 1.0, 0.5]}})
    former = more.sel(d=[0.5, 1.0], mRNA_initial=[0, 3]).isel(replicate=slice(9)).transpose(*network["mRNA"].dims)
    assert np.array_equal(network["mRNA"], former["mRNA"])


def test_seeds_differ_between_points_replicates_and_ensembles():
    seeds = [derived_seed(s, {"k": k}, i) for s in range(3) for k in (0.0, 1.0, "a", True) for i in (None, 0, 1, 2)]
    assert len(set(seeds)) == len(seeds)
    assert derived_seed(1, {"k": 1, "m": 2}, 0) == derived_seed(1, {"m": 2.0, "k": np.float64(1)}, 0)
    # SHA-256 of '[1, [["k", "0x1.0000000000000p+1"]], 0]', its first 63 bits
    assert derived_seed(1, {"k": 2}, 0) == 4451308854204205600


def test_shares_of_replicates_do_not_change_bits():
    work = network_work("telegraph", {}, {"t_end": 5.0, "every": 1.0})
    whole = [(j, work(j)) for j in jobs_of(work, {}, 50, 1, workers=1)]
    shared = [(j, work(j)) for j in jobs_of(work, {}, 50, 1, workers=2)]
    assert [j.count for j, _ in whole] == [50]
    assert [j.count for j, _ in shared] == [8, 8, 8, 8, 8, 8, 2]
    assert combined({}, 50, whole).identical(combined({}, 50, shared))
    # without chance one run is all of them
    ode = network_work("telegraph", {}, {"t_end": 5.0, "method": "ode"})
    assert len(jobs_of(ode, {}, 50, 1, workers=2)) == 1


# runs side by side


def side_by_side(*runs: xr.Dataset, replicates: int = 1) -> xr.Dataset:
    jobs = [Job((i,), {"k": i}, 0, 1, i) for i in range(len(runs))]
    return combined({"k": np.arange(len(runs))}, replicates, list(zip(jobs, runs, strict=True)))


def test_runs_of_different_length_are_put_side_by_side_by_their_coordinate():
    short = xr.Dataset({"n": ("time", [1, 2])}, {"time": [0.0, 1.0]})
    other = xr.Dataset({"n": ("time", [7, 8, 9])}, {"time": [0.0, 0.5, 1.0]})
    both = side_by_side(short, other)
    assert list(both["time"].values) == [0.0, 0.5, 1.0]
    assert np.array_equal(both["n"][:, 0], [[1.0, np.nan, 2.0], [7.0, 8.0, 9.0]], equal_nan=True)


def test_runs_that_are_alike_keep_their_types():
    runs = [xr.Dataset({"n": 3, "word": "a", "yes": True}, {"area": ("x", [1.0, 2.0])}) for _ in range(2)]
    both = side_by_side(*runs)
    assert both["n"].dtype.kind == "i"
    assert both["yes"].dtype == bool
    assert both["word"].values.tolist() == [["a"], ["a"]]
    assert both["area"].dims == ("x",)  # the same in all runs, and so there once


MISFITS = [
    ({"n": ("x", [1, 2])}, {"n": ("x", [1, 2, 3])}, "'x' has no values and is 2 long at k = 0.*and 3 at k = 1"),
    ({"n": 1}, {"m": 1}, "'m' is there at k = 1, .*not at k = 0"),
    ({"n": ("x", [1])}, {"n": 1}, "dimensions"),
    ({"n": ((), 1, {"units": "item"})}, {"n": ((), 1, {"units": "mole"})}, "is in 'item' at .*, and in 'mole' at"),
]


@pytest.mark.parametrize(("one", "other", "message"), MISFITS)
def test_runs_that_do_not_fit(one, other, message):
    with pytest.raises(Misfit, match=message):
        side_by_side(xr.Dataset(one), xr.Dataset(other))


def test_runs_that_do_not_fit_are_not_lost():
    def odd(seed: int, k: int) -> xr.Dataset:
        return xr.Dataset({"n": ("x", np.zeros(k))})

    with pytest.raises(bm.EnsembleError, match="do not fit into one Dataset") as caught:
        here(odd, over={"k": [1, 2]})
    assert [(j.point, d.sizes["x"]) for j, d in caught.value.runs] == [({"k": 1}, 1), ({"k": 2}, 2)]


# mistakes


OPTIONS = [
    ({"over": [1]}, "over is a dictionary"),
    ({"over": {"k": 3}}, "must be a sequence"),
    ({"over": {"k": "abc"}}, "must be a sequence"),
    ({"over": {"k": []}}, "must be a sequence"),
    ({"over": {"k": [1, np.nan]}}, "must be a sequence"),
    ({"over": {"k": [1, "a"]}}, "must be a sequence"),
    ({"over": {"k": [1, 1.0]}}, "has 1 more than once"),
    ({"over": {"seed": [1]}}, "'seed' is an argument of the ensemble itself"),
    ({"over": {"k": [1]}, "k": 2}, "'k' is given twice"),
    ({"over": {"j": [1]}}, "does not take them: missing a required argument: 'k'"),
    ({"over": {"k": [1]}, "replicates": 0}, "replicates=0 must be"),
    ({"over": {"k": [1]}, "workers": -1}, "workers=-1 must be a whole number, 0 or more"),
    ({"over": {"k": [1]}, "retries": 0.5}, "retries=0.5 must be"),
    ({"over": {"k": [1]}, "seed": -1}, "seed=-1 must be"),
    ({"what": "telegraph"}, "say how far the runs go: t_end="),
    ({"what": "telegraph", "t_end": 1.0, "speed": 1}, "'speed' is no argument of ensemble[(][)] or simulate"),
    ({"what": "telegraph", "t_end": 1.0, "over": {"speed": [1]}}, "no parameter, compartment or species 'speed'"),
    ({"what": "telegraph", "t_end": 1.0, "over": {"d": [1]}, "parameters": {"d": 2}}, "'d' is given twice"),
    ({"what": "nowhere.xml", "t_end": 1.0}, "there is no file"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS, ids=str)
def test_options(options, message):
    with pytest.raises((bm.OptionError, bm.ModelError), match=message):
        here(**options)


def test_a_function_that_cannot_be_sent_says_so():
    lock = threading.Lock()

    def guarded(seed: int) -> float:
        with lock:
            return 1.0

    with pytest.raises(bm.OptionError, match=r"cannot be sent to other processes.*workers=0"):
        bm.ensemble(guarded, replicates=2, workers=2)
    assert float(here(guarded)["value"][0]) == 1.0


def inverse(seed: int, k: float) -> float:
    return 1.0 / k


def test_a_run_that_fails_is_named_and_the_others_are_kept():
    with pytest.raises(bm.EnsembleError, match="1 of 3 jobs failed") as caught:
        here(inverse, over={"k": [2.0, 0.0, 4.0]})
    error = caught.value
    seed = derived_seed(1, {"k": 0.0}, 0)
    assert f"At k = 0.0, replicate 0 (seed {seed}): ZeroDivisionError" in str(error)
    assert f"inverse(k=0.0, seed={seed})" in str(error)
    assert np.array_equal(error.partial["value"][:, 0], [0.5, np.nan, 0.25], equal_nan=True)
    assert error.failures[0].point == {"k": 0.0}
    assert error.failures[0].replicates == range(1)
    assert "return 1.0 / k" in error.failures[0].trace


def test_many_failures_are_the_end():
    with pytest.raises(bm.EnsembleError, match="10 of 500 jobs failed, and 490 were not finished") as caught:
        here(lambda seed: 1 / 0, replicates=500)
    assert caught.value.partial is None


def test_a_network_that_fails_names_the_replicate():
    model = "unit substance = item; r: => S; 1/(2 - S); S = 0;"
    with pytest.raises(bm.EnsembleError, match=r"SimulationError.*replicate or cell 0, .*\n  alone: simul") as caught:
        here(model, t_end=100.0, method="ssa")
    assert caught.value.partial is None


def test_what_is_warned_of_is_said_once():
    model = "A -> ; k*A; A = 20; k = 1;"  # no unit of amount: taken to count molecules
    with pytest.warns(UserWarning, match="molecules") as said:
        here(model, over={"k": [1.0, 2.0, 3.0]}, t_end=1.0)
    assert len(said) == 1


def test_one_job_at_a_time_in_a_process():
    """Threads of a Dask worker share one process, whose kernels not every thread pool lets in twice."""
    busy, most = [], []

    def watched(seed: int) -> int:
        busy.append(seed)
        most.append(len(busy))
        time.sleep(0.01)
        busy.pop()
        return 1

    work, jobs = FunctionWork(watched, {}), [Job((), {}, i, 1, i) for i in range(4)]
    threads = [threading.Thread(target=perform, args=(work, job)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


# over processes


def test_over_processes_the_bits_are_the_same():
    serial = here("telegraph", replicates=20, **GENE)
    spread = bm.ensemble("telegraph", replicates=20, seed=1, workers=2, **GENE)
    assert serial.identical(spread)


def test_a_lost_process_is_replaced_and_the_bits_are_the_same(tmp_path):
    marker = tmp_path / "killed"

    def fragile(seed: int, k: int) -> xr.Dataset:
        if k == 2 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return series(seed, k)

    spread = bm.ensemble(fragile, over={"k": [1, 2, 3]}, replicates=2, seed=1, workers=2, progress=False)
    assert marker.exists()
    assert spread.attrs["restarts"] == 1
    assert spread.drop_attrs().identical(here(over={"k": [1, 2, 3]}, replicates=2).drop_attrs())


def test_a_run_that_always_ends_its_process_is_given_up_and_the_others_are_kept():
    def deadly(seed: int, k: int) -> float:
        print("said in a process", flush=True)  # which must not disturb what is sent
        if k == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        if k == 3:
            raise KeyError("three")
        return k

    with pytest.raises(bm.EnsembleError, match="2 of 3 jobs failed") as caught:
        bm.ensemble(deadly, over={"k": [2, 1, 3]}, workers=1, retries=1, seed=1, progress=False)
    reasons = {f.point["k"]: f.reason for f in caught.value.failures}
    assert "was lost 2 times; the last was ended by SIGKILL" in reasons[2]
    assert reasons[3] == "KeyError: 'three'"
    assert np.array_equal(caught.value.partial["value"][:, 0], [np.nan, 1.0, np.nan], equal_nan=True)
    assert caught.value.partial.attrs["restarts"] == 1


def test_a_result_that_cannot_be_read_does_not_disturb_the_next():
    def odd(seed: int, k: int) -> xr.Dataset:
        class Own:
            def __reduce__(self) -> tuple[type, tuple[str]]:
                return int, ("no number",)  # fails where it is loaded

        return xr.Dataset({"a": ((), np.array(Own() if k == 1 else k, dtype=object))})

    with pytest.raises(bm.EnsembleError, match=r"result read: ValueError: invalid literal") as caught:
        bm.ensemble(odd, over={"k": [1, 2]}, workers=1, progress=False)
    assert caught.value.partial["a"].values.tolist() == [[None], [2]]


SCRIPT = """
import os, sys, time
import biomulti as bm
print("begins", flush=True)
def f(seed, k):
    if k < 0:
        open(place, "a").write(f"{os.getpid()}\\n")
        time.sleep(600)
    return k + offset
offset = 10
place = sys.argv[-1]
sign = -1 if len(sys.argv) > 1 else 1
print(bm.ensemble(f, over={"k": [sign, 2 * sign]}, workers=2)["value"].values.ravel().tolist())
"""


@pytest.fixture
def script(tmp_path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def test_a_script_needs_no_guard(script):
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert done.stdout.split("\n") == ["begins", "[11, 12]", ""], done.stderr


def test_an_interrupt_ends_all_processes(script, tmp_path):
    places = tmp_path / "pids"
    begun = subprocess.Popen([sys.executable, script, places], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (places.exists() and places.read_text().count("\n") == 2):
        assert begun.poll() is None
        time.sleep(0.1)
    begun.send_signal(signal.SIGINT)
    _, errors = begun.communicate(timeout=60)
    assert b"KeyboardInterrupt" in errors
    for pid in map(int, places.read_text().split()):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_numbers_and_texts_make_no_one_variable() -> None:
    def mixed(seed: int, a: int) -> xr.Dataset:
        return xr.Dataset({"v": a if a < 2 else "many"})

    with pytest.raises(bm.EnsembleError, match="'v' is a number in some runs and none in others"):
        bm.ensemble(mixed, over={"a": [1, 2]}, workers=0, seed=1, progress=False)
