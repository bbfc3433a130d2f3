"""One operation of a graph + the gradient of its output -> the gradients of its inputs, by the rows' pullbacks; knows no graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar, assert_never

from graphdsl.derive.evaluate import Values, broadcast, evaluate, unbroadcast
from graphdsl.expr import (
    ONE,
    ZERO,
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
    children,
    multiply,
    negate,
    number,
)
from graphdsl.numbers import EXACT, Arithmetic, Tensor, flat_index, scalar, size

N = TypeVar("N")

OUT = "%out"
UPSTREAM = "%upstream"


def pullbacks(node: Expr, out: Expr, upstream: Expr) -> tuple[Expr | None, ...]:
    """For each child of an entrywise node or call: upstream · ∂node/∂child, as an expression."""
    match node:
        case Sum():
            return (upstream,) * len(node.terms)
        case Product():
            others = [node.factors[:i] + node.factors[i + 1 :] for i in range(len(node.factors))]
            return tuple(multiply(upstream, *rest) for rest in others)
        case Quotient():
            above, below = node.numerator, node.denominator
            squared = replace(node, numerator=multiply(upstream, above), denominator=Power(below, number(2)))
            return (replace(node, numerator=upstream), negate(squared))
        case Power():
            lower = (
                number(EXACT.subtract(node.exponent.value, ONE.value))
                if isinstance(node.exponent, Number)
                else _less_one(node.exponent)
            )
            return (multiply(upstream, node.exponent, Power(node.base, lower)), None)
        case Call():
            return node.operation.pullbacks(node.arguments, dict(node.attributes), out, upstream)
        case Cases():
            return _cases_pullbacks(node, upstream)
        case Number() | Symbol() | Element() | IndexedSum() | Array() | Partial() | Relation():
            raise TypeError("this node has no pullback of its own")
        case _:
            assert_never(node)


def _less_one(exponent: Expr) -> Expr:
    return Sum((exponent, negate(ONE)))


def _cases_pullbacks(node: Cases, upstream: Expr) -> tuple[Expr | None, ...]:
    conditions = [condition for _, condition in node.branches]
    found: list[Expr | None] = []
    for chosen in range(len(conditions)):
        found += [Cases(tuple((upstream if i == chosen else ZERO, c) for i, c in enumerate(conditions)), ZERO), None]
    return (*found, Cases(tuple((ZERO, c) for c in conditions), upstream))


def pull(
    node: Expr, inputs: Mapping[str, Tensor[N]], out: Tensor[N], upstream: Tensor[N], arithmetic: Arithmetic[N]
) -> list[Tensor[N] | None]:
    """The gradients that a node over input symbols passes to each of its children, in the shape of the child.

    Entrywise nodes pull each entry back as a scalar; what a broadcast had spread is added up again here, once for all.
    """
    match node:
        case Element():
            return _pull_element(node, inputs, upstream, arithmetic)
        case Array():
            return [scalar(g) for g in upstream.flat]
        case Call() if not node.operation.elementwise:
            found = node.operation.pullbacks(
                node.arguments, dict(node.attributes), Symbol(OUT, out.shape), Symbol(UPSTREAM, upstream.shape)
            )
            values = {**inputs, OUT: out, UPSTREAM: upstream}
            return [None if g is None else evaluate(g, values, arithmetic) for g in found]
        case _:
            return _pull_entrywise(node, inputs, out, upstream, arithmetic)


def _pull_element(
    node: Element, inputs: Values[N], upstream: Tensor[N], arithmetic: Arithmetic[N]
) -> list[Tensor[N] | None]:
    assert isinstance(node.of, Symbol)
    nought = arithmetic.literal(ZERO.value)
    index = tuple(int(i.value) for i in node.index if isinstance(i, Number))
    flat = [nought] * size(node.of.shape)
    flat[flat_index(node.of.shape, index)] = upstream.item
    return [Tensor(node.of.shape, tuple(flat)), *([None] * len(node.index))]


def _pull_entrywise(
    node: Expr, inputs: Values[N], out: Tensor[N], upstream: Tensor[N], arithmetic: Arithmetic[N]
) -> list[Tensor[N] | None]:
    rules = pullbacks(node, Symbol(OUT), Symbol(UPSTREAM))
    spread = {key: broadcast(value, out.shape).flat for key, value in inputs.items()}
    columns: list[list[N] | None] = [None if rule is None else [] for rule in rules]
    for place, (own, above) in enumerate(zip(out.flat, upstream.flat, strict=True)):
        values = {key: scalar(flat[place]) for key, flat in spread.items()}
        values[OUT], values[UPSTREAM] = scalar(own), scalar(above)
        for column, rule in zip(columns, rules, strict=True):
            if column is not None and rule is not None:
                column.append(evaluate(rule, values, arithmetic).item)
    children = _child_shapes(node, inputs)
    return [
        None if column is None else unbroadcast(Tensor(out.shape, tuple(column)), shape, arithmetic)
        for column, shape in zip(columns, children, strict=True)
    ]


def _child_shapes(node: Expr, inputs: Values[N]) -> list[tuple[int, ...]]:
    return [inputs[c.key].shape if isinstance(c, Symbol) else () for c in children(node)]
