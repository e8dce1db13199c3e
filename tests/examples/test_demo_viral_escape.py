"""The demonstration from one mutation to a wave, at a small size and without what inference needs."""

from __future__ import annotations

import re
import sys

import pytest

from biomulti.__main__ import main
from biomulti.demos import viral_escape


@pytest.fixture
def printed(tmp_path, monkeypatch, capsys) -> str:
    monkeypatch.setattr(viral_escape, "CELLS", 100)
    monkeypatch.setattr(viral_escape, "HOURS", 4.0)
    for name in ("SALib", "numpyro", "arviz"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "viral-escape", "--seed", "3"]) in (0, None)
    assert (tmp_path / "results" / "viral_escape" / "viral_escape.png").stat().st_size > 100_000
    return capsys.readouterr().out


def test_all_scales_print_their_numbers(printed) -> None:
    assert re.findall(r"^(\d)  ", printed, flags=re.MULTILINE) == list("12345678")
    assert "R_eff = 1 at 1.877 kcal/mol" in printed
    assert "peak on day 2.33 (2.33), log10 5.888 (5.888)" in printed
    assert "r = 0.919 (published .919)" in printed
    lost = float(re.search(r"lost the virus by day 200: ([\d.]+)", printed)[1])  # type: ignore[index]
    # .25 of 100 cells: outside of this in 2e-6 of all seeds
    assert 0.06 < lost < 0.47
