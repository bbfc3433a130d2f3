"""Gradients -> directions -> updated parameters, entry by entry, by the assignments of a rule; knows no graph and no words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from graphdsl import ops
from graphdsl.derive.evaluate import evaluate
from graphdsl.expr import ONE, Expr, Quotient, Symbol, add, multiply, negate, number
from graphdsl.model import Training
from graphdsl.names import Ink
from graphdsl.numbers import Arithmetic, Num, Tensor, scalar
from graphdsl.optimizers import COUNT, GRADIENT, THETA, new, old, setting
from graphdsl.trace import Update

WEIGHT_DECAY = Symbol("%weight_decay", ink=Ink("λ"))
CLIP = Symbol("%clip", ink=Ink("c"))
NORM = Symbol("%norm", ink=Ink("n"))
"""The norm of everything that the optimizer would get, before it is clipped."""

Memory = Mapping[str, Mapping[str, Num]]
"""What a rule remembers: by name, then by entry."""


@dataclass(frozen=True, slots=True)
class State:
    """Where a training stands: the quantities, and what its rule remembers."""

    parameters: dict[str, Tensor[Num]]
    memory: Memory


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds in one step: its number, its learning rate, the size of its batch; `norm` where it is clipped by it."""

    count: int
    values: Mapping[str, Num]
    size: int
    norm: Num | None = None


def direction(training: Training, size: int, clipped: bool = False) -> Expr:
    """What the optimizer gets, in the gradient and θ: as it is, or added up, turned round, with a decay, clipped."""
    found: Expr = GRADIENT
    if training.gradient_over_batch != training.over_batch and size > 1:
        summed = training.gradient_over_batch == "sum"
        found = multiply(number(size), found) if summed else Quotient(found, number(size))
    if training.ascent:
        found = negate(found)
    if training.weight_decay is not None:
        found = add(found, multiply(WEIGHT_DECAY, THETA))
    if training.clip_value is not None:
        found = ops.call(ops.MAX, negate(CLIP), ops.call(ops.MIN, CLIP, found))
    if clipped:
        found = multiply(Quotient(CLIP, NORM), found)
    return found


def settings_of(training: Training, step: int, size: int, arithmetic: Arithmetic[Num]) -> Settings:
    """What holds in a step; the learning rate of the list, and what is left of it."""
    values = dict(training.settings)
    if training.rates:
        values["eta"] = training.rates[min(step, len(training.rates)) - 1]
    if training.decay is not None:
        times = arithmetic.literal(number((step - 1) // training.decay_every).value)
        values["eta"] = arithmetic.multiply(values["eta"], arithmetic.power(training.decay, times))
    return Settings(training.first + step - 1, values, size)


def known(training: Training, settings: Settings) -> dict[str, Num]:
    """The numbers of a step by the keys of their symbols."""
    found = {setting(key).key: value for key, value in settings.values.items()}
    found[COUNT.key] = Num(number(settings.count).value)
    clip = training.clip_value or training.clip_norm
    for symbol, value in ((WEIGHT_DECAY, training.weight_decay), (CLIP, clip), (NORM, settings.norm)):
        if value is not None:
            found[symbol.key] = value
    return found


def directed(
    training: Training, settings: Settings, gradient: Num, before: Num, key: str, arithmetic: Arithmetic[Num]
) -> Num:
    """What the optimizer gets for one entry."""
    rule = direction(training, settings.size, settings.norm is not None)
    if rule == GRADIENT:
        return gradient
    env = {k: scalar(v) for k, v in known(training, settings).items()}
    env |= {GRADIENT.key: scalar(gradient), THETA.key: scalar(before)}
    return arithmetic.settle(evaluate(rule, env, arithmetic).item, f"g.{key}")


def ahead_of(
    training: Training, settings: Settings, before: Num, key: str, memory: Memory, arithmetic: Arithmetic[Num]
) -> Num:
    """Where an entry stands when the gradient is taken."""
    rule = training.optimizer
    assert rule.ahead is not None, "the rule says where"
    nought = arithmetic.literal(number(0).value)
    env = {k: scalar(v) for k, v in known(training, settings).items()}
    env |= {old(name).key: scalar(memory.get(name, {}).get(key, nought)) for name in rule.memory}
    return arithmetic.settle(evaluate(rule.ahead, {**env, THETA.key: scalar(before)}, arithmetic).item, key)


def norm(directions: Mapping[str, Num], arithmetic: Arithmetic[Num]) -> Num:
    """√Σg², over all that is trained."""
    total = Num(ONE.value * 0)
    for value in directions.values():
        total = arithmetic.add(total, arithmetic.multiply(value, value))
    return arithmetic.function("sqrt", total)


def updated(
    training: Training,
    settings: Settings,
    gradient: Num,
    towards: Num,
    before: Num,
    key: str,
    memory: Memory,
    arithmetic: Arithmetic[Num],
) -> Update:
    """One entry's update: the assignments of the rule in their order."""
    rule = training.optimizer
    nought = arithmetic.literal(number(0).value)
    start = {name: memory.get(name, {}).get(key, nought) for name in rule.memory}
    env: dict[str, Tensor[Num]] = {k: scalar(v) for k, v in known(training, settings).items()}
    env |= {old(name).key: scalar(value) for name, value in start.items()}
    env |= {THETA.key: scalar(before), GRADIENT.key: scalar(towards)}
    state: dict[str, Num] = {}
    step = None if rule.step is None else rule.step
    taken, after = nought, before
    for assignment in rule.assignments:
        if assignment.name == "theta" and step is not None:
            taken = evaluate(step, env, arithmetic).item
        value = evaluate(assignment.value, env, arithmetic).item
        if assignment.name == "theta":
            after = value = arithmetic.settle(value, key)
        else:
            state[assignment.name] = value = arithmetic.settle(value, f"{assignment.name}.{key}")
        env[new(assignment.name).key] = scalar(value)
    return Update(before, gradient, taken, after, towards, start, state)


def remembered(training: Training, updates: Mapping[str, Update]) -> Memory:
    """What is remembered after a step."""
    return {name: {key: update.state[name] for key, update in updates.items()} for name in training.optimizer.memory}
