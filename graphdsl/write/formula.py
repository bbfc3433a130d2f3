"""What all formats share in printing the algebra: signs, brackets by precedence, where a product needs a dot; knows no format and no operation."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple, assert_never

from graphdsl.expr import (
    Array,
    BigOperatorNotation,
    Call,
    Cases,
    Element,
    Expr,
    FencesNotation,
    FractionNotation,
    FunctionNotation,
    IndexedSum,
    InfixNotation,
    Number,
    Partial,
    Power,
    PrefixNotation,
    Product,
    Quotient,
    RadicalNotation,
    Relation,
    Said,
    SubscriptedNotation,
    Sum,
    SuperscriptNotation,
    Symbol,
    has_names,
    remaining,
    walk,
)
from graphdsl.names import Ink, indexed
from graphdsl.numbers import Written, flat_index, spelled, written
from graphdsl.punctuation import POINT, current

# How strongly the parts of a printed formula hold together. A part that holds less than its place asks for is put in
# brackets. The precedence of a prefix or infix notation is a number on this scale.
RELATION = 0
SUM = 10
NEGATIVE = 15
BIG = 18
PRODUCT = 20
SLASHED = 25
JUXTAPOSED = 30
POWER = 40
ATOM = 50

MINUS = "−"
DOT = "·"
CROSS = "×"
DIRECT = "direct"


class Piece(NamedTuple):
    """A printed part and how strongly it holds together."""

    text: str
    strength: int


class Signed(NamedTuple):
    """A term without its minus sign, if it has one in front."""

    negative: bool
    magnitude: Expr


def signed(expr: Expr) -> Signed:
    """Takes the sign off what begins with a negative numeral; a factor -1 that is only a sign vanishes with it."""
    match expr:
        case Number() if expr.value < 0:
            return Signed(True, replace(expr, value=expr.value.copy_negate()))
        case Product((Number() as first, *rest)) if first.value < 0:
            factors = (*_unsigned(first), *rest)
            return Signed(True, factors[0] if len(factors) == 1 else Product(factors, cross=expr.cross))
        case Product((Quotient(numerator=Number() as above) as first, *rest)) if above.value < 0:
            return Signed(True, Product((signed(first).magnitude, *rest), cross=expr.cross))
        case Quotient():
            negative, numerator = signed(expr.numerator)
            return Signed(negative, Quotient(numerator, expr.denominator) if negative else expr)
        case _:
            return Signed(False, expr)


def _unsigned(first: Number) -> tuple[Number, ...]:
    """The numeral without its sign; -1 leaves nothing, unless it is the value of a quantity, which is shown."""
    is_only_a_sign = first.value == -1 and first.quantity is None
    return () if is_only_a_sign else (replace(first, value=first.value.copy_negate()),)


_SHORT = re.compile(r"(\d+|\w)?(,(\d+|\w))*")


def is_short(ink: Ink) -> bool:
    """Whether a name can stand beside another without a dot: one letter, with numbers or letters on it."""
    return len(ink.base) == 1 and all(_SHORT.fullmatch(part) for part in (ink.sub, ink.sup.strip("()[]")))


class Printer(ABC):
    """Prints the algebra. A format says how its numerals, names, fractions … look; signs and brackets are settled here."""

    round_d = "∂"
    minus = MINUS
    dot = f" {DOT} "
    cross = f" {CROSS} "
    beside = ""
    comma = ", "
    semicolon = "; "
    lying = False
    """Whether a vector is written as a row that is transposed, as it is among words."""

    @property
    def between(self) -> str:
        """Between the arguments of a function, or numbers in a row: beside a decimal comma a semicolon."""
        return self.comma if current() is POINT else self.semicolon

    @property
    def below(self) -> str:
        """Between what stands one below the other."""
        return self.semicolon if current() is POINT else self.operator(current().below.strip())

    def mantissa(self, digits: Written) -> str:
        """The digits with their decimal mark."""
        return digits.mantissa.replace(".", current().mark)

    def formula(self, expr: Expr) -> str:
        """An expression in its place, outside of any brackets."""
        return self.piece(expr).text

    def members(self, chain: Relation) -> Iterator[tuple[str, Expr]]:
        """The members of a chain after the first, each with the sign before it."""
        yield from zip(chain.signs, chain.members[1:], strict=True)

    def within(self, expr: Expr, least: int) -> str:
        """An expression where anything that holds less than `least` needs brackets."""
        text, strength = self.piece(expr)
        return text if strength >= least else self.brackets(text)

    def piece(self, expr: Expr) -> Piece:
        """The printed expression, and how strongly it holds together."""
        negative, magnitude = signed(expr)
        if negative:
            return Piece(self.minus + self.within(magnitude, BIG), NEGATIVE)
        match expr:
            case Number():
                return self.number(written(expr.value))
            case Symbol():
                return self.symbol(expr.ink)
            case Sum():
                return Piece("".join(self.terms(expr)), SUM)
            case Product():
                return self.product(expr)
            case Quotient():
                return self.quotient(expr.numerator, expr.denominator)
            case Power():
                return Piece(self.power(self.within(expr.base, ATOM), expr.exponent), POWER)
            case Call():
                return self.call(expr)
            case Element():
                return self.element(expr)
            case IndexedSum():
                return Piece(self.indexed_sum(expr, self.within(expr.body, PRODUCT)), BIG)
            case Cases():
                return self.cases(tuple(self._branches(expr)))
            case Array():
                strength = POWER if self.lying and len(expr.shape) == 1 else ATOM
                return Piece(self.written_array(self.entries(expr), expr.shape), strength)
            case Partial(ink=Ink() as ink):
                return self.symbol(ink)
            case Partial():
                return self.partial(expr)
            case Relation():
                return Piece(self.relation(expr), RELATION)
        assert_never(expr)

    def terms(self, total: Sum) -> Iterator[str]:
        """The terms of a sum, each after the first with its sign before it."""
        for i, (negative, magnitude) in enumerate(map(signed, total.terms)):
            text = self.within(magnitude, BIG)
            if i:
                yield self.operator(self.minus if negative else "+") + text
            else:
                yield (self.minus if negative else "") + text

    def links(self, expr: Expr) -> Iterator[str]:
        """The parts of a formula between which a row may end, each after the first behind its sign."""
        match expr:
            case Sum():
                yield from self.terms(expr)
            case Product((*before, Call() as last)) if isinstance(last.operation.notation, InfixNotation):
                first, *rest = self.links(last)
                yield self.times(expr).join([*(self.within(f, PRODUCT) for f in before), first])
                yield from rest
            case Call() if isinstance(expr.operation.notation, InfixNotation):
                yield from self._links_of_infix(expr, expr.operation.notation)
            case _:
                yield self.formula(expr)

    def _links_of_infix(self, call: Call, notation: InfixNotation) -> Iterator[str]:
        first, *rest = call.arguments
        if isinstance(first, Call) and first.operation is call.operation:
            yield from self.links(first)
        else:
            yield self.within(first, _least(first, notation.sign, notation.precedence))
        for argument in rest:
            least = _least(argument, notation.sign, notation.precedence + 1)
            yield self.operator(notation.sign) + self.within(argument, least)

    def product(self, product: Product) -> Piece:
        if self.juxtaposes(product.factors):
            first, *rest = product.factors
            lead = self.within(first, SLASHED if _is_numeral(first) else POWER)
            return Piece(self.beside.join([lead, *(self.within(f, POWER) for f in rest)]), JUXTAPOSED)
        strength = BIG if _is_big(product.factors[-1]) else PRODUCT
        return Piece(self.times(product).join(self.dotted(product.factors)), strength)

    def times(self, product: Expr) -> str:
        """The sign between the factors."""
        return self.cross if isinstance(product, Product) and product.cross else self.dot

    def dotted(self, factors: tuple[Expr, ...]) -> list[str]:
        """Factors as they stand between dots: a sign of a sum needs no brackets in the last of them."""
        *before, last = factors
        return [*(self.within(f, PRODUCT) for f in before), self.within(last, BIG if _is_big(last) else PRODUCT)]

    def juxtaposes(self, factors: tuple[Expr, ...]) -> bool:
        """Whether a product needs no dots: a numeral before one bracket, or before names of one letter."""
        if not any(has_names(factor) for factor in factors):
            return False
        rest = factors[1:] if self.leads(factors[0]) else factors
        bracket = rest[0].base if isinstance(rest[0], Power) else rest[0]
        if len(rest) == 1 and len(factors) == 2 and isinstance(bracket, Sum):
            return _has_short_exponent(rest[0])
        return all(self.is_letter(factor) for factor in rest)

    def leads(self, factor: Expr) -> bool:
        """Whether a numeral can stand before a name without a dot."""
        return isinstance(factor, Number) and written(factor.value).exponent is None

    def is_letter(self, factor: Expr) -> bool:
        match factor:
            case Symbol():
                return self.is_compact(factor.ink)
            case Element(of=Symbol() as of):
                return self.is_compact(of.ink)
            case Power():
                return _has_short_exponent(factor) and self.is_letter(factor.base)
            case _:
                return False

    def is_compact(self, ink: Ink) -> bool:
        return is_short(ink)

    def symbol(self, ink: Ink) -> Piece:
        return Piece(self.name(ink), POWER if ink.sup or ink.primes else ATOM)

    def element(self, element: Element) -> Piece:
        """An entry of a named tensor is a name with its index as subscript."""
        of, index = element.of, element.index
        if not isinstance(of, Symbol):
            return Piece(self.entry(self.within(of, ATOM), self._subscripts(index)), ATOM)
        known = tuple(int(i.value) for i in index if isinstance(i, Number))
        if len(known) < len(index):
            return Piece(self.name(of.ink, self._subscripts(index)), POWER if of.ink.sup else ATOM)
        if of.parts is not None:
            return self.symbol(of.parts[flat_index(of.shape, known)].ink)
        return self.symbol(indexed(of.ink, known))

    def _subscripts(self, index: Iterable[Expr]) -> tuple[str, ...]:
        return tuple(self.formula(i) for i in index)

    def entries(self, array: Array) -> list[str]:
        """The entries of an array; the numerals of a column are padded so that their decimal marks meet."""
        columns = array.shape[-1] if len(array.shape) > 1 or self.lying else 1
        printed = [self.cell(entry) for entry in array.entries]
        for first in range(columns):
            around = _around_mark(array.entries[first::columns])
            left, right = (max((pair[side] for pair in around), default=0.0) for side in (0, 1))
            for place, (before, after) in zip(range(first, len(printed), columns), around, strict=False):
                printed[place] = self.pad(left - before) + printed[place] + self.pad(right - after)
        return printed

    def cell(self, entry: Expr) -> str:
        """An entry of an array, which has little height."""
        return self.formula(entry)

    def partial(self, partial: Partial) -> Piece:
        above, below = (self.round_d + self._differential(x) for x in (partial.of, partial.wrt))
        text, strength = self.ratio(above, below)
        return Piece(self.marked(text), strength) if partial.marked else Piece(text, strength)

    def _differential(self, of: Expr) -> str:
        return self.within(of, POWER if isinstance(of, Symbol | Element) else ATOM)

    def relation(self, chain: Relation) -> str:
        first = self.formula(chain.members[0])
        return first + "".join(self.operator(sign) + self.formula(m) for sign, m in self.members(chain))

    def written_array(self, entries: list[str], shape: tuple[int, ...]) -> str:
        """A vector or a matrix; of more axes, the arrays within one after the other."""
        if self.lying and len(shape) == 1 and shape[0] > 1:
            return self.superscript(self.fences("[", "]", self.between.join(entries)), "T")
        if len(shape) < 3:
            return self.array(entries, shape)
        step = len(entries) // shape[0]
        parts = (self.written_array(entries[i : i + step], shape[1:]) for i in range(0, len(entries), step))
        return self.fences("[", "]", self.comma.join(parts))

    def _branches(self, cases: Cases) -> Iterator[tuple[str, str]]:
        """Value and condition; the last branch says what remains, or nothing."""
        for value, condition in cases.branches:
            yield self.formula(value), self.relation(condition)
        rest = remaining([condition for _, condition in cases.branches])
        yield self.formula(cases.otherwise), self.relation(rest) if rest is not None else ""

    def call(self, call: Call) -> Piece:
        """A call is written as its notation says."""
        arguments = call.arguments
        match call.operation.notation:
            case FunctionNotation(name) if not arguments:
                return Piece(self.constant(name), ATOM)
            case FunctionNotation(name, primes, said):
                return Piece(self.function(name, primes, "", self._listed(arguments, call, said)), ATOM)
            case SubscriptedNotation(name, attribute, said):
                subscript = current().pointed(spelled(dict(call.attributes).get(attribute, "")))
                if not name:
                    return self.part(arguments[0], self.words(subscript))
                return Piece(self.function(name, 0, subscript, self._listed(arguments, call, said)), ATOM)
            case PrefixNotation(sign, precedence):
                return Piece(self.sign(sign) + self.within(arguments[0], precedence), precedence)
            case InfixNotation(sign, precedence):
                first, *rest = arguments
                after = "".join(self.operator(sign) + self.within(a, _least(a, sign, precedence + 1)) for a in rest)
                return Piece(self.within(first, _least(first, sign, precedence)) + after, precedence)
            case FractionNotation():
                return self.quotient(*arguments)
            case RadicalNotation():
                return Piece(self.radical(arguments[0]), POWER)
            case FencesNotation(left, right, separator, attribute):
                between = self.comma if separator == "," else self.below
                fenced = self.fences(left, right, between.join(self.formula(a) for a in arguments))
                return Piece(self._marked_by(fenced, call, attribute), ATOM)
            case SuperscriptNotation(called=name) if name and any(isinstance(a, Array) for a in walk(arguments[0])):
                return Piece(self.function(name, 0, "", self.formula(arguments[0])), ATOM)
            case SuperscriptNotation():
                return Piece(self._superscripted(call.operation.notation, arguments), POWER)
            case BigOperatorNotation(sign, attribute):
                large = self._marked_by(self.sign(sign), call, attribute)
                return Piece(f"{large} {self.within(arguments[0], PRODUCT)}", BIG)
            case unknown:
                assert_never(unknown)

    def part(self, of: Expr, which: str) -> Piece:
        """A part of an array: which one joins the subscript of its name."""
        if isinstance(of, Symbol):
            return Piece(self.name(of.ink, (which,)), POWER if of.ink.sup else ATOM)
        return Piece(self.entry(self.within(of, ATOM), (which,)), ATOM)

    def _marked_by(self, text: str, call: Call, attribute: str) -> str:
        """With an attribute of the call as a subscript, if it is set."""
        value = dict(call.attributes).get(attribute)
        return text if value is None else self.entry(text.strip(), (self.words(str(value)),))

    def _superscripted(self, notation: SuperscriptNotation, arguments: tuple[Expr, ...]) -> str:
        """The argument with a mark, a constant raised to it, or, with neither, the first raised to the second."""
        if notation.mark:
            return self.superscript(self.within(arguments[0], ATOM), notation.mark)
        base = self.constant(notation.base) if notation.base else self.within(arguments[0], ATOM)
        return self.power(base, arguments[-1])

    def _listed(self, arguments: Iterable[Expr], call: Call, said: Said | None) -> str:
        """The arguments, and behind them the settings that are said."""
        settings = said(dict(call.attributes)) if said is not None else ()
        return self.between.join([*map(self.formula, arguments), *map(self.setting, map(current().pointed, settings))])

    def quotient(self, numerator: Expr, denominator: Expr) -> Piece:
        return self.ratio(self.within(numerator, JUXTAPOSED), self.within(denominator, POWER))

    @abstractmethod
    def brackets(self, text: str) -> str: ...

    @abstractmethod
    def number(self, digits: Written) -> Piece:
        """A numeral, which has no sign here."""

    @abstractmethod
    def name(self, ink: Ink, index: tuple[str, ...] = ()) -> str: ...

    @abstractmethod
    def entry(self, of: str, index: tuple[str, ...]) -> str: ...

    @abstractmethod
    def words(self, text: str) -> str:
        """Digits, letters and words as they stand in a subscript."""

    @abstractmethod
    def setting(self, words: str) -> str:
        """Words that stand among the arguments of a function, as "stride 2"."""

    @abstractmethod
    def ratio(self, above: str, below: str) -> Piece: ...

    @abstractmethod
    def marked(self, partial: str) -> str:
        """A derivative along the direct way only."""

    @abstractmethod
    def power(self, base: str, exponent: Expr) -> str: ...

    @abstractmethod
    def superscript(self, base: str, mark: str) -> str: ...

    @abstractmethod
    def constant(self, name: str) -> str:
        """A number with a name, as e."""

    @abstractmethod
    def function(self, name: str, primes: int, subscript: str, arguments: str) -> str: ...

    @abstractmethod
    def radical(self, argument: Expr) -> str: ...

    @abstractmethod
    def fences(self, left: str, right: str, inside: str) -> str: ...

    @abstractmethod
    def indexed_sum(self, total: IndexedSum, body: str) -> str: ...

    @abstractmethod
    def cases(self, branches: tuple[tuple[str, str], ...]) -> Piece: ...

    @abstractmethod
    def array(self, entries: list[str], shape: tuple[int, ...]) -> str: ...

    def pad(self, ems: float) -> str:
        """Room beside a numeral; a format of single characters has none."""
        return ""

    @abstractmethod
    def operator(self, sign: str) -> str:
        """A sign between two parts, with its space."""

    @abstractmethod
    def sign(self, sign: str) -> str:
        """A sign before its argument."""


_DIGIT, _MINUS, _MARK = 0.5, 0.778, 0.278
"""The widths of what a numeral consists of, in ems."""


def is_wide_quotient(numerator: Expr, denominator: Expr) -> bool:
    """Whether a quotient is of arrays, which are too small above and below a bar."""
    return any(isinstance(part, Array) for of in (numerator, denominator) for part in walk(of))


def _around_mark(column: Iterable[Expr]) -> list[tuple[float, float]]:
    """How much room each numeral of a column takes before its decimal mark and from there on; nothing where some are none."""
    found = []
    for entry in column:
        digits = written(entry.value) if isinstance(entry, Number) else None
        if digits is None or digits.exponent is not None:
            return []
        whole, _, decimals = digits.mantissa.partition(".")
        after = _MARK + _DIGIT * len(decimals) if decimals else 0.0
        found.append((_MINUS * digits.negative + _DIGIT * len(whole), after))
    return found


def _is_big(expr: Expr) -> bool:
    """Whether a sign of a sum stands before an expression: it needs no brackets behind everything else."""
    return isinstance(expr, IndexedSum) or (
        isinstance(expr, Call) and isinstance(expr.operation.notation, BigOperatorNotation)
    )


def _least(argument: Expr, sign: str, precedence: int) -> int:
    """How much an argument of an infix sign has to hold: more where it is a call of another sign, as in (A B) ⊙ C, or a
    slashed quotient beside a factor without a sign."""
    notation = argument.operation.notation if isinstance(argument, Call) else None
    if isinstance(argument, Quotient) and not sign:
        return JUXTAPOSED
    return precedence + (isinstance(notation, InfixNotation) and notation.sign != sign)


def _is_numeral(expr: Expr) -> bool:
    return isinstance(expr, Number | Quotient) and not has_names(expr)


def _has_short_exponent(expr: Expr) -> bool:
    """Whether an exponent, if there is one, is a small whole number."""
    if not isinstance(expr, Power):
        return True
    return isinstance(expr.exponent, Number) and expr.exponent.value in map(Decimal, range(10))
