"""Graph -> Trace: forward, backward, update, round after round, in the arithmetic that it is given; knows no rounding and no words."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import TypeVar

from graphdsl.derive.evaluate import entrywise, evaluate
from graphdsl.derive.pullback import pull
from graphdsl.diagnostics import Diagnostic, Label, Span, SpecError
from graphdsl.expr import ONE, ZERO, Call, Symbol, children, number, walk
from graphdsl.graph import Graph, Op, entry_symbols
from graphdsl.limits import exceeded
from graphdsl.long import End, Full, run_long
from graphdsl.model import Model, OverBatch, Training, is_stand_in
from graphdsl.numbers import Arithmetic, Num, NumberMistake, Shape, Tensor, flat_index, scalar, size
from graphdsl.optimizers import THRESHOLDS
from graphdsl.schedule import Place, places
from graphdsl.sequence import Uses, loss_tensor
from graphdsl.trace import Checkpoint, Epoch, Round, Sample, Trace, Update
from graphdsl.update import Memory, Settings, State, ahead_of, directed, known, norm, remembered, settings_of, updated

N = TypeVar("N")
Env = dict[str, Tensor[N]]

EXACT_WORK = 2_000_000
"""Up to so many scalar operations, checks included, every round is computed in the arithmetic that is given, and kept."""

MOST_BY_HAND = 20_000_000
"""Where values are rounded on the way, there is no other arithmetic that could do it."""

MOST_ENTRIES_COUNTED = 20
"""Of more parameters, a sample is checked."""

CHAIN_ENTRIES = 4_000
"""Up to so many entries, every local derivative and contribution is kept; larger nets make them when they are asked for."""


def run(graph: Graph, arithmetic: Arithmetic[Num]) -> Trace:
    """The trace of a model's rounds; a value that does not exist is a diagnostic of its statement."""
    training = graph.model.training
    parameters = {q.symbol.key: q.value for q in graph.model.quantities}
    if training is None:
        samples = tuple(range(1, len(graph.model.samples) + 1))
        made = one_round(graph, Place(1, 1, samples), parameters, {}, arithmetic)
        return Trace(graph, (made,), (), 0)
    work = work_of(graph, training)
    if work > graph.model.source.limits.operations:
        raise _too_much(graph, training, work)
    if _by_hand(graph.model, arithmetic) and work * checked(graph) > MOST_BY_HAND:
        raise _too_much_by_hand(graph, training)
    if work * checked(graph) > EXACT_WORK and not _by_hand(graph.model, arithmetic):
        return run_long(graph, training, _full(graph, training, arithmetic))
    return _run_all(graph, training, arithmetic)


def _full(graph: Graph, training: Training, arithmetic: Arithmetic[Num]) -> Full:
    """How a round, what follows it, and the end are made in the arithmetic that is given."""

    def a_round(place: Place, state: State) -> Round:
        with in_round(place.step):
            return one_round(graph, place, state.parameters, state.memory, arithmetic)

    def the_end(state: State) -> End:
        finals, loss = final(graph, state.parameters, arithmetic)
        return finals, loss, error_of(graph, finals, arithmetic)

    return Full(beginning(graph, training), a_round, lambda made, state: after(graph, training, made, state), the_end)


def _run_all(graph: Graph, training: Training, arithmetic: Arithmetic[Num]) -> Trace:
    """Every round in the arithmetic that is given."""
    state = beginning(graph, training)
    rounds: list[Round] = []
    epochs: list[Epoch] = []
    checkpoints: list[Checkpoint] = []
    stopped = False
    for place in places(training):
        with in_round(place.step):
            rounds.append(one_round(graph, place, state.parameters, state.memory, arithmetic))
        state = after(graph, training, rounds[-1], state)
        stopped = place.step < training.steps and _is_enough(graph, training, state, arithmetic)
        if rounds[-1].loss is not None and (place.ends_epoch or place.step == training.steps):
            epochs.append(_epoch(graph, training, rounds, state, arithmetic))
            if training.checkpoints and place.epoch % training.checkpoints == 0:
                checkpoints.append(Checkpoint(epochs[-1], by_entry(graph, state.parameters)))
            by_epoch = training.stop_each == "epoch"
            if by_epoch and training.stop_at is not None and arithmetic.compare(epochs[-1].loss, training.stop_at) <= 0:
                stopped = place.step < training.steps
                break
        if stopped:
            break
    finals, loss = final(graph, state.parameters, arithmetic)
    error = error_of(graph, finals, arithmetic)
    return Trace(
        graph, tuple(rounds), finals, len(rounds), loss, tuple(epochs), tuple(checkpoints), stopped, error=error
    )


