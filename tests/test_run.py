"""Specs that run: updates with the old weights, shared parameters, fan-out, parallel edges, kinks, carries, and three routes that agree or stop."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal, localcontext

import pytest

from graphdsl import ops, routes
from graphdsl.check import check
from graphdsl.derive.element import element, part
from graphdsl.derive.evaluate import evaluate
from graphdsl.derive.shape import shape_of
from graphdsl.diagnostics import Source, Span, SpecError
from graphdsl.expr import Element, Expr, Operation, Symbol, add, multiply, number
from graphdsl.graph import Graph, build
from graphdsl.layers import lstm_step
from graphdsl.model import Model, Node, Quantity
from graphdsl.numbers import Decimal50, Display, Num, Shape, Tensor, indices, scalar, size
from graphdsl.parse import parse
from graphdsl.routes import RoutesDisagree, compare, total_derivative, verdicts
from graphdsl.run import backward, forward, run
from graphdsl.trace import Trace

D = Decimal
A = Decimal50()

SEED = """
input  x1 = 2
target t  = 1
param  w1, w2, w3, w4, w13, w14, w23, w24 = 1
param  b1..b5 = -0.5
H1 = relu(w1*x1 + b1)
H2 = relu(w2*x1 + b2)
H3 = relu(w13*H1 + w23*H2 + b3)
H4 = relu(w14*H1 + w24*H2 + b4)
y1 = w3*H3 + w4*H4 + b5
loss  E = 1/2 * (t - y1)^2
train sgd { eta = 0.01, steps = 2 }
"""


def model(text: str) -> Model:
    return check(parse(Source("test.spec", text)))


def trace_of(text: str) -> Trace:
    made = model(text)
    return run(build(made), Decimal50(made.display if made.carry == "displayed" else None))


def gradients(text: str, of: str = "E") -> dict[str, Decimal]:
    trace = trace_of(text)
    compare(trace)
    return {key: value.value for key, value in trace.rounds[0].samples[0].gradients[of].items()}


def after(text: str, updates: int) -> dict[str, Decimal]:
    return {key: value.value for key, value in trace_of(text).values_after(updates).items()}


# --- the seed exercise


def test_the_seed_exercise_is_exact() -> None:
    trace = trace_of(SEED)
    first, second = trace.rounds
    assert [v.value for k, v in first.gradients.items() if k in ("w3", "w13", "w1", "b1", "b3", "b5")] == [
        D(x) for x in ("14", "8.75", "5.25", "7", "3.5", "3.5")
    ]
    one = {k: u.after.value for k, u in first.updates.items()}
    assert one["w1"] == one["w2"] == D("0.86")
    assert {one[w] for w in ("w13", "w14", "w23", "w24")} == {D("0.9475")}
    assert one["w3"] == one["w4"] == D("0.9125")
    assert one["b1"] == one["b2"] == D("-0.57")
    assert one["b3"] == one["b4"] == one["b5"] == D("-0.535")
    assert next(r.loss.value for r in trace.rounds if r.loss) == D("6.125")
    assert str(second.loss and second.loss.value).startswith("1.0742206922")
    assert trace.final is not None
    assert str(trace.final.values["E"].value).startswith("0.37450124")
    assert all(u.after.exact for u in first.updates.values())


def test_the_seed_exercise_as_by_hand() -> None:
    trace = trace_of(SEED + "numbers { carry = displayed, decimals = 4 }\n")
    second = trace.rounds[1]
    values = second.samples[0].values
    assert (values["H3"].value, values["y1"].value, values["E"].value) == (D("1.6443"), D("2.4658"), D("1.0743"))
    assert second.gradients["w13"].value == D("1.5381")
    assert second.gradients["w1"].value == D("5.0692")
    assert second.updates["w3"].after.value == D("0.8884")
    compare(trace)


def test_layers_and_equations_say_the_same() -> None:
    layers = """
