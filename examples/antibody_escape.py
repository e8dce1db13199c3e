"""From mutations of the SARS-CoV-2 receptor-binding domain to binding energies of antibodies, and to drops of titre.

Deep mutational scanning gives, for each antibody a and site s, how much mutations there escape it; e_as is that over
the antibody's largest. The escape calculator (Greaney, Starr and Bloom 2022, doi:10.1093/ve/veac021) says what is left
of antibody a's binding, and of all binding:

    r_a = prod_s (1 - e_as)^2,    retained = sum_a w_a r_a / sum_a w_a,    w_a = -ln(IC50_a / 10 ug/ml).

For a class of antibodies that bind as A / K, the same share of sum A / K is left if its K rises by

    ddG = -RT ln(retained in the class),    K = K0 exp(ddG / RT),    RT = .6163 kcal/mol at 37 C,

and no r_a is taken below IC50_a / 10 ug/ml: assays do not see weaker binding. e_as is of the site: E484K and E484A
are the same here. Classes are the epitope groups A to F of
Cao and others 2022 (doi:10.1038/s41586-021-04385-3), whose scans of 247 antibodies and IC50s against D614G, Beta and
Omicron BA.1 are used; the 35 from people who had SARS in 2003 are left out. Titres of a serum follow from

    neutralised = 1 - prod_a 1 / (1 + c_a / IC50_a),   all antibodies at the same c_a.

`python examples/antibody_escape.py [folder of measurements]`
"""

from __future__ import annotations

import ast
import csv
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomulti.demos.scripts import example, measurements

Floats = NDArray[np.float64]

titres = example("titre_immunity")
RT, LIMIT, STRENGTH = titres.RT, 10.0, 2.0  # kcal/mol; ug/ml, beyond which nothing neutralises; exponent of 1 - e
CLASSES = ("A", "B", "C", "D", "E", "F")
TABLE = Path(__file__).with_name("antibody_escape.csv")
# the domain of Wuhan-Hu-1, sites 331 to 531
DOMAIN = (
    "NITNLCPFGEVFNATRFASVYAWNRKRISNCVADYSVLYNSASFSTFKCYGVSPTKLNDLCFTNVYADSFVIRGDEVRQIAPGQTGKIADYNYKLPDDFTG"
    "CVIAWNSNNLDSKVGGNYNYLYRLFRKSNLKPFERDISTEIYQAGSTPCNGVEGFNCYFPLQSYGFQPTNGVGYQPYRVVVLSFELLHAPATVCGPKKST"
)
SOURCE = "repositories jbloomlab/SARS2_RBD_Ab_escape_maps and SARS-CoV-2-RBD_DMS: give the folder with their tables"
# changes of the receptor-binding domain that define variants
NAMED = {
    "ALPHA": "N501Y",
    "DELTA": "L452R T478K",
    "BETA": "K417N E484K N501Y",
    "BA.1": "G339D S371L S373P S375F K417N N440K G446S S477N T478K E484A Q493R G496S Q498R N501Y Y505H",
    "BA.2": "G339D S371F S373P S375F T376A D405N R408S K417N N440K S477N T478K E484A Q493R Q498R N501Y Y505H",
}
NAMED["BA.4/5"] = NAMED["BA.2"].replace("Q493R ", "L452R F486V ")
NAMED["BA.2.75"] = NAMED["BA.2"].replace("G339D", "G339H").replace("Q493R ", "G446S N460K ")
RECOMBINED = NAMED["BA.2.75"] + " R346T L368I V445P F490S"
NAMED |= {
    "BA.2.75.2": NAMED["BA.2.75"] + " R346T F486S",
    "BA.4.6": NAMED["BA.4/5"] + " R346T",
    "BA.5.9": NAMED["BA.4/5"] + " R346I",
    "BF.7": NAMED["BA.4/5"] + " R346T",
    "BQ.1": NAMED["BA.4/5"] + " K444T N460K",
    "BQ.1.1": NAMED["BA.4/5"] + " K444T N460K R346T",
    "BJ.1": NAMED["BA.2"].replace("G339D", "G339H") + " R346T L368I V445P G446S V483A F490V",
    "XBB": RECOMBINED + " F486S",
    "XBB.1.5": RECOMBINED + " F486P",
    "BM.1.1": NAMED["BA.2.75"] + " R346T F486S",
    "BN.1": NAMED["BA.2.75"] + " R346T K356T F490S",
    "CH.1": NAMED["BA.2.75"] + " R346T K444T L452R F486S",  # as CH.1.1
}
VARIANTS = {name: changes.split() for name, changes in NAMED.items() if name != "BETA"}
MEASURED = {"Beta": NAMED["BETA"].split(), "Omicron": VARIANTS["BA.1"]}
CALCULATOR = {(484,): 0.798, (417, 484): 0.737, (417, 484, 501): 0.728, (501,): 0.979, (452,): 0.863}  # published data
# change of log10 Ka for ACE2, in the wild type and in alpha (N501Y): Starr and others 2022, doi:10.1126/science.abo7896
ACE2 = {"N501Y": 1.042, "E484K": 0.241, "K417N": -0.686, "Q498R": -0.268, "L452R": 0.167, "T478K": 0.051}
ACE2_WITH_N501Y = {"Q498R": 1.405, "E484K": 0.118, "K417N": -0.605, "L452R": -0.157, "T478K": -0.041}


