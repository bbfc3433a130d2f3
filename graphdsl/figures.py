"""Document -> Document: gives each numeral its digits and each line its relation signs, so that every printed line is true; knows no format."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import assert_never

from graphdsl import plot
from graphdsl.depict import finished
from graphdsl.derive.evaluate import broadcast, common_shape, evaluate
from graphdsl.diagram import Diagram, has_numbers
from graphdsl.document import (
    Block,
    Document,
    Drawing,
    Inline,
    Inlines,
    Line,
    Math,
    Strong,
    Text,
    mapped,
)
from graphdsl.expr import Array, Expr, Number, Quotient, Relation, Sign, Symbol, equals, has_names, rewrite, walk
from graphdsl.names import Ink
from graphdsl.numbers import (
    MOST_OPERAND_DIGITS,
    PRECISION,
    Decimal50,
    Display,
    Num,
    NumberMistake,
    Shape,
    Tensor,
    flat_index,
    rounded,
    trimmed,
    unfolded,
)
from graphdsl.plot import Plot


class FalseLine(Exception):
    """A line whose printed numbers cannot be made to give its printed result: a defect, never a page."""


def drawing(diagram: Diagram, display: Display) -> Diagram:
    """The drawing with finished numerals, and the places that they leave it."""
    return _Figures(display).diagram(diagram)


def figures(document: Document, display: Display) -> Document:
    """The document with finished numerals and signs."""
    return _Figures(display).document(document)


def numerals(numbers: Mapping[str, Number], display: Display) -> dict[str, Expr]:
    """Numbers by name, each with the digits that it shows."""
    return {name: _Figures(display).shown(number, 0) for name, number in numbers.items()}


@dataclass(frozen=True, slots=True)
class _Digits:
    """How many decimals more than the display says operands and results show, and whether fractions stand as such."""

    operands: int = 0
    result: int = 0
    fractions: bool = True


@dataclass(frozen=True, slots=True)
class _Figures:
    display: Display

    def document(self, document: Document) -> Document:
        return replace(
            document,
            subtitle=self.inlines(document.subtitle),
            blocks=tuple(map(self.block, document.blocks)),
            colophon=self.inlines(document.colophon),
        )

    def block(self, block: Block) -> Block:
        return mapped(block, self.block, self.inlines, self.line, self.drawing)

    def drawing(self, drawing: Drawing) -> Drawing:
        if isinstance(drawing, Plot):
            return plot.finished(drawing, self.digits)
        return self.diagram(drawing)

    def diagram(self, diagram: Diagram) -> Diagram:
        return finished(diagram, lambda number: self.shown(number, 0)) if has_numbers(diagram) else diagram

    def inlines(self, words: Inlines) -> Inlines:
        return tuple(map(self.inline, words))

    def inline(self, inline: Inline) -> Inline:
        match inline:
            case Text() | Strong():
                return inline
            case Math(expr=Relation() as chain):
                return Math(elided(self.chain(chain)))
            case Math():
                return Math(elided(self.numbers(inline.expr, 0)))
            case _:
                assert_never(inline)

    def line(self, line: Line) -> Line:
        chain = elided(self.chain(line.chain))
        assert isinstance(chain, Relation), "a chain with fewer entries is one"
        return replace(line, chain=chain, reason=self.inlines(line.reason))

    def numbers(self, expr: Expr, more: int, fractions: bool = True) -> Expr:
        """The expression with the digits that each numeral shows."""
        return rewrite(expr, lambda node: self.shown(node, more, fractions) if isinstance(node, Number) else node)

    def shown(self, number: Number, more: int, fractions: bool = True) -> Expr:
        """A given number as it was given; a computed one as a fraction, or to the decimals of its display."""
        if number.given and number.exact:
            return replace(number, value=unfolded(number.value))
        ratio = self.display.fraction(Num(number.value, number.exact, number.ratio)) if fractions else None
        if ratio is not None:
            numerator = Number(Decimal(ratio.numerator), True, number.quantity, number.given)
            return Quotient(numerator, Number(Decimal(ratio.denominator)))
        return self.rounded(number, more)

    def digits(self, number: Number) -> Number:
        """A number in digits, whatever it is."""
        return number if number.given and number.exact else self.rounded(number, 0)

    def rounded(self, number: Number, more: int) -> Number:
        """A computed number in digits, without idle zeros unless they are asked for."""
        value = self.display.shown(number.value, number.quantity or "", more)
        whole = number.exact and value == number.value
        kept = self.display.trailing_zeros and number.quantity
        bare = whole and not kept and _places(value) >= 0  # what stands for tens keeps its power of ten
        return replace(number, value=trimmed(value) if bare else value, exact=whole, ratio=None)

    # Chains.

    def chain(self, chain: Relation) -> Relation:
        """The fewest digits with which every equality of the chain is true."""
        for digits in _WITH_FRACTIONS if self.display.fractions else _ATTEMPTS:
            found = self.attempt(chain, digits)
            if found is not None:
                return found
        shorter = self._without_what_has_no_value(chain)
        if shorter == chain:
            raise FalseLine(repr(chain))
        return self.chain(shorter)

    def _without_what_has_no_value(self, chain: Relation) -> Relation:
        """The chain without numerals that have no value with any digits, as x/‖x‖ where x is 0 and a slope is chosen."""
        last = len(chain.members) - 1
        kept = [i for i, member in enumerate(chain.members) if i in (0, last) or self._has_value(member)]
        if any(chain.signs[i - 1] != "=" for i in range(1, last + 1)):
            return chain
        return equals(*(chain.members[i] for i in kept))

    def _has_value(self, member: Expr) -> bool:
        try:
            return has_names(member) or bool(self.value(self.numbers(member, PRECISION)).flat)
        except NumberMistake:
            return False

    def attempt(self, chain: Relation, digits: _Digits) -> Relation | None:
        """The chain with so many digits, or nothing where its numbers would not give its result, or no result at all."""
        try:
            return self._tried(chain, digits)
        except NumberMistake:  # as ln(1 − 0.99999), cut to four decimals
            return None

    def _tried(self, chain: Relation, digits: _Digits) -> Relation | None:
        last = len(chain.members) - 1
        shown = tuple(
            self.numbers(member, digits.result if i == last else digits.operands, digits.fractions)
            for i, member in enumerate(chain.members)
        )
        signs: list[Sign] = []
        for i, sign in enumerate(chain.signs):
            if sign != "=":
                signs.append(sign)
                continue
            own = self.sign(shown[i], shown[i + 1])
            if own is None:
                return None
            signs.append("≈" if "≈" in signs and not has_names(shown[i + 1]) else own)
        return Relation(shown, tuple(signs)) if self.gives_result(shown, signs) else None

    def sign(self, left: Expr, right: Expr) -> Sign | None:
        """= between names; into numerals = if each is the whole value; between numerals = if they are equal."""
        if has_names(right):
            return "="
        if has_names(left):
            return "=" if _whole(right) else "≈"
        pairs = _pairs(self.value(left), self.value(right))
        return "=" if all(map(_same, pairs)) else "≈"

    def value(self, expr: Expr) -> Tensor[Num]:
        """The value of the numerals as printed."""
        return evaluate(rewrite(expr, _as_printed), {}, Decimal50(rational=self.display.fractions))

    def gives_result(self, shown: tuple[Expr, ...], signs: list[Sign]) -> bool:
        """Whether each member of numerals, rounded to the digits of the result, is the result."""
        run: list[Expr] = []
        for i, member in enumerate(shown):
            if i and signs[i - 1] not in ("=", "≈"):
                run = []
            if not has_names(member):
                run.append(member)
            ends = i == len(shown) - 1 or signs[i] not in ("=", "≈")
            if ends and len(run) > 1 and _numerals(run[-1]) and not self._all_give(run):
                return False
        return True

    def _all_give(self, run: list[Expr]) -> bool:
        results = _numerals(run[-1])
        members = [broadcast(self.value(member), _shape(run[-1])).flat for member in run[:-1]]
        return all(self._gives(value, result) for flat in members for value, result in zip(flat, results, strict=True))

    def _gives(self, value: Num, result: Numeral) -> bool:
        """Whether a value, rounded to the digits of the result, is the result; of a fraction, whether it is the same."""
        if isinstance(result, Quotient):
            return not self.display.fractions or _same((value, self.value(result).item))
        places = _places(result.value)
        if result.exact:
            places = max(places, self.display.places(result.value, result.quantity or ""))
        return rounded(value.value, places, self.display.rounding) == result.value


_ATTEMPTS = [
    *(_Digits(more, extra) for extra in range(4) for more in range(extra, MOST_OPERAND_DIGITS + extra + 1)),
    *(_Digits(more) for more in range(MOST_OPERAND_DIGITS, PRECISION)),
]
"""First as displayed, then operands with more digits, then a result with more (a tie), then operands with all of
theirs: 1 − h² of a saturated unit needs them."""


_WITH_FRACTIONS = [*_ATTEMPTS, *(replace(digits, fractions=False) for digits in _ATTEMPTS)]
"""A chain whose fractions do not give its result, as where a part of it is rounded, shows digits only."""

Numeral = Number | Quotient


def _places(value: Decimal) -> int:
    """How many decimals a numeral has; less than 0 where its last digit stands for tens or more."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int), "a numeral is finite"
    return -exponent


