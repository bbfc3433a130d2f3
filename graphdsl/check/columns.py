"""`layers (H1, H2), (y1)` -> the column of each entry; judges whether they can stand so, draws nothing."""

from __future__ import annotations

from collections.abc import Mapping

from graphdsl.check.resolve import Resolver
from graphdsl.check.scope import Scope, spread
from graphdsl.check.settings import keys_of
from graphdsl.diagnostics import Label, Span
from graphdsl.expr import Symbol, symbols
from graphdsl.model import Node
from graphdsl.syntax import Layers


def columns(statements: list[Layers], nodes: tuple[Node, ...], scope: Scope, resolver: Resolver) -> dict[str, int]:
    """The column of each named entry, from 1: its argument stands with it."""
    for again in statements[1:]:
        scope.reporter.error(
            "a spec says once which layers it has", again.span, also=[Label(statements[0].span, "here")]
        )
    found: dict[str, int] = {}
    places: dict[str, Span] = {}
    for column, group in enumerate(statements[0].groups if statements else (), start=1):
        for name in (n for names in group for n in spread(names, scope.reporter)):
            typed = resolver.resolve(Symbol(name.text, span=name.span))
            for key in keys_of(typed.expr) if typed is not None else []:
                if key in found:
                    scope.reporter.error(f"`{name.text}` stands in two layers", name.span, also=[Label(places[key])])
                found[key], places[key] = column, name.span
    _refuse_turned(found, places, nodes, scope)
    return found


def _refuse_turned(found: Mapping[str, int], places: Mapping[str, Span], nodes: tuple[Node, ...], scope: Scope) -> None:
    """A unit stands to the right of what it is computed from."""
    made: dict[str, set[str]] = {}
    for node in nodes:
        below = set(symbols(node.formula))
        made[node.symbol.key] = below.union(*(made.get(key, set()) for key in below))
        for other in made[node.symbol.key] & set(found):
            own = found.get(node.symbol.key)
            if own is not None and found[other] >= own:
                scope.reporter.error(
                    f"`{node.symbol.key}` is computed from `{other}`, so it stands in a later layer",
                    places[node.symbol.key],
                    also=[Label(places[other], f"`{other}`")],
                )
