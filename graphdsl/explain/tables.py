"""Trace -> the tables: all rounds, values and gradients, published numbers; no digits."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from graphdsl.document import Block, Inlines, Math, Paragraph, Section, Table, Text
from graphdsl.explain.curve import curve
from graphdsl.explain.order import asked
from graphdsl.explain.samples import batch_symbol, numbers_of
from graphdsl.explain.symmetry import Colours
from graphdsl.explain.trace_table import arrow
from graphdsl.explain.updating import names_of, symmetric
from graphdsl.explain.worked import PRODUCT, Pass, numeral
from graphdsl.expr import Number, Partial, Symbol
from graphdsl.numbers import Num
from graphdsl.optimizers import old
from graphdsl.phrases import Phrases
from graphdsl.trace import Trace, Verdict

MOST_COLUMNS = 5
"""Up to so many updates, the table of rounds has a column for each; longer trainings have a row for each."""

MOST_ROWS = 40
"""A table of more updates leaves some out."""


@dataclass(frozen=True, slots=True)
class _Row:
    """After so many updates: the loss of these samples, and every parameter."""

    updates: int
    values: Mapping[str, Num]
    samples: tuple[int, ...] = ()


def rounds(
    trace: Trace, phrases: Phrases, colours: Colours, few: bool = False, bare: bool = False
) -> tuple[Block, ...]:
    """The error's way and every parameter, update by update; `few`: the error alone; `bare`: without a table."""
    loss = trace.graph.model.loss
    assert loss is not None and trace.final is not None
    states = _states(trace, loss.key)
    objective = [loss.key] if loss.key in states[0].values else []
    keys = objective if few else [*objective, *trace.rounds[-1].updates]
    training = trace.graph.model.training
    whole = training is not None and training.batch == training.samples
    short = trace.steps <= MOST_COLUMNS and len(states) == trace.steps + 1 and whole
    table = _by_columns(trace, states, keys, phrases, colours) if short else _by_rows(trace, states, keys, phrases)
    if not objective:
        return (table,)
    told = Paragraph(_errors(trace, _losses(trace, states, loss.key), loss, phrases))
    shown = (*_stop(trace, phrases), *curve(trace, phrases))
    return (told, *shown, *(() if bare else (table, *_checkpoints(trace, keys, phrases))))


def rounds_between(trace: Trace, first: int, last: int, phrases: Phrases) -> tuple[Block, ...]:
    """That some rounds are not written out."""
    if first > last:
        return ()
    floats = "_floats" if trace.floats else ""
    if first == last:
        return (Paragraph(phrases.say(f"round_between{floats}", number=first)),)
    return (Paragraph(phrases.say(f"rounds_between{floats}", first=first, last=last)),)


def _states(trace: Trace, loss: str) -> list[_Row]:
    """What is known after so many updates, of the rounds that were kept."""
    found: list[_Row] = []
    for round_ in trace.rounds:
        own = {key: update.before for key, update in round_.updates.items()}
        losses = {} if round_.loss is None else {loss: round_.loss}
        found.append(_Row(round_.number - 1, own | losses, tuple(numbers_of(round_))))
    last = {} if trace.loss is None else {loss: trace.loss}
    return [*found, _Row(trace.steps, {**trace.finals[0].values, **last})]


