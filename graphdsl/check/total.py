"""A number, a name and the nodes between them -> the formula of the derivative, entry by entry; judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graphdsl.derive.derivative import derivative
from graphdsl.derive.element import element, entry_symbols, expanded, part
from graphdsl.derive.simplify import simplify
from graphdsl.expr import ONE, ZERO, Array, Element, Expr, Number, Symbol, add, multiply, number, substitute, symbols
from graphdsl.model import Node
from graphdsl.numbers import indices


def total(of: Expr, wrt: Expr, nodes: Mapping[str, Node], data: Iterable[Symbol]) -> Expr:
    """∂of/∂wrt along every path, in the names of the nodes between: of a vector, a vector."""
    entries = _Entries(nodes)
    owners = {
        entry.key: Element(tensor, tuple(map(number, index)))
        for tensor in (*data, *(node.symbol for node in nodes.values()))
        if tensor.shape
        for index, entry in zip(indices(tensor.shape), entry_symbols(tensor), strict=True)
    }
    if isinstance(wrt, Symbol) and wrt.shape:
        found = (substitute(entries.derivative(of, entry.key), owners) for entry in entry_symbols(wrt))
        return Array(wrt.shape, tuple(found))
    return substitute(entries.derivative(of, _key(wrt)), owners)


def _key(expr: Expr) -> str:
    if isinstance(expr, Element) and isinstance(expr.of, Symbol):
        return part(expr.of, tuple(int(i.value) for i in expr.index if isinstance(i, Number))).key
    assert isinstance(expr, Symbol), "a derivative is taken by a name"
    return expr.key


class _Entries:
    """The scalar formulas of the nodes, made as they are needed."""

    def __init__(self, nodes: Mapping[str, Node]):
        self.places = {
            (part(node.symbol, index).key if index else node.symbol.key): (node, index)
            for node in nodes.values()
            for index in (indices(node.symbol.shape) if node.symbol.shape else [()])
        }
        self.formulas: dict[str, Expr] = {}

    def derivative(self, of: Expr, wrt: str) -> Expr:
        """Of a formula by the key of an entry."""
        found: dict[str, Expr] = {wrt: ONE}
        return simplify(self._sum(expanded(of), None, wrt, found))

    def _formula(self, key: str) -> tuple[Expr, Symbol] | None:
        place = self.places.get(key)
        if place is None:
            return None
        node, index = place
        if key not in self.formulas:
            self.formulas[key] = element(node.formula, index) if index else expanded(node.formula)
        return self.formulas[key], part(node.symbol, index) if index else node.symbol

    def _sum(self, formula: Expr, out: Symbol | None, wrt: str, found: dict[str, Expr]) -> Expr:
        terms: list[Expr] = []
        for name in symbols(formula):
            inner = self._by(name, wrt, found)
            local = ZERO if inner == ZERO else derivative(formula, name, out)
            if ZERO not in (inner, local):
                terms.append(local if inner == ONE else inner if local == ONE else multiply(local, inner))
        return add(*terms) if terms else ZERO

    def _by(self, name: str, wrt: str, found: dict[str, Expr]) -> Expr:
        """∂name/∂wrt."""
        if name not in found:
            made = self._formula(name)
            found[name] = ZERO if made is None else simplify(self._sum(*made, wrt, found))
        return found[name]