def _is_enough(graph: Graph, training: Training, state: State, arithmetic: Arithmetic[Num]) -> bool:
    """Whether the loss over all samples is low enough after an update, where that is looked at."""
    if training.stop_at is None or training.stop_each == "epoch":
        return False
    _, loss = final(graph, state.parameters, arithmetic)
    return loss is not None and arithmetic.compare(loss, training.stop_at) <= 0


def work_of(graph: Graph, training: Training) -> int:
    """About how many scalar operations a training takes: forward, backward, update."""
    entries = sum(size(q.symbol.shape) for q in graph.model.quantities if q.trained)
    rule = sum(1 for a in training.optimizer.assignments for _ in walk(a.value))
    return training.steps * (3 * graph.scalar_operations * training.batch + entries * rule)


def checked(graph: Graph) -> int:
    """How much more there is to do where every gradient is also checked."""
    entries = sum(size(q.symbol.shape) for q in graph.model.quantities if q.trained)
    return 2 + min(entries, MOST_ENTRIES_COUNTED)


def _by_hand(model: Model, arithmetic: Arithmetic[Num]) -> bool:
    """Whether values are rounded on the way, or given instead of what would be computed: no program does that."""
    otherwise = bool(model.overrides or model.upstream) or _looks_ahead(model) or _looks_each_time(model)
    return getattr(arithmetic, "carried", None) is not None or otherwise


def _looks_each_time(model: Model) -> bool:
    return model.training is not None and model.training.stop_each == "update"


def _looks_ahead(model: Model) -> bool:
    return model.training is not None and model.training.optimizer.ahead is not None


def _too_much(graph: Graph, training: Training, work: int) -> SpecError:
    message = f"this training takes about {work:,} operations"
    most = graph.model.source.limits.operations
    label = Label(training.span, f"at most {most:,} are carried out")
    return SpecError([Diagnostic(message, (label,), exceeded("operations", work))], graph.model.source)


def _too_much_by_hand(graph: Graph, training: Training) -> SpecError:
    why = "given values" if graph.model.overrides or graph.model.upstream else "`carry = displayed`"
    why = "`stop_each = update`" if _looks_each_time(graph.model) else why
    why = "a gradient taken ahead" if _looks_ahead(graph.model) else why
    message = f"{training.steps:,} updates with {why} are too many"
    label = Label(training.span, f"about {work_of(graph, training) * checked(graph):,} operations")
    hint = f"at most {MOST_BY_HAND:,} are carried out so"
    return SpecError([Diagnostic(message, (label,), hint)], graph.model.source)


def beginning(graph: Graph, training: Training) -> State:
    """Before the first round."""
    return State({q.symbol.key: q.value for q in graph.model.quantities}, training.memory)


def after(graph: Graph, training: Training, made: Round, state: State) -> State:
    """After a round: the trained parameters replaced, at once."""
    return State(_after(graph.model, made.updates, state.parameters), remembered(training, made.updates))


def final(graph: Graph, parameters: Env[Num], arithmetic: Arithmetic[Num]) -> tuple[tuple[Sample, ...], Num | None]:
    """The forward pass of every sample with the last parameters, and the loss over them."""
    with _told("after the last update"):
        envs = [forward(graph, data_of(graph, parameters, i), arithmetic) for i in _numbers(graph)]
    samples = tuple(_sample(graph, env, {}, arithmetic, i) for i, env in enumerate(envs, 1))
    return samples, batch_loss(graph, samples, arithmetic)


def settled_values(graph: Graph, parameters: Env[Num], sample: int, arithmetic: Arithmetic[Num]) -> Mapping[str, Num]:
    """The values of one sample with some parameters."""
    return by_entry(graph, forward(graph, data_of(graph, parameters, sample), arithmetic))


def _numbers(graph: Graph) -> range:
    return range(1, len(graph.model.samples) + 1)


def data_of(graph: Graph, parameters: Mapping[str, Tensor[Num]], sample: int) -> Env[Num]:
    """All quantities with the inputs and targets of one sample."""
    return {**parameters, **graph.model.samples[sample - 1]}


