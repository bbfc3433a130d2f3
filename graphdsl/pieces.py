"""Document + the parts asked for -> a shorter document; knows the anchors of lines and sections, never a format or a digit."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NoReturn, assert_never

from graphdsl.diagnostics import Diagnostic, SpecError, did_you_mean
from graphdsl.document import (
    Block,
    Derivation,
    Document,
    Figure,
    Math,
    Note,
    Paragraph,
    Question,
    Room,
    Section,
    Table,
)
from graphdsl.explain.single import plain_name, single
from graphdsl.explain.whole import explained
from graphdsl.expr import Expr, Partial, Relation, Symbol, equals
from graphdsl.report import SECTIONS

__all__ = ["PARTS", "explained", "only", "single"]

PARTS = SECTIONS
"""What each part is called, and the anchor or kind of its blocks."""


def only(document: Document, *what: str, step: int | None = None) -> Document:
    """The parts named, in the order of the page, of all rounds or of one: PARTS, or names such as `H1`, `dE/dw13`, `w13.after`.

    A name or round that the page does not have is a SpecError.
    """
    choices = [_choice(word, document, step) for word in what]
    twins = tuple(Paragraph((Math(choice.twin),)) for choice in choices if choice.twin)
    kept = _cut(document.blocks, lambda anchor: any(choice.takes(anchor) for choice in choices))
    return replace(document, blocks=(*twins, *kept))


@dataclass(frozen=True, slots=True)
class _Place:
    """An anchor: what it names, and in which round; 0 where that is none."""

    name: str
    step: int


def _place(anchor: str) -> _Place:
    name, at, step = anchor.rpartition("@")
    return _Place(plain_name(name), int(step)) if at else _Place(anchor, 0)


@dataclass(frozen=True, slots=True)
class _Choice:
    """A name on the page, and in which round; `twin` says that what was asked for is equal to it."""

    name: str
    step: int | None
    twin: Relation | None = None

    def takes(self, anchor: str) -> bool:
        found = _place(anchor)
        return found.name == self.name and (not self.step or not found.step or found.step == self.step)


def _choice(word: str, document: Document, step: int | None) -> _Choice:
    places = {_place(anchor) for anchor in _anchors(document.blocks)}
    names = {place.name for place in places}
    choice = _choice_of(word, document, names, step)
    steps = sorted({place.step for place in places if place.name == choice.name and place.step})
    if choice.name not in names:
        hint = did_you_mean(plain_name(word), [*PARTS, *(name for name in names if ":" not in name)])
        _refuse(f"there is no `{word}` on this page", hint or _ELSEWHERE)
    if step is not None and steps and step not in steps:
        _refuse(f"there is no `{word}` of round {step} on this page, only of {_rounds(steps)}", _ELSEWHERE)
    return choice


_ELSEWHERE = "`graphdsl explain` works out any name in any round"


def _choice_of(word: str, document: Document, names: Container[str], step: int | None) -> _Choice:
    """What a word stands for; a name without a line of its own for one that the page says is equal by symmetry."""
    part = PARTS.get(word.strip().lower())
    name = plain_name(word)
    if part is not None and name not in names:
        return _Choice(part, step)
    if name in names:
        return _Choice(name, step)
    for chain in _equalities(document.blocks):
        own = {_name(member): member for member in chain.members}
        known = next((other for other in own if other in names), "")
        if name in own and known:
            return _Choice(known, step, equals(own[name], own[known]))
    return _Choice(name, step)


def _rounds(steps: list[int]) -> str:
    *first, last = map(str, steps)
    return f"rounds {', '.join(first)} and {last}" if first else f"round {last}"


def _refuse(message: str, hint: str) -> NoReturn:
    raise SpecError([Diagnostic(message, hint=hint)])


def _equalities(blocks: Iterable[Block]) -> Iterator[Relation]:
    """The chains within words, as those of a symmetry."""
    for block in blocks:
        match block:
            case Section():
                yield from _equalities(block.blocks)
            case Paragraph():
                yield from (p.expr for p in block.words if isinstance(p, Math) and isinstance(p.expr, Relation))
            case _:
                pass


def _name(expr: Expr) -> str:
    match expr:
        case Symbol():
            return plain_name(expr.key)
        case Partial(of=Symbol() as of, wrt=Symbol() as wrt):
            return plain_name(f"d{of.key}/d{wrt.key}")
        case _:
            return ""


def _anchors(blocks: Iterable[Block]) -> Iterator[str]:
    """What a page can be cut to."""
    for block in blocks:
        match block:
            case Section():
                yield block.anchor
                yield from _anchors(block.blocks)
            case Derivation():
                yield from (line.anchor for line in block.lines)
            case Figure():
                yield "figure"
            case Note():
                yield block.kind
            case Paragraph() | Table() | Question() | Room():
                pass
            case _:
                assert_never(block)


def _cut(blocks: Iterable[Block], takes: Callable[[str], bool]) -> Iterator[Block]:
    """The blocks asked for; a section of which only a part is keeps its title."""
    for block in blocks:
        match block:
            case Section():
                kept = block.blocks if takes(block.anchor) else tuple(_cut(block.blocks, takes))
                if kept:
                    yield replace(block, blocks=kept)
            case Derivation():
                lines = tuple(line for line in block.lines if takes(line.anchor))
                if lines:
                    yield Derivation(lines)
            case Figure():
                yield from (block,) if takes("figure") else ()
            case Note():
                yield from (block,) if takes(block.kind) else ()
            case Paragraph() | Table() | Question() | Room():
                pass
            case _:
                assert_never(block)
