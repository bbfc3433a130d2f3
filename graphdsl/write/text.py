"""Document -> plain text of 80 columns in Unicode; knows nothing of other formats."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, assert_never

from graphdsl.document import (
    Block,
    Derivation,
    Document,
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
from graphdsl.expr import Expr, IndexedSum, Number, Sum
from graphdsl.names import Ink
from graphdsl.numbers import Written, written
from graphdsl.plot import Plot
from graphdsl.punctuation import current
from graphdsl.write.formula import ATOM, CROSS, DIRECT, DOT, PRODUCT, SLASHED, Piece, Printer
from graphdsl.write.layout import fill, folded
from graphdsl.write.wide_fonts import is_wide

if TYPE_CHECKING:
    from jinja2 import Environment

WIDTH = 80
INDENT = 2
LONGEST_LEAD = 32
GAP = 3

_SUBSCRIPT = dict(zip("0123456789aehijklmnoprstuvx+−()=", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₊₋₍₎₌", strict=True))
_SUPERSCRIPT = dict(zip("0123456789inT+−()", "⁰¹²³⁴⁵⁶⁷⁸⁹ⁱⁿᵀ⁺⁻⁽⁾", strict=True))
_SUPERSCRIPT |= {mark: mark for mark in "ᵀ′"} | {"⊤": "ᵀ"}
_ACCENT = {"": "", "hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307"}


class TextPrinter(Printer):
    """A formula on one line, with Unicode's subscripts and superscripts where it has them."""

    def brackets(self, text: str) -> str:
        return f"({text})"

    def number(self, digits: Written) -> Piece:
        if digits.exponent is None:
            return Piece(self.mantissa(digits), ATOM)
        exponent = _raised(str(digits.exponent).replace("-", self.minus))
        return Piece(f"{self.mantissa(digits)}{self.dot}10{exponent}", PRODUCT)

    def name(self, ink: Ink, index: tuple[str, ...] = ()) -> str:
        base = unicodedata.normalize("NFC", visible(ink.base) + _ACCENT[ink.accent])
        base = f"Δ{base}" if ink.change else base
        subscripts = (*filter(None, visible(ink.sub).split(",")), *index)
        return base + _lowered(subscripts) + "′" * ink.primes + _raised(visible(ink.sup))

    def is_compact(self, ink: Ink) -> bool:
        return super().is_compact(ink) and not {"_", "^"} & set(self.name(ink))

    def entry(self, of: str, index: tuple[str, ...]) -> str:
        return f"{of}{_lowered(index)}"

    def words(self, text: str) -> str:
        return visible(text)

    def setting(self, words: str) -> str:
        return visible(words)

    def ratio(self, above: str, below: str) -> Piece:
        return Piece(f"{above}/{below}", SLASHED)

    def marked(self, partial: str) -> str:
        return f"{partial}|{DIRECT}"

    def power(self, base: str, exponent: Expr) -> str:
        raised = self.formula(exponent)
        if re.fullmatch(r"−?[0-9]+|[in]", raised):
            return base + _raised(raised)
        return f"{base}^{raised}" if re.fullmatch(r"[0-9.,]+|\w", raised) else f"{base}^({raised})"

    def superscript(self, base: str, mark: str) -> str:
        return base + _raised(mark)

    def constant(self, name: str) -> str:
        return name

    def function(self, name: str, primes: int, subscript: str, arguments: str) -> str:
        return f"{name}{'′' * primes}{_lowered((subscript,)) if subscript else ''}({arguments})"

    def radical(self, argument: Expr) -> str:
        return f"√{self.within(argument, ATOM)}"

    def fences(self, left: str, right: str, inside: str) -> str:
        return f"{left}{inside}{right}"

    def indexed_sum(self, total: IndexedSum, body: str) -> str:
        index = f"{self.name(total.index.ink)}={total.low}"
        if all(c in _SUBSCRIPT for c in index):
            return f"Σ{_translated(index, _SUBSCRIPT)}{_raised(str(total.high))} {body}"
        return f"Σ_{{{index}}}^{{{total.high}}} {body}"

    def cases(self, branches: tuple[tuple[str, str], ...]) -> Piece:
        told = self.below.join(self.between.join(filter(None, branch)) for branch in branches)
        return Piece(f"{{ {told} }}", ATOM)

    def array(self, entries: list[str], shape: tuple[int, ...]) -> str:
        """[a, b; c, d]; a vector is [a, b], for what stands in a column, and a matrix of one row [a, b]ᵀ."""
        if len(shape) > 1 and shape[0] == 1 and shape[1] > 1:
            return f"[{self.between.join(entries)}]{_raised('T')}"
        columns = shape[-1] if len(shape) > 1 else len(entries)
        rows = (entries[i : i + columns] for i in range(0, len(entries), max(columns, 1)))
        return f"[{self.below.join(self.between.join(row) for row in rows)}]"

    def operator(self, sign: str) -> str:
        return f" {sign} " if sign else " "

    def sign(self, sign: str) -> str:
        return sign


