"""A mutated enhancer: closed forms against independent ones, and embryos against closed forms.

Statistical bounds are five standard deviations, measured over 12 embryos of 24 rows and 10 samples and scaled to the
sizes used here: a false alarm in fewer than one of a million seeds, and the seeds are fixed.
"""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pytest
from scipy import linalg, stats

from biomulti.demos.scripts import example

# sd of an embryo of 24 rows and 10 samples: boundary, positional error, scatter of rows, width (um)
SD = {"alone": (0.21, 0.39, 0.26, 1.3), "diffusing": (0.19, 0.12, 0.30, 0.64)}
ROWS, SAMPLES = 24, 5
WIDER = 5.0 * math.sqrt(240.0 / (ROWS * SAMPLES))


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return example("enhancer_boundary")


@pytest.fixture(scope="module")
def found(module) -> dict[str, dict]:
    size = {"rows": ROWS, "samples": SAMPLES, "progress": False}
    return {
        "wild type": module.run(seed=1, **size),
        "0.25 in all": module.run(ddg=0.25, sites=6, seed=2, **size),
        "1 in one": module.run(ddg=1.0, sites=1, seed=3, **size),
    }


def test_shifts_of_the_closed_form(module):
    at = module.exact_boundary
    assert at() - at(ddg=0.25, sites=6) == pytest.approx(42.2, abs=0.05)
    assert at() - at(ddg=1.0, sites=1) == pytest.approx(28.1, abs=0.05)
    assert at(binding="MWC") == pytest.approx(240.0, abs=1e-9)
    # all of the sites alike: c over K is all there is, so that the shift is the same; one of six: less than a sixth
    assert at(ddg=0.25, sites=6, binding="MWC") == pytest.approx(at(ddg=0.25, sites=6), abs=1e-6)
    assert 240.0 - at(ddg=1.0, sites=1, binding="MWC") == pytest.approx(18.79, abs=0.01)


@pytest.mark.parametrize("binding", ["all-or-none", "MWC"])
def test_the_network_has_the_occupancy_of_the_closed_form(module, binding):
    sheet = module.embryo(ddg=1.0, sites=2, binding=binding, rows=4)
    data = sheet.run(0.5, every=0.5, dt=0.5, progress=False).data
    expected = np.repeat(module.occupancy(module.places(), ddg=1.0, sites=2, binding=binding), 4)
    assert data["P"].isel(time=0).to_numpy() == pytest.approx(expected, rel=1e-9)


def test_diffusion_leaves_every_shift(module):
    # by seven nuclei, so that the lattice is the same at both places. What the ends of the embryo add is P's distance
    # from 0 or 1 there, at most e^(-6 * 1.98) = 7e-6, made larger near them by what gathers within lambda
    shift = 7 * module.SPACING
    ddg = shift * module.RT / module.GRADIENT
    x = module.places()
    for diffusion, beyond in ((0.0, 1e-12), (12.0, 1e-4), (60.0, 1e-2)):
        wild = module.exact_mean(module.occupancy(x), diffusion=diffusion)
        moved = module.exact_mean(module.occupancy(x, ddg=ddg, sites=6), diffusion=diffusion)
        assert np.abs(moved[:-7] - wild[7:]).max() < beyond
        assert module.boundary(wild)[0] == pytest.approx(240.0, abs=1e-6)
        assert module.boundary(wild)[0] - module.boundary(moved)[0] == pytest.approx(shift, abs=1e-2)


def test_mean_is_a_convolution(module):
    # with the kernel e^(-|x| / lambda) / (2 lambda) of continuous space, at fine steps; the lattice of nuclei differs
    # from it in the second order of spacing over lambda, (6 / 16)^2 / 12 = 1.2 %, of what diffusion changes
    reach = math.sqrt(module.DIFFUSION / module.PROTEIN_DECAY)
    away = np.linspace(-300.0, 300.0, 6001)
    kernel = np.exp(-np.abs(away) / reach)
    x = module.places()
    smooth = [np.sum(kernel * module.occupancy(place - away)) / np.sum(kernel) for place in x[10:70]]
    change = np.abs(smooth - module.occupancy(x)[10:70]).max()
    assert np.abs(smooth - module.exact_mean(module.occupancy(x))[10:70]).max() < 0.03 * change


def test_noise_without_diffusion(module):
    q = module.occupancy(module.places())
    ours = np.diag(module.covariance(q, 3, diffusion=0.0))
    # the protein that diffuses is made smoothly: no molecule of it is counted
    assert ours == pytest.approx(module.sd_alone(q) ** 2 - q / module.FULL, rel=1e-9)


