"""Blocks of a round -> the same with drawings: a small one of the path beside its derivation, the network at its stages; no digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from graphdsl.diagram import Box, Diagram
from graphdsl.document import Block, Derivation, Figure, Inlines, Math, Section, Text
from graphdsl.expr import Symbol
from graphdsl.graph import Graph, entry_symbols
from graphdsl.grids import grids_of
from graphdsl.phrases import Phrases
from graphdsl.report import Drawn
from graphdsl.trace import Round, Trace
from graphdsl.views import ViewError, alt, path, small, view

_STAGES = {"forward": ("values",), "backward": ("values", "gradients"), "update": ("updated",)}
"""What the network shows at each part of a round."""


@dataclass(frozen=True)
class Drawings:
    """The drawings of a page beside the one in front."""

    trace: Trace
    phrases: Phrases
    wanted: Drawn

    @cached_property
    def network(self) -> Diagram | None:
        """The network as it is drawn beside derivations."""
        return small(self.trace.graph)

    def paths(self, blocks: Sequence[Block], objective: Symbol, round_: Round) -> tuple[Block, ...]:
        """In the first round, beside each derivation the way of its first weight to the objective."""
        if self.wanted == "none" or round_.number != 1:
            return tuple(blocks)
        weights = _weights(self.trace.graph)
        return tuple(self._pathed(block, objective, weights) for block in blocks)

    def _pathed(self, block: Block, objective: Symbol, weights: dict[str, Symbol]) -> Block:
        match block:
            case Section():
                inner = tuple(self._pathed(part, objective, weights) for part in block.blocks)
                return replace(block, blocks=inner)
            case Derivation():
                return replace(block, figure=self._path(block, objective, weights))
            case _:
                return block

    def _path(self, block: Derivation, objective: Symbol, weights: dict[str, Symbol]) -> Figure | None:
        anchors = {f"d{objective.key}/d{key}@1": symbol for key, symbol in weights.items()}
        first = next((anchors[line.anchor] for line in block.lines if line.anchor in anchors), None)
        if first is None or self.network is None:
            return None
        drawn = path(self.trace.graph, self.network, first.key, objective)
        return None if drawn is None else Figure(drawn, _way(first, drawn), alt(drawn, self.phrases))

    def stage(self, part: str, round_: Round) -> tuple[Block, ...]:
        """What is drawn at a part of a round: the first window or weights at their first use, the network where all is wanted."""
        if self.wanted == "none" or part not in _STAGES:
            return ()
        grids = self._grids() if part == "forward" and round_.number == 1 else ()
        return (*grids, *(self._network(part, round_) if self.wanted == "all" else ()))

    def _grids(self) -> tuple[Block, ...]:
        graph = self.trace.graph
        found = grids_of(graph)
        if found is None or graph.model.letters:
            return ()
        caption = self.phrases.say(f"{found.kind}_caption", name=Math(found.name))
        drawn = view(self.trace, "grid")
        return (Figure(drawn, caption, alt(drawn, self.phrases)),)

    def _network(self, part: str, round_: Round) -> tuple[Block, ...]:
        try:
            drawn = view(self.trace, "network", round_.number, _STAGES[part])
        except ViewError:
            return ()
        bare = view(self.trace, "network")
        return (Figure(drawn, self.phrases.say(f"stage_{part}"), alt(bare, self.phrases)),)


def _weights(graph: Graph) -> dict[str, Symbol]:
    """The trained entries; where nothing is trained, all data."""
    quantities = graph.model.quantities
    trained = [q for q in quantities if q.trained] or [q for q in quantities if q.kind == "param"]
    return {entry.key: entry for q in trained for entry in entry_symbols(q.symbol)}


def _way(start: Symbol, diagram: Diagram) -> Inlines:
    """w₁ → H₁ → H₃, H₄ → y₁ → E: what stands in each column of the way."""
    columns: dict[int, list[Box]] = {}
    for box in diagram.boxes:
        if box.tone == "strong" and box.column is not None:
            columns.setdefault(box.column, []).append(box)
    words: list[Text | Math] = [Math(start)]
    for _, boxes in sorted(columns.items()):
        for i, box in enumerate(boxes):
            words.append(Text(", " if i else " → "))
            words += [Math(box.label)] if box.label is not None else []
    return tuple(words)
