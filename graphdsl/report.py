"""What `report { … }` may say of a page, key by key as a table, and what was said as one record; knows no page and no number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, get_args

from graphdsl.notation import DEFAULT, Notation

Style = Literal["chain", "delta", "matrix"]
"""How a page writes its steps: entry by entry with the chain rule, with a δ of each unit, or tensor by tensor."""

Detail = Literal["calculator", "full", "grouped", "short", "results"]
"""How much a page says of each step, from what one would key into a calculator to results alone."""

Paper = Literal["solution", "question", "key"]
"""What a page is for: the worked solution, the sheet to be handed out, the results for a marker."""

SECTIONS: Mapping[str, str] = {
    "figure": "figure",
    "given": "given",
    "tasks": "tasks",
    "conventions": "conventions",
    "forward": "forward",
    "backward": "backward",
    "updates": "update",
    "table": "results",
    "results": "results",
    "answers": "answers",
    "published": "published",
}
"""What each part of a page is called, and the anchor or kind of its blocks."""

Part = Literal["forward", "backward", "update"]
"""The parts of a round that may each be written in their own way."""

PageSize = Literal["a4", "letter"]
"""The paper of a PDF or of a LaTeX document."""

Language = Literal["en", "de", "ja", "zh-Hant"]
"""The languages of a page; there is a file of phrases for each."""

Drawn = Literal["few", "all", "none"]
"""How many drawings stand on a page."""

PARTS: tuple[Part, ...] = get_args(Part)


SWITCH = ("on", "off")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of `report`.

    words: the words that it takes; where none are listed, those who use it judge its value. by_part: whether each part
    of a round may have its own, `style[backward] = matrix`. says: what it does, for the command line and the reference;
    nothing where it is accepted and not used yet. form: the shape of its value, where it takes no words. quoted: whether
    its value is a text of the author's own.
    """

    words: tuple[str, ...] = ()
    by_part: bool = False
    says: str = ""
    form: str = ""
    default: str = ""
    quoted: bool = False


KEYS: Mapping[str, Key] = {
    "style": Key(
        get_args(Style),
        by_part=True,
        says="How steps are written: entry by entry with the chain rule, with a δ of each unit, or in whole matrices.",
        default="`matrix` where an equation computes a vector or matrix, else `chain`",
    ),
    "detail": Key(
        get_args(Detail),
        by_part=True,
        says="How much is said: every operation, every line in full, the first of each kind in full, formulas and results, or results alone.",
        default="`grouped`",
    ),
    "explain": Key(says="What is said in full, whatever the detail.", form="[dE/dw13, H1, updates]"),
    "figures": Key(
        get_args(Drawn),
        says="The drawings: few; all, the network at each stage too; or none.",
        default="`few`",
    ),
    "page": Key(get_args(PageSize), says="The size of the paper.", default="`a4`"),
    "as": Key(
        get_args(Paper),
        says="What is made: the worked solution, a sheet of the questions, or the results for a marker.",
        default="`solution`",
    ),
    "sections": Key(says="Which parts the page has; without it all.", form="[given, forward, results]"),
    "footer": Key(
        says="What the small print at the foot says: `none`, `ours`, or a text.",
        form="none|ours|TEXT",
        default="`ours`; on a sheet of questions `none`",
        quoted=True,
    ),
    "language": Key(
        (*get_args(Language), "zh"),
        says="The language of the page: English, German, Japanese or traditional Chinese (`zh-Hant`, or `zh`).",
        default="`en`",
    ),
    "tangents": Key(says="Whose forward mode is shown.", form="[x1, x2]"),
    "nudges": Key(says="What is changed a little, and by how much.", form="[b = 0.001]"),
    "notices": Key(
        SWITCH,
        says="Whether the page points at what a teacher would: dead and saturated units, twins, a step that is too long.",
        default="`on`",
    ),
    "rules": Key(
        SWITCH,
        says="Whether an appendix derives the rules that the page relied on, and only those.",
        default="`off`",
    ),
    "in_full": Key(
        says="Which rounds are written out: a list of numbers and `last`, or `first`, `last`, `all`.",
        form="[1, 2, last]",
        default="up to four rounds all, else the first two and the last",
    ),
    "in_full_every": Key(says="Every so many rounds, one is written out.", form="100"),
    "table": Key(
        says="The columns of a trace table, with a row for each update, sample or time step; or `nodes`: a row for each.",
        form="[x1, h1, dE/dw1, w1.after]",
    ),
    "contributions": Key(
        SWITCH,
        says="Whether the gradient of each shared parameter is also written as the sum of what comes through each use.",
        default="once, where the uses are time steps",
    ),
    "notation": Key(
        says="The letters and signs of a textbook, or of a file of your own beside the spec.",
        form="mazur",
        default="`default`",
        quoted=True,
    ),
    **dict.fromkeys(("gates", "view"), Key()),
}
"""Every key of `report`. Each that says what it does is an option of the command line too."""


