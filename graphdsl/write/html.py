"""Document -> one file of HTML that needs no other and no network, and is whole without its script; knows formulas as MathML and drawings as SVG."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from importlib import resources
from itertools import chain, count, groupby, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, assert_never

from markupsafe import Markup, escape

from graphdsl.diagram import Diagram
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
from graphdsl.expr import Array, Cases, Expr, Number, Product, Relation, Sum, walk
from graphdsl.numbers import written
from graphdsl.phrases import Phrases, load
from graphdsl.write import text
from graphdsl.write.formula import BIG, POWER, PRODUCT, Piece, signed
from graphdsl.write.layout import folded, low, missing
from graphdsl.write.light import lit
from graphdsl.write.mathml import DISPLAY, INLINE, SLASHED_DISPLAY, MathMLPrinter, math
from graphdsl.write.places import Linked, Places, is_answer

if TYPE_CHECKING:
    from jinja2 import Environment

LONGEST_BOUND = 26
"""Up to so many columns of text a formula stays on one row; a longer one may break at its signs."""

LOWEST_HEADING = 3

LEAST_FOLDED = 2
"""As many lines of one kind can be folded away behind the first."""

WIDEST_TABLE = 84
"""Columns of text that a ruled table may take; a narrower screen scrolls it."""

ROOMS = (22, 26, 30, 34, 38, 42)
"""Widths, in em, from which on a derivation may stand in columns; the style sheet has a rule for each."""

NARROW = 36
"""Columns of text that the narrowest screen holds."""

EM_PER_COLUMN = 0.46
"""What a column of text takes."""

POINTS_PER_EM = 11
"""What the text around a figure measures, in the points of the drawing."""

WIDEST_BESIDE = 29
"""Up to how many em a drawing leaves room for a box at its side."""

_SVG = "{http://www.w3.org/2000/svg}"


def write(document: Document, draw: Callable[[Drawing], str]) -> str:
    """The document as one page; `draw` makes the SVG of a figure."""
    title = text.visible(document.title).strip()
    language = _language(document.language)
    phrases = _phrases(language)
    words = {key: phrases.words(f"html_{key}") for key in WORDS}
    style, script = _style(), _script()
    return (
        _environment()
        .get_template("document.html")
        .render(
            title=title or text.inline(document.subtitle).strip() or "graphdsl",
            language=language,
            subtitle=inline(document.subtitle),
            colophon=inline(document.colophon),
            blocks=_Page(draw, phrases, tuple(_diagrams(document.blocks))).views(document.blocks, 2),
            words=words,
            style=style,
            script=script,
            allowed={"style": _hash(style), "script": _hash(script)},
        )
    )


WORDS = ("tools", "cover", "uncover", "answer", "steps", "back", "on")
"""What the tools of the page say."""


def _phrases(language: str) -> Phrases:
    """The words of the tools, in the language of the page where they are known in it."""
    known = (resources.files("graphdsl.phrases") / f"{language}.toml").is_file()
    return load(language if known else "en")


@cache
def _style() -> Markup:
    return Markup(_environment().get_template("page.css").render(fonts=_fonts()))


@cache
def _script() -> Markup:
    return Markup(_environment().get_template("page.js").render())


def _hash(content: str) -> str:
    """What a policy calls a style sheet or a script by, so that no other may act."""
    return "sha256-" + b64encode(sha256(content.encode()).digest()).decode("ascii")


def _diagrams(blocks: Sequence[Block]) -> Iterator[Diagram]:
    for block in blocks:
        match block:
            case Section():
                yield from _diagrams(block.blocks)
            case Figure(diagram=Diagram() as diagram):
                yield diagram


def _language(code: str) -> str:
    return code if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", code) else "en"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader

    return Environment(
        loader=PackageLoader("graphdsl", "templates/html"), trim_blocks=True, lstrip_blocks=True, autoescape=True
    )


@cache
def _fonts() -> dict[str, Markup]:
    """The embedded fonts, each as the rest of a `data:` address."""
    folder = resources.files("graphdsl") / "fonts"
    return {
        style: Markup(b64encode((folder / f"graphdsl-{style}.woff2").read_bytes()).decode("ascii"))
        for style in ("math", "italic", "bold")
    }


# --- words and formulas

_BREAK = Markup("<wbr/>")


def inline(words: Inlines) -> Markup:
    """Words and formulas; what touches a formula without a space stays with it."""
    return Markup("").join(_glued(part for words_ in words for part in _parts(words_)))


def _parts(part: Inline) -> Iterator[Markup]:
    """A part of a line as words, spaces, formulas, and the places between where a row may end."""
    match part:
        case Text():
            words = filter(None, re.split(r"(\s+)", text.visible(part.words)))
            yield from (piece for word in words for piece in _loosened(word))
        case Strong():
            yield from (_BREAK, Markup("<strong>{}</strong>").format(text.visible(part.words)), _BREAK)
        case Math(Number() as numeral) if written(numeral.value).exponent is None:
            yield _numeral(numeral)
        case Math():
            for n, piece in enumerate(_rows(part.expr)):
                yield from (piece,) if n == 0 else (_BREAK, piece)
        case _:
            assert_never(part)


def _numeral(numeral: Number) -> Markup:
    """A numeral among words; one that was found elsewhere leads there."""
    digits = escape(text.formula(numeral))
    if not isinstance(numeral, Linked):
        return digits
    return Markup('<a class="number" href="#{}">{}</a>').format(numeral.place, digits)


def _loosened(word: str) -> Iterator[Markup]:
    """A word; a row of Chinese characters stays with a formula only by a sign that may not begin or end a row."""
    first, *rest = text.pieces(word)
    if text.may_begin(word):
        yield _BREAK
    yield escape(first)
    if rest:
        yield from (_BREAK, escape("".join(rest)))
    if text.may_end(word):
        yield _BREAK


def _glued(parts: Iterable[Markup]) -> Iterator[Markup]:
    group: list[Markup] = []
    for part in (*parts, Markup()):
        if part and part != _BREAK and not part.isspace():
            group.append(part)
            continue
        whole = Markup("").join(group)
        bound = len(group) > 1 and any(piece.startswith("<math") for piece in group)
        yield Markup('<span class="bound">{}</span>').format(whole) if bound else whole
        yield part
        group = []


def _rows(expr: Expr) -> Iterator[Markup]:
    """A formula within words, in as many pieces as it may have rows."""
    is_short = _columns(expr, INLINE) <= LONGEST_BOUND and (not is_answer(expr) or _is_tall(expr))
    if not isinstance(expr, Relation) or is_short:
        yield _math(text.formula(expr), INLINE.formula(expr), display=_is_tall(expr))
        return
    first, *_ = expr.members
    yield _math(text.formula(first), INLINE.formula(first))
    for sign, member in INLINE.members(expr):
        pieces = _member(sign, member, INLINE, _columns(member, INLINE))
        yield from map(_covered, pieces) if member is expr.members[-1] and is_answer(expr) else pieces


def _covered(piece: Markup) -> Markup:
    return Markup('<span class="answer">{}</span>').format(piece)


def _member(sign: str, member: Expr, printer: MathMLPrinter, columns: int) -> Iterator[Markup]:
    """A member behind its sign, in as many pieces as it may have rows."""
    mark = printer.operator(sign)
    for spoken, printed in _pieces(member, printer, columns):
        yield _math(f"{sign} {spoken}".strip(), mark + printed, display=printer is not INLINE)
        sign = mark = ""


def _pieces(expr: Expr, printer: MathMLPrinter, columns: int) -> Iterator[tuple[str, str]]:
    """A formula as it is spoken and printed: a long sum in its terms, a long product in its factors."""
    if columns > LONGEST_BOUND and not isinstance(expr, Sum) and len(list(printer.links(expr))) > 1:
        yield from zip(text.PRINTER.links(expr), printer.links(expr), strict=True)
        return
    if not isinstance(expr, Sum | Product) or columns <= LONGEST_BOUND:
        yield text.formula(expr), printer.formula(expr)
        return
    for n, (negative, term) in enumerate(map(signed, expr.terms if isinstance(expr, Sum) else (expr,))):
        sign = "−" if negative else "+" if n else ""
        mark = "" if not sign else printer.operator(sign) if n else printer.minus
        parts = _factors(term, printer)
        for k, factor in enumerate(parts):
            least = PRODUCT if len(parts) > 1 else BIG
            spoken, printed = text.PRINTER.within(factor, least), printer.within(factor, least)
            yield (
                (text.PRINTER.times(term).lstrip() + spoken, printer.times(term) + printed)
                if k
                else (f"{sign} {spoken}".strip(), mark + printed)
            )


def _factors(term: Expr, printer: MathMLPrinter) -> tuple[Expr, ...]:
    """The parts of a term between which a row may end: what stands between the dots of a long product."""
    if isinstance(term, Product) and not printer.juxtaposes(term.factors) and _columns(term, printer) > LONGEST_BOUND:
        return term.factors
    return (term,)


def _math(alt: str, markup: str, display: bool = False) -> Markup:
    return Markup(math(alt, markup, display))


def _is_tall(expr: Expr) -> bool:
    """Whether a formula needs more than a row of words, as a matrix or a choice does."""
    return any(isinstance(p, Cases) or (isinstance(p, Array) and len(p.shape) > 1) for p in walk(expr))


class _Measure(text.TextPrinter):
    """The text of a formula about as wide as it is set: a fraction has the width of its wider part."""

    def quotient(self, numerator: Expr, denominator: Expr) -> Piece:
        return self.ratio(self.formula(numerator), self.formula(denominator))

    def ratio(self, above: str, below: str) -> Piece:
        return Piece(max(above, below, key=text.width), POWER)


_MEASURE = _Measure()


def _columns(expr: Expr, printer: MathMLPrinter) -> int:
    """About how many columns of text a formula takes."""
    return text.width((_MEASURE if printer is DISPLAY else text.PRINTER).formula(expr))


# --- blocks

View = dict[str, Any]
"""What a template prints of a block; templates are untyped, so their values are too."""


@dataclass
class _Page:
    """The blocks of a page as views, and the names of its places that are taken."""

    draw: Callable[[Drawing], str]
    phrases: Phrases
    diagrams: tuple[Diagram, ...] = ()
    taken: set[str] = field(default_factory=set)
    places: Places = field(default_factory=Places)

    def views(self, blocks: Sequence[Block], level: int) -> list[View]:
        """The blocks in order; a figure and what is given next to it stand side by side."""
        views: list[View] = []
        beside = False
        for block, after in pairwise((*blocks, None)):
            assert block is not None
            pair = None if beside else _side_by_side(block, after)
            if pair is not None:
                figure, note = (self._view(part, level) for part in pair)
                views.append({"template": "beside.html", "figure": figure, "note": note})
            elif not beside:
                views.append(self._view(block, level))
            beside = pair is not None
        return views

    def _view(self, block: Block, level: int) -> View:
        match block:
            case Section():
                return self._section(block, level)
            case Paragraph():
                return self._paragraph(block)
            case Derivation(figure=Figure() as figure):
                found = {"derivation": self._derivation(block), "figure": _figure(figure, self.draw)}
                return {"template": "sketched.html", **found}
            case Derivation():
                return self._derivation(block)
            case Table():
                return self._table(block)
            case Figure():
                return {"template": "figure.html", **_figure(block, self.draw)}
            case Note():
                items = [self._item(item, block.kind == "given") for item in block.items]
                return {"template": "note.html", "kind": block.kind, "title": inline(block.title), "entries": items}
            case Question():
                told = {"letter": inline(block.letter), "words": inline(block.words), "points": inline(block.points)}
                return {"template": "question.html", **told}
            case Room():
                blanks = [{"term": inline(item.term), "words": inline(item.words)} for item in block.blanks]
                return {"template": "room.html", "lines": list(range(block.lines)), "blanks": blanks}
        assert_never(block)

    def _paragraph(self, block: Paragraph) -> View:
        """Words; where they find values, they are a place that numerals lead to."""
        words = self.places.linked_words(block.words)
        finds = self.places.round and any(isinstance(w, Math) and is_answer(w.expr) for w in block.words)
        place = self._anchor(f"found@{self.places.round}") if finds else ""
        self.places.repeat(place, block.words)
        return {"template": "paragraph.html", "words": inline(words), "place": place}

    def _item(self, item: Item, is_given: bool) -> View:
        place = self._anchor("given") if is_given else ""
        if is_given:
            self.places.give(place, item.term, item.words)
        return {"term": inline(item.term), "words": inline(item.words), "place": place}

    def _section(self, section: Section, level: int) -> View:
        """A part under its heading; one without a title leaves the headings below it where they are."""
        spoken = text.inline(section.title).strip()
        self.places.enter(section.anchor)
        return {
            "template": "section.html",
            "anchor": self._anchor(section.anchor),
            "heading": f"h{min(level, LOWEST_HEADING)}" if spoken else "",
            "title": inline(section.title),
            "spoken": spoken,
            "blocks": self.views(section.blocks, level + 1 if spoken else level),
        }

    def _anchor(self, anchor: str) -> str:
        """A place as an address can name it: `dE/dw13@2` is `dE-dw13-2`. A name that is taken gets a number."""
        if not anchor:
            return ""
        name = re.sub(r"[^\w.-]+", "-", anchor).strip("-") or "place"
        free = next(n for n in chain((name,), (f"{name}--{k}" for k in count(2))) if n not in self.taken)
        self.taken.add(free)
        return free

    def _derivation(self, block: Derivation) -> View:
        printers = [SLASHED_DISPLAY if is_low else DISPLAY for is_low in low(block.lines)]
        lines = [_measured(line, printer) for line, printer in zip(block.lines, printers, strict=True)]
        views = [self._line(line) for line in lines]
        counts = {len(line.chain.signs) for line in block.lines}
        return {
            "template": "derivation.html",
            "runs": [self._run([views[i] for i in run], folds) for run, folds in _runs(block.lines)],
            "columns": counts.pop() if len(counts) == 1 and len(block.lines) > 1 else 0,
            "room": _room(lines),
            "may_scroll": any(map(_is_wide, lines)),
        }

    def _run(self, lines: list[View], folds: bool) -> View:
        """Lines under each other, and, where they may be folded away, what is said in their stead."""
        return {"lines": lines, "folded": self.phrases.words("html_more", count=len(lines)) if folds else ""}

    def _line(self, measured: _Measured) -> View:
        unlinked, printer, (_, *widths) = measured
        line = self.places.linked_line(unlinked)
        first, *_ = line.chain.members
        members = zip(printer.members(line.chain), widths, strict=True)
        anchor = self._anchor(line.anchor)
        self.places.tell(anchor, unlinked)
        return {
            "anchor": anchor,
            "lit": json.dumps(lit(self.diagrams, line.anchor), ensure_ascii=False) if line.anchor else "",
            "spoken": text.formula(first),
            "lead": _math(text.formula(first), printer.formula(first), display=True),
            "members": [_BREAK.join(_member(sign, m, printer, width)) for (sign, m), width in members],
            "has_answer": is_answer(line.chain),
            "reason": inline(line.reason),
        }

    def _table(self, table: Table) -> View:
        """A ruled table; the rows of a round are places where updates find new values."""
        finds = bool(self.places.round)
        names = [self._anchor(f"row@{self.places.round}") if finds else "" for _ in table.rows]
        linked = [tuple(map(self.places.linked_words, row)) for row in table.rows]
        for name, row in zip(names, table.rows, strict=True):
            self.places.update(name, row)
        return _table(replace(table, rows=tuple(linked)), names, finds)


def _runs(lines: Sequence[Line]) -> Iterator[tuple[list[int], bool]]:
    """The lines in runs, and whether a run may be folded away: at least two that follow one which says more."""
    for compact, group in groupby(range(len(lines)), key=lambda i: lines[i].compact):
        run = list(group)
        yield run, compact and len(run) >= LEAST_FOLDED and run[0] > 0


class _Measured(NamedTuple):
    """A line, what prints it, and about how many columns of text each of its members takes."""

    line: Line
    printer: MathMLPrinter
    widths: tuple[int, ...]


def _measured(line: Line, printer: MathMLPrinter) -> _Measured:
    return _Measured(line, printer, tuple(_columns(member, printer) for member in line.chain.members))


def _side_by_side(block: Block, after: Block | None) -> tuple[Figure, Note] | None:
    """A figure and what is given, where one follows the other."""
    match block, after:
        case (Figure() as figure, Note(kind="given") as note) | (Note(kind="given") as note, Figure() as figure):
            return figure, note
        case _:
            return None


def _room(lines: Sequence[_Measured]) -> str:
    """From which width on a derivation stands in columns, as a class of the style sheet; nothing if from none."""
    lead = max((line.widths[0] for line in lines), default=0)
    widths = [[2 + width for width in line.widths[1:]] for line in lines]
    alike = len(lines) > 1 and len(set(map(len, widths))) == 1
    columns = [max(column) for column in zip(*widths, strict=True)] if alike else []
    members = sum(columns) + 2 * len(columns) if alike else max(map(sum, widths), default=0)
    reason = max((text.width(text.inline(line.line.reason)) for line in lines), default=0)
    needed = EM_PER_COLUMN * (lead + members + reason) + 3
    return next((f"from-{room}" for room in ROOMS if needed <= room), "")


def _is_wide(measured: _Measured) -> bool:
    """Whether a line has a piece that the narrowest screen cannot hold; it is scrolled, and so has to take the focus."""
    line, printer, (lead, *widths) = measured
    room = NARROW - lead - 2
    long = [(member, width) for member, width in zip(line.chain.members[1:], widths, strict=True) if width > room]
    pieces = (piece for member, width in long for piece in _pieces(member, printer, width))
    return room < 0 or any(text.width(spoken) > room for spoken, _ in pieces)


def _figure(figure: Figure, draw: Callable[[Drawing], str]) -> View:
    """The drawing in the size of the text around it, its name in words."""
    drawing = ET.fromstring(draw(figure.diagram))
    width = _length(drawing.get("width")) / POINTS_PER_EM
    for title in drawing.findall(f"{_SVG}title"):
        drawing.remove(title)
    for attribute in ("width", "height"):
        drawing.attrib.pop(attribute, None)
    drawing.set("role", "img")
    drawing.set("aria-label", text.visible(figure.alt).strip() or text.inline(figure.caption).strip() or "figure")
    drawing.set("style", f"--width: {width:.2f}em")
    ET.register_namespace("", _SVG.strip("{}"))
    return {
        "drawing": Markup(ET.tostring(drawing, encoding="unicode")),
        "is_wide": width > WIDEST_BESIDE,
        "caption": inline(figure.caption),
    }


def _length(written: str | None) -> float:
    """The number before a unit."""
    number = re.match(r"[0-9.]+", written or "")
    return float(number[0]) if number else 0.0


def _table(table: Table, names: Sequence[str], finds: bool) -> View:
    widths = [
        max(text.width(text.inline(cell)) for cell in column) for column in zip(table.head, *table.rows, strict=True)
    ]
    parts = folded(table, widths, WIDEST_TABLE, 3)
    return {
        "template": "table.html",
        "parts": [_ruled(part, names if n == 0 else [""] * len(names), finds) for n, part in enumerate(parts)],
        "may_scroll": sum(widths) > NARROW // 2,
    }


def _ruled(table: Table, places: Sequence[str], finds: bool) -> View:
    """What a part of a table prints; in a round only its last column is new."""
    room = zip(*map(missing, zip(*table.rows, strict=True)), strict=True)
    return {
        "caption": inline(table.caption),
        "spoken": text.inline(table.caption).strip() or ", ".join(map(text.inline, table.head)),
        "head": [{"words": _name(cell), "numeric": n} for cell, n in zip(table.head, table.numeric, strict=True)],
        "rows": [
            {"place": place, "cells": list(_cells(row, table.numeric, lacking, finds))}
            for place, row, lacking in zip(places, table.rows, room, strict=True)
        ],
    }


def _cells(row: Sequence[Inlines], numeric: Sequence[bool], room: Sequence[float], finds: bool) -> Iterator[View]:
    for n, (cell, is_numeric, ems) in enumerate(zip(row, numeric, room, strict=True)):
        is_new = n > 0 and (not finds or n == len(row) - 1)
        yield {
            "words": inline(cell) if n else _name(cell),
            "numeric": is_numeric,
            "is_answer": is_new and _is_computed(cell),
            "pad": f"{ems:.3f}" if ems else "",
        }


def _is_computed(cell: Inlines) -> bool:
    match cell:
        case (Math(expr=Number() as numeral),):
            return numeral.quantity is not None and not numeral.given
        case _:
            return False


def _name(cell: Inlines) -> Markup:
    """The head of a row or a column. Its formulas have names in words: one that stands alone would count as no name."""
    return Markup("").join(
        Markup(math(text.formula(part.expr), INLINE.formula(part.expr), is_name=True))
        if isinstance(part, Math)
        else inline((part,))
        for part in cell
    )
