"""Every elementwise function and every loss of the tables against PyTorch or SymPy in double precision: values, gradients, kinks, extremes.

The cases come from the tables: a new row is tested as soon as a peer bears its name, or is given it below.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from row_trials import ENTRYWISE

from graphdsl import losses, ops
from graphdsl.check import check
from graphdsl.derive.evaluate import evaluate
from graphdsl.derive.pullback import pull
from graphdsl.diagnostics import Source
from graphdsl.expr import Call, Operation, Symbol, walk
from graphdsl.graph import build
from graphdsl.losses import Loss
from graphdsl.numbers import Decimal50, Float64, Num, NumberMistake, Tensor, size
from graphdsl.ops import functions
from graphdsl.parse import parse
from graphdsl.routes import compare
from graphdsl.run import run

TOLERANCE = 1e-10
ARITHMETIC = Decimal50()

# A peer's arrays have no type here.
Array = Any
Peer = Callable[..., Array]


# The functions.


def clamp_step(torch: Any, x: Array, at_zero: float) -> Array:
    return torch.heaviside(x.detach(), torch.tensor(at_zero, dtype=torch.float64)) + 0 * x


NAMED: dict[str, Callable[[Any], Peer]] = {
    "ln": lambda torch: torch.log,
    "log": lambda torch: lambda x, base: torch.log(x) / math.log(base),
    "sign": lambda torch: lambda x, at_zero: torch.sign(x) + at_zero * (x == 0).double(),
    "step": lambda torch: lambda x, at_zero: clamp_step(torch, x, at_zero),
    "relu": lambda torch: lambda x, slope_at_zero: torch.where(x == 0, slope_at_zero * x, torch.relu(x)),
    "leaky_relu": lambda torch: lambda x, slope: torch.nn.functional.leaky_relu(x, slope),
    "gelu_tanh": lambda torch: lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    "hard_sigmoid": lambda torch: (
        lambda x: torch.nn.functional.relu6(x + 3) / 6
    ),  # its own keeps 1/6 in single precision
    "hard_tanh": lambda torch: torch.nn.functional.hardtanh,
    "linear": lambda torch: lambda x: 1 * x,
}
"""Rows whose peer bears another name, or other options."""


def peer_of(row: Operation) -> Peer:
    """PyTorch's function of that name, else SymPy's by central differences in many digits."""
    import torch

    if row.name in NAMED:
        return NAMED[row.name](torch)
    for home in (torch.nn.functional, torch):
        if hasattr(home, row.name):
            return getattr(home, row.name)
    pytest.fail(f"PyTorch has no `{row.name}`: name its peer in NAMED")


DOMAINS = {"ln": (0.05, 1000.0), "log": (0.05, 1000.0), "sqrt": (0.05, 1000.0), "rsqrt": (0.05, 1000.0)}
DOMAINS |= {"arcsin": (-0.95, 0.95), "arccos": (-0.95, 0.95)}
EXTREMES = (-1000.0, -40.0, -1e-9, 0.0, 1e-9, 40.0, 1000.0)


def options_of(row: Operation) -> list[dict[str, Decimal]]:
    """By default, and with other values of each option."""
    others: dict[str, list[str]] = {"base": ["2", "10"]}
    said = [others.get(name, [str(row.defaults.get(name)), "0.7"]) for name in row.attributes]
    return [dict(zip(row.attributes, map(Decimal, values), strict=True)) for values in itertools.product(*said)]


def points_of(row: Operation, options: dict[str, Decimal]) -> list[float]:
    low, high = DOMAINS.get(row.name, (-4.0, 4.0))
    rng = random.Random(row.name)
    found = [rng.uniform(low, high) for _ in range(12)]
    if row.name not in DOMAINS:
        found += EXTREMES
        found += [float(point) for point in row.kinks(options)] if row.kinks else []
    return found


def ours_of(row: Operation, x: float, options: dict[str, Decimal], arithmetic: Any = ARITHMETIC) -> tuple[float, float]:
    number = Tensor((), (arithmetic.literal(Decimal(x)),))
    node = ops.call(row, Symbol("x"), **options)
    out = evaluate(node, {"x": number}, arithmetic)
    (slope,) = pull(node, {"x": number}, out, Tensor((), (arithmetic.literal(Decimal(1)),)), arithmetic)
    assert slope is not None
    return tuple(float(t.item.value if isinstance(t.item, Num) else t.item) for t in (out, slope))  # type: ignore[return-value]


def close(a: float, b: float) -> bool:
    return abs(a - b) <= TOLERANCE * max(1.0, abs(a), abs(b))


CASES = [(row, options) for row in ENTRYWISE for options in options_of(row)]


def case_name(value: Any) -> str:
    return value.name if isinstance(value, Operation) else ",".join(f"{k}={v}" for k, v in value.items())


@pytest.mark.torch
@pytest.mark.parametrize(("row", "options"), CASES, ids=case_name)
def test_a_function_agrees_with_its_peer(row: Operation, options: dict[str, Decimal]) -> None:
    import torch

    peer = peer_of(row)
    settings = {name: float(value) for name, value in options.items()}
    tried = 0
    for point in points_of(row, options):
        x = torch.tensor(point, dtype=torch.float64, requires_grad=True)
        y = peer(x, **settings)
        (slope,) = torch.autograd.grad(y, x)
        if not (math.isfinite(float(y.detach())) and math.isfinite(float(slope))):
            with pytest.raises(NumberMistake):
                ours_of(row, point, options)
            continue
        value, gradient = ours_of(row, point, options)
        assert close(value, float(y.detach())), (point, value, float(y.detach()))
        assert close(gradient, float(slope)), (point, gradient, float(slope))
        tried += 1
    assert tried >= 12


@pytest.mark.parametrize(("row", "options"), CASES, ids=case_name)
def test_binary_floating_point_gives_the_same(row: Operation, options: dict[str, Decimal]) -> None:
    for point in points_of(row, options):
        try:
            exact = ours_of(row, point, options)
        except NumberMistake:
            continue
        if abs(exact[0]) < 1e200:
            assert all(map(close, exact, ours_of(row, point, options, Float64())))


@pytest.mark.parametrize("name", ["arcsin", "arccos", "arctan", "tan", "sinh", "cosh", "erf", "rsqrt", "log"])
def test_fifty_digits_agree_with_sympy(name: str) -> None:
    """Where PyTorch's sixteen digits are not the last word."""
    import sympy

    row, x = ops.SPOKEN[name], sympy.Symbol("x")
    theirs = {
        "arcsin": sympy.asin, "arccos": sympy.acos, "arctan": sympy.atan, "rsqrt": lambda z: 1 / sympy.sqrt(z),
        "log": lambda z: sympy.log(z, 7),
    }.get(name) or getattr(sympy, name)  # fmt: skip
    options = {"base": Decimal(7)} if name == "log" else {}
    point = sympy.Rational(3, 8)
    number = Tensor((), (Num(Decimal("0.375")),))
    node = ops.call(row, Symbol("x"), **options)
    out = evaluate(node, {"x": number}, ARITHMETIC)
    (slope,) = pull(node, {"x": number}, out, Tensor((), (Num(Decimal(1)),)), ARITHMETIC)
    assert slope is not None
    for found, formula in ((out, theirs(x)), (slope, sympy.diff(theirs(x), x))):
        true = sympy.N(formula.subs(x, point), 60)
        assert abs(sympy.Float(str(found.item.value), 60) - true) < sympy.Float("1e-47")


