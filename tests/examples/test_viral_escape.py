"""Viral escape: the chain against its reference, each scale against closed forms, variances and indices.

Shares of simulated runs are held to five standard errors of a binomial: a false alarm in fewer than one of a million
seeds each, and the seeds are fixed.
"""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.stats import norm

from biomulti.demos.scripts import example


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return example("viral_escape")


@pytest.fixture(scope="module")
def wave() -> ModuleType:
    return example("viral_escape_wave")


@pytest.fixture(scope="module")
def cells() -> ModuleType:
    return example("viral_escape_founding")


@pytest.fixture(scope="module")
def unsure() -> ModuleType:
    return example("viral_escape_uncertainty")


def five(p: float, n: int) -> float:
    return 5.0 * math.sqrt(p * (1.0 - p) / n)


def test_the_reference_chain(module):
    found = module.escape(np.array([row[0] for row in module.REFERENCE]), every=0.02)
    for k, (ddg, r, peak, chance, r_eff) in enumerate(module.REFERENCE):
        assert found.reproduction[k] == pytest.approx(r, abs=0.006), ddg
        assert found.established[k] == pytest.approx(chance, abs=6e-4), ddg
        assert found.r_eff[k] == pytest.approx(r_eff, abs=6e-4), ddg
        if peak is None:
            assert found.peak[k] == -math.inf
        else:
            # 5.8350 and 4.2551 in fine steps, for 5.84 and 4.25
            assert found.peak[k] == pytest.approx(peak, abs=0.006), ddg
    assert found.naive == pytest.approx(np.full(5, 2.3457), abs=1e-4)
    assert module.threshold(every=0.02) == pytest.approx(1.877, abs=5e-4)
    within = module.RT * math.log(module.TITRE / (float(module.reproduction(1.0)) - 1.0))
    assert within == pytest.approx(0.969, abs=1e-3)
    assert float(module.reproduction(1.0)) == pytest.approx(21.775, abs=1e-3)


def test_the_trap_and_its_absence(module):
    ddg = np.linspace(1.0, 4.0, 31)
    trap = module.escape(ddg, kill_max=0.0, last=60.0).r_eff
    assert trap.max() == pytest.approx(2.87, abs=0.01)
    assert 1.2 < ddg[np.argmax(trap)] < 1.6
    # with killing a rest of it stays: less than one part in a hundred
    assert 2.0 < module.escape(ddg).r_eff.max() < 2.02


def test_a_course_is_that_of_the_equations(module):
    phi, b = 0.2042, module.BACCAM

    def rates(t, y):
        cells, eclipse, releasing, virus = y
        killing = 8.0 * (1.0 - math.exp(-(t - 4.0))) if t > 4.0 else 0.0
        caught = phi * b["b"] * cells * virus
        return [
            -caught,
            caught - (b["k"] + killing) * eclipse,
            b["k"] * eclipse - (b["d"] + killing) * releasing,
            b["p"] * releasing - b["c"] * virus,
        ]

    start = [b["T"], 0.0, 0.0, b["V"]]
    exact = solve_ivp(
        rates, (0.0, 8.0), start, "LSODA", t_eval=[2.0, 4.0, 6.0, 8.0], rtol=1e-10, atol=1e-9, max_step=0.1
    )
    times, virus, _ = module.course(np.array([phi, 1.0]))
    at = np.searchsorted(times, exact.t - 1e-9)
    assert virus[0, at] == pytest.approx(exact.y[3], rel=1e-4)


def test_infectiousness_of_an_exponential(module):
    # V = e^(r t): b = 1 / (1 + sqrt(half / V)), whose integral is (2 / r) ln(1 + sqrt(V / half))
    times = np.linspace(-3.0, 5.0, 30)
    for rate in (3.0, -2.0):
        virus = np.exp(rate * times)[None, :]
        upper, lower = max(rate * 5.0, rate * -3.0), 0.0
        exact = 2.0 / abs(rate) * (math.log1p(math.exp(upper / 2) / 100) - math.log1p(math.exp(lower / 2) / 100))
        assert module.infectiousness(times, virus)[0] == pytest.approx(exact, rel=1e-9)
    level = np.full((2, 30), [[1e4], [0.5]])
    assert module.infectiousness(times, level) == pytest.approx([4.0, 0.0])


