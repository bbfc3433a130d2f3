"""Numbers: rounding, digits, exactness, limits; and that nothing depends on decimal's ambient 28 digits."""

from __future__ import annotations

import decimal
import math
from decimal import Decimal, localcontext

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphdsl import ops
from graphdsl.derive.evaluate import evaluate
from graphdsl.expr import Symbol
from graphdsl.numbers import (
    Decimal50,
    Display,
    Float64,
    Num,
    NumberMistake,
    Written,
    decimals_of,
    flat_index,
    indices,
    plain,
    rounded,
    scalar,
    trimmed,
    written,
)

D = Decimal
A = Decimal50()


def n(text: str, exact: bool = True) -> Num:
    return Num(D(text), exact)


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [
        ("0.125", 2, "0.13"), ("-0.125", 2, "-0.13"), ("0.135", 2, "0.14"), ("2.5", 0, "3"), ("-2.5", 0, "-3"),
        ("1.00005", 4, "1.0001"), ("0.99995", 4, "1.0000"), ("1.2", 4, "1.2000"), ("-0.00001", 4, "0.0000"),
        ("123456.5", 0, "123457"), ("1e300", 2, "1" + "0" * 300 + ".00"), ("0.0005", 3, "0.001"),
    ],
)  # fmt: skip
def test_half_up(value: str, places: int, expected: str) -> None:
    assert str(rounded(D(value), places)) == expected


def test_cut() -> None:
    assert str(rounded(D("1.2389"), 2, "cut")) == "1.23"
    assert str(rounded(D("-1.2389"), 2, "cut")) == "-1.23"
    assert str(rounded(D("-0.009"), 2, "cut")) == "0.00"
    assert str(Display(2, rounding="cut").shown(D("1.239"))) == "1.23"


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9), st.integers(0, 12))
def test_rounding_is_nearest_idempotent_and_without_minus_zero(value: Decimal, places: int) -> None:
    result = rounded(value, places)
    with localcontext(prec=100):
        assert abs(result - value) <= D(10) ** -places / 2
    assert rounded(result, places) == result
    assert decimals_of(result) == places
    assert not (result.is_signed() and not result)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0.00012345", "0.00012"), ("0.012345", "0.0123"), ("1.5", "1.5000"), ("0", "0.0000"), ("-0.000005", "-0.0000050"),
        ("0.00099999", "0.00100"), ("0.000099", "0.000099"), ("4.385e-8", "4.4E-8"), ("6.125", "6.1250"),
    ],
)  # fmt: skip
def test_at_least_two_significant_digits(value: str, expected: str) -> None:
    assert Display(4).shown(D(value)) == D(expected)
    assert written(Display(4).shown(D(value))).mantissa == written(D(expected)).mantissa


def test_digits_by_name() -> None:
    display = Display(4, {"y": 2, "w[1]": 6})
    assert display.shown(D("1.23456789"), "y") == D("1.23")
    assert display.shown(D("1.23456789"), "w[1]") == D("1.234568")
    assert display.shown(D("1.23456789"), "z") == D("1.2346")
    assert display.shown(D("1.23456789"), "y", more=1) == D("1.235")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", "0"), ("-0", "0"), ("0.00", "0"), ("1.50", "1.5"), ("100", "100"), ("1E+2", "100"), ("-0.5", "-0.5"),
        ("0.000001", "0.000001"), ("0.0000001", "1e-7"), ("0.00000012", "1.2e-7"), ("1e20", "1" + "0" * 20),
        ("1e21", "1e+21"), ("-1.25e30", "-1.25e+30"), ("1" * 50, "1." + "1" * 49 + "e+49"),
    ],
)  # fmt: skip
def test_plain(value: str, expected: str) -> None:
    assert plain(D(value)) == expected
    assert D(plain(D(value))) == D(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("-1.50", Written(True, "1.50")), ("0", Written(False, "0")), ("0.00", Written(False, "0.00")),
        ("0.00012", Written(False, "0.00012")), ("0.000012", Written(False, "1.2", -5)), ("4.385e-8", Written(False, "4.385", -8)),
        ("-5e22", Written(True, "5", 22)), ("1" + "0" * 20, Written(False, "1" + "0" * 20)),
        ("1.235e4", Written(False, "1.235", 4)),
        ("0." + "1" * 40, Written(False, "0." + "1" * 40)),
    ],
)  # fmt: skip
def test_written(value: str, expected: Written) -> None:
    assert written(D(value)) == expected


