"""
The preconditioner for viscosities that jump by factors of thousands from cell to cell.

    [A  -B^T] [u]   [f]
    [B    K ] [p] = [g]     is preconditioned by   p = S g,   u = M (f + B^T p),

M a V-cycle of smoothed aggregation on A whose aggregates hold together what is stiff and whose coarse functions
are the rigid motions, so that stiff inclusions may move as bodies on every level. S stands for the inverse of
B A^-1 B^T: half the viscosity, which is right inside a region of one viscosity, and half
(B D B^T)^-1 B D A D B^T (B D B^T)^-1 with D = diag(A)^-1, which knows that soft inclusions cannot be squeezed.
Sources: Vanek, Mandel and Brezina 1996, doi:10.1007/BF02238511; Elman 1999, doi:10.1137/S1064827596312547;
May and Moresi 2008, doi:10.1016/j.pepi.2008.07.036.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import scipy.sparse.linalg as spla

from tissue import _kernels_algebraic as kernels
from tissue.grid import Array
from tissue.levels import AT, Hierarchy, Integers

STRONG = 0.08  # entries larger than this times the geometric mean of their diagonals hold an aggregate together
COARSEST = 300
SLIGHT = 1e-8
# unknowns of which a factorisation is still a matter of seconds to half a minute, and of at most 2 GB; by dimensions
MOST_FACTORED = {2: 250_000}
SLOWEST = 0.5  # where strong entries would leave more unknowns than this share, all entries count


@dataclass(frozen=True, eq=False)
class _Level:
    matrix: sp.csr_matrix
    down: sp.csr_matrix | None
    up: sp.csr_matrix | None
    factors: Array | None

    def cycle(self, f: Array, below: list[_Level]) -> Array:
        """A V-cycle for A x = f from zero, two sweeps before and after."""
        if self.factors is not None:
            x = f.copy()
            kernels.substitute(self.factors, x)
            return x
        assert self.up is not None
        assert self.down is not None
        a = self.matrix
        parts, x, left = (a.indptr, a.indices, a.data), np.zeros_like(f), np.empty_like(f)
        for back in (False, True):
            kernels.gauss_seidel(*parts, x, f, back)
        kernels.residual(*parts, x, f, left)
        x += self.up @ below[0].cycle(self.down @ left, below[1:])
        for back in (False, True):
            kernels.gauss_seidel(*parts, x, f, back)
        return x


class SmoothedAggregation:
    """Levels for a symmetric positive (semi-)definite matrix with given near-null vectors [n, k]."""

    def __init__(self, matrix: sp.csr_matrix, modes: Array) -> None:
        self.levels: list[_Level] = []
        block = 1
        while matrix.shape[0] > COARSEST:
            up, modes = _prolongation(matrix, modes, block)
            down = up.T.tocsr()
            self.levels.append(_Level(matrix, down, up, None))
            matrix = in_order(down @ matrix @ up)
            block = modes.shape[1]
        factors = np.ascontiguousarray(matrix.toarray())
        kernels.factorise(factors)
        self.levels.append(_Level(matrix, None, None, factors))

    def __call__(self, f: Array) -> Array:
        return self.levels[0].cycle(f, self.levels[1:])


def in_order(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """A copy whose rows are sorted, without an entry twice, and whose indices are as the kernels take them."""
    out = sp.csr_matrix(matrix)
    out.sum_duplicates()
    out.indices, out.indptr = out.indices.astype(np.int32), out.indptr.astype(np.int32)
    return out


def _strong(matrix: sp.csr_matrix, block: int, threshold: float) -> sp.csr_matrix:
    """The graph of strong entries between nodes of `block` rows."""
    size = matrix.copy()
    size.data = size.data**2
    if block > 1:
        nodes = matrix.shape[0] // block
        gather = sp.csr_matrix(
            (np.ones(nodes * block), np.arange(nodes * block), np.arange(0, nodes * block + 1, block)),
            shape=(nodes, nodes * block),
        )
        size = gather @ size @ gather.T
    graph = size.tocoo()
    diagonal = np.sqrt(size.diagonal())
    keep = (graph.data >= threshold**2 * diagonal[graph.row] * diagonal[graph.col]) & (graph.row != graph.col)
    keep &= graph.data > 0.0
    return in_order(sp.csr_matrix((graph.data[keep], (graph.row[keep], graph.col[keep])), shape=size.shape))


def _prolongation(matrix: sp.csr_matrix, modes: Array, block: int) -> tuple[sp.csr_matrix, Array]:
    """Smoothed prolongation from the aggregates' modes, and the modes on the coarse level."""
    k, n = modes.shape[1], matrix.shape[0]
    for threshold in (STRONG, STRONG / 4, STRONG / 16, 0.0):
        graph = _strong(matrix, block, threshold)
        of = np.empty(graph.shape[0], np.int64)
        count = kernels.aggregate(graph.indptr, graph.indices, of)
        if count * k <= SLOWEST * n:
            break
    member = np.argsort(of, kind="stable")
    start = np.searchsorted(of[member], np.arange(count + 1))
    basis, coarse = np.ascontiguousarray(modes).copy(), np.zeros((count, k, k))
    kernels.orthonormalise(start, member, basis, coarse, block)
    columns = k * np.repeat(of, block)[:, None] + np.arange(k)
    tentative = sp.csr_matrix((basis.ravel(), columns.ravel(), np.arange(0, n * k + 1, k)), shape=(n, count * k))
    tentative.eliminate_zeros()
    diagonal = matrix.diagonal()
    inverse = np.where(diagonal > 0.0, 1.0 / np.where(diagonal > 0.0, diagonal, 1.0), 0.0)
    scaled = sp.diags(inverse) @ matrix
    smoothed = tentative - (4.0 / 3.0 / _spectral_radius(scaled)) * (scaled @ tentative)
    return sp.csr_matrix(smoothed), coarse.reshape(count * k, k)


