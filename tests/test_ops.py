"""Every row of the table of operations: pullbacks against slopes, entries against values, formulas against stable computations."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal, localcontext

import pytest
from row_trials import LARGEST, called, every_trial, trials

from graphdsl import ops
from graphdsl.derive.derivative import derivative
from graphdsl.derive.element import element, expanded
from graphdsl.derive.evaluate import evaluate
from graphdsl.derive.pullback import pull
from graphdsl.derive.shape import shape_of
from graphdsl.derive.simplify import simplify
from graphdsl.expr import Attribute, Call, Expr, Operation, Symbol, symbols
from graphdsl.numbers import Decimal50, Num, Shape, Tensor, indices, scalar, size

ARITHMETIC = Decimal50()
H = Decimal("1e-16")


@pytest.fixture(autouse=True)
def fifty_digits() -> Iterator[None]:
    with localcontext(prec=50):
        yield


def trial(
    row: Operation, shapes: tuple[Shape, ...], given: dict[str, Attribute], seed: int
) -> tuple[Call, dict[str, Tensor[Num]]]:
    rng = random.Random(seed)
    names = tuple(Symbol(f"a{i}", shape) for i, shape in enumerate(shapes))
    values = {
        name.key: Tensor(
            name.shape,
            tuple(Num(Decimal(rng.randint(100, LARGEST.get(row.name, 2000))) / 1000) for _ in range(size(name.shape))),
        )
        for name in names
    }
    return ops.call(row, *names, **given), values


def close(a: Decimal, b: Decimal, tolerance: str = "1e-25") -> bool:
    return abs(a - b) <= Decimal(tolerance) * max(1, abs(a), abs(b))


def by_entry(values: dict[str, Tensor[Num]]) -> dict[str, Tensor[Num]]:
    """The same values under the keys of the entries."""
    found = dict(values)
    for key, tensor in values.items():
        for index in indices(tensor.shape):
            found[f"{key}[{','.join(map(str, index))}]"] = scalar(tensor.at(index))
    return found


@pytest.mark.parametrize(("row", "shapes", "given"), every_trial(), ids=called)
def test_pullbacks_agree_with_slopes(row: Operation, shapes: tuple[Shape, ...], given: dict[str, Attribute]) -> None:
    node, values = trial(row, shapes, given, 1)
    out = evaluate(node, values, ARITHMETIC)
    rng = random.Random(2)
    upstream = Tensor(out.shape, tuple(Num(Decimal(rng.randint(-9, 9)) / 7) for _ in out.flat))
    pulled = pull(node, values, out, upstream, ARITHMETIC)

    def objective(changed: dict[str, Tensor[Num]]) -> Decimal:
        result = evaluate(node, changed, ARITHMETIC)
        return sum((r.value * u.value for r, u in zip(result.flat, upstream.flat, strict=True)), Decimal(0))

    for name, gradient in zip(values, pulled, strict=True):
        for place in range(len(values[name].flat)):
            up, down = (objective(nudged(values, name, place, step)) for step in (H, -H))
            slope = ARITHMETIC.divide(Num(up - down), Num(2 * H)).value
            assert close(gradient.flat[place].value if gradient else Decimal(0), slope)


def nudged(values: dict[str, Tensor[Num]], name: str, place: int, step: Decimal) -> dict[str, Tensor[Num]]:
    flat = list(values[name].flat)
    flat[place] = ARITHMETIC.add(flat[place], Num(step))
    return {**values, name: Tensor(values[name].shape, tuple(flat))}


@pytest.mark.parametrize(("row", "shapes", "given"), every_trial(), ids=called)
def test_entries_agree_with_values(row: Operation, shapes: tuple[Shape, ...], given: dict[str, Attribute]) -> None:
    node, values = trial(row, shapes, given, 3)
    out = evaluate(node, values, ARITHMETIC)
    assert out.shape == shape_of(node)
    for index in indices(out.shape):
        entry = element(node, index) if index else expanded(node)
        assert close(evaluate(entry, by_entry(values), ARITHMETIC).item.value, out.at(index).value, "1e-45")


@pytest.mark.parametrize("row", [r for r in ops.ROWS if r.formula and r.compute], ids=lambda r: r.name)
def test_stable_computations_equal_their_formulas(row: Operation) -> None:
    shapes, given = trials(row)[0]
    node, values = trial(row, shapes, given, 4)
    assert row.formula is not None
    formula = row.formula(node.arguments, dict(node.attributes))
    written_out, stable = (evaluate(expr, values, ARITHMETIC) for expr in (formula, node))
    assert all(close(a.value, b.value, "1e-47") for a, b in zip(written_out.flat, stable.flat, strict=True))


@pytest.mark.parametrize("row", [r for r in ops.ROWS if r.elementwise], ids=lambda r: r.name)
def test_symbolic_derivatives_agree_with_slopes_and_survive_simplifying(row: Operation) -> None:
    node, values = trial(row, ((),) * row.arity[0], trials(row)[0][1], 5)
    inner: Expr = ops.call(ops.SIN, ops.call(ops.EXP, Symbol("a0")))
    whole = Call(row, (inner, *node.arguments[1:]), node.attributes)
    slope_expr = derivative(whole, "a0")
    assert simplify(slope_expr) == slope_expr
    assert set(symbols(slope_expr)) <= set(values)

    def at(step: Decimal) -> Decimal:
        return evaluate(whole, nudged(values, "a0", 0, step), ARITHMETIC).item.value

    values["a0"] = scalar(Num(Decimal("0.3")))
    slope = (at(H) - at(-H)) / (2 * H)
    assert close(evaluate(slope_expr, values, ARITHMETIC).item.value, slope)
