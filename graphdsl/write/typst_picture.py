"""Diagram -> a native Typst drawing from the positions of every other format, its names in the mathematics of the page; knows no document."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from graphdsl import draw
from graphdsl.chart import Letters, chart
from graphdsl.diagram import Box, BoxKind, Diagram, Tone
from graphdsl.document import Drawing
from graphdsl.expr import Expr, Number
from graphdsl.outline import Inscription, Point, Shape, arrow_inscriptions, inscriptions
from graphdsl.plot import Plot
from graphdsl.write import text
from graphdsl.write.typst import INLINE, Source, literal

MANY_ARROWS = 60
_INK, _LINE, _THIN, _PALE = "luma(10%)", "luma(35%)", "luma(55%)", "luma(80%)"
_PALE_LETTERS = "luma(64%)"
_GRADIENT = 'rgb("#b03a0e")'
_HEAD = 4.2
_HALF_HEAD = 1.5

_STYLES: Mapping[BoxKind, tuple[str, str, str]] = {
    "input": ("luma(92.5%)", f"0.7pt + {_LINE}", "0pt"),
    "datum": ("luma(92.5%)", f"0.7pt + {_LINE}", "0pt"),
    "unit": ("white", f"0.7pt + {_LINE}", "0pt"),
    "output": ("white", f"1.2pt + {_INK}", "0pt"),
    "target": ("white", f'(paint: {_LINE}, thickness: 0.7pt, dash: "dashed")', "0pt"),
    "operation": ("white", f"0.7pt + {_LINE}", "0pt"),
    "parameter": ("luma(96.5%)", f"0.5pt + {_LINE}", "2pt"),
    "constant": ("white", f"0.4pt + {_THIN}", "0pt"),
    "cell": ("white", f"0.5pt + {_THIN}", "0pt"),
    "formula": ("white", f"0.7pt + {_LINE}", "2pt"),
    "result": ("white", f"1.2pt + {_INK}", "2pt"),
}
"""Fill, line and rounding of the boxes that have an outline; those of the SVG."""

_TONES: Mapping[Tone, tuple[str, float]] = {"strong": (_INK, 1.3), "pale": (_PALE, 0.5)}
"""Ink and width of lines on the way that a drawing follows, and off it."""


def picture(drawing: Drawing) -> Source:
    """Width, height, scale and content of a drawing, as arguments of `drawing` in the page's Typst."""
    return _plot(drawing) if isinstance(drawing, Plot) else _diagram(drawing)


def _plot(plot: Plot) -> Source:
    """A plot from the places of every other format."""
    found = chart(plot)
    extent = found.extent
    width = _pt(extent.right - extent.left)

    def at(point: Point) -> str:
        return f"({_pt(point[0] - extent.left)}, {_pt(extent.top - point[1])})"

    def line(points: Iterable[Point], stroke: str) -> str:
        first, *others = points
        return f"gd-line({stroke}, curve.move({at(first)}), {', '.join(f'curve.line({at(p)})' for p in others)})"

    def letters(mark: Letters) -> str:
        name = mark.name
        words = literal(name) if isinstance(name, str) else _equation(name)
        return f"gd-text({width}, {at(mark.line.at)}, {_pt(mark.line.size)}, {_INK}, {words})"

    marks = [line(segment, "0.4pt + luma(86%)") for segment in found.grid]
    marks += [line(segment, f"0.6pt + {_LINE}") for segment in found.rules]
    marks.append(line(found.curve, f'(paint: {_INK}, thickness: 1.2pt, join: "round", cap: "round")'))
    marks += [f"gd-oval({at((x - 1.8, y + 1.8))}, 3.6pt, 3.6pt, {_INK}, none)" for x, y in found.dots]
    marks += [letters(mark) for mark in found.letters]
    return Source(f"{width}, {_pt(extent.top - extent.bottom)}, 100%, {{\n" + "\n".join(marks) + "\n}")


def _equation(expr: Expr) -> str:
    return f"math.equation(alt: {literal(text.formula(expr))}, ${INLINE.formula(expr)}$)"


def _diagram(diagram: Diagram) -> Source:
    """Width, height, scale and content of the drawing, as arguments of `drawing` in the page's Typst."""
    scene = draw.scene_of(diagram)
    sheet = _Sheet(diagram, scene)
    marks = "\n".join(sheet.marks())
    return Source(f"{_pt(sheet.width)}, {_pt(sheet.height)}, {diagram.scale * 100:g}%, {{\n{marks}\n}}")


