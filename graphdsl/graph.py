"""Model -> graph: one node per operation in NetworkX, and lazily the scalar view of every entry; computes no number."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from graphdsl.derive.derivative import derivative, raw_derivative
from graphdsl.derive.element import element, expanded, part
from graphdsl.derive.element import entry_symbols as entry_symbols
from graphdsl.derive.shape import shape_of
from graphdsl.derive.simplify import simplify
from graphdsl.diagnostics import Diagnostic, Label, Span
from graphdsl.expr import (
    ZERO,
    Call,
    Expr,
    IndexedSum,
    Number,
    Operation,
    Relation,
    Sum,
    Symbol,
    add,
    children,
    multiply,
    symbols,
    walk,
    with_children,
)
from graphdsl.model import Model, Node
from graphdsl.numbers import indices, size

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, slots=True)
class Op:
    """One operation: a single node of the algebra over the ids of other operations and the keys of data."""

    id: str
    expr: Expr
    inputs: tuple[str, ...]
    node: str
    named: bool


@dataclass(frozen=True)
class Graph:
    """The operations of a model in an order in which each needs only what stands before it, and two views of them."""

    model: Model
    ops: tuple[Op, ...]
    _formulas: dict[str, Expr] = field(default_factory=dict)
    _locals: dict[tuple[str, str], Expr] = field(default_factory=dict)
    _reaching: dict[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def operations(self) -> nx.MultiDiGraph:
        """The operation grain: an edge for every use of a value, so that w·w has two."""
        import networkx as nx

        graph = nx.MultiDiGraph()
        for quantity in self.model.quantities:
            graph.add_node(quantity.symbol.key, kind=quantity.kind)
        for op in self.ops:
            graph.add_node(op.id, kind="operation", node=op.node, named=op.named)
            for position, source in enumerate(op.inputs):
                graph.add_edge(source, op.id, position=position)
        return graph

    @cached_property
    def entries(self) -> nx.DiGraph:
        """The named grain, entry by entry: an edge from each entry to every entry whose formula names it."""
        import networkx as nx

        graph = nx.DiGraph()
        for key, symbol in self.symbols.items():
            graph.add_node(key, symbol=symbol)
        for key in self.computed:
            graph.add_edges_from((parent, key) for parent in symbols(self.formula(key)))
        return graph

    @cached_property
    def symbols(self) -> dict[str, Symbol]:
        """Every scalar that has a name: data first, then what is computed, each in the order of the text."""
        data = (entry for quantity in self.model.quantities for entry in entry_symbols(quantity.symbol))
        computed = (entry for node in self.model.nodes for entry in entry_symbols(node.symbol))
        return {symbol.key: symbol for symbols_ in (data, computed) for symbol in symbols_}

    @cached_property
    def tensors(self) -> dict[str, Symbol]:
        """Every quantity and node by its key, data first, in the order of the text."""
        data = (quantity.symbol for quantity in self.model.quantities)
        return {symbol.key: symbol for symbol in (*data, *(node.symbol for node in self.model.nodes))}

    @cached_property
    def computed(self) -> dict[str, tuple[Node, tuple[int, ...]]]:
        """The node and the index behind every computed entry, in an order in which they can be computed."""
        return {
            part(node.symbol, index).key if index else node.symbol.key: (node, index)
            for node in self.model.nodes
            for index in indices(node.symbol.shape)
        }

    def formula(self, key: str) -> Expr:
        """The scalar formula of a computed entry, over the names of other entries."""
        if key not in self._formulas:
            node, index = self.computed[key]
            self._formulas[key] = element(node.formula, index) if index else expanded(node.formula)
        return self._formulas[key]

    def local(self, child: str, parent: str) -> Expr:
        """∂child/∂parent of the child's formula as it stands, in terms of its output where that is simpler."""
        if (child, parent) not in self._locals:
            own = self._by_output(child, parent)
            formula = self.computed[child][0].formula
            acts = isinstance(formula, Call) and formula.operation.elementwise  # else a part of it has no name
            out = self.symbols[child] if acts else None
            self._locals[child, parent] = own or derivative(self.formula(child), parent, out)
        return self._locals[child, parent]

    def _by_output(self, child: str, parent: str) -> Expr | None:
        """The derivative that a row gives in terms of its output's entries: p₁(1 − p₁) of a softmax."""
        node, index = self.computed[child]
        match node.formula:
            case Call(Operation(entry_slope=slope), (Symbol() as of,), attributes) if slope is not None:
                places = {part(of, i).key: i for i in indices(of.shape)}
                found = slope(of, dict(attributes), node.symbol, index, places[parent])
                return simplify(expanded(found))
            case Call(Operation(entry_slope=slope), (of,), attributes) if slope is not None:
                terms = [
                    multiply(expanded(slope(of, dict(attributes), node.symbol, index, i)), inner)
                    for i in indices(shape_of(of))
                    if (inner := raw_derivative(element(of, i), parent)) != ZERO
                ]
                return simplify(add(*terms)) if terms else ZERO
            case _:
                return None

    @cached_property
    def place(self) -> dict[str, int]:
        """The place of each entry in the order of `symbols`."""
        return {key: i for i, key in enumerate(self.symbols)}

    def reaching(self, objective: str) -> frozenset[str]:
        """The objective and every entry that it depends on."""
        import networkx as nx

        if objective not in self._reaching:
            self._reaching[objective] = frozenset(nx.ancestors(self.entries, objective) | {objective})
        return self._reaching[objective]

    @cached_property
    def depth(self) -> dict[str, int]:
        """The level of each entry: data have 0; an argument of an activation is on the level of its unit."""
        found: dict[str, int] = {}
        for key in self.symbols:
            parents = list(self.entries.predecessors(key))
            activates = len(parents) == 1 and self.is_argument(parents[0])
            below = max((found[parent] for parent in parents), default=0)
            natural = 0 if key not in self.computed else below + (0 if activates else 1)
            found[key] = max(natural, self.model.columns.get(key, 0))
        return found

    def is_argument(self, key: str) -> bool:
        """Whether an entry is a pre-activation, made for the page or by a layer."""
        found = self.computed.get(key)
        return found is not None and found[0].role == "pre-activation"

    @cached_property
    def shared(self) -> dict[str, tuple[str, ...]]:
        """The parameters that stand in more than one place, and the computed entries where they stand, place by place."""
        keys = [entry.key for q in self.model.quantities if q.kind == "param" for entry in entry_symbols(q.symbol)]
        uses = {
            key: tuple(
                use for use in self.entries.successors(key) for _ in self._places(use, key) if not self._adds(use)
            )
            for key in keys
        }
        return {key: used for key, used in uses.items() if len(used) > 1}

    def _adds(self, key: str) -> bool:
        """Whether an entry is the penalty: it is no part of what a sample computes."""
        return self.computed[key][0].role == "penalty"

    def _places(self, use: str, key: str) -> list[Expr]:
        return [node for node in walk(self.formula(use)) if isinstance(node, Symbol) and node.key == key]

    @cached_property
    def scalar_operations(self) -> int:
        """About how many scalar operations a forward pass takes."""
        shapes = {node.symbol.key: node.symbol.shape for node in self.model.nodes}
        shapes |= {q.symbol.key: q.symbol.shape for q in self.model.quantities}
        return sum(max((size(shapes.get(i, ())) for i in (*op.inputs, op.id)), default=1) for op in self.ops)


