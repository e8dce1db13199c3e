"""
The preconditioner for noise of viscosity by factors of a million, on grids too large to be factorised.

The box is cut into blocks of cells. Each with a few layers of cells around it is a patch, whose velocities and
pressures are solved for exactly, one patch after the other, each for what those before it have left. So what lies
within a patch is solved however much its viscosity jumps; what extends over many is left to GCR.
Source: Toselli and Widlund 2005, doi:10.1007/b137868, chapters 1 and 9.
"""

from __future__ import annotations

import itertools

import numpy as np
import scipy.sparse as sp

from tissue import _kernels_algebraic as kernels
from tissue.algebraic import Preconditioner, factors, in_order
from tissue.grid import Array, Grid
from tissue.levels import Integers

CORE = {2: 64, 3: 8}  # cells along each axis of a block, about
LAYER = {2: 4, 3: 1}
# unknowns whose factors take some 1.5 GB, as .28 GB of 130,000 in three dimensions say
MOST_PATCHED = {2: 2_000_000, 3: 600_000}
SLIGHT = 3e-5  # of the diagonal, for pressures: less is lost in single precision


def _blocks(grid: Grid) -> list[Integers]:
    """The cells of each patch, counted as in an array of the grid's shape."""
    along, layer = [], LAYER[grid.dim]
    for n, wraps in zip(grid.shape, grid.periodic, strict=True):
        parts = np.array_split(np.arange(n), max(1, round(n / CORE[grid.dim])))
        wide = [np.arange(p[0] - layer, p[-1] + layer + 1) for p in parts]
        along.append([np.unique(w % n) if wraps else w[(w >= 0) & (w < n)] for w in wide])
    return [np.ravel_multi_index(np.ix_(*part), grid.shape).ravel() for part in itertools.product(*along)]


class Patches:
    """Called with a residual [dim + 1, slots], it returns a correction of that shape."""

    def __init__(self, grid: Grid, made: Preconditioner) -> None:
        self.made = made
        self.scale = np.concatenate([np.sqrt(made.d), np.sqrt(made.viscosity)])
        whole = sp.bmat([[made.a, -made.b.T], [made.b, sp.diags(made.softness)]])
        self.matrix = in_order(sp.diags(self.scale) @ whole @ sp.diags(self.scale))
        regular = in_order(self.matrix + SLIGHT * sp.identity(len(self.scale)))
        faces = len(made.faces)
        take, give, lower, upper = [], [], [], []
        for cells in _blocks(grid):
            of = np.concatenate([np.unique(made.b[cells].indices), faces + cells])
            found = factors(regular[of][:, of])
            take.append(of[np.argsort(found.perm_r)])
            give.append(of[np.argsort(found.perm_c)])
            lower.append(_compact(sp.tril(found.L, -1, format="csc")))
            upper.append(_compact(found.U))
        self.patch = _pointers([len(of) for of in take])
        self.take, self.give = (np.concatenate(v).astype(np.int32) for v in (take, give))
        self.lower, self.upper = _together(lower), _together(upper)
        self.work = np.empty(max(map(len, take)))

    def __call__(self, r: Array) -> Array:
        made, faces, a = self.made, len(self.made.faces), self.matrix
        f = self.scale * np.concatenate([r[:-1].ravel()[made.faces], r[-1][made.cells]])
        x = np.zeros_like(f)
        parts = (self.patch, self.take, self.give, *self.lower, *self.upper, self.work)
        kernels.solve_patches(a.indptr, a.indices, a.data, f, x, *parts)
        x *= self.scale
        out = np.zeros(made.shape)
        out[:-1].reshape(-1)[made.faces] = x[:faces]
        out[-1, made.cells] = x[faces:]
        return out


def _compact(factor: sp.csc_matrix) -> tuple[Integers, Integers, Array]:
    """Entries of each column, rows and values in as little memory as serves a preconditioner."""
    factor.sort_indices()
    return np.diff(factor.indptr), factor.indices.astype(np.uint16), factor.data.astype(np.float32)


def _together(factors: list[tuple[Integers, Integers, Array]]) -> tuple[Integers, Integers, Array]:
    counts, rows, values = zip(*factors, strict=True)
    return _pointers(np.concatenate(counts)), np.concatenate(rows), np.concatenate(values)


def _pointers(counts: Integers | list[int]) -> Integers:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
