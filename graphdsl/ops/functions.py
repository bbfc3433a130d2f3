"""More rows that act on each entry, and constants with a name: logarithms, roots, angles and what is made of them; knows no network."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

from graphdsl.expr import (
    ONE,
    Attributes,
    Expr,
    FunctionNotation,
    Operation,
    Power,
    Product,
    Quotient,
    SubscriptedNotation,
    add,
    negate,
    number,
    subtract,
)
from graphdsl.numbers import Arithmetic, Tensor, scalar
from graphdsl.ops.elementwise import EXP, LN, SQRT, by_arithmetic, entrywise_row, option
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
        return scalar(arithmetic.multiply(whole, arithmetic.divide(x, power)))
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
