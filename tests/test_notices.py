"""What the page points at: each kind of notice on a spec where it is so, and silence on a near one where it is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from reading import false_lines

from graphdsl.document import Block, Note, Section
from graphdsl.explain.notices import KINDS, MOST_NOTICES
from graphdsl.phrases import load
from graphdsl.solve import Solution, read, solve, solved
from graphdsl.write import text

SPECS = Path(__file__).parent.parent / "specs"
TITLE = load().say("noticed")


def notes(solution: Solution) -> Iterator[tuple[str, Note]]:
    """Every note, with the part at whose end it stands."""
    for block in solution.document.blocks:
        if isinstance(block, Section):
            for inner in block.blocks:
                if isinstance(inner, Note) and inner.title == TITLE:
                    assert inner is block.blocks[-1]
                    yield block.anchor, inner


def told(spec: str, **options: object) -> list[tuple[str, str]]:
    """What is noticed, as plain text."""
    solution = solve(spec, **options)  # type: ignore[arg-type]
    assert not list(false_lines(solution.text()))
    return [(anchor, _plain(solution, note)) for anchor, note in notes(solution)]


def _plain(solution: Solution, note: Note) -> str:
    alone: tuple[Block, ...] = (note,)
    document = replace(solution.document, title="", subtitle=(), blocks=alone, colophon=())
    return " ".join(text.write(document).replace("│", " ").replace("─", "").split()).removeprefix("Notice ")


UNITS = """
input x1 = {x1}, x2 = 2
target t = 1
param w1 = 0.5, w2 = 0.3, w3 = {w3}, w4 = 0.2, b1 = 0.1, b2 = -0.2, v1 = 1, v2 = 0.5
H1 = relu(w1*x1 + w2*x2 + b1)
H2 = relu(w3*x1 + w4*x2 + b2)
y = v1*H1 + v2*H2
loss E = 1/2*(t - y)^2
train sgd {{ eta = 0.1, steps = 2 }}
"""


def test_a_dead_unit_and_what_does_not_move() -> None:
    assert told(UNITS.format(x1=1, w3=-0.5)) == [
        ("backward@1", "H₂ is dead: z₂ = −0.3 ≤ 0, so no gradient passes it, and w₃, w₄ and b₂ do not move.")
    ]


def test_units_that_live_are_not_spoken_of() -> None:
    assert told(UNITS.format(x1=1, w3=0.5)) == []


def test_two_dead_units_share_a_sentence() -> None:
    spec = UNITS.format(x1=1, w3=-0.5).replace("w1 = 0.5", "w1 = -1")
    ((anchor, words),) = told(spec)
    assert anchor == "backward@1"
    assert words.startswith("H₁ and H₂ are dead: z₁ = −0.3 ≤ 0 and z₂ = −0.3 ≤ 0, so no gradient passes them")


def test_a_dead_unit_whose_weights_move_nevertheless() -> None:
    """By weight decay."""
    spec = UNITS.format(x1=1, w3=-0.5).replace("steps = 2", "steps = 2, weight_decay = 0.01")
    assert told(spec) == [("backward@1", "H₂ is dead: z₂ = −0.3 ≤ 0, so no gradient passes it.")]


BATCH = """
input x
target t
data {{ x -> t
 1 -> 1
 {x} -> 2 }}
param w1 = 1, w2 = -1, b1 = 0, b2 = 0.5, v1 = 0.5, v2 = 1
h1 = relu(w1*x + b1)
h2 = relu(w2*x + b2)
y = v1*h1 + v2*h2
loss E = 1/2*(t - y)^2
train sgd {{ eta = 0.1, steps = 1, batch = {batch} }}
"""


def test_dead_for_every_sample() -> None:
    assert told(BATCH.format(x=2, batch="full")) == [
        ("batch@1", "h₂ is dead: z₂ ≤ 0 for every sample, so no gradient passes it, and w₂ and b₂ do not move.")
    ]


@pytest.mark.parametrize(("x", "batch"), [("0.25", "full"), ("2", "online")])
def test_off_for_a_sample_is_not_dead(x: str, batch: str) -> None:
    assert not any("dead" in words for _, words in told(BATCH.format(x=x, batch=batch)))


def test_a_place_of_a_filter_is_no_dead_unit() -> None:
    spec = """
