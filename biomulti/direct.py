"""The direct method for small networks, as a program of its own for each: all of the state in local variables.

Gillespie (1977), J. Phys. Chem. 81, 2340, doi:10.1021/j100540a008: the next firing comes after a time of
density a0 exp(-a0 t), a0 = sum a_j, and is reaction j with probability a_j / a0.

One row until the time `goal`, or through `budget` firings, is one function. Compiled in pieces it takes twice the time:
the compiler then turns the choice of a reaction into arithmetic that waits for every sum, where a processor would guess
and be right half the time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from biomulti import _rng
from biomulti.compile import HEADER, _body, _module
from biomulti.propensities import MassAction, mass_action, never_negative, suffices
from biomulti.system import System

PROGRAM = """from numpy import inf

from biomulti._kernels_direct import ROW_SIGNATURE
from biomulti._rng import following, minus_log, to_uniform
from biomulti.outcome import FINISHED, NEGATIVE_AMOUNT, NEGATIVE_PROPENSITY, NOT_FINITE, UNFINISHED

# {digest}


@cfunc(ROW_SIGNATURE, cache=True, error_model='numpy')
def row(state, p, rng, clock, left, counts, status, goal, budget):
    state, p, rng = carray(state, {states}), carray(p, {parameters}), carray(rng, 4)
    clock, left, counts, status = carray(clock, 1), carray(left, 1), carray(counts, 1), carray(status, 2)
    {coefficients}
    s0, s1, s2, s3 = rng[0], rng[1], rng[2], rng[3]
    t, remaining, spent, short = clock[0], left[0], 0, -1
    status[0] = FINISHED
    {load}
    while True:
        if short >= 0:
            status[0], status[1] = NEGATIVE_AMOUNT, short
            break
        if spent == budget:
            status[0] = UNFINISHED
            break
        {laws}
        if {flawed}:
            {blame}
            break
        if not remaining < {total} * (goal - t):
            # what is used up of the exponential number is taken off at every output, so that one long run and many
            # short ones give the same bits
            remaining -= {total} * (goal - t)
            t = goal
            break
        spent += 1
        t += remaining / {total}
        word, s0, s1, s2, s3 = following(s0, s1, s2, s3)
        target = to_uniform(word) * {total}
        word, s0, s1, s2, s3 = following(s0, s1, s2, s3)
        remaining = minus_log(1.0 - to_uniform(word))
        {fire}
    {store}
    rng[0], rng[1], rng[2], rng[3] = s0, s1, s2, s3
    clock[0], left[0] = t, remaining
    counts[0] += spent
"""


def direct_row(system: System) -> Any:
    """Machine code of one row of `system`, with the signature `_kernels_direct.ROW_SIGNATURE`.

    Laws of mass action need no look at what they give after every firing: that their coefficients are not negative
    is seen before the first, and amounts cannot fall below zero.
    """
    return _module(source(system)).row


def source(system: System) -> str:
    """Text of the module."""
    states, fluxes = range(len(system.states)), range(len(system.fluxes))
    found = [mass_action(f.law) for f in system.fluxes]
    safe = {j: law for j, law in enumerate(found) if law is not None and never_negative(law)}
    lines, texts = _body([f.law for f in system.fluxes])
    laws = [*lines, *(f"a{j} = {text}" for j, text in enumerate(texts))]
    sums = [f"c{j} = c{j - 1} + a{j}" if j else "c0 = a0" for j in fluxes]
    total = f"c{len(fluxes) - 1}" if fluxes else "0.0"
    values = {
        "digest": _digest(),
        "states": f"{max(len(states), 1)}",
        "parameters": f"{max(len(system.parameters), 1)}",
        "total": total,
        "flawed": " or ".join([f"not {total} < inf", *(f"a{j} < 0.0" for j in fluxes if j not in safe)]),
    }
    return HEADER + _filled(
        PROGRAM,
        values,
        {
            "coefficients": _coefficients(safe),
            "load": [f"x{k} = state[{k}]" for k in states],
            "laws": [re.sub(r"\by\[(\d+)\]", r"x\1", line) for line in laws] + sums,
            "blame": [line for j in fluxes for line in _blame(j)],
            "fire": [line for j in fluxes for line in _firing(system, j, found[j])],
            "store": [f"state[{k}] = x{k}" for k in states],
        },
    )


def _coefficients(laws: Mapping[int, MassAction]) -> list[str]:
    """Lines that end the call if a coefficient is negative."""
    lines, texts = _body([law.coefficient for law in laws.values()])
    for j, text in zip(laws, texts, strict=True):
        if laws[j].coefficient.value is None:
            lines += [f"if {text} < 0.0:", f"    status[0], status[1] = NEGATIVE_PROPENSITY, {j}", "    return"]
    return lines


def _blame(j: int) -> list[str]:
    return [
        f"if not abs(a{j}) < inf:",
        f"    status[0], status[1] = NOT_FINITE, {j}",
        f"elif a{j} < 0.0:",
        f"    status[0], status[1] = NEGATIVE_PROPENSITY, {j}",
    ]


def _firing(system: System, j: int, law: MassAction | None) -> list[str]:
    """The branch of one reaction: sums up to it are those of the total, so that one is always found."""
    change, last = system.fluxes[j].change, len(system.fluxes) - 1
    test = "if True" if last == 0 else "else" if j == last else f"{'el' if j else ''}if c{j} > target"
    lines = [f"{test}:", *(f"    x{k} += {float(n)!r}" for k, n in change.items())]
    if law is None or not suffices(law, change):
        for k in (k for k, n in change.items() if n < 0.0):
            lines += [f"    if x{k} < 0.0:", f"        short = {j}"]
    return lines if len(lines) > 1 else [*lines, "    pass"]


def _filled(text: str, values: Mapping[str, str], blocks: Mapping[str, Sequence[str]]) -> str:
    """`text` with {name} replaced: by a value, or, alone in a line, by a block of lines at its indentation."""

    def block(found: re.Match[str]) -> str:
        return "".join(f"{found[1]}{line}\n" for line in blocks[found[2]])

    text = re.sub(rf"^( *)\{{({'|'.join(blocks)})\}}\n", block, text, flags=re.MULTILINE)
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


@cache
def _digest() -> str:
    """Of what is compiled into the module without standing in it."""
    return hashlib.sha256(Path(str(_rng.__file__)).read_bytes()).hexdigest()[:16]