def _epoch(graph: Graph, training: Training, rounds: list[Round], state: State, arithmetic: Arithmetic[Num]) -> Epoch:
    """The loss over the epoch's samples, as they passed or with the parameters after them."""
    loss = graph.model.loss
    assert loss is not None, "a training has a loss"
    last = rounds[-1]
    if training.error == "after":
        envs = [forward(graph, data_of(graph, state.parameters, i), arithmetic) for i in _numbers(graph)]
        losses = [env[loss_tensor(graph)].at(graph.computed[loss.key][1]) for env in envs]
    else:
        own = rounds[-training.steps_per_epoch :]
        losses = [s.values[loss.key] for r in own if r.epoch == last.epoch for s in r.samples]
    return Epoch(last.epoch, last.number, over(losses, training.over_batch, arithmetic))


def over(values: Sequence[Num], how: OverBatch, arithmetic: Arithmetic[Num]) -> Num:
    """The sum or the mean of the samples' numbers."""
    total = values[0]
    for value in values[1:]:
        total = arithmetic.add(total, value)
    if how == "sum" or len(values) == 1:
        return total
    return arithmetic.divide(total, arithmetic.literal(number(len(values)).value))


def in_round(number: int) -> AbstractContextManager[None]:
    """A value that does not exist is told by its round, but in the first."""
    return _told(f"in round {number:,}" if number > 1 else "")


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


def one_round(graph: Graph, place: Place, parameters: Env[Num], memory: Memory, arithmetic: Arithmetic[Num]) -> Round:
    """Forward and backward for each sample, and the updates, from the old parameters."""
    model, training = graph.model, graph.model.training
    envs = [forward(graph, data_of(graph, parameters, i), arithmetic) for i in place.samples]
    samples = [
        _sample(graph, env, {o.key: backward(graph, o.key, env, arithmetic) for o in model.objectives}, arithmetic, i)
        for i, env in zip(place.samples, envs, strict=True)
    ]
    if model.loss is None:
        return Round(place.step, parameters, tuple(samples), None, {}, {})
    loss = batch_loss(graph, samples, arithmetic)
    own = batch_gradients(graph, [s.gradients[model.loss.key] for s in samples], samples, arithmetic)
    if training is None:
        return Round(place.step, parameters, tuple(samples), loss, own, {})
    settings = settings_of(training, place.step, len(samples), arithmetic)
    with _about_updates(graph, own):
        raw = own
        if training.sequential or training.optimizer.learns_otherwise:
            samples, raw = _otherwise(graph, settings, samples, envs, memory, arithmetic)
        settings = _with_norm(training, settings, raw, samples, arithmetic)
        updates = _updates(training, settings, own, raw, samples[0].values, memory, arithmetic)
    return Round(
        place.step,
        parameters,
        tuple(samples),
        loss,
        own,
        updates,
        place.epoch,
        {} if raw is own else raw,
        known(training, settings),
        settings.norm is not None,
    )


def batch_loss(graph: Graph, samples: Sequence[Sample], arithmetic: Arithmetic[Num]) -> Num | None:
    """The mean or sum of the samples' losses, and the penalty once."""
    model = graph.model
    found = error_of(graph, samples, arithmetic)
    if model.loss is None or found is None:
        return None
    key = model.loss.key
    if model.penalty is not None:
        found = arithmetic.add(found, samples[0].values[model.penalty.key])
    return found if is_of_one(model, samples) else arithmetic.settle(found, key)


def error_of(graph: Graph, samples: Sequence[Sample], arithmetic: Arithmetic[Num]) -> Num | None:
    """The mean or sum of the samples' losses; nothing where a loss has derivatives and no value."""
    loss = graph.model.loss
    if loss is None or is_stand_in(graph.model, loss.key):
        return None
    return over([s.values[loss.key] for s in samples], over_batch(graph.model), arithmetic)


def is_of_one(model: Model, samples: Sequence[object]) -> bool:
    """Whether a batch's loss is simply its sample's."""
    return len(samples) == 1 and model.penalty is None


def over_batch(model: Model) -> OverBatch:
    """How a batch's loss is made of its samples'."""
    return model.training.over_batch if model.training else "mean"


