"""`input`, `target`, `param` and `const` -> quantities with shapes and values; judges values, never formulas."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

from graphdsl.check.calls import SHAPE_FUNCTIONS
from graphdsl.check.losses import class_exists, class_number, is_class, one_hot_values
from graphdsl.check.resolve import Resolver
from graphdsl.check.scope import Datum, Scope, Unsized, counted, spread
from graphdsl.derive.shape import spoken
from graphdsl.diagnostics import Span, did_you_mean
from graphdsl.expr import Array, Call, Expr, Relation, Symbol, walk
from graphdsl.model import Quantity
from graphdsl.names import canonical
from graphdsl.numbers import Num, Shape, Tensor, size
from graphdsl.syntax import DataKind, Declaration, Declared, LateParam, Name, Names, Symbols


def declare_data(statement: Declaration, scope: Scope, resolver: Resolver) -> None:
    """Enter the quantities of a declaration; a value after the last of several names holds for all of them."""
    declared = list(statement.declared)
    valued = [d.value is not None for d in declared]
    if any(valued) and not all(valued):
        if valued != [False] * (len(valued) - 1) + [True]:
            _half_valued(declared, scope)
            for d in declared:
                groups = (d.names, *d.elements)
                scope.declare_broken([n for g in groups for n in (g.first, g.last) if n is not None], statement.kind)
            return
        declared = [replace(d, value=declared[-1].value) for d in declared]
    for d in declared:
        _declare_group(statement.kind, d, scope, resolver)


def asks_for_sizes(statement: Declaration) -> bool:
    """Whether a shape is told by that of another quantity: `param W[2, size(x)]`."""
    parts = (part for d in statement.declared for extent in d.shape for part in walk(extent))
    return any(isinstance(part, Call) and part.operation.name.casefold() in SHAPE_FUNCTIONS for part in parts)


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
        scope.declare_broken(filter(None, (declared.names.first, declared.names.last)), kind)
        return
    shape = _shape(declared, resolver)
    entries = _entries(declared, names, shape, scope)
    if entries is None:
        scope.declare_broken([*names, *(group.first for group in declared.elements)], kind)
        return
    if entries:
        _declare_with_entries(kind, names[0], entries, declared, scope, resolver)
        return
    if is_class(declared.value):
        _declare_class(kind, names, shape or (), declared, scope, resolver)
        return
    values = None if shape is None else _values(declared, names, shape, resolver)
    if shape is None or values is None:
        scope.declare_broken(names, kind)
        return
    for name, value in zip(names, values, strict=True):
        _declare_one(kind, name, shape, value, declared, scope, resolver)


def _entries(declared: Declared, names: list[Name], shape: Shape | None, scope: Scope) -> list[Name] | None:
    """The names of a vector's entries; none where there are no such names, nothing where they are wrong."""
    entries = [name for group in declared.elements for name in spread(group, scope.reporter)]
    if not declared.elements:
        return []
    if not entries or shape is None:
        return None
    if len(names) > 1:
        scope.reporter.error("names of entries belong to one vector", declared.names.span, f"these are {len(names)}")
        return None
    if shape and shape != (len(entries),):
        many = "1 name" if len(entries) == 1 else f"{len(entries)} names"
        scope.reporter.error(f"`{names[0].text}` is {spoken(shape)}, but has {many}", declared.span)
        return None
    return entries


def _declare_with_entries(
    kind: DataKind, name: Name, entries: list[Name], declared: Declared, scope: Scope, resolver: Resolver
) -> None:
    """`target y(cat, dog, bird) = dog`: a vector whose entries have names; one of them alone is a class."""
    symbol = Symbol(name.text, (len(entries),), parts=tuple(Symbol(entry.text) for entry in entries))
    places = [canonical(entry.text) for entry in entries]
    written, chosen = declared.value, 0
    value: Tensor[Num] | None = None
    if isinstance(written, Symbol) and canonical(written.key) in places:
        chosen = places.index(canonical(written.key)) + 1
    elif isinstance(written, Symbol) and kind == "target":
        hint = did_you_mean(written.key, [entry.text for entry in entries])
        scope.reporter.error(f"`{written.key}` is no entry of `{name.text}`", written.span, hint=hint)
        scope.declare_broken([name, *entries], kind)
        return
    elif is_class(written):
        number = class_number(written, resolver)
        chosen = number if number is not None and class_exists(number, len(entries), declared.span, resolver) else 0
    if chosen:
        value = one_hot_values(len(entries), chosen)
    elif written is not None:
        value = None if is_class(written) else _value(name, symbol.shape, written, scope, resolver)
        if value is None:
            scope.declare_broken([name, *entries], kind)
            return
    _enter(kind, symbol, value, name.span, scope, chosen)
    scope.enter_parts(symbol, kind, [entry.span for entry in entries])


