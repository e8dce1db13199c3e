"""Laws between a signal and a parameter, and units that must agree where there is none."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy.integrate import quad

import biomulti as bm
import tissue
from biomulti.coupled.couplings import SignalCoupling
from biomulti.coupled.laws import as_laws
from biomulti.dimensions import dimension_of

GRID = tissue.Grid((8, 8), (20.0, 20.0))


def model(unit: str | None = None, time_unit: str = "second", rest: str = "none: => A; 0*k; A = 10;") -> str:
    declared = f"unit own = {unit}; felt has own;" if unit else ""
    return f"""
model m1()
  unit substance = item; unit extent = item; unit time_unit = {time_unit}; unit volume = litre;
  compartment c = 1;
  substanceOnly species A in c;
  {rest}
  k = 1; felt = 0; {declared}
end
"""


X = np.array([-np.inf, -1e300, -3.0, -0.0, 0.0, 5e-324, 0.5, 2.0, 1e300, np.inf])


@pytest.mark.parametrize("power", [1.0, 2.0, 4.5, -1.0, -3.0, 200.0, -200.0, 0.0])
def test_hill_everywhere_without_a_warning(power: float) -> None:
    """Falls and rises as it should, is half at half, and its ends are 0 and top."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = bm.Hill(half=2.0, power=power, top=3.0)(X)
    assert np.isfinite(found).all()
    assert found[7] == 1.5
    ends = (0.0, 3.0) if power > 0.0 else (3.0, 0.0) if power < 0.0 else (1.5, 1.5)
    assert (found[:5] == ends[0]).all()
    assert found[9] == ends[1]
    assert (np.diff(found) * np.sign(power) >= 0.0).all()
    x = np.array([0.7, 1.3, 2.6])
    expected = 3.0 * x**power / (2.0**power + x**power)
    np.testing.assert_allclose(bm.Hill(half=2.0, power=power, top=3.0)(x), expected, rtol=1e-13)


def test_linear_and_threshold() -> None:
    x = np.array([-1.0, 0.0, 0.5, 2.0])
    assert bm.Linear(gain=3.0, offset=-1.0)(x).tolist() == [-4.0, -1.0, 0.5, 5.0]
    assert bm.Linear()(x).tolist() == x.tolist()
    # above where x is more than at, and only there
    assert bm.Threshold(at=0.5)(x).tolist() == [0.0, 0.0, 0.0, 1.0]
    assert bm.Threshold(at=0.0, below=7.0, above=-2.0)(x).tolist() == [7.0, 7.0, -2.0, -2.0]


def test_a_signal_passes_laws_one_after_another() -> None:
    x = np.array([0.5, 2.0])
    chain = SignalCoupling(bm.Size(), "p", as_laws([bm.Delay(3.0), bm.Linear(2.0, 1.0), bm.Hill(half=2.0)]))
    assert chain.lag == 3.0
    np.testing.assert_allclose(chain.response(x), (2.0 * x + 1.0) / (2.0 + 2.0 * x + 1.0))
    turned = SignalCoupling(bm.Size(), "p", as_laws([bm.Hill(half=2.0), bm.Linear(2.0, 1.0)]))
    assert turned.lag == 0.0
    np.testing.assert_allclose(turned.response(x), 2.0 * x / (2.0 + x) + 1.0)
    assert SignalCoupling(bm.Size(), "p", as_laws(None)).response(x) is x
    assert str(turned) == "Size() -> Hill(half=2) -> Linear(gain=2, offset=1) -> p"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: bm.Hill(half=0.0), "must be positive"),
        (lambda: bm.Hill(half=math.inf), "finite number"),
        (lambda: bm.Hill(half=1.0, power=math.nan), "finite number"),
        (lambda: bm.Hill(half=1.0, top="1"), "finite number"),
        (lambda: bm.Linear(gain=math.nan), "finite number"),
        (lambda: bm.Linear(offset=None), "finite number"),
        (lambda: bm.Threshold(at=math.inf), "finite number"),
        (lambda: bm.Delay(0.0), "the future is not known"),
        (lambda: bm.Delay(-1.0), "the future is not known"),
        (lambda: as_laws([bm.Linear(), bm.Delay(1.0)]), "one Delay, and that first"),
        (lambda: as_laws([bm.Delay(1.0), bm.Delay(1.0)]), "one Delay, and that first"),
        (lambda: as_laws([3.0]), "3.0 is no law"),
        (lambda: as_laws(np.tanh), "is no law"),
        (lambda: as_laws(bm.Hill), "is no law"),
    ],
)
def test_a_law_that_makes_no_sense_is_refused(make, says: str) -> None:
    with pytest.raises(bm.CouplingError, match=says):
        make()


