"""Network -> Diagram: where units, biases, links and their labels stand; never a format, and no number that it did not get."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from graphdsl.diagram import Arrow, Box, BoxKind, Cell, Diagram, with_digits
from graphdsl.expr import Expr, Number, Symbol
from graphdsl.grids import grid_placed
from graphdsl.names import Ink
from graphdsl.outline import (
    Curve,
    Point,
    Rect,
    Shape,
    arrow_label_rect,
    clipped,
    curve_between,
    cut_by,
    shape_of,
)
from graphdsl.unrolled import steps

if TYPE_CHECKING:
    import networkx

MOST_UNITS = 8
"""A layer of more is drawn as its first three, a gap and its last."""

MOST_LAYERS = 8
"""A network of more is drawn without its middle."""

MOST_LABELS = 40
"""A network with more weights, or with a layer that is not drawn whole, is drawn without their names."""

_SHOWN_FIRST = 3
_BIAS_GAP = 9.0
_ROW_AIR = 6.0
_TIGHT_AIR = 3.0
_LEAST_COLUMN = 62.0
_LEAST_ARROW = 32.0
_LEAST_SMALL_ARROW = 15.0
_LABEL_AIR = 3.5
_PARALLEL = 12.0
_CROSSING_COST = 30.0
_ATTEMPTS = 9
_STEP_ATTEMPTS = 5
_ATTEMPTS_WITH_MANY = 6
_FEW_LABELS = 30

Trace = tuple[tuple[Point, Point], ...]
"""A curve as segments."""


@dataclass(frozen=True, slots=True)
class Unit:
    """An input, unit or output; without a layer it stands at the depth of its longest path from the inputs."""

    symbol: Symbol
    kind: BoxKind
    layer: int | None = None
    bias: Expr | None = None

    @property
    def key(self) -> str:
        return self.symbol.key


@dataclass(frozen=True, slots=True)
class Link:
    """One unit enters into another; `label` names the weight. Two links between the same units are two arrows."""

    source: str
    target: str
    label: Expr | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """Units in the order in which they are drawn, and the links between them."""

    units: tuple[Unit, ...]
    links: tuple[Link, ...]


def to_networkx(network: Network) -> networkx.MultiDiGraph:
    """The network as a graph: units under their keys, each link an edge of its own."""
    import networkx

    graph = networkx.MultiDiGraph()
    graph.add_nodes_from((unit.key, {"unit": unit}) for unit in network.units)
    graph.add_edges_from((link.source, link.target, {"link": link}) for link in network.links)
    return graph


def network_diagram(network: Network) -> Diagram:
    """The drawing of a network, everything at its place: layers are columns, biases hang below their units."""
    return placed(plan(network))


def plan(network: Network) -> Diagram:
    """The boxes in their columns, the biases and the links; one that is not drawn whole loses its labels and biases."""
    columns = _columns(network)
    cells = _unrolled(network)
    if cells:
        columns = _by_step(network, cells)
    boxes = [
        Box(u.key, u.symbol, u.kind, column=i, cell=cells.get(u.key)) for i, units in enumerate(columns) for u in units
    ]
    shown = {box.id for box in boxes}
    links = [link for link in network.links if link.source in shown and link.target in shown]
    labels = sum(link.label is not None for link in links)
    whole = not any(box.kind == "elision" for box in boxes)
    named = labels <= MOST_LABELS and whole
    biased = [unit for units in columns for unit in units if unit.bias is not None and whole]
    boxes += [Box(bias_id(unit.key), unit.bias, "bias") for unit in biased]
    arrows = [Arrow(bias_id(unit.key), unit.key) for unit in biased]
    arrows += [Arrow(link.source, link.target, link.label if named else None) for link in links]
    return Diagram("network", tuple(boxes), tuple(arrows), placed=False)


def _unrolled(network: Network) -> dict[str, Cell]:
    units = [(unit.symbol, unit.kind != "input") for unit in network.units]
    return steps(units, [(link.source, link.target) for link in network.links])


def _by_step(network: Network, cells: Mapping[str, Cell]) -> tuple[tuple[Unit, ...], ...]:
    """The units of each time step."""
    found = sorted({cell.grid for cell in cells.values()})
    return tuple(tuple(unit for unit in network.units if cells[unit.key].grid == step) for step in found)


def bias_id(unit: str) -> str:
    """The id of the box of a unit's bias."""
    return f"bias of {unit}"