def _spectral_radius(matrix: sp.csr_matrix) -> float:
    """Largest eigenvalue of a matrix with real ones, by the power method from a fixed start, a little too large."""
    x = np.random.default_rng(0).uniform(-1.0, 1.0, matrix.shape[0])
    size = 1.0
    for _ in range(15):
        x = matrix @ x
        size = float(np.sqrt((x * x).sum()))
        x /= size
    return 1.1 * size


class Preconditioner:
    """Called with a residual [dim + 1, slots], it returns a correction of that shape."""

    def __init__(self, levels: Hierarchy, co: Array) -> None:
        dim = levels.grid.dim
        friction = 2 + dim * (dim - 1) // 2
        self.shape = (dim + 1, co.shape[1])
        inverse, cell = co[friction + dim + 1 : friction + 2 * dim + 1], co[friction + 2 * dim + 1]
        self.faces, self.cells = np.flatnonzero(inverse.ravel()), np.flatnonzero(cell)
        self.a, self.b = _matrices(levels, co, self.faces, self.cells)
        self.d = 1.0 / self.a.diagonal()
        self.viscosity = 0.5 * co[0, self.cells]
        self.softness = co[friction + dim, self.cells]
        self.share = 1.0 / (1.0 + self.softness * self.viscosity)
        self.velocity = SmoothedAggregation(self.a, _rigid(levels, co.shape[1])[self.faces])
        laplacian = in_order(self.b @ sp.diags(self.d) @ self.b.T)
        self.pressure = SmoothedAggregation(laplacian, np.ones((len(self.cells), 1)))

    def __call__(self, r: Array) -> Array:
        f, g = r[:-1].ravel()[self.faces], r[-1][self.cells]
        p = self.pressure(g)
        p = self.pressure(self.b @ (self.d * (self.a @ (self.d * (self.b.T @ p)))))
        p = self.share * (0.5 * p + 0.5 * self.viscosity * g)
        out = np.zeros(self.shape)
        out[:-1].reshape(-1)[self.faces] = self.velocity(f + self.b.T @ p)
        out[-1, self.cells] = p
        return out


def factors(matrix: sp.csr_matrix) -> spla.SuperLU:
    """
    L U of a matrix like the whole scaled one, of symmetric shape and definite in its two parts.

    Its order is that of least fill. Rows need not be exchanged (Vanderbei 1995, doi:10.1137/0805005): a third of the
    entries and a quarter to a sixth of the time of what does.
    """
    least = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    return spla.splu(matrix.tocsc(), **least)


