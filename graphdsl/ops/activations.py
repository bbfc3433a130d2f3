"""Activations beyond the first few, as rows that act on each entry: formula, derivative, kinks, source; knows no layer."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

from graphdsl.expr import (
    MINUS_ONE,
    ONE,
    ZERO,
    Attributes,
    Cases,
    Expr,
    FunctionNotation,
    Operation,
    Power,
    Product,
    Quotient,
    Relation,
    add,
    multiply,
    negate,
    number,
    subtract,
)
from graphdsl.numbers import Arithmetic, Tensor, scalar
from graphdsl.ops.elementwise import (
    ABS,
    AT_ZERO,
    EXP,
    LN,
    MAX,
    MIN,
    SIGMOID,
    SQRT,
    TANH,
    entrywise_row,
    kinks_at,
    option,
    positive,
    split_at_zero,
)
from graphdsl.ops.functions import ERF, PI, constant, half, squared, two_over_pi
from graphdsl.ops.rows import call, settings

N = TypeVar("N")


STEP: Operation = entrywise_row(
    "step",
    FunctionNotation("step"),
    lambda x, out, _: ZERO,
    formula=lambda args, given: split_at_zero(args[0], ONE, option(given, "at_zero"), ZERO),
    kinks=AT_ZERO,
    defaults={"at_zero": "1"},
    source="Heaviside; the threshold unit of McCulloch and Pitts 1943",
)


# x above zero, an exponential below.


def _less_one(x: Expr) -> Expr:
    """e^x − 1."""
    return subtract(call(EXP, x), ONE)


def _elu_kinks(given: Attributes) -> tuple[Decimal, ...]:
    return () if option(given, "alpha") == ONE else (Decimal(0),)


ELU_PRIME: Operation = entrywise_row(
    "elu'",
    FunctionNotation("ELU", primes=1, said=settings("alpha")),
    lambda x, out, given: Cases(((ZERO, positive(x)),), multiply(option(given, "alpha"), call(EXP, x))),
    formula=lambda args, given: Cases(((ONE, positive(args[0])),), _scaled(option(given, "alpha"), call(EXP, args[0]))),
    kinks=AT_ZERO,
    defaults={"alpha": "1"},
)
ELU: Operation = entrywise_row(
    "elu",
    FunctionNotation("ELU", said=settings("alpha")),
    lambda x, out, given: call(ELU_PRIME, x, **given),
    formula=lambda args, given: Cases(
        ((args[0], positive(args[0])),), _scaled(option(given, "alpha"), _less_one(args[0]))
    ),
    kinks=_elu_kinks,
    defaults={"alpha": "1"},
    source="Clevert, Unterthiner and Hochreiter 2016",
)


def _scaled(factor: Expr, x: Expr) -> Expr:
    """A multiple without an idle 1."""
    return x if factor == ONE else Product((factor, x))


SELU_SCALE: Operation = constant("λ", "1.0507009873554804934193349852946")
SELU_ALPHA: Operation = constant("α", "1.6732632423543772848170429916717")


SELU_PRIME: Operation = entrywise_row(
    "selu'",
    FunctionNotation("SELU", primes=1),
    lambda x, out, _: Cases(((ZERO, positive(x)),), Product((call(SELU_SCALE), call(SELU_ALPHA), call(EXP, x)))),
    formula=lambda args, _: Cases(
        ((call(SELU_SCALE), positive(args[0])),), Product((call(SELU_SCALE), call(SELU_ALPHA), call(EXP, args[0])))
    ),
    kinks=AT_ZERO,
)
SELU: Operation = entrywise_row(
    "selu",
    FunctionNotation("SELU"),
    lambda x, out, _: call(SELU_PRIME, x),
    formula=lambda args, _: Cases(
        ((Product((call(SELU_SCALE), args[0])), positive(args[0])),),
        Product((call(SELU_SCALE), call(SELU_ALPHA), _less_one(args[0]))),
    ),
    kinks=AT_ZERO,
    source="Klambauer and others 2017; λ = 1.0507… and α = 1.6733…",
)


# x times a soft gate.


def _gelu(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    """x/2 · erfc(−x/√2): the tail keeps its digits."""
    x = args[0].item
    root = arithmetic.function("sqrt", arithmetic.literal(Decimal(2)))
    turned = arithmetic.divide(arithmetic.multiply(arithmetic.literal(Decimal(-1)), x), root)
    halved = arithmetic.divide(x, arithmetic.literal(Decimal(2)))
    return scalar(arithmetic.multiply(halved, arithmetic.function("erfc", turned)))


def _below_the_bell(x: Expr) -> Expr:
    """Φ(x): the part of a standard normal distribution below x."""
    return half(add(ONE, call(ERF, Quotient(x, call(SQRT, number(2))))))


def _bell(x: Expr) -> Expr:
    """φ(x): the density of a standard normal distribution."""
    return Quotient(call(EXP, negate(Quotient(squared(x), number(2)))), call(SQRT, Product((number(2), call(PI)))))


GELU: Operation = entrywise_row(
    "gelu",
    FunctionNotation("GELU"),
    lambda x, out, _: add(_below_the_bell(x), multiply(x, _bell(x))),
    formula=lambda args, _: multiply(
        Quotient(ONE, number(2)), args[0], add(ONE, call(ERF, Quotient(args[0], call(SQRT, number(2)))))
    ),
    compute=_gelu,
    source="Hendrycks and Gimpel 2016, by the error function",
)


def _gelu_argument(x: Expr) -> Expr:
    inner = add(x, Product((number("0.044715"), Power(x, number(3)))))
    return call(TANH, Product((call(SQRT, two_over_pi()), inner)))


def _gelu_tanh_slope(x: Expr, out: Expr, given: Attributes) -> Expr:
    t = _gelu_argument(x)
    inner = add(ONE, Product((number("0.134145"), squared(x))))
    bent = Product((Quotient(ONE, number(2)), x, subtract(ONE, squared(t)), call(SQRT, two_over_pi()), inner))
    return add(half(add(ONE, t)), bent)


GELU_TANH: Operation = entrywise_row(
    "gelu_tanh",
    FunctionNotation("tanhGELU"),
    _gelu_tanh_slope,
    formula=lambda args, _: multiply(Quotient(ONE, number(2)), args[0], add(ONE, _gelu_argument(args[0]))),
    source="Hendrycks and Gimpel 2016, approximated by tanh, as in GPT-2",
)
SILU: Operation = entrywise_row(
    "silu",
    FunctionNotation("SiLU"),
    lambda x, out, _: add(out, Product((call(SIGMOID, x), subtract(ONE, out)))),
    formula=lambda args, _: Product((args[0], call(SIGMOID, args[0]))),
    source="Elfwing, Uchibe and Doya 2018; swish of Ramachandran, Zoph and Le 2017",
)


def _softplus(arithmetic: Arithmetic[N], args: tuple[Tensor[N], ...], given: Attributes) -> Tensor[N]:
    """max(x, 0) + ln(1 + e^−|x|) does not overflow."""
    x, nought = args[0].item, arithmetic.literal(Decimal(0))
    above = arithmetic.compare(x, nought) > 0
    power = arithmetic.function("exp", arithmetic.multiply(arithmetic.literal(Decimal(-1)), x) if above else x)
    bend = _log_one_plus(power, arithmetic)
    return scalar(arithmetic.add(x, bend) if above else bend)


def _log_one_plus(x: N, arithmetic: Arithmetic[N]) -> N:
    """ln(1 + x) for x ≥ 0; of a tiny x the first terms x − x²/2, which keep its digits."""
    one, tiny, half_less = (arithmetic.literal(Decimal(n)) for n in ("1", "1e-25", "-0.5"))
    if arithmetic.compare(x, tiny) > 0:
        return arithmetic.function("ln", arithmetic.add(one, x))
    return arithmetic.add(x, arithmetic.multiply(half_less, arithmetic.multiply(x, x)))


SOFTPLUS: Operation = entrywise_row(
    "softplus",
    FunctionNotation("softplus"),
    lambda x, out, _: call(SIGMOID, x),
    formula=lambda args, _: call(LN, add(ONE, call(EXP, args[0]))),
    compute=_softplus,
    source="Dugas and others 2001",
)


def _mish_slope(x: Expr, out: Expr, given: Attributes) -> Expr:
    gate = call(TANH, call(SOFTPLUS, x))
    return add(gate, Product((x, call(SIGMOID, x), subtract(ONE, squared(gate)))))


MISH: Operation = entrywise_row(
    "mish",
    FunctionNotation("mish"),
    _mish_slope,
    formula=lambda args, _: Product((args[0], call(TANH, call(SOFTPLUS, args[0])))),
    source="Misra 2020",
)
SOFTSIGN: Operation = entrywise_row(
    "softsign",
    FunctionNotation("softsign"),
    lambda x, out, _: Quotient(ONE, squared(add(ONE, call(ABS, x)))),
    formula=lambda args, _: Quotient(args[0], add(ONE, call(ABS, args[0]))),
    source="Turian, Bergstra and Bengio 2009",
)


# Broken lines.


def _within(x: Expr, bound: int) -> Relation:
    return Relation((call(ABS, x), number(bound)), ("<",))


def _constant_slope(x: Expr, out: Expr, given: Attributes) -> Expr:
    return ZERO


HARD_SIGMOID_PRIME: Operation = entrywise_row(
    "hard_sigmoid'",
    FunctionNotation("hardsigmoid", primes=1),
    _constant_slope,
    formula=lambda args, _: Cases(((Quotient(ONE, number(6)), _within(args[0], 3)),), ZERO),
    kinks=kinks_at("-3", "3"),
)
HARD_SIGMOID: Operation = entrywise_row(
    "hard_sigmoid",
    FunctionNotation("hardsigmoid"),
    lambda x, out, _: call(HARD_SIGMOID_PRIME, x),
    formula=lambda args, _: call(
        MAX, ZERO, call(MIN, ONE, add(Quotient(args[0], number(6)), Quotient(ONE, number(2))))
    ),
    kinks=kinks_at("-3", "3"),
    source="Howard and others 2019 (MobileNetV3), as PyTorch has it",
)
HARD_TANH_PRIME: Operation = entrywise_row(
    "hard_tanh'",
    FunctionNotation("hardtanh", primes=1),
    _constant_slope,
    formula=lambda args, _: Cases(((ONE, _within(args[0], 1)),), ZERO),
    kinks=kinks_at("-1", "1"),
)
HARD_TANH: Operation = entrywise_row(
    "hard_tanh",
    FunctionNotation("hardtanh"),
    lambda x, out, _: call(HARD_TANH_PRIME, x),
    formula=lambda args, _: call(MAX, MINUS_ONE, call(MIN, ONE, args[0])),
    kinks=kinks_at("-1", "1"),
    source="Collobert 2004",
)