MOST_ROUNDS = 4
"""Up to so many rounds are written out where nothing else is asked for; of a longer training the first two and the last."""


@dataclass(frozen=True, slots=True)
class InFull:
    """Which rounds are written out: those of these numbers, the last, each one that `every` divides; nothing said, a few."""

    numbers: tuple[int, ...] = ()
    last: bool = False
    every: int = 0

    def rounds(self, total: int) -> tuple[int, ...]:
        """The numbers of the rounds of a training of so many, in order."""
        if not (self.numbers or self.last or self.every):
            return tuple(range(1, total + 1)) if total <= MOST_ROUNDS else (1, 2, total)
        every = range(self.every, total + 1, self.every) if self.every else ()
        chosen = {*self.numbers, *every, *((total,) if self.last else ())}
        return tuple(sorted(number for number in chosen if number <= total))


Shows = Literal["value", "gradient", "after", "change"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a trace table: an entry's value, a derivative `of` by it, a parameter after its update, or by how much that changed it.

    over: in a column of a family, whose key it then has, the entry at each time step; `entry`: the place in an array.
    """

    shows: Shows
    key: str
    of: str = ""
    over: Mapping[int, str] = field(default_factory=dict)
    entry: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What a page is asked to be; it changes no number.

    styles and details: those of a part that has its own. explain: the entries and derivatives that are said in full, by
    their keys, and `updates` where all of these are. paper: what the page is for. sections: the parts that it has, by
    their names in SECTIONS; none stands for all. footer: `none`, `ours` or the author's text; nothing where none was
    said. tangents: the entries whose forward mode is shown. nudges: by how much entries are changed to try a derivative.
    notices: whether it points at dead units and the like. rules: whether it derives the rules that it relied on.
    in_full: which rounds are written out. columns: of a trace table; `time`: what its time steps are called. nodes:
    whether there is a table of nodes instead. contributions: whether the gradient of a shared parameter is written as the
    sum of what comes through each use; empty where nothing was said.
    """

    style: Style = "chain"
    styles: Mapping[Part, Style] = field(default_factory=dict)
    detail: Detail = "grouped"
    details: Mapping[Part, Detail] = field(default_factory=dict)
    explain: frozenset[str] = frozenset()
    page: PageSize = "a4"
    language: Language = "en"
    figures: Drawn = "few"
    tangents: tuple[str, ...] = ()
    nudges: Mapping[str, Decimal] = field(default_factory=dict)
    notices: bool = True
    rules: bool = False
    in_full: InFull = field(default_factory=InFull)
    columns: tuple[Column, ...] = ()
    time: str = ""
    nodes: bool = False
    contributions: str = ""
    paper: Paper = "solution"
    sections: tuple[str, ...] = ()
    footer: str = ""
    notation: Notation = DEFAULT

    def style_of(self, part: Part) -> Style:
        """How a part of a round is written."""
        return self.styles.get(part, self.style)

    def detail_of(self, part: Part) -> Detail:
        """How much a part of a round says."""
        return self.details.get(part, self.detail)
