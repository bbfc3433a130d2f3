"""Graph -> the derivatives that have a δ, one for each unit, and what each is called; computes no number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from graphdsl.document import Item, Math, Note
from graphdsl.expr import Call, Partial, Symbol, equals, symbols, walk
from graphdsl.graph import Graph, entry_symbols
from graphdsl.names import Ink, ink_of
from graphdsl.phrases import Phrases

DELTA = "δ"


def deltas(graph: Graph) -> dict[str, Ink]:
    """The entries whose derivative of the loss is a unit's δ: its pre-activation, or, where it has none, the unit itself.

    A unit without a pre-activation is what is computed from parameters, each to the first power. δ = ∂E/∂z as in Bishop
    2006, section 5.3, and in Nielsen 2015, chapter 2. The entries of a matrix
    that the author computed are no units.
    """
    if graph.model.loss is None:
        return {}
    trained = {entry.key for q in graph.model.quantities if q.trained for entry in entry_symbols(q.symbol)}
    layered = any(map(graph.is_argument, graph.computed))
    found: dict[str, Symbol] = {}
    for key, (node, _) in graph.computed.items():
        linear = key != graph.model.loss.key and _is_linear(graph, key, trained)
        if graph.is_argument(key) or (linear and (layered or len(node.symbol.shape) < 2)):
            found[key] = graph.symbols[key]
    return _inks(graph, found, {symbol.ink for symbol in graph.symbols.values()})


def is_activated(graph: Graph, key: str) -> bool:
    """Whether a function acts on an entry before it is used further, as σ on z in h = σ(z)."""
    uses = [graph.formula(use) for use in graph.entries.successors(key)]
    return graph.is_argument(key) or any(isinstance(node, Call) for formula in uses for node in walk(formula))


def _is_linear(graph: Graph, key: str, trained: set[str]) -> bool:
    """Whether an entry is computed from trained parameters, of which none multiplies another."""
    own = trained & symbols(graph.formula(key)).keys()
    slopes = (graph.local(key, parameter) for parameter in own)
    return bool(own) and not _argument_of(graph, key) and not any(trained & symbols(slope).keys() for slope in slopes)


def with_deltas(note: Note, graph: Graph, found: Mapping[str, Ink], phrases: Phrases) -> Note:
    """The conventions, and what a δ is, by the first of a pre-activation and the first of a unit without one."""
    loss = graph.model.loss
    assert loss is not None, "a δ is of the loss"

    def defined(key: str) -> Math:
        names = graph.symbols
        return Math(equals(Partial(names[loss.key], names[key], ink=found[key]), Partial(names[loss.key], names[key])))

    first = next((key for key in found if is_activated(graph, key)), None)
    linear = next((key for key in found if not is_activated(graph, key)), None)
    told = [] if first is None else [Item((), phrases.say("delta", example=defined(first)))]
    told += [] if linear is None else [Item((), phrases.say("delta_linear", example=defined(linear)))]
    told += [Item((), phrases.say("delta_rule"))]
    return replace(note, items=(*note.items, *told))


def _argument_of(graph: Graph, key: str) -> bool:
    """Whether a unit is an activation of a pre-activation."""
    return any(graph.is_argument(parent) for parent in graph.entries.predecessors(key)) and not graph.is_argument(key)


def _inks(graph: Graph, found: Mapping[str, Symbol], taken: set[Ink]) -> dict[str, Ink]:
    """δ with the index of each, or with its whole name where that is not enough to tell two apart."""
    letter = ink_of(graph.model.report.notation.pre_activation).base
    short = {
        key: Ink(DELTA, s.ink.sub if is_activated(graph, key) and _has_index(s, letter) else _whole(s.ink), s.ink.sup)
        for key, s in found.items()
    }
    clash = [ink for ink in short.values() if list(short.values()).count(ink) > 1 or ink in taken]
    return {key: Ink(DELTA, _whole(found[key].ink)) if ink in clash else ink for key, ink in short.items()}


def _has_index(symbol: Symbol, letter: str) -> bool:
    """Whether a name is one letter, or that of all pre-activations, with an index, as z₃ is: the index tells the unit."""
    return (len(symbol.ink.base) == 1 or symbol.ink.base == letter) and bool(symbol.ink.sub)


def _whole(ink: Ink) -> str:
    return f"{ink.base}{ink.sub}"
