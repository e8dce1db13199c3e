"""Escape of antibodies: identities, closed forms, made-up tables, and the numbers that the page gives."""

from __future__ import annotations

import csv

import matplotlib as mpl
import numpy as np
import pytest

from biomulti.demos.scripts import example

mpl.use("Agg")
module = example("antibody_escape")


def test_classes_have_the_share_of_binding_that_is_left():
    """sum over classes of weight exp(-ddG / RT) is what is left of all binding, for any mutations."""
    for mutations in ([], ["E484K"], module.VARIANTS["BA.1"]):
        share = sum(w * np.exp(-module.ddg(mutations)[c] / module.RT) for c, w in module.weights().items())
        assert share == pytest.approx(1.0 / module.scanned_drop(mutations))
    assert sum(module.weights().values()) == pytest.approx(1.0)


def test_mutations_hit_the_classes_that_are_known_for_them():
    """417 is the footprint of A, 484 of C, 501 of next to none; more mutations never bind better."""
    assert module.ddg(["K417N"])["A"] == pytest.approx(0.57, abs=0.01)
    assert module.ddg(["E484K"])["C"] == pytest.approx(1.64, abs=0.01)
    assert max(module.ddg(["N501Y"]).values()) < 0.05
    single, beta = module.ddg(["E484K"]), module.ddg(module.MEASURED["Beta"])
    assert all(beta[c] >= single[c] >= 0.0 for c in module.CLASSES)


def test_binding_weaker_than_assays_see_is_not_claimed():
    """No antibody loses more than 10 ug/ml over its IC50, however many mutations."""
    panel = module.antibodies()
    everywhere = [f"{old}{s}{'A' if old == 'G' else 'G'}" for s, old in enumerate(module.DOMAIN, 331)]
    assert module.retained(everywhere) == pytest.approx(panel.ic50["D614G"] / 10.0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["E484"], "receptor-binding domain"),
        (["484"], "receptor-binding domain"),
        (["D614G"], "receptor-binding domain"),
        (["e484k"], "receptor-binding domain"),
        (["E484Z"], "receptor-binding domain"),
        (["A484K"], "which has E at 484"),
        (["E484E"], "which has E at 484"),
        (["E484K", "E484A"], "another change already"),
        ("E484K", "give a list"),
    ],
)
def test_what_is_no_mutation_of_the_domain_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        module.ddg(wrong)


def test_a_variant_without_ic50s_is_refused():
    with pytest.raises(ValueError, match="choose one of Beta, Omicron"):
        module.measured_ddg("Delta")


def test_mutations_of_variants_fit_the_domain():
    """Every change that is named starts from the residue of Wuhan-Hu-1, one for each site."""
    for name, changes in module.NAMED.items():
        assert len(module.sites(changes.split())) == len(changes.split()), name


def test_resampled_antibodies_are_spread_about_the_estimate():
    """The median of 500 samples lies within half their standard deviation."""
    samples, value = module.ddg_samples(["E484K"]), module.ddg(["E484K"])
    for c in ("A", "B", "C"):
        assert abs(np.median(samples[c]) - value[c]) < 0.5 * samples[c].std()


def test_titre_of_mixtures():
    """One antibody: the ratio of IC50s. Two alike, of which one is lost: twice as much, and a little more.

    1 - (1 + c/2)^-2 = 1/2 gives c = 2 (sqrt 2 - 1) against c = 2 for the one that is left: sqrt 2 + 1.
    """
    assert module.serum_drop(np.array([0.1]), np.array([0.7]))[0] == pytest.approx(7.0)
    both = module.serum_drop(np.array([1.0, 1.0]), np.array([1.0, np.inf]), samples=1)
    assert both[0] == pytest.approx(np.sqrt(2.0) + 1.0)


def test_power_is_recovered():
    left = -np.linspace(0.1, 1.5, 9)
    found = module.compare(left, np.exp(-2.5 * left))
    assert found["power"] == pytest.approx(2.5)
    assert found["error"] == pytest.approx(0.0, abs=1e-12)
    assert found["r"] == pytest.approx(1.0)


@pytest.fixture(scope="module")
def result():
    return module.run()


def test_drops_of_eighteen_variants(result):
    """What the scans leave of binding ranks them; as it stands it says much too little, a power 2.2 is needed."""
    found = result["compared"]["scans"]
    assert found["r"] == pytest.approx(0.943, abs=0.002)
    assert found["power"] == pytest.approx(2.18, abs=0.02)
    assert found["error"] == pytest.approx(0.389, abs=0.005)
    assert found["error"] < result["compared"]["number of changes"]["error"] < found["error of the mean"]
    assert found["error of power 1"] > found["error of the mean"]