def test_antibodies(module):
    folds = module.titres.drops()
    drops = [float(module.titres.ddg_of_drop(folds[pair])) for pair in module.DROPS.values()]
    assert drops == pytest.approx([0.36, 0.72, 1.17, 2.37], abs=0.005)
    titre = {"a": 3.0, "b": 9.0}
    assert float(module.infective(0.0, titre)) == pytest.approx(1.0 / 40.0)
    assert float(module.infective({"b": 50.0}, titre)) == pytest.approx(1.0 / 4.0)
    with pytest.raises(ValueError, match="no antibodies of c"):
        module.infective({"c": 1.0}, titre)
    for shares in ({"a": 1.0}, {"a": 0.3, "b": 0.5, "c": 0.2}):
        assert float(module.infective(0.0, module.serum(shares))) == pytest.approx(1.0 / 101.0)


def test_named_mutations(module, unsure):
    one, many = module.mutated(["E484K"]), module.mutated(module.scans.NAMED["XBB.1.5"].split())
    assert one.r_eff[0] == pytest.approx(0.4)  # five classes hold it
    assert many.r_eff[0] == pytest.approx(1.86, abs=0.01)
    by_hand = module.escape(module.scans.ddg(["E484K"]), module.Population(titre=module.serum(module.scans.weights())))
    assert by_hand.phi == pytest.approx(one.phi)
    with pytest.raises(ValueError, match="E484"):
        module.mutated(["E484"])
    # the same sets of parameters, and larger ddG in every class
    known = [unsure.mutated(m, 60) for m in (["E484K"], module.scans.NAMED["XBB.1.5"].split())]
    assert known[0]["P(wave)"] < known[1]["P(wave)"] < 0.5
    assert known[0]["P(R_eff > 1)"] < known[1]["P(R_eff > 1)"]
    # what is less sure makes what is unlikely less so
    assert unsure.mutated(["E484K"], 60, error=1.13)["P(wave)"] > known[0]["P(wave)"]


def test_classes_of_antibody_change_the_threshold(module):
    """R_eff depends on phi alone, so that each threshold follows from that with one class."""
    phi = float(module.infective(module.threshold(), module.Population().titre))
    many = module.Population(titre=module.serum(dict.fromkeys(("class 1", "class 2", "class 3"), 1.0)))
    each = many.titre["class 1"]
    assert (1.0 + each) ** -3 == pytest.approx(1.0 / 101.0)
    names = list(many.titre)
    assert module.threshold(many, classes=names[:1]) == math.inf
    for n in (2, 3):
        rest = (phi * (1.0 + each) ** (3 - n)) ** (-1.0 / n) - 1.0
        assert module.threshold(many, classes=names[:n]) == pytest.approx(module.RT * math.log(each / rest), abs=1e-3)


def test_people_of_many_titres_are_a_mean(module):
    people = module.Population(spread=0.55)
    found = module.escape(2.0, people, hosts=5)
    levels = 100.0 * 10.0 ** (0.55 * norm.ppf((np.arange(5) + 0.5) / 5))
    each = [module.escape(2.0, module.Population(immune=1.0, titre={"antibody": x})).r_eff[0] for x in levels]
    assert found.types[0].sum() == pytest.approx(1.0)
    assert found.r_eff[0] == pytest.approx(2.0 * 0.2 + 0.8 * np.mean(each), rel=1e-6)
    assert module.threshold(people) < 1.75


def test_arrays_are_many_calls(module):
    people = module.Population(r0=np.array([1.5, 2.5]), titre={"antibody": np.array([50.0, 200.0])})
    both = module.escape(np.array([1.8, 2.4]), people, b=np.array([3e-5, 4e-5]), half=np.array([1e3, 1e5]))
    for k, (ddg, r0, a, b, half) in enumerate(((1.8, 1.5, 50.0, 3e-5, 1e3), (2.4, 2.5, 200.0, 4e-5, 1e5))):
        alone = module.escape(ddg, module.Population(r0=r0, titre={"antibody": a}), b=b, half=half)
        assert alone.r_eff[0] == pytest.approx(both.r_eff[k], rel=1e-6)


def test_what_if(module):
    before = module.escape(2.0).r_eff[0]
    assert module.escape(2.0, module.Population(r0=1.5)).r_eff[0] == pytest.approx(0.75 * before)
    for people in (module.Population(immune=0.9), module.Population(titre={"antibody": 300.0})):
        assert module.escape(2.0, people).r_eff[0] < before
    halved = module.escape(2.0, drug=0.5)
    assert halved.reproduction[0] == pytest.approx(0.5 * module.escape(2.0).reproduction[0])
    assert halved.r_eff[0] < 0.5 * before
    nobody = module.escape(0.0, module.Population(immune=0.0), b=1e-6)  # R within is below 1: no virus
    assert nobody.r_eff[0] == 0.0