input  x1 = 2
target t  = 1
layer hidden1(H1, H2) relu   { weights = [w1 = .3; w2 = -.4]; biases = [b1 = .1, b2 = .9] }
layer hidden2(H3, H4) relu   { weights[from, to] = [w13 = .5, w14 = -.2; w23 = .7, w24 = .6]; biases = [b3 = .2, b4 = .4] }
layer output(y1)      linear { weights = [w3 = .8, w4 = -.9]; bias = [b5 = .3] }
loss  E = 1/2 * (t - y1)^2
train sgd { eta = 0.1; steps = 3 }
"""
    equations = """
input x1 = 2
target t = 1
param w1 = .3, w2 = -.4, b1 = .1, b2 = .9, w13 = .5, w14 = -.2, w23 = .7, w24 = .6, b3 = .2, b4 = .4
param w3 = .8, w4 = -.9, b5 = .3
H1 = relu(w1*x1 + b1)
H2 = relu(w2*x1 + b2)
H3 = relu(w13*H1 + w23*H2 + b3)
H4 = relu(w14*H1 + w24*H2 + b4)
y1 = w3*H3 + w4*H4 + b5
loss  E = 1/2 * (t - y1)^2
train sgd { eta = 0.1; steps = 3 }
"""
    assert after(layers, 3) == after(equations, 3)


# --- updates


def test_updates_are_simultaneous_and_use_the_old_weights() -> None:
    text = """
input x = 1
target t = 0
param a = 2, b = 3
y = a*b*x
loss E = 1/2*(t - y)^2
train sgd { eta = 0.1 }
"""
    done = after(text, 1)
    assert done["a"] == 2 - D("0.1") * 6 * 3
    assert done["b"] == 3 - D("0.1") * 6 * 2


def test_what_is_not_trained_stays() -> None:
    text = """
input x = 1
target t = 0
param a = 2, b = 3, c = 4
const k = 5
y = a*x + b + k + c
loss E = 1/2*(t - y)^2
train sgd { eta = 0.1, frozen = [b] }
"""
    trace = trace_of(text)
    assert set(trace.rounds[0].updates) == {"a", "c"}
    done = after(text, 1)
    assert (done["b"], done["k"], done["x"], done["t"]) == (3, 5, 1, 0)
    assert trace.rounds[0].samples[0].gradients["E"]["b"].value == 14
    assert trace.rounds[0].samples[0].gradients["E"]["k"].value == 14


def test_a_frozen_entry_name_freezes_its_parameter() -> None:
    text = (
        "input x = 1\ntarget t = 0\nparam W = [1, 2]\nloss E = (t - W@[x, x])^2\ntrain sgd { eta = 0.1, frozen = W }\n"
    )
    assert trace_of(text).rounds[0].updates == {}


def test_a_loss_without_training_gives_gradients_and_no_update() -> None:
    trace = trace_of("input x = 1\ntarget t = 0\nparam w = 2\nloss E = (t - w*x)^2\n")
    assert trace.final is None
    assert trace.rounds[0].updates == {}
    assert trace.rounds[0].gradients["w"].value == 4


def test_a_spec_with_neither_is_a_forward_pass() -> None:
    trace = trace_of("input x = 1\ny = 2*x\n")
    assert trace.rounds[0].samples[0].values["y"].value == 2
    assert trace.rounds[0].samples[0].gradients == {}
    assert compare(trace).compared == 0


def test_maximising_climbs() -> None:
    assert after("param w = 1\nmaximise J = -(w - 3)^2\ntrain sgd { eta = 0.25 }\n", 1)["w"] == 2


def test_several_objectives() -> None:
    trace = trace_of("input x = 3\nf = x^2\ng = f*x\ngradient f, g\n")
    found = trace.rounds[0].samples[0].gradients
    assert (found["f"]["x"].value, found["g"]["x"].value, found["g"]["f"].value) == (6, 27, 3)
    assert compare(trace).compared == 2


# --- sharing


def test_a_shared_parameter_sums_its_gradients() -> None:
    assert gradients("input x = 3\nparam w = 2\nh = w*x\ny = w*h\nloss E = y\n")["w"] == 12


def test_a_bias_shared_by_a_layer_sums_its_gradients() -> None:
    text = (
        "input x = 3\ntarget t = [0, 0]\nlayer y[2] { weights = [1; 2]; bias = [b = 0.5] }\nloss half_squared_error\n"
    )
    assert gradients(text)["b"] == D("3.5") + D("6.5")


def test_one_name_twice_in_a_matrix_is_one_parameter() -> None:
    text = "input x = [1, 2]\nlayer y(u, v) { weights = [a = 0.5, s = 2; s, c = 1]; bias = none }\nloss E = u*v\n"
    found = gradients(text)
    # u = a + 2s, v = s + 2c: ∂(uv)/∂s = 2v + u
    assert found["s"] == 2 * (2 + 2) + (D("0.5") + 4)


def test_declared_weights_of_two_layers() -> None:
    text = """
