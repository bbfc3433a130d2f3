"""`input`, `target`, `param`, `const` and `init` -> quantities with shapes and values; judges values, never formulas."""

from __future__ import annotations

from dataclasses import replace

from graphdsl.check.resolve import Resolver
from graphdsl.check.scope import Datum, Scope, article, counted, spread
from graphdsl.derive.shape import spoken
from graphdsl.diagnostics import Span, did_you_mean
from graphdsl.expr import Array, Expr, Relation, Symbol
from graphdsl.model import Quantity
from graphdsl.numbers import Num, Shape, Tensor, scalar, size
from graphdsl.syntax import DataKind, Declaration, Declared, Init, Name, Quoted

INIT_TARGETS = ("weights", "biases", "all")


def declare_data(statement: Declaration, scope: Scope, resolver: Resolver) -> None:
    """Enter the quantities of a declaration; a value after the last of several names holds for all of them."""
    declared = list(statement.declared)
    valued = [d.value is not None for d in declared]
    if any(valued) and not all(valued):
        if valued != [False] * (len(valued) - 1) + [True]:
            _half_valued(declared, scope)
            return
        declared = [replace(d, value=declared[-1].value) for d in declared]
    for d in declared:
        _declare_group(statement.kind, d, scope, resolver)


def _half_valued(declared: list[Declared], scope: Scope) -> None:
    bare = next(d for d in declared if d.value is None)
    valued = next(d for d in declared if d.value is not None)
    name, other = bare.names.first.text, valued.names.first.text
    scope.reporter.error(
        "some of these names have a value and some have none",
        bare.span,
        f"`{name}` has none",
        hint=f"give each its own (`{name} = …, {other} = …`), or one value after the last name for all",
    )


def _declare_group(kind: DataKind, declared: Declared, scope: Scope, resolver: Resolver) -> None:
    names = spread(declared.names, scope.reporter)
    if not names:
        return
    shape = _shape(declared, resolver)
    if shape is None:
        return
    values = _values(declared, names, shape, resolver)
    for name, value in zip(names, values, strict=True):
        _declare_one(kind, name, shape, value, declared, scope, resolver)


def _shape(declared: Declared, resolver: Resolver) -> Shape | None:
    extents: list[int] = []
    for extent in declared.shape:
        value = resolver.constant(extent)
        if value is None:
            return None
        n = value.item.value
        if n != n.to_integral_value() or n < 1:
            resolver.reporter.error("a size is a whole number, 1 or more", extent.span)
            return None
        extents.append(int(n))
    shape = tuple(extents)
    return shape if counted(shape, f"`{declared.names.first.text}`", declared.span, resolver.reporter) else None


def _values(declared: Declared, names: list[Name], shape: Shape, resolver: Resolver) -> list[Expr | None]:
    """The value for each name of a group: a list after a range gives each name its own."""
    value = declared.value
    if declared.names.last is None or not isinstance(value, Array) or shape:
        return [value] * len(names)
    if len(value.shape) == 1 and len(value.entries) == len(names):
        return list(value.entries)
    resolver.reporter.error(
        f"{len(names)} names, but {len(value.entries)} values",
        value.span,
        f"for `{names[0].text}..{names[-1].text}`",
        hint="a list after a range gives each name its own value; one number is for all",
    )
    return [None] * len(names)


def _declare_one(
    kind: DataKind, name: Name, shape: Shape, value: Expr | None, declared: Declared, scope: Scope, resolver: Resolver
) -> None:
    if value is None:
        _enter(kind, Symbol(name.text, shape), None, name.span, scope)
        return
    parts = _entry_names(value)
    found = resolver.constant(_without_names(value))
    if found is None:
        scope.declare(name.text, kind, name.span)
        scope.define(name.text, None)
        return
    if shape and found.shape and found.shape != shape:
        scope.reporter.error(
            f"`{name.text}` is declared as {spoken(shape)}, but its value is {spoken(found.shape)}", value.span
        )
        return
    if shape and not found.shape:
        found = Tensor(shape, found.flat * size(shape))
    symbol = Symbol(name.text, found.shape, parts=parts)
    _enter(kind, symbol, found, name.span, scope)
    scope.enter_parts(symbol, kind, [p.span or declared.span for p in parts or ()])


def _enter(kind: DataKind, symbol: Symbol, value: Tensor[Num] | None, span: Span, scope: Scope) -> None:
    if scope.declare(symbol.key, kind, span, symbol):
        scope.data[symbol.key] = Datum(kind, symbol, value, span)


def _entry_names(value: Expr) -> tuple[Symbol, ...] | None:
    """The names of `[k11 = 1, k12 = 0]`, if every entry has one."""
    if not isinstance(value, Array):
        return None
    named = [e.members[0] for e in value.entries if isinstance(e, Relation)]
    symbols = tuple(s for s in named if isinstance(s, Symbol))
    return symbols if len(symbols) == len(value.entries) else None


def _without_names(value: Expr) -> Expr:
    if not isinstance(value, Array):
        return value
    return replace(value, entries=tuple(e.members[1] if isinstance(e, Relation) else e for e in value.entries))


def fill_initial_values(statements: list[Init], scope: Scope, resolver: Resolver) -> None:
    """`init` fills what has no value, and never overrides."""
    for statement in statements:
        for setting in statement.settings:
            target = setting.name.text
            if target not in INIT_TARGETS:
                scope.reporter.error(
                    f"`init` fills {', '.join(INIT_TARGETS)}, not `{target}`",
                    setting.name.span,
                    hint=did_you_mean(target, INIT_TARGETS) or f"`param {target} = …` gives one parameter its value",
                )
                continue
            if isinstance(setting.value, Quoted):
                scope.reporter.error("an initial value is a number", setting.value.span)
                continue
            value = resolver.constant(setting.value)
            if value is None:
                continue
            if value.shape:
                scope.reporter.error(f"an initial value is one number, not {spoken(value.shape)}", setting.value.span)
                continue
            _fill(target, value.item, scope)


def _fill(target: str, value: Num, scope: Scope) -> None:
    for datum in scope.data.values():
        if datum.kind == "param" and datum.value is None and target in ("all", datum.role):
            shape = datum.symbol.shape
            datum.value = Tensor(shape, (value,) * size(shape)) if shape else scalar(value)


def quantities(scope: Scope, frozen: frozenset[str]) -> tuple[Quantity, ...]:
    """All data with their values; what still lacks one is named, all in one message."""
    missing = [d for d in scope.data.values() if d.value is None]
    if missing:
        _report_missing(missing, scope)
    return tuple(
        Quantity(d.kind, d.symbol, d.value, d.span, d.symbol.key in frozen)
        for d in scope.data.values()
        if d.value is not None
    )


def _report_missing(missing: list[Datum], scope: Scope) -> None:
    names = ", ".join(f"`{d.symbol.key}`" for d in missing[:12]) + (" …" if len(missing) > 12 else "")
    kinds = {d.kind for d in missing}
    params = kinds == {"param"}
    what = article(missing[0].kind) if len(missing) == 1 else "these"
    has = "has" if len(missing) == 1 else "have"
    scope.reporter.error(
        f"{names} {has} no value",
        missing[0].span,
        f"{what} without a value",
        hint="give it here (`= 0.5`), or for all at once: `init weights = 0.5, biases = 0`"
        if params
        else "give it here, as in `input x = 2`",
    )
