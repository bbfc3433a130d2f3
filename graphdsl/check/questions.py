"""`find`, `note`, `given` -> what is asked for, the author's remarks, values and derivatives that replace computed ones; computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphdsl.check.resolve import Resolver, Typed
from graphdsl.check.scope import Datum, Scope
from graphdsl.check.settings import keys_of
from graphdsl.derive.element import part
from graphdsl.derive.shape import spoken
from graphdsl.diagnostics import Label, Span
from graphdsl.expr import Element, Expr, Number, Product, Symbol, add, number, symbols
from graphdsl.model import Node, Remark, Task, Training, Wanted
from graphdsl.names import canonical, entry_key
from graphdsl.numbers import Num, indices, size
from graphdsl.syntax import Find, Given, GivenValue, Note, Reference

WHOLES = ("forward", "gradients", "updates")
"""What can be asked for as a whole."""


# What is given.


@dataclass(slots=True)
class Overrides:
    """Given values of computed entries, given derivatives by (objective, entry), and functions known by derivatives alone."""

    values: dict[str, Num] = field(default_factory=dict)
    upstream: dict[tuple[str, str], Num] = field(default_factory=dict)
    states: list[GivenValue] = field(default_factory=list)
    waiting: list[GivenValue] = field(default_factory=list)


def declare_given(statements: list[Given], defined: frozenset[str], scope: Scope, resolver: Resolver) -> Overrides:
    """Enter given names that have no equation as data; keep the others until the nodes are made."""
    found = Overrides()
    for gave in (value for statement in statements for value in statement.values):
        of = gave.reference.of
        if gave.reference.after != 0:
            scope.reporter.error("a value is given for the beginning, not after updates", gave.reference.span)
        elif gave.reference.wrt is None and isinstance(of, Symbol) and _is_state(of, defined):
            found.states.append(gave)
        elif gave.reference.wrt is None and isinstance(of, Symbol) and canonical(of.key) not in defined:
            _declare(of, gave, scope, resolver)
        else:
            found.waiting.append(gave)
    return found


def _is_state(of: Symbol, defined: frozenset[str]) -> bool:
    """`m.w1`: what an optimizer remembers of a parameter."""
    state, dot, _ = of.key.partition(".")
    return bool(dot) and canonical(of.key) not in defined and canonical(state) not in defined


def _declare(of: Symbol, gave: GivenValue, scope: Scope, resolver: Resolver) -> None:
    assert of.span is not None
    value = resolver.constant(gave.value)
    known = scope.meaning(of.key)
    if known is not None and known.kind in ("input", "target", "param", "const"):
        scope.reporter.error(
            f"`{of.key}` has its value where it is declared",
            of.span,
            also=[Label(known.span, f"declared here, as {known.kind}")],
            hint="`given` is for what would be computed",
        )
        return
    symbol = None if value is None else Symbol(of.key, value.shape)
    if scope.declare(of.key, "given", of.span, symbol) and symbol is not None:
        scope.data[symbol.key] = Datum("given", symbol, value, of.span)


def given_values(overrides: Overrides, nodes: tuple[Node, ...], scope: Scope, resolver: Resolver) -> tuple[Node, ...]:
    """The nodes, with a stand-in for each function of which only derivatives are given."""
    stand_ins: dict[str, list[tuple[Expr, Num]]] = {}
    spans: dict[str, Span] = {}
    for gave in overrides.waiting:
        if gave.reference.wrt is None:
            overrides.values |= _entries(gave.reference.of, gave, scope, resolver)
            continue
        derivatives = _entries(gave.reference.wrt, gave, scope, resolver)
        of = gave.reference.of
        if isinstance(of, Symbol) and scope.meaning(of.key) is None and not derivatives:
            scope.spoil(of.key)  # what is given of it is wrong, and that was reported
            continue
        if isinstance(of, Symbol) and scope.meaning(of.key) is None:
            stand_ins.setdefault(of.key, []).extend(_named(derivatives, gave.reference.wrt, resolver))
            spans.setdefault(of.key, of.span or gave.reference.span)
            continue
        objective = resolver.resolve(of)
        keys = keys_of(objective.expr) if objective else []
        if objective is not None and objective.shape:
            scope.reporter.error(f"a derivative is given of one number, not of {spoken(objective.shape)}", of.span)
        overrides.upstream |= {(key, entry): value for key in keys[:1] for entry, value in derivatives.items()}
    return (*nodes, *(_stand_in(key, terms, spans[key], scope) for key, terms in stand_ins.items() if terms))


def _stand_in(key: str, terms: list[tuple[Expr, Num]], span: Span, scope: Scope) -> Node:
    """The linear function that has the given derivatives."""
    symbol = Symbol(key)
    scope.declare(key, "loss", span, symbol)
    formula = add(*(Product((Number(value.value), entry)) for entry, value in terms))
    return Node(symbol, formula, "stand-in", span)


def _named(derivatives: Mapping[str, Num], wrt: Expr, resolver: Resolver) -> list[tuple[Expr, Num]]:
    typed = resolver.resolve(wrt)
    if typed is None:
        return []
    whole = [Element(typed.expr, tuple(map(number, i))) for i in indices(typed.shape)] if typed.shape else [typed.expr]
    return list(zip(whole, derivatives.values(), strict=True))


def _entries(place: Expr, gave: GivenValue, scope: Scope, resolver: Resolver) -> dict[str, Num]:
    """The values by the keys of the entries that they are given for."""
    typed = resolver.resolve(place)
    value = resolver.constant(gave.value)
    if typed is None or value is None:
        return {}
    if value.shape and value.shape != typed.shape:
        scope.reporter.error(
            f"{spoken(value.shape)} is given for {spoken(typed.shape)}", gave.value.span, also=_label(place, typed)
        )
        return {}
    flat = value.flat * (size(typed.shape) // len(value.flat))
    return dict(zip(keys_of(typed.expr), flat, strict=True))


def _label(place: Expr, typed: Typed) -> list[Label]:
    return [Label(place.span, f"this is {spoken(typed.shape)}")] if place.span else []


# What is asked for.


@dataclass(frozen=True)
class Questions:
    """Reads references of `find` and `note`."""

    plan: Training | None
    nodes: Mapping[str, Node]
    scope: Scope
    resolver: Resolver

    def tasks(self, statements: list[Find]) -> tuple[Task, ...]:
        """The questions, in the order of the text."""
        return tuple(
            Task(
                tuple(w for reference in s.references if (w := self._wanted(reference)) is not None),
                s.text.text if s.text else "",
                s.points.value if s.points else None,
            )
            for s in statements
        )

    def remarks(self, statements: list[Note]) -> tuple[Remark, ...]:
        """The author's words by the line that they belong to."""
        found: list[Remark] = []
        for statement in statements:
            wanted = self._wanted(statement.reference)
            if wanted is not None:
                found.append(
                    Remark(f"d{wanted.what}/d{wanted.wrt}" if wanted.wrt else wanted.what, statement.text.text)
                )
        return tuple(found)

    def _wanted(self, reference: Reference) -> Wanted | None:
        source = self.scope.reporter.source.text
        words = source[reference.span.start : reference.span.end]
        of = reference.of
        if reference.wrt is None and isinstance(of, Symbol) and of.key in WHOLES and self.scope.meaning(of.key) is None:
            if of.key == "updates" and self.plan is None:
                self.scope.reporter.error("there are no updates: nothing is trained", of.span)
            return Wanted(of.key, None, 0, words)
        if reference.wrt is None and isinstance(of, Symbol) and self._is_state(of):
            return Wanted(of.key, None, reference.after, words)
        what = self._key(of)
        wrt = None if reference.wrt is None else self._key(reference.wrt)
        if what is None or (reference.wrt is not None and wrt is None):
            return None
        if wrt is not None and not self._depends(what, wrt):
            turned = self._depends(wrt, what)
            self.scope.reporter.error(
                f"`{what}` does not depend on `{wrt}`",
                reference.span,
                hint=f"did you mean `d{wrt}/d{what}`?" if turned else "",
            )
            return None
        return Wanted(what, wrt, reference.after, words)

    def _is_state(self, of: Symbol) -> bool:
        return "." in of.key and self.plan is not None and self.scope.meaning(of.key) is None

    def _key(self, expr: Expr) -> str | None:
        typed = self.resolver.resolve(expr)
        if typed is None:
            return None
        if isinstance(typed.expr, Element) and isinstance(typed.expr.of, Symbol):
            return keys_of(typed.expr)[0]
        if isinstance(typed.expr, Symbol):
            return typed.expr.key
        self.scope.reporter.error("a name, or one entry of it, can be asked for", expr.span)
        return None

    def _depends(self, of: str, wrt: str) -> bool:
        """Whether a tensor, or the one that an entry belongs to, is computed from the other."""
        owners = {e: key for key in self.nodes for e in _entry_keys(self.nodes[key].symbol)}
        start, goal = owners.get(of, of), self._owner(wrt, owners)
        found, waiting = {start}, [start]
        while waiting:
            node = self.nodes.get(waiting.pop())
            new = set(symbols(node.formula)) - found if node else set[str]()
            found |= new
            waiting += new
        return goal in found

    def _owner(self, key: str, owners: Mapping[str, str]) -> str:
        if key in owners:
            return owners[key]
        data = self.scope.data
        return next((d for d in data if key in _entry_keys(data[d].symbol)), key)


def _entry_keys(symbol: Symbol) -> list[str]:
    return [symbol.key, *(part(symbol, i).key for i in indices(symbol.shape))] if symbol.shape else [symbol.key]


def spread(wanted: str, tensors: Mapping[str, Symbol]) -> list[str]:
    """The keys of the entries that a name stands for."""
    symbol = tensors.get(wanted)
    if symbol is None or not symbol.shape:
        return [wanted]
    return [part(symbol, i).key for i in indices(symbol.shape)]


__all__ = ["WHOLES", "Overrides", "Questions", "declare_given", "entry_key", "given_values", "spread"]
