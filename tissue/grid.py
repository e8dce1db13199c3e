"""The rectangle on which the fluid lives, cut into equal cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from tissue.errors import GridError

Array = NDArray[np.float64]

# The value beyond a wall of a velocity along it, as a multiple of the value inside; 0 means the axis wraps round.
WALL_SIGN = {"periodic": 0.0, "no-slip": -1.0, "free-slip": 1.0}
SMALLEST_AXIS = 4


@dataclass(frozen=True)
class Grid:
    """
    A staggered (marker-and-cell) grid on [0, Lx] x [0, Ly] with nx x ny cells of hx x hy.

    Scalars live in cell centres, [nx, ny]; u on x-faces, [nx, ny], face i at x = i hx; v on y-faces likewise;
    shear stress on corners, [nx + 1, ny + 1]. The face beyond the last is face 0 again: on a periodic axis it
    is the same face, and between walls both are walls, where the velocity through them is zero.

    shape: (nx, ny), at least 4 each; sizes with many factors of two solve fastest.
    size: (Lx, Ly), any unit of length.
    boundary: for each axis what its two ends are: "periodic", "no-slip" (the fluid sticks) or "free-slip" (no
        flow through the wall, no tangential traction on it).

    Raises GridError for anything else.
    Source: Harlow and Welch 1965, doi:10.1063/1.1761178.
    """

    shape: tuple[int, int]
    size: tuple[float, float]
    boundary: tuple[str, str] = ("periodic", "periodic")

    def __post_init__(self) -> None:
        for name in ("shape", "size", "boundary"):
            value = getattr(self, name)
            if isinstance(value, str) or not hasattr(value, "__len__") or len(value) != 2:
                raise GridError(f"grid {name} is {value!r}; give two values, one for each axis")
        for n in self.shape:
            if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < SMALLEST_AXIS:
                raise GridError(f"grid shape is {self.shape!r}; both must be integers of {SMALLEST_AXIS} or more")
        for length in self.size:
            if not isinstance(length, int | float | np.number) or not (0.0 < float(length) < math.inf):
                raise GridError(f"grid size is {self.size!r}; both lengths must be positive and finite")
        for kind in self.boundary:
            if kind not in WALL_SIGN:
                known = ", ".join(repr(k) for k in WALL_SIGN)
                raise GridError(f"grid boundary is {self.boundary!r}; each axis takes one of {known}")
        object.__setattr__(self, "shape", (int(self.shape[0]), int(self.shape[1])))
        object.__setattr__(self, "size", (float(self.size[0]), float(self.size[1])))
        object.__setattr__(self, "boundary", (str(self.boundary[0]), str(self.boundary[1])))

    @property
    def spacing(self) -> tuple[float, float]:
        """(hx, hy), the sides of a cell."""
        return self.size[0] / self.shape[0], self.size[1] / self.shape[1]

    @property
    def cell_area(self) -> float:
        """hx hy."""
        return self.spacing[0] * self.spacing[1]

    @property
    def area(self) -> float:
        """Lx Ly."""
        return self.size[0] * self.size[1]

    @property
    def periodic(self) -> tuple[bool, bool]:
        """Which axes wrap round."""
        return self.boundary[0] == "periodic", self.boundary[1] == "periodic"

    @property
    def wall_signs(self) -> tuple[float, float]:
        """For each axis the ghost factor of a velocity along its walls: -1 no-slip, +1 free-slip, 0 periodic."""
        return WALL_SIGN[self.boundary[0]], WALL_SIGN[self.boundary[1]]

    @property
    def corner_shape(self) -> tuple[int, int]:
        """(nx + 1, ny + 1)."""
        return self.shape[0] + 1, self.shape[1] + 1

    def centres(self) -> tuple[Array, Array]:
        """x [nx, 1] and y [1, ny] of the cell centres."""
        return self._points(0.5, 0.5)

    def x_faces(self) -> tuple[Array, Array]:
        """x [nx, 1] and y [1, ny] of the faces that carry u."""
        return self._points(0.0, 0.5)

    def y_faces(self) -> tuple[Array, Array]:
        """x [nx, 1] and y [1, ny] of the faces that carry v."""
        return self._points(0.5, 0.0)

    def corners(self) -> tuple[Array, Array]:
        """x [nx + 1, 1] and y [1, ny + 1] of the cell corners."""
        return self._points(0.0, 0.0, more=1)

    def _points(self, offset_x: float, offset_y: float, *, more: int = 0) -> tuple[Array, Array]:
        hx, hy = self.spacing
        x = (np.arange(self.shape[0] + more) + offset_x) * hx
        y = (np.arange(self.shape[1] + more) + offset_y) * hy
        return cast(Array, x[:, None]), cast(Array, y[None, :])
