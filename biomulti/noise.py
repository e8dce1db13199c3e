"""How much of the noise of every species each reaction makes, and what is lost where it flows.

Around a deterministic run of amounts n(t) with rates a_j, Jacobian A = dn'/dn and stoichiometries nu_j, small noise has
the covariance C = sum_j C_j of what every reaction adds (van Kampen 2007, Stochastic Processes in Physics and
Chemistry, chapter X),

    dC_j/dt = A C_j + C_j A^T + a_j nu_j nu_j^T,      C_j(0) = 0,

which is exact where all rates are linear. A reaction that flows adds no noise, so that C_j is missing; and the means
miss what this noise does where rates are curved (H_i the second derivatives of a_i),

    dm_j/dt = A m_j + sum_i nu_i tr(H_i C_j) / 2.

Between two points of the run A and a_j are taken to be constant, and the integrals are exact then: those of a small
part of the interval are doubled until they span it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

from biomulti import expression as ex
from biomulti._kernels_evaluate import evaluate_rows
from biomulti.compile import CompiledModel, compile_function
from biomulti.expression import Expression
from biomulti.partition import NEGLIGIBLE
from biomulti.pilot import Pilot
from biomulti.system import System, reads

LARGEST = 10_000_000  # reactions times the cube of states, beyond which there is no estimate
POINTS = 60  # of the run
SMALL = 0.25  # norm of A times the part of an interval that is doubled
SEEN = 0.1  # of the largest variance of a state in a run: below it a variance is measured against it
UNBOUNDED = 1e100  # molecules squared
SHIFTED = 0.5  # share of a mean, or of one molecule, by which small noise may move it

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class Noise:
    """Shares of noise along a run.

    variance [fluxes, points, states] that each reaction would add while it flows, and shift of the mean that this
    noise would make; all_variance and all_shift [points, states] of all reactions at all times; amounts [points,
    states], and the least that counts of each, [states]. It is rough where noise is not small: it moves a mean by more
    than half of itself.
    """

    variance: Floats
    shift: Floats
    all_variance: Floats
    all_shift: Floats
    amounts: Floats
    least: Floats
    rough: bool

    def lost(self, flows: Booleans) -> tuple[Floats, Floats]:
        """What is lost where the fluxes `flows` flow, at worst along the run, [states] each.

        The first is the error of the mean over the mean, or over the least that counts: one molecule. Where all noise
        moves the mean by more than that, as it cannot in truth, it is the share in this that is lost. The second is the
        share of the variance that is missing, of one that is at least that of NEGLIGIBLE relative noise and SEEN of
        the largest in the run: where a run starts from sharp amounts, all the first noise is that of what flows.
        """
        mean = np.maximum(np.abs(self.amounts), self.least)
        least = np.maximum((NEGLIGIBLE * mean) ** 2, SEEN * np.max(self.all_variance, axis=0))
        off = np.abs(self.shift[flows].sum(axis=0)) / np.maximum(mean, np.abs(self.all_shift))
        # where noise grows along the run, what is left of a difference of large numbers may lie outside of 0 to 1
        all_noise = np.maximum(self.all_variance, least)
        share = np.zeros_like(all_noise)
        # what rests at zero and has no noise, such as the variable of a rate rule, loses none
        np.divide(self.variance[flows].sum(axis=0), all_noise, out=share, where=all_noise > 0.0)
        return np.max(off, axis=0), np.max(np.clip(share, 0.0, 1.0), axis=0)


def noise(system: System, model: CompiledModel, run: Pilot, flowing: Booleans) -> Noise | None:
    """The noise along a run in which fluxes flow where flowing [points, fluxes] says so.

    None for a network that is too large, and where noise grows without bound.
    """
    states, fluxes = len(system.states), len(system.fluxes)
    if not estimable(system) or len(run.times) < 2:
        return None
    chosen = np.unique(np.linspace(0, len(run.times) - 1, POINTS).round().astype(int))
    times, amounts, rates = run.times[chosen], run.amounts[chosen], np.abs(run.rates[chosen])
    flowing, parameters = flowing[chosen], run.parameters
    slopes = _entries(model.jacobian, len(system.jacobian), times, amounts, parameters)
    curves = _curvatures(system)
    bends = _entries(compile_function([c for _, _, _, c in curves]), len(curves), times, amounts, parameters)
    stoichiometry = system.stoichiometry
    fires = np.array([not f.is_rule for f in system.fluxes], dtype=bool)
    entries = np.array([(j, k) for j, k, _ in system.jacobian], dtype=int).reshape(-1, 2)
    # the last is the noise of all
    variance, shift = np.zeros((2, fluxes + 1, len(times), states))
    # what a rule moves is no number of molecules
    ruled = np.array([n in system.network.rate_rules for n in system.states], dtype=bool)
    least = np.where(ruled, np.maximum(np.max(np.abs(run.amounts), axis=0), 1e-300), 1.0)
    rough = False
    covariance, off = np.zeros((fluxes + 1, states, states)), np.zeros((fluxes + 1, states))
    for point in range(1, len(times)):
        dt = times[point] - times[point - 1]
        per_flux = np.zeros((fluxes, states))
        np.add.at(per_flux, (entries[:, 0], entries[:, 1]), 0.5 * (slopes[point] + slopes[point - 1]))
        forward, response, spread = _over_an_interval(stoichiometry.T @ per_flux, stoichiometry, dt)
        strength = np.where(fires, 0.5 * (rates[point] + rates[point - 1]), 0.0)[:, None, None]
        lost = 0.5 * (flowing[point] + 1.0 * flowing[point - 1])[:, None, None]
        added = np.concatenate([lost * strength * spread, np.sum(strength * spread, axis=0)[None]])
        before = covariance
        covariance = forward @ covariance @ forward.T + added
        force = np.zeros((fluxes + 1, states))
        for (i, k, m, _), bend in zip(curves, 0.5 * (bends[point] + bends[point - 1]), strict=True):
            weight = 0.25 * bend * (1.0 if k == m else 2.0) * (covariance[:, k, m] + before[:, k, m])
            force += weight[:, None] * stoichiometry[i]
        off = off @ forward.T + force @ response.T
        variance[:, point], shift[:, point] = np.einsum("jkk->jk", covariance), off
        rough |= not np.all(np.abs(off[-1]) <= SHIFTED * np.maximum(np.abs(amounts[point]), least))
        if not (np.all(np.abs(covariance) < UNBOUNDED) and np.all(np.isfinite(off))):
            return None
    return Noise(variance[:-1], shift[:-1], variance[-1], shift[-1], amounts, least, rough)


def estimable(system: System) -> bool:
    """True for a network that is not too large, and in which something moves."""
    return 0 < len(system.fluxes) * len(system.states) ** 3 <= LARGEST


def _over_an_interval(drift: Floats, kicks: Floats, dt: float) -> tuple[Floats, Floats, Floats]:
    """exp(A dt), its integral, and for every j that of exp(A s) nu_j nu_j^T exp(A s)^T, [fluxes, states, states]."""
    doublings = max(0, math.ceil(math.log2(max(float(np.linalg.norm(drift, 1)) * dt / SMALL, 1e-300))))
    h = dt / 2.0**doublings
    half = expm(0.5 * h * drift)
    forward = half @ half
    one = np.eye(len(drift))
    response = h / 6.0 * (one + 4.0 * half + forward)
    outer = kicks[:, :, None] * kicks[:, None, :]
    spread = h / 6.0 * (outer + 4.0 * half @ outer @ half.T + forward @ outer @ forward.T)
    for _ in range(doublings):
        spread = spread + forward @ spread @ forward.T
        response = response + forward @ response
        forward = forward @ forward
    return forward, response, spread


def _curvatures(system: System) -> list[tuple[int, int, int, Expression]]:
    """Second derivatives of fluxes that are not 0, as (flux, state, state, expression) with the states in order."""
    out = []
    for j, k, slope in system.jacobian:
        for m in sorted(reads(slope)):
            if m >= k:
                curve = ex.derivative(slope, Expression("y", m))
                if curve != ex.ZERO:
                    out.append((j, k, m, curve))
    return out


def _entries(function: object, count: int, times: Floats, amounts: Floats, parameters: Floats) -> Floats:
    """What a function of the model writes along a run, [points, count]; what is no number is 0."""
    out = np.zeros((1, len(times), count))
    if count:
        evaluate_rows(function, times, amounts[None], parameters, out)
    return np.asarray(np.nan_to_num(out[0], nan=0.0, posinf=0.0, neginf=0.0))