input x = [1, -3, 4]
param k = [1, 1]
h = relu(conv1d(x, k))
loss E = 1/2*(2 - sum(h))^2
train sgd { eta = 0.01 }
"""
    assert told(spec) == []


def test_an_input_that_is_0() -> None:
    assert told(UNITS.format(x1=0, w3=0.5)) == [
        ("update@1", "Because x₁ = 0, w₁ and w₃ have the gradient 0 and do not move.")
    ]


def test_the_weights_of_an_input_that_is_not_always_0_move() -> None:
    assert told(BATCH.format(x="0", batch="full")) == []


SATURATED = """
input x = {x}
target t = 0
param w = 1, b = 0.5
z = w*x + b
y = {f}(z)
loss E = {loss}
train sgd {{ eta = 0.5, steps = 2 }}
"""
SQUARE = "1/2*(t - y)^2"


@pytest.mark.parametrize(("f", "x", "slope"), [("sigmoid", 8, "0.00020"), ("tanh", 4, "0.00049")])
def test_a_saturated_unit(f: str, x: int, slope: str) -> None:
    assert told(SATURATED.format(x=x, f=f, loss=SQUARE)) == [
        ("backward@1", f"y is saturated: ∂y/∂z ≈ {slope}, so hardly any of the gradient passes it.")
    ]


def test_a_steep_unit_is_not_saturated() -> None:
    assert told(SATURATED.format(x=1, f="sigmoid", loss=SQUARE)) == []


def test_cross_entropy_undoes_saturation() -> None:
    """The slope cancels: the gradient is p − t. What is to be said is that the probability is far off."""
    ((anchor, words), *_) = told(SATURATED.format(x=8, f="sigmoid", loss="binary_cross_entropy(t, y)"))
    assert anchor == "backward@1"
    assert words == (
        "1 − y ≈ 0.00020 is the probability of the target and close to 0: its logarithm makes the error large."
    )


SOFTMAX = """
input x = [1, 2]
target t = [{t}]
param W = [5, 2; 1, -2]
p = softmax(W @ x)
loss L = cross_entropy(t, p)
train sgd {{ eta = 0.1 }}
"""


@pytest.mark.parametrize(("t", "words"), [("1, 0", "close to 1: the error is almost 0"), ("0, 1", "close to 0")])
def test_a_probability_at_an_end(t: str, words: str) -> None:
    ((anchor, said),) = told(SOFTMAX.format(t=t))
    assert anchor == "backward@1" and f"is the probability of the target and {words}" in said


def test_a_probability_in_the_middle() -> None:
    assert told(SOFTMAX.format(t="1, 0").replace("5, 2", "1, -2")) == []


LINE = """
input x = 2
target t = {t}
param w = 1, b = 0
y = w*x + b
loss E = 1/2*(t - y)^2
train {train}
"""


def test_a_learning_rate_that_is_too_large() -> None:
    """(−1 − 5·2/4)² / 2: with η = 1/4 the output is 2 − 5/4."""
    assert told(LINE.format(t=1, train="sgd { eta = 1, steps = 2 }")) == [
        (
            "update@1",
            "This step raises E from 0.5 to 8, although it points downhill: the learning rate is too large. "
            "With 1/4 of it, E would become 0.0313.",
        )
    ]
    smaller = solve(LINE.format(t=1, train="sgd { eta = 0.25, steps = 1 }"))
    assert str(smaller.trace.finals[0].values["E"].value).startswith("0.03125")


def test_a_step_that_is_too_long() -> None:
    ((anchor, words),) = told(LINE.format(t=1, train="rmsprop { eta = 1, steps = 1 }"))
    assert anchor == "update@1" and "it is too long. With 1/" in words


def test_a_rate_that_fits() -> None:
    assert told(LINE.format(t=1, train="sgd { eta = 0.1, steps = 3 }")) == []


def test_an_error_that_rises_for_another_reason() -> None:
    """Momentum carries it uphill: no shorter step in that direction helps."""
    spec = LINE.format(t=2.5, train="momentum { eta = 0.01, steps = 1 }\ngiven v.w = 100")
    assert "does not fall" in solve(spec).text()
    assert told(spec) == []


def test_climbing_is_no_mistake() -> None:
    spec = "param w = 1\nf = 3 - (w - 2)^2\nmaximise f\ntrain sgd { eta = 0.1, steps = 2 }\n"
    assert told(spec) == []


def test_the_target_is_met() -> None:
    assert told(LINE.format(t=2, train="sgd { eta = 0.1, steps = 2 }")) == [
        ("update@1", "E = 0: the target is met, so no parameter moves.")
    ]


TWINS = """
input x1 = 2, x2 = 1
target t = 1
layer h(h1, h2) sigmoid
layer o(y) {{ weights = [{v}] }}
init weights = 0.5, biases = 0.1
loss half_squared_error
train sgd {{ eta = 0.5, steps = 2 }}
"""


def test_units_that_begin_equal_stay_equal() -> None:
    spec = TWINS.format(v="v1, v2")
    assert told(spec) == [
        (
            "forward@2",
            "h₁ and h₂ are equal from the start, and training never parts them: they learn the same and work as one "
            "unit.",
        )
    ]
    values = solve(spec, steps=7).trace.finals[0].values
    assert values["h1"].value == values["h2"].value


def test_units_with_unequal_ways_out_are_no_twins() -> None:
    assert told(TWINS.format(v="v1 = 0.5, v2 = 0.4")) == []


def test_outputs_are_told_apart_by_their_targets() -> None:
    spec = """
