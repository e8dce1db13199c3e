"""Influenza within hosts: the network against its closed forms and references, its twin against it, the likelihood,
profiles and predictions against exact ones, the sampler on titres made from known hosts.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import arviz as az
import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import integrate, stats

from biomulti.demos.scripts import example

TRUTH = np.array([-1.0, -4.5, 1.3, 0.7])  # mean of log10 V0, b, R0, d of the hosts that are made here
BETWEEN, NOISE, LOG_K = np.array([0.5, 0.3, 0.1, 0.05]), 0.4, 0.6


@pytest.fixture(scope="module")
def host() -> ModuleType:
    return example("within_host")


@pytest.fixture(scope="module")
def fit(host: ModuleType) -> ModuleType:
    return host.inference()


@pytest.fixture(scope="module")
def made(host: ModuleType, fit: ModuleType) -> np.ndarray:
    """Titres [6, 7] of six hosts of known parameters, seed 5, from the network."""
    rng = np.random.default_rng(5)
    theta = np.asarray(fit.full(TRUTH + BETWEEN * rng.normal(size=(6, 4)), LOG_K))
    loads = host.simulate(theta)[:, 1:]
    return np.maximum(loads + NOISE * rng.normal(size=loads.shape), host.LIMIT)


@pytest.fixture(scope="module")
def result(host: ModuleType, made: np.ndarray) -> dict[str, Any]:
    return host.run(made, draws=80, folds=False, progress=False)


def test_numbers_of_the_network(host):
    """Reference values to their last digit; the growth rate of the run within 1e-3 of the root, T being .1 % short."""
    found = host.numbers()
    assert found["R0"] == pytest.approx(21.775, abs=5e-4)
    assert found["growth rate, closed form"] == pytest.approx(8.517, abs=5e-4)
    assert found["growth rate"] == pytest.approx(found["growth rate, closed form"], rel=1e-3)
    assert found["peak day"] == pytest.approx(2.33, abs=0.005)
    assert found["log10 peak"] == pytest.approx(5.888, abs=5e-4)
    assert found["last day above 1"] == pytest.approx(6.33, abs=0.005)


def test_growth_rate_solves_its_cubic(host):
    rates = {"b": 1e-5, "p": 0.2, "k": 3.0, "d": 2.0, "c": 9.0}
    r = host.growth_rate(**rates)
    assert (r + 3.0) * (r + 2.0) * (r + 9.0) == pytest.approx(3.0 * 1e-5 * 0.2 * host.T0, rel=1e-9)


def test_the_twin_is_the_network_to_fourth_order(host, fit, monkeypatch):
    """RK4: twice the steps, a sixteenth of the error; in between, 8 to 32 is asked for, as steps are not small."""
    theta = np.array([[-1.1, -4.5, 1.34, 0.716, 0.602, 0.716]])
    exact, errors = host.simulate(theta)[0, 1:6], []
    for steps in (16, 32):
        monkeypatch.setattr(fit, "STEPS", steps)
        # a function of its own, since what is compiled keeps its steps
        errors.append(np.abs(np.asarray(jax.jit(lambda t: fit.course(t))(theta[0]))[:5] - exact).max())
    assert errors[0] < 0.02
    assert 8.0 < errors[0] / errors[1] < 32.0


def test_the_gradient_is_that_of_differences(fit):
    """Central differences of 1e-5 in log10: their error is 1e-10 times a third derivative, and rounding 1e-16/1e-5."""
    theta = np.array([-1.1, -4.5, 1.34, 0.716, 0.602, 0.716])
    weights = np.arange(1.0, 8.0)
    found = jax.grad(lambda t: (weights * fit.course(t)).sum())(theta)
    steps = 1e-5 * np.eye(6)
    high, low = fit.courses(theta + steps) @ weights, fit.courses(theta - steps) @ weights
    assert np.asarray(found) == pytest.approx((high - low) / 2e-5, rel=1e-5, abs=1e-5)


def test_blocks_change_nothing(fit):
    theta, _ = fit.prior_hosts(1003, seed=2)
    whole = fit.courses(theta)
    assert whole.shape == (1003, 7)
    assert fit.courses(theta[-5:]) == pytest.approx(whole[-5:])


def test_nothing_of_a_host_left_out_is_seen(host, fit, result, monkeypatch):
    """Each fit is to the five others, and the host enters by its own density alone."""
    seen = []

    def fitted(titres: np.ndarray, limit: float, **_: Any) -> Any:
        seen.append(titres)
        return result["data"]

    monkeypatch.setattr(fit, "sample", fitted)
    monkeypatch.setattr(fit, "POOLING", ("partial",))
    monkeypatch.setattr(fit, "HOSTS", 1000)
    found = fit.leave_one_out(host.TITRES, host.LIMIT, draws=80)
    assert len(seen) == 6
    for j, titres in enumerate(seen):
        assert np.isnan(titres[j]).all()
        assert (np.delete(titres, j, axis=0) == np.delete(host.TITRES, j, axis=0)).all()
    for by in found.values():
        assert by["before"]["log_density"] == pytest.approx(by["before"]["each"].sum())
        assert by["before"]["log_density"] < by["after"]["log_density"]
        assert 0.0 <= by["before"]["within_50"] <= by["before"]["within_90"] <= 1.0


@pytest.mark.parametrize(
    ("titres", "options", "message"),
    [
        ([1.0, 2.0], {}, "one row for each host"),
        (np.zeros((6, 5)), {}, "one row for each host"),
        (np.full((2, 7), np.inf), {}, "finite"),
        ([["a"] * 7], {}, "numbers"),
        (np.zeros((2, 7)), {"pooling": "some"}, "choose one of partial, complete"),
        (np.zeros((2, 7)), {"draws": 0}, "10 draws of 2 chains"),
    ],
)
def test_titres_that_cannot_be_fitted(fit, titres, options, message):
    with pytest.raises(ValueError, match=message):
        fit.sample(titres, 0.5, **options)


@pytest.mark.parametrize("options", [{"efficacy": 1.2}, {"efficacy": np.nan}, {"start": -1.0}, {"start": 0.02}])
def test_a_drug_that_cannot_be(host, options):
    with pytest.raises(ValueError, match="needed"):
        host.simulate(np.zeros((1, 6)), **options)
    with pytest.raises(ValueError, match="theta"):
        host.simulate(np.zeros(6))


def test_titres_above_and_below_the_limit_have_probability_one(fit):
    mean, sigma, limit = 1.1, 0.8, 0.5
    below = np.exp(float(fit.log_likelihood(np.array(0.0), mean, sigma, limit)))
    above, _ = integrate.quad(
        lambda y: np.exp(float(fit.log_likelihood(np.array(y), mean, sigma, limit))), limit + 1e-12, 8.0
    )
    assert below == pytest.approx(stats.norm.cdf((limit - mean) / sigma))
    assert below + above == pytest.approx(1.0, abs=1e-6)
    assert float(fit.log_likelihood(np.array(np.nan), mean, sigma, limit)) == 0.0


def test_profiles_of_a_normal_likelihood(fit):
    """Two correlated normal parameters: the profile's 95 % interval is 1.96 marginal deviations either side."""
    covariance = np.array([[0.5, 0.3], [0.3, 0.4]])
    precision = np.linalg.inv(covariance)

    def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
        return 0.5 * float(x @ precision @ x), precision @ x

    wide = np.array([5.0, 5.0])
    low, high = fit.profile(objective, np.zeros(2), 0.0, 0, -wide, wide, step=0.01)
    assert (low, high) == pytest.approx((-1.96 * 0.5**0.5, 1.96 * 0.5**0.5), abs=2e-3)
    low, high = fit.profile(objective, np.zeros(2), 0.0, 0, -wide, np.array([1.0, 5.0]), step=0.1)
    assert high == np.inf


