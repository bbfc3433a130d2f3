"""Trainings: every optimizer and every kind of batch against PyTorch or plain Python, floats against decimals, published runs, true pages."""

from __future__ import annotations

import itertools
import json
import math
import random
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from importlib import resources
from typing import Any

import pytest
from equalities import false_equalities
from random_specs import cases
from reading import count, false_lines

import graphdsl
from graphdsl import long, ops
from graphdsl import run as running
from graphdsl.check import check
from graphdsl.check.rules import standard
from graphdsl.check.samples import samples
from graphdsl.check.scope import Datum, Scope
from graphdsl.check.training import SETTINGS
from graphdsl.diagnostics import Reporter, Source, Span
from graphdsl.expr import Symbol
from graphdsl.graph import build
from graphdsl.numbers import Decimal50
from graphdsl.optimizers import SGD
from graphdsl.parse import parse
from graphdsl.routes import compare, verdicts
from graphdsl.run import run
from graphdsl.schedule import orders, places
from graphdsl.syntax import DataBlock
from graphdsl.trace import Trace

D = Decimal
ROWS = [(0.5, -1.0, 0.3), (1.5, 0.25, -0.2), (-0.75, 2.0, 0.9), (0.1, 0.2, 0.5), (-1.25, -0.5, -0.6)]
DATA = "data {\n  x1, x2 -> t\n" + "".join(f"  {a}, {b} -> {t}\n" for a, b, t in ROWS) + "}\n"
NET = """
input  x1, x2
target t
param  W = [0.3, -0.2; 0.5, 0.1; -0.4, 0.7], b = [0.1, -0.1, 0.2], v = [0.6, -0.8, 0.35], c = 0.05
layer  h[3] tanh from x1, x2 { weights = W; biases = b }
y = v @ h + c
loss E = 1/2*(t - y)^2
"""
XOR = """
title "XOR, online, two epochs"
input  x1, x2
target t
layer hidden(h1, h2) sigmoid { weights = [w11 = 1, w12 = -1; w21 = -1, w22 = 1]; biases = [c1 = -0.5, c2 = -0.5] }
layer output(o)      sigmoid { weights = [v1 = 1, v2 = 1];                       bias = [d = -0.5] }
loss  E = 1/2*(t - o)^2
data { x1, x2 -> t; 0, 0 -> 0; 0, 1 -> 1; 1, 0 -> 1; 1, 1 -> 0 }
train sgd { eta = 0.5; batch = online; epochs = 2 }
"""
MAZUR = """
input  i1..i2 = [0.05, 0.10]
target t1..t2 = [0.01, 0.99]
param  w1..w8 = [0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55]
const  b1 = 0.35, b2 = 0.60
layer hidden(h1, h2) sigmoid { weights = w1..w4; bias = b1 }
layer output(o1, o2) sigmoid { weights = w5..w8; bias = b2 }
E_o1 = 1/2*(t1 - o1)^2
E_o2 = 1/2*(t2 - o2)^2
loss  E_total = E_o1 + E_o2
"""
ADAM = "param θ = 5\nloss f = θ^2\ntrain adam { eta = 0.1; beta1 = 0.9; beta2 = 0.999; epsilon = 1e-8; steps = 2 }\n"


def trace_of(text: str) -> Trace:
    model = check(parse(Source("test.spec", text)))
    return run(build(model), Decimal50(model.display if model.carry == "displayed" else None))


def after(trace: Trace) -> dict[str, float]:
    """The trained entries after the last update."""
    return {key: float(trace.finals[0].values[key].value) for key in trace.rounds[-1].updates}


def trained(text: str) -> dict[str, float]:
    return after(trace_of(text))


# --- against PyTorch

Make = Callable[[Any], Any]
"""PyTorch has no types here: parameters -> an optimizer."""


def peers() -> dict[str, tuple[str, Make]]:
    """For each of our optimizers its options, and the same of PyTorch."""
    import torch.optim as o

    return {
        "sgd": ("eta = 0.1", lambda p: o.SGD(p, lr=0.1)),
        "delta_rule": ("eta = 0.1", lambda p: o.SGD(p, lr=0.1)),
        "perceptron": ("eta = 0.1", lambda p: o.SGD(p, lr=0.1)),  # without a threshold, the rule is plain descent
        "momentum": ("eta = 0.1; mu = 0.8", lambda p: o.SGD(p, lr=0.1, momentum=0.8)),
        "nesterov": ("eta = 0.1; mu = 0.8", lambda p: o.SGD(p, lr=0.1, momentum=0.8, nesterov=True)),
        "adagrad": ("eta = 0.1; epsilon = 1e-6", lambda p: o.Adagrad(p, lr=0.1, eps=1e-6)),
        "rmsprop": ("eta = 0.1; rho = 0.8; epsilon = 1e-6", lambda p: o.RMSprop(p, lr=0.1, alpha=0.8, eps=1e-6)),
        "adam": ("eta = 0.1; beta1 = 0.8; beta2 = 0.9", lambda p: o.Adam(p, lr=0.1, betas=(0.8, 0.9))),
        "adamw": ("eta = 0.1; weight_decay = 0.2", lambda p: o.AdamW(p, lr=0.1, weight_decay=0.2)),
    }


