"""Trace + tasks -> every number that is asked for, with the interval that honest rounding on the way allows; knows no words and no page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from graphdsl.diagnostics import SpecError
from graphdsl.graph import Graph, build, entry_symbols
from graphdsl.model import ExpectedNumber, Model, Task, Wanted
from graphdsl.numbers import EXACT, Display, Num, arithmetic, trimmed
from graphdsl.report import InFull
from graphdsl.routes import number_of
from graphdsl.run import run
from graphdsl.trace import Trace

BY_HAND = (2, 3, 4)
"""With so many decimals people round what they carry on."""

MOST_ANSWERS = 240
"""So many numbers of one task are listed."""

DEFAULT = ("forward", "gradients", "updates")


@dataclass(frozen=True, slots=True)
class Asked:
    """One number that is asked for: an entry's value or ∂of/∂wrt, after so many updates; of a sample, where there are several."""

    of: str
    wrt: str | None
    after: int
    sample: int = 0
    state: str = ""

    @property
    def quantity(self) -> str:
        """What `numbers` calls it."""
        return self.of if self.wrt is None else f"d{self.of}/d{self.wrt}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A number that was asked for, and the least and greatest that honest rounding makes of it, rounded outward."""

    asked: Asked
    value: Num
    low: Decimal
    high: Decimal


def tasks_of(model: Model) -> tuple[Task, ...]:
    """What `find` asks; without it the forward pass, the gradients and the updates, as far as there are any."""
    if model.tasks:
        return model.tasks
    there = {"forward": True, "gradients": bool(model.objectives), "updates": model.training is not None}
    return tuple(Task((Wanted(whole, None, 0, whole),), "", None) for whole in DEFAULT if there[whole])


def asked_in(trace: Trace, task: Task) -> tuple[Asked, ...]:
    """The numbers of a task, in its order."""
    found = (asked for wanted in task.wanted for asked in _spread(trace, wanted))
    return tuple(dict.fromkeys(found))


def answers(trace: Trace, tasks: Iterable[Task]) -> tuple[tuple[Answer, ...], ...]:
    """The numbers of each task with their intervals: the hull of this run, of one in full and of those by hand."""
    runs = (trace, *_honest(trace.graph.model))
    return tuple(tuple(_answer(asked, runs) for asked in asked_in(trace, task)[:MOST_ANSWERS]) for task in tasks)


def _answer(asked: Asked, runs: Sequence[Trace]) -> Answer:
    first, *others = runs
    own = value_of(first, asked)
    values = [own.value, *(found.value for trace in others if (found := _of_another(trace, asked)) is not None)]
    places = first.graph.model.display.places(own.value, asked.quantity)
    unit = Decimal(1).scaleb(-places)
    low = min(values).quantize(unit, rounding=ROUND_FLOOR, context=EXACT)
    high = max(values).quantize(unit, rounding=ROUND_CEILING, context=EXACT)
    low, high = (trimmed(low), trimmed(high)) if low == high else (low, high)
    return Answer(asked, own, low if low else low.copy_abs(), high if high else high.copy_abs())


def value_of(trace: Trace, asked: Asked) -> Num:
    """The number itself, as this run has it."""
    span = trace.graph.model.nodes[0].span
    expected = ExpectedNumber(
        asked.of, asked.wrt, asked.after, Decimal(0), asked.quantity, span, sample=asked.sample, state=asked.state
    )
    return number_of(trace, expected)


def _of_another(trace: Trace, asked: Asked) -> Num | None:
    """The number of another run; nothing where its training stopped before, or the number has no value there."""
    if asked.after > trace.steps:
        return None
    try:
        return value_of(trace, asked)
    except SpecError:
        return None


def _honest(model: Model) -> Iterator[Trace]:
    """The runs besides the model's own: with nothing rounded, and with everything rounded as it is found.

    There is none where a rounded number has no successor.
    """
    if model.carry != "full":
        yield from _run(replace(model, carry="full"))
    for decimals in BY_HAND:
        display = Display(decimals, model.display.by_name, model.display.rounding)
        yield from _run(replace(model, carry="displayed", display=display))


