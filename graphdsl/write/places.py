"""Numerals of a page -> the place of the page where each value was found, in the right round; knows no format and no operation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from graphdsl.document import Inlines, Line, Math
from graphdsl.expr import Expr, Number, Partial, Relation, Symbol, has_names, rewrite, walk

AFTER = ".after"
"""Behind the name of a parameter: its value once it was updated."""

GIVEN = "."
"""The round of what is given, which is never over."""

CLOSE = Decimal("0.01")
"""Two roundings of one value differ by less than this part of it."""


@dataclass(frozen=True, slots=True)
class Linked(Number):
    """A numeral that leads to the place where its value was found."""

    place: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where values are found: its name in an address, and the values that stand there, by quantity."""

    name: str
    values: Mapping[str, Number]


@dataclass
class Places:
    """What was found so far, read from the top of the page.

    `round` is the round that is being told; nothing where the page looks back on all of them.
    """

    round: str = ""
    found: dict[tuple[str, str], list[Place]] = field(default_factory=dict)

    def enter(self, anchor: str) -> None:
        """A part of the page begins; `forward@2` belongs to round 2."""
        self.round = anchor.rpartition("@")[2] if "@" in anchor else ""

    # What is found.

    def give(self, name: str, *parts: Inlines) -> None:
        """A line of what is given: all names and numerals in it."""
        nodes = [node for words in parts for part in words if isinstance(part, Math) for node in walk(part.expr)]
        values = {node.quantity: node for node in nodes if isinstance(node, Number) and node.quantity}
        for key in dict.fromkeys((*(node.key for node in nodes if isinstance(node, Symbol)), *values)):
            self._add(key, GIVEN, Place(name, values))

    def tell(self, name: str, line: Line) -> None:
        """A line of a derivation, which finds what its anchor says."""
        what, _, round_ = line.anchor.rpartition("@")
        if what:
            self._add(what, round_, Place(name, _values(line.chain.members[-1])))

    def repeat(self, name: str, words: Inlines) -> None:
        """Words with chains like H2 = H1 = 1.5, which find the same for each of their names."""
        for chain in (part.expr for part in words if isinstance(part, Math) and is_answer(part.expr)):
            assert isinstance(chain, Relation)
            *names, last = chain.members
            for key in filter(None, map(key_of, names)):
                values = {key: last} if isinstance(last, Number) else {}
                self._add(key, self.round, Place(name, values))

    def update(self, name: str, row: Sequence[Inlines]) -> None:
        """A row of a table of updates: parameters that fare alike, and their new value at the end."""
        match row[-1]:
            case (Math(expr=Number() as last),) if self.round:
                for key in (key_of(part.expr) for part in row[0] if isinstance(part, Math)):
                    self._add(key + AFTER, self.round, Place(name, {key: last}))

    def _add(self, what: str, round_: str, place: Place) -> None:
        self.found.setdefault((what, round_), []).append(place)

    # What leads there.

    def linked_line(self, line: Line) -> Line:
        """The line with its numerals linked, but for its own result."""
        what = line.anchor.rpartition("@")[0]
        own = what.removesuffix(AFTER)
        *members, last = line.chain.members
        led = [self.linked(member) for member in members]
        is_own = any(isinstance(n, Number) and _base(n.quantity or "") == _base(own) for n in walk(last))
        return replace(line, chain=replace(line.chain, members=(*led, last if is_own else self.linked(last))))

    def linked_words(self, words: Inlines) -> Inlines:
        """Words with the numerals of their formulas linked; the result of a chain is its own."""
        return tuple(
            replace(part, expr=self.linked(part.expr)) if isinstance(part, Math) and not is_answer(part.expr) else part
            for part in words
        )

    def linked(self, expr: Expr) -> Expr:
        """A formula whose numerals lead to where they were found, as far as the page shows it."""
        return rewrite(expr, lambda node: self._led(node) if isinstance(node, Number) else node)

    def _led(self, numeral: Number) -> Number:
        place = self._place(numeral)
        if place is None:
            return numeral
        return Linked(numeral.value, numeral.exact, numeral.quantity, numeral.given, numeral.span, place.name)

    def _place(self, numeral: Number) -> Place | None:
        quantity = (numeral.quantity or "").removeprefix("%")
        if not quantity:
            return None
        keys = dict.fromkeys((quantity, _base(quantity)))
        return next(filter(None, (self._of(key, numeral) for key in keys)), None)

    def _of(self, key: str, numeral: Number) -> Place | None:
        """Where this round found it; else the update of the round before; else what is given, if nothing changed it."""
        if not self.round:
            return self._only(key, numeral)
        before = str(int(self.round) - 1) if self.round.isdigit() else ""
        places = [*self.found.get((key + AFTER, before), ()), *self.found.get((key, self.round), ())]
        changed = self.round != "1" and any(what == key + AFTER for what, _ in self.found)
        given = () if changed else self.found.get((key, GIVEN), ())
        return next((place for place in (*reversed(places), *given) if _agrees(place, numeral)), None)

    def _only(self, key: str, numeral: Number) -> Place | None:
        """Looking back on all rounds: the only place with this value."""
        places = [place for (what, _), group in self.found.items() if what in (key, key + AFTER) for place in group]
        agreeing = [p for p in places if numeral.quantity in p.values and _agrees(p, numeral)]
        return agreeing[0] if len(agreeing) == 1 else None


def is_answer(expr: Expr) -> bool:
    """Whether a formula is a chain that begins with a name and ends with a value that was computed."""
    match expr:
        case Relation(members=(*_, last)):
            return has_names(expr.members[0]) and not has_names(last) and any(map(_is_computed, walk(last)))
        case _:
            return False


def _is_computed(expr: Expr) -> bool:
    return isinstance(expr, Number) and not expr.given


def key_of(expr: Expr) -> str:
    """The quantity that a name or a derivative stands for; nothing for any other formula."""
    match expr:
        case Symbol():
            return expr.key
        case Partial(of=Symbol() as of, wrt=Symbol() as wrt):
            return f"d{of.key}/d{wrt.key}"
        case _:
            return ""


def _values(member: Expr) -> dict[str, Number]:
    return dict(_numerals(member))


def _numerals(member: Expr) -> Iterator[tuple[str, Number]]:
    for node in walk(member):
        if isinstance(node, Number) and node.quantity:
            yield node.quantity, node


def _base(quantity: str) -> str:
    """The tensor that an entry belongs to: `W[2,1]` is of `W`."""
    return re.sub(r"\[[^\[\]]*\]$", "", quantity)


def _agrees(place: Place, numeral: Number) -> bool:
    """Whether a place shows this value, perhaps with more or fewer digits."""
    there = place.values.get((numeral.quantity or "").removeprefix("%"))
    if there is None:
        return True
    if there.exact and numeral.exact:
        return there.value == numeral.value
    step = sum((_unit(n) for n in (there, numeral)), Decimal(0)) / 2
    return abs(there.value - numeral.value) <= min(step, CLOSE * max(abs(there.value), abs(numeral.value)))


def _unit(numeral: Number) -> Decimal:
    """The last place of what was rounded."""
    exponent = numeral.value.as_tuple().exponent
    return Decimal(0) if numeral.exact or not isinstance(exponent, int) else Decimal(1).scaleb(exponent)
