"""The partition of every row: conserved totals and whole numbers through its switches, and what flowing costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import biomulti as bm
from biomulti._kernels_partition import make_whole, solve_extents

pytestmark = pytest.mark.filterwarnings("ignore::biomulti.counts.AssumptionWarning")

ITEMS = "unit substance = item; unit extent = item; unit volume = litre; unit time_unit = second; compartment cell = 1;"
RUNS = 1_500
SIGMA = 4.5  # one test in 150,000 by chance; there are fewer than 400


def network(species: str, rest: str) -> str:
    names = [part.split("=")[0].strip() for part in species.split(";") if part.strip()]
    return f"{ITEMS} {' '.join(f'substanceOnly species {n} in cell;' for n in names)} {species} {rest}"


GENE = (
    "G = 1; H = 0; M = 0; P = 0;",
    "on: H -> G; 0.5*H; off: G -> H; 0.5*G; tr: -> M; 400*G; dm: M ->; 2*M; tl: -> P; 3*M; dp: P ->; P;",
)
NETWORKS = {
    "immigration and death": (3.0, "X = 0;", "a: -> X; 3000; b: X ->; 10*X;"),
    "a gene, its mRNA and protein": (12.0, *GENE),
    "dimerisation": (3.0, "P = 2000; D = 0;", "a: 2 P -> D; 0.01*P*(P - 1)/2; b: D -> 2 P; 5*D;"),
    "predator and prey": (
        *(4.0, "A = 500; B = 500;"),
        "a: -> A; 2000; b: A + B -> 2 B; 0.01*A*B; c: B ->; 4*B; d: A ->; A;",
    ),
    "repression": (
        *(6.0, "X = 300; Y = 0;"),
        "a: -> X; 3000/(1 + (Y/300)^2); b: X ->; 5*X; c: -> Y; 3*X; d: Y ->; 2*Y;",
    ),
    "noise through a square": (
        *(10.0, "S = 300; G = 0; P = 0;"),
        "a: -> S; 3000; b: S ->; 10*S; c: -> G; 1e-5*S*S; d: G ->; 0.5*G; e: -> P; 100*G; f: P ->; P;",
    ),
    "a chain that closes": (
        *(8.0, "A = 1000; B = 0; C = 0;"),
        "a: A -> B; 3*A; b: B -> A; 2*B; c: B -> C; 0.2*B; d: C -> A; 0.5*C;",
    ),
    "bursts": (10.0, "M = 0; P = 0;", "a: -> M; 2; b: M ->; M; c: -> P; 200*M; d: P ->; P;"),
    "an enzyme": (
        *(6.0, "E = 200; S = 5000; P = 0;"),
        "a: -> E; 400; b: E ->; 2*E; c: S -> P; 0.01*E*S; d: P -> S; P;",
    ),
    "annihilation": (
        *(5.0, "A = 400; B = 400;"),
        "a: -> A; 800; b: -> B; 800; c: A + B ->; 0.01*A*B; d: A ->; 0.5*A; e: B ->; 0.5*B;",
    ),
    "growth with a limit": (
        *(6.0, "X = 500;"),
        "a: -> X; 300; b: X -> 2 X; X; c: 2 X -> X; 0.002*X*(X - 1); d: X ->; 0.5*X;",
    ),
    "all scarce": (5.0, "X = 5; Y = 0;", "a: -> X; 20; b: X -> Y; X; c: Y ->; 2*Y;"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_estimate_bounds_the_error(name):
    """Means and variances of the hybrid against exact runs: no further apart than the partition says, and chance."""
    t_end, text = NETWORKS[name][0], network(*NETWORKS[name][1:])
    split = bm.partition(text, t_end=t_end, tolerance=np.inf)
    common = {"t_end": t_end, "every": t_end / 5.0, "replicates": RUNS, "progress": False}
    hybrid = bm.simulate(text, method="hybrid", tolerance=np.inf, seed=3, **common)
    exact = bm.simulate(text, method="ssa", seed=4, **common)
    for species in split.errors.index:
        a, b = hybrid[species].values[1:], exact[species].values[1:]
        mean = np.maximum(b.mean(axis=1), 1.0)
        shift, spread = split.errors.loc[species]
        chance = np.sqrt((a.var(axis=1) + b.var(axis=1)) / RUNS)
        assert np.all(np.abs(a.mean(axis=1) - b.mean(axis=1)) <= shift * mean + SIGMA * chance), species
        # the variance of a sample variance, from its fourth moment
        fourth = [((x - x.mean(axis=1, keepdims=True)) ** 4).mean(axis=1) - x.var(axis=1) ** 2 for x in (a, b)]
        chance = np.sqrt(sum(fourth) / RUNS)
        least = np.maximum(np.maximum(b.var(axis=1), 0.1 * b.var(axis=1).max()), (0.01 * mean) ** 2)
        assert np.all(np.abs(a.var(axis=1) - b.var(axis=1)) <= spread * least + SIGMA * chance), species


def test_a_tolerance_makes_more_fire():
    gene = network(*GENE)
    free, bound = bm.partition(gene, t_end=12.0, tolerance=np.inf), bm.partition(gene, t_end=12.0, tolerance=0.02)
    assert free.worst[1] > 0.02 >= bound.worst[1]
    fires = [d.reaction for d in bound.decisions if not d.flows and not d.adaptive]
    assert {"on", "off"} < set(fires)
    run = bm.simulate(gene, t_end=12.0, method="hybrid", tolerance=0.02, seed=1, progress=False)
    assert "its flowing would cost more than the tolerance" in run.attrs["partition"]
    assert run.attrs["partition_tolerance"] == 0.02


def test_switches_keep_totals_and_make_whole():
    """A gate that fires sends molecules to and fro, so that each side is scarce by turns; their total never changes."""
    text = network(
        "G = 1; H = 0; A = 400; B = 0; C = 0;",
        "on: H -> G; H; off: G -> H; G; a: A -> B; 5*G*A; b: B -> A; 5*H*B; c: B -> C; 3*B; d: C -> B; 3*C;",
    )
    run = bm.simulate(text, t_end=150.0, every=0.05, replicates=60, tolerance=np.inf, seed=2, progress=False)
    total = sum(run[n].values for n in "ABC")
    assert np.max(np.abs(total - 400.0)) < 1e-9
    amounts = np.stack([run[n].values for n in "ABC"])
    fractions = amounts != np.round(amounts)
    assert 0.02 < fractions.mean() < 0.98
    assert amounts.min() >= 0.0
    switches = np.count_nonzero(np.diff(fractions.any(axis=0), axis=0))
    print("switches seen at outputs:", switches)
    assert switches > 2_000


def closed(generator: np.random.Generator) -> tuple[str, list[str], np.ndarray]:
    """A random network that neither makes nor loses anything: text, species and stoichiometry [reactions, species].

    Molecules go round in one sense while a gate is open and in the other while it is closed, and pair up and part.
    """
    count = int(generator.integers(3, 6))
    names = [f"S{k}" for k in range(count)]
    pairs = [f"D{k}" for k in range(int(generator.integers(1, 3)))]
    amounts = generator.integers(150, 300, count + len(pairs))
    reactions, rows = [], []

    def add(left: list[str], right: list[str], law: str) -> None:
        reactions.append(f"r{len(rows)}: {' + '.join(left)} -> {' + '.join(right)}; {law};")
        rows.append([right.count(n) - left.count(n) for n in (*names, *pairs)])

    for k in range(count):
        a, b = names[k], names[(k + 1) % count]
        forth, back = 10.0 ** generator.uniform(-0.7, 0.7, 2)
        add([a], [b], f"{forth:.3g}*G*{a}")
        add([b], [a], f"{back:.3g}*H*{b}")
    for d in pairs:
        a, b = (str(n) for n in generator.choice(names, 2, replace=False))
        add([a, b], [d], f"0.003*{a}*{b}")
        add([d], [a, b], f"{generator.uniform(1.0, 4.0):.3g}*{d}")
    start = "; ".join(f"{n} = {x}" for n, x in zip((*names, *pairs), amounts, strict=True))
    # Q always flows, so that there is something to gain
    beside = "makeQ: -> Q; 2e6; loseQ: Q ->; 2*Q; on: H -> G; 0.5*H; off: G -> H; 0.5*G;"
    text = network(f"Q = 1e6; G = 1; H = 0; {start};", f"{beside} {' '.join(reactions)}")
    return text, [*names, *pairs], np.array(rows)


def test_random_networks_keep_every_total_through_thousands_of_switches():
    seen = []

    @given(st.integers(0, 2**32 - 1))
    @settings(deadline=None, max_examples=15, derandomize=True)
    def one(seed: int) -> None:
        text, names, stoichiometry = closed(np.random.default_rng(seed))
        run = bm.simulate(text, t_end=100.0, every=0.1, replicates=8, tolerance=np.inf, seed=seed, progress=False)
        amounts = np.stack([run[n].values for n in names])
        assert amounts.min() >= 0.0
        assert np.all(run.G.values + run.H.values == 1.0)
        _, values, directions = np.linalg.svd(stoichiometry)
        kept = directions[np.sum(values > 1e-9) :]
        totals = np.einsum("ck,ktr->ctr", kept, amounts)
        assert len(kept)
        assert np.max(np.abs(totals - totals[:, :1])) < 1e-9
        # a species turns whole, or leaves off being so
        seen.append(int(np.count_nonzero(np.diff(amounts != np.round(amounts), axis=1))))

    one()
    print("switches seen at outputs:", seen)
    assert sum(seen) > 3_000


@given(st.integers(2, 5), st.integers(1, 6), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=200)
def test_whole_amounts_keep_every_total(states, reactions, seed):
    """Random stoichiometries and extents: whole amounts in the reactions' own directions, whatever there is."""
    generator = np.random.default_rng(seed)
    stoichiometry = generator.integers(-2, 3, (reactions, states)).astype(float)
    stoichiometry[~np.any(stoichiometry, axis=1), 0] = 1.0
    reference = generator.integers(200, 400, states).astype(float)
    x = reference + generator.uniform(-9.0, 9.0, reactions) @ stoichiometry
    rows, columns = np.nonzero(stoichiometry)
    start = np.searchsorted(rows, np.arange(reactions + 1)).astype(np.int64)
    net = start, columns.astype(np.int64), stoichiometry[rows, columns]
    before, kept = x.copy(), reference.copy()
    stream = generator.integers(0, 2**63, (1, 4)).astype(np.uint64)
    flows, all_of_them = np.zeros(reactions, bool), np.ones(reactions, bool)
    make_whole(x, reference, flows, all_of_them, np.ones(states, bool), net, stream, 0)
    assert np.max(np.abs(x - np.round(x))) < 1e-6
    assert np.array_equal(reference, x)
    # what a firing cannot change: the left null space of the stoichiometry
    _, values, directions = np.linalg.svd(stoichiometry)
    conserved = directions[np.sum(values > 1e-9) :]
    assert conserved @ (x - before) == pytest.approx(0.0, abs=1e-6)
    assert np.max(np.abs(x - before)) <= np.abs(stoichiometry).sum() + 1e-6
    assert conserved @ (x - kept) == pytest.approx(0.0, abs=1e-6)


