"""The direct method written out by hand for one model: what a network's own program, compiled once for it, can do.

A source is made in which the state, the propensities and the random stream are local variables, the laws stand in line
with their parameters as numbers, and a firing works out anew only the laws that read what it changed. Random numbers
are drawn as biomulti draws them, from the same streams. Beyond 64 reactions, where such a source takes minutes to
compile, it is a program written for mass action: k times the amounts of at most two reactants, all of it in tables.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

import biomulti as bm
from biomulti._rng import exponential, streams, uniform
from biomulti.counts import molecules_per_unit
from biomulti.expression import Expression
from biomulti.system import System, reads, system_of

LARGEST_IN_LINE = 64  # reactions
DRAW = """\
total_s = s0 + s3
word = ((total_s << uint64(23)) | (total_s >> uint64(41))) + s0
shifted = s1 << uint64(17)
s2 ^= s0
s3 ^= s1
s1 ^= s2
s0 ^= s3
s2 ^= shifted
s3 = (s3 << uint64(45)) | (s3 >> uint64(19))
u = float(word >> uint64(11)) * 1.1102230246251565e-16"""


class Inlined:
    """A network's direct method in line; each call makes `rows` runs to t_end."""

    def __init__(
        self,
        network: bm.Network,
        *,
        t_end: float,
        rows: int,
        initial: Mapping[str, float] | None = None,
        seed: int = 0,
    ) -> None:
        system = system_of(network, molecules_per_unit(network))
        y, p = system.start(initial or {}, {})
        self.start, self.t_end, self.rows, self.seed = y, t_end, rows, seed
        self.species = list(system.states)
        self.run = compiled(system, p)
        self.firings = 0

    def __call__(self) -> NDArray[np.float64]:
        """Amounts at the end of every run, [rows, states]."""
        self.seed += 1
        y = np.tile(self.start, (self.rows, 1))
        rng = streams(self.seed, np.arange(self.rows, dtype=np.uint64))
        self.firings = sum(self.run(y[i], rng[i], self.t_end) for i in range(self.rows))
        return y


def compiled(system: System, p: NDArray[np.float64]) -> Callable[..., int]:
    """run(y [states], rng [4], t_end): one run in place; returns its number of firings."""
    if len(system.fluxes) > LARGEST_IN_LINE:
        return partial(mass_action, tables(system, p))
    scope: dict[str, Any] = {"njit": njit, "uint64": np.uint64, "log": math.log, "inf": math.inf}
    exec(compile(in_line(system, p), "<inlined>", "exec"), scope)
    run: Callable[..., int] = scope["run"]
    return run


def in_line(system: System, p: NDArray[np.float64]) -> str:
    """Everything in local variables."""
    states, fluxes = range(len(system.states)), range(len(system.fluxes))
    laws = [law_text(f.law, p, "x{}") for f in system.fluxes]
    branches = []
    for j in fluxes:
        test = "if target < c0:" if j == 0 else f"elif target < c{j}:" if j < len(laws) - 1 else "else:"
        work = [f"x{k} += {n!r}" for k, n in system.fluxes[j].change.items()]
        branches += [test, *("    " + w for w in [*work, *(f"a{i} = {laws[i]}" for i in woken(system, j))] or ["pass"])]
    sums = ["c0 = a0", *(f"c{j} = c{j - 1} + a{j}" for j in fluxes[1:])]
    return _program(
        before=[*(f"x{k} = y[{k}]" for k in states), *(f"a{j} = {laws[j]}" for j in fluxes)],
        total=[*sums, f"total = c{len(laws) - 1}"],
        firing=branches if len(laws) > 1 else [b.strip() for b in branches[1:]],
        after=[f"y[{k}] = x{k}" for k in states],
    )


