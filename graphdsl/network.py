"""Graph -> Network: which entries are drawn as units, which weights stand on the links between them; knows no positions."""

from __future__ import annotations

from graphdsl.circuit import tensor_diagram
from graphdsl.depict import Link, Network, Unit, network_diagram
from graphdsl.diagram import BoxKind, Diagram
from graphdsl.expr import ONE, Expr, Product, Symbol
from graphdsl.graph import Graph, entry_symbols
from graphdsl.report import Style

MOST_ENTRIES = 4_000
"""Larger nets are not drawn unit by unit."""


MOST_TENSORS = 24
"""A graph of more tensors is not drawn on the page."""


def network_of(graph: Graph, with_loss: bool = False) -> Network | None:
    """The units of a net and their weighted links; of a circuit, every quantity. Nothing where there is none to draw.

    `with_loss` adds the loss behind the units that it is computed from.
    """
    if len(graph.symbols) > MOST_ENTRIES:
        return None
    units = _units(graph)
    links = tuple(link for unit in units if unit in graph.computed for link in _links(graph, unit, units))
    feeding = {link.source for link in links}
    kinds: dict[str, BoxKind] = {
        key: "input" if key not in graph.computed else "unit" if key in feeding else "output" for key in units
    }
    if not links:
        return None
    drawn = [Unit(graph.symbols[key], kinds[key], graph.depth[key], _bias(graph, key, units)) for key in units]
    loss = graph.model.loss
    if with_loss and loss is not None and loss.key not in units:
        drawn.append(Unit(graph.symbols[loss.key], "result", 1 + max(graph.depth[key] for key in units)))
        links += tuple(Link(key, loss.key) for key in _feeding(graph, loss.key, set(units)))
    return Network(tuple(drawn), links)


def figure_of(graph: Graph, style: Style) -> Diagram | None:
    """The drawing that stands on a page: the network, or, where it is written in matrices, the graph of its tensors."""
    if style == "matrix":
        return tensor_diagram(graph) if len(graph.tensors) <= MOST_TENSORS else None
    network = network_of(graph)
    return None if network is None else network_diagram(network)


def _feeding(graph: Graph, key: str, units: set[str]) -> list[str]:
    """The units that an entry is computed from, with nothing drawn between."""
    found: dict[str, None] = {}
    seen = {key}
    waiting = [key]
    while waiting:
        for parent in graph.entries.predecessors(waiting.pop()):
            if parent in units:
                found[parent] = None
            elif parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return [key for key in graph.symbols if key in found]


def _units(graph: Graph) -> list[str]:
    """Inputs and computed entries; of a net with a loss, not the loss nor what only leads to it from the targets."""
    model = graph.model
    kinds = {key: q.kind for q in model.quantities for key in (entry.key for entry in entry_symbols(q.symbol))}
    if not _is_net(graph):
        return [key for key in graph.symbols if not graph.is_argument(key) and _matters(graph, key)]
    after_targets = _after_targets(graph, [key for key, kind in kinds.items() if kind == "target"])
    hidden = after_targets | {o.key for o in model.objectives if o in (model.loss, model.penalty)}
    return [
        key
        for key in graph.symbols
        if kinds.get(key, "computed") in ("input", "computed")
        and key not in hidden
        and not graph.is_argument(key)
        and _matters(graph, key)
    ]


def _is_net(graph: Graph) -> bool:
    """Whether parameters are weights on links, rather than quantities of a circuit."""
    return graph.model.loss is not None or any(graph.is_argument(key) for key in graph.computed)


def _matters(graph: Graph, key: str) -> bool:
    return key in graph.entries and graph.entries.degree(key) > 0


def _after_targets(graph: Graph, targets: list[str]) -> set[str]:
    import networkx as nx

    return {key for target in targets if target in graph.entries for key in nx.descendants(graph.entries, target)}


def _argument(graph: Graph, key: str) -> str:
    """The entry whose formula holds the weights of a unit: its pre-activation, if it has one."""
    parents = list(graph.entries.predecessors(key))
    return parents[0] if len(parents) == 1 and graph.is_argument(parents[0]) else key


def _links(graph: Graph, key: str, units: list[str]) -> list[Link]:
    """A link from every unit that enters, with the weight that multiplies it."""
    argument = _argument(graph, key)
    drawn = set(units)
    return [
        Link(parent, key, _weight(graph.local(argument, parent), drawn))
        for parent in graph.entries.predecessors(argument)
        if parent in drawn
    ]


def _weight(local: Expr, drawn: set[str]) -> Expr | None:
    """The name that a unit is multiplied by, if it is one that has no box of its own."""
    match local:
        case Symbol() if local.key not in drawn:
            return local
        case Product() if all(isinstance(f, Symbol) and f.key not in drawn for f in local.factors):
            return local
        case _:
            return None


def _bias(graph: Graph, key: str, units: list[str]) -> Expr | None:
    """The parameter that is added to a unit's argument as it is."""
    if key not in graph.computed:
        return None
    argument = _argument(graph, key)
    added = [
        graph.symbols[parent]
        for parent in graph.entries.predecessors(argument)
        if parent not in graph.computed and parent not in units and graph.local(argument, parent) == ONE
    ]
    return added[0] if len(added) == 1 else None