def test_logarithms_of_powers_are_whole() -> None:
    for x, base, exponent in (("8", 2, 3), ("0.125", 2, -3), ("1000", 10, 3), ("1", 7, 0), ("0.01", 10, -2)):
        node = ops.call(ops.LOG, Symbol("x"), base=Decimal(base))
        found = evaluate(node, {"x": Tensor((), (Num(Decimal(x)),))}, ARITHMETIC).item
        assert found == Num(Decimal(exponent)) and found.exact
        rough = evaluate(node, {"x": Tensor((), (Num(Decimal(x), False),))}, ARITHMETIC).item
        assert rough.value == exponent and not rough.exact
    third = evaluate(ops.call(ops.LOG, Symbol("x"), base=Decimal(2)), {"x": Tensor((), (Num(Decimal(3)),))}, ARITHMETIC)
    assert close(float(third.item.value), math.log2(3)) and not third.item.exact


@pytest.mark.parametrize("x", ["1000", "-1000", "1e6", "-1e6", "1e100", "-1e100"])
def test_nothing_overflows_far_out(x: str) -> None:
    """Values of everything that has a limit or a straight line there."""
    number = {"x": Tensor((), (Num(Decimal(x)),))}
    for name in (row.name for row in ENTRYWISE if row.name in ops.ACTIVATIONS):
        value = evaluate(ops.call(ops.SPOKEN[name], Symbol("x")), number, ARITHMETIC).item.value
        assert abs(value) <= 2 * abs(Decimal(x)), name