class Direct:
    """
    A sparse LU factorisation of the whole, for what is left: noise of factors of a million from cell to cell.

    Constant pressures and free motions are made regular by 1e-8 of the diagonal.
    """

    def __init__(self, made: Preconditioner) -> None:
        self.made = made
        whole = sp.bmat(
            [
                [made.a + SLIGHT * sp.diags(made.a.diagonal()), -made.b.T],
                [made.b, sp.diags(made.softness + SLIGHT / made.viscosity)],
            ]
        )
        self.scale = np.concatenate([np.sqrt(made.d), np.sqrt(made.viscosity)])
        scaled = sp.diags(self.scale) @ whole @ sp.diags(self.scale)
        self.factors = factors(scaled)

    def __call__(self, r: Array) -> Array:
        made, faces = self.made, len(self.made.faces)
        f = np.concatenate([r[:-1].ravel()[made.faces], r[-1][made.cells]])
        x = self.scale * self.factors.solve(self.scale * f)
        out = np.zeros(made.shape)
        out[:-1].reshape(-1)[made.faces] = x[:faces]
        out[-1, made.cells] = x[faces:]
        return out


def _offsets(levels: Hierarchy, which: int, axis: int) -> Integers:
    """Row `which` of the steps along an axis, for every slot."""
    at = int(levels.geometry[0][AT][axis])
    steps = levels.steps[which, at : at + levels.shape[axis]]
    shaped = steps.reshape([-1 if a == axis else 1 for a in range(levels.grid.dim)])
    return np.broadcast_to(shaped, levels.shape).ravel()


def _matrices(levels: Hierarchy, co: Array, faces: Integers, cells: Integers) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """A on the unknown faces and B from them to the cells."""
    grid, n = levels.grid, co.shape[1]
    dim, slot = grid.dim, np.arange(n)
    friction = 2 + dim * (dim - 1) // 2

    def difference(component: int, at: Integers, other: Integers, r: float) -> sp.csr_matrix:
        """r (u[at] - u[other]) for every slot, of all slots of all components."""
        data = np.concatenate([np.full(n, r), np.full(n, -r)])
        columns = component * n + np.concatenate([at, other])
        whole = sp.csr_matrix((data, (np.concatenate([slot, slot]), columns)), shape=(n, dim * n))
        return sp.csr_matrix(whole[:, faces])

    normal = [difference(a, slot + _offsets(levels, 0, a), slot, levels.r[a])[cells] for a in range(dim)]
    b = sp.csr_matrix(sum(normal[1:], normal[0]))
    a_matrix = b.T @ sp.diags(co[1, cells]) @ b + sp.diags(co[friction : friction + dim].ravel()[faces])
    for strain in normal:
        a_matrix = a_matrix + strain.T @ sp.diags(co[0, cells]) @ strain
    for k, (i, j) in enumerate(grid.pairs):
        held = np.flatnonzero(co[2 + k])
        shear = difference(i, slot, slot + _offsets(levels, 1, j), levels.r[j])
        shear = (shear + difference(j, slot, slot + _offsets(levels, 1, i), levels.r[i]))[held]
        a_matrix = a_matrix + shear.T @ sp.diags(co[2 + k, held]) @ shear
    return in_order(a_matrix), in_order(b)


def _rigid(levels: Hierarchy, n: int) -> Array:
    """Translations and rotations on all slots of all components, [dim slots, 3 or 6]."""
    grid = levels.grid
    dim = grid.dim
    modes = np.zeros((dim, n, dim + len(grid.pairs)))
    scale = max(grid.size)

    def place(component: int, axis: int) -> Array:
        along = (np.arange(levels.shape[axis]) + (0.0 if component == axis else 0.5)) * grid.spacing[axis]
        shaped = (along / scale - 0.5).reshape([-1 if a == axis else 1 for a in range(dim)])
        return np.broadcast_to(shaped, levels.shape).ravel()

    for a in range(dim):
        modes[a, :, a] = 1.0
    for k, (i, j) in enumerate(grid.pairs):
        modes[i, :, dim + k] = -place(i, j)
        modes[j, :, dim + k] = place(j, i)
    return modes.reshape(dim * n, -1)
