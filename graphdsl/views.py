"""Trace -> Diagram: the network or the computation graph of one round, with what is asked for; chooses no digits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from graphdsl.circuit import WIRE, circuit_diagram, elementary_circuit, named_circuit, wire_gradients, wire_values
from graphdsl.depict import bias_id, placed, plan
from graphdsl.diagnostics import did_you_mean
from graphdsl.diagram import Arrow, Box, BoxKind, Diagram, Tone, has_numbers
from graphdsl.expr import Expr, Number, Partial, Relation, Symbol, symbols
from graphdsl.graph import Graph, entry_symbols
from graphdsl.grids import grid_diagram, grids_of
from graphdsl.lettering import plain
from graphdsl.names import Ink, canonical
from graphdsl.network import network_of
from graphdsl.numbers import Num
from graphdsl.phrases import Phrases
from graphdsl.syntax import DataKind
from graphdsl.trace import Sample, Trace

if TYPE_CHECKING:
    import networkx

Kind = Literal["network", "graph", "grid"]

SHOWN = ("values", "gradients", "updated")
PATH = "path:"

MOST_GATES = 400
"""A circuit of more single operations is drawn with a box for each name, and one of more names not at all."""


class ViewError(ValueError):
    """A drawing that was asked for and does not exist; says why."""

    def __init__(self, message: str, hint: str = ""):
        self.message = message
        self.hint = hint
        super().__init__(f"{message}; {hint}" if hint else message)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a drawing is to show, and where its paths begin."""

    values: bool
    gradients: bool
    updated: bool
    starts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Reading:
    """The numbers of a round: carried ones for what is computed from them, and which of them are data."""

    sample: Sample
    objective: Symbol | None
    data: frozenset[str]

    @property
    def gradients(self) -> Mapping[str, Num]:
        return self.sample.gradients[self.objective.key] if self.objective is not None else {}

    def value(self, key: str, value: Num) -> Number:
        return Number(value.value, value.exact, key if key[0] != "%" else "", key in self.data, ratio=value.ratio)

    def gradient(self, key: str, value: Num) -> Number:
        assert self.objective is not None
        return Number(
            value.value, value.exact, f"d{self.objective.key}/d{key}" if key[0] != "%" else "", False, ratio=value.ratio
        )


def view(
    trace: Trace,
    kind: Kind = "network",
    step: int = 1,
    show: Iterable[str] = (),
    elementary: bool = False,
    objective: str = "",
) -> Diagram:
    """The drawing of a round; step n + 1 is the pass after the last update. `show`: values, gradients, updated, path:NAME.

    With numbers in it, it has no digits and no places yet: `depict.finished` gives both.
    """
    asked = _asked(trace.graph, show)
    aim = _objective(trace.graph, objective)
    if (asked.gradients or asked.starts) and aim is None:
        raise ViewError("nothing is differentiated here", "a `loss` or a `gradient` says what has gradients")
    reading = _Reading(_sample(trace, step, asked), aim if asked.gradients else None, _data(trace.graph, step, asked))
    return _VIEWS[kind](trace.graph, reading, asked, aim, elementary)


MOST_ON_PATH = 24
"""A network of more units has no small drawing beside a derivation."""

MOST_DEEP = 7
"""Nor has one of more columns."""

_SMALL = 0.6
"""The size of a small drawing: its names have six points."""


_MOST_NAMES = 400


def small(graph: Graph) -> Diagram | None:
    """The plan of a network that can be drawn small, without its numbers and places; nothing of a larger one."""
    network = network_of(graph, with_loss=True) if len(graph.symbols) <= _MOST_NAMES else None
    if network is None or len(network.units) > MOST_ON_PATH:
        return None
    planned = plan(network)
    deep = 1 + max(box.column or 0 for box in planned.boxes)
    elided = any(box.kind == "elision" for box in planned.boxes)
    return None if deep > MOST_DEEP or elided else replace(planned, scale=_SMALL)


