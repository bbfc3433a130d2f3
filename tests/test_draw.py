"""Networks -> drawings: nothing overlaps, names are set and harmless, files are what they say."""

from __future__ import annotations

import builtins
import itertools
import random
import shutil
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphdsl import draw
from graphdsl.depict import Link, Network, Unit, network_diagram, to_networkx
from graphdsl.diagram import Arrow, Box, BoxKind, Diagram
from graphdsl.expr import Partial, Symbol, equals, multiply, number
from graphdsl.lettering import Run, lettering, plain
from graphdsl.names import Ink

S = Symbol
SVG = "{http://www.w3.org/2000/svg}"


def name(box: Box) -> str:
    assert box.label is not None
    return plain(box.label)


def dense(*sizes: int, names: Callable[[int, int], str] = lambda layer, i: f"{'xhkmpq'[layer]}{i}") -> Network:
    last = len(sizes) - 1
    inner: list[BoxKind] = ["unit"] * (last - 1)
    kinds: list[BoxKind] = ["input", *inner, "output"]
    units = [
        Unit(S(names(layer, i)), kinds[layer], layer, S(f"b_{layer}{i}") if layer else None)
        for layer, size in enumerate(sizes)
        for i in range(1, size + 1)
    ]
    links = [
        Link(a.key, b.key, S(f"w_{a.key[-1]}{b.key[-1]}"))
        for a in units
        for b in units
        if (b.layer or 0) == (a.layer or 0) + 1
    ]
    return Network(tuple(units), tuple(links))


def seed() -> Network:
    hidden = [("H1", 1, "b1"), ("H2", 1, "b2"), ("H3", 2, "b3"), ("H4", 2, "b4")]
    units = [
        Unit(S("x1"), "input", 0),
        *(Unit(S(h), "unit", layer, S(b)) for h, layer, b in hidden),
        Unit(S("y1"), "output", 3, S("b5")),
    ]
    wires = "x1 H1 w1, x1 H2 w2, H1 H3 w13, H1 H4 w14, H2 H3 w23, H2 H4 w24, H3 y1 w3, H4 y1 w4"
    return Network(tuple(units), links(wires))


def links(text: str) -> tuple[Link, ...]:
    """`a b w, a c` -> a link from a to b with the weight w, and one from a to c without."""
    return tuple(Link(a, b, S(w[0]) if w else None) for a, b, *w in (part.split() for part in text.split(",")))


def circuit(inputs: str, units: str, wires: str) -> Network:
    *inner, out = units.split()
    boxes = [(k, "input") for k in inputs.split()] + [(k, "unit") for k in inner] + [(out, "output")]
    return Network(tuple(Unit(S(k), kind) for k, kind in boxes), links(wires))  # type: ignore[arg-type]


def with_skips() -> Network:
    return Network(seed().units, (*seed().links, *links("x1 y1 w5, x1 H3 w6")))


def raised() -> Network:
    """Default ink of layers, with stacked indices."""
    hidden = [Unit(S(f"h[{i}]", ink=Ink("a", str(i), "(1)")), "unit", 1, S(f"c{i}", ink=Ink("b", str(i), "(1)"))) for i in (1, 2, 3)]  # fmt: skip
    inputs = [Unit(S(f"x[{j}]", ink=Ink("x", str(j))), "input", 0) for j in (1, 2)]
    weights = [Link(a.key, b.key, S(f"W {a.key}{b.key}", ink=Ink("W", "12", "(1)"))) for a in inputs for b in hidden]
    return Network((*inputs, *hidden), tuple(weights))


