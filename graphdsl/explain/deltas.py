"""Graph -> the derivatives that have a δ, one for each unit, and what each is called; computes no number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from graphdsl.document import Item, Math, Note
from graphdsl.expr import Partial, Symbol, equals, symbols
from graphdsl.graph import Graph, entry_symbols
from graphdsl.names import Ink, ink_of
from graphdsl.phrases import Phrases

DELTA = "δ"


def deltas(graph: Graph) -> dict[str, Ink]:
    """The entries whose derivative of the loss is a unit's δ: its pre-activation, or, where it has none, the unit itself.

    A unit without a pre-activation is what is computed from parameters. δ = ∂E/∂z as in Bishop 2006, section 5.3, and
    in Nielsen 2015, chapter 2.
    """
    if graph.model.loss is None or not any(map(graph.is_argument, graph.computed)):
        return {}
    trained = {entry.key for q in graph.model.quantities if q.trained for entry in entry_symbols(q.symbol)}
    found: dict[str, Symbol] = {}
    for key in graph.computed:
        linear = not _argument_of(graph, key) and trained & symbols(graph.formula(key)).keys()
        if graph.is_argument(key) or (linear and key != graph.model.loss.key):
            found[key] = graph.symbols[key]
    return _inks(graph, found, {symbol.ink for symbol in graph.symbols.values()})


def with_deltas(note: Note, graph: Graph, found: Mapping[str, Ink], phrases: Phrases) -> Note:
    """The conventions, and what a δ is, by the first of a pre-activation and the first of a unit without one."""
    loss = graph.model.loss
    assert loss is not None, "a δ is of the loss"

    def defined(key: str) -> Math:
        names = graph.symbols
        return Math(equals(Partial(names[loss.key], names[key], ink=found[key]), Partial(names[loss.key], names[key])))

    first = next(key for key in found if graph.is_argument(key))
    linear = next((key for key in found if not graph.is_argument(key)), None)
    told = [Item((), phrases.say("delta", example=defined(first)))]
    told += [] if linear is None else [Item((), phrases.say("delta_linear", example=defined(linear)))]
    return replace(note, items=(*note.items, *told))


def _argument_of(graph: Graph, key: str) -> bool:
    """Whether a unit is an activation of a pre-activation."""
    return any(graph.is_argument(parent) for parent in graph.entries.predecessors(key)) and not graph.is_argument(key)


def _inks(graph: Graph, found: Mapping[str, Symbol], taken: set[Ink]) -> dict[str, Ink]:
    """δ with the index of each, or with its whole name where that is not enough to tell two apart."""
    letter = ink_of(graph.model.report.notation.pre_activation).base
    short = {
        key: Ink(DELTA, s.ink.sub if graph.is_argument(key) and _has_index(s, letter) else _whole(s.ink), s.ink.sup)
        for key, s in found.items()
    }
    clash = [ink for ink in short.values() if list(short.values()).count(ink) > 1 or ink in taken]
    return {key: Ink(DELTA, _whole(found[key].ink)) if ink in clash else ink for key, ink in short.items()}


def _has_index(symbol: Symbol, letter: str) -> bool:
    """Whether a name is one letter, or that of all pre-activations, with an index, as z₃ is: the index tells the unit."""
    return (len(symbol.ink.base) == 1 or symbol.ink.base == letter) and bool(symbol.ink.sub)


def _whole(ink: Ink) -> str:
    return f"{ink.base}{ink.sub}"
