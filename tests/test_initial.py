"""Initial values: what fills what, and that drawn numbers are those of the seed, as a second calculation has them."""

from __future__ import annotations

import math
import random
import statistics
from decimal import ROUND_HALF_UP, Decimal

import pytest

import graphdsl
from graphdsl.check import check
from graphdsl.diagnostics import Source
from graphdsl.model import Model
from graphdsl.parse import parse

NET = """input  x = [1, 2]
target t = 1
layer  h[3] relu
layer  k(k1, k2) tanh {{ weights = [w1..w6]; biases = [c1, c2] }}
layer  y[1]
{init}
loss   half_squared_error
"""


def filled(init: str, net: str = NET) -> dict[str, list[Decimal]]:
    return {q.symbol.key: [n.value for n in q.value.flat] for q in model(init, net).quantities if q.kind == "param"}


def model(init: str, net: str = NET) -> Model:
    return check(parse(Source("test.spec", net.format(init=init))))


def uniform(stream: random.Random, low: float, high: float) -> float:
    return low + (high - low) * stream.random()


def normal(stream: random.Random, mean: float, deviation: float) -> float:
    u, v = stream.random(), stream.random()
    return mean + deviation * math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v)


def rounded(values: list[float], decimals: int) -> list[Decimal]:
    return [Decimal(v).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP) for v in values]


def test_drawn_numbers_are_those_of_the_stream_in_the_order_of_the_file() -> None:
    found = filled("init weights = uniform(-1, 2), biases = normal(1, 0.5), seed = 7, decimals = 6")
    stream = random.Random(7)
    weights = [uniform(stream, -1, 2) for _ in range(6 + 6 + 2)]
    biases = [normal(stream, 1, 0.5) for _ in range(3 + 2 + 1)]
    names = [f"w{i}" for i in range(1, 7)]
    ours = [
        *found["h.W"],
        *(found[n][0] for n in names),
        *found["y.W"],
        *found["h.b"],
        *found["c1"],
        *found["c2"],
        *found["y.b"],
    ]
    assert ours == rounded([*weights, *biases], 6)


@pytest.mark.parametrize(
    ("law", "draw"),
    [
        ("xavier", lambda s, i, o: uniform(s, -math.sqrt(6 / (i + o)), math.sqrt(6 / (i + o)))),
        ("xavier_uniform", lambda s, i, o: uniform(s, -math.sqrt(6 / (i + o)), math.sqrt(6 / (i + o)))),
        ("xavier_normal", lambda s, i, o: normal(s, 0, math.sqrt(2 / (i + o)))),
        ("he", lambda s, i, o: normal(s, 0, math.sqrt(2 / i))),
        ("He_Normal", lambda s, i, o: normal(s, 0, math.sqrt(2 / i))),
        ("he_uniform", lambda s, i, o: uniform(s, -math.sqrt(6 / i), math.sqrt(6 / i))),
    ],
)
def test_laws_that_go_by_the_size_of_the_layer(law, draw) -> None:  # type: ignore[no-untyped-def]
    found = filled(f"init weights = {law}, biases = 0, seed = 11, decimals = 8")
    stream = random.Random(11)
    wanted = [draw(stream, *fan) for fan, count in (((2, 3), 6), ((3, 2), 6), ((2, 1), 2)) for _ in range(count)]
    ours = [*found["h.W"], *(found[f"w{i}"][0] for i in range(1, 7)), *found["y.W"]]
    assert ours == rounded(wanted, 8)


def test_the_first_numbers_of_seed_7() -> None:
    """Written down, so that no version of Python or of ours gives others."""
    net = "param W[2, 2]\nf = sum(W)\ngradient f\n{init}\n"
    assert list(map(str, filled("init all = uniform(-1, 1), seed = 7", net)["W"])) == [
        "-0.35",
        "-0.70",
        "0.30",
        "-0.86",
    ]
    assert list(map(str, filled("init all = normal(0, 1), seed = 7", net)["W"])) == SEVEN


SEVEN = ["0.52", "1.30", "-0.82", "-0.35"]


def test_a_wide_layer_has_the_spread_that_is_said() -> None:
    net = "input x[40] = 1\nlayer h[50] tanh\nf = sum(h)\ngradient f\n{init}\n"
    weights = [float(v) for v in filled("init weights = he, biases = 0, seed = 1, decimals = 9", net)["h.W"]]
    assert len(weights) == 2000
    assert abs(statistics.mean(weights)) < 3 * math.sqrt(2 / 40) / math.sqrt(2000)
    assert statistics.stdev(weights) == pytest.approx(math.sqrt(2 / 40), rel=0.05)


def test_the_more_particular_comes_first_and_nothing_is_overridden() -> None:
    found = filled("init all = 9, weights = 1, h.weights = [1, 2, 3, 4, 5, 6], y.biases = 3, biases = 2")
    assert found["h.W"] == [1, 2, 3, 4, 5, 6] and found["y.W"] == [1, 1] and found["y.b"] == [3] and found["c1"] == [2]
    assert filled("init h.weights = [1, 2; 3, 4; 5, 6], all = 0")["h.W"] == [1, 2, 3, 4, 5, 6]
    assert filled("init biases = [1, 2, 3, 4, 5, 6], all = 0")["c2"] == [5]


def test_a_value_that_is_given_leaves_the_others_as_they_were() -> None:
    init = "init all = uniform(-1, 1), seed = 5"
    before = filled(init)
    after = filled(init, NET.replace("[w1..w6]", "[w1, w2 = 8, w3, w4, w5, w6]"))
    assert after.pop("w2") == [8] and before.pop("w2") != [8]
    assert after == before


def test_the_page_says_how_they_were_drawn() -> None:
    init = "init weights = he, biases = 0, y.weights = uniform(-0.5, 0.5), seed = 7"
    text = " ".join(graphdsl.solve(NET.format(init=init)).text().replace("│", "").split())
    assert (
        "The initial weights of a⁽³⁾ were drawn from the uniform distribution between −0.5 and 0.5, with seed 7, and rounded to 2 "
        "decimals. The remaining initial weights were drawn from the normal distribution with mean 0 and standard deviation "
        "√(2/n_in), where n_in is the number of inputs of a unit (He et al. 2015), with seed 7, and rounded to 2 decimals."
    ) in text
    assert "drawn" not in graphdsl.solve(NET.format(init="init all = 0.5")).text()


def test_a_seed_for_nothing_is_announced() -> None:
    assert [d.message for d in model("init all = 0.5, seed = 3").announcements] == [
        "a seed is said, but nothing is drawn"
    ]