def torch_after(
    make: Make,
    steps: Iterator[tuple[int, ...]] | list[tuple[int, ...]],
    *,
    total: bool = False,
    maximise: bool = False,
    penalty: float = 0,
    touch: Callable[[Any], None] = lambda parameters: None,
    schedule: Callable[[Any], Any] | None = None,
) -> dict[str, float]:
    """The parameters of NET after steps over samples (from 1); `touch` changes gradients before each step."""
    import torch

    torch.set_default_dtype(torch.float64)
    W = torch.tensor([[0.3, -0.2], [0.5, 0.1], [-0.4, 0.7]], requires_grad=True)
    b = torch.tensor([0.1, -0.1, 0.2], requires_grad=True)
    v = torch.tensor([0.6, -0.8, 0.35], requires_grad=True)
    c = torch.tensor(0.05, requires_grad=True)
    parameters = [W, b, v, c]
    optimizer = make(parameters)
    rates = schedule(optimizer) if schedule else None
    for numbers in steps:
        optimizer.zero_grad()
        losses = []
        for n in numbers:
            x1, x2, t = ROWS[n - 1]
            y = v @ torch.tanh(W @ torch.tensor([x1, x2]) + b) + c
            losses.append((t - y) ** 2 / 2)
        loss = sum(losses) if total else sum(losses) / len(losses)
        loss = loss + penalty * (v @ v)
        (-loss if maximise else loss).backward()
        touch(parameters)
        optimizer.step()
        if rates:
            rates.step()
    keys = [f"W[{i},{j}]" for i in (1, 2, 3) for j in (1, 2)]
    keys += [f"b[{i}]" for i in (1, 2, 3)] + [f"v[{i}]" for i in (1, 2, 3)] + ["c"]
    return dict(zip(keys, [x for p in parameters for x in p.detach().flatten().tolist()], strict=True))


def agree(ours: dict[str, float], theirs: dict[str, float], tolerance: float = 1e-10) -> None:
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        assert ours[key] == pytest.approx(value, rel=tolerance, abs=tolerance), key


ALL = [(1, 2, 3, 4, 5)]
NAMES = ["sgd", "delta_rule", "perceptron", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"]


def test_every_optimizer_has_its_peer() -> None:
    assert list(standard()) == NAMES
    assert standard()["sgd"].assignments == SGD.assignments


@pytest.mark.torch
@pytest.mark.parametrize("name", NAMES)
def test_an_optimizer_is_that_of_torch(name: str) -> None:
    options, make = peers()[name]
    agree(trained(f"{NET}{DATA}train {name} {{ {options}; steps = 3 }}\n"), torch_after(make, ALL * 3))


@pytest.mark.parametrize("name", NAMES)
def test_ones_own_optimizer_is_on_a_par(name: str) -> None:
    """The text of ours under another name gives the same numbers, states included."""
    table = resources.files("graphdsl").joinpath("optimizers.spec").read_text("utf-8")
    rule = re.search(rf"optimizer {name}(\(.*?\n}}\n)", table, re.DOTALL)
    assert rule is not None
    options = "eta = 0.1; steps = 3"
    ours = trace_of(f"{NET}{DATA}train {name} {{ {options} }}\n")
    own = trace_of(f"{NET}{DATA}optimizer mine{rule[1]}train mine {{ {options} }}\n")
    assert [r.updates for r in ours.rounds] == [r.updates for r in own.rounds]
    assert all(
        u.state.keys() == {a.name for a in standard()[name].assignments} - {"theta"}
        for u in own.rounds[0].updates.values()
    )


@pytest.mark.torch
def test_sgd_with_the_options_that_users_know() -> None:
    import torch.optim as o

    momentum = torch_after(lambda p: o.SGD(p, lr=0.1, momentum=0.9), ALL * 3)
    agree(trained(f"{NET}{DATA}train sgd {{ eta = 0.1; momentum = 0.9; steps = 3 }}\n"), momentum)
    nesterov = torch_after(lambda p: o.SGD(p, lr=0.1, momentum=0.7, nesterov=True), ALL * 3)
    agree(trained(f"{NET}{DATA}train sgd {{ eta = 0.1; momentum = 0.7; nesterov = true; steps = 3 }}\n"), nesterov)
    agree(trained(f"{NET}{DATA}train momentum {{ eta = 0.1; momentum = 0.7; nesterov = true; steps = 3 }}\n"), nesterov)
    plain = f"{NET}{DATA}train momentum {{ eta = 0.1; momentum = 0.9; nesterov = false; steps = 3 }}\n"
    agree(trained(plain), momentum)


@pytest.mark.torch
def test_decay_of_weights_and_clipping() -> None:
    import torch
    import torch.optim as o

    def text(option: str) -> str:
        return f"{NET}{DATA}train momentum {{ eta = 0.1; steps = 3; {option} }}\n"

    decayed = torch_after(lambda p: o.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.3), ALL * 3)
    agree(trained(text("weight_decay = 0.3")), decayed)

    def by_value(parameters: Any) -> None:
        torch.nn.utils.clip_grad_value_(parameters, 0.05)

    agree(trained(text("clip_value = 0.05")), torch_after(momentum, ALL * 3, touch=by_value))

    def by_norm(parameters: Any) -> None:
        norm = math.sqrt(sum(float((p.grad**2).sum()) for p in parameters))
        for p in parameters:
            p.grad *= min(1, 0.2 / norm)

    agree(trained(text("clip_norm = 0.2")), torch_after(momentum, ALL * 3, touch=by_norm))
    agree(trained(text("clip_norm = 1000")), torch_after(momentum, ALL * 3))


def momentum(parameters: Any) -> Any:
    import torch.optim as o

    return o.SGD(parameters, lr=0.1, momentum=0.9)


def plain_sgd(parameters: Any) -> Any:
    import torch.optim as o

    return o.SGD(parameters, lr=0.1)


@pytest.mark.torch
def test_learning_rates_that_change() -> None:
    import torch.optim.lr_scheduler as s

    def text(eta: str, option: str) -> str:
        return f"{NET}{DATA}train sgd {{ eta = {eta}; steps = 4; {option} }}\n"

    each = torch_after(plain_sgd, ALL * 4, schedule=lambda o: s.ExponentialLR(o, 0.5))
    agree(trained(text("0.1", "decay = 0.5")), each)
    every = torch_after(plain_sgd, ALL * 4, schedule=lambda o: s.StepLR(o, 2, 0.5))
    agree(trained(text("0.1", "decay = 0.5; decay_every = 2")), every)
    agree(trained(text("[0.1, 0.1, 0.05]", "")), every)


