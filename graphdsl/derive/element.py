"""Tensor expression + index -> that entry as a scalar expression in the entries' own names; computes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from graphdsl.derive.shape import shape_of
from graphdsl.expr import (
    Array,
    Call,
    Cases,
    Element,
    Expr,
    IndexedSum,
    Number,
    Partial,
    Power,
    Product,
    Quotient,
    Relation,
    Sum,
    Symbol,
    add,
    children,
    number,
    substitute,
    with_children,
)
from graphdsl.names import entry_key, indexed
from graphdsl.numbers import Shape, flat_index, indices


def element(expr: Expr, index: Shape) -> Expr:
    """The entry at an index (from 1), sums written out: `(W @ x + b)[2]` -> w21·x1 + w22·x2 + b2.

    An index that is longer than the shape of a part is cut from the left: numbers and vectors that were spread.
    """
    shape = shape_of(expr)
    own = index[len(index) - len(shape) :] if shape else ()
    if not shape:
        return expanded(expr)
    match expr:
        case Symbol():
            return part(expr, own)
        case Array():
            return expanded(expr.entries[flat_index(shape, own)])
        case Sum():
            return add(*(_entry(term, own) for term in expr.terms))
        case Product() | Quotient() | Power() | Cases():
            return with_children(expr, tuple(_entry(child, own) for child in children(expr)))
        case Call():
            if expr.operation.elementwise:
                return _entrywise(expr, tuple(element(a, own) for a in expr.arguments))
            assert expr.operation.element is not None, f"{expr.operation.name} has no entries"
            return expanded(expr.operation.element(expr.arguments, dict(expr.attributes), tuple(map(number, own))))
        case IndexedSum():
            return element(unrolled(expr), own)
        case Number() | Element() | Partial() | Relation():
            return expr
        case _:
            assert_never(expr)


def _entrywise(call: Call, arguments: tuple[Expr, ...]) -> Expr:
    """The call on entries; a row whose entries are something plainer says so."""
    if call.operation.element is None:
        return replace(call, arguments=arguments)
    return call.operation.element(arguments, dict(call.attributes), ())


def _entry(child: Expr, index: Shape) -> Expr:
    return expanded(child) if isinstance(child, Relation) else element(child, index)


def part(symbol: Symbol, index: Shape) -> Symbol:
    """The name of a tensor's entry."""
    if symbol.parts is not None:
        return symbol.parts[flat_index(symbol.shape, index)]
    return Symbol(entry_key(symbol.key, index), (), indexed(symbol.ink, index))


def entry_symbols(symbol: Symbol) -> Iterator[Symbol]:
    """The named scalars of a tensor, row by row; a scalar is its own."""
    return (part(symbol, index) for index in indices(symbol.shape)) if symbol.shape else iter((symbol,))


def expanded(expr: Expr) -> Expr:
    """A scalar expression without tensors: its elements looked up, its sums written out."""
    match expr:
        case Number() | Symbol() | Partial():
            return expr
        case Element():
            return element(expr.of, tuple(_integer(i) for i in expr.index))
        case IndexedSum():
            return expanded(unrolled(expr))
        case Call() if any(shape_of(a) for a in expr.arguments):
            assert expr.operation.element is not None, f"{expr.operation.name} has no entries"
            return expanded(expr.operation.element(expr.arguments, dict(expr.attributes), ()))
        case Sum() | Product() | Quotient() | Power() | Call() | Cases() | Array() | Relation():
            return with_children(expr, tuple(expanded(child) for child in children(expr)))
        case _:
            assert_never(expr)


def unrolled(expr: IndexedSum) -> Expr:
    """The sum over an index, written out."""
    key = expr.index.key
    return add(*(substitute(expr.body, {key: number(i)}) for i in range(expr.low, expr.high + 1)))


def _integer(expr: Expr) -> int:
    """An index, worked out: numbers, and sums and products of them."""
    match expr:
        case Number():
            return int(expr.value)
        case Sum():
            return sum(map(_integer, expr.terms))
        case Product():
            result = 1
            for factor in expr.factors:
                result *= _integer(factor)
            return result
        case _:
            raise TypeError("an index is an integer by now")
