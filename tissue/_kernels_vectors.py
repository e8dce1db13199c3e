"""
Kernels on the vectors of the outer iteration, in single and in double precision, and from one to the other.

Sums are taken in chunks of fixed size and then over the chunks in order, so that bits do not depend on threads.
"""

from __future__ import annotations

from typing import Any

import numba

from tissue._jit import Kernel, bare, kernel

CHUNK = 4096
_device = bare(fastmath={"contract", "reassoc"})
_OPTIONS: dict[str, Any] = {"parallel": True, "error_model": "numpy", "fastmath": {"contract", "reassoc"}}


@_device
def _dot(a, b, weight):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(weight.size):
        total += a[i] * b[i] * weight[i]
    return total


@_device
def _add(factor, a, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        out[i] += factor * a[i]


def _inner_products(vectors, vector, weight, partial):  # type: ignore[no-untyped-def]
    """The parts in partial [chunks, k] of the sums of vectors[k] vector weight."""
    for c in numba.prange(partial.shape[0]):
        own = slice(c * CHUNK, min(vector.size, (c + 1) * CHUNK))
        for k in range(vectors.shape[0]):
            partial[c, k] = _dot(vectors[k, own], vector[own], weight[own])


def _orthogonalise(factors, images, steps, image, step, r, weight, partial):  # type: ignore[no-untyped-def]
    """Add factors[k] times images[k] and steps[k]; the parts of the sums of image and of r, times image and weight."""
    for c in numba.prange(partial.shape[0]):
        own = slice(c * CHUNK, min(image.size, (c + 1) * CHUNK))
        for k in range(images.shape[0]):
            _add(factors[k], images[k, own], image[own])
            _add(factors[k], steps[k, own], step[own])
        partial[c, 0] = _dot(image[own], image[own], weight[own])
        partial[c, 1] = _dot(image[own], r[own], weight[own])


def _descend(factor, image, step, r, x, weight, partial):  # type: ignore[no-untyped-def]
    """Add `factor` times image to r and step to x; the parts of the sum of r r weight."""
    for c in numba.prange(partial.shape[0]):
        own = slice(c * CHUNK, min(image.size, (c + 1) * CHUNK))
        _add(factor, image[own], r[own])
        _add(factor, step[own], x[own])
        partial[c, 0] = _dot(r[own], r[own], weight[own])


def _both(function: Any, signature: str) -> dict[int, Kernel]:
    """`function` for numbers of four and of eight bytes, by their size."""
    return {size: kernel(signature.replace("f0", f"f{size}"), **_OPTIONS)(function) for size in (4, 8)}


inner_products = _both(_inner_products, "void(f0[:,::1], f0[::1], f0[::1], f8[:,::1])")
orthogonalise = _both(
    _orthogonalise, "void(f0[::1], f0[:,::1], f0[:,::1], f0[::1], f0[::1], f0[::1], f0[::1], f8[:,::1])"
)
descend = _both(_descend, "void(f0, f0[::1], f0[::1], f0[::1], f0[::1], f0[::1], f8[:,::1])")


@kernel("void(f8[:,:,::1], f8[::1], f4[:,:,::1])", error_model="numpy")
def into_lines(values, factors, out):  # type: ignore[no-untyped-def]
    """Values [components, lines, slots], each component times a factor, into lines that begin a slot earlier."""
    for line in range(values.shape[1]):
        for a in range(values.shape[0]):
            for k in range(values.shape[2]):
                out[a, line, k + 1] = factors[a] * values[a, line, k]


@kernel("void(f4[:,:,::1], f8[::1], f8[:,:,::1])", error_model="numpy")
def add_from_lines(lines, factors, out):  # type: ignore[no-untyped-def]
    """Add to values [components, lines, slots] those in lines that begin a slot earlier, times a factor."""
    for line in range(out.shape[1]):
        for a in range(out.shape[0]):
            for k in range(out.shape[2]):
                out[a, line, k] += factors[a] * lines[a, line, k + 1]
