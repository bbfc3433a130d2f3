"""Styles and details: the same numbers in each, every line true, and each says what it is for."""

from __future__ import annotations

import itertools
import random
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from equalities import false_equalities
from reading import false_lines

import graphdsl
from graphdsl.document import Block, Derivation, Section
from graphdsl.expr import Number, Partial, Relation, Symbol
from graphdsl.lettering import plain
from graphdsl.names import Ink
from graphdsl.report import PARTS, Detail, Report, Style
from graphdsl.solve import Solution
from graphdsl.write import text

ROOT = Path(__file__).parent.parent / "specs"
STYLES: tuple[Style, ...] = get_args(Style)
DETAILS: tuple[Detail, ...] = get_args(Detail)
TWIN = "two-relu-layers-twin"
SELECTED = (
    TWIN, "two-relu-layers", "two-relu-layers-twin-as-layers", "nets/mazur", "nets/bits-231", "softmax/sakib-softmax",
    "recurrent/rnn-three-steps", "convolution/batra-conv1d-backward", "tour/skip-connection", "perceptron/cornell-or",
    "training/gbasran-adam", "circuits/cs231n-sigmoid", "tour/shared-weight", "losses/bits-given-predictions",
)  # fmt: skip

LONG = (
    "training/mazur-ten-thousand",
    "training/kshitiz-900-epochs",
    "regression/deepml-line-1000",
    "regression/deepml-line-5000",
)
"""Their rounds take longer than their pages."""


@cache
def solution(name: str, carry: str = "full") -> Solution:
    """The solution of a spec, its numbers carried as asked, or as the spec has it."""
    return graphdsl.solve(ROOT / f"{name}.spec", set={"carry": carry} if carry else {})


def page(name: str, carry: str = "full", **asked: object) -> Solution:
    """Another page of the same numbers."""
    found = solution(name, carry)
    return replace(found, report=replace(found.report, **asked))  # type: ignore[arg-type]


def results(blocks: tuple[Block, ...]) -> dict[str, Number]:
    """What the lines of a page find, by their anchors."""
    found: dict[str, Number] = {}
    for block in blocks:
        match block:
            case Section():
                found |= results(block.blocks)
            case Derivation():
                for line in block.lines:
                    last = line.chain.members[-1]
                    if line.anchor and isinstance(last, Number):
                        found[line.anchor] = last
            case _:
                pass
    return found


def existing() -> list[str]:
    return [name for name in SELECTED if (ROOT / f"{name}.spec").exists()]


def test_the_selection_is_there() -> None:
    assert existing() == list(SELECTED)


@pytest.mark.parametrize("name", SELECTED)
@pytest.mark.parametrize("style", STYLES)
def test_every_style_and_detail_is_true_and_finds_the_same(name: str, style: Style) -> None:
    own = results(page(name, style="chain", detail="full").document.blocks)
    for detail in DETAILS:
        found = page(name, style=style, detail=detail)
        assert false_lines(found.text(), found.model.display.rounding) == [], detail
        assert false_equalities(found.trace.graph, found.document, count=1) == [], detail
        mine = results(found.document.blocks)
        shared = mine.keys() & own.keys()
        assert all(abs(mine[key].value - own[key].value) <= abs(own[key].value) / 50 for key in shared)
        assert shared or detail == "results" or style == "matrix"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", [TWIN, "nets/mazur", "two-relu-layers-as-layers"])
def test_rounding_as_by_hand_does_not_depend_on_the_page(name: str, style: Style) -> None:
    for detail in DETAILS:
        found = page(name, "displayed", style=style, detail=detail)
        assert false_lines(found.text(), found.model.display.rounding) == [], detail


@pytest.mark.slow
def test_any_spec_in_any_style_and_detail() -> None:
    """Of the whole gallery, each spec in combinations of a fixed draw, with the style and detail of each part its own."""
    draw, wrong = random.Random(5), []
    names = sorted(str(path.relative_to(ROOT).with_suffix("")) for path in ROOT.rglob("*.spec"))
    for name in [name for name in names if name not in LONG][::2]:
        asked = {
            "style": draw.choice(STYLES),
            "detail": draw.choice(DETAILS),
            "styles": {draw.choice(PARTS): draw.choice(STYLES)},
            "details": {draw.choice(PARTS): draw.choice(DETAILS)},
        }
        found = page(name, "", **asked)
        if false_lines(found.text(), found.model.display.rounding) or false_equalities(
            found.trace.graph, found.document, count=1
        ):
            wrong.append((name, asked))
    assert wrong == []


