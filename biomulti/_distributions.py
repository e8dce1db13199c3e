"""Numbers of the distributions that SBML's package `distrib` has, from a cell's own stream.

`draw_NAME2(rng, a, b)` draws from the whole distribution of parameters a, b; with two more arguments from what of it
lies between them, both included. Parameters out of range give NaN. `rng` [1, 4] is the stream.

Gamma: Marsaglia and Tsang (2000), doi:10.1145/358407.358414; Poisson: Hoermann (1993),
doi:10.1016/0167-6687(93)90997-4.
"""

from __future__ import annotations

import math

from numba import njit

from biomulti._rng import exponential, uniform

TRIES = 1_000_000  # numbers drawn in search of one between the bounds, before it is given up

draw = njit(error_model="numpy")


@draw
def draw_uniform2(rng, low, high):  # type: ignore[no-untyped-def]
    return low + (high - low) * uniform(rng, 0)


@draw
def standard_normal(rng):  # type: ignore[no-untyped-def]
    """By the polar method; the second number of each pair is not kept, so that a draw leaves nothing behind."""
    while True:
        u, v = 2.0 * uniform(rng, 0) - 1.0, 2.0 * uniform(rng, 0) - 1.0
        s = u * u + v * v
        if 0.0 < s < 1.0:
            return u * math.sqrt(-2.0 * math.log(s) / s)


@draw
def draw_normal2(rng, mean, sd):  # type: ignore[no-untyped-def]
    return mean + sd * standard_normal(rng) if sd >= 0.0 else math.nan


@draw
def draw_lognormal2(rng, mean, sd):  # type: ignore[no-untyped-def]
    return math.exp(draw_normal2(rng, mean, sd))


@draw
def draw_exponential1(rng, rate):  # type: ignore[no-untyped-def]
    return exponential(rng, 0) / rate if rate > 0.0 else math.nan


@draw
def draw_gamma2(rng, shape, scale):  # type: ignore[no-untyped-def]
    if not (shape > 0.0 and scale > 0.0):
        return math.nan
    boost = 1.0
    if shape < 1.0:
        boost = (1.0 - uniform(rng, 0)) ** (1.0 / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = standard_normal(rng)
        v = (1.0 + c * x) ** 3
        if v > 0.0 and math.log(1.0 - uniform(rng, 0)) < 0.5 * x * x + d - d * v + d * math.log(v):
            return d * v * boost * scale


@draw
def draw_chisquare1(rng, degrees):  # type: ignore[no-untyped-def]
    return draw_gamma2(rng, 0.5 * degrees, 2.0)


@draw
def draw_cauchy2(rng, location, scale):  # type: ignore[no-untyped-def]
    if not scale > 0.0:
        return math.nan
    return location + scale * math.tan(math.pi * (uniform(rng, 0) - 0.5))


@draw
def draw_laplace2(rng, location, scale):  # type: ignore[no-untyped-def]
    if not scale > 0.0:
        return math.nan
    size = scale * exponential(rng, 0)
    return location + size if uniform(rng, 0) < 0.5 else location - size


@draw
def draw_rayleigh1(rng, scale):  # type: ignore[no-untyped-def]
    return scale * math.sqrt(2.0 * exponential(rng, 0)) if scale > 0.0 else math.nan


@draw
def draw_bernoulli1(rng, probability):  # type: ignore[no-untyped-def]
    if not 0.0 <= probability <= 1.0:
        return math.nan
    return 1.0 if uniform(rng, 0) < probability else 0.0


@draw
def draw_poisson1(rng, mean):  # type: ignore[no-untyped-def]
    if not 0.0 <= mean < 1e15:
        return math.nan
    if mean < 10.0:
        limit, product, count = math.exp(-mean), uniform(rng, 0), 0.0
        while product > limit:
            product *= uniform(rng, 0)
            count += 1.0
        return count
    # transformed rejection
    root, log_mean = math.sqrt(mean), math.log(mean)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    squeeze = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u = uniform(rng, 0) - 0.5
        v = 1.0 - uniform(rng, 0)
        share = 0.5 - abs(u)
        k = math.floor((2.0 * a / share + b) * u + mean + 0.43) if share > 0.0 else -1.0
        if share >= 0.07 and v <= squeeze:
            return float(k)
        if k < 0.0 or (share < 0.013 and v > share):
            continue
        if math.log(v * inverse_alpha / (a / (share * share) + b)) <= k * log_mean - mean - math.lgamma(k + 1.0):
            return float(k)


@draw
def draw_binomial2(rng, trials, probability):  # type: ignore[no-untyped-def]
    """Trials one by one where they are few, else halved by the median of beta variates (Devroye 1986, X.4.3)."""
    if not (0.0 <= probability <= 1.0 and 0.0 <= trials < 1e15 and trials == math.floor(trials)):
        return math.nan
    count = 0.0
    while trials > 32.0:
        middle = math.floor(0.5 * (trials + 1.0))
        x = draw_gamma2(rng, middle, 1.0)
        beta = x / (x + draw_gamma2(rng, trials + 1.0 - middle, 1.0))
        if beta <= probability:
            count += middle
            trials -= middle
            probability = (probability - beta) / (1.0 - beta)
        else:
            trials = middle - 1.0
            probability = probability / beta
    for _ in range(int(trials)):
        if uniform(rng, 0) < probability:
            count += 1.0
    return count


def _between1(whole):  # type: ignore[no-untyped-def]
    @draw
    def between(rng, a, low, high):  # type: ignore[no-untyped-def]
        for _ in range(TRIES):
            x = whole(rng, a)
            if low <= x <= high:
                return x
        return math.nan

    return between


def _between2(whole):  # type: ignore[no-untyped-def]
    @draw
    def between(rng, a, b, low, high):  # type: ignore[no-untyped-def]
        for _ in range(TRIES):
            x = whole(rng, a, b)
            if low <= x <= high:
                return x
        return math.nan

    return between


draw_exponential3 = _between1(draw_exponential1)
draw_chisquare3 = _between1(draw_chisquare1)
draw_rayleigh3 = _between1(draw_rayleigh1)
draw_poisson3 = _between1(draw_poisson1)
draw_normal4 = _between2(draw_normal2)
draw_lognormal4 = _between2(draw_lognormal2)
draw_gamma4 = _between2(draw_gamma2)
draw_cauchy4 = _between2(draw_cauchy2)
draw_laplace4 = _between2(draw_laplace2)
draw_binomial4 = _between2(draw_binomial2)