def _declare_class(
    kind: DataKind, names: list[Name], shape: Shape, declared: Declared, scope: Scope, resolver: Resolver
) -> None:
    """`target y[3] = class(2)`, or without the size, which is then that of what it is compared with."""
    chosen = class_number(declared.value, resolver)
    right = chosen is not None and (len(shape) != 1 or class_exists(chosen, shape[0], declared.span, resolver))
    if right and (kind != "target" or len(shape) > 1):
        scope.reporter.error("a class number is the value of a target, a vector", declared.span)
        right = False
    if chosen is None or not right:
        scope.declare_broken(names, kind)
        return
    for name in names:
        if shape:
            _enter(kind, Symbol(name.text, shape), one_hot_values(shape[0], chosen), name.span, scope, chosen)
        elif scope.declare(name.text, kind, name.span):
            scope.unsized[canonical(name.text)] = Unsized(name.text, chosen, name.span)


def _shape(declared: Declared, resolver: Resolver) -> Shape | None:
    extents: list[int] = []
    for extent in declared.shape:
        value = resolver.constant(extent)
        if value is None:
            return None
        n = value.flat[0].value
        if value.shape or n != n.to_integral_value() or n < 1:
            resolver.reporter.error("a size is a whole number, 1 or more", extent.span)
            return None
        extents.append(int(n))
    shape = tuple(extents)
    return shape if counted(shape, f"`{declared.names.first.text}`", declared.span, resolver.reporter) else None


def _values(declared: Declared, names: list[Name], shape: Shape, resolver: Resolver) -> list[Expr | None] | None:
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
    return None


def _declare_one(
    kind: DataKind, name: Name, shape: Shape, value: Expr | None, declared: Declared, scope: Scope, resolver: Resolver
) -> None:
    if value is None:
        _enter(kind, Symbol(name.text, shape), None, name.span, scope)
        return
    parts = _entry_names(value)
    found = _value(name, shape, _without_names(value), scope, resolver)
    if found is None:
        scope.declare_broken([name], kind)
        return
    symbol = Symbol(name.text, found.shape, parts=parts)
    _enter(kind, symbol, found, name.span, scope)
    scope.enter_parts(symbol, kind, [p.span or declared.span for p in parts or ()])


