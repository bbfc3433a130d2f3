"""Diagram -> DOT -> Graphviz -> SVG, PDF, PNG; knows no network: what stands where came with the diagram."""

from __future__ import annotations

import html
import json
import math
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Literal, NamedTuple

from graphdsl.diagram import Arrow, Box, BoxKind, Diagram, Tone
from graphdsl.fonts import FAMILY, MATH_FAMILY, MATH_SIGNS
from graphdsl.lettering import Run
from graphdsl.outline import (
    LABEL_SIZE,
    Curve,
    Form,
    Inscription,
    Part,
    Point,
    Rect,
    Shape,
    arrow_inscriptions,
    arrow_label_rect,
    clipped,
    curve_between,
    inscriptions,
    key_inscription,
    shape_of,
)

if TYPE_CHECKING:
    import networkx

Format = Literal["svg", "pdf", "png", "dot"]

PIXELS_PER_INCH = 300
_INK = "#1a1a1a"
_LINE = "#5a5a5a"
_THIN_LINE = "#8c8c8c"
_PALE_LINE = "#cfcfcf"
_PALE_INK = "#a3a3a3"
_GRADIENT_INK = "#b03a0e"
"""The one hue: darker than pale, lighter than ink, and always slanted, so that nothing hangs on seeing it."""
_MANY_ARROWS = 60
_ARROW_LENGTH = 4.2
_MARGIN = 2.0
_SVG = "http://www.w3.org/2000/svg"
_SIGNED = "Written by graphdsl."


class DrawError(Exception):
    """A drawing could not be made for want of an outside part; says which, and what would help."""

    def __init__(self, message: str, hint: str = ""):
        self.message = message
        self.hint = hint
        super().__init__(f"{message}; {hint}" if hint else message)


# Quiet enough for a page, distinct enough for a copier: inputs are shaded, outputs have a heavier line.
_LOOK: Mapping[BoxKind, Mapping[str, str]] = {
    "input": {"fillcolor": "#ececec", "style": "filled", "color": _LINE, "penwidth": "0.7"},
    "unit": {"fillcolor": "#ffffff", "style": "filled", "color": _LINE, "penwidth": "0.7"},
    "output": {"fillcolor": "#ffffff", "style": "filled", "color": _INK, "penwidth": "1.2"},
    "target": {"fillcolor": "#ffffff", "style": "filled,dashed", "color": _LINE, "penwidth": "0.7"},
    "operation": {"fillcolor": "#ffffff", "style": "filled", "color": _LINE, "penwidth": "0.7"},
    "parameter": {"fillcolor": "#f6f6f6", "style": "filled,rounded", "color": _LINE, "penwidth": "0.5"},
    "constant": {"fillcolor": "#ffffff", "style": "filled", "color": _THIN_LINE, "penwidth": "0.4"},
    "formula": {"fillcolor": "#ffffff", "style": "filled,rounded", "color": _LINE, "penwidth": "0.7"},
    "result": {"fillcolor": "#ffffff", "style": "filled,rounded", "color": _INK, "penwidth": "1.2"},
    "bias": {},
    "elision": {},
    "wire": {},
    "datum": {"fillcolor": "#ececec", "style": "filled", "color": _LINE, "penwidth": "0.7"},
    "name": {},
    "cell": {"fillcolor": "#ffffff", "style": "filled", "color": _THIN_LINE, "penwidth": "0.5"},
    "title": {},
}
_TONE: Mapping[Tone, dict[str, str]] = {
    "plain": {},
    "strong": {"color": _INK},
    "pale": {"color": _PALE_LINE, "penwidth": "0.5"},
}
_STRONG = 1.3
_PALE_FILL = "#fbfbfb"
_GRAPHVIZ_SHAPE: Mapping[Form, str] = {"ellipse": "ellipse", "rectangle": "box", "bare": "plaintext"}


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow as it is drawn: its curves, each of 3n + 1 control points, its tip, the centre of its label."""

    arrow: Arrow
    splines: tuple[tuple[Point, ...], ...]
    tip: Point | None
    label_at: Point | None


class Scene(NamedTuple):
    """A diagram in which everything has its place."""

    diagram: Diagram
    shapes: tuple[Shape, ...]
    edges: tuple[Edge, ...]

    @property
    def boxes(self) -> tuple[Box, ...]:
        return self.diagram.boxes


def dot(diagram: Diagram) -> str:
    """The drawing as DOT, with its positions if it has them (`dot -Tsvg` keeps them), names as HTML-like labels."""
    return _source(_attributed(diagram, _placed(diagram) if diagram.placed else None, lettered=True))


def svg(diagram: Diagram, title: str = "Network diagram") -> str:
    """The drawing as SVG: shapes by Graphviz, names as text set by the metrics of the page's font."""
    scene = scene_of(diagram)
    pinned = _source(_attributed(diagram, scene, lettered=False))
    return _lettered(ET.fromstring(_graphviz(pinned, "nop2", "svg")), scene, title)


