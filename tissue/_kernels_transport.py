"""
Kernels of advection on the staggered grid: finite volumes, limited linear reconstruction, two stages.

periodic_x and periodic_y are 1 where the axis wraps and 0 between walls, through which nothing flows.
"""

from __future__ import annotations

import numba
import numpy as np

from tissue._jit import kernel

_device = numba.njit(error_model="numpy")
# On smaller grids waking the threads costs more than the work.
PARALLEL_CELLS = 32768


@_device
def _half_slope(left, here, right):  # type: ignore[no-untyped-def]
    """Half the monotonised central slope of a cell: never takes its ends beyond the neighbours."""
    a, b = here - left, right - here
    if a * b <= 0.0:
        return 0.0
    return np.copysign(min(0.25 * abs(a + b), abs(a), abs(b)), a)


@_device
def _upwind(velocity, far_left, left, right, far_right):  # type: ignore[no-untyped-def]
    """Flux through the face between left and right."""
    if velocity > 0.0:
        return velocity * (left + _half_slope(far_left, left, right))
    return velocity * (right - _half_slope(left, right, far_right))


@_device
def _neighbour(i, step, n, periodic):  # type: ignore[no-untyped-def]
    """i + step, wrapped or, beyond a wall, the cell at the wall."""
    k = i + step
    if k < 0:
        return k + n if periodic else 0
    if k >= n:
        return k - n if periodic else n - 1
    return k


@_device
def _flux_row(c, u, v, flux, i, periodic_x, periodic_y):  # type: ignore[no-untyped-def]
    nx, ny = c.shape
    im, imm = _neighbour(i, -1, nx, periodic_x), _neighbour(i, -2, nx, periodic_x)
    ip = _neighbour(i, 1, nx, periodic_x)
    for j in range(ny):
        jm, jmm = _neighbour(j, -1, ny, periodic_y), _neighbour(j, -2, ny, periodic_y)
        jp = _neighbour(j, 1, ny, periodic_y)
        flux[0, i, j] = _upwind(u[i, j], c[imm, j], c[im, j], c[i, j], c[ip, j])
        flux[1, i, j] = _upwind(v[i, j], c[i, jmm], c[i, jm], c[i, j], c[i, jp])


@_device
def _update_row(c, start, flux, out, i, tx, ty, old):  # type: ignore[no-untyped-def]
    """out = old start + (1 - old) (c - dt div flux)."""
    nx, ny = c.shape
    ip = i + 1 if i + 1 < nx else 0
    for j in range(ny):
        jp = j + 1 if j + 1 < ny else 0
        new = c[i, j] - tx * (flux[0, ip, j] - flux[0, i, j]) - ty * (flux[1, i, jp] - flux[1, i, j])
        out[i, j] = old * start[i, j] + (1.0 - old) * new


@_device
def _row(operation, c, start, u, v, flux, out, i, tx, ty, old, periodic_x, periodic_y):  # type: ignore[no-untyped-def]
    if operation == 0:
        _flux_row(c, u, v, flux, i, periodic_x, periodic_y)
    else:
        _update_row(c, start, flux, out, i, tx, ty, old)


@numba.njit(parallel=True, error_model="numpy")
def _rows_parallel(  # type: ignore[no-untyped-def]
    operation, c, start, u, v, flux, out, tx, ty, old, periodic_x, periodic_y
):
    for i in numba.prange(c.shape[0]):
        _row(operation, c, start, u, v, flux, out, i, tx, ty, old, periodic_x, periodic_y)


@_device
def _rows(operation, c, start, u, v, flux, out, tx, ty, old, periodic_x, periodic_y):  # type: ignore[no-untyped-def]
    if c.size >= PARALLEL_CELLS:
        _rows_parallel(operation, c, start, u, v, flux, out, tx, ty, old, periodic_x, periodic_y)
    else:
        for i in range(c.shape[0]):
            _row(operation, c, start, u, v, flux, out, i, tx, ty, old, periodic_x, periodic_y)


@kernel("void(f8[:,::1], f8[:,::1], f8[:,::1], f8[:,:,::1], f8[:,::1], f8, f8, i8, b1, b1)", error_model="numpy")
def advect(c, u, v, flux, stage, tx, ty, steps, periodic_x, periodic_y):  # type: ignore[no-untyped-def]
    """`steps` steps of dc/dt + div(u c) = 0 by Heun's method; tx = dt / hx, ty = dt / hy."""
    for _ in range(steps):
        _rows(0, c, c, u, v, flux, stage, tx, ty, 0.0, periodic_x, periodic_y)
        _rows(1, c, c, u, v, flux, stage, tx, ty, 0.0, periodic_x, periodic_y)
        _rows(0, stage, c, u, v, flux, c, tx, ty, 0.5, periodic_x, periodic_y)
        _rows(1, stage, c, u, v, flux, c, tx, ty, 0.5, periodic_x, periodic_y)
