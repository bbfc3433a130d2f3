"""Wrong specs -> their whole messages, held in tests/wrong; and no text whatever makes the program fail otherwise.

ACCEPT=1 writes the messages anew; read every one of them then.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from random_specs import cases

from graphdsl.check import check
from graphdsl.diagnostics import Source, SpecError
from graphdsl.graph import build
from graphdsl.numbers import Decimal50
from graphdsl.parse import parse
from graphdsl.routes import compare, verdicts
from graphdsl.run import run
from graphdsl.uses import load

WRONG = sorted((Path(__file__).parent / "wrong").glob("*.spec"))
SPECS = sorted((Path(__file__).parents[1] / "specs").rglob("*.spec"))


def solved(source: Source) -> None:
    """Everything that happens to a spec before its page is written."""
    model = check(load(parse(source)))
    trace = run(build(model), Decimal50(model.display if model.carry == "displayed" else None))
    compare(trace)
    verdicts(trace)


def answer(source: Source) -> str:
    with pytest.raises(SpecError) as caught:
        solved(source)
    return str(caught.value)


def messages(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        solved(Source("test.spec", text))
    return [d.message for d in caught.value.diagnostics]


@pytest.mark.parametrize("path", WRONG, ids=lambda p: p.stem)
def test_a_wrong_spec_is_answered_word_for_word(path: Path) -> None:
    told = answer(Source(path.name, path.read_text("utf-8"), path.parent))
    golden = path.with_suffix(".txt")
    if os.environ.get("ACCEPT"):
        golden.write_text(told, "utf-8")
    assert told == golden.read_text("utf-8")


def test_there_are_enough_of_them() -> None:
    assert len(WRONG) >= 60


@pytest.mark.parametrize("path", WRONG, ids=lambda p: p.stem)
def test_every_message_points_and_speaks_plainly(path: Path) -> None:
    told = answer(Source(path.name, path.read_text("utf-8"), path.parent))
    for line in told.splitlines():
        assert len(line) < 200
        assert not re.search(
            r"\bNone\b|Traceback|Symbol\(|<[a-z_.]+ object|\b1 (rows|columns|units|names|biases)\b", line
        )
    assert told.count("-->") >= told.count("error:")


def test_huge_things_are_refused_before_they_are_made() -> None:
    assert messages("input x = 1\nlayer h[1000000000] relu\nlayer y[1]\ninit all = 1\nloss E = y[1]\n")
    assert messages("param w1..w999999999 = 1\ny = w1\n")
    assert messages("param W[1000000, 1000000] = 1\ny = sum(W)\n")
    assert messages("input x = 1\ny = x\nloss E = y\ntrain sgd { eta = 1, steps = 1000000000 }\n")
    assert messages("input x = 1\ny = x^100000000000000000000*10^(10^30)\n")


def test_one_slip_is_one_message() -> None:
    slips = [
        "input x = 2, x = 3\nparam w = 1\ny = w*x\ngradient y\n",
        "input x = 2\nparam w = 1\nh = rellu(w*x)\ny = h + h*w\nloss E = y^2\n",
        "input x = [1, 2\u00a0]\nparam W = [1, 2, 3; 4, 5, 6]\nh = W @ x\ny = sum(h)\ntarget t = 1\nloss E = (t - y)^2\n",
        "input x = 1\nlayer h[2] relu { weigths = 1; biases = 0 }\nlayer y[1] { weights = 1; biases = 0 }\ntarget t = 1\nloss half_squared_error\n",
        "input x = 1\nlayer h relu\nlayer y[1] { weights = 1; biases = 0 }\ntarget t = 1\nloss half_squared_error\n",
        "input x = 1\ntarget t = 1\nlayer y[1] { weights = 1; biases = 0 }\nloss half_squared_eror\n",
        "input x = 1\nparam w1, w2 = 2, w3\ny = w1*w2*w3*x\ngradient y\n",
        "input x = 1\na = b\nb = c\nc = a\ny = a + x\nloss E = y\ntrain sgd { eta = 1 }\n",
        "input x[3] = [1, 2]\ny = sum(x)\nz = x[3]\nloss E = y + z\n",
    ]
    for slip in slips:
        assert len(messages(slip)) == 1, answer(Source("slip", slip))


def test_announcements_stand_in_the_model() -> None:
    model = check(parse(Source("test.spec", "input x = 1, u = 2\ny = x\ngradient y\n")))
    assert [d.message for d in model.announcements] == ["`u` is never used"]


# --- any text at all

GOOD = [case.text for case in cases(24, seed=7)] + [path.read_text("utf-8") for path in SPECS[:8]]
TOKEN = re.compile(r"\w+|\s+|[^\w\s]")

any_text = settings(
    derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), max_examples=150, database=None
)


def refused_or_solved(text: str) -> None:
    try:
        model = check(parse(Source("mutant.spec", text)))
        if model.training is not None and (model.training.steps > 3 or len(model.nodes) > 60):
            return
        trace = run(build(model), Decimal50(model.display if model.carry == "displayed" else None))
        compare(trace)
        verdicts(trace)
    except SpecError as mistake:
        assert str(mistake)


def delete(parts: list[str], i: int, j: int) -> list[str]:
    return parts[:i] + parts[i + 1 :]


def double(parts: list[str], i: int, j: int) -> list[str]:
    return [*parts[: i + 1], *parts[i:]]


def swap(parts: list[str], i: int, j: int) -> list[str]:
    parts = list(parts)
    parts[i], parts[j] = parts[j], parts[i]
    return parts


def copy(parts: list[str], i: int, j: int) -> list[str]:
    return [*parts[:i], parts[j], *parts[i + 1 :]]


changes = st.sampled_from([delete, double, swap, copy])
places = st.integers(0, 10_000)


def mutated(text: str, cut: Callable[[str], list[str]], steps: list[tuple[Callable[..., list[str]], int, int]]) -> str:
    parts = cut(text)
    for change, i, j in steps:
        if parts:
            parts = change(parts, i % len(parts), j % len(parts))
    return "".join(parts)


@seed(1)
@any_text
@given(st.sampled_from(GOOD), st.lists(st.tuples(changes, places, places), min_size=1, max_size=3))
def test_lines_of_good_specs_shuffled(text: str, steps: list[tuple[Callable[..., list[str]], int, int]]) -> None:
    refused_or_solved(mutated(text, lambda t: t.splitlines(keepends=True), steps))


@seed(2)
@any_text
@given(st.sampled_from(GOOD), st.lists(st.tuples(changes, places, places), min_size=1, max_size=3))
def test_tokens_of_good_specs_shuffled(text: str, steps: list[tuple[Callable[..., list[str]], int, int]]) -> None:
    refused_or_solved(mutated(text, TOKEN.findall, steps))


@seed(3)
@any_text
@given(
    st.sampled_from(GOOD),
    places,
    st.sampled_from(
        ["0", "-1", "1e300", "1e-300", "0.0", "1/0", "[1,2]", "[1;2]", "x", "t", '"a"', "1..3", "[]", "sum", "E"]
    ),
)
def test_numbers_replaced(text: str, place: int, new: str) -> None:
    numbers = list(re.finditer(r"(?<![\w.])\d*\.?\d+", text))
    chosen = numbers[place % len(numbers)]
    refused_or_solved(text[: chosen.start()] + new + text[chosen.end() :])
