"""One pass -> its blocks: values unit by unit, the error, derivatives level by level; siblings grouped, symmetry said; no digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from graphdsl.document import Block, Derivation, Inlines, Line, Math, Paragraph, Section, Table
from graphdsl.explain.lines import Lines, Saying, chain
from graphdsl.explain.measure import GROUPED, Measure
from graphdsl.explain.order import Level, Order
from graphdsl.explain.symmetry import Colours, pattern
from graphdsl.expr import ONE, Expr, Number, Partial, Relation, Symbol, equals
from graphdsl.graph import Graph
from graphdsl.model import is_stand_in
from graphdsl.phrases import Phrases

MOST_LINES = 30
"""So many siblings are written as lines; the rest are counted."""

Make = Callable[[str, bool], Iterator[Line]]
"""The line of an entry, in full or short, and those that have to stand before it."""


@dataclass(frozen=True)
class Passes:
    """Writes the passes of one round; the first round says every formula, later ones refer to it.

    explain: the entries and derivatives that are said in full, whatever the measure is.
    """

    lines: Lines
    order: Order
    colours: Colours
    first: bool
    measure: Measure = GROUPED
    explain: frozenset[str] = frozenset()

    @property
    def graph(self) -> Graph:
        return self.lines.at.graph

    @property
    def phrases(self) -> Phrases:
        return self.lines.phrases

    def saying(self, name: str, full: bool) -> Saying:
        """What the line of a value or derivative says; in later rounds no formulas, unless they are said again."""
        if name in self.explain:
            return Saying(rule=True)
        measure, symbols = self.measure, self.first or self.measure.again
        rule = full and symbols and measure.rule
        return Saying(rule=rule, symbols=symbols, numbers=measure.numbers, between=measure.between)

    # Forward.

    def forward(self) -> tuple[Block, ...]:
        """Every computed entry but the loss, unit by unit; the loss on its own line."""
        loss = self.graph.model.loss
        keys = [key for key in self._by_unit() if not is_stand_in(self.graph.model, key)]
        if not self.measure.lines and not self.lines.at.letters:
            return self._results([_Result(key, key, self.graph.symbols[key], self.lines.at.value(key)) for key in keys])
        inner = [key for key in keys if loss is None or key != loss.key]
        told: set[Expr] = set()

        def values(key: str, full: bool) -> Iterator[Line]:
            return self._values(key, full, told)

        blocks = self._grouped(inner, values, self._value_kind, self._values_equal, str)
        if loss is not None and loss.key in keys:
            blocks += (Derivation(tuple(values(loss.key, True))),)
        return blocks

    def _values(self, key: str, full: bool, told: set[Expr]) -> Iterator[Line]:
        """The line of a value; where every operation stands by itself, first the powers of e that it needs, each once."""
        saying = self.saying(key, full)
        if saying.between and not self.lines.at.letters:
            powers = [line for line in self.lines.exponentials(key) if line.chain.members[0] not in told]
            told.update(line.chain.members[0] for line in powers)
            yield from powers
        yield self.lines.value(key, saying)

    def _value_kind(self, key: str) -> object:
        return self.graph.is_argument(key), self.graph.depth[key]

    def _values_equal(self, keys: Sequence[str]) -> Relation:
        """H₂ = H₁ = 1.5."""
        members: list[Expr] = [self.graph.symbols[key] for key in reversed(keys)]
        return chain([*members, self.lines.at.value(keys[0])])

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
        if not self.measure.lines and not self.lines.at.letters:
            return self._gradients_alone(objective, levels)
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
            headed = heading and (self.first or self.measure.again)
            blocks += [Section(heading, inner, anchor)] if headed and inner else list(inner)
        return tuple(blocks)

    def _gradients_alone(self, objective: str, levels: list[Level]) -> tuple[Block, ...]:
        keys = [key for level in levels for key in self._shown(objective, level)]
        return self._results(
            [
                _Result(
                    key,
                    f"d{objective}/d{key}",
                    self.lines.partial(objective, key),
                    self.lines.at.gradient(objective, key),
                )
                for key in keys
            ]
        )

    def _shown(self, objective: str, level: Level) -> list[str]:
        """The entries of a level whose derivatives are said; with δs not those that are said on the way."""
        keys = (*level.units, *level.arguments, *level.data)
        return [key for key in keys if not self.lines.goes_through(objective, key)]

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
        keys = [key for level in levels for key in self._shown(objective, level)]
        near = frozenset(keys)

        def line(key: str) -> Line:
            saying = self.saying(f"d{objective}/d{key}", True)
            symbols = saying.symbols or self.measure.symmetry  # a circuit is short: its formulas stand in every round
            rule = symbols and self.measure.rule and self._says_rule(objective, key)
            return self.lines.gradient(objective, key, replace(saying, rule=rule, symbols=symbols, near=near))

        begins = () if self.lines.deltas and self._is_of_the_loss(objective) else (seed,)
        return (Derivation((*begins, *map(line, keys))),)

    def _heading(self, level: Level) -> Inlines:
        phrases = self.lines.phrases
        names = level.units or level.arguments
        if not names:
            return ()
        listed = phrases.listed([(Math(self.graph.symbols[key]),) for key in names[:8]])
        return phrases.say("unit_of" if len(names) == 1 else "units_of", name=listed, names=listed)

    def _level(self, objective: str, level: Level) -> tuple[Block, ...]:
        told: set[bool] = set()
        near = frozenset((*level.units, *level.arguments))

        def make(key: str, full: bool) -> Iterator[Line]:
            leaf = key in level.data
            saying = self.saying(f"d{objective}/d{key}", full)
            paths = self.first and leaf and leaf not in told and self.measure.rule and not self.lines.deltas
            told.add(leaf)
            rule = saying.rule and self._says_rule(objective, key)
            yield self.lines.gradient(objective, key, replace(saying, rule=rule, paths=paths, near=near))

        def kind(key: str) -> object:
            rules = [pattern(self.graph.local(use, key), _Blank()) for use in self.lines.uses(objective, key)]
            return key in self.graph.computed, self.graph.is_argument(key), tuple(map(repr, rules))

        def equal(keys: Sequence[str]) -> Relation:
            partials = [self.lines.partial(objective, key) for key in reversed(keys)]
            return chain([*partials, self.lines.at.gradient(objective, keys[0])])

        return self._grouped(self._shown(objective, level), make, kind, equal, lambda key: f"d{objective}/d{key}")

    def _says_rule(self, objective: str, key: str) -> bool:
        """Whether the chain rule stands before a derivative; with δs, of an output's alone: ∂E/∂y · ∂y/∂z."""
        return not (self.lines.deltas and self._is_of_the_loss(objective)) or self.lines.is_output(objective, key)

    def _is_of_the_loss(self, objective: str) -> bool:
        return self.graph.model.loss is not None and self.graph.model.loss.key == objective

    # Siblings.

    def _grouped(
        self,
        keys: list[str],
        make: Make,
        kind: Callable[[str], object],
        equal: Callable[[Sequence[str]], Relation],
        name: Callable[[str], str],
    ) -> tuple[Block, ...]:
        """The first of each kind in full, its siblings as short lines; those that symmetry makes equal in a sentence."""
        classes: dict[object, list[str]] = {}
        for key in keys:
            alone = not self.measure.symmetry or name(key) in self.explain
            classes.setdefault(key if alone else self.colours[key], []).append(key)
        lines: list[Line] = []
        kinds: set[object] = set()
        made = 0
        for key in (same[0] for same in classes.values()):
            own = kind(key)
            if made < MOST_LINES or name(key) in self.explain:
                lines += make(key, own not in kinds or self.measure.each)
                made += 1
            kinds.add(own)
        blocks: list[Block] = [Derivation(tuple(lines))] if lines else []
        symmetric = [same for same in classes.values() if len(same) > 1]
        if symmetric and self.first:
            blocks.append(self._by_symmetry([equal(same) for same in symmetric]))
        left = len(classes) - made
        if left:
            blocks.append(Paragraph(self.phrases.say("more_lines", count=left)))
        return tuple(blocks)

    def _by_symmetry(self, chains: list[Relation]) -> Paragraph:
        return Paragraph(self.phrases.say("by_symmetry", equal=self.phrases.listed([(Math(c),) for c in chains])))

    # Results alone.

    def _results(self, found: list[_Result]) -> tuple[Block, ...]:
        """A table, in which those that are equal by symmetry share a row; what is to be explained is said in full before it."""
        lines = [line for result in found if result.name in self.explain for line in self._in_full(result)]
        rows: dict[object, list[_Result]] = {}
        for result in found:
            rows.setdefault(self.colours.get(result.key, result.key), []).append(result)
        cells = tuple(
            (self.phrases.enumerated([(Math(result.symbol),) for result in same]), (Math(same[0].number),))
            for same in rows.values()
        )
        table = Table((self.phrases.say("quantity"), self.phrases.say("value")), cells, (False, True))
        return (*((Derivation(tuple(lines)),) if lines else ()), *((table,) if cells else ()))

    def _in_full(self, result: _Result) -> Iterator[Line]:
        if isinstance(result.symbol, Partial) and isinstance(result.symbol.of, Symbol):
            yield self.lines.gradient(result.symbol.of.key, result.key, Saying(rule=True))
        else:
            yield self.lines.value(result.key, Saying())


@dataclass(frozen=True, slots=True)
class _Result:
    """An entry, what is found of it, as it is called and as it is written, and its value."""

    key: str
    name: str
    symbol: Expr
    number: Number


class _Blank(dict[str, int]):
    """One colour for every name."""

    def __missing__(self, key: str) -> int:
        return 0
