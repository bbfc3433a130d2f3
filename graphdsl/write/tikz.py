"""Diagram -> a TikZ picture from the positions of every other format; defines nothing outside of the picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from graphdsl import draw
from graphdsl.diagram import Box, BoxKind, Diagram, Tone
from graphdsl.expr import Expr, Number
from graphdsl.outline import (
    LABEL_SIZE,
    NAME_SIZE,
    NUMBER_SIZE,
    Inscription,
    Point,
    Shape,
    arrow_inscriptions,
    inscriptions,
)
from graphdsl.write import text
from graphdsl.write.tex_formula import INLINE

MANY_ARROWS = 60


class Picture(NamedTuple):
    """The source of a drawing, and its size in PostScript's points."""

    source: str
    width: float
    height: float


_STYLES: Mapping[BoxKind, str] = {
    "input": "fill=black!8",
    "datum": "fill=black!8",
    "unit": "fill=white",
    "output": "fill=white, draw=black!90, line width=1.2bp",
    "target": "fill=white, dashed",
    "operation": "fill=white",
    "parameter": "fill=black!4, rounded corners=2bp, line width=0.5bp",
    "constant": "fill=white, draw=black!45, line width=0.4bp",
    "cell": "fill=white, draw=black!45, line width=0.5bp",
    "formula": "fill=white, rounded corners=2bp",
    "result": "fill=white, rounded corners=2bp, draw=black!90, line width=1.2bp",
}
_TONES: Mapping[Tone, str] = {"plain": "", "strong": "draw=black!90", "pale": "draw=black!20"}
_STRONG = 1.3
_SIZES = {NAME_SIZE: "unit text", LABEL_SIZE: "label text", NUMBER_SIZE: "number text"}
_GRADIENT = "text={rgb,255:red,176;green,58;blue,14}"


def picture(diagram: Diagram) -> Picture:
    """The drawing as a `tikzpicture`, which needs the package tikz and none of its libraries."""
    scene = draw.scene_of(diagram)
    width, height = draw.size(diagram)
    many = diagram.view == "network" and len(diagram.arrows) > MANY_ARROWS
    lines = [
        *(_arrow(edge, diagram.scale) for edge in scene.edges),
        *(_outline(box, shape, diagram.scale) for box, shape in zip(scene.boxes, scene.shapes, strict=True)),
    ]
    for box, shape in zip(scene.boxes, scene.shapes, strict=True):
        told = {"name": box.label, "value": box.value, "gradient": box.gradient}
        lines += [_letters(told[line.part], line, box.tone) for line in inscriptions(box, shape)]
    for edge in scene.edges:
        if edge.label_at is not None:
            told = {"name": edge.arrow.label, "value": None, "gradient": edge.arrow.gradient}
            found = arrow_inscriptions(edge.arrow, edge.label_at)
            lines += [_letters(told[line.part], line, edge.arrow.tone) for line in found]
    lines += [_letters(diagram.key, line, "plain") for line in draw.key_lines(scene)]
    thin = "draw=black!45, line width=0.4bp" if many else "draw=black!65, line width=0.7bp"
    body = "\n".join(f"  {line}" for line in lines if line)
    options = f"x=1bp, y=1bp, >=latex, {thin}, every node/.style={{inner sep=0pt, anchor=base}}"
    sizes = "".join(f",\n  {name}/.style={{font={font(size)}}}" for size, name in _SIZES.items() if f"[{name}" in body)
    return Picture(f"\\begin{{tikzpicture}}[{options}{sizes}]\n{body}\n\\end{{tikzpicture}}", width, height)


def _toned(tone: Tone, scale: float) -> str:
    """The line of a tone; in a small drawing the way keeps its weight."""
    return _TONES[tone] + (f", line width={_STRONG / scale**0.5:.3g}bp" if tone == "strong" else "")


def _arrow(edge: draw.Edge, scale: float) -> str:
    """The curve of an arrow in its pieces; the last one leads to the tip."""
    pieces = [_curve(spline) for spline in edge.splines]
    head = "->" if edge.tip else ""
    looks = ["dashed" if edge.arrow.dashed else "", _toned(edge.arrow.tone, scale)]
    if edge.tip:
        start, *_, end = edge.splines[-1]
        to_tip = f" -- {at(edge.tip)}"
        straight = " -- " in pieces[-1] and ".." not in pieces[-1] and _is_between(end, start, edge.tip)
        pieces[-1] = (at(start) if straight else pieces[-1]) + to_tip
    before = [_draw(looks, piece) for piece in pieces[:-1]]
    return "\n  ".join([*before, _draw([head, *looks], pieces[-1])])


def _draw(looks: list[str], path: str) -> str:
    options = ", ".join(filter(None, looks))
    return rf"\draw{f'[{options}]' if options else ''} {path};"


def _curve(points: tuple[Point, ...]) -> str:
    """Béziers of 3n + 1 control points; one whose points lie on a line is a line."""
    found = at(points[0])
    for i in range(1, len(points) - 2, 3):
        start, a, b, end = points[i - 1 : i + 3]
        straight = _is_between(a, start, end) and _is_between(b, start, end)
        found += f" -- {at(end)}" if straight else f" .. controls {at(a)} and {at(b)} .. {at(end)}"
    return found


def _is_between(point: Point, start: Point, end: Point) -> bool:
    cross = (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])
    return abs(cross) < 0.5


def _shaded(shade: float) -> str:
    return f"fill=black!{round(100 * shade)}" if shade else ""


def _outline(box: Box, shape: Shape, scale: float) -> str:
    kind, tone = box.kind, box.tone
    if kind not in _STYLES:
        return ""
    options = ", ".join(filter(None, (_STYLES[kind], _shaded(box.shade), _toned(tone, scale))))
    half_width, half_height = length(shape.width / 2), length(shape.height / 2)
    if shape.form == "ellipse":
        return rf"\draw[{options}] {at(shape.centre)} ellipse[x radius={half_width}, y radius={half_height}];"
    rect = shape.rect
    return rf"\draw[{options}] {at((rect.left, rect.bottom))} rectangle {at((rect.right, rect.top))};"


def _letters(expr: Expr | None, line: Inscription, tone: Tone) -> str:
    """Letters in their place, in the size by which the drawing was measured, whatever the size of the text around."""
    if expr is None or not text.formula(expr).strip():
        return ""
    ink = "text=black!40" if tone == "pale" else _GRADIENT if line.part == "gradient" else ""
    options = ", ".join(filter(None, (_SIZES.get(line.size) or f"font={font(line.size)}", ink)))
    printed = INLINE.formula(expr)
    if line.part == "gradient" and isinstance(expr, Number):
        printed = rf"\mathit{{{printed}}}"  # so that a copier that knows no colours keeps it apart
    return rf"\node[{options}] at {at(line.at)} {{${printed}$}};"


def font(size: float) -> str:
    """The letters of a size."""
    return rf"\fontsize{{{size:g}}}{{{1.2 * size:g}}}\selectfont"


def at(point: Point) -> str:
    """A place of a picture."""
    return f"({length(point[0])}, {length(point[1])})"


def length(value: float) -> str:
    """A length in the unit of a picture."""
    return f"{round(value, 2) + 0.0:g}"