def _translated(text: str, table: dict[str, str]) -> str:
    return "".join(table[c] for c in text)


def _raised(text: str) -> str:
    """A superscript: Unicode's where it has every character, else after ^."""
    if all(c in _SUPERSCRIPT for c in text):
        return _translated(text, _SUPERSCRIPT)
    return f"^{text}" if re.fullmatch(r"\[\w+\]|\w|[^\W\d_]+", text) else f"^({text})"


def _lowered(parts: Sequence[str]) -> str:
    """A subscript: Unicode's for numbers and single letters where it has them, else after _."""
    joined = ("" if all(len(p) == 1 for p in parts) else ",").join(parts)
    if all(c in _SUBSCRIPT for c in joined) and all(len(p) == 1 or not re.search(r"[^\W\d]", p) for p in parts):
        return _translated(joined, _SUBSCRIPT)
    return f"_{joined}" if re.fullmatch(r"\w+", joined) else f"_{{{joined}}}"


PRINTER = TextPrinter()


def formula(expr: Expr) -> str:
    """An expression on one line of text; it also serves as the alternative text of a typeset formula."""
    return PRINTER.formula(expr)


def inline(words: Inlines) -> str:
    """Words and formulas as one line of text."""
    return "".join(map(_inline, words))


def _inline(part: Inline) -> str:
    match part:
        case Text() | Strong():
            return visible(part.words)
        case Math():
            return formula(part.expr)
    assert_never(part)


def visible(words: str) -> str:
    """The words without control characters, on one line."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "" for c in words)


def width(text: str) -> int:
    """How many columns a text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if is_wide(c) else 1 for c in text)


def left(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))


def right(text: str, columns: int) -> str:
    return " " * (columns - width(text)) + text


def wrapped(words: Inlines, room: int, first: int = 0) -> list[str]:
    """Words in rows, the first of its own length if it has one; a formula stays whole where it fits into a row."""
    text = "".join(_bound(_inline(part), room) if isinstance(part, Math) else _inline(part) for part in words)
    return broken(text, room, first)


def broken(text: str, room: int, first: int = 0) -> list[str]:
    """A text in rows, broken at its spaces and among Chinese characters; the first row may have its own room."""
    rows, row = list[str](), ""
    for word in filter(None, text.split(" ")):
        gap = " " if row else ""
        for piece in pieces(word):
            if row and width(row + gap + piece) > (room if rows or not first else first):
                rows.append(row)
                row, gap = "", ""
            row, gap = row + gap + piece, ""
    return [line.replace(_BOUND, " ") for line in (*rows, row) if line]


_NOT_FIRST = frozenset(
    "、。，．・：；？！）］｝」』】〕〉》ーゝゞ々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ,.:;?!)]}"
)
_NOT_LAST = frozenset("（［｛「『【〔〈《([{")


def may_begin(word: str) -> bool:
    """Whether a row may begin with a word although no space is before it."""
    return is_wide(word[0]) and word[0] not in _NOT_FIRST


def may_end(word: str) -> bool:
    """Whether a row may end with a word although no space is behind it."""
    return is_wide(word[-1]) and word[-1] not in _NOT_LAST


def pieces(word: str) -> Iterator[str]:
    """What a row may not break of a word without spaces: Latin words, and each Chinese character with its signs."""
    piece = ""
    for sign in word:
        between = piece and (is_wide(sign) or is_wide(piece[-1]))
        if between and sign not in _NOT_FIRST and piece[-1] not in _NOT_LAST:
            yield piece
            piece = ""
        piece += sign
    yield piece


_BOUND = "\u2060"


def _bound(formula_text: str, room: int) -> str:
    return formula_text.replace(" ", _BOUND) if width(formula_text) <= room // 2 else formula_text


