"""
The flow in a box that is periodic in every axis, of one viscosity, one friction and one bulk viscosity.

The discrete equations turn into (dim + 1) x (dim + 1) ones, one for each wave: with D_a = (exp(i k_a h_a) - 1) / h_a,
which takes faces to cells, and L = sum |D_a|^2,

    (eta L + gamma) u_a - conj(D_a) (p - (eta + lambda) q) = f_a,    q = sum D_a u_a,    q + p / K = g.
"""

from __future__ import annotations

import numba
import numpy as np
import scipy.fft

from tissue.grid import Array, Grid

LARGE = 2**18  # numbers, for fewer of which threads cost more than they save


def solve(grid: Grid, f: Array, *, eta: float, lame: float, friction: float, softness: float) -> Array:
    """
    Velocity and pressure [dim + 1, *shape] for forces on faces and growth `f` of that shape.

    eta: viscosity. lame: lambda. softness: 1 / K. The mean of what nothing resists is zero.
    """
    axes = tuple(range(1, grid.dim + 1))
    waves = [scipy.fft.fftfreq(n) for n in grid.shape[:-1]] + [scipy.fft.rfftfreq(grid.shape[-1])]
    d = []
    for a, (k, h) in enumerate(zip(waves, grid.spacing, strict=True)):
        d.append(((np.exp(2j * np.pi * k) - 1.0) / h).reshape([-1 if b == a else 1 for b in range(grid.dim)]))
    laplacian = sum(np.abs(da) ** 2 for da in d)
    # lines are transformed one by one, so that bits do not depend on who does
    workers = numba.get_num_threads() if f.size >= LARGE else 1
    hat = scipy.fft.rfftn(f, axes=axes, workers=workers)
    drag = eta * laplacian + friction
    stretch = eta + lame
    forced = sum(da * hat[a] for a, da in enumerate(d))
    stiffness = drag * softness + laplacian * (1.0 + stretch * softness)
    # wave 0: no flow but what friction resists, and the pressure that growth alone makes
    zero = (0,) * grid.dim
    with np.errstate(divide="ignore", invalid="ignore"):
        p = ((drag + stretch * laplacian) * hat[-1] - forced) / stiffness
        p[zero] = hat[-1][zero] / softness if softness > 0.0 else 0.0
        pushed = p * (1.0 + stretch * softness) - stretch * hat[-1]
        out = np.empty_like(hat)
        for a, da in enumerate(d):
            out[a] = (hat[a] + np.conj(da) * pushed) / drag
            out[a][zero] = hat[a][zero] / friction if friction > 0.0 else 0.0
    out[-1] = p
    return np.asarray(scipy.fft.irfftn(out, s=grid.shape, axes=axes, workers=workers))
