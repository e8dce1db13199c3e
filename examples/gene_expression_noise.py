"""A gene that opens and closes at random: what exact, hybrid and deterministic simulation make of its noise.

A promoter opens (a) and closes (b) at random and transcribes only while it is open. With time in lifetimes of the
mRNA and l transcripts made in one while open, the number n of mRNAs settles to the law of Peccoud and Ycart (1995),
doi:10.1006/tpbi.1995.1027,

    P(n) = l^n / n!  (a)_n / (a + b)_n  1F1(a + n; a + b + n; -l).

Each mRNA is translated. The protein's noise adds up from three sources (Paulsson 2005,
doi:10.1016/j.plrev.2005.03.003): with d the decay of mRNA, e of protein, r = a + b that of the promoter's memory, and
q = a / r the share of time it is open,

    CV^2 = 1/<P> + 1/<m> e/(d + e) + (1 - q)/q  d/(d + r)  e/(e + r)  (d + e + r)/(d + e).
           protein   mRNA            promoter

The promoter and the few mRNAs fire one by one; the protein is plentiful, and `hybrid` lets it flow. It then misses
the first term, 1/<P>, a seven hundredth part of the noise here. The ODE has the right means and no noise at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import gammaln, hyp1f1, poch

import biomulti as bm

OPEN, CLOSE, TRANSCRIBE, DECAY = 0.1, 0.4, 20.0, 1.0  # per hour
TRANSLATE, PROTEIN_DECAY = 50.0, 0.5  # per hour
T_END = 24.0  # hours, twelve times the longest memory in the model

MODEL = f"""
model noisy_gene()
  unit substance = item; unit extent = item; unit volume = 1e-15 litre; unit time_unit = 3600 second;
  compartment cell = 1;
  substanceOnly species closed in cell, opened in cell, mRNA in cell, Protein in cell;
  closed = 1; opened = 0; mRNA = 4; Protein = 400;  // their means
  opening:       closed => opened;           {OPEN} * closed;
  closing:       opened => closed;           {CLOSE} * opened;
  transcription: => mRNA;                    {TRANSCRIBE} * opened;
  decay:         mRNA => ;                   {DECAY} * mRNA;
  translation:   mRNA => mRNA + Protein;     {TRANSLATE} * mRNA;
  degradation:   Protein => ;                {PROTEIN_DECAY} * Protein;
end
"""


def mrna_law(n: np.ndarray) -> np.ndarray:
    """P(n) of the number of mRNAs, [n]."""
    a, b, rate = OPEN / DECAY, CLOSE / DECAY, TRANSCRIBE / DECAY
    weight = np.exp(n * np.log(rate) - gammaln(n + 1.0)) * poch(a, n) / poch(a + b, n)
    return np.asarray(weight * hyp1f1(a + n, a + b + n, -rate))


def exact_moments() -> dict[str, float]:
    """Means, the Fano factor of mRNA, and CV^2 of protein by its three sources."""
    d, e, r = DECAY, PROTEIN_DECAY, OPEN + CLOSE
    q = OPEN / r
    mrna = q * TRANSCRIBE / d
    protein = mrna * TRANSLATE / e
    from_promoter = (1.0 - q) / q * d / (d + r) * e / (e + r) * (d + e + r) / (d + e)
    return {
        "mean mRNA": mrna,
        "Fano factor of mRNA": 1.0 + mrna * (1.0 - q) / q * d / (d + r),
        "mean protein": protein,
        "CV^2 of protein": 1.0 / protein + e / (d + e) / mrna + from_promoter,
    }


def run(*, replicates: int = 2000, seed: int = 1) -> dict[str, Any]:
    """Each method at the end of its run: samples, moments and what the program let flow."""
    network = bm.load(MODEL)
    found: dict[str, Any] = {"exact": exact_moments()}
    for method in ("ssa", "hybrid", "ode"):
        data = bm.simulate(network, t_end=T_END, every=T_END, replicates=replicates, method=method, seed=seed)
        mrna, protein = (data[name].isel(time=-1).to_numpy() for name in ("mRNA", "Protein"))
        found[method] = {
            "mRNA": mrna,
            "Protein": protein,
            "mean mRNA": float(np.mean(mrna)),
            "Fano factor of mRNA": float(np.var(mrna) / np.mean(mrna)),
            "mean protein": float(np.mean(protein)),
            "CV^2 of protein": float(np.var(protein) / np.mean(protein) ** 2),
            "partition": data.attrs["partition"],
        }
    return found


def draw(found: dict[str, Any], path: Path) -> None:
    """Histograms of mRNA and protein, beside the law and the ODE."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    n = np.arange(36)
    counted = np.bincount(found["ssa"]["mRNA"].astype(int), minlength=36)[:36] / len(found["ssa"]["mRNA"])
    left.bar(n, counted, color="#9ecae1", label="exact simulation")
    left.plot(n, mrna_law(n), "o-", ms=3, lw=1, color="#08306b", label="closed form")
    left.axvline(found["ode"]["mean mRNA"], color="#cb181d", ls="--", label="ODE")
    left.set(yscale="log", ylim=(5e-4, 1.0), xlabel="mRNAs in a cell", ylabel="share of cells")
    bins = np.linspace(0.0, 2400.0, 49)
    for method, colour in (("ssa", "#9ecae1"), ("hybrid", "#e6550d")):
        kind = {"histtype": "stepfilled" if method == "ssa" else "step", "lw": 1.6}
        label = {"ssa": "exact simulation", "hybrid": "hybrid, protein flows"}[method]
        right.hist(found[method]["Protein"], bins, density=True, color=colour, label=label, **kind)
    right.axvline(found["ode"]["mean protein"], color="#cb181d", ls="--", label="ODE")
    right.set(yscale="log", xlabel="proteins in a cell", ylabel="density")
    for axes in (left, right):
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    found = run(replicates=10_000)
    print(found["hybrid"]["partition"], "\n")
    print(f"{'':22}{'closed form':>12}{'ssa':>12}{'hybrid':>12}{'ode':>12}")
    for name, value in found["exact"].items():
        print(
            f"{name:22}{value:12.4g}" + "".join(f"{round(found[m][name], 9):12.4g}" for m in ("ssa", "hybrid", "ode"))
        )
    draw(found, Path("results/gene_expression_noise.png"))
