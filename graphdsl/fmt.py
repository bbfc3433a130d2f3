"""A spec -> the same spec in calm form: its lines and comments stay, its spaces are settled; knows tokens, never what they mean.

What the author has put in columns stays in columns: where a run of spaces brings a part of a line under a part of the
line before or after it, both keep a common column. Any other run is a single space.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

from graphdsl.diagnostics import Reporter, Source
from graphdsl.lex import Token, pieces
from graphdsl.parse import parse

INDENT = 2
_TAB = 8
_MOST_ROUNDS = 20
_MOST_PASSES = 60
"""Columns settle in a few passes; those that do not, because two cross, are given up."""


def formatted(source: Source) -> str:
    """The text of a spec in calm form; raises SpecError with its mistakes of form."""
    text, words = source.text, None
    for _ in range(_MOST_ROUNDS):
        present = replace(source, text=text)
        spec = parse(present)
        told = [label.span for announcement in spec.announcements for label in announcement.labels]
        reader = _Reader(present, frozenset(place for span in told for place in range(span.start, span.end)))
        assert words in (None, reader.words), "the words of a spec are not changed"
        words = reader.words
        _settle(reader.lines)
        before, text = text, _written(reader.lines)
        if text == before:
            break
    return text


# What the text consists of.


@dataclass(slots=True, eq=False)
class Column:
    """Parts of several lines that begin, or end, one below the other; `slack`: the least that they have in spare spaces."""

    ends: bool | None
    slack: int
    place: int = 0


@dataclass(slots=True, eq=False)
class Part:
    """A part of a line, without a space in it that could be widened.

    `gap` is how many spaces belong before it, `had` how many there were; `start` and `end` are where it stood, the end
    without a comma. A `cell` is an entry of a list or a table: such are aligned by their ends, too.
    """

    text: str
    gap: int
    had: int
    start: int
    end: int = 0
    cell: bool = False
    comment: bool = False
    operand: bool = False  # what follows an operator is aligned with nothing
    mate: Part | None = None  # of a closing bracket: what follows the opening one
    column: Column | None = None
    place: int = 0
    width: int = 0  # without a comma, and the bracket that ends a list
    padded: bool = False  # whether it stands farther right than it need

    @property
    def slack(self) -> int:
        return self.had - self.gap

    @property
    def stop(self) -> int:
        """The column behind it; a text of several lines ends in its last one."""
        _, newline, last = self.text.rpartition("\n")
        return len(last) if newline else self.place + len(self.text)


@dataclass(slots=True, eq=False)
class Frame:
    """An open bracket: the part and the line that it is in, how far into the part it reaches, and where it ended."""

    token: Token
    part: Part
    line: Line
    reach: int
    before: int
    indexes: bool
    rows: bool
    hanging: bool = True  # nothing follows it in its line
    first: Part | None = None  # what follows it
    least: int | None = None  # the leftmost column of the lines in it

    @property
    def inside(self) -> int:
        """How far from the bracket its content stands."""
        return 1 if self.token.kind == "LBRACE" else 0


@dataclass(slots=True, eq=False)
class Line:
    """A line: its parts, none if it is blank; the bracket that is open where it begins, and whether it closes it.

    `offset`: how far the author has moved in a line that goes on with a statement outside ( ) and [ ].
    """

    frame: Frame | None
    parts: list[Part] = field(default_factory=list)
    closes: bool = False
    offset: int = 0
    place: int = 0

    @property
    def is_code(self) -> bool:
        return bool(self.parts) and not self.parts[0].comment


# Reading.

_PLAIN = {
    "PLUS": "+", "MINUS": "-", "STAR": "*", "SLASH": "/", "AT": "@", "CIRCUMFLEX": "^", "EQUAL": "=", "DOTS": "..",
    "ARROW": "->", "TRANSPOSED": "^T",
}  # fmt: skip
_COMPARISONS = {"≤": "<=", "≥": ">=", "≠": "!="}
_OPENERS = {"LPAR", "LSQB", "LBRACE"}
_CLOSERS = {"RPAR", "RSQB", "RBRACE"}
_TIGHT_BEFORE = {"COMMA", "SEMICOLON", "SEP", "RPAR", "RSQB", "DOT", "DOTS", "TRANSPOSED", "CIRCUMFLEX"}
_TIGHT_AFTER = {"LPAR", "LSQB", "DOT", "DOTS", "CIRCUMFLEX", "SIGN"}
_LOOSE = {"EQUAL", "ARROW", "COMPARE", "AT", "COMMA", "SEMICOLON", "SEP"}
_BINDS = {"STAR", "SLASH", "AT", "CIRCUMFLEX"}
_OPERATORS = {"PLUS", "MINUS", "STAR", "SLASH", "AT"}
_BETWEEN = re.compile(r"\n|#[^\n]*")


def _shown(token: Token, source: Source) -> str:
    """A token as it is typed plainly."""
    if token.kind == "STRING":
        raw = source.text[token.start : token.end]
        return raw if raw.startswith('"') or '"' in token.text else f'"{token.text}"'
    if token.kind == "COMPARE":
        return _COMPARISONS.get(token.text, token.text)
    return _PLAIN.get(token.kind, token.text)


class _Reader:
    """Tokens and what stands between them -> lines of parts."""

    def __init__(self, source: Source, kept: frozenset[int]):
        self.source = source
        self.kept = kept
        self.lines: list[Line] = [Line(None)]
        self.words: list[str] = []
        self.frames: list[Frame] = []
        self.last: Token | None = None  # within the statement or the item of a block
        self.before = Token("", "", 0, 0)
        self.ended = 0  # the column behind it
        self.signs: set[int] = set()  # where a sign stands before its number, not between two
        self.statement = ""
        self.home = 0  # where the statement began
        place = 0
        for token, begins, statement in self._tokens():
            self._between(place, token.start)
            if begins:
                self.last = None
            self.statement = statement
            self._take(token)
            place = max(place, token.end)
        self._between(place, len(source.text))
        while self.lines and not self.lines[-1].parts:
            self.lines.pop()
        self.lines = [line for i, line in enumerate(self.lines) if line.parts or not self._at_a_brace(i)]
        for line in self.lines:
            if line.is_code and line.frame and line.frame.hanging and not line.closes and not line.offset:
                line.parts[0].had = line.parts[0].start - (line.frame.least or 0)

    def _at_a_brace(self, i: int) -> bool:
        """Whether a blank line stands directly within { }, at its beginning or its end."""
        code = [part for part in self.lines[i - 1].parts if not part.comment]
        return (bool(code) and code[-1].text.endswith("{")) or self.lines[i + 1].closes

    def _tokens(self) -> Iterator[tuple[Token, bool, str]]:
        """Each token, whether a statement or an item begins with it, and the kind of its statement."""
        for piece in pieces(self.source, Reporter(self.source)):
            begins = True
            for token in self._with_fractions(list(piece.tokens)):
                if token.kind != "SEP" or token.text != "\n":
                    yield token, begins, piece.tokens[0].kind
                begins = token.kind in ("SEP", "LBRACE")

    def _with_fractions(self, tokens: list[Token]) -> Iterator[Token]:
        """The five tokens that a pasted ½ stands for as one, in ( ) where it needs them."""
        i = 0
        while i < len(tokens):
            token = tokens[i]
            if token.kind == "LPAR" and self.source.text[token.start] != "(":
                text = "".join(t.text for t in tokens[i : i + 5])
                before = next((t.kind for t in reversed(tokens[:i]) if t.kind not in ("PLUS", "MINUS")), "")
                after = tokens[i + 5].kind if len(tokens) > i + 5 else ""
                bare = before not in _BINDS and after not in ("CIRCUMFLEX", "TRANSPOSED", "LSQB")
                self.words += list(text[1:-1] if bare else text)
                yield Token("NUMBER", text[1:-1] if bare else text, token.start, token.end)
                i += 5
            else:
                self.words += [] if token.text == "\n" else [_shown(token, self.source)]
                yield token
                i += 1

    def _between(self, start: int, end: int) -> None:
        """Comments and line ends; of several blank lines one stays."""
        for match in _BETWEEN.finditer(self.source.text, start, end):
            if match[0] != "\n":
                self._comment(match[0].rstrip(), match.start())
            elif self.lines[-1].parts or (len(self.lines) > 1 and self.lines[-2].parts):
                self.lines.append(Line(self.frames[-1] if self.frames else None))

    def _comment(self, text: str, start: int) -> None:
        line = self.lines[-1]
        column = self._column(start)
        had = column - self.ended if line.parts else 0
        line.parts.append(Part(text, 2 if line.parts else 0, had, column, column + len(text), comment=True))

    def _column(self, place: int) -> int:
        """The column of a place, from 0, a tab reaching to the next multiple of eight."""
        begin = self.source.text.rfind("\n", 0, place) + 1
        return len(self.source.text[begin:place].expandtabs(_TAB))

    def _take(self, token: Token) -> None:
        line = self.lines[-1]
        new = not line.parts
        start = self._column(token.start)
        if new:
            self._begin_line(line, token, start)
        gap = 0 if new else self._gap(token)
        had = self._had_at_line_start(line, start) if new else start - self.ended
        opened = self.frames[-1] if self.frames and self.frames[-1].first is None else None
        loose = had > 0 and (opened is not None or token.kind == "RSQB")
        if new or gap or (loose and self._is_list):
            operand = not new and self.before.kind in _OPERATORS
            line.parts.append(Part("", gap, had, start, operand=operand))
        part = line.parts[-1]
        if opened is not None and token.kind not in _CLOSERS:
            opened.first, opened.hanging = part, new
        ends_list = token.kind == "RSQB" and self._is_list
        self._bracket(token, part, line)
        part.text += _shown(token, self.source)
        self.ended = self._column(token.end)
        if token.kind not in ("COMMA", "SEMICOLON", "SEP") and not ends_list:
            part.end, part.width = self.ended, len(part.text)
        if token.kind in _OPENERS:
            self.frames[-1].reach, self.frames[-1].before = len(part.text), self.ended
        if token.kind in ("PLUS", "MINUS") and not (self.last and self.last.ends_operand):
            self.signs.add(token.start)
        self.last = None if token.kind == "SEP" else token
        self.before = token

    # Lines.

    def _begin_line(self, line: Line, token: Token, start: int) -> None:
        line.frame = self.frames[-1] if self.frames else None
        frame = line.frame
        line.closes = token.kind in _CLOSERS
        outside = frame is None or frame.token.kind == "LBRACE"
        if self.last is None and outside:
            self.home = start
        elif outside and not line.closes:
            line.offset = max(INDENT, start - self.home)
        if frame is not None and not line.closes and not line.offset:
            frame.least = start if frame.least is None else min(start, frame.least)

    def _had_at_line_start(self, line: Line, start: int) -> int:
        """The spaces before a line's beginning, counted from where its bracket has it begin."""
        if line.offset:
            return line.offset
        if line.frame is None or line.closes or line.frame.hanging:
            return 0  # in a hanging bracket it is known when all its lines are
        return max(0, start - line.frame.before - line.frame.inside)

    # Brackets.

    def _bracket(self, token: Token, part: Part, line: Line) -> None:
        inner = self.frames[-1] if self.frames else None
        part.cell = part.cell or (inner is not None and inner.rows)
        if token.kind in _OPENERS:
            indexes = token.kind == "LSQB" and self.last is not None and self.last.ends_operand
            rows = (token.kind == "LSQB" and not indexes) or (token.kind == "LBRACE" and self.statement == "DATA")
            self.frames.append(Frame(token, part, line, 0, 0, indexes, rows))
        elif token.kind in _CLOSERS and self.frames:
            frame = self.frames.pop()
            if not part.text and frame.first is not None and frame.token.kind == "LSQB" and not frame.hanging:
                part.mate = frame.first
            frame.first = frame.first or part

    @property
    def _is_list(self) -> bool:
        """Whether the innermost bracket is one whose entries may be padded."""
        return bool(self.frames) and self.frames[-1].token.kind == "LSQB" and not self.frames[-1].indexes

    # Spaces.

    @property
    def _in_index(self) -> bool:
        """In an index spaces are the author's: x[s-1], W[2,1]."""
        return bool(self.frames) and self.frames[-1].indexes

    def _gap(self, token: Token) -> int:
        """How many spaces belong between the token before and this one."""
        before, kind = self.before, token.kind
        first = "SIGN" if before.start in self.signs and before.kind in ("PLUS", "MINUS") else before.kind
        if first == "COMMA" and (before.start in self.kept or self._in_index):
            return 0 if before.start in self.kept or before.end == token.start else 1
        if kind in _TIGHT_BEFORE:
            return 0
        if first in _TIGHT_AFTER:
            return 1 if first == "DOTS" and token.text.startswith(".") else 0
        if kind == "RBRACE":
            return 0 if first == "LBRACE" else 1
        if kind in _LOOSE or first in _LOOSE or "LBRACE" in (kind, first):
            return 1
        if self._is_between(kind, first):
            return self._around_sign(token, kind, first)
        if kind == "LPAR":
            return 0 if first == "NAME" and not self._is_points(token) else 1
        if kind == "LSQB":
            return 0 if before.ends_operand else 1
        return 1

    def _is_between(self, kind: str, first: str) -> bool:
        signs = {"PLUS", "MINUS", "STAR", "SLASH"}
        return kind in signs or first in signs

    def _around_sign(self, token: Token, kind: str, first: str) -> int:
        """Spaces around + and −; around * and / as the author has it, who may group by them; so in an index for all."""
        sign = token if kind in ("PLUS", "MINUS", "STAR", "SLASH") else self.before
        if sign.kind in ("PLUS", "MINUS") and not self._in_index:
            return 1
        text = self.source.text
        spaced = text[sign.start - 1].isspace() and text[sign.end : sign.end + 1].isspace()
        return 1 if spaced else 0

    def _is_points(self, token: Token) -> bool:
        """`find dE/dw (6 points)`."""
        return self.statement == "FIND" and re.match(r"\(\s*[0-9.]+\s+\w", self.source.text[token.start :]) is not None


