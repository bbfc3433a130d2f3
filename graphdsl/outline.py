"""Boxes, arrows and labels of a drawing -> the room they take: shapes, curves, rectangles, in points, y upwards; knows no format."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from graphdsl.diagram import Arrow, Box, BoxKind
from graphdsl.expr import Expr
from graphdsl.lettering import Lettering, lettering, slanted

Point = tuple[float, float]
Form = Literal["ellipse", "rectangle", "bare"]

NAME_SIZE = 10.0
"""The size of the letters in boxes, that of the page's text."""

LABEL_SIZE = 9.0
"""The size of the letters beside arrows and of biases."""

NUMBER_SIZE = 8.5
"""The size of values in boxes and of gradients."""

_SIZES: dict[BoxKind, float] = {
    "bias": LABEL_SIZE,
    "elision": 17.0,
    "wire": NUMBER_SIZE,
    "constant": LABEL_SIZE,
    "cell": LABEL_SIZE,
}

FORMS: dict[BoxKind, Form] = {
    "input": "ellipse",
    "unit": "ellipse",
    "output": "ellipse",
    "target": "ellipse",
    "operation": "ellipse",
    "parameter": "rectangle",
    "bias": "bare",
    "elision": "bare",
    "constant": "rectangle",
    "formula": "rectangle",
    "result": "rectangle",
    "wire": "bare",
    "datum": "ellipse",
    "name": "bare",
    "cell": "rectangle",
    "title": "bare",
}
_HALF_HEIGHT: dict[Form, float] = {"ellipse": 13.0, "rectangle": 9.0, "bare": 0.0}
_OWN_HALF_HEIGHT: dict[BoxKind, float] = {"operation": 10.0, "datum": 10.0, "constant": 7.5}
_AIR: dict[Form, float] = {"ellipse": 3.0, "rectangle": 4.0, "bare": 0.0}
_LETTER_HEIGHT = 0.68
_LINE_HALF = 5.25
_NAME_AIR: dict[BoxKind, float] = {"name": 2.5}
_WIRE_GAP = 2.6
_WIRE_AIR = 3.0


class Rect(NamedTuple):
    """An upright rectangle."""

    left: float
    bottom: float
    right: float
    top: float

    def grown(self, across: float, up: float | None = None) -> Rect:
        """The rectangle with a margin all around."""
        up = across if up is None else up
        return Rect(self.left - across, self.bottom - up, self.right + across, self.top + up)

    def moved(self, by: Point) -> Rect:
        """The rectangle, elsewhere."""
        return Rect(self.left + by[0], self.bottom + by[1], self.right + by[0], self.top + by[1])

    def meets(self, other: Rect) -> bool:
        """Whether the two have area in common."""
        return (
            self.left < other.right and other.left < self.right and self.bottom < other.top and other.bottom < self.top
        )

    def holds(self, point: Point) -> bool:
        return self.left <= point[0] <= self.right and self.bottom <= point[1] <= self.top


