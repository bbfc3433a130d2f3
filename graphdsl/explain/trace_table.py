"""Trace -> a table with the columns that were asked for, a row for each update, sample and time step; or a row for each node; no digits."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from graphdsl.document import Block, Inlines, Math, Paragraph, Table, Text
from graphdsl.explain.lines import after_symbol
from graphdsl.explain.worked import PRODUCT, Pass, numeral
from graphdsl.expr import Expr, Partial, Product, Symbol
from graphdsl.model import Model
from graphdsl.names import Ink, ink_of
from graphdsl.numbers import Num
from graphdsl.phrases import Phrases
from graphdsl.report import Column, Report
from graphdsl.trace import Round, Sample, Trace

MOST_ROWS = 40
"""A table of more rows leaves some out, evenly."""

Cells = tuple[Inlines, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    """A sample of a round, or the whole batch, at a time step; the last values come in no round."""

    round: Round | None
    sample: Sample | None
    place: int | None


def trace_table(trace: Trace, report: Report, phrases: Phrases) -> tuple[Block, ...]:
    """The table, and how many rows it leaves out."""
    rows = list(_rows(trace, report.columns))
    shown = _evenly(rows)
    leads = _leads(trace, report, phrases)
    head = (*(name for name, _ in leads), *((Math(_name(c, trace, report.time)),) for c in report.columns))
    cells = tuple(
        (*(_lead(lead, row, phrases) for _, lead in leads), *(_cell(c, row, trace) for c in report.columns))
        for row in shown
    )
    numeric = (*(True for _ in leads), *(True for _ in report.columns))
    left = len(rows) - len(shown)
    table = Table(head, cells, numeric, phrases.say("trace_table"))
    words = _left_out(trace, left, len(rows), phrases)
    return (table, Paragraph(words)) if words else (table,)


def _left_out(trace: Trace, left: int, count: int, phrases: Phrases) -> Inlines:
    """What the table does not hold."""
    if trace.floats:
        return phrases.say("trace_table_floats")
    return phrases.say("trace_table_left", left=left, count=count) if left else ()


def _rows(trace: Trace, columns: Sequence[Column]) -> Iterator[_Row]:
    """Every row, in the order in which things happen."""
    steps = sorted({place for column in columns for place in column.over})
    places: list[int | None] = [*steps] or [None]
    for round_ in trace.rounds:
        for sample in round_.samples:
            yield from (_Row(round_, sample, place) for place in places)
        if len(round_.samples) > 1:
            yield _Row(round_, None, None)
    if trace.finals and not any(column.shows in ("after", "change", "gradient") for column in columns):
        for sample in trace.finals:
            yield from (_Row(None, sample, place) for place in places)


def _evenly(rows: list[_Row]) -> list[_Row]:
    """The first few, the last, and between them every so many."""
    if len(rows) <= MOST_ROWS:
        return rows
    stride = -(-len(rows) // MOST_ROWS)
    return [row for i, row in enumerate(rows) if i < 2 or i % stride == 0 or i == len(rows) - 1]


# The columns that say which row it is.


def _leads(trace: Trace, report: Report, phrases: Phrases) -> list[tuple[Inlines, str]]:
    """Round or epoch, sample, time step: those that tell rows apart."""
    training = trace.graph.model.training
    several = len(trace.graph.model.samples) > 1
    by_epoch = training is not None and training.batch == 1 < training.samples
    found: list[tuple[Inlines, str]] = []
    if training is not None and (trace.count > 1 or not (several or report.time)):
        found.append((phrases.say("epoch" if by_epoch else "round"), "epoch" if by_epoch else "round"))
    if several:
        found.append((phrases.say("sample"), "sample"))
    if report.time:
        found.append(((Math(Symbol("%time", ink=Ink(report.time))),), "place"))
    return found


def _lead(lead: str, row: _Row, phrases: Phrases) -> Inlines:
    if lead == "sample":
        return _count(row.sample.number) if row.sample is not None else phrases.say("all")
    if lead == "place":
        return () if row.place is None else _count(row.place)
    if row.round is None:
        return phrases.say("after_last_round")
    return _count(row.round.epoch if lead == "epoch" else row.round.number)


def _count(number: int) -> Inlines:
    return (Math(numeral(Num(Decimal(number)), PRODUCT)),)


# What is asked for.


def _name(column: Column, trace: Trace, time: str) -> Expr:
    """h, ∂E/∂w, w⁺, w⁺ − w; of a family with the name of the time step as its index."""
    symbols = trace.graph.symbols
    own = _of_family(column, time) if column.over else symbols[column.key]
    match column.shows:
        case "value":
            return own
        case "gradient":
            return Partial(symbols[column.of], own)
        case "after":
            return after_symbol(own)
        case "change":
            return Product((Symbol("%change", ink=Ink("Δ")), own))


def _of_family(column: Column, time: str) -> Symbol:
    """hₛ, or hₛ,₂ where its members are arrays."""
    ink = ink_of(column.key)
    sub = ",".join(filter(None, (ink.sub, time, *map(str, column.entry))))
    return Symbol(f"{column.key}[{sub}]", ink=replace(ink, sub=sub))


def _cell(column: Column, row: _Row, trace: Trace) -> Inlines:
    """A number, or nothing where the row has none."""
    key = column.over.get(row.place, "") if column.over and row.place is not None else column.key
    if not key or (column.over and row.place is None):
        return ()
    found = _found(column.shows, column.of, key, row, trace.graph.model)
    if found is None:
        return ()
    quantity = f"d{column.of}/d{key}" if column.shows == "gradient" else key
    return (Math(numeral(found, quantity, _is_given(column, key, row, trace))),)


def _is_given(column: Column, key: str, row: _Row, trace: Trace) -> bool:
    """Whether a number is shown as it was given: data, and parameters before the first update."""
    if column.shows != "value" or key in trace.graph.computed:
        return False
    trained = trace.rounds[-1].updates
    return key not in trained or (row.round is not None and row.round.number == 1)


def _found(shows: str, of: str, key: str, row: _Row, model: Model) -> Num | None:
    if shows == "value":
        return _value(key, row, model)
    if row.round is None:
        return None
    if shows == "gradient":
        if row.sample is not None:
            return row.sample.gradients.get(of, {}).get(key)
        return row.round.gradients.get(key) if model.loss is not None and of == model.loss.key else None
    update = row.round.updates.get(key)
    if update is None or (row.sample is not None and len(row.round.samples) > 1):
        return None
    if shows == "after":
        return update.after
    return Num(update.after.value - update.before.value, update.after.exact and update.before.exact)


def _value(key: str, row: _Row, model: Model) -> Num | None:
    """Of a batch as a whole its loss, and what all samples share."""
    if row.sample is not None:
        return row.sample.values.get(key)
    assert row.round is not None, "a batch is of a round"
    if model.loss is not None and key == model.loss.key:
        return row.round.loss
    update = row.round.updates.get(key)
    return None if update is None else update.before


# Nodes.


def node_table(at: Pass, phrases: Phrases) -> Table:
    """Name, formula, value and derivatives of each node, in the order in which they are computed."""
    graph = at.graph
    objectives = graph.model.objectives
    derivatives = (phrases.say("gradient_of", name=Math(o)) for o in objectives)
    head = (phrases.say("quantity"), phrases.say("formula"), phrases.say("value"), *derivatives)
    targets = {q.symbol.key for q in graph.model.quantities if q.kind == "target"}
    rows = tuple(
        (
            (Math(graph.symbols[key]),),
            (Math(graph.formula(key)),) if key in graph.computed else (),
            (Math(at.value(key)),),
            *(() if key in targets else (Math(at.gradient(o.key, key)),) for o in objectives),
        )
        for key in graph.symbols
        if key in at.sample.values
    )
    return Table(head, rows, (False, False, True, *(True for _ in objectives)))


# Growth.


def arrow(values: Sequence[Num]) -> Inlines:
    """↑ for what only grew, ↓ for what only shrank, both for what did either."""
    ups = any(b.value > a.value for a, b in itertools.pairwise(values))
    downs = any(b.value < a.value for a, b in itertools.pairwise(values))
    return (Text(_ARROWS[ups, downs]),)


_ARROWS: Mapping[tuple[bool, bool], str] = {
    (True, False): "↑",
    (False, True): "↓",
    (True, True): "↑↓",
    (False, False): "=",
}
