"""Formula -> MathML Core; knows no documents, and no word or name reaches the markup but through one escape."""

from __future__ import annotations

import html
import re
from functools import lru_cache

from graphdsl.expr import Expr, IndexedSum, Number, Power, Quotient, Symbol
from graphdsl.names import Ink
from graphdsl.numbers import Written, written
from graphdsl.write.formula import (
    ATOM,
    DIRECT,
    JUXTAPOSED,
    POWER,
    PRODUCT,
    SLASHED,
    SUM,
    Piece,
    Printer,
    is_wide_quotient,
)
from graphdsl.write.places import Linked
from graphdsl.write.text import visible

INVISIBLE_TIMES = "\u2062"
FUNCTION_APPLICATION = "\u2061"


@lru_cache(maxsize=4096)
def escaped(words: str) -> str:
    """The words as the characters that they are, within an element or an attribute."""
    return html.escape(visible(words))


class MathMLPrinter(Printer):
    """A formula as MathML, a quotient as a fraction. What is printed is a run of elements, to be put into a row."""

    round_d = "<mi>∂</mi>"
    minus = '<mo form="prefix">−</mo>'
    dot = "<mo>·</mo>"
    cross = "<mo>×</mo>"
    beside = f"<mo>{INVISIBLE_TIMES}</mo>"
    comma = "<mo>,</mo>"
    semicolon = "<mo>;</mo>"

    def brackets(self, text: str) -> str:
        return self.fences("(", ")", text)

    def number(self, digits: Written) -> Piece:
        mantissa = f"<mn>{self.mantissa(digits)}</mn>"
        if digits.exponent is None:
            return Piece(mantissa, ATOM)
        sign = self.minus if digits.exponent < 0 else ""
        power = f"<msup><mn>10</mn>{row(f'{sign}<mn>{abs(digits.exponent)}</mn>')}</msup>"
        return Piece(mantissa + self.dot + power, PRODUCT)

    def leads(self, factor: Expr) -> bool:
        match factor:
            case Quotient(Number(), Number()):
                return True
            case _:
                return super().leads(factor)

    def piece(self, expr: Expr) -> Piece:
        """A power of a name stands above its subscript, not behind it."""
        match expr:
            case Linked() if expr.value >= 0:
                text, strength = super().piece(expr)
                return Piece(f'<mrow data-to="{escaped(expr.place)}">{text}</mrow>', strength)
            case Power(Symbol() as base, exponent) if not base.ink.sup and not base.ink.primes:
                return Piece(self.name(base.ink, above=INLINE.formula(exponent)), POWER)
            case _:
                return super().piece(expr)

    def name(self, ink: Ink, index: tuple[str, ...] = (), above: str = "") -> str:
        base, sub, sup = _inked(ink)
        return _scripted(base, self._index((*filter(None, [sub]), *index)) if index else sub, sup + above)

    def _index(self, parts: tuple[str, ...]) -> str:
        return ("" if all(map(_ONE_SIGN.fullmatch, parts)) else _CLOSE_COMMA).join(parts)

    def entry(self, of: str, index: tuple[str, ...]) -> str:
        return _scripted(row(of), self._index(index), "")

    def words(self, text: str) -> str:
        return _runs(text)

    def setting(self, words: str) -> str:
        return f"<mtext>{escaped(words)}</mtext>"

    def quotient(self, numerator: Expr, denominator: Expr) -> Piece:
        if is_wide_quotient(numerator, denominator):
            above, below = self.within(numerator, JUXTAPOSED), self.within(denominator, POWER)
            return Piece(f"{above}<mo>/</mo>{below}", SLASHED)
        small = ' displaystyle="false"' if _is_digit(numerator) and _is_digit(denominator) else ""
        return Piece(f"<mfrac{small}>{row(self.formula(numerator))}{row(self.formula(denominator))}</mfrac>", POWER)

    def ratio(self, above: str, below: str) -> Piece:
        return Piece(f"<mfrac>{row(above)}{row(below)}</mfrac>", POWER)

    def marked(self, partial: str) -> str:
        barred = row(f'{partial}<mo form="postfix" stretchy="true">|</mo>')
        return f"<msub>{barred}<mtext>{DIRECT}</mtext></msub>"

    def power(self, base: str, exponent: Expr) -> str:
        return f"<msup>{row(base)}{row(INLINE.formula(exponent))}</msup>"

    def superscript(self, base: str, mark: str) -> str:
        return f"<msup>{row(base)}<mo>{escaped(_MARKS.get(mark, mark))}</mo></msup>"

    def constant(self, name: str) -> str:
        return _word(name, ' class="word"')

    def function(self, name: str, primes: int, subscript: str, arguments: str) -> str:
        base = _scripted(_word(name), _runs(subscript), _primes(primes))
        return f"{base}<mo>{FUNCTION_APPLICATION}</mo>{self.brackets(arguments)}"

    def radical(self, argument: Expr) -> str:
        return f"<msqrt>{self.formula(argument)}</msqrt>"

    def fences(self, left: str, right: str, inside: str) -> str:
        """Fences grow around what is higher than a row; a subscript alone makes none larger."""
        stretchy = "true" if _TALL.search(inside) else "false"
        before, after = (
            f'<mo form="{form}" fence="true" stretchy="{stretchy}">{escaped(sign)}</mo>'
            for form, sign in (("prefix", left), ("postfix", right))
        )
        return row(before + inside + after)

    def indexed_sum(self, total: IndexedSum, body: str) -> str:
        low = row(f"{self.name(total.index.ink)}<mo>=</mo><mn>{total.low}</mn>")
        return f"<munderover><mo>∑</mo>{low}<mn>{total.high}</mn></munderover>{row(body)}"

    def cases(self, branches: tuple[tuple[str, str], ...]) -> Piece:
        rows = "".join(_line(value + (self.between if condition else ""), condition) for value, condition in branches)
        brace = '<mo form="prefix" fence="true" stretchy="true">{</mo>'
        return Piece(row(f'{brace}<mtable class="cases">{rows}</mtable>'), SUM)

    def array(self, entries: list[str], shape: tuple[int, ...]) -> str:
        columns = max(shape[-1], 1) if len(shape) > 1 else 1
        rows = "".join(_line(*entries[i : i + columns]) for i in range(0, len(entries), columns))
        return self.fences("[", "]", f"<mtable>{rows}</mtable>")

    def cell(self, entry: Expr) -> str:
        return INLINE.formula(entry)

    def pad(self, ems: float) -> str:
        return f'<mspace width="{ems:.3f}em"></mspace>' if ems else ""

    def operator(self, sign: str) -> str:
        sign = "−" if sign == self.minus else _SIGNS.get(sign, sign)
        return f'<mo form="infix">{escaped(sign)}</mo>' if sign else '<mspace width="0.28em"></mspace>'

    def sign(self, sign: str) -> str:
        return f'<mo form="prefix">{escaped(_SIGNS.get(sign, sign))}</mo>'