def path(graph: Graph, planned: Diagram, start: str, aim: Symbol) -> Diagram | None:
    """A planned drawing with the ways from an entry to the objective, without labels; nothing where there are none."""
    try:
        way = _way(graph.entries, (start,), aim)
    except ViewError:
        return None
    drawn = _followed(planned, (start,), way)
    boxes = tuple(box for box in drawn.boxes if box.kind != "bias")
    kept = {box.id for box in boxes}
    arrows = tuple(replace(a, label=None) for a in drawn.arrows if a.source in kept)
    if not any(arrow.tone == "strong" for arrow in arrows):
        return None
    found = placed(replace(drawn, boxes=boxes, arrows=arrows))
    return found if found.placed else None


def _asked(graph: Graph, show: Iterable[str]) -> _Asked:
    words = set(show)
    starts: list[str] = []
    for word in sorted(words - set(SHOWN)):
        if not word.startswith(PATH):
            raise ViewError(f"nothing is called `{word}` to show", did_you_mean(word, (*SHOWN, PATH)))
        starts += _entries(graph, word.removeprefix(PATH).strip())
    if {"gradients", "updated"} <= words:
        hint = "ask for the gradients of a step, or for what it made of the weights"
        raise ViewError("`gradients` belong to the pass before an update, `updated` to the one after it", hint)
    return _Asked("values" in words, "gradients" in words, "updated" in words, tuple(starts))


def _entries(graph: Graph, name: str) -> list[str]:
    """The entries that a name stands for: one, or all of a vector or matrix."""
    model = graph.model
    whole = (*(quantity.symbol for quantity in model.quantities), *(node.symbol for node in model.nodes))
    known = {canonical(s.key): [entry.key for entry in entry_symbols(s)] for s in whole}
    known |= {canonical(key): [key] for key in graph.symbols}
    key = canonical(name).replace(" ", "")
    if key not in known:
        raise ViewError(f"no path from `{name}`: nothing is called that", did_you_mean(key, known))
    return known[key]


def _objective(graph: Graph, name: str) -> Symbol | None:
    """What gradients are of: as named, else the loss, else the first."""
    model = graph.model
    if name:
        found = next((o for o in model.objectives if canonical(o.key) == canonical(name)), None)
        if found is None:
            raise ViewError(f"`{name}` is not differentiated", did_you_mean(name, [o.key for o in model.objectives]))
        return found
    return model.loss or next(iter(model.objectives), None)


def _sample(trace: Trace, step: int, asked: _Asked) -> Sample:
    rounds = trace.count
    passes = rounds + (trace.final is not None)
    if not 1 <= step <= passes:
        raise ViewError(
            f"there is no step {step}", f"the steps are 1 to {passes}" if passes > 1 else "there is one step"
        )
    if asked.updated and (trace.final is None or step > rounds):
        raise ViewError(f"step {step} has no update" if trace.final else "nothing is trained here")
    if asked.gradients and step > rounds:
        raise ViewError(
            "after the last update no gradients are computed", f"the steps with gradients are 1 to {rounds}"
        )
    place = step + 1 if asked.updated else step
    if place <= rounds:
        found = trace.round(place)
        if found is None:
            kept = ", ".join(str(r.number) for r in trace.rounds)
            raise ViewError(f"step {place} was computed and not kept", f"kept are {kept}")
        return found.samples[0]
    assert trace.final is not None
    return trace.final


def _data(graph: Graph, step: int, asked: _Asked) -> frozenset[str]:
    """The entries whose values stand in the text; after an update, without what was trained."""
    fresh = step == 1 and not asked.updated
    return frozenset(
        entry.key for q in graph.model.quantities if fresh or not q.trained for entry in entry_symbols(q.symbol)
    )


def _key(aim: Symbol | None, shown: bool) -> Expr | None:
    return Partial(aim, Symbol("…", ink=Ink("…"))) if shown and aim is not None else None


def _way(graph: networkx.DiGraph, starts: Iterable[str], aim: Symbol | None) -> set[str]:
    """Everything on the paths from some entries to the objective."""
    import networkx as nx

    assert aim is not None, "without an objective there is no path to it"
    towards = nx.ancestors(graph, aim.key) | {aim.key} if aim.key in graph else set()
    found: set[str] = set()
    for start in starts:
        if start in towards:
            found |= (nx.descendants(graph, start) | {start}) & towards
    if not found:
        names = ", ".join(f"`{start}`" for start in starts)
        raise ViewError(f"no path from {names} leads to `{aim.key}`")
    return found


# The network


