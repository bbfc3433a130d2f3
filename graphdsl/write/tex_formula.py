"""Expr -> TeX mathematics as amsmath sets it, for LaTeX and for what borrows its formulas; knows no documents."""

from __future__ import annotations

import re

from graphdsl.expr import Expr, IndexedSum, Number, Quotient
from graphdsl.names import Ink
from graphdsl.numbers import Written, written
from graphdsl.write import text
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
from graphdsl.write.tex_letters import SIGNS, escaped

MOST_COLUMNS = 10
"""A matrix of amsmath has no more, unless one sets a counter."""

_KNOWN = frozenset(("max", "min", "ln", "log", "exp", "sin", "cos", "tan", "tanh", "sinh", "cosh", "det", "dim", "arg"))
_ACCENTS = {"hat": ("hat", "widehat"), "bar": ("bar", "overline"), "tilde": ("tilde", "widetilde")}
_ACCENTS |= {"dot": ("dot", "dot")}
_MARKS = {"T": r"\top", "ᵀ": r"\top", "*": r"\ast", "+": "+", "−1": "-1"}
_OPENING = {"|": r"\lvert ", "‖": r"\lVert ", "[": "[", "(": "("}
_CLOSING = {"|": r" \rvert", "‖": r" \rVert", "]": "]", ")": ")"}
_OPERATORS = {"∣": r"\mid", "Σ": r"\sum", "*": r"\ast", "⊙": r"\odot"} | {sign: sign for sign in "+-=<>/"}
_HIGH = re.compile(r"\\frac|\\begin|\\sum|\\left|\\sqrt")


class TexPrinter(Printer):
    """A formula of a display; a quotient is a fraction."""

    round_d = r"\partial "
    minus = "-"
    dot = r" \cdot "
    cross = r" \times "
    beside = " "

    def brackets(self, text: str) -> str:
        return rf"\left({text}\right)" if _HIGH.search(text) else f"({text})"

    def number(self, digits: Written) -> Piece:
        if digits.exponent is None:
            return Piece(self.mantissa(digits), ATOM)
        return Piece(f"{self.mantissa(digits)}{self.dot}10^{{{digits.exponent}}}", PRODUCT)

    def mantissa(self, digits: Written) -> str:
        """A comma in braces has no space behind it."""
        return super().mantissa(digits).replace(",", "{,}")

    def leads(self, factor: Expr) -> bool:
        match factor:
            case Quotient(Number(), Number()):
                return True
            case _:
                return super().leads(factor)

    def name(self, ink: Ink, index: tuple[str, ...] = ()) -> str:
        base = _word(ink.base, "it")
        if ink.accent:
            base = f"\\{_ACCENTS[ink.accent][len(ink.base) > 1]}{{{base}}}"
        base, sub = self.own(ink, base)
        between = "" if all(len(part) == 1 for part in index) else ","
        below = ",".join(filter(None, (_runs(sub), between.join(index))))
        return base + _attached("_", below) + "'" * ink.primes + _attached("^", _runs(ink.sup))

    def own(self, ink: Ink, base: str) -> tuple[str, str]:
        """The base of a name and what stands below it; what the user's own map says is taken as it is."""
        change = r"\Delta " if ink.change else ""
        if ink.own is not None and ink.own.latex:
            return f"{change}{{{ink.own.latex}}}", ink.index
        return change + base, ink.sub

    def entry(self, of: str, index: tuple[str, ...]) -> str:
        return f"{{{of}}}{_attached('_', ', '.join(index))}"

    def words(self, text: str) -> str:
        return _runs(text)

    def setting(self, words: str) -> str:
        word, _, value = words.partition(" ")
        return (
            rf"\text{{{escaped(word)} }}" + value.replace("×", r" \times ") if value else rf"\text{{{escaped(word)}}}"
        )

    def quotient(self, numerator: Expr, denominator: Expr) -> Piece:
        if is_wide_quotient(numerator, denominator):
            return Piece(f"{self.within(numerator, JUXTAPOSED)} / {self.within(denominator, POWER)}", SLASHED)
        small = "t" if _is_digit(numerator) and _is_digit(denominator) else ""
        return Piece(f"\\{small}frac{{{self.formula(numerator)}}}{{{self.formula(denominator)}}}", POWER)

    def ratio(self, above: str, below: str) -> Piece:
        return Piece(f"\\frac{{{above}}}{{{below}}}", POWER)

    def marked(self, partial: str) -> str:
        return rf"\left.{partial}\right|_{{\mathrm{{{DIRECT}}}}}"

    def power(self, base: str, exponent: Expr) -> str:
        return base + _attached("^", INLINE.formula(exponent))

    def superscript(self, base: str, mark: str) -> str:
        return base + _attached("^", _MARKS.get(mark) or rf"\text{{{escaped(mark)}}}")

    def constant(self, name: str) -> str:
        return _word(name, "it")

    def function(self, name: str, primes: int, subscript: str, arguments: str) -> str:
        called = _operator(name) + _attached("_", _runs(subscript)) + "'" * primes
        return called + (r"\!" if _HIGH.search(arguments) else "") + self.brackets(arguments)

    def radical(self, argument: Expr) -> str:
        return f"\\sqrt{{{self.formula(argument)}}}"

    def fences(self, left: str, right: str, inside: str) -> str:
        opening, closing = _OPENING.get(left) or f"{sign_of(left)} ", _CLOSING.get(right) or f" {sign_of(right)}"
        return (
            rf"\left{opening}{inside}\right{closing.strip()}" if _is_high(inside, left) else opening + inside + closing
        )

    def indexed_sum(self, total: IndexedSum, body: str) -> str:
        return f"\\sum_{{{self.name(total.index.ink)}={total.low}}}^{{{total.high}}} {body}"

    def cases(self, branches: tuple[tuple[str, str], ...]) -> Piece:
        rows = r" \\ ".join(rf"{value}, & {condition}" if condition else value for value, condition in branches)
        return Piece(rf"\begin{{cases}} {rows} \end{{cases}}", SUM)

    def array(self, entries: list[str], shape: tuple[int, ...]) -> str:
        columns = max(shape[-1], 1) if len(shape) > 1 else 1
        rows = [" & ".join(entries[i : i + columns]) for i in range(0, len(entries), columns)]
        return self.matrix(r" \\ ".join(rows), columns)

    def matrix(self, rows: str, columns: int) -> str:
        if columns > MOST_COLUMNS:
            return rf"\left[\begin{{array}}{{{'c' * columns}}} {rows} \end{{array}}\right]"
        return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}"

    def cell(self, entry: Expr) -> str:
        return INLINE.formula(entry)

    def pad(self, ems: float) -> str:
        return rf"\mkern{round(18 * ems)}mu " if ems else ""

    def operator(self, sign: str) -> str:
        return f" {sign_of(sign)} " if sign else " "

    def sign(self, sign: str) -> str:
        return f"{sign_of(sign)} "


