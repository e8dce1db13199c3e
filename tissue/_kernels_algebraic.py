"""Kernels of smoothed aggregation on sparse matrices in compressed rows."""

from __future__ import annotations

import numpy as np

from tissue._jit import kernel

_MATRIX = "i4[::1], i4[::1], f8[::1]"


@kernel(f"void({_MATRIX}, f8[::1], f8[::1], b1)", error_model="numpy", fastmath={"contract"})
def gauss_seidel(start, column, value, x, f, back):  # type: ignore[no-untyped-def]
    """One sweep for A x = f, in rising order or back; rows without a diagonal are left alone."""
    n = x.size
    for step in range(n):
        i = n - 1 - step if back else step
        rest, diagonal = f[i], 0.0
        for k in range(start[i], start[i + 1]):
            if column[k] == i:
                diagonal = value[k]
            else:
                rest -= value[k] * x[column[k]]
        if diagonal > 0.0:
            x[i] = rest / diagonal


@kernel(f"void({_MATRIX}, f8[::1], f8[::1], f8[::1])", error_model="numpy", fastmath={"contract"})
def residual(start, column, value, x, f, out):  # type: ignore[no-untyped-def]
    """out = f - A x."""
    for i in range(out.size):
        rest = f[i]
        for k in range(start[i], start[i + 1]):
            rest -= value[k] * x[column[k]]
        out[i] = rest


@kernel("i8(i4[::1], i4[::1], i8[::1])", error_model="numpy")
def aggregate(start, column, of):  # type: ignore[no-untyped-def]
    """
    Number of aggregates of a graph of strong neighbours, and in `of` the one of each node.

    First every node none of whose neighbours is taken, with all of them; then what is left joins a neighbour's;
    then what has none is gathered among itself. Source: Vanek, Mandel and Brezina 1996, doi:10.1007/BF02238511.
    """
    n, count = of.size, 0
    of[:] = -1
    for i in range(n):
        alone = of[i] < 0
        for k in range(start[i], start[i + 1]):
            alone = alone and of[column[k]] < 0
        if alone:
            of[i] = count
            for k in range(start[i], start[i + 1]):
                of[column[k]] = count
            count += 1
    first = of.copy()
    for i in range(n):
        if of[i] < 0:
            for k in range(start[i], start[i + 1]):
                if first[column[k]] >= 0:
                    of[i] = first[column[k]]
                    break
    for i in range(n):
        if of[i] < 0:
            of[i] = count
            for k in range(start[i], start[i + 1]):
                if of[column[k]] < 0:
                    of[column[k]] = count
            count += 1
    return count


@kernel("void(i8[::1], i8[::1], f8[:,::1], f8[:,:,::1], i8)", error_model="numpy")
def orthonormalise(start, member, modes, coarse, block):  # type: ignore[no-untyped-def]
    """
    Make `modes` [n, k] orthonormal within each aggregate, whose nodes of `block` rows each are
    member[start[g]:start[g + 1]]; coarse [aggregates, k, k] receives what takes the new ones to the old.

    Modified Gram-Schmidt, twice; a mode that depends on the ones before it becomes zero.
    """
    count = modes.shape[1]
    for g in range(start.size - 1):
        for a in range(count):
            before = 0.0
            for m in range(start[g], start[g + 1]):
                for i in range(member[m] * block, (member[m] + 1) * block):
                    before += modes[i, a] ** 2
            for _ in range(2):
                for b in range(a):
                    dot = 0.0
                    for m in range(start[g], start[g + 1]):
                        for i in range(member[m] * block, (member[m] + 1) * block):
                            dot += modes[i, a] * modes[i, b]
                    coarse[g, b, a] += dot
                    for m in range(start[g], start[g + 1]):
                        for i in range(member[m] * block, (member[m] + 1) * block):
                            modes[i, a] -= dot * modes[i, b]
            length = 0.0
            for m in range(start[g], start[g + 1]):
                for i in range(member[m] * block, (member[m] + 1) * block):
                    length += modes[i, a] ** 2
            keep = length > 1e-16 * before and length > 0.0
            length = np.sqrt(length)
            coarse[g, a, a] = length if keep else 0.0
            for m in range(start[g], start[g + 1]):
                for i in range(member[m] * block, (member[m] + 1) * block):
                    modes[i, a] = modes[i, a] / length if keep else 0.0


@kernel("void(f8[:,::1])", error_model="numpy", fastmath={"contract"})
def factorise(a):  # type: ignore[no-untyped-def]
    """A = L D L^T in place of a symmetric positive semi-definite A; what A does not see gets an infinite pivot."""
    n = a.shape[0]
    for k in range(n):
        before, pivot = a[k, k], a[k, k]
        for m in range(k):
            if a[m, m] < np.inf:
                pivot -= a[k, m] ** 2 * a[m, m]
        a[k, k] = pivot if pivot > 1e-13 * before else np.inf
        for i in range(k + 1, n):
            rest = a[i, k]
            for m in range(k):
                if a[m, m] < np.inf:
                    rest -= a[i, m] * a[k, m] * a[m, m]
            a[i, k] = rest / a[k, k]


@kernel("void(f8[:,::1], f8[::1])", error_model="numpy", fastmath={"contract"})
def substitute(a, x):  # type: ignore[no-untyped-def]
    """x of A x = x from its factors."""
    n = x.size
    for i in range(n):
        for k in range(i):
            x[i] -= a[i, k] * x[k]
    for i in range(n - 1, -1, -1):
        x[i] /= a[i, i]
        for k in range(i + 1, n):
            x[i] -= a[k, i] * x[k]


@kernel(
    f"void({_MATRIX}, f8[::1], f8[::1], i8[::1], i4[::1], i4[::1], i8[::1], u2[::1], f4[::1], i8[::1], u2[::1], "
    "f4[::1], f8[::1])",
    error_model="numpy",
    fastmath={"contract"},
)
def solve_patches(  # type: ignore[no-untyped-def]
    start, column, value, f, x, patch, take, give, lower, lower_row, lower_value, upper, upper_row, upper_value, work
):
    """
    One sweep of exact solutions for A x = f, patch after patch, each for what the ones before it have left.

    The unknowns of patch m are patch[m]:patch[m + 1] of `take` and `give`, of rows and columns as its factors L U have
    them. These are in compressed columns: L without its unit diagonal, U with its diagonal last.
    """
    for m in range(patch.size - 1):
        first, n = patch[m], patch[m + 1] - patch[m]
        for k in range(n):
            i = take[first + k]
            rest = f[i]
            for e in range(start[i], start[i + 1]):
                rest -= value[e] * x[column[e]]
            work[k] = rest
        for k in range(n):
            for e in range(lower[first + k], lower[first + k + 1]):
                work[lower_row[e]] -= lower_value[e] * work[k]
        for k in range(n - 1, -1, -1):
            last = upper[first + k + 1] - 1
            work[k] /= upper_value[last]
            for e in range(upper[first + k], last):
                work[upper_row[e]] -= upper_value[e] * work[k]
        for k in range(n):
            x[give[first + k]] += work[k]
