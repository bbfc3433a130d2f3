"""The ways in which a page may show its numbers: each gives true lines, in text and in LaTeX, over the gallery."""

from __future__ import annotations

import random
import re
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
import tex_reading
from reading import count, false_lines, pointed

import graphdsl
from graphdsl.expr import Number, Quotient
from graphdsl.figures import numerals
from graphdsl.numbers import Decimal50, Display, Num, written
from graphdsl.solve import Solution
from graphdsl.write.layout import missing
from graphdsl.write.text import formula

GALLERY = Path(__file__).parents[1] / "specs"
SPECS = sorted(GALLERY.rglob("*.spec"))
WAYS: dict[str, dict[str, str]] = {
    "three digits": {"significant": "3"},
    "one digit": {"significant": "1"},
    "three digits, as by hand": {"significant": "3", "carry": "displayed"},
    "fractions": {"fractions": "on"},
    "fractions, as by hand": {"fractions": "on", "carry": "displayed"},
    "trailing zeros": {"trailing_zeros": "on"},
    "comma": {"comma": "on"},
}

EXERCISE = """
input x = 2
target t = 1
param w = 1/3, b = 0.5, v = 3/7
h = relu(w*x + b)
y = v*h
loss E = 1/2*(t - y)^2
train sgd { eta = 0.1, steps = 2 }
"""


def solved(path: Path, way: dict[str, str]) -> Solution:
    """The spec with its numbers shown so; a training of many rounds is cut short, and a spec keeps its own count of digits."""
    found = graphdsl.solve(path)
    training = found.model.training
    if "decimals" in found.source.text and "significant" in way:
        way = {"decimals" if key == "significant" else key: value for key, value in way.items()}
    steps = 2 if training is not None and training.steps > 3 and not found.model.expected else None
    return graphdsl.solve(path, set=way, steps=steps)


def drawn() -> list[tuple[str, Path]]:
    """Every way over other specs: each spec in two ways, by a fixed seed."""
    short = [
        path for path in SPECS if path.stem not in ("mazur-ten-thousand", "deepml-line-5000", "kshitiz-900-epochs")
    ]
    return [(way, path) for path in short for way in random.Random(path.stem).sample(list(WAYS), 2)]


def test_every_way_is_drawn() -> None:
    assert min(Counter(way for way, _ in drawn()).values()) > 30


@pytest.mark.slow
@pytest.mark.parametrize(("way", "path"), drawn(), ids=[f"{way}-{path.stem}" for way, path in drawn()])
def test_no_printed_relation_is_false(way: str, path: Path) -> None:
    try:
        found = solved(path, WAYS[way])
    except graphdsl.SpecError:  # rounded to 0, a probability has no logarithm
        assert "carry" in WAYS[way]
        return
    plain = found.text()
    tex = "" if found.comma else tex_reading.text(found.latex())
    if way == "comma":
        assert not re.search(r"(?m)^  .*(?<![\w.])\d+\.\d+(?![\w.])", plain)
        plain, tex = pointed(plain), tex_reading.text(tex_reading.pointed(found.latex()))
    assert false_lines(plain, found.model.display.rounding) == []
    assert false_lines(tex, found.model.display.rounding) == []
    assert count(plain) == count(solved(path, WAYS[way] | {"comma": "off"}).text())


# Significant digits.


@pytest.mark.parametrize(
    ("digits", "value", "shown"),
    [
        (3, "0.012345", "0.0123"), (3, "9.996", "10.0"), (4, "12345", "1.235 · 10⁴"), (3, "0", "0.00"), (1, "0.96", "1"),
        (3, "-99.96", "−100"), (2, "1234567", "1.2 · 10⁶"), (3, "0.0000123449", "1.23 · 10⁻⁵"), (4, "1234", "1234"),
    ],
)  # fmt: skip
def test_significant_digits(digits: int, value: str, shown: str) -> None:
    assert formula(Number(Display(significant=digits).shown(Decimal(value)))) == shown


def test_a_name_may_have_its_own_count() -> None:
    display = Display(by_name={"y": 1}, significant=3, significant_by_name={"z": 5})
    value = Decimal("1.23456")
    assert [str(display.shown(value, key)) for key in ("x", "y", "z")] == ["1.23", "1.2", "1.2346"]


# Fractions.


