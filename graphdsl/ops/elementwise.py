"""The rows that act on each entry: notation, definition, stable computation and derivative; knows no shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from graphdsl.derive.evaluate import entrywise
from graphdsl.expr import (
    MINUS_ONE,
    ONE,
    ZERO,
    Attributes,
    Cases,
    Compute,
    Expr,
    FencesNotation,
    Formula,
    FunctionNotation,
    InfixNotation,
    Kinks,
    Notation,
    Number,
    Operation,
    Option,
    Power,
    Product,
    Quotient,
    RadicalNotation,
    Refusal,
    Relation,
    Sides,
    Sign,
    SuperscriptNotation,
    add,
    multiply,
    negate,
    number,
    subtract,
)
from graphdsl.numbers import Arithmetic, Tensor, scalar
from graphdsl.ops.rows import (
    PRODUCT_PRECEDENCE,
    call,
    scalar_shape,
    settings,
)

N = TypeVar("N")


# Rows that act on each entry: a derivative in x and the output says everything.

Slope = Callable[[Expr, Expr, Attributes], Expr]


def entrywise_row(
    name: str,
    notation: Notation,
    slope: Slope,
    *,
    formula: Formula | None = None,
    compute: Compute | None = None,
    kinks: Kinks | None = None,
    defaults: Mapping[str, str] | None = None,
    required: tuple[str, ...] = (),
    refusal: Refusal | None = None,
    source: str = "",
) -> Operation:
    """A row of one argument; slope, formula and kinks see its options complete, those that were not said by default."""
    values = {option: Decimal(value) for option, value in (defaults or {}).items()}

    def pullbacks(args: tuple[Expr, ...], given: Attributes, out: Expr, upstream: Expr) -> tuple[Expr | None, ...]:
        local = slope(args[0], out, {**values, **given})
        return (ZERO if local == ZERO else upstream if local == ONE else multiply(upstream, local),)

    return Operation(
        name,
        notation,
        (1, 1),
        scalar_shape,
        pullbacks,
        None if formula is None else lambda args, given: formula(args, {**values, **given}),
        compute,
        sides=None if kinks is None else _sides_of(kinks, values),
        elementwise=True,
        attributes=(*required, *values),
        source=source,
        options=dict.fromkeys((*required, *values), Option("number")),
        defaults=values,
        kinks=None if kinks is None else lambda given: kinks({**values, **given}),
        refusal=refusal,
    )


def _sides_of(kinks: Kinks, values: Attributes) -> Sides:
    """On which side of each kink an argument lies."""

    def sides(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> tuple[int, ...]:
        points = [arithmetic.literal(point) for point in kinks({**values, **given})]
        return tuple(arithmetic.compare(x, point) for x in args[0].flat for point in points)

    return sides


def kinks_at(*points: str) -> Kinks:
    """Kinks that lie where they lie whatever the options are."""
    places = tuple(map(Decimal, points))
    return lambda given: places


AT_ZERO = kinks_at("0")


def by_arithmetic(function: str) -> Compute:
    """The stable computation that the arithmetic itself has."""

    def compute(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
        return scalar(arithmetic.function(function, args[0].item))

    return compute


def positive(x: Expr) -> Relation:
    """x > 0."""
    return Relation((x, ZERO), (">",))


def option(given: Attributes, name: str) -> Number:
    """The value of an option, as a numeral."""
    value = given[name]
    assert isinstance(value, Decimal)
    return Number(value)


def split_at_zero(x: Expr, above: Expr, at: Expr, below: Expr) -> Expr:
    """Cases by the sign of x; where two neighbours agree they are one case."""
    if at == below:
        return Cases(((above, positive(x)),), below)
    if at == above:
        return Cases(((above, Relation((x, ZERO), ("≥",))),), below)
    return Cases(((above, positive(x)), (at, Relation((x, ZERO), ("=",)))), below)


def _sigmoid(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    """1/(1 + e^−x) where x ≥ 0, else e^x/(1 + e^x): neither overflows."""
    x, one = args[0].item, arithmetic.literal(Decimal(1))
    minus = arithmetic.literal(Decimal(-1))
    positive = arithmetic.compare(x, arithmetic.literal(Decimal(0))) >= 0
    power = arithmetic.function("exp", arithmetic.multiply(minus, x) if positive else x)
    return scalar(arithmetic.divide(one if positive else power, arithmetic.add(one, power)))


def _tanh_formula(args: tuple[Expr, ...], given: Attributes) -> Expr:
    up, down = call(EXP, args[0]), call(EXP, negate(args[0]))
    return Quotient(subtract(up, down), add(up, down))


EXP: Operation = entrywise_row(
    "exp", SuperscriptNotation(base="e", called="exp"), lambda x, out, _: out, compute=by_arithmetic("exp")
)
EXP_CALLED: Operation = replace(EXP, notation=FunctionNotation("exp"))
"""The same where e is a name of the author's."""