@dataclass(frozen=True)
class Antibodies:
    """Antibodies: name, group [n]; ic50 [n] of D614G, Beta, Omicron, ug/ml, inf where lost; escape [n, sites]."""

    name: NDArray[np.str_]
    group: NDArray[np.str_]
    ic50: Mapping[str, Floats]
    sites: tuple[int, ...]
    escape: Floats

    @property
    def weight(self) -> Floats:
        return -np.log(self.ic50["D614G"] / LIMIT)


def _ic50(text: str) -> float:
    return np.inf if text.startswith(">") else float(text)


@cache
def antibodies(path: Path = TABLE) -> Antibodies:
    """The antibodies of the table beside this script."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    found = [{int(s): float(e) for s, e in (pair.split(":") for pair in r["escape"].split())} for r in rows]
    sites = tuple(sorted({s for f in found for s in f}))
    return Antibodies(
        np.array([r["name"] for r in rows]),
        np.array([r["group"] for r in rows]),
        {v: np.array([_ic50(r[v]) for r in rows]) for v in ("D614G", "Beta", "Omicron")},
        sites,
        np.array([[f.get(s, 0.0) for s in sites] for f in found]),
    )


def from_folder(folder: Path) -> list[dict[str, str]]:
    """The rows of the table, from the published ones; escape below .005 of the largest is left out."""
    total: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    with (folder / "escape_2022_Cao_Omicron_All_NAbs_Mutation.csv").open(encoding="utf-8", newline="") as lines:
        for r in csv.DictReader(lines):
            total[r["condition"]][int(r["site"])] += float(r["escape"])
    rows = []
    with (folder / "cao2022_omicron_antibodies.csv").open(encoding="utf-8-sig", newline="") as lines:
        for r in csv.DictReader(lines):
            if r["source"] != "SARS convalescent":
                most = max(total[r["name"]].values())
                share = {s: e / most for s, e in sorted(total[r["name"]].items())}
                text = " ".join(f"{s}:{e:.3g}" for s, e in share.items() if e >= 0.005)
                ic50 = {v: r[f"{v}_IC50"] for v in ("D614G", "Beta", "Omicron")}
                rows.append({"name": r["name"], "group": r["epitope group"], **ic50, "escape": text})
    return rows


def sites(mutations: Iterable[str]) -> list[int]:
    """Sites of mutations such as E484K.

    Raises ValueError for what is no change of the domain of Wuhan-Hu-1 (331 to 531), and for two changes of a site.
    """
    if isinstance(mutations, str):
        raise ValueError(f"{mutations!r} is a text: give a list of changes, as ['K417N', 'E484K'].")
    found = []
    for mutation in mutations:
        match = re.fullmatch(r"([A-Z])(\d+)([ACDEFGHIKLMNPQRSTVWY])", mutation)
        if match is None or not 331 <= (site := int(match[2])) <= 531:
            raise ValueError(f"{mutation!r}: give a change of the receptor-binding domain, 331 to 531, as E484K.")
        if (here := DOMAIN[site - 331]) != match[1] or here == match[3]:
            raise ValueError(f"{mutation!r} is no change of Wuhan-Hu-1, which has {here} at {site}.")
        if site in found:
            raise ValueError(f"{mutation!r}: site {site} has another change already.")
        found.append(site)
    return sorted(found)


def retained(mutations: Iterable[str], *, panel: Antibodies | None = None) -> Floats:
    """What is left of the binding of each antibody, r_a [n], not less than assays can see."""
    panel = antibodies() if panel is None else panel
    hit = np.isin(panel.sites, sites(mutations))
    return np.asarray(np.maximum(np.prod(1.0 - panel.escape[:, hit], axis=1) ** STRENGTH, panel.ic50["D614G"] / LIMIT))


def weights(*, panel: Antibodies | None = None) -> dict[str, float]:
    """Share of each class in the binding of the unmutated domain, sum_a w_a."""
    panel = antibodies() if panel is None else panel
    return {c: float(panel.weight[panel.group == c].sum() / panel.weight.sum()) for c in CLASSES}


def _of_classes(left: Floats, panel: Antibodies) -> dict[str, float]:
    of = {c: panel.group == c for c in CLASSES}
    share = {c: np.average(left[k], weights=panel.weight[k]) for c, k in of.items()}
    return {c: float(RT * np.log(1.0 / min(x, 1.0))) for c, x in share.items()}


def ddg(mutations: Iterable[str], *, panel: Antibodies | None = None) -> dict[str, float]:
    """Change of binding energy of each class of antibodies, kcal/mol, from the scans."""
    panel = antibodies() if panel is None else panel
    return _of_classes(retained(mutations, panel=panel), panel)


def measured_ddg(variant: str, *, panel: Antibodies | None = None) -> dict[str, float]:
    """The same from the IC50s of "Beta" or "Omicron"; those that are lost are taken at 10 ug/ml.

    Raises ValueError for another variant.
    """
    if variant not in MEASURED:
        raise ValueError(f"no IC50s against {variant!r}: choose one of {', '.join(MEASURED)}.")
    panel = antibodies() if panel is None else panel
    left = panel.ic50["D614G"] / np.minimum(panel.ic50[variant], LIMIT)
    return _of_classes(np.minimum(left, 1.0), panel)


def ddg_samples(mutations: Iterable[str], *, samples: int = 500, seed: int = 1) -> dict[str, Floats]:
    """`ddg` with the antibodies of each class drawn anew, [samples]: what the choice of antibodies leaves unknown."""
    panel, rng = antibodies(), np.random.default_rng(seed)
    left, found = retained(mutations), {}
    for c in CLASSES:
        k = np.flatnonzero(panel.group == c)
        drawn = rng.choice(k, (samples, len(k)))
        found[c] = -RT * np.log((panel.weight[drawn] * left[drawn]).sum(1) / panel.weight[drawn].sum(1))
    return found


def error_of_ddg(variant: str) -> float:
    """Root mean square over classes of ddg less measured_ddg, kcal/mol: what the scans get wrong."""
    seen, scanned = measured_ddg(variant), ddg(MEASURED[variant])
    return float(np.sqrt(np.mean([(scanned[c] - seen[c]) ** 2 for c in CLASSES])))


def half_titre(ic50: Floats) -> float:
    """Log of the concentration, ug/ml in all, of a mixture in equal parts that neutralises one half, or inf."""
    from scipy.optimize import brentq

    if np.isinf(ic50).all():
        return np.inf
    return float(brentq(lambda x: np.log1p(np.exp(x) / len(ic50) / ic50).sum() - np.log(2.0), -40.0, 40.0))


def serum_drop(old: Floats, new: Floats, *, samples: int = 300, seed: int = 1) -> Floats:
    """Fold drop of a mixture's titre, and its 5 % and 95 % with antibodies drawn anew; ic50 [n], inf where lost."""
    rng, n = np.random.default_rng(seed), len(old)
    drawn = [np.arange(n), *rng.integers(0, n, (samples, n))]
    drop = np.exp([half_titre(new[k]) - half_titre(old[k]) for k in drawn])
    return np.asarray(np.r_[drop[0], np.quantile(drop[1:], [0.05, 0.95], method="nearest")])