# The losses.


def reduced(values: Array, over: str) -> Array:
    return values.sum() if over == "sum" else values.mean()


def rows(values: Array) -> Array:
    return values.reshape(-1, values.shape[-1]).sum(-1)


def losses_of_torch() -> dict[str, Peer]:
    import torch
    import torch.nn.functional as F

    return {
        "half_squared_error": lambda t, y, over: 0.5 * F.mse_loss(y, t, reduction=over),
        "squared_error": lambda t, y, over: F.mse_loss(y, t, reduction=over),
        "mean_squared_error": lambda t, y, over: F.mse_loss(y, t, reduction=over),
        "half_mean_squared_error": lambda t, y, over: 0.5 * F.mse_loss(y, t, reduction=over),
        "mean_absolute_error": lambda t, y, over: F.l1_loss(y, t, reduction=over),
        "huber": lambda t, y, over, delta: F.huber_loss(y, t, reduction=over, delta=delta),
        "binary_cross_entropy": lambda t, y, over: F.binary_cross_entropy(y, t, reduction=over),
        "binary_cross_entropy_with_logits": lambda t, y, over: F.binary_cross_entropy_with_logits(y, t, reduction=over),
        "cross_entropy": lambda t, y, over: reduced(-rows(t * y.log()), over),
        "cross_entropy_with_logits": lambda t, y, over: F.cross_entropy(
            y.reshape(-1, y.shape[-1]), t.reshape(-1, t.shape[-1]), reduction=over
        ),
        "negative_log_likelihood": lambda t, y, over: reduced(-rows(t * y), over),
        "hinge": lambda t, y, over: reduced(torch.relu(1 - t * y), over),
        "kl_divergence": lambda t, y, over: F.kl_div(
            y.log(), t, reduction="sum" if over == "sum" or y.ndim < 2 else "batchmean"
        ),
    }


def drawn(loss: Loss, count: int, rng: random.Random) -> tuple[list[float], list[float]]:
    """Targets of the kind that the loss takes, and outputs for which it has a value."""
    targets = {
        "numbers": lambda: rng.uniform(-2, 2),
        "signs": lambda: rng.choice([-1.0, 1.0]),
        "probabilities": lambda: rng.choice([0.25, 0.5, rng.uniform(0.05, 0.95)]),
    }[loss.takes]
    takes_logs = any(
        isinstance(node, Call) and node.operation in (functions.LN_PROBABILITY, ops.LN)
        for node in walk(losses.example(loss))
    )
    outputs = (lambda: rng.uniform(0.05, 0.95)) if takes_logs else (lambda: rng.uniform(-3, 3))
    return [targets() for _ in range(count)], [outputs() for _ in range(count)]


def literal(values: list[float], shape: tuple[int, ...]) -> str:
    if not shape:
        return format(Decimal(values[0]).quantize(Decimal("1e-17")), "f")
    width = shape[-1]
    lines = (values[i : i + width] for i in range(0, len(values), width))
    return (
        "["
        + "; ".join(", ".join(format(Decimal(v).quantize(Decimal("1e-17")), "f") for v in line) for line in lines)
        + "]"
    )


def compared(
    loss: Loss, shape: tuple[int, ...], t: list[float], y: list[float], said: str
) -> tuple[float, list[float]]:
    """The loss and its gradient in y, after all three routes to it agreed."""
    text = f"target t = {literal(t, shape)}\nparam y = {literal(y, shape)}\nloss E = {loss.name}(t, y{said})\n"
    trace = run(build(check(parse(Source("loss", text)))), ARITHMETIC)
    compare(trace)
    sample = trace.rounds[0].samples[0]
    keys = [key for key in sample.values if key == "y" or key.startswith("y[")]
    return float(sample.values["E"].value), [float(sample.gradients["E"][key].value) for key in keys]


SHAPES: tuple[tuple[int, ...], ...] = ((), (3,), (2, 3))
LOSSES = [
    (loss, shape, over)
    for loss in losses.TABLE
    for shape in SHAPES
    for over in ("", "sum", "mean")
    if (shape[-1] if shape else 1) >= loss.least
]