def sheet(network: str, **options: object) -> bm.Tissue:
    return bm.Tissue(network, cells=12, grid=GRID, friction=0.01, seed=1, method="ode", tolerance=1e-10, **options)


def test_gain_and_law_are_not_given_both() -> None:
    with pytest.raises(bm.CouplingError, match="a gain or a law"):
        sheet(model()).couple(bm.Age(), to="felt", gain=1.0, law=bm.Hill(half=1.0))


@pytest.mark.parametrize("splitting", ["strang", "lie"])
@pytest.mark.parametrize("lag", [0.7, 1.0, 4.0])
def test_a_delayed_signal_that_is_linear_in_time_is_felt_exactly(lag: float, splitting: str) -> None:
    """
    Ages t + 2 as of `lag` ago, but not before the start: A' = max(t - lag, 0) + 2 from A = 0.

    The delay is longer than a step, so that what is felt is known; steps end where the kink is or the middle of an
    interval is off it by at most half of one, which the kink of slope 1 turns into dt^2 / 8.
    """
    embryo = sheet(model(rest="make: => A; felt; A = 0;"), ages=2.0)
    embryo.couple(bm.Age(), to="felt", law=bm.Delay(lag))
    run = embryo.run(3.0, every=0.5, dt=0.1, splitting=splitting, progress=False).data
    t = run["time"].to_numpy()
    expected = 2.0 * t + 0.5 * np.maximum(t - lag, 0.0) ** 2
    np.testing.assert_allclose(run["A"].to_numpy(), np.tile(expected[:, None], 12), atol=0.1**2 / 8.0 + 1e-7)


def test_a_delayed_morphogen_of_known_course() -> None:
    """c = c0 exp(-k t), felt 1.5 later through a Hill function: A' = h(c0 exp(-k max(t - 1.5, 0)))."""
    embryo = sheet(model(rest="make: => A; felt; A = 0;"))
    embryo.add(tissue.Morphogen("Wnt", diffusion=1.0, decay=0.4), initial=3.0)
    embryo.couple(bm.Concentration("Wnt"), to="felt", law=[bm.Delay(1.5), bm.Hill(half=1.0, power=2.0)])
    run = embryo.run(5.0, every=1.0, dt=0.05, progress=False).data

    def rate(t: float) -> float:
        c = 3.0 * math.exp(-0.4 * max(t - 1.5, 0.0))
        return c**2 / (1.0 + c**2)

    expected = [quad(rate, 0.0, t, points=[1.5])[0] for t in run["time"].to_numpy()]
    np.testing.assert_allclose(run["A"].to_numpy(), np.tile(np.array(expected)[:, None], 12), atol=1e-4)


UNITS = [
    # declared, unit of time, dimension, size in the network's units of time, metres and items
    ("1/second", "second", {"time": -1.0}, 1.0),
    ("1/(60 second)", "second", {"time": -1.0}, 1.0 / 60.0),
    ("1/second", "60 second", {"time": -1.0}, 60.0),
    ("1/(60 second)", "60 second", {"time": -1.0}, 1.0),
    ("1 hertz", "second", {"time": -1.0}, 1.0),
    ("3600 second", "60 second", {"time": 1.0}, 60.0),
    ("1/(2.5 second)", "2.5 second", {"time": -1.0}, 1.0),
    ("dimensionless", "60 second", {}, 1.0),
    ("0.01 dimensionless", "second", {}, 0.01),
    ("1 radian", "second", {}, 1.0),
    ("metre", "second", {"length": 1.0}, 1.0),
    ("1e-6 metre/second", "60 second", {"length": 1.0, "time": -1.0}, 6e-5),
    ("item", "second", {"item": 1.0}, 1.0),
    ("1e-9 mole", "second", {"item": 1.0}, 6.02214179e14),
    ("1 joule", "second", {"mass": 1.0, "length": 2.0, "time": -2.0}, 1.0),
]


@pytest.mark.parametrize(("unit", "time_unit", "dimension", "size"), UNITS)
def test_dimensions_of_declared_parameters(unit: str, time_unit: str, dimension: dict[str, float], size: float) -> None:
    found = dimension_of(bm.load(model(unit, time_unit)), "felt")
    assert found is not None
    assert found[0] == dimension
    assert found[1] == pytest.approx(size, rel=1e-12)


