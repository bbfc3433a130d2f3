"""A formula in numbers -> the same, operation by operation, as one keys it into a pocket calculator; chooses no digits."""

from __future__ import annotations

from collections.abc import Iterator

from graphdsl.derive.evaluate import evaluate
from graphdsl.explain.worked import PRODUCT, numeral
from graphdsl.expr import MINUS_ONE, Array, Call, Expr, Number, Product, Quotient, children, walk, with_children
from graphdsl.numbers import Decimal50, NumberMistake
from graphdsl.ops import EXP

MOST_STEPS = 12
"""A formula of more steps is not taken apart further."""


def steps(expr: Expr) -> Iterator[Expr]:
    """The formula after each step, without the first and without the result: what has only numbers in it is computed."""
    current = expr
    for _ in range(MOST_STEPS):
        try:
            current = _step(current)
        except NumberMistake:
            return
        if _is_literal(current):
            return
        yield current


def exponentials(formula: Expr) -> list[Call]:
    """The powers of e in a formula, each of which has a line of its own before it is used."""
    found = (node for node in walk(formula) if isinstance(node, Call) and node.operation is EXP)
    return list(dict.fromkeys(node for node in found if node != formula))


def _step(expr: Expr) -> Expr:
    """Every innermost operation done; numbers, −3 and ½ are none."""
    if _is_literal(expr) or not children(expr):
        return expr
    parts = children(expr)
    if all(map(_is_literal, parts)):
        found = evaluate(expr, {}, Decimal50())
        numerals = tuple(numeral(value, PRODUCT) for value in found.flat)
        return Array(found.shape, numerals) if found.shape else numerals[0]
    return with_children(expr, tuple(part if _is_literal(part) else _step(part) for part in parts))


def _is_literal(expr: Expr) -> bool:
    match expr:
        case Number():
            return True
        case Array():
            return all(map(_is_literal, expr.entries))
        case Product(factors=(sign, Number())):
            return sign == MINUS_ONE
        case Quotient(numerator=Number() as above, denominator=Number() as below):
            return above.quantity is None and below.quantity is None
        case _:
            return False