def agree(loss: Loss, shape: tuple[int, ...], over: str, t: list[float], y: list[float]) -> None:
    import torch

    for options in ({}, *({name: 0.4} for name in loss.defaults)):
        said = "".join(f", {name} = {value}" for name, value in options.items())
        value, gradient = compared(loss, shape, t, y, said + (f", over = {over}" if over else ""))
        settings = {name: float(default) for name, default in loss.defaults.items()} | options
        a, b = (torch.tensor(v, dtype=torch.float64).reshape(shape) for v in (t, y))
        b.requires_grad_(True)
        theirs = losses_of_torch()[loss.name](a, b, over or loss.over, **settings)
        theirs.backward()
        assert close(value, float(theirs.detach()))
        assert all(map(close, gradient, b.grad.reshape(-1).tolist())), (gradient, b.grad)


@pytest.mark.torch
@pytest.mark.parametrize(("loss", "shape", "over"), LOSSES, ids=lambda v: v.name if isinstance(v, Loss) else str(v))
def test_a_loss_agrees_with_pytorch(loss: Loss, shape: tuple[int, ...], over: str) -> None:
    rng = random.Random(f"{loss.name}{shape}")
    for _ in range(3):
        agree(loss, shape, over, *drawn(loss, size(shape), rng))


def far_out() -> Iterator[tuple[Loss, list[float], list[float]]]:
    """Outputs of ±1000, and of exactly the target: the kink of those that have one."""
    for loss in losses.TABLE:
        t, y = drawn(loss, 3, random.Random(loss.name))
        if all(0 < value < 1 for value in y):
            continue
        yield loss, t, [1000.0, -1000.0, 0.0]
        yield loss, t, [-1000.0, 1000.0, 1000.0]
        yield loss, [1.0, -1.0, 1.0] if loss.takes == "signs" else t, [1.0, -1.0, 5.0] if loss.takes == "signs" else t
        if loss.takes == "probabilities":
            yield loss, [0.0, 1.0, 0.0], [1000.0, -1000.0, 3.0]


@pytest.mark.torch
@pytest.mark.parametrize(
    ("loss", "t", "y"), list(far_out()), ids=lambda v: v.name if isinstance(v, Loss) else str(v)[:24]
)
def test_a_loss_agrees_with_pytorch_far_out_and_at_kinks(loss: Loss, t: list[float], y: list[float]) -> None:
    agree(loss, (3,), "", t, y)


def test_every_loss_has_a_peer() -> None:
    pytest.importorskip("torch")
    assert set(losses_of_torch()) == {loss.name for loss in losses.TABLE}


# Class numbers and named entries.


def value_of(text: str) -> tuple[float, dict[str, float]]:
    trace = run(build(check(parse(Source("classes", text)))), ARITHMETIC)
    compare(trace)
    sample = trace.rounds[0].samples[0]
    return float(sample.values["E"].value), {k: float(v.value) for k, v in sample.gradients["E"].items()}


