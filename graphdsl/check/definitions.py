"""Equations, layers and the loss -> nodes in an order in which each needs only what stands before it; judges grain and cycles."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NoReturn, TypeGuard

from graphdsl import losses, ops
from graphdsl.check.calls import is_named
from graphdsl.check.data import declare_late
from graphdsl.check.layer import Shelf, declare_layer, layer_nodes
from graphdsl.check.resolve import Resolver, Typed
from graphdsl.check.scope import Scope, spread
from graphdsl.derive.shape import spoken
from graphdsl.diagnostics import Label, Span, nearest
from graphdsl.expr import (
    Call,
    Element,
    Expr,
    Number,
    Symbol,
    children,
    substitute,
    symbols,
    walk,
    with_children,
)
from graphdsl.limits import exceeded
from graphdsl.model import Node
from graphdsl.names import Ink, canonical, ink_of
from graphdsl.syntax import AS, Equation, LateParam, Layer, Loss, Name, Penalty, Quoted, as_written


@dataclass(slots=True)
class Definition:
    """Names that are computed together, and the names that they need."""

    names: tuple[str, ...]
    needs: frozenset[str]
    span: Span
    statement: Equation | Shelf | Loss | LateParam | Penalty
    place: int


class Definitions:
    """Enters what a spec defines, then makes the nodes in the order in which they can be computed."""

    def __init__(self, scope: Scope, resolver: Resolver):
        self.scope = scope
        self.resolver = resolver
        self.reporter = scope.reporter
        self.shelves: list[Shelf] = []
        self.loss: Symbol | None = None
        self._entered: list[Equation | Layer | Loss | LateParam | Penalty] = []

    def enter(self, statement: Equation | Layer | Loss | LateParam | Penalty) -> None:
        """Keep a definition, with the parts that it names in place as definitions of their own."""
        if len(self._entered) >= self.reporter.source.limits.nodes:
            self._refuse_more(statement)
        if isinstance(statement, Layer | LateParam):
            self._entered.append(statement)
            return
        value, lifted = _lift(statement.value)
        self._entered += lifted
        self._entered.append(replace(statement, value=value))

    def _refuse_more(self, statement: Equation | Layer | Loss | LateParam | Penalty) -> NoReturn:
        """The first statement too many ends it: all that uses what follows would be a mistake as well."""
        most = self.reporter.source.limits.nodes
        hint = exceeded("nodes", 2 * most)
        self.reporter.error(f"this spec has more than {most:,} equations and layers", statement.span, hint=hint)
        self.reporter.stop()

    def nodes(self) -> tuple[Node, ...]:
        """All nodes; what depends on a mistake is left out."""
        definitions = [d for i, s in enumerate(self._entered) if (d := self._declare(s, i)) is not None]
        made: list[Node] = []
        for definition in self._ordered(definitions):
            found = self._make(definition)
            if found is None:
                assert self.reporter.errors, "what is left out was reported"
                for name in definition.names:
                    self.scope.spoil(name)
            made += found or []
            self.resolver.nodes.update((node.symbol.key, node) for node in found or [])
        return self._told_apart(tuple(made))

    def _told_apart(self, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        """z₁ for the argument of H₁ gives way where another name, or an entry of one, has that look."""
        alike = self.scope.alike()
        longer = {n.symbol.key: _with_long_look(n.symbol) for n in nodes if _gives_way(n, alike)}
        if not longer:
            return nodes
        self.scope.renamed(longer)
        made = tuple(
            replace(n, symbol=longer.get(n.symbol.key, n.symbol), formula=substitute(n.formula, longer)) for n in nodes
        )
        self.resolver.nodes.update((node.symbol.key, node) for node in made)
        return made

    # Names first.

    def _declare(self, statement: Equation | Layer | Loss | LateParam | Penalty, place: int) -> Definition | None:
        match statement:
            case Layer():
                return self._declare_layer(statement, place)
            case LateParam():
                new = self.scope.declare(statement.name.text, statement.kind, statement.call)
                needs = frozenset(n for extent in statement.shape for n in _names(extent))
                return Definition((statement.name.text,), needs, statement.call, statement, place) if new else None
            case Equation() | Penalty():
                kind = "node" if isinstance(statement, Equation) else "penalty"
                new = self.scope.declare(statement.name.text, kind, statement.name.span)
                needs = _names(statement.value)
                return Definition((statement.name.text,), needs, statement.span, statement, place) if new else None
            case Loss():
                return self._declare_loss(statement, place)

    def _declare_loss(self, statement: Loss, place: int) -> Definition | None:
        if self.loss is not None:
            return None
        name = statement.name.text if statement.name else "E"
        self.loss = Symbol(name)
        known = self._bare_loss(statement.value) is not None
        if statement.name is None and isinstance(statement.value, Symbol) and not known:
            self.loss = Symbol(statement.value.key)
            return Definition((), frozenset({canonical(statement.value.key)}), statement.span, statement, place)
        known_name = self.scope.meaning(name)
        if statement.name is None and known_name is not None:
            self.scope.clashing.add(canonical(name))
            self.reporter.error(
                f"a loss without a name is called `{name}`, and that name is taken",
                statement.value.span,
                also=[Label(known_name.span, "by this")],
                hint="give the loss a name of its own: `loss L = …`",
            )
            return None
        new = self.scope.declare(name, "loss", statement.name.span if statement.name else statement.span)
        needs = _names(statement.value) | (self._loss_needs() if known else frozenset())
        return Definition((name,), needs, statement.span, statement, place) if new else None

    def _loss_needs(self) -> frozenset[str]:
        layers = [s for s in self._entered if isinstance(s, Layer)]
        return frozenset({canonical(layers[-1].name.text)}) if layers else frozenset()

    def _declare_layer(self, statement: Layer, place: int) -> Definition | None:
        number_ = len(self.shelves) + 1
        shelf = declare_layer(statement, number_, self._z_inks, self.scope, self.resolver)
        if shelf is None:
            return None
        shelf.previous = self.shelves[-1].units.key if self.shelves else None
        self.shelves.append(shelf)
        needs: set[str] = set()
        for group in statement.sources:
            needs |= {canonical(n.text) for n in spread(group, self.reporter)}
        if not statement.sources and shelf.previous:
            needs.add(canonical(shelf.previous))
        for setting in statement.settings:
            if not isinstance(setting.value, Quoted):
                needs |= _names(setting.value)
        own = (f"{statement.name.text}.{letter}" for letter in ("z", "W", "b"))
        names = (statement.name.text, *(p.key for p in shelf.units.parts or () if shelf.named), *own)
        return Definition(names, frozenset(needs), statement.name.span, shelf, place)

    @cached_property
    def _z_inks(self) -> dict[str, Ink]:
        """z₃ for the argument of H₃, where no other unit and no name of the author's has that look.

        It is asked for once all definitions are entered.
        """
        units: list[str] = []
        taken: list[Ink] = []
        for statement in self._entered:
            if isinstance(statement, Layer) and not self._is_linear(statement):
                units += [n.text for group in statement.elements for n in spread(group, self.reporter)]
            elif isinstance(statement, Equation):
                taken.append(ink_of(statement.name.text))
                units += [statement.name.text] if self._activated(statement.value) else []
        taken += [meaning_ink for text in self.scope.spellings() if (meaning_ink := ink_of(text))]
        short = {u: Ink("z", ink_of(u).sub) for u in units if len(ink_of(u).base) == 1 and ink_of(u).sub}
        counts = Counter([*short.values(), *taken])
        return {u: ink for u, ink in short.items() if counts[ink] == 1}

    # Then their order.

    def _ordered(self, definitions: list[Definition]) -> list[Definition]:
        import networkx as nx

        by_name = {canonical(name): d.place for d in definitions for name in d.names}
        by_place = {d.place: d for d in definitions}
        graph = nx.DiGraph()
        graph.add_nodes_from(by_place)
        for d in definitions:
            graph.add_edges_from((by_name[need], d.place) for need in d.needs if need in by_name)
        if not nx.is_directed_acyclic_graph(graph):
            self._report_cycle(nx.find_cycle(graph), by_place)
            return []
        return [by_place[place] for place in nx.lexicographical_topological_sort(graph)]

    def _report_cycle(self, edges: list[tuple[int, int]], by_place: dict[int, Definition]) -> None:
        members = [by_place[a] for a, _ in edges]
        path = " → ".join(f"`{d.names[0]}`" for d in [*members, members[0]])
        circle = f"these definitions go round in a circle: {path}"
        labels = [_use(d, members[i - 1]) for i, d in enumerate(members)]
        self.reporter.error(
            f"`{members[0].names[0]}` is defined by itself" if len(members) == 1 else circle,
            labels[0].span,
            labels[0].text,
            also=labels[1:],
            hint="a value from an earlier time step needs a name of its own, such as `h_prev`",
        )

    # Then their formulas.

    def _make(self, definition: Definition) -> list[Node] | None:
        match definition.statement:
            case Equation() as statement:
                return self._equation(statement)
            case Shelf() as shelf:
                return self._layer(shelf)
            case Loss() as statement:
                return self._loss_nodes(statement)
            case LateParam() as statement:
                return self._late_param(statement)
            case Penalty() as statement:
                return self._penalty(statement)

    def _penalty(self, statement: Penalty) -> list[Node] | None:
        typed = self.resolver.resolve(statement.value)
        if typed is not None and typed.shape:
            hint = "add its entries up: `sum(…)`"
            what = spoken(typed.shape)
            self.reporter.error(f"a penalty is one number, this is {what}", statement.value.span, hint=hint)
            return None
        if typed is None:
            return None
        symbol = Symbol(statement.name.text)
        self.scope.define(symbol.key, symbol)
        return [Node(symbol, typed.expr, "penalty", statement.span)]

    def _late_param(self, statement: LateParam) -> list[Node] | None:
        """A module's own quantity, now that the shapes that it depends on are known."""
        with self.reporter.within(statement.call):
            made = declare_late(statement, self.scope, self.resolver)
        return [] if made else None

    def _equation(self, statement: Equation) -> list[Node] | None:
        with self.reporter.within(statement.call):
            typed = self.resolver.resolve(statement.value)
        if typed is None:
            return None
        span = statement.call or statement.span
        return self._grained(statement.name.text, typed, span, loss=False, ink=statement.ink)

    def _grained(self, name: str, typed: Typed, span: Span, loss: bool, ink: Ink | None = None) -> list[Node]:
        """A compound argument of an activation becomes a node of its own, z_name, if that name is free."""
        symbol = Symbol(name, typed.shape, ink or ink_of(name))
        formula, role = typed.expr, "loss" if loss else "equation"
        made: list[Node] = []
        z_name = _argument_name(name)
        if self._is_activation(formula) and _compound(formula.arguments[0]) and self.scope.meaning(z_name) is None:
            z = Symbol(z_name, typed.shape, self._z_inks.get(name) or _argument_ink(name, ink))
            made.append(Node(z, formula.arguments[0], "pre-activation", span))
            self.scope.declare(z_name, "node", span, z)
            formula = with_children(formula, (z,))
        made.append(Node(symbol, formula, "loss" if role == "loss" else "equation", span))
        self.scope.define(name, symbol)
        return made

    def _activates(self, name: str) -> bool:
        """Whether a function, ours or the author's, is an activation that has a pre-activation."""
        if self.resolver.own(name) is not None:
            return self.resolver.activation(name) is not None
        row = ops.find(name)
        return row is not None and row is not ops.LINEAR and row.name in ops.ACTIVATIONS

    def _is_activation(self, expr: Expr) -> TypeGuard[Call]:
        return isinstance(expr, Call) and len(expr.arguments) == 1 and self._activates(expr.operation.name)

    def _activated(self, expr: Expr) -> bool:
        """Whether an equation as written is an activation of a compound argument."""
        return (
            isinstance(expr, Call) and self._activates(expr.operation.name) and any(map(_compound, expr.arguments[:1]))
        )

    def _is_linear(self, layer: Layer) -> bool:
        """Whether a layer has no pre-activation."""
        return layer.activation is None or not self._activates(layer.activation.text)

    def _layer(self, shelf: Shelf) -> list[Node] | None:
        sources = self._sources(shelf)
        made = None if sources is None else layer_nodes(shelf, sources, self.scope, self.resolver)
        if made is None:
            return None
        span = shelf.statement.span
        nodes = [Node(*made.z, "pre-activation", span)] if made.z else []
        if made.z:
            self.scope.declare(made.z[0].key, "node", span, made.z[0])
        if made.z and shelf.named:
            self.scope.enter_parts(made.z[0], "node", [span] * made.z[0].shape[0])
        return [*nodes, Node(*made.out, "equation", span)]

    def _sources(self, shelf: Shelf) -> list[Typed] | None:
        """What a layer reads: as `from` says, else the layer before it, else all inputs in the order of the file."""
        statement = shelf.statement
        names = [n for group in statement.sources for n in spread(group, self.reporter)]
        if not names and shelf.previous:
            names = [Name(shelf.previous, statement.name.span)]
        if not names:
            inputs = [d.symbol.key for d in self.scope.data.values() if d.kind == "input"]
            names = [Name(key, statement.name.span) for key in inputs]
        if not names:
            self.reporter.error(
                f"layer `{statement.name.text}` has no input",
                statement.name.span,
                hint="declare one: `input x = [1, 2]`",
            )
            return None
        typed = [self.resolver.resolve(Symbol(n.text, span=n.span)) for n in names]
        return None if None in typed else [t for t in typed if t is not None]

    def _loss_nodes(self, statement: Loss) -> list[Node] | None:
        bare = self._bare_loss(statement.value)
        typed = self._own_loss(statement) if bare is None else self._compared(statement, bare)
        if typed is None:
            return None
        if typed.shape:
            self.reporter.error(
                f"a loss is one number, this is {spoken(typed.shape)}",
                statement.value.span,
                hint="add its entries up: `sum(…)`",
            )
            return None
        assert self.loss is not None
        if statement.name is None and isinstance(statement.value, Symbol) and bare is None:
            return []
        return self._grained(self.loss.key, typed, statement.span, loss=True)

    def _bare_loss(self, value: Expr) -> str | None:
        """The name of a loss that stands alone, `mse` or `huber(delta = 2)`, as written."""
        match value:
            case Symbol(key=key):
                own = {canonical(s.name.text) for s in self._entered if s.name and not isinstance(s, Loss)}
                known = self._is_loss(key) and self.scope.meaning(key) is None and canonical(key) not in own
                return key if known else None
            case Call(arguments=arguments) if self._is_loss(value.operation.name) and all(map(is_named, arguments)):
                return value.operation.name
            case _:
                return None

    def _is_loss(self, name: str) -> bool:
        """Whether a name is that of a loss, and not of a function of the author's."""
        return losses.find(name) is not None and self.resolver.own(name) is None

    def _own_loss(self, statement: Loss) -> Typed | None:
        value = statement.value
        name = value.operation.name if isinstance(value, Call) else value.key if isinstance(value, Symbol) else ""
        near = nearest(name, losses.SPOKEN)
        known = losses.find(name) or ops.find(name) or self.scope.meaning(name) or self.resolver.own(name)
        if near and not known:
            self.reporter.error(f"there is no loss `{name}`", value.span, hint=f"did you mean `{near}`?")
            return None
        return self.resolver.resolve(value)

    def _compared(self, statement: Loss, name: str) -> Typed | None:
        """A loss without arguments compares the only target with the last layer."""
        targets = [m.text for m in self.scope.names.values() if m.kind == "target" and "." not in m.text]
        targets = [text for text in targets if text in self.scope.data or self.scope.unsized_class(text)]
        if len(targets) != 1 or not self.shelves:
            self._nothing_to_compare(statement, name, targets)
            return None
        span = statement.value.span
        options = statement.value.arguments if isinstance(statement.value, Call) else ()
        pair = (Symbol(targets[0], span=span), Symbol(self.shelves[-1].units.key, span=span))
        return self.resolver.resolve(Call(as_written(name), (*pair, *options), span=span))

    def _nothing_to_compare(self, statement: Loss, name: str, targets: list[str]) -> None:
        """Why the bare name of the loss does not say what is compared."""
        if not targets:
            wrong, hint = "there is no target", "declare one: `target t = 1`"
        elif len(targets) > 1:
            names = ", ".join(f"`{t}`" for t in targets)
            wrong = f"here are {len(targets)}: {names}"
            apart = f"{name}({targets[0]}, y[1]) + {name}({targets[1]}, y[2])"
            hint = f"make them one, `target t = [0, 1]`, or name what is compared: `loss E = {apart}`"
        else:
            wrong = "there is no layer"
            hint = f"name what is compared: `loss {name}({targets[0]}, y)`"
        self.reporter.error(
            f"`{name}` alone compares the only target with the last layer", statement.value.span, wrong, hint=hint
        )