def _whole(expr: Expr) -> bool:
    """Whether every numeral is the whole value that it stands for."""
    return all(node.exact for node in walk(expr) if isinstance(node, Number))


def _same(pair: tuple[Num, Num]) -> bool:
    """Whether two values are known as a whole, and equal."""
    a, b = pair
    if a.exact and b.exact:
        return a.value == b.value
    return a.ratio is not None and a.ratio == b.whole


def _as_printed(node: Expr) -> Expr:
    match node:
        case Number():
            return Number(node.value)
        case Quotient(chosen=True):
            return Quotient(node.numerator, node.denominator)
        case _:
            return node


def _pairs(a: Tensor[Num], b: Tensor[Num]) -> Iterator[tuple[Num, Num]]:
    """The entries of both that stand in the same place; a number stands in every place."""
    shape = common_shape((a, b))
    return zip(broadcast(a, shape).flat, broadcast(b, shape).flat, strict=True)


def _numerals(expr: Expr) -> tuple[Numeral, ...]:
    """The numerals of a result: one, or those of an array; nothing where it is more than that."""
    match expr:
        case Number() | Quotient(numerator=Number(), denominator=Number()):
            return (expr,)
        case Array():
            found = tuple(numeral for entry in expr.entries for numeral in _numerals(entry))
            return found if len(found) == len(expr.entries) else ()
        case _:
            return ()