def render(diagram: Diagram, format: Format, title: str = "Network diagram") -> bytes:
    """The drawing as the bytes of a file, which says that graphdsl wrote it."""
    if format == "dot":
        return f"// {_SIGNED}\n{dot(diagram)}".encode()
    drawn = svg(diagram, title)
    match format:
        case "svg":
            return drawn.replace("\n", f"\n<!-- {_SIGNED} -->\n", 1).encode()
        case "pdf":
            return _through_typst(drawn, format, title)
        case "png":
            return _signed_png(_through_typst(drawn, format, title))


def size(diagram: Diagram) -> tuple[float, float]:
    """Width and height of the drawing in points, at which its names have the size of the page's text."""
    extent = extent_of(scene_of(diagram))
    return extent.right - extent.left, extent.top - extent.bottom


class Measures(NamedTuple):
    """What is where in a drawing.

    letters: the ink of each line of letters. The name of a box stands under its id, what else it bears as `value of …`
    and `gradient of …`; the label of arrow number i (from 1) as `arrow i` and `gradient of arrow i`, the key as `key`.
    shapes: the outline of each box by its id. curves: of each arrow, by its number, as control points.
    """

    letters: list[tuple[str, Rect]]
    shapes: list[tuple[str, Shape]]
    curves: list[tuple[int, tuple[tuple[Point, ...], ...]]]


def measures(diagram: Diagram) -> Measures:
    """Where everything is."""
    scene = scene_of(diagram)
    boxes = list(zip(scene.boxes, scene.shapes, strict=True))
    letters = [(_called(box.id, line), line.rect) for box, shape in boxes for line in inscriptions(box, shape)]
    for i, edge in enumerate(scene.edges, 1):
        letters += [(_called(f"arrow {i}", line), line.rect) for line in _label(edge)]
    letters += [("key", line.rect) for line in key_lines(scene)]
    shapes = [(box.id, shape) for box, shape in boxes]
    return Measures(letters, shapes, [(i, edge.splines) for i, edge in enumerate(scene.edges, 1)])


def _called(owner: str, line: Inscription) -> str:
    return owner if line.part == "name" else f"{line.part} of {owner}"


def label_boxes(diagram: Diagram) -> list[tuple[str, Rect]]:
    """Where the ink of each line of letters is."""
    return measures(diagram).letters


def shapes(diagram: Diagram) -> list[tuple[str, Shape]]:
    """The outline of each box, by its id."""
    return measures(diagram).shapes


# Places


def scene_of(diagram: Diagram) -> Scene:
    return _placed(diagram) if diagram.placed else _laid_out(diagram)


def _placed(diagram: Diagram) -> Scene:
    shape = {box.id: shape_of(box, box.position or (0.0, 0.0)) for box in diagram.boxes}
    edges = tuple(_edge(arrow, shape[arrow.source], shape[arrow.target]) for arrow in diagram.arrows)
    return Scene(diagram, tuple(shape[box.id] for box in diagram.boxes), edges)