def test_fractions_are_exact_where_every_step_was_rational() -> None:
    told = graphdsl.solve(EXERCISE, set={"fractions": "on"}).text()
    assert "1/3 · 2 + 0.5" in told and "= 7/6" in told
    assert re.search(r"3/7 · 7/6 +=? *= 1/2|3/7 · 7/6 += 1/2", told)
    assert "w = 1/3" in told and "v = 3/7" in told
    assert "≈ 0.3333" not in told
    assert false_lines(told) == []


def test_an_irrational_step_leaves_decimals() -> None:
    told = graphdsl.solve(EXERCISE.replace("v*h", "sigmoid(v*h)"), set={"fractions": "on"}).text()
    assert "≈ 0.6225" in told
    assert not re.search(r"y\s+= .* (=|≈) \d+/\d+$", told)


def test_what_is_rounded_by_hand_is_no_fraction_afterwards() -> None:
    told = graphdsl.solve(EXERCISE.replace("v*h", "sigmoid(v*h)"), set={"fractions": "on", "carry": "displayed"}).text()
    assert "0.6225" in told and "249/400" not in told
    assert false_lines(told) == []


def test_ratios_are_carried_only_where_they_are_asked_for() -> None:
    third = Decimal50().divide(Num(Decimal(1)), Num(Decimal(3)))
    assert third.ratio is None and third.whole is None
    rational = Decimal50(rational=True)
    third = rational.divide(Num(Decimal(1)), Num(Decimal(3)))
    assert third.ratio == Fraction(1, 3) and not third.exact
    assert rational.add(third, rational.add(third, third)) == Num(Decimal(1))
    assert rational.power(third, Num(Decimal(-1))) == Num(Decimal(3))
    assert rational.function("exp", third).ratio is None
    tiny = Num(Decimal(1))
    for _ in range(50):
        tiny = rational.divide(tiny, Num(Decimal(7)))
    assert tiny.ratio is None, "a ratio of many digits is no longer carried"


def test_a_fraction_is_shown_only_with_few_digits() -> None:
    display = Display(fractions=True)
    assert display.fraction(Num(Decimal("6.125"))) == Fraction(49, 8)
    assert display.fraction(Num(Decimal("0.12345"))) is None
    assert display.fraction(Num(Decimal(2))) is None
    assert display.fraction(Num(Decimal("0.5"), False)) is None
    assert Display().fraction(Num(Decimal("0.5"))) is None
    shown = numerals({"y": Number(Decimal("-6.125"), True, "y", False)}, display)["y"]
    assert isinstance(shown, Quotient) and formula(shown) == "−49/8"


# Zeros, the very small, columns.


def test_trailing_zeros() -> None:
    told = graphdsl.solve(EXERCISE, set={"trailing_zeros": "on", "w": "0.25"}).text()
    assert "= 1.0000" in told and "0.25 · 2 + 0.5" in told
    assert false_lines(told) == []


@pytest.mark.parametrize(("value", "exponent"), [("0.00012", None), ("0.000099", -5), ("0.0000012", -6)])
def test_the_very_small_has_a_power_of_ten(value: str, exponent: int | None) -> None:
    assert written(Decimal(value)).exponent == exponent


def test_the_marks_of_a_column_meet_whatever_stands_in_it() -> None:
    from documents import n, words

    from graphdsl.document import Math

    small = (Math(Number(Decimal("0.000012"))),)
    half = (Math(Quotient(Number(Decimal(1)), Number(Decimal(2)))),)
    lacking = missing([words(n("14")), words(n("8.75")), small, half, words("none")])
    assert lacking[2] == 0 and lacking[4] == 0
    assert lacking[0] == lacking[3] == pytest.approx(lacking[1] + 1.278)


def test_a_decimal_comma_and_what_follows_from_it() -> None:
    found = graphdsl.solve(EXERCISE, set={"comma": "on"})
    assert "max(0; 1,1667)" in found.text()
    assert "1{,}1667" in found.latex() and r"\max(0; 1{,}1667)" in found.latex()
    assert "<mn>1,1667</mn>" in found.html()
    assert '"1,1667"' in found.typst()
    assert "1{,}1667" in found.tex_values()
    assert '"1.1666' in found.json()
    matrix = graphdsl.solve("input x = [1, 2]\nparam W = [0.5, 2; 3, 4]\ny = W @ x\ngradient y\n", set={"comma": "on"})
    assert "[0,5; 2 ∣ 3; 4] [1; 2]" in matrix.text()
