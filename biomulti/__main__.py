"""The command line: `biomulti simulate FILE`, `biomulti partition FILE`, `biomulti report FILE`, ..."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from biomulti.errors import BiomultiError, OptionError
from biomulti.options import METHODS
from tissue import TissueError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 2 for a mistake of the user's, or 130 if interrupted."""
    options = _parser().parse_args(arguments)
    # what was assumed is a line of text here, not a warning with a line of code
    said: set[str] = set()

    def say(message: Warning | str, *_args: object, **_kwargs: object) -> None:
        if str(message) not in said:
            said.add(str(message))
            print(f"note: {message}", file=sys.stderr)

    warnings.showwarning = say
    try:
        options.command(options)
    except (BiomultiError, TissueError) as error:
        print(f"biomulti: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupted:
        print(f"biomulti: {str(interrupted) or 'interrupted'}", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="biomulti", description="Simulate living tissue, from gene to cell to tissue."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    simulate = commands.add_parser("simulate", help="run a gene network from an SBML or Antimony file")
    _model_options(simulate)
    _end_option(simulate)
    simulate.add_argument("--method", choices=("auto", "hybrid", "ssa", "ode"), default="auto")
    simulate.add_argument("--every", type=_positive, help="interval between outputs (default: 101 outputs)")
    simulate.add_argument("--replicates", type=int, default=100, help="number of runs (default: 100)")
    simulate.add_argument("--seed", type=int, help="seed of the random numbers (default: a new one)")
    simulate.add_argument(
        "--tolerance", type=_positive_or_infinite,
        help="by ode the error of a step, by hybrid what flowing may cost means and variances (default: 1e-7, 0.05)",
    )  # fmt: skip
    simulate.add_argument("--out", type=Path, help="folder for the results (default: results/NAME)")
    simulate.set_defaults(command=_simulate)

    ensemble = commands.add_parser("ensemble", help="run a network over a grid of values, on all cores or a cluster")
    _model_options(ensemble)
    _end_option(ensemble)
    ensemble.add_argument(
        "--over", action="append", default=[], type=_axis, metavar="NAME=VALUE,VALUE,...",
        help="values of a parameter, of a species at the start, or of a method; once for each axis of the grid",
    )  # fmt: skip
    ensemble.add_argument("--method", choices=METHODS, help="of every run (default: hybrid)")
    ensemble.add_argument("--every", type=_positive, help="interval between outputs (default: 101 outputs)")
    ensemble.add_argument("--replicates", type=int, default=100, help="runs of every point (default: 100)")
    ensemble.add_argument("--seed", type=int, help="seed of the random numbers (default: a new one)")
    ensemble.add_argument("--workers", type=int, help="processes (default: one for each core)")
    ensemble.add_argument("--scheduler", help="address of a Dask scheduler, whose workers are taken instead")
    ensemble.add_argument("--out", type=Path, help="folder for the results (default: results/NAME-ensemble)")
    ensemble.set_defaults(command=_ensemble)

    compare = commands.add_parser("compare", help="run by several methods, and say whether their results differ")
    _model_options(compare)
    _end_option(compare)
    compare.add_argument(
        "--methods", nargs="+", choices=METHODS, default=("ssa", "hybrid"), metavar="METHOD",
        help=f"the first is the reference (default: ssa hybrid); of {', '.join(METHODS)}",
    )  # fmt: skip
    compare.add_argument("--every", type=_positive, help="interval between outputs (default: 101 outputs)")
    compare.add_argument("--replicates", type=int, default=1000, help="runs of each method (default: 1000)")
    compare.add_argument("--seed", type=int, help="seed of the random numbers (default: a new one)")
    compare.add_argument("--species", nargs="+", help="species that are compared (default: all)")
    compare.add_argument(
        "--confidence", type=float, default=0.99, help="of finding no difference where there is none (default: 0.99)"
    )
    compare.add_argument("--out", type=Path, help="picture to write, a .png, .pdf or .svg")
    compare.set_defaults(command=_compare)

    resume = commands.add_parser("resume", help="go on with a run of a tissue that was interrupted")
    resume.add_argument("folder", type=Path, help="folder of the run, with its checkpoints")
    resume.add_argument("--t-end", type=_positive, help="a later end (default: that of the run)")
    resume.add_argument(
        "--checkpoint", type=_positive, default=60.0, metavar="SECONDS", help="between checkpoints (default: 60)"
    )
    resume.add_argument("--number", type=int, help="of the checkpoint to go on from (default: the last)")
    resume.set_defaults(command=_resume)

    partition = commands.add_parser("partition", help="say which reactions fire, which flow, and why")
    _model_options(partition)
    _end_option(partition)
    partition.add_argument(
        "--tolerance", type=_positive_or_infinite,
        help="what flowing may cost means and variances; inf sets no bound (default: 0.05)",
    )  # fmt: skip
    partition.set_defaults(command=_partition)

    report = commands.add_parser("report", help="say how amounts become molecules and rate laws propensities")
    _model_options(report)
    report.set_defaults(command=_report)

    models = commands.add_parser("models", help="list the shipped models")
    models.set_defaults(command=_models)

    demo = commands.add_parser("demo", help="run a demonstration")
    demo.add_argument("name", choices=("morphogenesis", "viral-escape"))
    demo.add_argument("--out", type=Path, help="folder for the results (default: results/NAME)")
    demo.add_argument("--seed", type=int, default=1)
    demo.set_defaults(command=_demo)

    doctor = commands.add_parser("doctor", help="check this installation")
    doctor.set_defaults(command=_doctor)
    return parser


def _model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="an SBML or Antimony file, or the name of a shipped model")
    parser.add_argument("--substance", help="take amounts in this unit, item or nanomole for instance")
    parser.add_argument(
        "--no-adjust", dest="adjust", action="store_false", help="fire by laws of mass action as the model states them"
    )


def _end_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--t-end", type=_positive, help="end of the run (default: ten times the slowest turnover)")


def _axis(text: str) -> tuple[str, list[float | str]]:
    name, _, values = text.partition("=")
    if not (name and values):
        raise argparse.ArgumentTypeError(f"{text!r} should be NAME=VALUE,VALUE,...")
    return name, [_number_or_text(v) for v in values.split(",")]


def _number_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return value


def _positive_or_infinite(text: str) -> float:
    return float("inf") if text == "inf" else _positive(text)


def _simulate(options: argparse.Namespace) -> None:
    from biomulti import commands

    commands.simulate_file(
        options.model,
        t_end=options.t_end,
        every=options.every,
        replicates=options.replicates,
        method=options.method,
        tolerance=options.tolerance,
        seed=options.seed,
        substance=options.substance,
        adjust=options.adjust,
        folder=options.out,
    )


def _ensemble(options: argparse.Namespace) -> None:
    from biomulti import commands

    commands.ensemble_file(
        options.model,
        over=options.over,
        t_end=options.t_end,
        every=options.every,
        replicates=options.replicates,
        method=options.method,
        seed=options.seed,
        workers=options.workers,
        scheduler=options.scheduler,
        substance=options.substance,
        adjust=options.adjust,
        folder=options.out,
    )


def _compare(options: argparse.Namespace) -> None:
    from biomulti import commands

    commands.compare_file(
        options.model,
        methods=options.methods,
        t_end=options.t_end,
        every=options.every,
        replicates=options.replicates,
        seed=options.seed,
        species=options.species,
        confidence=options.confidence,
        substance=options.substance,
        adjust=options.adjust,
        out=options.out,
    )


def _resume(options: argparse.Namespace) -> None:
    from biomulti import commands

    commands.resume_folder(options.folder, t_end=options.t_end, checkpoint=options.checkpoint, number=options.number)


def _partition(options: argparse.Namespace) -> None:
    from biomulti import load, partition

    network = load(options.model, substance=options.substance, adjust=options.adjust)
    print(partition(network, t_end=options.t_end, tolerance=options.tolerance))


def _report(options: argparse.Namespace) -> None:
    from biomulti import load, report

    print(report(load(options.model, substance=options.substance, adjust=options.adjust)))


def _models(options: argparse.Namespace) -> None:
    from biomulti import load, shipped

    for name in shipped():
        network = load(name)
        print(f"{name:20} {len(network.species):2} species, {len(network.reactions):2} reactions  {network.name}")


def _demo(options: argparse.Namespace) -> None:
    from importlib import import_module

    if options.seed < 0:
        raise OptionError("--seed must be 0 or more.")
    name = options.name.replace("-", "_")
    import_module(f"biomulti.demos.{name}").main(options.out or Path("results") / name, seed=options.seed)


def _doctor(options: argparse.Namespace) -> None:
    from biomulti import commands

    commands.doctor()


if __name__ == "__main__":
    sys.exit(main())