def _argument_name(name: str) -> str:
    """z_h of h, z_h[1] of h[1], cell.z_f of cell.f."""
    owner, dot, own = name.rpartition(".")
    return f"{owner}{dot}z_{own}"


def _gives_way(node: Node, alike: set[str]) -> bool:
    """Whether a node that was made for the page looks like another name."""
    own = [part.key for part in node.symbol.parts or (node.symbol,)]
    return node.role == "pre-activation" and all("." not in key for key in own) and not alike.isdisjoint(own)


def _with_long_look(z: Symbol) -> Symbol:
    """z with its unit's name below: z of H₁ as z_H1."""
    if z.parts is not None:
        return replace(z, parts=tuple(map(_with_long_look, z.parts)))
    return replace(z, ink=Ink("z", z.key.removeprefix("z_")))


def _argument_ink(name: str, ink: Ink | None) -> Ink:
    return Ink("z", name) if ink is None else Ink("z", f"{ink.base},{ink.sub}" if ink.sub else ink.base, ink.sup)


def _use(definition: Definition, needed: Definition) -> Label:
    """Where a definition needs another one: its name there, if it is written."""
    names = {canonical(name) for name in needed.names}
    text = f"`{needed.names[0]}` is needed here"
    statement = definition.statement
    if isinstance(statement, Shelf):
        written = [n for group in statement.statement.sources for n in (group.first, group.last) if n]
        found = next((n.span for n in written if canonical(n.text) in names), None)
        return Label(found or definition.span, text)
    if isinstance(statement, LateParam):
        return Label(definition.span, text)
    uses = (s.span for s in walk(statement.value) if isinstance(s, Symbol) and canonical(s.key) in names)
    return Label(next(uses, None) or definition.span, text)


def _names(expr: Expr) -> frozenset[str]:
    return frozenset(canonical(key) for key in symbols(expr))


def _lift(expr: Expr) -> tuple[Expr, list[Equation]]:
    """`(… as s)`: the part becomes an equation of its own, its name stays in place."""
    lifted: list[Equation] = []

    def visit(node: Expr) -> Expr:
        node = with_children(node, tuple(map(visit, children(node))))
        if not (isinstance(node, Call) and node.operation is AS):
            return node
        part, name = node.arguments
        assert isinstance(name, Symbol) and name.span is not None
        lifted.append(Equation(Name(name.key, name.span), part, node.span or name.span))
        return name

    return visit(expr), lifted


def _compound(expr: Expr) -> bool:
    return not isinstance(expr, Symbol | Element | Number)
