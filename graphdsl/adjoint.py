"""Tensor formula + the gradient of its value -> the gradient of each name in it, as tensor expressions; computes nothing.

The rows' pullbacks, followed from the root of a formula to its names: the chain rule in matrices. What a sum had spread
is added up again, scalars stand in front, and factors that do not commute keep their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import assert_never

from graphdsl.derive.element import part, unrolled
from graphdsl.derive.pullback import pullbacks
from graphdsl.derive.shape import shape_of
from graphdsl.derive.simplify import simplify
from graphdsl.expr import (
    MINUS_ONE,
    ONE,
    ZERO,
    Array,
    Attribute,
    Attributes,
    Call,
    Cases,
    Element,
    Expr,
    FunctionNotation,
    IndexedSum,
    InfixNotation,
    Notation,
    Number,
    Operation,
    Partial,
    Power,
    Product,
    Quotient,
    Relation,
    Sum,
    Symbol,
    add,
    children,
    multiply,
    number,
    rewrite,
    walk,
    with_children,
)
from graphdsl.numbers import Shape, flat_index, indices, size
from graphdsl.ops import FILL, HADAMARD, MATMUL, OUTER, SUM, TRANSPOSE, call


def gradients(formula: Expr, out: Expr, upstream: Expr) -> dict[str, Expr]:
    """For each name in a formula: upstream · ∂formula/∂name, in the shape of the name, tidied.

    `out` is a name for the value of the formula, so that σ′ may read h ⊙ (1 − h); `upstream` has its shape.
    """
    found: dict[str, list[Expr]] = {}
    names: dict[str, Symbol] = {}
    for name, reached in _reached(formula, out, upstream):
        found.setdefault(name.key, []).append(reached)
        names[name.key] = name
    return {key: finished(add(*parts), names[key].shape) for key, parts in found.items()}


def finished(expr: Expr, shape: Shape) -> Expr:
    """The tidied expression, in its shape, with arrays of one number written out."""
    done = tidied(expr)
    if not shape_of(done) and shape:
        done = _in_shape(done, shape)
    return rewrite(rewrite(done, _written_out), _positive_first)


def _reached(node: Expr, out: Expr, upstream: Expr) -> Iterator[tuple[Symbol, Expr]]:
    """Each name below a node, and what reaches it there."""
    match node:
        case Number() | Partial() | Relation():
            return
        case Symbol():
            yield node, upstream
        case Element():
            yield from _reached(node.of, node.of, _placed(upstream, node))
        case Array():
            for index, entry in zip(indices(node.shape), node.entries, strict=True):
                yield from _reached(entry, entry, entry_of(upstream, index))
        case IndexedSum():
            yield from _reached(unrolled(node), out, upstream)
        case Sum() | Product() | Quotient() | Power() | Call() | Cases():
            for child, pulled in zip(children(node), _pulled(node, out, upstream), strict=True):
                if pulled is not None and pulled != ZERO:
                    own = _gathered(pulled, shape_of(node), shape_of(child)) if _is_entrywise(node) else pulled
                    yield from _reached(child, child, tidied(own))
        case _:
            assert_never(node)


def _is_entrywise(node: Expr) -> bool:
    return not isinstance(node, Call) or node.operation.elementwise


def _pulled(node: Expr, out: Expr, upstream: Expr) -> tuple[Expr | None, ...]:
    """What a node passes to its children; on arrays, a slope in cases is a function of its own."""
    if not isinstance(node, Call) or not node.operation.elementwise or not shape_of(node):
        return pullbacks(node, out, upstream)
    slopes = pullbacks(node, out, ONE)
    return tuple(
        multiply(upstream, _slope_of(node, i) if any(isinstance(p, Cases) for p in walk(slope)) else slope)
        if slope is not None and slope != ZERO
        else None
        for i, slope in enumerate(slopes)
    )


def _slope_of(node: Call, place: int) -> Call:
    return Call(
        _slope_row(node.operation, place, len(node.arguments), node.attributes), node.arguments, node.attributes
    )


@lru_cache(maxsize=256)
def _slope_row(row: Operation, place: int, count: int, attributes: tuple[tuple[str, Attribute], ...]) -> Operation:
    """The derivative of an elementwise row by one of its arguments, as a row: elu′(z), or a ≥ b for the first of a maximum."""

    def slope(args: tuple[Expr, ...], given: Attributes) -> Expr:
        found = row.pullbacks(args, given, Call(row, args, attributes), ONE)[place]
        return ZERO if found is None else simplify(found)

    names = tuple(Symbol(f"%{i}") for i in range(count))
    return replace(
        row,
        name=f"{row.name}'{place + 1}",
        notation=_slope_notation(row.notation, slope(names, dict(attributes))),
        pullbacks=lambda args, given, out, upstream: (ZERO,) * len(args),
        formula=slope,
        compute=None,
        element=None,
    )


def _slope_notation(notation: Notation, slope: Expr) -> Notation:
    match notation, slope:
        case _, Cases(branches=((Number() as value, Relation(members=(Symbol(), Symbol()), signs=(sign,))),)) if (
            value == ONE and slope.otherwise == ZERO
        ):
            return InfixNotation(sign, 0)
        case FunctionNotation(), _:
            return replace(notation, primes=notation.primes + 1)
        case _:
            return notation


# From the shape of a node to that of its children.


def _gathered(pulled: Expr, spread: Shape, own: Shape) -> Expr:
    """What a node passes to a child of a smaller shape, which was spread over it: a number over all, a vector over rows."""
    if spread == own:
        return pulled
    if not own:
        return call(SUM, pulled)
    assert len(spread) == 2 and spread[1:] == own, "a vector is spread over the rows of a matrix"
    ones = call(FILL, ONE, shape=spread[:1])
    return call(MATMUL, call(TRANSPOSE, pulled), ones)


def _placed(upstream: Expr, node: Element) -> Expr:
    """A number at the place of an entry, zeros elsewhere."""
    shape = shape_of(node.of)
    at = flat_index(shape, tuple(int(i.value) for i in node.index if isinstance(i, Number)))
    return Array(shape, tuple(upstream if i == at else ZERO for i in range(size(shape))))


def entry_of(expr: Expr, index: Shape) -> Expr:
    """The entry of a tensor expression, by a name of its own where it has one."""
    match expr:
        case Array():
            return expr.entries[flat_index(expr.shape, index)]
        case Partial(wrt=Symbol() as wrt):
            return replace(expr, wrt=part(wrt, index))
        case Call() if _is_filled(expr):
            return expr.arguments[0]
        case _:
            return Element(expr, tuple(map(number, index)))


def with_sums(expr: Expr, is_one: Callable[[Expr], bool]) -> Expr:
    """The expression where sums that are 1, those of lanes in every lane, are put in."""

    def change(node: Expr) -> Expr:
        if not isinstance(node, Call) or node.operation is not SUM or not is_one(node):
            return node
        return call(FILL, ONE, shape=shape_of(node)) if shape_of(node) else ONE

    return finished(rewrite(expr, change), shape_of(expr))


# Tidying. Linear rows let scalars through; products entry by entry have their scalars in front and divisors below.

_LINEAR = (MATMUL, OUTER, TRANSPOSE, SUM)


def tidied(expr: Expr) -> Expr:
    """An equal expression as one would write it by hand."""
    return simplify(rewrite(expr, _tidy))


def _tidy(node: Expr) -> Expr:
    match node:
        case Product() if shape_of(node):
            return _entrywise(shape_of(node), node.factors)
        case Call() if node.operation is HADAMARD:
            return _entrywise(shape_of(node), node.arguments)
        case Call() if node.operation is TRANSPOSE:
            return _scaled(_transposed(node), node)
        case Call() if node.operation is FILL and not _is_filled(node) and _is_filled(node.arguments[0]):
            return call(FILL, entry_of(node.arguments[0], ()), shape=shape_of(node))
        case Call() if node.operation is SUM and not shape_of(node) and _is_filled(node.arguments[0]):
            return _entrywise((), (number(size(shape_of(node.arguments[0]))), entry_of(node.arguments[0], ())))
        case Call() if node.operation in _LINEAR:
            return _scaled(node, node)
        case Element() if isinstance(node.of, Array | Partial) and all(isinstance(i, Number) for i in node.index):
            return entry_of(node.of, tuple(int(i.value) for i in node.index if isinstance(i, Number)))
        case Sum():
            return _arrays_added(node)
        case _:
            return node


def _is_filled(expr: Expr) -> bool:
    """Whether an array has one number in every entry."""
    return isinstance(expr, Call) and expr.operation is FILL and not shape_of(expr.arguments[0])


def _transposed(node: Call) -> Expr:
    """(Aᵀ)ᵀ = A and (A B)ᵀ = Bᵀ Aᵀ."""
    match node.arguments[0]:
        case Call(operation=inner, arguments=(a,)) if inner is TRANSPOSE:
            return a
        case Call(operation=inner, arguments=(a, b)) if inner is MATMUL:
            return call(MATMUL, _transposed(call(TRANSPOSE, b)), _transposed(call(TRANSPOSE, a)))
        case _:
            return node


def _scaled(done: Expr, node: Call) -> Expr:
    """The scalars of a linear row's arguments before it, and their divisors below."""
    if not isinstance(done, Call) or done.operation not in _LINEAR:
        return done
    parts = [_parted(argument) for argument in done.arguments]
    above = [s for scalars, _, _ in parts for s in scalars]
    below = [s for _, divisors, _ in parts for s in divisors]
    if not above and not below:
        return done
    return _over([*above, with_children(done, tuple(rest for _, _, rest in parts))], below)