@pytest.mark.torch
def test_climbing_and_a_penalty() -> None:
    climbed = torch_after(momentum, ALL * 3, maximise=True)
    text = NET.replace("loss E", "maximise E") + DATA + "train momentum { eta = 0.1; steps = 3 }\n"
    agree(trained(text), climbed)
    text = NET + DATA + "penalty R = 0.2*sum(v*v)\ntrain momentum { eta = 0.1; steps = 3; batch = 2 }\n"
    agree(trained(text), torch_after(momentum, [(1, 2), (3, 4), (5,)], penalty=0.2))


BATCHES = {
    "full": ("batch = full; epochs = 2", ALL * 2),
    "online": ("batch = online; epochs = 2", [(n,) for n in (1, 2, 3, 4, 5)] * 2),
    "mini": ("batch = 2; epochs = 2", [(1, 2), (3, 4), (5,)] * 2),
    "so many steps": ("batch = 3; steps = 3", [(1, 2, 3), (4, 5), (1, 2, 3)]),
}


@pytest.mark.torch
@pytest.mark.parametrize("kind", BATCHES)
@pytest.mark.parametrize("over", ["mean", "sum"])
def test_batches(kind: str, over: str) -> None:
    options, steps = BATCHES[kind]
    text = f"{NET}{DATA}train momentum {{ eta = 0.1; {options}; over_batch = {over} }}\n"
    agree(trained(text), torch_after(momentum, steps, total=over == "sum"))


@pytest.mark.torch
def test_a_summed_gradient_of_a_mean_loss() -> None:
    text = f"{NET}{DATA}train momentum {{ eta = 0.1; steps = 3; gradient_over_batch = sum }}\n"
    trace = trace_of(text)
    agree(after(trace), torch_after(momentum, ALL * 3, total=True))
    update, gradient = trace.rounds[0].updates["c"], trace.rounds[0].gradients["c"]
    assert update.gradient == gradient
    assert update.direction.value == pytest.approx(5 * gradient.value)
    text = f"{NET}{DATA}train momentum {{ eta = 0.1; steps = 3; over_batch = sum; gradient_over_batch = mean }}\n"
    agree(trained(text), torch_after(momentum, ALL * 3))


@pytest.mark.torch
def test_shuffled_as_it_is_documented() -> None:
    order = random.Random(7)
    steps: list[tuple[int, ...]] = []
    for _ in range(3):
        epoch = [1, 2, 3, 4, 5]
        order.shuffle(epoch)
        steps += [(n,) for n in epoch]
    text = f"{NET}{DATA}train momentum {{ eta = 0.1; epochs = 3; batch = online; shuffle = 7 }}\n"
    assert [p.samples for p in places(trace_of(text).graph.model.training)] == steps  # type: ignore[arg-type]
    agree(trained(text), torch_after(momentum, steps))


def test_places_and_epochs() -> None:
    training = check(parse(Source("t", f"{NET}{DATA}train sgd {{ eta = 0.1; batch = 2; epochs = 2 }}\n"))).training
    assert training is not None
    assert [(p.step, p.epoch, p.samples, p.ends_epoch) for p in places(training)] == [
        (1, 1, (1, 2), False), (2, 1, (3, 4), False), (3, 1, (5,), True),
        (4, 2, (1, 2), False), (5, 2, (3, 4), False), (6, 2, (5,), True),
    ]  # fmt: skip
    assert list(itertools.islice(orders(training), 2)) == [[1, 2, 3, 4, 5]] * 2


# --- published runs


def test_xor_online() -> None:
    trace = trace_of(XOR)
    outputs = [f"{float(r.samples[0].values['o'].value):.6f}" for r in trace.rounds]
    assert outputs == ["0.563427", "0.551923", "0.569531", "0.579000", "0.552293", "0.540851", "0.558795", "0.567773"]
    done = after(trace)
    assert [f"{done[k]:.6f}" for k in ("v1", "v2", "d")] == ["0.981272", "0.983541", "-0.558240"]
    assert f"{sum(s.values['E'].value for s in trace.finals):.10f}" == "0.4917093067"
    assert [(r.number, r.epoch, r.samples[0].number) for r in trace.rounds][3:5] == [(4, 1, 4), (5, 2, 1)]
    assert compare(trace).compared == 72


def test_two_adam_steps() -> None:
    trace = trace_of(ADAM)
    values = [r.updates["θ"].after.value for r in trace.rounds]
    assert [f"{v:.10f}" for v in values] == ["4.9000000001", "4.8000577569"]
    assert {k: v.value for k, v in trace.rounds[0].updates["θ"].state.items()} == {
        "m": 1, "v": D("0.1"), "m_hat": 10, "v_hat": 100,
    }  # fmt: skip


def test_state_and_number_of_the_step_at_the_start() -> None:
    text = "param θ = 4.9\nloss f = θ^2\ntrain adam { eta = 0.1; t = 2; m.θ = 1; v.θ = 0.1 }\n"
    found = trace_of(text).rounds[0].updates["θ"]
    assert {k: round(v.value, 5) for k, v in found.state.items()} == {
        "m": D("1.88"), "v": D("0.19594"), "m_hat": D("9.89474"), "v_hat": D("98.01901"),
    }  # fmt: skip
    vector = "param W = [1, 2]\nloss f = sum(W*W)\ntrain momentum { eta = 0.1; v.W = 0.5 }\n"
    assert [u.remembered["v"].value for u in trace_of(vector).rounds[0].updates.values()] == [D("0.5"), D("0.5")]
    entry = "param W = [1, 2]\nloss f = sum(W*W)\ntrain momentum { eta = 0.1; v.W[2] = 0.5 }\n"
    assert [u.remembered["v"].value for u in trace_of(entry).rounds[0].updates.values()] == [0, D("0.5")]