def _program(*, before: list[str], total: list[str], firing: list[str], after: list[str]) -> str:
    draw = DRAW.split("\n")
    loop = [
        *total, *draw, "t += -log(1.0 - u) / total if total > 0.0 else inf",
        "if not t < t_end:", "    break", "n += 1", *draw, "target = u * total", *firing,
    ]  # fmt: skip
    body = [
        "s0, s1, s2, s3 = rng[0], rng[1], rng[2], rng[3]",
        *("t = 0.0", "n = 0", *before, "while True:"),
        *("    " + line for line in loop),
        *(*after, "return n"),
    ]
    return "\n".join(["@njit(error_model='numpy')", "def run(y, rng, t_end):", *("    " + b for b in body)])


def woken(system: System, j: int) -> list[int]:
    """Reactions whose law reads what reaction j changes."""
    changed = set(system.fluxes[j].change)
    return [i for i, flux in enumerate(system.fluxes) if changed & reads(flux.law)]


def law_text(law: Expression, p: NDArray[np.float64], state: str) -> str:
    """A law of sums, products, quotients and whole powers as Python, its parameters as numbers."""
    parts = [law_text(c, p, state) for c in law.children]
    if law.op == "num":
        return repr(law.value)
    if law.op == "p":
        return repr(float(p[int(law.args[0])]))
    if law.op == "y":
        return state.format(law.args[0])
    if law.op == "neg":
        return f"(-{parts[0]})"
    if law.op in ("add", "mul", "div"):
        return "(" + {"add": " + ", "mul": " * ", "div": " / "}[law.op].join(parts) + ")"
    if law.op == "pow" and law.children[1].value in (2.0, 3.0, 4.0):
        return "(" + " * ".join([parts[0]] * int(law.children[1].value)) + ")"
    raise ValueError(f"no text for '{law.op}' in a mass-action law")


def tables(system: System, p: NDArray[np.float64]) -> tuple[NDArray[Any], ...]:
    """k [reactions], reactants [reactions, 2] (one past the last state for none), compressed changes and wakings."""
    none = len(system.states)
    k, reactants = np.ones(len(system.fluxes)), np.full((len(system.fluxes), 2), none)
    for j, flux in enumerate(system.fluxes):
        factors = flux.law.children if flux.law.op == "mul" else (flux.law,)
        read = [int(f.args[0]) for f in factors if f.op == "y"]
        reactants[j, : len(read)] = read
        k[j] = math.prod(float(p[int(f.args[0])]) for f in factors if f.op == "p")
        if any(f.op not in ("y", "p") for f in factors):
            raise ValueError(f"'{flux.name}' is not mass action")
    changes, wakings = [f.change for f in system.fluxes], [woken(system, j) for j in range(len(k))]

    def compressed(rows: Sequence[Iterable[float]]) -> tuple[NDArray[Any], NDArray[Any]]:
        return np.cumsum([0, *(len(list(r)) for r in rows)]), np.array([x for r in rows for x in r])

    start, species = compressed(changes)
    return k, reactants, start, species, compressed([c.values() for c in changes])[1], *compressed(wakings)


@njit(error_model="numpy")
def mass_action(network, y, rng, t_end):  # type: ignore[no-untyped-def]
    """As a source in line, from `tables`."""
    k, reactants, start, species, change, first, wakes = network
    x = np.ones(y.shape[0] + 1)
    x[:-1] = y
    a = np.empty(k.shape[0])
    for j in range(k.shape[0]):
        a[j] = k[j] * x[reactants[j, 0]] * x[reactants[j, 1]]
    row = rng.reshape(1, 4)
    t, n = 0.0, 0
    while True:
        total = 0.0
        for j in range(a.shape[0]):
            total += a[j]
        t += exponential(row, 0) / total if total > 0.0 else math.inf
        if not t < t_end:
            break
        n += 1
        target, reached, chosen = uniform(row, 0) * total, 0.0, 0
        for j in range(a.shape[0]):
            reached += a[j]
            if reached > target:
                chosen = j
                break
        for m in range(start[chosen], start[chosen + 1]):
            x[species[m]] += change[m]
        for m in range(first[chosen], first[chosen + 1]):
            j = wakes[m]
            a[j] = k[j] * x[reactants[j, 0]] * x[reactants[j, 1]]
    y[:] = x[:-1]
    return n
