"""Document, drawing + notation -> the same with its marks, signs and names of functions; changes no key and no digit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from graphdsl import ops
from graphdsl.diagram import Diagram
from graphdsl.document import (
    Block,
    Document,
    Drawing,
    Inlines,
    Line,
    Math,
    Section,
    mapped,
)
from graphdsl.expr import (
    Call,
    Cases,
    Expr,
    FunctionNotation,
    Number,
    Operation,
    Product,
    Relation,
    Symbol,
    has_names,
    rewrite,
)
from graphdsl.inks import only_activation
from graphdsl.model import Model
from graphdsl.names import Ink, ink_of
from graphdsl.notation import Notation
from graphdsl.plot import Axis, Plot


def noted(document: Document, model: Model) -> Document:
    """The page in the notation that its spec asks for."""
    if model.report.notation.is_default:
        return document
    hand = _Hand(model, model.report.notation)
    return replace(
        document,
        subtitle=hand.inlines(document.subtitle),
        blocks=tuple(map(hand.block, document.blocks)),
        colophon=hand.inlines(document.colophon),
    )


def noted_drawing(diagram: Diagram, model: Model) -> Diagram:
    """A drawing in that notation."""
    return diagram if model.report.notation.is_default else _Hand(model, model.report.notation).diagram(diagram)


ARGUMENT = "%z"
"""The key of the argument of a definition."""


@dataclass(frozen=True)
class _Hand:
    """Writes in one notation."""

    model: Model
    notation: Notation

    def block(self, block: Block) -> Block:
        if self.notation.activation == "formula" and isinstance(block, Section) and block.anchor == "rules":
            return _Hand(self.model, replace(self.notation, activation="")).block(block)
        return mapped(block, self.block, self.inlines, self.line, self.drawing)

    def drawing(self, drawing: Drawing) -> Drawing:
        return self.plot(drawing) if isinstance(drawing, Plot) else self.diagram(drawing)

    def plot(self, plot: Plot) -> Plot:
        def named(axis: Axis) -> Axis:
            return axis if isinstance(axis.name, str) else replace(axis, name=self.formula(axis.name))

        return replace(plot, across=named(plot.across), up=named(plot.up))

    def diagram(self, diagram: Diagram) -> Diagram:
        def shown(expr: Expr | None) -> Expr | None:
            return None if expr is None else self.formula(expr)

        boxes = (
            replace(b, label=shown(b.label), value=shown(b.value), gradient=shown(b.gradient)) for b in diagram.boxes
        )
        arrows = (replace(a, label=shown(a.label), gradient=shown(a.gradient)) for a in diagram.arrows)
        return replace(diagram, boxes=tuple(boxes), arrows=tuple(arrows), key=shown(diagram.key))

    def inlines(self, words: Inlines) -> Inlines:
        return tuple(replace(w, expr=self.formula(w.expr)) if isinstance(w, Math) else w for w in words)

    def line(self, line: Line) -> Line:
        """A line of a derivation; it may write out what an activation is."""
        members = line.chain.members
        if self.notation.activation == "formula":
            members = (members[0], *(rewrite(m, _written_out) if has_names(m) else m for m in members[1:]))
        chain = self.formula(replace(line.chain, members=members))
        assert isinstance(chain, Relation), "a chain stays one"
        return replace(line, chain=chain, reason=self.inlines(line.reason))

    def formula(self, expr: Expr) -> Expr:
        return rewrite(expr, self._node)

    def _node(self, node: Expr) -> Expr:
        match node:
            case Symbol():
                return self._symbol(node)
            case Call(operation=Operation(notation=FunctionNotation() as written) as operation):
                name = self.notation.logarithm if written.name == "ln" else self._functions.get(operation.name)
                called = replace(written, name=name or written.name)
                return replace(node, operation=replace(operation, notation=called)) if called != written else node
            case Product() if self.notation.product == "cross" and not has_names(node):
                return replace(node, cross=True)
            case _:
                return node

    def _symbol(self, symbol: Symbol) -> Symbol:
        key, ink = symbol.key, symbol.ink
        if key == "%eta" or (key == "eta" and "eta" not in self._own_names):
            return replace(symbol, ink=ink_of(self.notation.rate))
        if key == ARGUMENT and ink == Ink("z"):
            return replace(symbol, ink=self._argument)
        if ink.sup.endswith("+") and (key.endswith(".after") or (key.startswith("%") and key.endswith("+"))):
            return replace(symbol, ink=self.updated(ink))
        return symbol

    def updated(self, ink: Ink) -> Ink:
        """The look of a new value, for that with a plus."""
        mark, above = self.notation.updated, ink.sup.removesuffix("+")
        if mark in "'′":
            return replace(ink, sup=above, primes=ink.primes + 1)
        return replace(ink, sup=f"{above},{mark}" if above and mark.isalpha() else above + mark)

    @cached_property
    def _argument(self) -> Ink:
        """What a definition calls its argument: the letter of what stands before an activation, without a layer."""
        pattern = self.notation.pre_activation
        return Ink(ink_of(pattern.replace("{k}", "").replace("{name}", "")).base)

    @cached_property
    def _own_names(self) -> frozenset[str]:
        return frozenset([q.symbol.key for q in self.model.quantities] + [node.symbol.key for node in self.model.nodes])

    @cached_property
    def _functions(self) -> dict[str, str]:
        """What the only activation and its derivative are called here."""
        only = only_activation(self.model)
        if self.notation.activation in ("", "formula") or not only:
            return {}
        letter = ink_of(self.notation.activation).base
        return {only: letter, f"{only}'": letter}


def _written_out(node: Expr) -> Expr:
    """An activation as its definition, where that has one case."""
    if not isinstance(node, Call) or node.operation.name not in ops.ACTIVATIONS or node.operation.formula is None:
        return node
    formula = node.operation.formula(node.arguments, dict(node.attributes))
    return node if isinstance(formula, Cases | Symbol | Number) or not node.operation.elementwise else formula
