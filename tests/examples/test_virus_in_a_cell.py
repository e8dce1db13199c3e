"""A virus in one cell: lost infections against the master equation, burst sizes against identities, and a host.

Seeds are fixed. Statistical bounds are five standard errors (a false alarm for 5.7e-7 of all seeds, at each of about
fifteen of them) or say otherwise.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from biomulti.demos.scripts import example

CELLS = 1_000
MILLIONTH = 1e-6  # false alarms of an exact binomial test


@pytest.fixture(scope="module")
def module():
    return example("virus_in_a_cell")


@pytest.fixture(scope="module")
def found(module):
    return module.run(cells=CELLS, seed=1)


@pytest.fixture(scope="module")
def in_hosts(module):
    return module.hosts({1.5: 2_000, 2.0: 2_000, 5.0: 20_000, 10.0: 40_000})


def test_reference_table_of_a_host(module):
    for r0, row in module.REFERENCE_TABLE.items():
        for law, reference in row.items():
            # half a unit of the last digit of the table
            last = 5e-5 if reference > 0.01 else 5e-6 if reference > 1e-3 else 5e-7
            assert module.extinction(law, r0) == pytest.approx(reference, abs=last), (law, r0)


def test_closed_forms_of_extinction(module):
    for r0 in (1.01, 1.5, 3.0, 40.0):
        assert module.extinction("continuous", r0) == pytest.approx(1.0 / r0, rel=1e-9)
        s = module.extinction("Poisson", r0)
        assert s == pytest.approx(math.exp(-r0 * (1.0 - s)), rel=1e-9)
    s = module.extinction("fixed", 2.0)
    assert module.extinction("fixed", 2.0, infected=2, virions=3) == pytest.approx(s**2 * (1.0 - 0.02 * (1.0 - s)) ** 3)
    # a hundred virions are a cell that burst
    assert module.extinction("fixed", 2.0, virions=100) == pytest.approx(s, rel=1e-9)
    assert module.extinction(np.full(10, 100.0), 2.0) == pytest.approx(s, rel=1e-9)
    assert module.extinction("fixed", 0.9) == 1.0
    # from no virion or 200 of them, as often: s = 1/2 + (1 - q + q s)^200 / 2
    s, q = module.extinction(np.array([0.0, 200.0]), 3.0), 0.03
    assert s == pytest.approx(0.5 + 0.5 * (1.0 - q + q * s) ** 200, rel=1e-9)
    with pytest.raises(ValueError, match="mean burst size, 100"):
        module.extinction("fixed", 101.0)
    with pytest.raises(ValueError, match="continuous, Poisson and fixed"):
        module.extinction("gamma", 2.0)
    with pytest.raises(ValueError, match="no law 'gamma'"):
        module.extinction("gamma", 0.5)
    for sizes in ([], [np.nan, 100.0], [-1.0, 100.0]):
        with pytest.raises(ValueError, match="finite numbers, none below 0"):
            module.extinction(np.array(sizes), 2.0)
    with pytest.raises(ValueError, match="mean burst size, 0"):
        module.extinction(np.zeros(3), 2.0)
    with pytest.raises(ValueError, match="-3 virions"):
        module.extinction("fixed", 2.0, virions=-3)


def test_what_cannot_be_run(module):
    day = np.array([20.0])
    with pytest.raises(ValueError, match="no rate 'k_replicat'; it has d_struct"):
        module.exact_extinction(day, parameters={"k_replicat": 0.5})
    for value in (-0.5, math.nan):
        with pytest.raises(ValueError, match=r"k_replicate = .* must be a finite rate"):
            module.without_assembly(20.0, {"k_replicate": value})
    for times in ([], [-1.0], [200.0, 20.0]):
        with pytest.raises(ValueError, match="finite days that rise"):
            module.exact_extinction(np.array(times))
    with pytest.raises(ValueError, match="days = -20"):
        module.without_assembly(-20.0)
    with pytest.raises(ValueError, match="most = 1"):
        module.exact_extinction(day, most=1)
    with pytest.raises(ValueError, match="days = 100"):
        module.run(cells=10, days=100)
    with pytest.raises(ValueError, match="mean lifetime of nan"):
        module.lifetimes(10, mean=math.nan)
    # each law has one simulation, and would get another's unseen
    with pytest.raises(ValueError, match="not 'fixed' ones"):
        module.lost_by_generations("fixed", 2.0, runs=10)
    with pytest.raises(ValueError, match="no host for the law 'Poisson'"):
        module.lost_in_host("Poisson", 2.0, runs=10)
    # a virus that makes nothing has no burst sizes to speak of
    assert module.of_sizes(np.zeros(3))["none"] == 1.0


def test_error_of_extinction_is_that_of_new_samples(module):
    rng = np.random.default_rng(3)
    samples = [rng.geometric(1.0 / 50.0, 2_000) - 1.0 for _ in range(200)]
    spread = np.std([module.extinction(sizes, 2.0) for sizes in samples])
    # a standard deviation of 200 numbers is known to 5 %
    assert module.extinction_error(samples[0], 2.0) == pytest.approx(spread, rel=0.25)


def test_hosts_have_the_closed_forms(in_hosts):
    for key, (lost, runs, chance) in in_hosts.items():
        assert stats.binomtest(lost, runs, chance).pvalue > MILLIONTH, key


def test_release_in_bursts_of_sampled_sizes(module, found):
    sizes = found["sizes"]["fixed lifetime"]
    lost = module.lost_by_generations(sizes, 2.0, runs=4_000)
    assert stats.binomtest(lost, 4_000, module.extinction(sizes, 2.0)).pvalue > MILLIONTH


def test_master_equation(module):
    times = np.array([20.0, 200.0])
    exact = module.exact_extinction(times)
    # without assembly it is less, and beyond day 200 it has all of d / r
    linear = module.without_assembly(200.0)
    assert linear == pytest.approx(0.24856, abs=1e-5)
    assert module.without_assembly(5_000.0) == pytest.approx(0.25, abs=1e-6)
    assert linear < exact[1] < 0.2516
    assert exact[1] == pytest.approx(0.2500, abs=1e-4)
    assert abs(exact[1] - module.REFERENCE_LOST[0]) < module.REFERENCE_LOST[1]
    # neither where established infections begin nor how proteins are lumped matters
    assert module.exact_extinction(times, most=6, lump=100) == pytest.approx(exact, abs=0.25**6 + 1e-5)
    assert module.exact_extinction(times, most=10, lump=100) == pytest.approx(exact, abs=2e-5)
    # nothing is assembled: the branching process
    none = module.exact_extinction(times, parameters={"k_assemble": 0.0})
    assert none[1] == pytest.approx(linear, abs=0.25**8 + 1e-5)


def test_lost_infections(module, found):
    exact = module.exact_extinction(np.array([200.0]))[0]
    assert stats.binomtest(round(found["extinct"] * CELLS), CELLS, exact).pvalue > MILLIONTH


def test_a_weaker_polymerase_loses_more(module):
    slow = {"k_replicate": 0.5}
    data = module.infect(1_000, 60.0, every=60.0, seed=4, parameters=slow)
    # half of all in the end, d / r
    exact = module.exact_extinction(np.array([60.0]), most=12, lump=100, parameters=slow)[0]
    assert 0.4 < exact < 0.5
    assert stats.binomtest(int(module.last_of(data)[0].sum()), 1_000, exact).pvalue > MILLIONTH


def test_the_ode_is_too_high(module, found):
    for name, reference in module.REFERENCE.items():
        ode, every, lasting = found["means"][name]
        # at rest, but for .03 %
        assert ode == pytest.approx(reference, rel=1e-3)
        # measured with 10,000 cells: 1.40 and 1.05 or 1.06; the spread of one cell is .66 and .35 of the mean
        assert ode / every == pytest.approx(1.40, abs=1.4 * 5 * 0.66 / math.sqrt(CELLS))
        assert ode / lasting == pytest.approx(1.053, abs=1.05 * 5 * 0.35 / math.sqrt(0.75 * CELLS))


def test_hybrid_and_exact_cells_make_the_same(module, found):
    ssa = module.infect(60, 100.0, every=100.0, method="ssa", seed=5).isel(time=-1)
    hybrid = found["data"].sel(time=100.0)
    for name in ("tem", "virion"):
        one, other = ssa[name].to_numpy(), hybrid[name].to_numpy()
        assert abs(one.mean() - other.mean()) < 5.0 * math.hypot(
            one.std() / math.sqrt(60), other.std() / math.sqrt(CELLS)
        )


def test_what_flows(found):
    flowing = [line.split()[0] for line in found["partition"].splitlines() if " flows " in line]
    assert flowing == ["translation", "structural_decay"]


def test_law_of_total_variance(found):
    for name, shares in found["shares"].items():
        sizes = found["sizes"][name]
        assert sum(value for part, value in shares.items() if part != "total") == pytest.approx(1.0)
        # sizes have one lifetime each: five errors of a sample's variance, from its fourth moment
        error = 5.0 * ((sizes - sizes.mean()) ** 2).std() / math.sqrt(CELLS)
        assert shares["total"] == pytest.approx(sizes.var(), abs=max(error, 1e-6 * shares["total"])), name
    # all cells live as long: nothing from lifetimes, and the variance is the sample's own
    fixed = found["shares"]["fixed lifetime"]
    assert fixed["lifetimes"] < 1e-20
    assert fixed["total"] == pytest.approx(found["sizes"]["fixed lifetime"].var(), rel=1e-9)
    assert found["shares"]["exponential lifetime"]["lifetimes"] > 0.4  # measured .66


def test_burst_sizes(module, found):
    assert set(np.unique(found["sizes"]["lysis, 100 virions"])) == {0.0, 100.0}
    numbers = {name: module.of_sizes(sizes) for name, sizes in found["sizes"].items()}
    # every lost infection of a cell that bursts when it is full makes no virion
    exact = module.exact_extinction(np.array([2_000.0]))[0]
    assert abs(numbers["lysis, 100 virions"]["none"] - exact) < 5.0 * math.sqrt(0.19 / CELLS) + 0.005
    # a share p that never bursts counts once, for the first cell: later ones are a smaller q
    sizes, p = found["sizes"]["lysis, 100 virions"], numbers["lysis, 100 virions"]["none"]
    for r0 in (1.5, 5.0):
        assert module.extinction(sizes, r0) == pytest.approx(p + (1.0 - p) * module.extinction("fixed", r0), rel=1e-9)
    # the ODE makes a third more: measured 201.5 against 148 with CV 1.28
    fixed = numbers["fixed lifetime"]
    assert found["ODE sizes"]["fixed lifetime"] / fixed["mean"] == pytest.approx(1.36, abs=1.36 * 5 * 1.28 / CELLS**0.5)
    # what no law of 2 numbers has: lost infections, whatever R0
    for name, sizes in found["sizes"].items():
        assert module.extinction(sizes, 10.0) > numbers[name]["none"] > 0.2, name
    order = [
        module.extinction(found["sizes"][name], 2.0)
        for name in ("exponential lifetime", "gamma lifetime", "fixed lifetime")
    ]
    assert sorted(order, reverse=True) == order


def test_lifetimes_on_the_moments_that_are_kept(module, found):
    moments = module.moments_of_death(found["data"], np.array([0.0, 0.9, 1.1, 100.0, 1e4]))
    assert found["data"].time.to_numpy()[moments].tolist() == [0.0, 0.0, 2.0, 100.0, 800.0]


def test_summary_and_pictures(module, found, in_hosts, tmp_path):
    text = module.summary(found, in_hosts)
    assert "translation" in text
    assert "master equation 0.2500" in text
    module.draw(found, in_hosts, tmp_path / "new" / "picture.png")
    assert (tmp_path / "new" / "picture.png").stat().st_size > 50_000
