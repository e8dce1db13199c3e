"""Which reactions fire one by one and which flow, and why.

A deterministic pilot run shows what a network does. A reaction flows if every species it changes is plentiful there
and it fires many times while the fastest of them changes, or if all of them are vast; otherwise it fires. With n_k the
amount of a species, a_j the rate of a reaction and nu_jk its stoichiometry,

    tau_k = 2 n_k / sum_j |nu_jk| a_j        firings while species k changes: a_j tau_k.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biomulti._kernels_evaluate import evaluate_rows
from biomulti.cells import population
from biomulti.compile import CompiledModel, compile_model
from biomulti.counts import molecules_per_unit
from biomulti.errors import OptionError, SimulationError
from biomulti.load import load
from biomulti.options import check_time
from biomulti.stepper import Stepper
from biomulti.system import Flux, System, system_of

PLENTIFUL = 100.0  # molecules: relative noise of a tenth
SCARCE_SHARE = 0.1  # share of the pilot run a species may spend below PLENTIFUL and still count as plentiful
VAST = 1e6  # molecules: a firing is noise of a millionth, and nobody waits for so many of them
MANY = 10.0  # firings while what a reaction changes changes
WHOLE = 1e-6  # how far a stoichiometry given by a formula may be from a whole number
PILOT_POINTS = 400
PILOT_TOLERANCE = 1e-4

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Decision:
    """What was decided about one reaction; `rate` is its mean firing rate in the pilot run."""

    reaction: str
    flows: bool
    reason: str
    rate: float


@dataclass(frozen=True)
class Partition:
    """The decisions about all fluxes of a network, in their order. Printing it gives a table."""

    decisions: tuple[Decision, ...]
    time_unit: str
    note: str = ""

    @property
    def fires(self) -> NDArray[np.bool_]:
        """[fluxes], True where a reaction fires."""
        return np.array([not d.flows for d in self.decisions], dtype=bool)

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [(d.reaction, "flows" if d.flows else "fires", f"{d.rate:.3g}", d.reason) for d in self.decisions]

    def __str__(self) -> str:
        head = ("reaction", "", f"per {self.time_unit}", "why")
        rows = [head, *self._rows()]
        widths = [max(len(r[c]) for r in rows) for c in range(3)]
        lines = [f"{r[0]:{widths[0]}}  {r[1]:{widths[1]}}  {r[2]:>{widths[2]}}  {r[3]}" for r in rows]
        return "\n".join([*lines, *([self.note] if self.note else [])])

    def _repr_html_(self) -> str:
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in self._rows()
        )
        head = "".join(f"<th>{h}</th>" for h in ("reaction", "", f"per {self.time_unit}", "why"))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{html.escape(self.note)}"


def partition(
    network: Any,
    *,
    t_end: float | None = None,
    physical_scale: Mapping[str, str] | None = None,
    initial: Mapping[str, float] | None = None,
    parameters: Mapping[str, float] | None = None,
) -> Partition:
    """Decide for every reaction whether it fires or flows.

    Args:
        network: a Network, or anything `load` takes.
        t_end: how far the pilot run goes; None takes ten times the slowest time scale of the start.
        physical_scale: "fire" or "flow" for reactions by id, above all else.
        initial: amounts of species in place of the model's.
        parameters: values of parameters in place of the model's.

    Raises:
        OptionError: `physical_scale` names a reaction the model does not have, or another word.
        UnitsError: the model leaves open how many molecules its amounts are.
    """
    network = load(network)
    if t_end is not None:
        check_time("t_end", t_end)
    system = system_of(network, molecules_per_unit(network), parameters)
    return decide(system, compile_model(system), t_end, physical_scale or {}, initial or {}, parameters or {})


def decide(
    system: System,
    model: CompiledModel,
    t_end: float | None,
    physical_scale: Mapping[str, str],
    initial: Mapping[str, float],
    parameters: Mapping[str, float],
) -> Partition:
    """As `partition`, for a system that is compiled already."""
    known = sorted({f.reaction for f in system.fluxes if f.reaction})
    for name, word in physical_scale.items():
        if name not in known:
            raise OptionError(f"physical_scale: there is no reaction '{name}'; there are {', '.join(known)}.")
        if word not in ("fire", "flow"):
            raise OptionError(f"physical_scale['{name}'] is 'fire' or 'flow', not {word!r}.")
    note = ""
    try:
        amounts, rates = _pilot(system, model, t_end, initial, parameters)
    except SimulationError as error:
        note = f"The pilot run failed, so every reaction fires unless told otherwise: {error}"
        amounts, rates = np.zeros((1, len(system.states))), np.zeros((1, len(system.fluxes)))
    species = [k for k, n in enumerate(system.states) if n not in system.network.rate_rules]
    if np.any(amounts[:, species] < -1e-3 * np.max(np.abs(amounts[:, species]), axis=0, initial=0.0)):
        note = "The pilot run fell below zero, so every reaction fires unless told otherwise."
        amounts, rates = np.zeros_like(amounts), np.zeros_like(rates)
    decisions: list[Decision] = []
    for j, flux in enumerate(system.fluxes):
        if flux.follows >= 0:
            leader = decisions[flux.follows]
            flows, reason = leader.flows, f"part of {leader.reaction}"
        else:
            flows, reason = _decide_one(system, j, amounts, rates, physical_scale.get(flux.reaction))
        decisions.append(Decision(flux.name, flows, reason, float(np.mean(rates[:, j]))))
    if _saves_nothing(system, decisions, physical_scale):
        note = "Everything fires: what could flow fires less often than what must fire, which would restart the flow."
        decisions = [replace(d, flows=False) for d in decisions]
    parts = (note, _unseen_beginnings(system, decisions, amounts), _without_chance(decisions))
    return Partition(tuple(decisions), system.network.time_unit, " ".join(filter(None, parts)))


def _saves_nothing(system: System, decisions: list[Decision], physical_scale: Mapping[str, str]) -> bool:
    """True if what flows might as well fire, and does so less often than what fires and interrupts it."""
    flowing = sum(abs(d.rate) for d in decisions if d.flows)
    firing = sum(abs(d.rate) for d in decisions if not d.flows)
    pairs = zip(decisions, system.fluxes, strict=True)
    return 0.0 < flowing < firing and all(_may_fire(f, physical_scale) for d, f in pairs if d.flows)


def _unseen_beginnings(system: System, decisions: list[Decision], amounts: Floats) -> str:
    names = {
        system.states[k]
        for decision, flux in zip(decisions, system.fluxes, strict=True)
        if decision.flows and not flux.is_rule
        for k in flux.change
        if amounts[0, k] < PLENTIFUL and np.median(amounts[:, k]) >= VAST
    }
    if not names:
        return ""
    return (
        f"{', '.join(sorted(names))} starts scarce and grows vast: the noise of its beginning, early extinction among "
        f"it, is not seen; let its reactions fire until then."
    )


def _without_chance(decisions: list[Decision]) -> str:
    if any(not d.flows for d in decisions):
        return ""
    return "Nothing fires: all runs are alike, and so is any choice between stable states; method='ssa' shows noise."


def _pilot(
    system: System,
    model: CompiledModel,
    t_end: float | None,
    initial: Mapping[str, float],
    parameters: Mapping[str, float],
) -> tuple[Floats, Floats]:
    """Amounts [points, states] and fluxes [points, fluxes] along a deterministic run."""
    cells = population(system, 1, seed=0, initial=initial, parameters=parameters)
    if t_end is None:
        t_end = horizon(system, model, initial, parameters)
    times = np.linspace(0.0, t_end, PILOT_POINTS)
    nothing_fires = np.zeros(len(system.fluxes), dtype=bool)
    flow = Stepper(system, model, nothing_fires, PILOT_TOLERANCE, accurate=True)
    out = flow.advance(cells, times)
    return out[0], _fluxes(model, times, out, cells.p, len(system.fluxes))[0]


def horizon(
    system: System, model: CompiledModel, initial: Mapping[str, float], parameters: Mapping[str, float]
) -> float:
    """Ten times the slowest turnover at the start: how far a run goes when nobody says."""
    start = population(system, 1, seed=0, initial=initial, parameters=parameters)
    y, p = start.y[0], start.p[0]
    first = _fluxes(model, np.zeros(1), y[None, None], p[None], len(system.fluxes))[0]
    turnover = (np.abs(first) @ np.abs(system.stoichiometry))[0] / 2.0
    moving = np.isfinite(turnover) & (turnover > 0.0)
    size = np.maximum(np.abs(y), 1.0 if system.scale != 1.0 else 1e-3 * np.max(np.abs(y), initial=0.0))
    slowest = float(np.max(size[moving] / turnover[moving], initial=0.0))
    return 10.0 * slowest if slowest > 0.0 else 1.0


def _fluxes(model: CompiledModel, times: Floats, y: Floats, p: Floats, count: int) -> Floats:
    out = np.empty((len(y), len(times), count))
    evaluate_rows(model.fluxes, times, y, p, out)
    return out


def _may_fire(flux: Flux, physical_scale: Mapping[str, str]) -> bool:
    whole = all(n == round(n) for n in flux.change.values()) and not flux.fast
    return whole and not flux.is_rule and physical_scale.get(flux.reaction) != "flow"


def _decide_one(system: System, j: int, amounts: Floats, rates: Floats, word: str | None) -> tuple[bool, str]:
    flux = system.fluxes[j]
    followers = [f for f, other in enumerate(system.fluxes) if other.follows == j]
    changed = [*flux.change, *(k for f in followers for k in system.fluxes[f].change)]
    if flux.is_rule:
        return True, "a rate rule"
    if word is not None:
        return word == "flow", "as asked for"
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
