"""`in_full` and `table` of `report { … }` -> the rounds that are written out and the columns of a trace table; computes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from graphdsl.check.resolve import Resolver
from graphdsl.check.scope import Scope
from graphdsl.check.settings import keys_of, number_of
from graphdsl.derive.element import part
from graphdsl.diagnostics import Span
from graphdsl.expr import Array, Element, Expr, Number, Quotient, Symbol, number, walk
from graphdsl.model import Training
from graphdsl.names import canonical
from graphdsl.numbers import indices
from graphdsl.report import Column, InFull, Shows
from graphdsl.syntax import Quoted, Setting

MOST_IN_FULL = 60
"""So many rounds at most are written out."""

MOST_COLUMNS = 16
"""So many columns at most has a trace table."""

_WORDS = {"first": InFull((1,)), "last": InFull(last=True), "all": InFull(every=1)}


# Rounds.


def in_full(said: Mapping[str, Setting], plan: Training | None, scope: Scope, resolver: Resolver) -> InFull:
    """Which rounds are written out."""
    listed, every = said.get("in_full"), said.get("in_full_every")
    found = InFull() if listed is None else _listed(listed, plan, scope)
    if every is not None:
        count = number_of(every, scope, resolver)
        if count is not None and (count.value < 1 or count.value != count.value.to_integral_value()):
            scope.reporter.error("`in_full_every` is a whole number of rounds", every.value.span or every.span)
        elif count is not None:
            found = replace(found, every=int(count.value))
    setting = every or listed
    shown = found.rounds(plan.steps) if plan is not None else ()
    if setting is not None and len(shown) > MOST_IN_FULL:
        message = f"{len(shown):,} rounds would be written out"
        scope.reporter.error(message, setting.span, f"at most {MOST_IN_FULL} are")
        return InFull()
    return found


def _listed(setting: Setting, plan: Training | None, scope: Scope) -> InFull:
    """The rounds of a list."""
    found = InFull()
    for entry in _entries(setting):
        if isinstance(entry, Symbol) and entry.key in _WORDS:
            own = _WORDS[entry.key]
            found = InFull((*found.numbers, *own.numbers), found.last or own.last, found.every or own.every)
            continue
        if not isinstance(entry, Number) or entry.value != entry.value.to_integral_value():
            _refuse_round(entry, setting, scope)
            return InFull()
        total = plan.steps if plan is not None else 1
        if not 1 <= entry.value <= total:
            there = f"the training has {total:,}" if total > 1 else "there is one round"
            label = "rounds are counted from 1" if entry.value < 1 else there
            scope.reporter.error(f"there is no round {entry.value}", entry.span or setting.span, label)
            continue
        found = replace(found, numbers=(*found.numbers, int(entry.value)))
    return found


def _refuse_round(entry: Expr, setting: Setting, scope: Scope) -> None:
    span = entry.span or setting.span
    hint = "for example in_full = [1, 2, last]; in_full_every = 100 takes every hundredth"
    scope.reporter.error("`in_full` lists numbers of rounds, or says `first`, `last` or `all`", span, hint=hint)


def _entries(setting: Setting) -> tuple[Expr, ...]:
    """What is listed."""
    if isinstance(setting.value, Quoted):
        return (Symbol(setting.value.text, span=setting.value.span),)
    return setting.value.entries if isinstance(setting.value, Array) else (setting.value,)


# Columns.


@dataclass(frozen=True, slots=True)
class TraceTable:
    """What a trace table shows; `time` is what its time steps are called."""

    columns: tuple[Column, ...] = ()
    time: str = ""
    nodes: bool = False


def trace_table(
    setting: Setting | None, plan: Training | None, objectives: Iterable[Symbol], scope: Scope, resolver: Resolver
) -> TraceTable:
    """The columns that were asked for."""
    if setting is None:
        return TraceTable()
    entries = _entries(setting)
    if not isinstance(setting.value, Array):
        if entries == (Symbol("nodes"),):
            return TraceTable(nodes=True)
        scope.reporter.error(
            "`table` is a list of columns, or `nodes`",
            setting.value.span or setting.span,
            hint="for example table = [x1, h1, dE/dw1, w1.after]",
        )
        return TraceTable()
    reader = _Columns(plan, tuple(o.key for o in objectives), scope, resolver)
    reader.time = _time(entries, scope)
    columns = tuple(column for entry in entries for column in reader.columns(entry))
    if len(columns) > MOST_COLUMNS:
        scope.reporter.error(
            f"this table would have {len(columns)} columns", setting.span, f"at most {MOST_COLUMNS} fit a page"
        )
    return TraceTable(columns, (reader.time or "s") if any(c.over for c in columns) else "")


def _time(entries: Iterable[Expr], scope: Scope) -> str:
    """What the time step is called: the first index without a meaning."""
    within = (node for entry in entries for node in walk(entry) if isinstance(node, Element))
    indices_ = (index for node in within for index in node.index if isinstance(index, Symbol))
    return next((index.key for index in indices_ if scope.meaning(index.key) is None), "")


@dataclass
class _Columns:
    """Reads columns one after the other; an index without a meaning of its own is what time steps are called."""

    plan: Training | None
    objectives: tuple[str, ...]
    scope: Scope
    resolver: Resolver
    time: str = ""

    def columns(self, entry: Expr) -> list[Column]:
        """The columns that an entry of the list stands for: one, or one for each entry of a tensor."""
        match entry:
            case Quotient(numerator=Symbol(key=of), denominator=Symbol() | Element() as wrt) if of[:1] in "d∂":
                return self._derivatives(of[1:], wrt, entry)
            case Symbol(key=key) if key.endswith((".after", ".change")) and self.scope.meaning(key) is None:
                return self._updated(entry)
            case Symbol(key=key) if key == self.time and key:
                return []
            case Symbol() | Element():
                return self._values("value", "", entry)
            case _:
                self.scope.reporter.error(
                    "a column is a name, a derivative or an updated parameter",
                    entry.span,
                    hint="for example h1, dE/dw1, w1.after or w1.change",
                )
                return []

    def _values(self, shows: Shows, of: str, entry: Expr) -> list[Column]:
        over = self._over(entry)
        if over is not None:
            return [replace(column, shows=shows, of=of) for column in over]
        typed = self.resolver.resolve(self._named(entry))
        return [] if typed is None else [Column(shows, key, of) for key in keys_of(typed.expr)]

    def _derivatives(self, of: str, wrt: Expr, entry: Expr) -> list[Column]:
        """∂of/∂wrt; the d before what it is taken by is no part of the name."""
        base = wrt.of if isinstance(wrt, Element) else wrt
        while isinstance(base, Element):
            base = base.of
        if not isinstance(base, Symbol) or base.key[:1] not in "d∂" or not base.key[1:]:
            self.scope.reporter.error("a derivative is written as dE/dw1", entry.span)
            return []
        known = next((key for key in self.objectives if canonical(key) == canonical(of)), "")
        if not known:
            told = " or ".join(f"`{key}`" for key in self.objectives)
            hint = f"gradients are taken of {told}" if told else "`loss` or `gradient` says of what gradients are taken"
            self.scope.reporter.error(f"no gradient of `{of}` is taken", entry.span, hint=hint)
            return []
        name = Symbol(base.key[1:], span=_after(base.span))
        return self._values("gradient", known, _with_base(wrt, name))

    def _updated(self, entry: Symbol) -> list[Column]:
        """w.after, w.change."""
        name, _, word = entry.key.rpartition(".")
        if self.plan is None:
            self.scope.reporter.error("there are no updates: nothing is trained", entry.span)
            return []
        typed = self.resolver.resolve(Symbol(name, span=entry.span))
        if typed is None:
            return []
        base = typed.expr.of if isinstance(typed.expr, Element) else typed.expr
        datum = self.scope.data.get(base.key) if isinstance(base, Symbol) else None
        if datum is None or datum.kind != "param":
            self.scope.reporter.error(f"`{name}` is no parameter: no update changes it", entry.span)
            return []
        shows: Shows = "after" if word == "after" else "change"
        return [Column(shows, key) for key in keys_of(typed.expr)]

    # Time steps.

    def _over(self, entry: Expr) -> list[Column] | None:
        """The columns of a family, or of a tensor indexed by the time step; nothing where it is neither."""
        match entry:
            case Symbol(key=key) if canonical(key) in self.scope.families:
                return self._family(key, entry)
            case Element(of=Symbol(key=key), index=(Symbol() as index,)) if canonical(key) in self.scope.families:
                return self._family(key, entry) if self._is_time(index) else []
            case Element(of=Element() as inner, index=index):
                columns = self._over(inner)
                return None if columns is None else self._entry_of(columns, index, entry)
            case Element(of=Symbol(key=key) as base, index=index) if any(self._unknown(i) for i in index):
                return self._along(base, index, entry)
            case _:
                return None

    def _entry_of(self, columns: list[Column], index: tuple[Expr, ...], entry: Expr) -> list[Column]:
        """The column of one entry, as h[s][2]."""
        wanted = tuple(int(i.value) for i in index if isinstance(i, Number))
        found = [column for column in columns if column.entry == wanted and len(wanted) == len(index)]
        if columns and not found:
            self.scope.reporter.error("there is no such entry at a time step", entry.span)
        return found

    def _unknown(self, index: Expr) -> bool:
        return isinstance(index, Symbol) and self.scope.meaning(index.key) is None

    def _is_time(self, index: Symbol) -> bool:
        """Whether an index is the time step: a name without a meaning, one in the whole table."""
        if not self._unknown(index) or self.time not in ("", index.key):
            self.scope.reporter.error("the time step has one name in a table", index.span, hint="as s in [x[s], h[s]]")
            return False
        self.time = index.key
        return True

    def _family(self, key: str, entry: Expr) -> list[Column]:
        """A column for a family of numbers, one for each entry of a family of arrays."""
        members: dict[int, Symbol] = {}
        for name in self.scope.families[canonical(key)]:
            meaning = self.scope.meaning(name)
            place = name.partition("[")[2].rstrip("]")
            if meaning is not None and isinstance(meaning.expr, Symbol) and place.lstrip("-").isdigit():
                members[int(place)] = meaning.expr
        shapes = {symbol.shape for symbol in members.values()}
        if len(shapes) != 1:
            hint = "name one member, as h[2]" if members else "its members have more than one number"
            self.scope.reporter.error(f"the members of `{key}` do not make columns", entry.span, hint=hint)
            return []
        (shape,) = shapes
        if not shape:
            return [Column("value", key, over={n: symbol.key for n, symbol in members.items()})]
        return [
            Column("value", key, over={n: part(symbol, i).key for n, symbol in members.items()}, entry=i)
            for i in indices(shape)
        ]

    def _along(self, base: Symbol, index: tuple[Expr, ...], entry: Expr) -> list[Column]:
        """The entries of a tensor, one for each time step."""
        place = next(i for i, one in enumerate(index) if self._unknown(one))
        time = index[place]
        assert isinstance(time, Symbol), "what is unknown is a name"
        typed = self.resolver.resolve(base)
        if typed is None or not self._is_time(time):
            return []
        if len(index) > len(typed.expr.shape if isinstance(typed.expr, Symbol) else ()):
            self.scope.reporter.error(f"`{base.key}` has no time steps", entry.span)
            return []
        steps = range(1, typed.shape[place] + 1)
        rest = indices(typed.shape[len(index) :])
        found = []
        for own in rest:
            over = {}
            for step in steps:
                whole = (*(number(step) if i == place else one for i, one in enumerate(index)), *map(number, own))
                over[step] = keys_of(Element(typed.expr, whole))[0]
            found.append(Column("value", base.key, over=over, entry=own))
        return found

    def _named(self, entry: Expr) -> Expr:
        """A member of a family by its own name."""
        match entry:
            case Element(of=Symbol(key=key), index=index) if canonical(key) in self.scope.families:
                places = ",".join(str(int(i.value)) for i in index if isinstance(i, Number))
                return Symbol(f"{key}[{places}]", span=entry.span)
            case Element(of=Element() as inner):
                return replace(entry, of=self._named(inner))
            case _:
                return entry


def _after(span: Span | None) -> Span | None:
    return None if span is None else Span(span.start + 1, span.end)


def _with_base(expr: Expr, base: Symbol) -> Expr:
    return replace(expr, of=_with_base(expr.of, base)) if isinstance(expr, Element) else base
