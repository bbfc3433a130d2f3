"""Document -> Typst source, one file that needs no other; no word or name of a spec reaches it but as a string literal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, assert_never

from graphdsl.document import (
    Block,
    Booklet,
    Derivation,
    Document,
    Drawing,
    Figure,
    Inline,
    Inlines,
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
from graphdsl.expr import Array, Cases, Expr, IndexedSum, Number, Quotient, Sum, walk
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
from graphdsl.write.layout import folded, low, missing
from graphdsl.write.wide_fonts import FACES, is_wide

if TYPE_CHECKING:
    from jinja2 import Environment

LONGEST_WHOLE = 48
"""Beyond so many columns of text a sum may break at its signs."""

ROWS_OF_A_PAGE = 60
"""More rows than a page can hold."""

LONGEST_BOUND = 40
"""Up to so many columns of text a formula within words stays on one row."""

WIDEST_TABLE = 92
"""Columns of text that a ruled table may take."""


class Source(str):
    """Finished Typst, which a template prints as it stands; any other string it prints as a string literal."""


def literal(words: str) -> Source:
    """The words as a string literal of Typst: nothing in it has a meaning."""
    return Source('"' + text.visible(words).replace("\\", "\\\\").replace('"', '\\"') + '"')


class TypstPrinter(Printer):
    """A formula as Typst mathematics; a quotient is a fraction."""

    dot = " dot.op "
    cross = " times "
    beside = " "
    semicolon = " \\; "

    def brackets(self, text: str) -> str:
        return f"({text})"

    def number(self, digits: Written) -> Piece:
        if digits.exponent is None:
            return Piece(self.mantissa(digits), ATOM)
        exponent = str(digits.exponent).replace("-", self.minus)
        return Piece(f"{self.mantissa(digits)}{self.dot}10^({exponent})", PRODUCT)

    def mantissa(self, digits: Written) -> str:
        """A decimal comma would end an argument: with one, the numeral is a string."""
        found = super().mantissa(digits)
        return literal(found) if "," in found else found

    def leads(self, factor: Expr) -> bool:
        match factor:
            case Quotient(Number(), Number()):
                return True
            case _:
                return super().leads(factor)

    def name(self, ink: Ink, index: tuple[str, ...] = ()) -> str:
        base = _word(ink.base, "italic")
        base = f"{_ACCENTS[ink.accent]}({base})" if ink.accent else base
        own = ink.own is not None and bool(ink.own.typst)
        base = ink.own.typst if ink.own is not None and own else base
        base = f"Delta {base}" if ink.change else base
        between = "" if all(len(part) == 1 for part in index) else ","
        below = ",".join(filter(None, (_runs(ink.index if own else ink.sub), f"{between} ".join(index))))
        above = " ".join(filter(None, ("prime " * ink.primes, _runs(ink.sup))))
        return base + _attached("_", below) + _attached("^", above)

    def entry(self, of: str, index: tuple[str, ...]) -> str:
        return of + _attached("_", ", ".join(index))

    def words(self, text: str) -> str:
        return _runs(text)

    def setting(self, words: str) -> str:
        return literal(words)

    def quotient(self, numerator: Expr, denominator: Expr) -> Piece:
        if is_wide_quotient(numerator, denominator):
            return Piece(f"{self.within(numerator, JUXTAPOSED)} slash {self.within(denominator, POWER)}", SLASHED)
        fraction = f"frac({self.formula(numerator)}, {self.formula(denominator)})"
        return Piece(f"inline({fraction})" if _is_digit(numerator) and _is_digit(denominator) else fraction, POWER)

    def ratio(self, above: str, below: str) -> Piece:
        return Piece(f"frac({above}, {below})", POWER)

    def marked(self, partial: str) -> str:
        return f'lr({partial} |)_"{DIRECT}"'

    def power(self, base: str, exponent: Expr) -> str:
        return f"{base}^({INLINE.formula(exponent)})"

    def superscript(self, base: str, mark: str) -> str:
        return f"{base}^({_MARKS.get(mark) or literal(mark)})"

    def constant(self, name: str) -> str:
        return _word(name, "italic")

    def function(self, name: str, primes: int, subscript: str, arguments: str) -> str:
        base = _word(name, "op")
        return f"{base}{_attached('_', _runs(subscript))}{_attached('^', 'prime ' * primes)} ({arguments})"

    def radical(self, argument: Expr) -> str:
        return f"sqrt({self.formula(argument)})"

    def fences(self, left: str, right: str, inside: str) -> str:
        return f"lr({_sign(left)} {inside} {_sign(right)})"

    def indexed_sum(self, total: IndexedSum, body: str) -> str:
        return f"sum_({self.name(total.index.ink)} = {total.low})^({total.high}) {body}"

    def cases(self, branches: tuple[tuple[str, str], ...]) -> Piece:
        return Piece(f"cases({', '.join(_branch(*branch) for branch in branches)})", SUM)

    def array(self, entries: list[str], shape: tuple[int, ...]) -> str:
        if len(shape) < 2:
            return f'vec(delim: "[", {", ".join(entries)})'
        rows = (entries[i : i + shape[-1]] for i in range(0, len(entries), max(shape[-1], 1)))
        return f'mat(delim: "[", column-gap: #0.8em, {"; ".join(", ".join(row) for row in rows)})'

    def cell(self, entry: Expr) -> str:
        return INLINE.formula(entry)

    def pad(self, ems: float) -> str:
        return f"#h({ems:.3f}em);" if ems else ""

    def operator(self, sign: str) -> str:
        return f" {_sign(sign)} "

    def sign(self, sign: str) -> str:
        return f"{_sign(sign)} "


class SlashedTypstPrinter(TypstPrinter):
    """The same with derivatives in one row, for lines that hold nothing else to be high."""

    def ratio(self, above: str, below: str) -> Piece:
        return Piece(f"{above} slash {below}", SLASHED)


class InlineTypstPrinter(SlashedTypstPrinter):
    """The same for a line of words: every quotient is slashed, but for fractions of digits, and a vector lies."""

    lying = True

    def quotient(self, numerator: Expr, denominator: Expr) -> Piece:
        if _is_digit(numerator) and _is_digit(denominator):
            return super().quotient(numerator, denominator)
        return Printer.quotient(self, numerator, denominator)


DISPLAY = TypstPrinter()
SLASHED_DISPLAY = SlashedTypstPrinter()
INLINE = InlineTypstPrinter()

_ACCENTS = {"hat": "hat", "bar": "macron", "tilde": "tilde", "dot": "dot"}
_SIGNS = {"∣": "divides", "Σ": "sum", "∑": "sum", "∏": "product", "·": "dot.op", "-": "−", "*": "dot.op", "": ""}
_MARKS = {"T": "top", "ᵀ": "top", "*": "ast.op", "+": "+", "−1": "−1"}
_BARE_SIGN = re.compile(r"[+=<>|()\[\]]|[^\x00-\x7f\w]")


def _is_digit(expr: Expr) -> bool:
    """Whether an expression is a numeral of one digit: ½ needs no more height than a letter."""
    return isinstance(expr, Number) and re.fullmatch(r"[0-9]", str(written(expr.value).mantissa)) is not None


def _sign(sign: str) -> str:
    return _SIGNS[sign] if sign in _SIGNS else sign if _BARE_SIGN.fullmatch(sign) else literal(sign)


def _word(name: str, style: str) -> str:
    """A letter stands for itself; a word is set in a style; anything else is a string."""
    if re.fullmatch(r"[A-Za-zͰ-Ͽ]", name):
        return name
    return f"{style}({literal(name)})" if name.isalpha() or style == "op" else literal(name)


def _runs(marks: str) -> str:
    """A subscript or superscript: digits upright, single letters italic, words upright."""
    runs = re.findall(r"\(\d+\)|\[\d+\]|\d+|[^\W\d_]+|,|[^\w,]+|_", text.visible(marks))
    return " ".join(r if re.fullmatch(r"[0-9]+|,", r) else _word(r, "upright") for r in runs)


def _attached(where: str, marks: str) -> str:
    return f"{where}({marks.strip()})" if marks.strip() else ""


def _branch(value: str, condition: str) -> str:
    return f"{value}\\, quad & {condition}" if condition else value


def equation(expr: Expr) -> Source:
    """A formula within words; its alternative text is the line of the text writer. A bare numeral is a word."""
    if isinstance(expr, Number) and written(expr.value).exponent is None:
        return Source(f"#{literal(text.formula(expr))};")
    alt = text.formula(expr)
    form = "d" if _is_tall(expr) else "w" if text.width(alt) <= LONGEST_BOUND else "m"
    return Source(f"#{form}({literal(alt)}, ${INLINE.formula(expr)}$);")


def _is_tall(expr: Expr) -> bool:
    """Whether a formula needs more than a row of words, as a matrix or a choice does."""
    return any(isinstance(p, Cases) or (isinstance(p, Array) and len(p.shape) > 1) for p in walk(expr))


def inline(words: Inlines) -> Source:
    """Words and formulas as Typst content."""
    return Source("".join(map(_inline, words)))


def _inline(part: Inline) -> str:
    match part:
        case Text():
            return f"#{literal(part.words)};"
        case Strong():
            return f"#strong({literal(part.words)});"
        case Math():
            return equation(part.expr)
    assert_never(part)


def write(document: Document, draw: Callable[[Drawing], str]) -> str:
    """The document as one Typst file; `draw` makes the drawing of a figure."""
    return (
        _environment()
        .get_template("document.typ")
        .render(
            title=text.visible(document.title).strip(),
            language=_language(document.language),
            **_letters(document.language),
            paper=_PAPERS[document.page],
            subtitle=inline(document.subtitle),
            colophon=inline(document.colophon),
            blocks=_views(document.blocks, 1, draw),
        )
    )


BEGIN = "#set document("
"""What stands before it is ours; behind it come the words of the page."""

_REGIONS = {"ja": "JP", "zh-Hant": "TW"}


def _letters(language: str) -> View:
    """What a page with Chinese or Japanese characters says of its typefaces."""
    stack = Source(", ".join(map(literal, _stack(language))))
    return {"wide": language in FACES, "region": _REGIONS.get(language, ""), "faces": stack}


def _stack(language: str) -> tuple[str, ...]:
    """The typefaces of a page, each for what those before it lack."""
    return ("New Computer Modern", *(face.name for face in FACES.get(language, ())))


def has_wide(words: str) -> bool:
    """Whether some words have Chinese or Japanese characters."""
    return any(map(is_wide, words))


_PAPERS = {"a4": "a4", "letter": "us-letter"}
"""What Typst calls the sizes of paper."""


def write_booklet(booklet: Booklet, draw: Callable[[Drawing], str]) -> str:
    """Several documents as one Typst file: a table of contents, then each on pages of its own."""
    chapters = [
        {
            "title": inline((Text(chapter.title),)),
            "subtitle": inline(chapter.document.subtitle),
            "colophon": inline(chapter.document.colophon),
            "blocks": _views(chapter.document.blocks, 1, draw),
        }
        for chapter in booklet.chapters
    ]
    title, language = text.visible(booklet.title).strip(), _language(booklet.language)
    named = {
        "title": title,
        "language": language,
        "contents": inline((Text(booklet.contents),)),
        "paper": _PAPERS[booklet.page],
    }
    return _environment().get_template("booklet.typ").render(**named, **_letters(booklet.language), chapters=chapters)


def _language(code: str) -> str:
    return code[:2].lower() if re.match(r"[A-Za-z]{2}($|[-_])", code) else "en"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader

    return Environment(
        loader=PackageLoader("graphdsl", "templates/typst"),
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # which is for HTML; `finalize` escapes every value that is not Source
        finalize=_finished,
        keep_trailing_newline=True,
    )


def _finished(value: object) -> str:
    return value if isinstance(value, Source) else literal(str(value))


View = dict[str, Any]
"""What a template prints of a block; templates are untyped, so their values are too."""

Draw = Callable[[Drawing], str]


def _views(blocks: Sequence[Block], level: int, draw: Draw) -> list[View]:
    """The blocks in order; a figure and what is given next to it stand side by side, a paragraph leads to its formulas.

    Neighbouring sections are arranged together; the blocks of a section within a section become parts of it.
    """
    views: list[View] = []
    given: Block | None = None
    for block, after in pairwise((*blocks, None)):
        assert block is not None
        if block is given:
            continue
        match block, after:
            case (Figure() as figure, Note(kind="given") as note) | (Note(kind="given") as note, Figure() as figure):
                views.append({"template": "beside.typ", "figure": _figure(figure, draw), "note": _note(note)})
                given = after
            case Section(), _ if level > 1:
                views += _parts(block, level, draw)
            case Section(), _ if views and "sections" in views[-1]:
                views[-1]["sections"].append(_section(block, draw))
            case Section(), _:
                long = Source("true" if sum(map(_rows, blocks)) > ROWS_OF_A_PAGE else "false")
                views.append({"template": "sections.typ", "sections": [_section(block, draw)], "long": long})
            case Paragraph(), Derivation() | Table():
                views.append({**_view(block, draw), "sticky": Source("true")})
            case _:
                views.append(_view(block, draw))
    return views


def _rows(block: Block) -> int:
    """At least so many rows does a block take."""
    match block:
        case Section():
            return sum(map(_rows, block.blocks))
        case Derivation():
            return len(block.lines)
        case Table():
            return len(block.rows) if len(block.rows) < 10 else 0  # a longer one may stand in parts beside each other
        case _:
            return 0


def _section(section: Section, draw: Draw) -> View:
    title = inline(section.title) if text.inline(section.title).strip() else ""
    return {"title": title, "parts": _views(section.blocks, 2, draw)}


def _parts(section: Section, level: int, draw: Draw) -> Iterator[View]:
    """A section within a section: its heading, and its blocks as those of the whole."""
    if text.inline(section.title).strip():
        title = inline(section.title)
        yield {"template": "heading.typ", "level": Source(str(level)), "title": title, "rigid": Source("true")}
    yield from _views(section.blocks, level + 1, draw)


def _view(block: Paragraph | Derivation | Table | Figure | Note | Question | Room, draw: Draw) -> View:
    """What a template prints of a block; a `rigid` one has a width of its own, another takes what it gets."""
    match block:
        case Paragraph():
            return {
                "template": "paragraph.typ",
                "words": inline(block.words),
                "sticky": Source("false"),
                "rigid": Source("false"),
            }
        case Derivation():
            printers = (SLASHED_DISPLAY if is_low else DISPLAY for is_low in low(block.lines))
            lines = [_line(line, printer) for line, printer in zip(block.lines, printers, strict=True)]
            beside = None if block.figure is None else _figure(block.figure, draw)
            return {"template": "derivation.typ", "lines": lines, "beside": beside, "rigid": Source("true")}
        case Table():
            return {**_table(block), "rigid": Source("true")}
        case Figure():
            return {**_figure(block, draw), "rigid": Source("true")}
        case Note():
            return {**_note(block), "rigid": Source("false")}
        case Question():
            told = {"letter": inline(block.letter), "words": inline(block.words), "points": inline(block.points)}
            return {"template": "question.typ", **told, "rigid": Source("false")}
        case Room():
            blanks = [{"term": inline(item.term), "words": inline(item.words)} for item in block.blanks]
            return {
                "template": "room.typ",
                "lines": Source(str(block.lines)),
                "blanks": blanks,
                "rigid": Source("false"),
            }
    assert_never(block)


def _figure(figure: Figure, draw: Draw) -> View:
    drawing = Source(draw(figure.diagram))
    return {"template": "figure.typ", "drawing": drawing, "alt": figure.alt or " ", "caption": inline(figure.caption)}


def _note(note: Note) -> View:
    items = [{"term": inline(item.term), "words": inline(item.words)} for item in note.items]
    form = Source("conventions" if note.kind == "conventions" else "note")
    return {"template": "note.typ", "form": form, "title": inline(note.title), "entries": items}


def _line(line: Line, printer: TypstPrinter) -> View:
    first, *_ = line.chain.members
    return {
        "lead": _display(text.formula(first), printer.formula(first)),
        "members": [list(_member(sign, member, printer)) for sign, member in printer.members(line.chain)],
        "reason": inline(line.reason),
    }


def _display(alt: str, source: str) -> Source:
    return Source(f"d({literal(alt)}, ${source}$)")


def _member(sign: str, member: Expr, printer: TypstPrinter) -> Iterator[Source]:
    """A member behind its sign in one piece, and, of a long one, its parts too, for where it needs several rows."""
    alt = f"{sign} {text.formula(member)}"
    yield _display(alt, f"{_sign(sign)} {printer.formula(member)}")
    if text.width(alt) <= LONGEST_WHOLE:
        return
    first, *parts = zip(text.PRINTER.links(member), printer.links(member), strict=True)
    if not parts:
        return
    yield _display(f"{sign} {first[0]}", f"{_sign(sign)} {first[1]}")
    for spoken, printed in parts:
        mark, _, rest = printed.strip().partition(" ")
        goes_on = isinstance(member, Sum) or mark == "⊙"
        yield _display(spoken.strip(), f"{mark} med {rest}" if goes_on else printed.strip())


def _table(table: Table) -> View:
    widths = [max(text.width(text.inline(cell)) for cell in column) for column in _columns(table)]
    parts = folded(table, widths, WIDEST_TABLE, 3)
    return {"template": "table.typ", "caption": inline(table.caption), "parts": [_ruled(part) for part in parts]}


def _columns(table: Table) -> Iterator[tuple[Inlines, ...]]:
    return zip(table.head, *table.rows, strict=True)


def _ruled(table: Table) -> View:
    room = zip(*map(missing, zip(*table.rows, strict=True)), strict=True)
    rows = [
        [inline(c) + _pad(w) if n else inline(c) for c, n, w in zip(row, table.numeric, lacking, strict=True)]
        for row, lacking in zip(table.rows, room, strict=True)
    ]
    return {
        "align": Source(", ".join("right" if numeric else "left" for numeric in table.numeric)),
        "head": [inline(cell) for cell in table.head],
        "rows": [[Source(cell) for cell in row] for row in rows],
    }


def _pad(ems: float) -> str:
    """Room behind a numeral."""
    return f"#h({ems:.3f}em);" if ems else ""