def _parted(expr: Expr) -> tuple[list[Expr], list[Expr], Expr]:
    """An array as scalars, divisors and the rest; a filled one keeps its number."""
    match expr:
        case Product():
            arrays = [f for f in expr.factors if shape_of(f)]
            if len(arrays) == 1:
                above, below, rest = _parted(arrays[0])
                return [*(f for f in expr.factors if not shape_of(f)), *above], below, rest
        case Quotient() if shape_of(expr.numerator) and not shape_of(expr.denominator):
            above, below, rest = _parted(expr.numerator)
            return above, [*below, expr.denominator], rest
    return [], [], expr


def _entrywise(shape: Shape, factors: Iterable[Expr]) -> Expr:
    """The product entry by entry."""
    above: list[Expr] = []
    below: list[Expr] = []
    for factor in factors:
        _sort(factor, above, below)
    for factor in [f for f in below if f in above]:
        above.remove(factor)
        below.remove(factor)
    scalars = [f for f in above if not shape_of(f)]
    arrays = [f for f in above if shape_of(f)]
    body = _hadamard(arrays)
    whole = _over([*scalars, *body], below)
    return whole if shape_of(whole) == shape else call(FILL, whole, shape=shape)


def _sort(factor: Expr, above: list[Expr], below: list[Expr]) -> None:
    match factor:
        case Product():
            for inner in factor.factors:
                _sort(inner, above, below)
        case Call() if factor.operation is HADAMARD:
            for inner in factor.arguments:
                _sort(inner, above, below)
        case Call() if _is_filled(factor):
            _sort(factor.arguments[0], above, below)
        case Quotient(numerator=Number(), denominator=Number()):
            above.append(factor)
        case Quotient():
            _sort(factor.numerator, above, below)
            below.append(factor.denominator)
        case _ if factor != ONE:
            above.append(factor)


