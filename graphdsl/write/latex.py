"""Document -> LaTeX source, a whole file or a fragment for the author's own; no word or name of a spec reaches it unescaped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import groupby, pairwise, zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple, assert_never

from graphdsl.document import (
    Block,
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
from graphdsl.expr import Expr, Number, Product, Relation, Sum
from graphdsl.write import text
from graphdsl.write.formula import signed
from graphdsl.write.layout import fill, folded, low, missing
from graphdsl.write.tex_formula import DISPLAY, INLINE, SLASHED_DISPLAY, TexPrinter, sign_of
from graphdsl.write.tex_letters import escaped, label, wide_letters
from graphdsl.write.tex_sketch import LOW, TALL, Row, stand
from graphdsl.write.tex_width import width
from graphdsl.write.tikz import Picture
from graphdsl.write.wide_fonts import FACES

if TYPE_CHECKING:
    from jinja2 import Environment

LONG_TABLE = 10
"""From so many rows on a narrow table stands in parts beside each other."""

TALLEST_TABLE = 43
"""A table of more rows goes on below, with its head again."""

_LEAST_PART = 5
_TABLE_GAP = 1.4
_COLUMN_GAP = 0.28
_SMALL = 0.91
_FOOTNOTE = 0.82
_TALLEST_PICTURE = 600.0
_POINTS = 10.0
_FULL = 0.85
_CELL = 0.45
"""The share of the line that a cell may take."""
_HIGH_GAP = 3.0
"""What fractions need between rows, in points."""

_INDENT = 1.2
_CAPTION_HEIGHT = 12.0
_WHOLE_LINE = 48.2
"""A line of a document in ems: 170 millimetres."""

_BESIDE = 0.58
"""The share of the line that a figure may take with a note beside it."""


class Setting(NamedTuple):
    """What distinguishes a whole document from a fragment: the room of a line in ems, headings, where tables stand."""

    template: str
    room: float
    headings: tuple[str, ...]
    place: str


WHOLE = Setting("document.tex", 45.5, ("section*", "subsection*"), r"\noindent\hspace*{\mathindent}")
FRAGMENT = Setting("fragment.tex", 30.5, ("subsection*", "subsubsection*"), r"\centering")
"""A fragment fits into a line of LaTeX's own classes."""


class Source(str):
    """Finished LaTeX, which a template prints as it stands; any other string it escapes."""


Draw = Callable[[Drawing], Picture]
View = dict[str, Any]
"""What a template prints of a block; templates are untyped, so their values are too."""


def write(document: Document, draw: Draw, fragment: bool = False) -> str:
    """The document as one LaTeX file that needs no other, or as a fragment for `\\input`; `draw` makes its pictures."""
    with wide_letters(document.language in FACES):
        return _written(document, draw, fragment)


def _written(document: Document, draw: Draw, fragment: bool) -> str:
    writer = _Writer(draw, FRAGMENT if fragment else WHOLE)
    blocks = writer.views(document.blocks, 0)
    rendered = (
        _environment()
        .get_template(writer.setting.template)
        .render(
            title=Source(escaped(document.title).strip()),
            metadata=Source(_pdf_string(document.title)),
            subtitle=_wrapped(writer.shrunk_inline(document.subtitle)),
            paper=Source(f"{document.page}paper"),
            colophon=_wrapped(writer.shrunk_inline(document.colophon)),
            blocks=blocks,
            packages=Source(", ".join(("amsmath", "booktabs", "tikz" if writer.pictures else "graphicx"))),
            faces=[Source(face.name) for face in FACES.get(document.language, ())],
            first=Source(next((face.name for face in FACES.get(document.language, ())), "")),
            picture_package=Source("tikz" if writer.pictures else "graphicx"),
        )
    )
    return _tidy(rendered)


def _tidy(source: str) -> str:
    """Lines without trailing spaces, never two empty ones; a whole line of nothing ends paragraphs, so none is added."""
    lines = re.sub(r"[ \t]+\n", "\n", source)
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


