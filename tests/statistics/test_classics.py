"""The hybrid method, as it is without any option, beside the master equation on networks that are known to be hard.

Seeds are fixed. False alarms: 5.7e-7 for each mean, variance and share (five standard errors), 1e-6 for each p-value of
a whole law; about 120 of them, so that a run with new seeds would raise a false alarm once in 13,000 times.
"""

from __future__ import annotations

from functools import cache

import closed_forms as exact
import numpy as np
import pytest
from master import Master, master, propagated
from scipy import sparse
from scipy.special import comb, poch

import biomulti as bm

P_VALUE = 1e-6
ITEMS = "unit substance = item; unit extent = item; unit volume = litre; unit time_unit = second; compartment cell = 1;"
# what flows whatever the bound and touches nothing else, so that laws have to stay exact beside a flow; without it
# these networks fire throughout, by the direct method
FLOW = " Q = 1000000; makeQ: => Q; 2e6; loseQ: Q =>; 2*Q;"
BESIDE = pytest.mark.parametrize("beside", ["", FLOW], ids=["alone", "beside a flow"])


def network(species: str, rest: str) -> str:
    names = [part.split("=")[0].strip() for part in species.split(";") if part.strip()]
    names += ["Q"] if FLOW in rest else []
    return f"{ITEMS} {' '.join(f'substanceOnly species {n} in cell;' for n in names)} {species} {rest}"


def runs(model: str, t_end: float, replicates: int, seed: int, **options: object):
    """Values at the end, by the name of the species."""
    settings = {"every": t_end, "progress": False} | options
    return bm.simulate(model, t_end=t_end, replicates=replicates, seed=seed, **settings).isel(time=-1)


def flowing(model: str, t_end: float, **options: object) -> set[str]:
    """The reactions that flow in all rows, or may."""
    return {d.reaction for d in bm.partition(model, t_end=t_end, **options).decisions if d.flows or d.adaptive}


def assert_share(sample: np.ndarray, expected: float) -> None:
    """The share of True is `expected`, by the standard error of a binomial number."""
    error = np.sqrt(expected * (1.0 - expected) / len(sample))
    assert abs(np.mean(sample) - expected) < exact.Z * error, (np.mean(sample), expected, error)


def assert_moments(sample: np.ndarray, expected: tuple[float, float]) -> None:
    exact.assert_mean(sample, expected[0])
    exact.assert_variance(sample, expected[1])


# --- Michaelis-Menten: E0 = 10, S0 = 100, binding at k E S/100, parting at k, catalysis at .1

KNOWN = {1: (8.8721, 8.0682), 10: (9.4514, 8.9082), 100: (9.5131, 9.0025)}  # P at t = 20


@cache
def enzyme(k: float) -> tuple[float, float]:
    equation = master("michaelis_menten", {"S": 100, "E": 10, "ES": 10, "P": 60}, k=k)
    return equation.moments("P", equation.at(20.0))


def infinitely_fast_enzyme() -> tuple[float, float]:
    """Catalysis at .1 <C>, C of the equilibrium of binding (Cao, Gillespie and Petzold 2005, doi:10.1063/1.1824902).

    P(C) is proportional to binom(10, C) s!/(s - C)!/100^C, where s = 100 - P molecules are not yet product.
    """
    c, s = np.arange(11)[:, None], 100.0 - np.arange(61)
    weights = comb(10, c) * poch(s - c + 1.0, c) / 100.0**c
    rate = 0.1 * np.sum(c * weights, axis=0) / np.sum(weights, axis=0)
    rate[-1] = 0.0
    chain = sparse.diags_array([-rate, rate[:-1]], offsets=[0, -1]).tocsc()
    p = propagated(chain * 20.0, np.eye(61)[0])
    mean = float(p @ np.arange(61))
    return mean, float(p @ (np.arange(61) - mean) ** 2)


def test_the_master_equation_gives_what_is_known():
    """Known moments of the enzyme; the whole law of the telegraph gene."""
    for k, known in KNOWN.items():
        assert enzyme(k) == pytest.approx(known, abs=6e-5)
    gene = master("telegraph", {"gene_on": 1, "gene_off": 1, "mRNA": 150})
    law = exact.telegraph(0.1, 0.4, 20.0, 150)
    assert gene.law("mRNA", gene.stationary()) == pytest.approx(law, abs=1e-12)
    assert gene.law("mRNA", gene.at(60.0)) == pytest.approx(law, abs=1e-10)


