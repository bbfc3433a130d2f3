"""One pass -> its blocks: values unit by unit, the error, derivatives level by level; siblings grouped, symmetry said; no digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from graphdsl.document import Block, Derivation, Inlines, Line, Math, Paragraph, Section
from graphdsl.explain.lines import Lines, Style, chain
from graphdsl.explain.order import Level, Order
from graphdsl.explain.symmetry import Colours, pattern
from graphdsl.expr import ONE, Expr, Number, Partial, Relation, equals
from graphdsl.graph import Graph
from graphdsl.model import is_stand_in

MOST_LINES = 30
"""So many siblings are written as lines; the rest are counted."""

Make = Callable[[str, bool], Line]
"""The line of an entry, in full or short."""


@dataclass(frozen=True)
class Passes:
    """Writes the passes of one round; the first round says every formula, later ones refer to it."""

    lines: Lines
    order: Order
    colours: Colours
    first: bool

    @property
    def graph(self) -> Graph:
        return self.lines.at.graph

    # Forward.

    def forward(self) -> tuple[Block, ...]:
        """Every computed entry but the loss, unit by unit; the loss on its own line."""
        loss = self.graph.model.loss
        model = self.graph.model
        keys = [k for k in self._by_unit() if (loss is None or k != loss.key) and not is_stand_in(model, k)]
        blocks = self._grouped(keys, self._value_line, lambda key: self._value_kind(key), _names_equal)
        if loss is not None and not is_stand_in(model, loss.key):
            blocks += (Derivation((self.lines.value(loss.key, self.first),)),)
        return blocks

    def _value_line(self, key: str, full: bool) -> Line:
        return self.lines.value(key, symbols=self.first)

    def _value_kind(self, key: str) -> object:
        return self.graph.is_argument(key), self.graph.depth[key]

    def _by_unit(self) -> list[str]:
        """The order of the text, but each activation straight after its argument."""
        found: list[str] = []
        for key in self.graph.computed:
            if key in found:
                continue
            found.append(key)
            if self.graph.is_argument(key):
                found += [u for u in self.graph.entries.successors(key) if self.graph.depth[u] == self.graph.depth[key]]
        return list(dict.fromkeys(found))

    # Backward.

    def backward(self, objective: str) -> tuple[Block, ...]:
        """∂objective/∂… from the output down."""
        levels = self.order.levels(objective)
        if not any(self.graph.is_argument(key) for key in self.graph.computed) and not self.graph.model.layers:
            return self._circuit(objective, levels)
        blocks: list[Block] = []
        parts: tuple[str, ...] = ()
        for level in levels:
            if self._only_parts(objective, level):
                parts += level.units
                continue
            heading = self._heading(level)
            inner = self._level(objective, replace(level, units=parts + level.units))
            parts = ()
            anchor = f"{objective}:{','.join(level.units)}@{self.lines.number}"
            blocks += [Section(heading, inner, anchor)] if heading and self.first else list(inner)
        return tuple(blocks)

    def _only_parts(self, objective: str, level: Level) -> bool:
        """Whether a level holds just the terms of the objective, as in E = E₁ + E₂: they join the level below."""
        terms = all(
            self.lines.uses(objective, key) == [objective] and isinstance(self.graph.local(objective, key), Number)
            for key in level.units
        )
        return terms and not level.arguments and not level.data

    def _circuit(self, objective: str, levels: list[Level]) -> tuple[Block, ...]:
        """All derivatives under each other, beginning with 1."""
        phrases = self.lines.phrases
        symbol = self.graph.symbols[objective]
        anchor = f"d{objective}/d{objective}@{self.lines.number}"
        seed = Line(equals(Partial(symbol, symbol), ONE), phrases.say("seed"), anchor)
        keys = [key for level in levels for key in (*level.units, *level.arguments, *level.data)]
        style = Style(True, near=frozenset(keys))
        return (Derivation((seed, *(self.lines.gradient(objective, key, style) for key in keys))),)

    def _heading(self, level: Level) -> Inlines:
        phrases = self.lines.phrases
        names = level.units or level.arguments
        if not names:
            return ()
        listed = phrases.listed([(Math(self.graph.symbols[key]),) for key in names[:8]])
        return phrases.say("unit_of" if len(names) == 1 else "units_of", name=listed, names=listed)

    def _level(self, objective: str, level: Level) -> tuple[Block, ...]:
        told: set[bool] = set()

        def make(key: str, full: bool) -> Line:
            leaf = key in level.data
            style = Style(
                full and self.first,
                self.first,
                self.first and leaf and leaf not in told,
                frozenset((*level.units, *level.arguments)),
            )
            told.add(leaf)
            return self.lines.gradient(objective, key, style)

        def kind(key: str) -> object:
            rules = [pattern(self.graph.local(use, key), _Blank()) for use in self.lines.uses(objective, key)]
            return key in self.graph.computed, self.graph.is_argument(key), tuple(map(repr, rules))

        def equal(keys: Sequence[str]) -> Relation:
            partials = [self.lines.partial(objective, key) for key in reversed(keys)]
            return chain([*partials, self.lines.at.gradient(objective, keys[0])])

        keys = [*level.units, *level.arguments, *level.data]
        return self._grouped(keys, make, kind, lambda _, same: equal(same))

    # Siblings.

    def _grouped(
        self,
        keys: list[str],
        make: Make,
        kind: Callable[[str], object],
        equal: Callable[[Passes, Sequence[str]], Relation],
    ) -> tuple[Block, ...]:
        """The first of each kind in full, its siblings as short lines; those that symmetry makes equal in a sentence."""
        classes: dict[int, list[str]] = {}
        for key in keys:
            classes.setdefault(self.colours[key], []).append(key)
        lines: list[Line] = []
        kinds: set[object] = set()
        for key in (same[0] for same in classes.values()):
            own = kind(key)
            if len(lines) < MOST_LINES:
                lines.append(make(key, own not in kinds))
            kinds.add(own)
        blocks: list[Block] = [Derivation(tuple(lines))] if lines else []
        symmetric = [same for same in classes.values() if len(same) > 1]
        if symmetric and self.first:
            blocks.append(self._by_symmetry([equal(self, same) for same in symmetric]))
        left = len(classes) - len(lines)
        if left:
            blocks.append(Paragraph(self.lines.phrases.say("more_lines", count=left)))
        return tuple(blocks)

    def _by_symmetry(self, chains: list[Relation]) -> Paragraph:
        phrases = self.lines.phrases
        return Paragraph(phrases.say("by_symmetry", equal=phrases.listed([(Math(c),) for c in chains])))


class _Blank(dict[str, int]):
    """One colour for every name."""

    def __missing__(self, key: str) -> int:
        return 0


def _names_equal(passes: Passes, keys: Sequence[str]) -> Relation:
    """H₂ = H₁ = 1.5."""
    members: list[Expr] = [passes.graph.symbols[key] for key in reversed(keys)]
    return chain([*members, passes.lines.at.value(keys[0])])