# Columns.


def _settle(lines: list[Line]) -> None:
    """A place for every part: as far left as its line and its column let it."""
    code = [line for line in lines if line.is_code]
    for above, below in pairwise(line for line in code if line.frame is None and not line.offset):
        _align_after_keywords(above, below)
    for above, below in pairwise(code):
        _align(above, below)
    if not any(_place_all(lines) is False for _ in range(_MOST_PASSES)):
        for part in (part for line in lines for part in line.parts):
            part.column = None
        _place_all(lines)


def _align_after_keywords(above: Line, below: Line) -> None:
    """Statements whose beginnings are aligned stay so, although the lines of one may lie between."""
    if len(above.parts) > 1 and len(below.parts) > 1:
        mate, part = above.parts[1], below.parts[1]
        least, most = sorted((mate.slack, part.slack))
        if mate.start == part.start and least >= 0 < most:
            _join(mate, part, False)


def _align(above: Line, below: Line) -> None:
    """Join the parts of two lines that stand one below the other where a run of spaces has put one of them there."""
    upper = list(_movable(above))
    starts = {part.start: part for part in upper}
    ends = {part.end: part for part in upper if part.cell}
    for part in _movable(below):
        start, end = starts.get(part.start), ends.get(part.end) if part.cell else None
        mate = end or start
        if mate is not None and part.column is None and _belong(mate, part):
            _join(mate, part, None if start is end else end is not None)