input x = [1, -2]
param W = [0.5, -1; 0.25, 2]
layer h[2] tanh { weights = W; biases = 0 }
layer g[2] tanh { weights[from, to] = W; biases = 0 }
loss E = sum(g)
train sgd { eta = 0.1, steps = 2 }
"""
    compare(trace_of(text))


# --- shape of the graph


def test_a_square_written_as_a_product_has_two_edges() -> None:
    graph = build(model("param w = 3\nf = w*w\ngradient f\n"))
    assert graph.operations.number_of_edges("w", "f") == 2
    assert graph.entries.number_of_edges("w", "f") == 1
    assert gradients("param w = 3\nf = w*w\ngradient f\n", "f") == {"f": 1, "w": 6}


def test_parallel_edges_have_their_places() -> None:
    graph = build(model("param w = 3, v = 2\nf = w*v*w\ngradient f\n"))
    assert sorted(data["position"] for _, _, data in graph.operations.edges(data=True)) == [0, 1, 2]


def test_a_diamond() -> None:
    text = "input x = 3\na = x^2\nb = a*2\nc = a + x\nf = b*c\ngradient f\n"
    assert gradients(text, "f")["x"] == 12 * 12 + 18 * 7


def test_a_value_used_in_three_layers() -> None:
    text = """