LN: Operation = entrywise_row(
    "ln", FunctionNotation("ln"), lambda x, out, _: Quotient(ONE, x), compute=by_arithmetic("ln")
)
SQRT: Operation = entrywise_row(
    "sqrt",
    RadicalNotation(),
    lambda x, out, _: Quotient(ONE, Product((number(2), out))),
    compute=by_arithmetic("sqrt"),
)
ROOT: Operation = entrywise_row(
    SQRT.name,
    SQRT.notation,
    lambda x, out, _: Quotient(ONE, Product((number(2), out)), chosen=True),
    compute=SQRT.compute,
    source="of a sum of squares: at 0, where it has a kink, its derivative is set to 0",
)
SIN: Operation = entrywise_row(
    "sin", FunctionNotation("sin"), lambda x, out, _: call(COS, x), compute=by_arithmetic("sin")
)
COS: Operation = entrywise_row(
    "cos", FunctionNotation("cos"), lambda x, out, _: negate(call(SIN, x)), compute=by_arithmetic("cos")
)
SIGN: Operation = entrywise_row(
    "sign",
    FunctionNotation("sgn"),
    lambda x, out, _: ZERO,
    formula=lambda args, given: split_at_zero(args[0], ONE, option(given, "at_zero"), MINUS_ONE),
    kinks=AT_ZERO,
    defaults={"at_zero": "0"},
)
ABS: Operation = entrywise_row(
    "abs",
    FencesNotation("|", "|"),
    lambda x, out, _: call(SIGN, x),
    formula=lambda args, _: Cases(((args[0], Relation((args[0], ZERO), ("≥",))),), negate(args[0])),
    kinks=AT_ZERO,
)
SIGMOID: Operation = entrywise_row(
    "sigmoid",
    FunctionNotation("σ"),
    lambda x, out, _: Product((out, subtract(ONE, out))),
    formula=lambda args, _: Quotient(ONE, add(ONE, call(EXP, negate(args[0])))),
    compute=_sigmoid,
    source="logistic function; σ′ = σ(1 − σ)",
)
TANH: Operation = entrywise_row(
    "tanh",
    FunctionNotation("tanh"),
    lambda x, out, _: subtract(ONE, Power(out, number(2))),
    formula=_tanh_formula,
    compute=by_arithmetic("tanh"),
)
RELU_PRIME: Operation = entrywise_row(
    "relu'",
    FunctionNotation("ReLU", primes=1),
    lambda x, out, _: ZERO,
    formula=lambda args, given: split_at_zero(args[0], ONE, option(given, "slope_at_zero"), ZERO),
    kinks=AT_ZERO,
    defaults={"slope_at_zero": "0"},
)
RELU: Operation = entrywise_row(
    "relu",
    FunctionNotation("ReLU"),
    lambda x, out, given: call(RELU_PRIME, x, **given),
    formula=lambda args, _: call(MAX, ZERO, args[0]),
    kinks=AT_ZERO,
    defaults={"slope_at_zero": "0"},
    source="Nair and Hinton 2010",
)
LEAKY_RELU_PRIME: Operation = entrywise_row(
    "leaky_relu'",
    FunctionNotation("LeakyReLU", primes=1, said=settings("slope")),
    lambda x, out, _: ZERO,
    formula=lambda args, given: Cases(((ONE, positive(args[0])),), option(given, "slope")),
    kinks=AT_ZERO,
    defaults={"slope": "0.01"},
)
LEAKY_RELU: Operation = entrywise_row(
    "leaky_relu",
    FunctionNotation("LeakyReLU", said=settings("slope")),
    lambda x, out, given: call(LEAKY_RELU_PRIME, x, **given),
    formula=lambda args, given: Cases(((args[0], positive(args[0])),), Product((option(given, "slope"), args[0]))),
    kinks=AT_ZERO,
    defaults={"slope": "0.01"},
    source="Maas, Hannun and Ng 2013",
)
LINEAR: Operation = entrywise_row(
    "linear", FunctionNotation("id"), lambda x, out, _: ONE, formula=lambda args, _: args[0]
)


