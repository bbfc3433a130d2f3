"""Expression + values of its names -> value, in the arithmetic that is handed in; knows no operation but by its row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import reduce
from typing import TypeVar, assert_never

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
    Sign,
    Sum,
    Symbol,
    number,
    substitute,
)
from graphdsl.numbers import Arithmetic, Shape, Tensor, scalar, size

N = TypeVar("N")

Values = Mapping[str, Tensor[N]]
Partials = Callable[[Partial], N]

HOLDS: Mapping[Sign, Callable[[int], bool]] = {
    "=": lambda order: order == 0,
    "≈": lambda order: order == 0,
    "≠": lambda order: order != 0,
    "<": lambda order: order < 0,
    "≤": lambda order: order <= 0,
    ">": lambda order: order > 0,
    "≥": lambda order: order >= 0,
}


def evaluate(
    expr: Expr, values: Values[N], arithmetic: Arithmetic[N], partials: Partials[N] | None = None
) -> Tensor[N]:
    """The value of an expression; `partials` answers for derivatives that occur in it. Raises NumberMistake."""

    def value(node: Expr) -> Tensor[N]:
        return evaluate(node, values, arithmetic, partials)

    match expr:
        case Number():
            return scalar(arithmetic.literal(expr.value, expr.exact))
        case Symbol():
            return values[expr.key]
        case Sum():
            return reduce(lambda a, b: entrywise(arithmetic.add, a, b), map(value, expr.terms))
        case Product():
            return reduce(lambda a, b: entrywise(arithmetic.multiply, a, b), map(value, expr.factors))
        case Quotient():
            divide = _chosen(arithmetic) if expr.chosen else arithmetic.divide
            return entrywise(divide, value(expr.numerator), value(expr.denominator))
        case Power():
            return entrywise(arithmetic.power, value(expr.base), value(expr.exponent))
        case Call():
            return apply(expr, tuple(map(value, expr.arguments)), arithmetic)
        case Element():
            return scalar(value(expr.of).at(tuple(_integer(i) for i in expr.index)))
        case IndexedSum():
            terms = (substitute(expr.body, {expr.index.key: number(i)}) for i in range(expr.low, expr.high + 1))
            return reduce(lambda a, b: entrywise(arithmetic.add, a, b), map(value, terms))
        case Cases():
            chosen = next((v for v, c in expr.branches if _holds(c, values, arithmetic, partials)), expr.otherwise)
            return value(chosen)
        case Array():
            return Tensor(expr.shape, tuple(value(entry).item for entry in expr.entries))
        case Partial():
            if partials is None:
                raise TypeError("a derivative has no value of its own")
            return scalar(partials(expr))
        case Relation():
            raise TypeError("a relation has no value")
        case _:
            assert_never(expr)


def apply(call: Call, arguments: tuple[Tensor[N], ...], arithmetic: Arithmetic[N]) -> Tensor[N]:
    """The output of a call on values; elementwise rows act on each entry."""
    if not call.operation.elementwise:
        return _apply_row(call, arguments, arithmetic)
    shape = common_shape(arguments)
    if not shape:
        return _apply_row(call, arguments, arithmetic)
    spread = [broadcast(a, shape) for a in arguments]
    entries = (tuple(map(scalar, column)) for column in zip(*(a.flat for a in spread), strict=True))
    return Tensor(shape, tuple(_apply_row(call, entry, arithmetic).item for entry in entries))


def _apply_row(call: Call, arguments: tuple[Tensor[N], ...], arithmetic: Arithmetic[N]) -> Tensor[N]:
    row = call.operation
    attributes = dict(call.attributes)
    if row.compute is not None:
        return row.compute(arithmetic, arguments, attributes)
    assert row.formula is not None, f"{row.name} can neither be computed nor written out"
    names = tuple(Symbol(f"%{i}", a.shape) for i, a in enumerate(arguments))
    return evaluate(
        row.formula(names, attributes), {n.key: a for n, a in zip(names, arguments, strict=True)}, arithmetic
    )


def common_shape(tensors: tuple[Tensor[N], ...]) -> Shape:
    """The largest shape among tensors that go together entry by entry."""
    return max((t.shape for t in tensors), key=len)


def broadcast(tensor: Tensor[N], shape: Shape) -> Tensor[N]:
    """A number to every entry, a vector to every row."""
    if tensor.shape == shape:
        return tensor
    return Tensor(shape, tensor.flat * (size(shape) // len(tensor.flat)))


def unbroadcast(tensor: Tensor[N], shape: Shape, arithmetic: Arithmetic[N]) -> Tensor[N]:
    """The entries that a broadcast had spread, added up again: its adjoint."""
    if tensor.shape == shape:
        return tensor
    period = size(shape)
    sums = tuple(reduce(arithmetic.add, tensor.flat[place::period]) for place in range(period))
    return Tensor(shape, sums)


def _chosen(arithmetic: Arithmetic[N]) -> Callable[[N, N], N]:
    """a/b, and 0 where b is 0."""
    nought = arithmetic.literal(Decimal(0))
    return lambda a, b: arithmetic.divide(a, b) if arithmetic.compare(b, nought) else nought


def entrywise(operation: Callable[[N, N], N], a: Tensor[N], b: Tensor[N]) -> Tensor[N]:
    """An operation on numbers, entry by entry."""
    if not a.shape and not b.shape:
        return Tensor((), (operation(a.flat[0], b.flat[0]),))
    shape = common_shape((a, b))
    pairs = zip(broadcast(a, shape).flat, broadcast(b, shape).flat, strict=True)
    return Tensor(shape, tuple(operation(x, y) for x, y in pairs))


def holds(a: N, sign: Sign, b: N, arithmetic: Arithmetic[N]) -> bool:
    """Whether two numbers stand in a relation."""
    return HOLDS[sign](arithmetic.compare(a, b))


def _holds(condition: Relation, values: Values[N], arithmetic: Arithmetic[N], partials: Partials[N] | None) -> bool:
    members = [evaluate(m, values, arithmetic, partials).item for m in condition.members]
    return all(holds(a, sign, b, arithmetic) for a, sign, b in zip(members, condition.signs, members[1:], strict=False))


def _integer(index: Expr) -> int:
    if not isinstance(index, Number):
        raise TypeError("an index is a number by now")
    return int(index.value)
