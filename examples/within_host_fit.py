"""Fits of influenza within hosts: maximum likelihood, Bayesian with partial pooling, and prediction of a host left out.

The shipped network `within_host` as an ODE, in JAX so that it can be differentiated, with u = T/T0, e = E/T0, i = I/T0
and v = b V, in which T0 and p appear as R0 = b p T0/(c d) alone:

    (ln u)' = -v,   e' = u v - k e,   i' = k e - d i,   v' = R0 c d i - c v.

What was measured, y, is log10 V plus normal noise; below the limit of detection L it is known to lie below it:

    log p(y | V) = log N(y; log10 V, sigma)  above L,   log Phi((L - log10 V)/sigma)  below it.

Parameters of host j are theta_j = (log10 V0, log10 b, log10 R0, log10 d), with c = d:

    theta_j = mu + tau z_j,   z_j ~ N(0, 1)      (partial pooling; complete pooling has tau = 0)

sampled by NUTS (Hoffman & Gelman 2014, JMLR 15:1593) of NumPyro. `within_host.py` uses this, and says what comes out.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.special import logsumexp
from tqdm import tqdm

try:
    import arviz as az
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    from jax.scipy.stats import norm
    from numpyro.infer import MCMC, NUTS, init_to_median
except ImportError as missing:
    raise ImportError(f"{missing}; it comes with: pip install 'biomulti[inference]'") from missing

numpyro.enable_x64()

Floats = NDArray[np.float64]

STEPS = 16  # of RK4 per day; the error is measured by `within_host.error_of_twin`
DAYS = 7
FLOOR = 1e-9  # TCID50/ml, below which log10 V is not followed
NAMES = ("V0", "b", "R0", "d")  # what hosts differ in; log10 of TCID50/ml, ml/TCID50/day, 1, 1/day
POOLING = ("partial", "complete")

# Before the data: mean and sd of mu, scale of tau (half normal), all of log10.
#   V0: of an inoculum of 10^4.2 most is lost; .001 to 10 TCID50/ml.
#   b:  infectious titres peak between 1e4 and 1e7, and at the peak cells are used up within hours, b V ~ 25 per day.
#   R0: 1 to 100.   d: infected cells live, and virus keeps infectious, for 2 to 16 hours.
MEAN, SD, SPREAD = np.array([-1.0, -4.5, 1.0, 0.6]), np.array([1.0, 1.0, 0.5, 0.22]), np.array([1.0, 0.5, 0.3, 0.13])
ECLIPSE, ECLIPSE_SD = np.log10(4.0), 0.13  # log10 k: 6 hours in culture, 3.3 to 11; the same for all hosts
NOISE = 1.0  # scale of sigma, half normal, log10


def integrated(theta: Any) -> Any:
    """log10 V [DAYS] on days 1, 2, ..., of theta = log10 of (V0, b, R0, d, k, c).

    RK4 with losses taken exactly (Lawson 1967, doi:10.1137/0704033), so that nothing is unstable or negative.
    """
    V0, b, R0, d, k, c = (10.0 ** theta[j] for j in range(6))
    h = 1.0 / STEPS
    half = jnp.exp(-0.5 * h * jnp.stack([0.0 * k, k, d, c]))
    whole = half**2

    def gain(y: Any) -> Any:
        return jnp.stack([-y[3], y[3] * jnp.exp(y[0]), k * y[1], R0 * c * d * y[2]])

    def step(y: Any, _: None) -> tuple[Any, None]:
        k1 = gain(y)
        k2 = gain(half * (y + 0.5 * h * k1))
        k3 = gain(half * y + 0.5 * h * k2)
        k4 = gain(whole * y + h * half * k3)
        return whole * y + h / 6.0 * (whole * k1 + 2.0 * half * (k2 + k3) + k4), None

    def day(y: Any, _: None) -> tuple[Any, Any]:
        y, _ = jax.lax.scan(step, y, None, length=STEPS)
        return y, y[3]

    _, v = jax.lax.scan(day, jnp.stack([0.0 * V0, 0.0 * V0, 0.0 * V0, b * V0]), None, length=DAYS)
    return jnp.log10(jnp.maximum(v / b, FLOOR))


@jax.custom_vjp
def course(theta: Any) -> Any:
    """`integrated`, whose gradient is taken forwards: six numbers follow every step, and no step has to be kept."""
    return integrated(theta)


def with_slope(theta: Any) -> tuple[Any, Any]:
    slope, load = jax.jacfwd(lambda t: (integrated(t),) * 2, has_aux=True)(theta)
    return load, slope


course.defvjp(with_slope, lambda slope, weights: (weights @ slope,))


def full(theta: Any, log_k: Any) -> Any:
    """theta [..., 4] of a host and log10 k to what `course` takes, [..., 6], with c = d."""
    log_k = jnp.broadcast_to(log_k, theta.shape[:-1])
    return jnp.concatenate([theta, log_k[..., None], theta[..., 3:4]], axis=-1)


block_of_courses = jax.jit(jax.vmap(course))
BLOCK = 1000


def courses(theta: Floats) -> Floats:
    """`course` of hosts theta [n, 6], in blocks of one size, so that it is compiled once: [n, DAYS]."""
    rows = np.pad(np.asarray(theta), ((0, -len(theta) % BLOCK), (0, 0)), mode="edge")
    return np.concatenate([block_of_courses(part) for part in rows.reshape(-1, BLOCK, 6)])[: len(theta)]


def log_likelihood(titres: Any, mean: Any, sigma: Any, limit: float) -> Any:
    """Log density of each titre, its log probability where it is not above the limit, 0 where it is NaN."""
    y = jnp.where(jnp.isnan(titres), 0.0, titres)
    found = jnp.where(y <= limit, norm.logcdf((limit - mean) / sigma), norm.logpdf(y, mean, sigma))
    return jnp.where(jnp.isnan(titres), 0.0, found)


# --- maximum likelihood ---

LOWER = np.array([-8.0, -9.0, 0.0, -0.5, -0.3, -0.5])  # log10 of (V0, b, R0, d, k, c)
UPPER = np.array([3.0, -1.0, 4.0, 1.3, 1.6, 1.3])
START = np.array([-1.0, -4.5, 1.2, 0.65, ECLIPSE, 0.65])
CHI2 = 1.9207  # half of the 95 % point of chi square with one degree of freedom

Objective = Callable[[Floats], tuple[float, Floats]]


def minimum(objective: Objective, starts: Sequence[Floats], lower: Floats, upper: Floats) -> tuple[Floats, float]:
    """The lowest of L-BFGS-B from each start, within bounds [n]: where, and how low."""
    bounds = list(zip(lower, upper, strict=True))
    runs = [
        optimize.minimize(objective, np.clip(s, lower, upper), jac=True, method="L-BFGS-B", bounds=bounds)
        for s in starts
    ]
    best = min(runs, key=lambda run: float(run.fun))
    return best.x, float(best.fun)


def compiled(objective: Callable[[Any], Any]) -> Objective:
    """Value and gradient, compiled, for scipy."""
    both = jax.jit(jax.value_and_grad(objective))

    def call(x: Floats) -> tuple[float, Floats]:
        value, slope = both(x)
        return (float(value), np.asarray(slope)) if np.isfinite(value) else (1e10, np.zeros_like(x))

    return call


def profile(
    objective: Objective, best: Floats, lowest: float, j: int, lower: Floats, upper: Floats, *, step: float = 0.1
) -> tuple[float, float]:
    """Profile-likelihood interval (95 %) of parameter j; infinite to a side where the bound is met first."""
    ends = []
    for sign in (-1.0, 1.0):
        x, before, end = best.copy(), lowest, sign * np.inf
        while True:
            at = x[j] + sign * step
            if not lower[j] <= at <= upper[j]:
                break
            low, high, start = lower.copy(), upper.copy(), x.copy()
            low[j] = high[j] = start[j] = at
            x, value = minimum(objective, [start], low, high)
            if value > lowest + CHI2:
                end = at - sign * step * (value - lowest - CHI2) / max(value - before, 1e-12)
                break
            before = value
        ends.append(float(end))
    return ends[0], ends[1]


def best_of_each(titres: Floats, limit: float, *, starts: int = 8, seed: int = 1) -> dict[str, Any]:
    """Every host alone (k fixed, c = d), one sigma for all: theta [hosts, 4], sigma, and intervals [hosts, 4, 2].

    Intervals take sigma times sqrt(n/(n - 4 hosts)), since a maximum of the likelihood makes the noise too small.
    """
    hosts, rng = len(titres), np.random.default_rng(seed)
    data = jnp.asarray(titres)

    def joint(x: Any) -> Any:
        mean = jax.vmap(course)(full(x[:-1].reshape(hosts, 4), ECLIPSE))
        return -log_likelihood(data, mean, jnp.exp(x[-1]), limit).sum()

    lower = np.append(np.tile(LOWER[:4], hosts), np.log(0.05))
    upper = np.append(np.tile(UPPER[:4], hosts), np.log(5.0))
    first = np.append(np.tile(START[:4], hosts), 0.0)
    tries = [first + (n > 0) * rng.normal(0.0, 0.4, first.size) for n in range(starts)]
    x, value = minimum(compiled(joint), tries, lower, upper)
    theta, sigma = x[:-1].reshape(hosts, 4), float(np.exp(x[-1]))
    wide = sigma * np.sqrt(titres.size / (titres.size - theta.size))
    one = jax.jit(
        jax.value_and_grad(
            lambda t, y: -log_likelihood(y, course(full(t, ECLIPSE)), wide, limit).sum(),
        )
    )
    intervals = np.empty((hosts, 4, 2))
    for j in range(hosts):

        def alone(t: Floats, y: Any = data[j]) -> tuple[float, Floats]:
            value, slope = one(t, y)
            return (float(value), np.asarray(slope)) if np.isfinite(value) else (1e10, np.zeros(4))

        best, lowest = minimum(alone, [theta[j]], LOWER[:4], UPPER[:4])
        intervals[j] = [profile(alone, best, lowest, n, LOWER[:4], UPPER[:4]) for n in range(4)]
    return {"theta": theta, "sigma": sigma, "log_likelihood": -value, "interval": intervals}


def best_of_all(titres: Floats, limit: float, T0: float, *, seed: int = 1) -> dict[str, tuple[float, float, float]]:
    """All hosts as one, six parameters free: log10 best value and 95 % profile interval of each, and of p."""
    rng, data = np.random.default_rng(seed), jnp.asarray(titres)
    lower, upper = np.append(LOWER, np.log(0.05)), np.append(UPPER, np.log(5.0))
    found = {}
    for third in ("R0", "p"):

        def pooled(x: Any, third: str = third) -> Any:
            log_R0 = x[2] if third == "R0" else x[1] + x[2] + np.log10(T0) - x[3] - x[5]
            mean = course(jnp.stack([x[0], x[1], log_R0, x[3], x[4], x[5]]))
            return -log_likelihood(data, mean, jnp.exp(x[6]), limit).sum()

        objective = compiled(pooled)
        start = np.append(START, 0.0)
        if third == "p":
            lower[2], upper[2], start[2] = -9.0, 4.0, -1.3
        tries = [start + (n > 0) * rng.normal(0.0, 0.3, 7) for n in range(8)]
        best, lowest = minimum(objective, tries, lower, upper)
        for j, name in enumerate(("V0", "b", third, "d", "k", "c")):
            if name not in found:
                found[name] = (float(best[j]), *profile(objective, best, lowest, j, lower, upper))
    return found


# --- Bayesian ---


def model(titres: Any, limit: float, *, pooling: str) -> None:
    """The statement above, as NumPyro takes it; `titres` [hosts, days], NaN where not seen."""
    log_k = numpyro.sample("log10 k", dist.Normal(ECLIPSE, ECLIPSE_SD))
    sigma = numpyro.sample("sigma", dist.HalfNormal(NOISE))
    mean = numpyro.sample("mean", dist.Normal(MEAN, SD).to_event(1))
    theta = jnp.broadcast_to(mean, (titres.shape[0], 4))
    if pooling == "partial":
        spread = numpyro.sample("spread", dist.HalfNormal(SPREAD).to_event(1))
        theta = theta + spread * numpyro.sample("z", dist.Normal(0.0, 1.0).expand(theta.shape).to_event(2))
    numpyro.deterministic("theta", theta)
    expected = jax.vmap(course)(full(theta, log_k))
    numpyro.factor("likelihood", log_likelihood(titres, expected, sigma, limit).sum())


@functools.partial(jax.jit, static_argnames=("pooling", "draws", "chains"))
def chains_of(key: Any, titres: Any, limit: float, *, pooling: str, draws: int, chains: int) -> tuple[Any, Any]:
    """Draws and what the sampler did; compiled once for all data of a shape, hosts left out (NaN) included."""
    kernel = NUTS(
        functools.partial(model, pooling=pooling),
        target_accept_prob=0.9,
        init_strategy=init_to_median(),
        dense_mass=[("mean", "log10 k")],
        max_tree_depth=(5, 8),  # while adapting, and after
    )
    mcmc = MCMC(
        kernel,
        num_warmup=draws,
        num_samples=draws,
        num_chains=chains,
        chain_method="vectorized",
        progress_bar=False,
    )
    mcmc.run(key, titres, limit, extra_fields=("diverging", "num_steps", "energy"))
    return mcmc.get_samples(group_by_chain=True), mcmc.get_extra_fields(group_by_chain=True)


def checked(titres: Any, limit: float) -> Floats:
    """Titres as numbers [hosts, DAYS]; ValueError where they are not, or infinite."""
    try:
        found = np.asarray(titres, dtype=float)
    except (TypeError, ValueError) as wrong:
        raise ValueError("titres: numbers [hosts, days] are needed, NaN where not seen.") from wrong
    if found.ndim != 2 or found.shape[1] != DAYS or not len(found):
        raise ValueError(f"titres: [hosts, {DAYS}] is needed, one row for each host; they are {list(found.shape)}.")
    if np.isinf(found).any() or not np.isfinite(limit):
        raise ValueError("titres and their limit: finite numbers are needed; NaN is a titre not seen.")
    return found


def sample(
    titres: Floats, limit: float, *, pooling: str = "partial", draws: int = 300, chains: int = 4, seed: int = 1
) -> az.InferenceData:
    """Draws from the posterior, with diagnostics, log likelihood and titres predicted anew, as ArviZ has them.

    titres [hosts, DAYS], NaN where not seen; as many draws again adapt the sampler. ValueError for other arguments.
    """
    titres = checked(titres, limit)
    if pooling not in POOLING:
        raise ValueError(f"pooling {pooling!r}: choose one of {', '.join(POOLING)}.")
    if draws < 10 or chains < 2:
        raise ValueError(f"{draws} draws of {chains} chains: R-hat needs 10 draws of 2 chains at least.")
    drawn, did = chains_of(
        jax.random.PRNGKey(seed), jnp.asarray(titres), float(limit), pooling=pooling, draws=draws, chains=chains
    )
    kept, stats = ({name: np.asarray(x) for name, x in found.items()} for found in (drawn, did))
    theta = kept["theta"].reshape(-1, len(titres), 4)
    expected = np.stack([courses(full(theta[:, j], kept["log10 k"].ravel())) for j in range(len(titres))], axis=1)
    expected = expected.reshape(*kept["theta"].shape[:3], -1)
    sigma = kept["sigma"][:, :, None, None]
    again = expected + sigma * np.random.default_rng(seed).normal(size=expected.shape)
    return az.from_dict(
        posterior={**kept, "load": expected},
        sample_stats={"diverging": stats["diverging"], "n_steps": stats["num_steps"], "energy": stats["energy"]},
        log_likelihood={"titre": np.asarray(log_likelihood(titres, expected, sigma, limit))},
        posterior_predictive={"titre": np.maximum(again, limit)},
        observed_data={"titre": titres},
        coords={
            "host": np.arange(1, len(titres) + 1),
            "day": np.arange(1, titres.shape[1] + 1),
            "parameter": list(NAMES),
        },
        dims={
            "theta": ["host", "parameter"],
            "z": ["host", "parameter"],
            "mean": ["parameter"],
            "spread": ["parameter"],
            "load": ["host", "day"],
            "titre": ["host", "day"],
        },
    )


def diagnostics(data: az.InferenceData) -> dict[str, float]:
    """Largest R-hat, smallest bulk and tail effective sample sizes over all that was drawn, and divergent draws."""
    free = [name for name in ("mean", "spread", "z", "log10 k", "sigma") if name in data.posterior]
    table = az.summary(data, var_names=free, kind="diagnostics", round_to="none")
    return {
        "r_hat": float(table["r_hat"].max()),
        "ess_bulk": float(table["ess_bulk"].min()),
        "ess_tail": float(table["ess_tail"].min()),
        "divergences": int(data.sample_stats["diverging"].sum()),
        "leapfrog": float(data.sample_stats["n_steps"].mean()),
    }


def prior_hosts(n: int, *, copies: int = 1, seed: int = 1) -> tuple[Floats, Floats]:
    """Hosts before any data, `copies` with the same mu, tau, k, sigma: theta [n copies, 6] for `course`, and sigma."""
    rng = np.random.default_rng(seed)
    mean = MEAN + SD * rng.normal(size=(n, 4))
    spread = SPREAD * np.abs(rng.normal(size=(n, 4)))
    theta = np.repeat(mean, copies, axis=0) + np.repeat(spread, copies, axis=0) * rng.normal(size=(n * copies, 4))
    log_k = np.repeat(ECLIPSE + ECLIPSE_SD * rng.normal(size=n), copies)
    return np.asarray(full(theta, log_k)), np.repeat(NOISE * np.abs(rng.normal(size=n)), copies)


def new_hosts(
    data: az.InferenceData, *, copies: int = 1, draws: int | None = None, seed: int = 1
) -> tuple[Floats, Floats]:
    """Hosts that were not seen, `copies` for each draw, which stand together: theta [n, 6], and sigma [n]."""
    rng, drawn = np.random.default_rng(seed), az.extract(data)
    chosen = np.arange(drawn.sizes["sample"])
    if draws is not None:
        chosen = np.linspace(0, len(chosen) - 1, draws).astype(int)
    chosen = np.repeat(chosen, copies)
    z = rng.normal(size=(len(chosen), 4))
    mean, spread = drawn["mean"].transpose("sample", "parameter").values[chosen], np.zeros(4)
    if "spread" in drawn:
        spread = drawn["spread"].transpose("sample", "parameter").values[chosen]
    return np.asarray(full(mean + spread * z, drawn["log10 k"].values[chosen])), drawn["sigma"].values[chosen]


# --- prediction ---

HOSTS = 20000  # drawn to predict one
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def predict(
    mean: Floats, sigma: Floats, titres: Floats, limit: float, *, seen: int = 0, seed: int = 1
) -> dict[str, Any]:
    """Predict one host's titres [days] after the first `seen`, which weight drawn hosts: log10 V [n, days], sigma [n].

    Returns the log density of all that was predicted together (log of the weighted mean over drawn hosts of the
    product over days), quantiles [LEVELS, days] of the titre that would be measured (at least the limit), and the
    effective number of drawn hosts.
    """
    rng = np.random.default_rng(seed)
    each = np.asarray(log_likelihood(titres, mean, sigma[:, None], limit))
    each = np.where(np.isfinite(each), each, -1e6)
    weight = each[:, :seen].sum(axis=1)
    weight -= logsumexp(weight)
    chosen = rng.choice(len(weight), size=4000, p=np.exp(weight))
    measured = np.maximum(mean[chosen] + sigma[chosen, None] * rng.normal(size=(4000, mean.shape[1])), limit)
    return {
        "log_density": float(logsumexp(weight + each[:, seen:].sum(axis=1))),
        "quantiles": np.quantile(measured, LEVELS, axis=0)[:, seen:],
        "effective": float(np.exp(-logsumexp(2.0 * weight))),
    }


def scores(predicted: list[dict[str, Any]], titres: Floats, limit: float, *, seen: int) -> dict[str, Any]:
    """Log density of all hosts and of each, coverage of 50 and 90 % intervals, mean absolute error of the medians."""
    y = np.maximum(titres[:, seen:], limit)
    low, low_half, middle, high_half, high = np.stack([p["quantiles"] for p in predicted], axis=1)
    return {
        "log_density": float(sum(p["log_density"] for p in predicted)),
        "each": np.array([p["log_density"] for p in predicted]),
        "within_50": float(np.mean((low_half <= y) & (y <= high_half))),
        "within_90": float(np.mean((low <= y) & (y <= high))),
        "error": float(np.mean(np.abs(y - middle))),
        "effective": float(min(p["effective"] for p in predicted)),
    }


def leave_one_out(
    titres: Floats,
    limit: float,
    *,
    draws: int = 300,
    chains: int = 4,
    seen: int = 2,
    seed: int = 1,
    fitted: Callable[[], object] = lambda: None,
) -> dict[str, dict[str, Any]]:
    """Each host predicted from the others, before any data of it and after `seen` days of it, by each kind of pooling.

    "none" learns nothing from the others, not even the noise: hosts and sigma drawn from the prior, weighted by the
    days seen. `fitted` is called after each fit.
    """
    found: dict[str, dict[str, Any]] = {}
    theta, sigma = prior_hosts(10 * HOSTS, seed=seed)
    blank = courses(theta), sigma
    for pooling in (*POOLING, "none"):
        before, after, worst = [], [], {"r_hat": 0.0, "divergences": 0}
        for j in range(len(titres)):
            loads, sigma = blank
            if pooling != "none":
                others = np.where(np.arange(len(titres))[:, None] == j, np.nan, titres)
                data = sample(others, limit, pooling=pooling, draws=draws, chains=chains, seed=seed + j)
                told = diagnostics(data)
                worst = {name: max(worst[name], told[name]) for name in worst}
                theta, sigma = new_hosts(data, copies=-(-HOSTS // (draws * chains)), seed=seed + j)
                loads = courses(theta)
                fitted()
            before.append(predict(loads, sigma, titres[j], limit, seed=seed))
            after.append(predict(loads, sigma, titres[j], limit, seen=seen, seed=seed))
        found[pooling] = {
            "before": scores(before, titres, limit, seen=0),
            "after": scores(after, titres, limit, seen=seen),
            **worst,
            "forecasts": after,
        }
    return found


def calibration(
    limit: float, *, fits: int = 20, hosts: int = 6, draws: int = 150, seed: int = 1, progress: bool = True
) -> Floats:
    """Ranks in [0, 1] of the truth in the posterior, [fits, 10]: mean, spread, log10 k, sigma; uniform if all is right.

    Truths are drawn from the prior, titres from them (Talts and others 2018, arXiv:1804.06788).
    """
    rng, ranks = np.random.default_rng(seed), np.empty((fits, 10))
    for n in tqdm(range(fits), desc="calibration", disable=not progress):
        mean, spread = MEAN + SD * rng.normal(size=4), SPREAD * np.abs(rng.normal(size=4))
        log_k, sigma = ECLIPSE + ECLIPSE_SD * rng.normal(), NOISE * np.abs(rng.normal())
        theta = mean + spread * rng.normal(size=(hosts, 4))
        titres = courses(full(theta, log_k)) + sigma * rng.normal(size=(hosts, 7))
        data = sample(np.maximum(titres, limit), limit, draws=draws, seed=seed + n)
        drawn = az.extract(data)
        stack = np.vstack(
            [drawn["mean"].values, drawn["spread"].values, drawn["log10 k"].values, drawn["sigma"].values]
        )
        ranks[n] = np.mean(stack < np.concatenate([mean, spread, [log_k, sigma]])[:, None], axis=1)
    return ranks
