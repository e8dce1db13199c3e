"""Every example runs, draws its picture, and its numbers are those of its closed forms.

Statistical bounds are five standard deviations, measured over 20 sets of 2,000 cells and 8 runs of the gradient: a
false alarm in fewer than one of a million seeds, and the seeds are fixed.
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from biomulti.demos.scripts import example


@pytest.fixture(scope="module")
def gene() -> tuple[ModuleType, dict]:
    module = example("gene_expression_noise")
    return module, module.run(replicates=2000, seed=1)


@pytest.fixture(scope="module")
def band() -> tuple[ModuleType, dict, dict]:
    module = example("contracting_band")
    return module, module.run(across=80), module.run(across=160)


@pytest.fixture(scope="module")
def gradient() -> tuple[ModuleType, dict]:
    module = example("morphogen_gradient")
    return module, module.run(seed=1)


def test_law_of_the_telegraph_gene(gene):
    module, _ = gene
    n = np.arange(120.0)  # far beyond the 20 transcripts of a gene that never closes
    law = module.mrna_law(n)
    assert law[:4] == pytest.approx([0.59408, 0.06137, 0.03494, 0.02538], abs=5e-6)
    mean = np.sum(n * law)
    assert [np.sum(law), mean] == pytest.approx([1.0, module.exact_moments()["mean mRNA"]], rel=1e-9)
    fano = np.sum((n - mean) ** 2 * law) / mean
    assert fano == pytest.approx(module.exact_moments()["Fano factor of mRNA"], rel=1e-9)


@pytest.mark.parametrize("method", ["ssa", "hybrid"])
def test_noise_of_gene_expression(gene, method):
    module, found = gene
    exact, bounds = found["exact"], {"mean mRNA": 0.68, "Fano factor of mRNA": 0.95, "mean protein": 64.0}
    for name, bound in {**bounds, "CV^2 of protein": 0.35}.items():
        assert found[method][name] == pytest.approx(exact[name], abs=bound), name
    mrna = found[method]["mRNA"].astype(int)
    counted = np.cumsum(np.bincount(mrna, minlength=60)) / len(mrna)
    law = np.cumsum(module.mrna_law(np.arange(len(counted), dtype=float)))
    # Dvoretzky, Kiefer and Wolfowitz: beyond this once in a million seeds
    assert np.max(np.abs(counted - law)) < np.sqrt(np.log(2e6) / (2.0 * len(mrna)))


def test_what_the_gene_lets_flow(gene):
    flowing = [line.split()[0] for line in gene[1]["hybrid"]["partition"].splitlines() if " flows " in line]
    assert flowing == ["translation", "degradation"]


def test_ode_has_the_means_and_no_noise(gene):
    _, found = gene
    # the promoter starts closed, and 24 hours later e^-12 of that is left, 24 times over in the protein
    for name in ("mean mRNA", "mean protein"):
        assert found["ode"][name] == pytest.approx(found["exact"][name], rel=1e-3)
    assert found["ode"]["CV^2 of protein"] < 1e-20


def test_flow_of_a_contracting_band(band):
    _, coarse, fine = band
    worst = []
    for found in (coarse, fine):
        error = np.abs(found["velocity"] - found["exact velocity"]) / np.max(np.abs(found["exact velocity"]))
        worst.append(np.max(error))
    # the kink at the edges is rounded over a grid cell: measured 2.7 and 1.3 %
    assert worst[1] < 0.015
    assert worst[0] / worst[1] == pytest.approx(2.0, abs=0.2)


def test_width_of_a_contracting_band(band):
    _, coarse, fine = band
    exact = fine["exact half width"]
    errors = [found["half width"][-1] - exact[-1] for found in (coarse, fine)]
    # first order in the grid: measured 1.13 and 0.58 um, and 0.03 um of what is extrapolated from both
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.2)
    assert 2.0 * fine["half width"] - coarse["half width"] == pytest.approx(exact, rel=3e-3)


def test_gradient_and_boundary(gradient):
    module, found = gradient
    assert found["gradient length"] == pytest.approx(module.gradient_length(), abs=0.4)
    assert found["boundary"] == pytest.approx(found["exact boundary"], abs=1.0)
    # at 100 molecules, 12 cells and 10 moments of their own: 0.9; the boundary's 0.18 um times the slope there: 0.5
    exact = module.exact_target(found["distance"])
    assert np.abs(found["target"] - exact) == pytest.approx(0.0, abs=6.0)


@pytest.mark.parametrize("name", ["gene", "band", "gradient"])
def test_pictures(name, tmp_path, request):
    module, *_, found = request.getfixturevalue(name)
    module.draw(found, tmp_path / "new" / "picture.png")
    assert (tmp_path / "new" / "picture.png").stat().st_size > 20_000
