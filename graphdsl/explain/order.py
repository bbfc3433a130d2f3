"""Graph + objective -> what the backward pass visits, level by level from the output down; knows no words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

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
    """The levels of a graph's computed entries; an argument of an activation is on the level of its unit."""

    graph: Graph

    @cached_property
    def depth(self) -> dict[str, int]:
        """Levels from the data up, which have 0."""
        found: dict[str, int] = {}
        for key in self.graph.symbols:
            if key not in self.graph.computed:
                found[key] = 0
                continue
            own = 0 if self._activates(key) else 1
            found[key] = own + max((found[p] for p in self.graph.entries.predecessors(key)), default=0)
        return found

    def _activates(self, key: str) -> bool:
        """Whether an entry is the activation of a pre-activation node."""
        parents = list(self.graph.entries.predecessors(key))
        return len(parents) == 1 and self.is_argument(parents[0])

    def is_argument(self, key: str) -> bool:
        """Whether an entry is a pre-activation, made for the page or by a layer."""
        found = self.graph.computed.get(key)
        return found is not None and found[0].role == "pre-activation"

    def levels(self, objective: str) -> list[Level]:
        """From just under the objective down to the data."""
        wanted = self._wanted(objective)
        data = [key for key in wanted if key not in self.graph.computed]
        computed = [key for key in wanted if key in self.graph.computed and key != objective]
        found: list[Level] = []
        for depth in sorted(
            {self.depth[key] for key in wanted} | {self._lowest_use(k, wanted) for k in data}, reverse=True
        ):
            here = [key for key in computed if self.depth[key] == depth]
            level = Level(
                tuple(key for key in here if not self.is_argument(key)),
                tuple(key for key in here if self.is_argument(key)),
                tuple(key for key in data if self._lowest_use(key, wanted) == depth),
            )
            if level.units or level.arguments or level.data:
                found.append(level)
        return found

    def _lowest_use(self, key: str, wanted: dict[str, None]) -> int:
        return min(self.depth[use] for use in self.graph.entries.successors(key) if use in wanted)

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
    trained = [q for q in model.quantities if q.trained] if model.loss else []
    chosen = trained or [q for q in model.quantities if q.kind != "target" or not model.loss]
    return [entry.key for q in chosen for entry in entry_symbols(q.symbol)]
