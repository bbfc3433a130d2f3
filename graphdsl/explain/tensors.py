"""A tensor formula + a pass -> the same as a textbook writes it, and in numbers, array by array; chooses no digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from graphdsl import ops
from graphdsl.adjoint import tidied
from graphdsl.derive.element import expanded, part, unrolled
from graphdsl.derive.evaluate import apply, evaluate
from graphdsl.derive.shape import shape_of
from graphdsl.explain.worked import Pass, worked
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
    Operation,
    Partial,
    Product,
    Quotient,
    SuperscriptNotation,
    Symbol,
    children,
    multiply,
    rewrite,
    with_children,
)
from graphdsl.graph import entry_symbols
from graphdsl.numbers import Decimal50, Num, Shape, Tensor
from graphdsl.ops import MATMUL, OUTER

# The look of products of vectors.

ROW = Operation(
    "row",
    SuperscriptNotation(mark="T"),
    (1, 1),
    lambda shapes, given: (1, *shapes[0]),
    lambda args, given, out, upstream: (None,),
    compute=lambda arithmetic, args, given: Tensor((1, *args[0].shape), args[0].flat),
)
"""A vector as a row: xᵀ."""

COLUMN_BY_ROW = replace(
    OUTER,
    name="column by row",
    notation=MATMUL.notation,
    shape=lambda shapes, given: shapes[0] + shapes[1][1:],
    compute=lambda arithmetic, args, given: Tensor(
        args[0].shape + args[1].shape[1:], tuple(arithmetic.multiply(x, y) for x in args[0].flat for y in args[1].flat)
    ),
)
"""The outer product of two vectors as it is written: a bᵀ."""

DOT = replace(MATMUL, name="dot", notation=ops.DOT.notation)
"""The product of two vectors, in brackets within a product: a · (b · c)."""


def shown(expr: Expr) -> Expr:
    """The formula in the signs of a textbook: an outer product as a bᵀ, a product of two vectors as a · b."""

    def change(node: Expr) -> Expr:
        match node:
            case Call(arguments=(a, b)) if node.operation is OUTER:
                return Call(COLUMN_BY_ROW, (a, Call(ROW, (b,))))
            case Call() if node.operation is MATMUL and all(len(shape_of(a)) == 1 for a in node.arguments):
                return replace(node, operation=DOT)
            case IndexedSum():
                return unrolled(node)
            case _:
                return node

    return rewrite(expr, change)


# Numbers.


@dataclass(frozen=True, slots=True)
class Arrays:
    """The numbers of one pass, tensor by tensor."""

    at: Pass

    def value(self, symbol: Symbol) -> Expr:
        """The value of a name: a numeral, or an array of them."""
        return self._written(symbol, [self.at.value(entry.key) for entry in entry_symbols(symbol)])

    def gradient(self, objective: str, symbol: Symbol) -> Expr:
        """∂objective/∂name, in the shape of the name."""
        return self._written(symbol, [self.at.gradient(objective, entry.key) for entry in entry_symbols(symbol)])

    def _written(self, symbol: Symbol, numerals: list[Number]) -> Expr:
        return Array(symbol.shape, tuple(numerals)) if symbol.shape else numerals[0]

    def numbers(self, expr: Expr, settings: Mapping[str, Number] | None = None) -> Expr:
        """The formula with numbers for its names; a rule of cases that are numbers becomes those that held."""

        def visit(node: Expr) -> Expr:
            match node:
                case Symbol() if settings and node.key in settings:
                    return settings[node.key]
                case Symbol():
                    return self.value(node)
                case Partial(of=Symbol() as of, wrt=Symbol() as wrt):
                    return self.gradient(of.key, wrt)
                case Element(of=Symbol() as of):
                    return self.at.value(part(of, _index(node)).key)
                case Cases():
                    return worked(expanded(node), self.at, settings).expr
                case Call() if node.operation is ROW:
                    return _as_row(visit(node.arguments[0]))
                case Quotient() if shape_of(node.numerator) and not shape_of(node.denominator):
                    return multiply(Quotient(ONE, visit(node.denominator)), visit(node.numerator))
                case Call() if node.operation in MOVES:
                    return _moved(node, tuple(map(visit, node.arguments)))
                case Call() if _has_cases_of_numbers(node):
                    return _evaluated(with_children(node, tuple(map(visit, node.arguments))))
                case _:
                    return with_children(node, tuple(map(visit, children(node))))

        return visit(expr)


def _index(node: Element) -> tuple[int, ...]:
    return tuple(int(i.value) for i in node.index if isinstance(i, Number))


def _as_row(vector: Expr) -> Expr:
    return Array((1, *vector.shape), vector.entries) if isinstance(vector, Array) else Call(ROW, (vector,))


MOVES = (
    ops.TRANSPOSE,
    ops.SLICE,
    ops.STACK,
    ops.CONCAT,
    ops.BESIDE,
    ops.RESHAPE,
    ops.FLATTEN,
    ops.PAD,
    ops.CROP,
)
"""Rows that only move entries, or put zeros around them: of numerals, the page shows what they make."""


def _moved(call: Call, arguments: tuple[Expr, ...]) -> Expr:
    """The array that a row makes of arrays of numerals, found by moving the places of their entries, from 1."""
    if not all(isinstance(argument, Array | Number) for argument in arguments):
        return with_children(call, arguments)
    entries: list[Expr] = []
    places: list[Tensor[Num]] = []
    for argument in arguments:
        own = argument.entries if isinstance(argument, Array) else (argument,)
        shape = argument.shape if isinstance(argument, Array) else ()
        places.append(Tensor(shape, tuple(Num(Decimal(len(entries) + i)) for i in range(1, len(own) + 1))))
        entries += own
    found = apply(call, tuple(places), Decimal50())
    chosen = tuple(entries[int(x.value) - 1] if x.value else ZERO for x in found.flat)
    return Array(found.shape, chosen) if found.shape else chosen[0]


def _has_cases_of_numbers(call: Call) -> bool:
    """Whether every entry of a call is one of a few given numbers, as those of ReLU′ are."""
    row = call.operation
    if row.formula is None or not row.elementwise:
        return False
    formula = row.formula(tuple(Symbol(f"%{i}") for i in range(len(call.arguments))), dict(call.attributes))
    values = [*(value for value, _ in formula.branches), formula.otherwise] if isinstance(formula, Cases) else []
    return bool(values) and all(isinstance(value, Number) for value in values)


def _evaluated(call: Expr) -> Expr:
    """The entries of a call of numbers, by the values that are carried."""
    found = evaluate(call, {}, Decimal50())
    numerals = tuple(Number(x.value) for x in found.flat)
    return Array(found.shape, numerals) if found.shape else numerals[0]


# A rule on a tensor.


def array_of(shape: Shape, numerals: Sequence[Number]) -> Expr:
    """Numerals in a shape; of a scalar, the one that there is."""
    return Array(shape, tuple(numerals)) if shape else numerals[0]


def entrywise(formula: Expr) -> Expr:
    """An optimizer's rule on a tensor; where it multiplies arrays, it does so entry by entry."""
    return rewrite(formula, lambda node: tidied(node) if _multiplies_arrays(node) else node)


def _multiplies_arrays(node: Expr) -> bool:
    return isinstance(node, Product) and sum(bool(shape_of(factor)) for factor in node.factors) > 1
