"""Expr -> a line of letters: runs of text with their slant, size and shift, and the room they take; knows no drawing."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import assert_never

from graphdsl.expr import (
    MINUS_ONE,
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
    Notation,
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
)
from graphdsl.fonts import extents
from graphdsl.names import Ink
from graphdsl.numbers import spelled, written
from graphdsl.punctuation import current

_SMALL = 0.72
_LOWERED = -0.17
_LOWERED_UNDER = -0.24
_RAISED = 0.38
_COMBINING = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307"}
_MINUS = "\u2212"


@dataclass(frozen=True, slots=True)
class Run:
    """Letters of one look; `scale`, `shift` (upwards) and `back` (to the left, before it) are in ems of the line."""

    text: str
    italic: bool = False
    scale: float = 1.0
    shift: float = 0.0
    back: float = 0.0

    @property
    def width(self) -> float:
        return self.scale * sum(extents(c, self.italic)[0] for c in self.text) / 1000

    @property
    def top(self) -> float:
        return self.shift + self.scale * max((extents(c, self.italic)[1] for c in self.text), default=0) / 1000

    @property
    def bottom(self) -> float:
        return self.shift - self.scale * max((extents(c, self.italic)[2] for c in self.text), default=0) / 1000


Runs = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Lettering:
    """A set line, in ems: its runs, its width, its ink above and below the baseline."""

    runs: Runs
    width: float
    ascent: float
    descent: float


@lru_cache(maxsize=4096)
def _set(runs: Runs) -> Lettering:
    right = here = 0.0
    for run in runs:
        here += run.width - run.back
        right = max(right, here)
    top = max((run.top for run in runs), default=0.0)
    bottom = min((run.bottom for run in runs), default=0.0)
    return Lettering(runs, right, top, -bottom)


def lettering(expr: Expr) -> Lettering:
    """The expression set on one line."""
    return _set(_merged(_letters(expr)))


def slanted(letters: Lettering) -> Lettering:
    """The same line in italics."""
    return _set(tuple(replace(run, italic=True) for run in letters.runs))


def plain(expr: Expr) -> str:
    """The characters of that line, one after the other."""
    return "".join(run.text for run in lettering(expr).runs)


def _merged(runs: Iterable[Run]) -> Runs:
    """Neighbours of one look become one run."""
    result: list[Run] = []
    for run in runs:
        if result and not run.back and replace(result[-1], text="", back=0.0) == replace(run, text=""):
            result[-1] = replace(result[-1], text=result[-1].text + run.text)
        elif run.text:
            result.append(run)
    return tuple(result)


def _visible(text: str) -> str:
    """Characters that have no ink of their own are shown as a replacement."""
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs", "Cn", "Zl", "Zp") else c for c in text)


def _words(text: str) -> Runs:
    """Letters as in a formula: single ones slanted, words and digits upright."""
    pieces = ("".join(group) for _, group in groupby(_visible(text), lambda c: c.isalpha()))
    return tuple(Run(piece, italic=len(piece) == 1 and piece.isalpha()) for piece in pieces)


def _script(text: str, shift: float) -> Runs:
    return tuple(replace(run, scale=_SMALL, shift=shift) for run in _words(text))


def _width(runs: Sequence[Run]) -> float:
    return sum(run.width for run in runs)


def _ink(ink: Ink) -> Runs:
    base = _words(ink.base)
    delta = (Run("Δ"),) if ink.change else ()
    if ink.accent and base:
        accented = base[0].text[:1] + _COMBINING[ink.accent] + base[0].text[1:]
        base = (replace(base[0], text=accented), *base[1:])
    above = _script(ink.sup, _RAISED)
    primes = (Run("′" * ink.primes),) if ink.primes else ()
    stacked = (*primes, *above)
    below = _script(ink.sub, _LOWERED_UNDER if stacked else _LOWERED)
    return (*delta, *base, *_over(stacked, below))


def _over(above: Runs, below: Runs) -> Runs:
    """Two scripts at one place, the wider last, so that what follows begins after both."""
    first, last = sorted((above, below), key=_width)
    return (*first, replace(last[0], back=last[0].back + _width(first)), *last[1:]) if first else last


_SUM, _PRODUCT, _POWER, _ATOM = 10, 20, 40, 50
"""The scale on which the precedence of a notation is a number."""


def _rank(expr: Expr) -> int:
    """How tightly the expression holds together, for brackets."""
    match expr:
        case Sum() | Relation() | Cases():
            return _SUM
        case Number():
            return _PRODUCT if expr.value < 0 else _ATOM
        case Product() | Quotient() | Partial() | IndexedSum():
            return _PRODUCT
        case Power():
            return _POWER
        case Call(operation=operation):
            return _rank_of_call(operation.notation)
        case _:
            return _ATOM


def _rank_of_call(notation: Notation) -> int:
    match notation:
        case InfixNotation(precedence=precedence) | PrefixNotation(precedence=precedence):
            return precedence
        case FractionNotation() | BigOperatorNotation():
            return _PRODUCT
        case SuperscriptNotation() | RadicalNotation():
            return _POWER
        case _:
            return _ATOM


def _is(expr: Expr, kind: type[InfixNotation] | type[BigOperatorNotation]) -> bool:
    """Whether an expression is a call in a notation."""
    return isinstance(expr, Call) and isinstance(expr.operation.notation, kind)


def _inner(expr: Expr, least: int) -> Runs:
    runs = _letters(expr)
    return runs if _rank(expr) >= least else (Run("("), *runs, Run(")"))


def _joined(exprs: Iterable[Expr], sign: str, least: int = 0) -> Runs:
    runs: list[Run] = []
    for expr in exprs:
        runs += [Run(sign)] if runs else []
        runs += _inner(expr, least)
    return tuple(runs)


def _letters(expr: Expr) -> Runs:
    match expr:
        case Symbol():
            return _ink(expr.ink)
        case Number():
            return _number(expr)
        case Sum():
            return _sum(expr)
        case Product():
            return _product(expr)
        case Quotient():
            least = _POWER if _is(expr.numerator, InfixNotation) else _PRODUCT
            return (*_inner(expr.numerator, least), Run("/"), *_inner(expr.denominator, _POWER))
        case Power():
            return (*_inner(expr.base, _ATOM), *_raised(_letters(expr.exponent)))
        case Partial(ink=Ink() as ink):
            return _ink(ink)
        case Partial():
            return (Run("∂"), *_inner(expr.of, _ATOM), Run("/∂"), *_inner(expr.wrt, _ATOM))
        case Element():
            return (*_inner(expr.of, _ATOM), *_lowered(_joined(expr.index, ",")))
        case Array():
            return (Run("["), *_joined(expr.entries, current().between), Run("]"))
        case Relation():
            return _relation(expr)
        case IndexedSum():
            return (Run("∑"), *_lowered(_letters(expr.index)), Run(" "), *_inner(expr.body, _PRODUCT))
        case Cases():
            return (Run("{"), *_joined((*(value for value, _ in expr.branches), expr.otherwise), "; "))
        case Call():
            return _call(expr)
        case _:
            assert_never(expr)


def _raised(runs: Runs) -> Runs:
    return tuple(replace(run, scale=run.scale * _SMALL, shift=_RAISED + run.shift * _SMALL) for run in runs)


def _lowered(runs: Runs) -> Runs:
    return tuple(replace(run, scale=run.scale * _SMALL, shift=_LOWERED + run.shift * _SMALL) for run in runs)


def _number(number: Number) -> Runs:
    negative, mantissa, exponent = written(number.value)
    runs = (Run((_MINUS if negative else "") + mantissa.replace(".", current().mark)),)
    if exponent is None:
        return runs
    return (*runs, Run("×10"), *_raised((Run(str(exponent).replace("-", _MINUS)),)))


def _sum(expr: Sum) -> Runs:
    runs = list(_letters(expr.terms[0]))
    for term in expr.terms[1:]:
        letters = _letters(term)
        if letters and letters[0].text.startswith(_MINUS):
            rest = replace(letters[0], text=letters[0].text[1:])
            runs += [Run(f" {_MINUS} "), rest, *letters[1:]]
        else:
            runs += [Run(" + "), *letters]
    return tuple(runs)


def _product(expr: Product) -> Runs:
    runs: list[Run] = []
    factors = expr.factors
    if factors[0] == MINUS_ONE and len(factors) > 1:
        runs, factors = [Run(_MINUS)], factors[1:]
    for position, factor in enumerate(factors):
        is_last_sum = position == len(factors) - 1 and _is(factor, BigOperatorNotation)
        letters = _inner(factor, _PRODUCT if position == 0 or is_last_sum else _POWER)
        if position and (letters[0].text[:1].isdigit() or not isinstance(factors[position - 1], Number)):
            runs.append(Run("×" if expr.cross else "·"))
        runs += letters
    return tuple(runs)


def _relation(expr: Relation) -> Runs:
    runs = list(_letters(expr.members[0]))
    for sign, member in zip(expr.signs, expr.members[1:], strict=True):
        runs += [Run(f" {sign} "), *_letters(member)]
    return tuple(runs)


def _said(call: Call, attribute: str) -> Runs:
    """An attribute of the call as a subscript, if it is set."""
    return _script(current().pointed(spelled(dict(call.attributes).get(attribute, ""))), _LOWERED)


def _settings(call: Call, said: Said | None) -> Runs:
    """What stands behind the arguments, as ", stride 2"."""
    used = current()
    return tuple(
        Run(f"{used.between}{used.pointed(setting)}")
        for setting in (said(dict(call.attributes)) if said is not None else ())
    )


def _call(call: Call) -> Runs:
    arguments = call.arguments
    match call.operation.notation:
        case FunctionNotation(name) if not arguments:
            return _words(name)
        case FunctionNotation(name, primes, said):
            return (
                Run(name + "′" * primes + "("),
                *_joined(arguments, current().between),
                *_settings(call, said),
                Run(")"),
            )
        case PrefixNotation(sign, precedence):
            return (Run(sign), *_inner(arguments[0], precedence))
        case InfixNotation(sign, precedence):
            return _joined(arguments, f" {sign} " if sign else " ", precedence)
        case FractionNotation():
            return _joined(arguments, "/", _POWER)
        case RadicalNotation():
            return (Run("√"), *_inner(arguments[0], _ATOM))
        case FencesNotation(left, right, separator, attribute):
            return (
                Run(left),
                *_joined(arguments, current().below if separator == ";" else ", "),
                Run(right),
                *_said(call, attribute),
            )
        case SuperscriptNotation(base, mark) if base:
            return (*_words(base), *_raised(_letters(arguments[0])))
        case SuperscriptNotation(_, mark) if mark:
            return (*_inner(arguments[0], _ATOM), *_raised((Run(mark),)))
        case SuperscriptNotation():
            return (*_inner(arguments[0], _ATOM), *_raised(_letters(arguments[1])))
        case SubscriptedNotation("", attribute):
            return (*_inner(arguments[0], _ATOM), *_said(call, attribute))
        case SubscriptedNotation(name, attribute, said):
            inside = (*_joined(arguments, current().between), *_settings(call, said))
            return (Run(name), *_said(call, attribute), Run("("), *inside, Run(")"))
        case BigOperatorNotation(sign, attribute):
            return (Run(sign), *_said(call, attribute), Run(" "), *_joined(arguments, ", ", _PRODUCT))
        case notation:
            assert_never(notation)
