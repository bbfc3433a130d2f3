"""More rows that act on each entry, and constants with a name: logarithms, roots, angles and what losses are made of; knows no network."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

from graphdsl.expr import (
    ONE,
    Attributes,
    Cases,
    Expr,
    FunctionNotation,
    Number,
    Operation,
    Power,
    Product,
    Quotient,
    Relation,
    ShapeMistake,
    SubscriptedNotation,
    add,
    multiply,
    negate,
    number,
    subtract,
)
from graphdsl.numbers import EXACT, Arithmetic, NumberMistake, Shape, Tensor, scalar
from graphdsl.ops.elementwise import ABS, EXP, LN, MAX, MIN, SQRT, by_arithmetic, entrywise_row, option
from graphdsl.ops.rows import call, scalar_shape

N = TypeVar("N")


def constant(name: str, value: str = "") -> Operation:
    """A number that bears a name, as a call without arguments; it is π where no value is given."""

    def pi(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
        one, four = (arithmetic.literal(Decimal(n)) for n in (1, 4))
        return scalar(arithmetic.multiply(four, arithmetic.function("arctan", one)))

    return Operation(
        name,
        FunctionNotation(name),
        (0, 0),
        scalar_shape,
        lambda args, given, out, upstream: (),
        formula=(lambda args, given: number(value)) if value else None,
        compute=None if value else pi,
    )


PI: Operation = constant("π")


def two_over_pi() -> Expr:
    """2/π."""
    return Quotient(number(2), call(PI))


def squared(x: Expr) -> Expr:
    """x²."""
    return Power(x, number(2))


def half(x: Expr) -> Expr:
    """½ of a sum or a call."""
    return Product((Quotient(ONE, number(2)), x))


def _log(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    """ln x / ln b; of a power of the base its exponent, to the last digit."""
    x, base = args[0].item, arithmetic.literal(option(given, "base").value)
    quotient = arithmetic.divide(arithmetic.function("ln", x), arithmetic.function("ln", base))
    whole = arithmetic.literal(Decimal(_nearest_whole(quotient, arithmetic)))
    power = arithmetic.power(base, whole)
    if arithmetic.compare(power, x) == 0:
        idle = arithmetic.add(arithmetic.divide(x, power), arithmetic.literal(Decimal(-1)))
        return scalar(arithmetic.add(whole, idle))  # nothing is added but what is known of x
    return scalar(quotient)


def _nearest_whole(x: N, arithmetic: Arithmetic[N]) -> int:
    """By bisection; beyond ±2000 whatever is nearest."""
    low, high = -2_000, 2_000
    while low < high:
        middle = (low + high) // 2
        above = arithmetic.compare(x, arithmetic.literal(Decimal(2 * middle + 1) / 2)) > 0
        low, high = (middle + 1, high) if above else (low, middle)
    return low


def _base_refusal(given: Attributes) -> tuple[str, str]:
    if "base" not in given:
        return "`log` needs a base", "write log(x, base = 10), or ln(x) for the natural logarithm"
    base = option(given, "base").value
    return ("the base of a logarithm is positive and not 1", "") if base <= 0 or base == 1 else ("", "")


LOG: Operation = entrywise_row(
    "log",
    SubscriptedNotation("log", "base"),
    lambda x, out, given: Quotient(ONE, Product((x, call(LN, option(given, "base"))))),
    formula=lambda args, given: Quotient(call(LN, args[0]), call(LN, option(given, "base"))),
    compute=_log,
    required=("base",),
    refusal=_base_refusal,
)
RSQRT: Operation = entrywise_row(
    "rsqrt",
    FunctionNotation("rsqrt"),
    lambda x, out, _: negate(Quotient(Power(out, number(3)), number(2))),
    formula=lambda args, _: Quotient(ONE, call(SQRT, args[0])),
)
TAN: Operation = entrywise_row(
    "tan", FunctionNotation("tan"), lambda x, out, _: add(ONE, squared(out)), compute=by_arithmetic("tan")
)
ARCSIN: Operation = entrywise_row(
    "arcsin",
    FunctionNotation("arcsin"),
    lambda x, out, _: Quotient(ONE, call(SQRT, subtract(ONE, squared(x)))),
    compute=by_arithmetic("arcsin"),
)
ARCCOS: Operation = entrywise_row(
    "arccos",
    FunctionNotation("arccos"),
    lambda x, out, _: negate(Quotient(ONE, call(SQRT, subtract(ONE, squared(x))))),
    compute=by_arithmetic("arccos"),
)
ARCTAN: Operation = entrywise_row(
    "arctan",
    FunctionNotation("arctan"),
    lambda x, out, _: Quotient(ONE, add(ONE, squared(x))),
    compute=by_arithmetic("arctan"),
)
SINH: Operation = entrywise_row(
    "sinh",
    FunctionNotation("sinh"),
    lambda x, out, _: call(COSH, x),
    formula=lambda args, _: half(subtract(call(EXP, args[0]), call(EXP, negate(args[0])))),
    compute=by_arithmetic("sinh"),
)
COSH: Operation = entrywise_row(
    "cosh",
    FunctionNotation("cosh"),
    lambda x, out, _: call(SINH, x),
    formula=lambda args, _: half(add(call(EXP, args[0]), call(EXP, negate(args[0])))),
    compute=by_arithmetic("cosh"),
)
ERF: Operation = entrywise_row(
    "erf",
    FunctionNotation("erf"),
    lambda x, out, _: Product((Quotient(number(2), call(SQRT, call(PI))), call(EXP, negate(squared(x))))),
    compute=by_arithmetic("erf"),
    source="the error function; erf′ = 2/√π · e^(−x²)",
)


# What losses are made of.


def _ln_probability(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    """ln p for 0 < p ≤ 1; anything else is no probability, or one whose logarithm does not exist."""
    p, nought, one = args[0].item, arithmetic.literal(Decimal(0)), arithmetic.literal(Decimal(1))
    if arithmetic.compare(p, nought) < 0 or arithmetic.compare(p, one) > 0:
        raise NumberMistake("this cross-entropy is of a number that is no probability", _PROBABILITIES)
    if arithmetic.compare(p, nought) == 0:
        raise NumberMistake("ln of 0, in the cross-entropy of a probability that is 0 or 1", _LOGITS)
    return scalar(arithmetic.function("ln", p))


_PROBABILITIES = (
    "a probability lies between 0 and 1: put a sigmoid or a softmax before it, or use the loss `…_with_logits`"
)
_LOGITS = "the loss `…_with_logits`, of what goes into the sigmoid or softmax, has a value there"

LN_PROBABILITY: Operation = entrywise_row(
    "ln of a probability",
    FunctionNotation("ln"),
    lambda x, out, _: Quotient(ONE, x),
    compute=_ln_probability,
)


def _clamped(x: Expr, out: Expr, given: Attributes) -> Expr:
    """The slope of Huber's loss: its argument, cut at ±δ."""
    delta = option(given, "delta")
    return call(MAX, Number(delta.value.copy_negate()), call(MIN, delta, x))