def _label(edge: Edge) -> list[Inscription]:
    return [] if edge.label_at is None else arrow_inscriptions(edge.arrow, edge.label_at)


def key_lines(scene: Scene) -> list[Inscription]:
    key = scene.diagram.key
    if key is None or not scene.shapes:
        return []
    extent = _ink(scene)
    return [key_inscription(key, (extent.left, extent.bottom))]


def _edge(arrow: Arrow, source: Shape, target: Shape) -> Edge:
    way = clipped(curve_between(source.centre, target.centre, arrow.bend), source, target)
    shaft = way.part(0.0, max(0.02, _back_from_end(way, _ARROW_LENGTH)))
    pieces: tuple[Curve, ...] = (shaft,)
    if arrow.label is not None and arrow.label_position is not None:
        pieces = _interrupted(shaft, arrow_label_rect(arrow, arrow.label_position).grown(1.8, 1.0))
    return Edge(arrow, tuple(_cubic(piece) for piece in pieces), way.end, arrow.label_position)


def _back_from_end(way: Curve, distance: float) -> float:
    """The parameter at which the end is still so far away."""
    near, far = 1.0, 0.0
    for _ in range(24):
        middle = (near + far) / 2
        near, far = (middle, far) if math.dist(way.at(middle), way.end) < distance else (near, middle)
    return far


def _interrupted(shaft: Curve, rect: Rect) -> tuple[Curve, ...]:
    """The line makes room for a label that stands on it."""
    steps = 200
    inside = [i / steps for i in range(steps + 1) if rect.holds(shaft.at(i / steps))]
    if not inside:
        return (shaft,)
    pieces = (shaft.part(0.0, inside[0]), shaft.part(inside[-1], 1.0))
    return tuple(piece for i, piece in enumerate(pieces) if i == 1 or piece.length > 1.5)


def _cubic(curve: Curve) -> tuple[Point, ...]:
    (x0, y0), (x1, y1), (x2, y2) = curve.start, curve.middle, curve.end
    return (
        curve.start,
        (x0 + 2 / 3 * (x1 - x0), y0 + 2 / 3 * (y1 - y0)),
        (x2 + 2 / 3 * (x1 - x2), y2 + 2 / 3 * (y1 - y2)),
        curve.end,
    )


def _laid_out(diagram: Diagram) -> Scene:
    """Graphviz finds the places; sizes of boxes and labels are ours, so that its choice depends on no system font."""
    found = json.loads(_graphviz(_source(_attributed(diagram, None, lettered=False)), "dot", "json"))
    nodes = {node["id"]: node for node in found.get("objects", ())}
    arrows = {edge["id"]: edge for edge in found.get("edges", ())}
    outlines = tuple(shape_of(box, _point(nodes[f"n{i}"]["pos"])) for i, box in enumerate(diagram.boxes, 1))
    shape = {box.id: outline for box, outline in zip(diagram.boxes, outlines, strict=True)}
    wires = _wires(diagram)
    joint = {key: (shape[key].rect.left, shape[key].rect.right, shape[key].centre[1]) for key in wires}
    edges = tuple(
        _joined(_read_edge(arrow, arrows[f"e{i}"]), joint.get(arrow.source), joint.get(arrow.target))
        for i, arrow in enumerate(diagram.arrows, 1)
    )
    return Scene(diagram, outlines, edges)


def _wires(diagram: Diagram) -> set[str]:
    return {box.id for box in diagram.boxes if box.kind == "wire"}


def _read_edge(arrow: Arrow, found: Mapping[str, str]) -> Edge:
    """An edge of Graphviz's: `e,x,y` is its tip, the rest are control points."""
    points = [_point(point) for point in found["pos"].split() if not point.startswith("e,")]
    tip = next((_point(point.removeprefix("e,")) for point in found["pos"].split() if point.startswith("e,")), None)
    return Edge(arrow, (tuple(points),), tip, _point(found["lp"]) if "lp" in found else None)