def test_trimmed() -> None:
    assert [str(trimmed(D(x))) for x in ("1.500", "100", "1E+3", "0.000", "-2.0")] == ["1.5", "100", "1000", "0", "-2"]


def test_what_is_exact() -> None:
    third = A.divide(n("1"), n("3"))
    assert not third.exact
    assert not A.multiply(third, n("3")).exact
    assert A.divide(n("1"), n("8")) == n("0.125")
    assert A.add(n("1"), A.multiply(n("-1"), n("0.14"))) == n("0.86")
    assert A.function("sqrt", n("4")) == n("2")
    assert A.function("sqrt", n("2.25")) == n("1.5")
    assert not A.function("sqrt", n("2")).exact
    assert A.function("exp", n("0")) == n("1")
    assert not A.function("exp", n("1")).exact
    assert A.function("ln", n("1")) == n("0")
    assert A.function("tanh", n("0")) == n("0")
    assert A.function("sin", n("0")) == n("0")
    assert not A.function("sin", n("1")).exact
    assert A.power(n("1.5"), n("2")) == n("2.25")
    assert A.power(n("4"), n("0.5")).value == 2
    assert A.power(n("0"), n("0")) == n("1")


def test_cosine_of_zero_is_exactly_one() -> None:
    assert A.function("cos", n("0")) == n("1")


def test_an_exact_zero_makes_a_product_exact() -> None:
    root = A.function("sqrt", n("2"))
    assert A.multiply(n("0"), root) == n("0")
    assert A.multiply(root, n("0")) == n("0")
    assert not A.multiply(n("0", exact=False), root).exact


def test_no_minus_zero() -> None:
    for value in (A.multiply(n("0"), n("-3")), A.add(n("1"), n("-1")), A.divide(n("0"), n("-3"))):
        assert not value.value.is_signed()


def test_overflow_is_a_mistake() -> None:
    assert A.multiply(n("1e200"), n("9.99e199")).value < D("1e400")
    for attempt in (
        lambda: A.multiply(n("1e200"), n("1e200")),
        lambda: A.add(n("9e399"), n("9e399")),
        lambda: A.function("exp", n("1000")),
        lambda: A.function("exp", n("1e50")),
        lambda: A.power(n("10"), n("400")),
        lambda: A.power(n("10"), n("1e30")),
        lambda: A.divide(n("1e300"), n("1e-300")),
    ):
        with pytest.raises(NumberMistake, match="overflow"):
            attempt()


def test_what_has_no_value() -> None:
    for attempt in (
        lambda: A.divide(n("1"), n("0")),
        lambda: A.power(n("0"), n("-1")),
        lambda: A.power(n("-2"), n("0.5")),
        lambda: A.function("ln", n("0")),
        lambda: A.function("ln", n("-1")),
        lambda: A.function("sqrt", n("-1")),
    ):
        with pytest.raises(NumberMistake):
            attempt()


def test_powers() -> None:
    assert A.power(n("2"), n("-2")) == n("0.25")
    assert A.power(n("-2"), n("3")) == n("-8")
    assert A.power(n("-2"), n("-3")) == n("-0.125")
    assert A.power(n("-1"), n("101")) == n("-1")


@pytest.mark.parametrize("x", ["1000", "-1000", "600", "-600", "0.5", "-1e-40", "1e390", "-1e390"])
def test_saturating_functions_do_not_overflow(x: str) -> None:
    value = {"x": scalar(n(x))}
    sigmoid = evaluate(ops.call(ops.SIGMOID, Symbol("x")), value, A).item
    tanh = evaluate(ops.call(ops.TANH, Symbol("x")), value, A).item
    with mpmath.workdps(60):
        true = 1 / (1 + mpmath.exp(-mpmath.mpf(x)))
        assert abs(mpmath.mpf(str(sigmoid.value)) - true) < mpmath.mpf("1e-48")
        assert abs(mpmath.mpf(str(tanh.value)) - mpmath.tanh(mpmath.mpf(x))) < mpmath.mpf("1e-48")
    assert not sigmoid.exact
    assert not tanh.exact