def scanned_drop(mutations: Iterable[str], *, panel: Antibodies | None = None) -> float:
    """Fold drop of titre of a serum of which `retained` binding is left, 1 / retained."""
    panel = antibodies() if panel is None else panel
    return float(1.0 / np.average(retained(mutations, panel=panel), weights=panel.weight))


@dataclass(frozen=True)
class Calculator:
    """The antibodies of the calculator: escape over the largest [n, sites]; who elicited them; w against each virus."""

    sites: tuple[int, ...]
    escape: Floats
    elicited_by: tuple[tuple[str, ...], ...]
    weight: tuple[Mapping[str, float], ...]

    def retained(self, at: Iterable[int], *, virus: str = "any", wild_type_only: bool = False) -> float:
        """Share of the binding that is left, of antibodies that neutralise `virus`.

        They were raised by SARS-CoV-2 of any kind, or by that before Omicron alone.
        """
        w = np.array([v.get(virus, 0.0) for v in self.weight])
        kind = ("SARS-CoV-2", "pre-Omicron SARS-CoV-2")
        w *= [e == kind if wild_type_only else "SARS-CoV-2" in e for e in self.elicited_by]
        left = np.prod(1.0 - self.escape[:, np.isin(self.sites, list(at))], axis=1) ** STRENGTH
        return float(np.average(left, weights=w))