Joint = tuple[float, float, float]
"""Where a wire begins and ends, and its height."""


def _joined(edge: Edge, source: Joint | None, target: Joint | None) -> Edge:
    """A line that leaves a wire begins at its end; one that enters a wire goes on through it, and has no tip."""
    (points,) = edge.splines
    if source is not None:
        points = ((source[1], source[2]), *points[1:])
    if target is None:
        return replace(edge, splines=(points,))
    left, right, y = target
    third = (right - left) / 3
    through = ((left, y), (left + third, y), (right - third, y), (right, y))
    return replace(edge, splines=((*points[:-1], *through),), tip=None)


def _point(text: str) -> Point:
    x, y = text.split(",")
    return float(x), float(y)


# DOT, by way of NetworkX


def _attributed(diagram: Diagram, scene: Scene | None, lettered: bool) -> networkx.MultiDiGraph:
    """The drawing as a graph whose nodes and edges bear Graphviz' attributes; parallel arrows stay apart."""
    import networkx

    graph = networkx.MultiDiGraph(
        graph=_graph_attributes(diagram, scene, lettered),
        many=diagram.view == "network" and len(diagram.arrows) > _MANY_ARROWS,
    )
    names = _dot_names(diagram)
    wires = _wires(diagram)
    biases = {box.id for box in diagram.boxes if box.kind == "bias"}
    for i, box in enumerate(diagram.boxes):
        shape = scene.shapes[i] if scene else shape_of(box, (0.0, 0.0))
        graph.add_node(names[box.id], **_node_attributes(i + 1, box, shape, scene is not None, lettered, diagram.scale))
    for i, arrow in enumerate(diagram.arrows):
        attributes = _edge_attributes(i + 1, arrow, scene.edges[i] if scene else None, lettered, diagram.scale)
        attributes |= _joints(arrow, wires, biases, scene is None)
        graph.add_edge(names[arrow.source], names[arrow.target], key=i, **attributes)
    return graph


def _joints(arrow: Arrow, wires: set[str], biases: set[str], unplaced: bool) -> dict[str, str]:
    """A line runs straight into a wire, without a head, and leaves it, or a bias, at its end."""
    found = {"arrowhead": "none"} if arrow.target in wires else {}
    if unplaced and arrow.target in wires:
        found |= {"headport": "w", "weight": "50"}
    if unplaced and arrow.source in wires | biases:
        found |= {"tailport": "e"}
    return found


def _source(graph: networkx.MultiDiGraph) -> str:
    import graphviz

    thin = {"color": _THIN_LINE, "penwidth": "0.4"} if graph.graph["many"] else {"color": _LINE, "penwidth": "0.6"}
    written = graphviz.Digraph(
        graph_attr=graph.graph["graph"],
        node_attr={"fixedsize": "true", "fontname": "New Computer Modern", "fontcolor": _INK, "label": ""},
        edge_attr={"arrowsize": "0.42", "fontname": "New Computer Modern", "fontcolor": _INK, **thin},
    )
    for name, attributes in graph.nodes(data=True):
        written.node(name, **attributes)
    for tail, head, _, attributes in sorted(graph.edges(keys=True, data=True), key=lambda edge: edge[2]):
        written.edge(tail, head, **attributes)
    return str(written.source)


def _dot_names(diagram: Diagram) -> dict[str, str]:
    """Ids as node names where they are plain; a colon would be a port, a backslash an escape, a # is never plain."""
    plain = re.compile(r"[\w\[\],.' ]+")
    return {box.id: box.id if plain.fullmatch(box.id) else f"#{i}" for i, box in enumerate(diagram.boxes, 1)}


def _graph_attributes(diagram: Diagram, scene: Scene | None, lettered: bool) -> dict[str, str]:
    found = {"rankdir": "LR", "nodesep": "0.14", "ranksep": "0.18"} if diagram.view == "graph" else {"rankdir": "LR"}
    if scene is not None:
        found = {"layout": "nop2", "notranslate": "true"}
    if lettered and diagram.key is not None:
        found |= {"label": _html_like([key_inscription(diagram.key, (0.0, 0.0))]), "labelloc": "b", "labeljust": "l"}
    return found


