"""The exact methods from near: recognised laws, dependencies, budgets, failures, and how rows stop for events."""

from __future__ import annotations

import numpy as np
import pytest

import biomulti as bm
from biomulti import exact, outcome
from biomulti import expression as ex
from biomulti.cells import population
from biomulti.compile import compile_function
from biomulti.dependencies import dependencies
from biomulti.direct import source
from biomulti.errors import OptionError, SimulationError
from biomulti.exact import Exact, choice, tree_levels
from biomulti.expression import Expression
from biomulti.options import EXACT_METHODS
from biomulti.propensities import GENERAL, MassAction, mass_action, shape_of, tables
from biomulti.system import System, system_of

HEAD = "unit substance = item; unit extent = item; unit time_unit = second; compartment cell = 1;"
Y = [Expression("y", k) for k in range(3)]
P = [Expression("p", k) for k in range(3)]
every_method = pytest.mark.parametrize("method", EXACT_METHODS)


def system(text: str) -> System:
    return system_of(bm.load(f"model m() {HEAD} {text} end"), 1.0)


GENE = """substanceOnly species G in cell, M in cell, X in cell; G = 1; M = 0; X = 30; K = 20; n = 2; V = 2;
  make: => M; 8*G/(1 + (X/K)^n); lose: M => ; M; translate: => X; 3*M; decay: X => ; 0.5*X/V;
  pair: 2 X => ; 0.01*X*(X - 1)/2; on: => G; 0.2*(1 - G); off: G => ; 0.1*G;"""


class Run:
    """What `Exact.advance` takes, by name."""

    def __init__(self, model: System, rows: int, times: list[float], seed: int = 5) -> None:
        self.cells = population(model, rows, seed=seed)
        self.times = np.array(times)
        self.out = np.full((rows, len(times), len(model.states)), np.nan)
        self.cursor, self.status = np.zeros(rows, dtype=np.int64), np.zeros((rows, 2), dtype=np.int64)

    def go(self, method: Exact, budget: int, **events: object) -> None:
        method.advance(self.cells, self.times, self.out, self.cursor, budget, self.status, **events)


def test_laws_of_mass_action_are_recognised():
    x, z = Y[0], Y[1]
    half = ex.divide(ex.multiply(P[0], x, ex.subtract(x, ex.ONE)), ex.number(2.0))
    assert mass_action(half) == MassAction(0.5, P[0], ((0, 0.0), (0, -1.0)))
    volume = ex.divide(ex.multiply(P[0], x, z), ex.power(P[1], ex.number(2.0)))
    assert mass_action(volume) == MassAction(1.0, ex.divide(P[0], ex.power(P[1], ex.number(2.0))), ((0, 0.0), (1, 0.0)))
    assert mass_action(ex.power(x, ex.number(2.0))) == MassAction(1.0, ex.ONE, ((0, 0.0), (0, 0.0)))
    assert mass_action(ex.multiply(P[0], ex.subtract(ex.ONE, x))) == MassAction(-1.0, P[0], ((0, -1.0),))
    for other in (ex.divide(P[0], x), ex.add(x, z), ex.power(x, P[0]), ex.function("exp", x), ex.multiply(x, ex.TIME)):
        assert mass_action(other) is None


def test_laws_alike_share_a_shape():
    def hill(x: Expression, k: float) -> Expression:
        return ex.divide(P[0], ex.add(ex.ONE, ex.power(ex.divide(x, ex.number(k)), ex.number(2.0))))

    assert shape_of(hill(Y[0], 3.0))[0] == shape_of(hill(Y[2], 7.0))[0]
    made = tables([hill(Y[0], 3.0), hill(Y[2], 7.0), ex.multiply(P[1], Y[0])], 3, 3)
    assert len(made.shapes) == 1
    assert made.kind.tolist() == [GENERAL, GENERAL, 0]


def test_dependencies_are_those_of_the_definition():
    rng = np.random.default_rng(8)
    reads = [set(rng.choice(20, rng.integers(0, 4), replace=False).tolist()) for _ in range(40)]
    changes = [set(rng.choice(20, rng.integers(0, 4), replace=False).tolist()) for _ in range(40)]
    graph = dependencies(reads, changes, 20)
    for j in range(40):
        assert graph.of(j) == [i for i in range(40) if reads[i] & changes[j]]