def test_prediction_obeys_the_chain_rule(host, fit):
    """log p(days 1 to 7) = log p(days 1, 2) + log p(days 3 to 7 | 1, 2), exactly, for the same drawn hosts."""
    theta, sigma = fit.prior_hosts(2000, seed=3)
    y = host.TITRES[3]
    loads = fit.courses(theta)
    whole = fit.predict(loads, sigma, y, host.LIMIT)
    later = fit.predict(loads, sigma, y, host.LIMIT, seen=2)
    first = np.append(y[:2], np.full(5, np.nan))
    assert whole["effective"] == pytest.approx(2000.0)
    assert whole["log_density"] == pytest.approx(
        fit.predict(loads, sigma, first, host.LIMIT)["log_density"] + later["log_density"]
    )
    assert later["quantiles"].shape == (5, 5)
    assert (np.diff(later["quantiles"], axis=0) >= 0.0).all()


def test_draws_find_what_titres_were_made_from(result, fit):
    """Mean of V0, b, R0, d, and k and sigma, each within 4 standard deviations of its posterior.

    Fixed seeds; were the posterior normal and right, one of six would fail in 4e-4 of data sets.
    """
    found = result["diagnostics"]
    assert found["r_hat"] < 1.1
    assert found["ess_bulk"] > 40.0
    assert found["divergences"] <= 5
    drawn = az.extract(result["data"])
    values = np.vstack([drawn["mean"].values, drawn["log10 k"].values, drawn["sigma"].values])
    truth = np.concatenate([TRUTH, [LOG_K, NOISE]])
    assert (np.abs(values.mean(axis=1) - truth) < 4.0 * values.std(axis=1)).all()
    # and learns: noise to a tenth, where its prior had .6
    assert drawn["sigma"].values.std() < 0.15


