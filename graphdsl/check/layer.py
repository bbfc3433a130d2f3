"""`layer` statements -> the nodes and parameters that they stand for; judges sizes, weights and activations."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from graphdsl import ops
from graphdsl.check.resolve import Resolver, Typed
from graphdsl.check.scope import Datum, Scope, counted, spread
from graphdsl.derive.element import part
from graphdsl.derive.shape import spoken
from graphdsl.diagnostics import Label, Span, did_you_mean
from graphdsl.draws import Fan
from graphdsl.expr import Array, Call, Element, Expr, Number, Operation, Relation, Symbol, number, walk
from graphdsl.layers import Dense, dense, joined, layer_symbol
from graphdsl.names import Ink
from graphdsl.numbers import Num, Shape, Tensor, flat_index, indices, scalar
from graphdsl.syntax import NAMED, Layer, Name, Quoted, Setting

SETTINGS = ("weights", "biases", "bias")


@dataclass(slots=True)
class Shelf:
    """A layer as it is declared, before its inputs are known: its number, its units, their pre-activations.

    formula: the activation of the pre-activations; nothing where there is none, or where it is wrong.
    """

    statement: Layer
    number: int
    units: Symbol
    z: Symbol
    activation: Operation | None
    named: bool
    wrong: bool = False
    previous: str | None = None
    settings: dict[str, Setting] = field(default_factory=dict)
    options: dict[str, Call] = field(default_factory=dict)
    formula: Expr | None = None


def declare_layer(
    statement: Layer, number_: int, z_inks: dict[str, Ink], scope: Scope, resolver: Resolver
) -> Shelf | None:
    """Enter a layer's name and the names of its units, so that formulas anywhere may use them."""
    names = [name for group in statement.elements for name in spread(group, scope.reporter)]
    size = _size(statement, names, scope, resolver)
    activation, known = _activation(statement, scope, resolver)
    if size is None:
        if scope.declare(statement.name.text, "layer", statement.name.span):
            scope.define(statement.name.text, None)
        scope.declare_broken(names, "unit")
        return None
    key = statement.name.text
    if names:
        parts = tuple(Symbol(name.text) for name in names)
        units, z = (layer_symbol(key, number_, p, (size,)) for p in ("", "z"))
        z_parts = tuple(Symbol(f"z_{n.text}", (), z_inks.get(n.text) or Ink("z", n.text)) for n in names)
        units, z = replace(units, parts=parts), replace(z, parts=z_parts)
    else:
        units, z = (layer_symbol(key, number_, p, (size,)) for p in ("", "z"))
    scope.declare(key, "layer", statement.name.span, units)
    scope.enter_parts(units, "unit", [n.span for n in names] if names else []) if names else None
    shelf = Shelf(statement, number_, units, z, activation, bool(names), not known)
    for setting in statement.settings:
        if setting.name.text in _options(activation):
            _keep_option(setting, shelf, scope)
        else:
            _keep_setting(setting, shelf, scope)
    _apply(shelf, resolver)
    return shelf


def _options(activation: Operation | None) -> tuple[str, ...]:
    """What the block of a layer may say of its activation; units are a vector, which has no rows to go by."""
    return tuple(name for name in activation.options if name != "by") if activation is not None else ()


def _keep_option(setting: Setting, shelf: Shelf, scope: Scope) -> None:
    """An option of the activation, as a call would say it."""
    name, value = setting.name.text, setting.value
    if name in shelf.options:
        scope.reporter.error(f"`{name}` is said twice in this layer", setting.span)
        shelf.wrong = True
    elif isinstance(value, Quoted):
        assert shelf.activation is not None
        scope.reporter.error(f"`{name}` of `{shelf.activation.name}` is a number", value.span)
        shelf.wrong = True
    else:
        shelf.options[name] = Call(NAMED, (Symbol(name, span=setting.name.span), value), span=setting.span)


def _apply(shelf: Shelf, resolver: Resolver) -> None:
    """Find the activation's formula, by its options."""
    if shelf.activation is None:
        return
    written = shelf.statement.activation
    assert written is not None
    z = Typed(shelf.z, shelf.z.shape)
    typed = resolver.calls.applied(shelf.activation, z, tuple(shelf.options.values()), written.span)
    if typed is None:
        shelf.wrong = True
    else:
        shelf.formula = typed.expr