def test_the_error_of_the_slow_scale_limit_falls_as_one_over_k():
    limit = infinitely_fast_enzyme()
    assert limit == pytest.approx((9.5200, 9.0131), abs=6e-5)
    scaled = np.array([k * (limit[0] - enzyme(k)[0]) for k in (10.0, 100.0, 1e3, 1e4)])
    print("k times the error:", scaled)
    assert scaled[0] == pytest.approx(scaled[-1], rel=0.02)
    assert scaled[1:] == pytest.approx(scaled[-1], rel=0.002)


@pytest.mark.parametrize(("k", "replicates"), [(1, 6_000), (10, 4_000), (100, 1_000)])
def test_michaelis_menten(k, replicates):
    """Ten enzymes are scarce, and what they do to the substrate is not affine: all fires at every separation."""
    assert not flowing("michaelis_menten", 20.0, parameters={"k": k})
    sample = runs("michaelis_menten", 20.0, replicates, 31, parameters={"k": k}).P.values
    print(f"k = {k}: {sample.mean():.4f}, {sample.var(ddof=1):.4f} for {enzyme(k)}")
    assert_moments(sample, enzyme(k))


# --- Schloegl's model: 2 X + A <=> 3 X, B <=> X, A = 1e5 and B = 2e5 fixed (1972, doi:10.1007/BF01379769)


def schloegl(start: int, k3: float, rest: str = "") -> str:
    laws = """a: 2 X => 3 X; 3e-7*1e5*X*(X - 1)/2;  b: 3 X => 2 X; 1e-4*X*(X - 1)*(X - 2)/6;
      c: => X; k3*2e5;  d: X =>; 3.5*X;"""
    return network(f"X = {start};", f"k3 = {k3}; {laws} {rest}")


@BESIDE
def test_schloegl_goes_to_both_states(beside):
    """From 250, close to the unstable state: at t = 4 46 % are in the high one, and the whole law is the exact one."""
    equation = master(schloegl(250, 1e-3), {"X": 1000})
    p = equation.at(4.0)
    high = equation.counts["X"] > 330
    model = schloegl(250, 1e-3, beside)
    assert flowing(model, 4.0) == ({"makeQ", "loseQ"} if beside else set())
    sample = runs(model, 4.0, 500 if beside else 4_000, 11).X.values
    print(f"high: {np.mean(sample > 330):.4f} for {p[high].sum():.4f};",
          f"{sample.mean():.1f}, {sample.var(ddof=1):.0f} for {equation.moments('X', p)}")  # fmt: skip
    assert_share(sample > 330, p[high].sum())
    assert_moments(sample, equation.moments("X", p))
    assert exact.chi_square(sample, equation.law("X", p)) > P_VALUE


@BESIDE
def test_schloegl_leaves_the_low_state(beside):
    """From the low state, at k3 = 1.2e-3: who has ever been above 400 by t. An event notes when, between outputs."""
    equation = master(schloegl(100, 1.2e-3), {"X": 1000})
    left = equation.counts["X"] >= 400
    model = schloegl(100, 1.2e-3, f"{beside} T = 0; at X >= 400 && T <= 0: T = time;")
    assert flowing(model, 8.0) == ({"makeQ", "loseQ"} if beside else set())
    run = runs(model, 8.0, 300 if beside else 2_000, 12)
    for t in (4.0, 6.0, 8.0):
        stays = (run["T"].values == 0.0) | (run["T"].values > t)
        print(f"not above 400 by {t:g}: {stays.mean():.4f} for {equation.never_until(left, t):.4f}")
        assert_share(stays, equation.never_until(left, t))


# --- a toggle switch: two proteins that repress each other (Gardner, Cantor and Collins 2000, doi:10.1038/35002131)

TOGGLE = "a1: => X; 50/(1 + (Y/17)^2); d1: X =>; X; a2: => Y; 50/(1 + (X/17)^2); d2: Y =>; Y;"


@cache
def toggle() -> Master:
    return master(network("X = 50; Y = 0;", TOGGLE), {"X": 85, "Y": 85})