def _node_attributes(number: int, box: Box, shape: Shape, pinned: bool, lettered: bool, scale: float) -> dict[str, str]:
    return {
        "id": f"n{number}",
        "shape": _GRAPHVIZ_SHAPE[shape.form],
        "width": f"{shape.width / 72:.4f}",
        "height": f"{shape.height / 72:.4f}",
        **_look(box, scale),
        **({"pos": _pair(shape.centre) + "!"} if pinned else {}),
        **({"label": _html_like(inscriptions(box, shape)), "fontsize": "10"} if lettered else {}),
    }


def _look(box: Box, scale: float) -> dict[str, str]:
    look = dict(_LOOK[box.kind])
    if not look:
        return look
    if box.shade:
        look["fillcolor"] = "#" + 3 * f"{round(255 * (1 - box.shade)):02x}"
    if box.tone == "pale" and look["fillcolor"] != "#ffffff":
        look["fillcolor"] = _PALE_FILL
    return look | _tone(box.tone, scale)


def _tone(tone: Tone, scale: float) -> dict[str, str]:
    """The line of a tone; in a small drawing the way keeps its weight."""
    return _TONE[tone] | ({"penwidth": f"{_STRONG / scale**0.5:.3g}"} if tone == "strong" else {})


def _edge_attributes(number: int, arrow: Arrow, edge: Edge | None, lettered: bool, scale: float) -> dict[str, str]:
    attributes = {"id": f"e{number}"} | ({"style": "dashed"} if arrow.dashed else {}) | _tone(arrow.tone, scale)
    if edge is not None:
        tip = f"e,{_pair(edge.tip)} " if edge.tip else ""
        curves = [" ".join(_pair(point) for point in spline) for spline in edge.splines]
        attributes["pos"] = ";".join([*curves[:-1], tip + curves[-1]])
    if arrow.label is None:
        return attributes
    if lettered:
        attributes |= {"label": _html_like(arrow_inscriptions(arrow, (0.0, 0.0))), "fontsize": f"{LABEL_SIZE:g}"}
    elif edge is None:
        attributes["label"] = _empty_label(arrow)
    if lettered and edge is not None and edge.label_at is not None:
        attributes["lp"] = _pair(edge.label_at)
    return attributes


def _pair(point: Point) -> str:
    return ",".join(f"{round(value, 3) + 0.0:.3f}" for value in point)


def _empty_label(arrow: Arrow) -> str:
    """A table of the label's size: the engine keeps room, and looks for no font."""
    rect = arrow_label_rect(arrow, (0.0, 0.0)).grown(2.0)
    width, height = math.ceil(rect.right - rect.left), math.ceil(rect.top - rect.bottom)
    return (
        f'<<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="0" CELLSPACING="0" FIXEDSIZE="TRUE" '
        f'WIDTH="{width}" HEIGHT="{height}"><TR><TD></TD></TR></TABLE>>'
    )


def _html_like(lines: list[Inscription]) -> str:
    """The letters as Graphviz' HTML-like label; a backslash is doubled, for it opens an escape there too."""
    told = ["".join(_marked(run) for run in line.letters.runs) for line in lines if line.letters.runs]
    coloured = [
        f'<FONT COLOR="{_GRADIENT_INK}">{text}</FONT>' if line.part == "gradient" else text
        for line, text in zip((line for line in lines if line.letters.runs), told, strict=True)
    ]
    return f"<{'<BR/>'.join(coloured)}>" if coloured else ""


def _marked(run: Run) -> str:
    text = html.escape(run.text).replace("\\", "\\\\")
    text = f"<I>{text}</I>" if run.italic else text
    return f"<SUB>{text}</SUB>" if run.shift < 0 else f"<SUP>{text}</SUP>" if run.shift > 0 else text