def test_momentum_and_rmsprop_by_hand() -> None:
    text = "param w = 0\nloss J = 1/2*(w - 4)^2\ntrain momentum { eta = 0.1; mu = 0.9; steps = 3 }\n"
    assert [r.updates["w"].after.value for r in trace_of(text).rounds] == [D("0.4"), D("1.12"), D("2.056")]
    text = "param w = 0\nloss J = 1/2*(w - 2)^2\ntrain rmsprop { eta = 0.1; rho = 0.9; steps = 2 }\n"
    assert [f"{r.updates['w'].after.value:.3f}" for r in trace_of(text).rounds] == ["0.316", "0.526"]


def test_mini_batches_of_a_line() -> None:
    """Sakib: w and b over two batches of two, mean of ½e²."""
    text = """
input x
target t
param w = 1, b = 0
y = w*x + b
loss E = 1/2*(t - y)^2
data { x -> t; 1 -> 2; 2 -> 3; 3 -> 5; 4 -> 4 }
train sgd { eta = 0.1; batch = 2 }
expected dE/dw = -1.5, dE/db = -1, w.after1 = 1.15, b.after1 = 0.10, y.after1.sample3 = 3.55, y.after1.sample4 = 4.70
expected dE/dw.after1.sample3 = -4.35, dE/dw.after1.sample4 = 2.80, dE/dw.after1 = -0.775, w.after = 1.2275, b.after = 0.1375
"""
    found = verdicts(trace_of(text))
    assert len(found) == 11
    assert all(v.agrees for v in found), [v for v in found if not v.agrees]


def test_adaline_stops_when_its_error_is_small() -> None:
    """Guedes: 1005 epochs of the delta rule until the mean squared error of an epoch is at most 1e-8."""
    text = """
input x
target t
param w0 = -1.5, w = 1.5
y = w0 + w*x
loss E = 1/2*(t - y)^2
data { x -> t; 0.2 -> 0.9; -1.5 -> 0.3 }
train delta_rule { eta = 0.1; batch = online; epochs = 5000; stop_at = 1e-8; error = after }
"""
    trace = trace_of(text)
    assert trace.stopped
    assert trace.epochs[-1].loss.value <= D("1e-8") < trace.epochs[-2].loss.value
    assert trace.steps == 2 * trace.epochs[-1].number
    assert trace.loss is not None and trace.epochs[-1].loss.value == trace.loss.value


@pytest.mark.parametrize("order", ["sequential", "simultaneous"])
def test_the_order_of_updates(order: str) -> None:
    agree(
        trained(f"{MAZUR}train sgd {{ eta = 0.5; steps = 3; order = {order} }}\n"),
        mazur(3, order == "sequential"),
        1e-14,
    )


def mazur(steps: int, sequential: bool) -> dict[str, float]:
    """Plain Python: the hidden errors with the updated weights, or with the old ones."""

    def sigmoid(z: float) -> float:
        return 1 / (1 + math.exp(-z))

    w = dict(zip([f"w{i}" for i in range(1, 9)], [0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55], strict=True))
    i1, i2, t1, t2 = 0.05, 0.10, 0.01, 0.99
    for _ in range(steps):
        h1 = sigmoid(w["w1"] * i1 + w["w2"] * i2 + 0.35)
        h2 = sigmoid(w["w3"] * i1 + w["w4"] * i2 + 0.35)
        o1 = sigmoid(w["w5"] * h1 + w["w6"] * h2 + 0.60)
        o2 = sigmoid(w["w7"] * h1 + w["w8"] * h2 + 0.60)
        d1, d2 = (o1 - t1) * o1 * (1 - o1), (o2 - t2) * o2 * (1 - o2)
        new = dict(w)
        for key, gradient in (("w5", d1 * h1), ("w6", d1 * h2), ("w7", d2 * h1), ("w8", d2 * h2)):
            new[key] -= 0.5 * gradient
        seen = new if sequential else w
        e1 = (d1 * seen["w5"] + d2 * seen["w7"]) * h1 * (1 - h1)
        e2 = (d1 * seen["w6"] + d2 * seen["w8"]) * h2 * (1 - h2)
        for key, gradient in (("w1", e1 * i1), ("w2", e1 * i2), ("w3", e2 * i1), ("w4", e2 * i2)):
            new[key] -= 0.5 * gradient
        w = new
    return w


def test_the_gradient_stays_the_derivative_where_the_direction_is_another() -> None:
    text = f"{MAZUR}train sgd {{ eta = 0.5; order = sequential }}\n"
    round_ = trace_of(text).rounds[0]
    plain = trace_of(text.replace("; order = sequential", "")).rounds[0]
    assert round_.gradients == plain.gradients
    assert round_.raw["w5"] == round_.gradients["w5"]
    assert round_.raw["w1"] != round_.gradients["w1"]
    found = json.loads(graphdsl.solve(text).json())["steps"][0]
    assert found["directions"]["w1"] != found["gradients"]["w1"]
    assert found["samples"][0]["directions"]["h1"] != found["samples"][0]["gradients"]["E_total"]["h1"]


def test_sequential_over_a_batch_and_through_weights_of_weights() -> None:
    """Two layers with weights made of other weights; the batch passes layer by layer."""
    text = """
input x
target t
param a = 0.5, u = 0.3
const k = 2
w = k*a
h = tanh(w*x)
y = u*h
loss E = 1/2*(t - y)^2
data { x -> t; 1 -> 0.5; 2 -> -0.25 }
train sgd { eta = 0.1; order = sequential }
"""
    rows, a, u = [(1.0, 0.5), (2.0, -0.25)], 0.5, 0.3
    h = [math.tanh(2 * a * x) for x, _ in rows]
    d = [u * g - t for g, (_, t) in zip(h, rows, strict=True)]
    u_new = u - 0.1 * sum(e * g for e, g in zip(d, h, strict=True)) / 2
    slope = sum(e * u_new * (1 - g * g) * 2 * x for e, g, (x, _) in zip(d, h, rows, strict=True)) / 2
    agree(trained(text), {"a": a - 0.1 * slope, "u": u_new}, 1e-14)
    assert running.Uses(trace_of(text).graph).made_of == {"a": {"a", "w"}, "u": {"u"}}