@BESIDE
def test_toggle_switch_switches(beside):
    """Started with X on, at t = 20 Y has taken over in 12 % of all runs; the laws of both are exact."""
    equation = toggle()
    p = equation.at(20.0)
    x, y = equation.counts["X"], equation.counts["Y"]
    model = network("X = 50; Y = 0;", TOGGLE + beside)
    assert flowing(model, 20.0) == ({"makeQ", "loseQ"} if beside else set())
    run = runs(model, 20.0, 1_000 if beside else 6_000, 13)
    other = run.Y.values > run.X.values
    print(f"other state: {other.mean():.4f} for {p[y > x].sum():.4f}; mean time {equation.time_until(y > x):.1f}")
    assert_share(other, p[y > x].sum())
    for name in "XY":
        assert_moments(run[name].values, equation.moments(name, p))
        assert exact.chi_square(run[name].values, equation.law(name, p)) > P_VALUE


def test_toggle_switch_is_stationary():
    """After 240 s, eight times the slowest relaxation, the start is forgotten: one law for both."""
    equation = toggle()
    p = equation.stationary()
    assert equation.moments("X", p) == pytest.approx(equation.moments("Y", p), rel=1e-6)
    run = runs(network("X = 50; Y = 0;", TOGGLE), 240.0, 1_500, 14)
    x, y = run.X.values, run.Y.values
    print(f"{x.mean():.2f}, {x.var():.1f} and {y.mean():.2f}, {y.var():.1f} for {equation.moments('X', p)}")
    for sample in (x, y):
        assert_moments(sample, equation.moments("X", p))
    both = equation.counts["X"] + equation.counts["Y"]
    assert_moments(x + y, (both @ p, (both - both @ p) ** 2 @ p))


# --- Vilar's oscillator (2002, doi:10.1073/pnas.092133899)

PERIOD, PERIOD_ERROR, PERIOD_CV = 25.10, 0.09, 0.105  # h, by exact simulation elsewhere; the ODE has 25.558


def periods(run) -> np.ndarray:
    """The first twelve intervals between ascents of C through 1,000 that follow a descent below 500, [12, replicates].

    As many of every run, so that long ones are not left out more often than short ones.
    """
    c, time = run.C.values, run.time.values
    out = []
    for row in c.T:
        armed, ascents = False, []
        for k in range(1, len(row)):
            armed |= row[k] < 500.0
            if armed and row[k] >= 1000.0:
                armed = False
                part = (1000.0 - row[k - 1]) / (row[k] - row[k - 1])
                ascents.append(time[k - 1] + part * (time[k] - time[k - 1]))
        out.append(np.diff(ascents)[:12])
    return np.array(out).T


def cv_with_error(sample: np.ndarray) -> tuple[float, float, float]:
    """Coefficient of variation, its standard error for n numbers of this kurtosis, and that for one number."""
    cv = float(sample.std(ddof=1) / sample.mean())
    of_one = cv * np.sqrt(np.mean((sample - sample.mean()) ** 4) / sample.var() ** 2 - 1.0) / 2.0
    return cv, of_one / np.sqrt(sample.size), of_one


def test_vilar_oscillator_keeps_its_period():
    """Period and its scatter by the hybrid, as it is and with what is plentiful flowing, by exact runs, as published.

    Published are 25.10 +- .09 h and CV .105, hence of some (25.10 x .105/.09)^2 = 860 periods.
    """
    common = {"t_end": 450.0, "every": 0.25, "progress": False}
    direct = bm.simulate("vilar_oscillator", method="ssa", seed=15, replicates=60, **common)
    hybrid = bm.simulate("vilar_oscillator", seed=16, replicates=60, **common)
    flows = bm.simulate("vilar_oscillator", tolerance=np.inf, seed=17, replicates=20, **common)
    assert "flows" in hybrid.attrs["partition"]
    assert "flows" in flows.attrs["partition"]
    expected = periods(direct).ravel()
    cv, error, _ = cv_with_error(expected)
    for name, run in {"exact": direct, "hybrid": hybrid, "hybrid without a bound": flows}.items():
        sample = periods(run).ravel()
        its_cv, its_error, of_one = cv_with_error(sample)
        of_mean = sample.std() / np.sqrt(sample.size)
        print(f"{name}: {sample.mean():.3f} +- {of_mean:.3f} h, CV {its_cv:.4f} +- {its_error:.4f}")
        exact.assert_mean(sample, PERIOD, spread=PERIOD_ERROR)
        exact.assert_same_mean(sample, expected)
        published = of_one * PERIOD_ERROR / (PERIOD * PERIOD_CV)
        assert abs(its_cv - PERIOD_CV) < exact.Z * np.hypot(its_error, published)
        assert abs(its_cv - cv) < exact.Z * np.hypot(its_error, error)


