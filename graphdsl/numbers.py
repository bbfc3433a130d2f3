"""Literals -> numbers, their arithmetic, their rounding and their digits; knows no names and no formulas."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import (
    ROUND_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
)
from fractions import Fraction
from itertools import product as index_product
from operator import add, mul, truediv
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

N = TypeVar("N")

Shape = tuple[int, ...]
"""The shape of a tensor: () is a scalar, (n,) a vector, (m, n) a matrix of m rows."""

PRECISION = 50
"""Significant digits of the default arithmetic."""

LARGEST_EXPONENT = 400
"""A value of 10**400 or more is a diagnostic."""

MOST_LITERAL_DIGITS = 50
MOST_OPERAND_DIGITS = 12
MOST_SHOWN_DIGITS = 40


class NumberMistake(Exception):
    """An operation has no value here (division by zero, ln of 0, overflow); says why in the user's words."""

    def __init__(self, message: str, hint: str = ""):
        self.message = message
        self.hint = hint
        super().__init__(message)


class Num(NamedTuple):
    """A carried number; `exact` says that the digits are the whole value, nothing was rounded off on the way.

    `ratio` is the whole value where digits cannot be, as 1/3, and every step towards it was rational.
    """

    value: Decimal
    exact: bool = True
    ratio: Fraction | None = None

    @property
    def whole(self) -> Fraction | None:
        """The whole value; nothing where it is not known."""
        return Fraction(self.value) if self.exact else self.ratio


@dataclass(frozen=True, slots=True)
class Tensor(Generic[N]):
    """Numbers in a shape, row by row."""

    shape: Shape
    flat: tuple[N, ...]

    @property
    def item(self) -> N:
        """The one entry of a scalar."""
        (entry,) = self.flat
        return entry

    def at(self, index: Shape) -> N:
        """The entry at an index that counts from 1."""
        return self.flat[flat_index(self.shape, index)]


def scalar(value: N) -> Tensor[N]:
    """A single number as a tensor of shape ()."""
    return Tensor((), (value,))


def flat_index(shape: Shape, index: Shape) -> int:
    """The place of an index (from 1) in the row-by-row order."""
    place = 0
    for extent, i in zip(shape, index, strict=True):
        place = place * extent + (i - 1)
    return place


def indices(shape: Shape) -> list[Shape]:
    """All indices (from 1) of a shape, row by row."""
    return list(index_product(*(range(1, extent + 1) for extent in shape)))


def size(shape: Shape) -> int:
    """How many entries a shape has."""
    return math.prod(shape)


class Arithmetic(Protocol[N]):
    """How numbers are computed and carried; every evaluation takes one."""

    name: str

    def literal(self, value: Decimal, exact: bool = True) -> N: ...
    def add(self, a: N, b: N) -> N: ...
    def multiply(self, a: N, b: N) -> N: ...
    def divide(self, a: N, b: N) -> N: ...
    def power(self, base: N, exponent: N) -> N: ...
    def function(self, name: str, x: N) -> N: ...
    def compare(self, a: N, b: N) -> int:
        """-1, 0 or 1."""
        ...

    def settle(self, value: N, key: str) -> N:
        """What is carried of a named quantity once it is produced."""
        ...


Carry = Literal["full", "displayed"]
Rounding = Literal["half_up", "cut"]


