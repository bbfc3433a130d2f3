"""A tensor's update in two lines: ΔW = −η ∂L/∂W, and W⁺ = W + ΔW; chooses no digits."""

from __future__ import annotations

from collections.abc import Iterator

from graphdsl.document import Inlines, Line
from graphdsl.explain.lines import Saying, after_symbol, chain, in_numbers
from graphdsl.explain.tensors import Arrays, array_of, entrywise
from graphdsl.explain.updating import change_symbol, turned
from graphdsl.explain.worked import PRODUCT, numeral
from graphdsl.expr import Expr, Partial, Symbol, add, negate, substitute
from graphdsl.graph import entry_symbols
from graphdsl.model import Training
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
    formula = entrywise(substitute(taken, {THETA.key: symbol, GRADIENT.key: Partial(loss, symbol)}))
    known = {key: numeral(value, key, True) for key, value in round_.settings.items()}
    added = array_of(symbol.shape, [numeral(turned(update.step), PRODUCT) for update in updates])
    named: list[Expr] = [change, *([formula] if saying.symbols else [])]
    yield Line(
        chain([*named, *in_numbers(arrays.numbers(formula, known), saying), added]),
        shape,
        f"{change.key}@{round_.number}",
    )
    total = add(symbol, change)
    keys = [entry.key for entry in entry_symbols(symbol)]
    after = array_of(symbol.shape, [numeral(update.after, key) for key, update in zip(keys, updates, strict=True)])
    named = [after_symbol(symbol), *([total] if saying.symbols else [])]
    numbers = add(arrays.numbers(symbol, {}), added)
    yield Line(chain([*named, *in_numbers(numbers, saying), after]), shape, f"{symbol.key}.after@{round_.number}")
