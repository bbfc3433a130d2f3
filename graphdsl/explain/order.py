"""Graph + objective -> what the backward pass visits, level by level from the output down; knows no words."""

from __future__ import annotations

from dataclasses import dataclass

from graphdsl.graph import Graph, entry_symbols
from graphdsl.model import Model


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the net: its units, their arguments, and the data that nothing below uses."""

    units: tuple[str, ...]
    arguments: tuple[str, ...]
    data: tuple[str, ...]


@dataclass(frozen=True)
class Order:
    """The levels of a graph, as the backward pass visits them."""

    graph: Graph

    def levels(self, objective: str) -> list[Level]:
        """From just under the objective down to the data."""
        wanted = self._wanted(objective)
        data = [key for key in wanted if key not in self.graph.computed]
        computed = [key for key in wanted if key in self.graph.computed and key != objective]
        found: list[Level] = []
        for depth in sorted(
            {self.graph.depth[key] for key in wanted} | {self._lowest_use(k, wanted) for k in data}, reverse=True
        ):
            here = [key for key in computed if self.graph.depth[key] == depth]
            level = Level(
                tuple(key for key in here if not self.graph.is_argument(key)),
                tuple(key for key in here if self.graph.is_argument(key)),
                tuple(key for key in data if self._lowest_use(key, wanted) == depth),
            )
            if level.units or level.arguments or level.data:
                found.append(level)
        return found

    def _lowest_use(self, key: str, wanted: dict[str, None]) -> int:
        return min(self.graph.depth[use] for use in self.graph.entries.successors(key) if use in wanted)

    def _wanted(self, objective: str) -> dict[str, None]:
        """Every entry whose derivative leads to one that is asked for, in the order of the text."""
        import networkx as nx

        entries = self.graph.entries
        above = nx.ancestors(entries, objective) | {objective}
        leaves = [key for key in asked(self.graph.model) if key in above]
        reach: set[str] = set(leaves)
        for leaf in leaves:
            reach |= nx.descendants(entries, leaf)
        return {key: None for key in self.graph.symbols if key in reach & above}


def asked(model: Model) -> list[str]:
    """The entries whose derivatives are asked for: what is trained, or what `wrt` says, or all data of a circuit."""
    if model.wrt:
        return [entry.key for symbol in model.wrt for entry in entry_symbols(symbol)]
    if model.training is None and (wanted := _wanted_derivatives(model)):
        return wanted
    trained = [q for q in model.quantities if q.trained] if model.loss else []
    chosen = trained or [q for q in model.quantities if q.kind != "target" or not model.loss]
    return [entry.key for q in chosen for entry in entry_symbols(q.symbol)]


def _wanted_derivatives(model: Model) -> list[str]:
    """The entries by which derivatives are asked for; none where all gradients are."""
    asked_for = [wanted for task in model.tasks for wanted in task.wanted]
    if any(wanted.what == "gradients" for wanted in asked_for):
        return []
    tensors = {q.symbol.key: q.symbol for q in model.quantities} | {n.symbol.key: n.symbol for n in model.nodes}
    found: list[str] = []
    for wanted in asked_for:
        if wanted.wrt is not None:
            symbol = tensors.get(wanted.wrt)
            found += [wanted.wrt] if symbol is None else [entry.key for entry in entry_symbols(symbol)]
    return list(dict.fromkeys(found))