@pytest.mark.torch
@pytest.mark.parametrize("z", [[0.5, -1.0, 2.0], [1000.0, -1000.0, 0.0], [-1000.0, 1000.0, 1000.0]])
@pytest.mark.parametrize("chosen", [1, 2, 3])
@pytest.mark.parametrize(
    "target",
    [
        "target y = class({k})\n{z}loss E = cross_entropy_with_logits(y, z)",
        "target y[3] = class({k})\n{z}loss E = cross_entropy_with_logits(y, z)",
        "target y(cat, dog, bird) = {name}\n{z}loss E = cross_entropy_with_logits(y, z)",
        "target y(cat, dog, bird) = class({k})\n{z}loss E = cross_entropy_with_logits(y, z)",
        "{z}loss E = cross_entropy_with_logits(class({k}), z)",
    ],
)
def test_class_numbers_count_from_one(target: str, chosen: int, z: list[float]) -> None:
    import torch

    name = ("cat", "dog", "bird")[chosen - 1]
    value, gradients = value_of(target.format(k=chosen, name=name, z=f"param z = {literal(z, (3,))}\n"))
    leaf = torch.tensor([z], dtype=torch.float64, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(leaf, torch.tensor([chosen - 1]))
    loss.backward()
    assert close(value, float(loss.detach()))
    assert all(close(gradients[f"z[{i}]"], g) for i, g in enumerate(leaf.grad[0].tolist(), 1))


def test_a_class_is_the_vector_that_it_stands_for() -> None:
    form = "{target}\nparam p = [0.2, 0.5, 0.3]\nloss E = {loss}\n"
    for loss in ("cross_entropy({y}, p)", "mse({y}, p)", "bce({y}, p, over = mean)", "nll({y}, p)"):
        written = value_of(form.format(target="target y = [0, 1, 0]", loss=loss.format(y="y")))
        for target, y in (("target y = class(2)", "y"), ("target y(a, b, c) = b", "y"), ("const k = 1", "class(2)")):
            value, gradients = value_of(form.format(target=target, loss=loss.format(y=y)))
            assert value == written[0]
            assert all(gradients[key] == written[1][key] for key in gradients if key.startswith("p["))


def test_named_entries_are_names_of_any_declared_vector() -> None:
    text = "input x(x1, x2) = [3, -1]\nparam w(u, v) = [2, 5]\nparam k(k1, k2)\ninit all = 4\nE = u*x1 + w[2]*x[2] + k1*k2\ngradient E\n"
    value, gradients = value_of(text)
    assert value == 2 * 3 - 5 + 16
    assert gradients["u"] == 3 and gradients["v"] == -1 and gradients["k1"] == 4


def test_losses_stand_in_formulas_and_alone() -> None:
    form = "input x = [1, 2]\ntarget t = [0, 1]\nlayer y[2] sigmoid {{ weights = 0.3; biases = -0.1 }}\nloss {loss}\n"
    alone = {loss: value_of(form.format(loss=loss)) for loss in ("mse", "MSE", "mean_squared_error", "E = mse(t, y)")}
    assert len({repr(found) for found in alone.values()}) == 1
    assert value_of(form.format(loss="huber(delta = 0.3)")) == value_of(
        form.format(loss="E = huber(t, y, delta = 0.3)")
    )
    once, gradients = value_of(form.format(loss="bce"))
    twice, doubled = value_of(form.format(loss="E = 2*bce(t, y) + 0.1"))
    assert close(2 * once + 0.1, twice)
    assert all(close(2 * gradients[key], doubled[key]) for key in gradients if key != "E")


def test_an_own_node_called_as_a_loss_is_the_loss() -> None:
    text = "input x = 2\ntarget t = 1\nparam w = 3\nmse = 5*(t - w*x)^2\nloss mse\n"
    trace = run(build(check(parse(Source("own", text)))), ARITHMETIC)
    assert trace.rounds[0].samples[0].values["mse"].value == 125


def test_pi_is_a_number_unless_it_is_a_name() -> None:
    value, _ = value_of("input x = 2\nconst c = pi/2\nE = c*x + π\ngradient E\n")
    assert close(value, 2 * math.pi)
    assert value_of("input x = 2\nparam pi = 3\nE = pi*x\ngradient E\n")[0] == 6


@pytest.mark.parametrize("name", [name for name in ops.ACTIVATIONS if name != "linear"])
def test_an_activation_of_a_layer_and_of_an_equation_are_one(name: str) -> None:
    """With its options in the block and in the call; each makes a node z of its own."""
    options = {key: Decimal("0.3") for key in ops.SPOKEN[name].options if key not in ("by", "temperature")}
    block = "".join(f"; {key} = {value}" for key, value in options.items())
    called = "".join(f", {key} = {value}" for key, value in options.items())
    layer = f"input x = [1, -2]\nlayer h[2] {name} {{ weights = [1, 0.5; -0.25, 0.2]; biases = 0.1{block} }}\nE = h[1]*h[2]\ngradient E\n"
    equation = f"input x = [1, -2]\nparam W = [1, 0.5; -0.25, 0.2], b = [0.1, 0.1]\nh = {name}(W @ x + b{called})\nE = h[1]*h[2]\ngradient E\n"
    a, b = (value_of(text) for text in (layer, equation))
    assert a[0] == b[0]
    assert {v for k, v in a[1].items() if ".z" in k} == {v for k, v in b[1].items() if k.startswith("z_h")}
    assert any(k.startswith("z_h") for k in b[1])


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_a_layer_has_a_temperature(name: str) -> None:
    form = "input x = [1, -2]\nparam W = [1, 0.5; -0.25, 0.2]\n{h}\nE = h[1]*h[1] + h[2]\ngradient E\n"
    layer = value_of(form.format(h=f"layer h[2] {name} {{ weights = W; bias = none; temperature = 0.3 }}"))
    equation = value_of(form.format(h=f"h = {name}((W @ x)/0.3)"))
    plain = value_of(form.format(h=f"layer h[2] {name} {{ weights = W; bias = none }}"))
    keys = [key for key in layer[1] if key.startswith("W")]
    assert keys and layer[0] == equation[0] != plain[0]
    assert all(close(layer[1][key], equation[1][key]) for key in keys)