@pytest.mark.parametrize("name", ["sin", "cos", "exp", "ln", "sqrt", "tanh"])
@given(x=st.decimals(min_value=D("0.001"), max_value=D(500), places=12))
def test_functions_have_fifty_digits(name: str, x: Decimal) -> None:
    value = A.function(name, Num(x)).value
    with mpmath.workdps(90):
        true = getattr(mpmath, {"ln": "log"}.get(name, name))(mpmath.mpf(str(x)))
        assert abs(mpmath.mpf(str(value)) - true) <= abs(true) * mpmath.mpf(10) ** -48


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_angles_of_any_size(name: str) -> None:
    x = n("123456789012345678901234567890.5")
    with mpmath.workdps(120):
        true = getattr(mpmath, name)(mpmath.mpf(str(x.value)))
        assert abs(mpmath.mpf(str(A.function(name, x).value)) - true) < mpmath.mpf(10) ** -48


@pytest.mark.parametrize("x", ["1e300", "1e-300", "-1e399"])
def test_extreme_angles_are_quick_and_right(x: str) -> None:
    with mpmath.workdps(500):
        true = mpmath.sin(mpmath.mpf(x))
        assert abs(mpmath.mpf(str(A.function("sin", n(x)).value)) - true) <= abs(true) * mpmath.mpf(10) ** -48


def test_tiny_values_underflow_quietly() -> None:
    assert A.function("exp", n("-1e30")).value >= 0
    assert A.function("exp", n("-2000")).value > 0


@pytest.mark.parametrize("name", ["sin", "cos", "exp", "ln", "sqrt", "tanh"])
def test_nothing_depends_on_the_ambient_precision(name: str) -> None:
    """tanh once doubled its argument with a bare `*`, and so knew 28 digits of 50."""
    x = n("0.7" + "1234567890" * 4)
    plenty = A.function(name, x)
    before = decimal.getcontext().prec
    with localcontext(prec=5):
        assert A.function(name, x) == plenty
        assert str(rounded(x.value, 40)) == str(x.value)[:42]
        assert written(x.value).mantissa == str(x.value)
    assert decimal.getcontext().prec == before


def test_displayed_carries_round_when_they_settle() -> None:
    carried = Decimal50(Display(2, {"y": 3}))
    assert carried.settle(n("1.23456"), "x") == n("1.23")
    assert carried.settle(n("1.23456", exact=False), "y") == n("1.235")
    assert A.settle(n("1.23456"), "x") == n("1.23456")


def test_binary_floating_point_has_the_same_mistakes() -> None:
    binary = Float64()
    for attempt in (
        lambda: binary.divide(1, 0),
        lambda: binary.function("ln", 0.0),
        lambda: binary.function("exp", 1e4),
        lambda: binary.power(-2, 0.5),
        lambda: binary.power(0, -1),
    ):
        with pytest.raises(NumberMistake):
            attempt()
    assert math.isclose(binary.function("tanh", 0.5), math.tanh(0.5))


def test_indices_count_from_one() -> None:
    assert indices((2, 2)) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert [flat_index((2, 3), i) for i in indices((2, 3))] == list(range(6))
    assert indices(()) == [()]


def test_what_cancels_but_for_the_last_digits_is_nought() -> None:
    third = A.divide(Num(Decimal(1)), Num(Decimal(3)))
    other = A.multiply(Num(Decimal(-1)), A.add(A.add(third, third), third))
    assert A.add(A.add(third, A.add(third, third)), other) == Num(Decimal(0), False)
    nearly = A.add(third, Num(Decimal("1e-49")))
    assert A.add(nearly, A.multiply(Num(Decimal(-1)), third)).value == 0
    apart = A.add(third, Num(Decimal("1e-40")))
    assert A.add(apart, A.multiply(Num(Decimal(-1)), third)).value > 0


def test_a_small_number_and_nought_do_not_cancel() -> None:
    small = A.divide(Num(Decimal("1e-60")), Num(Decimal(3)))
    assert A.add(Num(Decimal(0)), small) == small
    assert A.add(Num(Decimal(1), False), small).value == 1
    exact = A.add(Num(Decimal(1)), Num(Decimal("-1") + Decimal("1e-20")))
    assert exact.value == Decimal("1e-20")


def test_a_function_that_goes_through_nought_gives_nought() -> None:
    half_pi = A.multiply(A.by_mpmath("acos", Num(Decimal(-1))), Num(Decimal("0.5")))
    assert A.by_mpmath("cos", half_pi) == Num(Decimal(0), False)
    assert A.ln(A.multiply(A.divide(Num(Decimal(1)), Num(Decimal(3))), Num(Decimal(3)))).value == 0
    assert A.ln(Num(Decimal("1.0000000000000000000000000000000000000000000001"))).value > 0
    small = A.divide(Num(Decimal("1e-60")), Num(Decimal(3)))
    assert A.by_mpmath("sin", small).value > 0
