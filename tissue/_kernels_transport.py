"""
Kernels of advection on the staggered grid in two and three dimensions: finite volumes, limited linear
reconstruction, two stages.

Concentrations and velocities are flat. `shape` holds the numbers of cells, `faces` those of stored faces along
their own axis (one more than cells where something may pass a side), `wrap` 1 where the axis is periodic. `beyond`
says for every face of a side what flows in there: a concentration, or OUT where the flow leaves, or CLOSED; the
faces of side `end` of axis a begin at sides[2 a + end]. `growth` is the factor by which it changes within a step.
`r` holds 1 / spacing; its length is the dimension, known when the kernel is compiled.
"""

from __future__ import annotations

import numba
import numpy as np

from tissue._jit import both

_device = numba.njit(error_model="numpy")
_inline = numba.njit(error_model="numpy", forceinline=True)
# On smaller grids waking the threads costs more than the work.
PARALLEL_CELLS = 32768
OUT, CLOSED = -1.0, -2.0
# of no concentration, in less than that of a tissue
EMPTY, LEAST = -1e300, 1e-14


@_inline
def _half_slope(left, here, right):  # type: ignore[no-untyped-def]
    """Half the monotonised central slope of a cell: never takes its ends beyond the neighbours. Flat beside EMPTY."""
    a, b = here - left, right - here
    if a * b <= 0.0 or min(left, right) <= EMPTY:
        return 0.0
    return np.copysign(min(0.25 * abs(a + b), abs(a), abs(b)), a)


@_inline
def _ghost(side, here, inner):  # type: ignore[no-untyped-def]
    """The value beyond a side: flat at a wall, else as the slope inside says, but not past what flows in."""
    if side == CLOSED:
        return here
    if side == OUT:
        return max(2.0 * here - inner, 0.0)
    inside, outside = inner - here, 2.0 * (here - side)
    if inside * outside <= 0.0:
        return here
    return here - np.copysign(min(abs(inside), abs(outside)), inside)


@_inline
def _flux(c, u, first, stride, f, n, wrap, low, high):  # type: ignore[no-untyped-def]
    """Flux through face f of a line of n cells that begins at `first`; u is the velocity there."""
    if not wrap and ((f == 0 and low == CLOSED) or (f == n and high == CLOSED)):
        return 0.0
    k = f - 1 if u > 0.0 else f
    if k < 0 or k >= n:
        if not wrap:
            return u * (low if k < 0 else high)
        k = n - 1 if k < 0 else 0
    here = c[first + k * stride]
    if k > 0:
        left = c[first + (k - 1) * stride]
    else:
        left = c[first + (n - 1) * stride] if wrap else _ghost(low, here, c[first + stride])
    if k < n - 1:
        right = c[first + (k + 1) * stride]
    else:
        right = c[first] if wrap else _ghost(high, here, c[first + (k - 1) * stride])
    half = _half_slope(left, here, right)
    here = max(here, 0.0)
    return u * (here + half if u > 0.0 else here - half)


@_inline
def _outflow(c, velocity, first, stride, low_face, high_face, i, n, wrap, low, high):  # type: ignore[no-untyped-def]
    """What leaves cell i of a line through its two faces, which are stored at low_face and high_face."""
    leaving = _flux(c, velocity[high_face], first, stride, i + 1, n, wrap, low, high)
    return leaving - _flux(c, velocity[low_face], first, stride, i, n, wrap, low, high)


@_inline
def _next(i, stored):  # type: ignore[no-untyped-def]
    return i + 1 if i + 1 < stored else 0


@_device
def _line2(i, r, c, base, start, out, velocity, beyond, sides, shape, faces, wrap, dt, old):  # type: ignore[no-untyped-def]
    nx, ny = shape[0], shape[1]
    above, row = _next(i, faces[0]) * ny, i * faces[1]
    first, last = beyond[sides[2] + i], beyond[sides[3] + i]
    entering = _flux(c, velocity[1][row], i * ny, 1, 0, ny, wrap[1], first, last)
    for j in range(ny):
        low, high = beyond[sides[0] + j], beyond[sides[1] + j]
        at = i * ny + j
        change = r[0] * _outflow(c, velocity[0], j, ny, at, above + j, i, nx, wrap[0], low, high)
        leaving = _flux(c, velocity[1][row + _next(j, faces[1])], i * ny, 1, j + 1, ny, wrap[1], first, last)
        change += r[1] * (leaving - entering)
        entering = leaving
        out[at] = old * start[at] + (1.0 - old) * (base[at] - dt * change)


@_device
def _line3(q, r, c, base, start, out, velocity, beyond, sides, shape, faces, wrap, dt, old):  # type: ignore[no-untyped-def]
    nx, ny, nz = shape[0], shape[1], shape[2]
    i, j = q // ny, q % ny
    plane, row = ny * nz, q * faces[2]
    above = _next(i, faces[0]) * plane
    below, beside = (i * faces[1] + j) * nz, (i * faces[1] + _next(j, faces[1])) * nz
    first, last = beyond[sides[4] + q], beyond[sides[5] + q]
    entering = _flux(c, velocity[2][row], q * nz, 1, 0, nz, wrap[2], first, last)
    for k in range(nz):
        at, side = q * nz + k, j * nz + k
        low, high = beyond[sides[0] + side], beyond[sides[1] + side]
        change = r[0] * _outflow(c, velocity[0], side, plane, at, above + side, i, nx, wrap[0], low, high)
        low, high = beyond[sides[2] + i * nz + k], beyond[sides[3] + i * nz + k]
        change += r[1] * _outflow(c, velocity[1], i * plane + k, nz, below + k, beside + k, j, ny, wrap[1], low, high)
        leaving = _flux(c, velocity[2][row + _next(k, faces[2])], q * nz, 1, k + 1, nz, wrap[2], first, last)
        change += r[2] * (leaving - entering)
        entering = leaving
        out[at] = old * start[at] + (1.0 - old) * (base[at] - dt * change)