def _size(statement: Layer, names: list[Name], scope: Scope, resolver: Resolver) -> int | None:
    if statement.size is None:
        if not names:
            scope.reporter.error(
                f"layer `{statement.name.text}` needs its units",
                statement.name.span,
                hint=f"say how many, `{statement.name.text}[2]`, or name them, `{statement.name.text}(h1, h2)`",
            )
        return len(names) or None
    value = resolver.constant(statement.size)
    if value is None:
        return None
    n = value.flat[0].value
    if value.shape or n != n.to_integral_value() or n < 1:
        scope.reporter.error("a layer has a whole number of units, 1 or more", statement.size.span)
        return None
    if not counted(
        (int(n),), f"layer `{statement.name.text}`", statement.size.span or statement.span, scope.reporter, "units"
    ):
        return None
    if names and len(names) != n:
        scope.reporter.error(
            f"layer `{statement.name.text}` has {_many(int(n), 'unit')}, but {_many(len(names), 'name')}",
            statement.size.span,
        )
        return None
    return int(n)


def _activation(statement: Layer, scope: Scope, resolver: Resolver) -> tuple[Operation | None, bool]:
    """The row of the activation, none for linear; and whether it is right. The author's functions go before ours."""
    written = statement.activation
    if written is None:
        return None, True
    name, own = written.text, resolver.own(written.text)
    row = resolver.activation(name) if own else ops.find(name)
    if row is ops.LINEAR:
        return None, True
    if row is not None and (own or row.name in ops.ACTIVATIONS):
        return row, True
    if own is not None:
        scope.reporter.error(
            f"`{name}` is not an activation",
            written.span,
            also=[Label(own.name.span, "defined here")],
            hint="a layer applies a function of one number",
        )
    elif row is not None:
        scope.reporter.error(f"`{name}` is not an activation", written.span)
    else:
        known = (*ops.ACTIVATIONS, *resolver.functions)
        scope.reporter.error(f"there is no activation `{name}`", written.span, hint=did_you_mean(name, known))
    return None, False


def _keep_setting(setting: Setting, shelf: Shelf, scope: Scope) -> None:
    name = setting.name.text
    if name not in SETTINGS:
        known = (*SETTINGS, *_options(shelf.activation))
        scope.reporter.error(
            f"a layer has no option `{name}`",
            setting.name.span,
            hint=did_you_mean(name, known) or f"it has {', '.join(known)}",
        )
        shelf.wrong = True
        return
    if name in shelf.settings or (name != "weights" and {"bias", "biases"} & set(shelf.settings)):
        scope.reporter.error(f"`{name}` is said twice in this layer", setting.span)
        shelf.wrong = True
        return
    shelf.settings[name] = setting


def layer_nodes(shelf: Shelf, sources: list[Typed], scope: Scope, resolver: Resolver) -> Dense | None:
    """The layer's equations, with its own parameters entered."""
    for typed in sources:
        if len(typed.shape) > 1:
            scope.reporter.error(f"a layer's input is a vector, not {spoken(typed.shape)}", typed.expr.span)
            return None
    inputs = joined(tuple(t.expr for t in sources), tuple(t.shape for t in sources))
    width = sum(t.shape[0] if t.shape else 1 for t in sources)
    shape = (shelf.units.shape[0], width)
    if not counted(shape, f"the weight matrix of layer `{shelf.units.key}`", shelf.statement.name.span, scope.reporter):
        return None
    weights = _Parameters(shelf, scope, resolver).weights(shape, sources)
    bias, right = _Parameters(shelf, scope, resolver).bias()
    if weights is None or not right or shelf.wrong:
        return None
    _belong(shelf.units.key, (weights, bias), (width, shape[0]), scope)
    return dense(shelf.units, shelf.z, inputs, weights, bias, shelf.formula)


def _belong(layer: str, used: tuple[Expr | None, ...], fan: Fan, scope: Scope) -> None:
    """Let `init` know which layer the parameters are of, and its fan-in and fan-out."""
    for key in (s.key for e in used if e is not None for s in walk(e) if isinstance(s, Symbol)):
        if key in scope.data:
            datum = scope.data[key]
            datum.layers.add(layer)
            if datum.role == "weights":
                datum.fan = datum.fan or fan


