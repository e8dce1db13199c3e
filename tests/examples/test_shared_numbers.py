"""Scripts that stand on each other's numbers have the same ones.

Each is to be read by itself, so that they are written in both: every constant that both name, but for those named here.
"""

from __future__ import annotations

import pytest

from biomulti.demos.scripts import example


@pytest.mark.parametrize(
    ("first", "second", "differ", "least"),
    [
        ("apical_constriction", "mechanics_acts_on_genes", {"COLOURS"}, 11),
        # the egg has more cells in a larger box, and a softer membrane
        ("ventral_furrow", "ventral_furrow_3d", {"WALL", "CELLS", "BOX"}, 15),
    ],
)
def test_shared_constants_are_equal(first: str, second: str, differ: set[str], least: int) -> None:
    one, other = (
        {name: value for name, value in vars(example(script)).items() if name.isupper()} for script in (first, second)
    )
    shared = set(one) & set(other)
    assert {name for name in shared if one[name] != other[name]} == differ
    assert len(shared - differ) >= least
