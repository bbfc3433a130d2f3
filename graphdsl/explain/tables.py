"""Trace -> the worked update and the tables: updates of a round, all rounds, values and gradients, published numbers; no digits."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from decimal import Decimal

from graphdsl.document import Block, Derivation, Inlines, Line, Math, Paragraph, Section, Table, Text
from graphdsl.explain.lines import after_symbol, chain
from graphdsl.explain.order import asked
from graphdsl.explain.symmetry import Colours
from graphdsl.explain.worked import PRODUCT, Pass, numeral, worked
from graphdsl.expr import Expr, Number, Partial, Symbol, substitute
from graphdsl.model import Training
from graphdsl.numbers import Num
from graphdsl.optimizers import GRADIENT, STEP, THETA, updated
from graphdsl.phrases import Phrases
from graphdsl.trace import Round, Trace, Update, Verdict

MOST_COLUMNS = 5
"""Up to so many updates, the table of rounds has a column for each; longer trainings have a row for each."""


def update(round_: Round, at: Pass, training: Training, phrases: Phrases, colours: Colours) -> tuple[Block, ...]:
    """One parameter's update in full, all of them in a table."""
    loss = at.graph.model.loss
    assert loss is not None, "a training has a loss"
    key = next((k for k, u in round_.updates.items() if u.gradient.value), next(iter(round_.updates), None))
    if key is None:
        return ()
    line = update_line(key, round_, at, training, symbols=round_.number == 1)
    return Derivation((line,)), _update_table(round_, loss, at, training, phrases, colours)


def update_line(key: str, round_: Round, at: Pass, training: Training, symbols: bool) -> Line:
    """w⁺ = w − η · ∂E/∂w = 1 − 0.01 · 5.25 = 1 − 0.0525 = 0.9475."""
    found = round_.updates[key]
    loss = at.graph.model.loss
    assert loss is not None, "a training has a loss"
    names = at.graph.symbols
    rule = updated(training.ascent)
    places: dict[str, Expr] = {THETA.key: names[key], GRADIENT.key: Partial(names[loss.key], names[key])}
    formula = substitute(substitute(rule, {STEP.key: training.optimizer.step}), places)
    done = worked(formula, at, training.settings)
    step = numeral(found.step, PRODUCT)
    taken = substitute(rule, {THETA.key: at.value(key), STEP.key: step})
    after = numeral(found.after, key)
    members: list[Expr] = [after_symbol(names[key]), formula] if symbols else [after_symbol(names[key])]
    return Line(chain([*members, done.expr, taken, after]), (), f"{key}.after@{round_.number}")


def _update_table(
    round_: Round, loss: Symbol, at: Pass, training: Training, phrases: Phrases, colours: Colours
) -> Table:
    names = at.graph.symbols
    theta = Symbol(THETA.key, ink=THETA.ink)
    gradient = Partial(loss, theta)
    step = substitute(training.optimizer.step, {GRADIENT.key: gradient})
    head: tuple[Inlines, ...] = (
        phrases.say("parameter"),
        phrases.say("before"),
        (Math(gradient),),
        (Math(step),),
        phrases.say("after"),
    )
    rows = tuple(
        (_names(same, names), *_update_cells(same[0], round_.updates[same[0]], at, loss.key))
        for same in symmetric(list(round_.updates), colours)
    )
    return Table(head, rows, (False, True, True, True, True))


def symmetric(keys: list[str], colours: Colours) -> list[list[str]]:
    """The keys in rows: those that symmetry makes equal share one."""
    rows: dict[object, list[str]] = {}
    for key in keys:
        rows.setdefault(colours.get(key, key), []).append(key)
    return list(rows.values())


def _names(keys: list[str], names: Mapping[str, Symbol]) -> Inlines:
    """w₁, w₂"""
    found: list[Text | Math] = []
    for i, key in enumerate(keys):
        found += [Text(", ")] if i else []
        found.append(Math(names[key]))
    return tuple(found)


def _update_cells(key: str, found: Update, at: Pass, loss: str) -> tuple[Inlines, ...]:
    cells: tuple[Expr, ...] = (
        at.value(key),
        at.gradient(loss, key),
        numeral(found.step, PRODUCT),
        numeral(found.after, key),
    )
    return tuple((Math(cell),) for cell in cells)


