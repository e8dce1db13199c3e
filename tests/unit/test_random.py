"""Random streams: published vectors, plain-Python twins, and a look at uniformity and independence."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from twins import Stream
from twins import philox4x32 as plain_philox

from biomulti._rng import exponentials, next_word, philox4x32, streams

# counter, key and answer of Random123's kat_vectors for philox4x32-10
KNOWN = [
    ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]
# first numbers of xoshiro256++ from the state 1, 2, 3, 4 (the reference C code; also in the rand_xoshiro crate)
XOSHIRO = [
    41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205, 9973669472204895162,
    14011001112246962877, 12406186145184390807, 15849039046786891736, 10450023813501588000,
]  # fmt: skip


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_philox_known_answers(counter, key, answer):
    expected = tuple(int(word, 16) for word in answer.split())
    assert tuple(int(w) for w in philox4x32(*map(np.uint32, [*counter, *key]))) == expected
    assert plain_philox(counter, key) == expected


def test_xoshiro_known_answers():
    state = np.array([[1, 2, 3, 4]], dtype=np.uint64)
    assert [int(next_word(state, 0)) for _ in XOSHIRO] == XOSHIRO
    twin = Stream([1, 2, 3, 4])
    assert [twin.word() for _ in XOSHIRO] == XOSHIRO


@pytest.mark.parametrize("seed", [0, 7, 2**32 + 5, 2**64 - 1])
def test_streams_match_the_twin(seed):
    rows = [0, 1, 12345, 2**32 + 1]
    made = streams(seed, np.array(rows, dtype=np.uint64))
    for state, row in zip(made, rows, strict=True):
        assert [int(w) for w in state] == Stream.of(seed, row).s
    first = exponentials(made)
    assert first.tolist() == [Stream.of(seed, row).exponential() for row in rows]


def test_a_stream_does_not_depend_on_how_many_there_are():
    few, many = streams(3, np.arange(5, dtype=np.uint64)), streams(3, np.arange(5000, dtype=np.uint64))
    assert np.array_equal(few, many[:5])
    assert len(np.unique(many[:, 0])) == 5000


def test_rows_are_exponential_and_independent():
    """400 rows of 250 numbers. Each of three tests has a false-alarm rate of 1e-6; the seed is fixed."""
    state = streams(11, np.arange(400, dtype=np.uint64))
    x = np.array([exponentials(state) for _ in range(250)]).T
    assert stats.kstest(x.ravel(), "expon").pvalue > 1e-6
    u = 1.0 - np.exp(-x)
    # neighbouring rows, and neighbouring numbers of a row: correlations have sd 1/sqrt(n)
    for a, b in ((u[:-1], u[1:]), (u[:, :-1], u[:, 1:])):
        r = np.corrcoef(a.ravel(), b.ravel())[0, 1]
        assert abs(r) * np.sqrt(a.size) < 4.9
