"""The command line, as a user types it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from biomulti.__main__ import main


def test_simulate_writes_data_a_table_and_a_picture(tmp_path, capsys) -> None:
    out = tmp_path / "run"
    assert (
        main(["simulate", "telegraph", "--t-end", "50", "--replicates", "300", "--seed", "3", "--out", str(out)]) == 0
    )
    text = capsys.readouterr().out
    assert "switch_on" in text
    assert "fires" in text
    assert "seed 3" in text
    stored = xr.open_zarr(out / "data.zarr", consolidated=False)
    assert stored.sizes == {"time": 101, "replicate": 300}
    assert float(stored["mRNA"].isel(time=-1).mean()) == pytest.approx(4.0, abs=5 * np.sqrt(4 * 11.67 / 300))
    table = pd.read_csv(out / "summary.csv", index_col=0)
    assert {"mRNA mean", "mRNA sd"} <= set(table.columns)
    assert (out / "traces.png").stat().st_size > 10_000
    assert main(["simulate", "telegraph", "--out", str(out)]) == 2
    assert "holds results already" in capsys.readouterr().err


def test_ensemble_writes_data_and_a_table(tmp_path, capsys) -> None:
    out = tmp_path / "run"
    arguments = [
        "ensemble",
        "telegraph",
        "--over",
        "d=0.5,1",
        "--over",
        "method=ssa,ode",
        "--t-end",
        "5",
        "--workers",
        "0",
    ]
    assert main([*arguments, "--replicates", "3", "--seed", "2", "--out", str(out)]) == 0
    assert "seed 2" in capsys.readouterr().out
    stored = xr.open_zarr(out / "data.zarr", consolidated=False)
    assert stored["mRNA"].sizes == {"d": 2, "method": 2, "replicate": 3, "time": 101}
    table = pd.read_csv(out / "summary.csv")
    assert {"d", "method", "time", "mRNA mean", "mRNA sd"} <= set(table.columns)
    assert len(table) == 2 * 2 * 101
    assert main([*arguments, "--out", str(out)]) == 2
    assert "holds results already" in capsys.readouterr().err
    assert main([*arguments, "--over", "d=2", "--out", str(tmp_path / "other")]) == 2
    assert "--over d=... is given twice" in capsys.readouterr().err


def test_a_file_with_unstated_units_runs_by_ode_and_says_so(tmp_path, capsys) -> None:
    model = tmp_path / "decay.ant"
    model.write_text("A -> B; k*A; A = 2.5; B = 0; k = 1;")
    assert main(["simulate", str(model), "--t-end", "1", "--out", str(tmp_path / "run")]) == 0
    assert "Running by ode" in capsys.readouterr().out
    stored = xr.open_zarr(tmp_path / "run" / "data.zarr", consolidated=False)
    assert float(stored["A"].isel(time=-1, replicate=0)) == pytest.approx(2.5 * np.exp(-1.0), rel=1e-6)


def test_how_far_a_run_goes_is_said_when_nobody_asked(tmp_path, capsys) -> None:
    assert main(["simulate", "michaelis_menten", "--replicates", "5", "--out", str(tmp_path / "run")]) == 0
    assert "ten times the slowest turnover" in capsys.readouterr().out


def test_partition_and_models_print_tables(capsys) -> None:
    assert main(["partition", "srivastava_virus"]) == 0
    assert "flows" in capsys.readouterr().out
    assert main(["models"]) == 0
    assert "rho_myosin" in capsys.readouterr().out


def test_doctor_runs_something(capsys) -> None:
    assert main(["doctor"]) == 0
    assert "works" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["simulate", "nowhere.xml"], "no file 'nowhere.xml' and no shipped model of that name"),
        (["partition", "telegraph", "--substance", "stone"], "not a unit of amount"),
        (["simulate", "telegraph", "--replicates", "0", "--t-end", "1"], "replicates=0 must be"),
        (["simulate", "telegraph", "--seed", "-1", "--t-end", "1"], "seed=-1 must be"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(arguments: list[str], says: str, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error


def test_a_time_must_be_positive(capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["simulate", "telegraph", "--t-end", "-5"])
    assert stopped.value.code == 2
    assert "not a positive number" in capsys.readouterr().err
