"""A finished run of a tissue: its data, its lineage, and what can be drawn from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from biomulti import view
from biomulti.coupled.lineage import Lineage, Tree


@dataclass(frozen=True)
class Run:
    """`data` (time, cell and grid; see Tissue), the folder they lie in, if any, and the log of births and deaths."""

    data: xr.Dataset
    folder: Path | None = None
    log: Lineage | None = None

    @property
    def lineage(self) -> Tree:
        """Who descends from whom; `run.lineage.table` is a pandas DataFrame, `run.lineage.newick()` a tree."""
        return Lineage(None).tree() if self.log is None else self.log.tree()

    def picture(self, path: str | Path, **options: Any) -> Path:
        """Draw one moment; options as in `biomulti.view.picture`. A relative path goes into the folder."""
        return view.picture(self.data, self._place(path), **self._with_lineage(options))

    def movie(self, path: str | Path, **options: Any) -> Path:
        """Write a movie; options as in `biomulti.view.movie`. A relative path goes into the folder."""
        return view.movie(self.data, self._place(path), **self._with_lineage(options))

    def _with_lineage(self, options: dict[str, Any]) -> dict[str, Any]:
        table = self.lineage.table
        return options if (table["parent"] < 0).all() else {"lineage": table, **options}

    def _place(self, path: str | Path) -> Path:
        return Path(path) if self.folder is None else self.folder / path