@dataclass(frozen=True)
class Display:
    """How a number is shown, by its name: with so many decimals, or, where `significant` says so, so many digits in all.

    fractions: exact ones stand as such. trailing_zeros: an exact number shows as many decimals as another. comma: a
    decimal comma, with the separators that follow from it; None is as the language has it.
    """

    decimals: int = 4
    by_name: Mapping[str, int] = field(default_factory=dict)
    rounding: Rounding = "half_up"
    significant: int | None = None
    significant_by_name: Mapping[str, int] = field(default_factory=dict)
    fractions: bool = False
    trailing_zeros: bool = False
    comma: bool | None = None

    def places(self, value: Decimal, key: str = "") -> int:
        """Decimals for a value: as set, never fewer than show two significant digits, nor more than are sure of a large one.

        Fewer than none where significant digits are set: 12345 with four of them is 1.235 · 10⁴.
        """
        significant = self._significant(key)
        if significant is not None:
            return significant - 1 - (value.adjusted() if value else 0)
        decimals = self.by_name.get(key, self.decimals)
        if not value:
            return decimals
        return min(max(decimals, 1 - value.adjusted()), MOST_SHOWN_DIGITS - 1 - value.adjusted())

    def _significant(self, key: str) -> int | None:
        return self.significant_by_name.get(key, None if key in self.by_name else self.significant)

    def shown(self, value: Decimal, key: str = "", more: int = 0) -> Decimal:
        """The value rounded to the decimals that it shows; 9.996 is 10.0 with three digits, not 10.00."""
        found = rounded(value, self.places(value, key) + more, self.rounding)
        grown = self._significant(key) and found and found.adjusted() > value.adjusted()
        return rounded(value, self.places(found, key) + more, self.rounding) if grown else found

    def fraction(self, number: Num) -> Fraction | None:
        """The value as a fraction, where fractions are shown and it is one of few digits."""
        whole = number.whole if self.fractions else None
        if whole is None or whole.denominator == 1:
            return None
        return whole if max(abs(whole.numerator), whole.denominator) <= MOST_OF_A_FRACTION else None

    def settled(self, number: Num, key: str) -> Num:
        """What a person who calculates by hand carries on: the number as it is shown.

        Where fractions are shown, what was rounded stays a decimal in all that follows from it.
        """
        if self.fraction(number) is not None:
            return number
        shown = self.shown(number.value, key)
        return Num(shown, not self.fractions or (number.exact and shown == number.value))


MOST_OF_A_FRACTION = 9_999
"""The greatest numerator or denominator that a page shows."""

LONGEST_RATIO = 10**18
"""Beyond it a ratio is no longer carried."""

UNSURE_DIGITS = 5
"""So many of the last digits of the arithmetic depend on the way by which a value was computed."""

SURE_DIGITS = PRECISION - UNSURE_DIGITS
"""So many digits of a value are the same whichever way it was computed."""

_SURE = Context(prec=SURE_DIGITS, rounding=ROUND_HALF_UP, Emax=999_999, Emin=-999_999)
_MODES = {"half_up": ROUND_HALF_UP, "cut": ROUND_DOWN}
EXACT = Context(prec=2 * LARGEST_EXPONENT + 200, rounding=ROUND_HALF_UP, Emax=999_999, Emin=-999_999)
"""For what must lose no digit; bare operators on Decimal keep only 28, and so do abs() and a minus sign."""


def rounded(value: Decimal, places: int, rounding: Rounding = "half_up") -> Decimal:
    """The value to so many decimals, half up by default, without a sign on zero.

    What lies on a tie but for the last digits of the arithmetic is a tie, whichever way it was computed.
    """
    if len(value.as_tuple().digits) > SURE_DIGITS:
        value = _SURE.plus(value)
    result = value.quantize(Decimal(1).scaleb(-places), rounding=_MODES[rounding], context=EXACT)
    return result if result else result.copy_abs()


def trimmed(value: Decimal) -> Decimal:
    """The same value without trailing zeros and without an exponent above 0."""
    if not value:
        return Decimal(0)
    short = value.normalize(EXACT)
    return short.quantize(Decimal(1), context=EXACT) if short.as_tuple().exponent > 0 else short  # type: ignore[operator]


def unfolded(value: Decimal) -> Decimal:
    """The same value without an exponent above 0, as far as a page writes it plainly: 1e3 is 1000."""
    return value.quantize(Decimal(1), context=EXACT) if _hides_digits(value) and value.adjusted() < 21 else value


def decimals_of(value: Decimal) -> int:
    """How many decimals the number is written with."""
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _hides_digits(value: Decimal) -> bool:
    """Whether the last digit stands for tens or more."""
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent > 0


