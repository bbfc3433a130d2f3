"""Document -> Markdown with TeX mathematics, as GitHub or Quarto reads it; figures are files beside it; knows no other format."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, assert_never
from urllib.parse import quote

from graphdsl.document import (
    Block,
    Derivation,
    Document,
    Drawing,
    Figure,
    Inline,
    Inlines,
    Item,
    Line,
    Math,
    Note,
    Paragraph,
    Question,
    Room,
    Section,
    Strong,
    Table,
    Text,
)
from graphdsl.expr import Expr, Number
from graphdsl.names import Ink
from graphdsl.numbers import written
from graphdsl.write import text
from graphdsl.write.formula import DIRECT
from graphdsl.write.layout import fill, low
from graphdsl.write.tex_formula import InlineTexPrinter, SlashedTexPrinter, TexPrinter
from graphdsl.write.tex_letters import SIGNS

if TYPE_CHECKING:
    from jinja2 import Environment

Dialect = Literal["github", "quarto"]
Figures = Callable[[int, Drawing], str]
"""The name of the file beside the page that holds a figure; the first has number 1."""

ROOM = 88
"""Columns of text that a row of a display may take."""


class Source(str):
    """Finished Markdown, which a template prints as it stands; any other string it prints as words."""


# Words.

# A sign is escaped where Markdown, an extension of it, HTML or TeX would take it as syntax; `\:` keeps `:smile:` and
# addresses apart, `\-` and `\.` keep dashes and dots from being joined.
_SYNTAX = re.compile(r"[\\`*_{}\[\]<>#|~&$^@]|:(?=\S)|-(?=-)|\.(?=\.\.)|(?<=www)\.")
_LEADING = re.compile(r"[-+=:](?=\s|$|[-=:])|\d{1,9}(?=[.)](\s|$))")


def literal(words: str) -> Source:
    """The words as the characters that they are."""
    return Source(_SYNTAX.sub(lambda match: f"\\{match[0]}", text.visible(words)))


def _attribute(words: str) -> str:
    """The words between the quotes of an attribute, where only references to characters are understood."""
    told = _SYNTAX.sub(lambda match: f"&#{ord(match[0])};", text.visible(words))
    return told.replace('"', "&#34;")


def _opening(words: str) -> str:
    """Words at the beginning of a line, where a dash or a number would begin a list."""
    match = _LEADING.match(words)
    if match is None:
        return words
    end = match.end()
    return f"{words[:end]}\\{words[end:]}" if match[0].isdigit() else f"\\{words}"


# Formulas. On GitHub MathJax knows neither \operatorname nor macros of LaTeX's text, and a bar would end a cell.


class _Portable(TexPrinter):
    """TeX mathematics that MathJax, KaTeX and LaTeX read alike."""

    def name(self, ink: Ink, index: tuple[str, ...] = ()) -> str:
        if all(re.fullmatch("[][A-Za-z0-9(),+*]*", part) or part in SIGNS for part in (ink.base, ink.sub, ink.sup)):
            return super().name(ink, index)
        base = f"\\{ink.accent}{{{word(ink.base)}}}" if ink.accent else word(ink.base)
        base, sub = self.own(ink, base)
        below = ",".join(filter(None, (*map(word, sub.split(",")), *index)))
        return base + _attached("_", below) + "'" * ink.primes + _attached("^", word(ink.sup))

    def marked(self, partial: str) -> str:
        return rf"\left.{partial}\right\vert_{{\mathrm{{{DIRECT}}}}}"

    def power(self, base: str, exponent: Expr) -> str:
        return base + _attached("^", INLINE.formula(exponent))

    def function(self, name: str, primes: int, subscript: str, arguments: str) -> str:
        if name in _KNOWN or name in SIGNS:
            return super().function(name, primes, subscript, arguments)
        return word(name, "rm") + _attached("_", word(subscript)) + "'" * primes + self.brackets(arguments)


def _attached(where: str, marks: str) -> str:
    return f"{where}{{{marks}}}" if len(marks) > 1 else f"{where}{marks}" if marks else ""


class _Display(_Portable):
    """In a display."""


class _SlashedDisplay(_Portable, SlashedTexPrinter):
    """In a display whose lines hold nothing high but derivatives."""


class _Inline(_Portable, InlineTexPrinter):
    """In a line of words."""


DISPLAY = _Display()
SLASHED_DISPLAY = _SlashedDisplay()
INLINE = _Inline()

_KNOWN = frozenset(("max", "min", "ln", "log", "exp", "sin", "cos", "tan", "tanh", "sinh", "cosh"))
_MATH_SIGNS = {"\\": r"\backslash ", "~": r"{\sim}", "^": r"{\wedge}", "<": "{<}", ">": "{>}", "|": r"\vert "}
_MATH_SIGNS |= {"`": "{‘}"}  # the sign itself would end the formula
_MATH_SIGNS |= {sign: f"\\{sign}" for sign in "#%&_{}$"}
_RUN = re.compile(r"[\\~^<>|`#%&_{}$]|[^\\~^<>|`#%&_{}$]+")


def word(words: str, style: str = "it") -> str:
    """A name within a formula; signs that mean something in TeX stand outside of text, where all renderers agree."""
    return "".join(_run(run, style) for run in _RUN.findall(text.visible(words)))


def _run(run: str, style: str) -> str:
    if run in _MATH_SIGNS or run in SIGNS:
        return _MATH_SIGNS.get(run) or SIGNS[run]
    if re.fullmatch("[A-Za-z]|[0-9(),+]+", run):
        return run
    return f"\\math{style}{{{run}}}" if re.fullmatch("[A-Za-z]+", run) else f"\\text{{{run}}}"


def _said(part: Inline) -> str:
    """Words or a formula as a part of a formula."""
    match part:
        case Text() | Strong():
            runs = _RUN.findall(text.visible(part.words))
            return "".join(_MATH_SIGNS.get(run) or f"\\text{{{run}}}" for run in runs)
        case Math():
            return INLINE.formula(part.expr)
    assert_never(part)


# The page.


def write(document: Document, figures: Figures, dialect: Dialect = "github") -> str:
    """The document as Markdown; `figures` names the files of its figures."""
    page = _Page(_DIALECTS[dialect], figures)
    rendered = (
        _environment()
        .get_template("document.md")
        .render(
            title=document.title.strip(),
            subtitle=page.line(document.subtitle),
            blocks=[page.view(block, 2) for block in document.blocks],
            colophon=page.line(document.colophon),
        )
    )
    return re.sub("\n{3,}", "\n\n", rendered).rstrip("\n") + "\n"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader

    return Environment(
        loader=PackageLoader("graphdsl", "templates/markdown"),
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # which is for HTML; `finalize` escapes every value that is not Source
        finalize=lambda value: value if isinstance(value, Source) else literal(str(value)),
    )


@dataclass(frozen=True, slots=True)
class _Marks:
    """What a dialect puts around mathematics and behind a picture.

    GitHub documents dollars and, against the clashes of TeX with Markdown, backticks within them and fences of `math`;
    Pandoc, on which Quarto stands, knows dollars and reads nothing else between them.
    """

    inline: str
    opening: str
    closing: str
    attributes: bool


_DIALECTS: dict[Dialect, _Marks] = {
    "github": _Marks("$`{}`$", "```math", "```", attributes=False),
    "quarto": _Marks("${}$", "$$", "$$", attributes=True),
}

View = dict[str, Any]
"""What a template prints of a block; templates are untyped, so their values are too."""


@dataclass(slots=True)
class _Page:
    marks: _Marks
    figures: Figures
    drawn: int = field(default=0)

    def view(self, block: Block, level: int) -> View:
        match block:
            case Section():
                return {
                    "template": "section.md",
                    "hashes": Source("#" * level),
                    "title": self.inline(block.title),
                    "blocks": [self.view(b, level + 1) for b in block.blocks],
                }
            case Paragraph():
                return {"template": "paragraph.md", "words": self.line(block.words)}
            case Derivation():
                return {
                    "template": "derivation.md",
                    "opening": Source(self.marks.opening),
                    "rows": list(_rows(block)),
                    "closing": Source(self.marks.closing),
                }
            case Table():
                return {"template": "table.md", "caption": self.line(block.caption), "rows": list(self.ruled(block))}
            case Figure():
                return self.figure(block)
            case Note():
                entries = [self.item(item.term, item.words) for item in block.items]
                return {"template": "note.md", "title": self.inline(block.title), "entries": entries}
            case Question():
                return {"template": "paragraph.md", "words": self.line((*block.letter, SPACE, *_before(block)))}
            case Room():
                blanks = [self.inline(_blank(item)) for item in block.blanks]
                rows = [Source(" ".join(blanks))] if blanks else []
                return {"template": "room.md", "lines": [*rows, *(Source("&nbsp;") for _ in range(block.lines))]}
        assert_never(block)

    def figure(self, figure: Figure) -> View:
        """GitHub shows the caption below; Pandoc takes it from the brackets, and the description from an attribute."""
        self.drawn += 1
        file = Source(quote(self.figures(self.drawn, figure.diagram)))
        caption, alt = self.line(figure.caption), literal(figure.alt)
        if not self.marks.attributes:
            return {"template": "figure.md", "alt": alt, "file": file, "attributes": Source(""), "caption": caption}
        attributes = Source(f'{{fig-alt="{_attribute(figure.alt)}"}}')
        return {"template": "figure.md", "alt": caption, "file": file, "attributes": attributes, "caption": ""}

    def item(self, term: Inlines, words: Inlines) -> Source:
        lead = self.line(term)
        return Source(f"{lead}: {self.inline(words)}") if lead else self.line(words)

    # Words and formulas.

    def line(self, words: Inlines) -> Source:
        """Words that begin a line."""
        return Source(_opening(self.inline(words).strip()))

    def inline(self, words: Inlines) -> Source:
        """Words and formulas; a formula is one only if no letter, digit, dash, dollar or backslash touches it."""
        found, after_formula = "", False
        for part in words:
            piece = self.part(part)
            is_formula = piece.startswith("$")  # words escape theirs
            touched = found[-1:] if is_formula else piece[:1] if after_formula else ""
            found += " " + piece if touched and re.match(r"[\w$\\-]", touched) else piece
            after_formula = is_formula if piece else after_formula
        return Source(found)

    def part(self, part: Inline) -> str:
        """A plain numeral is a word: it needs no mathematics."""
        match part:
            case Text():
                return literal(part.words)
            case Strong():
                # Asterisks beside a sign would stand for themselves.
                bold = part.words.strip()
                fits = bold[:1].isalnum() and bold[-1:].isalnum()
                return f"**{literal(bold)}**" if fits else literal(part.words)
            case Math(expr=Number() as numeral) if written(numeral.value).exponent is None:
                return text.formula(numeral)
            case Math():
                return self.marks.inline.format(INLINE.formula(part.expr).strip())
        assert_never(part)

    # Tables.

    def ruled(self, table: Table) -> Iterator[list[Source]]:
        """Head, rule and rows, in columns that are as wide as their widest cell."""
        rows = [[self.inline(cell).strip() for cell in row] for row in (table.head, *table.rows)]
        widths = [max(3, *map(text.width, column)) for column in zip(*rows, strict=True)]
        place = [text.right if numeric else text.left for numeric in table.numeric]
        rule = [f"{'-' * (w - 1)}:" if n else f":{'-' * (w - 1)}" for n, w in zip(table.numeric, widths, strict=True)]
        padded = [[put(cell, w) for put, cell, w in zip(place, row, widths, strict=True)] for row in rows]
        for row in (padded[0], rule, *padded[1:]):
            yield [Source(cell) for cell in row]


# Sheets of questions.

SPACE = Text(" ")


def _before(question: Question) -> Inlines:
    """What is asked, and what it is worth."""
    return (*question.words, SPACE, *question.points) if question.points else question.words


def _blank(item: Item) -> Inlines:
    return (*item.term, Text(" ________________ "), *item.words)


# Displays.


def _rows(block: Derivation) -> Iterator[Source]:
    """The rows of an aligned display; each but the last ends in a line's end."""
    printers = (SLASHED_DISPLAY if is_low else DISPLAY for is_low in low(block.lines))
    found = [row for line, printer in zip(block.lines, printers, strict=True) for row in _line(line, printer)]
    for row in found[:-1]:
        yield Source(rf"{row} \\")
    yield Source(found[-1])