def _rows(pieces: Sequence[str], room: int) -> list[str]:
    pieces = [piece.replace(_BOUND, " ") for piece in pieces if piece]
    return [" ".join(pieces[i] for i in row) for row in fill([width(p) for p in pieces], room)]


def write(document: Document) -> str:
    """The document as text. It ends in a line with a line feed."""
    text = (
        _environment()
        .get_template("document.txt")
        .render(
            title=visible(document.title),
            rule="═" * min(WIDTH, width(visible(document.title))),
            subtitle=wrapped(document.subtitle, WIDTH),
            blocks=[_view(block, 1) for block in document.blocks],
            closing="─" * WIDTH,
            small_print=bool(document.colophon),
            colophon=wrapped(document.colophon, WIDTH),
        )
    )
    return text.rstrip("\n") + "\n"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader

    return Environment(
        loader=PackageLoader("graphdsl", "templates/text"), trim_blocks=True, lstrip_blocks=True, autoescape=False
    )


View = dict[str, Any]
"""What a template prints of a block; templates are untyped, so their values are too."""


def _view(block: Block, level: int) -> View:
    match block:
        case Section():
            title = inline(block.title)
            rule = {1: "─"}.get(level, "╌") * width(title)
            return {
                "template": "section.txt",
                "title": title,
                "rule": rule,
                "blocks": [_view(b, level + 1) for b in block.blocks],
            }
        case Paragraph():
            return {"template": "lines.txt", "lines": wrapped(block.words, WIDTH)}
        case Derivation():
            return {"template": "lines.txt", "lines": list(_derivation(block))}
        case Table():
            return {"template": "table.txt", **_table(block)}
        case Figure():
            alt = broken(f"[{visible(block.alt)}]", WIDTH - 2 * INDENT)
            bars = [_bars(block.diagram)] if isinstance(block.diagram, Plot) else []
            return {"template": "figure.txt", "alt": bars + alt, "caption": wrapped(block.caption, WIDTH - 2 * INDENT)}
        case Note():
            return {"template": "note.txt", "title": inline(block.title), "lines": list(_items(block))}
        case Question():
            return {"template": "lines.txt", "lines": list(_question(block))}
        case Room():
            return {"template": "lines.txt", "lines": [*_blanks(block), *("" for _ in range(block.lines))]}
    assert_never(block)


_BLOCKS = "▁▂▃▄▅▆▇█"
_BARS = 60


def _bars(plot: Plot) -> str:
    """The curve as a row of blocks from left to right, the low end of its scale the lowest."""
    from graphdsl.chart import HEIGHT, chart
    from graphdsl.chart import WIDTH as ACROSS

    curve = chart(plot).curve
    places = [i * ACROSS / (_BARS - 1) for i in range(_BARS)]
    if len(curve) < _BARS:
        places = [x for x, _ in curve]
    heights = [max((point for point in curve if point[0] <= x + 1e-6), default=curve[0])[1] for x in places]
    return "".join(_BLOCKS[min(7, max(0, int(8 * y / HEIGHT)))] for y in heights)


def _question(question: Question) -> Iterator[str]:
    """What is asked behind its letter, the points at the right margin."""
    letter, points = inline(question.letter) + " ", inline(question.points)
    hang = width(letter)
    rows = wrapped(question.words, WIDTH - hang) or [""]
    lines = [f"{' ' * hang if n else letter}{row}" for n, row in enumerate(rows)]
    if width(lines[-1]) + GAP + width(points) > WIDTH:
        lines.append("")
    yield from lines[:-1]
    yield lines[-1] + right(points, WIDTH - width(lines[-1])) if points else lines[-1]


