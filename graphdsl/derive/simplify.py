"""Expression -> an equal one, tidied by a closed list of rules; the rules are named below and no others apply.

1 constants folded, 2 zeros and ones removed, 3 equal factors to powers and equal terms to multiples, 4 numbers first,
5 −(a − b) to b − a, 6 nested sums and products flattened. Idempotent; the value stays the same, and where a row takes an
array, so does the shape.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from graphdsl.derive.shape import shape_of
from graphdsl.expr import (
    MINUS_ONE,
    ONE,
    ZERO,
    Array,
    Call,
    Cases,
    Element,
    Expr,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    children,
    multiply,
    with_children,
)
from graphdsl.numbers import EXACT, size


def simplify(expr: Expr) -> Expr:
    """The tidied expression."""
    own = children(expr)
    tidy = tuple(map(simplify, own))
    if _takes_arrays(expr):
        tidy = tuple(map(_in_shape_of, tidy, own))
    whole = expr if tidy == own else with_children(expr, tidy)
    return _over_rows(_tidy(whole), whole) if isinstance(whole, Sum) else _tidy(whole)


def _over_rows(tidy: Expr, total: Sum) -> Expr:
    """A vector that is left of a matrix that cancels is still added to each row."""
    shape = shape_of(total)
    if len(shape) < 2 or len(shape_of(tidy)) != 1:
        return tidy
    return Sum((tidy, Array(shape, (ZERO,) * size(shape))))


def _takes_arrays(expr: Expr) -> bool:
    """Whether a part that turns out to be a number has to stay an array."""
    return isinstance(expr, Element) or (isinstance(expr, Call) and not expr.operation.elementwise)


def _in_shape_of(tidy: Expr, own: Expr) -> Expr:
    """The number that is left of an array, as b − b leaves 0, in every entry."""
    if tidy is own or shape_of(tidy) or not (shape := shape_of(own)):
        return tidy
    return Array(shape, (tidy,) * size(shape))


def _tidy(node: Expr) -> Expr:
    match node:
        case Sum():
            return _sum(node.terms)
        case Product():
            return _product(node.factors)
        case Quotient():
            return _quotient(node)
        case Power():
            return _power(node)
        case Cases() if all(value == node.otherwise for value, _ in node.branches):
            return node.otherwise
        case _:
            return node


def _constant(expr: Expr) -> Fraction | None:
    """The exact value of a given number or a fraction of two, else nothing."""
    match expr:
        case Number() if expr.quantity is None and expr.exact:
            return Fraction(expr.value)
        case Quotient(numerator=Number() as p, denominator=Number() as q) if q.value:
            above, below = _constant(p), _constant(q)
            return None if above is None or below is None else above / below
        case Product(factors=(Number(value=Decimal() as sign), Quotient() as rest)) if sign == -1:
            inner = _constant(rest)
            return None if inner is None else -inner
        case _:
            return None


def _is_fraction(expr: Expr) -> bool:
    return not isinstance(expr, Number)


def _as_number(value: Fraction, fraction: bool) -> Expr:
    """The constant as a decimal, or as a fraction where one was written or where no decimal ends."""
    if value.denominator == 1:
        return Number(Decimal(value.numerator))
    reduced = value.denominator
    for prime in (2, 5):
        while reduced % prime == 0:
            reduced //= prime
    if reduced == 1 and not fraction:
        return Number(_decimal(value))
    magnitude = Quotient(Number(Decimal(abs(value.numerator))), Number(Decimal(value.denominator)))
    return magnitude if value > 0 else Product((MINUS_ONE, magnitude))


def _decimal(value: Fraction) -> Decimal:
    """A fraction whose denominator has no primes but 2 and 5, exactly."""
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    return Decimal(int(value * 10**places)).scaleb(-places, EXACT)


def _sum(terms: tuple[Expr, ...]) -> Expr:
    flat = [t for term in terms for t in (term.terms if isinstance(term, Sum) else (term,))]
    kept: dict[Expr, Fraction] = {}
    constant, constant_place, fraction = Fraction(0), None, False
    for term in flat:
        value = _constant(term)
        if value is not None:
            constant_place = len(kept) if constant_place is None else constant_place
            constant, fraction = constant + value, fraction or _is_fraction(term)
            continue
        coefficient, rest = _split(term)
        kept[rest] = kept.get(rest, Fraction(0)) + coefficient
    result = [_scaled(coefficient, rest) for rest, coefficient in kept.items()]
    if constant:
        result.insert(constant_place or 0, _as_number(constant, fraction))
    result = [term for term in result if term != ZERO]
    if any(isinstance(term, Sum) for term in result):  # 2(a + b) − (a + b) leaves a sum within the sum
        return _sum(tuple(result))
    return result[0] if len(result) == 1 else Sum(tuple(result)) if result else ZERO


def _split(term: Expr) -> tuple[Fraction, Expr]:
    """A term as a constant times the rest; a negative fraction is two factors, -1 and its magnitude."""
    coefficient, rest = Fraction(1), term.factors if isinstance(term, Product) else (term,)
    while len(rest) > 1 and (value := _constant(rest[0])) is not None:
        coefficient, rest = coefficient * value, rest[1:]
    return coefficient, rest[0] if len(rest) == 1 else Product(rest)


def _scaled(coefficient: Fraction, rest: Expr) -> Expr:
    if coefficient == 0:
        return ZERO
    return rest if coefficient == 1 else multiply(_as_number(coefficient, False), rest)


def _product(factors: tuple[Expr, ...]) -> Expr:
    flat = [f for factor in factors for f in (factor.factors if isinstance(factor, Product) else (factor,))]
    coefficient, fraction = Fraction(1), False
    powers: dict[Expr, int] = {}
    for factor in flat:
        value = _constant(factor)
        if value is not None:
            coefficient, fraction = coefficient * value, fraction or _is_fraction(factor)
            continue
        base, exponent = _base(factor)
        powers[base] = powers.get(base, 0) + exponent
    if coefficient == 0:
        return ZERO
    rest = [_raised(base, exponent) for base, exponent in powers.items() if exponent]
    return _with_coefficient(coefficient, fraction, rest)


def _with_coefficient(coefficient: Fraction, fraction: bool, rest: list[Expr]) -> Expr:
    if not rest:
        return _as_number(coefficient, fraction)
    if coefficient < 0:
        place = next((i for i, factor in enumerate(rest) if _is_difference(factor)), None)
        if place is not None:
            rest[place] = _negated(rest[place])
            coefficient = -coefficient
    if coefficient != 1:
        constant = _as_number(coefficient, fraction)
        rest = [*(constant.factors if isinstance(constant, Product) else (constant,)), *rest]
    if len(rest) == 1:
        return rest[0]
    return Product(tuple(rest))


def _base(factor: Expr) -> tuple[Expr, int]:
    match factor:
        case Power(base=base, exponent=Number(value=n)) if n == n.to_integral_value() and 0 < n < 100:
            return base, int(n)
        case _:
            return factor, 1


def _raised(base: Expr, exponent: int) -> Expr:
    return base if exponent == 1 else Power(base, Number(Decimal(exponent)))


def _is_negative(term: Expr) -> bool:
    match term:
        case Number() if term.quantity is None:
            return term.value < 0
        case Product():
            return _is_negative(term.factors[0])
        case _:
            return False


def _is_difference(expr: Expr) -> bool:
    """a − b, so that its negative is b − a."""
    return isinstance(expr, Sum) and len(expr.terms) == 2 and sum(map(_is_negative, expr.terms)) == 1


def _negated(expr: Expr) -> Expr:
    assert isinstance(expr, Sum)
    return Sum(tuple(_product((MINUS_ONE, term)) for term in reversed(expr.terms)))


def _quotient(node: Quotient) -> Expr:
    above, below = _constant(node.numerator), _constant(node.denominator)
    if above == 0 and below != 0:
        return ZERO
    if below == 1:
        return node.numerator
    if above is not None and below:
        return _as_number(above / below, True)
    if node.numerator == node.denominator and not node.chosen:
        return ONE
    if isinstance(node.numerator, Product) and node.numerator.factors[0] == MINUS_ONE:
        rest = node.numerator.factors[1:]
        above_line = rest[0] if len(rest) == 1 else Product(rest)
        return _product((MINUS_ONE, _quotient(replace(node, numerator=above_line))))
    return node


def _power(node: Power) -> Expr:
    exponent = _constant(node.exponent)
    base = _constant(node.base)
    if exponent == 0:
        return ONE
    if exponent == 1:
        return node.base
    if base is not None and exponent is not None and exponent.denominator == 1 and 0 < exponent <= 20:
        return _as_number(base ** int(exponent), _is_fraction(node.base))
    if base == 1:
        return ONE
    return node