def calculator(folder: Path) -> Calculator:
    """The calculator's own data of 2022, 2,110 antibodies."""
    stem = folder / "escapecalc2022_eliciting_virus_known_to_neutralize_neg_log_IC50_encoding.csv"
    with stem.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    with (folder / "escapecalc2022_encoding_site_escape.csv").open(encoding="utf-8", newline="") as lines:
        found = [(int(r["encoding"]), int(r["site"]), float(r["escape"])) for r in csv.DictReader(lines)]
    places = tuple(sorted({s for _, s, _ in found}))
    column = {s: k for k, s in enumerate(places)}
    escape = np.zeros((len(rows), len(places)))
    for row, site, value in found:
        escape[row, column[site]] = value
    escape /= escape.max(axis=1, keepdims=True)
    lists = [[ast.literal_eval(r[c]) for c in ("known_to_neutralize", "neg_log_IC50")] for r in rows]
    elicited = tuple(tuple(ast.literal_eval(r["eliciting_virus"])) for r in rows)
    return Calculator(places, escape, elicited, tuple(dict(zip(*pair, strict=True)) for pair in lists))


def later_panels(folder: Path) -> dict[str, Floats]:
    """Drops of titre of mixtures of antibodies raised by the wild type, from their IC50s; columns of `serum_drop`."""
    with (folder / "cao2022_BA245_Neutral_info.csv").open(encoding="utf-8", newline="") as lines:
        rows = [r for r in csv.DictReader(lines) if r["source_group"] == "WT"]
    found = {}
    for variant, column in (("BA.1", "Omicron_IC50"), ("BA.2", "BA2_IC50"), ("BA.4/5", "BA4_IC50")):
        known = [r for r in rows if "NA" not in (r["D614G_IC50"], r[column]) and float(r["D614G_IC50"]) < LIMIT]
        old, new = (np.array([float(r[c]) for r in known]) for c in ("D614G_IC50", column))
        found[variant] = serum_drop(old, np.where(new >= LIMIT, np.inf, new))
    return found


def compare(log_retained: Floats, drop: Floats) -> dict[str, float]:
    """Log drop against -log retained over variants [n]: correlation; power in drop = retained^-power, and leaving out.

    The errors are of ln drop, root mean square: of each variant with the power fitted to the others, of their mean, and
    of power 1, which nothing was fitted for.
    """
    x, y = -log_retained, np.log(drop)
    left = [k != np.arange(len(x)) for k in range(len(x))]
    off = np.array([y[~k][0] - (x[k] @ y[k]) / (x[k] @ x[k]) * x[~k][0] for k in left])
    plain = np.array([y[~k][0] - y[k].mean() for k in left])
    return {
        "r": float(np.corrcoef(x, y)[0, 1]),
        "power": float(x @ y / (x @ x)),
        "error": float(np.sqrt(np.mean(off**2))),
        "error of the mean": float(np.sqrt(np.mean(plain**2))),
        "error of power 1": float(np.sqrt(np.mean((y - x) ** 2))),
    }


@cache
def _boosted() -> dict[str, float]:
    fold = titres.drops()
    log_retained = -np.log([scanned_drop(m) for m in VARIANTS.values()])
    return compare(log_retained, np.array([fold["BOOST", v] for v in VARIANTS]))