class _Parameters:
    """Makes or finds the parameters that a layer's settings speak of."""

    def __init__(self, shelf: Shelf, scope: Scope, resolver: Resolver):
        self.shelf = shelf
        self.scope = scope
        self.reporter = scope.reporter
        self.resolver = resolver

    def weights(self, shape: Shape, sources: list[Typed]) -> Expr | None:
        own = self._own("W", shape)
        setting = self.shelf.settings.get("weights")
        if setting is None:
            return None if self.shelf.wrong else self._new(own, None, "weights", self.shelf.statement.name.span)
        transposed = self._orientation(setting)
        if transposed is None:
            return None
        if isinstance(setting.value, Quoted):
            self.reporter.error("weights are a list, a name or one number", setting.value.span)
            return None
        value = setting.value
        if isinstance(value, Symbol):
            return self._declared(value, shape, transposed)
        if not isinstance(value, Array):
            return self._one_number(own, value, "weights", setting.span)
        entries = self._arranged(value, shape, transposed)
        if entries is None:
            return None
        if not transposed and len(value.shape) == 2:
            self._maybe_transposed(entries, shape, sources, setting)
        return self._entries(own, entries, "weights", setting.span)

    def bias(self) -> tuple[Expr | None, bool]:
        """The bias term, none where there is none; and whether the settings were right."""
        settings = self.shelf.settings
        units = self.shelf.units.shape
        if "biases" in settings:
            found = self._biases(settings["biases"], units)
            return found, found is not None
        if "bias" not in settings:
            if self.shelf.wrong:
                return None, False
            return self._new(self._own("b", units), None, "biases", self.shelf.statement.name.span), True
        value = settings["bias"].value
        if isinstance(value, Symbol) and value.key == "none":
            return None, True
        found = self._shared_bias(settings["bias"])
        return found, found is not None

    def _own(self, letter: str, shape: Shape) -> Symbol:
        return layer_symbol(self.shelf.units.key, self.shelf.number, letter, shape)

    def _new(self, symbol: Symbol, value: Tensor[Num] | None, role: str, span: Span) -> Symbol:
        """Enter a parameter of the layer's own; it can be called `hidden1.W`."""
        if self.scope.meaning(symbol.key) is None:
            self.scope.declare(symbol.key, "param", span, symbol)
        self.scope.data[symbol.key] = Datum("param", symbol, value, span, role)
        return symbol

    def _orientation(self, setting: Setting) -> bool | None:
        """Whether the rows are the senders; nothing where the brackets are wrong."""
        words = tuple(b.key if isinstance(b, Symbol) else "" for b in setting.brackets)
        if words in ((), ("to", "from")):
            return False
        if words == ("from", "to"):
            return True
        first, last = setting.brackets[0].span or setting.span, setting.brackets[-1].span or setting.span
        self.reporter.error("the order of weights is [to, from] or [from, to]", first.to(last))
        return None

    def _declared(self, value: Symbol, shape: Shape, transposed: bool) -> Expr | None:
        if value.key == "none":
            self.reporter.error("a layer cannot do without weights", value.span)
            return None
        typed = self.resolver.resolve(value)
        if typed is None:
            return None
        wanted = shape[::-1] if transposed else shape
        if typed.shape == () and shape == (1, 1):
            return Array((1, 1), (typed.expr,))
        if len(typed.shape) == 1 and typed.shape[0] == shape[0] * shape[1]:
            return self._from_vector(typed.expr, shape, transposed)
        if typed.shape != wanted:
            self.reporter.error(
                f"layer `{self.shelf.units.key}` needs {wanted[0]}×{wanted[1]} weights, `{value.key}` is {spoken(typed.shape)}",
                value.span,
                _rows_and_columns(wanted, transposed),
                hint=_turned(typed.shape, wanted, transposed),
            )
            return None
        self._mark(typed.expr, "weights")
        return ops.call(ops.TRANSPOSE, typed.expr) if transposed else typed.expr

    def _from_vector(self, vector: Expr, shape: Shape, transposed: bool) -> Expr:
        """A declared vector fills rows, as a list does."""
        self._mark(vector, "weights")
        wanted = shape[::-1] if transposed else shape
        places = (flat_index(wanted, i[::-1] if transposed else i) + 1 for i in indices(shape))
        return Array(shape, tuple(Element(vector, (number(place),)) for place in places))

    def _one_number(self, own: Symbol, value: Expr, role: str, span: Span) -> Expr | None:
        found = self.resolver.constant(value)
        if found is None:
            return None
        if found.shape:
            self.reporter.error(f"{role} are a list, a name or one number", value.span)
            return None
        count = 1
        for extent in own.shape:
            count *= extent
        return self._new(own, Tensor(own.shape, found.flat * count), role, span)

    def _arranged(self, value: Array, shape: Shape, transposed: bool) -> tuple[Expr, ...] | None:
        """The entries in rows of units, whichever way they were written."""
        wanted = shape[::-1] if transposed else shape
        flat = len(value.shape) == 1 and len(value.entries) == wanted[0] * wanted[1]
        if value.shape != wanted and not flat:
            self.reporter.error(
                f"layer `{self.shelf.units.key}` needs {wanted[0]}×{wanted[1]} weights, this is {spoken(value.shape)}",
                value.span,
                _rows_and_columns(wanted, transposed),
                hint=_turned(value.shape, wanted, transposed),
            )
            return None
        if not transposed:
            return value.entries
        return tuple(value.entries[flat_index(wanted, (j, i))] for i, j in indices(shape))

    def _biases(self, setting: Setting, units: Shape) -> Expr | None:
        value = setting.value
        own = self._own("b", units)
        if isinstance(value, Quoted):
            self.reporter.error("biases are a list, a name or one number", value.span)
            return None
        if isinstance(value, Symbol):
            typed = self.resolver.resolve(value)
            if typed is not None and typed.shape != units and not (units == (1,) and not typed.shape):
                self.reporter.error(
                    f"layer `{self.shelf.units.key}` needs {_many(units[0], 'bias')}, `{value.key}` is {spoken(typed.shape)}",
                    value.span,
                    hint=f"one bias for the whole layer is written `bias = {value.key}`" if not typed.shape else "",
                )
                return None
            if typed is not None:
                self._mark(typed.expr, "biases")
            return typed.expr if typed else None
        if not isinstance(value, Array):
            return self._one_number(own, value, "biases", setting.span)
        if value.shape != units:
            self.reporter.error(
                f"layer `{self.shelf.units.key}` has {_many(units[0], 'unit')}, but {_many(len(value.entries), 'bias')}",
                value.span,
                hint="one bias for the whole layer is written `bias = …`" if len(value.entries) == 1 else "",
            )
            return None
        return self._entries(own, value.entries, "biases", setting.span)

    def _shared_bias(self, setting: Setting) -> Expr | None:
        """One bias for all units: a name, a number, or a name with its number."""
        value = setting.value
        if isinstance(value, Array) and len(value.entries) == 1:
            value = value.entries[0]
        if isinstance(value, Quoted):
            self.reporter.error("a bias is a number or a name", value.span)
            return None
        if isinstance(value, Array):
            self.reporter.error(
                "`bias` is one bias for the whole layer",
                value.span,
                hint="a bias for each unit is written `biases = …`",
            )
            return None
        own = layer_symbol(self.shelf.units.key, self.shelf.number, "b", ())
        return self._entry(value, own, "biases", setting.span)

    def _entries(self, own: Symbol, entries: tuple[Expr, ...], role: str, span: Span) -> Expr | None:
        """Numbers alone make one tensor; where names occur, each entry is a parameter of its own."""
        if not any(isinstance(e, Symbol | Relation) for e in entries):
            values = [self.resolver.single(e) for e in entries]
            if None in values:
                return None
            return self._new(own, Tensor(own.shape, tuple(v for v in values if v is not None)), role, span)
        made = [self._entry(e, part(own, i), role, span) for e, i in zip(entries, indices(own.shape), strict=True)]
        return None if None in made else Array(own.shape, tuple(m for m in made if m is not None), span)

    def _entry(self, entry: Expr, own: Symbol, role: str, span: Span) -> Expr | None:
        """A declared name is that object; another name, with or without a number, is a new parameter."""
        match entry:
            case Symbol():
                return self._named(entry, None, role)
            case Relation(members=(Symbol() as name, value)):
                return self._named(name, value, role)
            case _:
                found = self.resolver.single(entry)
                return None if found is None else self._new(own, scalar(found), role, entry.span or span)

    def _named(self, name: Symbol, value: Expr | None, role: str) -> Expr | None:
        assert name.span is not None
        known = self.scope.meaning(name.key)
        if known is not None and value is None:
            typed = self.resolver.resolve(name)
            if typed is not None and typed.shape:
                self.reporter.error(f"an entry is a number, `{name.key}` is {spoken(typed.shape)}", name.span)
                return None
            if typed is not None:
                self._mark(typed.expr, role)
            return typed.expr if typed else None
        found = None if value is None else self.resolver.single(value)
        if value is not None and found is None:
            return None
        symbol = Symbol(name.key)
        if not self.scope.declare(name.key, "param", name.span, symbol):
            return None
        return self._new(symbol, None if found is None else scalar(found), role, name.span)

    def _mark(self, expr: Expr, role: str) -> None:
        """Let `init` know what a declared parameter is used as."""
        symbol = expr.of if isinstance(expr, Element) else expr
        if isinstance(symbol, Symbol) and symbol.key in self.scope.data:
            self.scope.data[symbol.key].role = self.scope.data[symbol.key].role or role

    def _maybe_transposed(
        self, entries: tuple[Expr, ...], shape: Shape, sources: list[Typed], setting: Setting
    ) -> None:
        """Names such as w13 that all fit the transposed edges are surely meant so."""
        senders = _numbers([s for t in sources for s in _unit_names(t)])
        units = _numbers([p.key for p in self.shelf.units.parts or ()])
        written = [_digits(e) for e in entries]
        if not senders or not units or "" in written or shape[0] != shape[1] or shape[0] < 2:
            return
        along = [(senders[j - 1], units[i - 1]) for i, j in indices(shape)]
        across = [(senders[i - 1], units[j - 1]) for i, j in indices(shape)]
        fits = [a + b for a, b in across] == written
        if fits and [a + b for a, b in along] != written and [b + a for a, b in along] != written:
            self.reporter.error(
                "these weights are named for the transposed matrix",
                setting.value.span if not isinstance(setting.value, Quoted) else setting.span,
                "rows are the receiving units, columns the senders",
                hint="did you mean `weights[from, to]`?",
            )


