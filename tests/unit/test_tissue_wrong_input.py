"""Whatever a public function is given in place of an argument: a result, or an error of the package's own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tissue

FLAT, SOLID = tissue.Grid((8, 8), (1.0, 1.0)), tissue.Grid((8, 8, 8), (1.0, 1.0, 1.0))
POINTS = np.random.default_rng(0).uniform(0.2, 0.8, (20, 2))
STOKES, SPRINGS = tissue.Stokes(FLAT), tissue.Maxwell(1.0)
FLOW = STOKES.solve()
STRESS = tissue.StressField(FLAT, 0.0, 0.0, 0.0)
NEAR = tissue.neighbours(FLAT, POINTS, 0.2)
REST, SLOPES, WHOLE = SPRINGS.rest(20, 2), np.zeros((20, 2, 2)), np.tile(np.eye(2), (20, 1, 1))
CORNERS = np.array([[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]])
PYRAMID = 0.4 + 0.2 * np.eye(4)[:, :3]
LINE = 0.5 + 0.2 * np.stack([f(0.1 * np.pi * np.arange(20)) for f in (np.cos, np.sin)], axis=1)

GOOD: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "Grid": (tissue.Grid, {"shape": (8, 8), "size": (1.0, 1.0), "boundary": ("periodic", "no-slip")}),
    "Maxwell": (lambda **k: tissue.Maxwell(**k).after(REST, 0.1), {"relaxation_time": 1.0, "modulus": 1.0}),
    "Maxwell.advance": (SPRINGS.advance, {"conformation": REST, "gradient": SLOPES, "dt": 0.1}),
    "Maxwell.after": (SPRINGS.after, {"conformation": REST, "dt": 0.1}),
    "Maxwell.rest": (SPRINGS.rest, {"points": 3, "dim": 2}),
    "Maxwell.stress": (SPRINGS.stress, {"conformation": REST}),
    "Morphogen": (tissue.Morphogen, {"name": "Dpp", "diffusion": 1.0, "decay": 1.0}),
    "Neighbours.mean": (NEAR.mean, {"values": 1.0}),
    "Neighbours.of": (NEAR.of, {"point": 1}),
    "Stokes": (
        tissue.Stokes,
        {"grid": FLAT, "viscosity": 1.0, "friction": 1.0, "bulk_viscosity": 1.0, "tolerance": 1e-8},
    ),
    "Stokes.solve": (
        tissue.Stokes(SOLID).solve,
        {"active_stress": None, "force": (0.0, 0.0, 0.0), "growth": 0.0, "walls": None, "guess": None},
    ),
    "StressField": (lambda grid, xx: tissue.StressField(grid, xx, 0.0, 0.0), {"grid": FLAT, "xx": 0.0}),
    "advance": (tissue.advance, {"flow": FLOW, "positions": POINTS, "dt": 0.1}),
    "advance_surface": (
        tissue.advance_surface,
        {"flow": tissue.Stokes(SOLID).solve(), "positions": PYRAMID, "elements": CORNERS, "dt": 0.1},
    ),
    "contacts": (tissue.contacts, {"grid": FLAT, "positions": POINTS, "longest": 1.0}),
    "corotate": (tissue.corotate, {"tensor": np.zeros((20, 3)), "gradient": SLOPES, "dt": 0.1}),
    "deform": (tissue.deform, {"deformation": WHOLE, "gradient": SLOPES, "dt": 0.1}),
    "dimensionless": (
        tissue.dimensionless,
        {"grid": FLAT, "viscosity": 1.0, "friction": 1.0, "bulk_viscosity": 1.0}
        | dict.fromkeys(("speed", "length", "density", "diffusion"), 1.0)
        | {"cells": 3},
    ),
    "enclosed": (tissue.enclosed, {"grid": FLAT, "positions": LINE, "elements": tissue.line(20)}),
    "fraction": (tissue.fraction, {"grid": FLAT, "positions": POINTS, "volumes": 1e-3, "smoothing": 1}),
    "keep_apart": (tissue.keep_apart, {"grid": FLAT, "positions": POINTS, "distance": 0.1}),
    "line": (tissue.line, {"points": 5, "closed": True}),
    "logarithmic_strain": (tissue.logarithmic_strain, {"deformation": WHOLE}),
    "mixed_viscosity": (tissue.mixed_viscosity, {"share": 0.5, "inside": 1.0, "outside": 2.0}),
    "neighbours": (tissue.neighbours, {"grid": FLAT, "positions": POINTS, "radius": 0.1}),
    "order": (tissue.order, {"grid": FLAT, "positions": POINTS}),
    "resample": (tissue.resample, {"grid": FLAT, "positions": LINE, "points": 10, "closed": True}),
    "sample": (tissue.sample, {"grid": FLAT, "field": 1.0, "positions": POINTS}),
    "spin": (tissue.spin, {"gradient": SLOPES}),
    "spread": (tissue.spread, {"grid": FLAT, "positions": POINTS, "amount": 1.0}),
    "spread_force": (tissue.spread_force, {"grid": FLAT, "positions": POINTS, "force": POINTS}),
    "spread_stress": (tissue.spread_stress, {"grid": FLAT, "positions": POINTS, "stress": REST}),
    "spread_tension": (
        tissue.spread_tension,
        {"grid": FLAT, "positions": LINE, "elements": tissue.line(20), "tension": 1.0},
    ),
    "strain_rate": (tissue.strain_rate, {"gradient": SLOPES}),
    "stress_at": (tissue.stress_at, {"stress": STRESS, "positions": POINTS}),
    "total_stress": (tissue.total_stress, {"stokes": STOKES, "flow": FLOW, "active_stress": STRESS}),
    "transport": (
        tissue.transport,
        {"grid": FLAT, "concentration": 1.0, "flow": FLOW, "dt": 0.1, "diffusion": 1.0, "decay": 1.0, "source": 1.0}
        | {"fraction": 0.5, "fraction_after": 0.5, "inflow": None, "exposure": None},
    ),
    "turn": (tissue.turn, {"axes": POINTS, "gradient": SLOPES, "dt": 0.1, "alignment": 1.0}),
    "undeformed": (tissue.undeformed, {"points": 3, "dim": 2}),
    "velocity": (tissue.velocity, {"flow": FLOW, "positions": POINTS}),
    "velocity_gradient": (tissue.velocity_gradient, {"flow": FLOW, "positions": POINTS}),
}

BAD = (
    *(None, True, "x", 4.5, -1, 1j, float("nan"), float("inf"), 1e300, -1e300, 10**400, object(), [], {}, (1, 2)),
    *([[1, "a"]], [[1, 2], [3]], np.zeros((0, 2)), np.zeros((0, 3)), np.zeros((20, 4)), np.full((20, 2), np.nan)),
    *(np.zeros((2, 2, 2)), np.zeros((8, 8), bool), np.array(["a", "b"])),
)


@pytest.mark.parametrize("name", GOOD)
def test_wrong_input_is_named(name: str) -> None:
    function, arguments = GOOD[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        function(**arguments)
        for argument in arguments:
            for wrong in BAD:
                try:
                    function(**{**arguments, argument: wrong})
                except tissue.TissueError:
                    continue
                except Exception as error:
                    raise AssertionError(f"{name}({argument}={wrong!r}) raised {error!r}") from error


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: tissue.fraction(FLAT, 3.0, 1.0), r"positions have shape \(\); give one row of \(x, y\)"),
        (lambda: tissue.resample(FLAT, LINE, points=4.5), "points is 4.5; give a whole number"),
        (lambda: tissue.resample(FLAT, LINE, points=True), "points is True"),
        (lambda: tissue.line(-1), "points is -1"),
        (lambda: tissue.resample(FLAT, LINE, closed="no"), "closed is 'no'; give True or False"),
        (lambda: tissue.spread("grid", POINTS, 1.0), "grid is 'grid'; give a tissue.Grid"),
        (lambda: tissue.advance(None, POINTS, 1.0), "flow is of type NoneType; give a tissue.Flow"),
        (lambda: tissue.spin(np.zeros((4, 3))), r"gradient has shape \(4, 3\)"),
        (lambda: NEAR.of(20), "point is 20; there are 20, from 0"),
        (lambda: tissue.transport(FLAT, 1.0, FLOW, 0.1, inflow=3.0), "inflow is of type float"),
        (lambda: tissue.transport(FLAT, 1.0, None, 0.1, exposure=[0.0]), r"give np.zeros\(grid.shape\)"),
        (lambda: tissue.transport(FLAT, 1.0, None, 0.1, exposure=np.zeros(3)), r"exposure has shape \(3,\)"),
        (lambda: tissue.transport(FLAT, 1.0, FLOW, 0.1, fraction_after=1.0), "fraction_after is given without frac"),
        (lambda: tissue.transport(FLAT, 1.0, None, 0.1, fraction=1.0, fraction_after=1.0), "without a flow"),
        (lambda: tissue.enclosed(FLAT, LINE, tissue.line(20, closed=False)), "open at point 0, where 0 .* and 1 beg"),
        (lambda: tissue.enclosed(FLAT, LINE, [[0, 1], [2, 1], [2, 0]]), "open at point 1, where 2 .* and 0 begin"),
        (lambda: tissue.enclosed(SOLID, PYRAMID, CORNERS[:3]), "open, .* between points 1 and 2"),
    ],
)
def test_messages_say_what_to_give(call: Callable[[], Any], says: str) -> None:
    with pytest.raises(tissue.FieldError, match=says):
        call()


def test_nothing_at_all_is_no_error() -> None:
    """No points, no pieces."""
    none, grid = np.zeros((0, 2)), FLAT
    assert not tissue.spread(grid, none, 1.0).any()
    assert tissue.velocity(FLOW, none).shape == tissue.advance(FLOW, none, 1.0).shape == (0, 2)
    assert tissue.enclosed(grid, none, np.zeros((0, 2), int)) == 0.0
    assert len(tissue.neighbours(grid, none, 0.1).index) == 0
