"""200 random specs against PyTorch and against autograd: losses, all gradients, parameters after each update, in double precision."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from random_specs import Case, cases

from graphdsl.check import check
from graphdsl.diagnostics import Source
from graphdsl.graph import build
from graphdsl.numbers import Decimal50
from graphdsl.parse import parse
from graphdsl.routes import compare
from graphdsl.run import run
from graphdsl.trace import Trace

COUNT = 200
TOLERANCE = 1e-10
CASES = list(cases(COUNT))
NUMBERS = [pytest.param(n, marks=pytest.mark.slow) if n % 4 else n for n in range(COUNT)]
"""Every fourth in a default run, all of them in the full one."""

# A peer's arrays have no common type; Any stands for them.
Array = Any
Leaves = dict[str, Array]
Round = tuple[float, dict[str, float], dict[str, float]]
"""Loss, gradients and parameters after the update, by our keys."""


@functools.cache
def ours(number: int) -> Trace:
    source = Source(f"random spec {number}", CASES[number].text)
    return run(build(check(parse(source))), Decimal50())


def namespace_of(numpy: Any, **own: Callable[..., Any]) -> dict[str, Any]:
    """The functions that the Python source of a case calls, from what NumPy and PyTorch have in common."""

    def sigmoid(x: Array) -> Array:
        return 1 / (1 + numpy.exp(-x))

    def extreme(two: Callable[[Array, Array], Array]) -> Callable[..., Array]:
        def of(*arguments: Array) -> Array:
            if len(arguments) == 1 and arguments[0].ndim:
                arguments = tuple(arguments[0][i] for i in range(len(arguments[0])))
            return functools.reduce(two, arguments)

        return of

    return {
        "exp": numpy.exp,
        "log": numpy.log,
        "sqrt": numpy.sqrt,
        "sin": numpy.sin,
        "cos": numpy.cos,
        "tanh": numpy.tanh,
        "absolute": numpy.abs,
        "total": numpy.sum,
        "sigmoid": sigmoid,
        "relu": lambda x: numpy.where(x > 0, x, 0.0 * x),
        "leaky": lambda x, slope=0.01: numpy.where(x > 0, x, slope * x),
        "linear": lambda x: 1.0 * x,
        "maximum": extreme(own["larger"]),
        "minimum": extreme(own["smaller"]),
        "stack": own["stack"],
        "number": own["number"],
        "ident": lambda x: 1.0 * x,
    }


def by_keys(keys: tuple[str, ...], flat: list[float]) -> dict[str, float]:
    return dict(zip(keys, flat, strict=True))


def torch_rounds(case: Case) -> Iterator[Round]:
    import torch

    torch.set_num_threads(1)
    names = namespace_of(
        torch,
        larger=lambda a, b: torch.where(a >= b, a, b),
        smaller=lambda a, b: torch.where(a <= b, a, b),
        stack=torch.stack,
        number=lambda x: torch.tensor(x, dtype=torch.float64),
    )
    code = compile(case.body, "case", "exec")
    leaves = {k: torch.tensor(leaf.value, dtype=torch.float64, requires_grad=True) for k, leaf in case.leaves.items()}
    sign = 1 if case.ascent else -1
    for _ in range(case.steps):
        made: dict[str, Any] = {}
        exec(code, {**names, **leaves}, made)
        nodes = {name: made[name] for name in case.nodes if made[name].requires_grad}
        for node in nodes.values():
            node.retain_grad()
        made["loss_"].backward()
        gradients: dict[str, float] = {}
        for name, node in [*leaves.items(), *nodes.items()]:
            keys = case.leaves[name].keys if name in case.leaves else case.nodes[name]
            gradient = torch.zeros_like(node) if node.grad is None else node.grad
            gradients |= by_keys(keys, gradient.flatten().tolist())
        after: dict[str, float] = {}
        with torch.no_grad():
            for name, leaf in case.leaves.items():
                tensor = leaves[name]
                if leaf.trained and tensor.grad is not None:
                    tensor += sign * case.eta * tensor.grad
                tensor.grad = None
                after |= by_keys(leaf.keys, tensor.flatten().tolist())
        yield made["loss_"].item(), gradients, after


def autograd_rounds(case: Case) -> Iterator[Round]:
    import autograd.numpy as np
    from autograd import value_and_grad

    names = namespace_of(
        np,
        larger=lambda a, b: np.where(a >= b, a, b),
        smaller=lambda a, b: np.where(a <= b, a, b),
        stack=lambda parts: np.stack([np.reshape(p, ()) for p in parts]),
        number=np.float64,
    )
    code = compile(case.body, "case", "exec")

    def loss(leaves: Leaves) -> Array:
        made: dict[str, Any] = {}
        exec(code, {**names, **leaves}, made)
        return made["loss_"]

    leaves: Leaves = {k: np.array(leaf.value, dtype=np.float64) for k, leaf in case.leaves.items()}
    sign = 1 if case.ascent else -1
    for _ in range(case.steps):
        value, slopes = value_and_grad(loss)(leaves)
        gradients: dict[str, float] = {}
        after: dict[str, float] = {}
        for name, leaf in case.leaves.items():
            gradients |= by_keys(leaf.keys, np.ravel(slopes[name]).tolist())
            if leaf.trained:
                leaves = {**leaves, name: leaves[name] + sign * case.eta * slopes[name]}
            after |= by_keys(leaf.keys, np.ravel(leaves[name]).tolist())
        yield float(value), gradients, after


def differences(trace: Trace, rounds: list[Round]) -> Iterator[tuple[str, float]]:
    """How far our numbers are from a peer's, relative to the larger of them (and to 1e-3 at least)."""
    assert len(trace.rounds) == len(rounds)
    for round_, (loss, gradients, after) in zip(trace.rounds, rounds, strict=True):
        assert round_.loss is not None
        yield "loss", relative(float(round_.loss.value), loss)
        own = round_.samples[0].gradients["E"]
        for key, theirs in gradients.items():
            mine = float(own[key].value) if key in own else 0.0
            yield f"∂E/∂{key} in round {round_.number}", relative(mine, theirs)
        later = trace.values_after(round_.number)
        for key, theirs in after.items():
            yield f"{key} after round {round_.number}", relative(float(later[key].value), theirs)