def _run(model: Model) -> Iterator[Trace]:
    try:
        yield run(build(model), arithmetic(model.carry, model.display))
    except SpecError:  # as ln(0.00) where 0.004 was rounded, or a training too long to be done by hand
        return


# What a name or a whole stands for.


def _spread(trace: Trace, wanted: Wanted) -> Iterator[Asked]:
    graph, after = trace.graph, trace.steps if wanted.after is None else wanted.after
    names = _tensors(graph)
    state, dot, parameter = wanted.what.partition(".")
    if wanted.what in names:
        if _is_kept(trace, after):
            keys = _keys(graph, names[wanted.wrt or wanted.what])
            yield from (Asked(wanted.what, key, after) if wanted.wrt else Asked(key, None, after) for key in keys)
    elif wanted.what in DEFAULT:
        yield from _WHOLES[wanted.what](trace)
    elif dot and after and parameter in names and trace.round(after):
        for key in _keys(graph, names[parameter]):
            if state in trace.rounds[0].updates[key].state:
                yield Asked(key, None, after, state=state)


def _keys(graph: Graph, key: str) -> list[str]:
    symbol = next((n.symbol for n in graph.model.nodes if n.symbol.key == key), None)
    symbol = symbol or next((q.symbol for q in graph.model.quantities if q.symbol.key == key), None)
    return [entry.key for entry in entry_symbols(symbol)] if symbol is not None and symbol.shape else [key]


def _tensors(graph: Graph) -> dict[str, str]:
    own = [*(q.symbol.key for q in graph.model.quantities), *(node.symbol.key for node in graph.model.nodes)]
    return {key: key for key in (*graph.symbols, *own)}


def _is_kept(trace: Trace, after: int) -> bool:
    return trace.round(after + 1) is not None or (after == trace.steps and bool(trace.finals))


def rounds_meant(trace: Trace) -> tuple[int, ...]:
    """The numbers of the rounds that are meant where all is asked for."""
    return InFull().rounds(trace.count)


def _forward(trace: Trace) -> Iterator[Asked]:
    model = trace.graph.model
    given = model.overrides
    nodes = [node for node in model.nodes if node.role != "stand-in"]
    keys = [entry.key for node in nodes for entry in entry_symbols(node.symbol) if entry.key not in given]
    loss = model.loss.key if model.loss is not None else ""
    several = len(model.samples) > 1
    for number in rounds_meant(trace):
        round_ = trace.round(number)
        if round_ is None:
            continue
        for sample in round_.samples:
            yield from (Asked(key, None, number - 1, sample.number if several else 0) for key in keys)
        if several and loss:
            yield Asked(loss, None, number - 1)


def _gradients(trace: Trace) -> Iterator[Asked]:
    model = trace.graph.model
    trained = [entry.key for q in model.quantities if q.trained for entry in entry_symbols(q.symbol)]
    for number in rounds_meant(trace):
        round_ = trace.round(number)
        for objective in model.objectives if round_ is not None else ():
            reached = round_.samples[0].gradients.get(objective.key, {}) if round_ is not None else {}
            own = [e.key for symbol in model.wrt for e in entry_symbols(symbol)]
            data = [e.key for q in model.quantities for e in entry_symbols(q.symbol) if e.key in reached]
            wanted = trained if objective == model.loss and model.training else own or data
            yield from (Asked(objective.key, key, number - 1) for key in wanted)


def _updates(trace: Trace) -> Iterator[Asked]:
    trained = [e.key for q in trace.graph.model.quantities if q.trained for e in entry_symbols(q.symbol)]
    for number in rounds_meant(trace):
        if _is_kept(trace, number):
            yield from (Asked(key, None, number) for key in trained)


_WHOLES = {"forward": _forward, "gradients": _gradients, "updates": _updates}
