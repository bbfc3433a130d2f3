"""The closed drawing: boxes at positions, arrows between them, labels beside the arrows; knows no format and no number that it did not get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from graphdsl.expr import Expr

BoxKind = Literal["input", "unit", "output", "bias", "target", "operation", "parameter", "elision"]


@dataclass(frozen=True, slots=True)
class Box:
    """A node of the drawing, its centre in points, y upwards; without a position Graphviz finds one."""

    id: str
    label: Expr
    kind: BoxKind
    position: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow from box to box; `label` stands at `label_position`, the centre in points, or where Graphviz puts it.

    `bend` is how far its middle lies to the left of the straight way, in points.
    """

    source: str
    target: str
    label: Expr | None = None
    label_position: tuple[float, float] | None = None
    dashed: bool = False
    bend: float = 0.0


@dataclass(frozen=True, slots=True)
class Diagram:
    """A drawing in one of two views; a placed drawing carries every position."""

    view: Literal["network", "graph"]
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    placed: bool
