"""The closed drawing: boxes at positions, arrows between them, labels and numbers beside them; knows no format and no number that it did not get."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from graphdsl.expr import Expr, Number, Relation, Sign, rewrite, walk

BoxKind = Literal[
    "input",
    "unit",
    "output",
    "bias",
    "target",
    "operation",
    "parameter",
    "elision",
    "constant",
    "formula",
    "result",
    "wire",
    "datum",
    "name",
    "cell",
    "title",
]
"""A `datum` and a `name` are what a computation graph starts from: inputs, and parameters. A `wire` is a stretch of line with a value above it and a gradient below: what leaves a box of a computation graph."""

Tone = Literal["plain", "strong", "pale"]
"""`strong` lies on the way that a drawing follows, `pale` off it."""


class Cell(NamedTuple):
    """A place in one of several grids: rows and columns from 1; its title has row −1, a sign before it row 0."""

    grid: int
    row: int
    column: int


@dataclass(frozen=True, slots=True)
class Box:
    """A node of the drawing, its centre in points, y upwards; without a position Graphviz finds one.

    `column` counts the layers of a network from the left, for those who place it. `value` and `gradient` are numbers.
    A `cell` of a grid has a size of its own, and is shaded from 0, white, to 1, black.
    """

    id: str
    label: Expr | None
    kind: BoxKind
    position: tuple[float, float] | None = None
    value: Expr | None = None
    gradient: Expr | None = None
    tone: Tone = "plain"
    column: int | None = None
    cell: Cell | None = None
    size: tuple[float, float] | None = None
    shade: float = 0.0


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow from box to box; `label` stands at `label_position`, the centre in points, or where Graphviz puts it.

    `bend` is how far its middle lies to the left of the straight way, in points. `gradient` stands below the label.
    """

    source: str
    target: str
    label: Expr | None = None
    label_position: tuple[float, float] | None = None
    dashed: bool = False
    bend: float = 0.0
    gradient: Expr | None = None
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Diagram:
    """A drawing in one of two views; a placed drawing carries every position.

    `key` stands below it, in the letters of the gradients: what they are gradients of. `scale` is the size in which it
    stands on a page; one of less than 1 is drawn closer.
    """

    view: Literal["network", "graph", "grid"]
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    placed: bool
    key: Expr | None = None
    scale: float = 1.0


def expressions(diagram: Diagram) -> Iterator[Expr]:
    """Everything in a drawing that is set in letters."""
    for box in diagram.boxes:
        yield from (expr for expr in (box.label, box.value, box.gradient) if expr is not None)
    for arrow in diagram.arrows:
        yield from (expr for expr in (arrow.label, arrow.gradient) if expr is not None)


def has_numbers(diagram: Diagram) -> bool:
    """Whether it shows a number that was computed or given, so that digits must be chosen before it is placed."""
    return any(isinstance(n, Number) and n.quantity is not None for expr in expressions(diagram) for n in walk(expr))


def with_digits(diagram: Diagram, digits: Callable[[Number], Expr]) -> Diagram:
    """The drawing with its numerals mapped; a name stands before one with = only where that is the whole value."""

    def shown(expr: Expr | None) -> Expr | None:
        if expr is None:
            return None
        found = rewrite(expr, lambda node: digits(node) if isinstance(node, Number) else node)
        if not isinstance(found, Relation):
            return found
        last: Sign = "=" if all(n.exact for n in walk(found.members[-1]) if isinstance(n, Number)) else "≈"
        return replace(found, signs=(*found.signs[:-1], last))

    boxes = (
        replace(box, label=shown(box.label), value=shown(box.value), gradient=shown(box.gradient))
        for box in diagram.boxes
    )
    arrows = (replace(arrow, label=shown(arrow.label), gradient=shown(arrow.gradient)) for arrow in diagram.arrows)
    return replace(diagram, boxes=tuple(boxes), arrows=tuple(arrows))