def lines_of(found: Solution) -> list[str]:
    return [line.strip() for line in found.text().splitlines()]


def test_delta_by_hand() -> None:
    """The twin's numbers: δ of the output, of a hidden unit by the δs above it, and a gradient as δ times input."""
    said = lines_of(page(TWIN, style="delta"))
    for line in (
        "δ_y1 = y₁ − t = 1.604 − (−1) = 2.604",
        "δ₃ = δ_y1 · w₃ · ReLU′(z₃) = 2.604 · 0.6 · 1 = 1.5624",
        "δ₁ = (δ₃ · w₁₃ + δ₄ · w₁₄) · ReLU′(z₁) = (1.5624 · 0.3 + 2.8644 · 0.7) · 1",
        "∂E/∂w₁₃ = δ₃ · H₁ = 1.5624 · 1.1 ≈ 1.7186",
        "│ δ₁ = ∂E/∂z₁.",
    ):
        assert any(line in other for other in said), line
    assert "∂E/∂H" not in "".join(said)


def test_a_delta_is_one_in_every_format() -> None:
    """The index is a digit below in each; no page says ∂E/∂z but where δ is defined."""
    found = page(TWIN, style="delta")
    names = {
        "text": "δ₃",
        "latex": r"\delta_3",
        "markdown": r"\delta_3",
        "typst": "δ_(3)",
        "html": "<mi>δ</mi><mrow><mn>3</mn>",
    }
    derivative = {
        "latex": r"\partial z_3",
        "markdown": r"\partial z_3",
        "html": "<mi>∂</mi><msub><mi>z</mi><mrow><mn>3</mn>",
    }
    for format, name in names.items():
        said = found.render(format).content.decode()
        assert name in said, format
        assert derivative.get(format, "∂z₃") not in said, format
    assert plain(Partial(Symbol("E"), Symbol("z3"), ink=Ink("δ", "3"))) == "δ3"


def test_with_delta_carried_numbers_are_printed_first() -> None:
    """Rounded as by hand, ∂E/∂H₁ is a number of its own, and δ₁ is found from it."""
    said = "\n".join(lines_of(page(TWIN, "displayed", style="delta")))
    assert "∂E/∂H₁ = δ₃ · w₁₃ + δ₄ · w₁₄" in said and "δ₁ = ∂E/∂H₁ · ReLU′(z₁)" in said


def test_a_circuit_has_no_deltas() -> None:
    name = "circuits/cs231n-sigmoid"
    assert page(name, style="delta").text() == page(name, style="chain").text()


def test_what_has_a_name_of_its_own_is_a_pre_activation_too() -> None:
    """δ is of z as the author wrote it, in a scalar and in a vector; of an output by the chain rule."""
    said = lines_of(page("nets/bits-232", "full", style="delta"))
    assert "∂E/∂W_{1,11} = δ₁₁ · x₁" in " ".join(" ".join(said).split())
    source = "input x = 2; target t = 1; param w = 0.8, b = -0.1; z = w*x + b; y = sigmoid(z); loss E = 1/2*(t - y)^2"
    alone = graphdsl.solve(source.replace("; ", "\n") + "\ntrain sgd { eta = 0.5 }", report={"style": "delta"})
    assert "δ_z = ∂E/∂y · ∂y/∂z = (y − t) · y · (1 − y)" in alone.text() and "∂E/∂w = δ_z · x" in alone.text()
    assert "found above" not in alone.text()


def test_a_power_of_e_is_worked_out_once() -> None:
    said = lines_of(page("softmax/sakib-softmax", style="chain", detail="calculator"))
    assert sum(line.startswith("e^(z₁) = e² ≈ 7.389") for line in said) == 2  # in the round, and after it


def test_the_calculator_does_one_operation_after_the_other() -> None:
    said = lines_of(page("nets/mazur", detail="calculator"))
    assert "e^(−z_h1) = e^(−0.3775) ≈ 0.685573202" in said
    assert "= 0.0075 + 0.02 + 0.35 = 0.3775" in said