def _huber(args: tuple[Expr, ...], given: Attributes) -> Expr:
    delta, size = option(given, "delta"), call(ABS, args[0])
    middle = Quotient(ONE, number(2)) if delta == ONE else Number(EXACT.multiply(delta.value, Decimal("0.5")))
    beyond = subtract(size, middle)
    return Cases(
        ((half(squared(args[0])), Relation((size, delta), ("≤",))),),
        beyond if delta == ONE else Product((delta, beyond)),
    )


HUBER: Operation = entrywise_row(
    "huber of a difference",
    SubscriptedNotation("huber", "delta"),
    _clamped,
    formula=_huber,
    defaults={"delta": "1"},
)


def _numbers_only(shapes: tuple[Shape, ...], given: Attributes) -> Shape:
    if any(shapes):
        raise ShapeMistake("numbers belong here", tuple(i for i, shape in enumerate(shapes) if shape))
    return ()


def _powers(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...]) -> tuple[N, list[N], N]:
    """The largest argument, e to the power of each argument less the largest, and their sum."""
    numbers = [a.item for a in args]
    largest = numbers[0]
    for x in numbers[1:]:
        largest = x if arithmetic.compare(x, largest) > 0 else largest
    down = arithmetic.multiply(arithmetic.literal(Decimal(-1)), largest)
    powers = [arithmetic.function("exp", arithmetic.add(x, down)) for x in numbers]
    total = powers[0]
    for power in powers[1:]:
        total = arithmetic.add(total, power)
    return largest, powers, total


def _log_sum_exp(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    largest, _, total = _powers(arithmetic, args)
    return scalar(arithmetic.add(largest, arithmetic.function("ln", total)))


def _softmax_entry(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    _, powers, total = _powers(arithmetic, args)
    return scalar(arithmetic.divide(powers[_chosen(given)], total))


def _chosen(given: Attributes) -> int:
    """The place of the entry, from 0."""
    entry = given["entry"]
    assert isinstance(entry, int)
    return entry - 1


def _softmax_entry_pullbacks(
    args: tuple[Expr, ...], given: Attributes, out: Expr, upstream: Expr
) -> tuple[Expr | None, ...]:
    others = [call(SOFTMAX_ENTRY, *args, entry=i) for i in range(1, len(args) + 1)]
    own = _chosen(given)
    return tuple(
        multiply(upstream, out, subtract(ONE, out)) if i == own else negate(multiply(upstream, out, other))
        for i, other in enumerate(others)
    )


LOG_SUM_EXP: Operation = Operation(
    "logsumexp of numbers",
    FunctionNotation("logsumexp"),
    (1, None),
    _numbers_only,
    lambda args, given, out, upstream: tuple(
        multiply(upstream, call(SOFTMAX_ENTRY, *args, entry=i)) for i in range(1, len(args) + 1)
    ),
    formula=lambda args, given: call(LN, add(*(call(EXP, x) for x in args))),
    compute=_log_sum_exp,
)
SOFTMAX_ENTRY: Operation = Operation(
    "softmax of numbers",
    SubscriptedNotation("softmax", "entry"),
    (1, None),
    _numbers_only,
    _softmax_entry_pullbacks,
    formula=lambda args, given: Quotient(call(EXP, args[_chosen(given)]), add(*(call(EXP, x) for x in args))),
    compute=_softmax_entry,
    attributes=("entry",),
)