def batch_gradients(
    graph: Graph,
    gradients: Sequence[Mapping[str, Num]],
    samples: Sequence[Sample],
    arithmetic: Arithmetic[Num],
    keys: Sequence[str] | None = None,
) -> dict[str, Num]:
    """The mean or sum of the samples' gradients of what is trained, and the penalty's once."""
    model = graph.model
    assert model.loss is not None, "there is a loss"
    nought = arithmetic.literal(ZERO.value)
    found: dict[str, Num] = {}
    for key in trained_keys(model) if keys is None else keys:
        one = over([g.get(key, nought) for g in gradients], over_batch(model), arithmetic)
        if model.penalty is not None:
            one = arithmetic.add(one, samples[0].gradients[model.penalty.key].get(key, nought))
        found[key] = one if is_of_one(model, gradients) else arithmetic.settle(one, f"d{model.loss.key}/d{key}")
    return found


def _otherwise(
    graph: Graph,
    settings: Settings,
    samples: list[Sample],
    envs: list[Env[Num]],
    memory: Memory,
    arithmetic: Arithmetic[Num],
) -> tuple[list[Sample], dict[str, Num]]:
    """What a learning rule takes for the gradients: thresholds passed through, the weights updated on the way, or all of them ahead."""
    training, loss = graph.model.training, graph.model.loss
    assert training is not None and loss is not None, "it belongs to a training"
    if training.optimizer.ahead is not None:
        there = _ahead(graph, settings, samples, memory, arithmetic)
        passed = [backward(graph, loss.key, forward(graph, at, arithmetic), arithmetic) for at in there]
    elif training.optimizer.learns_through_thresholds:
        passed = [backward(graph, loss.key, env, arithmetic, THRESHOLDS) for env in envs]
    else:

        def renewed(key: str, gradients: list[Num], before: Num) -> Num:
            one = batch_gradients(graph, [{key: g} for g in gradients], samples, arithmetic, [key])[key]
            towards = directed(training, settings, one, before, key, arithmetic)
            return updated(training, settings, one, towards, before, key, memory, arithmetic).after

        passed = in_sequence(graph, envs, renewed, arithmetic)
    told = [by_entry(graph, directions) for directions in passed]
    samples = [replace(s, directions=d) for s, d in zip(samples, told, strict=True)]
    return samples, batch_gradients(graph, told, samples, arithmetic)


def _ahead(
    graph: Graph, settings: Settings, samples: Sequence[Sample], memory: Memory, arithmetic: Arithmetic[Num]
) -> list[Env[Num]]:
    """The quantities of each sample, with the parameters at the place where the gradient is taken."""
    training, values = graph.model.training, samples[0].values
    assert training is not None and training.optimizer.ahead is not None, "the rule says where"
    moved: Env[Num] = {}
    for quantity in graph.model.quantities:
        entries = list(entry_symbols(quantity.symbol))
        if quantity.trained:
            flat = [ahead_of(training, settings, values[e.key], e.key, memory, arithmetic) for e in entries]
        else:
            flat = [values[e.key] for e in entries]
        moved[quantity.symbol.key] = Tensor(quantity.symbol.shape, tuple(flat))
    return [data_of(graph, moved, sample.number) for sample in samples]


def _with_norm(
    training: Training,
    settings: Settings,
    raw: Mapping[str, Num],
    samples: Sequence[Sample],
    arithmetic: Arithmetic[Num],
) -> Settings:
    """With the norm of what the optimizer would get, where that is longer than it may be."""
    if training.clip_norm is None:
        return settings
    values = samples[0].values
    found = norm({k: directed(training, settings, g, values[k], k, arithmetic) for k, g in raw.items()}, arithmetic)
    return replace(settings, norm=found) if arithmetic.compare(found, training.clip_norm) > 0 else settings


def _updates(
    training: Training,
    settings: Settings,
    gradients: Mapping[str, Num],
    raw: Mapping[str, Num],
    values: Mapping[str, Num],
    memory: Memory,
    arithmetic: Arithmetic[Num],
) -> dict[str, Update]:
    found: dict[str, Update] = {}
    for key, gradient in gradients.items():
        with _about(key):
            towards = directed(training, settings, raw[key], values[key], key, arithmetic)
            found[key] = updated(training, settings, gradient, towards, values[key], key, memory, arithmetic)
    return found


class _UpdateMistake(Exception):
    """A value that does not exist in the update of an entry."""

    def __init__(self, key: str, mistake: NumberMistake):
        self.key = key
        self.mistake = mistake
        super().__init__(key)


