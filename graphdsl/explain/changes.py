"""A tensor's update in two lines: ΔW = −η ∂L/∂W, and W⁺ = W + ΔW; chooses no digits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphdsl.adjoint import tidied
from graphdsl.derive.shape import shape_of
from graphdsl.document import Inlines, Line
from graphdsl.explain.lines import Saying, after_symbol, chain, in_numbers
from graphdsl.explain.tensors import Arrays
from graphdsl.explain.updating import change_symbol, turned
from graphdsl.explain.worked import PRODUCT, numeral
from graphdsl.expr import Array, Expr, Number, Partial, Product, Symbol, add, negate, rewrite, substitute
from graphdsl.graph import entry_symbols
from graphdsl.model import Training
from graphdsl.numbers import Shape
from graphdsl.optimizers import GRADIENT, THETA
from graphdsl.trace import Round


def change_lines(
    symbol: Symbol, loss: Symbol, arrays: Arrays, round_: Round, training: Training, saying: Saying, shape: Inlines
) -> Iterator[Line]:
    """What is added to a tensor, and the tensor after it."""
    step = training.optimizer.step
    assert step is not None, "only a plain step is written in matrices"
    change, updates = change_symbol(symbol), [round_.updates[entry.key] for entry in entry_symbols(symbol)]
    taken = step if training.ascent else negate(step)
    formula = _entrywise(substitute(taken, {THETA.key: symbol, GRADIENT.key: Partial(loss, symbol)}))
    known = {key: numeral(value, key, True) for key, value in round_.settings.items()}
    added = _array(symbol.shape, [numeral(turned(update.step), PRODUCT) for update in updates])
    named: list[Expr] = [change, *([formula] if saying.symbols else [])]
    yield Line(
        chain([*named, *in_numbers(arrays.numbers(formula, known), saying), added]),
        shape,
        f"{change.key}@{round_.number}",
    )
    total = add(symbol, change)
    keys = [entry.key for entry in entry_symbols(symbol)]
    after = _array(symbol.shape, [numeral(update.after, key) for key, update in zip(keys, updates, strict=True)])
    named = [after_symbol(symbol), *([total] if saying.symbols else [])]
    numbers = add(arrays.numbers(symbol, {}), added)
    yield Line(chain([*named, *in_numbers(numbers, saying), after]), shape, f"{symbol.key}.after@{round_.number}")


def _array(shape: Shape, numerals: Sequence[Number]) -> Expr:
    return Array(shape, tuple(numerals)) if shape else numerals[0]


def _entrywise(formula: Expr) -> Expr:
    """The rule on a tensor; where it multiplies arrays, it does so entry by entry."""
    return rewrite(formula, lambda node: tidied(node) if _multiplies_arrays(node) else node)


def _multiplies_arrays(node: Expr) -> bool:
    return isinstance(node, Product) and sum(bool(shape_of(factor)) for factor in node.factors) > 1