def placed(diagram: Diagram) -> Diagram:
    """A planned network with every position; where labels find no room, it has none.

    Where links cannot be led past the boxes in columns, it is left to Graphviz to place them.
    """
    if any(box.cell is not None for box in diagram.boxes):
        return _placed_by_step(diagram)
    labels = sum(arrow.label is not None for arrow in diagram.arrows)
    for attempt in range(_ATTEMPTS if labels <= _FEW_LABELS else _ATTEMPTS_WITH_MANY):
        drawing = _Drawing(diagram, attempt)
        if drawing.blocked:
            break
        if drawing.clear:
            return drawing.diagram()
    bare = replace(diagram, arrows=tuple(replace(arrow, label=None, gradient=None) for arrow in diagram.arrows))
    drawing = _Drawing(bare, 0)
    return diagram if drawing.blocked else drawing.diagram()


_MOST_FAR = 60
"""Of so many links over several columns each is led past all others; more are left to Graphviz."""

_MOST_UNROLLED = 60
"""A recurrent net of more links is left to Graphviz: to lead each past all others takes too long."""


def _placed_by_step(diagram: Diagram) -> Diagram:
    """Time steps side by side; a label that finds no room is left out where the same weight is named at another step."""
    free: list[_Unrolled] = []
    for attempt in range(_STEP_ATTEMPTS) if len(diagram.arrows) <= _MOST_UNROLLED else ():
        drawing = _Unrolled(diagram, attempt)
        free += [] if drawing.blocked else [drawing]
        if not drawing.blocked and not drawing.left_out:
            return drawing.diagram()  # none can be better
    if free:
        return min(free, key=lambda drawing: (drawing.lost, drawing.left_out)).diagram()
    flat = tuple(replace(box, cell=None) for box in diagram.boxes)
    return replace(diagram, boxes=flat)


def finished(diagram: Diagram, digits: Callable[[Number], Expr]) -> Diagram:
    """The drawing with the digits of its numbers chosen; a network gets its places only then, for they need room."""
    shown = with_digits(diagram, digits)
    if shown.view == "grid":
        return grid_placed(shown)
    return placed(shown) if any(box.column is not None for box in shown.boxes) else shown


def _columns(network: Network) -> tuple[tuple[Unit, ...], ...]:
    """The layers from left to right; in one that nobody ordered, units follow what they are computed from."""
    depth = _depths(network)
    before: dict[str, list[str]] = defaultdict(list)
    for link in network.links:
        before[link.target].append(link.source)
    by_depth: dict[int, list[Unit]] = defaultdict(list)
    for unit in network.units:
        by_depth[depth[unit.key]].append(unit)
    columns: list[tuple[Unit, ...]] = []
    height: dict[str, float] = {}
    for _, units in sorted(by_depth.items()):
        if columns and any(unit.layer is None for unit in units):
            units.sort(key=lambda unit: _mean(height[key] for key in before[unit.key] if key in height))
        height |= {unit.key: i - (len(units) - 1) / 2 for i, unit in enumerate(units)}
        columns.append(_elided(tuple(units)))
    return _narrowed(columns)