@contextmanager
def _about(key: str) -> Iterator[None]:
    try:
        yield
    except NumberMistake as mistake:
        raise _UpdateMistake(key, mistake) from None


@contextmanager
def _about_updates(graph: Graph, keys: Mapping[str, Num]) -> Iterator[None]:
    """A value that does not exist is told of the parameter that it belongs to."""
    try:
        yield
    except _UpdateMistake as found:
        where = f"in the update of `{found.key}`"
        raise _at(graph, _declared_at(graph, found.key), found.mistake, where) from None
    except NumberMistake as mistake:
        raise _at(graph, _declared_at(graph, next(iter(keys))), mistake, "in the updates") from None


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


def backward(
    graph: Graph, objective: str, env: Env[N], arithmetic: Arithmetic[N], through: Container[str] = ()
) -> Env[N]:
    """∂objective/∂value for every operation and quantity that the objective depends on; named gradients are settled.

    `through`: rows whose derivative is taken as 1, which makes it a learning rule's direction and no gradient.
    """
    nodes = {node.symbol.key: node for node in graph.model.nodes}
    start, index = graph.computed[objective]
    gradients: Env[N] = {start.symbol.key: seed(start.symbol.shape, index, arithmetic)}
    for op in reversed(graph.ops):
        if op.id not in gradients:
            continue
        if op.named:
            symbol = nodes[op.node].symbol
            settled_ = settled(gradients[op.id], symbol, arithmetic, by=objective)
            gradients[op.id] = replaced(settled_, symbol, upstream_of(graph.model, objective), arithmetic)
        if isinstance(op.expr, Call) and op.expr.operation.name in through:
            pulled: list[Tensor[N] | None] = [gradients[op.id]]
        else:
            pulled = pulled_back(graph, op, env, env[op.id], gradients[op.id], arithmetic)
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


def pulled_back(
    graph: Graph, op: Op, env: Mapping[str, Tensor[N]], out: Tensor[N], upstream: Tensor[N], arithmetic: Arithmetic[N]
) -> list[Tensor[N] | None]:
    """What an operation passes to each of its children; a value that does not exist is told of its statement."""
    try:
        return pull(op.expr, {i: env[i] for i in op.inputs}, out, upstream, arithmetic)
    except NumberMistake as mistake:
        node = next(node for node in graph.model.nodes if node.symbol.key == op.node)
        raise _at(graph, _place(op, node.span), mistake, f"in the derivative of `{op.node}`") from None


def seed(shape: Shape, index: Shape, arithmetic: Arithmetic[N]) -> Tensor[N]:
    """∂objective/∂objective: 1 at its own place."""
    flat = [arithmetic.literal(ZERO.value)] * size(shape)
    flat[flat_index(shape, index)] = arithmetic.literal(ONE.value)
    return Tensor(shape, tuple(flat))


def _sample(
    graph: Graph, env: Env[Num], gradients: Mapping[str, Env[Num]], arithmetic: Arithmetic[Num], number: int = 1
) -> Sample:
    """The pass by entries: values, gradients, and how each gradient came about."""
    stand_ins = {n.symbol.key for n in graph.model.nodes if n.role == "stand-in"}
    values = {key: value for key, value in by_entry(graph, env).items() if key not in stand_ins}
    found = {objective: by_entry(graph, env_) for objective, env_ in gradients.items()}
    if len(values) > CHAIN_ENTRIES or not gradients:
        return Sample(values, found, {}, {}, number)
    wanted = {key for own in found.values() for key in own}
    local = local_derivatives(graph, values, wanted, arithmetic)
    shares = {objective: contributions(graph, local, own, arithmetic) for objective, own in found.items()}
    return Sample(values, found, local, shares, number)


def by_entry(graph: Graph, env: Mapping[str, Tensor[N]]) -> dict[str, N]:
    """Values by the keys of entries, of what has a name."""
    names = [q.symbol for q in graph.model.quantities] + [node.symbol for node in graph.model.nodes]
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


# Layer by layer from the output, with the weights that are updated on the way.

Renew = Callable[[str, list[Num], Num], Num]
"""An entry, its gradients in each sample, its value -> its new value."""


