"""What is drawn beside derivations, at stages, as grids and step by step: there where it helps, and readable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from test_figures import overlaps

from graphdsl import draw, page
from graphdsl.diagram import Diagram
from graphdsl.document import Block, Derivation, Figure, Math, Section
from graphdsl.lettering import plain
from graphdsl.report import Drawn
from graphdsl.solve import Solution, solve
from graphdsl.views import ViewError

SPECS = Path(__file__).parent.parent / "specs"
GALLERY = sorted(str(path.relative_to(SPECS)) for path in SPECS.rglob("*.spec"))
LEAST_LETTERS = 6.0


def solution(name: str, figures: Drawn = "few") -> Solution:
    solved = solve(SPECS / name)
    return replace(solved, report=replace(solved.report, figures=figures))


def figures(blocks: tuple[Block, ...]) -> Iterator[Figure]:
    for block in blocks:
        match block:
            case Section():
                yield from figures(block.blocks)
            case Figure():
                yield block
            case Derivation(figure=Figure() as figure):
                yield figure
            case _:
                pass


def sketches(found: Solution) -> list[Figure]:
    return [figure for figure in figures(found.document.blocks) if figure.scale < 1]


def told(figure: Figure) -> str:
    return "".join(plain(part.expr) if isinstance(part, Math) else part.words for part in figure.caption)


def strong(diagram: Diagram) -> list[str]:
    return [box.id for box in diagram.boxes if box.tone == "strong"]


def test_the_path_of_the_first_weight_stands_beside_each_derivation() -> None:
    found = sketches(solution("two-relu-layers.spec"))
    assert [told(figure) for figure in found] == ["w3 → y1 → E", "w13 → H3 → y1 → E", "w1 → H1 → H3, H4 → y1 → E"]
    assert strong(found[1].diagram) == ["H3", "y1", "E"]
    assert "it follows" in found[1].alt


def test_a_weight_that_reaches_two_outputs_has_both_ways() -> None:
    *_, last = sketches(solution("nets/mazur.spec"))
    assert told(last) == "w1 → h1 → o1, o2 → Etotal"


def test_a_small_drawing_has_no_label_too_small_to_read() -> None:
    for figure in sketches(solution("two-relu-layers.spec")):
        scene = draw.scene_of(figure.diagram)
        sizes = [
            line.size
            for box, shape in zip(scene.boxes, scene.shapes, strict=True)
            for line in draw.inscriptions(box, shape)
        ]
        assert min(sizes) * figure.scale >= LEAST_LETTERS
        assert all(arrow.label is None for arrow in figure.diagram.arrows)


def test_none_and_all() -> None:
    assert not list(figures(solution("two-relu-layers.spec", "none").document.blocks))
    few = len(list(figures(solution("two-relu-layers.spec").document.blocks)))
    everything = list(figures(solution("two-relu-layers.spec", "all").document.blocks))
    assert len(everything) == few + 6  # three stages of two rounds
    values = next(figure for figure in everything if told(figure) == "The network with the values of the forward pass")
    assert {box.id: plain(box.value) for box in values.diagram.boxes if box.value is not None}["y1"] == "4.5"


def test_the_network_after_the_update_bears_the_new_weights() -> None:
    everything = figures(solution("two-relu-layers.spec", "all").document.blocks)
    updated = next(figure for figure in everything if told(figure) == "The network with its updated parameters")
    assert "w13 = 0.9475" in [plain(arrow.label) for arrow in updated.diagram.arrows if arrow.label is not None]


def test_the_first_window_is_marked() -> None:
    grid = solution("tour/convolution.spec").view("grid")
    marked = [box.id for box in grid.boxes if box.tone == "strong"]
    image = [f"0: X[{row},{column}]" for row in (1, 2, 3) for column in (1, 2, 3)]
    assert marked[:9] == image and len(marked) == 9 + 9 + 1


def test_weights_of_attention_are_shaded_by_their_size() -> None:
    grid = solution("tour/attention.spec").view("grid")
    shades = {box.id: box.shade for box in grid.boxes if box.kind == "cell"}
    assert shades["0: A[3,3]"] == pytest.approx(0.5 * 0.5759753452)
    assert max(shades.values()) <= 0.5  # black letters can be read on it


def test_where_nothing_slides_there_are_no_grids() -> None:
    with pytest.raises(ViewError, match="nothing is drawn as grids"):
        solution("two-relu-layers.spec").view("grid")


def test_steps_stand_side_by_side() -> None:
    drawn = solution("recurrent/rnn-three-steps.spec").view("network", show=("values", "gradients"))
    at = {box.id: box.position or (0.0, 0.0) for box in drawn.boxes}
    for low, high in (("x[1]", "a[1]"), ("a[1]", "h[1]"), ("h[1]", "y[1]")):
        assert at[low][1] < at[high][1]
    assert at["h[0]"][0] < at["h[1]"][0] < at["h[2]"][0] < at["h[3]"][0] < at["L"][0]
    assert at["h[0]"][1] == at["h[1]"][1] == at["h[3]"][1]
    assert not overlaps(drawn)


@pytest.mark.parametrize("name", ["recurrent/thsis-rnn.spec", "recurrent/rnn-three-steps.spec"])
def test_an_unrolled_net_is_narrow_enough_to_read(name: str) -> None:
    width, _ = draw.size(solution(name).view("network", show=("values",)))
    assert width * LEAST_LETTERS / 9 < 482  # the names of weights have six points at the width of the page


@pytest.mark.slow
@pytest.mark.parametrize("name", GALLERY[::2])
def test_every_drawing_of_every_page_is_clear_and_compiles(name: str) -> None:
    found = solution(name, "all")
    for figure in figures(found.document.blocks):
        if isinstance(figure.diagram, Diagram):  # a curve has a test of its own
            assert not overlaps(figure.diagram), told(figure)
    assert page.pdf(found.document).startswith(b"%PDF")
