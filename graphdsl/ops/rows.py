"""What all rows are made with: calls, entries, attributes; names no operation."""

from __future__ import annotations

from decimal import Decimal

from graphdsl.expr import (
    Attributes,
    Call,
    Element,
    Expr,
    Number,
    Operation,
    Symbol,
)
from graphdsl.numbers import Shape

PRODUCT_PRECEDENCE = 20
"""How tightly infix signs bind: sums 10, products 20, signs 25, powers 30."""


def call(operation: Operation, *arguments: Expr, **attributes: int | str | Decimal | tuple[int, ...]) -> Call:
    """A call of a row."""
    return Call(operation, arguments, tuple(sorted(attributes.items())))


def scalar_shape(shapes: tuple[Shape, ...], attributes: Attributes) -> Shape:
    return ()


def bound(depth: int) -> Symbol:
    return Symbol(("i", "j", "k", "l")[depth] + "%")


def entry(of: Expr, *index: Expr) -> Expr:
    return Element(of, index)


def shape_attribute(given: Attributes) -> Shape:
    shape = given["shape"]
    assert isinstance(shape, tuple)
    return shape


def as_int(expr: Expr) -> int:
    assert isinstance(expr, Number), "an index that is a number by now"
    return int(expr.value)


def int_attribute(given: Attributes, name: str, default: int = 1) -> int:
    value = given.get(name, default)
    assert isinstance(value, int)
    return value
