"""The value of everything in a network at time 0."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from biomulti import expression as ex
from biomulti.errors import ModelError, OptionError
from biomulti.expression import Expression
from biomulti.network import Species
from biomulti.reduction import Reduced, reads_as_amount

Draw = Callable[[str, list[float]], float]
Value = Any  # a float, or [rows] where rows have values of their own


class InitialValues:
    """The value of every symbol at time 0, each worked out once.

    Args:
        reduced: the network.
        initial: amounts of species in place of the model's, numbers or arrays [rows].
        parameters: values of parameters, compartments and stoichiometries in place of the model's, likewise.
        draw: a number of a named distribution with given arguments.

    Raises:
        OptionError: a name that the model does not have, or that a rule decides.
        ModelError: on the way, a value that is needed and not given, or assignments that need one another.
    """

    def __init__(
        self,
        reduced: Reduced,
        initial: Mapping[str, Value],
        parameters: Mapping[str, Value],
        draw: Draw | None = None,
    ) -> None:
        self.network = network = reduced.network
        self.delays = reduced.delays
        self.draw = draw
        self.species = {s.id: s for s in network.species}
        self.given: dict[str, float | None] = {c.id: c.size for c in network.compartments}
        self.given |= {p.id: p.value for p in (*network.parameters, *network.stoichiometries)}
        self.laws = {r.id: r.law for r in network.reactions}
        self._check(initial, self.species, "species", "initial")
        self._check(parameters, self.given, "parameter or compartment", "parameters")
        self.initial = {k: _number(v, f"initial['{k}']") for k, v in initial.items()}
        self.parameters = {k: _number(v, f"parameters['{k}']") for k, v in parameters.items()}
        self.done: dict[str, Value] = {}

    def _check(self, chosen: Mapping[str, Value], known: Mapping[str, object], what: str, where: str) -> None:
        for name in chosen:
            if name not in known:
                raise OptionError(
                    f"{where}: the model has no {what} '{name}'; it has {', '.join(sorted(known)) or 'none'}."
                )
            if name in self.network.assignment_rules:
                raise OptionError(f"{where}: '{name}' is decided by a rule of the model and cannot be set.")

    def __getitem__(self, name: str) -> Value:
        for needed in in_order(name, self._needs, self.done, self.network.source):
            self.done[needed] = self._value(needed)
        return self.done[name]

    def _needs(self, name: str) -> list[str]:
        """Names whose values come before that of `name`."""
        formulas = self._formulas(name)
        if formulas:
            return sorted(set().union(*map(ex.symbols, formulas)))
        if name in self.parameters or name not in self.species:
            return []
        return [self.species[name].compartment]

    def _formulas(self, name: str) -> list[Expression]:
        """What decides the value of `name`, if a formula does."""
        if name in self.parameters or name in self.initial:
            return []
        if name in self.delays:
            return list(self.delays[name])
        places = (self.network.assignment_rules, self.network.initial_assignments, self.laws)
        return [place[name] for place in places if name in place][:1]

    def has(self, name: str) -> bool:
        """True unless nothing says what the parameter, compartment or species `name` is."""
        if name in self.species and name not in self.initial:
            species = self.species[name]
            if species.initial_amount is not None or species.initial_concentration is not None:
                return True
        said = (self.parameters, self.initial, self.network.initial_assignments, self.network.assignment_rules)
        return self.given.get(name) is not None or name in self.laws or any(name in place for place in said)

    def amount(self, species: Species) -> Value:
        """Amount of a species in the model's unit."""
        if species.id in self.initial:
            return self.initial[species.id]
        if species.initial_amount is not None and not self._formulas(species.id):
            return species.initial_amount
        value = self[species.id]
        if reads_as_amount(self.network, species):
            return value
        return value * self[species.compartment]

    def evaluate(self, formula: Expression, time: Value = 0.0) -> Value:
        """The value of a formula with all symbols at their values at time 0."""
        return ex.evaluate(formula, self.__getitem__, time, self.draw)

    def _value(self, name: str) -> Value:
        if name in self.parameters:
            return self.parameters[name]
        if name in self.initial:
            return self._in_its_own_terms(self.species[name], self.initial[name])
        if name in self.delays:
            past, lag = self.delays[name]
            return self.evaluate(past, -self.evaluate(lag))
        for formula in self._formulas(name):
            return self.evaluate(formula)
        if name in self.species:
            return self._of_species(self.species[name])
        value = self.given.get(name)
        if value is None:
            raise ModelError(
                f"{self.network.source}: '{name}' has no value; give it one in the model or with "
                f"parameters={{'{name}': ...}}."
            )
        return value

    def _in_its_own_terms(self, species: Species, amount: Value) -> Value:
        if reads_as_amount(self.network, species):
            return amount
        if np.any(self[species.compartment] == 0.0):
            raise ModelError(
                f"{self.network.source}: the compartment '{species.compartment}' has size 0, in which the species "
                f"'{species.id}' has no concentration; give it another size, or the species only substance units."
            )
        return amount / self[species.compartment]

    def _of_species(self, species: Species) -> Value:
        if species.initial_amount is not None:
            return self._in_its_own_terms(species, species.initial_amount)
        if species.initial_concentration is None:
            raise ModelError(
                f"{self.network.source}: species '{species.id}' has no initial amount; give it one in the "
                f"model or with initial={{'{species.id}': ...}}."
            )
        if reads_as_amount(self.network, species):
            return species.initial_concentration * self[species.compartment]
        return species.initial_concentration


def _number(value: object, what: str) -> Value:
    try:
        out = value if isinstance(value, np.ndarray) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        out = np.nan
    if not np.all(np.isfinite(out)):
        raise OptionError(f"{what} is {value!r}; it must be a finite number.")
    return out


def in_order(wanted: str, needs: Callable[[str], Iterable[str]], done: Container[str], source: str) -> Iterator[str]:
    """What is not `done` of `wanted` and all that it needs, what is needed first, however long the chain.

    Raises:
        ModelError: names that need one another.
    """
    chain = [] if wanted in done else [wanted]
    waiting = dict.fromkeys(chain)  # the same as a set
    while chain:
        missing = next((n for n in needs(chain[-1]) if n not in done), None)
        if missing is None:
            yield chain[-1]
            del waiting[chain.pop()]
        elif missing in waiting:
            raise ModelError(cycle(source, chain, missing))
        else:
            chain.append(missing)
            waiting[missing] = None


def cycle(source: str, chain: list[str], name: str) -> str:
    """The message for assignments that need one another."""
    loop = " -> ".join([*chain[chain.index(name) :], name])
    return f"{source}: these assignments need one another: {loop}; break the cycle."