def _belong(above: Part, below: Part) -> bool:
    """Whether two parts that stand one below the other were put there: a sign is aligned with the same sign."""
    if above.comment or below.comment:
        return above.comment and below.comment
    return _sign(above) == _sign(below) and max(above.slack, below.slack) > 0


def _sign(part: Part) -> str:
    """The sign that a part is, such as = or ->; nothing for one with a name, a number or a text."""
    return "" if any(c.isalnum() or c in '[("' for c in part.text) else part.text


def _movable(line: Line) -> Iterator[Part]:
    """The parts that may belong to a column: not the beginning of a statement, no text of several lines."""
    for i, part in enumerate(line.parts):
        fixed = i == 0 and (line.closes or (line.frame is None and not line.offset))
        if (
            not fixed
            and "\n" not in part.text
            and part.mate is None
            and not part.operand
            and part.slack >= (-1 if part.comment else 0)
        ):
            yield part


def _join(above: Part, below: Part, ends: bool | None) -> None:
    column = above.column or Column(None, above.slack)
    if ends is not None and column.ends not in (None, ends):
        return
    column.ends = ends if column.ends is None else column.ends
    column.slack = max(0, min(column.slack, below.slack))
    above.column = below.column = column


def _place_all(lines: list[Line]) -> bool:
    """One pass from left to right and from top to bottom; whether anything moved."""
    moved = False
    for line in lines:
        stop = _begin(line)
        for i, part in enumerate(line.parts):
            gap = part.gap if i else 0 if part.column else line.offset
            if part.mate is not None:
                gap = int(part.mate.padded and part.had > 0)
            place = _placed(part, stop + gap)
            part.padded = place > stop + part.gap
            moved = moved or place != part.place
            part.place, stop = place, 0
            stop = part.stop
    return moved


def _placed(part: Part, natural: int) -> int:
    column = part.column
    if column is None:
        return natural
    natural += column.slack
    width = part.width if column.ends else 0
    column.place = max(column.place, natural + width)
    return column.place - width


def _begin(line: Line) -> int:
    """Where a line begins, before anything is put in columns."""
    frame = line.frame
    if frame is None:
        return 0
    if line.closes or frame.hanging:
        return frame.line.parts[0].place + (0 if line.closes else INDENT)
    return frame.part.place + frame.reach + frame.inside


def _written(lines: list[Line]) -> str:
    return "".join(f"{_line(line)}\n" for line in lines)


def _line(line: Line) -> str:
    text, stop = "", 0
    for part in line.parts:
        text += " " * (part.place - stop) + part.text
        stop = part.stop
    return text
