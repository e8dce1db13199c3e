"""
Flexible GCR: steps that a preconditioner proposes, each made to take from the residual all that it can.

What a step adds to the residual, its image, is kept orthogonal to the images of the steps before it, and the best
multiple of it is taken. Source: Eisenstat, Elman and Schultz 1983, doi:10.1137/0720023.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tissue import _kernels_vectors as kernels

Vector = NDArray[Any]
# The memory that directions may take, but for the fewest.
FEWEST, MOST_BYTES = 20, 2**30
# After so many steps the rate of the last ones says whether the rest is worth trying.
TRIAL = 10


def _chunks(n: int) -> int:
    return -(-n // kernels.CHUNK)


def squared(vector: Vector, weight: Vector) -> float:
    """The weighted square of an array of any shape, the same for any number of threads."""
    flat = vector.reshape(-1)
    partial = np.empty((_chunks(flat.size), 1))
    kernels.inner_products[flat.itemsize](flat[None, :], flat, weight, partial)
    return float(partial.sum(axis=0)[0])


def room(size: int, kind: type[np.floating[Any]], *, most: int) -> tuple[Vector, Vector]:
    """Arrays for so many steps and images; memory is taken only for those that are used."""
    places = min(most, max(FEWEST, MOST_BYTES // (2 * np.dtype(kind).itemsize * size)))
    return np.zeros((places, size), kind), np.zeros((places, size), kind)


class Directions:
    """Steps and what they add to the residual, the latter orthogonal; the oldest give way when no place is left."""

    def __init__(self, weight: Vector, steps: Vector, images: Vector) -> None:
        self.weight, self.steps, self.images = weight, steps, images
        self.lengths, self.used = np.zeros(len(steps)), 0

    @property
    def step(self) -> Vector:
        """Where the next step is to be written."""
        return np.asarray(self.steps[self.used % len(self.steps)])

    @property
    def image(self) -> Vector:
        """Where its image is to be written."""
        return np.asarray(self.images[self.used % len(self.images)])

    def reuse(self, x: Vector, r: Vector) -> float:
        """Take from a new residual r all that the kept steps can take, and add to x; the new square of r."""
        size, kept = self.weight.itemsize, min(self.used, len(self.steps))
        images, steps, chunks = self.images[:kept], self.steps[:kept], _chunks(self.weight.size)
        partial = np.empty((chunks, kept))
        kernels.inner_products[size](images, r, self.weight, partial)
        factors = (-partial.sum(axis=0) / self.lengths[:kept]).astype(self.weight.dtype)
        partial = np.empty((chunks, 2))
        kernels.orthogonalise[size](factors, images, steps, r, x, r, self.weight, partial)
        return float(partial[:, 0].sum())

    def descend(self, x: Vector, r: Vector) -> float | None:
        """Take from r all that the step and its image can take, and add to x; the new square of r, None without one."""
        size, kept = self.weight.itemsize, min(self.used, len(self.steps))
        slot, chunks = self.used % len(self.steps), _chunks(self.weight.size)
        images, steps = self.images[:kept], self.steps[:kept]
        partial = np.empty((chunks, kept))
        kernels.inner_products[size](images, self.image, self.weight, partial)
        # the place of this step among the old ones, once they are all taken, counts nothing
        lengths = np.where(np.arange(kept) == slot, np.inf, self.lengths[:kept])
        factors = (-partial.sum(axis=0) / lengths).astype(self.weight.dtype)
        partial = np.empty((chunks, 2))
        kernels.orthogonalise[size](factors, images, steps, self.image, self.step, r, self.weight, partial)
        length, along = (float(v) for v in partial.sum(axis=0))
        if not length > 0.0:
            return None
        self.lengths[slot] = length
        factor = self.weight.dtype.type(-along / length)
        kernels.descend[size](factor, self.image, self.step, r, x, self.weight, partial)
        self.used += 1
        return float(partial[:, 0].sum())


def remaining(errors: list[float], tolerance: float) -> float:
    """Steps to come at the rate of the last ones; none while there are too few to tell."""
    if len(errors) <= TRIAL:
        return 0.0
    rate = np.log(errors[-1] / errors[-1 - TRIAL // 2]) / (TRIAL // 2)
    return float(np.log(tolerance / errors[-1]) / rate) if rate < 0.0 else np.inf