def test_energy_of_a_serum(result):
    """The power fitted to all variants, and the error of those left out, as energies."""
    value, sd = module.serum_ddg(module.VARIANTS["BA.4/5"])
    found = result["compared"]["scans"]
    assert value == pytest.approx(module.RT * found["power"] * np.log(module.scanned_drop(module.VARIANTS["BA.4/5"])))
    assert abs(value - module.RT * np.log(10.3)) < 2.0 * sd
    assert sd == pytest.approx(module.RT * 0.389, abs=0.003)


def test_scans_against_measured_antibodies(result):
    """Three changes are told within .5 kcal/mol, fifteen are not."""
    assert module.error_of_ddg("Beta") == pytest.approx(0.51, abs=0.01)
    assert module.error_of_ddg("Omicron") == pytest.approx(1.52, abs=0.01)
    found = result["antibodies"]
    assert found["Beta"]["lost above kept"] > 0.9
    assert found["Omicron"]["serum"][0] > 10.0 > found["Omicron"]["serum from scans"][0]


def write(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def folder(tmp_path):
    """Three antibodies of the calculator and two of the scans."""
    stem = "escapecalc2022_eliciting_virus_known_to_neutralize_neg_log_IC50_encoding.csv"
    kinds = ["['SARS-CoV-2', 'pre-Omicron SARS-CoV-2']"] * 2 + ["['SARS-CoV-1 then SARS-CoV-2']"]
    rows = [
        {"eliciting_virus": k, "known_to_neutralize": "['any', 'D614G']", "neg_log_IC50": f"[{w}, {w}]", "encoding": n}
        for n, (k, w) in enumerate(zip(kinds, (1.0, 3.0, 5.0), strict=True))
    ]
    write(tmp_path / stem, rows)
    escape = [(0, 484, 2.0), (0, 417, 1.0), (1, 501, 4.0), (1, 484, 1.0), (2, 484, 1.0)]
    rows = [dict(zip(("encoding", "site", "escape"), e, strict=True)) for e in escape]
    write(tmp_path / "escapecalc2022_encoding_site_escape.csv", rows)
    scans = [
        ("x", 484, "K", 0.5),
        ("x", 484, "A", 0.3),
        ("x", 417, "N", 0.2),
        ("y", 501, "Y", 0.9),
        ("z", 501, "Y", 0.9),
    ]
    rows = [dict(zip(("condition", "site", "mutation", "escape"), s, strict=True)) for s in scans]
    write(tmp_path / "escape_2022_Cao_Omicron_All_NAbs_Mutation.csv", rows)
    own = {"epitope group": "C", "D614G_IC50": "0.1", "Beta_IC50": ">10", "Omicron_IC50": "5"}
    rows = [
        {"name": n, "source": s, **own} for n, s in (("x", "vaccine"), ("y", "vaccine"), ("z", "SARS convalescent"))
    ]
    write(tmp_path / "cao2022_omicron_antibodies.csv", rows)
    late = {"Omicron_IC50": "10", "BA2_IC50": "0.2", "BA4_IC50": "NA", "source_group": "WT"}
    other = {**late, "Omicron_IC50": "0.3", "BA4_IC50": "0.4"}
    write(tmp_path / "cao2022_BA245_Neutral_info.csv", [{"D614G_IC50": "0.1", **late}, {"D614G_IC50": "0.1", **other}])
    return tmp_path


def test_calculator_by_hand(folder):
    """Of weights 1 and 3: (1 - 2/2)^2 and (1 - 1/4)^2 are left at 484, and the antibody of SARS does not count."""
    found = module.calculator(folder)
    assert found.retained([484]) == pytest.approx((1.0 * 0.0 + 3.0 * 0.75**2) / 4.0)
    assert found.retained([417]) == pytest.approx((1.0 * 0.5**2 + 3.0) / 4.0)
    assert found.retained([]) == 1.0


def test_table_from_published_ones(folder):
    rows = module.from_folder(folder)
    assert [r["name"] for r in rows] == ["x", "y"]
    assert rows[0]["escape"] == "417:0.25 484:1"


def test_later_antibodies(folder):
    """Two alike, one lost: as above, times 3; where one alone is known, the ratio of its IC50s."""
    found = module.later_panels(folder)
    assert found["BA.1"][0] == pytest.approx(3.0 * (np.sqrt(2.0) + 1.0))
    assert found["BA.2"][0] == pytest.approx(2.0)
    assert found["BA.4/5"][0] == pytest.approx(4.0)


def test_it_is_printed_and_drawn(result, tmp_path, capsys):
    module.summary(result)
    assert "ddG E484K" in capsys.readouterr().out
    module.draw(result, tmp_path / "escape.png")
    assert (tmp_path / "escape.png").stat().st_size > 20_000
