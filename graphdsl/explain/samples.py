"""Several samples -> what they share a page by: tables with a row for each, the batch's loss and gradients worked out; no digits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from graphdsl.document import Block, Derivation, Inlines, Line, Math, Paragraph, Table
from graphdsl.explain.lines import chain
from graphdsl.explain.worked import Pass, numeral, worked
from graphdsl.expr import Expr, Number, Partial, Product, Quotient, Symbol, add, number
from graphdsl.graph import Graph, entry_symbols
from graphdsl.model import Model
from graphdsl.names import Ink
from graphdsl.numbers import Num
from graphdsl.phrases import Phrases
from graphdsl.run import is_of_one, over_batch, trained_keys
from graphdsl.trace import Round, Sample

MOST_WRITTEN = 8
"""Up to so many samples, the sum over them is written out."""

MOST_ROWS = 30
MOST_COLUMNS = 12
MOST_GRADIENTS = 30
"""So many gradients of a batch are worked out in lines."""


# Names.


def batch_symbol(graph: Graph, samples: Sequence[int]) -> Symbol:
    """The loss of a batch, by the numbers of its samples: E itself of one sample, else Ē for a mean, E with `total` for a sum, Ẽ with a penalty."""
    loss = graph.model.loss
    assert loss is not None, "a batch has a loss"
    own = graph.symbols[loss.key]
    if is_of_one(graph.model, samples):
        return own
    if graph.model.penalty is not None:
        ink = replace(own.ink, accent="tilde")
    elif over_batch(graph.model) == "mean":
        ink = replace(own.ink, accent="bar")
    else:
        ink = replace(own.ink, sub=f"{own.ink.sub},total" if own.ink.sub else "total")
    taken = {symbol.ink for symbol in graph.symbols.values()}
    key = ".".join(map(str, ("%batch", *samples)))
    return Symbol(key, ink=replace(ink, primes=1) if ink in taken else ink)


def numbers_of(round_: Round) -> list[int]:
    """The numbers of a round's samples."""
    return [sample.number for sample in round_.samples]


def sample_symbol(graph: Graph, number: int) -> Symbol:
    """E⁽²⁾: the loss of one sample."""
    loss = graph.model.loss
    assert loss is not None, "a sample has a loss"
    ink = graph.symbols[loss.key].ink
    return Symbol(f"%sample{number}", ink=Ink(ink.base, ink.sub, f"({number})", ink.accent, ink.primes))


# What is given.


def given_samples(graph: Graph, phrases: Phrases) -> tuple[Block, ...]:
    """The data: a row for each sample."""
    model = graph.model
    if not any(model.samples):
        return ()
    keys = [
        entry.key for q in model.quantities if q.symbol.key in model.samples[0] for entry in entry_symbols(q.symbol)
    ]
    head = (phrases.say("sample"), *((Math(graph.symbols[key]),) for key in keys[:MOST_COLUMNS]))
    rows = [_given_row(model, i, keys) for i in range(len(model.samples))]
    return _table(head, rows, phrases, phrases.say("data_of_samples"))


def _given_row(model: Model, place: int, keys: Sequence[str]) -> tuple[Inlines, ...]:
    values = {
        entry.key: value
        for q in model.quantities
        if q.symbol.key in model.samples[place]
        for entry, value in zip(entry_symbols(q.symbol), model.samples[place][q.symbol.key].flat, strict=True)
    }
    return (_counted(place + 1), *((Math(numeral(values[key], key, True)),) for key in keys[:MOST_COLUMNS]))


def _counted(number_: int) -> Inlines:
    return (Math(number(number_)),)


def _table(
    head: tuple[Inlines, ...], rows: Sequence[tuple[Inlines, ...]], phrases: Phrases, caption: Inlines = ()
) -> tuple[Block, ...]:
    """A table, and how many rows it leaves out."""
    table = Table(head, tuple(rows[:MOST_ROWS]), tuple(True for _ in head), caption)
    left = len(rows) - MOST_ROWS
    return (table, Paragraph(phrases.say("more_samples", count=left))) if left > 0 else (table,)


# A batch.


def all_samples(samples: Sequence[Sample], graph: Graph, phrases: Phrases) -> tuple[Block, ...]:
    """The data, the units and the error of each sample."""
    model = graph.model
    data = {
        entry.key for q in model.quantities if q.symbol.key in model.samples[0] for entry in entry_symbols(q.symbol)
    }
    loss = model.loss.key if model.loss else ""
    units = [
        k for k in graph.computed if not graph.is_argument(k) and k != loss and graph.computed[k][0].role != "penalty"
    ]
    keys = [key for key in graph.symbols if key in data] + units
    room = MOST_COLUMNS - bool(loss)
    keys = keys if len(keys) <= room else [*keys[: room - 1], keys[-1]]
    keys += [loss] if loss else []
    head = (phrases.say("sample"), *((Math(graph.symbols[key]),) for key in keys))
    rows = [(_counted(s.number), *((Math(numeral(s.values[key], key, key in data)),) for key in keys)) for s in samples]
    return _table(head, rows, phrases)


