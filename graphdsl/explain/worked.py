"""Formula + a pass -> the same formula in numbers, with the cases that held; chooses no digits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from graphdsl.derive.evaluate import HOLDS, evaluate
from graphdsl.expr import (
    ZERO,
    Call,
    Cases,
    Expr,
    FunctionNotation,
    Number,
    Partial,
    Product,
    Quotient,
    Relation,
    Sign,
    Symbol,
    children,
    remaining,
    walk,
    with_children,
)
from graphdsl.graph import Graph
from graphdsl.numbers import Decimal50, Num, scalar
from graphdsl.trace import Sample

N = TypeVar("N")

OPPOSITE: Mapping[Sign, Sign] = {"<": "≥", "≤": ">", ">": "≤", "≥": "<", "=": "≠", "≠": "=", "≈": "≠"}

PRODUCT = ""
"""The quantity of a computed number without a name: a partial product."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One forward and backward pass as the page speaks of it: `given` holds the keys whose values are data.

    In `letters` nothing has a value: the page says formulas only.
    """

    graph: Graph
    sample: Sample
    given: frozenset[str]
    letters: bool = False

    def value(self, key: str) -> Number:
        """The value of an entry as a numeral."""
        return numeral(self.sample.values[key], key, key in self.given)

    def gradient(self, objective: str, key: str) -> Number:
        """∂objective/∂key as a numeral; 0 where the objective does not depend on it."""
        found = self.sample.gradients[objective].get(key, Num(ZERO.value))
        return numeral(found, f"d{objective}/d{key}")

    def number(self, key: str) -> Num:
        """The carried value of an entry."""
        return self.sample.values[key]


def numeral(value: Num, quantity: str, given: bool = False) -> Number:
    """A carried number as it enters the document."""
    return Number(value.value, value.exact, quantity, given, ratio=value.ratio)


@dataclass(frozen=True, slots=True)
class Worked:
    """A formula in numbers, and the conditions under which its cases were chosen."""

    expr: Expr
    conditions: tuple[Relation, ...] = ()


def worked(expr: Expr, at: Pass, own: Mapping[str, Number] | None = None) -> Worked:
    """Names become numerals; a piecewise rule becomes the case that held, its condition kept.

    `own`: the numerals of names that are no entries, and of derivatives, as dE/dw.
    """
    numerals = own or {}
    conditions: list[Relation] = []

    def visit(node: Expr) -> Expr:
        match node:
            case Symbol():
                return numerals[node.key] if node.key in numerals else at.value(node.key)
            case Partial():
                of, wrt = _key(node.of), _key(node.wrt)
                return numerals.get(f"d{of}/d{wrt}") or at.gradient(of, wrt)
            case Cases():
                chosen, condition = held(node, at)
                conditions.append(condition)
                return visit(chosen)
            case Call(arguments=()) if node.operation.formula is not None:
                return _named_constant(node.operation.formula((), {}))
            case Call() if (pieces := _pieces(node)) is not None:
                return visit(pieces)
            case _:
                return with_children(node, tuple(map(visit, children(node))))

    return Worked(visit(expr), tuple(conditions))


def held(cases: Cases, at: Pass) -> tuple[Expr, Relation]:
    """The branch that held, and its condition with numbers: z₃ = 2.5 > 0."""
    arithmetic = Decimal50()
    env = {s.key: scalar(at.number(s.key)) for s in walk(cases) if isinstance(s, Symbol)}
    last: Relation | None = None
    for value, condition in cases.branches:
        left, right = (evaluate(member, env, arithmetic).item for member in condition.members)
        if HOLDS[condition.signs[0]](arithmetic.compare(left, right)):
            return value, _with_numbers(condition, condition.signs[0], at)
        last = condition
    assert last is not None
    rest = remaining([condition for _, condition in cases.branches])
    return cases.otherwise, _with_numbers(last, rest.signs[0] if rest else OPPOSITE[last.signs[0]], at)


def _with_numbers(condition: Relation, sign: Sign, at: Pass) -> Relation:
    left, right = condition.members
    members: list[Expr] = [left]
    signs: list[Sign] = []
    if not isinstance(left, Number):
        members.append(_value(left, at))
        signs.append("=")
    members.append(right)
    signs.append(sign)
    if not isinstance(right, Number):
        members.append(_value(right, at))
        signs.append("=")
    return Relation(tuple(members), tuple(signs))


def _value(expr: Expr, at: Pass) -> Number:
    env = {s.key: scalar(at.number(s.key)) for s in walk(expr) if isinstance(s, Symbol)}
    found = evaluate(expr, env, Decimal50()).item
    key = expr.key if isinstance(expr, Symbol) else PRODUCT
    return numeral(found, key, key in at.given)


def _pieces(call: Call) -> Cases | None:
    """The cases of an operation whose definition has several and whose every case is a number, or of a derivative."""
    if call.operation.formula is None:
        return None
    formula = call.operation.formula(call.arguments, dict(call.attributes))
    notation = call.operation.notation
    derived = isinstance(notation, FunctionNotation) and notation.primes > 0
    if isinstance(formula, Cases) and (derived or all(isinstance(v, Number) for v, _ in formula.branches)):
        return formula
    return None


def _named_constant(value: Expr) -> Number:
    """λ as the number that it stands for."""
    assert isinstance(value, Number)
    return Number(value.value, False, PRODUCT, False, ratio=value.ratio)


def definition(formula: Expr) -> Expr:
    """An activation as its definition, where that names the argument just once, as max(0, z), or is a gate on it, as z·σ(z)."""
    if not isinstance(formula, Call) or formula.operation.formula is None:
        return formula
    written = formula.operation.formula(formula.arguments, dict(formula.attributes))
    if isinstance(written, Cases):
        return written
    argument = formula.arguments[0]
    once = sum(node == argument for node in walk(written)) == 1
    return written if once or _gates(written, argument) else formula


def _gates(written: Expr, argument: Expr) -> bool:
    """Whether a definition is the argument times or over something."""
    match written:
        case Product(factors):
            return argument in factors
        case Quotient(numerator):
            return numerator == argument
        case _:
            return False


def _key(expr: Expr) -> str:
    assert isinstance(expr, Symbol), "a derivative is of one name by another"
    return expr.key
