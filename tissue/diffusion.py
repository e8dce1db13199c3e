"""
Diffusion, decay and source, exactly in time whatever the step: dc/dt = -A c + s, so that

    c(t) = exp(-t A) c + t phi(t A) s,    phi(x) = (1 - exp(-x)) / x,

and the exposure, c over time, is t phi(t A) c + t^2 psi(t A) s with psi(x) = (1 - phi(x)) / x.

Where one diffusion and one decay hold everywhere, A is diagonal in waves. Where a substance is confined to a
fraction of each cell, or decays at a rate that varies, both functions are summed as Chebyshev series, whose number
of terms grows as the root of t |A|. exp and phi keep what is positive positive, and so do these up to rounding.
Source: Tal-Ezer 1989, doi:10.1137/0726001.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import scipy.fft

from tissue import _kernels_diffusion as kernels
from tissue.errors import FieldError
from tissue.grid import Array, Grid

# exp(-x) is nothing from here on, relative to one
NOTHING = 37.0
# Beyond that, neighbours exchange their contents 1e8 times in a step: a mistake in units or in dt.
MOST_TERMS = 200_000

# For each axis whether its low and its high side are held at a value.
Held = tuple[tuple[bool, bool], ...]

# What an axis between sides is transformed by, and its first mode, by which of its sides are held at a value.
WAVES: dict[tuple[bool, bool], tuple[Callable[..., Array], Callable[..., Array], int, float]] = {
    (False, False): (scipy.fft.dct, scipy.fft.idct, 2, 0.0),
    (True, True): (scipy.fft.dst, scipy.fft.idst, 2, 1.0),
    (False, True): (scipy.fft.dct, scipy.fft.idct, 4, 0.5),
    (True, False): (scipy.fft.dst, scipy.fft.idst, 4, 0.5),
}


def _free(grid: Grid) -> Held:
    return ((False, False),) * grid.dim


@lru_cache(maxsize=32)
def _laplacian(grid: Grid, sides: Held) -> Array:
    """Eigenvalues of minus the discrete Laplacian, in the order of `_transform`; no flux through sides not held."""
    wrapped, _ = _axes(grid)
    total = np.zeros((1,) * grid.dim)
    for axis in range(grid.dim):
        n, h = grid.shape[axis], grid.spacing[axis]
        if grid.periodic[axis]:
            angle = 2.0 * np.pi * np.arange(n // 2 + 1 if axis == wrapped[-1] else n) / n
        else:
            angle = np.pi * (np.arange(n) + WAVES[sides[axis]][3]) / n
        values = 2.0 * (1.0 - np.cos(angle)) / h**2
        total = total + values.reshape([-1 if a == axis else 1 for a in range(grid.dim)])
    return total


def _axes(grid: Grid) -> tuple[list[int], list[int]]:
    """Periodic axes, and the others."""
    wrapped = [axis for axis in range(grid.dim) if grid.periodic[axis]]
    return wrapped, [axis for axis in range(grid.dim) if not grid.periodic[axis]]


def _transform(grid: Grid, c: Array, sides: Held) -> Array:
    """Sine or cosine coefficients between sides, Fourier coefficients along periodic axes."""
    wrapped, sided = _axes(grid)
    for axis in sided:
        there, _, kind, _ = WAVES[sides[axis]]
        c = there(c, type=kind, axis=axis, norm="ortho")
    return np.asarray(scipy.fft.rfftn(c, axes=wrapped) if wrapped else c)


def _back(grid: Grid, a: Array, sides: Held) -> Array:
    """The inverse of `_transform`."""
    wrapped, sided = _axes(grid)
    if wrapped:
        a = scipy.fft.irfftn(a, s=[grid.shape[axis] for axis in wrapped], axes=wrapped)
    for axis in sided:
        _, back, kind, _ = WAVES[sides[axis]]
        a = back(a, type=kind, axis=axis, norm="ortho")
    return np.ascontiguousarray(a)


def phi(x: Array) -> Array:
    """(1 - exp(-x)) / x, the mean of exp(-x t) over t from 0 to 1."""
    return np.asarray(np.where(x > 0.0, -np.expm1(-x) / np.where(x > 0.0, x, 1.0), 1.0))


def psi(x: Array) -> Array:
    """(1 - phi(x)) / x, by its series where the difference would be lost in rounding."""
    series = np.zeros_like(x)
    for k in range(10, 1, -1):
        series = 1.0 / math.factorial(k) - x * series
    large = x > 0.1
    return np.asarray(np.where(large, (1.0 - phi(x)) / np.where(large, x, 1.0), series))


def uniform(
    grid: Grid,
    c: Array,
    dt: float,
    *,
    diffusion: float,
    decay: float,
    source: Array | None,
    exposure: Array | None = None,
) -> Array:
    """c after dt, one diffusion and one decay everywhere. c over that time is added to `exposure`."""
    lost = np.asarray(decay * dt)
    after, over = (np.exp(-lost), dt * phi(lost)), (dt * phi(lost), dt**2 * psi(lost))
    if diffusion == 0.0:
        if exposure is not None:
            exposure += _sum(c, source, over)
        return _sum(c, source, after)
    sides = _free(grid)
    rate = (diffusion * _laplacian(grid, sides) + decay) * dt
    waves = _transform(grid, c, sides), None if source is None else _transform(grid, source, sides)
    if exposure is not None:
        transformed = _sum(*waves, (dt * phi(rate), dt**2 * psi(rate)))
        exposure += _positive(_back(grid, transformed, sides), _total(c, source, over))
    return _positive(_back(grid, _sum(*waves, (np.exp(-rate), dt * phi(rate))), sides), _total(c, source, after))


def held(grid: Grid, c: Array, dt: float, *, diffusion: float, values: Mapping[tuple[int, int], float]) -> Array:
    """
    c of any sign after dt, with sides held at `values`, by axis and end (0 low, 1 high); no flux passes the others.

    The value half a cell beyond a side is what makes the mean across it the given one.
    """
    source = np.zeros(grid.shape)
    for (axis, end), value in values.items():
        np.moveaxis(source, axis, 0)[-1 if end else 0] += 2.0 * diffusion * value / grid.spacing[axis] ** 2
    sides = tuple(((axis, 0) in values, (axis, 1) in values) for axis in range(grid.dim))
    rate = diffusion * dt * _laplacian(grid, sides)
    waves = _transform(grid, c, sides), _transform(grid, source, sides) if source.any() else None
    return _back(grid, _sum(*waves, (np.exp(-rate), dt * phi(rate))), sides)


def _sum(c: Array, source: Array | None, factors: tuple[Array, Array]) -> Array:
    return np.asarray(c * factors[0] if source is None else c * factors[0] + source * factors[1])


def _total(c: Array, source: Array | None, factors: tuple[Array, Array]) -> float:
    return float(c.sum() * factors[0] + (0.0 if source is None else source.sum() * factors[1]))


def _positive(c: Array, total: float) -> Array:
    """What rounding put below zero is taken back from the rest."""
    new = np.maximum(c, 0.0)
    found = float(new.sum())
    if found > 0.0:
        new *= total / found
    return np.asarray(new)


@lru_cache(maxsize=8)
def _weights(reach: float) -> tuple[Array, ...]:
    """Weights of the Chebyshev polynomials in exp(-x), phi(x) and psi(x) for x from 0 to reach."""
    terms = int(np.ceil(np.sqrt(NOTHING * reach) + 20.0))
    if not terms <= MOST_TERMS:
        raise FieldError(
            f"diffusion and decay would reduce the steepest wave by exp(-{reach:.3g}) in one step, which takes more "
            f"than {MOST_TERMS} terms; take a smaller dt, a coarser grid, or check the units of diffusion and decay"
        )
    places = 0.5 * reach * (1.0 + np.cos(np.pi * (np.arange(terms) + 0.5) / terms))
    found = []
    for values in (np.exp(-places), phi(places), psi(places)):
        weights = scipy.fft.dct(values) / terms
        weights[0] *= 0.5
        found.append(weights)
    return tuple(found)


def _largest(fraction: Array, share: Array, conductances: list[float]) -> float:
    """A bound on the eigenvalues of confined diffusion: twice its largest diagonal, as if every axis wrapped round."""
    diagonal = np.zeros(fraction.shape)
    for axis, conductance in enumerate(conductances):
        other = np.roll(fraction, 1, axis)
        mean = 2.0 * fraction * other / np.maximum(fraction + other, kernels.LEAST)
        diagonal += conductance * (mean + np.roll(mean, -1, axis)) * share
    return 2.0 * float(diagonal.max())


def confined(
    grid: Grid,
    c: Array,
    dt: float,
    *,
    diffusion: float,
    decay: Array,
    source: Array | None,
    fraction: Array | None,
    exposure: Array | None = None,
) -> Array:
    """
    c after dt where decay differs from cell to cell, and diffusion passes only within a fraction of each.

    c over that time is added to `exposure`.
    """
    conductances = [diffusion / h**2 for h in grid.spacing]
    phi_ = np.ones(grid.shape) if fraction is None else fraction
    share = np.divide(1.0, phi_, out=np.zeros_like(phi_), where=phi_ > 0.0)
    largest = _largest(phi_, share, conductances) + float(decay.max())
    if largest * dt == 0.0:
        one = np.ones(())
        if exposure is not None:
            exposure += _sum(c, source, (dt * one, 0.5 * dt**2 * one))
        return _sum(c, source, (one, dt * one))
    g = tuple(2.0 * part / largest for part in conductances)
    wrap = tuple(int(round_) for round_ in grid.periodic)
    weights = _weights(largest * dt)

    def summed(first: int) -> Array:
        total = np.zeros(grid.shape)
        for k, what in enumerate((c, source)):
            if what is not None:
                flat = (part.ravel() for part in (what.copy(), np.empty_like(what)))
                rest = (part.ravel() for part in (phi_, share, 2.0 * decay / largest))
                own = dt ** (first + k) * weights[first + k]
                kernels.series[grid.dim](g, *flat, total.ravel(), *rest, grid.shape, wrap, own)
        return total

    total = summed(0)
    expected, lost = float(total.sum()), np.asarray(decay.flat[0] * dt)
    same = np.ptp(decay) == 0.0
    if same:
        expected = _total(c, source, (np.exp(-lost), dt * phi(lost)))
    if exposure is not None:
        over = summed(1)
        found = _total(c, source, (dt * phi(lost), dt**2 * psi(lost))) if same else float(over.sum())
        over = _positive(over, found)
        expected = float(c.sum() + (0.0 if source is None else dt * source.sum()) - (decay * over).sum())
        exposure += over
    return _positive(total, max(expected, 0.0))