# The engine


def _graphviz(source: str, engine: str, format: str) -> bytes:
    """The bundled library, in-process; where it is missing, a `dot` on the path."""
    try:
        import pygraphviz
    except ImportError:
        return _by_program(source, engine, format)
    drawn = pygraphviz.AGraph(string=source).draw(format=format, prog=engine)
    assert isinstance(drawn, bytes)
    return drawn


def _by_program(source: str, engine: str, format: str) -> bytes:
    program = shutil.which("dot")
    if program is None:
        raise DrawError("no Graphviz to draw with", "install pygraphviz, or put Graphviz' `dot` on the path")
    done = subprocess.run([program, f"-K{engine}", f"-T{format}"], input=source.encode(), capture_output=True)
    if done.returncode != 0:
        raise DrawError(f"`{program}` could not draw: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


# SVG


def _lettered(drawn: ET.Element, scene: Scene, title: str) -> str:
    """Graphviz' shapes with our letters, in a frame measured by us."""
    ET.register_namespace("", _SVG)
    extent = extent_of(scene)
    width, height = coordinate(extent.right - extent.left), coordinate(extent.top - extent.bottom)
    size = scene.diagram.scale
    shown = coordinate(size * (extent.right - extent.left)), coordinate(size * (extent.top - extent.bottom))
    view = f"{coordinate(extent.left)} {coordinate(-extent.top)} {width} {height}"
    root = ET.Element(
        f"{{{_SVG}}}svg",
        {"width": f"{shown[0]}pt", "height": f"{shown[1]}pt", "viewBox": view, "role": "img"},
    )
    ET.SubElement(root, f"{{{_SVG}}}title").text = _printable(title)
    body = ET.SubElement(root, f"{{{_SVG}}}g", {"font-family": FAMILY, "fill": _INK, "text-anchor": "middle"})
    groups = {group.get("id", ""): group for group in drawn.iter(f"{{{_SVG}}}g")}
    for i, edge in enumerate(scene.edges, 1):
        kind = _classes("arrow", edge.arrow.tone)
        group = _bare_group(body, groups[f"e{i}"], kind, f"{edge.arrow.source} {edge.arrow.target}")
        for line in _label(edge):
            inscribe(group, line, edge.arrow.tone)
    for i, (box, shape) in enumerate(zip(scene.boxes, scene.shapes, strict=True), 1):
        group = _bare_group(body, groups[f"n{i}"], _classes(box.kind, box.tone), box.id)
        for line in inscriptions(box, shape):
            inscribe(group, line, box.tone)
    for line in key_lines(scene):
        inscribe(ET.SubElement(body, f"{{{_SVG}}}g", {"class": "key"}), line, "plain")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _classes(kind: str, tone: Tone) -> str:
    return kind if tone == "plain" else f"{kind} {tone}"


def _bare_group(body: ET.Element, drawn: ET.Element, kind: str, key: str) -> ET.Element:
    """A group of the engine's without its letters and tooltips; without ids too, for a page may hold several drawings."""
    group = ET.SubElement(body, f"{{{_SVG}}}g", {"class": kind, "data-key": _printable(key)})
    for shape in drawn.iter():
        if shape.tag.removeprefix(f"{{{_SVG}}}") in ("path", "polygon", "ellipse", "polyline"):
            ET.SubElement(group, shape.tag, shape.attrib)
    return group


def inscribe(group: ET.Element, line: Inscription, tone: Tone = "plain") -> None:
    """One text of several runs, each shifted from where the one before ended.

    A renderer that meets a sign which the text font lacks sets the whole chunk in another font: a line with such a
    sign is cut into chunks, each at a place of its own.
    """
    letters, (x, y), size = line.letters, line.at, line.size
    parts = [part for run in letters.runs for part in _by_font(run)]
    chunked = any(part.text[0] in MATH_SIGNS for part in parts)
    attributes = {"x": coordinate(x), "y": coordinate(-y), "font-size": coordinate(size)} | _ink_of(line.part, tone)
    here = x - letters.width / 2 * size
    if chunked or any(part.back for part in parts):
        # browsers and typst disagree on where the middle of a line with steps back is
        attributes |= {"x": coordinate(here), "text-anchor": "start"}
    text = ET.SubElement(group, f"{{{_SVG}}}text", attributes)
    height = 0.0
    for part in parts:
        here -= part.back * size
        looks = {
            "x": coordinate(here) if chunked else "",
            "font-family": MATH_FAMILY if part.text[0] in MATH_SIGNS else "",
            "font-style": "italic" if part.italic else "",
            "font-size": coordinate(part.scale * size) if part.scale != 1 else "",
            "dx": coordinate(-part.back * size) if part.back and not chunked else "",
            "dy": coordinate((height - part.shift) * size) if part.shift != height else "",
        }
        ET.SubElement(text, f"{{{_SVG}}}tspan", {k: v for k, v in looks.items() if v}).text = part.text
        height = part.shift
        here += part.width * size


def _ink_of(part: Part, tone: Tone) -> dict[str, str]:
    """What a line of letters tells, and its ink where that is not the drawing's."""
    ink = _PALE_INK if tone == "pale" else _GRADIENT_INK if part == "gradient" else ""
    return ({"class": part} if part != "name" else {}) | ({"fill": ink} if ink else {})


def _by_font(run: Run) -> Iterator[Run]:
    """The run, cut where its letters come from another font."""
    for i, (_, part) in enumerate(groupby(run.text, MATH_SIGNS.__contains__)):
        yield replace(run, text="".join(part), back=0.0 if i else run.back)


def coordinate(value: float) -> str:
    """A length as SVG has it."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def extent_of(scene: Scene) -> Rect:
    """Everything that is drawn, and a margin."""
    ink = _ink(scene)
    return _union([ink, *(line.rect for line in key_lines(scene))]).grown(_MARGIN) if scene.shapes else ink


def _ink(scene: Scene) -> Rect:
    """Everything that is drawn but the key."""
    rects = [shape.rect for shape in scene.shapes]
    rects += [
        line.rect for box, shape in zip(scene.boxes, scene.shapes, strict=True) for line in inscriptions(box, shape)
    ]
    for edge in scene.edges:
        points = [point for spline in edge.splines for point in spline] + ([edge.tip] if edge.tip else [])
        rects += [Rect(x, y, x, y) for x, y in points]
        rects += [line.rect for line in _label(edge)]
    return _union(rects) if rects else Rect(0.0, 0.0, 1.0, 1.0)


def _union(rects: list[Rect]) -> Rect:
    left, bottom, right, top = zip(*rects, strict=True)
    return Rect(min(left), min(bottom), max(right), max(top))


_PAGE = """#set document(title: sys.inputs.title, keywords: ("graphdsl",), date: none)
#set page(width: auto, height: auto, margin: 0pt)
#image(bytes(sys.inputs.svg), format: "svg", alt: sys.inputs.title)
"""


def _through_typst(drawn: str, format: Literal["pdf", "png"], title: str) -> bytes:
    """The SVG with the page's own fonts embedded; what is drawn arrives as data, never as markup."""
    try:
        import typst
    except ImportError:
        raise DrawError(f"no typst to make a {format.upper()} with", "install typst, or draw SVG") from None
    inputs = {"svg": drawn, "title": _printable(title)}
    made = typst.compile(
        _PAGE.encode(), format=format, ppi=PIXELS_PER_INCH, sys_inputs=inputs, ignore_system_fonts=True
    )
    assert isinstance(made, bytes)
    return made


def _signed_png(picture: bytes) -> bytes:
    """The picture with a note of what wrote it, after its header of 33 bytes."""
    note = b"tEXtSoftware\0graphdsl"
    chunk = (len(note) - 4).to_bytes(4) + note + zlib.crc32(note).to_bytes(4)
    return picture[:33] + chunk + picture[33:]