def _pdf_string(words: str) -> str:
    """The words as a string of PDF in which nothing can be a command: plain ones readable, others in hexadecimal."""
    plain = text.visible(words).strip()
    if re.fullmatch(r"[A-Za-z0-9 ,.;:!?'+/-]*", plain):
        return f"({plain})"
    return f"<FEFF{plain.encode('utf-16-be', 'replace').hex().upper()}>"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader

    return Environment(
        loader=PackageLoader("graphdsl", "templates/latex"),
        # LaTeX is full of braces: its templates say [[ ]] and <% %>
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="<!--",
        comment_end_string="-->",
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # which is for HTML; `finalize` escapes every value that is not Source
        finalize=_finished,
        keep_trailing_newline=True,
    )


def _finished(value: object) -> str:
    return value if isinstance(value, Source) else escaped(str(value))


# Words


def inline(words: Inlines) -> Source:
    """Words and formulas as LaTeX's text."""
    return Source("".join(map(_inline, words)))


def _inline(part: Inline) -> str:
    match part:
        case Text():
            return escaped(part.words)
        case Strong():
            return rf"\textbf{{{escaped(part.words)}}}"
        case Math():
            return f"${INLINE.formula(part.expr)}$"
    assert_never(part)


def _is_blank(words: Inlines) -> bool:
    return not text.inline(words).strip()


class Cell(NamedTuple):
    """A piece of a row, and its width in ems."""

    source: str
    width: float


def _fills(widths: Sequence[float], room: float, gap: float = 0.0) -> list[list[int]]:
    """Positions in rows, as `layout.fill` has them."""
    return fill([round(1000 * w) for w in widths], round(1000 * room), round(1000 * gap))


