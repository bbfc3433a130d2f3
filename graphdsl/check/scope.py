"""The names of a spec: what each stands for, who quarrels over it; judges names, never formulas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from graphdsl.derive.element import part
from graphdsl.diagnostics import Label, Reporter, Span, did_you_mean
from graphdsl.draws import Fan
from graphdsl.expr import Element, Expr, Symbol, number, substitute
from graphdsl.limits import exceeded
from graphdsl.names import Ink, canonical
from graphdsl.numbers import Num, Shape, Tensor, indices, size
from graphdsl.syntax import DataKind, Name, Names

LOOKALIKE_ENTRIES = 1_000
"""Only tensors up to this size have their entries' looks compared."""


@dataclass(slots=True)
class Meaning:
    """What a name stands for; `expr` is missing until it is known, and stays so where it is broken."""

    text: str
    kind: str
    span: Span
    expr: Expr | None = None


@dataclass(slots=True)
class Datum:
    """A quantity that may still lack its value; of what a layer uses: as what, in which layers, and its fan."""

    kind: DataKind
    symbol: Symbol
    value: Tensor[Num] | None
    span: Span
    role: str = ""
    layers: set[str] = field(default_factory=set)
    fan: Fan | None = None
    class_number: int = 0


@dataclass(frozen=True, slots=True)
class Unsized:
    """A target that is a class number, until what it is compared with says how many classes there are."""

    name: str
    chosen: int
    span: Span


@dataclass
class Scope:
    """All names by what they are compared by, and the quantities in the order of the text."""

    reporter: Reporter
    names: dict[str, Meaning] = field(default_factory=dict)
    data: dict[str, Datum] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    clashing: set[str] = field(default_factory=set)
    families: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unsized: dict[str, Unsized] = field(default_factory=dict)
    counts_classes: bool = False
    advice: str = "declare it with `input`, `param` or `const`, or give it an equation"

    def declare(self, text: str, kind: str, span: Span, expr: Expr | None = None) -> bool:
        """Enter a name; a second one of the same name is a mistake that points at both."""
        known = self.names.get(canonical(text))
        if known is not None:
            self.clashing.add(canonical(text))
            spelled = "" if known.text == text else f" (as `{known.text}`)"
            self.reporter.error(
                f"`{text}` is defined twice{spelled}",
                span,
                "again here",
                also=[Label(known.span, f"first here, as {article(known.kind)}")],
            )
            return False
        self.names[canonical(text)] = Meaning(text, kind, span, expr)
        return True

    def define(self, text: str, expr: Expr | None) -> None:
        """Say what a declared name stands for; nothing where its definition is wrong."""
        self.names[canonical(text)].expr = expr

    def spoil(self, text: str) -> None:
        """A name whose definition is wrong stands for nothing, and that was reported."""
        if canonical(text) not in self.names:
            self.names[canonical(text)] = Meaning(text, "node", Span(0, 0))
        self.define(text, None)

    def declare_broken(self, names: Iterable[Name], kind: str) -> None:
        """Enter names whose declaration is wrong, so that using them is no second mistake."""
        for name in names:
            if canonical(name.text) not in self.names:
                self.names[canonical(name.text)] = Meaning(name.text, kind, name.span)

    def declare_family(self, name: Name, members: tuple[str, ...]) -> None:
        """Enter a name that stands for no value itself: its members do."""
        self.names[canonical(name.text)] = Meaning(name.text, "family", name.span)
        self.families[canonical(name.text)] = members

    def _refuse_bare_family(self, text: str, span: Span) -> None:
        members = self.families[canonical(text)]
        shown = members if len(members) <= 3 else (*members[:2], "…", members[-1])
        named = ", ".join(m if m == "…" else f"`{m}`" for m in shown)
        first, last = (m.partition("[")[2].rstrip("]") for m in (members[0], members[-1])) if members else ("1", "2")
        self.reporter.error(
            f"`{text}` is a family: it has no value itself, its members {named} have",
            span,
            hint=f"{text}[{last}] is one of them; stack({text}[{first}..{last}]) puts them together",
        )

    def meaning(self, text: str) -> Meaning | None:
        """What a name stands for, or nothing."""
        return self.names.get(canonical(text))

    def look_up(self, text: str, span: Span) -> Expr | None:
        """The symbol or element behind a name; an unknown one is reported."""
        meaning = self.meaning(text)
        if meaning is None:
            self.reporter.error(
                f"`{text}` is not defined",
                span,
                "unknown name",
                hint=did_you_mean(text, self.spellings()) or self.advice,
            )
            return None
        if meaning.kind == "family":
            self._refuse_bare_family(text, span)
        self.used.add(canonical(text))
        return meaning.expr

    def unsized_class(self, text: str) -> Unsized | None:
        """The class number behind a name, as long as nothing says how many classes there are."""
        return self.unsized.get(canonical(text))

    def drop_unsized(self, unsized: Unsized) -> None:
        """What is wrong with the class number was reported."""
        del self.unsized[canonical(unsized.name)]

    def give_size(self, unsized: Unsized, shape: Shape, value: Tensor[Num]) -> None:
        """From now on the class number is a vector."""
        self.drop_unsized(unsized)
        symbol = Symbol(unsized.name, shape)
        self.data[unsized.name] = Datum("target", symbol, value, unsized.span, class_number=unsized.chosen)
        self.define(unsized.name, symbol)

    def spellings(self) -> list[str]:
        """All names, as typed."""
        return [meaning.text for meaning in self.names.values()]

    def enter_parts(self, symbol: Symbol, kind: str, spans: Iterable[Span]) -> None:
        """Let the named entries of a tensor be called by their own names."""
        if symbol.parts is None:
            return
        for entry, index, span in zip(symbol.parts, indices(symbol.shape), spans, strict=True):
            self.declare(entry.key, kind, span, Element(symbol, tuple(map(number, index))))

    def look_alikes(self) -> None:
        """Report different names that would look the same on the page."""
        seen: dict[Ink, tuple[str, Span]] = {}
        told: set[tuple[str, Span]] = set()
        for key, text, ink, span in self._looks():
            other = seen.setdefault(ink, (text, span))
            if other[0] != text and (key, other[1]) not in told:
                told.add((key, other[1]))
                self.reporter.error(
                    f"`{text}` and `{other[0]}` would look the same on the page",
                    span,
                    f"`{text}`",
                    also=[Label(other[1], f"`{other[0]}`")],
                    hint="rename one of them",
                )

    def alike(self) -> set[str]:
        """The keys of names that would look like another on the page, as a whole or in an entry."""
        owners: dict[Ink, dict[str, str]] = {}
        for key, text, ink, _ in self._looks():
            owners.setdefault(ink, {})[text] = key
        return {key for found in owners.values() if len(found) > 1 for pair in found.items() for key in pair}

    def renamed(self, symbols: Mapping[str, Symbol]) -> None:
        """Let names stand for symbols with another look."""
        for meaning in self.names.values():
            if meaning.expr is not None:
                meaning.expr = substitute(meaning.expr, symbols)

    def _looks(self) -> Iterator[tuple[str, str, Ink, Span]]:
        """Each name and each entry: the name's key, its own, its look, and where it is declared."""
        for meaning in self.names.values():
            symbol = meaning.expr
            if not isinstance(symbol, Symbol):
                continue
            if symbol.parts is None or "." not in symbol.key:
                yield symbol.key, symbol.key, _plain(symbol.ink), meaning.span
            for entry in symbol.parts or ():
                yield symbol.key, entry.key, _plain(entry.ink), meaning.span
            if symbol.shape and symbol.parts is None and size(symbol.shape) <= LOOKALIKE_ENTRIES:
                for index in indices(symbol.shape):
                    entry = part(symbol, index)
                    yield symbol.key, entry.key, _plain(entry.ink), meaning.span