@pytest.mark.parametrize("reactions", [0, 1, 8, 9, 64, 65, 1000])
def test_levels_of_the_tree_hold_the_sums_below(reactions):
    width = np.diff(tree_levels(reactions))
    assert width[0] >= reactions
    assert width[-1] == 8
    assert all(8 * above >= below for above, below in zip(width[1:], width, strict=False))


def test_larger_networks_take_methods_for_them():
    assert choice(1) == "ssa-direct"
    assert choice(exact.DIRECT_UP_TO + 1) == "ssa-tree"
    with pytest.raises(OptionError, match="ssa-direct"):
        Exact(_many(exact.LARGEST_DIRECT + 1), "ssa-direct")


def _many(reactions: int) -> System:
    return system("substanceOnly species X in cell; X = 0; " + " ".join(f"r{j}: => X; 1;" for j in range(reactions)))


@every_method
def test_budgets_and_pieces_do_not_change_bits(method, monkeypatch):
    monkeypatch.setattr(exact, "PERIOD", 50)
    model = system(GENE)
    way = Exact(model, method)
    times = np.linspace(0.0, 20.0, 21).tolist()
    whole, small, pieces = (Run(model, 3, times) for _ in range(3))
    whole.go(way, 10**9)
    assert whole.cells.counts[:, 0].min() > 200
    while small.cursor.min() != len(times):
        small.go(way, 7)
    cells = pieces.cells
    for part in np.split(np.arange(len(times)), [3, 4, 15]):
        piece = Run(model, 3, [times[k] for k in part])
        piece.cells = cells
        piece.go(way, 10**9)
        pieces.out[:, part] = piece.out
    assert whole.out.tobytes() == small.out.tobytes() == pieces.out.tobytes()


@every_method
def test_rows_with_parameters_of_their_own(method):
    """A row runs as it would alone with its parameters."""
    model = system(GENE)
    way, k = Exact(model, method), model.parameters.index("K")
    times = [1.0, 5.0]
    together = Run(model, 3, times)
    together.cells.p[:, k] = [5.0, 20.0, 80.0]
    together.go(way, 10**9)
    for row, value in enumerate((5.0, 20.0, 80.0)):
        alone = Run(model, 3, times)
        alone.cells.p[:, k] = value
        alone.go(way, 10**9)
        assert np.array_equal(alone.out[row], together.out[row])


@every_method
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("X = 5; a: X => ; 1;", "takes more molecules than there are"),
        ("X = 0; a: => 2 X; 3 - X;", "propensity of 'a' is negative"),
        ("X = 0; k = -1; a: => X; 1; b: X => ; k*X;", "propensity of 'b' is negative"),
        ("X = 2; a: X => ; X; b: => X; 1/(X - 1);", "rate of 'b' is not a finite number"),
    ],
)
def test_what_goes_wrong_is_named(method, text, message):
    model = f"model m() {HEAD} substanceOnly species X in cell; {text} end"
    with pytest.raises(SimulationError, match=message):
        bm.simulate(model, t_end=100.0, method=method, seed=3, progress=False)


def test_rates_that_follow_time_need_ssa():
    model = f"model m() {HEAD} substanceOnly species X in cell; X = 0; a: => X; 1 + sin(time); end"
    with pytest.raises(OptionError, match="method='ssa'"):
        bm.simulate(model, t_end=1.0, method="ssa-tree", progress=False)


@every_method
def test_nothing_that_fires(method):
    model = f"model m() {HEAD} substanceOnly species X in cell; X = 3; a: X => ; 0*X; end"
    run = bm.simulate(model, t_end=1.0, every=0.5, method=method, progress=False)
    assert run.X.values.tolist() == [[3.0]] * 3


def test_no_reactions_at_all():
    nothing = system("substanceOnly species X in cell; X = 3;")
    run = Run(nothing, 2, [0.0, 1.0])
    run.go(Exact(nothing, "ssa-direct"), 10)
    assert run.cells.clock.tolist() == [1.0, 1.0]
    assert run.status[:, 0].tolist() == [outcome.FINISHED] * 2


