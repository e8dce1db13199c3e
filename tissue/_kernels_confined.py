"""
Kernels that move what a tissue carries to where the tissue is, on a list of cells.

Cell i has the neighbour beside[i, k] across its side k, or none (-1); `g` is how readily a side lets something pass.
One thread sums, so that bits do not depend on how many there are.
"""

from __future__ import annotations

import numba

from tissue._jit import kernel

_device = numba.njit(error_model="numpy")


@_device
def _left(beside, g, held, x, out):  # type: ignore[no-untyped-def]
    """out_i = held_i x_i + sum_k g_k (x_i - x_beside(i, k)); returns x . out."""
    work = 0.0
    for i in range(x.size):
        here = x[i]
        total = held[i] * here
        for k in range(g.size):
            j = beside[i, k]
            if j >= 0:
                total += g[k] * (here - x[j])
        out[i] = total
        work += here * total
    return work


@kernel("i8(i8[:,::1], f8[::1], f8[::1], f8[::1], f8[::1], f8[::1], f8[::1], f8, i8)", error_model="numpy")
def potential(beside, g, held, r, psi, p, q, small, most):  # type: ignore[no-untyped-def]
    """
    held psi + sum g (psi - psi beside) = r by conjugate gradients, until no |r| is above `small`; returns the steps.

    psi begins at zero, r is overwritten by what is left, p and q are scratch.
    """
    square = 0.0
    for i in range(r.size):
        psi[i], p[i] = 0.0, r[i]
        square += r[i] * r[i]
    for step in range(most):
        along = square / _left(beside, g, held, p, q)
        before, square, largest = square, 0.0, 0.0
        for i in range(r.size):
            psi[i] += along * p[i]
            r[i] -= along * q[i]
            square += r[i] * r[i]
            largest = max(largest, abs(r[i]))
        if not largest > small:
            return step + 1
        for i in range(r.size):
            p[i] = r[i] + square / before * p[i]
    return most


@kernel("void(i8[::1], i8[:,::1], f8[::1], f8[::1], f8[::1], f8[::1])", error_model="numpy")
def downhill(order, beside, g, psi, after, c):  # type: ignore[no-untyped-def]
    """
    Amounts c go down psi with the volumes g (psi - psi beside), mixed in every cell that they pass.

    order: cells from the highest psi to the lowest. after: the volume that stays in each.
    """
    for at in range(order.size):
        i = order[at]
        out = 0.0
        for k in range(g.size):
            j = beside[i, k]
            if j >= 0:
                out += g[k] * max(psi[i] - psi[j], 0.0)
        if out == 0.0 or c[i] == 0.0:
            continue
        each = c[i] / (after[i] + out)
        for k in range(g.size):
            j = beside[i, k]
            if j >= 0:
                c[j] += each * g[k] * max(psi[i] - psi[j], 0.0)
        c[i] = each * after[i]
