"""The table of losses: each builds its formula over the entries of a target and an output; knows no statement and no number's digits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from typing import Literal

from graphdsl import ops
from graphdsl.expr import (
    MINUS_ONE,
    ONE,
    ZERO,
    Attributes,
    Expr,
    Number,
    Product,
    Quotient,
    Symbol,
    add,
    multiply,
    negate,
    number,
    subtract,
)
from graphdsl.numbers import EXACT
from graphdsl.ops.functions import squared

Over = Literal["sum", "mean"]
Takes = Literal["numbers", "signs", "probabilities"]
Entries = tuple[Expr, ...]

Terms = Callable[[Entries, Entries, Attributes], list[Expr]]
"""Targets and outputs of one row -> the terms whose sum is the row's loss, but for the factor before it."""

ALLOWED: Mapping[Takes, tuple[str, Callable[[Decimal], bool]]] = {
    "numbers": ("any numbers", lambda value: True),
    "signs": ("−1 and 1", lambda value: value in (-1, 1)),
    "probabilities": ("from 0 to 1", lambda value: 0 <= value <= 1),
}
"""What the entries of a target may be: in words, and as a test."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A row: what it is called, the terms of one row of entries, the factor before them, how they are put together.

    over: the default; a mean divides by the number of entries, or of rows (samples) where a term belongs to a whole row.
    takes: the targets that it compares with. least: so many entries a row has at least.
    defaults: options with the values that need not be said.
    """

    name: str
    terms: Terms
    over: Over
    factor: Expr = ONE
    takes: Takes = "numbers"
    by_row: bool = False
    least: int = 1
    aliases: tuple[str, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    refusal: Callable[[Attributes], str] = lambda given: ""
    source: str = ""

    def formula(self, targets: Entries, outputs: Entries, width: int, given: Attributes, over: Over) -> Expr:
        """The loss of entries row by row, each row `width` long; options that were not said have their defaults."""
        options = {**{key: Decimal(value) for key, value in self.defaults.items()}, **given}
        rows = range(0, len(targets), width)
        terms = [t for i in rows for t in self.terms(targets[i : i + width], outputs[i : i + width], options)]
        count = len(rows) if self.by_row else len(targets)
        return _together(terms or [ZERO], self.factor, count if over == "mean" else 1)


HALF = Quotient(ONE, number(2))


def _together(terms: list[Expr], factor: Expr, count: int) -> Expr:
    """The sum of the terms, times the factor, over their number."""
    if factor == HALF and count == 1:
        return add(*(multiply(HALF, term) for term in terms))
    total = add(*terms)
    if factor == HALF:
        return Product((Quotient(ONE, number(2 * count)), total))
    average = total if count == 1 else Product((Quotient(ONE, number(count)), total))
    return negate(average) if factor == MINUS_ONE else average


def _by_entry(term: Callable[[Expr, Expr, Attributes], Expr | list[Expr]]) -> Terms:
    """Each entry has its own term, or several."""

    def terms(targets: Entries, outputs: Entries, given: Attributes) -> list[Expr]:
        found: list[Expr] = []
        for t, y in zip(targets, outputs, strict=True):
            made = term(t, y, given)
            found += made if isinstance(made, list) else [made]
        return found

    return terms


def _weighted(weight: Expr, x: Expr) -> list[Expr]:
    """weight · x, where a weight that is known to be 0 leaves nothing."""
    if weight == ZERO:
        return []
    return [x if weight == ONE else multiply(weight, x)]


def _rest(t: Expr) -> Expr:
    """1 − t."""
    return Number(EXACT.subtract(ONE.value, t.value)) if isinstance(t, Number) else subtract(ONE, t)


def _log_likelihood(t: Expr, p: Expr, given: Attributes) -> list[Expr]:
    own, other = ops.call(ops.LN_PROBABILITY, p), ops.call(ops.LN_PROBABILITY, subtract(ONE, p))
    return [*_weighted(t, own), *_weighted(_rest(t), other)]


def _logits(targets: Entries, outputs: Entries, given: Attributes) -> list[Expr]:
    """(Σ y) · ln Σ e^z − Σ y z."""
    if all(isinstance(t, Number) for t in targets):
        total: Expr = Number(reduce(EXACT.add, (t.value for t in targets if isinstance(t, Number))))
    else:
        total = add(*targets)
    chosen = [negate(x) for t, z in zip(targets, outputs, strict=True) for x in _weighted(t, z)]
    return [*_weighted(total, ops.call(ops.LOG_SUM_EXP, *outputs)), *chosen]


def _huber_refusal(given: Attributes) -> str:
    delta = given.get("delta")
    return "`delta` is more than 0" if isinstance(delta, Decimal) and delta <= 0 else ""


TABLE = (
    Loss(
        "half_squared_error", _by_entry(lambda t, y, _: squared(subtract(t, y))), "sum", HALF,
        source="as in most worked examples of backpropagation; the ½ cancels the 2 of the derivative",
    ),
    Loss(
        "squared_error", _by_entry(lambda t, y, _: squared(subtract(t, y))), "sum", aliases=("sse",),
        source="the sum of squared errors",
    ),
    Loss(
        "mean_squared_error", _by_entry(lambda t, y, _: squared(subtract(t, y))), "mean", aliases=("mse",),
        source="the mean over the entries of one sample",
    ),
    Loss(
        "half_mean_squared_error", _by_entry(lambda t, y, _: squared(subtract(t, y))), "mean", HALF,
        aliases=("half_mse",), source="half the mean squared error",
    ),
    Loss(
        "mean_absolute_error", _by_entry(lambda t, y, _: ops.call(ops.ABS, subtract(t, y))), "mean", aliases=("mae",),
        source="the mean over the entries of one sample",
    ),
    Loss(
        "huber", _by_entry(lambda t, y, given: ops.call(ops.HUBER, subtract(t, y), **given)), "mean",
        defaults={"delta": "1"}, refusal=_huber_refusal, source="huber_δ(d) = ½d² where |d| ≤ δ, else δ(|d| − δ/2); Huber 1964",
    ),
    Loss(
        "binary_cross_entropy", _by_entry(_log_likelihood), "sum", MINUS_ONE, "probabilities", aliases=("bce",),
        source="of probabilities, as a sigmoid gives them",
    ),
    Loss(
        "binary_cross_entropy_with_logits",
        _by_entry(lambda t, z, _: [ops.call(ops.SOFTPLUS, z), *(negate(x) for x in _weighted(t, z))]), "sum",
        takes="probabilities", aliases=("bce_with_logits",),
        source="binary cross-entropy of σ(z), from z itself",
    ),
    Loss(
        "cross_entropy", _by_entry(lambda y, p, _: _weighted(y, ops.call(ops.LN_PROBABILITY, p))), "sum", MINUS_ONE,
        "probabilities", by_row=True, least=2, source="of probabilities, as softmax gives them",
    ),
    Loss(
        "cross_entropy_with_logits", _logits, "sum", takes="probabilities", by_row=True, least=2,
        source="cross-entropy of softmax(z), from z itself",
    ),
    Loss(
        "negative_log_likelihood", _by_entry(lambda y, logp, _: _weighted(y, logp)), "sum", MINUS_ONE,
        "probabilities", by_row=True, least=2, aliases=("nll",), source="of logarithms of probabilities",
    ),
    Loss(
        "hinge", _by_entry(lambda t, y, _: ops.call(ops.MAX, ZERO, subtract(ONE, multiply(t, y)))), "sum",
        takes="signs", source="Rosasco and others 2004; for targets −1 and 1",
    ),
    Loss(
        "kl_divergence", _by_entry(lambda p, q, _: _weighted(p, ops.call(ops.LN, Quotient(p, q)))), "sum",
        takes="probabilities", by_row=True, least=2, source="Kullback and Leibler 1951: of q from the target p",
    ),
)  # fmt: skip

SPOKEN = {name: loss for loss in TABLE for name in (loss.name, *loss.aliases)}
"""The losses by every name that a spec may call them by."""


def find(name: str) -> Loss | None:
    """The row that a spec means by a name, without regard to case."""
    return SPOKEN.get(name.casefold())


def one_hot(size: int, place: int) -> Entries:
    """1 at a place, counted from 1, and 0 elsewhere."""
    return tuple(ONE if i == place else ZERO for i in range(1, size + 1))


def example(loss: Loss) -> Expr:
    """The formula over two entries, t and y, by default options."""
    targets, outputs = (tuple(Symbol(f"{letter}{i}") for i in (1, 2)) for letter in "ty")
    return loss.formula(targets, outputs, 2, {}, loss.over)