# Several arguments, entry by entry. Of equal ones the first is taken.


def _is_taken(args: tuple[Expr, ...], i: int, row: Operation) -> tuple[Expr, ...]:
    """Factors that are 1 where this argument is taken: it passes those before it, and none after it passes it."""
    passes: Sign = "<" if row is MAX else ">"
    holds: Sign = "≥" if row is MAX else "≤"
    before, after = args[:i], args[i + 1 :]
    conditions: list[Relation] = []
    if before:
        conditions.append(Relation((_only(row, before), args[i]), (passes,)))
    if after:
        conditions.append(Relation((args[i], _only(row, after)), (holds,)))
    return tuple(Cases(((ONE, condition),), ZERO) for condition in conditions)


def _only(row: Operation, args: tuple[Expr, ...]) -> Expr:
    return args[0] if len(args) == 1 else call(row, *args)


def _max_pullbacks(args: tuple[Expr, ...], given: Attributes, out: Expr, upstream: Expr) -> tuple[Expr | None, ...]:
    return tuple(multiply(upstream, *_is_taken(args, i, MAX)) for i in range(len(args)))


def _min_pullbacks(args: tuple[Expr, ...], given: Attributes, out: Expr, upstream: Expr) -> tuple[Expr | None, ...]:
    return tuple(multiply(upstream, *_is_taken(args, i, MIN)) for i in range(len(args)))


def taken(arithmetic: Arithmetic[N], numbers: Sequence[N], pick: int) -> int:
    """The place, from 0, of the largest number (the smallest, where `pick` is -1); of equal ones the first."""
    found = 0
    for place, x in enumerate(numbers):
        if pick * arithmetic.compare(x, numbers[found]) > 0:
            found = place
    return found


def taken_side(arithmetic: Arithmetic[N], numbers: Sequence[N], pick: int) -> int:
    """Which of the numbers is taken, from 1; 0 where it is not the only one."""
    found = taken(arithmetic, numbers, pick)
    equal = sum(arithmetic.compare(x, numbers[found]) == 0 for x in numbers)
    return found + 1 if equal == 1 else 0


def _extreme_sides(pick: int) -> Sides:
    def sides(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> tuple[int, ...]:
        return (taken_side(arithmetic, [a.item for a in args], pick),)

    return sides


def _extreme(pick: int) -> Compute:
    def compute(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
        return args[taken(arithmetic, [a.item for a in args], pick)]

    return compute


MAX: Operation = Operation(
    "max", FunctionNotation("max"), (1, None), scalar_shape, _max_pullbacks, None, _extreme(1), None,
    _extreme_sides(1), True,
)  # fmt: skip
MIN: Operation = Operation(
    "min", FunctionNotation("min"), (1, None), scalar_shape, _min_pullbacks, None, _extreme(-1), None,
    _extreme_sides(-1), True,
)  # fmt: skip


def _power_pullbacks(args: tuple[Expr, ...], given: Attributes, out: Expr, upstream: Expr) -> tuple[Expr | None, ...]:
    base, exponent = args
    lower = call(POWER, base, subtract(exponent, ONE))
    return multiply(upstream, exponent, lower), multiply(upstream, out, call(LN, base))


def _power(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    return scalar(arithmetic.power(args[0].item, args[1].item))


POWER: Operation = Operation(
    "power", SuperscriptNotation(), (2, 2), scalar_shape, _power_pullbacks, None, _power, None, None, True
)


def _hadamard(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    return entrywise(arithmetic.multiply, *args)


HADAMARD: Operation = Operation(
    "⊙",
    InfixNotation("⊙", PRODUCT_PRECEDENCE),
    (2, 2),
    scalar_shape,
    lambda args, given, out, upstream: (multiply(upstream, args[1]), multiply(upstream, args[0])),
    lambda args, given: Product(args),
    _hadamard,
    element=lambda args, given, index: Product(args),
    elementwise=True,
)