def _plain(ink: Ink) -> Ink:
    """The look without commas between single signs, which text leaves out: k₃[1] and k[3,1] are both k₃₁."""
    parts = ink.sub.split(",")
    return replace(ink, sub="".join(parts)) if all(len(p) == 1 for p in parts) else ink


_KINDS = {"param": "parameter", "const": "constant"}


def article(kind: str) -> str:
    """`an input`, `a parameter`."""
    word = _KINDS.get(kind, kind)
    return f"{'an' if word[0] in 'aeio' else 'a'} {word}"


def spread(names: Names, reporter: Reporter) -> list[Name]:
    """The names of a range `b1..b5`; a single name is itself."""
    first, last = names.first, names.last
    if last is None:
        return [first]
    stem, start = _numbered(first.text)
    other_stem, end = _numbered(last.text)
    if stem != other_stem or start is None or end is None:
        reporter.error(
            f"`{first.text}..{last.text}` is not a range of names",
            names.span,
            "the names differ in more than a number",
            hint="write it as `b1..b5`",
        )
        return []
    if end < start:
        reporter.error(
            f"the range `{first.text}..{last.text}` runs backwards",
            names.span,
            hint=f"write `{last.text}..{first.text}`",
        )
        return []
    most = reporter.source.limits.names
    if end - start >= most:
        reporter.error(
            f"the range `{first.text}..{last.text}` has {end - start + 1:,} names",
            names.span,
            f"at most {most:,} are allowed",
            hint=exceeded("names", end - start + 1),
        )
        return []
    return [Name(f"{stem}{i}", names.span) for i in range(start, end + 1)]


def _numbered(text: str) -> tuple[str, int | None]:
    stem = text.rstrip("0123456789")
    digits = text[len(stem) :]
    return stem, int(digits) if digits and len(digits) < 10 else None


def counted(shape: Shape, what: str, span: Span | None, reporter: Reporter, things: str = "entries") -> bool:
    """Whether a shape is small enough to be made; reported before memory is touched."""
    most, count = reporter.source.limits.entries, size(shape)
    if count <= most:
        return True
    hint = exceeded("entries", count)
    reporter.error(f"{what} would have {count:,} {things}", span, f"at most {most:,} are allowed", hint=hint)
    return False