def _shape(expr: Expr) -> Shape:
    return expr.shape if isinstance(expr, Array) else ()


# Large arrays.

MOST_ACROSS = 8
"""An array of more rows or columns shows the first few of them and the last."""

_FIRST = 4
_GAP = Symbol("…", ink=Ink("…"))
_GAP_ACROSS = Symbol("⋯", ink=Ink("⋯"))
_GAP_DOWN = Symbol("⋮", ink=Ink("⋮"))


def elided(expr: Expr) -> Expr:
    """The expression with large arrays cut to a size that fits a page; the trace in JSON holds every entry."""
    return rewrite(expr, lambda node: _cut(node) if isinstance(node, Array) else node)


def _cut(array: Array) -> Array:
    if max(array.shape, default=0) <= MOST_ACROSS:
        return array
    kept = [_kept(extent) for extent in array.shape]
    places = itertools.product(*kept)
    return Array(tuple(map(len, kept)), tuple(_entry(array, place) for place in places))


def _kept(extent: int) -> list[int]:
    """The indices that are shown; 0 stands for those between."""
    return list(range(1, extent + 1)) if extent <= MOST_ACROSS else [*range(1, _FIRST + 1), 0, extent]


def _entry(array: Array, place: Shape) -> Expr:
    if all(place):
        return array.entries[flat_index(array.shape, place)]
    if len(place) == 1:
        return _GAP
    return _GAP_DOWN if place[-1] else _GAP_ACROSS