def relative(a: float, b: float) -> float:
    return abs(a - b) / max(1e-3, abs(a), abs(b))


@pytest.mark.torch
@pytest.mark.parametrize("number", NUMBERS)
def test_agrees_with_torch(number: int) -> None:
    what, worst = max(differences(ours(number), list(torch_rounds(CASES[number]))), key=operator.itemgetter(1))
    assert worst < TOLERANCE, f"{what} in\n{CASES[number].text}"


@pytest.mark.parametrize("number", NUMBERS)
def test_agrees_with_autograd(number: int) -> None:
    what, worst = max(differences(ours(number), list(autograd_rounds(CASES[number]))), key=operator.itemgetter(1))
    assert worst < TOLERANCE, f"{what} in\n{CASES[number].text}"


@pytest.mark.parametrize("number", NUMBERS)
def test_the_three_routes_agree(number: int) -> None:
    found = compare(ours(number))
    assert found.compared > 0


def test_every_parameter_and_node_is_compared() -> None:
    """Nothing that the trace holds escapes the peers, but for arguments that became nodes of their own."""
    for number, case in enumerate(CASES):
        known = {key for leaf in case.leaves.values() for key in leaf.keys}
        known |= {key for keys in case.nodes.values() for key in keys}
        extra = set(ours(number).rounds[0].samples[0].values) - known
        assert all(key.startswith("z_") for key in extra), extra


def test_the_specs_use_the_language_widely() -> None:
    text = "\n".join(case.text for case in CASES)
    for word in (
        "exp(", "ln(", "sqrt(", "sin(", "cos(", "abs(", "max(", "min(", "sum(", "ReLU(", "leaky_relu(", "slope =",
        "sigmoid(", "tanh(", "linear(", "@", "^T", "^-", "[from, to]", "bias = none", "biases", "init", "frozen",
        "maximise", "minimise", "half_squared_error", " from layer", "const", "×", "−",
    ):  # fmt: skip
        assert word in text, word