class SlashedTexPrinter(TexPrinter):
    """The same with derivatives in one row, for lines that hold nothing else to be high."""

    def ratio(self, above: str, below: str) -> Piece:
        return Piece(f"{above} / {below}", SLASHED)


class InlineTexPrinter(SlashedTexPrinter):
    """The same for a line of words: every quotient is slashed, but for fractions of digits, and a vector lies."""

    lying = True

    def quotient(self, numerator: Expr, denominator: Expr) -> Piece:
        if _is_digit(numerator) and _is_digit(denominator):
            return super().quotient(numerator, denominator)
        return Printer.quotient(self, numerator, denominator)

    def matrix(self, rows: str, columns: int) -> str:
        return rf"\left[\begin{{smallmatrix}} {rows} \end{{smallmatrix}}\right]"


DISPLAY = TexPrinter()
SLASHED_DISPLAY = SlashedTexPrinter()
INLINE = InlineTexPrinter()


def _is_high(inside: str, fence: str) -> bool:
    """Whether fences have to grow; those that LaTeX does not know as such cannot."""
    return fence in _OPENING and _HIGH.search(inside) is not None


def _is_digit(expr: Expr) -> bool:
    """Whether an expression is a numeral of one digit: ½ needs no more height than a letter."""
    return isinstance(expr, Number) and re.fullmatch(r"[0-9]", str(written(expr.value).mantissa)) is not None


def sign_of(sign: str) -> str:
    """A relation sign or an operator."""
    return _OPERATORS.get(sign) or SIGNS.get(sign) or rf"\mathbin{{\text{{{escaped(sign)}}}}}"


def _operator(name: str) -> str:
    """The name of a function, upright."""
    if name in _KNOWN:
        return f"\\{name}"
    if name in SIGNS:
        return SIGNS[name]
    return rf"\operatorname{{{name}}}" if re.fullmatch("[A-Za-z]+", name) else rf"\text{{{escaped(name)}}}"


def _word(name: str, style: str) -> str:
    """A letter stands for itself; a word is set in a style, of the text where mathematics lacks the letters."""
    if re.fullmatch("[A-Za-z]|[+-]+", name):
        return name
    if name in SIGNS:
        return SIGNS[name]
    if re.fullmatch("[A-Za-z]+", name):
        return rf"\math{style}{{{name}}}"
    return rf"\text{'it' if style == 'it' and name.isalpha() else ''}{{{escaped(name)}}}"


def _runs(marks: str) -> str:
    """A subscript or superscript: digits upright, single letters slanted, words upright."""
    runs = re.findall(r"\(\d+\)|\[\d+\]|[0-9]+|[^\W\d_]+|,|\*|[^\W]|[^\w,*]+", text.visible(marks))
    found = [r if re.fullmatch(r"\([0-9]+\)|\[[0-9]+\]|[0-9]+|,|\*", r) else _word(r, "rm") for r in runs]
    return "".join(f"{r} " if re.search(r"\\[A-Za-z]+$", r) and i + 1 < len(found) else r for i, r in enumerate(found))


def _attached(where: str, marks: str) -> str:
    if len(marks) > 1:
        return f"{where}{{{marks}}}"
    return f"{where}{marks}" if marks else ""