def serum_ddg(mutations: Iterable[str]) -> tuple[float, float]:
    """RT times the log drop of a boosted serum's titre, and its standard deviation, kcal/mol.

    From all binding that is left, to the power fitted to 18 variants; the deviation is that of variants left out.
    """
    found = _boosted()
    return float(RT * found["power"] * np.log(scanned_drop(mutations))), float(RT * found["error"])


def run(folder: Path | None = None) -> dict[str, Any]:
    """Everything the table beside the script can give, and with the folder what only that can."""
    from scipy.stats import spearmanr

    panel, fold = antibodies(), titres.drops()
    drop = np.array([fold["BOOST", v] for v in VARIANTS])
    left = {"scans": np.log([1.0 / scanned_drop(m) for m in VARIANTS.values()])}
    left["number of changes"] = -np.array([float(len(sites(m))) for m in VARIANTS.values()])
    result: dict[str, Any] = {"drop": drop, "left": left, "antibodies": {}, "later": {}}
    for variant, mutations in MEASURED.items():
        seen = np.minimum(panel.ic50[variant], LIMIT) / panel.ic50["D614G"]
        lost, scan = np.isinf(panel.ic50[variant]), -np.log(retained(mutations))
        higher = np.mean((scan[lost][:, None] > scan[~lost]) + 0.5 * (scan[lost][:, None] == scan[~lost]))
        result["antibodies"][variant] = {
            "measured": RT * np.log(seen),
            "scanned": RT * scan,
            "rank correlation": float(spearmanr(scan, seen)[0]),
            "lost above kept": float(higher),
            "serum": serum_drop(panel.ic50["D614G"], panel.ic50[variant]),
            "serum from scans": serum_drop(panel.ic50["D614G"], panel.ic50["D614G"] / retained(mutations)),
        }
    if folder is not None:
        result["calculator"] = own = calculator(folder)
        options = {"virus": "D614G", "wild_type_only": True}
        found = [own.retained(sites(m), **options) for m in VARIANTS.values()]  # type: ignore[arg-type]
        left["calculator"] = np.log(found)
        result["later"] = later_panels(folder)
    result["compared"] = {name: compare(x, drop) for name, x in left.items()}
    return result


def summary(result: dict[str, Any]) -> None:
    if "calculator" in result:
        for at, value in CALCULATOR.items():
            print(f"retained with {at}: {result['calculator'].retained(at):.3f}, published {value}")
    print("weights of classes", {c: round(w, 3) for c, w in weights().items()})
    for mutations in (["E484K"], ["K417N"], ["N501Y"], ["L452R"], MEASURED["Beta"]):
        drawn = ddg_samples(mutations)
        shown = "  ".join(f"{c} {v:.2f}+-{drawn[c].std():.2f}" for c, v in ddg(mutations).items())
        whole = "{:.2f}+-{:.2f}".format(*serum_ddg(mutations))
        print(f"ddG {'+'.join(mutations):18s} {shown}, boosted serum {whole} kcal/mol")
    for variant, found in result["antibodies"].items():
        scanned, seen = ddg(MEASURED[variant]), measured_ddg(variant)
        print(f"{variant}: class ddG scanned (measured), rms error {error_of_ddg(variant):.2f} kcal/mol")
        print("   " + "  ".join(f"{c} {scanned[c]:.2f} ({seen[c]:.2f})" for c in CLASSES))
        for c in CLASSES:
            of = antibodies().group == c
            lost = np.mean(np.isinf(antibodies().ic50[variant][of]))
            middle = [np.median(found[name][of]) for name in ("measured", "scanned")]
            print(f"   {c}: median {middle[0]:.2f} kcal/mol measured, lost {lost:.2f}; median {middle[1]:.2f} scanned")
        print(f"   antibodies: rank correlation {found['rank correlation']:.2f},", end=" ")
        print(f"a lost one is scanned above a kept one in {found['lost above kept']:.2f}")
        for name in ("serum", "serum from scans"):
            value, low, high = found[name]
            print(f"   drop of titre, {name}: {value:.1f} [{low:.1f}, {high:.1f}]")
    fold = titres.drops()
    print(f"measured drops of Omicron: two doses {fold['VAC', 'OMICRON']}, boosted {fold['BOOST', 'OMICRON']}")
    for variant, (value, low, high) in result["later"].items():
        print(
            f"   mixture of antibodies raised by the wild type, {variant}: {value:.1f} [{low:.1f}, {high:.1f}];",
            end=" ",
        )
        print(f"measured, boosted {fold['BOOST', variant]}")
    print("ln drop of boosted sera over", len(result["drop"]), "variants against -ln retained:")
    for name, found in result["compared"].items():
        print(f"   {name}: " + ", ".join(f"{k} {v:.3f}" for k, v in found.items()))
    epistasis = ACE2_WITH_N501Y["Q498R"] - ACE2["Q498R"]
    energy = RT * np.log(10.0) * epistasis
    print(f"Q498R for ACE2: {ACE2['Q498R']} alone, {ACE2_WITH_N501Y['Q498R']} on N501Y: {energy:.2f} kcal/mol apart")