# --- Delta and Notch in two cells (Collier et al. 1996, doi:10.1006/jtbi.1996.0233), 800 molecules for an amount of 1

MOLECULES = 800
UNIFORM, HIGH, LOW = 0.07399, 0.98990, 0.01010


def delta_notch() -> str:
    notch = UNIFORM**2 / (0.01 + UNIFORM**2)
    start, laws = "", f"O = {MOLECULES}; a = 0.01; b = 100;"
    for i, j in ((1, 2), (2, 1)):
        start += f"N{i} = {round(notch * MOLECULES)}; D{i} = {round(UNIFORM * MOLECULES)};"
        laws += f"n{i}: => N{i}; O*(D{j}/O)^2/(a + (D{j}/O)^2); ln{i}: N{i} =>; N{i};"
        laws += f"d{i}: => D{i}; O/(1 + b*(N{i}/O)^2); ld{i}: D{i} =>; D{i};"
    return network(start, laws)


def test_delta_and_notch_choose_a_side():
    """From the unstable uniform state either cell wins in half of the runs; deterministic ends are .98990 and .01010.

    Noise of the few molecules of the cell that loses moves the winner's Delta by about 7/MOLECULES.
    """
    ends = []
    for method, seed in (("hybrid", 18), ("ssa", 19)):
        run = runs(delta_notch(), 30.0, 600, seed, method=method)
        one, two = run.D1.values / MOLECULES, run.D2.values / MOLECULES
        high, low = np.maximum(one, two), np.minimum(one, two)
        print(f"{method}: {np.mean(one > two):.3f} to the one side; {high.mean():.4f} and {low.mean():.5f}")
        assert high.min() > 0.5
        assert low.max() < 0.05
        assert_share(one > two, 0.5)
        assert high.mean() == pytest.approx(HIGH, abs=0.02)
        assert low.mean() == pytest.approx(LOW, abs=0.001)
        notch = np.where(one > two, run.N1.values, run.N2.values)
        ends.append((high, low, notch / MOLECULES))
    for hybrid, direct in zip(*ends, strict=True):
        exact.assert_same_mean(hybrid, direct)
        # variances, as means of squares
        exact.assert_same_mean((hybrid - hybrid.mean()) ** 2, (direct - direct.mean()) ** 2)


# --- fast and scarce: what reads it decides whether its mean will do

READERS = "m: => P; {law}; l: P =>; P;"
MESSENGER = ("X = 2; P = 0;", "b: => X; 2*s; d: X =>; s*X;", {"X": 20, "P": 50})
DIMERS = ("A = 6; X = 0; P = 0;", "b: 2 A => X; s*A*(A - 1)/4; d: X => 2 A; s*X;", {"A": 6, "X": 3, "P": 50})
PROMOTERS = ("X = 1; H = 1; P = 0;", "b: H => X; s*H; d: X => H; s*X;", {"X": 2, "H": 2, "P": 50})
NOT_AFFINE = {
    "pairs of a messenger": (MESSENGER, "2*X*(X - 1)"),
    "a messenger that saturates": (MESSENGER, "8*X^2/(9 + X^2)"),
    "few dimers": (DIMERS, "6*X"),
}
AFFINE = {"a messenger": (MESSENGER, "2*X"), "two promoters": (PROMOTERS, "5*X")}
averaging = pytest.mark.filterwarnings("ignore::biomulti.counts.AssumptionWarning")


def fast(case: tuple[tuple[str, str, dict[str, int]], str], s: float, beside: str = "") -> tuple[str, dict[str, int]]:
    """A fast subnetwork of speed s, and P that is made as a law says and decays at 1; and the limits of a box."""
    (species, laws, limits), law = case
    return network(species, f"s = {s:g}; {laws} {READERS.format(law=law)} {beside}"), limits


