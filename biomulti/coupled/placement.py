"""Where cells stand at the start."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from biomulti.errors import OptionError
from tissue import Grid

JITTER = 0.15  # of the distance between cells: a sheet that is neither a crystal nor a gas


def placed(cells: int | NDArray[np.float64], grid: Grid, seed: int) -> NDArray[np.float64]:
    """Positions [n, dim]: those given, or so many on a jittered lattice that fills the grid, triangular in a plane.

    Raises:
        OptionError: no cell at all, positions of another shape, or one outside the grid.
    """
    if isinstance(cells, (int, np.integer)) and not isinstance(cells, bool):
        if cells < 1:
            raise OptionError(f"cells={cells}: a tissue has one cell or more.")
        return _lattice(int(cells), grid, seed)
    try:
        positions = np.array(cells, dtype=np.float64)
    except (ValueError, TypeError):
        raise OptionError(f"cells={cells!r} is neither a number of cells nor positions [n, {grid.dim}].") from None
    if positions.ndim != 2 or positions.shape[1] != grid.dim or not len(positions):
        raise OptionError(
            f"cells is a number of cells or positions [n, {grid.dim}], not an array of shape {positions.shape}."
        )
    outside = ~((positions >= 0.0) & (positions <= np.array(grid.size))).all(axis=1)
    if outside.any():
        k = int(np.argmax(outside))
        raise OptionError(f"cell {k} stands at {tuple(positions[k])}, outside the grid of size {grid.size}.")
    return positions


def _lattice(cells: int, grid: Grid, seed: int) -> NDArray[np.float64]:
    out = _rows(cells, grid.size) if grid.dim == 2 else _layers(cells, grid.size)
    spacing = (grid.area / cells) ** (1.0 / grid.dim)
    random = np.random.Generator(np.random.Philox(seed))
    out += JITTER * spacing * random.uniform(-1.0, 1.0, out.shape)
    for axis, periodic in enumerate(grid.periodic):
        length = grid.size[axis]
        out[:, axis] = out[:, axis] % length if periodic else np.clip(out[:, axis], 0.0, length)
    return out


def _rows(cells: int, size: tuple[float, ...]) -> NDArray[np.float64]:
    """Rows along x, every other one shifted by half a cell, [cells, 2]."""
    width, height = size
    rows = max(1, round(math.sqrt(cells * height / width * 2.0 / math.sqrt(3.0))))
    # cells are dealt to rows as evenly as whole numbers allow
    ends = np.round(np.arange(rows + 1) * cells / rows).astype(int)
    out = np.empty((cells, 2))
    for row in range(rows):
        count = ends[row + 1] - ends[row]
        out[ends[row] : ends[row + 1], 0] = (np.arange(count) + 0.25 + 0.5 * (row % 2)) * width / max(count, 1)
        out[ends[row] : ends[row + 1], 1] = (row + 0.5) * height / rows
    return out


def _layers(cells: int, size: tuple[float, ...]) -> NDArray[np.float64]:
    """Layers of rows one above the other, [cells, 3]."""
    layers = max(1, round((cells * size[2] ** 2 / (size[0] * size[1])) ** (1.0 / 3.0)))
    ends = np.round(np.arange(layers + 1) * cells / layers).astype(int)
    out = np.empty((cells, 3))
    for layer in range(layers):
        here = slice(ends[layer], ends[layer + 1])
        out[here, :2] = _rows(int(ends[layer + 1] - ends[layer]), size[:2])
        out[here, 2] = (layer + 0.5) * size[2] / layers
    return out
