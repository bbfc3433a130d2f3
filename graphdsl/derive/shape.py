"""Expression -> shape, or the arguments that quarrel; computes no value."""

from __future__ import annotations

from typing import assert_never

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
    ShapeMistake,
    Sum,
    Symbol,
    children,
)
from graphdsl.numbers import Shape


def shape_of(expr: Expr) -> Shape:
    """The shape of an expression whose symbols carry theirs; raises ShapeMistake where arguments do not fit."""
    if isinstance(expr, Number | Relation | Element | Symbol | Array):  # whatever they are made of
        return node_shape(expr, ())
    known = _KNOWN.get(id(expr))
    if known is not None:
        return known[1]
    shape = node_shape(expr, tuple(map(shape_of, children(expr))))
    if len(_KNOWN) >= MOST_KNOWN:
        _KNOWN.clear()
    _KNOWN[id(expr)] = expr, shape
    return shape


MOST_KNOWN = 20_000
_KNOWN: dict[int, tuple[Expr, Shape]] = {}
"""Shapes that were found, by the identity of expressions that are kept alive: those of a deep one are asked for at each level."""


def node_shape(expr: Expr, shapes: tuple[Shape, ...]) -> Shape:
    """The shape of a node from the shapes of its children."""
    match expr:
        case Number() | Relation() | Element():
            return ()
        case Partial():
            return shapes[0] + shapes[1]
        case Symbol() | Array():
            return expr.shape
        case Sum():
            return _sum_shape(shapes)
        case Product():
            return _one_shape(shapes, "multiply")
        case Quotient():
            return _one_shape(shapes, "divide")
        case Power():
            return _power_shape(*shapes)
        case Call() if expr.operation.elementwise:
            return _one_shape(shapes, f"take `{expr.operation.name}` of")
        case Call():
            return expr.operation.shape(shapes, dict(expr.attributes))
        case IndexedSum() | Cases():
            return shapes[-1]
        case _:
            assert_never(expr)


def spoken(shape: Shape) -> str:
    """A shape in the user's words."""
    match shape:
        case ():
            return "a number"
        case (n,):
            return f"a vector of {n}"
        case (m, n):
            return f"a {m}×{n} matrix"
        case _:
            return "an array of shape " + "×".join(map(str, shape))


def _one_shape(shapes: tuple[Shape, ...], verb: str, hint: str = "") -> Shape:
    """The shape that all arrays among the arguments share; numbers go with anything. The hint is for a vector and channels."""
    found: int | None = None
    for i, shape in enumerate(shapes):
        if not shape:
            continue
        if found is not None and shapes[found] != shape:
            channels = {len(shapes[found]), len(shape)} == {1, 3}
            mistake = f"cannot {verb} {spoken(shapes[found])} and {spoken(shape)}"
            raise ShapeMistake(mistake, (found, i), hint if channels else "")
        found = i if found is None else found
    return () if found is None else shapes[found]


def _sum_shape(shapes: tuple[Shape, ...]) -> Shape:
    """As equal shapes, but a vector also joins each row of a matrix."""
    matrices = [i for i, shape in enumerate(shapes) if len(shape) == 2]
    if not matrices:
        return _one_shape(shapes, "add", "a bias for each filter is said to it: conv2d(X, K, b)")
    rows_wide = shapes[matrices[0]]
    for i, shape in enumerate(shapes):
        if shape and shape != rows_wide and shape != rows_wide[1:]:
            hint = "a vector is added to each row of a matrix; `column + row` never makes a matrix"
            mistake = f"cannot add {spoken(rows_wide)} and {spoken(shape)}"
            raise ShapeMistake(mistake, (matrices[0], i), hint if len(shape) == 1 else "")
    return rows_wide


def _power_shape(base: Shape, exponent: Shape) -> Shape:
    if exponent:
        raise ShapeMistake(f"an exponent is a number, not {spoken(exponent)}", (1,))
    return base
