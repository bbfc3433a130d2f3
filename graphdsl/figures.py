"""Document -> Document: gives each numeral its digits and each line its relation signs, so that every printed line is true; knows no format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from graphdsl.depict import finished
from graphdsl.derive.evaluate import evaluate
from graphdsl.diagram import Diagram, has_numbers
from graphdsl.document import (
    Block,
    Derivation,
    Document,
    Figure,
    Inline,
    Inlines,
    Item,
    Line,
    Math,
    Note,
    Paragraph,
    Section,
    Strong,
    Table,
    Text,
)
from graphdsl.expr import Expr, Number, Relation, Sign, has_names, rewrite, walk
from graphdsl.numbers import MOST_OPERAND_DIGITS, PRECISION, Decimal50, Display, Num, decimals_of, rounded, trimmed


class FalseLine(Exception):
    """A line whose printed numbers cannot be made to give its printed result: a defect, never a page."""


def drawing(diagram: Diagram, display: Display) -> Diagram:
    """The drawing with finished numerals, and the places that they leave it."""
    return _Figures(display).diagram(diagram)


def figures(document: Document, display: Display) -> Document:
    """The document with finished numerals and signs."""
    return _Figures(display).document(document)


@dataclass(frozen=True, slots=True)
class _Digits:
    """How many decimals more than the display says operands and results show."""

    operands: int = 0
    result: int = 0


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
        match block:
            case Section():
                return replace(block, title=self.inlines(block.title), blocks=tuple(map(self.block, block.blocks)))
            case Paragraph():
                return Paragraph(self.inlines(block.words))
            case Derivation():
                return replace(block, lines=tuple(map(self.line, block.lines)))
            case Table():
                rows = tuple(tuple(map(self.inlines, row)) for row in block.rows)
                return replace(block, head=tuple(map(self.inlines, block.head)), rows=rows)
            case Figure():
                return replace(block, diagram=self.diagram(block.diagram), caption=self.inlines(block.caption))
            case Note():
                items = tuple(Item(self.inlines(i.term), self.inlines(i.words)) for i in block.items)
                return replace(block, title=self.inlines(block.title), items=items)
            case _:
                assert_never(block)

    def diagram(self, diagram: Diagram) -> Diagram:
        return finished(diagram, lambda number: self.shown(number, 0)) if has_numbers(diagram) else diagram

    def inlines(self, words: Inlines) -> Inlines:
        return tuple(map(self.inline, words))

    def inline(self, inline: Inline) -> Inline:
        match inline:
            case Text() | Strong():
                return inline
            case Math(expr=Relation() as chain):
                return Math(self.chain(chain))
            case Math():
                return Math(self.numbers(inline.expr, 0))
            case _:
                assert_never(inline)

    def line(self, line: Line) -> Line:
        return replace(line, chain=self.chain(line.chain), reason=self.inlines(line.reason))

    def numbers(self, expr: Expr, more: int) -> Expr:
        """The expression with the digits that each numeral shows."""
        return rewrite(expr, lambda node: self.shown(node, more) if isinstance(node, Number) else node)

    def shown(self, number: Number, more: int) -> Number:
        """A given number as it was given; a computed one to the decimals of its display, without idle zeros."""
        if number.given and number.exact:
            return number
        value = self.display.shown(number.value, number.quantity or "", more)
        whole = number.exact and value == number.value
        return replace(number, value=trimmed(value) if whole else value, exact=whole)

    # Chains.

    def chain(self, chain: Relation) -> Relation:
        """The fewest digits with which every equality of the chain is true."""
        for digits in _ATTEMPTS:
            found = self.attempt(chain, digits)
            if found is not None:
                return found
        raise FalseLine(repr(chain))

    def attempt(self, chain: Relation, digits: _Digits) -> Relation | None:
        """The chain with so many digits, or nothing where its numbers would not give its result."""
        last = len(chain.members) - 1
        shown = tuple(
            self.numbers(member, digits.result if i == last else digits.operands)
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
        a, b = _value(left), _value(right)
        if a.exact and b.exact and a.value == b.value:
            return "="
        return "≈"

    def gives_result(self, shown: tuple[Expr, ...], signs: list[Sign]) -> bool:
        """Whether each member of numerals, rounded to the digits of the result, is the result."""
        run: list[Expr] = []
        for i, member in enumerate(shown):
            if i and signs[i - 1] not in ("=", "≈"):
                run = []
            if not has_names(member):
                run.append(member)
            ends = i == len(shown) - 1 or signs[i] not in ("=", "≈")
            if ends and len(run) > 1 and isinstance(run[-1], Number) and not self._all_give(run):
                return False
        return True

    def _all_give(self, run: list[Expr]) -> bool:
        result = run[-1]
        assert isinstance(result, Number)
        places = decimals_of(result.value)
        if result.exact:
            places = max(places, self.display.places(result.value, result.quantity or ""))
        return all(rounded(_value(m).value, places, self.display.rounding) == result.value for m in run[:-1])


_ATTEMPTS = [
    *(_Digits(more, extra) for extra in range(4) for more in range(extra, MOST_OPERAND_DIGITS + extra + 1)),
    *(_Digits(more) for more in range(MOST_OPERAND_DIGITS, PRECISION)),
]
"""First as displayed, then operands with more digits, then a result with more (a tie), then operands with all of
theirs: 1 − h² of a saturated unit needs them."""


def _whole(expr: Expr) -> bool:
    """Whether every numeral is the whole value that it stands for."""
    return all(node.exact for node in walk(expr) if isinstance(node, Number))


def _value(expr: Expr) -> Num:
    """The value of the numerals as printed."""
    as_printed = rewrite(expr, lambda n: Number(n.value) if isinstance(n, Number) else n)
    return evaluate(as_printed, {}, Decimal50()).item