def test_how_classes_are_scaled_decides(module):
    """Six classes that together have A / K = 100 neutralise far more than one that has, and Omicron is held too."""
    six = module.Population(titre={c: 100.0 * w for c, w in module.scans.weights().items()})
    assert float(module.infective(0.0, six.titre)) == pytest.approx(1e-7, rel=0.1)
    assert sum(module.serum(module.scans.weights()).values()) == pytest.approx(7.7, abs=0.05)
    assert module.escape(module.scans.measured_ddg("Omicron"), six).r_eff[0] == pytest.approx(0.4)


def test_a_wild_type_that_is_not_held_has_no_threshold(module):
    assert module.threshold(module.Population(immune=0.1)) == 0.0
    assert module.threshold(module.Population(r0=0.5)) == math.inf


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"r0": -1.0}, "r0"),
        ({"immune": 1.2}, "immune"),
        ({"immune": math.nan}, "immune"),
        ({"titre": {}}, "titre"),
        ({"titre": {"antibody": -5.0}}, "titre of antibody"),
        ({"spread": -1.0}, "spread"),
        ({"dispersion": 0.0}, "dispersion"),
    ],
)
def test_no_such_people(module, options, said):
    with pytest.raises(ValueError, match=said):
        module.Population(**options)


@pytest.mark.parametrize(
    ("ddg", "options", "said"),
    [
        (math.nan, {}, "ddg"),
        ("2", {}, "ddg"),
        ([], {}, "ddg"),
        ({"antibody": math.inf}, {}, "ddG of antibody"),
        (2.0, {"drug": 1.5}, "drug"),
        (2.0, {"hosts": 0}, "hosts"),
        (2.0, {"c": 0.0}, "c = 0.0"),
        (2.0, {"T": 4e7}, "no parameter T"),
        (2.0, {"phi": 0.5}, "no parameter phi"),
    ],
)
def test_no_such_escape(module, ddg, options, said):
    with pytest.raises(ValueError, match=said):
        module.escape(ddg, **options)


def test_no_such_wave(module, wave, cells, unsure):
    refused = (
        lambda: module.serum({}),
        lambda: module.chance_of_a_wave(module.escape(2.0), module.Population(), imports=0),
        lambda: wave.renewal(np.array([1.0, 2.0])),
        lambda: wave.renewal(2.0, immune_at_start=2.0),
        lambda: wave.renewal(2.0, until=100.0),
        lambda: wave.final_size(math.nan),
        lambda: cells.founded(500.0),
        lambda: cells.escape_within(-5.0, 2.0),
        lambda: unsure.nested(inner=1),
        lambda: unsure.drawn(5, seed=1, correlation=2.0),
        lambda: unsure.drawn(5, seed=1, only=("wind",)),
        lambda: unsure.sensitivity(100),
    )
    for call in refused:
        with pytest.raises(ValueError, match=r"give|must be|there are"):
            call()


@pytest.mark.parametrize(("method", "r"), [("ssa", 1.98), ("hybrid", 2.97), ("hybrid", 4.45)])
def test_first_cells_found_an_infection(module, cells, method, r):
    exact = float(module.founding(r))
    assert cells.founded(r, runs=1000, method=method, seed=2) == pytest.approx(exact, abs=five(exact, 1000))


def test_a_mutant_arises_and_is_founded(cells):
    # 100 cells of a wild type that dies out infect 100 R / (1 - R) others; at mu = .003 their scatter is second order
    wild, mutant, mu = 0.2156, 4.447, 0.003
    exact = cells.escape_within(100.0 * wild / (1.0 - wild), mutant, mu)
    found = cells.founded(mutant, runs=1500, seed=1, initial={"M": 0.0, "E": 100.0}, q=wild / cells.VIRIONS, mu=mu)
    assert found == pytest.approx(exact, abs=five(exact, 1500) + 0.001)


def test_imports_die_out_as_the_closed_form_says(module, wave):
    assert wave.fizzle([0.8, 2.0, 4.0], 1.0) == pytest.approx([1.0, 0.5, 0.25], abs=1e-9)  # k = 1: geometric, 1/R
    assert float(wave.fizzle(2.0, 1e6)[0]) == pytest.approx(0.20319, abs=1e-4)  # Poisson: s = e^(-2 (1 - s))
    for k, spread in ((1.0, 0.0), (0.16, 0.55)):
        people = module.Population(dispersion=k, spread=spread)
        found = module.escape(2.2, people)
        means, weights = (x[0] for x in module.offspring(found, people))
        assert np.sum(means * weights) == pytest.approx(found.r_eff[0])
        exact = float(module.chance_of_a_wave(found, people)[0])
        cases = wave.simulated_imports(means, weights, k, n=10000, seed=3)
        assert np.mean(cases >= wave.MANY) == pytest.approx(exact, abs=five(exact, 10000))
        ten = float(module.chance_of_a_wave(found, people, imports=10)[0])
        assert 1.0 - ten == pytest.approx((1.0 - exact) ** 10)
    below = module.escape(1.7)
    assert module.chance_of_a_wave(below, module.Population())[0] == 0.0