def test_the_perceptron_learns_through_its_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bipolar example with right numbers: w := w − η(sgn(net) − t)x."""
    monkeypatch.setitem(ops.SPOKEN, "sign", ops.SIGN)
    text = """
input  x1, x2, x3
target t
param  w1 = 0, w2 = 1, w3 = 0
y = sign(w1*x1 + w2*x2 + w3*x3)
loss E = 1/2*(t - y)^2
data { x1, x2, x3 -> t; 2, 1, -1 -> -1; 0, -1, -1 -> 1 }
train perceptron { eta = 1; batch = online }
"""
    trace = trace_of(text)
    found = [[int(r.updates[k].after.value) for k in ("w1", "w2", "w3")] for r in trace.rounds]
    assert found == [[-4, -1, 2], [-4, -3, 0]]
    assert {g.value for g in trace.rounds[0].gradients.values()} == {0}
    assert trace.rounds[0].updates["w1"].direction.value == 4
    assert count(graphdsl.solve(text).text()) and not false_lines(graphdsl.solve(text).text())


# --- floats

LONG = {
    "online": XOR.replace("epochs = 2", "epochs = 5"),
    "mini": f"{NET}{DATA}train adam {{ eta = 0.05; batch = 2; epochs = 4; weight_decay = 0.1; clip_norm = 0.3 }}\n",
    "sum": f"{NET}{DATA}train nesterov {{ eta = 0.05; epochs = 12; gradient_over_batch = sum; clip_value = 0.4 }}\n",
    "shuffled": f"{NET}{DATA}train rmsprop {{ eta = 0.05; batch = 3; epochs = 6; shuffle = 3; decay = 0.9; decay_every = 2 }}\n",
    "penalty": f"{NET}{DATA}penalty R = 0.2*sum(v*v) + c^2\ntrain adamw {{ eta = [0.1, 0.05]; steps = 9; batch = 4 }}\n",
    "sum of all": f"{NET}{DATA}train adagrad {{ eta = 0.1; steps = 7; over_batch = sum; gradient_over_batch = mean }}\n",
    "sequential": f"{MAZUR}train momentum {{ eta = 0.5; steps = 9; order = sequential }}\n",
    "sequential batch": f"{NET}{DATA}penalty R = 0.1*c^2\ntrain sgd {{ eta = 0.2; steps = 8; order = sequential }}\n",
    "ascent": "param w = 1, k = [0.2, 0.3]\nmaximise J = 3*w - w^2 - sum(k*k)\ntrain sgd { eta = 0.1; steps = 9; frozen = k }\n",
    "state": "param θ = 5\nloss f = θ^2 + ln(θ) + sqrt(θ) + sin(θ)/3 + 2^θ/9\ntrain adam { eta = 0.1; t = 3; m.θ = 1; v.θ = 0.5; steps = 20 }\n",
    "own": f"{NET}{DATA}optimizer mine(eta, k = 2) {{ s = max(k*s, abs(g)); theta = theta - eta*g/(s + 1)^1.5 }}\ntrain mine {{ eta = 0.3; steps = 6; error = after }}\n",
    "kinks": """
input x = [1, -2]
target t = 0.5
param W = [0.5, -1; 0.25, 2], V = [0.4, -0.3]
h = relu(W @ x)
g = leaky_relu(W^T @ x, slope = 0.1)
y = V @ h + max(g[1], g[2])*0.1 + min(h[1], 0.2) + abs(g[2])/10 + sum(h)/20
loss E = 1/2*(t - y)^2
train sgd { eta = 0.01; steps = 12 }
""",
}


@pytest.mark.parametrize("name", LONG)
def test_floats_say_the_same_as_decimals(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = trace_of(LONG[name])
    monkeypatch.setattr(running, "EXACT_WORK", 0)
    floats = trace_of(LONG[name])
    assert not exact.floats and floats.floats
    assert floats.steps == exact.steps
    numbers = [r.number for r in floats.rounds]
    assert numbers == [1, 2, exact.steps]
    agree(after(floats), after(exact), 1e-11)
    last, same = floats.rounds[-1], exact.rounds[-1]
    assert [s.number for s in last.samples] == [s.number for s in same.samples]
    for key, update in same.updates.items():
        for state, value in update.state.items():
            assert float(last.updates[key].state[state].value) == pytest.approx(float(value.value), rel=1e-9)
    known = {epoch.number: epoch.loss.value for epoch in exact.epochs}
    for epoch in floats.epochs:
        assert float(epoch.loss.value) == pytest.approx(float(known[epoch.number]), rel=1e-9)
    compare(floats)


@pytest.mark.parametrize("name", [name for name in LONG if "sequential" not in name])
def test_arrays_say_the_same_as_decimals(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = trace_of(LONG[name])
    monkeypatch.setattr(running, "EXACT_WORK", 0)
    monkeypatch.setattr(long, "STRAIGHT", 0)
    agree(after(trace_of(LONG[name])), after(exact), 1e-11)


@pytest.mark.parametrize("straight", [0, 2_000])
@pytest.mark.parametrize("number", range(40))
def test_random_specs_in_floats(number: int, straight: int, monkeypatch: pytest.MonkeyPatch) -> None:
    case = list(cases(40, seed=11))[number]
    exact = trace_of(case.text)
    monkeypatch.setattr(running, "EXACT_WORK", 0)
    monkeypatch.setattr(long, "IN_FULL", 0)
    monkeypatch.setattr(long, "STRAIGHT", straight)
    agree(after(trace_of(case.text)), after(exact), 1e-9)


def test_a_long_training_keeps_what_is_asked_for() -> None:
    text = (
        XOR.replace("epochs = 2", "epochs = 3000; checkpoints = 1000")
        + "expected o.after777.sample2 = 0.5, E.epoch1234 = 0.1\n"
    )
    solution = graphdsl.solve(text)
    trace = solution.trace
    assert [r.number for r in trace.rounds] == [1, 2, 778, 12000]
    assert [c.epoch.number for c in trace.checkpoints] == [1000, 2000, 3000]
    assert [v.expected.words for v in solution.verdicts] == ["o.after777.sample2", "E.epoch1234"]
    page = solution.text()
    assert "binary floating point" in page and "Checkpoints" in page
    assert not false_lines(page)
    found = json.loads(solution.json())
    assert found["training"]["arithmetic"].startswith("float64")
    assert [c["epoch"] for c in found["training"]["checkpoints"]] == [1000, 2000, 3000]
    assert "12000" in str(found["steps"][-1]["step"])


def test_mazur_after_ten_thousand_rounds() -> None:
    text = f"""{MAZUR}train sgd {{ eta = 0.5; steps = 10000; order = sequential }}
