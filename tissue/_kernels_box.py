"""Points put back into their box."""

from __future__ import annotations

import numba
import numpy as np

from tissue._jit import bare, kernel

PARALLEL_POINTS = 16384  # for fewer, waking the threads costs more than the work
CHUNK = 4096


@bare()
def _wrap(positions, size, periodic, first, last, out):  # type: ignore[no-untyped-def]
    """Points from `first` to `last`; returns the first that has no place in the box, or `last`."""
    lost = last
    for q in range(first, last):
        for axis in range(positions.shape[1]):
            x, length = positions[q, axis], size[axis]
            if periodic[axis]:
                x -= length * np.floor(x / length)
                # a tiny negative coordinate rounds to the far end, which is the near one
                if x >= length:
                    x = 0.0
            else:
                x = min(max(x, 0.0), length)
            # NaN too
            if not (x >= 0.0 and x <= length) and lost == last:
                lost = q
            out[q, axis] = x
    return lost


@bare(parallel=True)
def _wrap_parallel(positions, size, periodic, out):  # type: ignore[no-untyped-def]
    n = positions.shape[0]
    chunks = (n + CHUNK - 1) // CHUNK
    lost = np.empty(chunks, np.int64)
    for chunk in numba.prange(chunks):
        last = min(n, (chunk + 1) * CHUNK)
        found = _wrap(positions, size, periodic, chunk * CHUNK, last, out)
        lost[chunk] = n if found == last else found
    return lost.min()


@kernel("i8(f8[:,::1], f8[::1], b1[::1], f8[:,::1])", error_model="numpy")
def into_box(positions, size, periodic, out):  # type: ignore[no-untyped-def]
    """Points [n, dim] wrapped round periodic axes and put back on walls; the first that has no place, or n."""
    n = positions.shape[0]
    if n >= PARALLEL_POINTS:
        return _wrap_parallel(positions, size, periodic, out)
    return _wrap(positions, size, periodic, 0, n, out)