class _Sequence:
    """The backward pass in which a parameter is renewed as soon as everything that uses it has been passed."""

    def __init__(self, graph: Graph, envs: list[Env[Num]], renew: Renew, arithmetic: Arithmetic[Num]):
        self.graph = graph
        self.envs = envs
        self.renew = renew
        self.arithmetic = arithmetic
        self.uses = Uses(graph)
        self.renewed: Env[Num] = {}
        self.gradients: list[Env[Num]] = [{} for _ in envs]

    def run(self) -> list[Env[Num]]:
        """For each sample what the rule takes for the gradients."""
        loss = self.graph.model.loss
        assert loss is not None, "there is a loss"
        node, index = self.graph.computed[loss.key]
        for gradients in self.gradients:
            gradients[node.symbol.key] = seed(node.symbol.shape, index, self.arithmetic)
        names = {n.symbol.key: n.symbol for n in self.graph.model.nodes}
        for op in reversed([op for op in self.graph.ops if op.id not in self.uses.weights]):
            if op.id not in self.gradients[0]:
                self.uses.passed(op.id)
                continue
            if op.named:
                for gradients in self.gradients:
                    found = settled(gradients[op.id], names[op.node], self.arithmetic, by=loss.key)
                    given = upstream_of(self.graph.model, loss.key)
                    gradients[op.id] = replaced(found, names[op.node], given, self.arithmetic)
            self._pass(op)
        return self.gradients

    def _pass(self, op: Op) -> None:
        """First to the parameters, which are then renewed; then, with the new ones, to everything below."""
        self._pull(op, {}, self.uses.is_weight)
        for key in self.uses.passed(op.id):
            self._renew(key)
        self._pull(op, self.renewed, lambda child: not self.uses.is_weight(child))

    def _pull(self, op: Op, changed: Mapping[str, Tensor[Num]], wanted: Callable[[str], bool]) -> None:
        if not any(wanted(i) for i in op.inputs):
            return
        for env, gradients in zip(self.envs, self.gradients, strict=True):
            inputs = {i: changed.get(i, env[i]) for i in op.inputs}
            pulled = pulled_back(self.graph, op, inputs, env[op.id], gradients[op.id], self.arithmetic)
            for child, gradient in zip(children(op.expr), pulled, strict=True):
                if isinstance(child, Symbol) and gradient is not None and wanted(child.key):
                    self._add(gradients, child.key, gradient)

    def _add(self, gradients: Env[Num], key: str, gradient: Tensor[Num]) -> None:
        total = gradients.get(key)
        gradients[key] = gradient if total is None else entrywise(self.arithmetic.add, total, gradient)

    def _renew(self, key: str) -> None:
        """The parameter after its update, and what is made of it."""
        loss, symbol = self.graph.model.loss, self.uses.symbols[key]
        assert loss is not None, "there is a loss"
        for i, gradients in enumerate(self.gradients):
            found = self._through_weights(key, i)
            if found is None:
                return
            gradients[key] = settled(found, symbol, self.arithmetic, by=loss.key)
        before = self.envs[0][key]
        flat = tuple(
            self.renew(entry.key, [g[key].flat[i] for g in self.gradients], before.flat[i])
            for i, entry in enumerate(entry_symbols(symbol))
        )
        self.renewed[key] = Tensor(before.shape, flat)
        for op in self.uses.weights.values():
            if op.id in self.uses.made_of[key]:
                env = {i: self.renewed.get(i, self.envs[0][i]) for i in op.inputs}
                self.renewed[op.id] = evaluate(op.expr, env, self.arithmetic)

    def _through_weights(self, key: str, sample: int) -> Tensor[Num] | None:
        """What reaches a parameter: by itself, and through what is made of it."""
        env = self.envs[sample]
        found = {i: g for i, g in self.gradients[sample].items() if i in self.uses.made_of[key]}
        for op in reversed(list(self.uses.weights.values())):
            if op.id in found and op.id in self.uses.made_of[key]:
                pulled = pulled_back(self.graph, op, env, env[op.id], found[op.id], self.arithmetic)
                for child, gradient in zip(children(op.expr), pulled, strict=True):
                    if isinstance(child, Symbol) and gradient is not None and child.key in self.uses.made_of[key]:
                        self._add(found, child.key, gradient)
        return found.get(key)


def in_sequence(graph: Graph, envs: list[Env[Num]], renew: Renew, arithmetic: Arithmetic[Num]) -> list[Env[Num]]:
    """For each sample what the rule takes for the gradients where hidden errors use the updated weights."""
    return _Sequence(graph, envs, renew, arithmetic).run()
