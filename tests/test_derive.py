"""What is done to formulas: simplifying, differentiating, taking entries; held against values and slopes at random points."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from graphdsl import ops
from graphdsl.derive.derivative import derivative, raw_derivative
from graphdsl.derive.element import element, expanded
from graphdsl.derive.evaluate import evaluate
from graphdsl.derive.pullback import pull
from graphdsl.derive.shape import shape_of
from graphdsl.derive.simplify import simplify
from graphdsl.expr import (
    MINUS_ONE,
    ONE,
    ZERO,
    Array,
    Cases,
    Element,
    Expr,
    IndexedSum,
    Number,
    Operation,
    Power,
    Product,
    Quotient,
    Relation,
    Sum,
    Symbol,
    add,
    multiply,
    negate,
    number,
    subtract,
    walk,
)
from graphdsl.numbers import Decimal50, Num, NumberMistake, Tensor, indices, scalar

D = Decimal
A = Decimal50()
X, Y, Z = (Symbol(name) for name in "xyz")
H = D("1e-18")

quick = settings(derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), max_examples=200)

points = st.fixed_dictionaries({name: st.integers(-3000, 3000).map(lambda i: D(2 * i + 1) / 1999) for name in "xyz"})


def at(expr: Expr, point: dict[str, Decimal]) -> Decimal:
    return evaluate(expr, {name: scalar(Num(value)) for name, value in point.items()}, A).item.value


def close(a: Decimal, b: Decimal, tolerance: str = "1e-40") -> bool:
    with localcontext(prec=60):
        return abs(a - b) <= D(tolerance) * max(D(1), abs(a), abs(b))


leaves = st.one_of(
    st.sampled_from([X, Y, Z]),
    st.sampled_from([ZERO, ONE, MINUS_ONE, number(2), number("0.5"), number("-0.3"), number(3)]),
    st.sampled_from(
        [Quotient(ONE, number(2)), Quotient(ONE, number(3)), Product((MINUS_ONE, Quotient(ONE, number(3))))]
    ),
)


def one_of(rows: list[Operation]) -> Callable[[st.SearchStrategy[Expr]], st.SearchStrategy[Expr]]:
    return lambda inner: st.builds(lambda row, x: ops.call(row, x), st.sampled_from(rows), inner)


def grown(inner: st.SearchStrategy[Expr], rows: list[Operation]) -> st.SearchStrategy[Expr]:
    several = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.one_of(
        several.map(Sum),
        several.map(Product),
        st.builds(subtract, inner, inner),
        st.builds(Quotient, inner, inner),
        st.builds(Quotient, inner, st.sampled_from([number(2), number("0.5"), number(3)])),
        st.builds(Power, inner, st.sampled_from([ZERO, ONE, number(2), number(3), number(-1)])),
        st.builds(negate, inner),
        st.builds(lambda a, b: ops.call(ops.MAX, a, b), inner, inner),
        one_of(rows)(inner),
    )


SMOOTH = [ops.SIGMOID, ops.TANH, ops.SIN, ops.COS]
KINKED = [ops.RELU, ops.LEAKY_RELU, ops.ABS]
trees = st.recursive(leaves, lambda inner: grown(inner, SMOOTH + KINKED), max_leaves=12)


# --- simplify


@quick
@given(trees)
def test_simplify_is_idempotent(tree: Expr) -> None:
    once = simplify(tree)
    assert simplify(once) == once


@quick
@given(trees, points)
def test_simplify_keeps_the_value(tree: Expr, point: dict[str, Decimal]) -> None:
    try:
        before = at(tree, point)
    except NumberMistake:
        return  # where the formula has no value, its tidied form may have one
    assert close(before, at(simplify(tree), point), "1e-36")


@quick
@given(trees)
def test_simplify_leaves_no_zeros_and_ones_in_sums_and_products(tree: Expr) -> None:
    for node in walk(simplify(tree)):
        if isinstance(node, Sum):
            assert ZERO not in node.terms
        if isinstance(node, Product):
            assert ZERO not in node.factors
            assert ONE not in node.factors


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (add(X, ZERO), X),
        (Product((ONE, X)), X),
        (Product((ZERO, X)), ZERO),
        (Product((X, X)), Power(X, number(2))),
        (add(X, X), Product((number(2), X))),
        (subtract(X, X), ZERO),
        (negate(negate(X)), X),
        (negate(subtract(X, Y)), subtract(Y, X)),
        (Product((number(2), Quotient(ONE, number(2)), X)), X),
        (Product((X, number(3))), Product((number(3), X))),
        (Power(X, ONE), X),
        (Power(X, ZERO), ONE),
        (add(number("0.1"), number("0.2")), number("0.3")),
        (Product((Quotient(ONE, number(3)), number(3))), ONE),
        (Quotient(X, ONE), X),
        (Cases(((X, Relation((X, ZERO), (">",))),), X), X),
        (Sum((X, Sum((Y, Sum((Z,)))))), Sum((X, Y, Z))),
    ],
)
def test_simplify_by_its_list(before: Expr, after: Expr) -> None:
    assert simplify(before) == after


@pytest.mark.parametrize(
    "tree",
    [
        subtract(Product((number(2), add(X, Y))), add(X, Y)),
        add(*[Product((X, Quotient(ONE, number(2)), Product((MINUS_ONE, Quotient(ONE, number(3))))))] * 2),
        Quotient(negate(X), X),
        add(*[Product((Quotient(MINUS_ONE, number(3)), X))] * 2, Y),
    ],
    ids=range(4),
)
def test_trees_that_once_needed_a_second_pass(tree: Expr) -> None:
    once = simplify(tree)
    assert simplify(once) == once
    assert close(at(once, {"x": D("0.3"), "y": D("1.7")}), at(tree, {"x": D("0.3"), "y": D("1.7")}))


def test_constants_keep_all_their_digits() -> None:
    long = "1." + "1234567890" * 4
    assert simplify(add(number(long), ZERO, number(1), X)) == add(number("2." + "1234567890" * 4), X)


def test_numbers_of_quantities_are_not_folded() -> None:
    value = Number(D(2), quantity="w")
    assert simplify(Product((value, value))) == Power(value, number(2))


# --- derivative


@quick
@given(trees, points, st.sampled_from("xyz"))
def test_derivative_agrees_with_the_slope(tree: Expr, point: dict[str, Decimal], name: str) -> None:
    with localcontext(prec=50):
        ends = [{**point, name: point[name] + step} for step in (H, -H, 2 * H, -2 * H)]
    try:
        ours = at(derivative(tree, name), point)
        raw = at(raw_derivative(tree, name), point)
        up, down, further_up, further_down = (at(tree, end) for end in ends)
        middle = at(tree, point)
    except NumberMistake:
        assume(False)
    with localcontext(prec=50):
        slope = (up - down) / (2 * H)
        wider = (further_up - further_down) / (4 * H)
        one_sided = (up - middle) / H
    assume(close(slope, wider, "1e-20") and close(slope, one_sided, "1e-6"))  # no kink between, no pole nearby
    assume(abs(slope) < 10**6)
    assert close(ours, slope, "1e-18")
    assert close(ours, raw, "1e-36")


@quick
@given(trees)
def test_derivative_names_nothing_new(tree: Expr) -> None:
    for name in "xyz":
        symbols = {node.key for node in walk(derivative(tree, name)) if isinstance(node, Symbol)}
        assert symbols <= {node.key for node in walk(tree) if isinstance(node, Symbol)}


def test_a_square_written_as_a_product() -> None:
    assert derivative(Product((X, X)), "x") == Product((number(2), X))


def test_half_a_squared_difference() -> None:
    half = multiply(Quotient(ONE, number(2)), Power(subtract(X, Y), number(2)))
    assert derivative(half, "y") == subtract(Y, X)
    assert derivative(half, "x") == subtract(X, Y)


def test_the_derivative_of_a_call_reads_its_output() -> None:
    h = Symbol("h")
    assert derivative(ops.call(ops.SIGMOID, X), "x", h) == Product((h, subtract(ONE, h)))
    assert derivative(ops.call(ops.TANH, X), "x", h) == subtract(ONE, Power(h, number(2)))


def test_a_diamond_sums_both_ways() -> None:
    up, down = ops.call(ops.SIN, X), ops.call(ops.EXP, X)
    slope = derivative(multiply(up, down), "x")
    point = {"x": D("0.7")}
    expected = at(add(multiply(ops.call(ops.COS, X), down), multiply(up, down)), point)
    assert close(at(slope, point), expected)


def test_powers_with_long_exponents() -> None:
    exponent = number("2." + "1" * 40)
    slope = derivative(Power(X, exponent), "x")
    point = {"x": D("1.5")}
    assert close(
        at(slope, point), at(Product((exponent, ops.call(ops.POWER, X, subtract(exponent, ONE)))), point), "1e-45"
    )


# --- entries


W, V, U = Symbol("W", (2, 3)), Symbol("v", (3,)), Symbol("u", (2,))
S = Symbol("s")

TENSORS: list[Expr] = [
    ops.call(ops.MATMUL, W, V),
    add(ops.call(ops.MATMUL, W, V), U),
    ops.call(ops.TANH, add(ops.call(ops.MATMUL, W, V), U)),
    ops.call(ops.MATMUL, ops.call(ops.TRANSPOSE, W), U),
    add(W, V),
    multiply(S, W),
    Quotient(V, S),
    Power(V, number(2)),
    ops.call(ops.MATMUL, U, ops.call(ops.MATMUL, W, V)),
    ops.call(ops.SUM, ops.call(ops.HADAMARD, V, V)),
    ops.call(ops.CONCAT, U, S, V),
    ops.call(ops.SOFTMAX, add(V, S)),
    Array((2,), (S, Element(V, (number(2),)))),
    Cases(((V, Relation((S, ZERO), (">",))),), negate(V)),
    ops.call(ops.MAX, V, S),
    IndexedSum(Symbol("i%"), 1, 3, multiply(Element(V, (Symbol("i%"),)), U)),
]


def tensors(seed: int) -> dict[str, Tensor[Num]]:
    import random

    rng = random.Random(seed)
    return {
        name.key: Tensor(name.shape, tuple(Num(D(rng.randint(-2000, 2000)) / 997) for _ in indices(name.shape)))
        for name in (W, V, U, S)
    }


@pytest.mark.parametrize("whole", TENSORS, ids=str(range(len(TENSORS))).format)
@pytest.mark.parametrize("seed", range(3))
def test_entries_are_the_entries_of_the_value(whole: Expr, seed: int) -> None:
    values = tensors(seed)
    entries = dict(values)
    for key, tensor in values.items():
        entries |= {f"{key}[{','.join(map(str, i))}]": scalar(tensor.at(i)) for i in indices(tensor.shape)}
    out = evaluate(whole, values, A)
    assert out.shape == shape_of(whole)
    for index in indices(out.shape):
        entry = element(whole, index) if index else expanded(whole)
        assert not any(isinstance(node, Element | IndexedSum) for node in walk(entry))
        assert close(evaluate(entry, entries, A).item.value, out.at(index).value)


def test_an_entry_of_a_product_is_written_out() -> None:
    entry = element(add(ops.call(ops.MATMUL, W, V), U), (2,))
    keys = [node.key for node in walk(entry) if isinstance(node, Symbol)]
    assert keys == ["W[2,1]", "v[1]", "W[2,2]", "v[2]", "W[2,3]", "v[3]", "u[2]"]
    assert isinstance(entry, Sum)
    assert len(entry.terms) == 4


# --- pullbacks of single nodes, and what a broadcast spreads


@pytest.mark.parametrize(
    "node",
    [
        Sum((W, V)),
        Sum((S, W)),
        Product((S, V)),
        Quotient(V, S),
        Quotient(S, V),
        Power(V, number(3)),
        Product((X, X)),
        Cases(((V, Relation((S, number(-100)), (">",))),), V),
    ],
    ids=range(8),
)
def test_a_node_pulls_back_what_the_slope_says(node: Expr) -> None:
    values = {**tensors(5), "x": scalar(Num(D("1.7")))}
    used = list(dict.fromkeys(n for n in walk(node) if isinstance(n, Symbol)))
    out = evaluate(node, values, A)
    ones = Tensor(out.shape, (Num(D(1)),) * len(out.flat))
    from graphdsl.expr import children

    pulled = pull(node, {s.key: values[s.key] for s in used}, out, ones, A)
    for name in used:
        for place in range(len(values[name.key].flat)):
            total = D(0)
            for child, gradient in zip(children(node), pulled, strict=True):
                if child == name and gradient is not None:
                    total = A.add(Num(total), gradient.flat[place]).value

            def summed(step: Decimal, name: Symbol = name, place: int = place) -> Decimal:
                flat = list(values[name.key].flat)
                flat[place] = A.add(flat[place], Num(step))
                changed = {**values, name.key: Tensor(values[name.key].shape, tuple(flat))}
                with localcontext(prec=50):
                    return sum((x.value for x in evaluate(node, changed, A).flat), D(0))

            with localcontext(prec=50):
                slope = (summed(H) - summed(-H)) / (2 * H)
            if not isinstance(node, Cases) or name != S:
                assert close(total, slope, "1e-25")