def test_what_has_no_dimension_that_could_be_compared() -> None:
    assert dimension_of(bm.load(model()), "felt") is None
    assert dimension_of(bm.load(model("1 coulomb")), "felt") is None
    # a compartment and a name that is none
    assert dimension_of(bm.load(model("item")), "c") is None
    assert dimension_of(bm.load(model("item")), "nothing") is None


@pytest.mark.parametrize(
    ("signal", "unit", "time_unit"),
    [
        (bm.StrainRate(), "1/second", "second"),
        (bm.StrainRate("xx"), "1/(60 second)", "60 second"),
        (bm.Strain(), "dimensionless", "second"),
        (bm.Size(), "dimensionless", "60 second"),
        (bm.Age(), "60 second", "60 second"),
        (bm.Velocity(), "1e-6 metre/second", "second"),
        (bm.Neighbours("A"), "item", "second"),
        # what says nothing, and what is in units of the user's own, is taken as it is
        (bm.StrainRate(), None, "60 second"),
        (bm.Pressure(), "1/second", "60 second"),
        (bm.Stress(), "item", "second"),
        (bm.Density(), "1/second", "second"),
    ],
)
def test_units_that_agree(signal: object, unit: str | None, time_unit: str) -> None:
    sheet(model(unit, time_unit)).couple(signal, to="felt")


@pytest.mark.parametrize(
    ("signal", "unit", "time_unit", "says", "gain"),
    [
        (
            bm.StrainRate(),
            "dimensionless",
            "second",
            "is time.-1, and the parameter 'felt' of m1 .* dimensionless",
            None,
        ),
        (bm.Strain(), "1/second", "second", "is dimensionless, and .* as time.-1; say .* gain=..., or a law", None),
        (bm.Neighbours("A"), "metre", "second", "is item, and .* declared as length", None),
        (bm.StrainRate(), "1/second", "60 second", "units of minute.-1, .* 60 times as large", 1.0 / 60.0),
        (bm.StrainRate(), "1/(60 second)", "second", "units of second.-1, .* 0.0166667 times", 60.0),
        (bm.Age(), "second", "60 second", "units of minute", 60.0),
        (bm.Strain(), "0.01 dimensionless", "second", "units of dimensionless, .* 0.01 times", 100.0),
        (bm.Velocity(), "metre/second", "second", "units of second.-1 um", 1e-6),
        (bm.Velocity(), "1e-6 metre/second", "60 second", "units of minute.-1 um", 1.0 / 60.0),
        (bm.Neighbours("A"), "1e-24 mole", "second", "units of item, .* 0.602214 times", 1.0 / 0.602214179),
    ],
)
def test_units_that_do_not_agree(signal: object, unit: str, time_unit: str, says: str, gain: float | None) -> None:
    """The refusal names the gain that makes them agree, and any gain or law is the user's word."""
    embryo = sheet(model(unit, time_unit))
    with pytest.raises(bm.CouplingError, match=says) as caught:
        embryo.couple(signal, to="felt")
    if gain is not None:
        assert f"give gain={gain:g}, or a law" in str(caught.value)
    embryo.couple(signal, to="felt", law=bm.Linear(1.0 if gain is None else gain))


def test_lengths_are_those_of_the_tissue() -> None:
    walls = tissue.Grid((8, 8), (20.0, 20.0), ("no-slip", "no-slip"))
    for unit, declared, fits in (
        ("um", "1e-6 metre", True), ("mm", "1e-3 metre", True), ("m", "metre", True), ("um", "metre", False),
        ("furlong", "metre", True),
    ):  # fmt: skip
        embryo = bm.Tissue(model(declared), cells=4, grid=walls, seed=1, length_unit=unit)
        if fits:
            embryo.couple(bm.Distance("-x"), to="felt")
        else:
            with pytest.raises(bm.CouplingError, match=r"is in units of um, .* give gain=1e-06"):
                embryo.couple(bm.Distance("-x"), to="felt")


def test_shipped_models_still_couple() -> None:
    embryo = bm.Tissue("rho_myosin", cells=4, grid=GRID, friction=0.01, bulk_viscosity=1.0, seed=1)
    embryo.couple("Myosin", to=bm.Contractility(per_molecule=1e-7))
    embryo.couple(bm.StrainRate(), to="stretch")
    embryo.couple(bm.Stress(), to="tension", gain=100.0)
    with pytest.raises(bm.CouplingError, match=r"'fog' .* dimensionless"):
        embryo.couple(bm.Neighbours("Rho"), to="fog")
