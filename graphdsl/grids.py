"""Graph + a pass -> the first sliding window, or the first weights of attention, as grids of numbers; chooses no digits and no format."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from graphdsl.derive.element import element, part
from graphdsl.derive.evaluate import evaluate
from graphdsl.derive.shape import shape_of
from graphdsl.diagram import Box, Cell, Diagram
from graphdsl.expr import Call, Expr, Number, Symbol, symbols
from graphdsl.graph import Graph, Op
from graphdsl.names import Ink
from graphdsl.numbers import Decimal50, Num, Shape, Tensor, indices, scalar
from graphdsl.outline import shape_of as outline_of

MOST_CELLS = 10
"""A grid of more rows or columns is not drawn."""

MOST_SIDE_BY_SIDE = 18
"""Nor are grids that have more columns together."""

Kind = Literal["window", "weights"]

_SHOWN: Mapping[str, Kind] = {
    "conv1d": "window",
    "conv2d": "window",
    "max_pool": "window",
    "avg_pool": "window",
    "softmax": "weights",
}
"""What is shown as grids, by the name of the operation."""

_CELL_HEIGHT = 16.0
_CELL_AIR = 4.5
_GRID_GAP = 30.0
_TITLE_HEIGHT = 13.0
_ARROW = Symbol("→", ink=Ink("→"))


@dataclass(frozen=True, slots=True)
class Grids:
    """What is drawn: the operation, what its value is called, and the arrays that it looks at."""

    kind: Kind
    op: Op
    name: Expr
    arguments: tuple[Symbol, ...]

    @property
    def shape(self) -> Shape:
        return shape_of(self.op.expr)

    @property
    def marked(self) -> Symbol:
        """The entry of the result that is marked: its first."""
        return part(Symbol(self.op.id, self.shape), (1,) * len(self.shape))


def grids_of(graph: Graph) -> Grids | None:
    """The first operation that is drawn as grids; nothing where there is none of a size to read."""
    return next((found for op in graph.ops if (found := _grids(graph, op)) is not None), None)


def _grids(graph: Graph, op: Op) -> Grids | None:
    if not isinstance(op.expr, Call) or (kind := _SHOWN.get(op.expr.operation.name)) is None:
        return None
    arguments = tuple(argument for argument in op.expr.arguments if isinstance(argument, Symbol))
    shapes = [shape_of(op.expr), *(argument.shape for argument in arguments)]
    wanted = 2 if kind == "weights" else 1
    readable = all(wanted <= len(shape) <= 2 and max(shape) <= MOST_CELLS for shape in shapes)
    whole = len(arguments) == len(op.expr.arguments)
    if not whole or not readable or sum(shape[-1] for shape in shapes) > MOST_SIDE_BY_SIDE:
        return None
    if any(argument.key.startswith("%") for argument in arguments) and kind == "window":
        return None
    return Grids(kind, op, graph.tensors.get(op.id, op.expr), arguments)


def grid_diagram(graph: Graph, grids: Grids, values: Mapping[str, Num], data: Collection[str]) -> Diagram:
    """The grids with the numbers of a pass, without digits and places: what is marked is strong, and shaded for it.

    Weights are shaded by their size.
    """
    looked_at = symbols(element(grids.op.expr, (1,) * len(grids.shape)))
    whole = _values(graph, grids.op, values)
    boxes: list[Box] = []
    shown = [*grids.arguments, Symbol(grids.op.id, grids.shape)]
    if grids.kind == "weights":
        shown = shown[-1:]
    for place, symbol in enumerate(shown):
        last = place == len(shown) - 1
        title = grids.name if last else symbol
        boxes.append(Box(f"title {place}", title, "title", cell=Cell(place, -1, 0)))
        for index in indices(symbol.shape):
            entry = part(symbol, index)
            number = whole[symbol.key].at(index)
            marked = entry.key in looked_at or (last and entry.key == grids.marked.key)
            boxes.append(
                Box(
                    f"{place}: {entry.key}",
                    Number(number.value, number.exact, entry.key if entry.key[0] != "%" else "", entry.key in data),
                    "cell",
                    tone="strong" if marked and grids.kind == "window" else "plain",
                    cell=Cell(place, *((1, *index) if len(index) == 1 else index)),
                    shade=_shade(grids.kind, number.value, marked),
                )
            )
    signs = [Box("arrow", _ARROW, "title", cell=Cell(len(shown) - 1, 0, 0))] if len(shown) > 1 else []
    return Diagram("grid", (*boxes, *signs), (), placed=False)


def _shade(kind: Kind, value: Decimal, marked: bool) -> float:
    """How dark a cell is: at most so that its number can be read."""
    if kind == "window":
        return 0.14 if marked else 0.0
    return 0.5 * float(min(max(value, Decimal(0)), Decimal(1)))


def _values(graph: Graph, op: Op, values: Mapping[str, Num]) -> dict[str, Tensor[Num]]:
    """The arrays that an operation needs, and its own: of named ones as they were carried."""
    found = {
        key: Tensor(symbol.shape, tuple(values[part(symbol, index).key] for index in indices(symbol.shape)))
        if symbol.shape
        else scalar(values[key])
        for key, symbol in graph.tensors.items()
        if all((part(symbol, index).key if index else key) in values for index in indices(symbol.shape))
    }
    for other in graph.ops:
        if other.id not in found and all(source in found for source in other.inputs):
            found[other.id] = evaluate(other.expr, found, Decimal50())
        if other.id == op.id:
            break
    return found


def grid_placed(diagram: Diagram) -> Diagram:
    """Every cell at its place: cells of a grid are equally wide, grids stand side by side about one axis."""
    cells = [box for box in diagram.boxes if box.cell is not None and box.kind == "cell"]
    count = 1 + max(box.cell.grid for box in cells if box.cell is not None)
    left = 0.0
    places: dict[str, Box] = {}
    for grid in range(count):
        own = [box for box in diagram.boxes if box.cell is not None and box.cell.grid == grid]
        left = _lay(own, left, places) + _GRID_GAP
    return replace(diagram, boxes=tuple(places[box.id] for box in diagram.boxes), placed=True)


def _lay(boxes: list[Box], left: float, places: dict[str, Box]) -> float:
    """Places the boxes of a grid from the left on; answers where it ends."""
    cells = [(box, box.cell) for box in boxes if box.cell is not None and box.kind == "cell"]
    rows, columns = max(cell.row for _, cell in cells), max(cell.column for _, cell in cells)
    titles = {box.cell.row: box for box in boxes if box.cell is not None and box.kind == "title"}
    width = max(outline_of(replace(box, kind="title"), (0.0, 0.0)).width for box, _ in cells) + 2 * _CELL_AIR
    width = max(math.ceil(width), _CELL_HEIGHT + 4)  # whole points, so that neighbours share their edge exactly
    named = math.ceil(outline_of(titles[-1], (0.0, 0.0)).width) if -1 in titles else 0.0
    across = max(columns * width, named)
    start = left + (across - columns * width) / 2
    top = rows * _CELL_HEIGHT / 2
    for box, cell in cells:
        at = start + (cell.column - 0.5) * width, top - (cell.row - 0.5) * _CELL_HEIGHT
        places[box.id] = replace(box, position=at, size=(width, _CELL_HEIGHT))
    if -1 in titles:
        places[titles[-1].id] = replace(titles[-1], position=(left + across / 2, top + _TITLE_HEIGHT))
    if 0 in titles:
        places[titles[0].id] = replace(titles[0], position=(left - _GRID_GAP / 2, 0.0))
    return left + across
