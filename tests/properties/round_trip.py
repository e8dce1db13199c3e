"""Every model of a folder, written and read again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import biomulti as bm


def round_trips(paths: Iterable[Path]) -> tuple[int, int, list[str]]:
    """How many models came back equal from SBML, how many from Antimony, and what went wrong.

    What is no network to begin with, and what Antimony has no words for, is not wrong.
    """
    from_sbml, from_antimony, wrong = 0, 0, []
    for path in paths:
        try:
            network = bm.load(path)
        except bm.UnsupportedError:
            continue
        found = []
        try:
            for write in (bm.to_sbml, bm.to_antimony):
                found.append(bm.load(write(network)))
        except bm.UnsupportedError as refusal:
            if "Antimony has no words for" not in str(refusal):
                wrong.append(f"{path}: {refusal}")
        wrong += [f"{path}: another network" for n in found if n != network or n.hash != network.hash]
        from_sbml, from_antimony = from_sbml + (len(found) > 0), from_antimony + (len(found) > 1)
    return from_sbml, from_antimony, wrong
