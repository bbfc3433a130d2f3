"""Trace -> the error's way as a curve, where the training is long enough for one; no digits."""

from __future__ import annotations

import itertools
from decimal import Decimal

from graphdsl.document import Block, Figure
from graphdsl.explain.samples import batch_symbol, numbers_of
from graphdsl.explain.worked import PRODUCT, numeral
from graphdsl.expr import Number
from graphdsl.numbers import Num
from graphdsl.phrases import Phrases
from graphdsl.plot import Axis, Name, Plot
from graphdsl.trace import Trace

LEAST = 6
"""Of fewer updates or epochs, the table says enough."""

MOST = 300
"""So many points are drawn; of more, evenly chosen ones."""

DECADES = 100
"""An error that shrinks by more than this is drawn on a logarithmic scale."""

Way = list[tuple[int, Num]]


def curve(trace: Trace, phrases: Phrases) -> tuple[Block, ...]:
    """The figure, or nothing."""
    training, loss = trace.graph.model.training, trace.graph.model.loss
    if training is None or loss is None or trace.loss is None:
        return ()
    whole = training.batch == training.samples
    way = _by_update(trace) if whole else [(epoch.number, epoch.loss) for epoch in trace.epochs]
    if len(way) < LEAST + whole:
        return ()
    values = [value.value for _, value in way]
    logarithmic = min(values) > 0 and max(values) > DECADES * min(values)
    kept = _evenly(way)
    points = tuple((_count(x), numeral(y, loss.key)) for x, y in kept)
    symbol: Name = batch_symbol(trace.graph, numbers_of(trace.rounds[0])) if whole else phrases.words("curve_error")
    across = phrases.words("curve_updates" if whole else "curve_epochs")
    told = (0, len(points) - 1)
    plot = Plot(points, Axis(across), Axis(symbol, logarithmic=logarithmic), told)
    epochs = "" if whole else "_epochs"
    caption = phrases.say(f"curve_caption{epochs}{'_log' if logarithmic else ''}")
    alt = phrases.words(f"curve_alt{epochs}_{_moves(values)}", count=trace.steps if whole else way[-1][0])
    return (Figure(plot, caption, alt),)


def _by_update(trace: Trace) -> Way:
    """The loss after so many updates: of the rounds that were kept, of a long training also of the epochs between."""
    training = trace.graph.model.training
    assert training is not None and trace.loss is not None
    found = {} if trace.graph.model.penalty is not None else _of_epochs(trace)
    found |= {round_.number - 1: round_.loss for round_ in trace.rounds if round_.loss is not None}
    return sorted((found | {trace.steps: trace.loss}).items())


def _of_epochs(trace: Trace) -> dict[int, Num]:
    """An epoch is an update here; its loss is that before it, or that after it."""
    training = trace.graph.model.training
    before = training is not None and training.error == "before"
    return {epoch.step - before: epoch.loss for epoch in trace.epochs}


def _evenly(way: Way) -> Way:
    """The first and the last, and evenly chosen ones between."""
    stride = -(-len(way) // MOST)
    return [point for i, point in enumerate(way) if i % stride == 0 or i == len(way) - 1]


def _count(number: int) -> Number:
    return numeral(Num(Decimal(number)), PRODUCT)


def _moves(values: list[Decimal]) -> str:
    pairs = list(itertools.pairwise(values))
    if all(b <= a for a, b in pairs):
        return "falls"
    return "rises" if all(b >= a for a, b in pairs) else "both"
