"""Formula as written -> formula over symbols and rows, with its shape; reports unknown names, wrong calls and shapes that quarrel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import assert_never

from graphdsl import ops
from graphdsl.check.functions import bound, parameters, row_of, written_in_place
from graphdsl.check.scope import Scope
from graphdsl.check.total import total
from graphdsl.derive.evaluate import evaluate
from graphdsl.derive.shape import node_shape, spoken
from graphdsl.diagnostics import Label, Reporter, Span, did_you_mean, nearest
from graphdsl.expr import (
    Array,
    Attribute,
    Call,
    Cases,
    Element,
    Expr,
    IndexedSum,
    Number,
    Operation,
    Partial,
    Power,
    Product,
    Quotient,
    Relation,
    ShapeMistake,
    Sum,
    Symbol,
    children,
    has_names,
    number,
    walk,
    with_children,
)
from graphdsl.model import Node
from graphdsl.names import canonical
from graphdsl.numbers import Decimal50, Num, NumberMistake, Shape, Tensor, indices
from graphdsl.syntax import MATMUL, NAMED, TRANSPOSE, Function

DERIVATIVE = "derivative"

LATER_FUNCTIONS = frozenset(
    [
        "softmax",
        "log_softmax",
        "logsumexp",
        "mean",
        "variance",
        "norm",
        "concat",
        "reshape",
        "flatten",
        "stack",
        "conv1d",
        "conv2d",
        "max_pool",
        "avg_pool",
        "dot",
        "outer",
        "prod",
    ]
)


@dataclass(frozen=True, slots=True)
class Typed:
    """A looked-up expression and its shape."""

    expr: Expr
    shape: Shape


class Resolver:
    """Looks every name and call of a formula up; answers nothing where a mistake was reported."""

    def __init__(self, scope: Scope, functions: Mapping[str, Function] | None = None):
        self.scope = scope
        self.reporter = scope.reporter
        self.functions = functions or {}
        self._rows: dict[str, Operation | None] = {}
        self.nodes: dict[str, Node] = {}
        self.expansions: dict[str, Callable[[Call], Typed | None]] = {}
        """What a formula may call that is more than one row, by its name in small letters."""

    def resolve(self, expr: Expr) -> Typed | None:
        """The formula over symbols and rows, with its shape."""
        match expr:
            case Number():
                return Typed(expr, ())
            case Symbol():
                return self._name(expr)
            case Element():
                return self._element(expr)
            case Call():
                return self._call(expr)
            case Product():
                return self._product(expr)
            case Power():
                return self._power(expr)
            case Sum() | Quotient():
                typed = self._children(expr)
                return None if typed is None else self._shaped(expr, typed)
            case Array():
                return self._array(expr)
            case IndexedSum():
                self.reporter.error("a sum over an index is not in the language yet", expr.span)
                return None
            case Relation():
                self.reporter.error("a named entry belongs in a declaration or a layer", expr.span)
                return None
            case Cases() | Partial():
                self.reporter.error("this cannot stand in a formula", expr.span)
                return None
            case _:
                assert_never(expr)

    def _not_yet(self, what: str, span: Span | None) -> None:
        self.reporter.error(f"`{what}` is not in the language yet", span)

    def _name(self, expr: Symbol) -> Typed | None:
        assert expr.span is not None
        if expr.key == "e" and self.scope.meaning("e") is None:
            self.reporter.error(
                "`e` is not defined", expr.span, "unknown name", hint="for e to the power z, write exp(z)"
            )
            return None
        letter = self._known_number(expr.key)
        if letter is not None:
            return Typed(replace(letter, span=expr.span), ())
        if self.scope.unsized_class(expr.key) is not None:
            self._unsized(expr)
            return None
        found = self.scope.look_up(expr.key, expr.span)
        if found is None:
            return None
        shape = found.shape if isinstance(found, Symbol) else ()
        return Typed(replace(found, span=expr.span), shape)

    def _unsized(self, name: Symbol) -> None:
        self.reporter.error(
            f"how many classes `{name.key}` has is not known here",
            name.span,
            hint=f"say it where it is declared: `target {name.key}[3] = class(2)`",
        )

    def _children(self, expr: Expr) -> tuple[Typed, ...] | None:
        """All children; every mistake in any of them is reported before nothing is answered."""
        typed = [self.resolve(child) for child in children(expr)]
        return None if None in typed else tuple(t for t in typed if t is not None)

    def _shaped(self, expr: Expr, typed: tuple[Typed, ...]) -> Typed | None:
        whole = with_children(expr, tuple(t.expr for t in typed))
        try:
            return Typed(whole, node_shape(whole, tuple(t.shape for t in typed)))
        except ShapeMistake as mistake:
            self._report_shapes(mistake, expr.span, typed)
            return None

    def _report_shapes(self, mistake: ShapeMistake, span: Span | None, typed: tuple[Typed, ...]) -> None:
        ends = [
            Label(t.expr.span, f"this is {spoken(t.shape)}") for t in (typed[i] for i in mistake.quarrel) if t.expr.span
        ]
        if not ends:
            self.reporter.error(mistake.message, span, hint=mistake.hint)
            return
        self.reporter.error(mistake.message, ends[0].span, ends[0].text, also=ends[1:], hint=mistake.hint)

    def _product(self, expr: Product) -> Typed | None:
        typed = self._children(expr)
        if typed is None:
            return None
        arrays = [i for i, t in enumerate(typed) if t.shape]
        if len(arrays) < 2:
            return self._shaped(expr, typed)
        for i in arrays[1:]:
            if typed[i].shape != typed[arrays[0]].shape:
                self._report_shapes(_not_entrywise(typed, arrays[0], i), expr.span, typed)
                return None
        entrywise = reduce(lambda a, b: ops.call(ops.HADAMARD, a, b), (typed[i].expr for i in arrays))
        scalars = [t.expr for t in typed if not t.shape]
        return Typed(Product((*scalars, entrywise), expr.span) if scalars else entrywise, typed[arrays[0]].shape)

    def _power(self, expr: Power) -> Typed | None:
        typed = self._children(expr)
        if typed is None:
            return None
        base, exponent = typed
        if not has_names(exponent.expr):
            return self._shaped(expr, typed)
        if exponent.shape:
            self.reporter.error(f"an exponent is a number, not {spoken(exponent.shape)}", expr.exponent.span)
            return None
        return Typed(Call(ops.POWER, (base.expr, exponent.expr), (), expr.span), base.shape)

    def _array(self, expr: Array) -> Typed | None:
        typed = self._children(expr)
        if typed is None:
            return None
        for t in typed:
            if t.shape:
                self.reporter.error(f"an entry is a number, not {spoken(t.shape)}", t.expr.span)
                return None
        return Typed(replace(expr, entries=tuple(t.expr for t in typed)), expr.shape)

    def _element(self, expr: Element) -> Typed | None:
        inner, index = _flat_index(expr)
        typed = self.resolve(inner)
        numbers = [self._index(i) for i in index]
        if typed is None or None in numbers:
            return None
        return self._entry(typed, tuple(n for n in numbers if n is not None), index, expr.span)

    def _index(self, expr: Expr) -> int | None:
        typed = self.resolve(expr)
        if typed is None:
            return None
        if has_names(typed.expr) or typed.shape:
            self.reporter.error("an index is a whole number here", expr.span)
            return None
        value = self.constant(expr)
        if value is None or value.item.value != value.item.value.to_integral_value():
            self.reporter.error("an index is a whole number, counted from 1", expr.span)
            return None
        return int(value.item.value)

    def _entry(self, typed: Typed, index: Shape, written: tuple[Expr, ...], span: Span | None) -> Typed | None:
        if len(index) > len(typed.shape):
            what = spoken(typed.shape)
            self.reporter.error(f"{what} has no entry {list(index)}", span, f"this is {what}")
            return None
        for i, extent, place in zip(index, typed.shape, written, strict=False):
            if not 1 <= i <= extent:
                self.reporter.error(
                    f"there is no entry {i} in {spoken(typed.shape)}", place.span, f"indices run from 1 to {extent}"
                )
                return None
        if len(index) == len(typed.shape):
            return Typed(Element(typed.expr, tuple(map(number, index)), span), ())
        rest = typed.shape[len(index) :]
        entries = tuple(Element(typed.expr, tuple(map(number, (*index, *i)))) for i in indices(rest))
        return Typed(Array(rest, entries, span), rest)

    # Calls.

    def _call(self, expr: Call) -> Typed | None:
        name = expr.operation.name
        function = self.functions.get(canonical(name))
        if function is not None:
            return self._own_function(function, expr)
        if name.casefold() == DERIVATIVE:
            return self._derivative(expr)
        expansion = self.expansions.get(name.casefold())
        if expansion is not None:
            return expansion(expr)
        positional = tuple(a for a in expr.arguments if not is_named(a))
        typed = self._children(replace(expr, arguments=positional))
        row = {MATMUL.name: ops.MATMUL, TRANSPOSE.name: ops.TRANSPOSE}.get(name) or ops.find(name)
        if row is None:
            self._unknown_function(name, expr)
            return None
        attributes = self._attributes(row, tuple(a for a in expr.arguments if is_named(a)))
        if attributes is not None and not self.options_fit(row, attributes, self._name_of(expr)):
            return None
        if typed is None or attributes is None or not self._arity_fits(row, typed, expr):
            return None
        if row in (ops.MAX, ops.MIN):
            return self._extreme(row, typed, expr)
        if row is ops.LINEAR:
            return typed[0]
        return self._shaped(Call(row, tuple(t.expr for t in typed), attributes, expr.span), typed)

    def _own_function(self, function: Function, expr: Call) -> Typed | None:
        """A call of the author's function: of its row where it acts on entries, else its body in place."""
        arguments = bound(function, expr, self.reporter)
        if arguments is None:
            return None
        row = self.row(function)
        if row is None:
            with self.reporter.within(expr.span):
                return self.resolve(written_in_place(function, arguments))
        inputs = [self.resolve(arguments[canonical(p.name.text)]) for p in function.inputs]
        chosen = {p.name.text: self.single(arguments[canonical(p.name.text)]) for p in function.options}
        if None in inputs or None in chosen.values():
            return None
        typed = tuple(t for t in inputs if t is not None)
        attributes = tuple(sorted((key, n.value) for key, n in chosen.items() if n is not None))
        return self._shaped(Call(row, tuple(t.expr for t in typed), attributes, expr.span), typed)

    def _derivative(self, expr: Call) -> Typed | None:
        """`derivative(f, x)`: the formula of ∂f/∂x, over the nodes that are made by now."""
        if len(expr.arguments) != 2 or any(is_named(a) for a in expr.arguments):
            self.reporter.error(
                "`derivative` takes a number and a name", expr.span, hint="for example derivative(f, x)"
            )
            return None
        of, wrt = (self.resolve(a) for a in expr.arguments)
        if of is None or wrt is None:
            return None
        if of.shape:
            self.reporter.error(f"only a number has a derivative here, not {spoken(of.shape)}", of.expr.span)
            return None
        if not isinstance(wrt.expr, Symbol | Element):
            self.reporter.error("a derivative is taken by a name", wrt.expr.span, hint="give the formula a name")
            return None
        data = [datum.symbol for datum in self.scope.data.values()]
        return Typed(total(of.expr, wrt.expr, self.nodes, data), wrt.shape)

    def row(self, function: Function) -> Operation | None:
        """The row of one of the author's functions, if it acts on each entry."""
        name = canonical(function.name.text)
        if name not in self._rows:
            quiet = Scope(Reporter(self.reporter.source))
            for parameter in parameters(function):
                quiet.declare(parameter.name.text, "input", parameter.name.span, Symbol(parameter.name.text))
            typed = Resolver(quiet, self.functions).resolve(function.value)
            self._rows[name] = None if typed is None or typed.shape else row_of(function, typed.expr)
        return self._rows[name]

    def activation(self, name: str) -> Operation | None:
        """The author's function of one number by that name."""
        function = self.functions.get(canonical(name))
        return self.row(function) if function is not None and len(function.inputs) == 1 else None

    def _unknown_function(self, name: str, expr: Call) -> None:
        folded = name.casefold()
        span = self._name_of(expr)
        if folded in LATER_FUNCTIONS:
            self._not_yet(name, span)
        elif self.scope.meaning(name) is not None:
            self.scope.used.add(canonical(name))
            self.reporter.error(f"`{name}` is not a function", span, hint=f"to multiply, write {name}*(…)")
        else:
            self.reporter.error(
                f"there is no function `{name}`", span, hint=did_you_mean(name, (*ops.SPOKEN, *self.expansions))
            )

    def _name_of(self, call: Call) -> Span | None:
        """Where the name of a called function stands."""
        if call.span is None:
            return None
        text = self.reporter.source.text[call.span.start : call.span.end]
        return Span(call.span.start, call.span.start + len(text.partition("(")[0].rstrip()))

    def _arity_fits(self, row: Operation, typed: tuple[Typed, ...], expr: Call) -> bool:
        least, most = (1, None) if row in (ops.MAX, ops.MIN) else row.arity
        if least <= len(typed) and (most is None or len(typed) <= most):
            return True
        wanted = "at least 1 input" if most is None else "1 input" if most == 1 else f"{most} inputs"
        self.reporter.error(f"`{row.name}` takes {wanted}, not {len(typed)}", expr.span)
        return False

    def _attributes(self, row: Operation, named: tuple[Expr, ...]) -> tuple[tuple[str, Attribute], ...] | None:
        found: dict[str, Attribute] = {}
        for option in named:
            assert isinstance(option, Call)
            key, value = option.arguments
            assert isinstance(key, Symbol)
            number_ = self.single(value)
            if key.key not in row.attributes:
                takes = f"it takes {', '.join(row.attributes)}" if row.attributes else "it takes none"
                near = nearest(key.key, row.attributes)
                hint = f"did you mean `{near}`?" if near else takes
                self.reporter.error(f"`{row.name}` has no option `{key.key}`", key.span, hint=hint)
                return None
            if number_ is None:
                return None
            found[key.key] = number_.value
        return tuple(sorted(found.items()))

    def options_fit(self, row: Operation, given: tuple[tuple[str, Attribute], ...], span: Span | None) -> bool:
        """Whether the options of a row have values that it can take."""
        wrong, hint = row.refusal(dict(given)) if row.refusal is not None else ("", "")
        if wrong:
            self.reporter.error(wrong, span, hint=hint)
        return not wrong

    def _extreme(self, row: Operation, typed: tuple[Typed, ...], expr: Call) -> Typed | None:
        """The largest (smallest) of several numbers, or of the entries of one array."""
        parts = tuple(t.expr for t in typed)
        if len(typed) == 1:
            if not typed[0].shape:
                return typed[0]
            parts = tuple(Element(typed[0].expr, tuple(map(number, i))) for i in indices(typed[0].shape))
            return Typed(reduce(lambda a, b: ops.call(row, a, b), parts), ())
        shaped = self._shaped(Call(row, parts, (), expr.span), typed)
        if shaped is None:
            return None
        return Typed(replace(reduce(lambda a, b: ops.call(row, a, b), parts), span=expr.span), shaped.shape)

    # Values.

    def constant(self, expr: Expr) -> Tensor[Num] | None:
        """The value of an expression without names; anything else is reported."""
        name = self._first_name(expr)
        if name is not None:
            self.reporter.error("a value is a number here, not a formula", expr.span, f"`{name}` is a name")
            return None
        typed = self.resolve(expr)
        if typed is None:
            return None
        try:
            return evaluate(typed.expr, {}, Decimal50())
        except NumberMistake as mistake:
            self.reporter.error(mistake.message, expr.span, hint=mistake.hint)
            return None

    def _first_name(self, expr: Expr) -> str | None:
        """A name in an expression as written; the names of options and of known numbers are none."""
        options = {id(node.arguments[0]) for node in walk(expr) if isinstance(node, Call) and node.operation is NAMED}
        names = (n.key for n in walk(expr) if isinstance(n, Symbol) and id(n) not in options)
        return next((name for name in names if self._known_number(name) is None), None)

    def _known_number(self, name: str) -> Call | None:
        """π, unless the author means something else by it."""
        return ops.constant(canonical(name)) if self.scope.meaning(name) is None else None

    def single(self, expr: Expr) -> Num | None:
        """The value of an expression that is one number; anything else is reported."""
        value = self.constant(expr)
        if value is not None and value.shape:
            self.reporter.error(f"one number belongs here, not {spoken(value.shape)}", expr.span)
            return None
        return None if value is None else value.item


def _flat_index(expr: Element) -> tuple[Expr, tuple[Expr, ...]]:
    """`x[2][1]` is `x[2, 1]`."""
    if not isinstance(expr.of, Element):
        return expr.of, expr.index
    inner, index = _flat_index(expr.of)
    return inner, index + expr.index


def is_named(expr: Expr) -> bool:
    """Whether an argument is an option, `slope = 0.1`."""
    return isinstance(expr, Call) and expr.operation is NAMED


def _not_entrywise(typed: tuple[Typed, ...], a: int, b: int) -> ShapeMistake:
    first, second = typed[a].shape, typed[b].shape
    fits = first[-1] == second[0]
    hint = "the product of a matrix and a vector is written `@`" if fits else ""
    return ShapeMistake(f"`*` multiplies entry by entry: {spoken(first)} and {spoken(second)} do not fit", (a, b), hint)