def _network(graph: Graph, reading: _Reading, asked: _Asked, aim: Symbol | None, elementary: bool) -> Diagram:
    bare = not (asked.values or asked.gradients or asked.starts)
    network = network_of(graph, with_loss=not bare)
    if network is None:
        raise ViewError("there is no network to draw here", "it has too many units, or none" if graph.symbols else "")
    diagram = plan(network)
    if asked.starts:
        diagram = _followed(diagram, asked.starts, _way(graph.entries, asked.starts, aim))
    diagram = _numbered(graph, diagram, reading, asked)
    diagram = replace(diagram, key=_key(aim, asked.gradients))
    return diagram if has_numbers(diagram) else placed(diagram)


def _numbered(graph: Graph, diagram: Diagram, reading: _Reading, asked: _Asked) -> Diagram:
    """Values in the boxes and at the names of weights and biases; of what is pale, nothing."""
    values = reading.sample.values
    trained = _of_kind(graph, "param")
    loss = graph.model.loss
    data = _of_kind(graph, "input", "target", "const") if loss is not None else frozenset()

    def value(key: str) -> Number | None:
        wanted = asked.values or (asked.updated and key in trained)
        return reading.value(key, values[key]) if wanted and key in values else None

    def gradient(key: str) -> Number | None:
        own = key not in data and (loss is None or key != loss.key)
        return reading.gradient(key, reading.gradients[key]) if own and key in reading.gradients else None

    def labelled(label: Expr | None) -> tuple[Expr | None, Number | None]:
        if not isinstance(label, Symbol):
            return label, None
        number = value(label.key)
        return (label if number is None else Relation((label, number), ("=",))), gradient(label.key)

    def box(box: Box) -> Box:
        if box.tone == "pale" or box.kind == "elision":
            return box
        if box.kind == "bias":
            label, slope = labelled(box.label)
            return replace(box, label=label, gradient=slope)
        return replace(box, value=value(box.id), gradient=gradient(box.id))

    def arrow(arrow: Arrow) -> Arrow:
        label, slope = labelled(arrow.label)
        return replace(arrow, label=label, gradient=slope)

    return replace(diagram, boxes=tuple(map(box, diagram.boxes)), arrows=tuple(map(arrow, diagram.arrows)))


def _of_kind(graph: Graph, *kinds: DataKind) -> frozenset[str]:
    """The entries of quantities of some kinds."""
    return frozenset(e.key for q in graph.model.quantities if q.kind in kinds for e in entry_symbols(q.symbol))


def _followed(diagram: Diagram, starts: tuple[str, ...], way: set[str]) -> Diagram:
    """The paths strong, what they start from plain, everything else pale and without labels."""
    arrows = [_toned(arrow, starts, way) for arrow in diagram.arrows]
    entered = {arrow.source for arrow in arrows if arrow.tone == "strong"}
    hanging = {box.id: box for box in diagram.boxes if box.kind == "bias"}
    kept = {key for key, box in hanging.items() if isinstance(box.label, Symbol) and box.label.key in starts}

    def tone(box: Box) -> Tone:
        return "strong" if box.id in way or box.id in kept else "plain" if box.id in entered else "pale"

    boxes = [replace(box, tone=tone(box)) for box in diagram.boxes if box.id not in hanging or box.id in kept]
    arrows = [arrow for arrow in arrows if arrow.source not in hanging or arrow.source in kept]
    return replace(diagram, boxes=tuple(boxes), arrows=tuple(arrows))


def _toned(arrow: Arrow, starts: tuple[str, ...], way: set[str]) -> Arrow:
    names = symbols(arrow.label) if arrow.label is not None else {}
    on_way = arrow.target in way and (arrow.source in way or not names.keys().isdisjoint(starts))
    if on_way or (arrow.source.startswith(bias_id("")) and arrow.target in way):
        return replace(arrow, tone="strong")
    return replace(arrow, tone="pale", label=None)


# The computation graph