class SlashedMathMLPrinter(MathMLPrinter):
    """The same with derivatives in one row, for lines that hold nothing else to be high."""

    def ratio(self, above: str, below: str) -> Piece:
        return Piece(f'{above}<mo lspace="0" rspace="0">/</mo>{below}', SLASHED)


class InlineMathMLPrinter(SlashedMathMLPrinter):
    """The same for a line of words: every quotient is slashed, but for fractions of digits, and a vector lies."""

    lying = True

    def quotient(self, numerator: Expr, denominator: Expr) -> Piece:
        if _is_digit(numerator) and _is_digit(denominator):
            return super().quotient(numerator, denominator)
        return Printer.quotient(self, numerator, denominator)


DISPLAY = MathMLPrinter()
SLASHED_DISPLAY = SlashedMathMLPrinter()
INLINE = InlineMathMLPrinter()

_ACCENTS = {"hat": "^", "bar": "¯", "tilde": "~", "dot": "˙"}
_SIGNS = {"Σ": "∑", "·": "·", "-": "−", "*": "·"}
_MARKS = {"T": "⊤", "ᵀ": "⊤", "*": "∗"}
_CLOSE_COMMA = '<mo lspace="0" rspace="0">,</mo>'
_ONE_SIGN = re.compile(r"<m[in]>.</m[in]>")
_TALL = re.compile("<(mfrac|mtable|munderover)")


def row(inside: str) -> str:
    """Elements as one."""
    return f"<mrow>{inside}</mrow>"


def _is_digit(expr: Expr) -> bool:
    """Whether an expression is a numeral of one digit: ½ needs no more height than a letter."""
    return isinstance(expr, Number) and re.fullmatch(r"[0-9]", str(written(expr.value).mantissa)) is not None


def _word(name: str, style: str = "") -> str:
    """A name; one of several letters is upright unless it is given a style."""
    return f"<mi{style if len(name) > 1 else ''}>{escaped(name)}</mi>"


def _runs(marks: str) -> str:
    """A subscript or superscript: digits, letters, words and signs."""
    return "".join(map(_run, re.findall(r"\(\d+\)|\[\d+\]|\d+|[^\W\d_]+|,|[^\w,]+|_", visible(marks))))


def _run(run: str) -> str:
    if re.fullmatch(r"[0-9]+", run):
        return f"<mn>{run}</mn>"
    if run == ",":
        return _CLOSE_COMMA
    return _word(run) if run.isalpha() else f"<mtext>{escaped(run)}</mtext>"


@lru_cache(maxsize=4096)
def _inked(ink: Ink) -> tuple[str, str, str]:
    """A name as base, subscript and superscript."""
    base = _word(ink.base, ' class="word"')
    if ink.accent:
        base = f'<mover accent="true">{base}<mo stretchy="false">{_ACCENTS[ink.accent]}</mo></mover>'
    base = row(f"<mi>Δ</mi>{base}") if ink.change else base
    return base, _runs(ink.sub), _primes(ink.primes) + _runs(ink.sup)


def _primes(count: int) -> str:
    return f'<mo class="prime">{"′" * count}</mo>' if count else ""


def _scripted(base: str, below: str, above: str) -> str:
    match bool(below), bool(above):
        case True, True:
            return f"<msubsup>{base}{row(below)}{row(above)}</msubsup>"
        case True, False:
            return f"<msub>{base}{row(below)}</msub>"
        case False, True:
            return f"<msup>{base}{row(above)}</msup>"
        case _:
            return base


def _line(*cells: str) -> str:
    return f"<mtr>{''.join(f'<mtd>{cell}</mtd>' for cell in cells)}</mtr>"


def math(alt: str, markup: str, display: bool = False, is_name: bool = False) -> str:
    """A whole formula; `alt` is its line of text, which is read instead of it where it is a name."""
    style = ' displaystyle="true"' if display else ""
    label = f' aria-label="{escaped(alt)}"' if is_name else ""
    return f'<math{style} alttext="{escaped(alt)}"{label}>{row(markup)}</math>'