input x = [1, -1]
target t = 0.3
layer h[2] tanh { weights = [0.3, -0.2; 0.5, 0.7]; biases = [0.1, 0.2] }
layer g[2] sigmoid from h, x { weights = [0.1, 0.2, 0.3, 0.4; -0.4, 0.3, -0.2, 0.1]; bias = [c = 0.2] }
layer y[1] from g, h, x { weights = [0.5, -0.6, 0.7, 0.8, -0.9, 1.1]; bias = c }
loss E = 1/2*(t - y[1])^2
train sgd { eta = 0.1, steps = 3 }
"""
    trace = trace_of(text)
    found = compare(trace)
    assert found.skipped == 0
    assert found.max_difference < D("1e-30")
    assert {"g.z[1]", "g.z[2]", "y[1]"} == set(trace.rounds[0].samples[0].contributions["E"]["h[1]"])


def test_contributions_add_up_to_the_gradient() -> None:
    for sample in (r.samples[0] for r in trace_of(SEED).rounds):
        for key, shares in sample.contributions["E"].items():
            with localcontext(prec=60):
                assert sum(s.value for s in shares.values()) == sample.gradients["E"][key].value


def test_a_chain_of_a_thousand_nodes_does_not_recurse() -> None:
    lines = ["input x = 0.5", "h0 = x"] + [f"h{i} = tanh(h{i - 1}) + x" for i in range(1, 1000)]
    trace = trace_of("\n".join([*lines, "loss E = h999^2"]))
    assert trace.rounds[0].loss is not None


# --- kinks


def test_at_its_kink_the_derivative_of_relu_is_zero() -> None:
    text = "input x = 2\nparam w = 1, b = -2\ny = relu(w*x + b)\nloss E = y + w\n"
    trace = trace_of(text)
    assert trace.rounds[0].gradients["w"].value == 1
    assert trace.rounds[0].gradients["b"].value == 0
    found = compare(trace)
    assert (found.compared, found.skipped) == (2, 2)


def test_only_differences_across_a_kink_are_skipped() -> None:
    text = "input x = 2\nparam w = 1, b = -2, c = 5\ny = relu(w*x + b) + c^2\nloss E = y\n"
    found = compare(trace_of(text))
    assert (found.compared, found.skipped) == (3, 2)


@pytest.mark.parametrize(
    ("formula", "slope"),
    [("abs(w)", 0), ("leaky_relu(w, slope = 0.25)", D("0.25")), ("max(w, 0)", 1), ("min(w, 0)", 1), ("max(0, w)", 0)],
)
def test_other_kinks(formula: str, slope: Decimal) -> None:
    trace = trace_of(f"param w = 0\nloss E = {formula}\n")
    assert trace.rounds[0].gradients["w"].value == slope
    assert compare(trace).skipped == 1


def test_equal_arguments_of_max_share_nothing_twice() -> None:
    found = gradients("param a = 2, b = 2\nloss E = max(a, b)\n")
    assert found["a"] + found["b"] == 1


# --- the routes


def test_routes_that_disagree_stop_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain rule reads the rows too, so a wrong pullback is told by the differences."""
    wrong = replace(ops.TANH, pullbacks=lambda args, given, out, upstream: (multiply(upstream, add(number(1), out)),))
    monkeypatch.setitem(ops.SPOKEN, "tanh", wrong)
    trace = trace_of("param w = 0.5\nloss E = tanh(w)\n")
    with pytest.raises(RoutesDisagree, match="∂E/∂w in round 1"):
        compare(trace)


def test_a_wrong_entry_is_told_by_the_chain_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    def transposed(args: tuple[Expr, ...], given: object, index: tuple[Expr, ...]) -> Expr:
        return add(*(multiply(Element(args[0], (number(k), index[0])), Element(args[1], (number(k),))) for k in (1, 2)))

    wrong = replace(ops.MATMUL, element=transposed)
    monkeypatch.setattr(ops, "MATMUL", wrong)
    trace = trace_of("param W = [1, 2; 3, 4]\ninput x = [5, 6]\ny = W @ x\nloss E = y[1]\n")
    with pytest.raises(RoutesDisagree):
        compare(trace)


def test_large_nets_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "MOST_WORK", 100)
    found = compare(trace_of(SEED))
    assert found.sampled
    assert 0 < found.compared <= 2 * routes.SAMPLE


def test_the_routes_look_at_every_round() -> None:
    assert compare(trace_of(SEED)).compared == 2 * 13


# --- carries


def test_displayed_values_are_those_that_are_carried() -> None:
    text = "input x = 1\nparam w = 0.3333\nh = w/3*x\ny = h*3\nloss E = y\nnumbers { carry = displayed, decimals = 2, decimals[h] = 3 }\n"
    values = trace_of(text).rounds[0].samples[0].values
    assert values["h"].value == D("0.111")
    assert values["y"].value == D("0.33")
    assert values["w"].value == D("0.3333")


def test_carries_do_not_change_what_is_compared() -> None:
    text = SEED + "numbers { carry = displayed, decimals = 1 }\n"
    assert compare(trace_of(text)).max_difference < D("1e-30")


def test_published_numbers() -> None:
    text = (
        SEED
        + "expected H3 = 2.5, E.after = 0.3745, E.after1 = 1.0742, dE/dw13 = 5.25, dE/dw13.after1 = 1.5381, w1.after = 0.81, y1 = 4.4\n"
    )
    found = [(v.expected.words, v.agrees) for v in verdicts(trace_of(text))]
    assert [words for words, agrees in found if not agrees] == ["y1"]
    assert len(found) == 7