@_inline
def _line(q, r, c, base, start, out, velocity, beyond, sides, shape, faces, wrap, dt, old):  # type: ignore[no-untyped-def]
    if len(r) == 3:
        _line3(q, r, c, base, start, out, velocity, beyond, sides, shape, faces, wrap, dt, old)
    else:
        _line2(q, r, c, base, start, out, velocity, beyond, sides, shape, faces, wrap, dt, old)


@numba.njit(parallel=True, error_model="numpy")
def _stage_parallel(r, c, base, start, out, velocity, beyond, sides, shape, faces, wrap, dt, old):  # type: ignore[no-untyped-def]
    for q in numba.prange(c.size // shape[len(r) - 1]):
        _line(np.int64(q), r, c, base, start, out, velocity, beyond, sides, shape, faces, wrap, dt, old)


@_device
def _stage(r, c, base, start, out, velocity, beyond, sides, shape, faces, wrap, dt, old):  # type: ignore[no-untyped-def]
    """out = old start + (1 - old) (base - dt div(u c))."""
    if c.size >= PARALLEL_CELLS:
        _stage_parallel(r, c, base, start, out, velocity, beyond, sides, shape, faces, wrap, dt, old)
    else:
        for q in range(c.size // shape[len(r) - 1]):
            _line(np.int64(q), r, c, base, start, out, velocity, beyond, sides, shape, faces, wrap, dt, old)


def _advect(r, c, first, second, velocity, beyond, growth, sides, shape, faces, wrap, dt, steps):  # type: ignore[no-untyped-def]
    """`steps` steps of dc/dt + div(u c) = 0 by Heun's method; first and second are scratch, beyond is left changed."""
    for _ in range(steps):
        _stage(r, c, c, c, first, velocity, beyond, sides, shape, faces, wrap, dt, 0.0)
        beyond *= growth
        _stage(r, first, first, c, second, velocity, beyond, sides, shape, faces, wrap, dt, 0.5)
        c[:] = second


@_device
def _faces(c, velocity, beyond, sides, shape, faces, wrap, out):  # type: ignore[no-untyped-def]
    """out = u c at all stored faces."""
    before = 1
    for a in range(len(shape)):
        n, lines = shape[a], c.size // (before * shape[a])
        for line in range(before):
            for f in range(faces[a]):
                for k in range(lines):
                    side = line * lines + k
                    low, high = beyond[sides[2 * a] + side], beyond[sides[2 * a + 1] + side]
                    at = (line * faces[a] + f) * lines + k
                    first = line * n * lines + k
                    out[a][at] = _flux(c, velocity[a][at], first, lines, f, n, wrap[a], low, high)
        before *= n


@_device
def _within(c, phi, w):  # type: ignore[no-untyped-def]
    """Concentrations in the tissue."""
    for i in range(c.size):
        w[i] = c[i] / phi[i] if phi[i] > LEAST else EMPTY


def _advect_confined(  # type: ignore[no-untyped-def]
    r, c, phi, work, flux, velocity, beyond, within, growth, sides, shape, faces, wrap, dt, steps
):
    """
    `steps` steps of dphi/dt + div(u phi) = 0 and dc/dt + div(u phi w) = 0, w = c / phi, by Heun's method.

    beyond: what flows in of phi, within: of w, which is left changed. work [4, cells] and flux are scratch.
    """
    c1, phi1, w, second = work[0], work[1], work[2], work[3]
    for _ in range(steps):
        _faces(phi, velocity, beyond, sides, shape, faces, wrap, flux)
        _within(c, phi, w)
        _stage(r, w, c, c, c1, flux, within, sides, shape, faces, wrap, dt, 0.0)
        _stage(r, phi, phi, phi, phi1, velocity, beyond, sides, shape, faces, wrap, dt, 0.0)
        within *= growth
        _faces(phi1, velocity, beyond, sides, shape, faces, wrap, flux)
        _within(c1, phi1, w)
        _stage(r, w, c1, c, second, flux, within, sides, shape, faces, wrap, dt, 0.5)
        c[:] = second
        _stage(r, phi1, phi1, phi, second, velocity, beyond, sides, shape, faces, wrap, dt, 0.5)
        phi[:] = second


advect = both(
    _advect,
    "f8[::1], f8[::1], f8[::1], {arrays}, f8[::1], f8[::1], i8[::1], {integers}, {integers}, {integers}, f8, i8",
)
advect_confined = both(
    _advect_confined,
    "f8[::1], f8[::1], f8[:,::1], {arrays}, {arrays}, f8[::1], f8[::1], f8[::1], i8[::1], {integers}, {integers}, "
    "{integers}, f8, i8",
)
