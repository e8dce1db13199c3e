"""Many broken models: those shipped, and deposited ones and the SBML Test Suite where they are at hand.

    python -m tests.fuzz [--loads 20000] [--runs 200] [--seed 0] [--models FOLDER ...]

What goes wrong is printed with its seed, and the text is written to results/fuzz.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from random import Random
from time import monotonic

from .check import Verdict, of_loading, of_running, prepare
from .child import Child
from .mutate import broken

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("BIOMULTI_SHARED") or ROOT.parent / "shared")
FOLDERS = (ROOT / "sbml_models", SHARED / "biomodels", SHARED / "sbml-test-suite")
LARGEST = 60_000  # bytes of a model that is broken; larger ones say no more and take longer
LOAD, RUN, COMPILE = 20.0, 60.0, 1800.0  # seconds to wait for an answer


def texts(folders: list[Path]) -> list[str]:
    paths = [p for f in folders for p in sorted(f.rglob("*")) if p.suffix in (".xml", ".ant") and p.is_file()]
    paths = [p for p in paths if p.stat().st_size < LARGEST and "-sedml" not in p.name]
    return [p.read_text(errors="replace") for p in paths]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--loads", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=Path, nargs="*", default=[f for f in FOLDERS if f.is_dir()])
    options = parser.parse_args()
    seeds = texts(options.models)
    if not seeds:
        parser.error("no models there")
    child, wrong, refused, ran, began = Child(), 0, 0, 0, monotonic()

    def note(seed: int, text: str, verdict: Verdict) -> None:
        place = ROOT / "results" / "fuzz" / f"{seed}.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, errors="surrogateescape")
        print(f"seed {seed} ({place.relative_to(ROOT)}): {verdict.complaint}", flush=True)

    compiled = options.runs == 0 or not child.ask(prepare, seconds=COMPILE).complaint
    for seed in range(options.seed, options.seed + options.loads):
        random = Random(seed)
        text = broken(random.choice(seeds), random, 3)
        verdict = child.ask(of_loading, text, seconds=LOAD)
        if not verdict.complaint and not verdict.refused and compiled and ran < options.runs:
            verdict = child.ask(of_running, text, seconds=RUN)
            ran += 1
        refused += bool(verdict.refused)
        if verdict.complaint:
            wrong += 1
            note(seed, text, verdict)
    child.close()
    print(
        f"{options.loads} broken models of {len(seeds)}: {refused} refused, {ran} of the others run, {wrong} wrong, "
        f"{monotonic() - began:.0f} s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