# --- values that do not exist


def test_no_derivative_is_asked_of_what_the_loss_does_not_see() -> None:
    """√0 has no slope; that is no matter where nothing is differentiated through it."""
    trace = trace_of("input x = 0\ntarget t = 1\nparam w = 1\nr = sqrt(x)\nloss E = (t - w)^2\n")
    assert trace.rounds[0].samples[0].values["r"].value == 0


def test_an_update_can_overflow() -> None:
    with pytest.raises(SpecError, match="overflow"):
        trace_of("param w = 1e200\nloss E = w\ntrain sgd { eta = 9e399, steps = 3 }\n")
    with pytest.raises(SpecError, match="overflow") as caught:
        trace_of("param w = 1e300\nloss E = w*1e200/1e150\ntrain sgd { eta = 1e390 }\n")
    assert caught.value.diagnostics[0].labels


# --- three awkward rows and a module, through every floor


def vector(name: str, shape: Shape, rng: random.Random, kind: str = "param") -> Quantity:
    values = tuple(Num(D(rng.randint(-2000, 2000)) / 1024) for _ in range(size(shape)))
    return Quantity(kind, Symbol(name, shape), Tensor(shape, values), Span(0, 1))  # type: ignore[arg-type]


def graph_of(quantities: list[Quantity], formulas: list[tuple[Symbol, Expr]]) -> Graph:
    nodes = [Node(symbol, formula, "equation", Span(0, 1)) for symbol, formula in formulas]
    last = nodes[-1].symbol
    return build(
        Model(
            Source("trial", " "),
            "",
            "",
            tuple(quantities),
            tuple(nodes),
            (),
            (last,),
            last,
            (),
            None,
            "full",
            Display(),
        )
    )


def weighted(x: Symbol) -> Expr:
    """A number that every entry of a tensor has its own say in."""
    terms = (
        multiply(number(i * i + 1), ops.call(ops.TANH, Element(x, tuple(map(number, index)))))
        for i, index in enumerate(indices(x.shape))
    )
    return add(*terms)


def trial(quantities: list[Quantity], formulas: list[tuple[Symbol, Expr]]) -> Graph:
    """Forward, backward, three routes and the entries of every node."""
    graph = graph_of(quantities, formulas)
    trace = run(graph, A)
    found = compare(trace)
    assert found.compared == sum(size(q.symbol.shape) for q in quantities)
    assert found.skipped == 0
    assert found.max_difference < D("1e-28")
    env = forward(graph, {q.symbol.key: q.value for q in quantities}, A)
    entries = {part(Symbol(k, t.shape), i).key: scalar(t.at(i)) for k, t in env.items() for i in indices(t.shape)}
    for symbol, formula in formulas:
        assert shape_of(formula) == symbol.shape
        for index in indices(symbol.shape):
            entry = element(formula, index) if index else graph.formula(symbol.key)
            value = evaluate(entry, {**env, **entries}, A).item.value
            with localcontext(prec=60):
                assert abs(value - env[symbol.key].at(index).value) < D("1e-40")
    return graph


def test_softmax_through_every_floor() -> None:
    rng = random.Random(1)
    z, x = vector("z", (2, 3), rng), vector("x", (3,), rng)
    p, q = Symbol("p", (2, 3)), Symbol("q", (2,))
    trial(
        [z, x],
        [
            (p, ops.call(ops.SOFTMAX, z.symbol, by="row")),
            (q, ops.call(ops.MATMUL, p, ops.call(ops.SOFTMAX, x.symbol))),
            (Symbol("E"), weighted(q)),
        ],
    )


def test_softmax_does_not_overflow() -> None:
    z = Quantity("param", Symbol("z", (2,)), Tensor((2,), (Num(D(1000)), Num(D(-1000)))), Span(0, 1))
    graph = graph_of(
        [z],
        [(Symbol("p", (2,)), ops.call(ops.SOFTMAX, z.symbol)), (Symbol("E"), Element(Symbol("p", (2,)), (number(1),)))],
    )
    env = forward(graph, {"z": z.value}, A)
    assert env["E"].item.value == 1
    assert abs(backward(graph, "E", env, A)["z"].flat[0].value) < D("1e-800")