def _narrowed(columns: list[tuple[Unit, ...]]) -> tuple[tuple[Unit, ...], ...]:
    """A deep network loses its middle."""
    if len(columns) <= MOST_LAYERS:
        return tuple(columns)
    gap = Unit(Symbol("⋯", ink=Ink("⋯")), "elision")
    return (*columns[: MOST_LAYERS // 2], (gap,), *columns[-(MOST_LAYERS // 2 - 1) :])


def _depths(network: Network) -> dict[str, int]:
    if all(unit.layer is not None for unit in network.units):
        return {unit.key: unit.layer or 0 for unit in network.units}
    import networkx

    graph = to_networkx(network)
    depth: dict[str, int] = {}
    for key in networkx.topological_sort(graph):
        depth[key] = max((depth[before] + 1 for before in graph.predecessors(key)), default=0)
    return depth


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return round(sum(known) / len(known), 6) if known else 0.0


def _elided(units: tuple[Unit, ...]) -> tuple[Unit, ...]:
    if len(units) <= MOST_UNITS:
        return units
    gap = Unit(Symbol(f"⋮ {units[_SHOWN_FIRST].key}", ink=Ink("⋮")), "elision")
    return (*units[:_SHOWN_FIRST], gap, units[-1])


@dataclass(frozen=True, slots=True)
class _Gap:
    """The room between two columns, and where in it the labels stand, as a share of the way."""

    width: float
    label_at: float


class _Drawing:
    """One try at placing everything; each attempt takes more room than the one before, until nothing overlaps."""

    def __init__(self, diagram: Diagram, attempt: int):
        self.plan = diagram
        self.columns = _in_columns(diagram)
        self.biases = {arrow.target: box for arrow, box in _biases(diagram)}
        hanging = {box.id for box in self.biases.values()}
        self.links = [arrow for arrow in diagram.arrows if arrow.source not in hanging]
        self.wider, self.taller = 1 + 0.08 * attempt, 1 + 0.1 * attempt
        self.column = {box.id: i for i, boxes in enumerate(self.columns) for box in boxes}
        self.row = {b.id: (len(boxes) - 1) / 2 - i for boxes in self.columns for i, b in enumerate(boxes)}
        self._place_units()
        self._place_biases()
        self._obstacles = [*self.shapes.values(), *self.bias_shapes.values()]
        self.traces = self._traces()
        self.positions = [] if self.blocked else self._place_labels()

    # Where the units stand

    def _place_units(self) -> None:
        pitch = self._pitch()
        gaps = [self._gap(i, pitch) for i in range(len(self.columns) - 1)]
        self.pitch = self.taller * max([pitch, *(needed for _, needed in gaps)])
        self.gaps = [gap for gap, _ in gaps]
        x = 0.0
        self.shapes: dict[str, Shape] = {}
        for i, boxes in enumerate(self.columns):
            x += self.wider * self.gaps[i - 1].width if i else 0.0
            for box in boxes:
                self.shapes[box.id] = shape_of(box, (x, self.row[box.id] * self.pitch))

    def _pitch(self) -> float:
        """The least distance between rows: a unit, its bias, and some air."""
        tallest = max((len(boxes) for boxes in self.columns), default=0)
        below = max((_size(box).height for box in self.biases.values()), default=0.0)
        units = max((_size(box).height for boxes in self.columns for box in boxes if box.kind != "elision"), default=0)
        air = _ROW_AIR if tallest <= MOST_UNITS // 2 else _TIGHT_AIR
        return units + (_BIAS_GAP + below if self.biases else 2 * air) + air

    def _gap(self, left: int, pitch: float) -> tuple[_Gap, float]:
        """The best room between two columns, and the pitch that it needs."""
        columns = (self.columns[left], self.columns[left + 1])
        half = [max(_size(box).width for box in boxes) / 2 for boxes in columns]
        for i, boxes in enumerate(columns):
            half[i] = max([half[i], *(_size(self.biases[b.id]).width / 2 for b in boxes if b.id in self.biases)])
        tallest = max(len(boxes) for boxes in columns)
        small = self.plan.scale < 1
        least = sum(half) + (_LEAST_SMALL_ARROW if small else _LEAST_ARROW)
        least = max(least, (0.25 if small else 0.4) * pitch * (tallest - 1), 0.0 if small else _LEAST_COLUMN)
        between = {box.id for boxes in columns for box in boxes}
        links = [link for link in self.links if link.source in between and link.target in between]
        labels = [link for link in links if link.label is not None]
        labels += [link for link in self.links if link.label is not None and self.column[link.source] == left]
        if not labels:
            return _Gap(least, 0.33), pitch
        rects = [arrow_label_rect(link, (0, 0)) for link in labels]
        width = max(rect.right for rect in rects) * 2
        tall = max(rect.top - rect.bottom + _air_about(link) for rect, link in zip(rects, labels, strict=True))
        ways = {(self.row[link.source], self.row[link.target]) for link in links if link.label is not None}
        choices = []
        for percent in range(36, 13, -1):
            share = percent / 100
            room = max(least, (half[0] + width / 2 + 9) / share, (half[1] + width / 2 + 14) / (1 - share))
            needed = tall / max(_least_distance([(1 - share) * a + share * b for a, b in ways]), 1e-3)
            cost = room + 2 * tallest * max(0.0, needed - pitch) + 60 * max(0.0, share - 0.3)
            choices.append((cost, -share, room, needed))
        _, share, room, needed = min(choices)
        return _Gap(room, -share), max(needed, pitch)

    def _place_biases(self) -> None:
        self.bias_shapes: dict[str, Shape] = {}
        for key, box in self.biases.items():
            x, y = self.shapes[key].centre
            y -= self.shapes[key].height / 2 + _BIAS_GAP + _size(box).height / 2
            self.bias_shapes[box.id] = shape_of(box, (x, y))

    # How the links run

    def _traces(self) -> list[Trace]:
        together: dict[tuple[str, str], list[int]] = defaultdict(list)
        for i, link in enumerate(self.links):
            together[link.source, link.target].append(i)
        self.bends = [0.0] * len(self.links)
        far = sum(abs(self.column[link.source] - self.column[link.target]) != 1 for link in self.links)
        self.blocked = far > _MOST_FAR
        if self.blocked:
            return []
        for (source, target), places in together.items():
            base = self._clear_bend(source, target)
            for position, place in enumerate(places):
                # the first of parallel links runs on top
                self.bends[place] = base + _PARALLEL * ((len(places) - 1) / 2 - position)
        curves = (self._seen(k.source, k.target, bend) for k, bend in zip(self.links, self.bends, strict=True))
        return [tuple(curve.segments()) for curve in curves]

    def _way(self, source: str, target: str, bend: float) -> Curve:
        return curve_between(self.shapes[source].centre, self.shapes[target].centre, bend)

    def _seen(self, source: str, target: str, bend: float) -> Curve:
        return clipped(self._way(source, target, bend), self.shapes[source], self.shapes[target])

    def _clear_bend(self, source: str, target: str) -> float:
        """The bend at which a way passes by every box, and, over several columns, rather around the other links."""
        near = abs(self.column[source] - self.column[target]) == 1
        ends = (self.shapes[source], self.shapes[target])
        others = [
            tile.grown(0.5 if near else 4.0) for shape in self._obstacles if shape not in ends for tile in shape.tiles
        ]
        lines = [
            line
            for link, bend in zip(self.links, self.bends, strict=True)
            if not near and not {link.source, link.target} & {source, target}
            for line in self._way(link.source, link.target, bend).segments()
        ]
        best, least = 0.0, math.inf
        for bend in (sign * 6.0 * step for step in range(50) for sign in (1, -1)):
            if abs(bend) >= least:
                break
            way = list(self._way(source, target, bend).segments())
            if not any(cut_by(*piece, rect) for piece in way for rect in others):
                crossed = sum(any(_cross(piece, line) for piece in way) for line in lines)
                best, least = min((best, least), (bend, abs(bend) + _CROSSING_COST * crossed), key=lambda way: way[1])
        self.blocked = self.blocked or least == math.inf
        return best

    # Where the labels stand

    def _place_labels(self) -> list[Point | None]:
        self.clear = True
        self._inks = [arrow_label_rect(link, (0.0, 0.0)) for link in self.links]
        self._labels: list[Rect] = []
        return [self._place_label(i) for i in range(len(self.links))]

    def _place_label(self, place: int) -> Point | None:
        link = self.links[place]
        if link.label is None:
            return None
        way = self._way(link.source, link.target, self.bends[place])
        best = min(
            ((self._faults(place, way.at(t)), order, t) for order, t in enumerate(self._choices(link))),
            key=lambda choice: choice[:2],
        )
        self.clear = self.clear and best[0] == 0
        centre = way.at(best[2])
        self._labels.append(self._inks[place].moved(centre))
        return centre

    def _choices(self, link: Arrow) -> list[float]:
        """Places along the way: first in line with the labels of the other links from this column."""
        left, right = self.shapes[link.source].centre[0], self.shapes[link.target].centre[0]
        column = min(self.column[link.source], len(self.gaps) - 1)
        gap = self.gaps[column]
        first = gap.label_at * gap.width * self.wider / (right - left) if right > left else gap.label_at
        return [first, *(first * (1 + 0.1 * i * sign) for i in range(1, 9) for sign in (-1, 1)), 0.4, 0.5]

    def _faults(self, place: int, centre: Point) -> int:
        """What a label would run into there."""
        rect = self._inks[place].moved(centre)
        roomy = rect.grown(2.0, _air_about(self.links[place]) - _LABEL_AIR + 1.0)
        faults = sum(roomy.meets(other) for other in self._labels)
        faults += sum(rect.grown(3.0, 1.5).meets(shape.rect) for shape in self._obstacles)
        faults += sum(_runs_into(trace, rect.grown(0.6)) for i, trace in enumerate(self.traces) if i != place)
        return faults

    def diagram(self) -> Diagram:
        """The boxes and arrows of the plan, in its order."""
        shapes = {**self.shapes, **self.bias_shapes}
        boxes = tuple(replace(box, position=shapes[box.id].centre) for box in self.plan.boxes)
        links = iter(zip(self.positions, self.bends, strict=True))
        arrows = tuple(
            arrow if arrow.source in self.bias_shapes else _at(arrow, *next(links)) for arrow in self.plan.arrows
        )
        return replace(self.plan, boxes=boxes, arrows=arrows, placed=True)


class _Unrolled(_Drawing):
    """A recurrent net: steps from left to right, each unit above what it is computed from; equal parts stand in one height."""

    left_out = 0

    @property
    def lost(self) -> int:
        """How many weights are named nowhere."""
        named = [(link.label, place) for link, place in zip(self.links, self.positions, strict=True) if link.label]
        return len({label for label, _ in named} - {label for label, place in named if place is not None})

    def _place_units(self) -> None:
        boxes = [box for column in self.columns for box in column]
        height = max(_size(box).height for box in boxes)
        widest = max(_size(box).width for box in boxes)
        labels = [arrow_label_rect(link, (0.0, 0.0)) for link in self.links if link.label is not None]
        label = max((rect.right - rect.left for rect in labels), default=0.0)
        tallest = max((rect.top - rect.bottom for rect in labels), default=0.0)
        self.pitch = self.taller * (height + max(20.0, tallest + 18.0))
        self.gaps = [_Gap(widest, 0.4)] * max(1, len(self.columns) - 1)
        bottom = self._bottoms(boxes, height + 12.0)
        self.shapes: dict[str, Shape] = {}
        left = 0.0
        for column in self.columns:
            across = 1 + max(_cell(box).column for box in column)
            width = across * widest + (across - 1) * 0.5 * widest
            for box in column:
                cell = _cell(box)
                own = 1 + max(_cell(other).column for other in column if _cell(other).row == cell.row)
                x = left + width / 2 + (cell.column - (own - 1) / 2) * 1.5 * widest
                self.shapes[box.id] = shape_of(box, (x, bottom[box.id]))
            left += width + self.wider * (label + 34.0)

    def _bottoms(self, boxes: list[Box], apart: float) -> dict[str, float]:
        """The height of each box: entries of one array stand above each other, the first on top."""
        stacks: dict[tuple[int, int, int], list[str]] = defaultdict(list)
        for box in boxes:
            stacks[_cell(box)].append(box.id)
        tallest: dict[int, int] = defaultdict(int)
        for (_, row, _), ids in stacks.items():
            tallest[row] = max(tallest[row], len(ids))
        start = {row: row * self.pitch + apart * sum(tallest[r] - 1 for r in range(row)) for row in sorted(tallest)}
        found: dict[str, float] = {}
        for (_, row, _), ids in stacks.items():
            middle = start[row] + apart * (tallest[row] - 1) / 2
            found |= {key: middle + apart * ((len(ids) - 1) / 2 - i) for i, key in enumerate(ids)}
        return found

    def _place_biases(self) -> None:
        self.bias_shapes: dict[str, Shape] = {}
        for unit, box in self.biases.items():
            size, own = _size(box), self.shapes[unit]
            x = own.centre[0] + own.width / 2 + size.width / 2 + 4
            y = own.centre[1] - own.height / 2 - size.height / 2 - 2
            self.bias_shapes[box.id] = shape_of(box, (x, y))

    def _choices(self, link: Arrow) -> list[float]:
        return [0.5, 0.45, 0.55, 0.4, 0.6, 0.35, 0.65, 0.3, 0.7, 0.25, 0.75]

    def _place_label(self, place: int) -> Point | None:
        link = self.links[place]
        if link.label is None:
            return None
        way = self._way(link.source, link.target, self.bends[place])
        found = next((t for t in self._choices(link) if not self._faults(place, way.at(t))), None)
        if found is None:
            self.left_out += 1
            return None
        self._labels.append(self._inks[place].moved(way.at(found)))
        return way.at(found)


def _cell(box: Box) -> Cell:
    assert box.cell is not None, "a unit of an unrolled net has a step"
    return box.cell


def _at(link: Arrow, position: Point | None, bend: float) -> Arrow:
    return replace(link, label_position=position, bend=bend)


def _in_columns(diagram: Diagram) -> list[list[Box]]:
    """The boxes of each layer, in their order."""
    columns: dict[int, list[Box]] = defaultdict(list)
    for box in diagram.boxes:
        if box.column is not None:
            columns[box.column].append(box)
    return [columns[i] for i in sorted(columns)]


def _biases(diagram: Diagram) -> list[tuple[Arrow, Box]]:
    """Each arrow from a bias to its unit, and the bias."""
    hanging = {box.id: box for box in diagram.boxes if box.kind == "bias"}
    return [(arrow, hanging[arrow.source]) for arrow in diagram.arrows if arrow.source in hanging]


def _air_about(link: Arrow) -> float:
    """The least distance between labels, one above the other; of two lines they need more to be told apart."""
    return _LABEL_AIR if link.gradient is None else 2 * _LABEL_AIR


def _size(box: Box) -> Shape:
    return shape_of(box, (0.0, 0.0))


def _runs_into(trace: Trace, rect: Rect) -> bool:
    return any(cut_by(start, end, rect) for start, end in trace)


def _cross(a: tuple[Point, Point], b: tuple[Point, Point]) -> bool:
    """Whether two segments cut each other."""
    return _turn(*a, b[0]) != _turn(*a, b[1]) and _turn(*b, a[0]) != _turn(*b, a[1])


def _turn(a: Point, b: Point, c: Point) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0])


def _least_distance(heights: Sequence[float]) -> float:
    ordered = sorted(heights)
    return min((b - a for a, b in pairwise(ordered)), default=1e9)
