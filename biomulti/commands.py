"""What the command line does beyond calling the library: choosing, printing and writing files."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numba
import numpy as np
import xarray as xr

from biomulti.compare import compare
from biomulti.comparison import Comparison
from biomulti.compile import compile_model
from biomulti.counts import molecules_per_unit
from biomulti.coupled.tissue import Tissue
from biomulti.ensemble import ensemble
from biomulti.errors import EnsembleError, OptionError, UnitsError
from biomulti.load import load
from biomulti.network import Network
from biomulti.pilot import horizon
from biomulti.result import PACKAGES
from biomulti.run import Run
from biomulti.simulation import simulate
from biomulti.storage import storing
from biomulti.system import system_of
from tissue._jit import cache_folder

SHOWN_SPECIES = 20


def simulate_file(
    model: str,
    *,
    t_end: float | None,
    every: float | None,
    replicates: int,
    method: str,
    tolerance: float | None,
    seed: int | None,
    substance: str | None,
    adjust: bool,
    folder: Path | None,
) -> xr.Dataset:
    """Load, run, summarise and draw; writes data.zarr, summary.csv and traces.png."""
    from biomulti import view

    network = load(model, substance=substance, adjust=adjust)
    print(network, "\n")
    folder = folder or Path("results") / Path(model).stem
    _refuse_results_in(folder)
    automatic = method == "auto"
    if automatic:
        method = _method_for(network)
    t_end = t_end or _end(network, 1.0 if method == "ode" else molecules_per_unit(network))
    settings: dict[str, Any] = {"t_end": t_end, "every": every, "seed": seed, "tolerance": tolerance}
    try:
        run = simulate(network, method=method, replicates=1 if method == "ode" else replicates, **settings)
    except UnitsError as error:
        if not automatic or method == "ode":
            raise
        print(f"Running by ode: {error}")
        run = simulate(network, method="ode", **settings)
    if run.attrs["partition"]:
        print(f"{run.attrs['partition']}\n")
    print(summary(run), "\n")
    folder.mkdir(parents=True, exist_ok=True)
    run.to_zarr(folder / "data.zarr", mode="w-", consolidated=False)
    statistics(run).to_csv(folder / "summary.csv")
    view.traces(run, folder / "traces.png")
    print(f"seed {run.attrs['seed']}; wrote {folder}/data.zarr, summary.csv and traces.png")
    return run


def ensemble_file(
    model: str,
    *,
    over: Sequence[tuple[str, Sequence[float | str]]],
    t_end: float | None,
    every: float | None,
    replicates: int,
    method: str | None,
    seed: int | None,
    workers: int | None,
    scheduler: str | None,
    substance: str | None,
    adjust: bool,
    folder: Path | None,
) -> xr.Dataset:
    """Load, run over a grid and summarise; writes data.zarr and summary.csv, also of what was finished on failure."""
    names = [name for name, _ in over]
    if len(set(names)) < len(names):
        raise OptionError(f"--over {max(names, key=names.count)}=... is given twice.")
    network = load(model, substance=substance, adjust=adjust)
    folder = folder or Path("results") / f"{Path(model).stem}-ensemble"
    _refuse_results_in(folder)
    settings: dict[str, Any] = {"method": method} if method else {}
    t_end = t_end or _end(network, molecules_per_unit(network))
    try:
        run = ensemble(
            network, over=dict(over), replicates=replicates, seed=seed, workers=workers, client=scheduler,
            t_end=t_end, every=every, **settings,
        )  # fmt: skip
    except EnsembleError as error:
        if error.partial is not None:
            _write(error.partial, folder)
            print(f"Wrote what was finished to {folder}/data.zarr and summary.csv.")
        raise
    _write(run, folder)
    print(f"{run.sizes}\nseed {run.attrs['seed']}; wrote {folder}/data.zarr and summary.csv")
    return run


def _write(run: xr.Dataset, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    run.to_zarr(folder / "data.zarr", mode="w-", consolidated=False)
    statistics(run.drop_vars("run_seed", errors="ignore")).to_csv(folder / "summary.csv")


def _refuse_results_in(folder: Path) -> None:
    if (folder / "data.zarr").exists():
        raise OptionError(f"{folder} holds results already; choose another folder with --out, or remove it.")
    # now and not after the run, whose results would have nowhere to go
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def compare_file(
    model: str,
    *,
    methods: Sequence[str],
    t_end: float | None,
    every: float | None,
    replicates: int,
    seed: int | None,
    species: Sequence[str] | None,
    confidence: float,
    substance: str | None,
    adjust: bool,
    out: Path | None,
) -> Comparison:
    """Load, run by several methods, print the verdict and draw it."""
    from biomulti.view.compared import check_path

    if out is not None:
        check_path(out)
    network = load(model, substance=substance, adjust=adjust)
    comparison = compare(
        network, methods, t_end=t_end or _end(network, molecules_per_unit(network)), every=every,
        replicates=replicates, seed=seed, species=species, confidence=confidence,
    )  # fmt: skip
    print(comparison)
    if out is not None:
        comparison.plot(out)
    print(f"\nseed {comparison.seed}{f'; wrote {out}' if out else ''}")
    return comparison


def resume_folder(folder: Path, *, t_end: float | None, checkpoint: float, number: int | None) -> Run:
    """Go on with a run and say what came of it."""
    run = Tissue.resume(folder, t_end=t_end, checkpoint=checkpoint, number=number)
    times, unit = run.data["time"], run.data.attrs["time_unit"]
    fates = run.lineage.table["fate"].value_counts()
    alive, divided, died = (int(fates.get(fate, 0)) for fate in ("alive", "divided", "died"))
    print(
        f"At time {float(times[-1]):g} {unit} there are {alive} cells, after {divided} divisions and {died} deaths; "
        f"{len(times)} frames are recorded. In {folder} are data.zarr (open it with xarray.open_zarr), lineage.csv, "
        f"and the checkpoints from which `biomulti resume {folder} --t-end T` goes on to a later end."
    )
    return run


def _end(network: Network, scale: float) -> float:
    """How far to run where nobody said."""
    system = system_of(network, scale)
    t_end = float(f"{horizon(system, compile_model(system), {}, {}):.2g}")
    print(f"No --t-end given: running to {t_end:g} {network.time_unit}, ten times the slowest turnover.")
    return t_end


def _method_for(network: Network) -> str:
    try:
        molecules_per_unit(network)
    except UnitsError as error:
        print(f"Running by ode, since molecules cannot be counted: {error}")
        return "ode"
    return "hybrid"


def summary(run: xr.Dataset) -> str:
    """A line per species: mean and standard deviation over replicates at the end."""
    last = run.isel(time=-1)
    names = list(last.data_vars)
    lines = [f"At time {float(last['time']):g} {run.attrs['time_unit']}, {run.sizes['replicate']} runs:"]
    width = max((len(str(n)) for n in names), default=0)
    for name in names[:SHOWN_SPECIES]:
        values = last[name].to_numpy()
        unit = last[name].attrs.get("units", "")
        spread = f" +- {np.std(values):.4g}" if values.size > 1 else ""
        lines.append(f"  {name!s:{width}}  {np.mean(values):.5g}{spread} {unit}")
    if len(names) > SHOWN_SPECIES:
        lines.append(f"  ... and {len(names) - SHOWN_SPECIES} more in summary.csv")
    return "\n".join(lines)


def statistics(run: xr.Dataset):  # type: ignore[no-untyped-def]
    """Mean and standard deviation of every variable in time, as a pandas DataFrame."""
    mean, spread = run.mean("replicate"), run.std("replicate")
    table = mean.to_dataframe().add_suffix(" mean")
    return table.join(spread.to_dataframe().add_suffix(" sd"))


def doctor() -> None:
    """Print what this installation is and whether its parts work."""
    from biomulti.view.rendering import PACKAGES as PACKAGES_3D
    from biomulti.view.rendering import can_render

    print(f"python {platform.python_version()} on {platform.platform()}")
    for package in PACKAGES:
        print(f"{package} {version(package)}")
    print(f"threads {numba.get_num_threads()}, machine code in {cache_folder()}")
    run = simulate("telegraph", t_end=10.0, replicates=10, seed=1, progress=False)
    print(f"telegraph gene: {run.sizes['replicate']} runs to time {float(run['time'][-1]):g}, works")
    print(f"3-D pictures: {'work' if can_render() else f'need the packages {PACKAGES_3D}; flat ones work'}")
