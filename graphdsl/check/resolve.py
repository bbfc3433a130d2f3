"""Formula as written -> formula over symbols and rows, with its shape; reports unknown names, wrong calls and shapes that quarrel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from typing import assert_never

from graphdsl import ops
from graphdsl.check.calls import SHAPE_FUNCTIONS, Calls, Typed, is_named
from graphdsl.check.functions import bound, parameters, row_of, written_in_place
from graphdsl.check.scope import Scope
from graphdsl.check.total import total
from graphdsl.derive.evaluate import evaluate
from graphdsl.derive.shape import node_shape, spoken
from graphdsl.diagnostics import Label, Reporter, Span
from graphdsl.expr import (
    Array,
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
from graphdsl.numbers import Decimal50, Num, NumberMistake, Shape, Tensor
from graphdsl.syntax import NAMED, Function

DERIVATIVE = "derivative"

__all__ = ["Resolver", "Typed"]


Chosen = int | tuple[int, ...]
"""One index along an axis, which then vanishes, or several."""


class Resolver:
    """Looks every name and call of a formula up; answers nothing where a mistake was reported."""

    def __init__(self, scope: Scope, functions: Mapping[str, Function] | None = None, rational: bool = False):
        self.scope = scope
        self.arithmetic = Decimal50(rational=rational)
        self.reporter = scope.reporter
        self.functions = functions or {}
        self._rows: dict[str, Operation | None] = {}
        self.nodes: dict[str, Node] = {}
        self.calls = Calls(self)

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
                return None if typed is None else self.shaped(expr, typed)
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

    def shaped(self, expr: Expr, typed: tuple[Typed, ...]) -> Typed | None:
        """A node over looked-up children with its shape; shapes that quarrel are reported."""
        whole = with_children(expr, tuple(t.expr for t in typed))
        try:
            return Typed(whole, node_shape(whole, tuple(t.shape for t in typed)))
        except ShapeMistake as mistake:
            self.report_shapes(mistake, expr.span, typed)
            return None

    def report_shapes(self, mistake: ShapeMistake, span: Span | None, typed: tuple[Typed, ...]) -> None:
        """Say which shapes quarrel, at both ends."""
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
            return self.shaped(expr, typed)
        for i in arrays[1:]:
            if typed[i].shape != typed[arrays[0]].shape:
                self.report_shapes(_not_entrywise(typed, arrays[0], i), expr.span, typed)
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
            return self.shaped(expr, typed)
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

    # Entries and parts.

    def _element(self, expr: Element) -> Typed | None:
        inner, written = _flat_index(expr)
        typed = self.resolve(inner)
        chosen = [self._chosen(i) for i in written]
        if typed is None or None in chosen:
            return None
        index = tuple(c for c in chosen if c is not None)
        if not self._within(typed.shape, index, written, expr.span):
            return None
        if len(index) == len(typed.shape) and all(isinstance(c, int) for c in index):
            return Typed(Element(typed.expr, tuple(number(c) for c in index if isinstance(c, int)), expr.span), ())
        return self._part(typed, index, written, expr)

    def _part(self, typed: Typed, index: tuple[Chosen, ...], written: tuple[Expr, ...], expr: Element) -> Typed | None:
        """X[1..2, 3], X[2]: what is not said is taken whole."""
        axes = tuple((c,) if isinstance(c, int) else c for c in index)
        axes += tuple(tuple(range(1, extent + 1)) for extent in typed.shape[len(index) :])
        drop = tuple(i for i, c in enumerate(index, 1) if isinstance(c, int))
        at = ",".join(_as_said(c) for c in index)
        part = ops.call(ops.SLICE, typed.expr, **ops.part_attributes(at, axes, drop))
        return self.shaped(replace(part, span=expr.span), (typed,))

    def _chosen(self, written: Expr) -> Chosen | None:
        """One index, or those of a range or list."""
        if not isinstance(written, Array):
            return self._index(written)
        if len(written.shape) > 1:
            self.reporter.error("indices are one list of whole numbers", written.span)
            return None
        found = [self._index(i) for i in written.entries]
        return None if None in found or not found else tuple(i for i in found if i is not None)

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

    def _within(self, shape: Shape, index: tuple[Chosen, ...], written: tuple[Expr, ...], span: Span | None) -> bool:
        if len(index) > len(shape):
            what = spoken(shape)
            said = f"[{', '.join(map(_as_said, index))}]"
            self.reporter.error(f"{what} has no entry {said}", span, f"this is {what}")
            return False
        for chosen, extent, place in zip(index, shape, written, strict=False):
            outside = [i for i in ((chosen,) if isinstance(chosen, int) else chosen) if not 1 <= i <= extent]
            if outside:
                self.reporter.error(
                    f"there is no entry {outside[0]} in {spoken(shape)}", place.span, f"indices run from 1 to {extent}"
                )
                return False
        return True

    # Calls of the author's functions, and derivatives; all other calls are looked up by `Calls`.

    def _call(self, expr: Call) -> Typed | None:
        function = self.own(expr.operation.name)
        if function is not None:
            return self._own_function(function, expr)
        if expr.operation.name.casefold() == DERIVATIVE:
            return self._derivative(expr)
        return self.calls.resolve(expr)

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
        return self.shaped(Call(row, tuple(t.expr for t in typed), attributes, expr.span), typed)

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
            whole = any(isinstance(node, Call) and self._takes_whole(node) for node in walk(function.value))
            self._rows[name] = None if typed is None or typed.shape or whole else row_of(function, typed.expr)
        return self._rows[name]

    def own(self, name: str) -> Function | None:
        """The author's function by that name."""
        return self.functions.get(canonical(name))

    def _takes_whole(self, call: Call) -> bool:
        """Whether a call would tell an array from a number: its size, its product, the largest of its entries."""
        name = canonical(call.operation.name)
        if name in self.functions:
            return self.row(self.functions[name]) is None
        inputs = [a for a in call.arguments if not (isinstance(a, Call) and a.operation is NAMED)]
        alone = name.casefold() in ("max", "min") and len(inputs) == 1
        return alone or name.casefold() in (*SHAPE_FUNCTIONS, "prod")

    def activation(self, name: str) -> Operation | None:
        """The author's function of one number by that name."""
        function = self.own(name)
        return self.row(function) if function is not None and len(function.inputs) == 1 else None

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
            return evaluate(typed.expr, {}, self.arithmetic)
        except NumberMistake as mistake:
            self.reporter.error(mistake.message, expr.span, hint=mistake.hint)
            return None

    def _first_name(self, expr: Expr) -> str | None:
        """A name whose value an expression as written asks for; options are judged apart, and of size(x) the shape is known."""
        if isinstance(expr, Symbol):
            return expr.key if self._known_number(expr.key) is None else None
        if isinstance(expr, Call) and (is_named(expr) or expr.operation.name.casefold() in SHAPE_FUNCTIONS):
            return None
        return next((name for child in children(expr) if (name := self._first_name(child)) is not None), None)

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
    """`x[2][1]` is `x[2, 1]`, but `x[2..3][1]` is an entry of a part."""
    if not isinstance(expr.of, Element) or any(isinstance(i, Array) for i in expr.of.index):
        return expr.of, expr.index
    inner, index = _flat_index(expr.of)
    return inner, index + expr.index


def _as_said(chosen: Chosen) -> str:
    """An index as it is written: 2, 1..3, [2, 7]."""
    if isinstance(chosen, int):
        return str(chosen)
    first, last = chosen[0], chosen[-1]
    run = chosen == tuple(range(first, last + 1))
    return f"{first}..{last}" if run else f"[{','.join(map(str, chosen))}]"


def _not_entrywise(typed: tuple[Typed, ...], a: int, b: int) -> ShapeMistake:
    first, second = typed[a].shape, typed[b].shape
    fits = max(len(first), len(second)) == 2 and first[-1] == second[0]
    hint = "the product of a matrix and a vector is written `@`" if fits else ""
    return ShapeMistake(f"`*` multiplies entry by entry: {spoken(first)} and {spoken(second)} do not fit", (a, b), hint)