@dataclass(frozen=True)
class Batch:
    """Writes how a batch's loss and gradients come of those of its samples."""

    round: Round
    at: Pass
    phrases: Phrases

    @property
    def graph(self) -> Graph:
        return self.at.graph

    def gradients_of_samples(self) -> tuple[Block, ...]:
        """Each parameter's gradient in each sample."""
        loss = self._loss
        keys = trained_keys(self.graph.model)
        shown = self.round.samples[:MOST_WRITTEN]
        theta = Symbol("%theta", ink=Ink("θ"))
        partials = (Partial(sample_symbol(self.graph, s.number), theta) for s in shown)
        head = (self.phrases.say("parameter"), *((Math(partial),) for partial in partials))
        rows = tuple(
            ((Math(self.graph.symbols[key]),), *((Math(self._gradient(s, loss, key)),) for s in shown))
            for key in keys[: 2 * MOST_ROWS]
        )
        return (Table(head, rows, (False, *(True for _ in shown))),) if rows and shown else ()

    def lines(self) -> tuple[Block, ...]:
        """Ē = ¼(E⁽¹⁾ + …) and each gradient in the same way."""
        if len(self.round.samples) > MOST_WRITTEN:
            key = "batch_mean" if over_batch(self.graph.model) == "mean" else "batch_sum"
            name = Math(batch_symbol(self.graph, numbers_of(self.round)))
            return (Paragraph(self.phrases.say(key, count=len(self.round.samples), loss=name)), *self._numbers())
        keys = list(self.round.gradients)[:MOST_GRADIENTS]
        lines = (self._loss_line(), *(self._gradient_line(key, i == 0) for i, key in enumerate(keys)))
        return (Derivation(tuple(lines)),)

    def loss_alone(self) -> tuple[Block, ...]:
        """The batch's loss, worked out where its sum is short enough."""
        if len(self.round.samples) > MOST_WRITTEN:
            return tuple(self._numbers())
        return (Derivation((self._loss_line(),)),)

    def _numbers(self) -> Iterator[Block]:
        """The batch's loss, where the sum over its samples is not written out."""
        loss = self.round.loss
        assert loss is not None, "a batch has a loss"
        name = batch_symbol(self.graph, numbers_of(self.round))
        yield Derivation((Line(chain([name, numeral(loss, self._loss)]), (), f"{name.key}@{self.round.number}"),))

    @property
    def _loss(self) -> str:
        loss = self.graph.model.loss
        assert loss is not None, "a batch has a loss"
        return loss.key

    def _loss_line(self) -> Line:
        samples, penalty = self.round.samples, self.graph.model.penalty
        assert self.round.loss is not None, "a batch has a loss"
        terms = [self._own(sample_symbol(self.graph, s.number)) for s in samples]
        formula = self._over(terms, [] if penalty is None else [self.graph.symbols[penalty.key]])
        known = {sample_symbol(self.graph, s.number).key: numeral(s.values[self._loss], self._loss) for s in samples}
        name = batch_symbol(self.graph, numbers_of(self.round))
        done = worked(formula, self.at, known)
        said = chain([name, formula, done.expr, numeral(self.round.loss, self._loss)])
        return Line(said, (), f"{name.key}@{self.round.number}")

    def _own(self, symbol: Symbol) -> Symbol:
        """E itself, where there is one sample and a penalty."""
        return self.graph.symbols[self._loss] if len(self.round.samples) == 1 else symbol

    def _gradient_line(self, key: str, full: bool) -> Line:
        samples, penalty, wrt = self.round.samples, self.graph.model.penalty, self.graph.symbols[key]
        terms = [Partial(self._own(sample_symbol(self.graph, s.number)), wrt) for s in samples]
        extra = [] if penalty is None else [Partial(self.graph.symbols[penalty.key], wrt)]
        formula = self._over(terms, extra)
        known = {
            f"d{sample_symbol(self.graph, s.number).key}/d{key}": self._gradient(s, self._loss, key) for s in samples
        }
        name = Partial(batch_symbol(self.graph, numbers_of(self.round)), wrt)
        done = worked(formula, self.at, known)
        result = numeral(self.round.gradients[key], f"d{self._loss}/d{key}")
        members: list[Expr] = [name, formula, done.expr, result] if full else [name, done.expr, result]
        return Line(chain(members), (), f"d{self._loss}/d{key}@{self.round.number}", compact=not full)

    def _over(self, terms: Sequence[Expr], extra: Sequence[Expr]) -> Expr:
        """(1/n)(a + b + …), or the plain sum, and what is added once."""
        if len(terms) == 1 or over_batch(self.graph.model) == "sum":
            return add(*terms, *extra)
        mean = Product((Quotient(number(1), number(len(terms))), add(*terms)))
        return add(mean, *extra) if extra else mean

    def _gradient(self, sample: Sample, loss: str, key: str) -> Number:
        return numeral(sample.gradients[loss].get(key, Num(number(0).value)), f"d{loss}/d{key}")


def is_batch(round_: Round, model: Model) -> bool:
    """Whether the loss of a round is made of several, or of more than a sample's."""
    return model.loss is not None and not is_of_one(model, round_.samples)
