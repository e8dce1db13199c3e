"""What flowing costs by the estimate of `noise`: which averages may be taken, and what must fire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from biomulti.averaging import Average
from biomulti.noise import Noise
from biomulti.partition import Decision, Partition
from biomulti.system import System

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Costs:
    """Errors of the means and variances of a system by what flows in it; those of averaged states do not count.

    free [fluxes]: those that may fire.
    """

    system: System
    noise: Noise
    free: Booleans

    def lost(self, flows: Booleans, averaged: Sequence[Average]) -> tuple[Floats, Floats]:
        """Errors of means and of variances, [states] each, where the fluxes `flows` flow."""
        mean, variance = self.noise.lost(flows)
        for average in averaged:
            mean[average.states] = variance[average.states] = 0.0
        return mean, variance

    def of_one(self, j: int, averaged: Sequence[Average]) -> tuple[Floats, Floats]:
        """As `lost`, where flux j alone flows."""
        return self.lost(np.arange(len(self.free)) == j, averaged)

    def averaged(
        self, decisions: list[Decision], averages: Sequence[Average], tolerance: float
    ) -> tuple[list[Decision], list[Average]]:
        """Let averages be taken that keep the tolerance, those of the busiest first."""
        taken: list[Average] = []
        for average in sorted(averages, key=lambda a: -a.firings):
            wanted = [*taken, average]
            flows = np.any([a.fluxes for a in wanted], axis=0)
            if max(np.max(e) for e in self.lost(flows, wanted)) <= tolerance:
                taken = wanted
        for average in taken:
            names = ", ".join(self.system.states[k] for k in np.flatnonzero(average.states))
            reason = f"averaged: {average.firings:.3g} firings while what reads {names} changes, all of it affine"
            decisions = [
                replace(d, flows=True, reason=reason) if inside else d
                for d, inside in zip(decisions, average.fluxes, strict=True)
            ]
        return decisions, taken

    def within(
        self, decisions: list[Decision], averaged: list[Average], tolerance: float
    ) -> tuple[list[Decision], list[Average], str]:
        """Let fire what costs most until the estimate is below the tolerance; an average as a whole."""
        flows, told = _flowing(decisions), ""
        while True:
            both = np.maximum(*self.lost(flows, averaged))
            worst = int(np.argmax(both))
            if not both[worst] > tolerance:
                break
            costs = np.array([max(e[worst] for e in self.of_one(j, averaged)) for j in range(len(flows))])
            costs[~(flows & self.free)] = -1.0
            if not np.max(costs) > 0.0:
                told = (
                    f"What must flow alone makes an estimated error of {both[worst]:.2g} in "
                    f"{self.system.states[worst]}, above the tolerance."
                )
                break
            costly = int(np.argmax(costs))
            flows[costly] = False
            for average in [a for a in averaged if a.fluxes[costly]]:
                flows &= ~average.fluxes
                averaged = [a for a in averaged if a is not average]
        reason = f"its flowing would cost more than the tolerance of {tolerance:g}"
        return [d if f else fires(d, reason) for d, f in zip(decisions, flows, strict=True)], averaged, told

    def told(self, decisions: list[Decision], averaged: list[Average], note: str) -> Partition:
        """The decisions with the errors that each makes and all make together."""
        flows = _flowing(decisions)
        firing = np.array([not f.is_rule for f in self.system.fluxes], dtype=bool)
        names, out = self.system.states, []
        for j, decision in enumerate(decisions):
            if flows[j] and firing[j]:
                mean, variance = self.of_one(j, averaged)
                a, b = int(np.argmax(mean)), int(np.argmax(variance))
                decision = replace(
                    decision,
                    mean_error=float(mean[a]),
                    mean_of=names[a] if mean[a] else "",
                    variance_error=float(variance[b]),
                    variance_of=names[b] if variance[b] else "",
                )
            out.append(decision)
        errors = [zip(names, map(float, e), strict=True) for e in self.lost(flows, averaged)]
        hidden = sorted({names[k] for a in averaged for k in np.flatnonzero(a.states)})
        notes = [note]
        if hidden:
            notes.append(f"{', '.join(hidden)}: results hold the mean given all else, not molecules.")
        unit, note = self.system.network.time_unit, " ".join(filter(None, notes))
        return Partition(tuple(out), unit, note, tuple(errors[0]), tuple(errors[1]), rough=self.noise.rough)


def untold(system: System, decisions: list[Decision], note: str) -> Partition:
    """The decisions where there is no estimate."""
    fluxes = zip(decisions, _flowing(decisions), system.fluxes, strict=True)
    unknown = [f and not flux.is_rule for _, f, flux in fluxes]
    decided = [
        replace(d, mean_error=np.nan, variance_error=np.nan) if u else d
        for d, u in zip(decisions, unknown, strict=True)
    ]
    if any(unknown):
        note = f"{note} What flowing costs cannot be estimated: the network is too large, or its noise without bound."
    return Partition(tuple(decided), system.network.time_unit, note.strip())


def fires(decision: Decision, reason: str) -> Decision:
    """The decision changed to fire, if it is anything else."""
    if not (decision.flows or decision.adaptive):
        return decision
    return replace(decision, flows=False, adaptive=False, share=0.0, reason=reason)


def _flowing(decisions: Sequence[Decision]) -> Booleans:
    return np.array([d.flows or d.adaptive for d in decisions], dtype=bool)
