"""Random numbers: each row of a population owns one stream, whatever thread works on it.

A stream is xoshiro256++ (Blackman and Vigna 2021, doi:10.1145/3460772), its four words of state in the row.
It is seeded by the counter-based Philox4x32-10 (Salmon et al. 2011, doi:10.1145/2063384.2063405) with the
run's seed as the key and the row's number as the counter, so that no stream depends on how many others there
are.
"""

from __future__ import annotations

import numpy as np
from numba import float64, uint32, uint64, void
from numpy.typing import NDArray

from tissue._jit import device, kernel

ROUNDS = 10


@device
def philox4x32(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """Ten rounds of Philox on the counter (c0, c1, c2, c3) with the key (k0, k1), all 32 bits wide."""
    low = uint64(0xFFFFFFFF)
    for _ in range(ROUNDS):
        a = uint64(0xD2511F53) * uint64(c0)
        b = uint64(0xCD9E8D57) * uint64(c2)
        n0 = (b >> uint64(32)) ^ uint64(c1) ^ uint64(k0)
        n2 = (a >> uint64(32)) ^ uint64(c3) ^ uint64(k1)
        c0, c1, c2, c3 = uint32(n0 & low), uint32(b & low), uint32(n2 & low), uint32(a & low)
        k0 = uint32((uint64(k0) + uint64(0x9E3779B9)) & low)
        k1 = uint32((uint64(k1) + uint64(0xBB67AE85)) & low)
    return c0, c1, c2, c3


@kernel(void(uint64, uint64[::1], uint64[:, ::1]))
def _seed(seed, ids, out):  # type: ignore[no-untyped-def]
    low = uint64(0xFFFFFFFF)
    k0, k1 = uint32(seed & low), uint32(seed >> uint64(32))
    for i in range(ids.shape[0]):
        for block in range(2):
            c = philox4x32(uint32(ids[i] & low), uint32(ids[i] >> uint64(32)), uint32(block), uint32(0), k0, k1)
            out[i, 2 * block] = uint64(c[0]) | (uint64(c[1]) << uint64(32))
            out[i, 2 * block + 1] = uint64(c[2]) | (uint64(c[3]) << uint64(32))


def streams(seed: int, ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Fresh streams of the rows numbered `ids` [n], for a run's `seed` (0 to 2^64 - 1): states [n, 4]."""
    out = np.empty((len(ids), 4), dtype=np.uint64)
    _seed(np.uint64(seed), np.ascontiguousarray(ids, dtype=np.uint64), out)
    return out


@device
def following(s0, s1, s2, s3):  # type: ignore[no-untyped-def]
    """The next 64 random bits of the state (s0, s1, s2, s3), and the state after them."""
    total = s0 + s3
    result = ((total << uint64(23)) | (total >> uint64(41))) + s0
    shifted = s1 << uint64(17)
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << uint64(45)) | (s3 >> uint64(19))
    return result, s0, s1, s2, s3


@device
def next_word(state, i):  # type: ignore[no-untyped-def]
    """The next 64 random bits of row i."""
    result, s0, s1, s2, s3 = following(state[i, 0], state[i, 1], state[i, 2], state[i, 3])
    state[i, 0], state[i, 1], state[i, 2], state[i, 3] = s0, s1, s2, s3
    return result


@device
def to_uniform(word):  # type: ignore[no-untyped-def]
    """64 random bits as a number on [0, 1) with 53 of them."""
    return float(word >> uint64(11)) * 1.1102230246251565e-16


@device
def uniform(state, i):  # type: ignore[no-untyped-def]
    """A number of row i's stream, uniform on [0, 1) with 53 random bits."""
    return to_uniform(next_word(state, i))


@device
def minus_log(x):  # type: ignore[no-untyped-def]
    """-ln x for normal x > 0, to one unit in the last place.

    x = 2^k (1 + f), s = f / (2 + f), ln(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)), with a polynomial R.
    The algorithm and numbers of FreeBSD's e_log.c (K. C. Ng, Sun Microsystems 1993). A call of the C library's would
    cost a kernel its registers, and other libraries would give other last bits.
    """
    bits = np.float64(x).view(np.int64)
    k = (bits - 0x3FE6A09E00000000) >> 52
    f = np.int64(bits - (k << 52)).view(np.float64) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    odd = w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01))
    half = 0.5 * f * f
    rest = s * (half + (even + z * (6.666666666666735130e-01 + odd)))
    e = float(k)
    return ((half - (rest + e * 1.90821492927058770002e-10)) - f) - e * 6.93147180369123816490e-01


@device
def exponential(state, i):  # type: ignore[no-untyped-def]
    """A number of row i's stream from the exponential distribution of mean 1."""
    return minus_log(1.0 - uniform(state, i))


@kernel(void(uint64[:, ::1], float64[::1]))
def _exponentials(state, out):  # type: ignore[no-untyped-def]
    for i in range(out.shape[0]):
        out[i] = exponential(state, i)


def exponentials(state: NDArray[np.uint64]) -> NDArray[np.float64]:
    """The next exponential number of every stream [n], each of which moves on."""
    out = np.empty(len(state))
    _exponentials(state, out)
    return out