def test_rounding_keeps_the_mean():
    """One reaction whose extent ends in .3 is rounded up three times in ten."""
    stream = np.random.default_rng(1).integers(0, 2**63, (1, 4)).astype(np.uint64)
    net = np.array([0, 2]), np.array([0, 1]), np.array([-1.0, 2.0])
    ups = 0
    for _ in range(4_000):
        x, reference = np.array([200.0 - 7.3, 50.0 + 14.6]), np.array([200.0, 50.0])
        make_whole(x, reference, np.zeros(1, bool), np.ones(1, bool), np.ones(2, bool), net, stream, 0)
        assert (x[0], x[1]) in ((193.0, 64.0), (192.0, 66.0))
        ups += x[0] == 192.0
    assert abs(ups - 1_200) < 5.0 * np.sqrt(4_000 * 0.21)


def test_what_an_event_has_set_is_whole_too():
    text = network("A = 420; B = 0; C = 0;", "a: A -> B; 20*A; b: B -> C; 20*B; c: C -> A; 20*C; at time >= 3: A = 90;")
    run = bm.simulate(text, t_end=6.0, every=0.05, replicates=20, tolerance=np.inf, seed=2, progress=False)
    after = sum(run[n].values for n in "ABC")[run.time.values > 3.01]
    # from the event on the total is what it was then, and becomes whole with the amounts
    assert np.max(np.abs(after - after[-1])) < 1.01
    assert np.max(np.abs(after[-1] - np.round(after[-1]))) < 1e-6


def test_extents_of_singular_systems():
    table = np.array([[1.0, -1.0, 0.5], [-1.0, 1.0, -0.5]])
    extents = solve_extents(table.copy())
    assert table[:, :2] @ extents == pytest.approx(table[:, 2])


def test_switches_are_the_row_s_own(monkeypatch):
    """A row switches when its amounts say so: whatever the number of rows, and however long calls of the kernel are."""
    gene = network(*GENE)
    common = {"t_end": 12.0, "every": 0.5, "tolerance": np.inf, "seed": 6, "progress": False}
    many = bm.simulate(gene, replicates=21, **common)
    few = bm.simulate(gene, replicates=2, **common)
    monkeypatch.setattr("biomulti.stepper.FIRST_BUDGET", 7)
    monkeypatch.setattr("biomulti.stepper.LARGEST_BUDGET", 7)
    pieces = bm.simulate(gene, replicates=21, **common)
    for name in "GHMP":
        assert np.array_equal(many[name].values[:, :2], few[name].values)
        assert np.array_equal(many[name].values, pieces[name].values)
    assert np.any(many["M"].values != np.round(many["M"].values))