def test_titres_learned_from_predict_a_host_better_than_the_prior(result, host, fit, made):
    """A seventh host of the same kind, whole week: the log density by the posterior is higher, by 3 at least."""
    rng = np.random.default_rng(11)
    theta = np.asarray(fit.full(TRUTH + BETWEEN * rng.normal(size=(1, 4)), LOG_K))
    y = np.maximum(host.simulate(theta)[0, 1:] + NOISE * rng.normal(size=7), host.LIMIT)
    learned, blank = (
        fit.predict(fit.courses(drawn), sigma, y, host.LIMIT)
        for drawn, sigma in (fit.new_hosts(result["data"], copies=10), fit.prior_hosts(5000))
    )
    assert learned["log_density"] > blank["log_density"] + 3.0


def test_a_drug(host):
    """No release from the start: V = V0 exp(-c t), exactly. No efficacy: nothing. Earlier is better."""
    theta = np.array([[0.0, -4.5, 1.3, 0.7, 0.6, 0.5]] * 2)
    stopped = host.simulate(theta, efficacy=1.0, start=0.0)
    assert stopped[0, :4] == pytest.approx(-(10.0**0.5) * np.arange(4) / np.log(10.0), abs=1e-5)
    untreated = host.simulate(theta)
    assert host.simulate(theta, efficacy=0.0, start=1.0) == pytest.approx(untreated, abs=1e-4)
    early, late = (host.simulate(theta, efficacy=0.97, start=s)[0].sum() for s in (1.0, 2.0))
    assert early < late < untreated[0].sum()


def test_a_trial(host, result, fit):
    theta, sigma = fit.new_hosts(result["data"], copies=5, draws=10)
    found = host.trial(theta, sigma, copies=5, efficacy=0.97)
    assert found["mean"]["placebo"].shape == (10, 8)
    assert np.median(found["fall early"]) > np.median(found["fall late"])
    assert (found["peak"] > 0.0).mean() > 0.8


def test_two_peaks(host):
    """Volunteers 1, 2, 3 fall and rise by one log10; the others do not."""
    assert host.two_peaks(host.TITRES).tolist() == [True, True, True, False, False, False]


def test_pictures_and_files(host, fit, result, tmp_path: Path):
    """The panel from a quick run; the whole figure from it and from predictions by the prior."""
    _, axes = plt.subplots()
    host.panel(axes, result)
    assert len(axes.lines) >= 8
    theta, sigma = fit.prior_hosts(500)
    forecasts = [fit.predict(fit.courses(theta), sigma, y, host.LIMIT, seen=2) for y in result["titres"]]
    score = {
        "log_density": -50.0,
        "each": np.full(6, -8.0),
        "within_50": 0.5,
        "within_90": 0.9,
        "error": 1.0,
        "effective": 100.0,
    }
    theta, sigma = fit.new_hosts(result["data"], copies=2, draws=10)
    result = {
        **result,
        "alone": {"sigma": 1.0, "theta": np.zeros((6, 4)), "interval": np.zeros((6, 4, 2))},
        "as one": dict.fromkeys(host.BACCAM, (0.0, -1.0, np.inf)),
        "left out": {
            pooling: {"before": score, "after": score, "r_hat": 1.0, "divergences": 0, "forecasts": forecasts}
            for pooling in ("partial", "complete", "none")
        },
        "error of twin": (0.01, 0.02),
        "trial": {e: host.trial(theta, sigma, copies=2, efficacy=e) for e in host.EFFICACIES},
    }
    assert "21.775" in host.summary(result)
    host.draw(result, tmp_path / "within_host.png")
    assert (tmp_path / "within_host.png").stat().st_size > 50_000
    plt.close("all")
    again = host.save(result["data"], tmp_path)
    back = az.from_netcdf(str(again)) if again.suffix == ".nc" else az.from_zarr(str(again))
    assert back.posterior["theta"].equals(result["data"].posterior["theta"])