class Piece(NamedTuple):
    """A part of a row, how many columns of text it takes, and what stands before it where it begins a row."""

    tex: str
    width: int
    hang: str = ""


def _line(line: Line, printer: TexPrinter) -> Iterator[str]:
    """lead = member = member, in as many rows as they need, the reason behind them or below."""
    lead = line.chain.members[0]
    room = ROOM - text.width(text.formula(lead))
    members = [list(_member(s, member, printer, room)) for s, member in printer.members(line.chain)]
    if line.reason:
        reason = rf"\quad ({''.join(map(_said, line.reason))})"
        members.append([Piece(reason, text.width(text.inline(line.reason)) + 4)])
    rows = [row for long, group in groupby(members, lambda m: len(m) > 1) for row in _filled(long, list(group), room)]
    for i, row in enumerate(rows or [[]]):
        first = f"{printer.formula(lead)} " if i == 0 else ""
        hang = row[0].hang if row else ""
        yield f"{first}& {hang}{' '.join(piece.tex for piece in row)}".strip()


def _filled(long: bool, members: list[list[Piece]], room: int) -> Iterator[list[Piece]]:
    """Members in rows: as many in one as fit, and one in several pieces has its rows for itself."""
    for pieces in members if long else [[piece for member in members for piece in member]]:
        yield from ([pieces[i] for i in row] for row in fill([piece.width for piece in pieces], room))


def _member(sign: str, member: Expr, printer: TexPrinter, room: int) -> Iterator[Piece]:
    """A member behind its sign in one piece; of one too long for a row, each of its parts."""
    before = printer.operator(sign).strip()
    whole = text.width(f"{sign} {text.formula(member)}")
    if whole <= room:
        yield Piece(f"{before} {printer.formula(member)}", whole)
        return
    plain, printed = text.PRINTER.links(member), printer.links(member)
    yield Piece(f"{before} {next(printed)}", text.width(next(plain)) + 2)
    yield from (Piece(term.strip(), text.width(p), r"\quad {} ") for p, term in zip(plain, printed, strict=True))
