"""Graph -> Trace: forward, backward, update, round after round, in the arithmetic that it is given; knows no rounding and no words."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from graphdsl.derive.evaluate import entrywise, evaluate
from graphdsl.derive.pullback import pull
from graphdsl.diagnostics import Diagnostic, Label, Span, SpecError
from graphdsl.expr import ONE, ZERO, Symbol, children
from graphdsl.graph import Graph, Op, entry_symbols
from graphdsl.model import Model, Training
from graphdsl.numbers import Arithmetic, Num, NumberMistake, Shape, Tensor, flat_index, scalar, size
from graphdsl.optimizers import GRADIENT, STEP, THETA, updated
from graphdsl.trace import Round, Sample, Trace, Update

N = TypeVar("N")
Env = dict[str, Tensor[N]]

CHAIN_ENTRIES = 4_000
"""Up to so many entries, every local derivative and contribution is kept; larger nets make them when they are asked for."""


def run(graph: Graph, arithmetic: Arithmetic[Num]) -> Trace:
    """The trace of a model's rounds; a value that does not exist is a diagnostic of its statement."""
    parameters = {q.symbol.key: q.value for q in graph.model.quantities}
    training = graph.model.training
    rounds: list[Round] = []
    for number in range(1, (training.steps if training else 1) + 1):
        with _told(f"in round {number}" if number > 1 else ""):
            made = one_round(graph, number, parameters, arithmetic)
        rounds.append(made)
        parameters = _after(graph.model, made.updates, parameters)
    if training is None:
        return Trace(graph, tuple(rounds), None)
    with _told("after the last update"):
        return Trace(graph, tuple(rounds), _sample(graph, forward(graph, parameters, arithmetic), {}, arithmetic))


@contextmanager
def _told(when: str) -> Iterator[None]:
    """A value that does not exist is also told by the round in which it is missing."""
    try:
        yield
    except SpecError as mistake:
        found = (
            replace(d, labels=tuple(replace(label, text=f"{label.text} {when}".rstrip()) for label in d.labels))
            for d in mistake.diagnostics
        )
        raise SpecError(found, mistake.source) from None


def one_round(graph: Graph, number: int, parameters: Env[Num], arithmetic: Arithmetic[Num]) -> Round:
    """Forward, backward and the updates, from the old parameters throughout."""
    model = graph.model
    env = forward(graph, parameters, arithmetic)
    gradients = {o.key: backward(graph, o.key, env, arithmetic) for o in model.objectives}
    sample = _sample(graph, env, gradients, arithmetic)
    if model.loss is None:
        return Round(number, parameters, (sample,), None, {}, {})
    of_loss = sample.gradients[model.loss.key]
    nought = arithmetic.literal(ZERO.value)
    own = {key: of_loss.get(key, nought) for key in trained_keys(model)}
    updates = {} if model.training is None else _updates(graph, model.training, sample, own, arithmetic)
    return Round(number, parameters, (sample,), sample.values.get(model.loss.key), own, updates)


def trained_keys(model: Model) -> list[str]:
    """The entries that an update changes, in the order of the text."""
    return [entry.key for q in model.quantities if q.trained for entry in entry_symbols(q.symbol)]


def forward(graph: Graph, parameters: Mapping[str, Tensor[N]], arithmetic: Arithmetic[N]) -> Env[N]:
    """The value of every operation, by its id; named values are settled."""
    env = dict(parameters)
    names = {node.symbol.key: node for node in graph.model.nodes}
    for op in graph.ops:
        try:
            value = evaluate(op.expr, env, arithmetic)
        except NumberMistake as mistake:
            raise _at(graph, _place(op, names[op.node].span), mistake, f"while computing `{op.node}`") from None
        if op.named:
            symbol = names[op.node].symbol
            value = replaced(settled(value, symbol, arithmetic), symbol, graph.model.overrides, arithmetic)
        env[op.id] = value
    return env


