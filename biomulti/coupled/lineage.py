"""Who descends from whom: a log of births and deaths, and the tree it makes."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from biomulti.coupled.life import LifeRule
from biomulti.coupled.state import Bodies
from biomulti.errors import CheckpointError
from biomulti.storage import storing

Integers = NDArray[np.int64]
COLUMNS = ("time", "event", "cell", "parent", "generation", "type", "cause")


class Lineage:
    """Births, divisions and deaths in the order in which they happen, as lines of a table.

    Kept in memory, or, where a file is given, appended to it by `flush`; `length` is its size in bytes then, and what a
    file has beyond a length that is given is cut away.
    """

    def __init__(self, path: Path | None, length: int | None = None) -> None:
        self.path = path
        self.length = 0
        self._kept = io.StringIO()
        self._waiting = io.StringIO()
        if length is not None:
            assert path is not None
            self.length = length
            _cut(path, length)
        else:
            self._write([COLUMNS])

    def founders(self, bodies: Bodies, names: Sequence[str], types: Integers) -> None:
        """The cells of the start."""
        self.born(0.0, bodies, np.arange(len(bodies)), names, types)

    def born(self, time: float, bodies: Bodies, index: Integers, names: Sequence[str], types: Integers) -> None:
        """Cells numbered `index` of the bodies; types [mothers], indices of names, are of pairs or of each."""
        types = np.repeat(types, len(index) // max(len(types), 1))
        self._write(
            (repr(time), "born", bodies.id[i], bodies.parent[i], bodies.generation[i], names[int(t)], "")
            for i, t in zip(index, types, strict=True)
        )

    def divided(self, time: float, ids: Integers, rule: Integers) -> None:
        """Cells whose rule [n] is not -1 end by dividing."""
        self._write((repr(time), "divided", ids[i], "", "", "", "") for i in np.flatnonzero(rule >= 0))

    def ended(self, time: float, ids: Integers, rule: Integers, rules: tuple[LifeRule, ...]) -> None:
        """Cells whose rule [n] is not -1 die of it."""
        self._write((repr(time), "died", ids[i], "", "", "", str(rules[rule[i]])) for i in np.flatnonzero(rule >= 0))

    def _write(self, rows: Iterable[Iterable[object]]) -> None:
        csv.writer(self._waiting, lineterminator="\n").writerows(rows)

    def flush(self) -> None:
        """Append what waits to the file."""
        text = self._waiting.getvalue()
        if self.path is None:
            self._kept.write(text)
        elif text:
            with storing(self.path), self.path.open("r+b" if self.length else "wb") as file:
                # where writing failed before, what got there is written over
                file.seek(self.length)
                file.write(text.encode())
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
            self.length += len(text.encode())
        self._waiting = io.StringIO()

    def tree(self) -> Tree:
        """All that has happened until now."""
        self.flush()
        return read(self.path if self.path is not None else io.StringIO(self._kept.getvalue()))


def _cut(path: Path, length: int) -> None:
    """Take away what comes after the first `length` bytes.

    Raises:
        CheckpointError: there are fewer.
        StorageError: the file cannot be written to.
    """
    with storing(path):
        found = path.stat().st_size if path.exists() else -1
        if found > length:
            os.truncate(path, length)
    if found < length:
        raise CheckpointError(
            f"{path} {'is missing' if found < 0 else f'has {found} bytes'}, of which the checkpoint needs {length}; "
            "put it back, take an older checkpoint (number=), or start the run anew."
        )


@dataclass(frozen=True)
class Tree:
    """`table`: a line for each cell that ever lived, with the columns cell (index), parent (-1 for founders),
    generation, type, born, ended (infinite while it lives), fate ("divided", "died", "alive") and cause."""

    table: pd.DataFrame

    def descendants(self, cell: int) -> Integers:
        """All that descend from a cell, in the order of their numbers."""
        parent = self.table["parent"].to_numpy()
        ids = self.table.index.to_numpy()
        inside = {cell}
        found = []
        # a parent's number is below its daughters'
        for number, mother in zip(ids, parent, strict=True):
            if mother in inside:
                inside.add(number)
                found.append(number)
        return np.array(found, dtype=np.int64)

    def newick(self, *, until: float | None = None) -> str:
        """The trees of all founders in Newick's format, one a line: names are cells, lengths how long they lived.

        until: the end of branches of cells that live; None takes the time of the last event.
        Source: Olsen 1990, "Newick's 8:45" tree format standard.
        """
        table = self.table
        last = table[["born", "ended"]].replace(math.inf, 0.0).to_numpy().max(initial=0.0) if until is None else until
        length = np.minimum(table["ended"].to_numpy(), last) - table["born"].to_numpy()
        children: dict[int, list[str]] = {}
        lines = []
        # daughters come after their mothers, so that from the last to the first every cell's own are done
        rows = zip(table.index.to_numpy()[::-1], table["parent"].to_numpy()[::-1], length[::-1], strict=True)
        for cell, parent, lived in rows:
            below = children.pop(int(cell), [])
            text = (f"({','.join(reversed(below))})" if below else "") + f"{cell}:{lived:.9g}"
            if parent < 0:
                lines.append(text + ";")
            else:
                children.setdefault(int(parent), []).append(text)
        return "\n".join(reversed(lines)) + "\n"


def read(source: Path | io.StringIO) -> Tree:
    """The tree of a log."""
    log = pd.read_csv(source, dtype={"cell": np.int64, "event": str, "type": str, "cause": str}, keep_default_na=False)
    births = log[log["event"] == "born"].set_index("cell")
    ends = log[log["event"] != "born"].set_index("cell")
    table = pd.DataFrame(
        {
            "parent": births["parent"].astype(np.int64),
            "generation": births["generation"].astype(np.int64),
            "type": births["type"],
            "born": births["time"].astype(float),
        }
    ).sort_index()
    table["ended"] = ends["time"].astype(float).reindex(table.index).fillna(math.inf)
    table["fate"] = ends["event"].reindex(table.index).fillna("alive")
    table["cause"] = ends["cause"].reindex(table.index).fillna("")
    return Tree(table)