def _hadamard(arrays: list[Expr]) -> list[Expr]:
    """a ⊙ b ⊙ c; the sign of a difference stays with the scalars."""
    if not arrays:
        return []
    body = arrays[0]
    for other in arrays[1:]:
        body = call(HADAMARD, body, other)
    return [body]


def _over(above: list[Expr], below: list[Expr]) -> Expr:
    numerator = simplify(multiply(*above)) if above else ONE
    if not below:
        return numerator
    denominator = _entrywise(next((shape_of(b) for b in below if shape_of(b)), ()), below)
    if isinstance(numerator, Product) and numerator.factors[0] == MINUS_ONE and len(numerator.factors) > 1:
        return Product((MINUS_ONE, Quotient(multiply(*numerator.factors[1:]), denominator)))
    return Quotient(numerator, denominator)


def _arrays_added(total: Sum) -> Expr:
    """Arrays that are written out, added up entry by entry."""
    arrays = [term for term in total.terms if isinstance(term, Array) and term.shape == shape_of(total)]
    if len(arrays) < 2:
        return total
    entries = zip(*(array.entries for array in arrays), strict=True)
    joined = Array(arrays[0].shape, tuple(simplify(add(*same)) for same in entries))
    return add(*(term for term in total.terms if term not in arrays), joined)


def _in_shape(scalar: Expr, shape: Shape) -> Expr:
    return call(FILL, scalar, shape=shape)


def _written_out(node: Expr) -> Expr:
    """An array of one number, entry by entry; of a name, the name times ones."""
    if not isinstance(node, Call) or not _is_filled(node):
        return node
    shape = shape_of(node)
    (value,) = node.arguments
    constant = isinstance(value, Number) or (isinstance(value, Quotient | Product) and not list(_names(value)))
    ones = Array(shape, (value if constant else ONE,) * size(shape))
    return ones if constant else multiply(value, ones)


def _positive_first(node: Expr) -> Expr:
    """−a + b as b − a."""
    if not isinstance(node, Sum) or not _is_negative(node.terms[0]):
        return node
    first = next((term for term in node.terms if not _is_negative(term)), None)
    return node if first is None else add(first, *(term for term in node.terms if term is not first))


def _is_negative(term: Expr) -> bool:
    leading = term.factors[0] if isinstance(term, Product) else term
    return isinstance(leading, Number) and leading.value < 0


def _names(expr: Expr) -> Iterator[Expr]:
    return (node for node in walk(expr) if isinstance(node, Symbol | Partial))