@BESIDE
@pytest.mark.parametrize("name", NOT_AFFINE)
def test_what_must_not_be_averaged_fires(name, beside):
    """The mean of a law is not the law of the mean: however fast X is, it fires, and P has its exact law."""
    for s in (100.0, 1e4):
        assert flowing(fast(NOT_AFFINE[name], s, beside)[0], 5.0) == ({"makeQ", "loseQ"} if beside else set())
    equation = master(*fast(NOT_AFFINE[name], 100.0))
    p = equation.at(5.0)
    model, _ = fast(NOT_AFFINE[name], 100.0, beside)
    sample = runs(model, 5.0, 400 if beside else 5_000, 20).P.values
    print(f"{name}: {sample.mean():.3f}, {sample.var(ddof=1):.3f} for {equation.moments('P', p)}")
    assert_moments(sample, equation.moments("P", p))
    assert exact.chi_square(sample, equation.law("P", p)) > P_VALUE


@averaging
def test_averaging_would_have_been_seen():
    """Told to flow, the messenger of mean 2 makes 2 x 2 x 1 = 4 in place of <2 X (X - 1)> = 8, however fast it is."""
    model, limits = fast(NOT_AFFINE["pairs of a messenger"], 100.0)
    equation = master(model, limits)
    assert equation.moments("P", equation.at(5.0))[0] == pytest.approx(8.0 * (1.0 - np.exp(-5.0)), rel=0.01)
    sample = runs(model, 5.0, 3_000, 21, physical_scale={"b": "flow", "d": "flow"}).P.values
    exact.assert_mean(sample, 4.0 * (1.0 - np.exp(-5.0)))


@averaging
@pytest.mark.parametrize("s", [20.0, 100.0, 1e3])
@pytest.mark.parametrize("name", AFFINE)
def test_what_may_be_averaged_costs_what_is_said(name, s):
    """P reads the mean of X, so that P is a Poisson number with its exact mean; the missing variance is as said.

    By default X flows where that is below .05, and fires where it is not.
    """
    model, limits = fast(AFFINE[name], s)
    by_default = flowing(model, 5.0)
    assert by_default == ({"b", "d"} if s > 20.0 else set())
    told = {} if by_default else {"physical_scale": {"b": "flow", "d": "flow"}, "tolerance": np.inf}
    split = bm.partition(model, t_end=5.0, **told)
    shift, missing = split.errors.loc["P"]
    assert all("averaged" in d.reason for d in split.decisions[:2]) or not by_default
    equation = master(model, limits)
    run = bm.simulate(model, t_end=5.0, every=1.0, replicates=6_000, seed=22, progress=False, **told)
    truly = []
    for t in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0):
        mean, variance = equation.moments("P", equation.at(t))
        truly.append(1.0 - mean / variance)
        if t >= 1.0:
            sample = run.P.sel(time=t).values
            exact.assert_mean(sample, mean, spread=shift * mean / exact.Z)
            exact.assert_variance(sample, mean)
    print(f"{name}, {s:g}: {missing:.5f} said to be missing of the variance, truly {np.round(truly, 5)}")
    assert missing == pytest.approx(max(truly), rel=0.1)
    assert shift < 1e-6


@averaging
def test_what_is_read_together_is_correlated():
    """A makes B, and P is made at .25 A B: <A B> = 40 + 1, and the one is lost where A flows. So is said of the mean.

    Covariances of this linear part are Var A = <A> = 20 and C = .1 Var A/2 = 1 (Poisson numbers that A drives).
    """
    model = network(
        "A = 20; B = 2; P = 0;",
        "s = 1000; a1: => A; 20*s; a2: A =>; s*A; b1: => B; 0.1*s*A; b2: B =>; s*B; m: => P; 0.25*A*B; l: P =>; P;",
    )
    split = bm.partition(model, t_end=5.0)
    assert flowing(model, 5.0) == {"a1", "a2", "b1", "b2"}
    error = split.errors.loc["P", "error of mean"]
    assert error == pytest.approx(0.25 / 10.0, rel=0.01)
    sample = runs(model, 5.0, 3_000, 23).P.values
    print(f"{sample.mean():.3f} for {10.25 * (1.0 - np.exp(-5.0)):.3f}, said to be off by {error:.4f}")
    exact.assert_mean(sample, 10.0 * (1.0 - np.exp(-5.0)))
