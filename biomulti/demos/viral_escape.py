"""From one mutation to a new wave: molecule, cell, tissue, host, and population, in one figure.

Each scale is a script of `examples/` with a page of its own in `docs/`, run here at a size that takes seconds:

    molecule    what mutations cost six classes of antibodies, from scans of 212 of them     antibody_escape
    cell        a virus that begins with one template, molecule by molecule                  virus_in_a_cell
    tissue      a plaque, with virions and interferon as fields between the cells            infected_tissue
    host        the load of immune hosts, from the network `within_host`                     viral_escape
    hosts       secondary cases, waves, and the chance that one import starts one            viral_escape
    population  a variant's share in countries that its prediction has not seen              population_immunity

What is found is printed beside what is known.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from biomulti.demos.scripts import example

CELLS = 1000  # infected, each by itself
HOURS = 40.0  # of a plaque
MUTATION = 1e-3  # per copy, in the plaque
COLOURS = {"E484K": "#9ecae1", "Beta": "#4292c6", "Omicron": "#08306b"}


def main(folder: Path, *, seed: int = 1) -> None:
    """All scales, one after another; numbers are printed, and the figure goes into `folder`."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    started = perf_counter()
    print("Compiling takes three minutes the first time.", flush=True)
    figure, axes = plt.subplots(2, 4, figsize=(19.0, 9.0), layout="constrained")
    scales: tuple[tuple[str, Callable[[Any, int], None]], ...] = (
        ("1  Molecule: what mutations cost antibodies", molecule),
        ("2  Cell: one virus, molecule by molecule", cell),
        ("3  Tissue: a plaque, with interferon", plaque),
        ("4  Host: virus where antibodies leave some", host),
        ("5  Between hosts: secondary cases", cases),
        ("6  Waves of mutants, after one of the wild type", waves),
        ("7  What is known: does a wave follow?", chances),
        ("8  Population: delta, in countries left out", population),
    )
    for ax, (title, scale) in zip(axes.flat, scales, strict=True):
        print(f"\n{title}", flush=True)
        scale(ax, seed)
        ax.set_title("")
        ax.set_title(title, loc="left", fontsize=11, weight="bold")
        ax.spines[["top", "right"]].set_visible(False)
    folder.mkdir(parents=True, exist_ok=True)
    made_by = {"Software": f"biomulti {version('biomulti')}", "Comment": f"seed {seed}"}
    figure.savefig(folder / "viral_escape.png", dpi=130, metadata=made_by)
    plt.close(figure)
    print(f"\n{folder}: viral_escape.png ({perf_counter() - started:.0f} s, seed {seed})")


def molecule(axes: Any, seed: int) -> None:
    """Binding energy that named mutations cost each class of antibodies, from scans and, where known, from IC50s."""
    scans = example("antibody_escape")
    share = scans.weights()
    place = np.arange(len(share))
    for k, (name, mutations) in enumerate(strains(scans).items()):
        energy = scans.ddg(mutations)
        spread = [np.std(x) for x in scans.ddg_samples(mutations, seed=seed).values()]
        at = place + 0.27 * (k - 1)
        axes.bar(at, energy.values(), 0.25, yerr=spread, color=COLOURS[name], label=name, error_kw={"lw": 0.8})
        shown = "  ".join(f"{c} {e:.2f}" for c, e in energy.items())
        print(f"ddG of {name:8} by class, kcal/mol: {shown}", end="")
        if name in scans.MEASURED:
            seen = scans.measured_ddg(name)
            axes.plot(at, seen.values(), "x", color="black", ms=5, label="from IC50s" if name == "Beta" else None)
            print("   (from IC50s: " + "  ".join(f"{e:.2f}" for e in seen.values()) + ")", end="")
        print()
    axes.set_xticks(place, [f"{c}\n{100 * s:.0f} %" for c, s in share.items()])
    axes.set(xlabel="class of antibody, and its share of the binding", ylabel="ddG, kcal/mol", ylim=(0.0, 3.8))
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper left")


def strains(scans: Any) -> dict[str, list[str]]:
    """One mutation, three, and fifteen."""
    return {"E484K": ["E484K"], **scans.MEASURED}


def cell(axes: Any, seed: int) -> None:
    """Virions made by each of many infected cells, some of which lose the virus."""
    script = example("virus_in_a_cell")
    found = script.run(cells=CELLS, days=200, seed=seed)
    error = 1.96 * np.sqrt(found["extinct"] * (1.0 - found["extinct"]) / CELLS)
    print(f"cells that lost the virus by day 200: {found['extinct']:.3f} +- {error:.3f} (master equation .250)")
    ode, mean, _ = found["means"]["struct"]
    print(
        f"structural protein: {mean:.0f} on average, {ode:.0f} by the ODE, which is {100 * (ode / mean - 1):.0f} % more"
    )
    script.panel(axes, found)


