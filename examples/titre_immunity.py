"""From titre to protection of a population, and to what a drop of titre is worth to a variant of SARS-CoV-2.

A person whose serum neutralises a variant at titre T is protected from it with

    C(T) = 1 / (1 + exp(-3 (log10 T - log10 18.8))),   T = T0 exp(-age / 90 d) / fold drop,

T0 = 94 after infection, 223 after two doses, 892 after a booster, and 18.8 a fifth of 94 (Khoury and others 2021,
doi:10.1038/s41591-021-01377-8). Over a population, C_i^k is the mean of this over people immunised in way k, for
variant i, and a variant gains on another by

    s = sum_k gamma_k (C_old^k - C_new^k) per day

through immunity, after Meijers and others 2023 (doi:10.1016/j.cell.2023.09.022), from whom are the numbers above, the
drops of titre beside this script, and the tables against which protection is recomputed here.

`python examples/titre_immunity.py [folder of measurements]`
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomulti.demos.scripts import measurements

Floats = NDArray[np.float64]

STEEPNESS, HALF, WANING = 3.0, 0.2 * 94.0, 90.0  # per decade of titre; titre of 50 % protection; days
TITRE = {"infected": 94.0, "vaccinated": 223.0, "boosted": 892.0}
RT = 0.6163  # kcal/mol at 37 C
# gamma of vaccination and of infection, per day, as Meijers and others fitted them to the shift to delta, to omicron
PUBLISHED = {"delta": (1.22049, 2.44098), "omicron": (0.27859, 0.65718)}
DROPS = Path(__file__).with_name("titre_drops.csv")
SOURCE = "repository m-meijers/Population_Immunity_SARSCOV2: give the folder with Data_delta_shift.txt and the others"
# file of immunity, of slopes; old and new variant; immune classes that count as vaccination, as infection
FILES = {
    "alpha": ("Data_alpha_shift", "s_hat_alpha_wt", "wt", "alpha", ("vac",), ("wt", "alpha")),
    "delta": ("Data_delta_shift", "s_hat_delta_alpha", "alpha", "delta", ("vac",), ("alpha", "delta")),
    "omicron": ("Data_omi_shift", "s_hat_omi_delta", "delta", "omi", ("vac", "bst"), ("alpha", "delta", "omi")),
    "BA.2": ("Data_ba2_shift", "s_hat_ba2_ba1", "ba1", "ba2", ("bst",), ("ba1", "ba2")),
}


def checked(name: str, value: Any, low: float = -np.inf, high: float = np.inf, *, above: bool = False) -> Floats:
    """The value as floats. Raises ValueError unless all are finite, and from low (or, if `above`, above it) to high."""
    found = np.asarray(value)
    if found.dtype.kind not in "biuf" or not found.size or not np.isfinite(found).all():
        raise ValueError(f"{name} = {value!r}: give finite numbers.")
    if (found < low).any() or (found > high).any() or (above and (found == low).any()):
        least, most = "above" if above else "at least", f" and at most {high:g}" if high < np.inf else ""
        raise ValueError(f"{name} = {value!r} must be {least} {low:g}{most}.")
    return found.astype(float)


def protection(titre: Floats | float) -> Floats:
    """Share of people protected at that titre, C(T)."""
    odds = (checked("titre", titre, 0.0) / HALF) ** (STEEPNESS / np.log(10.0))
    return np.asarray(odds / (1.0 + odds))


def titre(kind: str, age: Floats | float, fold: float = 1.0) -> Floats:
    """Mean titre of people immunised `age` days ago, "infected", "vaccinated" or "boosted", against a variant.

    Raises ValueError for another kind, an age below 0 or a fold drop that is not above 0.
    """
    if kind not in TITRE:
        raise ValueError(f"immunity {kind!r}: choose one of {', '.join(TITRE)}.")
    checked("fold", fold, 0.0, above=True)
    return np.asarray(TITRE[kind] * np.exp(-checked("age", age, 0.0) / WANING) / fold)


def ddg_of_drop(fold: Floats | float) -> Floats:
    """Change of binding energy that divides the affinity of all antibodies by `fold`, kcal/mol."""
    return np.asarray(RT * np.log(checked("fold", fold, 0.0, above=True)))


def drops(path: Path = DROPS) -> dict[tuple[str, str], float]:
    """Fold drops of titre, (immune class, variant); a pair that is missing was taken as 1 by Meijers and others."""
    with path.open(encoding="utf-8", newline="") as lines:
        return {(r["immune_class"], r["variant"]): float(r["fold"]) for r in csv.DictReader(lines)}


def population_protection(days: Floats, immunised: Floats, now: float, *, kind: str, fold: float) -> float:
    """Mean protection over a population of whom the share `immunised` [n] had been immunised at `days` [n]."""
    daily = np.arange(days[0], now + 1.0)
    share = np.interp(daily, days, immunised)
    return float(np.sum(np.diff(share) * protection(titre(kind, now - daily[1:], fold))))


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def from_folder(folder: Path) -> list[dict[str, str]]:
    """The rows of the table, from the published ones."""
    rows = []
    for shift, (immunity, slopes, old, new, vaccinated, infected) in FILES.items():
        counts = {(r["country"], r["FLAI_time"]): r for r in _read(folder / f"{slopes}.txt")}
        for r in _read(folder / f"{immunity}.txt"):
            row = {"shift": shift, "country": r["country"], "day": r["time"], "slope": r["s_hat"]}
            row["variance"] = r["s_var"]
            for name, classes in (("vac", vaccinated), ("inf", infected)):
                for age, variant in (("old", old), ("new", new)):
                    row[f"{name}_{age}"] = f"{sum(float(r[f'C_{variant}_{k}']) for k in classes):.6f}"
            n = counts.get((r["country"], r["time"]))
            for t, name in (("t1", "logit_start"), ("t2", "logit_end")):
                odds = n and float(n[f"{new}_count_{t}"]) / float(n[f"{old}_count_{t}"])
                row[name] = f"{np.log(odds):.4f}" if odds else ""
            rows.append(row)
    return rows


def recomputed(folder: Path) -> dict[str, Floats]:
    """Protection recomputed from shares of people immunised, and the published one, [2, n] for each class.

    The tables give these shares in the weeks of the shift alone. What came before is taken as even: doses from 17
    January 2021, infections with a variant over 60 days before its first row.
    """
    fold, found = drops(), {}
    cases = [
        ("delta", "vaccinated", "VAC", "vaccinated", 44212.0, (("DELTA", "C_delta_vac"), ("ALPHA", "C_alpha_vac"))),
        ("delta", "alpha_recov", "ALPHA", "infected", -60.0, (("DELTA", "C_delta_alpha"), ("ALPHA", "C_alpha_alpha"))),
        ("omicron", "boosted", "BOOST", "boosted", -60.0, (("OMICRON", "C_omi_bst"), ("DELTA", "C_delta_bst"))),
        ("omicron", "omi_recov", "OMICRON", "infected", -60.0, (("BA.1", "C_omi_omi"), ("DELTA", "C_delta_omi"))),
    ]
    for shift, share, immune, kind, start, variants in cases:
        published = {(r["country"], float(r["time"])): r for r in _read(folder / f"{FILES[shift][0]}.txt")}
        tables = _read(folder / f"{FILES[shift][1]}.txt")
        for variant, column in variants:
            pairs = []
            for country in sorted({r["country"] for r in tables}):
                known = [(float(r["FLAI_time"]), float(r[share])) for r in tables if r["country"] == country]
                known = sorted(k for k in known if np.isfinite(k[1]))
                days, level = np.array([(start if start > 0.0 else known[0][0] + start, 0.0), *known]).T
                for day in days[1:]:
                    if (country, day) in published:
                        options = {"kind": kind, "fold": fold[immune, variant]}
                        ours = population_protection(days, level, day, **options)  # type: ignore[arg-type]
                        pairs.append((ours, float(published[country, day][column])))
            found[f"{shift}: {share}, against {variant}"] = np.array(pairs).T
    return found


def advantage(
    immune: Mapping[str, tuple[float, float]],
    *,
    old: Mapping[str, float],
    new: Mapping[str, float],
    gamma: tuple[float, float] = PUBLISHED["omicron"],
) -> float:
    """Antigenic selection of a new variant, per day, law "linear".

    immune: share and days since, of those last "infected", "vaccinated", "boosted". old, new: fold drops of their
    titres. gamma: of vaccination and infection, per day. Raises ValueError where shares make more than 1 or a drop is
    missing.
    """
    checked("the share immune in all", sum(checked("share", share, 0.0) for share, _ in immune.values()), 0.0, 1.0)
    if missing := set(immune) - (set(old) & set(new)):
        raise ValueError(f"no fold drop of {', '.join(sorted(missing))}: give one in old and in new.")
    total = 0.0
    for kind, (share, age) in immune.items():
        gain = protection(titre(kind, age, old[kind])) - protection(titre(kind, age, new[kind]))
        total += gamma[kind == "infected"] * share * float(gain)
    return total


def check_folder(folder: Path) -> None:
    """Print the mean selection of the four shifts, and how protection recomputed compares with the published one."""
    for shift, (_, slopes, *_) in FILES.items():
        found = np.array([float(r["s_hat"]) for r in _read(folder / f"{slopes}.txt")])
        print(f"  {shift}: observed selection {found.mean():.4f} per day, {len(found)} windows")
    print(
        "protection recomputed from shares immunised: correlation, median ratio, error over the mean of the published"
    )
    for name, (ours, theirs) in recomputed(folder).items():
        off = np.sqrt(np.mean((ours - theirs) ** 2)) / theirs.mean()
        r = np.corrcoef(ours, theirs)[0, 1]
        print(f"  {name}: {r:.4f}, {np.median(ours / theirs):.3f}, {off:.3f}  ({len(ours)} windows)")


if __name__ == "__main__":
    print("fold drop to kcal/mol:", {fold: round(float(ddg_of_drop(fold)), 2) for fold in (1.8, 3.2, 6.7, 47.0)})
    folds = drops()
    for way, table in (("vaccinated", "VAC"), ("boosted", "BOOST")):
        known = {v: protection(titre(way, 30.0, folds[table, v])) for v in ("WT", "ALPHA", "DELTA", "OMICRON")}
        print(f"{way} 30 days ago, protected from", {v: round(float(c), 3) for v, c in known.items()})
    people = {"vaccinated": (0.4, 150.0), "boosted": (0.3, 30.0), "infected": (0.1, 200.0)}
    delta = {"vaccinated": 3.2, "boosted": 2.8, "infected": 1.0}
    omicron = {"vaccinated": 47.0, "boosted": 6.7, "infected": 27.0}
    print(f"omicron over delta in {people}: {advantage(people, old=delta, new=omicron):.3f} per day")
    place = measurements("sars2_population_immunity", "Data_delta_shift.txt", *sys.argv[1:2])
    if place is None:
        print(f"The published tables are not at hand, and nothing is recomputed: {SOURCE}.")
    else:
        check_folder(place)
