"""Graph -> classes of entries that no equation tells apart: equal by symmetry, not by accident; knows no words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphdsl.expr import Call, Expr, Number, Product, Sum, Symbol, children
from graphdsl.graph import Graph, entry_symbols

MOST_ENTRIES = 400
"""Larger nets are not searched for symmetry."""

Colours = Mapping[str, int]


def colours(graph: Graph) -> Colours:
    """Colour refinement (Weisfeiler and Leman 1968) over formulas, data and uses.

    Entries of one colour have the same value and the same gradient, in every round, whatever the numbers are.
    """
    keys = list(graph.symbols)
    if len(keys) > MOST_ENTRIES:
        return {key: i for i, key in enumerate(keys)}
    found = _compact(_first(graph))
    while True:
        finer = _compact({key: (found[key], _seen_from(key, graph, found)) for key in keys})
        if len(set(finer.values())) == len(set(found.values())):
            return found
        found = finer


def _first(graph: Graph) -> dict[str, object]:
    """Data by kind and value, the rest by nothing; an objective is itself."""
    found: dict[str, object] = dict.fromkeys(graph.computed, "computed")
    training = graph.model.training
    memory = training.memory if training else {}
    for quantity in graph.model.quantities:
        for i, entry in enumerate(entry_symbols(quantity.symbol)):
            values = [s.get(quantity.symbol.key, quantity.value).flat[i].value for s in graph.model.samples]
            begins = [(name, own[entry.key].value) for name, own in memory.items() if entry.key in own]
            found[entry.key] = (quantity.kind, quantity.frozen, *values, *begins)
    for objective in graph.model.objectives:
        found[objective.key] = objective.key
    return found


def _seen_from(key: str, graph: Graph, found: Colours) -> object:
    """How an entry is made, and how it is used: by which colour, with which derivative."""
    made = pattern(graph.formula(key), found) if key in graph.computed else ()
    uses = [(found[use], pattern(graph.local(use, key), found)) for use in graph.entries.successors(key)]
    return made, tuple(sorted(uses, key=repr))


def pattern(expr: Expr, found: Colours) -> object:
    """An expression with colours for names; the order of terms and factors does not matter."""
    match expr:
        case Symbol():
            return ("name", found[expr.key])
        case Number():
            return ("number", expr.value)
        case Sum() | Product():
            parts = sorted((pattern(child, found) for child in children(expr)), key=repr)
            return (type(expr).__name__, *parts)
        case Call():
            return (expr.operation.name, expr.attributes, *(pattern(child, found) for child in children(expr)))
        case _:
            return (type(expr).__name__, *(pattern(child, found) for child in children(expr)))


def _compact(found: Mapping[str, Any]) -> dict[str, int]:
    """Small integers for colours, in the order of their first appearance."""
    numbers: dict[object, int] = {}
    return {key: numbers.setdefault(colour, len(numbers)) for key, colour in found.items()}
