"""The direct method for small networks, as a program of its own for each: all of the state in the processor.

Gillespie (1977), J. Phys. Chem. 81, 2340, doi:10.1021/j100540a008: the next firing comes after a time of
density a0 exp(-a0 t), a0 = sum a_j, and is reaction j with probability a_j / a0.

One row until the time `goal`, or through `budget` firings, is one function. Compiled in pieces it takes twice the time:
the compiler then turns the choice of a reaction into arithmetic that waits for every sum, where a processor would guess
and be right half the time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from string import Template

from biomulti._kernels_direct import ROW_SIGNATURE
from biomulti.expression import Expression
from biomulti.instructions import Formulas, Instructions, constant, index
from biomulti.machine_code import MachineFunction, machine_function
from biomulti.outcome import FINISHED, NEGATIVE_AMOUNT, NEGATIVE_PROPENSITY, NOT_FINITE, UNFINISHED
from biomulti.propensities import mass_action, never_negative, suffices
from biomulti.random_code import RANDOM
from biomulti.system import System

PROGRAM = """
define void @row(ptr noalias %y, ptr noalias %p, ptr noalias %rng, ptr noalias %clock, ptr noalias %left,
                 ptr noalias %counts, ptr noalias %status, double %goal, i64 %budget) {
  %which = getelementptr i64, ptr %status, i64 1
  %state = alloca [4 x i64]
  %time = alloca double
  %remaining = alloca double
  %spent = alloca i64
$load
$coefficients
  store i64 $FINISHED, ptr %status
  %stream = load [4 x i64], ptr %rng
  store [4 x i64] %stream, ptr %state
  %clock.before = load double, ptr %clock
  store double %clock.before, ptr %time
  %left.before = load double, ptr %left
  store double %left.before, ptr %remaining
  store i64 0, ptr %spent
  br label %loop
loop:
  %spent.before = load i64, ptr %spent
  %over = icmp eq i64 %spent.before, %budget
  br i1 %over, label %unfinished, label %go
unfinished:
  store i64 $UNFINISHED, ptr %status
  br label %done
go:
$laws
  br i1 $sound, label %wait, label %flawed
flawed:
$blame
  br label %done
wait:
  %t = load double, ptr %time
  %r = load double, ptr %remaining
  %until = fsub double %goal, %t
  %needed = fmul double $total, %until
  %fires = fcmp olt double %r, %needed
  br i1 %fires, label %fire, label %reached
reached:
  ; what is used up of the exponential number is taken off at every output, so that one long run and many
  ; short ones give the same bits
  %r.then = fsub double %r, %needed
  store double %r.then, ptr %remaining
  store double %goal, ptr %time
  br label %done
fire:
  %spent.now = add i64 %spent.before, 1
  store i64 %spent.now, ptr %spent
  %passed = fdiv double %r, $total
  %t.now = fadd double %t, %passed
  store double %t.now, ptr %time
  %u = call double @uniform(ptr %state)
  %target = fmul double %u, $total
  %u.next = call double @uniform(ptr %state)
  %one.less = fsub double 1.0, %u.next
  %r.now = call double @minus_log(double %one.less)
  store double %r.now, ptr %remaining
$fire
done:
$store
  %stream.now = load [4 x i64], ptr %state
  store [4 x i64] %stream.now, ptr %rng
  %clock.now = load double, ptr %time
  store double %clock.now, ptr %clock
  %left.now = load double, ptr %remaining
  store double %left.now, ptr %left
  %counts.before = load i64, ptr %counts
  %fired = load i64, ptr %spent
  %counts.now = add i64 %counts.before, %fired
  store i64 %counts.now, ptr %counts
  ret void
}
"""


def direct_row(system: System) -> MachineFunction:
    """Machine code of one row of `system`, with the signature `_kernels_direct.ROW_SIGNATURE`.

    Laws of mass action over what firings change need no look at what they give after every firing: that their
    coefficients are not negative is seen before the first, and these amounts stay whole and cannot fall below zero.
    """
    return machine_function(source(system), "row", ROW_SIGNATURE, passes=True)


def source(system: System) -> str:
    """Text of the module."""
    return _Row(system).text()


class _Row:
    """The program of a system, as far as it is written."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.out = Instructions()
        self.found = [mass_action(f.law) for f in system.fluxes]
        counts = {k for f in system.fluxes for k in f.change}
        self.safe = {j: law for j, law in enumerate(self.found) if law is not None and never_negative(law, counts)}
        self.laws: list[str] = []
        self.sums: list[str] = []
        self.sound = ""

    def text(self) -> str:
        parts = {
            "coefficients": self._lines(self._coefficients),
            "load": self._lines(self._load),
            "laws": self._lines(self._laws),
            "blame": self._lines(self._blame),
            "fire": self._lines(self._fire),
            "store": self._lines(self._store),
        }
        total = self.sums[-1] if self.sums else constant(0.0)
        program = Template(PROGRAM).substitute(
            parts, sound=self.sound, total=total, FINISHED=FINISHED, UNFINISHED=UNFINISHED
        )
        return "\n".join([*self.out.declarations(), RANDOM, program])

    def _lines(self, write: Callable[[], None]) -> str:
        before = len(self.out.lines)
        write()
        return "\n".join(self.out.lines[before:])

    def _leaf(self, node: Expression) -> str:
        if node.op == "p":
            return self.out.load("%p", index(node))
        return self.out.value("load double, ptr " + ("%time" if node.op == "time" else f"%x{index(node)}"))

    def _coefficients(self) -> None:
        """End the call if a coefficient is negative."""
        out, formulas = self.out, Formulas(self.out, self._leaf)
        for j, law in self.safe.items():
            if law.coefficient.value is None:
                negative = out.compare("olt", formulas.number(law.coefficient), constant(0.0))
                out.line(f"br i1 {negative}, label %negative{j}, label %checked{j}")
                out.line(f"negative{j}:")
                self._fail(NEGATIVE_PROPENSITY, j)
                out.line("ret void")
                out.line(f"checked{j}:")

    def _fail(self, code: int | str, flux: int | str) -> None:
        self.out.line(f"store i64 {code}, ptr %status")
        self.out.line(f"store i64 {flux}, ptr %which")

    def _load(self) -> None:
        for k in range(len(self.system.states)):
            self.out.line(f"%x{k} = alloca double")
            self.out.line(f"store double {self.out.load('%y', k)}, ptr %x{k}")

    def _store(self) -> None:
        for k in range(len(self.system.states)):
            self.out.store(self.out.value(f"load double, ptr %x{k}"), "%y", k)

    def _laws(self) -> None:
        """Propensities, their sums from the first on, and whether all is well with them."""
        out, formulas = self.out, Formulas(self.out, self._leaf)
        self.laws = [formulas.number(f.law) for f in self.system.fluxes]
        for law in self.laws:
            self.sums.append(out.arithmetic("fadd", self.sums[-1], law) if self.sums else law)
        self.sound = out.compare("olt", self.sums[-1] if self.sums else constant(0.0), constant(math.inf))
        for j, law in enumerate(self.laws):
            if j not in self.safe:
                self.sound = out.value(f"and i1 {self.sound}, {out.compare('oge', law, constant(0.0))}")

    def _blame(self) -> None:
        """The last reaction with which something is wrong."""
        out, code, flux = self.out, f"{NOT_FINITE}", f"{len(self.laws) - 1}"
        for j, law in enumerate(self.laws):
            finite = out.compare("olt", out.intrinsic("fabs", law), constant(math.inf))
            well = out.value(f"and i1 {finite}, {out.compare('oge', law, constant(0.0))}")
            why = out.value(f"select i1 {finite}, i64 {NEGATIVE_PROPENSITY}, i64 {NOT_FINITE}")
            code = out.value(f"select i1 {well}, i64 {code}, i64 {why}")
            flux = out.value(f"select i1 {well}, i64 {flux}, i64 {j}")
        self._fail(code, flux)

    def _fire(self) -> None:
        """The choice of a reaction; sums up to it are those of the total, so that one is always found."""
        out, last = self.out, len(self.sums) - 1
        for j in range(last):
            found = out.compare("ogt", self.sums[j], "%target")
            out.line(f"br i1 {found}, label %fire{j}, label %try{j + 1}")
            out.line(f"try{j + 1}:")
        out.line(f"br label %{f'fire{last}' if self.sums else 'loop'}")
        for j in range(last + 1):
            out.line(f"fire{j}:")
            self._change(j)

    def _change(self, j: int) -> None:
        out, law, change = self.out, self.found[j], self.system.fluxes[j].change
        after = {}
        for k, n in change.items():
            after[k] = out.arithmetic("fadd", out.value(f"load double, ptr %x{k}"), constant(float(n)))
            out.line(f"store double {after[k]}, ptr %x{k}")
        if law is not None and suffices(law, change):
            out.line("br label %loop")
            return
        for k in (k for k, n in change.items() if n < 0.0):
            negative = out.compare("olt", after[k], constant(0.0))
            out.line(f"br i1 {negative}, label %short{j}, label %enough{j}.{k}")
            out.line(f"enough{j}.{k}:")
        out.line("br label %loop")
        out.line(f"short{j}:")
        self._fail(NEGATIVE_AMOUNT, j)
        out.line("br label %done")