def around(centre: Point, width: float, height: float) -> Rect:
    """The rectangle of a size about its centre."""
    x, y = centre
    return Rect(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def cut_by(start: Point, end: Point, rect: Rect) -> bool:
    """Whether the segment passes through the rectangle (clipped on one axis after the other)."""
    if max(start[0], end[0]) <= rect.left or min(start[0], end[0]) >= rect.right:
        return False
    if max(start[1], end[1]) <= rect.bottom or min(start[1], end[1]) >= rect.top:
        return False
    low, high = 0.0, 1.0
    for axis, (least, most) in enumerate(((rect.left, rect.right), (rect.bottom, rect.top))):
        origin, step = start[axis], end[axis] - start[axis]
        if step == 0:
            if not least < origin < most:
                return False
            continue
        enter, leave = sorted(((least - origin) / step, (most - origin) / step))
        low, high = max(low, enter), min(high, leave)
    return low < high


@dataclass(frozen=True, slots=True)
class Shape:
    """The outline of a box."""

    centre: Point
    width: float
    height: float
    form: Form

    @property
    def rect(self) -> Rect:
        return around(self.centre, self.width, self.height)

    @property
    def tiles(self) -> tuple[Rect, ...]:
        """Rectangles that together nearly fill the outline, without the empty corners about an ellipse."""
        if self.form != "ellipse":
            return (self.rect,)
        shares = ((0.94, 0.34), (0.71, 0.71), (0.34, 0.94))
        return tuple(around(self.centre, x * self.width, y * self.height) for x, y in shares)

    def holds(self, point: Point) -> bool:
        """Whether the point lies inside; bare letters keep arrows at a small distance."""
        if self.form != "ellipse":
            return self.rect.grown(0.0 if self.form == "rectangle" else 2.0).holds(point)
        x, y = point[0] - self.centre[0], point[1] - self.centre[1]
        return (x / (self.width / 2)) ** 2 + (y / (self.height / 2)) ** 2 <= 1


@dataclass(frozen=True, slots=True)
class Curve:
    """A quadratic Bézier curve; straight when its middle point lies on the line."""

    start: Point
    middle: Point
    end: Point
    straight: bool = False

    def at(self, t: float) -> Point:
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t * t
        return (
            a * self.start[0] + b * self.middle[0] + c * self.end[0],
            a * self.start[1] + b * self.middle[1] + c * self.end[1],
        )

    def part(self, low: float, high: float) -> Curve:
        """The piece between two parameters."""
        start, end = self.at(low), self.at(high)
        a, b, c = (1 - low) * (1 - high), low * (1 - high) + high * (1 - low), low * high
        middle = (
            a * self.start[0] + b * self.middle[0] + c * self.end[0],
            a * self.start[1] + b * self.middle[1] + c * self.end[1],
        )
        return Curve(start, middle, end, self.straight)

    def segments(self) -> Iterator[tuple[Point, Point]]:
        """The curve as straight segments, close enough to measure by."""
        count = 1 if self.straight else 16
        points = [self.at(i / count) for i in range(count + 1)]
        return pairwise(points)

    @property
    def length(self) -> float:
        return sum(math.dist(a, b) for a, b in self.segments())


def curve_between(start: Point, end: Point, bend: float = 0.0) -> Curve:
    """The way from point to point whose middle lies `bend` to the left of the straight one."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    distance = math.hypot(dx, dy) or 1.0
    x = (start[0] + end[0]) / 2 - 2 * bend * dy / distance
    y = (start[1] + end[1]) / 2 + 2 * bend * dx / distance
    return Curve(start, (x, y), end, bend == 0)


def clipped(curve: Curve, source: Shape, target: Shape) -> Curve:
    """What is seen of a curve between the centres of two shapes."""
    free = [t for t in _STEPS if not source.holds(curve.at(t)) and not target.holds(curve.at(t))]
    between = free[len(free) // 2] if free else 0.5
    return curve.part(_border(curve, source, 0.0, between), _border(curve, target, 1.0, between))


_STEPS = [i / 32 for i in range(33)]


def _border(curve: Curve, shape: Shape, inside: float, outside: float) -> float:
    for _ in range(30):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if shape.holds(curve.at(middle)) else (inside, middle)
    return outside


def letter_size(kind: BoxKind) -> float:
    """The size of the letters in boxes of a kind."""
    return _SIZES.get(kind, NAME_SIZE)


Part = Literal["name", "value", "gradient"]


@dataclass(frozen=True, slots=True)
class Inscription:
    """A line of letters in its place: the middle of its baseline, and what it tells."""

    part: Part
    letters: Lettering
    at: Point
    size: float

    @property
    def rect(self) -> Rect:
        """Its ink."""
        x, y = self.at
        half = self.letters.width * self.size / 2
        return Rect(x - half, y - self.letters.descent * self.size, x + half, y + self.letters.ascent * self.size)


def _letters(part: Part, expr: Expr) -> Lettering:
    """Gradients are slanted, so that a copier that knows no colours keeps them apart."""
    return slanted(lettering(expr)) if part == "gradient" else lettering(expr)


def _lines(box: Box) -> list[tuple[Part, Lettering, float]]:
    """What is written at a box, from top to bottom."""
    told: tuple[tuple[Part, Expr | None, float], ...] = (
        ("name", box.label, letter_size(box.kind)),
        ("value", box.value, NUMBER_SIZE),
        ("gradient", box.gradient, NUMBER_SIZE),
    )
    return [(part, _letters(part, expr), size) for part, expr, size in told if expr is not None]


def shape_of(box: Box, centre: Point) -> Shape:
    """The outline of a box, wide and high enough for its letters."""
    form = FORMS[box.kind]
    if box.size is not None:
        return Shape(centre, *box.size, form)
    lines = _lines(box)
    widest = max((letters.width * size for _, letters, size in lines), default=0.0)
    if box.kind == "wire":
        reach = max((_wire_height(part, letters, size)[1] for part, letters, size in lines), default=0.0)
        return Shape(centre, widest + 2 * _WIRE_AIR, 2 * max(_WIRE_GAP + NUMBER_SIZE, reach), form)
    if form == "bare":
        rect = _bounds([line.rect for line in _stacked(lines, centre)], centre).grown(_NAME_AIR.get(box.kind, 0.0))
        return Shape(centre, rect.right - rect.left, rect.top - rect.bottom, form)
    least = _OWN_HALF_HEIGHT.get(box.kind, _HALF_HEIGHT[form])
    half = least + _LINE_HALF * (len(lines) - 1)
    reach = widest / 2
    if form == "ellipse":
        reach = max((_reach(line, centre, half) for line in _set_in(lines, centre)), default=0.0)
    return Shape(centre, 2 * max(least, reach + _AIR[form], 0.9 * half), 2 * half, form)


def _reach(line: Inscription, centre: Point, half: float) -> float:
    """Half the width that an ellipse of a height needs for a line."""
    farthest = max(abs(line.at[1] - centre[1]), abs(line.at[1] + _LETTER_HEIGHT * line.size - centre[1]))
    return line.letters.width * line.size / 2 / math.sqrt(1 - (min(farthest, 0.85 * half) / half) ** 2)


def _set_in(lines: list[tuple[Part, Lettering, float]], centre: Point) -> list[Inscription]:
    """Lines at even distances about the centre, their baselines the same in all boxes of so many lines."""
    x, y = centre
    top = y + _LINE_HALF * (len(lines) - 1)
    return [
        Inscription(part, letters, (x, top - 2 * _LINE_HALF * i - 0.23 * NAME_SIZE), size)
        for i, (part, letters, size) in enumerate(lines)
    ]


def _stacked(lines: list[tuple[Part, Lettering, float]], centre: Point) -> list[Inscription]:
    """Lines whose ink as a whole is about the centre."""
    if not lines:
        return []
    x, y = centre
    heights = [0.0, *(2 * _LINE_HALF * i for i in range(1, len(lines)))]
    above = lines[0][1].ascent * lines[0][2]
    below = heights[-1] + lines[-1][1].descent * lines[-1][2]
    first = y + (above + below) / 2 - above
    return [
        Inscription(part, letters, (x, first - down), size)
        for (part, letters, size), down in zip(lines, heights, strict=True)
    ]


def _bounds(rects: list[Rect], centre: Point) -> Rect:
    if not rects:
        return around(centre, 0.0, 0.0)
    left, bottom, right, top = zip(*rects, strict=True)
    return Rect(min(left), min(bottom), max(right), max(top))


def inscriptions(box: Box, shape: Shape) -> list[Inscription]:
    """Every line at a box: in it, or above and below the line of a wire."""
    lines = _lines(box)
    if box.kind == "wire":
        x, y = shape.centre
        return [
            Inscription(part, letters, (x, y + _wire_height(part, letters, size)[0]), size)
            for part, letters, size in lines
        ]
    return _stacked(lines, shape.centre) if shape.form == "bare" else _set_in(lines, shape.centre)


def _wire_height(part: Part, letters: Lettering, size: float) -> tuple[float, float]:
    """The baseline of letters above or below a wire, and how far they reach from it."""
    if part == "gradient":
        base = -_WIRE_GAP - letters.ascent * size
        return base, letters.descent * size - base
    base = max(_WIRE_GAP, letters.descent * size + _WIRE_AIR / 2)
    return base, base + letters.ascent * size


def arrow_inscriptions(arrow: Arrow, centre: Point) -> list[Inscription]:
    """The lines of an arrow's label about their centre."""
    told: tuple[tuple[Part, Expr | None, float], ...] = (
        ("name", arrow.label, LABEL_SIZE),
        ("gradient", arrow.gradient, NUMBER_SIZE),
    )
    return _stacked([(part, _letters(part, expr), size) for part, expr, size in told if expr is not None], centre)


def arrow_label_rect(arrow: Arrow, centre: Point) -> Rect:
    """The ink of an arrow's label."""
    return _bounds([line.rect for line in arrow_inscriptions(arrow, centre)], centre)


def key_inscription(key: Expr, corner: Point) -> Inscription:
    """The key of a drawing below its lower left corner."""
    letters = _letters("gradient", key)
    return Inscription("gradient", letters, (corner[0] + letters.width * LABEL_SIZE / 2, corner[1] - 17.0), LABEL_SIZE)
