"""Boxes, arrows and labels of a drawing -> the room they take: shapes, curves, rectangles, in points, y upwards; knows no format."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from graphdsl.diagram import Box, BoxKind
from graphdsl.expr import Expr
from graphdsl.lettering import lettering

Point = tuple[float, float]
Form = Literal["ellipse", "rectangle", "bare"]

NAME_SIZE = 10.0
"""The size of the letters in boxes, that of the page's text."""

LABEL_SIZE = 9.0
"""The size of the letters beside arrows and of biases."""

_SIZES: dict[BoxKind, float] = {"bias": LABEL_SIZE, "elision": 17.0}

FORMS: dict[BoxKind, Form] = {
    "input": "ellipse",
    "unit": "ellipse",
    "output": "ellipse",
    "target": "ellipse",
    "operation": "ellipse",
    "parameter": "rectangle",
    "bias": "bare",
    "elision": "bare",
}
HALF_HEIGHT: dict[Form, float] = {"ellipse": 13.0, "rectangle": 9.0, "bare": 0.0}
_LETTER_REACH = 5.0
_AIR = 3.0


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
    return curve.part(_border(curve, source, 0.0, 0.5), _border(curve, target, 1.0, 0.5))


def _border(curve: Curve, shape: Shape, inside: float, outside: float) -> float:
    for _ in range(30):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if shape.holds(curve.at(middle)) else (inside, middle)
    return outside


def letter_size(kind: BoxKind) -> float:
    """The size of the letters in boxes of a kind."""
    return _SIZES.get(kind, NAME_SIZE)


def shape_of(box: Box, centre: Point) -> Shape:
    """The outline of a box, wide enough for its letters."""
    form = FORMS[box.kind]
    letters = lettering(box.label)
    if form == "bare":
        rect = label_rect(box.label, centre, letter_size(box.kind))
        return Shape(centre, rect.right - rect.left, rect.top - rect.bottom, form)
    half = HALF_HEIGHT[form]
    reach = letters.width * NAME_SIZE / 2
    if form == "ellipse":
        reach /= math.sqrt(1 - (_LETTER_REACH / half) ** 2)
    return Shape(centre, 2 * max(half, reach + _AIR), 2 * half, form)


def label_rect(label: Expr, centre: Point, size: float = LABEL_SIZE) -> Rect:
    """The ink of a label about its centre."""
    letters = lettering(label)
    return around(centre, letters.width * size, (letters.ascent + letters.descent) * size)


def baseline(box: Box, shape: Shape) -> float:
    """The height of the letters' baseline in a box: the same in all outlined ones, so that rows read as lines."""
    if shape.form != "bare":
        return shape.centre[1] - 0.23 * NAME_SIZE
    return label_baseline(box.label, shape.centre, letter_size(box.kind))


def label_baseline(label: Expr, centre: Point, size: float = LABEL_SIZE) -> float:
    """The baseline of a label whose ink is centred."""
    letters = lettering(label)
    return centre[1] - (letters.ascent - letters.descent) / 2 * size


def name_rect(box: Box, shape: Shape) -> Rect:
    """The ink of the letters in a box."""
    if shape.form == "bare":
        return shape.rect
    letters = lettering(box.label)
    base, half = baseline(box, shape), letters.width * NAME_SIZE / 2
    return Rect(
        shape.centre[0] - half,
        base - letters.descent * NAME_SIZE,
        shape.centre[0] + half,
        base + letters.ascent * NAME_SIZE,
    )
