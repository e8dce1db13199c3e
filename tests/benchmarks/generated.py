"""Networks made at random from a seed, as Antimony text."""

from __future__ import annotations

import numpy as np

HEAD = """model {name}()
  unit substance = item; unit extent = item; unit volume = litre; unit time_unit = second;
  compartment c = 1;"""


def sparse_mass_action(reactions: int, seed: int) -> str:
    """A mass-action network of `reactions` reactions, each of at most two reactants.

    Of ten reactions four make a species, four destroy one, one turns one into another and one binds two into a third,
    so that every species stays near a hundred molecules.
    """
    rng = np.random.default_rng(seed)
    count = reactions * 4 // 10
    species = [f"S{k}" for k in range(count)]
    lines = [HEAD.format(name="sparse_mass_action")]
    lines += [f"  substanceOnly species {s} in c; {s} = {rng.integers(50, 150)};" for s in species]
    laws: list[tuple[str, str, str, float]] = []
    for s in species:
        turnover = 10.0 ** rng.uniform(-1.0, 1.0)
        laws.append(("", s, "{k}", 100.0 * turnover))
        laws.append((s, "", f"{{k}}*{s}", turnover))
    while len(laws) < reactions:
        a, b, c = rng.choice(species, 3, replace=False)
        if len(laws) % 2:
            laws.append((f"{a} + {b}", c, f"{{k}}*{a}*{b}", 1e-3 * 10.0 ** rng.uniform(-1.0, 1.0)))
        else:
            laws.append((a, b, f"{{k}}*{a}", 0.1 * 10.0 ** rng.uniform(-1.0, 1.0)))
    for j, (left, right, law, k) in enumerate(laws):
        lines.append(f"  k{j} = {k:.6g}; R{j}: {left} => {right}; {law.format(k=f'k{j}')};")
    return "\n".join([*lines, "end"])


def gene_circuit(seed: int, genes: int = 5) -> str:
    """Genes that repress one another in a ring: for each transcription, translation and two decays.

    Constants are drawn from `seed`, so that no other seed gives the same model.
    """
    rng = np.random.default_rng(seed)
    lines = [HEAD.format(name="gene_circuit")]
    for g in range(genes):
        lines.append(f"  substanceOnly species M{g} in c, P{g} in c; M{g} = {rng.integers(0, 20)}; P{g} = 0;")
    for g in range(genes):
        most, half, made, lost, gone = (float(f"{x:.9g}") for x in rng.uniform(0.5, 2.0, 5))
        power = rng.integers(1, 4)
        before = f"P{(g - 1) % genes}"
        lines += [
            f"  a{g} = {20 * most}; h{g} = {50 * half}; b{g} = {5 * made}; d{g} = {lost}; e{g} = {0.2 * gone};",
            f"  transcription{g}: => M{g}; a{g}/(1 + ({before}/h{g})^{power});",
            f"  translation{g}: => P{g}; b{g}*M{g};",
            f"  decay_M{g}: M{g} => ; d{g}*M{g};",
            f"  decay_P{g}: P{g} => ; e{g}*P{g};",
        ]
    return "\n".join([*lines, "end"])