def declare_late(statement: LateParam, scope: Scope, resolver: Resolver) -> bool:
    """Enter a quantity of a module; matrices are filled by `init` as weights, vectors and numbers as biases."""
    name = statement.name
    declared = Declared(Names(name, None, name.span), statement.shape, (), statement.value, statement.span)
    shape = _shape(declared, resolver)
    if shape is None:
        return False
    value = None
    if statement.value is not None:
        value = resolver.constant(statement.value)
        if value is None:
            return False
        fills_rows = len(value.shape) == 1 and size(value.shape) == size(shape)
        if value.shape and statement.shape and value.shape != shape and not fills_rows:
            scope.reporter.error(
                f"`{name.text}` is {spoken(shape)}, but its value is {spoken(value.shape)}", statement.value.span
            )
            return False
        shape = shape if statement.shape else value.shape
        value = Tensor(shape, value.flat * (size(shape) // len(value.flat)))
    symbol = Symbol(name.text, shape, statement.ink)
    role = "weights" if len(shape) > 1 else "biases"
    scope.define(name.text, symbol)
    scope.data[symbol.key] = Datum(statement.kind, symbol, value, statement.call, role)
    return True


STAND_INS = (3, 2, 4, 5, 6, 7)
"""What stands in for sizes that are letters, in their order: all different, so that shapes that do not fit show."""


def declare_symbols(statements: list[Symbols], scope: Scope, resolver: Resolver) -> dict[str, int] | None:
    """Enter quantities that stay letters, with random values to check by; the sizes that are letters, or nothing."""
    if not statements:
        return None
    sizes: dict[str, int] = {}
    for declared in (d for statement in statements for d in statement.declared):
        if declared.value is not None:
            scope.reporter.error(
                f"the symbol `{declared.names.first.text}` has a value",
                declared.value.span,
                hint=f"`const {declared.names.first.text} = …` has one",
            )
        shape = tuple(_extent(extent, sizes, resolver) for extent in declared.shape)
        for name in spread(declared.names, scope.reporter):
            _enter("input", Symbol(name.text, shape), _drawn(name.text, shape), name.span, scope)
    return sizes


def _extent(extent: Expr, sizes: dict[str, int], resolver: Resolver) -> int:
    if isinstance(extent, Symbol):
        return sizes.setdefault(extent.key, STAND_INS[len(sizes) % len(STAND_INS)])
    value = resolver.single(extent)
    return int(value.value) if value is not None and value.value >= 1 else 1


def _drawn(name: str, shape: Shape) -> Tensor[Num]:
    """Values between 0.2 and 1.2, the same for the same name: formulas with roots and logarithms exist there."""
    draw = random.Random(name)
    return Tensor(shape, tuple(Num(Decimal(draw.randint(200, 1200)).scaleb(-3)) for _ in range(size(shape))))


def _value(name: Name, shape: Shape, written: Expr, scope: Scope, resolver: Resolver) -> Tensor[Num] | None:
    """A value in the declared shape, if there is one; a number is for every entry."""
    found = resolver.constant(written)
    if found is None or not shape:
        return found
    if not found.shape:
        return Tensor(shape, found.flat * size(shape))
    if found.shape == shape:
        return found
    scope.reporter.error(
        f"`{name.text}` is declared as {spoken(shape)}, but its value is {spoken(found.shape)}", written.span
    )
    return None


def _enter(
    kind: DataKind, symbol: Symbol, value: Tensor[Num] | None, span: Span, scope: Scope, chosen: int = 0
) -> None:
    if scope.declare(symbol.key, kind, span, symbol):
        scope.data[symbol.key] = Datum(kind, symbol, value, span, class_number=chosen)


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


def quantities(scope: Scope, frozen: frozenset[str], initialised: bool) -> tuple[Quantity, ...]:
    """All data with their values; what still lacks one is named, all in one message.

    Where `init` itself is wrong, it may have meant any parameter.
    """
    missing = [d for d in scope.data.values() if d.value is None and (initialised or d.kind != "param")]
    if missing:
        _report_missing(missing, scope)
    return tuple(
        Quantity(d.kind, d.symbol, d.value, d.span, d.symbol.key in frozen, d.class_number)
        for d in scope.data.values()
        if d.value is not None
    )


def _report_missing(missing: list[Datum], scope: Scope) -> None:
    called = list(dict.fromkeys(_called(d, missing) for d in missing))
    names = ", ".join(called[:12]) + (" …" if len(called) > 12 else "")
    one = len(missing) == 1 and not missing[0].symbol.shape
    scope.reporter.error(
        f"{names} {'has' if one else 'have'} no value", missing[0].span, "no value here", hint=_how(missing)
    )


def _called(datum: Datum, missing: list[Datum]) -> str:
    """A quantity in the author's words; a layer's own parameters have no name in the spec."""
    layer, dot, _ = datum.symbol.key.partition(".")
    if not dot:
        return f"`{datum.symbol.key}`"
    roles = [d.role for d in missing if d.symbol.key.startswith(f"{layer}.")]
    return f"the {' and '.join(roles)} of layer `{layer}`"


def _how(missing: list[Datum]) -> str:
    """How the first of them, or all at once, would get a value."""
    first = missing[0]
    if any(d.kind != "param" for d in missing):
        other = next(d for d in missing if d.kind != "param")
        return f"give a value where it is declared: `{other.kind} {other.symbol.key} = 2`"
    if any(d.role for d in missing):
        return "`init weights = 0.5, biases = 0` fills all that have none"
    return f"give it here, `{first.symbol.key} = 0.5`, or all at once: `init all = 0.5`"
