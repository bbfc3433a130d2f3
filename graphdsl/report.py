"""What `report { … }` may say of a page, key by key as a table, and what was said as one record; knows no page and no number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, get_args

Style = Literal["chain", "matrix"]
"""How a page writes its steps: entry by entry with the chain rule, or tensor by tensor."""

Part = Literal["forward", "backward", "update"]
"""The parts of a round that may each be written in their own way."""

PageSize = Literal["a4", "letter"]
"""The paper of a PDF or of a LaTeX document."""

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
        says="How steps are written: entry by entry with the chain rule, or in whole matrices.",
        default="`matrix` where an equation computes a vector or matrix, else `chain`",
    ),
    "page": Key(get_args(PageSize), says="The size of the paper.", default="`a4`"),
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
    **dict.fromkeys(("detail", "explain", "gates", "in_full", "language", "notation", "table", "view"), Key()),
}
"""Every key of `report`. Each that says what it does is an option of the command line too."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a page is asked to be; it changes no number.

    tangents: the entries whose forward mode is shown. nudges: by how much entries are changed to try a derivative.
    notices: whether it points at dead units and the like. rules: whether it derives the rules that it relied on.
    """

    style: Style = "chain"
    page: PageSize = "a4"
    tangents: tuple[str, ...] = ()
    nudges: Mapping[str, Decimal] = field(default_factory=dict)
    notices: bool = True
    rules: bool = False