def _graph(graph: Graph, reading: _Reading, asked: _Asked, aim: Symbol | None, elementary: bool) -> Diagram:
    if len(graph.symbols) > MOST_GATES:
        many = f"{len(graph.symbols):,}"
        raise ViewError(f"a computation graph of {many} names would not be readable", f"up to {MOST_GATES} are drawn")
    circuit = elementary_circuit(graph) if elementary else named_circuit(graph)
    if len(circuit.gates) > MOST_GATES:
        circuit = named_circuit(graph)
    values = wire_values(circuit, reading.sample.values)
    slopes = wire_gradients(circuit, values, reading.gradients) if asked.gradients else {}
    trained = _of_kind(graph, "param")
    seen = values if asked.values else {k: v for k, v in values.items() if asked.updated and k in trained}
    way = _way(circuit.graph, asked.starts, aim) if asked.starts else None
    return circuit_diagram(
        circuit,
        {key: reading.value(key, value) for key, value in seen.items()},
        {key: reading.gradient(key, value) for key, value in slopes.items()},
        way,
        _key(aim, asked.gradients),
    )


# Windows and weights as grids


def _grid(graph: Graph, reading: _Reading, asked: _Asked, aim: Symbol | None, elementary: bool) -> Diagram:
    found = grids_of(graph)
    if found is None:
        hint = "convolution, pooling and a softmax by rows are drawn so, up to ten by ten"
        raise ViewError("nothing is drawn as grids here", hint)
    return grid_diagram(graph, found, reading.sample.values, reading.data)


_VIEWS = {"network": _network, "graph": _graph, "grid": _grid}


# In words


MOST_TOLD = 40
"""So many names of a kind are told in words."""

_TOLD: Mapping[str, tuple[BoxKind, ...]] = {
    "alt_inputs": ("input", "datum"),
    "alt_units": ("unit",),
    "alt_outputs": ("output",),
    "alt_parameters": ("bias", "parameter", "name"),
    "alt_gates": ("operation", "formula"),
    "alt_results": ("result",),
    "alt_grids": ("title",),
}


_ALT = {"network": "network_alt", "graph": "circuit_alt", "grid": "grid_alt"}


def alt(diagram: Diagram, phrases: Phrases) -> str:
    """What a finished drawing shows, in words: its boxes by kind, the weights on its arrows, the path that it follows."""
    wires = {box.id.removeprefix(WIRE): box for box in diagram.boxes if box.kind == "wire"}
    told: list[str] = []
    for phrase, kinds in _TOLD.items():
        boxes = [box for box in diagram.boxes if box.kind in kinds]
        names = [_told(box.label, *_numbers(wires.get(box.id, box)), phrases) for box in boxes]
        told += _listed(phrases, phrase, names)
    names = [_told(arrow.label, None, arrow.gradient, phrases) for arrow in diagram.arrows if arrow.label is not None]
    told += _listed(phrases, "alt_weights", list(dict.fromkeys(names)))
    told += _listed(phrases, "alt_path", list(dict.fromkeys(map(_name, _strong(diagram)))))
    return phrases.words(_ALT[diagram.view], units="; ".join(told))


def _strong(diagram: Diagram) -> list[Expr]:
    """What the path leads along: the weight with which it starts, and then the boxes."""
    strong = {box.id for box in diagram.boxes if box.tone == "strong"}
    first = [arrow.label for arrow in diagram.arrows if arrow.tone == "strong" and arrow.source not in strong]
    labels = [*first, *(box.label for box in diagram.boxes if box.id in strong)]
    return [label for label in labels if label is not None]


def _name(label: Expr) -> str:
    return plain(label.members[0] if isinstance(label, Relation) else label)


def _numbers(box: Box) -> tuple[Expr | None, Expr | None]:
    return box.value, box.gradient


def _told(label: Expr | None, value: Expr | None, gradient: Expr | None, phrases: Phrases) -> str:
    """H1 = 1.5 (gradient 7); a wire that says its name says it itself."""
    words = plain(label) if label is not None else ""
    if isinstance(value, Number):
        words += f" {'=' if value.exact else '≈'} {plain(value)}"
    elif value is not None:
        words += f": {plain(value)}"
    return words if gradient is None else phrases.words("alt_gradient", name=words, gradient=plain(gradient))


def _listed(phrases: Phrases, phrase: str, names: list[str]) -> list[str]:
    shown = names if len(names) <= MOST_TOLD else [*names[: MOST_TOLD - 1], "…", names[-1]]
    return [phrases.words(phrase, names=", ".join(shown))] if names else []
