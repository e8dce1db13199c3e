"""
Morphogens: carried by the flow, diffusing, decaying, secreted.

    dc/dt + div(u c) = D lap c - k c + s

Strang splitting: half a step of diffusion, decay and source, a step of advection, half a step of the former.
Diffusion, decay and source are linear with constant coefficients, so they are advanced exactly in the
eigenvectors of the discrete Laplacian, whatever the step. Advection is a limited finite-volume scheme of second
order in conservative form, cut into as many steps as positivity needs.
Sources: Strang 1968, doi:10.1137/0705041; van Leer 1979, doi:10.1016/0021-9991(79)90145-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike

from tissue import _kernels_transport as kernels
from tissue.errors import FieldError
from tissue.fields import as_field
from tissue.grid import Array, Grid
from tissue.stokes import Flow, check_finite

# Limited linear reconstruction with Heun's method keeps c >= 0 up to one half.
LARGEST_COURANT = 0.45
# A flow that takes more is a mistake in units or in dt, and would run for hours.
MOST_STEPS = 10_000


@dataclass(frozen=True)
class Morphogen:
    """
    A substance in the tissue: its name, diffusion D >= 0 (length^2 per time) and decay k >= 0 (per time).

    Raises FieldError for a negative, NaN or infinite rate.
    """

    name: str
    diffusion: float = 0.0
    decay: float = 0.0

    def __post_init__(self) -> None:
        for rate in ("diffusion", "decay"):
            object.__setattr__(
                self, rate, float(as_field(f"{rate} of {self.name}", getattr(self, rate), (), lowest=0.0))
            )


@lru_cache(maxsize=32)
def _laplacian(grid: Grid) -> Array:
    """Eigenvalues of minus the discrete Laplacian (no flux through walls), in the order of `_transform`."""
    axes = range(grid.dim)
    wrapped = [axis for axis in axes if grid.periodic[axis]]
    values = []
    for axis in axes:
        n, h = grid.shape[axis], grid.spacing[axis]
        modes = np.arange(n // 2 + 1 if wrapped and axis == wrapped[-1] else n)
        angle = (2.0 if grid.periodic[axis] else 1.0) * np.pi * modes / n
        values.append(2.0 * (1.0 - np.cos(angle)) / h**2)
    return np.asarray(values[0][:, None] + values[1][None, :])


def _transform(grid: Grid, c: Array) -> Array:
    """Cosine coefficients along walls, Fourier coefficients along periodic axes."""
    wrapped = [axis for axis in (0, 1) if grid.periodic[axis]]
    walls = [axis for axis in (0, 1) if not grid.periodic[axis]]
    if walls:
        c = scipy.fft.dctn(c, axes=walls, norm="ortho")
    return np.asarray(scipy.fft.rfftn(c, axes=wrapped) if wrapped else c)


def _back(grid: Grid, a: Array) -> Array:
    """The inverse of `_transform`."""
    wrapped = [axis for axis in (0, 1) if grid.periodic[axis]]
    walls = [axis for axis in (0, 1) if not grid.periodic[axis]]
    if wrapped:
        a = scipy.fft.irfftn(a, s=[grid.shape[axis] for axis in wrapped], axes=wrapped)
    return np.ascontiguousarray(scipy.fft.idctn(a, axes=walls, norm="ortho") if walls else a)


def _react(grid: Grid, c: Array, dt: float, *, diffusion: float, decay: float, source: Array | None) -> Array:
    """c after dt of dc/dt = D lap c - k c + s, exactly."""
    made = dt * float(_mean_decay(np.asarray(decay * dt)))
    if diffusion == 0.0:
        left: Array = c * np.exp(-decay * dt)
        return left if source is None else left + made * source
    rate = (diffusion * _laplacian(grid) + decay) * dt
    transformed = _transform(grid, c) * np.exp(-rate)
    if source is not None:
        transformed += _transform(grid, source) * dt * _mean_decay(rate)
    new: Array = np.maximum(_back(grid, transformed), 0.0)
    # the exact result is positive; what rounding put below zero is taken back from the rest
    total = c.sum() * np.exp(-decay * dt)
    if source is not None:
        total += source.sum() * made
    found = new.sum()
    if found > 0.0:
        new *= total / found
    return new


def _mean_decay(rate: Array) -> Array:
    """(1 - exp(-x)) / x."""
    return np.asarray(np.where(rate > 0.0, -np.expm1(-rate) / np.where(rate > 0.0, rate, 1.0), 1.0))


def _advect(grid: Grid, c: Array, flow: Flow, dt: float) -> Array:
    hx, hy = grid.spacing
    u, v = np.abs(flow.u), np.abs(flow.v)
    with np.errstate(over="ignore"):
        turnover = np.maximum(u, np.roll(u, -1, axis=0)) / hx + np.maximum(v, np.roll(v, -1, axis=1)) / hy
    crossed = dt * float(turnover.max())
    if not crossed <= MOST_STEPS * LARGEST_COURANT:
        raise FieldError(
            f"the flow crosses {crossed:.3g} grid cells in dt = {dt:g}, which would take more than {MOST_STEPS} "
            "steps of advection; take a smaller dt"
        )
    steps = int(np.ceil(crossed / LARGEST_COURANT))
    if steps == 0:
        return c
    out, stage, flux = c.copy(), np.empty_like(c), np.empty((2, *c.shape))
    part = dt / steps
    kernels.advect(out, flow.u, flow.v, flux, stage, part / hx, part / hy, steps, *grid.periodic)
    return out


def transport(
    grid: Grid,
    concentration: ArrayLike,
    flow: Flow | None,
    dt: float,
    *,
    diffusion: float = 0.0,
    decay: float = 0.0,
    source: ArrayLike | None = None,
) -> Array:
    """
    A concentration after dt of dc/dt + div(u c) = D lap c - k c + s; nothing passes through walls.

    concentration: [nx, ny] at centres, not negative. flow: steady over dt, or None for a fluid at rest.
    diffusion: D, length^2 per time. decay: k, per time. source: s [nx, ny], amount per area and time, not negative
    (uptake is decay). The total changes by source and decay alone, to rounding; the result is not negative.

    Raises FieldError for negative, NaN or infinite input, a flow on another grid, or one that would take more than
    10,000 steps of advection within dt, and for a grid of three dimensions or with sides that something passes.
    """
    if grid.dim != 2 or any(grid.open):
        raise FieldError("transport knows rectangles whose axes are periodic or between closed walls; use such a grid")
    c = as_field("concentration", concentration, grid.shape, lowest=0.0)
    dt, diffusion, decay = (
        float(as_field(name, value, (), lowest=0.0))
        for name, value in (("dt", dt), ("diffusion", diffusion), ("decay", decay))
    )
    secreted = None if source is None else as_field("source", source, grid.shape, lowest=0.0)
    if flow is None:
        return _react(grid, c, dt, diffusion=diffusion, decay=decay, source=secreted)
    if flow.grid != grid:
        raise FieldError("the flow lies on another grid than the concentration; use one grid for both")
    check_finite(flow)
    c = _react(grid, c, 0.5 * dt, diffusion=diffusion, decay=decay, source=secreted)
    c = _advect(grid, c, flow, dt)
    return _react(grid, c, 0.5 * dt, diffusion=diffusion, decay=decay, source=secreted)
