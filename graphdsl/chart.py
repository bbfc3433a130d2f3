"""Plot -> what is where: axes, ticks, the line, letters, in points, y upwards; knows no format."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from graphdsl.expr import Expr, Symbol
from graphdsl.lettering import lettering
from graphdsl.names import Ink
from graphdsl.outline import LABEL_SIZE, NUMBER_SIZE, Inscription, Point, Rect, cut_by
from graphdsl.plot import Axis, Name, Plot

WIDTH, HEIGHT = 236.0, 96.0
"""The field of a curve, in points."""

TICK = 3.0
_GAP = 3.0
_AIR = 1.2


@dataclass(frozen=True, slots=True)
class Letters:
    """A line of letters where it stands: the expression, or words, and its measures; what it is for."""

    name: Name
    line: Inscription
    part: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything of a plot in its place: straight lines of the axes, the points of the curve, letters."""

    rules: tuple[tuple[Point, Point], ...]
    grid: tuple[tuple[Point, Point], ...]
    curve: tuple[Point, ...]
    dots: tuple[Point, ...]
    letters: tuple[Letters, ...]
    extent: Rect


def chart(plot: Plot) -> Chart:
    """The places; letters near a point keep clear of the line and of each other."""
    curve = tuple((_share(plot.across, x.value) * WIDTH, _share(plot.up, y.value) * HEIGHT) for x, y in plot.points)
    up = [(0.0, _share(plot.up, tick.at) * HEIGHT) for tick in plot.up.ticks]
    across = [(_share(plot.across, tick.at) * WIDTH, 0.0) for tick in plot.across.ticks]
    rules = [((0.0, 0.0), (WIDTH, 0.0)), ((0.0, 0.0), (0.0, HEIGHT))]
    rules += [((x, 0.0), (x, -TICK)) for x, _ in across] + [((0.0, y), (-TICK, y)) for _, y in up]
    letters = [_left_of(tick.label, at) for tick, at in zip(plot.up.ticks, up, strict=True)]
    letters += _below([(tick.label, at) for tick, at in zip(plot.across.ticks, across, strict=True)])
    widest = min(mark.line.rect.left for mark in letters)
    letters.append(_set(plot.up.name, LABEL_SIZE, (widest, HEIGHT + 8.0), "axis", "left"))
    letters.append(_set(plot.across.name, LABEL_SIZE, (WIDTH + 6.0, -2.6), "axis", "left"))
    for place in plot.told:
        letters += _beside(plot.points[place][1], curve[place], curve, letters)
    dots = tuple(curve[i] for i in plot.told)
    rects = [mark.line.rect for mark in letters] + [Rect(-TICK, -TICK, WIDTH, HEIGHT)]
    left, bottom, right, top = zip(*rects, strict=True)
    extent = Rect(min(left), min(bottom), max(right), max(top)).grown(2.0)
    grid = tuple(piece for _, y in up if y > 0 for piece in _around(y, letters))
    return Chart(tuple(rules), grid, curve, dots, tuple(letters), extent)


def _share(axis: Axis, value: Decimal) -> float:
    """How far along an axis a value lies, 0 at its low end and 1 at its high one."""
    if axis.logarithmic:
        low, high, own = (number.log10() for number in (axis.low, axis.high, value))
    else:
        low, high, own = axis.low, axis.high, value
    return float((own - low) / (high - low)) if high > low else 0.5


def expression(name: Name) -> Expr:
    """Words as a name that is set in upright letters."""
    return Symbol("%words", ink=Ink(name)) if isinstance(name, str) else name


def _set(name: Name, size: float, at: Point, part: str, side: str) -> Letters:
    """Letters whose baseline is at a height; `side` says which end of them the place is."""
    letters = lettering(expression(name))
    shift = {"left": 0.5, "middle": 0.0, "right": -0.5}[side] * letters.width * size
    return Letters(name, Inscription("name", letters, (at[0] + shift, at[1]), size), part)


def _left_of(label: Expr, at: Point) -> Letters:
    letters = lettering(label)
    middle = (letters.ascent - letters.descent) / 2 * NUMBER_SIZE
    return _set(label, NUMBER_SIZE, (at[0] - TICK - _GAP, at[1] - middle), "tick", "right")


def _below(marks: list[tuple[Expr, Point]]) -> list[Letters]:
    """The labels below the axis; where two would touch, every other one is left out."""
    made = [_set(label, NUMBER_SIZE, (at[0], -TICK - _GAP - 6.0), "tick", "middle") for label, at in marks]
    crowded = any(a.line.rect.grown(3.0, 0.0).meets(b.line.rect) for a, b in pairwise(made))
    return _below(marks[::2]) if crowded and len(marks) > 1 else made


def _beside(label: Expr, point: Point, curve: tuple[Point, ...], others: list[Letters]) -> list[Letters]:
    """The number of a point where there is room: above it, below it, beside it; nothing where there is none."""
    x, y = point
    for dx, dy, side in _PLACES:
        made = _set(label, NUMBER_SIZE, (x + dx, y + dy), "point", side)
        rect = made.line.rect.grown(_AIR)
        inside = rect.left >= 1.0 and rect.right <= WIDTH + 44.0 and rect.bottom >= 1.0
        free = not any(rect.meets(other.line.rect) for other in others)
        if inside and free and not any(cut_by(a, b, rect) for a, b in pairwise(curve)):
            return [made]
    return []


def _around(y: float, letters: list[Letters]) -> list[tuple[Point, Point]]:
    """A line of the grid, which makes room for letters that stand on it."""
    rects = sorted(mark.line.rect.grown(2.0, 1.0) for mark in letters)
    holes = [rect for rect in rects if rect.bottom < y < rect.top and rect.right > 0.0 and rect.left < WIDTH]
    starts, ends = [0.0, *(hole.right for hole in holes)], [*(hole.left for hole in holes), WIDTH]
    return [((a, y), (b, y)) for a, b in zip(starts, ends, strict=True) if b > a]


_PLACES = (
    (5.0, 2.0, "left"),
    (5.0, -3.0, "left"),
    (0.0, 5.0, "middle"),
    (-2.0, 5.0, "right"),
    (-2.0, 10.0, "right"),
    (5.0, -11.0, "left"),
    (0.0, -11.0, "middle"),
    (-4.0, -11.0, "right"),
    (10.0, 3.0, "left"),
    (20.0, 3.0, "left"),
)
