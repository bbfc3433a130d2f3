"""The table of optimizers: each says its step in θ, the gradient and its settings; executed by `run`, printed by `explain`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from graphdsl.expr import Expr, Symbol, add, multiply, subtract
from graphdsl.names import Ink

THETA = Symbol("%theta", ink=Ink("θ"))
GRADIENT = Symbol("%gradient", ink=Ink("g"))
STEP = Symbol("%step", ink=Ink("Δθ"))
ETA = Symbol("eta")


@dataclass(frozen=True, slots=True)
class Optimizer:
    """`step` is what a minimiser subtracts from θ and a maximiser adds; `settings` are its options with defaults."""

    name: str
    step: Expr
    settings: Mapping[str, Decimal | None]
    source: str


SGD = Optimizer("sgd", multiply(ETA, GRADIENT), {"eta": None}, "gradient descent, Cauchy 1847")

OPTIMIZERS = {row.name: row for row in (SGD,)}


def updated(ascent: bool) -> Expr:
    """θ after an update, in THETA and STEP."""
    return add(THETA, STEP) if ascent else subtract(THETA, STEP)
