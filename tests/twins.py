"""Plain-Python twins of the fast algorithms: slow, readable, compared with them bit by bit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

WORD, HALF = 2**64 - 1, 2**32 - 1


def philox4x32(counter: Sequence[int], key: Sequence[int], rounds: int = 10) -> tuple[int, ...]:
    """Philox 4x32 (Salmon et al. 2011, doi:10.1145/2063384.2063405)."""
    c, (k0, k1) = list(counter), key
    for _ in range(rounds):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k0, b & HALF, (a >> 32) ^ c[3] ^ k1, a & HALF]
        k0, k1 = (k0 + 0x9E3779B9) & HALF, (k1 + 0xBB67AE85) & HALF
    return tuple(c)


class Stream:
    """The random stream of one row: xoshiro256++ (Blackman and Vigna 2021, doi:10.1145/3460772)."""

    def __init__(self, state: Sequence[int]) -> None:
        self.s = [int(w) for w in state]

    @classmethod
    def of(cls, seed: int, row: int) -> Stream:
        words: list[int] = []
        for block in range(2):
            c = philox4x32((row & HALF, row >> 32, block, 0), (seed & HALF, seed >> 32))
            words += [c[0] | c[1] << 32, c[2] | c[3] << 32]
        return cls(words)

    def word(self) -> int:
        s = self.s
        total = (s[0] + s[3]) & WORD
        result = (_turn(total, 23) + s[0]) & WORD
        shifted = (s[1] << 17) & WORD
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = _turn(s[3], 45)
        return result

    def uniform(self) -> float:
        return (self.word() >> 11) * 2.0**-53

    def exponential(self) -> float:
        return minus_log(1.0 - self.uniform())


def minus_log(x: float) -> float:
    """-ln x by FreeBSD's e_log.c: with m in [sqrt(1/2), sqrt(2)) and x = m 2^k, f = m - 1 and s = f / (2 + f)."""
    m, k = math.frexp(x)
    if m < float.fromhex("0x1.6a09ep-1"):
        m, k = 2.0 * m, k - 1
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    odd = w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01))
    half = 0.5 * f * f
    rest = s * (half + (even + z * (6.666666666666735130e-01 + odd)))
    return ((half - (rest + k * 1.90821492927058770002e-10)) - f) - k * 6.93147180369123816490e-01


def _turn(x: int, n: int) -> int:
    return (x << n | x >> (64 - n)) & WORD


def direct_method(
    propensities: Sequence[Callable[[list[float]], float]],
    changes: Sequence[Mapping[int, int]],
    start: Sequence[float],
    times: Sequence[float],
    stream: Stream,
) -> list[list[float]]:
    """Gillespie's direct method (1977, doi:10.1021/j100540a008): the state at each of `times`."""
    x, t, out = list(start), 0.0, []
    left = stream.exponential()
    for goal in times:
        while True:
            a = [p(x) for p in propensities]
            total = sum(a)
            if left >= total * (goal - t):
                left -= total * (goal - t)
                break
            t += left / total
            j = _choose(a, stream.uniform() * total)
            for k, n in changes[j].items():
                x[k] += n
            left = stream.exponential()
        t = goal
        out.append(list(x))
    return out


def _choose(a: Sequence[float], target: float) -> int:
    partial, chosen = 0.0, -1
    for j, share in enumerate(a):
        if share > 0.0:
            partial += share
            chosen = j
            if partial > target:
                break
    return chosen


def composition_rejection(
    propensities: Sequence[Callable[[list[float]], float]],
    changes: Sequence[Mapping[int, int]],
    start: Sequence[float],
    times: Sequence[float],
    stream: Stream,
    period: int,
) -> list[list[float]]:
    """Slepoy et al. (2008, doi:10.1063/1.2919546): the state at each of `times`; groups made anew every `period`."""
    x, t, out, firings = list(start), 0.0, [], 0
    left = stream.exponential()
    groups = Groups([p(x) for p in propensities])
    for goal in times:
        while left < groups.total() * (goal - t):
            t += left / groups.total()
            j = groups.choose(stream)
            for k, n in changes[j].items():
                x[k] += n
            left = stream.exponential()
            firings += 1
            new = [p(x) for p in propensities]
            if firings % period == 0 or any(a > 0.0 and _exponent(a) > groups.top for a in new):
                groups = Groups(new)
            else:
                for i, a in enumerate(new):
                    groups.set(i, a)
        left -= groups.total() * (goal - t)
        t = goal
        out.append(list(x))
        groups = Groups([p(x) for p in propensities])
    return out


class Groups:
    """Reactions by the power of 2 above their propensity."""

    COUNT, ABOVE = 32, 6

    def __init__(self, a: Sequence[float]) -> None:
        self.a = [0.0] * len(a)
        self.top = _exponent(max(a)) + self.ABOVE if max(a) > 0.0 else 0
        self.members: list[list[int]] = [[] for _ in range(self.COUNT)]
        self.weight = [0.0] * self.COUNT
        for j, share in enumerate(a):
            self.set(j, share)

    def group(self, a: float) -> int | None:
        return min(max(self.top - _exponent(a), 0), self.COUNT - 1) if a > 0.0 else None

    def set(self, j: int, a: float) -> None:
        old, before, after = self.a[j], self.group(self.a[j]), self.group(a)
        self.a[j] = a
        if before is not None and before == after:
            if a != old:
                self.weight[after] += a - old
            return
        if before is not None:
            found = self.members[before]
            place, last = found.index(j), found.pop()
            if last != j:
                found[place] = last
            self.weight[before] = self.weight[before] - old if found else 0.0
        if after is not None:
            self.members[after].append(j)
            self.weight[after] += a

    def total(self) -> float:
        w, total = self.weight, 0.0
        for g in range(0, self.COUNT, 4):
            total += (w[g] + w[g + 1]) + (w[g + 2] + w[g + 3])
        return total

    def choose(self, stream: Stream) -> int:
        g = _choose(
            [w if m else 0.0 for w, m in zip(self.weight, self.members, strict=True)], stream.uniform() * self.total()
        )
        members = self.members[g]
        if g == self.COUNT - 1:
            return members[_choose([self.a[j] for j in members], stream.uniform() * self.weight[g])]
        while True:
            j = members[int(stream.uniform() * len(members))]
            if stream.uniform() * 2.0 ** (self.top - g) < self.a[j]:
                return j


def _exponent(a: float) -> int:
    return math.frexp(a)[1]
