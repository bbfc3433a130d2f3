"""Traces -> drawings: every view of every spec has room for its numbers, says them right, and refuses what does not exist."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Literal

import networkx as nx
import pytest

import graphdsl
from graphdsl import draw, views
from graphdsl.circuit import elementary_circuit, wire_gradients, wire_values
from graphdsl.depict import finished
from graphdsl.diagram import Arrow, Box, Diagram
from graphdsl.expr import Number
from graphdsl.grids import grids_of
from graphdsl.lettering import lettering, plain
from graphdsl.network import network_of
from graphdsl.numbers import Display, trimmed
from graphdsl.outline import Point, Rect, cut_by
from graphdsl.phrases import load
from graphdsl.solve import Solution
from graphdsl.trace import Trace

SPECS = Path(__file__).parent.parent / "specs"
GALLERY = sorted(str(path.relative_to(SPECS)) for path in SPECS.rglob("*.spec"))
SEED = "two-relu-layers.spec"
SVG = "{http://www.w3.org/2000/svg}"
Kind = Literal["network", "graph"]


@cache
def solved(spec: str) -> Solution:
    return graphdsl.solve(SPECS / spec)


def shown(number: Number, display: Display) -> Number:
    """As many digits as the page shows."""
    if number.given and number.exact:
        return number
    value = display.shown(number.value, number.quantity or "")
    whole = number.exact and value == number.value
    return Number(trimmed(value) if whole else value, whole, number.quantity, number.given)


def figure(
    spec: str, kind: Kind = "network", step: int = 1, show: str = "", elementary: bool = False, objective: str = ""
) -> Diagram:
    found = solved(spec)
    words = [word for word in re.split(r",(?![^\[]*\])", show) if word]
    made = views.view(found.trace, kind, step, words, elementary, objective)
    return finished(made, lambda number: shown(number, found.model.display))


def overlaps(diagram: Diagram) -> list[tuple[str, str]]:
    """Lines of letters that meet each other or a box that is not theirs, boxes that meet, letters that are struck."""
    letters, shapes, curves = draw.measures(diagram)
    found = [(a, b) for (a, one), (b, other) in itertools.combinations(letters, 2) if one.meets(other)]
    found += [(a, b) for (a, one), (b, other) in itertools.combinations(shapes, 2) if one.rect.meets(other.rect)]
    for label, rect in letters:
        own = label.removeprefix("value of ").removeprefix("gradient of ")
        found += [(label, box) for box, shape in shapes if own != box and rect.meets(shape.rect)]
    for number, splines in curves:
        # the label of an arrow interrupts its own line
        others = [(label, rect) for label, rect in letters if not label.endswith(f"arrow {number}")]
        for spline in splines:
            near = [(label, rect) for label, rect in others if rect.meets(around(spline))]
            pieces = list(segments(spline)) if near else []
            found += [(label, f"arrow {number}") for label, rect in near if any(cut_by(*p, rect) for p in pieces)]
    return found


def around(points: tuple[Point, ...]) -> Rect:
    across, up = zip(*points, strict=True)
    return Rect(min(across), min(up), max(across), max(up)).grown(0.01)


def segments(spline: tuple[Point, ...]) -> Iterator[tuple[Point, Point]]:
    """Cubic curves as short straight pieces."""
    for i in range(0, len(spline) - 3, 3):
        yield from itertools.pairwise(cubic(spline[i : i + 4], step / 12) for step in range(13))


def cubic(controls: tuple[Point, ...], t: float) -> Point:
    shares = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3)
    x, y = (sum(s * point[axis] for s, point in zip(shares, controls, strict=True)) for axis in (0, 1))
    return x, y


View = tuple[Kind, int, str, bool]


def asked(spec: str) -> Iterator[View]:
    """Every view of a spec that exists, at its first step and its last."""
    trace = solved(spec).trace
    rounds, objectives = trace.count, trace.graph.model.objectives
    gradients = ",gradients" if objectives else ""
    views_: tuple[tuple[Kind, bool], ...] = (("network", False), ("graph", False), ("graph", True))
    if grids_of(trace.graph) is not None:
        yield from (("grid", step, "", False) for step in sorted({1, rounds}))
    for kind, elementary in views_:
        for step in sorted({1, rounds}):
            for show in dict.fromkeys(("", "values", "values" + gradients, gradients)):
                if kind != "network" or network_of(trace.graph, with_loss=bool(show)) is not None:
                    yield kind, step, show, elementary
        if kind == "network" and network_of(trace.graph, with_loss=True) is None:
            continue
        if trace.final is not None:
            yield kind, rounds + 1, "values", elementary
            yield kind, rounds, "updated", elementary
        if objectives:
            reached = nx.ancestors(trace.graph.entries, aim_of(trace))
            first = next(key for key in trace.graph.symbols if key in reached)
            last = [key for key in trace.graph.symbols if key in reached and key not in trace.graph.computed][-1]
            yield kind, 1, f"path:{first}", elementary
            yield kind, 1, f"path:{last}{gradients},values", elementary


def aim_of(trace: Trace) -> str:
    """What gradients are shown of: the last that is differentiated."""
    return trace.graph.model.objectives[-1].key if trace.graph.model.objectives else ""


@pytest.mark.slow
@pytest.mark.parametrize("spec", GALLERY)
def test_nothing_overlaps_in_any_view(spec: str) -> None:
    aim = aim_of(solved(spec).trace)
    for kind, step, show, elementary in asked(spec):
        diagram = figure(spec, kind, step, show, elementary, aim)
        assert not overlaps(diagram), (kind, step, show, elementary)


@pytest.mark.parametrize("spec", GALLERY)
def test_labels_are_not_lost_to_numbers(spec: str) -> None:
    if network_of(solved(spec).trace.graph) is None:
        return
    bare = {arrow.label for arrow in figure(spec).arrows}
    show = "values,gradients" if solved(spec).model.objectives else "values"
    assert sum(arrow.label is not None for arrow in figure(spec, show=show).arrows) >= len(bare - {None})


def box(diagram: Diagram, id: str) -> Box:
    return next(box for box in diagram.boxes if box.id == id)


def arrow(diagram: Diagram, source: str, target: str) -> Arrow:
    return next(arrow for arrow in diagram.arrows if (arrow.source, arrow.target) == (source, target))


def words(*exprs: object) -> list[str]:
    return [plain(expr) for expr in exprs]  # type: ignore[arg-type]  # None would be a failure of the test


def test_the_network_with_values_and_gradients() -> None:
    diagram = figure(SEED, show="values,gradients")
    h1, w13, b1 = box(diagram, "H1"), arrow(diagram, "H1", "H3"), box(diagram, "bias of H1")
    assert words(h1.label, h1.value, h1.gradient) == ["H1", "1.5", "7"]
    assert words(w13.label, w13.gradient) == ["w13 = 1", "5.25"]
    assert words(b1.label, b1.gradient) == ["b1 = −0.5", "7"]
    assert words(box(diagram, "E").value) == ["6.125"] and box(diagram, "E").gradient is None
    assert box(diagram, "x1").gradient is None
    assert words(diagram.key) == ["∂E/∂…"]


def test_rounded_values_are_not_said_to_be_equal() -> None:
    diagram = figure("two-relu-layers-twin.spec", step=2, show="values")
    assert plain(arrow(diagram, "H1", "H3").label).startswith("w13 ≈ 0.")  # type: ignore[arg-type]


def test_after_the_update() -> None:
    diagram = figure(SEED, step=1, show="updated")
    assert words(arrow(diagram, "H1", "H3").label, box(diagram, "bias of H1").label) == ["w13 = 0.9475", "b1 = −0.57"]
    assert box(diagram, "H1").value is None
    assert figure(SEED, step=1, show="updated,values") == figure(SEED, step=2, show="values")
    last = figure(SEED, step=3, show="values")
    assert words(box(last, "E").value) == ["0.3745"]


def test_a_path_is_strong_and_the_rest_is_pale() -> None:
    diagram = figure(SEED, show="path:w13")
    strong = {(a.source, a.target) for a in diagram.arrows if a.tone == "strong"}
    assert strong == {("H1", "H3"), ("H3", "y1"), ("y1", "E")}
    assert {b.id for b in diagram.boxes if b.tone == "strong"} == {"H3", "y1", "E"}
    assert box(diagram, "H1").tone == "plain" and box(diagram, "H2").tone == "pale"
    assert [plain(a.label) for a in diagram.arrows if a.label is not None] == ["w13", "w3"]
    assert not [b for b in diagram.boxes if b.kind == "bias"]
    assert sum(a.tone == "strong" for a in figure(SEED, show="path:w1").arrows) == 6


def test_a_path_from_a_bias_a_unit_and_a_whole_matrix() -> None:
    assert box(figure(SEED, show="path:b3"), "bias of H3").tone == "strong"
    assert box(figure(SEED, show="path:H2"), "H2").tone == "strong"
    whole = figure("tour/matrices.spec", show="path:K")
    assert all(a.tone == "strong" for a in whole.arrows if a.source.startswith("x") or a.target == "L")


def test_a_path_is_asked_for_by_letter_or_by_name() -> None:
    assert figure("tour/functions.spec", show="path:alpha") == figure("tour/functions.spec", show="path:α")


def test_a_shared_weight_has_every_path() -> None:
    diagram = figure("tour/shared-weight.spec", show="path:v")
    assert {(a.source, a.target) for a in diagram.arrows if a.tone == "strong"} == {
        ("h1", "y"),
        ("h2", "y"),
        ("y", "E"),
    }


def gates(diagram: Diagram) -> list[str]:
    return [plain(b.label) for b in diagram.boxes if b.label is not None]


def test_circuits_as_they_are_drawn_in_class() -> None:
    named = figure("circuits/cs231n-add-mul.spec", "graph", show="values,gradients")
    assert gates(named) == ["x", "y", "z", "q = x + y", "f = q·z"]
    wire = box(named, "wire of q")
    assert words(wire.value, wire.gradient) == ["3", "−4"]
    sigmoid = figure("circuits/neuron-in-one-line.spec", "graph", show="values,gradients", elementary=True)
    assert gates(sigmoid)[5:] == ["×", "×", "+", "+", "×(−1)", "exp", "1", "+", "1/x"]
    numbers = [words(b.value, b.gradient) for b in sigmoid.boxes if b.kind == "wire"]
    assert numbers[-3:] == [["ex ≈ 0.37", "−0.53"], ["plus1 ≈ 1.37", "−0.53"], ["f ≈ 0.73", "1"]]


def test_formulas_in_boxes_keep_their_exponents_and_brackets() -> None:
    diagram = figure("tour/functions.spec", "graph")
    (n,) = [lettering(b.label) for b in diagram.boxes if b.id == "n" and b.label is not None]
    assert "".join(run.text for run in n.runs) == "n = βα + 2−2"
    assert [run.text for run in n.runs if run.shift > 0] == ["α", "−2"]
    text = "input x = 2\nf = exp(x)^2\ng = 1/(x - 5)\ngradient f, g\n"
    drawn = views.view(graphdsl.solve(text).trace, "graph")
    assert gates(drawn) == ["x", "f = (ex)2", "g = 1/(x − 5)"]


def test_a_circuit_shows_the_gradients_of_its_inputs() -> None:
    assert words(box(figure("tour/functions.spec", show="gradients"), "beta").gradient) == ["4.107107"]


def test_a_value_used_twice_has_two_wires() -> None:
    diagram = figure("circuits/diamond.spec", "graph", elementary=True)
    (q,) = [b.id for b in diagram.boxes if b.id == "q"]
    assert [a.source for a in diagram.arrows if a.target == q] == ["w", "w"]


@pytest.mark.parametrize("spec", GALLERY)
def test_gates_agree_with_the_trace(spec: str) -> None:
    """The single operations, run on their own, give the named values and gradients of the trace."""
    found = solved(spec)
    if found.model.carry == "displayed" or found.model.overrides:
        return
    graph, sample = found.trace.graph, found.trace.rounds[0].samples[0]
    circuit = elementary_circuit(graph)
    data = {key: value for key, value in sample.values.items() if key not in graph.computed}
    values = wire_values(circuit, data)
    for key, value in sample.values.items():
        assert abs(values[key].value - value.value) <= abs(value.value) * Decimal("1e-40"), key
    for objective, known in sample.gradients.items():
        own = wire_gradients(circuit, values, {objective: known[objective]})
        for key, gradient in known.items():
            if key in own:
                assert abs(own[key].value - gradient.value) <= Decimal("1e-30") * max(
                    Decimal(1), abs(gradient.value)
                ), key
        assert all(gate.id in own for gate in circuit.gates if gate.id in known and known[gate.id].value)


def test_svg_keeps_what_each_thing_is() -> None:
    root = ET.fromstring(draw.svg(figure(SEED, show="values,gradients,path:w13")))
    classes = {group.get("data-key"): group.get("class") for group in root.iter(f"{SVG}g") if group.get("data-key")}
    assert classes["H3"] == "unit strong" and classes["H2"] == "unit pale" and classes["H1 H3"] == "arrow strong"
    assert {text.get("class") for text in root.iter(f"{SVG}text")} == {None, "value", "gradient"}
    assert "∂E/∂…" in ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("kind", ["network", "graph"])
def test_every_format_and_the_same_bytes(kind: Kind) -> None:
    formats: tuple[draw.Format, ...] = ("svg", "pdf", "png", "dot")
    for format in formats:
        first, again = (draw.render(figure(SEED, kind, 1, "values,gradients"), format) for _ in range(2))
        assert first == again


def test_gradients_are_told_apart_without_colours() -> None:
    root = ET.fromstring(draw.svg(figure(SEED, show="values,gradients")))
    for text in root.iter(f"{SVG}text"):
        if text.get("class") == "gradient":
            assert all(part.get("font-style") == "italic" or part.text == "∂" for part in text)


def test_dot_bears_the_numbers() -> None:
    import pygraphviz

    source = draw.dot(figure(SEED, "graph", show="values,gradients"))
    assert pygraphviz.AGraph(string=source).number_of_nodes() > 40
    assert "5.25" in source and "∂E/∂…" not in pygraphviz.AGraph(string=source).nodes()


def test_in_words() -> None:
    told = views.alt(figure(SEED, show="values,gradients"), load())
    assert told.startswith("Diagram of the network: inputs x1 = 2; units H1 = 1.5 (gradient 7)")
    assert "w13 = 1 (gradient 5.25)" in told
    told = views.alt(figure(SEED, show="path:w13"), load())
    assert told.endswith("it follows w13, H3, y1, E.")
    told = views.alt(figure("circuits/cs231n-add-mul.spec", "graph", show="values,gradients"), load())
    assert told == (
        "Diagram of the computation graph: inputs x = −2 (gradient −4), y = 5 (gradient −4), z = −4 (gradient 3); "
        "operations q = x + y = 3 (gradient −4); result f = q·z = −12 (gradient 1)."
    )


REFUSED = {
    "path:w31": "no path from `w31`: nothing is called that; did you mean `w13`?",
    "gradient": "nothing is called `gradient` to show; did you mean `gradients`?",
    "gradients,updated": "`gradients` belong to the pass before an update",
}


@pytest.mark.parametrize("show", REFUSED)
def test_what_cannot_be_shown_is_a_sentence(show: str) -> None:
    with pytest.raises(views.ViewError) as refused:
        figure(SEED, show=show)
    assert str(refused.value).startswith(REFUSED[show])


@pytest.mark.parametrize(
    ("step", "show", "message"),
    [
        (0, "", "there is no step 0; the steps are 1 to 3"),
        (4, "", "there is no step 4"),
        (3, "gradients", "after the last update no gradients are computed"),
        (3, "updated", "step 3 has no update"),
    ],
)
def test_a_step_that_does_not_exist_is_a_sentence(step: int, show: str, message: str) -> None:
    with pytest.raises(views.ViewError, match=message):
        figure(SEED, step=step, show=show)


def test_what_is_not_there_is_a_sentence() -> None:
    with pytest.raises(views.ViewError, match="nothing is trained here"):
        figure("circuits/colah.spec", show="updated")
    with pytest.raises(views.ViewError, match="nothing is differentiated here"):
        figure("nets/fiqlab-221.spec", show="gradients")


def large(*sizes: int) -> Solution:
    layers = "\n".join(f"layer h{i}[{n}] relu" for i, n in enumerate(sizes))
    text = f"input x = [{', '.join(['1'] * 20)}]\n{layers}\nlayer y[1]\ntarget t = [1]\ninit all = 0.01\nloss half_squared_error\n"
    return graphdsl.solve(text)


@pytest.mark.slow
def test_large_nets() -> None:
    found = large(20)
    with pytest.raises(views.ViewError, match="names would not be readable"):
        views.view(found.trace, "graph")
    diagram = finished(views.view(found.trace, show=["values", "gradients"]), lambda n: shown(n, found.model.display))
    assert sum(b.kind == "elision" for b in diagram.boxes) == 2 and not overlaps(diagram)
    small = large(4)
    names = views.view(small.trace, "graph", elementary=True)
    assert any(b.kind == "formula" for b in names.boxes) or len(names.boxes) <= views.MOST_GATES