expected o1.after = 0.015912196, o2.after = 0.984065734, E_total.after = 0.000035085
"""
    assert all(v.agrees for v in graphdsl.solve(text).verdicts)


def test_a_long_training_stops_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    text = XOR.replace("epochs = 2", "epochs = 60; stop_at = 0.1225")
    exact = trace_of(text)
    monkeypatch.setattr(running, "EXACT_WORK", 0)
    floats = trace_of(text)
    assert exact.stopped and floats.stopped
    assert floats.steps == exact.steps < 240
    agree(after(floats), after(exact), 1e-11)


def test_a_long_training_may_stop_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{NET}{DATA}train sgd {{ eta = 0.1; epochs = 60; stop_at = 10 }}\n"
    exact = trace_of(text)
    monkeypatch.setattr(running, "EXACT_WORK", 0)
    floats = trace_of(text)
    assert (
        (exact.steps, exact.stopped, len(exact.rounds))
        == (floats.steps, floats.stopped, len(floats.rounds))
        == (1, True, 1)
    )
    assert after(floats) == pytest.approx(after(exact))


# --- data

TABLE = "x1,x2,t\n0, 1,1\n\n1,-0.5,0\n"
LINE = "input x1, x2\ntarget t\nparam w = 0.5\ny = w*(x1 + x2)\nloss E = 1/2*(t - y)^2\n"


def values(model: Any) -> list[dict[str, list[Decimal]]]:
    return [{key: [v.value for v in tensor.flat] for key, tensor in sample.items()} for sample in model.samples]


def test_a_file_of_data(tmp_path: Any) -> None:
    (tmp_path / "inner").mkdir()
    spec = tmp_path / "net.spec"
    expected = [{"x1": [0], "x2": [1], "t": [1]}, {"x1": [1], "x2": [D("-0.5")], "t": [0]}]
    for name, text in {
        "a.csv": TABLE, "inner/b.csv": TABLE, "bom.csv": "\ufeff" + TABLE, "semicolons.csv": TABLE.replace(",", ";"),
        "tabs.csv": TABLE.replace(",", "\t"), "crlf.csv": TABLE.replace("\n", "\r\n"), "quoted.csv": TABLE.replace("x1", '"x1"'),
    }.items():  # fmt: skip
        (tmp_path / name).write_text(text, "utf-8", newline="")
        spec.write_text(f'{LINE}data "{name}"\ntrain sgd {{ eta = 0.1 }}\n', "utf-8")
        solution = graphdsl.solve(spec)
        assert values(solution.model) == expected, name
        assert not false_lines(solution.text())


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("x1,x2,t\n0,1\n", "line 2 of `a.csv` has 2 cells"),
        ("x1,x2,t\n0,1,1\n0,,1\n", "there is nothing in line 3, cell 2 of `a.csv`"),
        ("x1,x2,t\n0,1-,1\n", "`1-` is not a number in line 2, cell 2 of `a.csv`"),
        ("x1;x2;t\n0;0,5;1\n", "write 0.5"),
        ("x1,x2,t\n0,cat,1\n", "`cat` is not a number in line 2 of `a.csv`"),
        ("x1,x2\n0,1\n", "the data have no column for `t`"),
        ("x1,x2,3\n0,1,1\n", "names the columns, and `3` is no name"),
        ("", "`a.csv` is empty"),
        ("x1,x2,t\n", "the data have no rows"),
        ("x1,x2,t\n1,2,1e999\n", "too long, too large or too small"),
        ('x1,x2,t\n1,2,"1\n', "line 2 of `a.csv` is not CSV"),
    ],
)  # fmt: skip
def test_a_wrong_file_of_data(table: str, message: str, tmp_path: Any) -> None:
    (tmp_path / "a.csv").write_text(table, "utf-8")
    (tmp_path / "net.spec").write_text(f'{LINE}data "a.csv"\n', "utf-8")
    with pytest.raises(graphdsl.SpecError) as caught:
        graphdsl.solve(tmp_path / "net.spec")
    assert message in str(caught.value)


def test_data_stay_in_their_folder(tmp_path: Any) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    (outside / "a.csv").write_text(TABLE, "utf-8")
    (folder / "link.csv").symlink_to(outside / "a.csv")
    (folder / "deep").symlink_to(outside)
    (folder / "large.csv").write_bytes(b"x1,x2,t\n" + b"0,0,0\n" * 800_000)
    (folder / "utf16.csv").write_bytes(TABLE.encode("utf-16"))
    for name, message in {
        "link.csv": "leads out of the folder", "deep/a.csv": "leads out of the folder", "../outside/a.csv": "not in the folder",
        str(outside / "a.csv"): "not in the folder",  "missing.csv": "cannot be read",
        "large.csv": "larger than 4 MiB", "utf16.csv": "not UTF-8", ".": "is not a file", "a\\\\b.csv": "not in the folder",
    }.items():  # fmt: skip
        (folder / "net.spec").write_text(f'{LINE}data "{name}"\n', "utf-8")
        with pytest.raises(graphdsl.SpecError) as caught:
            graphdsl.solve(folder / "net.spec")
        assert message in str(caught.value), name


def test_vectors_in_columns_and_in_cells() -> None:
    rest = "target t\nparam w = [1, 2]\ny = w @ x\nloss E = (t - y)^2\n"
    for text in (
        f"input x[2]\n{rest}data {{ x[1], x[2] -> t; 1, 2 -> 3; 4, 5 -> 6 }}\n",
        f"input x\n{rest}data {{ x[2], x[1] -> t; 2, 1 -> 3; 5, 4 -> 6 }}\n",
        f"input x\n{rest}data {{ x -> t; [1, 2] -> 3; [4, 5] -> 6 }}\n",
        f"input x[2]\n{rest}data {{ x -> t; [1, 2] -> 3; [4, 10/2] -> 6 }}\n",
    ):
        assert values(check(parse(Source("t", text)))) == [{"x": [1, 2], "t": [3]}, {"x": [4, 5], "t": [6]}]


def test_names_of_classes_are_one_hot() -> None:
    source = Source("t", "data { x -> y; 1 -> dog; 2 -> cat }\n")
    scope = Scope(Reporter(source))
    target = Symbol("y", (2,), parts=(Symbol("cat"), Symbol("dog")))
    for kind, symbol in (("input", Symbol("x")), ("target", target)):
        scope.declare(symbol.key, kind, Span(0, 1), symbol)
        scope.data[symbol.key] = Datum(kind, symbol, None, Span(0, 1))  # type: ignore[arg-type]
    from graphdsl.check.resolve import Resolver

    found = samples(parse(source).of(DataBlock), scope, Resolver(scope))
    assert [[int(v.value) for v in sample["y"].flat] for sample in found] == [[0, 1], [1, 0]]


def test_data_without_training_give_the_gradients_of_the_mean() -> None:
    trace = trace_of(NET + DATA)
    (only,) = trace.rounds
    assert len(only.samples) == 5 and trace.finals == ()
    mean = sum(s.gradients["E"]["c"].value for s in only.samples) / 5
    assert only.gradients["c"].value == pytest.approx(mean)
    assert not false_lines(graphdsl.solve(NET + DATA).text())


# --- the trace for other programs


def test_the_json_of_a_batch() -> None:
    text = f"{NET}{DATA}penalty R = 0.1*c^2\ntrain adam {{ batch = 3; epochs = 2; shuffle = 5; weight_decay = 0.1; eta = [0.1, 0.2] }}\n"
    found = json.loads(graphdsl.solve(text).json())
    assert {k: v for k, v in found["training"].items() if k != "epochs"} == {
        "optimizer": "adam", "eta": ["0.1", "0.2"], "beta1": "0.9", "beta2": "0.999", "epsilon": "1e-8", "batch": 3,
        "over_batch": "mean", "shuffle": 5, "weight_decay": "0.1",
    }  # fmt: skip
    assert [(s["step"], s["epoch"], len(s["samples"])) for s in found["steps"]] == [
        (1, 1, 3),
        (2, 1, 2),
        (3, 2, 3),
        (4, 2, 2),
    ]
    step = found["steps"][0]
    assert [s["sample"] for s in step["samples"]] == list(next(orders_of(text)))[:3]
    assert set(step["updates"]["c"]["state"]) == {"m", "v", "m_hat", "v_hat"}
    assert step["directions"]["c"] != step["gradients"]["c"]
    losses = [float(s["values"]["E"]) for s in step["samples"]]
    assert float(step["loss"]) == pytest.approx(sum(losses) / 3 + 0.1 * 0.05**2)
    assert [s["sample"] for s in found["final"]["samples"]] == [1, 2, 3, 4, 5]
    assert [e["epoch"] for e in found["training"]["epochs"]] == [1, 2]


def orders_of(text: str) -> Iterator[list[int]]:
    training = check(parse(Source("t", text))).training
    assert training is not None
    return orders(training)


# --- the page

PAGES = {
    "xor": XOR,
    "adam": ADAM,
    **{name: LONG[name] for name in ("mini", "sum", "shuffled", "penalty", "sequential", "sequential batch", "own", "state")},
    "climbing": NET.replace("loss E", "maximise E") + DATA + "train momentum { eta = 0.1; steps = 2; weight_decay = 0.1 }\n",
    "ascent": "param w = 1\nmaximise J = 3*w - w^2\ntrain sgd { eta = 0.1; steps = 2 }\n",
    "one with a penalty": "input x = 1\ntarget t = 2\nparam w = 1\ny = w*x\nloss E = 1/2*(t - y)^2\npenalty R = 0.1*w^2\ntrain sgd { eta = 0.1; steps = 2 }\n",
    "by hand": f"{NET}{DATA}train adam {{ eta = 0.1; epochs = 2 }}\nnumbers {{ carry = displayed; decimals = 3 }}\n",
    "cut": f"{NET}{DATA}train rmsprop {{ eta = 0.1; epochs = 2; batch = 2; clip_norm = 0.1 }}\nnumbers {{ carry = displayed; decimals = 2; rounding = cut }}\n",
    "clipped": f"{NET}{DATA}train sgd {{ eta = 0.1; steps = 3; clip_value = 0.01 }}\nnumbers {{ decimals = 6 }}\n",
    "many": NET + "data { x1, x2 -> t" + "".join(f"; {i}, {i % 7} -> {i % 3}" for i in range(40)) + " }\ntrain sgd { eta = 0.001; epochs = 6 }\n",
    "state": "param θ = 4.9\nloss f = θ^2\ntrain adam { eta = 0.1; t = 2; m.θ = 1; v.θ = 0.1 }\n",
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_every_line_of_a_training_is_true(name: str) -> None:
    solution = graphdsl.solve(PAGES[name])
    page = solution.text()
    rounding = "cut" if name == "cut" else "half_up"
    assert false_lines(page, rounding) == []
    assert count(page) > 2
    for format in (solution.html, solution.latex, solution.typst):
        assert format()
    if "batch" not in PAGES[name].split("train ")[1] and "clip" not in PAGES[name]:
        assert false_equalities(solution.trace.graph, solution.document, count=1) == []


def test_the_page_names_what_holds() -> None:
    page = " ".join(graphdsl.solve(PAGES["mini"]).text().split())
    for words in (
        "Each update uses 2 samples; a smaller last batch counts by its own size.", "the samples come in the order of the file",
        "Ē, is the mean of E over its samples", "λ = 0.1", "c = 0.3", "Epoch 1, sample 1: forward pass",
        "Epoch 1, samples 1 and 2: update", "m̂ = m⁺/(1 − β₁^t)", "Ē = 1/2 · (E⁽¹⁾ + E⁽²⁾)",
    ):  # fmt: skip
        assert words.casefold() in page.casefold(), words
    page = " ".join(graphdsl.solve(PAGES["shuffled"]).text().split())
    assert "random.Random(3).shuffle" in page
    assert "After every 2 updates the learning rate is multiplied by 0.9." in page
    page = " ".join(graphdsl.solve(PAGES["sequential"]).text().split())
    assert "layer by layer, from the output down" in page


def test_an_update_can_be_asked_for() -> None:
    solution = graphdsl.solve(ADAM)
    from graphdsl import page

    text = page.text(solution.explained("θ.after", 2))
    assert "m⁺ = β₁m + (1 − β₁) · ∂f/∂θ" in text
    assert not false_lines(text)
    kept = graphdsl.solve(XOR.replace("epochs = 2", "epochs = 3000"))
    with pytest.raises(graphdsl.SpecError, match="round 77 was computed and not kept"):
        kept.explained("dE/dv1", 77)


def test_a_whole_tensor_may_be_asked_for() -> None:
    from graphdsl import page

    for options, name in (
        ("momentum { eta = 0.1; epochs = 2; batch = 2", "W.after"),
        ("sgd { eta = 0.1; batch = online", "dE/dW"),
    ):
        solution = graphdsl.solve(f"{NET}{DATA}train {options} }}\n")
        for step in (1, 2):
            text = page.text(solution.explained(name, step))
            assert count(text) and not false_lines(text)
    long_one = graphdsl.solve(f"{NET}{DATA}train sgd {{ eta = 0.01; epochs = 100000 }}\n")
    with pytest.raises(graphdsl.SpecError, match="round 77 was computed and not kept"):
        long_one.explained("dE/dW", 77)


def test_the_limit_of_operations_can_be_raised() -> None:
    text = "param w = 1\nloss E = w^2\ntrain sgd { eta = 0.1; steps = 3 }\n"
    with pytest.raises(graphdsl.SpecError, match="about 27 operations"):
        graphdsl.solve(text, limits={"operations": 10})
    assert graphdsl.solve(text, limits={"operations": 100}).trace.steps == 3


# --- the reference


def test_the_reference_has_every_optimizer_and_every_setting() -> None:
    from pathlib import Path

    from graphdsl.write.text import formula

    page = (Path(__file__).parent.parent / "docs/reference.md").read_text("utf-8")
    for name in SETTINGS:
        assert f"| `{name}" in page, name
    rows = {row[1]: row for row in re.finditer(r"^\| `(\w+)` \| (.*) \| (.*) \|$", page, re.MULTILINE)}
    for name, rule in standard().items():
        if name in ("delta_rule", "perceptron"):
            continue
        row = rows[name]
        for assignment in rule.assignments:
            assert formula(assignment.value) in row[2], (name, formula(assignment.value))
        for option, default in rule.settings.items():
            said = f"`{option}`" if default is None else f"`{option} = {default:f}`".replace("0.00000001", "1e-8")
            assert said in row[3], (name, said)


# Nesterov's own form, and a stop after any update.


def test_a_gradient_ahead_is_nesterovs_own_form() -> None:
    text = """
