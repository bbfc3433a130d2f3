"""Graph -> derivatives as one formula: in the names of the nodes between, or in the letters of the data alone; computes no number."""

from __future__ import annotations

from graphdsl.derive.simplify import simplify
from graphdsl.expr import ONE, ZERO, Expr, Symbol, add, multiply, substitute, symbols, walk
from graphdsl.graph import Graph

MOST_PLACES = 400
"""A formula of more names is not written in letters alone."""


def formula_of(graph: Graph, objective: str, key: str) -> Expr:
    """∂objective/∂key along every path, in the names of the nodes between."""
    found: dict[str, Expr] = {objective: ONE}
    reaching = graph.reaching(objective)

    def by(name: str) -> Expr:
        if name not in found:
            terms = [
                multiply(by(use), graph.local(use, name))
                for use in graph.entries.successors(name)
                if use in reaching and graph.local(use, name) != ZERO
            ]
            found[name] = simplify(add(*terms)) if terms else ZERO
        return found[name]

    return by(key)


def written_out(graph: Graph, expr: Expr) -> Expr | None:
    """The formula with every computed name replaced by what it is; nothing where that is too long to read."""
    while True:
        computed = {key: graph.formula(key) for key in symbols(expr) if key in graph.computed}
        if not computed:
            return expr
        expr = substitute(expr, computed)
        if _places(expr) > MOST_PLACES:
            return None


def _places(expr: Expr) -> int:
    return sum(isinstance(node, Symbol) for node in walk(expr))