def plaque(axes: Any, seed: int) -> None:
    """A plaque from one infected cell, with interferon and mutants that it does not stop."""
    script = example("infected_tissue")
    found = script.run(t_end=HOURS, interferon=1.0, mutation=MUTATION, seed=seed)
    caught, mutants = int(script.infected(found)[-1]), int(script.by_mutant(found)[-1].sum())
    print(f"{HOURS:.0f} h after one virion: {caught} of {found.sizes['cell']} cells infected, {mutants} by mutants")
    print(f"(one copy in {1.0 / MUTATION:.0f} is a mutant, made high so that some arise)")
    script.panel(axes, found)


def host(axes: Any, seed: int) -> None:
    """Virus in immune hosts for mutations of several energies, and in a naive one; titres of six volunteers."""
    script = example("viral_escape")
    naive = script.course(np.ones(1), every=0.01, kill_max=0.0)
    top = int(np.argmax(naive[1][0]))
    print(f"naive host: peak on day {naive[0][top]:.2f} (2.33), log10 {np.log10(naive[1][0, top]):.3f} (5.888)")
    script.draw_courses(axes)
    volunteers = example("within_host")
    titres = np.where(volunteers.TITRES > volunteers.LIMIT, volunteers.TITRES, np.nan)
    days = np.arange(1, titres.shape[1] + 1) + np.zeros_like(titres)
    axes.plot(days.ravel(), 10.0 ** titres.ravel(), "o", ms=3, color="0.6", zorder=0)
    axes.annotate("grey: six volunteers, naive", (0.97, 0.72), xycoords="axes fraction", ha="right", fontsize=8)


def cases(axes: Any, seed: int) -> None:
    """R_eff against the energy that a mutation costs one class of antibody; named mutations, of six classes."""
    script, scans = example("viral_escape"), example("antibody_escape")
    print(f"R_eff = 1 at {script.threshold(every=0.02):.3f} kcal/mol (reference 1.877)")
    script.panel(axes, script.curves())
    for name, mutations in strains(scans).items():
        from_scans = float(script.mutated(mutations).r_eff[0])
        line = f"{name:8} R_eff {from_scans:.2f} with energies from scans"
        if name in scans.MEASURED:
            people = script.Population(titre=script.serum(scans.weights()))
            line += f", {float(script.escape(scans.measured_ddg(name), people).r_eff[0]):.2f} with those from IC50s"
        print(line)


def waves(axes: Any, seed: int) -> None:
    """Cases of the wild type and of mutants that come in after it."""
    script = example("viral_escape_wave")
    found = {ddg: script.renewal(ddg) for ddg in (1.8, 2.0, 2.84)}
    for ddg, one in found.items():
        print(f"a mutant of {ddg:.2f} kcal/mol infects {100.0 * one.attack[1]:.0f} % in 300 days")
    script.draw_waves(axes, found)


def chances(axes: Any, seed: int) -> None:
    """The chance that one import starts a wave, with all that is not known; named mutations by drops of titre."""
    script, scans = example("viral_escape_uncertainty"), example("antibody_escape")
    grid = np.linspace(0.0, 4.0, 17)
    found, _, alone = script.band(grid, 100, seed=seed)
    script.draw_band(axes, grid, found, alone)
    for name, mutations in strains(scans).items():
        energy, error = scans.serum_ddg(mutations)
        low, mean, high = np.interp([energy - error, energy, energy + error], grid, found.mean(axis=0))
        print(
            f"{name:8} {energy:.2f} +- {error:.2f} kcal/mol to boosted sera: "
            f"P(wave) {mean:.3f} ({low:.3f} to {high:.3f} by that error alone)"
        )
        axes.errorbar(energy, mean, xerr=error, fmt="o", ms=4, color=COLOURS[name], capsize=2)
        side = {"xytext": (5, -10), "ha": "left"} if name == "Omicron" else {"xytext": (0, 6), "ha": "center"}
        axes.annotate(name, (energy, mean), textcoords="offset points", fontsize=8, **side)
    print("antibodies are those of SARS-CoV-2, the host is one of influenza: mutations are ranked, no wave is foretold")


def population(axes: Any, seed: int) -> None:
    """Selection of four variants, and the share of one in countries that were left out of its fit."""
    script = example("population_immunity")
    found = script.run()
    print("selection per day, observed (published) and the part that titres explain, fitted:")
    for shift, (_, antigenic, sd) in script.split(found).items():
        slope = found["data"].slope[found["data"].shift == shift].mean()
        print(f"  {shift:8} {slope:.3f} ({script.OBSERVED[shift]:.3f})   {antigenic:.3f} +- {sd:.3f}")
    growth = example("sera_and_growth")
    sera = growth.carried()
    r = {name: float(growth.correlation(x, sera.growth)) for name, x in growth.statistics(sera).items()}
    print(f"growth of H3N2 and the share of sera below a titre: r = {r['share below']:.3f} (published .919)")
    script.panel(axes, found)