input x = [1, 2]
target t = [0, 1, 0]
layer z[3]
p = softmax(z)
init weights = 0.1, biases = 0
loss L = cross_entropy(t, p)
train sgd { eta = 0.1 }
"""
    assert told(spec) == []


STEPS = """
input x = [0.2, 0.3, 0.4, 0.1]
target y = 1
param w = 1, u = {u}
h[0] = 0
for s in 1..4 {{
  h[s] = w*x[s] + u*h[s-1]
}}
loss L = 1/2*(y - h[4])^2
train sgd {{ eta = 0.000001 }}
"""


@pytest.mark.parametrize(("u", "word"), [("0.1", "vanishes"), ("9", "explodes")])
def test_a_gradient_over_time_steps(u: str, word: str) -> None:
    ((anchor, words),) = told(STEPS.format(u=u))
    assert anchor == "backward@1" and words.startswith(f"On its way back from h₄ to h₁ the gradient {word}: |∂L/∂h₄|")


def test_a_gradient_that_keeps_its_length() -> None:
    assert told(STEPS.format(u="0.9")) == []


def test_the_switch() -> None:
    spec = LINE.format(t=2, train="sgd { eta = 0.1, steps = 2 }")
    assert told(spec + "report { notices = off }\n") == []
    assert told(spec, report={"notices": "off"}) == []


GALLERY = {
    "nets/bits-232": ["backward@1"],
    "nets/lexai-bce": ["update@1"],
    "nets/sakib-221": ["update@1"],
    "nets/sakib-neuron": ["update@1"],
    "nets/sakib-relu-dead": ["backward@1"],
    "perceptron/bits-bipolar": ["update@2"],
    "perceptron/bits-two-epochs": ["update@1"],
    "perceptron/cornell-or": ["update@12"],
    "perceptron/unsw-perceptron": ["update@2"],
    "recurrent/thsis-rnn": ["backward@1"],
    "tour/shortest": ["forward@2"],
    "training/reddit-and": ["update@1"],
    "two-relu-layers": ["forward@2"],
    "two-relu-layers-as-layers": ["forward@2"],
    "two-relu-layers-by-hand": ["forward@2"],
}
"""Where the gallery's pages notice something; all others are silent. Each was read."""


@pytest.mark.parametrize("path", sorted(SPECS.rglob("*.spec")), ids=lambda p: str(p.relative_to(SPECS).with_suffix("")))
def test_the_gallery_notices_only_what_is_so(path: Path) -> None:
    found = [anchor for anchor, _ in notes(solved(read(path)))]
    assert found == GALLERY.get(str(path.relative_to(SPECS).with_suffix("")), [])


def test_a_page_points_at_few_things() -> None:
    assert len(KINDS) > MOST_NOTICES