def replaced(value: Tensor[N], symbol: Symbol, given: Mapping[str, Num], arithmetic: Arithmetic[N]) -> Tensor[N]:
    """The value with the entries that the spec gives instead."""
    if not given:
        return value
    keys = (entry.key for entry in entry_symbols(symbol))
    pairs = zip(value.flat, (given.get(key) for key in keys), strict=True)
    return Tensor(value.shape, tuple(x if g is None else arithmetic.literal(g.value, g.exact) for x, g in pairs))


def settled(value: Tensor[N], symbol: Symbol, arithmetic: Arithmetic[N], by: str = "") -> Tensor[N]:
    """The value of a named quantity, or the gradient `by` its objective, as it is carried on."""
    entries = zip(value.flat, entry_symbols(symbol), strict=True)
    keys = ((x, f"d{by}/d{entry.key}" if by else entry.key) for x, entry in entries)
    return Tensor(value.shape, tuple(arithmetic.settle(x, key) for x, key in keys))


def backward(graph: Graph, objective: str, env: Env[N], arithmetic: Arithmetic[N]) -> Env[N]:
    """∂objective/∂value for every operation and quantity that the objective depends on; named gradients are settled."""
    nodes = {node.symbol.key: node for node in graph.model.nodes}
    start, index = graph.computed[objective]
    gradients: Env[N] = {start.symbol.key: _seed(start.symbol.shape, index, arithmetic)}
    for op in reversed(graph.ops):
        if op.id not in gradients:
            continue
        if op.named:
            symbol = nodes[op.node].symbol
            settled_ = settled(gradients[op.id], symbol, arithmetic, by=objective)
            gradients[op.id] = replaced(settled_, symbol, upstream_of(graph.model, objective), arithmetic)
        try:
            pulled = pull(op.expr, {i: env[i] for i in op.inputs}, env[op.id], gradients[op.id], arithmetic)
        except NumberMistake as mistake:
            place = _place(op, nodes[op.node].span)
            raise _at(graph, place, mistake, f"in the derivative of `{op.node}`") from None
        for child, gradient in zip(children(op.expr), pulled, strict=True):
            if isinstance(child, Symbol) and gradient is not None:
                known = gradients.get(child.key)
                total = gradient if known is None else entrywise(arithmetic.add, known, gradient)
                gradients[child.key] = total
    for quantity in graph.model.quantities:
        if quantity.symbol.key in gradients:
            found = gradients[quantity.symbol.key]
            gradients[quantity.symbol.key] = settled(found, quantity.symbol, arithmetic, by=objective)
    return gradients


def upstream_of(model: Model, objective: str) -> dict[str, Num]:
    """The derivatives of an objective that the spec gives, by the entries that they are taken by."""
    return {entry: value for (of, entry), value in model.upstream.items() if of == objective}


def _seed(shape: Shape, index: Shape, arithmetic: Arithmetic[N]) -> Tensor[N]:
    """∂objective/∂objective: 1 at its own place."""
    flat = [arithmetic.literal(ZERO.value)] * size(shape)
    flat[flat_index(shape, index)] = arithmetic.literal(ONE.value)
    return Tensor(shape, tuple(flat))


def _sample(graph: Graph, env: Env[Num], gradients: Mapping[str, Env[Num]], arithmetic: Arithmetic[Num]) -> Sample:
    """The pass by entries: values, gradients, and how each gradient came about."""
    stand_ins = {n.symbol.key for n in graph.model.nodes if n.role == "stand-in"}
    values = {key: value for key, value in _by_entry(graph, env).items() if key not in stand_ins}
    by_entry = {objective: _by_entry(graph, env_) for objective, env_ in gradients.items()}
    if len(values) > CHAIN_ENTRIES or not gradients:
        return Sample(values, by_entry, {}, {})
    wanted = {key for found in by_entry.values() for key in found}
    local = local_derivatives(graph, values, wanted, arithmetic)
    shares = {objective: contributions(graph, local, found, arithmetic) for objective, found in by_entry.items()}
    return Sample(values, by_entry, local, shares)