input x
target y
param w = 0.3, b = -0.2
loss E = (w*x + b - y)^2
data { x -> y; 1 -> 2; 2 -> 3.5 }
optimizer nesterov_1983(eta, mu = 0.9) {
  v = mu*v - eta*g(theta + mu*v)
  theta = theta + v
}
train nesterov_1983 { eta = 0.05; steps = 4 }
"""
    w, b, v, u = 0.3, -0.2, 0.0, 0.0
    for _ in range(4):
        at, shift = w + 0.9 * v, b + 0.9 * u
        errors = [(at * x + shift - y, x) for x, y in ((1, 2), (2, 3.5))]
        v = 0.9 * v - 0.05 * sum(2 * e * x for e, x in errors) / 2
        u = 0.9 * u - 0.05 * sum(2 * e for e, _ in errors) / 2
        w, b = w + v, b + u
    found = trained(text)
    assert found["w"] == pytest.approx(w, rel=1e-12)
    assert found["b"] == pytest.approx(b, rel=1e-12)


def test_a_training_may_stop_within_an_epoch() -> None:
    text = "input x\ntarget t\nparam w = 0\nloss E = (t - w*x)^2\ndata { x -> t; 1 -> 2; 3 -> 6 }\n"
    train = "train sgd { eta = 0.05; batch = online; steps = 50; stop_at = 0.5; stop_each = update }\n"
    trace = trace_of(text + train)
    w, steps = 0.0, 0
    while True:
        x, t = ((1, 2), (3, 6))[steps % 2]
        w, steps = w + 0.05 * 2 * (t - w * x) * x, steps + 1
        if sum((t - w * x) ** 2 for x, t in ((1, 2), (3, 6))) / 2 <= 0.5:
            break
    assert trace.steps == steps
    assert trace.stopped