def test_waves(module, wave):
    two = wave.renewal(2.0, until=340.0)
    # imports of 1e-6 are the difference
    assert two.attack[0] == pytest.approx(wave.final_size(2.0), abs=2e-5)
    assert wave.renewal(1.8, until=200.0).attack[1] < 1e-4
    people = module.Population()
    after = wave.renewal(2.0, immune_at_start=0.8, wild_from=None, mutant_from=0.0, until=400.0)
    assert after.attack[1] == pytest.approx(wave.attack(module.escape(2.0), people), abs=2e-4)
    kernel, chance, shares = wave.kernels(np.array(2.0), people, step=0.1)
    rate = wave.growth(np.sum((shares * chance)[:, None] * kernel, axis=0), 0.1)
    rise = np.diff(np.log(after.cases[1, 300:401])).mean() / 0.1
    assert rise == pytest.approx(rate, rel=2e-3)
    mean, sd = wave.generation_interval(kernel[0], 0.1)
    assert (mean, sd) == pytest.approx((2.83, 0.95), abs=0.01)


def test_total_variance(unsure):
    found = unsure.nested(outer=120, inner=100, seed=5)
    p = found["P(wave)"]
    total = found["wave: aleatory variance"] + found["wave: epistemic variance"]
    # the two parts of a yes or no make p (1 - p), but for 1 / 120 of the epistemic one
    assert total == pytest.approx(p * (1.0 - p), rel=0.01)
    # given theta the shares are binomial: five standard errors of their mean
    assert p == pytest.approx(found["P(wave), closed form"], abs=five(0.2, 120 * 100))
    for part in ("aleatory", "epistemic"):
        simulated, exact = found[f"wave: {part} variance"], found[f"wave: {part}, closed form"]
        assert simulated == pytest.approx(exact, rel=0.1)


def test_what_is_not_known_has_its_intervals(unsure):
    values = dict(zip(unsure.FACTORS, unsure.drawn(20000, seed=1).T, strict=True))
    for name, interval in unsure.INTERVALS.items():
        # of ln, in units of its sd: five standard errors of a 2.5 % quantile of 20,000, sqrt(.025 * .975 / n) / .0584
        sd = unsure.FACTORS[name][1][1]
        assert np.log(np.quantile(values[name], [0.025, 0.975])) == pytest.approx(np.log(interval), abs=0.095 * sd)
    together = unsure.drawn(20000, seed=1, correlation=-0.9)
    names = list(unsure.FACTORS)
    both = np.log(together[:, [names.index("b"), names.index("p")]])
    assert np.corrcoef(both.T)[0, 1] == pytest.approx(-0.9, abs=5.0 * 0.19 / math.sqrt(20000))


def test_sobol_of_ishigami(unsure):
    factors = {f"x{k}": ("unif", [-math.pi, math.pi]) for k in range(3)}

    def ishigami(x):
        return np.sin(x[:, 0]) + 7.0 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])

    steps = unsure.indices(ishigami, factors, 1024)
    last = steps[-1][1]
    assert [n for n, _ in steps] == [128, 256, 512, 1024]
    assert last["S1"] == pytest.approx([0.3139, 0.4424, 0.0], abs=0.03)
    assert last["ST"] == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.03)


def test_sobol_of_the_chain(unsure):
    steps = unsure.sensitivity(128, progress=False)
    total = dict(zip(unsure.FACTORS, steps[-1][1]["ST"], strict=True))
    largest = sorted(total, key=lambda name: -total[name])[:5]
    assert set(largest) == {"R0", "b", "p", "titre", "ddG"}


def test_pictures_and_summaries(module, wave, cells, unsure, tmp_path):
    found = module.run()
    assert "1.877 (1.877)" in module.summary(found)
    assert "(0.495)" in cells.summary(cells.run(runs=100))
    waves = wave.run(imports=500)
    assert "Euler and Lotka" in wave.summary(waves)
    result = unsure.run(n=12, outer=40, base=32, progress=False)
    assert "aleatory" in unsure.summary(result)
    module.draw(found, waves["waves"], result, tmp_path / "new" / "picture.png")
    assert (tmp_path / "new" / "picture.png").stat().st_size > 50_000
    unsure.draw(result, tmp_path / "unsure.png")
    assert (tmp_path / "unsure.png").stat().st_size > 20_000

    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    module.panel(axes, module.curves(21))
    assert axes.lines
    plt.close(figure)
