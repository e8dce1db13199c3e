"""A tissue as a checkpoint holds it: written, read and written again, nothing has changed."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from going_on import BIRTH, WAITING, embryo

import biomulti as bm
import tissue
from biomulti import checkpoint, observe
from biomulti.coupled import definition
from biomulti.coupled.checks import stepping
from biomulti.coupled.definition import sentence, understood
from biomulti.coupled.words import plain

WALLED = tissue.Grid((8, 8), (10.0, 10.0), (("no-slip", "traction-free"), "free-slip"))
BOX = tissue.Grid((8, 8, 8), (5.0, 5.0, 5.0))
RANDOM = np.random.default_rng(1)
FIELD = RANDOM.uniform(0.5, 2.0, (8, 8))
SENTENCES = [
    *(bm.Contractility(0.1, axis) for axis in (None, "x", "polarity", 0.1, (0.1, 0.3), np.array([1.0, 2.0, 3.0]))),
    bm.Secretion("Wnt", 1.0 / 3.0), bm.Uptake(np.str_("Wnt"), np.float64(0.1)), bm.Growth(np.float32(0.1)),
    *(kind(part) for kind in (bm.StrainRate, bm.Strain, bm.Stress) for part in ("trace", "xy", 0.7, (0.0, 1.0))),
    bm.Pressure(), bm.Velocity(), bm.Velocity((1.0, 1e-300)), bm.Concentration("Wnt"), bm.Density(), bm.Size(),
    bm.Age(), bm.Distance(), bm.Distance("-x"), bm.Neighbours("A", "sum", np.int64(3)), bm.Linear(0.1, -0.0),
    bm.Hill(2, -3, 0.1), bm.Threshold(0.1, -1e308, 5e-324), bm.Delay(0.7), bm.Death(rate=0.0),
    bm.Death(when="A", below=0.1), bm.Division(when=bm.Size(), above=2.0, axis=(1.0, 2.0), copied=["A", np.str_("B")]),
    bm.Division(when="A", below=3, spread=0.1, axis=0.3, share=0.2, share_spread=0.1),
    observe.Cells(), observe.Cells(species=["A"], ids=np.array([3, 1])), observe.Fields(), observe.Population(),
]  # fmt: skip


@pytest.mark.parametrize("said", SENTENCES, ids=repr)
def test_a_sentence_comes_back(said: object) -> None:
    text = json.dumps(sentence(said))
    again = understood(json.loads(text))
    assert type(again) is type(said)
    assert again == said
    assert json.dumps(sentence(again)) == text
    assert plain(said) == said


def test_numbers_of_numpy_calculate_as_those_that_come_back() -> None:
    given = plain(bm.Division(when=bm.Neighbours("A", within=np.float32(0.1)), above=np.float32(0.1)))
    assert type(given.above) is type(given.when.within) is float
    assert given == understood(json.loads(json.dumps(sentence(given))))


def still(grid: tissue.Grid = WALLED, **options: object) -> bm.Tissue:
    return bm.Tissue(BIRTH, **{"cells": 5, "grid": grid, "method": "ssa"} | options)


TISSUES = [
    lambda: embryo(),
    lambda: embryo("ode", network=WAITING, two=True),
    lambda: still(viscosity=FIELD, friction=FIELD.astype(np.float32), bulk_viscosity=FIELD),
    lambda: still(viscosity=2, friction=0, bulk_viscosity=math.inf, seed=2**64 - 1),
    lambda: still(BOX, cells=RANDOM.uniform(0.0, 5.0, (6, 3)), polarity=RANDOM.normal(size=(6, 3)), ages=np.arange(6)),
    lambda: still(polarity=0.3, alignment=np.float32(0.1), outside=np.float32(0.1), cell_size=np.int64(2), seed=0),
    lambda: still(keep_apart=np.float32(0.3), flow_tolerance=0, warm_up=np.int32(1), length_unit="mm"),
    lambda: still(method="hybrid", tolerance=math.inf, initial={"A": np.int64(3)}, parameters={"k": np.float32(0.1)}),
    lambda: still(method="ode", tolerance=np.float32(1e-5)),
    lambda: still(method="hybrid", physical_scale={"make": "flow"}),
    lambda: bm.Tissue({"a": bm.CellType(BIRTH, 3, "ssa", {"A": np.float32(7)}), "b/c": bm.CellType(WAITING, 2, "ode")},
                      grid=WALLED),
]  # fmt: skip
STEPPINGS = [
    (1.0, 0.1, None, 0.05, "strang"),
    (np.float32(1.0), np.float32(0.1), np.float32(0.03), np.float32(0.1), "lie"),
    (3, 1, 2, 1, "lie"),
]


@pytest.mark.parametrize("make", TISSUES)
@pytest.mark.parametrize("how", STEPPINGS)
def test_a_tissue_comes_back(tmp_path, make, how: tuple) -> None:
    sheet, steps = make(), stepping(*how)
    document, arrays = definition.written(sheet, steps)
    checkpoint.save(tmp_path, 0, document, arrays)
    _, read, held = checkpoint.latest(tmp_path)
    again, steps_again = definition.read(read, held, bm.Tissue)
    document_again, arrays_again = definition.written(again, steps_again)
    assert json.dumps(document_again) == json.dumps(document)
    assert {n: (a.dtype, a.tobytes()) for n, a in arrays_again.items()} == {
        n: (a.dtype, a.tobytes()) for n, a in arrays.items()
    }
    assert repr(steps_again) == repr(steps)
    one, two = sheet.setup(), again.setup()
    for name in ("outputs", "signals", "rules", "morphogens", "seed", "unit_size", "outside", "spacing", "alignment"):
        assert repr(getattr(one, name)) == repr(getattr(two, name)), name
    assert one.grid == two.grid
    assert definition.attributes(sheet, steps) == definition.attributes(again, steps_again)


def test_a_document_with_an_unknown_name_is_refused() -> None:
    with pytest.raises(bm.CheckpointError, match="names 'system', which this version"):
        understood({"a": "system", "command": "true"})