@pytest.mark.parametrize("rows", [1, 2])
def test_covariance_is_that_of_the_linear_network(module, rows):
    # promoter, mRNA and protein of all nuclei as one linear system with its noise, solved as a Lyapunov equation
    q = np.repeat(module.occupancy(module.places()), rows)
    n, r, d, e = len(q), module.SWITCHING, module.MRNA_DECAY, module.PROTEIN_DECAY
    wave, laplacian = module.modes()
    along = wave @ np.diag(laplacian) @ wave.T
    ring = np.zeros((1, 1)) if rows == 1 else 2.0 * np.array([[1.0, -1.0], [-1.0, 1.0]]) / module.SPACING**2
    spreads = module.DIFFUSION * (np.kron(along, np.eye(rows)) + np.kron(np.eye(module.COLUMNS), ring))
    one, none = np.eye(n), np.zeros((n, n))
    drift = np.block(
        [
            [-r * one, none, none],
            [module.TRANSCRIBE * one, -d * one, none],
            [none, module.TRANSLATE * one, -e * one - spreads],
        ]
    )
    noise = np.concatenate([2.0 * r * q * (1.0 - q), 2.0 * module.TRANSCRIBE * q, np.zeros(n)])
    exact = linalg.solve_continuous_lyapunov(drift, -np.diag(noise))[2 * n :: rows, 2 * n :: rows]
    assert module.covariance(q[::rows], rows) * module.FULL**2 == pytest.approx(exact, rel=1e-6, abs=1e-6)


def test_two_nuclei_are_on_together(module):
    for first, second, rho in ((0.3, -0.4, 0.5), (1.0, 1.2, 0.9), (-0.2, 0.1, 0.0)):
        both = stats.multivariate_normal.cdf([first, second], cov=[[1.0, rho], [rho, 1.0]])
        assert module._both(first, second, rho) == pytest.approx(both, abs=1e-5)


def test_scatter_of_independent_nuclei(module):
    # of a straight line with sd s and no correlation: variance spacing s / sqrt(pi)
    mean = 0.5 + (240.0 - module.places()) / 100.0
    sd = 0.2
    expected = math.sqrt(module.SPACING * sd * 100.0 / math.sqrt(math.pi))
    assert module.scatter_of_rows(mean, sd**2 * np.eye(module.COLUMNS)) == pytest.approx(expected, rel=1e-3)


def test_boundaries_and_their_noise(module, found):
    for name, part in found.items():
        for kind in module.KINDS:
            for what, sd in zip(module.WHAT, SD[kind], strict=True):
                value = part["measured"][kind][what][0]
                assert value == pytest.approx(part["exact"][kind][what], abs=WIDER * sd), (name, kind, what)


def test_mutations_move_the_boundary(module, found):
    for name, expected in (("0.25 in all", -42.2), ("1 in one", -28.1)):
        for kind in module.KINDS:
            shift, _ = module.moved(found[name], found["wild type"], kind)
            assert shift == pytest.approx(expected, abs=math.sqrt(2.0) * WIDER * SD[kind][0]), (name, kind)


def test_diffusion_smooths_the_noise(module, found):
    for part in found.values():
        alone, diffusing = (part["measured"][kind] for kind in module.KINDS)
        assert diffusing["positional error"][0] < 0.3 * alone["positional error"][0]  # exact: .165
        assert diffusing["width"][0] > 1.15 * alone["width"][0]  # exact: 1.265


def test_bursts_of_mrna(module, found):
    # seven columns of all embryos around the boundary, 2,520 numbers; the error of a variance is about sqrt(2 / n)
    ratios = []
    for part in found.values():
        expected = module.fano_mrna(
            module.occupancy(module.places(), ddg=part["mutation"][0], sites=part["mutation"][1])
        )
        near = np.abs(module.places() - part["closed form"]) < 21.0
        ratios += list(part["Fano factor of mRNA"][near] / expected[near])
    assert np.mean(ratios) == pytest.approx(1.0, abs=5.0 * math.sqrt(2.0 / (len(ratios) * ROWS * SAMPLES)))


def test_summary_picture_and_movie(module, found, tmp_path):
    assert "closed form" in module.summary(found)
    module.draw(found, tmp_path / "new" / "picture.png")
    assert (tmp_path / "new" / "picture.png").stat().st_size > 50_000
    module.movie(tmp_path / "movie.mp4", minutes=6.0, rows=4)
    assert (tmp_path / "movie.mp4").stat().st_size > 5_000
