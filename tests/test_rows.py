"""Every row of the table of operations against PyTorch in double precision, and its gradients by three routes."""

from __future__ import annotations

import random
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from row_trials import ENTRYWISE, LARGEST, POSITIVE, TORCH, called, every_trial

from graphdsl import ops
from graphdsl.derive.derivative import derivative
from graphdsl.derive.evaluate import evaluate
from graphdsl.derive.shape import shape_of
from graphdsl.diagnostics import Source, Span
from graphdsl.expr import ONE, Attribute, Element, Expr, Operation, Symbol, add, multiply, number, symbols
from graphdsl.graph import Graph, build, entry_symbols
from graphdsl.model import Model, Node, Quantity
from graphdsl.numbers import Decimal50, Display, Num, Shape, Tensor, indices, scalar, size
from graphdsl.routes import compare
from graphdsl.run import backward, forward, run

A = Decimal50()
TOLERANCE = 1e-10
NUMBERS = random.Random(11)


def quantity(name: str, shape: Shape, row: Operation, rng: random.Random) -> Quantity:
    low = 100 if row.name in POSITIVE else -2000
    values = tuple(Num(Decimal(rng.randint(low, LARGEST.get(row.name, 2000))) / 1024) for _ in range(size(shape)))
    return Quantity("param", Symbol(name, shape), Tensor(shape, values), Span(0, 1))


def weights(count: int) -> list[int]:
    """Every entry has its own say."""
    return [(7 * i) % 11 - 4 for i in range(1, count + 1)]


def weighted(x: Symbol) -> Expr:
    entries = (Element(x, tuple(map(number, i))) for i in indices(x.shape)) if x.shape else iter((x,))
    return add(*(multiply(number(w), entry) for w, entry in zip(weights(size(x.shape)), entries, strict=True)))


def graph_of(row: Operation, quantities: list[Quantity], given: dict[str, Attribute]) -> Graph:
    call = ops.call(row, *(q.symbol for q in quantities), **given)
    out, loss = Symbol("out", shape_of(call)), Symbol("E")
    nodes = (Node(out, call, "equation", Span(0, 1)), Node(loss, weighted(out), "loss", Span(0, 1)))
    source = Source("trial", " ")
    return build(Model(source, "", "", tuple(quantities), nodes, (), (loss,), loss, (), None, "full", Display()))


def trial(row: Operation, shapes: tuple[Shape, ...], given: dict[str, Attribute]) -> tuple[Graph, list[Quantity]]:
    rng = random.Random(f"{row.name} {shapes} {given}")
    quantities = [quantity(f"a{i}", shape, row, rng) for i, shape in enumerate(shapes)]
    return graph_of(row, quantities, given), quantities


def test_every_row_has_a_peer() -> None:
    """Here, or, a function of one number that a spec may call, in `test_functions`; never in both."""
    assert sorted(row.name for row in ops.ROWS) == sorted([*TORCH, *(row.name for row in ENTRYWISE)])


@pytest.mark.torch
@pytest.mark.parametrize(("row", "shapes", "given"), [t for t in every_trial() if t[0].name in TORCH], ids=called)
def test_values_and_gradients_agree_with_torch(
    row: Operation, shapes: tuple[Shape, ...], given: dict[str, Attribute]
) -> None:
    import torch

    torch.set_num_threads(1)
    graph, quantities = trial(row, shapes, given)
    env = forward(graph, {q.symbol.key: q.value for q in quantities}, A)
    pulled = backward(graph, "E", env, A)
    leaves = [_leaf(torch, q.value) for q in quantities]
    out = TORCH[row.name](torch, *leaves, given)
    assert tuple(out.shape) == env["out"].shape
    _close(env["out"], out)
    (out.reshape(-1) * torch.tensor(weights(out.numel()), dtype=torch.float64)).sum().backward()
    for q, leaf in zip(quantities, leaves, strict=True):
        ours = pulled.get(q.symbol.key) or Tensor(q.value.shape, (Num(Decimal(0)),) * size(q.value.shape))
        _close(ours, torch.zeros_like(leaf) if leaf.grad is None else leaf.grad)


def _leaf(torch: Any, value: Tensor[Num]) -> Any:
    flat = torch.tensor([float(x.value) for x in value.flat], dtype=torch.float64)
    return flat.reshape(value.shape).clone().requires_grad_()


def _close(ours: Tensor[Num], theirs: Any) -> None:
    for a, b in zip(ours.flat, theirs.flatten().tolist(), strict=True):
        assert abs(float(a.value) - b) <= TOLERANCE * max(1.0, abs(b))


@pytest.mark.parametrize(("row", "shapes", "given"), every_trial(), ids=called)
def test_three_routes_agree(row: Operation, shapes: tuple[Shape, ...], given: dict[str, Attribute]) -> None:
    graph, quantities = trial(row, shapes, given)
    found = compare(run(graph, A))
    assert found.compared == sum(size(q.symbol.shape) for q in quantities)
    assert found.skipped == 0
    assert found.max_difference < Decimal("1e-28")


@pytest.mark.parametrize(("row", "shapes", "given"), every_trial(), ids=called)
def test_pullbacks_have_pullbacks(row: Operation, shapes: tuple[Shape, ...], given: dict[str, Attribute]) -> None:
    """The rows are closed: what pulls back can itself be computed and pulled back."""
    names = tuple(Symbol(f"a{i}", shape) for i, shape in enumerate(shapes))
    call = ops.call(row, *names, **given)
    out, upstream = Symbol("out", shape_of(call)), Symbol("g", shape_of(call))
    rng = random.Random(5)
    values = {s.key: quantity(s.key, s.shape, row, rng).value for s in (*names, upstream)}
    values["out"] = evaluate(call, values, A)
    for name, pulled in zip(names, row.pullbacks(names, given, out, upstream), strict=True):
        if pulled is not None and not row.elementwise:
            assert shape_of(pulled) == name.shape
            assert evaluate(pulled, values, A).shape == name.shape


SLOPED = [(row, shapes, given) for row, shapes, given in every_trial() if row.entry_slope]


@pytest.mark.parametrize(("row", "shapes", "given"), SLOPED, ids=called)
def test_slopes_of_entries_agree_with_derivatives(
    row: Operation, shapes: tuple[Shape, ...], given: dict[str, Attribute]
) -> None:
    """What a row says in terms of its output is the derivative of its entries' expressions."""
    graph, quantities = trial(row, shapes, given)
    env = {key: scalar(value) for key, value in run(graph, A).rounds[0].samples[0].values.items()}
    for child, parent in product(
        (k for k in graph.computed if k != "E"), (e.key for e in entry_symbols(quantities[0].symbol))
    ):
        plain = derivative(graph.formula(child), parent)
        own = graph.local(child, parent)
        a, b = (evaluate(x, env, A).item.value for x in (own, plain))
        assert abs(a - b) < Decimal("1e-40")
        if parent in symbols(graph.formula(child)) and plain != ONE:
            assert own != plain