def test_full_says_every_line_and_nothing_by_symmetry() -> None:
    grouped, full = (page("two-relu-layers", detail=detail).text() for detail in ("grouped", "full"))
    assert "By symmetry" in grouped and "By symmetry" not in full
    anchors = results(page("two-relu-layers", detail="full").document.blocks)
    wanted = [f"w{i}.after@2" for i in (1, 2, 3, 4, 13, 14, 23, 24)] + [f"b{i}.after@2" for i in range(1, 6)]
    assert anchors.keys() >= set(wanted)
    assert "Formulas" not in full


def test_short_has_no_substituted_numbers() -> None:
    said = lines_of(page(TWIN, detail="short"))
    assert any(re.fullmatch(r"z₃ = w₁₃H₁ \+ w₂₃H₂ \+ b₃ = 0\.44", re.sub(r"\s+", " ", line)) for line in said)


def test_results_are_tables() -> None:
    found = page(TWIN, detail="results")
    forward = next(b for b in found.document.blocks if isinstance(b, Section) and b.anchor == "forward@1")
    assert not any(isinstance(block, Derivation) for block in forward.blocks)
    assert "2.4738" in found.text()


def test_what_is_to_be_explained_is_said_in_full() -> None:
    asked = graphdsl.solve(ROOT / f"{TWIN}.spec", report={"detail": "results", "explain": "[dE/dw13, H3, w13.after]"})
    said = "\n".join(lines_of(asked))
    assert "∂E/∂w₁₃ = ∂E/∂z₃ · ∂z₃/∂w₁₃" in said and "H₃ = ReLU(z₃) = max(0, 0.44) = 0.44" in said
    assert "w₁₃⁺ = w₁₃ − η · ∂E/∂w₁₃" in said and "w₁⁺ =" not in said
    every = graphdsl.solve(ROOT / f"{TWIN}.spec", report={"explain": "updates"})
    assert results(every.document.blocks).keys() >= {"w1.after@1", "b5.after@2"}


def test_each_part_may_have_its_own() -> None:
    asked = graphdsl.solve(
        (ROOT / "tour/matrices.spec").read_text("utf-8").replace("style = chain", "style = matrix; style[backward] = chain; detail[update] = results")
    )  # fmt: skip
    assert (asked.report.style_of("forward"), asked.report.style_of("backward")) == ("matrix", "chain")
    said = asked.text()
    assert "zₕ = K x" in said and "∂L/∂V₂₁ = ∂L/∂y₁ · h₂" in said and "K⁺ ≈ [" in said
    assert false_lines(said) == []


def test_wrong_words_are_answered() -> None:
    for asked, message in (
        ({"detail": "ful"}, "`detail` is calculator or full"),
        ({"style": "backwards=delta"}, "`style` has brackets for forward, backward, update"),
        ({"explain": "[q]"}, "`q` is not defined"),
        ({"explain": "[2 + 2]"}, "`explain` lists what is said in full"),
    ):
        with pytest.raises(graphdsl.SpecError, match=re.escape(message)):
            graphdsl.solve(ROOT / f"{TWIN}.spec", report=asked)


def test_named_weights_stand_in_one_matrix() -> None:
    said = page("two-relu-layers-twin-as-layers", style="matrix").text()
    assert "[∂E/∂w₁₃, ∂E/∂w₂₃; ∂E/∂w₁₄, ∂E/∂w₂₄]" in said and "∂E/∂z⁽²⁾ (a⁽¹⁾)ᵀ" in said


def test_a_report_says_of_a_part_what_it_says_of_all() -> None:
    for style, detail in itertools.product(STYLES, DETAILS):
        report = Report(style=style, detail=detail, styles={"backward": "delta"}, details={"update": "short"})
        assert (report.style_of("forward"), report.style_of("backward")) == (style, "delta")
        assert (report.detail_of("forward"), report.detail_of("update")) == (detail, "short")


def test_no_line_of_a_page_is_empty() -> None:
    for style, detail in itertools.product(STYLES, DETAILS):
        told = page("nets/mazur", style=style, detail=detail).document
        chains = [line.chain for block in told.blocks if isinstance(block, Section) for line in _lines(block)]
        assert all(isinstance(chain, Relation) and len(chain.members) > 1 for chain in chains)
        assert text.write(told).count("…") == 0


def _lines(section: Section) -> list[object]:
    found: list[object] = []
    for block in section.blocks:
        if isinstance(block, Section):
            found += _lines(block)
        elif isinstance(block, Derivation):
            found += block.lines
    return found
