"""Trace + the name of a whole tensor -> Document: how its value, gradient or update is found, in matrices; chooses no digits and no format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from graphdsl import __version__
from graphdsl.document import Block, Derivation, Document, Inlines, Item, Line, Math, Note, Section, Text
from graphdsl.explain.lines import Saying, after_symbol
from graphdsl.explain.matrix import MatrixLines, Tensors
from graphdsl.explain.single import counted, kept, plain_name, refused, single
from graphdsl.explain.updating import is_plain, update_lines
from graphdsl.explain.worked import Pass
from graphdsl.expr import Expr, Partial, Symbol, children, equals, symbols
from graphdsl.graph import Graph, entry_symbols
from graphdsl.names import canonical
from graphdsl.numbers import Decimal50
from graphdsl.phrases import Phrases
from graphdsl.report import Style
from graphdsl.run import backward, data_of, forward
from graphdsl.trace import Sample, Trace

__all__ = ["explained"]

MOST_ENTRIES = 24
"""Of an update that is no plain step, so many entries are worked out."""


def explained(
    trace: Trace, phrases: Phrases, name: str, step: int | None = None, style: Style | None = None
) -> Document:
    """How one name is found in one round; a whole tensor in matrices, unless entries are asked for. SpecError if it is none."""
    asked = _asked(trace.graph, name)
    if asked is None or style == "chain":
        return single(trace, phrases, name, step)
    story = _Whole(trace, phrases, asked, _step(trace, step, asked))
    return Document(
        title=trace.graph.model.title or phrases.words("untitled"),
        subtitle=story.subtitle(),
        blocks=tuple(story.blocks()),
        colophon=phrases.say("colophon_program", version=__version__),
        language=phrases.language,
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """A tensor, and what is asked about it; `of` is there where that is a gradient."""

    kind: Literal["value", "gradient", "update"]
    symbol: Symbol
    of: Symbol | None = None


_OVER = re.compile(r"[d∂](?P<of>[^/]+)/[d∂](?P<wrt>[^/]+)")


def _asked(graph: Graph, name: str) -> _Asked | None:
    """What a name asks about a whole tensor; nothing where it names none."""
    tensors = {canonical(key): symbol for key, symbol in graph.tensors.items() if symbol.shape}
    scalars = {canonical(key): symbol for key, symbol in graph.symbols.items() if key in graph.computed}
    wanted = plain_name(name)
    over = _OVER.fullmatch(wanted)
    updated = wanted.removesuffix(".after")
    if wanted in tensors:
        return _Asked("value", tensors[wanted])
    if (
        updated != wanted
        and updated in tensors
        and any(q.trained and q.symbol == tensors[updated] for q in graph.model.quantities)
    ):
        return _Asked("update", tensors[updated])
    if over is not None and over["wrt"] in tensors and over["of"] in scalars:
        return _Asked("gradient", tensors[over["wrt"]], scalars[over["of"]])
    return None


def _step(trace: Trace, step: int | None, asked: _Asked) -> int:
    """The round that is asked for; without one the first, of an update the last. Values exist also after the last update."""
    rounds = trace.count
    last = rounds + (asked.kind == "value" and trace.final is not None)
    if asked.kind == "update" and trace.graph.model.training is None:
        raise refused(f"there is no `{asked.symbol.key}.after`, for nothing is trained here")
    number = step if step is not None else rounds if asked.kind == "update" else 1
    if not 1 <= number <= last:
        raise refused(f"there is no round {number}: {counted(rounds)}")
    return number


def _values_in(expr: Expr) -> Iterator[str]:
    """The names whose values a formula needs, not those that it is differentiated by."""
    match expr:
        case Partial():
            return
        case Symbol():
            yield expr.key
        case _:
            for child in children(expr):
                yield from _values_in(child)


class _Whole:
    """The blocks that explain one tensor."""

    def __init__(self, trace: Trace, phrases: Phrases, asked: _Asked, step: int):
        self.trace, self.graph, self.phrases = trace, trace.graph, phrases
        self.asked, self.step = asked, step
        self.tensors = Tensors(trace.graph)
        self.lines = MatrixLines(self.tensors, self._pass(), phrases, step)

    def _pass(self) -> Pass:
        sample = kept(self.trace, self.step).samples[0] if self.step <= self.trace.count else self.trace.final
        assert sample is not None, "there is a pass after the last update only where something was trained"
        of = self.asked.of
        if of is not None and of.key not in sample.gradients:
            sample = self._with_gradients(sample, of)
        unchanged = (q.symbol for q in self.graph.model.quantities if self.step == 1 or not q.trained)
        return Pass(self.graph, sample, frozenset(e.key for symbol in unchanged for e in entry_symbols(symbol)))

    def _with_gradients(self, sample: Sample, of: Symbol) -> Sample:
        """The pass with the gradients of a number that is no objective."""
        arithmetic = Decimal50()
        env = forward(
            self.graph, data_of(self.graph, kept(self.trace, self.step).parameters, sample.number), arithmetic
        )
        found = backward(self.graph, of.key, env, arithmetic)
        by_entry = {
            entry.key: value
            for key, symbol in self.graph.tensors.items()
            if key in found
            for entry, value in zip(entry_symbols(symbol), found[key].flat, strict=True)
        }
        return replace(sample, gradients={**sample.gradients, of.key: by_entry})

    def subtitle(self) -> Inlines:
        """Round 2: ∂L/∂K"""
        asked = self.asked
        what = Partial(asked.of, asked.symbol) if asked.of is not None else asked.symbol
        words: Inlines = (Math(after_symbol(asked.symbol) if asked.kind == "update" else what),)
        if self.step > self.trace.count:
            return self.phrases.say("updated_pass_of", part=words)
        if self.trace.count > 1:
            return self.phrases.say("in_round", number=self.step, part=words)
        return words

    def blocks(self) -> Iterator[Block]:
        match self.asked.kind:
            case "value":
                yield from self._value()
            case "gradient":
                assert self.asked.of is not None, "a gradient is one of something"
                yield from self._gradient(self.asked.of)
            case "update":
                yield from self._update()
            case _:
                assert_never(self.asked.kind)

    def _value(self) -> Iterator[Block]:
        below = self._below([self.asked.symbol.key])
        yield from self._given(below)
        lines = [self.lines.value(node, Saying()) for key, node in self.tensors.nodes.items() if key in below]
        if lines:
            yield Derivation(tuple(lines))

    def _gradient(self, of: Symbol) -> Iterator[Block]:
        key = self.asked.symbol.key
        reached = self.lines.at.sample.gradients[of.key]
        if next(entry_symbols(self.asked.symbol)).key not in reached:
            raise refused(f"`{of.key}` does not depend on `{key}`")
        between = [self.tensors.symbols[k] for k in reversed(self.tensors.nodes) if k in self._above(key, of)]
        used = {name for symbol in (*between, self.asked.symbol) for name in _values_in(self.lines.pulled(of, symbol))}
        yield from self._given(used)
        values = [self.lines.value(node, Saying()) for k, node in self.tensors.nodes.items() if k in used]
        gradients = [self.lines.gradient(of, symbol, Saying()) for symbol in between]
        if needed := tuple(Derivation(tuple(lines)) for lines in (values, gradients) if lines):
            yield Section(self.phrases.say("needed"), needed)
        yield self._section("chain_rule", [self.lines.gradient(of, self.asked.symbol, Saying())])

    def _update(self) -> Iterator[Block]:
        model = self.graph.model
        assert model.training is not None and model.loss is not None, "what is updated is trained"
        yield self._section("needed", [self.lines.gradient(model.loss, self.asked.symbol, Saying())])
        round_, at = kept(self.trace, self.step), self.lines.at
        if is_plain(model.training, round_, model):
            yield self._section("update", [self.lines.update(self.asked.symbol, round_, model.training, Saying())])
            return
        keys = [entry.key for entry in entry_symbols(self.asked.symbol)][:MOST_ENTRIES]
        lines = [
            line
            for key in keys
            for line in update_lines(key, round_, at, model.training, Saying(symbols=key == keys[0]))
        ]
        yield self._section("update", lines)

    def _above(self, key: str, of: Symbol) -> set[str]:
        """The nodes on the way from a tensor to what is differentiated."""
        found: set[str] = set()
        waiting = [key]
        reached = self.lines.at.sample.gradients[of.key]
        while waiting:
            for use in self.tensors.uses[waiting.pop()]:
                entries = [entry.key for entry in entry_symbols(self.tensors.symbols[use])]
                if use not in found and of.key not in entries and entries[0] in reached:
                    found.add(use)
                    waiting.append(use)
        return found

    def _below(self, keys: Iterable[str]) -> set[str]:
        """The tensors that some are computed from, and they themselves."""
        found = set(keys)
        for key in reversed(self.tensors.nodes):
            if key in found:
                found |= symbols(self.tensors.nodes[key].formula).keys()
        return found

    def _given(self, keys: Iterable[str]) -> Iterator[Note]:
        """The data among some tensors."""
        data = [q.symbol for q in self.graph.model.quantities if q.symbol.key in set(keys)]
        items = [Item((), (Math(equals(symbol, self.lines.arrays.value(symbol))),)) for symbol in data]
        if items:
            yield Note("given", self.phrases.say("given"), tuple(items))

    def _section(self, title: str, lines: Iterable[Line]) -> Section:
        words = self.phrases.words(title)
        return Section((Text(words[:1].upper() + words[1:]),), (Derivation(tuple(lines)),))