SMALLEST_PLAIN = -4
"""The place of the first digit of the smallest number that a page writes without a power of ten: 0.00012."""


class Written(NamedTuple):
    """The digits of a finished numeral: sign, mantissa, and the power of ten if it needs one."""

    negative: bool
    mantissa: str
    exponent: int | None = None


def written(value: Decimal) -> Written:
    """The digits that a page shows: plain between 1e-4 and 1e21, else a mantissa and a power of ten.

    So is what was rounded to tens or more: no zero is printed that is not sure.
    """
    if not value or (SMALLEST_PLAIN <= value.adjusted() < 21 and not _hides_digits(value)):
        return Written(value < 0, format(value.copy_abs(), "f"))
    exponent = value.adjusted()
    return Written(value < 0, format(value.copy_abs().scaleb(-exponent, EXACT), "f"), exponent)


def plain(value: Decimal) -> str:
    """The number for other programs: every carried digit, no trailing zeros, no -0, else d.ddde±x."""
    if not value:
        return "0"
    short = value.normalize(EXACT)
    if -6 <= short.adjusted() < 21:
        return format(short, "f")
    return f"{format(short.scaleb(-short.adjusted(), EXACT), 'f')}e{short.adjusted():+d}"


def spelled(value: object) -> str:
    """An attribute of a call as a subscript shows it."""
    return plain(value) if isinstance(value, Decimal) else str(value)


