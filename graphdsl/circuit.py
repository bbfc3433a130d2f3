"""Graph -> Circuit -> Diagram: the computation graph as gates and the wires between them; knows no positions and no digits."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from graphdsl.derive.evaluate import evaluate
from graphdsl.derive.pullback import pull
from graphdsl.diagram import Arrow, Box, BoxKind, Diagram, Tone
from graphdsl.expr import (
    MINUS_ONE,
    ONE,
    Call,
    Cases,
    Expr,
    FunctionNotation,
    Power,
    Product,
    Quotient,
    Relation,
    SubscriptedNotation,
    Sum,
    Symbol,
    children,
    has_names,
    multiply,
    symbols,
    walk,
    with_children,
)
from graphdsl.graph import Graph, Op, entry_symbols
from graphdsl.lettering import lettering
from graphdsl.names import Ink
from graphdsl.numbers import Decimal50, Num, Shape, Tensor, scalar, spelled

if TYPE_CHECKING:
    import networkx

LONGEST_FORMULA = 16.0
"""A box shows its formula up to so many ems, else only its name."""

_DATA: Mapping[str, BoxKind] = {
    "input": "datum",
    "target": "datum",
    "given": "datum",
    "param": "name",
    "const": "name",
}
WIRE = "wire of "
"""Before the id of a gate: the id of its wire."""

_ARGUMENT = Symbol("%x", ink=Ink("x"))


@dataclass(frozen=True, slots=True)
class Gate:
    """A box of the graph: data, a constant, a named quantity with its formula, or a single operation.

    `name` is what its wire is called, where the box itself does not say it. `op` is what a single operation computes.
    """

    id: str
    label: Expr
    kind: BoxKind
    name: Symbol | None = None
    op: Op | None = None


@dataclass(frozen=True)
class Circuit:
    """Gates in an order in which each needs only what stands before it; a wire for every use of a value."""

    gates: tuple[Gate, ...]
    wires: tuple[tuple[str, str], ...]

    @cached_property
    def graph(self) -> networkx.MultiDiGraph:
        """Gates and wires in NetworkX; parallel wires stay apart."""
        import networkx

        graph = networkx.MultiDiGraph()
        graph.add_nodes_from(gate.id for gate in self.gates)
        graph.add_edges_from(self.wires)
        return graph


def named_circuit(graph: Graph) -> Circuit:
    """A box for every named entry, with its formula where that is short."""
    results = {objective.key for objective in graph.model.objectives}
    used = [key for key in graph.symbols if key in graph.computed or graph.entries.degree(key)]
    data = _data_kinds(graph)
    gates = [
        Gate(key, _formula(graph, key), "result" if key in results else "formula")
        if key in graph.computed
        else Gate(key, graph.symbols[key], data[key])
        for key in used
    ]
    wires = [(parent, key) for key in used if key in graph.computed for parent in graph.entries.predecessors(key)]
    return Circuit(tuple(gates), tuple(wires))


def tensor_circuit(graph: Graph) -> Circuit:
    """A box for every quantity that is used and every node, whole tensors as one, with its formula where that is short."""
    results = {objective.key for objective in graph.model.objectives}
    kinds = {q.symbol.key: _DATA[q.kind] for q in graph.model.quantities}
    named = {
        node.symbol.key: [key for key in symbols(node.formula) if key in graph.tensors] for node in graph.model.nodes
    }
    used = {key for names in named.values() for key in names}
    data = [Gate(key, graph.tensors[key], kind) for key, kind in kinds.items() if key in used]
    nodes = [
        Gate(node.symbol.key, _told(node.symbol, node.formula), "result" if node.symbol.key in results else "formula")
        for node in graph.model.nodes
    ]
    return Circuit((*data, *nodes), tuple((name, key) for key, names in named.items() for name in names))


def tensor_diagram(graph: Graph) -> Diagram:
    """The computation graph of tensors; above what leaves a box stands its shape."""
    shapes = {key: _shape(symbol.shape) for key, symbol in graph.tensors.items() if symbol.shape}
    circuit = tensor_circuit(graph)
    leading = {source for source, _ in circuit.wires}
    return circuit_diagram(circuit, {key: shape for key, shape in shapes.items() if key in leading}, {})


def _shape(shape: Shape) -> Symbol:
    text = "×".join(map(str, shape))
    return Symbol(f"%{text}", ink=Ink(text))


def elementary_circuit(graph: Graph) -> Circuit:
    """A gate for every single operation; sums and products have two inputs each."""
    count = itertools.count(1)
    gates: list[Gate] = []
    for key in graph.computed:
        _flatten(graph.formula(key), key, gates, count, graph.symbols[key])
    wires = tuple((source, gate.id) for gate in gates if gate.op is not None for source in gate.op.inputs)
    used = {source for source, _ in wires}
    data = _data_kinds(graph)
    leaves = [Gate(key, graph.symbols[key], data[key]) for key in graph.symbols if key in data and key in used]
    return Circuit((*leaves, *gates), wires)


def _data_kinds(graph: Graph) -> dict[str, BoxKind]:
    return {entry.key: _DATA[q.kind] for q in graph.model.quantities for entry in entry_symbols(q.symbol)}


def _formula(graph: Graph, key: str) -> Expr:
    """c = a + b, or only c where the formula is long or has cases."""
    return _told(graph.symbols[key], graph.formula(key))


def _told(symbol: Symbol, formula: Expr) -> Expr:
    whole = Relation((symbol, formula), ("=",))
    told = not any(isinstance(part, Cases) for part in walk(formula))
    return whole if told and lettering(whole).width <= LONGEST_FORMULA else symbol


# Single operations


def _flatten(expr: Expr, id_: str, gates: list[Gate], count: Iterator[int], name: Symbol | None = None) -> str:
    """Append the gates of an expression; the last one bears the id. A name stays where it is computed."""
    if isinstance(expr, Symbol) and name is None:
        return expr.key
    if not has_names(expr):
        gates.append(Gate(id_, expr, "constant", name, Op(id_, expr, (), id_, name is not None)))
        return id_

    def below(child: Expr) -> Symbol:
        return Symbol(_flatten(child, f"%{next(count)}", gates, count))

    def gate(single: Expr, label: Expr) -> str:
        inputs = tuple(child.key for child in children(single) if isinstance(child, Symbol))
        gates.append(Gate(id_, label, "operation", name, Op(id_, single, inputs, id_, name is not None)))
        return id_

    match expr:
        case Symbol():
            return gate(Sum((expr,)), _sign("="))
        case Sum():
            return gate(Sum(tuple(map(below, _two(expr.terms, Sum)))), _sign("+"))
        case Product() if expr.factors[0] == MINUS_ONE:
            single = Product((MINUS_ONE, below(multiply(*expr.factors[1:]))))
            return gate(single, _sign("×(−1)"))
        case Product():
            return gate(Product(tuple(map(below, _two(expr.factors, Product)))), _sign("×"))
        case Quotient(numerator, denominator) if has_names(numerator) and has_names(denominator):
            return _flatten(Product((numerator, Quotient(ONE, denominator))), id_, gates, count, name)
        case Quotient() | Power():
            parts = tuple(below(c) if has_names(c) else c for c in children(expr))
            shown = tuple(_ARGUMENT if has_names(c) else c for c in children(expr))
            return gate(with_children(expr, parts), with_children(expr, shown))
        case Call():
            return gate(with_children(expr, tuple(map(below, expr.arguments))), _called(expr))
        case _:
            # cases and the like stay whole: their names are their inputs
            inputs = tuple(symbols(expr))
            gates.append(Gate(id_, _sign("{"), "operation", name, Op(id_, expr, inputs, id_, name is not None)))
            return id_


def _two(parts: tuple[Expr, ...], kind: type[Sum] | type[Product]) -> tuple[Expr, ...]:
    """a + b + c as (a + b) + c."""
    return parts if len(parts) <= 2 else (kind(parts[:-1]), parts[-1])


def _sign(text: str) -> Symbol:
    return Symbol(f"%{text}", ink=Ink(text))


def _called(call: Call) -> Symbol:
    """The name of the function on its gate."""
    notation = call.operation.notation
    if isinstance(notation, SubscriptedNotation):
        return Symbol(
            f"%{notation.name}", ink=Ink(notation.name, spelled(dict(call.attributes).get(notation.attribute, "")))
        )
    name = notation.name + "′" * notation.primes if isinstance(notation, FunctionNotation) else call.operation.name
    return _sign(name)


# What flows in the wires


def wire_values(circuit: Circuit, values: Mapping[str, Num]) -> dict[str, Num]:
    """The value in every wire: of named quantities as they were carried, of the others by their operation."""
    arithmetic = Decimal50()
    found: dict[str, Num] = dict(values)
    for gate in circuit.gates:
        if gate.id not in found and gate.op is not None:
            env = {source: scalar(found[source]) for source in gate.op.inputs}
            found[gate.id] = evaluate(gate.op.expr, env, arithmetic).item
    return found


def wire_gradients(circuit: Circuit, values: Mapping[str, Num], gradients: Mapping[str, Num]) -> dict[str, Num]:
    """The gradient in every wire, from the values of all and the gradients of the named."""
    arithmetic = Decimal50()
    found: dict[str, Num] = dict(gradients)
    for gate in reversed(circuit.gates):
        op = gate.op
        if op is None or gate.id not in found or gate.kind == "constant":
            continue
        env: dict[str, Tensor[Num]] = {source: scalar(values[source]) for source in op.inputs}
        pulled = pull(op.expr, env, scalar(values[gate.id]), scalar(found[gate.id]), arithmetic)
        for child, gradient in zip(children(op.expr), pulled, strict=True):
            if isinstance(child, Symbol) and child.key not in gradients and gradient is not None:
                known = found.get(child.key)
                found[child.key] = gradient.item if known is None else arithmetic.add(known, gradient.item)
    return found


# The drawing


def circuit_diagram(
    circuit: Circuit,
    values: Mapping[str, Expr],
    gradients: Mapping[str, Expr],
    way: Collection[str] | None = None,
    key: Expr | None = None,
) -> Diagram:
    """The drawing of a circuit: a value above and a gradient below what leaves a gate; `way` are the gates to follow."""
    boxes: list[Box] = []
    arrows: list[Arrow] = []
    leaves: dict[str, str] = {}
    for gate in circuit.gates:
        tone = _tone(way, gate.id)
        boxes.append(Box(gate.id, gate.label, gate.kind, tone=tone))
        wire = _wire(gate, tone, values, gradients)
        leaves[gate.id] = gate.id if wire is None else wire.id
        if wire is not None:
            boxes.append(wire)
            arrows.append(Arrow(gate.id, wire.id, tone=tone))
    arrows += [Arrow(leaves[source], target, tone=_tone(way, source, target)) for source, target in circuit.wires]
    return Diagram("graph", tuple(boxes), tuple(arrows), placed=False, key=key)


def _wire(gate: Gate, tone: Tone, values: Mapping[str, Expr], gradients: Mapping[str, Expr]) -> Box | None:
    """What stands above and below the line that leaves a gate, if anything does."""
    if (gate.kind == "constant" and gate.name is None) or tone == "pale":
        return None
    value: Expr | None = values.get(gate.id)
    if gate.name is not None:
        value = gate.name if value is None else Relation((gate.name, value), ("=",))
    gradient = gradients.get(gate.id)
    if value is None and gradient is None:
        return None
    return Box(WIRE + gate.id, None, "wire", value=value, gradient=gradient, tone=tone)


def _tone(way: Collection[str] | None, *ids: str) -> Tone:
    if way is None:
        return "plain"
    return "strong" if all(i in way for i in ids) else "pale"