@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_through_every_floor(stride: int) -> None:
    rng = random.Random(2)
    image, kernel = vector("x", (5, 4), rng), vector("k", (2, 2), rng)
    convolved = ops.call(ops.CONV2D, image.symbol, kernel.symbol, stride=stride)
    out = Symbol("c", shape_of(convolved))
    trial([image, kernel], [(out, convolved), (Symbol("E"), weighted(out))])


def test_gather_through_every_floor() -> None:
    rng = random.Random(3)
    table = vector("table", (4, 2), rng)
    picked = Symbol("g", (3, 2))
    rows = ops.part_attributes("[3,1,3]", ((3, 1, 3), (1, 2)), ())
    graph = trial([table], [(picked, ops.call(ops.SLICE, table.symbol, **rows)), (Symbol("E"), weighted(picked))])
    env = forward(graph, {"table": table.value}, A)
    pulled = backward(graph, "E", env, A)["table"]
    assert [x.value for x in pulled.flat[2:4] + pulled.flat[6:8]] == [0, 0, 0, 0]


@pytest.mark.parametrize("steps", [1, 2])
def test_a_long_short_term_memory_through_every_floor(steps: int) -> None:
    rng = random.Random(4)
    m, n = 2, 3
    weights = [vector(f"W{gate}", (m, m + n), rng) for gate in "fico"]
    biases = [vector(f"b{gate}", (m,), rng) for gate in "fico"]
    state = [vector("h0", (m,), rng), vector("c0", (m,), rng)]
    inputs = [vector(f"x{i}", (n,), rng) for i in range(1, steps + 1)]
    formulas: list[tuple[Symbol, Expr]] = []
    h, c = (s.symbol for s in state)
    for i, x in enumerate(inputs, 1):
        new_h, new_c = lstm_step(
            x.symbol,
            h,
            c,
            tuple(w.symbol for w in weights),
            tuple(b.symbol for b in biases),  # type: ignore[arg-type]
        )
        h, c = Symbol(f"h{i}", (m,)), Symbol(f"c{i}", (m,))
        formulas += [(c, new_c), (h, new_h)]
    trial([*weights, *biases, *state, *inputs], [*formulas, (Symbol("E"), add(weighted(h), weighted(c)))])


def test_the_total_derivative_follows_every_path() -> None:
    graph = build(model("input x = 3\na = x^2\nb = a*x\nf = a*b + x\ngradient f\n"))
    values = run(graph, A).rounds[0].samples[0].values
    assert total_derivative(graph, "f", "x", values, A).value == 5 * 81 + 1
    assert total_derivative(graph, "f", "f", values, A).value == 1
    assert total_derivative(graph, "a", "f", values, A).value == 0


# --- nothing depends on the surroundings


def test_the_ambient_decimal_context_changes_nothing() -> None:
    text = "input x = 0.3\ntarget t = 1\nparam w = 0.7, v = 1.1\nh = tanh(w*x)\ny = sigmoid(v*h) + sin(h)^3 - ln(1 + exp(w))\nloss E = 1/2*(t - y)^2\ntrain sgd { eta = 0.3, steps = 2 }\n"
    plenty = trace_of(text)
    with localcontext(prec=4):
        scarce = trace_of(text)
        found = compare(scarce)
    assert [r.samples for r in scarce.rounds] == [r.samples for r in plenty.rounds]
    assert scarce.final == plenty.final
    assert found.max_difference < D("1e-28")


def test_rows_are_not_changed_by_a_run() -> None:
    assert all(isinstance(row, Operation) for row in ops.ROWS)
    assert trace_of(SEED).rounds[0] == trace_of(SEED).rounds[0]
