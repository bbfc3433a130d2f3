"""Functions on vectors, matrices and arrays as a spec calls them: against PyTorch, alone and in random chains, by three routes."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from equalities import false_equalities

import graphdsl
from graphdsl import ops
from graphdsl.check import check
from graphdsl.check.calls import FUNCTIONS
from graphdsl.diagnostics import Source
from graphdsl.explain import explain
from graphdsl.graph import Graph, build
from graphdsl.numbers import Decimal50, Shape
from graphdsl.parse import parse
from graphdsl.phrases import load
from graphdsl.routes import compare, verdicts
from graphdsl.run import run
from graphdsl.trace import Trace

A = Decimal50()
TOLERANCE = 1e-10
Torch = Callable[[Any, Any], Any]
"""(torch, the tensor) -> the same in PyTorch, whose tensors have no types here."""


@dataclass(frozen=True)
class Step:
    """A formula in `{x}`, the same in PyTorch, and to which shapes it applies."""

    spec: str
    peer: Torch
    takes: Callable[[Shape], bool]


def vector(shape: Shape) -> bool:
    return len(shape) == 1 and shape[0] >= 2


def matrix(shape: Shape) -> bool:
    return len(shape) == 2 and min(shape) >= 2


def array(shape: Shape) -> bool:
    return len(shape) == 3 and min(shape) >= 2


def tensor(shape: Shape) -> bool:
    return vector(shape) or matrix(shape) or array(shape)


def flat(torch: Any, x: Any) -> Any:
    return x.reshape(-1)


K1, K2 = [[0.5, -1.0]], [[0.5, -1.0], [2.0, 0.25]]


def filters(torch: Any, values: Any) -> Any:
    return torch.tensor(values, dtype=torch.float64)


STEPS = [
    Step("sum({x})", lambda torch, x: x.sum(), tensor),
    Step("sum({x}, by = row)", lambda torch, x: x.sum(1), matrix),
    Step("sum({x}, by = column)", lambda torch, x: x.sum(0), matrix),
    Step("mean({x}, by = channel)", lambda torch, x: x.mean((1, 2)), array),
    Step("mean({x})", lambda torch, x: x.mean(), tensor),
    Step("variance({x}, by = column)", lambda torch, x: x.var(0, correction=0), matrix),
    Step("std({x})", lambda torch, x: x.std(correction=0), tensor),
    Step("norm({x}, by = row)", lambda torch, x: torch.linalg.norm(x, dim=1), matrix),
    Step("max({x}, by = row)", lambda torch, x: x.amax(1), matrix),
    Step("min({x})", lambda torch, x: x.min(), tensor),
    Step("max({x}, 0.1)", lambda torch, x: x.clamp(min=0.1), tensor),
    Step("prod({x})", lambda torch, x: x.prod(), vector),
    Step("prod({x}, by = column)", lambda torch, x: x.prod(0), matrix),
    Step("logsumexp({x}, by = row)", lambda torch, x: x.logsumexp(1), matrix),
    Step("softmax({x})", lambda torch, x: x.softmax(0), vector),
    Step("softmax({x}, by = column, temperature = 2)", lambda torch, x: (x / 2).softmax(0), matrix),
    Step("softmax({x}, base = 2)", lambda torch, x: (x * torch.log(torch.tensor(2.0).double())).softmax(0), vector),
    Step("log_softmax({x}, by = row)", lambda torch, x: x.log_softmax(1), matrix),
    Step("dot({x}, {x})", lambda torch, x: torch.dot(x, x), vector),
    Step("outer({x}, {x})", lambda torch, x: torch.outer(x, x), vector),
    Step("transpose({x}) + {x}^T", lambda torch, x: x.T + x.T, matrix),
    Step("{x} @ {x}^T", lambda torch, x: x @ x.T, matrix),
    Step("concat({x}, 3, {x})", lambda torch, x: torch.cat([x, torch.tensor([3.0]).double(), x]), vector),
    Step("concat({x}, {x}, by = row)", lambda torch, x: torch.cat([x, x]), matrix),
    Step("concat({x}, 2*{x}, by = column)", lambda torch, x: torch.cat([x, 2 * x], 1), matrix),
    Step("stack({x}, 2*{x})", lambda torch, x: torch.stack([x, 2 * x]), lambda s: vector(s) or matrix(s)),
    Step("reshape({x}, size({x}), 1)", lambda torch, x: x.reshape(-1, 1), tensor),
    Step("reshape({x}, columns({x}), rows({x}))", lambda torch, x: x.reshape(x.shape[::-1]), matrix),
    Step("repeat({x}, 2)", lambda torch, x: torch.stack([x, x]), vector),
    Step("repeat(sum({x}), size({x}))", lambda torch, x: x.sum().expand(x.numel()), tensor),
    Step("flatten({x})", flat, tensor),
    Step("pad({x}, 1)", lambda torch, x: torch.nn.functional.pad(x, (1, 1) * min(x.ndim, 2)), tensor),
    Step("crop(pad({x}, 2), 1)", lambda torch, x: torch.nn.functional.pad(x, (1, 1) * min(x.ndim, 2)), tensor),
    Step("{x}[2]", lambda torch, x: x[1], tensor),
    Step("{x}[1..2, 2]", lambda torch, x: x[:2, 1], matrix),
    Step("{x}[2, 1..2, [2, 1, 2]]", lambda torch, x: x[1, :2][:, [1, 0, 1]], array),
    Step("{x}[2, 1..2][1]", lambda torch, x: x[1, 0], matrix),
    Step("embedding({x}, [2, 1, 2])", lambda torch, x: x[[1, 0, 1]], matrix),
    Step("embedding({x}, 2)", lambda torch, x: x[1], matrix),
    Step("{x}*one_hot(2, size = size({x}))", lambda torch, x: x * (torch.arange(len(x)) == 1), vector),
    Step(
        "{x} + positional_encoding(rows({x}), columns({x}))",
        lambda torch, x: x + filters(torch, positions(*x.shape)),
        matrix,
    ),
    Step("{x} + {x}[1]", lambda torch, x: x + x[0], matrix),
    Step("max_pool({x})", lambda torch, x: pooled(torch, "max", x, 2, 2, 0), tensor),
    Step(
        "max_pool({x}, size = 2, stride = 1, padding = 1)",
        lambda torch, x: pooled(torch, "max", x, 2, 1, 1),
        tensor,
    ),
    Step(
        "avg_pool({x}, size = 2, stride = 1, padding = 1)",
        lambda torch, x: pooled(torch, "avg", x, 2, 1, 1),
        tensor,
    ),
    Step(
        "conv1d({x}, [0.5, -1], padding = 1, stride = 2)",
        lambda torch, x: torch.conv1d(x[None, None], filters(torch, K1)[None], padding=1, stride=2)[0, 0],
        vector,
    ),
    Step(
        "conv2d({x}, [0.5, -1; 2, 0.25], padding = 1, flip = true)",
        lambda torch, x: torch.conv2d(x[None, None], filters(torch, K2).flip(0, 1)[None, None], padding=1)[0, 0],
        matrix,
    ),
    Step(
        "conv2d(stack({x}, {x}), [[[[0.5, -1], [2, 0.25]], [[1, 0], [0, 1]]], [[[1, 2], [3, 4]], [[0, 1], [1, 0]]]], [0.1, 0.2])",
        lambda torch, x: torch.conv2d(
            torch.stack([x, x])[None],
            filters(torch, [[K2, [[1, 0], [0, 1]]], [[[1, 2], [3, 4]], [[0, 1], [1, 0]]]]),
            filters(torch, [0.1, 0.2]),
        )[0],
        matrix,
    ),
    Step(
        "conv_transpose1d({x}, [0.5, -1], stride = 2)",
        lambda torch, x: torch.conv_transpose1d(x[None, None], filters(torch, K1)[None], stride=2)[0, 0],
        vector,
    ),
    Step(
        "conv_transpose2d({x}, [0.5, -1; 2, 0.25], padding = 1, stride = 2)",
        lambda torch, x: torch.conv_transpose2d(
            x[None, None], filters(torch, K2)[None, None], padding=1, stride=2
        )[0, 0],
        matrix,
    ),
]  # fmt: skip


def positions(rows: int, columns: int) -> list[list[float]]:
    import math

    return [
        [
            (math.cos if j % 2 else math.sin)(i / 10_000 ** (2 * (j // 2) / columns))
            for j in range(columns)
        ]
        for i in range(rows)
    ]  # fmt: skip


def pooled(torch: Any, kind: str, x: Any, size: int, stride: int, padding: int) -> Any:
    places = min(x.ndim, 2)
    whole = x[None] if x.ndim == 3 else x[None, None]
    found = getattr(torch.nn.functional, f"{kind}_pool{places}d")(whole, size, stride, padding)
    return found[0] if x.ndim == 3 else found[0, 0]


def literal(shape: Shape, rng: random.Random) -> tuple[str, Any]:
    """A list in the language, and the same in Python."""
    if not shape:
        value = rng.randint(-2000, 2000) / 1000
        return str(value), value
    parts = [literal(shape[1:], rng) for _ in range(shape[0])]
    return f"[{', '.join(text for text, _ in parts)}]", [value for _, value in parts]


def objective(name: str, shape: Shape) -> str:
    """A number in which every entry has its own say."""
    if not shape:
        return f"1.5*{name}"
    count = 1
    for extent in shape:
        count *= extent
    weights = ", ".join(str((5 * i) % 7 - 2.5) for i in range(count))
    return f"dot(flatten({name}), [{weights}])" if count > 1 else f"-2.5*sum({name})"


def weighted(torch: Any, x: Any) -> Any:
    if not x.ndim:
        return 1.5 * x
    return (x.reshape(-1) * torch.tensor([(5 * i) % 7 - 2.5 for i in range(x.numel())], dtype=torch.float64)).sum()


def graph_of(text: str) -> Graph:
    return build(check(parse(Source("test.spec", text))))


def chain(shape: Shape, steps: list[Step], rng: random.Random) -> None:
    """A spec that takes the steps one after the other, held to PyTorch and to itself."""
    import torch

    torch.set_num_threads(1)
    text, values = literal(shape, rng)
    leaf = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    lines, x, name = [f"param x = {text}"], leaf, "x"
    for i, step in enumerate(steps):
        lines.append(f"n{i} = {step.spec.format(x=name)}")
        x, name = step.peer(torch, x), f"n{i}"
    lines.append(f"loss E = {objective(name, tuple(x.shape))}")
    trace = run(graph_of("\n".join(lines) + "\n"), A)
    hold(trace, "\n".join(lines))
    weighted(torch, x).backward()
    sample = trace.rounds[0].samples[0]
    keys = [key for key in sample.values if re.fullmatch(rf"{name}(\[.*\])?", key)]
    close([sample.values[key].value for key in keys], x.flatten().tolist(), "\n".join(lines))
    ours = [sample.gradients["E"].get(key) for key in sample.values if re.fullmatch(r"x(\[.*\])?", key)]
    theirs = (torch.zeros_like(leaf) if leaf.grad is None else leaf.grad).flatten().tolist()
    close([Decimal(0) if g is None else g.value for g in ours], theirs, "\n".join(lines))


def hold(trace: Trace, text: str) -> None:
    found = compare(trace)
    assert found.compared, text
    document = explain(trace, found, verdicts(trace), load("en"), None)
    assert not false_equalities(trace.graph, document), text


def close(ours: list[Decimal], theirs: list[float], text: str) -> None:
    assert len(ours) == len(theirs), text
    for a, b in zip(ours, theirs, strict=True):
        assert abs(float(a) - b) <= TOLERANCE * max(1.0, abs(b)), text


SHAPES: list[Shape] = [(3,), (2, 3), (2, 2, 3)]
ALONE = [(step, shape) for step in STEPS for shape in SHAPES if step.takes(shape)]


@pytest.mark.torch
@pytest.mark.parametrize(("step", "shape"), ALONE, ids=lambda v: v.spec if isinstance(v, Step) else str(len(v)))
def test_a_function_agrees_with_torch(step: Step, shape: Shape) -> None:
    chain(shape, [step], random.Random(f"{step.spec} {shape}"))


@pytest.mark.parametrize(("step", "shape"), ALONE, ids=lambda v: v.spec if isinstance(v, Step) else str(len(v)))
def test_a_function_has_a_page_with_rounded_values(step: Step, shape: Shape) -> None:
    """As by hand, every named quantity is rounded: what the lines print still gives what is carried."""
    text, _ = literal(shape, random.Random(f"{step.spec} {shape}"))
    spec = f"param x = {text}\ny = {step.spec.format(x='x')}\nloss E = sum(y*y)\ntrain sgd {{ eta = 0.1 }}\n"
    found = graphdsl.solve(spec + "numbers { carry = displayed; decimals = 3 }\n")
    assert found.text() and found.latex() and found.html()


@pytest.mark.torch
@pytest.mark.parametrize("number", [pytest.param(n, marks=pytest.mark.slow) if n % 3 else n for n in range(60)])
def test_a_random_chain_agrees_with_torch(number: int) -> None:
    import torch

    rng = random.Random(number)
    shape = rng.choice(SHAPES)
    x = torch.zeros(shape, dtype=torch.float64)
    steps: list[Step] = []
    for _ in range(3):
        fitting = [s for s in STEPS if s.takes(tuple(x.shape)) and s.spec != "prod({x})"]
        if not fitting:
            break
        steps.append(rng.choice(fitting))
        x = steps[-1].peer(torch, x)
    chain(shape, steps, rng)


def test_every_function_is_tried() -> None:
    tried = set(re.findall(r"[a-z_0-9]+(?=\()", " ".join(step.spec for step in STEPS)))
    entrywise = {name for name, row in ops.SPOKEN.items() if row.elementwise} - {"max", "min"}
    assert set(FUNCTIONS) - entrywise <= tried


# What has no peer.


def values_of(text: str) -> dict[str, Decimal]:
    return {key: x.value for key, x in run(graph_of(text), A).rounds[0].samples[0].values.items()}


def test_sizes_may_stand_in_declared_shapes_and_layers() -> None:
    found = values_of(
        "param W[rows(X), size(x)] = 0.5\ninput x = [1, 2, 3]\ninput X = [1, 2; 3, 4]\n"
        "layer h[columns(X)] from x { weights = 1; bias = none }\ny = W @ x\n"
    )
    assert [found[k] for k in ("y[1]", "y[2]", "h[1]", "h[2]")] == [3, 3, 6, 6]


def test_the_order_of_quantities_is_that_of_the_text() -> None:
    model = check(parse(Source("test.spec", "param W[2, size(x)] = 1\ninput x = [1, 2]\ny = W @ x\n")))
    assert [q.symbol.key for q in model.quantities] == ["W", "x"]


def test_softmax_may_be_the_activation_of_a_layer() -> None:
    found = values_of("input x = [1, 2]\nlayer p[2] softmax { weights = [1, 0; 0, 1]; bias = none }\n")
    assert abs(found["p[1]"] + found["p[2]"] - 1) < Decimal("1e-45")
    assert found["p.z[2]"] == 2


def test_a_tie_is_a_kink_and_the_first_takes_all() -> None:
    trace = run(graph_of("param x = [1, 3, 3]\nf = max(x)\ngradient f\n"), A)
    assert [g.value for g in trace.rounds[0].samples[0].gradients["f"].values()][-3:].count(1) >= 1
    assert trace.rounds[0].samples[0].gradients["f"]["x[2]"].value == 1
    assert trace.rounds[0].samples[0].gradients["f"]["x[3]"].value == 0
    assert compare(trace).skipped == 3


def test_parts_of_named_entries_keep_their_names() -> None:
    graph = graph_of("param K = [k11 = 1, k12 = 2; k21 = 3, k22 = 4]\ny = sum(K[2])\ngradient y\n")
    assert set(graph.entries.predecessors("y")) == {"k21", "k22"}


def test_large_images_are_quick() -> None:
    """A filter of 3×3 over 28×28 is no matter of seconds; entries are not searched for among all products."""
    import time

    text = (
        "input X[28, 28] = 0.5\nparam K = [1, 2, 3; 4, 5, 6; 7, 8, 9]\nC = conv2d(X, K)\nf = sum(C)\ngradient f wrt K\n"
    )
    graph = graph_of(text)
    before = time.process_time()
    run(graph, A)
    for key in graph.computed:
        graph.formula(key)
    assert time.process_time() - before < 2