class Decimal50:
    """Decimal arithmetic with 50 significant digits that knows whether a value is exact.

    With a `carried` display, every named quantity is rounded once, when it is produced, as a person does by hand.
    """

    name = "decimal50"

    def __init__(self, carried: Display | None = None, precision: int = PRECISION, rational: bool = False):
        self.carried = carried
        self.precision = precision
        self.rational = rational or (carried is not None and carried.fractions)
        self._context = Context(
            prec=precision,
            rounding=ROUND_HALF_EVEN,
            Emax=LARGEST_EXPONENT - 1,
            Emin=-999_999,
            traps=[DivisionByZero, InvalidOperation, Overflow],
        )

    def literal(self, value: Decimal, exact: bool = True) -> Num:
        return Num(value, exact)

    def add(self, a: Num, b: Num) -> Num:
        found = self._result(self._context.add, a, b)
        if not found.exact and (ratio := self._rational(add, a, b)):
            return ratio
        return Num(Decimal(0), False) if self._is_residue(found, a, b) else found

    def _is_residue(self, total: Num, a: Num, b: Num) -> bool:
        """Whether two rounded numbers cancel but for their last digits: what they stand for is equal and opposite."""
        if (a.exact and b.exact) or not (total.value and a.value and b.value):
            return False
        return total.value.adjusted() < max(a.value.adjusted(), b.value.adjusted()) - self.precision + UNSURE_DIGITS

    def multiply(self, a: Num, b: Num) -> Num:
        if (a.exact and not a.value) or (b.exact and not b.value):
            return Num(Decimal(0))
        found = self._result(self._context.multiply, a, b)
        return found if found.exact else self._rational(mul, a, b) or found

    def divide(self, a: Num, b: Num) -> Num:
        if not b.value:
            raise NumberMistake("division by zero")
        if a.exact and not a.value:
            return a
        found = self._result(self._context.divide, a, b)
        return found if found.exact else self._rational(truediv, a, b) or found

    def _rational(self, operation: Callable[[Fraction, Fraction], Fraction], a: Num, b: Num) -> Num | None:
        """The whole value of a result that has not ended within the digits; nothing where it is not known or long.

        Ratios are followed wherever there is one; only a `rational` arithmetic makes new ones.
        """
        if a.ratio is None and b.ratio is None and not self.rational:
            return None
        left, right = a.whole, b.whole
        if left is None or right is None:
            return None
        ratio = operation(left, right)
        if max(abs(ratio.numerator), ratio.denominator) > LONGEST_RATIO:
            return None
        found = self._result(self._context.divide, Num(Decimal(ratio.numerator)), Num(Decimal(ratio.denominator)))
        return found if found.exact else found._replace(ratio=ratio)

    def power(self, base: Num, exponent: Num) -> Num:
        if exponent.value == exponent.value.to_integral_value() and 0 <= exponent.value <= 64:
            return self._integer_power(base, int(exponent.value))
        if base.value and exponent.value == -1 and (self.rational or base.ratio is not None):
            return self.divide(Num(Decimal(1)), base)
        if base.value < 0 and exponent.value != exponent.value.to_integral_value():
            raise NumberMistake("a negative number to a fractional power")
        if not base.value and exponent.value < 0:
            raise NumberMistake("division by zero")
        return self._result(self._context.power, base, exponent)

    def _integer_power(self, base: Num, exponent: int) -> Num:
        result = Num(Decimal(1))
        for _ in range(exponent):
            result = self.multiply(result, base)
        return result

    def function(self, name: str, x: Num) -> Num:
        return _DECIMAL_FUNCTIONS[name](self, x)

    def compare(self, a: Num, b: Num) -> int:
        return (a.value > b.value) - (a.value < b.value)

    def settle(self, value: Num, key: str) -> Num:
        return value if self.carried is None else self.carried.settled(value, key)

    def _result(self, operation: Callable[[Decimal, Decimal], Decimal], a: Num, b: Num) -> Num:
        context = self._context
        context.clear_flags()
        try:
            value = operation(a.value, b.value)
        except Overflow:
            raise too_large() from None
        except InvalidOperation:
            raise NumberMistake("this has no value") from None
        return Num(value if value else Decimal(0), a.exact and b.exact and not context.flags[Inexact])

    def _unary(self, operation: Callable[[Decimal], Decimal], x: Num) -> Num:
        return self._result(lambda a, _: operation(a), x, x)

    def exp(self, x: Num) -> Num:
        return self._unary(self._context.exp, x)

    def ln(self, x: Num) -> Num:
        if x.value <= 0:
            raise NumberMistake(f"ln of {brief(x.value)}", "ln takes a positive number")
        return self._settled(self._unary(self._context.ln, x), x)

    def sqrt(self, x: Num) -> Num:
        if x.value < 0:
            raise NumberMistake(f"the square root of {brief(x.value)}", "sqrt takes a number that is not negative")
        return self._unary(self._context.sqrt, x)

    def tanh(self, x: Num) -> Num:
        if not x.value:
            return x
        wide = Context(prec=2 * self.precision, Emax=LARGEST_EXPONENT**2, Emin=-999_999_999)
        e = wide.exp(wide.multiply(Decimal(-2), x.value.copy_abs()))
        value = wide.divide(wide.subtract(Decimal(1), e), wide.add(Decimal(1), e))
        return Num(self._context.plus(value.copy_sign(x.value)), False)

    def by_mpmath(self, name: str, x: Num, exact_at: int = 0) -> Num:
        """sin, cos and their like, which decimal does not have; at one argument the value is a whole number."""
        import mpmath

        with mpmath.workdps(self.precision + 30 + max(0, x.value.adjusted())):
            digits = mpmath.nstr(getattr(mpmath, name)(mpmath.mpf(str(x.value))), self.precision + 10)
        value = self._context.create_decimal(digits)
        return self._settled(Num(value if value else Decimal(0), x.exact and x.value == exact_at), x)

    def _settled(self, value: Num, x: Num) -> Num:
        """0 where a function goes through 0 but for the last digits of its argument, as cos π/2 and ln(e⁰)."""
        if x.exact or not value.value or value.value.adjusted() >= x.value.adjusted() - self.precision + UNSURE_DIGITS:
            return value
        return Num(Decimal(0), False)

    def arc(self, name: str, x: Num, exact_at: int) -> Num:
        """arcsin and arccos, of a number from −1 to 1."""
        if x.value.copy_abs() > 1:
            raise NumberMistake(f"arc{name} of {brief(x.value)}", f"arc{name} takes a number from -1 to 1")
        return self.by_mpmath(f"a{name}", x, exact_at)

    def hyperbolic(self, name: str, x: Num) -> Num:
        """sinh and cosh; both are about half of e^|x|."""
        if x.value.copy_abs() > _SATURATED:
            raise too_large()
        try:
            return self.by_mpmath(name, x)
        except Overflow:
            raise too_large() from None

    def error_function(self, name: str, x: Num) -> Num:
        """erf, and erfc = 1 − erf, which keeps its digits where erf is nearly 1."""
        if x.value.copy_abs() <= _SATURATED:
            return self.by_mpmath(name, x)
        limits = {"erf": (1, -1), "erfc": (0, 2)}[name]
        return Num(Decimal(limits[x.value < 0]), False)