MAZUR = circuit(
    "i1 i2",
    "net_h1 net_h2 out_o1 out_o2 E_total",
    "i1 net_h1 w1, i2 net_h1 w2, i1 net_h2 w3, i2 net_h2 w4, net_h1 out_o1 w5, net_h2 out_o1 w6,"
    "net_h1 out_o2 w7, net_h2 out_o2 w8, out_o1 E_total, out_o2 E_total",
)
NETWORKS: dict[str, Network] = {
    "1-2-2-1": seed(),
    "2-2-2": dense(2, 2, 2),
    "2-3-1": dense(2, 3, 1),
    "4-8-3": dense(4, 8, 3),
    "4-4": dense(4, 4),
    "3-4-2": dense(3, 4, 2),
    "5-5": dense(5, 5),
    "1-1": dense(1, 1),
    "alone": Network((Unit(S("x"), "input"),), ()),
    "empty": Network((), ()),
    "circuit": circuit("x y z", "q f", "x q, y q, q f, z f"),
    "sigmoid circuit": circuit("w0 x0 w1 x1 w2", "s f", "w0 s, x0 s, w1 s, x1 s, w2 s, s f"),
    "skip links": with_skips(),
    "parallel links": circuit("w", "f", "w f w, w f w"),
    "parallel and skip": circuit("x w", "f g", "w f, w f, x f a, f g u, f g v, x g c"),
    "mazur": MAZUR,
    "long names": dense(2, 3, 2, names=lambda layer, i: f"temperature{layer}{i}"),
    "raised": raised(),
    "784-128-10": dense(784, 128, 10),
    "deep": dense(1, 1, 1, 1, 1, 1),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_no_label_overlaps(name: str) -> None:
    diagram = network_diagram(NETWORKS[name])
    labels, shapes = draw.label_boxes(diagram), draw.shapes(diagram)
    for (a, first), (b, second) in itertools.combinations(labels, 2):
        assert not first.meets(second), f"the names of {a} and {b} overlap"
    for label, rect in labels:
        for box, shape in shapes:
            if label != box:
                assert not rect.meets(shape.rect), f"the name of {label} runs into {box}"
    for (a, one), (b, other) in itertools.combinations(shapes, 2):
        assert not one.rect.meets(other.rect), f"{a} and {b} overlap"


@pytest.mark.parametrize("name", NETWORKS)
def test_names_fit_into_their_boxes(name: str) -> None:
    diagram = network_diagram(NETWORKS[name])
    rects = dict(draw.label_boxes(diagram))
    for box, shape in draw.shapes(diagram):
        if shape.form == "ellipse":
            assert rects[box].left > shape.rect.left and rects[box].right < shape.rect.right
            assert rects[box].bottom > shape.rect.bottom and rects[box].top < shape.rect.top


def test_labels_stand_on_their_arrow_nearer_to_its_source() -> None:
    diagram = network_diagram(NETWORKS["2-2-2"])
    centre = {box.id: box.position for box in diagram.boxes}
    labelled = [arrow for arrow in diagram.arrows if arrow.label is not None]
    assert len(labelled) == 8
    for arrow in labelled:
        source, target, at = centre[arrow.source], centre[arrow.target], arrow.label_position
        assert source and target and at
        share = (at[0] - source[0]) / (target[0] - source[0])
        assert 0.15 < share < 0.4
        assert at[1] == pytest.approx(source[1] + share * (target[1] - source[1]))


def test_layers_are_columns_and_biases_hang_below() -> None:
    diagram = network_diagram(seed())
    at = {box.id: box.position or (0.0, 0.0) for box in diagram.boxes}
    assert at["H1"][0] == at["H2"][0] < at["H3"][0] == at["H4"][0] < at["y1"][0]
    assert at["H1"][1] == -at["H2"][1] > 0 == at["x1"][1] == at["y1"][1]
    assert [name(box) for box in diagram.boxes if box.kind == "bias"] == ["b1", "b2", "b3", "b4", "b5"]
    assert at["bias of H1"][0] == at["H1"][0] and at["H2"][1] < at["bias of H1"][1] < at["H1"][1]


def test_the_seed_is_not_shrunk_on_a_page() -> None:
    width, height = draw.size(network_diagram(seed()))
    assert width < 10 / 2.54 * 72 and height < 110


def test_parallel_links_stay_apart() -> None:
    network = NETWORKS["parallel links"]
    assert to_networkx(network).number_of_edges("w", "f") == 2
    diagram = network_diagram(network)
    assert sorted(arrow.bend for arrow in diagram.arrows) == [-6, 6]
    assert draw.dot(diagram).count("w -> f") == 2


def test_large_layers_are_elided_and_their_weights_unnamed() -> None:
    diagram = network_diagram(NETWORKS["784-128-10"])
    assert [name(b) for b in diagram.boxes if b.kind == "input"] == ["x1", "x2", "x3", "x784"]
    assert sum(box.kind == "elision" for box in diagram.boxes) == 3
    assert all(arrow.label is None for arrow in diagram.arrows)


def test_deep_networks_lose_their_middle() -> None:
    units = tuple(Unit(S(f"h{i}"), "unit", i) for i in range(30))
    diagram = network_diagram(Network(units, tuple(Link(f"h{i}", f"h{i + 1}") for i in range(29))))
    assert [name(box) for box in diagram.boxes] == ["h0", "h1", "h2", "h3", "⋯", "h27", "h28", "h29"]


def test_given_layers_keep_their_order() -> None:
    crossed = Network(dense(2, 2).units, links("x1 h2 a, x2 h1 b"))
    at = {box.id: box.position or (0.0, 0.0) for box in network_diagram(crossed).boxes}
    assert at["h1"][1] > at["h2"][1]


@pytest.mark.parametrize("number", range(25))
def test_nothing_overlaps_in_random_graphs(number: int) -> None:
    chance = random.Random(number)
    names = [f"n{i}" for i in range(chance.randint(2, 11))]
    units = tuple(Unit(S(name), "unit", None, S("b") if chance.random() < 0.5 else None) for name in names)
    pairs = [pair for pair in itertools.combinations(names, 2) if chance.random() < 0.3]
    wires = tuple(Link(a, b, S(f"w_{a}{b}") if chance.random() < 0.5 else None) for a, b in pairs + pairs[:2])
    diagram = network_diagram(Network(units, wires))
    labels, shapes = draw.label_boxes(diagram), draw.shapes(diagram)
    assert not any(one.meets(other) for (_, one), (_, other) in itertools.combinations(labels, 2))
    assert not any(rect.meets(shape.rect) for label, rect in labels for box, shape in shapes if label != box)


def test_depth_is_the_longest_path() -> None:
    diagram = network_diagram(NETWORKS["circuit"])
    at = {box.id: box.position or (0.0, 0.0) for box in diagram.boxes}
    assert at["x"][0] == at["y"][0] == at["z"][0] < at["q"][0] < at["f"][0]


def texts(svg: str) -> list[str]:
    return ["".join(text.itertext()) for text in ET.fromstring(svg).iter(f"{SVG}text")]


def test_svg_says_what_it_is() -> None:
    svg = draw.svg(network_diagram(seed()), title="Zwei <ReLU>-Schichten")
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "Zwei <ReLU>-Schichten"
    assert set(texts(svg)) >= {"x1", "H1", "w13", "b5", "y1"}
    assert "New Computer Modern" in svg
    (w13,) = [text for text in root.iter(f"{SVG}text") if "".join(text.itertext()) == "w13"]
    base, index = w13
    assert base.get("font-style") == "italic" and index.get("font-style") is None
    assert float(index.get("dy", 0)) > 0 and float(index.get("font-size", 0)) < 9


def test_same_drawing_same_bytes() -> None:
    for format in ("svg", "dot", "png", "pdf"):
        first = draw.render(network_diagram(seed()), format)
        if format == "pdf":
            time.sleep(1.1)
        assert draw.render(network_diagram(seed()), format) == first, format


def test_formats() -> None:
    diagram = network_diagram(MAZUR)
    assert draw.render(diagram, "pdf").startswith(b"%PDF-")
    png = draw.render(diagram, "png")
    assert png.startswith(b"\x89PNG")
    width, height = draw.size(diagram)
    assert int.from_bytes(png[16:20], "big") == pytest.approx(width * draw.PIXELS_PER_INCH / 72, abs=2)
    assert int.from_bytes(png[20:24], "big") == pytest.approx(height * draw.PIXELS_PER_INCH / 72, abs=2)
    assert draw.render(diagram, "dot").startswith(b"// Written by graphdsl.\ndigraph")


HOSTILE = [
    '"]; node [label="x',
    "<script>alert(1)</script>",
    "a&b",
    "&amp;",
    "\\N",
    "\\\\G",
    "]]>",
    "a:b:c",
    "{|}",
    "日本",
]


def test_hostile_names_are_shown_as_they_are() -> None:
    import pygraphviz

    units = tuple(Unit(S(name, ink=Ink(name)), "unit", i % 2, S(name, ink=Ink(name))) for i, name in enumerate(HOSTILE))
    wires = tuple(Link(a, b, S(a, ink=Ink(a))) for a, b in itertools.pairwise(HOSTILE))
    diagram = network_diagram(Network(units, wires))
    svg = draw.svg(diagram, title=HOSTILE[1])
    assert sorted(set(texts(svg))) == sorted(HOSTILE)
    assert not [e for e in ET.fromstring(svg).iter() if "script" in e.tag]
    graph = pygraphviz.AGraph(string=draw.dot(diagram))
    assert graph.number_of_nodes() == 2 * len(HOSTILE)
    drawn = "".join(ET.fromstring(graph.draw(format="svg", prog="nop2")).itertext())
    for name in HOSTILE:
        assert name in drawn.replace("\xa0", " ").replace("\n", ""), name


def test_control_characters_do_not_break_the_file() -> None:
    diagram = network_diagram(Network((Unit(S("a\x00\x1b\ud800b"), "input"),), ()))
    assert texts(draw.svg(diagram, title="a\x00b")) == ["a\ufffd\ufffd\ufffdb"]


def unplaced() -> Diagram:
    names: list[tuple[str, BoxKind]] = [("x1", "input"), ("w1", "parameter"), ("t", "target"), ("E", "output")]
    signs = ["×", "−"]
    boxes = [Box(k, S(k), kind) for k, kind in names]
    boxes += [Box(f"op{i}", S(f"op{i}", ink=Ink(sign)), "operation") for i, sign in enumerate(signs)]
    arrows = (
        Arrow("x1", "op0", S("w1")),
        Arrow("w1", "op0", S("x1")),
        Arrow("op0", "op1", number(-1)),
        Arrow("t", "op1", dashed=True),
        Arrow("op1", "E", multiply(number(2), S("q"))),
        Arrow("op1", "E", Partial(S("E"), S("w13"))),
    )
    return Diagram("graph", tuple(boxes), arrows, placed=False)


def test_graphviz_places_what_has_no_place() -> None:
    diagram = unplaced()
    labels, shapes = draw.label_boxes(diagram), draw.shapes(diagram)
    for (a, first), (b, second) in itertools.combinations(labels, 2):
        assert not first.meets(second), (a, b)
    for (_, one), (_, other) in itertools.combinations(shapes, 2):
        assert not one.rect.meets(other.rect)
    assert "pos=" not in draw.dot(diagram)
    assert sorted(texts(draw.svg(diagram))) == sorted(
        ["x1", "w1", "t", "E", "×", "−", "w1", "x1", "−1", "2q", "∂E/∂w13"]
    )
    assert draw.svg(diagram) == draw.svg(unplaced())


@pytest.fixture
def no_bundled_library(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_pygraphviz(name: str, *rest: Any, **more: Any) -> Any:  # the signature of __import__
        if name == "pygraphviz":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without_pygraphviz)


@pytest.mark.usefixtures("no_bundled_library")
def test_a_missing_engine_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(draw.DrawError, match="install pygraphviz"):
        draw.svg(network_diagram(seed()))


DOT = """#!{python}
import sys, pygraphviz
engine, format = (argument[2:] for argument in sys.argv[1:])
sys.stdout.buffer.write(pygraphviz.AGraph(string=sys.stdin.read()).draw(format=format, prog=engine))
"""


@pytest.mark.parametrize("make", [lambda: network_diagram(seed()), lambda: unplaced()])
def test_a_dot_on_the_path_serves(
    make: Callable[[], Diagram], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundled = draw.svg(make())
    program = tmp_path / "dot"
    program.write_text(DOT.format(python=sys.executable))
    program.chmod(0o755)
    request.getfixturevalue("no_bundled_library")
    monkeypatch.setattr(shutil, "which", lambda _: str(program))
    assert draw.svg(make()) == bundled


def test_a_dot_that_fails_is_a_sentence(
    no_bundled_library: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "dot"
    program.write_text(f"#!{sys.executable}\nimport sys; sys.exit('out of ink')")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(program))
    with pytest.raises(draw.DrawError, match="out of ink"):
        draw.svg(network_diagram(seed()))


def test_drawing_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    draw.svg(network_diagram(seed()))
    draw.svg(unplaced())
    assert capfd.readouterr() == ("", "")


def test_widths_are_those_of_the_font_of_the_page() -> None:
    import json

    import typst

    names = ["w13", "H1", "net_h1", "E_total", "eta", "theta12", "x_hat", "out_o2"]
    runs = [
        " + ".join(f'text(size: {1000 * r.scale}pt, style: "{"italic" if r.italic else "normal"}", "{r.text}")' for r in lettering(S(n)).runs)
        for n in names
    ]  # fmt: skip
    source = '#set text(font: "New Computer Modern")\n#context [#metadata(({},)) <widths>]'
    source = source.format(", ".join(f"measure({run}).width.pt()" for run in runs))
    found = json.loads(typst.query(source.encode(), "<widths>", field="value", ignore_system_fonts=True))[0]
    assert [1000 * lettering(S(name)).width for name in names] == pytest.approx(found, rel=0.01)


def test_stacked_indices_share_their_place() -> None:
    both = lettering(S("W", ink=Ink("W", "12", "(1)")))
    assert both.width == pytest.approx(max(lettering(S("W", ink=Ink("W", "12"))).width, lettering(S("W", ink=Ink("W", "", "(1)"))).width))  # fmt: skip
    followed = lettering(equals(S("W", ink=Ink("W", "12", "(1)")), number(1)))
    assert followed.width == pytest.approx(both.width + lettering(number(1)).width + width_of(" = "))


def width_of(text: str) -> float:
    return Run(text).width
