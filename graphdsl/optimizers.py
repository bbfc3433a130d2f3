"""What an optimizer is: a list of assignments in θ, its gradient and what it remembers; executed by `update`, printed by `explain`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from graphdsl.expr import MINUS_ONE, Expr, Product, Sum, Symbol, multiply, substitute, subtract, symbols
from graphdsl.names import Ink, ink_of

THETA = Symbol("%theta", ink=Ink("θ"))
GRADIENT = Symbol("%g", ink=Ink("g"))
COUNT = Symbol("%t", ink=Ink("t"))
"""The number of the step, from 1."""

GIVEN_NAMES = {"theta": THETA, "g": GRADIENT, "t": COUNT}
"""The names that a rule may use without giving them."""

THRESHOLDS = frozenset({"step", "sign"})
"""Units whose derivative the perceptron's rule takes as 1."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """`name = value`; in the value, `old(x)` is what was remembered and `new(x)` what has just been assigned."""

    name: str
    value: Expr


@dataclass(frozen=True, slots=True)
class Optimizer:
    """A rule: `settings` are its options with their defaults; `assignments` are carried out in order, once per step.

    `ahead`: where the gradient is taken, in θ and what is remembered, if not at θ itself. `memory` are the names that are remembered from step to step, beginning with 0. `learns_through_thresholds`: what
    it gets is not the gradient, but the gradient as if the derivative of a threshold were 1.
    """

    name: str
    settings: Mapping[str, Decimal | None]
    assignments: tuple[Assignment, ...]
    source: str = ""
    learns_through_thresholds: bool = False
    ahead: Expr | None = None

    @property
    def learns_otherwise(self) -> bool:
        """Whether what it gets is not the gradient at θ."""
        return self.learns_through_thresholds or self.ahead is not None

    @property
    def memory(self) -> tuple[str, ...]:
        """The names whose old values are used."""
        used = {key for assignment in self.assignments for key in symbols(assignment.value)}
        return tuple(a.name for a in self.assignments if a.name != "theta" and old(a.name).key in used)

    @property
    def step(self) -> Expr | None:
        """What is subtracted from θ, where the rule says θ = θ − …"""
        match next(a.value for a in self.assignments if a.name == "theta"):
            case Sum(terms=(Symbol(key=key), Product(factors=factors))) if key == THETA.key and factors[0] == MINUS_ONE:
                return multiply(*factors[1:])
        return None


def setting(name: str) -> Symbol:
    """An option of a rule."""
    return Symbol(f"%{name}", ink=ink_of(name))


def old(name: str) -> Symbol:
    """What was remembered under a name; θ before the step."""
    return THETA if name == "theta" else Symbol(f"%{name}", ink=ink_of(name))


def new(name: str, remembered: bool = True) -> Symbol:
    """What has been assigned in this step: m⁺, or plainly m̂ where nothing is remembered under that name."""
    ink = old(name).ink
    return Symbol(f"%{name}+", ink=replace(ink, sup=f"{ink.sup}+") if remembered else ink)


def inked(optimizer: Optimizer) -> Optimizer:
    """The rule with a plus on what is remembered, and none on what is just a step on the way."""
    memory = optimizer.memory
    plain: dict[str, Expr] = {new(a.name).key: new(a.name, a.name in (*memory, "theta")) for a in optimizer.assignments}
    made = tuple(Assignment(a.name, substitute(a.value, plain)) for a in optimizer.assignments)
    return replace(optimizer, assignments=made)


SGD = Optimizer(
    "sgd",
    {"eta": None},
    (Assignment("theta", subtract(THETA, multiply(setting("eta"), GRADIENT))),),
    "gradient descent, Cauchy 1847",
)
"""As in optimizers.spec, which is read where another rule is wanted."""