@pytest.mark.parametrize(
    ("laws", "code", "flux"),
    [
        ("a: => X; 1e308; b: => X; 1e308;", outcome.NOT_FINITE, 1),  # only their sum is infinite
        ("a: => X; 1; b: => X; 1/(X - 3); c: => X; 2;", outcome.NOT_FINITE, 1),
        ("a: => X; 1; b: => X; 2 - X; c: => X; 2;", outcome.NEGATIVE_PROPENSITY, 1),
        ("a: => X; k; b: => X; 1; k = -1;", outcome.NEGATIVE_PROPENSITY, 0),
        ("a: 4 X => ; 1; b: => X; 0;", outcome.NEGATIVE_AMOUNT, 0),
    ],
)
def test_direct_rows_say_what_is_wrong(laws, code, flux):
    model = system(f"substanceOnly species X in cell; X = 3; {laws}")
    run = Run(model, 1, [0.0, 10.0])
    run.go(Exact(model, "ssa-direct"), 100)
    assert run.status.tolist() == [[code, flux]]
    assert run.out[0, 0].tolist() == [3.0]


@every_method
def test_rows_stop_for_events_and_go_on(method):
    """X counts a Poisson process; the trigger is X >= 3, an event is due at 1.25, outputs come every 0.5."""
    model = system("substanceOnly species X in cell; X = 0; a: => X; 4;")
    way = Exact(model, method)
    three = ex.compare("ge", Y[0], ex.number(3.0))
    events = {
        "triggers": compile_function([ex.piecewise(ex.ONE, three, ex.ZERO)]),
        "armed": np.zeros((4, 1), dtype=np.uint8),
        "due": np.full(4, 1.25),
    }
    run, free = (Run(model, 4, [0.0, 0.5, 1.0, 1.5, 2.0]) for _ in range(2))
    free.go(way, 10**9)
    seen = set()
    for _ in range(100):
        run.go(way, 5, **events)
        for i in np.flatnonzero(run.status[:, 0] == outcome.EVENT):
            y, t = run.cells.y[i, 0], run.cells.clock[i]
            if t == 1.25:
                seen.add("due")
                events["due"][i] = np.inf
            else:
                seen.add("trigger")
                assert y == 3.0
                assert t < 1.25 or events["due"][i] == np.inf
            # outputs at the time of the event are not written yet
            assert run.cursor[i] == np.searchsorted(run.times, t)
            events["armed"][i, 0] = y >= 3.0
        if run.cursor.min() == 5:
            break
    assert seen == {"due", "trigger"}
    assert run.status[:, 0].tolist() == [outcome.FINISHED] * 4
    # events that change nothing leave the path as it is, up to the rounding of times
    assert np.array_equal(run.out, free.out)


@every_method
def test_an_event_at_an_output_comes_before_it(method):
    model = system("substanceOnly species X in cell; X = 0; a: => X; 0;")
    way, run = Exact(model, method), Run(model, 1, [0.0, 1.0, 2.0])
    events = {
        "triggers": compile_function([ex.piecewise(ex.ONE, ex.compare("ge", ex.TIME, ex.ONE), ex.ZERO)]),
        "armed": np.zeros((1, 1), dtype=np.uint8),
        "due": np.array([np.inf]),
    }
    run.go(way, 100, **events)
    assert run.status[0, 0] == outcome.EVENT
    assert (run.cells.clock[0], run.cursor[0]) == (1.0, 1)
    run.cells.y[0, 0], events["armed"][0, 0] = 7.0, 1
    run.go(way, 100, **events)
    assert run.status[0, 0] == outcome.FINISHED
    assert run.out[0, :, 0].tolist() == [0.0, 7.0, 7.0]


def test_safe_laws_are_not_looked_at_again():
    text = source(system("substanceOnly species X in cell; X = 9; a: 2 X => ; X*(X - 1); b: X => ; 3*X; c: X => ; 2;"))
    assert [line for line in text.splitlines() if line.startswith("short")] == ["short2:"]  # of reaction c
    assert "fcmp oge" not in text.split("flawed:")[0]


@pytest.mark.parametrize("method", ["ssa", "ssa-direct", "ssa-tree", "ssa-rejection"])
@pytest.mark.parametrize(
    "law",
    [
        "k = 1; a: A => ; k*A; at time > 1: k = -1",
        "k = -1; a: A => ; k*A; at time > 9: k = 1",
        "n = 2; a: => C; n*(n - 1)*A; at time > 1: n = 0.5",
    ],
)
def test_what_events_make_negative_is_seen_by_every_method(method, law):
    text = (
        "unit substance = item; unit extent = item; compartment cell = 1; substanceOnly species A in cell, B in cell, "
        f"C in cell; A = 100; B = 0; C = 0; b: => B; 200; {law};"
    )
    with pytest.raises(bm.SimulationError, match="propensity of 'a' is negative"):
        bm.simulate(text, t_end=3.0, every=1.0, method=method, seed=1, progress=False)
