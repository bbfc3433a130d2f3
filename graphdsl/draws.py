"""A seed -> random numbers, the same on every machine and every Python; knows no network.

The stream is the Mersenne Twister (MT19937) as Python seeds it with a whole number, `random.Random(seed).random()`:
numbers of 53 bits in [0, 1), which are taken as exact decimals. Everything after that is decimal arithmetic.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from graphdsl.numbers import Decimal50, Num, rounded

_ARITHMETIC = Decimal50()
_ONE, _MINUS_ONE, _MINUS_TWO = (Num(Decimal(n)) for n in (1, -1, -2))
_TWO_PI = Num(Decimal("6.2831853071795864769252867665590057683943387987502"), False)

Fan = tuple[int, int]
"""How many numbers enter each unit, and how many units each number enters: fan-in and fan-out."""


class Stream:
    """A stream of numbers in [0, 1)."""

    def __init__(self, seed: int):
        self._random = random.Random(seed)

    def next(self) -> Num:
        return Num(Decimal(self._random.random()))


@dataclass(frozen=True, slots=True)
class Distribution:
    """Uniform on [a, b], or normal with mean a and standard deviation b."""

    normal: bool
    a: Num
    b: Num

    def draw(self, stream: Stream, decimals: int) -> Num:
        """A number, rounded half up."""
        value = _gaussian(self.a, self.b, stream) if self.normal else _even(self.a, self.b, stream)
        return Num(rounded(value.value, decimals))


def _even(low: Num, high: Num, stream: Stream) -> Num:
    """low + (high − low)·u."""
    width = _ARITHMETIC.add(high, _ARITHMETIC.multiply(_MINUS_ONE, low))
    return _ARITHMETIC.add(low, _ARITHMETIC.multiply(width, stream.next()))


def _gaussian(mean: Num, deviation: Num, stream: Stream) -> Num:
    """mean + deviation·√(−2 ln(1 − u))·cos(2πv): Box and Muller 1958, the cosine alone."""
    u, v = stream.next(), stream.next()
    logarithm = _ARITHMETIC.ln(_ARITHMETIC.add(_ONE, _ARITHMETIC.multiply(_MINUS_ONE, u)))
    radius = _ARITHMETIC.sqrt(_ARITHMETIC.multiply(_MINUS_TWO, logarithm))
    angle = _ARITHMETIC.function("cos", _ARITHMETIC.multiply(_TWO_PI, v))
    return _ARITHMETIC.add(mean, _ARITHMETIC.multiply(deviation, _ARITHMETIC.multiply(radius, angle)))


@dataclass(frozen=True, slots=True)
class Scheme:
    """How widely weights scatter around 0: √(numerator/fan), with the fan-in alone or the sum of both.

    That root is the standard deviation of normal numbers, the bound of uniform ones.
    """

    name: str
    normal: bool
    numerator: int
    both: bool
    source: str

    def distribution(self, fan: Fan) -> Distribution:
        """What a weight with this fan-in and fan-out is drawn from."""
        below = Num(Decimal(sum(fan) if self.both else fan[0]))
        root = _ARITHMETIC.sqrt(_ARITHMETIC.divide(Num(Decimal(self.numerator)), below))
        return Distribution(
            self.normal, Num(Decimal(0)) if self.normal else _ARITHMETIC.multiply(_MINUS_ONE, root), root
        )


GLOROT = "Glorot and Bengio 2010"
HE = "He et al. 2015"
DISTRIBUTIONS = ("uniform", "normal")
ROWS = (
    Scheme("xavier_uniform", False, 6, True, GLOROT),
    Scheme("xavier_normal", True, 2, True, GLOROT),
    Scheme("he_uniform", False, 6, False, HE),
    Scheme("he_normal", True, 2, False, HE),
)
SCHEMES: Mapping[str, Scheme] = {row.name: row for row in ROWS} | {"xavier": ROWS[0], "he": ROWS[3]}
"""The names alone mean what the papers have: for Glorot and Bengio uniform numbers, for He et al. normal ones."""