def _blanks(room: Room) -> Iterator[str]:
    """Terms in one line, each with a blank behind it."""
    if room.blanks:
        sides = [(inline(item.term), inline(item.words)) for item in room.blanks]
        taken = sum(2 + width(a) + width(b) for a, b in sides) + GAP * (len(sides) - 1)
        blank = "_" * max(4, (WIDTH - taken) // len(sides))
        yield (" " * GAP).join(f"{a} {blank} {b}".strip() for a, b in sides)


def _items(note: Note) -> Iterator[str]:
    """The lines of a note; what is said of a term hangs behind it."""
    for item in note.items:
        lead = inline(item.term)
        lead += "  " if lead and item.words else ""
        hang = width(lead) if width(lead) < LONGEST_LEAD else INDENT
        first, *rest = wrapped(item.words, WIDTH - 2 - hang, WIDTH - 2 - width(lead)) or [""]
        yield lead + first
        yield from (" " * hang + row for row in rest)


def _derivation(block: Derivation) -> Iterator[str]:
    """Lines whose first signs stand under each other, and the others too where all have the same number and fit."""
    leads = [formula(line.chain.members[0]) for line in block.lines]
    column = max((width(lead) for lead in leads if width(lead) <= LONGEST_LEAD), default=0)
    room = WIDTH - INDENT - column - 1
    chains = _aligned([[list(_member(*m, room)) for m in PRINTER.members(line.chain)] for line in block.lines], room)
    rows = [list(_chain_rows(chain, room)) or [""] for chain in chains]
    reasons_at = max((width(row[-1]) for row in rows), default=0) + GAP
    for line, lead, row in zip(block.lines, leads, rows, strict=True):
        if width(lead) > LONGEST_LEAD:
            yield from (" " * INDENT + r for r in _rows(lead.split(" "), WIDTH - INDENT))
            lead = ""
        first, *rest = _with_reason(row, line, room, reasons_at)
        yield f"{' ' * INDENT}{right(lead, column)} {first}".rstrip()
        yield from (f"{' ' * (INDENT + column + 1)}{r}".rstrip() for r in rest)


Rows = list[str]


def _member(sign: str, member: Expr, room: int) -> Iterator[str]:
    """The rows of a member behind its sign; one too long for a row breaks before its signs, a long term before its dots."""
    whole = f"{sign} {formula(member)}"
    if width(whole) <= room:
        yield whole
        return
    terms = [term.strip() for term in PRINTER.terms(member)] if isinstance(member, Sum) else [whole.partition(" ")[2]]
    rows = [" ".join(terms[i] for i in row) for row in fill([width(t) for t in terms], room - INDENT)]
    first, *rest = (piece for row in rows for piece in _factors(row, room - INDENT))
    yield f"{sign} {first}"
    yield from (" " * INDENT + row for row in rest)


def _factors(row: str, room: int) -> list[str]:
    """A row of a formula in as many as it needs: broken before its dots, or, where that is not enough, at any space and between array and array.

    An array that fits into a row stays in one; a larger one has a row for each of its own.
    """
    if width(row) <= room:
        return [row]
    factors = re.split(rf" (?=[{DOT}{CROSS}] )", _bound_arrays(row, "([", ")]") if "[" in row else row)
    if max(map(width, factors)) <= room:
        return _rows(factors, room)
    pieces = re.findall(r"(?:[+−⊙∗·×∑] )*[^ ]+", _bound_arrays(row))
    if max(map(width, pieces)) <= room:
        return _rows(pieces, room)
    quotients = [part for piece in pieces for part in re.split(r"(?<=\])(?=/\[)", piece)]
    return list(_stacks(quotients, room))


def _stacks(pieces: Sequence[str], room: int) -> Iterator[str]:
    """Large arrays row by row, what is shorter in rows between them; settings stay beside what they stand behind."""
    last = ""
    for large, group in groupby(pieces, key=lambda piece: width(piece) > room):
        run = list(group)
        rows = [row for p in run for row in _stacked(p.replace(_BOUND, " "), room)] if large else _rows(run, room)
        if last and rows[0][:1].isalpha() and width(f"{last} {rows[0]}") <= room:
            last = f"{last} {rows.pop(0)}"
        yield from [last, *rows[:-1]] if last and rows else rows[:-1]
        last = rows[-1] if rows else last
    yield last


_SETTING = re.compile(r"(?<= )([a-z]+) ([0-9.,×]+)(?=[,;)])")
"""What stands behind the arguments of a function: it is not broken."""


def _bound_arrays(row: str, opening: str = "[", closing: str = "]") -> str:
    """The row with its arrays kept whole, or whatever stands in brackets."""
    depth, found = 0, []
    for c in row:
        depth += (c in opening) - (c in closing)
        found.append(_BOUND if c == " " and depth else c)
    return _SETTING.sub(rf"\1{_BOUND}\2", "".join(found))


def _stacked(piece: str, room: int) -> list[str]:
    """A piece in one row, or an array in it row by row, its columns under each other."""
    below, between = current().below, current().between
    sign = below.strip()
    match = re.fullmatch(rf"(.*?\[)([^\[\]]*{sign}[^\[\]]*)(\].*)", piece)
    if width(piece) <= room or match is None:
        return _rows(piece.split(" "), room)
    before, inside, after = match.groups()
    cells = [_apart(row, between) for row in _apart(inside, below)]
    columns = [max(map(width, column)) for column in zip(*cells, strict=True)]
    rows = [between.join(right(cell, w) for cell, w in zip(row, columns, strict=True)) for row in cells]
    end = below.rstrip()
    lines = [f"{before}{rows[0]}{end}", *(f"{' ' * width(before)}{row}{end}" for row in rows[1:])]
    return [*lines[:-1], lines[-1].removesuffix(end) + after]


def _apart(text: str, sign: str) -> list[str]:
    """The text between signs that stand outside of brackets."""
    bound, depth = [], 0
    for c in text:
        depth += (c in "({") - (c in ")}")
        bound.append(_BOUND if c == " " and depth else c)
    return [piece.replace(_BOUND, " ") for piece in "".join(bound).split(sign)]


def _chain_rows(members: list[Rows], room: int) -> Iterator[str]:
    """Members in rows: as many in one as fit, and one that needs several has them for itself."""
    for long, group in groupby(members, key=lambda rows: len(rows) > 1):
        if long:
            yield from (row for rows in group for row in rows)
        else:
            pieces = [rows[0] for rows in group]
            yield from (" ".join(pieces[i] for i in row) for row in fill([width(p) for p in pieces], room))


def _aligned(chains: list[list[Rows]], room: int) -> list[list[Rows]]:
    """The chains in columns, if they have equally many members and the columns fit."""
    if len(chains) == 1 or len({len(chain) for chain in chains}) > 1:
        return chains
    columns = [max(width(rows[0]) for rows in column) for column in zip(*chains, strict=True)]
    if any(len(rows) > 1 for chain in chains for rows in chain) or sum(columns) + len(columns) - 1 > room:
        return chains
    return [
        [*([left(rows[0], w)] for rows, w in zip(chain[:-1], columns, strict=False)), *chain[-1:]] for chain in chains
    ]


def _with_reason(rows: list[str], line: Line, room: int, reasons_at: int) -> list[str]:
    """The reason in the common column, else behind the row, else on rows of its own."""
    if not line.reason:
        return rows
    reason = f"({inline(line.reason)})"
    for place in (reasons_at, width(rows[-1]) + 2):
        if place + width(reason) <= room:
            return [*rows[:-1], left(rows[-1], place) + reason]
    bracketed = (Text("("), *line.reason, Text(")"))
    return [*rows, *(" " * INDENT + row for row in wrapped(bracketed, room - INDENT))]


def _table(table: Table) -> View:
    widths = [max(map(width, column)) for column in _columns(table)]
    parts = folded(table, widths, WIDTH - 2 * INDENT, GAP)
    return {"caption": wrapped(table.caption, WIDTH), "parts": [_ruled(part) for part in parts]}


def _columns(table: Table) -> list[list[str]]:
    """The cells by columns, the head first; numerals padded so that their decimal marks meet."""
    columns = []
    for i, head in enumerate(table.head):
        cells = [row[i] for row in table.rows]
        after = [_after_mark(cell) if table.numeric[i] else 0 for cell in cells]
        longest = max(after, default=0)
        columns.append([inline(head), *(inline(c) + " " * (longest - a) for c, a in zip(cells, after, strict=True))])
    return columns


def _after_mark(cell: Inlines) -> int:
    """How many columns a numeral takes from its decimal mark on; words take none."""
    match cell:
        case (Math(expr=Number() as numeral),):
            whole = written(numeral.value).mantissa.partition(".")[0]
            return width(inline(cell)) - len(whole) - (numeral.value < 0)
        case _:
            return 0


def _ruled(table: Table) -> View:
    columns = _columns(table)
    widths = [max(map(width, column)) for column in columns]
    place = [right if numeric else left for numeric in table.numeric]
    rows = [
        (" " * GAP).join(put(cell, w) for put, cell, w in zip(place, row, widths, strict=True)).rstrip()
        for row in zip(*columns, strict=True)
    ]
    return {"rule": "─" * (sum(widths) + GAP * (len(widths) - 1)), "head": rows[0], "rows": rows[1:]}