def panel(axes: Any, result: dict[str, Any]) -> None:
    """Drops of titre of boosted sera against what the scans leave of their binding."""
    name = "calculator" if "calculator" in result["left"] else "scans"
    x, fit = -result["left"][name], result["compared"][name]
    axes.plot(np.exp(x), result["drop"], "o", color="C0")
    line = np.linspace(0.0, x.max(), 50)
    axes.plot(np.exp(line), np.exp(fit["power"] * line), color="0.4", label=f"retained^-{fit['power']:.1f}, fitted")
    axes.plot(np.exp(line), np.exp(line), "--", color="0.4", label="1 / retained")
    for variant in ("ALPHA", "DELTA", "BA.1", "BA.4/5", "BQ.1.1", "CH.1"):
        k = list(VARIANTS).index(variant)
        label = variant.title() if variant in ("ALPHA", "DELTA") else variant
        options = {"xytext": (-6, 3), "ha": "right"} if result["drop"][k] > 20.0 else {"xytext": (5, -9)}
        axes.annotate(label, (np.exp(x[k]), result["drop"][k]), textcoords="offset points", fontsize=8, **options)
    axes.set(
        xscale="log", yscale="log", xlabel="1 / binding retained, from scans", ylabel="fold drop of titre, boosted"
    )
    axes.set(title=f"18 variants: r = {fit['r']:.2f}")
    axes.legend(frameon=False, fontsize="small", loc="lower right")


def draw(result: dict[str, Any], path: Path) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    figure, (a, b, c) = plt.subplots(1, 3, figsize=(13.0, 4.2), layout="constrained")
    single = ("K417N", "L452R", "E484K", "N501Y")
    table = np.array([list(ddg([m]).values()) for m in single])
    shown = a.imshow(table, cmap="magma_r", aspect="auto")
    a.set(xticks=range(6), xticklabels=CLASSES, yticks=range(4), yticklabels=single, xlabel="class of antibodies")
    a.set_title("ddG, kcal/mol")
    for (i, j), value in np.ndenumerate(table):
        a.text(j, i, f"{value:.2f}", ha="center", va="center", color="white" if value > 0.6 * table.max() else "black")
    figure.colorbar(shown, ax=a)
    for k, variant in enumerate(MEASURED):
        x, y = ddg(MEASURED[variant]), measured_ddg(variant)
        b.plot(list(x.values()), list(y.values()), "o", color=f"C{k}", label=variant)
        for g in (g for g in CLASSES if y[g] > 0.45):
            b.annotate(g, (x[g], y[g]), xytext=(4, 3), textcoords="offset points", fontsize=8)
    most = 1.05 * max(max(measured_ddg(v).values()) for v in MEASURED)
    b.plot([0.0, most], [0.0, most], color="0.6", lw=0.8)
    b.set(xlabel="ddG from scans, kcal/mol", ylabel="ddG from IC50s, kcal/mol", title="Classes: scanned and measured")
    b.legend(frameon=False)
    panel(c, result)
    c.xaxis.set_major_formatter(ScalarFormatter())
    c.xaxis.set_minor_formatter(NullFormatter())
    c.set_xticks([1.0, 2.0, 4.0], ["1", "2", "4"])
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    place = measurements("sars2_escape", "escapecalc2022_encoding_site_escape.csv", *sys.argv[1:2])
    if place is None:
        print(f"The calculator's own data and later antibodies are not at hand, and are left out: {SOURCE}.")
    everything = run(place)
    summary(everything)
    results = Path("results")
    results.mkdir(exist_ok=True)
    draw(everything, results / "antibody_escape.png")
    print("results/antibody_escape.png")