def rounds(trace: Trace, phrases: Phrases, colours: Colours, few: bool = False) -> tuple[Block, ...]:
    """The error's way and every parameter, update by update; `few`: the error alone."""
    loss = trace.graph.model.loss
    assert loss is not None and trace.final is not None
    steps = len(trace.rounds)
    states = [trace.values_after(k) for k in range(steps + 1)]
    keys = [loss.key] if few else [loss.key, *trace.rounds[-1].updates]
    table = (
        _by_columns(trace, states, keys, phrases, colours)
        if steps <= MOST_COLUMNS
        else _by_rows(trace, states, keys, phrases)
    )
    return Paragraph(_errors(trace, states, loss, phrases)), table


def _errors(trace: Trace, states: list[Mapping[str, Num]], loss: Symbol, phrases: Phrases) -> Inlines:
    values = [state[loss.key] for state in states]
    shown = values if len(values) <= 6 else [*values[:3], values[-1]]
    falls = all(b.value < a.value for a, b in itertools.pairwise(values))
    numbers: list[Inlines] = [(Math(numeral(v, loss.key)),) for v in shown]
    words: list[Text | Math] = []
    for i, item in enumerate(numbers):
        words += [Text(" → … → " if i == len(numbers) - 1 and len(shown) < len(values) else " → ")] if i else []
        words += [part for part in item if isinstance(part, Text | Math)]
    ascent = trace.graph.model.training is not None and trace.graph.model.training.ascent
    stays = all(value.value == values[0].value for value in values)
    key = "objective_rises" if ascent else "error_falls" if falls else "error_stays" if stays else "error_rises"
    return phrases.say(key, chain=tuple(words))


def _by_columns(
    trace: Trace, states: list[Mapping[str, Num]], keys: list[str], phrases: Phrases, colours: Colours
) -> Table:
    names = trace.graph.symbols
    loss = keys[0]
    head = [phrases.say("quantity"), phrases.say("start")]
    head += [phrases.say("after_update", number=k) for k in range(1, len(states))]
    rows = tuple(
        (
            _names(same, names),
            *(_cell(state[same[0]], same[0], not k and same[0] != loss) for k, state in enumerate(states)),
        )
        for same in symmetric(keys, colours)
    )
    return Table(tuple(head), rows, (False, *(True for _ in states)))


def _by_rows(trace: Trace, states: list[Mapping[str, Num]], keys: list[str], phrases: Phrases) -> Table:
    names = trace.graph.symbols
    chosen = keys[:6]
    head = (phrases.say("updates_word"), *((Math(names[key]),) for key in chosen))
    rows = tuple(
        (
            (Math(numeral(Num(Decimal(k)), PRODUCT)),),
            *(_cell(state[key], key, not k and key != keys[0]) for key in chosen),
        )
        for k, state in enumerate(states)
    )
    return Table(head, rows, (True, *(True for _ in chosen)))


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


def published(verdicts: tuple[Verdict, ...], names: Mapping[str, Symbol], phrases: Phrases) -> tuple[Block, ...]:
    """The author's numbers beside ours."""
    if not verdicts:
        return ()
    differing = [verdict for verdict in verdicts if not verdict.agrees]
    agreeing = len(verdicts) - len(differing)
    key = "expected_all" if not differing else "expected_none" if not agreeing else "expected_some"
    words = Paragraph(phrases.say(key, count=len(verdicts), agreeing=agreeing))
    blocks: tuple[Block, ...] = (words,)
    if differing:
        head = tuple(phrases.say(f"expected_{key}") for key in ("quantity", "published", "ours"))
        rows = tuple(_verdict_row(verdict, names, phrases) for verdict in differing)
        blocks += (Table(head, rows, (False, True, True)),)
    return (Section(phrases.say("expected_title"), blocks, "published"),)


def _reference(verdict: Verdict, names: Mapping[str, Symbol], phrases: Phrases) -> Inlines:
    """E after 2 updates; ∂E/∂w."""
    expected = verdict.expected
    of = names[expected.of]
    what = Math(of if expected.wrt is None else Partial(of, names[expected.wrt]))
    if not expected.after:
        return (what,)
    key = "after_updates_one" if expected.after == 1 else "after_updates_many"
    return (what, *phrases.say(key, count=expected.after))


def _verdict_row(verdict: Verdict, names: Mapping[str, Symbol], phrases: Phrases) -> tuple[Inlines, ...]:
    return (
        _reference(verdict, names, phrases),
        (Math(Number(verdict.expected.value)),),
        (Math(Number(verdict.rounded)),),
    )