def shared_parameters(graph: Graph) -> tuple[Diagnostic, ...]:
    """An announcement of every parameter whose gradient comes from more than one use; in a large net they are not looked for."""
    if len(graph.symbols) > MOST_ANNOUNCED or not graph.model.objectives:
        return ()
    return tuple(
        Diagnostic(
            f"`{shared.symbol.key}` is one parameter, {_used(shared)}: its gradient is the sum over them",
            (Label(shared.span),),
            "",
            "note",
        )
        for shared in sharing(graph)
    )


@dataclass(frozen=True, slots=True)
class Shared:
    """A parameter with several uses: of a number, the entries that use it; of a tensor, the nodes, or the one node whose entries do."""

    symbol: Symbol
    uses: tuple[Symbol, ...]
    span: Span
    by_entries: bool = False


def sharing(graph: Graph) -> Iterator[Shared]:
    """Every shared parameter: a tensor whose entries have no names of their own is one."""
    owners = {key: node.symbol for key, (node, _) in graph.computed.items()}
    for quantity in graph.model.quantities:
        keys = [entry.key for entry in entry_symbols(quantity.symbol)]
        uses = {key: graph.shared[key] for key in keys if key in graph.shared}
        if not uses:
            continue
        if quantity.symbol.shape and has_own_entries(quantity.symbol):
            nodes = {owners[use].key: owners[use] for found in uses.values() for use in found}
            yield Shared(quantity.symbol, tuple(nodes.values()), quantity.span, len(nodes) == 1)
            continue
        for key, found in uses.items():
            yield Shared(graph.symbols[key], tuple(graph.symbols[use] for use in found), quantity.span)


def has_own_entries(symbol: Symbol) -> bool:
    """Whether a tensor's entries are called by its own name."""
    return symbol.parts is None or symbol.parts[0].key.startswith(f"{symbol.key}[")


def _used(shared: Shared) -> str:
    names = list(dict.fromkeys(use.key for use in shared.uses))
    if shared.by_entries:
        return f"used in several entries of `{names[0]}`"
    return (
        f"used {len(shared.uses)} times in `{names[0]}`"
        if len(names) == 1
        else f"used in {', '.join(f'`{n}`' for n in names)}"
    )


MOST_ANNOUNCED = 2_000
"""In a net of more named numbers, shared parameters are not announced."""


def build(model: Model) -> Graph:
    """The graph of a model."""
    ops: list[Op] = []
    for node in model.nodes:
        _flatten(node.formula, node.symbol.key, node.symbol.key, ops, itertools.count(1))
    return Graph(model, tuple(ops))


def _flatten(expr: Expr, id_: str, node: str, ops: list[Op], count: Iterator[int]) -> None:
    """Append the operations of a formula; the last one bears the id."""
    whole = expanded(expr) if isinstance(expr, IndexedSum) else expr
    if isinstance(whole, Symbol | Number):
        whole = Sum((whole,))
    parts = tuple(_input(child, node, ops, count) for child in children(whole))
    inputs = tuple(s.key for part in parts for s in walk(part) if isinstance(s, Symbol))
    ops.append(Op(id_, with_children(whole, parts), inputs, node, id_ == node))


def _input(child: Expr, node: str, ops: list[Op], count: Iterator[int]) -> Expr:
    """A number or a name as it is, a condition between such; anything else becomes an operation before it."""
    if isinstance(child, Number | Symbol):
        return child
    if isinstance(child, Relation):
        return with_children(child, tuple(_input(member, node, ops, count) for member in child.members))
    id_ = f"%{node}.{next(count)}"
    _flatten(child, id_, node, ops, count)
    return Symbol(id_, shape_of(child))
