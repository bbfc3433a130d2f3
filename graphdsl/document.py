"""The closed document: sections, paragraphs, derivations, tables, figures, notes, questions with room to write; holds expressions and words, never markup or digits chosen for a format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from graphdsl.diagram import Diagram
from graphdsl.expr import Expr, Relation
from graphdsl.plot import Plot

Drawing = Diagram | Plot
"""What a figure may be: boxes and arrows, or a curve."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words, as they are to be read."""

    words: str


@dataclass(frozen=True, slots=True)
class Strong:
    """Words that stand out."""

    words: str


@dataclass(frozen=True, slots=True)
class Math:
    """A formula within a line of words."""

    expr: Expr


Inline = Text | Strong | Math
Inlines = tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    words: Inlines


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a derivation: a chain of members, and the reason that holds for it (or nothing).

    `anchor` says what is found, and in which round: `H1@1`, `dE/dw13@2`, `w13.after@1`. A `compact` line follows one
    of its kind that says more: its derivatives may be set as low as words.
    """

    chain: Relation
    reason: Inlines = ()
    anchor: str = ""
    compact: bool = False


@dataclass(frozen=True, slots=True)
class Derivation:
    """Lines whose first relation signs stand under each other; `figure` is small and stands beside them where they leave room."""

    lines: tuple[Line, ...]
    figure: Figure | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A ruled table; cells are words or formulas; `numeric` columns align at the decimal mark."""

    head: tuple[Inlines, ...]
    rows: tuple[tuple[Inlines, ...], ...]
    numeric: tuple[bool, ...]
    caption: Inlines = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing that belongs to the text; `alt` says in words what it shows."""

    diagram: Drawing
    caption: Inlines
    alt: str

    @property
    def scale(self) -> float:
        """The size in which it stands on a page."""
        return self.diagram.scale if isinstance(self.diagram, Diagram) else 1.0


@dataclass(frozen=True, slots=True)
class Item:
    """A line of a list: a term and what is said of it."""

    term: Inlines
    words: Inlines


@dataclass(frozen=True, slots=True)
class Note:
    """A quiet box: what is given, the conventions that hold, a remark in passing."""

    kind: Literal["given", "tasks", "conventions", "answers", "remark"]
    title: Inlines
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A task of a sheet: its letter, what is asked, and at the right margin what it is worth."""

    letter: Inlines
    words: Inlines
    points: Inlines = ()


@dataclass(frozen=True, slots=True)
class Room:
    """Room to write by hand: so many lines, or blanks in one line, each between a term and the words behind it."""

    lines: int = 0
    blanks: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A headed part; sections nest one deep. `anchor` says which: `forward@1`, `backward@1`, `update@2`, `results`."""

    title: Inlines
    blocks: tuple[Block, ...]
    anchor: str = ""


Block = Section | Paragraph | Derivation | Table | Figure | Note | Question | Room


def mapped(
    block: Block,
    within: Callable[[Block], Block],
    inlines: Callable[[Inlines], Inlines],
    line: Callable[[Line], Line],
    drawing: Callable[[Drawing], Drawing],
) -> Block:
    """The block with its words, lines and drawing changed, and with the blocks `within` it."""
    match block:
        case Section():
            return replace(block, title=inlines(block.title), blocks=tuple(map(within, block.blocks)))
        case Paragraph():
            return replace(block, words=inlines(block.words))
        case Derivation():
            return replace(block, lines=tuple(map(line, block.lines)))
        case Table():
            rows = tuple(tuple(map(inlines, row)) for row in block.rows)
            return replace(block, head=tuple(map(inlines, block.head)), rows=rows, caption=inlines(block.caption))
        case Figure():
            return replace(block, diagram=drawing(block.diagram), caption=inlines(block.caption))
        case Note():
            items = tuple(Item(inlines(item.term), inlines(item.words)) for item in block.items)
            return replace(block, title=inlines(block.title), items=items)
        case Question():
            return replace(block, words=inlines(block.words), points=inlines(block.points))
        case Room():
            return block
    assert_never(block)


@dataclass(frozen=True, slots=True)
class Document:
    """A worked solution. `colophon` is the small print that closes it: rounding, checks, version."""

    title: str
    subtitle: Inlines
    blocks: tuple[Block, ...]
    colophon: Inlines
    language: str = "en"
    page: Literal["a4", "letter"] = "a4"
    comma: bool = False


@dataclass(frozen=True, slots=True)
class Chapter:
    """A document within a booklet, and what the table of contents calls it."""

    title: str
    document: Document


@dataclass(frozen=True, slots=True)
class Booklet:
    """Several documents in one; `contents` heads the table of contents."""

    title: str
    contents: str
    chapters: tuple[Chapter, ...]
    language: str = "en"
    page: Literal["a4", "letter"] = "a4"
