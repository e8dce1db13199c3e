"""
Substances that a moving tissue carries: amounts per volume c = phi w, with w the concentration in the tissue.

Both phi and c are carried by one scheme that keeps what is uniform uniform, with no flow through cells in which there
is no tissue, neither before nor after. The scheme smears phi, and the tissue is where it is said to be: the
difference is a flux of volume, of the least square, down a potential,

    phi_after = phi_carried - div G,    G = -grad psi,

and c goes with it as w of the cells it comes from, from the highest to the lowest psi, so that nothing becomes negative
and cells without tissue are left empty. Where flow diverges, phi falls, or grows with the tissue and stays: phi_carried
lies between both, where it fits best. What still differs in all of a piece of tissue is its own growth.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tissue import _kernels_confined as kernels
from tissue.errors import FieldError
from tissue.grid import Array, Grid
from tissue.levels import Integers
from tissue.stokes import Flow

# How much a piece of tissue that fits nowhere resists being moved, against its neighbours'; and when it fits.
HELD, FITS = 1e-7, 1e-11
MOST_STEPS = 20_000


def within(flow: Flow, alive: NDArray[np.bool_]) -> Flow:
    """The flow without what passes faces of cells that are not alive."""
    parts = []
    for axis, u in enumerate(flow.velocity):
        rows = np.moveaxis(alive, axis, 0)
        if flow.grid.open[axis]:
            passed = np.concatenate([rows[:1], rows[1:] & rows[:-1], rows[-1:]])
        else:
            passed = rows & np.roll(rows, 1, axis=0)
        parts.append(np.where(np.moveaxis(passed, 0, axis), u, 0.0))
    return Flow(flow.grid, tuple(parts), flow.p)


def settled(grid: Grid, c: Array, alive: NDArray[np.bool_], carried: Array, grown: Array, after: Array) -> Array:
    """
    Amounts c, carried with the volumes `carried`, or `grown` where the tissue grows with the flow, moved to `after`.

    Only cells that are alive exchange anything.
    """
    made = grown - carried
    square = float((made**2).sum())
    share = min(max(float((made * (after - carried)).sum()) / square, 0.0), 1.0) if square > 0.0 else 0.0
    volume = carried + share * made
    cells = np.flatnonzero(alive)
    wanted = after.ravel()[cells]
    r = volume.ravel()[cells] - wanted
    largest = float(np.abs(r).max(initial=0.0))
    if largest <= FITS:
        return c
    beside, g = _beside(grid, cells), np.repeat([(min(grid.spacing) / h) ** 2 for h in grid.spacing], 2)
    psi, p, q = (np.empty_like(r) for _ in range(3))
    held = HELD * np.maximum(np.maximum(wanted, volume.ravel()[cells]), FITS)
    if int(kernels.potential(beside, g, held, r, psi, p, q, FITS * largest, MOST_STEPS)) == MOST_STEPS:
        raise FieldError(
            f"the tissue of fraction_after could not be reached from that of fraction in {MOST_STEPS} steps; give that "
            "of points moved by this flow over this dt, or take a smaller dt"
        )
    amounts = c.ravel()[cells]
    kernels.downhill(np.argsort(-psi, kind="stable"), beside, g, psi, wanted, amounts)
    out = c.flatten()
    out[cells] = amounts
    return out.reshape(c.shape)


def _beside(grid: Grid, cells: Integers) -> Integers:
    """For each of the cells which of them lie across its low and high side of each axis, -1 for none."""
    number = np.full(grid.shape, -1, np.int64)
    number.reshape(-1)[cells] = np.arange(len(cells))
    found = []
    for axis in range(grid.dim):
        for by, end in ((1, 0), (-1, -1)):
            other = np.roll(number, by, axis=axis)
            if not grid.periodic[axis]:
                np.moveaxis(other, axis, 0)[end] = -1
            found.append(other.reshape(-1)[cells])
    return np.ascontiguousarray(np.stack(found, axis=1))
