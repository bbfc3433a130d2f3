"""Pages in matrices: every gradient expression is the gradient, every line is true, and both styles show the same numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
import tex_reading
from equalities import derived, false_equalities, symbolic_pairs
from reading import count, false_lines

import graphdsl
from graphdsl import ops
from graphdsl.adjoint import finished, gradients, with_sums
from graphdsl.check import check
from graphdsl.derive.evaluate import entrywise, evaluate
from graphdsl.diagnostics import Source
from graphdsl.document import Block, Derivation, Line, Section
from graphdsl.explain import explain
from graphdsl.expr import (
    ONE,
    Array,
    Call,
    Element,
    Expr,
    Number,
    Operation,
    Partial,
    Symbol,
    add,
    children,
    multiply,
    negate,
    number,
    with_children,
)
from graphdsl.figures import figures
from graphdsl.graph import Graph, build, entry_symbols
from graphdsl.network import figure_of
from graphdsl.numbers import Decimal50, Num, Tensor, scalar
from graphdsl.parse import parse
from graphdsl.phrases import load
from graphdsl.report import Report, Style
from graphdsl.routes import compare
from graphdsl.run import backward, forward
from graphdsl.solve import Solution
from graphdsl.write import text

GALLERY = Path(__file__).parent.parent / "specs"
ARITHMETIC = Decimal50()

OWN = {
    "attention": """
        input  X = [1, 0; 0, 1; 1, 1]
        param  W_Q = [1, 0; 1, 1], W_K = [0, 1; 1, 0], W_V = [1, 2; 0, 1]
        target T = [1, 0; 0, 1; 1, 1]
        const  d_k = 2
        Q = X @ W_Q
        K = X @ W_K
        V = X @ W_V
        S = Q @ K^T / sqrt(d_k)
        A = sigmoid(S)
        Z = A @ V
        loss L = 1/2*sum((Z - T)^2)
        train sgd { eta = 0.1, steps = 1 }
    """,
    "two layers": """
        input x = [1, 2]
        target t = [0, 1]
        param W1 = [0.1, 0.2; 0.3, 0.4; -0.5, 0.6], b1 = [0.1, 0, -0.1]
        param W2 = [0.2, -0.3, 0.5; 0.7, 0.1, -0.4], b2 = [0, 0.1]
        h = tanh(W1 @ x + b1)
        y = W2 @ h + b2
        loss E = 1/2*sum((t - y)^2)
        train sgd { eta = 0.1, steps = 2 }
    """,
    "a bias for each row": """
        input X = [1, 2; 3, -1; 0, 1]
        target T = [1, 0; 0, 1; 1, 1]
        param W = [0.5, -0.2; 0.1, 0.3], b = [0.1, -0.1]
        Z = X @ W + b
        H = relu(Z)
        loss E = 1/2*sum((T - H)^2)
        train sgd { eta = 0.1, steps = 2 }
    """,
    "a recurrence by hand": """
        input  x1 = 1, x2 = 0.5, h0 = [0.2, -0.1]
        target d = [0.5, 1]
        param  W = [0.5, -0.3], U = [0.1, 0.2; 0.3, 0.1], b = [0, 0.1], V = [1, -0.5], c = 0.2
        a1 = W*x1 + U @ h0 + b
        k1 = tanh(a1)
        y1 = V @ k1 + c
        a2 = W*x2 + U @ k1 + b
        k2 = tanh(a2)
        y2 = V @ k2 + c
        loss L = 1/2*(d[1] - y1)^2 + 1/2*(d[2] - y2)^2
        train sgd { eta = 0.1, steps = 1 }
    """,
    "everything else": """
        input  x = [1, -2, 3], s = 2
        param  A = [1, 2, 0.5; -1, 0.5, 1], u = [0.5, -1], k = 0.25
        target t = [1, 2, 3]
        r = max(x, 0.5) + min(x, s)
        v = u @ A
        w = (v ⊙ r - x/s)/(1 + x^2)
        q = A @ (k*w)
        loss E = sum(q)^2 + 3*sum(exp(w) ⊙ t) - u @ q + r[2]*k - sum(ln(1 + x^2)/t)
        train sgd { eta = 0.01, steps = 1 }
    """,
    "ascent without data": """
        param A = [1, 2; 3, 4]
        B = A^T @ A
        maximise f = -sum(B) - 0.5*A[1,2]
        train sgd { eta = 0.01, steps = 1 }
    """,
    "a circuit": """
        input x = [1, 2], A = [2, 1; 0, -1]
        y = A @ x
        f = sum(y ⊙ x)/2
        gradient f
    """,
}  # fmt: skip
WITH_TENSORS = ("nets/insper-tanh.spec", "tour/matrices.spec", "tour/skip-connection.spec", "tour/shortest.spec")
TEXTS = {**OWN, **{name: (GALLERY / name).read_text("utf-8") for name in WITH_TENSORS}}
NAMES = sorted(TEXTS)


BOTH: tuple[Style, Style] = ("chain", "matrix")


@cache
def solved(name: str, style: Style) -> Solution:
    return graphdsl.solve(TEXTS[name] + "\n", report={"style": style})


def graph_of(name: str) -> Graph:
    return build(check(parse(Source(name, TEXTS[name]))))


# Gradient expressions.


def by_name(expr: Expr) -> Expr:
    """Derivatives as symbols, so that values can be given for them."""
    if isinstance(expr, Partial) and isinstance(expr.of, Symbol) and isinstance(expr.wrt, Symbol):
        return Symbol(f"d{expr.of.key}/d{expr.wrt.key}", expr.wrt.shape)
    return with_children(expr, tuple(map(by_name, children(expr))))


@pytest.mark.parametrize("name", NAMES)
def test_every_gradient_expression_is_the_gradient(name: str) -> None:
    graph = graph_of(name)
    env = forward(graph, {q.symbol.key: q.value for q in graph.model.quantities}, ARITHMETIC)
    for objective in graph.model.objectives:
        ours = backward(graph, objective.key, env, ARITHMETIC)
        scope = {**env, **{f"d{objective.key}/d{key}": value for key, value in ours.items()}}
        found: dict[str, Tensor[Num]] = {}
        for node in graph.model.nodes:
            if node.symbol.key in ours:
                upstream = ONE if node.symbol == objective else Partial(objective, node.symbol)
                for key, expr in gradients(node.formula, node.symbol, upstream).items():
                    value = evaluate(by_name(expr), scope, ARITHMETIC)
                    assert value.shape == env[key].shape, key
                    found[key] = entrywise(ARITHMETIC.add, found[key], value) if key in found else value
        assert found.keys() == {key for key in ours if not key.startswith("%")} - {objective.key}
        for key, value in found.items():
            assert all(
                abs(a.value - b.value) < Decimal("1e-40") for a, b in zip(value.flat, ours[key].flat, strict=True)
            )


def test_a_sum_that_is_one_leaves_p_minus_y() -> None:
    y, p = m("y", 3), m("p", 3)
    gradient = add(negate(y), multiply(ops.call(ops.SUM, y), p))
    assert text.formula(finished(gradient, (3,))) == "(∑ y) · p − y"
    assert text.formula(with_sums(gradient, lambda total: True)) == "p − y"


def m(name: str, *shape: int) -> Symbol:
    return Symbol(name, shape)


A, B, X, V, S = m("A", 2, 3), m("B", 3, 2), m("X", 3, 2), m("v", 3), m("s")
SHAPES = [
    (ops.call(ops.MATMUL, A, B), "A", "∂L/∂o Bᵀ"),
    (ops.call(ops.MATMUL, A, B), "B", "Aᵀ ∂L/∂o"),
    (ops.call(ops.MATMUL, A, ops.call(ops.TRANSPOSE, m("C", 4, 3))), "C", "(∂L/∂o)ᵀ A"),
    (add(X, m("b", 2)), "b", "(∂L/∂o)ᵀ [1, 1, 1]"),
    (multiply(S, X), "s", "∑ ∂L/∂o ⊙ X"),
    (negate(ops.call(ops.HADAMARD, X, ops.call(ops.LN, m("P", 3, 2)))), "P", "−(∂L/∂o ⊙ X)/P"),
    (ops.call(ops.TANH, V), "v", "∂L/∂o ⊙ (1 − o²)"),
    (ops.call(ops.MAX, V, m("w", 3)), "w", "∂L/∂o ⊙ (v < w)"),
    (Array((2,), (Element(V, (number(2),)), S)), "v", "[0, ∂L/∂o₁, 0]"),
]


@pytest.mark.parametrize(("formula", "wrt", "written"), SHAPES)
def test_gradients_are_written_as_by_hand(formula: Expr, wrt: str, written: str) -> None:
    from graphdsl.derive.shape import shape_of

    out = Symbol("o", shape_of(formula))
    assert text.formula(gradients(formula, out, Partial(Symbol("L"), out))[wrt]) == written


@pytest.mark.parametrize("row", [ops.SOFTMAX, ops.SUM, ops.LOGSUMEXP, ops.VARIANCE])
def test_rows_of_a_matrix(row: Operation) -> None:
    """The expression for the whole matrix is the slope of each entry."""
    values = {"X": Tensor((3, 2), tuple(Num(Decimal(i * i - 2)) for i in range(6)))}
    formula = ops.call(row, X, by="row")
    out = evaluate(formula, values, ARITHMETIC)
    weights = Tensor(out.shape, tuple(Num(Decimal(i + 1)) for i in range(len(out.flat))))
    expr = gradients(formula, Symbol("o", out.shape), Symbol("g", out.shape))["X"]
    ours = evaluate(expr, {**values, "o": out, "g": weights}, ARITHMETIC)
    step = Decimal("1e-15")
    for i, entry in enumerate(ours.flat):
        ahead, behind = (_weighted(formula, values["X"], i, sign * step, weights) for sign in (1, -1))
        assert abs((ahead - behind) / (2 * step) - entry.value) < Decimal("1e-12")


def _weighted(formula: Call, at: Tensor[Num], place: int, step: Decimal, weights: Tensor[Num]) -> Decimal:
    moved = tuple(Num(x.value + (step if i == place else 0)) for i, x in enumerate(at.flat))
    found = evaluate(formula, {"X": Tensor(at.shape, moved)}, Decimal50(precision=60))
    context = Decimal50(precision=60)
    total = scalar(Num(Decimal(0))).item
    for x, w in zip(found.flat, weights.flat, strict=True):
        total = context.add(total, context.multiply(x, w))
    return total.value


# Pages.


@pytest.mark.parametrize("name", NAMES)
def test_no_printed_relation_is_false(name: str) -> None:
    found = solved(name, "matrix")
    assert false_lines(found.text(), found.model.display.rounding) == []
    assert count(found.text()) >= len(found.model.nodes)
    assert false_lines(tex_reading.text(found.latex()), found.model.display.rounding) == []


@pytest.mark.parametrize("decimals", [1, 9])
@pytest.mark.parametrize("name", sorted(OWN))
def test_no_printed_relation_is_false_with_other_decimals(name: str, decimals: int) -> None:
    found = graphdsl.solve(
        f"{TEXTS[name]}\nnumbers {{ decimals = {decimals}; carry = displayed }}\n", report={"style": "matrix"}
    )
    assert false_lines(found.text()) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_symbolic_equality_holds(name: str) -> None:
    found = solved(name, "matrix")
    assert symbolic_pairs(derived(found.document.blocks))
    assert false_equalities(found.trace.graph, found.document) == []


def page_of(text: str) -> str:
    return graphdsl.solve(text).text()


def test_what_is_shared_is_said_where_there_are_gradients() -> None:
    head = "input X = [1, 2; 3, 4]\nparam U = [1, 2; 0, 1], V = [2, 1; 1, 0]\nA = X @ U\nB = X @ V\n"
    assert "one parameter" not in page_of(head) and "each used" not in page_of(head)
    assert "U and V are each used in several entries of an array" in page_of(head + "f = sum(A*B)\ngradient f\n")


def test_functions_on_arrays_are_explained_in_a_box() -> None:
    page = page_of("input X = [1, 2; 3, 4]\nA = softmax(X, by = row)\nP = max_pool(X, size = 2)\n")
    assert "softmax(v) = e^v/(∑ e^v)" in page and "row, column  as a subscript" in page
    assert "maxpool(X)  the largest entry of each window" in page


def test_a_gradient_below_a_softmax_has_its_reason() -> None:
    page = page_of("input z = [1, 2, 3]\np = softmax(z)\nf = sum(p*p)\ngradient f\n")
    assert "∂pᵢ/∂zᵢ = pᵢ · (1 − pᵢ), ∂pᵢ/∂zⱼ = −pᵢpⱼ for the others" in " ".join(page.split())


def test_a_name_e_is_told_from_the_number() -> None:
    page = page_of("input z = [0.5, 1]\ne = exp(z)\nh = sigmoid(z)\nf = sum(e*h)\ngradient f\n")
    assert "e = exp(z)  = exp([0.5, 1])" in page and "e^" not in page


def test_no_digit_of_an_array_can_change_unseen() -> None:
    written = solved("attention", "matrix").text()
    results = list(re.finditer(r"≈ \[([\d., ;\n−]+)\](?=\n  \S|\n\n)", written))
    assert len(results) > 10
    for result in results[::3]:
        for digit in re.finditer(r"\d", result[1]):
            at = result.start(1) + digit.start()
            changed = written[:at] + str((int(written[at]) + 5) % 10) + written[at + 1 :]
            assert false_lines(changed), changed[result.start() : result.end()]


LETTERS = """
symbol x[n], y[k], W1[m, n], b1[m], W2[k, m], b2[k]
a  = relu(W1 @ x + b1)
p  = sigmoid(W2 @ a + b2)
loss L = -sum(y*ln(p))
find dL/dW2, dL/db1
"""

GIVEN = """
param W3 = [1, -1]
given z2 = [3, -1], a2 = [2, 1], dJ/dz3 = 0.5
a2 = relu(z2)
z3 = W3 @ a2
find dJ/dW3, dJ/dz2
"""


def test_letters_stay_letters() -> None:
    found = graphdsl.solve(LETTERS)
    assert found.report.style == "matrix" and false_equalities(found.trace.graph, found.document) == []
    told = found.text()
    assert "∂L/∂W₂ = ∂L/∂zₚ aᵀ" in told and "∂L/∂W₂ = −(y ⊙ (1 − p)) aᵀ" in told
    assert "∂L/∂b₁ = −(W₂ᵀ (y ⊙ (1 − p))) ⊙ ReLU′(zₐ)" in told
    assert "entries" not in told.partition("Forward")[2]


def test_given_values_and_gradients_are_said_to_be() -> None:
    told = graphdsl.solve(GIVEN).text()
    assert re.search(r"a₂ = \[2, 1\] +\(given\)", told) and re.search(r"∂J/∂z₃ = 0.5 +\(given\)", told)
    assert "∂J/∂z₂ = ∂J/∂a₂ ⊙ ReLU′(z₂) = [0.5, −0.5] ⊙ [1, 0] = [0.5, 0]" in told
    assert false_lines(told) == []


# Both styles.


def lines(blocks: tuple[Block, ...]) -> Iterator[Line]:
    for block in blocks:
        match block:
            case Section():
                yield from lines(block.blocks)
            case Derivation():
                yield from block.lines
            case _:
                pass


def numbers(found: Solution, style: Style, finished: bool) -> dict[str, Decimal]:
    """The result of every line by what it is of, entry by entry, before or after their digits are chosen."""
    told = explain(found.trace, compare(found.trace), (), load(), None, Report(style=style))
    document = figures(told, found.model.display) if finished else told
    results: dict[str, Decimal] = {}
    for line in lines(document.blocks):
        lead, result = line.chain.members[0], line.chain.members[-1]
        step = line.anchor.rpartition("@")[2]
        entries = result.entries if isinstance(result, Array) else (result,)
        for key, entry in zip(_keys(lead, found.trace.graph), entries, strict=True):
            assert isinstance(entry, Number)
            results[f"{key}@{step}"] = entry.value
    return results


def _keys(lead: Expr, graph: Graph) -> list[str]:
    match lead:
        case Symbol(key=key) if key.endswith(".after"):
            whole = graph.tensors[key.removesuffix(".after")] if lead.shape else Symbol(key.removesuffix(".after"))
            return [f"{entry.key}.after" for entry in entry_symbols(whole)]
        case Symbol():
            return [entry.key for entry in entry_symbols(lead)]
        case Partial(of=Symbol(key=of), wrt=Symbol() as wrt):
            return [f"d{of}/d{entry.key}" for entry in entry_symbols(wrt)]
        case Array():  # parameters with names of their own, in the array of their derivatives
            return [key for entry in lead.entries for key in _keys(entry, graph)]
        case _:
            raise AssertionError(lead)


@pytest.mark.parametrize("name", NAMES)
def test_both_styles_show_the_same_numbers(name: str) -> None:
    found = solved(name, "chain")
    by_entry, by_tensor = (numbers(found, style, False) for style in BOTH)
    seeds = {key for key in by_entry if re.fullmatch(r"d(.+)/d\1@\d+", key)}
    assert len(by_entry.keys() & by_tensor.keys()) > len(found.model.nodes)
    assert {key: by_tensor.get(key) for key in by_entry if key not in seeds} == {
        key: value for key, value in by_entry.items() if key not in seeds
    }
    printed_by_entry, printed = (numbers(found, style, True) for style in BOTH)
    for key in printed_by_entry.keys() & printed.keys():
        assert abs(printed[key] - printed_by_entry[key]) < Decimal("1e-3") * max(1, abs(printed[key])), key


@pytest.mark.parametrize("name", sorted(OWN))
def test_every_parameter_is_covered(name: str) -> None:
    found = solved(name, "matrix")
    keys = numbers(found, "matrix", False).keys()
    for step, round_ in enumerate(found.trace.rounds, 1):
        for key in round_.updates:
            assert {f"{key}.after@{step}", f"d{found.model.loss.key}/d{key}@{step}"} <= keys  # type: ignore[union-attr]


def test_the_style_is_that_of_the_spec_unless_it_is_said() -> None:
    tensors, layers = "input x = [1, 2]\ny = x/2\n", "input x = [1, 2]\nlayer y[2] tanh\ninit weights = 1, biases = 0\n"
    assert [check(parse(Source("s", spec))).report.style for spec in (tensors, layers)] == ["matrix", "chain"]
    said = tensors + "report { style = chain }\n"
    assert graphdsl.solve(said).report.style == "chain"
    assert graphdsl.solve(said, report={"style": "matrix"}).report.style == "matrix"


# Large arrays, drawings, single tensors.


def test_large_arrays_are_cut_on_the_page_only() -> None:
    entries = ", ".join(str(i) for i in range(1, 13))
    found = graphdsl.solve(f"input x = [{entries}]\nparam W = [{entries}; {entries}]\ny = W @ x\n")
    assert "x = [1, 2, 3, 4, …, 12]" in found.text()
    assert "[1, 2, 3, 4, ⋯, 12; 1, 2, 3, 4, ⋯, 12]" in found.text()
    assert "= [650, 650]" in found.text()
    assert len(json.loads(found.json())["steps"][0]["samples"][0]["values"]) == 38


def test_tensors_are_drawn_as_a_graph_with_their_shapes() -> None:
    diagram = figure_of(solved("attention", "matrix").trace.graph, "matrix")
    assert diagram is not None and diagram.view == "graph"
    boxes = {box.id: box for box in diagram.boxes}
    assert {"X", "W_Q", "Q", "S", "L"} <= boxes.keys()
    assert text.formula(boxes["Q"].label) == "Q = X W_Q"  # type: ignore[arg-type]  # None would be a failure
    assert text.formula(boxes["wire of S"].value) == "3×3"  # type: ignore[arg-type]


def test_a_whole_tensor_is_explained_in_matrices() -> None:
    found = solved("attention", "matrix")
    told = text.write(found.explained("dL/dW_K"))
    assert "∂L/∂W_K = Xᵀ ∂L/∂K" in told and false_lines(told) == []
    assert "∂L/∂S = ∂L/∂A ⊙ A ⊙ (1 − A)" in told
    assert "W_K⁺ = W_K − η · ∂L/∂W_K" in text.write(found.explained("W_K.after"))
    assert "K = X W_K" in text.write(found.explained("K", step=2))
    assert "∂E/∂W₁₂ = " in text.write(solved("a bias for each row", "matrix").explained("dE/dW[1,2]"))


def test_the_gradient_of_a_number_that_is_no_objective() -> None:
    told = text.write(solved("a recurrence by hand", "matrix").explained("dy2/dU"))
    assert "∂y₂/∂U = ∂y₂/∂a₁ h₀ᵀ + ∂y₂/∂a₂ k₁ᵀ" in told and false_lines(told) == []


@pytest.mark.parametrize(
    ("name", "message"), [("dL/dZZ", "ZZ"), ("dT/dZ", "several entries"), ("T.after", "several entries")]
)
def test_what_is_no_tensor_is_said(name: str, message: str) -> None:
    with pytest.raises(graphdsl.SpecError, match=message):
        solved("attention", "matrix").explained(name)


def test_entries_are_asked_for_where_entries_are_wanted() -> None:
    with pytest.raises(graphdsl.SpecError, match="several entries"):
        solved("attention", "matrix").explained("dL/dK", style="chain")
