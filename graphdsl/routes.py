"""Graph + Trace -> Check and verdicts: every gradient by three independent routes, published numbers beside ours; a disagreement is never a page."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext

from graphdsl.derive.evaluate import broadcast, common_shape, evaluate
from graphdsl.diagnostics import Diagnostic, Label, SpecError
from graphdsl.expr import Call, Expr, children, symbols
from graphdsl.graph import Graph, Op, entry_symbols
from graphdsl.letters import formula_of, written_out
from graphdsl.model import COUNTS, ExpectedNumber, Quantity
from graphdsl.numbers import (
    PRECISION,
    Arithmetic,
    Decimal50,
    Num,
    NumberMistake,
    Tensor,
    arithmetic,
    decimals_of,
    rounded,
    scalar,
)
from graphdsl.run import backward, data_of, final, forward, over, settled_values
from graphdsl.trace import Check, Round, Trace, Verdict

ROUTES = ("pullback", "chain", "difference")
TOLERANCE = Decimal("1e-25")
NUDGE = Decimal("1e-16")
FINER_PRECISION = 1_000
FINER_NUDGE = Decimal("1e-400")
MOST_WORK = 2_000_000
SAMPLE = 20

MOST_PASSES = 60
"""Of more passes than these, those of the rounds that are shown are compared."""

Env = dict[str, Tensor[Num]]


class RoutesDisagree(Exception):
    """Two ways to the same gradient give different numbers: a defect of the program, never a page."""


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of a quantity: what a difference nudges."""

    key: str
    quantity: Quantity
    flat: int


def compare(trace: Trace) -> Check:
    """Every gradient of every round by pullbacks, by the chain rule and by central differences, in full precision."""
    graph = trace.graph
    places, sampled = _chosen(graph)
    tally = _Tally()
    passes = [(r, s.number) for r in trace.rounds for s in r.samples] if graph.model.objectives else []
    shown = passes if len(passes) <= MOST_PASSES else _shown(trace)
    for round_, sample in shown:
        _compare_round(graph, round_, sample, places, tally)
    if graph.model.letters:
        _compare_letters(graph, tally)
    return Check(ROUTES, tally.compared, tally.skipped, sampled or len(shown) < len(passes), tally.worst)


