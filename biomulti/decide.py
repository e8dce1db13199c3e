"""Which reactions fire one by one and which flow, and why.

A deterministic pilot run shows what a network does. A reaction flows if every species it changes is plentiful there
and it fires many times while the fastest of them changes, or if all of them are vast; otherwise it fires. With n_k the
amount of a species, a_j the rate of a reaction and nu_jk its stoichiometry,

    tau_k = 2 n_k / sum_j |nu_jk| a_j        firings while species k changes: a_j tau_k.

Reactions that may do either decide the same way in every row as it goes (see _kernels_partition.py). Fast reactions of
scarce species flow where their average is exact (see averaging.py). What flows makes no noise of its own; what that
costs is estimated (see noise.py) and kept below a bound: what costs most fires instead (see costs.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomulti._kernels_partition import MANY, PLENTIFUL, VAST
from biomulti.averaging import Average, averages
from biomulti.compile import CompiledModel, compile_model
from biomulti.costs import Costs, fires, untold
from biomulti.counts import COUNTABLE, molecules_per_unit
from biomulti.errors import ModelError, OptionError, SimulationError
from biomulti.load import load
from biomulti.noise import estimable, noise
from biomulti.options import check_time, is_number
from biomulti.partition import Decision, Partition
from biomulti.pilot import Pilot, pilot
from biomulti.system import Flux, System, system_of
from biomulti.words import WORDS

SCARCE_SHARE = 0.1  # share of the pilot run a species may spend below PLENTIFUL and still count as plentiful
WHOLE = 1e-6  # how far a stoichiometry given by a formula may be from a whole number

WORTH = 7.0  # firings that take as long as one that ends a step of what flows: 5 to 10, as networks are small or large
MOST_FIRINGS = 1e9  # of a reaction in a run
BOUND = 0.05  # on the estimated errors of means and variances, where nobody says another

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]


def partition(
    network: Any,
    *,
    t_end: float | None = None,
    tolerance: float | None = None,
    physical_scale: Mapping[str, str] | None = None,
    initial: Mapping[str, float] | None = None,
    parameters: Mapping[str, float] | None = None,
) -> Partition:
    """Decide for every reaction whether it fires or flows.

    Args:
        network: a Network, or anything `load` takes.
        t_end: how far the pilot run goes; None takes ten times the slowest time scale of the start.
        tolerance: what the estimated errors of means and variances may be at most; so much more fires that they are.
            None sets BOUND, infinity no bound. What would fire more than MOST_FIRINGS times in the run flows.
        physical_scale: "fire" or "flow" for reactions by id, above what the model says of them, and all else.
        initial: amounts of species in place of the model's.
        parameters: values of parameters in place of the model's.

    Raises:
        OptionError: `physical_scale` names a reaction the model does not have, or another word; a tolerance that is
            not positive.
        ModelError: a network made by hand has another word for a reaction.
        UnitsError: the model leaves open how many molecules its amounts are.
    """
    network = load(network)
    if t_end is not None:
        check_time("t_end", t_end)
    if tolerance is not None and not (is_number(tolerance) and tolerance > 0.0):
        raise OptionError(f"tolerance={tolerance!r} must be a number above 0.")
    system = system_of(network, molecules_per_unit(network), parameters)
    model = compile_model(system)
    return decide(system, model, t_end, physical_scale or {}, initial or {}, parameters or {}, tolerance)


def decide(
    system: System,
    model: CompiledModel,
    t_end: float | None,
    physical_scale: Mapping[str, str],
    initial: Mapping[str, float],
    parameters: Mapping[str, float],
    tolerance: float | None = None,
) -> Partition:
    """As `partition`, for a system that is compiled already."""
    asked = physical_scale
    physical_scale = _words(system, asked)
    run, note = _shown(system, model, t_end, initial, parameters)
    decisions = _by_amounts(system, run, physical_scale, asked)
    free = _free(system, physical_scale)
    if not note:
        decisions = _adapting(system, decisions, run, free & _unsaid(system, physical_scale))
    scarce = np.array([not (d.flows or d.adaptive) for d in decisions], dtype=bool)
    found = averages(system, free & scarce & _unsaid(system, physical_scale), run) if estimable(system) else []
    flowing = _flowing(system, decisions, run)
    for average in found:
        flowing[:, average.fluxes] = True
    estimate = noise(system, model, run, flowing)
    # nobody waits for so many firings, whatever flowing costs
    able = free & (np.array([abs(d.rate) for d in decisions]) * run.times[-1] <= MOST_FIRINGS)
    costs, taken = Costs(system, estimate, able) if estimate else None, list[Average]()
    bound = BOUND if tolerance is None else tolerance
    told = ""
    if costs:
        # scarce species have nothing but the estimate to say that they may flow
        decisions, taken = costs.averaged(decisions, found, min(bound, BOUND))
        decisions, taken, told = costs.within(decisions, taken, bound)
    elif tolerance is not None and tolerance < np.inf:
        unknown = "what its flowing costs is not known"
        decisions = [fires(d, unknown) if a else d for d, a in zip(decisions, able, strict=True)]
        told = "" if note else "Its noise cannot be estimated, so that all that may fire fires."
    if _saves_nothing(decisions, free):
        told = (
            "Everything fires: what could flow fires too seldom to pay for the flow that every other firing restarts."
        )
        decisions, taken = [fires(d, "would flow, but too seldom to pay for it") for d in decisions], []
    notes = (note, told, _unseen_beginnings(system, decisions, run.amounts))
    note = " ".join(filter(None, notes))
    split = costs.told(decisions, taken, note) if costs else untold(system, decisions, note)
    # without an estimate there is no bound, unless all that may fire does
    return replace(split, tolerance=bound if costs or tolerance is not None else np.inf)


def _shown(
    system: System,
    model: CompiledModel,
    t_end: float | None,
    initial: Mapping[str, float],
    parameters: Mapping[str, float],
) -> tuple[Pilot, str]:
    """The pilot run; if it says nothing, one in which nothing happens, and why."""
    nothing = Pilot(np.zeros(1), np.zeros((1, len(system.states))), np.zeros((1, len(system.fluxes))), np.zeros((1, 0)))
    try:
        run = pilot(system, model, t_end, initial, parameters)
    except SimulationError as error:
        return nothing, f"The pilot run failed, so every reaction fires unless told otherwise: {error}"
    ruled = system.network.rate_rules
    species = [k for k, n in enumerate(system.states) if n in {s.id for s in system.network.species} and n not in ruled]
    if np.any(run.amounts[:, species] < -1e-3 * np.max(np.abs(run.amounts[:, species]), axis=0, initial=0.0)):
        return nothing, "The pilot run fell below zero, so every reaction fires unless told otherwise."
    return run, ""


def _free(system: System, physical_scale: Mapping[str, str]) -> Booleans:
    """Fluxes that may do either for themselves, [fluxes]."""
    leaders = {f.follows for f in system.fluxes}
    return np.array(
        [_may_fire(f, physical_scale) and f.follows < 0 and j not in leaders for j, f in enumerate(system.fluxes)],
        dtype=bool,
    )


def _unsaid(system: System, physical_scale: Mapping[str, str]) -> Booleans:
    """Fluxes of which nobody has said what to do, [fluxes]."""
    return np.array([f.reaction not in physical_scale for f in system.fluxes], dtype=bool)


def _words(system: System, asked: Mapping[str, str]) -> dict[str, str]:
    """What reactions are to do: the model's words, and above them those asked for."""
    known = sorted({f.reaction for f in system.fluxes if f.reaction})
    for name, word in asked.items():
        if name not in known:
            raise OptionError(f"physical_scale: there is no reaction '{name}'; there are {', '.join(known)}.")
        if word not in WORDS:
            raise OptionError(f"physical_scale['{name}'] is 'fire' or 'flow', not {word!r}.")
    stated = {r.id: r.physical_scale for r in system.network.reactions if r.physical_scale}
    for name, word in stated.items():
        if word not in WORDS:
            raise ModelError(
                f"{system.network.source}: the physical_scale of reaction '{name}' is 'fire' or 'flow', not {word!r}."
            )
    return {**stated, **asked}


