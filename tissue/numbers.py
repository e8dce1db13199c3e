"""The dimensionless numbers of a run, before it starts: is it slow flow, and does the grid see it?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tissue.fields import as_field, as_grid, as_inverse_bulk
from tissue.grid import Grid

LARGEST_REYNOLDS = 0.1
FEWEST_CELLS = 1.0
LARGEST_CONTRAST = 1e6
FEWEST_GRID_CELLS = 2.0


@dataclass(frozen=True)
class Numbers:
    """
    Dimensionless numbers of an active fluid; None where what they need was not given.

    reynolds: rho v L / eta. peclet: v L / D. hydrodynamic_length: sqrt((eta + eta_b) / gamma), or sqrt(eta / gamma)
    where incompressible, over the domain; and over a grid cell, hydrodynamic_cells. viscosity_contrast: largest
    over smallest. cells_per_grid_cell: points over grid cells. warnings: where the model leaves its range.
    """

    reynolds: float | None
    peclet: float | None
    hydrodynamic_length: float | None
    hydrodynamic_cells: float | None
    viscosity_contrast: float
    cells_per_grid_cell: float | None
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        rows = (
            ("Reynolds number", self.reynolds),
            ("Peclet number", self.peclet),
            ("hydrodynamic length / domain", self.hydrodynamic_length),
            ("hydrodynamic length / grid cell", self.hydrodynamic_cells),
            ("viscosity contrast", self.viscosity_contrast),
            ("cells per grid cell", self.cells_per_grid_cell),
        )
        lines = [f"{name:<32}{value:.3g}" for name, value in rows if value is not None]
        return "\n".join([*lines, *(f"warning: {text}" for text in self.warnings)])


def dimensionless(
    grid: Grid,
    *,
    viscosity: ArrayLike,
    friction: ArrayLike = 0.0,
    bulk_viscosity: ArrayLike = np.inf,
    speed: float | None = None,
    length: float | None = None,
    density: float | None = None,
    diffusion: float | None = None,
    cells: int | None = None,
) -> Numbers:
    """
    Reynolds, Peclet and the other numbers that say whether this model applies, with warnings where not.

    viscosity, friction, bulk_viscosity: as given to Stokes; means are used. speed, length (the shorter side of the
    domain if not given), density, diffusion: in units that belong together. cells: how many points.

    Raises FieldError for values out of range, NaN or infinity.
    """
    eta = as_field("viscosity", viscosity, as_grid(grid).shape, above=0.0)
    gamma = float(as_field("friction", friction, grid.shape, lowest=0.0).mean())
    inverse_bulk = as_inverse_bulk(bulk_viscosity, grid.shape)
    stretched = float((1.0 / inverse_bulk).mean()) if inverse_bulk.all() else 0.0
    scale = min(grid.size) if length is None else float(as_field("length", length, (), above=0.0))
    given = {"speed": speed, "density": density, "diffusion": diffusion, "cells": cells}
    for name, value in given.items():
        if value is not None:
            as_field(name, value, (), lowest=0.0)
    mean = float(eta.mean())
    reynolds = peclet = screening = None
    if speed is not None and density is not None:
        reynolds = density * speed * scale / mean
    if speed is not None and diffusion is not None:
        peclet = speed * scale / diffusion if diffusion > 0.0 else float("inf")
    if gamma > 0.0:
        screening = float(np.sqrt((mean + stretched) / gamma))
    numbers = {
        "reynolds": reynolds,
        "peclet": peclet,
        "hydrodynamic_length": None if screening is None else screening / min(grid.size),
        "hydrodynamic_cells": None if screening is None else screening / max(grid.spacing),
        "cells_per_grid_cell": None if cells is None else cells / math.prod(grid.shape),
    }
    contrast = float(eta.max() / eta.min())
    return Numbers(**numbers, viscosity_contrast=contrast, warnings=_warnings(numbers, contrast))


def _warnings(numbers: dict[str, float | None], contrast: float) -> tuple[str, ...]:
    found = []
    reynolds, screened = numbers["reynolds"], numbers["hydrodynamic_cells"]
    crowd = numbers["cells_per_grid_cell"]
    if reynolds is not None and reynolds > LARGEST_REYNOLDS:
        found.append(f"Reynolds number {reynolds:.3g} is above {LARGEST_REYNOLDS}: inertia, left out here, matters")
    if screened is not None and screened < FEWEST_GRID_CELLS:
        found.append(
            f"the hydrodynamic length is {screened:.3g} grid cells, below {FEWEST_GRID_CELLS:g}: refine the grid"
        )
    if contrast > LARGEST_CONTRAST:
        found.append(
            f"viscosity contrast {contrast:.3g} is above {LARGEST_CONTRAST:g}: the solver may miss its tolerance; "
            "smooth the viscosity over two grid cells or lower the contrast"
        )
    if crowd is not None and crowd < FEWEST_CELLS:
        found.append(
            f"{crowd:.3g} cells per grid cell, below {FEWEST_CELLS:g}: the stress they spread is grainy; "
            "use a coarser grid or more cells"
        )
    return tuple(found)