def _shown(trace: Trace) -> list[tuple[Round, int]]:
    """The passes of the rounds that the page shows, and of those that published numbers are of."""
    asked = {(e.after or 0) + 1 for e in trace.graph.model.expected}
    wanted = {1, 2, trace.count} | asked
    found = [(r, s.number) for r in trace.rounds if r.number in wanted for s in r.samples]
    return found[:: -(-len(found) // MOST_PASSES)]


DRAWS = 3
"""Formulas are evaluated at so many random assignments of their letters."""


def _compare_letters(graph: Graph, tally: _Tally) -> None:
    """The formulas in letters alone against the backward pass."""
    for draw in range(DRAWS):
        arithmetic = Decimal50()
        parameters = {q.symbol.key: _drawn(q, draw, graph.model.letters) for q in graph.model.quantities}
        env = forward(graph, parameters, arithmetic)
        values = {key: scalar(value) for key, value in _entries(graph, env).items()}
        for objective in graph.model.objectives:
            for key, gradient in _entries_of(backward(graph, objective.key, env, arithmetic), graph).items():
                formula = formula_of(graph, objective.key, key)
                for written in (formula, written_out(graph, formula)):
                    if written is not None:
                        found = evaluate(written, values, arithmetic).item
                        tally.take(f"∂{objective.key}/∂{key} in letters", gradient, found)


def _drawn(quantity: Quantity, draw: int, letters: frozenset[str]) -> Tensor[Num]:
    if quantity.symbol.key not in letters:
        return quantity.value
    numbers = random.Random(f"{quantity.symbol.key} {draw}")
    flat = tuple(Num(Decimal(numbers.randint(200, 1200)).scaleb(-3)) for _ in quantity.value.flat)
    return Tensor(quantity.value.shape, flat)


def _entries_of(gradients: Env, graph: Graph) -> dict[str, Num]:
    found: dict[str, Num] = {}
    for quantity in graph.model.quantities:
        if quantity.symbol.key in gradients:
            entries = zip(entry_symbols(quantity.symbol), gradients[quantity.symbol.key].flat, strict=True)
            found |= {entry.key: value for entry, value in entries}
    return found


@dataclass(slots=True)
class _Tally:
    compared: int = 0
    skipped: int = 0
    worst: Decimal = Decimal(0)

    def take(self, what: str, a: Num, b: Num) -> None:
        """Hold two numbers against each other; the difference is relative where they are large."""
        with localcontext(prec=PRECISION):
            difference = abs(a.value - b.value) / max(Decimal(1), abs(a.value), abs(b.value))
        if difference > TOLERANCE:
            raise RoutesDisagree(f"{what}: {a.value} and {b.value}")
        self.worst = max(self.worst, difference)


def _chosen(graph: Graph) -> tuple[list[Place], bool]:
    """The entries whose gradients are compared: all that matter, or a sample where that is too much work."""
    model = graph.model
    wanted = [q for q in model.quantities if q.kind == "param"] if model.loss else []
    wanted = wanted or [q for q in model.quantities if q.kind != "target"]
    places = [
        Place(entry.key, quantity, i) for quantity in wanted for i, entry in enumerate(entry_symbols(quantity.symbol))
    ]
    if len(places) * graph.scalar_operations <= MOST_WORK:
        return places, False
    stride = max(1, len(places) // SAMPLE)
    return places[::stride][:SAMPLE], True


@dataclass(frozen=True, slots=True)
class _Pass:
    """A round in some precision: values, pulled-back gradients, and the step of a difference."""

    arithmetic: Decimal50
    nudge: Decimal
    env: Env
    values: dict[str, Num]
    pulled: dict[str, Env]


def _pass(graph: Graph, round_: Round, sample: int, precision: int, nudge: Decimal) -> _Pass:
    arithmetic = Decimal50(precision=precision)
    env = forward(graph, data_of(graph, round_.parameters, sample), arithmetic)
    pulled = {o.key: backward(graph, o.key, env, arithmetic) for o in graph.model.objectives}
    return _Pass(arithmetic, nudge, env, _entries(graph, env), pulled)


def _compare_round(graph: Graph, round_: Round, sample: int, places: list[Place], tally: _Tally) -> None:
    """All places; one that lies so steeply that 50 digits do not settle it is looked at once more with a thousand."""
    usual, finer = _pass(graph, round_, sample, PRECISION, NUDGE), None
    for place in places:
        where = f"∂{place.key} in round {round_.number}"
        try:
            _compare_place(graph, place, usual, tally, where)
        except RoutesDisagree:
            finer = finer or _pass(graph, round_, sample, FINER_PRECISION, FINER_NUDGE)
            _compare_place(graph, place, finer, tally, where)


def _compare_place(graph: Graph, place: Place, at: _Pass, tally: _Tally, where: str) -> None:
    found = _Tally(worst=tally.worst)
    slopes = _slopes(graph, place, at)
    for objective, pulled in at.pulled.items():
        own = pulled.get(place.quantity.symbol.key)
        gradient = own.flat[place.flat] if own else Num(Decimal(0))
        chained = total_derivative(graph, objective, place.key, at.values, at.arithmetic)
        found.take(f"∂{objective}/{where}", gradient, chained)
        found.compared += 1
        if slopes is None:
            found.skipped += 1
        else:
            found.take(f"∂{objective}/{where}", gradient, slopes[objective])
    tally.compared, tally.skipped, tally.worst = (
        tally.compared + found.compared,
        tally.skipped + found.skipped,
        found.worst,
    )


def _entries(graph: Graph, env: Env) -> dict[str, Num]:
    symbols = [q.symbol for q in graph.model.quantities] + [node.symbol for node in graph.model.nodes]
    return {
        entry.key: value
        for symbol in symbols
        for entry, value in zip(entry_symbols(symbol), env[symbol.key].flat, strict=True)
    }


# The second route: the chain rule, entry by entry.


def total_derivative(graph: Graph, of: str, wrt: str, values: Mapping[str, Num], arithmetic: Arithmetic[Num]) -> Num:
    """∂of/∂wrt along every path of the scalar view, at the values given."""
    import networkx as nx

    if of == wrt:
        return Num(Decimal(1))
    entries = graph.entries
    between = (nx.descendants(entries, wrt) | {wrt}) & (nx.ancestors(entries, of) | {of})
    found = {of: Num(Decimal(1))}
    for key in reversed(list(nx.topological_sort(entries.subgraph(between)))):
        if key == of:
            continue
        total = Num(Decimal(0))
        for child in entries.successors(key):
            if child in found:
                formula = graph.local(child, key)
                env = {name: scalar(values[name]) for name in symbols(formula)}
                local = evaluate(formula, env, arithmetic).item
                total = arithmetic.add(total, arithmetic.multiply(found[child], local))
        found[key] = graph.model.upstream.get((of, key), total)
    return found.get(wrt, Num(Decimal(0)))


# The third: central differences.


def _slopes(graph: Graph, place: Place, at: _Pass) -> dict[str, Num] | None:
    """(f(θ + h) − f(θ − h)) / 2h for each objective; nothing at a kink or at the edge of what exists."""
    key = place.quantity.symbol.key
    affected = _descendants(graph, key)
    if _is_replaced(graph, affected):
        return None
    theta = at.env[key].flat[place.flat]
    with localcontext(prec=at.arithmetic.precision):
        h = at.nudge * max(Decimal(1), abs(theta.value))
        ends = [theta.value + h, theta.value - h]
    try:
        passes = [_again(affected, _replaced(at.env, place, end), at.arithmetic) for end in ends]
    except NumberMistake:
        return None
    sides = [_sides(affected, e, at.arithmetic) for e in (at.env, *passes)]
    if 0 in sides[0] or sides[0] != sides[1] or sides[0] != sides[2]:
        return None
    return {o: _slope(graph, o, passes, h, at.arithmetic) for o in at.pulled}


def _is_replaced(graph: Graph, affected: list[Op]) -> bool:
    """Whether a value or derivative on the way is given, so that it does not follow what is nudged."""
    model = graph.model
    given = {*model.overrides, *(entry for _, entry in model.upstream)}
    if not given:
        return False
    nodes = {node.symbol.key: node.symbol for node in model.nodes}
    return any(e.key in given for op in affected if op.named for e in entry_symbols(nodes[op.node]))


def _slope(graph: Graph, objective: str, passes: list[Env], h: Decimal, arithmetic: Decimal50) -> Num:
    node, index = graph.computed[objective]
    up, down = (p[node.symbol.key].at(index) for p in passes)
    with localcontext(prec=arithmetic.precision):
        return arithmetic.divide(Num(up.value - down.value), Num(2 * h))


def _replaced(env: Env, place: Place, value: Decimal) -> Env:
    tensor = env[place.quantity.symbol.key]
    flat = (*tensor.flat[: place.flat], Num(value), *tensor.flat[place.flat + 1 :])
    return {**env, place.quantity.symbol.key: Tensor(tensor.shape, flat)}


def _descendants(graph: Graph, key: str) -> list[Op]:
    """The operations that a quantity reaches, in order."""
    reached = {key}
    found = []
    for op in graph.ops:
        if not reached.isdisjoint(op.inputs):
            reached.add(op.id)
            found.append(op)
    return found


def _again(affected: list[Op], env: Env, arithmetic: Decimal50) -> Env:
    for op in affected:
        env[op.id] = evaluate(op.expr, env, arithmetic)
    return env


def _sides(affected: list[Op], env: Env, arithmetic: Decimal50) -> tuple[int, ...]:
    return tuple(side for op in affected for side in sides_of(op.expr, env, arithmetic))


def sides_of(expr: Expr, env: Mapping[str, Tensor[Num]], arithmetic: Decimal50) -> Iterator[int]:
    """Where the arguments of an operation lie with regard to its kinks, entry by entry."""
    if not isinstance(expr, Call) or expr.operation.sides is None:
        return
    arguments = tuple(evaluate(child, env, arithmetic) for child in children(expr))
    if not expr.operation.elementwise:
        yield from expr.operation.sides(arithmetic, arguments, dict(expr.attributes))
        return
    shape = common_shape(arguments)
    spread = [broadcast(a, shape).flat for a in arguments]
    for entry in zip(*spread, strict=True):
        yield from expr.operation.sides(arithmetic, tuple(map(scalar, entry)), dict(expr.attributes))


# Published numbers beside ours.


def verdicts(trace: Trace) -> tuple[Verdict, ...]:
    """Each expected number beside ours, which is rounded half up to the printed digits."""
    return tuple(_verdict(trace, expected) for expected in trace.graph.model.expected)


def _verdict(trace: Trace, expected: ExpectedNumber) -> Verdict:
    expected = _resolved(trace, expected)
    ours = number_of(trace, expected)
    shown = rounded(ours.value, decimals_of(expected.value))
    agrees = shown == expected.value or _as_doubles(ours.value, expected.value)
    return Verdict(expected, ours, shown, agrees)


DOUBLE_DIGITS = 14
DOUBLE_TOLERANCE = Decimal("2e-12")


def _as_doubles(ours: Decimal, printed: Decimal) -> bool:
    """Whether a number of so many digits that it was computed in binary floating point agrees, relatively."""
    digits = len(printed.as_tuple().digits)
    with localcontext(prec=PRECISION):
        return digits >= DOUBLE_DIGITS and abs(ours - printed) <= DOUBLE_TOLERANCE * abs(printed)


def _resolved(trace: Trace, expected: ExpectedNumber) -> ExpectedNumber:
    """With the number of the last update, where that is meant; a training may have stopped before what was asked for."""
    after = trace.steps if expected.after is None else expected.after
    last = trace.epochs[-1].number if trace.epochs else 0
    if after > trace.steps or expected.epoch > last:
        done = f"the training stopped after {trace.steps} updates, in epoch {last}"
        label = Label(expected.span, done)
        raise SpecError([Diagnostic("there is no value after that", (label,))], trace.graph.model.source)
    return replace(expected, after=after)


def number_of(trace: Trace, expected: ExpectedNumber) -> Num:
    """Our number for a published one."""
    model = trace.graph.model
    after = expected.after or 0
    if expected.state:
        return _state(trace, expected, after)
    if expected.epoch:
        return _of_epoch(trace, expected)
    alone = len(model.samples) == 1
    if expected.wrt is None and alone:
        return trace.values_after(after)[expected.of]
    if model.loss is not None and expected.of == model.loss.key and not expected.sample and not alone:
        return _of_all(trace, expected, after)
    values = _values(trace, after, expected.sample or 1)
    if expected.wrt is None:
        return values[expected.of]
    sample = next((s for s in _round(trace, after).samples if s.number == (expected.sample or 1)), None)
    if expected.via:
        return _through(trace, expected, values)
    if sample is not None and expected.of in sample.gradients:
        return sample.gradients[expected.of].get(expected.wrt, Num(Decimal(0)))
    return _derivative(trace, expected, expected.of, expected.wrt, values)


def _state(trace: Trace, expected: ExpectedNumber, after: int) -> Num:
    """What an optimizer assigned in the update before, or what a learning rule takes for the gradient after it."""
    training = trace.graph.model.training
    if expected.state in COUNTS and training is not None:
        epochs = trace.steps // training.steps_per_epoch
        return Num(Decimal(trace.steps if expected.state == COUNTS[0] else epochs))
    if expected.state != "direction":
        return _round(trace, after - 1).updates[expected.of].state[expected.state]
    round_ = _round(trace, after)
    if expected.of in round_.updates and not expected.sample:
        return round_.updates[expected.of].direction
    sample = next((s for s in round_.samples if s.number == expected.sample), round_.samples[0])
    loss = trace.graph.model.loss
    taken = sample.directions or (sample.gradients[loss.key] if loss else {})
    return taken.get(expected.of, Num(Decimal(0)))


def _of_epoch(trace: Trace, expected: ExpectedNumber) -> Num:
    """The mean or sum over an epoch's samples, as they passed or with the parameters after it."""
    model, training = trace.graph.model, trace.graph.model.training
    assert training is not None and model.loss is not None, "there are epochs"
    if expected.of == model.loss.key:
        return next(epoch.loss for epoch in trace.epochs if epoch.number == expected.epoch)
    own = [r for r in trace.rounds if r.epoch == expected.epoch]
    if training.error == "after":
        numbers = range(1, len(model.samples) + 1)
        values = [_values(trace, own[-1].number, n)[expected.of] for n in numbers]
    else:
        values = [sample.values[expected.of] for r in own for sample in r.samples]
    return over(values, training.over_batch, _as_carried(trace))


def _through(trace: Trace, expected: ExpectedNumber, values: Mapping[str, Num]) -> Num:
    """∂of/∂via · ∂via/∂wrt."""
    assert expected.wrt is not None, "only a derivative comes through something"
    arithmetic = Decimal50()
    upstream = _derivative(trace, expected, expected.of, expected.via, values)
    env = {key: scalar(value) for key, value in values.items()}
    local = evaluate(trace.graph.local(expected.via, expected.wrt), env, arithmetic).item
    return arithmetic.multiply(upstream, local)


def _derivative(trace: Trace, expected: ExpectedNumber, of: str, wrt: str, values: Mapping[str, Num]) -> Num:
    try:
        return total_derivative(trace.graph, of, wrt, values, Decimal50())
    except NumberMistake as mistake:
        label = Label(expected.span, f"`{expected.words}` has no value")
        raise SpecError([Diagnostic(mistake.message, (label,), mistake.hint)], trace.graph.model.source) from None


def _of_all(trace: Trace, expected: ExpectedNumber, after: int) -> Num:
    """The loss over all samples, or its gradient in the step that follows."""
    if expected.wrt is not None:
        return _round(trace, after).gradients.get(expected.wrt, Num(Decimal(0)))
    if after == trace.steps:
        loss = trace.loss if trace.finals else trace.rounds[0].loss
        assert loss is not None, "there is a loss"
        return loss
    found = final(trace.graph, dict(_round(trace, after).parameters), _as_carried(trace))[1]
    assert found is not None, "there is a loss"
    return found


def _values(trace: Trace, after: int, sample: int) -> Mapping[str, Num]:
    """The values of a sample after so many updates, whether or not it was its turn."""
    if after == trace.steps and trace.finals:
        return trace.finals[sample - 1].values
    round_ = _round(trace, after)
    found = next((s.values for s in round_.samples if s.number == sample), None)
    return found or settled_values(trace.graph, dict(round_.parameters), sample, _as_carried(trace))


def _round(trace: Trace, after: int) -> Round:
    found = trace.round(after + 1)
    assert found is not None, "the rounds of published numbers are kept"
    return found


def _as_carried(trace: Trace) -> Decimal50:
    model = trace.graph.model
    return arithmetic(model.carry, model.display)
