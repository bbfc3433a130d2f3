"""Nodes -> the same, with exp(x) for eˣ where a name e stands on the page; knows nothing of pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from graphdsl import ops
from graphdsl.expr import Attribute, Call, Expr, Operation, Symbol, rewrite, walk
from graphdsl.model import Node


def told_from_e(nodes: tuple[Node, ...], names: Iterable[Symbol]) -> tuple[Node, ...]:
    """The nodes; where a name is e, no formula has the number e in it: e = eˣ would be read as what it is not."""
    if all(name.ink.base != "e" or name.ink.accent for name in (*names, *(node.symbol for node in nodes))):
        return nodes
    return tuple(replace(node, formula=rewrite(node.formula, _called)) for node in nodes)


def _called(node: Expr) -> Expr:
    return replace(node, operation=_row(node.operation, node.attributes)) if isinstance(node, Call) else node


@lru_cache(maxsize=256)
def _row(row: Operation, attributes: tuple[tuple[str, Attribute], ...]) -> Operation:
    """exp for e^x, and an activation with a definition that says exp."""
    if row is ops.EXP:
        return ops.EXP_CALLED
    formula = row.formula
    if formula is None or not row.elementwise or row.arity != (1, 1):
        return row
    defined = formula((Symbol("%z"),), dict(attributes))
    if all(not isinstance(n, Call) or n.operation is not ops.EXP for n in walk(defined)):
        return row
    return replace(row, formula=lambda args, given: rewrite(formula(args, given), _called))