class _Sheet:
    """A drawing on a sheet whose origin is its upper left corner, y downwards."""

    def __init__(self, diagram: Diagram, scene: draw.Scene):
        self.diagram, self.scene = diagram, scene
        extent = draw.extent_of(scene)
        self.left, self.top = extent.left, extent.top
        self.width, self.height = extent.right - extent.left, extent.top - extent.bottom
        many = diagram.view == "network" and len(diagram.arrows) > MANY_ARROWS
        self.line = (_THIN, 0.4) if many else (_LINE, 0.6)

    def marks(self) -> Iterator[str]:
        """Arrows, boxes above them, letters above both."""
        boxes = list(zip(self.scene.boxes, self.scene.shapes, strict=True))
        for edge in self.scene.edges:
            yield from self.arrow(edge)
        for box, shape in boxes:
            yield from self.outline(box, shape)
        for box, shape in boxes:
            told = {"name": box.label, "value": box.value, "gradient": box.gradient}
            for line in inscriptions(box, shape):
                yield from self.letters(told[line.part], line, box.tone)
        for edge in self.scene.edges:
            if edge.label_at is not None:
                named = {"name": edge.arrow.label, "value": None, "gradient": edge.arrow.gradient}
                for line in arrow_inscriptions(edge.arrow, edge.label_at):
                    yield from self.letters(named[line.part], line, edge.arrow.tone)
        for line in draw.key_lines(self.scene):
            yield from self.letters(self.diagram.key, line, "plain")

    def at(self, point: Point) -> str:
        return f"({_pt(point[0] - self.left)}, {_pt(self.top - point[1])})"

    def toned(self, tone: Tone) -> tuple[str, float]:
        """Ink and width of a line; in a small drawing the way keeps its weight."""
        ink, width = _TONES.get(tone, self.line)
        return ink, width / self.diagram.scale**0.5 if tone == "strong" else width

    def arrow(self, edge: draw.Edge) -> Iterator[str]:
        ink, width = self.toned(edge.arrow.tone)
        dash = ', dash: "dashed"' if edge.arrow.dashed else ""
        stroke = f"(paint: {ink}, thickness: {_pt(width)}{dash})"
        for spline in edge.splines:
            curves = ", ".join(
                f"curve.cubic({', '.join(map(self.at, spline[i : i + 3]))})" for i in range(1, len(spline) - 2, 3)
            )
            yield f"gd-line({stroke}, curve.move({self.at(spline[0])}), {curves})"
        if edge.tip is not None:
            yield f"gd-head({ink}, {', '.join(map(self.at, _head(edge.splines[-1][-1], edge.tip, width)))})"

    def outline(self, box: Box, shape: Shape) -> Iterator[str]:
        kind, tone = box.kind, box.tone
        if kind not in _STYLES:
            return
        fill, stroke, radius = _STYLES[kind]
        if box.shade:
            fill = f"luma({100 - 100 * box.shade:.3g}%)"
        if tone in _TONES:
            ink, width = self.toned(tone)
            stroke = f"{_pt(width)} + {ink}"
        corner = self.at((shape.rect.left, shape.rect.top))
        size = f"{_pt(shape.width)}, {_pt(shape.height)}"
        if shape.form == "ellipse":
            yield f"gd-oval({corner}, {size}, {fill}, {stroke})"
        else:
            yield f"gd-box({corner}, {size}, {fill}, {stroke}, {radius})"

    def letters(self, expr: Expr | None, line: Inscription, tone: Tone) -> Iterator[str]:
        """A line of letters about the middle of its baseline; a gradient's number is slanted."""
        if expr is None or not (spoken := text.formula(expr)).strip():
            return
        ink = _PALE_LETTERS if tone == "pale" else _GRADIENT if line.part == "gradient" else _INK
        slanted = line.part == "gradient" and isinstance(expr, Number)
        words = f"emph({literal(spoken)})" if slanted else _equation(expr)
        yield f"gd-text({_pt(self.width)}, {self.at(line.at)}, {_pt(line.size)}, {ink}, {words})"


def _head(shaft: Point, tip: Point, width: float) -> tuple[Point, Point, Point]:
    """The triangle of the head of an arrow whose line has a width."""
    x, y = tip
    distance = math.dist(shaft, tip) or 1.0
    dx, dy = (x - shaft[0]) / distance, (y - shaft[1]) / distance
    base = x - _HEAD * dx, y - _HEAD * dy
    half = max(_HALF_HEAD, 1.2 * width)
    side = half * -dy, half * dx
    return tip, (base[0] + side[0], base[1] + side[1]), (base[0] - side[0], base[1] - side[1])


def _pt(value: float) -> str:
    return f"{round(value, 2) + 0.0:g}pt"
