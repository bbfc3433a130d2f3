"""Scalar expression + name -> its symbolic derivative, tidied; the derivative of a call comes from its row."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import assert_never

from graphdsl.derive.simplify import simplify
from graphdsl.expr import (
    MINUS_ONE,
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
    add,
    mentions,
    multiply,
    negate,
    subtract,
)
from graphdsl.numbers import EXACT


def derivative(expr: Expr, name: str, out: Expr | None = None) -> Expr:
    """∂expr/∂name, simplified. `out` is a name for the value of `expr`, so that σ′ may read h(1 − h)."""
    return simplify(raw_derivative(expr, name, out))


def raw_derivative(expr: Expr, name: str, out: Expr | None = None) -> Expr:
    """∂expr/∂name as the rules give it: 2 · ½(t − y) · (−1) before it becomes y − t."""
    match expr:
        case Number() | Partial():
            return ZERO
        case Symbol():
            return ONE if expr.key == name else ZERO
        case Sum():
            return _sum([raw_derivative(term, name) for term in expr.terms])
        case _ if not mentions(expr, name):
            return ZERO
        case Product():
            return _sum([_one_factor(expr, i, name) for i in range(len(expr.factors))])
        case Quotient():
            return _quotient(expr, name)
        case Power():
            return _power(expr, name)
        case Call():
            return _call(expr, name, out)
        case IndexedSum():
            return replace(expr, body=raw_derivative(expr.body, name))
        case Cases():
            branches = tuple((raw_derivative(value, name), condition) for value, condition in expr.branches)
            return Cases(branches, raw_derivative(expr.otherwise, name))
        case Element() | Array() | Relation():
            raise TypeError("only scalar expressions, written out, are differentiated by name")
        case _:
            assert_never(expr)


def _sum(terms: list[Expr]) -> Expr:
    kept = [term for term in terms if term != ZERO]
    return add(*kept) if kept else ZERO


def _times(*factors: Expr) -> Expr:
    if ZERO in factors:
        return ZERO
    kept = [factor for factor in factors if factor != ONE]
    return multiply(*kept) if kept else ONE


def _one_factor(expr: Product, i: int, name: str) -> Expr:
    inner = raw_derivative(expr.factors[i], name)
    return _times(*expr.factors[:i], *expr.factors[i + 1 :], inner)


def _quotient(expr: Quotient, name: str) -> Expr:
    above, below = expr.numerator, expr.denominator
    if not mentions(below, name):
        return replace(expr, numerator=raw_derivative(above, name))
    squared = Power(below, Number(Decimal(2)))
    if not mentions(above, name):
        return negate(replace(expr, numerator=_times(above, raw_derivative(below, name)), denominator=squared))
    change = subtract(_times(raw_derivative(above, name), below), _times(above, raw_derivative(below, name)))
    return replace(expr, numerator=change, denominator=squared)


def _power(expr: Power, name: str) -> Expr:
    """The power rule; an exponent that holds names is a call of the row `power` instead."""
    base, exponent = expr.base, expr.exponent
    lower = (
        Number(EXACT.subtract(exponent.value, Decimal(1))) if isinstance(exponent, Number) else add(exponent, MINUS_ONE)
    )
    raised = base if lower == ONE else ONE if lower == ZERO else Power(base, lower)
    return _times(exponent, raised, raw_derivative(base, name))


def _call(expr: Call, name: str, out: Expr | None) -> Expr:
    pulled = expr.operation.pullbacks(expr.arguments, dict(expr.attributes), out or expr, ONE)
    terms = []
    for argument, local in zip(expr.arguments, pulled, strict=True):
        inner = raw_derivative(argument, name)
        factors = local.factors if isinstance(local, Product) else (local or ZERO,)
        terms.append(_times(*factors, inner))
    return _sum(terms)