def _by_entry(graph: Graph, env: Env[N]) -> dict[str, N]:
    model = graph.model
    names = [q.symbol for q in model.quantities] + [n.symbol for n in model.nodes]
    found: dict[str, N] = {}
    for symbol in names:
        if symbol.key in env:
            entries = zip(entry_symbols(symbol), env[symbol.key].flat, strict=True)
            found |= {entry.key: value for entry, value in entries}
    return found


def local_derivatives(
    graph: Graph, values: Mapping[str, N], wanted: Container[str], arithmetic: Arithmetic[N]
) -> dict[tuple[str, str], N]:
    """∂child/∂parent for every child that is wanted and every parent that its formula names."""
    env = {key: scalar(value) for key, value in values.items()}
    found: dict[tuple[str, str], N] = {}
    for parent, child in graph.entries.edges:
        if child not in wanted:
            continue
        try:
            found[child, parent] = evaluate(graph.local(child, parent), env, arithmetic).item
        except NumberMistake as mistake:
            span = graph.computed[child][0].span
            raise _at(graph, span, mistake, f"in the derivative of `{child}` by `{parent}`") from None
    return found


def contributions(
    graph: Graph, local: Mapping[tuple[str, str], N], gradients: Mapping[str, N], arithmetic: Arithmetic[N]
) -> dict[str, dict[str, N]]:
    """∂objective/∂child · ∂child/∂entry for every entry and each child that uses it."""
    found: dict[str, dict[str, N]] = {}
    for parent, child in graph.entries.edges:
        if child in gradients:
            try:
                share = arithmetic.multiply(gradients[child], local[child, parent])
            except NumberMistake as mistake:
                where = f"in the derivative of `{child}` by `{parent}`"
                raise _at(graph, graph.computed[child][0].span, mistake, where) from None
            found.setdefault(parent, {})[child] = share
    return found


def _updates(
    graph: Graph, training: Training, sample: Sample, gradients: Mapping[str, Num], arithmetic: Arithmetic[Num]
) -> dict[str, Update]:
    settings = {key: scalar(value) for key, value in training.settings.items()}
    rule = updated(training.ascent)
    found: dict[str, Update] = {}
    for key, gradient in gradients.items():
        before = sample.values[key]
        env = {**settings, THETA.key: scalar(before), GRADIENT.key: scalar(gradient)}
        try:
            step = evaluate(training.optimizer.step, env, arithmetic)
            after = evaluate(rule, {**env, STEP.key: step}, arithmetic).item
        except NumberMistake as mistake:
            raise _at(graph, _declared_at(graph, key), mistake, f"in the update of `{key}`") from None
        found[key] = Update(before, gradient, step.item, arithmetic.settle(after, key))
    return found


def _after(
    model: Model, updates: Mapping[str, Update], parameters: Mapping[str, Tensor[Num]]
) -> dict[str, Tensor[Num]]:
    """All quantities after a round: the trained ones replaced, at once."""
    found = dict(parameters)
    for quantity in model.quantities:
        if quantity.trained and updates:
            flat = tuple(updates[entry.key].after for entry in entry_symbols(quantity.symbol))
            found[quantity.symbol.key] = Tensor(quantity.symbol.shape, flat)
    return found


def _place(op: Op, statement: Span) -> Span:
    """Where an operation stands in its statement."""
    own = op.expr.span
    return own if own is not None and statement.start <= own.start and own.end <= statement.end else statement


def _declared_at(graph: Graph, key: str) -> Span:
    """Where the quantity of an entry is declared."""
    quantities = graph.model.quantities
    return next(q.span for q in quantities if any(e.key == key for e in entry_symbols(q.symbol)))


def _at(graph: Graph, span: Span, mistake: NumberMistake, where: str) -> SpecError:
    """A value that does not exist, as a diagnostic of the statement that asked for it."""
    diagnostic = Diagnostic(mistake.message, (Label(span, where),), mistake.hint)
    return SpecError([diagnostic], graph.model.source)
