"""`biomulti.report`: how amounts become molecules and rate laws propensities, and what each method can do with them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from biomulti import expression as ex
from biomulti.adjust import Choices, adjusted, power_of
from biomulti.compile import compile_model
from biomulti.counts import AssumptionWarning, molecules_per_unit, whole_starts
from biomulti.errors import ModelError, UnitsError, UnsupportedError
from biomulti.expression import Expression, formula
from biomulti.load import load
from biomulti.network import AVOGADRO, Network, Reaction, Species
from biomulti.reduction import reads_as_amount
from biomulti.report import MethodLine, Propensity, ReactionLine, Report, SpeciesLine
from biomulti.start import InitialValues
from biomulti.stepper import Stepper
from biomulti.system import Flux, System, reads, system_of
from biomulti.tidy import tidy
from biomulti.words import WORDS

# numbers of other species at which a law is tried where one runs short, so that no threshold hides it
PROBES = (1.0, 3.0, 10.0, 1e2, 1e4)
NOTHING = 1e-9  # of a law at enough molecules: what rounding may leave of a zero
MOST_SHORT = 10  # numbers of molecules, fewer than a firing takes, at which a law is tried

T = TypeVar("T")


def report(network: Any) -> Report:
    """How a network's amounts become molecules and its rate laws propensities, and what is assumed on the way.

    Args:
        network: a Network, or anything `load` takes.

    Returns:
        Tables that print as text: of species, reactions, assumptions and methods.

    Raises:
        ModelError: the model contradicts itself.
    """
    return _Reporter(load(network)).report()


class _Reporter:
    """Gathers the lines of one network's report."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.assumptions: list[str] = []
        self.unknown = ""
        self.per_unit: float | None = None
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                self.per_unit = molecules_per_unit(network)
            except UnitsError as error:
                self.unknown = str(error)
        self._assume_all(said)
        self.stated = system_of(network, self.per_unit or 1.0)
        self.may_fire = np.array([_hindrance(self.stated, f) == "" for f in self.stated.fluxes], dtype=bool)
        self.system = adjusted(self.stated, self.may_fire)
        self.stepper = Stepper(self.system, compile_model(self.system), self.may_fire, 1e-4)
        self.values = InitialValues(self.system.reduced, {}, {})
        self.choices = Choices(self.stated)
        self.species = {s.id: s for s in network.species}
        self.place = {name: k for k, name in enumerate(self.system.states)}
        self.fluxes: dict[str, list[int]] = {r.id: [] for r in network.reactions}
        for j, flux in enumerate(self.system.fluxes):
            if flux.reaction and flux.follows < 0:
                self.fluxes[flux.reaction].append(j)

    def report(self) -> Report:
        unit = self.network.substance.unit
        each = f", {self.per_unit:.10g} molecules each" if self.per_unit not in (None, 1.0) else ""
        title = (
            f"{self.network.source}: amounts in {unit}{each} ({self.network.substance.reason}), "
            f"time in {self.network.time_unit}"
        )
        self._units()
        species = tuple(self._species(s) for s in self.network.species)
        reactions = tuple(self._reaction(r) for r in self.network.reactions)
        self._events()
        methods = self._methods()
        return Report(title, species, reactions, tuple(dict.fromkeys(self.assumptions)), methods)

    def _assume_all(self, said: list[warnings.WarningMessage]) -> None:
        self.assumptions += [str(w.message) for w in said if issubclass(w.category, AssumptionWarning)]

    def _units(self) -> None:
        if self.unknown:
            self.assumptions.append(f"Nothing is assumed about molecules: {self.unknown}")
        moles = (self.network.substance.molecules or 0.0) / AVOGADRO
        if self.network.substance.unit.endswith("mole") and moles:
            self.assumptions.append(f"A mole is {AVOGADRO:.9g} molecules, the value that SBML gives to 'avogadro'.")
        if not self.network.adjust:
            self.assumptions.append("Every law is taken as it stands, as asked for when the model was loaded.")
        for species in self.network.species:
            if species.conversion_factor:
                self.assumptions.append(
                    f"Reactions change '{species.id}' by their stoichiometry times '{species.conversion_factor}' "
                    f"molecules a firing."
                )

    # species

    def _species(self, species: Species) -> SpeciesLine:
        reads = "amount" if reads_as_amount(self.network, species) else "concentration"
        amount = self._known(lambda: self.values.amount(species))
        molecules = None if amount is None or self.per_unit is None else self.per_unit * amount
        start = self._origin(species, amount)
        notes = self._role(species)
        k = self.place.get(species.id, -1)
        if molecules is not None and k >= 0 and self.stepper.counts[k] and math.isfinite(molecules):
            start += f", x {self.per_unit:.10g} = {molecules:.10g}" if self.per_unit != 1.0 else ""
            try:
                with warnings.catch_warnings(record=True) as said:
                    warnings.simplefilter("always")
                    row = np.zeros((1, len(self.system.states)))
                    row[0, k] = molecules
                    whole = float(whole_starts(self.system, row, np.arange(row.shape[1]) == k)[0, k])
                if said:
                    notes.append(f"rounded from {molecules:.10g}")
                self._assume_all(said)
                molecules = whole
            except ModelError:
                notes.append("cannot be counted one by one")
        elif molecules is not None and self.per_unit != 1.0 and math.isfinite(molecules):
            start += f", x {self.per_unit:.10g}"
        if molecules is not None and not math.isfinite(molecules):
            molecules = None
            notes.append("drawn at random" if self.system.draws_at_start else "no finite amount at the start")
        return SpeciesLine(species.id, reads, start, molecules, "; ".join(notes))

    def _origin(self, species: Species, amount: float | None) -> str:
        """The amount at the start, and what it is made of."""
        unit, compartment = self.network.substance.unit, species.compartment
        if amount is None:
            return "no value"
        for formulas, what in (
            (self.network.assignment_rules, "by its rule"),
            (self.network.initial_assignments, "by an initial assignment"),
        ):
            if species.id in formulas:
                return f"{amount:.10g} {unit} {what}"
        if species.initial_amount is None and species.initial_concentration is not None:
            size = self._known(lambda: self.values[compartment])
            given = f"{species.initial_concentration:.10g} x {size:.10g} (size of {compartment})"
            return f"{given} = {amount:.10g} {unit}"
        return f"{amount:.10g} {unit}"

    def _role(self, species: Species) -> list[str]:
        if species.id in self.network.assignment_rules:
            return ["a rule decides it"]
        if species.id in self.network.rate_rules:
            return ["a rate rule moves it, so it flows"]
        if species.constant:
            return ["constant: read, never changed"]
        if species.boundary:
            return ["boundary: read, never changed by reactions"]
        if species.id not in self.place:
            return ["nothing changes it"]
        return []

    def _known(self, value: Callable[[], T]) -> T | None:
        try:
            return value()
        except ModelError:
            self.values = InitialValues(self.system.reduced, {}, {})
            return None

    # reactions

    def _reaction(self, reaction: Reaction) -> ReactionLine:
        unit = f"{self.network.substance.unit} per {self.network.time_unit}"
        fluxes = self.fluxes[reaction.id]
        names = ("forward", "backward") if len(fluxes) > 1 else ("propensity",)
        lines = tuple(self._propensity(name, j) for name, j in zip(names, fluxes, strict=True))
        symbols = {name: self._meaning(name) for name in sorted(ex.symbols(reaction.law))}
        return ReactionLine(reaction.id, reaction.equation, formula(reaction.law), unit, symbols, lines)

    def _meaning(self, name: str) -> str:
        unit = self.network.substance.unit
        if name in self.species:
            species = self.species[name]
            if reads_as_amount(self.network, species):
                return f"amount in {unit}"
            return f"concentration in {unit} / size of {species.compartment}"
        if any(c.id == name for c in self.network.compartments):
            return "size of a compartment"
        if any(r.id == name for r in self.network.reactions):
            return "rate of a reaction"
        return "parameter"

    def _propensity(self, name: str, j: int) -> Propensity:
        flux = self.system.fluxes[j]
        notes = [_hindrance(self.system, flux)]
        if flux.law == ex.ZERO:
            notes.append("it never happens: it has no rate law, or one that is zero")
            self.assumptions.append(f"Reaction '{flux.name}' never happens: it has no rate law, or one that is zero.")
        if self.may_fire[j]:
            notes += [self._short(flux, k, -n) for k, n in flux.change.items() if n < 0.0 and self.stepper.counts[k]]
        powers = self.choices.of(self.stated.fluxes[j])
        if flux.stated is not None:
            ways = "; ".join(f"{m} different {self.system.states[k]} out of all" for k, m in powers.items())
            why = f"ADJUSTED where it fires: it takes {ways}"
        elif powers and not self.network.adjust:
            why = "as it stands, as asked for"
        else:
            why = "as it stands"
            notes += [self._unlike_mass_action(flux, k) for k in sorted(reads(flux.law))]
        text = "" if self.per_unit is None else formula(tidy(self.named(flux.law), self.species))
        return Propensity(name, text, flux.stated is not None, why, "; ".join(n for n in notes if n))

    def _unlike_mass_action(self, flux: Flux, k: int) -> str:
        name, power = self.system.states[k], power_of(flux.law, k)
        if name not in self.choices.concentrations or power is None or power < 2.0:
            return ""
        return (
            f"the law goes with {name}^{power:g}, and the reaction does not use {power:g} {name}: nothing is adjusted"
        )

    def _short(self, flux: Flux, k: int, taken: float) -> str:
        """What a law that takes so many molecules of state k does where there are fewer."""
        name = self.system.states[k]
        for there in range(min(math.ceil(taken), MOST_SHORT)):
            if not self._vanishes(flux.law, k, float(there), taken):
                return (
                    f"a firing takes {taken:g} {name}, and the law does not vanish where there "
                    f"{'is' if there == 1 else 'are'} {there}: a firing there stops the run with an error"
                )
        return ""

    def _vanishes(self, law: Expression, k: int, there: float, enough: float) -> bool:
        def at(count: float) -> Expression:
            return ex.substitute(law, lambda n: ex.number(count) if n == Expression("y", k) else None)

        few = at(there)
        if few == ex.ZERO:
            return True
        many = at(enough)
        return all(abs(self._at_probe(few, size)) <= NOTHING * abs(self._at_probe(many, size)) for size in PROBES)

    def _at_probe(self, law: Expression, size: float) -> float:
        def value(name: str) -> float:
            kind, index = name[0], int(name[1:])
            if kind == "y":
                return size * (1.0 + 0.618 * (index + 1) % 1.0)
            found = self._known(lambda: self._parameter(self.system.parameters[index]))
            return found if found is not None and math.isfinite(found) else 1.0

        named = ex.substitute(law, lambda n: ex.symbol(f"{n.op}{n.args[0]}") if n.op in ("y", "p") else None)
        return float(ex.evaluate(named, value, time=size))

    def _parameter(self, name: str) -> float:
        return float(self.values.amount(self.species[name]) if name in self.species else self.values[name])

    def named(self, lowered: Expression) -> Expression:
        """A lowered expression in the model's names, those of species for their numbers of molecules."""
        delays = {d.state: d for d in self.system.delays}

        def name(node: Expression) -> Expression | None:
            if node.op == "y":
                k = int(node.args[0])  # type: ignore[arg-type]
                if k in delays:
                    return ex.delay(self.named(delays[k].value), self.named(delays[k].lag))
                return ex.symbol(self.system.states[k])
            if node.op == "p":
                found = self.system.parameters[int(node.args[0])]  # type: ignore[arg-type]
                held = ex.symbol(found)
                return ex.divide(held, ex.number(self.system.scale)) if found in self.species else held
            return None

        return ex.substitute(lowered, name)

    # events and methods

    def _events(self) -> None:
        for occurrence in self.system.occurrences:
            counted = [self.system.states[k] for k in occurrence.targets if self.stepper.counts[k]]
            if counted:
                self.assumptions.append(
                    f"Event '{occurrence.event.id}' sets {', '.join(counted)}, whose molecules are counted: what it "
                    f"gives is rounded to the nearest whole number."
                )

    def _methods(self) -> tuple[MethodLine, ...]:
        try:
            y, _ = self.system.start({}, {})
        except ModelError as error:
            return tuple(MethodLine(m, False, str(error)) for m in ("ssa", "hybrid", "ode"))
        ode = MethodLine("ode", True, "every reaction flows, by the laws as the model states them")
        if self.unknown:
            why = "amounts cannot be counted in molecules (see the assumptions)"
            return MethodLine("ssa", False, why), MethodLine("hybrid", False, why), ode
        return self._ssa(y), self._hybrid(), ode

    def _hybrid(self) -> MethodLine:
        words = {r.id: r.physical_scale for r in self.network.reactions if r.physical_scale}
        pairs = zip(self.system.fluxes, self.may_fire, strict=True)
        cannot = [f for f, may in pairs if not may]
        refused = [f.name for f in cannot if words.get(f.reaction) == "fire"]
        if refused:
            return MethodLine("hybrid", False, f"the model asks these to fire, which they cannot: {', '.join(refused)}")
        must = [f.name for f in cannot if _rated(self.system, f) and f.reaction not in words]
        always = [f.name for f in cannot if f.name not in must and f.reaction not in words]
        why = "biomulti.partition says which reactions fire, by the propensities above, and which flow"
        for word in WORDS:
            asked = [name for name, said in words.items() if said == word]
            why += f"; as the model asks, these {word}: {', '.join(asked)}" if asked else ""
        why += f"; always flowing: {', '.join(always)}" if always else ""
        why += f"; it is refused unless these flow, see physical_scale: {', '.join(must)}" if must else ""
        return MethodLine("hybrid", True, why)

    def _ssa(self, y: np.ndarray[Any, np.dtype[np.float64]]) -> MethodLine:
        everything = np.array([not f.is_rule for f in self.system.fluxes], dtype=bool)
        try:
            stepper = Stepper(self.system, self.stepper.model, everything, 1e-4)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", AssumptionWarning)
                whole_starts(self.system, y[None], stepper.counts & np.isfinite(y))
        except (UnsupportedError, UnitsError, ModelError) as error:
            return MethodLine("ssa", False, str(error))
        how = ", exactly" if stepper.exact else "; what changes rates between firings is integrated to the tolerance"
        return MethodLine("ssa", True, f"every reaction fires{how}")


def _hindrance(system: System, flux: Flux) -> str:
    """Why a flux cannot fire; empty if it can."""
    if flux.is_rule:
        return "a rule flows"
    if flux.fast:
        return "it is marked fast, always at its equilibrium, so it cannot fire and flows"
    rated = _rated(system, flux)
    if rated:
        return f"the model reads rateOf of what it changes ({', '.join(rated)}), so it must flow"
    parts = [system.states[k] for k, n in flux.change.items() if n != round(n)]
    return f"it changes {', '.join(parts)} by a fraction of a molecule, so it cannot fire and flows" if parts else ""


def _rated(system: System, flux: Flux) -> list[str]:
    """What the reaction of a flux changes and of which the model reads the rate."""
    names = {name for read in system.reduced.rates_read for name in read.species}
    together = [f for f in system.fluxes if f.reaction == flux.reaction] if names else []
    return sorted(names & {system.states[k] for f in together for k, n in f.change.items() if n})
