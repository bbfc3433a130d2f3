"""Nodes -> the same, with exp(x) for eˣ where a name e stands on the page; knows nothing of pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from graphdsl import ops
from graphdsl.expr import Call, Expr, Symbol, rewrite
from graphdsl.model import Node


def told_from_e(nodes: tuple[Node, ...], names: Iterable[Symbol]) -> tuple[Node, ...]:
    """The nodes; where a name is e, no formula has the number e in it: e = eˣ would be read as what it is not."""
    if all(name.ink.base != "e" or name.ink.accent for name in (*names, *(node.symbol for node in nodes))):
        return nodes
    return tuple(replace(node, formula=rewrite(node.formula, _called)) for node in nodes)


def _called(node: Expr) -> Expr:
    return replace(node, operation=ops.EXP_CALLED) if isinstance(node, Call) and node.operation is ops.EXP else node