def _by_amounts(
    system: System, run: Pilot, physical_scale: Mapping[str, str], asked: Mapping[str, str]
) -> list[Decision]:
    decisions: list[Decision] = []
    for j, flux in enumerate(system.fluxes):
        if flux.follows >= 0:
            leader = decisions[flux.follows]
            flows, reason = leader.flows, f"part of {leader.reaction}"
        elif flux.reaction in physical_scale:
            flows = physical_scale[flux.reaction] == "flow"
            reason = "as asked for" if flux.reaction in asked else "as the model asks"
        else:
            flows, reason = _decide_one(system, j, run.amounts, run.rates)
        scale = _time_scale(system, j, run)
        decisions.append(Decision(flux.name, flows, reason, float(np.mean(run.rates[:, j])), time_scale=scale))
    return decisions


def _time_scale(system: System, j: int, run: Pilot) -> float:
    """The time in which the fastest species that flux j changes turns over, in the middle of the run."""
    changed = [*system.fluxes[j].change]
    if not changed:
        return float(np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        turnover = np.abs(run.rates) @ np.abs(system.stoichiometry[:, changed])
        scales = np.where(turnover > 0.0, 2.0 * np.abs(run.amounts[:, changed]) / turnover, np.inf)
    return float(np.median(np.min(scales, axis=1)))


def _flowing(system: System, decisions: list[Decision], run: Pilot) -> NDArray[np.bool_]:
    """What flows when in the pilot run, [points, fluxes]."""
    flowing = np.zeros((len(run.times), len(decisions)), dtype=bool)
    for j, decision in enumerate(decisions):
        flowing[:, j] = _may_flow(system, j, run.amounts, run.rates) if decision.adaptive else decision.flows
    return flowing


def _adapting(system: System, decisions: list[Decision], run: Pilot, free: Booleans) -> list[Decision]:
    """Reactions that may do either, and do both or flow in the pilot run, decide so in every row for themselves."""
    if system.delays or system.reduced.unknowns:
        return decisions
    out = []
    for j, (decision, flux) in enumerate(zip(decisions, system.fluxes, strict=True)):
        changed = [*flux.change]
        if free[j] and changed and np.max(run.amounts[:, changed]) <= COUNTABLE:
            share = float(np.mean(_may_flow(system, j, run.amounts, run.rates)))
            decision = replace(decision, adaptive=share > 0.0, share=share)
        out.append(decision)
    return out


def _may_flow(system: System, j: int, amounts: Floats, rates: Floats) -> NDArray[np.bool_]:
    """Whether a row with these amounts would let a reaction flow, [points]; see `_kernels_partition.decide`."""
    changed = [*system.fluxes[j].change]
    fewest = np.min(amounts[:, changed], axis=1)
    turnover = np.abs(rates) @ np.abs(system.stoichiometry[:, changed])
    with np.errstate(divide="ignore", invalid="ignore"):
        firings = np.min(np.nan_to_num(2.0 * rates[:, [j]] * amounts[:, changed] / turnover), axis=1)
    return np.asarray((fewest >= VAST) | ((fewest >= PLENTIFUL) & (firings >= MANY)))


def _saves_nothing(decisions: list[Decision], free: Booleans) -> bool:
    """True if what flows might as well fire, and takes less time to do so than its steps would, which firings end."""
    flowing = sum(abs(d.rate) for d in decisions if d.flows)
    firing = sum(abs(d.rate) for d in decisions if not d.flows)
    return 0.0 < flowing < WORTH * firing and all(f for d, f in zip(decisions, free, strict=True) if d.flows)


def _unseen_beginnings(system: System, decisions: list[Decision], amounts: Floats) -> str:
    names = {
        system.states[k]
        for decision, flux in zip(decisions, system.fluxes, strict=True)
        if decision.flows and not decision.adaptive and not flux.is_rule
        for k in flux.change
        if amounts[0, k] < PLENTIFUL and np.median(amounts[:, k]) >= VAST
    }
    if not names:
        return ""
    return (
        f"{', '.join(sorted(names))} starts scarce and grows vast: the noise of its beginning, early extinction among "
        f"it, is not seen; let its reactions fire until then."
    )


def _may_fire(flux: Flux, physical_scale: Mapping[str, str]) -> bool:
    whole = all(n == round(n) for n in flux.change.values()) and not flux.fast
    return whole and not flux.is_rule and physical_scale.get(flux.reaction) != "flow"


def _decide_one(system: System, j: int, amounts: Floats, rates: Floats) -> tuple[bool, str]:
    flux = system.fluxes[j]
    followers = [f for f, other in enumerate(system.fluxes) if other.follows == j]
    changed = [*flux.change, *(k for f in followers for k in system.fluxes[f].change)]
    if flux.is_rule:
        return True, "a rate rule"
    if flux.fast:
        return True, "fast: always at its equilibrium"
    running = rates[:, j] != 0.0
    varying = rates[running][:, followers] / rates[running, j][:, None]
    fixed = np.array([*flux.change.values()])
    if np.any(fixed != np.round(fixed)) or np.any(np.abs(varying - np.round(varying)) > WHOLE):
        return True, "changes a species by a fraction of a molecule"
    if not changed:
        return True, "changes nothing"
    typically = float(np.min(np.median(amounts[:, changed], axis=0)))
    if typically >= VAST:
        return True, f"changes nothing of which there are fewer than {typically:.3g} half of the time"
    low = np.quantile(amounts[:, changed], SCARCE_SHARE, axis=0)
    scarcest = int(np.argmin(low))
    if low[scarcest] < PLENTIFUL:
        return False, f"changes {system.states[changed[scarcest]]}, of which there are {low[scarcest]:.3g}"
    # the mean over the moments when the reaction fires, so that a short burst counts for what it is
    rate = np.abs(rates[:, j])
    turnover = np.abs(rates) @ np.abs(system.stoichiometry[:, changed])
    with np.errstate(divide="ignore", invalid="ignore"):
        firings = np.nan_to_num(2.0 * rate[:, None] * amounts[:, changed] / turnover)
    typical = rate @ firings / max(np.sum(rate), 1e-300)
    fastest = int(np.argmin(typical))
    name = system.states[changed[fastest]]
    count = float(typical[fastest])
    if not count >= MANY:
        return False, f"{count:.2g} firings while {name} changes"
    return True, (
        f"{count:.3g} firings while {name} changes; at least {low[scarcest]:.3g} {system.states[changed[scarcest]]}"
    )
