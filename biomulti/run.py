"""A finished run of a tissue: its data, and what can be drawn from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from biomulti import view


@dataclass(frozen=True)
class Run:
    """`data` (time, cell and grid; see Tissue) and the folder they lie in, if any."""

    data: xr.Dataset
    folder: Path | None = None

    def picture(self, path: str | Path, **options: Any) -> Path:
        """Draw one moment; options as in `biomulti.view.picture`. A relative path goes into the folder."""
        return view.picture(self.data, self._place(path), **options)

    def movie(self, path: str | Path, **options: Any) -> Path:
        """Write a movie; options as in `biomulti.view.movie`. A relative path goes into the folder."""
        return view.movie(self.data, self._place(path), **options)

    def _place(self, path: str | Path) -> Path:
        return Path(path) if self.folder is None else self.folder / path