def _many(count: int, word: str) -> str:
    """`1 row`, `2 biases`."""
    return f"{count} {word if count == 1 else f'{word}es' if word.endswith('s') else f'{word}s'}"


def _rows_and_columns(wanted: Shape, transposed: bool) -> str:
    rows, columns = ("senders", "units") if transposed else ("units", "senders")
    return f"{_many(wanted[0], 'row')} for the {rows}, {_many(wanted[1], 'column')} for the {columns}"


def _turned(shape: Shape, wanted: Shape, transposed: bool) -> str:
    """The hint for a matrix that fits the other way round."""
    if shape != wanted[::-1] or shape == wanted:
        return ""
    return f"did you mean `weights{'' if transposed else '[from, to]'} = …`?"


def _unit_names(typed: Typed) -> list[str]:
    expr = typed.expr
    if isinstance(expr, Symbol) and expr.shape:
        return [p.key for p in expr.parts or ()]
    if isinstance(expr, Element) and isinstance(expr.of, Symbol):
        index = tuple(int(i.value) for i in expr.index if isinstance(i, Number))
        return [part(expr.of, index).key]
    return [expr.key] if isinstance(expr, Symbol) else []


def _numbers(names: list[str]) -> list[str]:
    """The trailing digits of names, if each has just one."""
    digits = [n[-1] if n and n[-1].isdigit() and not n[-2:].isdigit() else "" for n in names]
    return [] if "" in digits else digits


def _digits(entry: Expr) -> str:
    name = entry.members[0] if isinstance(entry, Relation) else entry
    key = name.key if isinstance(name, Symbol) else ""
    return key[-2:] if key[-2:].isdigit() else ""