def arithmetic(carry: Carry, display: Display) -> Decimal50:
    """The arithmetic that carries numbers as it is said, in full or, as by hand, as they are displayed."""
    return Decimal50(display if carry == "displayed" else None, rational=display.fractions)


def too_large() -> NumberMistake:
    """The mistake of a value beyond the stated limit."""
    return NumberMistake(f"the value overflows: it is 10^{LARGEST_EXPONENT} or more")


_SATURATED = 1_000
"""Beyond it e^x is more than a value may be, and erf is ±1 to more digits than are carried."""

_DECIMAL_FUNCTIONS: Mapping[str, Callable[[Decimal50, Num], Num]] = {
    "exp": Decimal50.exp,
    "ln": Decimal50.ln,
    "sqrt": Decimal50.sqrt,
    "tanh": Decimal50.tanh,
    "sin": lambda a, x: a.by_mpmath("sin", x),
    "cos": lambda a, x: a.by_mpmath("cos", x),
    "tan": lambda a, x: a.by_mpmath("tan", x),
    "arctan": lambda a, x: a.by_mpmath("atan", x),
    "arcsin": lambda a, x: a.arc("sin", x, 0),
    "arccos": lambda a, x: a.arc("cos", x, 1),
    "sinh": lambda a, x: a.hyperbolic("sinh", x),
    "cosh": lambda a, x: a.hyperbolic("cosh", x),
    "erf": lambda a, x: a.error_function("erf", x),
    "erfc": lambda a, x: a.error_function("erfc", x),
}


def brief(value: Decimal) -> str:
    """A number as a message quotes it: four decimals at most."""
    return format(trimmed(Display(4).shown(value)), "f") if abs(value.adjusted()) < 20 else f"{value:.3e}"


class Float64:
    """Binary floating point, for what is too large to be done in decimal."""

    name = "float64"

    def literal(self, value: Decimal, exact: bool = True) -> float:
        return float(value)

    def add(self, a: float, b: float) -> float:
        return a + b

    def multiply(self, a: float, b: float) -> float:
        return a * b

    def divide(self, a: float, b: float) -> float:
        if b == 0:
            raise NumberMistake("division by zero")
        return a / b

    def power(self, base: float, exponent: float) -> float:
        if base < 0 and not exponent.is_integer():
            raise NumberMistake("a negative number to a fractional power")
        try:
            return math.pow(base, exponent)
        except ZeroDivisionError:
            raise NumberMistake("division by zero") from None
        except (OverflowError, ValueError):
            raise too_large() from None

    def function(self, name: str, x: float) -> float:
        try:
            return _FLOAT_FUNCTIONS[name](x)
        except OverflowError:
            raise too_large() from None
        except ValueError:
            raise NumberMistake(f"{name} of {x}") from None

    def compare(self, a: float, b: float) -> int:
        return (a > b) - (a < b)

    def settle(self, value: float, key: str) -> float:
        return value


_FLOAT_FUNCTIONS: Mapping[str, Callable[[float], float]] = {
    "exp": math.exp,
    "ln": math.log,
    "sqrt": math.sqrt,
    "tanh": math.tanh,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "arctan": math.atan,
    "arcsin": math.asin,
    "arccos": math.acos,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "erf": math.erf,
    "erfc": math.erfc,
}