class _Writer:
    """Views of blocks in one setting."""

    def __init__(self, draw: Draw, setting: Setting):
        self.draw, self.setting = cache(draw), setting
        self.room = setting.room
        self.labels: set[str] = set()
        self.pictures = False

    def views(self, blocks: Sequence[Block], level: int) -> list[View]:
        """The blocks in order; what is given stands beside its figure where that leaves room."""
        views: list[View] = []
        beside = led = False
        for block, after in pairwise((*blocks, None)):
            assert block is not None
            if beside:
                beside = False
                continue
            found = self.beside(block, after)
            beside = found is not None
            views.append(found if found is not None else self.view(block, level))
            views[-1]["begins"], led = not led, _leads(block, after)
            views[-1]["leads"] = _leads(block, after)
        return views

    def view(self, block: Block, level: int) -> View:
        match block:
            case Section():
                heading = self.setting.headings[min(level, len(self.setting.headings) - 1)]
                return {
                    "template": "section.tex",
                    "heading": "" if _is_blank(block.title) else Source(heading),
                    "title": self.shrunk_inline(block.title),
                    "label": self.label(block.anchor),
                    "blocks": self.views(block.blocks, level + 1),
                }
            case Paragraph():
                return {"template": "paragraph.tex", "words": _wrapped(self.shrunk_inline(block.words))}
            case Derivation():
                return self.derivation(block)
            case Table():
                return self.table(block)
            case Figure():
                return self.figure(block)
            case Note():
                return self.note(block)
            case Question():
                told = {"letter": inline(block.letter), "words": _wrapped(self.shrunk_inline(block.words))}
                return {"template": "question.tex", **told, "points": inline(block.points)}
            case Room():
                blanks = [{"term": inline(item.term), "words": inline(item.words)} for item in block.blanks]
                return {"template": "room.tex", "lines": list(range(block.lines)), "blanks": blanks}
        assert_never(block)

    def label(self, anchor: str) -> Source:
        """A `\\label` for what is found here, the first time."""
        name = label(anchor)
        if not anchor or name in self.labels:
            return Source("")
        self.labels.add(name)
        return Source(rf"\label{{{name}}}")

    def shrunk_inline(self, words: Inlines) -> Source:
        """Words whose formulas fit into a line: one that cannot break and is too wide is made smaller."""
        return Source("".join(map(self._shrunk, words)))

    def _shrunk(self, part: Inline) -> str:
        source = _inline(part)
        if isinstance(part, Math) and _stretch(part.expr) > _FULL * self.room:
            return rf"\hspace{{0pt}}\resizebox{{\linewidth}}{{!}}{{{source}}}\hspace{{0pt}}"
        return source

    # Figures and notes

    def figure(self, figure: Figure, room: float = 0.0) -> View:
        found = self.draw(figure.diagram)
        self.pictures = True
        scale = min(1.0, (room or self.room) * _POINTS / found.width, _TALLEST_PICTURE / found.height)
        picture = found.source if scale == 1 else f"\\scalebox{{{scale:.3f}}}{{%\n{found.source}}}"
        return {
            "template": "figure.tex",
            "picture": Source(picture),
            "alt": Source(f"% {text.visible(figure.alt)}"),
            "caption": self.shrunk_inline(figure.caption),
        }

    def note(self, note: Note) -> View:
        items = [
            {"term": self.shrunk_inline(i.term), "words": _wrapped(self.shrunk_inline(i.words))} for i in note.items
        ]
        return {
            "template": "note.tex",
            "title": inline(note.title),
            "entries": items,
            "joint": Source("" if note.kind == "conventions" else r"\par"),
            "after_title": Source(r"\quad" if note.kind == "conventions" else r"\par"),
            "tinted": self.setting is WHOLE and self._rows(note, self.room) < 30,
        }

    def beside(self, block: Block, after: Block | None) -> View | None:
        """A figure and what is given side by side, unless one of them needs the line for itself."""
        figure, note = (block, after) if isinstance(block, Figure) else (after, block)
        if not isinstance(figure, Figure) or not isinstance(note, Note) or note.kind != "given":
            return None
        taken = self.draw(figure.diagram).width / _POINTS / self.room
        if taken > _BESIDE or self._rows(note, (1 - taken - 0.06) * self.room) > 30:
            return None
        return {
            "template": "beside.tex",
            "figure": self.figure(replace(figure, caption=())),
            "note": self.note(note),
            "left": Source(f"{taken + 0.02:.3f}"),
            "right": Source(f"{1 - taken - 0.06:.3f}"),
        }

    def _rows(self, note: Note, room: float) -> float:
        """How many rows a note takes in a column, about; many where one of its formulas does not fit."""
        words = [part for item in note.items for part in item.words]
        if any(isinstance(part, Math) and _stretch(part.expr) > _FULL * room for part in words):
            return 1e9
        return sum(1 + _SMALL * width(inline((*item.term, *item.words))) / room for item in note.items)

    # Derivations

    def derivation(self, block: Derivation) -> View:
        """Lines aligned at their first signs, and at all where every line has as many and they fit."""
        printers = (SLASHED_DISPLAY if is_low else DISPLAY for is_low in low(block.lines))
        chains = [_Chain.of(line, printer) for line, printer in zip(block.lines, printers, strict=True)]
        widest = max((c.lead.width for c in chains if c.lead.width <= 0.4 * self.room), default=0.0)
        count = len(chains[0].members) if chains else 0
        alike = len(chains) > 1 and all(len(chain.members) == count for chain in chains)
        columns = [_COLUMN_GAP + max(c.members[i].width for c in chains) for i in range(count)] if alike else []
        if alike and widest + sum(columns) <= self.room and max(c.lead.width for c in chains) <= widest:
            rows = self._columns(chains, columns, self.room - widest)
        else:
            filled = [list(self._filled(chain, self.room - widest)) for chain in chains]
            longest = max((row.width for rows in filled for row in rows), default=0.0)
            in_column = longest + max((chain.reason.width for chain in chains), default=0.0) <= self.room - widest
            rows = [row for c, f in zip(chains, filled, strict=True) for row in self._rows_of(c, f, widest, in_column)]
        sketch = Source("")
        if block.figure is not None and self.setting is WHOLE:
            sketch = self._sketched(rows, widest, block.figure)
        for row, after in pairwise((*rows, None)):
            assert row is not None
            row["end"] = _row_end(row, after)
        pairs = max((str(row["cells"]).count("&&") for row in rows), default=0) + 1
        return {
            "template": "derivation.tex",
            "sketch": sketch,
            "environment": Source("align*" if pairs == 1 else "alignat*"),
            "columns": Source(f"{{{pairs}}}" if pairs > 1 else ""),
            "rows": rows,
        }

    def _sketched(self, rows: Sequence[View], lead: float, figure: Figure) -> Source:
        """A small drawing at the right margin, hung from the first of the rows that it stands beside, which stay together."""
        cells = [[width(cell, True) for cell in str(row["cells"]).split("&&")] for row in rows]
        columns = [max(column) for column in zip_longest(*cells, fillvalue=0.0)]
        reaches = [_INDENT + lead + sum(columns[: len(own) - 1]) + own[-1] for own in cells]
        measured = [
            Row(reach, (TALL if _is_high(row) else LOW) + (_HIGH_GAP if _needs_gap(row, after) else 0.0))
            for reach, (row, after) in zip(reaches, pairwise((*rows, None)), strict=True)
            if row is not None
        ]
        size, drawn = figure.scale, self.draw(figure.diagram)
        caption = self.shrunk_inline(figure.caption)
        wide = max(size * drawn.width / _POINTS, 0.75 * width(caption))
        found = stand(measured, _WHOLE_LINE, wide, size * drawn.height + _CAPTION_HEIGHT)
        if found is None:
            return Source("")
        self.pictures = True
        first, last, raised = found
        sized = rf"\scalebox{{{size:g}}}{{{drawn.source}}}"
        picture = rf"\shortstack{{{sized}\\[3pt]\fontsize{{7.5}}{{9}}\selectfont {caption}}}"
        hung = rf"\gdhang{{{raised:.1f}pt}}"
        rows[first]["tag"] = Source(rf" \tag*{{{hung}}}" + str(rows[first]["tag"]).removeprefix(r" \tag*{}"))
        for row in rows[first + 1 : last + 1]:
            row["goes_on"] = True
        return Source(rf"\sbox\gdsketch{{{picture}}}%")

    def _columns(self, chains: Sequence[_Chain], columns: list[float], rest: float) -> list[View]:
        """Lines whose signs all stand in columns; a reason stands behind them."""
        fits = all(sum(columns) + chain.reason.width <= rest for chain in chains)
        padded = [max(len(c.members[i].source) for c in chains) for i in range(len(columns) - 1)]
        lead = max(len(c.lead.source) for c in chains)
        rows = []
        for chain in chains:
            cells = [m.source for m in chain.members]
            cells[:-1] = [cell.ljust(size) for cell, size in zip(cells[:-1], padded, strict=True)]
            reason = f" &&{chain.reason.source}" if chain.reason.source and fits else ""
            row = self._row(chain.lead.source.rjust(lead), r" &&\; ".join(cells) + reason, chain.line.anchor)
            rows += [row] if fits or not chain.reason.source else [row, *self._below(chain, rest)]
        return rows

    def _row(self, lead: str, cells: str, anchor: str = "", goes_on: bool = False) -> View:
        found = self.label(anchor)
        tag = Source(rf" \tag*{{}}{found}" if found else "")
        return {"lead": Source(lead), "cells": Source(cells), "tag": tag, "goes_on": goes_on}

    def _rows_of(self, chain: _Chain, filled: list[Cell], lead: float, in_column: bool) -> list[View]:
        """One line in as many rows as it needs; its reason stands in a column, or behind it, or below it."""
        rows = []
        anchor, reason, rest = chain.line.anchor, chain.reason, self.room - lead
        if chain.lead.width > lead:
            # wider than the column of the others: a row of its own, from the sign on
            rows = [self._row("", self._fitting(chain.lead, rest).source, anchor)]
            anchor = ""
        *before, last = filled or [Cell("", 0.0)]
        fits = reason.source != "" and last.width + reason.width <= rest
        last = Cell(last.source + (" &&" if in_column else "") + reason.source, 0.0) if fits else last
        for piece in (*before, last):
            first = not rows
            rows.append(self._row(chain.lead.source if first else "", piece.source, anchor if first else "", not first))
        return rows if fits or not reason.source else [*rows, *self._below(chain, rest)]

    def _below(self, chain: _Chain, rest: float) -> list[View]:
        """A reason in a row of its own, or in several."""
        words = self.shrunk_inline(chain.line.reason)
        if chain.reason.width <= rest:
            return [self._row("", rf"\rlap{{{chain.reason.source.strip()}}}", goes_on=True)]
        box = rf"\parbox[t]{{{rest - 2:.1f}em}}{{\footnotesize\raggedright {words}}}"
        return [self._row("", rf"\rlap{{\quad {box}}}", goes_on=True)]

    def _filled(self, chain: _Chain, rest: float) -> Iterator[Cell]:
        """Members in rows: as many in one as fit, and one that needs several has them for itself."""
        for long, group in groupby(chain.members, key=lambda member: member.width > rest):
            members = list(group)
            if long:
                yield from (row for member in members for row in self._broken(member, chain.printer, rest))
                continue
            for row in _fills([m.width for m in members], rest):
                yield Cell(" ".join(members[i].source for i in row), sum(members[i].width for i in row))

    def _broken(self, member: Member, printer: TexPrinter, rest: float) -> Iterator[Cell]:
        """A member too long for a row: it breaks before its signs, a long term before its dots."""
        room = rest - 1.5
        pieces = [self._fitting(piece, room) for piece in _pieces(member, printer, room)]
        rows = _fills([piece.width for piece in pieces], room)
        for n, row in enumerate(rows):
            source = " ".join(pieces[i].source for i in row)
            wide = sum(pieces[i].width for i in row)
            yield Cell(rf"\quad {{}}{source}" if n else source, wide + (1.0 if n else 0.0))

    def _fitting(self, piece: Cell, room: float) -> Cell:
        """What cannot break is made smaller where it is too wide."""
        if piece.width <= room:
            return piece
        return Cell(rf"\resizebox{{{room:.1f}em}}{{!}}{{$\displaystyle {piece.source}$}}", room)

    # Tables

    def table(self, table: Table) -> View:
        """A table too wide is folded; a long narrow one stands in parts beside each other."""
        most = self.room - 2 if len(table.head) == 1 else _CELL * self.room
        columns = list(zip(table.head, *table.rows, strict=True))
        widths = [min(most, _SMALL * max(width(inline(cell)) for cell in column)) for column in columns]
        across = sum(widths) + _TABLE_GAP * (len(widths) - 1)
        if across <= self.room - 1:
            parts = _slices(table, int((self.room + 1) // (across + 2)))
        else:
            milliems = [round(1000 * w) for w in widths]
            found = folded(table, milliems, round(1000 * (self.room - 1)), round(1000 * _TABLE_GAP))
            parts = [part for table in found for part in _slices(table, 1)]
        return {
            "template": "table.tex",
            "caption": self.shrunk_inline(table.caption),
            "place": Source(self.setting.place),
            "groups": [[_ruled(part, most) for part in group] for group in parts] if table.head else [],
        }


class Member(NamedTuple):
    """A member of a chain behind its sign."""

    source: str
    width: float
    sign: str
    expr: Expr


class _Chain(NamedTuple):
    """A line of a derivation, printed and measured."""

    line: Line
    printer: TexPrinter
    lead: Cell
    members: tuple[Member, ...]
    reason: Cell

    @staticmethod
    def of(line: Line, printer: TexPrinter) -> _Chain:
        members = []
        for sign, expr in printer.members(line.chain):
            source = f"{sign_of(sign)} {printer.formula(expr)}"
            members.append(Member(source, width(source, True), sign_of(sign), expr))
        lead = printer.formula(line.chain.members[0])
        reason = rf"\qquad \text{{\footnotesize {inline(line.reason)}}}" if not _is_blank(line.reason) else ""
        taken = 2.2 + _FOOTNOTE * width(inline(line.reason)) if reason else 0.0
        return _Chain(line, printer, Cell(lead, width(lead, True)), tuple(members), Cell(reason, taken))


def _pieces(member: Member, printer: TexPrinter, room: float) -> Iterator[Cell]:
    """The terms of a long sum, the parts of a long product of arrays, and the factors of a long term, each behind its sign."""
    terms = list(printer.links(member.expr))
    parts = member.expr.terms if isinstance(member.expr, Sum) else (member.expr,) * len(terms)
    for i, (source, term) in enumerate(zip(terms, parts, strict=True)):
        printed = f"{member.sign} {source}" if i == 0 else source.strip()
        if width(printed, True) <= room or not _has_dots(term, printer):
            yield Cell(printed, width(printed, True))
            continue
        for factor in _factors(term, printer, printed):
            yield Cell(factor, width(factor, True))


def _has_dots(term: Expr, printer: TexPrinter) -> bool:
    if len(list(printer.links(term))) > 1:
        return False
    _, magnitude = signed(term)
    return isinstance(magnitude, Product) and not printer.juxtaposes(magnitude.factors)


def _factors(term: Expr, printer: TexPrinter, printed: str) -> Iterator[str]:
    """The factors of a product, each after the first behind its dot; a minus sign belongs to the first."""
    _, magnitude = signed(term)
    assert isinstance(magnitude, Product)
    later = printer.dotted(magnitude.factors)[1:]
    times = printer.times(magnitude)
    tail = "".join(times + factor for factor in later)
    assert printed.endswith(tail), "nothing is printed twice"
    yield printed.removesuffix(tail)
    yield from (times.strip() + " " + factor for factor in later)


def _row_end(row: View, after: View | None) -> Source:
    """How a row ends: fractions need some room, and what goes on stays on its page."""
    if after is None:
        return Source("")
    return Source(r" \\" + ("*" if after["goes_on"] else "") + (f"[{_HIGH_GAP:g}pt]" if _needs_gap(row, after) else ""))


def _is_high(row: View) -> bool:
    return r"\frac" in row["lead"] + row["cells"]


def _needs_gap(row: View, after: View | None) -> bool:
    return after is not None and (_is_high(row) or _is_high(after))


def _leads(block: Block, after: Block | None) -> bool:
    """Whether a block and the next are one paragraph of TeX: words lead to their formulas, formulas go on."""
    match block:
        case Paragraph():
            return isinstance(after, Derivation | Table)
        case Derivation():
            return isinstance(after, Derivation)
        case _:
            return False


def _stretch(expr: Expr) -> float:
    """The width of the longest part of a formula within words that TeX cannot break."""
    match expr:
        case Relation():
            return max(map(_stretch, expr.members))
        case Sum():
            return max(map(_stretch, expr.terms))
        case Product((Number(), Sum() as total)) if r"\left" not in INLINE.formula(total):
            return _stretch(total) + 1  # TeX breaks within brackets that do not grow
        case Product() if not INLINE.juxtaposes(expr.factors):
            return max(map(_stretch, expr.factors))
        case _:
            return width(INLINE.formula(expr), True)


def _wrapped(source: Source) -> Source:
    """Words in lines of a readable length, formulas whole; a line end counts as a space."""
    words = re.findall(r"(?:\\.|\$(?:\\.|[^$\\])*\$|[^ \\$])+", source)
    return Source("\n".join(" ".join(words[i] for i in row) for row in fill([len(word) for word in words], 100)))


def _slices(table: Table, fit: int) -> list[list[Table]]:
    """A long table in parts beside each other, and those that a page cannot hold below each other."""
    count = len(table.rows)
    beside = max(1, min(3, fit, count // _LEAST_PART)) if count >= LONG_TABLE else 1
    groups = []
    for start in range(0, max(count, 1), beside * TALLEST_TABLE):
        rows = table.rows[start : start + beside * TALLEST_TABLE]
        step = max(1, -(-len(rows) // beside))
        parts = [rows[i : i + step] for i in range(0, max(len(rows), 1), step)]
        groups.append([Table(table.head, part, table.numeric) for part in parts])
    return groups


def _ruled(table: Table, most: float) -> View:
    room = zip(*map(missing, zip(*table.rows, strict=True)), strict=True)
    rows = [
        [_padded(c, w) if n else _cell(c, most) for c, n, w in zip(row, table.numeric, lacking, strict=True)]
        for row, lacking in zip(table.rows, room, strict=True)
    ]
    return {
        "align": Source("".join("r" if numeric else "l" for numeric in table.numeric)),
        "head": _row_of(_cell(cell, most) for cell in table.head),
        "rows": list(map(_row_of, rows)),
    }


def _row_of(cells: Iterable[str]) -> Source:
    return Source(" & ".join(cells))


def _cell(words: Inlines, most: float) -> str:
    """What stands in a cell, in several rows where it is too wide for one."""
    if _SMALL * width(inline(words)) <= most:
        return inline(words)
    parts = (
        rf"\hspace{{0pt}}\resizebox{{\linewidth}}{{!}}{{{_inline(part)}}}\hspace{{0pt}}"
        if isinstance(part, Math) and _stretch(part.expr) > _FULL * most
        else _inline(part)
        for part in words
    )
    return rf"\parbox[t]{{{most:.1f}em}}{{\raggedright {''.join(parts)}}}"


def _padded(cell: Inlines, ems: float) -> str:
    """A numeral with room behind it."""
    return inline(cell) + (rf"\hspace{{{ems:.3f}em}}" if ems else "")