def _thinned(states: list[_Row]) -> list[_Row]:
    """The first few and then every so many, where there are a great many."""
    if len(states) <= MOST_ROWS:
        return states
    stride = -(-len(states) // MOST_ROWS)
    return [row for i, row in enumerate(states) if i < 3 or i % stride == 0 or i == len(states) - 1]


def _losses(trace: Trace, states: list[_Row], loss: str) -> list[Num]:
    """What the error did: batch by batch where a batch is all samples, else epoch by epoch."""
    training = trace.graph.model.training
    assert training is not None and trace.loss is not None
    if training.batch == training.samples and not trace.floats:
        return [state.values[loss] for state in states]
    values = [epoch.loss for epoch in trace.epochs]
    return values if training.error == "after" or trace.error is None else [*values, trace.error]


def _stop(trace: Trace, phrases: Phrases) -> tuple[Block, ...]:
    """Why the training ended."""
    training = trace.graph.model.training
    if training is None or training.stop_at is None:
        return ()
    limit = Math(numeral(training.stop_at, "", True))
    if training.stop_each == "update" and trace.stopped:
        return (Paragraph(phrases.say("stopped_each", limit=limit, updates=trace.steps)),)
    if not trace.epochs or trace.epochs[-1].loss.value > training.stop_at.value:
        return (Paragraph(phrases.say("not_stopped", limit=limit)),)
    epoch = trace.epochs[-1]
    return (Paragraph(phrases.say("stopped", limit=limit, epoch=epoch.number, updates=trace.steps)),)


def _errors(trace: Trace, values: list[Num], loss: Symbol, phrases: Phrases) -> Inlines:
    shown = values if len(values) <= 6 else [*values[:3], values[-1]]
    falls = all(b.value < a.value for a, b in itertools.pairwise(values))
    numbers: list[Inlines] = [(Math(numeral(v, loss.key)),) for v in shown]
    words: list[Text | Math] = []
    for i, item in enumerate(numbers):
        words += [Text(" → … → " if i == len(numbers) - 1 and len(shown) < len(values) else " → ")] if i else []
        words += [part for part in item if isinstance(part, Text | Math)]
    training = trace.graph.model.training
    stays = all(value.value == values[0].value for value in values)
    key = "error_falls" if falls else "error_stays" if stays else "error_rises"
    if training is not None and training.ascent:
        key = "objective_rises"
    elif training is not None and training.batch < training.samples:
        key += "_by_epoch"
    return phrases.say(key, chain=tuple(words))


def _by_columns(trace: Trace, states: list[_Row], keys: list[str], phrases: Phrases, colours: Colours) -> Table:
    loss = trace.graph.model.loss.key if trace.graph.model.loss else ""
    names = _named(trace, loss)
    head = [phrases.say("quantity"), phrases.say("start")]
    head += [phrases.say("after_update", number=k) for k in range(1, len(states))]
    head.append(phrases.say("trend"))
    rows = tuple(
        (
            names_of(same, names),
            *(_cell(row.values[same[0]], same[0], not k and same[0] != loss) for k, row in enumerate(states)),
            arrow([row.values[same[0]] for row in states]),
        )
        for same in symmetric(keys, colours)
    )
    return Table(tuple(head), rows, (False, *(True for _ in states), False))


def _named(trace: Trace, loss: str) -> dict[str, Symbol]:
    """The names of entries; the loss of a batch has its own."""
    return {**trace.graph.symbols, loss: batch_symbol(trace.graph, numbers_of(trace.rounds[0]))}


def _by_rows(trace: Trace, states: list[_Row], keys: list[str], phrases: Phrases) -> Table:
    """A row after each update; where a batch is not all of the data, it also says of which samples the loss is."""
    training = trace.graph.model.training
    loss = trace.graph.model.loss.key if trace.graph.model.loss else ""
    names, chosen = _named(trace, loss), keys[:6]
    parted = training is not None and training.batch < training.samples
    samples = (phrases.say("sample" if training is not None and training.batch == 1 else "samples"),) if parted else ()
    head = (phrases.say("updates_word"), *samples, *((Math(names[key]),) for key in chosen))
    rows = tuple(
        (
            (Math(numeral(Num(Decimal(row.updates)), PRODUCT)),),
            *((_of(row.samples, phrases),) if parted else ()),
            *(_cell(row.values[key], key, not row.updates and key != loss) for key in chosen),
        )
        for row in _thinned(states)
    )
    if (
        not trace.floats and not parted
    ):  # of what was not kept nothing is known; from batch to batch all goes to and fro
        rows += ((phrases.say("trend"), *(arrow([row.values[key] for row in states]) for key in chosen)),)
    return Table(head, rows, (True, *(False for _ in samples), *(True for _ in chosen)))


def _of(samples: tuple[int, ...], phrases: Phrases) -> Inlines:
    return (Text(", ".join(map(str, samples))),) if samples else phrases.say("all")


def _checkpoints(trace: Trace, keys: list[str], phrases: Phrases) -> tuple[Block, ...]:
    """The loss and the parameters after some epochs."""
    if not trace.checkpoints:
        return ()
    names, chosen = trace.graph.symbols, keys[1:6]
    head = (phrases.say("epoch"), phrases.say("error_of_epoch"), *((Math(names[key]),) for key in chosen))
    rows = tuple(
        (
            (Math(numeral(Num(Decimal(c.epoch.number)), PRODUCT)),),
            _cell(c.epoch.loss, keys[0], False),
            *(_cell(c.parameters[key], key, False) for key in chosen),
        )
        for c in trace.checkpoints
    )
    return (Table(head, rows, (True, *(True for _ in head[1:])), phrases.say("checkpoints")),)


def _cell(value: Num, key: str, given: bool) -> Inlines:
    return (Math(numeral(value, key, given)),)


def results(at: Pass, phrases: Phrases) -> Table:
    """Of a circuit: every value and every derivative; of a forward pass: every value."""
    graph = at.graph
    names = graph.symbols
    objectives = graph.model.objectives
    head: list[Inlines] = [phrases.say("quantity"), phrases.say("value")]
    keys = (
        [key for key in names if key in graph.computed or key in asked(graph.model)]
        if objectives
        else list(graph.computed)
    )
    keys = [key for key in keys if key in at.sample.values]
    for objective in objectives:
        head.append(phrases.say("gradient_of", name=Math(objective)))
    rows = tuple(
        ((Math(names[key]),), (Math(at.value(key)),), *((Math(at.gradient(o.key, key)),) for o in objectives))
        for key in keys
    )
    return Table(tuple(head), rows, (False, *(True for _ in head[1:])))


def published(verdicts: tuple[Verdict, ...], names: Mapping[str, Symbol], phrases: Phrases) -> tuple[Section, ...]:
    """The author's numbers beside ours; where all agree, a sentence without a heading."""
    if not verdicts:
        return ()
    differing = [verdict for verdict in verdicts if not verdict.agrees]
    agreeing = len(verdicts) - len(differing)
    all_agree = "expected_all" if agreeing > 1 else "expected_one"
    key = all_agree if not differing else "expected_some" if agreeing else "expected_none"
    words = Paragraph(phrases.say(key, count=len(verdicts), agreeing=agreeing))
    blocks: tuple[Block, ...] = (words,)
    if differing:
        head = tuple(phrases.say(f"expected_{key}") for key in ("quantity", "published", "ours"))
        rows = tuple(_verdict_row(verdict, names, phrases) for verdict in differing)
        blocks += (Table(head, rows, (False, True, True)),)
    return (Section(phrases.say("expected_title") if differing else (), blocks, "published"),)


def _reference(verdict: Verdict, names: Mapping[str, Symbol], phrases: Phrases) -> Inlines:
    """E after 2 updates; ∂E/∂w."""
    expected = verdict.expected
    if not expected.of:
        return phrases.say({"training.steps": "count_of_updates", "training.epochs": "count_of_epochs"}[expected.state])
    of = names[expected.of]
    if expected.state:
        after = phrases.say(
            "after_updates_one" if expected.after == 1 else "after_updates_many", count=expected.after or 0
        )
        return (*phrases.say("of_parameter_too", state=Math(old(expected.state)), name=Math(of)), *after)
    what = Math(of if expected.wrt is None else Partial(of, names[expected.wrt]))
    words: Inlines = (what,)
    if expected.sample:
        words += phrases.say("of_sample", number=expected.sample)
    if expected.epoch:
        words += phrases.say("of_epoch", number=expected.epoch)
    if expected.after:
        key = "after_updates_one" if expected.after == 1 else "after_updates_many"
        words += phrases.say(key, count=expected.after)
    return words


def _verdict_row(verdict: Verdict, names: Mapping[str, Symbol], phrases: Phrases) -> tuple[Inlines, ...]:
    return (
        _reference(verdict, names, phrases),
        (Math(Number(verdict.expected.value)),),
        (Math(Number(verdict.rounded)),),
    )
